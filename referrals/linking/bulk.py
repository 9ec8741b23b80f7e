"""All records at once: compared in DuckDB, the scorer fitted anew, and people settled where anything changed.

One transaction: a run that is killed leaves everything as it was. Reading and comparing hold nobody up; while
the result is written nobody leaves (`turns`), and what left or changed meanwhile is not written.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO

import numpy as np
import numpy.typing as npt
from django.db.backends.utils import CursorWrapper

from agencies.scope.linking import linking
from referrals.linkage import join, score
from referrals.linking import people, scorer, turns

Numbers = npt.NDArray[np.int64]

# Rows of PostgreSQL's binary COPY: the count of columns, then each behind its length. All are fixed here.
_TOKEN = np.dtype(
    [
        ("n", ">i2"),
        ("l1", ">i4"),
        ("record", ">i8"),
        ("l2", ">i4"),
        ("key", ">i2"),
        ("l3", ">i4"),
        ("head", ">u8"),
    ]
)
_EDGE = np.dtype(
    [("n", ">i2"), ("l1", ">i4"), ("a", ">i8"), ("l2", ">i4"), ("b", ">i8"), ("l3", ">i4"), ("p", ">f8")]
)
_HEAD, _TAIL = 19, 2
_LINKS = f"SELECT a, b, posterior FROM referrals_linkedge WHERE posterior >= {score.LINK}"  # noqa: S608


@dataclass(frozen=True, slots=True)
class _Records:
    """Every record that lives, by number: the state it is in, in which epoch and group it is compared."""

    number: Numbers
    epoch: Numbers
    group: npt.NDArray[np.int32]
    across: npt.NDArray[np.bool_]
    as_of: dict[int, datetime]


@dataclass(frozen=True, slots=True)
class _Found:
    """Pairs that may be one person, in columns."""

    a: Numbers
    b: Numbers
    agree: Numbers
    both: Numbers
    posterior: npt.NDArray[np.float64]


class Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Takes the time of what runs inside."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def bulk(clock: Clock | None = None) -> int:
    """Compare all, fit, and settle; how many records there are. 0 while another run is under way.

    Links between records of two epochs stand as they were found.
    """
    clock = clock or Clock()
    with linking(whole=True) as cursor:
        if not turns.is_ours(cursor):
            return 0
        with clock.step("read"):
            records = _records(cursor)
            held = _tokens(cursor)
        found = _compared(cursor, records, held, clock)
        del held
        with clock.step("write pairs"):
            turns.wait(cursor)
            _replace(cursor, found)
        with clock.step("settle"):
            _settle(cursor, records.as_of)
    return len(records.number)


def is_due() -> bool:
    """Whether no scorer was fitted yet and two agencies have records, so that arrivals wait for this."""
    with linking(whole=True) as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT FROM referrals_linkmodel)"
            " AND (SELECT count(DISTINCT agency_id) > 1 FROM referrals_linkrecord)"
        )
        return bool(cursor.fetchone()[0])


# Reading


def _records(cursor: CursorWrapper) -> _Records:
    cursor.execute(
        "SELECT number, epoch, agency_id, partners, changed_at FROM referrals_linkrecord ORDER BY number"
    )
    rows = cursor.fetchall()
    groups: dict[tuple[int, frozenset[int]], int] = {}
    group = np.empty(len(rows), dtype=np.int32)
    named: dict[tuple[int, ...], frozenset[int]] = {}
    for at, (_number, _epoch, agency, partners, _changed) in enumerate(rows):
        among = named.setdefault(tuple(partners), frozenset(partners))
        group[at] = groups.setdefault((agency, among), len(groups))
    across = np.array(
        [
            [
                mine != theirs and theirs in named_here and mine in named_there
                for theirs, named_there in groups
            ]
            for mine, named_here in groups
        ],
        dtype=bool,
    ).reshape(len(groups), len(groups))
    return _Records(
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.int64),
        group,
        across,
        {row[0]: row[4] for row in rows},
    )


def _tokens(cursor: CursorWrapper) -> npt.NDArray[np.void]:
    return _copied(cursor, "SELECT record_id, key, substr(token, 1, 8) FROM referrals_linktoken", _TOKEN)


def _copied(cursor: CursorWrapper, query: str, row: np.dtype[np.void]) -> npt.NDArray[np.void]:
    """The rows of a query whose columns all have one length."""
    with tempfile.TemporaryFile() as file:
        cursor.cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", file)
        size = file.tell() - _HEAD - _TAIL
        file.seek(_HEAD)
        return np.fromfile(file, dtype=row, count=size // row.itemsize)


# Comparing


def _compared(cursor: CursorWrapper, records: _Records, held: npt.NDArray[np.void], clock: Clock) -> _Found:
    """Pairs of each epoch's records, scored by a scorer fitted to the epoch that most stand on."""
    pairs: dict[int, tuple[Numbers, join.Pairs]] = {}
    with clock.step("join"):
        where = np.searchsorted(records.number, held["record"])
        where[where == len(records.number)] = 0
        there = records.number[where] == held["record"] if len(records.number) else np.zeros(0, dtype=bool)
        for epoch in np.unique(records.epoch).tolist():
            inside = np.flatnonzero(records.epoch == epoch)
            rank = np.full(len(records.number), -1, dtype=np.int64)
            rank[inside] = np.arange(len(inside))
            ours = there & (rank[where] >= 0)
            tokens = join.Held(
                len(inside),
                rank[where[ours]].astype(np.uint32),
                held["key"][ours].astype(np.uint8),
                held["head"][ours].astype(np.uint64),
            )
            pairs[epoch] = (
                records.number[inside],
                join.pairs(tokens, source=records.group[inside], across=records.across),
            )
    with clock.step("score"):
        if not pairs:
            none = np.zeros(0, dtype=np.int64)
            return _Found(none, none, none, none, np.zeros(0))
        numbers, most = max(pairs.values(), key=lambda one: len(one[0]))
        model = score.fit(
            join.ORDER,
            most.patterns,
            records=len(numbers),
            comparable=most.comparable,
            exposed=most.exposed,
        )
        scorer.keep(cursor, model, records=len(numbers), pairs=len(most.a))
        found = [_scored(numbers, one, model) for numbers, one in pairs.values()]
    return _Found(
        *(
            np.concatenate([getattr(one, name) for one in found])
            for name in ("a", "b", "agree", "both", "posterior")
        )
    )


