"""How a small coalition counts, to get figures and not blanks: the preset, what a useful figure is.

The threshold never moves. What moves is how finely and over how long a table counts, and that is fixed: each
year and three years together (`models.Grid`), the cube's first coarser views with regions for counties, two
dimensions at most. Nothing here looks at a count to choose: a choice that did would tell of it.
"""

from collections.abc import Mapping

from reporting.measures import ALL, Cube, View
from reporting.sdc.shape import Cell, Coord, Range, Shown

ENOUGH = 5
"""Useful figures that a table should give at least."""
MOST_DIMENSIONS = 2


def preset(cube: Cube) -> tuple[View, ...]:
    """The views of the preset: the same in every release, so that years and three years stay comparable."""
    views = cube.coarser[0] if cube.coarser else cube.views
    return tuple(view for view in views if len(view) <= MOST_DIMENSIONS)


def useful(cells: Mapping[Coord, Cell]) -> int:
    """How many figures of a protected table say something: shown, above zero, and no repeated grand total.

    `cells` as in ProtectedTable; an interval counts if it begins above zero. A figure as large as the grand
    total says that everybody stands there, which the total says already.
    """
    if not cells:
        return 0
    everywhere = (ALL,) * len(next(iter(cells)))
    total = _least(cells.get(everywhere))
    found = [_least(cell) for at, cell in cells.items() if at != everywhere]
    return sum(value > 0 and value != total for value in found) + (total > 0)


def _least(cell: Cell | None) -> int:
    if isinstance(cell, Shown):
        return cell.value
    return cell.low if isinstance(cell, Range) else 0
