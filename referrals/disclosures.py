"""Details of a client handed over to another agency: sealed in one browser, opened in another.

What is in them the hub can't read; their form stands in docs/reference/card-formats.md. Who may read a
disclosure, and until when, is a policy of the database (migration 0007). Called inside a door.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from agencies import cardkeys, ledger, vault
from agencies.models import LedgerEntry
from agencies.roles import Permission
from agencies.scope import current_actor
from referrals.models import (
    LIVE,
    Client,
    CompelledDisclosure,
    Disclosure,
    Handover,
    Offer,
    ReleaseOfInformation,
)
from referrals.notices import notices
from referrals.picklists import MOST_DISCLOSED, DisclosureClass, DisclosurePurpose

# HPKE's encapsulated key and tag around padded content; the sender's tag stands beside it.
_AROUND = 32 + 16
_TAG = 32


@dataclass(frozen=True, slots=True)
class SealedPart:
    """One data class as a browser sealed it, bound to the id its disclosure will have."""

    id: UUID
    data_class: str
    sealed: bytes
    tag: bytes


def hand_over(
    *,
    client: Client,
    receiver_key: bytes,
    sender_key: bytes,
    ends_on: date | None,
    parts: Sequence[SealedPart],
    release: ReleaseOfInformation | None = None,
    compelled: CompelledDisclosure | None = None,
    offer: Offer | None = None,
) -> Handover:
    """Keep what was sealed for another agency, readable there until the end of the day `ends_on`.

    It goes to whom the client's live `release` names, and ends with that at the latest; or to whom an order
    or a law `compelled` us. Raises ValidationError for neither or both, for what they do not cover, no end,
    an end that is over or too far, a key that is not the receiver's or ours of now, or one of ours that no
    agreement shows to others, and bytes that no browser of ours sealed.
    """
    actor = current_actor()
    actor.require(Permission.CARD_OPEN)
    actor.require(Permission.CLIENT_EDIT)
    actor.require(Permission.REFERRAL_SEND)
    if ends_on is None:
        raise ValidationError({"ends_on": _("Say until when. Nothing is handed over without an end.")})
    ends_at = _end_of(ends_on)
    _check(parts)
    if vault.is_shredded(actor.agency_id, client.pk):
        raise ValidationError(_("The identity in this record was destroyed. There is nothing to hand over."))
    receiver_id, purpose = _ground(client, parts, release, compelled)
    if release is not None:
        if ends_on > release.last_day:
            raise ValidationError(
                {"ends_on": _("The release ends sooner. Choose its last day or one before.")}
            )
        ends_at = min(ends_at, release.ends_at)
    _check_keys(receiver_id, receiver_key, sender_key)
    if offer is not None and (offer.receiver_id != receiver_id or offer.referral.client_id != client.pk):
        raise ValidationError(_("This referral went to another agency or is about another client."))
    try:
        with transaction.atomic():
            handover = Handover.objects.create(
                agency_id=actor.agency_id,
                client=client,
                receiver_id=receiver_id,
                worker_id=actor.user_id,
            )
            for part in parts:
                Disclosure.objects.create(
                    id=part.id,
                    agency_id=actor.agency_id,
                    handover=handover,
                    receiver_id=receiver_id,
                    release=release,
                    compelled=compelled,
                    offer=offer,
                    data_class=part.data_class,
                    purpose=purpose,
                    notices=notices(),
                    sealed_e2e=vault.seal(part.sealed, **_cover(part.id, actor.agency_id)),
                    tag=part.tag,
                    receiver_key=receiver_key,
                    sender_key=sender_key,
                    starts_at=Now(),
                    ends_at=ends_at,
                )
    except IntegrityError as error:
        raise ValidationError(_("This was handed over already. Look at the list below.")) from error
    ledger.record("handover.made", handover, rows=len(parts))
    return handover


def _ground(
    client: Client,
    parts: Sequence[SealedPart],
    release: ReleaseOfInformation | None,
    compelled: CompelledDisclosure | None,
) -> tuple[int, str]:
    """To whom it may go, and for what."""
    receiver_id: int | None
    purpose: str = DisclosurePurpose.COMPELLED
    if release is not None and compelled is None:
        if not ReleaseOfInformation.objects.filter(LIVE, pk=release.pk, client=client).exists():
            raise ValidationError(
                {"release": _("This release is over or was taken back. Sign a new one first.")}
            )
        receiver_id, classes, purpose = release.recipient_id, release.classes, release.purpose
    elif compelled is not None and release is None:
        if compelled.client_id != client.pk:
            raise ValidationError({"release": _("This order or law is about another client.")})
        receiver_id, classes = compelled.receiver_id, compelled.classes
    else:
        raise ValidationError(
            {"release": _("Choose the release that allows this. Without one nothing is handed over.")}
        )
    if receiver_id is None:
        raise ValidationError({"release": _("It names no agency, so nothing can be handed over under it.")})
    if not {part.data_class for part in parts} <= set(classes):
        raise ValidationError({"parts": _("Not all of this is allowed there. Take out what is not.")})
    return receiver_id, purpose


def latest_end() -> date:
    """The last day that may be chosen as an end."""
    return timezone.localdate() + MOST_DISCLOSED - timedelta(days=1)


def _end_of(day: date) -> datetime:
    if day < timezone.localdate():
        raise ValidationError({"ends_on": _("This day is over. Choose one to come.")})
    if day > latest_end():
        too_far = _("At most %(days)s days. It can be handed over again then, if the client still wants it.")
        raise ValidationError({"ends_on": too_far % {"days": MOST_DISCLOSED.days}})
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


def _check(parts: Sequence[SealedPart]) -> None:
    classes = [part.data_class for part in parts]
    if not classes:
        raise ValidationError({"parts": _("Choose what to hand over.")})
    if len(set(classes)) != len(classes) or not set(classes) <= set(DisclosureClass):
        raise ValidationError({"parts": _("This request was not understood.")})
    for part in parts:
        if (
            len(part.sealed) - _AROUND not in cardkeys.CARD_SIZES
            or len(part.tag) != _TAG
            or _is_text(part.sealed)
        ):
            raise ValidationError({"parts": _("This is not sealed, so it was not taken.")})


def _is_text(sealed: bytes) -> bool:
    """So many random bytes are text of any kind about never; what somebody forgot to seal is."""
    try:
        sealed.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_keys(receiver_id: int, receiver_key: bytes, sender_key: bytes) -> None:
    now = cardkeys.partners().filter(agency_id=receiver_id).first()
    if now is None or bytes(now.public_key) != receiver_key:
        raise ValidationError(
            _("The other agency has another key now. Compare its code again, then hand over.")
        )
    ours = cardkeys.own_handover_key()
    if ours is None or bytes(ours.public_key) != sender_key:
        raise ValidationError(_("Your agency's key was renewed just now. Load this page again."))
    if ours.agreement_id is None:
        raise ValidationError(
            _(
                "Other agencies can't find your agency's key, so they could not tell that this comes from "
                "you. Have the data lead sign the sharing agreement first."
            )
        )


def withdraw(*, handover: Handover) -> int:
    """End all of it now; how many disclosures. What was read before stays known: that can't be taken back."""
    current_actor().require(Permission.REFERRAL_SEND)
    live = Disclosure.objects.filter(handover=handover, withdrawn_at=None, ends_at__gt=Now())
    ended = _empty(live, withdrawn_at=Now())
    if ended:
        ledger.record("handover.withdrawn", handover, rows=ended)
    return ended


