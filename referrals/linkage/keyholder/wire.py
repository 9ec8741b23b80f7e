"""What is said between an agency and a key holder, to the byte (docs/reference/key-holders.md).

A request is one signed body, complete in itself, so that it may be carried by a third.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from referrals.linkage import oprf

PATH = "/v1/evaluate"
STATUS = "/v1/status"
MAC = "X-Casehub-Mac"
# A body of this many elements is below LARGEST.
MOST_ELEMENTS = 1024
# Askers fill up to a multiple of this, so that how many keys a record has does not show.
GROUP = 16
LARGEST = 48 * 1024
# How far the two clocks may be apart, in milliseconds; no request is taken later than this after its time.
WINDOW = 120_000
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_FIELDS = {"agency", "at", "elements", "epoch", "holder", "nonce", "pair"}


class Malformed(ValueError):
    """No request or answer of ours."""


class Request(NamedTuple):
    """One asking for evaluation. `at` in milliseconds since 1970; `nonce` 16 bytes, never used again."""

    agency: str
    holder: int
    epoch: int
    asked: oprf.Pair
    at: int
    nonce: bytes
    elements: list[bytes]


def is_name(name: str) -> bool:
    """Whether an agency may be called so here: as its slug at the hub."""
    return bool(_NAME.fullmatch(name))


def written(request: Request) -> bytes:
    """A request's body."""
    return json.dumps(
        {
            "agency": request.agency,
            "at": request.at,
            "elements": _text(b"".join(request.elements)),
            "epoch": request.epoch,
            "holder": request.holder,
            "nonce": _text(request.nonce),
            "pair": list(request.asked),
        },
        separators=(",", ":"),
    ).encode()


def read(body: bytes) -> Request:
    """Raises Malformed for anything but a request of ours. Whether elements are elements is not looked at."""
    said = _object(body, _FIELDS)
    numbers = [said["at"], said["epoch"], said["holder"]]
    if not all(type(number) is int and 0 <= number < 2**53 for number in numbers):
        raise Malformed
    if type(said["agency"]) is not str or not is_name(said["agency"]) or type(said["pair"]) is not list:
        raise Malformed
    if [type(holder) for holder in said["pair"]] != [int, int]:
        raise Malformed
    nonce, elements = _bytes(said["nonce"]), _bytes(said["elements"])
    count, rest = divmod(len(elements), oprf.SIZE)
    if len(nonce) != 16 or rest or not 0 < count <= MOST_ELEMENTS:
        raise Malformed
    try:
        asked = oprf.pair(*said["pair"])
    except oprf.Invalid:
        raise Malformed from None
    return Request(said["agency"], said["holder"], said["epoch"], asked, said["at"], nonce, _split(elements))


def answer(evaluated: Sequence[bytes], proof: bytes) -> bytes:
    """The body of an answer: as long for as many elements, whatever they are."""
    return b'{"evaluated":"%s","proof":"%s"}' % (
        _text(b"".join(evaluated)).encode(),
        _text(proof).encode(),
    )


def read_answer(body: bytes) -> tuple[list[bytes], bytes]:
    """Raises Malformed."""
    said = _object(body, {"evaluated", "proof"})
    return _split(_bytes(said["evaluated"])), _bytes(said["proof"])


def signature(secret: bytes, body: bytes) -> str:
    """What stands in the header MAC: HMAC-SHA256 of the body under what agency and holder share."""
    return hmac.new(secret, b"casehub-keyholder/1\n" + body, hashlib.sha256).hexdigest()


def _object(body: bytes, fields: set[str]) -> dict:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed from None
    if type(said) is not dict or set(said) != fields:
        raise Malformed
    return said


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(value: object) -> bytes:
    if not isinstance(value, str):
        raise Malformed
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed from None


def _split(elements: bytes) -> list[bytes]:
    return [elements[at : at + oprf.SIZE] for at in range(0, len(elements), oprf.SIZE)]
