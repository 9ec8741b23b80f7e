"""Reading a bundle that came from anywhere: what is unsafe, or says who somebody is, is refused whole.

Knows the file, not the database. No sentence quotes a cell. What the cells mean is for `staging`.
"""

import csv
import hashlib
import io
import json
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

from django.utils.translation import gettext as _

from agencies.jobs import Refused
from referrals.agency_side.schema import BUNDLE_FORMAT, FILES, VERSIONS, Handling

MAX_UNPACKED = 8 * 2**30
MAX_RATIO = 250  # an honest export reaches about 60; deflate can reach 1,032
MAX_MANIFEST = 2**20

Row = tuple[int, list[str] | None]
Got = TypeVar("Got")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, UnicodeDecodeError)
_BESIDE = {"manifest.json", "problems.csv", "clients.csv"}  # the last as the hub itself writes it


def plain(name: str) -> str:
    """A column's name without case, spaces and underscores: files spell them freely."""
    return re.sub(r"[\s_]", "", name).lower()


# By plain name: what says who somebody is, in whichever file it stands. A bundle has none of these.
_IDENTIFIERS = {
    plain(column.name): column.name
    for file in FILES.values()
    for column in file.columns
    if column.handling in (Handling.DROP, Handling.BAND)
}
_PLACES = {
    plain(column.name): column.name
    for file in FILES.values()
    for column in file.columns
    if column.handling is Handling.DROP_FOR_VSP
}


