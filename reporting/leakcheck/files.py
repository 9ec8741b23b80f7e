"""A CSV or XLSX file as sheets of plain cells, held in memory only. What a cell means is decided in marks.py.

A spreadsheet is a zip, and a zip can be made to do harm: sizes are read before anything is unpacked, and what
holds macros is not opened.
"""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass, field
from typing import Any

from python_calamine import CalamineWorkbook, SheetVisibleEnum

from reporting.leakcheck.words import Sentence, _

MAX_BYTES = 5 * 2**20
MAX_UNPACKED = 60 * 2**20
MAX_PARTS = 2_000
MAX_SHEETS, MAX_ROWS, MAX_COLUMNS, MAX_CELLS = 40, 5_000, 300, 60_000
_RATIO = 200


class Unreadable(ValueError):
    """The file can't be read as tables. `sentence` says why, and never quotes the file."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.sentence = Sentence(text)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Cells by row, as text or numbers, all rows of one length. `merged` are blocks shown as one cell:
    (first row, first column), (last row, last column). A hidden sheet is read like any other."""

    name: str
    rows: list[list[str | float | None]]
    merged: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()
    is_hidden: bool = field(default=False)


def sheets_of(content: bytes) -> list[Sheet]:
    """Every sheet of the file that holds something; a CSV is one sheet. Raises Unreadable."""
    if len(content) > MAX_BYTES:
        raise Unreadable(_("The file is larger than 5 MB. Check one table at a time."))
    found = _workbook(content) if content[:4] == b"PK\x03\x04" else [_text(content)]
    found = [sheet for sheet in found if any(cell is not None for row in sheet.rows for cell in row)]
    if not found:
        raise Unreadable(_("The file is empty."))
    if (
        len(found) > MAX_SHEETS
        or any(len(sheet.rows) > MAX_ROWS or len(sheet.rows[0]) > MAX_COLUMNS for sheet in found)
        or sum(len(sheet.rows) * len(sheet.rows[0]) for sheet in found) > MAX_CELLS
    ):
        raise Unreadable(
            _(
                "The file has too many sheets, rows or columns for a published table. Check one "
                "table at a time."
            )
        )
    return found


def _workbook(content: bytes) -> list[Sheet]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Unreadable(_("This is not a spreadsheet that can be read. Save it as XLSX or CSV.")) from error
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        raise Unreadable(_("This is not a spreadsheet that can be read. Save it as XLSX or CSV."))
    if any(name.lower().endswith(("vbaproject.bin", ".exe", ".dll")) for name in names):
        raise Unreadable(_("The file holds macros, so it is not opened. Save it as XLSX without macros."))
    if any(part.flag_bits & 1 for part in parts):
        raise Unreadable(_("The file is locked with a password. Save it without one."))
    unpacked, packed_size = sum(p.file_size for p in parts), sum(p.compress_size for p in parts)
    if len(parts) > MAX_PARTS or unpacked > MAX_UNPACKED or unpacked > _RATIO * max(packed_size, 1):
        raise Unreadable(_("The file unpacks to far more than a table needs, so it is not opened."))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            # A size in the directory may be a lie: each part is unpacked no further than it says.
            for part in parts:
                with packed.open(part) as stream:
                    if len(stream.read(part.file_size + 1)) > part.file_size:
                        raise Unreadable(
                            _("The file unpacks to far more than a table needs, so it is not opened.")
                        )
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        hidden = {one.name for one in book.sheets_metadata if one.visible != SheetVisibleEnum.Visible}
        return [_sheet(book, name, name in hidden) for name in book.sheet_names]
    except Unreadable:
        raise
    except Exception as error:
        # The reader's own kinds of error are many, and their words may quote the file.
        raise Unreadable(_("This is not a spreadsheet that can be read. Save it as XLSX or CSV.")) from error


def _sheet(book: Any, name: str, is_hidden: bool) -> Sheet:
    sheet = book.get_sheet_by_name(name)
    if (sheet.total_height or 0) > MAX_ROWS or (sheet.total_width or 0) > MAX_COLUMNS:
        raise Unreadable(
            _(
                "The file has too many sheets, rows or columns for a published table. Check one "
                "table at a time."
            )
        )
    rows = _even([[_plain(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)])
    merged = []
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        if bottom < len(rows) and rows and right < len(rows[0]):
            merged.append(((top, left), (bottom, right)))
    return Sheet(name, rows, tuple(merged), is_hidden)


def _text(content: bytes) -> Sheet:
    if content[:4] == b"\xd0\xcf\x11\xe0":
        raise Unreadable(
            _("This is an old or locked spreadsheet. Save it as XLSX or CSV, without a password.")
        )
    text = None
    marked = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ["utf-16"] if marked else ["utf-8-sig", "cp1252", "latin-1"]:
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    if text is None or "\x00" in text:
        raise Unreadable(_("This is not a spreadsheet that can be read. Save it as XLSX or CSV."))
    lines = [line for line in text.splitlines() if line.strip()]
    # The sign that parts the most lines alike; a comma inside numbers or titles does so seldom.
    best = max("\t;|,", key=lambda sign: (_alike(lines, sign), sign == ","))
    try:
        rows = [
            [_plain(cell) for cell in row]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=best)
        ]
    except csv.Error as error:
        raise Unreadable(_("This is not a spreadsheet that can be read. Save it as XLSX or CSV.")) from error
    return Sheet("", _even(rows))


def _alike(lines: list[str], sign: str) -> int:
    counts = [line.count(sign) for line in lines[:200]]
    most = max(set(counts) - {0}, key=counts.count, default=0)
    return counts.count(most) if most else 0


def _plain(cell: Any) -> str | float | None:
    if isinstance(cell, bool) or cell is None:
        return None if cell is None else str(cell)
    if isinstance(cell, int | float):
        return cell
    text = str(cell).replace("\xa0", " ").replace("\u202f", " ")
    plain = " ".join(text.split())
    # How far a label is set in says what it is part of.
    return " " * (len(text) - len(text.lstrip(" "))) + plain if plain else None


def _even(rows: list[list[str | float | None]]) -> list[list[str | float | None]]:
    width = max((len(row) for row in rows), default=0)
    return [row + [None] * (width - len(row)) for row in rows]
