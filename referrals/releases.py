"""Releases of information: who may sign what, until when, taking one back, and what was shared under it.

ADR 0016. Called inside a door. What a release opens, and when that ends, the database decides (migration
0008); here a person is told what is wrong before it is refused there. Handing over stands in `disclosures`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4, uuid5

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import (
    Case,
    CharField,
    Exists,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
    prefetch_related_objects,
)
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from agencies import ledger, vault
from agencies.models import Agency, LedgerEntry
from agencies.roles import Permission
from agencies.scope import current_actor
from referrals import disclosures, linking
from referrals.models import (
    LIVE,
    Client,
    CompelledDisclosure,
    CountObjection,
    LinkRecord,
    ReleaseOfInformation,
    SigningRule,
)
from referrals.picklists import (
    AgeBand,
    ClientNotice,
    CompelledBasis,
    CopyGiven,
    DisclosureClass,
    InterpreterUse,
    Language,
    LongerReason,
    ReleaseClass,
    ReleasePurpose,
    RevocationWay,
    SignerCapacity,
    SigningWay,
)

MOST_DAYS = 365
PROMPTED = timedelta(days=14)
"""So long before its end a release is called expiring."""
SIGNED_BEFORE = timedelta(days=90)
"""So old a signature may be when its release starts: what was agreed to then may be different now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """How and as what somebody signed, and what they were told before.

    `rule` is the one under which a minor signs alone; without it the `age` finds it. `age` is the client's
    in years: asked where the record says under 18, needed where a minor signs alone. `is_suspected` answers
    whether whoever signs for the client is known or believed to have abused or trafficked them or the child's
    other parent. These two are looked at and not kept. `on` is the day on the paper (today).
    """

    signer: str
    how: str
    language: str
    interpreter: str
    risks_explained: bool
    copy_given: str
    on: date | None = None
    rule: SigningRule | None = None
    age: int | None = None
    is_suspected: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is allowed, to whom (`recipient_id`; None: the hub, counting among `partners`), from when to when.

    It ends with the day `ends_on`. It starts now, or with the day `starts_on` if that is to come.
    """

    recipient_id: int | None
    classes: Sequence[str]
    purpose: str
    ends_on: date | None
    signature: Signature
    starts_on: date | None = None
    longer_reason: str = ""
    partners: Sequence[int] = ()


# Signing


def sign(
    *, client: Client, terms: Terms, renews: ReleaseOfInformation | None = None, id: UUID | None = None
) -> ReleaseOfInformation:
    """Keep a signed release. It opens nothing yet: handing over and counting ask for it. `renews` is the one
    in whose place it comes, if the client now allows something else than that did; else see `renew`. `id` is
    the row's own: a form that is sent twice signs once.

    Tokens that stand under an older release to the hub stand under this one from now on, among fewer if it
    names fewer. Raises ValidationError, by field of Terms and Signature, for whatever ADR 0016 refuses.
    """
    actor = current_actor()
    actor.require(Permission.CLIENT_EDIT)
    if vault.is_shredded(actor.agency_id, client.pk):
        raise ValidationError(_("The identity in this record was destroyed. There is nothing to allow."))
    rule = _rule_for(terms)
    wrong = {**_wrong_scope(terms, actor.agency_id), **_wrong_time(terms)}
    wrong |= _wrong_signature(client, terms, rule)
    if wrong:
        raise ValidationError(wrong)
    signature, today = terms.signature, timezone.localdate()
    assert terms.ends_on is not None
    with transaction.atomic():
        # Who takes it back, or stores tokens under it, waits, or came before.
        if renews is not None or terms.recipient_id is None:
            linking.hold([client.pk])
        if renews is not None and _is_taken_back(renews):
            raise ValidationError(
                _("This release was taken back. If the client wants it again, sign a new one.")
            )
        release = ReleaseOfInformation.objects.create(
            id=id or uuid4(),
            agency_id=actor.agency_id,
            client=client,
            recipient_id=terms.recipient_id,
            classes=list(terms.classes),
            partners=sorted(terms.partners),
            purpose=terms.purpose,
            starts_at=_midnight(terms.starts_on) if terms.starts_on and terms.starts_on > today else Now(),
            ends_at=_midnight(terms.ends_on + timedelta(days=1)),
            longer_reason=terms.longer_reason if _is_longer(terms) else "",
            signed_on=signature.on or today,
            signed_how=signature.how,
            signer=signature.signer,
            rule=rule,
            language=signature.language,
            interpreter=signature.interpreter,
            risks_explained=signature.risks_explained,
            copy_given=signature.copy_given,
            worker_id=actor.user_id,
            renews=renews,
        )
        ledger.record("release.signed" if renews is None else "release.renewed", release)
        if release.recipient_id is None:
            linking.renew(client)
    return ReleaseOfInformation.objects.get(pk=release.pk)


def renew(
    *,
    release: ReleaseOfInformation,
    ends_on: date | None,
    signature: Signature,
    longer_reason: str = "",
    partners: Sequence[int] | None = None,
) -> ReleaseOfInformation:
    """The same, signed again from now on: a new row. The old one goes on to its own end; tokens follow as
    with `sign`.

    Raises ValidationError as `sign` does, and for a release that was revoked.
    """
    terms = Terms(
        recipient_id=release.recipient_id,
        classes=release.classes,
        purpose=release.purpose,
        ends_on=ends_on,
        signature=signature,
        longer_reason=longer_reason,
        partners=release.partners if partners is None else partners,
    )
    return sign(client=release.client, terms=terms, renews=release)


def _is_taken_back(release: ReleaseOfInformation) -> bool:
    return ReleaseOfInformation.objects.filter(pk=release.pk, revoked_at__isnull=False).exists()


def proposed_end(purpose: str, start: date | None = None) -> date:
    """The last day that is proposed for a purpose; the client chooses."""
    return (start or timezone.localdate()) + timedelta(days=ReleasePurpose(purpose).days - 1)


def latest_end(start: date | None = None) -> date:
    """The last day that may be chosen, with a reason."""
    return (start or timezone.localdate()) + timedelta(days=MOST_DAYS - 1)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _is_longer(terms: Terms) -> bool:
    return terms.ends_on is not None and terms.ends_on > proposed_end(terms.purpose, terms.starts_on)


def _wrong_scope(terms: Terms, own: int) -> dict[str, str]:
    if terms.purpose not in set(ReleasePurpose):
        return {"purpose": _("Say what it is for.")}
    for_hub = ReleasePurpose(terms.purpose).is_for_hub
    wrong = {}
    classes = list(terms.classes)
    if not classes:
        wrong["classes"] = _("Choose exactly what is allowed.")
    elif len(set(classes)) != len(classes) or not set(classes) <= set(ReleaseClass):
        wrong["classes"] = _("Choose from the list. There is no release for everything.")
    elif any(ReleaseClass(one).is_for_hub != for_hub for one in classes):
        wrong["classes"] = _("The hub only counts, and an agency only receives. Sign a release for each.")
    elif for_hub and ReleaseClass.COUNT not in classes:
        wrong["classes"] = _("A release to the hub is for being counted once. Allow that, or sign none.")
    if for_hub:
        if terms.recipient_id is not None:
            wrong["recipient"] = _("Counting is the hub's. Another agency gets a release of its own.")
        if not _are_others(terms.partners, own):
            wrong["partners"] = _("Name the agencies among which the client is counted.")
    else:
        if terms.recipient_id is None or not _are_others([terms.recipient_id], own):
            wrong["recipient"] = _("Name one agency. Each other one gets a release of its own.")
        if terms.partners:
            wrong["partners"] = _("Only a release for counting names several agencies.")
    return wrong


def _are_others(agencies: Sequence[int], own: int) -> bool:
    """Whether these are agencies of the network, at least one, each once, and none of them ours."""
    asked = set(agencies)
    if not asked or own in asked or len(asked) != len(agencies):
        return False
    return Agency.objects.filter(pk__in=asked).count() == len(asked)


def _wrong_time(terms: Terms) -> dict[str, str]:
    today, start = timezone.localdate(), terms.starts_on
    if terms.ends_on is None:
        return {"ends_on": _("Say until when. No release is without an end.")}
    if start is not None and start < today:
        return {"starts_on": _("This day is over. It starts today, or on a day to come.")}
    if start is not None and start > max(today, (terms.signature.on or today) + SIGNED_BEFORE):
        return {
            "starts_on": _("Too late: it starts within 90 days of the signature. Sign it nearer the day.")
        }
    if terms.ends_on < (start or today):
        return {"ends_on": _("This day is over, or before the first one. Choose a later one.")}
    if terms.ends_on > latest_end(start):
        return {"ends_on": _("At most a year. It can be signed again then, if the client still wants it.")}
    is_known = terms.purpose in set(ReleasePurpose)
    if is_known and _is_longer(terms) and terms.longer_reason not in set(LongerReason):
        return {"longer_reason": _("Say why it should last longer than proposed, or choose an earlier day.")}
    return {}


def _wrong_signature(client: Client, terms: Terms, rule: SigningRule | None) -> dict[str, str]:
    said, wrong = terms.signature, {}
    if said.how not in set(SigningWay):
        wrong["how"] = _("Say how it was signed.")
    if said.language not in set(Language) or Language(said.language).is_missing:
        wrong["language"] = _("Say in which language it was explained.")
    if said.interpreter not in set(InterpreterUse):
        wrong["interpreter"] = _("Say whether somebody interpreted.")
    if said.copy_given not in set(CopyGiven):
        wrong["copy_given"] = _("Say what became of the client's copy.")
    if not said.risks_explained:
        wrong["risks_explained"] = _(
            "Explain what may happen when this is shared, then sign. A release without that is none."
        )
    if said.on is not None and said.on > timezone.localdate():
        wrong["on"] = _("This day is still to come.")
    elif said.on is not None and said.on < timezone.localdate() - SIGNED_BEFORE:
        wrong["on"] = _("This was signed more than 90 days ago. Ask the client again, and sign anew.")
    if said.signer not in set(SignerCapacity):
        wrong["signer"] = _("Say as what they sign.")
        return wrong
    signer, is_minor = SignerCapacity(said.signer), AgeBand(client.age_band).is_minor
    is_adult_now = said.age is not None and said.age >= 18
    if signer is SignerCapacity.CLIENT:
        if (is_minor and not is_adult_now) or (said.age is not None and said.age < 18):
            wrong["signer"] = _(
                "The record says that the client is under 18. If they are older by now, give their age; if "
                "not, choose how a minor signs."
            )
    elif signer is SignerCapacity.MINOR:
        if is_minor is False or is_adult_now:
            wrong["signer"] = _("The client is 18 or older, so they sign as the client.")
        elif said.age is None:
            wrong["age"] = _(
                "Give the client's age. A minor signs alone only from the age that the rule names."
            )
        elif rule is None:
            wrong["signer"] = _(
                "Your agency's table has no rule that lets a minor of this age sign alone for this. Ask the "
                "data lead, or choose who may sign with them."
            )
    else:
        wrong |= _wrong_other(client, said, signer, is_minor)
    if "signer" not in wrong and said.age is not None and not _may_be(client, said.age):
        wrong["age"] = _(
            "This age doesn't fit the record's age at the start of service. Correct the one that is wrong."
        )
    return wrong


def _may_be(client: Client, age: int) -> bool:
    """Whether somebody of the record's age at the start of service can be so old today."""
    years = _YEARS.get(AgeBand(client.age_band))
    if years is None:
        return True
    # Whole years, and one more for the birthday in between.
    since = (timezone.localdate() - timezone.localdate(client.recorded_at)).days // 365 + 1
    return years[0] <= age <= years[1] + since


