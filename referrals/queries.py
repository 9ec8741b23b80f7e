"""Every read of the casework, a function per question. None filters for visibility: PostgreSQL has."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Extract, Greatest, NullIf, TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _

from agencies import cardkeys, vault
from agencies.models import Agency, AgencyType, LedgerEntry, Membership, Project, User
from agencies.roles import ROLES, Permission
from agencies.scope import NotAllowed, Scoped, current_actor
from referrals.models import (
    LIVE,
    Client,
    ClientOpenedTo,
    ContactCard,
    Draft,
    Enrollment,
    FollowUp,
    Offer,
    Referral,
    ReleaseOfInformation,
    Restriction,
    Screening,
    Service,
    Touchpoint,
)

DRAFTS_LIVE = timedelta(days=30)


def me() -> int:
    """The acting person. Raises NotAllowed for the hub's own hand, who has no caseload and types nothing."""
    user_id = current_actor().user_id
    if user_id is None:
        raise NotAllowed
    return user_id


def code_of(client: Client) -> str:
    """The agency's own code for the client, or a short form of its id where there is none, or none that opens
    (its key was destroyed, or is lost: the vault has logged which)."""
    if client.code_sealed:
        with suppress(vault.VaultError):
            return vault.unseal(
                client.code_sealed,
                agency=client.agency_id,
                place="client.code",
                row=client.pk,
                subject=client.pk,
            )
    return str(client.pk)[:8].upper()


def clients() -> QuerySet[Any]:
    """Clients with their last contact and whether they are enrolled, latest change first."""
    last_touch = Touchpoint.objects.filter(client=OuterRef("pk")).order_by("-occurred_at")
    last_service = Service.objects.filter(client=OuterRef("pk")).order_by("-provided_on")
    open_enrollment = Enrollment.objects.filter(client=OuterRef("pk"), exit_on=None).order_by("-entry_on")
    return (
        Client.objects.select_related("worker", "county")
        .annotate(
            last_touch_at=Subquery(last_touch.values("occurred_at")[:1]),
            last_service_on=Subquery(last_service.values("provided_on")[:1]),
            is_enrolled=Exists(open_enrollment),
            project_name=Subquery(open_enrollment.values("project__name")[:1]),
            enrolled_on=Subquery(open_enrollment.values("entry_on")[:1]),
        )
        .order_by("-changed_at", "pk")
    )


def cards() -> QuerySet[ContactCard]:
    """The agency's sealed cards that this worker may open, in the order of their clients' ids."""
    return ContactCard.objects.filter(agency_id=current_actor().agency_id).order_by("client_id")


def older_cards(after: UUID | None = None) -> QuerySet[ContactCard]:
    """Cards still under an older version of the key, from behind that client on."""
    older = cards().filter(key_version__lt=cardkeys.version_in_force())
    return older.filter(client_id__gt=after) if after else older


def cards_changed_since_tokens(epoch: int) -> QuerySet[ContactCard]:
    """Cards of clients whose tokens of this epoch are older than what the card says now.

    A re-seal changes the row and not what it says. What it says is dated by a browser's clock, which may be
    an hour wrong.
    """
    made = F("client__link_record__changed_at")
    return cards().filter(
        client__link_record__epoch=epoch, changed_at__gt=made, saved_at__gt=Extract(made, "epoch") - 3600
    )


def counted_until(clients: Iterable[Client]) -> dict[UUID, datetime]:
    """By client: when the live release ends under which they are counted; without one they are left out."""
    found = ReleaseOfInformation.objects.filter(
        LIVE, recipient=None, classes__contains=["count"], client__in=clients
    )
    return dict(found.values_list("client").annotate(Max("ends_at")))


def sealed_card(card: ContactCard) -> bytes:
    """The card as a browser sealed it, out of the hub's own cover; empty once it was shredded.

    A card that was saved before cards were covered, and not since, begins with the browser's own format. One
    whose key is lost is handed out as it is: the browser then says loudly that it does not open.
    """
    covered = bytes(card.sealed_e2e)
    if covered[:1] == b"\x01":
        return covered
    agency, client = card.agency_id, card.client_id
    try:
        return vault.unseal_bytes(covered, agency=agency, place=ContactCard.PLACE, row=client, subject=client)
    except vault.VaultError:
        return b"" if vault.is_shredded(agency, client) else covered


def card_of(client: Client) -> ContactCard | None:
    return cards().filter(client=client).first()


def caseload() -> QuerySet[Any]:
    """The acting worker's own clients."""
    return clients().filter(worker_id=me())


def silent_longest(clients: QuerySet[Any]) -> QuerySet[Any]:
    """Those nobody has met for the longest time first; never met at all before everybody."""
    return clients.order_by(
        Greatest(TruncDate("last_touch_at"), "last_service_on").asc(nulls_first=True), "recorded_at", "pk"
    )


