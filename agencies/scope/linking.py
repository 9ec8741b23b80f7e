"""Door 3: tokens, pairs, people and decisions, and no client's row. Only referrals.linking calls it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from agencies.scope.actor import ScopeError


@contextmanager
def linking(*, whole: bool) -> Iterator[CursorWrapper]:
    """A cursor as casehub_linker: for the tokens of the acting agency's own records, or alone, for the
    `whole` of the network.

    What has ended is not seen, by the statement's clock. Inside an agency's door the whole is still the
    hub's: who opens it there tells the agency nothing of it. Role and setting are put back on success; after
    an error the rollback to the savepoint does it. Does not nest. Raises ScopeError for an agency's own
    tokens where no agency acts.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('casehub.agency', true)")
        role, agency = cursor.fetchone()
        if role == "casehub_linker":
            raise ScopeError("linking does not nest")
        if not whole and not agency:
            raise ScopeError("No agency acts: whose tokens would these be?")
        if whole:
            cursor.execute("SELECT set_config('casehub.agency', '', true)")
        cursor.execute("SET LOCAL ROLE casehub_linker")
        yield cursor
        cursor.execute("RESET ROLE")
        if whole:
            cursor.execute("SELECT set_config('casehub.agency', %s, true)", [agency or ""])
