"""The vault over the real database: transactions, several processes at once, rotation row by row."""

import threading
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection, transaction

from agencies import vault
from agencies.models import DataKey
from agencies.scope import acting_as
from agencies.vault import KeyFolder, rows
from agencies.vault.box import VaultError, header_of
from agencies.vault.keys import TRUSTED_SECONDS, Keyring
from agencies.vault.store import DatabaseStore
from referrals.models import Client
from tests.agencies.vault.memory import Clock
from tests.world import World

CANARY = "Zephyrine Quill"


def process(clock: Clock | None = None) -> Keyring:
    """Another process: its own memory, the same database and folder of keys."""
    return Keyring(DatabaseStore(), vault._folder, vault._subjects, clock or Clock())


def elsewhere(*acts: Callable[[], Any]) -> list[Any]:
    """What each act returned or raised, each on a connection of its own and all at once."""
    together, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int, act: Callable[[], Any]) -> None:
        together.wait()
        try:
            results[number] = act()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def place(agency: int, row: object = 7) -> dict[str, Any]:
    """Of a client's code, when the row is a client's id."""
    subject = row if isinstance(row, UUID) else None
    return {"agency": agency, "place": "client.code", "row": row, "subject": subject}


def test_an_agency_has_its_keys_from_its_first_moment(world: World) -> None:
    agency = world.agency("A").pk
    box = vault.seal(CANARY, **place(agency))
    assert vault.unseal(box, **place(agency)) == CANARY
    assert process().unseal(box, **place(agency)) == CANARY
    assert {
        (key.purpose, key.version, len(key.wrapped)) for key in DataKey.objects.filter(agency=agency)
    } == {
        ("seal", 1, 60),
        ("token", 1, 60),
    }


def test_the_database_holds_neither_the_text_nor_a_key(world: World) -> None:
    client = world.client("A", CANARY)
    keys = [
        vault._folder().unwrap(row.wrapped, kek_id=row.kek_id, place=row.place)
        for row in DatabaseStore().load(client.agency_id)
    ]
    with world.acting("A"), connection.cursor() as cursor:
        for table in (Client, DataKey):
            cursor.execute(f"SELECT t::text FROM {table._meta.db_table} t")
            dump = "\n".join(line for (line,) in cursor.fetchall())
            assert dump
            for secret in (CANARY.encode(), *keys):
                assert secret.hex() not in dump
            assert CANARY not in dump


def test_a_row_read_back_opens_and_its_token_finds_it(world: World) -> None:
    agency = world.agency("A").pk
    made = world.client("A", "A-17")
    with world.acting("A"):
        found = Client.objects.get(code_token=vault.token(" a-17 ", agency=agency, place="client.code"))
        assert found.pk == made.pk
        assert vault.unseal(found.code_sealed, **place(agency, found.pk)) == "A-17"


@pytest.mark.parametrize("inside", [transaction.atomic, lambda: nullcontext()], ids=["savepoint", "whole"])
def test_keys_that_are_rolled_back_are_remembered_by_nobody(lasting_world: World, inside: Any) -> None:
    agency = lasting_world.agency("A").pk
    DataKey.objects.filter(agency=agency).delete()
    ring = process()
    with inside():
        with transaction.atomic():
            ring.open_agency_keys(agency)
            doomed = ring.seal("A-17", **place(agency))
            assert ring.unseal(doomed, **place(agency)) == "A-17"
            transaction.set_rollback(True)
        with pytest.raises(VaultError):
            ring.seal("A-17", **place(agency))
        ring.open_agency_keys(agency)
        box = ring.seal("A-17", **place(agency))
    assert ring.unseal(box, **place(agency)) == process().unseal(box, **place(agency)) == "A-17"


def test_destroyed_keys_open_nothing_also_from_a_process_that_had_them(lasting_world: World) -> None:
    client = lasting_world.client("A", "A-17")
    agency, stays = client.agency_id, lasting_world.client("B", "B-1")
    clock = Clock()
    other = process(clock)
    assert other.unseal(client.code_sealed, **place(agency, client.pk)) == "A-17"
    assert vault.unseal(client.code_sealed, **place(agency, client.pk)) == "A-17"
    with transaction.atomic():
        vault.destroy_agency_keys(agency)
        transaction.set_rollback(True)
    assert vault.unseal(client.code_sealed, **place(agency, client.pk)) == "A-17"
    vault.destroy_agency_keys(agency)
    clock.now += TRUSTED_SECONDS
    for unseal in (vault.unseal, other.unseal, process().unseal):
        with pytest.raises(VaultError, match=r"^could not open$"):
            unseal(client.code_sealed, **place(agency, client.pk))
        assert unseal(stays.code_sealed, **place(stays.agency_id, stays.pk)) == "B-1"
    assert all(key.destroyed_at and not key.wrapped for key in DataKey.objects.filter(agency=agency))
    with pytest.raises(VaultError):
        vault.rotate_data_key(agency)


