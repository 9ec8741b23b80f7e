"""Proof that a hidden figure is safe: tables that look the same to a reader and differ in that figure.

A small exact simplex. It starts from the true table, which fits by definition, and pushes one figure up or
down while the others give way. It proves; the attacker in attack.py tries to refute, by other means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import ceil, floor

from reporting.sdc.shape import Figure, Line, order

Number = int | Fraction


class Lookalikes:
    """All tables that one reader can't tell from the true one.

    `unknown` are the figures the reader doesn't see with their true values, `low` the least each can be in
    the reader's eyes. No upper bound is known beforehand.
    """

    def __init__(
        self, lines: Iterable[Line], unknown: Mapping[Figure, int], low: Mapping[Figure, int]
    ) -> None:
        self._low = low
        self._now: dict[Figure, Number] = dict(unknown)
        self._least, self._most = dict(self._now), dict(self._now)
        # A figure that others determine -> how it moves when each of those moves by one.
        self._follows: dict[Figure, dict[Figure, Number]] = {}
        for total, parts in lines:
            self._add([(total, -1), *((part, 1) for part in parts)])

    def reach(self, figure: Figure, width: int) -> bool:
        """Whether two lookalikes differ in `figure` by `width` people or more."""
        for sign in (1, -1):
            while not self._wide(figure, width) and self._push(figure, sign, width):
                pass
        return self._wide(figure, width)

    def _wide(self, figure: Figure, width: int) -> bool:
        return floor(self._most[figure]) - ceil(self._least[figure]) >= width

    def _add(self, equation: list[tuple[Figure, int]]) -> None:
        moves: dict[Figure, Number] = {}
        for figure, factor in equation:
            if figure in self._now:
                for free, by in self._follows.get(figure, {figure: 1}).items():
                    moves[free] = moves.get(free, 0) + factor * by
        moves = {free: by for free, by in moves.items() if by}
        if moves:
            self._solve(moves, min(moves, key=order))

    def _solve(self, equation: dict[Figure, Number], chosen: Figure) -> None:
        """Let `chosen` follow from the others in `equation` (whose weighted moves add up to nothing)."""
        by = equation.pop(chosen)
        row = {free: _divide(-n, by) for free, n in equation.items()}
        for other in self._follows.values():
            factor = other.pop(chosen, 0)
            if factor:
                for free, n in row.items():
                    new = other.get(free, 0) + factor * n
                    if new:
                        other[free] = new
                    else:
                        other.pop(free, None)
        self._follows[chosen] = row

    def _push(self, figure: Figure, sign: int, width: int) -> bool:
        """One step in which `figure` does not move against `sign`; False when it can't move that way.

        Always the first free figure and the first blocking one in name order (Bland's rule), so it ends.
        """
        pull: dict[Figure, Number] = self._follows.get(figure, {figure: 1})
        for free in sorted(pull, key=order):
            way = sign if pull[free] > 0 else -sign
            if way > 0 or self._now[free] > self._low[free]:
                break
        else:
            return False
        moving: dict[Figure, Number] = {free: way}
        for follower, row in self._follows.items():
            if free in row:
                moving[follower] = way * row[free]
        room = {f: _divide(self._now[f] - self._low[f], -by) for f, by in moving.items() if by < 0}
        step: Number = min(room.values()) if room else ceil(abs(2 * width / Fraction(pull[free])))
        for f, by in moving.items():
            self._now[f] += step * by
            self._least[f] = min(self._least[f], self._now[f])
            self._most[f] = max(self._most[f], self._now[f])
        blocking = min((f for f, limit in room.items() if limit == step), key=order, default=free)
        if blocking != free:
            self._solve({blocking: -1, **self._follows.pop(blocking)}, free)
        return True


def _divide(a: Number, b: Number) -> Number:
    result = Fraction(a) / b
    return int(result) if result.denominator == 1 else result
