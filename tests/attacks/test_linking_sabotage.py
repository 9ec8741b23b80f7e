"""Each stone of the linking door is taken out once, and a named probe must notice: policies, keys that carry the end,
the ring that breaks as a whole, triggers, grants.

Maria is at A and B; Ann at C has ended a moment ago, and nobody has swept. All in one transaction that is rolled
back.
"""

import uuid
from collections.abc import Iterator

import pytest
from django.db.models.functions import Now

from agencies.scope.rows import MINE
from referrals import linking
from referrals.models import LinkAnswer, LinkDecision
from tests.architecture.test_database import LINKERS
from tests.attacks import postgres
from tests.attacks.test_sabotage import OF_LINKING, is_of_linking
from tests.referrals.linking.network import Network

RECORD, TOKEN = "referrals_linkrecord", "referrals_linktoken"
EDGE, PERSON = "referrals_linkedge", "referrals_linkedperson"
ANSWER = "referrals_linkanswer"
DECISION, MODEL, CHANGE = "referrals_linkdecision", "referrals_linkmodel", "referrals_linkchange"
LINKER = "current_user = 'casehub_linker'"
REPORTER = "current_user = 'casehub_reporter'"
ALONE = f"{MINE} IS NULL"
MARIA = ("Maria", "Lopez", "19900203")


