"""Which of the agencies expected to report stand in the figures of a period: by sector, by county.

About agencies and never about clients, so nothing is protected. When an agency's last record came in is not
said: it would tell that somebody came to a small agency then.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from reporting.measures import UNKNOWN
from reporting.measures.dimensions import group_of_sector


@dataclass(frozen=True, slots=True)
class Reporter:
    """An agency expected to report, and whether its records were counted. `county` is its name, if any."""

    sector: str
    county: str | None
    is_counted: bool

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
        found[value] = Coverage(before.reporting + one.is_counted, before.expected + 1)
    return found
