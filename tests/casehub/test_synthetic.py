"""The synthetic network: exact figures, repeatable bytes, invented people, files as HMIS spells them."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from agencies.models import AgencyType, Regime
from agencies.roles import ROLES
from casehub.synthetic import Written, names, world, write_hmis, write_network, write_truth, year_truth
from casehub.synthetic.hmis_files import DEFECT_KINDS, VERSION
from casehub.synthetic.people import SILENCE_DAYS, STAGES, YEARS, Record, World
from referrals import picklists
from referrals.agency_side.bundle import make_bundle
from referrals.agency_side.schema import CASEHUB_FILES, FILES, HMIS_FILES, TYPE_PROVIDED, Type

AS_OF = date(2026, 11, 23)
Row = dict[str, str]


@pytest.fixture(scope="module")
def three_rivers() -> World:
    return world("small", as_of=AS_OF)


@pytest.fixture(scope="module")
def written(three_rivers: World, tmp_path_factory: pytest.TempPathFactory) -> list[Written]:
    return write_network(three_rivers, tmp_path_factory.mktemp("exports"))


def rows(export: Written, file: str) -> list[Row]:
    with zipfile.ZipFile(export.path) as archive, archive.open(f"{file}.csv") as handle:
        return list(csv.DictReader(io.TextIOWrapper(handle, "utf-8", newline="")))


def cells(exports: list[Written], file: str, column: str) -> Iterator[str]:
    for export in exports:
        yield from (row[column] for row in rows(export, file))


# -------------------- the figures


def test_2025_has_exactly_the_figures_of_the_demo(three_rivers: World) -> None:
    truth = year_truth(three_rivers, 2025)
    assert list(truth.per_agency.values()) == [39, 95, 64, 85, 74, 80, 35, 43, 26, 84, 9, 10]
    assert (truth.records, truth.people, truth.lost) == (644, 318, 52)
    assert truth.per_county["Cedar"] == 23
    assert truth.per_quarter == [151, 158, 172, 163]
    assert list(truth.entered.values()) == [644, 498, 402, 306, 281, 262, 128, 61]
    assert truth.median_days == {
        "screened": 3,
        "referred": 4,
        "accepted": 2,
        "enrolled": 5,
        "in_service": 2,
        "exited": 142,
        "followed_up": 34,
    }


@pytest.mark.parametrize("seed", [1, 7, 2026])
@pytest.mark.parametrize("as_of", [date(2025, 12, 31), date(2026, 6, 1), date(2028, 2, 29)])
def test_the_figures_hold_for_any_seed_and_any_later_day(seed: int, as_of: date) -> None:
    truth = year_truth(world("small", seed, as_of, since=2024), 2025)
    plan = YEARS[2025]
    assert tuple(truth.per_agency.values()) == plan.sizes
    assert tuple(truth.entered.values()) == plan.stages
    assert (truth.people, truth.per_county["Cedar"], truth.lost) == (plan.people, plan.in_cedar, plan.lost)


@pytest.mark.parametrize("year", [2023, 2024])
def test_the_years_before_are_closed_and_exact_too(year: int) -> None:
    truth = year_truth(world("small", as_of=AS_OF, since=2023), year)
    assert tuple(truth.per_agency.values()) == YEARS[year].sizes
    assert tuple(truth.entered.values()) == YEARS[year].stages
    assert truth.people == YEARS[year].people


def test_today_there_are_open_cases(three_rivers: World) -> None:
    journeys = [record.journey for agency in three_rivers.agencies for record in three_rivers.records(agency)]
    assert sum(bool(journey.enrolled and not journey.exited) for journey in journeys) > 50
    assert max(journey.identified for journey in journeys) > AS_OF.toordinal() - 10


def test_nothing_is_dated_after_today_and_stages_follow_each_other(three_rivers: World) -> None:
    for agency in three_rivers.agencies:
        for record in three_rivers.records(agency):
            days = [day for stage in STAGES if (day := getattr(record.journey, stage)) is not None]
            assert days == sorted(days)
            assert days[-1] <= AS_OF.toordinal()


def test_a_person_meets_an_agency_once(three_rivers: World) -> None:
    for agency in three_rivers.agencies:
        people = [record.person for record in three_rivers.records(agency)]
        assert len(people) == len(set(people))


def test_larger_worlds_are_as_large_as_they_say() -> None:
    medium = world("medium", as_of=AS_OF)
    assert (medium.people, len(medium.agencies), len(medium.counties)) == (20_000, 40, 12)
    assert sum(map(medium.size_of, medium.agencies)) > 30_000
    assert {record.person for agency in medium.agencies for record in medium.records(agency)} == set(
        range(20_000)
    )


# -------------------- the bytes


def test_the_same_seed_gives_the_same_bytes(
    three_rivers: World, written: list[Written], tmp_path: Path
) -> None:
    again = write_network(world("small", as_of=AS_OF), tmp_path)
    assert [one.path.read_bytes() for one in again] == [one.path.read_bytes() for one in written]
    write_truth(three_rivers, tmp_path / "a.json")
    write_truth(world("small", as_of=AS_OF), tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_another_seed_gives_another_world(written: list[Written], tmp_path: Path) -> None:
    other = world("small", seed=1, as_of=AS_OF)
    assert write_hmis(other, other.agencies[0], tmp_path).path.read_bytes() != written[0].path.read_bytes()


def test_files_do_not_betray_the_truth(three_rivers: World, written: list[Written]) -> None:
    """No cell of two agencies' client files is equal because the human is, but for what a human has."""
    first, second = (set(cells([export], "Client", "PersonalID")) for export in written[:2])
    assert not first & second