class Door:
    """The probes: each is True while the door stands."""

    def __init__(self, bench: postgres.Bench, network: Network) -> None:
        self.bench, self.network = bench, network
        self.id = {letter: network.world.agency(letter).pk for letter in "ABC"}
        more = {"ssn4": "4821", "zip5": "30303"}
        self.record = {letter: network.arrives(letter, *MARIA, **more) for letter in "AB"}
        self.record["C"] = network.arrives("C", "Ann", "Other", "19810704", ssn4="7310", zip5="60601")
        linking.bulk()
        with network.world.acting("A"):
            a, b = self.record["A"].client_id, self.record["B"].client_id
            linking.decide(a, b, LinkDecision.Verdict.TOGETHER)
            LinkAnswer.objects.create(
                agency_id=self.id["A"], client_id=a, pair=uuid.uuid4(), verdict="same", answered_at=Now()
            )
        # C's pair with A, and all that is C's, ended a moment ago.
        bench.run("SET LOCAL session_replication_role = replica")
        low, high = sorted((self.number("A"), self.number("C")))
        bench.run(
            f'INSERT INTO {EDGE} (a, b, agree, "both", posterior, a_ends_at, b_ends_at)'
            " SELECT %s, %s, 1, 1, 0.5, x.ends_at, y.ends_at FROM referrals_linkrecord x, referrals_linkrecord y"
            " WHERE x.number = %s AND y.number = %s",
            low, high, low, high,
        )  # fmt: skip
        for table, column in ((RECORD, "number"), (TOKEN, "record_id"), (PERSON, "record_id")):
            bench.run(
                f"UPDATE {table} SET ends_at = statement_timestamp() WHERE {column} = %s", self.number("C")
            )
        for side in "ab":
            bench.run(
                f"UPDATE {EDGE} SET {side}_ends_at = statement_timestamp() WHERE {side} = %s",
                self.number("C"),
            )
        bench.run("SET LOCAL session_replication_role = origin")

    def number(self, letter: str) -> int:
        return self.record[letter].number

    def linker(self, agency: str = "") -> None:
        self.bench.become("casehub_linker", agency=self.id[agency] if agency else "")

    def reporter(self, *, network: bool = True) -> None:
        self.bench.become("casehub_reporter", agency=self.id["A"], counting="network" if network else "own")

    def app(self, letter: str) -> None:
        self.bench.become("casehub_app", agency=self.id[letter], user=self.network.world.person(letter).pk)

    def engine_reads(self, table: str) -> bool:
        self.linker()
        return self.bench.count(table) > 0

    def engine_writes(self, table: str) -> bool:
        self.linker()
        copy = {
            EDGE: f"UPDATE {EDGE} SET posterior = 0.5",
            PERSON: f"UPDATE {PERSON} SET until = until",
            CHANGE: f"INSERT INTO {CHANGE} (what, before, after) VALUES ('bulk', '{{}}', '{{}}')",
            MODEL: f"INSERT INTO {MODEL} (keys, m, u, share, kin, records, pairs)"
            f" SELECT keys, m, u, share, kin, records, pairs FROM {MODEL}",
            DECISION: f"INSERT INTO {DECISION} SELECT gen_random_uuid(), a_client, b_client, a_record, b_record,"
            f" verdict, now(), a_agency_id, b_agency_id, by_agency_id, NULL FROM {DECISION}",
        }[table]
        said = self.bench.tried(copy)
        return isinstance(said, list) and said[0][0] > 0

    def engine_reads_nothing_that_is_over(self, table: str) -> bool:
        self.linker()
        return self._over(table) == 0

    def counting_reads_nothing_that_is_over(self, table: str) -> bool:
        self.reporter()
        return self._over(table) == 0

    def _over(self, table: str) -> int:
        where = {
            RECORD: "number = %s",
            TOKEN: "record_id = %s",
            PERSON: "record_id = %s",
            EDGE: "%s IN (a, b)",
        }[table]
        return self.bench.count(f"{table} WHERE {where}", self.number("C"))

    def counting_reads(self, table: str) -> bool:
        self.reporter()
        columns = {EDGE: "a", PERSON: "record_id"}[table]
        return len(self.bench.run(f"SELECT {columns} FROM {table}")) > 0

    def an_agencys_own_totals_read_none(self, table: str) -> bool:
        self.reporter(network=False)
        columns = {EDGE: "a", PERSON: "record_id"}[table]
        return self.bench.run(f"SELECT {columns} FROM {table}") == []

    def counting_reads_no_broken_ring(self, table: str) -> bool:
        """B has withdrawn: what A is with its help is not read until it is settled."""
        self.bench.run(f"DELETE FROM {RECORD} WHERE number = %s", self.number("B"))
        self.reporter()
        return self.bench.run(f"SELECT record_id FROM {table} WHERE record_id = %s", self.number("A")) == []

    def counting_reads_nobody_after_the_first_end(self, table: str) -> bool:
        self.bench.run("SET LOCAL session_replication_role = replica")
        self.bench.run(f"UPDATE {table} SET until = statement_timestamp()")
        self.bench.run("SET LOCAL session_replication_role = origin")
        self.reporter()
        return self.bench.run(f"SELECT record_id FROM {table}") == []

    def inside_an_agencys_door_there_is_none(self, table: str) -> bool:
        self.linker("A")
        return self.bench.count(table) == 0

    def inside_an_agencys_door_there_is_its_own(self, table: str) -> bool:
        self.linker("A")
        column = {RECORD: "number", TOKEN: "record_id"}[table]
        own = self.bench.count(f"{table} WHERE {column} = %s", self.number("A"))
        return own > 0 and self.bench.count(f"{table} WHERE {column} <> %s", self.number("A")) == 0

    def nothing_is_written_inside_an_agencys_door(self, table: str) -> bool:
        self.linker("A")
        said = self.bench.tried(f"INSERT INTO {CHANGE} (what, before, after) VALUES ('bulk', '{{}}', '{{}}')")
        return str(said).startswith("InsufficientPrivilege")

    def an_agency_sees_no_foreign_record(self, table: str) -> bool:
        self.app("A")
        return self.bench.count(f"{table} WHERE agency_id <> %s", self.id["A"]) == 0

    def an_agency_sees_no_foreign_answer(self, table: str) -> bool:
        self.app("B")
        return self.bench.count(table) == 0

    def tokens_are_put_for_ones_own_only(self, table: str) -> bool:
        put = f"INSERT INTO {table} (record_id, key, token, ends_at) VALUES (%s, 1, decode(repeat('ab', 16), 'hex'), %s)"
        self.linker("A")
        mine = self.bench.tried(put, self.number("A"), self.record["A"].ends_at)
        theirs = self.bench.tried(put, self.number("B"), self.record["B"].ends_at)
        self.linker()
        alone = self.bench.tried(put, self.number("A"), self.record["A"].ends_at)
        refused = f'InsufficientPrivilege new row violates row-level security policy for table "{table}"'
        return mine == [(1,)] and theirs == alone == refused

    def tokens_are_taken_from_ones_own_only(self, table: str) -> bool:
        self.linker()
        alone = self.bench.tried(f"DELETE FROM {table}")
        self.linker("A")
        own = self.bench.tried(f"DELETE FROM {table} WHERE record_id = %s", self.number("A"))
        self.bench.run("RESET ROLE")
        return (
            alone == [(0,)]
            and own[0][0] > 0
            and self.bench.count(f"{table} WHERE record_id = %s", self.number("B")) > 0
        )

    def the_sweep_takes_what_is_over_and_nothing_else(self, table: str) -> bool:
        self.linker()
        self.bench.run(f"DELETE FROM {table}")
        self.bench.run("RESET ROLE")
        return self.bench.run(f"SELECT agency_id FROM {table} ORDER BY 1") == [
            (self.id["A"],),
            (self.id["B"],),
        ]

    def the_owner_sees_nothing(self, table: str) -> bool:
        self.bench.become("casehub_owner")
        return self.bench.count(table) == 0

    def nobody_else_may_touch_it(self, table: str) -> bool:
        self.app("A")
        denied = f"InsufficientPrivilege permission denied for table {table}"
        return self.bench.tried(f"SELECT FROM {table}") == denied

    def a_revocation_takes_everything_along(self, what: str) -> bool:
        """Of A's record nothing is left, and whoever was settled with it is unsettled."""
        self.app("A")
        self.bench.run(
            "UPDATE referrals_releaseofinformation SET revoked_at = now(), revoked_how = 'orally' WHERE id = %s",
            str(self.record["A"].release_id),
        )
        self.bench.run("RESET ROLE")
        number = self.number("A")
        left = [
            self.bench.count(f"{table} WHERE %s IN ({columns})", number)
            for table, columns in ((RECORD, "number"), (TOKEN, "record_id"), (EDGE, "a, b"), (PERSON, "record_id"))
        ]  # fmt: skip
        unsettled = self.bench.count(f"{PERSON} WHERE record_id = %s AND ring IS NULL", self.number("B"))
        return left == [0, 0, 0, 0] and unsettled == 1

    def a_pair_goes_with_either(self, what: str) -> bool:
        def gone(letter: str) -> bool:
            with self.bench.passing():
                self.bench.run(f"DELETE FROM {RECORD} WHERE number = %s", self.number(letter))
                return self.bench.count(f"{EDGE} WHERE %s IN (a, b)", self.number(letter)) == 0

        return gone("A") and gone("B")

    def nobody_is_counted_without_a_release(self, table: str) -> bool:
        self.app("A")
        said = self.bench.tried(
            f"UPDATE {table} SET ends_at = ends_at + interval '1 hour' WHERE number = %s", self.number("A")
        )
        return said == "CheckViolation no live release lets this client be counted"

    def nobody_stays_who_takes_no_part(self, table: str) -> bool:
        """A veto that somehow left A's record behind: it can't be stored anew."""
        self.bench.run("SET LOCAL session_replication_role = replica")
        self.bench.run(
            "UPDATE agencies_agency SET is_tribal = true, sharing_vetoed = true WHERE id = %s", self.id["A"]
        )
        self.bench.run("SET LOCAL session_replication_role = origin")
        self.app("A")
        said = self.bench.tried(f"UPDATE {table} SET changed_at = now() WHERE number = %s", self.number("A"))
        return said == "CheckViolation this agency takes no part in linkage"

    def a_veto_and_a_leaving_take_the_agencys_records(self, table: str) -> bool:
        """Whoever says it, and in whatever door: A's go, B's stay."""

        def gone(door: str, change: str) -> bool:
            with self.bench.passing():
                self.app(door)
                self.bench.run(f"UPDATE {table} SET {change} WHERE id = %s", self.id["A"])
                who = self.bench.run("SELECT current_user::text, current_setting('casehub.agency')")
                self.bench.run("RESET ROLE")
                left = self.bench.run(f"SELECT agency_id FROM {RECORD} WHERE ends_at > statement_timestamp()")
                tokens = self.bench.count(f"{TOKEN} WHERE record_id = %s", self.number("A"))
                return (
                    left == [(self.id["B"],)] and tokens == 0 and who == [("casehub_app", str(self.id[door]))]
                )

        return all(
            gone(door, change)
            for door in "AB"
            for change in ("is_tribal = true, sharing_vetoed = true", "left_on = '2030-01-01'")
        )

    def who_leaves_waits_for_a_turn(self, table: str) -> bool:
        self.bench.run(f"DELETE FROM {table} WHERE number = %s", self.number("A"))
        return self.bench.count("pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()") == 1

    def what_has_ended_stays_so(self, table: str) -> bool:
        """C's record ended a moment ago; its release lives on."""
        self.app("C")
        said = self.bench.tried(
            f"UPDATE {table} SET ends_at = ends_at + interval '1 hour' WHERE number = %s", self.number("C")
        )
        return said == "RestrictViolation a link record that has ended does not come back"

    def who_revokes_waits_for_a_turn_first(self, table: str) -> bool:
        """Before the release is locked, so also where none is found."""
        self.bench.run(f"UPDATE {table} SET revoked_at = now() WHERE false")
        return self.bench.count("pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()") == 1

    def who_objects_has_no_tokens_without_a_release(self, table: str) -> bool:
        self.bench.run("SET LOCAL session_replication_role = replica")
        self.bench.run(f"UPDATE {RECORD} SET release_id = NULL WHERE number = %s", self.number("A"))
        self.bench.run("SET LOCAL session_replication_role = origin")
        self.app("A")
        self.bench.run(
            f"INSERT INTO {table} (id, agency_id, recorded_at, changed_at, client_id)"
            " VALUES (gen_random_uuid(), %s, now(), now(), %s)",
            self.id["A"], str(self.record["A"].client_id),
        )  # fmt: skip
        self.bench.run("RESET ROLE")
        return self.bench.count(f"{TOKEN} WHERE record_id = %s", self.number("A")) == 0

    def a_new_award_ends_what_stood_without_a_release(self, table: str) -> bool:
        return self._ends_without(
            "INSERT INTO agencies_award (id, agency_id, funder, number, starts_on, ends_on, regimes)"
            " VALUES (gen_random_uuid(), %s, 'x', 'y', '2020-01-01', '2030-01-01', '{voca}')"
        )

    def another_agreement_ends_what_stood_without_a_release(self, table: str) -> bool:
        return self._ends_without(
            "UPDATE agencies_sharingagreement SET ended_at = now() WHERE agency_id = %s"
        )

    def an_agreement_that_ends_takes_all(self, table: str) -> bool:
        """A's record stands under a release; the agency signs no more that it shares tokens."""
        self.app("A")
        self.bench.run(f"UPDATE {table} SET ended_at = now() WHERE agency_id = %s", self.id["A"])
        self.bench.run("RESET ROLE")
        return self.bench.run(f"SELECT agency_id FROM {RECORD} WHERE ends_at > statement_timestamp()") == [
            (self.id["B"],)
        ]

    def _ends_without(self, change: str) -> bool:
        """A's record, of a client that is closed to who enters it, stands without a release."""
        self.bench.run("SET LOCAL session_replication_role = replica")
        self.bench.run(f"UPDATE {RECORD} SET release_id = NULL WHERE number = %s", self.number("A"))
        self.bench.run(
            "UPDATE agencies_sharingagreement SET shares_tokens_without_release = true WHERE agency_id = %s",
            self.id["A"],
        )
        self.bench.run(
            "INSERT INTO referrals_restriction (id, agency_id, recorded_at, changed_at, client_id)"
            " VALUES (%s, %s, now(), now(), %s)",
            str(uuid.uuid4()), self.id["A"], str(self.record["A"].client_id),
        )  # fmt: skip
        self.bench.run("SET LOCAL session_replication_role = origin")
        self.app("A")
        assert self.bench.count(f"{RECORD} WHERE number = %s", self.number("A")) == 0, "it is closed to them"
        self.bench.run(change, self.id["A"])
        who = self.bench.run("SELECT current_user::text")
        self.bench.run("RESET ROLE")
        gone = self.bench.count(f"{TOKEN} WHERE record_id = %s", self.number("A")) == 0
        return gone and who == [("casehub_app",)]


