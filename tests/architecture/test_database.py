"""Laws about the database itself: row security, keys, grants and roles, read from its catalog."""

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, connections, transaction

from agencies.privacy import Privacy, client_path, reporter_columns, shredded_fields, unidentifying_columns
from agencies.scope import grants
from agencies.scope.rows import PLATFORM
from referrals.models import CountObjection
from tests.attacks import postgres
from tests.attacks.rows import IN_FRONT, OURS, keys_to_rows, walled

# Uniqueness that no agency's column narrows: each says to everyone that a value is taken.
UNIQUE_ACROSS_AGENCIES = {
    "referrals_restriction_client_id_key": "the client's key stands beside it: a foreign id fails on that",
    "referrals_response_offer_id_key": "an offer is answered once, whoever answers",
    "a_referral_has_one_winner": "one winner among receivers of different agencies",
    "a_chunk_is_done_once": "a job's id is random and its key is the agency's own",
    "agencies_apitoken_digest_key": "a digest of 256 random bits",
    "agencies_invitation_token_digest_key": "a digest of 256 random bits",
    "a_role_is_held_once_at_an_agency": "the agency is in it",
    "referrals_contactcard_client_id_key": "the client's key stands beside it: a foreign id fails on that",
    "referrals_shredding_client_id_key": "the client's key stands beside it: a foreign id fails on that",
    "referrals_linkrecord_number_key": "62 random bits",
    "a_link_record_carries_its_end": "62 random bits, and when they end",
}


# Tables in front of the walls that are the linking role's alone; and those of them whose rows end by the clock.
LINKERS = {m._meta.db_table: m for m in apps.get_models() if grants.is_for_linking_alone(m)}
ALIVE = {"referrals_linkrecord", "referrals_linktoken", "referrals_linkedge", "referrals_linkedperson"}


@pytest.fixture
def owner(world):
    with connections["owner"].cursor() as cursor:
        yield cursor


