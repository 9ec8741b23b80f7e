"""Every write of the casework, a function per verb: check, change, say so.

Views and the API call these inside an open door and never save a row themselves. What the database holds
(owner, keys, one winner) is not checked again here. Writes enter the ledger by themselves.

`id` is for doors that may be asked the same thing twice: the second time the database refuses it.
"""

import json
import re
import secrets
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from guardian.shortcuts import assign_perm

from agencies import cardkeys, ledger, vault
from agencies.models import Agency, Project, User, VaultKey
from agencies.roles import Permission
from agencies.scope import NotAllowed, current_actor
from referrals.models import (
    Client,
    ClientOpenedTo,
    ContactCard,
    Draft,
    Enrollment,
    FollowUp,
    Offer,
    Referral,
    RefusedRows,
    Response,
    Restriction,
    Screening,
    Service,
    Touchpoint,
)
from referrals.picklists import DeclineReason, ServiceType, ServiceUnit
from referrals.queries import DRAFTS_LIVE, closed_only_to, me

# What must not stand in a field that is not sealed end to end (R06): number and address shapes. A name has
# no shape; the forms say in words that none belongs here.
IDENTITY_SHAPES = {
    "ssn": re.compile(r"\b\d{3}[- ]?\d{2}[- ]?\d{4}\b"),
    "a_number": re.compile(r"\bA[- ]?\d{8,9}\b", re.IGNORECASE),
    "phone": re.compile(r"(?<!\d)(?:\+?1[-. ]?)?\(?\d{3}\)?[-. ]?\d{3}[-. ]?\d{4}(?!\d)"),
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[a-z]{2,}", re.IGNORECASE),
    "address": re.compile(
        r"\b\d{1,5}\s+(?:\w+\s){1,3}(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|blvd|court|ct)\b",
        re.IGNORECASE,
    ),
}


def refuse_identity(text: str, *, field: str = "") -> str:
    """The text, or ValidationError if something in it looks like a number or address of a person (R06).

    With `field` the error says which one it was.
    """
    if any(shape.search(text) for shape in IDENTITY_SHAPES.values()):
        error = ValidationError(
            _(
                "This looks like a phone number, e-mail, ID number or street address. "
                "Leave it out: it does not belong on the hub. Nothing was saved; your text is still here."
            ),
            code="identity",
        )
        raise ValidationError({field: error}) if field else error
    return text


@dataclass(frozen=True, slots=True)
class SealedCard:
    """A contact card as a browser sealed it: `saved_at` in seconds since 1970, `revision` the one it began
    from, 0 for a first card. The bytes name the key version themselves; `key_version` says it again."""

    sealed: bytes
    saved_at: int
    key_version: int
    revision: int = 0


def open_client(
    *,
    id: UUID | None = None,
    code: str = "",
    facts: Mapping[str, Any] | None = None,
    card: SealedCard | None = None,
) -> Client:
    """Make a client record. Nothing is required; the code is the agency's own, never a name.

    A card comes together with its client or not at all; it was sealed for the client's `id`.
    Raises ValidationError for a code already used in the agency or that looks like an identity, and
    for a card as `save_card` does.
    """
    actor = current_actor()
    actor.require(Permission.CLIENT_EDIT)
    client = Client(
        id=id or uuid.uuid4(), agency_id=actor.agency_id, worker_id=actor.user_id, **(facts or {})
    )
    _set_code(client, code)
    with transaction.atomic():
        _save_with_code(client, force_insert=True)
        if card is not None:
            save_card(client=client, card=card)
    return client


def change_client(*, client: Client, code: str | None = None, facts: Mapping[str, Any]) -> Client:
    """Change facts of a client; `code` None leaves the code as it is."""
    current_actor().require(Permission.CLIENT_EDIT)
    # Only what is changed is written, and a shredding that runs meanwhile is waited for: neither brings the
    # other's old values back.
    Client.objects.select_for_update(of=("self",)).get(pk=client.pk)
    for name, value in facts.items():
        setattr(client, name, value)
    changed = [*facts, "changed_at"]
    if code is not None:
        _set_code(client, code)
        changed += ["code_sealed", "code_token"]
    _save_with_code(client, update_fields=changed)
    return client


def _code_is_taken() -> ValidationError:
    return ValidationError(
        {"code": _("Another client of your agency has this code. Choose another, or open that client.")}
    )


