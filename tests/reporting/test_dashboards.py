"""The pages of the network's numbers over invented releases: what they answer, offer, propose and hold back."""

import csv
import io
import json
import re
from datetime import date

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from python_calamine import CalamineWorkbook

from agencies.models import County
from agencies.roles import ROLES, Permission
from casehub.demo import OUTLINES
from reporting.models import Proposal, Release, Showing
from tests.reporting import cubes
from tests.reporting.test_numbers_pages import released as with_pipeline

PAGES = ("next", "where", "before", "given", "who", "coverage", "beside", "saved")
QUESTIONS = {"next": "flows", "where": "stages_by_place", "given": "services", "who": "who"}


def body(browser, path, **asked):
    page = browser.get(f"/numbers/{path}/", asked)
    assert page.status_code == 200, path
    return page.content.decode()


@pytest.fixture
def places(world):
    call_command("counties", OUTLINES)


@pytest.fixture
def viewer(world):
    return world.browser("P", "partner_viewer")


@pytest.fixture
def everything(places):
    """One release of each measure, with the long one that pools."""
    for make in (cubes.flows, cubes.stages_by_place, cubes.who):
        make()
    cubes.stages_by_place(cubes.THREE_YEARS, 3)
    cubes.one_axis("services", "service_group", {"housing": 140, "legal": 66, "health": 3})
    cubes.one_axis("offers", "outcome", {"accepted": 90, "declined": 41, "expired": 15})


@pytest.mark.parametrize("page", QUESTIONS)
def test_a_page_answers_with_picture_table_files_and_caveats(everything, viewer, page):
    text = body(viewer, page)
    assert text.count("<h1>") == 1 and 'role="img"' in text and "<table" in text
    assert '<dl class="caveat">' in text and "Invented" in text and "4 of 5 agencies" in text
    for shape in ("csv", "xlsx", "json", "svg", "pdf"):
        assert re.search(rf"/numbers/[0-9a-f-]+\.{shape}", text), shape
    assert not re.search(r'\sstyle="|<style|<script>|\son[a-z]+="', text)
    assert Showing.objects.filter(channel="page", release__measure=QUESTIONS[page]).exists()


def test_every_file_of_a_page_can_be_had_and_says_the_same(everything, viewer):
    text = body(viewer, "where")
    files = re.findall(r'href="(/numbers/[0-9a-f-]+\.\w+[^"]*)"', text)
    assert len(files) == 5 and "All cuts, XLSX" not in text
    for address in files:
        found = viewer.get(address.replace("&amp;", "&"))
        assert found.status_code == 200 and found.content
        if ".csv" in address or ".svg" in address:
            assert "120" in found.content.decode(), address


def test_where_draws_counties_and_pools_the_small_one(everything, viewer):
    text = body(viewer, "where", only="identified")
    assert "Cedar, " in text and "a longer one answers" in text
    assert re.search(r"2023.*?: 18\.", text)
    assert "For each 100,000" in text and "412,000" in text
    assert "<circle" not in re.sub(r"<defs>.*?</defs>", "", text, flags=re.DOTALL), "a point on a map"
    pooled = re.search(r'href="(\?period=[^"]+)">Open the pooled table', text)[1].replace("&amp;", "&")
    assert "18" in viewer.get(f"/numbers/where/{pooled}").content.decode()


def test_a_map_without_outlines_is_a_page_of_bars(world, viewer):
    for fips, name in (("99001", "Alder"), ("99003", "Birch"), ("99005", "Cedar")):
        County.objects.create(fips=fips, name=name, state="XX")
    cubes.stages_by_place()
    text = body(viewer, "where")
    assert "Alder" in text and 'role="img"' in text and "For each 100,000" not in text


def test_choices_are_those_of_the_release_and_nothing_else(everything, viewer):
    text = body(viewer, "who", by="who.trafficking_type-age_band", only="labor")
    assert 'value="labor" selected' in text
    for wrong in (
        {"by": "who.gender"}, {"by": "flows.origin_family"}, {"by": "who"}, {"only": "everybody"},
        {"period": "20240101-20250101"}, {"period": "x"}, {"by": "who.age_band", "only": "everybody"},
    ):  # fmt: skip
        assert viewer.get("/numbers/who/", wrong).status_code == 404, wrong


def test_a_cut_takes_the_value_that_was_picked_for_another(everything, viewer):
    """Both menus stand in one form, so a value left from the last view comes along with the next one."""
    for page, view, left in (
        ("where", "stages_by_place.stage", "identified"), ("who", "who.age_band", "labor"),
    ):  # fmt: skip
        text = body(viewer, page, by=view, only=left)
        assert f'value="{view}" selected' in text and 'id="only"' not in text
    table = Release.objects.get(measure="stages_by_place", period_start=date(2025, 1, 1))
    drawn = viewer.get(f"/numbers/{table.pk}.svg", {"by": "stage", "picked": "stage", "only": "identified"})
    assert drawn.status_code == 200


