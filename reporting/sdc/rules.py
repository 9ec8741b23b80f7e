"""Which counts are too small to be read, and who reads: the primary rules, and what each reader knows.

How the rest of a table is kept from giving them away is decided in pattern.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from reporting.sdc.system import Counts, Flags, System

PUBLIC = ""
"""The reader who knows nothing but what is shown."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who reads the table, and what that reader knows before.

    A count is at least `least`; the `fixed` ones the reader knows already. Of each of `targets` the interval
    that can be worked out must be `width` wide, and reach `reach` (0: however little).
    """

    name: str
    least: Counts = field(repr=False)
    fixed: Flags = field(repr=False)
    targets: Flags = field(repr=False)
    reach: Counts = field(repr=False)


def may_show(system: System, value: int, by: Mapping[str, int], *, network: bool = False) -> bool:
    """Whether a count that is made up like this may be read by anybody, those who brought it in included.

    As `policy.Policy.may_show`, which is for counts whose agencies are all named: `by` may leave some out. A
    count of the whole `network` by design may be one or two agencies' for the most part.
    """
    parts = [n for n in by.values() if n]
    if value == 0:
        return True
    if value < system.threshold or any(0 < value - n < system.threshold for n in parts):
        return False
    if network or not parts:
        return True
    few = len(parts) < system.min_agencies and sum(parts) == value
    return not few and max(parts) <= system.dominance * value


def primary(system: System) -> Flags:
    """Cells that no reader may work out: published or hidden, for they are people either way.

    Counts of 1 to threshold - 1 (CMS cell size policy). Counts from which an agency can take its own and be
    left with as few. Counts of fewer than three agencies, where all who brought some are named, and counts of
    which one agency makes up more than four fifths, unless network-wide. Cells the caller declares. Never
    numbers that are not people.
    """
    found: Flags = system.sensitive & (system.values > 0)
    counts, network = system.values.tolist(), system.network.tolist()
    for at, by in enumerate(system.by):
        found[at] |= not may_show(system, counts[at], by, network=network[at])
    return found & ~system.slack


def readers(system: System, targets: Flags) -> list[Reader]:
    """The public first, then each agency that knows its own counts, and whoever is said to know more.

    Who knows a cell's whole count reads twice: as one who takes it for a lower bound, since an agency that
    brought in everybody does not know that nobody else did, and as one who knows.
    """
    own: dict[str, dict[int, int]] = {name: dict(cells) for name, cells in system.known.items()}
    for at, by in enumerate(system.by):
        for name, n in by.items():
            if n:
                mine = own.setdefault(name, {})
                mine[at] = max(mine.get(at, 0), n)
    nothing = np.zeros_like(system.values)
    found = [Reader(PUBLIC, nothing, nothing.astype(np.bool_), targets, _reach(system, nothing))]
    for name in sorted(own):
        least = nothing.copy()
        least[list(own[name])] = list(own[name].values())
        whole = np.zeros(len(least), dtype=np.bool_)
        whole[[at for at, n in system.known.get(name, {}).items() if n == system.values[at]]] = True
        reach = _reach(system, least)
        found.append(Reader(name, least, np.zeros_like(whole), targets & ~(whole & system.hidden), reach))
        if whole.any():
            found.append(Reader(name, least, whole, targets & ~whole, reach))
    return found


def _reach(system: System, least: Counts) -> Counts:
    """In strict mode a small count, or what is left beside one's own, must look as if it were none."""
    rest = system.values - least
    if not system.strict:
        return np.zeros_like(rest)
    small = (rest > 0) & (rest < system.threshold)
    reach = np.where(small, least + system.threshold, 0)
    return np.maximum(reach, np.where(system.values < system.threshold, system.threshold, 0))
