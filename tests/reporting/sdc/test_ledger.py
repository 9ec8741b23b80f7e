"""Releases one after the other, attacked together by an attacker of other code, with a table built here."""

import dataclasses
import itertools
import json
from datetime import UTC, datetime

import numpy as np
import pytest

from reporting.sdc.attacker import attack
from reporting.sdc.ledger import Figure, Said, connected, joint, overlaps
from reporting.sdc.pattern import Refused
from reporting.sdc.rules import primary
from reporting.sdc.solve import protected
from tests.reporting.sdc.invented_time import AGENCIES, Contacts, key, month

SEED = bytes(range(32))


def windows(family):
    """The windows of a family in the order they are released."""
    return {
        "nested": [(0, 1), (1, 2), (2, 3), (0, 3), (3, 4), (4, 5), (5, 6), (3, 6), (0, 6)],
        "cumulative": [(0, n) for n in range(1, 7)],
        "rolling": [(n, n + 3) for n in range(6)],
    }[family]


FAMILIES = ("nested", "cumulative", "rolling", "corrected")


def plan(world, family):
    """What is counted, one release after the other: (window, Said)."""
    if family != "corrected":
        for day, (start, end) in enumerate(windows(family)):
            yield (start, end), world.said(f"r{day}", start, end, day=200 + day)
        return
    yield (0, 3), world.said("first", 0, 3, day=100)
    world.late(0, 3, 0.08)
    yield (0, 3), world.said("corrected", 0, 3, day=200)
    world.late(0, 3, 0.05, off=True)
    yield (0, 3), world.said("again", 0, 3, day=300)


def told(new, together, shown):
    """What a release says when these cells are shown."""
    return dataclasses.replace(
        new,
        figures=tuple(
            dataclasses.replace(figure, said=shown.get(name))
            for figure, name in zip(new.figures, together.places, strict=True)
        ),
    )


def history(world, family, *, ledger=True):
    """Every release as it came out, with its window; and how many were held back."""
    out, held = [], 0
    for window, new in plan(world, family):
        together = joint([said for _, said in out] if ledger else [], new)
        try:
            shown = protected(together.system, SEED).shown
        except Refused:
            held += 1
            continue
        out.append((window, told(new, together, shown)))
    return out, held


def everything(world, out, months):
    """The joint table as this test sees it: releases, months, and what came or went between corrections."""
    cells, relations, shown, value = [], [], {}, {}

    def cell(name, n):
        if name not in value:
            cells.append({"id": name})
            value[name] = n

    used = {m for (start, end), _ in out for m in range(start, end)} if months else set()
    for m in used:
        for at in world.keys:
            cell(f"m{m}{at}", world.count(at, m, m + 1))
        relations += margins(world, lambda at, m=m: f"m{m}{at}")
    for number, ((start, end), said) in enumerate(out):
        counted = {figure.key: figure for figure in said.figures}
        for at in world.keys:
            figure = counted[key(at)]
            cell(f"r{number}{at}", figure.count)
            if figure.said is not None:
                shown[f"r{number}{at}"] = figure.said
            if months:
                parts = [f"m{m}{at}" for m in range(start, end)]
                relations.append({"total": f"r{number}{at}", "parts": parts})
        relations += margins(world, lambda at, number=number: f"r{number}{at}")
    offset = 0 if months else 10_000
    if offset:
        cell("offset", offset)
        shown["offset"] = offset
    for (a, (one, _)), (b, (other, _)) in itertools.combinations(enumerate(out), 2):
        inside = other[0] <= one[0] and one[1] <= other[1]
        if not inside and not (one[0] <= other[0] and other[1] <= one[1]):
            continue
        small, large = (a, b) if inside else (b, a)
        for at in world.keys:
            change = value[f"r{large}{at}"] - value[f"r{small}{at}"]
            cell(f"d{large}-{small}{at}", change + offset)
            if offset:
                cell(f"s{large}-{small}{at}", value[f"r{large}{at}"] + offset)
                relations.append({"total": f"s{large}-{small}{at}", "parts": [f"r{large}{at}", "offset"]})
            total = f"{'s' if offset else 'r'}{large}-{small}{at}" if offset else f"r{large}{at}"
            relations.append({"total": total, "parts": [f"r{small}{at}", f"d{large}-{small}{at}"]})
    return {"cells": cells, "relations": relations}, shown, value, offset


