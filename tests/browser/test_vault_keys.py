"""The vault's keys in real browsers against a real hub: begun, opened, shared, renewed, restored, and a hub that
lies. What the hub itself refuses is tested in tests/agencies/test_cardkeys.py."""

import json
import logging
import re
from contextlib import contextmanager

import pytest

from agencies.models import KeyWrap, MemberKey, VaultKey
from tests.browser.chromium import Heard, faults
from tests.browser.places import signed_in
from tests.world import PASSWORD

pytestmark = pytest.mark.browser
PAGE = "/agency/card-keys/"
PHRASE = "seven green kettles sing"
# The tab's secrets as the page's own modules see them.
KEYS = (
    "async () => (await import('/static/vault/session.js')).heldHere()"
    "?.keys.map(({key}) => key.toBase64?.() ?? btoa(String.fromCharCode(...key)))"
)


@pytest.fixture(autouse=True)
def quiet(own_inbox):
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Seat:
    """One person's browser, and every body it sent."""

    def __init__(self, page, home, heard, user):
        self.page, self.home, self.heard, self.user, self.sent = page, home, heard, user, []
        page.on("request", lambda one: self.sent.append(one.post_data or ""))

    def go(self, path=PAGE):
        self.page.goto(self.home + path)
        if path == PAGE:
            self.page.locator("#card-keys[data-state]").wait_for()

    def state(self, name):
        self.page.locator(f"#card-keys[data-state={name}]").wait_for(timeout=20_000)

    def says(self, name):
        self.page.locator(f"[data-keys-says={name}]:visible").wait_for(timeout=20_000)

    def press(self, selector):
        self.page.locator(selector).click()

    def phrase(self, text=PHRASE):
        self.page.fill("#new-passphrase", text)
        self.page.fill("#new-passphrase-again", text)
        self.press("[data-keys-form=opener] [type=submit]")

    def paper(self):
        """The kit's words, typed back."""
        self.page.locator("[data-keys-words] li").first.wait_for(timeout=20_000)
        words = self.page.locator("[data-keys-words] li").all_inner_texts()
        self.press("[data-keys-written]")
        for spot, nth in enumerate(self.page.locator("[data-keys-nth]").all_inner_texts(), start=1):
            self.page.fill(f"#word-{spot}", words[int(nth) - 1])
        self.press("[data-keys-form=back] [type=submit]")
        return " ".join(words)

    def begin(self):
        self.go()
        self.press("[data-keys-do=begin]")
        self.phrase()
        words = self.paper()
        self.state("open")
        return words

    def ask(self, phrase=PHRASE):
        self.go()
        self.press("[data-keys-do=ask]")
        self.phrase(phrase)
        self.state("waiting")
        return self.code()

    def code(self):
        return self.page.locator("[data-keys-code]").inner_text()

    def open(self, phrase=PHRASE):
        self.press("[data-keys-when]:visible [data-vault-open]")
        self.type_phrase(phrase)

    def type_phrase(self, phrase=PHRASE):
        self.page.fill("#vault-passphrase", phrase)
        self.press("[data-vault-form] [type=submit]")

    def admit(self, code):
        row = self.page.locator("[data-keys-people] li", has_text=code)
        row.locator("[data-heard]").check()
        row.locator("[data-admit]").click()
        self.says("done")

    def footer(self):
        return " ".join(self.page.locator("[data-vault-line]").inner_text().split())

    def keys(self):
        return self.page.evaluate(KEYS)


@contextmanager
def seat(browser, live_server, world, role, *, proven=True):
    """`proven`: the password was typed less than five minutes ago."""
    heard = Heard(live_server.url)
    context = heard.listen(browser.new_context(viewport={"width": 1280, "height": 800}))
    client = signed_in(world, role) if proven else world.browser("A", role)
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    context.set_default_timeout(15_000)
    yield Seat(context.new_page(), live_server.url, heard, world.person("A", role))
    context.close()


