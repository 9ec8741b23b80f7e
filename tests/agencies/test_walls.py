"""The wall in its smallest form: own rows, nobody's rows, and no foreign write."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection

from agencies.models import LedgerEntry
from agencies.scope import ScopeError
from referrals.models import Client, Enrollment, Response


def test_tests_run_as_a_login_that_row_security_binds(world):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == ("casehub_app", False, False)


@pytest.mark.parametrize(("reader", "seen"), [("A", 1), ("B", 0)])
def test_a_client_exists_only_for_its_agency(world, reader, seen):
    world.client("A", code="KH-1")
    with world.acting(reader):
        assert Client.objects.count() == seen


def test_without_an_actor_rows_are_refused_loudly(world):
    with pytest.raises(ScopeError):
        Client.objects.count()


def test_without_an_actor_raw_sql_sees_nothing(world):
    world.client("A")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM referrals_client")
        assert cursor.fetchone() == (0,)


def test_nobody_writes_a_row_for_another_agency(world):
    world.agency("B")
    with pytest.raises(ProgrammingError, match="row-level security"), world.acting("A"):
        Client.objects.create(agency=world.agency("B"))


def test_no_row_can_point_at_another_agencys_client(world):
    client, project = world.client("A"), world.project("B")
    with pytest.raises(IntegrityError), world.acting("B"):
        Enrollment.objects.create(
            agency=world.agency("B"), client_id=client.pk, project=project, entry_on="2025-01-01"
        )


@pytest.mark.parametrize(("answerer", "allowed"), [("B", True), ("C", False)])
def test_only_the_receiver_answers_an_offer(world, answerer, allowed):
    offer = world.offer(sender="A", receiver="B")
    world.agency(answerer)
    if allowed:
        world.response(offer, by=answerer)
        with world.acting("A"):
            assert Response.objects.get().outcome == "accepted"
    else:
        with pytest.raises(IntegrityError):
            world.response(offer, by=answerer)


def test_every_write_enters_the_ledger_by_itself(world):
    client = world.client("A")
    with world.acting("A"):
        entry = LedgerEntry.objects.get(verb="client.created", target_id=str(client.pk))
        assert entry.user_id == world.person("A").pk
        with connection.cursor() as cursor:
            cursor.execute("UPDATE referrals_client SET age_band = 'declined'")
        assert LedgerEntry.objects.filter(verb="client.changed").count() == 1
