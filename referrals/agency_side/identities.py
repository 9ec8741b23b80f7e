"""Whom the rows of an export or a sheet tell of, as contact cards in memory: names, birth dates, the last
four of the SSN, the ZIP code. Nothing here writes or seals anything.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from . import Refused
from .archive import Archive
from .cells import MAX_AGE, age_on, read_date
from .facts import each_row, gather, read_export
from .keys import IdHasher

Card = dict[str, Any]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MISSING = _words(
    """null na none nil unknown unk refused declined anonymous anon redacted removed missing blank test
    nfn nln nmn nmi 8 9 99 clientdoesntknow clientdoesnotknow clientrefused clientprefersnottoanswer
    prefersnottoanswer doesntknow dontknow datanotcollected notcollected notgiven noname noaplica
    desconocido desconocida ninguno ninguna nosabe norespondio nocontesto prefierenocontestar
    prefierenoresponder seniega anonimo anonima"""
)
"""What stands where nothing is known, in the ways of the field: the format's codes, what databases and
spreadsheets write, and words in English and Spanish; folded, without spaces."""

# A person may be called so; only a machine writes it in these letters.
_ALSO_NAMES = frozenset({"null", "none", "na", "nil", "test", "blank", "anon"})
_NO_SSN = frozenset({"123456789", "078051120", "987654321"})
_NO_BIRTH = frozenset({date(1900, 1, 1), date(1901, 1, 1), date(1899, 12, 30), date(1970, 1, 1)})
_PARTLY = "2"  # data quality
_NOT_KNOWN = ("8", "9", "99")
_HEADERS: Mapping[str, frozenset[str]] = {
    "used": _words("nameused preferredname preferred goesby nickname nombrepreferido apodo"),
    "whole": _words("name fullname clientname client legalname nombrecompleto nombredelcliente"),
    "first": _words("firstname first givenname nombre nombres"),
    "middle": _words("middlename middle middleinitial segundonombre"),
    "last": _words("lastname last surname familyname apellido apellidos"),
    "suffix": _words("suffix namesuffix sufijo"),
    "other": _words("alias aliases othername othernames aka otrosnombres"),
    "birth": _words("dob dateofbirth birthdate birthday born fechadenacimiento nacimiento"),
    "zip": _words("zip zipcode zip5 lastzip homezip lastpermanentzip codigopostal"),
    "ssn": _words("ssn socialsecuritynumber ssn4 last4ssn ssnlast4 lastfourssn last4ofssn"),
}


@dataclass(frozen=True, slots=True)
class Identities:
    """Cards by the key that the hub knows the client by, and what was left out by reason.

    The key is the source key of the bundles, or with `is_coded` the agency's own code.
    """

    is_coded: bool
    cards: dict[str, Card] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def keep(self, key: str, card: Card) -> None:
        """The first row of a client counts."""
        if not card:
            self.left_out["clients of whom nothing is known"] += 1
        elif key in self.cards:
            self.left_out["further rows of the same client"] += 1
        else:
            self.cards[key] = card


def folded(text: str) -> str:
    """A text in lower case without accents, spaces and marks, as headers and words are compared."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", "", plain.lower())


def is_missing(text: str, *, name: bool = False) -> bool:
    """Whether a cell says nothing. For a name also one without any letter: "Null" is one, "NULL" none."""
    text = text.strip()
    word = folded(text)
    if not word or (name and not any(c.isalpha() for c in text)) or re.fullmatch(r"[xX]+", text):
        return True
    return word in MISSING and not (name and word in _ALSO_NAMES and text.isalpha() and text.istitle())


def _name(text: str) -> str:
    text = " ".join(unicodedata.normalize("NFC", text).split())
    return "" if is_missing(text, name=True) else text


def _birth(text: str, quality: str, today: date) -> tuple[str, str]:
    """The birth date, or why there is none. An approximate one is none: it would be compared as exact."""
    if is_missing(text) or quality in _NOT_KNOWN:
        return "", ""
    if quality == _PARTLY:
        return "", "birth dates that are approximate or partial"
    found, _ = read_date(text)
    if found is None:
        return "", "birth dates that can't be read, or can mean more than one day"
    if found in _NO_BIRTH or found > today or age_on(found, today) > MAX_AGE:
        return "", "birth dates that can't be"
    return found.isoformat(), ""


def _last_four(text: str, quality: str) -> str:
    digits = re.sub(r"[\s-]", "", text)
    if quality in _NOT_KNOWN or not re.fullmatch(r"(?:[0-9xX*]{5})?[0-9]{4}", digits):
        return ""
    if digits.endswith("0000") or digits in _NO_SSN or (len(digits) == 9 and len(set(digits)) == 1):
        return ""
    return digits[-4:]


def _zip(text: str) -> str:
    found = re.fullmatch(r"([0-9]{4,5})(?:-?[0-9]{4})?", text.strip())
    return found[1].zfill(5) if found and set(found[1]) != {"0"} else ""


