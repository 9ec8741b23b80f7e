"""Published tables with faults planted in them and tables without any, as files, with what a brute force in
whole numbers says can be worked out. It shares no code with the leak check."""

import io
import random
from dataclasses import dataclass, field

import xlsxwriter

from reporting.sdc.pattern import Refused
from reporting.sdc.solve import protected
from reporting.sdc.system import read

COUNTIES = ["Cedar", "Oak", "Elm", "Maple", "Willow", "Aspen", "Birch", "Hazel"]
SERVICES = ["Shelter", "Legal help", "Health care", "Counseling", "Transport", "Job help"]
AGES = ["Under 18", "18 to 24", "25 to 44", "45 and over"]
REGIONS = ["North", "South", "West"]

Rows = list[list[str | int | float | None]]


@dataclass
class Planted:
    """A file's sheets; the hidden cells by (sheet, row, column) with the range their mark gives; sums, and
    the counts shown."""

    kind: str
    sheets: dict[str, Rows]
    hidden: dict[tuple[str, int, int], tuple[int, int | None]]
    shown: dict[tuple[str, int, int], int]
    sums: list[list[tuple[str, int, int]]]  # the total, then its parts
    as_xlsx: bool = False
    merged: list[tuple[str, int, int, int, int, str]] = field(default_factory=list)
    shares: list[tuple[tuple[str, int, int], float, float]] = field(default_factory=list)

    def content(self) -> bytes:
        if not self.as_xlsx:
            (rows,) = self.sheets.values()
            return "\r\n".join(",".join(_quoted(cell) for cell in row) for row in rows).encode("utf-8-sig")
        made = io.BytesIO()
        with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
            for name, rows in self.sheets.items():
                sheet = book.add_worksheet(name)
                for r, row in enumerate(rows):
                    for c, cell in enumerate(row):
                        if cell is not None:
                            sheet.write(r, c, cell)
                for where, top, left, bottom, right, text in self.merged:
                    if where == name:
                        sheet.merge_range(top, left, bottom, right, text)
        return made.getvalue()


def _quoted(cell) -> str:
    text = "" if cell is None else str(cell)
    return f'"{text}"' if "," in text else text


class TooMuch(Exception):
    """A brute force would take too long."""


def truth(table: Planted) -> dict[tuple[str, int, int], tuple[int, int]]:
    """The least and the most each hidden cell is in any table of whole numbers that fits."""
    names = sorted(table.hidden)
    equations = []
    for total, *parts in table.sums:
        rest, unknown = table.shown.get(total, 0), []
        if total in table.hidden:
            unknown.append((total, -1))
        for part in parts:
            if part in table.hidden:
                unknown.append((part, 1))
            else:
                rest -= table.shown[part]
        if unknown:
            equations.append((unknown, rest))
    box = {name: [low, 10**6 if high is None else high] for name, (low, high) in table.hidden.items()}
    for name, low, high in table.shares:
        box[name] = [max(box[name][0], low), min(box[name][1], high)]
    _tighten(equations, box)
    seen = {name: [10**9, -1] for name in names}
    budget = [400_000]
    _every(equations, box, seen, budget)
    return {name: (low, high) for name, (low, high) in seen.items()}


def _tighten(equations, box) -> bool:
    moved = True
    while moved:
        moved = False
        for unknown, rest in equations:
            for name, sign in unknown:
                low = high = rest
                for other, s in unknown:
                    if other != name:
                        ends = (s * box[other][0], s * box[other][1])
                        low, high = low - max(ends), high - min(ends)
                low, high = (low, high) if sign > 0 else (-high, -low)
                if low > box[name][0]:
                    box[name][0], moved = low, True
                if high < box[name][1]:
                    box[name][1], moved = high, True
                if box[name][0] > box[name][1]:
                    return False
    return True


