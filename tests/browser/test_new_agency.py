"""A new agency's first twenty minutes with names, by the words on the pages alone: the first member begins, prints the
kit, lets a second one in; ten clients; lock, open, and a passkey that is lost."""

import logging
import os
import re

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Heard
from tests.browser.test_passkeys import Computer

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("CASEHUB_SHOTS", "")
NAMES = ("Wren Holm", "Odell Fern", "Linnet Marsh", "Juniper Vale", "Basil Thorn", "Marlo Reed", "Teal Brook",
         "Sorrel Pike", "Ashby Lane", "Indigo Frost")  # fmt: skip


@pytest.fixture(autouse=True)
def quiet(own_inbox):
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Person(Computer):
    """Somebody who reads what is on the screen and presses what it says. `shot` keeps what they saw."""

    def __init__(self, context, home, name):
        self.heard = Heard(home)
        self.heard.listen(context)
        context.set_default_timeout(15_000)
        super().__init__(context.new_page(), home, self.heard)
        self.name, self.seen = name, 0

    def look(self, what):
        self.seen += 1
        if SHOTS:
            self.page.wait_for_timeout(300)
            self.page.screenshot(path=f"{SHOTS}/{self.name}-{self.seen:02}-{what}.png", full_page=True)

    def press_words(self, words, kind="button"):
        exact = {} if isinstance(words, re.Pattern) else {"exact": True}
        self.page.get_by_role(kind, name=words, **exact).locator("visible=true").first.click()

    def follow_words(self, words):
        self.press_words(words, "link")

    def write(self, label, text):
        self.page.get_by_label(label).locator("visible=true").first.fill(text)

    def reads(self, words):
        self.page.get_by_text(words).locator("visible=true").first.wait_for()


def let_in(first, second, phrase):
    """The second one's code, read by telephone, is compared and let in; they open and compare the first one's."""
    second.reads("Your key waits")
    second.look("waits")
    code = second.page.locator("[data-keys-code]").inner_text()
    first.page.reload()
    first.look("someone waits, elsewhere")
    first.follow_words(re.compile("^Agency.*1 colleague waits"))
    first.follow_words(re.compile("^Contact cards 1 waits"))
    first.reads("waits to be let in")
    first.look("someone waits")
    row = first.page.get_by_role("listitem").filter(has_text=code)
    row.get_by_label("I heard this code from them").check()
    row.get_by_role("button", name="Let in").click()
    first.reads("this step changes the keys themselves")
    first.look("why again")
    first.write("Passphrase for the cards", phrase)
    first.press_words("Open with passphrase")
    first.reads("Done.")
    expect(first.page.locator("[data-waiting]:visible")).to_have_count(0)
    first.look("let in")
    own = first.page.locator("[data-keys-code]").inner_text()
    second.reads("You were let in")  # the page notices by itself
    second.look("let in")
    second.press_words("Open the cards")
    return own


def compare(second, own):
    second.reads(own)
    second.look("compare")
    second.press_words("The codes are the same")
    second.reads("The cards are open on this device")
    second.look("open")


def choose(person, phrase):
    person.write("New passphrase", phrase)
    person.write("The same again", phrase)
    person.look("opener")
    person.press_words("Use this passphrase")


def test_a_new_agencys_first_twenty_minutes(lasting_world, live_server, browser):
    world = lasting_world
    world.agency("A", name="Kingfisher House")
    first, second = (
        Person(browser.new_context(viewport={"width": 1280, "height": 800}), live_server.url, name)
        for name in ("first", "second")
    )
    phrase = "five wet otters hum"
    # The first member begins, and has the kit on paper.
    first.sign_in(world.person("A", "data_lead"))
    first.look("home")
    first.follow_words("Begin the contact cards")
    first.look("keys")
    first.press_words("Begin the contact cards")
    choose(first, phrase)
    first.reads("Write down the recovery kit")
    first.page.locator("[data-keys-words] li").nth(23).wait_for()
    first.look("kit")
    paper = first.page.locator("[data-keys-words] li").all_inner_texts()
    first.page.emulate_media(media="print")
    on_paper = first.page.locator("body").inner_text()
    first.look("kit printed")
    first.page.emulate_media(media="screen")
    # A sheet found in the safe in ten years says whose it is, and where it is typed.
    assert all(word in on_paper for word in paper) and "Recovery kit of Kingfisher House" in on_paper
    first.press_words("I have them on paper")
    for spot, nth in enumerate(first.page.locator("[data-keys-nth]").all_inner_texts(), start=1):
        first.page.fill(f"#word-{spot}", paper[int(nth) - 1])
    first.look("typed back")
    first.press_words("Done")
    first.reads("The cards are open on this device")
    first.reads("Seal the sheet with the 24 words")
    first.look("begun")
    # The second one, who has a passkey, finds the way from the list of clients.
    second.sign_in(world.person("A", "supervisor"))
    second.look("home")
    second.follow_words("Clients")
    second.reads("A colleague who holds the key must let you in")
    second.reads("You have no key to the contact cards")
    second.follow_words("Keys of the contact cards")
    second.press_words("Make my key and ask")
    second.look("no passkey yet")
    second.follow_words("Add a passkey to your account first, to use one here")
    second.write("What you call it", "My laptop")
    second.press_words("Make the passkey")
    second.look("passkey")
    second.follow_words("I have kept them: go on")
    second.press_words("Make my key and ask")
    second.press_words("Use a passkey instead")
    compare(second, let_in(first, second, phrase))
    # Ten clients.
    for nth, name in enumerate(NAMES):
        second.follow_words("Clients")
        second.follow_words("New client")
        second.write("Name used", name)
        second.write("Safe phone", f"555-01{nth:02}")
        if not nth:
            second.look("intake")
        second.press_words(re.compile("^Save"))
        second.page.get_by_role("heading", name=name).wait_for()
    second.look("client")
    second.follow_words("Clients")
    second.page.locator("[data-card-name]").nth(9).wait_for()
    second.write("Search by name, birth date or phone", "odell")
    second.reads("1 client fits")
    second.look("search")
    # Locked, and opened by the passkey.
    second.press_words("Lock the cards")
    second.reads("Not opened on this device")
    assert "Odell" not in second.page.content()
    second.look("locked")
    second.press_words("Open the cards")
    second.page.locator("[data-card-name]").nth(9).wait_for()
    # The laptop goes, and its passkey with it.
    second.press_words("Lock the cards")
    (lost,) = second.kept()
    name = {"authenticatorId": second.device, "credentialId": lost["credentialId"]}
    second.tools.send("WebAuthn.removeCredential", name)
    second.follow_words("New client")
    second.look("intake locked")
    second.follow_words("Clients")
    second.press_words("Open the cards")
    second.reads("No passkey came")
    second.look("lost")
    second.follow_words("Keys of the contact cards")
    second.page.get_by_text("I can't open my key any more").click()
    second.look("give up")
    second.press_words("Give up my key")
    second.reads("Your key has ended")
    second.page.get_by_text("A device is lost", exact=True).click()
    second.reads("ask a colleague who can")
    second.look("lost, what next")
    second.press_words("Make my key and ask")
    choose(second, "a dry hat on the pier")
    own = let_in(first, second, phrase)
    second.write("Passphrase for the cards", "a dry hat on the pier")
    second.press_words("Open with passphrase")
    compare(second, own)
    second.follow_words("Clients")
    second.page.locator("[data-card-name]").nth(9).wait_for()
    assert first.heard.out() == second.heard.out() == []
