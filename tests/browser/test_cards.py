"""Contact cards in a real browser: written, edited by two, searched, shut; broken ones said loudly; nothing of who a
client is in any request. The vault is opened as session.js keeps it, by keys made here; how keys are handed out and
opened belongs to the tests of the vault's pages."""

import base64
import json
import logging
import secrets
import time
from contextlib import contextmanager

import pytest
from django.urls import reverse

from agencies import vault
from agencies.models import KeyWrap, MemberKey, VaultKey
from agencies.scope import acting_as
from referrals import actions
from referrals.models import Client, ContactCard
from tests.browser.chromium import Heard, faults

pytestmark = pytest.mark.browser
SESSION_COOKIE = "sessionid"
# Opens the vault in the tab as a passkey would: the raw key goes where session.js keeps it, sealed.
UNLOCK = """async ([key, version]) => {
    const session = await import("/static/vault/session.js");
    await session.keep([{version, key: Uint8Array.from(key)}], null);
}"""
SEAL = """async ([key, agency, client, revision, savedAt, card, version]) => {
    const {openVault} = await import("/static/vault/keys.js");
    const {toBase64url} = await import("/static/vault/box.js");
    const vault = await openVault({agency, keys: [{version, key: Uint8Array.from(key)}]});
    return toBase64url(await vault.sealCard({client, revision, savedAt}, card));
}"""


@pytest.fixture(autouse=True)
def quiet(own_inbox):
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Desk:
    """A signed-in person at a browser of their own, with the agency's key at hand."""

    def __init__(self, page, home, key, heard):
        self.page, self.home, self.key, self.heard = page, home, key, heard
        self.sent = []
        page.context.on("request", lambda request: self.sent.append(request.url + (request.post_data or "")))

    def go(self, path):
        self.page.goto(self.home + path)

    def unlock(self):
        self.page.evaluate(UNLOCK, [list(self.key), 1])

    def lock(self):
        self.page.evaluate("async () => (await import('/static/vault/session.js')).lock()")

    def card_page(self, client):
        self.go(reverse("referrals:card", args=[client.pk]))
        self.page.wait_for_selector("form[data-card-state='open'], form[data-card-state='restored']")

    def save(self):
        self.page.get_by_role("button", name="Seal and save").click()

    def header(self, client, state="open"):
        self.go(reverse("referrals:client", args=[client.pk]))
        self.page.wait_for_selector(f"[data-card-header][data-card-state='{state}']")


class Office:
    def __init__(self, world, live_server, browser):
        self.world, self.home, self.browser = world, live_server.url, browser
        self.key = secrets.token_bytes(32)
        world.agency("A")
        with world.acting("A", "supervisor") as actor:
            self.agency = actor.agency_id
            VaultKey.objects.create(
                agency_id=self.agency,
                version=1,
                book_sealed=b"b",
                handover_public=b"p" * 32,
                handover_sealed=b"h",
            )

    @contextmanager
    def desk(self, role="caseworker", complains=False, **options):
        user = self.world.person("A", role)
        with self.world.acting("A", role):
            mine = {"agency_id": self.agency, "user": user, "ended_at": None}
            member, _made = MemberKey.objects.get_or_create(
                **mine, defaults={"public_key": secrets.token_bytes(32)}
            )
            KeyWrap.objects.get_or_create(
                agency_id=self.agency,
                version=1,
                member=member,
                defaults={"sender": member, "wrapped": b"w", "tag": b"t"},
            )
        cookie = self.world.browser("A", role).cookies[SESSION_COOKIE].value
        heard = Heard(self.home)
        context = heard.listen(self.browser.new_context(viewport={"width": 1280, "height": 900}, **options))
        context.add_cookies([{"name": SESSION_COOKIE, "value": cookie, "url": self.home}])
        yield Desk(context.new_page(), self.home, self.key, heard)
        context.close()
        if not complains:
            assert heard.out() == []

    def put(self, desk, client, card, *, revision=1, seal_as=None, **changed):
        """A card as the browser's own code seals it, laid into the table."""
        saved_at = int(time.time())
        if desk.page.url == "about:blank":
            desk.go("/day/")
        where = {"client": str(client.pk), "revision": revision, "saved_at": saved_at, **(seal_as or {})}
        sealed = desk.page.evaluate(
            SEAL,
            [
                list(self.key),
                str(self.agency),
                where["client"],
                where["revision"],
                where["saved_at"],
                card,
                1,
            ],
        )
        bytes_sealed = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        where = {"agency": self.agency, "place": ContactCard.PLACE, "row": client.pk, "subject": client.pk}
        facts = {
            "sealed_e2e": vault.seal(bytes_sealed, **where),
            "key_version": 1,
            "revision": revision,
            "saved_at": saved_at,
            **changed,
        }
        with self.world.acting("A"):
            ContactCard.objects.create(agency_id=self.agency, client=client, **facts)


@pytest.fixture
def office(lasting_world, live_server, browser):
    return Office(lasting_world, live_server, browser)


