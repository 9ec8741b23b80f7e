"""The words all of disclosure control shares: a place in a table, what may stand there, how places add up.

No rule lives here, only the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

Coord = tuple[str, ...]
"""A place in a table: one value per axis, in the order of the axes."""
FigureKey = tuple[str, tuple[tuple[str, str], ...]]
"""The one name of a count in whatever table it stands: its universe, and (dimension, value) pairs sorted by
dimension. A dimension that is summed over is left out."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An exact count that may be read: 0, or at least the threshold."""

    value: int


@dataclass(frozen=True, slots=True)
class Hidden:
    """A figure that exists and is kept back. It never says why: a reason would narrow it."""


@dataclass(frozen=True, slots=True)
class NotReported:
    """No agency sent this figure. Not zero, and not hidden."""


@dataclass(frozen=True, slots=True)
class Range:
    """The number of people lies between `low` and `high`, both included, both already rounded outward."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class MedianDays:
    """A median length of time, in whole days."""

    days: int


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a count, in percent, rounded to the step of the policy."""

    percent: int


Cell = Shown | Hidden | NotReported | Range | MedianDays | Share


@dataclass(frozen=True, slots=True)
class Sum:
    """`total` counts exactly the people of all `parts`, each once."""

    total: Coord
    parts: tuple[Coord, ...]


@dataclass(frozen=True, slots=True)
class Nested:
    """Everybody counted in `inner` is counted in `outer` too (people served, within people enrolled).

    Used as a key it stands for the people in between, whom no cell shows and everybody can work out.
    """

    inner: Coord
    outer: Coord


Relation = Sum | Nested
Figure = Coord | Nested
"""Anything with a count: a cell, or the people between two nested cells."""
Line = tuple[Figure, tuple[Figure, ...]]
"""A total and the figures that add up to it."""


def line_of(relation: Relation) -> Line:
    if isinstance(relation, Sum):
        return relation.total, relation.parts
    return relation.outer, (relation.inner, relation)


def order(figure: Figure) -> tuple[bool, Coord, Coord]:
    """An order by names alone, so that the order of rows or agencies in the input never decides anything."""
    if isinstance(figure, Nested):
        return True, figure.outer, figure.inner
    return False, figure, ()
