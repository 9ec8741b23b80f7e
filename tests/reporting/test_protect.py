"""What `protect` promises beyond one table by itself: earlier releases, cuts of one count, modes, its proof."""

import json
from dataclasses import replace
from importlib import import_module

import pytest

from reporting.sdc import (
    Hidden,
    Mode,
    Policy,
    RawTable,
    Shown,
    Sum,
    Unprotectable,
    from_stored,
    protect,
    rounding,
    solve,
)
from tests.reporting.tables import SEED, narrowest
from tests.reporting.test_sdc_tables import ABOUT, KNOT, evenly, grid, hidden, row

ask = import_module("reporting.sdc.protect")


def keyed(raw: RawTable, dimension: str, universe: str = "people", release: str = "second") -> RawTable:
    """The same, as a count of these people cut by this dimension."""
    keys = {at: (universe, () if at == ("all",) else ((dimension, at[0]),)) for at in raw.counts}
    return replace(raw, keys=keys, about=replace(ABOUT, release_id=release))


def first():
    return protect(keyed(row(4, 30, 20, 40), "kind", release="first"), seed=SEED)


def test_a_figure_that_was_said_stays_said_in_another_table():
    """The total of 94 is public, so a small part of another cut needs company there, and not the total."""
    whole = keyed(row(94, 0, 0), "county")
    made = protect(whole, seed=SEED, earlier=[first().said])
    assert made.table[("all",)] == Shown(94)
    small = protect(keyed(row(90, 4), "county"), seed=SEED)
    assert hidden(small.table) == {"a", "b"}
    with pytest.raises(Unprotectable):
        protect(keyed(row(5, 4, 85, 0), "county"), seed=SEED, earlier=[forced("a", "b", "c")])


def forced(*shown: str):
    """A release that said these counts of the same people and the same cut, small ones too."""
    said = protect(keyed(row(5, 4, 85, 0), "county", release="careless"), seed=SEED).said
    figures = [
        replace(one, said=one.count) if one.key[1] and one.key[1][0][1] in shown else one
        for one in said.figures
    ]
    return replace(said, figures=tuple(figures))


def corrected(universe: str = "people") -> RawTable:
    """A late entry: the period counted again, with two more people in c and so in all."""
    return keyed(row(4, 30, 22, 40), "kind", universe)


def test_a_few_late_entries_are_not_read_from_a_second_table():
    before = first()
    assert hidden(before.table) == {"a", "c"}
    again = protect(corrected(), seed=SEED, earlier=[before.said]).table
    assert again[("all",)] == Hidden(), "96 less 94 is two people"


def test_sabotage_without_the_same_name_the_increment_is_read():
    before = first()
    again = protect(corrected("somebody else"), seed=SEED, earlier=[before.said]).table
    assert again[("all",)].value - before.table[("all",)].value == 2


def test_a_table_that_cannot_stand_beside_an_earlier_one_names_it():
    with pytest.raises(Unprotectable) as held:
        protect(keyed(row(5, 4, 85, 0), "county"), seed=SEED, earlier=[forced("a", "b", "c")])
    assert held.value.blocking == ("careless",)
    assert "5" not in str(held.value).replace("('", "")


def refusal(raw: RawTable, *earlier: RawTable, mode: Mode, before: Mode) -> Unprotectable:
    said = [protect(one, mode=before, seed=SEED).said for one in earlier]
    with pytest.raises(Unprotectable) as refused:
        protect(raw, mode=mode, seed=SEED, earlier=said)
    return refused.value


@pytest.mark.parametrize(("before", "now", "modes"), [
    ((17, 2), (20, 2), (Mode.ROUNDED, Mode.STRICT)),
    ((4, 0, 60), (4, 3, 60), (Mode.STRICT, Mode.ROUNDED)),
])  # fmt: skip
def test_a_refusal_always_names_the_releases_or_none_of_them_is_to_blame(before, now, modes):
    """No figure of the first is to blame by itself here, and yet the second could be made without it. What has
    nothing to do with it is never named."""
    first = keyed(row(*before), "county", release="first")
    apart = keyed(row(40, 30), "county", "somebody else", release="apart")
    again = keyed(row(*now), "county")
    assert refusal(again, first, apart, mode=modes[1], before=modes[0]).blocking == ("first",)
    alone = replace(keyed(row(4, 0), "county"), beside=frozenset({("all",)}))
    assert (
        refusal(alone, keyed(row(40, 30), "kind", release="kinds"), mode=modes[1], before=modes[0]).blocking
        == ()
    )


