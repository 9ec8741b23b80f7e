"""Every defect the tool knows is found where it is and nowhere else, and none stops the run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from referrals.agency_side.problems import SENTENCES
from tests.referrals.agency_side.exports import Export, clean, make, rows, to_csv

Spoil = Callable[[Export], None]


def put(file: str, row: int, **cells: str) -> Spoil:
    return lambda export: export[file][row].update(cells)


def twice(file: str, row: int = 0, **cells: str) -> Spoil:
    return lambda export: export[file].append({**export[file][row], **cells})


def both(*spoils: Spoil) -> Spoil:
    def spoil(export: Export) -> None:
        for each in spoils:
            each(export)

    return spoil


def second_person_in_house(export: Export) -> None:
    """A second adult of P1's household, also its head."""
    export["Enrollment"].append({**export["Enrollment"][0], "EnrollmentID": "N3", "PersonalID": "P2"})


def drop(file: str) -> Spoil:
    return lambda export: export.pop(file) and None


CASES: list[tuple[str, str, Spoil]] = [
    ("file_missing", "Event", drop("Event")),
    ("export_not_one_row", "Export", twice("Export")),
    ("version_unknown", "Export", put("Export", 0, CSVVersion="6.12")),
    ("hash_status_wrong", "Export", put("Export", 0, HashStatus="4")),
    ("hash_status_wrong", "Export",
     both(put("Client", 0, FirstName="a" * 64, LastName="b" * 64), put("Client", 1, FirstName="c" * 64))),
    ("vsp_has_clients", "Organization", put("Organization", 0, VictimServiceProvider="1")),
    ("date_wrong_format", "Exit", put("Exit", 0, ExitDate="2025-08-01 09:30:00")),
    ("date_wrong_format", "Exit", put("Exit", 0, ExitDate="08/23/2025")),
    ("date_wrong_format", "Enrollment", put("Enrollment", 0, DateUpdated="2025-03-04")),
    ("date_unreadable", "Exit", put("Exit", 0, ExitDate="03-11-21")),
    ("date_unreadable", "Exit", put("Exit", 0, ExitDate="2025-02-30")),
    ("date_unreadable", "Client", put("Client", 0, DateUpdated="03-11-21")),
    ("code_unknown", "Exit", put("Exit", 0, Destination="1")),
    ("code_unknown", "Enrollment", put("Enrollment", 0, LivingSituation="312")),
    ("number_unreadable", "Enrollment", put("Enrollment", 0, ThresholdScore="many")),
    ("number_unreadable", "Enrollment", put("Enrollment", 0, ThresholdScore="5550147788")),
    ("shape_wrong", "Enrollment", put("Enrollment", 0, EnrollmentCoC="Invented County")),
    ("required_missing", "Enrollment", put("Enrollment", 0, RelationshipToHoH="")),
    ("id_too_long", "Services", put("Services", 0, ServicesID="S" * 33)),
    ("looks_like_identifier", "Project", put("Project", 0, ProjectCommonName="ask 555-014-7788")),
    ("birth_missing", "Client", put("Client", 0, DOB="")),
    ("birth_implausible", "Client", put("Client", 0, DOB="1900-01-01")),
    ("duplicate_id", "Services", twice("Services", DateProvided="2025-03-06")),
    ("duplicate_id", "Client", twice("Client", 0)),
    ("export_id_mismatch", "Services", put("Services", 0, ExportID="E2")),
    ("project_missing", "Enrollment", twice("Enrollment", EnrollmentID="N4", ProjectID="J5")),
    ("enrollment_missing", "Services", twice("Services", ServicesID="S2", EnrollmentID="N5")),
    ("organization_missing", "Project", twice("Project", ProjectID="J5", OrganizationID="O5")),
    ("person_missing", "Enrollment", lambda export: export["Client"].pop(0) and None),
    ("person_mismatch", "Services", put("Services", 0, PersonalID="P2")),
    ("user_missing", "Services", put("Services", 0, UserID="U2")),
    ("duplicate_enrollment", "Enrollment", twice("Enrollment", EnrollmentID="N6", MoveInDate="")),
    ("exit_before_entry", "Exit", put("Exit", 0, ExitDate="2025-02-27")),
    ("several_exits", "Exit", twice("Exit", ExitID="X2")),
    ("entry_before_birth", "Enrollment", put("Client", 1, DOB="2025-05-01")),
    ("entry_in_future", "Enrollment", put("Enrollment", 1, EntryDate="2025-12-01")),
    ("exit_in_future", "Exit", put("Exit", 0, ExitDate="2025-12-01")),
    ("entry_outside_operation", "Enrollment", put("Project", 0, OperatingStartDate="2025-03-02")),
    ("entry_outside_operation", "Enrollment", put("Project", 0, OperatingEndDate="2025-02-27")),
    ("move_in_outside_stay", "Enrollment", put("Enrollment", 0, MoveInDate="2025-02-01")),
    ("homeless_after_entry", "Enrollment", put("Enrollment", 0, DateToStreetESSH="2025-03-02")),
    ("overlapping_stays", "Enrollment",
     twice("Enrollment", EnrollmentID="N7", ProjectID="J2", HouseholdID="H7", EntryDate="2025-07-31")),
    ("household_without_head", "Enrollment", put("Enrollment", 0, RelationshipToHoH="2")),
    ("household_several_heads", "Enrollment", second_person_in_house),
    ("household_reused", "Enrollment", put("Enrollment", 1, HouseholdID="H1")),
    ("service_outside_stay", "Services", put("Services", 0, DateProvided="2025-08-02")),
    ("service_outside_stay", "CurrentLivingSituation",
     put("CurrentLivingSituation", 0, InformationDate="2025-02-27")),
    ("type_provided_wrong", "Services", put("Services", 0, TypeProvided="3")),
    ("result_before_event", "Event", put("Event", 0, ResultDate="2025-03-05", ReferralResult="1")),
    ("subsidy_missing", "Exit", put("Exit", 0, Destination="435")),
    ("subsidy_missing", "Enrollment", put("Enrollment", 0, LivingSituation="435")),
]  # fmt: skip

