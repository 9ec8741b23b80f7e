"""The agency's records as HMIS CSV, going out: no name, no birth date, ids that say nothing.

Rows that came by file go out as they came; what was entered here is written beside them in the same files.
The result is a bundle as the agency tool makes them: it can be looked into, taken in again without change,
and joined with opened cards at the agency (`agency_side/join.py`). Coming in is for `intake` and `nouns`.
"""

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import IO, Any
from uuid import UUID

from django.utils import timezone

from agencies.models import Agency, Project
from agencies.scope import Scoped, current_actor
from referrals import picklists, queries
from referrals.agency_side.schema import BUNDLE_FORMAT, CASEHUB_FILES, FILES, VERSIONS, bundle_header
from referrals.exchange.nouns import SERVICES
from referrals.models import (
    Client,
    Enrollment,
    Import,
    ImportedRow,
    Referral,
    Screening,
    Service,
    Touchpoint,
)

CLIENTS = "clients.csv"
"""Beside the bundle's files: which client of the hub a PersonalID is, since cards are bound to that."""

Cells = Mapping[str, Any]
_MISSING = "99"
_RACES = {
    "american_indian_alaska_native": "AmIndAKNative",
    "asian": "Asian",
    "black": "BlackAfAmerican",
    "hispanic_latino": "HispanicLatinao",
    "middle_eastern_north_african": "MidEastNAfrican",
    "native_hawaiian_pacific_islander": "NativeHIPacific",
    "white": "White",
}
_GENDERS_OF_2024 = {"female": "Woman", "male": "Man", "transgender": "Transgender", "other": "NonBinary"}
# The first record type of HMIS that has the service; RHY's is the widest.
_MEANT = {
    meant: (record, code)
    for record in (300, 200, 152, 151, 144, 143, 141, 142)
    for code, meant in sorted(SERVICES[record].items(), reverse=True)
    if meant != "other"
}
_EXITS = {"completed": 1, "left_early": 2, "discharged": 3}
# A row of a spreadsheet has a key like this (see `staging.CASELOAD`): no file of HMIS holds it.
_OF_A_SHEET = re.compile(r"[0-9a-f]{40}:.*")
_JSON_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_NOUNS: Mapping[str, type[Scoped] | type[Project]] = {
    "Project": Project,
    "Client": Client,
    "Enrollment": Enrollment,
    "Exit": Enrollment,
    "Services": Service,
    "Touchpoint": Touchpoint,
    "Screening": Screening,
    "Referral": Referral,
}


def own_id(file: str) -> str:
    """The id under which this hub writes the one row of Export, Organization or User that is its own."""
    return hashlib.sha256(f"casehub {current_actor().agency_id} {file}".encode()).hexdigest()[:32]


def stand_here(file: str, keys: Iterable[str]) -> set[str]:
    """Those of the keys under which this hub itself wrote rows out that stand here: to be passed over when
    they come back, since a file says less of them than we hold."""
    wanted = {key for key in keys if re.fullmatch(r"[0-9a-f]{32}", key)}
    model = _NOUNS.get(file)
    if model is None:
        return wanted & {own_id(file)}
    mine = model._default_manager.filter(
        agency_id=current_actor().agency_id, pk__in=[UUID(one) for one in wanted]
    )
    return {one.hex for one in mine.values_list("pk", flat=True)}


def write(file: IO[bytes]) -> dict[str, int]:
    """Write the acting agency's records as a zip; rows by file. Inside an open door; the reader's rights of
    seeing are its limits: closed records that they can't open are not in it."""
    return _Export().write(file)


