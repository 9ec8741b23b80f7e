"""The keyring: tokens, rotation, shredding, and what a process may remember. No database; see test_store."""

import logging
from datetime import timedelta

import pytest

from agencies.vault import keys
from agencies.vault.box import VaultError, header_of
from agencies.vault.keys import KEPT_SECONDS, TRUSTED_SECONDS
from tests.agencies.vault.memory import Hub

PLACE = {"agency": 1, "place": "client.code", "row": 7}


@pytest.fixture
def hub(tmp_path):
    return Hub(tmp_path)


@pytest.fixture
def ring(hub):
    keyring = hub.process()
    for agency in (1, 2):
        keyring.open_agency_keys(agency)
    return keyring


def test_a_token_finds_the_same_text_however_it_is_spelled(ring):
    tokens = {
        ring.token(text, agency=1, place="client.code") for text in ("Straße 7", " STRASSE 7 ", "ｓtrasse 7")
    }
    assert len(tokens) == 1
    assert {len(token) for token in tokens} == {32}


@pytest.mark.parametrize(
    ("text", "elsewhere"), [("A-18", {}), ("A-17", {"agency": 2}), ("A-17", {"place": "client.note"})]
)
def test_a_token_is_one_agencys_and_one_places(ring, text, elsewhere):
    place = {"agency": 1, "place": "client.code"}
    assert ring.token("A-17", **place) == ring.token("a-17", **place)
    assert ring.token(text, **{**place, **elsewhere}) != ring.token("A-17", **place)


def test_a_token_survives_the_rotation_of_both_keys(hub, ring):
    before = ring.token("A-17", agency=1, place="client.code")
    ring.rotate_data_key(1)
    hub.folder.make_current()
    list(ring.rewrap_data_keys())
    assert hub.process().token("A-17", agency=1, place="client.code") == before


def test_nothing_has_no_token(ring):
    with pytest.raises(ValueError, match="nothing to make a token of"):
        ring.token(" \u00a0", agency=1, place="client.code")


def test_an_agency_that_was_never_opened_has_no_key(ring):
    with pytest.raises(VaultError):
        ring.seal("A-17", **{**PLACE, "agency": 3})
    with pytest.raises(VaultError):
        ring.token("A-17", agency=3, place="client.code")


def test_opening_an_agency_twice_changes_nothing(hub, ring):
    box, rows = ring.seal("A-17", **PLACE), dict(hub.store.rows)
    ring.open_agency_keys(1)
    assert hub.store.rows == rows
    assert ring.unseal(box, **PLACE) == "A-17"


def test_after_a_rotation_new_boxes_are_under_the_new_key_and_old_ones_open(ring):
    old = ring.seal("A-17", **PLACE)
    assert ring.rotate_data_key(1) == 2
    new = ring.seal("A-17", **PLACE)
    assert (header_of(old).version, header_of(new).version) == (1, 2)
    assert ring.unseal(old, **PLACE) == ring.unseal(new, **PLACE) == "A-17"
    moved = ring.reseal(old, **PLACE)
    assert header_of(moved).version == 2 and ring.unseal(moved, **PLACE) == "A-17"
    assert ring.reseal(moved, **PLACE) == moved


def test_a_box_renamed_to_another_version_does_not_open(ring):
    box = bytearray(ring.seal("A-17", **PLACE))
    ring.rotate_data_key(1)
    assert ring.unseal(box, **PLACE) == "A-17"
    box[4] = 2
    with pytest.raises(VaultError):
        ring.unseal(box, **PLACE)


def test_rotating_the_key_encryption_key_leaves_every_box_readable_and_the_old_key_removable(hub, ring):
    boxes = [ring.seal(f"A-{number}", **PLACE) for number in range(3)]
    ring.rotate_data_key(1)
    boxes.append(ring.seal("A-3", **PLACE))
    old, new = hub.folder.current(), hub.folder.make_current()
    assert [progress.done for progress in ring.rewrap_data_keys()] == [1, 2, 3, 4, 5]
    assert hub.store.kek_ids() == {new} != {old}
    (hub.folder.path / f"kek-{old}.key").unlink()
    for process in (ring, hub.process()):
        assert [process.unseal(box, **PLACE) for box in boxes] == ["A-0", "A-1", "A-2", "A-3"]


