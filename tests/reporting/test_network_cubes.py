"""Cubes counted over real tables: every view adds up, the pipeline's figures have the same names, and what
one release said holds in the next."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from agencies.models import SharingAgreement
from agencies.roles import Permission
from agencies.scope import Actor, NotAllowed
from reporting import engine
from reporting.measures import ALL, Period, cubes, layout
from reporting.sdc import Hidden, Mode, NotReported, Shown, Sum, from_stored
from tests.reporting.tables import SEED

YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))
ZONE = ZoneInfo("America/Chicago")
SIZES = {"A": 12, "B": 15, "C": 14}


def at(month: int, day: int) -> datetime:
    return datetime(2025, month, day, 12, tzinfo=ZONE)


@pytest.fixture
def actor(world):
    """Three agencies that signed, each with clients first met on the street, and one of A's in court."""
    for letter, clients in SIZES.items():
        with world.acting(letter):
            SharingAgreement.objects.create(
                agency=world.agency(letter), version=1, text_digest="0" * 64, signed_at=timezone.now()
            )
        for _ in range(clients):
            world.touchpoint(
                letter, world.client(letter), occurred_at=at(1, 5), trafficking_status="possible"
            )
    return Actor.hub(world.agency("HUB"), Permission.REPORT_NETWORK)


def run(name, actor, **more):
    return engine.run_network(name, YEAR, actor, seed=SEED, release=f"{name}-2025", **more)


def test_a_cube_is_one_table_with_an_axis_for_each_dimension(actor):
    made = run("stages_by_place", actor)
    table = made.table
    assert tuple(table.axes) == ("stage", "sector_family", "county")
    assert all(values[-1] == ALL for values in table.axes.values())
    assert table["identified", ALL, ALL] == Shown(41)
    assert table["screened", ALL, ALL] == Shown(0)
    assert table.caveats.agencies_reporting == 3 and table.caveats.release_id == "stages_by_place-2025"
    for one in table.relations:
        assert isinstance(one, Sum)
        if all(isinstance(table[cell], Shown) for cell in (one.total, *one.parts)):
            assert table[one.total].value == sum(table[part].value for part in one.parts)
    again = from_stored(table.to_data(), digest=table.digest(), certificate=made.certificate)
    assert again == table


@pytest.mark.parametrize("name", sorted(cubes()))
def test_every_cube_is_protected_in_every_menu_and_agrees_with_its_attacker(actor, name):
    found = cubes()[name]
    for views in (found.views, *found.coarser):
        made = run(name, actor, views=views)
        assert (made.attack.exact, made.attack.narrow) == (0, 0)
        assert set(made.table.axes) == {dimension for view in views for dimension in view}
        assert {figure.key[0] for figure in made.said.figures} == {found.universe}


def test_the_pipeline_and_the_cube_name_the_same_figures(actor):
    pipeline, places = run("pipeline", actor).said, run("stages_by_place", actor).said
    counts = {figure.key: dict(figure.by) for figure in pipeline.figures}
    shared = [figure for figure in places.figures if figure.key in counts]
    assert len(shared) >= 9 * 4
    assert all(counts[figure.key] == dict(figure.by) for figure in shared)


def test_what_one_release_said_is_said_again_by_the_next(world, actor):
    first = run("pipeline", actor)
    world.touchpoint("A", world.client("A"), occurred_at=at(1, 6), trafficking_status="possible")
    alone = run("stages_by_place", actor).table["identified", ALL, ALL]
    beside = run("stages_by_place", actor, earlier=[first.said]).table["identified", ALL, ALL]
    assert first.table["identified", "entered"] == Shown(41)
    # Without the ledger the one who was entered late is read by taking one table from the other.
    assert alone == Shown(42)
    assert beside == Hidden()


def test_agencies_that_are_left_out_are_not_counted(world, actor):
    for letter in "DE":
        with world.acting(letter):
            SharingAgreement.objects.create(
                agency=world.agency(letter), version=1, text_digest="0" * 64, signed_at=timezone.now()
            )
        for _ in range(20):
            world.touchpoint(
                letter, world.client(letter), occurred_at=at(1, 5), trafficking_status="possible"
            )
    assert run("stages_by_place", actor).table["identified", ALL, ALL] == Shown(81)
    left_out = {world.agency("D").pk}
    made = run("stages_by_place", actor, without=left_out)
    assert made.table["identified", ALL, ALL] == Shown(61)
    assert not left_out & {int(agency) for agency in made.said.agencies}


def test_nobody_reports_is_not_zero(world):
    actor = Actor.hub(world.agency("HUB"), Permission.REPORT_NETWORK)
    assert set(run("who", actor).table.cells.values()) == {NotReported()}


def test_an_agency_s_own_cube_is_exact_and_needs_the_right(world, actor):
    with world.acting("A") as mine:
        table = engine.run_own("stages_by_place", YEAR, mine)
    assert table["identified", ALL, ALL] == Shown(12)
    with pytest.raises(NotAllowed):
        run("who", Actor.hub(world.agency("HUB")))


def test_a_public_cube_is_rounded(actor):
    table = run("stages_by_place", actor, mode=Mode.ROUNDED).table
    assert table["identified", ALL, ALL].value in (40, 45)


@pytest.mark.parametrize(("views", "fits"), [
    ([{0: 0}, {0: 0, 1: 0}, {0: 0, 2: 0}], True),
    ([{0: 0, 1: 0}, {1: 0, 2: 0}, {2: 0, 3: 0}], True),
    ([{0: 0, 1: 0}, {1: 0, 2: 0}, {0: 0, 2: 0}], False),
    ([{0: 0, 1: 1}, {1: 0, 2: 0}, {0: 0, 2: 0}], False),
    ([{0: 0, 1: 1}, {1: 0, 2: 0}], True),
])  # fmt: skip
def test_views_that_hang_together_in_a_ring_need_their_common_table(views, fits):
    assert layout._come_apart(views, [2, 2, 2, 2]) is fits


def test_sabotage_a_ring_without_its_common_table_shows_what_it_gives_away(actor, monkeypatch):
    found = cubes()["contacts_by_sector"]
    ring = (("sector_family", "contact_of"), ("sector_family", "region"), ("contact_of", "region"))
    raws = []
    monkeypatch.setattr(engine, "protect", lambda raw, **how: raws.append(raw) or 1 / 0)
    for fits in (False, True):
        if fits:
            monkeypatch.setattr(layout, "_come_apart", lambda views, depths: True)
        with pytest.raises(ZeroDivisionError):
            run(found.name, actor, views=ring)
    closed, open_ = (max(map(len, raw.inside)) for raw in raws)
    assert closed == 1 + 2 * 3 > open_
