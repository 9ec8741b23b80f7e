"""What it says of a pair that no source lists a person twice: whoever has a sure partner there is no other's.

Pairs are the edges of a graph in which each record has at most one partner in each other source, and the odds
of each edge are those of its pattern, times how scarce partners are: where nearly everybody of two lists has
been paired, two who are left over and alike are far likelier one person than any two of a million. Their
probabilities under that rule come from messages between records (Bethe's approximation of a matching, exact
where pairs make no rings). Nothing here knows keys or tokens, and nothing is true of sources that do list
people twice.
"""

import numpy as np
import numpy.typing as npt

from referrals.linkage.join import Pairs
from referrals.linkage.score import Floats

_STILL = 1e-4
_SWEEPS = 60
# Two sources are believed to share as many people as any two of their size, with the weight of so many.
_ALIKE = 100.0


class Rivals:
    """The candidates of records that compete for partners. `source` is each record's, 0 on.

    It keeps where its messages stood, so that asking again with odds a little changed is quick.
    """

    def __init__(self, pairs: Pairs, source: npt.NDArray[np.integer]) -> None:
        a, b = pairs.a.astype(np.int64), pairs.b.astype(np.int64)
        sizes = np.bincount(source)
        kinds = len(sizes)
        place = source.astype(np.int64)
        # Where a record is paired once: the record and the source of the other.
        ends = np.concatenate((a * kinds + place[b], b * kinds + place[a]))
        slots, at = np.unique(ends, return_inverse=True)
        self._slots, (self._a, self._b) = len(slots), np.split(at.reshape(-1), 2)
        low, high = np.minimum(place[a], place[b]), np.maximum(place[a], place[b])
        couples, self._couple = np.unique(low * kinds + high, return_inverse=True)
        self._sizes = sizes[couples // kinds].astype(float), sizes[couples % kinds].astype(float)
        self._pattern, self._patterns = pairs.pattern, np.maximum(pairs.patterns.pairs, 1)
        self._free_a, self._free_b = np.ones(len(a)), np.ones(len(b))
        self._found: Floats | None = None

    def means(self, odds: Floats, share: float) -> Floats:
        """Of each pattern the mean posterior of its pairs: what fitting needs."""
        found = np.bincount(self._pattern, self.posteriors(odds, share), len(self._patterns))
        return found / self._patterns

    def posteriors(self, odds: Floats, share: float) -> Floats:
        """Of each pair the probability that it is one person, from each pattern's odds if it stood alone, in
        which `share` is the part of all pairs that are one person."""
        ratio = odds[self._pattern] / share
        one, other = self._sizes
        expected = share * one * other
        now = np.zeros(len(ratio))
        for _ in range(_SWEEPS):
            found = expected if self._found is None else self._found
            seen = (found + _ALIKE) / (expected + _ALIKE)
            paired = np.minimum(expected * seen, np.minimum(one, other))
            weight = ratio * (paired / ((one - paired + 1) * (other - paired + 1)))[self._couple]
            before, now = now, self._sweep(weight)
            self._found = np.bincount(self._couple, now, len(expected)).astype(float)
            if np.abs(now - before).max(initial=0.0) < _STILL:
                break
        return now

    def _sweep(self, weight: Floats) -> Floats:
        """One round of messages: how free each end of each pair is, were it not for that pair."""
        to_a, to_b = weight * self._free_b, weight * self._free_a
        sums = np.bincount(self._a, to_a, self._slots) + np.bincount(self._b, to_b, self._slots)
        # Halfway, by their logarithms: whole steps would swing for ever in a ring.
        self._free_a = np.sqrt(self._free_a / (1 + np.maximum(0, sums[self._a] - to_a)))
        self._free_b = np.sqrt(self._free_b / (1 + np.maximum(0, sums[self._b] - to_b)))
        odds = weight * self._free_a * self._free_b
        return odds / (1 + odds)
