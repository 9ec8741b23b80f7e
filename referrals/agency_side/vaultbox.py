"""The contact card's formats in Python, as docs/reference/card-formats.md has them: boxes, openers, wraps,
kits, codes, hand-overs, streams. What stands in which file is said elsewhere.

The one module that needs `cryptography`. Importing it without raises Refused; so it is imported late.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import struct
import unicodedata
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from . import Refused

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives import hashes, hpke
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
except ImportError:
    raise Refused(
        "Cards need the Python package cryptography, 47 or newer, on this machine. "
        'Get it with: python -m pip install "cryptography>=47"'
    ) from None

Part = str | bytes | int
JSON = Any

_FORMAT = 1
_HEADER = struct.Struct(">BI")
_RECORD = struct.Struct(">16sIQI")
_NONCE, _TAG, _ENC, _KEY = 12, 16, 32, 32
_LEAST_PADDED = 512
_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_WRAP_TAG, _HANDOVER_TAG = "casehub wrap tag", "casehub hand-over tag"
_FLOOR = {"memory": 19_456, "passes": 2, "salt": 16}
# A file may not freeze the machine either.
_CEILING = {"memory": 1_048_576, "passes": 16, "salt": 1024}
# What browsers take for outer space of a text; Python's own list differs.
_SPACE = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" + (
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_WORDS_SHA256 = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"


class Shut(Refused):
    """Something does not open: a wrong key, another place, bytes that were changed."""


# --- Pieces -----------------------------------------------------------------------------------------------


def to_text(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_text(text: object) -> bytes:
    """The bytes again. Raises Shut for anything else."""
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        raise Shut("A value in the file is not base64url text.")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _bytes(part: Part) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, int) and part < 0:
        raise ValueError("a number from 0 on")
    return str(part).encode()


def joined(*parts: Part) -> bytes:
    """Each part behind its length, so that no two lists of parts give the same bytes."""
    return b"".join(struct.pack(">I", len(part)) + part for part in map(_bytes, parts))


def sub(key: bytes, name: str) -> bytes:
    """32 bytes derived from the key under a name of their own."""
    return HKDF(hashes.SHA256(), 32, None, name.encode()).derive(key)


def _padded_length(length: int) -> int:
    size = _LEAST_PADDED
    while size < length + 4:
        size *= 2
    return size


def pad(data: bytes) -> bytes:
    """Hides how long the bytes are, but for the power of two above."""
    return (struct.pack(">I", len(data)) + data).ljust(_padded_length(len(data)), b"\0")


def unpad(padded: bytes) -> bytes:
    """The bytes again. Raises Shut for padding that pad() does not make."""
    length = int.from_bytes(padded[:4])
    if len(padded) != _padded_length(length) or any(padded[4 + length :]):
        raise Shut("What was sealed is not padded as it must be.")
    return padded[4 : 4 + length]


def _constant(name: str) -> None:
    raise ValueError(name)


def pad_json(value: JSON) -> bytes:
    """A value as padded JSON."""
    return pad(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def unpad_json(padded: bytes) -> JSON:
    """The value again. Raises Shut."""
    data = unpad(padded)
    try:
        return json.loads(data.decode(), parse_constant=_constant)
    except (ValueError, RecursionError):
        raise Shut("What was sealed is not JSON.") from None


# --- Boxes ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kind:
    format: str
    key: str  # the name its key is derived under; "": the key as it is given
    parts: tuple[str, ...]
    versioned: bool = True


_KINDS = {
    "card": _Kind("casehub card", "casehub cards", ("agency", "client", "revision", "saved_at")),
    "book": _Kind("casehub book", "casehub book", ("agency", "serial")),
    "handover_key": _Kind("casehub handover key", "casehub handover", ("agency", "public_key")),
    "bulk_card": _Kind("casehub bulk card", "casehub bulk", ("agency", "source")),
    "holders": _Kind("casehub holders", "casehub holders", ("agency", "serial")),
    "opener": _Kind("casehub opener", "", ("agency", "user", "public_key"), False),
    "trust": _Kind("casehub trust", "casehub trust", ("agency", "user", "serial"), False),
    "tab": _Kind("casehub tab", "casehub tab", ("agency", "user"), False),
}
_IDS = ("agency", "client", "user")


def _aad(kind: _Kind, header: bytes, where: Mapping[str, Part]) -> bytes:
    parts = [str(where[name]).lower() if name in _IDS else where[name] for name in kind.parts]
    return joined(kind.format, header, *parts)


def _version(kind: _Kind, where: Mapping[str, Part]) -> int:
    return int(where["version"]) if kind.versioned else 0


def _cipher(kind: _Kind, key: bytes) -> AESGCM:
    return AESGCM(sub(key, kind.key) if kind.key else key)


def seal_box(what: str, key: bytes, where: Mapping[str, Part], content: bytes) -> bytes:
    """Seal bytes for one place. `what` is card, book, handover_key, bulk_card, holders, opener, trust or tab;
    `where` has the parts of the format's table and, for the first five, the vault key's `version`."""
    kind = _KINDS[what]
    header = _HEADER.pack(_FORMAT, _version(kind, where))
    nonce = secrets.token_bytes(_NONCE)
    return header + nonce + _cipher(kind, key).encrypt(nonce, content, _aad(kind, header, where))


def version_of(box: bytes) -> int:
    """The vault key's version a box names, before anything of it is believed. Raises Shut."""
    if len(box) < _HEADER.size + _NONCE + _TAG:
        raise Shut("A sealed box is cut off.")
    form, version = _HEADER.unpack_from(box)
    if form != _FORMAT:
        raise Shut("A sealed box is of a format this tool does not know.")
    return int(version)


