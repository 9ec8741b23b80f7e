"""Every read of the casework, a function per question. None filters for visibility: PostgreSQL has."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from agencies import vault
from agencies.models import Agency, LedgerEntry, Project
from agencies.scope import current_actor
from referrals.models import (
    Client,
    Draft,
    Enrollment,
    FollowUp,
    Offer,
    Referral,
    Screening,
    Service,
    Touchpoint,
)

DRAFTS_LIVE = timedelta(days=30)


def code_of(client: Client) -> str:
    """The agency's own code for the client, or a short form of its id where there is none."""
    if not client.code_sealed:
        return str(client.pk)[:8].upper()
    return vault.unseal(
        bytes(client.code_sealed), agency=client.agency_id, place="client.code", row=client.pk
    )


def clients() -> QuerySet[Client]:
    """Clients with their last contact and whether they are enrolled, latest change first."""
    last_touch = Touchpoint.objects.filter(client=OuterRef("pk")).order_by("-occurred_at")
    last_service = Service.objects.filter(client=OuterRef("pk")).order_by("-provided_on")
    open_enrollment = Enrollment.objects.filter(client=OuterRef("pk"), exit_on=None)
    return (
        Client.objects.select_related("worker", "county")
        .annotate(
            last_touch_at=Subquery(last_touch.values("occurred_at")[:1]),
            last_service_on=Subquery(last_service.values("provided_on")[:1]),
            is_enrolled=Exists(open_enrollment),
        )
        .order_by("-changed_at", "pk")
    )


def caseload() -> QuerySet[Client]:
    """The acting worker's own clients."""
    return clients().filter(worker_id=current_actor().user_id)


def client_by_code(code: str) -> Client | None:
    """The client that the agency knows by this code, found by its keyed token; spelling and case forgiven."""
    token = vault.token(code, agency=current_actor().agency_id, place="client.code")
    return Client.objects.filter(code_token=token).first()


def recently_seen(limit: int = 6) -> list[Client]:
    """The clients this worker opened last, from the ledger of views."""
    actor = current_actor()
    seen = (
        LedgerEntry.objects.filter(agency_id=actor.agency_id, user_id=actor.user_id, verb="client.viewed")
        .values("target_id")
        .annotate(last=Max("id"))
        .order_by("-last")[:limit]
    )
    ids = [UUID(entry["target_id"]) for entry in seen]
    found = {client.pk: client for client in Client.objects.filter(pk__in=ids)}
    return [found[one] for one in ids if one in found]


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of a client's timeline: when, of which kind, and the row itself."""

    at: datetime
    kind: str
    row: Any
    is_whole_day: bool


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime(day.year, day.month, day.day))


def timeline(client: Client, limit: int = 200) -> list[Moment]:
    """What this agency did with the client, newest first."""
    moments = [
        Moment(row.occurred_at, "touchpoint", row, False)
        for row in Touchpoint.objects.filter(client=client).select_related("worker")[:limit]
    ]
    moments += [
        Moment(row.screened_at, "screening", row, False)
        for row in Screening.objects.filter(client=client)[:limit]
    ]
    moments += [
        Moment(row.sent_at, "referral", row, False)
        for row in Referral.objects.filter(client=client).exclude(sent_at=None)[:limit]
    ]
    moments += [
        Moment(row.followed_up_at, "follow_up", row, False)
        for row in FollowUp.objects.filter(client=client)[:limit]
    ]
    moments += [
        Moment(_midnight(row.provided_on), "service", row, True)
        for row in Service.objects.filter(client=client).select_related("project")[:limit]
    ]
    for row in enrollments(client):
        moments.append(Moment(_midnight(row.entry_on), "entry", row, True))
        if row.exit_on is not None:
            moments.append(Moment(_midnight(row.exit_on), "exit", row, True))
    return sorted(moments, key=lambda moment: (moment.at, moment.kind), reverse=True)[:limit]


def enrollments(client: Client) -> QuerySet[Enrollment]:
    return Enrollment.objects.filter(client=client).select_related("project")


def referrals_of(client: Client) -> QuerySet[Referral]:
    return Referral.objects.filter(client=client).annotate(
        answered=F("offers__response__outcome"), receiver_name=F("offers__receiver__name")
    )


def note_of(row: Touchpoint | Service) -> str:
    """A contact's or service's note, opened for this reader."""
    if not row.note_sealed:
        return ""
    place = f"{row._meta.model_name}.note"
    return vault.unseal(bytes(row.note_sealed), agency=row.agency_id, place=place, row=row.pk)


def my_drafts() -> QuerySet[Draft]:
    return Draft.objects.filter(
        user_id=current_actor().user_id, changed_at__gt=timezone.now() - DRAFTS_LIVE
    ).select_related("client")


def inbox() -> QuerySet[Offer]:
    """Offers that wait for the acting agency's answer, oldest first."""
    return (
        Offer.objects.filter(receiver=current_actor().agency_id, response=None, expires_at__gt=timezone.now())
        .annotate(sender=F("agency__name"))
        .order_by("offered_at")
    )


def projects() -> QuerySet[Project]:
    """The agency's projects that run today."""
    today = timezone.localdate()
    return Project.objects.filter(Q(ended_on=None) | Q(ended_on__gt=today))


def lost_after() -> timedelta:
    return timedelta(days=Agency.objects.get(pk=current_actor().agency_id).lost_after_days)


def out_of_touch() -> QuerySet[Client]:
    """My clients, enrolled, whom nobody has met for longer than the agency allows, longest first."""
    limit = timezone.now() - lost_after()
    return (
        caseload()
        .filter(is_enrolled=True)
        .filter(
            Q(last_touch_at__lt=limit) | Q(last_touch_at=None),
            Q(last_service_on__lt=limit) | Q(last_service_on=None),
        )
        .order_by(F("last_touch_at").asc(nulls_first=True), "pk")
    )