_YEARS = {
    AgeBand.AGE_0_12: (0, 12),
    AgeBand.AGE_13_17: (13, 17),
    AgeBand.AGE_18_24: (18, 24),
    AgeBand.AGE_25_59: (25, 59),
    AgeBand.AGE_60_OVER: (60, 130),
}


def _wrong_other(
    client: Client, said: Signature, signer: SignerCapacity, is_minor: bool | None
) -> dict[str, str]:
    """What speaks against somebody who signs for the client."""
    by_kin = signer in (SignerCapacity.PARENT, SignerCapacity.GUARDIAN)
    if said.is_suspected is None:
        return {"is_suspected": _("Answer this before anybody signs for the client.")}
    if said.is_suspected:
        return {
            "signer": _(
                "Whoever may have abused or trafficked the client, or the child's other parent, can't sign "
                "for them. Nothing was kept. A representative appointed by a court may."
            )
        }
    if by_kin and client.relationship_to_trafficker == "family":
        return {
            "signer": _(
                "The record says that the trafficker is family, so no parent or guardian signs. A "
                "representative appointed by a court may."
            )
        }
    if by_kin and said.age is not None and said.age >= 18:
        return {"signer": _("The client is 18 or older, so they sign themselves. A court may name somebody.")}
    if signer is SignerCapacity.PARENT and is_minor is False:
        return {"signer": _("The client is 18 or older. A parent can't sign for them.")}
    return {}


