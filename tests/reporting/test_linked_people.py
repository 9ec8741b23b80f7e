"""People as a range narrowed by links: cases whose answer can be seen by eye, and laws over all small networks."""

from datetime import date
from itertools import combinations
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reporting import render
from reporting.sdc import (
    LINKED,
    NOBODY,
    RELEASED,
    Hidden,
    Links,
    Merge,
    Pair,
    Policy,
    Range,
    RawLinked,
    Share,
    from_stored,
    is_a_step,
    linked_range,
    people_range,
)
from reporting.sdc.linked import released_share
from tests.reporting import tables
from tests.reporting.tables import raw

quick = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
AGENCIES = "abcdef"


def network(people, released, *, asked=(), compared=None) -> tuple[dict[str, int], Links, int]:
    """`people`: for each person the agencies that know them; `released`: which (person, agency) may be
    counted once. All links are right; `asked` are pairs of such records that are open questions besides."""
    counts = {one: sum(one in known for known in people) for one in AGENCIES}
    records = [(n, a) for n, known in enumerate(people) for a in sorted(known) if (n, a) in released]
    pairs = [Pair(x, y, True) for x, y in combinations(records, 2) if x[0] == y[0]]
    links = Links(
        agency={record: record[1] for record in records},
        person={record: record[0] for record in records},
        pairs=[*pairs, *(Pair(x, y, False) for x, y in asked)],
        compared=frozenset(records if compared is None else compared),
    )
    return counts, links, sum(1 for known in people if known)


def crowd(draw: Random, size: int = 200, part: float = 0.6):
    people = [frozenset(draw.sample(AGENCIES, draw.choice((1, 1, 2, 2, 3)))) for _ in range(size)]
    released = {(n, a) for n, known in enumerate(people) for a in known if draw.random() < part}
    return people, released


def all_of(people) -> set:
    return {(n, a) for n, known in enumerate(people) for a in known}


def test_links_narrow_both_ends_and_are_rounded_outward():
    # 30 at a and b and c: 90 records, 30 people; 20 more at each alone.
    people = [frozenset("abc")] * 30 + [frozenset(one) for one in "abc" * 20]
    counts, links, truth = network(people, all_of(people))
    assert (links.most(), links.least(), truth) == (90, 90, 90)
    assert people_range(counts) == Range(50, 150)
    assert linked_range(counts, links, {}) == Range(90, 90)


def test_an_open_question_lowers_the_low_end_only():
    people = [frozenset("abc")] * 30 + [frozenset(one) for one in "abc" * 20]
    asked = [((30 + 3 * n, "a"), (31 + 3 * n, "b")) for n in range(9)]
    counts, links, _truth = network(people, all_of(people), asked=asked)
    assert (links.most(), links.least()) == (90, 81)
    assert linked_range(counts, links, {}) == Range(80, 90)


def test_two_clients_of_one_agency_are_two_people_whatever_hangs_between():
    links = Links(
        agency={1: "a", 2: "a", 3: "b"},
        person={1: "p", 2: "q", 3: "p"},
        pairs=[Pair(1, 3, True), Pair(2, 3, False)],
        compared=frozenset((1, 2, 3)),
    )
    assert (links.most(), links.least()) == (2, 2)


def test_records_that_were_never_compared_say_nothing_of_the_least():
    """Two that don't name each other's agency may be one person, and nobody would know."""
    people = [frozenset("abc")] * 30 + [frozenset(one) for one in "abc" * 20]
    counts, links, _truth = network(people, all_of(people), compared=())
    assert linked_range(counts, links, {}) == Range(50, 90)


def test_nothing_is_taken_off_by_the_rows_that_are_left_out():
    people = [frozenset("ab")] * 12 + [frozenset("bc")] * 15 + [frozenset("abc")] * 20
    _counts, links, _truth = network(people, all_of(people))
    merged = links.merged()
    assert merged == {
        NOBODY: Merge(67, 67),
        "a": Merge(35, 35),
        "b": Merge(20, 20),
        "c": Merge(32, 32),
    }


