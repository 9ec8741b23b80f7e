"""What a bundle holds, and above all what it doesn't."""

import csv
import dataclasses
import hashlib
from datetime import date
from pathlib import Path

import pytest

from referrals.agency_side import Refused, bundle, schema
from referrals.agency_side.problems import SENTENCES
from referrals.agency_side.schema import FILES, Handling, bundle_header
from tests.referrals.agency_side.exports import CANARIES, clean, make, rows, to_csv


def _leaks(everything: str) -> list[str]:
    return [canary for canary in CANARIES if canary in everything]


def test_the_canaries_stand_in_the_export() -> None:
    cells = {cell for table in clean().values() for row in table for cell in row.values()}
    assert [canary for canary in CANARIES if canary not in cells] == []


def test_no_identifier_and_no_free_text_is_in_the_bundle(tmp_path: Path) -> None:
    made = make(tmp_path, clean(), report=(date(2025, 1, 1), date(2025, 9, 30)))
    assert _leaks(made.everything) == []
    assert _leaks(made.result.problems_path.read_text()) == []
    for name in made.members:
        for row in made.table(name) if name.endswith(".csv") else []:
            assert not ({"P1", "N1", "H1", "U1", "E1", "O1", "J1"} & set(row.values())), name


IDENTIFYING = [
    (file.name, column.name)
    for file in FILES.values()
    for column in file.of_version("2026")
    if column.handling in (Handling.DROP, Handling.FREE_TEXT, Handling.BAND)
    and any(row[column.name] in CANARIES for row in clean().get(file.name, ()))
]


@pytest.mark.parametrize(("file", "column"), IDENTIFYING)
def test_sabotage_one_column_kept_is_a_leak_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, column: str
) -> None:
    """With the handling of a single column switched to keep, the canary test must fail."""
    columns = tuple(
        dataclasses.replace(c, handling=Handling.KEEP) if c.name == column else c for c in FILES[file].columns
    )
    spoiled = {**FILES, file: dataclasses.replace(FILES[file], columns=columns)}
    monkeypatch.setattr(schema, "FILES", spoiled)
    monkeypatch.setattr("referrals.agency_side.archive.FILES", spoiled)
    monkeypatch.setattr("referrals.agency_side.check.ROW_RULES", {})
    export = clean()
    for row in export["Export"]:  # a phone number is caught a second time, as text; give it a form that isn't
        row["SourceContactPhone"] = "Phonebearer"
    for row in export["User"]:
        row["UserPhone"] = "Kettlewhistle"
    if column in ("SourceContactEmail", "UserEmail", "SSN"):
        for row in export[file]:
            row[column] = "Zyxanariella"
    assert _leaks(make(tmp_path, export).everything) != []


@pytest.mark.parametrize("file", [file.name for file in FILES.values() if file.about_clients])
def test_an_identifier_typed_into_any_cell_about_a_client_stays_home(tmp_path: Path, file: str) -> None:
    """Every column of the file, also codes, dates and numbers, is filled with a name, then with an SSN."""
    export = clean()
    for canary in ("Zyxanariella Smythe", "987-65-4320", "987654320", "5550147788", "zog@quibble.example"):
        row = {c.name: canary for c in FILES[file].of_version("2026")} | {
            key: value
            for key, value in (("PersonalID", "P1"), ("EnrollmentID", "N1"), ("ProjectID", "J1"))
            if key in {c.name for c in FILES[file].columns}
        }
        export.setdefault(file, [])
        made = make(tmp_path, {**export, file: [*export[file], row]})
        words = {cell for name in made.members if name.endswith(".csv") for r in made.table(name)
                 for cell in r.values()}  # fmt: skip
        assert canary not in words | set(made.everything.split('"')), (file, canary)


