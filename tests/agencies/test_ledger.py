"""The ledger's chain: whatever is done to an entry afterwards is found, and nothing open is sealed."""

import time

import pytest
from django.db import connection, connections

from agencies import ledger
from agencies.models import LedgerEntry, LedgerSeal
from agencies.scope import Actor, ScopeError, acting_as
from tests.attacks import postgres


@pytest.fixture
def chain(lasting_world):
    """Three seals of agency A's, of three entries each, and one seal of B's."""
    for letter, times in (("A", 3), ("B", 1)):
        for _ in range(times):
            for _ in range(3):
                enter(lasting_world, letter)
            assert sealed(lasting_world, letter) is not None
    return lasting_world


def enter(world, letter="A", verb="client.viewed"):
    with acting_as(Actor.hub(world.agency(letter))):
        ledger.record(verb, why="test")


def seal(world, letter="A"):
    with acting_as(Actor.hub(world.agency(letter))):
        return ledger.seal()


def sealed(world, letter="A"):
    """A seal, as soon as nothing of this database writes in an older transaction (a vacuum may)."""
    deadline = time.monotonic() + 60
    while (made := seal(world, letter)) is None and time.monotonic() < deadline:
        time.sleep(0.2)
    return made


def verify(world, letter="A"):
    with acting_as(Actor.hub(world.agency(letter))):
        return ledger.verify()


def tamper(sql, *parameters):
    """As a superuser, whom no grant and no policy binds."""
    connection = postgres.superuser()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.rowcount
    finally:
        connection.close()


def ids(world, letter="A"):
    with acting_as(Actor.hub(world.agency(letter))):
        return list(
            LedgerEntry.objects.filter(agency=world.agency(letter))
            .order_by("id")
            .values_list("id", flat=True)
        )


def test_an_untouched_chain_holds(chain):
    assert verify(chain) == []
    with acting_as(Actor.hub(chain.agency("A"))):
        assert [one.entries for one in LedgerSeal.objects.order_by("number")] == [3, 3, 3]


@pytest.mark.parametrize(
    "change",
    [
        "verb = 'client.changed'",
        "target_id = 'x'",
        "target_type = 'service'",
        "user_id = 1",
        "at = at - interval '1 microsecond'",
        "rows = 2",
        "why = ''",
        "id = id + 1000000",
    ],
)
def test_an_edited_entry_is_found(chain, change):
    assert tamper(f"UPDATE agencies_ledgerentry SET {change} WHERE id = %s", ids(chain)[4]) == 1
    assert [broken.seal for broken in verify(chain)] == [2]
    assert verify(chain, "B") == []