def open_box(what: str, key: bytes, where: Mapping[str, Part], box: bytes) -> bytes:
    """What seal_box() sealed for the same place. Raises Shut, whatever is wrong."""
    kind = _KINDS[what]
    if version_of(box) != _version(kind, where):
        raise Shut("A sealed box is of another version of the vault's key.")
    header, nonce = box[: _HEADER.size], box[_HEADER.size : _HEADER.size + _NONCE]
    try:
        return _cipher(kind, key).decrypt(nonce, box[_HEADER.size + _NONCE :], _aad(kind, header, where))
    except InvalidTag:
        raise Shut("A sealed box does not open here: wrong key, wrong place, or changed.") from None


def seal_json(what: str, key: bytes, where: Mapping[str, Part], value: JSON) -> bytes:
    """A value sealed as padded JSON."""
    return seal_box(what, key, where, pad_json(value))


def open_json(what: str, key: bytes, where: Mapping[str, Part], box: bytes) -> JSON:
    """What seal_json() sealed. Raises Shut."""
    return unpad_json(open_box(what, key, where, box))


# --- Pairs and openers ------------------------------------------------------------------------------------


def public_of(private: bytes) -> bytes:
    """The public half of a private key, both 32 bytes. Raises Shut."""
    if len(private) != _KEY:
        raise Shut("A private key has not 32 bytes.")
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def passphrase_key(passphrase: str, *, salt: bytes, memory: int, passes: int) -> bytes:
    """The opener's key; `memory` in KiB. Raises Refused for parameters outside of what may be asked."""
    asked = {"memory": memory, "passes": passes, "salt": len(salt)}
    if any(
        type(value) is not int or not _FLOOR[name] <= value <= _CEILING[name] for name, value in asked.items()
    ):
        raise Refused(
            "The file asks for a protection of the passphrase that is too weak or too costly. Don't use it: "
            "get it again, and tell whoever runs the hub."
        )
    typed = unicodedata.normalize("NFKC", passphrase).strip(_SPACE).encode()
    output = Argon2id(salt=salt, length=_KEY, iterations=passes, lanes=1, memory_cost=memory).derive(typed)
    return sub(output, "casehub opener passphrase")


def passkey_key(output: bytes) -> bytes:
    """The opener's key of a passkey's PRF output, 32 bytes."""
    if len(output) != _KEY:
        raise Shut("A passkey's output has not 32 bytes.")
    return sub(output, "casehub opener passkey")


