"""Two agencies hand a client's details over in real browsers: codes compared, sealed, opened, withdrawn, ended; and a
hub that lies about a key. What the hub itself refuses is tested in tests/referrals/test_disclosures.py."""

import json
import logging
import secrets
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connections
from django.db.models.functions import Now
from django.urls import reverse

from agencies import affairs, cardkeys
from agencies import vault as hub
from agencies.models import HandoverKey, LedgerEntry, VaultKey
from casehub.celery import empty_disclosures
from casehub.vault_files import STATIC, integrity
from referrals.agency_side import vaultbox
from referrals.models import Disclosure
from tests.attacks.rows import walled
from tests.browser.chromium import Heard, faults
from tests.browser.places import proven
from tests.browser.test_vault_keys import Seat

pytestmark = pytest.mark.browser
# What is planted in A's card: the first three are handed over, the rest stay.
GIVEN = {"used": "Wren Plainly", "phone": "555 010 7781", "times": "weekdays after nine"}
KEPT = {"legal": "Wrenna Q. Plainfield", "addr": "12 Invented Row, Alder", "alert": "Never call on Sundays"}
PLANTED = (*GIVEN.values(), *KEPT.values())
OTHER_KEY = "mqvqDkhVuSYbN-kkdJ8UZT9T07XDM8yntX0j0OsYQgY"


@pytest.fixture(autouse=True)
def quiet(own_inbox):
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Desk(Seat):
    """A supervisor at an agency."""

    def partners(self, is_open=True):
        self.page.goto(self.home + reverse("partners"))
        if is_open:
            self.page.locator("#partners[data-state=open]").wait_for()
        else:
            self.page.locator("#partners[data-state]").wait_for()

    def partner(self, agency):
        return self.page.locator(f"[data-partner='{agency.pk}']")

    def code_of(self, agency):
        return self.partner(agency).locator("[data-code]").inner_text()

    def own_code(self):
        return self.page.locator("[data-own-code]").inner_text()

    def pin(self, agency):
        self.partner(agency).locator("[data-heard]").check()
        self.partner(agency).locator("[data-pin]").click()
        self.page.locator("[data-partners-says=done]:visible").wait_for()

    def write_card(self, client):
        self.page.goto(self.home + reverse("referrals:card", args=[client.pk]))
        self.page.locator("form[data-card-state=open]").wait_for()
        for name, text in {**GIVEN, **KEPT}.items():
            self.page.fill(f"#c_{name}", text)
        self.press("form[data-card-form] [type=submit]")
        self.page.wait_for_url(f"**{reverse('referrals:client', args=[client.pk])}")

    def hand_over_page(self, client, state="open"):
        self.page.goto(self.home + reverse("referrals:hand_over", args=[client.pk]))
        self.page.locator(f"form[data-hand-over][data-state={state}]").wait_for()

    def hand_over(self, client, agency):
        self.hand_over_page(client)
        self.press(f"[data-receiver='{agency.pk}'] + label")
        for path in ("name.used", "phone"):
            self.press(f"label[for='give-{path}']")
        with self.page.expect_navigation():
            self.press("form[data-hand-over] [type=submit]")
        self.page.get_by_text("Handed over, sealed").wait_for()

    def inbox(self):
        self.page.goto(self.home + reverse("referrals:handed_to_us"))

    def opened(self):
        self.page.locator("[data-open]:visible").first.click()
        self.page.locator("[data-fields] dd").first.wait_for()

    def refused(self, word):
        """The first one handed to us stays closed, and the page says why."""
        self.page.locator("[data-open]:visible").first.click()
        self.page.locator(f"[data-says={word}]:visible").wait_for()
        assert self.page.locator("[data-fields] dd, [data-says=proven]:visible").count() == 0


@contextmanager
def desk(browser, live_server, world, letter, role="supervisor"):
    heard = Heard(live_server.url)
    context = heard.listen(browser.new_context(viewport={"width": 1280, "height": 800}))
    proof = proven(world.browser(letter, role), world.person(letter, role))
    session = proof.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    context.set_default_timeout(15_000)
    yield Desk(context.new_page(), live_server.url, heard, world.person(letter, role))
    context.close()


def signed(world, *letters):
    for letter in letters:
        world.person(letter, "data_lead")
        with world.acting(letter, "data_lead"):
            affairs.sign_agreement(shares_totals=True, text_digest="x")


def entered(world, letter, verb):
    with world.acting(letter):
        return LedgerEntry.objects.filter(agency_id=world.agency(letter).pk, verb=verb).count()