def _every(equations, box, seen, budget) -> None:
    budget[0] -= 1
    if budget[0] < 0:
        raise TooMuch
    open_ = [name for name in box if box[name][0] < box[name][1]]
    if not open_:
        for name, (value, _same) in box.items():
            seen[name] = [min(seen[name][0], value), max(seen[name][1], value)]
        return
    # A branch that can't widen anything seen so far is not walked.
    if all(seen[n][0] <= box[n][0] and box[n][1] <= seen[n][1] for n in box):
        return
    name = min(open_, key=lambda one: box[one][1] - box[one][0])
    low, high = box[name]
    values = [low, high, *range(low + 1, high)]
    for value in values:
        tried = {other: list(ends) for other, ends in box.items()}
        tried[name] = [value, value]
        if _tighten(equations, tried):
            _every(equations, tried, seen, budget)


def exposed(table: Planted, threshold=11, width=5) -> dict[tuple[str, int, int], tuple[int, int]]:
    """Hidden counts that may be small and are known to closer than `width`, or to be 1 to 10 for certain,
    where the mark does not say as much."""
    found = {}
    for name, (low, high) in truth(table).items():
        own = table.hidden[name]
        if high == 0 or low >= threshold or (low, high) == own:
            continue
        said_small = own[0] >= 1 and own[1] is not None and own[1] < threshold
        if high - low < width or (low >= 1 and high < threshold and not said_small):
            found[name] = (low, high)
    return found


# --- making tables -----------------------------------------------------------------------------------------


def _numbers(rng, rows, columns, small=0.15):
    return [
        [rng.randint(1, 10) if rng.random() < small else rng.randint(11, 60) for _c in range(columns)]
        for _r in range(rows)
    ]


class Made:
    """A grid of counts with its totals, on one sheet, whose cells can be hidden."""

    def __init__(
        self,
        rng,
        sheet,
        rows,
        columns,
        counts,
        *,
        top=1,
        total="Total",
        corner="County",
        groups=None,
        separators=False,
    ):
        self.sheet, self.top, self.names, self.columns = sheet, top, list(rows), list(columns)
        self.groups = groups  # name of each row's region
        self.values: dict[tuple[str, int, int], int] = {}
        self.sums: list[list[tuple[str, int, int]]] = []
        self.hidden: dict[tuple[str, int, int], tuple[int, int | None]] = {}
        self.marks: dict[tuple[str, int, int], str] = {}
        self.separators = separators
        self.head = [corner, *columns, *([total] if total else [])]
        lines: list[tuple[str, list[int]]] = []
        self.leaf: dict[tuple[int, int], tuple[str, int, int]] = {}
        subtotals = []
        where = top + 1
        if groups:
            for region in dict.fromkeys(groups):
                inside = [k for k, one in enumerate(groups) if one == region]
                start = where
                for k in inside:
                    lines.append((rows[k], counts[k]))
                    for c in range(len(columns)):
                        self.leaf[k, c] = (sheet, where, 1 + c)
                    where += 1
                lines.append(
                    (f"{region} subtotal", [sum(counts[k][c] for k in inside) for c in range(len(columns))])
                )
                subtotals.append((where, list(range(start, where))))
                where += 1
        else:
            for k, name in enumerate(rows):
                lines.append((name, counts[k]))
                for c in range(len(columns)):
                    self.leaf[k, c] = (sheet, where, 1 + c)
                where += 1
        overall = [sum(counts[k][c] for k in range(len(rows))) for c in range(len(columns))]
        if total:
            lines.append((total, overall))
        width = len(columns) + bool(total)
        for at, (_name, line) in enumerate(lines, start=top + 1):
            for c, n in enumerate([*line, *([sum(line)] if total else [])], start=1):
                self.values[sheet, at, c] = n
        self.lines = [name for name, _line in lines]
        last = top + len(lines)
        for at in range(top + 1, last + 1):
            if total:
                self.sums.append([(sheet, at, width), *[(sheet, at, c) for c in range(1, width)]])
        for c in range(1, width + 1):
            for at, parts in subtotals:
                self.sums.append([(sheet, at, c), *[(sheet, part, c) for part in parts]])
            if total:
                parts = [at for at, _parts in subtotals] or list(range(top + 1, last))
                self.sums.append([(sheet, last, c), *[(sheet, part, c) for part in parts]])

    def hide(self, *cells, mark="*", box=(0, None)) -> None:
        for cell in cells:
            self.hidden[cell] = box
            self.marks[cell] = mark

    def rows(self, title=None, note=None) -> Rows:
        found: Rows = [[title] if title else [] for _at in range(self.top)]
        found.append(list(self.head))
        for at, name in enumerate(self.lines, start=self.top + 1):
            line: list = [name]
            for c in range(1, len(self.head)):
                cell = (self.sheet, at, c)
                n = self.values[cell]
                line.append(self.marks[cell] if cell in self.hidden else f"{n:,}" if self.separators else n)
            found.append(line)
        if note:
            found += [[], [note]]
        return found

    def shown(self):
        return {cell: n for cell, n in self.values.items() if cell not in self.hidden}


