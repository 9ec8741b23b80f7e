"""One journey a role, through the real sign-in, with the keyboard alone, and not a word on the console.

What each page must be like stands in test_pages_axe.py; what a guard refuses, in tests/attacks.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error

from agencies import jobs
from agencies.models import Job, LedgerEntry, User
from casehub.pages import joining
from referrals.models import Client, Draft, Enrollment, Offer, Screening, Service, Touchpoint
from tests.browser.chromium import Heard, launch
from tests.browser.keyboard import Keyboard, code_of, small_sheet
from tests.reporting.test_numbers_pages import released

pytestmark = pytest.mark.browser
WEATHER = "https://www.weather.gov/"
NEW_PASSWORD = "six otters cross a frozen ford"


@pytest.fixture(autouse=True)
def quiet(own_inbox, monkeypatch):
    """Jobs run when a test says so; refusals are not logged."""
    monkeypatch.setattr(jobs, "publish", lambda reference, job_id: True)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@contextmanager
def seat(browser: Browser, live_server, **options) -> Iterator[Keyboard]:
    """A keyboard at a fresh browser; when it is left, nothing may have complained or come from elsewhere."""
    heard = Heard(live_server.url)
    context = heard.listen(browser.new_context(viewport={"width": 1280, "height": 800}, **options))
    yield Keyboard(context.new_page(), live_server.url)
    context.close()
    assert heard.out() == []


@pytest.fixture
def world(lasting_world):
    world = lasting_world
    world.agency("HUB", name="Three Rivers hub office")
    world.agency("A", name="Kingfisher House", sector="shelter")
    world.agency("B", name="Heron Legal Project", sector="legal_services")
    world.county("Alder")
    world.project("A")
    return world


def sole(world, model, letter="A", **chosen):
    with world.acting(letter, "supervisor"):
        return model.objects.get(**chosen)


# Caseworker


def test_a_caseworker_takes_a_call_at_two_in_the_morning(world, live_server, browser):
    """From any page: a contact in at most 12 keys and 20 seconds."""
    me = world.person("A")
    with seat(browser, live_server) as keys:
        keys.sign_in(me)
        assert keys.path == "/day/"
        keys.pressed, began = 0, time.monotonic()
        keys.on("n")
        keys.press("1", "a", "s")
        keys.on("Control+Enter")
        assert (keys.pressed <= 12, time.monotonic() - began < 20) == (True, True)
        assert keys.says("Counted: 1 anonymous contact")
    made = sole(world, Touchpoint)
    assert (made.client_id, made.sector, made.given) == (None, "hotline", ["listened", "safety_plan"])


def test_a_caseworker_takes_someone_in_and_helps(world, live_server, browser):
    """Intake with every answer skipped, then enrolled, served, screened and referred."""
    receiver = world.agency("B")
    with seat(browser, live_server) as keys:
        keys.sign_in(world.person("A"))
        keys.follow("New client")
        keys.on("Control+Enter")
        client = sole(world, Client)
        assert keys.path == f"/clients/{client.pk}/"
        keys.follow("Enroll")
        keys.on("Control+Enter")
        assert keys.says("Enrolled.")
        keys.follow("Add service")
        keys.choose("Service", "Crisis")
        keys.on("Control+Enter")
        assert keys.says("Recorded.")
        keys.follow("Screen")
        keys.press("1")
        keys.on("Control+Enter")
        assert keys.says("Every service stays open")
        keys.follow("Refer")
        keys.choose("What is needed", "Immigration")
        keys.to(receiver.name)
        keys.press("Space")
        keys.on("Control+Enter")
        assert keys.says(receiver.name)
    assert sole(world, Enrollment).client_id == client.pk
    assert sole(world, Service).client_id == client.pk
    assert sole(world, Screening).client_id == client.pk
    assert sole(world, Offer).receiver_id == receiver.pk


def test_a_locked_page_gives_the_draft_back(world, live_server, browser):
    client = world.client("A", "KH-2214", worker=world.person("A"))
    with seat(browser, live_server) as keys:
        keys.sign_in(world.person("A"))
        keys.go(f"/clients/{client.pk}/contacts/new/")
        keys.fill("Note", "Slept better. Asks about")
        keys.page.wait_for_selector("[data-draft-status][data-state=kept]")
        keys.follow("Lock now")
        assert keys.says("Locked") and not keys.says("KH-2214")
        keys.go(f"/clients/{client.pk}/")
        assert keys.path.startswith("/unlock/")
        keys.go(f"/unlock/?next=/clients/{client.pk}/contacts/new/")
        keys.fill("Password", "correct horse battery staple")
        keys.on("Enter")
        assert keys.path == f"/clients/{client.pk}/contacts/new/"
        assert keys.page.input_value("[name=note]") == "Slept better. Asks about"


def test_a_draft_outlives_a_browser_that_dies(world, live_server, browser):
    me = world.person("A")
    dying = launch(browser.browser_type)
    with seat(dying, live_server) as keys:
        keys.sign_in(me)
        keys.go("/clients/new/")
        keys.fill("Your agency's code", "KH-2300")
        keys.page.wait_for_selector("[data-draft-status][data-state=kept]")
        with pytest.raises(Error, match="closed"):
            dying.new_browser_cdp_session().send("Browser.crash")
    with seat(browser, live_server) as keys:
        keys.sign_in(me, step=1)
        keys.follow("New client, KH-2300" if keys.says("New client, KH-2300") else "New client")
        assert keys.page.input_value("[name=code]") == "KH-2300"
        keys.on("Control+Enter")
    with world.acting("A"):
        assert (Draft.objects.count(), Client.objects.count()) == (0, 1)


# Says how many milliseconds after the third Escape a frame was drawn, and how much of the page is on it.
WATCH = """() => {
  let pressed = 0;
  addEventListener("keydown", (event) => { if (event.key === "Escape") pressed = event.timeStamp; }, true);
  const look = () => {
    const shown = document.body.getClientRects().length + document.title.length;
    console.log(`blank ${performance.now() - pressed} ${shown}`);
  };
  new MutationObserver(() => requestAnimationFrame(look))
    .observe(document.documentElement, { attributes: true, attributeFilter: ["data-blank"] });
}"""


def test_quick_exit_blanks_the_page_and_back_shows_nothing(world, live_server, browser):
    client = world.client("A", "KH-2214", worker=world.person("A"))
    context = browser.new_context()
    waiting, said = [], []
    context.route(WEATHER + "**", lambda route: waiting.append(route))
    page = context.new_page()
    # The browser itself has remarks, on password fields for one; only what is watched for counts.
    page.on("console", lambda line: line.text.startswith("blank") and said.append(line.text.split()))
    keys = Keyboard(page, live_server.url)
    keys.sign_in(world.person("A"))
    keys.go(f"/clients/{client.pk}/")
    assert keys.says("KH-2214")
    page.evaluate(WATCH)
    keys.press("Escape", "Escape", "Escape")
    while not (waiting and said):
        page.wait_for_timeout(20)
    # The page that comes instead is not there yet; the screen is empty all the same.
    word, milliseconds, shown = said[0]
    assert (word, shown) == ("blank", "0") and float(milliseconds) <= 100
    waiting[0].fulfill(body="<title>Weather</title>Sunny", content_type="text/html")
    page.wait_for_url(WEATHER)
    page.go_back()
    assert "KH-2214" not in page.content()
    keys.go(f"/clients/{client.pk}/")
    assert keys.path.startswith("/account/login/")
    context.close()


# Hotline volunteer


def test_a_volunteer_writes_and_reads_nothing_back(world, live_server, browser):
    world.client("A", "KH-2214")
    volunteer = world.person("A", "hotline", second_factor=False)
    with seat(browser, live_server) as keys:
        keys.sign_in(volunteer)
        assert keys.path == "/contacts/new/"
        keys.press("1", "a")
        keys.on("Control+Enter")
        assert keys.says("Counted: 1 anonymous contact") and keys.path == "/contacts/new/"
        assert keys.page.locator(".places").count() == 0
        assert {
            path: keys.go(path) for path in ("/clients/", "/day/", "/numbers/", "/find/")
        } == dict.fromkeys(("/clients/", "/day/", "/numbers/", "/find/"), 404)


# Agency data lead


def test_a_data_lead_takes_a_spreadsheet_in_and_reports(world, live_server, browser):
    """The caseload in, our own numbers, and the quarter's grant report: drafted, frozen, taken out."""
    lead = world.person("A", "data_lead")
    with seat(browser, live_server) as keys:
        keys.sign_in(lead)
        keys.follow("Imports")
        keys.to("File")
        # The system's own file dialog opens at times and at times not without a screen; the field has focus.
        keys.page.set_input_files("input[type=file]:focus", [small_sheet()])
        keys.follow("Send")
        assert keys.says("2 rows were found")
        keys.follow("Take it in")
        assert keys.says("Waiting")
        job = sole(world, Job)
        jobs.run(world.actor("A", "data_lead").reference, str(job.pk))
        # The page asks again by itself.
        keys.page.wait_for_selector("text=Rows by file", timeout=10_000)
        assert keys.says("Done")
        keys.follow("Numbers")
        keys.follow("Our agency")
        keys.choose("Period", "2025")
        keys.follow("Show")
        assert keys.download("CSV").path().stat().st_size > 100
        keys.follow("Reports", back=True)
        keys.choose("Period", "January")
        keys.follow("Open the report")
        assert keys.says("Version 1, draft")
        keys.follow("Freeze version 1")
        assert keys.says("Version 1, frozen")
        starts = {"CSV": b"\xef\xbb\xbf", "XLSX": b"PK", "PDF": b"%PDF"}
        for shape, start in starts.items():
            content = keys.download(shape).path().read_bytes()
            assert len(content) > 500 and content.startswith(start)
    with world.acting("A", "data_lead"):
        assert Client.objects.count() == 2
        assert LedgerEntry.objects.filter(verb__contains="export").count() >= 3