def test_sabotage_a_refusal_that_looks_at_single_figures_only_names_nothing(monkeypatch):
    """The test above bites."""
    plain = ask._Question.__init__

    def alone(self, *given):
        plain(self, *given)
        self.beside = frozenset()

    monkeypatch.setattr(ask._Question, "__init__", alone)
    first = keyed(row(17, 2), "county", release="first")
    again = keyed(row(20, 2), "county")
    assert refusal(again, first, mode=Mode.STRICT, before=Mode.ROUNDED).blocking == ()


def cube(*, inside: bool) -> RawTable:
    """Two by two by two, of which the three margins of two dimensions are shown: every count of the inside
    follows from any other one of it, and here one is zero."""
    sizes = {"000": 0, "001": 20, "010": 20, "011": 25, "100": 24, "101": 20, "110": 20, "111": 4}
    axes = dict.fromkeys("xyz", ("0", "1", "all"))
    counts, relations = {tuple(at): evenly(n) for at, n in sizes.items()}, []
    for i in range(3):
        for at in [at for at in counts if at.count("all") == 0]:
            total = (*at[:i], "all", *at[i + 1 :])
            parts = tuple((*at[:i], value, *at[i + 1 :]) for value in "01")
            counts[total] = evenly(sum(sizes["".join(part)] for part in parts))
            relations.append(Sum(total, parts))
    # evenly() of a sum is not the sum of what is even: add up.
    for one in relations:
        counts[one.total] = {
            agency: sum(counts[part][agency] for part in one.parts) for agency in counts[one.parts[0]]
        }
    atoms = frozenset(at for at in counts if "all" not in at)
    if not inside:
        counts = {at: n for at, n in counts.items() if at not in atoms}
        relations, atoms = [], frozenset()
    return RawTable(title="cube", axes=axes, counts=counts, relations=relations, inside=atoms, about=ABOUT)


def test_counts_without_a_place_are_protected_too():
    """All twelve margins are 20 or more; together they say that 111 is at most four more than it is."""
    loose = protect(cube(inside=False), seed=SEED).table
    assert hidden(loose) == set()
    made = protect(cube(inside=True), seed=SEED)
    assert hidden(made.table)
    assert all("all" in at for at in made.table.cells)
    with pytest.raises(KeyError):
        made.table["1", "1", "1"]


def test_strict_hides_that_a_count_is_small():
    few, strict = row(3, 12, 30), Mode.STRICT
    loose = narrowest(protect(few, seed=SEED).table)
    assert all(found.high >= 11 for found in narrowest(protect(few, mode=strict, seed=SEED).table).values())
    assert "11 or more" in protect(few, mode=strict, seed=SEED).table.caveats.suppression_rule
    assert set(loose) <= set(narrowest(protect(few, mode=strict, seed=SEED).table))


def test_rounded_counts_add_up_and_are_never_small():
    table = protect(grid(KNOT), mode=Mode.ROUNDED, seed=SEED).table
    values = [cell.value for cell in table.cells.values() if isinstance(cell, Shown)]
    assert all(value % 5 == 0 and not 0 < value < 15 for value in values)
    assert {str(cell) for at, cell in table.cells.items() if KNOT.get(at[0], (99,) * 4)[0] == 8} >= {
        "Hidden()"
    }
    said = protect(grid(KNOT), mode=Mode.ROUNDED, seed=SEED).said
    for figure in said.figures:
        assert not isinstance(figure.said, int) or figure.count == 0
        assert not isinstance(figure.said, tuple) or figure.said[0] <= figure.count <= figure.said[1]


@pytest.mark.parametrize("people", range(1, 11))
def test_a_nation_that_is_left_out_of_a_second_table_is_not_the_difference(people):
    """Partners read 60 people with the nation's; anybody reads, rounded, how many there are without."""
    with_it = {"one": {"a": 20, "b": 20, "c": 20 - people, "nation": people}}
    without = {"one": {"a": 20, "b": 20, "c": 20 - people}}
    said = protect(keyed(single(with_it), "kind", release="partners"), seed=SEED).said
    assert said.figures[0].said == 60
    for n in range(12):
        try:
            made = protect(
                keyed(single(without), "kind"), mode=Mode.ROUNDED, earlier=[said], seed=bytes([n]) * 32
            )
        except Unprotectable:
            continue
        cell = made.table[("one",)]
        if isinstance(cell, Shown):
            low, high = rounding.interval(cell.value)
            assert 60 - low - max(0, 60 - high) >= 5


