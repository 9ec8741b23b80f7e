"""One current copy of the key folder in another place, overwritten as the folder changes (ADR 0012).

A copy that kept yesterday's files would bring back what was shredded since. Pure: paths in, bytes out.
"""

import os
from pathlib import Path

from agencies.vault.kek import KEY_SIZE, KeyFolderError
from agencies.vault.subjects import DESTROYED, ID_SIZE

# Made by hand once on the disk that holds the copy.
MARK = "casehub-key-copy"


def mirror(source: Path, to: Path) -> int:
    """Make `to` hold exactly the keys of `source`; how many files changed.

    What was destroyed in the folder is overwritten in the copy too. Raises KeyFolderError, and touches
    nothing, where the folder has lost keys that the copy has, or has keys again that the copy saw destroyed;
    and where the copy's place is not marked as one: a disk that is not mounted is an empty folder.
    """
    keys = {path.name: path for path in source.iterdir() if _is_key(path)} if source.is_dir() else {}
    if "current" not in keys:
        raise KeyFolderError(f"{source} has no keys: restore it from {to}")
    if to.resolve() == source.resolve():
        raise KeyFolderError(f"{to} is the folder of keys itself: name another place, on another machine")
    if not (to / MARK).is_file():
        raise KeyFolderError(f"{to} has no file {MARK}: mount the disk; for a new copy, make that file once")
    copies = {path.name: path for path in to.iterdir() if _is_key(path)}
    for name, copy in copies.items():
        if not name.startswith(("subjects-", "pepper-")):
            continue
        if name not in keys or _size(keys[name]) < _size(copy):
            raise KeyFolderError(f"{source / name} has fewer keys than its copy: restore it from {to}")
        begins = ID_SIZE if name.startswith("subjects-") else 0
        now, before = keys[name].read_bytes(), copy.read_bytes()
        if _came_back(now, before, begins=begins):
            raise KeyFolderError(f"{source / name} has keys again that were destroyed: it is an old copy")
        if name.startswith("pepper-") and now not in (before, DESTROYED):
            raise KeyFolderError(f"{source / name} is another key than its copy: restore it from {to}")
    changed = sum(_copy(path, to / name) for name, path in sorted(keys.items()))
    for name in sorted(copies.keys() - keys.keys()):
        _overwrite(copies[name], bytes(_size(copies[name])))
        copies[name].unlink()
        changed += 1
    return changed


def _came_back(now: bytes, copy: bytes, *, begins: int) -> bool:
    """Whether a record that is destroyed in the copy has a key in the folder, `begins` bytes into it."""
    record = begins + KEY_SIZE
    return any(
        copy[at + begins : at + record] == DESTROYED and now[at + begins : at + record] != DESTROYED
        for at in range(0, len(copy) // record * record, record)
    )


def _is_key(path: Path) -> bool:
    kinds = ("kek-*.key", "subjects-*.keys", "pepper-*.key")
    return path.name == "current" or any(path.match(kind) for kind in kinds)


def _size(path: Path) -> int:
    return path.stat().st_size


def _copy(source: Path, to: Path) -> bool:
    content = source.read_bytes()
    if to.exists() and to.read_bytes() == content:
        return False
    _overwrite(to, content)
    return True


def _overwrite(path: Path, content: bytes) -> None:
    """In place, so that what stood there is gone; on the disk when this returns."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        written = 0
        while written < len(content):
            written += os.pwrite(file, content[written:], written)
        os.ftruncate(file, len(content))
        os.fsync(file)
    finally:
        os.close(file)
