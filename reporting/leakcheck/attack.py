"""What a reader can work out of published tables, and by which arithmetic, in words.

First line by line, each count held against the rest of its sums until nothing moves: that gives the shortest
chain. What only several lines together give away is found by linear programmes, whose multipliers say which
lines to add and which to take away. People are whole, so narrow ranges are tried in whole numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, inf
from time import monotonic

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from reporting.leakcheck.sums import Place, Reading, Share, Sum
from reporting.leakcheck.tables import says_total
from reporting.leakcheck.words import Part, Sentence, _

EXACT, NARROW, SMALL, SHOWN = "exact", "narrow", "small", "shown"
_EPS = 1e-6
_ROUNDS, _COVERS = 40, 24
_WHOLE_SECONDS = 2.0


class Contradiction(ValueError):
    """No counts fit what is shown: the tables were not read as they are meant."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A small count that a reader knows: it is `low` to `high`, and `kind` says how it came out. `steps` is
    the arithmetic."""

    place: Place
    kind: str
    low: int
    high: int
    steps: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class _Event:
    """A bound made closer: by which sum or share, out of which other bounds."""

    place: str
    is_high: bool
    value: int
    source: Sum | Share
    used: tuple[tuple[str, bool, int], ...]
    because: tuple[int, ...]


@dataclass(slots=True)
class Attack:
    """Everything a reader can work out. `bounds` are those of every hidden count."""

    findings: list[Finding]
    bounds: dict[str, tuple[int, float]]
    larger: list[tuple[Place, int]] = field(default_factory=list)
    """Hidden counts that can be worked out and are not small."""
    left: int = 0
    """Hidden counts that were only held against their own lines, because time was up."""


def attack(reading: Reading, *, threshold: int = 11, width: int = 5, seconds: float | None = None) -> Attack:
    """Works out what it can; after `seconds`, if given, no more than line by line. Raises Contradiction."""
    search = _Search(reading, threshold, width)
    search.propagate()
    search.solve(inf if seconds is None else monotonic() + seconds)
    return search.found()


class _Search:
    def __init__(self, reading: Reading, threshold: int, width: int) -> None:
        self._reading, self._threshold, self._width = reading, threshold, width
        self._places = reading.places
        self._low: dict[str, int] = {}
        self._high: dict[str, float] = {}
        for place in self._places.values():
            self._low[place.id] = place.low
            self._high[place.id] = inf if place.high is None else place.high
        self._hidden = [place.id for place in self._places.values() if not place.is_shown]
        self._events: list[_Event] = []
        self._last: dict[tuple[str, bool], int] = {}
        self._proofs: dict[str, tuple[Sentence, ...]] = {}
        self._seen: dict[str, tuple[float, float]] = {}
        self._left = 0

    # Line by line.
    def propagate(self) -> None:
        sources: list[Sum | Share] = [*self._reading.sums, *self._reading.shares]
        touching: dict[str, list[int]] = defaultdict(list)
        for number, source in enumerate(sources):
            for name in _cells(source):
                touching[name].append(number)
        waiting = set(range(len(sources)))
        for _round in range(_ROUNDS):
            if not waiting:
                return
            found: dict[tuple[str, bool], _Event] = {}
            for number in sorted(waiting):
                for event in self._implied(sources[number]):
                    key = (event.place, event.is_high)
                    old = found.get(key)
                    if old is None or (event.value < old.value if event.is_high else event.value > old.value):
                        found[key] = event
            waiting = set()
            for (name, is_high), event in found.items():
                self._events.append(event)
                self._last[name, is_high] = len(self._events) - 1
                if is_high:
                    self._high[name] = event.value
                else:
                    self._low[name] = event.value
                if self._low[name] > self._high[name]:
                    raise Contradiction
                waiting |= set(touching[name])

    def _implied(self, source: Sum | Share) -> list[_Event]:
        return self._of_share(source) if isinstance(source, Share) else self._of_sum(source)

    def _of_sum(self, source: Sum) -> list[_Event]:
        low, high = self._low, self._high
        found = []
        least, most = sum(low[p] for p in source.parts), sum(high[p] for p in source.parts)
        found += self._closer(
            source, source.total, least, most, [(p, s) for p in source.parts for s in (False, True)]
        )
        total_low, total_high = low[source.total], high[source.total]
        endless = [p for p in source.parts if high[p] == inf]
        for part in source.parts:
            if self._places[part].is_shown:
                continue
            rest = [p for p in source.parts if p != part]
            rest_most = sum(high[p] for p in rest) if len(endless) - (part in endless) == 0 else inf
            to_low = total_low - rest_most
            to_high = total_high - (least - low[part])
            used = [(source.total, False), *((p, True) for p in rest)]
            used_high = [(source.total, True), *((p, False) for p in rest)]
            if to_low > low[part]:
                found.append(self._event(source, part, False, int(to_low), used))
            if to_high < high[part]:
                found.append(self._event(source, part, True, int(to_high), used_high))
        return found

    def _of_share(self, source: Share) -> list[_Event]:
        low, high = self._low, self._high
        part, base = source.part, source.base
        found = self._closer(
            source,
            part,
            ceil(source.low * low[base] - _EPS),
            inf if high[base] == inf else floor(source.high * high[base] + _EPS),
            [(base, False), (base, True)],
        )
        return found + self._closer(
            source,
            base,
            ceil(low[part] / source.high - _EPS) if source.high else 0,
            inf if high[part] == inf or not source.low else floor(high[part] / source.low + _EPS),
            [(part, False), (part, True)],
        )

    def _closer(
        self, source: Sum | Share, name: str, least: float, most: float, used: list[tuple[str, bool]]
    ) -> list[_Event]:
        found: list[_Event] = []
        if self._places[name].is_shown:
            if least > self._low[name] or most < self._high[name]:
                raise Contradiction
            return found
        if least > self._low[name]:
            found.append(self._event(source, name, False, int(least), [one for one in used if not one[1]]))
        if most < self._high[name]:
            found.append(self._event(source, name, True, int(most), [one for one in used if one[1]]))
        return found

    def _event(
        self, source: Sum | Share, name: str, is_high: bool, value: int, used: Sequence[tuple[str, bool]]
    ) -> _Event:
        values = tuple((n, side, int(self._high[n] if side else self._low[n])) for n, side in used)
        because = tuple(
            self._last[n, side]
            for n, side in used
            if (n, side) in self._last and not self._places[n].is_shown
        )
        return _Event(name, is_high, value, source, values, because)

    # All lines together.
    def solve(self, until: float) -> None:
        for names in self._pieces():
            programme = _Programme(names, self._reading, self._places, self._low, self._high)
            self._cover(programme)
            for name in names:
                if self._is_open(name, *self._seen.get(name, (inf, -inf))):
                    continue
                if monotonic() > until:
                    self._left += 1
                    continue
                low, plus = programme.end(name, up=False)
                high, minus = programme.end(name, up=True)
                whole = high - low < 2 * self._width or (low < self._threshold and high < 2 * self._threshold)
                by_whole = False
                if whole:
                    closer_low, closer_high = programme.whole(name, low, high)
                    by_whole = closer_low > low or closer_high < high
                    low, high = closer_low, closer_high
                if low > self._low[name] or high < self._high[name]:
                    steps = [
                        *([] if high == low and plus else self._in_words(name, plus, low, is_high=False)),
                        *self._in_words(
                            name,
                            minus if not (high == low and plus) else plus,
                            high,
                            is_high=None if high == low else True,
                        ),
                    ]
                    if by_whole:
                        steps.append(Sentence(_("People are whole, so nothing else is left.")))
                    self._proofs[name] = tuple(steps)
                    self._low[name], self._high[name] = int(low), high

    def _is_open(self, name: str, low: float, high: float) -> bool:
        """Whether tables already seen prove that the count is uncertain enough."""
        return high - low >= self._width and (low < 1 or high >= self._threshold)

    def _pieces(self) -> list[list[str]]:
        """Hidden counts that hang together, and of those only pieces with something uncertain in them."""
        parent = {name: name for name in self._hidden}

        def root(name: str) -> str:
            while parent[name] != name:
                parent[name] = parent[parent[name]]
                name = parent[name]
            return name

        sources: list[Sum | Share] = [*self._reading.sums, *self._reading.shares]
        for source in sources:
            inside = [name for name in _cells(source) if name in parent]
            for name in inside[1:]:
                parent[root(name)] = root(inside[0])
        members: dict[str, list[str]] = defaultdict(list)
        for name in self._hidden:
            members[root(name)].append(name)
        return [names for names in members.values() if any(self._low[n] < self._high[n] for n in names)]

    def _cover(self, programme: _Programme) -> None:
        rng = np.random.default_rng(5)
        names = programme.names
        if len(names) < 8:
            programme.random(np.zeros(len(names)))
            return
        for turn in range(_COVERS):
            cost = rng.uniform(-1, 1, len(names)) * (rng.random(len(names)) < (1.0 if turn < 4 else 0.4))
            if turn < 2:
                cost = np.full(len(names), 1.0 - 2 * turn)
            for name, value in zip(names, programme.random(cost), strict=True):
                low, high = self._seen.get(name, (inf, -inf))
                self._seen[name] = (min(low, value), max(high, value))

    # In words.
    def found(self) -> Attack:
        findings, larger = [], []
        for place in self._places.values():
            if place.is_shown:
                if 0 < place.low < self._threshold:
                    step = Sentence(_("The count is small and is shown."))
                    findings.append(Finding(place, SHOWN, place.low, place.low, (step,)))
                continue
            low, high = self._low[place.id], self._high[place.id]
            kind = self._kind(place, low, high)
            if kind:
                steps = self._proofs.get(place.id) or self._chain(place.id)
                findings.append(Finding(place, kind, low, int(high), steps))
            elif low == high and low >= self._threshold:
                larger.append((place, low))
        bounds = {name: (self._low[name], self._high[name]) for name in self._hidden}
        return Attack(findings, bounds, larger, self._left)

    def _kind(self, place: Place, low: int, high: float) -> str:
        if high == 0 or low >= self._threshold:
            return ""
        own = (place.low, inf if place.high is None else place.high)
        if (low, high) == own:
            return ""
        if low == high:
            return EXACT
        if high - low < self._width:
            return NARROW
        said_small = own[0] >= 1 and own[1] < self._threshold
        return SMALL if low >= 1 and high < self._threshold and not said_small else ""

    def _chain(self, name: str) -> tuple[Sentence, ...]:
        """Every step that led to the bounds, in order."""
        needed: set[int] = set()
        waiting = [self._last[name, side] for side in (False, True) if (name, side) in self._last]
        while waiting:
            at = waiting.pop()
            if at not in needed:
                needed.add(at)
                waiting += self._events[at].because
        steps, done = [], set[int]()
        for at in sorted(needed):
            event = self._events[at]
            if at in done:
                continue
            twin = next(
                (
                    k
                    for k in needed
                    if k != at
                    and self._events[k].place == event.place
                    and self._events[k].source is event.source
                    and self._events[k].value == event.value
                ),
                None,
            )
            if twin is not None:
                done.add(twin)
            steps.append(self._step(event, is_exact=twin is not None))
        return tuple(steps)

    def _step(self, event: _Event, *, is_exact: bool) -> Sentence:
        source = event.source
        cell = self._name(event.place)
        if isinstance(source, Share):
            words: dict[str, Part] = {
                "cell": cell,
                "share": source.text,
                "where": source.where,
                "of": self._name(source.base if event.place == source.part else source.part),
                "n": event.used[0][2],
                "result": event.value,
            }
            if is_exact:
                return Sentence(
                    _("%(cell)s = %(result)s, for cell %(where)s says %(share)s and %(of)s is %(n)s."), words
                )
            if event.is_high:
                return Sentence(
                    _(
                        "%(cell)s is at most %(result)s, for cell %(where)s says %(share)s and "
                        "%(of)s is %(n)s or fewer."
                    ),
                    words,
                )
            return Sentence(
                _(
                    "%(cell)s is at least %(result)s, for cell %(where)s says %(share)s and "
                    "%(of)s is %(n)s or more."
                ),
                words,
            )
        if source.along == 2:
            other = source.parts[0] if event.place == source.total else source.total
            words = {"cell": cell, "other": self._name(other, table=True), "result": event.value}
            if is_exact:
                return Sentence(_("%(cell)s is the same count as %(other)s: %(result)s."), words)
            if event.is_high:
                return Sentence(
                    _("%(cell)s is the same count as %(other)s, which is at most %(result)s."), words
                )
            return Sentence(
                _("%(cell)s is the same count as %(other)s, which is at least %(result)s."), words
            )
        if event.place == source.total:
            first, *rest = event.used
            terms = [
                self._term(_("%(name)s %(n)s"), first, source),
                *(self._term(_("plus %(name)s %(n)s"), one, source) for one in rest),
            ]
        else:
            first, *rest = event.used
            total = Sentence(_("%(name)s %(n)s"), {"name": self._total_name(source), "n": first[2]})
            terms = [total, *(self._term(_("less %(name)s %(n)s"), one, source) for one in rest)]
        words = {"cell": cell, "terms": tuple(terms), "result": event.value}
        settled = event.value == self._low[event.place] == self._high[event.place]
        if is_exact or (settled and self._all_known(event)):
            return Sentence(_("%(cell)s = %(terms)s = %(result)s"), words)
        if event.is_high:
            return Sentence(_("%(cell)s is at most %(result)s: %(terms)s"), words)
        return Sentence(_("%(cell)s is at least %(result)s: %(terms)s"), words)

    def _all_known(self, event: _Event) -> bool:
        return all(self._low[name] == self._high[name] == value for name, _side, value in event.used)

    def _term(self, text: str, used: tuple[str, bool, int], source: Sum) -> Sentence:
        name, is_high, n = used
        short = self._short(name, source.along)
        if self._low[name] == self._high[name] == n:
            return Sentence(text, {"name": short, "n": n})
        about = Sentence(_("(at most %(n)s)") if is_high else _("(at least %(n)s)"), {"n": n})
        return Sentence(text, {"name": short, "n": about})

    def _short(self, name: str, along: int) -> str:
        place = self._places[name]
        return (place.short[along] if along < 2 else "") or place.name

    def _total_name(self, source: Sum) -> Part:
        place = self._places[source.total]
        across = place.short[1 - source.along] if source.along < 2 else ""
        if across and says_total(place.short[source.along]) and not says_total(across):
            return Sentence(_("Total of %(line)s"), {"line": across})
        return place.name or place.id.partition("!")[2]

    def _name(self, name: str, *, table: bool = False) -> Part:
        place = self._places[name]
        if not table:
            return place.name
        found = self._reading.tables[place.table]
        where = (found.sheet or found.title or str(place.table + 1)) + " " + place.id.partition("!")[2]
        return f"{place.name} ({where})"

    def _in_words(
        self, name: str, lines: list[tuple[Sum | Share, float]], n: float, *, is_high: bool | None
    ) -> list[Sentence]:
        """Which lines to add and which to take away; `is_high` None where the count is exact."""
        if not lines or n == inf or (is_high is False and n <= 0):
            return []
        # A multiplier counts total less parts: where it is negative, what is hidden among the parts is added.
        plus = [self._line_name(source, times) for source, times in lines if times < 0]
        minus = [self._line_name(source, times) for source, times in lines if times > 0]
        words: dict[str, Part] = {
            "cell": self._name(name),
            "plus": _listed(plus),
            "minus": _listed(minus),
            "n": int(n),
        }
        if not plus or not minus:
            words["lines"] = _listed(plus or minus)
            if is_high is None:
                return [Sentence(_("Taken together, %(lines)s leave %(cell)s = %(n)s."), words)]
            if is_high:
                return [Sentence(_("Taken together, %(lines)s leave %(cell)s at most %(n)s."), words)]
            return [Sentence(_("Taken together, %(lines)s leave %(cell)s at least %(n)s."), words)]
        if is_high is None:
            text = _(
                "Add up %(plus)s and take away %(minus)s: hidden counts in both fall out, and "
                "%(cell)s = %(n)s is left."
            )
        elif is_high:
            text = _(
                "Add up %(plus)s and take away %(minus)s: hidden counts in both fall out, and "
                "%(cell)s is at most %(n)s."
            )
        else:
            text = _(
                "Add up %(plus)s and take away %(minus)s: hidden counts in both fall out, and "
                "%(cell)s is at least %(n)s."
            )
        return [Sentence(text, words)]

    def _line_name(self, source: Sum | Share, times: float) -> Sentence:
        if isinstance(source, Share):
            return Sentence(_("the percentage in %(where)s"), {"where": source.where})
        total = self._places[source.total]
        line: dict[str, Part] = {"line": total.short[1 - source.along] if source.along < 2 else ""}
        if source.along == 2:
            line["line"] = self._name(source.parts[0], table=True)
            named = Sentence(_("the same count in %(line)s"), line)
        else:
            named = Sentence(_("row %(line)s") if source.along == 1 else _("column %(line)s"), line)
            if total.is_shown:
                known = sum(self._places[part].low for part in source.parts if self._places[part].is_shown)
                line = {"line": named, "n": total.low - known}
                named = Sentence(_("%(line)s (%(n)s in hidden cells)"), line)
        many = abs(times)
        if abs(many - 1) < 1e-4:
            return named
        said = str(round(many)) if abs(many - round(many)) < 1e-4 else f"{many:.2f}"
        return Sentence(_("%(times)s times %(line)s"), {"times": said, "line": named})


def _listed(several: list[Sentence]) -> Part:
    if not several:
        return ""
    found = several[0]
    for k, one in enumerate(several[1:], start=2):
        text = _("%(first)s and %(last)s") if k == len(several) else _("%(first)s, %(last)s")
        found = Sentence(text, {"first": found, "last": one})
    return found


def _cells(source: Sum | Share) -> tuple[str, ...]:
    return (source.part, source.base) if isinstance(source, Share) else (source.total, *source.parts)


class _Programme:
    """The linear programme of one piece: hidden counts as columns, sums and percentages as rows."""

    def __init__(
        self,
        names: list[str],
        reading: Reading,
        places: Mapping[str, Place],
        low: Mapping[str, float],
        high: Mapping[str, float],
    ) -> None:
        self.names = names
        self._at = {name: at for at, name in enumerate(names)}
        mine = set(names)
        self._sums = [one for one in reading.sums if mine & set(_cells(one))]
        self._shares = [one for one in reading.shares if {one.part, one.base} & mine]
        rows, right = [], []
        for one in self._sums:
            row: dict[int, float] = {}
            rest = 0.0
            for name, sign in [(one.total, 1.0), *((part, -1.0) for part in one.parts)]:
                if name in mine:
                    row[self._at[name]] = row.get(self._at[name], 0.0) + sign
                else:
                    rest -= sign * places[name].low
            rows.append(row)
            right.append(rest)
        under, limits = [], []
        for share in self._shares:
            for part_sign, factor in ((1.0, share.high), (-1.0, share.low)):
                row, rest = {}, 0.0
                for name, sign in ((share.part, part_sign), (share.base, -part_sign * factor)):
                    if name in mine:
                        row[self._at[name]] = sign
                    else:
                        rest -= sign * places[name].low
                under.append(row)
                limits.append(rest + _EPS)
        self._equal, self._right = _matrix(rows, len(names)), np.array(right)
        self._under, self._limits = _matrix(under, len(names)), np.array(limits)
        self._bounds = np.array([[low[name], high[name]] for name in names], dtype=float)

    def _run(self, cost: np.ndarray) -> tuple[float, np.ndarray, list[tuple[Sum | Share, float]]]:
        found = linprog(
            cost,
            A_eq=self._equal if len(self._right) else None,
            b_eq=self._right if len(self._right) else None,
            A_ub=self._under if len(self._limits) else None,
            b_ub=self._limits if len(self._limits) else None,
            bounds=self._bounds,
            method="highs",
        )
        if found.status == 3:
            return -inf, np.zeros(0), []
        if found.status != 0:
            raise Contradiction
        lines: list[tuple[Sum | Share, float]] = []
        if len(self._right):
            lines += [
                (s, float(y)) for s, y in zip(self._sums, found.eqlin.marginals, strict=True) if abs(y) > 1e-7
            ]
        if len(self._limits):
            pairs = [share for share in self._shares for _side in range(2)]
            lines += [
                (s, float(y)) for s, y in zip(pairs, found.ineqlin.marginals, strict=True) if abs(y) > 1e-7
            ]
        return float(found.fun), found.x, lines

    def end(self, name: str, *, up: bool) -> tuple[float, list[tuple[Sum | Share, float]]]:
        """The least or the most that a count can be, and the lines that say so, and how often each."""
        cost = np.zeros(len(self.names))
        cost[self._at[name]] = -1.0 if up else 1.0
        value, _x, lines = self._run(cost)
        if up:
            value = -value
            lines = [(source, -times) for source, times in lines]
        if value in (inf, -inf):
            return value, []
        return (floor(value + 1e-5) if up else ceil(value - 1e-5)), lines

    def random(self, cost: np.ndarray) -> np.ndarray:
        """Counts that fit, drawn towards `cost`; endless ones are held at a high bound."""
        held = self._bounds.copy()
        far = float(self._right.max(initial=0.0)) + float(held[np.isfinite(held)].max(initial=0.0)) + 100.0
        self._bounds = np.where(np.isfinite(held), held, far)
        try:
            return self._run(cost)[1]
        finally:
            self._bounds = held

    def whole(self, name: str, low: float, high: float) -> tuple[float, float]:
        """The ends in whole numbers; those given where the time allowed was not enough."""
        ends = []
        for sign, end in ((1.0, low), (-1.0, high)):
            cost = np.zeros(len(self.names))
            cost[self._at[name]] = sign
            constraints = []
            if len(self._right):
                constraints.append(LinearConstraint(self._equal, self._right, self._right))
            if len(self._limits):
                constraints.append(LinearConstraint(self._under, -np.inf, self._limits))
            found = milp(
                cost,
                constraints=constraints,
                bounds=Bounds(self._bounds[:, 0], self._bounds[:, 1]),
                integrality=np.ones(len(self.names)),
                options={"time_limit": _WHOLE_SECONDS},
            )
            if found.status == 2:
                raise Contradiction
            ends.append(round(float(found.fun)) * sign if found.status == 0 else end)
        return max(low, ends[0]), min(high, ends[1])

    def any_whole(self) -> dict[str, int]:
        """Whole counts that fit. Raises Contradiction."""
        constraints = []
        if len(self._right):
            constraints.append(LinearConstraint(self._equal, self._right, self._right))
        if len(self._limits):
            constraints.append(LinearConstraint(self._under, -np.inf, self._limits))
        found = milp(
            np.ones(len(self.names)),
            constraints=constraints,
            bounds=Bounds(self._bounds[:, 0], self._bounds[:, 1]),
            integrality=np.ones(len(self.names)),
            options={"time_limit": 4 * _WHOLE_SECONDS},
        )
        if found.x is None:
            raise Contradiction
        return {name: round(value) for name, value in zip(self.names, found.x, strict=True)}


def _matrix(rows: list[dict[int, float]], width: int) -> sparse.csr_array:
    cells = [(r, c, v) for r, row in enumerate(rows) for c, v in row.items()]
    if not cells:
        return sparse.csr_array((len(rows), width))
    r, c, v = zip(*cells, strict=True)
    return sparse.csr_array((v, (r, c)), shape=(len(rows), width))


def whole_table(reading: Reading) -> dict[str, int]:
    """Whole counts for every hidden place that fit all that is shown. Raises Contradiction."""
    names = [place.id for place in reading.places.values() if not place.is_shown]
    low = {place.id: float(place.low) for place in reading.places.values()}
    high = {place.id: inf if place.high is None else float(place.high) for place in reading.places.values()}
    return _Programme(names, reading, reading.places, low, high).any_whole() if names else {}
