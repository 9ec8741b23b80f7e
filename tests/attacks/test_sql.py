"""What someone could try who can run SQL as casehub_app without saying whose rows: each test is one attempt.

Whoever runs SQL as casehub_app can also say `set_config('casehub.agency', …)`: the wall stands behind the
application and not against it. So that nobody can, no statement is made of input (tests/architecture).
"""

import io

import psycopg2
import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from agencies.models import Agency, LedgerEntry
from agencies.scope import Actor, NotAllowed, ScopeError, acting_as, current_actor
from agencies.scope.counting import counting
from referrals import queries
from referrals.models import Client, Offer, Response, Touchpoint
from tests.attacks.rows import walled

TABLES = sorted(model._meta.db_table for model in walled())


@pytest.fixture
def clients(world):
    """A client of A's and one of B's, each touched once."""
    found = {letter: world.client(letter, code=f"C-{letter}") for letter in "AB"}
    for letter, client in found.items():
        world.touchpoint(letter, client)
    return found


def ask(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def refused(
    sql, *parameters, match="permission denied|must be owner|must be able|row-level security|not exist"
):
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        ask(sql, *parameters)


@pytest.mark.parametrize("table", TABLES)
def test_reading_a_table_with_no_actor(world, clients, table):
    assert ask(f"SELECT count(*) FROM {table} WHERE agency_id IS NOT NULL") == [(0,)]


@pytest.mark.parametrize("said", ["", "0", "-1", "999999"])
def test_saying_an_agency_that_is_not_there(clients, said):
    ask("SELECT set_config('casehub.agency', %s, true)", said)
    assert ask("SELECT count(*) FROM referrals_client") == [(0,)]


@pytest.mark.parametrize("said", ["1 OR true", "1,2", "{1,2}", "NULL", "'1'"])
def test_saying_more_than_one_agency(clients, said):
    """The setting is one number or an error; it is never SQL."""
    ask("SELECT set_config('casehub.agency', %s, true)", said)
    with pytest.raises(DatabaseError, match="invalid input syntax"), transaction.atomic():
        ask("SELECT count(*) FROM referrals_client")
    ask("SELECT set_config('casehub.agency', '', true)")


def test_saying_it_for_the_whole_session(world, clients):
    """SET without LOCAL would outlive the request; no code of ours says it, and a door says its own over it."""
    ask("SELECT set_config('casehub.agency', %s, false)", str(clients["A"].agency_id))
    try:
        with world.acting("B"):
            assert Client.objects.get() == clients["B"]
    finally:
        ask("SELECT set_config('casehub.agency', '', false)")


@pytest.mark.parametrize("role", ["casehub_owner", "postgres", "pg_read_all_data", "pg_write_all_data"])
def test_becoming_someone_stronger(world, role):
    refused(f"SET ROLE {role}", match="permission denied to set role|does not exist")
    refused(f"SET SESSION AUTHORIZATION {role}", match="permission denied to set session")


def test_becoming_the_reporter_without_its_door(clients):
    """The role alone reads nothing: its policy wants to be told what is counted."""
    with transaction.atomic():
        ask("SET LOCAL ROLE casehub_reporter")
        assert ask("SELECT count(*) FROM referrals_client") == [(0,)]


@pytest.mark.parametrize("column", ["code_sealed", "code_token", "source_key"])
def test_reading_an_identity_through_the_counting_door(world, clients, column):
    with pytest.raises(ProgrammingError, match="permission denied"):
        with counting(world.actor("A"), network=True) as cursor:
            cursor.execute(f"SELECT {column} FROM referrals_client")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM referrals_client",
        "SELECT c FROM referrals_client c",
        "SELECT row_to_json(c) FROM referrals_client c",
        "SELECT note_sealed FROM referrals_touchpoint",
        "SELECT count(*) FROM referrals_client WHERE code_token IS NOT NULL",
        "SELECT row FROM referrals_importedrow",
        "SELECT email FROM agencies_user",
        "SELECT wrapped FROM agencies_datakey",
        "SELECT body_sealed FROM referrals_draft",
        "SELECT session_data FROM django_session",
        "SELECT email FROM account_emailaddress",
        "DELETE FROM referrals_client",
        "UPDATE referrals_client SET age_band = 'x'",
        "INSERT INTO referrals_restriction DEFAULT VALUES",
        "CREATE TABLE taken AS SELECT id FROM referrals_client",
        "COPY referrals_client TO STDOUT",
        "LOCK TABLE referrals_client",
    ],
)
def test_doing_more_than_counting_through_the_counting_door(world, clients, sql):
    with pytest.raises(DatabaseError, match=r"permission denied|read-only"):
        with counting(world.actor("A"), network=True) as cursor:
            cursor.execute(sql)


