"""A small coalition gets figures, not blanks: 84 people a year at four agencies, at least five useful ones."""

from datetime import date
from random import Random

import pytest

from reporting.measures import cubes
from reporting.measures.small import ENOUGH, MOST_DIMENSIONS, YEARS, Option, menu, propose, useful
from reporting.sdc import Hidden, NotReported, Range, Shown, Unprotectable, protect
from tests.reporting.cubetables import known, raw

AGENCIES = [1, 2, 3, 4]
KNOWN = known({"99001": "West", "99003": "West", "99005": "East"})
# Of a hundred people identified, how many get as far.
PATH = {"identified": 100, "screened": 74, "referred": 61, "accepted": 40, "enrolled": 37, "in_service": 33,
        "exited": 24, "followed_up": 12, "lost": 21}  # fmt: skip


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


def protected(cube, seed, option):
    rows = rows_of(cube, people(seed, option.years))
    table = raw(
        cube, KNOWN, rows, option.views, AGENCIES, (date(2026 - option.years, 1, 1), date(2026, 1, 1))
    )
    try:
        return protect(table, seed=b"s" * 32).table.cells
    except Unprotectable:
        return {}


@pytest.mark.parametrize("name", ["stages_by_place", "who"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_84_people_a_year_get_five_useful_figures_within_one_year(name, seed):
    cube = cubes()[name]
    found = propose(cube, lambda option: protected(cube, seed, option))
    assert found.is_enough and found.option.years == 1


def test_what_is_useful():
    total, half, other = ("all", "all"), ("a", "all"), ("all", "x")
    assert useful({total: Shown(40), half: Shown(25), ("b", "all"): Shown(15)}) == 3
    assert useful({total: Shown(40), half: Shown(40), ("b", "all"): Shown(0)}) == 1
    assert useful({half: Hidden(), other: NotReported(), ("b", "all"): Range(0, 15)}) == 0
    assert useful({half: Range(15, 30)}) == 1
    assert useful({}) == 0


@pytest.mark.parametrize("name", sorted(cubes()))
def test_the_menu_is_fixed_and_coarse(name):
    options = menu(cubes()[name])
    assert {option.years for option in options} == set(YEARS)
    assert all(option.views for option in options)
    assert max(len(view) for option in options for view in option.views) <= MOST_DIMENSIONS
    assert [option.years for option in options] == sorted(option.years for option in options)


def test_nothing_is_pooled_that_need_not_be():
    asked = []

    def cells_of(option: Option):
        asked.append(option.years)
        return {(str(n),): Shown(11 + n) for n in range(ENOUGH)}

    assert propose(cubes()["who"], cells_of).option == menu(cubes()["who"])[0]
    assert set(asked) == {1}


def test_three_years_are_pooled_where_one_says_too_little():
    def cells_of(option: Option):
        return {(str(n),): Shown(11 + n) for n in range(2 * option.years)}

    found = propose(cubes()["who"], cells_of)
    assert (found.option.years, found.useful, found.is_enough) == (3, 6, True)


def test_where_nothing_is_enough_the_best_is_said_to_be_too_little():
    found = propose(cubes()["who"], lambda option: {("a",): Shown(40)} if option.years == 3 else {})
    assert (found.useful, found.is_enough) == (1, False)
