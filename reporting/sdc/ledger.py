"""What was said before is part of every later question: earlier releases and a new table, as one system.

Pure: where releases are kept, and who may read them, is the caller's. How a system is protected is in
pattern.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from reporting.sdc.shape import FigureKey
from reporting.sdc.system import System


@dataclass(frozen=True, slots=True)
class Figure:
    """One count of a release: how many each agency brought in, and what readers see of it.

    `said` is the count itself, an interval that contains it (both ends included), or None where readers see
    the one symbol or, without a place, nothing at all.
    """

    key: FigureKey
    by: Mapping[str, int] = field(repr=False)
    said: int | tuple[int, int] | None = None
    has_place: bool = True

    @property
    def count(self) -> int:
        return sum(self.by.values())


@dataclass(frozen=True, slots=True)
class Said:
    """What one release counted, and what it says. Sealed where it is kept: it holds the true counts.

    `period` is half-open. `agencies` are those whose rows were counted, with any rows or none. `sums` are
    places in `figures`: a total and its parts. `adds_up` are the universes in which disjoint periods add up;
    people do not.
    """

    release: str
    period: tuple[date, date]
    taken: datetime
    agencies: tuple[str, ...]
    figures: tuple[Figure, ...] = field(repr=False)
    sums: tuple[tuple[int, tuple[int, ...]], ...] = field(default=(), repr=False)
    adds_up: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.period[0] >= self.period[1]:
            raise ValueError(f"{self.release} has no period")
        if len({figure.key for figure in self.figures}) != len(self.figures):
            raise ValueError(f"{self.release} counts a figure twice")
        for total, parts in self.sums:
            if self.figures[total].count != sum(self.figures[part].count for part in parts):
                raise ValueError(
                    f"the parts of {self.figures[total].key} in {self.release} do not add up to it"
                )

    @property
    def universes(self) -> frozenset[str]:
        return frozenset(figure.key[0] for figure in self.figures)

    def to_data(self) -> dict[str, Any]:
        """As JSON can hold it; `from_data` reads it again."""
        return {
            "release": self.release,
            "period": [day.isoformat() for day in self.period],
            "taken": self.taken.isoformat(),
            "agencies": list(self.agencies),
            "figures": [
                {
                    "universe": figure.key[0],
                    "at": [list(pair) for pair in figure.key[1]],
                    "by": dict(figure.by),
                    "said": list(figure.said) if isinstance(figure.said, tuple) else figure.said,
                    "place": figure.has_place,
                }
                for figure in self.figures
            ],
            "sums": [[total, list(parts)] for total, parts in self.sums],
            "adds_up": sorted(self.adds_up),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Said:
        """Raises KeyError, TypeError or ValueError for what `to_data` did not write."""
        start, end = data["period"]
        return cls(
            release=data["release"],
            period=(date.fromisoformat(start), date.fromisoformat(end)),
            taken=datetime.fromisoformat(data["taken"]),
            agencies=tuple(data["agencies"]),
            figures=tuple(
                Figure(
                    key=(one["universe"], tuple((name, value) for name, value in one["at"])),
                    by={str(agency): int(n) for agency, n in one["by"].items()},
                    said=(one["said"][0], one["said"][1]) if isinstance(one["said"], list) else one["said"],
                    has_place=bool(one["place"]),
                )
                for one in data["figures"]
            ),
            sums=tuple((total, tuple(parts)) for total, parts in data["sums"]),
            adds_up=frozenset(data["adds_up"]),
        )


def overlaps(a: Said, b: Said) -> bool:
    """Whether the two count the same kind of thing over days that both hold."""
    return a.period[0] < b.period[1] and b.period[0] < a.period[1] and bool(a.universes & b.universes)


@dataclass(frozen=True, slots=True)
class Joint:
    """A new table and all that was said before it, as one table to be protected.

    `places` are the cells of the new release's figures, in their order; `table` is the same in the JSON form
    of `./dev protect`.
    """

    system: System = field(repr=False)
    places: list[str] = field(repr=False)
    table: dict[str, Any] = field(repr=False)
    said_by: Mapping[str, frozenset[str]] = field(repr=False)

    def labels(self, ids: Iterable[str]) -> set[str]:
        """The earlier releases that these cells come from: those that block, where they block."""
        return {label for name in ids for label in self.said_by.get(name, ())}


def joint(
    earlier: Sequence[Said], new: Said, *, threshold: int = 11, width: int = 5, strict: bool = False
) -> Joint:
    """One system of the new table and of every earlier release that hangs together with it."""
    raise NotImplementedError
