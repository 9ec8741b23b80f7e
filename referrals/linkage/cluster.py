"""Groups of records that are one person, from the links between pairs: a function of links and constraints.

Joining whatever hangs together is unsafe: one wrong link in a chain joins two people, a hundred of them join
a town. So groups grow from the surest link on, and two groups are joined only if at least half of the pairs
across are linked. Nothing is kept here: whoever takes a link away or forbids one calls again for that one
component, which gives what the whole would give.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping

Edge = tuple[int, int, float]
Couple = tuple[int, int]

# Nobody has more records than this: a group that would grow beyond stays as it is.
MOST_RECORDS = 60
# The part of the pairs across two groups that must be linked before they are joined.
PART = 0.5
# Two groups that were refused may pass once others have joined them; so often is asked again.
_ROUNDS = 5


class Contradiction(ValueError):
    """Records that must be one person and must not, or more than MOST_RECORDS that must."""


def clusters(
    edges: Iterable[Edge],
    must: Iterable[Couple] = (),
    cannot: Iterable[Couple] = (),
    *,
    owner: Mapping[int, Hashable] | None = None,
) -> list[list[int]]:
    """The groups of two records or more, each sorted, in the order of their first record.

    `edges` are links with their probability; `must` joins two records whatever their links, `cannot` keeps
    two apart whatever else. With `owner`, no two records of one owner come together: it knows its own people.
    Raises Contradiction if they disagree.
    """
    apart = {(min(couple), max(couple)) for couple in cannot}
    links = {(min(a, b), max(a, b)): p for a, b, p in edges if a != b}
    links |= {(min(couple), max(couple)): 2.0 for couple in must if couple[0] != couple[1]}
    if clash := [couple for couple in apart if links.get(couple, 0) > 1]:
        raise Contradiction(f"Records {clash[0][0]} and {clash[0][1]} must be one person and must not.")
    if owner is not None:
        own = [couple for couple in links if owner[couple[0]] == owner[couple[1]]]
        if any(links.pop(couple) > 1 for couple in own):
            raise Contradiction("Two records of one owner must be one person.")
    degree = Counter(record for couple in links for record in couple)
    found, tangled = [], {}
    for couple, p in links.items():
        if couple in apart:
            continue
        if degree[couple[0]] == degree[couple[1]] == 1:
            found.append(list(couple))
        else:
            tangled[couple] = p
    for component in _components(tangled, apart):
        found += component.grown(owner)
    return sorted(found)


def hanging_together(records: Iterable[int], couples: Iterable[Couple]) -> list[list[int]]:
    """The records parted into what `couples` join, directly or by others: each part sorted, in the order of
    their first records. Couples name `records` only."""
    parent = {record: record for record in records}

    def root(record: int) -> int:
        while parent[record] != record:
            parent[record] = parent[parent[record]]
            record = parent[record]
        return record

    for a, b in couples:
        left, right = root(a), root(b)
        if left != right:
            parent[max(left, right)] = min(left, right)
    found: defaultdict[int, list[int]] = defaultdict(list)
    for record in sorted(parent):
        found[root(record)].append(record)
    return list(found.values())


class _Component:
    """What hangs together by links, and what must not."""

    def __init__(self) -> None:
        self.links: dict[Couple, float] = {}
        self.apart: list[Couple] = []

    def grown(self, owner: Mapping[int, Hashable] | None) -> list[list[int]]:
        """Its groups, the surest links first; equal ones in the order of their records."""
        group = {record: record for couple in self.links for record in couple}
        members = {record: [record] for record in group}
        owners: dict[int, set[Hashable]] = {
            record: set() if owner is None else {owner[record]} for record in group
        }
        across: defaultdict[int, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
        foes: defaultdict[int, set[int]] = defaultdict(set)
        for a, b in self.links:
            across[a][b] += 1
            across[b][a] += 1
        for a, b in self.apart:
            foes[a].add(b)
            foes[b].add(a)
        order = sorted(self.links, key=lambda couple: (-self.links[couple], couple))
        for _ in range(_ROUNDS):
            refused = []
            for couple in order:
                a, b = group[couple[0]], group[couple[1]]
                if a == b:
                    continue
                forced = self.links[couple] > 1
                fits = (
                    b not in foes[a]
                    and owners[a].isdisjoint(owners[b])
                    and len(members[a]) + len(members[b]) <= MOST_RECORDS
                )
                if forced and not fits:
                    raise Contradiction("Records that must be one person are too many, or must not be.")
                if not fits or not (forced or across[a][b] >= PART * len(members[a]) * len(members[b])):
                    refused.append(couple)
                    continue
                if len(members[a]) < len(members[b]):
                    a, b = b, a
                for record in members.pop(b):
                    members[a].append(record)
                    group[record] = a
                owners[a] |= owners.pop(b)
                for other, count in across.pop(b).items():
                    del across[other][b]
                    if other != a:
                        across[a][other] += count
                        across[other][a] += count
                for foe in foes.pop(b, ()):
                    foes[foe].discard(b)
                    foes[foe].add(a)
                    foes[a].add(foe)
            if len(refused) == len(order):
                break
            order = refused
        return [sorted(group) for group in members.values() if len(group) > 1]


def _components(links: dict[Couple, float], apart: set[Couple]) -> Iterable[_Component]:
    records = (record for couple in links for record in couple)
    place = {record: at for at, group in enumerate(hanging_together(records, links)) for record in group}
    found: defaultdict[int, _Component] = defaultdict(_Component)
    for couple, p in links.items():
        found[place[couple[0]]].links[couple] = p
    for couple in apart:
        if couple[0] in place and place[couple[0]] == place.get(couple[1]):
            found[place[couple[0]]].apart.append(couple)
    return found.values()
