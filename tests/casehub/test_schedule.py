"""What the clock asks for is there, and does it: sealing ledgers, throwing away what was kept for a while."""

import time
from datetime import timedelta

from django.utils import timezone

from agencies.models import LedgerSeal
from casehub.celery import app, seal_ledgers, tidy
from referrals import actions
from referrals.models import Draft


def test_every_scheduled_task_exists():
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)


def test_an_old_draft_goes_and_a_young_one_stays(world):
    with world.acting("A"):
        for form, days in (("old", 31), ("young", 29)):
            draft = actions.keep_draft(form=form, body={"note": "x"})
            Draft.objects.filter(pk=draft.pk).update(changed_at=timezone.now() - timedelta(days=days))
    tidy()
    with world.acting("A"):
        assert list(Draft.objects.values_list("form", flat=True)) == ["young"]


def test_ledgers_are_sealed_agency_by_agency(lasting_world):
    lasting_world.client("A")
    lasting_world.client("B")
    # A transaction still open anywhere in the server, also in another database, puts sealing off.
    sealed, end = 0, time.monotonic() + 60
    while sealed < 2 and time.monotonic() < end:
        sealed += seal_ledgers()
    assert sealed == 2
    with lasting_world.acting("A"):
        assert LedgerSeal.objects.get().agency_id == lasting_world.agency("A").pk