def _save_with_code(client: Client, **options: Any) -> None:
    """Save. The code may belong to a record closed to this worker, which only the constraint sees."""
    try:
        with transaction.atomic():
            client.save(**options)
    except IntegrityError as error:
        if "an_agency_uses_a_code_once" not in str(error):
            raise
        raise _code_is_taken() from error


def _set_code(client: Client, code: str) -> None:
    code = refuse_identity(code.strip(), field="code")
    if not code:
        client.code_sealed, client.code_token = b"", None
        return
    token = vault.token(code, agency=client.agency_id, place="client.code")
    if Client.objects.filter(code_token=token).exclude(pk=client.pk).exists():
        raise _code_is_taken()
    with _while_not_shredded("code"):
        client.code_sealed = vault.seal(
            code, agency=client.agency_id, place="client.code", row=client.pk, subject=client.pk
        )
    client.code_token = token


@contextmanager
def _while_not_shredded(field: str = "") -> Iterator[None]:
    """Raises ValidationError, of that field, where the client's identity was shredded."""
    try:
        yield
    except vault.Shredded as error:
        said = ValidationError(
            _(
                "The identity in this record was destroyed. Contacts and services can still be entered, but "
                "no name, code or note. Make a new record for a person who has come back."
            ),
            code="shredded",
        )
        raise ValidationError({field: said}) if field else said from error


# An envelope around padded content (docs/reference/card-formats.md): header, nonce and tag.
_ENVELOPE = 5 + 12 + 16
_SAVED_WITHIN = timedelta(days=1)


class CardMoved(Exception):
    """Somebody saved or re-sealed the card meanwhile; `revision` is where it stands now."""

    def __init__(self, revision: int) -> None:
        super().__init__(revision)
        self.revision = revision


def _newest_key() -> int:
    """The version that seals, held still until this transaction ends; 0 where no vault has begun."""
    keys = VaultKey.objects.filter(agency_id=current_actor().agency_id, destroyed_at=None)
    # In an order of its own: the model's would hold the agency's row too, and whoever writes anything waits.
    list(keys.order_by("version").select_for_update())
    # Asked anew: a renewal that this waited for has made a version which the lock's own query never saw.
    return cardkeys.version_in_force()


def _check_envelope(sealed: bytes, key_version: int, newest: int) -> None:
    """Raises ValidationError for bytes that no browser of this agency can have sealed just now."""
    if len(sealed) - _ENVELOPE not in cardkeys.CARD_SIZES:
        raise ValidationError(_("This is no sealed card: its length is not one that cards have."))
    if sealed[0] != 1:
        raise ValidationError(_("This is no sealed card: its format is not known here."))
    if not newest or key_version != newest:
        raise ValidationError(_("The agency's key has changed. Open the vault again, then save once more."))
    if int.from_bytes(sealed[1:5]) != key_version:
        raise ValidationError(_("This card says that it is sealed with another version of the key."))


def save_card(*, client: Client, card: SealedCard) -> int:
    """Keep the card's bytes under the next revision, which is returned. They are never opened here.

    Raises CardMoved if it no longer stands at `card.revision`, ValidationError for bytes that are no card
    under the newest key or for a time that is not about now, NotAllowed for who was not given that key: what
    they send can only be garbage over a card.
    """
    current_actor().require(Permission.CARD_OPEN)
    current_actor().require(Permission.CLIENT_EDIT)
    if cardkeys.holds_newest() is False:
        raise NotAllowed
    return _keep_card(client, card)


def bring_card_in(*, client: Client, card: SealedCard) -> int:
    """The same by who keeps the agency's keys, for cards that came in a file; they need not be one who
    changes clients. Raises NotAllowed also for who was not given the newest key, and else as `save_card`."""
    current_actor().require(Permission.CARD_OPEN)
    current_actor().require(Permission.CARD_KEEP)
    if not cardkeys.holds_newest():
        raise NotAllowed
    return _keep_card(client, card)


def _keep_card(client: Client, card: SealedCard) -> int:
    actor = current_actor()
    _check_envelope(card.sealed, card.key_version, _newest_key())
    if abs(card.saved_at - timezone.now().timestamp()) > _SAVED_WITHIN.total_seconds():
        raise ValidationError(_("This computer's clock is wrong by more than a day. Set it, then save."))
    facts = {
        "sealed_e2e": _covered(client.pk, card),
        "key_version": card.key_version,
        "revision": card.revision + 1,
        "saved_at": card.saved_at,
        "saved_by_id": actor.user_id,
    }
    if card.revision == 0:
        try:
            with transaction.atomic():
                ContactCard.objects.create(agency_id=actor.agency_id, client=client, **facts)
        except IntegrityError as error:
            raise _moved(client) from error
    else:
        stands = ContactCard.objects.filter(client=client, revision=card.revision)
        if not stands.update(changed_at=timezone.now(), **facts):
            raise _moved(client)
    return card.revision + 1


