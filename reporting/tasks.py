"""What the schedule asks of this floor: every closed period of the network released, once."""

import logging
from datetime import timedelta

from django.utils import timezone

from agencies.models import Agency, AgencyType
from agencies.roles import Permission
from agencies.scope import Actor
from referrals import linking
from reporting import engine, releases
from reporting.measures import measures
from reporting.models import Release
from reporting.sdc import Policy, Unprotectable

log = logging.getLogger(__name__)

PERIODS_BACK = 36


def snapshot() -> int:
    """Release each closed period that has no release yet, for every measure; returns how many were made.

    A release is for good, so it waits while it would only freeze a beginning: until as many agencies report
    as a figure needs, and while one of them brings its history in (the settling days after its first
    record), unless all that are expected report already. Reaches PERIODS_BACK periods back.
    """
    hub = Agency.objects.filter(type=AgencyType.HUB_OFFICE, left_on=None).order_by("pk").first()
    if hub is None:
        return 0
    actor = Actor.hub(hub, Permission.REPORT_NETWORK)
    spans, expected = engine.network_spans(actor)
    if len(spans) < Policy().min_agencies:
        return 0
    settled = timezone.now() - timedelta(days=releases.calendar().settling_days)
    if len(spans) < expected and max(span.began_at for span in spans) > settled:
        return 0
    # Before as many report as a figure needs, a release could say nothing.
    since = sorted(span.first for span in spans)[Policy().min_agencies - 1]
    made = 0
    for period in releases.closed_periods(since)[-PERIODS_BACK:]:
        for name in measures():
            if Release.objects.filter(
                measure=name, period_start=period.start, period_end=period.end
            ).exists():
                continue
            if not made:
                # Whoever left or has just come is settled first: a release is for good.
                linking.sweep()
                linking.link_new()
            try:
                releases.release(name, period, actor)
                made += 1
            except Unprotectable:
                log.warning("nothing of %s can be said for the period from %s", name, period.start)
    return made
