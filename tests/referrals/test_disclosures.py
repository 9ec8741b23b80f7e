"""Hand-over as the hub keeps it: bytes it can't open, read by one other agency, until the database's clock says no.
That browsers seal and open them is tested in tests/browser/test_handover.py."""

import base64
import json
import secrets
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from agencies import affairs, cardkeys
from agencies.models import HandoverKey, LedgerEntry, VaultKey
from agencies.scope import NotAllowed
from agencies.vault import VaultError
from casehub.celery import empty_disclosures
from casehub.old_keys import still_opens
from referrals import disclosures, shredders
from referrals.disclosures import SealedPart
from referrals.models import Disclosure, Handover
from referrals.picklists import DisclosureClass, DisclosurePurpose, ShredReason

AROUND = 32 + 16
COVER = 5 + 12 + 16


def sealed(padded=512):
    """Bytes of a hand-over's form; text is none of them."""
    return b"\xff" + secrets.token_bytes(AROUND + padded - 1)


def part(data_class="identity", content=None):
    return SealedPart(
        id=uuid.uuid4(), data_class=data_class, sealed=content or sealed(), tag=secrets.token_bytes(32)
    )


def key_of(world, letter, *, signed=True):
    """A hand-over key of the agency, on a signed agreement."""
    with world.acting(letter, "data_lead") as actor:
        HandoverKey.objects.filter(ended_at=None, agency_id=actor.agency_id).update(ended_at=Now())
        public = secrets.token_bytes(32)
        HandoverKey.objects.create(agency_id=actor.agency_id, public_key=public, code="1")
        if signed:
            affairs.sign_agreement(shares_totals=True, text_digest="x")
    return public


def handing(world, client, public, *, receiver="B", **changed):
    """Called as the sender, who has a key, under a release of its own."""
    if "release" not in changed:
        changed["release"] = world.release(client, receiver)
    return {
        "client": client,
        "receiver_key": public,
        "sender_key": bytes(cardkeys.own_handover_key().public_key),
        "ends_on": timezone.localdate() + timedelta(days=30),
        "parts": [part()],
        **changed,
    }


@pytest.fixture
def public(world):
    return key_of(world, "B")


@pytest.fixture
def client(world):
    key_of(world, "A")
    return world.client("A")


@pytest.fixture
def given(world, client, public):
    with world.acting("A"):
        return disclosures.hand_over(**handing(world, client, public, parts=[part(), part("contact")]))


def seen_by(world, letter):
    with world.acting(letter):
        return disclosures.received().count()


def entries(world, letter, verb):
    with world.acting(letter, "supervisor") as actor:
        return list(LedgerEntry.objects.filter(agency_id=actor.agency_id, verb=verb))


def test_the_receiver_reads_it_and_nobody_else(world, given):
    assert [seen_by(world, letter) for letter in "BCA"] == [2, 0, 0]
    with world.acting("C"):
        assert Disclosure.objects.count() == Handover.objects.count() == 0


def test_nothing_of_the_senders_client_goes_across(world, given, client):
    with world.acting("B"):
        assert Handover.objects.count() == 0
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM referrals_disclosure")
            assert str(client.pk) not in str(cursor.fetchall())
            cursor.execute(
                "SELECT client_id FROM referrals_disclosure d JOIN referrals_handover h ON h.id = handover_id"
            )
            assert cursor.fetchall() == []


def test_the_receiver_changes_nothing(world, given):
    with world.acting("B"):
        assert Disclosure.objects.update(ends_at=Now() + timedelta(days=90)) == 0
        assert Disclosure.objects.all().delete()[0] == 0
    assert seen_by(world, "B") == 2


@pytest.mark.parametrize(
    "change",
    [
        {"ends_at": Now(), "starts_at": Now() - timedelta(days=1)},
        {"withdrawn_at": Now()},
        {"starts_at": Now() + timedelta(minutes=5)},
    ],
    ids=["ended", "withdrawn", "not begun"],
)
def test_by_the_databases_clock_it_is_over_on_the_next_read(world, given, change):
    with world.acting("A"):
        Disclosure.objects.update(**change)
    assert seen_by(world, "B") == 0
    one = given.disclosures
    with world.acting("A"):
        (first, _second) = one.all()
    answer = world.browser("B").post(reverse("referrals:disclosure_open", args=[first.pk]))
    assert answer.status_code == 404


