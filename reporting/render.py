"""Every shape a table leaves the hub in: terminal, JSON, CSV, XLSX, SVG, and the parts of a page.

Takes a ProtectedTable or an OwnTable and nothing else. Every shape reads the same cells, says the same of a
hidden one, and carries the same caveats. What may be in a table is decided in sdc/.
"""

import csv as csv_format
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from textwrap import wrap
from typing import Any
from xml.sax.saxutils import escape

import xlsxwriter
from django.utils import formats, timezone
from django.utils.translation import get_language, gettext, pgettext
from django.utils.translation import gettext_lazy as _

from referrals.picklists import SectorFamily
from reporting.measures.pipeline import STAGES
from reporting.sdc import (
    HIDDEN_MARK,
    LINKED,
    NOT_REPORTED_MARK,
    RELEASED,
    RULE,
    Cell,
    Hidden,
    MedianDays,
    NotReported,
    ProtectedTable,
    Range,
    Share,
    Shown,
)
from reporting.sdc.own import OwnTable

Table = ProtectedTable | OwnTable
Value = int | str

# The figures of a stage in the order they are read; every other figure is a cut of `entered`.
MAIN = ("people", "now", "entered", "median_days")
_NAMES = {
    "now": _("Now"),
    "entered": _("Entered"),
    "people": _("People"),
    "people_low": _("People, at least"),
    "people_high": _("People, at most"),
    "median_days": _("Median days"),
    "contacts": _("Contacts"),
    "anonymous": _("Anonymous contacts"),
    **dict(STAGES),
}
NO_FIGURE_MARK = "–"
"""Where there is nothing to say: no stage stands before, or the figure is not said for such a period."""
_LINKED_AT, _RELEASED_AT = ("identified", LINKED), ("identified", RELEASED)
_SECTORS = {family.value: family.label for family in SectorFamily}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table read for rendering: column keys and labels, rows of marks, the caveats as label and text."""

    title: str
    columns: list[tuple[str, str]]
    rows: list[tuple[str, str, list[Value]]]
    caveats: list[tuple[str, str]]
    rule: str


def name_of(key: str) -> str:
    """What a row or column is called, in the reader's language."""
    if key in _NAMES:
        return str(_NAMES[key])
    return gettext(_SECTORS[key]) if key in _SECTORS else key.replace("_", " ").capitalize()


def sheet(table: Table) -> Sheet:
    """The one gate of this file: every shape below reads a table through here. Raises TypeError."""
    if type(table) not in (ProtectedTable, OwnTable):
        raise TypeError("only a ProtectedTable or an agency's OwnTable is rendered")
    figures = _figures(table)
    columns = [key for figure in figures for key in _keys(figure)]
    return Sheet(
        title=gettext(table.title),
        columns=[(key, name_of(key)) for key in columns],
        rows=[(row, name_of(row), _row(table, row, figures)) for row in table.axes["stage"]],
        caveats=caveats(table),
        rule=_rule(table),
    )


def caveats(table: Table) -> list[tuple[str, str]]:
    """What stands beside every figure, in the order of the caveat block."""
    about = table.caveats
    reporting = gettext("%(reporting)d of %(expected)d agencies") % {
        "reporting": about.agencies_reporting,
        "expected": about.agencies_expected,
    }
    if isinstance(table, OwnTable):
        release, hidden = gettext("Live, not released"), gettext("None: an agency's own exact figures")
        reporting = gettext("This agency alone")
    else:
        release = f"{about.release_id}, {gettext('digest')} {table.digest()[:12]}"
        hidden = gettext(
            "%(share)d %% of cells: counts of 1 to %(small)d, and those that would give one away"
        ) % {"share": about.share_hidden, **table.policy.parameters()}
    return [
        (gettext("Source"), gettext(about.source)),
        (gettext("Period"), period_text(*about.period)),
        (gettext("Coverage"), reporting),
        (gettext("Counted as"), gettext(about.counted_as)),
        (gettext("Release"), release),
        (gettext("Hidden cells"), hidden),
        (gettext("What it does not show"), gettext(about.does_not_show)),
        *_said_of_links(table),
    ]


