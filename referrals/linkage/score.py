"""How likely two records are one person, from which of their tokens agree.

Each field of a pair is in one of a few states (FIELDS). An agreeing key leaves only the states in which it
agrees; a key that both have and that differs, although it agrees in every state left of its other fields,
leaves only the states in which it differs. What no key tests stays open. To such sets of states Fellegi and
Sunter's model is fitted by expectation maximisation: m and the share of pairs that are one person come from
the data, u from public tables. Two classes of pair besides are known beforehand: twins, and a parent and a
child of one name. Nothing here knows a token's value.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from referrals.linkage import frequencies
from referrals.linkage.keys import DOB_STATES, FIELDS, KEYS, NAME_STATES, STATES, Key, NameState

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Masks = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

# From the odds of each pattern and the share of pairs that are one person to each pattern's mean posterior.
Once = Callable[[Floats, float], Floats]

LINK, REVIEW = 0.95, 0.05
_WIDTH = max(len(states) for states in STATES.values())


@dataclass(frozen=True, slots=True)
class Patterns:
    """Distinct outcomes of comparing a pair, each with the number of pairs that have it.

    Bit n of `agree` is set where key n agrees, of `both` where both records have it whole.
    """

    agree: Masks
    both: Masks
    pairs: Counts


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted scorer: tables of fields by states. `share` is the part of all comparable pairs that are one
    person, `kin` the parts that are twins, and namesakes of one family."""

    keys: tuple[str, ...]
    m: Floats
    u: Floats
    share: float
    kin: tuple[float, ...]

    def posteriors(self, patterns: Patterns) -> Floats:
        """The probability that a pair of each pattern is one person, looked at alone."""
        same, _, _ = _expect(open_states(self.keys, patterns), self)
        return same

    def odds(self, patterns: Patterns) -> Floats:
        """The same as odds, which stay apart where probabilities are all but 1."""
        _, same, others = _likely(open_states(self.keys, patterns), self)
        return same / others.sum(axis=0)


def fit(
    keys: Sequence[str],
    patterns: Patterns,
    *,
    records: int,
    comparable: int,
    exposed: Sequence[int] | None = None,
    rounds: int = 300,
    once: Once | None = None,
) -> Model:
    """Fit to the pairs that share a token.

    `comparable` counts all pairs that could be one person, whether they share a token or not; `exposed` of
    each key the pairs that both have it, so that how often strangers share names and ZIP codes here can be
    learned from their tokens with SSN4 (which strangers share by chance alone). Without it the public tables
    stand. `records` counts records. `once` says of pairs what can't be seen in one alone; it is asked when
    all else has been fitted.
    """
    states = open_states(tuple(keys), patterns)
    comparable = max(comparable, int(patterns.pairs.sum()), 1)
    believed = one_person()
    expected = tuple(min(0.1, rate * records / comparable) for rate, _ in kin())
    model = Model(tuple(keys), believed, strangers(), min(0.1, max(1, records / 10) / comparable), expected)
    asked: Once | None = None
    for turn in range(rounds):
        same, within, related = _expect(states, model, asked)
        weight = same * patterns.pairs
        m = believed * _WEIGHT + np.einsum("p,pfs->fs", weight, within)
        m /= m.sum(axis=1, keepdims=True)
        share = min(0.5, (weight.sum() + 1) / (comparable + 2))
        seen = (related @ patterns.pairs) / comparable
        learned = tuple(float(0.2 * e + 0.8 * s) for e, s in zip(expected, seen, strict=True))
        u = model.u
        if exposed is not None and turn % 5 == 4:
            strange = (1 - same - related.sum(axis=0)) * patterns.pairs
            u = strangers(*_scales(model.keys, patterns.agree, patterns.pairs, strange, exposed))
        near = 1e-7 if asked is None else 1e-5
        still = np.abs(m - model.m).max() < near and abs(share / model.share - 1) < 10 * near
        model = replace(model, m=m, u=u, share=share, kin=learned)
        if still and turn > 5:
            if asked is once:
                break
            asked = once
    return model


def open_states(keys: tuple[str, ...], patterns: Patterns) -> Flags:
    """Of each pattern and field, the states it may be in."""
    masks = zip(patterns.agree.tolist(), patterns.both.tolist(), strict=True)
    found = [_states(keys, agree, both) for agree, both in masks]
    return np.array(found, dtype=bool).reshape(-1, len(FIELDS), _WIDTH)