def open_opener(key: bytes, where: Mapping[str, Part], box: bytes) -> bytes:
    """The member's private key, which is that of `where["public_key"]`. Raises Shut."""
    private = open_box("opener", key, where, box)
    if public_of(private) != where["public_key"]:
        raise Shut("A member's private key is not that of the public one.")
    return private


# --- HPKE -------------------------------------------------------------------------------------------------


def _seal_to(public: bytes, info: bytes, data: bytes) -> bytes:
    try:
        return _SUITE.encrypt(data, X25519PublicKey.from_public_bytes(public), info)
    except ValueError:
        raise Shut("A public key is none.") from None


def _open_as(private: bytes, info: bytes, sealed: bytes) -> bytes:
    try:
        return _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private), info)
    except (InvalidTag, ValueError):
        raise Shut("What was sealed to this key does not open: wrong key, wrong place, or changed.") from None


def _wrap_parts(where: Mapping[str, Part], receiver: bytes) -> tuple[Part, ...]:
    agency, to = str(where["agency"]).lower(), str(where["to"]).lower()
    return "casehub wrap", agency, where["version"], to, receiver


def _tag(name: str, private: bytes, other: bytes, said: bytes) -> bytes:
    # Only sender and receiver can make it, and each for the other alone.
    try:
        shared = X25519PrivateKey.from_private_bytes(private).exchange(
            X25519PublicKey.from_public_bytes(other)
        )
    except ValueError:
        raise Shut("A public key is none.") from None
    return hmac.digest(sub(shared, name), said, "sha256")


def wrap(
    where: Mapping[str, Part], *, vault_key: bytes, sender: bytes, receiver: bytes
) -> tuple[bytes, bytes]:
    """The vault key wrapped to the public key `receiver` by the private key `sender`: (sealed, tag). `where`
    is agency, version and `to`: the receiver's member key id or "kit <number>"."""
    parts = _wrap_parts(where, receiver)
    sealed = _seal_to(receiver, joined(*parts), vault_key)
    return sealed, _tag(_WRAP_TAG, sender, receiver, joined(*parts, sealed))


def unwrap(where: Mapping[str, Part], *, sealed: bytes, tag: bytes, sender: bytes, receiver: bytes) -> bytes:
    """The vault key, if the holder of the public key `sender` wrapped it for the private key `receiver`.
    Raises Shut."""
    parts = _wrap_parts(where, public_of(receiver))
    if not hmac.compare_digest(tag, _tag(_WRAP_TAG, receiver, sender, joined(*parts, sealed))):
        raise Shut("A wrapped key was not made by the member it names.")
    vault_key = _open_as(receiver, joined(*parts), sealed)
    if len(vault_key) != _KEY:
        raise Shut("A vault key has not 32 bytes.")
    return vault_key


def _handover_parts(where: Mapping[str, str]) -> tuple[Part, ...]:
    ids = [where[name].lower() for name in ("sender", "receiver", "disclosure")]
    return "casehub hand-over", *ids, where["data_class"]


def seal_handover(
    where: Mapping[str, str], *, fields: JSON, sender: bytes, receiver: bytes
) -> tuple[bytes, bytes]:
    """Named fields sealed for one disclosure to the public key `receiver` by the private key `sender`, both
    hand-over keys: (sealed, tag). `where`: sender, receiver, disclosure, data_class."""
    parts = _handover_parts(where)
    sealed = _seal_to(receiver, joined(*parts, receiver), pad_json(fields))
    said = joined(*parts, public_of(sender), receiver, sealed)
    return sealed, _tag(_HANDOVER_TAG, sender, receiver, said)


def open_handover(
    where: Mapping[str, str], *, sealed: bytes, tag: bytes, sender: bytes, receiver: bytes
) -> JSON:
    """The named fields, if the holder of the public key `sender`, which the caller compared, sealed them for
    the private key `receiver`. Raises Shut."""
    parts, public = _handover_parts(where), public_of(receiver)
    said = joined(*parts, sender, public, sealed)
    if not hmac.compare_digest(tag, _tag(_HANDOVER_TAG, receiver, sender, said)):
        raise Shut("A hand-over was not sealed by the agency it names.")
    return unpad_json(_open_as(receiver, joined(*parts, public), sealed))


# --- The kit ----------------------------------------------------------------------------------------------


