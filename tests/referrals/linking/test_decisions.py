"""Links and unlinks by hand: exactly one component moves, and undone is as if it had not been."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from agencies.scope import NotAllowed
from referrals import linking
from referrals.linkage.cluster import MOST_RECORDS
from referrals.linking.people import Links, Member, agreed, arranged
from referrals.models import LinkDecision
from tests.referrals.linking.network import Network, everybody, people, rows

Verdict = LinkDecision.Verdict
MARIA, MORE = ("Maria", "Lopez", "19900203"), {"ssn4": "4821", "zip5": "30303"}
ANN, HERS = ("Ann", "Other", "19810704"), {"ssn4": "7310", "zip5": "60601"}


@pytest.fixture
def network(world):
    return Network(world, "A", "B", "C")


@pytest.fixture
def made(network):
    """Maria at A and B, Ann at A, B and C."""
    found = {letter: network.arrives(letter, *MARIA, **MORE) for letter in "AB"}
    found |= {letter.lower(): network.arrives(letter, *ANN, **HERS) for letter in "ABC"}
    linking.bulk()
    return found


def decide(network, by, made, a, b, verdict):
    with network.world.acting(by):
        return linking.decide(made[a].client_id, made[b].client_id, verdict)


def undo(network, by, decision):
    with network.world.acting(by):
        linking.undo(decision)


def numbers(made, letters):
    return frozenset(made[letter].number for letter in letters)


def raw():
    """Every row of people, bit for bit, with where it stands."""
    return {
        row[0]: row for row in rows("SELECT record_id, ctid::text, xmin::text, * FROM referrals_linkedperson")
    }


@pytest.mark.parametrize("by", ["A", "B"])
def test_an_unlink_moves_its_component_alone_and_is_undone_exactly(network, made, by):
    before, whole = raw(), everybody()
    decision = decide(network, by, made, "A", "B", Verdict.APART)
    assert people() == {numbers(made, "A"), numbers(made, "B"), numbers(made, "abc")}
    after = raw()
    assert {one for one in before if before[one] != after[one]} == numbers(made, "AB")
    # Nothing that comes later links them again.
    linking.bulk()
    linking.link_new()
    linking.sweep()
    assert people() == {numbers(made, "A"), numbers(made, "B"), numbers(made, "abc")}
    undo(network, by, decision)
    assert everybody() == whole
    undo(network, by, decision)
    assert everybody() == whole
    assert [what for (what,) in rows("SELECT what FROM referrals_linkchange ORDER BY id")][-1] == "undone"


def test_a_link_by_hand_moves_its_two_components_and_is_undone_exactly(network, made):
    lone = network.arrives("C", "Marie", "Smith", "19720911", ssn4="9999", zip5="73301")
    linking.link_new()
    before = everybody()
    decision = decide(network, "A", made | {"x": lone}, "A", "x", Verdict.TOGETHER)
    assert numbers(made, "A") | {lone.number} <= max(people(), key=lambda one: lone.number in one)
    linking.bulk()
    assert any({lone.number, made["A"].number} <= one for one in people())
    undo(network, "A", decision)
    assert everybody() == before


def test_what_was_unlinked_stays_so_when_the_release_comes_again_and_a_link_does_not(network, made):
    lone = network.arrives("C", "Marie", "Smith", "19720911", ssn4="9999", zip5="73301")
    linking.link_new()
    everyone = made | {"x": lone}
    decide(network, "A", everyone, "A", "B", Verdict.APART)
    decide(network, "A", everyone, "A", "x", Verdict.TOGETHER)
    network.revoke(made["A"].release)
    linking.sweep()
    network.release(made["A"].client)
    again = network.store(made["A"].client, *MARIA, **MORE)
    linking.link_new()
    assert again.number != made["A"].number
    assert frozenset({again.number}) in people()


def test_who_may_not_see_the_pair_decides_nothing(network, made):
    client = network.world.client("B")
    network.release(client, classes=["count"])
    silent = network.store(client, *MARIA, **MORE)
    linking.link_new()
    everyone = made | {"s": silent}
    for by, a, b in (("C", "A", "B"), ("A", "A", "s"), ("B", "A", "s")):
        with pytest.raises(NotAllowed):
            decide(network, by, everyone, a, b, Verdict.APART)
    with pytest.raises(NotAllowed), network.world.acting("A", "hotline"):
        linking.decide(made["A"].client_id, made["B"].client_id, Verdict.APART)
    decision = decide(network, "A", made, "A", "B", Verdict.APART)
    for by in "BC":
        with pytest.raises(NotAllowed):
            undo(network, by, decision)
    assert rows("SELECT count(*) FROM referrals_linkdecision") == [(1,)]


def test_the_opposite_and_the_impossible_are_refused_and_change_nothing(network, made):
    decision = decide(network, "A", made, "A", "B", Verdict.APART)
    assert decide(network, "A", made, "B", "A", Verdict.APART) == decision
    before = everybody()
    with pytest.raises(ValidationError, match="Undo that first"):
        decide(network, "B", made, "A", "B", Verdict.TOGETHER)
    # A's Maria can't be one with C's Ann, who is A's Ann: an agency knows its own people.
    decide(network, "C", made, "a", "c", Verdict.TOGETHER)
    with pytest.raises(ValidationError, match="others before"):
        decide(network, "C", made, "A", "c", Verdict.TOGETHER)
    assert {frozenset(one) for one in people()} == {
        numbers(made, "A"),
        numbers(made, "B"),
        numbers(made, "abc"),
    }
    assert {one: row[1] for one, row in everybody().items()} == {one: row[1] for one, row in before.items()}


def lone(network, letter, first, **more):
    """Somebody who is like nobody else."""
    return network.arrives(letter, first, first * 2, "19720911", **more)


@pytest.fixture
def strangers(network):
    """One at each agency, who are alike in nothing; and two more at A and B, linked by hand."""
    found = {
        letter: lone(network, letter, name) for letter, name in zip("ABC", ("Ida", "Zora", "Bo"), strict=True)
    }
    found |= {"x": lone(network, "A", "Kit"), "y": lone(network, "B", "Oona")}
    linking.bulk()
    decide(network, "A", found, "x", "y", Verdict.TOGETHER)
    return found


def test_to_keep_apart_is_always_taken_and_undone_exactly(network, strangers):
    """B and C, C and A are one person by their agencies' word; A says of A and B that they are two."""
    decide(network, "B", strangers, "B", "C", Verdict.TOGETHER)
    decide(network, "A", strangers, "A", "C", Verdict.TOGETHER)
    assert numbers(strangers, "ABC") in people()
    before = everybody()
    said = decide(network, "A", strangers, "A", "B", Verdict.APART)
    after = people()
    assert not any(len(one & numbers(strangers, "ABC")) > 1 for one in after), "whose word holds is not known"
    assert numbers(strangers, "xy") in after, "who has no part in it keeps the link"
    linking.bulk()
    assert people() == after, "the night's run sees it as the arrivals do"
    undo(network, "A", said)
    assert everybody() == before