def test_the_clock_is_the_statements_not_the_transactions(world, given):
    with world.acting("A"):
        Disclosure.objects.update(
            starts_at=Now() - timedelta(days=1), ends_at=Now() + timedelta(milliseconds=700)
        )
    with world.acting("B"), connection.cursor() as cursor:
        assert disclosures.received().count() == 2
        cursor.execute("SELECT pg_sleep(1)")
        assert disclosures.received().count() == 0


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"ends_on": None}, "ends_on"),
        ({"ends_on": timezone.localdate() - timedelta(days=1)}, "ends_on"),
        ({"ends_on": timezone.localdate() + timedelta(days=180)}, "ends_on"),
        ({"release": None}, "release"),
        ({"parts": []}, "parts"),
        ({"parts": [part("everything")]}, "parts"),
        ({"parts": [part(), part()]}, "parts"),
        ({"parts": [part(content=b'{"name": "Wren Plainly"}')]}, "parts"),
        ({"parts": [part(content=b'{"name": "Wren Plainly"}'.ljust(AROUND + 512))]}, "parts"),
        ({"parts": [part(content=sealed(600))]}, "parts"),
        ({"parts": [part(content=sealed(2**17))]}, "parts"),
        ({"parts": [replace(part(), tag=b"")]}, "parts"),
        ({"parts": [replace(part(), tag=bytes(31))]}, "parts"),
        ({"receiver_key": secrets.token_bytes(32)}, None),
        ({"sender_key": secrets.token_bytes(32)}, None),
    ],
    ids=lambda value: str(value)[:24] if isinstance(value, str) else None,
)
def test_what_is_refused(world, client, public, changed, field):
    with world.acting("A"), pytest.raises(ValidationError) as refused:
        disclosures.hand_over(**handing(world, client, public, **changed))
    assert field is None or field in refused.value.message_dict
    with world.acting("A"):
        assert Disclosure.objects.count() == 0


def test_the_latest_end_is_taken(world, client, public):
    with world.acting("A"):
        disclosures.hand_over(**handing(world, client, public, ends_on=disclosures.latest_end()))
    assert seen_by(world, "B") == 1


@pytest.mark.parametrize("ends", [timedelta(0), timedelta(days=181)], ids=["no time", "too long"])
def test_the_database_takes_no_open_or_far_end_either(world, given, ends):
    with pytest.raises(IntegrityError, match="a_disclosure_ends_in_time"), world.acting("A"):
        for one in Disclosure.objects.all():
            Disclosure.objects.filter(pk=one.pk).update(ends_at=one.starts_at + ends)


def test_nothing_goes_to_a_key_that_is_not_the_receivers_now(world, client, public):
    newer = key_of(world, "B")
    with world.acting("A"):
        with pytest.raises(ValidationError):
            disclosures.hand_over(**handing(world, client, public))
        disclosures.hand_over(**handing(world, client, newer))


def test_nothing_goes_from_a_key_that_the_receiver_could_not_compare(world, public):
    key_of(world, "A", signed=False)
    client = world.client("A")
    with world.acting("A"), pytest.raises(ValidationError, match="could not tell that this comes from you"):
        disclosures.hand_over(**handing(world, client, public))
    older = key_of(world, "A")
    key_of(world, "A")
    with world.acting("A"), pytest.raises(ValidationError, match="renewed"):
        disclosures.hand_over(**handing(world, client, public, sender_key=older))


def test_a_key_on_no_agreement_is_nobodys_to_find(world, client):
    public = key_of(world, "B", signed=False)
    with world.acting("A"):
        assert not cardkeys.partners().exists()
        with pytest.raises(ValidationError):
            disclosures.hand_over(**handing(world, client, public))


@pytest.mark.parametrize("role", ["data_lead", "hotline"])
def test_who_may_not_work_with_clients_hands_nothing_over(world, client, public, role):
    world.person("A", role)
    with world.acting("A", role), pytest.raises(NotAllowed):
        disclosures.hand_over(**handing(world, client, public))


def test_a_closed_clients_details_are_handed_over_by_the_named_only(world, client, public):
    from referrals import actions

    world.person("A", "supervisor")
    with world.acting("A", "supervisor"):
        disclosures.hand_over(**handing(world, client, public))
        release = world.release(client, "B")
        actions.restrict_client(client=client, openers=[])
    with world.acting("A"):
        assert Handover.objects.count() == 0
        with pytest.raises(ValidationError) as refused:
            disclosures.hand_over(**handing(world, client, public, release=release))
        assert "release" in refused.value.message_dict


def test_an_offer_of_another_party_is_refused(world, client, public):
    offer = world.offer(sender="A", receiver="C")
    with world.acting("A"), pytest.raises(ValidationError):
        disclosures.hand_over(**handing(world, client, public, offer=offer))


def test_withdrawn_in_one_click_and_the_bytes_are_gone(world, given, client):
    page = world.browser("A").post(reverse("referrals:handover_withdraw", args=[given.pk]), follow=True)
    assert "Withdrawn" in page.content.decode()
    assert seen_by(world, "B") == 0
    with world.acting("A"):
        assert {(bytes(one.sealed_e2e), bytes(one.tag)) for one in Disclosure.objects.all()} == {(b"", b"")}
        assert disclosures.withdraw(handover=given) == 0
    assert len(entries(world, "A", "handover.withdrawn")) == 1


@pytest.mark.parametrize("letter", ["B", "C"])
def test_nobody_else_withdraws_or_hands_over_for_the_sender(world, given, client, letter):
    browser = world.browser(letter)
    assert browser.post(reverse("referrals:handover_withdraw", args=[given.pk])).status_code == 404
    assert browser.get(reverse("referrals:hand_over", args=[client.pk])).status_code == 404
    assert seen_by(world, "B") == 2


