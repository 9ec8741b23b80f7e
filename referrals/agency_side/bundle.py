"""Making one organization's bundle from an export: which rows belong to it, what of them is written, and the
manifest that says what was done. Nothing but cleaned values is ever written, not even to a temporary file."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import tempfile
import unicodedata
import zipfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import chain
from operator import itemgetter
from pathlib import Path

from . import Refused, __version__, check
from .archive import Archive, Table
from .cells import WITHHELD, Memo, age_band, age_on, cleaner, plain_text, read_date
from .facts import Export, Facts, Stay, gather, read_export
from .keys import IdHasher
from .problems import Problem, ProblemLog
from .schema import BUNDLE_FORMAT, FILES, HMIS_FILES, Handling, Level, bundle_header


@dataclass(slots=True)
class Counts:
    """What became of a file's rows: `rows_in` is the sum of `rows_out` and the three dropped counts.

    Only `for_manifest` leaves the agency. With `rows_in` or a dropped count, two organizations' manifests
    would tell how many clients they share: clients out of both, less those in.
    """

    rows_in: int = 0
    rows_out: int = 0
    rows_dropped_other_org: int = 0
    rows_dropped_unassigned: int = 0  # leads to no organization of the export
    rows_dropped_broken: int = 0
    withheld_free_text: int = 0
    sha256: str = ""

    def for_manifest(self) -> dict[str, int | str]:
        """What the bundle may say: of its own rows only."""
        return {
            "rows_out": self.rows_out,
            "withheld_free_text": self.withheld_free_text,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class Result:
    """What a run did. `path` is None if only a check was asked for."""

    organization: str
    path: Path | None
    problems_path: Path
    files: dict[str, Counts]
    problems: dict[str, int]
    key_fingerprint: str


class _Spool:
    """Rows on disk, given back in the order of their hashed ids.

    The input's order must not survive: in a vendor's export it is often the order of clients, and two
    organizations' bundles laid side by side in it would line up their shared clients.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._keys = array("Q")
        self._starts = array("Q", [0])
        self._input_rows = array("L")
        self._order: list[int] = []

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def size(self) -> int:
        return self._starts[-1]

    def add(self, key: str, input_row: int, line: str) -> None:
        data = line.encode()
        self._file.write(data)
        self._keys.append(int(key[:16] or "0", 16))
        self._starts.append(self._starts[-1] + len(data))
        self._input_rows.append(input_row)

    def lines(self) -> Iterator[bytes]:
        self._order = sorted(range(len(self._keys)), key=self._keys.__getitem__)
        for at in self._order:
            self._file.seek(self._starts[at])
            yield self._file.read(self._starts[at + 1] - self._starts[at])

    def output_rows(self) -> dict[int, int]:
        """Row of the input -> row of the bundle; to be asked after `lines`."""
        return {self._input_rows[at]: rank for rank, at in enumerate(self._order, 2)}

    def close(self) -> None:
        self._file.close()


class _Line:
    """The one method csv.writer needs, keeping the line instead of writing it."""

    text = ""

    def write(self, text: str) -> int:
        self.text = text
        return len(text)


_OURS, _OTHERS = "ours", "others"  # any other answer of an owner function is a problem's code
_Owner = Callable[[list[str]], str]


