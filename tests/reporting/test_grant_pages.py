"""A grant report's life through real requests: draft, gaps, rules, rows, versions, files, strangers."""

import csv
import io
import re
import uuid
from datetime import date

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from python_calamine import CalamineWorkbook

from agencies.models import LedgerEntry
from agencies.roles import ROLES, Permission
from referrals.models import ClientOpenedTo, Restriction
from reporting.models import GrantReport
from tests.reporting.test_grants import at, award, served

WINTER = "q2025-01-01"


def opened(world, letter="A", period=WINTER, paid=None):
    """The draft, opened as its data lead would."""
    answer = world.browser(letter, "data_lead").post(
        "/reports/", {"form": "voca-sgr", "award": paid.pk if paid else "", "period": period}
    )
    assert answer.status_code == 302
    with world.acting(letter, "data_lead"):
        return GrantReport.objects.get(pk=answer.url.strip("/").split("/")[-1])


def again(world, report):
    with world.acting(world.letter(report.agency_id), "data_lead"):
        return GrantReport.objects.get(pk=report.pk)


def page(world, report, letter="A"):
    answer = world.browser(letter, "data_lead").get(f"/reports/{report.pk}/")
    assert answer.status_code == 200
    return answer.content.decode()


def number_of(body, code):
    """The number that the page shows for an item, as text."""
    found = re.search(rf'data-item="{re.escape(code)}">.*?<span class="v">(.*?)</span>', body, re.S)
    return re.sub(r"<.*?>", "", found[1])


def entries(world, verb, letter="A"):
    with world.acting(letter):
        return list(LedgerEntry.objects.filter(agency=world.agency(letter), verb=verb))


def test_the_draft_counts_at_once_says_what_is_missing_and_opens_its_rules(world):
    served(world, worker=world.person("A"))
    body = page(world, opened(world))
    assert number_of(body, "Q1") == "1" and number_of(body, "Q4.age.7") == "1"
    assert "Age band, new clients" in body and "caseworker of A has 1" in body
    assert "Distinct people with at least one service dated in the period." in body
    assert "Adds up to Q3." in body
    assert number_of(body, "A1") == "–" and "not entered" in body


def test_the_quarter_before_stands_beside(world):
    served(world, date(2024, 11, 5))
    served(world)
    body = page(world, opened(world))
    beside = re.search(r'data-item="Q1">.*?<span class="p">(\d+)</span>', body, re.S)
    assert (number_of(body, "Q1"), beside[1]) == ("1", "1")


def test_opening_the_same_report_twice_opens_one(world):
    assert opened(world).pk == opened(world).pk
    assert opened(world, period="y2025-01-01").pk != opened(world).pk


def test_an_awards_report_counts_the_award(world):
    served(world)
    paid = award(world, starts_on=date(2025, 1, 1))
    report = opened(world, paid=paid)
    assert number_of(page(world, report), "Q1") == "0"
    whole = opened(world, paid=paid, period="award")
    assert (whole.period_start, whole.period_end) == (paid.starts_on, paid.ends_on)


def test_what_only_people_know_is_kept_on_the_draft(world):
    report = opened(world)
    browser = world.browser("A", "data_lead")
    browser.post(f"/reports/{report.pk}/answers/", {"A1": "12", "Q7": ["C", "A"]})
    assert again(world, report).entered == {"A1": 12, "Q7": "A, C"}
    body = page(world, report)
    assert number_of(body, "A1") == "12" and number_of(body, "Q7") == "A, C"
    browser.post(f"/reports/{report.pk}/answers/", {"A1": ""})
    assert again(world, report).entered == {}


@pytest.mark.parametrize("given", ["twelve", "-1", "1.5", "1e9", "٣", "9" * 5000, "=1+1"])
def test_an_answer_that_is_no_number_is_shown_and_not_kept(world, given):
    report = opened(world)
    answer = world.browser("A", "data_lead").post(f"/reports/{report.pk}/answers/", {"A1": given, "A3": "4"})
    assert answer.status_code == 422 and b'aria-invalid="true"' in answer.content
    assert again(world, report).entered == {}


