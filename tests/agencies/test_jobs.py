"""Jobs: queued with the change, published on commit, done once, with the rights of now; saying nothing."""

import logging
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django.utils.functional import lazystr

from agencies import actions, jobs
from agencies.models import Job, JobChunk, JobState
from agencies.roles import Permission
from agencies.scope import Actor, NotAllowed, ScopeError, acting_as, current_actor
from referrals.models import Client

SECRET = "Maria Canary 555-12-3456"


@pytest.fixture
def sent(monkeypatch):
    """What the broker was told, in order."""
    from celery import current_app

    told = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **_: told.append((name, *args)))
    return told


@pytest.fixture
def work(monkeypatch):
    """Registers functions as jobs for one test."""
    monkeypatch.setattr(jobs, "_register", dict(jobs._register))
    return jobs.job


def queue(world, name, letter="A", role="caseworker", **arguments):
    with world.acting(letter, role):
        return jobs.enqueue(name, **arguments)


def state(world, job, letter="A"):
    with acting_as(Actor.hub(world.agency(letter))):
        return Job.objects.get(pk=job.pk)


def run(world, job, letter="A", role="caseworker"):
    return jobs.run(world.actor(letter, role).reference, str(job.pk))


def test_a_job_is_published_when_its_transaction_commits(
    world, work, sent, django_capture_on_commit_callbacks
):
    work("count")(lambda run: {})
    with django_capture_on_commit_callbacks(execute=True), world.acting("A") as actor:
        job = jobs.enqueue("count")
        assert sent == []
    assert sent == [("casehub.run_job", actor.reference, str(job.pk))]


def test_a_job_whose_change_is_undone_was_never_queued(world, work, sent, django_capture_on_commit_callbacks):
    work("count")(lambda run: {})
    with (
        django_capture_on_commit_callbacks(execute=True),
        pytest.raises(ZeroDivisionError),
        world.acting("A"),
    ):
        jobs.enqueue("count")
        raise ZeroDivisionError
    assert sent == []
    with world.acting("A"):
        assert not Job.objects.exists()


def test_what_the_broker_is_told_is_numbers(world, work, sent, django_capture_on_commit_callbacks):
    work("count")(lambda run: {})
    with django_capture_on_commit_callbacks(execute=True):
        queue(world, "count", file="2f1c")
    ((_name, reference, job_id),) = sent
    assert reference == f"{world.person('A').pk}:{world.agency('A').pk}"
    assert "2f1c" not in reference + job_id


def test_a_broker_that_is_away_is_no_error(
    world, work, monkeypatch, caplog, django_capture_on_commit_callbacks
):
    """The job waits for the sweeper; the log names the error's type and no address with a password."""
    from celery import current_app

    def away(*_, **__):
        raise ConnectionError("redis://:password@host")

    monkeypatch.setattr(current_app, "send_task", away)
    work("count")(lambda run: {})
    with caplog.at_level(logging.WARNING), django_capture_on_commit_callbacks(execute=True):
        job = queue(world, "count")
    assert state(world, job).state == JobState.QUEUED
    assert "ConnectionError" in caplog.text
    assert "password" not in caplog.text


def test_an_unknown_job_is_not_queued(world):
    with pytest.raises(ValueError, match="no job is called"), world.acting("A"):
        jobs.enqueue("no such work")


def test_two_jobs_of_one_name_are_refused(work):
    work("count")(lambda run: {})
    with pytest.raises(ValueError, match="two jobs"):
        work("count")(lambda run: {})


def test_nobody_queues_without_an_actor(work):
    work("count")(lambda run: {})
    with pytest.raises(ScopeError):
        jobs.enqueue("count")


def test_a_job_runs_as_its_asker_and_is_done(world, work):
    @work("count")
    def count(run):
        with acting_as(run.actor):
            return {"clients": Client.objects.count(), "user": current_actor().user_id}

    world.client("A"), world.client("B")
    job = queue(world, "count")
    assert run(world, job) == "done"
    found = state(world, job)
    assert found.result == {"clients": 1, "user": world.person("A").pk}
    assert (found.attempts, found.lease_until, found.error) == (1, None, "")
    assert found.finished_at >= found.started_at


