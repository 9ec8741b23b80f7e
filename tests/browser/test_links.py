"""Two agencies review pairs in real browsers: each over its own card, by keyboard, without a word of it sent; a link
parted and put back. What the hub refuses is tested in tests/referrals/linking/test_review.py."""

import logging
import os
from pathlib import Path

import pytest
from django.urls import reverse

from referrals import linking
from tests.browser.chromium import faults
from tests.browser.test_handover import desk
from tests.referrals.linking.network import Network, rows
from tests.referrals.linking.test_review import TWINS, alike, asked, doubtful, keep_scorer

pytestmark = pytest.mark.browser
CARD = {"used": "Wren Plainly", "legal": "Wrenna Q. Plainfield", "ssn": "7319"}
PEOPLE = "SELECT record_id, person FROM referrals_linkedperson ORDER BY 1"


@pytest.fixture(autouse=True)
def quiet(own_inbox):
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def network(lasting_world):
    found = Network(lasting_world, "A", "B", "C")
    keep_scorer()
    return found


def write_card(seat, client):
    seat.page.goto(seat.home + reverse("referrals:card", args=[client.pk]))
    seat.page.locator("form[data-card-state=open]").wait_for()
    for name, text in CARD.items():
        seat.page.fill(f"#c_{name}", text)
    seat.press("form[data-card-form] [type=submit]")
    seat.page.wait_for_url(f"**{reverse('referrals:client', args=[client.pk])}")


def go(seat, name, *arguments):
    seat.page.goto(seat.home + reverse(f"referrals:{name}", args=arguments))
    if shots := os.environ.get("CASEHUB_SCREENSHOTS"):
        for width in (1280, 320):
            seat.page.set_viewport_size({"width": width, "height": 800})
            seat.page.screenshot(path=Path(shots) / f"f_{seat.user.name}_{name}_{width}.png", full_page=True)
        seat.page.set_viewport_size({"width": 1280, "height": 800})
    assert faults(seat.page, seat.heard, language="en") == []


def test_a_question_is_answered_by_both_over_the_own_card(network, live_server, browser):
    world = network.world
    a, _b = doubtful(network, "A", "B")
    [question] = asked(network, "A")
    with (
        desk(browser, live_server, world, "A") as ours,
        desk(browser, live_server, world, "B", "caseworker") as theirs,
        desk(browser, live_server, world, "C", "caseworker") as strangers,
    ):
        ours.begin()
        write_card(ours, a)
        ours.sent.clear()
        go(ours, "link_questions")
        ours.page.locator(f"[data-card='{a.pk}'] [data-card-name]", has_text=CARD["used"]).wait_for()
        ours.page.locator("main .rows .go").click()
        ours.page.locator("[data-own-card][data-state=open]").wait_for()
        told = ours.page.locator("[data-own-card]").inner_text()
        assert all(one in told for one in CARD.values())
        assert faults(ours.page, ours.heard, language="en", secrets=frozenset(CARD.values())) == []
        # Locked, it is gone from the page; the answer can be given all the same.
        ours.press("[data-vault-lock]:visible")
        ours.page.locator("[data-own-card][data-state=locked]").wait_for()
        assert not any(one in ours.page.content() for one in CARD.values())
        ours.page.keyboard.press("1")
        assert ours.page.locator("input[value=same]").is_checked()
        with ours.page.expect_navigation():
            ours.page.keyboard.press("Control+Enter")
        ours.page.get_by_text("Waits for the other agency").wait_for()
        assert not any(one in body for one in CARD.values() for body in ours.sent)

        for name in ("link_questions", "links", "link_decisions", "link_evidence"):
            go(strangers, name)
            assert "Agency" not in strangers.page.inner_text("main").replace("Agency C", "")
        answer = strangers.page.request.get(
            live_server.url + reverse("referrals:link_question", args=[question.id])
        )
        assert answer.status == 404

        go(theirs, "link_question", question.id)
        assert str(a.pk) not in theirs.page.content() and "Waits" not in theirs.page.content()
        theirs.page.check("input[value=same]")
        with theirs.page.expect_navigation():
            theirs.press("main form [type=submit]")
        for seat, other in ((ours, "Agency B"), (theirs, "Agency A")):
            go(seat, "links")
            assert other in seat.page.inner_text("main")
        assert linking.link_new() == 0


def test_unlinking_on_the_page_parts_that_component_alone_and_is_undone(network, live_server, browser):
    a, b = alike(network, "A", "B")
    network.arrives("C", "Ida", "Vetch", "1981-05-06", ssn4="1207")
    network.arrives("A", "Ida", "Vetch", "1981-05-06", ssn4="1207")
    linking.link_new()
    before = rows(PEOPLE)
    others = dict(before)
    with desk(browser, live_server, network.world, "A", "caseworker") as ours:
        go(ours, "links")
        row = ours.page.locator("main li", has_text="Agency B")
        with ours.page.expect_navigation():
            row.get_by_role("button", name="Unlink").click()
        after = dict(rows(PEOPLE))
        moved = {one for one in others if others[one] != after[one]}
        touched = {
            row[0]
            for row in rows(
                "SELECT number FROM referrals_linkrecord WHERE client_id = ANY(%s::uuid[])",
                [str(a.pk), str(b.pk)],
            )
        }
        assert moved and moved < touched and len(set(after.values())) == len(set(others.values())) + 1
        assert "Agency B" not in ours.page.inner_text("main ul.rows")
        go(ours, "link_decisions")
        with ours.page.expect_navigation():
            ours.page.get_by_role("button", name="Undo").click()
        assert rows(PEOPLE) == before
        ours.page.get_by_text("Taken back", exact=True).wait_for()
        go(ours, "links")
        assert "Agency B" in ours.page.inner_text("main")


def test_without_scripts_a_question_is_answered_by_code(network, live_server, browser):
    from tests.browser.places import proven

    doubtful(network, "A", "B")
    [question] = asked(network, "A")
    world = network.world
    context = browser.new_context(java_script_enabled=False)
    session = proven(world.browser("A"), world.person("A")).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url + reverse("referrals:link_questions"))
    page.locator("main .rows .go").click()
    assert str(question.client)[:8].upper() in page.inner_text("main")
    page.check("input[value=different]")
    page.locator("main form [type=submit]").click()
    assert asked(network, "A") == asked(network, "B") == []
    assert not any(word in page.content() for word in TWINS)
    context.close()