# Partner viewer


def test_a_partner_reads_the_shared_figures_and_no_client(world, live_server, browser):
    client = world.client("A", "KH-2214")
    released(world)
    partner = world.person("A", "partner_viewer")
    with seat(browser, live_server) as keys:
        keys.sign_in(partner, step=0)
        assert keys.path == "/numbers/" and keys.says("15 to 45")
        assert keys.page.locator(".places a").all_inner_texts() == ["Numbers"]
        assert keys.download("CSV").path().stat().st_size > 100
        assert {
            keys.go(path) for path in ("/clients/", f"/clients/{client.pk}/", "/numbers/own/", "/day/")
        } == {404}


# Coordinator


def test_a_coordinator_brings_an_agency_in(world, live_server, browser):
    """A new agency, an invitation for its data lead, and they join with a second step of their own."""
    with seat(browser, live_server) as keys:
        keys.sign_in(world.person("HUB", "coordinator"))
        keys.follow("Network")
        # The second form's name comes after the button of the first.
        keys.to("Make the invitation")
        keys.fill("Name", "Plover Health")
        keys.choose("What it is", "Health")
        keys.choose("Its part of the system", "Health")
        keys.follow("Add the agency")
        assert keys.says("Plover Health")
        keys.choose("Agency", "Plover")
        keys.fill("Name", "Linden Marsh")
        keys.fill("Work address", "linden@plover.example")
        keys.follow("Make the invitation")
        link = urlsplit(keys.page.input_value("#link")).path
    joins(browser, live_server, link, "linden@plover.example")
    with seat(browser, live_server) as keys:
        assert keys.go(link) == 404


