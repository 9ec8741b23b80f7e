"""Exact counts on their way into `protect`, checked for sense; never to be rendered, stored or logged.

What comes out is in protected.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType

from reporting.sdc.linked import Links, Merged
from reporting.sdc.shape import Coord, Figure, FigureKey, Nested, NotReported, Relation, Sum, line_of

Counts = Mapping[Coord, Mapping[str, int] | NotReported]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a table comes from and what it can't say; all of it is printed beside the figures.

    `period` is half-open: its second day is the first that no longer counts. `counted_as` says whether a
    person may be in it more than once. Raises ValueError when anything is missing.
    """

    source: str
    period: tuple[date, date]
    agencies_reporting: int
    agencies_expected: int
    counted_as: str
    does_not_show: str
    release_id: str
    generated_at: datetime

    def __post_init__(self) -> None:
        for name in ("source", "counted_as", "does_not_show", "release_id"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"a table must say its {name}")
        start, end = self.period
        if not start < end:
            raise ValueError("a period ends after it starts")
        if not 0 <= self.agencies_reporting <= self.agencies_expected:
            raise ValueError("more agencies reported than were expected")
        if self.generated_at.tzinfo is None:
            raise ValueError("generated_at needs a time zone")


@dataclass(frozen=True, slots=True)
class RawMedian:
    """A median over people: `days` as computed, the people it rests on by agency, the `cell` it belongs to.

    It is shown only where that cell is; over nobody it is not reported.
    """

    days: float
    by_agency: Mapping[str, int] = field(repr=False)
    cell: Coord


@dataclass(frozen=True, slots=True)
class RawRange:
    """Clients by agency, of whom nobody knows how many are the same people.

    Where the table also counts these clients, `cell` says where: the range is shown only if that cell is,
    because its high end gives the count away.
    """

    by_agency: Mapping[str, int] = field(repr=False)
    cell: Coord | None = None


