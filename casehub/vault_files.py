"""The vault's scripts as pages load them: at fixed addresses, each held to its published digest. The pages'
other scripts keep their hashed names, and stand in the published list too.

Digests stand in `static/vault/DIGESTS.json` (written by `./dev manage digests`, held by a test). Why they are
not hashed into names like the rest: docs/adr/0011-contact-card.md.
"""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

from whitenoise.storage import CompressedManifestStaticFilesStorage

STATIC = Path(__file__).parent / "static"
PUBLISHED = STATIC / "vault" / "DIGESTS.json"
FIXED = ("vault/", "vendor/vault/")
# What else runs on a page with an open vault or at a sign-in: it could read what is typed there.
BESIDE = ("casehub/", "vendor/htmx/")
FORMAT = "casehub-scripts/1"


class Storage(CompressedManifestStaticFilesStorage):
    """Names hold their content's digest, but for the vault's scripts, which import each other by name."""

    def hashed_name(self, name: str, content: object = None, filename: str | None = None) -> str:
        if name.startswith(FIXED):
            return name
        return super().hashed_name(name, content, filename)


@cache
def digests() -> dict[str, str]:
    """`measured`, once a process."""
    return measured()


def measured() -> dict[str, str]:
    """The digest (sub-resource integrity, sha384) of every script of the vault as it lies here, by path."""
    return _measured(FIXED)


def published() -> dict[str, object]:
    """The list to compare a running hub with: every script that any of its pages loads."""
    return {"format": FORMAT, "files": _measured(FIXED + BESIDE)}


def _measured(folders: tuple[str, ...]) -> dict[str, str]:
    paths = sorted(path for folder in folders for path in (STATIC / folder).glob("*.js"))
    return {str(path.relative_to(STATIC)): integrity(path.read_bytes()) for path in paths}


def publish() -> None:
    """Write the list of digests anew."""
    listed = json.dumps(published(), indent=2)
    PUBLISHED.write_text(listed + "\n")


@cache
def import_map(static_url: str) -> str:
    """The import map that holds every module to its digest; it maps no name."""
    held = {f"/{static_url.strip('/')}/{path}": digest for path, digest in digests().items()}
    return json.dumps({"integrity": held}, separators=(",", ":"))


def allowed(static_url: str) -> str:
    """The CSP source that lets exactly this import map stand in a page."""
    digest = hashlib.sha256(import_map(static_url).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def integrity(content: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()
