"""Each stone of the wall is taken out once, and a named probe must notice.

The stones are read from the database's catalog: a new table, key or policy is covered without a line here.
Everything happens in one transaction of the superuser that is rolled back.
"""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections, models
from django.utils import timezone
from guardian.shortcuts import assign_perm

from agencies.models import HandoverKey, SharingAgreement
from agencies.scope.rows import MINE
from referrals.models import (
    Client,
    CompelledDisclosure,
    Disclosure,
    Opening,
    OpeningPost,
    ReleaseOfInformation,
    Restriction,
    SigningRule,
)
from tests.architecture.test_database import LINKERS
from tests.attacks import postgres
from tests.attacks.postgres import Bench, Key
from tests.attacks.rows import Rows, keys_to_rows, walled

Probe = Callable[[], bool]


class Wall:
    """The probes: each is True while the wall stands. A and B have a row of everything, R and S are parties."""

    def __init__(self, bench: Bench, rows: Rows) -> None:
        self.bench = bench
        self.rows = rows
        self.id = {letter: rows.world.agency(letter).pk for letter in "ABRS"}
        self.worker = {letter: rows.world.person(letter).pk for letter in "ABRS"}
        self.tables = {model._meta.db_table: model for model in walled()}

    def app(self, letter: str | None) -> None:
        if letter is None:
            self.bench.become("casehub_app")
        else:
            self.bench.become("casehub_app", agency=self.id[letter], user=self.worker[letter])

    # Each probe runs in a savepoint of its own, so role and settings never reach the next one.

    def holds(self, probe: Callable[..., bool], *arguments: Any) -> bool:
        with self.bench.passing():
            return probe(*arguments)

    def an_agency_reads_its_own_rows(self, table: str) -> bool:
        self.app("A")
        return self.bench.count(f"{table} WHERE agency_id = %s", self.id["A"]) > 0

    def an_agency_sees_no_foreign_row(self, table: str) -> bool:
        self.app("A")
        return self.bench.count(f"{table} WHERE agency_id = %s", self.id["B"]) == 0

    def nobody_sees_nothing(self, table: str) -> bool:
        self.app(None)
        return self.bench.count(f"{table} WHERE agency_id IS NOT NULL") == 0

    def nobody_inserts_for_another_agency(self, table: str) -> bool:
        self.app("A")
        return self._refused_by_the_policy(table, self._copy(table, "agency_id", self.id["B"]))

    def nobody_adds_to_a_closed_client(self, table: str) -> bool:
        """A worker who can't open the record writes a row about it."""
        self.app("A")
        return self._refused_by_the_policy(table, self._copy(table, "client_id", CLOSED["referrals_client"]))

    def _refused_by_the_policy(self, table: str, said: Any) -> bool:
        return said == f'InsufficientPrivilege new row violates row-level security policy for table "{table}"'

    def _copy(self, table: str, column: str, value: Any) -> Any:
        """Try to insert A's own row again, but for one column."""
        model = self.tables[table]
        columns = [f.column for f in model._meta.local_concrete_fields if not f.primary_key]
        values = ["%s" if name == column else f'"{name}"' for name in columns]
        if isinstance(model._meta.pk, models.UUIDField):
            columns, values = ["id", *columns], ["gen_random_uuid()", *values]
        into = ", ".join(f'"{name}"' for name in columns)
        return self.bench.tried(
            f"INSERT INTO {table} ({into}) SELECT {', '.join(values)} FROM {table} WHERE id = %s",
            value,
            str(self.rows.made[model, "A"].pk),
        )

    def nobody_changes_or_deletes_a_foreign_row(self, table: str) -> bool:
        self.app("A")
        change = self.bench.tried(
            f"UPDATE {table} SET agency_id = agency_id WHERE agency_id = %s", self.id["B"]
        )
        delete = self.bench.tried(f"DELETE FROM {table} WHERE agency_id = %s", self.id["B"])
        denied = [(0,)], f"InsufficientPrivilege permission denied for table {table}"
        return change in denied and delete in denied

    def the_counting_door_reads_every_agency(self, table: str) -> bool:
        self.bench.become("casehub_reporter", counting="network")
        return self.bench.count(f"{table} WHERE agency_id = ANY(%s)", [self.id["A"], self.id["B"]]) >= 2

    def the_counting_door_reads_one_agency_for_its_own_totals(self, table: str) -> bool:
        self.bench.become("casehub_reporter", agency=self.id["A"], counting="own")
        own = self.bench.count(f"{table} WHERE agency_id = %s", self.id["A"]) > 0
        return own and self.bench.count(f"{table} WHERE agency_id = %s", self.id["B"]) == 0

    def the_counting_role_has_no_right_to_it(self, table: str) -> bool:
        """A table that says it is not counted: its policy for that is idle."""
        self.bench.become("casehub_reporter", agency=self.id["A"], counting="network")
        said = str(self.bench.tried(f"SELECT FROM {table}"))
        return said == f"InsufficientPrivilege permission denied for table {table}"

    def the_counting_policy_is_no_agencys(self, table: str) -> bool:
        self.bench.become("casehub_app", agency=self.id["A"], user=self.worker["A"], counting="network")
        return self.bench.count(f"{table} WHERE agency_id = %s", self.id["B"]) == 0

    def the_owner_sees_nothing(self, table: str) -> bool:
        self.bench.become("casehub_owner", agency=self.id["A"])
        return self.bench.count(table) == 0

    def the_other_party_reads_it(self, table: str) -> bool:
        """A's offers went to R; A's answers went to R."""
        self.app("R")
        return self.bench.count(f"{table} WHERE agency_id = %s", self.id["A"]) > 0

    def a_third_agency_does_not(self, table: str) -> bool:
        self.app("S")
        return self.bench.count(f"{table} WHERE agency_id = %s", self.id["A"]) == 0

    def every_agency_reads_what_is_published(self, table: str) -> bool:
        """R has a hand-over key on a signed agreement, which shares tokens, and says what is free."""
        self.app("S")
        return self.bench.count(f"{table} WHERE agency_id = %s", self.id["R"]) == 1

    def the_hand_that_forgets_sees_the_agencys_rows(self, table: str) -> bool:
        """Closed records too, and no other agency's."""
        self.bench.become("casehub_shredder", agency=self.id["A"])
        closed = self.bench.count(f"{table} WHERE id = %s", CLOSED[table]) if table in CLOSED else 1
        own = self.bench.count(f"{table} WHERE agency_id = %s", self.id["A"])
        return (
            closed == 1 and own > 0 and self.bench.count(f"{table} WHERE agency_id = %s", self.id["B"]) == 0
        )

    def the_hand_that_forgets_enters_its_own_agencys_ledger(self, table: str) -> bool:
        self.bench.become("casehub_shredder", agency=self.id["A"])
        entry = (
            f"INSERT INTO {table} (agency_id, verb, target_type, target_id, rows, why)"
            " VALUES (%s, 'client.changed', 'client', '', 1, '')"
        )
        own, foreign = self.bench.tried(entry, self.id["A"]), self.bench.tried(entry, self.id["B"])
        return own == [(1,)] and str(foreign).startswith("InsufficientPrivilege")

    def a_closed_clients_rows_open_to_the_named_worker_only(self, table: str) -> bool:
        row = CLOSED[table]
        self.bench.become("casehub_app", agency=self.id["A"], user=self.worker["A"])
        hidden = self.bench.count(f"{table} WHERE id = %s", row) == 0
        supervisor = self.rows.world.person("A", "supervisor").pk
        self.bench.become("casehub_app", agency=self.id["A"], user=supervisor)
        return hidden and self.bench.count(f"{table} WHERE id = %s", row) == 1

    def a_key_reaches_no_foreign_row(self, key: Key) -> bool:
        """B's own row is pointed at A's parent row: by its key's own column, the agency staying B's."""
        column = key.columns[0]
        child, parent = self.tables[key.table], self.tables[key.parent]
        row = POINTING.get((key.table, column), self.rows.made[child, "B"])
        if getattr(child, "append_only", False):  # only a new row can point anywhere
            self.app("A")
            there = str(self.rows.spare[parent, "B"].pk)
            return bool(self._copy(key.table, column, there) == f"ForeignKeyViolation {key.name}")
        self.app("B")
        said = self.bench.tried(
            f"UPDATE {key.table} SET {column} = %s WHERE id = %s",
            str(self.rows.spare[parent, "A"].pk),
            str(row.pk),
        )
        return said == f"ForeignKeyViolation {key.name}"

    def an_answer_names_its_offers_parties(self, key: Key) -> bool:
        """S answers an offer that A made to R, under each of the names that are not its own to give."""
        offer = self.rows.spare[self.tables["referrals_offer"], "A"]
        model = self.tables["referrals_response"]
        columns = {f.column: None for f in model._meta.local_concrete_fields}
        facts = {
            **{name: "" for name in ("outcome", "reason") if name in columns},
            "id": "7e57ab1e-0000-4000-8000-000000000001",
            "recorded_at": "2025-01-01",
            "changed_at": "2025-01-01",
            "responded_at": "2025-01-01",
            "agency_id": self.id["S"],
            "offer_id": str(offer.pk),
            "sender_id": self.id["A"],
            "referral_ref": str(offer.referral_id),
            "outcome": "accepted",
        }
        self.app("S")
        said = self.bench.tried(
            f"INSERT INTO referrals_response ({', '.join(facts)}) VALUES ({', '.join(['%s'] * len(facts))})",
            *facts.values(),
        )
        return said == f"ForeignKeyViolation {key.name}"

    def every_write_enters_the_ledger(self, table: str) -> bool:
        """A row is changed, deleted and written back: three entries."""
        row, model = str(self.rows.spare[self.tables[table], "A"].pk), self.tables[table]
        self.bench.run(f"CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM {table} WHERE id = %s", row)
        self.bench.run("GRANT SELECT ON kept TO casehub_app")
        if (table, "stays") in postgres.triggers(
            self.bench.cursor
        ):  # what forbids deleting is tried elsewhere
            self.bench.run(f"ALTER TABLE {table} DISABLE TRIGGER stays")
        self.app("A")
        self.bench.run(f"UPDATE {table} SET agency_id = agency_id WHERE id = %s", row)
        self.bench.run(f"DELETE FROM {table} WHERE id = %s", row)
        self.bench.run(f"INSERT INTO {table} SELECT * FROM kept")
        entered = self.bench.run(
            "SELECT verb FROM agencies_ledgerentry WHERE tx = pg_current_xact_id()::text::bigint"
            " AND target_id = %s AND user_id = %s ORDER BY id",
            row,
            self.worker["A"],
        )
        name = model._meta.model_name
        return [verb for (verb,) in entered] == [f"{name}.changed", f"{name}.deleted", f"{name}.created"]

    def what_is_frozen_stays(self, table: str) -> bool:
        self.app("A")
        row = str(self.rows.spare[self.tables[table], "A"].pk)
        self.bench.run(f"UPDATE {table} SET frozen_at = now() WHERE id = %s", row)
        tries = (
            f"UPDATE {table} SET agency_id = agency_id WHERE id = %s",
            f"DELETE FROM {table} WHERE id = %s",
        )
        return all(
            str(self.bench.tried(sql, row)).startswith("IntegrityConstraintViolation") for sql in tries
        )

    def a_nations_answer_reaches_the_hub(self, table: str) -> bool:
        office = self.rows.world.agency("HUB").pk
        self.app("A")
        self.bench.run(
            f"INSERT INTO {table} (agency_id, measure, scope, is_allowed) VALUES (%s, 'who', 'public', false)",
            self.id["A"],
        )
        self.bench.become("casehub_app", agency=office)
        return self.bench.count("agencies_ledgerentry WHERE verb = 'table.vetoed_there'") == 1

    def what_was_asked_for_stays(self, table: str) -> bool:
        """A table that somebody wants released: neither what it is, nor that it was asked, can change."""
        self.app("A")
        row, who = str(uuid.uuid4()), self.worker["A"]
        facts = {"id": row, "measure": "pipeline", "views": "[]", "scope": "partners", "mode": "suppressed"}
        facts |= {"grid": "month", "reason": ""}
        if table == "reporting_specification":
            facts |= {"asked_by_id": who, "measure_version": 1}
        else:
            facts |= {"wanted_by_id": who, "hub_id": self.id["A"], "label": "one", "state": "drawn"}
            facts |= {"period_start": "2025-01-01", "period_end": "2025-02-01"}
            facts |= {"protected_with": "{}", "blocking": "{}"}
        places = ", ".join(["%s"] * len(facts))
        self.bench.run(f"INSERT INTO {table} ({', '.join(facts)}) VALUES ({places})", *facts.values())
        tries = (f"UPDATE {table} SET measure = 'who' WHERE id = %s", f"DELETE FROM {table} WHERE id = %s")
        return all(
            str(self.bench.tried(sql, row)).startswith("IntegrityConstraintViolation") for sql in tries
        )

    def _release(self) -> str:
        """A's, under which a disclosure of A lies at R."""
        return str(self.rows.made[ReleaseOfInformation, "A"].pk)

    def what_was_signed_stays(self, table: str) -> bool:
        self.app("A")
        spare = str(self.rows.spare[self.tables[table], "A"].pk)
        tries = [f"UPDATE {table} SET {change} WHERE id = %s" for change in EDITS[table]]
        tries.append(f"DELETE FROM {table} WHERE id = %s")
        return all(str(self.bench.tried(sql, spare)).startswith("RestrictViolation") for sql in tries)

    def what_was_handed_over_stays_the_clients(self, table: str) -> bool:
        self.app("A")
        said = self.bench.tried(
            f"UPDATE {table} SET client_id = %s WHERE id IN (SELECT handover_id FROM referrals_disclosure)",
            str(self.rows.spare[Client, "A"].pk),
        )
        return str(said).startswith("RestrictViolation")

    def what_is_over_is_not_signed(self, table: str) -> bool:
        """A's own release is signed again, its end a moment ago."""
        self.app("A")
        self.bench.run(
            f"CREATE TEMP TABLE over ON COMMIT DROP AS SELECT * FROM {table} WHERE id = %s", self._release()
        )
        self.bench.run("UPDATE over SET id = gen_random_uuid(), ends_at = statement_timestamp()")
        said = self.bench.tried(f"INSERT INTO {table} SELECT * FROM over")
        return said == "CheckViolation a release that is over is not signed"

    def a_revocation_reaches_what_lies_there(self, table: str) -> bool:
        self.app("A")
        self.bench.run(
            f"UPDATE {table} SET revoked_at = now(), revoked_how = 'orally' WHERE id = %s", self._release()
        )
        self.app("R")
        return self.bench.count("referrals_disclosure WHERE release_id = %s", self._release()) == 0

    def nothing_goes_across_that_no_release_allows(self, table: str) -> bool:
        self.app("A")
        said = self.bench.tried(
            f"UPDATE {table} SET data_class = 'numbers' WHERE agency_id = %s", self.id["A"]
        )
        return said == "CheckViolation no release allows this disclosure"

    def an_opening_says_what_was_posted(self, table: str) -> bool:
        """A says by hand what its post about a confidential site does not."""
        self.app("A")
        row = str(self.rows.spare[Opening, "A"].pk)
        self.bench.run(
            f"UPDATE {table} SET is_published = true, is_confidential = false, county_id = '99001',"
            " taken_tenths = 5 WHERE id = %s",
            row,
        )
        hidden = "NOT is_published AND is_confidential AND county_id IS NULL AND taken_tenths IS NULL"
        return self.bench.count(f"{table} WHERE id = %s AND {hidden}", row) == 1

    def an_opening_follows_its_project(self, table: str) -> bool:
        """A's project becomes a confidential site: its openings have no county any more."""
        self.app("A")
        opening = self.rows.spare[Opening, "A"]
        project = str(opening.project_id)
        post = "id, agency_id, project_id, kind, wait, accepts, languages, phone, stale_hours"
        self.bench.run(
            f"INSERT INTO referrals_openingpost ({post}, is_confidential, is_withdrawn, posted_at,"
            " recorded_at, changed_at)"
            " SELECT gen_random_uuid(), agency_id, project_id, kind, wait, accepts, languages, phone,"
            " stale_hours, false, false, now(), now(), now() FROM referrals_openingpost WHERE id = %s",
            str(opening.post_id),
        )
        self.bench.run(
            "UPDATE referrals_opening SET post_id = (SELECT id FROM referrals_openingpost"
            " WHERE project_id = %s AND NOT is_confidential) WHERE id = %s",
            project,
            str(opening.pk),
        )
        told = "referrals_opening WHERE id = %s AND county_id IS NOT NULL"
        before = self.bench.count(told, str(opening.pk))
        self.bench.run(f"UPDATE {table} SET is_confidential_site = true WHERE id = %s", project)
        return before == 1 and self.bench.count(told, str(opening.pk)) == 0

    def what_was_entered_stays(self, table: str) -> bool:
        self.app("A")
        return all(
            self.bench.tried(sql) == f"InsufficientPrivilege permission denied for table {table}"
            for sql in (
                f"UPDATE {table} SET id = id",
                f"DELETE FROM {table}",
                f"TRUNCATE {table}",
            )
        )


