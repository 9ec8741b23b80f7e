"""Sheets of labels as the hub prints them: codes, chosen as the list is. What a browser with open cards adds stands
in tests/browser/test_labels.py."""

import re

import pytest
from django.urls import reverse

from agencies.models import LedgerEntry

PATH = reverse("referrals:labels")


def labels(page):
    return re.findall(r'<span class="label__code">(.*?)</span>', page.content.decode())


@pytest.fixture
def mine(world):
    world.client("A", "KH-2", worker=world.person("A"))
    world.client("A", "KH-1", worker=world.person("A"))
    world.client("A", "KH-3")
    world.client("B", "TG-1")
    return world.browser("A")


def test_labels_are_the_list_s_clients_in_the_order_of_their_codes(world, mine):
    assert labels(mine.get(PATH)) == ["KH-1", "KH-2", "KH-3"]
    assert labels(mine.get(PATH, {"worker": "me"})) == ["KH-1", "KH-2"]
    assert labels(mine.get(PATH, {"worker": "me", "enrolled": "yes"})) == []
    with world.acting("A"):
        listed = (
            LedgerEntry.objects.filter(verb="client.listed").order_by("id").values_list("rows", flat=True)
        )
        assert list(listed) == [3, 2]


def test_the_list_leads_to_the_labels_of_what_it_shows(mine):
    page = mine.get(reverse("referrals:clients"), {"worker": "me"}).content.decode()
    assert f'href="{PATH}?worker=me"' in page


@pytest.mark.parametrize(("says", "role", "places"), [("names", "caseworker", 3), ("codes", "caseworker", 0)])
def test_a_place_for_a_name_stands_where_names_are_wanted(world, mine, says, role, places):
    page = world.browser("A", role).get(PATH, {"says": says}).content.decode()
    assert page.count("data-card=") == places


def test_a_sheet_that_was_begun_is_used_up(mine):
    page = mine.get(PATH, {"free": 7, "sheet": "a4", "chosen": "none"}).content.decode()
    assert page.count("label--free") == 7
    assert "labels--a4" in page
    assert "checked" not in page
    assert mine.get(PATH, {"free": 29, "sheet": "a4"}).content.decode().count("label--free") == 23
    assert mine.get(PATH, {"free": 5000}).content.decode().count("label--free") == 0