class _Run:
    def __init__(
        self, archive: Archive, facts: Facts, export: Export, key: bytes, report: tuple[date, date] | None
    ) -> None:
        self.archive = archive
        self.facts = facts
        self.export = export
        self.hasher = IdHasher(key, facts.organization.id)
        self.report = report
        self.log = ProblemLog()
        self.named_users: set[str] = set()
        self.ended: set[str] = set()  # enrollments whose exit was seen
        self.export_day = export.day("ExportDate") or export.day("ExportEndDate")
        self.export_end = export.day("ExportEndDate") or self.export_day
        self.is_vsp = facts.organization.victim_service_provider != "0"  # unless it surely is none
        self._id_memos: dict[tuple[str, bool], Memo] = {}

    def check_export(self) -> None:
        for name in HMIS_FILES:
            if name not in self.archive.names:
                self.log.add(name, 0, "", "file_missing")
        for _ in range(self.archive.unknown_files):
            self.log.add("Export", 0, "", "file_unknown")
        if self.export.rows != 1:
            self.log.add("Export", 0, "", "export_not_one_row")
        if not self.export.version_known:
            self.log.add("Export", 2, "CSVVersion", "version_unknown")
        if not self.facts.hash_status_fits(self.export.values.get("HashStatus", "")):
            self.log.add("Export", 2, "HashStatus", "hash_status_wrong")
        if self.facts.organization.victim_service_provider == "1" and self.facts.stays:
            self.log.add("Organization", 0, "VictimServiceProvider", "vsp_has_clients")
        for row, column, code in check.stays(self.facts, self.export_day):
            self.log.add("Enrollment", row, column, code)

    def header(self, name: str) -> tuple[str, ...]:
        return bundle_header(
            name,
            version=self.export.version,
            victim_service_provider=self.is_vsp,
            report=self.report is not None,
        )

    def spool(self, name: str) -> tuple[_Spool, Counts]:
        """Read a file, clean the organization's rows, note every defect."""
        table = self.archive.table(name, self.export.version)
        self._check_header(table)
        spool, counts, seen = _Spool(), Counts(), set[str]()
        plan = self._plan(table)
        owner = self._owner(table)
        place = table.positions
        key_place = place.get(table.file.key)
        line = _Line()
        writer = csv.writer(line, lineterminator="\n")
        rule = check.ROW_RULES.get(name)
        header = self.header(name)
        by_enrollment = table.file.level in (Level.ENROLLMENT, Level.CASEHUB)
        log = self.log

        def cell(cells: list[str], column: str) -> str:
            return cells[place[column]].strip() if column in place else ""

        for row, cells in self.archive.rows(table):
            counts.rows_in += 1
            if cells is None:
                counts.rows_dropped_broken += 1
                log.add(name, row, "", "row_broken")
                continue
            whose = owner(cells)
            if whose is _OTHERS:
                counts.rows_dropped_other_org += 1
                continue
            if whose is not _OURS:
                counts.rows_dropped_unassigned += 1
                log.add(name, row, "", whose)
                continue
            out: list[str] = []
            for column, memo, at in plan:
                if memo is None:
                    out.append("")
                    continue
                value, problem = memo[cells[at]]
                if problem is not None:
                    if problem is WITHHELD:
                        counts.withheld_free_text += 1
                    else:
                        log.add(name, row, column, problem)
                out.append(value)
            stay = self.facts.stays.get(cell(cells, "EnrollmentID")) if by_enrollment else None
            if name == "Enrollment":
                exit_day = stay.exit if stay else None
                out += self._ages(cell(cells, "PersonalID"), cell(cells, "EntryDate"), exit_day)
            if rule is not None:
                values = dict(zip(header, out, strict=True))
                for column, problem in rule(values, stay, self.export_day):
                    log.add(name, row, column, problem)
                out = list(values.values())
            key = cells[key_place].strip() if key_place is not None else ""
            if key and key in seen:
                log.add(name, row, table.file.key, "duplicate_id")
            seen.add(key)
            self._check_pointers(name, row, partial(cell, cells), stay)
            writer.writerow(out)
            spool.add(out[0], row, line.text)
        if table.not_utf8:
            log.add(name, 0, "", "text_not_utf8")
        counts.rows_out = len(spool)
        return spool, counts

    def _check_header(self, table: Table) -> None:
        name = table.file.name
        for column in table.missing:
            self.log.add(name, 0, column, "column_missing")
        for column in table.misspelled:
            self.log.add(name, 0, column, "column_misspelled")
        for _ in range(table.unknown):
            # Never its name: in a file without a header the first client's own values stand there.
            self.log.add(name, 0, "", "column_unknown")
        if table.shuffled:
            self.log.add(name, 0, "", "columns_shuffled")

    def _plan(self, table: Table) -> list[tuple[str, Memo | None, int]]:
        """For each column of the bundle's file: its name in the input, its cleaner and its place there. The
        cleaner is None if the input lacks the column."""
        gone = {Handling.DROP} | ({Handling.DROP_FOR_VSP} if self.is_vsp else set())
        plan: list[tuple[str, Memo | None, int]] = []
        for column in table.file.of_version(self.export.version):
            if column.handling in gone:
                continue
            at = table.positions.get(column.name)
            if at is None:
                plan.append((column.name, None, 0))
                continue
            shared = (column.id_kind, column.required)
            memo = self._id_memos.get(shared) if column.handling is Handling.ID else None
            if memo is None:
                memo = cleaner(
                    column,
                    hash_id=self.hasher.hash,
                    export_end=self.export_end,
                    export_stamp=f"{self.export_day} 00:00:00" if self.export_day else "",
                )
                if column.handling is Handling.ID:
                    self._id_memos[shared] = memo
            plan.append((column.name, memo, at))
        return plan

    def _owner(self, table: Table) -> _Owner:
        facts, place = self.facts, table.positions

        def cell(cells: list[str], column: str) -> str:
            return cells[place[column]].strip() if column in place else ""

        def by_project(cells: list[str]) -> str:
            project = cell(cells, "ProjectID")
            if project in facts.projects:
                return _OURS
            if project in facts.other_projects:
                return _OTHERS
            return "organization_missing" if table.file.name == "Project" else "project_missing"

        def by_enrollment(cells: list[str]) -> str:
            enrollment = cell(cells, "EnrollmentID")
            if enrollment in facts.stays:
                return _OURS
            return _OTHERS if facts.is_other_enrollment(enrollment) else "enrollment_missing"

        def ours_file(cells: list[str]) -> str:
            if cell(cells, "EnrollmentID"):
                return by_enrollment(cells)
            return _OURS if facts.alone else "owner_unclear"

        def one_of(column: str, ids: set[str]) -> _Owner:
            return lambda cells: _OURS if cell(cells, column) in ids else _OTHERS

        match table.file.level:
            case Level.EXPORT:
                return lambda cells: _OURS
            case Level.ORGANIZATION:
                return one_of("OrganizationID", {facts.organization.id})
            case Level.PROJECT:
                return by_project
            case Level.USER:
                return one_of("UserID", self.named_users)
            case Level.CLIENT:
                return one_of("PersonalID", facts.people)
            case Level.ENROLLMENT:
                return by_project if table.file.name == "Enrollment" else by_enrollment
            case Level.CASEHUB:
                return ours_file

    def _check_pointers(self, name: str, row: int, get: Callable[[str], str], stay: Stay | None) -> None:
        user = get("UserID")
        if user and name != "User":
            self.named_users.add(user)
            if user not in self.facts.users:
                self.log.add(name, row, "UserID", "user_missing")
        export = get("ExportID")
        if export and export != self.export.values.get("ExportID", export):
            self.log.add(name, row, "ExportID", "export_id_mismatch")
        if name == "Exit" and not get("DateDeleted"):
            if get("EnrollmentID") in self.ended:
                self.log.add(name, row, "EnrollmentID", "several_exits")
            self.ended.add(get("EnrollmentID"))
        if stay is not None:
            person = get("PersonalID")
            if person and person != stay.person:
                self.log.add(name, row, "PersonalID", "person_mismatch")

    def _ages(self, person: str, entry_cell: str, exit_day: date | None) -> list[str]:
        """AgeBandAtEntry, and for a report AgeAtEntry and AgeInPeriod: the age on the later of entry and the
        period's first day, of those enrolled on any day of the period."""
        birth = self.facts.births.get(person)
        entry = read_date(entry_cell)[0]
        at_entry = age_on(birth, entry) if birth and entry else None
        band = age_band(at_entry)
        if self.report is None:
            return [band]
        start, end = self.report
        in_period = None
        if birth and entry and entry <= end and (exit_day is None or exit_day >= start):
            in_period = age_on(birth, max(entry, start))
        # An age that has no band is no age, but the mark of a wrong birth date.
        return [band, *(str(age) if age_band(age) else "" for age in (at_entry, in_period))]

    def manifest(self, files: dict[str, Counts]) -> dict[str, object]:
        export, organization = self.export.values, self.facts.organization
        return {
            "format": BUNDLE_FORMAT,
            "tool_version": __version__,
            "hmis_version": self.export.version,
            "organization": {
                "id": self.hasher.hash("OrganizationID", organization.id),
                "name": plain_text(organization.name)[0],
                "victim_service_provider": self.is_vsp,
            },
            "export": {
                "start": _iso(self.export.day("ExportStartDate")),
                "end": _iso(self.export.day("ExportEndDate")),
                "date": _iso(self.export.day("ExportDate")),
                "software": plain_text(export.get("SoftwareName", ""))[0],
                "directive": {"1": "delta", "2": "full"}.get(export.get("ExportDirective", ""), "other"),
            },
            "key_fingerprint": self.hasher.fingerprint(),
            "report_period": (
                {"start": self.report[0].isoformat(), "end": self.report[1].isoformat()}
                if self.report
                else None
            ),
            "files": {f"{name}.csv": counts.for_manifest() for name, counts in files.items()},
            "problems": self.log.counts(),
        }


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def make_bundle(
    source: Path,
    out: Path | None,
    *,
    organization_id: str | None,
    key: Callable[[str], bytes],
    report: tuple[date, date] | None = None,
    problems_out: Path | None = None,
) -> Result:
    """Write one organization's bundle, and beside it a list of defects for the agency's own use.

    `out` is a file ending in .zip or a folder, made if missing; None only checks and writes the defects to
    `problems_out`. `key` gives the organization's key for its id. `report` is a period's first and last day.
    The same input, key and options give the same bytes. Raises Refused.
    """
    if report is not None and report[0] > report[1]:
        raise Refused("The report's first day is after its last.")
    with Archive(source) as archive:
        export = read_export(archive)
        facts = gather(archive, export.version, organization_id)
        run = _Run(archive, facts, export, key(facts.organization.id), report)
        run.check_export()
        target = _target(out, facts.organization.name)
        problems_path = problems_out or (target or source).with_suffix("").with_suffix(".problems.csv")
        if target is None:
            files: dict[str, Counts] = {}
            for name in _write_order(archive):
                spool, files[name] = run.spool(name)
                spool.close()
        else:
            files = _write_bundle(run, target)
        write_whole(problems_path, lambda file: file.writelines(_problem_lines(run.log, None)))
    return Result(
        organization=facts.organization.name,
        path=target,
        problems_path=problems_path,
        files={name: files[name] for name in FILES if name in files},
        problems=run.log.counts(),
        key_fingerprint=run.hasher.fingerprint(),
    )