def single(counts):
    """A table of one figure."""
    return RawTable(
        title="one", axes={"kind": ("one",)}, counts={(at,): by for at, by in counts.items()}, about=ABOUT
    )


def proven(mode: Mode = Mode.SUPPRESSED):
    made = protect(grid(KNOT), mode=mode, seed=SEED)
    return made.table, json.loads(json.dumps(made.table.to_data())), json.loads(json.dumps(made.certificate))


@pytest.mark.parametrize("mode", list(Mode))
def test_a_table_is_held_against_its_certificate(mode):
    table, data, certificate = proven(mode)
    assert from_stored(data, digest=table.digest(), certificate=certificate) == table
    assert '"agency 0"' not in json.dumps(certificate)


def another(certificate) -> None:
    certificate.clear()
    certificate.update(protect(row(4, 30, 20), seed=SEED).certificate)


def moved(certificate) -> None:
    section = next(one for one in certificate["certificate"]["readers"] if one["unknown"])
    section["tables"][0][0] += 1


def swapped(certificate) -> None:
    """The first hidden cell for the first shown one."""
    names = [name for _at, name in certificate["places"]]
    first, second = (
        next(n for n in names if (n in certificate["suppressed"]) is is_hidden) for is_hidden in (True, False)
    )
    for place in certificate["places"]:
        place[1] = {first: second, second: first}.get(place[1], place[1])


FORGED = {
    "of another table": another,
    "alternative tables that do not add up": moved,
    "a target left out": lambda c: [one["targets"].pop() for one in c["certificate"]["readers"]],
    "a line left out": lambda c: c["certificate"]["lines"].pop(),
    "a looser width": lambda c: c["certificate"].update(width=1),
    "places of one another": swapped,
    "nothing": lambda c: c.clear(),
}


@pytest.mark.parametrize("forgery", FORGED)
@pytest.mark.parametrize("mode", [Mode.SUPPRESSED, Mode.ROUNDED])
def test_a_forged_certificate_is_refused(forgery, mode):
    table, data, certificate = proven(mode)
    FORGED[forgery](certificate)
    with pytest.raises(ValueError, match="certificate"):
        from_stored(data, digest=table.digest(), certificate=certificate)


def test_a_hidden_cell_shown_by_hand_is_refused_by_the_certificate_alone(monkeypatch):
    """Line by line nobody sees it: every line keeps two hidden cells or none. The true count adds up."""
    table, data, certificate = proven()
    at = next(list(at) for at, cell in table.cells.items() if at == ("r", "a") and cell == Hidden())
    for cell in data["cells"]:
        if cell["at"] == at:
            cell["value"] = 11
    data["caveats"]["share_hidden"] = round(100 * (len(hidden(table)) - 1) / len(table.cells))
    monkeypatch.setattr(type(table), "digest", lambda self: "recomputed by the forger")
    with pytest.raises(ValueError):  # noqa: PT011
        from_stored(data, digest="recomputed by the forger", certificate=certificate)


def test_an_engine_that_misses_a_hole_is_not_believed(monkeypatch):
    """The engine hides one cell too few and vouches for it; the attacker of other code does not."""
    engine = solve.protected

    def careless(system, seed):
        answer = engine(system, seed)
        secondary = answer.secondary[0]
        value = int(system.values[system.ids.index(secondary)])
        return replace(answer, shown=answer.shown | {secondary: value})

    raw = row(4, 30, 20)
    monkeypatch.setattr(ask, "protected", careless)
    with pytest.raises(Unprotectable, match="attacker"):
        protect(raw, seed=SEED)


def test_two_agencies_together_are_reported():
    found = protect(row({"A": 12, "B": 10, "C": 4}, total=None), seed=SEED).attack
    assert (found.exact, found.narrow, found.pairs) == (0, 0, 3)
    assert [(one.agencies, one.cells) for one in found.coalitions] == [
        (("A", "B"), ("a",)),
        (("A", "C"), ("a",)),
    ]
    assert "A" in json.dumps(found.to_data())


def test_no_name_decides_and_every_seed_is_safe():
    raw = grid(KNOT)
    assert hidden(protect(raw, seed=SEED).table) == hidden(protect(raw, seed=SEED).table)
    for seed in range(3):
        table = protect(raw, seed=bytes([seed]) * 32).table
        assert all(found.width >= Policy().width for found in narrowest(table).values())
