"""A crowd of invented records with known truth, as dirty as intake desks leave them.

Names are drawn from the public frequencies, so that namesakes are as common as among real people. There are
families at one address, twins, parents and children of one name, changed surnames, short forms, double names,
default dates, and few social security numbers.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random
from typing import NamedTuple

from referrals.linkage.frequencies import Kind, commonest
from referrals.linkage.nicknames import FORMAL

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Row(NamedTuple):
    """A line of a labelled file."""

    id: str
    source: str
    first: str
    last: str
    dob: str
    ssn4: str
    zip: str
    person: str


@dataclass(frozen=True, slots=True)
class _Human:
    first: str
    last: str
    born: tuple[int, int, int]
    ssn4: str
    zip: str


class _Names:
    """Draws names as often as they occur; the rare third or half that no table lists are made up."""

    def __init__(self, kind: Kind) -> None:
        shares = commonest(kind)
        self._names, self._upto = list(shares), list(accumulate(shares.values()))

    def draw(self, draw: Random) -> str:
        at = draw.random()
        if at < self._upto[-1]:
            return self._names[bisect_left(self._upto, at)]
        stem = draw.choice(self._names)
        return stem[: draw.randint(2, 5)] + draw.choice(self._names)[-draw.randint(2, 4) :]


_SHORT: dict[str, list[str]] = {}
for _short, _longs in FORMAL.items():
    for _long in _longs:
        _SHORT.setdefault(_long, []).append(_short)


def crowd(records: int, seed: int = 1) -> Iterator[Row]:
    """So many records, about 1.5 for each person. The same arguments give the same records."""
    draw = Random(seed)
    firsts, lasts = _Names("first"), _Names("last")
    made = 0
    human = None
    while made < records:
        human = _relative(draw, human, firsts) if human and draw.random() < 0.3 else _new(draw, firsts, lasts)
        copies = 1 + min(7, int(draw.expovariate(1) / 1.4))
        written = human
        for copy in range(min(copies, records - made)):
            if copy and draw.random() < 0.25:
                written = replace(written, zip=_zip(draw))
            if copy and draw.random() < 0.04:
                written = replace(written, last=lasts.draw(draw))
            yield _written(draw, written, f"r{made + copy}", f"p{made}")
        made += copies


def _new(draw: Random, firsts: _Names, lasts: _Names) -> _Human:
    last = lasts.draw(draw)
    if draw.random() < 0.05:
        last += "-" + lasts.draw(draw)
    born = (draw.randint(1955, 2008), draw.randint(1, 12), draw.randint(1, 28))
    return _Human(firsts.draw(draw), last, born, f"{draw.randint(1, 9998):04}", _zip(draw))


def _relative(draw: Random, of: _Human, firsts: _Names) -> _Human:
    """A sibling, now and then a twin, or a child of the same name, at the same address."""
    kind, ssn4 = draw.random(), f"{draw.randint(1, 9998):04}"
    if kind < 0.06:
        return replace(of, first=firsts.draw(draw), ssn4=ssn4)
    year = of.born[0] + (draw.randint(19, 35) if kind < 0.12 else draw.randint(-6, 6))
    born = (year, draw.randint(1, 12), draw.randint(1, 28))
    return replace(of, first=of.first if kind < 0.12 else firsts.draw(draw), born=born, ssn4=ssn4)


def _zip(draw: Random) -> str:
    """One of 300, the first far more often than the last."""
    return f"{90_000 + int(300 * draw.random() ** 2):05}"


def _written(draw: Random, human: _Human, identifier: str, person: str) -> Row:
    first, last, (year, month, day) = human.first, human.last, human.born
    if draw.random() < 0.05 and first in _SHORT:
        first = draw.choice(_SHORT[first])
    if "-" in last and draw.random() < 0.4:
        last = draw.choice((last.replace("-", " "), *last.split("-")))
    if draw.random() < 0.04:
        first = _slip(draw, first)
    if draw.random() < 0.05:
        last = _slip(draw, last)
    if draw.random() < 0.01:
        first, last = last, first
    if draw.random() < 0.02:
        month, day = (day, month) if day <= 12 else (month, min(28, day + draw.choice((-1, 1, 10))))
    if draw.random() < 0.01:
        year += draw.choice((-10, -1, 1, 10))
    dob = f"{year}{month:02}{max(1, day):02}"
    if draw.random() < 0.03:
        dob = f"{year}0101"
    elif draw.random() < 0.02:
        dob = ""
    if draw.random() < 0.01:
        first = draw.choice(("Unknown", "", "Baby Girl"))
    ssn4 = "" if draw.random() < 0.55 else human.ssn4
    if ssn4 and draw.random() < 0.02:
        ssn4 = f"{draw.randint(1, 9998):04}"
    zip_ = "" if draw.random() < 0.15 else human.zip
    if draw.random() < 0.5:
        first, last = first.title(), last.title()
    return Row(identifier, "", first, last, dob, ssn4, zip_, person)


def _slip(draw: Random, name: str) -> str:
    """A letter more, fewer, other, or two that changed places."""
    at, kind = draw.randrange(len(name)), draw.randrange(4)
    if kind == 0:
        return name[:at] + draw.choice(LETTERS) + name[at:]
    if kind == 1 and len(name) > 2:
        return name[:at] + name[at + 1 :]
    if kind == 2:
        return name[:at] + name[at + 1 : at + 2] + name[at] + name[at + 2 :]
    return name[:at] + draw.choice(LETTERS) + name[at + 1 :]
