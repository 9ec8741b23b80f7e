"""Keys of single subjects: one each, never a second one, gone when destroyed, safe between processes."""

import multiprocessing
import os
import uuid
from unittest import mock

import pytest

from agencies.vault import subjects as module
from agencies.vault.box import VaultError
from agencies.vault.kek import KeyFolderError
from agencies.vault.mirror import MARK, mirror
from agencies.vault.subjects import RECORD, Shredded, SubjectKeys
from tests.agencies.vault.memory import Hub

PLACE = {"agency": 1, "place": "client.code", "row": 7}


@pytest.fixture
def keys(tmp_path):
    return SubjectKeys(tmp_path)


@pytest.fixture
def hub(tmp_path):
    hub = Hub(tmp_path)
    hub.process().open_agency_keys(1)
    return hub


def path(tmp_path, agency=1):
    return tmp_path / f"subjects-{agency}.keys"


def test_a_subject_has_one_key_which_no_other_has(keys):
    one, two = uuid.uuid4(), uuid.uuid4()
    assert keys.find(1, one) is None
    keys.make(1, [one, two, one])
    first = keys.find(1, one)
    keys.make(1, [one])
    assert keys.find(1, one) == first and len(first) == 32
    assert keys.find(1, two) not in (first, None)
    assert keys.find(2, one) is None


def test_a_destroyed_key_is_overwritten_where_it_stood_and_never_made_again(keys, tmp_path):
    one, two = uuid.uuid4(), uuid.uuid4()
    keys.make(1, [one, two])
    kept, gone = keys.find(1, two), keys.find(1, one)
    assert set(keys.fingerprints(1, [one, two, uuid.uuid4()])) == {one, two}
    keys.destroy(1, [one])
    assert gone not in path(tmp_path).read_bytes()
    assert path(tmp_path).stat().st_size == 2 * RECORD
    keys.make(1, [one])
    for process in (keys, SubjectKeys(tmp_path)):
        with pytest.raises(Shredded):
            process.find(1, one)
        assert process.find(1, two) == kept
    assert keys.fingerprints(1, [one]) == {}


def test_a_process_that_knew_the_key_feels_at_once_that_it_is_gone(hub):
    here, there = hub.process(), hub.process()
    client = uuid.uuid4()
    box = here.seal("A-17", subject=client, **PLACE)
    assert there.unseal(box, subject=client, **PLACE) == "A-17"
    hub.subjects.destroy(1, [client])
    for process in (here, there):
        with pytest.raises(VaultError, match=r"^could not open$"):
            process.unseal(box, subject=client, **PLACE)
        with pytest.raises(Shredded):
            process.seal("A-17", subject=client, **PLACE)


def test_a_box_opens_for_its_own_subject_only_and_never_without(hub):
    ring, client = hub.process(), uuid.uuid4()
    box = ring.seal("A-17", subject=client, **PLACE)
    other = uuid.uuid4()
    ring.seal("B-1", subject=other, **PLACE)
    for wrong in (None, other, uuid.uuid4()):
        with pytest.raises(VaultError):
            ring.unseal(box, subject=wrong, **PLACE)
    # the sabotage: were the subject's own half left out, whoever has the data key would open it
    with mock.patch.object(module.SubjectKeys, "find", return_value=bytes(32)):
        box = ring.seal("A-17", subject=client, **PLACE)
        assert ring.unseal(box, subject=client, **PLACE) == "A-17"


def test_bytes_come_back_as_they_were_and_are_not_padded(hub):
    ring, client = hub.process(), uuid.uuid4()
    box = ring.seal(b"\x00card" * 9, subject=client, **PLACE)
    assert ring.open(box, subject=client, **PLACE) == b"\x00card" * 9
    assert len(box) == 5 + 12 + 45 + 16


def test_a_box_from_before_subjects_had_keys_opens_and_is_lifted(hub):
    ring, client = hub.process(), uuid.uuid4()
    old = ring.seal("A-17", **PLACE)
    assert ring.unseal(old, subject=client, **PLACE) == "A-17"
    new = ring.reseal(old, subject=client, **PLACE)
    assert new[0] == 2 and ring.unseal(new, subject=client, **PLACE) == "A-17"
    assert ring.reseal(new, subject=client, **PLACE) == new


def test_a_crash_in_the_middle_of_an_append_harms_nothing(keys, tmp_path):
    one, two = uuid.uuid4(), uuid.uuid4()
    keys.make(1, [one])
    before = keys.find(1, one)
    with path(tmp_path).open("ab") as file:
        file.write(b"x" * 17)
    assert keys.find(1, one) == before and keys.find(1, two) is None
    keys.make(1, [two])
    assert path(tmp_path).stat().st_size == 2 * RECORD
    assert SubjectKeys(tmp_path).find(1, two) == keys.find(1, two)
    assert keys.find(1, one) == before


def test_a_file_put_back_from_elsewhere_is_read_anew(keys, tmp_path):
    one, two = uuid.uuid4(), uuid.uuid4()
    keys.make(1, [one])
    copy = path(tmp_path).read_bytes()
    keys.make(1, [two])
    draft = tmp_path / "draft"
    draft.write_bytes(copy)
    draft.chmod(0o600)
    draft.rename(path(tmp_path))
    assert keys.find(1, one) is not None and keys.find(1, two) is None