def test_rotations_at_once_each_make_their_own_version(lasting_world: World) -> None:
    agency = lasting_world.agency("A").pk
    results = elsewhere(*[lambda: process().rotate_data_key(agency)] * 4)
    assert sorted(results) == [2, 3, 4, 5]
    sealing = DataKey.objects.filter(agency=agency, purpose="seal", retired_at=None)
    assert [key.version for key in sealing] == [5]


def test_no_rotation_slips_past_a_destruction(lasting_world: World) -> None:
    agency = lasting_world.agency("A").pk
    elsewhere(*[lambda: process().rotate_data_key(agency)] * 3, lambda: process().destroy_agency_keys(agency))
    assert not DataKey.objects.filter(agency=agency, destroyed_at=None).exists()


def test_opening_an_agency_at_once_makes_one_key_of_each(lasting_world: World) -> None:
    agency = lasting_world.agency("A").pk
    DataKey.objects.filter(agency=agency).delete()
    assert elsewhere(*[lambda: process().open_agency_keys(agency)] * 4) == [None] * 4
    assert DataKey.objects.filter(agency=agency).count() == 2


def test_a_data_key_is_never_rotated_inside_another_transaction(lasting_world: World) -> None:
    agency = lasting_world.agency("A").pk
    with pytest.raises(RuntimeError), transaction.atomic():
        vault.rotate_data_key(agency)
    assert vault.rotate_data_key(agency) == 2


def test_a_worn_key_is_replaced_after_the_request_that_wore_it(
    lasting_world: World, monkeypatch: Any
) -> None:
    agency = lasting_world.agency("A").pk
    monkeypatch.setattr("agencies.vault.keys.MOST_SEALS_BY_ONE_PROCESS", 3)
    ring = process()
    with lasting_world.acting("A"):
        boxes = [ring.seal("A-17", **place(agency)) for _ in range(5)]
    boxes.append(ring.seal("A-17", **place(agency)))
    assert [header_of(box).version for box in boxes] == [1] * 5 + [2]
    assert {process().unseal(box, **place(agency)) for box in boxes} == {"A-17"}


