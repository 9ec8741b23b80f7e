"""Reading an agency's own spreadsheet (CSV or XLSX) as people really keep them: titles above the header,
mixed dates, blank rows, words of their own. It guesses what each column is; a person confirms (`Choice`).

A birth date or an age becomes a band here and goes no further. Columns that look like identity can only be
left out. The agency's own code is sealed before anything is written, and still must not say who somebody is.
"""

import csv
import hashlib
import io
import re
import uuid
import zipfile
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from python_calamine import CalamineWorkbook

from agencies import vault
from agencies.jobs import Refused
from agencies.models import County
from referrals import actions, picklists
from referrals.exchange.intake import Row
from referrals.exchange.staging import CASELOAD
from referrals.exchange.words import SYNONYMS

MAX_BYTES = 20 * 2**20
MAX_UNPACKED = 300 * 2**20
MAX_ROWS = 200_000
MAX_COLUMNS = 200
HEADER_WITHIN = 25
KEYS_AT_ONCE = 500
DAYS_OF_EXCEL = date(1899, 12, 30)

Cell = Any


@dataclass(frozen=True, slots=True)
class Field:
    """Something a column can be: the columns of `Caseload` it fills, and the words that give it away."""

    name: str
    label: Promise | str
    words: str
    codelist: type[picklists.Picklist] | None = None


FIELDS: tuple[Field, ...] = (
    Field("code", gettext_lazy("Client code (the agency's own; it is sealed)"),
          r"^(client|case|participant|survivor|record|file)?( ?(id|code|number|no|nr|ref|reference))$"
          r"|^code$|^case$"),
    Field("birth_date", gettext_lazy("Birth date (only the age band is kept)"), r"birth|\bd ?o ?b\b|born"),
    Field("age", gettext_lazy("Age or age group (only the band is kept)"), r"\bage\b|age (group|band|range)"),
    Field("Gender", gettext_lazy("Gender"), r"gender|\bsex\b(?!.*(traff|exploit))", picklists.Gender),
    Field("County", gettext_lazy("County"), r"county"),
    Field("Language", gettext_lazy("Language"), r"language|\blang\b|idioma", picklists.Language),
    Field("TraffickingStatus", gettext_lazy("Trafficking status"),
          r"(traff\w*|victim|case) status|status of traff|confirmed|determination|^status$",
          picklists.TraffickingStatus),
    Field("StatusDecidedBy", gettext_lazy("Who decided the status"), r"decided|determined by|identified by",
          picklists.StatusDecidedBy),
    Field("TraffickingType", gettext_lazy("Type of trafficking"),
          r"type of (traff|exploit|victim)|traff\w* type|exploitation|sex.*labor|^type$",
          picklists.TraffickingType),
    Field("ReferralSource", gettext_lazy("Who sent the client"),
          r"referr\w* (source|by|from)|^source$|how.*heard", picklists.ReferralSource),
    Field("EntryOn", gettext_lazy("Entry date"),
          r"(entry|intake|enroll\w*|admission|start|open\w*|begin\w*)( date)?$"
          r"|date (of )?(entry|intake|enroll\w*|open\w*)"),
    Field("ExitOn", gettext_lazy("Exit date"),
          r"(exit|discharge|clos\w+|end|left)( date)?$|date (of )?(exit|discharge|clos\w+)"),
    Field("Services", gettext_lazy("Services given"), r"service", picklists.ServiceType),
    Field("LastContactOn", gettext_lazy("Last contact"), r"last (contact|seen|visit|touch)|contact date"),
    Field("ScreenedOn", gettext_lazy("Screening date"), r"screen\w*( date| on)?$|assessment date"),
    Field("ScreeningResult", gettext_lazy("Screening result"), r"screen\w* (result|outcome)",
          picklists.ScreeningResult),
    Field("ReferredOn", gettext_lazy("Date of a referral sent"),
          r"referr\w* (date|out|sent)|date referred|^referred$"),
    Field("FollowedUpOn", gettext_lazy("Date of a follow-up after the exit"), r"follow.?up"),
)  # fmt: skip
BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS}
LABELS: Mapping[str, Promise | str] = {
    **{field.name: field.label for field in FIELDS},
    "RowKey": FIELDS[0].label,
    "PersonalID": FIELDS[0].label,
    "AgeBand": gettext_lazy("Age"),
}
"""A column of `Caseload` in words, for lists of problems."""