CLOSED: dict[str, str] = {}
# B's row in which this column may be set at all, where the common one may not have it.
POINTING: dict[tuple[str, str], models.Model] = {}


@pytest.fixture
def wall(lasting_world) -> Iterator[Wall]:
    rows = Rows(lasting_world).everything("A", "B")
    lasting_world.person("R"), lasting_world.person("S")
    shares = {"signed_at": timezone.now(), "shares_tokens_under_release": True}
    on_it = rows.fresh(SharingAgreement, "R", **shares)
    rows.fresh(HandoverKey, "R", agreement=on_it, ended_at=None)
    rows.fresh(Opening, "R", post=rows.fresh(OpeningPost, "R", is_withdrawn=False))
    CLOSED.clear()
    CLOSED.update(_close_a_client(rows))
    POINTING.clear()
    rule, law = rows.row(SigningRule, "B"), rows.row(CompelledDisclosure, "B")
    POINTING["referrals_releaseofinformation", "rule_id"] = rows.fresh(
        ReleaseOfInformation, "B", signer="minor", rule=rule
    )
    POINTING["referrals_disclosure", "compelled_id"] = rows.fresh(
        Disclosure, "B", release=None, compelled=law, purpose="compelled"
    )
    with postgres.bench() as bench:
        yield Wall(bench, rows)


