"""A hub of its own, thrown away afterwards: data folder, servers, processes. Nobody else's hub is touched."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from casehub import embedded

_OURS = (
    "DATABASE_URL",
    "CELERY_BROKER_URL",
    "CASEHUB_OWNER_DATABASE_URL",
    "CASEHUB_DEMO",
    "CASEHUB_TEST_SLOT",
)


class Hub:
    """A running hub in `folder`. Its processes are children of this one, each in a group of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.children: list[subprocess.Popen[str]] = []
        self._logs = 0

    @property
    def environment(self) -> dict[str, str]:
        """What its processes are given: our environment, with its addresses instead of ours."""
        kept = {name: value for name, value in os.environ.items() if name not in _OURS}
        return {
            **kept,
            "CASEHUB_DATA": str(self.folder),
            "DJANGO_SETTINGS_MODULE": "casehub.settings.dev",
            "PYTHONPATH": str(embedded.CHECKOUT),
        }

    @contextmanager
    def _here(self) -> Iterator[None]:
        before = os.environ.get("CASEHUB_DATA")
        os.environ["CASEHUB_DATA"] = str(self.folder)
        try:
            yield
        finally:
            if before is None:
                del os.environ["CASEHUB_DATA"]
            else:
                os.environ["CASEHUB_DATA"] = before

    # -- servers

    def servers(self) -> embedded.Servers:
        """Its servers' addresses; what does not run is started."""
        with self._here():
            return embedded.start()

    def postgres_pid(self) -> int:
        with self._here():
            return embedded.status().postgres_pid or 0

    def valkey_pid(self) -> int:
        with self._here():
            return embedded.status().valkey_pid or 0

    def stop_servers(self) -> None:
        with self._here():
            embedded.stop()

    def ask(self, statement: str, *values: object, database: str = "casehub") -> list[tuple[Any, ...]]:
        """A statement as the server's superuser, who sees past every wall: for checking, not for acting."""
        port = self.servers().owner_database_url.rpartition(":")[2].partition("/")[0]
        password = (self.folder / "secrets" / "postgres").read_text()
        with closing(
            psycopg2.connect(host="127.0.0.1", port=port, user="postgres", password=password, dbname=database)
        ) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []

    # -- processes

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A Python process of the hub, leading a group of its own; what it complains of goes to a log."""
        self._logs += 1
        with (self.folder / f"process-{self._logs}.log").open("w") as log:
            child = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=embedded.CHECKOUT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.children.append(child)
        return child

    def run(self, *arguments: str, seconds: float = 300, **environment: str) -> str:
        """Run a Python process of the hub to its end; what it said. Raises RuntimeError with its words."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=embedded.CHECKOUT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def kill(self, child: subprocess.Popen[str]) -> None:
        """End a child and its whole group at once, as a power cut would."""
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        if child.stdout is not None:
            child.stdout.close()
        self.children.remove(child)

    def end(self) -> None:
        """End its processes and servers and delete everything."""
        for child in list(self.children):
            self.kill(child)
        with self._here():
            embedded.stop()
        shutil.rmtree(self.folder)


@contextmanager
def thrown_away(parent: Path | None = None) -> Iterator[Hub]:
    """An empty hub, its servers running; gone afterwards. `parent` chooses the disk."""
    # A folder that the servers' own account can pass through.
    if parent is not None:
        parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    hub = Hub(Path(tempfile.mkdtemp(prefix="casehub-thrown-away-", dir=parent)).resolve())
    try:
        hub.servers()
        yield hub
    finally:
        hub.end()