LEAVE_OUT = ""
_IDENTITY = re.compile(
    r"\bname|\bnom(bre)?\b|surname|alias|\bssn\b|social sec|\bphone|\btel\b|telephone|mobile|\bcell\b|"
    r"e-?mail|address|street|\bzip\b|postal|\ba-?(number|no)\b|alien|passport|licen[cs]e|photo|"
    r"contact (person|info)|"
    r"\bnotes?\b|comment|narrative|emergency|\bplate\b|\bip\b"
)
_LOOKS_LIKE_IDENTITY = re.compile(
    r"\S@\S+\.\w|^\d{3}-\d{2}-\d{4}$|^\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}$|"
    r"^\d+ \w+.* (st|street|ave|avenue|rd|road|blvd|dr|lane|ln)\.?$",
    re.IGNORECASE,
)
_BLANK = frozenset(
    {"", "n/a", "na", "n.a.", "none", "null", "nil", "-", "--", "—", "#n/a", ".", "tbd", "blank"}
)
# What people write in a date column to say that there is no date, or not yet.
_NO_DAY = _BLANK | {"unk", "unknown", "?", "open", "active", "current", "ongoing", "still here"}


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return " ".join(str(cell).replace("\xa0", " ").split())


def _is_blank(cell: Cell) -> bool:
    return _text(cell).lower() in _BLANK


@dataclass(frozen=True, slots=True)
class Detected:
    """A column as found: its heading, whether it looks like identity, its guess, how many cells it fills, and
    whether most of those look like names, so that they are nobody's code."""

    place: int
    heading: str
    is_identity: bool
    guess: str
    filled: int
    has_names: bool


class Sheet:
    """A spreadsheet's one table. Raises Refused for what can't be read as one."""

    def __init__(self, content: bytes) -> None:
        if len(content) > MAX_BYTES:
            raise Refused(_("The spreadsheet is larger than 20 MB. Send it in parts."))
        rows = _read_workbook(content) if content[:4] == b"PK\x03\x04" else _read_text(content)
        if len(rows) > MAX_ROWS or max((len(row) for _number, row in rows), default=0) > MAX_COLUMNS:
            raise Refused(_("The spreadsheet has too many rows or columns. Send it in parts."))
        filled = [(number, row) for number, row in rows if any(not _is_blank(cell) for cell in row)]
        if len(filled) < 2:
            raise Refused(_("The spreadsheet has no table: a row of headings and rows below it are needed."))
        at = _find_header([row for _number, row in filled[:HEADER_WITHIN]])
        self.headings = _join_headings(filled, at)
        self.rows = filled[at + 1 :]
        if not self.rows:
            raise Refused(_("The spreadsheet has no table: a row of headings and rows below it are needed."))

    @property
    def header_digest(self) -> str:
        """By which a mapping is remembered: the headings, whatever their case and spaces."""
        plain = "\x1f".join(re.sub(r"\W+", " ", heading.lower()).strip() for heading in self.headings)
        return hashlib.sha256(plain.encode()).hexdigest()

    def columns(self) -> list[Detected]:
        """Every column with a heading or a value, each guess given once."""
        found, given = [], set[str]()
        for place, heading in enumerate(self.headings):
            cells = [
                row[place] for _number, row in self.rows if place < len(row) and not _is_blank(row[place])
            ]
            if not heading and not cells:
                continue
            is_identity = looks_like_identity(heading, cells)
            has_names = looks_like_names(cells)
            guess = LEAVE_OUT
            if heading and not is_identity:
                guess = _guess(heading, given | ({"code"} if has_names else set()))
            if guess:
                given.add(guess)
            found.append(Detected(place, heading, is_identity, guess, len(cells), has_names))
        return found


def looks_like_identity(heading: str, cells: Sequence[Cell]) -> bool:
    """Whether a column says who somebody is, by its heading or by what a tenth of its cells look like."""
    if _IDENTITY.search(heading.lower().replace("_", " ")):
        return True
    some = [_text(cell) for cell in cells[:500]]
    return bool(some) and sum(bool(_LOOKS_LIKE_IDENTITY.search(cell)) for cell in some) * 10 >= len(some)


