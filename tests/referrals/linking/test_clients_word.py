"""A client's word against being counted holds without a release, over a restored dump and after their identity went;
and what the client's own list says of tokens and of who was asked (ADR 16)."""

from datetime import timedelta

import psycopg2.errors
import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from agencies.models import LedgerEntry
from casehub import running
from referrals import disclosures, linking, releases, shredders
from referrals.models import (
    CountObjection,
    Handover,
    LinkAnswer,
    LinkRecord,
    ReleaseOfInformation,
)
from referrals.picklists import LinkVerdict, ShredReason
from referrals.releases import State, Way
from tests.attacks import postgres
from tests.referrals.linking.network import Network, rows
from tests.referrals.linking.test_review import asked, doubtful, keep_scorer, say
from tests.referrals.test_disclosures import handing, key_of, seen_by

MARIA = ("Maria", "Lopez", "19900203")


@pytest.fixture
def network(world):
    """A may do without releases; B and C share under them."""
    return doing_without(world)


def doing_without(world):
    found = Network(world, "B", "C")
    found.agrees("A", shares_tokens_under_release=True, shares_tokens_without_release=True)
    found.award("A", "none")
    found.letters = ("A", "B", "C")
    return found


def wanted(network, client):
    with network.world.acting("A"):
        return linking.wanted(1).filter(pk=client.pk).exists()


def is_counted(network, client):
    with network.world.acting("A"):
        return LinkRecord.objects.filter(client=client, ends_at__gt=Now()).exists()


def page_of(network, client):
    answer = network.world.browser("A").get(reverse("referrals:releases", args=[client.pk]))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


# Without a release


def test_an_award_of_which_nothing_is_said_is_covered(network):
    client = network.world.client("A")
    assert wanted(network, client)
    network.store(client, *MARIA)
    network.award("A")
    assert not wanted(network, client) and not is_counted(network, client)


def test_whoever_takes_a_release_to_the_hub_back_is_not_counted_without_one(network):
    client = network.world.client("A")
    release = network.release(client)
    network.store(client, *MARIA)
    with network.world.acting("A"):
        releases.revoke(release=release, how="orally")
    assert not wanted(network, client) and not is_counted(network, client)
    with pytest.raises(ValidationError, match="No release"):
        network.store(client, *MARIA)
    network.release(client)
    assert wanted(network, client)
    network.store(client, *MARIA)
    assert is_counted(network, client), "a new release is a new word"


def test_revoking_takes_tokens_too_that_stand_under_none(network):
    """They were stored while the release was still to come."""
    client = network.world.client("A")
    network.store(client, *MARIA)
    network.revoke(network.release(client, starts_at=Now() + timedelta(days=2)))
    assert not is_counted(network, client)


def test_a_button_says_that_the_client_does_not_want_to_be_counted(network):
    client = network.world.client("A")
    network.store(client, *MARIA)
    page = page_of(network, client)
    assert "Without a release: counted once by tokens" in page and "Agency B, Agency C" in page
    assert "Nothing was shared with anybody" not in page and "The client does not want to be counted" in page
    browser = network.world.browser("A")
    for _ in range(2):
        answer = browser.post(reverse("referrals:release_not_wanted", args=[client.pk]))
        assert answer.status_code == 302
    assert not wanted(network, client) and not is_counted(network, client)
    page = page_of(network, client)
    assert "Nothing was shared with anybody" in page and "The client does not want" not in page
    with pytest.raises(ValidationError, match="No release"):
        network.store(client, *MARIA)
    with network.world.acting("A") as actor:
        assert CountObjection.objects.get().client_id == client.pk
        assert LedgerEntry.objects.filter(agency_id=actor.agency_id, verb="release.not_wanted").count() == 1


def test_said_beside_a_release_it_takes_that_back(network):
    client = network.world.client("A")
    network.release(client)
    network.store(client, *MARIA)
    with network.world.acting("A"):
        releases.object_to_counting(client=client)
        assert [one.state for one in releases.of_client(client)] == [State.REVOKED]
    assert not is_counted(network, client) and not wanted(network, client)