def period_text(start: date, end: date) -> str:
    """A half-open period as its first and last day."""
    days = {"first": _day(start), "last": _day(end - timedelta(days=1))}
    return gettext("%(first)s to %(last)s") % days


def text(table: Table, stages: Iterable[str] | None = None) -> str:
    """For a terminal: a line a stage, then the caveats. `stages` keeps only the rows named."""
    found = sheet(table)
    shown = [number for number, (key, _name) in enumerate(found.columns) if key not in _SECTORS]
    wanted = None if stages is None else set(stages)
    lines = [[gettext("Stage"), *(found.columns[number][1] for number in shown)]]
    lines += [
        [name, *(str(marks[number]) for number in shown)]
        for row, name, marks in found.rows
        if wanted is None or row in wanted
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(shown) + 1)]
    out = [found.title, ""]
    for number, line in enumerate(lines):
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        out.append("  ".join(cells))
        if number == 0:
            out.append("  ".join("-" * width for width in widths))
    out.append("")
    label_width = max(len(label) for label, _text in _notes(table, found))
    for label, said in _notes(table, found):
        first, *rest = wrap(said, 96 - label_width) or [""]
        out.append(f"{label.ljust(label_width)}  {first}")
        out += [" " * (label_width + 2) + line for line in rest]
    return "\n".join(out) + "\n"


def data(table: Table) -> dict[str, Any]:
    """For programs. A hidden figure is null; one that nobody reported is null and named in `not_reported`."""
    found = sheet(table)
    figures = _figures(table)
    main = [figure for figure in figures if figure not in _SECTORS]
    sectors = [figure for figure in figures if figure in _SECTORS]
    about = table.caveats
    cells = {(row, figure): _cell(table, row, figure) for row in table.axes["stage"] for figure in figures}
    return {
        "title": str(table.title),
        "stages": [
            {"stage": _spoken(row), **{figure: _plain(cells[row, figure]) for figure in main}}
            for row in table.axes["stage"]
        ],
        "by_sector": [
            {"stage": _spoken(row), "entered": {sector: _plain(cells[row, sector]) for sector in sectors}}
            for row in table.axes["stage"]
        ],
        "not_reported": [
            [_spoken(row), figure] for (row, figure), cell in cells.items() if isinstance(cell, NotReported)
        ],
        "people": _plain(cells.get(("identified", "people"), NotReported())),
        "people_linked": _plain_linked(table),
        "period": {"start": about.period[0].isoformat(), "end": about.period[1].isoformat()},
        "agencies_reporting": about.agencies_reporting,
        "agencies_expected": about.agencies_expected,
        "generated_at": about.generated_at.isoformat(),
        "caveats": [{"about": label, "text": said} for label, said in _notes(table, found)],
        "release": about.release_id,
        "digest": table.digest() if isinstance(table, ProtectedTable) else None,
    }


def csv(table: Table) -> bytes:
    """Figures, an empty line, and the caveats; UTF-8 with a mark that spreadsheets need."""
    return csv_of(_lines(table))


def xlsx(table: Table) -> bytes:
    """The same lines as the CSV, numbers as numbers."""
    return xlsx_of(_lines(table), name=gettext("Figures"))


def csv_of(lines: Iterable[Sequence[Value]]) -> bytes:
    """Lines of a file that no spreadsheet takes for formulas."""
    out = io.StringIO()
    csv_format.writer(out).writerows([[harmless(value) for value in line] for line in lines])
    return out.getvalue().encode("utf-8-sig")


