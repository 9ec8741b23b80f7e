"""Small bundles made in a test: `bundle_file(path, Client=[{...}])` writes what the agency tool would."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from referrals.agency_side.schema import BUNDLE_FORMAT, FILES, bundle_header

Rows = list[Mapping[str, Any]]
STAMPS = {"DateCreated": "2026-01-05 10:00:00", "DateUpdated": "2026-01-05 10:00:00"}


def key(name: str) -> str:
    """A replaced id, as the tool's keyed hash looks."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def person(name: str, **cells: Any) -> dict[str, Any]:
    return {
        "PersonalID": key(name),
        "NameDataQuality": 1,
        "SSNDataQuality": 99,
        "AgeBand": "25_59",
        "DOBDataQuality": 1,
        "Sex": 0,
        "AmIndAKNative": 0,
        "Asian": 0,
        "BlackAfAmerican": 1,
        "HispanicLatinao": 0,
        "MidEastNAfrican": 0,
        "NativeHIPacific": 0,
        "White": 1,
        "VeteranStatus": 0,
        "UserID": key("user"),
        "ExportID": key("export"),
        **STAMPS,
        **cells,
    }


def stay(name: str, who: str, entry: str = "2026-01-10", **cells: Any) -> dict[str, Any]:
    return {
        "EnrollmentID": key(name),
        "PersonalID": key(who),
        "ProjectID": key("shelter"),
        "EntryDate": entry,
        "HouseholdID": key("house" + name),
        "RelationshipToHoH": 1,
        "DisablingCondition": 0,
        "AgeBandAtEntry": "25_59",
        "UserID": key("user"),
        "ExportID": key("export"),
        **STAMPS,
        **cells,
    }


def row(id_column: str, name: str, stay_name: str, who: str, **cells: Any) -> dict[str, Any]:
    """A row of a file by enrollment."""
    return {
        id_column: key(name),
        "EnrollmentID": key(stay_name),
        "PersonalID": key(who),
        "UserID": key("user"),
        "ExportID": key("export"),
        **STAMPS,
        **cells,
    }


SHELTER = {
    "ProjectID": key("shelter"),
    "OrganizationID": key("organization"),
    "ProjectName": "Safe house",
    "OperatingStartDate": "2020-01-01",
    "ContinuumProject": 0,
    "ProjectType": 1,
    "UserID": key("user"),
    "ExportID": key("export"),
    **STAMPS,
}


def bundle_file(
    path: Path,
    *,
    version: str = "2026",
    directive: str = "full",
    vsp: bool = True,
    fingerprint: str = "0123456789abcdef",
    extra_columns: Mapping[str, list[str]] | None = None,
    manifest_changes: Mapping[str, Any] | None = None,
    sabotage: Mapping[str, bytes] | None = None,
    **files: Rows,
) -> Path:
    """Write a bundle with these files. `extra_columns` adds columns to a file's header; `sabotage` replaces a
    member's bytes after its digest was taken."""
    manifest: dict[str, Any] = {
        "format": BUNDLE_FORMAT,
        "tool_version": "1.0.0",
        "hmis_version": version,
        "organization": {"id": key("organization"), "name": "Invented", "victim_service_provider": vsp},
        "export": {"start": "2025-10-01", "end": "2026-09-30", "date": "2026-02-01", "software": "Invented",
                   "directive": directive},
        "key_fingerprint": fingerprint,
        "report_period": None,
        "files": {},
        "problems": {},
    }  # fmt: skip
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name in FILES:
            if name not in files:
                continue
            header = list(bundle_header(name, version=version, victim_service_provider=vsp, report=False))
            header += (extra_columns or {}).get(name, [])
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(header)
            for cells in files[name]:
                unknown = set(cells) - set(header)
                assert not unknown, unknown
                writer.writerow([cells.get(column, "") for column in header])
            content = text.getvalue().encode()
            manifest["files"][f"{name}.csv"] = {
                "rows_out": len(files[name]),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            made.writestr(f"{name}.csv", (sabotage or {}).get(name, content))
        made.writestr("manifest.json", json.dumps({**manifest, **(manifest_changes or {})}))
    return path


def small_network(path: Path, **changes: Any) -> Path:
    """Three clients: one with a whole pipeline in HMIS files, one only in our own files, one plain."""
    files: dict[str, Any] = {
        "Project": [SHELTER],
        "Client": [person("ana"), person("ben", Sex=1, AgeBand="13_17"), person("caro", AgeBand="")],
        "Enrollment": [
            stay("s-ana", "ana", ReferralSource=28),
            stay("s-ben", "ben", "2026-01-12", AgeBandAtEntry="13_17"),
        ],
        "Exit": [
            row("ExitID", "x-ben", "s-ben", "ben", ExitDate="2026-01-20", Destination=422,
                ProjectCompletionStatus=1, ExchangeForSex=1, AftercareProvided=1, AftercareDate="2026-01-25"),
        ],
        "Services": [
            row("ServicesID", "v1", "s-ana", "ana", DateProvided="2026-01-11", RecordType=200, TypeProvided=200),
            row("ServicesID", "v2", "s-ana", "ana", DateProvided="2026-01-12", RecordType=152, TypeProvided=1,
                FAAmount="125.50"),
            row("ServicesID", "v3", "s-ana", "ana", DateProvided="2026-01-13", RecordType=142, TypeProvided=5),
            row("ServicesID", "v4", "s-ana", "ana", DateProvided="2026-01-13", RecordType=161, TypeProvided=2,
                ReferralOutcome=1),
        ],
        "Event": [
            row("EventID", "e1", "s-ana", "ana", EventDate="2026-01-14", Event=10, ReferralResult=1,
                ResultDate="2026-01-15"),
            row("EventID", "e2", "s-ana", "ana", EventDate="2026-01-14", Event=2, ProbSolDivRRResult=1),
        ],
        "Assessment": [
            row("AssessmentID", "a1", "s-ana", "ana", AssessmentDate="2026-01-10", AssessmentType=3,
                AssessmentLevel=1, PrioritizationStatus=1),
        ],
        "HealthAndDV": [
            row("HealthAndDVID", "h1", "s-ben", "ben", InformationDate="2026-01-30", DataCollectionStage=6),
        ],
        "Touchpoint": [
            {"TouchpointID": key("t1"), "PersonalID": key("caro"), "OccurredOn": "2026-01-03",
             "Sector": "hotline", "Kind": "contact", "Given": "listened;ride", "TraffickingStatus": "possible",
             "StatusDecidedBy": "ngo", "TraffickingType": "labor", "AgeBand": "18-24"},
            {"TouchpointID": key("t2"), "OccurredOn": "2026-01-04", "Sector": "hotline", "Kind": "contact"},
        ],
        "Screening": [
            {"ScreeningID": key("c1"), "PersonalID": key("caro"), "ScreenedOn": "2026-01-05", "Tool": "raft",
             "Result": "some_indicators", "Language": "spa", "SexAsked": "yes", "LaborAsked": "no"},
        ],
        "Referral": [
            {"ReferralID": key("r1"), "PersonalID": key("caro"), "SentOn": "2026-01-06",
             "Needed": "med_lt;dental", "Outcome": "declined", "OutcomeOn": "2026-01-07",
             "DeclineReason": "no_capacity"},
        ],
    }  # fmt: skip
    options = {name: value for name, value in changes.items() if name not in FILES}
    return bundle_file(path, **{**files, **{n: v for n, v in changes.items() if n in FILES}}, **options)
