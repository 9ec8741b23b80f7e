"""Laws of disclosure control over all small tables, with an attacker of its own that tries every table.

Cases picked by hand are in reporting/test_sdc_tables.py.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reporting.sdc import (
    Hidden,
    Nested,
    NotReported,
    Policy,
    ProtectedTable,
    Provenance,
    RawTable,
    Shown,
    Sum,
    add_totals,
    from_stored,
    people_range,
)
from tests.reporting.tables import made, narrowest

ABOUT = Provenance(
    source="invented",
    period=(date(2025, 1, 1), date(2025, 4, 1)),
    agencies_reporting=3,
    agencies_expected=3,
    counted_as="clients of each agency",
    does_not_show="everything",
    release_id="test",
    generated_at=datetime(2025, 4, 2, tzinfo=UTC),
)
WIDTH = Policy().width
quick = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
tiny = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
deep = settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))

SIDE, NETWORK = st.integers(2, 4), st.integers(3, 12)
COUNT = st.one_of(st.just(0), st.integers(0, 4), st.integers(0, 12), st.integers(10, 90))


@st.composite
def tables(draw, rows=SIDE, columns=SIDE, agencies=NETWORK, size=COUNT):
    """A two-way table with its totals, some of its cells not reported, perhaps with its rows nested."""
    height, across, names = draw(rows), draw(columns), [f"agency {i}" for i in range(draw(agencies))]
    nested = draw(st.booleans())
    counts: dict = {}
    for c in range(across):
        for r in range(height):
            at = (f"row {r}", f"column {c}")
            if draw(st.integers(0, 9)) == 0:
                counts[at] = NotReported()
            else:
                sizes = draw(st.lists(size, min_size=len(names), max_size=len(names)))
                counts[at] = dict(zip(names, sizes, strict=True))
    axes = {
        "row": tuple(f"row {r}" for r in range(height)),
        "column": tuple(f"column {c}" for c in range(across)),
    }
    relations: list = []
    if nested:  # each row within the one before it, at every agency
        for (r, c), n in list(counts.items()):
            above = counts.get((f"row {int(r[4:]) - 1}", c))
            if isinstance(n, dict) and above is not None:
                most = above if isinstance(above, dict) else {}
                counts[r, c] = {agency: min(k, most.get(agency, 0)) for agency, k in n.items()}
        axes, counts, relations = add_totals(axes, counts, {"column": "all"})
        relations += [
            Nested((f"row {r + 1}", c), (f"row {r}", c)) for r in range(height - 1) for c in axes["column"]
        ]
    else:
        axes, counts, relations = add_totals(axes, counts, {"row": "all", "column": "all"})
    return RawTable(title="people", axes=axes, counts=counts, about=ABOUT, relations=relations)


def own(raw: RawTable) -> dict[str, dict]:
    agencies = sorted({agency for at in raw.counts for agency in raw.by_agency(at)})
    return {a: {at: raw.by_agency(at).get(a, 0) for at in raw.counts} for a in agencies}


def hidden(table: ProtectedTable) -> set:
    return {at for at, cell in table.cells.items() if cell == Hidden()}


class EveryTable:
    """An attacker without ideas: fills in whole numbers until they fit. It knows what any reader knows."""

    def __init__(self, raw: RawTable, cells: Mapping, mine: Mapping) -> None:
        self.truth = {at: sum(raw.by_agency(at).values()) for at in raw.counts}
        self.lines = []
        for relation in raw.relations:
            if isinstance(relation, Sum):
                self.lines.append((relation.total, relation.parts, 0))
            else:  # at least as many between as I have there myself
                gap = mine.get(relation.outer, 0) - mine.get(relation.inner, 0)
                self.lines.append((relation.outer, (relation.inner,), gap))
        self.exact = [isinstance(relation, Sum) for relation in raw.relations]
        self.known = {at: cell.value for at, cell in cells.items() if isinstance(cell, Shown)}
        self.known |= {at: 0 for at, cell in cells.items() if isinstance(cell, NotReported)}
        self.least = {at: max(1, mine.get(at, 0)) for at in cells if at not in self.known}

    def spread(self, target, enough: int) -> int:
        """How far apart two values of `target` are found to be, trying no further than `enough`."""
        low = high = self.truth[target]
        for step in (1, -1):
            while high - low < enough and self._fits(target, (high if step > 0 else low) + step):
                high, low = (high + step, low) if step > 0 else (high, low + step)
        return high - low

    def _fits(self, target, value: int) -> bool:
        return value >= self.least[target] and self._complete({**self.known, target: value})

    def _complete(self, table: dict) -> bool:
        table = self._forced(dict(table))
        if table is None:
            return False
        blank = sorted(
            (at for at in self.least if at not in table), key=lambda at: (self._open(at, table), at)
        )
        if not blank:
            return True
        guesses = sorted(self._range(blank[0]), key=lambda v: abs(v - self.truth[blank[0]]))
        return any(self._complete({**table, blank[0]: v}) for v in guesses)

    def _range(self, at) -> range:
        """Not far from the truth: a spread found this way is really there."""
        return range(max(self.least[at], self.truth[at] - WIDTH), self.truth[at] + WIDTH + 1)

    def _open(self, at, table: dict) -> int:
        return min(
            (sum(x not in table for x in (t, *ps)) for t, ps, _ in self.lines if at == t or at in ps),
            default=0,
        )

    def _forced(self, table: dict) -> dict | None:
        """Fill in what a line leaves no choice about; None when a line can't be right."""
        again = True
        while again:
            again = False
            for (total, parts, gap), exact in zip(self.lines, self.exact, strict=True):
                blank = [at for at in (total, *parts) if at not in table]
                ends = [
                    (table[at], table[at]) if at in table else (self._range(at)[0], self._range(at)[-1])
                    for at in (total, *parts)
                ]
                (bottom, top), low, high = ends[0], sum(e[0] for e in ends[1:]), sum(e[1] for e in ends[1:])
                if low + gap > top or (exact and high < bottom):
                    return None
                if not exact:
                    if not blank and table[total] - table[parts[0]] < gap:
                        return None
                elif not blank:
                    if table[total] != sum(table[p] for p in parts):
                        return None
                elif len(blank) == 1:
                    there = sum(table[p] for p in parts if p in table)
                    value = there if blank[0] == total else table[total] - there
                    if value < self.least[blank[0]]:
                        return None
                    table[blank[0]], again = value, True
        return table


