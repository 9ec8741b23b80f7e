"""Work that outlives a request: queued with the change that wants it, run with its asker's rights of now.

Correctness never rests on the broker. The Job row is the truth: `enqueue` writes it in the caller's
transaction and publishes on commit; `sweep` publishes again what was lost; a chunk is done once because
it is written in the chunk's own transaction.
"""

import logging
import os
import socket
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError, connection, models, transaction
from django.utils import timezone

from agencies.models import Agency, Job, JobChunk, JobState
from agencies.scope import Actor, NotAllowed, acting_as, current_actor

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
ATTEMPTS = 20  # without a piece done in between
LOST = "lost"

type_of_work = Callable[["Run"], dict[str, Any]]
_register: dict[str, type_of_work] = {}


class Pause(Exception):
    """Raised by work that needs a person's decision before it goes on. Carries what to show them."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__()
        self.result = result


class Lost(Exception):
    """The lease went to another worker, or the job was cancelled; this run stops and changes nothing."""


class Refused(Exception):
    """Work that can't be done as asked. The sentence goes to the asker, so it holds no client's data."""


def job(name: str) -> Callable[[type_of_work], type_of_work]:
    """Register the function that does jobs of this name. A name stands once."""

    def register(function: type_of_work) -> type_of_work:
        if name in _register:
            raise ValueError(f"two jobs are called {name}")
        _register[name] = function
        return function

    return register


def registered() -> dict[str, type_of_work]:
    return dict(_register)


def enqueue(name: str, **arguments: Any) -> Job:
    """Queue a job for the acting agency, in this transaction; it is published when that commits.

    Arguments are ids and options, never an identifier or a value of a client.
    """
    if name not in _register:
        raise ValueError(f"no job is called {name}")
    actor = current_actor()
    queued = Job.objects.create(
        agency_id=actor.agency_id, user_id=actor.user_id, name=name, arguments=arguments
    )
    reference, job_id = actor.reference, str(queued.pk)
    transaction.on_commit(lambda: publish(reference, job_id))
    return queued


def publish(reference: str, job_id: str) -> bool:
    """Tell the broker; a broker that is away is no error, the sweeper publishes again."""
    from celery import current_app

    try:
        current_app.send_task("casehub.run_job", args=[reference, job_id], retry=False)
    except Exception as error:
        log.warning("broker not reached (%s); job %s waits for the sweeper", type(error).__name__, job_id)
        return False
    return True


class Run:
    """One worker's hold on a job. Work is done in chunks, each in a transaction of its own."""

    def __init__(self, actor: Actor, job_id: str, arguments: dict[str, Any], holder: str) -> None:
        self.actor = actor
        self.job_id = job_id
        self.arguments = arguments
        self.holder = holder
        self._afterwards: list[Callable[[], object]] = []

    def afterwards(self, clear_up: Callable[[], object]) -> None:
        """Have this called once the job stands as done or failed, and not before: until then another run may
        need what it clears away. It is skipped if the worker dies between the two.
        """
        self._afterwards.append(clear_up)

    def progress(self, *, done: int | None = None, total: int | None = None) -> None:
        """Say how far it is and renew the lease, inside an open door. Raises Lost if the lease is gone."""
        change: dict[str, Any] = {"lease_until": timezone.now() + LEASE}
        if done is not None:
            change["done"] = done
        if total is not None:
            change["total"] = total
        held = Job.objects.filter(pk=self.job_id, lease_holder=self.holder, state=JobState.RUNNING)
        if not held.update(**change):
            raise Lost

    def chunk(self, number: int, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Do piece `number` once, whatever is killed or delivered again: its row commits with its work."""
        with acting_as(self.actor):
            before = JobChunk.objects.filter(job_id=self.job_id, number=number).first()
            if before is not None:
                return dict(before.result)
            self.progress()
            result = work()
            try:
                JobChunk.objects.create(
                    agency_id=self.actor.agency_id, job_id=self.job_id, number=number, result=result
                )
            except IntegrityError as error:
                raise Lost from error
            # A long job may lose many workers; only a piece that nobody gets done is given up.
            Job.objects.filter(pk=self.job_id).update(attempts=0)
            return result


def run(reference: str, job_id: str) -> str:
    """Run a job as its asker, with the rights they hold now. Returns the state it was left in.

    Where the database is lost, or can't do it just now, the job keeps its lease until that runs out, and the
    sweeper hands it on.
    """
    try:
        return _run(reference, job_id)
    except (OperationalError, InterfaceError) as error:
        connection.close()
        log.warning("database lost (%s); job %s waits for the sweeper", type(error).__name__, job_id)
        return "database lost"


def _run(reference: str, job_id: str) -> str:
    try:
        actor = Actor.from_reference(reference)
    except NotAllowed:
        user_id, agency_id = reference.split(":")
        return _give_up(Actor.hub(int(agency_id)), job_id, int(user_id))
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    claimed = _claim(actor, job_id, holder)
    if claimed is None:
        return "not claimed"
    work = _register.get(claimed.name)
    if work is None:
        return _finish(actor, job_id, holder, JobState.FAILED, error="No such work.")
    held = Run(actor, job_id, dict(claimed.arguments), holder)
    try:
        result = work(held)
    except Pause as pause:
        return _finish(actor, job_id, holder, JobState.PAUSED, result=pause.result)
    except Lost:
        return LOST
    except Refused as refusal:
        state = _finish(actor, job_id, holder, JobState.FAILED, error=str(refusal))
    except NotAllowed:
        state = _finish(actor, job_id, holder, JobState.FAILED, error="Not allowed any more.")
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        # The type only: a message may quote a row.
        log.error("job %s (%s) failed: %s", job_id, claimed.name, type(error).__name__, exc_info=_debug())
        state = _finish(actor, job_id, holder, JobState.FAILED, error=f"It broke ({type(error).__name__}).")
    else:
        state = _finish(actor, job_id, holder, JobState.DONE, result=result)
    # Who lost the lease clears nothing away: the run that has it now still needs it.
    for clear_up in held._afterwards if state != LOST else ():
        clear_up()
    return state


def _debug() -> bool:
    from django.conf import settings

    return bool(settings.DEBUG)


def _claim(actor: Actor, job_id: str, holder: str) -> Job | None:
    now = timezone.now()
    free = models.Q(state=JobState.QUEUED) | models.Q(state=JobState.RUNNING, lease_until__lt=now)
    with acting_as(actor):
        # Only in its asker's name: what the broker says of a job is not believed.
        asked = Job.objects.filter(free, pk=job_id, user=actor.user_id)
        found = asked.select_for_update(skip_locked=True).first()
        if found is None:
            return None
        if found.attempts >= ATTEMPTS:
            Job.objects.filter(pk=job_id).update(
                state=JobState.FAILED, finished_at=now, error="Tried too often without an end."
            )
            return None
        found.state, found.lease_holder, found.lease_until = JobState.RUNNING, holder, now + LEASE
        found.attempts += 1
        found.started_at = found.started_at or now
        found.save()
        return found


def _give_up(actor: Actor, job_id: str, user_id: int) -> str:
    """Fail a job that waits and whose asker has no rights any more; one that has ended stays as it is."""
    with acting_as(actor):
        given_up = Job.objects.filter(
            models.Q(state=JobState.QUEUED)
            | models.Q(state=JobState.RUNNING, lease_until__lt=timezone.now()),
            pk=job_id,
            user_id=user_id,
        ).update(
            state=JobState.FAILED,
            lease_until=None,
            finished_at=timezone.now(),
            error="The person who asked has left.",
        )
    return str(JobState.FAILED) if given_up else "not claimed"


def _finish(
    actor: Actor,
    job_id: str,
    holder: str,
    state: JobState,
    *,
    result: dict[str, Any] | None = None,
    error: str = "",
) -> str:
    with acting_as(actor):
        mine = Job.objects.filter(pk=job_id, lease_holder=holder, state=JobState.RUNNING)
        change: dict[str, Any] = {"state": state, "lease_until": None, "error": error[:200]}
        if result is not None:
            change["result"] = result
        if state in (JobState.DONE, JobState.FAILED):
            change["finished_at"] = timezone.now()
        is_mine = mine.update(**change)
    return str(state) if is_mine else LOST


def sweep() -> int:
    """Publish again every job that waits or whose worker is gone; returns how many. Run each minute."""
    now, found = timezone.now(), 0
    waiting = models.Q(state=JobState.QUEUED, queued_at__lt=now - timedelta(seconds=20))
    orphaned = models.Q(state=JobState.RUNNING, lease_until__lt=now)
    for agency in Agency.objects.all():
        with acting_as(Actor.hub(agency)):
            lost = [
                (f"{job.user_id or 'hub'}:{job.agency_id}", str(job.pk))
                for job in Job.objects.filter(waiting | orphaned)
            ]
        for reference, job_id in lost:
            found += publish(reference, job_id)
    return found


def resume(paused: Job) -> None:
    """A person decided that a paused job goes on."""
    changed = Job.objects.filter(pk=paused.pk, state=JobState.PAUSED).update(
        state=JobState.QUEUED, arguments={**paused.arguments, "confirmed": True}
    )
    if changed:
        reference, job_id = f"{paused.user_id or 'hub'}:{paused.agency_id}", str(paused.pk)
        transaction.on_commit(lambda: publish(reference, job_id))
