"""Contact cards as the hub keeps them: bytes it can't open, one winner of two saves, nothing across a wall."""

import base64
import secrets
import struct
import time
import uuid
from contextlib import suppress

import pytest
from django.urls import reverse

from agencies import cardkeys
from agencies.models import KeyWrap, LedgerEntry, MemberKey, VaultKey
from agencies.scope import acting_as
from casehub.old_keys import opens_a_card
from referrals import actions, queries
from referrals.models import Client, ContactCard

RECORD = struct.Struct(">16sIQI")


def envelope(version=1, padded=512):
    """Bytes of a card's form; whether they open is not the hub's to know."""
    return b"\x01" + version.to_bytes(4) + secrets.token_bytes(12 + padded + 16)


def text(sealed):
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def begin(world, letter, version=1, holders=("caseworker", "supervisor")):
    """The agency's key in this version, and who holds it."""
    with world.acting(letter, "supervisor") as actor:
        VaultKey.objects.create(
            agency_id=actor.agency_id,
            version=version,
            book_sealed=b"book",
            handover_public=secrets.token_bytes(32),
            handover_sealed=b"key",
        )

    for role in holders:
        let_in(world, letter, version, role)


def let_in(world, letter, version=1, role="caseworker"):
    """Hand that version to the agency's person in this role."""
    with world.acting(letter, role) as actor:
        key = MemberKey.objects.filter(user_id=actor.user_id, ended_at=None).first()
        key = key or MemberKey.objects.create(
            agency_id=actor.agency_id, user_id=actor.user_id, public_key=secrets.token_bytes(32)
        )
        if KeyWrap.objects.filter(member=key, version=version).exists():
            return
        facts = {"member": key, "sender": key, "wrapped": b"wrap", "tag": b"tag"}
        KeyWrap.objects.create(agency_id=actor.agency_id, version=version, **facts)


def body(client, **changed):
    said = {
        "client": str(getattr(client, "pk", client)),
        "revision": 0,
        "saved_at": int(time.time()),
        "key_version": 1,
        "sealed": text(envelope()),
    }
    return {**said, **changed}


def send(browser, name, said):
    return browser.post(reverse(f"referrals:{name}"), said, content_type="application/json")


def records(answer):
    """The stream's (client, revision, saved_at, sealed)."""
    assert answer["Content-Type"] == "application/octet-stream"
    at, found = 0, []
    while at < len(answer.content):
        client, revision, saved_at, length = RECORD.unpack_from(answer.content, at)
        at += RECORD.size + length
        found.append((uuid.UUID(bytes=client), revision, saved_at, answer.content[at - length : at]))
    return found


@pytest.fixture
def client(world):
    begin(world, "A")
    return world.client("A")


@pytest.fixture
def browser(world):
    return world.browser("A")


def entries(world, letter, verb):
    with world.acting(letter, "supervisor") as actor:
        return list(LedgerEntry.objects.filter(agency_id=actor.agency_id, verb=verb).order_by("id"))


def test_a_card_is_kept_and_comes_back_as_it_was(world, client, browser):
    said = body(client)
    assert send(browser, "card_save", said).json() == {"revision": 1}
    sealed = envelope(padded=1024)
    again = body(client, revision=1, sealed=text(sealed))
    assert send(browser, "card_save", again).json() == {"revision": 2}
    for name, asked in (("cards_open", {"clients": [str(client.pk)]}), ("cards_all", {})):
        assert records(send(browser, name, asked)) == [(client.pk, 2, again["saved_at"], sealed)]
    with world.acting("A"):
        assert queries.card_of(client).saved_by == world.person("A")


def test_a_save_that_began_from_another_revision_changes_nothing(world, client, browser):
    first = body(client)
    send(browser, "card_save", first)
    for revision in (0, 2, 5):
        answer = send(browser, "card_save", body(client, revision=revision))
        assert (answer.status_code, answer.json()) == (409, {"revision": 1})
    ((_client, revision, _at, sealed),) = records(send(browser, "cards_all", {}))
    assert (revision, text(sealed)) == (1, first["sealed"])


@pytest.mark.parametrize(
    "changed",
    [
        {"sealed": text(envelope(padded=256))},
        {"sealed": text(envelope(padded=2**17))},
        {"sealed": text(envelope(padded=600))},
        {"sealed": text(b"\x02" + envelope()[1:])},
        {"sealed": ""},
        {"sealed": "{}"},
        {"sealed": text(envelope()) + "A"},
        {"sealed": text(envelope(version=2))},
        {"key_version": 2},
        {"key_version": 2, "sealed": text(envelope(version=2))},
        {"key_version": True},
        {"saved_at": int(time.time()) + 2 * 86_400},
        {"saved_at": int(time.time()) - 2 * 86_400},
        {"saved_at": -1},
        {"saved_at": "now"},
        {"revision": -1},
        {"revision": 2**40},
        {"client": "everybody"},
    ],
)
def test_what_no_browser_seals_is_refused_in_words(client, browser, changed):
    answer = send(browser, "card_save", {**body(client), **changed})
    assert answer.status_code == 400
    assert answer.json()["detail"].endswith(".")
    assert records(send(browser, "cards_all", {})) == []


