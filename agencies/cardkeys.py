"""Who holds the key of an agency's contact cards, as the hub keeps it: public keys, sealed boxes, wraps.

Called inside a door. Each act asks for its permission, checks sizes and shapes, holds the agency's keys still
while it looks, changes all or nothing, and says so in the ledger. What the bytes mean only the agency's
browsers know: docs/reference/card-formats.md. Cards themselves stand in referrals.
"""

import base64
import binascii
import hashlib
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, TypeVar

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from agencies import ledger, vault
from agencies.models import (
    Agency,
    HandoverKey,
    KeyWrap,
    LedgerEntry,
    MemberKey,
    Membership,
    Opener,
    SharingAgreement,
    User,
    VaultKey,
)
from agencies.roles import ROLES, Permission
from agencies.scope import Actor, NotAllowed, current_actor
from agencies.vault import proof

KEY = 32
BOX = 33  # header, nonce and tag around what is sealed
WRAP = 80
# Padding makes powers of two from 512 bytes on. The last is a book of some 2,000 members.
PADDED = frozenset(BOX + 2**power for power in range(9, 19))
# The sizes to which a card, or a part of one that is handed over, is padded.
CARD_SIZES = frozenset(2**power for power in range(9, 17))
KIT_USE_SHOWN = timedelta(days=30)
# A challenge is answered in this slot of time or the next.
KIT_ASKED = timedelta(minutes=10)
KIT_PROOF = "casehub kit proof"
MOST_OPENERS = 10
HISTORY = ("vault.", "kit.")
OPENING = [role.name for role in ROLES.values() if Permission.CARD_OPEN in role.grants]
Body = Mapping[str, Any]
Sent = TypeVar("Sent")
Done = TypeVar("Done")


class Unfit(Exception):
    """What was sent does not fit. Carries a reason by name: "shape" (no browser of ours sends that), "moved"
    (somebody came first; look again), "kit" (no proof of it, or one for another moment), "begun", "has_key",
    "no_key", "last" or "cards"."""


def version_in_force() -> int:
    """The vault key version that seals cards now; 0 before there is one."""
    mine = VaultKey.objects.filter(agency_id=current_actor().agency_id).order_by("-version")
    return mine.values_list("version", flat=True).first() or 0


def holds_newest() -> bool | None:
    """Whether the version in force was handed to the acting person; None before there is one."""
    actor = current_actor()
    mine = KeyWrap.objects.filter(
        agency_id=actor.agency_id,
        version=OuterRef("version"),
        member__user_id=actor.user_id or 0,
        member__ended_at=None,
    )
    return _versions().annotate(is_mine=Exists(mine)).values_list("is_mine", flat=True).first()


def with_standing(agencies: QuerySet[Agency]) -> QuerySet[Agency]:
    """The acting agency's row, and in the same query what every page says of the key: `key_state` of the
    acting person as `state` names it, and `keys_waiting`, how many keys wait for them to let in."""
    actor = current_actor()
    mine = _living().filter(user_id=actor.user_id or 0)
    held = KeyWrap.objects.filter(member__in=mine)
    newest = Subquery(_versions().values("version")[:1])
    waiting = _waiting().filter(user_id__in=_may_open().values("user_id")).order_by()
    count = Coalesce(Subquery(waiting.values("agency_id").annotate(n=Count("pk")).values("n")), 0)
    lets_in = When(key_state="in" if actor.may(Permission.CARD_KEEP) else "", then=count)
    return agencies.filter(pk=actor.agency_id).annotate(
        key_state=Case(
            When(~Exists(_versions()), then=Value("nothing")),
            When(Exists(held.filter(version=newest)), then=Value("in")),
            When(Exists(held), then=Value("newer")),
            When(Exists(mine), then=Value("waiting")),
            default=Value("none"),
        ),
        keys_waiting=Case(lets_in, default=Value(0)),
    )


# What the caller may see


