"""The agency-side tool's sealed cards brought in by the page: the real tool over a real vault.json, the real hub and
a real browser. What the hub refuses by itself stands in tests/referrals/web/test_bulkcards.py."""

import base64
import csv
import json
import logging
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from agencies import jobs
from agencies.actions import grant_role
from agencies.scope import Actor, acting_as
from referrals import actions, queries
from referrals.agency_side.cards import seal_sheet
from referrals.agency_side.vaultbox import Vault, to_text
from referrals.models import Client, ContactCard
from referrals.web.cards import sealed_card
from tests.browser.chromium import faults
from tests.browser.test_vault_keys import PHRASE, seat
from tests.referrals.agency_side.exports import clean, rows, write
from tests.referrals.exchange.test_imports_page import run_the_job, send

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
PAGE = "/imports/cards/"
NUMBERS = ("new", "added", "same", "conflicts", "missing", "broken")


@pytest.fixture(autouse=True)
def quiet(own_inbox, monkeypatch):
    monkeypatch.setattr(jobs, "publish", lambda reference, job_id: True)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def tool(*arguments):
    """The real tool, as a person runs it; the passphrase is typed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "referrals.agency_side", *map(str, arguments)],
        input=f"{PHRASE}\n",
        capture_output=True,
        text=True,
        cwd=ROOT,
        start_new_session=True,  # no terminal, so that it is read from here
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Desk:
    """A data lead whose vault is open, at the page that takes cards in."""

    def __init__(self, seat, world, folder):
        self.seat, self.page, self.world, self.folder = seat, seat.page, world, folder
        seat.page.context.on("request", lambda one: seat.sent.append(one.url))
        seat.begin()

    def vault_json(self):
        with self.page.expect_download() as download:
            self.page.get_by_text("Download vault.json").click()
        path = self.folder / "vault.json"
        download.value.save_as(path)
        return path

    def vault(self, **changed):
        """The same vault in Python, for files that no tool would make."""
        key = base64.b64decode(self.seat.keys()[0])
        with self.world.acting("A", "data_lead") as actor:
            return Vault(changed.get("agency", str(actor.agency_id)), {changed.get("version", 1): key})

    def go(self):
        self.seat.go(PAGE)
        self.state("ready")

    def state(self, name):
        self.page.locator(f"[data-bulk-state={name}]").wait_for(timeout=60_000)

    def bring(self, path, ends="done"):
        self.page.set_input_files("#sealed_file", path)
        self.page.get_by_role("button", name="Bring the cards in").click()
        if ends:
            self.state(ends)
        return self.numbers()

    def numbers(self):
        found = {
            name: int(self.page.locator(f"[data-bulk-part=n-{name}]").text_content()) for name in NUMBERS
        }
        return {name: number for name, number in found.items() if number}

    def says(self, word):
        self.page.locator(f"[data-bulk-says={word}]:visible").wait_for(timeout=20_000)
        return self.page.locator(f"[data-bulk-says={word}]").inner_text()

    def listed(self, name):
        return self.page.locator(f"[data-bulk-part={name}] li").all_inner_texts()

    def cards(self):
        """Revisions by client, as the hub has them."""
        with self.world.acting("A", "data_lead"):
            return dict(ContactCard.objects.values_list("client_id", "revision"))

    def sheet(self, people, name="cards.sealed", **changed):
        """(code, first name, last name, birth date) sealed by the tool's own code."""
        path = self.folder / "people.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("Code", "First name", "Last name", "DOB"), *people])
        seal_sheet(path, self.folder / name, self.vault(**changed), code_column="Code")
        return self.folder / name


@pytest.fixture
def desk(lasting_world, live_server, browser, tmp_path):
    with seat(browser, live_server, lasting_world, "data_lead") as person:
        yield Desk(person, lasting_world, tmp_path)


def an_export(people):
    """An HMIS export of one organization with these people: PersonalID to (first, last, birth date)."""
    export = clean()
    person = {"NameDataQuality": "1", "SSNDataQuality": "1", "DOBDataQuality": "1", "White": "1", "Sex": "0"}
    export["Client"] = rows("Client", *(
        {**person, "PersonalID": key, "FirstName": first, "LastName": last, "DOB": born, "SSN": f"90155{at:04}"}
        for at, (key, (first, last, born)) in enumerate(people.items(), 1001)
    ))  # fmt: skip
    stay = {"RelationshipToHoH": "1", "LivingSituation": "116", "ProjectID": "J1", "EntryDate": "2025-03-01"}
    export["Enrollment"] = rows("Enrollment", *(
        {**stay, "EnrollmentID": f"N{key}", "PersonalID": key, "HouseholdID": f"H{key}"} for key in people
    ))  # fmt: skip
    for name in ("Exit", "Services", "Event", "AssessmentQuestions", "CurrentLivingSituation"):
        export[name] = []
    return export


