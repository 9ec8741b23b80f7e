"""The drills' hub: real servers, real workers and a real broker in a folder of their own, gone afterwards."""

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from bench.hub import Hub, thrown_away

AGENCIES = ("calm", "stormy")


class Drill:
    """A hub with two agencies, and what a drill does to it."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def inside(self, *arguments: str) -> str:
        return self.hub.run("-m", "tests.reliability.inside", *arguments).strip()

    def without_broker(self, *arguments: str) -> str:
        """The same where the broker's address leads nowhere."""
        return self.hub.run(
            "-m",
            "tests.reliability.inside",
            *arguments,
            DATABASE_URL=self.hub.servers().database_url,
            CELERY_BROKER_URL="redis://127.0.0.1:1/0",
        ).strip()

    def sweeping(self, every: float = 0.5) -> subprocess.Popen[str]:
        return self.hub.start("-m", "tests.reliability.inside", "sweep", str(every))

    def worker(self) -> subprocess.Popen[str]:
        """A worker as `./dev up` runs it, which knows the drill's own job besides."""
        return self.hub.start(
            "-m", "celery", "-A", "casehub", "worker", "--concurrency", "2", "--loglevel", "WARNING",
            "--include", "tests.reliability.inside",
        )  # fmt: skip

    def state(self, job: str) -> str:
        return str(self.hub.ask("SELECT state FROM agencies_job WHERE id = %s", job)[0][0])

    def pieces(self, job: str) -> int:
        return int(self.hub.ask("SELECT count(*) FROM agencies_jobchunk WHERE job_id = %s", job)[0][0])

    def wait(self, happened: Callable[[], bool], seconds: float, *, what: str) -> None:
        end = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > end:
                logs = "".join(
                    f"--- {path.name}\n{path.read_text()[-3000:]}" for path in self.hub.folder.glob("*.log")
                )
                pytest.fail(f"{what} did not happen in {seconds:.0f} s\n{logs}")
            time.sleep(0.05)


@pytest.fixture(scope="module")
def drill() -> Iterator[Drill]:
    with thrown_away() as hub:
        drill = Drill(hub)
        drill.inside("prepare", *AGENCIES)
        yield drill


@pytest.fixture(autouse=True)
def _no_process_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "drill" in request.fixturenames:
        hub: Hub = request.getfixturevalue("drill").hub
        for child in list(hub.children):
            hub.kill(child)
