"""What two records' agreeing and differing keys say of each part of a name, date and number, and no more.

A reviewer reads it beside their own card, so it must be true of the pair, not merely likely: what the scorer
may guess is left open here. Nothing here knows words of any language.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np

from referrals.linkage import keys, score
from referrals.linkage.keys import FIELDS, KEYS, STATES, NameState, View


class Said(StrEnum):
    """What is known of one part of a pair.

    A name agrees if one of its spellings does: short forms, halves of double names and aliases are spellings.
    It agrees in part from its initial on; it differs if no spelling is equal. A date agrees in part if its
    year, or its month and day, do and the rest does not or is not known.
    """

    AGREES = "agrees"
    PART = "part"
    DIFFERS = "differs"
    UNTESTED = "untested"


@dataclass(frozen=True, slots=True)
class Atoms:
    """Each part of a pair. `swapped` agrees if first and last name stand in each other's place; it differs if
    both stand in their own. Where it is untested, names that agree may do so either way."""

    first: Said
    last: Said
    swapped: Said
    birth: Said
    year: Said
    month: Said
    day: Said
    ssn4: Said
    zip: Said


# A token of these may be so common that it is compared with nobody's (join.MOST_HOLDERS), or is not made of
# every spelling of a name: that it differs is no evidence for a reader.
_ONLY_IF_EQUAL = frozenset({"N1.D", "N3.Y", "N.Y", "N1.S", "N3.Z"})
# The views that take this very name, whichever other they take too.
_TAKES: dict[str, tuple[View, ...]] = {
    "first": (keys.FIRST, keys.NAMES, keys.NAMES_3),
    "last": (keys.LAST, keys.NAMES, keys.NAMES_3),
}


@lru_cache(maxsize=20_000)
def atoms(order: tuple[str, ...], agree: int, both: int) -> Atoms:
    """What the masks of a pair say; `order` gives the bits their keys (join.ORDER)."""
    told = agree | sum(bit for key, bit in _bits(order) if both & bit and key not in _ONLY_IF_EQUAL)
    patterns = score.Patterns(np.array([agree], np.uint64), np.array([told], np.uint64), np.array([1]))
    left = score.open_states(order, patterns)[0]
    open_ = {
        field: [state for state, is_open in zip(STATES[field], left[at].tolist(), strict=False) if is_open]
        for at, field in enumerate(FIELDS)
    }
    names: list[NameState] = open_["names"]  # type: ignore[assignment]
    dates: list[str] = open_["dob"]  # type: ignore[assignment]
    return Atoms(
        first=_name([a for _, a, _ in names], _has(order, both, "first")),
        last=_name([b for _, _, b in names], _has(order, both, "last")),
        swapped=_swapped(order, agree, names),
        birth=_date(dates),
        year=_all_or_none(dates, lambda state: "Y" in state),
        # A month or a day that agrees alone counts as no state.
        month=_all_or_none(dates, lambda state: "M" in state, but=""),
        day=_all_or_none(dates, lambda state: "D" in state, but=""),
        ssn4=_all_or_none(open_["ssn4"], bool),
        zip=_all_or_none(open_["zip"], bool),
    )


def _bits(order: tuple[str, ...]) -> Iterable[tuple[str, int]]:
    return ((key, 1 << at) for at, key in enumerate(order))


def _has(order: tuple[str, ...], both: int, name: str) -> bool:
    """Whether both records are known to have this name: a key of either name may rest on the other alone."""
    return any(
        both & bit and any(view in _TAKES[name] for view in KEYS[key].views) for key, bit in _bits(order)
    )


def _name(levels: list[int], is_there: bool) -> Said:
    if not is_there:
        return Said.UNTESTED
    if max(levels) == 0:
        return Said.AGREES
    if max(levels) <= 2:
        return Said.PART
    return Said.DIFFERS if min(levels) > 0 else Said.UNTESTED


def _swapped(order: tuple[str, ...], agree: int, names: list[NameState]) -> Said:
    found = _all_or_none(names, lambda state: state[0])
    views = {view for key, bit in _bits(order) if agree & bit for view in KEYS[key].views}
    # One spelling may agree as written and another crossed: only a key of each name by itself proves its
    # place.
    return found if found == Said.AGREES or {keys.FIRST, keys.LAST} <= views else Said.UNTESTED


def _date(states: list[str]) -> Said:
    if states == ["YMD"]:
        return Said.AGREES
    if all(states):
        return Said.PART
    return Said.DIFFERS if "YMD" not in states else Said.UNTESTED


def _all_or_none(states: Iterable[object], holds: Callable[..., bool], but: object = None) -> Said:
    """Whether it holds in every state left, or in none; a state `but` may be either."""
    found = {None if state == but else holds(state) for state in states}
    if found == {True}:
        return Said.AGREES
    return Said.DIFFERS if found == {False} else Said.UNTESTED
