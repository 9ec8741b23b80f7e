"""At the same time: storing, withdrawing and the engine's runs, each on a connection of its own."""

import threading
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from agencies import affairs
from agencies.models import Agency
from agencies.scope.linking import linking as door
from casehub import celery
from referrals import linking, shredders
from referrals.linkage import normalise
from referrals.linkage.keys import Person
from referrals.linkage.tokens import tokens
from referrals.linking import arrivals, records, review, turns
from referrals.picklists import LinkVerdict, ShredReason
from tests.referrals.linking.network import KEYED, Network, people, rows
from tests.referrals.linking.test_review import TWINS, asked, doubtful, keep_scorer, say

MARIA, MORE = ("Maria", "Lopez", "19900203"), {"ssn4": "4821", "zip5": "30303"}
ANN, HERS = ("Ann", "Other", "19810704"), {"ssn4": "7310", "zip5": "60601"}


@pytest.fixture
def network(lasting_world):
    return Network(lasting_world, "A", "B", "C")


class Meanwhile:
    """Something done on another connection; `wait` gives what it came to."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.came_to: object = None
        self._thread = threading.Thread(target=self._run, args=(act,))
        self._thread.start()

    def _run(self, act: Callable[[], object]) -> None:
        try:
            self.came_to = act()
        except Exception as error:
            self.came_to = error
        finally:
            connection.close()

    def wait(self, seconds: float = 20) -> object:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "it waits for ever"
        return self.came_to

    def is_waiting(self) -> bool:
        self._thread.join(0.5)
        return self._thread.is_alive()


def at(monkeypatch, module, name, meanwhile):
    """When the engine comes to this function, `meanwhile` happens first."""
    real = getattr(module, name)

    def stepped(*arguments, **named):
        monkeypatch.setattr(module, name, real)
        meanwhile()
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, stepped)


def three(network):
    return {letter: network.arrives(letter, *MARIA, **MORE) for letter in "ABC"}


@pytest.mark.parametrize("step", ["_tokens", "_compared", "_replace"])
def test_who_stores_while_all_are_compared_is_linked_by_the_next_run(network, monkeypatch, step):
    made = three(network)
    client = network.world.client("B")
    network.release(client)
    stored = []

    def meanwhile():
        stored.append(Meanwhile(lambda: network.store(client, *ANN, **HERS)).wait())

    at(monkeypatch, bulk_module(), step, meanwhile)
    linking.bulk()
    assert people() == {frozenset(one.number for one in made.values())}
    ann = network.arrives("C", *ANN, **HERS)
    linking.link_new()
    assert frozenset({stored[0].number, ann.number}) in people()


@pytest.mark.parametrize("step", ["_tokens", "_compared"])
def test_who_stores_anew_while_all_are_compared_is_compared_again(network, monkeypatch, step):
    """The old tokens were read before: what came of them is replaced by the next run."""
    made = three(network)
    ann = network.arrives("A", *ANN, **HERS)
    linking.bulk()
    at(
        monkeypatch,
        bulk_module(),
        step,
        lambda: Meanwhile(lambda: network.store(made["B"].client, *ANN, **HERS)).wait(),
    )
    linking.bulk()
    linking.link_new()
    assert people() == {
        frozenset({made["A"].number, made["C"].number}),
        frozenset({ann.number, made["B"].number}),
    }


@pytest.mark.parametrize("step", ["_tokens", "_compared", "_replace"])
def test_who_withdraws_while_all_are_compared_is_gone_and_stays_gone(network, monkeypatch, step):
    made = three(network)
    late = []

    def meanwhile():
        going = Meanwhile(lambda: network.revoke(made["B"].release))
        late.append(going)
        if step == "_replace":
            assert going.is_waiting(), "while people are settled nobody leaves"
        else:
            going.wait()

    at(monkeypatch, bulk_module(), step, meanwhile)
    linking.bulk()
    assert not isinstance(late[0].wait(), Exception)
    linking.sweep()
    number = made["B"].number
    assert rows("SELECT FROM referrals_linktoken WHERE record_id = %s", number) == []
    assert rows("SELECT FROM referrals_linkedge WHERE %s IN (a, b)", number) == []
    assert people() == {frozenset({made["A"].number, made["C"].number})}


@pytest.mark.parametrize("step", ["_unchanged", "_replace"])
def test_who_withdraws_while_arrivals_are_linked_is_gone(network, monkeypatch, step):
    linking.bulk()
    made = three(network)
    linking.bulk()
    more = network.arrives("A", *ANN, **HERS)
    late = []

    def meanwhile():
        late.append(Meanwhile(lambda: network.revoke(made["B"].release)))
        assert late[0].is_waiting()

    at(monkeypatch, arrivals, step, meanwhile)
    linking.link_new()
    assert not isinstance(late[0].wait(), Exception)
    linking.sweep()
    assert people() == {frozenset({made["A"].number, made["C"].number}), frozenset({more.number})}


def test_who_withdraws_before_arrivals_are_written_is_not_written(network, monkeypatch):
    three(network)
    linking.bulk()
    here = network.arrives("A", *ANN, **HERS)
    there = network.arrives("B", *ANN, **HERS)
    at(monkeypatch, turns, "wait", lambda: Meanwhile(lambda: network.revoke(there.release)).wait())
    linking.link_new()
    assert frozenset({here.number}) in people()
    assert rows("SELECT FROM referrals_linkedge WHERE %s IN (a, b)", there.number) == []


def test_without_its_turn_the_engine_would_fall_over(network, monkeypatch):
    """Sabotage: no lock is waited for, and who leaves in the middle leaves a key that finds nothing."""
    three(network)
    alone = network.arrives("A", *ANN, **HERS)
    monkeypatch.setattr(turns, "wait", lambda cursor: None)
    gone = []
    at(
        monkeypatch,
        bulk_module(),
        "_write",
        lambda: gone.append(Meanwhile(lambda: network.revoke(alone.release)).wait()),
    )
    with pytest.raises(Exception, match="foreign key"):
        linking.bulk()
    assert gone == [None]


def test_two_runs_do_not_meet(network, monkeypatch):
    three(network)
    met = []

    def meanwhile():
        for act in (linking.bulk, linking.link_new, linking.sweep):
            met.append(Meanwhile(act).wait())

    at(monkeypatch, bulk_module(), "_compared", meanwhile)
    assert linking.bulk() == 3
    assert met == [0, 0, 0]


def test_a_run_that_is_killed_leaves_everything_as_it_was(network, monkeypatch):
    three(network)
    linking.bulk()
    network.arrives("A", *ANN, **HERS)

    def everything():
        return [
            rows(f"SELECT ctid::text, xmin::text, * FROM referrals_{table} ORDER BY 1")
            for table in ("linkedge", "linkedperson", "linkmodel", "linkchange")
        ]

    before = everything()

    def die(*_arguments):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (backend,) = cursor.fetchone()
        Meanwhile(lambda: _terminate(backend)).wait()

    at(monkeypatch, bulk_module(), "_write", die)
    with pytest.raises(Exception, match=r"terminating|closed|SSL"):
        linking.bulk()
    connection.close()
    assert everything() == before
    assert linking.bulk() == 4


def _terminate(backend: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [backend])


def bulk_module():
    """The module; the package's name for it is the function."""
    import sys

    return sys.modules["referrals.linking.bulk"]


