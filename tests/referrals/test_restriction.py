"""A record closed to colleagues: only the named workers open it, its contacts included."""

import pytest
from django.db import connection

from agencies.scope import NotAllowed, acting_as
from referrals import actions, queries
from referrals.models import Client, Touchpoint


@pytest.fixture
def closed(world):
    client = world.client("A")
    world.touchpoint("A", client)
    with world.acting("A", "supervisor"):
        actions.restrict_client(client=client, openers=[])
    return client


@pytest.mark.parametrize(("role", "seen"), [("supervisor", 1), ("caseworker", 0), ("data_lead", 0)])
def test_a_closed_record_opens_only_to_those_named(world, closed, role, seen):
    with world.acting("A", role):
        assert Client.objects.filter(pk=closed.pk).count() == seen
        assert Touchpoint.objects.filter(client_id=closed.pk).count() == seen


def test_a_colleague_can_be_let_in(world, closed):
    with world.acting("A", "supervisor"):
        actions.restrict_client(client=closed, openers=[world.person("A", "caseworker")])
    with world.acting("A"):
        assert Client.objects.get().pk == closed.pk


def test_a_caseworker_can_close_nothing(world):
    client = world.client("A")
    with pytest.raises(NotAllowed), world.acting("A"):
        actions.restrict_client(client=client, openers=[])


def test_without_the_clause_the_record_would_be_open(world, closed):
    """Sabotage: the probe above notices when the policy forgets restricted records."""
    from django.db import connections

    with connections["owner"].cursor() as owner:
        owner.execute(
            "SELECT polname, pg_get_expr(polqual, polrelid) FROM pg_policy "
            "WHERE polrelid = 'referrals_client'::regclass AND polname = 'own'"
        )
        assert "referrals_restriction" in owner.fetchone()[1]
    with acting_as(world.actor("A")), connection.cursor() as cursor:
        cursor.execute("DELETE FROM referrals_restriction")
        assert Client.objects.filter(pk=closed.pk).exists()


def test_nobody_takes_a_closed_record_over_without_the_right_or_while_another_opens_it(world, closed):
    supervisor = world.person("A", "supervisor")
    with pytest.raises(NotAllowed), world.acting("A", "data_lead"):
        actions.take_over_closed(of=supervisor)
    world.agency("B")
    with world.acting("B"):
        assert queries.closed_only_to(supervisor) == []
    with world.acting("A", "data_lead"):
        assert queries.closed_only_to(supervisor) == [closed.pk]
    with world.acting("A", "supervisor"):
        actions.restrict_client(client=closed, openers=[world.person("A")])
        assert queries.closed_only_to(supervisor) == []
        assert actions.take_over_closed(of=world.person("A")) == 0