def test_a_destroyed_key_opens_nothing_here_at_once_and_elsewhere_within_a_second(hub, ring):
    other = hub.process()
    box = ring.seal("A-17", **PLACE)
    stays = ring.seal("B-1", **{**PLACE, "agency": 2})
    assert other.unseal(box, **PLACE) == "A-17"
    ring.destroy_agency_keys(1)
    for act in (lambda: ring.unseal(box, **PLACE), lambda: ring.seal("A", **PLACE)):
        with pytest.raises(VaultError):
            act()
    hub.clock.now += TRUSTED_SECONDS
    with pytest.raises(VaultError, match=r"^could not open$"):
        other.unseal(box, **PLACE)
    with pytest.raises(VaultError):
        other.token("A-17", agency=1, place="client.code")
    assert other.unseal(stays, **{**PLACE, "agency": 2}) == "B-1"
    assert all(row.wrapped == b"" for place, row in hub.store.rows.items() if place[0] == 1)
    for act in (ring.open_agency_keys, ring.rotate_data_key):
        with pytest.raises(VaultError):
            act(1)


def test_a_process_that_never_looked_again_would_still_open_it(hub, ring, monkeypatch):
    """The sabotage of the test above: the second's look is what notices."""
    other = hub.process()
    box = ring.seal("A-17", **PLACE)
    assert other.unseal(box, **PLACE) == "A-17"
    ring.destroy_agency_keys(1)
    monkeypatch.setattr(keys, "TRUSTED_SECONDS", float("inf"))
    hub.clock.now += 3600
    assert other.unseal(box, **PLACE) == "A-17"


def test_a_process_looks_once_a_second_and_not_at_every_box(hub, ring):
    box = ring.seal("A-17", **PLACE)
    before = hub.store.looks
    for _ in range(50):
        ring.unseal(box, **PLACE)
    assert hub.store.looks == before
    hub.clock.now += TRUSTED_SECONDS
    for _ in range(50):
        ring.unseal(box, **PLACE)
    assert hub.store.looks == before + 1


def test_a_deleted_key_encryption_key_is_felt_by_a_running_process(hub, ring, caplog):
    box = ring.seal("A-17", **PLACE)
    (hub.folder.path / f"kek-{hub.folder.current()}.key").unlink()
    assert ring.unseal(box, **PLACE) == "A-17"
    hub.clock.now += KEPT_SECONDS
    with pytest.raises(VaultError, match=r"^could not open$"):
        ring.unseal(box, **PLACE)
    assert "is lost" in caplog.text


@pytest.mark.parametrize("change", ["agency", "purpose", "version"])
def test_a_wrapped_key_put_at_another_place_opens_nothing(hub, ring, change):
    """Whoever can write the table of keys can't make one agency's key serve for another."""
    box = ring.seal("A-17", **PLACE)
    stolen = {"agency": (2, "seal", 1), "purpose": (1, "token", 1), "version": (1, "seal", 2)}[change]
    source = hub.store.rows[1, "seal", 1]
    place = source.place._make(stolen)
    hub.store.rows[stolen] = source._replace(place=place)
    thief = hub.process()
    shown = thief._look(place.agency, None)
    assert stolen[2] not in shown.ciphers if change != "purpose" else not shown.token_key
    assert hub.process().unseal(box, **PLACE) == "A-17"


def test_one_lost_key_closes_only_what_it_sealed(hub, ring, caplog):
    lost = ring.seal("A-17", **PLACE)
    ring.rotate_data_key(1)
    kept = ring.seal("A-18", **PLACE)
    row = hub.store.rows[1, "seal", 1]
    hub.store.rows[1, "seal", 1] = row._replace(wrapped=row.wrapped[:-1] + b"?")
    process = hub.process()
    assert process.unseal(kept, **PLACE) == "A-18"
    with pytest.raises(VaultError):
        process.unseal(lost, **PLACE)


