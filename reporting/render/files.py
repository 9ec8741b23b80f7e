"""A table as a file: terminal text, JSON, CSV, XLSX, PDF. All are made of the same sheets, so all say
the same."""

import csv as csv_format
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    Cut,
    Names,
    Sheet,
    Table,
    Value,
    cell_at,
    figures_of,
    gate,
    grouped,
    is_pipeline,
    name_of,
    notes,
    sheets,
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
    gate(table)
    cut = SECTORS if is_pipeline(table) else {}
    wanted = None if stages is None else set(stages)
    out = [gettext(table.title), ""]
    for found in (several := sheets(table, names)):
        shown = [number for number, (key, _name) in enumerate(found.columns) if key not in cut]
        lines = [[*found.heads, *(found.columns[number][1] for number in shown)]]
        lines += [
            [*line.names, *(_written(line.marks[number]) for number in shown)]
            for line in found.rows
            if wanted is None or line.keys[0] in wanted
        ]
        ahead = len(found.heads)
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        out += [found.name, ""] if len(several) > 1 else []
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
    gate(table)
    about = table.caveats
    return {
        "title": gettext(table.title) if not is_pipeline(table) else str(table.title),
        **(_stages(table) if is_pipeline(table) else _figures(table, names)),
        "period": {"start": about.period[0].isoformat(), "end": about.period[1].isoformat()},
        "agencies_reporting": about.agencies_reporting,
        "agencies_expected": about.agencies_expected,
        "generated_at": about.generated_at.isoformat(),
        "caveats": [{"about": label, "text": said} for label, said in notes(table)],
        "release": about.release_id,
        "digest": table.digest() if isinstance(table, ProtectedTable) else None,
    }


def csv(table: Table, names: Names | None = None, cut: Cut | None = None) -> bytes:
    """Figures, an empty line, and the caveats; UTF-8 with a mark that spreadsheets need.

    Of several views each stands by itself, below its name and above an empty line.
    """
    found = sheets(table, names, cut)
    lines = [line for one in found for line in [*_lines(one, is_named=len(found) > 1), []]]
    return csv_of([*lines, *_file_notes(table, found, cut)])


def xlsx(table: Table, names: Names | None = None, cut: Cut | None = None) -> bytes:
    """The same lines as the CSV, numbers as numbers: a worksheet for each view, each with its caveats. The
    same table gives the same bytes."""
    found = sheets(table, names, cut)
    several = len(found) > 1
    pages = [
        _Page(
            one.name if several else gettext("Figures"),
            [*_lines(one, is_named=several), [], *_file_notes(table, found, cut)],
            len(one.heads),
            titles=1 + several,
        )
        for one in found
    ]
    return _book(pages, table.caveats.generated_at.replace(tzinfo=None))


def pdf(table: Table, names: Names | None = None, cut: Cut | None = None) -> bytes:
    """On paper, as PDF/UA: readable aloud, fonts inside, nothing fetched. The same table, the same bytes."""
    found = sheets(table, names, cut)
    made = timezone.localtime(table.caveats.generated_at)
    beside = _file_notes(table, found, cut)
    content = {
        "lang": (get_language() or "en")[:2],
        "title": gettext(table.title),
        "author": dict(beside)[gettext("Source")],
        "made": [made.year, made.month, made.day],
        "wide": any(len(one.heads) + len(one.columns) > _WIDE_PAPER for one in found),
        "tables": [
            {
                "name": one.name if len(found) > 1 else "",
                "ahead": len(one.heads),
                "heads": [*one.heads, *(label for _key, label in one.columns)],
                "rows": [[*line.names, *(_written(mark) for mark in line.marks)] for line in one.rows],
            }
            for one in found
        ],
        "about": gettext("About these figures"),
        "notes": beside,
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
    """A workbook of one sheet.

    `heads`: how many columns hold names. `made`: the time the workbook says it was made at, without a zone;
    now, if none is given.
    """
    return _book([_Page(name, lines, heads)], made)


@dataclass(frozen=True, slots=True)
class _Page:
    """A worksheet. The first `titles` lines are bold and stay in sight, as do the first `heads` columns."""

    name: str
    lines: Iterable[Sequence[Value]]
    heads: int
    titles: int = 1


def _book(pages: Sequence[_Page], made: Any) -> bytes:
    """Made in memory: exact figures of an agency leave no temporary file behind."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        if made is not None:
            book.set_properties({"created": made})
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        title = book.add_format({"bold": True})
        signs = book.add_format({"align": "right"})
        taken: list[str] = []
        for page in pages:
            taken.append(_tab(page.name, taken))
            sheet = book.add_worksheet(taken[-1])
            sheet.set_column(0, page.heads - 1, 28)
            sheet.set_column(page.heads, page.heads + 60, 14)
            sheet.freeze_panes(page.titles, page.heads)
            is_figure = True
            for number, line in enumerate(page.lines):
                is_figure = is_figure and bool(line)
                for column, value in enumerate(line):
                    chosen = bold if number == page.titles - 1 else title if number < page.titles else None
                    if chosen is None and is_figure and column >= page.heads:
                        chosen = signs
                    if isinstance(value, int | float):
                        sheet.write_number(number, column, value, chosen)
                    else:
                        sheet.write_string(number, column, str(harmless(value)), chosen)
    return out.getvalue()


def _tab(name: str, taken: Sequence[str]) -> str:
    """The name of a worksheet: 31 characters without some signs, no two alike in letters of either case."""
    plain = re.sub(r"[\[\]:*?/\\]", " ", name).strip(" '")
    others = {one.lower() for one in taken}
    return next(
        one
        for number in range(1, len(taken) + 2)
        if (one := plain[:31] if number == 1 else f"{plain[:27]} {number}").lower() not in others
    )


def harmless(value: Value) -> Value:
    """Text that a spreadsheet would take for a formula, kept as text (OWASP, CSV injection)."""
    if isinstance(value, str) and value.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return f"'{value}"
    return value


def _lines(found: Sheet, *, is_named: bool) -> list[list[Value]]:
    figures: list[list[Value]] = [[*line.names, *line.marks] for line in found.rows]
    name: list[list[Value]] = [[found.name]] if is_named else []
    return [*name, [*found.heads, *(label for _key, label in found.columns)], *figures]


def _file_notes(table: Table, found: Sequence[Sheet], cut: Cut | None) -> list[tuple[str, str]]:
    """What the file is of, and its caveats; a digest is of the whole release."""
    drawn = None if cut is None else [cell for one in found for cell in one.cells]
    what = " ".join([gettext(table.title), "; ".join(filter(None, [one.name for one in found]))]).strip()
    digest = [(gettext("Digest"), table.digest())] if isinstance(table, ProtectedTable) else []
    return [(gettext("Table"), what), *(cut.notes if cut else ()), *notes(table, drawn), *digest]


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
    return grouped(mark) if isinstance(mark, int) else str(mark)


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
