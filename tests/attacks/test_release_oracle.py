"""One agency that gives and ends a release, and pads: does a figure tell it whether another knows its client?

Each try is played twice, in two networks that differ in that one fact alone and have the same counts. The
attacker sees what `protect` lets out, period after period, and answers yes or no. Its advantage is half the
difference of its yeses: 0 if it learns nothing, 50 % if it always knows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random

import pytest

from reporting import releases
from reporting.models import Grid
from reporting.sdc import (
    LINKED,
    NOBODY,
    RELEASED,
    Cell,
    Hidden,
    Links,
    Merged,
    Pair,
    Range,
    RawLinked,
    RawRange,
    RawTable,
)
from reporting.sdc import linked as rule
from tests.referrals.linking.network import Network as Tables
from tests.reporting.tables import made, raw
from tests.reporting.test_linked_releases import meets, released

PERIODS = 14
AT, BESIDE = ("identified", LINKED), ("identified", "people")
ABOUT = raw().about


@dataclass
class Network:
    """Three agencies that stand still, and the attacker `b`, which does as it likes. `is_known`: c knows the
    attacker's client, too; if not, c knows somebody else instead."""

    draw: Random
    is_known: bool
    others: dict[str, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        people = range(1, 1 + self.draw.randint(60, 90))
        known = {"c": [0 if self.is_known else -1], "d": [], "e": []}
        for person in people:
            for agency in self.draw.sample("cde", self.draw.choice((1, 2, 2, 3))):
                known[agency].append(person)
        self.others = known

    def links(self, mine: list[int]) -> Links:
        known = {**self.others, "b": mine}
        agency = {(person, name): name for name, people in known.items() for person in people}
        by_person: dict[int, list[tuple[int, str]]] = {}
        for record in agency:
            by_person.setdefault(record[0], []).append(record)
        pairs = [Pair(one[0], other, True) for one in by_person.values() for other in one[1:]]
        return Links(agency, {record: record[0] for record in agency}, pairs, frozenset(agency))

    def told(self, mine: list[int], unsigned: int, before: Merged) -> tuple[int | None, Merged]:
        """The upper end that is shown if the attacker has these linked clients and so many without a release;
        and what was last shown from then on."""
        links = self.links(mine)
        counts = links.by_agency()
        counts["b"] = counts.get("b", 0) + unsigned
        plain = RawTable(
            title="oracle",
            axes={"stage": ["identified"], "figure": ["entered", "people", LINKED, RELEASED]},
            counts={("identified", "entered"): counts},
            ranges={BESIDE: RawRange(by_agency=counts, cell=("identified", "entered"))},
            linked={
                AT: RawLinked(
                    by_agency=counts,
                    released=links.by_agency(),
                    links=links,
                    before=before,
                    cell=BESIDE,
                    share_at=("identified", RELEASED),
                )
            },
            about=ABOUT,
        )
        cell = made(plain).cells[AT]
        return (cell.high, links.merged()) if isinstance(cell, Range) else (None, before)


def toggles(network: Network, *, pushes: bool = False) -> bool:
    """The attack: without the client's release, one padding client more each period until the end tips; then
    with it. `pushes`: every other period twelve false records of people whom c and d know, so that it moves."""
    clients = list(range(1000, 1020))
    before: Merged = {}
    last, tipped = None, False
    for period in range(PERIODS):
        padding = list(range(2000, 2000 + (period if not tipped else len(clients) - 20)))
        if not tipped:
            clients = list(range(1000, 1020)) + padding
        false = [one for one in network.others["d"] if one > 0][:12] if pushes and period % 2 else []
        high, before = network.told([*clients, *false, *([0] if tipped else [])], 0 if tipped else 1, before)
        if high is not None:
            high += len(set(false)) - len(false)
        if tipped:
            if high is None:
                continue
            return high < (last or 0)
        if high is not None and last is not None and high > last:
            tipped = True
        last = high if high is not None else last
    return False


def advantage(attack: Callable[[Network], bool], tries: int) -> float:
    yes = {known: sum(attack(Network(Random(n), known)) for n in range(tries)) for known in (True, False)}
    return abs(yes[True] - yes[False]) / tries / 2


def naive(monkeypatch) -> None:
    """A live range: made anew for each look, and rounded."""
    monkeypatch.setattr(rule, "is_a_step", lambda now, before, policy: True)


def test_the_attack_always_wins_against_a_live_rounded_range(monkeypatch):
    naive(monkeypatch)
    assert advantage(toggles, 200) == 0.5


@pytest.mark.parametrize("tries", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_it_learns_nothing_from_ranges_that_need_a_step(tries):
    assert advantage(toggles, tries) <= 0.01


@pytest.mark.parametrize("tries", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_false_records_of_known_people_do_not_push_it(tries):
    assert advantage(partial(toggles, pushes=True), tries) <= 0.01


def test_the_leaving_out_is_alive(monkeypatch):
    """Sabotage: judged by everybody's rows alone, false records push the figure, and the attack is back."""
    whole = Links.merged
    monkeypatch.setattr(Links, "merged", lambda self: {NOBODY: whole(self)[NOBODY]})
    shown = []
    network = Network(Random(1), True)
    before: Merged = {}
    for period in range(6):
        false = [one for one in network.others["d"] if one > 0][:12] if period % 2 else []
        high, before = network.told([*range(1000, 1020), *false], 0, before)
        shown.append(high is not None)
    assert shown == [True] * 6
    monkeypatch.undo()
    before, shown = {}, []
    for period in range(6):
        false = [one for one in network.others["d"] if one > 0][:12] if period % 2 else []
        high, before = network.told([*range(1000, 1020), *false], 0, before)
        shown.append(high is not None)
    assert shown == [True] + [False] * 5


# The same once through the real tables: keys, linker, engine, releases.


def played(network: Tables, *, is_known: bool) -> list[tuple[Cell, ...]]:
    """What the attacker A reads of people with links over three months, while B, C and D stand still. It
    counts its client 500 without a release first, then with it; in the last month B meets 500, or somebody
    else."""
    shown: list[tuple[Cell, ...]] = []
    for month in (1, 2, 3):
        begin = 1000 * month
        for number in range(begin, begin + 12):
            for letter in "BCD":
                meets(network, letter, number, month)
        meets(network, "B", 500 if is_known and month == 3 else 500 + month, month)
        for padding in range(14 + month):
            meets(network, "A", begin + 100 + padding, month)
        meets(network, "A", 500, month, signs=month == 3)
        table = released(network, month)
        cells = releases.read(table, user=None, channel="test").cells
        shown.append((cells[AT], cells[BESIDE], cells["identified", RELEASED]))
    return shown


@pytest.fixture
def tables(world):
    releases.choose_grid(Grid.MONTH)
    world.agency("HUB")
    return Tables(world, "A", "B", "C", "D")


@pytest.mark.slow
@pytest.mark.parametrize("is_known", [True, False])
def test_both_networks_read_alike_through_the_real_tables(tables, is_known):
    first, *rest = [linked for linked, *_beside in played(tables, is_known=is_known)]
    assert first == Range(25, 30)
    assert rest == [Hidden(), Hidden()]


@pytest.mark.slow
@pytest.mark.parametrize(("is_known", "shown"), [(True, Range(30, 30)), (False, Range(30, 35))])
def test_without_the_step_the_real_tables_tell(tables, monkeypatch, is_known, shown):
    naive(monkeypatch)
    assert played(tables, is_known=is_known)[-1][0] == shown
