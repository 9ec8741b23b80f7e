"""Reading an HMIS CSV zip that came from anywhere: what is unsafe is refused, what is merely untidy is read
and noted. Streams; holds one row at a time. What the cells mean is not its business."""

from __future__ import annotations

import csv
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from . import Refused
from .schema import ALIASES, FILES, File

MAX_MEMBERS = 200
MAX_BYTES = 8 * 2**30  # unpacked, all members together
MAX_RATIO = 250  # an honest export reaches about 60; deflate can reach 1,032
MAX_LINE = 2**20

_LOCAL_HEADER = b"PK\x03\x04"
_END_RECORD = b"PK\x05\x06"
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, OSError)


@dataclass(slots=True)
class Table:
    """One CSV file of the archive: where its known columns stand, and what was odd about it."""

    file: File
    version: str
    width: int
    positions: dict[str, int]  # column name -> place in the row
    missing: list[str] = field(default_factory=list)
    misspelled: list[str] = field(default_factory=list)
    unknown: int = 0
    shuffled: bool = False
    not_utf8: int = 0  # lines read as Latin-1; complete only after the rows were read


class Archive:
    """An opened HMIS CSV zip. `names` are the schema files it holds; use it as a context manager.

    Raises Refused, on opening or while reading, for anything but a plain zip of CSV files of sane size.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.unknown_files = 0
        try:
            self._stream: BinaryIO = path.open("rb")
        except OSError as error:
            raise Refused(f"{path} can't be opened: {error.strerror}.") from None
        try:
            self._zip = self._open_zip()
            self._members = self._sort_members()
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._stream.close()

    @property
    def names(self) -> list[str]:
        """The schema's names of the files present, in the schema's order."""
        return [name for name in FILES if name in self._members]

    def size(self, name: str) -> int:
        """Unpacked bytes of a file."""
        return self._members[name].file_size

    def table(self, name: str, version: str) -> Table:
        """Read the header of a file by the given year's columns. Raises KeyError if the file is absent."""
        lines = self._lines(name, None)
        try:
            header = [cell.strip() for cell in next(csv.reader(lines), [])]
        except csv.Error:
            header = []
        return _understand_header(FILES[name], version, header)

    def rows(self, table: Table) -> Iterator[tuple[int, list[str] | None]]:
        """The rows below the header with their number as a spreadsheet shows it (the first is 2).

        None stands for a row that can't be trusted: its number of cells is not the header's, so a value may
        stand under another column's name. Blank rows are passed over, but counted in the numbers.
        """
        reader = csv.reader(self._lines(table.file.name, table))
        number = 0
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                number += 1
                yield number, None
                continue
            number += 1
            if number == 1 or not cells or (len(cells) == 1 and not cells[0].strip()):
                continue
            if len(cells) > table.width and not any(cells[table.width :]):
                del cells[table.width :]
            yield number, cells if len(cells) == table.width else None

    # --- safety -------------------------------------------------------------------------------------------

    def _open_zip(self) -> zipfile.ZipFile:
        refusal = f"{self._path.name} is not a zip file. Give the zip that your HMIS exports, unchanged."
        if self._stream.read(4) != _LOCAL_HEADER:
            raise Refused(refusal)
        try:
            opened = zipfile.ZipFile(self._stream)
        except _DAMAGED:
            raise Refused(refusal) from None
        # With something before or after the zip it is two files in one: others may see another than we.
        size = self._stream.seek(0, io.SEEK_END)
        end = 22 + len(opened.comment)
        self._stream.seek(size - end)
        if self._stream.read(4) != _END_RECORD or min(
            (info.header_offset for info in opened.infolist()), default=0
        ):
            raise Refused(f"{self._path.name} holds something else besides a zip file.")
        return opened

    def _sort_members(self) -> dict[str, zipfile.ZipInfo]:
        infos = self._zip.infolist()
        if len(infos) > MAX_MEMBERS:
            raise Refused(f"The zip holds {len(infos)} files; an HMIS export has 24.")
        if sum(info.file_size for info in infos) > MAX_BYTES:
            raise Refused("The zip unpacks to more than 8 GiB. That is no HMIS export.")
        known = {f"{name.lower()}.csv": name for name in FILES}
        members: dict[str, zipfile.ZipInfo] = {}
        folders: set[str] = set()
        end_of_last = 0
        for info in sorted(infos, key=lambda info: info.header_offset):
            self._check_member(info)
            if info.header_offset < end_of_last:
                raise Refused("Files inside the zip overlap each other: it was made to deceive.")
            end_of_last = info.header_offset + 30 + info.compress_size
            path = PurePosixPath(info.filename)
            if info.is_dir() or "__MACOSX" in path.parts:
                continue
            name = known.get(path.name.lower())
            if name is None:
                self.unknown_files += 1
                continue
            if name in members:
                raise Refused(f"The zip holds {name}.csv twice.")
            members[name] = info
            folders.add(str(path.parent))
        if not members:
            raise Refused("The zip holds no HMIS CSV file.")
        if len(folders) > 1:
            raise Refused("The CSV files lie in different folders of the zip; put them together.")
        return members

    @staticmethod
    def _check_member(info: zipfile.ZipInfo) -> None:
        path = PurePosixPath(info.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in info.orig_filename or ":" in info.filename:
            raise Refused("A file in the zip has a path that leads out of it.")
        if info.flag_bits & 0x1:
            raise Refused("The zip is protected by a password. Export it without one.")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Refused("The zip holds a link instead of a file.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Refused("The zip uses an unusual compression. Make it again with ordinary settings.")
        if info.file_size > 2**20 and info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise Refused(
                "A file in the zip unpacks to more than 250 times its size: it was made to do harm."
            )

    def _lines(self, name: str, table: Table | None) -> Iterator[str]:
        try:
            with self._zip.open(self._members[name]) as member:
                stream = io.BufferedReader(member, 2**18)  # type: ignore[type-var]
                start = stream.peek(4)[:4]
                if start.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise Refused(f"{name}.csv is saved as UTF-16. Save it as UTF-8 and try again.")
                if start.startswith(b"\xef\xbb\xbf"):
                    stream.read(3)
                while line := stream.readline(MAX_LINE):
                    if len(line) == MAX_LINE:
                        raise Refused(f"{name}.csv has a line of more than a million characters.")
                    try:
                        yield line.decode("utf-8")
                    except UnicodeDecodeError:
                        if table is not None:
                            table.not_utf8 += 1
                        yield line.decode("latin-1")
        except _DAMAGED:
            raise Refused(f"{name}.csv is damaged inside the zip. Export it again.") from None


def _understand_header(file: File, version: str, header: list[str]) -> Table:
    wanted = file.of_version(version)
    by_lower = {column.name.lower(): column.name for column in wanted}
    table = Table(file, version, len(header), {})
    for place, cell in enumerate(header):
        lower = cell.lower().replace(" ", "").replace("_", "")
        name = by_lower.get(lower) or by_lower.get(ALIASES.get(lower, "").lower())
        if name is None or name in table.positions:
            table.unknown += 1
            continue
        table.positions[name] = place
        if cell != name:
            table.misspelled.append(name)
    table.missing = [column.name for column in wanted if column.name not in table.positions]
    order = [column.name for column in wanted if column.name in table.positions]
    table.shuffled = order != list(table.positions)
    return table
