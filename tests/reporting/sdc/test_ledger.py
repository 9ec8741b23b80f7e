"""Releases one after the other, attacked together by an attacker of other code, with a table built here."""

import dataclasses
import itertools

import pytest

from reporting.sdc.attacker import attack
from reporting.sdc.ledger import Said, joint, overlaps
from reporting.sdc.pattern import Refused
from reporting.sdc.solve import protected
from tests.reporting.sdc.invented_time import Contacts, key

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
        except Refused as error:
            assert not ledger or together.labels(error.blocks) <= {said.release for _, said in out}
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
