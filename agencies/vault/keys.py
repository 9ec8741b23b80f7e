"""The keyring: which data key seals, opens and tokens for an agency, and how keys come, retire and go.

Rows of keys come from a KeyStore (the database's is in store.py), what unwraps them from a KeyFolder. What
is remembered between calls is held to the rules in docs/adr/0004-vault.md: a second old at most, five
minutes in memory, never a key whose transaction may still be rolled back.
"""

import hmac
import logging
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agencies.vault.box import (
    OF_AGENCY,
    OF_SUBJECT,
    Header,
    Shut,
    VaultError,
    header_of,
    joined,
    open_box,
    padded,
    seal_box,
    unpadded,
)
from agencies.vault.kek import KEY_SIZE, KeyFolder, KeyFolderError, KeyPlace, Purpose
from agencies.vault.subjects import Shredded, SubjectKeys

log = logging.getLogger("agencies.vault")

Box = bytes | bytearray | memoryview

# How long a process trusts what it last read of an agency's keys: the longest that another process's
# destroyed key can still open a box, or a retired one seal.
TRUSTED_SECONDS: Final = 1.0
# How long an unwrapped key stays in memory: the longest that a deleted key-encryption key is not felt.
KEPT_SECONDS: Final = 300.0
# Random nonces allow 2**32 boxes a key. A key is replaced after this age, or as soon as any one process has
# sealed this many: it would take 4,096 processes at the very limit, within the age, to come near.
OLDEST_SEALING_KEY: Final = timedelta(days=90)
MOST_SEALS_BY_ONE_PROCESS: Final = 2**20


class KeyRow(NamedTuple):
    """One data key as it is stored. `wrapped` is empty once it is destroyed."""

    place: KeyPlace
    wrapped: bytes
    kek_id: str
    created_at: datetime
    is_retired: bool = False
    is_destroyed: bool = False


class Progress(NamedTuple):
    """How far a long piece of work has come: rows done, rows in all, and rows that could not be done."""

    done: int
    total: int
    failed: int = 0


class KeyStore(Protocol):
    """Where wrapped data keys are kept."""

    def load(self, agency: int) -> tuple[KeyRow, ...]:
        """The agency's keys in a fixed order, as this thread's transaction sees them."""

    def changing(self, agency: int, *, durable: bool = False) -> AbstractContextManager[None]:
        """A transaction in which nobody else changes this agency's keys."""

    def add(self, row: KeyRow) -> None: ...

    def retire(self, agency: int, purpose: Purpose, *, below: int) -> None: ...

    def destroy(self, agency: int) -> None: ...

    def on_commit(self, act: Callable[[], None]) -> None:
        """Call when this thread's transaction has committed; now, where there is none."""

    def is_waiting(self, act: Callable[[], None]) -> bool:
        """Whether `act`, given to on_commit by this thread, may still be called or be rolled back."""

    def rewrap(self, kek_id: str, wrap: Callable[[KeyRow], bytes | None]) -> Iterator[Progress]:
        """Put every key that stands under another key-encryption key under this one, chunk by chunk."""

    def kek_ids(self) -> set[str]:
        """The key-encryption keys that some data key is still wrapped under."""


@dataclass(slots=True)
class Ring:
    """An agency's keys, unwrapped."""

    rows: tuple[KeyRow, ...]
    looked_at: float
    opened_at: float
    keys: dict[int, bytes] = field(default_factory=dict)
    ciphers: dict[int, AESGCM] = field(default_factory=dict)
    newest: int = 0
    newest_is_old: bool = False
    token_key: bytes = b""


