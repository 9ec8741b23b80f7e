"""Every page, in English and Spanish, wide and narrow: no axe violation, no console error, nothing from elsewhere,
nothing sideways, the right language, and a title that says nothing of a client.

Which pages these are stands in pages.txt, to be read; `CASEHUB_WRITE_PAGES=1` writes it anew. A page that is not
in it fails, and so does an address that no test can open.
"""

import logging
import os
from pathlib import Path

import pytest
from django.urls import resolve, reverse

from agencies import jobs
from casehub.pages import joining
from casehub.pages.vault import ACTS
from tests.attacks.routes import Route, routes
from tests.browser.chromium import Heard, faults
from tests.browser.odd_urls import ODD
from tests.browser.places import CODES, LEFT_OUT, NOBODY, Place, full_hub, small_hub, walked

pytestmark = pytest.mark.browser
PAGES = Path(__file__).with_name("pages.txt")
ABOUT = """\
# Every page that is looked at in a browser, by the state of the hub it stands in, and as whom: the first who may
# open it. Written by tests/browser/test_pages_axe.py; "wrong:" is a form sent wrong.
"""
# Addresses that answer with no page, each with its reason.
NO_PAGE = {
    **dict.fromkeys(("lock", "leave", "still_here", "set_language", "referrals:draft"), "takes what is sent"),
    **dict.fromkeys(("reporting:grant_freeze", "reporting:grant_correct"), "takes what is sent"),
    "reporting:grant_answers": "takes what is sent", "unlock": 'stands as "locked"', "home": 'stands as "the first page"',
    **dict.fromkeys(("referrals:import_problems", "referrals:import_refused", "mfa_download_recovery_codes"), "a file"),
    **dict.fromkeys(("reporting:figure_download", "reporting:own_download", "reporting:grant_file"), "a file"),
    "reporting:before_download": "a file", "reporting:saved_act": "takes what is sent",
    **dict.fromkeys(("referrals:cards_open", "referrals:cards_all", "referrals:cards_older"), "bytes, for a script"),
    **dict.fromkeys(("referrals:card_save", "referrals:cards_reseal"), "takes what a script sends"),
    **dict.fromkeys(("referrals:cards_whose", "referrals:cards_save_many"), "takes what a script sends"),
    **dict.fromkeys((f"vault_{act.replace('/', '_')}" for act in ACTS), "takes what a script sends"),
    "vault_state": "for a script", "vault_file": "a file",
    **dict.fromkeys(("linkage_state", "linkage_file", "holder"), "for a script"),
    **dict.fromkeys(("referrals:cards_file", "referrals:records_file"), "a file"),
    **dict.fromkeys(("referrals:handover_new", "referrals:handover_withdraw"), "takes what is sent"),
    "referrals:disclosure_open": "bytes, for a script",
    **dict.fromkeys(
        ("referrals:release_revoke", "referrals:release_not_wanted", "referrals:compelled_told"),
        "takes what is sent",
    ),
    **dict.fromkeys(("referrals:release_paper", "referrals:shared_paper"), "a file"),
    **dict.fromkeys(("referrals:tokens_wanted", "referrals:tokens", "referrals:tokens_lines"), "for a script"),
    "referrals:tokens_list": "a file",
    **dict.fromkeys(("referrals:link_unlink", "referrals:link_undo", "referrals:link_take_back"), "takes what is sent"),
    "reporting:release_correct": "takes what is sent",
    **dict.fromkeys(("reporting:release_certificate", "reporting:published_file"), "a file"),
    "reporting:published_table": 'stands as "a published table"',
    "reporting:nation": "needs a tribal agency: looked at in test_nation.py",
    "referrals:link_question": "needs a pair of two agencies: looked at in test_links.py",
}  # fmt: skip
HUBS = ("nothing", "first day", "in use", "going wrong")


@pytest.fixture(autouse=True)
def quiet(own_inbox, monkeypatch):
    """Jobs run when a test says so, and refusals are not logged."""
    monkeypatch.setattr(jobs, "publish", lambda reference, job_id: True)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def places_of(hub: str, world) -> tuple[dict, list[Place]]:
    """Everyone's sessions, and what to look at, at a hub in this state."""
    if hub == "nothing":
        joining.make_first_run_code()
        first_run = reverse("first_run")
        empty = Place(NOBODY, "wrong: the hub set up without a word", first_run, {}, "main form button")
        return {}, [Place(NOBODY, "first_run /first-run/", first_run), empty]
    if hub == "first day":
        people = small_hub(world)
        theirs = ("account_", "mfa_", "usersessions_")  # the same on any day
        return people, [place for place in walked(people, None) if not place.what.startswith(theirs)]
    if hub == "in use":
        people, rows, more = full_hub(world)
        # What changes the session it is looked at in comes after all that does not.
        return people, sorted([*walked(people, rows), *more], key=lambda place: place.what == "locked")
    world.agency("A")
    return {}, [Place(NOBODY, f"answer {name}", f"/odd/{name}/") for name in ODD]


