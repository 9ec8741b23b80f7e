"""A stranger's afternoon: thousands of requests by people of five agencies, and nobody sees a foreign row.

Each agency's codes, notes, project names and row ids are canaries. A request's own words (an id asked for, a
code searched for) may come back in its answer; anything else of another agency is a leak.
"""

import logging
import random
import re
import uuid

import pytest
from django.db import models

from agencies.models import Project
from agencies.roles import ROLES
from referrals.models import Client, Service, Touchpoint
from tests.attacks.people import ask
from tests.attacks.routes import NOT_ASKED, Route, _row, routes
from tests.attacks.rows import Rows, canary, walled

AGENCIES = "ABCDE"
PEOPLE = [name for name, role in ROLES.items() if not role.at_hub_office]
# Signing out, quick exit and first steps say nothing of rows and end the session that asks.
SKIPPED = {*NOT_ASKED, "account_logout", "leave", "lock", "mfa_deactivate_totp"}


class Network:
    """Five agencies with a row of everything, a browser for each person, and what each must never see."""

    def __init__(self, world) -> None:
        self.world = world
        self.rows = Rows(world)
        self.canaries: dict[str, set[str]] = {letter: set() for letter in AGENCIES}
        for letter in AGENCIES:
            agency = world.agency(letter)
            with world.acting(letter):
                Project.objects.create(agency=agency, name=self._canary(letter))
            for code in (self._canary(letter), self._canary(letter)):
                client = world.client(letter, code=code, worker=world.person(letter))
                world.touchpoint(letter, client)
                world.service(client)
                self.rows.made.setdefault((Client, letter), client)
            self.rows.everything(letter)
        for (model, letter), row in [*self.rows.made.items(), *self.rows.spare.items()]:
            if letter in self.canaries and model in walled() and isinstance(model._meta.pk, models.UUIDField):
                self.canaries[letter].add(str(row.pk))
        self.browsers = {(a, p): world.browser(a, p) for a in AGENCIES for p in PEOPLE}
        for browser in self.browsers.values():
            browser.raise_request_exception = False

    def _canary(self, letter: str) -> str:
        word = canary(letter)
        self.canaries[letter].add(word)
        return word

    def foreign(self, letter: str) -> list[str]:
        return [word for other in AGENCIES if other != letter for word in self.canaries[other]]

    def own_or_not(self, chance: random.Random, letter: str, model: type[models.Model]) -> str:
        """An id: mostly another agency's, often one's own, sometimes nobody's."""
        other = chance.choice([one for one in AGENCIES if one != letter])
        kind = chance.random()
        if kind < 0.15:
            return str(uuid.uuid4())
        return str(_row(model, self.rows, letter if kind < 0.5 else other).pk)


@pytest.fixture
def network(world):
    return Network(world)


def _query(network: Network, chance: random.Random, letter: str) -> dict[str, str]:
    """Filters that exist and some that do not: words, pages, and other agencies' ids and codes."""
    other = chance.choice([one for one in AGENCIES if one != letter])
    words = {
        "q": chance.choice([*network.canaries[other], "CANARY", "%", "'", ""]),
        "code": chance.choice([*network.canaries[other]]),
        "client": network.own_or_not(chance, letter, Client),
        "agency": str(network.world.agency(other).pk),
        "agency_id": str(network.world.agency(other).pk),
        "page": chance.choice(["1", "2", "-1", "x"]),
        "limit": "500",
        "offset": chance.choice(["0", "1", "999999"]),
        "ordering": chance.choice(["-recorded_at", "agency", "code_sealed"]),
        "search": "CANARY",
        "show": chance.choice(["all", "mine", "closed"]),
        "whose": "all",
        "format": chance.choice(["json", "csv", "api"]),
        "next": f"/clients/{network.own_or_not(chance, letter, Client)}/",
    }
    return {name: words[name] for name in chance.sample(sorted(words), chance.randint(0, 4))}