def joins(browser: Browser, live_server, link: str, email: str) -> None:
    """Whoever got the link: a password, the second step, the recovery codes, their first page."""
    with seat(browser, live_server) as keys:
        assert keys.go(link) == 200 and keys.says(email)
        keys.fill("Password", NEW_PASSWORD)
        keys.fill("The same once more", NEW_PASSWORD)
        keys.on("Enter")
        sets_up_the_second_step(keys)
        keys.follow("I have kept them")
        assert not keys.path.startswith("/account/")
    assert User.objects.get(email=email).memberships.count() == 1


def sets_up_the_second_step(keys: Keyboard) -> None:
    secret = keys.page.input_value("#authenticator_secret")
    keys.fill("Authenticator code", code_of(secret))
    keys.on("Enter")
    assert keys.says("Recovery codes")


# Supervisor


def test_a_supervisor_closes_a_record_and_sees_who_looked(world, live_server, browser):
    client = world.client("A", "KH-2214", worker=world.person("A"))
    with seat(browser, live_server) as keys:
        keys.sign_in(world.person("A"))
        assert keys.go(f"/clients/{client.pk}/") == 200
        with seat(browser, live_server) as hers:
            hers.sign_in(world.person("A", "supervisor"))
            hers.follow("Clients")
            hers.follow("KH-2214")
            hers.follow("Close to colleagues")
            hers.follow("Close the record")
            assert hers.says("Closed to colleagues")
            assert hers.says("caseworker of A") and hers.says("Looked at a client")
        assert keys.go(f"/clients/{client.pk}/") == 404
        keys.go("/clients/")
        assert not keys.says("KH-2214")


# First run


def test_an_empty_hub_begins(lasting_world, live_server, browser):
    code = joining.make_first_run_code()
    with seat(browser, live_server) as keys:
        keys.go("/")
        assert keys.path == "/first-run/"
        for name, text in {
            "Set-up code": code,
            "Your name": "Sage Winter",
            "Your work address": "sage@rivers.example",
            "Password": NEW_PASSWORD,
            "Name of the first agency": "Kingfisher House",
            "What it is": "Shelter",
            "Its part of the system": "Shelter",
            "Name of its data lead": "Linden Marsh",
            "Work address of its data lead": "linden@kingfisher.example",
        }.items():
            keys.fill(name, text)
        keys.on("Enter")
        assert keys.says("The hub stands")
        link = urlsplit(keys.page.input_value("#link")).path
        keys.follow("Set up the second step")
        sets_up_the_second_step(keys)
        keys.follow("I have kept them")
        keys.follow("Network")
        assert keys.says("Kingfisher House")
        assert keys.go("/first-run/") == 404
    joins(browser, live_server, link, "linden@kingfisher.example")


# Languages


def test_the_other_language_keeps_the_page(world, live_server, browser):
    client = world.client("A", "KH-2214", worker=world.person("A"))
    with seat(browser, live_server) as keys:
        keys.sign_in(world.person("A"))
        keys.go(f"/clients/{client.pk}/")
        for language, button in (("es", "Español"), ("en", "English")):
            keys.follow(button)
            assert keys.path == f"/clients/{client.pk}/"
            assert keys.page.get_attribute("html", "lang") == language
        assert keys.says("KH-2214")