# Minors: the agency's own table


def signing_rules() -> QuerySet[SigningRule]:
    """Those in force at the acting agency."""
    return SigningRule.objects.filter(ended_at=None)


def add_signing_rule(*, purpose: str, from_age: int | None, citation: str) -> SigningRule:
    """From now on a minor of this age signs alone for this purpose. Raises ValidationError by field."""
    actor = current_actor()
    actor.require(Permission.AGENCY_MANAGE)
    wrong, citation = {}, " ".join(citation.split())
    if purpose not in set(ReleasePurpose):
        wrong["purpose"] = _("Say what it is for.")
    if from_age is None or not 1 <= from_age <= 17:
        wrong["from_age"] = _("Give an age from 1 to 17 years.")
    if not citation or len(citation) > 120:
        wrong["citation"] = _("Name the law with its section, in at most 120 characters.")
    if wrong or from_age is None:
        raise ValidationError(wrong)
    return SigningRule.objects.create(
        agency_id=actor.agency_id, purpose=purpose, from_age=from_age, citation=citation
    )


def end_signing_rule(*, rule: SigningRule) -> None:
    """No minor signs under it from now on. What was signed under it stays, with its citation."""
    current_actor().require(Permission.AGENCY_MANAGE)
    SigningRule.objects.filter(pk=rule.pk, ended_at=None).update(ended_at=Now(), changed_at=Now())