def test_one_person_at_two_organizations_is_two_people_to_whoever_holds_both_bundles(tmp_path: Path) -> None:
    """Also when both were made with one key file, as by a network's own HMIS administrator."""
    first, second = make(tmp_path, clean(), "O1"), make(tmp_path, clean(), "O2")
    ids = [{row["PersonalID"] for row in made.table("Client.csv")} for made in (first, second)]
    assert len(ids[0]) == len(ids[1]) == 2
    assert not ids[0] & ids[1]
    assert first.manifest["key_fingerprint"] != second.manifest["key_fingerprint"]
    hashed = [
        {cell for name in made.members if name.endswith(".csv") for row in made.table(name)
         for column, cell in row.items() if column.endswith("ID") and len(cell) == 32}
        for made in (first, second)
    ]  # fmt: skip
    assert hashed[0] and not hashed[0] & hashed[1]


def test_nothing_a_shared_client_row_carries_can_be_joined_on_time(tmp_path: Path) -> None:
    """Client rows are shared between organizations: a time stamp to the second would join their bundles."""
    for row in make(tmp_path, clean()).table("Client.csv"):
        assert row["DateCreated"] == row["DateUpdated"] == "2025-10-02 00:00:00"


def test_rows_do_not_keep_the_order_of_the_export(tmp_path: Path) -> None:
    """The export's order is often its clients' order; two bundles in it would line up."""
    export = clean()
    export["Client"] = rows("Client", *({"PersonalID": f"P{n}", "DOB": "1990-01-01"} for n in range(1, 40)))
    export["Enrollment"] = rows(
        "Enrollment",
        *({"EnrollmentID": f"N{n}", "PersonalID": f"P{n}", "ProjectID": "J1", "HouseholdID": f"H{n}"}
          for n in range(1, 40)),
    )  # fmt: skip
    made = make(tmp_path, export)
    for name in ("Client.csv", "Enrollment.csv"):
        ids = [next(iter(row.values())) for row in made.table(name)]
        assert ids == sorted(ids)
    backwards = {**export, "Client": export["Client"][::-1], "Enrollment": export["Enrollment"][::-1]}
    (tmp_path / "again").mkdir()
    again = make(tmp_path / "again", backwards)
    assert again.members["Client.csv"] == made.members["Client.csv"]


def test_a_problem_in_the_bundle_names_the_bundles_row_and_at_home_the_exports(tmp_path: Path) -> None:
    export = clean()
    export["Enrollment"][1]["DisablingCondition"] = "7"
    made = make(tmp_path, export)
    at_home = list(csv.DictReader(made.result.problems_path.read_text().splitlines()))
    assert [(row["row"], row["column"]) for row in at_home] == [("3", "DisablingCondition")]
    (inside,) = made.table("problems.csv")
    assert made.table("Enrollment.csv")[int(inside["row"]) - 2]["DisablingCondition"] == ""