def xlsx_of(lines: Iterable[Sequence[Value]], *, name: str) -> bytes:
    """A workbook of one sheet. Made in memory: exact figures of an agency leave no temporary file behind."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        bold = book.add_format({"bold": True})
        page = book.add_worksheet(name[:31])
        page.set_column(0, 0, 28)
        page.set_column(1, 40, 14)
        for number, line in enumerate(lines):
            for column, value in enumerate(line):
                chosen = bold if number == 0 else None
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


# Colours of the look (casehub.css), as attributes: a file of its own has no style sheet, and the policy of
# a page lets no style in.
_INK, _QUIET, _EDGE, _SOLID, _PALE = "#1c1d1f", "#565c65", "#71767a", "#00687d", "#99deea"


def svg(table: Table) -> str:
    """A bar a stage: solid to the least, pale to the most. Hatched where hidden, dots where not reported."""
    found = sheet(table)
    by_stage = bars(table)
    notes = [line for label, said in found.caveats for line in wrap(f"{label}: {said}", 118)]
    height = 52 + 26 * len(by_stage) + 24 + 15 * len(notes)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" width="720" height="{height}" '
        f'role="img" aria-labelledby="t d" xml:lang="{get_language() or "en"}" '
        'font-family="Public Sans, Arial, sans-serif">',
        f'<title id="t">{escape(found.title)}</title>',
        f'<desc id="d">{escape("; ".join(f"{bar.label}: {bar.says}" for bar in by_stage))}</desc>',
        '<defs><pattern id="hid" width="6" height="6" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><rect width="6" height="6" fill="#fff"/>'
        f'<rect width="1.8" height="6" fill="{_QUIET}"/></pattern>'
        '<pattern id="nr" width="8" height="8" patternUnits="userSpaceOnUse">'
        f'<rect width="8" height="8" fill="#fff"/><circle cx="2" cy="2" r="1.25" fill="{_QUIET}"/>'
        f'<circle cx="6" cy="6" r="1.25" fill="{_QUIET}"/></pattern></defs>',
        f'<rect width="720" height="{height}" fill="#fff"/>',
        _words(0, 20, found.title, size=18, weight=700),
        _words(0, 38, gettext("People: solid is at least, pale is up to"), fill=_QUIET),
    ]
    for number, bar in enumerate(by_stage):
        top = 52 + 26 * number
        out.append(_words(0, top + 13, bar.label, size=14, weight=600))
        out.append(f'<g transform="translate(120 {top})">{_drawn(bar)}</g>')
        out.append(_words(720, top + 13, bar.says, size=14, anchor="end"))
    out += [
        _words(0, 52 + 26 * len(by_stage) + 24 + 15 * number, line, fill=_QUIET)
        for number, line in enumerate(notes)
    ]
    return "\n".join([*out, "</svg>", ""])


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
    sheet(table)
    cells = [(row, _cell(table, row, "people")) for row in table.axes["stage"]]
    scale = max([cell.high for _row, cell in cells if isinstance(cell, Range)], default=0) or 1
    found = []
    for row, cell in cells:
        label, says = name_of(row), _said(cell)
        if isinstance(cell, Range) and cell.high:
            found.append(Bar(row, label, "range", says, cell.low, cell.high, scale))
        else:
            found.append(Bar(row, label, _kind(cell), says))
    return found


def page(table: Table) -> dict[str, Any]:
    """What the templates of a figure are given: bars with their cells, cuts by sector, caveats, the rule."""
    found = sheet(table)
    figures = _figures(table)
    rows = list(table.axes["stage"])
    sectors = [figure for figure in figures if figure in _SECTORS]
    reported = [
        sector for sector in sectors if any(_kind(_cell(table, row, sector)) != "zero" for row in rows)
    ]
    return {
        "title": found.title,
        "caveats": found.caveats,
        "rule": found.rule,
        "generated_at": table.caveats.generated_at,
        "people": _for_page(_cell(table, "identified", "people")),
        "linked": _for_page(_cell(table, *_LINKED_AT)) if _has_links(table) else None,
        "threshold": table.policy.threshold if isinstance(table, ProtectedTable) else None,
        "released": _for_page(_cell(table, *_RELEASED_AT)) if _has_links(table) else None,
        "records": _for_page(_cell(table, "identified", "entered")),
        "stages": [
            {
                "bar": bar,
                "people": _for_page(_cell(table, bar.stage, "people")),
                "now": _for_page(_cell(table, bar.stage, "now")),
                "entered": _for_page(_cell(table, bar.stage, "entered")),
                "median_days": _for_page(_cell(table, bar.stage, "median_days")),
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
    sheet(table)
    return _said(_cell(table, row, figure))


def _has_links(table: Table) -> bool:
    """Whether anybody could be counted once when the table was made: shown or hidden, both are said."""
    return _LINKED_AT in table.cells


def _plain_linked(table: Table) -> dict[str, int | float | None] | None:
    """The range with links and the part of the clients it rests on, of 1; None where it isn't said."""
    found, share = table.cells.get(_LINKED_AT), table.cells.get(_RELEASED_AT)
    if not isinstance(found, Range):
        return None
    part = share.percent / 100 if isinstance(share, Share) else None
    return {"low": found.low, "high": found.high, "released_share": part}


