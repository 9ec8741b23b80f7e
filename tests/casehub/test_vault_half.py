"""The session's half of a tab's key: in no copy of the database, the same from page to page, gone at a lock."""

import base64
import re

import pytest
from django.contrib.sessions.models import Session

from agencies import actions, vault
from casehub import context
from tests.world import PASSWORD

PAGE = "/keys/"


def half_of(browser, page=PAGE):
    return re.search(rb'data-vault-half="([^"]+)"', browser.get(page).content)[1].decode()


def copied(browser):
    """All that a copy of the database has of the session, read in every way that needs no key."""
    row = Session.objects.get(session_key=browser.session.session_key)
    return row.session_data + repr(row.get_decoded())


def spellings(half):
    raw = base64.urlsafe_b64decode(half + "==="[: -len(half) % 4])
    texts = {
        half,
        raw.hex(),
        base64.b64encode(raw).decode().rstrip("="),
        base64.b64encode(half.encode()).decode(),
    }
    return {one for text in texts for one in (text, text[:-3])}


@pytest.fixture
def browser(world):
    return world.browser("A")


def test_a_copy_of_the_database_has_no_half(browser):
    half = half_of(browser)
    assert len(half) == 43 and "vault_half" in copied(browser)
    assert not [one for one in spellings(half) if one in copied(browser)]


def test_sabotage_a_half_that_is_not_sealed_is_found(browser, monkeypatch):
    monkeypatch.setattr(context.vault, "seal", lambda text, **_: text.encode())
    half = half_of(browser)
    assert [one for one in spellings(half) if one in copied(browser)]


def test_it_stays_from_page_to_page_and_goes_at_the_lock(browser):
    half = half_of(browser)
    sealed = browser.session["vault_half"]
    assert half_of(browser, "/agency/card-keys/") == half and browser.session["vault_half"] == sealed
    browser.post("/lock/")
    assert "vault_half" not in browser.session
    browser.post("/unlock/", {"password": PASSWORD, "next": PAGE})
    assert half_of(browser) not in (half, "") and half_of(browser) == half_of(browser)


def test_each_session_and_agency_has_its_own(world, browser):
    half = half_of(browser)
    actions.grant_role(world.person("A"), world.agency("B"), "caseworker")
    browser.post("/choose-agency/", {"agency": world.agency("B").pk})
    assert browser.session["agency_id"] == world.agency("B").pk
    assert half_of(browser) != half
    # One of another session, agency or release is none here.
    for foreign in (
        "",
        half,
        base64.b64encode(b"x" * 80).decode(),
        browser.session["vault_half"][:-8],
        7,
        None,
    ):
        before = half_of(browser)
        session = browser.session
        session["vault_half"] = foreign
        session.save()
        assert half_of(browser) != before and half_of(browser) == half_of(browser)


def test_a_half_moved_into_another_persons_session_opens_nothing(world, browser):
    half = half_of(browser)
    other = world.browser("A", "supervisor")
    other.get(PAGE)
    session = other.session
    session["vault_half"], session["started"] = browser.session["vault_half"], browser.session["started"]
    session.save()
    assert half_of(other) != half


def test_an_agency_whose_keys_are_lost_still_gets_its_pages(world, browser):
    half = half_of(browser)
    vault.destroy_agency_keys(world.agency("A").pk)
    assert half_of(browser) != half and half_of(browser) != half_of(browser)
