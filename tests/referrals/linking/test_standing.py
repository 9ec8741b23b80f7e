"""A client's tokens follow a renewed release, and an agency's records stand while the agency takes part."""

import re
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agencies import affairs
from agencies.models import Agency, SharingAgreement
from agencies.scope import acting_as
from agencies.scope.linking import linking as door
from referrals import linking, releases
from referrals.linkage import normalise
from referrals.linking import records
from referrals.models import ContactCard, LinkRecord
from referrals.queries import cards_changed_since_tokens
from tests.referrals.linking.network import Network, everybody, people, rows
from tests.referrals.test_cards import begin, body, send
from tests.referrals.test_releases import SIGNED

MARIA = ("Maria", "Lopez", "19900203")
MORE = {"ssn4": "4821", "zip5": "30303"}


@pytest.fixture
def network(world):
    return Network(world, "A", "B", "C")


@pytest.fixture
def three(network):
    """Maria at all three agencies, linked."""
    made = {letter: network.arrives(letter, *MARIA, **MORE) for letter in "ABC"}
    linking.bulk()
    return made


def tokens(record):
    found = rows("SELECT key, token FROM referrals_linktoken WHERE record_id = %s", record.number)
    return {(key, bytes(token)) for key, token in found}


def standing(network, letter):
    with network.world.acting(letter):
        return LinkRecord.objects.filter(ends_at__gt=Now()).count()


def renewed(network, record, **changed):
    with network.world.acting(network.world.letter(record.agency_id)):
        days = timezone.localdate() + timedelta(days=80)
        releases.renew(release=record.release, ends_on=days, signature=SIGNED, **changed)
        return LinkRecord.objects.get(client=record.client)


def revoke(network, record):
    with network.world.acting(network.world.letter(record.agency_id)):
        releases.revoke(release=record.release, how="orally")


