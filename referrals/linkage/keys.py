"""The register of composite keys: what of a person goes into a token, and what an equal token says.

A key is one row of KEYS, made of views. A view says what it takes of a person (a set: none where unknown,
several where a name may be written in several ways) and what two people who share it are like.
Nothing here knows tokens or scores. To the byte: docs/reference/linkage-tokens.md.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

from referrals.linkage import normalise
from referrals.linkage.frequencies import COMMONEST_YEAR, COMMONEST_ZIP, Kind, commonest
from referrals.linkage.nicknames import FORMAL
from referrals.linkage.normalise import Birth, Name

# The commonest value of a weaker key would be known by how many hold it.
LEAST_BITS = 13.0


class TooWeak(ValueError):
    """A key whose commonest value is too common to be told to anybody, even as a token."""


@dataclass(frozen=True, slots=True)
class Person:
    """The five things keys are made of, each in one spelling. `others` are aliases: whole (first, last)."""

    first: Name
    last: Name
    birth: Birth
    ssn4: str = ""
    zip5: str = ""
    others: tuple[tuple[Name, Name], ...] = ()

    @classmethod
    def of(
        cls, *, first: str = "", last: str = "", dob: str = "", ssn4: str = "", zip5: str = "",
        others: Iterable[tuple[str, str]] = (),
    ) -> "Person":  # fmt: skip
        """A person as written down somewhere."""
        return cls(
            normalise.name(first),
            normalise.name(last),
            normalise.birth(dob),
            normalise.ssn4(ssn4),
            normalise.zip5(zip5),
            tuple((normalise.name(a), normalise.name(b)) for a, b in others),
        )


# What a pair can be like, field by field. A name's level: 0 equal, 1 its first three letters, 2 its initial,
# 3 none of these; names are compared as written, or first with last (swapped) where that agrees better.
NameState = tuple[bool, int, int]
_AS_WRITTEN = [(False, a, b) for a, b in product(range(4), range(4))]
_SWAPPED = [(True, a, b) for a, b in product(range(4), range(4)) if min(a, b) < 2 or max(a, b) < 3]
NAME_STATES: tuple[NameState, ...] = (*_AS_WRITTEN, *_SWAPPED)
# Which parts of the date of birth agree. A month or day alone counts as nothing.
DOB_STATES = ("YMD", "YM", "YD", "MD", "Y", "")
STATES: dict[str, tuple[object, ...]] = {
    "names": NAME_STATES,
    "dob": DOB_STATES,
    "ssn4": (True, False),
    "zip": (True, False),
}
FIELDS = tuple(STATES)


@dataclass(frozen=True, slots=True)
class View:
    """`takes` of a person's `field`; two share a value in those of its states that `agrees` is true of.

    `bits` is the least surprise of any value, from public tables. `learns` says whose frequency its tokens
    tell: first or last name, year or ZIP; none for SSN4, which is even; None where that can't be said.
    """

    field: str
    takes: Callable[[Person], tuple[str, ...]]
    agrees: Callable[[Any], bool]
    bits: float
    learns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """One composite: every combination of what its views take.

    It is whole, and a difference means something, with `least` tokens or more.
    """

    id: str
    views: tuple[View, ...]
    least: int = 1

    @property
    def bits(self) -> float:
        """Its min-entropy: the surprise of its commonest value."""
        return sum(view.bits for view in self.views)

    @property
    def states(self) -> dict[str, tuple[bool, ...]]:
        """Of each field it tests, in which of the field's states it agrees."""
        return {v.field: tuple(v.agrees(state) for state in STATES[v.field]) for v in self.views}

    @property
    def learns(self) -> tuple[str, ...]:
        """Whose frequency strangers' tokens of this key tell; nothing if a view of it is no plain value."""
        if all(view.learns is not None for view in self.views):
            return tuple(name for view in self.views for name in view.learns or ())
        return ()

    def values(self, person: Person) -> list[str]:
        """The composites of a person; none where something is missing."""
        return ["\x1f".join(parts) for parts in product(*(view.takes(person) for view in self.views))]


@lru_cache(maxsize=200_000)
def _firsts(name: Name) -> tuple[str, ...]:
    """A first name's spellings: whole, the halves of a double name, what a short form is short for."""
    if len(name.whole) < 2:
        return ()
    formal = [long for form in (name.whole, *name.halves) for long in FORMAL.get(form, ())]
    return tuple(dict.fromkeys((name.whole, *name.halves, *formal)))


def _lasts(name: Name) -> tuple[str, ...]:
    return (name.whole, *name.halves) if len(name.whole) > 1 else ()


def _all_names(person: Person) -> list[tuple[Name, Name]]:
    return [(person.first, person.last), *person.others]


def _each(names: Iterable[str]) -> tuple[str, ...]:
    """Sorted, each once, without the empty one: the order is part of what both sides must agree on."""
    return tuple(sorted(set(names) - {""}))


def _of_first(form: Callable[[str], Iterable[str]]) -> Callable[[Person], tuple[str, ...]]:
    return lambda person: _each(
        value for first, _ in _all_names(person) for name in _firsts(first) for value in form(name)
    )


def _of_last(form: Callable[[str], Iterable[str]]) -> Callable[[Person], tuple[str, ...]]:
    return lambda person: _each(
        value for _, last in _all_names(person) for name in _lasts(last) for value in form(name)
    )


