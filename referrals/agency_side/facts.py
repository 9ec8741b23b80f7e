"""What must be known about an organization before any row of it can be written: its projects, stays, clients'
birth dates and exits, and which ids belong to other organizations. One look through the files that say it.

Memory: about 400 bytes an enrollment of the organization and 100 an enrollment of the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from . import Refused
from .archive import Archive
from .cells import read_date
from .schema import CASEHUB_FILES

_HEX_LENGTHS = {32, 40, 64}
_HEX = re.compile(r"[0-9A-Fa-f]+")
_HEX_LENGTH_OF_STATUS = {"2": {40}, "3": _HEX_LENGTHS, "4": {64}}


@dataclass(slots=True)
class Organization:
    """A row of Organization.csv."""

    id: str
    name: str
    victim_service_provider: str
    clients: int = 0
    enrollments: int = 0


@dataclass(slots=True)
class Operation:
    """A project's kind and operating dates."""

    type: str
    start: date | None
    end: date | None


@dataclass(slots=True)
class Stay:
    """An enrollment of the organization, as far as rules between rows need it."""

    row: int
    person: str
    project: str
    entry: date | None
    household: str
    is_head: bool
    move_in: date | None
    homeless_since: date | None
    deleted: bool
    exit: date | None = None


@dataclass(slots=True)
class Export:
    """The row of Export.csv, and the format's year."""

    values: dict[str, str]
    rows: int
    version: str
    version_known: bool

    def day(self, column: str) -> date | None:
        return read_date(self.values.get(column, ""))[0]


@dataclass(slots=True)
class Facts:
    """All of the above for one organization. Ids are the export's own and must not leave the process."""

    organization: Organization
    alone: bool  # no other organization stands in the export
    projects: dict[str, Operation] = field(default_factory=dict)
    other_projects: set[str] = field(default_factory=set)
    stays: dict[str, Stay] = field(default_factory=dict)
    other_enrollments: set[int] = field(default_factory=set)
    people: set[str] = field(default_factory=set)
    births: dict[str, date | None] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    names_hashed: int = 0
    names_plain: int = 0
    name_lengths: set[int] = field(default_factory=set)

    def is_other_enrollment(self, enrollment: str) -> bool:
        return hash(enrollment) in self.other_enrollments

    def hash_status_fits(self, status: str) -> bool:
        """Whether HashStatus agrees with how the organization's first and last names look."""
        if not self.names_hashed and not self.names_plain:
            return True
        expected = _HEX_LENGTH_OF_STATUS.get(status)
        if expected is None:
            return not self.names_hashed
        return not self.names_plain and self.name_lengths <= expected


Getter = Callable[[str], str]


def each_row(archive: Archive, name: str, version: str) -> Iterator[tuple[int, Getter]]:
    """The readable rows of a file with a getter by column; nothing if the file is absent."""
    if name not in archive.names:
        return
    table = archive.table(name, version)
    positions = table.positions
    for row, cells in archive.rows(table):
        if cells is not None:
            yield row, partial(_cell, cells, positions)


def _cell(cells: list[str], positions: dict[str, int], column: str) -> str:
    return cells[positions[column]].strip() if column in positions else ""


def read_export(archive: Archive) -> Export:
    """The export's own row. The format's year is CSVVersion's, or else what Client.csv's columns say."""
    values: dict[str, str] = {}
    rows = 0
    if "Export" in archive.names:
        table = archive.table("Export", "2026")
        for _, cells in archive.rows(table):
            rows += 1
            if rows == 1 and cells is not None:
                values = {name: cells[place].strip() for name, place in table.positions.items()}
    stated = re.search(r"20(24|26)", values.get("CSVVersion", ""))
    if stated:
        return Export(values, rows, stated[0], True)
    is_2024 = "Client" in archive.names and "Woman" in archive.table("Client", "2024").positions
    return Export(values, rows, "2024" if is_2024 else "2026", False)