def margins(world, name):
    places, services = world.sides
    for place in (*range(places), None):
        yield {"total": name((place, None)), "parts": [name((place, s)) for s in range(services)]}
    for service in (*range(services), None):
        yield {"total": name((None, service)), "parts": [name((p, service)) for p in range(places)]}


def holes(world, out, family):
    """Small counts and small increments that can be worked out from all releases together: (exact, narrow,
    increments of which either is true)."""
    table, shown, value, offset = everything(world, out, months=family != "corrected")
    targets = {n for n, v in value.items() if n[0] in "mr" and 0 < v < 11}
    increments = {n for n, v in value.items() if n[0] == "d" and 0 < abs(v - offset) < 11}
    assert not targets & shown.keys(), "a small count is shown"
    found = attack(table, shown, targets | increments)
    exact = sum(high - low < 1 for name, (low, high) in found.items() if name in targets)
    narrow = sum(high - low < 5 for name, (low, high) in found.items() if name in targets)
    readable = sum(high - low < 5 for name, (low, high) in found.items() if name in increments)
    return exact, narrow, readable


def over(seeds, family, *, ledger=True):
    total, shown, held = [0, 0, 0], 0, 0
    for seed in range(seeds):
        world = Contacts(seed)
        out, refused = history(world, family, ledger=ledger)
        total = [a + b for a, b in zip(total, holes(world, out, family), strict=True)]
        shown += sum(figure.said is not None for _, said in out for figure in said.figures)
        held += refused
    return tuple(total), shown, held


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_can_be_worked_out_from_all_releases_together(family):
    found, shown, held = over(2, family)
    assert found == (0, 0, 0)
    assert shown and not held


def test_without_the_ledger_it_can():
    found = [over(2, family, ledger=False)[0] for family in FAMILIES]
    assert sum(map(sum, found)) > 10


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_twenty_seeds_of_each_family(family):
    found, shown, _ = over(20, family)
    assert found == (0, 0, 0)
    assert shown


@pytest.mark.slow
def test_twenty_seeds_without_the_ledger():
    found = [over(20, family, ledger=False)[0] for family in FAMILIES]
    assert sum(exact + increments for exact, _, increments in found) > 100


DAYS = [datetime(2025, 1, day, tzinfo=UTC) for day in range(1, 20)]


def one(release, months, day, by, said=None, *, adds_up=True, has_place=True, agencies=AGENCIES):
    """A release of one figure."""
    return Said(
        release=release,
        period=(month(months[0]), month(months[1])),
        taken=DAYS[day],
        agencies=tuple(agencies),
        figures=(Figure(("contacts", ()), by, said, has_place),),
        adds_up=frozenset({"contacts"} if adds_up else ()),
    )


def by(*counts):
    return dict(zip(AGENCIES, counts, strict=False))


def bounds(together, name, shown=None):
    """What can be read of a cell when everything that has a place is shown."""
    forced = set(together.table["forced"])
    hidden = set(together.table["hidden"])
    known = {
        c["id"]: c["value"] for c in together.table["cells"] if c["id"] not in hidden or c["id"] in forced
    }
    return attack(together.table, known if shown is None else shown, {name})[name]


def value(together, name):
    return next(cell["value"] for cell in together.table["cells"] if cell["id"] == name)


