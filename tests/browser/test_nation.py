"""A tribal agency's page of tables in a real browser: what waits, allowing, vetoing; no fault, wide and narrow."""

import os
from pathlib import Path

import pytest
from django.urls import reverse

from tests.browser.chromium import Heard, faults
from tests.reporting.releasing import approved
from tests.reporting.test_releases import network, sign

pytestmark = pytest.mark.browser


def test_a_nation_allows_and_vetoes(lasting_world, live_server, browser):
    world = lasting_world
    network(world)
    sign(world, "T", name="Cedar Nation program", is_tribal=True, tribal_owner="An invented nation")
    approved(world)
    heard = Heard(live_server.url)
    context = heard.listen(browser.new_context(locale="en"))
    session = world.browser("T", "data_lead").cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url + reverse("reporting:nation"))
    for said, button in (
        ("Left out until you answer", "allow"),
        ("Allowed", "veto"),
        ("Vetoed", "allow"),
    ):
        assert said in page.inner_text("main")
        if shots := os.environ.get("CASEHUB_SCREENSHOTS"):
            page.screenshot(path=Path(shots) / f"nation-{button}.png", full_page=True)
        assert faults(page, heard, language="en") == []
        page.click(f"main button[value={button}]")
    context.close()