def _said_of_links(table: Table) -> list[tuple[str, str]]:
    """People without links and with them, and what each rests on."""
    if not _has_links(table) or not isinstance(table, ProtectedTable):
        return []
    linked, share = table.cells[_LINKED_AT], table.cells.get(_RELEASED_AT)
    plain = gettext(
        "%(people)s people identified: at least the clients of the largest agency, at most all together."
    ) % {"people": _said(_cell(table, "identified", "people"))}
    if not isinstance(linked, Range):
        narrowed = gettext(
            "Not shown. It is shown when what links say of other agencies' clients has moved by %(least)d "
            "people or more since it was last shown, whichever one agency is left out."
        ) % {"least": table.policy.threshold}
        return [(gettext("Without linkage"), plain), (gettext("With linkage"), narrowed)]
    rests = (
        gettext(
            "%(people)s people identified. It rests on the %(share)d %% of client records that a release "
            "lets be counted once."
        )
        % {"people": _said(linked), "share": share.percent}
        if isinstance(share, Share)
        else gettext("%(people)s people identified. It rests on the releases that were live then.")
        % {"people": _said(linked)}
    )
    limits = gettext(
        "The higher end joins only pairs that are sure to be one person. The lower end counts only clients "
        "who were compared, and takes every open question for one person. A name spelled in two scripts "
        "stands twice, twins without a number may stand once. A release given or ended later moves neither "
        "end."
    )
    return [
        (gettext("Without linkage"), plain),
        (gettext("With linkage"), rests),
        (gettext("What linkage does not show"), limits),
    ]


def _figures(table: Table) -> list[str]:
    have = [figure for figure in table.axes["figure"] if figure not in (LINKED, RELEASED)]
    return [
        *(figure for figure in MAIN if figure in have),
        *(figure for figure in have if figure not in MAIN),
    ]


def _keys(figure: str) -> tuple[str, ...]:
    return ("people_low", "people_high") if figure == "people" else (figure,)


def _cell(table: Table, row: str, figure: str) -> Cell:
    if figure == "people" and table.cells.get((row, "entered")) == Shown(0):
        return Range(0, 0)  # nobody's record stands there, so nobody does; a hatch would say otherwise
    return table.cells.get((row, figure), NotReported())


def _row(table: Table, row: str, figures: list[str]) -> list[Value]:
    marks: list[Value] = []
    for figure in figures:
        if figure != "people" and (row, figure) not in table.cells:
            marks.append(NO_FIGURE_MARK)
        else:
            marks += _marks(_cell(table, row, figure), figure)
    return marks


