"""RFC 9497 in the suite ristretto255-SHA512: the oblivious function in its plain and its verifiable mode, and
the verifiable one under a key shared by three of whom two answer. Who asks whom over a network is not here.

Scalars and elements are 32 bytes each (little-endian, canonical). Whatever comes from elsewhere and is no
such thing raises `Invalid`; a proof that does not hold raises `BadProof`.
"""

import contextlib
import hashlib
import hmac
import os
import tempfile
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import rbcl

# At each import rbcl writes its libsodium (3 MB) into a temporary file, loads it, and leaves it for ever.
# A loaded file can be unlinked, but not on Windows. A library that was not unpacked there is let be.
_unpacked = getattr(getattr(rbcl, "_sodium", None), "_name", None) or ""
if os.name == "posix" and os.path.dirname(_unpacked) == tempfile.gettempdir():
    with contextlib.suppress(OSError):
        os.unlink(_unpacked)

SUITE = b"ristretto255-SHA512"
SIZE = 32
PROOF = 2 * SIZE
# The order of the group (RFC 9496).
ORDER = 2**252 + 27742317777372353535851937790883648493
# Places of elements in a proof are two bytes (RFC 9497, 2.2.1).
MOST = 0xFFFF
HOLDERS = (1, 2, 3)


class Invalid(ValueError):
    """Not a scalar or element that may be used, or not as many as there should be."""


class BadProof(ValueError):
    """The answer was not made under the key it claims."""


class Mode(IntEnum):
    """RFC 9497, 3.1."""

    OPRF = 0
    VOPRF = 1


class Pair(NamedTuple):
    """Two of the three holders, the lower number first. Build it with `pair`."""

    one: int
    other: int


class Dealt(NamedTuple):
    """What a dealer hands out: each holder's share, and the commitments that everybody may see."""

    shares: dict[int, bytes]
    commitments: dict[int, bytes]


def blind(text: bytes, *, mode: Mode = Mode.VOPRF, by: bytes | None = None) -> tuple[bytes, bytes]:
    """The blind, which stays secret, and the blinded element, which may be shown.

    `by`: a blind to use (test vectors); otherwise drawn. Raises Invalid for a text of more than 65,535 bytes.
    """
    if len(text) > MOST:
        raise Invalid("The text is too long.")
    scalar = rbcl.crypto_core_ristretto255_scalar_random() if by is None else by
    point = rbcl.crypto_core_ristretto255_from_hash(_expand(text, b"HashToGroup-", mode))
    return scalar, _times(scalar, point)


def padding() -> bytes:
    """An element that looks like a blinded one and stands for nobody."""
    return rbcl.crypto_core_ristretto255_random()


def public(key: bytes) -> bytes:
    """The public half of a key. Raises Invalid if it is none."""
    _check_scalar(key)
    return rbcl.crypto_scalarmult_ristretto255_base(key)


def derive_key(seed: bytes, info: bytes, *, mode: Mode = Mode.VOPRF) -> bytes:
    """RFC 9497, 3.2.1: the key that follows from 32 secret bytes and a public label."""
    for counter in range(256):
        key = _to_scalar(seed + _long(info) + bytes([counter]), b"DeriveKeyPair", mode)
        if any(key):
            return key
    raise Invalid("No key follows from this seed.")


def evaluate(key: bytes, blinded: Sequence[bytes]) -> list[bytes]:
    """Each element under the key, without proof. Raises Invalid at the first that is no element."""
    return [_times(key, element) for element in blinded]


def evaluate_proven(
    key: bytes, blinded: Sequence[bytes], *, nonce: bytes | None = None
) -> tuple[list[bytes], bytes]:
    """Each element under the key, and one proof for all that `public(key)` is that key's.

    `nonce`: the proof's random scalar (test vectors); it must never be used twice.
    """
    evaluated = evaluate(key, blinded)
    mine = public(key)
    weights = _weights(mine, blinded, evaluated)
    whole = _sum_of_products(weights, blinded)
    turned = _times(key, whole)
    r = rbcl.crypto_core_ristretto255_scalar_random() if nonce is None else nonce
    challenge = _challenge(mine, whole, turned, rbcl.crypto_scalarmult_ristretto255_base(r), _times(r, whole))
    answer = rbcl.crypto_core_ristretto255_scalar_sub(
        r, rbcl.crypto_core_ristretto255_scalar_mul(challenge, key)
    )
    return evaluated, challenge + answer


