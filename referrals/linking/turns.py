"""Who may write when: the engine runs one at a time, and nobody takes records away while people are settled.

The other half stands in migration 0009: whatever changes or deletes a LinkRecord waits for the same lock.
"""

from django.db.backends.utils import CursorWrapper


def is_ours(cursor: CursorWrapper) -> bool:
    """Whether no other run of the engine is under way; until this transaction ends, none begins."""
    cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('casehub.linking'), 1)")
    return bool(cursor.fetchone()[0])


def wait(cursor: CursorWrapper) -> None:
    """Until this transaction ends no record leaves and nobody else settles people. What left before is gone
    for every statement after this one, so nothing needs to be tried twice."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('casehub.linking'), 0)")