def everything_in_the_database():
    """Each of our tables as text, read by its owner's superuser-less eyes: row by row through the server's own cast."""
    with connections["owner"].cursor() as cursor:
        out = []
        for model in walled():
            table = model._meta.db_table
            cursor.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')
            cursor.execute(
                f"SELECT t::text, encode(convert_to(t::text, 'UTF8'), 'escape') FROM \"{table}\" t"
            )
            out += [str(row) for row in cursor.fetchall()]
            cursor.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
        return "\n".join(out)


def test_compared_sealed_opened_withdrawn_ended(lasting_world, live_server, browser):
    world = lasting_world
    client = world.client("A", code="KH-77")
    signed(world, "A", "B")
    world.release(client, "B")
    a, b = world.agency("A"), world.agency("B")
    with desk(browser, live_server, world, "A") as ours, desk(browser, live_server, world, "B") as theirs:
        # No vault, then no partner, then nobody compared.
        ours.page.goto(live_server.url + reverse("partners"))
        ours.page.locator("#partners[data-state=nothing]").wait_for()
        assert faults(ours.page, ours.heard, language="en") == []
        ours.begin()
        ours.partners()
        assert "No other agency has a key yet" in ours.page.inner_text("main")
        theirs.begin()
        ours.write_card(client)
        ours.hand_over_page(client, "nopins")
        assert faults(ours.page, ours.heard, language="en") == []
        # Each reads its own code to the other.
        ours.partners()
        theirs.partners()
        assert ours.code_of(b) == theirs.own_code() and theirs.code_of(a) == ours.own_code()
        with world.acting("B"):
            assert cardkeys.own_handover_key().code == theirs.own_code()
        assert faults(ours.page, ours.heard, language="en") == []
        ours.partner(b).locator("[data-pin]").click()  # not heard yet: nothing
        assert ours.partner(b).get_attribute("data-is") == "new"
        ours.pin(b)
        ours.page.locator(f"[data-partner='{b.pk}'][data-is=pinned]").wait_for()
        ours.hand_over(client, b)
        assert faults(ours.page, ours.heard, language="en") == []
        assert "They have not opened it" in ours.page.inner_text("main")

        theirs.inbox()
        assert faults(theirs.page, theirs.heard, language="en") == []
        # Whoever sent it was never compared: it stays closed, and is not even asked for.
        theirs.refused("uncompared")
        assert faults(theirs.page, theirs.heard, language="en") == []
        assert entered(world, "B", "disclosure.opened") == 0
        theirs.page.locator("[data-says=uncompared]:visible a").click()
        theirs.page.locator("#partners[data-state=open]").wait_for()
        theirs.pin(a)
        theirs.inbox()
        rows = theirs.page.locator("[data-disclosure]")
        assert rows.count() == 2
        for nth in range(2):
            rows.nth(nth).locator("[data-open]").click()
            rows.nth(nth).locator("[data-fields] dd").first.wait_for()
            rows.nth(nth).locator("[data-says=proven]:visible").wait_for()
        told = theirs.page.inner_text("main")
        assert all(one in told for one in GIVEN.values())
        assert not any(one in theirs.page.content() for one in KEPT.values())
        assert str(client.pk) not in theirs.page.content() and "KH-77" not in theirs.page.content()
        assert faults(theirs.page, theirs.heard, language="en") == []
        # Locked, it is gone from the page.
        theirs.press("[data-vault-lock]:visible")
        assert not any(one in theirs.page.content() for one in GIVEN.values())
        assert theirs.page.locator("[data-says=proven]:visible").count() == 0

        ours.hand_over_page(client)
        assert "They opened it 2 times" in ours.page.inner_text("main")
        ours.page.get_by_role("button", name="Withdraw").click()
        ours.page.get_by_text("can't open it any more").wait_for()
        theirs.page.locator("[data-open]:visible").first.click()
        theirs.type_phrase()
        theirs.page.locator("[data-says=over]:visible").wait_for()
        theirs.inbox()
        assert "Nothing is handed to you now" in theirs.page.inner_text("main")

        # Handed over again, and ended by the clock alone.
        ours.hand_over(client, b)
        theirs.inbox()
        theirs.opened()
        with world.acting("A"):
            Disclosure.objects.filter(withdrawn_at=None).update(
                starts_at=Now() - timedelta(days=1), ends_at=Now()
            )
        theirs.page.locator("[data-close]:visible").first.click()
        theirs.page.locator("[data-open]:visible").first.click()
        theirs.page.locator("[data-says=over]:visible").wait_for()
        theirs.inbox()
        assert theirs.page.locator("[data-disclosure]").count() == 0
        assert empty_disclosures() == 2

        stored = everything_in_the_database()
        assert "vault.partner_pinned" in stored  # it does read them
        sent = "".join(ours.sent + theirs.sent)
        assert '"sealed"' in sent
        for planted in PLANTED:
            assert planted not in stored and planted.encode().hex() not in stored
            assert planted not in sent
        assert [one for one in theirs.heard.out() if "404" not in one] == []
        assert ours.heard.out() == []