def client_by_code(code: str) -> Client | None:
    """The client that the agency knows by this code, found by its keyed token; spelling and case forgiven."""
    token = vault.token(code, agency=current_actor().agency_id, place="client.code")
    return Client.objects.filter(code_token=token).first()


def clients_known_as(
    *, sources: Iterable[str] = (), codes: Iterable[str] = ()
) -> tuple[dict[str, Client], dict[str, Client]]:
    """Clients by the source key an import gave them, and by the agency's own code as it was asked for.

    Those that are unknown, another agency's or closed to this worker are left out alike. Each has
    `card_revision`, 0 without a card.
    """
    tokens = {
        code: vault.token(code, agency=current_actor().agency_id, place="client.code")
        for code in codes
        if code.strip()
    }
    keys = [source for source in sources if source]
    found = Client.objects.filter(Q(source_key__in=keys) | Q(code_token__in=set(tokens.values()))).annotate(
        card_revision=Coalesce(F("card__revision"), 0)
    )
    rows = list(found)
    by_source = {row.source_key: row for row in rows if row.source_key}
    by_token = {bytes(row.code_token): row for row in rows if row.code_token}
    return (
        {key: by_source[key] for key in keys if key in by_source},
        {code: by_token[token] for code, token in tokens.items() if token in by_token},
    )