def test_what_contradicts_itself_holds_back_nothing_else(network, strangers, monkeypatch):
    """Two that must and must not be one person: however that came, the others' links stay by night as well."""
    from referrals.linking import decisions

    monkeypatch.setattr(decisions, "_refuse_contradiction", lambda *_: None)
    decide(network, "A", strangers, "A", "B", Verdict.APART)
    decide(network, "A", strangers, "A", "C", Verdict.TOGETHER)
    decide(network, "B", strangers, "B", "C", Verdict.TOGETHER)
    was = everybody()
    linking.bulk()
    assert numbers(strangers, "xy") in people()
    assert everybody() == was


@pytest.mark.parametrize(
    ("together", "apart", "held"),
    [
        ([(0, 1), (1, 2)], [], [(0, 1), (1, 2)]),
        ([(0, 1), (1, 2), (2, 3)], [(0, 2)], [(2, 3)]),
        ([(0, 1), (1, 4)], [], []),
        ([(0, 1), (1, 2), (1, 3)], [(2, 3)], [(0, 1)]),
        ([(0, 1), (1, 2), (0, 2)], [(0, 1)], []),
        ([(0, 1), (2, 3)], [(0, 2), (1, 3)], [(0, 1), (2, 3)]),
    ],
    ids=["all", "a way", "one agency's two", "a fork", "a ring", "two that do not meet"],
)
def test_links_by_hand_hold_that_are_on_no_way_between_two_kept_apart(together, apart, held):
    owner = {record: record % 4 for record in range(12)}
    assert agreed(together, apart, owner) == held


