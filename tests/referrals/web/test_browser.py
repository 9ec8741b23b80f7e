"""The casework pages in a real Chromium: no axe violation, no console error, nothing sideways; keys suffice.

Everything is made before the browser starts and asked after it has stopped. Screenshots lie in the test's
temporary folder (`--basetemp`), to be looked at beside the design.
"""

import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone

from referrals import actions
from referrals.models import Client, Draft, Offer, Touchpoint
from tests.browser.chromium import chromium as started

pytestmark = [pytest.mark.browser]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CODES = ("KH-2214", "KH-2167", "KH-2198", "KH-2240", "KH-2231", "KH-2176", "KH-2150")


@pytest.fixture
def world(lasting_world):
    """A house with a caseload, plainly invented."""
    world = lasting_world
    world.agency("A", name="Kingfisher House", sector="shelter")
    world.agency("B", name="Heron Legal Project", sector="legal_services")
    world.agency("C", name="Mill Street Clinic", sector="health_care")
    for name in ("Alder", "Birch", "Cedar"):
        world.county(name)
    me, now = world.person("A"), timezone.now()
    world.person("A", "supervisor")
    world.person("A", "hotline")
    facts = {
        "age_band": "18_24",
        "language": "spa",
        "gender": "female",
        "trafficking_status": "possible",
        "status_decided_by": "self_identified",
        "status_decided_on": timezone.localdate() - timedelta(days=90),
        "trafficking_type": "uncertain",
    }
    clients = [world.client("A", code, worker=me, **facts) for code in CODES]
    for number, one in enumerate(clients):
        if number != 3:
            world.enrollment(one, entry_on=timezone.localdate() - timedelta(days=99 + number))
        world.touchpoint(
            "A", one, occurred_at=now - timedelta(days=12 * number), sector="shelter", given=["listened"]
        )
    first = clients[0]
    for days, sector in (
        (102, "health_care"),
        (80, "health_care"),
        (73, "law_enforcement"),
        (60, "child_welfare"),
    ):
        world.touchpoint(
            "A", first, occurred_at=now - timedelta(days=days), sector=sector, given=["safety_plan"]
        )
    for week in range(1, 13):
        world.service(
            first,
            provided_on=timezone.localdate() - timedelta(days=7 * week),
            type="shel_em",
            unit="nights",
            quantity=7,
        )
    world.service(
        first, provided_on=timezone.localdate() - timedelta(days=3), type="cm", unit="hours", quantity="1.5"
    )
    world.screening(first, at=now - timedelta(days=95))
    with world.acting("A"):
        actions.record_touchpoint(
            client=first, sector="shelter", note="Slept better. Wants to ask about school."
        )
        actions.send_referral(
            client=first, needed="legal_imm", receivers=[world.agency("B"), world.agency("C")]
        )
        actions.keep_draft(form="client_new", body={"age_band": ["18_24"]})
        offers = list(Offer.objects.order_by("receiver__name"))
    world.response(offers[0], by="B")
    world.offer(sender="C", receiver="A")
    world.offer(sender="B", receiver="A")
    return world


