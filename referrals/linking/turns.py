"""Who may write when: the engine runs one at a time, and nobody takes records away while people are settled.

The other half stands in migrations 0009 and 0013: whatever changes or deletes a LinkRecord, or revokes a
release, waits for the same lock. Who locks several things does it in one order, or two would wait for each
other: clients, their agency, the turn, releases.
"""

from collections.abc import Collection
from uuid import UUID

from django.db import connection
from django.db.backends.utils import CursorWrapper

from agencies.scope import current_actor
from agencies.scope.linking import linking
from referrals.models import Client, LinkRecord


def is_ours(cursor: CursorWrapper) -> bool:
    """Whether no other run of the engine is under way; until this transaction ends, none begins."""
    cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('casehub.linking'), 1)")
    return bool(cursor.fetchone()[0])


def wait(cursor: CursorWrapper) -> None:
    """Until this transaction ends no record leaves and nobody else settles people. What left before is gone
    for every statement after this one, so nothing needs to be tried twice."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('casehub.linking'), 0)")


def hold(clients: Collection[UUID]) -> None:
    """Until this transaction ends nobody else shreds these clients of ours, and their agency neither leaves
    nor vetoes. Before whatever else is locked; for all that are to be stored, as each locks more."""
    rows = Client.objects.filter(pk__in=clients).order_by("pk")
    list(rows.select_for_update(of=("self",), no_key=True).values_list("pk"))
    own = current_actor().agency_id
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM agencies_agency WHERE id = %s FOR SHARE", [own])
    # Whoever is there already waits for their turn; a first record need not.
    if LinkRecord.objects.filter(client__in=clients).exists():
        with linking(whole=True) as cursor:
            wait(cursor)
