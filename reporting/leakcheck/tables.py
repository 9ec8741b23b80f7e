"""Where the tables of a sheet stand: header rows, row labels, the counts between them, and footnotes.

How the counts add up is worked out in sums.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from reporting.leakcheck.files import Sheet
from reporting.leakcheck.marks import Kind, Saying, box, saying

Spot = tuple[int, int]

_SHARE = re.compile(r"%|\bper ?cent|\bpct\b|\bshares?\b|\bporcentaje\b|\bproportion\b", re.IGNORECASE)
_OTHER = re.compile(
    r"\b(average|avg|mean|median|rate|ratio|per 1,?0|std|dev|index|rank|days|hours|cost|amount"
    r"|fips|zip|code|id|promedio|mediana|tasa|change|difference)\b|\$",
    re.IGNORECASE,
)
_LABEL = re.compile(r"\b(year|month|quarter|fips|zip|code|id|no|año|mes|trimestre|age)\b\.?", re.IGNORECASE)
TOTAL = re.compile(
    r"\b(totals?|totales|all|overall|sum|statewide|nationwide|countywide|network ?wide|subtotals?|sub-totals?"
    r"|grand total|both|combined|todos|todas|general|en total|subtotales|estatal|suma)\b",
    re.IGNORECASE,
)
_NOT_TOTAL = re.compile(r"\ball (other|others|else)\b|\btodos los demás\b", re.IGNORECASE)


def says_total(label: str) -> bool:
    """Whether a label is the word for a sum, in English or Spanish."""
    return bool(TOTAL.search(label)) and not _NOT_TOTAL.search(label)


@dataclass(slots=True)
class Line:
    """A row or a column of counts: where it stands, its labels (outermost first), and how deep it is set
    in."""

    at: int
    labels: tuple[str, ...]
    depth: int = 0

    @property
    def name(self) -> str:
        said = [label for label in self.labels if label]
        return said[-1] if said else ""

    @property
    def is_total(self) -> bool:
        return any(says_total(label) for label in self.labels[-1:]) or says_total(self.name)


@dataclass(slots=True)
class Table:
    """One block of counts. `cells` are by (row, column) of the sheet; blank ones are missing from it.
    `shares` are columns and rows of percentages; `notes` are the words that stand above and below."""

    sheet: str
    number: int
    title: str
    rows: list[Line]
    columns: list[Line]
    cells: Mapping[Spot, Saying]
    share_columns: frozenset[int]
    share_rows: frozenset[int]
    notes: tuple[str, ...]
    label_heads: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        return self.sheet or self.title


def address(spot: Spot) -> str:
    """A cell as spreadsheet programs call it: C5."""
    row, column = spot
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"


def tables_of(sheet: Sheet) -> list[Table]:
    """The tables of a sheet, from top to bottom and left to right."""
    grid = _Grid(sheet)
    found: list[Table] = []
    for top, bottom, above in grid.blocks():
        for left, right in grid.beside(top, bottom):
            table = grid.table(top, bottom, left, right, above, len(found))
            if table is not None:
                found.append(table)
    words = tuple(text for row in sheet.rows for text in [_only_words(row)] if text)
    for table in found:
        table.notes = words
    return found


class _Grid:
    def __init__(self, sheet: Sheet) -> None:
        self.name = sheet.name
        self.rows = [list(row) for row in sheet.rows]
        self.wide: set[Spot] = set()
        for (top, left), (bottom, right) in sheet.merged:
            first = self.rows[top][left]
            for row in range(top, bottom + 1):
                for column in range(left, right + 1):
                    if isinstance(first, str) and saying(first).kind is Kind.WORDS:  # type: ignore[union-attr]
                        self.rows[row][column] = first
                    if right > left + 1:
                        self.wide.add((row, column))
        self.said = [[saying(cell) for cell in row] for row in self.rows]

    def _counts(self, row: int, left: int = 0, right: int | None = None) -> int:
        """How many cells of the row hold counts, shares or marks."""
        return sum(
            1
            for at, one in enumerate(self.said[row][left:right], start=left)
            if one is not None and one.kind is not Kind.WORDS and (at > 0 or one.kind is not Kind.WEAK)
        )

    def _is_heading(self, row: int, left: int = 0, right: int | None = None) -> bool:
        """No counts, or years alone, which stand over columns."""
        said = [one for one in self.said[row][max(left, 0) : right] if one is not None]
        # A letter alone may be a heading; where all of a row are, it is no row of counts.
        numbers = [one for one in said if one.kind is not Kind.WORDS and not one.text.isalpha()]
        if not numbers and any(one.kind is Kind.WORDS or len(one.text) == 1 for one in said[1:] or said):
            return True
        years = all(
            one.kind is Kind.COUNT and 1990 <= one.low <= 2100 and len(one.text) == 4 for one in numbers
        )
        first = self.said[row][left]
        head = first is None or (first.kind is Kind.WORDS and bool(_LABEL.fullmatch(first.text)))
        if years and len(numbers) == 1 and len(said) > 1 and row + 1 < len(self.rows):
            # A title with a comma and a year in it: headings come right below.
            below = [one for one in self.said[row + 1] if one is not None]
            return len(below) > len(said) and all(one.kind is Kind.WORDS for one in below)
        return (years and len(numbers) > 1 and head) or self._are_bands(row, said, numbers)

    def _are_bands(self, row: int, said: list[Saying], numbers: list[Saying]) -> bool:
        """Headings such as `18 to 24` look like marks that give a range; they are all different and counts
        stand below them, not above."""
        if any(one.kind is not Kind.MARK or box(one.text) is None for one in numbers):
            return False
        texts = [one.text for one in said]
        if len(said) < 3 or len(set(texts)) < len(texts):
            return False
        above, below = self._next(row, -1), self._next(row, 1)
        return Kind.COUNT not in above and Kind.COUNT in below

    def _next(self, row: int, step: int) -> set[Kind]:
        while 0 <= (row := row + step) < len(self.rows):
            if any(self.said[row]):
                return {one.kind for one in self.said[row] if one is not None}
        return set()

    def blocks(self) -> list[tuple[int, int, list[int]]]:
        """Runs of rows that are one table (or tables side by side): first, one past the last, and the rows of
        words above that are its header."""
        found: list[tuple[int, int, list[int]]] = []
        row, height = 0, len(self.rows)
        above: list[int] = []
        while row < height:
            if all(cell is None for cell in self.rows[row]):
                row += 1
                # A gap keeps headings only if the counts go on below in the same columns.
                continue
            if self._is_heading(row):
                above = [*[at for at in above if row - at <= 6], row]
                row += 1
                continue
            top = row
            last = row
            while row < height:
                if all(cell is None for cell in self.rows[row]):
                    after = next((at for at in range(row, height) if any(self.rows[at])), height)
                    if after == height or self._is_heading(after) or after - row > 2:
                        break
                    row = after
                    continue
                if self._starts_anew(row):
                    break
                if not self._is_heading(row):
                    last = row
                row += 1
            found.append((top, last + 1, above))
            above = []
            row = last + 1
        return found

    def _starts_anew(self, row: int) -> bool:
        """A row of at least two headings in the midst of counts begins another table."""
        words = [cell for cell in self.rows[row] if isinstance(cell, str)]
        return self._is_heading(row) and len(set(words)) > 2 and not self._counts(row)

    def beside(self, top: int, bottom: int) -> list[tuple[int, int]]:
        """Spans of columns that are tables of their own: a blank column between, and labels on its right."""
        width = len(self.rows[0])
        filled = [any(self.rows[row][at] is not None for row in range(top, bottom)) for at in range(width)]
        spans: list[tuple[int, int]] = []
        start = next((at for at in range(width) if filled[at]), 0)
        for at in range(start + 1, width):
            if filled[at] and not filled[at - 1]:
                words = sum(
                    isinstance(self.rows[row][at], str) and self._is_label(row, at)
                    for row in range(top, bottom)
                )
                if words * 2 > bottom - top:
                    spans.append((start, at))
                    start = at
        return [*spans, (start, width)]

    def _is_label(self, row: int, at: int) -> bool:
        one = self.said[row][at]
        return one is not None and (
            one.kind is Kind.WORDS or (one.kind is Kind.MARK and box(one.text) is not None)
        )

    def table(
        self, top: int, bottom: int, left: int, right: int, above: list[int], number: int
    ) -> Table | None:
        heads = self._headers(above, left, right)
        body = [row for row in range(top, bottom) if any(self.rows[row][left:right])]
        labels = self._label_columns(body, heads, left, right)
        first = left + labels
        if first >= right or not body:
            return None
        columns = [
            Line(at, self._heading(heads, at, first, right))
            for at in range(first, right)
            if any(self.rows[row][at] is not None for row in body) and self._is_numeric(body, at)
        ]
        columns = [
            one
            for one in columns
            if not _OTHER.search(" ".join(one.labels)) or _SHARE.search(" ".join(one.labels))
        ]
        rows = self._rows(body, left, first, columns)
        if not rows or not columns:
            return None
        rows = [row for row in rows if not _OTHER.search(row.name) or _SHARE.search(row.name)]
        cells = {
            (row.at, column.at): one
            for row in rows
            for column in columns
            if (one := self.said[row.at][column.at]) is not None and one.kind is not Kind.WORDS
        }
        share_columns = frozenset(
            c.at
            for c in columns
            if self._are_shares(" ".join(c.labels), [cells.get((r.at, c.at)) for r in rows])
        )
        share_rows = frozenset(
            r.at
            for r in rows
            if self._are_shares(
                r.name, [cells.get((r.at, c.at)) for c in columns if c.at not in share_columns]
            )
        )
        title = next(
            (
                self.rows[at][left]
                for at in reversed(above)
                if at not in heads and isinstance(self.rows[at][left], str)
            ),
            "",
        )
        return Table(
            self.name,
            number,
            str(title),
            rows,
            columns,
            cells,
            share_columns,
            share_rows,
            (),
            tuple(str(self.rows[heads[-1]][at] or "") for at in range(left, first)) if heads else (),
        )

    def _are_shares(self, label: str, said: list[Saying | None]) -> bool:
        kinds = [one.kind for one in said if one is not None and one.kind in (Kind.COUNT, Kind.SHARE)]
        return bool(kinds) and (bool(_SHARE.search(label)) or kinds.count(Kind.SHARE) * 2 >= len(kinds))

    def _headers(self, above: list[int], left: int, right: int) -> list[int]:
        """The rows of words that stand over columns: those next to the counts with more than one heading."""
        heads: list[int] = []
        for row in reversed(above):
            if heads and row != heads[0] - 1:
                break
            different = {cell for cell in self.rows[row][left:right] if cell is not None}
            filled = [at for at in range(left, right) if self.rows[row][at] is not None]
            title = len(different) == 1 and (filled[0] == left)
            if heads and left in filled and self.rows[heads[0]][left] not in (None, self.rows[row][left]):
                # Commas in a title part it; a second line of headings leaves the corner to the first.
                under = sum(self.rows[heads[0]][at] is not None for at in range(left, right))
                title |= len(filled) * 2 <= under
            if not different or title:
                break
            heads.insert(0, row)
        return heads

    def _label_columns(self, body: list[int], heads: list[int], left: int, right: int) -> int:
        count = 0
        for at in range(left, right):
            words = sum(self._is_label(row, at) for row in body)
            blank = sum(self.rows[row][at] is None for row in body)
            numbers = len(body) - words - blank
            head = str(self.rows[heads[-1]][at] or "") if heads else ""
            is_key = at == left and numbers and bool(_LABEL.search(head))
            years = (
                numbers
                and at == left
                and all(
                    isinstance(cell, int | float) and 1990 <= cell <= 2100
                    for row in body
                    for cell in [self.rows[row][at]]
                    if cell is not None and not isinstance(cell, str)
                )
            )
            boxes = sum(
                1
                for row in body
                if (one := self.said[row][at]) is not None and one.kind is Kind.MARK and box(one.text)
            )
            if at > left and boxes and boxes + blank >= words and not self._distinct(body, at):
                break
            if words > numbers or is_key or years:
                count += 1
                if words + blank < len(body) and not (is_key or years) and at > left:
                    count -= 1
                    break
            else:
                break
        return count

    def _distinct(self, body: list[int], at: int) -> bool:
        said = [self.rows[row][at] for row in body if self.rows[row][at] is not None]
        return len(set(said)) == len(said) and len(said) > 2

    def _is_numeric(self, body: list[int], at: int) -> bool:
        said = [one for row in body if (one := self.said[row][at]) is not None]
        return sum(one.kind is not Kind.WORDS for one in said) * 2 >= len(said)

    def _heading(self, heads: list[int], at: int, first: int, right: int) -> tuple[str, ...]:
        found: list[str] = []
        for number, row in enumerate(heads):
            cell = self.rows[row][at]
            if cell is None and number < len(heads) - 1:
                # A heading over several columns stands over the first of them only.
                cell = next(
                    (
                        self.rows[row][near]
                        for near in range(at, first - 1, -1)
                        if self.rows[row][near] is not None
                    ),
                    None,
                )
                if cell is not None and self._is_closed(heads[-1], at, row, first):
                    cell = None
            text = _label(cell)
            if text and (not found or found[-1] != text):
                found.append(text)
        return tuple(found)

    def _is_closed(self, last: int, at: int, row: int, first: int) -> bool:
        """Whether the heading on the left does not reach this column: its own last heading is a total."""
        return says_total(_label(self.rows[last][at]))

    def _rows(self, body: list[int], left: int, first: int, columns: list[Line]) -> list[Line]:
        rows: list[Line] = []
        section = ""
        carried: list[str] = [""] * (first - left)
        for row in body:
            labels = []
            for place, at in enumerate(range(left, first)):
                cell = self.rows[row][at]
                text = _label(cell)
                if text:
                    carried[place] = text
                    if place < first - left - 1:
                        carried[place + 1 :] = [""] * (first - left - place - 1)
                labels.append(text or (carried[place] if place < first - left - 1 else ""))
            if not any(self.said[row][column.at] is not None for column in columns):
                section = next((label for label in labels if label), section)
                continue
            raw = self.rows[row][first - 1] if first > left else None
            depth = _depth(raw)
            rows.append(Line(row, (*([section] if section else []), *labels), depth))
        return rows


def _label(cell: str | float | None) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int | float):
        return str(int(cell)) if float(cell).is_integer() else str(cell)
    return re.sub(r"\s*([*†‡]+|\[\d+\]|[¹²³])$", "", cell.strip(" .·•–-\u2003")).strip(" :")


def _depth(cell: str | float | None) -> int:
    if not isinstance(cell, str):
        return 0
    return len(cell) - len(cell.lstrip(" .·•–-\u2003"))


def _only_words(row: list[str | float | None]) -> str:
    filled = [cell for cell in row if cell is not None]
    return (
        str(filled[0])
        if len(set(filled)) == 1 and isinstance(filled[0], str) and len(str(filled[0])) > 3
        else ""
    )
