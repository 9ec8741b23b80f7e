"""Door 4: forgets who clients of one agency were, closed records too. Only referrals.shredders calls it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from agencies.roles import Permission
from agencies.scope.actor import ScopeError, current_actor


def in_turn() -> None:
    """Wait until nobody else at the acting agency forgets or places a hold, and keep them from it until this
    transaction ends. Raises NotAllowed without card_keep."""
    actor = current_actor()
    actor.require(Permission.CARD_KEEP)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('casehub.shredding'), %s)", [actor.agency_id])


@contextmanager
def shredding() -> Iterator[None]:
    """Put on casehub_shredder, inside the acting agency's door. It reads no sealed column of any row, and may
    empty those that identify or delete the rows that are nothing else (`agencies.scope.grants`).

    Until the transaction ends nobody else forgets at this agency, nor places a hold (`in_turn`). After an
    error the rollback to the savepoint puts the role back. Raises NotAllowed without card_keep.
    """
    in_turn()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (before,) = cursor.fetchone()
        if before == "casehub_shredder":
            raise ScopeError("shredding does not nest")
        cursor.execute("SET LOCAL ROLE casehub_shredder")
        yield
        cursor.execute("RESET ROLE")
