"""Writes tests/linkage_vectors.json: `python -m tests.referrals.linkage.make_vectors`, after a new version only.

Names come from the public tables, bent in the ways people write them; some are odd on purpose.
"""

import json
from pathlib import Path
from random import Random

from referrals.linkage import normalise
from referrals.linkage.frequencies import commonest
from referrals.linkage.keys import Person
from referrals.linkage.tokens import inputs

VECTORS = Path(__file__).parents[2] / "linkage_vectors.json"
_FIRST, _LAST = list(commonest("first")), list(commonest("last"))
# fmt: off
_ACCENTS = {
    "a": "áàâäãåāąă", "e": "éèêëēęě", "i": "íìîïī", "o": "óòôöõøō", "u": "úùûüū", "n": "ñńň",
    "c": "çćč", "s": "śšş", "z": "źżž", "l": "ł", "d": "đ", "y": "ýÿ",
}
_ODD = (
    "", "  ", "-", "'", "Unknown", "unk", "Doe", "John Doe", "Baby Girl", "N/A", "n a", "none", "XX",
    "x", "FNU", "Na", "Li", "O", "Jr", "Jr.", "III", "Smith Jr.", "Smith, III", "Dr. Smith", "mr",
    "St. John", "Stra\u00dfe", "STRASSE", "\u00c6r\u00f8", "\u0152uvre", "\u00de\u00f3r",
    "\u00d8ystein", "\u0141ukasz", "\u0130brahim", "\u0131rmak", "Nguy\u1ec5n V\u0103n",
    "\u674e\u5c0f\u9f8d", "\u0418\u0432\u0430\u043d\u043e\u0432\u0430",
    "\u0401\u043b\u043a\u0438\u043d", "\u041c\u0430\u0440\u0438\u044f-\u0410\u043d\u043d\u0430",
    "\u0645\u062d\u0645\u062f", "\u0395\u03bb\u03ad\u03bd\u03b7",
    "\u03a3\u039f\u03a6\u0399\u0391\u03a3", "\u05e9\u05e8\u05d4", "\ufb01ona", "\u2163",
    "Smith \u2162", "\uff41\uff4e\uff4e", "Mari\u00ada", "Ann\u200dLee", "Zo\u00eb\u0308",
    "a\u0301\u0323b", "o\u00b4neil", "O\u2019Neil", "o\u02bbahu", "Ha\u2018o", "D\u2032Angelo",
    "Jean\u2013Luc", "Mary\u2014Ann", "Ann/Marie", "Ann & Bob", "Ann (Lee)", "\"Bob\" Lee",
    "Bank_Bridge", "1st", "Ann2", "2nd", "Smith 2nd", "\u00bd Ann", "\U0001d400\U0001d427\U0001d427",
    "\U00010437\U00010432", "de la Cruz", "De La Cruz-Garc\u00eda y L\u00f3pez", "van der Berg",
    "Mac Donald", "McDonald", "al-Hassan", "bin Laden Smith",
    "Maria del Carmen de los Angeles Perez Lopez", "\u00e9", "\u00c9", "e\u0301", "\u00df", "aa",
    "aAa", "\ufeffAnn", "Ann\tLee", "Ann\nLee", "K\u212aim", "\u1e9eimon", "\u01c5", "\u01c4ordan",
    "\u0149a", "\u0133sbrand", "\u017fmith",
)
_BEFORE = ("o'", "O’", "d'", "Mc", "Mac ", "de la ", "van der ", "Al-", "St. ", "le ")
_AFTER = (" Jr", " Jr.", " III", ", Sr.", " 2nd", " esq")
_DATES = (
    "19900315", "1990-03-15", "3/5/1990", "19900101", "1990-01-01", "19901345", "", "unknown", "18991230",
    "19000101", "2004-02-30", "12/31/1999", "1990.03.15", "1990/3/5",
)
# fmt: on


def odd() -> tuple[str, ...]:
    """Names that are none, and names that few programs think of."""
    return _ODD


def bent(draw: Random, name: str) -> str:
    """The name in one of the ways people write it."""
    ways = (
        name,
        name.upper(),
        name.title(),
        "".join(
            draw.choice(_ACCENTS[c]) if c in _ACCENTS and draw.random() < 0.5 else c for c in name
        ).title(),
        draw.choice(_BEFORE) + name.title(),
        name.title() + draw.choice(("-", " ", "–", " y ", "_", "/")) + draw.choice(_LAST).title(),
        name + draw.choice(_AFTER),
        draw.choice(("Mr. ", "Mrs ", "Dr ", "Ms. ")) + name,
        draw.choice((" ", "  ", "\u00a0")) + name + " ",
    )
    return draw.choice(ways)


def written(draw: Random) -> dict[str, object]:
    """A person as a desk would write them down."""
    born = f"{draw.randint(1930, 2015)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}"
    person: dict[str, object] = {
        "first": bent(draw, draw.choice(_FIRST)) if draw.random() < 0.93 else draw.choice(_ODD),
        "last": bent(draw, draw.choice(_LAST)) if draw.random() < 0.93 else draw.choice(_ODD),
        "dob": draw.choice(_DATES) if draw.random() < 0.3 else born,
        "ssn4": draw.choice(("", "0000", "123456789", "xxx-xx-1234", f"{draw.randrange(10000):04}")),
        "zip5": draw.choice(("", "99999", "8540", "90210-1234", f"{draw.randrange(100000):05}")),
    }
    if draw.random() < 0.1:
        person["others"] = [[draw.choice(_FIRST), draw.choice(_LAST)]]
    return person


def main() -> None:
    draw = Random(4)
    names = dict.fromkeys([*_ODD, *(bent(draw, draw.choice((*_FIRST, *_LAST))) for _ in range(4000))])
    people = []
    for number in range(300):
        person, epoch = written(draw), 1 + number % 3
        made = inputs(Person.of(**person), epoch=epoch)  # type: ignore[arg-type]
        people.append({"person": person, "epoch": epoch, "inputs": [[key, text.hex()] for key, text in made]})
    rows = [[text, (found := normalise.name(text)).whole, *found.halves] for text in names]
    parts = (",\n".join(json.dumps(row, separators=(",", ":")) for row in part) for part in (rows, people))
    head, tail = f'{{"version":{normalise.VERSION},\n"names":[\n', "\n]}\n"
    VECTORS.write_text(head + '\n],\n"people":[\n'.join(parts) + tail)


if __name__ == "__main__":
    main()
