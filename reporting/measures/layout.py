"""A cube's atoms laid out as one table: an axis for each dimension, and every way in which counts add up.

Which atoms there are is the cube's; what may be said of the table is decided in sdc/.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from reporting.measures import ALL, Cube, Dimension, Group, Period, Row, View
from reporting.measures.dimensions import people_of_view, view_of
from reporting.sdc import Coord, FigureKey, NotReported, Provenance, RawTable, Sum

Levels = Mapping[int, int]
"""A view by places: which dimension of the cube, and how many times its values are put into groups."""


def laid_out(
    cube: Cube,
    known: Mapping[str, Dimension],
    rows: Iterable[Row],
    views: Sequence[View],
    *,
    agencies: Sequence[int],
    period: Period,
    about: Provenance,
    people: Iterable[Group] | None = None,
) -> RawTable:
    """The cube's table of these views. Without agencies nothing in it is reported. `people` are the clients
    behind it, where it counts events.

    A reader who has two views has their common margin too, shown or not; and where the views could not be
    put together from left to right without a common table (the three margins of a three-way count), their
    finest common table says what fits. Both are counted, and have no place.
    """
    atoms, groups = list(rows), None if people is None else list(people)
    shape = _Shape(cube, known)
    shown = {view: shape.levels(view) for view in views}
    margins = _with_margins(shown.values())
    tops = [one for one in margins if not any(_is_coarser(one, other) for other in margins)]
    if not _come_apart(tops, shape.depths):
        margins.append({at: min(top[at] for top in tops if at in top) for at in set().union(*tops)})
    axes = {
        name: [*shape.values(name), ALL] for name in dict.fromkeys(name for view in views for name in view)
    }
    named: list[tuple[View, Levels]] = list(shown.items())
    named += [(shape.view(one), one) for one in margins if one not in list(shown.values())]
    counts: dict[Coord, dict[str, int] | NotReported] = {}
    keys: dict[Coord, FigureKey] = {}
    inside = set[Coord]()
    behind: dict[Coord, dict[str, int]] = {}
    at: dict[View, dict[tuple[str, ...], Coord]] = {}
    for view, _levels in named:
        found = view_of(cube, known, atoms, view)
        clients = {} if groups is None else people_of_view(cube, known, groups, view)
        is_shown = view in shown
        # Inside, what nobody stands in is left out: a reader who is taken to know it knows more, not less.
        everywhere = product(*(shape.values(name) for name in view)) if is_shown else found
        at[view] = {}
        for values in everywhere:
            by_name = dict(zip(view, values, strict=True))
            cell = tuple(by_name.get(axis, ALL) for axis in axes) if is_shown else ("inside", *view, *values)
            at[view][values] = cell
            keys[cell] = cube.key(view, values, period)
            by_agency = found.get(values, {})
            counts[cell] = (
                {str(agency): by_agency.get(agency, 0) for agency in agencies} if agencies else NotReported()
            )
            if agencies and groups is not None:
                mine = clients.get(values, {})
                behind[cell] = {str(agency): mine.get(agency, 0) for agency in agencies}
            if not is_shown:
                inside.add(cell)
    relations = []
    for coarse, levels in named:
        finer = [(view, other) for view, other in named if _is_coarser(levels, other)]
        for view, other in finer:
            if any(_is_coarser(levels, between) and _is_coarser(between, other) for _view, between in finer):
                continue
            lines: dict[tuple[str, ...], list[Coord]] = {}
            for values, cell in at[view].items():
                lines.setdefault(shape.rolled(values, view, coarse), []).append(cell)
            relations += [
                Sum(at[coarse][values], tuple(parts))
                for values, parts in lines.items()
                if values in at[coarse]
            ]
    return RawTable(
        title=str(cube.title),
        axes=axes,
        counts=counts,
        relations=relations,
        inside=frozenset(inside),
        people=behind,
        keys=keys,
        adds_up=cube.adds_up,
        about=about,
    )


class _Shape:
    """The cube's dimensions with the groups that their values are put into."""

    def __init__(self, cube: Cube, known: Mapping[str, Dimension]) -> None:
        self._known = known
        self._chains: list[list[str]] = []
        for name in cube.dimensions:
            chain = [name]
            while known[chain[-1]].into:
                chain.append(known[chain[-1]].into)
            self._chains.append(chain)

    @property
    def depths(self) -> list[int]:
        return [len(chain) for chain in self._chains]

    def levels(self, view: View) -> Levels:
        found: dict[int, int] = {}
        for name in view:
            place = next(n for n, chain in enumerate(self._chains) if name in chain)
            found[place] = min(self._chains[place].index(name), found.get(place, len(self._chains[place])))
        return dict(sorted(found.items()))

    def view(self, levels: Levels) -> View:
        return tuple(self._chains[place][level] for place, level in sorted(levels.items()))

    def values(self, name: str) -> list[str]:
        return [value for value, _title in self._known[name].values]

    def rolled(self, values: tuple[str, ...], view: View, coarse: View) -> tuple[str, ...]:
        """Where in the coarser view a place of the view stands."""
        found = []
        for name in coarse:
            place = next(n for n, chain in enumerate(self._chains) if name in chain)
            start = next(other for other in view if other in self._chains[place])
            value, at = values[view.index(start)], self._known[start]
            while at.name != name:
                value, at = (at.rolls_up or {})[value], self._known[at.into]
            found.append(value)
        return tuple(found)


def _is_coarser(one: Levels, other: Levels) -> bool:
    """Whether the other's counts add up to this one's, and it is not the same."""
    return one != other and all(at in other and other[at] <= level for at, level in one.items())


def _with_margins(views: Iterable[Levels]) -> list[Levels]:
    """The views and what any two of them have in common."""
    found = [dict(one) for one in views]
    for one in found:
        for other in list(found):
            common = {at: max(level, other[at]) for at, level in one.items() if at in other}
            if common not in found:
                found.append(common)
    return list(found)


def _come_apart(views: Sequence[Levels], depths: Sequence[int]) -> bool:
    """Whether counts of these views that agree where they overlap are always the margins of one table: the
    views can be taken away one by one (Graham's reduction)."""
    edges = [
        {(at, finer) for at, level in one.items() for finer in range(level, depths[at])} for one in views
    ]
    while True:
        before = [set(edge) for edge in edges]
        for edge in edges:
            others: set[tuple[int, int]] = set().union(*(other for other in edges if other is not edge))
            edge &= others
        edges = [
            edge
            for n, edge in enumerate(edges)
            if not any(edge < other or (edge == other and n < m) for m, other in enumerate(edges) if m != n)
        ]
        if len(edges) <= 1:
            return True
        if edges == before:
            return False
