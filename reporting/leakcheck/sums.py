"""How the counts of published tables hang together: totals by their words and by arithmetic, counts that
stand in several tables, and percentages of counts. What follows from it is worked out in attack.py.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import log2

from reporting.leakcheck.marks import Kind, box
from reporting.leakcheck.tables import Line, Spot, Table, address, says_total
from reporting.leakcheck.words import Part, Sentence, _

_MEASURE = re.compile(
    r"(number|no\.?|#|n|count|counts|clients?|people|persons?|survivors?|participants?|individuals?|cases?"
    r"|número|personas|clientes|casos|cantidad|served|total)"
    r"( of)?( (clients|people|persons|survivors))?( served)?",
    re.IGNORECASE,
)
_SHARE_WORDS = re.compile(r"%|\b(per ?cent(age)?|pct|share)\b( of)?|\bporcentaje\b( de)?|[()]", re.IGNORECASE)
_SURE = 6.0


@dataclass(frozen=True, slots=True)
class Hints:
    """What somebody who knows the table says of it. `totals` are names of rows or columns that are sums,
    `marks` hide a count (`*`, or `*=1-10` with its range), `zeros` mean none, and what is `independent`
    (a sheet, or a table by its number from 1) shares no counts with the others."""

    threshold: int = 11
    width: int = 5
    totals: tuple[str, ...] = ()
    not_totals: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    zeros: tuple[str, ...] = ()
    independent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """One cell that stands for a count: hidden if it has a `mark` ("" for a blank). `high` None: no end."""

    id: str
    table: int
    spot: Spot
    name: str
    short: tuple[str, str]
    low: int
    high: int | None
    mark: str | None

    @property
    def is_shown(self) -> bool:
        return self.mark is None


@dataclass(frozen=True, slots=True)
class Sum:
    """`total` is the sum of `parts`, all by place; with one part they are the same count. `along` says what
    the parts differ in: 0 the row they stand in, 1 the column, 2 the table."""

    total: str
    parts: tuple[str, ...]
    along: int


@dataclass(frozen=True, slots=True)
class Share:
    """`part` is `low` to `high` times `base`, as the percentage in the cell `where` says."""

    part: str
    base: str
    low: float
    high: float
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something taken for granted, and the option that says otherwise."""

    sentence: Sentence
    option: str = ""


@dataclass(slots=True)
class Reading:
    """The tables as understood."""

    tables: list[Table]
    places: dict[str, Place]
    sums: list[Sum]
    shares: list[Share]
    doubts: list[Doubt]
    totals: list[tuple[int, str]] = field(default_factory=list)
    marks: dict[str, str] = field(default_factory=dict)
    """Each mark found and what it is taken for: hidden, or none."""
    links: list[tuple[int, int]] = field(default_factory=list)


def understand(tables: list[Table], hints: Hints) -> Reading:
    """The counts of these tables and how they add up."""
    reading = Reading(tables, {}, [], [], [])
    given = dict(_given(mark) for mark in hints.marks)
    for number, table in enumerate(tables):
        _place(reading, number, table, given, hints)
    for number in range(len(tables)):
        _add_up(reading, number, hints)
    _settle_weak(reading, given, hints)
    _link(reading, hints)
    for number in range(len(tables)):
        _percentages(reading, number)
    return reading


def _given(mark: str) -> tuple[str, tuple[int, int | None] | None]:
    text, sign, range_ = mark.rpartition("=")
    found = box(range_) if sign and text else None
    return (text, found) if found else (mark, None)


# --- cells -------------------------------------------------------------------------------------------------