# -------------------- nobody is real


def test_names_are_invented(written: list[Written]) -> None:
    for column in ("FirstName", "LastName"):
        odd = [name for name in cells(written, "Client", column) if not names.is_invented(name)]
        assert odd == []
    assert not names.is_invented("Maria")
    assert not names.is_invented("Smith")


def test_social_security_numbers_are_impossible(written: list[Written]) -> None:
    given = [ssn for ssn in cells(written, "Client", "SSN") if ssn]
    assert len(given) > 400
    hashed = [ssn for ssn in given if re.fullmatch(r"\d{4}[0-9a-f]{64}", ssn)]
    assert hashed
    assert all(names.is_impossible_ssn(ssn) for ssn in given if ssn not in hashed)
    assert not names.is_impossible_ssn("123456789")
    assert not names.is_impossible_ssn("912701234")


def test_phones_and_addresses_are_kept_for_fiction(three_rivers: World, written: list[Written]) -> None:
    for phone in (*cells(written, "User", "UserPhone"), *cells(written, "Export", "SourceContactPhone")):
        assert re.fullmatch(r"555-555-01\d\d", phone)
    for mail in (*cells(written, "User", "UserEmail"), *cells(written, "Export", "SourceContactEmail")):
        assert mail.endswith(".example")
    staff = [worker.email for agency in three_rivers.offices for worker in agency.workers]
    assert all(mail.endswith(".example") for mail in staff)


def test_a_hashed_export_follows_hud(written: list[Written]) -> None:
    assert names.soundex("Robert") == names.soundex("Rupert") == "R163"
    assert names.soundex("Tymczak") == "T522"
    assert names.soundex("Pfister") == "P236"
    flags = dict(zip((one.path.stem for one in written), cells(written, "Export", "HashStatus"), strict=True))
    assert [slug for slug, flag in flags.items() if flag == "4"] == ["three-rivers-general"]


def test_identifiers_are_dirty(written: list[Written]) -> None:
    births = list(cells(written, "Client", "DOB"))
    assert 0.02 < births.count("") / len(births) < 0.2
    assert births.count("1900-01-01") > 5
    assert sum(ssn.startswith("xxxxx") for ssn in cells(written, "Client", "SSN")) > 50


# -------------------- files as HMIS has them


def test_every_file_is_there_with_its_header(written: list[Written]) -> None:
    for export in written:
        with zipfile.ZipFile(export.path) as archive:
            assert archive.namelist() == [f"{name}.csv" for name in (*HMIS_FILES, *CASEHUB_FILES)]
            for name in (*HMIS_FILES, *CASEHUB_FILES):
                header = archive.read(f"{name}.csv").decode().splitlines()[0]
                assert header == ",".join(column.name for column in FILES[name].of_version(VERSION))
    assert len(HMIS_FILES) == 24


def test_rows_are_counted_and_only_declared_defects_are_wrong(written: list[Written]) -> None:
    """Every cell fits its column, but in the rows that say they do not."""
    for export in written:
        known = {name: _ids(export, name) for name in ("Enrollment", "User", "Client", "Project")}
        for name in (*HMIS_FILES, *CASEHUB_FILES):
            declared = {defect.row for defect in export.defects if defect.file == name}
            found = {
                number
                for number, row in enumerate(rows(export, name), 1)
                if list(_wrong(name, row, known, number))
            }
            assert found == declared, (export.path.name, name)
            assert export.rows[name] == len(rows(export, name))
            assert export.valid(name) + export.defective(name) == export.rows[name]


