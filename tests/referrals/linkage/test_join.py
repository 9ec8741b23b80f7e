"""Candidates in bulk and for one arrival are the same, and a token that too many hold joins nobody."""

from collections import defaultdict

import numpy as np
import pytest

from bench.crowd import crowd
from referrals.linkage import join
from referrals.linkage.keys import KEYS, Person
from referrals.linkage.tokens import local, tokens

KEYED = local(b"a secret of the test only")


class Dictionary:
    """An index in memory."""

    def __init__(self) -> None:
        self._holders: defaultdict[bytes, list[int]] = defaultdict(list)
        self._whole: dict[int, int] = {}

    def add(self, record: int, held) -> None:
        self._whole[record] = join.mask_of(held)
        for _, token in held:
            self._holders[token].append(record)

    def holders(self, asked):
        return [(record, token) for token in asked for record in self._holders[token]]

    def whole(self, records):
        return {record: self._whole[record] for record in records}


@pytest.fixture(scope="module")
def held():
    people = (
        Person.of(first=r.first, last=r.last, dob=r.dob, ssn4=r.ssn4, zip5=r.zip) for r in crowd(3000, seed=5)
    )
    return [tokens(person, KEYED, epoch=1) for person in people]


def test_arrivals_one_by_one_find_what_the_bulk_finds(held):
    pairs = join.pairs(join.Held.of(held))
    bulk = {
        (int(a), int(b)): (int(pairs.patterns.agree[p]), int(pairs.patterns.both[p]))
        for a, b, p in zip(pairs.a, pairs.b, pairs.pattern, strict=True)
    }
    index, one_by_one = Dictionary(), {}
    for record, mine in enumerate(held):
        others, patterns = join.arrival(mine, index)
        for at, other in enumerate(others):
            one_by_one[other, record] = (int(patterns.agree[at]), int(patterns.both[at]))
        index.add(record, mine)
    assert one_by_one == bulk
    assert pairs.patterns.pairs.sum() == len(bulk)
    assert pairs.comparable == 3000 * 2999 // 2


def test_two_sources_are_compared_across_only(held):
    source = np.arange(len(held)) % 2
    pairs = join.pairs(join.Held.of(held), source=source.astype(np.uint8))
    assert len(pairs.a) > 100
    assert (source[pairs.a] != source[pairs.b]).all()
    assert pairs.comparable == 1500 * 1500


def test_pairs_of_all_parted_by_source_are_those_of_a_join_across():
    rows = list(crowd(3_000, seed=4))
    people = [Person.of(first=r.first, last=r.last, dob=r.dob, ssn4=r.ssn4, zip5=r.zip) for r in rows]
    held = join.Held.of([tokens(person, KEYED, epoch=1) for person in people])
    source = np.random.default_rng(1).integers(0, 2, len(rows)).astype(np.uint8)
    one, other = join.parted(join.pairs(held), held, source), join.pairs(held, source=source)
    assert (one.comparable, one.exposed) == (other.comparable, other.exposed)

    def as_set(pairs: join.Pairs) -> set[tuple[int, ...]]:
        agree, both = (masks[pairs.pattern] for masks in (pairs.patterns.agree, pairs.patterns.both))
        columns = (column.tolist() for column in (pairs.a, pairs.b, agree, both))
        return set(zip(*columns, strict=True))

    assert as_set(one) == as_set(other)
    assert one.patterns.pairs.tolist() == np.bincount(one.pattern).tolist()


def test_any_number_of_sources_and_only_those_that_are_compared(held):
    source = np.arange(len(held)) % 3
    two = join.Held.of(held)
    apart = join.pairs(two, source=source)
    assert (source[apart.a] != source[apart.b]).all()
    assert apart.comparable == 3 * 1000 * 1000
    # 0 is compared with 1 and with nobody else.
    across = np.zeros((3, 3), dtype=bool)
    across[0, 1] = across[1, 0] = True
    some = join.pairs(two, source=source, across=across)
    assert {frozenset(pair) for pair in zip(source[some.a], source[some.b], strict=True)} == {
        frozenset({0, 1})
    }
    assert some.comparable == 1000 * 1000
    assert 0 < len(some.a) < len(apart.a)
    assert some.patterns.pairs.sum() == len(some.a)
    assert all(here <= there for here, there in zip(some.exposed, apart.exposed, strict=True))


@pytest.mark.parametrize(("holders", "found"), [(join.MOST_HOLDERS, True), (join.MOST_HOLDERS + 1, False)])
def test_a_token_that_too_many_hold_joins_nobody(holders, found):
    same = [("D.Z", b"0123456789abcdef")]
    pairs = join.pairs(join.Held.of([same] * holders))
    assert bool(len(pairs.a)) is found
    index = Dictionary()
    for record in range(holders - 1):
        index.add(record, same)
    assert bool(join.arrival(same, index)[0]) is found


def test_a_record_of_no_tokens_joins_nobody():
    pairs = join.pairs(join.Held.of([[], [], [("D.Z", b"0123456789abcdef")]]))
    assert len(pairs.a) == 0
    assert join.mask_of([]) == 0
    assert join.arrival([], Dictionary())[0] == []


def test_a_key_is_whole_with_the_tokens_a_difference_needs():
    one, two = b"a" * 16, b"b" * 16
    assert join.mask_of([("W3.D", one)]) == 0
    assert join.mask_of([("W3.D", one), ("W3.D", two)]) == 1 << list(KEYS).index("W3.D")
