"""New records and renewed ones: each looked up among the tokens of the others, scored, and settled.

Storing tokens links nothing, so that its time tells nothing. This runs a little later, for all at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.backends.utils import CursorWrapper
from psycopg2.extras import execute_values

from agencies.scope.linking import linking
from referrals.linkage import join, score
from referrals.linking import people, scorer, turns

AT_ONCE = 200

_WAITS = """
    SELECT record.number, record.changed_at
    FROM referrals_linkrecord record LEFT JOIN referrals_linkedperson place ON place.record_id = record.number
    WHERE place.record_id IS NULL OR place.as_of <> record.changed_at
    LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """One that may be one person, as it was scored."""

    a: int
    b: int
    agree: int
    both: int
    posterior: float


@dataclass(frozen=True, slots=True)
class _Facts:
    agency: int
    epoch: int
    mask: int
    partners: frozenset[int]

    def is_compared_with(self, other: "_Facts") -> bool:
        """Only two agencies that each name the other, and only tokens of one epoch."""
        return (
            self.epoch == other.epoch
            and self.agency != other.agency
            and other.agency in self.partners
            and self.agency in other.partners
        )


class Table:
    """The hub's tokens, to look records up in (a join.Index). It answers for one record at a time."""

    def __init__(self, cursor: CursorWrapper, record: int) -> None:
        self._cursor = cursor
        self._record = record
        self._facts: dict[int, _Facts] = {}
        self.mine = self._read([record]).get(record)

    def holders(self, tokens: Sequence[bytes]) -> Iterable[tuple[int, bytes]]:
        """Each other record of the epoch that holds one of these tokens."""
        self._cursor.execute(
            "SELECT record_id, token FROM referrals_linktoken WHERE token = ANY(%s) AND record_id <> %s",
            [[bytes(token) for token in tokens], self._record],
        )
        return [(record, bytes(token)) for record, token in self._cursor.fetchall()]

    def whole(self, records: Sequence[int]) -> Mapping[int, int]:
        """The masks as they were stored."""
        self._read(records)
        return {record: self._facts[record].mask if record in self._facts else 0 for record in records}

    def compared(self, record: int) -> bool:
        """Whether the record may be compared with this one. Ask `whole` first."""
        other = self._facts.get(record)
        return other is not None and self.mine is not None and self.mine.is_compared_with(other)

    def _read(self, records: Sequence[int]) -> dict[int, _Facts]:
        self._cursor.execute(
            "SELECT number, agency_id, epoch, mask, partners FROM referrals_linkrecord"
            " WHERE number = ANY(%s)",
            [list(records)],
        )
        for number, agency, epoch, mask, partners in self._cursor.fetchall():
            self._facts[number] = _Facts(agency, epoch, mask, frozenset(partners))
        return self._facts


def pairs_of(cursor: CursorWrapper, record: int, model: score.Model) -> list[Pair]:
    """Every pair that this record makes with another, as the run over all would find and score it."""
    table = Table(cursor, record)
    cursor.execute("SELECT key, token FROM referrals_linktoken WHERE record_id = %s", [record])
    held = [(join.ORDER[key], bytes(token)) for key, token in cursor.fetchall()]
    others, patterns = join.arrival(held, table)
    probable = scorer.posteriors(model, patterns).tolist()
    agree, both = patterns.agree.tolist(), patterns.both.tolist()
    return [
        Pair(min(record, other), max(record, other), agree[at], both[at], probable[at])
        for at, other in enumerate(others)
        if probable[at] >= score.REVIEW and table.compared(other)
    ]


def link_new() -> int:
    """Compare and settle every record that was stored or renewed since it was compared last; how many.

    A record alone is settled as well. Does nothing while another run of the engine is under way.
    """
    done = 0
    while count := _link_some():
        done += count
        if count < AT_ONCE:
            break
    return done


def _link_some() -> int:
    with linking(whole=True) as cursor:
        if not turns.is_ours(cursor):
            return 0
        cursor.execute(_WAITS, [AT_ONCE])
        waiting: dict[int, datetime] = dict(cursor.fetchall())
        model = scorer.newest(cursor)
        found = {record: pairs_of(cursor, record, model) if model else [] for record in waiting}
        turns.wait(cursor)
        arrived = _unchanged(cursor, waiting)
        _replace(cursor, list(arrived), [pair for record in arrived for pair in found[record]])
        people.settle(cursor, arrived, people.What.ARRIVED, arrived)
        return len(waiting)


def _unchanged(cursor: CursorWrapper, waiting: Mapping[int, datetime]) -> dict[int, datetime]:
    """Those that are still there as they were when they were looked up. The others wait on."""
    cursor.execute(
        "SELECT number, changed_at FROM referrals_linkrecord WHERE number = ANY(%s)", [list(waiting)]
    )
    return {number: at for number, at in cursor.fetchall() if waiting[number] == at}


def _replace(cursor: CursorWrapper, records: list[int], pairs: Sequence[Pair]) -> None:
    """These pairs are all that the records have within their epoch. Those with another epoch's record stand:
    they were compared when both had tokens of one."""
    cursor.execute(
        """
        DELETE FROM referrals_linkedge pair USING referrals_linkrecord a, referrals_linkrecord b
        WHERE (pair.a = ANY(%(records)s) OR pair.b = ANY(%(records)s))
          AND a.number = pair.a AND b.number = pair.b AND a.epoch = b.epoch
        """,
        {"records": records},
    )
    if not pairs:
        return
    execute_values(
        cursor.cursor,
        'INSERT INTO referrals_linkedge (a, b, agree, "both", posterior, a_ends_at, b_ends_at)'
        ' SELECT pair.a, pair.b, agree, "both", posterior, first.ends_at, second.ends_at'
        ' FROM (VALUES %s) pair (a, b, agree, "both", posterior)'
        " JOIN referrals_linkrecord first ON first.number = pair.a"
        " JOIN referrals_linkrecord second ON second.number = pair.b"
        ' ON CONFLICT (a, b) DO UPDATE SET agree = EXCLUDED.agree, "both" = EXCLUDED."both",'
        " posterior = EXCLUDED.posterior",
        sorted({(one.a, one.b, one.agree, one.both, one.posterior) for one in pairs}),
        template="(%s::bigint, %s::bigint, %s::int, %s::int, %s::float8)",
    )
