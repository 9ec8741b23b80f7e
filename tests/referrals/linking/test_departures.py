"""Who leaves is out of everything at once, and the others are settled without them."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from agencies.models import LinkEpoch, SharingAgreement
from agencies.scope import NotAllowed
from agencies.scope.counting import counting
from referrals import linking, shredders
from referrals.linkage import normalise
from referrals.linkage.keys import Person
from referrals.linkage.tokens import tokens
from referrals.linking.people import own_person
from referrals.models import Client, LinkRecord, LinkToken
from referrals.picklists import ShredReason
from tests.architecture.test_database import LINKERS
from tests.attacks import postgres
from tests.referrals.linking.network import KEYED, Network, everybody, people, rows

MARIA = ("Maria", "Lopez", "19900203")
MORE = {"ssn4": "4821", "zip5": "30303"}
ANN = ("Ann", "Other", "19810704")


@pytest.fixture
def network(world):
    return Network(world, "A", "B", "C")


@pytest.fixture
def three(network):
    """Maria at all three agencies, and Ann at two."""
    made = {letter: network.arrives(letter, *MARIA, **MORE) for letter in "ABC"}
    made |= {letter.lower(): network.arrives(letter, *ANN, ssn4="7310", zip5="60601") for letter in "AB"}
    linking.bulk()
    return made


def numbers(made, letters):
    return frozenset(made[letter].number for letter in letters)


def counted(network):
    """Person by record, as the counting role reads them."""
    with network.world.acting("HUB", "coordinator") as actor, counting(actor, network=True) as cursor:
        cursor.execute("SELECT record_id, person FROM referrals_linkedperson")
        return dict(cursor.fetchall())


def left_of(record):
    """In how many rows of which table the record still is, as nobody's policy hides it."""
    with postgres.bench() as bench:
        return [
            bench.count(f"{table} WHERE %s IN ({columns})", record.number)
            for table, columns in (
                ("referrals_linkrecord", "number"),
                ("referrals_linktoken", "record_id"),
                ("referrals_linkedge", "a, b"),
                ("referrals_linkedperson", "record_id, next"),
            )
        ]


def test_everybody_is_one_person_first(network, three):
    assert people() == {numbers(three, "ABC"), numbers(three, "ab")}
    assert len(counted(network)) == 5


def revoke(network, made):
    network.revoke(made["B"].release)


def leave(network, made):
    with network.world.acting("B"):
        linking.leave(made["B"].client)


def shred(network, made):
    with network.world.acting("B", "supervisor"):
        shredders.shred([made["B"].client_id], why=ShredReason.CLIENT_ASKED)


