"""A session's clocks, its lock, its ends, and what holds from the very next request."""

import time

import pytest
from django.conf import settings
from django.test import Client as Browser
from django.urls import reverse

from agencies import actions
from agencies.models import User
from tests.world import PASSWORD

# A page that every signed-in person can open, and one of a data lead.
PAGE = "/keys/"
MINUTES = 60


def set_clock(browser, **seconds_ago):
    session = browser.session
    for name, ago in seconds_ago.items():
        session[name] = int(time.time()) - ago
    session.save()


@pytest.mark.parametrize(("idle", "shown"), [(14 * MINUTES, True), (16 * MINUTES, False)])
def test_an_idle_session_locks_and_the_password_leads_back_to_the_page(world, idle, shown):
    browser = world.browser("A")
    browser.get(PAGE)
    set_clock(browser, seen=idle)
    response = browser.get(PAGE + "?a=1")
    assert (response.status_code == 200) is shown
    if shown:
        return
    assert response["Location"] == "/unlock/?next=%2Fkeys%2F%3Fa%3D1"
    page = browser.get(response["Location"])
    assert page.status_code == 200 and b"caseworker of A" not in page.content
    assert browser.post("/unlock/", {"password": "wrong", "next": PAGE}).status_code == 200
    assert browser.get(PAGE).status_code == 302
    before = browser.session.session_key
    response = browser.post("/unlock/", {"password": PASSWORD, "next": PAGE + "?a=1"})
    assert response["Location"] == PAGE + "?a=1"
    assert browser.session.session_key != before
    assert browser.get(PAGE).status_code == 200


def test_without_the_limit_an_idle_session_would_stay_open(world, settings):
    """Sabotage: the setting is what locks."""
    settings.IDLE_SECONDS = 10**9
    browser = world.browser("A")
    browser.get(PAGE)
    set_clock(browser, seen=16 * MINUTES)
    assert browser.get(PAGE).status_code == 200


def test_twelve_hours_end_a_session_however_busy(world):
    browser = world.browser("A")
    browser.get(PAGE)
    set_clock(browser, started=settings.ABSOLUTE_SECONDS + 1, seen=1)
    response = browser.get(PAGE)
    assert response["Location"].startswith(reverse("account_login"))
    assert response["Clear-Site-Data"] == '"cache", "storage"'
    assert not browser.session.get("_auth_user_id")


def test_a_locked_session_cannot_outlive_the_absolute_limit(world):
    browser = world.browser("A")
    browser.get(PAGE)
    browser.post("/lock/")
    set_clock(browser, started=settings.ABSOLUTE_SECONDS + 1)
    assert browser.get("/unlock/")["Location"].startswith(reverse("account_login"))


def test_locking_now_shuts_everything_but_the_way_back_and_out(world):
    browser = world.browser("A")
    browser.get(PAGE)
    assert browser.get("/lock/").status_code == 405
    assert browser.post("/lock/", {"next": PAGE})["Location"] == "/unlock/?next=%2Fkeys%2F"
    for path in ("/", PAGE, "/choose-agency/", "/account/2fa/", "/admin/", "/nothing-here/"):
        assert browser.get(path)["Location"].startswith("/unlock/"), path
    for path, headers in (("/still-here/", {}), (PAGE, {"HX-Request": "true"}), ("/api/v1/", {})):
        assert browser.post(path, headers=headers).status_code == 401, path
    assert browser.get("/livez").status_code == 200


def test_what_was_sent_to_a_locked_session_is_not_taken(world):
    browser = world.browser("A")
    browser.get(PAGE)
    browser.post("/lock/")
    response = browser.post(PAGE, {"keys": "off"}, headers={"Referer": "http://testserver/keys/"})
    assert response["Location"] == "/unlock/?next=%2Fkeys%2F"
    assert world.person("A").has_single_keys
    assert User.objects.get(pk=world.person("A").pk).has_single_keys


def test_guessing_at_a_locked_page_ends_the_session(world):
    browser = world.browser("A")
    browser.get(PAGE)
    browser.post("/lock/")
    for _try in range(5):
        response = browser.post("/unlock/", {"password": "wrong"})
    assert response["Location"] == reverse("account_login")
    assert not browser.session.get("_auth_user_id")


@pytest.mark.parametrize(
    "onward", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"]
)
def test_the_way_back_never_leads_elsewhere(world, onward):
    browser = world.browser("A")
    browser.get(PAGE)
    browser.post("/lock/")
    assert browser.post("/unlock/", {"password": PASSWORD, "next": onward})["Location"] == "/"


