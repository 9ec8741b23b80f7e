"""The dealer's work: a new epoch's key drawn, dealt to three and forgotten; agencies made known to them."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from referrals.linkage import oprf
from referrals.linkage.keyholder.client import Holder, Network
from referrals.linkage.keyholder.folder import Agency, Broken, Folder, Packet


def packets(epoch: int) -> list[Packet]:
    """One for each holder. The key itself is known here only while this runs."""
    dealt = oprf.deal()
    return [Packet(epoch, holder, dealt.shares[holder], dealt.commitments) for holder in oprf.HOLDERS]


def begin(paths: Sequence[Path]) -> list[Folder]:
    """Three new holders with epoch 1. Raises Broken if it is not three places that are empty."""
    if len({path.resolve() for path in paths}) != len(oprf.HOLDERS):
        raise Broken("It takes three different folders.")
    for path in paths:
        if path.exists() and any(path.iterdir()):
            raise Broken(f"{path} is not empty.")
    return [Folder.make(path, packet) for path, packet in zip(paths, packets(1), strict=True)]


def rotate(folders: Sequence[Folder], *, overlap: timedelta) -> int:
    """Deal the next epoch to all three, and then begin it at each; its number.

    What was broken off is gone on with: an epoch that some have begun is begun by the others; one that nobody
    has begun is dealt anew.
    """
    if sorted(folder.holder for folder in folders) != list(oprf.HOLDERS):
        raise Broken("It takes the folders of holders 1, 2 and 3.")
    newest = max(folder.current for folder in folders)
    oldest = min(folder.current for folder in folders)
    if newest == oldest:
        newest += 1
        for folder, packet in zip(sorted(folders, key=lambda f: f.holder), packets(newest), strict=True):
            folder.take_packet(packet)
    known = {oprf.fingerprint(folder.epochs()[newest]) for folder in folders if newest in folder.epochs()}
    if len(known) != 1 or not all(newest in folder.epochs() for folder in folders):
        raise Broken("The three were not dealt the same epoch.")
    ends = datetime.now(UTC) + overlap
    for folder in folders:
        folder.begin(newest, ends=ends)
    return newest


def again(folders: Sequence[Folder], name: str, *, urls: Sequence[str]) -> Network:
    """What an agency that is known needs to know now: the same secrets, today's epochs. Raises Broken."""
    holders = {}
    for folder, url in zip(folders, urls, strict=True):
        known = folder.agencies().get(name)
        if known is None:
            raise Broken(f"{name} is not known to holder {folder.holder}.")
        holders[folder.holder] = Holder(url, known.secret)
    return Network(name, holders, folders[0].epochs())


def admit(folders: Sequence[Folder], name: str, *, daily: int, urls: Sequence[str]) -> Network:
    """Let an agency ask these, each under a secret of its own, `daily` elements a day; what the agency
    needs to know for it."""
    holders = {}
    for folder, url in zip(folders, urls, strict=True):
        secret = secrets.token_bytes(32)
        folder.admit(name, Agency(secret, daily))
        holders[folder.holder] = Holder(url, secret)
    return Network(name, holders, folders[0].epochs())