def organizations(archive: Archive, version: str) -> list[Organization]:
    """The organizations of the export with their numbers of clients and enrollments, by id."""
    found: dict[str, Organization] = {}
    for _, get in each_row(archive, "Organization", version):
        organization = get("OrganizationID")
        if organization and organization not in found:
            found[organization] = Organization(
                organization, get("OrganizationName"), get("VictimServiceProvider")
            )
    owner = {get("ProjectID"): get("OrganizationID") for _, get in each_row(archive, "Project", version)}
    clients: dict[str, set[int]] = {}
    for _, get in each_row(archive, "Enrollment", version):
        organization = owner.get(get("ProjectID"), "")
        if organization in found:
            found[organization].enrollments += 1
            clients.setdefault(organization, set()).add(hash(get("PersonalID")))
    for organization, people in clients.items():
        found[organization].clients = len(people)
    return [found[organization] for organization in sorted(found)]


def gather(archive: Archive, version: str, organization_id: str | None) -> Facts:
    """The facts of one organization; of the only one if no id is given.

    Raises Refused if there is no such organization, or more than one and none was named.
    """
    known = {organization.id: organization for organization in organizations(archive, version)}
    if organization_id is None and len(known) == 1:
        organization_id = next(iter(known))
    if organization_id is None or organization_id not in known:
        listing = "; ".join(f"{organization.id} ({organization.name})" for organization in known.values())
        raise Refused(
            ("Say with --org which organization the bundle is for: " if organization_id is None
             else "The export has no organization of that id. It has: ") + (listing or "none") + "."
        )  # fmt: skip
    facts = Facts(known[organization_id], alone=len(known) == 1)
    for _, get in each_row(archive, "Project", version):
        project = get("ProjectID")
        if get("OrganizationID") == organization_id:
            start, end = (read_date(get(f"Operating{edge}Date"))[0] for edge in ("Start", "End"))
            facts.projects.setdefault(project, Operation(get("ProjectType"), start, end))
        elif project and get("OrganizationID") in known:
            facts.other_projects.add(project)
            facts.alone = False
    _gather_stays(archive, version, facts)
    for _, get in each_row(archive, "User", version):
        facts.users.add(get("UserID"))
    if facts.alone:
        for name in CASEHUB_FILES:
            facts.people.update(get("PersonalID") for _, get in each_row(archive, name, version))
    facts.people.discard("")
    for _, get in each_row(archive, "Client", version):
        person = get("PersonalID")
        if person in facts.people:
            facts.births.setdefault(person, read_date(get("DOB"))[0])
            for name in (get("FirstName"), get("LastName")):
                if name:
                    hashed = len(name) in _HEX_LENGTHS and _HEX.fullmatch(name) is not None
                    facts.names_hashed += hashed
                    facts.names_plain += not hashed
                    facts.name_lengths.add(len(name))
    return facts


def _gather_stays(archive: Archive, version: str, facts: Facts) -> None:
    for row, get in each_row(archive, "Enrollment", version):
        enrollment = get("EnrollmentID")
        if get("ProjectID") not in facts.projects:
            if get("ProjectID") not in facts.other_projects:
                continue
            # Python's own hash: eight bytes instead of a string, and nothing that outlives the process.
            facts.other_enrollments.add(hash(enrollment))
            continue
        facts.people.add(get("PersonalID"))
        if enrollment and enrollment not in facts.stays:
            facts.stays[enrollment] = Stay(
                row=row,
                person=get("PersonalID"),
                project=get("ProjectID"),
                entry=read_date(get("EntryDate"))[0],
                household=get("HouseholdID"),
                is_head=get("RelationshipToHoH") == "1",
                move_in=read_date(get("MoveInDate"))[0],
                homeless_since=read_date(get("DateToStreetESSH"))[0],
                deleted=bool(get("DateDeleted")),
            )
    for _, get in each_row(archive, "Exit", version):
        stay = facts.stays.get(get("EnrollmentID"))
        if stay is not None and not get("DateDeleted"):
            stay.exit = stay.exit or read_date(get("ExitDate"))[0]
