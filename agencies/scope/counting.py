"""Door 2: reads many agencies' rows, never their identity, never writes. Only reporting's engine calls it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from agencies.roles import Permission
from agencies.scope.actor import Actor

# Who counts the network reads most rows of a table and makes many groups of them. By these the planner reads
# the table from end to end, on all processors, and keeps the groups in memory; through an index, whose order
# is not theirs, the same rows take ten times as long. Each sort or hash of a statement may use as much.
NETWORK = {"random_page_cost": "4", "parallel_tuple_cost": "0.01", "work_mem": "128MB"}
SET = ("casehub.agency", *NETWORK)


@contextmanager
def counting(actor: Actor, *, network: bool) -> Iterator[CursorWrapper]:
    """A cursor as casehub_reporter: every agency's rows (`network`), or the actor's own agency's in full.

    The role has grants on columns classified linkable or open only, and on no write at all. The role is
    put back on success; after an error the rollback to the savepoint does it. Raises NotAllowed without
    report_network or report_own.
    """
    actor.require(Permission.REPORT_NETWORK if network else Permission.REPORT_OWN)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(name, true) FROM unnest(%s) AS name", [[*SET]])
        agency, *planned = [value for (value,) in cursor.fetchall()]
        _set(
            cursor,
            [str(actor.agency_id), *(NETWORK.values() if network else planned)],
            "network" if network else "own",
        )
        cursor.execute("SET LOCAL ROLE casehub_reporter")
        yield cursor
        cursor.execute("RESET ROLE")
        _set(cursor, [agency or "", *planned], "")


def _set(cursor: CursorWrapper, values: list[str], counting: str) -> None:
    """Set what SET names, and what is counted, until the transaction ends."""
    cursor.execute(
        "SELECT set_config('casehub.counting', %s, true)"
        " UNION ALL SELECT set_config(name, value, true) FROM unnest(%s, %s) AS setting (name, value)",
        [counting, [*SET], values],
    )
