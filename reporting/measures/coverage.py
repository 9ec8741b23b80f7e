"""Which agencies report: of those expected, by sector and by county, and how long ago their last record is.

About agencies and never about clients, so nothing is protected. A day would still tell that somebody came to
a small agency then: how long ago is said in four steps. Reading the rows is the engine's (`network_spans`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from reporting.measures import UNKNOWN, Text
from reporting.measures.dimensions import group_of_sector


class Recency(StrEnum):
    """How long before a day an agency's last record is dated."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    LONGER = "longer"
    NONE = "none"

    @property
    def label(self) -> Text:
        return _LABELS[self]


_LABELS = {
    Recency.WEEK: _("In the last 7 days"),
    Recency.MONTH: _("In the last 30 days"),
    Recency.QUARTER: _("In the last 90 days"),
    Recency.LONGER: _("Longer ago"),
    Recency.NONE: _("No record"),
}
_STEPS = ((7, Recency.WEEK), (30, Recency.MONTH), (90, Recency.QUARTER))


@dataclass(frozen=True, slots=True)
class Reporter:
    """An agency expected to report, and the day of its last record: None where none may be counted."""

    agency: int
    sector: str
    county: str | None
    last: date | None

    @property
    def sector_group(self) -> str:
        return group_of_sector(self.sector)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the agencies expected have reported."""

    reporting: int
    expected: int


def coverage(reporters: Iterable[Reporter], by: Callable[[Reporter], str | None]) -> Mapping[str, Coverage]:
    """The agencies by what `by` says of each (sector group, county); unknown where it says nothing."""
    found: dict[str, Coverage] = {}
    for one in reporters:
        value = by(one) or UNKNOWN
        before = found.get(value, Coverage(0, 0))
        found[value] = Coverage(before.reporting + (one.last is not None), before.expected + 1)
    return found


def recency(last: date | None, on: date) -> Recency:
    """How long before `on` the last record is. A record dated later counts as of that day."""
    if last is None:
        return Recency.NONE
    days = (on - last).days
    return next((step for most, step in _STEPS if days <= most), Recency.LONGER)