def test_the_same_key_gives_the_same_bytes_and_another_key_other_ids(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    one, two = (make(folder, clean()) for folder in folders[:2])
    assert one.path.read_bytes() == two.path.read_bytes()
    other = make(folders[2], clean(), key=b"\7" * 32)
    assert not {r["PersonalID"] for r in other.table("Client.csv")} & {
        r["PersonalID"] for r in one.table("Client.csv")
    }


def test_a_later_export_gives_a_client_the_same_id(tmp_path: Path) -> None:
    before = make(tmp_path, clean())
    later = clean()
    later["Client"].insert(0, {**later["Client"][0], "PersonalID": "P0"})
    later["Client"][1]["LastName"] = "Renamed"
    after = make(tmp_path, later)
    assert {r["PersonalID"] for r in before.table("Client.csv")} == {
        r["PersonalID"] for r in after.table("Client.csv")
    }


def test_rows_in_and_out_agree_with_the_export(tmp_path: Path) -> None:
    export = clean()
    export["Exit"].append({**export["Exit"][0], "ExitID": "X7", "EnrollmentID": "nowhere"})
    made = [make(tmp_path, export, organization) for organization in ("O1", "O2")]
    for name, table in export.items():
        for m in made:
            count = m.result.files[name]
            assert count.rows_in == len(table)
            assert count.rows_out == len(m.table(f"{name}.csv"))
            dropped = count.rows_dropped_other_org + count.rows_dropped_unassigned + count.rows_dropped_broken
            assert count.rows_in == count.rows_out + dropped
            assert count.sha256 == hashlib.sha256(m.members[f"{name}.csv"]).hexdigest()
    exits = [m.result.files["Exit"] for m in made]
    assert [e.rows_out for e in exits] == [1, 1]
    assert [e.rows_dropped_unassigned for e in exits] == [1, 1]
    assert exits[0].withheld_free_text == 1


def test_two_manifests_do_not_tell_how_many_clients_they_share(tmp_path: Path) -> None:
    """P1 is served by both: with the rows that came in, 2 + 2 out of 3 would say that one is shared."""
    for organization in ("O1", "O2"):
        made = make(tmp_path, clean(), organization)
        for name, said in made.manifest["files"].items():
            assert set(said) == {"rows_out", "withheld_free_text", "sha256"}
            assert said["rows_out"] == len(made.table(name))
    told = made.result.files["Client"]
    assert (told.rows_in, told.rows_dropped_other_org) == (3, 1)  # which the agency itself may know


def test_the_clean_export_has_no_problem_and_keeps_every_other_column(tmp_path: Path) -> None:
    made = make(tmp_path, clean())
    assert made.manifest["problems"] == {}
    assert made.manifest["format"] == "casehub-bundle/1"
    assert made.manifest["hmis_version"] == "2026"
    assert made.manifest["organization"]["name"] == "Invented House"
    for name in schema.HMIS_FILES:
        header = bundle_header(name, version="2026", victim_service_provider=False, report=False)
        assert made.header(f"{name}.csv") == header
    (exit_row,) = made.table("Exit.csv")
    assert (exit_row["ExitDate"], exit_row["ExchangeForSex"]) == ("2025-08-01", "1")


def test_ages_are_bands_and_whole_years_only_for_a_report(tmp_path: Path) -> None:
    plain = make(tmp_path, clean())
    assert {r["AgeBand"] for r in plain.table("Client.csv")} == {"25_59", "13_17"}
    assert "AgeAtEntry" not in plain.header("Enrollment.csv")
    report = make(tmp_path, clean(), report=(date(2025, 7, 1), date(2025, 9, 30)))
    by_band = {r["AgeBandAtEntry"]: r for r in report.table("Enrollment.csv")}
    assert by_band["13_17"]["AgeAtEntry"] == "14"  # entered 2025-04-01, born 2010-06-30
    assert by_band["13_17"]["AgeInPeriod"] == "15"  # on 2025-07-01
    assert by_band["25_59"]["AgeInPeriod"] == "38"
    after = make(tmp_path, clean(), report=(date(2025, 8, 2), date(2025, 9, 30)))
    assert {r["AgeInPeriod"] for r in after.table("Enrollment.csv")} == {"", "15"}  # one had left
    assert after.manifest["report_period"] == {"start": "2025-08-02", "end": "2025-09-30"}


@pytest.mark.parametrize(("said", "kept"), [("0", True), ("1", False), ("", False), ("x", False)])
def test_a_place_is_withheld_unless_the_organization_surely_is_no_victim_service_provider(
    tmp_path: Path, said: str, kept: bool
) -> None:
    export = clean()
    export["Organization"][0]["VictimServiceProvider"] = said
    made = make(tmp_path, export)
    assert ({"City", "Geocode"} <= set(made.header("ProjectCoC.csv"))) is kept
    assert ("Inventon" in made.everything) is kept


def test_untidy_headers_are_read(tmp_path: Path) -> None:
    """Shuffled, differently cased, with a byte order mark, a column too many, Latin-1 and a file missing."""
    export = clean()
    table = export["Enrollment"]
    header = [*reversed(table[0]), "Zyxanariella"]
    data = to_csv([{**row, "Zyxanariella": "Zyxanariella"} for row in table], header)
    data = b"\xef\xbb\xbf" + data.replace(b"EnrollmentID", b"enrollmentid", 1)
    del export["Event"]
    export["Project"][0]["ProjectName"] = "CAFE"
    project = to_csv(export["Project"], list(export["Project"][0])).replace(b"CAFE", b"Caf\xe9")
    made = make(tmp_path, export, raw={"Enrollment.csv": data, "Project.csv": project})
    assert made.codes == {
        "columns_shuffled", "column_misspelled", "column_unknown", "text_not_utf8", "file_missing",
    }  # fmt: skip
    assert len(made.table("Enrollment.csv")) == 2
    assert "Café" in {row["ProjectName"] for row in made.table("Project.csv")}
    assert _leaks(made.everything) == []


def test_a_file_without_header_leaks_nothing(tmp_path: Path) -> None:
    export = clean()
    data = to_csv(export["Client"], list(export["Client"][0])).split(b"\r\n", 1)[1]
    made = make(tmp_path, export, raw={"Client.csv": data})
    assert _leaks(made.everything + made.result.problems_path.read_text()) == []
    assert made.manifest["files"]["Client.csv"]["rows_out"] == 0


def test_a_row_with_a_comma_too_many_is_left_out_and_reported(tmp_path: Path) -> None:
    export = clean()
    data = to_csv(export["Client"], list(export["Client"][0])).replace(b"Quibblefrond", b"Quibble,frond")
    made = make(tmp_path, export, raw={"Client.csv": data})
    assert made.result.files["Client"].rows_dropped_broken == 1
    assert made.codes == {"row_broken", "person_missing"}


def test_fy2024_columns(tmp_path: Path) -> None:
    export = clean()
    export["Export"][0]["CSVVersion"] = "2024 v1.4"
    header = [c.name for c in FILES["Client"].of_version("2024")]
    export["Client"] = [
        {name: row.get(name, "0" if name in ("Woman", "HispanicLatinaeo") else "") for name in header}
        for row in export["Client"]
    ]
    export["Client"][0]["DifferentIdentityText"] = "told me that Zyxa"
    made = make(tmp_path, export)
    assert made.manifest["hmis_version"] == "2024"
    assert {row["Woman"] for row in made.table("Client.csv")} == {"0"}
    assert "Sex" not in made.header("Client.csv")
    assert _leaks(made.everything) == []


def test_our_own_files_belong_by_enrollment_and_anonymous_rows_only_where_it_is_clear(tmp_path: Path) -> None:
    export = clean()
    touch = {"OccurredOn": "2025-03-02", "Sector": "hotline", "Kind": "contact", "Given": "shelter;legal"}
    header = {c.name: "" for c in FILES["Touchpoint"].columns}
    export["Touchpoint"] = [
        {**header, **touch, "TouchpointID": "T1", "PersonalID": "P1", "EnrollmentID": "N1"},
        {**header, **touch, "TouchpointID": "T2", "PersonalID": "P1", "EnrollmentID": "N8"},
        {**header, **touch, "TouchpointID": "T3"},
    ]
    shared = make(tmp_path, export)
    assert [row["Given"] for row in shared.table("Touchpoint.csv")] == ["shelter;legal"]
    assert shared.codes == {"owner_unclear"}
    for name in ("Organization", "Project"):
        export[name] = [row for row in export[name] if row["OrganizationID"] == "O1"]
    export["Touchpoint"].append({**header, **touch, "TouchpointID": "T4", "PersonalID": "P3"})
    alone = make(tmp_path, export, None)
    anonymous = [row for row in alone.table("Touchpoint.csv") if not row["PersonalID"]]
    assert len(anonymous) == 1
    people = {row["PersonalID"] for row in alone.table("Client.csv")}
    assert {row["PersonalID"] for row in alone.table("Touchpoint.csv")} <= people | {""}
    assert len(people) == 3, "a client we only had contact with is a client"


def test_an_unknown_organization_and_a_forgotten_one_are_refused_with_the_list(tmp_path: Path) -> None:
    for organization in ("O7", None):
        with pytest.raises(Refused, match=r"O1 \(Invented House\); O2 \(Imagined Hall\)"):
            make(tmp_path, clean(), organization)


def test_a_failed_run_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(bundle._Run, "manifest", fail)
    with pytest.raises(RuntimeError):
        make(tmp_path, clean())
    assert list((tmp_path / "out").iterdir()) == []


def test_no_sentence_can_quote_a_cell() -> None:
    assert not [code for code, sentence in SENTENCES.items() if "{" in sentence or "%" in sentence]