def test_without_a_vault_no_card_is_taken(world, browser):
    assert send(browser, "card_save", body(world.client("A"))).status_code == 400


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b'{"clients": 3}', b'{"clients": ["x"]}'])
def test_a_request_that_says_nothing_is_refused(browser, client, raw):
    answer = browser.post(reverse("referrals:cards_open"), raw, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "name", ["cards_open", "cards_all", "card_save", "cards_older", "cards_reseal", "tokens", "tokens_wanted"]
)
def test_a_request_deeper_than_anybody_reads_is_refused_alike(browser, client, name):
    answer = browser.post(reverse(f"referrals:{name}"), b"[" * 200_000, content_type="application/json")
    assert (answer.status_code, answer.json()) == (400, {"detail": "This request was not understood."})


def test_more_than_200_at_once_are_refused(browser, client):
    assert send(browser, "cards_open", {"clients": [str(uuid.uuid4())] * 201}).status_code == 400


def test_another_agencys_cards_neither_come_nor_go(world, client, browser):
    send(browser, "card_save", body(client))
    begin(world, "B")
    let_in(world, "B")
    other = world.browser("B")
    asked = {"clients": [str(client.pk)]}
    assert records(send(other, "cards_open", asked)) == records(send(other, "cards_all", {})) == []
    assert send(other, "card_save", body(client, revision=1)).status_code == 404
    moved = send(other, "cards_reseal", {"cards": [body(client, revision=1)]}).json()
    assert moved == {"done": 0, "moved": 1, "left": 0}


def test_a_closed_record_keeps_its_card_closed(world, client, browser):
    send(browser, "card_save", body(client))
    with world.acting("A", "supervisor"):
        actions.restrict_client(client=client, openers=[])
    assert records(send(browser, "cards_open", {"clients": [str(client.pk)]})) == []
    assert records(send(browser, "cards_all", {})) == []
    assert send(browser, "card_save", body(client, revision=1)).status_code == 404
    assert len(records(send(world.browser("A", "supervisor"), "cards_all", {}))) == 1


@pytest.mark.parametrize("role", ["hotline", "partner_viewer"])
def test_who_may_open_no_card_finds_nothing(world, client, role):
    stranger = world.browser("A", role)
    for name in ("cards_open", "cards_all", "card_save", "cards_older", "cards_reseal"):
        assert send(stranger, name, body(client)).status_code == 404


def test_a_data_lead_opens_cards_and_changes_none(world, client, browser):
    send(browser, "card_save", body(client))
    lead = world.browser("A", "data_lead")
    assert len(records(send(lead, "cards_all", {}))) == 1
    assert send(lead, "card_save", body(client, revision=1)).status_code == 404


def test_what_was_sent_is_in_the_ledger(world, client, browser):
    send(browser, "card_save", body(client))
    send(browser, "cards_open", {"clients": [str(client.pk)]})
    other = world.client("A")
    send(browser, "card_save", body(other))
    send(browser, "cards_all", {})
    one, all_ = entries(world, "A", "card.sent")
    assert (one.rows, one.target_id) == (1, str(client.pk))
    assert (all_.rows, all_.target_id) == (2, "")
    assert len(entries(world, "A", "contactcard.created")) == 2


def test_after_a_change_of_the_key_older_cards_are_sealed_anew(world, client, browser):
    clients = [client, world.client("A"), world.client("A")]
    said = {one.pk: body(one) for one in clients}
    for one in said.values():
        send(browser, "card_save", one)
    begin(world, "A", version=2)
    let_in(world, "A", version=2)
    assert send(browser, "card_save", body(client, revision=1)).status_code == 400

    first = records(send(browser, "cards_older", {"after": None, "limit": 2}))
    rest = records(send(browser, "cards_older", {"after": str(first[-1][0]), "limit": 2}))
    assert [len(first), len(rest)] == [2, 1]
    sealed = text(envelope(version=2))
    cards = [
        {"client": str(pk), "revision": revision, "saved_at": at, "sealed": sealed}
        for pk, revision, at, _sealed in first
    ]
    cards[1]["revision"] = 7
    assert send(browser, "cards_reseal", {"cards": cards}).json() == {"done": 1, "moved": 1, "left": 2}
    pk = first[0][0]
    (again,) = records(send(browser, "cards_open", {"clients": [str(pk)]}))
    assert (again[1], again[2], text(again[3])) == (2, said[pk]["saved_at"], sealed)
    # A second time it is not older any more, and a card is never re-dated by the way.
    cards = [{**cards[0], "revision": 2}, {**cards[1], "revision": 1, "saved_at": cards[1]["saved_at"] - 5}]
    assert send(browser, "cards_reseal", {"cards": cards}).json() == {"done": 0, "moved": 2, "left": 2}
    old = {**cards[1], "sealed": text(envelope(version=1))}
    assert send(browser, "cards_reseal", {"cards": [old]}).status_code == 400