def _scored(numbers: Numbers, pairs: join.Pairs, model: score.Model) -> _Found:
    probable = scorer.posteriors(model, pairs.patterns)[pairs.pattern]
    kept = probable >= score.REVIEW
    pattern = pairs.pattern[kept]
    return _Found(
        numbers[pairs.a[kept]],
        numbers[pairs.b[kept]],
        pairs.patterns.agree[pattern].astype(np.int64),
        pairs.patterns.both[pattern].astype(np.int64),
        probable[kept],
    )


# Writing


def _replace(cursor: CursorWrapper, found: _Found) -> None:
    """These are the pairs there are, but for those of two epochs. Only what differs is written."""
    cursor.execute(
        'CREATE TEMP TABLE linking_pair (a bigint, b bigint, agree int, "both" int, posterior float8)'
        " ON COMMIT DROP"
    )
    with tempfile.TemporaryFile() as file:
        _write_copy(file, found)
        file.seek(0)
        cursor.cursor.copy_expert("COPY linking_pair FROM STDIN (FORMAT binary)", file)
    cursor.execute("ANALYZE linking_pair")
    cursor.execute(
        """
        DELETE FROM referrals_linkedge pair USING referrals_linkrecord a, referrals_linkrecord b
        WHERE a.number = pair.a AND b.number = pair.b AND a.epoch = b.epoch
          AND NOT EXISTS (SELECT FROM linking_pair found WHERE found.a = pair.a AND found.b = pair.b)
        """
    )
    cursor.execute(
        """
        UPDATE referrals_linkedge pair
        SET agree = found.agree, "both" = found.both, posterior = found.posterior
        FROM linking_pair found WHERE found.a = pair.a AND found.b = pair.b
          AND (found.agree, found.both, found.posterior)
              IS DISTINCT FROM (pair.agree, pair.both, pair.posterior)
        """
    )
    cursor.execute(
        """
        INSERT INTO referrals_linkedge (a, b, agree, "both", posterior, a_ends_at, b_ends_at)
        SELECT found.a, found.b, found.agree, found.both, found.posterior, first.ends_at, second.ends_at
        FROM linking_pair found
        JOIN referrals_linkrecord first ON first.number = found.a
        JOIN referrals_linkrecord second ON second.number = found.b
        WHERE NOT EXISTS (SELECT FROM referrals_linkedge pair WHERE pair.a = found.a AND pair.b = found.b)
        """
    )
    cursor.execute("DROP TABLE linking_pair")


