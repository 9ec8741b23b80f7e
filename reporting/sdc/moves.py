"""Alternative tables: how far unknown counts can move while everything shown stays as it is (HiGHS).

A move is what an alternative table has more or less than the true one; the relations are
checked for each that is handed out. Which counts are unknown, and how far they go, is the caller's.
"""

from __future__ import annotations

import highspy
import numpy as np
import numpy.typing as npt
from highspy._core import _Highs
from scipy import sparse
from scipy.sparse import csgraph

from reporting.sdc.system import Counts, Flags

Places = npt.NDArray[np.int64]
Steps = npt.NDArray[np.float64]
CLOSE = 1e-6
_REWARD = 1e5
_NODES = 1000  # of one whole-number programme; a time limit would make answers differ from day to day


class Grid:
    """The relations in both directions, so that what hangs together is found without a search."""

    def __init__(self, matrix: sparse.csr_array) -> None:
        self.rows = matrix.tocsr()
        self.columns = matrix.tocsc()

    def ball(self, start: npt.ArrayLike, among: Flags, limit: int) -> Places:
        """Up to about `limit` cells of `among` that are nearest to `start`, the start with them."""
        seen = np.zeros(len(among), dtype=np.bool_)
        done = np.zeros(self.rows.shape[0], dtype=np.bool_)
        edge = np.atleast_1d(np.asarray(start, dtype=np.int64))
        seen[edge] = True
        found = int(seen.sum())
        while edge.size and found < limit:
            lines = _gather(self.columns, edge)
            lines = np.unique(lines[~done[lines]])
            done[lines] = True
            near = _gather(self.rows, lines)
            edge = np.unique(near[among[near] & ~seen[near]])
            seen[edge] = True
            found += edge.size
        return np.flatnonzero(seen)

    def pieces(self, among: Flags) -> list[Places]:
        """The cells of `among`, those together that hang together through relations of theirs."""
        places = np.flatnonzero(among)
        part = abs(self.columns[:, places])
        _, label = csgraph.connected_components(part.T @ part, directed=False)
        order = np.argsort(label, kind="stable")
        return np.split(places[order], np.flatnonzero(np.diff(label[order])) + 1) if places.size else []

    def alone(self, places: Places) -> sparse.csc_array:
        """The relations of these cells only, without empty rows."""
        part = self.columns[:, places]
        used, rows = np.unique(part.indices, return_inverse=True)
        return sparse.csc_array((part.data, rows.astype(np.int64), part.indptr), (len(used), len(places)))


class Spread:
    """The programme that moves many counts at once, each by up to `cap` up, or `drop` down, and no more.

    Counts that are not asked to move give way as far as they must.
    """

    def __init__(
        self, grid: Grid, places: Places, room: Counts | Steps, cap: Counts | Steps, drop: Counts
    ) -> None:
        self.places = places
        self._part = grid.alone(places)
        self._room, self._cap, self._drop = room.astype(float), cap.astype(float), drop.astype(float)
        n = len(places)
        self._cost, self._farthest = np.zeros(n), False
        self._highs = _load(self._part, lower=-self._room, upper=np.full(n, highspy.kHighsInf))
        self._all = np.arange(n, dtype=np.int32)

    def move(self, targets: Places, *, up: bool) -> Steps:
        """A move that takes as many of `targets` (positions in `places`) as far as it can; zeros if none."""
        which, n = targets.astype(np.int32), len(targets)
        self._cost[:] = 0
        self._cost[targets] = -1.0 / self._cap[targets] if up else 1.0 / self._drop[targets]
        self._highs.changeColsCost(len(self._all), self._all, self._cost)
        lower = -np.minimum(self._room, self._drop)[targets]
        self._highs.changeColsBounds(n, which, lower, self._cap[targets])
        found = _solve(self._highs)
        self._farthest = self._highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        self._highs.changeColsBounds(n, which, -self._room[targets], np.full(n, highspy.kHighsInf))
        return np.zeros(len(self._all)) if found is None else tidy(found, self._part)

    def rest(self) -> None:
        """Start the next solution from where nothing moves: it touches less, and seldom has fractions."""
        self._highs.setBasis()

    def whole(self, targets: Places, *, up: bool) -> tuple[Steps, bool]:
        """The same in whole numbers, and whether so many nodes were enough to find the farthest."""
        n = len(self.places)
        kinds = np.full(n, highspy.HighsVarType.kInteger)
        self._highs.changeColsIntegrality(n, self._all, kinds)
        self._highs.setOptionValue("presolve", "on")
        found = self.move(targets, up=up)
        kinds[:] = highspy.HighsVarType.kContinuous
        self._highs.changeColsIntegrality(n, self._all, kinds)
        self._highs.setOptionValue("presolve", "off")
        return found, self._farthest