def empty_under(releases: Iterable[UUID]) -> int:
    """They were revoked, which withdrew what lay under them: destroy the keys too; how many disclosures."""
    return _empty(Disclosure.objects.filter(release__in=list(releases)))


def empty_what_is_over() -> int:
    """Throw away the acting agency's sealed bytes that nobody may read any more; how many."""
    over = Q(withdrawn_at__isnull=False) | Q(ends_at__lte=Now())
    return _empty(Disclosure.objects.filter(over, agency_id=current_actor().agency_id))


def _empty(rows: QuerySet[Disclosure], **more: Any) -> int:
    """Empty them, and destroy the keys of the hub's cover, so that no backup keeps them either; how many."""
    agency, gone = current_actor().agency_id, list(rows.exclude(sealed_e2e=b"").values_list("pk", flat=True))
    if gone:
        Disclosure.objects.filter(pk__in=gone).update(sealed_e2e=b"", tag=b"", changed_at=Now(), **more)
        vault.destroy_subject_keys(agency, gone)
    return len(gone)


def _cover(id: UUID, agency_id: int) -> dict[str, Any]:
    """Where the hub's own cover of a disclosure belongs (ADR 0012)."""
    return {"agency": agency_id, "place": "disclosure.sealed_e2e", "row": id, "subject": id}


