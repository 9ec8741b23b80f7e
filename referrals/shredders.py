"""Forgetting who clients were: what is due, what stops it, how it goes, and what is left to show (ADR 0012).

What goes from which table is said by the models' privacy. The service record stays.
"""

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import CharField, Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Cast, Coalesce, Greatest, Now, TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _

from agencies import ledger, vault
from agencies.models import Agency
from agencies.privacy import Privacy, client_path, shredded_fields, subject_column
from agencies.roles import Permission
from agencies.scope import Actor, acting_as, current_actor
from agencies.scope.shredding import in_turn, shredding
from referrals import actions
from referrals.models import (
    Client,
    ContactCard,
    CountObjection,
    Disclosure,
    Draft,
    Enrollment,
    FollowUp,
    Handover,
    LegalHold,
    Referral,
    ReleaseOfInformation,
    Screening,
    Service,
    Shredding,
    Touchpoint,
)
from referrals.picklists import RevocationWay, ShredReason
from referrals.releases import objection_id

log = logging.getLogger(__name__)

AT_ONCE = 200
NOTICE = timedelta(days=30)
# What agencies are advised to keep a client's file for after the last service, at most.
PROPOSED_MONTHS = 12
MOST_MONTHS = 120


def set_months(months: int | None) -> None:
    """From now on identity is kept this long after the last service; None: nothing goes by date.

    Raises ValidationError for less than one month or more than MOST_MONTHS.
    """
    actor = current_actor()
    actor.require(Permission.AGENCY_MANAGE)
    if months is not None and not 1 <= months <= MOST_MONTHS:
        raise ValidationError({"months": _("Choose from 1 to %(most)d months.") % {"most": MOST_MONTHS}})
    Agency.objects.filter(pk=actor.agency_id).update(identity_kept_months=months)
    ledger.record("agency.changed", Agency(pk=actor.agency_id))


def months_kept() -> int | None:
    return Agency.objects.values_list("identity_kept_months", flat=True).get(pk=current_actor().agency_id)


# What is due


@dataclass(frozen=True, slots=True)
class Due:
    """A client whose identity is due: the day of the last service, and whether a hold keeps it."""

    client: UUID
    last_on: date
    is_held: bool


def due(on: date | None = None) -> list[Due]:
    """Who is due by the agency's date on that day (today), longest ago first, closed records too.

    Nobody while no date is set; never someone enrolled, nor whoever was entered within the notice.
    """
    months = months_kept()
    if months is None:
        return []
    with shredding():
        found = _due(on or timezone.localdate(), months).order_by("last_on", "pk")
        return [Due(*one) for one in found.values_list("pk", "last_on", "is_held")]


def _due(day: date, months: int) -> QuerySet[Any]:
    """Whatever was entered or saved last within the notice could not be looked at yet, and waits."""
    noticed = day - NOTICE
    return _still_there().filter(
        Q(card_saved=None) | Q(card_saved__lte=datetime.combine(noticed, time.min, tzinfo=UTC).timestamp()),
        is_enrolled=False,
        last_on__lte=_months_before(day, months),
        recorded_at__date__lte=noticed,
    )


def _months_before(day: date, months: int) -> date:
    """The same day of the month that lies so far back, or its last day."""
    years, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    first = date(years, month + 1, 1)
    last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(day.day, last.day))


def _still_there() -> QuerySet[Any]:
    """Clients not shredded, with `last_on`, `is_enrolled` and `is_held`."""
    of: dict[str, tuple[Any, Any]] = {
        "touched": (Touchpoint, TruncDate("occurred_at")),
        "served": (Service, F("provided_on")),
        "entered": (Enrollment, Coalesce(F("exit_on"), F("entry_on"))),
        "followed": (FollowUp, TruncDate("followed_up_at")),
        "screened": (Screening, TruncDate("screened_at")),
        "referred": (Referral, TruncDate("sent_at")),
        "handed": (Handover, TruncDate("recorded_at")),
    }
    last = {
        name: Subquery(
            model._default_manager.filter(client=OuterRef("pk"))
            .order_by()
            .values("client")
            .annotate(last=Max(day))
            .values("last")
        )
        for name, (model, day) in of.items()
    }
    held = LegalHold.objects.filter(ended_at=None)
    return (
        Client.objects.order_by()
        .annotate(
            **last,
            last_on=Coalesce(Greatest(*last), TruncDate("recorded_at")),
            card_saved=Subquery(ContactCard.objects.filter(client=OuterRef("pk")).values("saved_at")[:1]),
            is_enrolled=Exists(Enrollment.objects.filter(client=OuterRef("pk"), exit_on=None)),
            is_held=Exists(held.filter(Q(client=OuterRef("pk")) | Q(client=None))),
        )
        .filter(~Exists(Shredding.objects.filter(client=OuterRef("pk"))))
    )


