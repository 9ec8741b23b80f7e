"""The certificate of a protected table: alternative tables that fit all that is shown, two for each target.

Made from what a reader sees and knows alone, never from the true counts; checked by one sparse product and no
solver. It says which suppressed cells are small, so it is for the output checker and not for readers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reporting.sdc.moves import CLOSE, Grid, Steps, feasible
from reporting.sdc.proofs import Proofs
from reporting.sdc.rules import PUBLIC, Reader, primary, readers
from reporting.sdc.system import Flags, System, digest, matrix_of

FORMAT = "casehub-witness-1"
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Exposed:
    """A count that a reader can work out to closer than is allowed."""

    cell: str
    reader: str
    low: float
    high: float

    @property
    def exact(self) -> bool:
        return self.high - self.low < 1 - CLOSE


def certify(
    system: System, suppressed: Flags, *, seed: bytes, targets: Flags | None = None
) -> tuple[dict[str, Any], list[Exposed]]:
    """The certificate of a table with these cells suppressed, and whatever it can't vouch for.

    The intervals of what is exposed are the exact ones of the linear programme.
    """
    targets = primary(system) if targets is None else targets
    grid, unknown = Grid(system.matrix), suppressed | system.hidden
    sections, exposed = [], []
    for number, reader in enumerate(readers(system, targets)):
        rng = np.random.default_rng([*seed, number, 1])
        section, found = _section(system, grid, unknown, reader, rng)
        sections.append(section)
        exposed += found
    shown = {system.ids[at]: int(system.values[at]) for at in np.flatnonzero(~unknown)}
    return {
        "format": FORMAT,
        "threshold": system.threshold,
        "width": system.width,
        "strict": system.strict,
        "cells": list(system.ids),
        "lines": _lines(system),
        "slack": np.flatnonzero(system.slack).tolist(),
        "table": digest(system.ids, system.matrix, shown),
        "seed": hashlib.sha256(seed).hexdigest(),
        "readers": sections,
    }, exposed


def _section(
    system: System, grid: Grid, unknown: Flags, reader: Reader, rng: np.random.Generator
) -> tuple[dict[str, Any], list[Exposed]]:
    open_: Flags = unknown & ~reader.fixed
    floor = np.maximum(np.where(system.hidden, 0, np.minimum(system.least, system.values)), reader.least)
    base = system.values.astype(float)
    base[open_] = 0
    # From here on the true value of an unknown count is gone.
    start = feasible(grid, np.flatnonzero(open_), base, floor, rng.uniform(0.5, 1.5, int(open_.sum())))
    one = replace(reader, least=floor)
    proofs = Proofs(grid, start, np.ones_like(unknown), [one], system.width, 0, rng)
    proofs.prove(open_)
    proofs.prove_each(0, open_, ball=len(open_))
    exposed = [
        Exposed(
            system.ids[at],
            reader.name,
            float(start[at] - proofs.down[0, at]),
            float(start[at] + proofs.up[0, at]),
        )
        for at in proofs.weak(0)
    ]
    places = np.flatnonzero(open_)
    tables = np.tile(start[places], (len(proofs.moves) + 1, 1))
    for row, move in enumerate(proofs.moves, start=1):
        tables[row, np.searchsorted(places, move.places)] += move.by
    mine = np.flatnonzero(floor)
    chosen = np.flatnonzero(reader.targets)
    return {
        "reader": reader.name,
        "least": {int(at): int(floor[at]) for at in mine if open_[at]},
        "knows": {int(at): int(system.values[at]) for at in np.flatnonzero(reader.fixed & unknown)},
        "targets": chosen.tolist(),
        "reach": reader.reach[chosen].tolist(),
        "unknown": places.tolist(),
        "tables": [_short(table) for table in tables],
    }, exposed


def verify(data: Any, system: System | None = None) -> list[str]:
    """What is wrong with a protected table and its certificate, in sentences; nothing if it holds.

    With the table it was made from, also whether every small count is among the targets, and no count is
    other than it was. Solves nothing.
    """
    try:
        return _verify(data, system)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return ["This is not a protected table with its certificate."]


def _verify(data: Mapping[str, Any], system: System | None) -> list[str]:
    made = data["certificate"]
    if made["format"] != FORMAT:
        return ["The certificate has a format this version does not read."]
    ids: list[str] = made["cells"]
    at = {name: place for place, name in enumerate(ids)}
    shown: dict[str, int] = data["shown"]
    suppressed = set(data["suppressed"])
    matrix = matrix_of([(line[0], line[1:]) for line in made["lines"]], len(ids))
    wrong: list[str] = []
    if digest(tuple(ids), matrix, shown) != made["table"]:
        wrong.append("The counts shown are not those the certificate was made for.")
    if suppressed & set(shown) or not suppressed <= set(at):
        wrong.append("A cell is shown and suppressed at once, or is none of the table's.")
    threshold, width = int(made["threshold"]), int(made["width"])
    people = {*shown} - {ids[place] for place in made["slack"]}
    wrong += [
        f"{name} shows a count of {shown[name]}." for name in sorted(people) if 0 < shown[name] < threshold
    ]
    base = np.zeros(len(ids))
    base[[at[name] for name in shown]] = list(shown.values())
    unknown = sorted(set(range(len(ids))) - {at[name] for name in shown})
    if not any(section["reader"] == PUBLIC and not section["knows"] for section in made["readers"]):
        wrong.append("The certificate says nothing of the public.")
    needed = {at[name] for name in suppressed - set(data["secondary"])}
    for section in made["readers"]:
        who = section["reader"] or "the public"
        if not needed <= {*section["targets"], *map(int, section["knows"])}:
            wrong.append(f"Small cells are not among those protected from {who}.")
        tables = np.tile(base, (len(section["tables"]), 1))
        for place, n in section["knows"].items():
            tables[:, int(place)] = n
        if sorted([*section["unknown"], *map(int, section["knows"])]) != unknown:
            wrong.append(f"The certificate for {who} moves what is shown.")
            continue
        if section["unknown"]:
            tables[:, section["unknown"]] = section["tables"]
        if np.abs(matrix @ tables.T).max(initial=0) > CLOSE:
            wrong.append(f"An alternative table for {who} does not add up.")
        floor = np.zeros(len(ids))
        floor[[int(place) for place in section["least"]]] = list(section["least"].values())
        if (tables < floor - CLOSE).any():
            wrong.append(f"An alternative table for {who} has less than the reader knows.")
        low, high = tables.min(axis=0), tables.max(axis=0)
        targets, reach = np.array(section["targets"], dtype=int), np.array(section["reach"])
        narrow = (high[targets] - low[targets] < width - CLOSE) | (high[targets] < reach - CLOSE)
        wrong += [f"{ids[place]} is not proven uncertain for {who}." for place in targets[narrow]]
    return wrong + ([] if system is None else _against(system, data, made))


def _against(system: System, data: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    wrong = []
    if list(system.ids) != made["cells"] or _lines(system) != made["lines"]:
        return ["The certificate is of another table."]
    true = {name: int(n) for name, n in zip(system.ids, system.values, strict=True)}
    hidden = set(system.names(system.hidden))
    if any(true[name] != n for name, n in data["shown"].items()) or hidden & set(data["shown"]):
        wrong.append("A count shown is not the table's.")
    if set(true) - hidden != {*data["shown"], *data["suppressed"]}:
        wrong.append("A cell is neither shown nor suppressed.")
    if (system.threshold, system.width, system.strict) != (made["threshold"], made["width"], made["strict"]):
        wrong.append("The certificate is for other limits than the table's.")
    if np.flatnonzero(system.slack).tolist() != made["slack"]:
        wrong.append("The certificate takes people for numbers that are none, or the other way round.")
    targets = primary(system)
    wrong += [f"{name} is small and shown." for name in system.names(targets) if name in data["shown"]]
    for reader, section in zip(readers(system, targets), made["readers"], strict=False):
        chosen = np.flatnonzero(reader.targets)
        least = {int(place): n for place, n in section["least"].items()}
        mine = np.flatnonzero((reader.least > 0) & ~reader.fixed)
        if (
            reader.name != section["reader"]
            or chosen.tolist() != section["targets"]
            or reader.reach[chosen].tolist() != section["reach"]
            or any(
                system.ids[p] not in data["shown"] and least.get(int(p), 0) < reader.least[p] for p in mine
            )
        ):
            wrong.append(f"What {reader.name or 'the public'} knows is not what the certificate says.")
    if len(made["readers"]) != len(readers(system, targets)):
        wrong.append("The certificate leaves a reader out.")
    return wrong


def _lines(system: System) -> list[list[int]]:
    rows = system.matrix
    found = []
    for row in range(rows.shape[0]):
        span = slice(rows.indptr[row], rows.indptr[row + 1])
        signs, columns = rows.data[span], rows.indices[span]
        found.append([*columns[signs < 0].tolist(), *columns[signs > 0].tolist()])
    return found


def _short(table: Steps) -> list[float | int]:
    return [int(n) if n == int(n) else n for n in np.round(table, _DIGITS).tolist()]
