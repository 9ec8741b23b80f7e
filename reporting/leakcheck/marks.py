"""What one cell of a published table says: a count, a share, a mark in place of a count, words or nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What stands in a cell. WEAK marks hide a count in some tables and mean none or zero in others."""

    COUNT = "count"
    SHARE = "share"
    MARK = "mark"
    WEAK = "weak"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Saying:
    """A cell as read. A COUNT is its `low`, a mark that gives a range its `low` and `high` (None: no end).
    A SHARE is a number per hundred in `share`, true to `within` of it."""

    kind: Kind
    text: str = ""
    low: int = 0
    high: int | None = None
    share: float = 0.0
    within: float = 0.0


_STRONG = re.compile(
    r"[*†‡#^]+|\(?(s|d|x|c)\)?|suppr(essed|\.)?|redacted|hidden|masked|withheld|confidential|too (few|small)"
    r"|small (number|count|cell)s?|suprimido|oculto|reservado|confidencial",
    re.IGNORECASE,
)
_WEAK = re.compile(
    r"[-–—−.‐]+|n\.?/?a\.?|n\.?d\.?|n\.?r\.?|not (reported|available|applicable)", re.IGNORECASE
)
_BELOW = re.compile(
    r"(?P<sign><=|≤|<|(less|fewer) than|under|below|up to|at most|menos de|hasta)\s*(?P<n>\d+)", re.IGNORECASE
)
_ABOVE = re.compile(
    r"(?P<sign>>=|≥|>|more than|over|at least|más de|al menos)\s*(?P<n>\d[\d,]*)|(?P<plus>\d[\d,]*)\s*\+",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(?:de )?(\d[\d,]*)\s*(?:-|–|—|to|a)\s*(\d[\d,]*)", re.IGNORECASE)
_NOTE = re.compile(r"\s*(\[[\w ]{1,3}\]|\([a-z]\)|[*†‡¹²³⁴⁵⁶⁷⁸⁹]+)$", re.IGNORECASE)
_COUNT = re.compile(r"\d+|\d{1,3}(,\d{3})+|\d{1,3}(\.\d{3})+|\d{1,3}([ '’]\d{3})+")


def saying(cell: str | float | None) -> Saying | None:
    """What the cell says; None where it is blank."""
    if cell is None:
        return None
    if isinstance(cell, int | float):
        if float(cell).is_integer() and cell >= 0:
            return Saying(Kind.COUNT, str(int(cell)), int(cell), int(cell))
        digits = len(repr(float(cell)).partition(".")[2])
        return Saying(Kind.SHARE, str(cell), share=float(cell), within=0.5 * 10**-digits)
    text = cell.strip().strip("\"'").strip()
    if _STRONG.fullmatch(text):
        return Saying(Kind.MARK, text)
    if _WEAK.fullmatch(text):
        return Saying(Kind.WEAK, text)
    if found := _boxed(_NOTE.sub("", text) or text):
        return Saying(Kind.MARK, text, *found)
    plain = _NOTE.sub("", text)
    if _COUNT.fullmatch(plain):
        n = int(re.sub(r"\D", "", plain))
        return Saying(Kind.COUNT, text, n, n)
    if share := re.fullmatch(r"\(?(\d{1,3})(?:[.,](\d+))?\s*%\)?|(\d+)\.(\d+)", plain):
        whole, part = share[1] or share[3], share[2] or share[4] or ""
        return Saying(Kind.SHARE, text, share=float(f"{whole}.{part or 0}"), within=0.5 * 10 ** -len(part))
    return Saying(Kind.WORDS, text)


def box(text: str) -> tuple[int, int | None] | None:
    """The range that words such as `<11`, `1-10`, `fewer than 11` or `20+` give, both ends in it."""
    return _boxed(text.strip())


def _boxed(text: str) -> tuple[int, int | None] | None:
    if found := _BELOW.fullmatch(text):
        n = int(found["n"])
        takes_end = found["sign"].lower() in ("<=", "≤", "up to", "at most", "hasta")
        return 0, n if takes_end else max(n - 1, 0)
    if found := _ABOVE.fullmatch(text):
        n = int((found["n"] or found["plus"]).replace(",", ""))
        return (n + 1 if (found["sign"] or "").lower() in (">", "more than", "over", "más de") else n), None
    if found := _RANGE.fullmatch(text):
        low, high = (int(part.replace(",", "")) for part in found.groups())
        return (low, high) if low < high else None
    return None
