"""Where a pipeline turns: two stages on one day, a change of project, an answer from another agency; and what
two figures of one row would tell when one is taken from the other."""

from datetime import date

import pytest
from django.utils import timezone

from reporting import engine, releases
from reporting.measures import Period
from reporting.models import Grid
from reporting.sdc import Hidden, MedianDays, Shown
from tests.reporting.test_pipeline import YEAR, at, network, own, sign


def stands(world, as_of):
    with world.acting("A") as actor:
        table = engine.run_own("pipeline", YEAR, actor, as_of=as_of)
    return [stage for stage in table.axes["stage"] if table[stage, "now"] == Shown(1)]


def test_of_two_stages_on_one_day_the_later_stage_stands(world):
    """An entry has no hour and a screening has one: midnight would always come first."""
    client = world.client("A")
    world.screening(client, at(1, 5))
    enrollment = world.enrollment(client, date(2025, 1, 5))
    assert stands(world, at(1, 9)) == ["enrolled"]
    world.service(client, enrollment=enrollment, provided_on=date(2025, 1, 5))
    assert stands(world, at(1, 9)) == ["in_service"]


def test_an_entry_on_the_day_of_the_acceptance_waited_no_day(world):
    client = world.client("A")
    world.referral(client, sent_at=at(1, 2), reported_outcome="accepted", reported_outcome_at=at(1, 5))
    world.enrollment(client, date(2025, 1, 5))
    assert own(world)["enrolled", "median_days"] == MedianDays(0)


@pytest.mark.parametrize(
    ("entry", "stage"),
    [(date(2025, 2, 1), "enrolled"), (date(2025, 1, 20), "enrolled"), (None, "exited")],
    ids=["moved on the day of the exit", "in two projects", "left"],
)
def test_whoever_is_enrolled_elsewhere_in_the_agency_has_not_left(world, entry, stage):
    client = world.client("A")
    world.enrollment(client, date(2025, 1, 5), exit_on=date(2025, 2, 1))
    if entry:
        world.enrollment(client, entry)
    assert stands(world, at(2, 20)) == [stage]
    assert stands(world, at(12, 20)) == ["lost" if entry else "exited"]


def test_an_agencys_own_figures_count_the_answers_to_its_referrals(world):
    world.response(world.offer(sender="A", receiver="B"), by="B")
    period = Period(date(2025, 1, 1), date(timezone.localdate().year + 1, 1, 1))
    with world.acting("A") as actor:
        assert engine.run_own("pipeline", period, actor)["accepted", "entered"] == Shown(1)
    for other in "BC":
        with world.acting(other) as actor:
            assert engine.run_own("pipeline", period, actor)["accepted", "entered"] == Shown(0)


@pytest.mark.parametrize(("before", "shown"), [(5, False), (18, True)])
def test_those_lost_before_the_period_are_not_the_difference_of_two_figures(world, before, shown):
    for number, letter in enumerate("ABC"):
        sign(world, letter)
        for lost in range(30 + before // 3 + (number < before % 3)):
            day = at(10, 5) if lost < 30 else at(1, 5)
            world.touchpoint(letter, world.client(letter), occurred_at=day, trafficking_status="possible")
    releases.choose_grid(Grid.MONTH)
    table = engine.run_network("pipeline", Period(date(2025, 12, 1), date(2026, 1, 1)), network(world)).table
    both = [table["lost", "now"], table["lost", "entered"]]
    assert both == [Shown(90 + before), Shown(90)] if shown else Hidden() in both


@pytest.mark.parametrize(("entry", "reporting"), [(date(2025, 12, 31), 1), (date(2026, 1, 1), 0)])
def test_an_agency_that_began_the_day_after_the_period_did_not_report(world, entry, reporting):
    sign(world, "A")
    world.enrollment(world.client("A"), entry)
    assert engine.run_network("pipeline", YEAR, network(world)).table.caveats.agencies_reporting == reporting


def test_a_hidden_stage_is_not_what_the_other_stages_leave_of_everybody(world):
    """All entered as identified, so the periods' tables add up to everybody; each of them stands somewhere."""
    for letter in "ABC":
        sign(world, letter)
        for number in range(32):
            client = world.client(letter)
            world.touchpoint(letter, client, occurred_at=at(12, 5), trafficking_status="possible")
            if number < 15:
                world.screening(client, at(12, 8))
            if number < 3:
                world.enrollment(client, date(2025, 12, 10))
    releases.choose_grid(Grid.MONTH)
    table = engine.run_network("pipeline", Period(date(2025, 12, 1), date(2026, 1, 1)), network(world)).table
    assert table["identified", "entered"] == Shown(96)
    now = {stage: table[stage, "now"] for stage in table.axes["stage"]}
    assert now["enrolled"] == Hidden()
    assert [stage for stage, cell in now.items() if cell == Hidden()] == ["screened", "enrolled"]
    assert "everybody" not in str(table.to_data())