class _Export:
    def __init__(self) -> None:
        self.agency = Agency.objects.get(pk=current_actor().agency_id)
        taken = Import.objects.filter(kind="hmis_bundle", is_dry_run=False).exclude(finished_at=None)
        self.said: dict[str, Any] = next((one.manifest for one in taken[:1]), {})
        self.version: str = self.said.get("hmis_version") or VERSIONS[-1]
        self.today = timezone.localdate()
        organization = next(self._kept("Organization"), {})
        self.organization = str(organization.get("OrganizationID", own_id("Organization")))
        # Unless the agency surely is none, as in the agency tool.
        self.is_vsp = str(organization.get("VictimServiceProvider", "1")) != "0"
        self.projects = self._names("Project", Project.objects.filter(agency=self.agency))
        self.enrollments = self._names("Enrollment", Enrollment.objects.all())
        self.clients = self._names("Client", Client.objects.all())

    def _names(self, file: str, rows: Any) -> dict[UUID, str]:
        """By row: the id that its file gave it, or our own where no such file was kept."""
        kept = set(self._keys(file))
        pairs = rows.order_by("pk").values_list("pk", "source_key")
        return {pk: key if key in kept else pk.hex for pk, key in pairs}

    def _keys(self, file: str) -> Iterator[str]:
        rows = ImportedRow.objects.filter(file=file, deleted_at=None)
        return iter(rows.values_list("source_key", flat=True).order_by())

    def _kept(self, file: str) -> Iterator[dict[str, Any]]:
        rows = ImportedRow.objects.filter(file=file, deleted_at=None).order_by("source_key")
        return (dict(row) for row in rows.values_list("row", flat=True).iterator())

    # --- the zip ------------------------------------------------------------------------------------------

    def write(self, file: IO[bytes]) -> dict[str, int]:
        counts: dict[str, int] = {}
        listed: dict[str, Any] = {}
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
            for name in FILES:
                count, digest = self._file(made, name)
                if count == 0 and name in CASEHUB_FILES:
                    continue
                counts[name] = count
                listed[f"{name}.csv"] = {"rows_out": count, "withheld_free_text": 0, "sha256": digest}
            made.writestr("manifest.json", json.dumps(self._manifest(listed), indent=1))
            pairs = sorted((key, pk.hex) for pk, key in self.clients.items())
            made.writestr(CLIENTS, _csv([("PersonalID", "Client"), *pairs]))
        return counts

    def _file(self, made: zipfile.ZipFile, name: str) -> tuple[int, str]:
        header = bundle_header(name, version=self.version, victim_service_provider=self.is_vsp, report=True)
        rows = self._rows(name)
        first = next(rows, None)
        if first is None and name in CASEHUB_FILES:
            return 0, ""
        digest, count = hashlib.sha256(), 0
        with made.open(f"{name}.csv", "w", force_zip64=True) as out:
            for line in _lines(header, first, rows):
                digest.update(line)
                out.write(line)
                count += 1
        return count - 1, digest.hexdigest()

    def _rows(self, name: str) -> Iterator[Cells]:
        export_id = own_id("Export")
        for cells in self._all(name):
            yield {**cells, "ExportID": cells.get("ExportID", export_id)}

    def _all(self, name: str) -> Iterator[Cells]:
        if name == "Export":
            yield self._export()
            return
        if name == "Client":
            yield from self._clients()
            return
        yield from self._kept(name)
        if name == "Organization" and self.organization == own_id("Organization"):
            yield self._organization()
        elif name == "User":
            yield {"UserID": own_id("User"), **self._stamps(self.today, self.today)}
        elif name == "Project":
            yield from map(
                self._project, self._ours(Project.objects.filter(agency=self.agency), self.projects)
            )
        elif name == "Enrollment":
            yield from map(self._enrollment, self._ours(Enrollment.objects.all(), self.enrollments))
        elif name == "Exit":
            yield from self._exits()
        elif name == "Services":
            yield from self._services()
        elif name == "Touchpoint":
            yield from map(self._touchpoint, self._entered_here(Touchpoint))
        elif name == "Screening":
            yield from map(self._screening, self._entered_here(Screening))
        elif name == "Referral":
            yield from self._referrals()

    def _manifest(self, files: dict[str, Any]) -> dict[str, Any]:
        return {
            "format": BUNDLE_FORMAT,
            "tool_version": "hub",
            "hmis_version": self.version,
            "organization": {
                "id": self.organization,
                "name": self.agency.name,
                "victim_service_provider": self.is_vsp,
            },
            "export": {
                "start": self._first_day().isoformat(),
                "end": self.today.isoformat(),
                "date": self.today.isoformat(),
                "software": "casehub",
                "directive": "full",
            },
            # The ids are those that the agency's own key made.
            "key_fingerprint": self.said.get("key_fingerprint", ""),
            "report_period": self.said.get("report_period") or None,
            "files": files,
            "problems": {},
        }

    # --- rows of our own ----------------------------------------------------------------------------------

    @staticmethod
    def _ours(rows: Any, names: Mapping[UUID, str]) -> Iterator[Any]:
        """Those that no kept row of a file speaks for."""
        return (one for one in rows.order_by("pk").iterator() if names[one.pk] == one.pk.hex)

    @staticmethod
    def _entered_here(model: type[Touchpoint] | type[Screening]) -> Iterator[Any]:
        """Entered by hand, or by a spreadsheet; the rest was made of rows that are kept."""
        rows = model.objects.order_by("pk").iterator()
        return (one for one in rows if not one.source_key or _OF_A_SHEET.fullmatch(one.source_key))

    def _stamps(self, made: date, changed: date) -> dict[str, str]:
        return {"DateCreated": _moment(made), "DateUpdated": _moment(changed), "UserID": own_id("User")}

    def _of(self, row: Any) -> dict[str, str]:
        return self._stamps(row.recorded_at, row.changed_at)

    def _first_day(self) -> date:
        first = Enrollment.objects.order_by("entry_on").values_list("entry_on", flat=True).first()
        return min(first or self.today, self.today)

    def _export(self) -> Cells:
        return {
            "ExportID": own_id("Export"),
            "SourceType": 2,
            "SourceName": self.agency.name,
            "ExportDate": _moment(self.today),
            "ExportStartDate": self._first_day(),
            "ExportEndDate": self.today,
            "SoftwareName": "casehub",
            "CSVVersion": f"{self.version} v1.0",
            "ExportPeriodType": 3,
            "ExportDirective": 2,
            "HashStatus": 1,
            "ImplementationID": "casehub",
        }

    def _organization(self) -> Cells:
        return {
            "OrganizationID": own_id("Organization"),
            "OrganizationName": self.agency.name,
            "VictimServiceProvider": int(self.is_vsp),
            **self._stamps(self.today, self.today),
        }

    def _project(self, one: Project) -> Cells:
        since = one.started_on or self.agency.joined_on or self.today
        return {
            "ProjectID": one.pk.hex,
            "OrganizationID": self.organization,
            "ProjectName": one.name,
            "OperatingStartDate": since,
            "OperatingEndDate": one.ended_on,
            "ContinuumProject": 0,
            "ProjectType": one.hmis_type,
            **self._stamps(since, since),
        }

    def _clients(self) -> Iterator[Cells]:
        """What was learned here since stands in the place of what the file said; a missing answer never."""
        kept = {str(row["PersonalID"]): row for row in self._kept("Client")}
        for one in Client.objects.order_by("pk").iterator():
            before = kept.pop(self.clients[one.pk], None)
            if before is not None:
                yield before | self._learned(one, before)
                continue
            yield {
                "PersonalID": one.pk.hex,
                "NameDataQuality": _MISSING,
                "SSNDataQuality": _MISSING,
                "DOBDataQuality": {"unknown": 8, "declined": 9}.get(one.age_band, _MISSING),
                **dict.fromkeys((self._race(column) for column in _RACES.values()), _MISSING),
                "RaceNone": self._why_none(one.races[0] if one.races else ""),
                "VeteranStatus": _MISSING,
                **self._gender(one),
                **self._learned(one, {}),
                # As of every client of a bundle: when a record was made would tell it in two files.
                **self._stamps(self.today, self.today),
            }

    def _race(self, column: str) -> str:
        return "HispanicLatinaeo" if self.version == "2024" and column == "HispanicLatinao" else column

    @staticmethod
    def _why_none(answer: str) -> str:
        return {"unknown": "8", "declined": "9", "not_asked": _MISSING, "": _MISSING}.get(answer, "")

    def _gender(self, one: Client) -> Cells:
        if self.version == "2024":
            said = _GENDERS_OF_2024.get(one.gender)
            ticks = {column: int(column == said) for column in _GENDERS_OF_2024.values()}
            return ticks if said else {"GenderNone": self._why_none(one.gender)}
        return {"Sex": {"female": 0, "male": 1, "unknown": 8, "declined": 9}.get(one.gender, _MISSING)}

    def _learned(self, one: Client, before: Cells) -> dict[str, Any]:
        learned: dict[str, Any] = {}
        if not picklists.AgeBand(one.age_band).is_missing:
            learned["AgeBand"] = one.age_band
        if self.version == "2026" and one.gender in ("female", "male"):
            learned["Sex"] = int(one.gender == "male")
        columns = {race: self._race(column) for race, column in _RACES.items()}
        ticked = {race for race, column in columns.items() if str(before.get(column)) == "1"}
        told = {race for race in one.races if race in columns}
        if told and told != ticked:
            learned |= {column: int(race in told) for race, column in columns.items()} | {"RaceNone": ""}
        return learned

    def _enrollment(self, one: Enrollment) -> Cells:
        return {
            **self._whose(one.client_id, one.pk),
            "ProjectID": self.projects[one.project_id],
            "EntryDate": one.entry_on,
            "HouseholdID": one.pk.hex,
            "RelationshipToHoH": _MISSING,
            "DisablingCondition": _MISSING,
            "ReferralSource": _code(picklists.ReferralSource(one.referral_source)),
            "AgeBandAtEntry": one.age_band_at_entry,
            "AgeAtEntry": one.age_at_entry,
            **self._of(one),
        }

    def _exits(self) -> Iterator[Cells]:
        ended = {str(row["EnrollmentID"]) for row in self._kept("Exit")}
        for one in Enrollment.objects.exclude(exit_on=None).order_by("pk").iterator():
            if self.enrollments[one.pk] in ended:
                continue
            yield {
                "ExitID": one.pk.hex,
                **self._whose(one.client_id, one.pk),
                "ExitDate": one.exit_on,
                "Destination": 24
                if one.exit_reason == "deceased"
                else _code(picklists.Destination(one.destination or "not_asked")) or _MISSING,
                "ProjectCompletionStatus": _EXITS.get(one.exit_reason),
                **self._of(one),
            }

    def _services(self) -> Iterator[Cells]:
        kept = set(self._keys("Services"))
        # HMIS has no service outside of an enrollment.
        for one in Service.objects.exclude(enrollment=None).order_by("pk").iterator():
            if one.source_key in kept:
                continue
            record, code = _MEANT.get(one.type, (142, 26))
            yield {
                "ServicesID": one.pk.hex,
                **self._whose(one.client_id, one.enrollment_id),
                "DateProvided": one.provided_on,
                "RecordType": record,
                "TypeProvided": code,
                "FAAmount": one.quantity if one.unit == "dollars" else None,
                **self._of(one),
            }

    def _touchpoint(self, one: Touchpoint) -> Cells:
        return {
            "TouchpointID": one.pk.hex,
            **self._whose(one.client_id, one.enrollment_id),
            "OccurredOn": timezone.localdate(one.occurred_at),
            "Sector": one.sector,
            "Kind": one.kind,
            "Given": ";".join(one.given),
            "TraffickingStatus": one.trafficking_status,
            "StatusDecidedBy": one.status_decided_by,
            "TraffickingType": one.trafficking_type,
            "AgeBand": one.age_band,
            "County": one.county_id,
            **self._of(one),
        }

    def _screening(self, one: Screening) -> Cells:
        return {
            "ScreeningID": one.pk.hex,
            **self._whose(one.client_id, one.enrollment_id),
            "ScreenedOn": timezone.localdate(one.screened_at),
            "Tool": one.tool,
            "ToolVersion": one.tool_version,
            "Language": one.language,
            "Result": one.result,
            "SexAsked": _yes(one.sex_asked),
            "LaborAsked": _yes(one.labor_asked),
            **self._of(one),
        }

    def _referrals(self) -> Iterator[Cells]:
        for one in queries.referrals().exclude(sent_at=None).order_by("pk").iterator():
            if one.source_key and not _OF_A_SHEET.fullmatch(one.source_key):
                continue
            yield {
                "ReferralID": one.pk.hex,
                **self._whose(one.client_id, one.enrollment_id),
                "SentOn": timezone.localdate(one.sent_at),
                "Needed": one.needed,
                "ReceiverSector": one.receiver_sector,
                "Outcome": one.answered,
                "DeclineReason": one.decline_reason,
                **self._of(one),
            }

    def _whose(self, client: UUID | None, enrollment: UUID | None) -> dict[str, str]:
        return {
            "PersonalID": self.clients.get(client, "") if client else "",
            "EnrollmentID": self.enrollments.get(enrollment, "") if enrollment else "",
        }


def _code(value: picklists.Picklist) -> int | str | None:
    return value.codes.hmis


def _yes(answer: bool | None) -> str:
    return "" if answer is None else "yes" if answer else "no"


def _moment(day: date) -> str:
    local = timezone.localtime(day) if isinstance(day, datetime) else day
    return local.strftime("%Y-%m-%d %H:%M:%S")


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _lines(header: tuple[str, ...], first: Cells | None, rest: Iterator[Cells]) -> Iterator[bytes]:
    yield _csv([header]).encode()
    if first is not None:
        yield _csv([[_cell(first.get(column)) for column in header]]).encode()
    for cells in rest:
        yield _csv([[_cell(cells.get(column)) for column in header]]).encode()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    # A kept row is JSON, which writes a moment with a T; HMIS has a blank.
    return text.replace("T", " ") if _JSON_MOMENT.fullmatch(text) else text
