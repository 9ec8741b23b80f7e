"""The record that they did: append-only, hash-chained per agency, naming rows and never values.

Writes are entered by the database (scope/rows.py); this file enters views, exports and decisions, seals
the chain and verifies it. The agency reads its own ledger.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.db import connection, models

from agencies.models import LedgerEntry, LedgerSeal
from agencies.scope import current_actor


def record(verb: str, target: models.Model | None = None, *, rows: int = 1, why: str = "") -> None:
    """Enter that the acting user did `verb` (past tense: `client.viewed`) to `target`, in this transaction.

    If the entry can't be written, neither is what it describes: the error ends the transaction.
    """
    actor = current_actor()
    LedgerEntry.objects.create(
        agency_id=actor.agency_id,
        user_id=actor.user_id,
        verb=verb,
        target_type=target._meta.model_name or "" if target is not None else "",
        target_id=str(target.pk) if target is not None else "",
        rows=rows,
        why=why,
    )


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain does not hold: the seal whose entries are not what was sealed (0: before the first)."""

    seal: int
    said: int
    found: int


_ENTRIES = """
    SELECT id, COALESCE(user_id, 0), to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'),
           verb, target_type, target_id, rows, why, tx
    FROM agencies_ledgerentry WHERE agency_id = %s AND tx >= %s AND tx < %s ORDER BY tx, id
"""


def _digest(agency_id: int, before: bytes, from_tx: int, below_tx: int) -> tuple[bytes, int]:
    running = hashlib.sha256(before + f"|{agency_id}|{from_tx}|{below_tx}".encode())
    count = 0
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, [agency_id, from_tx, below_tx])
        while rows := cursor.fetchmany(5000):
            count += len(rows)
            for row in rows:
                running.update(("\x1f".join(str(part) for part in row) + "\x1e").encode())
    return running.digest(), count


# The snapshot's own lower end would also wait for other databases of the server. Of a running transaction
# only 32 bits are told, so its number is found as a distance from where the numbers stand.
_OLDEST_RUNNING = """
    SELECT least(%(ahead)s, min(%(ahead)s
        + (backend_xid::text::bigint - %(ahead)s %% 4294967296 + 6442450944) %% 4294967296 - 2147483648))
    FROM pg_stat_activity
    WHERE backend_xid IS NOT NULL AND datid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def seal() -> LedgerSeal | None:
    """Seal the acting agency's entries of every transaction that has ended; None if there are none.

    Entries of transactions still open are left for the next seal: `below_tx` is the oldest transaction of
    this database that was running, so no entry can appear behind a seal.
    """
    agency_id = current_actor().agency_id
    with connection.cursor() as cursor:
        # One sealer at a time for an agency: the chain has one end.
        cursor.execute("SELECT pg_advisory_xact_lock(7201, %s)", [agency_id])
        # First where the numbers stand, then who is still running: whatever is below and not among them has
        # ended, and the next statement sees what it wrote.
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        (ahead,) = cursor.fetchone()
        cursor.execute(_OLDEST_RUNNING, {"ahead": ahead})
        (below_tx,) = cursor.fetchone()
    last = LedgerSeal.objects.filter(agency_id=agency_id).order_by("-number").first()
    from_tx = last.below_tx if last else 0
    if not LedgerEntry.objects.filter(agency_id=agency_id, tx__gte=from_tx, tx__lt=below_tx).exists():
        return None
    digest, count = _digest(agency_id, bytes(last.digest) if last else b"", from_tx, below_tx)
    return LedgerSeal.objects.create(
        agency_id=agency_id,
        number=last.number + 1 if last else 1,
        from_tx=from_tx,
        below_tx=below_tx,
        entries=count,
        digest=digest,
    )


def verify() -> list[Break]:
    """Recompute the acting agency's chain. An edited, deleted, added or reordered entry breaks its seal."""
    agency_id = current_actor().agency_id
    before, from_tx, breaks = b"", 0, []
    seals = list(LedgerSeal.objects.filter(agency_id=agency_id).order_by("number"))
    for position, one in enumerate(seals, start=1):
        digest, count = _digest(agency_id, before, one.from_tx, one.below_tx)
        if one.number != position or one.from_tx != from_tx or digest != bytes(one.digest):
            breaks.append(Break(seal=one.number, said=one.entries, found=count))
        before, from_tx = bytes(one.digest), one.below_tx
    # An entry that claims to be older than the first seal's beginning would lie in no seal at all.
    older = LedgerEntry.objects.filter(agency_id=agency_id, tx__lt=0).count()
    if older:
        breaks.append(Break(seal=0, said=0, found=older))
    return breaks


def head() -> dict[str, Any] | None:
    """The last seal's number and digest, to be kept outside the database."""
    last = LedgerSeal.objects.filter(agency_id=current_actor().agency_id).order_by("-number").first()
    return {"number": last.number, "digest": bytes(last.digest).hex()} if last else None