def _place(
    reading: Reading,
    number: int,
    table: Table,
    given: Mapping[str, tuple[int, int | None] | None],
    hints: Hints,
) -> None:
    zeros = any(one.kind is Kind.COUNT and one.low == 0 for one in table.cells.values())
    said = {mark: found for mark in _own_marks(table) if (found := _defined(table, mark))}
    for row in table.rows:
        for column in table.columns:
            if row.at in table.share_rows or column.at in table.share_columns:
                continue
            one = table.cells.get((row.at, column.at))
            text = "" if one is None else one.text
            low: int = 0
            high: int | None = None
            mark: str | None = text
            if one is not None and one.kind is Kind.SHARE:
                continue
            if told := given.get(text):
                low, high = told
            elif text in hints.zeros:
                low, high, mark = 0, 0, None
            elif one is not None and one.kind is Kind.COUNT and text not in given:
                low, high, mark = one.low, one.high, None
            elif one is not None and one.kind is Kind.MARK and (one.low or one.high is not None):
                low, high = one.low, one.high
            elif text in said:
                low, high = said[text]
            if mark is not None and high and low == 0 and zeros:
                low = 1
            names = (_name(row), _name(column))
            place = Place(
                f"{number}!{address((row.at, column.at))}",
                number,
                (row.at, column.at),
                _both(row, column),
                names,
                low,
                high,
                mark,
            )
            reading.places[place.id] = place
    for mark, (low, high) in said.items():
        words: dict[str, Part] = {"mark": mark, "low": low, "high": high, "table": _called(reading, number)}
        reading.doubts.append(
            Doubt(
                Sentence(
                    _(
                        "A note says that %(mark)s stands for %(low)s to %(high)s, and it is "
                        "taken at its word."
                    ),
                    words,
                ),
                f'--mark "{mark}"',
            )
        )


def _own_marks(table: Table) -> set[str]:
    return {
        one.text for one in table.cells.values() if one.kind is Kind.MARK and one.high is None and not one.low
    }


def _defined(table: Table, mark: str) -> tuple[int, int] | None:
    """The range that a note gives a mark, if the note speaks of this mark and of no second step."""
    for note in table.notes:
        rest = note.strip()
        if not rest.startswith(mark) or rest.startswith(mark + mark[-1:]) or len(note) > 160:
            continue
        rest = rest[len(mark) :].lower()
        if re.search(r"compl|second|also|or to protect|prevent|derive|otros", rest):
            continue
        found = re.search(
            r"(fewer than|less than|under|below|<=?|≤|at most|menos de|up to)\s*\d+|\b1\s*(-|–|to|a)\s*\d+",
            rest,
        )
        range_ = box(found[0]) if found else None
        if range_ and range_[1]:
            return range_[0], range_[1]
    return None


def _name(line: Line) -> str:
    return " ".join(label for label in line.labels if label)


def _both(row: Line, column: Line) -> str:
    total_row, total_column = row.is_total, column.is_total
    if total_column and not total_row and len(column.labels) <= 1:
        return _name(row)
    if total_row and not total_column and len(row.labels) <= 1:
        return _name(column)
    return ", ".join(name for name in (_name(row), _name(column)) if name)


def _called(reading: Reading, number: int) -> str:
    table = reading.tables[number]
    several = sum(other.sheet == table.sheet for other in reading.tables) > 1
    name = table.sheet or table.title
    return f"{name} ({number + 1})" if several and table.sheet else name or str(number + 1)


# --- totals ------------------------------------------------------------------------------------------------


def _add_up(reading: Reading, number: int, hints: Hints) -> None:
    table = reading.tables[number]
    rows = [line for line in table.rows if line.at not in table.share_rows]
    columns = [line for line in table.columns if line.at not in table.share_columns]

    def at(row: Line, column: Line) -> Place | None:
        return reading.places.get(f"{number}!{address((row.at, column.at))}")

    for lines, cross, along in ((columns, rows, 1), (rows, columns, 0)):
        grid = [[at(one, two) if along == 0 else at(two, one) for two in cross] for one in lines]
        for total, parts in _Adding(reading, number, lines, grid, hints).find():
            reading.totals.append((number, _name(lines[total])))
            for k in range(len(cross)):
                here, others = grid[total][k], [grid[part][k] for part in parts]
                if here is None or any(other is None for other in others) or not others:
                    continue
                if _contradicts(here, [o for o in others if o]):
                    continue
                reading.sums.append(Sum(here.id, tuple(o.id for o in others if o), along))


