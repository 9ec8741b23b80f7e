"""For whoever watches the hub: is the process alive, and can it serve. Says nothing about anyone."""

import shutil
from collections.abc import Callable
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

LEAST_FREE_BYTES = 500 * 2**20


def livez(request: HttpRequest) -> HttpResponse:
    """200 while the process answers at all."""
    return HttpResponse("alive", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """200 if everything that serving needs is there, else 503; names what is missing, not why."""
    found = state()
    return JsonResponse(found, status=200 if all(found.values()) else 503)


def state() -> dict[str, bool]:
    """What serving needs, by name, and whether it is there now."""
    return {name: _holds(check) for name, check in CHECKS.items()}


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception:
        return False  # why stands in the logs of the part that failed


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() == (1,)


def _migrations() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _broker() -> bool:
    with current_app.connection_for_write(connect_timeout=1) as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=1)
        return True


def _disk() -> bool:
    folder = Path(settings.INBOX)
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free >= LEAST_FREE_BYTES


CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
    "disk": _disk,
}
