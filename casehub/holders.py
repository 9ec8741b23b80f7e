"""The key holders as the hub reaches them: each one's state, and an agency's signed request carried to one.

The hub can read neither: what is carried are random points, signed for that holder alone, and whoever asks
checks the answer's proof. Which holders there are stands in agencies/linknet.py.
"""

import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from agencies import linknet
from agencies.models import KeyHolder
from referrals.linkage.keyholder import client, wire

# Seconds: for one holder's answer; how long one that took all of them is left alone; how long a request waits
# for its turn.
TIMEOUT = 10.0
REST = 30.0
TURN = 0.5
STATUS_TIMEOUT = 3.0
ANSWERS = (200, 403, 429)
# Of a process's web threads (four) two at most wait for holders: pages are served whatever holders do.
_room = threading.BoundedSemaphore(2)
_rests: dict[str, float] = {}


class Silent(Exception):
    """Nothing can be carried there now, whatever the reason."""


@dataclass(frozen=True)
class Standing:
    """One holder now. `said` is None where nothing came, or nothing that a holder says."""

    holder: KeyHolder
    said: client.Status | None

    @property
    def is_itself(self) -> bool:
        """Whether the holder of this number answered."""
        return self.said is not None and self.said.holder == self.holder.number


def relay(number: int, body: bytes, mac: str) -> tuple[int, bytes]:
    """The holder's status and answer to one signed body, untouched. Raises Silent: linkage is off, no such
    holder, too long, badly signed, no answer in TIMEOUT."""
    holder = KeyHolder.objects.filter(number=number).first() if linknet.is_on() else None
    if holder is None or len(body) > wire.LARGEST or _rests.get(holder.url, 0) > time.monotonic():
        raise Silent
    if not _room.acquire(timeout=TURN):
        raise Silent
    began = time.monotonic()
    try:
        status, answer = client.post(holder.url, body, mac, timeout=TIMEOUT)
    except (OSError, ValueError):
        if time.monotonic() - began > TIMEOUT / 2:
            _rests[holder.url] = time.monotonic() + REST
        raise Silent from None
    finally:
        _room.release()
    if status not in ANSWERS:
        raise Silent
    return status, answer


def standings(holders: Iterable[KeyHolder] | None = None) -> list[Standing]:
    """How each holder stands, all asked at the same time, each within STATUS_TIMEOUT."""
    asked = list(linknet.holders() if holders is None else holders)
    with ThreadPoolExecutor(len(linknet.HOLDERS)) as pool:
        return [Standing(*pair) for pair in zip(asked, pool.map(_status, asked), strict=True)]


def agreed(found: list[Standing]) -> client.Status | None:
    """What all three say alike, or None: then nothing begins."""
    said = {(one.said.epoch, one.said.fingerprint) for one in found if one.said and one.is_itself}
    whole = [one.holder.number for one in found if one.is_itself] == list(linknet.HOLDERS)
    return found[0].said if whole and len(said) == 1 else None


def _status(holder: KeyHolder) -> client.Status | None:
    try:
        return client.status(holder.url, timeout=STATUS_TIMEOUT)
    except (OSError, ValueError):
        return None