def _safe(mades, links=(), seed=0) -> bool:
    """Hide with the engine what has to be hidden; whether it could."""
    values = {cell: n for made in mades for cell, n in made.values.items()}
    name = {cell: "|".join(map(str, cell)) for cell in values}
    back = {text: cell for cell, text in name.items()}
    sums = [line for made in mades for line in made.sums] + [list(pair) for pair in links]
    data = {
        "cells": [{"id": name[cell], "value": n} for cell, n in values.items()],
        "relations": [{"total": name[total], "parts": [name[p] for p in parts]} for total, *parts in sums],
    }
    try:
        result = protected(read(data), seed=bytes([seed % 250]) * 32)
    except Refused:
        return False
    for made in mades:
        made.hide(*[back[text] for text in result.suppressed if back[text][0] == made.sheet])
    return True


def _whole(kind, mades, links=(), **more) -> Planted:
    hidden = {cell: box for made in mades for cell, box in made.hidden.items()}
    shown = {cell: n for made in mades for cell, n in made.shown().items()}
    sums = [line for made in mades for line in made.sums] + [list(pair) for pair in links]
    sheets = more.pop("sheets", None) or {
        made.sheet: made.rows("Clients served, Year 2025", "* hidden to protect clients") for made in mades
    }
    return Planted(kind, sheets, hidden, shown, sums, as_xlsx=more.pop("as_xlsx", len(mades) > 1), **more)


def _some(rng, names, n):
    return rng.sample(names, n)


def planted(kind: str, seed: int) -> Planted:
    """A table with a fault of this kind."""
    for turn in range(400):
        rng = random.Random(f"{kind}{seed}{turn}")
        try:
            made = _PLANT[kind](rng)
            if made is not None and exposed(made) and not _shows_small(made):
                return made
        except TooMuch:
            continue
    raise AssertionError(kind)


def safe(kind: str, seed: int) -> Planted:
    """A table of the same layout without a fault."""
    for turn in range(400):
        rng = random.Random(f"safe{kind}{seed}{turn}")
        try:
            made = _SAFE[kind](rng)
            if made is not None and not exposed(made) and not _shows_small(made):
                return made
        except TooMuch:
            continue
    raise AssertionError(kind)


def _shows_small(made: Planted) -> bool:
    return any(0 < n < 11 for n in made.shown.values())


def _grid(rng, sheet="Sheet1", rows=4, columns=4, small=0.0, **more) -> Made:
    names, heads = (
        more.pop("names", None) or _some(rng, COUNTIES, rows),
        more.pop("heads", None) or SERVICES[:columns],
    )
    counts = more.pop("counts", None) or _numbers(rng, rows, columns, small)
    return Made(rng, sheet, names, heads, counts, **more)


def _single(rng):
    made = _grid(rng, rows=5)
    k, c = rng.randrange(5), rng.randrange(4)
    cell = made.leaf[k, c]
    n = rng.randint(1, 10)
    _set(made, k, c, n)
    made.hide(cell)
    return _whole("single", [made], as_xlsx=rng.random() < 0.5)


