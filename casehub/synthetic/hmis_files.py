"""One agency's HMIS CSV export (FY2026) with our three files beside it, as dirty as real ones.

Identifiers are misspelt, missing or defaults. Declared defects stand only in additional rows, so that the
truth is the same whether a reader takes them or refuses them. Who reaches which stage when: `people`.
"""

# Drawn numbers must repeat from a seed; nothing here guards anything.
# ruff: noqa: S311

import csv
import hashlib
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import IO, Any

from casehub.synthetic import names
from casehub.synthetic.network import AgencySpec, ProjectSpec
from casehub.synthetic.people import Person, Record, World, contact_days
from referrals.agency_side.schema import CASEHUB_FILES, FILES, HMIS_FILES
from referrals.picklists import AgeBand

VERSION = "2026"
DEFECT_KINDS = (
    "bad_date",
    "missing_user",
    "unknown_code",
    "duplicate_enrollment",
    "unknown_enrollment",
    "unknown_word",
)
_VICTIM_SERVICES = ("shelter", "night_shelter", "hotline", "outreach", "tribal")
_DEFECT_EVERY = 9


@dataclass(frozen=True, slots=True)
class Defect:
    """A declared defect: the data row (from 1), the column, and one of DEFECT_KINDS."""

    file: str
    row: int
    column: str
    kind: str


@dataclass(slots=True)
class Written:
    """What `write_hmis` wrote: rows a file (defective ones included), clients, and every defect."""

    path: Path
    clients: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)

    def defective(self, file: str) -> int:
        """How many rows of the file carry a declared defect."""
        return len({defect.row for defect in self.defects if defect.file == file})

    def valid(self, file: str) -> int:
        """How many rows of the file carry none."""
        return self.rows[file] - self.defective(file)