class _Adding:
    """Looks for the lines of a table that are sums of other lines."""

    def __init__(
        self,
        reading: Reading,
        number: int,
        lines: list[Line],
        grid: list[list[Place | None]],
        hints: Hints,
    ) -> None:
        self._reading, self._number, self._lines, self._grid = reading, number, lines, grid
        told = {name.lower() for name in hints.totals}
        denied = {name.lower() for name in hints.not_totals}
        self._names = {name.lower() for line in lines for name in (line.name, _name(line))}
        self._words = {
            at
            for at, line in enumerate(lines)
            if (
                {line.name.lower(), _name(line).lower()} & told
                or any(says_total(part) for part in line.labels)
            )
            and not {line.name.lower(), _name(line).lower()} & denied
        }
        self._told = {at for at, line in enumerate(lines) if {line.name.lower(), _name(line).lower()} & told}
        self._denied = {
            at for at, line in enumerate(lines) if {line.name.lower(), _name(line).lower()} & denied
        }
        self._found: dict[int, list[tuple[int, ...]]] = {}

    def find(self) -> list[tuple[int, tuple[int, ...]]]:
        for at in sorted(self._words):
            self._try(at, self._near(at))
        for at in sorted(self._words - set(self._found)):
            self._try(at, [self._tops(at), self._leaves(at)])
        self._by_arithmetic()
        for at in sorted(self._words - set(self._found)):
            # Sub-totals without a word may be known by now.
            self._try(at, [self._tops(at), self._leaves(at)])
        for at in sorted(self._words - set(self._found)):
            self._ask(at)
        return [(at, parts) for at, several in self._found.items() for parts in several]

    def _near(self, at: int) -> list[tuple[int, ...]]:
        """What a line named a total may be the sum of, likeliest first."""
        lines, line = self._lines, self._lines[at]
        plain = [k for k in range(len(lines)) if k != at and k not in self._words]
        found: list[tuple[int, ...]] = []
        outer = line.labels[:-1]
        if any(outer):
            found.append(tuple(k for k in plain if lines[k].labels[:-1] == outer))
        if any(says_total(label) for label in outer):
            found.append(
                tuple(
                    k
                    for k in range(len(lines))
                    if k != at
                    and lines[k].labels[-1:] == line.labels[-1:]
                    and not any(says_total(label) for label in lines[k].labels[:-1])
                )
            )
        rest = re.sub(
            r"[\W_]+",
            " ",
            re.sub(r"\b(sub)?-?totals?\b|\ball\b|\bof\b|\bfor\b|\bde\b", " ", line.name.lower()),
        ).strip()
        if rest:
            found.append(
                tuple(k for k in plain if any(rest == part.lower() for part in lines[k].labels[:-1]))
            )
        deeper = self._deeper(at)
        if deeper:
            found.append(deeper)
        after = self._run(range(at + 1, len(lines)))
        before = self._run(range(at - 1, -1, -1))
        found += [before, after]
        if len(self._words) == 1:
            found.append(tuple(plain))
        return found

    def _deeper(self, at: int) -> tuple[int, ...]:
        """The lines below that are set in by one step more."""
        lines = self._lines
        run = []
        for k in range(at + 1, len(lines)):
            if lines[k].depth <= lines[at].depth:
                break
            run.append(k)
        least = min((lines[k].depth for k in run), default=0)
        return tuple(k for k in run if lines[k].depth == least)

    def _run(self, places: Iterable[int]) -> tuple[int, ...]:
        found = []
        for k in places:
            if k in self._words:
                break
            found.append(k)
        return tuple(sorted(found))

    def _parts(self) -> set[int]:
        return {part for several in self._found.values() for parts in several for part in parts}

    def _tops(self, at: int) -> tuple[int, ...]:
        """Lines that are no part of another sum."""
        parts = self._parts()
        return tuple(
            k
            for k in range(len(self._lines))
            if k != at and k not in parts and k not in self._words - set(self._found)
        )

    def _leaves(self, at: int) -> tuple[int, ...]:
        return tuple(
            k for k in range(len(self._lines)) if k != at and k not in self._words and k not in self._found
        )

    def _try(self, at: int, candidates: Sequence[tuple[int, ...]]) -> None:
        best: tuple[int, ...] = ()
        best_score = -1
        for parts in candidates:
            if len(parts) < 1 or at in parts:
                continue
            verified, wrong, _bits = self._check(at, parts)
            if wrong and (wrong * 3 > verified or len(parts) == 1):
                continue
            if len(parts) == 1 and verified < 2:
                continue
            if verified > best_score:
                best, best_score = parts, verified
        if not best:
            return
        self._found.setdefault(at, []).append(best)
        if best_score == 0:
            self._doubt(
                _(
                    "%(line)s of %(table)s is taken as the sum of %(parts)s, by its name alone: "
                    "no place shows all of it."
                ),
                at,
                best,
                f'--not-total "{self._lines[at].name}"',
            )

    def _by_arithmetic(self) -> None:
        """Lines without a word for it that equal the sum of lines next to them, too often for chance."""
        lines = self._lines
        count = len(lines)
        if count > 120:
            return
        first_and_last = (
            [(0, tuple(range(1, count))), (count - 1, tuple(range(count - 1)))] if count > 2 else []
        )
        runs = [
            (at, tuple(range(at + 1, end)))
            for at in range(count)
            for end in range(at + 3, count + 1)
            if at not in self._words
        ] + [
            (at, tuple(range(start, at)))
            for at in range(count)
            for start in range(at - 2, -1, -1)
            if at not in self._words
        ]
        for candidates, chance in ((first_and_last, 2), (runs, max(len(runs), 2))):
            for at, parts in candidates:
                parts = tuple(k for k in parts if k not in self._words)
                if at in self._words | set(self._found) | self._denied or len(parts) < 2:
                    continue
                if (
                    any(at in several for found in self._found.values() for several in found)
                    and candidates is first_and_last
                ):
                    continue
                verified, wrong, bits = self._check(at, parts)
                if wrong or verified < 2 or bits < _SURE + log2(chance):
                    continue
                if any(
                    set(parts) & set(old)
                    for a, found in self._found.items()
                    for old in found
                    if a not in self._words
                ):
                    continue
                self._found[at] = [parts]
                self._doubt(
                    _(
                        "%(line)s of %(table)s is taken as the sum of %(parts)s, because it adds "
                        "up where all is shown."
                    ),
                    at,
                    parts,
                    f'--not-total "{lines[at].name}"',
                )

    def _check(self, at: int, parts: tuple[int, ...]) -> tuple[int, int, float]:
        """Where it adds up with all shown, where it can't be, and how unlikely that is by chance, in bits."""
        verified = wrong = 0
        bits = 0.0
        for k, total in enumerate(self._grid[at]):
            others = [self._grid[part][k] for part in parts]
            if total is None or any(other is None for other in others):
                continue
            known = [other for other in others if other is not None]
            if _contradicts(total, known):
                wrong += 1
            elif total.is_shown and all(other.is_shown for other in known) and total.low:
                verified += 1
                bits += log2(1 + total.low)
        return verified, wrong, bits

    def _ask(self, at: int) -> None:
        self._doubt(
            _(
                "%(line)s of %(table)s is named a total, but is not the sum of lines near it. It "
                "is read by itself."
            ),
            at,
            (),
            f'--not-total "{self._lines[at].name}"',
        )

    def _doubt(self, text: str, at: int, parts: tuple[int, ...], option: str) -> None:
        names = [_name(self._lines[k]) for k in parts]
        shown = ", ".join(names if len(names) < 6 else [*names[:2], "…", names[-1]])
        words = {
            "line": _name(self._lines[at]),
            "table": _called(self._reading, self._number),
            "parts": shown,
        }
        self._reading.doubts.append(Doubt(Sentence(text, words), option))