def _close_a_client(rows: Rows) -> dict[str, str]:
    """A client of A with a row in every table about clients, then closed to all but A's supervisor."""
    world = rows.world
    client = rows.fresh(Client, "A")
    made = {Client._meta.db_table: str(client.pk)}
    for model in walled():
        for field in keys_to_rows(model):
            if field.related_model is Client and field.name == "client" and model is not Restriction:
                made[model._meta.db_table] = str(rows.fresh(model, "A", client=client).pk)
    with world.acting("A", "supervisor"):
        assign_perm("referrals.view_client", world.person("A", "supervisor"), client)
        Restriction.objects.create(agency=world.agency("A"), client=client)
    return made


# What nobody may do to a row that somebody signed or noted.
EDITS = {
    "referrals_releaseofinformation": (
        "ends_at = ends_at + interval '1 day'",
        "classes = classes || '{numbers}'::varchar[]",
    ),
    "referrals_signingrule": ("citation = citation || ' (b)'", "from_age = from_age + 1"),
    "referrals_compelleddisclosure": (
        "classes = classes || '{numbers}'::varchar[]",
        "reference_sealed = '\\x01'",
        "recorded_at = recorded_at - interval '1 day'",
    ),
}
# What notices that a trigger is gone, those of the ledger apart.
WATCHES = {
    ("reporting_grantreport", "frozen_stays"): "what_is_frozen_stays",
    ("reporting_tribalanswer", "is_answered"): "a_nations_answer_reaches_the_hub",
    ("reporting_specification", "stays"): "what_was_asked_for_stays",
    ("reporting_proposal", "stays"): "what_was_asked_for_stays",
    ("referrals_releaseofinformation", "is_signed"): "what_is_over_is_not_signed",
    ("referrals_releaseofinformation", "stays"): "what_was_signed_stays",
    ("referrals_signingrule", "stays"): "what_was_signed_stays",
    ("referrals_compelleddisclosure", "stays"): "what_was_signed_stays",
    ("referrals_releaseofinformation", "is_revoked"): "a_revocation_reaches_what_lies_there",
    ("referrals_handover", "stays"): "what_was_handed_over_stays_the_clients",
    ("referrals_disclosure", "is_allowed"): "nothing_goes_across_that_no_release_allows",
    ("referrals_opening", "says_what_was_posted"): "an_opening_says_what_was_posted",
    ("agencies_project", "openings_follow"): "an_opening_follows_its_project",
}