class Reader:
    """What agreeing keys imply. The order of `keys` is that of the bits."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._agrees = [
            [(FIELDS.index(field), _padded(states)) for field, states in key.states.items()] for key in keys
        ]
        self._all = np.array([_padded((True,) * len(STATES[field])) for field in FIELDS])

    def states(self, agree: int, both: int) -> Flags:
        """Of each field, which states are left to a pair that agrees on the keys of one mask and could have
        agreed on those of the other."""
        left = self._all.copy()
        for at, tests in enumerate(self._agrees):
            if agree >> at & 1:
                for place, states in tests:
                    if (left[place] & states).any():
                        left[place] &= states
        for _ in range(2):
            for at, tests in enumerate(self._agrees):
                if both >> at & ~(agree >> at) & 1:
                    open_ = [(place, s) for place, s in tests if (left[place] & ~s).any()]
                    # Exactly one field is left that can have made it differ.
                    if len(open_) == 1:
                        place, states = open_[0]
                        left[place] &= ~states
        return left


# What is believed of one person's two records before any were seen, with the weight of so many pairs.
_WEIGHT = 20.0
_SWAPPED = 0.02


@cache
def one_person() -> Floats:
    """m as believed beforehand."""
    name = (0.90, 0.05, 0.01, 0.04)
    dob = {"YMD": 0.95, "YM": 0.01, "YD": 0.01, "MD": 0.01, "Y": 0.01, "": 0.01}
    return _table(_names(name, name, (name, name), _SWAPPED), dob, 0.96, 0.80)


@lru_cache(maxsize=32)
def strangers(first: float = 1.0, last: float = 1.0, zip_: float = 1.0, born: float = 1.0) -> Floats:
    """u: how often two who are not the same are in each state, from public tables, times factors for how
    much oftener strangers share a first name, a last name, a ZIP code or a year of birth here."""
    firsts = _levels(frequencies.SAME_FIRST, first)
    lasts = _levels(frequencies.same_last(), last)
    crossed = _levels(frequencies.same_crossed(), 1.0)
    year, month, day = min(0.3, frequencies.SAME_YEAR * born), 1 / 12, 12 / 365.25
    dob = {
        state: (year if "Y" in state else 1 - year)
        * (month if "M" in state else 1 - month)
        * (day if "D" in state else 1 - day)
        for state in DOB_STATES
    }
    dob[""] = 0.0
    dob[""] = 1 - sum(dob.values())
    return _table(
        _names(firsts, lasts, (crossed, crossed), 1.0), dob, 1e-4, min(0.5, frequencies.SAME_ZIP * zip_)
    )


@cache
def kin() -> tuple[tuple[float, Floats], ...]:
    """Pairs that are neither one person nor strangers: how many for each record, and their states."""
    day = dict.fromkeys(DOB_STATES, 0.0)
    never = ((0.0,) * 4, (0.0,) * 4)
    twins = _names((0.005, 0.03, 0.15, 0.815), (0.93, 0.01, 0.01, 0.05), never, 0.0)
    namesakes = _names((0.97, 0.02, 0.005, 0.005), (0.96, 0.02, 0.01, 0.01), never, 0.0)
    return (
        (frequencies.TWIN_BIRTHS / 2 * frequencies.KIN_KNOWN, _table(twins, day | {"YMD": 1.0}, 1e-4, 0.8)),
        (
            frequencies.NAMESAKES * frequencies.KIN_KNOWN,
            _table(namesakes, day | {"MD": 0.003, "": 0.997}, 1e-4, 0.7),
        ),
    )


def _likely(states: Flags, model: Model) -> tuple[Floats, Floats, Floats]:
    """Of each pattern: the parts of m that its states leave, and how likely it is with one person, and with
    strangers and each kind of kin."""
    inside = states * model.m
    same = model.share * inside.sum(axis=2).prod(axis=1)
    tables = (model.u, *(table for _, table in kin()))
    shares = (1 - model.share, *model.kin)
    others = [share * (states * t).sum(axis=2).prod(axis=1) for share, t in zip(shares, tables, strict=True)]
    return inside, same, np.maximum(others, 1e-300)


def _expect(states: Flags, model: Model, once: Once | None = None) -> tuple[Floats, Floats, Floats]:
    """Of each pattern: the posterior, the spread of states if it is one person, the posteriors of kin."""
    inside, same, others = _likely(states, model)
    other = others.sum(axis=0)
    posterior = same / (same + other) if once is None else once(same / other, model.share)
    within = inside / np.maximum(inside.sum(axis=2, keepdims=True), 1e-300)
    return posterior, within, (1 - posterior) * others[1:] / other


# How far the factors of `strangers` may leave 1, as standard deviations of their logarithms.
_LOOSE = np.array([0.5, 0.5, 1.5, 0.5])


def _scales(
    keys: tuple[str, ...], agree: Masks, pairs: Counts, strange: Floats, exposed: Sequence[int]
) -> tuple[float, float, float, float]:
    """The factors under which the strangers who share a key are as many as were seen: a Poisson count each,
    with a Gaussian belief that the tables are right.

    A key teaches if it holds SSN4, which strangers share by chance alone, or if nearly all who share it are
    strangers: else a doubt about pairs would prove itself.
    """
    rows, expected, seen = [], [], []
    base = strangers()
    for at, key in enumerate(KEYS[key] for key in keys):
        shares = (agree >> np.uint64(at) & np.uint64(1)) == 1
        strange_here = float(strange[shares].sum())
        sure = "ssn4" in key.states or strange_here > 0.8 * pairs[shares].sum() > 100
        if not exposed[at] or not sure or not key.learns:
            continue
        rows.append([name in key.learns for name in ("first", "last", "zip", "year")])
        likely = [base[FIELDS.index(f)] @ _padded(states) for f, states in key.states.items()]
        expected.append(exposed[at] * float(np.prod(likely)))
        seen.append(strange_here)
    scale = np.zeros(len(_LOOSE))
    if rows:
        by, count, counted = np.array(rows, dtype=float), np.array(expected), np.array(seen)
        for _ in range(50):
            strangers_here = count * np.exp(by @ scale)
            slope = by.T @ (strangers_here - counted) + scale / _LOOSE**2
            curve = by.T @ (by * strangers_here[:, None]) + np.diag(1 / _LOOSE**2)
            step = np.clip(np.linalg.solve(curve, slope), -1, 1)
            scale -= step
            if np.abs(step).max() < 1e-6:
                break
    first, last, zip_, year = np.round(np.exp(np.clip(scale, -3, 3)), 4).tolist()
    return first, last, zip_, year


def _levels(shares: tuple[float, float, float], factor: float) -> tuple[float, ...]:
    exact, near, initial = shares
    exact, near = min(0.3, exact * factor), min(0.3, near * factor)
    return exact, near, initial, 1 - exact - near - initial


def _names(
    first: Sequence[float],
    last: Sequence[float],
    crossed: tuple[Sequence[float], Sequence[float]],
    swapped: float,
) -> dict[NameState, float]:
    """The states of names, from the levels of each by itself, as written and crossed (`swapped` as often)."""
    found: dict[NameState, float] = {}
    for is_swapped, a, b in NAME_STATES:
        as_written = first[a] * last[b]
        found[is_swapped, a, b] = swapped * crossed[0][a] * crossed[1][b] if is_swapped else as_written
    return found


def _table(names: dict[NameState, float], dob: dict[str, float], ssn4: float, zip_: float) -> Floats:
    rows: list[list[float]] = [
        [names[state] for state in NAME_STATES],
        [dob[state] for state in DOB_STATES],
        [ssn4, 1 - ssn4],
        [zip_, 1 - zip_],
    ]
    table = np.zeros((len(FIELDS), _WIDTH))
    for at, row in enumerate(rows):
        table[at, : len(row)] = np.array(row) / sum(row)
    return table


def _padded(states: Sequence[bool]) -> Flags:
    return np.array([*states, *[False] * (_WIDTH - len(states))], dtype=bool)


# A network knows a few hundred patterns, and an arrival meets the same ones again.
@lru_cache(maxsize=20_000)
def _states(keys: tuple[str, ...], agree: int, both: int) -> Flags:
    return _reader(keys).states(agree, both)


@lru_cache(maxsize=8)
def _reader(keys: tuple[str, ...]) -> Reader:
    return Reader([KEYS[key] for key in keys])