def test_a_file_that_others_can_read_is_refused_with_the_remedy(keys, tmp_path):
    keys.make(1, [uuid.uuid4()])
    path(tmp_path).chmod(0o640)
    with pytest.raises(KeyFolderError, match="chmod 600"):
        keys.find(1, uuid.uuid4())
    assert "chmod 600" in keys.problems()[0]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(KeyFolderError, match="restore it"):
        SubjectKeys(tmp_path / "gone").make(1, [uuid.uuid4()])


def _make(folder, ids):
    for id in ids:
        SubjectKeys(folder).make(1, [id])


def test_many_processes_make_keys_at_once_and_none_is_lost(tmp_path):
    ids = [uuid.uuid4() for _each in range(120)]
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_make, args=(tmp_path, ids[at::2] + ids[:20])) for at in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    found = [SubjectKeys(tmp_path).find(1, id) for id in ids]
    assert None not in found and len(set(found)) == len(ids)
    assert path(tmp_path).stat().st_size == len(ids) * RECORD
    assert os.stat(path(tmp_path)).st_mode & 0o077 == 0


# The copy in another place


@pytest.fixture
def places(hub, tmp_path):
    ring, client, other = hub.process(), uuid.uuid4(), uuid.uuid4()
    for one in (client, other):
        ring.seal("A-17", subject=one, **PLACE)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / MARK).touch()
    return hub, client, tmp_path / "keys", tmp_path / "copy"


def test_the_copy_opens_what_the_folder_opens_and_forgets_what_it_forgets(places):
    hub, client, folder, copy = places
    assert mirror(folder, copy) == 3 and mirror(folder, copy) == 0
    key = hub.subjects.find(1, client)
    assert SubjectKeys(copy).find(1, client) == key
    assert os.stat(copy / "subjects-1.keys").st_mode & 0o077 == 0
    place = os.stat(copy / "subjects-1.keys").st_ino
    hub.subjects.destroy(1, [client])
    assert mirror(folder, copy) == 1
    assert key not in (copy / "subjects-1.keys").read_bytes()
    assert os.stat(copy / "subjects-1.keys").st_ino == place  # overwritten, not replaced
    with pytest.raises(Shredded):
        SubjectKeys(copy).find(1, client)


def test_a_key_encryption_key_that_was_removed_goes_from_the_copy_too(places):
    hub, _client, folder, copy = places
    mirror(folder, copy)
    old = next(folder.glob("kek-*.key"))
    hub.folder.make_current()
    old.unlink()
    mirror(folder, copy)
    assert {path.name for path in copy.iterdir()} == {MARK} | {
        path.name for path in folder.iterdir() if not path.name.startswith(".")
    }


@pytest.mark.parametrize("lost", ["all", "subjects", "half"])
def test_a_folder_that_lost_keys_does_not_spoil_its_copy(places, lost):
    _hub, _client, folder, copy = places
    mirror(folder, copy)
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    if lost == "all":
        for path in folder.iterdir():
            path.unlink()
    elif lost == "subjects":
        (folder / "subjects-1.keys").unlink()
    else:
        os.truncate(folder / "subjects-1.keys", RECORD)
    with pytest.raises(KeyFolderError, match="restore it"):
        mirror(folder, copy)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_a_disk_that_is_not_mounted_is_no_copy(places, tmp_path):
    _hub, _client, folder, _copy = places
    for elsewhere in (tmp_path / "nowhere", tmp_path / "empty"):
        if elsewhere.name == "empty":
            elsewhere.mkdir()
        with pytest.raises(KeyFolderError, match="mount the disk"):
            mirror(folder, elsewhere)
        assert not elsewhere.exists() or list(elsewhere.iterdir()) == []


def test_an_old_key_file_put_back_does_not_reach_the_copy(places):
    hub, client, folder, copy = places
    before = (folder / "subjects-1.keys").read_bytes()
    hub.subjects.destroy(1, [client])
    mirror(folder, copy)
    (folder / "subjects-1.keys").write_bytes(before)
    with pytest.raises(KeyFolderError, match="old copy"):
        mirror(folder, copy)
    with pytest.raises(Shredded):
        SubjectKeys(copy).find(1, client)


def test_who_never_had_a_key_gets_none_once_destroyed(keys):
    one = uuid.uuid4()
    keys.destroy(1, [one])
    keys.make(1, [one])
    with pytest.raises(Shredded):
        keys.find(1, one)
    assert keys.is_destroyed(1, one) and keys.destroyed(1) == [one]


def test_the_copy_is_not_the_folder_itself(places):
    _hub, _client, folder, _copy = places
    with pytest.raises(KeyFolderError, match="another place"):
        mirror(folder, folder)


def test_the_clock_keeps_the_copy_only_where_one_is_named(settings, tmp_path):
    from casehub.celery import mirror_keys

    assert mirror_keys() == 0
    settings.CASEHUB_KEYS_COPY = str(tmp_path / "copy")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / MARK).touch()
    from agencies import vault

    vault.ensure_kek()
    assert mirror_keys() >= 2 and (tmp_path / "copy" / "current").exists()
