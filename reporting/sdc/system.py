"""Counts and how they add up, as one linear system: cells are columns, relations are rows.

Hierarchies, linked tables, earlier releases, increments and the differences between stages are all just more
rows and columns of it. No rule and no solver lives here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Malformed(ValueError):
    """What was handed in is no table. The message is a whole sentence that says where."""


@dataclass(frozen=True, slots=True)
class System:
    """A table to be protected. Every array has one entry per cell, in the order of `ids`.

    `matrix` has one row per relation, -1 at its total and 1 at its parts: times `values` it is zero.
    `hidden` cells exist and are never published; `forced` ones are public already. `network` cells are summed
    over the whole network by design, `sensitive` ones are declared so by the caller, whatever their count.
    `by` says how many of a count each agency brought in, and may leave some out. `known` is what readers know
    beyond that: the whole count of a cell, or that it is at least so many. `least` is what everybody knows of
    a suppressed count: 1 where readers are told that every zero is shown. `slack` numbers are not people (a
    bound, what a count is above it, a constant), so they may be small and may be known. The other numbers are
    those of `policy.Policy`.
    """

    ids: tuple[str, ...]
    values: Counts = field(repr=False)
    matrix: sparse.csr_array
    forced: Flags = field(repr=False)
    hidden: Flags = field(repr=False)
    network: Flags = field(repr=False)
    sensitive: Flags = field(repr=False)
    slack: Flags = field(repr=False)
    by: tuple[Mapping[str, int], ...] = field(repr=False)
    known: Mapping[str, Mapping[int, int]] = field(repr=False)
    threshold: int = 11
    width: int = 5
    strict: bool = False
    least: int = 0
    min_agencies: int = 3
    dominance: Fraction = Fraction(4, 5)

    @property
    def published(self) -> Flags:
        """Cells that have a place in the table as it is printed."""
        return ~self.hidden

    def names(self, flags: Flags) -> list[str]:
        return [self.ids[at] for at in np.flatnonzero(flags)]

    def relations(self) -> list[dict[str, Any]]:
        """As in the input: each total with its parts, by id."""
        found: list[dict[str, Any]] = []
        for row in range(self.matrix.shape[0]):
            span = slice(self.matrix.indptr[row], self.matrix.indptr[row + 1])
            columns, signs = self.matrix.indices[span], self.matrix.data[span]
            found.append(
                {
                    "total": self.ids[columns[signs < 0][0]],
                    "parts": [self.ids[at] for at in columns[signs > 0]],
                }
            )
        return found


def read(data: Any) -> System:
    """The system of a table in the JSON form of `./dev protect`; raises Malformed."""
    if not isinstance(data, Mapping) or "cells" not in data:
        raise Malformed("A table is a JSON object with cells and relations.")
    if unknown := sorted(set(data) - _KEYS):
        raise Malformed(f"A table has no {unknown[0]!r}.")
    cells = _list(data, "cells")
    at: dict[str, int] = {}
    values: list[int] = []
    by: list[dict[str, int]] = []
    for cell in cells:
        if not isinstance(cell, Mapping) or not isinstance(cell.get("id"), str):
            raise Malformed("Every cell needs an id.")
        name = cell["id"]
        if unknown := sorted(set(cell) - _CELL_KEYS):
            raise Malformed(f"The cell {name!r} has a {unknown[0]!r} that no cell may have.")
        if name in at:
            raise Malformed(f"The cell {name!r} stands in the table twice.")
        at[name] = len(values)
        values.append(_count(cell.get("value"), f"The value of {name!r}"))
        shares = cell.get("by") or {}
        if not isinstance(shares, Mapping):
            raise Malformed(f"What agencies brought into {name!r} must be an object.")
        by.append({str(a): _count(n, f"The part of {a!r} in {name!r}") for a, n in shares.items()})
        if sum(by[-1].values()) > values[-1]:
            raise Malformed(f"Agencies brought more into {name!r} than there are.")

    def place(name: Any) -> int:
        if not isinstance(name, str) or name not in at:
            raise Malformed(f"There is no cell {name!r}.")
        return at[name]

    def flags(key: str) -> Flags:
        found = np.zeros(len(values), dtype=np.bool_)
        found[[place(name) for name in _list(data, key)]] = True
        return found

    network = np.array([bool(cell.get("network")) for cell in cells], dtype=np.bool_)
    counts = np.array(values, dtype=np.int64)
    matrix = _matrix(_list(data, "relations"), place, len(values))
    wrong = np.flatnonzero(matrix @ counts)
    if wrong.size:
        total = _list(data, "relations")[int(wrong[0])]["total"]
        raise Malformed(f"The parts of {total!r} do not add up to it.")
    known: dict[str, dict[int, int]] = {}
    for one in _list(data, "known"):
        if not isinstance(one, Mapping) or not isinstance(one.get("cells"), Mapping) or not one.get("scope"):
            raise Malformed("What is known needs a scope and cells.")
        mine = known.setdefault(str(one.get("scope")), {})
        for name, n in one["cells"].items():
            mine[place(name)] = max(mine.get(place(name), 0), _count(n, f"What is known of {name!r}"))
            if mine[place(name)] > counts[place(name)]:
                raise Malformed(f"More is known of {name!r} than there is.")
    threshold, width = (
        _count(data.get("threshold", 11), "The threshold"),
        _count(data.get("width", 5), "The width"),
    )
    if threshold < 2 or width < 1:
        raise Malformed("The threshold must be at least 2 and the width at least 1.")
    hidden, forced = flags("hidden"), flags("forced")
    if (hidden & forced).any():
        raise Malformed("A cell can't be hidden and public at once.")
    return System(
        ids=tuple(at),
        values=counts,
        matrix=matrix,
        forced=forced,
        hidden=hidden,
        network=network,
        sensitive=flags("sensitive"),
        slack=flags("slack"),
        by=tuple(by),
        known=known,
        threshold=threshold,
        width=width,
        strict=bool(data.get("strict", False)),
        least=min(1, _count(data.get("least", 0), "The least count")),
        min_agencies=_count(data.get("min_agencies", 3), "The least number of agencies"),
        dominance=_part(data.get("dominance", "4/5")),
    )


def digest(ids: tuple[str, ...], matrix: sparse.csr_array, shown: Mapping[str, int]) -> str:
    """SHA-256, in hex, of what a reader sees: the cells' names, how they add up, and the counts shown."""
    rows = matrix.tocoo()
    content = {
        "ids": list(ids),
        "relations": sorted(zip(rows.row.tolist(), rows.col.tolist(), rows.data.tolist(), strict=True)),
        "shown": sorted(shown.items()),
    }
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def matrix_of(rows: list[tuple[int, list[int]]], width: int) -> sparse.csr_array:
    """One row per relation: its total and its parts, as places."""
    lengths = [len(parts) + 1 for _, parts in rows]
    columns = [place for total, parts in rows for place in (total, *parts)]
    signs = [sign for _, parts in rows for sign in (-1, *[1] * len(parts))]
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return sparse.csr_array(
        (np.array(signs, dtype=np.int64), np.array(columns, dtype=np.int64), starts), shape=(len(rows), width)
    )


