"""A key holder's service: one request a connection, few words, no log of who asked what."""

import asyncio
import hmac
import json
import os
import signal
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

from referrals.linkage import oprf
from referrals.linkage.keyholder import wire
from referrals.linkage.keyholder.folder import Agency, Folder, Refused

# Seconds in which a request must have come whole, and an answer must have gone.
PATIENCE = 10.0
MOST_OPEN = 64
MOST_HEAD = 4096
# Every refusal is as long as every other.
_REFUSAL = 64
_STATUS = {200: "OK", 403: "Forbidden", 429: "Too Many Requests"}
_NOBODY = Agency(os.urandom(32), 0)


class Answer(NamedTuple):
    status: int
    body: bytes


def refusal(reason: str = "no", *, status: int = 403) -> Answer:
    """`reason` is told only to whoever has signed; to all others every refusal is the same bytes."""
    return Answer(status, json.dumps({"refused": reason}).encode().ljust(_REFUSAL))


class Service:
    """Serves one folder. `patience` and `most_open` are for tests."""

    def __init__(self, folder: Folder, *, patience: float = PATIENCE, most_open: int = MOST_OPEN) -> None:
        self._folder = folder
        self._patience = patience
        self._most_open = most_open
        self._open = 0
        self._workers = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="evaluate")

    async def run(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        """Until SIGTERM or SIGINT. Prints the port once it listens (0: any)."""
        stopped = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, stopped.set)
        server = await asyncio.start_server(self._connection, host, port, limit=MOST_HEAD, ssl=tls)
        async with server:
            where = server.sockets[0].getsockname()[1]
            sys.stdout.write(f"Key holder {self._folder.holder} listens on {host} port {where}.\n")
            sys.stdout.flush()
            ticking = asyncio.create_task(self._tick())
            await stopped.wait()
            ticking.cancel()
        self._workers.shutdown(wait=False, cancel_futures=True)

    async def _tick(self) -> None:
        """Each second: close hours that are over, destroy what has ended."""
        while True:
            await asyncio.sleep(1)
            try:
                await asyncio.to_thread(self._keep_house)
            except Exception as wrong:  # the service must go on answering; the next second tries again
                _say(f"cannot keep the folder: {type(wrong).__name__}")

    def _keep_house(self) -> None:
        self._folder.turn(now=datetime.now(UTC))
        for epoch in self._folder.destroy_ended():
            _say(f"the share of epoch {epoch} is destroyed")

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= self._most_open:
                # All of it together, so that nobody holds a place by one byte a second.
                async with asyncio.timeout(self._patience):
                    answer = await self._heard(reader)
                async with asyncio.timeout(self._patience):
                    writer.write(_sent(answer))
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open -= 1
            writer.close()

    async def _heard(self, reader: asyncio.StreamReader) -> Answer:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        except (asyncio.LimitOverrunError, UnicodeDecodeError):
            return refusal()
        first, *lines = head.split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        if first == f"GET {wire.STATUS} HTTP/1.1":
            return await self._in_thread(self._status)
        length = headers.get("content-length", "")
        if first != f"POST {wire.PATH} HTTP/1.1" or not (length.isdecimal() and len(length) < 9):
            return refusal()
        if int(length) > wire.LARGEST:
            return refusal()
        body = await reader.readexactly(int(length))
        return await self._in_thread(self._evaluate, body, headers.get(wire.MAC.lower(), ""))

    async def _in_thread(self, call, *given):  # type: ignore[no-untyped-def]
        return await asyncio.get_running_loop().run_in_executor(self._workers, call, *given)

    def _status(self) -> Answer:
        """For everybody: which epochs stand here. No counts."""
        epochs, current = self._folder.epochs(), self._folder.current
        said = {
            "holder": self._folder.holder,
            "epoch": current,
            "fingerprint": oprf.fingerprint(epochs[current]),
            "waiting": self._folder.waiting(),
        }
        return Answer(200, json.dumps(said).encode())

    def _evaluate(self, body: bytes, mac: str) -> Answer:
        try:
            request = wire.read(body)
        except wire.Malformed:
            return refusal()
        agency = self._folder.agencies().get(request.agency, _NOBODY)
        signed = hmac.compare_digest(wire.signature(agency.secret, body).encode(), mac.encode())
        if not signed or agency is _NOBODY or request.holder != self._folder.holder:
            return refusal()
        try:
            share = self._folder.share(request.epoch)
            key = oprf.weighted(share, request.holder, request.asked)
            for alarm in self._folder.take(request, agency, now=datetime.now(UTC)):
                _say(alarm)
            return Answer(200, wire.answer(*oprf.evaluate_proven(key, request.elements)))
        except Refused as refused:
            for alarm in getattr(refused, "__notes__", ()):
                _say(alarm)
            return refusal(str(refused), status=429 if str(refused) == "quota" else 403)
        except oprf.Invalid:
            return refusal("elements")


def _sent(answer: Answer) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status} {_STATUS[answer.status]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(answer.body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + answer.body


def _say(words: str) -> None:
    """Alarms and housekeeping only; never a request."""
    sys.stderr.write(f"key holder: {words}\n")
    sys.stderr.flush()