def test_counting_the_network_with_rights_to_ones_own_totals_only(world, clients):
    with counting(world.actor("A"), network=False) as cursor:
        cursor.execute("SELECT DISTINCT agency_id FROM referrals_client")
        assert cursor.fetchall() == [(clients["A"].agency_id,)]
    with pytest.raises(NotAllowed), counting(world.actor("A", "hotline"), network=True):
        pass
    with pytest.raises(NotAllowed), counting(world.actor("HUB", "coordinator"), network=False):
        pass


def test_staying_the_reporter_after_the_door_has_closed(world, clients):
    with acting_as(world.actor("A")) as actor:
        with counting(actor, network=True) as cursor:
            cursor.execute("SELECT count(*) FROM referrals_client")
            assert cursor.fetchone() == (2,)
        assert ask("SELECT current_user::text, current_setting('casehub.counting')") == [("casehub_app", "")]
        assert Client.objects.get() == clients["A"]


def test_staying_the_reporter_by_failing_inside_the_door(world, clients):
    with acting_as(world.actor("A")) as actor:
        with pytest.raises(DatabaseError), counting(actor, network=True) as cursor:
            cursor.execute("SELECT 1/0")
        assert ask("SELECT current_user::text, COALESCE(current_setting('casehub.counting', true), '')") == [
            ("casehub_app", "")
        ]
        assert Client.objects.get() == clients["A"]


@pytest.mark.parametrize("role", ["casehub_linker", "casehub_reporter"])
def test_reading_sealed_rows_as_a_lesser_role(clients, role):
    with transaction.atomic():
        ask(f"SET LOCAL ROLE {role}")
        refused("SELECT code_sealed FROM referrals_client")


def test_turning_row_security_off(world, clients):
    """For whoever is bound by it, off means: fail, rather than filter."""
    with world.acting("A"):
        ask("SET LOCAL row_security = off")
        refused("SELECT count(*) FROM referrals_client", match="would be affected by row-level security")


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE referrals_client DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE referrals_client NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE referrals_client OWNER TO casehub_app",
        "DROP POLICY own ON referrals_client",
        "CREATE POLICY mine ON referrals_client USING (true)",
        "DROP TRIGGER enter_insert ON referrals_client",
        "ALTER TABLE referrals_client DISABLE TRIGGER ALL",
        "CREATE OR REPLACE FUNCTION casehub_enter_write() RETURNS trigger LANGUAGE sql AS 'SELECT NULL'",
        "ALTER ROLE casehub_app BYPASSRLS",
        "CREATE ROLE someone SUPERUSER",
        "TRUNCATE referrals_client",
        "SET session_replication_role = replica",
        "CREATE FUNCTION public.leak() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "CREATE VIEW public.leak AS SELECT * FROM referrals_client",
        "CREATE TABLE public.leak AS SELECT * FROM referrals_client",
        "CREATE EXTENSION dblink",
        "CREATE PUBLICATION leak FOR TABLE referrals_client",
        "CREATE RULE leak AS ON SELECT TO referrals_client DO INSTEAD NOTHING",
        "COPY referrals_client TO PROGRAM 'cat'",
        "COPY (SELECT 1) TO '/tmp/leak'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('x', 'y', now())",
    ],
)
def test_changing_the_wall_itself(world, clients, sql):
    with world.acting("A"):
        refused(sql, match="permission denied|must be owner|must be|syntax error|cannot|superuser|Only roles")


def test_a_view_of_ones_own_looks_with_ones_own_eyes(world, clients):
    """A temporary view or function is answered like any other question of the same login."""
    with world.acting("A"):
        ask("CREATE TEMP VIEW peek AS SELECT * FROM referrals_client")
        ask(
            "CREATE FUNCTION pg_temp.peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER"
            " AS 'SELECT count(*) FROM referrals_client'"
        )
        assert ask("SELECT count(*), pg_temp.peek() FROM peek") == [(1, 1)]
    assert ask("SELECT count(*), pg_temp.peek() FROM pg_temp.peek") == [(0, 0)]


