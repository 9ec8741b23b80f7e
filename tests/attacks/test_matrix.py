"""Every route, asked by everyone, with the id of an own row, another agency's, and none at all.

The answers stand in matrix.txt, to be read and reviewed. `CASEHUB_WRITE_MATRIX=1` writes it anew; a route
that is not in it fails. To whoever asks, another agency's row and no row at all are the same bytes.
"""

import logging
import os
from pathlib import Path

import pytest
from django.utils import timezone

from agencies import linknet
from agencies.models import KeyHolder, LinkEpoch
from agencies.roles import Permission
from agencies.scope import Actor
from tests.attacks.people import PEOPLE, STRANGERS, ask, browsers, in_words, said
from tests.attacks.routes import Route, ids, routes
from tests.attacks.rows import Rows

MATRIX = Path(__file__).with_name("matrix.txt")
WRITES = bool(os.environ.get("CASEHUB_WRITE_MATRIX"))
HEADINGS = {
    "nobody": "nobody",
    "stranger": "strang",
    "no_factor": "no2fa",
    "caseworker": "casewk",
    "supervisor": "superv",
    "data_lead": "lead",
    "hotline": "hotlin",
    "partner_viewer": "partnr",
    "coordinator": "coord",
    "output_checker": "checkr",
    "auditor": "audit",
    "survivor_consultant": "surviv",
    "hub_operator": "operat",
}
ABOUT = """\
# What everyone is answered at every route. Written by tests/attacks/test_matrix.py; read the differences.
# in = asked to sign in, 2fa = asked to set up a second factor, else the status. People stand at agency A, or
# at the hub's office. own = a row of A's, other = one of another agency's, missing = no row's; - = no id.
# nobody is not signed in; strang works nowhere; no2fa is a supervisor who has no second factor yet.
"""


def line(what: str, cells: list[str]) -> str:
    return f"{what:<100} " + " ".join(f"{cell:<6}" for cell in cells).rstrip()


HEADING = line("# method whose   route", [HEADINGS[who] for who in PEOPLE])


def label(method: str, whose: str, route: Route) -> str:
    return f"{method.upper():<6} {whose:<7} {route.key}"


def committed() -> dict[str, list[str]]:
    found = {}
    for text in MATRIX.read_text().splitlines() if MATRIX.exists() else []:
        if text and not text.startswith("#"):
            what, *cells = text.rsplit(None, len(PEOPLE))
            found[what] = cells
    return found


@pytest.fixture
def place(world, settings, tmp_path):
    """Everyone's browser, and a row of everything at A and B."""
    settings.INBOX = tmp_path / "inbox"
    logging.disable(logging.CRITICAL)  # thousands of refusals are what is wanted
    rows = Rows(world).everything("A", "B")
    turn_linkage_on()
    yield browsers(world), rows
    logging.disable(logging.NOTSET)


def turn_linkage_on() -> None:
    """The addresses of pairs are nobody's while it is off. No holder listens there."""
    for number in linknet.HOLDERS:
        KeyHolder.objects.update_or_create(
            number=number,
            defaults={
                "url": f"http://127.0.0.1:{number}",
                "body": f"Body {number}",
                "in_use_since": timezone.now(),
            },
        )
    LinkEpoch.objects.get_or_create(number=1, defaults={"fingerprint": "0000 " * 7 + "0000"})
    LinkEpoch.objects.update(ended_at=None)


def whose_rows(route: Route) -> tuple[str, ...]:
    if not route.rows and not route.names_an_upload:
        return ("-",)
    return ("own", "other", "missing") if route.behind_the_wall else ("own", "missing")


def answers(place, route: Route, method: str, whose: str, people=PEOPLE):
    """What each of `people` is answered: the status in words, and everything said."""
    people_browsers, rows = place
    options = {"content_type": "application/json"} if route.is_api and method != "get" else {}
    one = ids(route, rows, "own" if whose == "-" else whose)
    found = {who: ask(people_browsers[who], method, route.path(one), **options) for who in people}
    crashes = {who: repr(answer.exc_info[1]) for who, answer in found.items() if answer.status_code >= 500}
    assert not crashes, f"{label(method, whose, route)}: {crashes}"
    return {who: (in_words(answer), said(answer, one)) for who, answer in found.items()}


