"""Windows of time and how they lie in one another: pieces, covers, and counts for pieces nobody counted.

Days and numbers alone; what a figure is, and what of it may be said, is in ledger.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

Window = tuple[date, date]
"""Half-open."""

_COVERS = 6
_NODES = 2000
"""Of the search for a guess: a limit by the clock would make the answer hang on how busy the machine is."""


def within(inner: Window, outer: Window) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def pieces(windows: Iterable[Window]) -> list[Window]:
    """The time that windows hold, cut wherever one of them starts or ends; what none holds is left out."""
    given = list(windows)
    cuts = sorted({day for window in given for day in window})
    return [piece for piece in pairwise(cuts) if any(within(piece, window) for window in given)]


def directly_within(windows: Sequence[Window]) -> list[tuple[Window, Window]]:
    """Each window with those inside it, but for those inside another one inside it."""
    pairs = [(a, b) for a in windows for b in windows if a != b and within(b, a)]
    return [(a, b) for a, b in pairs if not any((a, c) in pairs and (c, b) in pairs for c in windows)]


def covers(window: Window, others: Iterable[Window]) -> list[list[Window]]:
    """Sets of other windows that together hold all of this one, none of them for nothing; not all there are.

    A window that holds all of it alone says nothing but that. Long ones inside come first: that a year is at
    most its quarters, and each quarter its months, says that the year is at most its months, and not the
    other way round.
    """
    near = [o for o in others if o[0] < window[1] and window[0] < o[1] and not within(window, o)]
    near.sort(key=lambda o: (not within(o, window), o[0] - o[1], o))
    found: list[list[Window]] = []

    def extend(chosen: list[Window], until: date) -> None:
        if len(found) == _COVERS:
            return
        if until >= window[1]:
            found.append(chosen)
            return
        before = chosen[-2][1] if len(chosen) > 1 else window[0]
        for other in near:
            if other[0] <= until < other[1] and (not chosen or other[0] > before or len(chosen) < 2):
                extend([*chosen, other], other[1])

    extend([], window[0])
    return found


def guessed(sums: Sequence[tuple[int, Mapping[int, int]]], size: int) -> list[int]:
    """Whole numbers, none below 0, that fit `sums` as nearly as can be: each (n, {place: sign}) is one sum.

    As many as can be are not 0: who knows no better must take it that there is somebody.
    """
    rows, columns, signs = [], [], []
    for row, (_, places) in enumerate(sums):
        for place, sign in places.items():
            rows.append(row)
            columns.append(place)
            signs.append(sign)
    count = len(sums)
    fits = sparse.csr_array((signs, (rows, columns)), shape=(count, size))
    off = sparse.eye_array(count, format="csr")
    some = sparse.eye_array(size, format="csr")
    # Counts, whether there is somebody, and by how much each sum is missed upward and downward.
    programme = sparse.vstack(
        [
            sparse.hstack([fits, sparse.csr_array((count, size)), off, -off]),
            sparse.hstack([some, -some, sparse.csr_array((size, 2 * count))]),
        ]
    )
    wanted = np.array([n for n, _ in sums], dtype=float)
    cost = np.concatenate([np.zeros(size), np.full(size, -1.0), np.full(2 * count, 4.0 * size)])
    most = np.concatenate([np.full(size, np.inf), np.ones(size), np.full(2 * count, np.inf)])
    found = milp(
        cost,
        constraints=LinearConstraint(
            programme,
            np.concatenate([wanted, np.zeros(size)]),
            np.concatenate([wanted, np.full(size, np.inf)]),
        ),
        bounds=Bounds(np.zeros(len(cost)), most),
        integrality=np.concatenate([np.ones(size), np.zeros(size + 2 * count)]),
        options={"node_limit": _NODES},
    )
    if found.x is None:
        return [0] * size
    return [int(n) for n in np.rint(found.x[:size])]