def test_a_bridge_of_the_left_out_agency_joins_nobody():
    """a and c hang together by b's record alone: without b nothing is taken off."""
    links = Links(
        agency={1: "a", 2: "b", 3: "c"},
        person={1: "p", 2: "p", 3: "p"},
        pairs=[Pair(1, 2, True), Pair(2, 3, True)],
        compared=frozenset((1, 2, 3)),
    )
    assert links.merged()["b"] == Merge(0, 0)
    assert links.merged()[NOBODY] == Merge(2, 2)


@pytest.mark.parametrize(
    ("now", "before", "step"),
    [
        ({NOBODY: (30, 33), "a": (11, 12)}, {}, True),
        ({NOBODY: (30, 33), "a": (10, 12)}, {}, False),  # first shown: ten without a's rows are a's own doing
        ({NOBODY: (60, 60), "a": (41, 41)}, {NOBODY: (30, 30), "a": (30, 30)}, True),
        ({NOBODY: (60, 60), "a": (40, 40)}, {NOBODY: (30, 30), "a": (30, 30)}, False),
        ({NOBODY: (60, 60), "a": (41, 40)}, {NOBODY: (30, 30), "a": (30, 30)}, False),  # one end did not move
        ({NOBODY: (30, 30), "a": (20, 20)}, {NOBODY: (60, 60), "a": (41, 41)}, True),  # down counts as well
        ({NOBODY: (60, 60)}, {NOBODY: (30, 30), "a": (55, 55)}, False),  # who left is still left out
    ],
)  # fmt: skip
def test_a_step_is_far_for_every_agency_left_out(now, before, step):
    def ends(merged):
        return {left_out: Merge(*two) for left_out, two in merged.items()}

    assert is_a_step(ends(now), ends(before), Policy()) is step


def test_a_static_network_says_it_once():
    people, released = crowd(Random(4))
    counts, links, _truth = network(people, released)
    assert isinstance(linked_range(counts, links, {}), Range)
    assert linked_range(counts, links, links.merged()) == Hidden()


def test_hidden_where_the_range_without_links_is():
    people = [frozenset("ab")] * 40
    counts, links, _truth = network(people, all_of(people))
    assert people_range(counts) == Hidden()
    assert linked_range(counts, links, {}) == Hidden()


def test_hidden_where_an_agency_would_be_left_with_a_few():
    """Nearly everybody is a's client too: people less a's own would be six."""
    people = [frozenset("abcd")] * 60 + [frozenset("b")] * 3 + [frozenset("c")] * 3
    counts, links, _truth = network(people, all_of(people))
    assert isinstance(people_range(counts), Range)
    assert linked_range(counts, links, {}) == Hidden()


def test_the_share_is_rounded_and_hides_what_a_count_would():
    policy = Policy()
    assert released_share({"a": 50, "b": 50, "c": 50}, {"a": 30, "b": 29, "c": 28}, policy) == Share(60)
    assert released_share({"a": 50, "b": 50, "c": 50}, {"a": 30, "b": 29}, policy) == Hidden()
    assert released_share({"a": 50, "b": 50, "c": 50}, {"a": 48, "b": 47, "c": 48}, policy) == Hidden()


# Laws: any network, any releases, links that are right.

draws = st.builds(Random, st.integers(0, 10**9))


@quick
@given(draw=draws, size=st.integers(60, 250), part=st.floats(0.2, 1))
def test_the_truth_lies_in_both_ranges_and_the_ends_are_steps(draw, size, part):
    people, released = crowd(draw, size, part)
    counts, links, truth = network(people, released)
    wide, narrow = people_range(counts), linked_range(counts, links, {})
    assume(isinstance(narrow, Range))
    assert wide.low <= narrow.low <= truth <= narrow.high <= wide.high
    assert narrow.low % 5 == narrow.high % 5 == 0
    assert narrow.low == 0 or narrow.low >= Policy().threshold