def test_begun_typed_back_locked_and_opened_again_and_no_key_leaves_the_tab(
    lasting_world, live_server, browser
):
    with seat(browser, live_server, lasting_world, "supervisor") as me:
        me.go()
        assert faults(me.page, me.heard, language="en") == []
        me.press("[data-keys-do=begin]")
        me.phrase("too short")
        me.says("short")
        me.phrase()
        words = me.paper()
        me.state("open")
        (key,) = me.keys()
        # The next page opens the box again, and knows no member's pair.
        me.go()
        me.state("open")
        assert me.keys() is None
        stored = me.page.evaluate("JSON.stringify(sessionStorage)")
        sent = "".join(me.sent)
        for secret in (key, key.replace("+", "-").replace("/", "_").rstrip("="), PHRASE, words):
            assert secret not in stored and secret not in sent
        me.press("[data-vault-lock]")
        me.state("locked")
        assert not any(name.startswith("casehub") for name in me.page.evaluate("Object.keys(sessionStorage)"))
        me.open("another passphrase")
        me.page.locator("[data-vault-says=wrong]:visible").wait_for()
        me.type_phrase()
        me.state("open")
        assert me.keys() == [key]
        assert me.heard.out() == []


def test_an_act_on_the_agencys_keys_asks_for_the_password_and_loses_nothing(
    lasting_world, live_server, browser
):
    with seat(browser, live_server, lasting_world, "supervisor", proven=False) as me:
        me.go()
        me.press("[data-keys-do=begin]")
        me.phrase()
        me.paper()
        me.page.locator("#again-password").wait_for()
        me.heard.out()  # the 403 is a line on the console
        assert faults(me.page, me.heard, language="en") == []
        me.page.keyboard.type("not the password")
        me.page.keyboard.press("Enter")
        me.page.locator("[data-again-says=wrong]:visible").wait_for()
        with lasting_world.acting("A", "supervisor"):
            assert not VaultKey.objects.exists()
        me.page.fill("#again-password", PASSWORD)
        me.page.keyboard.press("Enter")
        me.state("open")
        with lasting_world.acting("A", "supervisor"):
            assert VaultKey.objects.count() == 1


def test_who_does_not_confirm_changes_nothing(lasting_world, live_server, browser):
    with seat(browser, live_server, lasting_world, "supervisor", proven=False) as me:
        me.go()
        me.press("[data-keys-do=begin]")
        me.phrase()
        me.paper()
        me.page.locator("#again-password").wait_for()
        me.press("#again [data-closes]")
        me.state("nothing-keeps")
        with lasting_world.acting("A", "supervisor"):
            assert not VaultKey.objects.exists() and not MemberKey.objects.exists()


