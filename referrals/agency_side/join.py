"""Joining opened cards to a pseudonymous file, at the agency: names and birth dates for forms that want them.
The result is as identifying as the agency's own records and is written for its owner's eyes only. Of the
hub's own export it is a whole HMIS CSV export, with every column where the format has it.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import Refused
from .archive import Archive
from .bundle import write_whole
from .identities import folded, place_of, read_sheet
from .schema import FILES, VERSIONS
from .vaultbox import Shut, Vault, read_stream

Card = dict[str, Any]

_ADDED = ("Name used", "Legal name", "Birth date")
_HMIS_QUALITY = {"FirstName": "NameDataQuality", "DOB": "DOBDataQuality", "SSN": "SSNDataQuality"}
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv"})
_FULL, _PARTLY, _NOT_COLLECTED = "1", "2", "99"
_MANIFEST, _CLIENTS = "manifest.json", "clients.csv"


@dataclass(frozen=True, slots=True)
class Joined:
    """How many rows there were, and how many of them had a card."""

    rows: int
    with_card: int


def open_cards(path: Path, vault: Vault) -> dict[str, Card]:
    """All cards of a stream by client: 32 hex characters. Raises Shut if any does not open: a file with some
    names missing would pass for the whole."""
    opened: dict[str, Card] = {}
    for at, row in enumerate(read_stream(path.read_bytes()), 1):
        where: dict[str, str | bytes | int] = {
            "client": row.client,
            "revision": row.revision,
            "saved_at": row.saved_at,
        }
        try:
            card = vault.open("card", where, row.box)
        except Shut as shut:
            raise Shut(f"Card {at} of the file does not open, so nothing was joined. {shut}") from None
        client = _id(row.client)
        if client in opened or not isinstance(card, dict):
            raise Shut(f"Card {at} of the file is there twice or holds no card, so nothing was joined.")
        opened[client] = card
    return opened


def join(source: Path, out: Path, cards: dict[str, Card], *, by: str) -> Joined:
    """Write `source`, a CSV file or a zip with Client.csv, with names and birth dates filled in. `by` is the
    column of the clients' ids. A cell that already says something stays. Raises Refused."""
    if out.resolve() == source.resolve():
        raise Refused("Give the joined file another name than the one it is made from.")
    if zipfile.is_zipfile(source):
        return _join_zip(source, out, cards, by)
    rows = list(read_sheet(source))
    text, joined = _joined(rows, cards, by, hmis=False)
    write_whole(out, lambda file: file.write(text))
    return joined


def _join_zip(source: Path, out: Path, cards: dict[str, Card], by: str) -> Joined:
    with Archive(source) as archive:  # refuses what is no plain zip of CSV files
        if "Client" not in archive.names:
            raise Refused("The zip holds no Client.csv.")
    found: list[Joined] = []

    def write(file: io.BufferedWriter) -> None:
        with zipfile.ZipFile(source) as given, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
            hub = _HubExport.of(given)
            for info in given.infolist():
                path = Path(info.filename)
                if hub is not None and path.name in (_MANIFEST, _CLIENTS):
                    continue
                data = given.read(info)
                is_client = path.name.lower() == "client.csv" and not info.filename.startswith("__MACOSX")
                if is_client or (hub is not None and path.stem in FILES):
                    rows = _rows(data)
                    if hub is not None:
                        rows = hub.whole(path.stem, rows)
                        data = _text_of(rows)
                if is_client:
                    data, joined = _joined(rows, hub.cards(cards) if hub else cards, by, hmis=True)
                    found.append(joined)
                info.external_attr = 0o600 << 16
                made.writestr(info, data)

    write_whole(out, write)
    return found[0]


def _rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig", "replace"), newline="")))


