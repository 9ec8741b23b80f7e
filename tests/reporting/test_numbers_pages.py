"""The numbers pages through real requests: who sees what, what is entered, and what never leaves."""

import io
import json
import re
from datetime import date, datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django.utils.translation import gettext, override
from python_calamine import CalamineWorkbook

from agencies.models import LedgerEntry, SharingAgreement
from agencies.roles import ROLES, Permission
from agencies.scope import Actor
from referrals.models import Enrollment, Service, Touchpoint
from reporting import reading, releases, tasks
from reporting.measures import Period
from reporting.models import Grid, Release, Showing
from reporting.releases.publishing import PERIODS_BACK
from tests.reporting.releasing import approved
from tests.reporting.releasing import released as released_once

YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))
ZONE = ZoneInfo("America/Chicago")
SHAPES = ("csv", "xlsx", "json", "svg")


def at(month: int, day: int, year: int = 2025) -> datetime:
    return datetime(year, month, day, 12, tzinfo=ZONE)


def sign(world, letter):
    with world.acting(letter):
        SharingAgreement.objects.create(
            agency=world.agency(letter), version=1, text_digest="0" * 64, signed_at=timezone.now()
        )


def network(world):
    return Actor.hub(world.agency("HUB"), Permission.REPORT_NETWORK)


def three_agencies(world, clients=(12, 15, 14), *, screened=1):
    """41 identified at three agencies; the last `screened` clients of agency B are screened."""
    for letter, number in zip("ABC", clients, strict=True):
        sign(world, letter)
        for place in range(number):
            client = world.client(letter)
            world.touchpoint(letter, client, occurred_at=at(1, 5), trafficking_status="possible")
            if letter == "B" and place >= number - screened:
                world.screening(client, at(2, 1))
    world.agency("HUB")
    releases.choose_grid(Grid.YEAR)


def released(world, **facts):
    three_agencies(world, **facts)
    for measure in ("pipeline", "anonymous_contacts"):
        released_once(world, measure, YEAR)
    return Release.objects.get(measure="pipeline")


def planned(world):
    """The two measures are released each year, as two people decided."""
    for measure in ("pipeline", "anonymous_contacts"):
        approved(world, measure)


def entries(world, letter, verb):
    with world.acting(letter):
        return list(LedgerEntry.objects.filter(agency=world.agency(letter), verb=verb))


def test_a_partner_reads_the_range_the_chart_and_the_caveats(world):
    made = released(world)
    page = world.browser("P", "partner_viewer").get("/numbers/")
    body = page.content.decode()
    assert page.status_code == 200
    assert "15 to 45" in body and "Client records: a person known to two agencies stands twice" in body
    assert "3 of 3 agencies" in body and made.label in body
    assert body.count('<dl class="caveat">') == 2  # the pipeline, and its cut by sector
    assert Showing.objects.filter(release=made, channel="page").count() == 1
    assert not re.search(r'\sstyle="|<style|<script>|\son[a-z]+="', body)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_download_says_the_same_and_is_entered(world, shape):
    made = released(world)
    response = world.browser("P", "partner_viewer").get(f"/numbers/{made.pk}.{shape}")
    assert response.status_code == 200
    assert "attachment" in response["Content-Disposition"] and response["Cache-Control"] == "no-store"
    showing = Showing.objects.get(release=made, channel=shape)
    assert showing.user == world.person("P", "partner_viewer")


@pytest.mark.parametrize("shape", ["page", *SHAPES])
def test_a_hidden_count_is_in_no_byte_that_leaves(world, shape):
    """37 clients of one agency were screened. The network hides them; the agency's own page says 37."""
    made = released(world, clients=(12, 40, 14), screened=37)
    browser = world.browser("P", "partner_viewer")
    answer = browser.get("/numbers/" if shape == "page" else f"/numbers/{made.pk}.{shape}")
    # what is random, a clock, or how many figures there are may say 37 by chance
    chance = r"[0-9a-f-]{8,}|\d+:\d\d|#[0-9a-f]{3,6}|\d+\.\d+|\d+ figures here"
    said = re.sub(chance, "", as_text(answer.content, shape))
    assert not re.search(r"\b3[5-9]\b", said)
    assert re.search(r"\b(66|70)\b", said)
    own = world.browser("B").get("/numbers/own/", {"period": "2025"}).content.decode()
    assert re.search(r">\s*37\s*<", own)


def as_text(content: bytes, shape: str) -> str:
    if shape == "svg":
        return " ".join(ElementTree.fromstring(content).itertext())
    if shape != "xlsx":
        return content.decode()
    book = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    return repr([[int(cell) if isinstance(cell, float) else cell for cell in line] for line in book])


def test_the_picker_shows_the_releases_there_are(world):
    made = released(world)
    browser = world.browser("P", "partner_viewer")
    assert browser.get("/numbers/", {"period": made.label}).status_code == 200
    assert browser.get("/numbers/", {"period": "pipeline-1999-01-year"}).status_code == 404
    assert b"Year 2025" in browser.get("/numbers/").content


def test_before_the_first_release_the_page_says_when_it_comes(world):
    world.agency("A")
    body = world.browser("P", "partner_viewer").get("/numbers/").content.decode()
    assert "not there yet" in body and "its figures can come on" in body
    assert "Our own numbers" not in body
    assert "Our own numbers" in world.browser("A").get("/numbers/").content.decode()


