"""Comparing the scripts a running hub serves with the published digests. Says what differs; proves
nothing about what the hub serves to somebody else, or a minute later, nor on pages behind the sign-in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import urlsplit

from . import Refused
from .signin import OWN, Script, read_page, shown

_FORMAT = "casehub-scripts/1"
_MOST = 16 * 2**20
_SECONDS = 30
_DIGEST = re.compile(r"sha(256|384|512)-[A-Za-z0-9+/]+=*")
_HASHED = re.compile(r"\.[0-9a-f]{12}(?=\.js$)")
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_HOST = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufeff]")
_MODULES = ("vault/", "vendor/vault/")
# What a policy may say of scripts, besides the digest of the import map.
_SOURCES = frozenset({"'self'", "'none'", "'report-sample'"})
_RULES = ("script-src", "script-src-elem", "script-src-attr")


def read_digests(path: Path) -> dict[str, str]:
    """The published list: digests as sub-resource integrity, by path below /static/. Raises Refused."""
    try:
        said = json.loads(path.read_bytes())
        files = said["files"]
        good = all(isinstance(name, str) and _DIGEST.fullmatch(digest) for name, digest in files.items())
        if said["format"] != _FORMAT or not files or not good:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refused(f"{path.name} is not a published list of the scripts' digests.") from None
    if not all(_FILE.fullmatch(name) for name in files):
        raise Refused(f"{path.name} names a file outside of the hub's scripts.")
    return dict(files)


def verify_hub(url: str, digests: dict[str, str]) -> list[str]:
    """What differs, as sentences; empty if nothing does. Raises Refused if the hub can't be asked."""
    origin = _origin(url)
    differing: list[str] = []
    for path, digest in sorted(digests.items()):
        try:
            same = _same(digest, _fetch(f"{origin}/static/{path}", origin).data)
        except FileNotFoundError:
            differing.append(f"{path} is not served.")
            continue
        if not same:
            differing.append(f"{path} is not the published script.")
    return differing + _page(origin, digests)


def _page(origin: str, digests: dict[str, str]) -> list[str]:
    try:
        answer = _fetch(f"{origin}/account/login/", origin)
    except FileNotFoundError:
        return ["The sign-in page is not served at /account/login/."]
    text = _text_of(answer)
    if text is None:
        return ["The sign-in page is not plain HTML in UTF-8, so what it runs can't be told."]
    scripts, odd = read_page(text)
    differing = [
        f"The sign-in page holds what no published one does, and what may run a script: {one}." for one in odd
    ]
    maps = []
    for script in scripts:
        if "src" in script.has:
            differing += _loaded(origin, script, digests)
        elif script.kind == "importmap":
            differing += _import_map(origin, script.inside, digests)
            maps.append(script.inside)
        elif script.kind != "application/json" and script.inside.strip():
            differing.append("The sign-in page holds a script written into the page itself.")
    return differing + _headers(answer.headers, [*maps, _published_map(digests)])


def _loaded(origin: str, script: Script, digests: dict[str, str]) -> list[str]:
    """What differs in a script that the page loads."""
    source, integrity = script.has["src"], script.has.get("integrity", "")
    if not OWN.fullmatch(source):
        place = source if "/" not in source else _host_of(source) or source
        return [f"The sign-in page loads a script from elsewhere: {shown(place)}."]
    path, address = _below_static(source), f"{origin}{source}"
    digest = digests.get(path)
    if digest is None:
        return [f"The sign-in page loads a script that is not published: {path}."]
    differing = []
    if integrity and digest not in integrity.split():
        differing.append(f"The sign-in page names another digest for {path}.")
    try:
        data = _fetch(address, origin).data
    except FileNotFoundError:
        return [*differing, f"The sign-in page names a script that is not served: {urlsplit(source).path}."]
    if not _same(digest, data):
        differing.append(f"{path}, as the sign-in page loads it, is not the published one.")
    if integrity and not any(_same(one, data) for one in integrity.split() if _DIGEST.fullmatch(one)):
        differing.append(f"{urlsplit(source).path} is not what the sign-in page itself says it is.")
    return differing


