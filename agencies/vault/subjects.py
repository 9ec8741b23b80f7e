"""Keys of single subjects (a client, a draft), kept in the key folder and in no database (ADR 0012).

One file an agency: records of a subject's id (16 bytes) and its key (32), appended and never moved. A key
that was destroyed is 32 zeros for good. Keys are not remembered between calls, only where they lie.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from agencies.vault.box import VaultError
from agencies.vault.kek import KEY_SIZE, KeyFolderError

ID_SIZE: Final = 16
RECORD: Final = ID_SIZE + KEY_SIZE
DESTROYED: Final = bytes(KEY_SIZE)


class Shredded(VaultError):
    """The subject's key was destroyed: nothing can be sealed about it any more."""


@dataclass(slots=True)
class _Map:
    """Where each subject's record begins in one file, as far as the file was read."""

    file: tuple[int, int] = (0, 0)
    read: int = 0
    places: dict[bytes, int] = field(default_factory=dict)


class SubjectKeys:
    """The subject keys below one folder. Safe for threads and for several processes at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: dict[int, _Map] = {}
        self._lock = threading.Lock()

    def find(self, agency: int, subject: UUID) -> bytes | None:
        """The subject's key; None if it never had one. Raises Shredded, KeyFolderError."""
        try:
            file = self._open(agency, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            key = self._read(file, agency, subject)
        finally:
            os.close(file)
        if key == DESTROYED:
            raise Shredded("what was sealed about this subject has been shredded")
        return key

    def make(self, agency: int, subjects: Iterable[UUID]) -> None:
        """Give each a key, on the disk when this returns; whoever has or had one keeps what they have."""
        with self._changing(agency) as file:
            places = self._places(file, agency)
            new = [subject.bytes for subject in dict.fromkeys(subjects) if subject.bytes not in places]
            if not new:
                return
            self._append(file, agency, [subject + secrets.token_bytes(KEY_SIZE) for subject in new])
            os.fsync(file)

    def fingerprints(self, agency: int, subjects: Iterable[UUID]) -> dict[UUID, str]:
        """SHA-256 of each living key, in hexadecimal, by subject; who has none is left out."""
        found = {}
        for subject in subjects:
            with contextlib.suppress(Shredded):
                if key := self.find(agency, subject):
                    found[subject] = hashlib.sha256(key).hexdigest()
        return found

    def is_destroyed(self, agency: int, subject: UUID) -> bool:
        """Whether zeros stand where its key was."""
        try:
            self.find(agency, subject)
        except Shredded:
            return True
        return False

    def destroyed(self, agency: int) -> list[UUID]:
        """Every subject whose key was destroyed."""
        try:
            file = self._open(agency, os.O_RDONLY)
        except FileNotFoundError:
            return []
        try:
            places = self._places(file, agency)
            return [
                UUID(bytes=subject)
                for subject, place in places.items()
                if os.pread(file, KEY_SIZE, place + ID_SIZE) == DESTROYED
            ]
        finally:
            os.close(file)

    def destroy(self, agency: int, subjects: Iterable[UUID]) -> None:
        """Write zeros over their keys, on the disk when this returns. Who had none never gets one either."""
        with self._changing(agency) as file:
            places = self._places(file, agency)
            new = []
            for subject in dict.fromkeys(subjects):
                if subject.bytes in places:
                    os.pwrite(file, DESTROYED, places[subject.bytes] + ID_SIZE)
                else:
                    new.append(subject.bytes + DESTROYED)
            self._append(file, agency, new)
            os.fsync(file)

    def destroy_all(self, agency: int) -> None:
        """Write zeros over every key of the agency."""
        if not self._path(agency).exists():
            return
        with self._changing(agency) as file:
            for place in self._places(file, agency).values():
                os.pwrite(file, DESTROYED, place + ID_SIZE)
            os.fsync(file)

    def problems(self) -> list[str]:
        """What keeps a file from use, a sentence each."""
        found = []
        for path in sorted(self._folder.glob("subjects-*.keys")):
            try:
                os.close(self._open(int(path.stem.removeprefix("subjects-")), os.O_RDONLY))
            except (KeyFolderError, ValueError) as error:
                found.append(str(error))
        return found

    def _append(self, file: int, agency: int, records: list[bytes]) -> None:
        # A crash in the middle of an append leaves a part of a record, with a key nobody has used.
        end = os.fstat(file).st_size // RECORD * RECORD
        if os.pwrite(file, b"".join(records), end) != RECORD * len(records):
            raise KeyFolderError(f"{self._path(agency)} could not be written: the disk is full")

    def _read(self, file: int, agency: int, subject: UUID) -> bytes | None:
        place = self._places(file, agency).get(subject.bytes)
        if place is None:
            return None
        record = os.pread(file, RECORD, place)
        if record[:ID_SIZE] != subject.bytes or len(record) != RECORD:
            raise KeyFolderError(f"{self._path(agency)} was changed by another hand")
        return record[ID_SIZE:]

    def _places(self, file: int, agency: int) -> dict[bytes, int]:
        """Where the records lie. Only what was appended since the last look is read."""
        found = os.fstat(file)
        whole = found.st_size // RECORD * RECORD
        with self._lock:
            known = self._maps.setdefault(agency, _Map())
            if known.file != (found.st_dev, found.st_ino) or known.read > whole:
                known = self._maps[agency] = _Map(file=(found.st_dev, found.st_ino))
            if known.read < whole:
                records = os.pread(file, whole - known.read, known.read)
                for offset in range(0, len(records) // RECORD * RECORD, RECORD):
                    known.places.setdefault(records[offset : offset + ID_SIZE], known.read + offset)
                known.read += len(records) // RECORD * RECORD
            return known.places

    def _path(self, agency: int) -> Path:
        return self._folder / f"subjects-{int(agency)}.keys"

    def _open(self, agency: int, how: int) -> int:
        path = self._path(agency)
        try:
            file = os.open(path, how, 0o600)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise KeyFolderError(f"{path} can't be opened: {error.strerror}") from None
        if os.fstat(file).st_mode & 0o077:
            os.close(file)
            raise KeyFolderError(f"{path} is open to others than its owner: run chmod 600 on it")
        return file

    @contextmanager
    def _changing(self, agency: int) -> Iterator[int]:
        """The file, while no other process changes it; the lock goes with the process that held it."""
        if not self._folder.is_dir():
            raise KeyFolderError(
                f"{self._folder} is no folder: restore it; a new hub makes it at its first start"
            )
        file = self._open(agency, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)
