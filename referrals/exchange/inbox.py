"""Files that wait to be taken in, or to be fetched: a folder outside the database, random names, mode 0600,
gone afterwards."""

import contextlib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from agencies.jobs import Refused

KEPT_DAYS = 7
_NAME = re.compile(r"[0-9a-f]{32}\.(bundle|sheet|export)")


def put(blocks: Iterable[bytes], *, kind: str, name: str = "") -> str:
    """Write the blocks to a new file of the inbox; its name, which says nothing.

    `kind` is its ending, "bundle", "sheet" or "export"; `name` its 32 hex digits, chosen if not
    given. Raises Refused beyond settings.UPLOAD_LIMIT bytes.
    """
    folder = Path(settings.INBOX)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{name or secrets.token_hex(16)}.{kind}"
    size = 0
    descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for block in blocks:
                size += len(block)
                if size > settings.UPLOAD_LIMIT:
                    raise Refused(_("The file is too large."))
                file.write(block)
    except BaseException:
        forget(name)
        raise
    return name


def path_of(name: str) -> Path:
    """Where the file lies. Raises Refused for a name that is none of ours, or a file that is gone."""
    if not _NAME.fullmatch(name):
        raise Refused(_("There is no such file."))
    path = Path(settings.INBOX) / name
    if not path.is_file():
        raise Refused(_("The file is gone. Send it again."))
    return path


def digest_of(name: str) -> str:
    """The file's SHA-256 in hex."""
    with path_of(name).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def forget(name: str) -> None:
    """Delete the file; nothing happens where it is gone."""
    if _NAME.fullmatch(name):
        with contextlib.suppress(FileNotFoundError):
            (Path(settings.INBOX) / name).unlink()


def tidy() -> int:
    """Delete files that nobody decided about for a week; how many."""
    gone = 0
    folder = Path(settings.INBOX)
    for path in folder.iterdir() if folder.is_dir() else ():
        if _NAME.fullmatch(path.name) and path.stat().st_mtime < time.time() - KEPT_DAYS * 86400:
            forget(path.name)
            gone += 1
    return gone
