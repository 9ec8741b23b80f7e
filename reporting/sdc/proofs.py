"""Which counts are proven to be uncertain, for every reader, and the alternative tables that prove it.

What to do about a count that isn't is decided in pattern.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reporting.sdc.moves import CLOSE, Grid, Places, Spread, Steps
from reporting.sdc.rules import Reader
from reporting.sdc.system import Counts, Flags

_PARTS = (1.0, 1.0, 0.5, 0.3, 0.18)
_TURNS, _FRUITLESS = 30, 3
_UP = 0.6
BALL = 300


@dataclass(frozen=True, slots=True)
class Move:
    """An alternative table as the difference from the one at hand, and for which readers it may be true."""

    places: Places
    by: Steps
    fits: Flags


class Proofs:
    """Alternative tables gathered so far, and how far each reader's targets move in them.

    `values` is any table that fits what is shown, the true one or another: intervals do not depend on it.
    """

    def __init__(
        self,
        grid: Grid,
        values: Counts | Steps,
        hidden: Flags,
        readers: Sequence[Reader],
        width: int,
        least: int,
        rng: np.random.Generator,
    ) -> None:
        self.grid, self.values, self.readers, self.width = grid, values, readers, width
        self._rng = rng
        shown = np.where(hidden, 0, np.minimum(least, values))
        self.floor = [np.maximum(shown, reader.least) for reader in readers]
        self.up = np.zeros((len(readers), len(values)))
        self.down = np.zeros_like(self.up)
        self.moves: list[Move] = []

    def weak(self, r: int) -> Places:
        """The reader's targets that are not proven yet."""
        reader = self.readers[r]
        narrow = self.up[r] + self.down[r] < self.width - CLOSE
        low = self.values + self.up[r] < reader.reach - CLOSE
        return np.flatnonzero(reader.targets & (narrow | low))

    def _weak_in(self, r: int, piece: Places) -> Places:
        return np.intersect1d(self.weak(r), piece, assume_unique=True)

    def record(self, places: Places, by: Steps) -> None:
        moved = by != 0
        if not moved.any():
            return
        places, by = places[moved], by[moved]
        after = self.values[places] + by
        fits = np.array(
            [
                bool((after > floor[places] - CLOSE).all()) and not reader.fixed[places].any()
                for floor, reader in zip(self.floor, self.readers, strict=True)
            ]
        )
        self._take(Move(places, by, fits))
        self.moves.append(Move(places, by, fits))

    def _take(self, move: Move) -> None:
        rows = np.flatnonzero(move.fits)[:, None]
        self.up[rows, move.places] = np.maximum(self.up[rows, move.places], move.by)
        self.down[rows, move.places] = np.maximum(self.down[rows, move.places], -move.by)

    def without(self, place: int) -> list[Move]:
        """Forget every table in which `place` moves; returns them all, for `restore`."""
        before = self.moves
        self.moves = [move for move in before if place not in move.places]
        if len(self.moves) < len(before):
            self._replay()
        return before

    def restore(self, moves: list[Move]) -> None:
        self.moves = moves
        self._replay()

    def _replay(self) -> None:
        self.up[:], self.down[:] = 0, 0
        for move in self.moves:
            self._take(move)

    def room(self, r: int, places: Places) -> Counts | Steps:
        return self.values[places] - self.floor[r][places]

    def prove(self, unknown: Flags) -> bool:
        """Look for alternative tables: for many neighbours at once, then for each target that is left.

        Whether all are proven.
        """
        self.cover(unknown)
        proven = [self.prove_each(r, unknown) for r in range(len(self.readers))]
        return all(proven)

    def cover(self, unknown: Flags) -> None:
        """Look for alternative tables in which many neighbours move at once."""
        everybody = np.any([reader.fixed for reader in self.readers], axis=0)
        if len(self.readers) > 1:
            # A table that may be true for somebody who knows all that any reader knows is so for every one.
            floor = np.max(self.floor, axis=0)
            for piece in self.grid.pieces(unknown & ~everybody):
                for r in range(len(self.readers)):
                    self._cover(r, piece, floor)
        for r, reader in enumerate(self.readers):
            for piece in self.grid.pieces(unknown & ~reader.fixed):
                self._cover(r, piece, self.floor[r])

    def _cover(self, r: int, piece: Places, floor: Counts) -> None:
        """Step 4: let all weak targets move at once, then random parts of them, up or down."""
        weak = self._weak_in(r, piece)
        spread = self._spread(r, piece, floor) if weak.size else None
        fruitless = 0
        for turn in range(_TURNS):
            if spread is None or not weak.size or fruitless == _FRUITLESS:
                return
            up = turn == 0 or (turn > 1 and bool(self._rng.random() < _UP))
            chosen = weak[self._rng.random(weak.size) < _PARTS[turn % len(_PARTS)]]
            chosen = chosen if chosen.size else weak
            self.record(piece, spread.move(np.searchsorted(piece, chosen), up=up))
            before, weak = weak.size, self._weak_in(r, piece)
            fruitless = 0 if weak.size < before else fruitless + 1

    def prove_each(
        self,
        r: int,
        unknown: Flags,
        targets: Places | None = None,
        *,
        ball: int = BALL,
        hurry: bool = False,
    ) -> bool:
        """Look for the widest interval of each target (every weak one) in turn; whether all are proven.

        `ball` is how many unknown counts around it may move: with all, what is not found is not there.
        In a `hurry` the first that is not proven is enough.
        """
        unknown = unknown & ~self.readers[r].fixed
        proven = True
        spread: Spread | None = None
        for target in self.weak(r) if targets is None else targets:
            if not self.is_weak(r, target):
                continue
            if not unknown[target]:
                proven = False
                continue
            if spread is None or len(spread.places) >= ball:
                spread = self._spread(r, self.grid.ball(target, unknown, ball), self.floor[r])
            if target not in spread.places:
                spread = self._spread(r, self.grid.ball(target, unknown, ball), self.floor[r])
            at = np.searchsorted(spread.places, [target])
            for up in (True, False):
                self.record(spread.places, spread.move(at, up=up))
                if not self.is_weak(r, target):
                    break
            proven &= not self.is_weak(r, target)
            if hurry and not proven:
                return False
        return proven

    def only_whole(self, places: Flags) -> None:
        """Forget every table in which one of `places` has a fraction: people are whole."""
        self.restore([m for m in self.moves if (m.by == np.rint(m.by)).all() or not places[m.places].any()])

    def narrow_in_whole(self, r: int, piece: Places) -> Places:
        """Targets of a piece whose intervals whole-numbered tables narrow too far, where that is certain."""
        weak = self._weak_in(r, piece)
        if not weak.size:
            return weak
        places, spread = piece, self._spread(r, piece, self.floor[r])
        found = []
        for target in weak:
            at, settled = np.searchsorted(places, [target]), True
            for up in (True, False):
                if not self.is_weak(r, target):
                    break
                spread.rest()
                move, best = spread.move(at, up=up), True
                if (move != np.rint(move)).any():
                    move, best = spread.whole(at, up=up)
                if (move == np.rint(move)).all():
                    self.record(places, move)
                settled &= best
            if settled and self.is_weak(r, target):
                found.append(target)
        return np.array(found, dtype=np.int64)

    def _spread(self, r: int, places: Places, floor: Counts) -> Spread:
        cap = np.maximum(self.width, self.readers[r].reach[places] - self.values[places])
        room = self.values[places] - floor[places]
        return Spread(self.grid, places, room, cap, np.full(len(places), self.width))

    def is_weak(self, r: int, at: int) -> bool:
        low = self.values[at] + self.up[r, at] < self.readers[r].reach[at] - CLOSE
        return bool(self.up[r, at] + self.down[r, at] < self.width - CLOSE or low)