def _contradicts(total: Place, parts: list[Place]) -> bool:
    least, most = sum(part.low for part in parts), 0
    for part in parts:
        if part.high is None:
            return total.high is not None and least > total.high
        most += part.high
    return most < total.low or (total.high is not None and least > total.high)


# --- weak marks --------------------------------------------------------------------------------------------


def _settle_weak(reading: Reading, given: Mapping[str, tuple[int, int | None] | None], hints: Hints) -> None:
    """Whether blanks, dashes and `n/a` hide counts or mean none: by arithmetic where they are alone."""
    for number, table in enumerate(reading.tables):
        mine = [
            place for place in reading.places.values() if place.table == number and place.mark is not None
        ]
        strong = any(_is_strong(table, place) for place in mine)
        zeros = any(
            place.is_shown and place.high == 0 for place in reading.places.values() if place.table == number
        )
        for text in sorted(
            {place.mark for place in mine if place.mark is not None and not _is_strong(table, place)}
        ):
            if text in given:
                reading.marks[text] = "hidden"
                continue
            none, some = _votes(reading, number, text)
            hides = (
                some > 0
                or (none == 0 and (not strong or zeros) and text != "")
                or (text == "" and none == 0 and not strong and not zeros)
            )
            reading.marks[text] = "hidden" if hides else "none"
            if not hides:
                for place in mine:
                    if place.mark == text:
                        reading.places[place.id] = replace(place, low=0, high=0, mark=None)
            if not (none + some) or (none and some):
                words = {"mark": text or "( )", "table": _called(reading, number)}
                taken = (
                    _("In %(table)s the mark %(mark)s is taken for a hidden count; it may mean none.")
                    if hides
                    else _("In %(table)s the mark %(mark)s is taken for none; it may hide a count.")
                )
                option = f'--zero "{text}"' if hides else f'--mark "{text}"'
                reading.doubts.append(Doubt(Sentence(taken, words), option))
        for place in mine:
            if place.mark and _is_strong(table, place):
                reading.marks[place.mark] = "hidden"