def looks_like_names(cells: Sequence[Cell]) -> bool:
    """Whether most cells are words without a digit: several of them, or one that begins with a capital.

    Counties and answers look so too. It only says that the column holds no codes.
    """
    some = [_text(cell) for cell in cells[:500]]
    return sum(map(_is_like_a_name, some)) * 2 > len(some)


def _is_like_a_name(text: str) -> bool:
    if any(letter.isdigit() for letter in text):
        return False
    letters = [letter for letter in text if letter.isalpha()]
    # Not lower case, rather than upper case: many scripts have neither.
    return len(letters) > 1 and (" " in text or "," in text or not letters[0].islower())


def _guess(heading: str, given: set[str]) -> str:
    plain = re.sub(r"[\W_]+", " ", heading.lower()).strip()
    for field in FIELDS:
        if field.name not in given and re.search(field.words, plain):
            return field.name
    return LEAVE_OUT


def _read_workbook(content: bytes) -> list[tuple[int, list[Cell]]]:
    refusal = _("This is not a spreadsheet that can be read. Save it as XLSX or CSV.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            infos = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Refused(refusal) from error
    # The size is read before anything is unpacked: a spreadsheet is a zip, and a zip can be made to do harm.
    if sum(info.file_size for info in infos) > MAX_UNPACKED or any(info.flag_bits & 1 for info in infos):
        raise Refused(_("The spreadsheet unpacks to too much, or is locked with a password."))
    if not any(info.filename == "xl/workbook.xml" for info in infos):
        raise Refused(refusal)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        tables = [book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names]
    except Exception as error:
        # The reader's own kinds of error are many, and their words may quote the file.
        raise Refused(refusal) from error
    table = max(tables, key=lambda rows: sum(any(not _is_blank(c) for c in row) for row in rows), default=[])
    return list(enumerate(table, 1))


def _read_text(content: bytes) -> list[tuple[int, list[Cell]]]:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise Refused(_("This is not a spreadsheet that can be read. Save it as XLSX or CSV."))
    if "\x00" in text or content[:4] == b"\xd0\xcf\x11\xe0":
        raise Refused(_("This is not a spreadsheet that can be read. Save it as XLSX or CSV."))
    start = text[:50_000]
    delimiter = max(",;\t|", key=start.count)
    try:
        return list(enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 1))
    except csv.Error as error:
        raise Refused(_("This is not a spreadsheet that can be read. Save it as XLSX or CSV.")) from error


def _find_header(rows: Sequence[Sequence[Cell]]) -> int:
    """The row most like headings: words, all different, some of them known; the earliest of equals."""

    def likeness(row: Sequence[Cell]) -> float:
        words = [_text(cell) for cell in row if isinstance(cell, str) and not _is_blank(cell)]
        words = [word for word in words if re.search(r"[^\W\d_]", word) and len(word) < 60]
        known = sum(bool(_guess(word, set())) or bool(_IDENTITY.search(word.lower())) for word in set(words))
        return known * 3 + len(set(words)) - 2 * (len(words) - len(set(words)))

    return max(range(len(rows)), key=lambda at: (likeness(rows[at]), -at))


def _join_headings(filled: Sequence[tuple[int, Sequence[Cell]]], at: int) -> list[str]:
    """The headings; one that is blank because its cell was merged with the one above takes that one's."""
    row = [_text(cell) for cell in filled[at][1]]
    above = filled[at - 1][1] if at and filled[at - 1][0] == filled[at][0] - 1 else []
    several = sum(bool(_text(cell)) for cell in above) > 1
    return [
        heading or (_text(above[place]) if several and place < len(above) else "")
        for place, heading in enumerate(row)
    ]


