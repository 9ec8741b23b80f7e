"""Controlled rounding: the counts of a table as multiples of five that add up, and nothing small among them.

Suppression, the other way to protect a table, is in pattern.py; no figure is ever published both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from reporting.sdc.attacker import too_narrow
from reporting.sdc.pattern import Refused
from reporting.sdc.rules import Reader, primary, readers
from reporting.sdc.system import Counts, Flags, System

_DRAWS = 5
_NODES, _GAP = 5000, 0.05


def rounded(
    system: System, *, base: int = 5, seed: bytes, before: Mapping[str, int] | None = None
) -> dict[str, int]:
    """What is shown of each cell, by id; a published cell that is left out carries the one symbol.

    A shown number is a multiple of `base` next to the count (`interval`): a count that is a multiple stays,
    zeros stay, every line of which all cells are shown adds up, and nowhere do the shown parts exceed a shown
    total. Left out is whatever `rules.primary` keeps, and every other count whose lower multiple is below the
    threshold, so that the least number shown is 15. Forced cells stay as they are and are not in the answer.
    Promised: from all of this nobody, public or agency, works out a count that the rules keep to closer than
    `width`, by an attacker of other code. Which way a count goes falls by the `seed`, 32 secret bytes, but
    for one that was said `before` as a multiple next to it: that stays, where it can, so that a correction
    changes no figure for nothing.

    Raises pattern.Refused where no draw holds, or where a search of some thousand nodes finds nothing that
    adds up.
    """
    targets = primary(system)
    if (targets & system.forced).any():
        public = system.names(targets & system.forced)
        raise Refused(public, public)
    down = system.values - system.values % base
    kept: Flags = targets | ((system.values > 0) & (down < system.threshold))
    shown: Flags = system.published & ~system.forced & ~kept
    said = np.array([(before or {}).get(name, -base) for name in system.ids], dtype=np.int64)
    refused = Refused([], [])
    for draw in range(_DRAWS + bool(before)):
        kept_so = said if draw == 0 else np.full_like(said, -base)
        try:
            found = _draw(system, shown, base, np.random.default_rng([*seed, draw]), kept_so)
        except Refused as error:
            refused = error
            continue
        exposed = _exposed(system, targets, shown, found, base)
        if not exposed:
            return {system.ids[at]: int(found[at]) for at in np.flatnonzero(shown)}
        refused = Refused(exposed, [])
    raise refused


def interval(shown: int, base: int = 5) -> tuple[int, int]:
    """The counts that a rounded number may stand for, both ends included. Zero is zero."""
    return (max(shown - base + 1, 1), shown + base - 1) if shown else (0, 0)


def _draw(system: System, shown: Flags, base: int, rng: np.random.Generator, said: Counts) -> Counts:
    """A random one of the tables of adjacent multiples that add up, what was `said` kept. Raises Refused."""
    down = np.where(shown, system.values - system.values % base, 0)
    between = shown & (system.values % base > 0)
    stays = between & (said % base == 0) & (abs(said - system.values) < base)
    down = np.where(stays, said, down)
    free = np.flatnonzero(between & ~stays)
    matrix, seen = system.matrix, shown.astype(np.int64)
    whole = abs(matrix) @ (1 - seen) == 0
    of_total = (matrix < 0).astype(np.int64) @ seen > 0
    lines, exact = matrix[np.flatnonzero(whole | of_total)], whole[whole | of_total]
    # Each count would go up as often as it lies nearer to the upper multiple (unbiased, and never surely the
    # nearest one: that would halve what a reader can't know); what has to give way to add up does.
    up = rng.random(len(system.values)) < (system.values % base) / base
    against = np.where(up, -1.0, 1.0) * rng.uniform(0.5, 1.5, len(up))
    found = down.copy()
    if free.size:
        left = -(lines @ down) // base
        solved = milp(
            against[free],
            constraints=LinearConstraint(lines[:, free], np.where(exact, left, -np.inf), left)
            if lines.shape[0]
            else (),
            bounds=Bounds(0, 1),
            integrality=np.ones(free.size),
            options={"node_limit": _NODES, "mip_rel_gap": _GAP},
        )
        if solved.x is None:
            raise Refused([], system.names(shown))
        found[free] += base * np.rint(solved.x).astype(np.int64)
    return found


def _exposed(system: System, targets: Flags, shown: Flags, found: Counts, base: int) -> list[str]:
    """Counts that some reader works out too closely, when each rounded one is taken for its interval."""
    ends = {system.ids[at]: interval(int(found[at]), base) for at in np.flatnonzero(shown)}
    known = {name: low for name, (low, high) in ends.items() if low == high}
    known |= {system.ids[at]: int(system.values[at]) for at in np.flatnonzero(system.forced)}
    most = {name: high for name, (_, high) in ends.items() if name not in known}
    kept = system.published & ~shown & ~system.forced
    if not any(system.by):
        # Where nothing but size decides, the symbol says that a count is small.
        small = kept & (system.values > 0) & (system.values - system.values % base < system.threshold)
        most |= dict.fromkeys(system.names(small), -(-system.threshold // base) * base - 1)
    table: dict[str, Any] = {
        "cells": [{"id": name} for name in (*system.ids, *map(_below, most), *map(_most, most))],
        "relations": [
            *system.relations(),
            *({"total": _most(name), "parts": [name, _below(name)]} for name in most),
        ],
    }
    known |= {_most(name): high for name, high in most.items()}
    low = {name: low for name, (low, _) in ends.items()} | dict.fromkeys(system.names(kept), 1)
    exposed: set[str] = set()
    for reader in readers(system, targets):
        exposed |= _narrow(system, reader, table, known, low)
    return sorted(exposed)


def _narrow(
    system: System, reader: Reader, table: Mapping[str, Any], known: Mapping[str, int], low: Mapping[str, int]
) -> set[str]:
    knows = {system.ids[at]: int(system.values[at]) for at in np.flatnonzero(reader.fixed)}
    own = {name: max(low.get(name, 0), int(n)) for name, n in zip(system.ids, reader.least, strict=True)}
    reach = {system.ids[at]: float(reader.reach[at]) for at in np.flatnonzero(reader.targets)}
    return set(too_narrow(table, known, reach, width=system.width, knows=knows, own=own))


def _below(name: str) -> str:
    """How much less than its most a count is."""
    return f"{name} below its most"


def _most(name: str) -> str:
    return f"{name} at most"
