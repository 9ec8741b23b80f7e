"""Which part of a released table a page looks at: the period, the view, the value; and a coarser view that
would show more. Every choice is among what was released: nothing is counted here. Pages are in dashboards.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from django.db import connection
from django.http import Http404

from agencies.models import User
from reporting import reading, releases
from reporting.measures import ALL, Period, View
from reporting.measures.dimensions import dimensions
from reporting.models import Release
from reporting.reading import Names, Table
from reporting.sdc import Hidden, ProtectedTable

# What a list of releases needs of each; a table is fetched with the one release that is looked at.
LIGHT = ("id", "label", "measure", "measure_version", "period_start", "period_end", "agencies", "made_at")
MOSTLY = 0.5
"""Where more than this part of a view's cells is hidden, a coarser one is proposed."""


def names() -> Names:
    """What the dimensions and their values are called. One query, for the places."""
    with connection.cursor() as cursor:
        return dimensions(cursor)


@dataclass(frozen=True, slots=True)
class Lens:
    """One view of a table: an axis down, one across (or none), and a value at which the third is held.

    The picture shows one value of the axis `picked`, which a reader picks: `value`. Both may be empty.
    """

    view: View
    rows: str
    columns: str
    picked: str
    value: str

    @property
    def key(self) -> str:
        return "-".join(self.view)

    @property
    def narrowed(self) -> dict[str, str]:
        """What the picture is held at."""
        return {self.picked: self.value} if self.picked else {}

    @property
    def drawn(self) -> str:
        """The axis that the picture is drawn along."""
        return next(axis for axis in self.view if axis != self.picked)

    @property
    def fixed(self) -> dict[str, str]:
        """What the table beside is held at: only an axis that is neither down nor across."""
        return {self.picked: self.value} if self.picked not in ("", self.rows, self.columns) else {}


def lens_of(table: Table, view: View, value: str = "", *, across: str = "", picks: str = "") -> Lens:
    """How to look at this view: `across` names the axis of the columns, `picks` the one a reader picks from.

    Else the shortest axis goes across, and the first of several is picked from; of flows none is. A value of
    another axis says nothing here: it is left from the view that was looked at before. Raises Http404 for one
    that no axis of the table has.
    """
    picked = ""
    if len(view) > 1 and not is_flow(view):
        picked = picks if picks in view else view[0]
    rest = [axis for axis in view if len(view) < 3 or axis != picked]
    shortest = min(reversed(rest), key=lambda axis: len(table.axes[axis]))
    # From where goes down, to where goes across.
    across = view[1] if is_flow(view) else across
    fits = across in rest and len(table.axes[across]) <= reading.MOST_COLUMNS
    columns = "" if len(rest) < 2 else across if fits else shortest
    (rows,) = [axis for axis in rest if axis != columns]
    choices = reading.values_of(table, picked) if picked else [""]
    if value and not any(value in values for values in table.axes.values()):
        raise Http404
    return Lens(view, rows, columns, picked, value if value in choices else choices[0])


def is_flow(view: View) -> bool:
    """Whether the view says from where to where."""
    return len(view) == 2 and view[0].startswith("origin") and view[1].startswith("next")


def share_hidden(table: Table, view: View, fixed: Mapping[str, str] | None = None) -> float:
    """Which part of a view's cells is hidden, of 1. Zeros and what nobody reported are not."""
    axes = list(table.axes)
    wanted = {**dict(fixed or {})}
    cells = [
        cell
        for at, cell in table.cells.items()
        if all((value != ALL) == (axis in view) for axis, value in zip(axes, at, strict=True))
        and all(at[axes.index(axis)] == value for axis, value in wanted.items())
    ]
    return sum(isinstance(cell, Hidden) for cell in cells) / len(cells) if cells else 0.0


def coarser(table: Table, lens: Lens) -> View | None:
    """The finest view with fewer dimensions of which no more than MOSTLY is hidden; None if there is none."""
    fitting = [
        view
        for view in reading.views_of(table)
        if set(view) < set(lens.view) and share_hidden(table, view) <= MOSTLY
    ]
    return max(fitting, key=len, default=None)


@dataclass(frozen=True)
class Made:
    """The releases of some measures for partners, newest period first, without their tables."""

    releases: Sequence[Release] = field(repr=False)

    @classmethod
    def of(cls, measures: Iterable[str]) -> "Made":
        found = Release.objects.filter(measure__in=list(measures), scope="partners", replaced_by=None)
        return cls(list(found.only(*LIGHT).order_by("-period_end", "period_start", "-made_at")))

    @cached_property
    def periods(self) -> list[Period]:
        """The periods there are, latest end first and of one end the shortest."""
        found = {Period(one.period_start, one.period_end) for one in self.releases}
        return sorted(found, key=lambda one: (one.end, one.start), reverse=True)

    def period(self, key: str) -> Period | None:
        """The period of this key, the newest for an empty one; None before any. Raises Http404."""
        if not key:
            return self.periods[0] if self.periods else None
        chosen = next((one for one in self.periods if key_of(one) == key), None)
        if chosen is None:
            raise Http404
        return chosen

    def at(self, measure: str, period: Period | None) -> Release | None:
        """The release of a measure for this very period."""
        return next(
            (
                one
                for one in self.releases
                if one.measure == measure and Period(one.period_start, one.period_end) == period
            ),
            None,
        )

    def longer(self, measure: str, period: Period) -> Release | None:
        """The newest release of the measure whose period holds this one and more."""
        return next(
            (
                one
                for one in self.releases
                if one.measure == measure
                and one.period_start <= period.start
                and one.period_end >= period.end
                and (one.period_end - one.period_start) > (period.end - period.start)
            ),
            None,
        )


def key_of(period: Period) -> str:
    return f"{period.start:%Y%m%d}-{period.end:%Y%m%d}"


def read(found: Release, user: User | None, channel: str = "page") -> ProtectedTable:
    return releases.read(found, user=user, channel=channel)


def said_of(table: ProtectedTable, place: Mapping[str, str]) -> str | None:
    """One figure in words; None where it is hidden, not reported or has no place."""
    cell = reading.cell_at(table, reading.place(table, place))
    return reading.said(cell) if reading.kind(cell) in ("value", "zero") else None