def _covered(client: UUID, card: SealedCard) -> bytes:
    """The card under the hub's own cover. Raises ValidationError where the client's identity was shredded."""
    agency = current_actor().agency_id
    with _while_not_shredded():
        return vault.seal(card.sealed, agency=agency, place=ContactCard.PLACE, row=client, subject=client)


def _moved(client: Client) -> CardMoved:
    stands = ContactCard.objects.filter(client=client).values_list("revision", flat=True).first()
    return CardMoved(stands or 0)


def reseal_cards(cards: Iterable[tuple[UUID, SealedCard]]) -> tuple[int, int]:
    """Keep cards sealed anew under the newest key, by client: how many, and how many had moved meanwhile.

    Nothing of them is changed but the key, so `saved_at` must be what it was. Raises ValidationError, and
    NotAllowed for who was not given the newest key: they could only put garbage over every older card.
    """
    current_actor().require(Permission.CARD_OPEN)
    if not cardkeys.holds_newest():
        raise NotAllowed
    newest, done, moved = _newest_key(), 0, 0
    for client_id, card in cards:
        _check_envelope(card.sealed, card.key_version, newest)
        older = ContactCard.objects.filter(
            client_id=client_id, revision=card.revision, saved_at=card.saved_at, key_version__lt=newest
        )
        if older.update(
            sealed_e2e=_covered(client_id, card),
            key_version=newest,
            revision=card.revision + 1,
            changed_at=timezone.now(),
        ):
            done += 1
        else:
            moved += 1
    return done, moved


def restrict_client(*, client: Client, openers: list[User]) -> None:
    """Close the record to colleagues, except those named; the acting worker always keeps it."""
    actor = current_actor()
    actor.require(Permission.CLIENT_RESTRICT)
    allowed = {user.pk: user for user in openers}
    if actor.user_id is not None:
        allowed[actor.user_id] = User.objects.get(pk=actor.user_id)
    for user in allowed.values():
        assign_perm("referrals.view_client", user, client)
    ClientOpenedTo.objects.filter(content_object=client).exclude(user_id__in=allowed).delete()
    Restriction.objects.get_or_create(agency_id=actor.agency_id, client=client)
    ledger.record("client.restricted", client)


def open_to_colleagues(*, client: Client) -> None:
    """End a restriction: every colleague with the right may open the record again."""
    current_actor().require(Permission.CLIENT_RESTRICT)
    Restriction.objects.filter(client=client).delete()
    ClientOpenedTo.objects.filter(content_object=client).delete()
    ledger.record("client.opened", client)


def take_over_closed(*, of: User) -> int:
    """Let the acting worker open the records that otherwise only this person can open; how many.

    Nobody may see the rows themselves here, so they are granted by id.
    """
    actor = current_actor()
    actor.require(Permission.CLIENT_RESTRICT)
    closed = closed_only_to(of)
    taker = User.objects.get(pk=me())
    for client_id in closed:
        assign_perm("referrals.view_client", taker, Client(pk=client_id))
    if closed:
        ledger.record("client.taken_over", rows=len(closed))
    return len(closed)


