"""The index of our own data against the population: of shown figures only."""

import pytest

from reporting.measures.representation import CAUTION, representation
from reporting.sdc import Hidden, NotReported, Shown

PEOPLE = {"female": 500, "male": 500}
MISSING = ("not_asked", "declined", "unknown")


def cells(**said):
    return {value: Shown(cell) if isinstance(cell, int) else cell for value, cell in said.items()}


def test_three_quarters_where_half_live_is_one_and_a_half():
    found = representation(cells(female=75, male=25, not_asked=20), Shown(120), MISSING, PEOPLE, 1000)
    assert found["female"].index == (1.5, 1.5) and found["male"].index == (0.5, 0.5)
    assert found["female"].low < 1.5 < found["female"].high
    # Wilson's interval of 75 in 100 is .657 to .825.
    assert (found["female"].low, found["female"].high) == (1.3, 1.6)


def test_a_hidden_answer_is_left_out_and_the_rest_stands_on_the_total():
    found = representation(
        cells(female=75, male=Hidden(), other=Hidden(), not_asked=20, declined=0, unknown=0),
        Shown(120), MISSING, PEOPLE, 1000,
    )  # fmt: skip
    assert found["male"] is None and found["female"].index == (1.5, 1.5)


@pytest.mark.parametrize("gap", [Hidden(), NotReported()])
def test_who_answered_is_not_guessed(gap):
    """Between the answers shown and the total without the gaps shown, and never a point inside."""
    counts = cells(female=75, male=Hidden(), not_asked=gap, declined=20)
    found = representation(counts, Shown(120), MISSING, PEOPLE, 1000)
    assert found["male"] is None and found["female"].parts == (0.75, 1.0)
    assert found["female"].index == (1.5, 2.0) and found["female"].low < 1.5
    assert set(representation(counts, Hidden(), MISSING, PEOPLE, 1000).values()) == {None}
    nothing = cells(female=Hidden(), male=Hidden(), not_asked=gap)
    assert set(representation(nothing, Shown(120), MISSING, PEOPLE, 1000).values()) == {None}


@pytest.mark.parametrize(("male", "gap"), [(1, 24), (8, 17), (24, 1)])
def test_what_is_said_holds_for_every_truth_that_fits(male, gap):
    """The bounds come from shown counts alone, so they are the same for each of these, and true of each."""
    said = representation(
        cells(female=75, male=Hidden(), not_asked=Hidden(), declined=20), Shown(120), MISSING, PEOPLE, 1000
    )
    true = representation(
        cells(female=75, male=male, not_asked=gap, declined=20), Shown(120), MISSING, PEOPLE, 1000
    )
    low, high = said["female"].parts
    assert low <= true["female"].parts[0] <= high
    assert said["female"].low <= true["female"].low and true["female"].high <= said["female"].high


def test_without_a_population_nothing_is_said():
    assert representation(cells(female=75, male=25), Shown(100), MISSING, {}, 0) == {}
    assert representation(cells(female=75, male=25), Shown(100), MISSING, {"male": 0}, 0) == {"male": None}


def test_nobody_answered():
    assert representation(cells(female=0, male=0), Shown(0), MISSING, PEOPLE, 1000)["female"] is None


def test_the_caution_is_there():
    assert "not the likelihood of trafficking" in str(CAUTION)
