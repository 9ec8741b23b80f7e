"""What `protect` does to a table, case by case; laws over all tables are in properties/test_sdc_laws.py."""

import json
import pickle
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from importlib import import_module

import pytest

from reporting.sdc import (
    Contradiction,
    Hidden,
    MedianDays,
    Nested,
    NotReported,
    Policy,
    ProtectedTable,
    Provenance,
    Range,
    RawMedian,
    RawRange,
    RawTable,
    Shown,
    Sum,
    Unprotectable,
    add_totals,
    certificate,
    consistent_with,
    from_stored,
    pattern,
    people_range,
    rules,
    solve,
)
from reporting.sdc.second_opinion import Audit
from tests.reporting.tables import made, narrowest

ask = import_module("reporting.sdc.protect")

ABOUT = Provenance(
    source="Three Rivers demo",
    period=(date(2025, 1, 1), date(2025, 4, 1)),
    agencies_reporting=4,
    agencies_expected=5,
    counted_as="clients of each agency; one person may be counted at several",
    does_not_show="people no agency met",
    release_id="2025-q1",
    generated_at=datetime(2025, 4, 2, 8, tzinfo=UTC),
)


def evenly(total: int, agencies: int = 4) -> dict[str, int]:
    return {f"agency {i}": total // agencies + (i < total % agencies) for i in range(agencies)}


def row(*counts, total: str | None = "all", **more) -> RawTable:
    """One line of cells a, b, c ... and their total. A number is spread evenly over four agencies."""
    names = "abcdefgh"[: len(counts)]
    cells = {(name,): evenly(n) if isinstance(n, int) else n for name, n in zip(names, counts, strict=True)}
    axes, relations = {"kind": tuple(names)}, []
    if total:
        axes, cells, relations = add_totals(axes, cells, {"kind": total})
    relations += more.pop("nested", [])
    for extra in ("medians", "ranges"):
        axes["kind"] += tuple(at[0] for at in more.get(extra, {}))
    return RawTable(title="people", axes=axes, counts=cells, about=ABOUT, relations=relations, **more)


def grid(rows: dict[str, tuple[int, ...]]) -> RawTable:
    columns = "abcdefgh"[: len(next(iter(rows.values())))]
    cells = {(r, c): evenly(n) for r, ns in rows.items() for c, n in zip(columns, ns, strict=True)}
    axes, cells, relations = add_totals(
        {"row": tuple(rows), "column": tuple(columns)}, cells, {"row": "all", "column": "all"}
    )
    return RawTable(title="grid", axes=axes, counts=cells, about=ABOUT, relations=relations)


def hidden(table: ProtectedTable) -> set:
    return {"".join(at) for at, cell in table.cells.items() if cell == Hidden()}


def naive(monkeypatch) -> None:
    """An engine that hides small counts and nothing beside them, and says that it is proven."""
    monkeypatch.setattr(pattern._Search, "settle", lambda self: self)
    monkeypatch.setattr(pattern._Search, "whole_numbers", lambda self: self.found())
    monkeypatch.setattr(solve, "certify", lambda system, suppressed, **more: ({}, []))
    monkeypatch.setattr(ask._Question, "_close", lambda self, is_shown: False)


def blind(monkeypatch) -> None:
    """Nobody of other code looks at what would be shown."""
    monkeypatch.setattr(ask, "audit", lambda table, shown: Audit(0, 0, ()))


@pytest.mark.parametrize(
    ("counts", "gone"),
    [
        ((40, 30, 20), set()),
        ((0, 30, 20), set()),
        ((10, 30, 20), {"a", "c"}),  # a alone would be the total less the rest; c is the next smallest
        ((11, 30, 20), {"a", "c"}),  # an agency with three of the eleven reads eight
        ((15, 30, 20), set()),
        ((4, 5, 20), {"a", "b", "c"}),  # four and five are nine people: that may not be read either
        ((8, 8, 20), {"a", "b"}),
        ((4, 0, 0), {"a", "all"}),
        ((3, 4, 0), {"a", "b", "all"}),
    ],
)
def test_small_counts_hide_and_take_company(counts, gone):
    assert hidden(made(row(*counts))) == gone


def test_without_a_total_nothing_else_has_to_hide():
    assert hidden(made(row(4, 30, 20, total=None))) == {"a"}


@pytest.mark.parametrize(
    ("by_agency", "shown"),
    [
        ({"A": 10, "B": 10, "C": 10}, True),
        ({"A": 30, "B": 30}, False),  # two agencies read each other
        ({"A": 30, "B": 30, "C": 0}, False),
        ({"A": 79, "B": 11, "C": 10}, True),
        ({"A": 81, "B": 10, "C": 9}, False),  # one agency makes it up
        ({"A": 20, "B": 5, "C": 5}, False),  # A takes its 20 away and reads ten people
        ({"A": 20, "B": 6, "C": 5}, True),
        ({"A": 0, "B": 0}, True),
    ],
)
def test_an_agency_can_take_its_own_rows_away(by_agency, shown):
    assert (made(row(by_agency, total=None)).cells[("a",)] != Hidden()) is shown


def test_zero_not_reported_and_hidden_stay_three_things():
    table = made(row(0, NotReported(), 4, 30, 20))
    assert [table[(k,)] for k in "abcd"] == [Shown(0), NotReported(), Hidden(), Shown(30)]
    assert [cell["value"] for cell in table.to_data()["cells"]] == [0, "not_reported", None, 30, None, 54]
    with pytest.raises(ValueError, match="no agency reported"):
        row({}, 30)


def test_people_between_two_stages_are_people_too():
    stages = [Nested(("b",), ("a",)), Nested(("c",), ("b",))]
    assert hidden(made(row(60, 60, 40, total=None, nested=stages))) == set()
    assert hidden(made(row(60, 45, 41, total=None, nested=stages))) == {"c"}
    # With b hidden, a less c is eight people: the nesting of c in a is followed through.
    assert hidden(made(row(60, 55, 52, total=None, nested=stages))) == {"b", "c"}


KNOT = {  # every line of it has two small cells or none
    "r": (8, 8, 40, 30),
    "s": (8, 8, 50, 60),
    "t": (8, 70, 8, 8),
    "u": (90, 80, 8, 8),
}


def knot_solved(table: ProtectedTable) -> int | None:
    """Cell t|a by hand: column a, less rows r and s, plus column b; None where something in it is hidden."""

    def left(total, *parts):
        return table[total].value - sum(table[part].value for part in parts)

    try:
        rows = left(("r", "all"), ("r", "c"), ("r", "d")) + left(("s", "all"), ("s", "c"), ("s", "d"))
        columns = left(("all", "a"), ("u", "a")), left(("all", "b"), ("t", "b"), ("u", "b"))
    except AttributeError:
        return None
    return columns[0] - (rows - columns[1])


def test_a_cell_that_only_several_lines_together_solve_is_hidden_better(monkeypatch):
    assert knot_solved(made(grid(KNOT))) is None
    naive(monkeypatch)
    blind(monkeypatch)
    table = made(grid(KNOT))
    assert table[("t", "a")] == Hidden()
    assert (
        knot_solved(table) == 8
    )  # without the proof it is read to the digit, line by line nobody would see it


def test_each_guard_is_missed_when_it_is_gone(monkeypatch):
    raw = row(4, 30, 20)
    assert hidden(made(raw)) == {"a", "c"}
    naive(monkeypatch)
    with pytest.raises(Unprotectable, match="attacker"):  # it sees [4, 4]
        made(raw)
    blind(monkeypatch)
    with pytest.raises(Unprotectable, match="worked out"):  # so does whoever puts the table together
        made(raw)


def test_the_gate_looks_through_each_agencys_eyes(monkeypatch):
    # The public knows only that x and y are 40 together; agency A has 19 and 17 of them.
    raw = row({"A": 19, "B": 3}, {"A": 17, "B": 1}, 60)
    assert all(found.width >= 5 for found in narrowest(made(raw), {"A": {("a",): 19, ("b",): 17}}).values())
    public = rules.readers
    for part in (pattern, certificate):
        monkeypatch.setattr(part, "readers", lambda system, targets: public(system, targets)[:1])
    monkeypatch.setattr(ask._Question, "_close", lambda self, is_shown: False)
    with pytest.raises(Unprotectable, match="attacker"):
        made(raw)


def test_the_attacker_says_what_it_found():
    table = made(row(8, 8, 20))
    found = narrowest(table)
    assert (found[("a",)].low, found[("a",)].high, found[("a",)].reader) == (1, 15, None)
    found = narrowest(table, {"agency 0": {("a",): 2, ("b",): 2}})
    assert (found[("a",)].low, found[("a",)].high, found[("a",)].reader) == (2, 14, "agency 0")


def test_medians_need_people_and_their_cell():
    def median(n, cell="a", days=12.5):
        return made(row(30, 4, 20, medians={("m",): RawMedian(days, evenly(n), (cell,))}))[("m",)]

    assert median(15) == MedianDays(13)
    assert median(10) == Hidden()
    assert median(15, cell="b") == Hidden()
    assert median(0) == NotReported()
    skewed = RawMedian(3, {"A": 90, "B": 6, "C": 5}, ("a",))
    assert made(row(30, 30, medians={("m",): skewed}))[("m",)] == Hidden()


def test_shares_come_only_from_shown_counts():
    table = made(row(30, 4, 20, 46, 0))
    assert table.share(("a",), ("all",)) == 30
    assert table.share(("d",), ("all",)) == 45
    assert table.share(("e",), ("all",)) == 0
    assert table.share(("b",), ("all",)) is None
    assert table.share(("a",), ("e",)) is None


THREE_RIVERS = [39, 95, 64, 85, 74, 80, 35, 43, 26, 84, 9, 10]


@pytest.mark.parametrize(
    ("agencies", "people"),
    [
        (THREE_RIVERS, Range(95, 645)),
        ([12, 11, 10], Range(0, 35)),  # ten would print a small agency's count
        ([15, 15, 15], Range(15, 45)),
        ([44, 20, 1], Range(0, 65)),  # the second would know of the third that it has 1 to 5
        ([44, 20, 11], Range(40, 75)),
        ([4, 3, 3], Hidden()),
        ([400, 3, 3], Hidden()),
        ([50, 50], Hidden()),
        ([0, 0, 0], Hidden()),
    ],
)
def test_people_are_bounded_outward(agencies, people):
    assert people_range({f"agency {i}": n for i, n in enumerate(agencies)}) == people


def test_a_range_hides_with_the_count_it_would_give_away():
    def people(cell):
        return made(row(40, 4, 20, ranges={("p",): RawRange(evenly(64), cell)}))[("p",)]

    assert people(("all",)) == people(None) == Range(15, 65)
    assert people(("b",)) == Hidden()


@pytest.mark.parametrize(
    "looser",
    [
        {"threshold": 10},
        {"threshold": True},
        {"width": 4},
        {"min_agencies": 2},
        {"rounding": 1},
        {"dominance": Fraction(9, 10)},
        {"dominance": 0.8},
    ],
)
def test_the_policy_only_gets_stricter(looser):
    with pytest.raises(ValueError, match="must be"):
        Policy(**looser)


def test_a_stricter_policy_holds():
    table = made(row(15, 40, 30, 50), Policy(threshold=20, width=9))
    assert hidden(table) == {"a", "c"}
    assert "1 to 19 people" in table.caveats.suppression_rule


def test_nobody_else_makes_a_protected_table():
    table = made(row(30, 20))
    content = {
        "title": "x",
        "axes": {},
        "cells": {},
        "relations": (),
        "policy": table.policy,
        "caveats": table.caveats,
    }
    with pytest.raises(TypeError):
        ProtectedTable(**content)
    with pytest.raises(TypeError):
        ProtectedTable(**content, key=object())
    with pytest.raises((TypeError, ValueError)):
        replace(table, title="other")
    with pytest.raises(AttributeError):
        table.title = "other"
    with pytest.raises(TypeError):
        table.cells[("a",)] = Shown(3)
    with pytest.raises(TypeError):
        pickle.dumps(table)
    with pytest.raises(TypeError):
        type("Looser", (ProtectedTable,), {})


@pytest.mark.parametrize("missing", ["source", "counted_as", "does_not_show", "release_id"])
def test_a_table_without_its_caveats_does_not_exist(missing):
    with pytest.raises(ValueError, match=missing):
        replace(ABOUT, **{missing: " "})


def test_the_other_caveats_make_sense():
    for wrong in (
        {"period": (date(2025, 1, 1), date(2025, 1, 1))},
        {"agencies_reporting": 6},
        {"generated_at": datetime(2025, 4, 2)},
    ):
        with pytest.raises(ValueError):  # noqa: PT011
            replace(ABOUT, **wrong)
    table = made(row(30, 4, 20))
    assert table.caveats.share_hidden == 50
    assert table.caveats.suppression_rule == Policy().rule


def stored():
    extra = {
        "medians": {("m",): RawMedian(3, evenly(30), ("a",))},
        "ranges": {("p",): RawRange(evenly(54), ("all",))},
    }
    return made(row(30, 4, 20, NotReported(), nested=[], **extra))


def test_a_stored_table_comes_back_the_same():
    table = stored()
    data = json.loads(json.dumps(table.to_data()))
    again = from_stored(data, digest=table.digest())
    assert again == table
    assert again.digest() == table.digest()
    assert "agency 0" not in json.dumps(data)


def forge(change) -> dict:
    data = json.loads(json.dumps(stored().to_data()))
    change(data)
    return data


FORGERIES = {
    "a small count": lambda d: d["cells"][1].update(value=4),
    "one hidden cell shown": lambda d: d["cells"][2].update(value=20),
    "a float": lambda d: d["cells"][0].update(value=30.0),
    "a truth": lambda d: d["cells"][0].update(value=True),
    "an unrounded range": lambda d: d["cells"][-1].update(value={"low": 14, "high": 55}),
    "numbers that do not add up": lambda d: d["cells"][0].update(value=90),
    "a place off the axes": lambda d: d["cells"][0].update(at=["z"]),
    "a place twice": lambda d: d["cells"].append(d["cells"][0]),
    "a loose policy": lambda d: d["policy"].update(threshold=3),
    "no coverage": lambda d: d["caveats"].pop("agencies_expected"),
    "an empty source": lambda d: d["caveats"].update(source=""),
    "another rule's text": lambda d: d["caveats"].update(suppression_rule="none"),
    "another share": lambda d: d["caveats"].update(share_hidden=0),
    "another format": lambda d: d.update(format=0),
    "nothing": lambda d: d.clear(),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_table_is_refused_whatever_its_digest(forgery, monkeypatch):
    monkeypatch.setattr(ProtectedTable, "digest", lambda self: "recomputed by the forger")
    with pytest.raises(ValueError):  # noqa: PT011
        from_stored(forge(FORGERIES[forgery]), digest="recomputed by the forger")


def test_a_changed_digest_is_refused():
    with pytest.raises(ValueError, match="not the one"):
        from_stored(forge(lambda d: d.update(title="other")), digest=stored().digest())


def test_a_closed_period_is_said_once():
    first = made(row(30, 4, 20, 40))
    consistent_with([first], made(row(30, 4, 20, 40)))
    later = replace(ABOUT, period=(date(2025, 4, 1), date(2025, 7, 1)))
    for counts in ((31, 4, 20, 40), (30, 14, 20, 40)):
        changed = row(*counts)
        with pytest.raises(Contradiction) as held:
            consistent_with([first], made(changed))
        assert ("all",) in held.value.places
        consistent_with([first], made(replace(changed, about=later)))


def test_the_first_table_may_be_repeated_with_less():
    consistent_with([made(row(30, 40, 20))], made(row(30, 40, 20), Policy(threshold=25, width=12)))


@pytest.mark.parametrize(
    "wrong",
    [
        {
            "relations": [Sum(("all",), (("a",), ("b",)))],
            "counts": {("a",): {"A": 1}, ("b",): {"A": 1}, ("all",): {"A": 3}},
        },
        {
            "relations": [Nested(("a",), ("b",))],
            "counts": {("a",): {"A": 2, "B": 0}, ("b",): {"A": 1, "B": 9}},
        },
        {"counts": {("a",): {"A": -1}}},
        {"counts": {("a",): {"A": 1.5}}},
        {"counts": {("z",): {"A": 1}}},
        {"counts": {("a", "b"): {"A": 1}}},
        {"counts": {}, "relations": [Sum(("a",), (("b",),))]},
        {"title": " "},
        {"medians": {("a",): RawMedian(1, {"A": 1}, ("a",))}},
        {"medians": {("b",): RawMedian(-1, {"A": 1}, ("a",))}},
    ],
)
def test_a_table_that_contradicts_itself_is_refused_without_naming_a_count(wrong):
    sound = {
        "title": "t",
        "axes": {"kind": ("a", "b", "all")},
        "counts": {("a",): {"A": 7777}},
        "about": ABOUT,
    }
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        RawTable(**(sound | wrong))
    assert "7777" not in str(refused.value)


def test_exact_counts_do_not_show_in_a_traceback():
    assert "7777" not in repr(row(7777, 20))