def _card(get: Callable[[str], str], today: date, left_out: Counter[str]) -> Card:
    """A card from a row's parts; {} where nothing is known. `get` answers for the keys of _HEADERS and for
    name_quality, birth_quality and ssn_quality."""
    card: Card = {}
    name: dict[str, Any] = {}
    quality = get("name_quality")
    if quality not in _NOT_KNOWN:
        parts = {part: _name(get(part)) for part in ("first", "middle", "last", "suffix")}
        whole = _name(get("whole")) or " ".join(part for part in parts.values() if part)
        used = _name(get("used"))
        if whole and quality == _PARTLY:  # a street name, a code name, half a name
            used = used or whole
        elif whole:
            name["legal"] = whole
            if parts["first"] and parts["last"] and not _name(get("whole")):
                # Kept beside, since no one can split a name again: for HMIS, when cards are joined.
                name["parts"] = {part: text for part, text in parts.items() if text}
        if used:
            name["used"] = used
        if others := [one for one in map(_name, re.split(r"[;|]", get("other"))) if one]:
            name["other"] = others
    elif any(_name(get(part)) for part in ("first", "last", "whole")):
        left_out["names that are marked as not known, refused or not collected"] += 1
    if name:
        card["name"] = name
    birth, why = _birth(get("birth"), get("birth_quality"), today)
    if birth:
        card["birth"] = birth
    if why:
        left_out[why] += 1
    if ssn4 := _last_four(get("ssn"), get("ssn_quality")):
        card["ids"] = {"ssn4": ssn4}
    if zip_code := _zip(get("zip")):
        card["zip"] = zip_code
    return {"v": 1, **card} if card else {}


_HMIS = {
    "first": "FirstName", "middle": "MiddleName", "last": "LastName", "suffix": "NameSuffix",
    "name_quality": "NameDataQuality", "birth": "DOB", "birth_quality": "DOBDataQuality",
    "ssn": "SSN", "ssn_quality": "SSNDataQuality",
}  # fmt: skip


def of_export(source: Path, *, organization_id: str | None, key: Callable[[str], bytes]) -> Identities:
    """The clients of one organization in an HMIS CSV export, each under the source key that the same export's
    bundle has for the client. `key` gives the organization's key. Raises Refused."""
    found = Identities(is_coded=False)
    with Archive(source) as archive:
        export = read_export(archive)
        facts = gather(archive, export.version, organization_id)
        if facts.names_hashed > facts.names_plain:
            raise Refused("The export's names are hashed. Export it again unhashed, on your own machine.")
        hasher = IdHasher(key(facts.organization.id), facts.organization.id)
        today = date.today()
        for _, get in each_row(archive, "Client", export.version):
            person = get("PersonalID")
            if person not in facts.people or get("DateDeleted"):
                continue
            card = _card(
                lambda part, get=get: get(_HMIS[part]) if part in _HMIS else "",  # type: ignore[misc]
                today,
                found.left_out,
            )
            found.keep(hasher.hash("PersonalID", person), card)
    return found


def of_sheet(source: Path, *, code_column: str) -> Identities:
    """The people of a CSV file with a column of the agency's own codes; the others are known by the usual
    headers, in English or Spanish. Raises Refused."""
    found = Identities(is_coded=True)
    rows = read_sheet(source)
    header = next(rows, [])
    codes = place_of(header, code_column)
    places: dict[str, int] = {}
    for at, cell in enumerate(header):
        part = next((part for part, names in _HEADERS.items() if folded(cell) in names), None)
        if part is not None and at != codes:
            if part in places:
                raise Refused(f"Columns {places[part] + 1} and {at + 1} both seem to hold the same: {part}.")
            places[part] = at
    if not places:
        raise Refused("No column has a name this tool knows, such as First name, Last name or Birth date.")
    today = date.today()
    for cells in rows:
        if len(cells) != len(header):
            found.left_out["rows that have not as many cells as the header"] += 1
            continue
        code = cells[codes].strip()
        if is_missing(code):
            found.left_out["rows without a code"] += 1
            continue
        card = _card(
            lambda part, cells=cells: cells[places[part]] if part in places else "",  # type: ignore[misc]
            today,
            found.left_out,
        )
        found.keep(code, card)
    return found


def read_sheet(path: Path) -> Iterator[list[str]]:
    """The rows of a CSV file, its header first; blank ones are passed over. UTF-8, or else Latin-1; commas,
    semicolons or tabs. Raises Refused."""
    data = path.read_bytes()
    if data.startswith((b"PK\x03\x04", b"\xff\xfe", b"\xfe\xff")) or b"\0" in data:
        raise Refused(f"{path.name} is not a CSV file in UTF-8. In your spreadsheet, save it as CSV UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if any(cell.strip() for cell in row):
                yield row
    except csv.Error:
        raise Refused(f"{path.name} can't be read as CSV.") from None


def place_of(header: list[str], column: str) -> int:
    """Where a column stands, by its exact name or else by its letters alone. Raises Refused."""
    for same in (lambda cell: cell.strip() == column, lambda cell: folded(cell) == folded(column)):
        found = [at for at, cell in enumerate(header) if same(cell)]
        if len(found) == 1:
            return found[0]
    raise Refused(f"The file has no column {column}, or more than one.")