@cache
def _word_list() -> tuple[str, ...]:
    # BIP 39, English, from @scure/bip39 1.6.0; its licence (MIT) lies beside.
    data = files(__package__).joinpath("bip39_english.txt").read_bytes()
    if hashlib.sha256(data).hexdigest() != _WORDS_SHA256:
        raise Refused("This tool's own list of words was changed. Get the tool again.")
    return tuple(data.decode().split())


def _checksum(data: bytes) -> int:
    return hashlib.sha256(data).digest()[0]


def kit_words(data: bytes) -> str:
    """A kit's 32 bytes as 24 words."""
    number = int.from_bytes(data) << 8 | _checksum(data)
    return " ".join(_word_list()[number >> 11 * place & 2047] for place in reversed(range(24)))


def kit_bytes(words: str) -> bytes:
    """The 32 bytes of 24 typed words; case, spaces, numbers and commas between them don't matter.
    Raises Shut, and says which word is on no kit."""
    typed = [word for word in re.split(r"[^a-z]+", unicodedata.normalize("NFKD", words).lower()) if word]
    if len(typed) != 24:
        raise Shut(f"A kit has 24 words; these are {len(typed)}.")
    places = {word: place for place, word in enumerate(_word_list())}
    unknown = [str(place) for place, word in enumerate(typed, 1) if word not in places]
    if unknown:
        raise Shut(f"On no kit: word number {', '.join(unknown)}. Look for a slip of the pen.")
    number = 0
    for word in typed:
        number = number << 11 | places[word]
    data = (number >> 8).to_bytes(32)
    if number & 255 != _checksum(data):
        raise Shut("The words are no kit's: one of them is another, or two stand in the other order.")
    return data


def kit_private_key(data: bytes, agency: str) -> bytes:
    """The private key a kit's bytes stand for at this agency."""
    return sub(data, f"casehub kit {agency.lower()}")


# --- Codes ------------------------------------------------------------------------------------------------


def code_of(kind: str, agency: str, holder: str, public: bytes) -> str:
    """The code two people read to each other: 20 digits in four groups of five. `kind` is member (holder: the
    user's id) or handover (holder: the word agency)."""
    said = (joined("casehub code", kind, agency.lower(), holder.lower(), public, index) for index in range(4))
    return " ".join(f"{int.from_bytes(hashlib.sha256(text).digest()[:8]) % 100_000:05}" for text in said)


# --- The vault --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StreamedCard:
    """A row of the hub's stream. `saved_at` in seconds since 1970."""

    client: str
    revision: int
    saved_at: int
    box: bytes


def read_stream(stream: bytes) -> Iterator[StreamedCard]:
    """The rows of a stream of cards. Raises Shut for one that is cut off."""
    at = 0
    while at < len(stream):
        if at + _RECORD.size > len(stream):
            raise Shut("The file of cards is cut off. Get it again.")
        client, revision, saved_at, length = _RECORD.unpack_from(stream, at)
        at += _RECORD.size
        if at + length > len(stream):
            raise Shut("The file of cards is cut off. Get it again.")
        yield StreamedCard(str(uuid.UUID(bytes=client)), revision, saved_at, stream[at : at + length])
        at += length


class Vault:
    """An agency's vault, open: its newest key seals, every key it was given opens. `keys` are 32 bytes by
    version."""

    def __init__(self, agency: str, keys: Mapping[int, bytes]) -> None:
        self.agency = agency
        self.version = max(keys)
        self._keys = dict(keys)

    def seal(self, what: str, where: Mapping[str, Part], value: JSON) -> bytes:
        """Seal a card, bulk_card, book or holders' file."""
        place = {**where, "agency": self.agency, "version": self.version}
        return seal_json(what, self._keys[self.version], place, value)

    def open(self, what: str, where: Mapping[str, Part], box: bytes) -> JSON:
        """The card, bulk card, book or holders' file. Raises Shut."""
        version = version_of(box)
        if version not in self._keys:
            raise Shut(f"A box is sealed under version {version} of the key, which was not handed to you.")
        return open_json(what, self._keys[version], {**where, "agency": self.agency, "version": version}, box)
