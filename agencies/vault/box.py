"""The box: how one text is sealed to its place. Pure; which key is used is the keyring's affair.

A box is: format (1 byte), key version (4), nonce (12), ciphertext of the padded text, tag (16). Format 1 is
sealed under the agency's data key, format 2 under that and the subject's own (ADR 0012).
"""

import os
import struct
from typing import Final, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

OF_AGENCY: Final = 1
OF_SUBJECT: Final = 2
HEADER: Final = struct.Struct(">BI")
LENGTH: Final = struct.Struct(">I")
NONCE_SIZE: Final = 12
TAG_SIZE: Final = 16
SMALLEST_BUCKET: Final = 32


class VaultError(Exception):
    """What was asked of the vault can't be done. To a caller every reason looks the same."""


class Shut(Exception):
    """Why a box does not open. Stays inside the vault: it goes to the log, never to a caller."""


def seal_box(
    cipher: AESGCM, *, version: int, kind: int, plain: bytes, place: str, agency: int, row: object
) -> bytes:
    """A fresh box around the bytes."""
    header = HEADER.pack(kind, version)
    nonce = os.urandom(NONCE_SIZE)
    return header + nonce + cipher.encrypt(nonce, plain, bound_to(header, place, agency, row))


def open_box(cipher: AESGCM, box: bytes, *, place: str, agency: int, row: object) -> bytes:
    """The bytes in the box. Raises Shut if a bit of box, place, agency or row differs from the sealing."""
    header, nonce = box[: HEADER.size], box[HEADER.size : HEADER.size + NONCE_SIZE]
    try:
        return cipher.decrypt(nonce, box[HEADER.size + NONCE_SIZE :], bound_to(header, place, agency, row))
    except InvalidTag:
        raise Shut("the tag does not fit") from None


class Header(NamedTuple):
    """What a box says of itself: which keys seal it, and the data key's version."""

    kind: int
    version: int


def header_of(box: bytes) -> Header:
    """The header of a box. Raises Shut for what can't be a box of ours."""
    if len(box) < HEADER.size + NONCE_SIZE + SMALLEST_BUCKET + TAG_SIZE:
        raise Shut("too short")
    header = Header(*HEADER.unpack_from(box))
    if header.kind not in (OF_AGENCY, OF_SUBJECT):
        raise Shut("unknown format")
    return header


def bound_to(header: bytes, place: str, agency: int, row: object) -> bytes:
    """The associated data: each part behind its length, so that no two places are spelled alike."""
    return joined(b"casehub box", header, place.encode(), str(agency).encode(), row_name(row))


def joined(*parts: bytes) -> bytes:
    """Parts behind their lengths: an encoding that can be read in one way only."""
    return b"".join([LENGTH.pack(len(part)) + part for part in parts])


def row_name(row: object) -> bytes:
    """A row's id as bytes. An id read from a URL and one from the database are the same row.

    Raises TypeError for what is no id, above all for None: an unsaved row has no place yet.
    """
    if isinstance(row, bool) or not isinstance(row, int | str | UUID) or row == "":
        raise TypeError(f"a row is named by its id, not by a {type(row).__name__}")
    return str(row).encode()


def padded(text: str) -> bytes:
    """The text behind its length, filled up to a power of two: the size of a box tells little about it."""
    try:
        plain = text.encode()
    except UnicodeEncodeError:
        raise ValueError("the text is not valid Unicode") from None  # the original error quotes the text
    size = LENGTH.size + len(plain)
    bucket = max(SMALLEST_BUCKET, 1 << (size - 1).bit_length())
    return LENGTH.pack(len(plain)) + plain + bytes(bucket - size)


def unpadded(plain: bytes) -> str:
    (size,) = LENGTH.unpack_from(plain)
    if LENGTH.size + size > len(plain):
        raise Shut("the length does not fit")
    return plain[LENGTH.size : LENGTH.size + size].decode()