def record_touchpoint(
    *,
    sector: str,
    id: UUID | None = None,
    occurred_at: datetime | None = None,
    client: Client | None = None,
    note: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Touchpoint:
    """Record one contact; without a client it is anonymous. Sector and time are all it needs (R01)."""
    actor = current_actor()
    actor.require(Permission.CONTACT_RECORD if client is None else Permission.CLIENT_EDIT)
    at = occurred_at or timezone.now()
    if at > timezone.now() + timedelta(hours=1):
        raise ValidationError(
            {"occurred_at": _("This time is in the future. A contact has happened already.")}
        )
    touchpoint = Touchpoint(
        id=id or uuid.uuid4(),
        agency_id=actor.agency_id,
        client=client,
        worker_id=actor.user_id,
        sector=sector,
        occurred_at=at,
        **(facts or {}),
    )
    touchpoint.note_sealed = _sealed_note(touchpoint, note)
    touchpoint.save(force_insert=True)
    if client is not None:
        _carry_status(client, touchpoint)
    return touchpoint


def _sealed_note(row: Touchpoint | Service, note: str) -> bytes:
    note = refuse_identity(note.strip(), field="note")
    if not note:
        return b""
    place = f"{row._meta.model_name}.note"
    with _while_not_shredded("note"):
        return vault.seal(note, agency=row.agency_id, place=place, row=row.pk, subject=row.client_id)


def _carry_status(client: Client, touchpoint: Touchpoint) -> None:
    """A status learned in a contact stands on the client too, with who decided it and when."""
    if touchpoint.trafficking_status in ("not_asked", "unknown", "declined"):
        return
    decided_on = timezone.localdate(touchpoint.occurred_at)
    if client.status_decided_on is not None and decided_on < client.status_decided_on:
        return  # a contact entered late says nothing about what was decided since
    client.trafficking_status = touchpoint.trafficking_status
    client.status_decided_by = touchpoint.status_decided_by
    client.status_decided_on = decided_on
    changed = ["trafficking_status", "status_decided_by", "status_decided_on", "changed_at"]
    if touchpoint.trafficking_type not in ("not_asked", ""):
        client.trafficking_type = touchpoint.trafficking_type
        changed.append("trafficking_type")
    client.save(update_fields=changed)


def enroll(
    *, client: Client, project: Project, entry_on: date, facts: Mapping[str, Any] | None = None
) -> Enrollment:
    """Begin an enrollment. A client who was here before is reopened, and stays the same client (K10)."""
    actor = current_actor()
    actor.require(Permission.CLIENT_EDIT)
    before = Enrollment.objects.filter(client=client, project=project)
    if before.filter(exit_on=None).exists():
        raise ValidationError({"project": _("The client is enrolled there already.")})
    return Enrollment.objects.create(
        agency_id=actor.agency_id,
        client=client,
        project=project,
        entry_on=entry_on,
        is_reopened=before.exists(),
        **{"age_band_at_entry": client.age_band, **(facts or {})},
    )


def end_enrollment(*, enrollment: Enrollment, exit_on: date, destination: str, reason: str) -> Enrollment:
    """End an enrollment. Raises ValidationError for a day before the entry."""
    current_actor().require(Permission.CLIENT_EDIT)
    if exit_on < enrollment.entry_on:
        raise ValidationError({"exit_on": _("The exit can't be before the entry.")})
    enrollment.exit_on, enrollment.destination, enrollment.exit_reason = exit_on, destination, reason
    enrollment.save()
    return enrollment


def record_service(
    *,
    client: Client,
    type: str,
    provided_on: date,
    id: UUID | None = None,
    quantity: Decimal | int = 1,
    unit: str = "",
    enrollment: Enrollment | None = None,
    mode: str = "direct",
    note: str = "",
) -> Service:
    """Record a service. Without a unit it is the service's own first one; units are never added together.

    Without an enrollment it stands in the client's open one, if there is exactly one.
    """
    actor = current_actor()
    actor.require(Permission.CLIENT_EDIT)
    service_type = ServiceType(type)
    unit = unit or str(service_type.units[0])
    if ServiceUnit(unit) not in service_type.units:
        raise ValidationError({"unit": _("This service is not counted in that unit.")})
    if provided_on > timezone.localdate():
        raise ValidationError({"provided_on": _("This day is in the future.")})
    if enrollment is None:
        running = list(Enrollment.objects.filter(client=client, exit_on=None)[:2])
        enrollment = running[0] if len(running) == 1 else None
    service = Service(
        id=id or uuid.uuid4(),
        agency_id=actor.agency_id,
        client=client,
        enrollment=enrollment,
        project_id=enrollment.project_id if enrollment else None,
        provided_on=provided_on,
        type=type,
        mode=mode,
        quantity=quantity,
        unit=unit,
        worker_id=actor.user_id,
    )
    service.note_sealed = _sealed_note(service, note)
    service.save(force_insert=True)
    return service


def record_screening(
    *, client: Client, tool: str, result: str, facts: Mapping[str, Any], id: UUID | None = None
) -> Screening:
    """Record a screening. Its result opens options and closes none: no action reads it (S2)."""
    actor = current_actor()
    actor.require(Permission.CLIENT_EDIT)
    return Screening.objects.create(
        id=id or uuid.uuid4(),
        agency_id=actor.agency_id,
        client=client,
        tool=tool,
        result=result,
        worker_id=actor.user_id,
        **{"screened_at": timezone.now(), **facts},
    )


def record_follow_up(
    *, client: Client, enrollment: Enrollment | None, outcome: str, at: datetime, id: UUID | None = None
) -> FollowUp:
    """Record how a client was after the exit, also when nobody was reached."""
    actor = current_actor()
    actor.require(Permission.CLIENT_EDIT)
    return FollowUp.objects.create(
        id=id or uuid.uuid4(),
        agency_id=actor.agency_id,
        client=client,
        enrollment=enrollment,
        outcome=outcome,
        followed_up_at=at,
        worker_id=actor.user_id,
    )


def send_referral(
    *, client: Client, needed: str, receivers: list[Agency], id: UUID | None = None
) -> Referral:
    """Look for a service: one Offer to each receiver, with an opaque code and nothing about the client."""
    actor = current_actor()
    actor.require(Permission.REFERRAL_SEND)
    referral = Referral.objects.create(
        id=id or uuid.uuid4(),
        agency_id=actor.agency_id,
        client=client,
        needed=needed,
        sent_at=timezone.now(),
        worker_id=actor.user_id,
    )
    for receiver in receivers:
        Offer.objects.create(
            agency_id=actor.agency_id,
            referral=referral,
            receiver=receiver,
            needed=needed,
            handover_code=secrets.token_hex(4).upper(),
            expires_at=timezone.now() + timedelta(hours=48),
        )
    ledger.record("referral.sent", referral)
    return referral


def answer_offer(*, offer: Offer, outcome: str, reason: str = "") -> Response:
    """Answer once, in time. A second answer, or one by a third agency, fails in the database."""
    actor = current_actor()
    actor.require(Permission.REFERRAL_ANSWER)
    if offer.expires_at <= timezone.now():
        over = _("The time to answer is over. If you have room, call the sender: they may still be looking.")
        raise ValidationError({"outcome": over})
    if outcome == "declined" and reason not in list(DeclineReason):
        raise ValidationError({"reason": _("Say why, so that the sender knows what to do next.")})
    try:
        with transaction.atomic():
            response = Response.objects.create(
                agency_id=actor.agency_id,
                offer=offer,
                sender_id=offer.agency_id,
                referral_ref=offer.referral_id,
                outcome=outcome,
                reason=reason,
                worker_id=actor.user_id,
            )
    except IntegrityError as error:
        if "a_referral_has_one_winner" not in str(error):
            raise
        raise ValidationError(
            {"outcome": _("Another agency accepted a moment ago. The client is looked after; thank you.")}
        ) from error
    ledger.record(f"offer.{outcome}", offer)
    return response


def keep_draft(*, form: str, body: Mapping[str, Any], client: Client | None = None) -> Draft:
    """Keep what a worker has typed so far, sealed, one draft a form and client."""
    actor = current_actor()
    draft = Draft.objects.filter(user_id=me(), form=form, client=client).first()
    if draft is None:
        draft = Draft(id=uuid.uuid4(), agency_id=actor.agency_id, user_id=me(), form=form, client=client)
    draft.body_sealed = vault.seal(
        json.dumps(dict(body)), agency=actor.agency_id, place="draft.body", row=draft.pk, subject=draft.pk
    )
    draft.save()
    return draft


def read_draft(draft: Draft) -> dict[str, Any]:
    opened = vault.unseal(
        draft.body_sealed, agency=draft.agency_id, place="draft.body", row=draft.pk, subject=draft.pk
    )
    return dict(json.loads(opened))


def drop_draft(*, form: str, client: Client | None = None) -> None:
    """The form was saved or thrown away; its draft is gone."""
    _drop(Draft.objects.filter(user_id=me(), form=form, client=client))


def drop_what_was_kept_for_a_while() -> int:
    """Delete the agency's drafts and refused rows that are older than DRAFTS_LIVE; how many."""
    limit = timezone.now() - DRAFTS_LIVE
    return _drop(Draft.objects.filter(changed_at__lte=limit)) + _drop(
        RefusedRows.objects.filter(recorded_at__lte=limit)
    )


def _drop(rows: QuerySet[Any]) -> int:
    """Delete rows that were sealed under keys of their own, and then the keys, for the backups' sake."""
    agency, gone = current_actor().agency_id, list(rows.values_list("pk", flat=True))
    if gone:
        rows.filter(pk__in=gone).delete()
        vault.destroy_subject_keys(agency, gone)
    return len(gone)
