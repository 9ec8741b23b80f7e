"""The pipeline's definitions on small worlds whose answer can be seen by eye."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from agencies.models import SharingAgreement
from agencies.roles import Permission
from agencies.scope import Actor, NotAllowed
from reporting import engine, releases, render
from reporting.measures import Period
from reporting.models import Grid
from reporting.sdc import Hidden, MedianDays, Range, Shown
from tests.reporting.releasing import approved, released

YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))
ZONE = ZoneInfo("America/Chicago")


def at(month: int, day: int) -> datetime:
    return datetime(2025, month, day, 12, tzinfo=ZONE)


def whole_path(world, letter="A"):
    client = world.client(letter)
    world.touchpoint(letter, client, occurred_at=at(1, 5), trafficking_status="possible")
    world.screening(client, at(1, 8))
    world.referral(client, sent_at=at(1, 10), reported_outcome="accepted", reported_outcome_at=at(1, 12))
    enrollment = world.enrollment(client, date(2025, 1, 20), exit_on=date(2025, 6, 1))
    world.service(client, enrollment=enrollment, provided_on=date(2025, 1, 22))
    return client


def own(world, letter="A"):
    with world.acting(letter) as actor:
        return engine.run_own("pipeline", YEAR, actor)


def test_a_whole_path_enters_each_stage_once(world):
    whole_path(world)
    table = own(world)
    entered = {stage: table[stage, "entered"] for stage in ("identified", "screened", "referred", "exited")}
    assert set(entered.values()) == {Shown(1)}
    assert table["exited", "now"] == Shown(1)
    assert table["identified", "now"] == Shown(0)
    assert table["screened", "median_days"] == MedianDays(3)
    assert table["in_service", "median_days"] == MedianDays(2)


def test_an_anonymous_contact_is_nobody_in_the_pipeline(world):
    world.touchpoint("A", occurred_at=at(1, 5), trafficking_status="possible")
    assert own(world)["identified", "entered"] == Shown(0)


def test_a_client_without_contact_is_lost_and_found_again(world):
    client = world.client("A")
    world.touchpoint("A", client, occurred_at=at(1, 5), trafficking_status="possible")
    assert own(world)["lost", "now"] == Shown(1)
    world.touchpoint("A", client, occurred_at=timezone.now() - timedelta(days=1))
    assert own(world)["lost", "now"] == Shown(0)


def test_own_figures_count_nobody_elses_rows(world):
    whole_path(world, "B")
    assert own(world, "A")["identified", "entered"] == Shown(0)


def sign(world, letter):
    with world.acting(letter):
        SharingAgreement.objects.create(
            agency=world.agency(letter), version=1, text_digest="0" * 64, signed_at=timezone.now()
        )


def network(world):
    return Actor.hub(world.agency("HUB"), Permission.REPORT_NETWORK)


def test_the_network_says_a_range_of_people_and_hides_the_few(world):
    for letter, clients in (("A", 12), ("B", 15), ("C", 14)):
        sign(world, letter)
        for _ in range(clients):
            client = world.client(letter)
            world.touchpoint(letter, client, occurred_at=at(1, 5), trafficking_status="possible")
        world.screening(client, at(2, 1))
    releases.choose_grid(Grid.YEAR)
    made = released(world, "pipeline", YEAR)
    table = releases.read(made, user=None, channel="test")
    assert table["identified", "entered"] == Shown(41)
    assert table["identified", "people"] == Range(15, 45)
    assert table["screened", "entered"] == Hidden()
    assert table["screened", "people"] == Hidden()
    assert table.caveats.agencies_reporting == 3
    assert released(world, "pipeline", YEAR) == made


def test_a_veto_and_a_missing_signature_keep_rows_out(world):
    for letter in "ABCD":
        for _ in range(12):
            client = world.client(letter)
            world.touchpoint(letter, client, occurred_at=at(1, 5), trafficking_status="possible")
        if letter != "D":
            sign(world, letter)
    assert engine.run_network("pipeline", YEAR, network(world)).table["identified", "entered"] == Shown(36)


def test_a_period_of_another_grid_is_not_released(world):
    by_year = approved(world)
    with pytest.raises(releases.NotAPeriod):
        releases.publish(by_year, Period(date(2025, 1, 1), date(2025, 2, 1)))


def test_counting_needs_the_right(world):
    with pytest.raises(NotAllowed):
        engine.run_network("pipeline", YEAR, Actor.hub(world.agency("HUB")))


@pytest.mark.parametrize(("grid", "period", "said"), [
    (Grid.YEAR, YEAR, True),
    (Grid.QUARTER, Period(date(2025, 1, 1), date(2025, 4, 1)), False),
    (Grid.QUARTER, Period(date(2025, 10, 1), date(2026, 1, 1)), True),
])  # fmt: skip
def test_who_stands_where_is_said_at_the_end_of_a_year_only(world, grid, period, said):
    """Two months' standing numbers, one less the other, tell of the few who moved or of an agency that joined."""
    for letter in "ABC":
        sign(world, letter)
        for _ in range(15):
            world.touchpoint(
                letter,
                world.client(letter),
                occurred_at=at(period.start.month, 5),
                trafficking_status="possible",
            )
    releases.choose_grid(grid)
    table = releases.read(released(world, "pipeline", period), user=None, channel="test")
    assert table["identified", "entered"] == Shown(45)
    assert (("identified", "now") in table.cells) is said
    assert said or render.data(table)["stages"][0]["now"] is None