@dataclass(frozen=True, slots=True)
class RawLinked:
    """Clients by agency of whom some are linked: the range that the links leave, and their share.

    `cell` is where the same clients' range without links stands; this one is shown only if that is.
    `released` are those of whom a release says that they may be counted once; `before` is what linking took
    off when such a range was last shown, empty if none was.
    """

    by_agency: Mapping[str, int] = field(repr=False)
    released: Mapping[str, int] = field(repr=False)
    links: Links = field(repr=False)
    before: Merged = field(repr=False)
    cell: Coord
    share_at: Coord


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """Exact counts of people by agency, with every sum and nesting that a reader could know.

    `axes` names each axis and its values in the order they are printed in; that order must not depend on the
    counts. `counts` has, per cell, the people each reporting agency counted (0 when it reported none), or
    `NotReported`. Protection covers the `relations` given (nestings are followed through): a total without
    its `Sum` is a hole nobody can see. Raises ValueError when the table contradicts
    itself; the message names cells, never counts.

    `beside` are counts that the table has no cell for and a reader may know all the same, off the axes.
    `inside` are counts that exist and have no place in the table (the finest cross-classification of which
    only margins are shown): nobody reads them, and nobody may work out a small one. `keys` names counts for
    every table there will ever be; a count without one is this table's own. `adds_up` are the universes of
    which disjoint periods add up (contacts do, people do not). `people`: where a count is of events (say,
    services), the distinct clients behind it by agency; a count of which nothing is said is one of clients.
    `counted_up` as in `ledger.Said`.
    """

    title: str
    axes: Mapping[str, Sequence[str]]
    counts: Counts = field(repr=False)
    about: Provenance
    relations: Sequence[Relation] = ()
    medians: Mapping[Coord, RawMedian] = field(default_factory=dict, repr=False)
    ranges: Mapping[Coord, RawRange] = field(default_factory=dict, repr=False)
    linked: Mapping[Coord, RawLinked] = field(default_factory=dict, repr=False)
    beside: frozenset[Coord] = frozenset()
    inside: frozenset[Coord] = frozenset()
    keys: Mapping[Coord, FigureKey] = field(default_factory=dict)
    adds_up: frozenset[str] = frozenset()
    people: Mapping[Coord, Mapping[str, int]] = field(default_factory=dict, repr=False)
    counted_up: Sequence[tuple[FigureKey, FigureKey]] = ()

    def __post_init__(self) -> None:
        freeze = object.__setattr__
        freeze(self, "axes", MappingProxyType({name: tuple(values) for name, values in self.axes.items()}))
        freeze(self, "counts", MappingProxyType({at: _frozen(n) for at, n in self.counts.items()}))
        freeze(self, "relations", tuple(dict.fromkeys([*self.relations, *_through(self.relations)])))
        freeze(self, "medians", MappingProxyType(dict(self.medians)))
        freeze(self, "ranges", MappingProxyType(dict(self.ranges)))
        freeze(self, "linked", MappingProxyType(dict(self.linked)))
        freeze(self, "counted_up", tuple(self.counted_up))
        freeze(self, "keys", MappingProxyType(dict(self.keys)))
        freeze(
            self, "people", MappingProxyType({at: MappingProxyType(dict(n)) for at, n in self.people.items()})
        )
        self._check_places()
        self._check_counts()
        for relation in self.relations:
            self._check_relation(relation)

    def by_agency(self, figure: Figure) -> Mapping[str, int]:
        """People of this cell, or between these nested cells, by agency; empty where nothing was reported."""
        if isinstance(figure, Nested):
            inner, outer = self.by_agency(figure.inner), self.by_agency(figure.outer)
            return {agency: n - inner.get(agency, 0) for agency, n in outer.items()}
        counts = self.counts[figure]
        return {} if isinstance(counts, NotReported) else counts

    def behind(self, figure: Figure) -> Mapping[str, int]:
        """The people behind a figure by agency: of a count of people they are the count."""
        behind = None if isinstance(figure, Nested) else self.people.get(figure)
        return self.by_agency(figure) if behind is None else behind

    def key(self, figure: Figure) -> FigureKey:
        """The figure's one name; of people between two nested counts, one made of both."""
        if isinstance(figure, Nested):
            universe, pairs = self.key(figure.outer)
            return universe, tuple(sorted([*pairs, ("without", json.dumps(self.key(figure.inner)))]))
        given = self.keys.get(figure)
        return given or (self.title, tuple(sorted(zip(self.axes, figure, strict=False))))

    def _check_places(self) -> None:
        if not self.title.strip():
            raise ValueError("a table needs a title")
        everywhere = [*self.counts, *self.medians, *self.ranges, *self.linked]
        everywhere += [linked.share_at for linked in self.linked.values()]
        if len(set(everywhere)) != len(everywhere):
            raise ValueError("two figures stand in one cell")
        for at in everywhere:
            if at not in self.beside | self.inside and not on_axes(at, self.axes):
                raise ValueError(f"{at} is not on the axes")
        named = {median.cell for median in self.medians.values()}
        named |= {spread.cell for spread in self.ranges.values() if spread.cell is not None}
        if self.beside & self.inside or named & (self.beside | self.inside):
            raise ValueError("a figure without a place is public or kept back, and nothing stands beside it")
        named |= self.beside | self.inside | self.keys.keys() | self.people.keys()
        for total, parts in map(line_of, self.relations):
            named |= {figure for figure in (total, *parts) if not isinstance(figure, Nested)}
        for at in sorted(named - self.counts.keys()):
            raise ValueError(f"{at} is not a count of this table")
        for at, linked in self.linked.items():
            beside = self.ranges.get(linked.cell)
            if beside is None or dict(beside.by_agency) != dict(linked.by_agency):
                raise ValueError(f"{at} has no range without links beside it")
            for some in (linked.links.by_agency(), linked.released):
                if all(n <= linked.by_agency.get(agency, 0) for agency, n in some.items()):
                    continue
                raise ValueError(f"{at} links records that it does not count")

    def _check_counts(self) -> None:
        given = [(at, n) for at, n in self.counts.items() if not isinstance(n, NotReported)]
        given += [(at, m.by_agency) for at, m in self.medians.items()]
        given += [(at, r.by_agency) for at, r in self.ranges.items()]
        for at, by_agency in given:
            if any(type(n) is not int or n < 0 for n in by_agency.values()):
                raise ValueError(f"{at} has a count that is not a whole number of people")
            if not by_agency and at in self.counts:
                raise ValueError(f"{at} is a zero that no agency reported: say NotReported")
        for at, clients in self.people.items():
            events = self.by_agency(at)
            if any(not 0 < clients.get(agency, 0) <= n for agency, n in events.items() if n) or any(
                n for agency, n in clients.items() if not events.get(agency)
            ):
                raise ValueError(f"{at} has more clients than events, or events of nobody")
        if any(median.days < 0 for median in self.medians.values()):
            raise ValueError("a median is a length of time")

    def _check_relation(self, relation: Relation) -> None:
        total, parts = line_of(relation)
        if total in parts or len(set(parts)) != len(parts) or len(parts) < 1:
            raise ValueError(f"{relation} names a cell twice or has no parts")
        if isinstance(relation, Nested):
            everyone = {*self.by_agency(relation.inner), *self.by_agency(relation.outer)}
            inner, outer = self.by_agency(relation.inner), self.by_agency(relation.outer)
            if any(inner.get(agency, 0) > outer.get(agency, 0) for agency in everyone):
                raise ValueError(f"{relation.inner} is not within {relation.outer} at every agency")
        elif _added([self.by_agency(part) for part in parts]) != _added([self.by_agency(total)]):
            raise ValueError(f"{relation.total} is not the sum of its parts at every agency")


