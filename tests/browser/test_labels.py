"""Labels in a real browser: names from opened cards, gone with them; what is printed, and how large."""

import pytest

from tests.browser.chromium import faults
from tests.browser.test_cards import Office, office, quiet

__all__ = ["Office", "office", "quiet"]
pytestmark = pytest.mark.browser
PATH = "/clients/labels/?sheet="
# A label's width, height and steps to the next in CSS pixels (96 an inch).
MEASURES = {
    "letter": (2.625 * 96, 96, 2.75 * 96, 96),
    "a4": (63.5 / 25.4 * 96, 33.9 / 25.4 * 96, 66.04 / 25.4 * 96, 33.9 / 25.4 * 96),
}


@pytest.fixture
def desk(office):
    with office.desk() as desk:
        for number, name in enumerate(("Linnet Marsh", "Odell Fern", "", "Wren Holm")):
            client = office.world.client("A", f"KH-{number}")
            if name:
                office.put(desk, client, {"v": 1, "name": {"used": name}})
        yield desk


def said(desk):
    return [one.inner_text().split("\n") for one in desk.page.locator(".label:visible").all()]


def test_names_come_with_the_cards_and_go_with_them(desk):
    desk.go(PATH)
    codes = [["KH-0"], ["KH-1"], ["KH-2"], ["KH-3"]]
    assert said(desk) == codes
    desk.unlock()
    desk.page.get_by_text("Wren Holm").wait_for()
    assert said(desk) == [["Linnet Marsh", "KH-0"], ["Odell Fern", "KH-1"], ["KH-2"], ["Wren Holm", "KH-3"]]
    assert faults(desk.page, desk.heard, language="en", secrets=frozenset({"Linnet"})) == []
    # What the page holds when it is left, for the browser's cache of pages, is codes again.
    held = desk.page.evaluate(
        "() => { window.dispatchEvent(new PageTransitionEvent('pagehide')); return document.body.innerText; }"
    )
    assert "KH-3" in held
    assert "Wren" not in held
    desk.go(PATH)
    desk.page.get_by_text("Wren Holm").wait_for()
    desk.lock()
    desk.page.get_by_text("Wren Holm").wait_for(state="detached")
    assert said(desk) == codes
    desk.unlock()
    desk.go(PATH + "&says=codes")
    desk.page.wait_for_timeout(500)
    assert said(desk) == codes
    assert not any(name in sent for sent in desk.sent for name in ("Linnet", "Odell", "Wren"))


@pytest.mark.parametrize("sheet", ["letter", "a4"])
def test_the_printed_sheet_has_the_labels_measures_and_nothing_else(desk, sheet):
    desk.go(PATH + sheet + "&free=1")
    desk.page.emulate_media(media="print")
    boxes = [one.bounding_box() for one in desk.page.locator(".label").all()]
    width, height, across, down = MEASURES[sheet]
    for box in boxes:
        assert (box["width"], box["height"]) == pytest.approx((width, height), abs=0.5)
    assert boxes[1]["x"] - boxes[0]["x"] == pytest.approx(across, abs=0.5)
    assert boxes[3]["y"] - boxes[0]["y"] == pytest.approx(down, abs=0.5)
    assert desk.page.evaluate("document.body.innerText").split() == ["KH-0", "KH-1", "KH-2", "KH-3"]


def test_who_is_unticked_is_not_printed_and_the_next_moves_up(desk):
    desk.go(PATH)
    desk.page.get_by_label("KH-1").uncheck()
    assert len(said(desk)) == 4
    desk.page.emulate_media(media="print")
    assert said(desk) == [["KH-0"], ["KH-2"], ["KH-3"]]
    # Sabotage: without the rule everybody would be printed.
    desk.page.evaluate(
        """() => { for (const sheet of document.styleSheets) if (sheet.href?.includes("labels"))
            sheet.disabled = true; }"""
    )
    assert len(said(desk)) == 4


def test_the_choice_works_without_scripts(office):
    office.world.client("A", "KH-0")
    office.world.client("A", "KH-1")
    with office.desk(java_script_enabled=False) as desk:
        desk.go(PATH + "&chosen=none")
        desk.page.get_by_label("KH-1").check()
        desk.page.emulate_media(media="print")
        assert said(desk) == [["KH-1"]]