def test_300_names_from_an_hmis_export_are_found_again_and_stand_in_no_request(desk):
    people = {
        f"P{n}": (f"Zq{secrets.token_hex(4)}", f"Wx{secrets.token_hex(4)}", f"1990-01-{n % 28 + 1:02}")
        for n in range(300)
    }
    source = write(desk.folder / "export.zip", an_export(people))
    key = desk.folder / "house.key"
    key.write_text(f"casehub-agency-key/1\n{secrets.token_hex(32)}\n")
    key.chmod(0o600)
    bundle = desk.folder / "house.zip"
    tool("hmis", source, bundle, "--org", "O1", "--key", key)
    send(desk.world.browser("A", "data_lead"), bundle.read_bytes())
    run_the_job(desk.world, "A")
    sealed = desk.folder / "cards.sealed"
    said = tool("cards", source, sealed, "--org", "O1", "--key", key, "--vault", desk.vault_json())
    assert said.startswith("300 cards sealed")
    desk.go()
    assert desk.bring(sealed) == {"new": 300}
    assert set(desk.cards().values()) == {1} and len(desk.cards()) == 300
    # The same file once more: nothing is written.
    assert desk.bring(sealed) == {"same": 300}
    assert set(desk.cards().values()) == {1}
    desk.seat.go("/clients/")
    first, last, _born = people["P217"]
    desk.page.get_by_label("Search by name, birth date or phone").fill(f"{first} {last}")
    found = desk.page.locator("[data-card-search] li a")
    found.wait_for()
    assert found.inner_text() == f"{first} {last}"
    found.click()
    desk.page.wait_for_selector("[data-card-header][data-card-state='open']")
    assert desk.page.locator("h1").inner_text() == f"{first} {last}"
    sent = "".join(desk.seat.sent)
    planted = [name for person in people.values() for name in person[:2]]
    assert "/cards/save-many/" in sent and [one for one in planted if one in sent] == []
    assert sealed.read_text().splitlines()[7][-200:] not in sent  # nor is the file itself
    assert desk.seat.heard.out() == []
    # `join` takes the hub's stream of the same cards.
    stream = desk.world.browser("A", "data_lead").post("/cards/all/", {}, content_type="application/json")
    (desk.folder / "cards.bin").write_bytes(stream.content)
    with acting_as(Actor.of(desk.world.person("A", "data_lead"), desk.world.agency("A"))):
        ids = [str(one) for one in Client.objects.values_list("pk", flat=True)]
    (desk.folder / "rows.csv").write_text("Client\n" + "\n".join(ids) + "\n")
    args = ("--vault", desk.folder / "vault.json", "--cards", desk.folder / "cards.bin", "--by", "Client")
    said = tool("join", desk.folder / "rows.csv", desk.folder / "named.csv", *args)
    assert said.startswith("300 of 300 rows have a card")
    named = (desk.folder / "named.csv").read_text()
    assert all(f"{first} {last}" in named and born in named for first, last, born in people.values())


