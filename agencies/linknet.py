"""The network that counts people once, as the hub keeps it: its three key holders, their epochs, who shares
tokens, and each agency's sealed file of the holders.

Rows only. How the holders are reached stands in casehub/holders.py; what is linked, in referrals. The acts
are called inside a door and ask for their permission; what stands is read by anyone.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from agencies import cardkeys, ledger, vault
from agencies.models import HolderFile, KeyHolder, LinkEpoch, SharingAgreement
from agencies.roles import Permission
from agencies.scope import current_actor

HOLDERS = (1, 2, 3)
FINGERPRINT = re.compile(r"[0-9a-f]{4}( [0-9a-f]{4}){7}")


class Unfit(Exception):
    """What was asked does not fit how things stand. Carries a reason by name: "holders" (not all three are
    named), "epoch" (this number was another key, or is behind), "running" (the newest epoch isn't ended),
    "off", "moved" (somebody came first), "shape"."""


# What stands


def is_on() -> bool:
    """Whether tokens are taken and linked: all three holders are in use, and an epoch runs."""
    in_use = KeyHolder.objects.exclude(in_use_since=None).count()
    return in_use == len(HOLDERS) and LinkEpoch.objects.filter(ended_at=None).exists()


def epoch_now() -> LinkEpoch | None:
    """The newest epoch that runs; None while linkage is off."""
    return epochs()[-1] if is_on() else None


def epochs() -> list[LinkEpoch]:
    """Those that were begun at the hub and not ended, oldest first. Two while a rotation's overlap lasts."""
    return list(LinkEpoch.objects.filter(ended_at=None).order_by("number"))


def holders() -> list[KeyHolder]:
    """Those that are named, by number."""
    return list(KeyHolder.objects.order_by("number"))


def partners() -> list[int]:
    """The agencies whose signed agreement in force shares tokens, by id. Inside a door: any agency may ask.

    Neither one that has left nor one whose nation has vetoed sharing.
    """
    shares = Q(shares_tokens_under_release=True) | Q(shares_tokens_without_release=True)
    signed = SharingAgreement.objects.filter(shares, ended_at=None, signed_at__lte=Now())
    here = signed.filter(agency__left_on=None, agency__sharing_vetoed=False)
    return sorted(set(here.values_list("agency_id", flat=True)))


# The hub's acts, by who manages the network


def name_holder(number: int, *, url: str, body: str) -> KeyHolder:
    """Say where a holder is and who runs it. One that was moved is in use again only once linkage is turned
    on anew: another computer at that address is another holder."""
    current_actor().require(Permission.NETWORK_MANAGE)
    if number not in HOLDERS:
        raise Unfit("shape")
    before = KeyHolder.objects.filter(number=number).first()
    moved = before is None or before.url != url
    holder, _made = KeyHolder.objects.update_or_create(
        number=number,
        defaults={"url": url, "body": body, **({"in_use_since": None} if moved else {})},
    )
    ledger.record("linkage.holder_named", holder)
    return holder


def turn_on(number: int, fingerprint: str) -> LinkEpoch:
    """From now on tokens are taken, of this epoch: what the three holders were just heard to have, alike.

    Raises Unfit("holders") or Unfit("epoch").
    """
    current_actor().require(Permission.NETWORK_MANAGE)
    with transaction.atomic():
        if len(_held()) != len(HOLDERS):
            raise Unfit("holders")
        epoch = _take(number, fingerprint)
        KeyHolder.objects.filter(in_use_since=None).update(in_use_since=timezone.now())
        ledger.record("linkage.turned_on", epoch)
        return epoch


def turn_off() -> None:
    """No token is taken or used. What is there stays, unused, and is used again when linkage is turned on."""
    current_actor().require(Permission.NETWORK_MANAGE)
    KeyHolder.objects.update(in_use_since=None)
    ledger.record("linkage.turned_off")


def begin_epoch(number: int, fingerprint: str) -> LinkEpoch:
    """Take the next epoch to use, which the holders have begun; the one before runs on until it is ended.

    Raises Unfit("off") or Unfit("epoch").
    """
    current_actor().require(Permission.NETWORK_MANAGE)
    with transaction.atomic():
        _held()
        if not is_on():
            raise Unfit("off")
        epoch = _take(number, fingerprint)
        ledger.record("linkage.epoch_begun", epoch)
        return epoch


def end_epoch(number: int) -> LinkEpoch:
    """Give an older epoch up: its pepper is destroyed when this commits, so its tokens can't be made again,
    not even from a backup. Whoever calls it deletes what was linked by them, in the same transaction.

    Raises Unfit("running") for the newest one.
    """
    current_actor().require(Permission.NETWORK_MANAGE)
    with transaction.atomic():
        _held()
        running = epochs()
        if not running or number == running[-1].number:
            raise Unfit("running")
        epoch = next((one for one in running if one.number == number), None)
        if epoch is None:
            raise Unfit("moved")
        epoch.ended_at = timezone.now()
        epoch.save(update_fields=["ended_at"])
        ledger.record("linkage.epoch_ended", epoch)
        transaction.on_commit(lambda: vault.destroy_pepper(number))
        return epoch


def finish_ending() -> int:
    """Destroy what a crash left between an epoch's end and its pepper's; how many."""
    ended = LinkEpoch.objects.exclude(ended_at=None).values_list("number", flat=True)
    left = [number for number in ended if vault.pepper_stands(number)]
    for number in left:
        vault.destroy_pepper(number)
    return len(left)


def lost_peppers() -> list[int]:
    """Running epochs whose pepper is gone: their tokens can't be compared with new ones."""
    return [one.number for one in epochs() if not vault.pepper_stands(one.number)]


def _take(number: int, fingerprint: str) -> LinkEpoch:
    """The epoch, running. A number that was another key, was ended, or is below a running one is refused."""
    if not FINGERPRINT.fullmatch(fingerprint) or number < 1:
        raise Unfit("shape")
    newest = LinkEpoch.objects.order_by("-number").first()
    if newest is None or number > newest.number:
        # Made now, so that a folder that loses it later is noticed and not mended by a new one.
        vault.pepper(bytes(16), epoch=number)
        return LinkEpoch.objects.create(number=number, fingerprint=fingerprint)
    if (newest.number, newest.fingerprint, newest.ended_at) != (number, fingerprint, None):
        raise Unfit("epoch")
    return newest


def _held() -> list[KeyHolder]:
    """Two acts on the network come one after the other."""
    return list(KeyHolder.objects.select_for_update().order_by("number"))


# An agency's file of the holders


def holder_file() -> HolderFile | None:
    """The acting agency's, in force."""
    current_actor().require(Permission.CARD_OPEN)
    return HolderFile.objects.filter(agency_id=current_actor().agency_id).first()


def keep_holder_file(body: Mapping[str, Any]) -> HolderFile:
    """The file as a browser sealed it: {"serial": the next one, "epoch": the newest it speaks of, "sealed"}.

    Raises Unfit("shape"), or Unfit("moved") where another one was saved before, or under an older key.
    """
    actor = current_actor()
    actor.require(Permission.CARD_KEEP)
    version = cardkeys.version_in_force()
    if not version or not cardkeys.holds_newest():
        raise Unfit("moved")
    serial, epoch, sealed = _number(body, "serial"), _number(body, "epoch"), _sealed(body, version)
    with transaction.atomic():
        before = HolderFile.objects.filter(agency_id=actor.agency_id).select_for_update().first()
        if serial != (before.serial if before else 0) + 1:
            raise Unfit("moved")
        kept = HolderFile.objects.create(
            agency_id=actor.agency_id,
            version=version,
            epoch=epoch,
            sealed=sealed,
            serial=serial,
            put_by_id=actor.user_id,
        )
        HolderFile.objects.filter(agency_id=actor.agency_id, serial__lt=serial).delete()
    return kept


def drop_holder_file() -> None:
    """The agency asks the holders no more from its browsers."""
    actor = current_actor()
    actor.require(Permission.CARD_KEEP)
    HolderFile.objects.filter(agency_id=actor.agency_id).delete()


def seals_holder_file(version: int) -> bool:
    """Whether the acting agency's file stands under this version of its vault key."""
    return HolderFile.objects.filter(agency_id=current_actor().agency_id, version=version).exists()


def _number(body: Mapping[str, Any], name: str) -> int:
    found = body.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found < 2**31:
        raise Unfit("shape")
    return found


def _sealed(body: Mapping[str, Any], version: int) -> bytes:
    """A padded box of the newest version."""
    try:
        return cardkeys.box_of(body, "sealed", version=version)
    except cardkeys.Unfit as wrong:
        raise Unfit(str(wrong)) from None