def state() -> dict[str, Any]:
    """Everything a browser needs to open the vault or to let someone in; nothing that opens by itself."""
    actor = current_actor()
    actor.require(Permission.CARD_OPEN)
    mine = _mine(actor)
    members = list(_living().filter(kit_number=None).select_related("user"))
    versions = list(_versions())
    newest = versions[0] if versions else None
    wrapped = set(_wraps().values_list("member_id", flat=True))
    may = set(_may_open().values_list("user_id", flat=True))
    kit = _kit()
    me = _own(mine) if mine else None
    return {
        "agency": str(actor.agency_id),
        "user": str(actor.user_id),
        "state": _state_of(mine, newest, me),
        "keeps": actor.may(Permission.CARD_KEEP),
        "version": newest.version if newest else 0,
        "versions": [
            {
                "version": one.version,
                "made_at": one.made_at.isoformat(),
                "destroyed": one.destroyed_at is not None,
            }
            for one in versions
        ],
        "book": {"serial": newest.book_serial, "sealed": text_of(newest.book_sealed)} if newest else None,
        "handover": _handover(newest) if newest else None,
        # Every living version's: what was sealed to an older one is opened until it is over.
        "handovers": [_handover(one) for one in versions if one.destroyed_at is None],
        "kit": {"number": kit.kit_number, "public": text_of(kit.public_key)} if kit else None,
        "kit_wraps": [_wrap(one) for one in _wraps().filter(member=kit)] if kit else [],
        "kit_challenge": text_of(proof.challenge(_kit_secrets(actor, kit, newest)[0]))
        if kit and newest and actor.may(Permission.CARD_KEEP)
        else None,
        "me": me,
        "members": [
            {
                "id": str(one.pk),
                "user": str(one.user_id),
                "name": one.user.name if one.user else "",
                "public": text_of(one.public_key),
                "made_at": one.made_at.isoformat(),
                "waits": one.pk not in wrapped,
                "may_open": one.user_id in may,
            }
            for one in members
        ],
        "kit_uses": [
            {"name": name, "at": at.isoformat()} for name, at in _named(kit_uses().select_related("user"))
        ],
    }


def file() -> dict[str, Any]:
    """The same as the file that the agency-side tool takes (card-formats.md, vault.json)."""
    found = state()
    if not found["version"] or not found["me"]:
        raise NotAllowed
    return {
        "format": "casehub-vault/1",
        **{
            name: found[name] for name in ("agency", "user", "version", "versions", "book", "handover", "kit")
        },
        "members": [
            {name: one[name] for name in ("id", "user", "public")}
            for one in found["members"]
            if not one["waits"]
        ],
        "wraps": found["me"]["wraps"] + found["kit_wraps"],
        "openers": found["me"]["openers"],
        "me": {name: found["me"][name] for name in ("id", "public", "trust")},
    }


def kit_uses() -> QuerySet[LedgerEntry]:
    """The kit's uses that everybody with a key is still shown."""
    since = timezone.now() - KIT_USE_SHOWN
    uses = LedgerEntry.objects.filter(agency_id=current_actor().agency_id, verb="kit.used", at__gte=since)
    return uses.order_by("-at")


def history() -> QuerySet[LedgerEntry]:
    """What happened to the keys, newest first."""
    actor = current_actor()
    actor.require(Permission.CARD_OPEN)
    acts = Q(verb__startswith=HISTORY[0]) | Q(verb__startswith=HISTORY[1])
    return LedgerEntry.objects.filter(acts, agency_id=actor.agency_id).select_related("user").order_by("-at")


def partners() -> QuerySet[HandoverKey]:
    """The hand-over keys of the other agencies that are on a signed sharing agreement, by agency's name.

    That a key is whose the hub says it is, only two people on the telephone can know: see `pin`.
    """
    published = HandoverKey.objects.filter(ended_at=None, agency__left_on=None).exclude(agreement=None)
    return (
        published.exclude(agency_id=current_actor().agency_id)
        .select_related("agency")
        .order_by("agency__name")
    )