def test_a_frozen_version_never_changes_and_a_correction_says_what_differs(world):
    served(world)
    report = opened(world)
    browser = world.browser("A", "data_lead")
    browser.post(f"/reports/{report.pk}/answers/", {"A1": "12"})
    assert browser.post(f"/reports/{report.pk}/freeze/").status_code == 302
    served(world)
    body = page(world, report)
    assert number_of(body, "Q1") == "1" and "The records say something else today" in body
    browser.post(f"/reports/{report.pk}/answers/", {"A1": "99"})
    browser.post(f"/reports/{report.pk}/freeze/")
    assert again(world, report).numbers["A1"] == 12
    corrected = browser.post(f"/reports/{report.pk}/correct/").url
    assert corrected == browser.post(f"/reports/{report.pk}/correct/").url  # one draft, not two
    second = browser.get(corrected).content.decode()
    assert "Differs from version 1" in second and number_of(second, "Q1") == "2"
    assert number_of(second, "A1") == "12"
    assert opened(world).version == 2
    (frozen,) = entries(world, "report.frozen")
    assert frozen.target_id == str(report.pk)


@pytest.mark.parametrize("attempt", ["update", "delete", "thaw"])
def test_the_database_holds_a_frozen_report(world, attempt):
    report = opened(world)
    world.browser("A", "data_lead").post(f"/reports/{report.pk}/freeze/")
    with world.acting("A", "data_lead"):
        same = GrantReport.objects.filter(pk=report.pk)
        change = {
            "update": lambda: same.update(numbers={"Q1": 99}),
            "thaw": lambda: same.update(frozen_at=None),
            "delete": same.delete,
        }[attempt]
        with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
            change()


def test_a_running_period_cannot_be_frozen(world):
    today = timezone.localdate()
    report = opened(world, period=f"q{today}")
    answer = world.browser("A", "data_lead").post(f"/reports/{report.pk}/freeze/", follow=True)
    assert b"The period has not ended" in answer.content
    assert again(world, report).frozen_at is None


def test_a_number_opens_its_rows_by_the_agencys_code_and_says_so_in_the_ledger(world):
    client = world.client("A", "RIVER-7")
    world.service(client, provided_on=date(2025, 2, 1), type="crisis", quantity=3)
    report = opened(world)
    browser = world.browser("A", "data_lead")
    body = browser.get(f"/reports/{report.pk}/rows/C1/").content.decode()
    assert "RIVER-7" in body and ">3<" in body
    assert "RIVER-7" in browser.get(f"/reports/{report.pk}/rows/gap-age_band/").content.decode()
    first, second = entries(world, "report.rows_viewed")
    assert {first.why, second.why} == {"C1", "gap-age_band"} and first.rows == 1


def test_anonymous_contacts_open_without_anybody(world):
    world.touchpoint("A", occurred_at=at(2, 3), sector="hotline")
    report = opened(world)
    body = world.browser("A", "data_lead").get(f"/reports/{report.pk}/rows/Q2/").content.decode()
    assert "Anonymous contacts" in body and "Hotline" in body


def test_a_closed_record_is_counted_and_stays_closed(world):
    client = world.client("A", "SHY-1")
    world.service(client, provided_on=date(2025, 2, 1))
    with world.acting("A", "supervisor"):
        Restriction.objects.create(agency=world.agency("A"), client=client)
    assert not ClientOpenedTo.objects.exists()
    report = opened(world)
    assert number_of(page(world, report), "Q1") == "1"
    body = world.browser("A", "data_lead").get(f"/reports/{report.pk}/rows/Q1/").content.decode()
    assert "SHY-1" not in body and "1 counted client is closed to you" in body


@pytest.mark.parametrize("code", ["Q99", "A1", "gap-nothing", "../Q1"])
def test_rows_of_what_is_no_number_are_not_found(world, code):
    report = opened(world)
    assert world.browser("A", "data_lead").get(f"/reports/{report.pk}/rows/{code}/").status_code == 404