def _lies(public):
    """A hub whose pages say that a partner has another key."""

    def answer(route):
        real = route.fetch()
        route.fulfill(response=real, body=real.text().replace(public, OTHER_KEY))

    return answer


def test_a_hub_that_swaps_a_partners_key_is_caught_by_the_pin(lasting_world, live_server, browser):
    world = lasting_world
    client = world.client("A")
    signed(world, "A", "B")
    release = world.release(client, "B")
    b = world.agency("B")
    with desk(browser, live_server, world, "A") as ours, desk(browser, live_server, world, "B") as theirs:
        ours.begin()
        theirs.begin()
        with world.acting("A"):
            public = cardkeys.text_of(cardkeys.partners().get().public_key)
        ours.write_card(client)
        # Before anything is pinned: what is read out is another code.
        theirs.partners()
        ours.page.route("**/partners/", _lies(public))
        ours.partners()
        assert ours.code_of(b) != theirs.own_code()
        ours.page.unroute("**/partners/")
        ours.partners()
        ours.pin(b)
        # After: shown as changed, and nobody can choose it.
        for path in ("**/partners/", "**/hand-over/"):
            ours.page.route(path, _lies(public))
        ours.partners()
        assert ours.partner(b).get_attribute("data-is") == "changed"
        assert faults(ours.page, ours.heard, language="en") == []
        ours.hand_over_page(client, "nopins")
        radio = f"#under-{release.pk}"
        assert ours.page.locator(radio).is_disabled()
        # Swapped under an open page, in the very moment of sending.
        ours.page.unroute("**/hand-over/")
        ours.hand_over_page(client)
        ours.press(f"{radio} + label")
        ours.press("label[for='give-name.used']")
        ours.page.evaluate(
            "([radio, key]) => { document.querySelector(radio).dataset.public = key }", [radio, OTHER_KEY]
        )
        ours.press("form[data-hand-over] [type=submit]")
        ours.page.locator("[data-says=pin]:visible").wait_for()
        assert not any('"receiver_key"' in one for one in ours.sent)
        with world.acting("A"):
            assert Disclosure.objects.count() == 0
        assert ours.heard.out() == theirs.heard.out() == []


def test_a_renewed_key_must_be_compared_again_and_what_was_sealed_before_still_opens(
    lasting_world, live_server, browser
):
    world = lasting_world
    client = world.client("A")
    signed(world, "A", "B")
    world.release(client, "B")
    b = world.agency("B")
    with desk(browser, live_server, world, "A") as ours, desk(browser, live_server, world, "B") as theirs:
        ours.begin()
        theirs.begin()
        ours.write_card(client)
        ours.partners()
        ours.pin(b)
        theirs.partners()
        theirs.pin(world.agency("A"))
        ours.hand_over(client, b)
        theirs.go()
        theirs.press("[data-keys-do=rotate]")
        theirs.type_phrase()
        theirs.says("done")
        theirs.inbox()
        theirs.opened()
        with world.acting("B"):
            assert VaultKey.objects.filter(destroyed_at=None).count() == 2
        ours.partners()
        assert ours.partner(b).get_attribute("data-is") == "changed"
        ours.hand_over_page(client, "nopins")
        # Nothing needs the older key any more: it goes.
        ours.page.get_by_role("button", name="Withdraw").click()
        ours.page.get_by_text("can't open it any more").wait_for()
        with theirs.page.expect_response("**/vault/finish/"):
            theirs.go()
        with world.acting("B"):
            assert VaultKey.objects.filter(destroyed_at=None).count() == 1
        ours.partners()
        ours.pin(b)
        ours.hand_over(client, b)
        theirs.inbox()
        theirs.opened()
        assert GIVEN["used"] in theirs.page.inner_text("main") or GIVEN["phone"] in theirs.page.inner_text(
            "main"
        )
        assert ours.heard.out() == theirs.heard.out() == []


