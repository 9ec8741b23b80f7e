"""An agency's file of the key holders in a real browser, against a real hub and three real holders: read, believed
only where it fits, sealed, tried, sealed anew after a renewal, and used for tokens."""

import json
import logging
import shutil

import pytest

from agencies import linknet, vault
from agencies.models import HolderFile
from agencies.roles import Permission
from agencies.scope import Actor, acting_as
from casehub import holders as hub
from referrals.linkage import oprf
from referrals.linkage.keyholder import dealing
from referrals.linkage.keyholder.client import Asker, Network
from tests.browser.chromium import Heard, faults
from tests.browser.places import signed_in
from tests.browser.test_vault_keys import PHRASE, seat
from tests.referrals.linkage.test_keyholder import serving

pytestmark = pytest.mark.browser
PAGE = "/agency/counting/"
TOKENS = """async (texts) => {
    const {opened} = await import("/static/vault/session.js");
    const {network} = await import("/static/vault/network.js");
    const found = await network(await opened());
    if (!found) return null;
    const made = await found.asker.tokens(texts.map((text) => new TextEncoder().encode(text)));
    const hex = made.map((one) => Array.from(one, (byte) => byte.toString(16).padStart(2, "0")).join(""));
    return {epoch: found.epoch, version: found.version, hex, troubles: found.asker.troubles};
}"""


@pytest.fixture(autouse=True)
def quiet(own_inbox, settings, tmp_path):
    settings.CASEHUB_KEYS = str(tmp_path / "keys")
    vault.ensure_kek()
    hub._rests.clear()
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def three(tmp_path):
    folders = dealing.begin([tmp_path / f"holder-{number}" for number in oprf.HOLDERS])
    with serving(*(one.path for one in folders)) as processes:
        yield folders, processes


def turned_on(world, folders, processes):
    office = Actor.hub(world.agency("HUB"), Permission.NETWORK_MANAGE)
    current = folders[0].current
    with acting_as(office):
        for number, process in zip(oprf.HOLDERS, processes, strict=True):
            linknet.name_holder(number, url=process.url, body=f"Body {number}")
        linknet.turn_on(current, oprf.fingerprint(folders[0].epochs()[current]))


def file_for(three, path, name="agency-a"):
    """What the holders give an agency, written to a file; as the asking side in Python has it."""
    folders, processes = three
    network = dealing.admit(folders, name, daily=10**6, urls=[one.url for one in processes])
    path.write_text(network.text())
    return network


def parts(network: Network, folder):
    """The same as three files, one of each holder."""
    paths = []
    for number, one in network.holders.items():
        path = folder / f"part-{number}.json"
        path.write_text(Network(network.agency, {number: one}, network.commitments).text())
        paths.append(path)
    return paths


class Counting:
    """The page as one person uses it."""

    def __init__(self, me):
        self.me, self.page = me, me.page

    def go(self):
        self.me.go(PAGE)
        self.page.locator("#counting[data-state]").wait_for()

    def state(self, name):
        self.page.locator(f"#counting[data-state={name}]").wait_for(timeout=20_000)

    def says(self, name):
        self.page.locator(f"[data-counting-says={name}]:visible").wait_for(timeout=20_000)

    def load(self, *paths):
        self.page.set_input_files("#holder-files", [str(path) for path in paths])

    def keep(self):
        self.page.check("[data-heard]")
        self.page.click("[data-keep]")
        self.says("kept")
        self.state("ready")

    def answers(self):
        self.page.click("[data-try]")
        self.page.wait_for_function(
            "() => ![...document.querySelectorAll('[data-answer=untried]')].some((one) => !one.hidden)"
        )
        found = self.page.locator("[data-answer]:not([hidden])")
        return [one.get_attribute("data-answer") for one in found.all()]


@pytest.fixture
def seated(lasting_world, live_server, browser, three):
    turned_on(lasting_world, *three)
    with seat(browser, live_server, lasting_world, "data_lead") as me:
        me.begin()
        counting = Counting(me)
        counting.go()
        yield lasting_world, counting