WITH_COMPANY = {
    "person_missing": {"hash_status_wrong"},
    "duplicate_enrollment": {"overlapping_stays"},
    "exit_before_entry": {"service_outside_stay"},
    "export_not_one_row": {"duplicate_id"},
    "required_missing": {"household_without_head"},
    "birth_implausible": {"birth_missing"},
    "household_several_heads": {"overlapping_stays"},
}
"""Defects that the same spoiled cell may bring along."""


@pytest.mark.parametrize(
    ("code", "file", "spoil"), CASES, ids=[f"{c}-{f}-{n}" for n, (c, f, _) in enumerate(CASES)]
)
def test_a_defect_is_reported_with_its_file_and_the_run_goes_on(
    tmp_path: Path, code: str, file: str, spoil: Spoil
) -> None:
    export = clean()
    spoil(export)
    made = make(tmp_path, export)
    found = {(row["problem"], row["file"]) for row in made.table("problems.csv")}
    assert (code, f"{file}.csv") in found
    assert {problem for problem, _ in found} <= {code} | WITH_COMPANY.get(code, set())
    assert made.manifest["problems"][code] >= 1


def test_other_organizations_defects_are_not_told(tmp_path: Path) -> None:
    """Nor may O2's stay of the shared client show as an overlap with O1's."""
    export = clean()
    export["Enrollment"][2].update(EntryDate="2025-03-02", LivingSituation="312", DisablingCondition="7")
    export["Exit"][1]["ExitDate"] = "03-11-21"
    assert make(tmp_path, export).codes == set()


def test_every_sentence_has_a_case_that_brings_it_up() -> None:
    elsewhere = {  # in test_bundle.py
        "file_unknown", "column_missing", "column_unknown", "column_misspelled", "columns_shuffled",
        "text_not_utf8", "row_broken", "owner_unclear",
    }  # fmt: skip
    assert set(SENTENCES) == {code for code, _, _ in CASES} | elsewhere


def test_missing_columns_and_foreign_files_are_reported_once(tmp_path: Path) -> None:
    export = clean()
    short = [{k: v for k, v in row.items() if k != "DisablingCondition"} for row in export["Enrollment"]]
    made = make(
        tmp_path,
        export,
        raw={"Enrollment.csv": to_csv(short, list(short[0])), "Zyxanariella.csv": b"Zyxanariella"},
    )
    found = [(row["problem"], row["column"]) for row in made.table("problems.csv")]
    assert found == [("column_missing", "DisablingCondition"), ("file_unknown", "")]
    assert "Zyxanariella" not in made.everything


def test_a_household_moving_from_shelter_to_housing_does_not_overlap_before_its_move_in(
    tmp_path: Path,
) -> None:
    export = clean()
    export["Project"][1]["ProjectType"] = "13"
    export["Enrollment"] += rows("Enrollment", {
        **export["Enrollment"][0], "EnrollmentID": "N7", "ProjectID": "J2", "HouseholdID": "H7",
        "EntryDate": "2025-06-01", "MoveInDate": "2025-08-01",
    })  # fmt: skip
    assert make(tmp_path, export).codes == set()
