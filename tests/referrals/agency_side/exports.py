"""Invented HMIS exports to feed the tool: a small clean one of two organizations, and ways to spoil it."""

import csv
import io
import json
import zipfile
from pathlib import Path

from referrals.agency_side.bundle import Result, make_bundle
from referrals.agency_side.schema import FILES, HMIS_FILES, Type

Export = dict[str, list[dict[str, str]]]
KEY = bytes(range(32))

# Plainly invented, and found nowhere in a bundle unless something leaks.
CANARIES = (
    "Zyxanariella", "Quibblefrond", "Wexmumblethorpe", "Jnr-Zog", "987-65-4320", "987654320", "1987-03-19",
    "Staffanovska", "Kettlewhistle", "555-014-7788", "x4471", "zog@quibble.example", "Contactia",
    "Phonebearer",
    "(555) 014-9911", "contact@quibble.example", "17 Zinnober Way", "Backhouse Zinn", "99887-6655",
    "told me that Zyxa", "lives with aunt Qwibba", "behind the Zorbmart", "her pastor Wumbo",
)  # fmt: skip


def rows(name: str, *changes: dict[str, str]) -> list[dict[str, str]]:
    """Rows of a file in which every required column is filled with something valid."""
    return [{**_valid(name), **change} for change in changes]


def _valid(name: str) -> dict[str, str]:
    row = {column.name: "" for column in FILES[name].of_version("2026")}
    for column in FILES[name].of_version("2026"):
        if column.name == "DateDeleted" or not column.required:
            continue
        row[column.name] = {
            Type.ID: "1",
            Type.DATE: "2025-02-01",
            Type.DATETIME: "2025-02-01 10:00:00",
            Type.INTEGER: "2",
            Type.CODE: min(column.codes, default="", key=int) if column.codes else "",
            Type.SHAPED: "XX-501",
        }.get(column.type, "text")
    for stamp, value in (("UserID", "U1"), ("ExportID", "E1")):
        if stamp in row:
            row[stamp] = value
    return row