@pytest.fixture
def door(lasting_world) -> Iterator[Door]:
    network = Network(lasting_world, "A", "B", "C")
    with postgres.bench() as bench:
        yield Door(bench, network)


def _sabotage(door: Door) -> Iterator[tuple[str, object, str]]:
    """What breaks it, the probe that must notice, and what the probe is about."""

    def policy(name: str, table: str, rest: str) -> str:
        return f'DROP POLICY "{name}" ON {table}; CREATE POLICY "{name}" ON {table} {rest}'

    for one in postgres.policies(door.bench.cursor):
        if is_of_linking(one):
            gone = f'DROP POLICY "{one.name}" ON {one.table}'
            for probe in GONE[one.table, one.name]:
                yield gone, probe, one.table
    select, to = "FOR SELECT TO casehub_linker USING", "TO casehub_linker USING"
    live = "statement_timestamp() < ends_at"
    own = "EXISTS (SELECT FROM referrals_linkrecord own WHERE own.number = record_id)"
    yield policy("linked", RECORD, f"{select} ({LINKER})"), Door.engine_reads_nothing_that_is_over, RECORD
    yield policy("linked", RECORD, f"{select} ({live})"), Door.inside_an_agencys_door_there_is_its_own, RECORD
    loose = f"FOR SELECT TO casehub_linker, casehub_app USING ({live})"
    yield policy("linked", RECORD, loose), Door.an_agency_sees_no_foreign_record, RECORD
    loose = f"FOR DELETE TO casehub_linker USING ({LINKER})"
    yield policy("over", RECORD, loose), Door.the_sweep_takes_what_is_over_and_nothing_else, RECORD
    loose = f"{select} ({LINKER} AND ({ALONE} OR {own}))"
    yield policy("linked", TOKEN, loose), Door.engine_reads_nothing_that_is_over, TOKEN
    loose = f"{select} ({LINKER} AND {live})"
    yield policy("linked", TOKEN, loose), Door.inside_an_agencys_door_there_is_its_own, TOKEN
    for check in (LINKER, f"{LINKER} AND {own}", f"{LINKER} AND NOT {ALONE}"):
        loose = f"FOR INSERT TO casehub_linker WITH CHECK ({check})"
        yield policy("put", TOKEN, loose), Door.tokens_are_put_for_ones_own_only, TOKEN
    loose = f"FOR DELETE TO casehub_linker USING ({LINKER})"
    yield policy("taken", TOKEN, loose), Door.tokens_are_taken_from_ones_own_only, TOKEN
    for table in (EDGE, PERSON):
        yield policy("linked", table, f"{to} ({ALONE})"), Door.engine_reads_nothing_that_is_over, table
        loose = f"FOR SELECT TO casehub_reporter USING ({REPORTER})"
        yield policy("counted", table, loose), Door.counting_reads_nothing_that_is_over, table
        yield policy("counted", table, loose), Door.an_agencys_own_totals_read_none, table
    yield policy("counted", PERSON, loose), Door.counting_reads_no_broken_ring, PERSON
    yield policy("counted", PERSON, loose), Door.counting_reads_nobody_after_the_first_end, PERSON
    yield policy("linked", ANSWER, f"{select} ({LINKER})"), Door.inside_an_agencys_door_there_is_none, ANSWER
    loose = f"FOR SELECT TO casehub_linker, casehub_app USING ({ALONE} OR agency_id <> {MINE})"
    yield policy("linked", ANSWER, loose), Door.an_agency_sees_no_foreign_answer, ANSWER
    for table in (EDGE, PERSON, DECISION, MODEL, CHANGE):
        yield policy("linked", table, f"{to} ({LINKER})"), Door.inside_an_agencys_door_there_is_none, table
    loose = f"{to} ({LINKER}) WITH CHECK ({LINKER})"
    yield policy("linked", CHANGE, loose), Door.nothing_is_written_inside_an_agencys_door, CHANGE
    for table in LINKERS:
        yield f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY", Door.the_owner_sees_nothing, table
        yield f"GRANT SELECT ON {table} TO casehub_app", Door.nobody_else_may_touch_it, table
        off = f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
        if table == TOKEN:
            yield off, Door.inside_an_agencys_door_there_is_its_own, table
        else:
            yield off, Door.inside_an_agencys_door_there_is_none, table
    for key in postgres.keys(door.bench.cursor):
        if key.table in LINKERS and key.parent in (RECORD, PERSON):
            gone = f"ALTER TABLE {key.table} DROP CONSTRAINT {key.name}"
            yield gone, (Door.a_pair_goes_with_either if key.table == EDGE else
                         Door.a_revocation_takes_everything_along), key.name  # fmt: skip
    for table, trigger in OF_LINKING:
        yield f"DROP TRIGGER {trigger} ON {table}", WATCHES[table, trigger], table
    agreement = "agencies_sharingagreement"
    yield f"DROP TRIGGER is_unlinked ON {agreement}", Door.an_agreement_that_ends_takes_all, agreement


