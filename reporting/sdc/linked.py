"""How many people there are when some of them may be counted once: a range narrowed by links, and when it may
be said.

Pure: which records are linked is handed in. The range without links is people.py's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from reporting.sdc.people import people_range
from reporting.sdc.policy import Policy
from reporting.sdc.shape import Hidden, Range, Share

Record = Hashable
LINKED, RELEASED = "people_linked", "released_share"
"""What the two figures are called in a table."""
NOBODY = ""
"""Stands in `Merged` for the reader without rows of its own."""


class Merge(NamedTuple):
    """How many records fewer there are than people at most (`sure`) and at least (`open`: questions too)."""

    sure: int
    open: int


Merged = Mapping[str, Merge]
"""What linking took off a figure, without one agency's rows: by the agency left out, or NOBODY."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that may be one person; `sure` where the hub links them by itself."""

    a: Record
    b: Record
    sure: bool


@dataclass(frozen=True, slots=True)
class Links:
    """The records of a figure that may be compared: whose each is, which person each belongs to as the hub
    groups them, and every pair it links or asks about. A pair with a record that isn't in `agency` is none.

    Two records of one agency are two people, as the agency says itself. `compared` are those of whom each
    was compared with each of another agency: only they say how many people there are at least.
    """

    agency: Mapping[Record, str] = field(repr=False)
    person: Mapping[Record, Hashable] = field(repr=False)
    pairs: Sequence[Pair] = field(repr=False)
    compared: frozenset[Record] = field(repr=False)

    def by_agency(self) -> dict[str, int]:
        """How many records of each agency."""
        return dict(Counter(self.agency.values()))

    def whole(self) -> Links:
        """Those that were compared with one another, alone."""
        agency = {record: agency for record, agency in self.agency.items() if record in self.compared}
        return Links(agency, self.person, self.pairs, self.compared)

    def most(self) -> int:
        """People among the records, at most: what the hub groups is one, all else is many."""
        return len({self.person.get(record, ("alone", record)) for record in self.agency})

    def least(self) -> int:
        """People among those compared, at least: as if every open question were a link."""
        whole = self.whole()
        return len(whole.agency) - whole._joined(whole._groups(whole._everything()))

    def merged(self) -> dict[str, Merge]:
        """What linking takes off, without each agency's rows in turn.

        Made of pairs alone and of none that a left-out record has: whatever an agency signs, ends, adds or
        writes, nothing moves in its own entry.
        """
        sure = self._taken_off([pair for pair in self.pairs if pair.sure])
        asked = self._taken_off(self.pairs)
        return {left_out: Merge(sure[left_out], asked[left_out]) for left_out in sure}

    def _everything(self) -> list[tuple[Record, Record]]:
        grouped: dict[Hashable, Record] = {}
        same = [
            (grouped.setdefault(self.person[record], record), record)
            for record in self.agency
            if record in self.person
        ]
        return [*self._known(self.pairs), *same]

    def _known(self, pairs: Iterable[Pair]) -> list[tuple[Record, Record]]:
        return [(pair.a, pair.b) for pair in pairs if pair.a in self.agency and pair.b in self.agency]

    def _taken_off(self, pairs: Iterable[Pair]) -> dict[str, int]:
        known = self._known(pairs)
        groups = self._groups(known)
        everything = self._joined(groups)
        found = {NOBODY: everything, **dict.fromkeys(set(self.agency.values()), everything)}
        of = {record: number for number, group in enumerate(groups) for record in group}
        inside: dict[int, list[tuple[Record, Record]]] = defaultdict(list)
        for a, b in known:
            inside[of[a]].append((a, b))
        for number, group in enumerate(groups):
            whole = self._joined([group])
            for left_out in {self.agency[record] for record in group}:
                rest = [two for two in inside[number] if left_out not in (self.agency[r] for r in two)]
                found[left_out] += self._joined(self._groups(rest)) - whole
        return found

    def _joined(self, groups: Iterable[Sequence[Record]]) -> int:
        """How many records fewer than people: a group is as many as its most frequent agency has in it."""
        return sum(
            len(group) - max(Counter(self.agency[record] for record in group).values()) for group in groups
        )

    @staticmethod
    def _groups(pairs: Iterable[tuple[Record, Record]]) -> list[list[Record]]:
        """What hangs together."""
        parent: dict[Record, Record] = {}

        def root(record: Record) -> Record:
            parent.setdefault(record, record)
            while parent[record] != record:
                parent[record] = parent[parent[record]]
                record = parent[record]
            return record

        for a, b in pairs:
            parent[root(a)] = root(b)
        found: dict[Record, list[Record]] = defaultdict(list)
        for record in list(parent):
            found[root(record)].append(record)
        return list(found.values())


def is_a_step(now: Merged, before: Merged, policy: Policy) -> bool:
    """Whether what linking takes off has moved far enough since it was last shown to be shown again.

    At both ends, and not counting any one agency's rows, by the threshold at least. Nothing shown yet counts
    as nothing taken off. So no agency can move the figure with what it does itself, nor watch it being moved.
    """
    none = Merge(0, 0)
    moved = [
        (now.get(left_out, now[NOBODY]), before.get(left_out, before.get(NOBODY, none)))
        for left_out in {*now, *before}
    ]
    return all(abs(a - b) >= policy.threshold for new, old in moved for a, b in zip(new, old, strict=True))


def linked_range(
    by_agency: Mapping[str, int], links: Links, before: Merged, policy: Policy | None = None
) -> Range | Hidden:
    """People behind these agencies' client counts, where links are known: both ends true if the links are.

    At most: people among the linked records, and every other record one. At least: people among the linked
    records if every open question were a link, or the largest agency's clients. Rounded outward. Hidden where
    the range without links is, where the step from `before` (what was last shown) is too small, and where an
    agency could take its own clients away and be left with a few people.
    """
    policy = policy or Policy()
    without = people_range(by_agency, policy)
    if isinstance(without, Hidden) or not is_a_step(links.merged(), before, policy):
        return Hidden()
    step = policy.rounding
    most = sum(by_agency.values()) - (len(links.agency) - links.most())
    if _leaves_few(most, by_agency, policy):
        return Hidden()
    least = links.least()
    low = 0 if _leaves_few(least, links.whole().by_agency(), policy) else least // step * step
    return Range(max(without.low, low if low >= policy.threshold else 0), -(-most // step) * step)


def released_share(
    by_agency: Mapping[str, int], released: Mapping[str, int], policy: Policy
) -> Share | Hidden:
    """The part of the clients that may be counted once, in percent to the nearest step.

    Hidden where those who may or those who may not could not be shown as a count.
    """
    rest = {agency: count - released.get(agency, 0) for agency, count in by_agency.items()}
    whole = sum(by_agency.values())
    if not whole or not policy.may_show(released) or not policy.may_show(rest):
        return Hidden()
    step = policy.rounding
    return Share((200 * sum(released.values()) + step * whole) // (2 * step * whole) * step)


def _leaves_few(total: int, by_agency: Mapping[str, int], policy: Policy) -> bool:
    return any(0 < total - own < policy.threshold for own in by_agency.values())