def delete(network, made):
    """No page does this; whoever does takes the record along."""
    with network.world.acting("B"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM referrals_linkrecord WHERE client_id = %s", [made["B"].client_id])


@pytest.mark.parametrize("how", [revoke, leave, shred, delete])
def test_who_leaves_is_read_no_more_from_that_statement_on(network, three, how):
    before, ann = everybody(), numbers(three, "ab")
    how(network, three)
    number = three["B"].number
    assert rows("SELECT FROM referrals_linktoken WHERE record_id = %s", number) == []
    assert rows("SELECT FROM referrals_linkedge WHERE %s IN (a, b)", number) == []
    # Neither they nor what was concluded with their help; nobody has settled anything yet.
    assert set(counted(network)) == ann
    linking.sweep()
    after = everybody()
    assert people() == {numbers(three, "AC"), ann}
    assert {record: after[record] for record in ann} == {record: before[record] for record in ann}
    named = {after[three[letter].number][1] for letter in "AC"}
    assert named == {own_person(min(numbers(three, "AC")))}, "as if the other had never been there"
    assert set(counted(network)) == ann | numbers(three, "AC")
    changes = rows("SELECT what, before, after FROM referrals_linkchange ORDER BY id")
    assert changes[-1] == ("left", [2], [2])


def test_a_release_that_ends_is_used_by_no_read_after_it_though_nothing_runs(lasting_world):
    """The statement's clock: no worker, no sweep, one transaction that goes on reading."""
    network = Network(lasting_world, "A", "B", "C")
    made = {letter: network.arrives(letter, *MARIA, **MORE) for letter in "AC"}
    client = lasting_world.client("B")
    end = timezone.now() + timedelta(seconds=2)
    network.release(client, ends_at=end)
    made["B"] = network.store(client, *MARIA, **MORE)
    linking.bulk()
    assert len(counted(network)) == 3
    reads = {
        "tokens": lambda: rows("SELECT FROM referrals_linktoken WHERE record_id = %s", made["B"].number),
        "pairs": lambda: rows("SELECT FROM referrals_linkedge WHERE %s IN (a, b)", made["B"].number),
        "person": lambda: rows("SELECT FROM referrals_linkedperson WHERE record_id = %s", made["B"].number),
        "record": lambda: rows("SELECT FROM referrals_linkrecord WHERE number = %s", made["B"].number),
        "people": lambda: list(counted(network)),
    }
    assert all(read() for read in reads.values())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(greatest(0, extract(epoch FROM %s - clock_timestamp())))", [end])
    assert {name: read() for name, read in reads.items()} == {name: [] for name in reads}
    assert linking.sweep() == 1
    assert left_of(made["B"]) == [0, 0, 0, 0]
    assert people() == {numbers(made, "AC")}
    assert set(counted(network)) == numbers(made, "AC")


def test_a_renewed_release_keeps_tokens_and_person(network, three):
    before = everybody()
    with network.world.acting("B"):
        assert linking.renew(three["B"].client).number == three["B"].number
    renewed = network.release(three["B"].client, ends_at=timezone.now() + timedelta(days=80))
    with network.world.acting("B"):
        linking.renew(three["B"].client)
    network.revoke(three["B"].release)
    assert rows("SELECT count(*) FROM referrals_linktoken WHERE record_id = %s AND ends_at = %s",
                three["B"].number, renewed.ends_at) > [(5,)]  # fmt: skip
    linking.link_new()
    assert people() == {numbers(three, "ABC"), numbers(three, "ab")}
    assert everybody()[three["B"].number][1] == before[three["B"].number][1]


def test_other_partners_end_what_came_of_the_comparison(network, three):
    network.release(three["B"].client, partners="A", ends_at=timezone.now() + timedelta(days=80))
    with network.world.acting("B"):
        record = linking.renew(three["B"].client)
    assert record.number != three["B"].number
    assert numbers(three, "AC").isdisjoint(counted(network))
    linking.sweep()
    linking.link_new()
    # B and C are compared no more: but each is with A, and half of the pairs across are links.
    assert linking.component(record.number) == sorted([record.number, *numbers(three, "AC")])
    pairs = {frozenset(pair) for pair in rows("SELECT a, b FROM referrals_linkedge")}
    assert frozenset({record.number, three["C"].number}) not in pairs


def test_records_are_compared_only_if_each_names_the_others_agency(network):
    a = network.arrives("A", *MARIA, **MORE)
    client = network.world.client("B")
    network.release(client, partners="C")
    b = network.store(client, *MARIA, **MORE)
    c = network.arrives("C", *MARIA, **MORE)
    for link in (linking.bulk, linking.link_new):
        link()
        pairs = {frozenset(pair) for pair in rows("SELECT a, b FROM referrals_linkedge")}
        assert pairs == {frozenset({b.number, c.number}), frozenset({a.number, c.number})}


def test_two_clients_of_one_agency_are_two_people(network):
    first, second = (network.arrives("A", *MARIA, **MORE).number for _ in range(2))
    other = network.arrives("B", *MARIA, **MORE).number
    linking.bulk()
    found = people()
    assert {frozenset({first}), frozenset({second, other})} == found or {
        frozenset({second}),
        frozenset({first, other}),
    } == found


# No release, no token


@pytest.mark.slow
def test_of_a_thousand_clients_without_a_release_there_is_no_token_anywhere(lasting_world):
    """Covered agencies, and agencies whose agreement does not say so; looked for past every policy."""
    network = Network(lasting_world, "A", "B")
    network.award("A", "none", "voca")
    network.agrees("A", shares_tokens_without_release=True)
    token = [("D.Z", b"0" * 16)]
    for letter in "AB":
        agency = lasting_world.agency(letter)
        with lasting_world.acting(letter):
            clients = Client.objects.bulk_create(Client(agency=agency) for _ in range(500))
            assert list(linking.wanted(1)) == []
            for client in clients:
                with pytest.raises(ValidationError):
                    linking.store(client=client, tokens=token, epoch=1, version=normalise.VERSION)
            # By hand, as whoever stole the application's role would.
            facts = {"ends_at": timezone.now() + timedelta(days=1), "epoch": 1, "version": 1, "mask": 0}
            with pytest.raises(IntegrityError, match="no live release"), transaction.atomic():
                LinkRecord.objects.create(agency=agency, client=clients[0], partners=[], **facts)
    with postgres.bench() as bench:
        assert bench.count("referrals_client") == 1000
        for table in LINKERS:
            assert bench.count(table) == 0, table
        assert bench.count("referrals_linkrecord") == 0
    # The same clients with a release have one each: the way in is open.
    client = clients[0]
    network.release(client, partners="A")
    network.store(client, *MARIA, **MORE)
    with postgres.bench() as bench:
        assert bench.count("referrals_linktoken") > 10


@pytest.mark.parametrize("case", ["coming", "revoked", "another client's", "to an agency"])
def test_a_release_that_does_not_live_or_is_not_for_this_lets_nobody_in(network, case):
    client, there = network.world.client("A"), network.world.agency("B")
    if case == "coming":
        network.release(client, starts_at=timezone.now() + timedelta(days=1))
    elif case == "revoked":
        network.revoke(network.release(client))
    elif case == "another client's":
        network.release(network.world.client("A"))
    else:
        network.release(client, recipient=there, classes=["identity"], purpose="case_conference")
    with pytest.raises(ValidationError):
        network.store(client, *MARIA, **MORE)
    assert rows("SELECT FROM referrals_linkrecord") == []


def test_an_agency_that_may_do_without_ends_with_a_new_award(network):
    network.award("A", "none")
    network.agrees("A", shares_tokens_without_release=True)
    client = network.world.client("A")
    with network.world.acting("A"):
        assert list(linking.wanted(1)) == [client]
    record = network.store(client, *MARIA, **MORE)
    other = network.arrives("B", *MARIA, **MORE)
    with network.world.acting("A"):
        assert list(linking.wanted(1)) == []
    linking.bulk()
    assert people() == {frozenset({record.number, other.number})}
    network.award("A", "vawa")
    assert rows("SELECT FROM referrals_linktoken WHERE record_id = %s", record.number) == []
    assert counted(network) == {}
    linking.sweep()
    assert set(counted(network)) == {other.number}


def test_an_agreement_that_ends_ends_what_stood_under_it(network):
    network.agrees("A", shares_tokens_without_release=True)
    record = network.store(network.world.client("A"), *MARIA, **MORE)
    with network.world.acting("A"):
        SharingAgreement.objects.filter(shares_tokens_without_release=True).update(ended_at=Now())
    assert rows("SELECT FROM referrals_linkrecord WHERE number = %s", record.number) == []


# Storing


def test_who_stores_twice_has_the_newest_tokens_and_is_the_same_record(network, three):
    before = rows("SELECT key, token FROM referrals_linktoken WHERE record_id = %s", three["B"].number)
    again = network.store(three["B"].client, "Mariana", "Lopes", "19900203", **MORE)
    assert again.number == three["B"].number
    after = rows("SELECT key, token FROM referrals_linktoken WHERE record_id = %s", three["B"].number)
    assert set(before) != set(after)
    assert linking.link_new() == 1


def test_a_token_is_kept_under_the_hubs_pepper(network):
    record = network.arrives("A", *MARIA, **MORE)
    maria = Person.of(first=MARIA[0], last=MARIA[1], dob=MARIA[2], **MORE)
    sent = {token for _key, token in tokens(maria, KEYED, epoch=1)}
    kept = {
        bytes(t) for (t,) in rows("SELECT token FROM referrals_linktoken WHERE record_id = %s", record.number)
    }
    assert len(kept) == len(sent) and not kept & sent


@pytest.mark.parametrize(
    "odd",
    [
        {"epoch": 2},
        {"version": normalise.VERSION + 1},
        {"tokens": [("X.X", b"0" * 16)]},
        {"tokens": [("D.Z", b"0" * 15)]},
        {"tokens": [("D.Z", b"0" * 16)] * 2},
    ],
    ids=["epoch", "version", "key", "length", "twice"],
)
def test_what_no_tool_of_ours_makes_is_refused(network, odd):
    client = network.world.client("A")
    network.release(client)
    facts = {"tokens": [("D.Z", b"0" * 16)], "epoch": 1, "version": normalise.VERSION, **odd}
    with network.world.acting("A"), pytest.raises(ValidationError):
        linking.store(client=client, **facts)


def test_who_may_not_edit_clients_stores_nothing(network):
    client = network.world.client("A")
    network.release(client)
    with network.world.acting("A", "hotline"), pytest.raises(NotAllowed):
        linking.store(client=client, tokens=[], epoch=1, version=1)


def test_an_ended_epoch_takes_its_tokens_along(network, three):
    LinkEpoch.objects.create(number=2, fingerprint="1111 " * 7 + "1111")
    moved = network.store(three["A"].client, *MARIA, **MORE, epoch=2)
    assert people() == {numbers(three, "ABC"), numbers(three, "ab")}, "links stand while two epochs overlap"
    linking.link_new()
    linking.bulk()
    assert people() == {numbers(three, "ABC"), numbers(three, "ab")}
    with network.world.acting("HUB", "coordinator"):
        linking.end_epoch(1)
    linking.sweep()
    assert people() == {frozenset({moved.number})}
    assert {epoch for (epoch,) in rows("SELECT epoch FROM referrals_linkrecord")} == {2}


def test_the_application_reads_no_token(network, three):
    with network.world.acting("A"), pytest.raises(Exception, match="permission denied"), transaction.atomic():
        LinkToken.objects.count()