def test_a_job_is_run_once_though_it_is_delivered_twice(world, work):
    done = []
    work("count")(lambda run: done.append(1) or {})
    job = queue(world, "count")
    assert [run(world, job), run(world, job)] == ["done", "not claimed"]
    assert done == [1]


def test_a_job_that_runs_is_not_taken_by_a_second_worker(world, work):
    seen = []

    @work("outer")
    def outer(held):
        seen.append(jobs.run(held.actor.reference, held.job_id))
        return {}

    assert run(world, queue(world, "outer")) == "done"
    assert seen == ["not claimed"]


def test_another_agencys_job_is_not_there(world, work):
    work("count")(lambda run: {})
    job = queue(world, "count")
    assert run(world, job, "B") == "not claimed"
    assert state(world, job).state == JobState.QUEUED


def test_a_colleague_can_not_run_a_job_in_the_askers_name(world, work):
    """The broker's word names the asker; a job is run as whom its row names, or not at all."""
    work("count")(lambda run: {})
    job = queue(world, "count")
    assert run(world, job, "A", "data_lead") == "not claimed"
    assert jobs.run(f"hub:{world.agency('A').pk}", str(job.pk)) == "not claimed"
    assert run(world, job) == "done"


def test_an_expired_lease_is_taken_over_and_the_first_worker_changes_nothing_more(world, work):
    order = []

    @work("slow")
    def slow(held):
        order.append(held.holder)
        if len(order) == 1:
            with acting_as(held.actor):
                Job.objects.filter(pk=held.job_id).update(lease_until=timezone.now() - timedelta(seconds=1))
            assert jobs.run(held.actor.reference, held.job_id) == "done"
            held.chunk(1, lambda: pytest.fail("the lease is gone"))
        return {"by": len(order)}

    job = queue(world, "slow")
    assert run(world, job) == "lost"
    assert len(set(order)) == 2
    assert state(world, job).result == {"by": 2}


def test_a_lost_worker_that_ends_late_does_not_overwrite_the_result(world, work):
    @work("slow")
    def slow(held):
        with acting_as(held.actor):
            Job.objects.filter(pk=held.job_id).update(lease_holder="another", result={"by": "another"})
        return {"by": "late"}

    job = queue(world, "slow")
    run(world, job)
    assert state(world, job).result == {"by": "another"}


@pytest.mark.parametrize(("loses", "cleared"), [(False, ["cleared"]), (True, [])])
def test_a_run_that_lost_its_lease_clears_nothing_away(world, work, loses, cleared):
    """What it breaks on may well be what the run that has the lease now still needs."""
    done = []

    @work("slow")
    def slow(held):
        held.afterwards(lambda: done.append("cleared"))
        if loses:
            with acting_as(held.actor):
                Job.objects.filter(pk=held.job_id).update(lease_holder="another")
        raise ValueError

    assert run(world, queue(world, "slow")) == ("lost" if loses else "failed")
    assert done == cleared


def test_progress_renews_the_lease(world, work):
    @work("long")
    def long(held):
        with acting_as(held.actor):
            Job.objects.filter(pk=held.job_id).update(lease_until=timezone.now() + timedelta(seconds=1))
            held.progress(done=3, total=10)
            found = Job.objects.get(pk=held.job_id)
            assert found.lease_until > timezone.now() + jobs.LEASE / 2
            return {"done": found.done, "total": found.total}

    job = queue(world, "long")
    assert run(world, job) == "done"
    assert state(world, job).result == {"done": 3, "total": 10}


def test_a_cancelled_job_stops_at_its_next_piece(world, work):
    @work("long")
    def long(held):
        held.chunk(1, dict)
        with acting_as(held.actor):
            Job.objects.filter(pk=held.job_id).update(state=JobState.CANCELLED)
        held.chunk(2, lambda: pytest.fail("it was cancelled"))
        return {}

    job = queue(world, "long")
    assert run(world, job) == "lost"
    assert state(world, job).state == JobState.CANCELLED


