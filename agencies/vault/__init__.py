"""All cryptography of the hub: sealing a text to its place, keyed tokens, and the life of keys.

Every agency has data keys of its own; they stand in the database, wrapped under a key-encryption key that
stands in a folder outside it (setting CASEHUB_KEYS). What is sealed about one subject (a client, a draft)
needs a key of that subject's own besides, which stands in that folder only and can be destroyed alone.
Nothing else of the hub imports `cryptography`. How and why: docs/adr/0004-vault.md, 0012-shredding.md.
Sealing by the agency's own staff, whose keys the hub never has, is not here.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models

from agencies.vault import mirror, rows
from agencies.vault.box import VaultError
from agencies.vault.kek import KeyFolder, KeyFolderError
from agencies.vault.keys import Keyring, Progress
from agencies.vault.peppers import Peppers
from agencies.vault.store import DatabaseStore
from agencies.vault.subjects import Shredded, SubjectKeys

__all__ = [
    "KeyFolderError",
    "Progress",
    "Shredded",
    "VaultError",
    "destroy_agency_keys",
    "destroy_pepper",
    "destroy_subject_keys",
    "ensure_kek",
    "finish_destroying",
    "is_shredded",
    "key_folder_problems",
    "make_subject_keys",
    "mirror_keys",
    "open_agency_keys",
    "pepper",
    "pepper_stands",
    "remove_old_key_encryption_keys",
    "reseal",
    "reseal_rows",
    "rewrap_data_keys",
    "rotate_data_key",
    "rotate_key_encryption_key",
    "seal",
    "shredded_subjects",
    "subject_fingerprints",
    "token",
    "unseal",
    "unseal_bytes",
]

Box = bytes | bytearray | memoryview


def seal(text: str | bytes, *, agency: int, place: str, row: object, subject: UUID | None = None) -> bytes:
    """The text in a box that opens only for this agency, place and row, and while its subject's key lives.

    `place` names table and column ("client.label"), `row` is the row's id (int, UUID or their text),
    `subject` the client it is about, or the row itself where it is kept for a while only. Two boxes of one
    text differ; a box's size tells the text's only to a power of two. Bytes (which `unseal_bytes` gives
    back) are not padded. Raises VaultError when the agency has no key (never opened, or destroyed),
    Shredded when the subject's was destroyed, TypeError when `row` is no id.
    """
    return _keyring.seal(text, agency=agency, place=place, row=row, subject=subject)


def unseal(box: Box, *, agency: int, place: str, row: object, subject: UUID | None = None) -> str:
    """The text in the box. Raises VaultError("could not open"), the same for every reason.

    The reason goes to the log `agencies.vault`, which names place, agency and row, and no value.
    """
    return _keyring.unseal(box, agency=agency, place=place, row=row, subject=subject)


def unseal_bytes(box: Box, *, agency: int, place: str, row: object, subject: UUID | None = None) -> bytes:
    """The same for what was sealed as bytes."""
    return _keyring.open(box, agency=agency, place=place, row=row, subject=subject)


def token(text: str, *, agency: int, place: str) -> bytes:
    """32 bytes by which the agency finds equal texts of one place: a blind index.

    Case, width of characters and outer space don't count. Equal texts of two agencies, or of two places,
    have nothing in common. Raises VaultError when the agency has no key, ValueError when nothing is left of
    the text.
    """
    return _keyring.token(text, agency=agency, place=place)


def reseal(box: Box, *, agency: int, place: str, row: object, subject: UUID | None = None) -> bytes:
    """The box under the agency's newest key, and its subject's; itself if it is already. Raises VaultError
    as unseal does."""
    return _keyring.reseal(box, agency=agency, place=place, row=row, subject=subject)


def make_subject_keys(agency: int, subjects: Iterable[UUID]) -> None:
    """Give many subjects their keys at once. `seal` does it for one, with a write to the disk each."""
    _subjects().make(agency, subjects)


def subject_fingerprints(agency: int, subjects: Iterable[UUID]) -> dict[UUID, str]:
    """SHA-256 of each subject's living key, in hexadecimal; it says which key it was and nothing of it."""
    return _subjects().fingerprints(agency, subjects)


def is_shredded(agency: int, subject: UUID) -> bool:
    """Whether the subject's key was destroyed, so that nothing about it opens or is sealed any more."""
    return _subjects().is_destroyed(agency, subject)


def shredded_subjects(agency: int) -> list[UUID]:
    """All of the agency's subjects whose keys were destroyed, clients and others."""
    return _subjects().destroyed(agency)


def destroy_subject_keys(agency: int, subjects: Iterable[UUID]) -> None:
    """Shred all that was sealed about these subjects, in every backup too, when this transaction commits.

    What a crash leaves undone between the commit and the keys is done by `finish_destroying`.
    """
    _store.doom(agency, subjects)
    _store.on_commit(partial(finish_destroying, agency))


