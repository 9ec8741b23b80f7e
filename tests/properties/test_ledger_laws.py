"""Laws of the ledger's chain: sealed entries verify, and any change to any of them does not.

Entries are written twice: once as they were, to seal them, and once as someone left them. Only what the
application's own login may do is needed for that: it may insert.
"""

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agencies import ledger
from agencies.models import LedgerEntry, LedgerSeal
from agencies.scope import Actor, acting_as
from tests.attacks.people import leaving_nothing

AT = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    id: int
    tx: int
    verb: str
    target_id: str
    rows: int
    user_id: int | None
    why: str


words = st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=12)
entry = st.builds(
    Entry,
    id=st.just(0),
    tx=st.integers(1, 40),
    verb=words.filter(bool),
    target_id=words,
    rows=st.integers(1, 9),
    user_id=st.none() | st.integers(1, 5),
    why=words,
)
entries = st.lists(entry, min_size=1, max_size=10).map(
    lambda found: [dataclasses.replace(one, id=10**9 + at) for at, one in enumerate(found)]
)
# Where each seal ends: transactions below are in it. The last seal ends above them all.
ends = st.lists(st.integers(1, 40), max_size=3, unique=True).map(lambda found: [*sorted(found), 41])
relaxed = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write(agency, found) -> None:
    LedgerEntry.objects.bulk_create(
        [LedgerEntry(agency=agency, at=AT, **dataclasses.asdict(one)) for one in found]
    )


def seals_of(agency, found, limits) -> list[LedgerSeal]:
    """The seals that these entries would get, and no trace of them."""
    seals, before, start = [], b"", 0
    passing = transaction.atomic()
    with passing:
        write(agency, found)
        for number, end in enumerate(limits, start=1):
            digest, count = ledger._digest(agency.pk, before, start, end)
            seals.append(
                LedgerSeal(
                    agency=agency, number=number, from_tx=start, below_tx=end, entries=count, digest=digest
                )
            )
            before, start = digest, end
        transaction.set_rollback(True)
    return seals


def verified(world, sealed, limits, left) -> list[ledger.Break]:
    """What `verify` says where `sealed` was sealed and `left` stands."""
    agency = world.agency("A")
    with leaving_nothing(), acting_as(Actor.hub(agency)):
        LedgerSeal.objects.bulk_create(seals_of(agency, sealed, limits))
        write(agency, left)
        return ledger.verify()


@given(found=entries, limits=ends)
@relaxed
def test_what_was_sealed_verifies(world, found, limits):
    assert verified(world, found, limits, found) == []


@given(found=entries, limits=ends, data=st.data())
@relaxed
def test_one_deleted_entry_is_found(world, found, limits, data):
    gone = data.draw(st.integers(0, len(found) - 1))
    assert verified(world, found, limits, found[:gone] + found[gone + 1 :])


@given(found=entries, limits=ends, new=entry)
@relaxed
def test_one_added_entry_is_found(world, found, limits, new):
    assert verified(world, found, limits, [*found, dataclasses.replace(new, id=2 * 10**9)])


@given(found=entries, limits=ends, data=st.data())
@relaxed
def test_one_changed_entry_is_found(world, found, limits, data):
    at = data.draw(st.integers(0, len(found) - 1))
    name = data.draw(st.sampled_from(["tx", "verb", "target_id", "rows", "user_id", "why"]))
    other = data.draw(entry)
    changed = dataclasses.replace(found[at], **{name: getattr(other, name)})
    left = [*found[:at], changed, *found[at + 1 :]]
    assert bool(verified(world, found, limits, left)) == (changed != found[at])


@given(found=entries, limits=ends, data=st.data())
@relaxed
def test_entries_that_change_places_are_found(world, found, limits, data):
    order = data.draw(st.permutations(range(len(found))))
    ids = [one.id for one in found]
    left = [dataclasses.replace(found[old], id=ids[new]) for new, old in enumerate(order)]
    same = {dataclasses.replace(a) for a in left} == set(found)
    # Only the order within a transaction can change; the rest is ordered by transaction first.
    by_time = [sorted(some, key=lambda one: (one.tx, one.id)) for some in (found, left)]
    plain = [[dataclasses.replace(one, id=0) for one in some] for some in by_time]
    changed = plain[0] != plain[1] or not same
    assert bool(verified(world, found, limits, left)) == changed


@pytest.mark.parametrize("pair", [("ab", "c"), ("a", "bc")])
def test_no_two_entries_are_written_alike(world, pair):
    """Neighbouring columns are kept apart: moving a letter from one to the next is a change."""
    one = Entry(10**9, 5, "client.viewed", "ab", 1, None, "c")
    left = dataclasses.replace(one, target_id=pair[0], why=pair[1])
    assert bool(verified(world, [one], [41], [left])) == (left != one)