def test_a_sender_with_a_new_key_hands_over_again(lasting_world, live_server, browser):
    world = lasting_world
    client = world.client("A")
    signed(world, "A", "B")
    world.release(client, "B")
    a, b = world.agency("A"), world.agency("B")
    with desk(browser, live_server, world, "A") as ours, desk(browser, live_server, world, "B") as theirs:
        ours.begin()
        theirs.begin()
        ours.write_card(client)
        ours.partners()
        ours.pin(b)
        theirs.partners()
        theirs.pin(a)
        ours.hand_over(client, b)
        ours.go()
        ours.press("[data-keys-do=rotate]")
        ours.type_phrase()
        ours.says("done")
        # Sealed with the compared key: it opens until the newer one is compared.
        theirs.inbox()
        theirs.opened()
        ours.hand_over(client, b)
        theirs.inbox()
        theirs.refused("changed")
        assert faults(theirs.page, theirs.heard, language="en") == []
        theirs.partners()
        theirs.pin(a)
        theirs.inbox()
        theirs.opened()
        theirs.page.locator("[data-open]:visible").last.click()
        theirs.page.locator("[data-says=older]:visible").wait_for()
        assert faults(theirs.page, theirs.heard, language="en") == []
        assert ours.heard.out() == theirs.heard.out() == []


FALSE = {"v": 1, "name": {"used": "Wren Plainly"}, "phone": {"number": "555 019 9999"}}


def forge(world, *, sender=None, tag=None, only_key=False):
    """What a hub can do that rules the database and knows every public key: of what A handed to B, each row's bytes
    become its own, sealed to B's key by the private key `sender` (or one nobody heard of)."""
    sender = sender or secrets.token_bytes(32)
    a, b = str(world.agency("A").pk), str(world.agency("B").pk)
    with world.acting("A"):
        for one in Disclosure.objects.all():
            where = {"sender": a, "receiver": b, "disclosure": str(one.pk), "data_class": one.data_class}
            sealed, made = vaultbox.seal_handover(
                where, fields=FALSE, sender=sender, receiver=bytes(one.receiver_key)
            )
            cover = {
                "agency": one.agency_id,
                "place": "disclosure.sealed_e2e",
                "row": one.pk,
                "subject": one.pk,
            }
            if not only_key:
                one.sealed_e2e, one.tag = hub.seal(sealed, **cover), made if tag is None else tag(one)
            one.sender_key = vaultbox.public_of(sender) if tag is None else one.sender_key
            one.save()


def unguarded(page, guard):
    """From now on this page's keys.js is without that line, its digest as the hub would then give it."""
    text = (STATIC / "vault" / "keys.js").read_text()
    assert text.count(guard) == 1
    changed = text.replace(guard, "")
    old, new = integrity(text.encode()), integrity(changed.encode())

    def answer(route):
        if route.request.resource_type != "document":
            return route.fallback()
        real = route.fetch()
        said = {name: value for name, value in real.headers.items() if name != "content-security-policy"}
        assert old in real.text()
        return route.fulfill(status=real.status, headers=said, body=real.text().replace(old, new))

    page.route("**/*", answer)
    page.route("**/vault/keys.js", lambda route: route.fulfill(body=changed, content_type="text/javascript"))


def test_a_hub_that_makes_up_a_hand_over_is_refused_loudly(lasting_world, live_server, browser):
    world = lasting_world
    client = world.client("A")
    signed(world, "A", "B")
    world.release(client, "B")
    a, b = world.agency("A"), world.agency("B")
    with desk(browser, live_server, world, "A") as ours, desk(browser, live_server, world, "B") as theirs:
        ours.begin()
        theirs.begin()
        ours.write_card(client)
        ours.partners()
        ours.pin(b)
        theirs.partners()
        theirs.pin(a)
        ours.hand_over(client, b)
        # HPKE alone, with the tag of what really was handed over, with none, with one of the hub's making.
        for tag in (lambda one: one.tag, lambda one: b"", lambda one: secrets.token_bytes(32)):
            forge(world, tag=tag)
            theirs.inbox()
            theirs.refused("forged")
            assert "can't be trusted" in theirs.page.inner_text("main")
            assert "555 019 9999" not in theirs.page.content()
        assert faults(theirs.page, theirs.heard, language="en") == []
        # Sabotage: without the check, the false number stands on the page as the sender's.
        unguarded(theirs.page, "await checkTag(key, tag, [...parts, sender, receiver.publicKey, sealed]);")
        theirs.inbox()
        theirs.opened()
        assert "555 019 9999" in theirs.page.inner_text("main")
        theirs.page.unroute_all()
        assert ours.heard.out() == theirs.heard.out() == []