def add_totals(
    axes: Mapping[str, Sequence[str]], counts: Counts, along: Mapping[str, str]
) -> tuple[dict[str, tuple[str, ...]], dict[Coord, Mapping[str, int] | NotReported], list[Relation]]:
    """Add a total along each axis named in `along` (axis -> the total's label), with the `Sum` that says so.

    Returns axes, counts and relations for a RawTable. A total over cells that nobody reported is NotReported.
    """
    names, full, relations = list(axes), dict(counts), list[Relation]()
    longer = {name: tuple(values) for name, values in axes.items()}
    for name, label in along.items():
        i = names.index(name)
        lines: dict[Coord, list[Coord]] = {}
        for at in full:
            lines.setdefault((*at[:i], label, *at[i + 1 :]), []).append(at)
        for total, parts in lines.items():
            reported = [n for n in (full[part] for part in parts) if not isinstance(n, NotReported)]
            added: dict[str, int] = {agency: 0 for by_agency in reported for agency in by_agency}
            for by_agency in reported:
                for agency, n in by_agency.items():
                    added[agency] += n
            full[total] = added if reported else NotReported()
            relations.append(Sum(total, tuple(parts)))
        longer[name] = (*longer[name], label)
    return longer, full, relations


def on_axes(at: Coord, axes: Mapping[str, Sequence[str]]) -> bool:
    return len(at) == len(axes) and all(value in axis for value, axis in zip(at, axes.values(), strict=True))


def _through(relations: Sequence[Relation]) -> list[Relation]:
    """Every nesting that follows from others: with the middle hidden, outer less inner can still be read."""
    pairs = {(r.inner, r.outer) for r in relations if isinstance(r, Nested)}
    found = set(pairs)
    while more := {(a, d) for a, b in found for c, d in pairs if b == c and a != d} - found:
        found |= more
    return [Nested(inner, outer) for inner, outer in sorted(found - pairs)]


def _frozen(counts: Mapping[str, int] | NotReported) -> Mapping[str, int] | NotReported:
    return counts if isinstance(counts, NotReported) else MappingProxyType(dict(counts))


def _added(many: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """By agency, without the zeros: whether an agency reported zero or nothing is all one to a sum."""
    total: dict[str, int] = {}
    for by_agency in many:
        for agency, n in by_agency.items():
            if n:
                total[agency] = total.get(agency, 0) + n
    return total
