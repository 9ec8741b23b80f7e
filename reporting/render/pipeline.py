"""The parts of the pipeline's page: bars with their cells, cuts by sector, conversions, caveats, the rule."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, pgettext

from reporting.reading import (
    LINKED_AT,
    RELEASED_AT,
    SECTORS,
    Table,
    caveats,
    cell_at,
    conversions,
    figures_of,
    gate,
    kind,
    name_of,
    rule,
    said,
)
from reporting.sdc import Cell, NotReported, ProtectedTable, Range


@dataclass(frozen=True, slots=True)
class Bar:
    """One stage's people on the scale of the table. `kind` is range, zero, hidden or missing."""

    stage: str
    label: str
    kind: str
    says: str
    low: int = 0
    high: int = 0
    scale: int = 1

    @property
    def low_width(self) -> int:
        """Per mille of the widest bar."""
        return 1000 * self.low // self.scale

    @property
    def high_width(self) -> int:
        return 1000 * self.high // self.scale


def bars(table: Table) -> list[Bar]:
    """The people of each stage, all on one scale that starts at zero."""
    gate(table)
    cells = [(row, _cell(table, row, "people")) for row in table.axes["stage"]]
    scale = max([cell.high for _row, cell in cells if isinstance(cell, Range)], default=0) or 1
    found = []
    for row, cell in cells:
        if isinstance(cell, Range) and cell.high:
            found.append(Bar(row, name_of(row), "range", said(cell), cell.low, cell.high, scale))
        else:
            found.append(Bar(row, name_of(row), kind(cell), said(cell)))
    return found


def page(table: Table) -> dict[str, Any]:
    """What the templates of a pipeline are given. A cell is {kind, text}; so is a conversion."""
    gate(table)
    rows = list(table.axes["stage"])
    sectors = [figure for figure in figures_of(table) if figure in SECTORS]
    main = [figure for figure in figures_of(table) if figure not in SECTORS]
    reported = [
        sector for sector in sectors if any(kind(_cell(table, row, sector)) != "zero" for row in rows)
    ]
    passed = conversions(table) if "entered" in table.axes["figure"] else {}
    has_links = LINKED_AT in table.cells  # whether anybody could be counted once when it was made
    return {
        "title": gettext(table.title),
        "caveats": caveats(table, (_cell(table, row, figure) for row in rows for figure in main)),
        "sector_caveats": caveats(
            table, (_cell(table, row, one) for row in rows for one in [*reported, "entered"])
        )[:7],
        "rule": rule(table),
        "generated_at": table.caveats.generated_at,
        "people": _for_page(_cell(table, "identified", "people")),
        "linked": _for_page(_cell(table, *LINKED_AT)) if has_links else None,
        "threshold": table.policy.threshold if isinstance(table, ProtectedTable) else None,
        "released": _for_page(_cell(table, *RELEASED_AT)) if has_links else None,
        "records": _for_page(_cell(table, "identified", "entered")),
        "stages": [
            {
                "bar": bar,
                "people": _for_page(_cell(table, bar.stage, "people")),
                "now": _for_page(_cell(table, bar.stage, "now")),
                "entered": _for_page(_cell(table, bar.stage, "entered")),
                "median_days": _for_page(_cell(table, bar.stage, "median_days")),
                "conversion": _share(passed.get(bar.stage, "")),
            }
            for bar in bars(table)
        ],
        "sector_columns": [
            {"label": label, "num": bool(number)}
            for number, label in enumerate(
                [gettext("Stage"), *map(name_of, reported), pgettext("total of a row", "All")]
            )
        ],
        "sector_rows": [
            [
                name_of(row),
                *(_for_page(_cell(table, row, sector)) for sector in reported),
                _for_page(_cell(table, row, "entered")),
            ]
            for row in rows
        ],
        "has_sectors": bool(reported),
    }


def spoken(table: Table, row: str, figure: str) -> str:
    """One cell in words, for a sentence."""
    gate(table)
    return said(_cell(table, row, figure))


def _cell(table: Table, row: str, figure: str) -> Cell:
    return cell_at(table, (row, figure)) or NotReported()


def _for_page(cell: Cell) -> dict[str, str]:
    return {"kind": kind(cell), "text": said(cell)}


def _share(text: str) -> dict[str, str]:
    return {"kind": "value" if text else "none", "text": text}