def test_the_key_encryption_key_is_rotated_while_all_rows_stay_readable(
    lasting_world: World, tmp_path: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(settings, "CASEHUB_KEYS", str(tmp_path / "keys"))
    old = vault.ensure_kek()
    clients = [lasting_world.client(letter, f"{letter}-1") for letter in "ABC"]
    monkeypatch.setattr("agencies.vault.store.REWRAPPED_AT_ONCE", 2)
    steps = vault.rotate_key_encryption_key()
    assert next(steps) == (2, 6, 0)
    new = KeyFolder(tmp_path / "keys").current()
    late = lasting_world.client("D", "D-1")
    assert DatabaseStore().kek_ids() == {old, new}
    for client in [*clients, late]:
        assert process().unseal(client.code_sealed, **place(client.agency_id, client.pk))
    assert list(steps)[-1] == (6, 6, 0)
    assert DatabaseStore().kek_ids() == {new}
    assert vault.remove_old_key_encryption_keys() == []
    monkeypatch.setattr("agencies.vault.kek.GRACE_SECONDS", 0)
    assert vault.remove_old_key_encryption_keys() == [old]
    opened = [
        process().unseal(client.code_sealed, **place(client.agency_id, client.pk))
        for client in [*clients, late]
    ]
    assert opened == ["A-1", "B-1", "C-1", "D-1"]
    assert list(vault.rewrap_data_keys()) == []


def test_what_a_backup_still_holds_of_a_destroyed_key_is_lost_with_the_old_key_encryption_key(
    lasting_world: World, tmp_path: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(settings, "CASEHUB_KEYS", str(tmp_path / "keys"))
    monkeypatch.setattr("agencies.vault.kek.GRACE_SECONDS", 0)
    vault.ensure_kek()
    client = lasting_world.client("A", "A-17")
    box = vault.seal("A-17", **place(client.agency_id))  # about nobody alone: under the data key only
    backup = list(DataKey.objects.filter(agency=client.agency_id).values())

    def restore() -> None:
        for key in backup:
            DataKey.objects.filter(pk=key["id"]).update(
                wrapped=key["wrapped"], kek_id=key["kek_id"], destroyed_at=None
            )

    vault.destroy_agency_keys(client.agency_id)
    restore()  # the sabotage: without the rotation a backup opens it again
    assert process().unseal(box, **place(client.agency_id)) == "A-17"
    with pytest.raises(VaultError):  # a client's own key is gone at once
        process().unseal(client.code_sealed, **place(client.agency_id, client.pk))
    vault.destroy_agency_keys(client.agency_id)
    list(vault.rotate_key_encryption_key())
    assert len(vault.remove_old_key_encryption_keys()) == 1
    restore()
    with pytest.raises(VaultError):
        process().unseal(box, **place(client.agency_id))


def seal_anew(world: World, letter: str, pk: uuid.UUID, text: str) -> None:
    """What another worker does meanwhile, with a key that may be the old one."""
    with world.acting(letter):
        agency = world.agency(letter).pk
        Client.objects.filter(pk=pk).update(code_sealed=vault.seal(text, **place(agency, pk)))


def opened(world: World, letter: str) -> list[tuple[str, int]]:
    """Each client's code with the version of its box, in the order of the codes."""
    agency = world.agency(letter).pk
    with world.acting(letter):
        return sorted(
            (vault.unseal(box, **place(agency, pk)), header_of(bytes(box)).version)
            for pk, box in Client.objects.exclude(code_sealed=b"").values_list("pk", "code_sealed")
        )


def test_rows_are_resealed_in_chunks_and_only_the_agencys_own(lasting_world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(rows, "RESEALED_AT_ONCE", 2)
    for number in range(5):
        lasting_world.client("A", f"A-{number}")
    lasting_world.client("A")
    lasting_world.client("B", "B-0")
    agency, actor = lasting_world.agency("A").pk, lasting_world.actor("A")
    how = {"place": "client.code", "agency": agency, "subject": "id", "scope": lambda: acting_as(actor)}
    assert list(vault.reseal_rows(Client, "code_sealed", **how)) == []
    vault.rotate_data_key(agency)
    lasting_world.client("A", "A-5")
    steps = list(vault.reseal_rows(Client, "code_sealed", **how))
    assert steps == [(2, 5, 0), (4, 5, 0), (5, 5, 0)]
    assert opened(lasting_world, "A") == [(f"A-{number}", 2) for number in range(6)]
    assert opened(lasting_world, "B") == [("B-0", 1)]
    assert list(vault.reseal_rows(Client, "code_sealed", **how)) == []


@pytest.mark.parametrize("careful", [True, False], ids=["optimistic", "sabotaged"])
def test_a_write_in_the_middle_is_not_undone(lasting_world: World, careful: bool) -> None:
    clients = [lasting_world.client("A", f"A-{number}") for number in range(3)]
    agency, actor = lasting_world.agency("A").pk, lasting_world.actor("A")
    vault.rotate_data_key(agency)
    real, meanwhile = rows._put, iter([lambda: seal_anew(lasting_world, "A", clients[1].pk, "A-new")])

    def put(model: Any, field: str, old: rows.Boxes, new: rows.Boxes) -> int:
        for write in meanwhile:
            assert elsewhere(write) == [None]
        if not careful:
            for pk, box in new.items():
                model.objects.filter(pk=pk).update(**{field: box})
            return len(new)
        return real(model, field, old, new)

    with mock.patch.object(rows, "_put", put):
        how = {"place": "client.code", "agency": agency, "subject": "id", "scope": lambda: acting_as(actor)}
        steps = list(vault.reseal_rows(Client, "code_sealed", **how))
    codes = [code for code, _ in opened(lasting_world, "A")]
    if careful:
        assert codes == ["A-0", "A-2", "A-new"]
        assert {version for _, version in opened(lasting_world, "A")} == {2}
        assert steps[0].done == 2
    else:
        assert codes == ["A-0", "A-1", "A-2"]


def test_a_box_that_does_not_open_stays_and_is_counted(lasting_world: World) -> None:
    whole, broken = lasting_world.client("A", "A-1"), lasting_world.client("A", "A-2")
    agency, actor = whole.agency_id, lasting_world.actor("A")
    spoiled = broken.code_sealed[:-1] + bytes([broken.code_sealed[-1] ^ 1])
    with lasting_world.acting("A"):
        Client.objects.filter(pk=broken.pk).update(code_sealed=spoiled)
    vault.rotate_data_key(agency)
    how = {"place": "client.code", "agency": agency, "subject": "id", "scope": lambda: acting_as(actor)}
    assert list(vault.reseal_rows(Client, "code_sealed", **how)) == [(1, 2, 1)]
    with lasting_world.acting("A"):
        boxes = {pk: bytes(box) for pk, box in Client.objects.values_list("pk", "code_sealed")}
    assert boxes[broken.pk] == spoiled
    assert header_of(boxes[whole.pk]).version == 2
