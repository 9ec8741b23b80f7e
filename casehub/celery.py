"""The worker's app and its schedule. A task's first argument is an actor's reference: numbers, no person."""

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from celery import Celery
from celery.schedules import crontab
from celery.signals import worker_init

if TYPE_CHECKING:
    from agencies.models import Agency

log = logging.getLogger(__name__)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "casehub.settings.dev")

app = Celery("casehub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 300,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        # A person's save waits for the broker this long at most; without it, the sweeper publishes.
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.1,
        "socket_connect_timeout": 2,
    },
    worker_hijack_root_logger=False,
    beat_schedule={
        "sweep": {"task": "casehub.sweep", "schedule": 20.0},
        "seal": {"task": "casehub.seal_ledgers", "schedule": 60.0},
        "snapshot": {"task": "casehub.snapshot_months", "schedule": 3600.0},
        "live": {"task": "casehub.step_live_figures", "schedule": 3600.0},
        "tell": {"task": "casehub.tell_of_new_figures", "schedule": 3600.0},
        "disclosures": {"task": "casehub.empty_disclosures", "schedule": 300.0},
        "tidy": {"task": "casehub.tidy", "schedule": 3600.0},
        "mirror": {"task": "casehub.mirror_keys", "schedule": 60.0},
        "link": {"task": "casehub.link", "schedule": 60.0},
        "link_all": {"task": "casehub.link_all", "schedule": crontab(hour="2", minute="37")},
        "shred": {"task": "casehub.shred_due", "schedule": crontab(hour="3", minute="17")},
    },
)


@worker_init.connect
def _refuse_unsafe(**_: object) -> None:
    from casehub.checks import serve_safely

    serve_safely()


def _at_each_agency(act: Callable[["Agency"], int]) -> int:
    """The sum of what it did. What goes wrong at one agency is logged, and the others get their turn."""
    from agencies.models import Agency

    done = 0
    for agency in Agency.objects.all():
        try:
            done += act(agency)
        except Exception:
            log.exception("the schedule's work went wrong at agency %s", agency.pk)
    return done


@app.task(name="casehub.run_job")
def run_job(reference: str, job_id: str) -> str:
    from agencies import jobs

    return jobs.run(reference, job_id)


@app.task(name="casehub.sweep")
def sweep() -> int:
    from agencies import jobs

    return jobs.sweep()


@app.task(name="casehub.seal_ledgers")
def seal_ledgers() -> int:
    from agencies import ledger
    from agencies.scope import Actor, acting_as

    def seal(agency: "Agency") -> int:
        with acting_as(Actor.hub(agency)):
            return int(ledger.seal() is not None)

    return _at_each_agency(seal)


@app.task(name="casehub.snapshot_months")
def snapshot_months() -> int:
    from reporting.tasks import snapshot

    return snapshot()


@app.task(name="casehub.step_live_figures")
def step_live_figures() -> int:
    from reporting.tasks import live

    return live()


@app.task(name="casehub.tell_of_new_figures")
def tell_of_new_figures() -> int:
    """Tell who asked for it that a view they keep has new figures."""
    from reporting import saved

    return saved.tell()


@app.task(name="casehub.empty_disclosures")
def empty_disclosures() -> int:
    """Throw away what was handed over and is over. Nobody could read it since; this takes the bytes, too."""
    from agencies.scope import Actor, acting_as
    from referrals import disclosures

    def empty(agency: "Agency") -> int:
        with acting_as(Actor.hub(agency)):
            return disclosures.empty_what_is_over()

    return _at_each_agency(empty)


@app.task(name="casehub.tidy")
def tidy() -> int:
    """Throw away what is kept for a while only: drafts, refused rows, undecided files, old sessions."""
    from django.core.management import call_command

    from agencies.scope import Actor, acting_as
    from referrals import actions
    from referrals.exchange import inbox

    def drop(agency: "Agency") -> int:
        with acting_as(Actor.hub(agency)):
            return actions.drop_what_was_kept_for_a_while()

    call_command("clearsessions")
    return inbox.tidy() + _at_each_agency(drop)


@app.task(name="casehub.mirror_keys")
def mirror_keys() -> int:
    from agencies import vault

    return vault.mirror_keys()


@app.task(name="casehub.shred_due")
def shred_due() -> int:
    """By night: forget the clients whose identity is due, at every agency that has set a date."""
    from referrals import shredders

    try:
        return _at_each_agency(shredders.by_night)
    finally:
        mirror_keys()


@app.task(name="casehub.link")
def link() -> int:
    """Throw away what is over, on or off; while linkage is on, link who arrived. Nobody could read the former
    since, and storing the latter's tokens told nobody anything."""
    from agencies import linknet
    from referrals import linking

    linknet.finish_ending()
    done = linking.sweep()
    if not linknet.is_on():
        return done
    if linking.is_due():
        linking.bulk()
    return done + linking.link_new()


@app.task(name="casehub.link_all")
def link_all() -> int:
    """By night: compare everybody with everybody anew."""
    from agencies import linknet
    from referrals import linking

    return linking.bulk() if linknet.is_on() else 0
