"""Where cards are opened and read: the clients' list, the client's page, the dialog. What is sealed, edited and searched
stands in test_cards.py, whose office this uses; real keys and openers in test_vault_keys.py, whose seats it borrows."""

import pytest
from django.urls import reverse

from tests.browser.chromium import faults
from tests.browser.test_cards import Office, office, quiet
from tests.browser.test_vault_keys import PHRASE, seat

__all__ = ["Office", "office", "quiet"]
pytestmark = pytest.mark.browser
# The dialog, as a button opens it that this page no longer shows.
OPEN = "document.getElementById('vault-foot-open').click()"
WHOLE = {
    "v": 1,
    "name": {"used": "Linnet Marsh", "legal": "Linnet Ann Marsh", "other": ["Lin"]},
    "birth": "1994-03-09",
    "pronouns": "she, her",
    "phone": {"number": "555-0142", "times": "Text only, 9 am to 3 pm", "voicemail": False},
    "code_word": "library books",
    "language": "Spanish",
    "interpreter": "interpreter for legal",
    "alert": "Do not call before 9 am.",
    "address": "12 Invented Lane",
    "emergency": {"name": "Odell Fern", "phone": "555-0101", "relation": "aunt"},
    "ids": {"ssn4": "0000", "other": ["Case 12"]},
}


def focus_is(page, name):
    page.locator(f"#{name}:focus").wait_for()


def test_the_cards_are_opened_where_the_eye_is_by_keyboard_and_focus_comes_back(
    lasting_world, live_server, browser
):
    client = lasting_world.client("A", "KH-2214")
    with seat(browser, live_server, lasting_world, "supervisor") as me:
        page = me.page
        me.begin()
        me.press("[data-vault-line] [data-vault-lock]")
        for path, button, then in (
            ("/clients/", "cards-open", "card_search"),
            (reverse("referrals:client", args=[client.pk]), "card-open", "client-h"),
        ):
            me.go(path)
            page.locator(f"#{button}:visible").focus()
            page.keyboard.press("Enter")
            # Only the way that this person has, and one button that leads on.
            page.locator("#vault-passphrase:visible").wait_for()
            assert not page.locator("[data-vault-passkey]").is_visible()
            main = "#vault .usa-button:visible:not(.usa-button--outline)"
            assert page.locator(main).count() == 1
            focus_is(page, "vault-passphrase")
            page.keyboard.press("Escape")
            focus_is(page, button)
            page.keyboard.press("Enter")
            focus_is(page, "vault-passphrase")
            page.keyboard.type(PHRASE)
            page.keyboard.press("Enter")
            focus_is(page, then)
            page.locator("main [data-vault-lock]:visible").press("Enter")
            focus_is(page, button)
        assert me.heard.out() == []


def test_who_has_no_key_is_told_so_and_asked_for_nothing(lasting_world, live_server, browser):
    with (
        seat(browser, live_server, lasting_world, "supervisor") as keeper,
        seat(browser, live_server, lasting_world, "caseworker") as new,
    ):
        keeper.go("/clients/")
        assert keeper.page.get_by_role("link", name="Begin the contact cards").is_visible()
        keeper.begin()
        new.go("/clients/")
        assert "must let you in" in new.page.locator("[data-card-search]").inner_text()
        new.page.get_by_role("link", name="Ask for one").wait_for()
        # From a page that is behind the times the dialog says it, too.
        new.page.evaluate(OPEN)
        new.page.locator("[data-vault-says=none]:visible").wait_for()
        assert not new.page.locator("[data-vault-form]").is_visible()
        new.ask()
        new.go("/clients/")
        new.page.get_by_role("link", name="See your code").wait_for()
        new.page.evaluate(OPEN)
        new.page.locator("[data-vault-says=waiting]:visible").wait_for()
        assert not new.page.locator("[data-vault-form]").is_visible()


