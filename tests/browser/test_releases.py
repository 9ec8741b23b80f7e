"""A release signed at the keyboard, read, printed and taken back; details handed over under it; no fault on any of
its pages. What may be signed is tested in tests/referrals."""

import logging
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone

from referrals import releases
from referrals.models import Disclosure, ReleaseOfInformation
from tests.browser.chromium import Heard, faults
from tests.browser.keyboard import Keyboard
from tests.browser.places import proven
from tests.browser.test_handover import GIVEN, desk, signed
from tests.referrals.web.test_release_pages import counts

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def quiet(own_inbox):
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def seat(browser, live_server, world, role="caseworker", language="en", **options):
    """A page of that person's, and what it complained of."""
    heard = Heard(live_server.url)
    context = heard.listen(browser.new_context(viewport={"width": 1280, "height": 900}, **options))
    proof = proven(world.browser("A", role), world.person("A", role))
    cookies = {"sessionid": proof.cookies["sessionid"].value, "django_language": language}
    context.add_cookies(
        [{"name": name, "value": value, "url": live_server.url} for name, value in cookies.items()]
    )
    context.set_default_timeout(15_000)
    return context.new_page(), heard


def shoot(page, name):
    if folder := os.environ.get("CASEHUB_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)


def named(world):
    world.agency("A", name="Kingfisher House")
    world.agency("B", name="Heron Legal Project")
    world.agency("C", name="Mill Street Clinic")


def test_signed_at_the_keyboard_printed_and_taken_back(lasting_world, live_server, browser):
    world = lasting_world
    named(world)
    client = world.client("A", "KH-2214", worker=world.person("A"))
    page, heard = seat(browser, live_server, world)
    keys = Keyboard(page, live_server.url)
    keys.go(reverse("referrals:client", args=[client.pk]))
    keys.follow("New release")
    keys.choose("Who may receive it?", "Heron")
    keys.to("Name and birth date")
    keys.press("Space")
    keys.to("Language and interpreter")
    keys.press("Space")
    keys.to("A referral")
    keys.press("Space")
    last = timezone.localdate() + timedelta(days=29)
    assert page.input_value("[name=ends_on]") == last.isoformat()
    page.get_by_text("I let Kingfisher House tell Heron Legal Project, and no one else").wait_for()
    keys.choose("Who signs?", "The client")
    keys.choose("Language it was read in", "Span")
    keys.choose("Interpreter", "Yes, in")
    keys.choose("How is it signed?", "On paper")
    keys.choose("The client's copy", "Offered")
    keys.to("I explained the risks")
    keys.press("Space")
    page.locator("#reads").get_by_text("Read to me in: Spanish.").wait_for()
    shoot(page, "filled")
    page.set_viewport_size({"width": 1280, "height": 900})
    keys.follow("It is signed: record it")
    assert keys.says("Recorded. It can be taken back on any day.")
    assert page.locator(".state--live").count() == 1
    assert faults(page, heard, language="en") == []
    with world.acting("A"):
        found = ReleaseOfInformation.objects.get()
    assert (found.last_day, found.signer, found.copy_given) == (last, "client", "declined")
    for link, language in (("Print in English", "en"), ("Imprimir en español", "es")):
        paper = page.request.get(live_server.url + page.get_by_role("link", name=link).get_attribute("href"))
        assert paper.status == 200 and f"/Lang({language})".encode() in paper.body()
    page.set_viewport_size({"width": 1280, "height": 900})
    keys.follow("Take back: they said so")
    assert (
        keys.says("can open nothing that a release of this client allowed")
        and page.locator(".state--revoked").count() == 1
    )
    with world.acting("A"):
        assert ReleaseOfInformation.objects.get().revoked_how == "orally"
    assert faults(page, heard, language="en") == []


def test_without_script_the_hub_is_chosen_the_text_shown_and_an_end_asked_for(
    lasting_world, live_server, browser
):
    world = lasting_world
    named(world)
    counts(world, "A", "B", "C")
    client = world.client("A", "KH-2214")
    page, _heard = seat(browser, live_server, world, java_script_enabled=False)
    page.goto(live_server.url + reverse("referrals:release_new", args=[client.pk]))
    assert page.locator("[name=hub_classes]").first.is_hidden()
    page.select_option("[name=recipient]", "hub")
    assert page.locator("[name=classes]").first.is_hidden()
    page.locator("label", has_text="Being counted once").click()
    page.locator("label", has_text="Mill Street Clinic").click()
    page.get_by_role("button", name="Show the text anew").click()
    assert "Mill Street Clinic" in page.inner_text("#reads") and "token" in page.inner_text("#reads")
    assert page.is_checked("[name=hub_classes][value=count]") and page.input_value("[name=ends_on]") == ""
    page.get_by_role("button", name="It is signed").click()
    assert "There is no release without an end." in page.inner_text("[data-error-summary]")
    with world.acting("A"):
        assert not ReleaseOfInformation.objects.exists()


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_page_has_a_fault(lasting_world, live_server, browser, language):
    world = lasting_world
    named(world)
    counts(world, "A", "B", "C")
    client = world.client("A", "KH-2214", worker=world.person("A"), age_band="13_17")
    soon = world.release(client, "B", longer_reason="", ends_at=timezone.now() + timedelta(days=9))
    hub = world.release(client, partners=["B", "C"], classes=["count", "confirm"])
    world.release(client, "C", starts_at=timezone.now() + timedelta(days=3))
    world.release(client, "C", ends_at=timezone.now() + timedelta(milliseconds=50))
    with world.acting("A"):
        releases.revoke(release=world.release(client, "C"), how="in_writing")
        releases.compel(
            client=client, basis="court_order", classes=["identity"], reference="Order 25-117", told="unsafe"
        )
    with world.acting("A", "data_lead"):
        releases.add_signing_rule(purpose="referral", from_age=14, citation="TR Code 9-14")
    new = reverse("referrals:release_new", args=[client.pk])
    places = {
        "new": new,
        "renewal": f"{new}?renews={soon.pk}",
        "counting-renewal": f"{new}?renews={hub.pk}",
        "release": reverse("referrals:release", args=[soon.pk]),
        "hub": reverse("referrals:release", args=[hub.pk]),
        "all": reverse("referrals:releases", args=[client.pk]),
        "compelled": reverse("referrals:compelled_new", args=[client.pk]),
        "client": reverse("referrals:client", args=[client.pk]),
        "day": reverse("referrals:caseload"),
    }
    page, heard = seat(browser, live_server, world, language=language)
    found = {}
    for name, path in places.items():
        page.goto(live_server.url + path)
        shoot(page, f"{name}-{language}")
        found[name] = faults(page, heard, language=language, secrets=frozenset({"KH-2214"}))
    for name, path in (("new", new), ("compelled", places["compelled"])):
        page.goto(live_server.url + path)
        if name == "new":
            page.select_option("[name=signer]", "parent")
        page.locator("main form:not(.note) button.usa-button[type=submit]").first.click()
        page.locator("[data-error-summary]").wait_for()
        shoot(page, f"wrong-{name}-{language}")
        found[f"wrong {name}"] = faults(page, heard, language=language)
    page, heard = seat(browser, live_server, world, role="data_lead", language=language)
    page.goto(live_server.url + reverse("signing"))
    shoot(page, f"signing-{language}")
    found["signing"] = faults(page, heard, language=language)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_handed_over_under_a_release_and_gone_with_it(lasting_world, live_server, browser):
    world = lasting_world
    named(world)
    client = world.client("A", code="KH-77")
    signed(world, "A", "B")
    a, b = world.agency("A"), world.agency("B")
    with desk(browser, live_server, world, "A") as ours, desk(browser, live_server, world, "B") as theirs:
        ours.begin()
        theirs.begin()
        ours.write_card(client)
        ours.partners()
        ours.pin(b)
        theirs.partners()
        theirs.pin(a)
        # No release yet: the page leads to one, and back.
        ours.hand_over_page(client, "norelease")
        assert faults(ours.page, ours.heard, language="en") == []
        ours.page.get_by_role("link", name="Ask the client, and sign one").click()
        fields = {"recipient": str(b.pk), "signer": "client", "language": "eng", "interpreter": "none"}
        for name, value in {**fields, "how": "paper", "copy_given": "given"}.items():
            ours.page.select_option(f"[name={name}]", value)
        for label in ("Name and birth date", "A referral", "I explained the risks"):
            ours.page.locator("#release-form label", has_text=label).first.click()
        ours.press("#release-form > .donebar [type=submit]")
        ours.page.locator("form[data-hand-over][data-state=open]").wait_for()
        # Only what it allows can be ticked, and no longer than it lasts.
        with world.acting("A"):
            release = ReleaseOfInformation.objects.get()
        assert ours.page.is_checked(f"#under-{release.pk}")
        assert ours.page.is_disabled("[id='give-phone']") and ours.page.is_enabled("[id='give-name.used']")
        assert ours.page.input_value("[data-until]") == release.last_day.isoformat()
        assert faults(ours.page, ours.heard, language="en") == []
        shoot(ours.page, "hand-over")
        ours.press("label[for='give-name.used']")
        with ours.page.expect_navigation():
            ours.press("form[data-hand-over] [type=submit]")
        ours.page.get_by_text("Handed over, sealed").wait_for()
        theirs.inbox()
        theirs.opened()
        assert GIVEN["used"] in theirs.page.inner_text("main")
        # Taken back: the next look finds nothing, and the client's list says who looked.
        ours.page.goto(live_server.url + reverse("referrals:release", args=[release.pk]))
        shoot(ours.page, "shared")
        assert ours.page.locator("section[aria-labelledby=h-shared] tbody tr").count() == 1
        ours.press("button[name=how][value=orally]")
        ours.page.locator(".state--revoked").first.wait_for()
        theirs.inbox()
        assert "Nothing is handed to you now" in theirs.page.inner_text("main")
        with world.acting("A"):
            assert bytes(Disclosure.objects.get().sealed_e2e) == b""
        assert ours.heard.out() == theirs.heard.out() == []
