"""The folder of key-encryption keys: who may read it, who makes the first key, what may be deleted."""

import os
import stat
import subprocess
import sys
import time

import pytest

from agencies.vault.box import Shut
from agencies.vault.kek import GRACE_SECONDS, KeyFolder, KeyFolderError, KeyPlace

PLACE = KeyPlace(agency=1, purpose="seal", version=1)


@pytest.fixture
def folder(tmp_path):
    keys = KeyFolder(tmp_path / "var" / "keys")
    keys.ensure()
    return keys


def key_file(folder):
    return folder.path / f"kek-{folder.current()}.key"


def test_the_first_key_is_its_owners_alone_and_made_once(folder):
    before = folder.current()
    assert folder.ensure() == before
    assert folder.ids() == [before]
    assert len(key_file(folder).read_bytes()) == 32
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.path.iterdir()} == {0o600}
    assert folder.problems() == []


def test_many_processes_that_start_at_once_agree_on_the_first_key(tmp_path):
    start = tmp_path / "start"
    program = (
        "import sys, time, pathlib; from agencies.vault.kek import KeyFolder\n"
        "while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.001)\n"
        "print(KeyFolder(pathlib.Path(sys.argv[1])).ensure())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "keys"), str(start)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    time.sleep(0.5)
    start.touch()
    answers = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert answers == [KeyFolder(tmp_path / "keys").current()] * 6
    assert len(KeyFolder(tmp_path / "keys").ids()) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o666])
def test_a_key_that_others_can_read_or_write_is_refused_with_the_remedy(folder, mode):
    kek_id, wrapped = folder.wrap(bytes(32), place=PLACE)
    key_file(folder).chmod(mode)
    for act in (
        lambda: folder.wrap(bytes(32), place=PLACE),
        lambda: folder.unwrap(wrapped, kek_id=kek_id, place=PLACE),
    ):
        with pytest.raises(KeyFolderError, match="run chmod 600"):
            act()
    assert "chmod 600" in folder.problems()[0]
    key_file(folder).chmod(0o600)
    assert folder.unwrap(wrapped, kek_id=kek_id, place=PLACE) == bytes(32)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: key_file(folder).unlink(), "can't be read"),
        (lambda folder: key_file(folder).write_bytes(b"short"), "does not hold 32 bytes"),
        (lambda folder: key_file(folder).write_bytes(bytes(33)), "does not hold 32 bytes"),
        (lambda folder: (folder.path / "current").unlink(), "has no key-encryption key"),
        (lambda folder: (folder.path / "current").write_text("../../etc/passwd"), "does not name a key"),
    ],
)
def test_what_is_wrong_with_the_folder_is_said(folder, spoil, said):
    spoil(folder)
    with pytest.raises(KeyFolderError, match=said):
        folder.wrap(bytes(32), place=PLACE)
    assert said in folder.problems()[0]


@pytest.mark.parametrize("kek_id", ["", "../keys/kek", "x" * 8, "0" * 17, "abc\n"])
def test_a_row_can_not_name_a_file_elsewhere(folder, kek_id):
    with pytest.raises(KeyFolderError):
        folder.unwrap(bytes(60), kek_id=kek_id, place=PLACE)


@pytest.mark.parametrize("place", [PLACE, *(PLACE._replace(**{part: 2}) for part in PLACE._fields)])
def test_a_wrapped_key_is_bound_to_its_place(folder, place):
    kek_id, wrapped = folder.wrap(b"k" * 32, place=PLACE)
    if place == PLACE:
        assert folder.unwrap(wrapped, kek_id=kek_id, place=place) == b"k" * 32
        return
    with pytest.raises(Shut):
        folder.unwrap(wrapped, kek_id=kek_id, place=place)


@pytest.mark.parametrize("size", [0, 11, 12, 44, 59])
def test_a_cut_wrapped_key_does_not_open(folder, size):
    kek_id, wrapped = folder.wrap(b"k" * 32, place=PLACE)
    with pytest.raises(Shut):
        folder.unwrap(wrapped[:size], kek_id=kek_id, place=PLACE)


def test_only_old_keys_out_of_use_are_deleted_and_none_just_after_a_rotation(folder):
    first, second, current = folder.current(), folder.make_current(), folder.make_current()
    assert folder.remove_old(in_use={first}) == []
    long_ago = time.time() - GRACE_SECONDS - 1
    os.utime(folder.path / "current", (long_ago, long_ago))
    assert folder.remove_old(in_use={first}) == [second]
    assert sorted(folder.ids()) == sorted([first, current])
    assert folder.remove_old(in_use=set()) == [first]
    assert folder.ids() == [current] and folder.current() == current


def test_nothing_is_deleted_while_the_current_key_is_missing(folder):
    old = folder.current()
    folder.make_current()
    key_file(folder).unlink()
    with pytest.raises(KeyFolderError):
        folder.remove_old(in_use=set())
    assert folder.ids() == [old]
