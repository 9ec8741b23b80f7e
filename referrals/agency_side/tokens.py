"""Linkage tokens in bulk, for those on the hub's list and for nobody else: docs/reference/linkage-tokens.md.

Imported late: it needs `rbcl`, and importing it without raises Refused.
"""

from __future__ import annotations

import base64
import io
import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from . import Refused
from .bundle import write_whole
from .identities import Card, Identities
from .person import card_inputs

try:
    from referrals.linkage.keyholder.client import Asker, Network, NotEnough
except ImportError:
    raise Refused(
        "Tokens need the Python package rbcl on this machine. Get it with: python -m pip install rbcl"
    ) from None
from referrals.linkage.normalise import VERSION

FORMAT = "casehub-tokens/1"
LIST_FORMAT = "casehub-wanted/1"
# A list is as old as this at most: since then somebody may have taken a release back.
FRESH = timedelta(days=7)
# People whose tokens are asked for at a time: what is made so far is kept if the holders fall silent.
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose tokens may be made, by the hub: clients by source key and by the agency's own code."""

    agency: str
    epoch: int
    by_source: Mapping[str, str]
    by_code: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Wanted:
        """From the hub's wanted.json. Raises Refused, also for a list that is old or of another version."""
        try:
            said = json.loads(path.read_text("utf-8"))
            if said["format"] != LIST_FORMAT:
                raise ValueError
            made_at, now = datetime.fromisoformat(said["made_at"]), datetime.now(UTC)
            live = [one for one in said["clients"] if datetime.fromisoformat(one["until"]) > now]
            found = cls(
                said["agency"],
                int(said["epoch"]),
                {one["source"]: one["client"] for one in live if one["source"]},
                {_code(one["code"]): one["client"] for one in live if one["code"]},
            )
            version, is_old = said["version"], now - made_at > FRESH
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Refused(f"{path.name} is not the hub's list of wanted tokens, wanted.json.") from None
        if version != VERSION:
            raise Refused(
                f"{path.name} asks for tokens of version {version}, and this tool makes version {VERSION}. "
                "Get the tool of your hub's version."
            )
        if is_old:
            raise Refused(
                f"{path.name} is more than {FRESH.days} days old, and a release may have been taken back "
                "since. Download it again."
            )
        return found

    def client(self, key: str, *, is_coded: bool) -> str | None:
        """The client that a row's key stands for, if tokens are wanted of them."""
        return self.by_code.get(_code(key)) if is_coded else self.by_source.get(key)


@dataclass(slots=True)
class Made:
    """What a run did: people with tokens; rows of people not on the list; people for whom no two holders
    answered; and which holders failed, with the reason."""

    people: int = 0
    not_listed: int = 0
    unanswered: int = 0
    troubles: dict[int, str] = field(default_factory=dict)


def read_network(*paths: Path) -> Network:
    """The key holders as they gave themselves to the agency, in one file or several. Raises Refused."""
    try:
        return Network.read(*paths)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused("The key holders' files can't be used together, or one is none of theirs.") from None


def make(
    found: Identities, out: Path, *, wanted: Wanted, network: Network, certificates: Path | None = None
) -> Made:
    """Write the tokens of those on the list into `out`. Nothing is computed of anybody else.

    What two holders answered is written also if they fall silent on the way. Raises Refused if there is
    nothing to write.
    """
    if network.agency != wanted.agency:
        raise Refused(
            f"The list is of {wanted.agency}, and the key holders' files are of {network.agency}. "
            "Nothing was asked."
        )
    if wanted.epoch not in network.commitments:
        raise Refused(
            f"The hub wants tokens of epoch {wanted.epoch}, which the key holders' files don't know. "
            "Ask the key holders for new ones."
        )
    made = Made()
    people: dict[str, Card] = {}
    for key, card in sorted(found.cards.items()):
        client = wanted.client(key, is_coded=found.is_coded)
        if client is None or client in people:
            made.not_listed += 1
        else:
            people[client] = card
    if not people:
        raise Refused("Nobody in this file is on the hub's list: no token was made.")
    asker = Asker(network, wanted.epoch, certificates=str(certificates) if certificates else None)
    try:
        lines = [_line(client, tokens) for client, tokens in _tokens(people, asker, wanted.epoch, made)]
    finally:
        made.troubles = dict(asker.troubles)
        asker.close()
    made.people, made.unanswered = len(lines), len(people) - len(lines)
    if not lines:
        raise Refused(f"No token was made: {_failed(made.troubles)} Try again later; nothing is lost.")
    head = {"format": FORMAT, "agency": wanted.agency, "epoch": wanted.epoch, "version": VERSION}
    first = {**head, "people": len(lines)}

    def write(file: io.BufferedWriter) -> None:
        file.write(json.dumps(first).encode() + b"\n")
        file.writelines(lines)

    write_whole(out, write)
    return made


def _tokens(
    people: Mapping[str, Card], asker: Asker, epoch: int, made: Made
) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Each client with key ids and tokens, in the order of random ids, so far as holders answer."""
    clients = sorted(people)
    for at in range(0, len(clients), AT_ONCE):
        some = {client: card_inputs(people[client], epoch=epoch) for client in clients[at : at + AT_ONCE]}
        try:
            answers = iter(asker([text for inputs in some.values() for _, text in inputs]))
        except NotEnough:
            return
        for client, inputs in some.items():
            yield client, [(key, next(answers)) for key, _ in inputs]


def _line(client: str, tokens: list[tuple[str, bytes]]) -> bytes:
    said: dict[str, Any] = {"client": client, "tokens": [[key, _text(token)] for key, token in tokens]}
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"


def _text(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def _code(code: str) -> str:
    """Codes are compared as the hub does: case, width and outer space don't count."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", code).casefold()).strip()


def _failed(troubles: Mapping[int, str]) -> str:
    return " ".join(describe(holder, what) for holder, what in sorted(troubles.items()))


def describe(holder: int, what: str) -> str:
    """A holder's failure in a sentence."""
    return f"Key holder {holder} {_WORDS.get(what, _WORDS['no'])}."


_WORDS = {
    "lies": "answered under another key than it has published: tell whoever runs the network at once",
    "missing": "did not answer",
    "quota": "has answered as much for you today as was agreed",
    "clock": "says that this machine's clock is wrong",
    "epoch": "does not answer for this epoch",
    "no": "does not know you, or did not take the request",
    "again": "did not take the request",
    "elements": "did not take the request",
}
