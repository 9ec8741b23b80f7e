"""Asking key holders: any two of the three at the same time, each answer checked against what its holder has
published, with the third in reserve. Who lies or is silent is named.
"""

import json
import re
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from referrals.linkage import oprf
from referrals.linkage.keyholder import wire

TOKEN = 16
FORMAT = "casehub-keyholders/1"
# How many elements are asked for at once, how long a holder has for them, and how long one that was silent is
# left alone (seconds).
BATCH = 832
TIMEOUT = 10.0
REST = 60.0
_LARGEST_ANSWER = 2 * wire.LARGEST
_MAC = re.compile(r"[0-9a-f]{64}")
_FINGERPRINT = re.compile(r"[0-9a-f]{4}( [0-9a-f]{4}){7}")


class Holder(NamedTuple):
    """Where a holder is, and what this agency shares with it."""

    url: str
    secret: bytes


@dataclass(frozen=True)
class Network:
    """What an agency knows of the three. `commitments` by epoch, then holder: they decide who is believed."""

    agency: str
    holders: dict[int, Holder]
    commitments: dict[int, dict[int, bytes]]

    @classmethod
    def read(cls, *paths: Path) -> "Network":
        """From the file that `agency` wrote, or from several that are each of one holder.

        Raises ValueError if one is none, or they do not belong together.
        """
        parts = [cls._part(path) for path in paths]
        whole = parts[0]
        for part in parts[1:]:
            if (part.agency, part.commitments) != (whole.agency, whole.commitments):
                raise ValueError("These are of different agencies, or of different epochs.")
            whole = cls(whole.agency, {**whole.holders, **part.holders}, whole.commitments)
        return whole

    @classmethod
    def _part(cls, path: Path) -> "Network":
        said = json.loads(path.read_text())
        if said.get("format") != FORMAT:
            raise ValueError(f"{path} was not written by a key holder.")
        found = cls(
            said["agency"],
            {int(n): Holder(one["url"], bytes.fromhex(one["secret"])) for n, one in said["holders"].items()},
            {
                int(epoch): {int(n): bytes.fromhex(element) for n, element in elements.items()}
                for epoch, elements in said["commitments"].items()
            },
        )
        for elements in found.commitments.values():
            oprf.joint_public(elements)
        return found

    def text(self) -> str:
        """As `read` takes it. It holds secrets."""
        return json.dumps(
            {
                "format": FORMAT,
                "agency": self.agency,
                "holders": {
                    n: {"url": one.url, "secret": one.secret.hex()} for n, one in self.holders.items()
                },
                "commitments": {
                    epoch: {n: element.hex() for n, element in elements.items()}
                    for epoch, elements in self.commitments.items()
                },
            },
            indent=1,
        )


class Trouble(Exception):
    """One holder did not answer as it should: `holder`, and `what` in a word.

    "lies": its proof does not hold. "missing": nothing came. Else it refused, and said why: "quota", "clock",
    "again", "epoch", "elements", or "no".
    """

    def __init__(self, holder: int, what: str) -> None:
        super().__init__(f"Key holder {holder}: {what}")
        self.holder = holder
        self.what = what


class NotEnough(Exception):
    """Fewer than two holders answered; `troubles` says for each of the others why."""

    def __init__(self, troubles: dict[int, str]) -> None:
        said = ", ".join(f"{holder} {what}" for holder, what in sorted(troubles.items()))
        super().__init__(f"Two of the three key holders are needed. {said}.")
        self.troubles = troubles


