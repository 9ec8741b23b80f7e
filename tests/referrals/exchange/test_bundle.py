"""What no bundle may be: raw, identifying, tampered with, made to do harm; each beside its allowed case."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from agencies.jobs import Refused
from referrals.agency_side.schema import FILES, IDENTIFIERS, Handling
from referrals.exchange import bundle as reading
from referrals.exchange.bundle import Bundle
from tests.referrals.exchange.bundles import bundle_file, person, small_network

SECRET = "Xyzzy-Quux"


def check(path: Path) -> dict[str, int]:
    with Bundle(path) as bundle:
        return bundle.check()


def with_column(path: Path, file: str, column: str, value: str, **options: Any) -> Path:
    row = {**(person("ana") if file == "Client" else {}), column: value}
    return bundle_file(path, extra_columns={file: [column]}, **{file: [row]}, **options)


@pytest.mark.parametrize(("file", "column"), sorted(IDENTIFIERS))
def test_an_identifier_column_with_a_value_is_refused_and_never_quoted(
    tmp_path: Path, file: str, column: str
) -> None:
    assert check(with_column(tmp_path / "blank.zip", file, column, "  ")) == {file: 1}
    for spelled in (column, column.upper(), f" {column[0].lower()}{column[1:]} "):
        with pytest.raises(Refused) as refusal:
            check(with_column(tmp_path / "value.zip", file, spelled, SECRET))
        assert f"{file}.csv" in str(refusal.value) and column in str(refusal.value)
        assert SECRET not in str(refusal.value)
        assert len(str(refusal.value)) <= 200


def test_an_identifier_column_is_refused_in_whichever_file_it_stands(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"Services\.csv.*SSN"):
        check(with_column(tmp_path / "b.zip", "Services", "SSN", "123-45-6789"))


def test_a_place_of_a_victim_service_provider_is_refused(tmp_path: Path) -> None:
    columns = [c.name for c in FILES["ProjectCoC"].columns if c.handling is Handling.DROP_FOR_VSP]
    assert columns
    rows = {"ProjectCoC": [{columns[0]: "990010"}]}
    assert check(bundle_file(tmp_path / "a.zip", vsp=False, **rows))
    with pytest.raises(Refused, match=columns[0]):
        check(bundle_file(tmp_path / "b.zip", vsp=True, extra_columns={"ProjectCoC": [columns[0]]}, **rows))


def test_the_guard_against_identifiers_is_what_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sabotage: without its list of identifiers the same file passes."""
    path = with_column(tmp_path / "b.zip", "Client", "FirstName", SECRET)
    with pytest.raises(Refused):
        check(path)
    monkeypatch.setattr(reading, "_IDENTIFIERS", {})
    assert check(path) == {"Client": 1}


def test_a_raw_export_is_sent_to_the_tool_first(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as raw:
        raw.writestr("export/Client.csv", "PersonalID,FirstName\n1,Invented\n")
    with pytest.raises(Refused, match="agency tool on it first"):
        Bundle(tmp_path / "raw.zip")


@pytest.mark.parametrize(
    "sabotage",
    [
        {"sabotage": {"Client": b"PersonalID\nx\n"}},
        {"manifest_changes": {"format": "casehub-bundle/9"}},
        {"manifest_changes": {"hmis_version": "1999"}},
        {"manifest_changes": {"files": {}}},
        {"manifest_changes": {"files": {"Client.csv": {"rows_out": "3"}}}},
    ],
)
def test_a_bundle_that_is_not_what_its_manifest_says_is_refused(
    tmp_path: Path, sabotage: dict[str, Any]
) -> None:
    assert check(bundle_file(tmp_path / "good.zip", Client=[person("ana")])) == {"Client": 1}
    with pytest.raises(Refused):
        check(bundle_file(tmp_path / "bad.zip", Client=[person("ana")], **sabotage))


def test_what_is_no_bundle_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("not a zip")
    (tmp_path / "empty.zip").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("holiday.jpg", b"")
    good = small_network(tmp_path / "good.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(good[: len(good) // 2])
    for name in ("text", "empty", "other", "cut"):
        with pytest.raises(Refused):
            check(tmp_path / f"{name}.zip")


def test_a_zip_made_to_do_harm_is_refused(tmp_path: Path) -> None:
    path = bundle_file(tmp_path / "bomb.zip", Client=[person("ana")])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("problems.csv", b"\0" * 20_000_000)
    with pytest.raises(Refused, match="packed"):
        Bundle(path)
    path = bundle_file(tmp_path / "more.zip", Client=[person("ana")])
    with zipfile.ZipFile(path, "a") as more:
        more.writestr("../../etc/passwd", b"")
    with pytest.raises(Refused, match="holds a file"):
        Bundle(path)


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = small_network(tmp_path / "b.zip")
    content = bytearray(path.read_bytes())
    for at in range(40, len(content) // 2, 211):
        damaged = bytearray(content)
        damaged[at] ^= 0xFF
        path.write_bytes(bytes(damaged))
        with pytest.raises(Refused):
            check(path)
