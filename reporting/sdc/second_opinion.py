"""An audit in the eyes of every reader, by other code than the engine's: reads the rules from the JSON again.

The arithmetic is attacker.py's; nothing here is shared with what chose and proved the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from reporting.sdc.attacker import too_narrow


@dataclass(frozen=True, slots=True)
class Exposure:
    """A count that `reader` ("" is the public) can work out to lie from `low` to `high`, and should not."""

    cell: str
    reader: str
    low: float
    high: float

    @property
    def exact(self) -> bool:
        return self.high - self.low < 1


@dataclass(frozen=True, slots=True)
class Audit:
    """What an attack in the eyes of every reader found: `exposed` has each count once, at its narrowest."""

    targets: int
    readers: int
    exposed: tuple[Exposure, ...]

    def to_data(self) -> dict[str, int]:
        """How many counts some reader works out to the person, and to closer than is allowed."""
        return {
            "exact": sum(one.exact for one in self.exposed),
            "narrow": len(self.exposed),
            "targets": self.targets,
            "readers": self.readers,
        }


def audit(table: Mapping[str, Any], shown: Mapping[str, int]) -> Audit:
    """Attack all that must not be worked out of a table in the JSON form of `./dev protect`."""
    few, width = table.get("threshold", 11), table.get("width", 5)
    hidden, slack = set(table.get("hidden") or ()), set(table.get("slack") or ())
    value = {cell["id"]: cell["value"] for cell in table["cells"]}
    targets = {cell["id"] for cell in table["cells"] if _is_small(cell, table)} - slack
    found = {name: Exposure(name, "", value[name], value[name]) for name in targets & shown.keys()}
    readers = _readers(table)
    for reader, own, knows in readers:
        least = {name: 0 if name in hidden else min(1, table.get("least", 0)) for name in value}
        least |= {name: max(least[name], n) for name, n in own.items()}
        reach: dict[str, float] = {}
        for name in targets - shown.keys() - knows.keys():
            rest = value[name] - own.get(name, 0)
            some = own.get(name, 0) + few if 0 < rest < few else 0
            reach[name] = max(some, few if value[name] < few else 0) if table.get("strict") else 0
        if not knows:
            for name, n in _whole(table, reader).items():
                if name in hidden and n == value[name]:
                    reach.pop(name, None)
        narrow = too_narrow(table, shown, reach, width=width, knows=knows, own=least)
        for name, (low, high) in narrow.items():
            if name not in found or high - low < found[name].high - found[name].low:
                found[name] = Exposure(name, reader, low, high)
    return Audit(len(targets), len(readers), tuple(found[name] for name in sorted(found)))


def _is_small(cell: Mapping[str, Any], table: Mapping[str, Any]) -> bool:
    """Whether a count may not be read: too few people, or so once an agency takes its own away; of too few
    agencies, or of one for the most part."""
    few, n, parts = (
        table.get("threshold", 11),
        cell["value"],
        [p for p in (cell.get("by") or {}).values() if p],
    )
    if n == 0:
        return False
    if cell["id"] in set(table.get("sensitive") or ()) or any(0 < n - p < few for p in (0, *parts)):
        return True
    if cell.get("network") or not parts:
        return False
    too_few = sum(parts) == n and len(parts) < table.get("min_agencies", 3)
    return bool(too_few or max(parts) > Fraction(str(table.get("dominance", "4/5"))) * n)


def _readers(table: Mapping[str, Any]) -> list[tuple[str, dict[str, int], dict[str, int]]]:
    """Who reads: name, what it has for a lower bound, what it knows as the whole count."""
    value = {cell["id"]: cell["value"] for cell in table["cells"]}
    own: dict[str, dict[str, int]] = {}
    for cell in table["cells"]:
        for agency, n in (cell.get("by") or {}).items():
            if n:
                own.setdefault(agency, {})[cell["id"]] = n
    for scope in {one["scope"] for one in table.get("known") or ()}:
        for name, n in _whole(table, scope).items():
            mine = own.setdefault(scope, {})
            mine[name] = max(mine.get(name, 0), n)
    found: list[tuple[str, dict[str, int], dict[str, int]]] = [("", {}, {})]
    for reader, cells in sorted(own.items()):
        found.append((reader, cells, {}))
        knows = {name: n for name, n in _whole(table, reader).items() if n == value[name]}
        if knows:
            found.append((reader, cells, knows))
    return found


def _whole(table: Mapping[str, Any], scope: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in table.get("known") or ():
        if one["scope"] == scope:
            for name, n in one["cells"].items():
                found[name] = max(n, found.get(name, 0))
    return found
