"""The hub's own key over linkage tokens, one for each epoch: a file in the key folder, and in no database.

A token in the database is what the key holders gave, keyed once more here: who steals the database alone
can compare it with nothing. A pepper that was destroyed is 32 zeros for good, so that no copy brings it back.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from agencies.vault.box import VaultError
from agencies.vault.kek import KEY_SIZE, KeyFolder, KeyFolderError, read_key
from agencies.vault.subjects import DESTROYED, Shredded

TOKEN: Final = 16


class Peppers:
    """The peppers below one folder. Nothing is remembered between calls: a destroyed one is felt at once."""

    def __init__(self, folder: KeyFolder) -> None:
        self._folder = folder

    def put_on(self, token: bytes, *, epoch: int) -> bytes:
        """The token as the database holds it, 16 bytes; makes the epoch's pepper on first use.

        Raises Shredded if it was destroyed, KeyFolderError, ValueError for what is no token of an epoch.
        """
        if len(token) != TOKEN or epoch < 1:
            raise ValueError("a token has 16 bytes, and epochs are counted from 1")
        path = self._path(epoch)
        key = read_key(path) if path.exists() else self._make(path)
        if key == DESTROYED:
            raise Shredded("the pepper of this epoch was destroyed")
        return hmac.digest(key, token, hashlib.sha256)[:TOKEN]

    def destroy(self, epoch: int) -> None:
        """Write zeros over the epoch's pepper, on the disk when this returns. Without one, zeros alone."""
        with self._folder.locked():
            path = self._path(epoch)
            if not path.exists():
                self._folder.write(path, DESTROYED)
                return
            file = os.open(path, os.O_RDWR)
            try:
                if os.pwrite(file, DESTROYED, 0) != len(DESTROYED):
                    raise KeyFolderError(f"{path} could not be overwritten")
                os.ftruncate(file, len(DESTROYED))
                os.fsync(file)
            finally:
                os.close(file)

    def stands(self, epoch: int) -> bool:
        """Whether the epoch has a pepper that can be used."""
        try:
            return read_key(self._path(epoch)) != DESTROYED
        except KeyFolderError:
            return False

    def problems(self) -> list[str]:
        """What keeps a pepper from use, a sentence each."""
        found = []
        for path in sorted(self._folder.path.glob("pepper-*.key")):
            try:
                read_key(path)
            except VaultError as error:
                found.append(str(error))
        return found

    def _make(self, path: Path) -> bytes:
        with self._folder.locked():
            if not path.exists():
                self._folder.write(path, secrets.token_bytes(KEY_SIZE))
            return read_key(path)

    def _path(self, epoch: int) -> Path:
        return self._folder.path / f"pepper-{epoch:d}.key"
