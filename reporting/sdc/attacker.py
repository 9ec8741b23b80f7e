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
from scipy.sparse import coo_array

_EPS = 1e-6
_TURNS, _FRUITLESS = 30, 4


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
    names, equations = _equations(table, {**shown, **(knows or {})})
    wanted = set(names) if targets is None else set(targets) & set(names)
    found: dict[str, tuple[float, float]] = {}
    for piece, lines in _pieces(names, equations):
        inside = [name for name in piece if name in wanted]
        if inside:
            ahead = _Ahead(piece, lines, own or {})
            found |= {name: ahead.bounds(name, whole) for name in inside}
    return found


def too_narrow(
    table: Mapping[str, Any],
    shown: Mapping[str, int],
    reach: Mapping[str, float],
    *,
    width: int,
    knows: Mapping[str, int] | None = None,
    own: Mapping[str, int] | None = None,
) -> dict[str, tuple[float, float]]:
    """As `attack`, but only those counts that can't be `width` apart or can't be as many as `reach` says.

    Two programmes for each count are many: every solution is remembered, and what has been seen to be far
    enough apart is not asked for.
    """
    names, equations = _equations(table, {**shown, **(knows or {})})
    found: dict[str, tuple[float, float]] = {}
    for piece, lines in _pieces(names, equations):
        inside = [name for name in piece if name in reach]
        if inside:
            ahead = _Ahead(piece, lines, own or {})
            found |= ahead.narrow({name: reach[name] for name in inside}, width)
    return found


Equations = list[tuple[dict[str, float], float]]


def _equations(table: Mapping[str, Any], known: Mapping[str, float]) -> tuple[list[str], Equations]:
    """What is unknown, and each relation as what its unknown counts add up to."""
    equations: Equations = []
    for relation in table.get("relations") or []:
        unknown: dict[str, float] = {}
        rest = 0.0
        for name, sign in [(relation["total"], 1.0), *((part, -1.0) for part in relation["parts"])]:
            if name in known:
                rest -= sign * known[name]
            else:
                unknown[name] = unknown.get(name, 0.0) + sign
        equations.append((unknown, rest))
    return [cell["id"] for cell in table["cells"] if cell["id"] not in known], equations


def _pieces(names: list[str], equations: Equations) -> list[tuple[list[str], Equations]]:
    """Unknown counts that hang together, with their equations."""
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
    lines: dict[str, Equations] = {top: [] for top in members}
    for unknown, rest in equations:
        if unknown:
            lines[root(next(iter(unknown)))].append((unknown, rest))
    return [(members[top], lines[top]) for top in members]


class _Ahead:
    """What a reader with a piece of unknown counts ahead can work out of them."""

    def __init__(self, piece: list[str], lines: Equations, own: Mapping[str, int]) -> None:
        self._column = {name: at for at, name in enumerate(piece)}
        rows, columns, signs = [], [], []
        for row, (unknown, _) in enumerate(lines):
            for name, sign in unknown.items():
                rows.append(row)
                columns.append(self._column[name])
                signs.append(sign)
        self._left = coo_array((signs, (rows, columns)), shape=(len(lines), len(piece))).tocsr()
        self._right = np.array([rest for _, rest in lines])
        self._least = np.array([float(own.get(name, 0)) for name in piece])
        self._low = np.full(len(piece), inf)
        self._high = np.full(len(piece), -inf)

    def bounds(self, name: str, whole: bool = False) -> tuple[float, float]:
        """The exact ones."""
        ends = []
        for sign in (1.0, -1.0):
            cost = np.zeros(len(self._least))
            cost[self._column[name]] = sign
            ends.append(self._solve(cost, whole) * sign)
        low, high = ends
        return float(ceil(low - _EPS)), float(floor(high + _EPS)) if high < inf else inf

    def narrow(self, reach: Mapping[str, float], width: int) -> dict[str, tuple[float, float]]:
        """See `too_narrow`. First as many as can be are moved up, or down, together; then one by one."""
        places = np.array([self._column[name] for name in reach])
        far = np.array(list(reach.values()))
        chance = np.random.default_rng(len(places))
        fruitless, before = 0, len(places)
        for turn in range(_TURNS):
            weak = places[self._weak(places, far, width)]
            fruitless = 0 if len(weak) < before else fruitless + 1
            before = len(weak)
            if not len(weak) or fruitless == _FRUITLESS:
                break
            cost = np.zeros(len(self._least))
            cost[weak] = chance.uniform(0.5, 1.5, len(weak)) * (-1 if turn % 2 == 0 else 1)
            self._solve(cost, False, box=weak, size=max(width, far.max()) + 1)
        found = {}
        for name, at, least in zip(reach, places, far, strict=True):
            one = np.array([at]), np.array([least])
            if self._weak(*one, width)[0]:
                cost = np.zeros(len(self._least))
                cost[at] = -1.0
                self._solve(cost, False)
            if self._weak(*one, width)[0]:
                low, high = self.bounds(name)
                if high - low < width or high < least:
                    found[name] = (low, high)
        return found

    def _weak(self, places: Any, far: Any, width: int) -> Any:
        low, high = self._low[places], self._high[places]
        return ~((high - low > width - _EPS) & (high > far - _EPS))

    def _solve(self, cost: Any, whole: bool, box: Any = None, size: float = 0) -> float:
        most = np.full(len(cost), np.inf)
        if box is not None and np.isfinite(self._low).all():
            most[box] = self._high[box] + size
        if whole:
            lines = LinearConstraint(self._left, self._right, self._right) if len(self._right) else ()
            found = milp(
                cost, constraints=lines, bounds=Bounds(self._least, most), integrality=np.ones(len(cost))
            )
        elif not len(self._right):
            return float(cost @ self._least) if (cost >= 0).all() else -inf
        else:
            bounds = np.column_stack([self._least, most])
            found = linprog(cost, A_eq=self._left, b_eq=self._right, bounds=bounds, method="highs-ds")
        if found.status == 3:
            return -inf
        if found.status != 0:
            raise ValueError("the counts shown contradict each other")
        self._low, self._high = np.minimum(self._low, found.x), np.maximum(self._high, found.x)
        return float(found.fun)
