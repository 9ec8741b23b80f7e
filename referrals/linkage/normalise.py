"""One spelling for each name, date, ending of a social security number and ZIP code.

The browser repeats this file step by step (docs/reference/linkage-tokens.md), and tests/linkage_vectors.json
holds both to the same answers. Nothing here knows keys or tokens. No transliteration: a name in Cyrillic and
the same name in Latin letters are two names.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

# Raise it with any change that alters one answer: it stands inside every token.
VERSION = 1

# Of a name of many words, so many other spellings are kept, in order of letters.
MOST_HALVES = 3
# Letters that NFKD leaves whole.
FOLD = {
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i",
    "ħ": "h", "ŋ": "n", "ŧ": "t", "ə": "a", "ɓ": "b", "ɗ": "d", "ƙ": "k", "ơ": "o", "ư": "u",
}  # fmt: skip
# Written inside a name without parting it: O'Brien, Ha'o, St. John, soft hyphens and joiners.
JOINING = "[.'`´‘’‛ʹʻʼʽˈ′\u00ad\u200b-\u200f\u2060\ufeff]"
_JOINING = re.compile(JOINING)
TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "sr", "sra", "srta"})
SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "2nd", "3rd", "4th", "esq", "junior", "senior"})
# fmt: off
PARTICLES = frozenset((
    "al", "abu", "ap", "ben", "bin", "bint", "da", "das", "de", "del", "della", "den", "der", "di", "do",
    "dos", "du", "e", "el", "ibn", "la", "las", "le", "lo", "los", "mac", "mc", "san", "santa", "st", "van",
    "vel", "von", "y", "zu",
))
# What is written where no name is known; words parted by hyphens. A name of one repeated letter is none.
NO_NAME = frozenset((
    "adult", "anon", "anonymous", "baby", "babyboy", "babygirl", "boy", "child", "client", "confidential",
    "deceased", "declined", "dk", "doe", "female", "fnu", "girl", "infant", "jane-doe", "john-doe", "lnu",
    "male", "mother", "n-a", "name", "newborn", "nfn", "nil", "nln", "nmn", "no-name", "noname", "none",
    "not-given", "not-known", "not-provided", "null", "pending", "person", "placeholder", "refused",
    "resident", "survivor", "test", "testing", "unborn", "undisclosed", "unk", "unkn", "unknow", "unknown",
    "unnamed", "victim", "withheld",
))
# A word that empties the whole name, whatever stands beside it.
EMPTYING = frozenset((
    "anonymous", "baby", "babyboy", "babygirl", "fnu", "infant", "lnu", "newborn", "unknown", "unnamed",
    "unborn",
))
# fmt: on
_DATE = re.compile(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?:[T ].*)?", re.ASCII)
_DATE_US = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})", re.ASCII)
# Numbers made up on the spot, or printed in a wallet once.
NO_SSN = frozenset({"123456789", "987654321", "078051120", *(9 * digit for digit in "0123456789")})
# ZIPs that stand for none.
NO_ZIP = frozenset({"00000", "11111", "12345", "99999"})


@dataclass(frozen=True, slots=True)
class Name:
    """A name in one spelling.

    `whole` is all its words joined; `halves` are the other names it may be written as: the words of a
    double name of three letters or more, or the name without its particles. Both are empty when no name is
    known.
    """

    whole: str = ""
    halves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Birth:
    """A date of birth as digits, each part empty where unknown.

    Parts may be impossible together (a slip of the pen): `is_date` says whether they are a day of the
    calendar. A default (1 January) keeps its year only.
    """

    year: str = ""
    month: str = ""
    day: str = ""
    is_date: bool = False


@lru_cache(maxsize=200_000)
def name(text: str) -> Name:
    """A first or last name. No name is left of nothing, of "unknown", of "Baby Girl" and the like."""
    found = words(text)
    if len(found) > 1 and found[0] in TITLES:
        found = found[1:]
    while len(found) > 1 and found[-1] in SUFFIXES:
        found = found[:-1]
    found = [kept for kept in (_letters(word) for word in found) if kept]
    whole = "".join(found)
    repeated = len(whole) > 1 and len(set(whole)) == 1
    if repeated or "-".join(found) in NO_NAME or not EMPTYING.isdisjoint(found):
        return Name()
    kept = [word for word in found if word not in PARTICLES]
    halves = {"".join(kept), *(word for word in kept if len(word) > 2)} if len(found) > 1 else set()
    return Name(whole, tuple(sorted(half for half in halves - {whole} if len(half) > 2)[:MOST_HALVES]))


@lru_cache(maxsize=100_000)
def birth(text: str) -> Birth:
    """A date written YYYYMMDD, YYYY-MM-DD or M/D/YYYY. What is not written so is unknown."""
    text = text.strip()
    if found := _DATE.fullmatch(text):
        year, month, day = found.groups()
    elif found := _DATE_US.fullmatch(text):
        month, day, year = (part.zfill(2) for part in found.groups())
    else:
        return Birth()
    if not "1880" <= year <= "2099":
        return Birth()
    if (month, day) in (("01", "01"), ("00", "00")):
        return Birth() if year in ("1900", "1901") else Birth(year)
    if year + month + day == "18991230":
        return Birth()
    return Birth(year, month, day, _is_date(year, month, day))


def ssn4(text: str) -> str:
    """The last four digits of a social security number, or nothing: none written, 0000, 9999."""
    digits = "".join(c for c in text if c in "0123456789")
    if len(digits) not in (4, 9) or digits in NO_SSN:
        return ""
    last = digits[-4:]
    return "" if last in ("0000", "9999") else last


def zip5(text: str) -> str:
    """The five digits of a ZIP code; a lost leading zero is put back. Nothing for placeholders."""
    digits = text.strip().partition("-")[0].strip()
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in (4, 5, 9):
        return ""
    found = digits.zfill(5)[:5]
    return "" if found in NO_ZIP else found


def words(text: str) -> list[str]:
    """The words of a name, folded: letters and digits in lower case without marks."""
    plain = unicodedata.normalize("NFKD", _JOINING.sub("", text)).lower()
    letters = (
        FOLD.get(c, c) if (kind := unicodedata.category(c))[0] in "LN" else "" if kind[0] == "M" else " "
        for c in plain
    )
    return "".join(letters).split()


def _letters(word: str) -> str:
    return "".join(c for c in word if unicodedata.category(c)[0] == "L")


def _is_date(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True
