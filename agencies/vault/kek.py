"""The folder of key-encryption keys: files outside the database, and the wrapping of data keys under them.

`kek-<id>.key` holds 32 random bytes, readable by its owner only; `current` names the id that wraps new
data keys. Nothing is kept in memory between calls, so a removed file is gone for running processes too.
"""

import fcntl
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agencies.vault.box import NONCE_SIZE, TAG_SIZE, Shut, VaultError, joined

KEY_SIZE = 32
# A process that read `current` just before a rotation may still commit a key wrapped under the old one;
# no transaction of the hub lives this long.
GRACE_SECONDS = 3600
KEK_ID = re.compile(r"[0-9a-f]{1,16}")


Purpose = Literal["seal", "token"]


class KeyPlace(NamedTuple):
    """Where a data key belongs: it opens nowhere else."""

    agency: int
    purpose: Purpose
    version: int


class KeyFolderError(VaultError):
    """The folder of keys is not as it must be. The message names the file and the remedy, never a key."""


@dataclass(frozen=True)
class KeyFolder:
    """The key-encryption keys below one folder. Safe for several processes at once."""

    path: Path

    def ensure(self) -> str:
        """The current key's id; makes the folder and the first key where there is none."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.locked():
            return self.current() if (self.path / "current").exists() else self._make()

    def make_current(self) -> str:
        """A new key, from now on the one that wraps. Older ones stay until `remove_old`."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.locked():
            return self._make()

    def current(self) -> str:
        """The id of the key that wraps new data keys. Raises KeyFolderError."""
        try:
            kek_id = (self.path / "current").read_text().strip()
        except FileNotFoundError:
            raise KeyFolderError(
                f"{self.path} has no key-encryption key: restore the folder; a new hub makes its first key"
            ) from None
        except OSError as error:
            raise KeyFolderError(f"{self.path / 'current'} can't be read: {error.strerror}") from None
        if not KEK_ID.fullmatch(kek_id):
            raise KeyFolderError(f"{self.path / 'current'} does not name a key")
        return kek_id

    def ids(self) -> list[str]:
        """The ids of all keys in the folder, in no particular order."""
        return [file.stem.removeprefix("kek-") for file in self.path.glob("kek-*.key")]

    def problems(self) -> list[str]:
        """What keeps the folder from use, a sentence each; empty when every key in it can be used."""
        try:
            current = self.current()
        except KeyFolderError as error:
            return [str(error)]
        found = []
        for kek_id in sorted({current, *self.ids()}):
            try:
                self._read(kek_id)
            except KeyFolderError as error:
                found.append(str(error))
        return found

    def remove_old(self, *, in_use: set[str]) -> list[str]:
        """Delete the keys that are neither current nor in use; their ids.

        Nothing goes until the current key has stood for GRACE_SECONDS. What was wrapped under a deleted key
        is lost, in every backup of the database too: that is the use of deleting it.
        """
        with self.locked():
            current = self.current()
            self._read(current)
            if time.time() - (self.path / "current").stat().st_mtime < GRACE_SECONDS:
                return []
            old = sorted(set(self.ids()) - {current} - in_use)
            for kek_id in old:
                self._file(kek_id).unlink()
            self._sync()
            return old

    def wrap(self, data_key: bytes, *, place: KeyPlace) -> tuple[str, bytes]:
        """The current key's id and the data key sealed under it, bound to its agency, purpose and version."""
        kek_id = self.current()
        return kek_id, _sealed(AESGCM(self._read(kek_id)), data_key, place)

    def unwrap(self, wrapped: bytes, *, kek_id: str, place: KeyPlace) -> bytes:
        """The data key. Raises Shut if it was wrapped for another place, KeyFolderError without its key."""
        return _opened(AESGCM(self._read(kek_id)), wrapped, place)

    def rewrapper(self) -> tuple[str, Callable[[bytes, str, KeyPlace], bytes]]:
        """The current key's id, and what puts a wrapped key (with its key's id and place) under it.

        For a long run: each file is read once. Raises what wrap and unwrap raise.
        """
        current, ciphers = self.current(), cache(lambda kek_id: AESGCM(self._read(kek_id)))

        def rewrap(wrapped: bytes, kek_id: str, place: KeyPlace) -> bytes:
            return _sealed(ciphers(current), _opened(ciphers(kek_id), wrapped, place), place)

        return current, rewrap

    def _file(self, kek_id: str) -> Path:
        if not KEK_ID.fullmatch(kek_id):  # it comes from a database row and becomes a path
            raise KeyFolderError("a data key names a key-encryption key that can't be one")
        return self.path / f"kek-{kek_id}.key"

    def _read(self, kek_id: str) -> bytes:
        return read_key(self._file(kek_id))

    def _make(self) -> str:
        """The key first, its name after: a crash between the two leaves a key that nobody uses."""
        kek_id = secrets.token_hex(6)
        self.write(self._file(kek_id), secrets.token_bytes(KEY_SIZE))
        self.write(self.path / "current", f"{kek_id}\n".encode())
        return kek_id

    def write(self, path: Path, content: bytes) -> None:
        """Whole or not at all, and on the disk when this returns."""
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        self._sync()

    def _sync(self) -> None:
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time changes the folder; the lock goes with the process that held it."""
        lock = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def read_key(path: Path) -> bytes:
    """The key in a file. Raises KeyFolderError: it is missing, open to others, or of another size."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            key = file.read(KEY_SIZE + 1)
    except OSError as error:
        raise KeyFolderError(f"{path} can't be read: {error.strerror}") from None
    if mode & 0o077:
        raise KeyFolderError(f"{path} is open to others than its owner: run chmod 600 on it")
    if len(key) != KEY_SIZE:
        raise KeyFolderError(f"{path} does not hold {KEY_SIZE} bytes")
    return key


def _sealed(cipher: AESGCM, data_key: bytes, place: KeyPlace) -> bytes:
    nonce = os.urandom(NONCE_SIZE)
    return nonce + cipher.encrypt(nonce, data_key, _bound_to(place))


def _opened(cipher: AESGCM, wrapped: bytes, place: KeyPlace) -> bytes:
    if len(wrapped) != NONCE_SIZE + KEY_SIZE + TAG_SIZE:
        raise Shut("the wrapped key has not its size")
    try:
        return cipher.decrypt(wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:], _bound_to(place))
    except InvalidTag:
        raise Shut("the wrapped key does not fit its place") from None


def _bound_to(place: KeyPlace) -> bytes:
    return joined(b"casehub data key", *(str(part).encode() for part in place))