def test_the_file_is_read_compared_sealed_and_used(seated, three, tmp_path):
    world, counting = seated
    network = file_for(three, tmp_path / "file.json")
    counting.state("nofile")
    assert faults(counting.page, counting.me.heard, language="en") == []
    assert counting.page.evaluate(TOKENS, ["x"]) is None
    counting.load(tmp_path / "file.json")
    digits = counting.page.locator("[data-new-digits]")
    digits.wait_for()
    assert digits.inner_text() == oprf.fingerprint(network.commitments[1])
    counting.page.click("[data-keep]")
    counting.says("unheard")
    counting.keep()
    assert counting.answers() == ["fine"] * 3
    assert faults(counting.page, counting.me.heard, language="en") == []
    with world.acting("A"):
        kept = HolderFile.objects.get()
    assert (kept.version, kept.epoch, kept.serial) == (1, 1, 1)
    # The same tokens as the tool's, through the hub, which sees random points.
    texts = [f"N.D|1|1|{number}" for number in range(13)]
    made = counting.page.evaluate(TOKENS, texts)
    assert (made["epoch"], made["version"], made["troubles"]) == (1, 1, {})
    expected = Asker(network, 1)([text.encode() for text in texts])
    assert [bytes.fromhex(one) for one in made["hex"]] == expected
    # No secret was sent anywhere, and nothing of it lies in the database.
    secrets = [one.secret.hex() for one in network.holders.values()]
    said = "".join(counting.me.sent)
    assert not any(secret in said or secret.encode() in bytes(kept.sealed) for secret in secrets)
    storage = counting.page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert not any(secret in storage for secret in secrets)


def test_three_files_are_as_good_as_one_and_two_are_not(seated, three, tmp_path):
    _, counting = seated
    paths = parts(file_for(three, tmp_path / "file.json"), tmp_path)
    counting.state("nofile")
    counting.load(*paths[:2])
    counting.says("missing")
    counting.load(*paths)
    counting.keep()


def test_what_does_not_fit_is_not_taken(seated, three, tmp_path):
    world, counting = seated
    file_for(three, tmp_path / "theirs.json", name="agency-b")
    mine = file_for(three, tmp_path / "mine.json")
    strangers = dealing.begin([tmp_path / f"other-{number}" for number in oprf.HOLDERS])
    other = dealing.admit(strangers, "agency-a", daily=1, urls=["http://127.0.0.1:9"] * 3)
    (tmp_path / "other.json").write_text(other.text())
    mixed = parts(mine, tmp_path)
    mixed[2].write_text(Network("agency-a", {3: other.holders[3]}, other.commitments).text())
    said = json.loads(mine.text())
    said["holders"]["1"]["secret"] = "short"
    (tmp_path / "spoiled.json").write_text(json.dumps(said))
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "text.json").write_text("no file")
    counting.state("nofile")
    for path, word in {
        "theirs.json": "agency",
        "other.json": "otherkey",
        "spoiled.json": "format",
        "list.json": "format",
        "text.json": "format",
    }.items():
        counting.load(tmp_path / path)
        counting.says(word)
        assert not counting.page.locator("[data-keep]").is_visible()
    counting.load(*mixed)
    counting.says("apart")
    with world.acting("A"):
        assert not HolderFile.objects.exists()


def test_who_is_silent_and_who_lies_is_named(seated, three, tmp_path):
    _, counting = seated
    folders, processes = three
    file_for(three, tmp_path / "file.json")
    counting.state("nofile")
    counting.load(tmp_path / "file.json")
    counting.keep()
    processes[2].stop()
    assert counting.answers() == ["fine", "fine", "missing"]
    made = counting.page.evaluate(TOKENS, ["x"])
    assert len(made["hex"]) == 1
    liar = tmp_path / "liar"
    shutil.copytree(folders[1].path, liar)
    (liar / "epochs" / "0001" / "share").write_text(oprf.deal().shares[2].hex())
    with serving(liar, folders[2].path) as (lies, again):
        linknet.KeyHolder.objects.filter(number=2).update(url=lies.url)
        linknet.KeyHolder.objects.filter(number=3).update(url=again.url)
        assert counting.answers() == ["fine", "lies", "fine"]


