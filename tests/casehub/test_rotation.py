"""A new epoch from the holders to the hub's tables: what the old key made and what the new one makes share nothing,
what is stored is no output of the holders', and the old epoch goes with its records and its pepper."""

import pytest

from agencies import linknet, vault
from agencies.roles import Permission
from agencies.scope import Actor, acting_as
from casehub.celery import link
from referrals import linking
from referrals.linkage import normalise, oprf
from referrals.linkage.keyholder import dealing
from referrals.linkage.keyholder.client import Asker
from referrals.linkage.keys import Person
from referrals.linkage.tokens import tokens
from referrals.models import LinkRecord
from tests.attacks import postgres
from tests.referrals.linkage.test_keyholder import serving
from tests.referrals.linking.network import Network, people, rows

PEOPLE = [
    Person.of(first=f"Wren{one}", last="Example", dob=f"1990010{one}", ssn4=f"100{one}", zip5="30303")
    for one in (1, 2, 3)
]


class Sharing(Network):
    """Agencies that share tokens; holders and epoch are made by the test."""

    def __init__(self, world, *letters):
        self.world, self.letters = world, letters
        for letter in letters:
            self.agrees(letter, shares_tokens_under_release=True)


@pytest.fixture(autouse=True)
def _own_keys(settings, tmp_path):
    settings.CASEHUB_KEYS = str(tmp_path / "keys")
    vault.ensure_kek()


@pytest.fixture
def three(tmp_path):
    folders = dealing.begin([tmp_path / str(number) for number in oprf.HOLDERS])
    with serving(*(one.path for one in folders)) as processes:
        yield folders, [one.url for one in processes]


@pytest.fixture
def office(lasting_world):
    return Actor.hub(lasting_world.agency("HUB"), Permission.NETWORK_MANAGE)


@pytest.fixture
def clients(lasting_world, three, office):
    """The same three people at two agencies, each with a release, and the first epoch in use."""
    folders, urls = three
    with acting_as(office):
        for number, url in zip(oprf.HOLDERS, urls, strict=True):
            linknet.name_holder(number, url=url, body=f"Body {number}")
        linknet.turn_on(1, oprf.fingerprint(folders[0].epochs()[1]))
    sharing = Sharing(lasting_world, "A", "B")
    made = {letter: [lasting_world.client(letter) for _ in PEOPLE] for letter in "AB"}
    for client in (*made["A"], *made["B"]):
        sharing.release(client)
    return made


def tokenised(world, three, clients, epoch):
    """Tokens from the holders, for everybody, stored; the holders' outputs."""
    folders, urls = three
    outputs = set()
    for letter, theirs in clients.items():
        admit = dealing.again if f"agency-{letter.lower()}" in folders[0].agencies() else dealing.admit
        more = {} if admit is dealing.again else {"daily": 10**6}
        asker = Asker(admit(folders, f"agency-{letter.lower()}", urls=urls, **more), epoch)
        for client, person in zip(theirs, PEOPLE, strict=True):
            made = tokens(person, asker, epoch=epoch)
            outputs |= {token for _, token in made}
            with world.acting(letter):
                linking.store(client=client, tokens=made, epoch=epoch, version=normalise.VERSION)
        asker.close()
    return outputs


def held():
    return {bytes(token) for (token,) in rows("SELECT token FROM referrals_linktoken")}


def test_tokens_in_the_database_are_not_what_the_holders_gave(lasting_world, three, clients):
    outputs = tokenised(lasting_world, three, clients, 1)
    assert held() == {vault.pepper(one, epoch=1) for one in outputs} and not held() & outputs


def test_without_the_pepper_the_database_would_hold_what_the_holders_gave(
    lasting_world, three, clients, monkeypatch
):
    """Sabotage."""
    monkeypatch.setattr(vault, "pepper", lambda token, *, epoch: token)
    outputs = tokenised(lasting_world, three, clients, 1)
    assert held() == outputs


def test_old_and_new_tables_share_nothing_and_the_old_epoch_goes_whole(lasting_world, three, clients, office):
    world = lasting_world
    first_outputs = tokenised(world, three, clients, 1)
    linking.bulk()
    before = people()
    assert sorted(map(len, before)) == [2, 2, 2]
    first = held()

    folders, _ = three
    dealing.rotate(folders, overlap=dealing.timedelta(days=1))
    with acting_as(office):
        linknet.begin_epoch(2, oprf.fingerprint(folders[0].epochs()[2]))
    # A's people come over first: the overlap.
    for letter in "AB":
        with world.acting(letter):
            assert set(linking.wanted(2)) == set(clients[letter])
    second_outputs = tokenised(world, three, {"A": clients["A"]}, 2)
    with world.acting("A"):
        assert not linking.wanted(2).exists()
    linking.bulk()
    assert {bytes(one) for (one,) in rows(
        "SELECT token FROM referrals_linktoken t JOIN referrals_linkrecord r ON r.number = t.record_id"
        " WHERE r.epoch = 2")} & first == set()  # fmt: skip
    assert not first_outputs & second_outputs and not held() & second_outputs
    assert people() == before  # what was found stands through the overlap, and nothing is compared across it

    tokenised(world, three, {"B": clients["B"]}, 2)
    linking.bulk()
    assert sorted(map(len, people())) == [2, 2, 2] and not held() & first
    # Whoever kept the old table has nothing in it that the new one has.
    with acting_as(office):
        linking.end_epoch(1)
    assert not vault.pepper_stands(1) and [one.number for one in linknet.epochs()] == [2]
    assert sorted(map(len, people())) == [2, 2, 2]


def test_whoever_did_not_come_over_is_gone_with_the_old_epoch(lasting_world, three, clients, office):
    world = lasting_world
    folders, _ = three
    tokenised(world, three, clients, 1)
    dealing.rotate(folders, overlap=dealing.timedelta(days=1))
    with acting_as(office):
        linknet.begin_epoch(2, oprf.fingerprint(folders[0].epochs()[2]))
    tokenised(world, three, {"A": clients["A"]}, 2)
    with acting_as(office):
        linking.end_epoch(1)
    with postgres.bench() as bench:
        assert bench.count("referrals_linkrecord WHERE epoch = 1") == 0
        assert bench.count("referrals_linkrecord WHERE epoch = 2") == len(PEOPLE)
        assert bench.count("referrals_linktoken t WHERE NOT EXISTS (SELECT 1 FROM referrals_linkrecord r"
                           " WHERE r.number = t.record_id)") == 0  # fmt: skip
    with world.acting("B"):
        assert set(linking.wanted(2)) == set(clients["B"]) and not LinkRecord.objects.exists()


def test_the_clock_ends_what_a_crash_left(lasting_world, three, clients, office, monkeypatch):
    """Between the end of the epoch and the end of its pepper."""
    folders, _ = three
    tokenised(lasting_world, three, clients, 1)
    dealing.rotate(folders, overlap=dealing.timedelta(days=1))
    with acting_as(office):
        linknet.begin_epoch(2, oprf.fingerprint(folders[0].epochs()[2]))
    with monkeypatch.context() as crash:
        crash.setattr(vault, "destroy_pepper", lambda _: None)
        with acting_as(office):
            linknet.end_epoch(1)
    assert vault.pepper_stands(1)
    link()
    assert not vault.pepper_stands(1) and not held()