# Who locks more than one thing


@pytest.fixture
def question(network):
    keep_scorer()
    a, _b = doubtful(network, "A", "B")
    for role in ("caseworker", "data_lead"):
        network.world.actor("A", role)
    return a, asked(network, "A")[0].id


def shred_meanwhile(network, client, monkeypatch, act):
    """The client is shredded while `act` waits for it; what both came to, and whether it waited."""
    held, waited = threading.Event(), []
    going = shredders._going

    def slowly(*arguments):
        held.set()
        waited.append(late.is_waiting())
        return going(*arguments)

    def acted():
        held.wait(10)
        act()

    def shredded():
        with network.world.acting("A", "data_lead"):
            return len(shredders.shred([client.pk], why=ShredReason.CLIENT_ASKED))

    monkeypatch.setattr(shredders, "_going", slowly)
    late = Meanwhile(acted)
    return Meanwhile(shredded).wait(), late.wait(), waited


@pytest.mark.parametrize("which", ["answer", "take back", "store"])
def test_who_shreds_and_who_answers_wait_for_each_other_in_one_order(network, question, monkeypatch, which):
    client, pair = question
    if which == "take back":
        for letter in "AB":
            say(network, letter, pair, LinkVerdict.SAME)

    def act():
        if which == "answer":
            say(network, "A", pair, LinkVerdict.UNSURE)
        elif which == "take back":
            with network.world.acting("A"):
                review.undo(pair)
        else:
            network.store(client, "Una", *TWINS)

    shredded, came_to, waited = shred_meanwhile(network, client, monkeypatch, act)
    assert shredded == 1 and waited == [True]
    assert isinstance(came_to, review.NoPair | ValidationError | None)


