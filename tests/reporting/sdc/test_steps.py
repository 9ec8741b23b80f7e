"""Live figures: nothing small can be read from a step, and an agency that feeds records reads nothing."""

import dataclasses
import hashlib
import itertools
from datetime import UTC, date, datetime

import numpy as np
import pytest

from reporting.sdc import steps
from reporting.sdc.ledger import Figure, joint
from reporting.sdc.steps import Step, as_said, next_step

AGENCIES = ("Amber", "Birch", "Cedar", "Dune")
TOTAL = ("contacts", ())
PLACES = [("contacts", (("place", str(n)),)) for n in range(4)]
SUMS = [(TOTAL, tuple(PLACES))]


def secret(seed):
    return hashlib.sha256(str(seed).encode()).digest()


def counted(counts):
    """Counts of places by agencies, and their total, by key."""
    now = {
        key: dict(zip(AGENCIES, map(int, row), strict=True)) for key, row in zip(PLACES, counts, strict=True)
    }
    return now | {TOTAL: dict(zip(AGENCIES, map(int, counts.sum(axis=0)), strict=True))}


def year(seed, *, feeds=False, hours=250):
    """A year of contacts that come and now and then are taken off; the first agency may feed false ones."""
    rng = np.random.default_rng([3, seed])
    rate = rng.lognormal(-1.6, 0.8, (len(PLACES), len(AGENCIES)))
    counts = np.zeros(rate.shape, dtype=int)
    for _ in range(hours):
        counts += rng.poisson(rate)
        counts = np.maximum(0, counts - (rng.random(rate.shape) < 0.01) * rng.integers(0, 4, rate.shape))
        if feeds:
            counts[:, 0] = np.maximum(0, counts[:, 0] + rng.integers(-6, 12, len(PLACES)))
        yield counted(counts)


def run(seed, **world):
    """Every step of a year, with the counts it was made from."""
    step = None
    for now in year(seed, **world):
        new = next_step(step, now, secret=secret(seed), sums=SUMS)
        if new is not None:
            yield step, new, now
            step = new


def small_increments(step, new):
    """Figures that moved by 1 to 10 people, for the public or for whoever takes an agency's own away."""
    found = []
    for key in new.said:
        if step is None or new.moves[key] == step.moves.get(key, 0):
            continue
        before, now = step.by.get(key, {}), new.by[key]
        change = [now.get(agency, 0) - before.get(agency, 0) for agency in AGENCIES]
        found += [key for own in (0, *change) if 0 < abs(sum(change) - own) < 11]
    return found


def over(seeds):
    made, small, away = 0, 0, 0
    for seed, feeds in itertools.product(range(seeds), (False, True)):
        for step, new, now in run(seed, feeds=feeds):
            made += 1
            small += len(small_increments(step, new))
            for key, said in new.said.items():
                moved = step is None or new.moves[key] != step.moves.get(key, 0)
                away += said is not None and moved and not said[0] <= sum(now[key].values()) <= said[1]
                earlier = None if step is None else step.said.get(key)
                # The ends move by the threshold too, so that the step says no more than its ranges do.
                away += bool(moved and earlier and said and abs(said[0] - earlier[0]) < 11)
    return made, small, away


def test_no_step_says_a_small_increment():
    made, small, away = over(4)
    assert made > 25
    assert (small, away) == (0, 0)


@pytest.mark.slow
def test_no_step_of_many_years_says_a_small_increment():
    made, small, away = over(60)
    assert made > 600
    assert (small, away) == (0, 0)


def test_a_rule_that_looks_at_the_count_alone_says_them(monkeypatch):
    """The guard above is alive: without the rule there are many."""
    monkeypatch.setattr(
        steps, "_moves", lambda before, now, needed: abs(sum(now.values()) - sum(before.values())) > 0
    )
    small = [found for step, new, _ in run(1, hours=40) for found in small_increments(step, new)]
    assert len(small) > 20