def check(public_key: bytes, blinded: Sequence[bytes], evaluated: Sequence[bytes], proof: bytes) -> None:
    """Raises BadProof unless each of `evaluated` is its `blinded` under the key of `public_key`, and
    Invalid for what is no element or not as many."""
    if len(proof) != PROOF:
        raise BadProof("A proof has 64 bytes.")
    challenge, answer = proof[:SIZE], proof[SIZE:]
    if not (_is_scalar(challenge) and _is_scalar(answer)):
        raise BadProof("The proof is not made of scalars.")
    weights = _weights(public_key, blinded, evaluated)
    whole, turned = _sum_of_products(weights, blinded), _sum_of_products(weights, evaluated)
    try:
        second = _plus(rbcl.crypto_scalarmult_ristretto255_base(answer), _times(challenge, public_key))
        third = _plus(_times(answer, whole), _times(challenge, turned))
    except (RuntimeError, Invalid):
        raise BadProof("The proof does not hold.") from None
    if not hmac.compare_digest(_challenge(public_key, whole, turned, second, third), challenge):
        raise BadProof("The proof does not hold.")


def finish(texts: Sequence[bytes], blinds: Sequence[bytes], evaluated: Sequence[bytes]) -> list[bytes]:
    """The outputs, 64 bytes each, of answers that were checked. Raises Invalid for what is no element."""
    outputs = []
    for text, inverse, element in zip(texts, _inverses(blinds), evaluated, strict=True):
        outputs.append(hashlib.sha512(_long(text) + _long(_times(inverse, element)) + b"Finalize").digest())
    return outputs


def output(key: bytes, text: bytes, *, mode: Mode = Mode.VOPRF) -> bytes:
    """What all the above comes to, for whoever has the key whole (RFC 9497's Evaluate); for tests."""
    point = rbcl.crypto_core_ristretto255_from_hash(_expand(text, b"HashToGroup-", mode))
    return hashlib.sha512(_long(text) + _long(_times(key, point)) + b"Finalize").digest()


# Two of three: a line through the key, and where each holder stands on it.


def pair(*holders: int) -> Pair:
    """Raises Invalid unless it is two different ones of the three."""
    if len(set(holders)) != 2 or not set(holders) <= set(HOLDERS):
        raise Invalid("A pair is two of the three holders.")
    return Pair(min(holders), max(holders))


def deal(key: bytes | None = None) -> Dealt:
    """Shares of a key such that any two give it back and one alone says nothing of it.

    Without `key` it is drawn here and never returned.
    """
    scalar = rbcl.crypto_core_ristretto255_scalar_random
    whole = int.from_bytes(scalar() if key is None else key, "little")
    slope = int.from_bytes(scalar(), "little")
    shares = {holder: _as_bytes(whole + slope * holder) for holder in HOLDERS}
    if not all(any(share) for share in shares.values()):
        return deal(key)
    return Dealt(shares, {holder: public(share) for holder, share in shares.items()})


def weighted(share: bytes, holder: int, asked: Pair) -> bytes:
    """The key that a holder evaluates under when this pair is asked. Raises Invalid if it is not of it."""
    return rbcl.crypto_core_ristretto255_scalar_mul(share, _as_bytes(_weight(holder, asked)))


def weighted_public(commitment: bytes, holder: int, asked: Pair) -> bytes:
    """The public half of `weighted`, from what the holder has published."""
    return _times(_as_bytes(_weight(holder, asked)), commitment)


def joint_public(commitments: dict[int, bytes]) -> bytes:
    """The public half of the whole key. Raises Invalid if the three commitments do not lie on one line: then
    different pairs would give different tokens."""
    if set(commitments) != set(HOLDERS):
        raise Invalid("There are three commitments.")
    found = set()
    for asked in (pair(1, 2), pair(1, 3), pair(2, 3)):
        one, other = (weighted_public(commitments[holder], holder, asked) for holder in asked)
        found.add(_plus(one, other))
    if len(found) != 1:
        raise Invalid("The three commitments do not belong to one key.")
    return found.pop()