def test_guessing_rows_from_the_planners_statistics(world, clients):
    """pg_stats hides the most common values of tables that the reader sees through a policy."""
    with world.acting("A"):
        assert ask(
            "SELECT count(*) FROM pg_stats WHERE tablename LIKE 'referrals\\_%%' AND schemaname = %s",
            "public",
        ) == [(0,)]
        refused("SELECT * FROM pg_statistic")


def test_leaking_foreign_rows_through_a_careless_function(world, clients):
    """A function that is not leakproof never sees a row before the policy does."""
    with world.acting("A"):
        ask(
            "CREATE FUNCTION pg_temp.shout(seen bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS"
            " $$ BEGIN IF seen <> current_setting('casehub.agency')::int THEN RAISE 'saw a foreign row';"
            " END IF; RETURN true; END $$"
        )
        assert ask("SELECT count(*) FROM referrals_client WHERE pg_temp.shout(agency_id)") == [(1,)]


def test_granting_what_one_does_not_own(world):
    """PostgreSQL only warns; nothing is granted."""
    ask("GRANT SELECT ON referrals_client TO casehub_reporter")
    assert ask("SELECT has_table_privilege('casehub_reporter', 'referrals_client', 'SELECT')") == [(False,)]


def test_copying_into_a_walled_table(world):
    """COPY FROM is refused outright: bulk goes through a staging table and one INSERT … SELECT."""
    with world.acting("A"), connection.cursor() as cursor, transaction.atomic():
        with pytest.raises(psycopg2.errors.FeatureNotSupported, match="row-level security"):
            cursor.copy_expert("COPY referrals_client (id) FROM STDIN", io.StringIO("x\n"))
        transaction.set_rollback(True)


def test_copying_a_table_out_gives_ones_own_rows(world, clients):
    out = io.StringIO()
    with world.acting("A"), connection.cursor() as cursor:
        cursor.copy_expert("COPY (SELECT id FROM referrals_client) TO STDOUT", out)
    assert out.getvalue().split() == [str(clients["A"].pk)]


def test_two_doors_inside_each_other(world):
    with world.acting("A"), pytest.raises(ScopeError, match="does not nest"), world.acting("B"):
        pass


def test_two_doors_inside_each_other_leave_the_first_one_whole(world, clients):
    with world.acting("A"):
        with pytest.raises(ScopeError), acting_as(world.actor("B")):
            pass
        assert Client.objects.get() == clients["A"]


def ids_of_clients():
    for client in queries.clients():
        yield client.pk


def test_using_a_query_after_its_door_has_closed(world, clients):
    """A lazy query carries no rights: it finds nobody's rows, and the manager itself refuses to begin."""
    with world.acting("A"):
        lazy = Client.objects.all()
        generator = ids_of_clients()
    assert list(lazy) == []
    with pytest.raises(ScopeError):
        next(generator)
    with pytest.raises(ScopeError):
        queries.clients()
    with pytest.raises(ScopeError):
        current_actor()


def test_using_a_query_of_one_agency_in_anothers_door(world, clients):
    with world.acting("A"):
        lazy = Client.objects.all()
    with world.acting("B"):
        assert list(lazy) == [clients["B"]]


def test_a_row_object_of_another_agency_can_not_be_saved_or_deleted(world, clients):
    foreign = clients["B"]
    foreign.age_band = "declined"
    with pytest.raises(DatabaseError), world.acting("A"):
        foreign.save()
    with world.acting("A"):
        assert Client.objects.filter(pk=foreign.pk).update(age_band="declined") == 0
        assert Client.objects.filter(pk=foreign.pk).delete()[0] == 0
    with world.acting("B"):
        assert Client.objects.get().age_band == "not_asked"


def test_giving_a_row_away(world, clients):
    with pytest.raises(ProgrammingError, match="row-level security"), world.acting("A"):
        Client.objects.update(agency_id=clients["B"].agency_id)


# Answering


