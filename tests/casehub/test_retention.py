"""The pages on which an agency forgets: the date, holds, one client, and the certificate."""

import pytest
from django.urls import reverse

from referrals import shredders
from referrals.models import Client, LegalHold, Shredding
from tests.referrals.test_shredders import due, full, gone_since, set_months


@pytest.fixture
def stepped_up(monkeypatch):
    monkeypatch.setattr("casehub.pages.retention.step_up", lambda request: None)


def post(world, role, name, *args, letter="A", **said):
    return world.browser(letter, role).post(reverse(name, args=args), said, follow=True)


@pytest.mark.parametrize("role", ["caseworker", "hotline", "partner_viewer"])
def test_who_does_not_keep_the_cards_finds_nothing_here(lasting_world, role):
    world = lasting_world
    client = full(world)
    browser = world.browser("A", role)
    for address in (reverse("retention"), reverse("client_forget", args=[client.pk])):
        assert browser.get(address).status_code == 404
        assert browser.post(address, {"act": "forget"}).status_code == 404


def test_another_agencys_client_and_certificate_are_not_there(lasting_world, stepped_up):
    world = lasting_world
    client = full(world)
    browser = world.browser("B", "supervisor")
    assert browser.get(reverse("client_forget", args=[client.pk])).status_code == 404
    post(world, "supervisor", "client_forget", client.pk, act="forget", why="other", is_sure="on")
    with world.acting("A", "supervisor"):
        run = Shredding.objects.get().pk
    assert browser.get(reverse("retention_certificate", args=[run])).status_code == 404
    assert (
        world.browser("A", "data_lead").get(reverse("retention_certificate", args=[run])).status_code == 200
    )


def _code(world, client):
    from referrals import queries

    with world.acting("A", "supervisor"):
        return queries.code_of(Client.objects.get(pk=client.pk))


def test_one_client_is_forgotten_on_purpose_only(lasting_world, stepped_up):
    world = lasting_world
    client = full(world)
    code = _code(world, client)
    page = world.browser("A", "supervisor").get(reverse("client_forget", args=[client.pk])).content.decode()
    for what in ("Contact card", "Notes of services", "Notes of contacts", "Forms not yet saved"):
        assert f'{what}<span class="count">1</span>' in page
    answer = post(world, "supervisor", "client_forget", client.pk, act="forget", why="other")
    assert "required" in answer.content.decode()
    with world.acting("A"):
        assert not Shredding.objects.exists()
    answer = post(
        world, "supervisor", "client_forget", client.pk, act="forget", why="client_asked", is_sure="on"
    )
    text = answer.content.decode()
    assert "Certificate of destruction" in text and "The client asked for it" in text
    with world.acting("A"):
        line = Shredding.objects.get()
    assert line.fingerprint in text and str(client.pk)[:8].upper() in text and code not in text
    page = (
        world.browser("A", "supervisor").get(reverse("referrals:client", args=[client.pk])).content.decode()
    )
    assert "Destroyed on" in page
    assert "It is done" in (
        world.browser("A", "supervisor").get(reverse("client_forget", args=[client.pk])).content.decode()
    )


def test_without_a_recent_password_nothing_goes(lasting_world):
    world = lasting_world
    client = full(world)
    answer = world.browser("A", "supervisor").post(
        reverse("client_forget", args=[client.pk]),
        {"act": "forget", "why": "other", "is_sure": "on"},
    )
    assert answer.status_code == 302 and "reauthenticate" in answer["Location"]
    with world.acting("A"):
        assert not Shredding.objects.exists()


def test_a_hold_is_placed_seen_and_ended(lasting_world, stepped_up):
    world = lasting_world
    client = full(world)
    post(world, "supervisor", "client_forget", client.pk, act="hold", reference="Letter of 3 May")
    page = world.browser("A", "data_lead").get(reverse("retention")).content.decode()
    assert "Letter of 3 May" in page
    answer = post(world, "supervisor", "client_forget", client.pk, act="forget", why="other", is_sure="on")
    assert "A legal hold keeps this record" in answer.content.decode()
    with world.acting("A"):
        assert not Shredding.objects.exists()
        held = LegalHold.objects.get()
    post(world, "data_lead", "retention", act="end_hold", hold=str(held.pk))
    with world.acting("A"):
        assert LegalHold.objects.get().ended_at is not None
    answer = post(world, "data_lead", "retention", act="end_hold", hold="nonsense")
    assert answer.status_code == 404


def test_a_reference_that_is_somebodys_number_is_refused_in_words(lasting_world):
    answer = post(lasting_world, "supervisor", "retention", act="hold", reference="SSN 123-45-6789")
    assert "does not belong on the hub" in answer.content.decode()


def test_the_date_is_the_data_leads_and_shows_what_is_due(lasting_world, stepped_up):
    world = lasting_world
    client = gone_since(world, 20)
    page = world.browser("A", "data_lead").get(reverse("retention")).content.decode()
    assert "No date is set" in page and "12 months" in page
    assert post(world, "supervisor", "retention", act="months", months="12").status_code == 404
    assert due(world) == set()
    answer = post(world, "data_lead", "retention", act="months", months="12")
    assert _code(world, client) in answer.content.decode()
    assert due(world) == {client.pk}
    answer = post(world, "data_lead", "retention", act="months", months="0")
    assert "greater than or equal to 1" in answer.content.decode()
    answer = post(world, "supervisor", "retention", act="now")
    assert "The certificate stands below" in answer.content.decode()
    assert due(world) == set()
    post(world, "data_lead", "retention", act="months", months="")
    assert "No date is set" in world.browser("A", "data_lead").get(reverse("retention")).content.decode()


def test_the_night_takes_every_agency_that_has_a_date(lasting_world):
    from casehub.celery import shred_due

    world = lasting_world
    clients = [gone_since(world, 20, letter) for letter in "AB"]
    set_months(world, 12, "B")
    assert shred_due() == 1
    with world.acting("B"):
        assert Shredding.objects.get().client_id == clients[1].pk
    with world.acting("A"):
        assert not Shredding.objects.exists()


def test_what_goes_wrong_at_one_agency_stops_no_other(lasting_world, caplog):
    from pathlib import Path

    from django.conf import settings

    from casehub.celery import shred_due

    world = lasting_world
    clients = {letter: gone_since(world, 20, letter) for letter in "AB"}
    for letter in "AB":
        set_months(world, 12, letter)
    file = Path(settings.CASEHUB_KEYS) / f"subjects-{clients['A'].agency_id}.keys"
    file.chmod(0o644)
    try:
        assert shred_due() == 1
    finally:
        file.chmod(0o600)
    assert "went wrong at agency" in caplog.text
    with world.acting("B"):
        assert Shredding.objects.exists()


def test_a_key_that_is_not_destroyed_yet_is_said(lasting_world, monkeypatch):
    world = lasting_world
    client = full(world)
    monkeypatch.setattr("agencies.vault.finish_destroying", lambda *_: 0)
    with world.acting("A", "supervisor"):
        (line,) = shredders.shred([client.pk], why="other")
    page = (
        world.browser("A", "supervisor")
        .get(reverse("retention_certificate", args=[line.pk]))
        .content.decode()
    )
    assert "not destroyed yet" in page


def test_every_table_that_can_go_has_its_words():
    from casehub.pages.retention import WENT

    assert {model._meta.model_name for model in shredders.tables()} <= set(WENT)
