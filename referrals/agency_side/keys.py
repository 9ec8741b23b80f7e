"""The agency's key, and the only thing done with it: replacing ids by keyed hashes. No other cryptography."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
from pathlib import Path

from . import Refused

_HEADER = "casehub-agency-key/1"


def default_key_path(organization_id: str) -> Path:
    """Where an organization's key lives unless `--key` says otherwise: never beside the bundle."""
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    safe = re.sub(r"[^A-Za-z0-9_-]", "_", organization_id)[:40] or "_"
    # The digest keeps ids apart that differ only in characters a file name can't hold.
    digest = hashlib.sha256(organization_id.encode()).hexdigest()[:8]
    return config / "casehub" / f"organization-{safe}-{digest}.key"


def load_or_make_key(path: Path) -> tuple[bytes, bool]:
    """The 32-byte key in `path`, and whether it was made just now (mode 0600, never overwriting).

    Raises Refused if the file is not such a key or if others on the machine could read it.
    """
    try:
        return _load(path), False
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_bytes(32)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another run made it between our look and our write
        return _load(path), False
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{_HEADER}\n{key.hex()}\n")
        file.flush()
        os.fsync(file.fileno())
    return key, True


def _load(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(200)
    except IsADirectoryError:
        raise Refused(f"The key file {path} is a folder.") from None
    if not stat.S_ISREG(mode):
        raise Refused(f"The key file {path} is not an ordinary file.")
    if os.name == "posix" and mode & 0o077:
        raise Refused(f"The key file {path} can be read by others. Run: chmod 600 {path}")
    match = re.fullmatch(rb"casehub-agency-key/1\r?\n([0-9a-f]{64})\s*", text)
    if match is None:
        raise Refused(f"{path} is not a key file of this tool.")
    return bytes.fromhex(match[1].decode())


class IdHasher:
    """Replaces ids. The same id, kind, organization and key give the same 32 hex characters for ever; with
    any of them different the results have nothing in common, even if one key serves two organizations."""

    def __init__(self, key: bytes, organization_id: str) -> None:
        self._root = hmac.digest(key, b"casehub-ids/1\0" + organization_id.encode(), "sha256")
        self._kinds: dict[str, bytes] = {}

    def fingerprint(self) -> str:
        """Sixteen hex characters by which the hub notices that an agency has changed its key."""
        return hmac.digest(self._root, b"fingerprint", "sha256").hex()[:16]

    def hash(self, kind: str, value: str) -> str:
        """The replacement for an id of `kind` (a column name such as PersonalID)."""
        key = self._kinds.get(kind)
        if key is None:
            key = self._kinds[kind] = hmac.digest(self._root, b"kind\0" + kind.encode(), "sha256")
        return hmac.digest(key, value.encode(), "sha256").hex()[:32]