@pytest.mark.parametrize("said", ["by a row", "by a revocation"])
def test_the_database_alone_refuses_tokens_of_who_objects(network, said):
    client = network.world.client("A")
    record = network.store(client, *MARIA)
    facts = {name: getattr(record, name) for name in ("ends_at", "partners", "epoch", "version", "mask")}
    if said == "by a row":
        with network.world.acting("A"):
            CountObjection.objects.create(agency_id=client.agency_id, client=client)
    else:
        network.revoke(network.release(client))
    assert not is_counted(network, client)
    with network.world.acting("A"), pytest.raises(IntegrityError, match="no live release"):
        LinkRecord.objects.create(agency_id=client.agency_id, client=client, **facts)


def test_where_releases_are_asked_for_there_is_no_such_button(world):
    network = Network(world, "A", "B")
    page = page_of(network, world.client("A"))
    assert "does not want to be counted" not in page


# What the tables are held to


def test_nobody_learns_by_trying_whether_another_agencys_client_is_counted(world):
    network = Network(world, "A", "B", "C")
    counted, other = network.arrives("B", *MARIA).client_id, world.client("B").pk
    network.arrives("A", *MARIA)
    said = set()
    for client in (counted, other):
        with world.acting("A"), connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE again AS SELECT * FROM referrals_linkrecord LIMIT 1")
            cursor.execute(
                "UPDATE again SET id = gen_random_uuid(), number = number + 1, client_id = %s", [client]
            )
            with pytest.raises(IntegrityError) as error, transaction.atomic():
                cursor.execute("INSERT INTO referrals_linkrecord SELECT * FROM again")
            cursor.execute("DROP TABLE again")
            said.add(type(error.value.__cause__))
    assert said == {psycopg2.errors.ForeignKeyViolation}


def test_what_was_handed_over_stays_with_the_client_who_allowed_it(world):
    key_of(world, "A")
    public, client, other = key_of(world, "B"), world.client("A"), world.client("A")
    with world.acting("A"):
        made = disclosures.hand_over(**handing(world, client, public))
        empty = Handover.objects.create(agency_id=client.agency_id, client=client, receiver=made.receiver)
        Handover.objects.filter(pk=empty.pk).update(client=other)
        with pytest.raises(IntegrityError, match="the client who allowed it"), transaction.atomic():
            Handover.objects.filter(pk=made.pk).update(client=other)


# Who was asked


def test_the_clients_list_says_who_was_shown_a_record_beside_theirs(world):
    network = Network(world, "A", "B", "C")
    keep_scorer()
    ours, _theirs = doubtful(network, "A", "B")
    assert "Nobody was asked yet" in page_of(network, ours)
    assert len(asked(network, "B")) == 1
    page = page_of(network, ours)
    assert "Agency B was asked on" in page and "Agency C" not in page.split("Agency B was asked on")[1]
    assert "Nobody can" not in page
    with world.acting("A") as actor:
        (entry,) = LedgerEntry.objects.filter(agency_id=actor.agency_id, verb="link.shown_there")
        assert (entry.target_id, entry.user_id, entry.why) == (str(ours.pk), None, "Agency B")
        (line,) = [one for one in releases.shared(ours) if one.way is Way.COUNTED]
        assert line.asked == [("Agency B", timezone.localdate())]
    with world.acting("B") as actor:
        assert not LedgerEntry.objects.filter(agency_id=actor.agency_id, verb="link.shown_there").exists()


def test_without_leave_to_ask_nobody_can(world):
    network = Network(world, "A", "B")
    client = world.client("A")
    network.release(client, classes=["count"])
    assert "Nobody can: a token only counts" in page_of(network, client)


def test_what_is_entered_there_is_a_pair_that_stands(world):
    """Numbers that are no pair of ours, or may not be asked about, enter nothing; and our door stays ours."""
    network = Network(world, "A", "B", "C")
    keep_scorer()
    doubtful(network, "A", "B")
    numbers = {letter: [] for letter in "ABC"}
    for number, agency in rows("SELECT number, agency_id FROM referrals_linkrecord"):
        numbers[world.letter(agency)].append(number)
    stranger = network.arrives("C", "Zelda", "Unmatched", "19550505").number
    with world.acting("A") as actor, connection.cursor() as cursor:
        for ours, theirs in (
            (numbers["A"], [stranger]),
            (numbers["B"], numbers["A"]),
            ([1], numbers["B"]),
            ([], []),
        ):
            cursor.execute("SELECT casehub_enter_asking(%s::bigint[], %s::bigint[])", [ours, theirs])
        cursor.execute("SELECT current_setting('casehub.agency'), current_user")
        assert cursor.fetchone() == (str(actor.agency_id), "casehub_app")
    for letter in "BC":
        with world.acting(letter) as actor:
            assert not LedgerEntry.objects.filter(agency_id=actor.agency_id, verb="link.shown_there").exists()


