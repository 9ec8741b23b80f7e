"""Spreadsheets as people keep them: read, guessed, refused where they say who somebody is, and taken in."""

import io
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from django.conf import settings

from agencies import jobs, vault
from agencies.models import Job, JobState
from agencies.scope import Actor, acting_as
from referrals import queries
from referrals.exchange import caseload, sheet
from referrals.exchange.reasons import REASONS
from referrals.exchange.sheet import Choice, Days, Sheet, age_band
from referrals.models import (
    Client,
    ColumnMapping,
    Enrollment,
    ImportedRow,
    ImportProblem,
    RefusedRows,
    Screening,
    Service,
    Touchpoint,
)
from tests.world import World


@pytest.fixture(autouse=True)
def own_inbox(settings: Any, tmp_path: Path) -> None:
    settings.INBOX = tmp_path / "inbox"


def workbook(rows: list[list[Any]], *, merged: tuple[int, int, int, int, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    page = book.add_worksheet("Caseload")
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for at, row in enumerate(rows):
        for place, cell in enumerate(row):
            if isinstance(cell, date):
                page.write_datetime(at, place, datetime(cell.year, cell.month, cell.day), day)
            elif cell is not None:
                page.write(at, place, cell)
    if merged:
        page.merge_range(*merged)
    book.close()
    return buffer.getvalue()


MESSY = [
    ["Harbor Light — client list (confidential)"],
    [],
    ["Case #", "Client Name", "D.O.B.", "Sex", "County", "Type of Trafficking", "Trafficking status",
     "Intake Date", "Closed", "Services", "Last seen", "Notes"],
    ["HL-001", "Invented One", date(2001, 5, 6), "F ", "Alder County", "Sex", "Confirmed", date(2025, 1, 10), "",
     "Shelter, legal; food", "2/3/2025", "likes tea"],
    [None, None, None],
    ["HL-002", "Invented Two", "13/04/2010", "male", "birch", "both", "suspected", 45700, "N/A", "case mgmt",
     "03/04/2025", ""],
    ["HL-003", "Invented Three", "n/a", "unk", "Nowhere", "labour", "", "soon", "", "", "5/6/2025", ""],
    ["", "Invented Four", "", "f", "", "", "", "1/2/2025", "", "", "", ""],
    ["HL-001", "Invented One", date(2001, 5, 6), "F", "Alder", "Sex", "Confirmed", date(2025, 6, 1), date(2025, 5, 1),
     "", "", ""],
    ["hl-002 ", "Invented Two", "13/04/2010", "male", "birch", "both", "suspected", 45700, "", "", "", ""],
]  # fmt: skip


# --- reading -----------------------------------------------------------------------------------------------


def test_headings_are_found_below_titles_and_guessed() -> None:
    found = Sheet(workbook(MESSY))
    assert {c.heading: c.guess for c in found.columns()} == {
        "Case #": "code", "Client Name": "", "D.O.B.": "birth_date", "Sex": "Gender", "County": "County",
        "Type of Trafficking": "TraffickingType", "Trafficking status": "TraffickingStatus",
        "Intake Date": "EntryOn", "Closed": "ExitOn", "Services": "Services", "Last seen": "LastContactOn",
        "Notes": "",
    }  # fmt: skip
    assert {c.heading for c in found.columns() if c.is_identity} == {"Client Name", "Notes"}
    assert [number for number, _row in found.rows] == [4, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(
    "text",
    [
        "Code,Entry date\nA1,2025-01-02\n",
        "\ufeffCode;Entry date\r\nA1;2025-01-02\r\n",
        "Code\tEntry date\nA1\t2025-01-02\n",
        "List of clients\n\nCode,Entry date,\nA1,2025-01-02,\n,,\n",
    ],
)
def test_csv_is_read_however_it_is_separated(text: str) -> None:
    for content in (text.encode(), text.encode("utf-16")):
        found = Sheet(content)
        assert [c.guess for c in found.columns()] == ["code", "EntryOn"]
        assert found.rows[0][1][0] == "A1"


def test_a_heading_merged_over_two_rows_is_one_heading() -> None:
    rows = [
        ["Client", None, "Dates", None],
        ["Code", "Sex", "Entry", "Exit"],
        ["A1", "F", date(2025, 1, 2), None],
    ]
    assert [c.guess for c in Sheet(workbook(rows)).columns()] == ["code", "Gender", "EntryOn", "ExitOn"]
    rows = [["Case ID", "Who", None], [None, "Sex", "Age"], ["A1", "F", 30]]
    assert [c.guess for c in Sheet(workbook(rows)).columns()] == ["code", "Gender", "age"]


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2025-03-04", "2025-03-04"), ("3/4/2025", "2025-03-04"), ("3/14/25", "2025-03-14"), ("20250304", "2025-03-04"),
        (45720, "2025-03-04"), ("45720", "2025-03-04"), (45720.5, "2025-03-04"), ("4 Mar 2025", "2025-03-04"),
        ("March 4, 2025", "2025-03-04"), ("04-Mar-25", "2025-03-04"), ("2025-03-04 10:30:00", "2025-03-04"),
        ("3/4/2025 10:30 AM", "2025-03-04"), (datetime(2025, 3, 4, 8), "2025-03-04"), ("14/3/2025", "2025-03-14"),
        ("2025/3/4", "2025-03-04"),
    ],
)  # fmt: skip
def test_dates_are_read_as_people_write_them(cell: Any, day: str) -> None:
    assert Days([cell]).read(cell) == (date.fromisoformat(day), None)


def test_one_column_writes_its_dates_one_way() -> None:
    assert Days(["3/4/2025", "25/4/2025"]).read("3/4/2025") == (date(2025, 4, 3), None)
    assert Days(["3/4/2025", "4/25/2025"]).read("3/4/2025") == (date(2025, 3, 4), None)
    mixed = Days(["3/4/2025", "25/4/2025", "4/25/2025"])
    assert mixed.read("3/4/2025") == (None, "date_ambiguous")
    assert mixed.read("25/4/2025") == (date(2025, 4, 25), None)
    for nonsense in ("soon", "31/02/2025", "99/99/9999", -3, 1e9):
        assert Days([]).read(nonsense) == (None, "date_unreadable")
    for blank in ("", "N/A", "--", None, "  "):
        assert Days([]).read(blank) == (None, None)


@pytest.mark.parametrize(
    ("cell", "band"),
    [(17, "13_17"), ("17", "13_17"), (24.0, "18_24"), ("25 yrs", "25_59"), ("18-24", "18_24"), ("25 to 59", "25_59"),
     ("60+", "60_over"), ("65 and over", "60_over"), ("unknown", "unknown"), ("refused", "declined"), ("", "")],
)  # fmt: skip
def test_an_age_becomes_a_band(cell: Any, band: str) -> None:
    assert age_band(cell) == (band, None)


@pytest.mark.parametrize("cell", ["10-30", 200, "old", "18+"])
def test_an_age_that_makes_no_one_band_is_reported(cell: Any) -> None:
    band, problem = age_band(cell)
    assert band == "" and problem


@pytest.mark.parametrize(
    ("heading", "cells"),
    [("First name", []), ("SSN", []), ("Phone #", []), ("E-mail", []), ("Home address", []), ("A-Number", []),
     ("Comments", []), ("Reach at", ["a@b.example"]), ("ID 2", ["123-45-6789"]), ("Other", ["12 Elm Street"])],
)  # fmt: skip
def test_what_looks_like_identity_can_only_be_left_out(heading: str, cells: list[str]) -> None:
    assert sheet.looks_like_identity(heading, cells)
    assert not sheet.looks_like_identity("Gender", ["F", "M"])
    columns = Sheet(
        workbook([["Case ID", heading, "County"], ["A1", (cells or ["x"])[0], "Alder"]])
    ).columns()
    assert columns[1].guess == ""
    assert Choice({0: "code", 1: "County"}).wrong_with(columns)
    assert not Choice({0: "code", 1: ""}).wrong_with(columns)
    (wrong,) = Choice({1: "code"}).wrong_with(columns)
    assert "can't be the client code" in wrong and "Leave it out" in wrong


@pytest.mark.parametrize(
    "cells",
    [
        ["Inventada, Ana", "Invented, Ben", "KH-1"],
        ["Ana Inventada", "Ben Invented"],
        ["ana inventada", "ben invented"],
        ["Ana", "Ben", "ANA"],
        ["安娜", "本田"],
    ],
)
def test_a_column_of_names_is_no_column_of_codes_whatever_its_heading(cells: list[str]) -> None:
    found = Sheet(
        workbook([["Client ID", "Case", "County"], *([c, f"K{n}", "x"] for n, c in enumerate(cells))])
    )
    columns = found.columns()
    assert [column.guess for column in columns] == ["", "code", "County"]
    (wrong,) = Choice({0: "code"}).wrong_with(columns)
    assert "names" in wrong and "Client ID" in wrong and not any(cell in wrong for cell in cells)
    with pytest.raises(jobs.Refused):
        sheet.Caseload(found, Choice({0: "code"}), agency_id=1)
    assert not Choice({0: "", 1: "code"}).wrong_with(columns)


@pytest.mark.parametrize(
    "cells",
    [
        ["KH-2214", "KH-2215"],
        ["LH-25001", "LH-25002"],
        ["0042", "0043"],
        [42, 43],
        ["blue heron 7", "gray fox 12"],
        ["heron", "fox"],
        ["KH-1", "KH-2", "Ana Inventada"],
    ],
)
def test_an_ordinary_code_may_be_one(cells: list[Any]) -> None:
    columns = Sheet(workbook([["Client ID", "County"], *([c, "Alder"] for c in cells)])).columns()
    assert [column.guess for column in columns] == ["code", "County"]
    assert not Choice({0: "code"}).wrong_with(columns)


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n", b"PK\x03\x04 no zip", b"\xd0\xcf\x11\xe0old", b"one line"]
)
def test_what_is_no_spreadsheet_is_refused(content: bytes) -> None:
    with pytest.raises(jobs.Refused):
        Sheet(content)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("xl/workbook.xml", "<workbook/>")
        bomb.writestr("xl/worksheets/sheet1.xml", b"0" * 5_000_000)
    content = buffer.getvalue()
    monkeypatch.setattr(sheet, "MAX_UNPACKED", 4_000_000)
    monkeypatch.setattr(sheet, "CalamineWorkbook", None)  # would raise another error than Refused
    with pytest.raises(jobs.Refused, match="unpacks"):
        Sheet(content)


