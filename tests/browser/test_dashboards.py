"""The pages of figures in a real browser: wide and narrow, without scripts, by keyboard, on paper; what is asked
for stands on the first screen."""

import os
from pathlib import Path

import pytest
from django.core.management import call_command

from casehub.demo import OUTLINES
from tests.browser.chromium import Heard, faults
from tests.reporting import cubes
from tests.reporting.test_numbers_pages import released as with_pipeline

pytestmark = pytest.mark.browser
PAGES = ("next", "where", "before", "given", "who", "coverage", "saved")
# The folder for pictures of the pages, for whoever wants to look at them.
PICTURES = os.environ.get("CASEHUB_PICTURES")


@pytest.fixture
def hub(lasting_world):
    with_pipeline(lasting_world)
    call_command("counties", OUTLINES)
    for make in (cubes.flows, cubes.stages_by_place, cubes.who):
        make()
    cubes.stages_by_place(cubes.THREE_YEARS, 3)
    cubes.one_axis("services", "service_group", {"housing": 140, "legal": 66, "health": 3})
    cubes.one_axis("offers", "outcome", {"accepted": 90, "declined": 41, "expired": 15})
    return lasting_world


def opened(hub, live_server, browser, role="partner_viewer", **how):
    letter = "A" if role == "data_lead" else "P"
    session = hub.browser(letter, role).cookies["sessionid"].value
    context = browser.new_context(viewport={"width": 1280, "height": 800}, **how)
    heard = Heard(live_server.url)
    heard.listen(context)
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    return context.new_page(), heard


def picture(page, name):
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def test_every_page_of_figures_is_sound_and_answers_above_the_fold(hub, live_server, browser):
    page, heard = opened(hub, live_server, browser)
    wrong = {}
    for name in PAGES:
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(f"{live_server.url}/numbers/{name}/")
        picture(page, f"{name}-1280")
        if name not in ("saved", "coverage"):
            low = page.locator("section.figure svg.chart:visible").first.bounding_box()
            assert low and low["y"] + 0.6 * low["height"] < 800, (
                f"{name}: the picture is below the first screen"
            )
        page.set_viewport_size({"width": 375, "height": 800})
        picture(page, f"{name}-375")
        if found := faults(page, heard, language="en"):
            wrong[name] = found
    assert wrong == {}


def test_a_lead_sees_both_tables_and_no_difference(hub, live_server, browser):
    page, heard = opened(hub, live_server, browser, "data_lead")
    page.goto(f"{live_server.url}/numbers/beside/")
    picture(page, "beside-1280")
    assert page.locator("table").count() == 2
    assert faults(page, heard, language="en") == []


def test_choices_work_with_scripts_off(hub, live_server, browser):
    page, _heard = opened(hub, live_server, browser, java_script_enabled=False)
    page.goto(f"{live_server.url}/numbers/where/")
    page.get_by_role("link", name="Open the pooled table").first.click()
    assert page.locator("#period option[selected]").inner_text() == "2023 to 2025"
    page.select_option("#only", "screened")
    page.get_by_role("button", name="Show").click()
    assert "only=screened" in page.url and page.locator("#only option[selected]").inner_text() == "Screened"
    page.get_by_role("button", name="Save this view").click()
    assert page.get_by_role("link", name="Where?").count() >= 2


def test_a_keyboard_reaches_choices_tables_and_files(hub, live_server, browser):
    page, _heard = opened(hub, live_server, browser)
    page.goto(f"{live_server.url}/numbers/where/")
    reached = set()
    for _step in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "document.activeElement.id || document.activeElement.getAttribute('role')"
                " || document.activeElement.innerText"
            )
        )
    assert {"period", "only", "region", "Show", "Save this view"} <= reached
    assert any(one.startswith("CSV") for one in reached)


def test_paper_has_the_figure_and_no_menus(hub, live_server, browser):
    page, _heard = opened(hub, live_server, browser)
    page.goto(f"{live_server.url}/numbers/where/")
    page.emulate_media(media="print")
    assert page.locator("svg.chart:visible").count() >= 1
    assert page.locator("table:visible").count() >= 1 and page.locator("dl.caveat:visible").count() == 1
    assert page.locator("form:visible").count() == 0 and page.locator(".tabs:visible").count() == 0