def test_what_is_mostly_hidden_proposes_what_can_be_read(everything, viewer):
    text = body(viewer, "who", by="who.trafficking_type-age_band")
    address = re.search(r'<p class="note small coarse">.*?href="([^"]+)"', text, re.DOTALL)
    assert address, "nothing is proposed"
    proposed = viewer.get("/numbers/who/" + address[1].replace("&amp;", "&")).content.decode()
    assert "are hidden" not in proposed


def test_everything_hidden_is_a_page_too(places, viewer):
    cubes.one_axis("who", "age_band", {"13_17": 2, "18_24": 1, "25_59": 3})
    text = body(viewer, "who")
    assert "No coarser view was released" in text and "cellhid" in text
    assert "Beside the people who live here" not in text


def test_representation_is_shown_with_its_caution(everything, viewer):
    text = body(viewer, "who")
    assert "Beside the people who live here" in text and "not the likelihood of trafficking" in text
    assert "Of the clients who answered" in text and "With 95 percent confidence" in text


def test_where_too_much_is_hidden_to_compare_the_page_says_so_in_words(places, viewer):
    cubes.one_axis("who", "age_band", {"13_17": 2, "18_24": 1, "25_59": 3})
    text = body(viewer, "who")
    assert "too much is hidden to say how many answered" in text and "Of the clients who answered" not in text


def test_where_answers_are_hidden_a_share_is_a_range_and_says_why(places, viewer):
    cubes.one_axis("who", "age_band", {"13_17": 9, "18_24": 120, "25_59": 60, "not_asked": 31, "unknown": 10})
    text = body(viewer, "who")
    assert "How many answered is hidden, so each share is a range" in text
    # 120 of 180 to 199, rounded outward: the answers shown, and 230 less the 31 who were not asked.
    assert "60 to 70 %" in text
    assert all(word in files_of(viewer, text)["csv"].decode() for word in ("60 to 70 %", "is a range"))


def test_no_hidden_count_is_on_any_page_or_in_any_file(places, viewer):
    """Cedar has 613 of one agency's making; the release hides it, and so must every byte."""
    axes = {"stage": ["identified"], "county": ["99001", "99003", "99005"]}
    atoms = {("identified", "99001"): 900, ("identified", "99003"): 7, ("identified", "99005"): 8}
    table = cubes.table_of("Where?", axes, atoms, [("stage",), ("stage", "county")])
    made = cubes.released("stages_by_place", table)
    text = body(viewer, "where") + "".join(
        viewer.get(f"/numbers/{made.pk}.{shape}").content.decode() for shape in ("csv", "json", "svg")
    )
    assert "915" in text and not re.search(r">\s*[78]\s*<|,[78]\r", text)


def test_every_stage_has_a_small_map_with_the_classes_of_the_large_one(everything, viewer):
    text = body(viewer, "where", only="screened")
    small = re.search(r'<ul class="minis plain">.*?</ul>', text, re.DOTALL)[0]
    assert small.count("<svg") == 4 and "<strong>Screened</strong>" in small
    assert re.findall(r"only=(\w+)", small) == ["identified", "in_service", "exited"]
    key = re.search(r'<div class="mkey">.*?</div>', text, re.DOTALL)[0]
    classes = re.findall(r">(under \d+|\d+ to under \d+|\d+ or more)<", key)
    assert len(set(classes)) == 3 and "Hidden: too few" in key
    large = text[: text.index('<div class="mkey">')]
    assert all(f">{one}<" in large for one in classes), "the large map has classes of its own"


def test_a_rate_says_what_it_covers(everything, viewer):
    year, three = (body(viewer, "where", period=key) for key in ("20250101-20260101", "20230101-20260101"))
    assert "1 Jan 2025 to 31 Dec 2025: Identified" in year and "no rate for one year" not in year
    assert "1 Jan 2023 to 31 Dec 2025: Identified" in three
    assert "It covers 3 years together: it is no rate for one year." in three
    table = Release.objects.get(measure="stages_by_place", period_start=date(2023, 1, 1))
    held = {"by": "stage-county", "picked": "stage", "only": "identified"}
    assert "no rate for one year" in viewer.get(f"/numbers/{table.pk}.csv", held).content.decode()


def files_of(viewer, text) -> dict[str, bytes]:
    found = re.findall(r'href="(/numbers/[0-9a-f-]+\.(\w+)\?[^"]+)"', text)
    return {shape: viewer.get(address.replace("&amp;", "&")).content for address, shape in found}


def test_files_of_where_have_populations_and_rates_of_shown_counts_alone(everything, viewer):
    files = files_of(viewer, body(viewer, "where", only="screened"))
    assert set(files) == {"csv", "xlsx", "svg", "pdf"}
    lines = list(csv.reader(io.StringIO(files["csv"].decode("utf-8-sig"), newline="")))
    assert lines[0] == ["By stage and county"] and lines[1] == ["Stage", "Alder", "Birch", "Cedar", "All"]
    head = lines.index(["County", "Screened", "People who live there", "For each 100,000 of them"])
    assert lines[head - 1][0].endswith("31 Dec 2025: Screened")
    assert lines[head + 1 : head + 4] == [
        ["Alder", "96", "412000", "23"], ["Birch", "*", "61300", "–"], ["Cedar", "*", "8900", "–"]
    ]  # fmt: skip
    book = CalamineWorkbook.from_filelike(io.BytesIO(files["xlsx"]))
    assert book.sheet_names == ["By stage and county", "For each 100,000 people who liv"]
    assert book.get_sheet_by_index(1).to_python()[2] == ["Alder", 96.0, 412000.0, "23"]
    picture = files["svg"].decode()
    assert all(f">{stage}</text>" in picture for stage in ("Identified", "Screened", "In service", "Exited"))


