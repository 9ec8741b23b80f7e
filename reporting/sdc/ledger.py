"""What was said before is part of every later question: earlier releases and a new table, as one system.

Pure: where releases are kept, and who may read them, is the caller's. How a system is protected is in
pattern.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from reporting.sdc.policy import Policy
from reporting.sdc.shape import FigureKey
from reporting.sdc.system import System, read
from reporting.sdc.windows import Window, covers, directly_within, guessed, pieces, within


@dataclass(frozen=True, slots=True)
class Figure:
    """One count of a release: how many each agency brought in, and what readers see of it.

    `said` is the count itself, an interval that contains it (both ends included), or None where readers see
    the one symbol or, without a place, nothing at all. `people` are the clients behind a count of events.
    """

    key: FigureKey
    by: Mapping[str, int] = field(repr=False)
    said: int | tuple[int, int] | None = None
    has_place: bool = True
    people: Mapping[str, int] | None = field(default=None, repr=False)

    @property
    def count(self) -> int:
        return sum(self.by.values())


@dataclass(frozen=True, slots=True)
class Said:
    """What one release counted, and what it says. Sealed where it is kept: it holds the true counts.

    `period` is half-open. `agencies` are those whose rows were counted, with any rows or none. `sums` are
    places in `figures`: a total and its parts. `adds_up` are the universes in which disjoint periods add up,
    and parts of universes (`part_of`); people do not, but who comes for the first time does. `counted_up` are
    pairs of keys: everybody there was by the end of the period, and whoever came for the first time in it.
    """

    release: str
    period: tuple[date, date]
    taken: datetime
    agencies: tuple[str, ...]
    figures: tuple[Figure, ...] = field(repr=False)
    sums: tuple[tuple[int, tuple[int, ...]], ...] = field(default=(), repr=False)
    adds_up: frozenset[str] = frozenset()
    counted_up: tuple[tuple[FigureKey, FigureKey], ...] = ()

    def __post_init__(self) -> None:
        if self.period[0] >= self.period[1]:
            raise ValueError(f"{self.release} has no period")
        if len({figure.key for figure in self.figures}) != len(self.figures):
            raise ValueError(f"{self.release} counts a figure twice")
        for total, parts in self.sums:
            if self.figures[total].count != sum(self.figures[part].count for part in parts):
                raise ValueError(
                    f"the parts of {self.figures[total].key} in {self.release} do not add up to it"
                )
        for figure in self.figures:
            low, high = figure.said if isinstance(figure.said, tuple) else (figure.said, figure.said)
            if low is not None and high is not None and not low <= figure.count <= high:
                raise ValueError(f"what {self.release} says of {figure.key} is not so")

    @property
    def universes(self) -> frozenset[str]:
        return frozenset(figure.key[0] for figure in self.figures)

    def to_data(self) -> dict[str, Any]:
        """As JSON can hold it; `from_data` reads it again."""
        return {
            "release": self.release,
            "period": [day.isoformat() for day in self.period],
            "taken": self.taken.isoformat(),
            "agencies": list(self.agencies),
            "figures": [
                {
                    **_key_to_data(figure.key),
                    "by": dict(figure.by),
                    "said": list(figure.said) if isinstance(figure.said, tuple) else figure.said,
                    "place": figure.has_place,
                    **({} if figure.people is None else {"people": dict(figure.people)}),
                }
                for figure in self.figures
            ],
            "sums": [[total, list(parts)] for total, parts in self.sums],
            "adds_up": sorted(self.adds_up),
            "counted_up": [[_key_to_data(key) for key in pair] for pair in self.counted_up],
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Said:
        """Raises KeyError, TypeError or ValueError for what `to_data` did not write."""
        start, end = data["period"]
        return cls(
            release=data["release"],
            period=(date.fromisoformat(start), date.fromisoformat(end)),
            taken=datetime.fromisoformat(data["taken"]),
            agencies=tuple(data["agencies"]),
            figures=tuple(
                Figure(
                    key=_key_of_data(one),
                    by={str(agency): int(n) for agency, n in one["by"].items()},
                    said=(one["said"][0], one["said"][1]) if isinstance(one["said"], list) else one["said"],
                    has_place=bool(one["place"]),
                    people={str(agency): int(n) for agency, n in one["people"].items()}
                    if "people" in one
                    else None,
                )
                for one in data["figures"]
            ),
            sums=tuple((total, tuple(parts)) for total, parts in data["sums"]),
            adds_up=frozenset(data["adds_up"]),
            counted_up=tuple(
                (_key_of_data(total), _key_of_data(part)) for total, part in data.get("counted_up", ())
            ),
        )


def _key_to_data(key: FigureKey) -> dict[str, Any]:
    return {"universe": key[0], "at": [list(pair) for pair in key[1]]}


def _key_of_data(data: Mapping[str, Any]) -> FigureKey:
    return data["universe"], tuple((name, value) for name, value in data["at"])


def part_of(universe: str, pair: tuple[str, str]) -> str:
    """The figures of a universe that have this value of a dimension in their names, for `Said.adds_up`."""
    return f"{universe}[{pair[0]}={pair[1]}]"


def overlaps(a: Said, b: Said) -> bool:
    """Whether the two count the same kind of thing over days that both hold."""
    return a.period[0] < b.period[1] and b.period[0] < a.period[1] and bool(a.universes & b.universes)


@dataclass(frozen=True, slots=True)
class Joint:
    """A new table and all that was said before it, as one table to be protected.

    `places` are the cells of the new release's figures, in their order; `table` is the same in the JSON form
    of `./dev protect`.
    """

    system: System = field(repr=False)
    places: list[str] = field(repr=False)
    table: dict[str, Any] = field(repr=False)
    said_by: Mapping[str, frozenset[str]] = field(repr=False)

    def labels(self, ids: Iterable[str]) -> set[str]:
        """The earlier releases that these cells come from: those that block, where they block."""
        return {label for name in ids for label in self.said_by.get(name, ())}


def joint(
    earlier: Sequence[Said], new: Said, *, threshold: int = 11, width: int = 5, strict: bool = False
) -> Joint:
    """One system of the new table and of every earlier release that hangs together with it.

    A count said exactly is forced, one said as an interval bounded; other earlier counts are hidden. The same
    count found again unchanged is one cell. Besides each release's own sums:

    - the same figure counted later, and a window beside one inside it: what lies between them, a count of
      people like any other. Where somebody was taken off it is counted from a public constant, so that no
      change of 1 to 10 either way can be read;
    - where periods add up, time is cut at all windows' ends, and a window is the sum of its pieces and of
      what came late. A piece that no release counted is what the others leave of a window, or as good a
      guess as fits them all, and is then kept uncertain whatever it is;
    - where they do not, a window is at most the sum of those that cover it;
    - everybody there was by one day and by a later one (`Said.counted_up`): what lies between came for the
      first time then, and is one more count of these.

    A release whose figures have no place at all, of pieces counted for this alone, says what a guess can't.
    What is shown on all sides of a relation is left out, and so is what no chain of unknown counts joins to
    the new table, or ended three years before it. Relations are stated only where they are true of the true
    counts.
    """
    return _Build(connected(earlier, new), new, threshold).joint(width=width, strict=strict)


def connected(earlier: Iterable[Said], new: Said) -> list[Said]:
    """The earlier releases that `joint` protects the new one with: those that overlap it, or one that does,
    or count everybody until another day, in the order they were taken.

    What ended three years before the new one starts is left out: else windows that follow on one another
    would drag all that was ever said along. No window is longer, so none holds the new one and what is left
    out.
    """
    since = reaches_back_to(new.period[0])
    found, fresh = [new], [new]
    waiting = [said for said in earlier if said is not new and said.period[1] > since]
    while fresh:
        fresh = [said for said in waiting if any(overlaps(said, one) for one in fresh)]
        # Where all is said of everybody, nothing else of that release is less certain for it.
        fresh = fresh or [said for said in _counting_up(waiting, found) if not _says_everybody(said)]
        found += fresh
        waiting = [said for said in waiting if said not in fresh]
    found += _counting_up(waiting, found)
    return sorted(found[1:], key=lambda said: (said.taken, said.release))


def _counting_up(some: Iterable[Said], others: Sequence[Said]) -> list[Said]:
    """Those of some that count everybody until their end, as one of the others does."""
    everybody = {total[0] for said in others for total, _new in said.counted_up}
    return [said for said in some if said.universes & everybody]


def _says_everybody(said: Said) -> bool:
    everybody = {total[0] for total, _new in said.counted_up}
    return all(isinstance(one.said, int) for one in said.figures if one.key[0] in everybody and one.has_place)


def reaches_back_to(start: date) -> date:
    """What ended on this day or before is no part of a table whose period starts on `start`."""
    return start - _LONG


@dataclass(slots=True)
class _Count:
    """One figure of one window, as it was counted once or several times alike."""

    id: str
    by: dict[str, int]
    taken: datetime
    agencies: frozenset[str]
    releases: set[str] = field(default_factory=set)
    exact: bool = False
    interval: tuple[int, int] | None = None
    is_new: bool = False
    has_place: bool = False
    is_marked: bool = False
    people: Mapping[str, int] | None = None

    @property
    def behind(self) -> Mapping[str, int]:
        """At most so many clients."""
        return self.by if self.people is None else self.people

    @property
    def count(self) -> int:
        return sum(self.by.values())


class _Build:
    """The table as it grows: counts, then what ties them, then only what hangs together with the new ones."""

    def __init__(self, earlier: Sequence[Said], new: Said, threshold: int) -> None:
        self._all, self._new, self._threshold = [*earlier, new], new, threshold
        self._policy = Policy(threshold=max(threshold, Policy().threshold))
        self._counts: dict[FigureKey, dict[Window, list[_Count]]] = {}
        self._value: dict[str, int] = {}
        self._by: dict[str, Mapping[str, int]] = {}
        self._flags: dict[str, set[str]] = {name: set() for name in _FLAGS}
        self._said_by: dict[str, frozenset[str]] = {}
        self._relations: dict[tuple[str, tuple[str, ...]], None] = {}
        self._adds_up = frozenset[str]().union(*(said.adds_up for said in self._all))
        self._places: list[str] = []
        most = max((figure.count for said in self._all for figure in said.figures), default=0)
        self._offset = 10 ** (len(str(most)) + 1)

    def joint(self, *, width: int, strict: bool) -> Joint:
        for said in self._all:
            self._take(said)
        counted_up = dict.fromkeys(pair for said in self._all for pair in said.counted_up)
        apart = [pair for total, first in counted_up for pair in self._newcomers(total, first)]
        for windows in self._counts.values():
            for count in (count for counts in windows.values() for count in counts):
                self._enter(count)
        for key, windows in self._counts.items():
            for counts in windows.values():
                self._over_time(counts)
            self._between(key, windows)
        for universe in sorted(self._new.universes):
            mine = {key: found for key, found in self._counts.items() if key[0] == universe}
            if keys := {key: found for key, found in mine.items() if self._is_added_up(key)}:
                self._blocks(keys)
        for one, other in apart:
            self._apart(one, other, always=True)
        table = self._pruned() | {
            "threshold": self._threshold,
            "width": width,
            "strict": strict,
            "least": 1,
        }
        said_by = {cell["id"]: self._said_by.get(cell["id"], frozenset()) for cell in table["cells"]}
        return Joint(read(table), self._places, table, said_by)

    # What was counted.

    def _take(self, said: Said) -> None:
        ids = []
        for figure in said.figures:
            by = {agency: n for agency, n in figure.by.items() if n}
            counts = self._counts.setdefault(figure.key, {}).setdefault(said.period, [])
            count = next((count for count in counts if count.by == by), None)
            if count is None:
                name = _name(figure.key, said.period, len(counts))
                agencies = frozenset(said.agencies)
                count = _Count(name, by, said.taken, agencies, people=figure.people)
                counts.append(count)
            if said is self._new:
                count.is_new, count.has_place = True, figure.has_place
            else:
                count.releases.add(said.release)
                if isinstance(figure.said, tuple):
                    low, high = count.interval or figure.said
                    count.interval = max(low, figure.said[0]), min(high, figure.said[1])
                else:
                    count.exact |= figure.said is not None
                # Zeros are shown: whoever sees the mark knows that there is somebody.
                count.is_marked |= figure.has_place and figure.said is None and figure.count > 0
            ids.append(count.id)
        if said is self._new:
            self._places = ids
        for total, parts in said.sums:
            self._relations[ids[total], tuple(sorted(ids[part] for part in parts))] = None

    def _newcomers(self, total: FigureKey, first_time: FigureKey) -> Iterator[tuple[_Count, _Count]]:
        """Everybody by one day less everybody by another are those who came for the first time meanwhile, who
        are now one more count of these. Yields what can't be told so: counts of one day, and falling ones."""
        by_day: dict[date, list[_Count]] = {}
        for window, counts in self._counts.get(total, {}).items():
            by_day.setdefault(window[1], []).extend(counts)
        for counts in by_day.values():
            counts.sort(key=lambda count: count.taken)
            yield from ((later, one) for one, later in pairwise(counts))
        for before, after in pairwise(sorted(by_day)):
            for one in by_day[after]:
                other = _as_of(by_day[before], one.taken)
                by = _less(one.by, [other.by])
                if min(by.values(), default=0) < 0:
                    yield one, other
                    continue
                alike = self._counts.setdefault(first_time, {}).setdefault((before, after), [])
                came = next((count for count in alike if count.by == by), None)
                if came is None:
                    name = _name(first_time, (before, after), len(alike))
                    came = _Count(name, by, one.taken, one.agencies, one.releases | other.releases)
                    alike.append(came)
                self._relations[one.id, tuple(sorted((other.id, came.id)))] = None

    def _enter(self, count: _Count) -> None:
        flags = {"forced", "slack"} if count.exact else set() if count.has_place else {"hidden"}
        if count.people is not None and not self._policy.may_show(count.people):
            flags = {*flags, "sensitive"}
        self._cell(count.id, count.count, count.by, flags, count.releases)
        if count.is_marked and count.interval is None and "hidden" in flags:
            above = f"{count.id} above 1"
            self._cell(above, count.count - 1, {}, {"hidden", "slack"}, count.releases)
            self._relations[count.id, tuple(sorted((above, self._constant(1))))] = None
        if count.interval is None or count.exact:
            return
        low, high = count.interval
        below, above = f"{count.id} above {low}", f"{count.id} below {high}"
        self._cell(below, count.count - low, {}, {"hidden", "slack"}, count.releases)
        self._cell(above, high - count.count, {}, {"hidden", "slack"}, count.releases)
        self._relations[count.id, tuple(sorted((below, self._constant(low))))] = None
        self._relations[self._constant(high), tuple(sorted((above, count.id)))] = None

    # What ties counts of one figure.

    def _is_added_up(self, key: FigureKey) -> bool:
        return key[0] in self._adds_up or any(part_of(key[0], pair) in self._adds_up for pair in key[1])

    def _over_time(self, counts: list[_Count]) -> None:
        """The same figure of the same window, counted again."""
        for later, one in enumerate(counts):
            for earlier, other in enumerate(counts[:later]):
                self._apart(one, other, always=later == earlier + 1)

    def _between(self, key: FigureKey, windows: Mapping[Window, list[_Count]]) -> None:
        """Windows inside windows, and where periods do not add up, windows that others cover."""
        people = not self._is_added_up(key)
        direct = set(directly_within(list(windows)))
        for outer, inner in ((a, b) for a in windows for b in windows if a != b and within(b, a)):
            for one in windows[outer]:
                beside = _as_of(windows[inner], one.taken)
                for other in windows[inner]:
                    self._apart(one, other, always=people and (outer, inner) in direct and other is beside)
        if not people:
            return
        for window, counts in windows.items():
            for cover in covers(window, windows):
                for one in counts:
                    parts = [_as_of(windows[part], one.taken) for part in cover]
                    self._differ(parts, [one], f"{' and '.join(p.id for p in parts)} beside {one.id}")

    def _apart(self, one: _Count, other: _Count, *, always: bool) -> None:
        came = {a for a in one.by.keys() - other.by.keys() if a not in other.agencies}
        went = {a for a in other.by.keys() - one.by.keys() if a not in one.agencies}
        few = any(0 < len(group) < _FEW for group in (came, went))
        change = _less(one.by, [other.by])
        few = few or self._is_of_few(one, [other.behind], change)
        if always or few or self._is_small(change):
            self._differ([one], [other], f"{one.id} less {other.id}", few=few)

    def _is_of_few(self, one: _Count, others: Iterable[Mapping[str, int]], left: Mapping[str, int]) -> bool:
        """Whether what is `left` of a count of events may be events of few clients. Nobody has counted these:
        at least as many as are behind the count, less at most as many as are behind the `others`."""
        if not left or one.people is None:
            return False
        if min(left.values()) < 0:
            return True
        said = _added_up(others)
        most = {agency: min(n, one.people.get(agency, 0)) for agency, n in left.items()}
        least = {a: min(n, max(0, one.people.get(a, 0) - said.get(a, 0))) for a, n in most.items()}
        return not self._policy.may_surely_show(least, most)

    def _differ(
        self, left: Sequence[_Count], right: Sequence[_Count], name: str, *, few: bool = False
    ) -> None:
        """The left counts are the right ones and a difference, which is people too."""
        if all(count.exact for count in (*left, *right)):
            return
        change = _less(_added(left), [count.by for count in right])
        labels = frozenset[str]().union(*(count.releases for count in (*left, *right)))
        self._tie([c.id for c in left], [c.id for c in right], name, change, labels, few=few)

    def _tie(
        self,
        left: Sequence[str],
        right: Sequence[str],
        name: str,
        change: Mapping[str, int] | None,
        labels: Iterable[str],
        *,
        few: bool = False,
    ) -> None:
        value = sum(self._value[one] for one in left) - sum(self._value[one] for one in right)
        if value < 0 and change and max(change.values()) <= 0:
            # Rows were only taken off, such as those of an agency left out: the difference is theirs, and no
            # reader need think that it could be less than nobody.
            left, right, value = right, left, -value
            change = {agency: -n for agency, n in change.items()}
        small = few or 0 < abs(value) < self._threshold or self._is_small(change or {})
        if value == 0 and not small and change is not None and not any(change.values()) and len(left) == 1:
            self._relations[left[0], tuple(sorted(right))] = None
            return
        flags = {"hidden", "network"} | ({"sensitive"} if small else set())
        left, right = list(left), [*right, name]
        if value < 0 or (value == 0 and small):
            left.append(self._constant(self._offset))
            self._cell(name, value + self._offset, {}, flags, labels)
        else:
            known = change if change and min(change.values()) >= 0 else {}
            self._cell(name, value, known, flags, labels)
        if len(left) == 1:
            self._relations[left[0], tuple(sorted(right))] = None
            return
        both = f"{name}, both sides"
        self._cell(both, sum(self._value[one] for one in left), {}, {"hidden", "slack"}, labels)
        self._relations[both, tuple(sorted(left))] = None
        self._relations[both, tuple(sorted(right))] = None

    def _is_small(self, change: Mapping[str, int]) -> bool:
        """Whether the public, or an agency that knows its own part, would read 1 to 10 people, on or off."""
        value = sum(change.values())
        return any(0 < abs(value - own) < self._threshold for own in (0, *change.values()))

    # Time cut into blocks, where periods add up.

    def _blocks(self, keys: Mapping[FigureKey, Mapping[Window, list[_Count]]]) -> None:
        cut = {key: pieces(windows) for key, windows in keys.items() if len(windows) > 1}
        cut = {key: blocks for key, blocks in cut.items() if set(blocks) != set(keys[key])}
        unknown: dict[tuple[FigureKey, Window], dict[str, int] | None] = {}
        for key, blocks in cut.items():
            unknown |= self._left_over(key, keys[key], blocks)
        self._guess(keys, cut, unknown)
        for key, blocks in cut.items():
            for window, counts in keys[key].items():
                inside = [block for block in blocks if within(block, window)]
                if len(inside) > 1:
                    for one in counts:
                        self._sum_of_blocks(key, keys[key], one, inside)
        self._sums_of_blocks(keys, cut)

    def _left_over(
        self, key: FigureKey, windows: Mapping[Window, list[_Count]], blocks: Sequence[Window]
    ) -> dict[tuple[FigureKey, Window], None]:
        """Enter what is left of a window when all but one of its blocks are known; returns the others."""
        found: dict[Window, dict[str, int]] = {}
        open_ = {block for block in blocks if block not in windows}
        while True:
            before = len(open_)
            for outer in sorted(windows, key=lambda window: window[1] - window[0]):
                for inner in (None, *windows):
                    if inner is not None and (inner == outer or not within(inner, outer)):
                        continue
                    rest = [
                        b for b in blocks if within(b, outer) and not (inner is not None and within(b, inner))
                    ]
                    missing = [block for block in rest if block in open_]
                    if len(missing) != 1:
                        continue
                    one = windows[outer][-1]
                    apart = [b for b in rest if b not in open_ and b not in found]
                    known = [_as_of(windows[b], one.taken) for b in (*apart, inner) if b is not None]
                    derived = [found[b] for b in rest if b in found]
                    by = _less(one.by, [*derived, *(count.by for count in known)])
                    if sum(by.values()) < 0:
                        continue
                    few = self._is_of_few(one, [*derived, *(count.behind for count in known)], by)
                    found[missing[0]] = by
                    own = by if min(by.values(), default=0) >= 0 else {}
                    name = _name(key, missing[0])
                    flags = {"hidden", "sensitive"} if few else {"hidden"}
                    self._cell(name, sum(by.values()), own, flags, one.releases)
                    open_.discard(missing[0])
            if len(open_) == before:
                return {(key, block): None for block in sorted(open_)}

    def _guess(
        self,
        keys: Mapping[FigureKey, Mapping[Window, list[_Count]]],
        cut: Mapping[FigureKey, Sequence[Window]],
        unknown: Mapping[tuple[FigureKey, Window], Any],
    ) -> None:
        """Enter blocks that nothing determines, as they might be; no reader may know them, be they what they
        may."""
        if not unknown:
            return
        number = {at: place for place, at in enumerate(unknown)}
        sums: list[tuple[int, dict[int, int]]] = []
        most: dict[int, int] = {}
        for key in {key for key, _ in unknown}:
            for window, counts in keys[key].items():
                inside = [block for block in cut[key] if within(block, window)]
                mine = [number[key, block] for block in inside if (key, block) in number]
                if not mine:
                    continue
                known = sum(
                    self._value[self._block(key, keys[key], block, counts[-1].taken)]
                    for block in inside
                    if (key, block) not in number
                )
                left = max(0, counts[-1].count - known)
                sums.append((left, dict.fromkeys(mine, 1)))
                for place in mine:
                    most[place] = min(most.get(place, left), left)
        for total, parts in self._key_sums(keys):
            for block in cut.get(total, ()):
                if (total, block) in number and all((part, block) in number for part in parts):
                    row = {number[part, block]: 1 for part in parts} | {number[total, block]: -1}
                    sums.append((0, row))
        guess = guessed(sums, len(number))
        least = dict.fromkeys(range(len(number)), 0)
        for n, row in sums:
            for place in row:
                others = sum(most.get(other, 0) for other in row if other != place)
                if n and min(row.values()) > 0:
                    least[place] = max(least[place], n - others)
        for (key, block), place in number.items():
            of_events = any(count.people is not None for count in keys[key][next(iter(keys[key]))])
            is_kept = of_events or least[place] < self._threshold
            flags = {"hidden"} | ({"sensitive"} if is_kept else set())
            self._cell(_name(key, block), guess[place], {}, flags, ())

    def _block(
        self, key: FigureKey, windows: Mapping[Window, list[_Count]], block: Window, taken: datetime
    ) -> str:
        return _as_of(windows[block], taken).id if block in windows else _name(key, block)

    def _sum_of_blocks(
        self,
        key: FigureKey,
        windows: Mapping[Window, list[_Count]],
        one: _Count,
        inside: Sequence[Window],
    ) -> None:
        """A window is its blocks as they were counted before it, and whatever came since."""
        chosen = [[self._block(key, windows, block, one.taken) for block in inside]]
        after = [
            next((c.id for c in windows[block] if c.taken > one.taken), _as_of(windows[block], one.taken).id)
            if block in windows
            else _name(key, block)
            for block in inside
        ]
        chosen += [after] if after != chosen[0] else []
        exact = [ids for ids in chosen if sum(self._value[name] for name in ids) == one.count]
        for ids in exact:
            self._relations[one.id, tuple(sorted(ids))] = None
        if exact:
            return
        ids = chosen[0]
        # What agencies brought into a piece that nobody counted is not known.
        named = all(sum(self._by[name].values()) == self._value[name] for name in ids)
        change = _less(one.by, [self._by[name] for name in ids]) if named else None
        self._tie([one.id], ids, f"{one.id} late", change, one.releases)
        for name in ids:
            others = [other for other in ids if other != name]
            left = one.count - sum(self._value[other] for other in others)
            if 0 < left < self._threshold:
                self._tie(
                    [one.id], others, f"{one.id} without {len(others)} others, {name}", None, one.releases
                )

    def _sums_of_blocks(
        self,
        keys: Mapping[FigureKey, Mapping[Window, list[_Count]]],
        cut: Mapping[FigureKey, Sequence[Window]],
    ) -> None:
        for total, parts in self._key_sums(keys):
            for block in cut.get(total, ()):
                if block in keys[total] or not all(block in cut.get(part, ()) for part in parts):
                    continue
                ids = [
                    self._block(part, keys[part], block, max(said.taken for said in self._all))
                    for part in parts
                ]
                if sum(self._value[name] for name in ids) == self._value[_name(total, block)]:
                    self._relations[_name(total, block), tuple(sorted(ids))] = None

    def _key_sums(self, keys: Mapping[FigureKey, Any]) -> Iterable[tuple[FigureKey, tuple[FigureKey, ...]]]:
        """Every sum between figures that a release of them stated."""
        found: dict[tuple[FigureKey, tuple[FigureKey, ...]], None] = {}
        for said in self._all:
            for total, parts in said.sums:
                named = said.figures[total].key, tuple(sorted(said.figures[part].key for part in parts))
                if named[0] in keys and all(part in keys for part in named[1]):
                    found[named] = None
        return found

    # The table.

    def _cell(
        self, name: str, value: int, by: Mapping[str, int], flags: Iterable[str], labels: Iterable[str]
    ) -> None:
        self._value[name], self._by[name] = value, by
        self._said_by[name] = frozenset(labels)
        for flag in flags:
            self._flags[flag].add(name)

    def _constant(self, n: int) -> str:
        name = f"= {n}"
        if name not in self._value:
            self._cell(name, n, {}, {"forced", "slack"}, ())
        return name

    def _pruned(self) -> dict[str, Any]:
        """What the new table hangs together with through counts that are not public."""
        forced, hidden = self._flags["forced"], self._flags["hidden"]
        lines = [[total, *parts] for total, parts in self._relations]
        while settled := {
            unknown[0]
            for unknown in ([name for name in line if name not in forced] for line in lines)
            if len(unknown) == 1 and unknown[0] in hidden
        }:
            # Readable from what is public already: no secret any more, and nothing new can hide it.
            forced |= settled
            hidden -= settled
            self._flags["slack"] |= settled
        near: dict[str, list[list[str]]] = {}
        for line in lines:
            for name in line:
                near.setdefault(name, []).append(line)
        kept = {name for name in self._places if name not in forced}
        waiting = list(kept)
        while waiting:
            for line in near.get(waiting.pop(), ()):
                fresh = {name for name in line if name not in forced} - kept
                kept |= fresh
                waiting += fresh
        relations = [
            {"total": total, "parts": list(parts)}
            for total, parts in self._relations
            if not kept.isdisjoint((total, *parts))
        ]
        used = set(self._places).union(*([one["total"], *one["parts"]] for one in relations))
        return {
            "cells": [
                {
                    "id": name,
                    "value": value,
                    "by": dict(self._by[name]),
                    "network": name in self._flags["network"],
                }
                for name, value in self._value.items()
                if name in used
            ],
            "relations": relations,
            **{
                flag: [name for name in self._value if name in used & self._flags[flag]]
                for flag in _FLAGS
                if flag != "network"
            },
        }


_LONG = timedelta(days=3 * 365 + 1)
_FLAGS = ("forced", "hidden", "sensitive", "slack", "network")
_FEW = 3


def _name(key: FigureKey, window: Window, number: int = 0) -> str:
    at = ",".join(f"{dimension}={value}" for dimension, value in key[1])
    again = f" ({number + 1})" if number else ""
    return f"{key[0]}[{at}] {window[0]}..{window[1]}{again}"


def _as_of(counts: Sequence[_Count], taken: datetime) -> _Count:
    """The last of them that was taken by then, or the first one after."""
    before = [count for count in counts if count.taken <= taken]
    return before[-1] if before else counts[0]


def _added(counts: Iterable[_Count]) -> dict[str, int]:
    return _added_up(count.by for count in counts)


def _added_up(many: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for by in many:
        for agency, n in by.items():
            total[agency] = total.get(agency, 0) + n
    return total


def _less(by: Mapping[str, int], others: Iterable[Mapping[str, int]]) -> dict[str, int]:
    left = dict(by)
    for other in others:
        for agency, n in other.items():
            left[agency] = left.get(agency, 0) - n
    return {agency: n for agency, n in left.items() if n}