def own_handover_key() -> HandoverKey | None:
    """The acting agency's, as the hub lists it."""
    return HandoverKey.objects.filter(agency_id=current_actor().agency_id, ended_at=None).first()


def _named(entries: QuerySet[LedgerEntry]) -> list[tuple[str, datetime]]:
    return [(one.user.name if one.user else "", one.at) for one in entries]


def _state_of(mine: MemberKey | None, newest: VaultKey | None, me: dict[str, Any] | None) -> str:
    if newest is None:
        return "nothing"
    if mine is None or me is None:
        return "none"
    if not me["wraps"]:
        return "waiting"
    return "in" if any(one["version"] == newest.version for one in me["wraps"]) else "newer"


def _own(mine: MemberKey) -> dict[str, Any]:
    return {
        "id": str(mine.pk),
        "public": text_of(mine.public_key),
        "trust": {"serial": mine.trust_serial, "sealed": text_of(mine.trust_sealed)}
        if mine.trust_serial
        else None,
        "openers": [
            {
                "id": str(one.pk),
                "kind": one.kind,
                "credential": text_of(one.credential_id),
                "salt": text_of(one.salt),
                "memory": one.memory_kib,
                "passes": one.passes,
                "sealed": text_of(one.private_sealed),
                "made_at": one.made_at.isoformat(),
            }
            for one in Opener.objects.filter(member=mine)
        ],
        "wraps": [_wrap(one) for one in _wraps().filter(member=mine)],
    }


def _wrap(one: KeyWrap) -> dict[str, Any]:
    to = f"kit {one.member.kit_number}" if one.member.kit_number else str(one.member_id)
    sealed, tag = text_of(one.wrapped), text_of(one.tag)
    return {
        "version": one.version,
        "to": to,
        "sender": text_of(one.sender.public_key),
        "sealed": sealed,
        "tag": tag,
    }


def _handover(newest: VaultKey) -> dict[str, str]:
    return {"public": text_of(newest.handover_public), "sealed": text_of(newest.handover_sealed)}


# The acts of a person on their own key


def _act(needed: Permission) -> Callable[[Callable[[Actor, Sent], Done]], Callable[[Sent], Done]]:
    """An act on the acting agency's keys: refused without the permission, alone with the keys while it looks,
    all or nothing. It is given who acts, and called with what was sent."""

    def guarded(doing: Callable[[Actor, Sent], Done]) -> Callable[[Sent], Done]:
        @wraps(doing)
        def act(sent: Sent) -> Done:
            actor = current_actor()
            actor.require(needed)
            with transaction.atomic():
                _hold(actor)
                return doing(actor, sent)

        return act

    return guarded


@_act(Permission.CARD_OPEN)
def ask(actor: Actor, body: Body) -> MemberKey:
    """A newcomer's key and its openers; it waits until someone lets it in. One asked before is replaced."""
    if not version_in_force():
        raise Unfit("moved")
    mine = _mine(actor)
    if mine is not None:
        if _wraps().filter(member=mine).exists():
            raise Unfit("has_key")
        _end(mine)
    member = _add_member(actor, body)
    ledger.record("vault.key_asked", member)
    return member


@_act(Permission.CARD_OPEN)
def add_opener(actor: Actor, body: Body) -> Opener:
    """One more way to open one's own key."""
    mine = _must_be_mine(actor)
    if Opener.objects.filter(member=mine).count() >= MOST_OPENERS:
        raise Unfit("shape")
    opener = _add_opener(actor, mine, _dict(body, "opener"))
    ledger.record("vault.opener_added", opener)
    return opener


@_act(Permission.CARD_OPEN)
def remove_opener(actor: Actor, body: Body) -> None:
    """Raises Unfit("last") for the only one, Opener.DoesNotExist for anyone else's."""
    own = Opener.objects.filter(member=_must_be_mine(actor))
    opener = own.get(pk=_uuid(body, "opener"))
    if own.count() == 1:
        raise Unfit("last")
    ledger.record("vault.opener_removed", opener)
    opener.delete()


