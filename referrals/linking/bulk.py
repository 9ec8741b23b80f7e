"""All records at once: compared in DuckDB, the scorer fitted anew, and people settled where anything changed.

One transaction: a run that is killed leaves everything as it was. Reading and comparing hold nobody up; while
the result is written nobody leaves (`turns`), and what left or changed meanwhile is not written.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db.backends.utils import CursorWrapper

from agencies.scope.linking import linking
from referrals.linkage import join, score
from referrals.linking import people, scorer, turns

Numbers = npt.NDArray[np.int64]

# PostgreSQL's binary COPY: 19 bytes, then each row's count of columns and each column behind its length, all
# of them fixed here, then two bytes.
_HEAD, _TAIL = 19, 2


def _row(**kinds: str) -> np.dtype[np.void]:
    columns = [one for name, kind in kinds.items() for one in ((f"l_{name}", ">i4"), (name, kind))]
    return np.dtype([("n", ">i2"), *columns])


_RECORD = _row(number=">i8", epoch=">i4", group=">i8", changed=">i8")
_TOKEN = _row(record=">i8", key=">i2", head=">u8")
_EDGE = _row(a=">i8", b=">i8", p=">f8")
_FOUND = _row(a=">i8", b=">i8", agree=">i4", both=">i4", posterior=">f8")
_STATE = _row(number=">i8", agency=">i8", ends=">i8", as_of=">i8", ring=">i8", until=">i8", person="V16")
_LINKS = f"SELECT a, b, posterior FROM referrals_linkedge WHERE posterior >= {score.LINK}"  # noqa: S608
# Who was not settled yet has no person, no ring (-1) and no times.
_STATES = """
    SELECT number, agency_id, record.ends_at, COALESCE(place.as_of, '-infinity'), COALESCE(ring, -1),
           COALESCE(until, '-infinity'), COALESCE(person, '00000000-0000-0000-0000-000000000000')
    FROM referrals_linkrecord record LEFT JOIN referrals_linkedperson place ON record_id = number
    ORDER BY number
"""
_NEVER = np.iinfo(np.int64).min
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Records:
    """Every record that lives, by number: the state it is in, in which epoch and group it is compared."""

    number: Numbers
    epoch: Numbers
    group: Numbers
    across: npt.NDArray[np.bool_]
    changed: Numbers


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
            _settle(cursor, records)
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
    # Records of one agency that name the same partners are compared alike.
    cursor.execute(
        "CREATE TEMP TABLE linking_record ON COMMIT DROP AS"
        " SELECT number, epoch, agency_id, partners, changed_at,"
        ' dense_rank() OVER (ORDER BY agency_id, partners) - 1 AS "group" FROM referrals_linkrecord'
    )
    cursor.execute('SELECT DISTINCT "group", agency_id, partners FROM linking_record ORDER BY 1')
    groups = [(agency, frozenset(partners)) for _group, agency, partners in cursor.fetchall()]
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
    rows = _copied(
        cursor, 'SELECT number, epoch, "group", changed_at FROM linking_record ORDER BY number', _RECORD
    )
    cursor.execute("DROP TABLE linking_record")
    number, epoch, group, changed = (
        rows[name].astype(np.int64) for name in ("number", "epoch", "group", "changed")
    )
    return _Records(number, epoch, group, across, changed)


def _tokens(cursor: CursorWrapper) -> npt.NDArray[np.void]:
    return _copied(cursor, "SELECT record_id, key, substr(token, 1, 8) FROM referrals_linktoken", _TOKEN)


def _copied(cursor: CursorWrapper, query: str, row: np.dtype[np.void]) -> npt.NDArray[np.void]:
    """The rows of a query whose columns all have one length."""
    with tempfile.TemporaryFile() as file:
        cursor.cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", file)
        size = file.tell() - _HEAD - _TAIL
        if size % row.itemsize:
            raise ValueError("The query's columns are not as wide as these.")
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
    rows = np.zeros(len(found.a), dtype=_FOUND)
    names = ("a", "b", "agree", "both", "posterior")
    rows["n"] = len(names)
    for name in names:
        rows[name] = getattr(found, name)
        rows[f"l_{name}"] = _FOUND[name].itemsize
    file.write(b"PGCOPY\n\xff\r\n\x00" + bytes(8))
    file.write(rows.tobytes())
    file.write(b"\xff\xff")


def _settle(cursor: CursorWrapper, records: _Records) -> None:
    """Write the places of whoever hangs together, or did, and of who stands alone for the first time."""
    state, as_of = _state(cursor, records)
    edges = _copied(cursor, _LINKS, _EDGE)
    here = np.isin(edges["a"], state["number"]) & np.isin(edges["b"], state["number"])
    a, b, p = (edges[name][here].tolist() for name in ("a", "b", "p"))
    together, apart = people.decided(cursor)
    there = set(state["number"].tolist()) if together else set()
    couples = [(x, y) for x, y in together if x in there and y in there]
    rings, counts = np.unique(state["ring"], return_counts=True)
    size = counts[np.searchsorted(rings, state["ring"])]
    stale = as_of != state["as_of"]
    # Who stands alone and did so before, in the same state, stays untouched.
    touched = (
        np.isin(state["number"], np.array([*a, *b, *(r for c in couples for r in c)], dtype=np.int64))
        | stale
        | (state["ring"] != state["number"])
        | (size > 1)
        | (state["until"] != state["ends"])
    )
    was = state["person"].tolist()
    members = _members(state, as_of, np.flatnonzero(touched))
    arranged = people.arranged(members, people.Links(list(zip(a, b, p, strict=True)), couples, apart))
    held = dict(zip(rings.tolist(), counts.tolist(), strict=True))
    restated = set(state["number"][stale].tolist())
    changed = [
        place
        for ring in arranged
        if any(_differs(place, members[place.record], held.get(place.ring), len(ring)) for place in ring)
        or not restated.isdisjoint(place.record for place in ring)
        for place in ring
    ]
    _write(cursor, changed)
    before = len(set(was) - {bytes(16)})
    after = int(np.count_nonzero(~touched)) + len({place.person for ring in arranged for place in ring})
    people.note(cursor, people.What.BULK, None, [before], [after])


def _state(cursor: CursorWrapper, records: _Records) -> tuple[npt.NDArray[np.void], Numbers]:
    """Every record that lives and has been compared, as it was settled before; and the state of it that was
    compared, by this run or before it."""
    state = _copied(cursor, _STATES, _STATE)
    as_of = state["as_of"].astype(np.int64)
    if len(records.number):
        at = np.minimum(np.searchsorted(records.number, state["number"]), len(records.number) - 1)
        now = records.number[at] == state["number"]
        as_of[now] = records.changed[at[now]]
    known = as_of != _NEVER
    return state[known], as_of[known]


def _members(
    state: npt.NDArray[np.void], as_of: Numbers, which: npt.NDArray[np.intp]
) -> dict[int, people.Member]:
    rows = state[which]
    columns = (rows[name].tolist() for name in ("number", "agency", "ends", "person", "ring", "until"))
    return {
        number: people.Member(
            agency,
            _time(ends),
            _time(compared),
            UUID(bytes=person) if person != bytes(16) else None,
            ring if ring >= 0 else None,
            _time(until) if until != _NEVER else None,
        )
        for number, agency, ends, person, ring, until, compared in zip(
            *columns, as_of[which].tolist(), strict=True
        )
    }


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _differs(place: people.Place, was: people.Member, held: int | None, size: int) -> bool:
    return (place.ring, place.person, place.until, size) != (was.ring, was.person, was.until, held)


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
