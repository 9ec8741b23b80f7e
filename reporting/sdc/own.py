"""An agency's own exact figures, for its own people. Not protected, and so never about anyone else's rows.

What leaves an agency, or counts several of them, is a ProtectedTable (protected.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import floor
from types import MappingProxyType
from typing import final

from reporting.sdc.policy import gettext_noop
from reporting.sdc.protected import Caveats
from reporting.sdc.raw import Provenance, RawTable
from reporting.sdc.shape import Cell, Coord, MedianDays, NotReported, Range, Shown


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTable:
    """Exact cells of one agency, with the same caveats as any table. `agency` is whose they are."""

    title: str
    axes: Mapping[str, tuple[str, ...]]
    cells: Mapping[Coord, Cell]
    agency: str
    caveats: Caveats

    def __getitem__(self, at: Coord) -> Cell:
        return self.cells[at]


def own_table(raw: RawTable, agency: str) -> OwnTable:
    """The table as it is, for the agency whose rows it counts. Raises ValueError if a count is another's."""
    cells: dict[Coord, Cell] = {}
    for at, counts in raw.counts.items():
        if at in raw.beside | raw.inside:
            continue
        _only(agency, {} if isinstance(counts, NotReported) else counts)
        cells[at] = counts if isinstance(counts, NotReported) else Shown(sum(counts.values()))
    for at, median in raw.medians.items():
        _only(agency, median.by_agency)
        whole = MedianDays(floor(median.days + 0.5))
        cells[at] = whole if any(median.by_agency.values()) else NotReported()
    for at, spread in raw.ranges.items():
        _only(agency, spread.by_agency)
        total = sum(spread.by_agency.values())
        cells[at] = Range(total, total)
    return OwnTable(
        title=raw.title,
        axes=MappingProxyType({name: tuple(values) for name, values in raw.axes.items()}),
        cells=MappingProxyType(cells),
        agency=agency,
        caveats=Caveats(
            **{one.name: getattr(raw.about, one.name) for one in fields(Provenance)},
            suppression_rule=gettext_noop("None: exact figures of one agency, for that agency's own staff."),
            share_hidden=0,
        ),
    )


def _only(agency: str, counts: Mapping[str, int]) -> None:
    if set(counts) - {agency}:
        raise ValueError("an agency's own table counts only its own rows")
