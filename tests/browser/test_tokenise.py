"""Tokens made by a real browser, at a real hub, with three key holders that run: a card saved on its page has the
tokens that the agency's tool makes for the same person; a holder may be down or lie; no name leaves the browser. What
goes into a token stands in test_linkkeys.py, holders and proofs in test_oprf.py."""

import base64
import csv
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from agencies import linknet, vault
from agencies.scope.linking import linking
from referrals import releases
from referrals.agency_side.cli import main
from referrals.agency_side.person import card_inputs
from referrals.linkage import join, oprf
from referrals.linkage.keyholder import dealing
from referrals.linkage.keyholder.client import Asker
from tests.agencies.test_linknet import sign
from tests.attacks.identities import PEOPLE, Search
from tests.browser.chromium import faults
from tests.browser.test_cards import Office
from tests.browser.whole import Wire

pytestmark = pytest.mark.browser
NOWHERE = "http://127.0.0.1:9"
ANA = {
    "v": 1,
    "name": {"legal": "Zyxana Quibblefrond-Wexley", "used": "Zyxi"},
    "birth": "1990-03-15",
    "ids": {"ssn4": "4321"},
    "zip": "90210",
}
KEEP = """async (file) => {
    const {keepFile} = await import("/static/vault/network.js");
    const {opened} = await import("/static/vault/session.js");
    await keepFile(await opened(), 0, file);
}"""


@pytest.fixture(autouse=True)
def quiet(own_inbox):
    import logging

    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def holders(tmp_path_factory) -> Iterator[Any]:
    """Three that run, one more that lies in the first one's name, and what agency A knows of them."""
    place = tmp_path_factory.mktemp("holders")
    folders = dealing.begin([place / str(number) for number in oprf.HOLDERS])
    network = dealing.admit(folders, "agency-a", daily=10**6, urls=[NOWHERE] * 3)
    shutil.copytree(folders[0].path, place / "liar")
    (place / "liar" / "epochs" / "0001" / "share").write_text(oprf.deal().shares[1].hex())
    processes, urls = [], {}
    command = [sys.executable, "-m", "referrals.linkage.keyholder", "serve", "--port", "0"]
    try:
        for name in ("1", "2", "3", "liar"):
            process = subprocess.Popen([*command, str(place / name)], stdout=subprocess.PIPE, text=True)
            processes.append(process)
            assert process.stdout is not None
            found = re.search(r"port ([0-9]+)", process.stdout.readline())
            assert found
            urls[name] = f"http://127.0.0.1:{found[1]}"
        fingerprint = re.sub(r"(.{4})(?=.)", r"\1 ", oprf_fingerprint(network))
        yield SimpleNamespace(network=network, urls=urls, fingerprint=fingerprint)
    finally:
        for process in processes:
            process.terminate()
            process.communicate(timeout=10)


def oprf_fingerprint(network) -> str:
    import hashlib

    parts = b"".join(network.commitments[1][number] for number in oprf.HOLDERS)
    return hashlib.sha256(b"casehub-keyholders/1" + parts).hexdigest()[:32]