@_act(Permission.CARD_OPEN)
def keep_trust(actor: Actor, body: Body) -> None:
    """The member's own note of whom they saw in the book, one serial on."""
    serial, sealed = _number(body, "serial"), _box(body, "sealed", PADDED, version=0)
    kept = _living().filter(pk=_uuid(body, "member"), user_id=actor.user_id or 0, trust_serial=serial - 1)
    if not kept.update(trust_sealed=sealed, trust_serial=serial):
        raise Unfit("moved")


@_act(Permission.CARD_OPEN)
def drop(actor: Actor, body: Body) -> None:
    """End one's own key, to ask anew, when openers are lost. Raises Unfit("last") for the only holder."""
    mine = _living().filter(user_id=actor.user_id or 0).get(pk=_uuid(body, "member"))
    holders = _wraps().filter(member__kit_number=None).values("member").distinct()
    if _wraps().filter(member=mine).exists() and holders.count() == 1:
        raise Unfit("last")
    _end(mine)
    ledger.record("vault.key_dropped", mine)


# The acts of who keeps the keys


@_act(Permission.CARD_KEEP)
def begin(actor: Actor, body: Body) -> VaultKey:
    """The first version: the beginner's key, the kit, and the wraps for both."""
    if version_in_force():
        raise Unfit("begun")
    member = _add_member(actor, body)
    trust = _dict(body, "trust")
    if _number(trust, "serial") != 1:
        raise Unfit("shape")
    member.trust_serial, member.trust_sealed = 1, _box(trust, "sealed", PADDED, version=0)
    member.save(update_fields=["trust_serial", "trust_sealed"])
    kit = _add_kit(actor, body, number=1)
    vault = _add_version(actor, body, 1)
    _take_wraps(actor, body, sender=member, receivers=[member, kit], versions=[1])
    ledger.record("vault.begun", vault)
    return vault


@_act(Permission.CARD_KEEP)
def admit(actor: Actor, body: Body) -> None:
    """Let a waiting key in: its wraps for every living version, and the book that names it."""
    mine = _holder(actor)
    member = _waiting().get(pk=_uuid(body, "member"))
    if not _may_open().filter(user_id=member.user_id or 0).exists():
        raise Unfit("moved")
    _turn_page(body)
    _take_wraps(actor, body, sender=mine, receivers=[member], versions=_living_versions())
    ledger.record("vault.key_admitted", member)


@_act(Permission.CARD_KEEP)
def refuse(actor: Actor, body: Body) -> None:
    """Turn a waiting key away."""
    member = _waiting().get(pk=_uuid(body, "member"))
    _end(member)
    ledger.record("vault.key_refused", member)


@_act(Permission.CARD_KEEP)
def rotate(actor: Actor, body: Body) -> VaultKey:
    """A new version for exactly those who stay, and the kit; whoever is `gone` holds nothing any more.

    All wraps of the older versions are made anew by the rotator too, so that nobody's key hangs on the word
    of someone who left. Raises Unfit("moved") if anything is not as the rotator's browser saw it.
    """
    mine = _holder(actor)
    newest = _newest()
    if (_number(body, "from"), _number(body, "book_serial")) != (newest.version, newest.book_serial):
        raise Unfit("moved")
    gone = {_as_uuid(one) for one in _list(body, "gone")}
    holders = list(_living().filter(kit_number=None, wraps__isnull=False).distinct())
    may = set(_may_open().values_list("user_id", flat=True))
    stay = [one for one in holders if one.pk not in gone]
    if not gone <= {one.pk for one in holders} or any(one.user_id not in may for one in stay):
        raise Unfit("moved")
    if mine not in stay:
        raise Unfit("shape")
    kit = _renew_kit(actor, body) if body.get("kit") else _kit()
    versions = [*_living_versions(), newest.version + 1]
    _wraps().delete()
    for one in holders:
        if one.pk in gone:
            _end(one)
    vault = _add_version(actor, body, newest.version + 1)
    _take_wraps(actor, body, sender=mine, receivers=[*stay, *([kit] if kit else [])], versions=versions)
    ledger.record("vault.rotated", vault, rows=len(gone))
    return vault