def _rule_for(terms: Terms) -> SigningRule | None:
    said = terms.signature
    if said.signer != SignerCapacity.MINOR or said.age is None:
        return None
    found = signing_rules().filter(purpose=terms.purpose, from_age__lte=said.age)
    if said.rule is not None:
        found = found.filter(pk=said.rule.pk)
    return found.order_by("-from_age").first()


# Taking back


def revoke(*, release: ReleaseOfInformation, how: str) -> int:
    """Take back all that this client allows this recipient, now, with all that lies there or in the count
    under it; how many disclosures end.

    Whoever takes it back means the recipient and not one of several papers: each release to it that lives or
    is coming ends in this one statement. What was read before stays known. Tokens and pairs go in the same
    statement, by trigger, and from then on nobody reads what was concluded with their help. The others of the
    component are settled by the sweep that runs each minute, for every agency alike (`casehub.link`, and
    before a snapshot): settling them here would take the longer the more there are, and tell whoever revokes
    whether somebody else knows the client. A dump from before can't bring it back (`shredders.by_night`).

    Raises ValidationError for no way, and when it was revoked already.
    """
    actor = current_actor()
    actor.require(Permission.CLIENT_EDIT)
    if how not in set(RevocationWay) or not RevocationWay(how).is_said:
        raise ValidationError({"how": _("Say how the client told you.")})
    with transaction.atomic():
        going = _standing_to(release.client_id, release.recipient_id, or_this=release.pk)
        if release.pk not in going:
            raise ValidationError(_("This release was taken back already."))
        return _take_back(going, how)


def object_to_counting(*, client: Client) -> None:
    """The client does not want to be counted: no token of theirs exists without a new release from now on."""
    actor = current_actor()
    actor.require(Permission.CLIENT_EDIT)
    with transaction.atomic():
        _take_back(_standing_to(client.pk, None), RevocationWay.ORALLY)
        _said, is_new = CountObjection.objects.get_or_create(
            agency_id=actor.agency_id, client=client, defaults={"worker_id": actor.user_id}
        )
        if is_new:
            ledger.record("release.not_wanted", client)
            vault.destroy_subject_keys(actor.agency_id, [objection_id(client.pk)])


