"""An attacker of other code: from the JSON of a table and of what is shown, works out each count it can.

Shares nothing with the engine but the JSON: its own reading, its own equations (known counts taken out, each
piece that hangs together by itself), and SciPy's solver. Slow and plain on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil, floor, inf
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

_EPS = 1e-6


def attack(
    table: Mapping[str, Any],
    shown: Mapping[str, int],
    targets: Iterable[str] | None = None,
    *,
    knows: Mapping[str, int] | None = None,
    own: Mapping[str, int] | None = None,
    whole: bool = False,
) -> dict[str, tuple[float, float]]:
    """The least and the most that each unknown cell (or each of `targets`) can be, given what is shown.

    `knows` are counts this attacker knows besides, `own` what it brought in itself: lower bounds. With
    `whole` the counts must be whole numbers. Raises ValueError when the counts shown contradict each other.
    """
    known = {**shown, **(knows or {})}
    own = own or {}
    equations: list[tuple[dict[str, float], float]] = []
    for relation in table["relations"]:
        unknown: dict[str, float] = {}
        rest = 0.0
        for name, sign in [(relation["total"], 1.0), *((part, -1.0) for part in relation["parts"])]:
            if name in known:
                rest -= sign * known[name]
            else:
                unknown[name] = unknown.get(name, 0.0) + sign
        equations.append((unknown, rest))
    names = [cell["id"] for cell in table["cells"] if cell["id"] not in known]
    wanted = set(names) if targets is None else set(targets) & set(names)
    found: dict[str, tuple[float, float]] = {}
    for piece, lines in _pieces(names, equations):
        inside = [name for name in piece if name in wanted]
        if inside:
            found |= _bounds(piece, lines, inside, own, whole)
    return found


def _pieces(
    names: list[str], equations: list[tuple[dict[str, float], float]]
) -> list[tuple[list[str], list[tuple[dict[str, float], float]]]]:
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for unknown, rest in equations:
        first, *others = unknown or [""]
        if not unknown and abs(rest) > _EPS:
            raise ValueError("the counts shown contradict each other")
        for other in others:
            parent[root(other)] = root(first)
    members: dict[str, list[str]] = {}
    for name in names:
        members.setdefault(root(name), []).append(name)
    lines: dict[str, list[tuple[dict[str, float], float]]] = {top: [] for top in members}
    for unknown, rest in equations:
        if unknown:
            lines[root(next(iter(unknown)))].append((unknown, rest))
    return [(members[top], lines[top]) for top in members]


def _bounds(
    piece: list[str],
    lines: list[tuple[dict[str, float], float]],
    targets: list[str],
    own: Mapping[str, int],
    whole: bool,
) -> dict[str, tuple[float, float]]:
    column = {name: at for at, name in enumerate(piece)}
    left = np.zeros((len(lines), len(piece)))
    right = np.zeros(len(lines))
    for row, (unknown, rest) in enumerate(lines):
        right[row] = rest
        for name, sign in unknown.items():
            left[row, column[name]] = sign
    least = np.array([float(own.get(name, 0)) for name in piece])
    found = {}
    for name in targets:
        ends = []
        for sign in (1.0, -1.0):
            cost = np.zeros(len(piece))
            cost[column[name]] = sign
            ends.append(_least(cost, left, right, least, whole) * sign)
        low, high = ends
        found[name] = (float(ceil(low - _EPS)), float(floor(high + _EPS)) if high < inf else inf)
    return found


def _least(cost: Any, left: Any, right: Any, least: Any, whole: bool) -> float:
    if whole:
        constraints = LinearConstraint(left, right, right) if len(right) else ()
        found = milp(
            cost, constraints=constraints, bounds=Bounds(least, np.inf), integrality=np.ones(len(cost))
        )
    elif not len(right):
        return float(cost @ least) if (cost >= 0).all() else -inf
    else:
        found = linprog(
            cost, A_eq=left, b_eq=right, bounds=np.column_stack([least, np.full(len(cost), np.inf)])
        )
    if found.status == 3:
        return -inf
    if found.status != 0:
        raise ValueError("the counts shown contradict each other")
    return float(found.fun)