@_act(Permission.CARD_KEEP)
def new_kit(actor: Actor, body: Body) -> None:
    """Another recovery kit; the one before opens nothing that is kept here any more."""
    mine = _holder(actor)
    _turn_page(body)
    kit = _renew_kit(actor, body)
    _take_wraps(actor, body, sender=mine, receivers=[kit], versions=_living_versions())
    ledger.record("kit.made", kit)


@_act(Permission.CARD_KEEP)
def pin(actor: Actor, body: Body) -> None:
    """The book with a partner's hand-over key in it, whose code was compared by telephone, or without it.

    The partner is named for the ledger only: which key is pinned stands in the book, where no hub can read or
    write. Raises Agency.DoesNotExist for an agency of no network.
    """
    _holder(actor)
    partner = Agency.objects.exclude(pk=actor.agency_id).get(pk=_number(body, "partner"))
    _turn_page(body)
    ledger.record("vault.partner_dropped" if body.get("drop") is True else "vault.partner_pinned", partner)


@_act(Permission.CARD_KEEP)
def use_kit(actor: Actor, body: Body) -> MemberKey:
    """A new key for the acting person, whose browser proves that it has the kit and opened all with it: who
    holds a key can take everybody else's away. Raises Unfit("kit") without that proof.

    It stands in the ledger, and everybody with a key is shown it for KIT_USE_SHOWN.
    """
    kit = _kit()
    if kit is None or _number(body, "kit_number") != kit.kit_number:
        raise Unfit("moved")
    if not _proves_kit(actor, body, kit, _unmoved(body)):
        raise Unfit("kit")
    if (mine := _mine(actor)) is not None:
        _end(mine)
    _turn_page(body)
    member = _add_member(actor, body)
    _take_wraps(actor, body, sender=member, receivers=[member], versions=_living_versions())
    ledger.record("kit.used", member)
    return member


@_act(Permission.CARD_OPEN)
def finish(actor: Actor, stands: Callable[[int], bool]) -> list[int]:
    """Destroy the wraps of each older version under which no card `stands`. The versions destroyed now."""
    newest, done = version_in_force(), []
    for one in _versions().filter(destroyed_at=None, version__lt=newest):
        if stands(one.version):
            continue
        KeyWrap.objects.filter(agency_id=actor.agency_id, version=one.version).delete()
        one.destroyed_at, one.book_sealed, one.handover_sealed = timezone.now(), b"", b""
        one.save(update_fields=["destroyed_at", "book_sealed", "handover_sealed"])
        ledger.record("vault.version_destroyed", one)
        done.append(one.version)
    return done


# What stands


def _hold(actor: Actor) -> None:
    """Two acts on an agency's keys come one after the other."""
    Agency.objects.select_for_update(no_key=True).get(pk=actor.agency_id)
    # A card's save holds the newest version still; a new one waits for it.
    keys = VaultKey.objects.filter(agency_id=actor.agency_id, destroyed_at=None)
    list(keys.order_by("version").select_for_update())


def _versions() -> QuerySet[VaultKey]:
    return VaultKey.objects.filter(agency_id=current_actor().agency_id).order_by("-version")


def _newest() -> VaultKey:
    newest = _versions().first()
    if newest is None:
        raise Unfit("moved")
    return newest


def _living_versions() -> list[int]:
    return list(_versions().filter(destroyed_at=None).values_list("version", flat=True))


def _living() -> QuerySet[MemberKey]:
    return MemberKey.objects.filter(agency_id=current_actor().agency_id, ended_at=None)