# --- what a cell means -------------------------------------------------------------------------------------

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Days:
    """Reads one column's dates. `03/04/2025` is taken as the column writes the others: month first, as is
    usual in the United States, unless the column shows a 13th to 31st in front."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        firsts, seconds = Counter[bool](), Counter[bool]()
        for cell in cells:
            match = re.match(r"(\d{1,2})[-/. ](\d{1,2})[-/. ]\d{2,4}\b", _text(cell))
            if match:
                firsts[int(match[1]) > 12] += 1
                seconds[int(match[2]) > 12] += 1
        self.is_day_first = bool(firsts[True] and not seconds[True])
        self.is_mixed = bool(firsts[True] and seconds[True])

    def read(self, cell: Cell) -> tuple[date | None, str | None]:
        """(the day, None), (None, None) for a blank, or (None, a problem's code)."""
        if isinstance(cell, datetime):
            return cell.date(), None
        if isinstance(cell, date):
            return cell, None
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            return self._serial(float(cell))
        text = _text(cell)
        if text.lower() in _NO_DAY:
            return None, None
        if re.fullmatch(r"\d{5}(\.\d+)?", text):
            return self._serial(float(text))
        text = re.sub(r"[ T]\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AaPp][Mm])?$", "", text)
        match = re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", text)
        if match:
            return self._day(int(match[1]), int(match[2]), int(match[3]))
        match = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", text)
        if match:
            return self._day(int(match[1]), int(match[2]), int(match[3]))
        match = re.fullmatch(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d\d)", text)
        if match:
            first, second, year = int(match[1]), int(match[2]), self._year(match[3])
            if self.is_mixed and first <= 12 and second <= 12 and first != second:
                return None, "date_ambiguous"
            day_first = first > 12 or (self.is_day_first and second <= 12)
            return self._day(year, second, first) if day_first else self._day(year, first, second)
        match = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?[-/. ]*([A-Za-z]{3,9})\.?[-/., ]*(\d{4}|\d\d)", text)
        if match and match[2][:3].lower() in _MONTHS:
            return self._day(self._year(match[3]), _MONTHS.index(match[2][:3].lower()) + 1, int(match[1]))
        match = re.fullmatch(r"([A-Za-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4}|\d\d)", text)
        if match and match[1][:3].lower() in _MONTHS:
            return self._day(self._year(match[3]), _MONTHS.index(match[1][:3].lower()) + 1, int(match[2]))
        return None, "date_unreadable"

    def _serial(self, days: float) -> tuple[date | None, str | None]:
        if not 1 <= days <= 80_000:
            return None, "date_unreadable"
        return DAYS_OF_EXCEL + timedelta(days=int(days)), None

    def _year(self, text: str) -> int:
        return (
            int(text)
            if len(text) == 4
            else 2000 + int(text) - (100 if int(text) > date.today().year % 100 + 5 else 0)
        )

    def _day(self, year: int, month: int, day: int) -> tuple[date | None, str | None]:
        try:
            found = date(year, month, day)
        except ValueError:
            return None, "date_unreadable"
        return (found, None) if 1900 <= found.year <= 2099 else (None, "date_unreadable")


def age_band(cell: Cell) -> tuple[str, str | None]:
    """The band of an age or an age group as people write them; ("", code) where it makes none."""
    text = _text(cell).lower()
    if text in _BLANK:
        return "", None
    if word := _missing(text):
        return word, None
    match = re.fullmatch(r"(\d{1,3})(?:\.\d+)? ?(?:y\w*\.?|years?( old)?)?", text)
    if match:
        try:
            return str(picklists.AgeBand.of(int(match[1]))), None
        except ValueError:
            return "", "age_implausible"
    match = re.fullmatch(r"(\d{1,2}) ?(?:-|–|to|_) ?(\d{1,3})", text)
    if match:
        low, high = picklists.AgeBand.of(int(match[1])), picklists.AgeBand.of(min(int(match[2]), 130))
        return (str(low), None) if low == high else ("", "age_implausible")
    match = re.fullmatch(r"(\d{2}) ?(?:\+|and (?:over|older|up)|or older)", text)
    if match and int(match[1]) >= 60:
        return "60_over", None
    return "", "code_unknown"


def _missing(text: str) -> str:
    if re.fullmatch(r"unk(nown)?\.?|not known|\?+|don'?t know|dk|client doesn'?t know", text):
        return "unknown"
    if re.fullmatch(r"declined?|refused?|prefer(s|red)? not( to (say|answer))?|no answer", text):
        return "declined"
    if re.fullmatch(r"not (asked|collected|tracked)|data not collected", text):
        return "not_asked"
    return ""


class Words:
    """Reads one column's words as values of a list: its values, labels, and words of the field."""

    def __init__(self, field: Field) -> None:
        assert field.codelist is not None
        self._known = {_plain(member.value): member.value for member in field.codelist}
        self._known |= {_plain(member.label): member.value for member in field.codelist}
        for value, words in SYNONYMS.get(field.name, {}).items():
            self._known |= dict.fromkeys(words.split(", "), value)
        self._has_missing = field.codelist.has_missing

    def read(self, cell: Cell) -> tuple[str, str | None]:
        """(the value, None), ("", None) for a blank, or ("", "code_unknown")."""
        text = _text(cell).lower()
        if text in _BLANK:
            return "", None
        if self._has_missing and (word := _missing(text)):
            return word, None
        value = self._known.get(_plain(text), "")
        return (value, None) if value else ("", "code_unknown")


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.lower()).strip()