def test_all_of_a_client_ends_when_their_identity_goes(lasting_world):
    world = lasting_world
    client, public = world.client("A"), key_of(world, "B")
    key_of(world, "A")
    with world.acting("A"):
        given = disclosures.hand_over(**handing(world, client, public, parts=[part(), part("contact")]))
        kept = [(one, bytes(one.sealed_e2e)) for one in given.disclosures.all()]
    assert seen_by(world, "B") == 2
    with world.acting("A", "supervisor"):
        shredders.shred([client.pk], why=ShredReason.CLIENT_ASKED)
    assert seen_by(world, "B") == 0
    with world.acting("A"):
        assert not disclosures.handed_over(client)[0].is_live
        assert {bytes(one.tag) for one in given.disclosures.all()} == {b""}
    for one, before in kept:  # nor does a backup give it back
        one.sealed_e2e = before
        with pytest.raises(VaultError):
            disclosures.sealed(one)


def test_the_schedule_empties_what_is_over_and_leaves_the_rest(world, given, client, public):
    with world.acting("A"):
        later = disclosures.hand_over(**handing(world, client, public))
        over = Disclosure.objects.filter(handover=given)
        over.update(starts_at=Now() - timedelta(days=2), ends_at=Now() - timedelta(seconds=1))
    assert empty_disclosures() == 2
    assert empty_disclosures() == 0
    with world.acting("A"):
        left = {one.handover_id: len(bytes(one.sealed_e2e)) for one in Disclosure.objects.all()}
    assert left == {given.pk: 0, later.pk: COVER + AROUND + 512}


def test_opening_stands_in_both_ledgers_and_names_no_colleague_of_theirs(world, given, client):
    with world.acting("A"):
        one = given.disclosures.get(data_class="contact")
    answer = world.browser("B").post(reverse("referrals:disclosure_open", args=[one.pk]))
    assert answer.json() == {
        "data_class": "contact",
        "receiver_key": base64.urlsafe_b64encode(bytes(one.receiver_key)).rstrip(b"=").decode(),
        "sealed": base64.urlsafe_b64encode(disclosures.sealed(one)).rstrip(b"=").decode(),
        "tag": base64.urlsafe_b64encode(bytes(one.tag)).rstrip(b"=").decode(),
    }
    (theirs,) = entries(world, "B", "disclosure.opened")
    (ours,) = entries(world, "A", "disclosure.opened_there")
    assert theirs.user_id == world.person("B").pk and ours.user_id is None
    assert {theirs.target_id, ours.target_id} == {str(one.pk)}
    page = world.browser("A").get(reverse("referrals:hand_over", args=[client.pk])).content.decode()
    assert "They opened it once" in page


@pytest.mark.parametrize("letter", ["A", "C"])
def test_only_its_receiver_enters_an_opening(world, given, letter):
    """Also by hand: whoever isn't the receiver writes nothing into the sender's chain."""
    with world.acting("A"):
        one = given.disclosures.first()
    world.person(letter)
    with pytest.raises(Exception, match="no rows"), world.acting(letter), connection.cursor() as cursor:
        cursor.execute("SELECT casehub_enter_opening(%s)", [one.pk])
    assert entries(world, "A", "disclosure.opened_there") == []


def test_after_an_opening_the_receiver_still_acts_as_itself(world, given):
    with world.acting("A"):
        one = given.disclosures.first()
    with world.acting("B") as actor:
        disclosures.open_disclosure(one.pk)
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('casehub.agency', true)")
            assert cursor.fetchone() == (str(actor.agency_id),)


def test_an_older_key_is_kept_while_something_live_is_sealed_to_it(world, client):
    public = key_of(world, "B")
    with world.acting("B", "data_lead") as actor:
        facts = {"book_sealed": b"book", "handover_sealed": b"key"}
        VaultKey.objects.create(agency_id=actor.agency_id, version=1, handover_public=public, **facts)
        VaultKey.objects.create(
            agency_id=actor.agency_id, version=2, handover_public=secrets.token_bytes(32), **facts
        )
    with world.acting("A"):
        given = disclosures.hand_over(**handing(world, client, public))
    with world.acting("B"):
        assert still_opens(1) and not still_opens(2)
    with world.acting("A"):
        disclosures.withdraw(handover=given)
    with world.acting("B"):
        assert not still_opens(1)


def test_the_hubs_code_is_the_browsers_code():
    """The agreement and the ledger say the same digits that two people read to each other."""
    codes = json.loads((settings.ROOT / "tests" / "vault_vectors.json").read_text())["codes"]
    (one,) = [code for code in codes if code["kind"] == "handover"]
    public = base64.urlsafe_b64decode(one["publicKey"] + "=")
    assert cardkeys.handover_code(one["agency"], public) == one["code"]


def test_every_field_of_a_class_is_one_of_the_card():
    paths = [path for one in DisclosureClass for path in one.fields]
    assert len(set(paths)) == len(paths)
    assert "relations" not in paths and all(0 < one.days <= 180 for one in DisclosurePurpose)
