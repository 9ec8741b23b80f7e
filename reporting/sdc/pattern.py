"""What to suppress beside the small counts, so that no reader can work one out.

The search knows the true counts; what it promises is proven again without them in certificate.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from reporting.sdc.moves import Grid, Places, Push, Steps
from reporting.sdc.proofs import Proofs
from reporting.sdc.rules import primary, readers
from reporting.sdc.system import Flags, System

_FREE = 1e-3
_NEAR = 700
_MANY = 20


class Refused(Exception):
    """Nothing that may be suppressed protects the cells `blocked`; what is public `blocks` them. By id."""

    def __init__(self, blocked: list[str], blocks: list[str]) -> None:
        super().__init__("Nothing that may be suppressed protects " + ", ".join(blocked) + ".")
        self.blocked, self.blocks = blocked, blocks


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which cells are suppressed: those that are small themselves, and those beside them."""

    suppressed: Flags = field(repr=False)
    secondary: Flags = field(repr=False)
    targets: Flags = field(repr=False)
    cost: float


def cost_of(system: System) -> npt.NDArray[np.float64]:
    """What suppressing a cell costs: 1 + ln(1 + count), so that few and small counts go."""
    return 1.0 + np.log1p(system.values)


def choose(system: System, *, seed: bytes, tries: int = 1) -> Pattern:
    """The cheapest of `tries` patterns that protect the table. Ties fall as the seed says. Raises Refused."""
    found = [_Search(system, np.random.default_rng([*seed, turn])).settle() for turn in range(tries)]
    return min(found, key=lambda search: search.found().cost).whole_numbers()


