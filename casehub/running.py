"""Getting a laptop's hub ready and keeping its processes up: keys, migration, files, web, worker, clock.

A real network's processes are run by docker-compose.yml; this is for `./dev demo` and `./dev up`.
"""

import atexit
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import psycopg2
import psycopg2.errors
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from agencies import actions, vault
from agencies.models import Agency
from casehub import embedded
from referrals import shredders

BIN = Path(sys.executable).parent
QUIET = ["--loglevel", "WARNING"]


def prepare() -> None:
    """Bring database, keys and static files to what the code wants. Fast where nothing is to do.

    Any number of processes may do so at once. From here on a polite kill ends this process as Ctrl+C does, so
    that its children end with it; `./dev stop` gives it one.
    """
    signal.signal(signal.SIGTERM, _leave)
    atexit.register(embedded.enlist(entries()).unlink, missing_ok=True)
    _make_demo_database()
    vault.ensure_kek()
    with one_at_a_time():
        executor = MigrationExecutor(connections["owner"])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", database="owner", verbosity=0, interactive=False)
            grant_what_roles_say()
        let_go_again()
        settings.INBOX.mkdir(mode=0o700, parents=True, exist_ok=True)
        call_command("collectstatic", verbosity=0, interactive=False)


def entries() -> Path:
    """The list of what this hub's launchers started; `./dev stop` reads it."""
    folder: Path = settings.DATA / "running"
    return folder


def grant_what_roles_say() -> None:
    """After a migration: a role that a release changed holds at every agency from now on."""
    for agency in Agency.objects.all():
        actions.sync_grants(agency)


def let_go_again() -> None:
    """Before anything is served: what was shredded or taken back, and came back with a dump, goes again."""
    for agency in Agency.objects.all():
        shredders.go_again(agency)


def _leave(*_: object) -> None:
    # Whoever asks twice must not break off the leaving: the children would be left behind.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit(0)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Of all processes that get this database ready, one at a time goes on."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(7202)")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(7202)")


def _make_demo_database() -> None:
    """The demo's own database, made beside `casehub` by the owner on first use."""
    if not settings.DEMO:
        return
    wanted = settings.DATABASES["owner"]
    with closing(
        psycopg2.connect(
            dbname="casehub",
            user=wanted["USER"],
            password=wanted["PASSWORD"],
            host=wanted["HOST"],
            port=wanted["PORT"],
        )
    ) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [wanted["NAME"]])
            if cursor.fetchone() is None:
                # Somebody else may make it in between; then it is there.
                with suppress(psycopg2.errors.DuplicateDatabase, psycopg2.errors.UniqueViolation):
                    cursor.execute(f'CREATE DATABASE "{wanted["NAME"]}"')


@contextmanager
def process(*command: str, log: str) -> Iterator[subprocess.Popen[bytes]]:
    """A child process of the hub, its words in a file of the data folder, ended with this one."""
    logs = settings.DATA / "logs"
    logs.mkdir(mode=0o700, exist_ok=True)
    with (logs / f"{log}.log").open("ab") as file:
        child, entry = embedded.begin(entries(), log, *command, log=file)
        try:
            yield child
        finally:
            embedded.end(entry)
            child.wait()


def worker() -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A Celery worker with two hands."""
    return process(str(BIN / "celery"), "-A", "casehub", "worker", "--concurrency", "2", *QUIET, log="worker")


def beat() -> AbstractContextManager[subprocess.Popen[bytes]]:
    """The clock: sweeps lost jobs, seals ledgers, releases closed periods. It remembers nothing, so that a
    file torn by a kill can't stop it: all it does is due within the hour anyway."""
    schedule = str(settings.DATA / "beat-schedule")
    for torn in settings.DATA.glob("beat-schedule*"):
        torn.unlink()
    return process(str(BIN / "celery"), "-A", "casehub", "beat", "-s", schedule, *QUIET, log="beat")


def web(port: int) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """The pages, on loopback."""
    return process(
        str(BIN / "gunicorn"),
        "casehub.wsgi",
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        "2",
        "--threads",
        "4",
        "--log-level",
        "warning",
        log="web",
    )


def free_port(wanted: int) -> int:
    """The port wanted, or the next free one."""
    for port in range(wanted, wanted + 50):
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise SystemExit(f"No free port from {wanted} to {wanted + 49}. Name one with --port.")


def wait_for(port: int, *, seconds: float = 60) -> None:
    """Until the first page is served. Raises SystemExit with where to look."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            urlopen(f"http://127.0.0.1:{port}/livez", timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"The pages did not come up. See {settings.DATA / 'logs' / 'web.log'}.")


def stay(children: list[subprocess.Popen[bytes]]) -> None:
    """Until Ctrl+C, or until a child ends by itself; the servers under it are kept alive."""
    try:
        while all(child.poll() is None for child in children):
            time.sleep(5)
            embedded.start()
        ended = next(child for child in children if child.poll() is not None)
        raise SystemExit(
            f"A process of the hub has ended ({ended.args!s}: {ended.returncode}). "
            f"See {settings.DATA / 'logs'}."
        )
    except KeyboardInterrupt:
        return
