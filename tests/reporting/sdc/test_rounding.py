"""Controlled rounding: additive, next to the truth, and nothing small to be worked out of it."""

import numpy as np
import pytest
from scipy.optimize import linprog

from reporting.sdc import rounding
from reporting.sdc.pattern import Refused
from reporting.sdc.rounding import interval, rounded
from reporting.sdc.system import read
from tests.reporting.sdc import invented

SEED = bytes(range(32))


def tables():
    for number in range(2):
        yield invented.linked(np.random.default_rng([5, number]))
        yield invented.two_way(np.random.default_rng([5, number]), 8, 6, mean=60)
        rng = np.random.default_rng([9, number])
        yield invented.with_agencies(invented.two_way(rng, 6, 5, mean=40), rng)


def narrow(table, shown):
    """Small counts that plain programmes over the intervals narrow too far: no code of the engine's."""
    at = {cell["id"]: n for n, cell in enumerate(table["cells"])}
    hidden = set(table.get("hidden", ()))
    with_agencies = any(cell.get("by") for cell in table["cells"])
    left = np.zeros((len(table["relations"]), len(at)))
    for row, relation in enumerate(table["relations"]):
        left[row, at[relation["total"]]] = -1
        left[row, [at[part] for part in relation["parts"]]] = 1
    bounds, targets = [], []
    for cell in table["cells"]:
        name, n = cell["id"], cell["value"]
        if name in shown:
            y = shown[name]
            bounds.append((max(1, y - 4), y + 4) if y else (0, 0))
        elif name in hidden:
            bounds.append((0, None))
        else:
            bounds.append((1, None if with_agencies or n >= 15 else 14))
        if 0 < n < 11:
            targets.append(name)
    found = []
    for name in targets:
        cost = np.zeros(len(at))
        cost[at[name]] = 1
        low, high = (
            linprog(sign * cost, A_eq=left, b_eq=np.zeros(len(left)), bounds=bounds) for sign in (1, -1)
        )
        if high.status != 3 and -high.fun - low.fun < 5 - 1e-6:
            found.append(name)
    return found


def test_it_adds_up_next_to_the_truth_and_gives_no_small_count_away():
    for table in tables():
        shown = rounded(read(table), seed=SEED)
        value = {cell["id"]: cell["value"] for cell in table["cells"]}
        assert shown and not shown.keys() & set(table.get("hidden", ()))
        for name, n in shown.items():
            low, high = interval(n)
            assert n % 5 == 0 and low <= value[name] <= high
            assert n >= 15 or n == value[name] == 0
            assert n == value[name] or value[name] % 5
        for relation in table["relations"]:
            total, parts = relation["total"], [part for part in relation["parts"] if part in shown]
            if total in shown:
                rest = shown[total] - sum(shown[part] for part in parts)
                assert rest == 0 if len(parts) == len(relation["parts"]) else rest >= 0
        assert narrow(table, shown) == []


def test_the_seed_decides_which_way_counts_go():
    table = invented.two_way(np.random.default_rng(1), 6, 6, mean=80)
    assert rounded(read(table), seed=SEED) == rounded(read(table), seed=SEED)
    assert rounded(read(table), seed=SEED) != rounded(read(table), seed=bytes(32))


def test_a_count_goes_up_as_often_as_it_is_near():
    """So that nobody reads a rounded number as the nearest one."""
    system = read({"cells": [{"id": "x", "value": 21}, {"id": "y", "value": 24}]})
    drawn = [rounded(system, seed=bytes([n]) * 32) for n in range(200)]
    assert 20 < sum(one["x"] == 25 for one in drawn) < 60
    assert 140 < sum(one["y"] == 25 for one in drawn) < 180


def test_agencies_may_not_work_it_out_either():
    by = {"a": 91, "b": 5, "c": 4}
    cells = [{"id": "x", "value": 100, "by": by}, {"id": "y", "value": 60, "by": {"a": 20, "b": 20, "c": 20}}]
    assert set(rounded(read({"cells": cells}), seed=SEED)) == {"y"}


def test_ten_counts_of_one_are_refused_and_without_the_audit_they_are_not(monkeypatch):
    """Their total is hidden, so it is at most 14, and each of ten counts of one or more is at most five."""
    table = invented.of_grid([[1] * 10, [20] * 10, [30] * 10])
    with pytest.raises(Refused) as refused:
        rounded(read(table), seed=SEED)
    assert refused.value.blocked == sorted("0/" + str(n) for n in range(11))
    monkeypatch.setattr(rounding, "_exposed", lambda *arguments: [])
    assert narrow(table, rounded(read(table), seed=SEED))


def test_a_small_count_that_is_public_already_is_refused():
    with pytest.raises(Refused):
        rounded(read({**invented.of_grid(((3, 20), (40, 50))), "forced": ["0/0"]}), seed=SEED)


def test_what_was_said_before_stays_where_it_still_lies_next_to_the_count():
    table = invented.two_way(np.random.default_rng(1), 6, 6, mean=80)
    first = rounded(read(table), seed=SEED)
    assert rounded(read(table), seed=bytes(32), before=first) == first
    assert rounded(read(table), seed=bytes(32), before=dict.fromkeys(first, 5)) == rounded(
        read(table), seed=bytes(32), before={"nothing": 5}
    )