class Counting(Office):
    """An office at a hub whose linkage is on, with the agency's file of the holders."""

    def __init__(self, world, live_server, browser, holders):
        super().__init__(world, live_server, browser)
        self.holders = holders
        for letter in "AB":
            sign(world, letter, shares_tokens_under_release=True)
        self.at()
        with world.acting("HUB", "coordinator"):
            linknet.turn_on(1, holders.fingerprint)
        with self.desk("supervisor") as desk:
            desk.go("/day/")
            desk.unlock()
            desk.page.evaluate(KEEP, json.loads(holders.network.text()))

    def at(self, **moved):
        """Holders are where the hub asks for them; `one=NOWHERE`, or another name's address."""
        with self.world.acting("HUB", "coordinator"):
            for number, name in enumerate(("one", "two", "three"), 1):
                url = moved.get(name, self.holders.urls[str(number)])
                linknet.name_holder(number, url=url, body=f"Body {number}")
        if linknet.epochs():
            with self.world.acting("HUB", "coordinator"):
                linknet.turn_on(1, self.holders.fingerprint)

    def tokens(self, client) -> set[tuple[int, bytes]]:
        with self.world.acting("A"), linking(whole=False) as cursor:
            cursor.execute(
                "SELECT t.key, t.token FROM referrals_linktoken t JOIN referrals_linkrecord r ON"
                " r.number = t.record_id WHERE r.client_id = %s",
                [client.pk],
            )
            return {(key, bytes(token)) for key, token in cursor.fetchall()}

    def made_by_the_tool(self, card) -> set[tuple[int, bytes]]:
        there = {
            number: one._replace(url=self.holders.urls[str(number)])
            for number, one in self.holders.network.holders.items()
        }
        network = self.holders.network
        asker = Asker(type(network)(network.agency, there, network.commitments), 1)
        inputs = card_inputs(card, epoch=1)
        found = asker([text for _key, text in inputs])
        asker.close()
        return {
            (join.ORDER.index(key), vault.pepper(token, epoch=1))
            for (key, _text), token in zip(inputs, found, strict=True)
        }


@pytest.fixture
def office(lasting_world, live_server, browser, holders):
    return Counting(lasting_world, live_server, browser, holders)


def wait_for(desk, what, *, seconds=30):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "never came"
        desk.page.wait_for_timeout(100)
    return found


def write(desk, client):
    desk.card_page(client)
    for field, value in (
        ("Legal name", ANA["name"]["legal"]),
        ("Name used", ANA["name"]["used"]),
        ("Birth date", ANA["birth"]),
        ("Last four of the Social Security number", ANA["ids"]["ssn4"]),
        ("ZIP code of the last address of their own", ANA["zip"]),
    ):
        desk.page.get_by_label(field, exact=False).fill(value)
    desk.save()
    desk.page.wait_for_selector("[data-card-header][data-card-state='open']")


def says(desk, word):
    desk.page.wait_for_selector(f"[data-tokens-says='{word}']:visible", timeout=30_000)


def sent_anything_of_ana(desk) -> list[str]:
    words = ("zyxana", "quibble", "wexley", "zyxi", "1990-03-15", "19900315", "4321", "90210")
    raw = "\n".join(desk.sent).lower()
    plain = [word for word in words[:6] if word in raw]
    kept = desk.page.evaluate(
        "JSON.stringify([{...sessionStorage}, {...localStorage}, document.title, location.href])"
    )
    encoded = [
        word for word in words[:4] if base64.b64encode(word.encode()).decode().rstrip("=")[:-1].lower() in raw
    ]
    return plain + encoded + [word for word in words[:6] if word in kept.lower()]


def test_a_card_saved_in_the_browser_has_the_tokens_that_the_tool_makes(office):
    client = office.world.client("A", "KH-2214")
    office.world.release(client)
    with office.desk() as desk:
        desk.header(client, "locked")
        desk.unlock()
        write(desk, client)
        found = wait_for(desk, lambda: office.tokens(client))
        assert found == office.made_by_the_tool(ANA) and len(found) > 16
        assert sent_anything_of_ana(desk) == []
        assert any("/tokens/wanted/" in one for one in desk.sent) and any(
            "/holder/" in one for one in desk.sent
        )
        assert desk.page.locator("[data-tokens-says]:visible").count() == 0
        # Changed, and made anew at once.
        desk.card_page(client)
        desk.page.get_by_label("Birth date").fill("1990-03-16")
        desk.save()
        wait_for(
            desk, lambda: office.tokens(client) == office.made_by_the_tool({**ANA, "birth": "1990-03-16"})
        )


def test_nobody_is_asked_for_who_has_no_release(office):
    client = office.world.client("A", "KH-2214")
    office.world.release(client, to="B")
    with office.desk() as desk:
        desk.header(client, "locked")
        desk.unlock()
        write(desk, client)
        wait_for(desk, lambda: any("/tokens/wanted/" in one for one in desk.sent))
        desk.page.wait_for_timeout(1_000)
        assert office.tokens(client) == set()
        assert not [one for one in desk.sent if "/holder/" in one or one.endswith("/tokens/")]