def test_more_than_one_person_has_are_held_together_by_nobodys_word():
    owner = {record: record for record in range(MOST_RECORDS + 1)}
    line = [(one, one + 1) for one in range(MOST_RECORDS)]
    assert agreed(line, [], owner) == []
    assert agreed(line[:-1], [], owner) == line[:-1]


# The arrangement itself, over all inputs

records = st.integers(0, 11)
edges = st.lists(st.tuples(records, records, st.sampled_from([0.95, 0.99])), max_size=30)


def members_of(links, before=None):
    import uuid
    from datetime import UTC, datetime

    now = datetime(2026, 1, 1, tzinfo=UTC)
    return {
        number: Member(number % 4, now, now, before[number] if before else uuid.UUID(int=number))
        for number in range(12)
    }


def across(links):
    return [(min(a, b), max(a, b), p) for a, b, p in links if a % 4 != b % 4]


def persons(rings):
    return {place.record: place.person for ring in rings for place in ring}


@given(edges, records, records)
def test_apart_and_undone_leaves_everybody_who_they_were(links, a, b):
    links = across(links)
    settled = persons(arranged(members_of(links), Links(links)))
    apart = persons(arranged(members_of(links, settled), Links(links, apart=[(min(a, b), max(a, b))])))
    again = persons(arranged(members_of(links, apart), Links(links)))

    def groups(persons):
        return {frozenset(r for r in persons if persons[r] == p) for p in persons.values()}

    assert groups(again) == groups(settled)
    assert len(set(apart.values())) == len(groups(apart)), "no two groups are one person"
    assert a == b or apart[a] != apart[b]


couples = (
    st.tuples(records, records)
    .filter(lambda one: one[0] % 4 != one[1] % 4)
    .map(lambda one: (min(one), max(one)))
)
steps = st.lists(
    st.tuples(st.sampled_from(["together", "apart", "undo", "link", "unlink"]), couples), max_size=25
)


@given(edges, steps)
def test_who_somebody_is_does_not_depend_on_what_was_before(links, said):
    """Any words, in any order, taken back in any other: the ids are those of a computation from nothing."""
    known = {(a, b): p for a, b, p in across(links)}
    stands: dict[str, set[tuple[int, int]]] = {"together": set(), "apart": set()}

    def settled(before=None):
        told = [(*couple, p) for couple, p in known.items()]
        return persons(
            arranged(
                members_of(links, before), Links(told, sorted(stands["together"]), sorted(stands["apart"]))
            )
        )

    now = settled()
    for what, couple in said:
        if what in stands:
            stands[what].add(couple)
        elif what == "undo":
            for one in stands.values():
                one.discard(couple)
        elif what == "link":
            known[couple] = 0.97
        else:
            known.pop(couple, None)
        now = settled(now)
        assert now == settled()
        assert not any(now[a] == now[b] for a, b in stands["apart"])
    assert len({*now.values()}) == len({frozenset(r for r in now if now[r] == p) for p in now.values()})


@given(edges)
def test_a_ring_goes_once_around_whoever_hangs_together(links):
    rings = arranged(members_of(links), Links(across(links)))
    assert sorted(place.record for ring in rings for place in ring) == list(range(12))
    for ring in rings:
        following = {place.record: place.next for place in ring}
        at, seen = ring[0].record, []
        while at not in seen:
            seen.append(at)
            at = following[at]
        assert sorted(seen) == sorted(following)
        assert {place.ring for place in ring} == {ring[0].record}