def _waiting() -> QuerySet[MemberKey]:
    return _living().filter(kit_number=None, wraps=None)


def _kit() -> MemberKey | None:
    return _living().exclude(kit_number=None).first()


def _wraps() -> QuerySet[KeyWrap]:
    return KeyWrap.objects.filter(agency_id=current_actor().agency_id).select_related("member", "sender")


def _may_open() -> QuerySet[Membership]:
    return Membership.objects.filter(
        agency_id=current_actor().agency_id, role__in=OPENING, user__is_active=True
    )


def _mine(actor: Actor) -> MemberKey | None:
    return _living().filter(user_id=actor.user_id or 0).first()


def _must_be_mine(actor: Actor) -> MemberKey:
    mine = _mine(actor)
    if mine is None:
        raise Unfit("no_key")
    return mine


def _holder(actor: Actor) -> MemberKey:
    """The acting person's key, which holds every living version."""
    mine = _must_be_mine(actor)
    held = set(_wraps().filter(member=mine).values_list("version", flat=True))
    if not held >= set(_living_versions()):
        raise Unfit("no_key")
    return mine


def _end(member: MemberKey) -> None:
    """Its public half stays, for the history; what opened it goes."""
    Opener.objects.filter(member=member).delete()
    KeyWrap.objects.filter(member=member).delete()
    member.ended_at, member.trust_sealed = timezone.now(), b""
    member.save(update_fields=["ended_at", "trust_sealed"])


