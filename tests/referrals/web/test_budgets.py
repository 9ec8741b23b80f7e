"""How many queries a page asks inside the open door, and that more rows ask no more: budgets.txt.

The door itself asks eight before and after (session, user, memberships, roles, permissions, second factor,
scope opened and closed). A list may ask 12, a client's page with all its parts 20.
"""

from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from referrals import actions, disclosures
from referrals.models import Client, Offer
from tests.referrals.test_disclosures import handing, key_of

FILE = Path(__file__).with_name("budgets.txt")
BUDGETS = {name: int(cost) for name, cost in (line.split() for line in FILE.read_text().splitlines())}


def fill(world, count, start):
    """Clients with one row of everything, in one project, and offers each way."""
    world.agency("B")
    keys = {}
    for number in range(start, start + count):
        client = world.client("A", f"KH-{number}", worker=world.person("A"))
        world.enrollment(client)
        for _ in range(3):
            world.touchpoint("A", client, given=["listened"])
            world.service(client, provided_on=timezone.localdate())
        world.screening(client)
        with world.acting("A"):
            actions.record_touchpoint(client=client, sector="court", note="Went well")
            actions.send_referral(client=client, needed="dental", receivers=[world.agency("B")])
            actions.keep_draft(form="service_new", client=client, body={})
        world.offer(sender="B", receiver="A")
        hand_over(world, client, "B", keys)
        hand_over(world, world.client("B"), "A", keys)


def hand_over(world, client, receiver, keys):
    sender = world.letter(client.agency_id)
    for letter in (sender, receiver):
        if letter not in keys:
            keys[letter] = key_of(world, letter)
    with world.acting(sender):
        disclosures.hand_over(**handing(world, client, keys[receiver], receiver=receiver))


def address(world, name):
    with world.acting("A"):
        client = Client.objects.order_by("recorded_at").first()
        referral = client.referrals.first()
        offer = Offer.objects.filter(receiver=world.agency("A")).first()
        enrollment = client.enrollments.first()
        release = client.releases.first()
    arguments = {
        "client": [client.pk],
        "client_edit": [client.pk],
        "hand_over": [client.pk],
        "releases": [client.pk],
        "release_new": [client.pk],
        "release": [release.pk],
        "compelled_new": [client.pk],
        "client_restrict": [client.pk],
        "client_contact_new": [client.pk],
        "enroll": [client.pk],
        "service_new": [client.pk],
        "screening_new": [client.pk],
        "follow_up_new": [client.pk],
        "referral_new": [client.pk],
        "enrollment_exit": [enrollment.pk],
        "referral": [referral.pk],
        "offer": [offer.pk],
    }.get(name, [])
    if name == "referrals_sent":
        return reverse("referrals:referrals") + "?list=sent"
    return reverse(f"referrals:{'contact_new' if name == 'client_contact_new' else name}", args=arguments)


def cost(browser, where):
    """What the page asked between the opening of the door and its closing; the lesser of two visits, as a
    process reads keys and content types anew from time to time."""
    visits = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(where).status_code == 200
        said = [query["sql"] for query in asked if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))]
        doors = [
            place for place, sql in enumerate(said) if sql.startswith("SELECT set_config('casehub.agency'")
        ]
        visits.append(said[doors[0] + 1 : doors[-1]])
    return min(visits[1:], key=len)


@pytest.mark.parametrize("name", BUDGETS)
def test_a_page_costs_what_its_budget_says_whatever_the_rows(world, name):
    fill(world, 2, 0)
    browser = world.browser("A", "supervisor" if name == "client_restrict" else "caseworker")
    few = cost(browser, address(world, name))
    fill(world, 9, 2)
    many = cost(browser, address(world, name))
    assert len(few) == len(many)
    assert len(many) <= BUDGETS[name], "\n".join(many)


def test_no_budget_is_larger_than_promised():
    lists = {"caseload", "clients", "find", "referrals", "referrals_sent", "services_day"}
    assert not {name: cost for name, cost in BUDGETS.items() if cost > (12 if name in lists else 20)}


def test_a_query_too_many_is_noticed(world, monkeypatch):
    """Sabotage: a list that asks once a row costs more with more rows."""
    from referrals import queries

    fill(world, 2, 0)
    browser = world.browser("A")
    asked_apart = queries.code_of

    def once_a_row(client):
        client.enrollments.count()
        return asked_apart(client)

    monkeypatch.setattr(queries, "code_of", once_a_row)
    few = cost(browser, address(world, "clients"))
    fill(world, 2, 2)
    assert len(cost(browser, address(world, "clients"))) > len(few)