@pytest.mark.parametrize("role", ["caseworker", "data_lead"])
def test_the_whole_card_is_read_on_the_clients_page(office, role):
    """A data lead, who changes no client, reads it all the same."""
    client, other = office.world.client("A", "KH-2214"), office.world.client("A")
    bare = office.world.client("A")
    with office.desk(role) as desk:
        page = desk.page
        relations = [
            {"client": str(other.pk), "kind": "sibling"},
            {"client": str(bare.pk), "kind": "child"},
        ]
        desk.go("/clients/")
        office.put(desk, client, WHOLE | {"relations": relations})
        office.put(
            desk, other, {"v": 1, "name": {"used": "Wren Tall"}, "address": "Here", "address_safe": True}
        )
        desk.unlock()
        desk.header(client)
        page.locator(".card__related").first.wait_for()
        whole = page.get_by_role("region", name="Contact card")
        said = {
            row.locator("dt").inner_text(): row.locator("dd").inner_text()
            for row in whole.locator("[data-card-row]:visible").all()
        }
        assert said == {
            "Safe phone": "555-0142. Text only, 9 am to 3 pm",
            "Voice mail": "Not safe",
            "Code word": "library books",
            "Language and interpreter": "Spanish, interpreter for legal",
            "Legal name": "Linnet Ann Marsh",
            "Other names": "Lin",
            "Birth date": "9 Mar 1994",
            "Address": "12 Invented Lane",
            "Mail to this address": "Not asked: send none",
            "Emergency contact": "Odell Fern, aunt, 555-0101",
            "Related clients": "Wren Tall (Brother or sister)\nA client whose card you cannot open (Child)",
            "ID numbers": "Social Security number ends in 0000, Case 12",
        }
        assert whole.get_by_role("link", name="Change the card").count() == (role == "caseworker")
        assert faults(page, desk.heard, language="en", secrets=frozenset({"Linnet"})) == []
        page.emulate_media(media="print")
        assert "12 Invented Lane" in page.locator("main").inner_text()
        assert not page.get_by_role("button", name="Lock the cards").first.is_visible()
        page.emulate_media(media="screen")
        whole.get_by_role("link", name="Wren Tall").click()
        page.locator("[data-card-header][data-card-state='open']").wait_for()
        assert page.locator("h1").inner_text() == "Wren Tall" and "Safe" in whole.inner_text()
        desk.lock()
        page.locator("[data-card-header][data-card-state='locked']").wait_for()
        assert "Wren" not in page.content() and "Here" not in page.locator("main").inner_text()


def test_the_list_says_why_a_name_is_missing(office):
    client, fine = office.world.client("A", "KH-3"), office.world.client("A", "KH-4")
    with office.desk(complains=True) as desk:
        page = desk.page
        desk.go("/clients/")
        office.put(desk, client, {"v": 1, "name": {"used": "Odell"}}, seal_as={"revision": 4})
        office.put(desk, fine, {"v": 1, "name": {"used": "Wren"}})
        desk.unlock()
        page.locator("[data-card-trouble=broken]:visible").wait_for()
        assert page.get_by_role("link", name="Card can't be trusted · KH-3").is_visible()
        assert page.get_by_role("link", name="Wren · KH-4").is_visible()
        page.route("**/cards/open/", lambda route: route.abort())
        desk.go("/clients/")
        page.locator("[data-card-trouble=offline]:visible").wait_for()
        assert page.get_by_role("link", name="KH-4").is_visible()
        page.unroute("**/cards/open/")
        page.evaluate("dispatchEvent(new Event('online'))")
        page.get_by_role("link", name="Wren · KH-4").wait_for()
        assert not page.locator("[data-card-trouble=offline]").is_visible()


def test_a_name_typed_at_intake_is_kept_sealed_in_the_draft(office):
    with office.desk() as desk:
        page = desk.page
        desk.go("/clients/")
        desk.unlock()
        desk.go("/clients/new/")
        with page.expect_request(lambda one: "/drafts/" in one.url or "draft" in one.url) as kept:
            page.get_by_label("Name used").fill("Odell Fern")
        page.wait_for_timeout(500)
        assert "Odell" not in (kept.value.post_data or "") and "card_sealed" in kept.value.post_data
        desk.lock()
        # The page died. The draft says that a name is there, and refuses to save it under another client's id.
        desk.go("/clients/new/")
        page.get_by_text("The name you typed is kept, sealed").wait_for()
        page.get_by_role("button", name="Save").click()
        page.get_by_text("Open the cards, then save again").first.wait_for()
        desk.go("/clients/new/")
        desk.unlock()
        page.locator("[data-card-begin]:visible").wait_for()
        for _try in range(50):
            if page.locator("#card_name").input_value():
                break
            page.wait_for_timeout(50)
        assert page.locator("#card_name").input_value() == "Odell Fern"
        page.get_by_role("button", name="Save").click()
        page.wait_for_selector("[data-card-header][data-card-state='open']")
        assert page.locator("h1").inner_text() == "Odell Fern"
        assert not any("Odell" in one for one in desk.sent)
