"""The simple rule: `protect` chooses what to hide, proves that it holds, and lets the attacker try.

A fuller engine may replace everything behind `protect`; its callers will not notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import floor
from typing import NoReturn

from reporting.sdc.attack import audit, lower_bounds
from reporting.sdc.linked import linked_range, released_share
from reporting.sdc.lookalikes import Lookalikes
from reporting.sdc.people import people_range
from reporting.sdc.policy import Policy
from reporting.sdc.protected import ProtectedTable, assemble
from reporting.sdc.raw import RawTable
from reporting.sdc.shape import (
    Cell,
    Coord,
    Figure,
    Hidden,
    Line,
    MedianDays,
    Nested,
    NotReported,
    Range,
    Shown,
    Sum,
    line_of,
    order,
)


class Unprotectable(Exception):
    """Nothing that could be hidden makes this table safe. Hold it; do not show part of it."""


def protect(raw: RawTable, policy: Policy | None = None) -> ProtectedTable:
    """The table with every figure hidden that must be, and no reason given for any.

    The same counts give the same table, whatever the order of rows, columns or agencies. Promised, to the
    public and to each agency that knows its own counts: every count shown passes `Policy.may_show`, and so
    does every number left over when shown cells are taken from a shown total; no hidden cell can be worked
    out to closer than `Policy.width`. Not covered: agencies that pool what they know, other tables, relations
    not declared.
    Raises Unprotectable.
    """
    policy = policy or Policy()
    hidden = _Pattern(raw, policy).settle()
    cells: dict[Coord, Cell] = {}
    for at, counts in raw.counts.items():
        if at in raw.beside:
            continue
        if isinstance(counts, NotReported):
            cells[at] = counts
        else:
            cells[at] = Hidden() if at in hidden else Shown(sum(counts.values()))
    for at, median in raw.medians.items():
        if not isinstance(cells[median.cell], Shown) or not policy.may_show(median.by_agency):
            cells[at] = Hidden()
        else:
            cells[at] = (
                MedianDays(floor(median.days + 0.5)) if any(median.by_agency.values()) else NotReported()
            )
    for at, spread in raw.ranges.items():
        safe = spread.cell is None or isinstance(cells[spread.cell], Shown)
        cells[at] = people_range(spread.by_agency, policy) if safe else Hidden()
    for at, one in raw.linked.items():
        safe = isinstance(cells[one.cell], Range)
        cells[at] = linked_range(one.by_agency, one.links, one.before, policy) if safe else Hidden()
        cells[one.share_at] = (
            released_share(one.by_agency, one.released, policy) if isinstance(cells[at], Range) else Hidden()
        )
    try:
        table = assemble(
            title=raw.title,
            axes={name: tuple(values) for name, values in raw.axes.items()},
            cells=cells,
            relations=tuple(one for one in raw.relations if line_of(one)[0] not in raw.beside),
            policy=policy,
            about=raw.about,
        )
    except ValueError as error:
        raise Unprotectable(str(error)) from error
    if any(found.width < policy.width for found in audit(table, _own_counts(raw)).values()):
        raise Unprotectable("an agency could work out a hidden figure")
    return table


class _Pattern:
    """A set of hidden cells that only grows, until neither a line nor a reader gives anything away."""

    def __init__(self, raw: RawTable, policy: Policy) -> None:
        self._policy = policy
        self._lines: list[Line] = sorted(
            ((total, tuple(sorted(parts, key=order))) for total, parts in map(line_of, raw.relations)),
            key=lambda line: (order(line[0]), [order(part) for part in line[1]]),
        )
        between = [part for _, parts in self._lines for part in parts if isinstance(part, Nested)]
        figures: list[Figure] = [*raw.counts, *between]
        self._by_agency = {figure: raw.by_agency(figure) for figure in figures}
        self._count = {figure: sum(n.values()) for figure, n in self._by_agency.items()}
        self._totals = {relation.total for relation in raw.relations if isinstance(relation, Sum)}
        self._own = _own_counts(raw)
        self._beside = raw.beside
        self._hidden = {at for at in raw.counts if not policy.may_show(self._by_agency[at])} - raw.beside

    def settle(self) -> set[Coord]:
        while True:
            more = self._given_away_by_a_line() or self._given_away_to_a_reader()
            if more is None:
                return self._hidden
            self._hidden.add(more)

    def _unseen(self, figure: Figure) -> bool:
        return isinstance(figure, Nested) or figure in self._hidden

    def _given_away_by_a_line(self) -> Coord | None:
        """The next cell to hide in a line whose hidden figures, taken together, anybody can work out.

        What is left of a shown total is as good as shown, so it has to pass the same test as a shown count. A
        single hidden cell in a line would be solved by it; so would a hidden total whose parts all show.
        """
        for total, parts in self._lines:
            unseen = [part for part in parts if self._unseen(part)]
            if total in self._hidden:
                solved = not unseen
            else:
                left = _together(self._by_agency[part] for part in unseen)
                alone = len(unseen) == 1 and unseen[0] in self._hidden
                solved = bool(unseen) and (alone or not self._policy.may_show(left))
            if solved:
                return self._cheapest(parts) or self._cheapest([total]) or _nothing_left()
        return None

    def _given_away_to_a_reader(self) -> Coord | None:
        weak = self._unproven()
        if not weak:
            return None
        target = min(weak, key=lambda figure: (self._count[figure], order(figure)))
        near: set[Figure] = {target}
        while True:
            lines = [line for line in self._lines if near & {line[0], *line[1]}]
            chosen = self._cheapest(figure for total, parts in lines for figure in (total, *parts))
            if chosen is not None:
                return chosen
            wider = near | {f for total, parts in lines for f in (total, *parts) if self._unseen(f)}
            if wider == near:
                _nothing_left()
            near = wider

    def _cheapest(self, figures: Iterable[Figure]) -> Coord | None:
        """The smallest count still shown, margins last. Zeros stay: hiding one protects nobody."""
        could = [f for f in figures if not isinstance(f, Nested) and f not in self._beside]
        shown = [f for f in could if not self._unseen(f) and self._count[f]]
        return min(shown, key=lambda at: (at in self._totals, self._count[at], order(at)), default=None)

    def _targets(self) -> list[Figure]:
        """What must stay uncertain: hidden cells, and people in between whom a shown pair could not show."""
        between = {p for _, parts in self._lines for p in parts if isinstance(p, Nested)}
        small = [figure for figure in between if not self._policy.may_show(self._by_agency[figure])]
        return sorted([*self._hidden, *small], key=order)

    def _readers(self) -> list[dict[Figure, int]]:
        """What each reader knows beforehand, readers who know the same taken together; the public first."""
        known = [lower_bounds(self._lines, self._hidden, own) for own in ({}, *self._own.values())]
        return list({tuple(sorted((order(f), n) for f, n in low.items())): low for low in known}.values())

    def _unproven(self) -> set[Figure]:
        unknown = {f: n for f, n in self._count.items() if self._unseen(f)}
        weak: set[Figure] = set()
        for low in self._readers():
            tables = Lookalikes(self._lines, unknown, low)
            weak |= {target for target in self._targets() if not tables.reach(target, self._policy.width)}
        return weak


def _nothing_left() -> NoReturn:
    raise Unprotectable("nothing is left to hide beside a figure that can be worked out")


def _own_counts(raw: RawTable) -> dict[str, dict[Coord, int]]:
    own: dict[str, dict[Coord, int]] = {}
    for at in raw.counts:
        for agency, n in raw.by_agency(at).items():
            own.setdefault(agency, {})[at] = n
    return dict(sorted(own.items()))


def _together(many: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for by_agency in many:
        for agency, n in by_agency.items():
            total[agency] = total.get(agency, 0) + n
    return total
