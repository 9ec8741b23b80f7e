"""The hub's own key over tokens: the same answer for an epoch, none after its destruction, in the copy neither."""

import subprocess
import sys
import time

import pytest

from agencies import vault
from agencies.vault.kek import KeyFolder, KeyFolderError
from agencies.vault.mirror import MARK, mirror
from agencies.vault.peppers import Peppers
from agencies.vault.subjects import Shredded

ONE, OTHER = bytes(range(16)), bytes(range(16, 32))


@pytest.fixture
def folder(tmp_path):
    keys = KeyFolder(tmp_path / "keys")
    keys.ensure()
    return keys


@pytest.fixture
def peppers(folder):
    return Peppers(folder)


def test_equal_tokens_stay_equal_in_an_epoch_and_nowhere_else(peppers):
    kept = peppers.put_on(ONE, epoch=1)
    assert len(kept) == 16 and kept == peppers.put_on(ONE, epoch=1)
    assert len({ONE, kept, peppers.put_on(OTHER, epoch=1), peppers.put_on(ONE, epoch=2)}) == 4


def test_another_hubs_pepper_gives_another_token(peppers, tmp_path):
    other = KeyFolder(tmp_path / "other")
    other.ensure()
    assert peppers.put_on(ONE, epoch=1) != Peppers(other).put_on(ONE, epoch=1)


def test_many_processes_that_begin_an_epoch_at_once_agree_on_its_pepper(folder, tmp_path):
    start = tmp_path / "start"
    program = (
        "import sys, time, pathlib; from agencies.vault.kek import KeyFolder\n"
        "from agencies.vault.peppers import Peppers\n"
        "while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.001)\n"
        "print(Peppers(KeyFolder(pathlib.Path(sys.argv[1]))).put_on(bytes(16), epoch=1).hex())"
    )
    command = [sys.executable, "-c", program, str(folder.path), str(start)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    time.sleep(0.5)
    start.touch()
    answers = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert answers == {Peppers(folder).put_on(bytes(16), epoch=1).hex()}


@pytest.mark.parametrize("token", [b"", bytes(15), bytes(17), bytes(64)], ids=["none", "15", "17", "64"])
def test_what_is_no_token_is_refused(peppers, token):
    with pytest.raises(ValueError, match="16 bytes"):
        peppers.put_on(token, epoch=1)


def test_a_destroyed_pepper_is_overwritten_and_never_made_again(peppers, folder):
    kept = peppers.put_on(ONE, epoch=1)
    file = folder.path / "pepper-1.key"
    before, place = file.read_bytes(), file.stat().st_ino
    peppers.destroy(1)
    assert file.read_bytes() == bytes(32) != before and file.stat().st_ino == place
    with pytest.raises(Shredded):
        peppers.put_on(ONE, epoch=1)
    assert not peppers.stands(1)
    assert peppers.put_on(ONE, epoch=2) != kept


def test_an_epoch_that_was_given_up_before_its_first_token_gets_no_pepper(peppers):
    peppers.destroy(3)
    with pytest.raises(Shredded):
        peppers.put_on(ONE, epoch=3)


def test_the_copy_has_the_pepper_and_loses_it_too(peppers, folder, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / MARK).touch()
    peppers.put_on(ONE, epoch=1)
    mirror(folder.path, copy)
    before = (folder.path / "pepper-1.key").read_bytes()
    assert (copy / "pepper-1.key").read_bytes() == before
    peppers.destroy(1)
    mirror(folder.path, copy)
    assert (copy / "pepper-1.key").read_bytes() == bytes(32)
    (folder.path / "pepper-1.key").write_bytes(before)
    with pytest.raises(KeyFolderError, match="old copy"):
        mirror(folder.path, copy)
    assert (copy / "pepper-1.key").read_bytes() == bytes(32)


def test_a_folder_that_has_lost_a_pepper_does_not_empty_the_copy(peppers, folder, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / MARK).touch()
    peppers.put_on(ONE, epoch=1)
    mirror(folder.path, copy)
    (folder.path / "pepper-1.key").unlink()
    with pytest.raises(KeyFolderError, match="fewer keys"):
        mirror(folder.path, copy)
    assert (copy / "pepper-1.key").exists()
    before = (copy / "pepper-1.key").read_bytes()
    peppers.put_on(ONE, epoch=1)  # and one that was made anew since does not take its place
    with pytest.raises(KeyFolderError, match="another key"):
        mirror(folder.path, copy)
    assert (copy / "pepper-1.key").read_bytes() == before


def test_a_pepper_that_others_can_read_is_told_at_the_start_and_refused(peppers, folder):
    peppers.put_on(ONE, epoch=1)
    assert peppers.problems() == []
    (folder.path / "pepper-1.key").chmod(0o644)
    assert "chmod 600" in peppers.problems()[0]
    with pytest.raises(KeyFolderError, match="chmod 600"):
        peppers.put_on(ONE, epoch=1)


def test_the_hub_asks_its_own_folder_and_tells_its_problems(settings, tmp_path):
    settings.CASEHUB_KEYS = str(tmp_path / "hub")
    vault.ensure_kek()
    kept = vault.pepper(ONE, epoch=1)
    assert kept == vault.pepper(ONE, epoch=1) and vault.pepper_stands(1)
    (tmp_path / "hub" / "pepper-1.key").write_bytes(b"short")
    assert any("32 bytes" in problem for problem in vault.key_folder_problems())
    vault.destroy_pepper(1)
    assert not vault.pepper_stands(1)