# --- taking in ---------------------------------------------------------------------------------------------


def guesses(found: Sheet) -> Choice:
    return Choice({c.place: c.guess for c in found.columns()})


def take(world: World, letter: str, content: bytes, **options: Any) -> Job:
    actor = world.actor(letter, "data_lead")
    with acting_as(actor):
        name = caseload.receive(content)
        found = caseload.open_sheet(name, agency_id=actor.agency_id)
        job = caseload.start(
            name, found, guesses(found), project_id="", is_dry_run=options.get("is_dry_run", False)
        )
    jobs.run(actor.reference, str(job.pk))
    with acting_as(actor):
        job.refresh_from_db()
    return job


def test_a_messy_caseload_is_taken_in_and_its_defects_reported(world: World) -> None:
    for name in ("Alder", "Birch"):
        world.county(name)
    agency = world.agency("A")
    job = take(world, "A", workbook(MESSY))
    assert job.state == JobState.DONE, job.error
    counts = job.result["files"]["Caseload"]
    assert (counts["read"], counts["taken"], counts["refused"]) == (6, 4, 2)
    with acting_as(Actor.hub(agency)):
        clients = {queries.code_of(one): one for one in Client.objects.all()}
        assert set(clients) == {"HL-001", "HL-002", "HL-003"}
        one, two, three = (clients[f"HL-00{at}"] for at in (1, 2, 3))
        assert (one.gender, one.age_band, one.county_id, one.trafficking_status, one.trafficking_type) == (
            "female", "18_24", "99001", "actual", "sex",
        )  # fmt: skip
        assert (two.age_band, two.trafficking_status, two.trafficking_type) == (
            "13_17",
            "possible",
            "sex_and_labor",
        )
        assert (three.gender, three.trafficking_type, three.county_id) == ("unknown", "labor", None)
        assert bytes(one.code_token) == vault.token("hl-001", agency=agency.pk, place="client.code")
        assert sorted(str(day) for day in Enrollment.objects.filter(client=one).values_list("entry_on", flat=True)) == [
            "2025-01-10", "2025-06-01",
        ]  # fmt: skip
        assert str(Enrollment.objects.get(client=two).entry_on) == "2025-02-12"
        assert sorted(Service.objects.filter(client=one).values_list("type", flat=True)) == [
            "basic", "legal_civ", "shel_em",
        ]  # fmt: skip
        assert set(ImportProblem.objects.values_list("row", "column", "code")) == {
            (7, "County", "code_unknown"), (7, "EntryOn", "date_unreadable"), (7, "EntryOn", "entry_missing"),
            (8, "RowKey", "code_missing"), (9, "ExitOn", "exit_before_entry"), (10, "RowKey", "duplicate_id"),
        } | {(row, "StatusDecidedBy", "status_without_decider") for row in (4, 6, 9, 10)}  # fmt: skip
        sent = RefusedRows.objects.get()
        text = vault.unseal(
            sent.body_sealed, agency=agency.pk, place="refusedrows.body", row=sent.pk, subject=sent.pk
        )
        assert "hl-002" in text and "Invented" not in text