class TestAnAgencyThatFeedsRecords:
    """Birch moved by much and Cedar by `few`, hidden. Amber feeds one false record an hour and looks."""

    before = {TOTAL: {"Amber": 40, "Birch": 40, "Cedar": 40}}

    def fed_until_it_moves(self, few, seed, *, others=35):
        step = Step(self.before, {TOTAL: (120, 130)}, {TOTAL: 0})
        for fed in range(120):
            now = {TOTAL: {"Amber": 40 + fed, "Birch": 40 + others, "Cedar": 40 + few}}
            if next_step(step, now, secret=secret(seed)) is not None:
                return fed
        return None

    def readings(self, seeds):
        """For each thing it can see, all the small counts that may be behind it."""
        seen = {}
        for few, seed in itertools.product(range(31), range(seeds)):
            seen.setdefault(self.fed_until_it_moves(few, seed), set()).add(few)
        return {fed: max(behind) - min(behind) for fed, behind in seen.items() if min(behind) <= 10}

    def test_reads_nothing_closer_than_the_width(self):
        readings = self.readings(20)
        assert len(readings) > 1, "it sees something"
        assert min(readings.values()) >= 5

    def test_reads_it_to_the_person_where_it_can_count_along(self, monkeypatch):
        monkeypatch.setattr(steps, "_needed", lambda secret, key, move: 2 * steps.BASE)
        assert min(self.readings(1).values()) == 0

    @pytest.mark.parametrize("few", range(11))
    def test_moves_nothing_while_the_others_stand_still(self, few):
        assert all(self.fed_until_it_moves(few, seed, others=0) is None for seed in range(20))

    def test_moves_a_figure_whose_rule_forgets_to_leave_it_out(self, monkeypatch):
        monkeypatch.setattr(
            steps, "_moves", lambda before, now, needed: sum(now.values()) - sum(before.values()) >= needed
        )
        assert self.fed_until_it_moves(0, 1, others=0) is not None

    def test_never_tips_a_range(self):
        """Where Birch and Cedar stand still, no feeding shows on which side of a range's end they are."""
        step = Step(self.before, {TOTAL: (120, 130)}, {TOTAL: 0})
        for fed in range(200):
            now = {TOTAL: {"Amber": 40 + fed, "Birch": 40, "Cedar": 40}}
            assert next_step(step, now, secret=secret(9)) is None


def test_ranges_of_one_moment_that_pin_each_other_stay():
    """Ten places that all end in 9 and their total: each would be known to the person."""
    places = [("contacts", (("place", str(n)),)) for n in range(10)]
    now = {key: {"Amber": 33, "Birch": 33, "Cedar": 33} for key in places}
    now[TOTAL] = {"Amber": 330, "Birch": 330, "Cedar": 330}
    alone = next_step(None, now, secret=secret(1))
    assert alone.said[TOTAL] == (990, 1000)
    assert alone.said[places[0]] == (90, 100)
    assert next_step(None, now, secret=secret(1), sums=[(TOTAL, tuple(places))]) is None


def test_nothing_of_two_agencies_is_said():
    now = {TOTAL: {"Amber": 90, "Birch": 90, "Cedar": 0}}
    assert next_step(None, now, secret=secret(1)) is None


def test_a_step_keeps_and_enters_the_ledger_as_ranges():
    step, new, _ = list(run(2))[-1]
    assert Step.from_data(new.to_data()) == new
    moved = [key for key in new.said if new.moves[key] != step.moves.get(key, 0)]
    period = date(2026, 1, 1), date(2026, 9, 1)
    said = as_said(step, new, release="live", period=period, taken=datetime(2026, 9, 1, tzinfo=UTC))
    assert [figure.key for figure in said.figures] == moved
    assert all(figure.said == new.said[figure.key] for figure in said.figures)
    later = dataclasses.replace(
        said, release="later", figures=tuple(Figure(f.key, f.by) for f in said.figures)
    )
    together = joint([said], later)
    low, high = new.said[moved[0]]
    assert {f"= {low}", f"= {high}"} <= {cell["id"] for cell in together.table["cells"]}