def test_asked_compared_admitted_confirmed_then_left_out(lasting_world, live_server, browser):
    world = lasting_world
    with (
        seat(browser, live_server, world, "supervisor") as keeper,
        seat(browser, live_server, world, "caseworker") as new,
    ):
        keeper.begin()
        code = new.ask("a phrase of the newcomer")
        assert re.fullmatch(r"\d{5}( \d{5}){3}", code)
        keeper.go()
        keeper.page.locator("[data-keys-people] [data-admit]:visible").first.click()  # not heard yet: nothing
        assert faults(keeper.page, keeper.heard, language="en") == []
        # The pair is gone with the page, so the passphrase is asked again.
        row = keeper.page.locator("[data-keys-people] li", has_text=code)
        row.locator("[data-heard]").check()
        row.locator("[data-admit]").click()
        keeper.page.locator("[data-vault-why=open]:visible").wait_for()
        assert not keeper.page.locator("[data-vault-why=shut]").is_visible()
        keeper.type_phrase()
        keeper.says("done")
        # The newcomer's page notices by itself, and by nobody's act: the idle time runs on.
        with new.page.expect_request("**/vault/") as looked:
            new.state("unconfirmed")
        assert looked.value.headers["hx-request"] == "true"
        new.open("a phrase of the newcomer")
        new.page.locator("[data-vault-confirm]:visible").wait_for()
        assert keeper.code() in new.page.locator("[data-vault-people]").inner_text()
        new.press("[data-vault-confirm]")
        new.state("open")
        (old,) = new.keys()
        assert old == keeper.keys()[0]
        # Known by now: the next opening asks for no code.
        new.press("[data-vault-lock]")
        new.state("locked")
        new.open("a phrase of the newcomer")
        new.state("open")
        # Renewed without them.
        keeper.page.locator("[data-keys-people] li", has_text=code).locator("[data-goes]").check()
        keeper.press("[data-keys-do=rotate]")
        keeper.says("done")
        new.go()
        new.state("none")
        with world.acting("A", "supervisor"):
            assert VaultKey.objects.count() == 2
            assert not KeyWrap.objects.filter(member__user=new.user).exists()
        # What was sealed since opens with nothing the leaver had.
        opens = new.page.evaluate(
            """async ([agency, old, serial, sealed]) => {
                const {openVault} = await import("/static/vault/keys.js");
                const {fromBase64url} = await import("/static/vault/box.js");
                const key = () => Uint8Array.from(atob(old), (one) => one.charCodeAt(0));
                const keys = [1, 2].map((version) => ({version, key: key()}));
                const vault = await openVault({agency, keys});
                try { await vault.openBook({serial}, fromBase64url(sealed)); return "open" } catch { return "shut" }
            }""",
            [str(world.agency("A").pk), old, *_book(world)],
        )
        assert opens == "shut"
        assert keeper.heard.out() == new.heard.out() == []


def test_the_footer_says_what_is_true_of_each(lasting_world, live_server, browser):
    world = lasting_world
    with (
        seat(browser, live_server, world, "supervisor") as keeper,
        seat(browser, live_server, world, "caseworker") as new,
    ):
        for one in (keeper, new):
            one.go("/clients/")
            one.page.locator("[data-vault-line]").wait_for(state="attached")
            assert one.footer() == ""
        keeper.begin()
        assert keeper.footer() == "Cards are open on this device Lock the cards"
        keeper.press("[data-vault-line] [data-vault-lock]")
        assert keeper.footer() == "Cards are locked Open them"
        keeper.go("/clients/")
        keeper.page.locator("[data-vault-is=locked]:visible").first.wait_for()
        assert keeper.footer() == "Cards are locked Open them"
        new.go("/clients/")
        new.page.locator("[data-vault-is=none]:visible").wait_for()
        assert new.footer() == "You have no key to the contact cards. Ask for one"
        new.ask()
        assert new.footer() == "Your key to the contact cards waits to be let in. See your code"


# A card as a page saves it.
SAVE = """async (client) => {
    const {saveCard} = await import("/static/vault/store.js");
    const {opened} = await import("/static/vault/session.js");
    await saveCard(await opened(), {client, revision: 0}, {v: 1, name: {used: "Wren Holm"}});
}"""


def test_a_refused_batch_of_older_cards_is_said_and_the_next_page_goes_on(
    lasting_world, live_server, browser
):
    client = lasting_world.client("A")
    with seat(browser, live_server, lasting_world, "supervisor") as keeper:
        keeper.begin()
        keeper.page.evaluate(SAVE, str(client.pk))
        keeper.page.route("**/cards/reseal/", lambda route: route.fulfill(status=400, json={"detail": ""}))
        keeper.press("[data-keys-do=rotate]")
        keeper.page.locator("[data-keys-stopped]:visible").wait_for()
        assert not keeper.page.locator("[data-keys-others]").is_visible()
        assert not keeper.page.locator("[data-keys-progress]").is_visible()
        keeper.page.unroute("**/cards/reseal/")
        keeper.heard.out()  # the 400 is a line on the console
        keeper.go()
        keeper.state("open")
        keeper.page.locator("[data-keys-left]").wait_for(state="attached")
        with lasting_world.acting("A", "supervisor"):
            for _try in range(100):
                if VaultKey.objects.exclude(destroyed_at=None).exists():
                    break
                keeper.page.wait_for_timeout(100)
            else:
                pytest.fail("the older version still stands")
        assert not keeper.page.locator("[data-keys-stopped]").is_visible()
        assert keeper.heard.out() == []