def test_no_name_no_birth_date_and_no_code_stands_in_plain_text(
    world: World, settings: Any, tmp_path: Path
) -> None:
    from django.db import connection

    agency = world.agency("A")
    actor = world.actor("A", "data_lead")
    with acting_as(actor):
        name = caseload.receive(workbook(MESSY))
        waiting = (Path(settings.INBOX) / name).read_bytes()
    assert b"Invented" not in waiting and b"PK\x03\x04" not in waiting
    take(world, "A", workbook(MESSY))
    with acting_as(Actor.hub(agency)), connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND has_table_privilege(oid, 'SELECT')"
        )
        for (table,) in cursor.fetchall():
            if table.startswith(("referrals_", "agencies_job", "agencies_ledger")):
                cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
                text = cursor.fetchone()[0] or ""
                for secret in ("Invented", "HL-00", "2001-05-06", "2010-04-13", "likes tea", "Harbor Light"):
                    assert secret not in text, (table, secret)


def test_the_same_spreadsheet_again_changes_nothing_and_its_columns_are_remembered(world: World) -> None:
    agency = world.agency("A")
    take(world, "A", workbook(MESSY))
    with acting_as(Actor.hub(agency)):
        before = (
            list(Client.objects.order_by("pk").values()),
            list(Touchpoint.objects.order_by("pk").values()),
        )
    job = take(world, "A", workbook(MESSY))
    counts = job.result["files"]["Caseload"]
    assert (counts["new"], counts["changed"], counts["unchanged"]) == (0, 0, 4)
    with acting_as(Actor.hub(agency)):
        assert before == (
            list(Client.objects.order_by("pk").values()), list(Touchpoint.objects.order_by("pk").values()),
        )  # fmt: skip
        assert ColumnMapping.objects.count() == 1
        assert caseload.remembered(Sheet(workbook(MESSY)))