def test_a_key_that_is_rolled_back_seals_nothing_that_lasts(hub):
    ring = hub.process()
    with hub.store.transaction(commits=False):
        ring.open_agency_keys(1)
        doomed = ring.seal("A-17", **PLACE)
        assert ring.unseal(doomed, **PLACE) == "A-17"
    with pytest.raises(VaultError):
        ring.seal("A-17", **PLACE)
    with hub.store.transaction(commits=True):
        ring.open_agency_keys(1)
        box = ring.seal("A-17", **PLACE)
    assert ring.unseal(box, **PLACE) == hub.process().unseal(box, **PLACE) == "A-17"
    with pytest.raises(VaultError):
        ring.unseal(doomed, **PLACE)


def test_a_destruction_that_is_rolled_back_destroys_nothing(hub, ring):
    box = ring.seal("A-17", **PLACE)
    with hub.store.transaction(commits=False):
        ring.destroy_agency_keys(1)
        with pytest.raises(VaultError):
            ring.unseal(box, **PLACE)
    assert ring.unseal(box, **PLACE) == "A-17"


def test_a_transaction_that_made_keys_does_not_ask_for_them_at_every_box(hub):
    ring = hub.process()
    with hub.store.transaction(commits=True):
        ring.open_agency_keys(1)
        before = hub.store.looks
        for _ in range(50):
            ring.seal("A-17", **PLACE)
        assert hub.store.looks == before + 1


def test_a_key_is_replaced_long_before_it_has_sealed_too_much(hub, ring, monkeypatch):
    monkeypatch.setattr(keys, "MOST_SEALS_BY_ONE_PROCESS", 10)
    boxes = [ring.seal("A-17", **PLACE) for _ in range(25)]
    assert [header_of(box).version for box in boxes] == [1] * 10 + [2] * 10 + [3] * 5
    assert {ring.unseal(box, **PLACE) for box in boxes} == {"A-17"}


def test_a_key_is_replaced_when_it_is_old(hub, ring):
    row = hub.store.rows[1, "seal", 1]
    hub.store.rows[1, "seal", 1] = row._replace(created_at=row.created_at - timedelta(days=91))
    first, second = hub.process(), hub.process()
    assert [header_of(process.seal("A-17", **PLACE)).version for process in (first, second)] == [1, 2]
    assert header_of(first.seal("A-17", **PLACE)).version == 2
    assert (1, "seal", 3) not in hub.store.rows


def test_two_processes_that_replace_one_key_make_one_new_key(hub, ring, monkeypatch):
    monkeypatch.setattr(keys, "MOST_SEALS_BY_ONE_PROCESS", 10)
    other = hub.process()
    with hub.store.transaction(commits=True):
        for _ in range(12):
            ring.seal("A-17", **PLACE)
            other.seal("A-17", **PLACE)
        assert len(hub.store.waiting) == 2
    assert [row.place.version for row in hub.store.load(1) if row.place.purpose == "seal"] == [1, 2]


def test_a_replacement_that_is_rolled_back_is_tried_again(hub, ring, monkeypatch):
    monkeypatch.setattr(keys, "MOST_SEALS_BY_ONE_PROCESS", 3)
    for commits in (False, True):
        with hub.store.transaction(commits=commits):
            for _ in range(5):
                ring.seal("A-17", **PLACE)
    assert header_of(ring.seal("A-17", **PLACE)).version == 2


def test_keys_never_reach_the_log(hub, ring, caplog):
    caplog.set_level(logging.DEBUG)
    box = ring.seal("A-17", **PLACE)
    ring.rotate_data_key(1)
    for row in hub.store.rows.values():
        key = hub.folder.unwrap(row.wrapped, kek_id=row.kek_id, place=row.place)
        assert key.hex() not in caplog.text and repr(key) not in caplog.text and key not in box