class Keyring:
    """Seals, opens and tokens with agencies' keys. One a process; safe for threads."""

    def __init__(
        self,
        store: KeyStore,
        folder: Callable[[], KeyFolder],
        subjects: Callable[[], SubjectKeys],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._folder = folder
        self._subjects = subjects
        self._clock = clock
        self._rings: dict[int, Ring] = {}
        self._seals: dict[tuple[int, int], int] = {}
        self._replacing: dict[tuple[int, int], Callable[[], None]] = {}
        self._own = threading.local()

    def seal(
        self, text: str | bytes, *, agency: int, place: str, row: object, subject: UUID | None = None
    ) -> bytes:
        """Text is padded; bytes are taken as they are."""
        plain = text if isinstance(text, bytes) else padded(text)
        return self._seal(plain, agency=agency, place=place, row=row, subject=subject)

    def unseal(self, box: Box, *, agency: int, place: str, row: object, subject: UUID | None = None) -> str:
        plain = self.open(box, agency=agency, place=place, row=row, subject=subject)
        try:
            return unpadded(plain)
        except Shut:
            raise VaultError("could not open") from None

    def open(self, box: Box, *, agency: int, place: str, row: object, subject: UUID | None = None) -> bytes:
        """What was sealed, as it was sealed."""
        box = as_bytes(box)
        try:
            kind, version = header_of(box)
            cipher = self._cipher(self._ring(agency), kind, version, agency, subject)
            return open_box(cipher, box, place=place, agency=agency, row=row)
        except (Shut, Shredded) as why:
            shown = row if isinstance(row, int | UUID) else "?"
            log.warning("a box did not open: %s (place %s, agency %s, row %s)", why, place, agency, shown)
        raise VaultError("could not open")

    def reseal(self, box: Box, *, agency: int, place: str, row: object, subject: UUID | None = None) -> bytes:
        plain = self.open(box, agency=agency, place=place, row=row, subject=subject)
        box = as_bytes(box)
        kind = OF_AGENCY if subject is None else OF_SUBJECT
        if header_of(box) == Header(kind, self.newest(agency)):
            return box
        return self._seal(plain, agency=agency, place=place, row=row, subject=subject)

    def _seal(self, plain: bytes, *, agency: int, place: str, row: object, subject: UUID | None) -> bytes:
        ring = self._ring(agency)
        if ring.newest not in ring.ciphers:
            raise VaultError("this agency has no key to seal with")
        kind = OF_AGENCY if subject is None else OF_SUBJECT
        if subject is not None and self._subjects().find(agency, subject) is None:
            self._subjects().make(agency, [subject])
        cipher = self._cipher(ring, kind, ring.newest, agency, subject)
        used = self._seals[agency, ring.newest] = self._seals.get((agency, ring.newest), 0) + 1
        if used >= MOST_SEALS_BY_ONE_PROCESS or ring.newest_is_old:
            self._replace_soon(agency, ring.newest)
        return seal_box(
            cipher, version=ring.newest, kind=kind, plain=plain, place=place, agency=agency, row=row
        )

    def _cipher(self, ring: Ring, kind: int, version: int, agency: int, subject: UUID | None) -> AESGCM:
        """What opens boxes of this kind. A box of the first kind, from before its subject had a key, opens
        under the data key. Raises Shut, Shredded."""
        if version not in ring.ciphers:
            raise Shut("no such key")
        if kind == OF_AGENCY:
            return ring.ciphers[version]
        own = None if subject is None else self._subjects().find(agency, subject)
        if subject is None or own is None:
            raise Shut("no such subject")
        bound = joined(b"casehub subject", subject.bytes, own)
        return AESGCM(hmac.digest(ring.keys[version], bound, "sha256"))

    def token(self, text: str, *, agency: int, place: str) -> bytes:
        plain = normalised(text)
        if not plain:
            raise ValueError("nothing to make a token of")
        key = self._ring(agency).token_key
        if not key:
            raise VaultError("this agency has no key to make tokens with")
        return hmac.digest(key, joined(b"casehub token", place.encode(), plain), "sha256")

    def newest(self, agency: int) -> int:
        """The version that seals now; 0 for none."""
        ring = self._ring(agency)
        return ring.newest if ring.newest in ring.ciphers else 0

    def open_agency_keys(self, agency: int) -> None:
        with self._store.changing(agency):
            rows = self._store.load(agency)
            if any(row.is_destroyed for row in rows):
                raise VaultError("this agency's keys were destroyed")
            purposes: tuple[Purpose, ...] = ("seal", "token")
            for purpose in purposes:
                if not any(row.place.purpose == purpose for row in rows):
                    self._add(agency, purpose, version=1)
            self._forget_until_commit(agency)

    def rotate_data_key(self, agency: int, *, only_if_newest_is: int | None = None) -> int:
        with self._store.changing(agency, durable=True):
            rows = [row for row in self._store.load(agency) if row.place.purpose == "seal"]
            if not rows or any(row.is_destroyed for row in rows):
                raise VaultError("this agency has no key to rotate")
            newest = max(row.place.version for row in rows)
            if only_if_newest_is not in (None, newest):
                return newest
            self._add(agency, "seal", version=newest + 1)
            self._store.retire(agency, "seal", below=newest + 1)
            self._forget_until_commit(agency)
            return newest + 1

    def destroy_agency_keys(self, agency: int) -> None:
        with self._store.changing(agency):
            self._store.destroy(agency)
            self._forget_until_commit(agency)
            self._store.on_commit(lambda: self._subjects().destroy_all(agency))

    def rewrap_data_keys(self) -> Iterator[Progress]:
        current, rewrap = self._folder().rewrapper()

        def wrap(row: KeyRow) -> bytes | None:
            try:
                return rewrap(row.wrapped, row.kek_id, row.place)
            except (Shut, KeyFolderError) as why:
                log.error("data key %s/%s/%s is lost: %s", *row.place, why)
                return None

        yield from self._store.rewrap(current, wrap)

    def _add(self, agency: int, purpose: Purpose, *, version: int) -> None:
        place = KeyPlace(agency, purpose, version)
        kek_id, wrapped = self._folder().wrap(secrets.token_bytes(KEY_SIZE), place=place)
        self._store.add(KeyRow(place, wrapped, kek_id, created_at=datetime.now(UTC)))

    def _replace_soon(self, agency: int, version: int) -> None:
        """Make the next version once the caller's transaction is over: a key must not be rolled back."""
        waiting = self._replacing.get((agency, version))
        if waiting is not None and self._store.is_waiting(waiting):
            return

        def replace() -> None:
            self.rotate_data_key(agency, only_if_newest_is=version)

        self._replacing[agency, version] = replace
        self._store.on_commit(replace)

    # What is remembered

    def _ring(self, agency: int) -> Ring:
        own = self._own_rings()
        if agency in own:
            return self._own_ring(agency)
        ring = self._rings.get(agency)
        if ring is None or self._clock() - ring.looked_at >= TRUSTED_SECONDS:
            ring = self._rings[agency] = self._look(agency, ring)
        return ring

    def _own_ring(self, agency: int) -> Ring:
        """The ring while this thread's transaction has changed it and may yet be rolled back.

        It is this thread's alone. A box sealed under a key that never came to be could never be opened.
        """
        forget, ring = self._own_rings()[agency]
        if not self._store.is_waiting(forget):
            del self._own_rings()[agency]
            return self._ring(agency)
        if ring is None or self._clock() - ring.looked_at >= TRUSTED_SECONDS:
            ring = self._look(agency, ring)
            self._own_rings()[agency] = forget, ring
        return ring

    def _own_rings(self) -> dict[int, tuple[Callable[[], None], Ring | None]]:
        rings: dict[int, tuple[Callable[[], None], Ring | None]] | None = getattr(self._own, "rings", None)
        if rings is None:
            rings = self._own.rings = {}
        return rings

    def _forget_until_commit(self, agency: int) -> None:
        def forget() -> None:
            self._own_rings().pop(agency, None)
            self._rings.pop(agency, None)

        self._rings.pop(agency, None)
        self._own_rings()[agency] = forget, None
        self._store.on_commit(forget)

    def _look(self, agency: int, before: Ring | None) -> Ring:
        now = self._clock()
        rows = self._store.load(agency)
        if before is not None and before.rows == rows and now - before.opened_at < KEPT_SECONDS:
            before.looked_at = now
            return before
        ring = Ring(rows, looked_at=now, opened_at=now)
        for row in rows:
            if not row.is_destroyed:
                self._unwrap(row, ring)
        for other, kept in list(self._rings.items()):
            if now - kept.opened_at >= KEPT_SECONDS:
                self._rings.pop(other, None)
        return ring

    def _unwrap(self, row: KeyRow, ring: Ring) -> None:
        """One key that can't be unwrapped closes what it sealed, and nothing else."""
        try:
            key = self._folder().unwrap(row.wrapped, kek_id=row.kek_id, place=row.place)
        except (Shut, KeyFolderError) as why:
            log.error("data key %s/%s/%s is lost: %s", *row.place, why)
            return
        if row.place.purpose == "token":
            ring.token_key = key
            return
        version = row.place.version
        ring.keys[version], ring.ciphers[version] = key, AESGCM(key)
        if not row.is_retired and version > ring.newest:
            ring.newest = version
            ring.newest_is_old = datetime.now(UTC) - row.created_at > OLDEST_SEALING_KEY


def normalised(text: str) -> bytes:
    """The form in which two spellings of one text give one token: case, width and outer space are gone."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded).strip().encode("utf-8", "surrogatepass")


def as_bytes(box: Box) -> bytes:
    """A box as the database driver hands it over. Insists on a type: `bytes(5)` would be five zeros."""
    if not isinstance(box, bytes | bytearray | memoryview):
        raise TypeError(f"a box is bytes, not {type(box).__name__}")
    return bytes(box)
