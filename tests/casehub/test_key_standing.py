"""What every page says of the contact cards' key to its reader, without a query more: how they stand with it, and
who waits for them. What the scripts make of it is tested in tests/browser/test_vault_keys.py."""

import re

import pytest
from django.urls import reverse

from agencies import cardkeys
from agencies.models import Agency, KeyWrap, Membership
from tests.agencies.test_cardkeys import admission, asked, beginning, begun, member, rotation
from tests.referrals.web.test_budgets import cost

WAITS = "1 colleague waits to be let in to the contact cards"


def page(world, role, name="referrals:clients"):
    return world.browser("A", role).get(reverse(name)).content.decode()


def standing(world, role):
    return re.search(r'data-standing="(\w*)"', page(world, role))[1]


def test_the_footer_knows_how_its_reader_stands_with_the_key(world):
    world.agency("A")
    assert standing(world, "supervisor") == standing(world, "caseworker") == "nothing"
    first = begun(world)
    assert (standing(world, "supervisor"), standing(world, "caseworker")) == ("in", "none")
    newcomer = asked(world)
    assert standing(world, "caseworker") == "waiting"
    with world.acting("A", "supervisor"):
        cardkeys.admit(admission(newcomer))
    assert standing(world, "caseworker") == "in"
    with world.acting("A", "supervisor"):
        cardkeys.rotate(rotation([first, newcomer], serial=2))
        KeyWrap.objects.filter(member_id=newcomer, version=2).delete()
    assert standing(world, "caseworker") == "newer"


@pytest.mark.parametrize("role", ["caseworker", "supervisor", "data_lead"])
def test_the_footer_and_the_page_of_keys_name_the_same_state(world, role):
    begun(world)
    asked(world, "caseworker")
    with world.acting("A", role):
        found = cardkeys.with_standing(Agency.objects.all()).get()
        assert found.key_state == cardkeys.state()["state"]


def test_who_can_let_a_colleague_in_sees_on_every_page_that_one_waits(world):
    begun(world)
    assert WAITS not in page(world, "supervisor")
    newcomer = asked(world)
    assert WAITS in page(world, "supervisor")
    assert re.search(r"Contact cards <span data-waiting>1 waits", page(world, "supervisor", "card_keys"))
    # Not who has no key themselves, nor who may let nobody in.
    assert WAITS not in page(world, "data_lead") and WAITS not in page(world, "caseworker")
    asked(world, "data_lead")
    assert "2 colleagues wait to be let in" in page(world, "supervisor")
    # Nor for somebody who works here no more.
    Membership.objects.filter(user=world.person("A", "data_lead")).delete()
    assert WAITS in page(world, "supervisor")
    with world.acting("A", "supervisor"):
        cardkeys.refuse({"member": newcomer})
    assert "to be let in to the contact cards" not in page(world, "supervisor")


def test_another_agencys_newcomers_are_not_counted(world):
    begun(world)
    with world.acting("B", "supervisor"):
        cardkeys.begin(beginning())
    with world.acting("B"):
        cardkeys.ask(member())
    assert "to be let in to the contact cards" not in page(world, "supervisor")


def test_it_costs_no_query(world, monkeypatch):
    begun(world)
    asked(world)
    browser = world.browser("A", "supervisor")
    clients = reverse("referrals:clients")
    all_told = len(cost(browser, clients))
    monkeypatch.setattr(cardkeys, "with_standing", lambda agencies: agencies)
    assert len(cost(browser, clients)) == all_told


def test_outside_the_doors_nothing_is_said_of_the_key(world):
    begun(world)
    body = page(world, "supervisor", "mfa_index")
    assert 'data-standing=""' in body and "Agency A" in body


def test_an_empty_list_says_what_its_reader_can_do(world):
    world.agency("A")
    lead, worker = page(world, "data_lead"), page(world, "caseworker")
    assert "Take in a file" in lead and reverse("referrals:client_new") not in lead
    assert "Open the first one" in worker and "Take in a file" not in worker


def test_the_footer_tells_keyboard_shortcuts_from_keys(world):
    body = page(world, "caseworker")
    assert "Keyboard shortcuts: see them, or turn them off" in body and "Keys: all of them" not in body
