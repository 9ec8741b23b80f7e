"""A release ended at t is used by no read after t, and one that was revoked by no read after that: with no worker
running, with everything asked before, and inside a transaction that was open already (ADR 0016)."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models.functions import Now
from django.urls import reverse

from referrals import disclosures, releases
from referrals.models import Disclosure, ReleaseOfInformation
from referrals.releases import State
from tests.attacks import postgres
from tests.referrals.test_disclosures import handing, key_of

# Long enough to be asked once before the end, on a busy machine too.
SOON = timedelta(seconds=4)


@pytest.fixture
def place(lasting_world):
    """(world, client, B's key): both agencies have keys."""
    world = lasting_world
    key_of(world, "A")
    return world, world.client("A"), key_of(world, "B")


def give(world, client, public, **facts):
    """A release to B with a disclosure under it that ends with it; the disclosure."""
    release = world.release(client, "B", **{"ends_at": Now() + timedelta(days=20), **facts})
    with world.acting("A"):
        handover = disclosures.hand_over(
            **handing(world, client, public, release=release, ends_on=release.last_day)
        )
        return handover.disclosures.get()


def reads(world, client, disclosure, public) -> dict[str, bool]:
    """Every way in which the release opens something, and whether it does now."""
    there = world.browser("B")
    listed = reverse("referrals:handed_to_us")
    with world.acting("B"):
        received = disclosures.received().filter(pk=disclosure.pk).exists()
        by_key = disclosures.is_awaited(bytes(disclosure.receiver_key))
    with world.acting("A"):
        release = ReleaseOfInformation.objects.get(pk=disclosure.release_id)
        alive = releases.live(client).exists()
        state = releases.standing(release).state.is_live
        try:
            disclosures.hand_over(
                **handing(world, client, public, release=release, ends_on=release.last_day)
            ).disclosures.all().update(withdrawn_at=Now())
            hands_over = True
        except ValidationError:
            hands_over = False
    return {
        "received": received,
        "key awaited": by_key,
        "page": str(disclosure.pk) in there.get(listed).content.decode(),
        "opened": there.post(reverse("referrals:disclosure_open", args=[disclosure.pk])).status_code == 200,
        "live": alive,
        "state": state,
        "hand over": hands_over,
    }


def test_ended_at_t_no_read_after_t_uses_it(place):
    world, client, public = place
    disclosure = give(world, client, public, ends_at=Now() + SOON)
    world.browser("B").get(reverse("referrals:handed_to_us"))  # warm
    before = reads(world, client, disclosure, public)
    with world.acting("A"), connection.cursor() as cursor:
        cursor.execute("SELECT GREATEST(0, EXTRACT(EPOCH FROM %s - clock_timestamp()))", [disclosure.ends_at])
        wait = float(cursor.fetchone()[0])
    assert wait > 0, "the machine was too busy to ask before the end"
    assert set(before.values()) == {True}, before
    time.sleep(wait)
    after = reads(world, client, disclosure, public)
    assert set(after.values()) == {False}, after
    with world.acting("A"):
        # nothing was done to the row: the clock alone
        row = Disclosure.objects.get(pk=disclosure.pk)
        assert row.withdrawn_at is None and row.sealed_e2e
        assert ReleaseOfInformation.objects.get(pk=disclosure.release_id).revoked_at is None


def test_it_ends_inside_an_open_transaction(place):
    """The statement's clock, not the transaction's: a long one outlives nothing."""
    world, client, public = place
    give(world, client, public, ends_at=Now() + timedelta(seconds=2))
    counted = world.release(client, ends_at=Now() + timedelta(seconds=2))
    with world.acting("B"), connection.cursor() as cursor:
        assert disclosures.received().count() == 1
        cursor.execute("SELECT pg_sleep(2.1)")
        assert disclosures.received().count() == 0
    last = world.release(client, ends_at=Now() + timedelta(seconds=1))
    with world.acting("A"), connection.cursor() as cursor:
        assert releases.to_count(client) == last
        assert releases.standing(counted).state is State.ENDED
        cursor.execute("SELECT pg_sleep(1.1)")
        assert releases.to_count(client) is None


@contextmanager
def reader(world, letter: str) -> Iterator[postgres.Bench]:
    """Another session, as that agency, in one transaction."""
    with postgres.bench() as bench:
        bench.become("casehub_app", agency=world.agency(letter).pk, user=world.person(letter).pk)
        yield bench


def test_revoked_it_is_gone_on_the_next_read_of_a_transaction_that_was_open(place):
    world, client, public = place
    disclosure = give(world, client, public)
    with reader(world, "B") as there:
        assert there.count("referrals_disclosure WHERE receiver_id = %s", world.agency("B").pk) == 1
        with world.acting("A"):
            releases.revoke(release=disclosure.release, how="orally")
        assert there.count("referrals_disclosure WHERE receiver_id = %s", world.agency("B").pk) == 0
    assert set(reads(world, client, disclosure, public).values()) == {False}


def revoke(world, release) -> None:
    with world.acting("A"):
        releases.revoke(release=release, how="orally")


def in_thread(work: Callable[[], None]) -> tuple[threading.Thread, list[BaseException]]:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, failed


def test_handed_over_while_it_is_being_revoked_nothing_stays_there(place):
    """A hand-over that had not committed yet is found by the revocation, which waits for it."""
    world, client, public = place
    release = world.release(client, "B")
    with world.acting("A"):
        disclosures.hand_over(**handing(world, client, public, release=release))
        thread, failed = in_thread(lambda: revoke(world, release))
        thread.join(timeout=0.7)
        assert thread.is_alive(), failed
    thread.join(timeout=20)
    assert failed == [] and not thread.is_alive()
    with world.acting("B"):
        assert not disclosures.received().exists()


def test_a_hand_over_waits_for_a_revocation_under_way_and_fails(place):
    world, client, public = place
    release = world.release(client, "B")
    done: list[str] = []

    def hand_over() -> None:
        with world.acting("A"):
            said = handing(world, client, public, release=release)
            try:
                disclosures.hand_over(**said)
                done.append("handed over")
            except ValidationError:
                done.append("refused")

    with world.acting("A"):
        releases.revoke(release=release, how="orally")
        thread, failed = in_thread(hand_over)
        thread.join(timeout=0.7)
        assert thread.is_alive(), (failed, done)
    thread.join(timeout=20)
    assert (failed, done) == ([], ["refused"])
    with world.acting("B"):
        assert not disclosures.received().exists()


def define(function: str) -> None:
    with closing(postgres.superuser()) as connected, connected, connected.cursor() as cursor:
        cursor.execute(function)


def test_without_the_lock_a_revocation_would_miss_it(place):
    """The trigger's FOR SHARE is what the two tests above rest on: without it the disclosure stays."""
    world, client, public = place
    release = world.release(client, "B")
    with postgres.bench() as bench:
        (body,) = bench.run("SELECT pg_get_functiondef('casehub_disclosure_is_allowed'::regproc)")[0]
    assert body.count(" FOR SHARE") == 1
    define(body.replace(" FOR SHARE", ""))
    try:
        with world.acting("A"):
            disclosures.hand_over(**handing(world, client, public, release=release))
            thread, failed = in_thread(lambda: revoke(world, release))
            thread.join(timeout=20)
            assert failed == [] and not thread.is_alive()
        with world.acting("B"):
            assert disclosures.received().exists()
    finally:
        define(body)
