"""How many statements a page may send. A page that needs more with more clients has a query in a loop."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from referrals.models import Client, Touchpoint
from tests.world import World

#: Statements in all, the door's own among them (about ten: session, person, roles, actor, ledger).
BUDGETS = {
    "caseload": 22,
    "clients": 19,
    "client": 25,
    "contact_new": 13,
    "contact_new of a client": 14,
    "contact saved": 17,
}


@pytest.fixture(autouse=True)
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Now and then a session notes that it was seen, and the vault looks whether its keys still stand; here
    neither comes in between. Each is one statement.
    """
    monkeypatch.setattr("casehub.middleware.SEEN_EVERY", 3600)
    monkeypatch.setattr("agencies.vault.keys.TRUSTED_SECONDS", 3600.0)


def people(world: World, count: int) -> list[Client]:
    worker = world.person("A")
    made = []
    for number in range(count):
        client = world.client("A", code=f"K-{number}-{count}", worker=worker)
        world.enrollment(client)
        world.touchpoint("A", client, occurred_at=timezone.now() - timedelta(days=number))
        world.service(client)
        world.screening(client)
        world.referral(client)
        made.append(client)
    return made


def sent(world: World, client: Client) -> dict[str, int]:
    """By page: how many statements it sent."""
    browser = world.browser("A")
    of_client = reverse("referrals:contact_new", args=[client.pk])
    pages = {
        "caseload": reverse("referrals:caseload"),
        "clients": reverse("referrals:clients"),
        "client": reverse("referrals:client", args=[client.pk]),
        "contact_new": reverse("referrals:contact_new"),
        "contact_new of a client": of_client,
    }
    for path in pages.values():
        browser.get(path)  # what a session and a process ask only once, and a list of clients seen
    found = {}
    for name, path in pages.items():
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(path).status_code == 200
        found[name] = len(asked)
    with CaptureQueriesContext(connection) as asked:
        assert browser.post(of_client, {"sector": "hotline", "note": "tea"}).status_code == 302
    found["contact saved"] = len(asked)
    return found


def test_pages_keep_to_their_budgets_however_many_clients_there_are(world: World) -> None:
    few = sent(world, people(world, 15)[0])  # more than one screen of a day
    many = sent(world, people(world, 16)[0])
    over = {name: count for name, count in many.items() if count > BUDGETS[name]}
    assert not over, f"more statements than {BUDGETS}"
    assert many == few


def test_a_query_in_a_loop_would_be_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from referrals.web import day

    plain = day.queries.code_of

    def asks_again(client: Client) -> str:
        Touchpoint.objects.filter(client=client).count()
        return plain(client)

    made = people(world, 5)
    before = sent(world, made[0])
    monkeypatch.setattr(day.queries, "code_of", asks_again)
    assert sent(world, made[0])["clients"] >= before["clients"] + 5
