"""Counts of events are shown only where the clients behind them may be counted too (R37)."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings

from agencies.roles import Permission
from agencies.scope import Actor
from agencies.scope.counting import counting
from reporting import engine
from reporting.measures import cubes
from reporting.measures.dimensions import dimensions, people_of_view, view_of
from reporting.sdc import Hidden, Mode, Policy, Shown, protect
from reporting.sdc.ledger import Said
from tests.reporting.tables import SEED, narrowest
from tests.reporting.test_measures import YEAR, at, network, sign
from tests.reporting.test_protect import keyed
from tests.reporting.test_sdc_tables import ABOUT, evenly, hidden, row

OF_EVENTS = {"services", "contacts_by_sector", "offers", "unmet_need"}


def of_clients(raw, **people):
    """The same counts as events of so many clients, by agency or spread evenly."""
    spread = {(name,): evenly(n) if isinstance(n, int) else n for name, n in people.items()}
    return replace(raw, people=spread)


def test_many_services_of_four_people_are_hidden():
    raw = of_clients(row(40, 400, 300), a=4, b=80, c=60, all=120)
    assert hidden(protect(row(40, 400, 300), seed=SEED).table) == set()
    table = protect(raw, seed=SEED).table
    assert table[("a",)] == Hidden() and len(hidden(table)) == 2
    assert all(found.width >= Policy().width for found in narrowest(table).values())


def test_sabotage_without_the_people_behind_them_they_are_shown():
    raw = of_clients(row(40, 400, 300), a=4, b=80, c=60, all=120)
    assert protect(replace(raw, people={}), seed=SEED).table[("a",)] == Shown(40)


@pytest.mark.parametrize("mode", [Mode.STRICT, Mode.ROUNDED])
def test_nor_does_the_public_read_them(mode):
    raw = of_clients(row(40, 400, 300), a=4, b=80, c=60, all=120)
    assert protect(raw, seed=SEED, mode=mode).table[("a",)] == Hidden()


@pytest.mark.parametrize("few", [
    {"agency 0": 30, "agency 1": 2, "agency 2": 2, "agency 3": 2},  # mostly one agency's clients
    {"agency 0": 9, "agency 1": 1, "agency 2": 1, "agency 3": 1},  # who takes its own away is left with three
])  # fmt: skip
def test_the_clients_pass_the_whole_rule_by_agency(few):
    raw = of_clients(row(200, 400, 300), a=few, b=80, c=60, all=140)
    assert hidden(protect(raw, seed=SEED).table) >= {"a"}


def test_what_is_left_of_a_total_is_of_enough_clients_too():
    """a and b have 9 clients each, and nobody knows whether they are the same 9: what is left of all without c
    and d stays unknown."""
    raw = of_clients(row(40, 60, 400, 300), a=9, b=9, c=80, d=60, all=130)
    table = protect(raw, seed=SEED).table
    assert hidden(table) > {"a", "b"}


def test_an_agency_that_reported_nothing_of_it_is_no_stranger_to_what_is_left():
    """It stands in the counts with a zero, which the ledger's system leaves out."""
    raw = of_clients(keyed(row(40, 60, 400, 300), "kind", "given"), a=9, b=9, c=80, d=60, all=130)
    counts = {at: {**by, "agency 9": 0} for at, by in raw.counts.items()}
    earlier = [protect(keyed(row(30, 20, 40), "kind", release="first"), seed=SEED).said]
    table = protect(replace(raw, counts=counts), seed=SEED, earlier=earlier).table
    assert hidden(table) > {"a", "b"}


def test_what_is_left_is_read_where_it_is_surely_enough():
    """Of 130 clients at most 90 are behind c and d: 40 or more are behind the rest."""
    raw = of_clients(row(40, 60, 400, 300), a=9, b=39, c=50, d=40, all=130)
    assert hidden(protect(raw, seed=SEED).table) == {"a", "b"}


def test_what_may_surely_be_shown():
    policy = Policy()
    least, most = evenly(40), evenly(60)
    assert policy.may_surely_show(least, most) and policy.may_surely_show({}, {"a": 0})
    assert not policy.may_surely_show(evenly(8), most)
    assert not policy.may_surely_show({"a": 40}, most)
    assert not policy.may_surely_show(least, most | {"agency 0": 200})