def test_a_sheet_of_codes_adds_to_what_stands_and_changes_none_of_it(desk):
    clients = [desk.world.client("A", f"KH-{n}") for n in range(5)]
    people = [(f"KH-{n}", f"Linnet{n}", "Marsh", f"1990-02-0{n + 1}") for n in range(4)]
    sealed = desk.folder / "cards.sealed"
    with (desk.folder / "people.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("Code", "First name", "Last name", "DOB"), *people, ("KH-9", "No", "One", "")]
        )
    vault_json = desk.vault_json()
    tool("cards", desk.folder / "people.csv", sealed, "--code", "Code", "--vault", vault_json)
    # Two have a card already: one with more and other facts, one that says the same.
    for client, fields in (
        (clients[1], {"Legal name": "Linnet Fern", "Pronouns": "she"}),
        (clients[2], {"Legal name": "Linnet2 Marsh", "Birth date": "1990-02-03", "Code word": "lamps"}),
    ):
        write_card(desk, client, fields)
    desk.go()
    assert desk.bring(sealed) == {"new": 2, "added": 2, "conflicts": 1, "missing": 1}
    assert desk.listed("missing") == ["Line 6\nKH-9"]
    (conflict,) = desk.listed("conflicts")
    assert conflict == "Legal name (line 3)\nOn the card: Linnet Fern. In the file: Linnet1 Marsh."
    assert faults(desk.page, desk.seat.heard, language="en", secrets=frozenset({"Linnet"})) == []
    assert desk.cards()[clients[1].pk] == 2
    # Opened again by the page of one client.
    card = read_card(desk, clients[1])
    assert card["name"] == {"legal": "Linnet Fern"} and card["birth"] == "1990-02-02"
    assert card["pronouns"] == "she" and card["by"] == str(desk.seat.user.pk)
    card = read_card(desk, clients[2])
    assert card["name"] == {"legal": "Linnet2 Marsh", "parts": {"first": "Linnet2", "last": "Marsh"}}
    assert card["code_word"] == "lamps"
    desk.go()
    assert desk.bring(sealed) == {"same": 4, "conflicts": 1, "missing": 1}
    sent = "".join(desk.seat.sent)
    assert "KH-9" in sent and not any("KH-" in one for one in desk.seat.sent if one.startswith("http"))
    desk.page.evaluate("async () => (await import('/static/vault/session.js')).lock()")
    desk.state("locked")
    assert "Linnet" not in desk.page.content()


READ = """async (client) => {
    const { opened } = await import("/static/vault/session.js");
    const { openCards } = await import("/static/vault/store.js");
    return (await openCards(await opened(), [client])).get(client).card;
}"""
WRITE = """async ([client, card]) => {
    const { opened } = await import("/static/vault/session.js");
    const { sealed } = await import("/static/vault/store.js");
    return sealed(await opened(), { client, revision: 0 }, card);
}"""
PATHS = {
    "Legal name": ("name", "legal"),
    "Birth date": ("birth",),
    "Pronouns": ("pronouns",),
    "Code word": ("code_word",),
}


def read_card(desk, client):
    return desk.page.evaluate(READ, str(client.pk))


def write_card(desk, client, fields, seal_as=None):
    """A card as it stands before: sealed by the browser's own code, kept by a caseworker who holds its key."""
    card = {"v": 1}
    for label, value in fields.items():
        *groups, last = PATHS[label]
        place = card
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = value
    said = desk.page.evaluate(WRITE, [str((seal_as or client).pk), card])
    grant_role(desk.seat.user, desk.world.agency("A"), "caseworker")
    with desk.world.acting("A", "data_lead"):
        actions.save_card(client=client, card=sealed_card(said))


def lines_of(path):
    return path.read_text().splitlines(keepends=True)


def spoil(desk, sealed, how):
    lines = lines_of(sealed)
    if how == "changed":
        one = json.loads(lines[2])
        at = len(one["box"]) // 2
        one["box"] = one["box"][:at] + ("A" if one["box"][at] != "A" else "B") + one["box"][at + 1 :]
        lines[2] = json.dumps(one) + "\n"
    if how == "swapped":
        one, two = json.loads(lines[2]), json.loads(lines[3])
        one["code"], two["code"] = two["code"], one["code"]
        lines[2:4] = [json.dumps(one) + "\n", json.dumps(two) + "\n"]
    if how == "no JSON":
        lines[2] = lines[2][:40] + "\n"
    if how == "cut between lines":
        lines = lines[:-2]
    if how == "cut in a line":
        lines[-1] = lines[-1][:60]
    if how == "one too many":
        lines.append(lines[-1])
    if how == "empty":
        lines = []
    sealed.write_text("".join(lines))
    if how == "binary":
        sealed.write_bytes(secrets.token_bytes(300_000))


def five_people(desk, prefix="KH"):
    for n in range(5):
        desk.world.client("A", f"{prefix}-{n}")
    return [(f"{prefix}-{n}", f"Linnet{n}", "Marsh", "") for n in range(5)]


@pytest.fixture
def five(desk):
    return five_people(desk)


TOUCHED = {
    "changed": ({"new": 4, "broken": 1}, ["Line 3"]),
    "swapped": ({"new": 3, "broken": 2}, ["Line 3", "Line 4"]),
    "no JSON": ({"new": 4, "broken": 1}, ["Line 3"]),
    "whole": ({"new": 5}, []),
}


