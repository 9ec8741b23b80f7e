"""Whether a group stands among the clients as it does among the people who live here.

Made of shown figures only; nothing here counts. Conversions, the other thing that figures say together, stand
in reporting/reading.py.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import sqrt

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

    `part` is the first of the two, of 1. `low` and `high` hold the index with 95 % confidence: Wilson's
    interval for that part, over the population's taken as exact.
    """

    part: float
    index: float
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
    are no answer. Parts are of those who answered: known where all answers are shown, or the total and all
    that is missing. `population` is empty where nobody took one in, and then nothing is said.
    """
    answered = _answered(counts, whole, missing)
    found: dict[str, Representation | None] = {}
    for value, people in population.items():
        cell = counts.get(value)
        found[value] = None
        if people and answered and isinstance(cell, Shown):
            lives, part = people / everybody, cell.value / answered
            low, high = _wilson(cell.value, answered)
            found[value] = Representation(
                part, round(part / lives, 1), round(low / lives, 1), round(high / lives, 1)
            )
    return found


def _answered(counts: Mapping[str, Cell], whole: Cell, missing: Collection[str]) -> int | None:
    answers = [cell for value, cell in counts.items() if value not in missing]
    if all(isinstance(cell, Shown) for cell in answers):
        return sum(cell.value for cell in answers if isinstance(cell, Shown))
    gaps = [counts[value] for value in missing if value in counts]
    if isinstance(whole, Shown) and all(isinstance(cell, Shown) for cell in gaps):
        return whole.value - sum(cell.value for cell in gaps if isinstance(cell, Shown))
    return None


def _wilson(part: int, whole: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a proportion (Wilson 1927)."""
    p = part / whole
    middle = p + z * z / (2 * whole)
    half = z * sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole))
    bottom = 1 + z * z / whole
    return max(0.0, (middle - half) / bottom), min(1.0, (middle + half) / bottom)