def hidden(seen, who: str) -> bool:
    """Whether another agency's row and no row are the same to this one, to the byte."""
    return seen["other"][who] == seen["missing"][who]


@pytest.mark.slow
def test_every_route_answers_everyone_as_the_matrix_says(place):
    found, different = {}, []
    for route in routes():
        for method in route.methods:
            seen = {whose: answers(place, route, method, whose) for whose in whose_rows(route)}
            for whose, by_person in seen.items():
                found[label(method, whose, route)] = [by_person[who][0] for who in PEOPLE]
            if "other" in seen:
                different += [f"{label(method, '', route)} {who}" for who in PEOPLE if not hidden(seen, who)]
    assert different == []
    if WRITES:
        text = "\n".join(line(what, cells) for what, cells in found.items())
        MATRIX.write_text(f"{ABOUT}{HEADING}\n{text}\n")
    before = committed()
    changed = [line(what, cells) for what, cells in found.items() if before.get(what) != cells]
    gone = sorted(set(before) - set(found))
    assert (changed, gone) == ([], []), "routes answer otherwise than matrix.txt says"


def every_line() -> list[tuple[str, Route, str, str]]:
    return [
        (label(method, whose, route), route, method, whose)
        for route in routes()
        for method in route.methods
        for whose in whose_rows(route)
    ]


def test_every_route_stands_in_the_matrix():
    lines = {what for what, *_rest in every_line()}
    assert (sorted(lines - set(committed())), sorted(set(committed()) - lines)) == ([], [])


def test_another_agencys_row_is_as_absent_as_no_row(place):
    """The quick half: pages of rows, for those who can open their own."""
    different, opened = [], []
    for route in routes():
        if route.behind_the_wall and not route.name.startswith("admin:"):
            able = [
                who for who in PEOPLE if committed()[label("get", "own", route)][PEOPLE.index(who)] == "200"
            ]
            people = [*able[:1], "coordinator"]
            seen = {
                whose: answers(place, route, "get", whose, people) for whose in ("own", "other", "missing")
            }
            different += [f"{route.key} {who}" for who in people if not hidden(seen, who)]
            assert all(seen["other"][who][0] in ("404", "405") for who in people), route.key
            opened += [route.key for who in able[:1] if seen["own"][who][0] == "200"]
    assert different == []
    assert len(opened) > 10, "the probe must see that an own row opens"


def test_some_lines_of_the_matrix_hold(place):
    """The quick part: every 50th line, as everyone."""
    before = committed()
    for what, route, method, whose in every_line()[::50]:
        assert [cell for cell, _said in answers(place, route, method, whose).values()] == before[what], what


# What the matrix must say, whatever the routes are.

MAY_ASK_SIGNED_OUT = {
    *("home", "set_language", "livez", "join", "first_run", "leave", "account_login", "account_signup"),
    *("account_inactive", "account_reset_password", "account_reset_password_done", "account_logout"),
    *("account_reset_password_from_key", "account_reset_password_from_key_done", "mfa_authenticate"),
    *("account_reauthenticate", "admin:logout"),
    *("reporting:published", "reporting:published_table", "reporting:published_file"),
}


def test_the_matrix_lets_nobody_in_who_is_not_signed_in():
    for what, route, _method, _whose in every_line():
        cell = committed()[what][PEOPLE.index("nobody")]
        if route.name not in MAY_ASK_SIGNED_OUT:
            assert cell in ("in", "401", "403", "404", "405"), what


def test_the_matrix_shows_no_row_to_a_stranger_or_without_a_second_factor():
    for what, route, _method, _whose in every_line():
        if route.behind_the_wall:
            for who in STRANGERS:
                assert committed()[what][PEOPLE.index(who)] in ("in", "2fa", "401", "403", "404", "405"), (
                    what,
                    who,
                )


def test_the_matrix_opens_no_other_agencys_row_to_anyone():
    for what, route, _method, whose in every_line():
        if route.behind_the_wall and whose in ("other", "missing"):
            assert set(committed()[what]) <= {"in", "2fa", "401", "403", "404", "405"}, what


