"""A small coalition gets figures, not blanks: 84 people a year at four agencies, at least five useful ones."""

from datetime import date
from random import Random

import pytest

from casehub.synthetic import world
from casehub.synthetic.network import CEDAR
from reporting.measures import Period, cubes
from reporting.measures.dimensions import family_of_sector
from reporting.measures.pipeline import STAGES
from reporting.measures.small import ENOUGH, MOST_DIMENSIONS, preset, useful
from reporting.sdc import Hidden, NotReported, Range, Shown, Unprotectable, protect
from tests.reporting.cubetables import known, raw

AGENCIES = [1, 2, 3, 4]
KNOWN = known(("99001", "Ash", "West"), ("99003", "Elm", "West"), ("99005", "Oak", "East"))
# Of a hundred people identified, how many get as far.
PATH = {"identified": 100, "screened": 74, "referred": 61, "accepted": 40, "enrolled": 37, "in_service": 33,
        "exited": 24, "followed_up": 12, "lost": 21}  # fmt: skip

STEPS = [stage for stage, _title in STAGES if stage != "lost"]


def people(seed: int, years: int) -> list[dict[str, str]]:
    """84 invented people a year: what `who` and `stages_by_place` ask of each, and at which agency."""
    draw = Random(seed)
    return [
        {
            "agency": draw.choices(AGENCIES, (35, 30, 22, 13))[0],
            "county": draw.choices(("99001", "99003", "99005"), (5, 3, 2))[0],
            "sector_family": draw.choices(
                ("first_line", "health", "systems", "shelter_and_legal"), (4, 2, 2, 2)
            )[0],
            "trafficking_type": draw.choices(("sex", "labor", "sex_and_labor", "uncertain"), (5, 3, 1, 1))[0],
            "age_band": draw.choices(
                ("0_12", "13_17", "18_24", "25_59", "60_over", "not_asked"), (3, 20, 25, 40, 2, 10)
            )[0],
            "gender": draw.choices(("female", "male", "transgender", "declined"), (70, 22, 3, 5))[0],
            "race": draw.choices(("black", "white", "hispanic_latino", "more_than_one", "not_asked"))[0],
            "citizenship": draw.choices(("us_citizen", "foreign_national", "not_asked"), (5, 3, 2))[0],
            "luck": str(draw.randrange(100)),
        }
        for _ in range(84 * years)
    ]


def rows_of(cube, someone):
    """One row a person (and stage); rows of the same atom are not put together, which no view minds."""
    if "stage" not in cube.dimensions:
        return [(*(one[name] for name in cube.dimensions), one["agency"], 1) for one in someone]
    return [
        (stage, one["sector_family"], one["county"], one["agency"], 1)
        for one in someone
        for stage, share in PATH.items()
        if int(one["luck"]) < share
    ]


def cells_of(cube, known, rows, views, agencies, years):
    """The cells of the protected table of these views and years; nothing where it is refused."""
    period = Period(date(2026 - years, 1, 1), date(2026, 1, 1))
    try:
        table = protect(raw(cube, known, rows, views, agencies, period), seed=b"s" * 32).table
    except Unprotectable:
        return {}
    return table.cells


@pytest.mark.parametrize("years", [1, 3])
@pytest.mark.parametrize("name", ["stages_by_place", "who"])
@pytest.mark.parametrize(
    "seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)]
)
def test_84_people_a_year_get_five_useful_figures_from_the_preset(name, seed, years):
    cube = cubes()[name]
    rows = rows_of(cube, people(seed, years))
    assert useful(cells_of(cube, KNOWN, rows, preset(cube), AGENCIES, years)) >= ENOUGH


def demo_rows(demo, first, after):
    """What the network's agencies know of the demo's people: one row a stage entered in these years."""
    first, after = date(first, 1, 1).toordinal(), date(after, 1, 1).toordinal()
    rows, people_of_cedar = [], set()
    for number, agency in enumerate(demo.agencies):
        family = family_of_sector(agency.sector)
        for record in demo.records(agency):
            county = demo.person(record.person).county
            entered = [stage for stage in STEPS if first <= (getattr(record.journey, stage) or 0) < after]
            rows += [(stage, family, county.fips, number, 1) for stage in entered]
            if county == CEDAR and "identified" in entered:
                people_of_cedar.add(record.person)
    return rows, people_of_cedar


def counties_of(demo):
    return known(*((one.fips, one.name, one.name) for one in demo.counties))


def of_cedar(cells):
    return {at: cell for at, cell in cells.items() if at[-1] == CEDAR.fips}


def test_the_rural_county_of_the_demo_gets_five_useful_figures():
    """Cedar: 23 people in 2025, as the network's agencies know them. It is small and has figures all the same."""
    cube = cubes()["stages_by_place"]
    demo = world("small", as_of=date(2025, 12, 31), since=2025)
    rows, people_of_cedar = demo_rows(demo, 2025, 2026)
    assert len(people_of_cedar) == 23
    cells = cells_of(cube, counties_of(demo), rows, cube.views, range(len(demo.agencies)), 1)
    assert useful(of_cedar(cells)) >= ENOUGH


@pytest.mark.slow
def test_three_years_of_the_rural_county_stand_beside_each_of_its_years():
    """2023, 2024, 2025 and then 2023 to 2025, each protected with all before: Cedar has figures in each."""
    cube, earlier = cubes()["stages_by_place"], []
    demo = world("small", as_of=date(2025, 12, 31), since=2023)
    for first, after in ((2023, 2024), (2024, 2025), (2025, 2026), (2023, 2026)):
        period = Period(date(first, 1, 1), date(after, 1, 1))
        rows, _people = demo_rows(demo, first, after)
        table = raw(cube, counties_of(demo), rows, cube.views, range(len(demo.agencies)), period)
        made = protect(table, earlier=earlier, seed=b"s" * 32, release=f"{first}-{after}")
        assert (made.attack.exact, made.attack.narrow) == (0, 0)
        assert useful(of_cedar(made.table.cells)) >= 3
        earlier.append(made.said)


def test_what_is_useful():
    total, half, other = ("all", "all"), ("a", "all"), ("all", "x")
    assert useful({total: Shown(40), half: Shown(25), ("b", "all"): Shown(15)}) == 3
    assert useful({total: Shown(40), half: Shown(40), ("b", "all"): Shown(0)}) == 1
    assert useful({half: Hidden(), other: NotReported(), ("b", "all"): Range(0, 15)}) == 0
    assert useful({half: Range(15, 30)}) == 1
    assert useful({}) == 0


@pytest.mark.parametrize("name", sorted(cubes()))
def test_the_preset_is_fixed_and_coarse(name):
    cube = cubes()[name]
    views = preset(cube)
    assert views and max(map(len, views)) <= MOST_DIMENSIONS
    assert "county" not in {dimension for view in views for dimension in view}
    assert set(views) <= set(cube.coarser[0])