def _book(world):
    from agencies import cardkeys

    with world.acting("A", "supervisor"):
        book = cardkeys.state()["book"]
    return book["serial"], book["sealed"]


def test_the_kit_restores_and_everybody_sees_it(lasting_world, live_server, browser):
    with (
        seat(browser, live_server, lasting_world, "supervisor") as keeper,
        seat(browser, live_server, lasting_world, "data_lead") as lead,
    ):
        words = keeper.begin()
        lead.go()
        lead.press("summary:has-text('recovery kit')")
        lead.page.fill("#kit-typed", words.replace(words.split()[0], "zoo", 1))
        lead.press("[data-keys-form=usekit] [type=submit]")
        lead.says("words")
        lead.page.fill("#kit-typed", words.upper())
        lead.press("[data-keys-form=usekit] [type=submit]")
        lead.phrase()
        lead.state("open")
        assert lead.keys() == keeper.keys()
        assert words not in "".join(lead.sent)
        keeper.go()
        assert "used the recovery kit" in keeper.page.inner_text("main")
        assert keeper.heard.out() == lead.heard.out() == []


def test_a_hub_that_swaps_a_key_shows_another_code_and_one_that_adds_a_member_wraps_for_nobody(
    lasting_world, live_server, browser
):
    world = lasting_world
    with (
        seat(browser, live_server, world, "supervisor") as keeper,
        seat(browser, live_server, world, "caseworker") as new,
    ):
        keeper.begin()
        code = new.ask()
        with world.acting("A", "supervisor"):
            theirs = MemberKey.objects.get(user=new.user)

        def lie(route):
            answer = route.fetch()
            said = answer.json()
            for one in said["members"]:
                if one["id"] == str(theirs.pk):
                    one["public"] = "A" * 42 + "E"
                    one["waits"] = False
            route.fulfill(response=answer, json=said)

        def swap(route):
            answer = route.fetch()
            said = answer.json()
            for one in said["members"]:
                if one["id"] == str(theirs.pk):
                    one["public"] = keeper_public
            route.fulfill(response=answer, json=said)

        with world.acting("A", "supervisor"):
            from agencies import cardkeys

            keeper_public = cardkeys.state()["me"]["public"]
        keeper.page.route("**/vault/", swap)
        keeper.go()
        keeper.page.locator("[data-keys-people] li").nth(1).wait_for()
        assert code not in keeper.page.inner_text("[data-keys-people]")
        keeper.page.unroute("**/vault/")
        # Said to be a holder, though no book names them: not shown, and nothing is wrapped for them.
        keeper.page.route("**/vault/", lie)
        keeper.go()
        keeper.state("open")
        assert keeper.page.locator("[data-keys-people] li").count() == 1
        keeper.press("[data-keys-do=rotate]")
        keeper.type_phrase()
        keeper.says("done")
        rotated = next(json.loads(one) for one in reversed(keeper.sent) if '"from"' in one)
        assert str(theirs.pk) not in json.dumps(rotated)


def test_a_passkey_opens_the_cards(lasting_world, live_server, browser):
    from tests.browser.test_passkeys import Computer

    world = lasting_world
    me = world.person("A", "supervisor")
    heard = Heard(live_server.url)
    context = heard.listen(browser.new_context())
    context.set_default_timeout(15_000)
    keys = Computer(context.new_page(), live_server.url, heard)
    keys.sign_in(me)
    keys.add_passkey()
    here = Seat(keys.page, live_server.url, heard, me)
    here.go()
    here.press("[data-keys-do=begin]")
    here.press("[data-keys-passkey]")
    here.paper()
    here.state("open")
    here.press("[data-vault-lock]")
    here.state("locked")
    here.press("[data-keys-when]:visible [data-vault-open]")
    here.state("open")  # one way only: it is asked for at once
    assert heard.out() == []
    context.close()