def test_a_piece_is_done_once_however_often_it_is_asked_for(world, work):
    """The second run finds the first one's pieces and gets their results."""
    made, runs = [], []

    @work("pieces")
    def pieces(held):
        runs.append(held)
        results = []
        for number in (1, 2):
            results.append(held.chunk(number, lambda number=number: made.append(number) or {"n": number}))
            if len(runs) == 1:
                raise jobs.Lost
        return {"results": results}

    job = queue(world, "pieces")
    assert run(world, job) == "lost"
    with acting_as(Actor.hub(world.agency("A"))):
        Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert run(world, job) == "done"
    assert made == [1, 2]
    assert state(world, job).result == {"results": [{"n": 1}, {"n": 2}]}


def test_a_piece_and_its_mark_commit_together(world, work):
    """A piece that fails leaves neither rows nor a mark."""

    @work("pieces")
    def pieces(held):
        def half():
            Client.objects.create(agency_id=held.actor.agency_id)
            raise ZeroDivisionError

        held.chunk(1, half)
        return {}

    job = queue(world, "pieces")
    assert run(world, job) == "failed"
    with world.acting("A"):
        assert not Client.objects.exists()
        assert not JobChunk.objects.exists()
    assert state(world, job).error == "It broke (ZeroDivisionError)."


def test_rights_are_those_of_the_run_not_of_the_asking(world, work):
    """A role taken away between the two: the job does not run."""
    work("count")(lambda run: pytest.fail("it ran"))
    job = queue(world, "count")
    reference = world.actor("A").reference
    actions.end_role(world.person("A"), world.agency("A"), "caseworker")
    assert jobs.run(reference, str(job.pk)) == "failed"
    assert state(world, job).error == "The person who asked has left."


def test_a_job_that_is_done_stays_done_when_its_asker_leaves(world, work):
    """A message that comes again must not turn a result into a failure."""
    work("count")(lambda run: {"clients": 1})
    job = queue(world, "count")
    reference = world.actor("A").reference
    assert jobs.run(reference, str(job.pk)) == "done"
    actions.end_role(world.person("A"), world.agency("A"), "caseworker")
    assert jobs.run(reference, str(job.pk)) == "not claimed"
    assert state(world, job).state == JobState.DONE


def test_a_permission_taken_away_stops_the_work_that_needs_it(world, work):
    @work("import")
    def take_in(held):
        held.actor.require(Permission.DATA_IMPORT)
        return {}

    job = queue(world, "import", role="data_lead")
    actions.grant_role(world.person("A", "data_lead"), world.agency("A"), "hotline")
    reference = world.actor("A", "data_lead").reference
    actions.end_role(world.person("A", "data_lead"), world.agency("A"), "data_lead")
    assert jobs.run(reference, str(job.pk)) == "failed"
    assert state(world, job).error == "Not allowed any more."


def test_the_hubs_own_hand_may_import_and_nothing_else(world):
    actor = Actor.from_reference(f"hub:{world.agency('A').pk}")
    assert actor.permissions == {Permission.DATA_IMPORT}
    with pytest.raises(NotAllowed):
        actor.require(Permission.CLIENT_VIEW)


def test_a_job_that_breaks_says_of_which_type_and_nothing_of_the_row(world, work, caplog):
    @work("break")
    def breaks(run):
        raise ValueError(SECRET)

    job = queue(world, "break")
    with caplog.at_level(logging.DEBUG):
        assert run(world, job) == "failed"
    found = state(world, job)
    assert found.error == "It broke (ValueError)."
    assert SECRET not in str(vars(found)) + caplog.text
    assert not any(record.exc_info for record in caplog.records)


def test_a_refusal_reaches_the_asker_in_words(world, work):
    @work("refuse")
    def refuse(run):
        raise jobs.Refused(lazystr("The file is not a bundle."))

    job = queue(world, "refuse")
    assert run(world, job) == "failed"
    assert state(world, job).error == "The file is not a bundle."