def test_every_single_edited_entry_is_found(chain):
    for position, one in enumerate(ids(chain)):
        tamper("UPDATE agencies_ledgerentry SET rows = rows + 1 WHERE id = %s", one)
        assert [broken.seal for broken in verify(chain)] == [position // 3 + 1]
        tamper("UPDATE agencies_ledgerentry SET rows = rows - 1 WHERE id = %s", one)
    assert verify(chain) == []


def test_a_deleted_entry_is_found(chain):
    tamper("DELETE FROM agencies_ledgerentry WHERE id = %s", ids(chain)[0])
    (broken,) = verify(chain)
    assert (broken.seal, broken.said, broken.found) == (1, 3, 2)


def test_an_inserted_entry_is_found(chain):
    """Also by the application's own login, which may insert: the past is full."""
    agency = chain.agency("A")
    with acting_as(Actor.hub(agency)):
        past = LedgerEntry.objects.filter(agency=agency).order_by("id").values_list("tx", flat=True)[4]
        LedgerEntry.objects.create(agency=agency, verb="client.viewed", tx=past)
    assert [broken.seal for broken in verify(chain)] == [2]


def test_an_entry_from_before_the_beginning_is_found(chain):
    agency = chain.agency("A")
    with acting_as(Actor.hub(agency)):
        LedgerEntry.objects.create(agency=agency, verb="client.viewed", tx=-1)
    assert [broken.seal for broken in verify(chain)] == [0]


def test_two_entries_that_change_places_are_found(chain):
    first, second = ids(chain)[:2]
    tamper("UPDATE agencies_ledgerentry SET verb = 'client.created' WHERE id = %s", first)
    tamper("UPDATE agencies_ledgerentry SET id = -1 WHERE id = %s", first)
    tamper("UPDATE agencies_ledgerentry SET id = %s WHERE id = %s", first, second)
    tamper("UPDATE agencies_ledgerentry SET id = %s WHERE id = -1", second)
    assert [broken.seal for broken in verify(chain)] == [1]


def test_an_entry_given_to_another_agency_is_found_by_both(chain):
    b = chain.agency("B").pk
    tamper("UPDATE agencies_ledgerentry SET agency_id = %s WHERE id = %s", b, ids(chain)[8])
    assert [broken.seal for broken in verify(chain)] == [3]


@pytest.mark.parametrize("number", [1, 2])
def test_a_seal_taken_out_is_found(chain, number):
    tamper(
        "DELETE FROM agencies_ledgerseal WHERE number = %s AND agency_id = %s", number, chain.agency("A").pk
    )
    assert verify(chain)


@pytest.mark.parametrize(
    "change",
    ["digest = sha256('x')", "below_tx = below_tx + 1", "from_tx = from_tx + 1", "number = number + 10"],
)
def test_a_changed_seal_is_found(chain, change):
    sql = f"UPDATE agencies_ledgerseal SET {change} WHERE number = 2 AND agency_id = %s"
    tamper(sql, chain.agency("A").pk)
    assert verify(chain)


def test_an_entry_and_its_seal_changed_together_are_found_by_the_next_seal(chain):
    """Whoever recomputes one seal must recompute all that follow."""
    tamper("UPDATE agencies_ledgerentry SET rows = 9 WHERE id = %s", ids(chain)[0])
    agency = chain.agency("A")
    with acting_as(Actor.hub(agency)):
        first = LedgerSeal.objects.get(number=1, agency=agency)
        digest, _count = ledger._digest(agency.pk, b"", first.from_tx, first.below_tx)
    tamper("UPDATE agencies_ledgerseal SET digest = %s WHERE id = %s", digest, first.pk)
    assert [broken.seal for broken in verify(chain)] == [2]


def test_a_chain_made_anew_from_its_beginning_is_found_by_a_head_kept_elsewhere(chain):
    """The database alone can't tell: that is what `head` is exported for."""
    agency = chain.agency("A")
    with acting_as(Actor.hub(agency)):
        kept = ledger.head()
    tamper("UPDATE agencies_ledgerentry SET rows = 9 WHERE id = %s", ids(chain)[0])
    tamper("DELETE FROM agencies_ledgerseal WHERE agency_id = %s", agency.pk)
    sealed(chain)
    assert verify(chain) == []
    with acting_as(Actor.hub(agency)):
        assert ledger.head() != kept


def test_chains_are_each_agencys_own(chain):
    with acting_as(Actor.hub(chain.agency("A"))):
        a = [bytes(one.digest) for one in LedgerSeal.objects.all()]
    with acting_as(Actor.hub(chain.agency("B"))):
        b = [bytes(one.digest) for one in LedgerSeal.objects.all()]
    assert (len(a), len(b)) == (3, 1)
    assert not set(a) & set(b)


def test_nothing_new_makes_no_seal(chain):
    assert seal(chain) is None


def test_an_entry_of_an_open_transaction_waits_for_the_next_seal(chain):
    """A seal made while a transaction is open covers nothing of it, and nothing that began after it."""
    agency = chain.agency("A")
    slow = connections.create_connection("default")
    try:
        with slow.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT set_config('casehub.agency', %s, true)", [str(agency.pk)])
            cursor.execute(
                "INSERT INTO agencies_ledgerentry (agency_id, verb, target_type, target_id, rows, why)"
                " VALUES (%s, 'late', '', '', 1, '')",
                [agency.pk],
            )
            enter(chain, verb="quick")
            made = seal(chain)
            assert made is None, "the quick one began after the slow one: neither may be sealed yet"
            cursor.execute("COMMIT")
        made = sealed(chain)
        assert made is not None
        assert made.entries == 2
        assert verify(chain) == []
    finally:
        slow.close()


def test_two_sealers_at_once_make_one_chain(chain):
    """The second waits for the first, and finds nothing left to do."""
    from concurrent.futures import ThreadPoolExecutor

    enter(chain)

    def one(number):
        try:
            return sealed(chain) if number == 0 else seal(chain)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        made = [found for found in threads.map(one, range(4)) if found is not None]
    assert len(made) == 1
    assert verify(chain) == []


def test_an_entry_that_can_not_be_written_takes_its_deed_with_it(world):
    """Whoever could act without an entry would act unseen."""
    from referrals.models import Client

    with pytest.raises(Exception, match="too long"), world.acting("A"):
        Client.objects.create(agency=world.agency("A"))
        ledger.record("x" * 100)
    with world.acting("A"):
        assert Client.objects.count() == 0


def test_nobody_enters_anything_without_an_actor(world):
    with pytest.raises(ScopeError):
        ledger.record("client.viewed")


def test_an_entry_names_the_row_and_holds_no_value(world):
    client = world.client("A", code="KH-12345", age_band="declined")
    with world.acting("A"):
        ledger.record("client.viewed", client)
        for entry in LedgerEntry.objects.all():
            assert "KH-12345" not in str(vars(entry))
            assert set(vars(entry)) - {"_state"} == {
                *("id", "agency_id", "user_id", "at", "verb", "target_type", "target_id", "rows", "why", "tx")
            }


def test_many_rows_written_at_once_are_one_entry(world):
    from referrals.models import Client

    agency = world.agency("A")
    with world.acting("A"):
        Client.objects.bulk_create([Client(agency=agency) for _ in range(50)])
        entry = LedgerEntry.objects.get(verb="client.created")
        assert (entry.rows, entry.target_id) == (50, "")


@pytest.mark.slow
def test_a_hundred_thousand_entries_are_verified(lasting_world):
    agency = lasting_world.agency("A")
    with acting_as(Actor.hub(agency)), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO agencies_ledgerentry (agency_id, verb, target_type, target_id, rows, why)"
            " SELECT %s, 'client.viewed', 'client', gen_random_uuid()::text, 1, '' FROM generate_series(1, 100000)",
            [agency.pk],
        )
    sealed(lasting_world)
    assert verify(lasting_world) == []
    tamper(
        "UPDATE agencies_ledgerentry SET rows = 2 WHERE id = (SELECT id FROM agencies_ledgerentry"
        " OFFSET 77777 LIMIT 1)"
    )
    assert len(verify(lasting_world)) == 1
