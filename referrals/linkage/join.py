"""Which pairs of records share a token, and on which keys: for all records at once, or for one that arrives.

Nothing here knows what agreeing means.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb
import numpy as np
import numpy.typing as npt

from referrals.linkage.keys import KEYS
from referrals.linkage.score import Patterns

# A token that more records hold is a default that nobody listed: it says little and would cost its square.
MOST_HOLDERS = 200
ORDER = tuple(KEYS)
_PLACE = {key: place for place, key in enumerate(ORDER)}


@dataclass(frozen=True, slots=True)
class Held:
    """All tokens in columns: the record's number (0 on), the key's place in ORDER, the token's first 8 bytes.

    Among 100 million tokens two different ones share those 8 bytes once in 3,700 tables.
    """

    records: int
    record: npt.NDArray[np.uint32]
    key: npt.NDArray[np.uint8]
    token: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, records: Sequence[Iterable[tuple[str, bytes]]]) -> "Held":
        """The tokens of records, numbered as they come."""
        numbers: list[int] = []
        keys = bytearray()
        heads = bytearray()
        for number, held in enumerate(records):
            for key, token in held:
                numbers.append(number)
                keys.append(_PLACE[key])
                heads += token[:8]
        return cls(
            len(records),
            np.array(numbers, dtype=np.uint32),
            np.frombuffer(bytes(keys), dtype=np.uint8),
            np.frombuffer(bytes(heads), dtype=">u8").astype(np.uint64),
        )


@dataclass(frozen=True, slots=True)
class Pairs:
    """Candidates in columns: records `a` < `b`, and `pattern`, a place in `patterns`.

    `comparable` counts all pairs there could be, `exposed` of each key those where both have it.
    """

    a: npt.NDArray[np.uint32]
    b: npt.NDArray[np.uint32]
    pattern: npt.NDArray[np.intp]
    patterns: Patterns
    comparable: int
    exposed: tuple[int, ...]


def pairs(
    held: Held,
    *,
    source: npt.NDArray[np.integer[Any]] | None = None,
    across: npt.NDArray[np.bool_] | None = None,
    threads: int | None = None,
) -> Pairs:
    """Every pair that shares a token that at most MOST_HOLDERS hold.

    With `source` (a number from 0 on for each record) only pairs of different sources; with `across` only of
    those of them that are compared: a square table of sources, the same both ways.
    """
    if across is None:
        across = ~np.eye(1 if source is None else int(source.max(initial=0)) + 1, dtype=bool)
    whole = _whole(held)
    found = _shared(held, source, threads)
    if source is not None:
        compared = across[source[found["a"]], source[found["b"]]]
        found = {name: column[compared] for name, column in found.items()}
    agree = found["agree"].astype(np.uint64)
    both = whole[found["a"]] & whole[found["b"]] | agree
    width = np.uint64(len(ORDER))
    kinds, pattern, counts = np.unique(agree << width | both, return_inverse=True, return_counts=True)
    patterns = Patterns(kinds >> width, kinds & np.uint64((1 << len(ORDER)) - 1), counts.astype(np.int64))
    has = [(whole >> np.uint64(place) & np.uint64(1)).astype(bool) for place in range(len(ORDER))]
    return Pairs(
        found["a"],
        found["b"],
        pattern.reshape(-1),
        patterns,
        _couples(np.ones(held.records, dtype=bool), source, across),
        tuple(_couples(flags, source, across) for flags in has),
    )


def parted(pairs: Pairs, held: Held, source: npt.NDArray[np.uint8]) -> Pairs:
    """Of all pairs of all records those of different sources, as `pairs` with a source finds them."""
    kept = source[pairs.a] != source[pairs.b]
    kinds, pattern, counts = np.unique(pairs.pattern[kept], return_inverse=True, return_counts=True)
    patterns = Patterns(pairs.patterns.agree[kinds], pairs.patterns.both[kinds], counts.astype(np.int64))
    whole = _whole(held)

    def across(flags: npt.NDArray[np.bool_]) -> int:
        counts = np.bincount(source[flags]).astype(object)
        return int((counts.sum() ** 2 - (counts**2).sum()) // 2) if len(counts) else 0

    return Pairs(
        pairs.a[kept],
        pairs.b[kept],
        pattern.reshape(-1),
        patterns,
        across(np.ones(held.records, dtype=bool)),
        tuple(across((whole >> np.uint64(place) & np.uint64(1)).astype(bool)) for place in range(len(ORDER))),
    )


class Index(Protocol):
    """Where tokens are looked up: the hub's table, or any other."""

    def holders(self, tokens: Sequence[bytes]) -> Iterable[tuple[int, bytes]]:
        """Each holder of each of these tokens. May stop after MOST_HOLDERS + 1 of one token."""

    def whole(self, records: Sequence[int]) -> Mapping[int, int]:
        """Of each record the mask of keys that it has whole, as `mask_of` made it when it was stored."""