def answer(world, offer, *, by, **facts):
    with world.acting(by):
        return Response.objects.create(
            **{
                "agency": world.agency(by),
                "offer_id": offer.pk,
                "sender_id": offer.agency_id,
                "referral_ref": offer.referral_id,
                "outcome": "accepted",
                **facts,
            }
        )


@pytest.mark.parametrize("third", ["C", "A"])
def test_answering_anothers_offer(world, third):
    """Neither a third agency nor the sender itself answers for the receiver."""
    offer = world.offer(sender="A", receiver="B")
    world.agency("C")
    with pytest.raises(IntegrityError, match="referrals_response_answers_its_own_offer"):
        answer(world, offer, by=third)
    assert answer(world, offer, by="B").outcome == "accepted"


def test_answering_under_the_receivers_name(world):
    offer = world.offer(sender="A", receiver="B")
    with pytest.raises(ProgrammingError, match="row-level security"):
        answer(world, offer, by="C", agency=world.agency("B"))


def test_answering_for_another_sender_or_referral(world):
    offer, other = world.offer(sender="A", receiver="B"), world.offer(sender="C", receiver="B")
    for wrong in ({"sender_id": other.agency_id}, {"referral_ref": other.referral_id}):
        with pytest.raises(IntegrityError, match="referrals_response_answers_its_own_offer"):
            answer(world, offer, by="B", **wrong)


def test_answering_twice(world):
    offer = world.offer(sender="A", receiver="B")
    answer(world, offer, by="B", outcome="declined")
    with pytest.raises(IntegrityError, match="offer_id"):
        answer(world, offer, by="B")


def test_winning_a_referral_that_is_won(world):
    first = world.offer(sender="A", receiver="B")
    with world.acting("A"):
        second = Offer.objects.create(
            agency=world.agency("A"),
            referral_id=first.referral_id,
            receiver=world.agency("C"),
            needed=first.needed,
            handover_code="2ndoffer",
            expires_at=timezone.now(),
        )
    answer(world, first, by="B")
    with pytest.raises(IntegrityError, match="a_referral_has_one_winner"):
        answer(world, second, by="C")
    assert answer(world, second, by="C", outcome="declined").outcome == "declined"


def test_changing_an_answer_after_the_fact_to_win(world):
    first = world.offer(sender="A", receiver="B")
    with world.acting("A"):
        second = Offer.objects.create(
            agency=world.agency("A"),
            referral_id=first.referral_id,
            receiver=world.agency("C"),
            needed=first.needed,
            handover_code="2ndoffer",
            expires_at=timezone.now(),
        )
    answer(world, first, by="B")
    late = answer(world, second, by="C", outcome="declined")
    with pytest.raises(IntegrityError, match="a_referral_has_one_winner"), world.acting("C"):
        Response.objects.filter(pk=late.pk).update(outcome="accepted")


def test_the_sender_changing_the_receivers_answer(world):
    offer = world.offer(sender="A", receiver="B")
    said = answer(world, offer, by="B", outcome="declined")
    with world.acting("A"):
        assert Response.objects.get(pk=said.pk).outcome == "declined"
        assert Response.objects.filter(pk=said.pk).update(outcome="accepted") == 0
        assert Response.objects.filter(pk=said.pk).delete()[0] == 0


def test_the_receiver_changing_the_offer(world):
    offer = world.offer(sender="A", receiver="B")
    with world.acting("B"):
        assert Offer.objects.filter(pk=offer.pk).update(handover_code="mine") == 0


def test_an_offer_to_oneself(world):
    referral = world.referral(world.client("A"))
    with pytest.raises(IntegrityError, match="an_offer_leaves_the_agency"), world.acting("A"):
        Offer.objects.create(
            agency=world.agency("A"),
            referral=referral,
            receiver=world.agency("A"),
            needed="shel_em",
            handover_code="x",
            expires_at=timezone.now(),
        )


def test_an_offer_shows_its_receiver_nothing_about_the_client(world):
    client = world.client("A", code="SECRET-1", age_band="declined")
    referral = world.referral(client)
    with world.acting("A"):
        offer = Offer.objects.create(
            agency=world.agency("A"),
            referral=referral,
            receiver=world.agency("B"),
            needed="shel_em",
            handover_code="abc",
            expires_at=timezone.now(),
        )
    with world.acting("B"):
        seen = Offer.objects.get(pk=offer.pk)
        assert not Client.objects.filter(pk=client.pk).exists()
        with pytest.raises(type(referral).DoesNotExist):
            seen.referral  # noqa: B018