def test_every_kind_of_defect_occurs_and_stays_rare(written: list[Written]) -> None:
    assert {defect.kind for export in written for defect in export.defects} == set(DEFECT_KINDS)
    share = sum(len(export.defects) for export in written) / sum(sum(one.rows.values()) for one in written)
    assert 0.001 < share < 0.01


def test_words_are_those_of_the_picklists(written: list[Written]) -> None:
    words = {
        ("Touchpoint", "Sector"): picklists.Sector,
        ("Touchpoint", "Given"): picklists.ContactGiven,
        ("Touchpoint", "TraffickingStatus"): picklists.TraffickingStatus,
        ("Touchpoint", "StatusDecidedBy"): picklists.StatusDecidedBy,
        ("Touchpoint", "TraffickingType"): picklists.TraffickingType,
        ("Screening", "Tool"): picklists.ScreeningTool,
        ("Screening", "Result"): picklists.ScreeningResult,
        ("Screening", "Language"): picklists.Language,
        ("Referral", "Needed"): picklists.ServiceType,
        ("Referral", "ReceiverSector"): picklists.Sector,
        ("Referral", "Outcome"): picklists.ResponseOutcome,
        ("Referral", "DeclineReason"): picklists.DeclineReason,
    }
    for (file, column), picklist in words.items():
        used = {word for cell in cells(written, file, column) for word in cell.split(";") if word}
        assert used, (file, column)
        assert used <= {member.value for member in picklist}, (file, column)


def test_agencies_are_ready_to_become_rows(three_rivers: World) -> None:
    everybody = (*three_rivers.agencies, *three_rivers.offices)
    for agency in everybody:
        assert agency.type in AgencyType.values
        assert agency.sector in {member.value for member in picklists.Sector}
        assert set(agency.regimes) <= set(Regime.values)
        assert {worker.role for worker in agency.workers} <= set(ROLES)
        assert sum(share for _, share in agency.languages) == 100
    assert {worker.role for agency in everybody for worker in agency.workers} == set(ROLES)
    mails = [worker.email for agency in everybody for worker in agency.workers]
    assert len(mails) == len(set(mails))
    assert [agency.slug for agency in everybody if agency.is_tribal] == ["cedar-bend-nation"]


# -------------------- the files tell the same story


def test_the_files_alone_give_the_true_stages(three_rivers: World, written: list[Written]) -> None:
    """Read as the importer will read them, without defective rows, files and truth agree on every client."""
    for agency, export in zip(three_rivers.agencies, written, strict=True):
        told = _stages_of_files(export)
        for record in three_rivers.records(agency):
            assert told[record.personal_id] == _stages_of(record), record.personal_id
        assert len(told) == three_rivers.size_of(agency) == export.clients


def test_the_agency_side_tool_takes_the_files_and_keeps_every_client(
    written: list[Written], tmp_path: Path
) -> None:
    """Also those without an enrollment: they stand in our files. What it objects to is what was declared."""
    for export in written[:4]:
        bundle = tmp_path / f"{export.path.stem}.bundle.zip"
        objected = tmp_path / f"{export.path.stem}.csv"
        make_bundle(export.path, bundle, organization_id=None, key=lambda _: b"k" * 32, problems_out=objected)
        with zipfile.ZipFile(bundle) as archive:
            kept = {name: len(archive.read(f"{name}.csv").decode().splitlines()) - 1 for name in export.rows}
        expected = export.rows | {"User": kept["User"]}  # staff whom no row names stay at home
        expected["Services"] -= _count(export, "unknown_enrollment")
        assert kept == expected
        with objected.open(encoding="utf-8") as handle:
            objections = {(row["file"], row["problem"]) for row in csv.DictReader(handle)}
        born_wrongly = {(file, "birth_implausible") for file in ("Client.csv", "Enrollment.csv")}
        assert {problem for file, problem in objections - born_wrongly} <= {
            "code_unknown",
            "date_unreadable",
            "required_missing",
            "duplicate_id",
            "enrollment_missing",
            "user_missing",
            "vsp_has_clients",
        }


