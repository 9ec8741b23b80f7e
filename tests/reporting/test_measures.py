"""Cubes on small worlds whose answer can be seen by eye, counted as casehub_reporter."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from agencies.roles import Permission
from agencies.scope import Actor
from agencies.scope.counting import counting
from reporting.measures import Period, cubes
from reporting.measures.dimensions import dimensions, view_of

YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))
ZONE = ZoneInfo("America/Chicago")


def at(month: int, day: int, hour: int = 12) -> datetime:
    return datetime(2025, month, day, hour, tzinfo=ZONE)


class Counted:
    """One cube over agencies of a world, rolled up to whatever view is asked."""

    def __init__(self, world, name, letters="A", period=YEAR, as_of=None):
        agencies = [world.agency(letter).pk for letter in letters]
        actor = Actor.hub(world.agency("HUB"), Permission.REPORT_NETWORK)
        self.cube = cubes()[name]
        with counting(actor, network=True) as cursor:
            self.known = dimensions(cursor)
            self.rows = list(self.cube.find(cursor, period, as_of or period.ends_at, agencies))

    def __call__(self, *view):
        """The counts of a view over all agencies, by value or by values."""
        found = view_of(self.cube, self.known, self.rows, view)
        return {
            at[0] if len(at) == 1 else at: sum(by_agency.values())
            for at, by_agency in found.items()
            if sum(by_agency.values())
        }


@pytest.mark.parametrize("name", sorted(cubes()))
def test_a_cube_cuts_by_what_there_is(world, name):
    counted = Counted(world, name)
    assert counted.rows == []
    menus = [counted.cube.views, *counted.cube.coarser]
    for view in {view for menu in menus for view in menu}:
        assert counted(*view) == {}
    for text in ("title", "source", "unit", "counts", "does_not_show"):
        assert str(getattr(counted.cube, text)).strip()
    assert counted.cube.find.__doc__


def test_each_stage_is_entered_where_the_client_lives(world):
    client = world.client("A")
    world.touchpoint("A", client, occurred_at=at(1, 5), trafficking_status="possible", sector="shelter")
    counted = Counted(world, "stages_by_place")
    assert counted("stage", "county") == {("identified", "unknown"): 1, ("lost", "unknown"): 1}
    assert counted("stage", "sector_family") == {
        ("identified", "shelter_and_legal"): 1,
        ("lost", "shelter_and_legal"): 1,
    }
