"""Which records are one person: settled for whatever hangs together by links, and for nothing else.

A function of links and decisions of now: who somebody is does not depend on what was linked before, nor in
which order. Nothing here looks at a token.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid5

from django.db.backends.utils import CursorWrapper
from psycopg2.extras import execute_values

from agencies.scope.linking import linking
from referrals.linkage import score
from referrals.linkage.cluster import MOST_RECORDS, Couple, Edge, clusters, hanging_together
from referrals.linking import turns
from referrals.models import LinkChange

What = LinkChange.What
_OWN = UUID("5a1f2c2e-6d0c-4a0b-9a56-6f0a3a0f4b7e")


@dataclass(frozen=True, slots=True)
class Member:
    """A record that lives: whose it is, until when, the state in which its tokens were compared, and which
    person it was (none: it arrives), in which ring (none: it has to be settled)."""

    agency: int
    ends_at: datetime
    as_of: datetime
    person: UUID | None = None
    ring: int | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """What is known of pairs: links with their probability, and what was decided."""

    edges: Sequence[Edge]
    together: Sequence[Couple] = ()
    apart: Sequence[Couple] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A row of LinkedPerson as it is to be."""

    record: int
    ends_at: datetime
    person: UUID
    next: int
    ring: int
    until: datetime
    as_of: datetime


def arranged(members: Mapping[int, Member], links: Links) -> list[list[Place]]:
    """All these records' places, a list for each that hangs together, in the order of their first records."""
    person = {record: own_person(group[0]) for group in _groups(members, links) for record in group}
    found = []
    for ring in hanging_together(members, [*links.together, *((a, b) for a, b, _ in links.edges)]):
        until = min(members[record].ends_at for record in ring)
        places = []
        for record, following in pairwise([*ring, ring[0]]):
            one = members[record]
            place = Place(record, one.ends_at, person[record], following, ring[0], until, one.as_of)
            places.append(place)
        found.append(places)
    return found


def _groups(members: Mapping[int, Member], links: Links) -> list[list[int]]:
    """Every record's group, in the order of their records, the ones that stand alone too."""
    owner = {record: one.agency for record, one in members.items()}
    together = agreed(links.together, links.apart, owner)
    several = clusters(links.edges, together, links.apart, owner=owner)
    taken = {record for group in several for record in group}
    return several + [[record] for record in members if record not in taken]


def agreed(together: Iterable[Couple], apart: Iterable[Couple], owner: Mapping[int, int]) -> list[Couple]:
    """The links by hand that hold: those on no way between two records that are kept apart or are one
    agency's, and of no more records than one person has.

    The others are as if nobody had said them, for as long as they contradict each other. Which these are
    rests on nothing but what hangs together by such links.
    """
    held = sorted(set(together))
    against = {record for couple in apart for record in couple}
    found = []
    for group in hanging_together({record for couple in held for record in couple}, held):
        inside = set(group)
        couples = [couple for couple in held if couple[0] in inside]
        if len(group) > MOST_RECORDS:
            continue
        of: Counter[int] = Counter(owner[record] for record in group)
        ends = {record for record in group if of[owner[record]] > 1}
        if inside & against:
            ends |= {record for couple in apart if inside.issuperset(couple) for record in couple}
        between = _between(couples, ends)
        found += [couple for couple in couples if couple not in between]
    return found


def _between(couples: Collection[Couple], ends: Collection[int]) -> set[Couple]:
    """What is left of these links once every loose end is cut that is none of `ends`; nothing if there are
    none. A ring that hangs on a way stays as well."""
    left = set(couples) if ends else set()
    while True:
        degree = Counter(record for couple in left for record in couple)
        loose = {couple for couple in left if any(degree[r] == 1 and r not in ends for r in couple)}
        if not loose:
            return left
        left -= loose


def own_person(record: int) -> UUID:
    """The person that a group is whose first record this is, alone or with others: always the same, so that a
    link undone leaves no trace. As random as the record's number."""
    return uuid5(_OWN, str(record))


def component(record: int) -> list[int]:
    """The records that hang together with this one by links, itself among them; empty if it is not there."""
    with linking(whole=True) as cursor:
        return sorted(read(cursor, [record])[0])


def recompute(records: Iterable[int], what: What = What.DECIDED) -> None:
    """Settle what hangs together with these records, and nothing else."""
    with linking(whole=True) as cursor:
        turns.wait(cursor)
        settle(cursor, records, what)


def settle(
    cursor: CursorWrapper,
    records: Iterable[int],
    what: What,
    arrived: Mapping[int, datetime] | None = None,
) -> int:
    """Write the places of whatever hangs together with these records; how many records were settled.

    `arrived` are those whose links were just written, each with the state of it that was compared. The caller
    has waited for its turn.
    """
    members, links = read(cursor, records, arrived or {})
    rings = arranged(members, links)
    write(cursor, [place for ring in rings for place in ring])
    for ring in rings:
        was = [one.person for place in ring if (one := members[place.record]).person is not None]
        note(cursor, what, ring[0].record, _sizes(was), _sizes(place.person for place in ring))
    return len(members)