def _kit_secrets(actor: Actor, kit: MemberKey, newest: VaultKey) -> list[bytes]:
    """The secrets of the challenges that this person may answer: now's, and the one of the slot before.

    Nothing is kept for it. A use of the kit turns the book's page, so no challenge is answered twice; and
    nobody works one out beforehand without the hub's own key, which stands in no database.
    """
    slot = int(timezone.now().timestamp() // KIT_ASKED.seconds)
    asked = f"{actor.user_id} {kit.pk} {newest.version} {newest.book_serial}"
    return [
        vault.token(f"{asked} {one}", agency=actor.agency_id, place="kit.challenge")
        for one in (slot, slot - 1)
    ]


def _proves_kit(actor: Actor, body: Body, kit: MemberKey, newest: VaultKey) -> bool:
    """Whether the proof is the kit holder's, for just the key, the book and the wraps that are sent."""
    given = _dict(body, "member")
    said = [
        str(actor.agency_id).encode(),
        str(kit.kit_number).encode(),
        str(_uuid(given, "id")).encode(),
        _bytes(given, "public", {KEY}),
        _box(_dict(body, "book"), "sealed", PADDED, version=newest.version),
    ]
    for one in _list(body, "wraps"):
        if not isinstance(one, dict):
            raise Unfit("shape")
        said += [str(_number(one, "version")).encode(), str(one.get("to")).encode()]
        said += [_bytes(one, "sealed", {WRAP}), _bytes(one, "tag", {KEY})]
    tag, public = _bytes(body, "proof", {KEY}), bytes(kit.public_key)
    return any(
        proof.is_proof(
            tag,
            secret=secret,
            public=public,
            name=KIT_PROOF,
            parts=[KIT_PROOF.encode(), proof.challenge(secret), *said],
        )
        for secret in _kit_secrets(actor, kit, newest)
    )


# What is sent


def _add_member(actor: Actor, body: Body) -> MemberKey:
    given, openers = _dict(body, "member"), _list(body, "openers")
    if not 1 <= len(openers) <= MOST_OPENERS:
        raise Unfit("shape")
    if not User.objects.filter(pk=actor.user_id or 0).exists():
        raise NotAllowed
    if MemberKey.objects.filter(
        agency_id=actor.agency_id, user_id=actor.user_id or 0, ended_at=None
    ).exists():
        raise Unfit("has_key")
    member = _new_key(actor, given, user_id=actor.user_id)
    for one in openers:
        _add_opener(actor, member, one if isinstance(one, dict) else {})
    return member


def _new_key(actor: Actor, given: Body, **whose: int | None) -> MemberKey:
    chosen, public = _uuid(given, "id"), _bytes(given, "public", {KEY})
    known = MemberKey.objects.filter(agency_id=actor.agency_id)
    if known.filter(Q(pk=chosen) | Q(public_key=public)).exists():
        raise Unfit("moved")
    return MemberKey.objects.create(pk=chosen, agency_id=actor.agency_id, public_key=public, **whose)


def _add_kit(actor: Actor, body: Body, *, number: int) -> MemberKey:
    given = _dict(body, "kit")
    if _number(given, "number") != number:
        raise Unfit("moved")
    return _new_key(actor, given, kit_number=number)


def _renew_kit(actor: Actor, body: Body) -> MemberKey:
    before = _kit()
    kits = MemberKey.objects.filter(agency_id=actor.agency_id).exclude(kit_number=None)
    last = kits.order_by("-kit_number").first()
    kit = _add_kit(actor, body, number=(last.kit_number or 0) + 1 if last else 1)
    if before is not None:
        _end(before)
    return kit


def _add_opener(actor: Actor, member: MemberKey, given: Body) -> Opener:
    kind = given.get("kind")
    facts: dict[str, Any] = {"private_sealed": _box(given, "sealed", {BOX + KEY}, version=0)}
    if kind == Opener.Kind.PASSKEY:
        facts["credential_id"] = _bytes(given, "credential", range(1, 1024))
        own = Authenticator.objects.filter(user_id=actor.user_id or 0, type=Authenticator.Type.WEBAUTHN)
        if not own.filter(data__credential__id=given["credential"]).exists():
            raise Unfit("shape")
        facts["salt"] = _bytes(given, "salt", {KEY})
    elif kind == Opener.Kind.PASSPHRASE:
        facts["salt"] = _bytes(given, "salt", range(16, 65))
        facts["memory_kib"], facts["passes"] = _number(given, "memory"), _number(given, "passes")
        if not (19_456 <= facts["memory_kib"] <= 1_048_576 and 2 <= facts["passes"] <= 16):
            raise Unfit("shape")
    else:
        raise Unfit("shape")
    return Opener.objects.create(agency_id=member.agency_id, member=member, kind=kind, **facts)


def _add_version(actor: Actor, body: Body, version: int) -> VaultKey:
    book, handover = _dict(body, "book"), _dict(body, "handover")
    if _number(book, "serial") != 1:
        raise Unfit("shape")
    public = _bytes(handover, "public", {KEY})
    vault = VaultKey.objects.create(
        agency_id=actor.agency_id,
        version=version,
        book_sealed=_box(book, "sealed", PADDED, version=version),
        handover_public=public,
        handover_sealed=_box(handover, "sealed", {BOX + KEY}, version=version),
        made_by_id=actor.user_id,
    )
    _publish(actor, public)
    return vault


def _publish(actor: Actor, public: bytes) -> None:
    """The hand-over key others seal to from now on: on the agreement in force, its code in the ledger."""
    if VaultKey.objects.filter(agency_id=actor.agency_id, handover_public=public).count() > 1:
        raise Unfit("shape")  # who left has the older one
    HandoverKey.objects.filter(agency_id=actor.agency_id, ended_at=None).update(ended_at=timezone.now())
    signed = SharingAgreement.objects.filter(agency_id=actor.agency_id, ended_at=None).exclude(signed_at=None)
    key = HandoverKey.objects.create(
        agency_id=actor.agency_id,
        agreement=signed.order_by("-version").first(),
        public_key=public,
        code=handover_code(actor.agency_id, public),
    )
    ledger.record("vault.handover_key_made", key, why=key.code)


def handover_code(agency_id: int | str, public: bytes) -> str:
    """The 20 digits of a hand-over key (card-formats.md, "Codes"). Browsers work them out by themselves."""
    groups = []
    for index in range(4):
        parts = (
            b"casehub code",
            b"handover",
            str(agency_id).encode(),
            b"agency",
            public,
            str(index).encode(),
        )
        text = b"".join(len(part).to_bytes(4) + part for part in parts)
        groups.append(int.from_bytes(hashlib.sha256(text).digest()[:8]) % 100_000)
    return " ".join(f"{group:05}" for group in groups)


def _turn_page(body: Body) -> None:
    """The book, one serial on, if it is still the one that the sender's browser changed."""
    book, newest = _dict(body, "book"), _unmoved(body)
    newest.book_sealed = _box(book, "sealed", PADDED, version=newest.version)
    newest.book_serial = _number(book, "serial")
    newest.save(update_fields=["book_sealed", "book_serial"])


def _unmoved(body: Body) -> VaultKey:
    """The newest version, if it and its book stand as the sender's browser saw them."""
    newest = _newest()
    serial = _number(_dict(body, "book"), "serial")
    if (_number(body, "version"), serial) != (newest.version, newest.book_serial + 1):
        raise Unfit("moved")
    return newest


def _take_wraps(
    actor: Actor, body: Body, *, sender: MemberKey, receivers: list[MemberKey], versions: list[int]
) -> None:
    """Exactly one wrap for each receiver and version, by the sender."""
    to = {f"kit {one.kit_number}" if one.kit_number else str(one.pk): one for one in receivers}
    expected = {(name, version) for name in to for version in versions}
    given = {}
    for one in _list(body, "wraps"):
        if not isinstance(one, dict):
            raise Unfit("shape")
        given[(str(one.get("to")), _number(one, "version"))] = one
    if set(given) != expected or len(given) != len(_list(body, "wraps")):
        raise Unfit("moved")
    KeyWrap.objects.bulk_create(
        KeyWrap(
            agency_id=actor.agency_id,
            version=version,
            member=to[name],
            sender=sender,
            wrapped=_bytes(one, "sealed", {WRAP}),
            tag=_bytes(one, "tag", {KEY}),
        )
        for (name, version), one in given.items()
    )


def box_of(body: Body, name: str, *, version: int) -> bytes:
    """A padded box under that version of the vault key, as a browser sends it. Raises Unfit("shape")."""
    return _box(body, name, PADDED, version=version)


def text_of(box: bytes | memoryview) -> str:
    """Bytes as scripts read them: base64url without padding."""
    return base64.urlsafe_b64encode(bytes(box)).rstrip(b"=").decode()


def _dict(body: Body, name: str) -> dict[str, Any]:
    found = body.get(name)
    if not isinstance(found, dict):
        raise Unfit("shape")
    return found


def _list(body: Body, name: str) -> list[Any]:
    found = body.get(name)
    if not isinstance(found, list):
        raise Unfit("shape")
    return found


def _number(body: Body, name: str) -> int:
    found = body.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 2**31:
        raise Unfit("shape")
    return found


def _uuid(body: Body, name: str) -> uuid.UUID:
    return _as_uuid(body.get(name))


def _as_uuid(found: object) -> uuid.UUID:
    # Browsers write ids into what they seal, so there is one spelling.
    if not isinstance(found, str) or not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found):
        raise Unfit("shape")
    return uuid.UUID(found)


def _bytes(body: Body, name: str, lengths: Any) -> bytes:
    found = body.get(name)
    if not isinstance(found, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", found):
        raise Unfit("shape")
    try:
        decoded = base64.urlsafe_b64decode(found + "=" * (-len(found) % 4))
    except (ValueError, binascii.Error) as error:
        raise Unfit("shape") from error
    if len(decoded) not in lengths:
        raise Unfit("shape")
    return decoded


def _box(body: Body, name: str, lengths: Any, *, version: int) -> bytes:
    """A box whose header names the format and that version."""
    found = _bytes(body, name, lengths)
    if found[:5] != bytes([1]) + version.to_bytes(4, "big"):
        raise Unfit("shape")
    return found