def clean() -> Export:
    """Two organizations, O1 and O2; client P1 is served by both, P2 by O1 only, P3 by O2 only."""
    stay = {"RelationshipToHoH": "1", "LivingSituation": "116"}
    export: Export = {name: [] for name in HMIS_FILES}
    export["Export"] = rows("Export", {
        "ExportID": "E1", "ExportDate": "2025-10-02 08:00:00", "ExportStartDate": "2024-10-01",
        "ExportEndDate": "2025-09-30", "CSVVersion": "2026 v1", "HashStatus": "1", "ExportDirective": "2",
        "SoftwareName": "InventedSoft", "SourceContactFirst": "Contactia", "SourceContactLast": "Phonebearer",
        "SourceContactPhone": "(555) 014-9911", "SourceContactExtension": "x4471",
        "SourceContactEmail": "contact@quibble.example",
    })  # fmt: skip
    export["Organization"] = rows(
        "Organization",
        {"OrganizationID": "O1", "OrganizationName": "Invented House", "VictimServiceProvider": "0"},
        {"OrganizationID": "O2", "OrganizationName": "Imagined Hall", "VictimServiceProvider": "0"},
    )
    export["User"] = rows("User", {
        "UserID": "U1", "UserFirstName": "Staffanovska", "UserLastName": "Kettlewhistle",
        "UserPhone": "555-014-7788", "UserExtension": "x4471", "UserEmail": "zog@quibble.example",
    })  # fmt: skip
    export["Project"] = rows(
        "Project",
        *(
            {"ProjectID": project, "OrganizationID": organization, "ProjectType": "0",
             "ProjectName": f"House {project}", "OperatingStartDate": "2020-01-01"}
            for project, organization in (("J1", "O1"), ("J2", "O1"), ("J9", "O2"))
        ),
    )  # fmt: skip
    export["ProjectCoC"] = rows(
        "ProjectCoC",
        *(
            {"ProjectCoCID": f"C{project}", "ProjectID": project, "CoCCode": "XX-501", "Geocode": "123456",
             "Address1": "17 Zinnober Way", "Address2": "Backhouse Zinn", "City": "Inventon", "State": "XX",
             "ZIP": "99887-6655"}
            for project in ("J1", "J9")
        ),
    )  # fmt: skip
    person = {"NameDataQuality": "1", "SSNDataQuality": "1", "DOBDataQuality": "1", "White": "1", "Sex": "0"}
    export["Client"] = rows(
        "Client",
        {**person, "PersonalID": "P1", "FirstName": "Zyxanariella", "MiddleName": "Quibblefrond",
         "LastName": "Wexmumblethorpe", "NameSuffix": "Jnr-Zog", "SSN": "987-65-4320", "DOB": "1987-03-19",
         "AdditionalRaceEthnicity": "told me that Zyxa", "DateUpdated": "2025-03-04 05:06:07"},
        {**person, "PersonalID": "P2", "FirstName": "Zyxanariella", "SSN": "987654320", "DOB": "2010-06-30"},
        {**person, "PersonalID": "P3", "DOB": "1950-01-02"},
    )  # fmt: skip
    export["Enrollment"] = rows(
        "Enrollment",
        {**stay, "EnrollmentID": "N1", "PersonalID": "P1", "ProjectID": "J1", "HouseholdID": "H1",
         "EntryDate": "2025-03-01"},
        {**stay, "EnrollmentID": "N2", "PersonalID": "P2", "ProjectID": "J2", "HouseholdID": "H2",
         "EntryDate": "2025-04-01"},
        {**stay, "EnrollmentID": "N8", "PersonalID": "P1", "ProjectID": "J9", "HouseholdID": "H8",
         "EntryDate": "2025-05-01"},
        {**stay, "EnrollmentID": "N9", "PersonalID": "P3", "ProjectID": "J9", "HouseholdID": "H9",
         "EntryDate": "2025-06-01"},
    )  # fmt: skip
    first = {"EnrollmentID": "N1", "PersonalID": "P1"}
    other = {"EnrollmentID": "N8", "PersonalID": "P1"}
    export["Exit"] = rows(
        "Exit",
        {**first, "ExitID": "X1", "ExitDate": "2025-08-01", "Destination": "17",
         "OtherDestination": "lives with aunt Qwibba", "ExchangeForSex": "1"},
        {**other, "ExitID": "X8", "ExitDate": "2025-08-02", "Destination": "17"},
    )  # fmt: skip
    export["Services"] = rows(
        "Services",
        {**first, "ServicesID": "S1", "DateProvided": "2025-03-05", "RecordType": "142", "TypeProvided": "7",
         "OtherTypeProvided": "her pastor Wumbo"},
        {**other, "ServicesID": "S8", "DateProvided": "2025-05-05", "RecordType": "142", "TypeProvided": "7"},
    )  # fmt: skip
    export["Event"] = rows("Event", {**first, "EventID": "V1", "EventDate": "2025-03-06", "Event": "10",
                                     "LocationCrisisOrPHHousing": "behind the Zorbmart"})  # fmt: skip
    export["AssessmentQuestions"] = rows("AssessmentQuestions", {
        **first, "AssessmentQuestionID": "Q1", "AssessmentQuestion": "her pastor Wumbo",
        "AssessmentAnswer": "told me that Zyxa",
    })  # fmt: skip
    export["CurrentLivingSituation"] = rows("CurrentLivingSituation", {
        **first, "CurrentLivingSitID": "L1", "InformationDate": "2025-03-07", "CurrentLivingSituation": "116",
        "VerifiedBy": "her pastor Wumbo", "LocationDetails": "behind the Zorbmart",
    })  # fmt: skip
    return export


def to_csv(table: list[dict[str, str]], header: list[str]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, header, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue().encode()


def write(path: Path, export: Export, raw: dict[str, bytes] | None = None) -> Path:
    """Zip an export; `raw` replaces whole members (by file name)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, table in export.items():
            header = list(table[0]) if table else [c.name for c in FILES[name].of_version("2026")]
            members = {f"{name}.csv": to_csv(table, header)}
            for member, data in members.items():
                if member not in (raw or {}):
                    archive.writestr(member, data)
        for member, data in (raw or {}).items():
            archive.writestr(member, data)
    return path


class Bundle:
    """A finished bundle, read back."""

    def __init__(self, result: Result) -> None:
        assert result.path is not None
        self.result = result
        self.path = result.path
        with zipfile.ZipFile(result.path) as archive:
            assert archive.testzip() is None
            self.members = {name: archive.read(name) for name in archive.namelist()}
        self.manifest = json.loads(self.members["manifest.json"])
        self.everything = b"\n".join(self.members.values()).decode()

    def table(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.members[name].decode())))

    def header(self, name: str) -> tuple[str, ...]:
        return tuple(self.members[name].decode().splitlines()[0].split(","))

    @property
    def codes(self) -> set[str]:
        return {row["problem"] for row in self.table("problems.csv")}


def make(folder: Path, export: Export, organization: str | None = "O1", **options: object) -> Bundle:
    """Run the tool on an export and read its bundle back. Options: raw, key, report."""
    raw = options.pop("raw", None)
    key = options.pop("key", KEY)
    source = write(folder / "in.zip", export, raw)  # type: ignore[arg-type]
    return Bundle(
        make_bundle(source, folder / "out", organization_id=organization, key=lambda _: key, **options)  # type: ignore[arg-type,return-value]
    )