def test_the_ledger_keeps_who_was_behind_and_a_later_table_hides_what_is_left():
    """A quarter's 340 services less the 300 of its first two months are 40, of at most 10 more clients."""
    quarter = of_clients(keyed(row(340, total=None), "kind", "given", release="quarter"), a=70)
    start, end = ABOUT.period
    months = replace(
        of_clients(keyed(row(300, total=None), "kind", "given", release="months"), a=60),
        about=replace(ABOUT, release_id="months", period=(start, end - timedelta(days=31))),
    )
    for adds_up in (frozenset(), frozenset({"given"})):
        first = protect(replace(months, adds_up=adds_up), seed=SEED).said
        assert Said.from_data(first.to_data()) == first and first.figures[0].people
        second = replace(quarter, adds_up=adds_up)
        assert protect(second, seed=SEED, earlier=[first]).table[("a",)] == Hidden()
        # Without the people the 40 are read.
        naive = replace(first, figures=tuple(replace(one, people=None) for one in first.figures))
        assert protect(replace(second, people={}), seed=SEED, earlier=[naive]).table[("a",)] == Shown(340)
        more = of_clients(second, a=110)
        assert protect(more, seed=SEED, earlier=[first]).table[("a",)] == Shown(340)


def test_services_entered_late_for_one_client_are_not_read():
    first = protect(of_clients(keyed(row(300, total=None), "kind", "given"), a=60), seed=SEED).said
    again = of_clients(keyed(row(340, total=None), "kind", "given", release="third"), a=60)
    assert protect(again, seed=SEED, earlier=[first]).table[("a",)] == Hidden()


@pytest.mark.parametrize("people", [{"a": 50}, {"a": 0}, {"b": 3}])
def test_clients_without_events_are_refused(people):
    with pytest.raises(ValueError, match=r"clients than events|not a count"):
        of_clients(row(40), **people)


def test_only_cubes_of_events_say_who_is_behind():
    assert {name for name, cube in cubes().items() if cube.people} == OF_EVENTS


def busy(world, letters="ABC"):
    """At each agency one client with ten services, contacts and referrals, and an anonymous contact."""
    for letter in letters:
        client = world.client(letter, county=world.county("Cedar"))
        for day in range(1, 11):
            world.service(client, provided_on=date(2025, 5, day))
            world.touchpoint(letter, client, occurred_at=at(5, day), sector="court")
            world.referral(client, sent_at=at(5, day), needed="cm" if day % 2 else "shel_em")
        world.touchpoint(letter, occurred_at=at(6, 1), sector="court")


@pytest.mark.parametrize(("name", "events", "people"), [
    ("services", 10, 1), ("contacts_by_sector", 11, 2), ("offers", 10, 1), ("unmet_need", 2, 1)
])  # fmt: skip
def test_each_client_is_counted_once_in_each_place(world, name, events, people):
    busy(world, "AB")
    cube, agencies = cubes()[name], [world.agency(letter).pk for letter in "AB"]
    with counting(Actor.hub(world.agency("HUB"), Permission.REPORT_NETWORK), network=True) as cursor:
        known = dimensions(cursor)
        rows = list(cube.find(cursor, YEAR, YEAR.ends_at, agencies))
        groups = list(cube.people(cursor, YEAR, YEAR.ends_at, agencies))
    assert view_of(cube, known, rows, ()) == {(): dict.fromkeys(agencies, events)}
    assert people_of_view(cube, known, groups, ()) == {(): dict.fromkeys(agencies, people)}
    for view in {view for menu in (cube.views, *cube.coarser) for view in menu}:
        counted, behind = (
            of(cube, known, found, view) for of, found in ((view_of, rows), (people_of_view, groups))
        )
        assert counted.keys() == behind.keys()
        assert all(behind[at][agency] <= n for at, by in counted.items() for agency, n in by.items())


def test_thirty_services_of_three_people_in_the_hubs_own_table(world, monkeypatch):
    zone = ZoneInfo(settings.TIME_ZONE)
    busy(world)
    for letter in "ABC":
        for _ in range(20):
            client = world.client(letter, county=world.county("Alder"))
            world.service(client, provided_on=datetime(2025, 5, 2, tzinfo=zone).date(), type="shel_em")
    for letter in "ABC":
        sign(world, letter)
    actor = network(world)

    def cell():
        views = ((), ("county",))
        table = engine.run_network("services", YEAR, actor, seed=SEED, views=views).table
        return table.cells["99005",]

    assert cell() == Hidden()
    monkeypatch.setitem(
        engine.cubes.__globals__["_cubes"], "services", replace(cubes()["services"], people=None)
    )
    assert cell() == Shown(30)
