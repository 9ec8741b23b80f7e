"""The check of a published table in a real browser, with scripts off: a file sent, the answer read and corrected."""

import os
from pathlib import Path

import pytest
from django.urls import reverse

from tests.browser.chromium import Heard, faults
from tests.reporting import leaks
from tests.reporting.test_leakcheck_page import TABLE

pytestmark = pytest.mark.browser


def shoot(page, name):
    if shots := os.environ.get("CASEHUB_SCREENSHOTS"):
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 800})
            page.screenshot(path=Path(shots) / f"leakcheck_{name}_{width}.png", full_page=True)


@pytest.fixture
def page(lasting_world, live_server, browser):
    """A partner viewer's page at the check; whether scripts run changes nothing, and here they don't."""
    signed = lasting_world.browser("A", "partner_viewer")
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 800}, bypass_csp=True)
    heard = Heard(live_server.url)
    heard.listen(context)
    context.add_cookies(
        [{"name": name, "value": one.value, "url": live_server.url} for name, one in signed.cookies.items()]
    )
    opened = context.new_page()
    opened.route("**/*.js", lambda route: route.abort())
    opened.goto(live_server.url + reverse("reporting:leakcheck"))
    opened.heard = heard
    yield opened
    context.close()


def wrong(page):
    page.heard.out()  # aborted scripts are meant
    return [one for one in faults(page, page.heard, language="en") if "net::" not in one]


def test_a_leak_is_found_and_a_wrong_reading_mended(page):
    shoot(page, "form")
    assert wrong(page) == []
    page.set_input_files("input[type=file]", {"name": "t.csv", "mimeType": "text/csv", "buffer": TABLE})
    page.click("main form button[type=submit]")
    page.wait_for_selector("h1:has-text('1 small count')")
    shoot(page, "found")
    assert wrong(page) == []
    page.get_by_text("none, or zero").click()
    page.click("main form button[type=submit]")
    page.wait_for_selector("h1:has-text('No small count')")
    assert wrong(page) == []


def test_linked_sheets_and_a_refusal(page):
    page.set_input_files(
        "input[type=file]",
        {
            "name": "t.xlsx",
            "mimeType": "application/octet-stream",
            "buffer": leaks.planted("linked", 1).content(),
        },
    )
    page.click("main form button[type=submit]")
    page.wait_for_selector("text=These tables count the same people")
    shoot(page, "linked")
    assert wrong(page) == []
    page.click("text=Check another table")
    page.set_input_files("input[type=file]", {"name": "t.csv", "mimeType": "text/csv", "buffer": b"words"})
    page.click("main form button[type=submit]")
    page.wait_for_selector("text=No table was found")
    shoot(page, "refused")
    assert wrong(page) == []