def write_hmis(world: World, agency: AgencySpec, folder: Path) -> Written:
    """Writes `folder`/<slug>.zip, row by row: memory does not grow with the number of clients.

    The same world and agency give the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = Written(folder / f"{agency.slug}.zip")
    with tempfile.TemporaryDirectory() as scratch:
        sheets = {name: _Sheet(name, Path(scratch)) for name in (*HMIS_FILES, *CASEHUB_FILES)}
        writer = _Writer(world, agency, sheets, written)
        writer.write_agency()
        for record in world.records(agency):
            writer.write_record(record)
        writer.write_anonymous()
        with zipfile.ZipFile(written.path, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            for name, sheet in sheets.items():
                sheet.handle.close()
                written.rows[name] = sheet.rows
                member = zipfile.ZipInfo(f"{name}.csv", (*world.as_of.timetuple()[:3], 0, 0, 0))
                member.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(member, "w") as target, sheet.path.open("rb") as source:
                    while block := source.read(1 << 20):
                        target.write(block)
    return written


class _Sheet:
    """One CSV file being written. Unnamed columns stay blank; an unknown column name is an error."""

    def __init__(self, name: str, folder: Path) -> None:
        columns = [column.name for column in FILES[name].of_version(VERSION)]
        self.place = {column: at for at, column in enumerate(columns)}
        self.path = folder / f"{name}.csv"
        self.handle: IO[str] = self.path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self.handle, lineterminator="\r\n")
        self._writer.writerow(columns)
        self.rows = 0

    def add(self, cells: dict[str, Any]) -> int:
        row: list[Any] = [""] * len(self.place)
        for column, value in cells.items():
            row[self.place[column]] = value
        self._writer.writerow(row)
        self.rows += 1
        return self.rows


class _Writer:
    """Turns records into rows of all files."""

    def __init__(self, world: World, agency: AgencySpec, sheets: dict[str, _Sheet], written: Written) -> None:
        self.world, self.agency, self.sheets, self.written = world, agency, sheets, written
        self.export_id = f"X{agency.prefix}"
        self.staff = [worker.hmis_id for worker in agency.workers if worker.role != "data_lead"]
        self.today = world.as_of.toordinal()
        self.candidates = sum(map(ord, agency.slug)) % (_DEFECT_EVERY * len(DEFECT_KINDS))
        self.draw = Random()

    def add(self, file: str, day: int, **cells: Any) -> int:
        """A row with the four columns every HMIS file ends with."""
        stamp = f"{_iso(day)} 10:00:00"
        tail = {
            "DateCreated": stamp,
            "DateUpdated": stamp,
            "UserID": self.draw.choice(self.staff),
            "ExportID": self.export_id,
        }
        if file in CASEHUB_FILES:
            tail = {"DateCreated": stamp, "DateUpdated": stamp}
        return self.sheets[file].add(tail | cells)

    def defect(self, file: str, column: str, kind: str, row: int) -> None:
        self.written.defects.append(Defect(file, row, column, kind))

    def write_agency(self) -> None:
        agency, opened = self.agency, date(2019, 1, 1).toordinal()
        self.draw = Random(f"{self.world.seed}/files/{agency.slug}")
        self.sheets["Export"].add(
            {
                "ExportID": self.export_id,
                "SourceType": 2,
                "SourceID": agency.prefix,
                "SourceName": agency.name,
                "SourceContactFirst": agency.workers[0].name.split()[0],
                "SourceContactLast": agency.workers[0].name.split()[1],
                "SourceContactPhone": agency.workers[0].phone,
                "SourceContactEmail": agency.workers[0].email,
                "ExportDate": f"{self.world.as_of} 06:00:00",
                "ExportStartDate": "2023-01-01",
                "ExportEndDate": self.world.as_of,
                "SoftwareName": "Invented Case System",
                "SoftwareVersion": "1.0",
                "CSVVersion": "2026 v1",
                "ExportPeriodType": 3,
                "ExportDirective": 2,
                "HashStatus": 4 if agency.is_hashed_export else 1,
                "ImplementationID": "invented",
            }
        )
        self.add(
            "Organization",
            opened,
            OrganizationID=agency.organization_id,
            OrganizationName=agency.name,
            VictimServiceProvider=int(agency.kind in _VICTIM_SERVICES),
            OrganizationCommonName=agency.name,
        )
        for worker in agency.workers:
            first, last = worker.name.split(" ", 1)
            self.sheets["User"].add(
                {
                    "UserID": worker.hmis_id,
                    "UserFirstName": first,
                    "UserLastName": last,
                    "UserPhone": worker.phone,
                    "UserEmail": worker.email,
                    "DateCreated": f"{_iso(opened)} 10:00:00",
                    "DateUpdated": f"{_iso(opened)} 10:00:00",
                    "ExportID": self.export_id,
                }
            )
        for project in agency.projects:
            self._write_project(project)

    def _write_project(self, project: ProjectSpec) -> None:
        since, about = project.starts_on, {"ProjectID": project.hmis_id}
        day = since.toordinal()
        self.add(
            "Project",
            day,
            **about,
            OrganizationID=self.agency.organization_id,
            ProjectName=project.name,
            ProjectCommonName=project.name,
            OperatingStartDate=since,
            ContinuumProject=0,
            ProjectType=project.hmis_type,
            HousingType=1 if project.beds else "",
            TargetPopulation=1 if project.is_confidential_site else 4,
        )
        key = f"{project.hmis_id}-1"
        self.add(
            "ProjectCoC",
            day,
            ProjectCoCID=key,
            **about,
            CoCCode="XX-500",
            Geocode="999999",
            State="XX",
            GeographyType=3,
        )
        self.add(
            "Funder",
            day,
            FunderID=key,
            **about,
            Funder=project.funder,
            GrantID=f"G-{project.hmis_id}",
            StartDate=since,
            OtherFunder="Invented county fund" if project.funder == 46 else "",
        )
        self.add(
            "HMISParticipation",
            day,
            HMISParticipationID=key,
            **about,
            HMISParticipationType=2 if self.agency.kind in _VICTIM_SERVICES else 1,
            HMISParticipationStatusStartDate=since,
        )
        self.add(
            "CEParticipation",
            day,
            CEParticipationID=key,
            **about,
            AccessPoint=0,
            PreventionAssessment=0,
            CrisisAssessment=0,
            HousingAssessment=0,
            DirectServices=1,
            ReceivesReferrals=1,
            CEParticipationStatusStartDate=since,
        )
        if project.beds:
            self.add(
                "Inventory",
                day,
                InventoryID=key,
                **about,
                CoCCode="XX-500",
                HouseholdType=1,
                Availability=1,
                UnitInventory=project.beds,
                BedInventory=project.beds,
                OtherBedInventory=project.beds,
                CHVetBedInventory=0,
                YouthVetBedInventory=0,
                VetBedInventory=0,
                CHYouthBedInventory=0,
                YouthBedInventory=0,
                CHBedInventory=0,
                ESBedType=1 if project.hmis_type in (0, 1) else "",
                InventoryStartDate=since,
            )

    def write_record(self, record: Record) -> None:
        """All rows about one client."""
        self.written.clients += 1
        self.draw = draw = Random(f"{self.world.seed}/record/{record.personal_id}/{self.agency.slug}")
        person, journey = self.world.person(record.person), record.journey
        about: dict[str, Any] = {"PersonalID": record.personal_id}
        self.add(
            "Client", journey.identified, **about, **_identity(draw, person, self.agency.is_hashed_export)
        )
        enrollment = f"{record.personal_id}-E1" if journey.enrolled else ""
        days = contact_days(journey, self.today, draw, self.world.detail)
        self._write_touchpoints(record, person, enrollment, days)
        self._write_screenings(record, person, enrollment)
        if journey.referred:
            self._write_referral(record)
        if journey.enrolled:
            project = self.agency.projects[0 if draw.random() < 0.65 else -1]
            stay = about | {"EnrollmentID": enrollment}
            self._write_enrollment(record, person, project, stay)
            if journey.in_service:
                self._write_services(record, project, stay, days)
            if journey.exited:
                self._write_exit(record, person, project, stay)
            self.candidates += 1
            if self.candidates % _DEFECT_EVERY == 0:
                kind = DEFECT_KINDS[self.candidates // _DEFECT_EVERY % len(DEFECT_KINDS)]
                self._write_defect(record, person, project, stay, days, kind)

    def _touchpoint(self, number: str, day: int, person: Person, **cells: Any) -> int:
        return self.add(
            "Touchpoint",
            day,
            TouchpointID=number,
            OccurredOn=_iso(day),
            Sector=self.agency.sector,
            AgeBand=_age_band(person.born, day),
            County=person.county.word,
            **cells,
        )

    def _write_touchpoints(self, record: Record, person: Person, enrollment: str, days: list[int]) -> None:
        draw, journey = self.draw, record.journey
        kind = "uncertain" if draw.random() < 0.2 else person.trafficking
        for at, day in enumerate(days):
            status = {}
            if at == 0 or (at == 3 and draw.random() < 0.5):
                sure = at > 0 or draw.random() < 0.3
                status = {
                    "TraffickingStatus": "actual" if sure else "possible",
                    "StatusDecidedBy": _decided_by(draw, self.agency.kind),
                    "TraffickingType": kind,
                }
            self._touchpoint(
                f"{record.personal_id}-T{at + 1}",
                day,
                person,
                PersonalID=record.personal_id,
                EnrollmentID=enrollment if journey.enrolled and day >= journey.enrolled else "",
                Kind="contact",
                Given=";".join(
                    sorted(
                        draw.sample(
                            ("listened", "information", "safety_plan", "food_or_clothes", "ride"),
                            draw.randint(1, 2),
                        )
                    )
                ),
                **status,
            )
        if journey.closed or (journey.exited and not journey.silent and draw.random() < 0.5):
            self._touchpoint(
                f"{record.personal_id}-TC",
                journey.closed or journey.exited or 0,
                person,
                PersonalID=record.personal_id,
                EnrollmentID=enrollment,
                Kind="closure",
            )

    def _write_screenings(self, record: Record, person: Person, enrollment: str) -> None:
        draw, journey = self.draw, record.journey
        if not journey.screened:
            return
        days = [journey.screened]
        if journey.in_service and journey.in_service + 30 < journey.ends(self.today) and draw.random() < 0.15:
            days.append(journey.in_service + 30)
        for at, day in enumerate(days):
            result = draw.choices(
                ("indicators_present", "some_indicators", "no_indicators_today", "stopped"), (46, 33, 13, 8)
            )[0]
            self.add(
                "Screening",
                day,
                ScreeningID=f"{record.personal_id}-S{at + 1}",
                PersonalID=record.personal_id,
                EnrollmentID=enrollment if at else "",
                ScreenedOn=_iso(day),
                Tool=draw.choice(_TOOLS.get(self.agency.kind, ("tvit_short", "agency_own"))),
                ToolVersion="1",
                Language=person.language,
                Result=result,
                SexAsked="yes",
                LaborAsked="no" if result == "stopped" or draw.random() < 0.08 else "yes",
            )

    def _write_referral(self, record: Record) -> None:
        draw, journey = self.draw, record.journey
        assert journey.referred
        outcome: dict[str, Any] = {}
        if journey.accepted:
            outcome = {"Outcome": "accepted", "OutcomeOn": _iso(journey.accepted)}
        elif (answered := journey.referred + draw.randint(1, 6)) <= self.today and draw.random() < 0.8:
            outcome = {"Outcome": "waitlisted", "OutcomeOn": _iso(answered)}
            if draw.random() < 0.75:
                reasons = ("no_capacity", "not_eligible", "client_declined", "could_not_contact")
                outcome |= {"Outcome": "declined", "DeclineReason": draw.choices(reasons, (5, 2, 3, 3))[0]}
        needed, sector = draw.choice(_NEEDS)
        self.add(
            "Referral",
            journey.referred,
            ReferralID=f"{record.personal_id}-R1",
            PersonalID=record.personal_id,
            SentOn=_iso(journey.referred),
            Needed=needed,
            ReceiverSector=sector,
            **outcome,
        )

    def _write_enrollment(
        self, record: Record, person: Person, project: ProjectSpec, stay: dict[str, Any]
    ) -> None:
        draw, day = self.draw, record.journey.enrolled
        assert day
        cells = self._enrollment(record, project, stay, day)
        if project.is_rhy:
            ward, juvenile = draw.choices((0, 1, 8, 9, 99), (55, 30, 4, 3, 8), k=2)
            cells |= {
                "ReferralSource": draw.choice((1, 2, 7, 11, 28, 30, 34, 35, 38, 39)),
                "EligibleForRHY": 1,
                "RunawayYouth": draw.choices((0, 1, 99), (70, 25, 5))[0],
                "FormerWardChildWelfare": ward,
                "ChildWelfareYears": draw.choice((1, 2, 3)) if ward == 1 else "",
                "FormerWardJuvenileJustice": juvenile,
                "JuvenileJusticeYears": draw.choice((1, 2, 3)) if juvenile == 1 else "",
            }
            if project.funder == 22:
                cells["DateOfBCPStatus"] = _iso(day)
        self.add("Enrollment", day, **cells)
        self._health(stay, day, 1, "N1")
        income = draw.choices((0, 1, 8, 99), (55, 35, 4, 6))[0]
        self.add(
            "IncomeBenefits",
            day,
            IncomeBenefitsID=f"{stay['EnrollmentID']}-N1",
            **stay,
            InformationDate=_iso(day),
            IncomeFromAnySource=income,
            TotalMonthlyIncome=draw.randrange(200, 2400, 50) if income == 1 else "",
            BenefitsFromAnySource=draw.choices((0, 1, 99), (50, 44, 6))[0],
            InsuranceFromAnySource=draw.choices((0, 1, 99), (40, 54, 6))[0],
            DataCollectionStage=1,
        )
        for disability in range(5, 11) if self.world.size == "small" else (9,):
            self.add(
                "Disabilities",
                day,
                DisabilitiesID=f"{stay['EnrollmentID']}-D{disability}",
                **stay,
                InformationDate=_iso(day),
                DisabilityType=disability,
                DisabilityResponse=draw.choices((0, 1, 8, 99), (75, 18, 3, 4))[0],
                DataCollectionStage=1,
            )
        if project.is_rhy:
            employed = draw.choices((0, 1, 99), (70, 25, 5))[0]
            self.add(
                "EmploymentEducation",
                day,
                EmploymentEducationID=f"{stay['EnrollmentID']}-N1",
                **stay,
                InformationDate=_iso(day),
                LastGradeCompleted=draw.choice((2, 3, 4, 5, 7, 8, 99)),
                SchoolStatus=draw.choice((1, 2, 5, 8, 99)),
                Employed=employed,
                EmploymentType=draw.choice((1, 2, 3)) if employed == 1 else "",
                NotEmployedReason=draw.choice((1, 2, 3)) if employed == 0 else "",
                DataCollectionStage=1,
            )
        if project.is_rhy and _age(person.born, day) < 18:
            self.add(
                "YouthEducationStatus",
                day,
                YouthEducationStatusID=f"{stay['EnrollmentID']}-N1",
                **stay,
                InformationDate=_iso(day),
                CurrentSchoolAttend=draw.choice((0, 1, 2, 99)),
                DataCollectionStage=1,
            )
        if project.hmis_type == 4:
            self.add(
                "CurrentLivingSituation",
                day,
                CurrentLivingSitID=f"{stay['EnrollmentID']}-L1",
                **stay,
                InformationDate=_iso(day),
                CurrentLivingSituation=draw.choice((116, 335, 336, 314, 37)),
                VerifiedBy=self.agency.name,
            )

    def _enrollment(
        self, record: Record, project: ProjectSpec, stay: dict[str, Any], day: int
    ) -> dict[str, Any]:
        draw = Random(f"{self.world.seed}/enrollment/{record.personal_id}")
        return stay | {
            "ProjectID": project.hmis_id,
            "EntryDate": _iso(day),
            "HouseholdID": f"{record.personal_id}-H1",
            "RelationshipToHoH": 1,
            "EnrollmentCoC": "XX-500",
            "LivingSituation": draw.choice((101, 116, 206, 207, 215, 302, 314, 335, 336, 410, 8, 99)),
            "DisablingCondition": draw.choices((0, 1, 8, 99), (65, 25, 3, 7))[0],
            "DateOfEngagement": _iso(day) if project.hmis_type in (1, 4) else "",
            "DateCreated": f"{_iso(day)} 10:00:00",
            "UserID": self.staff[0],
        }

    def _health(self, stay: dict[str, Any], day: int, stage: int, key: str, **cells: Any) -> int:
        hurt = self.draw.choices((0, 1, 8, 9, 99), (40, 46, 5, 4, 5))[0]
        answers = {
            "HealthAndDVID": f"{stay['EnrollmentID']}-{key}",
            "InformationDate": _iso(day),
            "DomesticViolenceSurvivor": hurt,
            "WhenOccurred": self.draw.choice((1, 2, 3, 4, 8)) if hurt == 1 else "",
            "CurrentlyFleeing": self.draw.choice((0, 1, 9)) if hurt == 1 else "",
            "DataCollectionStage": stage,
        }
        return self.add("HealthAndDV", day, **(stay | answers | cells))

    def _service(self, stay: dict[str, Any], day: int, key: str, **cells: Any) -> int:
        answers = {
            "ServicesID": f"{stay['EnrollmentID']}-{key}",
            "DateProvided": _iso(day),
            "RecordType": 142,
            "TypeProvided": self.draw.choice(_SERVICES[self.agency.kind]),
        }
        return self.add("Services", day, **(stay | answers | cells))

    def _write_services(
        self, record: Record, project: ProjectSpec, stay: dict[str, Any], days: list[int]
    ) -> None:
        draw, journey = self.draw, record.journey
        first, end = journey.in_service, journey.ends(self.today)
        assert first
        given = [first, *(day for day in days if day > first)]
        for at, day in enumerate(given):
            self._service(stay, day, f"V{at + 1}")
            if at and draw.random() < 0.4:
                self._service(stay, day, f"W{at + 1}")
        if project.counts_nights:
            for night in range(first, min(end, first + int(draw.randint(8, 40) / self.world.detail))):
                self._service(stay, night, f"B{night - first + 1}", RecordType=200, TypeProvided=200)
        is_assessed = draw.random() < (0.5 if project.beds else 0.15)
        if is_assessed and first + 4 < end:
            day, key = first + 3, f"{stay['EnrollmentID']}-A1"
            self.add(
                "Assessment",
                day,
                AssessmentID=key,
                **stay,
                AssessmentDate=_iso(day),
                AssessmentLocation="Office",
                AssessmentType=draw.choice((1, 2, 3)),
                AssessmentLevel=draw.choice((1, 2)),
                PrioritizationStatus=draw.choice((1, 2)),
            )
            self.add(
                "AssessmentQuestions",
                day,
                AssessmentQuestionID=f"{key}-Q1",
                AssessmentID=key,
                **stay,
                AssessmentQuestionOrder=1,
                AssessmentQuestion="C_NEEDS",
                AssessmentAnswer="1",
            )
            self.add(
                "AssessmentResults",
                day,
                AssessmentResultID=f"{key}-R1",
                AssessmentID=key,
                **stay,
                AssessmentResultType="points",
                AssessmentResult=draw.randint(1, 15),
            )
        # Never soon after an assessment: that would read as a wait of two days from screening to referral.
        if not is_assessed and first + 8 < end and draw.random() < 0.35:
            day = first + 5
            result = draw.choices((1, 2, 3, ""), (55, 10, 15, 20))[0]
            self.add(
                "Event",
                day,
                EventID=f"{stay['EnrollmentID']}-C1",
                **stay,
                EventDate=_iso(day),
                Event=draw.choice((7, 10, 11, 13, 16)),
                ReferralResult=result,
                ResultDate=_iso(day + 2) if result else "",
            )

    def _write_exit(self, record: Record, person: Person, project: ProjectSpec, stay: dict[str, Any]) -> None:
        draw, journey = self.draw, record.journey
        assert journey.exited
        completed = 3 if journey.silent else draw.choices((1, 2, 3), (60, 32, 8))[0]
        destinations = (
            (101, 215, 302, 312, 422, 8) if _age(person.born, journey.exited) < 18 else _DESTINATIONS
        )
        cells: dict[str, Any] = {
            "ExitID": f"{stay['EnrollmentID']}-X1",
            "ExitDate": _iso(journey.exited),
            "Destination": 30 if journey.silent else draw.choice(destinations),
        }
        if cells["Destination"] == 435:
            cells["DestinationSubsidyType"] = draw.choice((420, 431, 433, 434))
        if project.is_rhy:
            cells |= _trafficking_answers(draw, person.trafficking, is_interviewed=not journey.silent)
            cells |= {
                "ProjectCompletionStatus": completed,
                "EarlyExitReason": (6 if journey.silent else draw.randint(1, 6)) if completed == 3 else "",
                "DestinationSafeClient": draw.choice((0, 1, 1, 1, 8)) if not journey.silent else 99,
                "DestinationSafeWorker": draw.choice((0, 1, 1, 2)) if not journey.silent else 2,
            }
        self.add("Exit", journey.exited, **(stay | cells))
        if not journey.silent:
            self._health(stay, journey.exited, 3, "N3")
        if journey.followed_up and project.is_rhy:
            self._health(stay, journey.followed_up, 6, "N6")
        elif journey.followed_up:
            self._touchpoint(
                f"{record.personal_id}-TF",
                journey.followed_up,
                person,
                PersonalID=record.personal_id,
                EnrollmentID=stay["EnrollmentID"],
                Kind="follow_up",
            )

    def _write_defect(
        self,
        record: Record,
        person: Person,
        project: ProjectSpec,
        stay: dict[str, Any],
        days: list[int],
        kind: str,
    ) -> None:
        """One more row, wrong in one place; nothing that counts depends on it."""
        journey = record.journey
        day = max(journey.in_service or journey.enrolled or 0, days[-1])
        if not journey.in_service and kind in ("bad_date", "missing_user", "unknown_enrollment"):
            kind = "unknown_word"
        match kind:
            case "bad_date":
                wrong = self.draw.choice(
                    (f"{_iso(day)[:4]}-02-30", f"{_iso(day)[:4]}-13-01", "yesterday", "")
                )
                self.defect(
                    "Services", "DateProvided", kind, self._service(stay, day, "Z1", DateProvided=wrong)
                )
            case "missing_user":
                self.defect("Services", "UserID", kind, self._service(stay, day, "Z2", UserID="U-gone"))
            case "unknown_enrollment":
                lost = f"{record.personal_id}-E9"
                self.defect(
                    "Services", "EnrollmentID", kind, self._service(stay, day, "Z3", EnrollmentID=lost)
                )
            case "unknown_code":
                row = self._health(stay, day, 2, "N2", DomesticViolenceSurvivor=5)
                self.defect("HealthAndDV", "DomesticViolenceSurvivor", kind, row)
            case "duplicate_enrollment":
                assert journey.enrolled
                row = self.add(
                    "Enrollment",
                    journey.enrolled,
                    **self._enrollment(record, project, stay, journey.enrolled),
                )
                self.defect("Enrollment", "EnrollmentID", kind, row)
            case "unknown_word":
                row = self._touchpoint(
                    f"{record.personal_id}-TZ", day, person, PersonalID=record.personal_id, Kind="telepathy"
                )
                self.defect("Touchpoint", "Kind", kind, row)

    def write_anonymous(self) -> None:
        """Contacts without a client: counted beside clients, never among them."""
        self.draw = draw = Random(f"{self.world.seed}/anonymous/{self.agency.slug}")
        first = self.world.first_day
        for at in range(self.agency.anonymous_a_year * (self.today - first) // 365):
            day = draw.randint(first, self.today)
            status = draw.choices(("possible", "unknown", "", "declined"), (40, 15, 40, 5))[0]
            self.add(
                "Touchpoint",
                day,
                TouchpointID=f"{self.agency.prefix}-N{at + 1}",
                OccurredOn=_iso(day),
                Sector=self.agency.sector,
                Kind="contact",
                Given=draw.choice(
                    ("listened", "information", "listened;safety_plan", "ride", "food_or_clothes", "referral")
                ),
                TraffickingStatus=status,
                StatusDecidedBy="self_identified" if status == "possible" else "",
                TraffickingType=draw.choice(("sex", "labor", "uncertain")) if status == "possible" else "",
                AgeBand=draw.choice(("", "18_24", "25_59", "13_17", "declined")),
                County=draw.choice(("", self.agency.county.word)),
            )


_TOOLS = {
    "health_care": ("raft", "ahtst"),
    "school": ("qyit", "none_conversation"),
    "child_welfare": ("qyit", "agency_own"),
    "outreach": ("qyit", "none_conversation"),
    "hotline": ("none_conversation",),
    "legal": ("tvit_long", "tvit_short"),
}
_NEEDS = (
    ("shel_em", "shelter"),
    ("shel_tr", "housing"),
    ("legal_imm", "legal_services"),
    ("legal_civ", "legal_services"),
    ("mh_lt", "mental_health"),
    ("med_lt;dental", "health_care"),
    ("cm", "survivor_services"),
    ("empl;edu", "community"),
    ("sud", "substance_use"),
    ("cm;transp", "survivor_services"),
)
_SERVICES = {
    "shelter": (5, 6, 8, 26),
    "night_shelter": (8, 14, 26),
    "legal": (7,),
    "health_care": (14, 14, 17, 28),
    "child_welfare": (5, 8, 10, 26),
    "law_enforcement": (7,),
    "hotline": (8, 26),
    "school": (5, 8),
    "outreach": (29, 14),
    "tribal": (7, 8, 14),
}
_DESTINATIONS = (101, 302, 312, 313, 410, 410, 422, 423, 435, 435, 329, 116, 17, 8, 30)
_SEX_ITEMS = ("ExchangeForSexPastThreeMonths", "AskedOrForcedToExchangeForSex")
_LABOR_ITEMS = ("WorkplaceViolenceThreats", "WorkplacePromiseDifference")


def _trafficking_answers(draw: Random, kind: str, *, is_interviewed: bool) -> dict[str, Any]:
    """R15 and R16 at exit. A question that depends on a yes stays blank without one."""
    if not is_interviewed:
        return {"ExchangeForSex": 99, "WorkplaceViolenceThreats": 99, "WorkplacePromiseDifference": 99}

    def answer(chance: float) -> int:
        return draw.choices((1, 0, 8, 9), (chance, 1 - chance, 0.06, 0.08))[0]

    cells: dict[str, Any] = {"ExchangeForSex": answer(0.8 if kind in ("sex", "sex_and_labor") else 0.1)}
    if cells["ExchangeForSex"] == 1:
        cells |= {item: answer(0.6) for item in _SEX_ITEMS}
        if cells["ExchangeForSexPastThreeMonths"] == 1:
            cells["CountOfExchangeForSex"] = draw.choice((1, 2, 3, 4, 8, 9))
        if cells["AskedOrForcedToExchangeForSex"] == 1:
            cells["AskedOrForcedToExchangeForSexPastThreeMonths"] = answer(0.5)
    cells |= {item: answer(0.75 if kind in ("labor", "sex_and_labor") else 0.1) for item in _LABOR_ITEMS}
    if 1 in (cells["WorkplaceViolenceThreats"], cells["WorkplacePromiseDifference"]):
        cells |= {"CoercedToContinueWork": answer(0.6), "LaborExploitPastThreeMonths": answer(0.5)}
    return cells


def _identity(draw: Random, person: Person, is_hashed: bool) -> dict[str, Any]:
    """Client's own columns, as a desk under pressure fills them in."""
    cells = _name(draw, person) | _number(draw, person) | _birth(draw, person)
    if is_hashed:
        ssn = cells["SSN"]
        cells |= {
            "FirstName": names.soundex_hash(cells["FirstName"]),
            "LastName": names.soundex_hash(cells["LastName"]),
            "SSN": ssn and ssn[-4:] + hashlib.sha256(ssn.rjust(9, "x").encode()).hexdigest(),
        }
    races = (
        "AmIndAKNative",
        "Asian",
        "BlackAfAmerican",
        "HispanicLatinao",
        "MidEastNAfrican",
        "NativeHIPacific",
        "White",
    )
    told = draw.random() > 0.07
    return (
        cells
        | {race: int(told and race == person.race) for race in races}
        | {
            "RaceNone": "" if told else draw.choice((8, 9, 99)),
            "Sex": person.sex if draw.random() > 0.06 else draw.choice((8, 9, 99)),
            "VeteranStatus": draw.choices((0, 1, 99), (93, 2, 5))[0],
        }
    )


