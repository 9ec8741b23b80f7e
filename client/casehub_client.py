"""A client for the casehub API that needs nothing but Python 3.11: copy this file, or import it.

Reads page by page, writes each thing once however often the network fails, and says errors by field. It
keeps nothing and logs nothing. What the resources hold stands in the hub's schema, at /api/v1/schema/.

    hub = Casehub("https://hub.example.org", token="…")
    for client in hub.each("clients", enrolled=True):
        print(client["code"])
    hub.record_touchpoint(sector="outreach", given=["food_or_clothes"])
"""

import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

ATTEMPTS = 5
LONGEST_WAIT = 60.0
LOCAL = {"localhost", "127.0.0.1", "::1"}


class CasehubError(Exception):
    """The hub refused or could not be reached. `status` is 0 where it was not reached.

    404 means missing, another agency's, or not this token's to see: the hub says the same of all three.
    """

    def __init__(self, status: int, problems: dict[str, Any]) -> None:
        super().__init__(f"{status}: {', '.join(sorted(problems))}")
        self.status = status
        self.problems = problems


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token never follows a redirect to another place."""

    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        return None


class Casehub:
    """One person's token at one agency. Not for several threads at once.

    Raises ValueError for an address without TLS, but for this very machine.
    """

    def __init__(
        self, url: str, *, token: str, timeout: float = 30.0, wait: Callable[[float], None] = time.sleep
    ) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL):
            raise ValueError("the hub's address starts with https://")
        self._root = f"{parts.scheme}://{parts.netloc}/api/v1/"
        self._token = token
        self._timeout = timeout
        self._wait = wait
        self._opener = urllib.request.build_opener(_NoRedirect)

    def each(self, resource: str, *, page: int = 200, **filters: Any) -> Iterator[dict[str, Any]]:
        """Every row of a resource ("clients", "services", …), narrowed by the filters its schema names.

        Rows come newest first, so one that is made while reading may be met twice, and none is missed.
        """
        offset = 0
        while True:
            found = self._ask("GET", f"{resource}/", {**filters, "limit": page, "offset": offset})
            yield from found["results"]
            offset += len(found["results"])
            if not found["next"] or not found["results"]:
                return

    def one(self, resource: str, id: str | UUID) -> dict[str, Any]:
        """One row by its id. Raises CasehubError, status 404, where there is none for this token."""
        return dict(self._ask("GET", f"{resource}/{_plain(id)}/"))

    def record_touchpoint(self, *, sector: str, key: str = "", **facts: Any) -> str:
        """Record a contact, anonymous without `client`; the new row's id."""
        return self._write("touchpoints/", {"sector": sector, **facts}, key)

    def record_service(
        self, *, client: str | UUID, type: str, provided_on: date | str, key: str = "", **facts: Any
    ) -> str:
        """Record a service; the new row's id. Without a unit it is the service's usual one."""
        return self._write(
            "services/", {"client": client, "type": type, "provided_on": provided_on, **facts}, key
        )

    def answer_offer(self, id: str | UUID, *, outcome: str, reason: str = "", key: str = "") -> str:
        """Answer an offer, once; the answer's id."""
        sent = {"outcome": outcome} | ({"reason": reason} if reason else {})
        return self._write(f"offers/{_plain(id)}/respond/", sent, key)

    def pipeline(self, start: date | str | None = None, end: date | str | None = None) -> dict[str, Any]:
        """The agency's own exact figures for the days [start, end), or for this month."""
        asked = {} if start is None or end is None else {"start": start, "end": end}
        return dict(self._ask("GET", "pipeline/", asked))

    def picklists(self) -> dict[str, dict[str, Any]]:
        """Every code list by its name."""
        return {one["name"]: one for one in self._ask("GET", "picklists/")}

    def _write(self, path: str, body: dict[str, Any], key: str) -> str:
        """With one key for all attempts: a write whose answer was lost is repeated, and done once.

        Give a `key` of your own to repeat it in another run of your program too, within 24 hours. Random
        letters: a key says nothing about anyone.
        """
        return str(self._ask("POST", path, body=body, key=key or secrets.token_urlsafe(24))["id"])

    def _ask(
        self,
        method: str,
        path: str,
        asked: dict[str, Any] | None = None,
        *,
        body: dict[str, Any] | None = None,
        key: str = "",
    ) -> Any:
        query = urllib.parse.urlencode({name: _plain(value) for name, value in (asked or {}).items()})
        url = self._root + path + (f"?{query}" if query else "")
        headers = {"Authorization": f"Token {self._token}", "Accept": "application/json"}
        sent = None
        if body is not None:
            sent = json.dumps(body, default=_plain).encode()
            headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                request = urllib.request.Request(url, sent, headers, method=method)  # noqa: S310
                with self._opener.open(request, timeout=self._timeout) as response:
                    return json.load(response)
            except urllib.error.HTTPError as error:
                with error:
                    status, problems, after = (
                        error.code,
                        _problems(error),
                        error.headers.get("Retry-After", ""),
                    )
                if (status < 500 and status != 429) or attempt == ATTEMPTS:
                    raise CasehubError(status, problems) from None
            except (urllib.error.URLError, TimeoutError, ConnectionError, json.JSONDecodeError):
                after = ""
                if attempt == ATTEMPTS:
                    raise CasehubError(0, {"detail": "the hub was not reached"}) from None
            self._wait(min(float(after) if after.isdigit() else 0.5 * 2**attempt, LONGEST_WAIT))
        raise AssertionError("the last attempt returns or raises")


def _plain(value: Any) -> str:
    """A value as the API reads it."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime() if value.tzinfo is None:
            raise ValueError("a time needs its time zone")
        case datetime() | date():
            return value.isoformat()
        case str() | int() | UUID() | Decimal():
            return str(value)
    raise TypeError(f"the API takes no {type(value).__name__} here")


def _problems(error: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        found = json.load(error)
    except ValueError:
        return {"detail": "the answer was not JSON"}
    return found if isinstance(found, dict) else {"detail": "the answer was no object"}
