"""PostgreSQL killed with -9 under people who write and a worker that imports: what was acknowledged stays."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psycopg2
import pytest

from bench.files import big_bundle
from tests.reliability.conftest import Drill

pytestmark = pytest.mark.slow

WRITERS = 4
BACK_WITHIN = 5.0


class Heard:
    """The ids that a writer said were acknowledged."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self.pairs: list[tuple[str, str]] = []
        self._thread = threading.Thread(target=self._listen, args=(child,), daemon=True)
        self._thread.start()

    def _listen(self, child: subprocess.Popen[str]) -> None:
        for line in child.stdout or ():
            if line.endswith("\n"):  # what a kill cut short was not said
                client, contact = line.split()
                self.pairs.append((client, contact))

    def all(self) -> list[tuple[str, str]]:
        """Once the writer is dead."""
        self._thread.join(timeout=10)
        return self.pairs


def answers_again(drill: Drill) -> float:
    """The moment at which a statement is answered, with the start that `./dev up` makes by itself."""
    while True:
        try:
            drill.hub.ask("SELECT count(*) FROM agencies_agency")
            return time.monotonic()
        except psycopg2.OperationalError:
            time.sleep(0.01)


def test_postgresql_killed_under_writers_loses_nothing_acknowledged_and_the_import_goes_on(
    drill: Drill,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bundle = big_bundle(Path(folder), rows=35_000)
        drill.sweeping(every=2)
        drill.worker()
        job = drill.inside("take_in", "calm", str(bundle.path))
    writers = [drill.hub.start("-m", "tests.reliability.inside", "write", "stormy") for _ in range(WRITERS)]
    heard = [Heard(writer) for writer in writers]
    drill.wait(lambda: all(len(one.pairs) > 20 for one in heard), 60, what="writing")
    outages: dict[str, float] = {}
    for what in ("postmaster", "a backend", "postmaster again", "a backend again"):
        drill.wait(lambda: drill.state(job) != "queued", 60, what="the import's beginning")
        time.sleep(1.5)
        said_before = [len(one.pairs) for one in heard]
        if "backend" in what:
            pids = drill.hub.ask(
                "SELECT pid FROM pg_stat_activity WHERE usename = 'casehub_app' AND state IS NOT NULL LIMIT 1"
            )
            victim = int(pids[0][0])
        else:
            victim = drill.hub.postgres_pid()
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        outages[what] = answers_again(drill) - killed
        drill.wait(
            lambda said_before=said_before: all(  # type: ignore[misc]
                len(one.pairs) > before for one, before in zip(heard, said_before, strict=True)
            ),
            BACK_WITHIN,
            what=f"every writer writing again after the kill of {what}",
        )
    for writer in writers:
        drill.hub.kill(writer)
    said = [pair for one in heard for pair in one.all()]
    clients = {str(pk) for (pk,) in drill.hub.ask("SELECT id FROM referrals_client")}
    contacts = {str(pk) for (pk,) in drill.hub.ask("SELECT id FROM referrals_touchpoint")}
    lost = [pair for pair in said if pair[0] not in clients or pair[1] not in contacts]
    assert not lost, f"{len(lost)} of {len(said)} acknowledged writes lost"
    assert len(said) > 200
    assert max(outages.values()) <= BACK_WITHIN, outages
    # A lease of 30 seconds runs out for real here, and the sweep finds the job.
    drill.wait(lambda: drill.state(job) not in ("queued", "running"), 150, what="the end of the import")
    assert drill.state(job) == "done"
    (taken,) = drill.hub.ask(
        "SELECT count(*), count(DISTINCT source_key) FROM referrals_client WHERE source_key <> ''"
    )
    assert taken == (bundle.rows["Client"], bundle.rows["Client"])
    print(f"{len(said)} acknowledged, 0 lost; back after {outages}")  # noqa: T201


def test_a_backend_left_working_by_a_killed_postmaster_delays_nobody(drill: Drill) -> None:
    """A long query does not notice that its server is gone, and the next server would wait for its end."""
    long = drill.hub.start(
        "-c",
        "import sys, psycopg2; psycopg2.connect(sys.argv[1]).cursor().execute("
        "'SELECT count(*) FROM generate_series(1, 2000000000)')",
        drill.hub.servers().database_url,
    )
    busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND state = 'active'"
    drill.wait(
        lambda: drill.hub.ask(busy, "SELECT count(*) FROM generate_series%") == [(1,)],
        30,
        what="a long query",
    )
    killed = time.monotonic()
    os.kill(drill.hub.postgres_pid(), signal.SIGKILL)
    took = answers_again(drill) - killed
    assert long.wait(timeout=10) != 0
    assert took <= BACK_WITHIN, f"back after {took:.1f} s"
