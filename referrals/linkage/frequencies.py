"""How often names occur among strangers: public counts, read once from frequencies.tsv.

Birth years and ZIP codes are one figure each, with its source.
"""

from collections import defaultdict
from functools import cache
from importlib.resources import files
from typing import Literal

# People born in the commonest single year among those served, and how often two of them share the year.
# Single years of age differ little up to 65 (U.S. Census Bureau, population estimates by age: 3.7 to 4.8
# million each); agencies serve part of that span, unevenly: say 30 to 35 years of it.
COMMONEST_YEAR = 1 / 30
SAME_YEAR = 1 / 35
# Two people of one state (two leading digits) share a ZIP code this often, two of one sectional centre (three
# digits) .061: U.S. Census Bureau, 2010 Census, population by ZIP Code Tabulation Area.
SAME_ZIP = 0.0079
# No ZIP code holds more of one network's people than this, or the network is one neighbourhood.
COMMONEST_ZIP = 1 / 16
# Twins: 31 of 1,000 born (CDC, National Vital Statistics Reports, births 2020 to 2022).
TWIN_BIRTHS = 0.031
# First names go with the year of birth, and strangers who are compared mostly share it: how often two people
# born in one year share a first name; else its first three letters; else its initial. Mean over the
# births of 1955 to 2010 (U.S. Social Security Administration, national baby names).
SAME_FIRST = (0.0036, 0.0042, 0.0663)
# How often a relative of somebody known to the network is known to it too: nobody has counted. As often as
# anybody is known to a network that knows one person in a hundred; corrected where SSN4 tells kin apart.
KIN_KNOWN = 0.01
# Parents and children of one name: a guess of 15 for 1,000 people.
NAMESAKES = 0.015
_PEOPLE = 10_000_000

Kind = Literal["first", "last"]


@cache
def commonest(kind: Kind) -> dict[str, float]:
    """The share of people who have each of the 3,000 commonest names, lower case without marks.

    They are 81 % of all people for first names, 53 % for last names.
    """
    lines = files(__package__).joinpath("frequencies.tsv").read_text("utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {name: int(count) / _PEOPLE for of, name, count in rows if of == kind}


@cache
def same_last() -> tuple[float, float, float]:
    """How often two strangers share a last name; else its first three letters; else its initial."""
    exact = sum(share**2 for share in commonest("last").values())
    near, initial = (_meet("last", "last", letters) for letters in (3, 1))
    return exact, near - exact, initial - near


@cache
def same_crossed() -> tuple[float, float, float]:
    """The same for one's first and the other's last name."""
    firsts, lasts = commonest("first"), commonest("last")
    exact = sum(share * lasts.get(name, 0.0) for name, share in firsts.items())
    near, initial = (_meet("first", "last", letters) for letters in (3, 1))
    return exact, near - exact, initial - near


def _meet(one: Kind, other: Kind, letters: int) -> float:
    """How often two names begin alike, as if rare names began like the commonest."""
    a, b = (_starts(kind, letters) for kind in (one, other))
    return sum(share * b[start] for start, share in a.items())


def _starts(kind: Kind, letters: int) -> defaultdict[str, float]:
    names = commonest(kind)
    all_of_them = sum(names.values())
    found: defaultdict[str, float] = defaultdict(float)
    for name, share in names.items():
        found[name[:letters]] += share / all_of_them
    return found