def test_in_another_order_they_would_wait_for_ever(network, question, monkeypatch):
    """Sabotage: the turn first, and then the client."""
    client, pair = question

    def turn_alone(*_clients):
        with door(whole=True) as cursor:
            turns.wait(cursor)

    monkeypatch.setattr(review, "_hold", turn_alone)
    came_to = shred_meanwhile(
        network, client, monkeypatch, lambda: say(network, "A", pair, LinkVerdict.UNSURE)
    )
    assert "deadlock" in str(came_to)


def test_who_stores_many_and_who_revokes_wait_in_one_order(network):
    """The second release is taken back once the first record has its new tokens."""
    made = [network.arrives("A", *MARIA, **MORE), network.arrives("A", *ANN, **HERS)]
    first, last, dob = ANN
    held = tokens(Person.of(first=first, last=last, dob=dob, **HERS), KEYED, epoch=1)
    late = []
    with network.world.acting("A"):
        linking.hold([one.client_id for one in made])
        for one in made:
            linking.store(client=one.client, tokens=held, epoch=1, version=normalise.VERSION)
            late = late or [Meanwhile(lambda: network.revoke(made[1].release))]
            assert late[0].is_waiting()
    assert late[0].wait() is None


# The clock's tasks


def test_the_minutes_task_fits_the_first_scorer_and_links(network):
    made = three(network)
    assert celery.link() == 0
    assert people() == {frozenset(one.number for one in made.values())}
    ann = network.arrives("A", *ANN, **HERS)
    assert celery.link() == 1
    assert frozenset({ann.number}) in people()
    assert celery.link_all() == 4


def test_while_linkage_is_off_nobody_is_linked_and_what_is_over_goes(network):
    from agencies.models import KeyHolder

    made = three(network)
    KeyHolder.objects.update(in_use_since=None)
    assert celery.link() == 0 and celery.link_all() == 0
    assert people() == set()
    network.revoke(made["B"].release)
    assert celery.link() == 0
    KeyHolder.objects.update(in_use_since="2026-01-01T00:00Z")
    celery.link()
    assert people() == {frozenset({made["A"].number, made["C"].number})}


def veto(network):
    with network.world.acting("B", "data_lead"):
        Agency.objects.filter(slug="agency-b").update(is_tribal=True, sharing_vetoed=True)


def signs_no_more(network):
    with network.world.acting("B", "data_lead"):
        affairs.sign_agreement(shares_totals=True, text_digest="1" * 64)


@pytest.mark.parametrize("how", [veto, signs_no_more], ids=lambda how: how.__name__)
@pytest.mark.parametrize("stored_before", [False, True], ids=["first tokens", "newer tokens"])
def test_who_takes_no_part_any_more_waits_for_what_is_being_stored(network, monkeypatch, stored_before, how):
    """And takes it along; nobody waits in a ring."""
    client = network.world.client("B")
    network.world.person("B", "data_lead")
    network.release(client)
    if stored_before:
        network.store(client, *ANN, **HERS)
    waiting = []

    def meanwhile():
        waiting.append(Meanwhile(lambda: how(network)))
        assert waiting[0].is_waiting()

    at(monkeypatch, records, "_keep", meanwhile)
    network.store(client, *MARIA, **MORE)
    assert waiting[0].wait() is None
    assert rows("SELECT FROM referrals_linkrecord") == []