_MOST = 1_000_000_000
_CELL_KEYS = {"id", "value", "by", "network"}
_KEYS = {
    "threshold",
    "width",
    "strict",
    "cells",
    "relations",
    "known",
    "forced",
    "hidden",
    "sensitive",
    "slack",
    "least",
    "min_agencies",
    "dominance",
}


def _matrix(relations: list[Any], place: Any, width: int) -> sparse.csr_array:
    rows = []
    for relation in relations:
        if not isinstance(relation, Mapping) or not isinstance(relation.get("parts"), list):
            raise Malformed("A relation needs a total and parts.")
        total, parts = place(relation.get("total")), [place(part) for part in relation["parts"]]
        if len({total, *parts}) != len(parts) + 1:
            raise Malformed(f"A cell stands twice in the relation of {relation['total']!r}.")
        rows.append((total, parts))
    return matrix_of(rows, width)


def _list(data: Mapping[str, Any], key: str) -> list[Any]:
    found = data.get(key) or []
    if not isinstance(found, list):
        raise Malformed(f"{key!r} must be a list.")
    return found


def _count(value: Any, what: str) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise Malformed(f"{what} must be a whole number from 0 to {_MOST:,}.")
    return value


def _part(value: Any) -> Fraction:
    """A part of one, as "4/5" or 0.8."""
    try:
        found = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if not 0 < found <= 1:
        raise Malformed('The dominance must be a part of one, such as "4/5".')
    return found