def finish_destroying(agency: int) -> int:
    """Destroy the subject keys whose destruction has committed; how many there were."""
    doomed = _store.doomed(agency)
    if doomed:
        _subjects().destroy(agency, doomed)
        _store.no_longer_doomed(agency, doomed)
    return len(doomed)


def open_agency_keys(agency: int) -> None:
    """Make the agency's first keys, in the caller's transaction; does nothing where they are.

    Raises VaultError for an agency whose keys were destroyed: what is shredded is not begun anew.
    """
    _keyring.open_agency_keys(agency)


def rotate_data_key(agency: int) -> int:
    """Give the agency a new key for what is sealed from now on; its version. Old boxes still open.

    A transaction of its own (RuntimeError inside another): a key that is rolled back would take what it
    sealed with it. It also happens by itself, long before a key has sealed too much.
    """
    return _keyring.rotate_data_key(agency)


def destroy_agency_keys(agency: int) -> None:
    """Shred all that was sealed for the agency and all its tokens, when the caller's transaction commits.

    This process forgets the keys at once, any other within a second, and its subjects' keys are overwritten.
    Backups of the database hold the wrapped keys still: rotate the key-encryption key after it and remove
    the old one to shred those too.
    """
    _keyring.destroy_agency_keys(agency)


def reseal_rows(
    model: type[models.Model],
    field: str,
    *,
    place: str,
    agency: int,
    subject: str | None = None,
    scope: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Iterator[Progress]:
    """Put every box in a column of the agency's rows under its newest key, while others write.

    The boxes must be bound to their row's primary key; `subject` names the column that holds whom each is
    about, where a null stands for nobody. Nothing happens until the progress is iterated.
    Each chunk of 500 rows is worked on in a `scope()` of its own, such as `lambda: acting_as(actor)`; it
    must be able to see and change the rows. A row is written only where the old box still stands, so that
    a concurrent write wins. Boxes that don't open stay as they are and are counted as failed.
    """
    return rows.reseal_rows(_keyring, model, field, place=place, agency=agency, subject=subject, scope=scope)


def pepper(token: bytes, *, epoch: int) -> bytes:
    """A linkage token (16 bytes) under the hub's own key of the holders' epoch: 16 bytes, for the database.

    The key is made on first use. Raises Shredded after `destroy_pepper`, ValueError for another size.
    """
    return Peppers(_folder()).put_on(token, epoch=epoch)


def destroy_pepper(epoch: int) -> None:
    """Overwrite the epoch's key: its tokens, in every backup too, can't be made or compared any more."""
    Peppers(_folder()).destroy(epoch)


def pepper_stands(epoch: int) -> bool:
    """Whether the epoch has a key that was not destroyed."""
    return Peppers(_folder()).stands(epoch)


def ensure_kek() -> str:
    """Make the folder and the first key-encryption key where there is none; the current one's id."""
    return _folder().ensure()


def rotate_key_encryption_key() -> Iterator[Progress]:
    """Make a new key-encryption key now, and wrap all data keys under it as the progress is iterated.

    Nothing stops working meanwhile, nor if it breaks off: `rewrap_data_keys` finishes it.
    """
    _folder().make_current()
    return rewrap_data_keys()


def rewrap_data_keys() -> Iterator[Progress]:
    """Wrap every data key under the current key-encryption key; keys that can't be are counted as failed."""
    return _keyring.rewrap_data_keys()


def remove_old_key_encryption_keys() -> list[str]:
    """Delete the key-encryption keys that nothing is wrapped under any more; their ids.

    None within an hour of the last rotation. Older backups of the database can't be read after it.
    """
    return _folder().remove_old(in_use=_store.kek_ids())


def mirror_keys() -> int:
    """Bring the copy of the key folder (setting CASEHUB_KEYS_COPY) up to date; how many files changed.

    Does nothing where no copy is set. Raises KeyFolderError where the folder has lost keys.
    """
    if not settings.CASEHUB_KEYS_COPY:
        return 0
    return mirror.mirror(_folder().path, Path(settings.CASEHUB_KEYS_COPY))


def key_folder_problems() -> list[str]:
    """What keeps the folder of keys from use, a sentence each, for the system check."""
    return _folder().problems() + _subjects().problems() + Peppers(_folder()).problems()


def _folder() -> KeyFolder:
    if not settings.CASEHUB_KEYS:
        raise KeyFolderError("CASEHUB_KEYS names no folder for the key-encryption keys")
    return KeyFolder(Path(settings.CASEHUB_KEYS))


def _subjects() -> SubjectKeys:
    folder = _folder().path
    if folder not in _subjects_by_folder:
        _subjects_by_folder[folder] = SubjectKeys(folder)
    return _subjects_by_folder[folder]


_store = DatabaseStore()
_subjects_by_folder: dict[Path, SubjectKeys] = {}
_keyring = Keyring(_store, _folder, _subjects)