def _set(made, k, c, n) -> None:
    cell = made.leaf[k, c]
    by = n - made.values[cell]
    made.values[cell] = n
    waiting = [cell]
    done = {cell}
    while waiting:
        one = waiting.pop()
        for total, *parts in made.sums:
            if one in parts and total not in done:
                made.values[total] += by
                done.add(total)
                waiting.append(total)


def _total_row(rng):
    """Rows have no totals; the row of totals gives the cells away."""
    made = _grid(rng, rows=5, total="Total")
    k = rng.randrange(5)
    width = len(made.columns)
    for c in range(width):
        if rng.random() < 0.6 or c == 0:
            _set(made, k, c, rng.randint(1, 10))
            made.hide(made.leaf[k, c])
    return _whole("total_row", [_no_row_totals(made)], as_xlsx=rng.random() < 0.5)


def _no_row_totals(made: Made) -> Made:
    width = len(made.columns) + 1
    made.head = made.head[:-1]
    made.values = {cell: n for cell, n in made.values.items() if cell[2] != width}
    made.hidden = {cell: box for cell, box in made.hidden.items() if cell[2] != width}
    made.sums = [line for line in made.sums if all(cell[2] != width for cell in line)]
    return made


def _linked_pair(rng, small):
    names = _some(rng, COUNTIES, 4)
    counts = [
        [
            [rng.randint(1, 9) if rng.random() < small else rng.randint(6, 25) for _s in range(3)]
            for _a in range(3)
        ]
        for _k in names
    ]
    one = Made(
        rng,
        "Services",
        names,
        SERVICES[:3],
        [[sum(counts[k][a][s] for a in range(3)) for s in range(3)] for k in range(4)],
    )
    two = Made(rng, "Ages", names, AGES[:3], [[sum(counts[k][a]) for a in range(3)] for k in range(4)])
    links = [(("Services", at, 4), ("Ages", at, 4)) for at in range(2, 7)]
    return one, two, links


def _linked(rng):
    """Each list is safe by itself: a total is hidden in one that the other shows."""
    one, two, links = _linked_pair(rng, 0.0)
    k = rng.randrange(4)
    c = rng.randrange(3)
    _set(one, k, c, rng.randint(1, 10))
    # The totals have to agree.
    by = one.values["Services", 2 + k, 4] - two.values["Ages", 2 + k, 4]
    _set(two, k, 0, two.values[two.leaf[k, 0]] + by)
    if two.values[two.leaf[k, 0]] < 11:
        return None
    other = (k + 1) % 4
    # In the sheet of services the row's own total and another row of the column are hidden too.
    one.hide(one.leaf[k, c], one.leaf[other, c], ("Services", 2 + k, 4), ("Services", 2 + other, 4))
    return _whole("linked", [one, two], links)


def _labels(rng):
    """Small counts carry <11 and their company a star: the ranges close in."""
    made = _grid(rng, rows=4, columns=4)
    a, b = rng.sample(range(4), 2)
    c, d = rng.sample(range(4), 2)
    _set(made, a, c, rng.randint(1, 10))
    _set(made, b, d, rng.randint(1, 10))
    _set(made, a, d, rng.randint(11, 13))
    _set(made, b, c, rng.randint(11, 14))
    made.hide(made.leaf[a, c], made.leaf[b, d], mark="<11", box=(0, 10))
    made.hide(made.leaf[a, d], made.leaf[b, c], mark="11-20", box=(11, 20))
    return _whole("labels", [made], as_xlsx=False)


def _percent(rng):
    """Counts are hidden, and their share of a shown total is not."""
    names = _some(rng, COUNTIES, 6)
    counts = [rng.randint(11, 80) for _n in names]
    low = rng.sample(range(6), 2)
    for k in low:
        counts[k] = rng.randint(1, 10)
    total = sum(counts)
    hidden, shown, shares = {}, {("Sheet1", 8, 1): total}, []
    rows: Rows = [["Clients by county"], ["County", "Clients", "Clients %"]]
    for k, name in enumerate(names):
        share = f"{100 * counts[k] / total:.1f}%"
        cell = ("Sheet1", 2 + k, 1)
        if k in low:
            hidden[cell] = (0, None)
            value = float(share[:-1])
            fit = [
                n for n in range(total + 1) if value - 0.05 - 1e-9 <= 100 * n / total <= value + 0.05 + 1e-9
            ]
            shares.append((cell, fit[0], fit[-1]))
        else:
            shown[cell] = counts[k]
        rows.append([name, "*" if k in low else counts[k], share])
    rows.append(["Total", total, "100.0%"])
    sums = [[("Sheet1", 8, 1), *[("Sheet1", 2 + k, 1) for k in range(6)]]]
    return Planted("percent", {"Sheet1": rows}, hidden, shown, sums, shares=shares)