# What exists elsewhere


@pytest.mark.parametrize("field", ["source_key", "code_token"])
def test_asking_through_a_unique_key_whether_a_code_is_taken_elsewhere(world, field):
    """The same code, source key or token may stand at each agency: a clash would say that it exists."""
    value = "same" if field == "source_key" else b"same"
    for letter in "AB":
        world.client(letter, **{field: value})
    with pytest.raises(IntegrityError):
        world.client("A", **{field: value})


def test_the_same_code_has_nothing_equal_at_two_agencies(world):
    one, other = world.client("A", code="K-7"), world.client("B", code="K-7")
    assert bytes(one.code_token) != bytes(other.code_token)
    assert bytes(one.code_sealed) != bytes(other.code_sealed)


def test_inviting_an_address_says_nothing_about_who_has_an_account(world):
    from agencies import actions

    for letter in "AB":
        world.agency(letter)
    world.person("B")
    known, _ = actions.invite(
        agency=world.agency("A"), email="caseworker@b.example", name="X", role="auditor", by=None
    )
    unknown, _ = actions.invite(
        agency=world.agency("A"), email="nobody@b.example", name="X", role="auditor", by=None
    )
    hidden = {"id", "email", "token_digest", "_state", "invited_at", "expires_at"}
    assert {k: v for k, v in vars(known).items() if k not in hidden} == {
        k: v for k, v in vars(unknown).items() if k not in hidden
    }


def test_a_client_with_another_agencys_id_says_only_that_ids_are_random(world, clients):
    """A primary key is one for all. Taking a foreign id fails; finding one takes 122 random bits."""
    with pytest.raises(IntegrityError), world.acting("B"):
        Client.objects.create(id=clients["A"].pk, agency=world.agency("B"))


# Jobs carry a reference, not rights


def test_a_job_of_someone_who_has_left(world):
    user = world.person("A")
    reference = world.actor("A").reference
    from agencies import actions

    actions.end_role(user, world.agency("A"), "caseworker")
    with pytest.raises(NotAllowed):
        Actor.from_reference(reference)


@pytest.mark.parametrize("reference", ["{user}:{other}", "999999:{own}"])
def test_a_job_reference_made_up(world, reference):
    user, own, other = world.person("A"), world.agency("A"), world.agency("B")
    with pytest.raises(NotAllowed):
        Actor.from_reference(reference.format(user=user.pk, own=own.pk, other=other.pk))


@pytest.mark.parametrize("reference", ["", "1", "x:1", "1:x", "1:2:3", "hub:1 OR 1=1"])
def test_a_job_reference_that_is_none(world, reference):
    with pytest.raises((ValueError, NotAllowed)):
        Actor.from_reference(reference)


def test_the_ledger_of_another_agency(world, clients):
    with world.acting("B"):
        assert not LedgerEntry.objects.filter(target_id=str(clients["A"].pk)).exists()
        assert LedgerEntry.objects.filter(agency_id=clients["A"].agency_id).count() == 0


def test_entering_something_in_anothers_ledger(world):
    a = world.agency("A")
    with pytest.raises(ProgrammingError, match="row-level security"), world.acting("B"):
        LedgerEntry.objects.create(agency=a, verb="client.viewed")


def test_writing_a_note_about_a_colleagues_closed_client(world):
    """A closed record is invisible, and so is everything that is written about it afterwards."""
    from referrals import actions

    client = world.client("A")
    with world.acting("A", "supervisor"):
        actions.restrict_client(client=client, openers=[])
    world.person("A")
    with world.acting("A"):
        assert not Client.objects.exists()
        with pytest.raises(DatabaseError), transaction.atomic():
            Touchpoint.objects.create(
                agency_id=client.agency_id, client_id=client.pk, occurred_at=timezone.now(), sector="shelter"
            )


def test_an_agency_that_left_keeps_its_rows_to_itself(world, clients):
    Agency.objects.filter(pk=clients["A"].agency_id).update(left_on=timezone.localdate())
    with pytest.raises(NotAllowed):
        world.actor("A")
    with world.acting("B"):
        assert Client.objects.get() == clients["B"]