def _standing_to(client: UUID, recipient: int | None, or_this: UUID | None = None) -> list[UUID]:
    """The client's releases to it that live or are coming (`or_this`) and were not taken back, as they stand
    until this transaction ends."""
    linking.hold([client])
    found = ReleaseOfInformation.objects.filter(client=client, recipient=recipient, revoked_at=None)
    return list(
        found.filter(Q(ends_at__gt=Now()) | Q(pk=or_this)).order_by("pk").values_list("pk", flat=True)
    )


def _take_back(going: Sequence[UUID], how: str) -> int:
    actor, found = current_actor(), ReleaseOfInformation.objects.filter(pk__in=going)
    found.update(revoked_at=Now(), revoked_how=how, revoked_by=actor.user_id, changed_at=Now())
    ended = disclosures.empty_under(going)
    for one in found:
        ledger.record("release.revoked", one)
    objections = {objection_id(one.client_id) for one in found if one.recipient_id is None}
    vault.destroy_subject_keys(actor.agency_id, [*going, *objections])
    return ended


def objection_id(client: UUID) -> UUID:
    """What stands among the destroyed keys for a client who does not want to be counted."""
    return uuid5(client, "objects to being counted")


# What the law takes


def compel(
    *,
    client: Client,
    basis: str,
    classes: Sequence[str],
    reference: str,
    told: str,
    receiver_id: int | None = None,
    id: UUID | None = None,
) -> CompelledDisclosure:
    """Keep what a court order, a statute or a mandated report made us disclose, and whether the client knows.

    `receiver_id` is an agency of the network, to which it can then be handed over; None: a court, an officer.
    A subpoena compels nothing by itself, and `basis` has no value for one. `id` is the row's own: a form that
    is sent twice is kept once. Raises ValidationError by field.
    """
    actor = current_actor()
    actor.require(Permission.CLIENT_EDIT)
    wrong, reference = {}, " ".join(reference.split())
    if basis not in set(CompelledBasis):
        wrong["basis"] = _("A court order, a law or a report that the law demands. A subpoena alone is none.")
    if not classes or len(set(classes)) != len(classes) or not set(classes) <= set(DisclosureClass):
        wrong["classes"] = _("Choose exactly what it demands, no more.")
    if not reference or len(reference) > 200:
        wrong["reference"] = _("Name the order, section or report, in at most 200 characters.")
    if told not in set(ClientNotice):
        wrong["told"] = _("Say whether the client was told.")
    if receiver_id is not None and not _are_others([receiver_id], actor.agency_id):
        wrong["receiver"] = _("Choose another agency of the network, or none.")
    if wrong:
        raise ValidationError(wrong)
    id = id or uuid4()
    compelled = CompelledDisclosure.objects.create(
        id=id,
        agency_id=actor.agency_id,
        client=client,
        receiver_id=receiver_id,
        basis=basis,
        classes=list(classes),
        reference_sealed=vault.seal(reference, **_place(id, actor.agency_id, client.pk)),
        told=told,
        worker_id=actor.user_id,
    )
    ledger.record("disclosure.compelled", compelled)
    return compelled


def tell(*, compelled: CompelledDisclosure, told: str) -> None:
    """The client was told, or we tried. Raises ValidationError for none of the list."""
    current_actor().require(Permission.CLIENT_EDIT)
    if told not in set(ClientNotice):
        raise ValidationError({"told": _("Say whether the client was told.")})
    CompelledDisclosure.objects.filter(pk=compelled.pk).update(told=told, changed_at=Now())


def reference_of(compelled: CompelledDisclosure) -> str:
    """The order, section or report; "" when it went with the client's identity."""
    if not compelled.reference_sealed:
        return ""
    return vault.unseal(
        compelled.reference_sealed, **_place(compelled.pk, compelled.agency_id, compelled.client_id)
    )