def _percent_safe(rng):
    made = _percent(rng)
    rows = made.sheets["Sheet1"]
    cells = sorted(made.hidden)
    low = {r for _s, r, _c in cells}
    if sum(made.shown[made.sums[0][0]] - n for n in ()) or len(low) < 2:
        return None
    for r in low:
        rows[r][2] = "*"
    made.shares = []
    return made


def _hierarchy(rng):
    """Two counties of a region are hidden, and the region's own row is the only other unknown."""
    groups = ["North", "North", "North", "South", "South", "South"]
    made = _grid(rng, rows=6, columns=3, groups=groups, separators=True)
    k, c = rng.randrange(6), rng.randrange(3)
    _set(made, k, c, rng.randint(1, 10))
    sub = next(line[0] for line in made.sums if made.leaf[k, c] in line[1:] and line[0][2] == 1 + c)
    row_total = ("Sheet1", made.leaf[k, c][1], 4)
    made.hide(made.leaf[k, c], sub, row_total)
    return _whole("hierarchy", [made], as_xlsx=rng.random() < 0.5)


def _four(rng):
    """Two hidden in every line, and one is exact: rows and columns together say so."""
    made = _grid(rng, rows=4, columns=4)
    # Two pairs that hang together by one cell alone.
    pattern = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2), (2, 3), (3, 2), (3, 3)]
    rows, columns = rng.sample(range(4), 4), rng.sample(range(4), 4)
    cells = [(rows[r], columns[c]) for r, c in pattern]
    for r, c in cells:
        _set(made, r, c, rng.randint(1, 10) if (r, c) == (rows[1], columns[2]) else rng.randint(5, 30))
    made.hide(*[made.leaf[cell] for cell in cells])
    return _whole("four", [made], as_xlsx=rng.random() < 0.5)


def _wordless(rng):
    """No word says which line is the sum: arithmetic does."""
    made = _single(rng)
    (rows,) = made.sheets.values()
    rows[1][-1] = "Clients reached"
    rows[-3][0] = "The region"
    made.kind = "wordless"
    return made


def _spanish(rng):
    made = _single(rng)
    (rows,) = made.sheets.values()
    rows[1] = ["Condado", "Refugio", "Ayuda legal", "Salud", "Consejería", "Total general"]
    rows[-3][0] = "Todos"
    for row in rows:
        row[:] = ["suprimido" if cell == "*" else cell for cell in row]
    made.kind = "spanish"
    return made


def _merged(rng):
    """Two lines of headings, the upper merged over several columns; groups with their own totals."""
    names = _some(rng, COUNTIES, 4)
    counts = _numbers(rng, 4, 4, 0)
    if kind_small := rng.random() < 2:
        counts[rng.randrange(4)][rng.randrange(4)] = rng.randint(1, 10)
    return _two_headed(names, counts, kind_small)


