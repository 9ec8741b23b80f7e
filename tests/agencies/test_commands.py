"""The commands that guard others: they do what they say, say what they did, and refuse where they must."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client as Browser

from agencies import ledger, vault
from agencies.management.commands.rotate_keys import sealed_columns
from agencies.models import LedgerEntry
from agencies.privacy import Privacy
from agencies.scope import Actor, acting_as
from casehub import signin
from referrals.models import Client
from tests.world import PASSWORD


def run(capsys, *words):
    call_command(*words)
    return capsys.readouterr().out.strip()


def test_code_prints_codes_that_work_each_once_and_then_says_how_long_to_wait(world, capsys):
    user = world.person("A")
    for _once in range(2):
        assert signin.use_code(user, run(capsys, "code", user.email.upper())) is not None
    with pytest.raises(CommandError, match="seconds"):
        run(capsys, "code", user.email)
    with pytest.raises(CommandError, match="Nobody"):
        run(capsys, "code", "nobody@a.example")


def test_code_refuses_on_a_real_hub(world, capsys, settings):
    settings.IS_LAPTOP = False
    with pytest.raises(CommandError, match="real hub"):
        run(capsys, "code", world.person("A").email)


def test_every_sealed_column_is_rotated():
    """A box in a column of another name would stay under its old key unnoticed."""
    for model, field, _place in sealed_columns():
        assert isinstance(model.privacy, Privacy) and field in model.privacy.direct
    assert ("referrals.client", "code_sealed", "client.code") in {
        (model._meta.label_lower, field, place) for model, field, place in sealed_columns()
    }


def test_rotation_puts_everything_under_new_keys_and_all_still_opens(lasting_world, capsys):
    world = lasting_world
    world.agency("HUB")
    user, client = world.person("A"), world.client("A", code="KH-1")
    spare = RecoveryCodes.activate(user).generate_codes()[0]
    with world.acting("A"):
        before = bytes(Client.objects.get().code_sealed)
    factor = Authenticator.objects.get(user=user, type="totp").data["secret"]
    run(capsys, "rotate_keys")
    with world.acting("A"):
        after = bytes(Client.objects.get().code_sealed)
        where = {"agency": client.agency_id, "place": "client.code", "row": client.pk, "subject": client.pk}
        assert vault.unseal(after, **where) == "KH-1"
    assert after != before
    assert Authenticator.objects.get(user=user, type="totp").data["secret"] != factor
    assert signin.use_code(user, run(capsys, "code", user.email)) is not None
    assert signin.use_code(user, spare) is not None
    assert "none" in run(capsys, "rotate_keys", "--remove-old")  # not within the hour


def test_an_agencys_keys_are_destroyed_only_on_purpose_and_never_the_offices(lasting_world, capsys):
    world = lasting_world
    office = world.agency("HUB")
    client = world.client("A", code="KH-1")
    with pytest.raises(CommandError, match="--yes"):
        run(capsys, "destroy_agency_keys", "agency-a")
    with pytest.raises(CommandError, match="second steps"):
        run(capsys, "destroy_agency_keys", office.slug, "--yes")
    with pytest.raises(CommandError, match="No agency"):
        run(capsys, "destroy_agency_keys", "nowhere", "--yes")
    with world.acting("A"):
        box = bytes(Client.objects.get().code_sealed)
        where = {"agency": client.agency_id, "place": "client.code", "row": client.pk, "subject": client.pk}
        assert vault.unseal(box, **where)
    run(capsys, "destroy_agency_keys", "agency-a", "--yes")
    with pytest.raises(vault.VaultError):
        vault.unseal(box, **where)
    with acting_as(Actor.hub(client.agency_id)):
        assert LedgerEntry.objects.filter(verb="agency.keys_destroyed").exists()


@pytest.mark.parametrize("tampered", [False, True])
def test_verify_ledger_finds_a_changed_entry(lasting_world, capsys, tampered):
    world = lasting_world
    world.client("A")
    # A transaction of another database on the server may hold a seal up for a moment.
    for _try in range(100):
        with world.acting("A"):
            if ledger.seal():
                break
        time.sleep(0.1)
    if tampered:
        from django.db import connections

        with connections["owner"].cursor() as cursor:
            cursor.execute("ALTER TABLE agencies_ledgerentry NO FORCE ROW LEVEL SECURITY")
            cursor.execute(
                "UPDATE agencies_ledgerentry SET verb = 'client.viewed' WHERE verb = 'client.created'"
            )
            cursor.execute("ALTER TABLE agencies_ledgerentry FORCE ROW LEVEL SECURITY")
        with pytest.raises(CommandError, match="1 seals"):
            run(capsys, "verify_ledger")
    else:
        assert "agency-a: holds through seal 1" in run(capsys, "verify_ledger", "agency-a")


def test_a_lone_data_lead_is_let_back_in_by_command(world, capsys):
    user = world.person("A", "data_lead")
    said = run(capsys, "let_back_in", user.email, "agency-a")
    link = next(word for word in said.split() if word.startswith("/join/"))
    new = "quite another passphrase"
    Browser().post(link, {"password": new, "again": new})
    user.refresh_from_db()
    assert user.check_password(new) and not user.check_password(PASSWORD)
    assert not Authenticator.objects.filter(user=user).exists()
    with world.acting("A", "data_lead"):
        assert LedgerEntry.objects.filter(verb="member.let_back_in").exists()
    with pytest.raises(CommandError):
        run(capsys, "let_back_in", user.email, "nowhere")


def test_a_data_lead_at_rest_is_brought_back_by_command_and_a_caseworker_is_not(world, capsys):
    lead, worker = world.person("A", "data_lead"), world.person("A")
    for user in (lead, worker):
        user.is_active = False
        user.save()
    said = run(capsys, "let_back_in", lead.email, "agency-a")
    lead.refresh_from_db()
    assert lead.is_active and "/join/" in said
    with world.acting("A", "data_lead"):
        assert LedgerEntry.objects.get(verb="member.brought_back").target_id == str(lead.pk)
    with pytest.raises(CommandError, match="at rest"):
        run(capsys, "let_back_in", worker.email, "agency-a")
    worker.refresh_from_db()
    assert not worker.is_active