def _ids(network: Network, chance: random.Random, letter: str, route: Route) -> dict[str, str]:
    found = {"name": uuid.uuid4().hex} if route.names_an_upload else {}
    for name, model in route.rows:
        if model in walled():
            found[name] = network.own_or_not(chance, letter, model)
        else:
            found[name] = str(_row(model, network.rows, letter).pk)
    return found


def walk(network: Network, times: int, caplog) -> tuple[dict[str, int], list[str]]:
    """So many requests; what was answered how often, and each leak in a sentence."""
    chance = random.Random(20250101)
    open_routes = [route for route in routes() if route.name not in SKIPPED]
    # Rows and their lists are asked for more often than the front door's own pages.
    weights = [
        5 if route.behind_the_wall or "referrals" in route.name or route.is_api else 1
        for route in open_routes
    ]
    answered: dict[str, int] = {}
    leaks = []
    everything = re.compile("|".join(re.escape(w) for letter in AGENCIES for w in network.canaries[letter]))
    theirs = {word: letter for letter in AGENCIES for word in network.canaries[letter]}
    for _ in range(times):
        letter, person = chance.choice(AGENCIES), chance.choice(PEOPLE)
        route = chance.choices(open_routes, weights)[0]
        path = route.path(_ids(network, chance, letter, route))
        query = _query(network, chance, letter)
        method = chance.choices(["get", "head", "post", "options", "put", "delete"], [80, 3, 12, 1, 2, 2])[0]
        options = {"content_type": "application/json"} if method in ("put", "delete") else {}
        if chance.random() < 0.3:
            options["HTTP_HX_REQUEST"] = "true"
        caplog.clear()
        answer = ask(network.browsers[letter, person], method, path, query, **options)
        kind = f"{answer.status_code // 100}xx"
        answered[kind] = answered.get(kind, 0) + 1
        asked = path + str(query)
        shown = answer.content.decode(errors="replace") + str(answer.headers)
        if answer.status_code >= 500:
            leaks.append(f"{method} {path} as {person} broke: {answer.exc_info[1]!r}")
        for word in everything.findall(shown):
            if theirs[word] == letter:
                answered["own rows"] = answered.get("own rows", 0) + 1
            elif word not in asked:
                leaks.append(f"{method} {path} as {person} of {letter} shows {word} of {theirs[word]}")
        for word in everything.findall(caplog.text):
            if word.startswith("CANARY") and word not in asked:
                leaks.append(f"{method} {path}: the log holds {word}")
    return answered, leaks


def test_a_thousand_requests_over_five_agencies_show_no_foreign_row(network, caplog):
    caplog.set_level(logging.INFO)
    answered, leaks = walk(network, 1000, caplog)
    assert leaks == []
    assert answered["own rows"] > 100, "the walk must see rows at all"
    assert answered["2xx"] > 100 and answered["4xx"] > 100


@pytest.mark.slow
def test_twenty_thousand_requests_over_five_agencies_show_no_foreign_row(network, caplog):
    caplog.set_level(logging.INFO)
    answered, leaks = walk(network, 20_000, caplog)
    assert leaks == []
    assert answered["own rows"] > 2000


def test_the_walk_would_see_a_leak(network, caplog, monkeypatch):
    """Sabotage: one view that answers with another agency's code is noticed within the first requests."""
    from django.http import HttpResponse

    from agencies.doors import AgencyView

    word = sorted(network.canaries["E"])[0]
    monkeypatch.setattr(AgencyView, "dispatch", lambda self, request, *a, **k: HttpResponse(word))
    _answered, leaks = walk(network, 60, caplog)
    assert any(word in leak for leak in leaks)


def test_the_rows_hold_their_canaries(network):
    """What the walk looks for is really there, sealed and in the clear."""
    from referrals import queries

    with network.world.acting("A"):
        seen = {queries.code_of(client) for client in Client.objects.exclude(code_sealed=b"")}
        seen |= {queries.note_of(row) for row in [*Touchpoint.objects.all(), *Service.objects.all()]}
        seen |= set(Project.objects.values_list("name", flat=True))
    assert len(seen & network.canaries["A"]) >= 3
