"""Arrivals and the run over all come to the same people."""

import pytest

from bench.crowd import crowd
from referrals import linking
from tests.referrals.linking.network import Network, everybody, people, rows

EDGES = 'SELECT a, b, agree, "both", posterior FROM referrals_linkedge'


@pytest.fixture
def network(world):
    return Network(world, "A", "B", "C")


def filled(network, size=300):
    """A crowd whose members come to one agency after the other."""
    made = []
    for at, row in enumerate(crowd(size, seed=3)):
        letter = network.letters[at % len(network.letters)]
        made.append(network.arrives(letter, row.first, row.last, row.dob, ssn4=row.ssn4, zip5=row.zip).number)
    return made


def test_one_person_at_two_agencies_is_one(network):
    a = network.arrives("A", "Maria", "Lopez", "19900203", ssn4="4821", zip5="30303").number
    b = network.arrives("B", "Maria", "Lopez", "19900203", ssn4="4821", zip5="30303").number
    c = network.arrives("C", "Ann", "Other", "19810704", ssn4="7310", zip5="60601").number
    assert people() == set(), "storing links nothing"
    assert linking.bulk() == 3
    assert people() == {frozenset({a, b}), frozenset({c})}
    assert linking.component(a) == sorted([a, b])


def test_arrivals_come_to_what_the_run_over_all_comes_to(network):
    filled(network)
    linking.bulk()
    edges, found = set(rows(EDGES)), people()
    assert sum(len(one) > 1 for one in found) > 20
    # As if nobody had arrived: the scorer stands.
    rows("DELETE FROM referrals_linkedge RETURNING a")
    rows("DELETE FROM referrals_linkedperson RETURNING record_id")
    assert people() == set()
    assert linking.link_new() == 300
    assert set(rows(EDGES)) == edges
    assert people() == found
    before = everybody()
    assert linking.link_new() == 0
    linking.bulk()
    assert everybody() == before