def test_every_refusal_in_the_code_is_a_sentence_of_ours():
    """The sentence is stored and shown: it is translated text, with names of our own files and numbers in it
    and nothing of what was sent."""
    import ast

    from django.conf import settings

    found = 0
    for floor in ("agencies", "referrals", "reporting", "casehub"):
        for path in (settings.ROOT / floor).rglob("*.py"):
            if {"agency_side", "linkage", "sdc"} & set(path.parts):
                continue  # another Refused, for whoever runs it or calls it
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and ast.unparse(node.func).split(".")[-1] == "Refused"
                    and node.args
                ):
                    said = ast.unparse(node.args[0])
                    assert said.startswith(("_(", "str(", "refusal", "wrong")), (path, said)
                    named = {one.id for one in ast.walk(node.args[0]) if isinstance(one, ast.Name)}
                    assert not named & {"cell", "cells", "value", "row", "error"}, (path, said)
                    found += 1
    assert found > 3


def test_a_paused_job_waits_for_a_person_and_goes_on(world, work, sent, django_capture_on_commit_callbacks):
    @work("careful")
    def careful(held):
        if not held.arguments.get("confirmed"):
            raise jobs.Pause({"rows": 900})
        return {"went": "on"}

    job = queue(world, "careful")
    assert run(world, job) == "paused"
    paused = state(world, job)
    assert (paused.state, paused.result, paused.finished_at) == (JobState.PAUSED, {"rows": 900}, None)
    assert run(world, job) == "not claimed"
    with django_capture_on_commit_callbacks(execute=True), world.acting("A"):
        jobs.resume(paused)
        jobs.resume(paused)
    assert sent[-1] == ("casehub.run_job", world.actor("A").reference, str(job.pk))
    assert run(world, job) == "done"
    assert state(world, job).result == {"went": "on"}


def test_the_sweeper_publishes_what_waits_and_what_was_left(world, work, sent):
    work("count")(lambda run: {})
    fresh, waiting, left, done = (queue(world, "count", letter) for letter in "ABAB")
    long_ago = timezone.now() - timedelta(minutes=5)
    for letter, job, facts in (
        ("B", waiting, {"queued_at": long_ago}),
        ("A", left, {"state": JobState.RUNNING, "lease_until": long_ago}),
        ("B", done, {"state": JobState.DONE, "queued_at": long_ago}),
    ):
        with acting_as(Actor.hub(world.agency(letter))):
            Job.objects.filter(pk=job.pk).update(**facts)
    sent.clear()
    assert jobs.sweep() == 2
    assert {(args[1], args[2]) for args in sent} == {
        (world.actor("B").reference, str(waiting.pk)),
        (world.actor("A").reference, str(left.pk)),
    }
    assert str(fresh.pk) not in str(sent)


def test_a_job_that_never_ends_is_given_up(world, work):
    work("count")(lambda run: {})
    job = queue(world, "count")
    with acting_as(Actor.hub(world.agency("A"))):
        Job.objects.update(attempts=jobs.ATTEMPTS)
    assert run(world, job) == "not claimed"
    found = state(world, job)
    assert (found.state, found.error) == (JobState.FAILED, "Tried too often without an end.")


def test_a_job_of_a_name_nobody_knows_any_more_fails(world, work):
    work("count")(lambda run: {})
    job = queue(world, "count")
    del jobs._register["count"]
    assert run(world, job) == "failed"
    assert state(world, job).error == "No such work."


def test_two_workers_at_once_claim_a_job_once(lasting_world, work):
    """Two connections, one row: the other skips it."""
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    work("count")(lambda run: {})
    job = queue(lasting_world, "count")
    reference = lasting_world.actor("A").reference

    def one(_):
        try:
            return jobs.run(reference, str(job.pk))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        said = sorted(threads.map(one, range(8)))
    assert said == ["done", *["not claimed"] * 7]
    assert state(lasting_world, job).attempts == 1


def test_a_jobs_row_is_locked_only_while_it_is_claimed(lasting_world, work):
    """Progress can be read while the work is done."""
    seen = []

    @work("look")
    def look(held):
        with acting_as(held.actor), transaction.atomic():
            seen.append(Job.objects.select_for_update(nowait=True).get(pk=held.job_id).state)
        return {}

    job = queue(lasting_world, "look")
    assert run(lasting_world, job) == "done"
    assert seen == [JobState.RUNNING]