class Bundle:
    """An opened bundle. Raises Refused, on opening and from every method, with a sentence for the sender."""

    kind = "hmis_bundle"

    def __init__(self, file: Path | IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except _DAMAGED as error:
            raise Refused(
                _("This is not a zip file. Send the bundle as the agency tool wrote it.")
            ) from error
        try:
            self._members = self._checked_members()
            self.manifest = self._read_manifest()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> "Bundle":
        return self

    def __exit__(self, *_unused: object) -> None:
        self._zip.close()

    @property
    def files(self) -> list[str]:
        """The files in the order to take them in: what is pointed at before what points."""
        return [name for name in FILES if name in self._members]

    @property
    def is_full_refresh(self) -> bool:
        """Whether the sender says that this is everything they hold."""
        return (self.manifest.get("export") or {}).get("directive") == "full"

    def expected_rows(self, name: str) -> int:
        """The rows that the manifest promises."""
        return int(self.manifest["files"][f"{name}.csv"]["rows_out"])

    def header(self, name: str) -> list[str]:
        """The file's own header, as it is spelled."""
        with self._text(name) as text:
            return [cell.strip() for cell in next(self._csv(name, text), [])]

    def rows(self, name: str) -> Iterator[Row]:
        """The rows below the header, numbered as a spreadsheet shows them (the first is 2).

        None stands for a row whose number of cells is not the header's: its values can't be trusted to stand
        under their own columns.
        """
        with self._text(name) as text:
            reader = self._csv(name, text)
            width = len(next(reader, []))
            for number, cells in enumerate(reader, 2):
                if cells:
                    good = len(cells) == width and not any("\x00" in cell for cell in cells)
                    yield number, cells if good else None

    def said(self, name: str, number: int) -> Sequence[str]:
        """Nothing: what is wrong with a row is found in SQL."""
        return ()

    def as_sent(self, name: str, number: int, cells: list[str]) -> list[str]:
        """The row as the bundle has it."""
        return cells

    def sent_header(self, name: str) -> list[str]:
        """The header of `as_sent`."""
        return self.header(name)

    def check(self) -> dict[str, int]:
        """Read everything once: digests, promised rows, and that no identifier column holds a value.

        Returns the rows of each file.
        """
        is_vsp = bool((self.manifest.get("organization") or {}).get("victim_service_provider", True))
        forbidden = _IDENTIFIERS | (_PLACES if is_vsp else {})
        found = {}
        for name in self.files:
            digest = hashlib.sha256()
            with self._open(name) as stream:
                while block := self._guard(name, partial(stream.read, 2**20)):
                    digest.update(block)
            if digest.hexdigest() != self.manifest["files"][f"{name}.csv"].get("sha256"):
                raise Refused(_("%(file)s.csv is not the file that the manifest names.") % {"file": name})
            found[name] = self._check_rows(name, forbidden)
            if found[name] != self.expected_rows(name):
                raise Refused(_("%(file)s.csv has not the rows that the manifest names.") % {"file": name})
        return found

    def _check_rows(self, name: str, forbidden: dict[str, str]) -> int:
        watched = [
            (place, forbidden[plain(cell)])
            for place, cell in enumerate(self.header(name))
            if plain(cell) in forbidden
        ]
        count = 0
        for _number, cells in self.rows(name):
            count += 1
            for place, column in watched if cells else ():
                if cells and cells[place].strip():
                    raise Refused(
                        _(
                            "%(file)s.csv has values in the column %(column)s, which says who somebody is. "
                            "Nothing was taken in. Make the bundle with the agency tool."
                        )
                        % {"file": name, "column": column}
                    )
        return count

    def _checked_members(self) -> dict[str, zipfile.ZipInfo]:
        infos = self._zip.infolist()
        if sum(info.file_size for info in infos) > MAX_UNPACKED:
            raise Refused(_("The bundle unpacks to more than 8 GiB."))
        known = {f"{name}.csv": name for name in FILES}
        members: dict[str, zipfile.ZipInfo] = {}
        end_of_last = 0
        names = [info.filename for info in infos]
        if "manifest.json" not in names:
            if any(name.rsplit("/", 1)[-1].lower() == "client.csv" for name in names):
                raise Refused(
                    _("This is an HMIS export with its identifiers. Run the agency tool on it first, and "
                      "send the bundle that it makes. Nothing was read.")
                )  # fmt: skip
            raise Refused(_("This zip file is not a bundle of the agency tool."))
        for info in sorted(infos, key=lambda info: info.header_offset):
            if (
                info.flag_bits & 0x1
                or stat.S_ISLNK(info.external_attr >> 16)
                or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
                or info.header_offset < end_of_last
                or (info.file_size > 2**20 and info.file_size > MAX_RATIO * max(info.compress_size, 1))
            ):
                raise Refused(_("The zip file is not packed as the agency tool packs it."))
            end_of_last = info.header_offset + 30 + info.compress_size
            if info.filename not in known and info.filename not in _BESIDE:
                raise Refused(_("The zip file holds a file that no bundle has."))
            if names.count(info.filename) > 1:
                raise Refused(_("The zip file holds a file twice."))
            if info.filename in known:
                members[known[info.filename]] = info
        return members

    def _read_manifest(self) -> dict[str, Any]:
        info = self._zip.getinfo("manifest.json")
        if info.file_size > MAX_MANIFEST:
            raise Refused(_("The manifest of the bundle is too large."))
        try:
            manifest = json.loads(self._guard("manifest", lambda: self._zip.read(info)))
        except (ValueError, RecursionError):
            manifest = None
        if not isinstance(manifest, dict) or manifest.get("format") != BUNDLE_FORMAT:
            raise Refused(
                _("The bundle was made by a version of the agency tool that this hub does not know.")
            )
        files = manifest.get("files")
        if (
            manifest.get("hmis_version") not in VERSIONS
            or not isinstance(files, dict)
            or not all(
                isinstance(facts, dict) and isinstance(facts.get("rows_out"), int) for facts in files.values()
            )
        ):
            raise Refused(_("The manifest of the bundle can't be read."))
        if {f"{name}.csv" for name in self._members} != set(files):
            raise Refused(_("The bundle's files are not those that its manifest names."))
        return manifest

    def _text(self, name: str) -> io.TextIOWrapper:
        return io.TextIOWrapper(self._open(name), encoding="utf-8-sig", newline="")

    def _open(self, name: str) -> IO[bytes]:
        def opened() -> IO[bytes]:
            return self._zip.open(self._members[name])

        return self._guard(name, opened)

    def _csv(self, name: str, text: io.TextIOWrapper) -> Iterator[list[str]]:
        reader = csv.reader(text)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield ["", "", "\x00"]  # a row that fits no header
                continue
            except _DAMAGED as error:
                raise Refused(_("%(file)s.csv is damaged.") % {"file": name}) from error
            yield cells

    def _guard(self, name: str, read: Callable[[], Got]) -> Got:
        try:
            return read()
        except _DAMAGED as error:
            raise Refused(_("%(file)s.csv is damaged.") % {"file": name}) from error
