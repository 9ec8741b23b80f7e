"""The key: made once, readable by its owner only, never in the bundle."""

import os
import stat
from pathlib import Path

import pytest

from referrals.agency_side import Refused
from referrals.agency_side.cli import main
from referrals.agency_side.keys import IdHasher, default_key_path, load_or_make_key
from tests.referrals.agency_side.exports import clean, write


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "agency.key"
    key, made = load_or_make_key(path)
    assert made and len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_make_key(path) == (key, False)


@pytest.mark.parametrize("text", ["", "hello", "casehub-agency-key/1\nabc\n"])
def test_a_file_that_is_no_key_is_never_overwritten(tmp_path: Path, text: str) -> None:
    path = tmp_path / "agency.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Refused, match="not a key file"):
        load_or_make_key(path)
    assert path.read_text() == text


def test_a_key_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "agency.key"
    load_or_make_key(path)
    path.chmod(0o640)
    with pytest.raises(Refused, match="chmod 600"):
        load_or_make_key(path)


def test_ids_are_apart_by_kind_organization_and_key() -> None:
    hashed = {
        IdHasher(key, organization).hash(kind, "7")
        for key in (b"a" * 32, b"b" * 32)
        for organization in ("4", "6")
        for kind in ("PersonalID", "EnrollmentID")
    }
    assert len(hashed) == 8
    assert all(len(value) == 32 for value in hashed)


def test_default_paths_are_apart_also_for_ids_no_file_can_be_named_after() -> None:
    assert len({default_key_path(organization) for organization in ("a/b", "a_b", "../b", "4")}) == 4
    assert "/../" not in str(default_key_path("../../etc"))


def test_the_key_is_in_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    source = write(tmp_path / "in.zip", clean())
    assert main(["hmis", str(source), str(tmp_path / "out"), "--org", "O1"]) == 0
    key, made = load_or_make_key(default_key_path("O1"))
    assert not made
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert key not in written and key.hex().encode() not in written
    said = capsys.readouterr().out
    assert key.hex() not in said and "A new key was made" in said
    assert all(stat.S_IMODE(os.stat(path).st_mode) == 0o600 for path in (tmp_path / "out").iterdir())