GONE = {
    (RECORD, "linked"): [Door.engine_reads],
    (RECORD, "over"): [Door.the_sweep_takes_what_is_over_and_nothing_else],
    (ANSWER, "linked"): [Door.engine_reads],
    (RECORD, "alive"): [Door.counting_reads_nothing_that_is_over],
    (TOKEN, "linked"): [Door.engine_reads],
    (TOKEN, "put"): [Door.tokens_are_put_for_ones_own_only],
    (TOKEN, "taken"): [Door.tokens_are_taken_from_ones_own_only],
    (EDGE, "counted"): [Door.counting_reads],
    (PERSON, "counted"): [Door.counting_reads],
    **{
        (table, "linked"): [Door.engine_reads, Door.engine_writes]
        for table in (EDGE, PERSON, DECISION, MODEL, CHANGE)
    },
}
WATCHES = {
    (RECORD, "stands"): Door.nobody_is_counted_without_a_release,
    (RECORD, "takes_part"): Door.nobody_stays_who_takes_no_part,
    ("agencies_agency", "is_unlinked"): Door.a_veto_and_a_leaving_take_the_agencys_records,
    ("referrals_countobjection", "is_unlinked"): Door.who_objects_has_no_tokens_without_a_release,
    (RECORD, "has_ended"): Door.what_has_ended_stays_so,
    ("referrals_releaseofinformation", "in_turn"): Door.who_revokes_waits_for_a_turn_first,
    (RECORD, "in_turn"): Door.who_leaves_waits_for_a_turn,
    ("referrals_releaseofinformation", "is_unlinked"): Door.a_revocation_takes_everything_along,
    ("agencies_award", "is_unlinked"): Door.a_new_award_ends_what_stood_without_a_release,
    ("agencies_sharingagreement", "is_unlinked"): Door.another_agreement_ends_what_stood_without_a_release,
}


def test_every_stone_of_the_linking_door_is_missed_when_it_is_gone(door):
    unnoticed, fallen, tried = [], [], 0
    for statement, probe, about in _sabotage(door):
        tried += 1
        with door.bench.passing():
            if not probe(door, about):
                fallen.append(f"{probe.__name__}({about}) does not hold to begin with")
                continue
        with door.bench.passing():
            door.bench.run(statement.replace("%", "%%"))
            with door.bench.passing():
                if probe(door, about):
                    unnoticed.append(f"{statement[:150]} is not noticed by {probe.__name__}")
    assert fallen == []
    assert unnoticed == []
    assert tried > 50