def _place(row: Any, agency_id: int, client: Any) -> dict[str, Any]:
    return {"agency": agency_id, "place": "compelleddisclosure.reference", "row": row, "subject": client}


# Who asks


class State(StrEnum):
    """How a release stands at the database's statement clock."""

    COMING = "coming"
    LIVE = "live"
    EXPIRING = "expiring"
    ENDED = "ended"
    REVOKED = "revoked"

    @property
    def is_live(self) -> bool:
        return self in (State.LIVE, State.EXPIRING)


@dataclass(frozen=True, slots=True)
class Standing:
    """A release and how it stands."""

    release: ReleaseOfInformation
    state: State


_STATE = Case(
    When(revoked_at__isnull=False, then=Value(State.REVOKED.value)),
    When(ends_at__lte=Now(), then=Value(State.ENDED.value)),
    When(starts_at__gt=Now(), then=Value(State.COMING.value)),
    When(ends_at__lte=Now() + PROMPTED, then=Value(State.EXPIRING.value)),
    default=Value(State.LIVE.value),
    output_field=CharField(),
)


def of_client(client: Client) -> list[Standing]:
    """All of the client's releases, live ones first, then newest first."""
    found = ReleaseOfInformation.objects.filter(client=client).annotate(state=_STATE)
    rows = found.select_related("recipient", "worker", "rule")
    standing = [Standing(one, State(one.state)) for one in rows]
    return sorted(standing, key=lambda one: not one.state.is_live)


def standing(release: ReleaseOfInformation) -> Standing:
    """How this one stands now."""
    found = ReleaseOfInformation.objects.annotate(state=_STATE)
    one = found.select_related("recipient", "worker", "rule", "client").get(pk=release.pk)
    return Standing(one, State(one.state))


def live(client: Client) -> QuerySet[ReleaseOfInformation]:
    """What lives now to other agencies, the longest first: what can be handed over under."""
    found = ReleaseOfInformation.objects.filter(LIVE, client=client, recipient__isnull=False)
    return found.select_related("recipient").order_by("-ends_at", "pk")


def expiring(days: int = PROMPTED.days) -> QuerySet[ReleaseOfInformation]:
    """Live ones of the agency that end within so many days and were not renewed, soonest first."""
    later = ReleaseOfInformation.objects.filter(
        renews=OuterRef("pk"), revoked_at=None, ends_at__gt=OuterRef("ends_at")
    )
    soon = ReleaseOfInformation.objects.filter(
        LIVE, ~Exists(later), ends_at__lte=Now() + timedelta(days=days)
    )
    return soon.select_related("client", "recipient").order_by("ends_at", "pk")


def compelled(client: Client) -> QuerySet[CompelledDisclosure]:
    """What an order or a law took of the client, newest first."""
    return CompelledDisclosure.objects.filter(client=client).select_related("receiver", "worker")


def to_count(client: Client) -> ReleaseOfInformation | None:
    """The live release to the hub under which the client is counted: the newest, which may name fewer."""
    found = ReleaseOfInformation.objects.filter(
        LIVE, client=client, recipient=None, classes__contains=["count"]
    )
    return found.order_by("-recorded_at", "pk").first()


def counted_without(client: Client) -> LinkRecord | None:
    """The client's tokens that stand without a release, as the agency may do without one."""
    return LinkRecord.objects.filter(client=client, release=None, ends_at__gt=Now()).first()


def to_look_at(client: Client | None = None) -> QuerySet[ReleaseOfInformation]:
    """Live and coming ones that a parent or guardian signed for somebody of whom the record says since that
    the trafficker is family. Whoever works with the client decides: taken back by itself, it could be missed
    where a life hangs on it."""
    found = ReleaseOfInformation.objects.filter(
        revoked_at=None,
        ends_at__gt=Now(),
        signer__in=[SignerCapacity.PARENT.value, SignerCapacity.GUARDIAN.value],
        client__relationship_to_trafficker="family",
    )
    found = found.filter(client=client) if client is not None else found
    return found.select_related("client", "recipient").order_by("ends_at", "pk")


class Way(StrEnum):
    """How something of a client went across."""

    HANDED_OVER = "handed_over"
    COMPELLED = "compelled"
    COUNTED = "counted"


