"""The attacker: works out, from what is shown alone, the least and the most each hidden cell can be.

It shares no code with the part of suppress.py that proves a table safe, and it never sees a true count but,
for an agency, that agency's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from reporting.sdc.shape import Cell, Coord, Figure, Hidden, Line, Nested, Relation, Shown, line_of

if TYPE_CHECKING:
    from reporting.sdc.protected import ProtectedTable

_ROUNDS = 10_000  # a table that contradicts itself would tighten for ever


@dataclass(frozen=True, slots=True)
class Interval:
    """What one reader can work out. `high` None: no end in sight. `reader` None: anybody, else an agency."""

    low: int
    high: int | None
    reader: str | None = None

    @property
    def width(self) -> float:
        """In people; infinite when there is no end in sight."""
        return inf if self.high is None else self.high - self.low


def audit(
    table: ProtectedTable, own: Mapping[str, Mapping[Coord, int]] | None = None
) -> dict[Coord, Interval]:
    """The narrowest interval that anybody can work out for each hidden cell.

    `own` has, for each agency whose eyes to look through, its own count in each cell. Raises ValueError when
    the figures shown contradict each other.
    """
    return narrowest(table.cells, table.relations, own or {})


def narrowest(
    cells: Mapping[Coord, Cell], relations: Iterable[Relation], own: Mapping[str, Mapping[Coord, int]]
) -> dict[Coord, Interval]:
    """`audit`, for cells that are not a table yet."""
    lines = [line_of(relation) for relation in relations]
    hidden = [at for at, cell in cells.items() if isinstance(cell, Hidden)]
    known: dict[Figure, int] = dict.fromkeys(cells.keys() - set(hidden), 0)
    known |= {at: cell.value for at, cell in cells.items() if isinstance(cell, Shown)}
    found: dict[Coord, Interval] = {}
    for reader in (None, *sorted(own)):
        mine = own[reader] if reader is not None else {}
        bounds = bounds_of(lines, known, lower_bounds(lines, hidden, mine))
        for at in hidden:
            new = Interval(*bounds[at], reader)
            if at not in found or new.width < found[at].width:
                found[at] = new
    return found


def lower_bounds(
    lines: Sequence[Line], hidden: Iterable[Coord], own: Mapping[Coord, int]
) -> dict[Figure, int]:
    """What a reader knows beforehand: a hidden cell isn't zero (zeros show) and holds the reader's own."""
    low: dict[Figure, int] = {at: max(1, own.get(at, 0)) for at in hidden}
    for _, parts in lines:
        for part in parts:
            if isinstance(part, Nested):
                low[part] = max(0, own.get(part.outer, 0) - own.get(part.inner, 0))
    return low


def bounds_of(
    lines: Sequence[Line], known: Mapping[Figure, int], low: Mapping[Figure, int]
) -> dict[Figure, tuple[int, int | None]]:
    """Tighten every unknown figure along every line until nothing moves; known figures are points.

    Raises ValueError when no table fits.
    """
    lo: dict[Figure, int] = {**low, **known}
    hi: dict[Figure, int | None] = {**dict.fromkeys(low), **known}
    for _ in range(_ROUNDS):
        moved = False
        for total, parts in lines:
            # Within a pass these sums may grow stale, on the loose side only; the next pass sees the rest.
            least = sum(lo[p] for p in parts)
            open_ended = [p for p in parts if hi[p] is None]
            most = sum(hi[p] or 0 for p in parts)
            moved |= _tighten(lo, hi, total, least, None if open_ended else most)
            top = hi[total]
            for part in parts:
                others_most = None if [p for p in open_ended if p != part] else most - (hi[part] or 0)
                moved |= _tighten(
                    lo,
                    hi,
                    part,
                    lo[part] if others_most is None else lo[total] - others_most,
                    None if top is None else top - (least - lo[part]),
                )
        if not moved:
            break
    return {figure: (lo[figure], hi[figure]) for figure in low if figure not in known}


def _tighten(
    lo: dict[Figure, int], hi: dict[Figure, int | None], figure: Figure, low: int, high: int | None
) -> bool:
    moved = False
    top = hi[figure]
    if low > lo[figure]:
        lo[figure], moved = low, True
    if high is not None and (top is None or high < top):
        hi[figure], moved = high, True
    top = hi[figure]
    if top is not None and lo[figure] > top:
        raise ValueError("the figures shown contradict each other")
    return moved
