"""Figures of the year that goes on: they move in steps that no agency can push, and the ledger holds them."""

import json
from datetime import date, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from agencies.models import LedgerEntry, SharingAgreement
from reporting import reading, releases
from reporting.measures import Period
from reporting.models import LiveFigure, Proposal
from reporting.releases import live as living
from reporting.releases import sealed
from reporting.sdc import Hidden, Range, steps
from reporting.sdc.attacker import attack
from reporting.sdc.ledger import joint
from reporting.sdc.rules import primary
from tests.reporting.releasing import approved, drawn, released

YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))
ZONE = ZoneInfo("America/Chicago")
SIZES = {"A": 24, "B": 27, "C": 24}


def met(world, letter: str, many: int, month: int = 2) -> None:
    for _ in range(many):
        world.touchpoint(
            letter,
            world.client(letter),
            occurred_at=datetime(2025, month, 5, 12, tzinfo=ZONE),
            trafficking_status="possible",
        )


@pytest.fixture
def hub(world, monkeypatch):
    """Three agencies that signed, on the third of May 2025, with 75 clients first met in February."""
    monkeypatch.setattr(
        living, "timezone", SimpleNamespace(localdate=lambda: date(2025, 5, 3), now=timezone.now)
    )
    for letter, clients in SIZES.items():
        with world.acting(letter):
            SharingAgreement.objects.create(
                agency=world.agency(letter), version=1, text_digest="0" * 64, signed_at=timezone.now()
            )
        met(world, letter, clients)
    approved(world)
    return world


def said(stage: str = "identified"):
    return releases.so_far().table[(stage,)]


def test_a_first_step_says_a_range_and_when(hub):
    made = releases.step()
    assert said() == Range(70, 80) and said("screened") == Hidden()
    at = releases.so_far().said_at
    assert at["identified"] <= timezone.now() and "screened" not in at
    assert "75" not in json.dumps([made.table["cells"], made.said_at["identified"][:4]])
    assert releases.so_far().table.caveats.period == (date(2025, 1, 1), date(2025, 5, 4))
    with hub.acting("HUB", "coordinator"):
        assert LedgerEntry.objects.filter(verb="figures.moved", target_id=str(made.pk)).exists()


def test_nothing_moves_while_nobody_comes(hub):
    assert releases.step() and releases.step() is None
    assert LiveFigure.objects.count() == 1


@pytest.mark.parametrize("letter", SIZES)
def test_one_agencys_dummies_move_nothing(hub, letter):
    releases.step()
    met(hub, letter, 60, month=3)
    assert releases.step() is None and said() == Range(70, 80)


def test_a_rule_that_counts_everybody_is_moved_by_dummies(hub, monkeypatch):
    """The guard above is alive."""
    releases.step()
    met(hub, "A", 60, month=3)
    monkeypatch.setattr(
        steps, "_moves", lambda before, now, needed: sum(now.values()) - sum(before.values()) > 30
    )
    assert releases.step() and said() == Range(130, 140)


def test_it_moves_when_others_come_too(hub):
    releases.step()
    for letter in ("A", "B", "C"):
        met(hub, letter, 20, month=3)
    assert releases.step().label == "live-2025-2" and said() == Range(130, 140)


def test_nothing_is_said_that_was_not_approved(hub):
    standing = approved(hub)
    with hub.acting("HUB", "coordinator"):
        releases.withdraw_specification(standing)
    assert releases.step() is None and releases.so_far() is None


def test_a_step_that_would_narrow_what_was_said_is_not_taken(hub, monkeypatch):
    monkeypatch.setattr(living, "fits", lambda *_said, **_how: False)
    assert releases.step() is None and LiveFigure.objects.count() == 0


def test_what_was_counted_stands_sealed(hub):
    made = releases.step()
    row = LiveFigure.objects.get(pk=made.pk)
    assert b"stage_entries" not in bytes(row.counts_sealed)
    assert sum(sealed.live_of(row)[0].figures[0].by.values()) == 75


def test_a_step_that_does_not_open_holds_every_release_back(hub):
    made = releases.step()
    made.counts_sealed = b"spoiled"
    with pytest.raises(releases.LedgerIncomplete, match="live-2025-1"):
        sealed.live_of(made)


def test_a_step_lapses_what_was_drawn_without_it(hub):
    proposal = drawn(hub, "stages_by_place", YEAR)
    assert not releases.has_moved(proposal)
    releases.step()
    assert releases.has_moved(Proposal.objects.get(pk=proposal.pk))


@pytest.mark.parametrize(
    "late", [{"A": 2, "B": 3, "C": 2}, {"A": 0, "B": 0, "C": 1}, {"A": 20, "B": 1, "C": 1}]
)
def test_the_closed_year_beside_the_steps_gives_nothing_away(hub, late):
    """Whoever reads the steps and the year's table works out no count of 1 to 10, nor any closer than five."""
    releases.step()
    for letter, many in late.items():
        met(hub, letter, many, month=9)
    made = released(hub, "pipeline", YEAR)
    steps_said, year = sealed.said_before(YEAR)
    assert (steps_said.release, year.release) == ("live-2025-1", made.label)
    together = joint([steps_said], year)
    assert any("live-2025-1" in labels for labels in together.said_by.values()), "the step is in the system"
    shown = {
        place: figure.said
        for place, figure in zip(together.places, year.figures, strict=True)
        if isinstance(figure.said, int)
    }
    values = {cell["id"]: cell["value"] for cell in together.table["cells"]}
    known = shown | {name: values[name] for name in together.table["forced"]}
    system = together.system
    targets = [
        name
        for name, is_small in zip(system.ids, primary(system), strict=True)
        if is_small and name not in known
    ]
    for low, high in attack(together.table, known, targets).values():
        assert high - low >= 5


def test_the_page_says_the_range_its_time_and_the_rule(hub, client):
    releases.step()
    text = hub.browser("HUB", "coordinator").get("/numbers/").content.decode()
    assert reading.said(Range(70, 80)) in text and "so far this year" in text.lower()
    assert "not counting any one agency" in text
    assert "75" not in text.split("so-far")[1].split("</section>")[0]