def section(hub: str, places: list[Place]) -> str:
    return f"\n# hub: {hub}\n" + "\n".join(sorted({place.line for place in places})) + "\n"


def committed() -> dict[str, str]:
    """The sections of pages.txt by the state of the hub."""
    parts = PAGES.read_text().split("\n# hub: ") if PAGES.exists() else []
    return {part.split("\n")[0]: f"\n# hub: {part.rstrip()}\n" for part in parts[1:]}


def write(hub: str, text: str) -> None:
    found = {**committed(), hub: text}
    PAGES.write_text(ABOUT + "".join(found[one] for one in HUBS if one in found))


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("hub", HUBS)
def test_every_page(lasting_world, live_server, browser, settings, tmp_path, hub, language):
    people, places = places_of(hub, lasting_world)
    if os.environ.get("CASEHUB_WRITE_PAGES"):
        write(hub, section(hub, places))
    assert section(hub, places) == committed()[hub]
    if hub == "going wrong":
        settings.ROOT_URLCONF = "tests.browser.odd_urls"
    heard = Heard(live_server.url)
    found = {}
    for who in dict.fromkeys(place.who for place in places):
        context = heard.listen(browser.new_context(locale=language))
        cookies = {"django_language": language}
        if who in people and "sessionid" in people[who].cookies:
            cookies["sessionid"] = people[who].cookies["sessionid"].value
        context.add_cookies(
            [{"name": name, "value": value, "url": live_server.url} for name, value in cookies.items()]
        )
        page = context.new_page()
        for place in (one for one in places if one.who == who):
            page.set_viewport_size({"width": 1280, "height": 800})
            page.goto(live_server.url + place.path)
            lead_on(page, place)
            if shots := os.environ.get("CASEHUB_SCREENSHOTS"):
                shoot(page, Path(shots), f"{hub}-{place.line}-{language}")
            if wrong := faults(page, heard, language=language, secrets=frozenset(CODES)):
                found[place.line] = wrong
        context.close()
    assert not found, "\n".join(f"{line}\n    " + "\n    ".join(wrong) for line, wrong in found.items())


def lead_on(page, place: Place) -> None:
    for name, value in place.fill.items():
        field = page.locator(f"main [name='{name}']").first
        if field.evaluate("one => one.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    if place.press:
        button = page.locator(place.press).first
        with page.expect_navigation(timeout=10_000):
            button.evaluate("one => { one.form.noValidate = true; one.click() }")


def shoot(page, folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 800})
        plain = "".join(one if one.isalnum() else "-" for one in name)
        page.screenshot(path=folder / f"{plain[:90]}-{width}.png", full_page=True)


def forgotten(world) -> set[str]:
    """Addresses that no page of the list stands at, and that do not answer with none for a written reason."""
    people, rows, more = full_hub(world)
    seen = {place.what for place in walked(people, rows)} | {resolve_key(place.path) for place in more}
    seen |= {line.split(maxsplit=1)[1] for line in committed()["nothing"].splitlines()[2:]}
    return {
        route.key
        for route in routes()
        if not route.is_api
        and not route.name.startswith(tuple(LEFT_OUT))
        and route.name not in NO_PAGE
        and route.key not in seen
    }


def resolve_key(path: str) -> str:
    try:
        found = resolve(path.split("?")[0])
    except Exception:
        return ""
    return f"{found.view_name} /{found.route}"


def test_no_address_is_forgotten(lasting_world):
    assert forgotten(lasting_world) == set()


def test_a_new_address_is_noticed(lasting_world, monkeypatch):
    """Sabotage: an address that no test opens."""
    real = routes()
    new = Route("odd", "odd/<uuid:client>/", None, ("client",), ())
    monkeypatch.setitem(globals(), "routes", lambda: (*real, new))
    assert forgotten(lasting_world) == {new.key}


# Sabotage: what `faults` must notice on a page that has none.
DAMAGE = {
    "the language is": "document.documentElement.lang = 'es'",
    "the title says": f"document.title = '{CODES[0]}'",
    "label-title-only": "document.querySelectorAll('label').forEach((one) => one.remove())",
    "wider than the window": "document.querySelector('main').style.width = '3000px'",
    "console: oh": "console.warn('oh')",
    "script: ": "setTimeout(() => { throw new Error('oh') })",
    "asked elsewhere: https://elsewhere.invalid/": "new Image().src = 'https://elsewhere.invalid/'",
}


def test_each_fault_is_noticed(lasting_world, live_server, browser):
    heard = Heard(live_server.url)
    context = heard.listen(browser.new_context(bypass_csp=True))
    context.route("https://elsewhere.invalid/", lambda route: route.fulfill(body=""))
    page = context.new_page()

    def wrong(damage: str) -> list[str]:
        page.goto(live_server.url + reverse("account_login"))
        page.evaluate(damage)
        return faults(page, heard, language="en", secrets=frozenset(CODES))

    assert wrong("0") == []
    for said, damage in DAMAGE.items():
        found = wrong(damage)
        assert found and any(said in one for one in found), (said, found)