def test_a_hub_that_names_another_key_gets_no_tokens(seated, three, tmp_path):
    """It can't have the browser ask under a key of its own: the file decides, and the page says so."""
    _, counting = seated
    file_for(three, tmp_path / "file.json")
    counting.state("nofile")
    counting.load(tmp_path / "file.json")
    counting.keep()
    linknet.LinkEpoch.objects.update(fingerprint="0123 4567 89ab cdef 0123 4567 89ab cdef")
    counting.go()
    counting.me.page.locator("#counting[data-state=otherkey]").wait_for(timeout=20_000)
    assert counting.page.evaluate(TOKENS, ["x"]) is None


def test_after_a_rotation_the_older_key_serves_until_a_new_file_comes(seated, three, tmp_path):
    world, counting = seated
    folders, _ = three
    file_for(three, tmp_path / "file.json")
    counting.state("nofile")
    counting.load(tmp_path / "file.json")
    counting.keep()
    before = counting.page.evaluate(TOKENS, ["x"])
    dealing.rotate(folders, overlap=dealing.timedelta(days=1))
    with acting_as(Actor.hub(world.agency("HUB"), Permission.NETWORK_MANAGE)):
        linknet.begin_epoch(2, oprf.fingerprint(folders[0].epochs()[2]))
    counting.go()
    counting.state("oldkey")
    assert counting.page.evaluate(TOKENS, ["x"]) == before
    file_for(three, tmp_path / "new.json")
    counting.load(tmp_path / "new.json")
    counting.keep()
    after = counting.page.evaluate(TOKENS, ["x"])
    assert after["epoch"] == 2 and after["hex"] != before["hex"]


def test_a_renewal_of_the_vaults_key_seals_the_file_anew(seated, three, tmp_path):
    world, counting = seated
    file_for(three, tmp_path / "file.json")
    counting.state("nofile")
    counting.load(tmp_path / "file.json")
    counting.keep()
    before = counting.page.evaluate(TOKENS, ["x"])["hex"]
    me = counting.me
    me.go()
    me.press("[data-keys-do=rotate]")
    with me.page.expect_response("**/vault/finish/"):
        me.type_phrase(PHRASE)
    with world.acting("A"):
        kept = HolderFile.objects.get()
    assert (kept.version, kept.serial) == (2, 2)
    with world.acting("A", "data_lead"):
        living = linknet.cardkeys._living_versions()
    assert living == [2]
    counting.go()
    counting.state("ready")
    assert counting.page.evaluate(TOKENS, ["x"])["hex"] == before


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_offices_page_in_each_of_its_states_has_no_fault(
    lasting_world, live_server, browser, three, language
):
    """Nothing named, all three agreed, on with one silent, two epochs."""
    world, (folders, processes) = lasting_world, three
    heard = Heard(live_server.url)
    context = heard.listen(browser.new_context(viewport={"width": 375, "height": 800}))
    session = signed_in(world, "coordinator").cookies["sessionid"].value
    cookies = {"sessionid": session, "django_language": language}
    context.add_cookies([{"name": n, "value": v, "url": live_server.url} for n, v in cookies.items()])
    page = context.new_page()

    def look():
        page.goto(live_server.url + "/network/counting/")
        assert faults(page, heard, language=language) == []

    look()
    with acting_as(Actor.hub(world.agency("HUB"), Permission.NETWORK_MANAGE)):
        for number, process in zip(oprf.HOLDERS, processes, strict=True):
            linknet.name_holder(number, url=process.url, body=f"Body {number}")
    look()
    turned_on(world, folders, processes)
    dealing.rotate(folders, overlap=dealing.timedelta(days=1))
    look()
    with acting_as(Actor.hub(world.agency("HUB"), Permission.NETWORK_MANAGE)):
        linknet.begin_epoch(2, oprf.fingerprint(folders[0].epochs()[2]))
    processes[1].stop()
    look()
    context.close()


def test_taken_out_there_are_no_tokens(seated, three, tmp_path):
    world, counting = seated
    file_for(three, tmp_path / "file.json")
    counting.state("nofile")
    counting.load(tmp_path / "file.json")
    counting.keep()
    counting.page.click("[data-drop]")
    counting.says("dropped")
    counting.state("nofile")
    assert counting.page.evaluate(TOKENS, ["x"]) is None
    with world.acting("A"):
        assert not HolderFile.objects.exists()