def check_no_small_count(raw: RawTable, table: ProtectedTable) -> None:
    for at, cell in table.cells.items():
        counts = raw.counts[at]
        if isinstance(counts, NotReported):
            assert cell == NotReported()
            continue
        total = sum(counts.values())
        if total == 0:
            assert cell == Shown(0)
        if isinstance(cell, Shown):
            assert cell.value == total
            if total:
                assert total >= 11
                assert sum(n > 0 for n in counts.values()) >= 3
                assert max(counts.values()) <= Fraction(4, 5) * total
                assert all(not 0 < total - n <= 10 for n in counts.values())


def check_nothing_left_over(raw: RawTable, table: ProtectedTable) -> None:
    """What shown cells leave of a shown total, or of a shown outer cell, is no small count, nor its rest."""
    for relation in raw.relations:
        total, parts = (
            (relation.total, relation.parts)
            if isinstance(relation, Sum)
            else (relation.outer, (relation.inner,))
        )
        if not isinstance(table[total], Shown):
            continue
        left = dict(raw.by_agency(total))
        for part in parts:
            if isinstance(table[part], Shown):
                for agency, n in raw.by_agency(part).items():
                    left[agency] -= n
        rest = sum(left.values())
        assert not 0 < rest <= 10
        assert all(not 0 < rest - n <= 10 for n in left.values())


def check_attacker_fails(raw: RawTable, table: ProtectedTable) -> None:
    assert all(found.width >= WIDTH for found in narrowest(table, own(raw)).values())


def check_every_table_fails(raw: RawTable, table: ProtectedTable) -> None:
    for mine in ({}, *own(raw).values()):
        attacker = EveryTable(raw, table.cells, mine)
        for at in hidden(table):
            assert attacker.spread(at, WIDTH) >= WIDTH