def test_a_card_is_written_shown_edited_and_shut(office):
    client = office.world.client("A", "KH-2214")
    with office.desk() as desk:
        desk.header(client, "locked")
        assert desk.page.locator("h1").inner_text() == "KH-2214"
        desk.unlock()
        desk.page.wait_for_selector("[data-card-state='none']")
        desk.page.get_by_role("link", name="Add the contact card").click()
        page = desk.page
        page.wait_for_selector("form[data-card-state='open']")
        page.get_by_label("Name used").fill("Linnet Marsh")
        page.get_by_role("button", name="Add another name").click()
        page.get_by_label("Other names").last.fill("Lin")
        page.get_by_label("Safe phone").fill("555-0142")
        page.get_by_label("Voice mail").select_option("false")
        page.get_by_label("Safety alert").fill("Not before nine.")
        desk.save()
        page.wait_for_selector("[data-card-header][data-card-state='open']")
        text = page.locator("[data-card-header]").inner_text()
        for shown in ("Linnet Marsh", "KH-2214", "555-0142", "Not safe", "Not before nine."):
            assert shown in text
        assert "Linnet" not in page.title()
        assert faults(page, desk.heard, language="en", secrets=frozenset({"Linnet"})) == []
        desk.card_page(client)
        assert page.get_by_label("Other names").last.input_value() == "Lin"
        page.get_by_label("Pronouns").fill("she, her")
        desk.save()
        page.wait_for_selector("[data-card-header][data-card-state='open']")
        assert "she, her" in page.locator("[data-card-header]").inner_text()
        desk.go("/day/?")
        desk.go("/clients/")
        page.wait_for_selector("[data-card-name]")
        desk.header(client)
        desk.lock()
        page.wait_for_selector("[data-card-state='locked']")
        assert "Linnet" not in page.content() and "555-0142" not in page.content()
    with acting_as(office.world.actor("A")):
        card = ContactCard.objects.get()
        assert card.revision == 2 and b"Linnet" not in bytes(card.sealed_e2e)


def test_two_people_edit_one_card_and_lose_nothing(office):
    client = office.world.client("A")
    base = {"v": 1, "name": {"used": "Linnet"}, "code_word": "books", "future": {"kept": True}}
    with office.desk() as one, office.desk("supervisor") as two:
        office.put(one, client, base)
        for desk in (one, two):
            desk.go("/clients/")
            desk.unlock()
            desk.card_page(client)
        one.page.get_by_label("Pronouns").fill("she")
        one.page.get_by_label("Code word").fill("lamps")
        two.page.get_by_label("Legal name").fill("Linnet Marsh")
        two.page.get_by_label("Code word").fill("boats")
        one.save()
        one.page.wait_for_selector("[data-card-header][data-card-state='open']")
        two.save()
        two.page.wait_for_selector("form[data-card-state='asked']")
        asked = two.page.locator("[data-conflicts] fieldset")
        assert asked.count() == 1
        assert "boats" in asked.inner_text() and "lamps" in asked.inner_text()
        assert two.page.get_by_label("Pronouns").input_value() == "she"
        two.save()  # nothing is sent before it is chosen
        assert two.page.evaluate("document.activeElement.type") == "radio"
        two.page.get_by_text("Yours:").click()
        two.save()
        two.page.wait_for_selector("[data-card-header][data-card-state='open']")
        two.card_page(client)
        said = {
            label: two.page.get_by_label(label).input_value()
            for label in ("Pronouns", "Legal name", "Code word")
        }
        assert said == {"Pronouns": "she", "Legal name": "Linnet Marsh", "Code word": "boats"}
        two.heard.out()  # the 409 is a line on the console


@pytest.mark.parametrize("how", ["swapped", "dated", "older", "cut", "missing"])
def test_a_card_that_was_touched_is_said_loudly(office, how):
    client, other = office.world.client("A"), office.world.client("A")
    with office.desk() as desk:
        card = {"v": 1, "name": {"used": "Linnet"}}
        seal_as = {
            "swapped": {"client": str(other.pk)},
            "dated": {"saved_at": int(time.time()) - 5000},
            "older": {"revision": 4},
        }.get(how)
        office.put(desk, client, card, seal_as=seal_as)
        desk.unlock()
        if how == "cut":
            with office.world.acting("A"):
                kept = ContactCard.objects.get()
                kept.sealed_e2e = bytes(kept.sealed_e2e)[:-1]
                kept.save()
        if how == "missing":
            desk.page.route(
                "**/cards/open/",
                lambda route: route.fulfill(body=b"", content_type="application/octet-stream"),
            )
        desk.header(client, "broken")
        assert desk.page.get_by_role("alert").filter(has_text="can't be trusted").is_visible()
        assert "Linnet" not in desk.page.content()


def test_a_whole_row_put_back_is_noticed_by_a_tab_that_saw_a_newer_one(office):
    """And by no other: a fresh tab shows it, which is what the watermark is for (sabotage of the guard)."""
    client = office.world.client("A")
    with office.desk() as desk:
        office.put(desk, client, {"v": 1, "name": {"used": "Linnet"}}, revision=2)
        desk.unlock()
        desk.header(client)
        with office.world.acting("A"):
            ContactCard.objects.all().delete()
        office.put(desk, client, {"v": 1, "name": {"used": "Linnet"}}, revision=1)
        desk.header(client, "broken")
        desk.page.evaluate("sessionStorage.removeItem('casehub-vault-seen')")
        desk.header(client)


