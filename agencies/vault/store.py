"""Data keys in the database: the only place where the vault meets Django's models and transactions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db import connection, models, transaction
from django.utils import timezone

from agencies.vault.kek import KeyPlace, Purpose
from agencies.vault.keys import KeyRow, Progress

REWRAPPED_AT_ONCE: Final = 1000


class DatabaseStore:
    """The KeyStore over agencies.DataKey, on the default connection."""

    def load(self, agency: int) -> tuple[KeyRow, ...]:
        return tuple(_row(key) for key in _keys().filter(agency_id=agency).order_by("purpose", "version"))

    @contextmanager
    def changing(self, agency: int, *, durable: bool = False) -> Iterator[None]:
        """Also against a first key, for which there is no row to lock yet."""
        with transaction.atomic(durable=durable):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext('casehub.vault'), %s)", [agency])
            yield

    def add(self, row: KeyRow) -> None:
        agency, purpose, version = row.place
        _keys().create(
            agency_id=agency, purpose=purpose, version=version, wrapped=row.wrapped, kek_id=row.kek_id
        )

    def retire(self, agency: int, purpose: Purpose, *, below: int) -> None:
        older = _keys().filter(agency_id=agency, purpose=purpose, version__lt=below, retired_at=None)
        older.update(retired_at=timezone.now())

    def destroy(self, agency: int) -> None:
        _keys().filter(agency_id=agency, destroyed_at=None).update(wrapped=b"", destroyed_at=timezone.now())

    def doom(self, agency: int, subjects: Iterable[UUID]) -> None:
        """Remember, with the caller's transaction, that these subjects' keys are to be destroyed."""
        doomed = _doomed().model
        rows = [doomed(agency_id=agency, subject=subject) for subject in dict.fromkeys(subjects)]
        _doomed().bulk_create(rows, ignore_conflicts=True)

    def doomed(self, agency: int) -> list[UUID]:
        return list(_doomed().filter(agency_id=agency).values_list("subject", flat=True))

    def no_longer_doomed(self, agency: int, subjects: Sequence[UUID]) -> None:
        _doomed().filter(agency_id=agency, subject__in=subjects).delete()

    def on_commit(self, act: Callable[[], object]) -> None:
        transaction.on_commit(act, robust=True)

    def is_waiting(self, act: Callable[[], None]) -> bool:
        """Django drops what waits for a commit when the transaction, or the savepoint, is rolled back."""
        return any(waiting[1] is act for waiting in connection.run_on_commit)

    def rewrap(self, kek_id: str, wrap: Callable[[KeyRow], bytes | None]) -> Iterator[Progress]:
        left = _keys().filter(destroyed_at=None).exclude(kek_id=kek_id)
        total, done, failed, last = left.count(), 0, 0, 0
        while True:
            with transaction.atomic():
                keys = list(
                    left.filter(pk__gt=last).order_by("pk").select_for_update(of=["self"])[:REWRAPPED_AT_ONCE]
                )
                if not keys:
                    return
                wrapped = {key.pk: wrap(_row(key)) for key in keys}
                good = {pk: bytes_ for pk, bytes_ in wrapped.items() if bytes_ is not None}
                _put(kek_id, good)
            last = keys[-1].pk
            done, failed = done + len(good), failed + len(keys) - len(good)
            yield Progress(done, max(total, done + failed), failed)

    def kek_ids(self) -> set[str]:
        return set(_keys().filter(destroyed_at=None).values_list("kek_id", flat=True).distinct())


def _keys() -> models.QuerySet[Any]:
    return apps.get_model("agencies", "DataKey")._default_manager.all()


def _doomed() -> models.QuerySet[Any]:
    return apps.get_model("agencies", "DoomedKey")._default_manager.all()


def _row(key: Any) -> KeyRow:
    return KeyRow(
        place=KeyPlace(key.agency_id, key.purpose, key.version),
        wrapped=bytes(key.wrapped),
        kek_id=key.kek_id,
        created_at=key.created_at,
        is_retired=key.retired_at is not None,
        is_destroyed=key.destroyed_at is not None or not key.wrapped,
    )


def _put(kek_id: str, wrapped: dict[int, bytes]) -> None:
    table = connection.ops.quote_name(apps.get_model("agencies", "DataKey")._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} AS key SET wrapped = new.wrapped, kek_id = %s"  # noqa: S608 (our own table's name)
            " FROM unnest(%s::bigint[], %s::bytea[]) AS new (id, wrapped) WHERE key.id = new.id",
            [kek_id, list(wrapped), list(wrapped.values())],
        )