def test_with_one_holder_down_there_are_the_same_tokens(office):
    client = office.world.client("A", "KH-2214")
    office.world.release(client)
    office.at(two=NOWHERE)
    with office.desk(complains=True) as desk:
        desk.header(client, "locked")
        desk.unlock()
        write(desk, client)
        assert wait_for(desk, lambda: office.tokens(client)) == office.made_by_the_tool(ANA)


def test_with_two_down_the_card_is_saved_and_tokens_follow(office):
    client = office.world.client("A", "KH-2214")
    office.world.release(client)
    office.at(one=NOWHERE, three=NOWHERE)
    with office.desk(complains=True) as desk:
        desk.header(client, "locked")
        desk.unlock()
        write(desk, client)
        says(desk, "later")
        assert office.tokens(client) == set() and "will follow" in desk.page.locator("footer").inner_text()
        office.at()
        desk.page.evaluate("sessionStorage.removeItem('casehub-tokens-next')")
        desk.header(client)
        assert wait_for(desk, lambda: office.tokens(client)) == office.made_by_the_tool(ANA)


def test_a_holder_that_lies_is_named_and_not_believed(office):
    client = office.world.client("A", "KH-2214")
    office.world.release(client)
    # The third is down, so the liar is asked.
    office.at(one=office.holders.urls["liar"], three=NOWHERE)
    with office.desk(complains=True) as desk:
        desk.header(client, "locked")
        desk.unlock()
        write(desk, client)
        says(desk, "lies")
        assert desk.page.locator("[data-tokens-holders]").text_content() == "1"
        assert office.tokens(client) == set()


def test_a_page_that_is_left_open_asks_once(office):
    with office.desk() as desk:
        desk.go("/day/")
        desk.unlock()
        wait_for(desk, lambda: [one for one in desk.sent if "/tokens/wanted/" in one])
        desk.go("/clients/")
        desk.page.wait_for_timeout(3_000)
        assert len([one for one in desk.sent if "/tokens/wanted/" in one]) == 1


# The page that takes the tool's file


def tool(folder, office, *people):
    """A file of tokens as the tool makes it, of those on the list that lies beside."""
    file = folder / "people.csv"
    with file.open("w", newline="") as sheet:
        csv.writer(sheet).writerows([("Code", "First name", "Last name", "DOB"), *people])
    network = json.loads(office.holders.network.text())
    for number, one in network["holders"].items():
        one["url"] = office.holders.urls[number]
    (folder / "holders.json").write_text(json.dumps(network))
    arguments = ["tokens", file, folder / "out.tokens", "--code", "Code",
                 "--wanted", folder / "wanted.json", "--holders", folder / "holders.json"]  # fmt: skip
    assert main([str(one) for one in arguments]) == 0
    return folder / "out.tokens"


@contextmanager
def upload(office, folder):
    with office.desk("data_lead", complains=True, accept_downloads=True) as desk:
        desk.go("/imports/tokens/")
        with desk.page.expect_download() as download:
            desk.page.get_by_role("link", name="Download wanted.json").click()
        download.value.save_as(folder / "wanted.json")
        yield desk


def bring(desk, path, state="done"):
    desk.page.set_input_files("#tokens_file", path)
    desk.page.get_by_role("button", name="Bring the tokens in").click()
    desk.page.wait_for_selector(f"[data-tokens-in][data-state='{state}']")
    return [desk.page.locator(f"[data-part='n-{name}']").text_content() for name in ("taken", "refused")]


