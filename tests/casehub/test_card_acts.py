"""The acts on the keys of the contact cards as addresses: who must prove themselves again, and what is left to whom."""

import json
import os
import time

import pytest

from agencies import cardkeys, vault
from agencies.models import VaultKey
from casehub.pages import vault as pages
from referrals import actions
from referrals.models import ContactCard
from tests.agencies.test_cardkeys import beginning, begun, rotation
from tests.browser.places import proven


def send(browser, act, body):
    return browser.post(f"/vault/{act}/", json.dumps(body), content_type="application/json")


@pytest.mark.parametrize("act", sorted(pages.KEEPERS))
def test_an_act_of_who_keeps_the_keys_asks_for_the_password_first(world, act):
    world.person("A", "supervisor")
    stale = world.browser("A", "supervisor")
    answer = send(stale, act, {})
    assert (answer.status_code, answer.json()) == (403, {"error": "confirm"})
    assert send(proven(stale, world.person("A", "supervisor")), act, {}).status_code in (400, 404, 409)


def test_nothing_is_done_before_and_without_the_question_it_would_be(world, monkeypatch):
    stale = world.browser("A", "supervisor")
    assert send(stale, "begin", beginning()).status_code == 403
    with world.acting("A", "supervisor"):
        assert not VaultKey.objects.exists()
    monkeypatch.setattr(pages, "has_stepped_up", lambda request: True)  # sabotage
    assert send(stale, "begin", beginning()).status_code == 200


@pytest.mark.parametrize("act", sorted(pages.HOLDERS))
def test_an_act_on_ones_own_key_asks_for_nothing(world, act):
    assert send(world.browser("A"), act, {}).status_code != 403


def test_cards_of_closed_records_are_counted_as_left_for_who_cannot_see_them(world):
    first = begun(world)
    client, closed = world.client("A"), world.client("A")
    with world.acting("A", "supervisor") as actor:
        for one in (client, closed):
            where = {"agency": actor.agency_id, "place": ContactCard.PLACE, "row": one.pk, "subject": one.pk}
            ContactCard.objects.create(
                agency_id=actor.agency_id,
                client=one,
                sealed_e2e=vault.seal(os.urandom(545), **where),
                key_version=1,
                revision=1,
                saved_at=int(time.time()),
            )
        cardkeys.rotate(rotation([first], serial=1))
        actions.restrict_client(client=closed, openers=[])
    assert send(world.browser("A", "supervisor"), "finish", {}).json() == {"done": True, "left": 2}
    assert send(world.browser("A", "caseworker"), "finish", {}).json() == {"done": True, "left": 2}
    with world.acting("A", "caseworker"):
        assert ContactCard.objects.count() == 1
    with world.acting("A", "supervisor"):
        assert VaultKey.objects.filter(destroyed_at=None).count() == 2