def _two_headed(names, counts, hide):
    rows: Rows = [
        ["County", "Women", None, None, "Men", None, None, "All"],
        [None, "Minor", "Adult", "Total", "Minor", "Adult", "Total", None],
    ]
    values, sums = {}, []
    full = [*counts, [sum(line[c] for line in counts) for c in range(4)]]
    s = "Table"
    for at, line in enumerate(full, start=2):
        women, men = sum(line[:2]), sum(line[2:])
        for c, n in enumerate([*line[:2], women, *line[2:], men, women + men], start=1):
            values[s, at, c] = n
        sums += [
            [(s, at, 3), (s, at, 1), (s, at, 2)],
            [(s, at, 6), (s, at, 4), (s, at, 5)],
            [(s, at, 7), (s, at, 3), (s, at, 6)],
        ]
    sums += [[(s, 6, c), *[(s, at, c) for at in range(2, 6)]] for c in range(1, 8)]
    hidden = {}
    if hide:
        small = [cell for cell, n in values.items() if n < 11]
        for cell in small:
            hidden[cell] = (0, None)
            hidden[s, cell[1], 3 if cell[2] < 3 else 6] = (0, None)
    for at, name in enumerate([*names, "Statewide"], start=2):
        rows.append([name, *["s" if (s, at, c) in hidden else values[s, at, c] for c in range(1, 8)]])
    shown = {cell: n for cell, n in values.items() if cell not in hidden}
    merged = [
        (s, 0, 1, 0, 3, "Women"),
        (s, 0, 4, 0, 6, "Men"),
        (s, 0, 0, 1, 0, "County"),
        (s, 0, 7, 1, 7, "All"),
    ]
    return Planted("merged", {s: rows}, hidden, shown, sums, True, merged)


def _protected_grid(**shape):
    def make(rng):
        made = _grid(rng, small=0.2, **shape)
        if not _safe([made], seed=rng.randrange(250)):
            return None
        return _whole("safe", [made], as_xlsx=rng.random() < 0.5)

    return make


def _safe_total_row(rng):
    made = _no_row_totals(_grid(rng, rows=6, small=0.25))
    return (
        _whole("safe", [made], as_xlsx=rng.random() < 0.5) if _safe([made], seed=rng.randrange(250)) else None
    )


def _safe_linked(rng):
    one, two, links = _linked_pair(rng, 0.6)
    return _whole("safe", [one, two], links) if _safe([one, two], links, seed=rng.randrange(250)) else None


def _safe_labels(rng):
    """Every hidden count carries one mark that says a range; the lines leave it open."""
    made = _grid(rng, rows=4, columns=4)
    lines, heads = rng.sample(range(4), 3), rng.sample(range(4), 3)
    for k, c in [(lines[a], heads[b]) for a in range(3) for b in range(3)]:
        _set(made, k, c, rng.randint(3, 8))
        made.hide(made.leaf[k, c], mark="<11", box=(0, 10))
    return _whole("safe", [made], as_xlsx=rng.random() < 0.5)


def _safe_words(changed):
    def make(rng):
        made = _protected_grid(rows=5, columns=4)(rng)
        if made is not None and made.hidden:
            changed(made)
            return made
        return None

    return make


def _rename_wordless(made):
    (rows,) = made.sheets.values()
    rows[1][-1], rows[-3][0] = "Clients reached", "The region"


def _rename_spanish(made):
    (rows,) = made.sheets.values()
    rows[1] = ["Condado", "Refugio", "Ayuda legal", "Salud", "Consejería", "Total general"]
    rows[-3][0] = "Todos"


def _safe_merged(rng):
    return _two_headed(_some(rng, COUNTIES, 4), _numbers(rng, 4, 4, 0), False)


_PLANT = {
    "single": _single,
    "total_row": _total_row,
    "linked": _linked,
    "labels": _labels,
    "percent": _percent,
    "hierarchy": _hierarchy,
    "four": _four,
    "wordless": _wordless,
    "spanish": _spanish,
    "merged": _merged,
}
_SAFE = {
    "single": _protected_grid(rows=5, columns=4),
    "total_row": _safe_total_row,
    "linked": _safe_linked,
    "labels": _safe_labels,
    "percent": _percent_safe,
    "hierarchy": _protected_grid(rows=6, columns=3, groups=["North"] * 3 + ["South"] * 3, separators=True),
    "four": _protected_grid(rows=4, columns=4),
    "wordless": _safe_words(_rename_wordless),
    "spanish": _safe_words(_rename_spanish),
    "merged": _safe_merged,
}
KINDS = list(_PLANT)