def tables_with_an_agency(owner):
    owner.execute(
        "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'agency_id' AND NOT a.attisdropped"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    return owner.fetchall()


def test_every_table_with_an_agency_forces_row_security(owner):
    found = tables_with_an_agency(owner)
    assert {table for table, _on, _forced in found} == {m._meta.db_table for m in walled()} | set(IN_FRONT)
    for table, is_on, is_forced in found:
        assert (is_on, is_forced) == ((False, False) if table in IN_FRONT else (True, True)), table


def test_every_walled_table_has_its_policies_and_they_say_what_the_house_says(owner):
    by_table = {}
    for one in postgres.policies(owner):
        if one.role != "casehub_linker" and one.table not in LINKERS:
            by_table.setdefault(one.table, {})[one.name] = one
    assert set(by_table) == {model._meta.db_table for model in walled()}
    for table, found in by_table.items():
        own, counted = found["own"], found["counted"]
        assert (own.command, own.role) == ("*", "casehub_app"), table
        assert own.check is not None and "casehub.agency" in own.check and "casehub.agency" in own.using, (
            table
        )
        assert (counted.command, counted.role) == ("r", "casehub_reporter"), table
        assert "CURRENT_USER = 'casehub_reporter'" in counted.using, table
        about_clients = client_path(next(m for m in walled() if m._meta.db_table == table))
        about_clients = about_clients and table != "referrals_restriction"
        assert ("shredded" in found) == bool(about_clients or table == "agencies_ledgerentry"), table
        if shredded := found.get("shredded"):
            assert shredded.role == "casehub_shredder" and "casehub.agency" in str(shredded.check), table
            assert (shredded.command == "a") or "CURRENT_USER = 'casehub_shredder'" in shredded.using, table
        # Whatever else there is lets the other party read, and nobody write.
        rest = {
            name: one for name, one in found.items() if name not in ("own", "counted", "shredded", "alive")
        }
        assert all(
            one.command == "r" and one.role == "casehub_app" and one.check is None for one in rest.values()
        )
        if any(field.related_model._meta.db_table == "referrals_client" for field in _keys(table)):
            listed = table in ("referrals_restriction", "referrals_clientopenedto")
            assert ("referrals_restriction" in own.using) != listed, table


def test_what_the_linking_role_sees_is_alive_and_nobody_else_sees_more(owner):
    """Its policies ask for the role itself, as whoever may put it on would inherit them; and for the clock."""
    found = [one for one in postgres.policies(owner) if one.role == "casehub_linker" or one.table in LINKERS]
    assert {one.table for one in found} == {
        model._meta.db_table for model in apps.get_models() if getattr(model, "linker_may", ())
    }
    for one in found:
        asks = " ".join(filter(None, [one.using, one.check]))
        assert f"CURRENT_USER = '{one.role}'" in asks, one
        assert one.role in ("casehub_linker", "casehub_reporter")
        if one.table in ALIVE and one.command in ("r", "*"):
            assert "statement_timestamp()" in str(one.using), one
        if one.role == "casehub_reporter":
            assert (one.name, one.command) == ("counted", "r") and one.table in ALIVE
    for table in LINKERS:
        owner.execute("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = %s", [table])
        assert owner.fetchone() == (True, True), table


def _keys(table):
    model = next(model for model in walled() if model._meta.db_table == table)
    return list(keys_to_rows(model))


def test_a_policy_reads_only_tables_whose_own_policy_is_row_local(owner):
    """Policies that read each other end in 42P17, or in a way round."""
    local = {"referrals_restriction", "referrals_clientopenedto", "referrals_linkrecord"}
    tables = {model._meta.db_table for model in walled()}
    for one in postgres.policies(owner):
        read = {table for table in tables if f"{table} " in (one.using or one.check)}
        assert read <= local
        if one.table in local and one.name != "own" and one.name != "shredded":
            assert not read
        if one.table in ("referrals_restriction", "referrals_clientopenedto"):
            assert not read


def test_every_key_between_walled_tables_carries_the_agency_and_fails_at_the_statement(owner):
    found = {(key.table, key.columns[0]): key for key in postgres.keys(owner)}
    checked = 0
    for model in walled():
        for field in keys_to_rows(model):
            key = found[model._meta.db_table, field.column]
            assert len(key.columns) > 1, f"{key.name} would take another agency's row"
            assert "agency_id" in key.columns and "agency_id" in key.parent_columns, key.name
            assert "DEFERRABLE" not in key.definition, key.name
            checked += 1
    assert checked > 25


def test_no_bare_key_stands_beside_a_composite_one(owner):
    tables = {model._meta.db_table for model in walled()}
    bare = [k.name for k in postgres.keys(owner) if {k.table, k.parent} <= tables and len(k.columns) == 1]
    assert bare == []


def test_uniqueness_across_agencies_is_listed_with_its_reason(owner):
    """A unique key that does not hold the agency tells a stranger that a value exists somewhere."""
    owner.execute(
        """
        SELECT i.indrelid::regclass::text, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indisunique AND NOT i.indisprimary AND NOT EXISTS (
            SELECT 1 FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
            AND a.attname = 'agency_id')
        """
    )
    tables = {model._meta.db_table for model in walled()} | set(IN_FRONT)
    found = {name for table, name in owner.fetchall() if table in tables}
    # Guardian's own: a client is the agency's, so its key stands beside it.
    found = {name for name in found if not name.startswith("referrals_clientopenedto_user_id_permission")}
    assert found - set(UNIQUE_ACROSS_AGENCIES) == set()


ROLES = {
    "casehub_owner": {"rolcanlogin": True, "rolinherit": True, "rolcreatedb": True},
    "casehub_app": {"rolcanlogin": True, "rolinherit": False, "rolcreatedb": False},
    "casehub_reporter": {"rolcanlogin": False, "rolinherit": False, "rolcreatedb": False},
    "casehub_linker": {"rolcanlogin": False, "rolinherit": False, "rolcreatedb": False},
    "casehub_shredder": {"rolcanlogin": False, "rolinherit": False, "rolcreatedb": False},
}


@pytest.mark.parametrize("role", ROLES)
def test_no_role_of_ours_passes_the_wall(owner, role):
    names = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolreplication", *ROLES[role])
    owner.execute(f"SELECT {', '.join(names)} FROM pg_roles WHERE rolname = %s", [role])
    assert dict(zip(names, owner.fetchone(), strict=True)) == {
        "rolsuper": False,
        "rolbypassrls": False,
        "rolcreaterole": False,
        "rolreplication": False,
        **ROLES[role],
    }


def test_the_app_may_become_the_lesser_roles_and_inherits_none(owner):
    owner.execute(
        "SELECT r.rolname, m.admin_option FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
        " WHERE m.member = 'casehub_app'::regrole ORDER BY 1"
    )
    lesser = ["casehub_linker", "casehub_reporter", "casehub_shredder"]
    assert owner.fetchall() == [(role, False) for role in lesser]
    for role in lesser:
        owner.execute("SELECT pg_has_role('casehub_app', %s, 'USAGE')", [role])
        assert owner.fetchone() == (False,)


def test_every_table_belongs_to_the_owner(owner):
    owner.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owner.fetchall() == [("casehub_owner",)]


def test_the_reporter_reads_the_linkable_and_open_columns_and_writes_nothing(owner):
    owner.execute(
        "SELECT table_name, column_name, privilege_type FROM information_schema.column_privileges"
        " WHERE grantee = 'casehub_reporter' AND table_schema = 'public'"
    )
    granted = set(owner.fetchall())
    wanted = {
        (model._meta.db_table, column, "SELECT")
        for model in apps.get_models()
        if isinstance(getattr(model, "privacy", None), Privacy)
        for column in reporter_columns(model)
    }
    assert granted == wanted
    owner.execute(
        "SELECT table_name, privilege_type FROM information_schema.table_privileges"
        " WHERE grantee IN ('casehub_reporter', 'PUBLIC') AND table_schema = 'public'"
    )
    assert owner.fetchall() == []


def test_the_hand_that_forgets_has_these_rights_and_no_other(owner):
    """It reads what doesn't identify of tables about clients, and empties or deletes what does. It takes back what
    the client allowed, with what lies under it, and notes a word against being counted that a dump forgot."""
    owner.execute(
        "SELECT table_name, column_name, privilege_type FROM information_schema.column_privileges"
        " WHERE grantee = 'casehub_shredder' AND table_schema = 'public'"
        " AND table_name NOT IN ('agencies_ledgerentry', 'referrals_shredding')"
    )
    wanted = set()
    for model in (model for model in apps.get_models() if client_path(model)):
        table, going = model._meta.db_table, shredded_fields(model, cut_source=True)
        wanted |= {(table, column, "SELECT") for column in unidentifying_columns(model)}
        if not Privacy.of(model).whole:
            wanted |= {(table, model._meta.get_field(name).column, "UPDATE") for name in going}
    wanted = {one for one in wanted if one[0] != "referrals_shredding"}
    wanted |= {
        ("referrals_releaseofinformation", column, "UPDATE")
        for column in ("revoked_at", "revoked_how", "changed_at")
    }
    wanted |= {("referrals_disclosure", column, "UPDATE") for column in ("withdrawn_at", "changed_at")}
    objection = CountObjection._meta.local_concrete_fields
    wanted |= {("referrals_countobjection", field.column, "INSERT") for field in objection}
    assert set(owner.fetchall()) == wanted
    owner.execute(
        "SELECT table_name, privilege_type FROM information_schema.table_privileges"
        " WHERE grantee = 'casehub_shredder' AND table_schema = 'public'"
    )
    assert set(owner.fetchall()) == {
        ("agencies_ledgerentry", "INSERT"),
        ("referrals_shredding", "INSERT"),
        ("referrals_countobjection", "INSERT"),
        *((m._meta.db_table, "DELETE") for m in apps.get_models() if client_path(m) and Privacy.of(m).whole),
    }


def test_the_linking_role_has_what_its_models_say_and_the_app_has_nothing_of_theirs(owner):
    owner.execute(
        "SELECT grantee, table_name, privilege_type FROM information_schema.table_privileges"
        " WHERE grantee IN ('casehub_linker', 'casehub_app') AND table_schema = 'public'"
    )
    rights = owner.fetchall()
    linkers = {(table, right) for role, table, right in rights if role == "casehub_linker"}
    assert linkers == {
        (model._meta.db_table, right)
        for model in apps.get_models()
        for right in getattr(model, "linker_may", ())
    }
    assert not {table for role, table, _right in rights if role == "casehub_app"} & set(LINKERS)
    owner.execute(
        "SELECT table_name, array_agg(column_name::text ORDER BY column_name)"
        " FROM information_schema.column_privileges WHERE grantee = 'casehub_linker' AND table_schema = 'public' GROUP BY 1"
    )
    columns = dict(owner.fetchall())
    assert set(columns) - {table for table, _right in linkers} == {"agencies_linkepoch"}
    assert columns["agencies_linkepoch"] == ["ended_at", "number"]


@pytest.mark.parametrize("role", ["casehub_app", "casehub_reporter", "casehub_shredder", "casehub_owner"])
def test_nobody_but_the_linking_role_reads_a_token(owner, role):
    owner.execute("SELECT has_any_column_privilege(%s, 'referrals_linktoken', 'SELECT')", [role])
    # The owner of tables could, and row security that is forced on it shows it none.
    assert owner.fetchone() == (role == "casehub_owner",)
    owner.execute("SELECT count(*) FROM referrals_linktoken")
    assert owner.fetchone() == (0,)


def test_the_app_has_rows_and_nothing_else(owner):
    """No TRUNCATE, no TRIGGER, no REFERENCES, nothing to make in the schema; append-only tables only grow."""
    append_only = {m._meta.db_table for m in apps.get_models() if getattr(m, "append_only", False)}
    assert {"agencies_ledgerentry", "agencies_ledgerseal"} <= append_only
    owner.execute(
        "SELECT table_name, array_agg(privilege_type::text) FROM information_schema.table_privileges"
        " WHERE grantee = 'casehub_app' AND table_schema = 'public' GROUP BY 1"
    )
    for table, rights in owner.fetchall():
        wanted = {"SELECT", "INSERT", "UPDATE", "DELETE"}
        if table in append_only:
            wanted = {"SELECT", "INSERT"}
        elif table == "django_migrations":
            wanted = {"SELECT"}
        assert set(rights) == wanted, table
    owner.execute("SELECT has_schema_privilege('casehub_app', 'public', 'CREATE')")
    assert owner.fetchone() == (False,)


@pytest.mark.parametrize("verb", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize(
    "model", [m for m in apps.get_models() if getattr(m, "append_only", False)], ids=lambda m: m._meta.label
)
def test_what_was_entered_can_not_be_taken_back(world, model, verb):
    with world.acting("A"), connection.cursor() as cursor:
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            cursor.execute(verb.format(model._meta.db_table))


def test_grants_are_the_same_after_a_second_time(owner):
    def all_grants():
        owner.execute(
            "SELECT grantee, table_name, column_name, privilege_type FROM information_schema.column_privileges"
            " WHERE table_schema = 'public' AND grantee LIKE 'casehub%' ORDER BY 1, 2, 3, 4"
        )
        return owner.fetchall()

    before = all_grants()
    grants.apply(connections["owner"])
    assert all_grants() == before


def test_no_function_of_ours_runs_with_its_makers_rights(owner):
    """SECURITY DEFINER would be a door nobody listed."""
    owner.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef ORDER BY 1"
    )
    assert owner.fetchall() == []


def test_there_is_no_view_in_the_schema(owner):
    """A view answers with its owner's eyes."""
    owner.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm', 'f') AND relnamespace = 'public'::regnamespace"
    )
    assert owner.fetchall() == []


def test_tables_in_front_of_the_walls_are_the_platforms(owner):
    """Every other table of ours without row security says that no row of it is about a client."""
    walls = {model._meta.db_table for model in walled()}
    for model in apps.get_models():
        table = model._meta.db_table
        if model._meta.app_label in OURS and table not in walls | set(IN_FRONT) | PLATFORM | set(LINKERS):
            privacy = getattr(model, "privacy", None)
            assert isinstance(privacy, Privacy) and not privacy.direct and not privacy.linkable, model