@dataclass(frozen=True, slots=True)
class Shared:
    """One line of the client's list: what went to whom (None: the hub, or somebody outside), and who looked.

    `until` is when it ended or will; `looked` are the moments at which `recipient` opened it, newest first.
    `asked`, where it is counted and may be asked about: which other agency was shown a record beside ours,
    and on which days, newest first; None if nobody can be.
    """

    way: Way
    recipient: Agency | None
    classes: list[str]
    at: datetime
    until: datetime | None
    is_live: bool
    looked: list[datetime]
    release: ReleaseOfInformation | None = None
    compelled: CompelledDisclosure | None = None
    partners: tuple[Agency, ...] = ()
    asked: list[tuple[str, date]] | None = None


def shared(client: Client) -> list[Shared]:
    """All that went across of a client, newest first, as rows and ledgers have it."""
    lines = [*_handed_over(client), *_compelled(client), *_counted(client)]
    return sorted(lines, key=lambda one: one.at, reverse=True)


def _handed_over(client: Client) -> list[Shared]:
    found, given = [], disclosures.handed_over(client)
    prefetch_related_objects([row for one in given for row in one.disclosures], "release", "compelled")
    for one in given:
        if not one.disclosures:
            continue
        first = one.disclosures[0]
        found.append(
            Shared(
                Way.COMPELLED if first.compelled_id else Way.HANDED_OVER,
                one.handover.receiver,
                [row.get_data_class_display() for row in one.disclosures],
                first.starts_at,
                first.withdrawn_at or first.ends_at,
                one.is_live,
                one.opened,
                release=first.release,
                compelled=first.compelled,
            )
        )
    return found


def _compelled(client: Client) -> list[Shared]:
    """What went on paper or aloud; what was then handed over stands among those."""
    rows = CompelledDisclosure.objects.filter(client=client, disclosures=None).select_related("receiver")
    labels = dict(DisclosureClass.choices(_))
    return [
        Shared(
            Way.COMPELLED,
            row.receiver,
            [labels.get(one, one) for one in row.classes],
            row.recorded_at,
            None,
            False,
            [],
            compelled=row,
        )
        for row in rows
    ]


def _counted(client: Client) -> list[Shared]:
    rows = ReleaseOfInformation.objects.filter(client=client, recipient=None, starts_at__lte=Now())
    found = list(rows.annotate(is_live=Case(When(LIVE, then=Value(True)), default=Value(False))))
    without = counted_without(client)
    partners = {agency for row in found for agency in row.partners} | set(without.partners if without else ())
    named = Agency.objects.in_bulk(partners)
    labels = dict(ReleaseClass.choices(_))
    shown = _shown_there(client) if any(ReleaseClass.CONFIRM in row.classes for row in found) else []
    lines = [
        Shared(
            Way.COUNTED,
            None,
            [labels.get(one, one) for one in row.classes],
            row.starts_at,
            until := min(row.revoked_at or row.ends_at, row.ends_at),
            row.is_live,
            [],
            release=row,
            partners=tuple(named[one] for one in row.partners if one in named),
            asked=[
                (agency, day)
                for agency, day in shown
                if timezone.localdate(row.starts_at) <= day <= timezone.localdate(until)
            ]
            if ReleaseClass.CONFIRM in row.classes
            else None,
        )
        for row in found
    ]
    if without is not None:
        lines.append(
            Shared(
                Way.COUNTED,
                None,
                [labels[ReleaseClass.COUNT.value]],
                without.recorded_at,
                without.ends_at,
                True,
                [],
                partners=tuple(named[one] for one in without.partners if one in named),
            )
        )
    return lines


def _shown_there(client: Client) -> list[tuple[str, date]]:
    """Which agency was shown a record beside ours, each once a day, newest first (`linking.review`)."""
    own = LedgerEntry.objects.filter(
        agency_id=current_actor().agency_id, verb="link.shown_there", target_id=str(client.pk)
    )
    days = ((why, timezone.localdate(at)) for why, at in own.order_by("-id").values_list("why", "at"))
    return list(dict.fromkeys(days))