# Legal holds


def hold(*, client: Client | None, reference: str) -> LegalHold:
    """Keep this client's identity, or with None everybody's at the agency, until the hold is ended."""
    actor = current_actor()
    actor.require(Permission.CARD_KEEP)
    reference = actions.refuse_identity(reference.strip(), field="reference")
    in_turn()
    held = LegalHold(id=uuid.uuid4(), agency_id=actor.agency_id, client=client, placed_by_id=actor.user_id)
    if reference:
        held.reference_sealed = vault.seal(
            reference,
            agency=actor.agency_id,
            place="legalhold.reference",
            row=held.pk,
            subject=held.client_id,
        )
    held.save(force_insert=True)
    return held


def reference_of(held: LegalHold) -> str:
    """The case or letter a hold rests on; empty where none was given or it was shredded since."""
    if not held.reference_sealed:
        return ""
    return vault.unseal(
        held.reference_sealed,
        agency=held.agency_id,
        place="legalhold.reference",
        row=held.pk,
        subject=held.client_id,
    )


def end_hold(held: LegalHold) -> None:
    """From now on the client's identity may go again."""
    actor = current_actor()
    actor.require(Permission.CARD_KEEP)
    LegalHold.objects.filter(pk=held.pk, ended_at=None).update(
        ended_at=timezone.now(), ended_by_id=actor.user_id, changed_at=timezone.now()
    )


def holds() -> QuerySet[LegalHold]:
    """The holds that live, newest first."""
    return LegalHold.objects.filter(ended_at=None).select_related("client", "placed_by")


def hold_on(client: Client) -> LegalHold | None:
    """What keeps this client's identity from going, if something does."""
    return holds().filter(Q(client=client) | Q(client=None)).first()


# The shredding


def shred(clients: Iterable[UUID], *, why: ShredReason, cut_source: bool = False) -> list[Shredding]:
    """Forget who these clients were, in the caller's transaction; their keys go when it commits.

    The lines of its certificate: whoever is held or shredded already is passed over. `cut_source` also cuts
    the link by which the next file from the agency's own system would find the record. Raises NotAllowed
    without card_keep.
    """
    actor = current_actor()
    run = uuid.uuid4()
    months = months_kept()
    with shredding():
        # Whoever writes to one of these clients meanwhile waits, and then finds no key. What was written
        # just before counts: whether they go is asked once they are held.
        rows = Client.objects.filter(pk__in=list(clients)).order_by("pk")
        held = list(rows.select_for_update().values_list("pk", flat=True))
        going = _going(held, why, months)
        fingerprints = vault.subject_fingerprints(actor.agency_id, going)
        lost = _without_key(going, fingerprints)
        going = [client for client in going if client not in lost]
        taken_back = _take_back(
            ReleaseOfInformation.objects.filter(client__in=going), RevocationWay.FORGOTTEN
        )
        went, own_keys = _empty(going, cut_source=cut_source)
        lines = Shredding.objects.bulk_create(
            Shredding(
                agency_id=actor.agency_id,
                run=run,
                client_id=client,
                why=why,
                asked_by_id=actor.user_id,
                cut_source=cut_source,
                went=went[client],
                fingerprint=fingerprints.get(client, ""),
            )
            for client in going
        )
    if going:
        ledger.record("identity.shredded", rows=len(going))
        vault.destroy_subject_keys(actor.agency_id, [*going, *own_keys, *taken_back])
        transaction.on_commit(partial(say_when, actor.agency_id))
    return lines