def recently_seen(limit: int = 6) -> list[Client]:
    """The clients this worker opened last, from the ledger of views."""
    actor = current_actor()
    seen = (
        LedgerEntry.objects.filter(agency_id=actor.agency_id, user_id=me(), verb="client.viewed")
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


@dataclass(frozen=True, slots=True)
class Record:
    """What one agency holds of a client, each kind newest first, read once."""

    touchpoints: list[Touchpoint]
    screenings: list[Screening]
    referrals: list[Referral]
    follow_ups: list[FollowUp]
    services: list[Service]
    enrollments: list[Enrollment]

    def timeline(self) -> list[Moment]:
        """Everything that has a time, newest first."""
        moments = [Moment(row.occurred_at, "touchpoint", row, False) for row in self.touchpoints]
        moments += [Moment(row.screened_at, "screening", row, False) for row in self.screenings]
        moments += [Moment(row.sent_at, "referral", row, False) for row in self.referrals if row.sent_at]
        moments += [Moment(row.followed_up_at, "follow_up", row, False) for row in self.follow_ups]
        moments += [Moment(_midnight(row.provided_on), "service", row, True) for row in self.services]
        for row in self.enrollments:
            moments.append(Moment(_midnight(row.entry_on), "entry", row, True))
            if row.exit_on is not None:
                moments.append(Moment(_midnight(row.exit_on), "exit", row, True))
        return sorted(moments, key=lambda moment: (moment.at, moment.kind), reverse=True)


def record_of(client: Client, limit: int = 200) -> Record:
    """What this agency did with the client: at most `limit` rows of each kind, in six queries."""
    return Record(
        touchpoints=list(Touchpoint.objects.filter(client=client)[:limit]),
        screenings=list(Screening.objects.filter(client=client)[:limit]),
        referrals=list(referrals_of(client)[:limit]),
        follow_ups=list(FollowUp.objects.filter(client=client)[:limit]),
        services=list(Service.objects.filter(client=client).select_related("project")[:limit]),
        enrollments=list(enrollments(client)[:limit]),
    )


def timeline(client: Client, limit: int = 200) -> list[Moment]:
    """What this agency did with the client, newest first."""
    return record_of(client, limit).timeline()[:limit]


def enrollments(client: Client) -> QuerySet[Enrollment]:
    return Enrollment.objects.filter(client=client).select_related("project")


def referrals() -> QuerySet[Any]:
    """Our referrals, newest first, with `answered`, `answered_by` and `ends_at`, the end of the last offer.

    Of several answers an acceptance counts before a waitlist before a decline; None while nobody answered.
    """
    best = (
        Offer.objects.filter(referral=OuterRef("pk"))
        .exclude(response=None)
        .order_by(
            Case(
                When(response__outcome="accepted", then=0),
                When(response__outcome="waitlisted", then=1),
                default=2,
            )
        )
    )
    last = Offer.objects.filter(referral=OuterRef("pk")).order_by("-expires_at")
    return Referral.objects.annotate(
        answered=Coalesce(
            Subquery(best.values("response__outcome")[:1]), NullIf("reported_outcome", Value(""))
        ),
        answered_by=Subquery(best.values("receiver__name")[:1]),
        ends_at=Subquery(last.values("expires_at")[:1]),
    )


def referrals_of(client: Client) -> QuerySet[Any]:
    return referrals().filter(client=client)


def referrals_waiting(clients: Iterable[Client]) -> dict[UUID, Referral]:
    """By client: the newest referral that nobody has accepted or declined."""
    rows = (
        referrals()
        .filter(client__in=[one.pk for one in clients])
        .exclude(sent_at=None)
        .order_by("sent_at", "pk")
    )
    return {row.client_id: row for row in rows if row.answered in (None, "waitlisted")}


def offers_of(referral: Referral) -> QuerySet[Offer]:
    """The offers of one of our referrals, with their answers."""
    return Offer.objects.filter(referral=referral).select_related("receiver", "response")


def note_of(row: Touchpoint | Service) -> str:
    """A contact's or service's note, opened for this reader."""
    if not row.note_sealed:
        return ""
    place = f"{row._meta.model_name}.note"
    try:
        return vault.unseal(
            row.note_sealed, agency=row.agency_id, place=place, row=row.pk, subject=row.client_id
        )
    except vault.VaultError:
        if row.client_id and vault.is_shredded(row.agency_id, row.client_id):
            return ""
        return _("This note can't be opened. Tell whoever runs the hub.")


def my_drafts() -> QuerySet[Draft]:
    return Draft.objects.filter(user_id=me(), changed_at__gt=timezone.now() - DRAFTS_LIVE).select_related(
        "client"
    )


def draft_of(form: str, client: Client | None = None) -> Draft | None:
    """What this worker typed into the form and did not save."""
    return my_drafts().filter(form=form, client=client).first()


def inbox() -> QuerySet[Offer]:
    """Offers that wait for the acting agency's answer, oldest first."""
    return received().filter(response=None, expires_at__gt=timezone.now()).order_by("offered_at")


def received() -> QuerySet[Offer]:
    """Every offer made to the acting agency, newest first, answered or not."""
    return (
        Offer.objects.filter(receiver=current_actor().agency_id)
        .select_related("response")
        .annotate(sender=F("agency__name"))
    )


def receivers() -> QuerySet[Agency]:
    """The agencies of the network that can be asked: all but our own, the hub's office and those who left."""
    return (
        Agency.objects.exclude(pk=current_actor().agency_id)
        .exclude(type=AgencyType.HUB_OFFICE)
        .filter(left_on=None)
    )


def colleagues() -> QuerySet[User]:
    """The people who work with clients at the acting agency."""
    roles = [role.name for role in ROLES.values() if Permission.CLIENT_VIEW in role.grants]
    here = Membership.objects.filter(agency_id=current_actor().agency_id, role__in=roles)
    return User.objects.filter(is_active=True, pk__in=here.values("user")).order_by("name", "pk")


def who_looked(client: Client, limit: int = 12) -> list[LedgerEntry]:
    """The last who opened or changed the record itself, newest first, for those who may read the ledger."""
    return list(
        LedgerEntry.objects.filter(agency_id=client.agency_id, target_id=str(client.pk))
        .select_related("user")
        .order_by("-id")[:limit]
    )


def is_closed_to_colleagues(client: Client) -> bool:
    return Restriction.objects.filter(client=client).exists()


def closed_only_to(user: User) -> list[UUID]:
    """Closed records that nobody else at the agency can open: by id, as the reader may not see them.

    Someone at rest, or without a role here that sees clients, opens nothing.
    """
    seeing = [role.name for role in ROLES.values() if Permission.CLIENT_VIEW in role.grants]
    others = Membership.objects.filter(
        agency_id=current_actor().agency_id, role__in=seeing, user__is_active=True
    ).exclude(user=user)
    opened = ClientOpenedTo.objects.filter(content_object_id__in=Restriction.objects.values("client_id"))
    by_others = opened.filter(user_id__in=others.values("user_id")).values("content_object_id")
    of_user = opened.filter(user=user).exclude(content_object_id__in=by_others)
    return list(of_user.order_by("content_object_id").values_list("content_object_id", flat=True).distinct())


def is_recorded(model: type[Scoped], id: UUID) -> bool:
    """Whether this row was recorded already: the same form sent twice."""
    return model.objects.filter(pk=id).exists()


def services_on(clients: Iterable[Client], *, type: str, day: date) -> dict[UUID, list[Service]]:
    """By client: what of this service stands already on that day."""
    found: dict[UUID, list[Service]] = {}
    rows = Service.objects.filter(client__in=[one.pk for one in clients], type=type, provided_on=day)
    for row in rows:
        found.setdefault(row.client_id, []).append(row)
    return found


def projects() -> QuerySet[Project]:
    """The agency's projects that run today."""
    today = timezone.localdate()
    return Project.objects.filter(Q(ended_on=None) | Q(ended_on__gt=today))


def lost_after() -> timedelta:
    return timedelta(days=Agency.objects.get(pk=current_actor().agency_id).lost_after_days)


def out_of_touch() -> QuerySet[Any]:
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