def mask_of(held: Iterable[tuple[str, bytes]]) -> int:
    """The keys that a record with these tokens has whole, a bit for each place in ORDER."""
    counts: defaultdict[str, int] = defaultdict(int)
    for key, _ in held:
        counts[key] += 1
    return sum(1 << _PLACE[key] for key, count in counts.items() if count >= KEYS[key].least)


def arrival(held: Sequence[tuple[str, bytes]], index: Index) -> tuple[list[int], Patterns]:
    """Who shares a token with a record that arrives, and the pattern of each (one pair each, in order)."""
    place_of = {token: _PLACE[key] for key, token in held}
    who: defaultdict[bytes, list[int]] = defaultdict(list)
    for record, token in index.holders(list(place_of)):
        who[token].append(record)
    agree: defaultdict[int, int] = defaultdict(int)
    for token, records in who.items():
        if len(records) < MOST_HOLDERS:
            for record in records:
                agree[record] |= 1 << place_of[token]
    mine, others = mask_of(held), index.whole(list(agree))
    patterns = Patterns(
        np.array(list(agree.values()), dtype=np.uint64),
        np.array([mine & others[record] | mask for record, mask in agree.items()], dtype=np.uint64),
        np.ones(len(agree), dtype=np.int64),
    )
    return list(agree), patterns


def _shared(
    held: Held, source: npt.NDArray[np.integer[Any]] | None, threads: int | None
) -> dict[str, npt.NDArray[np.uint32]]:
    side = np.zeros(held.records, dtype=np.uint8) if source is None else source
    columns = {"record": held.record, "key": held.key, "token": held.token, "side": side[held.record]}
    with duckdb.connect() as connection:
        if threads is not None:
            connection.execute(f"SET threads = {int(threads)}")
        connection.register("held", columns)
        return connection.execute(
            """
            WITH few AS (
                SELECT token FROM held GROUP BY token HAVING count(*) BETWEEN 2 AND $most
            ), kept AS (
                SELECT record, key, token, side FROM held SEMI JOIN few USING (token)
            )
            SELECT x.record AS a, y.record AS b, bit_or(1::UINTEGER << x.key) AS agree
            FROM kept x JOIN kept y ON x.token = y.token AND x.key = y.key AND x.record < y.record
            WHERE $all OR x.side <> y.side
            GROUP BY x.record, y.record
            """,
            {"most": MOST_HOLDERS, "all": source is None},
        ).fetchnumpy()


def _whole(held: Held) -> npt.NDArray[np.uint64]:
    """Of each record, the mask of keys that it has with all the tokens a difference needs."""
    wide = len(ORDER)
    counts = np.bincount(held.record.astype(np.int64) * wide + held.key, minlength=held.records * wide)
    enough = counts.reshape(-1, wide) >= np.array([KEYS[key].least for key in ORDER])
    return (enough * (np.uint64(1) << np.arange(wide, dtype=np.uint64))).sum(axis=1, dtype=np.uint64)


def _couples(
    flags: npt.NDArray[np.bool_],
    source: npt.NDArray[np.integer[Any]] | None,
    across: npt.NDArray[np.bool_],
) -> int:
    """How many pairs there are of records with a flag that are compared."""
    if source is None:
        count = int(flags.sum())
        return count * (count - 1) // 2
    counts = np.bincount(source[flags], minlength=len(across)).astype(np.float64)
    return int(counts @ across @ counts) // 2