class _Search:
    def __init__(self, system: System, rng: np.random.Generator) -> None:
        self._system, self._rng = system, rng
        self._targets = primary(system)
        self._readers = readers(system, self._targets)
        if (self._targets & system.forced).any():
            public = system.names(self._targets & system.forced)
            raise Refused(public, public)
        self._grid = Grid(system.matrix)
        self._cost = cost_of(system) * rng.uniform(1.0, 1.05, len(system.values))
        self._suppressed: Flags = self._targets & system.published
        zero = system.values == 0
        self._open: Flags = (system.published & ~system.forced & ~zero) | system.hidden
        self._empty = self._under_shown_zeros()
        self._proofs = Proofs(
            self._grid, system.values, system.hidden, self._readers, system.width, system.least, rng
        )
        self._pushes: dict[int, Push] = {}

    def settle(self) -> _Search:
        self._start()
        self._proofs.prove(self._unknown())
        self._push_all()
        self._clean_up()
        return self

    def found(self) -> Pattern:
        secondary = self._suppressed & ~self._targets
        cost = float(cost_of(self._system)[secondary].sum())
        return Pattern(self._suppressed.copy(), secondary, self._targets, cost)

    def _unknown(self) -> Flags:
        return (self._suppressed | self._system.hidden) & ~self._empty

    def _under_shown_zeros(self) -> Flags:
        """Hidden counts that a zero shown above them makes zero: nobody doubts them."""
        system = self._system
        zero: Flags = (system.values == 0) & system.published
        while True:
            rows = system.matrix.tocoo()
            totals = np.zeros(system.matrix.shape[0], dtype=np.bool_)
            totals[rows.row[rows.data < 0]] = zero[rows.col[rows.data < 0]]
            more = rows.col[(rows.data > 0) & totals[rows.row]]
            if zero[more].all():
                return zero
            zero[more] = True

    def _start(self) -> None:
        """Step 3: a line with one unknown count gives it away, so it gets another."""
        grid, unknown = self._grid, self._unknown()
        left = abs(grid.rows) @ unknown.astype(np.int64)
        waiting = np.flatnonzero(left == 1).tolist()
        while waiting:
            row = waiting.pop()
            if left[row] != 1:
                continue
            line = grid.rows.indices[grid.rows.indptr[row] : grid.rows.indptr[row + 1]]
            could = line[self._open[line] & ~unknown[line]]
            best, least = -1, np.inf
            for at in could:
                lines = grid.columns.indices[grid.columns.indptr[at] : grid.columns.indptr[at + 1]]
                price = self._cost[at] * (1 + (left[lines] == 0).sum()) / (left[lines] == 1).sum()
                if price < least:
                    best, least = int(at), price
            if best < 0:
                continue
            self._suppressed[best] = unknown[best] = True
            lines = grid.columns.indices[grid.columns.indptr[best] : grid.columns.indptr[best + 1]]
            left[lines] += 1
            waiting.extend(lines[left[lines] == 1].tolist())

    # Step 5.
    def _push_all(self) -> None:
        for r in range(len(self._readers)):
            for target in self._rng.permutation(self._proofs.weak(r)):
                self._push(r, int(target))

    def _push(self, r: int, target: int) -> None:
        """Most targets need nothing more by the time it is their turn, so first that is looked for."""
        for _ in range(6):
            if self._proofs.prove_each(r, self._unknown(), np.array([target]), ball=_NEAR):
                return
            move = self._cheapest(r, target, _NEAR) or self._cheapest(r, target, len(self._open))
            if move is None:
                self._refuse(r, target)
            self._suppress(move)
        if self._proofs.is_weak(r, target):
            self._refuse(r, target)

    def _cheapest(self, r: int, target: int, limit: int) -> tuple[Places, Steps] | None:
        push = self._programme(r, target, limit)
        at = int(np.searchsorted(push.places, target))
        up, down = int(self._proofs.up[r, target] + 1e-6), int(self._proofs.down[r, target] + 1e-6)
        reach = int(self._readers[r].reach[target] - self._system.values[target])
        wanted = [(True, max(self._system.width - down, reach))]
        if up >= reach:
            wanted.append((False, self._system.width - up))
        best, least = None, np.inf
        for goes_up, need in wanted:
            move = push.move(at, need, up=goes_up)
            if move is None:
                continue
            price = self._cost[push.places[self._new(push.places, move)]].sum()
            if price < least:
                best, least = (push.places, move), price
        return best

    def _new(self, places: Places, move: Steps) -> Flags:
        return (np.abs(move) > 1e-7) & ~self._unknown()[places]

    def _suppress(self, found: tuple[Places, Steps]) -> None:
        places, move = found
        new = self._new(places, move)
        self._suppressed[places[new]] = True
        self._proofs.record(places, move)

    def _programme(self, r: int, target: int, limit: int) -> Push:
        """Up to about `limit` counts near the target that may move: all, in a table that is not large."""
        reader, unknown = self._readers[r], self._unknown()
        could = (self._open | unknown) & ~self._empty & ~reader.fixed
        places = self._grid.ball(target, could, limit)
        if r in self._pushes and np.array_equal(self._pushes[r].places, places):
            push = self._pushes[r]
            push.reprice(np.flatnonzero(unknown[places]), _FREE)
            return push
        price = np.where(unknown[places], _FREE, self._cost[places])
        self._pushes[r] = Push(self._grid, places, self._proofs.room(r, places), price)
        return self._pushes[r]

    def _refuse(self, r: int, target: int) -> NoReturn:
        """Name what is in the way: the public counts that would have to move."""
        system, reader = self._system, self._readers[r]
        places = np.flatnonzero(~self._empty & ((system.values > 0) | system.hidden))
        price = np.where(self._open[places], _FREE, 1.0)
        push = Push(self._grid, places, self._proofs.room(r, places), price)
        need = max(system.width, int(reader.reach[target] - system.values[target]))
        move = push.move(int(np.searchsorted(places, target)), need, up=True)
        blocks = places[:0] if move is None else places[(np.abs(move) > 1e-7) & ~self._open[places]]
        raise Refused([system.ids[target]], [system.ids[at] for at in blocks])

    # Step 6.
    def _clean_up(self) -> None:
        """Publish again what is not needed: largest first, as long as every target stays proven.

        Not in large pieces: there a start pattern and cheap pushes leave little, and looking costs most.
        """
        secondary = np.flatnonzero(self._suppressed & ~self._targets & self._in_small_pieces(self._unknown()))
        for place in secondary[np.argsort(-self._cost[secondary])]:
            if not self._lonely_without(int(place)):
                self._publish_if(int(place))

    def _publish_if(self, place: int) -> None:
        proofs = self._proofs
        before = proofs.without(place)
        self._suppressed[place] = False
        unknown = self._unknown()
        if sum(proofs.weak(r).size for r in range(len(self._readers))) > _MANY:
            proofs.cover(unknown)
        for r in range(len(self._readers)):
            if not proofs.prove_each(r, unknown, hurry=True):
                self._suppressed[place] = True
                proofs.restore(before)
                return

    # Step 7.
    def whole_numbers(self) -> Pattern:
        """People are whole: what only tables with fractions prove is tried again in whole numbers.

        In small pieces alone; in large ones an interval that only fractions hold open was never seen. A
        target that fails gets company.
        """
        self._proofs.only_whole(self._in_small_pieces(self._unknown()))
        for r, reader in enumerate(self._readers):
            again = True
            while again:
                unknown = self._unknown() & ~reader.fixed
                small, again = self._in_small_pieces(unknown), False
                for piece in self._grid.pieces(unknown & small):
                    narrow = self._proofs.narrow_in_whole(r, piece)
                    if narrow.size:
                        self._add_beside(r, int(narrow[0]))
                        again = True
                        break
        return self.found()

    def _in_small_pieces(self, unknown: Flags) -> Flags:
        """Unknown counts in pieces that are small and that this table can still do something about."""
        found = np.zeros_like(unknown)
        for piece in self._grid.pieces(unknown):
            found[piece] = piece.size <= _NEAR and self._suppressed[piece].any()
        return found

    def _add_beside(self, r: int, target: int) -> None:
        could = np.flatnonzero(self._open & ~self._unknown() & ~self._empty & ~self._readers[r].fixed)
        near = self._grid.ball(target, self._open, _NEAR)
        could = could[np.isin(could, near)]
        if not could.size:
            self._refuse(r, target)
        self._suppressed[could[np.argmin(self._cost[could])]] = True

    def _lonely_without(self, place: int) -> bool:
        """Whether a line would be left with one unknown count, which it then gives away."""
        grid, unknown = self._grid, self._unknown()
        for row in grid.columns.indices[grid.columns.indptr[place] : grid.columns.indptr[place + 1]]:
            line = grid.rows.indices[grid.rows.indptr[row] : grid.rows.indptr[row + 1]]
            rest = line[unknown[line] & (line != place)]
            if rest.size == 1 and self._targets[rest[0]]:
                return True
        return False