def overwritten(world, client, browser):
    """A worker who may change clients and has no key puts bytes over a colleague's card."""
    begin(world, "A", holders=("supervisor",))
    said = body(client)
    send(world.browser("A", "supervisor"), "card_save", said)
    answer = send(browser, "card_save", {**said, "revision": 1, "sealed": text(envelope())})
    with world.acting("A"):
        return answer.status_code, ContactCard.objects.get().revision


def test_who_has_no_key_saves_no_card(world):
    assert overwritten(world, world.client("A"), world.browser("A")) == (404, 1)


def test_sabotage_whoever_changes_clients_could_put_garbage_over_a_card(world, monkeypatch):
    monkeypatch.setattr(cardkeys, "holds_newest", lambda: True)
    assert overwritten(world, world.client("A"), world.browser("A")) == (200, 2)


def garbage(world, client, browser):
    """A worker without the newest key puts bytes over a colleague's card, as if sealed anew."""
    said = body(client)
    send(browser, "card_save", said)
    begin(world, "A", version=2, holders=())
    card = {**said, "revision": 1, "key_version": 2, "sealed": text(envelope(version=2))}
    answer = send(browser, "cards_reseal", {"cards": [card]})
    (stands,) = records(send(browser, "cards_open", {"clients": [str(client.pk)]}))
    return answer.status_code, text(stands[3]) == said["sealed"]


def test_who_was_not_given_the_newest_key_seals_no_card_anew(world, client, browser):
    let_in(world, "A", version=1)
    assert garbage(world, client, browser) == (404, True)


def test_sabotage_whoever_asks_could_put_garbage_over_every_card(world, client, browser, monkeypatch):
    monkeypatch.setattr(cardkeys, "holds_newest", lambda: True)
    assert garbage(world, client, browser) == (200, False)


def form_of(browser):
    page = browser.get(reverse("referrals:client_new"))
    return {"once": page.context["once"]}, page.context["new_id"]


def test_a_client_and_the_card_come_together(world, browser):
    begin(world, "A")
    form, id = form_of(browser)
    sealed = envelope()
    card = {
        "card_sealed": text(sealed),
        "card_saved_at": int(time.time()),
        "card_version": 1,
        "card_client": id,
    }
    answer = browser.post(reverse("referrals:client_new"), {**form, **card, "code": "K-1"})
    assert answer["Location"] == reverse("referrals:client", args=[id])
    ((client, revision, _at, kept),) = records(send(browser, "cards_all", {}))
    assert (str(client), revision, kept) == (id, 1, sealed)


@pytest.mark.parametrize(
    "wrong",
    [
        {"card_version": 2},
        {"card_saved_at": "5"},
        {"card_sealed": "x"},
        {"card_saved_at": ""},
        {"once": "x:y"},
        {"card_client": ""},
        {"card_client": "00000000-0000-4000-8000-000000000000"},  # out of a draft: it would never open here
    ],
)
def test_no_client_comes_of_a_card_that_is_refused(world, browser, wrong):
    begin(world, "A")
    form, id = form_of(browser)
    card = {"card_sealed": text(envelope()), "card_saved_at": int(time.time()), "card_version": 1}
    card["card_client"] = id
    answer = browser.post(reverse("referrals:client_new"), {**form, **card, "code": "K-1", **wrong})
    assert answer.status_code == 200
    assert answer.context["form"].errors
    with world.acting("A"):
        assert not Client.objects.exists()


def test_of_two_first_cards_one_is_kept(world, client, monkeypatch):
    """Sabotage: a first save that looks before it writes would take both; here the key of the row decides."""
    card = actions.SealedCard(envelope(), int(time.time()), 1)
    with acting_as(world.actor("A")):
        actions.save_card(client=client, card=card)
        with suppress(actions.CardMoved):
            actions.save_card(client=client, card=card)
        assert ContactCard.objects.count() == 1


def test_sabotage_without_the_comparison_the_later_save_would_win(world, client, browser, monkeypatch):
    send(browser, "card_save", body(client))
    real = ContactCard.objects.filter
    monkeypatch.setattr(
        ContactCard.objects,
        "filter",
        lambda **said: real(**{k: v for k, v in said.items() if k != "revision"}),
    )
    assert send(browser, "card_save", body(client, revision=4)).status_code == 200


def test_a_key_stays_while_a_closed_record_has_a_card_under_it(world, client, browser):
    """Who may not open a record does not see its card either: their eyes alone would destroy its key."""
    send(browser, "card_save", body(client))
    with world.acting("A", "supervisor"):
        actions.restrict_client(client=client, openers=[])
    with world.acting("A"):
        assert not queries.cards().exists()
        assert opens_a_card(1)
        assert not opens_a_card(2)
    with world.acting("B"):
        assert not opens_a_card(1)