class TestWhatTiesReleases:
    def test_an_unchanged_figure_is_one_cell_and_shown_again(self):
        together = joint([one("old", (0, 3), 1, by(20, 20, 20), 60)], one("new", (0, 3), 2, by(20, 20, 20)))
        assert together.table["cells"] == [
            {"id": together.places[0], "value": 60, "by": by(20, 20, 20), "network": False}
        ]
        assert together.table["forced"] == together.places
        assert together.labels(together.places) == {"old"}

    @pytest.mark.parametrize(
        ("now", "kept"), [(by(24, 20, 20), True), (by(20, 20, 17), True), (by(31, 33, 32), False)]
    )
    def test_who_came_late_or_was_taken_off_is_kept(self, now, kept):
        together = joint([one("old", (0, 3), 1, by(20, 20, 20), 60)], one("new", (0, 3), 2, now))
        assert (together.places[0] in protected_hidden(together)) is kept

    def test_what_one_agency_left_beside_its_own_is_kept(self):
        """30 came, 28 of them one agency's: it would read the 2."""
        together = joint([one("old", (0, 3), 1, by(20, 20, 20), 60)], one("new", (0, 3), 2, by(48, 22, 20)))
        assert together.places[0] in protected_hidden(together)

    def test_an_agency_that_joins_is_not_read_from_the_difference(self):
        old = one("old", (0, 3), 1, by(20, 20, 20), 60, agencies=AGENCIES[:3])
        together = joint([old], one("new", (0, 3), 2, by(20, 20, 20, 40)))
        assert together.places[0] in protected_hidden(together)

    def test_a_month_inside_a_quarter_leaves_the_rest(self):
        months = [one("jan", (0, 1), 1, by(20, 20, 20), 60), one("feb", (1, 2), 2, by(15, 15, 15), 45)]
        together = joint(months, one("q", (0, 3), 3, by(36, 37, 37)))
        rest = next(cell["id"] for cell in together.table["cells"] if cell["value"] == 5)
        assert bounds(together, rest) == (5, 5)
        assert together.places[0] in protected_hidden(together)

    def test_people_are_at_least_each_piece_and_at_most_their_sum(self):
        pieces = [
            one("jan", (0, 1), 1, by(20, 20, 20), adds_up=False),
            one("feb", (1, 2), 2, by(15, 15, 15), 45, adds_up=False),
        ]
        new = one("both", (0, 2), 3, by(30, 30, 30), adds_up=False)
        together = joint(pieces, new)
        january = next(cell["id"] for cell in together.table["cells"] if cell["value"] == 60)
        assert bounds(together, january) == (45, 90)

    def test_a_year_is_at_most_its_quarters_beside_all_its_months(self):
        """Months that nobody may read say nothing of the year; its quarters leave at least five."""
        months = [one(f"m{n}", (n, n + 1), n + 1, by(2, 2, 1), adds_up=False) for n in range(12)]
        quarters = [
            one(f"q{n}", (n, n + 3), 12 + n // 3, by(20, 20, 20), 60, adds_up=False) for n in (3, 6, 9)
        ] + [one("q0", (0, 3), 12, by(2, 2, 1), adds_up=False)]
        together = joint([*months, *quarters], one("year", (0, 12), 18, by(62, 62, 61), adds_up=False))
        assert bounds(together, f"contacts[] {month(0)}..{month(3)}")[0] == 5

    @pytest.mark.parametrize(("has_place", "least"), [(True, 1), (False, 0)])
    def test_where_a_mark_was_said_there_is_somebody(self, has_place, least):
        """Zeros are shown; of what has no place nobody knows even that."""
        january = one("jan", (0, 1), 1, by(2, 2, 1), has_place=has_place, adds_up=False)
        together = joint([january], one("q", (0, 3), 2, by(20, 20, 20), adds_up=False))
        assert bounds(together, f"contacts[] {month(0)}..{month(1)}") == (least, 60)

    def test_an_interval_said_bounds_its_count(self):
        old = one("range", (0, 3), 1, by(20, 20, 23), (60, 70))
        together = joint([old], one("new", (0, 4), 2, by(40, 40, 40)))
        assert bounds(together, next(c["id"] for c in together.table["cells"] if c["value"] == 63)) == (
            60,
            70,
        )
        assert not set(together.system.names(primary(together.system))) & set(together.table["slack"])

    def test_rolling_quarters_share_pieces_that_nobody_counted(self):
        rolling = [
            one(f"r{n}", (n, n + 3), n, by(*counts), sum(counts))
            for n, counts in enumerate([(20, 20, 20), (25, 20, 20)])
        ]
        together = joint(rolling, one("r2", (2, 5), 5, by(21, 21, 21)))
        inside = [name for name in together.table["hidden"] if name in together.table["sensitive"]]
        assert len(inside) >= 3
        for cell in inside:
            low, high = bounds(together, cell)
            assert low <= value(together, cell) <= high

    def test_a_piece_counted_for_this_alone_is_taken_as_it_is(self):
        rolling = [one("r0", (0, 3), 1, by(20, 20, 20), 60)]
        piece = one("inside", (1, 3), 2, by(13, 14, 15), None, has_place=False)
        together = joint([*rolling, piece], one("r1", (1, 4), 3, by(21, 21, 21)))
        assert {18, 42} <= {cell["value"] for cell in together.table["cells"]}

    def test_what_nothing_joins_to_the_new_table_is_left_out(self):
        far = one("far", (9, 12), 1, by(1, 2, 3))
        disjoint = one("next", (3, 6), 1, by(1, 2, 3))
        together = joint([far, disjoint], one("new", (0, 3), 2, by(20, 20, 20)))
        assert [cell["id"] for cell in together.table["cells"]] == together.places

    def test_what_ended_three_years_before_is_left_out(self):
        chain = [one(f"r{n}", (n, n + 3), 1, by(20, 20, 20 + n), 60 + n) for n in range(0, 42, 2)]
        new = one("new", (42, 45), 2, by(30, 30, 30))
        assert {said.release for said in connected(chain, new)} == {said.release for said in chain[2:]}
        assert joint(chain[2:], new).table == joint(chain, new).table

    def test_overlap_needs_shared_days_and_a_shared_universe(self):
        quarter = one("q", (0, 3), 1, by(1))
        assert overlaps(quarter, one("m", (2, 3), 1, by(1)))
        assert not overlaps(quarter, one("m", (3, 4), 1, by(1)))
        people = dataclasses.replace(quarter, figures=(Figure(("people", ()), by(1)),))
        assert not overlaps(quarter, people)

    def test_it_is_kept_as_data(self):
        said = Contacts(1).said("r", 0, 3, day=1)
        said = dataclasses.replace(
            said, figures=(dataclasses.replace(said.figures[0], said=(0, 10**6)), *said.figures[1:])
        )
        assert Said.from_data(json.loads(json.dumps(said.to_data()))) == said

    @pytest.mark.parametrize("said", [61, (61, 70), (50, 59)])
    def test_what_is_not_so_is_not_taken(self, said):
        with pytest.raises(ValueError, match="not so"):
            one("r", (0, 3), 1, by(20, 20, 20), said)

    def test_what_blocks_is_named_by_its_release(self):
        """A month that was shown and a quarter that must show itself leave the rest to be read."""
        jan = one("jan", (0, 1), 1, by(20, 20, 20), 60)
        quarter = one("quarter", (0, 3), 2, by(22, 22, 21), 65)
        new = one("rest", (1, 3), 3, by(2, 2, 1))
        together = joint([jan, quarter], new)
        with pytest.raises(Refused) as refused:
            protected(together.system, SEED)
        assert together.labels(refused.value.blocks) & {"jan", "quarter"}


def protected_hidden(together):
    return protected(together.system, SEED).suppressed


def people(world_seed):
    """Months, then their quarter, of people who come again: each release after those before it."""
    rng = np.random.default_rng([23, world_seed])
    came = rng.random((70, 3)) < rng.uniform(0.2, 0.8, (70, 1))
    place, agency = rng.integers(0, 3, 70), rng.integers(0, 4, 70)

    def said(release, start, end, day):
        here = came[:, start:end].any(axis=1)
        keys = [("people", (("place", str(n)),)) for n in range(3)] + [("people", ())]
        figures = []
        for number, named in enumerate(keys):
            inside = here & ((place == number) if number < 3 else True)
            figures.append(
                Figure(named, {a: int((inside & (agency == n)).sum()) for n, a in enumerate(AGENCIES[:4])})
            )
        return Said(
            release, (month(start), month(end)), DAYS[day], AGENCIES[:4], tuple(figures), ((3, (0, 1, 2)),)
        )

    return [said("m0", 0, 1, 1), said("m1", 1, 2, 2), said("m2", 2, 3, 3), said("q", 0, 3, 4)]


def people_holes(out):
    """Of people, by inequalities written here: months within their quarter, and no more than them together."""
    cells, lines, shown, small = [], [], {}, set()
    counts = {(n, figure.key): figure for n, said in enumerate(out) for figure in said.figures}
    for (n, named), figure in counts.items():
        cells.append(f"{n}{named}")
        if figure.said is not None:
            shown[f"{n}{named}"] = figure.said
        if 0 < figure.count < 11:
            small.add(f"{n}{named}")
    for n, said in enumerate(out):
        for total, parts in said.sums:
            lines.append(
                (f"{n}{said.figures[total].key}", [f"{n}{said.figures[part].key}" for part in parts])
            )
    for named in {named for _, named in counts}:
        for n in range(3):
            rest = counts[3, named].count - counts[n, named].count
            cells.append(f"rest {n}{named}")
            lines.append((f"3{named}", [f"{n}{named}", f"rest {n}{named}"]))
            small |= {f"rest {n}{named}"} if 0 < rest < 11 else set()
        cells += [f"all {named}", f"double {named}"]
        lines.append((f"all {named}", [f"{n}{named}" for n in range(3)]))
        lines.append((f"all {named}", [f"3{named}", f"double {named}"]))
    table = {
        "cells": [{"id": name} for name in cells],
        "relations": [{"total": total, "parts": parts} for total, parts in lines],
    }
    found = attack(table, shown, small)
    return small & shown.keys() or sum(high - low < 5 for low, high in found.values())


def one_after_the_other(plan, *, ledger=True):
    out = []
    for new in plan:
        together = joint(out if ledger else [], new)
        out.append(told(new, together, protected(together.system, SEED).shown))
    return out


def test_people_of_months_and_their_quarter():
    found = [people_holes(one_after_the_other(people(seed))) for seed in range(4)]
    assert found == [0] * 4


def test_people_without_the_ledger():
    assert sum(people_holes(one_after_the_other(people(seed), ledger=False)) for seed in range(4)) > 0


def test_each_agency_reads_nothing_either():
    """With its own counts as lower bounds, of figures and of what lies between them."""
    world = Contacts(3)
    out, _ = history(world, "nested")
    table, shown, counts, _ = everything(world, out, months=True)
    for agency in AGENCIES:
        own = {f"m{m}{at}": world.by(at, m, m + 1)[agency] for m in range(6) for at in world.keys}
        own |= {
            f"r{n}{at}": world.by(at, *window)[agency]
            for n, (window, _) in enumerate(out)
            for at in world.keys
        }
        small = {n for n, mine in own.items() if 0 < counts[n] < 11 or 0 < counts[n] - mine < 11}
        assert not small & shown.keys()
        found = attack(table, shown, small, own=own)
        assert [n for n, (low, high) in found.items() if high - low < 5] == []