@given(tables())
@quick
def test_no_small_count_is_shown_or_left_over_and_no_hidden_one_is_narrowed(raw):
    table = made(raw)
    check_no_small_count(raw, table)
    check_nothing_left_over(raw, table)
    check_attacker_fails(raw, table)


SMALL = {
    "rows": st.just(2),
    "columns": st.integers(2, 3),
    "agencies": st.just(3),
    "size": st.integers(0, 9),
}


@given(tables(**SMALL))
@tiny
def test_an_attacker_who_tries_every_table_narrows_nothing(raw):
    check_every_table_fails(raw, made(raw))


@pytest.mark.slow
@given(tables(rows=st.integers(2, 5), columns=st.integers(2, 5)))
@deep
def test_the_laws_hold_over_many_tables(raw):
    test_no_small_count_is_shown_or_left_over_and_no_hidden_one_is_narrowed.hypothesis.inner_test(raw)


@pytest.mark.slow
@given(tables(**SMALL))
@deep
def test_an_attacker_who_tries_every_one_of_many_tables_narrows_nothing(raw):
    check_every_table_fails(raw, made(raw))


@given(st.data(), tables())
@quick
def test_the_order_of_rows_and_the_names_of_agencies_decide_nothing(data, raw):
    agencies = sorted(own(raw))
    renamed = dict(zip(agencies, data.draw(st.permutations(agencies)), strict=True))
    counts = {}
    for at in data.draw(st.permutations(list(raw.counts))):
        n = raw.counts[at]
        counts[at] = n if isinstance(n, NotReported) else {renamed[a]: k for a, k in reversed(n.items())}
    other = RawTable(
        title=raw.title,
        axes={name: data.draw(st.permutations(values)) for name, values in raw.axes.items()},
        counts=counts,
        about=ABOUT,
        relations=data.draw(st.permutations(raw.relations)),
    )
    assert hidden(made(other)) == hidden(made(raw))


@given(tables())
@quick
def test_a_table_survives_being_stored(raw):
    table = made(raw)
    assert from_stored(table.to_data(), digest=table.digest()) == table


@given(st.lists(st.integers(0, 120), min_size=1, max_size=12), st.data())
@quick
def test_a_range_holds_whoever_overlaps(sizes, data):
    people = people_range({f"agency {i}": n for i, n in enumerate(sizes)})
    assume(people != Hidden())
    truth = data.draw(st.integers(max(sizes), sum(sizes)))
    assert people.low <= truth <= people.high
    assert people.low % 5 == people.high % 5 == 0
    assert not 1 <= people.low <= 10
    assert people.high >= 15


def test_hiding_only_the_small_counts_is_cracked():
    """The same attackers, let loose on tables where nothing is hidden but the small counts themselves."""
    counts = {("a", c): {"A": 2, "B": 1, "C": 1} if c == "x" else {"A": 20, "B": 20, "C": 20} for c in "xyz"}
    counts |= {("b", c): {"A": 20, "B": 20, "C": 20} for c in "xyz"}
    axes, counts, relations = add_totals(
        {"row": ("a", "b"), "column": tuple("xyz")}, counts, {"row": "all", "column": "all"}
    )
    raw = RawTable(title="naive", axes=axes, counts=counts, about=ABOUT, relations=relations)
    naive = {at: Shown(n) if (n := sum(by.values())) >= 11 else Hidden() for at, by in counts.items()}
    assert [at for at, cell in naive.items() if cell == Hidden()] == [("a", "x")]
    assert EveryTable(raw, naive, {}).spread(("a", "x"), WIDTH) == 0
    assert EveryTable(raw, made(raw).cells, {}).spread(("a", "x"), WIDTH) == WIDTH
    protected = made(raw)
    as_shown = type("Naive", (), {"cells": naive, "relations": protected.relations})
    found = narrowest(as_shown)[("a", "x")]
    assert (found.low, found.high) == (4, 4)
    assert narrowest(protected)[("a", "x")].width >= WIDTH