def _of_both(form: Callable[[str], str]) -> Callable[[Person], tuple[str, ...]]:
    """Both names, sorted, so that swapped ones agree."""
    return lambda person: _each(
        " ".join(sorted((form(a), form(b))))
        for first, last in _all_names(person)
        for a in _firsts(first)
        for b in _lasts(last)
        if form(a) and form(b)
    )


def _whole(name: str) -> list[str]:
    return [name]


def _start(name: str) -> list[str]:
    return [name[:3]]


def _initials(person: Person) -> tuple[str, ...]:
    """Of whole names and of a lone initial too."""
    return _each(
        " ".join(sorted((first.whole[:1], last.whole[:1])))
        for first, last in _all_names(person)
        if first.whole and last.whole
    )


def _either(form: Callable[[str], Iterable[str]]) -> Callable[[Person], tuple[str, ...]]:
    """One name or the other, whichever it was written as."""
    first, last = _of_first(form), _of_last(form)
    return lambda person: _each((*first(person), *last(person)))


def _bits_of(kind: Kind, form: Callable[[str], Iterable[str]]) -> float:
    """The min-entropy of a form of a name, as if rare names were spread like the commonest."""
    shares: Counter[str] = Counter()
    for name, share in commonest(kind).items():
        shares.update(dict.fromkeys(form(name), share))
    return -math.log2(max(shares.values()) / (sum(commonest(kind).values()) if form is not _whole else 1.0))


def _first(level: int, form: Callable[[str], Iterable[str]]) -> View:
    learns = ("first",) if level == 0 else None
    return View(
        "names", _of_first(form), lambda s: not s[0] and s[1] <= level, _bits_of("first", form), learns
    )


def _last(level: int, form: Callable[[str], Iterable[str]]) -> View:
    learns = ("last",) if level == 0 else None
    return View("names", _of_last(form), lambda s: not s[0] and s[2] <= level, _bits_of("last", form), learns)


def _one_of(level: int, form: Callable[[str], Iterable[str]]) -> View:
    bits = min(_bits_of("first", form), _bits_of("last", form)) - 1
    return View("names", _either(form), lambda s: min(s[1:]) <= level, bits)


def _both(level: int, form: Callable[[str], str]) -> View:
    bits = _bits_of("first", lambda n: [form(n)]) + _bits_of("last", lambda n: [form(n)])
    return View(
        "names",
        _of_both(form),
        lambda s: max(s[1:]) <= level,
        bits - 1,
        ("first", "last") if level == 0 else None,
    )


def _date(parts: str, takes: Callable[[Birth], str], bits: float) -> View:
    return View(
        "dob",
        lambda p: _each([takes(p.birth)]),
        lambda state: set(parts) <= set(state),
        bits,
        ("year",) if "Y" in parts else (),
    )


YEAR_BITS, DAY_BITS = -math.log2(COMMONEST_YEAR), math.log2(365.25)
FIRST = _first(0, _whole)
LAST = _last(0, _whole)
EITHER_3 = _one_of(1, _start)
NAMES = _both(0, lambda name: name)
NAMES_3 = _both(1, lambda name: name[:3])
INITIALS = View("names", _initials, lambda s: max(s[1:]) <= 2, 5.0)
DOB = _date("YMD", lambda b: b.year + b.month + b.day if b.is_date else "", YEAR_BITS + DAY_BITS)
YEAR = _date("Y", lambda b: b.year, YEAR_BITS)
SSN4 = View("ssn4", lambda p: _each([p.ssn4]), bool, math.log2(9_998), ())
ZIP = View("zip", lambda p: _each([p.zip5]), bool, -math.log2(COMMONEST_ZIP), ("zip",))

KEYS: dict[str, Key] = {}


def register(key: Key) -> Key:
    """Put a key into KEYS. Raises TooWeak below LEAST_BITS of min-entropy, and for a key of one field, whose
    even values (an SSN4, a date) can all be tried; ValueError on an id taken."""
    if key.id in KEYS:
        raise ValueError(f"There is a key {key.id} already.")
    if key.bits < LEAST_BITS:
        raise TooWeak(
            f"Key {key.id} has {key.bits:.1f} bits of min-entropy; a key needs {LEAST_BITS:.0f} or more."
        )
    if len({view.field for view in key.views}) < 2:
        raise TooWeak(f"Key {key.id} is made of one field; a key needs two or more.")
    KEYS[key.id] = key
    return key


# The order is that of the bits in masks: add at the end, and raise normalise.VERSION when a row changes.
for _key in (
    Key("F.D", (FIRST, DOB)),
    Key("L.D", (LAST, DOB)),
    Key("W3.D", (EITHER_3, DOB), least=2),
    Key("N1.D", (INITIALS, DOB)),
    Key("N3.Y", (NAMES_3, YEAR)),
    Key("N.Y", (NAMES, YEAR)),
    Key("D.S", (DOB, SSN4)),
    Key("F.S", (FIRST, SSN4)),
    Key("L.S", (LAST, SSN4)),
    Key("N1.S", (INITIALS, SSN4)),
    Key("W3.S", (EITHER_3, SSN4), least=2),
    Key("S.Z", (SSN4, ZIP)),
    Key("D.Z", (DOB, ZIP)),
    Key("N3.Z", (NAMES_3, ZIP)),
):
    register(_key)


def composites(person: Person) -> Iterator[tuple[str, bytes]]:
    """Every key of a person with its composite, in the register's order: what a token is made of."""
    for key in KEYS.values():
        for value in key.values(person):
            yield key.id, value.encode()