def test_a_hub_that_swaps_the_senders_key_is_refused(lasting_world, live_server, browser):
    world = lasting_world
    client = world.client("A")
    signed(world, "A", "B")
    world.release(client, "B")
    a, b = world.agency("A"), world.agency("B")
    with desk(browser, live_server, world, "A") as ours, desk(browser, live_server, world, "B") as theirs:
        ours.begin()
        theirs.begin()
        ours.write_card(client)
        ours.partners()
        ours.pin(b)
        theirs.partners()
        theirs.pin(a)
        ours.hand_over(client, b)
        # Only the row's word for the key, then all of it made with a key of the hub's, then listed as A's, too.
        own = secrets.token_bytes(32)
        forge(world, sender=own, only_key=True)
        theirs.inbox()
        theirs.refused("older")
        forge(world, sender=own)
        theirs.inbox()
        theirs.refused("older")
        with world.acting("A"):
            HandoverKey.objects.filter(agency_id=a.pk).update(public_key=vaultbox.public_of(own))
        theirs.inbox()
        theirs.refused("changed")
        assert entered(world, "B", "disclosure.opened") == 0
        # Sabotage: the hub's key in the book, and its false number is believed. So the pin is the guard.
        theirs.partners()
        theirs.pin(a)
        theirs.inbox()
        theirs.opened()
        assert "555 019 9999" in theirs.page.inner_text("main")
        assert ours.heard.out() == theirs.heard.out() == []


SCRIPT = """async ([card, real, other]) => {
    const {only, sealFor} = await import("/static/vault/handover.js");
    const {newPrivateKey, pairOf, openHandover} = await import("/static/vault/keys.js");
    const {fromBase64url, toBase64url} = await import("/static/vault/box.js");
    const bytes = newPrivateKey();
    const attacker = await pairOf(bytes);
    const theirs = toBase64url(attacker.publicKey);
    const pair = await pairOf(newPrivateKey());
    const parts = [{dataClass: "identity", fields: only(card, ["name.used", "address", "birth"])}];
    const tried = async (listed, pins) => {
        try {
            const out = await sealFor("7", listed, {pair, pins}, parts);
            const where = {sender: document.documentElement.dataset.vaultAgency, receiver: "7",
                disclosure: out.parts[0].id, dataClass: "identity"};
            const given = {
                sealed: fromBase64url(out.parts[0].sealed), tag: fromBase64url(out.parts[0].tag),
                sender: fromBase64url(out.sender_key), receiver: attacker,
            };
            const opens = async (changed) => {
                try { return await openHandover({...where, ...changed}, given) }
                catch { return null }
            };
            return [await opens({}), await opens({disclosure: crypto.randomUUID()}), await opens({dataClass: "contact"}),
                await opens({receiver: "8"}), await opens({sender: "9"})];
        } catch (error) { return error.why }
    };
    return {
        swapped: await tried(theirs, {7: {public: real}}),
        unpinned: await tried(theirs, {}),
        // Sabotage: with the attacker's key in the book, it is sealed to the attacker. So the pin is the guard.
        forged: await tried(theirs, {7: {public: theirs}}),
    };
}"""


def test_nothing_is_sealed_to_a_key_that_is_not_the_pinned_one(lasting_world, live_server, browser):
    card = {
        "name": {"used": "Wren", "legal": "Wrenna"},
        "address": "Row 12",
        "address_safe": False,
        "alert": "x",
        "birth": "",
    }
    with desk(browser, live_server, lasting_world, "A") as ours:
        ours.inbox()
        said = ours.page.evaluate(SCRIPT, [card, OTHER_KEY, ""])
        assert (said["swapped"], said["unpinned"]) == ("pin", "pin")
        given = {"v": 1, "name": {"used": "Wren"}, "address": "Row 12", "address_safe": False}
        # Bound to the disclosure, the class and both agencies.
        assert said["forged"] == [given, None, None, None, None]
        assert json.dumps(said).count("Wrenna") == 0


@pytest.mark.parametrize("state", ["no vault", "locked", "no card"])
def test_what_the_pages_say_before_anything_is_open(lasting_world, live_server, browser, state):
    world = lasting_world
    client = world.client("A")
    signed(world, "A", "B")
    with desk(browser, live_server, world, "A") as ours:
        if state != "no vault":
            ours.begin()
        if state == "locked":
            ours.press("[data-vault-lock]:visible")
            ours.state("locked")
        ours.hand_over_page(client, {"no vault": "nobody", "locked": "locked", "no card": "none"}[state])
        assert faults(ours.page, ours.heard, language="en") == []
        ours.partners(is_open=False)
        assert faults(ours.page, ours.heard, language="en") == []
        ours.inbox()
        assert faults(ours.page, ours.heard, language="en") == []