def _name(draw: Random, person: Person) -> dict[str, Any]:
    first, last, quality = person.first, person.last, 1
    match draw.choices(
        ("right", "slip", "short", "swapped", "spaced", "code", "none"), (70, 8, 7, 2, 6, 4, 3)
    )[0]:
        case "slip" if draw.random() < 0.5:
            first = names.slip(first, draw.randrange(2 * len(first)))
        case "slip":
            last = names.slip(last, draw.randrange(2 * len(last)))
        case "short":
            first = names.short_form(first)
        case "swapped":
            first, last = last, first
        case "spaced":
            last = draw.choice((last.replace("_", " "), last.replace("_", "-"), last.upper()))
        case "code":
            first, last, quality = draw.choice(names.FIRST), "", 2
        case "none":
            first, last, quality = draw.choice(names.PLACEHOLDERS), "", draw.choice((8, 9, 99))
    return {"FirstName": first, "LastName": last, "NameDataQuality": quality}


def _number(draw: Random, person: Person) -> dict[str, Any]:
    match draw.choices(("none", "right", "last_four", "turned", "zeros"), (42, 36, 14, 5, 3))[0]:
        case "right":
            return {"SSN": person.ssn, "SSNDataQuality": 1}
        case "last_four":
            return {"SSN": f"xxxxx{person.ssn[-4:]}", "SSNDataQuality": 2}
        case "turned":
            return {
                "SSN": f"{person.ssn[:5]}{person.ssn[6]}{person.ssn[5]}{person.ssn[7:]}",
                "SSNDataQuality": 1,
            }
        case "zeros":
            return {"SSN": names.EMPTY_SSN, "SSNDataQuality": 99}
    return {"SSN": "", "SSNDataQuality": draw.choice((8, 9, 99, 99))}


