"""What is not plainly a zip of CSV files is refused with a sentence; nothing is unpacked to find out."""

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from referrals.agency_side import Refused
from referrals.agency_side.archive import Archive
from tests.referrals.agency_side.exports import clean, write


def _good(path: Path) -> bytes:
    return write(path, clean()).read_bytes()


def _zip_of(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def _link(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("Client.csv")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")


def _overlapping(path: Path) -> None:
    """Two entries of the directory that point at one piece of data."""
    _zip_of(path, {"Client.csv": b"a,b\n" * 50})
    data = path.read_bytes()
    end = data.index(b"PK\x05\x06")
    start = data.index(b"PK\x01\x02")
    entry = data[start:end]
    twin = entry.replace(b"Client.csv", b"Exitxx.csv")
    tail = bytearray(data[end:])
    struct.pack_into("<HHL", tail, 8, 2, 2, 2 * len(entry))
    path.write_bytes(data[:start] + entry + twin + bytes(tail))


def _encrypted(path: Path) -> None:
    data = bytearray(_good(path))
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(bytes(data))


BAD: dict[str, tuple[str, Callable[[Path], object]]] = {
    "text": ("not a zip", lambda p: p.write_text("PersonalID\nP1\n")),
    "empty": ("not a zip", lambda p: p.write_bytes(b"")),
    "cut off": ("not a zip", lambda p: p.write_bytes(_good(p)[:-40])),
    "something before": ("not a zip", lambda p: p.write_bytes(b"#!/bin/sh\n" + _good(p))),
    "a zip before": ("something else", lambda p: p.write_bytes(_good(p) + _good(p))),
    "something after": ("something else|not a zip", lambda p: p.write_bytes(_good(p) + b"<html>" * 9)),
    "bomb": ("times its size", lambda p: _zip_of(p, {"Client.csv": b"," * 3_000_000})),
    "many files": ("holds 201 files", lambda p: _zip_of(p, {f"{n}.csv": b"" for n in range(201)})),
    "climbing path": ("leads out", lambda p: _zip_of(p, {"../Client.csv": b"a"})),
    "absolute path": ("leads out", lambda p: _zip_of(p, {"/tmp/Client.csv": b"a"})),
    "windows path": ("leads out", lambda p: _zip_of(p, {"C:\\Client.csv": b"a"})),
    "link": ("a link", _link),
    "lzma": ("unusual compression", lambda p: _zip_of(p, {"Client.csv": b"a"}, zipfile.ZIP_LZMA)),
    "overlap": ("overlap", _overlapping),
    "password": ("password", _encrypted),
    "no export": ("no HMIS CSV", lambda p: _zip_of(p, {"holiday.jpg": b"a"})),
    "two folders": ("different folders", lambda p: _zip_of(p, {"a/Client.csv": b"a", "b/Exit.csv": b"a"})),
    "a file twice": ("twice", lambda p: _zip_of(p, {"Client.csv": b"a", "CLIENT.csv": b"a"})),
}


@pytest.mark.parametrize("kind", BAD)
def test_it_is_refused(tmp_path: Path, kind: str) -> None:
    sentence, spoil = BAD[kind]
    path = tmp_path / "in.zip"
    spoil(path)
    with pytest.raises(Refused, match=sentence):
        Archive(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="can't be opened"):
        Archive(tmp_path / "in.zip")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\xff\xfeP\0", "UTF-16"),
        (b"PersonalID\n" + bytes(range(1, 10)).replace(b"\n", b"") * 150_000, "a line"),
    ],
)
def test_unreadable_text_is_refused_before_it_fills_memory(
    tmp_path: Path, data: bytes, sentence: str
) -> None:
    path = tmp_path / "in.zip"
    _zip_of(path, {"Client.csv": data}, zipfile.ZIP_STORED)
    with pytest.raises(Refused, match=sentence), Archive(path) as archive:
        list(archive.rows(archive.table("Client", "2026")))


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.zip"
    _zip_of(path, {"Client.csv": b"PersonalID\n" + b"P1\n" * 20}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"P1\nP1\n", b"P1\nP7\n", 1))
    with pytest.raises(Refused, match="damaged"), Archive(path) as archive:
        list(archive.rows(archive.table("Client", "2026")))


def test_one_folder_and_other_spellings_of_file_names_are_read(tmp_path: Path) -> None:
    path = tmp_path / "in.zip"
    _zip_of(path, {"Export 2025/CLIENT.CSV": b"PersonalID\nP1\n\nP2\n", "__MACOSX/Client.csv": b"x"})
    with Archive(path) as archive:
        assert archive.names == ["Client"]
        assert list(archive.rows(archive.table("Client", "2026"))) == [(2, ["P1"]), (4, ["P2"])]
