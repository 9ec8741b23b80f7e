"""A table as a file: terminal text, JSON, CSV, XLSX, PDF. All are made of one sheet, so all say the same."""

import csv as csv_format
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import typst
import xlsxwriter
from django.utils import timezone
from django.utils.translation import get_language, gettext

from reporting.reading import (
    LINKED_AT,
    RELEASED_AT,
    SECTORS,
    Names,
    Sheet,
    Table,
    Value,
    cell_at,
    figures_of,
    grouped,
    is_pipeline,
    name_of,
    notes,
    sheet,
    title_of,
)
from reporting.sdc import Cell, Hidden, MedianDays, NotReported, ProtectedTable, Range, Share, Shown

PAPER = Path(__file__).with_name("table.typ")
_WIDE_PAPER = 7
"""From how many columns on a page of paper lies on its side."""


def text(table: Table, stages: Iterable[str] | None = None, names: Names | None = None) -> str:
    """For a terminal: a line a row, then the caveats. `stages` keeps only the rows of a pipeline named.

    A pipeline goes without its cuts by sector, which are too many for a line.
    """
    found = sheet(table, names)
    cut = SECTORS if is_pipeline(table) else {}
    shown = [number for number, (key, _name) in enumerate(found.columns) if key not in cut]
    wanted = None if stages is None else set(stages)
    lines = [[*found.heads, *(found.columns[number][1] for number in shown)]]
    lines += [
        [*line.names, *(_written(line.marks[number]) for number in shown)]
        for line in found.rows
        if wanted is None or line.keys[0] in wanted
    ]
    ahead = len(found.heads)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    out = [found.title, ""]
    for number, line in enumerate(lines):
        cells = [
            cell.ljust(width) if column < ahead else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        out.append("  ".join(cells))
        if number == 0:
            out.append("  ".join("-" * width for width in widths))
    out.append("")
    beside = notes(table)
    label_width = max(len(label) for label, _said in beside)
    for label, said in beside:
        first, *rest = wrap(said, 96 - label_width) or [""]
        out.append(f"{label.ljust(label_width)}  {first}")
        out += [" " * (label_width + 2) + line for line in rest]
    return "\n".join(out) + "\n"


def data(table: Table, names: Names | None = None) -> dict[str, Any]:
    """For programs. A hidden figure is null; one that nobody reported is null and named in `not_reported`.

    A pipeline has `stages` and `by_sector`; every other table has `dimensions`, and `figures` by their place.
    """
    found = sheet(table, names)
    about = table.caveats
    return {
        "title": found.title if not is_pipeline(table) else str(table.title),
        **(_stages(table) if is_pipeline(table) else _figures(table, names)),
        "period": {"start": about.period[0].isoformat(), "end": about.period[1].isoformat()},
        "agencies_reporting": about.agencies_reporting,
        "agencies_expected": about.agencies_expected,
        "generated_at": about.generated_at.isoformat(),
        "caveats": [{"about": label, "text": said} for label, said in notes(table)],
        "release": about.release_id,
        "digest": table.digest() if isinstance(table, ProtectedTable) else None,
    }


def csv(table: Table, names: Names | None = None) -> bytes:
    """Figures, an empty line, and the caveats; UTF-8 with a mark that spreadsheets need."""
    return csv_of(_lines(table, names))


def xlsx(table: Table, names: Names | None = None) -> bytes:
    """The same lines as the CSV, numbers as numbers. The same table gives the same bytes."""
    found = sheet(table, names)
    made = table.caveats.generated_at.replace(tzinfo=None)
    return xlsx_of(_lines(table, names), name=gettext("Figures"), heads=len(found.heads), made=made)


def pdf(table: Table, names: Names | None = None) -> bytes:
    """On paper, as PDF/UA: readable aloud, fonts inside, nothing fetched. The same table, the same bytes."""
    found = sheet(table, names)
    made = timezone.localtime(table.caveats.generated_at)
    content = {
        "lang": (get_language() or "en")[:2],
        "title": found.title,
        "author": dict(found.caveats)[gettext("Source")],
        "made": [made.year, made.month, made.day],
        "wide": len(found.heads) + len(found.columns) > _WIDE_PAPER,
        "ahead": len(found.heads),
        "heads": [*found.heads, *(label for _key, label in found.columns)],
        "rows": [[*line.names, *(_written(mark) for mark in line.marks)] for line in found.rows],
        "about": gettext("About these figures"),
        "notes": _file_notes(table),
    }
    return bytes(
        typst.compile(
            PAPER,
            root=PAPER.parent,
            ignore_system_fonts=True,
            sys_inputs={"content": json.dumps(content)},
            pdf_standards="ua-1",
        )
    )


def csv_of(lines: Iterable[Sequence[Value]]) -> bytes:
    """Lines of a file that no spreadsheet takes for formulas."""
    out = io.StringIO()
    csv_format.writer(out).writerows([[harmless(value) for value in line] for line in lines])
    return out.getvalue().encode("utf-8-sig")


def xlsx_of(lines: Iterable[Sequence[Value]], *, name: str, heads: int = 1, made: Any = None) -> bytes:
    """A workbook of one sheet. Made in memory: exact figures of an agency leave no temporary file behind.

    `heads`: how many columns hold names. `made`: the time the workbook says it was made at, without a zone;
    now, if none is given.
    """
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        if made is not None:
            book.set_properties({"created": made})
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        signs = book.add_format({"align": "right"})
        page = book.add_worksheet(name[:31])
        page.set_column(0, heads - 1, 28)
        page.set_column(heads, heads + 60, 14)
        page.freeze_panes(1, heads)
        is_figure = True
        for number, line in enumerate(lines):
            is_figure = is_figure and bool(line)
            for column, value in enumerate(line):
                chosen = bold if number == 0 else signs if is_figure and column >= heads else None
                if isinstance(value, int):
                    page.write_number(number, column, value, chosen)
                else:
                    page.write_string(number, column, str(harmless(value)), chosen)
    return out.getvalue()


def harmless(value: Value) -> Value:
    """Text that a spreadsheet would take for a formula, kept as text (OWASP, CSV injection)."""
    if isinstance(value, str) and value.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return f"'{value}"
    return value


def _lines(table: Table, names: Names | None) -> list[list[Value]]:
    found: Sheet = sheet(table, names)
    figures: list[list[Value]] = [[*line.names, *line.marks] for line in found.rows]
    beside: list[list[Value]] = [[label, said] for label, said in _file_notes(table)]
    return [[*found.heads, *(label for _key, label in found.columns)], *figures, [], *beside]


def _file_notes(table: Table) -> list[tuple[str, str]]:
    if isinstance(table, ProtectedTable):
        return [*notes(table), (gettext("Digest"), table.digest())]
    return notes(table)


def _figures(table: Table, names: Names | None) -> dict[str, Any]:
    axes = list(table.axes)
    return {
        "dimensions": [
            {
                "key": axis,
                "label": title_of(axis, names),
                "values": [
                    {"key": value, "label": name_of(value, axis, names)} for value in table.axes[axis]
                ],
            }
            for axis in axes
        ],
        "figures": [
            {"at": dict(zip(axes, at, strict=True)), "value": _plain(cell)}
            for at, cell in table.cells.items()
        ],
        "not_reported": [
            dict(zip(axes, at, strict=True))
            for at, cell in table.cells.items()
            if isinstance(cell, NotReported)
        ],
    }


def _stages(table: Table) -> dict[str, Any]:
    figures, rows = figures_of(table), list(table.axes["stage"])
    main = [figure for figure in figures if figure not in SECTORS]
    sectors = [figure for figure in figures if figure in SECTORS]
    cells: dict[tuple[str, str], Cell] = {
        (row, figure): cell_at(table, (row, figure)) or NotReported() for row in rows for figure in figures
    }
    return {
        "stages": [
            {"stage": _spoken(row), **{figure: _plain(cells[row, figure]) for figure in main}} for row in rows
        ],
        "by_sector": [
            {"stage": _spoken(row), "entered": {sector: _plain(cells[row, sector]) for sector in sectors}}
            for row in rows
        ],
        "not_reported": [
            [_spoken(row), figure] for (row, figure), cell in cells.items() if isinstance(cell, NotReported)
        ],
        "people": _plain(cells.get(("identified", "people"), NotReported())),
        "people_linked": _linked(table),
    }


def _linked(table: Table) -> dict[str, int | float | None] | None:
    """The range with links and the part of the clients it rests on, of 1; None where it isn't said."""
    found, share = table.cells.get(LINKED_AT), table.cells.get(RELEASED_AT)
    if not isinstance(found, Range):
        return None
    part = share.percent / 100 if isinstance(share, Share) else None
    return {"low": found.low, "high": found.high, "released_share": part}


def _written(mark: Value) -> str:
    return grouped(mark) if isinstance(mark, int) else mark


def _plain(cell: Cell) -> int | dict[str, int] | None:
    match cell:
        case Shown(value) | MedianDays(value):
            return value
        case Range(low, high):
            return {"low": low, "high": high}
        case Share(percent):
            return {"percent": percent}
        case Hidden() | NotReported():
            return None


def _spoken(stage: str) -> str:
    """The stage's name as the product says it: `in service`, not the key in_service."""
    return stage.replace("_", " ")
