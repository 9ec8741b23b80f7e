"""Groups are a function of links and constraints, bounded, and one component's is the whole's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referrals.linkage import cluster
from referrals.linkage.cluster import MOST_RECORDS, Contradiction, clusters

records = st.integers(0, 25)
edges = st.lists(st.tuples(records, records, st.sampled_from([0.95, 0.97, 0.99, 1.0])), max_size=60)
couples = st.lists(st.tuples(records, records).filter(lambda c: c[0] != c[1]), max_size=6)


def test_a_chain_of_single_links_is_not_one_person():
    """Two people of three records each, all linked among themselves, and one wrong link between them."""
    mine = [(0, 1, 0.99), (1, 2, 0.99), (0, 2, 0.99)]
    theirs = [(3, 4, 0.99), (4, 5, 0.99), (3, 5, 0.99)]
    assert clusters([*mine, *theirs, (2, 3, 0.96)]) == [[0, 1, 2], [3, 4, 5]]


def test_plain_joining_would_have_made_one_of_them(monkeypatch):
    """Sabotage: where hardly any link across is enough, a hundred people in a chain become one."""
    chain = [(n, n + 1, 0.96) for n in range(100)]
    assert max(map(len, clusters(chain))) <= 3
    monkeypatch.setattr(cluster, "PART", 0.0)
    monkeypatch.setattr(cluster, "MOST_RECORDS", 1000)
    assert max(map(len, clusters(chain))) == 101


def test_nobody_has_more_records_than_there_may_be():
    everyone = [(a, b, 0.99) for a in range(90) for b in range(a)]
    assert max(map(len, clusters(everyone))) <= MOST_RECORDS
    with pytest.raises(Contradiction):
        clusters([], must=[(n, n + 1) for n in range(MOST_RECORDS)])


@pytest.mark.parametrize("through", [[], [(1, 2)]])
def test_what_must_and_must_not_be_is_a_contradiction(through):
    with pytest.raises(Contradiction):
        clusters([], must=[(0, 1), *through], cannot=[(0, 2) if through else (0, 1)])


@given(edges, couples)
def test_those_kept_apart_are_apart(links, cannot):
    groups = clusters(links, cannot=cannot)
    for a, b in cannot:
        assert not any(a in group and b in group for group in groups)


@given(edges, couples)
def test_those_who_must_be_are_together(links, must):
    groups = clusters(links, must=must)
    assert all(any(a in group and b in group for group in groups) for a, b in must)


@given(edges, couples, st.randoms())
def test_the_order_and_direction_of_links_change_nothing(links, cannot, draw):
    best: dict[tuple[int, int], float] = {}
    for a, b, p in links:
        best[min(a, b), max(a, b)] = p
    one = [(a, b, p) for (a, b), p in best.items()]
    other = [(b, a, p) for a, b, p in one]
    draw.shuffle(other)
    assert clusters(one, cannot=cannot) == clusters(other, cannot=[(b, a) for a, b in cannot])


@given(edges, couples)
def test_every_join_has_half_of_its_pairs_linked(links, cannot):
    """At least as many links as a group grown by halves must have: half the pairs, in all."""
    linked = {(min(a, b), max(a, b)) for a, b, _ in links if a != b} - {(min(c), max(c)) for c in cannot}
    for group in clusters(links, cannot=cannot):
        pairs = [(a, b) for a in group for b in group if a < b]
        assert 2 * len(linked & set(pairs)) >= len(pairs)


@given(edges, edges, couples)
def test_a_component_alone_gives_what_the_whole_gives(here, there, cannot):
    there = [(a + 100, b + 100, p) for a, b, p in there]
    assert clusters([*here, *there], cannot=cannot) == clusters(here, cannot=cannot) + clusters(there)


@given(edges)
def test_unlinking_and_linking_again_is_as_if_nothing_had_been(links):
    before = clusters(links)
    for group in before[:2]:
        couple = (group[0], group[1])
        clusters(links, cannot=[couple])
        assert clusters(links) == before


# An owner knows its own people.


def test_an_owner_s_two_records_are_never_one_person():
    """Also not through others, and whatever is asked for."""
    owner = {0: "A", 1: "B", 2: "A", 3: "C"}
    chain = [(0, 1, 0.99), (1, 2, 0.98), (0, 3, 0.99), (1, 3, 0.99), (2, 3, 0.97)]
    assert clusters(chain) == [[0, 1, 2, 3]]
    assert clusters(chain, owner=owner) == [[0, 1, 3]]
    assert clusters([(0, 2, 1.0)], owner=owner) == []
    with pytest.raises(Contradiction):
        clusters([], must=[(0, 2)], owner=owner)
    with pytest.raises(Contradiction):
        clusters([], must=[(0, 1), (1, 2)], owner=owner)


@given(edges, couples)
def test_each_has_at_most_one_record_of_an_owner(links, cannot):
    owner = {record: record % 5 for record in range(26)}
    groups = clusters(links, cannot=cannot, owner=owner)
    assert all(len({owner[record] for record in group}) == len(group) for group in groups)


@given(edges, couples)
def test_owners_change_nothing_where_each_has_one_record(links, cannot):
    assert clusters(links, cannot=cannot, owner={n: n for n in range(26)}) == clusters(links, cannot=cannot)
