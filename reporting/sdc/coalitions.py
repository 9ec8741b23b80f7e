"""What the attacker of other code reports: the public and each agency alone, and agencies two by two.

Alone nobody may narrow anything (second_opinion.py); what two together could is reported and not refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from reporting.sdc.attacker import too_narrow

_PAIRS = 30


@dataclass(frozen=True, slots=True)
class Coalition:
    """Two agencies that tell each other their own counts, and the counts of which they then know too much:
    hidden, and narrower to them than the width; or shown, and 1 to 10 people once they take theirs away."""

    agencies: tuple[str, str]
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AttackReport:
    """What the attacker found of the `targets` counts kept back: how many one of the `readers` can work out
    to the person (`exact`) or to closer than the width (`narrow`, the exact ones with them).

    Both are 0 in a table that was made. Of `pairs` pairs of agencies those `pairs_tried` that bring the most
    were looked at.
    """

    targets: int
    readers: int
    exact: int
    narrow: int
    coalitions: tuple[Coalition, ...]
    pairs: int
    pairs_tried: int

    def to_data(self) -> dict[str, Any]:
        """JSON-able. Names agencies: for the output checker."""
        return asdict(self)


def coalitions(
    table: Mapping[str, Any], shown: Mapping[str, int], cells: Mapping[str, str], agencies: Mapping[str, str]
) -> tuple[list[Coalition], int, int]:
    """What pairs of agencies could do together; how many pairs were tried; how many there are.

    `table` is in the JSON form of `./dev protect`. `cells` says which counts to look at, and what they are
    called in the report; `agencies` what these are called.
    """
    by = {cell["id"]: cell.get("by") or {} for cell in table["cells"]}
    weight: Counter[str] = Counter()
    for parts in by.values():
        weight.update(parts)
    known = sorted(+weight, key=lambda one: (-weight[one], one))
    pairs = sorted(combinations(known, 2), key=lambda pair: -weight[pair[0]] - weight[pair[1]])
    unseen = [name for name in cells if name not in shown]
    # Who knows the two largest parts of each count knows more than any pair.
    two = {name: sum(sorted(parts.values())[-2:]) for name, parts in by.items()}
    near = _narrowed(table, shown, unseen, two)
    found = []
    for a, b in pairs[:_PAIRS]:
        own = {name: parts.get(a, 0) + parts.get(b, 0) for name, parts in by.items()}
        read = _narrowed(table, shown, [name for name in near if own[name]], own)
        read |= {
            name
            for name in cells
            if name in shown
            and a in by[name]
            and b in by[name]
            and 0 < shown[name] - own[name] < table["threshold"]
        }
        if read:
            found.append(Coalition((agencies[a], agencies[b]), tuple(sorted(cells[name] for name in read))))
    return found, min(len(pairs), _PAIRS), len(pairs)


def _narrowed(
    table: Mapping[str, Any], shown: Mapping[str, int], cells: list[str], own: Mapping[str, int]
) -> set[str]:
    hidden = set(table["hidden"])
    least = {name: max(n, 0 if name in hidden else 1) for name, n in own.items() if name not in shown}
    reach = dict.fromkeys(cells, 0.0)
    return set(too_narrow(table, shown, reach, width=table["width"], own=least)) if reach else set()
