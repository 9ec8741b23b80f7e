"""What a job promises when its worker, its database or its file goes away. The drills with real processes
stand in the files beside this one.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from agencies import jobs
from agencies.models import Job, JobChunk, JobState
from agencies.scope import Actor, acting_as
from tests.world import World

#: What a job of this test does: the last of these.
works: list[Callable[[jobs.Run], dict[str, Any]]] = []


@pytest.fixture(scope="module", autouse=True)
def _one_kind_of_job() -> Iterator[None]:
    jobs.job("of_this_test")(lambda run: works[-1](run))
    yield
    del jobs._register["of_this_test"]


@pytest.fixture
def actor(lasting_world: World) -> Actor:
    return lasting_world.actor("A", "data_lead")


def queued(actor: Actor) -> str:
    with acting_as(actor):
        return str(
            Job.objects.create(agency_id=actor.agency_id, user_id=actor.user_id, name="of_this_test").pk
        )


def found(actor: Actor, pk: str) -> Job:
    with acting_as(actor):
        return Job.objects.get(pk=pk)


def lose_the_worker(actor: Actor, pk: str) -> None:
    """As a kill leaves it: running, with a lease that runs out."""
    with acting_as(actor):
        Job.objects.filter(pk=pk).update(
            state=JobState.RUNNING, lease_holder="gone", lease_until=timezone.now() - timedelta(seconds=1)
        )


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_lost_database_leaves_the_job_to_the_sweeper(actor: Actor, error: type[Exception]) -> None:
    cleared: list[str] = []

    def loses(run: jobs.Run) -> dict[str, Any]:
        run.afterwards(lambda: cleared.append("file"))
        raise error

    works.append(loses)
    pk = queued(actor)
    assert jobs.run(actor.reference, pk) == "database lost"
    job = found(actor, pk)
    assert (job.state, job.error, cleared) == (JobState.RUNNING, "", [])
    assert job.lease_until is not None
    lose_the_worker(actor, pk)

    def does(run: jobs.Run) -> dict[str, Any]:
        run.afterwards(lambda: cleared.append("file"))
        return {"said": "done"}

    works.append(does)
    assert jobs.run(actor.reference, pk) == JobState.DONE
    assert (found(actor, pk).result, cleared) == ({"said": "done"}, ["file"])


def test_a_killed_backend_leaves_the_job_and_the_next_run_has_a_connection(actor: Actor) -> None:
    def cut_off(run: jobs.Run) -> dict[str, Any]:
        with acting_as(actor), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return {}

    works.append(cut_off)
    pk = queued(actor)
    assert jobs.run(actor.reference, pk) == "database lost"
    assert found(actor, pk).state == JobState.RUNNING


def test_any_other_error_ends_the_job_and_then_clears_up(actor: Actor) -> None:
    states: list[str] = []
    pk = queued(actor)

    def breaks(run: jobs.Run) -> dict[str, Any]:
        run.afterwards(lambda: states.append(found(actor, pk).state))
        raise ZeroDivisionError

    works.append(breaks)
    assert jobs.run(actor.reference, pk) == JobState.FAILED
    assert states == [JobState.FAILED]


@pytest.mark.parametrize("leaves", [jobs.Pause({}), jobs.Lost()])
def test_a_job_that_may_go_on_clears_nothing_up(actor: Actor, leaves: Exception) -> None:
    def stops(run: jobs.Run) -> dict[str, Any]:
        run.afterwards(lambda: pytest.fail("the file is wanted again"))
        raise leaves

    works.append(stops)
    jobs.run(actor.reference, queued(actor))


def test_only_a_piece_that_nobody_gets_done_is_given_up(actor: Actor) -> None:
    pk = queued(actor)
    tries = 0

    def one_piece_then_killed(run: jobs.Run) -> dict[str, Any]:
        for number in range(min(tries, jobs.ATTEMPTS + 9)):
            run.chunk(number, dict)
        raise OperationalError

    works.append(one_piece_then_killed)
    for tries in range(1, jobs.ATTEMPTS + 10):  # noqa: B007 (the job reads it)
        assert jobs.run(actor.reference, pk) == "database lost"
        lose_the_worker(actor, pk)
    with acting_as(actor):
        assert JobChunk.objects.filter(job_id=pk).count() == jobs.ATTEMPTS + 9
    for _ in range(jobs.ATTEMPTS):
        assert jobs.run(actor.reference, pk) == "database lost"
        lose_the_worker(actor, pk)
    assert jobs.run(actor.reference, pk) == "not claimed"
    assert found(actor, pk).state == JobState.FAILED