def kept(page):
    return [name for name in page.evaluate("Object.keys(sessionStorage)") if name.startswith("casehub-vault")]


def second_tab(me, path=PAGE):
    page = me.page.context.new_page()
    page.set_default_timeout(15_000)
    tab = Seat(page, me.home, me.heard, me.user)
    tab.go(path)
    return tab


def test_a_second_tab_opens_by_the_first_and_is_locked_with_it(lasting_world, live_server, browser):
    with seat(browser, live_server, lasting_world, "supervisor") as me:
        me.begin()
        other = second_tab(me)
        other.state("open")
        assert kept(other.page) and other.keys() is None  # the box came, the member's pair did not
        other.press("[data-vault-line] [data-vault-lock]")
        for tab in (me, other):
            tab.page.locator("[data-vault-line] [data-vault-open]:visible").wait_for()
            assert kept(tab.page) == []
        # Nobody has it any more, so a third tab asks in vain.
        assert second_tab(me).page.get_attribute("#card-keys", "data-state") == "locked"
        me.open()
        me.state("open")
        # The session's own lock destroys the hub's half: a box kept aside opens nothing after it.
        box = me.page.evaluate("sessionStorage.getItem('casehub-vault')")
        other.go()
        other.state("open")
        other.press("#lock button")
        other.page.get_by_role("button", name="Unlock").wait_for()
        assert kept(me.page) == [] and kept(other.page) == []
        other.page.get_by_label("Password").fill(PASSWORD)
        other.page.get_by_role("button", name="Unlock").click()
        other.page.locator("#card-keys[data-state=locked]").wait_for()
        other.page.evaluate("box => sessionStorage.setItem('casehub-vault', box)", box)
        other.go()
        other.state("locked")
        assert kept(other.page) == [] and me.heard.out() == []


def test_a_tab_takes_no_box_that_is_not_of_its_session_and_person(lasting_world, live_server, browser):
    with seat(browser, live_server, lasting_world, "supervisor") as me:
        me.begin()
        stranger = second_tab(me, "/clients/")
        stranger.press("[data-vault-line] [data-vault-lock]")
        me.page.close()
        # Another half, another person, and no box at all.
        stranger.page.evaluate(
            """async () => {
                const {sealTab} = await import("/static/vault/keys.js");
                const {toBase64url, random} = await import("/static/vault/box.js");
                const {whose} = await import("/static/vault/session.js");
                const half = Uint8Array.from(atob(document.documentElement.dataset.vaultHalf
                    .replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
                const said = {v: 1, keys: [{version: 1, key: toBase64url(random(32))}]};
                const boxes = [
                    await sealTab(random(32), whose, said),
                    await sealTab(half, {...whose, user: "0"}, said),
                    await sealTab(half, whose, {...said, v: 2}),
                ].map(toBase64url);
                const channel = new BroadcastChannel("casehub-vault");
                channel.onmessage = ({data}) => {
                    if (data.ask) for (const box of [...boxes, "x", 7]) channel.postMessage({box});
                };
            }"""
        )
        tab = second_tab(stranger)
        tab.state("locked")
        assert kept(tab.page) == []


def test_quick_exit_wipes_every_tab(lasting_world, live_server, browser):
    with seat(browser, live_server, lasting_world, "supervisor") as me:
        away = "https://away.example/"
        me.page.context.route("https://**", lambda route: route.fulfill(body="weather"))
        me.begin()
        other = second_tab(me)
        other.state("open")
        me.page.evaluate(f"document.documentElement.dataset.exit = '{away}'")
        for _ in range(3):
            me.page.keyboard.press("Escape")
        me.page.wait_for_url("https://**")
        other.page.wait_for_url("https://**")
        for tab in (me, other):
            tab.page.goto(me.home + "/account/login/")
            assert tab.page.evaluate("Object.keys(sessionStorage).length") == 0
            assert tab.page.evaluate("Object.keys(localStorage).length") == 0
        me.page.goto(me.home + PAGE)
        assert "/account/login/" in me.page.url