def test_a_list_that_fetches_itself_does_not_keep_a_session_awake(world):
    browser = world.browser("A")
    browser.get(PAGE)
    set_clock(browser, seen=10 * MINUTES)
    then = browser.session["seen"]
    browser.get(PAGE, headers={"HX-Request": "true"})
    assert browser.session["seen"] == then
    browser.post("/still-here/")
    assert browser.session["seen"] > then


@pytest.mark.parametrize(
    ("headers", "ends"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}, True),
        ({"Origin": "http://testserver"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}, False),
        ({"Origin": "https://elsewhere.example"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
    ],
)
def test_quick_exit_ends_the_session_for_its_own_page_only(world, headers, ends):
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(world.person("A"), backend="allauth.account.auth_backends.AuthenticationBackend")
    browser.get(PAGE)
    response = browser.post("/leave/", headers=headers)
    assert response.status_code == (204 if ends else 403)
    assert ("Clear-Site-Data" in response) is ends
    assert (browser.get(PAGE).status_code == 200) is not ends


def test_quick_exit_works_from_a_locked_page(world):
    browser = world.browser("A")
    browser.post("/lock/")
    assert browser.post("/leave/", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 204
    assert not browser.session.get("_auth_user_id")


def test_signing_out_tells_the_browser_to_forget(world):
    browser = world.browser("A")
    response = browser.post(reverse("account_logout"))
    assert response["Clear-Site-Data"] == '"cache", "storage"'
    assert browser.get(PAGE).status_code == 302


def test_a_person_put_at_rest_is_out_at_the_next_request(world):
    browser = world.browser("A")
    assert browser.get(PAGE).status_code == 200
    User.objects.filter(pk=world.person("A").pk).update(is_active=False)
    assert browser.get(PAGE)["Location"].startswith(reverse("account_login"))


def test_a_role_that_ended_is_gone_at_the_next_request(world):
    browser = world.browser("A", "data_lead")
    assert browser.get(reverse("agency")).status_code == 200
    actions.end_role(world.person("A", "data_lead"), world.agency("A"), "data_lead")
    assert browser.get(reverse("agency")).status_code == 404
    assert browser.get("/").status_code == 200  # "nothing is open to you yet"
    actions.grant_role(world.person("A", "data_lead"), world.agency("A"), "data_lead")
    assert browser.get(reverse("agency")).status_code == 200


def test_a_person_of_two_agencies_chooses_and_can_choose_nothing_else(world):
    user, browser = world.person("A", "data_lead"), world.browser("A", "data_lead")
    actions.grant_role(user, world.agency("B"), "data_lead")
    world.agency("C")
    assert b"Agency A" in browser.get(reverse("agency")).content
    browser.post("/choose-agency/", {"agency": world.agency("B").pk})
    assert b"Agency B" in browser.get(reverse("agency")).content
    for bad in (world.agency("C").pk, "x", "", 10**12):
        assert browser.post("/choose-agency/", {"agency": bad}).status_code == 200
    assert b"Agency B" in browser.get(reverse("agency")).content
    actions.end_role(user, world.agency("B"), "data_lead")
    assert browser.get(reverse("agency")).status_code == 404
    browser.get("/")
    assert b"Agency A" in browser.get(reverse("agency")).content


def test_language_and_keys_are_kept_with_the_person(world):
    browser, user = world.browser("A"), world.person("A")
    browser.post("/language/", {"language": "es", "next": PAGE})
    browser.post("/language/", {"language": "xx", "next": PAGE})
    browser.post(PAGE, {"keys": "off"})
    user.refresh_from_db()
    assert (user.language, user.has_single_keys) == ("es", False)
    assert b'data-keys="off"' in browser.get(PAGE).content
    assert b'lang="es"' in browser.get(PAGE).content
    browser.post(PAGE, {"keys": "on"})
    assert b'data-keys="on"' in browser.get(PAGE).content


def test_a_refused_call_of_the_api_costs_no_draft(world):
    """Without the CSRF token the API answers 401 to a signed-in page; the session goes on."""
    browser = world.browser("A", enforce_csrf_checks=True)
    answer = browser.post("/api/v1/touchpoints/", {"sector": "hotline"}, content_type="application/json")
    assert answer.status_code in (401, 403)
    assert "Clear-Site-Data" not in answer
    assert browser.get("/day/").status_code == 200