@contextmanager
def chromium(world, live_server, role="caseworker", *, width=1280, keys_only=False):
    """A page of that person's browser, and the list of what its console complained of."""
    session = world.browser("A", role).session.session_key
    with started() as opened:
        context = opened.new_context(viewport={"width": width, "height": 800})
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page, problems = context.new_page(), []
        page.on(
            "console", lambda line: problems.append(line.text) if line.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page, problems


def addresses(world):
    with world.acting("A", "supervisor"):
        first = next(one for one in Client.objects.order_by("recorded_at"))
        silent = list(Client.objects.order_by("recorded_at"))[3]
        referral = first.referrals.first()
        offer = Offer.objects.filter(receiver=world.agency("A")).first()
        enrollment = first.enrollments.first()
    of = {name: (name, [first.pk]) for name in (
        "client", "client_edit", "client_restrict", "enroll", "service_new", "screening_new", "follow_up_new",
        "referral_new",
    )}  # fmt: skip
    nobodys = {name: (name, []) for name in (
        "caseload", "clients", "find", "client_new", "contact_new", "services_day", "referrals",
    )}  # fmt: skip
    more = {
        "client_contact": ("contact_new", [first.pk]),
        "client_few": ("client", [silent.pk]),
        "referral": ("referral", [referral.pk]),
        "offer": ("offer", [offer.pk]),
        "enrollment_exit": ("enrollment_exit", [enrollment.pk]),
    }
    return {
        title: reverse(f"referrals:{name}", args=args)
        for title, (name, args) in (of | nobodys | more).items()
    }


@pytest.mark.parametrize("width", [1280, 375, 320])
def test_pages_have_no_violation_no_console_error_and_nothing_sideways(world, live_server, width, tmp_path):
    found = {}
    places = addresses(world)
    with chromium(world, live_server, "supervisor" if width == 320 else "caseworker", width=width) as (
        page,
        problems,
    ):
        for title, address in places.items():
            if width != 320 and title == "client_restrict":
                continue
            page.goto(live_server.url + address)
            page.screenshot(path=tmp_path / f"{title}-{width}.png", full_page=True)
            _look(page, f"{title}", found, problems)
        page.goto(live_server.url + places["client_contact"])
        page.check("[value=outreach]")
        page.fill("[name=note]", "call 555-555-0142")
        page.click("button:has-text('Done')")
        page.screenshot(path=tmp_path / f"wrong-{width}.png", full_page=True)
        _look(page, "wrong", found, problems)
        page.goto(live_server.url + places["client_new"])
        for summary in page.query_selector_all("main summary"):
            summary.click()
        page.screenshot(path=tmp_path / f"client_new-open-{width}.png", full_page=True)
        _look(page, "client_new, open", found, problems)
    assert found == {}


def _look(page, title, found, problems):
    """Axe sees the page at its full height, so that bars which stay in sight cover nothing for it."""
    size = page.viewport_size
    page.set_viewport_size({**size, "height": page.evaluate("document.documentElement.scrollHeight") + 200})
    violations = Axe().run(page, options={"runOnly": RULES}).response["violations"]
    page.set_viewport_size(size)
    wrong = [(one["id"], [node["html"][:140] for node in one["nodes"]][:3]) for one in violations]
    if wide := page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"):
        wrong.append(("sideways", wide))
    if problems:
        wrong.append(("console", list(problems)))
        problems.clear()
    if wrong:
        found[title] = wrong


@pytest.mark.parametrize("role", ["caseworker", "hotline"])
def test_a_contact_at_two_in_the_morning_by_keys_alone(world, live_server, role):
    """N, 1, A, S, Ctrl Enter: five keys, from any page, with the browser's own time measured."""
    with world.acting("A"):
        before = Touchpoint.objects.count()
    with chromium(world, live_server, role) as (page, problems):
        page.goto(
            live_server.url + reverse("referrals:contact_new" if role == "hotline" else "referrals:caseload")
        )
        began = time.monotonic()
        with page.expect_navigation():
            page.keyboard.press("n")
        for key in ("1", "a", "s"):
            page.keyboard.press(key)
        with page.expect_navigation():
            page.keyboard.press("Control+Enter")
        took = time.monotonic() - began
        said = page.inner_text("main")
    assert "Counted: 1 anonymous contact" in said
    assert not problems
    assert took < 20
    with world.acting("A"):
        newest = Touchpoint.objects.filter(client=None).get()
        assert Touchpoint.objects.count() == before + 1
    assert (newest.sector, newest.given) == ("hotline", ["listened", "safety_plan"])


def test_what_is_typed_is_kept_when_the_page_is_left(world, live_server):
    with world.acting("A"):
        Draft.objects.all().delete()
    with chromium(world, live_server) as (page, problems):
        page.goto(live_server.url + reverse("referrals:client_new"))
        page.fill("[name=code]", "KH-2300")
        page.wait_for_selector("[data-draft-status][data-state=kept]")
        page.goto(live_server.url + reverse("referrals:client_new"))
        assert page.input_value("[name=code]") == "KH-2300"
        page.click("text=Throw the draft away")
        assert page.input_value("[name=code]") == ""
    assert not problems


def test_without_script_everything_goes_in(world, live_server):
    session = world.browser("A").session.session_key
    with started() as opened:
        context = opened.new_context(java_script_enabled=False)
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.goto(live_server.url + reverse("referrals:contact_new"))
        page.check("[value=health_care]")
        page.click("button:has-text('Done, and add another')")
        assert "Counted" in page.inner_text("main")
    with world.acting("A"):
        assert Touchpoint.objects.get(client=None).sector == "health_care"


def test_earlier_contacts_come_without_leaving_the_page(world, live_server):
    address = addresses(world)["client"]
    with chromium(world, live_server) as (page, problems):
        page.goto(live_server.url + address)
        rows = page.locator("#contacts tbody tr")
        assert rows.count() == 10
        page.click("text=earlier entries")
        rows.nth(12).wait_for()
        assert page.url == live_server.url + address
    assert not problems
