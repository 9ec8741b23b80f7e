"""Rotation at the size of a large network, within its time and without an error for those at work."""

import threading
import uuid
from datetime import UTC, datetime

import pytest
from django.db import connection

from agencies import vault
from agencies.models import DataKey
from agencies.scope import acting_as
from agencies.vault.box import header_of
from agencies.vault.kek import KeyPlace
from agencies.vault.store import DatabaseStore
from referrals.models import Client
from tests.world import World

pytestmark = pytest.mark.slow

MANY = 100_000


def test_a_hundred_thousand_data_keys_are_rewrapped(lasting_world: World) -> None:
    agency, folder = lasting_world.agency("A").pk, vault._folder()
    for start in range(2, MANY, 5000):
        keys = []
        for version in range(start, min(start + 5000, MANY)):
            kek_id, wrapped = folder.wrap(bytes(32), place=KeyPlace(agency, "seal", version))
            keys.append(
                DataKey(
                    agency_id=agency,
                    purpose="seal",
                    version=version,
                    wrapped=wrapped,
                    kek_id=kek_id,
                    retired_at=datetime.now(UTC),
                )
            )
        DataKey.objects.bulk_create(keys)
    *_, last = vault.rotate_key_encryption_key()
    assert last == (MANY, MANY, 0)
    assert DatabaseStore().kek_ids() == {folder.current()}


def test_a_hundred_thousand_boxes_are_resealed_while_others_work(lasting_world: World) -> None:
    agency, actor = lasting_world.agency("A").pk, lasting_world.actor("A")
    how = {"agency": agency, "place": "client.code"}
    pks = [uuid.uuid4() for _ in range(MANY)]
    for start in range(0, MANY, 5000):
        with acting_as(actor):
            Client.objects.bulk_create(
                Client(id=pk, agency_id=agency, code_sealed=vault.seal(f"A-{pk}", row=pk, **how))
                for pk in pks[start : start + 5000]
            )
    vault.rotate_data_key(agency)
    is_over, errors, acts = threading.Event(), [], 0

    def work() -> None:
        """A caseworker in a hurry: opens a record, and writes it anew."""
        nonlocal acts
        try:
            while not is_over.wait(0.02):
                pk = pks[acts * 7919 % MANY]
                with acting_as(actor):
                    client = Client.objects.get(pk=pk)
                    text = vault.unseal(client.code_sealed, row=pk, **how)
                    Client.objects.filter(pk=pk).update(code_sealed=vault.seal(f"{text}+", row=pk, **how))
                acts += 1
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    *_, last = vault.reseal_rows(Client, "code_sealed", scope=lambda: acting_as(actor), **how)
    is_over.set()
    worker.join()
    with acting_as(actor):
        boxes = dict(Client.objects.values_list("pk", "code_sealed"))
    texts = [vault.unseal(box, row=pk, **how) for pk, box in boxes.items()]
    assert errors == [] and last.failed == 0
    assert sum(text.count("+") for text in texts) == acts > 0
    assert {header_of(bytes(box)).version for box in boxes.values()} == {2}