ROUTES = ["", "rows/Q1/", "answers/", "freeze/", "correct/"]


@pytest.mark.parametrize("route", [*ROUTES, ".csv", ".pdf"])
def test_another_agencys_report_is_a_missing_one(world, route):
    """The owner is let in by the same set-up."""
    report = opened(world)
    missing = uuid.uuid4()

    def ask(letter, pk):
        browser = world.browser(letter, "data_lead")
        url = f"/reports/{pk}{route}" if route.startswith(".") else f"/reports/{pk}/{route}"
        return browser.post(url, {}) if route in ("answers/", "freeze/", "correct/") else browser.get(url)

    foreign, absent = ask("B", report.pk), ask("B", missing)
    assert (foreign.status_code, foreign.content) == (404, absent.content)
    assert ask("A", report.pk).status_code in (200, 302)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_only_who_makes_grant_reports_opens_them(world, role):
    report = opened(world)
    browser = world.browser("A", role)
    allowed = Permission.GRANT_REPORT in ROLES[role].grants
    for url in ("/reports/", f"/reports/{report.pk}/", f"/reports/{report.pk}.csv"):
        assert browser.get(url).status_code == (200 if allowed else 404)


@pytest.mark.parametrize(
    "bad",
    [{"form": "none"}, {"award": "x"}, {"period": "q2025-99-99"}, {"period": ""}, {"period": "z2025-01-01"}],
)
def test_a_choice_that_is_none_is_not_found(world, bad):
    asked = {"form": "voca-sgr", "award": "", "period": WINTER} | bad
    assert world.browser("A", "data_lead").post("/reports/", asked).status_code == 404


def test_another_agencys_award_cannot_be_reported_on(world):
    theirs = award(world, "B")
    asked = {"form": "voca-sgr", "award": theirs.pk, "period": WINTER}
    assert world.browser("A", "data_lead").post("/reports/", asked).status_code == 404


def exported(world, report, shape):
    answer = world.browser("A", "data_lead").get(f"/reports/{report.pk}.{shape}")
    assert answer.status_code == 200
    return answer


def test_csv_and_workbook_say_the_same_and_say_draft(world):
    served(world)
    report = opened(world)
    lines = list(
        csv.reader(io.StringIO(exported(world, report, "csv").content.decode("utf-8-sig"), newline=""))
    )
    book = CalamineWorkbook.from_filelike(io.BytesIO(exported(world, report, "xlsx").content))
    cells = book.get_sheet_by_index(0).to_python()
    as_text = [[str(int(cell)) if isinstance(cell, float) else cell for cell in line] for line in cells]
    assert [[cell for cell in line if cell] for line in as_text] == [[c for c in line if c] for line in lines]
    said = {line[0]: line for line in lines if line}
    assert said["Q1"][2] == "1" and said["A1"][2] == "not entered" and said["Q3"][2] == "1"
    assert "DRAFT" in said["State"][1] and "stand twice" in said["What it does not show"][1]
    assert "-draft.csv" in exported(world, report, "csv")["Content-Disposition"]
    world.browser("A", "data_lead").post(f"/reports/{report.pk}/freeze/")
    after = exported(world, report, "csv")
    assert "Version 1, frozen" in after.content.decode() and "DRAFT" not in after.content.decode()
    assert "-draft" not in after["Content-Disposition"]
    assert {entry.why for entry in entries(world, "report.exported")} == {"csv", "xlsx"}


def test_the_paper_is_a_tagged_pdf_with_its_fonts_inside(world):
    world.agency("A", name="Kingfisher #House* <b>")
    served(world)
    paper = exported(world, opened(world), "pdf").content
    assert paper.startswith(b"%PDF-") and b"/MarkInfo" in paper and b"/StructTreeRoot" in paper
    assert b"FontFile" in paper and b"pdfuaid" in paper