# --- the source of an intake -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person said each column is: a field's name by place, LEAVE_OUT for the rest."""

    fields: Mapping[int, str]

    def wrong_with(self, columns: Sequence[Detected]) -> list[str]:
        """Sentences on why this can't be taken in; empty if it can."""
        wrong = []
        if "code" not in self.fields.values():
            wrong.append(_("Say which column holds the agency's own code for a client."))
        twice = [name for name, count in Counter(f for f in self.fields.values() if f).items() if count > 1]
        wrong += [
            _("Two columns can't both be: %(field)s.") % {"field": BY_NAME[name].label} for name in twice
        ]
        for column in columns:
            field = self.fields.get(column.place, LEAVE_OUT)
            if field == "code" and (column.is_identity or column.has_names):
                wrong.append(
                    _(
                        "The column “%(heading)s” can't be the client code: it looks like names, or numbers "
                        "or addresses of people. Leave it out, and choose a column of codes that mean "
                        "something to your agency only. If there is none, add one to the file (1, 2, 3 will "
                        "do), keep the list of who is who at your agency, and send the file again."
                    )
                    % {"heading": column.heading}
                )
            elif column.is_identity and field != LEAVE_OUT:
                wrong.append(
                    _("The column “%(heading)s” looks like it says who somebody is. Leave it out.")
                    % {"heading": column.heading}
                )
        return wrong