def fingerprint(commitments: dict[int, bytes]) -> str:
    """Eight groups of four letters and digits to compare aloud: of all three commitments of an epoch."""
    digest = hashlib.sha256(b"casehub-keyholders/1" + b"".join(commitments[h] for h in HOLDERS)).hexdigest()
    return " ".join(digest[at : at + 4] for at in range(0, 32, 4))


def joined(one: Sequence[bytes], other: Sequence[bytes]) -> list[bytes]:
    """The whole key's answers out of a pair's two."""
    return [_plus(a, b) for a, b in zip(one, other, strict=True)]


def _weight(holder: int, asked: Pair) -> int:
    if holder not in asked:
        raise Invalid("This holder is not of the pair.")
    other = asked.other if holder == asked.one else asked.one
    return other * pow(other - holder, -1, ORDER) % ORDER


# Below: the RFC's parts.


def _context(mode: Mode) -> bytes:
    return b"OPRFV1-" + bytes([mode]) + b"-" + SUITE


def _long(part: bytes) -> bytes:
    return len(part).to_bytes(2, "big") + part


def _expand(text: bytes, label: bytes, mode: Mode) -> bytes:
    """expand_message_xmd with SHA-512 to 64 bytes (RFC 9380, 5.3.1), which is one block."""
    domain = label + _context(mode)
    domain += bytes([len(domain)])
    first = hashlib.sha512(bytes(128) + text + b"\x00\x40\x00" + domain).digest()
    return hashlib.sha512(first + b"\x01" + domain).digest()


def _to_scalar(text: bytes, label: bytes, mode: Mode) -> bytes:
    return rbcl.crypto_core_ristretto255_scalar_reduce(_expand(text, label, mode))


def _weights(public_key: bytes, blinded: Sequence[bytes], evaluated: Sequence[bytes]) -> list[bytes]:
    """RFC 9497, 2.2.1: what each element counts for in the proof of them all."""
    if not 0 < len(blinded) == len(evaluated) <= MOST:
        raise Invalid("There must be as many answers as elements, and at least one.")
    seed = hashlib.sha512(_long(public_key) + _long(b"Seed-" + _context(Mode.VOPRF))).digest()
    return [
        _to_scalar(
            _long(seed) + place.to_bytes(2, "big") + _long(one) + _long(other) + b"Composite",
            b"HashToScalar-",
            Mode.VOPRF,
        )
        for place, (one, other) in enumerate(zip(blinded, evaluated, strict=True))
    ]


def _challenge(*elements: bytes) -> bytes:
    return _to_scalar(b"".join(map(_long, elements)) + b"Challenge", b"HashToScalar-", Mode.VOPRF)


def _sum_of_products(scalars: Sequence[bytes], elements: Sequence[bytes]) -> bytes:
    whole = None
    for scalar, element in zip(scalars, elements, strict=True):
        product = _times(scalar, element)
        whole = product if whole is None else _plus(whole, product)
    assert whole is not None
    return whole


def _inverses(scalars: Sequence[bytes]) -> list[bytes]:
    """Each one's inverse, by one inversion of their product and three multiplications each."""
    mul = rbcl.crypto_core_ristretto255_scalar_mul
    before = [(1).to_bytes(SIZE, "little")]
    for scalar in scalars:
        _check_scalar(scalar)
        before.append(mul(before[-1], scalar))
    rest = rbcl.crypto_core_ristretto255_scalar_invert(before[-1])
    found: list[bytes] = []
    for scalar, product in zip(reversed(scalars), reversed(before[:-1]), strict=True):
        found.append(mul(rest, product))
        rest = mul(rest, scalar)
    return found[::-1]


def _as_bytes(number: int) -> bytes:
    return (number % ORDER).to_bytes(SIZE, "little")


def _is_scalar(scalar: bytes) -> bool:
    return len(scalar) == SIZE and int.from_bytes(scalar, "little") < ORDER


def _check_scalar(scalar: bytes) -> None:
    if not _is_scalar(scalar) or not any(scalar):
        raise Invalid("Not a scalar.")


def _times(scalar: bytes, element: bytes) -> bytes:
    """libsodium refuses what is no element in canonical form, and what gives the identity."""
    try:
        return rbcl.crypto_scalarmult_ristretto255(scalar, element)
    except (RuntimeError, ValueError, TypeError):
        raise Invalid("Not an element.") from None


def _plus(one: bytes, other: bytes) -> bytes:
    return rbcl.crypto_core_ristretto255_add(one, other)