# Broken one by one in test_linking_sabotage.
OF_LINKING = {
    ("referrals_linkrecord", "stands"),
    ("referrals_linkrecord", "in_turn"),
    ("referrals_linkrecord", "takes_part"),
    ("referrals_linkrecord", "has_ended"),
    ("referrals_releaseofinformation", "in_turn"),
    ("referrals_countobjection", "is_unlinked"),
    ("agencies_agency", "is_unlinked"),
    ("referrals_releaseofinformation", "is_unlinked"),
    ("agencies_award", "is_unlinked"),
    ("agencies_sharingagreement", "is_unlinked"),
}


def is_of_linking(policy: postgres.Policy) -> bool:
    return policy.role == "casehub_linker" or policy.name == "alive" or policy.table in LINKERS


def _sabotage(wall: Wall) -> Iterator[tuple[str, str, Callable[..., bool], Any]]:
    """What is broken, the statement that breaks it, and the probe that must notice."""
    cursor = wall.bench.cursor
    policies = [one for one in postgres.policies(cursor) if not is_of_linking(one)]
    for table in wall.tables:
        yield (
            table,
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            wall.an_agency_sees_no_foreign_row,
            table,
        )
        yield table, f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY", wall.the_owner_sees_nothing, table
    for one in policies:
        table, anew = (
            one.table,
            f'DROP POLICY "{one.name}" ON {one.table}; CREATE POLICY "{one.name}" ON {one.table}',
        )
        gone = f'DROP POLICY "{one.name}" ON {table}'
        if one.name == "own":
            check = f"WITH CHECK ({one.check})"
            yield table, gone, wall.an_agency_reads_its_own_rows, table
            open_to_all = f"{anew} TO casehub_app USING (true) {check}"
            yield table, open_to_all, wall.an_agency_sees_no_foreign_row, table
            yield table, open_to_all, wall.nobody_sees_nothing, table
            if not getattr(wall.tables[table], "append_only", False):
                yield table, open_to_all, wall.nobody_changes_or_deletes_a_foreign_row, table
            unchecked = f"{anew} TO casehub_app USING ({one.using}) WITH CHECK (true)"
            yield table, unchecked, wall.nobody_inserts_for_another_agency, table
            if "referrals_restriction" in one.using:
                agency_only = f"{anew} TO casehub_app USING (agency_id = {MINE}) {check}"
                yield table, agency_only, wall.a_closed_clients_rows_open_to_the_named_worker_only, table
                unclosed = f"{anew} TO casehub_app USING ({one.using}) WITH CHECK (agency_id = {MINE})"
                if table != Client._meta.db_table:
                    yield table, unclosed, wall.nobody_adds_to_a_closed_client, table
        elif one.name == "counted" and getattr(wall.tables[table], "not_counted", False):
            opened = f"{anew} FOR SELECT TO {one.role} USING (true); GRANT SELECT ON {table} TO {one.role}"
            yield table, opened, wall.the_counting_role_has_no_right_to_it, table
        elif one.name == "shredded" and one.command == "a":
            yield table, gone, wall.the_hand_that_forgets_enters_its_own_agencys_ledger, table
            loose = f"{anew} FOR INSERT TO casehub_shredder WITH CHECK (true)"
            yield table, loose, wall.the_hand_that_forgets_enters_its_own_agencys_ledger, table
        elif one.name == "shredded":
            yield table, gone, wall.the_hand_that_forgets_sees_the_agencys_rows, table
            loose = f"{anew} TO casehub_shredder USING (true)"
            yield table, loose, wall.the_hand_that_forgets_sees_the_agencys_rows, table
            inherited = f"{anew} TO casehub_shredder, casehub_app USING (agency_id = {MINE})"
            if table in CLOSED and table != "referrals_disclosure":
                yield table, inherited, wall.a_closed_clients_rows_open_to_the_named_worker_only, table
        elif one.name == "counted":
            yield table, gone, wall.the_counting_door_reads_every_agency, table
            loose = f"{anew} FOR SELECT TO casehub_reporter USING (true)"
            yield table, loose, wall.the_counting_door_reads_one_agency_for_its_own_totals, table
            inherited = (
                f"{anew} FOR SELECT TO casehub_reporter, casehub_app USING "
                "(current_setting('casehub.counting', true) = 'network')"
            )
            yield table, inherited, wall.the_counting_policy_is_no_agencys, table
        elif one.name == "published":
            yield table, gone, wall.every_agency_reads_what_is_published, table
            loose = f"{anew} FOR SELECT TO casehub_app USING (true)"
            yield table, loose, wall.an_agency_sees_no_foreign_row, table
            yield table, loose, wall.nobody_sees_nothing, table
        else:
            yield table, gone, wall.the_other_party_reads_it, table
            loose = f"{anew} FOR SELECT TO casehub_app USING (true)"
            yield table, loose, wall.a_third_agency_does_not, table
    for key in postgres.keys(cursor):
        if key.table in wall.tables and key.parent in wall.tables:
            gone = f'ALTER TABLE {key.table} DROP CONSTRAINT "{key.name}"'
            probe = wall.a_key_reaches_no_foreign_row
            if key.columns[1:] != ("agency_id",):
                probe = wall.an_answer_names_its_offers_parties
            yield key.name, gone, probe, key
    for table, trigger in sorted(set(postgres.triggers(cursor)) - OF_LINKING):
        enters = trigger.startswith("enter_")
        probe = wall.every_write_enters_the_ledger if enters else getattr(wall, WATCHES[table, trigger])
        yield table, f"DROP TRIGGER {trigger} ON {table}", probe, table
    for table, model in wall.tables.items():
        if getattr(model, "append_only", False):
            for right in ("UPDATE", "DELETE", "TRUNCATE"):
                yield table, f"GRANT {right} ON {table} TO casehub_app", wall.what_was_entered_stays, table


