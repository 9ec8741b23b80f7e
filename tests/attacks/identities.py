"""A thousand plainly invented people for the contact cards, every way in which one of their facts could be
written somewhere, and the search for all of them in files of any kind.

The search is grep's, since it looks for some hundred thousand strings in some hundred megabytes. It is shown to
bite wherever it is used: tests/attacks/test_thousand_cards.py.
"""

import base64
import html
import json
import re
import subprocess
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

HOW_MANY = 1000


def _words(text: str) -> list[str]:
    return text.split()


# None of them is a word of any language, a file's name or a setting. Some carry marks, as names do.
FORE = _words(
    "Zorvanna Quillipa Maribexa Tolwynne Ysolindra Brackfern Ondreliah Fennimar Wexleyan Jorunnah Zuñelith Ëthelmara "
    "Krovindel Obsydra Plithenia Vandrosk Murgelda Thessarba Yarrowick Dulcivane Hjördelan Skarniva Ombeline "
    "Querubia Gwendraxa"
)
LAST = _words(
    "Quelmbratt Nobbletonsen Harkwistle Drummervane Pettigorse Umberlynski Skaldrowe Vintermoss Grözelind Fazakervy "
    "Ñandubrook Trewhistock Ollershawk Pimblothe Zabrickson Kettlebrook-Vyx Mossgravell Yendlebury Wozzencraft "
    "Hebblethwick Isquardo Jabbernowle Crumplehorne Delderfisk Embertworth Gawkroger Lillywhyte Nettlefrome "
    "Oxenbridle Raventhripp Sowerbutz Twelvetreez Uphilmoor Vipondrel Winterbothamy Xanthirov Yaxleyform Zellerbach-Oy "
    "Blatherwyke O’Quirrelin"
)
ROAD = _words("Zinnoberly Quagmirrow Nimbleleafe Farrowgayte Thistledowne Bramblewyck Ottermeer Larkspindel")
_FIRST_BIRTH = date(1901, 1, 3)


@dataclass(frozen=True)
class Identity:
    """The `number`th of them."""

    number: int

    @property
    def fore(self) -> str:
        return FORE[self.number % len(FORE)]

    @property
    def last(self) -> str:
        return LAST[self.number // len(FORE)]

    @property
    def name(self) -> str:
        return f"{self.fore} {self.last}"

    @property
    def birth(self) -> date:
        return _FIRST_BIRTH + timedelta(days=17 * self.number)

    @property
    def phone(self) -> str:
        return f"(555) 014-{7000 + self.number}"

    @property
    def address(self) -> str:
        return f"{4711 + self.number} {ROAD[self.number % len(ROAD)]} Street"

    @property
    def ssn4(self) -> str:
        return f"{(self.number * 7 + 13) % 10_000:04}"

    def card(self) -> dict[str, Any]:
        """As docs/reference/card-formats.md has it."""
        return {
            "v": 1,
            "name": {"used": self.fore, "legal": self.name, "other": [f"{self.last}, {self.fore}"]},
            "birth": self.birth.isoformat(),
            "phone": {"number": self.phone, "times": f"ask for {self.fore}", "voicemail": False},
            "address": self.address,
            "alert": f"Never call {self.last} at {self.address}.",
            "emergency": {"name": f"Aunt {self.last}", "phone": self.phone, "relation": "aunt"},
            "ids": {"ssn4": self.ssn4},
        }

    def spelled(self) -> set[str]:
        """Every way in which a person or a program writes what is on the card. A part of a name is one too."""
        day = self.birth
        plain = "".join(c for c in unicodedata.normalize("NFKD", self.name) if not unicodedata.combining(c))
        parts = {self.name, plain, f"{self.last}, {self.fore}", self.fore, self.last}
        # Typed as one word, as an address of mail or a search key.
        parts |= {re.sub(r"[^\w]", "", plain), plain.replace(" ", ".")}
        names = {way for part in parts for way in (part, part.lower(), part.upper())}
        digits = re.sub(r"\D", "", self.phone)
        phones = {self.phone, digits, f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"}
        births = {
            day.isoformat(),
            f"{day:%m/%d/%Y}",
            f"{day.month}/{day.day}/{day.year}",
            f"{day:%d.%m.%Y}",
            f"{day:%B} {day.day}, {day.year}",
            f"{day.day} {day:%B} {day.year}",
            f"{day.day} {day:%b} {day.year}",
            # Eight digits alone stand in any long number by chance.
            *(f"{mark}{day:%Y%m%d}" for mark in '"= '),
        }
        numbers = {f'"ssn4":"{self.ssn4}"', f'"ssn4": "{self.ssn4}"', f"ssn4={self.ssn4}", f"SSN {self.ssn4}"}
        return names | phones | births | {self.address, self.address.lower()} | numbers


PEOPLE = tuple(Identity(number) for number in range(HOW_MANY))


def _base64_cores(data: bytes) -> set[bytes]:
    """What stands of it in base64, wherever in the bytes before it begins."""
    found = set()
    for ahead in range(3):
        text = base64.b64encode(bytes(ahead) + data)
        core = text[-(-8 * ahead // 6) : (ahead + len(data)) * 8 // 6]
        found |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def written(text: str) -> set[bytes]:
    """The text in every encoding in which it could lie."""
    utf8 = text.encode()
    ways = {
        text,
        html.escape(text),
        json.dumps(text)[1:-1],
        quote(text),
        quote_plus(text),
        quote(text, safe="/:,()"),
    }
    found = {way.encode() for way in ways}
    found |= {
        utf8,
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
        utf8.hex().encode(),
        utf8.hex().upper().encode(),
    }
    if all(ord(letter) < 256 for letter in text):
        found.add(text.encode("latin-1"))
    return found | _base64_cores(utf8)


@cache
def needles() -> dict[bytes, Identity]:
    """What is looked for, and whose it is; a part that several people share stands for the first of them."""
    found: dict[bytes, Identity] = {}
    for one in PEOPLE:
        for text in one.spelled():
            for needle in written(text):
                found.setdefault(needle, one)
    assert not any(b"\n" in needle or len(needle) < 7 for needle in found)
    return found


class Search:
    """The needles in a file for grep. `folder` takes it, and is not searched."""

    def __init__(self, folder: Path) -> None:
        self._list = folder / "needles"
        self._list.write_bytes(b"\n".join(needles()))

    def inside(self, *places: Path) -> dict[Identity, set[str]]:
        """Who is found in the files, or in those of the folders, and where."""
        for place in places:
            assert place.exists(), place
        done = subprocess.run(
            ["grep", "--recursive", "--text", "--only-matching", "--with-filename", "--null", "--fixed-strings",
             "--file", self._list, *places],
            capture_output=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, check=False,
        )  # fmt: skip
        # A server at work removes files of its own under the search.
        missed = [line for line in done.stderr.splitlines() if b"No such file" not in line]
        assert done.returncode in (0, 1, 2) and not missed, done.stderr[-2000:]
        found: dict[Identity, set[str]] = {}
        for line in done.stdout.split(b"\n")[:-1]:
            path, _, needle = line.partition(b"\0")
            found.setdefault(needles()[needle], set()).add(path.decode())
        return found

    def said(self, *texts: str | bytes) -> dict[Identity, set[str]]:
        """The same for what is in memory."""
        file = self._list.with_name("said")
        file.write_bytes(b"\n".join(one.encode() if isinstance(one, str) else one for one in texts))
        return self.inside(file)