def _going(clients: Sequence[UUID], why: ShredReason, months: int | None) -> list[UUID]:
    """Those of them who may go for this reason now. What a backup brought back goes whatever holds it."""
    found: Any
    if why == ShredReason.BY_DATE:
        found = _due(timezone.localdate(), months) if months else Client.objects.none()
    else:
        found = _still_there()
    if why != ShredReason.RESTORED:
        found = found.filter(is_held=False)
    return list(found.filter(pk__in=clients).order_by("pk").values_list("pk", flat=True))


def _without_key(clients: Sequence[UUID], fingerprints: Mapping[UUID, str]) -> set[UUID]:
    """Clients with a card whose key is neither in the folder nor destroyed: the folder is not whole, and what
    would be certified here could come back with it."""
    agency = current_actor().agency_id
    cards = ContactCard.objects.filter(client_id__in=clients).order_by()
    lost = {
        client
        for client in cards.values_list("client_id", flat=True)
        if client not in fingerprints and not vault.is_shredded(agency, client)
    }
    if lost:
        log.error("agency %s: the keys of %s clients are missing; they were not shredded", agency, len(lost))
    return lost


def tables() -> list[type[models.Model]]:
    """Every table about clients that says who they are, the clients' own last."""
    found = [one for one in apps.get_models() if client_path(one) and shredded_fields(one, cut_source=True)]
    return sorted(found, key=lambda model: (model is Client, model._meta.label))


def would_go(client: Client) -> dict[str, int]:
    """A dry run for one client: in how many rows of which table something would be emptied or deleted."""
    with shredding():
        return {
            str(model._meta.model_name): count
            for model in tables()
            if shredded_fields(model, cut_source=False) and (count := _rows(model, [client.pk]).count())
        }


def _rows(model: type[models.Model], clients: Sequence[UUID]) -> QuerySet[Any]:
    return model._default_manager.filter(**{f"{client_path(model)}__in": clients}).order_by()


def _empty(clients: Sequence[UUID], *, cut_source: bool) -> tuple[dict[UUID, dict[str, int]], list[UUID]]:
    """Empty what identifies them. By client, in how many rows of which table; and the rows that had keys of
    their own. The hand that does it can't look into these columns: a row without a note counts as well."""
    went: dict[UUID, dict[str, int]] = {client: {} for client in clients}
    own_keys: list[UUID] = []
    for model in tables():
        fields = shredded_fields(model, cut_source=cut_source)
        path = client_path(model) or "pk"
        if not fields:
            continue
        rows = _rows(model, clients)
        for client in rows.values_list(path, flat=True):
            name = str(model._meta.model_name)
            went[client][name] = went[client].get(name, 0) + 1
        if subject_column(model) == "id" and model is not Client:
            own_keys += rows.values_list("pk", flat=True)
        if Privacy.of(model).whole:
            rows.delete()
        else:
            rows.update(**{name: _nothing(model, name) for name in fields})
    return went, own_keys


def _take_back(releases: QuerySet[ReleaseOfInformation], how: RevocationWay) -> list[UUID]:
    """Revoke those that are not; their ids. What lies under them goes with them, by trigger."""
    going = releases.filter(revoked_at=None)
    found = list(going.order_by().values_list("pk", flat=True))
    going.filter(pk__in=found).update(revoked_at=Now(), revoked_how=how, changed_at=Now())
    return found


def _nothing(model: type[models.Model], name: str) -> Any:
    field = model._meta.get_field(name)
    if getattr(field, "null", False):
        return None
    return b"" if isinstance(field, models.BinaryField) else ""


def say_when(agency: int) -> int:
    """Destroy what is to be destroyed, and write on the certificates whose keys are gone; how many. A door of
    its own. The nightly run calls it too, for what a crash left between a commit and the keys."""
    vault.finish_destroying(agency)
    with acting_as(Actor.hub(agency, Permission.CARD_KEEP)), shredding():
        left = Shredding.objects.filter(key_destroyed_at=None)
        gone = [one for one in left.values_list("client_id", flat=True) if vault.is_shredded(agency, one)]
        now = timezone.now()
        return left.filter(client_id__in=gone).update(key_destroyed_at=now, changed_at=now)