def _write_copy(file: IO[bytes], found: _Found) -> None:
    lengths = {"a": 8, "b": 8, "agree": 4, "both": 4, "posterior": 8}
    kinds = {"a": ">i8", "b": ">i8", "agree": ">i4", "both": ">i4", "posterior": ">f8"}
    columns = [one for name, kind in kinds.items() for one in ((f"l_{name}", ">i4"), (name, kind))]
    row = np.dtype([("n", ">i2"), *columns])
    rows = np.zeros(len(found.a), dtype=row)
    rows["n"] = len(kinds)
    for name, length in lengths.items():
        rows[f"l_{name}"] = length
        rows[name] = getattr(found, name)
    file.write(b"PGCOPY\n\xff\r\n\x00" + bytes(8))
    file.write(rows.tobytes())
    file.write(b"\xff\xff")


def _settle(cursor: CursorWrapper, as_of: Mapping[int, datetime]) -> None:
    """Write the places of whoever hangs together, or did, and of who stands alone for the first time."""
    members, stale = _members(cursor, as_of)
    edges = _copied(cursor, _LINKS, _EDGE)
    links = [
        (a, b, p)
        for a, b, p in zip(edges["a"].tolist(), edges["b"].tolist(), edges["p"].tolist(), strict=True)
        if a in members and b in members
    ]
    together, apart = people.decided(cursor)
    couples = [(a, b) for a, b in together if a in members and b in members]
    before = len({one.person for one in members.values()} - {None})
    size = Counter(one.ring for one in members.values() if one.ring is not None)
    linked = {record for a, b, _ in links for record in (a, b)} | {r for c in couples for r in c}
    # Who stands alone and did so before, in the same state, stays untouched.
    touched = {
        record: one
        for record, one in members.items()
        if record in linked
        or record in stale
        or one.ring != record
        or size[record] > 1
        or one.until != one.ends_at
    }
    taken = {one.person for record, one in members.items() if record not in touched and one.person}
    rings = people.arranged(touched, people.Links(links, couples, apart), taken)
    changed = [
        place
        for ring in rings
        if any(
            place.record in stale
            or (one := members[place.record]).ring != place.ring
            or size[place.ring] != len(ring)
            or (one.person, one.until) != (place.person, place.until)
            for place in ring
        )
        for place in ring
    ]
    _write(cursor, changed)
    after = len(members) - len(touched) + len({place.person for ring in rings for place in ring})
    people.note(cursor, people.What.BULK, None, [before], [after])


def _members(
    cursor: CursorWrapper, as_of: Mapping[int, datetime]
) -> tuple[dict[int, people.Member], set[int]]:
    """Every record that lives and has been compared; and those compared in another state than before."""
    cursor.execute(
        "SELECT number, agency_id, record.ends_at, place.as_of, person, ring, until"
        " FROM referrals_linkrecord record LEFT JOIN referrals_linkedperson place ON record_id = number"
        " ORDER BY number"
    )
    members, stale = {}, set()
    for number, agency, ends_at, before, person, ring, until in cursor.fetchall():
        now = as_of.get(number, before)
        if now is None:
            continue
        members[number] = people.Member(agency, ends_at, now, person, ring, until)
        if now != before:
            stale.add(number)
    return members, stale


def _write(cursor: CursorWrapper, places: Sequence[people.Place]) -> None:
    """As `people.write`, for many: rings that are written together are written in one statement."""
    cursor.execute(
        "CREATE TEMP TABLE linking_place (record bigint, ends_at timestamptz, person uuid, next bigint,"
        " ring bigint, until timestamptz, as_of timestamptz) ON COMMIT DROP"
    )
    with tempfile.TemporaryFile("w+") as file:
        for one in places:
            file.write(
                f"{one.record}\t{one.ends_at.isoformat()}\t{one.person}\t{one.next}\t{one.ring}"
                f"\t{one.until.isoformat()}\t{one.as_of.isoformat()}\n"
            )
        file.seek(0)
        cursor.cursor.copy_expert("COPY linking_place FROM STDIN", file)
    cursor.execute("ANALYZE linking_place")
    cursor.execute(
        "DELETE FROM referrals_linkedperson old USING linking_place place WHERE old.record_id = place.record"
    )
    cursor.execute(
        "INSERT INTO referrals_linkedperson (record_id, ends_at, person, next, ring, until, as_of)"
        " SELECT record, ends_at, person, next, ring, until, as_of FROM linking_place"
    )
    cursor.execute("DROP TABLE linking_place")