def _count(export: Written, kind: str) -> int:
    return sum(defect.kind == kind for defect in export.defects)


def test_silence_in_the_files_is_the_truth_of_the_lost(three_rivers: World, written: list[Written]) -> None:
    last = date(2025, 12, 31)
    lost = 0
    for export in written:
        met: dict[str, date] = {}
        for row in rows(export, "Touchpoint"):
            if row["PersonalID"] and (day := date.fromisoformat(row["OccurredOn"])) <= last:
                met[row["PersonalID"]] = max(met.get(row["PersonalID"], day), day)
        over = {row["PersonalID"] for row in rows(export, "Exit") if row["ExitDate"] <= last.isoformat()}
        over |= {
            row["PersonalID"]
            for row in rows(export, "Touchpoint")
            if row["Kind"] == "closure" and row["OccurredOn"] <= last.isoformat()
        }
        lost += sum((last - day).days > SILENCE_DAYS for client, day in met.items() if client not in over)
    assert lost == year_truth(three_rivers, 2025).lost == 52


def _stages_of(record: Record) -> dict[str, str]:
    return {
        stage: date.fromordinal(day).isoformat()
        for stage in STAGES
        if (day := getattr(record.journey, stage)) is not None
    }


def _stages_of_files(export: Written) -> dict[str, dict[str, str]]:
    """The first date of each stage, by the rules of product.md."""
    told: dict[str, dict[str, str]] = {}

    def see(file: str, stage: str, column: str, **only: set[str]) -> None:
        bad = {defect.row for defect in export.defects if defect.file == file}
        for number, row in enumerate(rows(export, file), 1):
            if number in bad or not row["PersonalID"] or not row[column]:
                continue
            if all(row[name] in values for name, values in only.items()):
                client = told.setdefault(row["PersonalID"], {})
                client[stage] = min(client.get(stage, "9999"), row[column])

    see("Touchpoint", "identified", "OccurredOn", TraffickingStatus={"possible", "actual"})
    see("Screening", "screened", "ScreenedOn")
    see("Assessment", "screened", "AssessmentDate")
    see("Referral", "referred", "SentOn")
    see("Event", "referred", "EventDate")
    see("Referral", "accepted", "OutcomeOn", Outcome={"accepted"})
    see("Event", "accepted", "ResultDate", ReferralResult={"1"})
    see("Enrollment", "enrolled", "EntryDate")
    see("Services", "in_service", "DateProvided")
    see("Exit", "exited", "ExitDate")
    see("Touchpoint", "followed_up", "OccurredOn", Kind={"follow_up"})
    see("HealthAndDV", "followed_up", "InformationDate", DataCollectionStage={"6"})
    return told


def _ids(export: Written, name: str) -> dict[str, int]:
    """Each id with the number of the first row that has it."""
    first: dict[str, int] = {}
    for number, row in enumerate(rows(export, name), 1):
        first.setdefault(row[FILES[name].key], number)
    return first


def _wrong(name: str, row: Row, known: dict[str, dict[str, int]], number: int) -> Iterator[str]:
    for column in FILES[name].of_version(VERSION):
        value = row[column.name]
        if value == "":
            if column.required:
                yield f"{column.name} is blank"
        elif not _fits(column.type, value) or (column.codes and value not in column.codes):
            yield f"{column.name} is {value}"
        elif column.shape and not column.shape.fullmatch(value):
            yield f"{column.name} has no such shape: {value}"
    for id_column, file in (
        ("EnrollmentID", "Enrollment"),
        ("PersonalID", "Client"),
        ("UserID", "User"),
        ("ProjectID", "Project"),
    ):
        if row.get(id_column) and row[id_column] not in known[file]:
            yield f"{id_column} is nowhere"
    if name == "Enrollment" and known["Enrollment"][row["EnrollmentID"]] != number:
        yield "EnrollmentID stands twice"
    if name == "Services" and row["TypeProvided"] not in TYPE_PROVIDED.get(row["RecordType"], ()):
        yield "TypeProvided is no code of its RecordType"
    if name == "Touchpoint" and row["Kind"] not in {kind.value for kind in picklists.TouchpointKind}:
        yield "Kind is no word of ours"


def _fits(kind: Type, value: str) -> bool:
    try:
        if kind is Type.DATE:
            date.fromisoformat(value)
        elif kind is Type.DATETIME:
            datetime.fromisoformat(value)
        elif kind is Type.INTEGER:
            int(value)
    except ValueError:
        return False
    return True