# Gates


def gated() -> list[Route]:
    return [route for route in routes() if _view(route) is not None]


def _view(route: Route):
    view = getattr(route.view, "view_class", None) or getattr(route.view, "cls", None)
    return view if hasattr(view, "needs") else None


# Pages of ours that ask for no permission, each with its reason.
NO_PERMISSION = {
    "home": "leads each role to its own first page",
    "api-picklists-list": "code lists, the same for everyone who is signed in",
    "api-schema": "the API's own description",
    **dict.fromkeys(
        ("lock", "unlock", "still_here", "leave", "set_language", "keys"), "a session's own affairs"
    ),
    "choose_agency": "before an agency is chosen there is no permission",
    **dict.fromkeys(("join", "first_run"), "whoever joins holds nothing yet"),
    **dict.fromkeys(("livez", "readyz"), "says nothing about anyone"),
    "referrals:openings": "either of two permissions opens it: tests/referrals/web/test_openings.py",
    **dict.fromkeys(
        ("reporting:published", "reporting:published_table", "reporting:published_file"),
        "tables that a second person released for anybody",
    ),
}


def test_every_page_of_ours_says_what_it_needs():
    for route in routes():
        if not route.name.startswith(("account_", "mfa_", "usersessions_", "admin:")):
            assert (_view(route) is None) == (route.name in NO_PERMISSION), route.key


def permissions(route: Route) -> set[Permission]:
    needs = _view(route).needs
    return {needs} if isinstance(needs, Permission) else set(needs.values())


# Gates with a second one behind them: whoever lacks the first permission lacks the second too.
# Two records that may be one person have no row here: tests/referrals/web/test_link_pages.py opens their gates.
PAIRS = {
    "referrals:link_question /links/<uuid:pair>/",
    "referrals:link_undo /links/<uuid:pair>/undo/",
    "referrals:link_unlink /links/<uuid:pair>/unlink/",
}
HELD_TWICE = {
    "referrals:draft /drafts/<slug:form>/<uuid:client>/": "the draft of a client's form asks for client_edit itself",
    "reporting:saved_act /numbers/saved/<uuid:view>/": "a saved view is its person's alone",
    "reporting:nation /agency/tables/": "the nation's own word, and only a tribal agency's manager has one",
    **dict.fromkeys(
        (
            "reporting:release_ask /reports/releases/new/",
            "reporting:release_correct /reports/releases/<uuid:release>/correct/",
            "reporting:release_plan /reports/releases/plans/<uuid:specification>/",
            "reporting:release_proposal /reports/releases/<uuid:proposal>/",
        ),
        "asking and deciding look for the hub office and the permission themselves",
    ),
}


def test_each_gate_is_missed_when_it_is_open(place, monkeypatch):
    """Sabotage: with the permission of one view not asked, the matrix notices, for every gated route."""
    unnoticed = []
    before = committed()
    for route in gated():
        method = next(
            m for m in route.methods if not set(before[label(m, first_of(route), route)]) <= {"405"}
        )
        methods = [method, *(m for m in route.methods if m != method)]
        if not any(_differs(place, monkeypatch, route, m, before) for m in methods):
            unnoticed.append(route.key)
    assert set(unnoticed) == HELD_TWICE.keys() | PAIRS


def first_of(route: Route) -> str:
    return whose_rows(route)[0]


def _differs(place, monkeypatch, route: Route, method: str, before) -> bool:
    """Whether someone without the permission is answered otherwise once the view's gate stands open."""
    view = _view(route)
    cells = before[label(method, first_of(route), route)]
    shut = [who for who, cell in zip(PEOPLE, cells, strict=True) if cell == "404" and who not in STRANGERS][
        :3
    ]
    asked = permissions(route)
    with monkeypatch.context() as patch:
        real = Actor.require

        def lenient(self, permission):
            if permission not in asked or view is None:
                real(self, permission)

        patch.setattr(Actor, "require", lenient)
        now = answers(place, route, method, first_of(route), shut)
    return any(cell != "404" for cell, _said in now.values())