class Caseload:
    """A spreadsheet with its choice, as rows of `staging.CASELOAD`: the codes sealed, the ages banded."""

    kind = "spreadsheet"
    is_full_refresh = False

    def __init__(
        self, sheet: Sheet, choice: Choice, *, agency_id: int, known: Container[str] = frozenset()
    ) -> None:
        """`known` are the code tokens, in hexadecimal, of the agency's clients."""
        wrong = choice.wrong_with(sheet.columns())
        if wrong:
            raise Refused(wrong[0])
        self.manifest: dict[str, Any] = {}
        self._sheet = sheet
        self._places = {name: place for place, name in choice.fields.items() if name}
        self._agency_id = agency_id
        self._known = known
        self._given: dict[str, tuple[uuid.UUID, bytes]] = {}
        self._spare: list[uuid.UUID] = []
        self._said: dict[int, list[str]] = {}
        self._by_number = dict(sheet.rows)
        self._read_rows: dict[int, list[str]] = {}
        self._readers = self._make_readers()

    @property
    def files(self) -> list[str]:
        return [CASELOAD.file]

    def header(self, name: str) -> list[str]:
        return CASELOAD.names()

    def check(self) -> dict[str, int]:
        return {CASELOAD.file: len(self._sheet.rows)}

    def rows(self, name: str) -> Iterator[Row]:
        # Read once: a row asked for again must have the same id and the same sealed code.
        for number, row in self._sheet.rows:
            if number not in self._read_rows:
                self._read_rows[number] = self._read(number, row)
            yield number, self._read_rows[number]

    def said(self, name: str, number: int) -> Sequence[str]:
        return self._said.get(number, ())

    def as_sent(self, name: str, number: int, cells: list[str]) -> list[str]:
        row = self._by_number.get(number, [])
        return [_text(row[place]) if place < len(row) else "" for place in self._places.values()]

    def sent_header(self, name: str) -> list[str]:
        return [self._sheet.headings[place] for place in self._places.values()]

    def _make_readers(self) -> dict[str, Callable[[Cell], tuple[str, str | None]]]:
        readers: dict[str, Callable[[Cell], tuple[str, str | None]]] = {}
        for name, place in self._places.items():
            field = BY_NAME[name]
            if name.endswith("On") or name == "birth_date":
                days = Days([row[place] for _number, row in self._sheet.rows if place < len(row)])
                readers[name] = lambda cell, days=days: _iso(days.read(cell))  # type: ignore[misc]
            elif name == "County":
                counties = {_plain(county.name): county.fips for county in County.objects.all()}
                counties |= {f"{name} county": fips for name, fips in counties.items()}
                counties |= {fips: fips for fips in counties.values()}
                readers[name] = lambda cell, known=counties: _look_up(cell, known)  # type: ignore[misc]
            elif field.codelist is not None and name != "Services":
                readers[name] = Words(field).read
        return readers

    def _read(self, number: int, row: Sequence[Cell]) -> list[str]:
        def cell(name: str) -> Cell:
            place = self._places.get(name)
            return row[place] if place is not None and place < len(row) else None

        found: dict[str, str] = {}
        said: list[str] = []
        for name, read in self._readers.items():
            found[name], problem = read(cell(name))
            if problem:
                said.append(f"{name}:{problem}")
        found |= self._age(cell, found.pop("birth_date", ""), found.get("EntryOn", ""), said)
        if "Services" in self._places:
            found["Services"] = self._services(cell("Services"), said)
        code = _text(cell("code"))
        if code.lower() in _BLANK:
            said.append("RowKey:code_missing")
        elif any(shape.search(code) for shape in actions.IDENTITY_SHAPES.values()):
            said.append("RowKey:code_identity")
        else:
            token = vault.token(code, agency=self._agency_id, place="client.code").hex()
            row_id, box = self._sealed(code, token)
            found |= {
                "RowKey": f"{token[:40]}:{found.get('EntryOn', '').replace('-', '')}",
                "PersonalID": token,
                "ClientRow": str(row_id),
                "CodeBox": box.hex(),
            }
        self._said[number] = said
        return [found.get(name, "") for name in CASELOAD.names()]

    def _sealed(self, code: str, token: str) -> tuple[uuid.UUID, bytes]:
        """The id that a client new to the agency will have, and the code sealed for it.

        Keys of their own are made for many new clients at once, as each call makes the disk wait; whoever is
        known already has one.
        """
        if token not in self._given:
            seal = partial(vault.seal, code, agency=self._agency_id, place="client.code")
            if token in self._known:
                id = uuid.uuid4()
                self._given[token] = id, seal(row=id)
            else:
                if not self._spare:
                    self._spare = [uuid.uuid4() for _each in range(min(len(self._sheet.rows), KEYS_AT_ONCE))]
                    vault.make_subject_keys(self._agency_id, self._spare)
                id = self._spare.pop()
                self._given[token] = id, seal(row=id, subject=id)
        return self._given[token]

    def _age(self, cell: Callable[[str], Cell], born: str, entry: str, said: list[str]) -> dict[str, str]:
        """The band at the entry (today without one): of the birth date if there is one, else of the age."""
        if born:
            birth = date.fromisoformat(born)
            day = date.fromisoformat(entry) if entry else date.today()
            years = day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
            if 0 <= years <= 110:
                return {"AgeBand": str(picklists.AgeBand.of(years))}
            said.append("AgeBand:age_implausible")
            return {}
        if "age" not in self._places:
            return {}
        band, problem = age_band(cell("age"))
        if problem:
            said.append(f"AgeBand:{problem}")
        return {"AgeBand": band}

    def _services(self, cell: Cell, said: list[str]) -> str:
        words, known = Words(BY_NAME["Services"]), []
        whole, problem = words.read(cell)
        if whole or problem is None:
            return whole
        for part in re.split(r"[,;/&+\n|]| and ", _text(cell)):
            value, problem = words.read(part)
            if problem:
                said.append("Services:code_unknown")
            elif value and value not in known:
                known.append(value)
        return ";".join(known)


def _iso(read: tuple[date | None, str | None]) -> tuple[str, str | None]:
    day, problem = read
    return (day.isoformat() if day else ""), problem


def _look_up(cell: Cell, known: Mapping[str, str]) -> tuple[str, str | None]:
    if _is_blank(cell):
        return "", None
    value = known.get(_plain(_text(cell)), "")
    return (value, None) if value else ("", "code_unknown")
