"""Figures that move while the year goes on, in steps that nobody can push or read a small number from.

Pure: counts are handed in, and what was said last. What is done with a step is the caller's.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from reporting.sdc.attacker import attack
from reporting.sdc.ledger import Figure, Said, joint
from reporting.sdc.pattern import Refused
from reporting.sdc.policy import Policy
from reporting.sdc.protected import ProtectedTable, assemble
from reporting.sdc.raw import Provenance
from reporting.sdc.shape import Cell, FigureKey, Hidden, Range
from reporting.sdc.solve import protected

Sums = Sequence[tuple[FigureKey, tuple[FigureKey, ...]]]
"""Totals with their parts."""
Interval = tuple[int, int]

BASE = 10
_FEW = 3


@dataclass(frozen=True, slots=True)
class Step:
    """What was said last of each figure, and the counts by agency that were behind it when it was said.

    `said` holds ranges, both ends included; None where nothing was said yet. `moves` is how often a figure
    has moved. Sealed where it is kept: it holds true counts.
    """

    by: Mapping[FigureKey, Mapping[str, int]] = field(repr=False)
    said: Mapping[FigureKey, Interval | None]
    moves: Mapping[FigureKey, int]

    def to_data(self) -> list[dict[str, Any]]:
        """As JSON can hold it; `from_data` reads it again."""
        return [
            {
                "universe": key[0],
                "at": [list(pair) for pair in key[1]],
                "by": dict(self.by[key]),
                "said": None if said is None else list(said),
                "moves": self.moves[key],
            }
            for key, said in self.said.items()
        ]

    @classmethod
    def from_data(cls, data: Sequence[Mapping[str, Any]]) -> Step:
        """Raises KeyError, TypeError or ValueError for what `to_data` did not write."""
        keys = [(one["universe"], tuple((name, value) for name, value in one["at"])) for one in data]
        each = list(zip(keys, data, strict=True))
        return cls(
            by={key: {str(agency): int(n) for agency, n in one["by"].items()} for key, one in each},
            said={
                key: None if one["said"] is None else (int(one["said"][0]), int(one["said"][1]))
                for key, one in each
            },
            moves={key: int(one["moves"]) for key, one in each},
        )


def next_step(
    last: Step | None,
    now: Mapping[FigureKey, Mapping[str, int]],
    *,
    secret: bytes,
    sums: Sums = (),
    threshold: int = 11,
    width: int = 5,
) -> Step | None:
    """What may be said now, if it is anything new; None while nothing may move.

    A figure moves when its count, with each agency's rows left out in turn and with none, has moved by so
    many people since it last did, all one way: a number between twice the `BASE` and three times, drawn anew
    for each move from `secret` (32 bytes). No agency's rows count for more than twice the base in that, so an
    agency that feeds records until a figure moves reads from it what the others moved to no closer than the
    base. Twice the base is more than the `threshold`, and leads at least two ranges on: that it moved says no
    more than the two ranges do.

    What is said is the range of `BASE` that the count lies in. It says when it was counted, and keeps saying
    so: that nothing moved since would be news of its own. Where all ranges and `sums` together would narrow a
    figure to less than `width`, what would move stays.

    Raises ValueError for a threshold that the base does not cover.
    """
    if threshold > 2 * BASE:
        raise ValueError("steps of this base are smaller than the threshold")
    last = last or Step({}, {}, {})
    keys = list(dict.fromkeys([*last.said, *now]))
    by = {key: last.by.get(key, {}) for key in keys}
    said = {key: last.said.get(key) for key in keys}
    moves = {key: last.moves.get(key, 0) for key in keys}
    fresh = {key for key in keys if _moves(by[key], now.get(key, {}), _needed(secret, key, moves[key]))}
    fresh = _safe(fresh, {key: _range(now[key]) for key in fresh}, said, sums, width)
    if not fresh:
        return None
    for key in fresh:
        by[key], said[key], moves[key] = dict(now[key]), _range(now[key]), moves[key] + 1
    return Step(by, said, moves)


def as_said(
    before: Step | None, step: Step, *, release: str, period: tuple[date, date], taken: datetime
) -> Said:
    """What a step adds to the ledger: the figures that moved, as intervals."""
    moved = [key for key in step.said if before is None or step.moves[key] != before.moves.get(key, 0)]
    return Said(
        release=release,
        period=period,
        taken=taken,
        agencies=tuple(sorted({agency for key in moved for agency in step.by[key]})),
        figures=tuple(
            Figure(key, {a: n for a, n in step.by[key].items() if n}, step.said[key]) for key in moved
        ),
    )


def fits(said: Said, earlier: Sequence[Said], *, secret: bytes, threshold: int = 11, width: int = 5) -> bool:
    """Whether all that was said, and this step with it, leaves every small count as uncertain as the rule
    wants: for the public and for each agency. Nothing of it can be hidden any more, so it is yes or no."""
    unseen = tuple(Figure(figure.key, figure.by, has_place=False) for figure in said.figures)
    looked = replace(said, release=f"{said.release}, looked at", figures=unseen)
    try:
        together = joint([*earlier, said], looked, threshold=threshold, width=width)
        protected(together.system, secret)
    except Refused:
        return False
    return True


def as_table(
    step: Step, places: Mapping[str, FigureKey], *, title: str, axis: str, about: Provenance
) -> ProtectedTable:
    """What a step says, for readers: ranges along one axis, whose values are `places`. A figure of which
    nothing was said yet, or whose range begins below the threshold, is hidden."""
    policy = Policy()

    def cell(key: FigureKey) -> Cell:
        said = step.said.get(key)
        return Range(*said) if said is not None and said[0] >= policy.threshold else Hidden()

    return assemble(
        title=title,
        axes={axis: tuple(places)},
        cells={(value,): cell(key) for value, key in places.items()},
        relations=(),
        policy=policy,
        about=about,
    )


def _needed(secret: bytes, key: FigureKey, move: int) -> int:
    """How far this figure must move this time: nobody who counts along can know."""
    drawn = hmac.digest(secret, repr((key, move)).encode(), hashlib.sha256)
    return 2 * BASE + int.from_bytes(drawn[:8], "big") % (BASE + 1)


def _moves(before: Mapping[str, int], now: Mapping[str, int], needed: int) -> bool:
    if sum(1 for n in now.values() if n) < _FEW:
        return False
    change = {agency: now.get(agency, 0) - before.get(agency, 0) for agency in {*before, *now}}
    for way in (1, -1):
        capped = {agency: min(way * n, 2 * BASE) for agency, n in change.items()}
        if sum(capped.values()) - max(0, *capped.values()) >= needed:
            return True
    return False


def _range(by: Mapping[str, int]) -> Interval:
    low = sum(by.values()) // BASE * BASE
    return low, low + BASE


def _safe(
    fresh: set[FigureKey],
    ranges: Mapping[FigureKey, Interval],
    said: Mapping[FigureKey, Interval | None],
    sums: Sums,
    width: int,
) -> set[FigureKey]:
    """Those of the figures that can move without narrowing one: all, or all but those in sums that would."""
    while fresh:
        narrow = _narrowed(fresh, ranges, said, sums, width)
        if not narrow:
            break
        fresh = fresh - narrow - {total for total, parts in sums if narrow & {total, *parts}}
    return fresh


def _narrowed(
    fresh: set[FigureKey],
    ranges: Mapping[FigureKey, Interval],
    said: Mapping[FigureKey, Interval | None],
    sums: Sums,
    width: int,
) -> set[FigureKey]:
    """Figures that ranges of one moment, and older ones as what there was already, narrow together."""
    name = {key: str(number) for number, key in enumerate(said)}
    least: dict[str, int] = {}
    shown: dict[str, int] = {}
    lines = []
    for whole, pieces in sums:
        lines.append((name[whole], [name[part] for part in pieces]))
    for key in said:
        low = ranges[key][0] if key in fresh else (said[key] or (0, 0))[0]
        least[name[key]] = low
        if key in fresh:
            # Whoever knows the rule knows that the upper end is the next range's.
            top = low + BASE - 1
            shown[f"top {top}"] = top
            lines.append((f"top {top}", [name[key], f"below {name[key]}"]))
    cells = {cell for total, parts in lines for cell in (total, *parts)}
    table = {
        "cells": [{"id": cell} for cell in sorted(cells)],
        "relations": [{"total": total, "parts": parts} for total, parts in lines],
    }
    wanted = [name[key] for key in fresh if name[key] in cells]
    try:
        found = attack(table, shown, wanted, own=least)
    except ValueError:
        # Something was taken off since: the older ranges are not what there was already.
        found = attack(table, shown, wanted, own={name[key]: least[name[key]] for key in fresh})
    return {key for key in fresh if name[key] in found and found[name[key]][1] - found[name[key]][0] < width}