def test_a_line_that_was_touched_is_named_and_the_others_come_in(desk):
    files = {how: desk.sheet(five_people(desk, how.upper()), how) for how in TOUCHED}
    for how, (numbers, broken) in TOUCHED.items():
        spoil(desk, files[how], how)
        before = len(desk.cards())
        desk.go()
        assert desk.bring(files[how]) == numbers, how
        assert [one.split("\n")[0] for one in desk.listed("broken")] == broken
        assert len(desk.cards()) == before + numbers["new"]


REFUSED = {
    "cut between lines": ("cut", "should hold 5 cards"),
    "cut in a line": ("cut", "not whole"),
    "one too many": ("cut", "6 lines were found"),
    "empty": ("format", "not a file of sealed cards"),
    "binary": ("format", "not a file of sealed cards"),
    "another agency's": ("agency", "another agency"),
    "a newer key's": ("newkey", "version 7"),
    "an older key's": ("oldkey", "version 0"),
}


def test_a_file_that_is_not_whole_or_not_for_this_key_is_refused_whole_in_words(desk, five):
    made = {
        "another agency's": {"agency": "0c9a77de-51b2-4f0e-8d3a-9b6e12f4c502"},
        "a newer key's": {"version": 7},
        "an older key's": {"version": 0},
    }
    files = {how: desk.sheet(five, how, **made.get(how, {})) for how in REFUSED}
    for how, (word, said) in REFUSED.items():
        spoil(desk, files[how], how)
        desk.go()
        desk.bring(files[how], ends=None)
        says = desk.says(word)
        assert said in says and "Nothing was brought in." in says, how
    assert desk.cards() == {}
    assert "/cards/whose/" not in "".join(desk.seat.sent)


def clients_of_a_file(desk, count):
    """Clients of an import, and the file of their cards."""
    with desk.world.acting("A"):
        Client.objects.bulk_create(
            Client(agency=desk.world.agency("A"), source_key=f"{n:032x}") for n in range(count)
        )
    path = desk.folder / "cards.sealed"
    seal_sources(desk.vault(), path, count)
    return path


def test_a_page_closed_in_the_middle_loses_nothing_and_doubles_nothing(desk):
    sealed, answered = clients_of_a_file(desk, 500), []

    def unheard(route):
        answer = route.fetch()
        answered.append(answer)
        if len(answered) == 1:
            route.fulfill(response=answer)
        # Of the second batch the hub has all, and the page never hears of it.

    desk.go()
    desk.page.route("**/cards/save-many/", unheard)
    desk.bring(sealed, ends=None)
    while len(answered) < 2:
        desk.page.wait_for_timeout(50)
    context = desk.page.context
    desk.page.close()
    assert set(desk.cards().values()) == {1} and len(desk.cards()) == 400
    # Another tab: locked, opened again, the same file.
    desk.page = desk.seat.page = context.new_page()
    desk.seat.go(PAGE)
    desk.state("locked")
    desk.page.locator("[data-bulk] [data-vault-open]").click()
    desk.seat.type_phrase()
    desk.state("ready")
    assert desk.bring(sealed) == {"new": 100, "same": 400}
    assert set(desk.cards().values()) == {1} and len(desk.cards()) == 500


def test_it_stops_goes_on_and_survives_a_lock_and_a_hub_out_of_reach(desk):
    sealed, asked = clients_of_a_file(desk, 700), []

    def route(route):
        asked.append(route)
        if len(asked) == 1:
            desk.page.locator("[data-bulk-part=stop]").evaluate("button => button.click()")
        if len(asked) == 2:
            return route.abort("connectionrefused")
        if len(asked) == 4:
            desk.page.evaluate("async () => (await import('/static/vault/session.js')).lock()")
        return route.continue_()

    desk.go()
    desk.page.route("**/cards/save-many/", route)
    assert desk.bring(sealed, ends="stopped") == {"new": 200}
    assert desk.page.evaluate("document.activeElement.textContent") == "Go on"
    desk.page.get_by_role("button", name="Go on").click()
    assert "goes on where it was" in desk.says("offline")
    assert len(desk.cards()) == 200
    desk.seat.heard.out()  # the browser's own line about the hub
    desk.page.get_by_role("button", name="Go on").click()
    desk.says("midway")
    desk.state("locked")
    desk.page.locator("[data-bulk] [data-vault-open]").click()
    desk.seat.type_phrase()
    desk.state("ready")
    found = desk.bring(sealed)
    assert found["new"] + found["same"] == 700
    assert set(desk.cards().values()) == {1} and len(desk.cards()) == 700
    assert desk.seat.heard.out() == []