def test_every_stone_of_the_wall_is_missed_when_it_is_gone(wall, record_property):
    """Policies, forced row security, composite keys, triggers, append-only: each broken once."""
    plan = list(_sabotage(wall))
    unnoticed, fallen = [], []
    for what, statement, probe, about in plan:
        if not wall.holds(probe, about):
            fallen.append(f"{probe.__name__}({what}) does not hold to begin with")
            continue
        with wall.bench.passing():
            wall.bench.run(statement.replace("%", "%%"))
            if wall.holds(probe, about):
                unnoticed.append(f"{statement[:120]} is not noticed by {probe.__name__}")
    assert fallen == []
    assert unnoticed == []
    record_property("sabotages", len(plan))
    broken = {probe.__name__ for _what, _statement, probe, _about in plan}
    assert {
        name for name in vars(Wall) if name.startswith(("a_", "an_", "the_", "no", "every_", "what_"))
    } == broken
    assert len(plan) > 250, len(plan)


def test_every_policy_key_and_trigger_is_in_the_plan(wall):
    """Nothing the catalog knows of our tables escapes the plan above."""
    plan = " ".join(statement for _what, statement, _probe, _about in _sabotage(wall))
    cursor = wall.bench.cursor
    left = [p for p in postgres.policies(cursor) if f'POLICY "{p.name}" ON {p.table}' not in plan]
    assert [policy for policy in left if not is_of_linking(policy)] == []
    for model in walled():
        for field in keys_to_rows(model):
            assert any(
                key.table == model._meta.db_table
                and key.columns[0] == field.column
                and f'"{key.name}"' in plan
                for key in postgres.keys(cursor)
            ), f"{model._meta.label}.{field.name} has no composite key"
    with connections["owner"].cursor() as owner:
        owner.execute("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal")
        assert owner.fetchone()[0] == plan.count("DROP TRIGGER") + len(OF_LINKING)