def _text_of(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


class _HubExport:
    """What the hub says beside the files of its own export: the year of the format, and which client of the
    hub, by whom the cards go, a PersonalID is."""

    def __init__(self, version: str, clients: dict[str, str]) -> None:
        self._version = version
        self._clients = clients

    @classmethod
    def of(cls, given: zipfile.ZipFile) -> _HubExport | None:
        """None for any other zip."""
        if not {_MANIFEST, _CLIENTS} <= set(given.namelist()):
            return None
        try:
            version = json.loads(given.read(_MANIFEST))["hmis_version"]
            pairs = [(_id(person), _id(client)) for person, client in _rows(given.read(_CLIENTS))[1:]]
        except (ValueError, KeyError, TypeError):
            raise Refused("What the hub says beside the files can't be read. Get the export again.") from None
        if version not in VERSIONS or len({person for person, _client in pairs}) != len(pairs):
            raise Refused("What the hub says beside the files can't be read. Get the export again.")
        return cls(version, dict(pairs))

    def cards(self, cards: dict[str, Card]) -> dict[str, Card]:
        """The cards by PersonalID."""
        return {person: cards[client] for person, client in self._clients.items() if client in cards}

    def whole(self, name: str, rows: list[list[str]]) -> list[list[str]]:
        """The file with exactly the format's columns in their order; what the hub left out is blank."""
        wanted = [column.name for column in FILES[name].of_version(self._version)]
        header, body = (rows[0], rows[1:]) if rows else ([], [])
        places = [header.index(column) if column in header else None for column in wanted]
        filled = [["" if at is None else cells[at] for at in places] for cells in _even(body, len(header))]
        if name == "Client":
            for column, quality in _HMIS_QUALITY.items():
                at, good = wanted.index(column), wanted.index(quality)
                for cells in filled:
                    # How good was what does not stand here: what a card says is filled in afterwards.
                    if not cells[at] and cells[good] in (_FULL, _PARTLY):
                        cells[good] = _NOT_COLLECTED
        return [wanted, *filled]


def _joined(rows: list[list[str]], cards: dict[str, Card], by: str, *, hmis: bool) -> tuple[bytes, Joined]:
    header, body = (rows[0], rows[1:]) if rows else ([], [])
    ids = place_of(header, by)
    values = _hmis if hmis else _plain
    columns = list(values({}))
    places = {folded(cell): at for at, cell in enumerate(header)}
    added = [column for column in columns if folded(column) not in places]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*header, *added])
    count = with_card = 0
    for cells in _even(body, len(header)):
        count += 1
        card = cards.get(_id(cells[ids]))
        if card is not None:
            with_card += 1
            _fill(cells, places, values(card))
        new = values(card) if card is not None else {}
        writer.writerow([*cells, *(safe(new.get(column, "")) for column in added)])
    if not with_card:
        raise Refused(f"No row of the file has a card, by column {by}. Is it the column of the clients' ids?")
    return text.getvalue().encode(), Joined(count, with_card)


def _even(body: Iterable[list[str]], width: int) -> Iterator[list[str]]:
    for number, cells in enumerate(body, 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != width:
            raise Refused(f"Row {number} has not as many cells as the header, so names could land amiss.")
        yield list(cells)


def _fill(cells: list[str], places: dict[str, int], values: dict[str, str]) -> None:
    for column, value in values.items():
        at = places.get(folded(column))
        if at is None or not value:
            continue
        if not cells[at].strip():
            cells[at] = safe(value)
            # The quality says "not collected" beside a cell that was stripped.
            quality = places.get(folded(_HMIS_QUALITY.get(column, "")))
            if quality is not None and column in _HMIS_QUALITY:
                cells[quality] = values[_HMIS_QUALITY[column]]


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    text = re.sub(r"[\x00-\x1f\x7f]+", " ", text)
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text


def _id(text: str) -> str:
    return text.strip().lower().replace("-", "").strip("{}")


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _plain(card: Card) -> dict[str, str]:
    name = _group(card, "name")
    values = (_text(name.get("used")), _text(name.get("legal")), _text(card.get("birth")))
    return dict(zip(_ADDED, values, strict=True))


def _group(card: Card, key: str) -> dict[str, Any]:
    found = card.get(key)
    return found if isinstance(found, dict) else {}


def _hmis(card: Card) -> dict[str, str]:
    name = _group(card, "name")
    legal, ssn4 = _text(name.get("legal")), _text(_group(card, "ids").get("ssn4"))
    parts = _split(legal or _text(name.get("used")), name.get("parts"))
    return (
        {
            "FirstName": parts.get("first", ""),
            "MiddleName": parts.get("middle", ""),
            "LastName": parts.get("last", ""),
            "NameSuffix": parts.get("suffix", ""),
            "NameDataQuality": _FULL if legal else _PARTLY,
            "SSN": f"xxxxx{ssn4}" if ssn4 else "",
            "SSNDataQuality": _PARTLY,
            "DOB": _text(card.get("birth")),
            "DOBDataQuality": _FULL,
        }
        if card
        else dict.fromkeys(("FirstName", "MiddleName", "LastName", "NameSuffix", "SSN", "DOB"), "")
    )


def _split(whole: str, kept: object) -> dict[str, str]:
    """A name's parts: those kept from HMIS while they are still its, else the first word and the rest."""
    if isinstance(kept, dict):
        parts = {part: _text(kept.get(part)) for part in ("first", "middle", "last", "suffix")}
        if " ".join(part for part in parts.values() if part) == whole:
            return parts
    words = whole.split()
    suffix = words.pop() if len(words) > 2 and folded(words[-1]) in _SUFFIXES else ""
    return {"first": " ".join(words[:1]), "last": " ".join(words[1:]), "suffix": suffix}
