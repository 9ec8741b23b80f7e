"""The broker killed with -9, emptied or absent: jobs wait in the database, and all are done, once."""

import json
import os
import shutil
import signal
import time

import pytest

from tests.reliability.conftest import Drill
from tests.reliability.inside import PIECES

pytestmark = pytest.mark.slow

JOBS = 200


def contacts(drill: Drill) -> int:
    return int(drill.hub.ask("SELECT count(*) FROM referrals_touchpoint")[0][0])


def not_done(drill: Drill) -> int:
    return int(drill.hub.ask("SELECT count(*) FROM agencies_job WHERE state <> 'done'")[0][0])


def kill_broker(drill: Drill) -> None:
    pid = drill.hub.valkey_pid()
    os.kill(pid, signal.SIGKILL)
    while drill.hub.valkey_pid():
        time.sleep(0.01)


def test_jobs_queued_when_the_broker_dies_are_all_done_once(drill: Drill) -> None:
    before = contacts(drill)
    drill.sweeping(every=2)
    drill.inside("queue", "calm", str(JOBS))
    drill.worker()
    drill.wait(lambda: contacts(drill) >= before + 40, 60, what="the first jobs")
    kill_broker(drill)
    # Harder than a crash: what it had written to disk is gone too.
    shutil.rmtree(drill.hub.folder / "valkey" / "appendonlydir")
    assert not_done(drill) > 100
    drill.hub.servers()
    drill.wait(lambda: not_done(drill) == 0, 180, what="the end of all jobs")
    assert contacts(drill) - before == JOBS * PIECES


def test_without_a_broker_work_is_queued_and_people_go_on_writing(drill: Drill) -> None:
    before = contacts(drill)
    said = json.loads(drill.without_broker("queue", "calm", "3"))
    assert said["slowest"] < 3, f"a person waited {said['slowest']:.1f} s for a broker that is not there"
    pages = json.loads(drill.without_broker("page", "stormy"))
    assert pages.pop("slowest") < 3
    assert pages == {"sign_in": 200, "password": 302, "code": 302, "day": 200, "contact": 302}
    drill.sweeping(every=2)
    drill.worker()
    drill.wait(lambda: not_done(drill) == 0, 90, what="the end of the jobs queued without a broker")
    assert contacts(drill) - before == 3 * PIECES + 1
