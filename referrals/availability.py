"""What agencies can take on now: posting it, reading everybody's, and how fast referrals are answered here.

What of a post everybody may read is written by the database (migration 0014), with the rules: a confidential
site has no county and no share taken. Called inside a door; nothing here is about a client but `clocks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from agencies import ledger
from agencies.models import Agency, Project
from agencies.roles import Permission
from agencies.scope import Actor, NotAllowed, current_actor
from referrals.models import Offer, Opening, OpeningPost

# Others read the share of places taken where so many are: it is nearly a count of clients (migration 0014).
LEAST_TAKEN = 11
LATE = timedelta(hours=48)  # TVAP's clock
CLOCK_DAYS = 90


def may_post(actor: Actor) -> bool:
    """Whoever answers referrals, or settles the agency's affairs."""
    return actor.may(Permission.REFERRAL_ANSWER) or actor.may(Permission.AGENCY_MANAGE)


def post_opening(*, project: Project, kind: str, **said: Any) -> OpeningPost:
    """Say what a project can take on of one kind of help; what was said before stays in the history.

    `said` are the other columns of OpeningPost. Raises NotAllowed, and ValidationError by column.
    """
    actor = current_actor()
    if not may_post(actor):
        raise NotAllowed
    post = OpeningPost(agency_id=actor.agency_id, worker_id=actor.user_id, project=project, kind=kind, **said)
    places, free = post.places, post.free
    if places is not None and free is not None and free > places:
        raise ValidationError({"free": _("More can't be free than there are.")})
    post.full_clean(exclude=["agency", "project", "worker"], validate_constraints=False)
    with transaction.atomic():
        # Who posts at the same moment comes after: the last word stands.
        Agency.objects.select_for_update(no_key=True).get(pk=actor.agency_id)
        post.save(force_insert=True)
        opening, _made = Opening.objects.update_or_create(
            agency_id=actor.agency_id, project=project, kind=kind, defaults={"post": post}
        )
        ledger.record("opening.withdrawn" if post.is_withdrawn else "opening.posted", opening)
    return post


def withdraw_opening(opening: Opening) -> OpeningPost:
    """Take one of our own down: nobody else reads it until it is posted again."""
    last = OpeningPost.objects.select_related("project").get(pk=opening.post_id)
    kept = ("places", "accepts", "languages", "phone", "stale_hours", "is_confidential")
    said = {name: getattr(last, name) for name in kept}
    return post_opening(project=last.project, kind=last.kind, is_withdrawn=True, **said)


def openings() -> QuerySet[Opening]:
    """What is posted now, everybody's, by agencies that are still in the network; freshest post first."""
    found = Opening.objects.filter(is_published=True, agency__left_on=None)
    return found.select_related("agency", "county").order_by("-posted_at", "pk")


@dataclass(frozen=True, slots=True)
class Posted:
    """What stands posted, and whether it is older than its agency says a post may be."""

    opening: Opening
    is_stale: bool


def board() -> list[Posted]:
    """Everything that is posted now, freshest first: one query."""
    now = timezone.now()
    return [Posted(one, one.is_stale(now)) for one in openings()]


def fits(opening: Opening, *, county: str = "", accepts: str = "", language: str = "") -> bool:
    """Whether a post may answer the question: what it does not say is for the phone, and so is where a
    confidential site is. `county` is a FIPS code, the others values of Accepted and Language."""
    groups = set(opening.accepts)
    if "all_genders" in groups:
        groups |= {"women", "men"}
    return (
        (not county or opening.county_id in (None, county))
        and (not accepts or not groups or accepts in groups)
        and (not language or not opening.languages or language in opening.languages)
    )


def silent(posted: Sequence[Opening]) -> list[Agency]:
    """Agencies that are expected to report and have nothing among `posted`, by name."""
    said = {one.agency_id for one in posted}
    expected = Agency.objects.filter(is_expected_to_report=True, left_on=None)
    return [agency for agency in expected if agency.pk not in said]


def ours() -> list[Opening]:
    """The acting agency's own, taken down or not, with exact posts and projects: `post.places`."""
    mine = Opening.objects.filter(agency_id=current_actor().agency_id)
    return list(mine.select_related("post", "project").order_by("project__name", "kind"))


def projects() -> list[Project]:
    """The acting agency's projects that have not ended."""
    return [
        one
        for one in Project.objects.order_by("name", "pk")
        if one.ended_on is None or one.ended_on > timezone.localdate()
    ]


def history(limit: int = 30) -> list[OpeningPost]:
    """The acting agency's last posts, newest first, exact."""
    return list(OpeningPost.objects.select_related("project", "worker")[:limit])


@dataclass(frozen=True, slots=True)
class Clock:
    """How fast offers of the last `days` days were answered, in hours; None where nobody answered any.

    `late` are those that waited longer than 48 hours: answered after it, or not answered at all.
    """

    answered: int
    median_hours: float | None
    waiting: int
    late: int
    days: int = CLOCK_DAYS


@dataclass(frozen=True, slots=True)
class Clocks:
    """`we`: how fast the acting agency answers; `others`: how fast it is answered."""

    we: Clock
    others: Clock


def clocks(now: datetime | None = None) -> Clocks:
    """The acting agency's own response clocks, exact and live: from what it was asked, and what it asked."""
    actor, now = current_actor(), now or timezone.now()
    actor.require(Permission.REPORT_OWN)
    since = Offer.objects.filter(offered_at__gt=now - timedelta(days=CLOCK_DAYS))
    asked_us = since.filter(receiver=actor.agency_id)
    we_asked = since.filter(agency=actor.agency_id)
    return Clocks(*(_clock(found, now) for found in (asked_us, we_asked)))


def _clock(offers: QuerySet[Offer], now: datetime) -> Clock:
    rows = list(offers.order_by().values_list("offered_at", "response__responded_at"))
    took = [answered - offered for offered, answered in rows if answered is not None]
    waits = [now - offered for offered, answered in rows if answered is None]
    hours = round(median(one.total_seconds() for one in took) / 3600, 1) if took else None
    return Clock(
        answered=len(took),
        median_hours=hours,
        waiting=len(waits),
        late=sum(one > LATE for one in (*took, *waits)),
    )