def _kind(cell: Cell) -> str:
    match cell:
        case Hidden():
            return "hidden"
        case NotReported():
            return "missing"
        case Shown(0) | Range(0, 0):
            return "zero"
    return "value"


def _marks(cell: Cell, figure: str) -> list[Value]:
    """A cell as the values of its columns."""
    match cell:
        case Shown(value) | MedianDays(value):
            return [value]
        case Range(low, high):
            return [low, high]
    return [HIDDEN_MARK if isinstance(cell, Hidden) else NOT_REPORTED_MARK] * len(_keys(figure))


def _plain(cell: Cell) -> int | dict[str, int] | None:
    match cell:
        case Shown(value) | MedianDays(value):
            return value
        case Range(low, high):
            return {"low": low, "high": high}
    return None


def _said(cell: Cell) -> str:
    match cell:
        case Shown(value) | MedianDays(value):
            return str(value)
        case Share(percent):
            return gettext("%(percent)d %%") % {"percent": percent}
        case Range(low, high):
            return str(low) if low == high else gettext("%(low)d to %(high)d") % {"low": low, "high": high}
        case Hidden():
            return gettext("hidden")
    return gettext("not reported")


def _for_page(cell: Cell) -> dict[str, str]:
    return {"kind": _kind(cell), "text": _said(cell)}


def _spoken(stage: str) -> str:
    """The stage's name as the product says it: `in service`, not the key in_service."""
    return stage.replace("_", " ")


def _rule(table: Table) -> str:
    if isinstance(table, ProtectedTable):
        return gettext(RULE) % table.policy.parameters()
    return gettext(table.caveats.suppression_rule)


def _notes(table: Table, found: Sheet) -> list[tuple[str, str]]:
    """The caveats with all that a page says elsewhere."""
    marks = gettext("%(hidden)s hidden; %(missing)s not reported; 0 no record, not no need") % {
        "hidden": HIDDEN_MARK,
        "missing": NOT_REPORTED_MARK,
    }
    made = timezone.localtime(table.caveats.generated_at)
    return [
        *found.caveats,
        (gettext("Rule"), found.rule),
        (gettext("Signs"), marks),
        (gettext("As of"), formats.date_format(made, "DATETIME_FORMAT")),
    ]


def _lines(table: Table) -> list[list[Value]]:
    found = sheet(table)
    figures: list[list[Value]] = [[name, *marks] for _key, name, marks in found.rows]
    notes: list[list[Value]] = [[label, said] for label, said in _notes(table, found)]
    if isinstance(table, ProtectedTable):
        notes.append([gettext("Digest"), table.digest()])
    return [[gettext("Stage"), *(label for _key, label in found.columns)], *figures, [], *notes]


def _day(day: date) -> str:
    return formats.date_format(day, "DATE_FORMAT")


def _words(
    x: int, y: int, said: str, *, size: int = 12, weight: int = 400, fill: str = _INK, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{escape(said)}</text>'
    )


def _drawn(bar: Bar) -> str:
    if bar.kind == "hidden":
        return f'<rect x=".5" y=".5" width="60" height="16" fill="url(#hid)" stroke="{_QUIET}"/>'
    if bar.kind == "missing":
        return (
            f'<rect x=".5" y=".5" width="60" height="16" fill="url(#nr)" stroke="{_EDGE}" '
            'stroke-dasharray="4 3"/>'
        )
    if bar.kind == "zero":
        return f'<rect x=".5" y=".5" width="18" height="16" fill="#fff" stroke="{_INK}"/>' + _words(
            9, 13, "0", anchor="middle"
        )
    # 480 wide at the widest
    low, high = 480 * bar.low / bar.scale, 480 * bar.high / bar.scale
    return (
        f'<rect x="0" y=".5" width="{high:.1f}" height="16" fill="{_PALE}" stroke="{_SOLID}"/>'
        f'<rect x="0" y=".5" width="{low:.1f}" height="16" fill="{_SOLID}"/>'
    )