@dataclass
class Asker:
    """The keyed function of one epoch, with the shape of `tokens.Keyed`. Safe for many threads.

    `troubles` names each holder that failed, with the last reason; one that lied is not asked again.
    """

    network: Network
    epoch: int
    timeout: float = TIMEOUT
    certificates: str | None = None
    workers: int = 2
    troubles: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        elements = self.network.commitments[self.epoch]
        self._expected = {
            (holder, asked): oprf.weighted_public(elements[holder], holder, asked)
            for asked in (oprf.pair(*two) for two in combinations(oprf.HOLDERS, 2))
            for holder in asked
        }
        self._rests: dict[int, float] = {}
        self._lock = threading.Lock()
        self._asking = ThreadPoolExecutor(2 * self.workers, thread_name_prefix="ask")

    def __call__(self, texts: Sequence[bytes]) -> list[bytes]:
        """A token of 16 bytes for each text. Raises NotEnough, and then none of them can be had."""
        batches = [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]
        if len(batches) < 2:
            return [token for batch in batches for token in self._batch(batch)]
        with ThreadPoolExecutor(self.workers) as pool:
            return [token for found in pool.map(self._batch, batches) for token in found]

    def close(self) -> None:
        self._asking.shutdown(wait=False)

    def _batch(self, texts: Sequence[bytes]) -> list[bytes]:
        blinds, blinded = (list(part) for part in zip(*map(oprf.blind, texts), strict=True))
        padded = blinded + [oprf.padding() for _ in range(-len(blinded) % wire.GROUP)]
        evaluated = self._evaluated(padded)[: len(texts)]
        return [output[:TOKEN] for output in oprf.finish(texts, blinds, evaluated)]

    def _evaluated(self, elements: list[bytes]) -> list[bytes]:
        out: dict[int, str] = {}
        while True:
            asked = self._choose(out)
            asking = {holder: self._asking.submit(self._ask, holder, asked, elements) for holder in asked}
            answers = []
            for holder, answer in asking.items():
                try:
                    answers.append(answer.result())
                except Trouble as trouble:
                    out[holder] = trouble.what
                    self._note(trouble)
            if len(answers) == 2:
                return oprf.joined(*answers)

    def _choose(self, out: dict[int, str]) -> oprf.Pair:
        """Two that have not failed this time; those that are resting last, liars never."""
        with self._lock:
            now = time.monotonic()
            liars = {holder: what for holder, what in self.troubles.items() if what == "lies"}
            left = [holder for holder in self.network.holders if holder not in out and holder not in liars]
            if len(left) < 2:
                raise NotEnough({**liars, **out})
            left.sort(key=lambda holder: (self._rests.get(holder, 0) > now, secrets.randbits(8)))
            return oprf.pair(*left[:2])

    def _note(self, trouble: Trouble) -> None:
        with self._lock:
            self.troubles[trouble.holder] = trouble.what
            self._rests[trouble.holder] = time.monotonic() + REST

    def _ask(self, holder: int, asked: oprf.Pair, elements: list[bytes]) -> list[bytes]:
        """One holder's answers, checked. Raises Trouble."""
        where = self.network.holders[holder]
        body = wire.written(
            wire.Request(
                self.network.agency,
                holder,
                self.epoch,
                asked,
                time.time_ns() // 1_000_000,
                secrets.token_bytes(16),
                elements,
            )
        )
        mac = wire.signature(where.secret, body)
        try:
            status, said = post(where.url, body, mac, timeout=self.timeout, certificates=self.certificates)
        except (OSError, ValueError):
            raise Trouble(holder, "missing") from None
        if status != 200:
            raise Trouble(holder, _reason(said))
        try:
            evaluated, proof = wire.read_answer(said)
            oprf.check(self._expected[holder, asked], elements, evaluated, proof)
        except (wire.Malformed, oprf.Invalid, oprf.BadProof):
            raise Trouble(holder, "lies") from None
        return evaluated


def post(
    url: str, body: bytes, mac: str, *, timeout: float, certificates: str | None = None
) -> tuple[int, bytes]:
    """A holder's status and answer to one signed body, all within `timeout` seconds.

    Raises OSError (with TimeoutError) or ValueError.
    """
    if not _MAC.fullmatch(mac):
        raise ValueError("A signature is 64 hexadecimal digits.")
    head = f"POST {wire.PATH} HTTP/1.1", f"{wire.MAC}: {mac}", "Content-Type: application/json"
    return _exchange(url, head, body, timeout=timeout, certificates=certificates)


class Status(NamedTuple):
    """What a holder tells everybody: which it is, its current epoch, and those dealt and not begun."""

    holder: int
    epoch: int
    fingerprint: str
    waiting: list[int]


def status(url: str, *, timeout: float = TIMEOUT, certificates: str | None = None) -> Status:
    """A holder's own word on how it stands. Raises OSError or ValueError."""
    code, said = _exchange(
        url, (f"GET {wire.STATUS} HTTP/1.1",), b"", timeout=timeout, certificates=certificates
    )
    try:
        found = Status(**json.loads(said)) if code == 200 else None
    except (TypeError, ValueError, RecursionError):
        found = None
    if (
        found is None
        or not all(type(one) is int and 0 < one < 2**31 for one in (found.holder, found.epoch))
        or type(found.fingerprint) is not str
        or not _FINGERPRINT.fullmatch(found.fingerprint)
        or type(found.waiting) is not list
        or not all(type(one) is int for one in found.waiting)
    ):
        raise ValueError("That is no key holder's answer.")
    return found


def _exchange(
    url: str, head: Sequence[str], body: bytes, *, timeout: float, certificates: str | None
) -> tuple[int, bytes]:
    """One request and its answer. By hand, since the standard library's client gives the time to each read
    anew and would wait for a slow one without end."""
    ends = time.monotonic() + timeout
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("A holder's address begins with http:// or https://.")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    connection = socket.create_connection((parts.hostname, port), timeout=timeout)
    if parts.scheme == "https":
        trust = ssl.create_default_context(cafile=certificates)
        connection = trust.wrap_socket(connection, server_hostname=parts.hostname)
    with connection:
        lines = *head, f"Host: {parts.netloc}", f"Content-Length: {len(body)}", "Connection: close", "", ""
        connection.sendall("\r\n".join(lines).encode() + body)
        answer = bytearray()
        while True:
            left = ends - time.monotonic()
            if left <= 0 or len(answer) > _LARGEST_ANSWER:
                raise TimeoutError
            connection.settimeout(left)
            part = connection.recv(65536)
            if not part:
                break
            answer += part
    first, found, said = bytes(answer).partition(b"\r\n\r\n")
    words = first.split(b" ", 2)
    if not found or words[0] != b"HTTP/1.1" or not words[1].isdigit():
        raise ValueError("That is no key holder's answer.")
    return int(words[1]), said


def _reason(said: bytes) -> str:
    try:
        reason = json.loads(said)["refused"]
    except (ValueError, KeyError, TypeError):
        return "missing"
    return reason if reason in ("quota", "clock", "again", "epoch", "elements", "no") else "missing"