@pytest.mark.parametrize("role", sorted(ROLES))
def test_who_may_open_which_numbers(world, role):
    made = released(world)
    browser = world.browser("A", role)
    grants = ROLES[role].grants
    for url, needed in (
        ("/numbers/", {Permission.REPORT_NETWORK}),
        (f"/numbers/{made.pk}.csv", {Permission.REPORT_NETWORK}),
        ("/numbers/own/", {Permission.REPORT_OWN}),
        ("/numbers/own/2025.csv", {Permission.REPORT_OWN, Permission.REPORT_EXPORT}),
    ):
        assert browser.get(url).status_code == (200 if needed <= grants else 404), url


def test_own_figures_are_exact_live_and_ones_own(world):
    three_agencies(world)
    world.touchpoint("A", occurred_at=at(3, 3))
    browser = world.browser("A", "data_lead")
    body = browser.get("/numbers/own/", {"period": "2025"}).content.decode()
    assert "Exact figures of Agency A" in body and ">12<" in body and "15 to 45" not in body
    assert "Anonymous contacts: <strong>1</strong>" in body
    client = world.client("A")
    world.touchpoint("A", client, occurred_at=at(4, 4), trafficking_status="possible")
    assert ">13<" in browser.get("/numbers/own/", {"period": "2025"}).content.decode()
    assert ">12<" in browser.get("/numbers/own/", {"period": "2025-q1"}).content.decode()


@pytest.mark.parametrize("shape", SHAPES)
def test_an_export_of_own_figures_stands_in_the_agencys_ledger(world, shape):
    three_agencies(world)
    response = world.browser("A", "data_lead").get(f"/numbers/own/2025.{shape}")
    assert response.status_code == 200
    (entry,) = entries(world, "A", "report.exported")
    assert (entry.user_id, entry.why) == (world.person("A", "data_lead").pk, f"pipeline 2025 {shape}")
    assert not entries(world, "B", "report.exported")


@pytest.mark.parametrize("period", ["2025-13", "2025-q5", "25", "2025-q1-x", "9999", "null"])
def test_a_period_that_is_none_is_not_found(world, period):
    three_agencies(world)
    browser = world.browser("A", "data_lead")
    assert browser.get("/numbers/own/", {"period": period}).status_code == 404
    assert browser.get(f"/numbers/own/{period}.csv").status_code == 404


def test_a_missing_release_and_an_unknown_shape_are_not_found_alike(world):
    made = released(world)
    browser = world.browser("A", "data_lead")
    other = made.pk.hex[::-1]
    missing = f"/numbers/{other[:8]}-{other[8:12]}-{other[12:16]}-{other[16:20]}-{other[20:]}.csv"
    assert browser.get(missing).content == browser.get(f"/numbers/{made.pk}.exe").content
    assert browser.get(missing).status_code == 404


def test_an_agency_without_rows_is_told_how_figures_come(world):
    assert "has no records yet" in world.browser("A").get("/numbers/own/").content.decode()


def settle(world, letters="ABC"):
    """As if all of it had come in long ago."""
    for letter in letters:
        with world.acting(letter):
            for model in (Touchpoint, Enrollment, Service):
                model.objects.update(recorded_at=timezone.now() - timedelta(days=90))


def test_the_snapshot_releases_each_closed_period_once(world):
    three_agencies(world)
    world.agency("D")
    settle(world)
    planned(world)
    years = timezone.localdate().year - 2025
    assert tasks.snapshot() == 2 * years
    assert tasks.snapshot() == 0
    assert Release.objects.filter(measure="pipeline", period_start=YEAR.start).exists()
    assert not Release.objects.filter(period_start__lt=YEAR.start).exists()


def test_the_snapshot_waits_while_an_agency_brings_its_history_in(world):
    """A release is for good: of four agencies expected the third has just begun."""
    three_agencies(world)
    world.agency("D")
    settle(world, "AB")
    planned(world)
    assert tasks.snapshot() == 0
    world.agency("D").__class__.objects.filter(slug="agency-d").update(is_expected_to_report=False)
    assert tasks.snapshot() > 0


def test_the_snapshot_of_a_hub_without_office_or_records_is_nothing(world):
    assert tasks.snapshot() == 0
    world.agency("HUB")
    world.agency("A")
    assert tasks.snapshot() == 0


def test_a_wrong_date_of_long_ago_does_not_make_a_thousand_releases(world):
    three_agencies(world)
    for letter in "ABC":
        world.touchpoint(letter, occurred_at=at(1, 1, 1901))
    settle(world)
    planned(world)
    assert tasks.snapshot() == 2 * PERIODS_BACK


def test_the_terminal_prints_the_release_and_an_agencys_own(world, tmp_path, capsys):
    made = released(world)
    call_command("pipeline", json=tmp_path / "r.json")
    assert "15" in capsys.readouterr().out
    assert json.loads((tmp_path / "r.json").read_text())["people"] == {"low": 15, "high": 45}
    assert Showing.objects.filter(release=made, channel="terminal").exists()
    call_command("pipeline", agency="agency-a", year=2025)
    assert "exact figures of one agency" in " ".join(capsys.readouterr().out.split())
    assert [entry.user_id for entry in entries(world, "A", "report.exported")] == [None]


@pytest.mark.parametrize(
    "wrong", [{"agency": "none"}, {"release": "none"}, {"agency": "a", "release": "b"}, {}]
)
def test_the_terminal_says_what_is_not_there(world, wrong):
    with pytest.raises(CommandError):
        call_command("pipeline", **wrong)


def test_the_figure_people_is_no_staff_in_spanish():
    with override("es"):
        assert (reading.name_of("people", "figure"), gettext("People")) == ("Personas", "Personal")