def test_the_tools_file_is_brought_in_by_its_page(office, tmp_path):
    clients = {code: office.world.client("A", code) for code in ("KH-1", "KH-2", "KH-3")}
    for code in ("KH-1", "KH-2"):
        office.world.release(clients[code])
    people = [(code, "Zyxana", f"Quibble{code[-1] * 3}a", f"1990-03-1{code[-1]}") for code in clients]
    with upload(office, tmp_path) as desk:
        path = tool(tmp_path, office, *people)
        with office.world.acting("A"):
            releases.revoke(release=releases.to_count(clients["KH-2"]), how="orally")
        assert bring(desk, path) == ["1", "1"]
        (said,) = desk.page.locator("[data-part=refused] li").all_inner_texts()
        assert "no release" in said and not [row for row in people if row[2] in said]
        assert faults(desk.page, desk.heard, language="en") == []
        card = {"name": {"legal": f"Zyxana {people[0][2]}"}, "birth": people[0][3]}
        assert office.tokens(clients["KH-1"]) == office.made_by_the_tool(card)
        assert office.tokens(clients["KH-2"]) == office.tokens(clients["KH-3"]) == set()
        assert not [one for one in desk.sent if "uibble" in one]


def test_a_file_that_does_not_fit_is_refused_whole_and_what_breaks_off_goes_on(office, tmp_path):
    clients = [office.world.client("A", f"KH-{number}") for number in range(3)]
    for client in clients:
        office.world.release(client)
    with upload(office, tmp_path) as desk:
        path = tool(
            tmp_path, office, *((f"KH-{n}", "Ana", f"Wexley{'xyz'[n]}", "1990-03-15") for n in range(3))
        )
        whole = path.read_text()
        first, *rest = whole.splitlines()
        for word, text in (
            ("format", "no file"),
            ("agency", whole.replace('"agency-a"', '"agency-b"', 1)),
            ("epoch", whole.replace('"epoch": 1', '"epoch": 2', 1)),
            ("cut", "\n".join([first, *rest[:-1]])),
        ):
            path.write_text(text)
            bring(desk, path, "ready")
            desk.page.wait_for_selector(f"[data-says={word}]:visible")
        assert faults(desk.page, desk.heard, language="en") == []
        path.write_text("\n".join([first, *rest[:2], '{"client": "x"}']))
        assert bring(desk, path) == ["2", "1"]
        path.write_text(whole)
        desk.page.route("**/imports/tokens/lines/", lambda route: route.abort())
        bring(desk, path, "ready")
        desk.page.wait_for_selector("[data-says=failed]:visible")
        desk.page.unroute("**/imports/tokens/lines/")
        assert bring(desk, path) == ["3", "0"] and all(map(office.tokens, clients))


# What leaves the browser, byte by byte

SAVE = """async (cards) => {
    const {saveCard} = await import("/static/vault/store.js");
    const {opened} = await import("/static/vault/session.js");
    for (const {client, card} of cards) await saveCard(await opened(), {client, revision: 0}, card);
    (await import("/static/vault/tokenise.js")).askSoon();
}"""
BETRAY = """(name) => fetch("/tokens/wanted/", {method: "POST", body: name})"""


def test_no_name_leaves_the_browser(office, tmp_path):
    search, folder = Search(tmp_path), tmp_path / "wire"
    folder.mkdir()
    people = PEOPLE[100:112]
    clients = [office.world.client("A", f"KH-{one.number}") for one in people]
    for client in clients:
        office.world.release(client)
    hub = office.home
    with closing(Wire(folder, urlsplit(hub).port)) as wire:
        office.home = f"http://localhost:{wire.port}"
        with office.desk(complains=True) as desk:
            desk.go("/day/")
            desk.unlock()
            cards = [
                {"client": str(client.pk), "card": one.card()}
                for client, one in zip(clients, people, strict=True)
            ]
            desk.page.evaluate(SAVE, cards)
            desk.go("/day/")
            wait_for(desk, lambda: all(map(office.tokens, clients)))
            assert office.tokens(clients[3]) == office.made_by_the_tool(people[3].card())
            sent = wire.sent()
            assert sent.count(b"POST /holder/") >= 6 and sent.count(b"POST /tokens/ ") >= 3
            assert search.inside(folder) == {}
            kept = desk.page.evaluate(
                "JSON.stringify([{...sessionStorage}, {...localStorage}, location.href])"
            )
            assert search.said(kept, *desk.sent) == {}
            # The search bites.
            desk.page.evaluate(BETRAY, people[5].name)
            assert search.inside(folder).keys() == {people[5]}
