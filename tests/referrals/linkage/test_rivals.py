"""Records of lists that name nobody twice compete for partners: checked against every matching there is, and on
a crowd in two lists."""

from itertools import combinations

import numpy as np
import pytest

from bench.crowd import Row, crowd
from referrals.linkage import evaluate, join, score
from referrals.linkage.keys import Person
from referrals.linkage.rivals import Rivals
from referrals.linkage.tokens import local, tokens

KEYED = local(b"a secret of the test only")


def rivals(couples: list[tuple[int, int]], source: list[int]) -> Rivals:
    """Pairs, each of a pattern of its own."""
    a, b = (np.array(side, dtype=np.uint32) for side in zip(*couples, strict=True))
    each = np.arange(len(couples), dtype=np.uint64)
    patterns = score.Patterns(each, each, np.ones(len(couples), dtype=np.int64))
    pairs = join.Pairs(a, b, each.astype(np.intp), patterns, 0, ())
    return Rivals(pairs, np.array(source))


def by_every_matching(couples: list[tuple[int, int]], weight: np.ndarray) -> np.ndarray:
    """Of each pair its part of the weight of all matchings, one by one."""
    every, with_it = 0.0, np.zeros(len(couples))
    for size in range(len(couples) + 1):
        for chosen in combinations(range(len(couples)), size):
            ends = [end for at in chosen for end in couples[at]]
            if len(ends) == len(set(ends)):
                part = np.prod(weight[list(chosen)])
                every += part
                with_it[list(chosen)] += part
    return with_it / every


@pytest.mark.parametrize("seed", range(5))
def test_messages_give_what_all_matchings_give(seed):
    """On a tree of pairs between two lists, numbered in any order, Bethe's approximation is exact."""
    draw = np.random.default_rng(seed)
    source = [0, 1]
    couples = [(0, 1)]
    for new in range(2, 9):
        old = int(draw.integers(new))
        source.append(1 - source[old])
        couples.append((old, new))
    weight = np.exp(draw.normal(0, 3, len(couples)))
    competing = rivals(couples, source)
    for _ in range(200):
        found = competing._sweep(weight)
    assert np.allclose(found, by_every_matching(couples, weight), atol=1e-6)


def test_a_sure_partner_leaves_nothing_to_its_rivals():
    """Records 0 and 1 of one list, 2 and 3 of the other; 4 is of a third, for which nothing is taken."""
    couples, source = [(0, 2), (0, 3), (1, 2), (0, 4)], [0, 0, 1, 1, 2]
    found = rivals(couples, source).posteriors(np.array([1e6, 30.0, 30.0, 30.0]), 0.1)
    assert found[0] > 0.99
    assert found[1] < 0.01 and found[2] < 0.01
    assert found[3] > 0.9


def test_two_that_are_equally_likely_share():
    found = rivals([(0, 2), (0, 3)], [0, 0, 1, 1]).posteriors(np.array([1e4, 1e4]), 0.1)
    assert found == pytest.approx([0.5, 0.5], abs=0.01)


def test_who_is_left_over_where_nearly_all_are_paired_is_likelier_a_pair():
    """The same odds once in two lists of 200 that share 199, once in two that share two."""
    couples = [(at, 200 + at) for at in range(200)]
    doubtful = 0.2
    share = 200 / 200**2
    sure = np.array([1e9] * 199 + [doubtful])
    few = np.array([1e9] * 2 + [1e-9] * 197 + [doubtful])
    source = [0] * 200 + [1] * 200
    assert rivals(couples, source).posteriors(sure, share)[-1] > 0.9
    assert rivals(couples, source).posteriors(few, share)[-1] < 0.25


def test_no_pairs_are_no_trouble():
    nothing = join.pairs(join.Held.of([[], []]), source=np.array([0, 1], dtype=np.uint8))
    competing = Rivals(nothing, np.array([0, 1]))
    assert competing.posteriors(np.array([]), 0.1).shape == (0,)
    assert competing.means(np.array([]), 0.1).shape == (0,)


def two_lists(records: int, doubles: int = 0) -> tuple[list[Row], np.ndarray]:
    """Who is in both lists of a crowd, a third of the others, and `doubles` copies inside the first list."""
    people: dict[str, list[Row]] = {}
    for row in crowd(records, seed=5):
        people.setdefault(row.person, []).append(row)
    rows, source = [], []
    for at, written in enumerate(people.values()):
        if len(written) > 1 or at % 3 == 0:
            for side, row in enumerate(written[:2]):
                rows.append(row)
                source.append((side + at) % 2)
    rows += [row for row, side in zip(rows, source, strict=True) if side == 0][:doubles]
    return rows, np.array([*source, *[0] * doubles], dtype=np.uint8)


def figures(rows: list[Row], source: np.ndarray) -> tuple[float, float, int]:
    """Precision and recall of links, and how many pairs are asked."""
    people = [Person.of(first=r.first, last=r.last, dob=r.dob, ssn4=r.ssn4, zip5=r.zip) for r in rows]
    truth = np.unique([row.person for row in rows], return_inverse=True)[1]
    records = evaluate.Records(people, source, truth)
    found = evaluate.report(records, evaluate.link(people, source), evaluate.Clock())
    return found["auto"]["precision"], found["auto"]["recall"], found["review_pairs"]


def test_two_lists_are_linked_better_if_each_names_nobody_twice(monkeypatch):
    rows, source = two_lists(12_000)
    precision, recall, asked = figures(rows, source)
    # Sabotage: without the rule.
    monkeypatch.setattr(evaluate, "TWICE", -1.0)
    without, less, more = figures(rows, source)
    assert precision > 0.997 and precision >= without
    assert recall > less + 0.005
    assert asked < more / 2


def test_lists_that_name_people_twice_are_not_held_to_it(monkeypatch):
    rows, source = two_lists(6_000, doubles=400)
    _, recall, _ = figures(rows, source)
    monkeypatch.setattr(evaluate, "TWICE", 1.0)
    assert figures(rows, source)[1] < recall - 0.02


def test_the_order_of_records_changes_no_posterior():
    rows, source = two_lists(3_000)
    people = [Person.of(first=r.first, last=r.last, dob=r.dob, ssn4=r.ssn4, zip5=r.zip) for r in rows]
    held = [tokens(person, KEYED, epoch=1) for person in people]

    def by_names(order: np.ndarray) -> dict[tuple[int, int], float]:
        linked = evaluate.link_held(join.Held.of([held[at] for at in order]), source[order])
        return {
            (int(min(order[a], order[b])), int(max(order[a], order[b]))): float(p)
            for a, b, p in zip(linked.a, linked.b, linked.posterior, strict=True)
        }

    one = by_names(np.arange(len(rows)))
    other = by_names(np.random.default_rng(2).permutation(len(rows)))
    assert one.keys() == other.keys()
    assert max(abs(one[pair] - other[pair]) for pair in one) < 1e-3