def ends(record):
    """Its time runs out, and nobody has swept."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE referrals_linkrecord SET ends_at = statement_timestamp() + interval '100 ms' WHERE number = %s",
            [record.number],
        )
        cursor.execute("SELECT pg_sleep(0.2)")


@pytest.mark.parametrize("swept", [False, True])
def test_who_signs_again_after_the_end_is_a_new_record(network, three, swept):
    """Whether a sweep ran meanwhile or not: the links made by hand with the old one are gone."""
    ann = network.arrives("B", "Ann", "Other", "19810704", ssn4="7310", zip5="60601")
    linking.link_new()
    with network.world.acting("A"):
        linking.decide(three["A"].client_id, ann.client_id, "together")
        ends(three["A"])
    if swept:
        linking.sweep()
    network.release(three["A"].client, ends_at=timezone.now() + timedelta(days=80))
    now = network.store(three["A"].client, *MARIA, **MORE)
    assert now.number != three["A"].number
    assert rows("SELECT FROM referrals_linkedge WHERE %s IN (a, b)", three["A"].number) == []
    linking.link_new()
    linking.sweep()
    assert people() == {
        frozenset({now.number, three["B"].number, three["C"].number}),
        frozenset({ann.number}),
    }


def test_no_statement_brings_an_ended_record_back(network, three):
    with network.world.acting("A"):
        ends(three["A"])
        mine = LinkRecord.objects.filter(number=three["A"].number)
        with pytest.raises(IntegrityError, match="does not come back"), transaction.atomic():
            mine.update(ends_at=three["A"].ends_at)
        assert mine.delete()[0] == 1


# Renewing


def test_tokens_and_links_stand_on_under_a_renewed_release(network, three):
    before, was = everybody(), tokens(three["A"])
    now = renewed(network, three["A"])
    assert now.number == three["A"].number and now.release_id != three["A"].release_id
    assert now.ends_at > three["A"].ends_at and tokens(now) == was
    assert {number: row[1] for number, row in everybody().items()} == {n: row[1] for n, row in before.items()}
    assert linking.link_new() == 0, "nothing is compared anew"
    revoke(network, three["A"])
    assert standing(network, "A") == 0, "whoever takes back one means both"
    with network.world.acting("A"):
        assert not linking.wanted(1).exists()


def test_renewed_among_others_the_tokens_are_compared_anew_with_those(network, three):
    was = tokens(three["A"])
    now = renewed(network, three["A"], partners=[network.world.agency("B").pk])
    assert now.number != three["A"].number and tokens(now) == was and tokens(three["A"]) == set()
    assert linking.link_new() >= 1
    linking.sweep()
    assert any({now.number, three["B"].number} <= one for one in people())


def test_what_was_signed_last_counts_though_it_ends_sooner(network, three):
    with network.world.acting("A"):
        soon = timezone.localdate() + timedelta(days=3)
        made = releases.renew(release=three["A"].release, ends_on=soon, signature=SIGNED)
        now = LinkRecord.objects.get(client=three["A"].client)
    assert (now.release_id, now.ends_at) == (made.pk, made.ends_at) and made.ends_at < three["A"].ends_at


def test_a_renewal_that_names_fewer_narrows_though_the_older_lasts_longer(network, three):
    soon, b = timezone.localdate() + timedelta(days=3), network.world.agency("B").pk
    with network.world.acting("A"):
        releases.renew(release=three["A"].release, ends_on=soon, signature=SIGNED, partners=[b])
        now = LinkRecord.objects.get(client=three["A"].client)
    assert (now.partners, now.confirms) == ([b], True)
    store_again = network.store(three["A"].client, *MARIA, **MORE)
    assert store_again.partners == [b], "nor do new tokens stand under the older"


@pytest.mark.parametrize("among", ["BC", "B"], ids=["the same", "others"])
def test_a_renewal_hides_no_change_of_the_card(network, among, monkeypatch):
    """The tokens are as old as they were, so the browser still makes them anew; forgotten, it would not."""
    world = network.world
    begin(world, "A")
    record = network.arrives("A", *MARIA, **MORE)
    worker = world.browser("A")
    assert send(worker, "card_save", body(record.client)).status_code == 200
    partners = [world.agency(one).pk for one in among]

    def wanted():
        with world.acting("A"):
            assert ContactCard.objects.count() == 1
            return cards_changed_since_tokens(1).count()

    assert wanted() == 1
    renewed(network, record, partners=partners)
    assert wanted() == 1
    keep = records._keep
    monkeypatch.setattr(records, "_keep", lambda *said, made_at, **facts: keep(*said, **facts))
    renewed(network, record, partners=partners)
    assert wanted() == 0


def test_a_client_without_tokens_has_none_after_a_renewal(network):
    client = network.world.client("A")
    release = network.release(client)
    with network.world.acting("A"):
        releases.renew(
            release=release,
            ends_on=timezone.localdate() + timedelta(days=80),
            signature=SIGNED,
        )
    assert standing(network, "A") == 0


# Taking back


def test_what_revoking_asks_of_the_database_tells_nothing_of_others(network):
    """Known elsewhere or not: the same statements, and the component is left to the sweep."""
    known = network.arrives("A", *MARIA, **MORE)
    network.arrives("B", *MARIA, **MORE)
    alone = network.arrives("A", "Ann", "Other", "19810704", ssn4="7310", zip5="60601")
    linking.bulk()
    asked = []
    for record in (known, alone):
        with network.world.acting("A"), CaptureQueriesContext(connection) as found:
            releases.revoke(release=record.release, how="orally")
        asked.append([re.sub(r"'[^']*'|\d+|\"s\w+\"", "?", one["sql"]) for one in found])
    assert asked[0] == asked[1]
    left = rows("SELECT count(*) FROM referrals_linkedperson WHERE ring IS NULL")
    assert left == [(1,)], "whoever was settled with them is read no more"


def test_the_schedule_settles_who_is_left_within_a_minute(network, three):
    from casehub import celery

    assert celery.app.conf.beat_schedule["link"] == {"task": "casehub.link", "schedule": 60.0}
    with network.world.acting("B"):
        releases.revoke(release=three["B"].release, how="orally")
    assert people() == set()
    celery.link()
    assert people() == {frozenset({three["A"].number, three["C"].number})}


# Agreements, and who leaves


def sign(network, letter, **says):
    with network.world.acting(letter, "data_lead"):
        return affairs.sign_agreement(shares_totals=True, text_digest="1" * 64, **says)


def test_signing_again_takes_no_record_away(network):
    network.agrees("A", shares_tokens_without_release=True)
    record = network.store(network.world.client("A"), *MARIA, **MORE)
    second = sign(network, "A", shares_tokens_without_release=True)
    assert tokens(record)
    with network.world.acting("A"):
        assert list(affairs.agreements().filter(ended_at=None)) == [second]
        ended = affairs.agreements().get(version=second.version - 1)
        assert ended.ended_at == second.signed_at
    sign(network, "A", shares_tokens_under_release=True)
    assert tokens(record) == set()


def test_ended_first_the_agreement_takes_what_stood_under_it(network):
    """As it was signed before: the next version came too late."""
    network.agrees("A", shares_tokens_without_release=True)
    record = network.store(network.world.client("A"), *MARIA, **MORE)
    with network.world.acting("A"):
        SharingAgreement.objects.filter(ended_at=None).update(ended_at=Now())
    sign(network, "A", shares_tokens_without_release=True)
    assert tokens(record) == set()


def test_one_agreement_is_in_force_when_a_transaction_ends(network):
    def both():
        with network.world.acting("A"):
            SharingAgreement.objects.create(
                agency=network.world.agency("A"), version=9, text_digest="0" * 64, signed_at=Now()
            )
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(IntegrityError, match="one_agreement_is_in_force"):
        both()
    with network.world.acting("A"):
        affairs.agreements().filter(version=9).update(ended_at=Now())


def veto(network):
    Agency.objects.filter(slug="agency-b").update(is_tribal=True)
    with network.world.acting("B", "data_lead"):
        affairs.set_veto(vetoed=True)


def leaves(network):
    """Said by the office, whose door shows no client."""
    with network.world.acting("HUB", "coordinator"):
        Agency.objects.filter(slug="agency-b").update(left_on=timezone.localdate())


def shares_no_more(network):
    sign(network, "B")


@pytest.mark.parametrize("how", [veto, leaves, shares_no_more], ids=lambda how: how.__name__)
def test_who_takes_no_part_any_more_is_out_at_once_and_partners_stay(network, three, how):
    world = network.world
    world.person("B", "data_lead")
    with world.acting("B", "supervisor"):
        from referrals import actions

        actions.restrict_client(client=three["B"].client, openers=[world.person("B", "supervisor")])
    how(network)
    assert tokens(three["B"]) == set() and tokens(three["A"]) and tokens(three["C"])
    assert rows("SELECT FROM referrals_linkedge WHERE %s IN (a, b)", three["B"].number) == []
    linking.sweep()
    assert people() == {frozenset({three["A"].number, three["C"].number})}


@pytest.mark.parametrize("how", [veto, leaves, shares_no_more], ids=lambda how: how.__name__)
def test_nor_is_anybody_of_theirs_taken_in_until_they_take_part_again(network, how):
    world = network.world
    client = world.client("B")
    network.release(client)
    with world.acting("B"):
        assert list(linking.wanted(1)) == [client]
    world.person("B", "data_lead")
    worker = world.actor("B")
    how(network)
    with acting_as(worker):
        assert list(linking.wanted(1)) == []
        with pytest.raises(ValidationError):
            linking.store(client=client, tokens=[("D.Z", b"0" * 16)], epoch=1, version=normalise.VERSION)
    Agency.objects.filter(slug="agency-b").update(sharing_vetoed=False, left_on=None)
    sign(network, "B", shares_tokens_under_release=True)
    assert tokens(network.store(client, *MARIA, **MORE))


def test_the_door_is_as_it_was_after_an_agency_left(network, three):
    with network.world.acting("A"):
        before = LinkRecord.objects.count()
        Agency.objects.filter(slug="agency-b").update(left_on=timezone.localdate())
        assert LinkRecord.objects.count() == before == 1
        with door(whole=False) as cursor:
            cursor.execute("SELECT count(*) FROM referrals_linkrecord")
            assert cursor.fetchone() == (1,)