# Forgotten


def test_who_is_forgotten_has_allowed_nothing_and_is_asked_about_by_nobody(world):
    network = Network(world, "A", "B", "C")
    keep_scorer()
    ours, _theirs = doubtful(network, "A", "B")
    world.release(ours, "B")
    (pair,) = asked(network, "A")
    say(network, "A", pair.id, LinkVerdict.UNSURE)
    world.person("A", "data_lead")
    with world.acting("A", "data_lead"):
        shredders.shred([ours.pk], why=ShredReason.CLIENT_ASKED)
    with world.acting("A"):
        assert not LinkRecord.objects.exists() and not LinkAnswer.objects.exists()
        assert {one.revoked_how for one in ReleaseOfInformation.objects.all()} == {"forgotten"}
        assert not releases.expiring(400)
    assert asked(network, "B") == []


# A dump from before


def put_back(statements):
    """As pg_restore does it, rows and no triggers: what was taken back lives again."""
    connection = postgres.superuser()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()


LIVES = "UPDATE referrals_releaseofinformation SET revoked_at = NULL, revoked_how = '', revoked_by_id = NULL"


@pytest.mark.parametrize("when", ["by night", "at the start"])
@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed to colleagues"])
def test_a_restored_dump_makes_no_release_live_again(lasting_world, when, closed):
    world = lasting_world
    key_of(world, "A")
    public, client, untouched = key_of(world, "B"), world.client("A"), world.client("A")
    other = world.release(untouched, "B")
    release = world.release(client, "B")
    with world.acting("A"):
        made = disclosures.hand_over(**handing(world, client, public, release=release))
        sealed = [bytes(one.sealed_e2e) for one in made.disclosures.all()]
        releases.revoke(release=release, how="orally")
    assert seen_by(world, "B") == 0 and sealed
    put_back([LIVES, "UPDATE referrals_disclosure SET withdrawn_at = NULL, sealed_e2e = 'x', tag = 'x'"])
    if closed:
        put_back(
            [
                "INSERT INTO referrals_restriction (id, agency_id, recorded_at, changed_at, client_id)"
                " SELECT gen_random_uuid(), agency_id, now(), now(), id FROM referrals_client"
                f" WHERE id = '{client.pk}'"
            ]
        )
    assert seen_by(world, "B") == len(sealed), "the dump made it live"
    if when == "by night":
        shredders.by_night(world.agency("A"))
    else:
        running.let_go_again()
    assert seen_by(world, "B") == 0
    put_back(["DELETE FROM referrals_restriction"])
    with world.acting("A") as actor:
        again = ReleaseOfInformation.objects.get(pk=release.pk)
        assert again.revoked_at is not None and again.revoked_how == "again"
        assert ReleaseOfInformation.objects.get(pk=other.pk).revoked_at is None
        assert LedgerEntry.objects.filter(agency_id=actor.agency_id, verb="release.came_back").count() == 1
    shredders.by_night(world.agency("A"))
    with world.acting("A") as actor:
        assert LedgerEntry.objects.filter(agency_id=actor.agency_id, verb="release.came_back").count() == 1


@pytest.mark.parametrize("said", ["by the button", "by a revocation"])
def test_a_word_against_being_counted_holds_over_a_dump_that_knows_nothing_of_it(lasting_world, said):
    network = doing_without(lasting_world)
    client, other = lasting_world.client("A"), lasting_world.client("A")
    with lasting_world.acting("A"):
        if said == "by the button":
            releases.object_to_counting(client=client)
        else:
            releases.revoke(release=lasting_world.release(client), how="orally")
    put_back(["DELETE FROM referrals_countobjection", "DELETE FROM referrals_releaseofinformation"])
    network.store(client, *MARIA)
    shredders.by_night(lasting_world.agency("A"))
    assert not is_counted(network, client) and not wanted(network, client)
    assert wanted(network, other)


def test_a_restored_release_takes_its_tokens_along(lasting_world):
    network = Network(lasting_world, "A", "B")
    client = lasting_world.client("A")
    release = network.release(client)
    with lasting_world.acting("A"):
        releases.revoke(release=release, how="orally")
    put_back([LIVES])
    network.store(client, *MARIA)
    shredders.by_night(lasting_world.agency("A"))
    assert not is_counted(network, client) and not wanted(network, client)