def _birth(draw: Random, person: Person) -> dict[str, Any]:
    born = person.born
    match draw.choices(("right", "none", "year", "turned", "near", "default"), (76, 8, 7, 3, 4, 2))[0]:
        case "none":
            return {"DOB": "", "DOBDataQuality": draw.choice((8, 9, 99))}
        case "year":
            return {"DOB": f"{born.year}-01-01", "DOBDataQuality": 2}
        case "turned" if born.day <= 12:
            return {"DOB": date(born.year, born.day, born.month), "DOBDataQuality": 1}
        case "near":
            return {"DOB": born + timedelta(days=draw.choice((-10, -1, 1, 10))), "DOBDataQuality": 1}
        case "default":
            return {"DOB": "1900-01-01", "DOBDataQuality": 99}
    return {"DOB": born, "DOBDataQuality": 1}


def _decided_by(draw: Random, kind: str) -> str:
    first = {"law_enforcement": "police", "child_welfare": "other_government", "school": "other_government"}
    return draw.choices((first.get(kind, "ngo"), "self_identified", "police"), (65, 25, 10))[0]


def _age(born: date, day: int) -> int:
    return (day - born.toordinal()) * 4 // 1461


def _age_band(born: date, day: int) -> str:
    return AgeBand.of(_age(born, day)).value


@lru_cache(maxsize=4096)
def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def write_network(world: World, folder: Path, agencies: Iterable[AgencySpec] | None = None) -> list[Written]:
    """`write_hmis` for every agency, or for those given."""
    return [write_hmis(world, agency, folder) for agency in agencies or world.agencies]