def test_a_dry_run_of_a_spreadsheet_writes_nothing(world: World) -> None:
    agency = world.agency("A")
    job = take(world, "A", workbook(MESSY), is_dry_run=True)
    assert job.state == JobState.DONE and job.result["files"]["Caseload"]["taken"] == 4
    with acting_as(Actor.hub(agency)):
        assert (
            not Client.objects.exists()
            and not ImportedRow.objects.exists()
            and not RefusedRows.objects.exists()
        )


def test_a_client_typed_in_before_is_found_by_its_code(world: World) -> None:
    client = world.client("A", "HL-001", gender="other")
    take(world, "A", workbook(MESSY))
    with acting_as(Actor.hub(world.agency("A"))):
        assert Client.objects.count() == 3
        found = Client.objects.get(pk=client.pk)
        assert queries.code_of(found) == "HL-001"
        assert Enrollment.objects.filter(client=client).count() == 2


def test_another_agency_can_not_open_a_waiting_spreadsheet(world: World) -> None:
    with world.acting("A", "data_lead"):
        name = caseload.receive(workbook(MESSY))
    assert caseload.open_sheet(name, agency_id=world.agency("A").pk)
    with pytest.raises(jobs.Refused, match="no such file"):
        caseload.open_sheet(name, agency_id=world.agency("B").pk)


def test_screenings_may_stand_in_a_column(world: World) -> None:
    rows = [
        ["Client ID", "Screening date", "Screening result"],
        ["A1", "1/2/2025", "positive"],
        ["A2", "1/3/2025", ""],
    ]
    take(world, "A", workbook(rows))
    with acting_as(Actor.hub(world.agency("A"))):
        assert sorted(Screening.objects.values_list("result", flat=True)) == ["indicators_present", "stopped"]
    assert not list(Path(settings.INBOX).glob("*"))


IDENTITIES = ["987654320", "(555) 014-7788", "zog@quibble.example", "A12345678", "17 Zinnober Road"]


def _some_codes_are_identities(world: World) -> tuple[Job, str]:
    codes = [f"KH-{at}" for at in range(60)] + IDENTITIES
    job = take(world, "A", workbook([["Client ID", "County"], *([code, ""] for code in codes)]))
    with acting_as(Actor.hub(world.agency("A"))):
        texts = {queries.code_of(one) for one in Client.objects.all()}
    assert texts >= {"KH-0", "KH-59"}
    return job, " ".join(texts)


def test_a_row_whose_code_says_who_somebody_is_is_not_taken(world: World) -> None:
    job, codes = _some_codes_are_identities(world)
    counts = job.result["files"]["Caseload"]
    assert (counts["taken"], counts["refused"]) == (60, len(IDENTITIES))
    assert not any(identity in codes for identity in IDENTITIES)
    with acting_as(Actor.hub(world.agency("A"))):
        refused = ImportProblem.objects.filter(is_taken=False)
        assert {(row, "RowKey", "code_identity") for row in range(62, 67)} == set(
            refused.exclude(column="EntryOn").values_list("row", "column", "code")
        )
    assert "phone number" in str(REASONS["code_identity"])


def test_without_the_shapes_such_a_row_would_be_taken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sabotage."""
    monkeypatch.setattr(sheet.actions, "IDENTITY_SHAPES", {})
    _job, codes = _some_codes_are_identities(world)
    assert "987654320" in codes
