"""Which clients of a figure may be counted once, and which are linked: read through the counting door.

Links are made in `referrals.linking`; what may be said of them is decided in sdc/linked.py.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from reporting.measures import rows_of
from reporting.sdc.linked import Links, Pair

# Linked by the hub itself from here on; below it, a question.
SURE = 0.95

# One that isn't settled in a group (just arrived, or a group that somebody left) stands alone, and says
# nothing of the least. Its pairs are read all the same: whoever leaves takes no pair of others along.
RECORDS = """
    SELECT record.number, record.agency_id, record.client_id, record.partners, record.epoch, linked.person
    FROM referrals_linkrecord record
    LEFT JOIN referrals_linkedperson linked ON linked.record_id = record.number
    WHERE record.agency_id = ANY(%(agencies)s) AND record.ends_at > statement_timestamp()
"""
PAIRS = """
    SELECT a, b, posterior FROM referrals_linkedge
    WHERE a = ANY(%(records)s) AND b = ANY(%(records)s)
"""
RELEASED = """
    SELECT DISTINCT agency_id, client_id FROM referrals_releaseofinformation
    WHERE agency_id = ANY(%(agencies)s) AND recipient_id IS NULL AND 'count' = ANY(classes)
      AND revoked_at IS NULL AND starts_at <= statement_timestamp() AND statement_timestamp() < ends_at
"""


@dataclass(frozen=True, slots=True)
class LinkedAmong:
    """The links among a figure's clients, and how many clients of each agency may be counted once."""

    links: Links
    released: dict[str, int]


def linked_among(
    cursor: CursorWrapper, agencies: list[int], members: Callable[[], list[tuple[int, UUID]]]
) -> LinkedAmong | None:
    """The links among `members`, as they stand this moment; None while no client of these agencies has any.

    Only links that live: a release that is over takes its client out by the database's own clock.
    """
    records = rows_of(cursor, RECORDS, {"agencies": agencies})
    if not records:
        return None
    counted = set(members())
    records = [row for row in records if (row[1], row[2]) in counted]
    allowed = set(rows_of(cursor, RELEASED, {"agencies": agencies})) & counted
    allowed |= {(agency, client) for _id, agency, client, *_rest in records}
    pairs = rows_of(cursor, PAIRS, {"records": [row[0] for row in records]})
    return LinkedAmong(
        Links(
            agency={row[0]: str(row[1]) for row in records},
            person={row[0]: row[5] for row in records if row[5] is not None},
            pairs=[Pair(a, b, posterior >= SURE) for a, b, posterior in pairs],
            compared=_compared(records),
        ),
        dict(Counter(str(agency) for agency, _client in allowed)),
    )


def _compared(records: list[tuple[Any, ...]]) -> frozenset[Any]:
    """The settled ones of the commonest epoch that name every agency with such a record: each was compared
    with each."""
    settled = [row for row in records if row[5] is not None]
    epochs = Counter(row[4] for row in settled)
    epoch = min(epochs, key=lambda one: (-epochs[one], one), default=None)
    of_epoch = [row for row in settled if row[4] == epoch]
    there = {row[1] for row in of_epoch}
    return frozenset(row[0] for row in of_epoch if there - {row[1]} <= set(row[3]))
