"""What a key holder keeps on its disk: shares by epoch, agencies, what was taken this hour, and the audit.

Every file is readable by its owner only. What replaces a file is written beside it, synced and renamed; what
is added to one is a line, synced, and a line that a crash cut short counts as not written.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from referrals.linkage import oprf
from referrals.linkage.keyholder import wire

# The part of the quota at which somebody is told.
ALARM_AT = 0.8
_GENESIS = "0" * 64
_HOUR = "%Y-%m-%dT%H"


class Broken(Exception):
    """The folder is not what a holder left there."""


class Refused(Exception):
    """The agency is known, but this is not taken; the reason is one word for it."""


class Packet(NamedTuple):
    """What a dealer brings one holder for one epoch."""

    epoch: int
    holder: int
    share: bytes
    commitments: dict[int, bytes]

    def text(self) -> str:
        """As `read` takes it. It holds the share."""
        said = {str(holder): element.hex() for holder, element in self.commitments.items()}
        return json.dumps(
            {"epoch": self.epoch, "holder": self.holder, "share": self.share.hex(), "commitments": said}
        )

    @classmethod
    def read(cls, path: Path) -> "Packet":
        """Raises Broken if it is none."""
        said = _json(path)
        try:
            commitments = {int(n): bytes.fromhex(element) for n, element in said["commitments"].items()}
            return cls(said["epoch"], said["holder"], bytes.fromhex(said["share"]), commitments)
        except (KeyError, TypeError, ValueError):
            raise Broken(f"{path} is no dealer's packet.") from None


class Agency(NamedTuple):
    """`daily`: how many elements may be asked for in a UTC day; `raised` until the day `until`."""

    secret: bytes
    daily: int
    raised: int = 0
    until: str = ""

    def allowed(self, day: str) -> int:
        """The quota of this day (ISO)."""
        return max(self.daily, self.raised) if day <= self.until else self.daily


class Folder:
    """One holder's folder. Safe for many threads, and for a command beside the service."""

    def __init__(self, path: Path) -> None:
        """Raises Broken if there is no holder here, or if others of this computer could read it."""
        self.path = path
        if not (path / "holder.json").is_file():
            raise Broken(f"{path} is no key holder's folder.")
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise Broken(f"{path} can be read by others. Run: chmod 700 {path}")
        self.holder: int = _json(path / "holder.json")["holder"]
        self._lock = threading.RLock()
        self._reset()

    @classmethod
    def make(cls, path: Path, packet: Packet) -> "Folder":
        """A new holder with its first epoch, current. Raises Broken if something is there already."""
        if path.exists() and any(path.iterdir()):
            raise Broken(f"{path} is not empty.")
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        for name in ("epochs", "journal"):
            (path / name).mkdir(mode=0o700)
        _replace(path / "agencies.json", {})
        _replace(path / "state.json", {"current": 0, "ends": {}, "destroyed": []})
        _replace(path / "holder.json", {"holder": packet.holder})
        folder = cls(path)
        folder.take_packet(packet)
        folder.begin(packet.epoch, ends=None)
        return folder

    # Epochs.

    @property
    def current(self) -> int:
        return _json(self.path / "state.json")["current"]

    def epochs(self) -> dict[int, dict[int, bytes]]:
        """The commitments of every epoch that ever was here."""
        found = {}
        for path in sorted((self.path / "epochs").glob("[0-9]*")):
            said = _json(path / "public.json")["commitments"]
            found[int(path.name)] = {int(holder): bytes.fromhex(said[holder]) for holder in said}
        return found

    def standing(self, epoch: int) -> str:
        """Whether it waits, is current, still answered, ended or destroyed, in a word or two."""
        state = _json(self.path / "state.json")
        if epoch == state["current"]:
            return "current"
        if epoch in state["destroyed"]:
            return "destroyed"
        ends = state["ends"].get(str(epoch))
        return "waiting" if ends is None else f"ends {ends[:16]}"

    def waiting(self) -> list[int]:
        """Epochs that were dealt and never begun."""
        return [epoch for epoch in self.epochs() if epoch > self.current]

    def take_packet(self, packet: Packet) -> None:
        """Keep a new epoch's share; it is not answered before `begin`. Replaces one that still waits.

        Raises Broken if the share is another's, does not fit its commitment, or the epoch was begun already.
        """
        if packet.holder != self.holder or oprf.public(packet.share) != packet.commitments[self.holder]:
            raise Broken("This share is not for this holder.")
        try:
            oprf.joint_public(packet.commitments)
        except oprf.Invalid as wrong:
            raise Broken(str(wrong)) from None
        if packet.epoch <= self.current:
            raise Broken(f"Epoch {packet.epoch} was begun already.")
        place = self._place(packet.epoch)
        for old in (place.with_name(f"new-{packet.epoch}"), place):
            if old.exists():
                _overwrite(old / "share")
                shutil.rmtree(old)
        new = place.with_name(f"new-{packet.epoch}")
        new.mkdir(mode=0o700)
        said = {str(holder): element.hex() for holder, element in packet.commitments.items()}
        _replace(new / "public.json", {"commitments": said})
        _write(new / "share", packet.share.hex().encode())
        new.rename(place)
        _sync(place.parent)
        self.audit("epoch dealt", epoch=packet.epoch, fingerprint=oprf.fingerprint(packet.commitments))

    def begin(self, epoch: int, *, ends: datetime | None) -> None:
        """Make a waiting epoch the current one; the one before is answered until `ends`. Twice is once."""
        with self._alone():
            state = _json(self.path / "state.json")
            if state["current"] == epoch:
                return
            if epoch not in self.epochs() or epoch < state["current"]:
                raise Broken(f"Epoch {epoch} was not dealt here.")
            if state["current"]:
                state["ends"][str(state["current"])] = (ends or _now()).isoformat()
            state["current"] = epoch
            _replace(self.path / "state.json", state)
        self.audit("epoch begun", epoch=epoch)

    def share(self, epoch: int, *, now: datetime | None = None) -> bytes:
        """Raises Refused("epoch") if it is not answered (any more, or yet)."""
        state = _json(self.path / "state.json")
        ends = state["ends"].get(str(epoch))
        if epoch != state["current"] and (ends is None or (now or _now()) >= datetime.fromisoformat(ends)):
            raise Refused("epoch")
        try:
            return bytes.fromhex((self._place(epoch) / "share").read_text())
        except (OSError, ValueError):
            raise Refused("epoch") from None

    def destroy_ended(self, *, now: datetime | None = None) -> list[int]:
        """Overwrite and unlink the shares of the epochs whose overlap is over. Those destroyed just now."""
        state, done = _json(self.path / "state.json"), []
        for epoch, ends in state["ends"].items():
            if int(epoch) in state["destroyed"] or (now or _now()) < datetime.fromisoformat(ends):
                continue
            place = self._place(int(epoch))
            if (place / "share").exists():
                destroy(place / "share")
            self.audit("share destroyed", epoch=int(epoch))
            done.append(int(epoch))
        if done:
            with self._alone():
                state = _json(self.path / "state.json")
                state["destroyed"] = sorted({*state["destroyed"], *done})
                _replace(self.path / "state.json", state)
        return done

    def end_now(self) -> None:
        """End every overlap at once; the next `destroy_ended` destroys."""
        with self._alone():
            state = _json(self.path / "state.json")
            state["ends"] = {epoch: min(ends, _now().isoformat()) for epoch, ends in state["ends"].items()}
            _replace(self.path / "state.json", state)

    # Agencies.

    def agencies(self) -> dict[str, Agency]:
        """Every agency that may ask, by name."""
        return {
            name: Agency(bytes.fromhex(said["secret"]), said["daily"], said["raised"], said["until"])
            for name, said in _json(self.path / "agencies.json").items()
        }

    def admit(self, name: str, agency: Agency | None) -> None:
        """Let an agency ask, or change how much; None: no more. Raises Broken for a name that is no slug."""
        if not wire.is_name(name):
            raise Broken("An agency's name has small letters, digits and hyphens only.")
        with self._alone():
            said = _json(self.path / "agencies.json")
            said.pop(name, None)
            if agency is not None:
                said[name] = {**agency._asdict(), "secret": agency.secret.hex()}
            _replace(self.path / "agencies.json", said)
        what = "agency removed" if agency is None else "agency admitted"
        self.audit(what, agency=name, **({"daily": agency.daily} if agency else {}))

    # Taking requests: once each, within the quota, on disk before anything is answered.

    def take(self, request: wire.Request, agency: Agency, *, now: datetime) -> list[str]:
        """Count a request in. Alarms that it sets off, in words.

        Raises Refused: "clock" (too early or late), "again" (this nonce was taken), "quota".
        """
        moment = int(now.timestamp() * 1000)
        if abs(moment - request.at) > wire.WINDOW:
            raise Refused("clock")
        day, count, alarms = now.date().isoformat(), len(request.elements), []
        with self._lock:
            self._turn(now)
            self._forget(moment)
            if (request.agency, request.nonce) in self._nonces:
                raise Refused("again")
            used, allowed = self._used[day, request.agency] + count, agency.allowed(day)
            if used > allowed:
                alarms += self._alarm(day, request.agency, "quota refused", used - count, allowed)
                raise _with(Refused("quota"), alarms)
            line = f"{request.at} {request.nonce.hex()} {request.agency} {count}"
            _append(self.path / "journal" / now.strftime(_HOUR), line)
            self._nonces[request.agency, request.nonce] = request.at
            self._used[day, request.agency] = used
            if used > ALARM_AT * allowed:
                alarms += self._alarm(day, request.agency, "quota nearly used", used, allowed)
        return alarms

    def used(self, *, day: str) -> dict[str, int]:
        """How many elements each agency asked for on a day (ISO)."""
        with self._lock:
            return {name: count for (when, name), count in self._used.items() if when == day and count}

    def turn(self, *, now: datetime) -> None:
        """Close the hours that are over: their counts go into the audit, their lines are deleted."""
        with self._lock:
            self._turn(now)

    # The audit: lines of JSON, each with the digest of the line before.

    def audit(self, what: str, **counts: object) -> None:
        """Add one entry: names of agencies, numbers, fingerprints; never anything of a single request."""
        with self._alone():
            last = _last_line(self.path / "audit.jsonl")
            before = hashlib.sha256(last).hexdigest() if last else _GENESIS
            entry = {
                "n": json.loads(last)["n"] + 1 if last else 0,
                "hour": _now().strftime(_HOUR),
                "what": what,
                **counts,
                "before": before,
            }
            _append(self.path / "audit.jsonl", json.dumps(entry, separators=(",", ":")))

    def entries(self) -> list[dict]:
        """The whole audit. Raises Broken if an entry was changed, taken out or put in."""
        before, found = _GENESIS, []
        for number, line in enumerate(_lines(self.path / "audit.jsonl")):
            try:
                entry = json.loads(line)
            except ValueError:
                raise Broken(f"The audit's entry {number} cannot be read.") from None
            if entry.get("before") != before or entry.get("n") != number:
                raise Broken(f"The audit's chain breaks at entry {number}.")
            before = hashlib.sha256(line).hexdigest()
            found.append(entry)
        return found

    def head(self) -> str:
        """The digest of the last entry: whoever noted it sees later whether the audit was cut off."""
        last = _last_line(self.path / "audit.jsonl")
        return hashlib.sha256(last).hexdigest() if last else _GENESIS

    # Below: the folder's own.

    def _place(self, epoch: int) -> Path:
        return self.path / "epochs" / f"{epoch:04d}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other thread, and no other process that writes here."""
        with self._lock, (self.path / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _reset(self) -> None:
        """Take up the counts, nonces and alarms where the last process left them."""
        self._nonces: dict[tuple[str, bytes], int] = {}
        self._used: dict[tuple[str, str], int] = defaultdict(int)
        self._alarms: set[tuple[str, str, str]] = set()
        self._closed: set[str] = set()
        self._counted: set[tuple[str, str]] = set()
        for entry in self.entries():
            if entry["what"] == "asked":
                self._counted.add((entry["of"], entry["agency"]))
                self._used[entry["of"][:10], entry["agency"]] += entry["elements"]
            elif entry["what"] == "hour closed":
                self._closed.add(entry["of"])
            elif entry["what"] in ("quota refused", "quota nearly used"):
                self._alarms.add((entry["day"], entry["agency"], entry["what"]))
        for file in sorted((self.path / "journal").glob("[0-9]*")):
            for at, nonce, agency, count in _taken(file):
                self._nonces[agency, nonce] = at
                if (file.name, agency) not in self._counted:
                    self._used[file.name[:10], agency] += count

    def _forget(self, moment: int) -> None:
        """Nonces whose requests would be too late by now."""
        if len(self._nonces) > self._forget_at:
            self._nonces = {key: at for key, at in self._nonces.items() if at + wire.WINDOW >= moment}
            self._forget_at = 2 * len(self._nonces) + 1000

    _forget_at = 1000

    def _alarm(self, day: str, agency: str, what: str, used: int, allowed: int) -> list[str]:
        """Once a day, agency and kind."""
        if (day, agency, what) in self._alarms:
            return []
        self._alarms.add((day, agency, what))
        self.audit(what, day=day, agency=agency, elements=used, allowed=allowed)
        return [f"{what}: {agency}, {used} of {allowed} elements on {day}"]

    def _turn(self, now: datetime) -> None:
        this = now.strftime(_HOUR)
        # A nonce counts for at most two windows after its request came.
        kept = (now - timedelta(milliseconds=2 * wire.WINDOW)).strftime(_HOUR)
        if (this, kept) == self._turned:
            return
        for file in sorted((self.path / "journal").glob("[0-9]*")):
            if file.name < this and file.name not in self._closed:
                self._close(file)
            if file.name < min(this, kept):
                file.unlink()
        self._turned = (this, kept)

    _turned: tuple[str, str] = ("", "")

    def _close(self, file: Path) -> None:
        """One entry an agency, then one that says that all are there, so that a crash loses nothing."""
        asked: dict[str, list[int]] = defaultdict(list)
        for _, _, agency, count in _taken(file):
            asked[agency].append(count)
        for agency, counts in sorted(asked.items()):
            if (file.name, agency) not in self._counted:
                self.audit("asked", of=file.name, agency=agency, requests=len(counts), elements=sum(counts))
                self._counted.add((file.name, agency))
        self.audit("hour closed", of=file.name)
        self._closed.add(file.name)


def _taken(file: Path) -> Iterator[tuple[int, bytes, str, int]]:
    for line in _lines(file):
        at, nonce, agency, count = line.decode().split(" ")
        yield int(at), bytes.fromhex(nonce), agency, int(count)


def _now() -> datetime:
    return datetime.now(UTC)


def _with(refused: Refused, alarms: list[str]) -> Refused:
    for alarm in alarms:
        refused.add_note(alarm)
    return refused


def _json(path: Path) -> dict:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise Broken(f"{path} cannot be read.") from None


def _lines(path: Path) -> list[bytes]:
    """Whole lines only: the end of a file behind its last line break was never finished."""
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def _last_line(path: Path) -> bytes:
    """The last whole one; empty if there is none. Lines here are far shorter than what is read for it."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
            return b"".join(file.read().split(b"\n")[-2:-1])
    except FileNotFoundError:
        return b""


def _append(path: Path, line: str) -> None:
    new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.ftruncate(descriptor, os.pread(descriptor, size, 0).rfind(b"\n") + 1)
        if os.write(descriptor, line.encode() + b"\n") != len(line) + 1:
            raise OSError("The disk is full.")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if new:
        _sync(path.parent)


def _replace(path: Path, said: dict) -> None:
    beside = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    _write(beside, json.dumps(said, indent=1).encode())
    beside.replace(path)
    _sync(path.parent)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def destroy(path: Path) -> None:
    """Overwrite a file in place and unlink it."""
    _overwrite(path)
    path.unlink()
    _sync(path.parent)


def write_private(path: Path, text: str) -> None:
    """A new file that only its owner can read. Raises OSError if there is one."""
    _write(path, text.encode())
    _sync(path.parent)


def _overwrite(path: Path) -> None:
    """In place, with random bytes; what the disk keeps elsewhere is not reached."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
