"""Door 2: reads many agencies' rows, never their identity, never writes. Only reporting's engine calls it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from agencies.roles import Permission
from agencies.scope.actor import Actor


@contextmanager
def counting(actor: Actor, *, network: bool) -> Iterator[CursorWrapper]:
    """A cursor as casehub_reporter: every agency's rows (`network`), or the actor's own agency's in full.

    The role has grants on columns classified linkable or open only, and on no write at all. The role is
    put back on success; after an error the rollback to the savepoint does it. Raises NotAllowed without
    report_network or report_own.
    """
    actor.require(Permission.REPORT_NETWORK if network else Permission.REPORT_OWN)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('casehub.agency', true)")
        (before,) = cursor.fetchone()
        cursor.execute(
            "SELECT set_config('casehub.counting', %s, true), set_config('casehub.agency', %s, true)",
            ["network" if network else "own", str(actor.agency_id)],
        )
        cursor.execute("SET LOCAL ROLE casehub_reporter")
        yield cursor
        cursor.execute("RESET ROLE")
        cursor.execute(
            "SELECT set_config('casehub.counting', '', true), set_config('casehub.agency', %s, true)",
            [before or ""],
        )
