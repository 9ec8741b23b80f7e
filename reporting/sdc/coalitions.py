"""What the attacker of other code reports: the public and each agency alone, and agencies two by two.

Alone nobody may narrow anything (second_opinion.py); what two together could is reported and not refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from reporting.sdc.attacker import too_narrow


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

    Both are 0 in a table that was made. All `pairs` of two agencies were looked at too; 0 where none was, as
    in a table of rounded counts.
    """

    targets: int
    readers: int
    exact: int
    narrow: int
    coalitions: tuple[Coalition, ...]
    pairs: int

    def to_data(self) -> dict[str, Any]:
        """JSON-able. Names agencies: for the output checker."""
        return asdict(self)


def coalitions(
    table: Mapping[str, Any], shown: Mapping[str, int], cells: Mapping[str, str], agencies: Mapping[str, str]
) -> tuple[list[Coalition], int]:
    """What each two agencies could do together; how many pairs there are, all of them looked at.

    `table` is in the JSON form of `./dev protect`. `cells` says which counts to look at, and what they are
    called in the report; `agencies` what these are called.
    """
    by = {cell["id"]: cell.get("by") or {} for cell in table["cells"]}
    known = sorted({agency for parts in by.values() for agency, n in parts.items() if n})
    # Whoever knows the two largest parts of each count knows more than any pair, and whoever knows an
    # agency's part and the largest other one more than any pair with it: what they can't narrow, no pair can.
    unseen = {name for name in cells if name not in shown}
    near = _narrowed(table, shown, unseen, {name: _most(parts) for name, parts in by.items()})
    narrowed = {
        agency: _narrowed(table, shown, near, {name: _most(parts, agency) for name, parts in by.items()})
        for agency in known
    }
    found = []
    for a, b in combinations(known, 2):
        own = {name: parts.get(a, 0) + parts.get(b, 0) for name, parts in by.items()}
        read = _narrowed(table, shown, narrowed[a] & narrowed[b], own)
        read |= {
            name
            for name in cells
            if name in shown
            and a in by[name]
            and b in by[name]
            and 0 < shown[name] - own[name] < table["threshold"]
        }
        if read:
            one, other = sorted((agencies[a], agencies[b]))
            found.append(Coalition((one, other), tuple(sorted(cells[name] for name in read))))
    return sorted(found, key=lambda pair: pair.agencies), len(known) * (len(known) - 1) // 2


def _most(parts: Mapping[str, int], agency: str | None = None) -> int:
    """What two agencies brought at most, of which one is `agency` if it is given."""
    others = sorted(n for other, n in parts.items() if other != agency)
    return sum(others[-2:]) if agency is None else parts.get(agency, 0) + sum(others[-1:])


def _narrowed(
    table: Mapping[str, Any], shown: Mapping[str, int], cells: set[str], own: Mapping[str, int]
) -> set[str]:
    hidden = set(table["hidden"])
    least = {name: max(n, 0 if name in hidden else 1) for name, n in own.items() if name not in shown}
    reach = dict.fromkeys(sorted(cells), 0.0)
    return set(too_narrow(table, shown, reach, width=table["width"], own=least)) if reach else set()
