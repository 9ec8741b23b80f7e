"""Which coarser table a small coalition should ask for, so that it gets figures and not blanks.

The threshold never moves. What moves is how finely and over how long a table counts, by a fixed menu: one
year or three, the cube's own coarser views, and two dimensions at most. How a table is protected is not
decided here: whoever asks brings tables that are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reporting.measures import ALL, Cube, View
from reporting.sdc.shape import Cell, Coord, Range, Shown

ENOUGH = 5
"""Useful figures that a table should give at least."""
YEARS = (1, 3)
"""How many years may be counted together: fixed, so that pooled periods are the same in every release."""
MOST_DIMENSIONS = 2


@dataclass(frozen=True, slots=True)
class Option:
    """One way to count a cube: so many whole years together, cut by these views."""

    years: int
    views: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """An option and how many useful figures it gives."""

    option: Option
    useful: int

    @property
    def is_enough(self) -> bool:
        return self.useful >= ENOUGH


def menu(cube: Cube) -> tuple[Option, ...]:
    """Every way a small coalition may count the cube: shorter periods first, then finer views first."""
    lists = [tuple(view for view in views if len(view) <= MOST_DIMENSIONS) for views in _lists(cube)]
    return tuple(Option(years, views) for years in YEARS for views in dict.fromkeys(lists) if views)


def _lists(cube: Cube) -> list[tuple[View, ...]]:
    return [cube.views, *cube.coarser]


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


def propose(cube: Cube, cells_of: Callable[[Option], Mapping[Coord, Cell]]) -> Proposal:
    """The option that keeps the most useful figures, over the shortest period that gives enough of them.

    `cells_of` gives the cells of the protected table of an option, none where it was refused. It is asked
    year by year, so that nothing is pooled that need not be. Of two options that keep as many the finer one
    is proposed. Where nothing on the menu is enough, the best there is.

    A proposal tells its reader how much of a table would be hidden, so it is for whoever asks for a release
    and for the checker; once one was released, the same option stands for all later ones.
    """
    best = Proposal(menu(cube)[0], 0)
    for years in YEARS:
        for option in menu(cube):
            if option.years != years:
                continue
            found = Proposal(option, useful(cells_of(option)))
            if found.useful > best.useful:
                best = found
        if best.is_enough:
            break
    return best
