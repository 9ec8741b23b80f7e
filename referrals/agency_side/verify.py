"""Comparing the scripts a running hub serves with the published digests. Says what differs; proves
nothing about what the hub serves to somebody else, or a minute later, nor on pages behind the sign-in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import urllib.error
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from . import Refused

_FORMAT = "casehub-scripts/1"
_MOST = 16 * 2**20
_SECONDS = 30
_DIGEST = re.compile(r"sha(256|384|512)-[A-Za-z0-9+/]+=*")
_HASHED = re.compile(r"\.[0-9a-f]{12}(?=\.js$)")
_DATA = frozenset({"importmap", "application/json", "application/ld+json", "speculationrules"})


def read_digests(path: Path) -> dict[str, str]:
    """The published list: digests as sub-resource integrity, by path below /static/. Raises Refused."""
    try:
        said = json.loads(path.read_bytes())
        files = said["files"]
        good = all(isinstance(name, str) and _DIGEST.fullmatch(digest) for name, digest in files.items())
        if said["format"] != _FORMAT or not files or not good:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused(f"{path.name} is not a published list of the scripts' digests.") from None
    if any(".." in name.split("/") or urlsplit(name).scheme or name.startswith("/") for name in files):
        raise Refused(f"{path.name} names a file outside of the hub's scripts.")
    return dict(files)


def verify_hub(url: str, digests: dict[str, str]) -> list[str]:
    """What differs, as sentences; empty if nothing does. Raises Refused if the hub can't be asked."""
    origin = _origin(url)
    differing: list[str] = []
    for path, digest in sorted(digests.items()):
        try:
            same = _same(digest, _fetch(f"{origin}/static/{path}", origin))
        except FileNotFoundError:
            differing.append(f"{path} is not served.")
            continue
        if not same:
            differing.append(f"{path} is not the published script.")
    return differing + _page(origin, digests)


def _page(origin: str, digests: dict[str, str]) -> list[str]:
    try:
        page = _fetch(f"{origin}/account/login/", origin)
    except FileNotFoundError:
        return ["The sign-in page is not served at /account/login/."]
    tags = _Scripts()
    tags.feed(page.decode("utf-8", "replace"))
    tags.close()
    differing = []
    for kind, source, integrity, inside in tags.found:
        if source is None:
            if kind == "importmap":
                differing += _import_map(origin, inside, digests)
            elif kind not in _DATA and inside.strip():
                differing.append("The sign-in page holds a script written into the page itself.")
            continue
        address = urljoin(f"{origin}/", source)
        if f"{urlsplit(address).scheme}://{urlsplit(address).netloc}" != origin:
            differing.append(f"The sign-in page loads a script from elsewhere: {urlsplit(address).netloc}.")
            continue
        digest = digests.get(_below_static(address))
        if digest is None:
            differing.append(
                f"The sign-in page loads a script that is not published: {_below_static(address)}."
            )
        if digest is not None and integrity and digest not in integrity.split():
            differing.append(f"The sign-in page names another digest for {_below_static(address)}.")
        try:
            script = _fetch(address, origin)
        except FileNotFoundError:
            differing.append(f"The sign-in page names a script that is not served: {urlsplit(address).path}.")
            continue
        if digest is not None and not _same(digest, script):
            differing.append(
                f"{_below_static(address)}, as the sign-in page loads it, is not the published one."
            )
        if integrity and not any(_same(one, script) for one in integrity.split() if _DIGEST.fullmatch(one)):
            differing.append(f"{urlsplit(address).path} is not what the sign-in page itself says it is.")
    return differing


def _import_map(origin: str, text: str, digests: dict[str, str]) -> list[str]:
    try:
        said = json.loads(text)
        held = {str(address): str(digest) for address, digest in said.get("integrity", {}).items()}
        if said.get("imports") or said.get("scopes"):
            return ["The sign-in page puts other scripts in the place of those published."]
    except (ValueError, AttributeError):
        return ["The sign-in page's list of its scripts can't be read."]
    paths = {_below_static(urljoin(f"{origin}/", address)): digest for address, digest in held.items()}
    return [
        f"The sign-in page names another digest for {path}."
        for path, digest in sorted(paths.items())
        if path in digests and digests[path] != digest
    ]


def _below_static(address: str) -> str:
    """The path as it is published: without the digest that the hub puts into the names of most files."""
    return _HASHED.sub("", urlsplit(address).path.removeprefix("/static/"))


class _Scripts(HTMLParser):
    """The page's scripts: (type, src, integrity, content)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str | None, str, str]] = []
        self._open: tuple[str, str | None, str] | None = None
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            said = dict(attrs)
            source = (said.get("src") or "") if "src" in said else None
            self._open = ((said.get("type") or "").lower(), source, said.get("integrity") or "")
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._inside += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._end()

    def close(self) -> None:
        super().close()
        self._end()

    def _end(self) -> None:
        if self._open is not None:
            self.found.append((*self._open, self._inside))
            self._open = None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if (
        not parts.hostname
        or parts.username
        or not (parts.scheme == "https" or (parts.scheme == "http" and local))
    ):
        raise Refused("Give the hub's address as https://…; plain http only for this machine itself.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise Refused("Give the hub's address without anything behind its name.")
    return f"{parts.scheme}://{parts.netloc}"


class _SameOrigin(urllib.request.HTTPRedirectHandler):
    def __init__(self, origin: str) -> None:
        self._origin = origin

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if not newurl.startswith(f"{self._origin}/"):
            raise Refused("The hub sends elsewhere for its scripts. Check the address.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _fetch(address: str, origin: str) -> bytes:
    """Raises FileNotFoundError for a 404, Refused for all else."""
    opener = urllib.request.build_opener(_SameOrigin(origin))
    try:
        with opener.open(address, timeout=_SECONDS) as answer:
            data: bytes = answer.read(_MOST + 1)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (404, 410):
            raise FileNotFoundError from None
        raise Refused(f"The hub answers {error.code} where a script or its sign-in page should be.") from None
    except (OSError, ValueError):
        raise Refused("The hub can't be reached at that address.") from None
    if len(data) > _MOST:
        raise Refused("The hub sends a script of more than 16 MiB.")
    return data


def _same(digest: str, data: bytes) -> bool:
    name, _, said = digest.partition("-")
    return hmac.compare_digest(base64.b64encode(hashlib.new(name, data).digest()).decode(), said)