class Push:
    """The programme that moves one count and pays for every shown count it has to move along."""

    def __init__(self, grid: Grid, places: Places, room: Counts | Steps, price: Steps) -> None:
        self.places = places
        self._part = grid.alone(places)
        self._room, self._price = room.astype(float), price.copy()
        n = len(places)
        self._highs = _load(
            sparse.hstack([self._part, -self._part], format="csc"),
            lower=np.zeros(2 * n),
            upper=np.concatenate([np.full(n, highspy.kHighsInf), self._room]),
        )
        self._all = np.arange(2 * n, dtype=np.int32)
        self._highs.setOptionValue("simplex_strategy", 4)

    def reprice(self, where: Places, price: float) -> None:
        self._price[where] = price

    def move(self, target: int, need: int, *, up: bool, price: Steps | None = None) -> Steps | None:
        """The cheapest move that takes `target` so far, fractions and all; None if there is none.

        From rest, where nothing moves, only what pays for itself is touched: few steps even in a wide table.
        """
        n = len(self.places)
        if not up and self._room[target] < need:
            return None
        price = self._price if price is None else price
        cost = np.concatenate([price, price])
        there, back = (target, n + target) if up else (n + target, target)
        cost[there] = -_REWARD
        both = np.array([there, back], dtype=np.int32)
        self._highs.changeColsCost(2 * n, self._all, cost)
        self._highs.changeColsBounds(2, both, np.zeros(2), np.array([float(need), 0.0]))
        self._highs.setBasis()
        found = _solve(self._highs)
        again = np.array([highspy.kHighsInf, self._room[target]])
        self._highs.changeColsBounds(2, np.array([target, n + target], dtype=np.int32), np.zeros(2), again)
        if found is None or found[there] < need - CLOSE:
            return None
        return tidy(found[:n] - found[n:], self._part)


def tidy(move: Steps, part: sparse.csc_array) -> Steps:
    """A move without the dust of floating point; zeros if the relations do not hold in it."""
    near = np.rint(move)
    found: Steps = np.where(np.abs(move - near) < CLOSE, near, move)
    if np.abs(part @ found).max(initial=0) > CLOSE:
        return np.zeros(len(move))
    return found


def _gather(matrix: sparse.csr_array | sparse.csc_array, which: Places) -> Places:
    """The indices of several rows (or columns) one after the other."""
    starts, ends = matrix.indptr[which], matrix.indptr[which + 1]
    lengths = ends - starts
    offsets = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    found: Places = matrix.indices[np.arange(lengths.sum()) + offsets].astype(np.int64)
    return found


def _quiet() -> _Highs:
    """A solver that prints nothing: standard output may be somebody's JSON.

    The bare class, because the other registers callbacks and so prints a banner before it can be silenced.
    """
    highs = _Highs()
    highs.setOptionValue("log_to_console", False)
    highs.setOptionValue("output_flag", False)
    return highs


def _load(matrix: sparse.csc_array, lower: npt.NDArray[np.float64], upper: npt.NDArray[np.float64]) -> _Highs:
    programme = highspy.HighsLp()
    programme.num_row_, programme.num_col_ = matrix.shape
    programme.col_cost_ = np.zeros(matrix.shape[1])
    programme.col_lower_, programme.col_upper_ = lower.astype(float), upper.astype(float)
    programme.row_lower_ = programme.row_upper_ = np.zeros(matrix.shape[0])
    programme.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    programme.a_matrix_.start_ = matrix.indptr.astype(np.int32)
    programme.a_matrix_.index_ = matrix.indices.astype(np.int32)
    programme.a_matrix_.value_ = matrix.data.astype(float)
    highs = _quiet()
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("presolve", "off")
    highs.setOptionValue("mip_max_nodes", _NODES)
    highs.passModel(programme)
    return highs


def _solve(highs: _Highs) -> Steps | None:
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return np.array(highs.getSolution().col_value)


def feasible(grid: Grid, places: Places, base: Steps, floor: Counts, cost: Steps) -> Steps:
    """A table that fits `base` everywhere but at `places`, where it is whatever adds up and costs least.

    Raises ValueError when there is none.
    """
    part = grid.columns[:, places]
    left = -(grid.columns @ base)
    used = np.unique(part.indices)
    if np.abs(np.delete(left, used)).max(initial=0) > CLOSE:
        raise ValueError("the figures shown contradict each other")
    found = base.copy()
    if not len(places):
        return found
    highs = _load(grid.alone(places), floor[places].astype(float), np.full(len(places), highspy.kHighsInf))
    highs.changeColsCost(len(places), np.arange(len(places), dtype=np.int32), cost)
    for row, n in enumerate(left[used]):
        highs.changeRowBounds(row, float(n), float(n))
    solved = _solve(highs)
    if solved is None:
        raise ValueError("the figures shown contradict each other")
    near = np.rint(solved)
    found[places] = np.where(np.abs(solved - near) < CLOSE, near, solved)
    return found
