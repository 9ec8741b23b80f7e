"""Eight processes that make the same empty hub ready at once: one hub, and none of them complains."""

import pytest

from bench.hub import thrown_away

pytestmark = pytest.mark.slow

TOGETHER = 8


def test_eight_processes_that_start_an_empty_hub_at_once_find_one_hub() -> None:
    with thrown_away() as hub:
        # Not even the servers: whoever comes first makes those too.
        hub.stop_servers()
        ready = [hub.start("-m", "tests.reliability.inside", "prepare") for _ in range(TOGETHER)]
        ended = [child.wait(timeout=180) for child in ready]
        said = "\n".join(path.read_text() for path in sorted(hub.folder.glob("process-*.log")))
        assert ended == [0] * TOGETHER, said[-6000:]
        migrations = hub.ask("SELECT app, name, count(*) FROM django_migrations GROUP BY 1, 2")
        assert migrations
        assert all(times == 1 for _app, _name, times in migrations)
