"""Cleaning one cell: what it may look like, and what stands in its place if it doesn't. Knows columns; knows
no rows. A cleaner answers (value for the bundle, problem code or None) and never raises."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime

from .schema import AGE_BANDS, Column, Handling, Type

Cleaned = tuple[str, str | None]

WITHHELD = "withheld"
"""Stands in the problem's place where a free text was withheld: counted, but no defect."""

MAX_AGE = 110

_ISO_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_ISO_DATETIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_PARTS = re.compile(r"(\d{1,4})[-/.](\d{1,2}|[A-Za-z]{3})[-/.](\d{4}|\d{1,2})")
_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)")
_TIME = re.compile(
    r"(?P<day>\S+)[ T]+(?P<h>\d{1,2}):(?P<m>\d\d)(?::(?P<s>\d\d)(?:\.\d+)?)?\s*(?P<half>[AaPp][Mm])?"
    r"(?:Z|[+-]\d\d:?\d\d)?"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_LIKE_IDENTIFIER = re.compile(
    r"\S@\S+\.\w|(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)|(?<!\d)\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}(?!\d)"
)
_BLANKS = frozenset({"", "NULL", "null", "N/A", "n/a"})


class Memo(dict[str, Cleaned]):
    """A cleaner that remembers: the columns of an export repeat a few values many times."""

    def __init__(self, clean: Callable[[str], Cleaned]) -> None:
        super().__init__()
        self._clean = clean

    def __missing__(self, raw: str) -> Cleaned:
        if len(self) > 100_000:  # memory stays bounded on a column of distinct values
            self.clear()
        result = self[raw] = self._clean(raw)
        return result


def read_date(raw: str) -> tuple[date | None, str | None]:
    """The date a cell means, and a problem: (None, None) for a blank; "date_wrong_format" if it is readable
    in one way only but not written yyyy-mm-dd; (None, "date_unreadable") if it can mean two days, or none."""
    raw = raw.strip()
    if raw in _BLANKS:
        return None, None
    match = _ISO_DATE.fullmatch(raw)
    if match:
        found = _day(*match.groups())
        return (found, None) if found else (None, "date_unreadable")
    with_time = _TIME.fullmatch(raw)
    text = with_time["day"] if with_time else raw
    iso = _ISO_DATE.fullmatch(text) or _COMPACT.fullmatch(text)
    readings = {_day(*iso.groups())} if iso else _readings(text)
    readings.discard(None)
    if len(readings) == 1:
        return readings.pop(), "date_wrong_format"
    return None, "date_unreadable"


def _readings(text: str) -> set[date | None]:
    match = _PARTS.fullmatch(text)
    if match is None:
        return set()
    first, second, third = match.groups()
    if second.isalpha():
        if second.lower() not in _MONTHS:
            return set()
        month = str(_MONTHS.index(second.lower()) + 1)
        return {_day(third, month, first)} if len(third) == 4 and len(first) < 3 else set()
    if len(first) == 4:
        return {_day(first, second, third)} if len(third) < 3 else set()
    if len(first) == 3:
        return set()
    if len(third) == 4:
        return {_day(third, first, second), _day(third, second, first)}
    # A two-digit year: every order the field uses must agree, else nobody can know the day.
    return {_day(third, first, second), _day(third, second, first), _day(first, second, third)}


def _day(year: str, month: str, day: str) -> date | None:
    full_year = int(year) if len(year) == 4 else 2000 + int(year)
    try:
        found = date(full_year, int(month), int(day))
    except ValueError:
        return None
    return found if 1900 <= found.year <= 2100 else None


def _read_datetime(raw: str) -> tuple[str, str | None]:
    if _ISO_DATETIME.fullmatch(raw):
        try:
            datetime.fromisoformat(raw)
        except ValueError:
            return "", "date_unreadable"
        return raw, None
    found, _ = read_date(raw)
    if found is None:
        return "", "date_unreadable"
    match = _TIME.fullmatch(raw)
    if match is None:
        return f"{found} 00:00:00", "date_wrong_format"
    hour, minute, second = int(match["h"]), int(match["m"]), int(match["s"] or 0)
    if match["half"]:
        hour = hour % 12 + (12 if match["half"].lower() == "pm" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return "", "date_unreadable"
    return f"{found} {hour:02}:{minute:02}:{second:02}", "date_wrong_format"


def age_on(birth: date, day: date) -> int:
    """Age in whole years; someone born on 29 February turns a year older on 1 March."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def age_band(years: int | None) -> str:
    """The band of an age, "" where it is unknown or can't be an age."""
    if years is None or not 0 <= years <= MAX_AGE:
        return ""
    return next(band for band, first in reversed(AGE_BANDS) if years >= first)


def cleaner(
    column: Column, *, hash_id: Callable[[str, str], str], export_end: date | None, export_stamp: str
) -> Memo:
    """The cleaner of a column. `hash_id` takes (kind, id); `export_end` is the day age bands are reckoned at;
    `export_stamp` is what blurred time stamps become."""
    clean = _by_type(column)
    if column.handling is Handling.ID:
        kind = column.id_kind

        def clean(raw: str) -> Cleaned:
            return hash_id(kind, raw), "id_too_long" if len(raw) > 32 else None

    elif column.handling is Handling.FREE_TEXT:

        def clean(raw: str) -> Cleaned:
            return "", WITHHELD

    elif column.handling is Handling.BLUR:

        def clean(raw: str) -> Cleaned:
            return export_stamp, _read_datetime(raw)[1]

    elif column.handling is Handling.BAND:

        def clean(raw: str) -> Cleaned:
            birth, problem = read_date(raw)
            if birth is None or export_end is None:
                return "", problem
            years = age_on(birth, export_end)
            return age_band(years), problem if 0 <= years <= MAX_AGE else "birth_implausible"

    if_blank: Cleaned = ("", "required_missing" if column.required else None)

    def strip_first(raw: str) -> Cleaned:
        raw = raw.strip()
        return if_blank if raw in _BLANKS else clean(raw)

    return Memo(strip_first)


def _by_type(column: Column) -> Callable[[str], Cleaned]:
    if column.type is Type.DATE:

        def clean(raw: str) -> Cleaned:
            found, problem = read_date(raw)
            return (found.isoformat() if found else ""), problem

    elif column.type is Type.DATETIME:
        clean = _read_datetime
    elif column.type is Type.CODE:
        codes = column.codes

        def clean(raw: str) -> Cleaned:
            code = _whole(raw)
            return (code, None) if code in codes else ("", "code_unknown")

    elif column.type in (Type.INTEGER, Type.YEAR):
        # Six digits at most: a Social Security or phone number must not fit into a number's column.
        form = re.compile(r"(?:19|20)\d\d" if column.type is Type.YEAR else r"-?\d{1,6}")

        def clean(raw: str) -> Cleaned:
            number = _whole(raw)
            return (number, None) if form.fullmatch(number) else ("", "number_unreadable")

    elif column.type is Type.MONEY:

        def clean(raw: str) -> Cleaned:
            amount = raw.replace("$", "").replace(",", "").strip()
            good = re.fullmatch(r"-?\d{0,6}(?:\.\d{1,4})?", amount) and any(map(str.isdigit, amount))
            return (amount, None) if good else ("", "number_unreadable")

    elif column.shape is not None:
        shape = column.shape

        def clean(raw: str) -> Cleaned:
            return (raw, None) if shape.fullmatch(raw) else ("", "shape_wrong")

    else:
        clean = plain_text
    return clean


def _whole(raw: str) -> str:
    """Spreadsheets write 1 as 1.0 or 01."""
    match = re.fullmatch(r"(-?)0*(\d+)(?:\.0+)?", raw)
    return match[1] + match[2] if match else raw


def plain_text(raw: str) -> Cleaned:
    """Text about projects and organizations: withheld if it holds what looks like an identifier."""
    if _LIKE_IDENTIFIER.search(raw):
        return "", "looks_like_identifier"
    return _CONTROL.sub(" ", raw)[:255].strip(), None
