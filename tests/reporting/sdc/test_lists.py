"""People by combination of the agencies that know them, as multi-agency studies print it: none to be derived.

The counts are those of the United Kingdom's strategic assessment of 2013 (Silverman, Home Office 2014: 2,744
people on five lists), a published table in which most combinations hold one to ten people.
"""

from itertools import chain, combinations

import pytest

from reporting.sdc.attacker import attack
from reporting.sdc.solve import protected
from reporting.sdc.system import read

LISTS = ("LA", "NG", "PFNCA", "GO", "GP")
SEED = bytes(32)
PEOPLE = {
    "LA": 54,
    "NG": 463,
    "PFNCA": 995,
    "GO": 695,
    "GP": 316,
    "LA NG": 15,
    "LA PFNCA": 19,
    "LA GO": 3,
    "NG PFNCA": 62,
    "NG GO": 19,
    "NG GP": 1,
    "PFNCA GO": 76,
    "PFNCA GP": 11,
    "GO GP": 8,
    "LA NG PFNCA": 1,
    "LA NG GO": 1,
    "NG PFNCA GO": 4,
    "LA NG PFNCA GO": 1,
}


def combination_table():
    """Each combination, and what a study would print with it: each list, each pair, how many lists, all."""
    every = [" ".join(some) for size in range(1, 6) for some in combinations(LISTS, size)]
    cells = [{"id": one, "value": PEOPLE.get(one, 0)} for one in every]
    sums = {"everybody": every}
    for some in chain(combinations(LISTS, 1), combinations(LISTS, 2)):
        sums["on " + " and ".join(some)] = [one for one in every if set(some) <= set(one.split())]
    for size in range(1, 6):
        sums[f"on {size} lists"] = [one for one in every if len(one.split()) == size]
    cells += [
        {"id": name, "value": sum(PEOPLE.get(part, 0) for part in parts)} for name, parts in sums.items()
    ]
    return {
        "cells": cells,
        "relations": [{"total": name, "parts": parts} for name, parts in sums.items()],
        # Each list's keeper knows how long it is.
        "known": [
            {
                "scope": name,
                "cells": {f"on {name}": sum(n for key, n in PEOPLE.items() if name in key.split())},
            }
            for name in LISTS
        ],
    }


def small(table):
    return [cell["id"] for cell in table["cells"] if 0 < cell["value"] < 11]


def narrow(table, shown):
    """Who can narrow which small count to less than five: nobody but what is said, or each list's keeper."""
    found = []
    for knows in ({}, *(one["cells"] for one in table["known"])):
        bounds = attack(table, shown, small(table), knows=knows)
        found += [name for name, (low, high) in bounds.items() if high - low < 5]
    return found


def test_no_combination_can_be_derived():
    table = combination_table()
    result = protected(read(table), SEED)
    assert not set(small(table)) & set(result.shown)
    assert narrow(table, result.shown) == []
    assert len(result.shown) >= 20, "the table says hardly anything any more"


@pytest.mark.parametrize("least", [1, 2])
def test_the_ways_such_tables_were_printed_give_combinations_away(least):
    """The guard seen to fail: small counts hidden alone, and with them every combination of two or more."""
    table = combination_table()
    kept = set(small(table)) | {name for name in PEOPLE if least == 2 and " " in name}
    shown = {cell["id"]: cell["value"] for cell in table["cells"] if cell["id"] not in kept}
    assert narrow(table, shown)