def _headers(headers: Message, maps: list[str]) -> list[str]:
    """What the page's headers let run besides. One strict policy is enough: browsers hold a page to all."""
    differing = []
    if headers.get("Refresh") is not None:
        differing.append("The sign-in page sends the browser elsewhere by itself (the header Refresh).")
    digests = (base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in maps)
    allowed = _SOURCES | {f"'sha256-{one}'" for one in digests}
    policies = ",".join(headers.get_all("Content-Security-Policy") or []).split(",")
    reasons = [_lax(policy, allowed) for policy in policies]
    return differing if None in reasons else [*differing, *dict.fromkeys(filter(None, reasons))]


def _lax(policy: str, allowed: frozenset[str] | set[str]) -> str | None:
    """Why the policy lets other scripts run; None if it does not."""
    rules: dict[str, list[str]] = {}
    for rule in policy.split(";"):
        name, *sources = rule.split() or [""]
        rules.setdefault(name.lower(), sources)  # a second of the same name counts for nothing
    if "script-src" not in rules and "default-src" not in rules:
        return "The sign-in page comes without a Content-Security-Policy for its scripts: any could run."
    rules.setdefault("script-src", rules.get("default-src", []))
    for name in _RULES:
        for source in rules.get(name, []):
            if source not in allowed:
                return f"The sign-in page's Content-Security-Policy lets other scripts run: {shown(source)}."
    if rules.get("base-uri") not in (["'none'"], ["'self'"]):
        return "The sign-in page's Content-Security-Policy lets its addresses be moved elsewhere (base-uri)."
    return None


def _text_of(answer: _Answer) -> str | None:
    """The page as every browser reads it, or None where they might differ."""
    said = answer.headers.get("Content-Type", "").lower().replace(" ", "").replace('"', "")
    if said != "text/html;charset=utf-8" or answer.headers.get("Content-Encoding"):
        return None
    try:
        text = answer.data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def _published_map(digests: dict[str, str]) -> str:
    """The import map of the hub's pages, whose digest stands in the policy of each."""
    held = {f"/static/{path}": digest for path, digest in digests.items() if path.startswith(_MODULES)}
    return json.dumps({"integrity": held}, separators=(",", ":"))


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).netloc
    except ValueError:
        return ""


def _import_map(origin: str, text: str, digests: dict[str, str]) -> list[str]:
    try:
        said = json.loads(text)
        held = {str(address): str(digest) for address, digest in said.get("integrity", {}).items()}
        if said.get("imports") or said.get("scopes"):
            return ["The sign-in page puts other scripts in the place of those published."]
    except (ValueError, AttributeError, RecursionError):
        return ["The sign-in page's list of its scripts can't be read."]
    paths = {_below_static(address.removeprefix(origin)): digest for address, digest in held.items()}
    return [
        f"The sign-in page names another digest for {path}."
        for path, digest in sorted(paths.items())
        if path in digests and digests[path] != digest
    ]


def _below_static(address: str) -> str:
    """The path as it is published: without the digest that the hub puts into the names of most files."""
    return _HASHED.sub("", address.partition("?")[0].removeprefix("/static/"))


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a number, and one that ports have
    except ValueError:
        raise Refused("That is no address. Give the hub's as https://…") from None
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if (
        not parts.hostname
        or not _HOST.fullmatch(parts.netloc)
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


@dataclass(frozen=True)
class _Answer:
    data: bytes
    headers: Message


def _fetch(address: str, origin: str) -> _Answer:
    """Raises FileNotFoundError for a 404, Refused for all else."""
    opener = urllib.request.build_opener(_SameOrigin(origin))
    try:
        with opener.open(address, timeout=_SECONDS) as answer:
            got = _Answer(answer.read(_MOST + 1), answer.headers)
            if answer.length and len(got.data) <= _MOST:  # less came than was announced
                raise http.client.IncompleteRead(b"")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (404, 410):
            raise FileNotFoundError from None
        raise Refused(f"The hub answers {error.code} where a script or its sign-in page should be.") from None
    except http.client.HTTPException:
        raise Refused("The hub's answer is broken off or is no answer of a web server. Try again.") from None
    except (OSError, ValueError):
        raise Refused("The hub can't be reached at that address.") from None
    if len(got.data) > _MOST:
        raise Refused("The hub sends a script of more than 16 MiB.")
    return got


def _same(digest: str, data: bytes) -> bool:
    name, _, said = digest.partition("-")
    return hmac.compare_digest(base64.b64encode(hashlib.new(name, data).digest()).decode(), said)