def _is_strong(table: Table, place: Place) -> bool:
    one = table.cells.get(place.spot)
    return one is not None and one.kind is Kind.MARK


def _votes(reading: Reading, number: int, text: str) -> tuple[int, int]:
    none = some = 0
    for one in reading.sums:
        cells = [reading.places[name] for name in (one.total, *one.parts)]
        hidden = [cell for cell in cells if cell.mark is not None]
        if not hidden or cells[0].table != number or any(cell.mark != text for cell in hidden):
            continue
        if not cells[0].is_shown:
            continue
        rest = cells[0].low - sum(cell.low for cell in cells[1:] if cell.is_shown)
        if rest == 0:
            none += 1
        elif rest > 0:
            some += 1
    return none, some


# --- the same count in several tables ----------------------------------------------------------------------


def _link(reading: Reading, hints: Hints) -> None:
    """Counts of the same people in several tables: the same labels, and equal wherever both are shown."""
    apart = {name.lower() for name in hints.independent}
    numbers = [
        k
        for k, table in enumerate(reading.tables)
        if not {table.sheet.lower(), table.title.lower(), str(k + 1)} - {""} & apart
    ]
    axes = _axes(reading, numbers)
    keyed: dict[int, dict[frozenset[tuple[int, str]], Place]] = {}
    for number in numbers:
        found: dict[frozenset[tuple[int, str]], list[Place]] = defaultdict(list)
        table = reading.tables[number]
        rows = {line.at: line for line in table.rows}
        columns = {line.at: line for line in table.columns}
        for place in reading.places.values():
            if place.table == number:
                key = _key(rows[place.spot[0]], (number, 0), axes) | _key(
                    columns[place.spot[1]], (number, 1), axes
                )
                found[frozenset(key)].append(place)
        keyed[number] = {key: places[0] for key, places in found.items() if len(places) == 1}
    for k, one in enumerate(numbers):
        for two in numbers[k + 1 :]:
            _join(reading, one, two, keyed[one], keyed[two])


def _plain(label: str) -> str:
    return re.sub(r"[\W_]+", " ", label.lower()).strip()


def _axes(reading: Reading, numbers: list[int]) -> dict[tuple[int, int], int]:
    """Which sides of tables say the same things: a class for each (table, 0 rows or 1 columns)."""
    labels = {
        (number, side): {
            _plain(part) for line in lines for part in line.labels[-1:] if part and not says_total(part)
        }
        for number in numbers
        for side, lines in enumerate((reading.tables[number].rows, reading.tables[number].columns))
    }
    classes = {axis: k for k, axis in enumerate(labels)}
    every = list(labels)
    for k, one in enumerate(every):
        for two in every[k + 1 :]:
            both = labels[one] & labels[two]
            if (
                one[0] != two[0]
                and len(both) >= 2
                and len(both) * 2 >= min(len(labels[one]), len(labels[two]))
            ):
                old, new = classes[two], classes[one]
                for axis, value in classes.items():
                    if value == old:
                        classes[axis] = new
    return classes


def _key(line: Line, axis: tuple[int, int], axes: Mapping[tuple[int, int], int]) -> set[tuple[int, str]]:
    return {
        (axes[axis], _plain(part))
        for part in line.labels
        if part and not says_total(part) and not _MEASURE.fullmatch(part.strip())
    }


def _join(
    reading: Reading,
    one: int,
    two: int,
    left: Mapping[frozenset[tuple[int, str]], Place],
    right: Mapping[frozenset[tuple[int, str]], Place],
) -> None:
    # What is hidden as weak and was taken for none was replaced since the keys were made.
    pairs = [(reading.places[left[key].id], reading.places[right[key].id]) for key in left if key in right]
    both = [(a, b) for a, b in pairs if a.is_shown and b.is_shown and (a.low or b.low)]
    equal = sum(a.low == b.low for a, b in both)
    useful = any(not (a.is_shown and b.is_shown) for a, b in pairs)
    sure = equal >= 2 or (equal == 1 and max(a.low for a, _b in both) >= 50)
    words: dict[str, Part] = {"one": _called(reading, one), "two": _called(reading, two), "n": equal}
    if not useful or not pairs:
        return
    if equal < len(both):
        if equal >= 2:
            text = _(
                "%(one)s and %(two)s share labels, but some counts differ: they are read as "
                "counts of different people."
            )
            reading.doubts.append(Doubt(Sentence(text, words)))
        return
    if not sure:
        text = _(
            "%(one)s and %(two)s share labels, but too few counts to tell whether they count the same people."
        )
        reading.doubts.append(Doubt(Sentence(text, words)))
        return
    reading.links.append((one, two))
    text = _(
        "%(one)s and %(two)s are taken as counts of the same people: %(n)s shown counts agree "
        "and none differs."
    )
    reading.doubts.append(
        Doubt(Sentence(text, words), f'--independent "{reading.tables[two].sheet or two + 1}"')
    )
    reading.sums += [Sum(a.id, (b.id,), 2) for a, b in pairs if not (a.is_shown and b.is_shown)]