@quick
@given(draw=draws, more=st.integers(1, 60))
def test_more_releases_never_widen_it(draw, more):
    people, released = crowd(draw)
    counts, links, _truth = network(people, released)
    rest = sorted(all_of(people) - released)
    wider = released | set(draw.sample(rest, min(more, len(rest))))
    _counts, more_links, _truth = network(people, wider)
    before, after = linked_range(counts, links, {}), linked_range(counts, more_links, {})
    assume(isinstance(before, Range) and isinstance(after, Range))
    assert before.low <= after.low and after.high <= before.high


@quick
@given(draw=draws, tricks=st.integers(0, 50))
def test_no_agency_moves_its_own_entry(draw, tricks):
    """Whatever a writes, signs or ends, links and questions to anybody included."""
    people, released = crowd(draw)
    _counts, links, _truth = network(people, released)
    others = [record for record, agency in links.agency.items() if agency != "a"]
    mine = {("trick", n): "a" for n in range(tricks)}
    tricked = Links(
        agency={record: a for record, a in links.agency.items() if a != "a" or draw.random() < 0.5} | mine,
        person={**links.person, **{record: links.person[draw.choice(others)] for record in mine}},
        pairs=[
            *links.pairs,
            *(Pair(one, draw.choice(others), draw.random() < 0.5) for one in mine for _ in "12"),
        ],
        compared=links.compared,
    )
    assert tricked.merged().get("a", tricked.merged()[NOBODY]) == links.merged()["a"]


# In a table


def table(links: Links, before=None, *, released=None):
    counts = {"a": 60, "b": 70, "c": 83}
    plain = raw()
    linked = RawLinked(
        by_agency=counts,
        released=released or {"a": 30, "b": 40, "c": 50},
        links=links,
        before=before or {},
        cell=("identified", "people"),
        share_at=("identified", RELEASED),
    )
    return tables.made(
        type(plain)(
            title=plain.title,
            axes={"stage": plain.axes["stage"], "figure": [*plain.axes["figure"], LINKED, RELEASED]},
            counts=plain.counts,
            relations=plain.relations,
            medians=plain.medians,
            ranges=plain.ranges,
            linked={("identified", LINKED): linked},
            about=plain.about,
        )
    )


def thirty() -> Links:
    """30 people whom a, b and c all know, and nobody else with a release."""
    records = [(n, a) for n in range(30) for a in "abc"]
    return Links(
        agency={record: record[1] for record in records},
        person={record: record[0] for record in records},
        pairs=[Pair((n, x), (n, y), True) for n in range(30) for x, y in ("ab", "bc", "ac")],
        compared=frozenset(records),
    )


def test_a_table_says_both_ranges_and_keeps_them():
    made = table(thirty())
    assert made["identified", "people"] == Range(80, 215)
    assert made["identified", LINKED] == Range(80, 155)
    assert made["identified", RELEASED] == Share(55)
    assert from_stored(made.to_data(), digest=made.digest()) == made


def test_every_shape_says_both():
    made = table(thirty())
    assert render.data(made)["people_linked"] == {"low": 80, "high": 155, "released_share": 0.55}
    assert render.data(made)["people"] == {"low": 80, "high": 215}
    for said in (render.text(made), render.csv(made).decode("utf-8-sig"), render.svg(made)):
        assert "80 to 215" in said and "80 to 155" in said and "55 %" in said
    page = render.page(made)
    assert (page["linked"]["text"], page["released"]["text"]) == ("80 to 155", "55 %")
    assert LINKED not in dict(render.sheets(made)[0].columns)


def test_a_kept_back_range_says_why_and_no_number():
    made = table(thirty(), thirty().merged())
    assert made["identified", LINKED] == Hidden() and made["identified", RELEASED] == Hidden()
    assert render.data(made)["people_linked"] is None
    assert "Not shown. It is shown when" in " ".join(render.text(made).split())
    assert not any(number in render.text(made) for number in ("155", "55 %"))


def test_without_linkage_nothing_is_said_of_it():
    made = tables.made(raw())
    assert render.data(made)["people_linked"] is None
    assert "linkage" not in render.text(made)
    assert date(2026, 1, 1) == made.caveats.period[1]