def test_the_caveats_say_how_much_of_this_view_is_hidden(everything, viewer):
    text = body(viewer, "where")
    shown = re.search(r"<tbody.*?</tbody>", text, re.DOTALL)[0]
    hidden, cells = shown.count("cellhid"), shown.count("<td")
    assert hidden and f"{hidden} of the {cells} figures here: counts of 1 to 10" in text
    assert "None of the 4 figures here" in body(viewer, "where", by="stages_by_place.stage")


@pytest.mark.parametrize("page", QUESTIONS)
def test_before_the_first_release_the_page_says_so(world, viewer, page):
    assert "not there yet" in body(viewer, page)


@pytest.mark.parametrize(("state", "words"), [("refused", "were not released"), ("asked", "second person")])
def test_a_table_that_was_refused_or_waits_says_so(world, viewer, state, words):
    world.agency("HUB")
    Proposal.objects.create(
        measure="who", scope="partners", mode="suppressed", grid="year", label="x", state=state,
        period_start=date(2025, 1, 1), period_end=date(2026, 1, 1), hub=world.agency("HUB"),
        wanted_by=world.person("HUB", "coordinator"),
        **({"asked_by": world.person("HUB", "coordinator"), "asked_at": timezone.now()} if state != "waiting" else {}),
        **({"decided_by": world.person("HUB", "output_checker"), "decided_at": timezone.now()} if state == "refused" else {}),
    )  # fmt: skip
    assert words in body(viewer, "who")


@pytest.mark.parametrize("role", sorted(ROLES))
def test_each_role_opens_what_its_row_of_links_shows(world, role):
    with_pipeline(world)
    browser = world.browser("A", role)
    grants = ROLES[role].grants
    for page in PAGES:
        needs = {Permission.REPORT_NETWORK} | ({Permission.REPORT_OWN} if page == "beside" else set())
        assert browser.get(f"/numbers/{page}/").status_code == (200 if needs <= grants else 404), page
    if Permission.REPORT_NETWORK in grants:
        nav = re.search(r'<nav class="noprint" aria-label="Numbers">.*?</nav>', body(browser, "coverage"))[0]
        links = re.findall(r'href="([^"]+)"', nav)
        assert ("/numbers/own/" in links) == (Permission.REPORT_OWN in grants)
        assert [browser.get(link).status_code for link in links] == [200] * len(links)


def test_beside_shows_two_tables_and_never_what_is_left(world):
    with_pipeline(world, clients=(12, 40, 14), screened=37)
    text = body(world.browser("A", "data_lead"), "beside")
    shown = set(re.findall(r">\s*(\d+)\s*<", text))
    assert {"12", "66"} <= shown and "54" not in shown and "no difference and no share" in text
    assert not re.search(r"\b(18|20) %", text)


def test_coverage_names_agencies_and_no_count_of_theirs(world, viewer):
    with_pipeline(world)
    world.agency("D")
    Release.objects.none()
    text = body(viewer, "coverage")
    assert all(f"Agency {letter}" in text for letter in "ABCD")
    assert "in the figures" in text and "By sector and by county" in text


def test_before_compares_periods_and_gives_files(world, viewer):
    with_pipeline(world)
    text = body(viewer, "before")
    assert "Year 2025" in text and ">41<" in text and '<dl class="caveat">' in text
    for shape in ("csv", "xlsx", "json", "svg"):
        assert viewer.get(f"/numbers/before.{shape}").status_code == 200
    assert json.loads(viewer.get("/numbers/before.json").content)["periods"][0]["records"] == 41
    hidden = viewer.get("/numbers/before.csv", {"stage": "screened"}).content.decode()
    assert "*" in hidden.splitlines()[1]
    for wrong in ({"stage": "x"}, {"length": "month"}):
        assert viewer.get("/numbers/before/", wrong).status_code == 404
    assert viewer.get("/numbers/before.pdf").status_code == 404


#: Statements of a page, the door's own among them.
BUDGETS = {"next": 15, "where": 19, "given": 17, "who": 16, "before": 14, "coverage": 13}


def test_pages_keep_to_their_budgets(world, places, viewer, request):
    with_pipeline(world)  # first: a real release is protected beside all that were said before
    request.getfixturevalue("everything")
    found = {}
    for page in BUDGETS:
        body(viewer, page)
        with CaptureQueriesContext(connection) as asked:
            body(viewer, page)
        found[page] = len(asked)
    assert {page: n for page, n in found.items() if n > BUDGETS[page]} == {}, found
