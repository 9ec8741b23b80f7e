"""How many statements the pages of releases and of the network's figures may send, and that more releases, more
tables that wait and more live steps ask no more.
"""

from datetime import date, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reporting import releases
from reporting.measures import Period
from reporting.models import Grid, Mode, Proposal, Release, Scope
from reporting.web import releases as pages
from tests.reporting.releasing import approved, drawn, released, waiting
from tests.reporting.test_releases import ZONE, network
from tests.world import World

YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))
#: Statements in all, the door's own among them (about ten: session, person, roles, actor, ledger).
BUDGETS = {
    "releases": 17,
    "release_ask": 18,
    "release_plan": 14,
    "drawn": 29,
    "asked": 34,
    "published": 17,
    "all published": 3,
    "one published": 4,
    "a published file": 4,
    "numbers": 16,
    "next": 13,
    "where": 13,
    "before": 14,
    "given": 15,
    "who": 13,
    "free": 13,
    "coverage": 13,
    "saved": 13,
    "a file": 13,
}


@pytest.fixture(autouse=True)
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in test_query_budgets: neither the session's note nor the vault's look at its keys comes in between."""
    monkeypatch.setattr("casehub.middleware.SEEN_EVERY", 3600)
    monkeypatch.setattr("agencies.vault.keys.TRUSTED_SECONDS", 3600.0)


def quarter(number: int) -> Period:
    return releases.period_of(Grid.QUARTER, date(2025, 3 * number - 2, 1))


def fill(world: World, quarters: range) -> None:
    """Releases for partners and for anybody, and tables in each state, of some quarters."""
    for number in quarters:
        when = datetime(2025, 3 * number - 1, 5, 12, tzinfo=ZONE)
        for letter in "ABC":
            for _one in range(15):
                world.touchpoint(
                    letter, world.client(letter), occurred_at=when, trafficking_status="possible"
                )
    for number in quarters:
        released(world, "pipeline", quarter(number))
        released(world, "pipeline", quarter(number), scope=Scope.PUBLIC, mode=Mode.ROUNDED)
        released(world, "contacts_by_sector", quarter(number))
        waiting(world, "stages_by_place", quarter(number))
        drawn(world, "who", quarter(number))
        done = waiting(world, "anonymous_contacts", quarter(number))
        with world.acting("HUB", "output_checker"):
            assert releases.decide(done, publish=True).release


def sent(world: World) -> dict[str, int]:
    """By page: how many statements it sent."""
    coordinator, checker = world.browser("HUB", "coordinator"), world.browser("HUB", "output_checker")
    proposal = {
        state: Proposal.objects.filter(state=state).order_by("pk").first() for state in Proposal.State
    }
    made = Release.objects.filter(scope=Scope.PARTNERS, measure="pipeline").earliest("period_start")
    public = Release.objects.filter(scope=Scope.PUBLIC).earliest("period_start")
    plan = approved(world, grid=Grid.QUARTER)
    visits: dict[str, Any] = {
        "releases": (checker, reverse("reporting:releases")),
        "release_ask": (coordinator, reverse("reporting:release_ask")),
        "release_plan": (checker, reverse("reporting:release_plan", args=[plan.pk])),
        "all published": (checker, reverse("reporting:published")),
        "one published": (checker, reverse("reporting:published_table", args=[public.label])),
        "a published file": (checker, reverse("reporting:published_file", args=[public.label, "csv"])),
        "a file": (coordinator, reverse("reporting:figure_download", args=[made.pk, "csv"])),
        **{
            state: (
                coordinator if state == "drawn" else checker,
                reverse("reporting:release_proposal", args=[one.pk]),
            )
            for state, one in proposal.items()
            if one
        },
        **{
            name: (coordinator, reverse(f"reporting:{name}"))
            for name in ("numbers", "next", "where", "before", "given", "who", "free", "coverage", "saved")
        },
    }
    found = {}
    for name, (browser, path) in visits.items():
        browser.get(path)  # what a session and a process ask only once
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(path).status_code == 200, path
        found[str(name)] = len(asked)
    return found


@pytest.fixture
def hub(world: World) -> World:
    network(world, people=0)
    fill(world, range(1, 3))
    return world


def test_pages_keep_to_their_budgets_however_much_was_released(hub: World) -> None:
    few = sent(hub)
    fill(hub, range(3, 5))
    many = sent(hub)
    assert many == few
    over = {name: count for name, count in many.items() if count > BUDGETS[name]}
    assert not over, f"more statements than {BUDGETS}"


def test_a_query_for_each_release_would_be_noticed(hub: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sabotage: the list of releases asks something of each."""
    plain = pages.period_name

    def asks_again(period: Period) -> str:
        Release.objects.filter(period_start=period.start).count()
        return plain(period)

    monkeypatch.setattr(pages, "period_name", asks_again)
    few = sent(hub)["releases"]
    fill(hub, range(3, 4))
    assert sent(hub)["releases"] > few
