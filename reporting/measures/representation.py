"""Whether a group stands among the clients as it does among the people who live here.

Made of shown figures only; nothing here counts. Conversions, the other thing that figures say together, stand
in reporting/reading.py.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil, floor, sqrt

from django.utils.translation import gettext_lazy as _

from reporting.sdc import Cell, Shown

CAUTION = _(
    "The index compares who was identified with who lives here. It is not the likelihood of trafficking: it "
    "also shows who is asked, who is believed, and who comes to these agencies."
)
"""Stands beside every index, in the same words (domain: seed item 11)."""


@dataclass(frozen=True, slots=True)
class Representation:
    """A group's part of those who answered, over its part of the population: 1 is alike.

    `parts` are the least and the most that the first of the two can be, of 1; alike where it is known how
    many answered. `index` says the same of the index. `low` and `high` hold the index with 95 % confidence:
    Wilson's interval for the part, over the population's taken as exact.
    """

    parts: tuple[float, float]
    index: tuple[float, float]
    low: float
    high: float


def representation(
    counts: Mapping[str, Cell],
    whole: Cell,
    missing: Collection[str],
    population: Mapping[str, int],
    everybody: int,
) -> dict[str, Representation | None]:
    """For each group that the population is known by, how it stands among the clients; None where that can't
    be said.

    `counts` are the cells of one dimension of `who` and `whole` their total; `missing` are the values that
    are no answer. Parts are of those who answered. Where that is hidden it lies between the answers shown and
    the total without what is shown to be missing, and so does what is said. `population` is empty where
    nobody took one in, and then nothing is said.
    """
    least, most = _answered(counts, whole, missing)
    found: dict[str, Representation | None] = {}
    for value, people in population.items():
        cell = counts.get(value)
        found[value] = None
        if people and least and most and isinstance(cell, Shown):
            lives, count = people / everybody, cell.value
            parts = (count / most, count / least)
            found[value] = Representation(
                parts,
                _ends(parts[0] / lives, parts[1] / lives),
                round(_wilson(count, most)[0] / lives, 1),
                round(_wilson(count, least)[1] / lives, 1),
            )
    return found


def _answered(counts: Mapping[str, Cell], whole: Cell, missing: Collection[str]) -> tuple[int, int | None]:
    """The least and the most clients who can have answered, of shown counts; None for no most."""
    answers = [cell for value, cell in counts.items() if value not in missing]
    gaps = [cell for value, cell in counts.items() if value in missing]
    least = sum(cell.value for cell in answers if isinstance(cell, Shown))
    if all(isinstance(cell, Shown) for cell in answers):
        return least, least
    if not isinstance(whole, Shown):
        return least, None
    most = whole.value - sum(cell.value for cell in gaps if isinstance(cell, Shown))
    return (most if all(isinstance(cell, Shown) for cell in gaps) else least), most


def _ends(least: float, most: float) -> tuple[float, float]:
    """To one decimal: the nearest, or outward where they differ."""
    if least == most:
        return round(least, 1), round(most, 1)
    return floor(round(10 * least, 6)) / 10, ceil(round(10 * most, 6)) / 10


def _wilson(part: int, whole: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a proportion (Wilson 1927)."""
    p = part / whole
    middle = p + z * z / (2 * whole)
    half = z * sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole))
    bottom = 1 + z * z / whole
    return max(0.0, (middle - half) / bottom), min(1.0, (middle + half) / bottom)