def _sizes(people: Iterable[UUID | None]) -> list[int]:
    return sorted(Counter(people).values(), reverse=True)


def read(
    cursor: CursorWrapper, records: Iterable[int], arrived: Mapping[int, datetime] | None = None
) -> tuple[dict[int, Member], Links]:
    """What hangs together with these records by links, decisions or what was settled before."""
    inside = _closed(cursor, set(records))
    members = _members(cursor, inside, arrived or {})
    cursor.execute(
        "SELECT a, b, posterior FROM referrals_linkedge WHERE a = ANY(%(here)s) AND b = ANY(%(here)s)"
        " AND posterior >= %(link)s",
        {"here": list(members), "link": score.LINK},
    )
    edges = [(a, b, p) for a, b, p in cursor.fetchall()]
    together, apart = decided(cursor, list(members))
    return members, Links(edges, [c for c in together if c[0] in members and c[1] in members], apart)


def _closed(cursor: CursorWrapper, inside: set[int]) -> set[int]:
    fresh = set(inside)
    while fresh:
        cursor.execute(
            """
            SELECT b FROM referrals_linkedge WHERE a = ANY(%(fresh)s) AND posterior >= %(link)s
            UNION SELECT a FROM referrals_linkedge WHERE b = ANY(%(fresh)s) AND posterior >= %(link)s
            UNION SELECT mate.record_id
                  FROM referrals_linkedperson one JOIN referrals_linkedperson mate USING (ring)
                  WHERE one.record_id = ANY(%(fresh)s)
            """,
            {"fresh": list(fresh), "link": score.LINK},
        )
        found = {record for (record,) in cursor.fetchall()}
        together, _ = decided(cursor, list(fresh))
        found.update(record for couple in together for record in couple)
        fresh = found - inside
        inside |= fresh
    return inside


def _members(
    cursor: CursorWrapper, records: Collection[int], arrived: Mapping[int, datetime]
) -> dict[int, Member]:
    """Those of them that live and have been compared."""
    cursor.execute(
        "SELECT number, agency_id, record.ends_at, place.as_of, place.person, place.ring, place.until"
        " FROM referrals_linkrecord record LEFT JOIN referrals_linkedperson place ON record_id = number"
        " WHERE number = ANY(%s) ORDER BY number",
        [list(records)],
    )
    return {
        number: Member(agency, ends_at, arrived.get(number, as_of), person, ring, until)
        for number, agency, ends_at, as_of, person, ring, until in cursor.fetchall()
        if as_of is not None or number in arrived
    }


_DECIDED = """
    SELECT a.number, b.number, said.verdict
    FROM referrals_linkdecision said
    JOIN referrals_linkrecord a ON a.client_id = said.a_client
    JOIN referrals_linkrecord b ON b.client_id = said.b_client
    WHERE said.undoes_id IS NULL
      AND NOT EXISTS (SELECT FROM referrals_linkdecision undone WHERE undone.undoes_id = said.id)
      AND (said.verdict = 'apart' OR said.a_record = a.number AND said.b_record = b.number)
"""


def decided(cursor: CursorWrapper, records: list[int] | None = None) -> tuple[list[Couple], list[Couple]]:
    """Pairs of records that are one person, and that are not, as agencies said and did not take back: all, or
    those of these records."""
    if records is None:
        cursor.execute(_DECIDED)
    else:
        cursor.execute(_DECIDED + " AND (a.number = ANY(%s) OR b.number = ANY(%s))", [records, records])
    found: dict[str, set[Couple]] = {"together": set(), "apart": set()}
    for a, b, verdict in cursor.fetchall():
        found[verdict].add((min(a, b), max(a, b)))
    inside = None if records is None else set(records)
    # Being kept apart draws nobody in.
    apart = [c for c in found["apart"] if inside is None or (c[0] in inside and c[1] in inside)]
    return sorted(found["together"]), sorted(apart)


def write(cursor: CursorWrapper, places: Sequence[Place]) -> None:
    """Put these rows in the place of what these records had. A ring is written in one statement, as its keys
    look at each other."""
    if not places:
        return
    cursor.execute(
        "DELETE FROM referrals_linkedperson WHERE record_id = ANY(%s)", [[one.record for one in places]]
    )
    rows = [
        (one.record, one.ends_at, str(one.person), one.next, one.ring, one.until, one.as_of) for one in places
    ]
    raw: Any = cursor.cursor
    execute_values(
        raw,
        "INSERT INTO referrals_linkedperson (record_id, ends_at, person, next, ring, until, as_of) VALUES %s",
        rows,
        template="(%s, %s, %s::uuid, %s, %s, %s, %s)",
        page_size=len(rows),
    )


def note(
    cursor: CursorWrapper, what: What, record: int | None, before: Sequence[int], after: Sequence[int]
) -> None:
    """Enter what happened in the history of people."""
    cursor.execute(
        "INSERT INTO referrals_linkchange (what, record, before, after) VALUES (%s, %s, %s, %s)",
        [str(what), record, list(before), list(after)],
    )