def sealed(disclosure: Disclosure) -> bytes:
    """What the sender's browser sealed, out of the hub's cover. Raises VaultError when it was emptied."""
    return vault.unseal_bytes(disclosure.sealed_e2e, **_cover(disclosure.pk, disclosure.agency_id))


def open_disclosure(id: UUID) -> Disclosure:
    """One that was handed to us, to be opened in the asking browser. Entered in both agencies' ledgers.

    Raises Disclosure.DoesNotExist for what is over, withdrawn, or not ours.
    """
    actor = current_actor()
    actor.require(Permission.CARD_OPEN)
    actor.require(Permission.REFERRAL_ANSWER)
    found = received().get(pk=id)
    ledger.record("disclosure.opened", found)
    with connection.cursor() as cursor:
        cursor.execute("SELECT casehub_enter_opening(%s)", [found.pk])
    return found


# Who asks


def received() -> QuerySet[Disclosure]:
    """What is handed to the acting agency at this moment, newest first, with `sender`, its agency's name."""
    mine = Disclosure.objects.filter(receiver=current_actor().agency_id)
    return mine.select_related("offer").annotate(sender=F("agency__name"))


def is_awaited(receiver_key: bytes) -> bool:
    """Whether something live is sealed to this key of ours, which so can't be destroyed yet."""
    return received().filter(receiver_key=receiver_key).exists()


def offers_to(client: Client) -> QuerySet[Offer]:
    """The offers of the client's referrals that a handing-over can go with, newest first."""
    return Offer.objects.filter(referral__client=client).select_related("receiver")


@dataclass(frozen=True, slots=True)
class Given:
    """One handing-over as its sender's page lists it; `opened` when the receiver looked, newest first."""

    handover: Handover
    disclosures: list[Disclosure]
    opened: list[datetime]
    is_live: bool


def handed_over(client: Client) -> list[Given]:
    """What the acting agency handed over of the client, newest first."""
    handovers = Handover.objects.filter(client=client).select_related("receiver", "worker")
    found = list(handovers.prefetch_related("disclosures"))
    opened = _openings(one.pk for row in found for one in row.disclosures.all())
    now = timezone.now()
    given = []
    for row in found:
        rows = list(row.disclosures.all())
        looked = sorted((at for one in rows for at in opened.get(str(one.pk), [])), reverse=True)
        live = any(one.withdrawn_at is None and one.ends_at > now and one.sealed_e2e for one in rows)
        given.append(Given(row, rows, looked, live))
    return given


def _openings(disclosures: Iterable[UUID]) -> dict[str, list[datetime]]:
    own = LedgerEntry.objects.filter(
        agency_id=current_actor().agency_id,
        verb="disclosure.opened_there",
        target_id__in=[str(one) for one in disclosures],
    )
    found: dict[str, list[datetime]] = {}
    for target, at in own.values_list("target_id", "at"):
        found.setdefault(target, []).append(at)
    return found