# What there is to show of it


def certificate(line: Shredding) -> QuerySet[Shredding]:
    """All lines of its run, as far as their records are open to the reader."""
    return Shredding.objects.filter(run=line.run).select_related("asked_by", "agency").order_by("client_id")


def certificates(limit: int = 50) -> list[dict[str, Any]]:
    """The last runs: `at`, `why`, `clients` open to the reader, `keys_gone` of them, and one `line`."""
    runs = Shredding.objects.order_by().values("run", "why")
    told = runs.annotate(
        line=Min(Cast("pk", CharField())),
        at=Min("recorded_at"),
        clients=Count("pk"),
        keys_gone=Count("key_destroyed_at"),
    )
    return [dict(one) for one in told.order_by("-at")[:limit]]


def shredding_of(client: Client) -> Shredding | None:
    return Shredding.objects.filter(client=client).first()


# By night


def by_night(agency: Agency) -> int:
    """Forget who is due at the agency, a few at a time, each in a transaction of its own; how many.

    Before it, what was shredded or taken back once goes again where a restored backup or an old key file
    brought it back.
    """
    again = go_again(agency)
    gone = 0
    while True:
        with acting_as(Actor.hub(agency, Permission.CARD_KEEP)):
            due_now = [one.client for one in due() if not one.is_held][:AT_ONCE]
            went = len(shred(due_now, why=ShredReason.BY_DATE)) if due_now else 0
        gone += went
        if not went:
            return again + gone


def go_again(agency: Agency) -> int:
    """Let go anew what came back; how many clients were shredded. The ledger says so, and the log. Called
    before a hub serves too, as a dump may be from before somebody took a release back."""
    say_when(agency.pk)
    with acting_as(Actor.hub(agency, Permission.CARD_KEEP)):
        with shredding():
            done = Shredding.objects.exclude(key_destroyed_at=None).values_list("client_id", flat=True)
            keys = [client for client in done if not vault.is_shredded(agency.pk, client)]
        if keys:
            log.error("agency %s: %s destroyed keys were in the key folder again", agency.pk, len(keys))
            ledger.record("identity.key_came_back", rows=len(keys))
            vault.destroy_subject_keys(agency.pk, keys)
        destroyed = vault.shredded_subjects(agency.pk)
        _drop_rows_of(destroyed)
        _take_back_again(destroyed)
        return len(shred(destroyed, why=ShredReason.RESTORED)) if destroyed else 0


def _take_back_again(destroyed: Sequence[UUID]) -> None:
    """A release that was taken back, and a word against being counted, stand among the destroyed keys."""
    marks = frozenset(destroyed)
    if not marks:
        return
    back = ReleaseOfInformation.objects.filter(client=OuterRef("pk"), recipient=None).exclude(revoked_at=None)
    said = CountObjection.objects.filter(client=OuterRef("pk"))
    with shredding():
        again = _take_back(ReleaseOfInformation.objects.filter(pk__in=marks), RevocationWay.AGAIN)
        silent = Client.objects.filter(~Exists(back), ~Exists(said)).order_by()
        unheard = [client for client in silent.values_list("pk", flat=True) if objection_id(client) in marks]
        CountObjection.objects.bulk_create(
            CountObjection(agency_id=current_actor().agency_id, client_id=client) for client in unheard
        )
    if again or unheard:
        log.error("%s releases that had been taken back came back", len(again) + len(unheard))
        ledger.record("release.came_back", rows=len(again) + len(unheard))


def _drop_rows_of(destroyed: Sequence[UUID]) -> None:
    """Rows whose own key was destroyed and that a backup brought back: they can't be opened."""
    Disclosure.objects.filter(pk__in=destroyed).exclude(sealed_e2e=b"").update(sealed_e2e=b"", tag=b"")
    with shredding():
        Draft.objects.filter(pk__in=destroyed).order_by().delete()
