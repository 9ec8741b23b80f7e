"""The numbers of the disclosure rule, and the one question they answer: may this count be shown?

How a whole table is kept safe is decided in protect.py and by the disclosure engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Mode(StrEnum):
    """How a table keeps what it may not say. Partners read `SUPPRESSED` ones, the public the other two."""

    SUPPRESSED = "suppressed"
    STRICT = "strict"
    ROUNDED = "rounded"


def gettext_noop(message: str) -> str:
    """Mark a sentence so that makemessages finds it, and leave it as it is."""
    return message


RULE = gettext_noop(
    "Counts of 1 to %(small)d people are hidden. So is a count that fewer than %(min_agencies)d agencies "
    "contributed to, that one agency makes up more than %(dominance)d %% of, or that would tell an agency of "
    "1 to %(small)d people elsewhere. More figures are hidden so that none of these can be worked out to "
    "closer than %(width)d people. All hidden figures carry the same mark. A zero means that no record was "
    "reported, not that there was no need. Shares are rounded to %(rounding)d %%, ranges outward to "
    "%(rounding)d."
)
"""What is printed with every table; a renderer may translate it and fill in `Policy.parameters()`."""
RULES = {
    Mode.SUPPRESSED: (RULE,),
    Mode.STRICT: (
        RULE,
        gettext_noop("A hidden small count also looks as if it could be %(threshold)d or more."),
    ),
    Mode.ROUNDED: (
        gettext_noop(
            "Every count is rounded up or down to a multiple of %(rounding)d. Where all of a line show, they "
            "still add up."
        ),
        RULE,
    ),
}
"""The same for each mode: sentences one after the other."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How much must stay unknown. Every number can be made stricter than its default and never looser.

    `threshold`: the smallest count of people that may be shown (CMS cell size policy: 11); zero may be shown.
    `width`: how far apart the least and the most people a reader can work out for a hidden cell must lie.
    `min_agencies`: how many agencies must have people in a count.
    `dominance`: the greatest part of a count that one agency may make up.
    `rounding`: steps of ranges (people, outward), shares (percent, to the nearest) and rounded counts.
    `mode`: in strict mode the most that a reader can work out for a hidden small count is at least the
    threshold; in rounded mode no count is shown as it is.

    Raises ValueError for a looser number.
    """

    threshold: int = 11
    width: int = 5
    min_agencies: int = 3
    dominance: Fraction = Fraction(4, 5)
    rounding: int = 5
    mode: Mode = Mode.SUPPRESSED

    def __post_init__(self) -> None:
        for name, least in (("threshold", 11), ("width", 5), ("min_agencies", 3), ("rounding", 5)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise ValueError(f"{name} must be a whole number of at least {least}")
        object.__setattr__(self, "mode", Mode(self.mode))
        if self.rounding > 50:
            raise ValueError("rounding must be at most 50")
        if not isinstance(self.dominance, Fraction) or not 0 < self.dominance <= Fraction(4, 5):
            raise ValueError("dominance must be a Fraction above 0 and at most 4/5")

    def may_show(self, by_agency: Mapping[str, int]) -> bool:
        """Whether a count made up of these agencies' counts may be read by anybody, those agencies included.

        Holds for a cell, and just as well for any number a reader gets by subtracting one cell from another.
        """
        return self.may_surely_show(by_agency, by_agency)

    def may_surely_show(self, least: Mapping[str, int], most: Mapping[str, int]) -> bool:
        """Whether a count may be shown of which only bounds are known, whatever it is: `least` and `most` at
        each agency."""
        if not any(most.values()):
            return True
        total = sum(least.values())
        others = {agency: total - least.get(agency, 0) for agency, n in most.items() if n}
        return (
            total >= self.threshold
            and sum(n > 0 for n in least.values()) >= self.min_agencies
            and all(most[agency] <= self.dominance * (most[agency] + n) for agency, n in others.items())
            and all(n >= self.threshold for n in others.values())
        )

    def parameters(self) -> dict[str, int]:
        """The numbers for `RULE`."""
        return {
            "small": self.threshold - 1,
            "min_agencies": self.min_agencies,
            "dominance": int(100 * self.dominance),
            "width": self.width,
            "rounding": self.rounding,
            "threshold": self.threshold,
        }

    @property
    def strict(self) -> bool:
        return self.mode is Mode.STRICT

    @property
    def rules(self) -> tuple[str, ...]:
        """The sentences of the rule, to be translated and filled in with `parameters()`."""
        return RULES[self.mode]

    @property
    def rule(self) -> str:
        """The rule in English, as it is stored with a table."""
        return " ".join(self.rules) % self.parameters()
