"""Sealed columns put under an agency's newest data key, row by row, while the hub is in use."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Final, cast
from uuid import UUID

from django.db import connection, models
from django.db.models import F, Q, Value
from django.db.models.functions import Substr

from agencies.vault.box import HEADER, OF_AGENCY, OF_SUBJECT, VaultError
from agencies.vault.keys import Keyring, Progress

RESEALED_AT_ONCE: Final = 500

Boxes = dict[Any, bytes]


def reseal_rows(
    keyring: Keyring,
    model: type[models.Model],
    field: str,
    *,
    place: str,
    agency: int,
    subject: str | None,
    scope: Callable[[], AbstractContextManager[Any]],
) -> Iterator[Progress]:
    """See the package. A row that somebody else wrote meanwhile is looked at again in another pass."""
    done = total = failed = 0
    raced = True
    while raced:
        last, raced, failed = None, False, 0
        while True:
            with scope():
                left = _left(keyring, model, field, agency, subject)
                total = total or left.count()
                rows = list((left if last is None else left.filter(pk__gt=last))[:RESEALED_AT_ONCE])
                if not rows:
                    break
                old: Boxes = {row: box for row, box, _subject in rows}
                subjects = {row: about for row, _box, about in rows}
                new = _resealed(keyring, old, subjects, place=place, agency=agency)
                put = _put(model, field, old, new)
            last = next(reversed(old))
            done, failed, raced = done + put, failed + len(old) - len(new), raced or put < len(new)
            yield Progress(done, max(total, done + failed), failed)


def _resealed(
    keyring: Keyring, old: Boxes, subjects: dict[Any, UUID | None], *, place: str, agency: int
) -> Boxes:
    """New boxes by row; a box that does not open is left out (unseal has logged it)."""
    new = {}
    for row, box in old.items():
        try:
            new[row] = keyring.reseal(box, agency=agency, place=place, row=row, subject=subjects[row])
        except VaultError:
            continue
    return new


def _left(
    keyring: Keyring, model: type[models.Model], field: str, agency: int, subject: str | None
) -> models.QuerySet[Any, Any]:
    """The agency's rows whose box is not yet what a box made now would be, with their subjects, by key."""
    about = F(subject) if subject else Value(None, models.UUIDField())
    newest = keyring.newest(agency)
    head = Substr(field, 1, HEADER.size, output_field=models.BinaryField())
    ours = Q(about__isnull=True, head_of_box=HEADER.pack(OF_AGENCY, newest))
    subjects = Q(about__isnull=False, head_of_box=HEADER.pack(OF_SUBJECT, newest))
    return (
        model._default_manager.filter(agency_id=agency)
        .exclude(**{f"{field}__isnull": True})
        .exclude(**{field: b""})
        .annotate(head_of_box=head, about=about)
        .exclude(ours | subjects)
        .order_by("pk")
        .values_list("pk", field, "about")
    )


def _put(model: type[models.Model], field: str, old: Boxes, new: Boxes) -> int:
    """Write each new box where the old one still stands; how many did. A later write is never undone."""
    if not new:
        return 0
    quote, key = connection.ops.quote_name, model._meta.pk
    sealed = cast(models.Field, model._meta.get_field(field))
    table, pk, column = (quote(str(name)) for name in (model._meta.db_table, key.column, sealed.column))
    statement = (
        f"UPDATE {table} AS row SET {column} = change.new"  # noqa: S608 (names from the model, quoted)
        f" FROM unnest(%s::text[]::{key.rel_db_type(connection)}[], %s::bytea[], %s::bytea[])"
        f" AS change (pk, old, new) WHERE row.{pk} = change.pk AND row.{column} = change.old"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            statement, [[str(row) for row in new], [bytes(old[row]) for row in new], list(new.values())]
        )
        return cursor.rowcount