def test_search_and_intake_find_who_is_here_already(office):
    clients = [office.world.client("A", f"K-{i}") for i in range(25)]
    with office.desk() as desk:
        for i, client in enumerate(clients):
            office.put(desk, client, {"v": 1, "name": {"used": f"Wren Number{i:02}"}, "birth": "1990-01-02"})
        desk.unlock()
        desk.go("/clients/")
        search = desk.page.get_by_label("Search by name, birth date or phone")
        search.fill("wren")
        desk.page.locator("[data-card-search] li").nth(19).wait_for()
        assert desk.page.locator("[data-card-search] li").count() == 20
        assert "25 clients fit" in desk.page.locator("#card_count").inner_text()
        search.fill("number07")
        desk.page.locator("#card_count", has_text="1 client fits.").wait_for()
        assert str(clients[7].pk) in desk.page.locator("[data-card-search] li a").get_attribute("href")
        desk.go("/clients/new/")
        desk.page.get_by_label("Name used").fill("Wren Numbr07")
        desk.page.get_by_label("Birth date").fill("1990-01-02")
        desk.page.get_by_role("heading", name="Is it one of these?").wait_for()
        desk.page.get_by_label("Name used").fill("Odell Fern")
        desk.page.get_by_role("button", name="Save").click()
        desk.page.wait_for_selector("[data-card-header][data-card-state='open']")
        assert desk.page.locator("h1").inner_text() == "Odell Fern"


def test_no_request_holds_who_a_client_is(office):
    client = office.world.client("A")
    planted = [f"Zq{secrets.token_hex(5)}" for _ in range(50)]
    with office.desk() as desk:
        desk.go("/clients/")
        desk.unlock()
        desk.card_page(client)
        fields = desk.page.locator("form[data-card-form] [data-field]")
        texts = [fields.nth(i) for i in range(fields.count())]
        texts = [
            one for one in texts if one.get_attribute("type") != "date" and not one.get_attribute("data-kind")
        ]
        left = list(planted)
        for one in texts:
            one.fill(left.pop())
        while left:
            desk.page.get_by_role("button", name="Add another name").click()
            desk.page.locator("[data-list='name.other'] [data-rows] input").last.fill(left.pop())
        time.sleep(1.3)  # the tab's own keeping
        kept = desk.page.evaluate("JSON.stringify(sessionStorage) + JSON.stringify(localStorage)")
        desk.save()
        desk.page.wait_for_selector("[data-card-header][data-card-state='open']")
        desk.go("/clients/new/")
        desk.page.get_by_label("Name used").fill(planted[0])
        time.sleep(1.5)  # the draft
        desk.page.get_by_role("button", name="Save").click()
        desk.page.wait_for_selector("[data-card-header][data-card-state='open']")
        everything = "".join(desk.sent) + kept
        assert "card_sealed" in everything and "/cards/save/" in everything
        assert [one for one in planted if one in everything] == []
    with office.world.acting("A"):
        assert Client.objects.count() == 2


def test_what_was_typed_is_kept_sealed_over_a_lock(office):
    client = office.world.client("A")
    with office.desk() as desk:
        desk.go("/clients/")
        desk.unlock()
        desk.card_page(client)
        desk.page.get_by_label("Name used").fill("Linnet Marsh")
        desk.lock()
        desk.page.wait_for_selector("form[data-card-state='locked']")
        assert desk.page.get_by_label("Name used").input_value() == ""
        assert "Linnet" not in json.dumps(desk.page.evaluate("({...sessionStorage})"))
        desk.unlock()
        desk.page.wait_for_selector("form[data-card-state='restored']")
        assert desk.page.get_by_label("Name used").input_value() == "Linnet Marsh"
        desk.save()
        desk.page.wait_for_selector("[data-card-header][data-card-state='open']")


def test_without_scripts_everything_works_by_code(office):
    client = office.world.client("A", "KH-7")
    with office.desk() as desk:
        office.put(desk, client, {"v": 1, "name": {"used": "Linnet"}})
    with office.desk(java_script_enabled=False) as desk:
        desk.go(reverse("referrals:client", args=[client.pk]))
        assert desk.page.locator("h1").inner_text() == "KH-7"
        assert "Sealed. Not opened" in desk.page.locator("[data-card-header]").inner_text()
        desk.go("/clients/")
        assert desk.page.get_by_role("link", name="KH-7").is_visible()
        assert not desk.page.locator("[data-card-search]").is_visible()


def test_a_closed_client_is_in_nobody_elses_search(office):
    client = office.world.client("A")
    with office.desk() as desk:
        office.put(desk, client, {"v": 1, "name": {"used": "Linnet"}})
        with office.world.acting("A", "supervisor"):
            actions.restrict_client(client=client, openers=[])
        desk.go("/find/")
        desk.unlock()
        desk.page.get_by_label("Search by name, birth date or phone").fill("linnet")
        desk.page.locator("#card_count", has_text="No client fits").wait_for()