def test_a_card_saved_meanwhile_is_added_to_and_one_that_does_not_open_is_left(desk, five):
    sealed = desk.sheet(five)
    with desk.world.acting("A"):
        one, two = (queries.client_by_code(code) for code in ("KH-1", "KH-2"))
    desk.go()
    raced = []

    def race(route):
        if not raced:
            raced.append(write_card(desk, one, {"Pronouns": "she"}))
        route.continue_()

    desk.page.route("**/cards/save-many/", race)
    write_card(desk, two, {"Code word": "lamps"}, seal_as=one)
    assert desk.bring(sealed) == {"new": 3, "added": 1, "broken": 1}
    assert read_card(desk, one) == {
        "v": 1,
        "name": {"legal": "Linnet1 Marsh", "parts": {"first": "Linnet1", "last": "Marsh"}},
        "pronouns": "she",
        "by": str(desk.seat.user.pk),
    }
    (broken,) = desk.listed("broken")
    assert "was left as it is" in broken and desk.cards()[two.pk] == 1


def test_a_hub_that_leaves_out_a_card_this_tab_has_seen_gets_none_in_its_place(desk, five):
    sealed = desk.sheet(five)
    desk.go()
    desk.bring(sealed)

    def lie(route):
        answer = route.fetch()
        said = answer.json()
        for one in said["clients"]:
            one["revision"] = 0
        route.fulfill(response=answer, json=said)

    desk.page.route("**/cards/whose/", lie)
    assert desk.bring(sealed) == {"broken": 5}
    # Sabotage: a tab that has seen none would write, and only the hub's own word stands against it.
    desk.page.evaluate("sessionStorage.removeItem('casehub-vault-seen')")
    desk.go()
    desk.page.locator("#sealed_file").wait_for()
    desk.bring(sealed, ends=None)
    desk.says("failed")
    assert set(desk.cards().values()) == {1}


def test_two_lines_of_one_client_come_one_after_the_other(desk, five):
    sealed = desk.sheet([*five, ("kh-3", "Linnet3", "Fern", "1990-02-03")])
    desk.go()
    assert desk.bring(sealed) == {"new": 5, "added": 1, "conflicts": 1}


def test_what_the_page_says_before_a_file_can_be_chosen(lasting_world, live_server, browser, tmp_path):
    with seat(browser, live_server, lasting_world, "supervisor") as person:
        person.go(PAGE)
        person.page.locator("[data-bulk-state=nobody]").wait_for()
        assert not person.page.locator("#sealed_file").is_visible()
        assert faults(person.page, person.heard, language="en") == []
    context = browser.new_context(java_script_enabled=False)
    session = lasting_world.browser("A", "supervisor").cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url + PAGE)
    assert "does not run here" in page.inner_text("main")
    assert not page.locator("#sealed_file").is_visible()
    context.close()


def test_each_state_of_the_page_is_without_fault(desk, five):
    sealed = desk.sheet([*five, ("KH-77", "No", "One", "")])
    spoil(desk, sealed, "changed")
    look = [("ready", lambda: desk.go()), ("done", lambda: desk.bring(sealed))]
    look += [
        ("locked", lambda: desk.page.evaluate("import('/static/vault/session.js').then((one) => one.lock())"))
    ]
    for state, act in look:
        act()
        desk.state(state)
        if shots := os.environ.get("CASEHUB_SCREENSHOTS"):
            for width in (1280, 320):
                desk.page.set_viewport_size({"width": width, "height": 900})
                desk.page.screenshot(path=f"{shots}/bulk-{state}-{width}.png", full_page=True)
        assert faults(desk.page, desk.seat.heard, language="en", secrets=frozenset({"Linnet"})) == []


def seal_sources(vault, path, count):
    with path.open("w") as file:
        head = {"format": "casehub-cards/1", "agency": vault.agency, "version": vault.version, "cards": count}
        file.write(json.dumps(head) + "\n")
        for n in range(count):
            key = f"{n:032x}"
            box = vault.seal("bulk_card", {"source": key}, {"v": 1, "name": {"legal": f"Linnet Number{n}"}})
            file.write(json.dumps({"source": key, "code": "", "box": to_text(box)}) + "\n")