# --- percentages -------------------------------------------------------------------------------------------


def _percentages(reading: Reading, number: int) -> None:
    """Percentages beside counts: of which total they are is found from the places where all is shown."""
    table = reading.tables[number]
    columns = {line.at: line for line in table.columns}
    counts = [at for at in columns if at not in table.share_columns]
    for at in sorted(table.share_columns):
        counted = _counted(columns, at, counts)
        if counted is None:
            continue
        scale = _scale(table, at)
        best: list[Share] = []
        tried: Counter[int] = Counter()
        for base in _bases(reading, number, counted, counts):
            found: list[Share] = []
            good = bad = 0
            for row in table.rows:
                said = table.cells.get((row.at, at))
                part = reading.places.get(f"{number}!{address((row.at, counted))}")
                whole = reading.places.get(base(row.at))
                if said is None or said.kind not in (Kind.SHARE, Kind.COUNT) or part is None or whole is None:
                    continue
                value = said.share if said.kind is Kind.SHARE else float(said.low)
                within = max(said.within if said.kind is Kind.SHARE else 0.5, 1e-9)
                low, high = max(0.0, value - within) / scale, (value + within) / scale
                if part.id == whole.id:
                    continue
                if part.is_shown and whole.is_shown:
                    fits = low * whole.low - 1e-6 <= part.low <= high * whole.low + 1e-6
                    good, bad = good + fits, bad + (not fits)
                else:
                    found.append(Share(part.id, whole.id, low, high, address((row.at, at)), said.text))
            if not bad and good >= 2 and good > tried[at]:
                best, tried[at] = found, good
        if best:
            reading.shares += best
        elif any(
            not p.is_shown for p in reading.places.values() if p.table == number and p.spot[1] == counted
        ):
            words = {"line": _name(columns[at]), "table": _called(reading, number)}
            text = _(
                "Of which total the percentages %(line)s in %(table)s are could not be found. "
                "They are left out."
            )
            reading.doubts.append(Doubt(Sentence(text, words)))


def _counted(columns: Mapping[int, Line], at: int, counts: list[int]) -> int | None:
    """The column of counts that a column of percentages goes with: the same words, or the next "
    "on its left."""
    words = {_plain(_SHARE_WORDS.sub(" ", part)) for part in columns[at].labels} - {""}
    for other in counts:
        if words and words == {_plain(part) for part in columns[other].labels} - {""}:
            return other
    for other in counts:
        if words and words & {_plain(part) for part in columns[other].labels[-1:]}:
            return other
    left = [other for other in counts if other < at]
    return left[-1] if left else None


def _scale(table: Table, at: int) -> float:
    said = [one for (_row, column), one in table.cells.items() if column == at and one.kind is Kind.SHARE]
    bare = [one.share for one in said if "%" not in one.text]
    return 1.0 if bare and len(bare) == len(said) and max(bare) <= 1 else 100.0


def _bases(reading: Reading, number: int, counted: int, counts: list[int]) -> Iterator[Callable[[int], str]]:
    """What percentages may be of, as functions from a row to a place: totals of its column, then its row."""
    mine = {one.total for one in reading.sums if one.along == 0 and reading.places[one.total].table == number}
    tops = [reading.places[name] for name in mine if reading.places[name].spot[1] == counted]
    for top in sorted(tops, key=lambda place: -(place.low)):
        yield partial(_always, top.id)
    for one in reading.tables[number].columns:
        if one.at in counts and one.at != counted:
            yield partial(_beside, number, one.at)


def _always(name: str, _row: int) -> str:
    return name


def _beside(number: int, column: int, row: int) -> str:
    return f"{number}!{address((row, column))}"
