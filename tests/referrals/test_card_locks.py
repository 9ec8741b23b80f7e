"""Saving cards side by side: who saves one waits for the agency's keys alone, never for whoever else writes there."""

import secrets
import time
from contextlib import closing

import pytest
from django.db import OperationalError, connection

from agencies.models import VaultKey
from referrals import actions
from referrals.actions import SealedCard
from tests.attacks import postgres
from tests.referrals.test_cards import let_in


def save(world, client):
    sealed = bytes([1]) + (1).to_bytes(4, "big") + secrets.token_bytes(28 + 512)
    card = SealedCard(sealed=sealed, saved_at=int(time.time()), key_version=1, revision=0)
    with world.acting("A"):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '300ms'")
        return actions.save_card(client=client, card=card)


@pytest.fixture
def busy(lasting_world):
    """An agency at which somebody else's transaction, with a row of this agency in it, is still open."""
    client = lasting_world.client("A")
    with lasting_world.acting("A", "supervisor") as actor:
        VaultKey.objects.create(
            agency_id=actor.agency_id, version=1, book_sealed=b"b", handover_public=b"p" * 32, handover_sealed=b"h"
        )  # fmt: skip
    for role in ("caseworker", "supervisor"):
        let_in(lasting_world, "A", role=role)
    with closing(postgres.superuser()) as other, other.cursor() as cursor:
        # What a foreign key to the agency takes.
        cursor.execute("SELECT 1 FROM agencies_agency WHERE id = %s FOR KEY SHARE", [client.agency_id])
        yield lasting_world, client
        other.rollback()


def test_a_card_is_saved_while_a_colleague_writes_too(busy):
    assert save(*busy) == 1


def test_sabotage_in_the_models_own_order_the_agency_is_held_and_they_wait(busy, monkeypatch):
    """Two who each wait so for the other are a deadlock, and one of them gets an error page."""

    class Ordered:
        objects = type(
            "", (), {"filter": staticmethod(lambda **facts: _Unordered(VaultKey.objects.filter(**facts)))}
        )

    class _Unordered:
        def __init__(self, rows):
            self.rows = rows

        def order_by(self, *_):
            return self.rows

    monkeypatch.setattr(actions, "VaultKey", Ordered)
    with pytest.raises(OperationalError, match="lock timeout"):
        save(*busy)