def _write_order(archive: Archive) -> list[str]:
    """The schema's order, but User last: only then is it known who was named."""
    return sorted(archive.names, key=lambda name: name == "User")


def _target(out: Path | None, organization_name: str) -> Path | None:
    if out is None or (out.suffix.lower() == ".zip" and not out.is_dir()):
        return out
    plain = unicodedata.normalize("NFKD", organization_name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "organization"
    return out / f"{slug}.bundle.zip"


def _write_bundle(run: _Run, target: Path) -> dict[str, Counts]:
    files: dict[str, Counts] = {}
    output_rows: dict[str, dict[int, int]] = {}

    def write(file: io.BufferedWriter) -> None:
        with zipfile.ZipFile(file, "w") as bundle:
            for name in _write_order(run.archive):
                spool, counts = run.spool(name)
                digest = hashlib.sha256()
                with bundle.open(_member(f"{name}.csv"), "w", force_zip64=spool.size > 2**30) as member:
                    header = (",".join(run.header(name)) + "\n").encode()
                    for line in chain([header], spool.lines()):
                        member.write(line)
                        digest.update(line)
                counts.sha256 = digest.hexdigest()
                files[name] = counts
                output_rows[name] = spool.output_rows()
                spool.close()
            with bundle.open(_member("problems.csv"), "w") as member:
                member.writelines(_problem_lines(run.log, output_rows))
            manifest = json.dumps(run.manifest(files), indent=1, sort_keys=True, ensure_ascii=False)
            bundle.writestr(_member("manifest.json"), manifest + "\n")

    write_whole(target, write)
    return files


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3
    info.external_attr = 0o600 << 16
    return info


def _problem_lines(log: ProblemLog, output_rows: dict[str, dict[int, int]] | None) -> Iterator[bytes]:
    """The defects as CSV. In the agency's own list (None) rows are the input's; in the bundle's they are the
    bundle's, and blank for a row that is not in it: a row's place in an export that several organizations
    share would tell which of their clients are one person."""
    line = _Line()
    writer = csv.writer(line, lineterminator="\n")
    writer.writerow(("file", "row", "column", "problem", "sentence"))
    yield line.text.encode()
    for name in log.files():
        found: Iterable[tuple[int, Problem]] = ((problem.row, problem) for problem in log.of_file(name))
        if output_rows is not None:
            rows = output_rows.get(name, {})
            found = sorted(((rows.get(row, 0), problem) for row, problem in found), key=itemgetter(0))
        for row, problem in found:
            writer.writerow((f"{name}.csv", row or "", problem.column, problem.code, problem.sentence))
            yield line.text.encode()


def write_whole(target: Path, write: Callable[[io.BufferedWriter], object]) -> None:
    """Write a file as a whole or not at all, readable by its owner only."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".agency-tool-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
