"""Two acts on an agency's keys at the same moment, each on a connection of its own: one has done its work and not
yet committed when the other begins. Whichever comes first, nothing is half done."""

import os
import threading
import time

import pytest
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import IntegrityError, connection, connections

from agencies import cardkeys
from agencies.cardkeys import Unfit
from agencies.models import KeyWrap, MemberKey, Opener, VaultKey
from agencies.scope import acting_as
from referrals import actions
from referrals.actions import SealedCard
from referrals.models import ContactCard
from tests.agencies.test_cardkeys import (
    admission,
    asked,
    beginning,
    box,
    kit,
    kit_use,
    member,
    proved,
    rotation,
    wraps,
)

REFUSED = (Unfit, ObjectDoesNotExist, IntegrityError, ValidationError)
WAITS = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def overlap(first, second):
    """Each is (actor, act, its argument). What became of them: "done", or why not."""
    done, begun, said = threading.Event(), threading.Event(), {}

    def run(name, actor, act, *given):
        try:
            with acting_as(actor):
                if name == "second":
                    done.wait(10)
                    begun.set()
                act(*given)
                if name == "first":
                    done.set()
                    begun.wait(10)
                    _until_someone_waits()
            said[name] = "done"
        except REFUSED as error:
            said[name] = str(error) if isinstance(error, Unfit) else type(error).__name__
        finally:
            done.set()
            connections.close_all()

    threads = [
        threading.Thread(target=run, args=[name, *act])
        for name, act in (("first", first), ("second", second))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return said["first"], said["second"]


def _until_someone_waits():
    """Or for as long as an act that waits for nobody takes."""
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(WAITS)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)


class Keys:
    """An agency with two keepers who hold the key, a waiting caseworker, and a kit."""

    def __init__(self, world):
        self.world = world
        body = beginning()
        self.first = body["member"]["id"]
        with world.acting("A", "supervisor"):
            cardkeys.begin(body)
        self.lead = asked(world, "data_lead")
        with world.acting("A", "supervisor"):
            cardkeys.admit(admission(self.lead))
        self.waiting = asked(world)

    def by(self, role, act, *given):
        return self.world.actor("A", role), act, *given

    def admit(self, role="supervisor"):
        return self.by(role, cardkeys.admit, admission(self.waiting, serial=3))

    def rotate(self, role="supervisor", gone=()):
        stay = [one for one in (self.first, self.lead) if one not in gone]
        return self.by(role, cardkeys.rotate, rotation(stay, serial=2, gone=gone))

    def new_kit(self, role="supervisor"):
        book = {"serial": 3, "sealed": box(512, 1)}
        body = {"kit": kit(2), "version": 1, "book": book, "wraps": wraps(["kit 2"], [1])}
        return self.by(role, cardkeys.new_kit, body)

    def use_kit(self, role="supervisor"):
        with self.world.acting("A", role):
            return self.by(role, cardkeys.use_kit, proved(kit_use(serial=3), cardkeys.state()))

    def refuse(self, role="data_lead"):
        return self.by(role, cardkeys.refuse, {"member": self.waiting})

    def drop(self, role="supervisor"):
        who = {"supervisor": self.first, "data_lead": self.lead}[role]
        return self.by(role, cardkeys.drop, {"member": who})

    def remove_opener(self, nth):
        with self.world.acting("A", "supervisor"):
            opener = Opener.objects.filter(member_id=self.first).order_by("pk")[nth]
        return self.by("supervisor", cardkeys.remove_opener, {"opener": str(opener.pk)})

    def trust(self):
        body = {"member": self.first, "serial": 2, "sealed": box(512)}
        return self.by("supervisor", cardkeys.keep_trust, body)

    def whole(self):
        """Every living holder and the kit have one wrap for each living version, and nobody else has any."""
        with self.world.acting("A", "supervisor"):
            living = set(VaultKey.objects.filter(destroyed_at=None).values_list("version", flat=True))
            keys = list(MemberKey.objects.filter(ended_at=None))
            people = [one.user_id for one in keys if one.user_id]
            assert len(people) == len(set(people)) and sum(one.kit_number is not None for one in keys) == 1
            held = list(KeyWrap.objects.values_list("member_id", "version"))
            holders = {one for one, _version in held}
            assert len(held) == len(set(held))
            assert set(held) == {(one, version) for one in holders for version in living}
            assert holders <= {one.pk for one in keys}
            assert {one.pk for one in keys if one.kit_number} <= holders
            return len(living), len(holders)


@pytest.fixture
def keys(lasting_world):
    return Keys(lasting_world)


def test_two_begin(lasting_world):
    world = lasting_world
    world.person("A", "supervisor"), world.person("A", "data_lead")
    one = (world.actor("A", "supervisor"), cardkeys.begin, beginning())
    other = (world.actor("A", "data_lead"), cardkeys.begin, beginning())
    assert overlap(one, other) == ("done", "begun")
    with world.acting("A", "supervisor"):
        counts = [model.objects.count() for model in (VaultKey, MemberKey, Opener, KeyWrap)]
        assert counts == [1, 2, 1, 2]


ONE_WINS = {
    "two let the same person in": (Keys.admit, lambda keys: keys.admit("data_lead")),
    "let in and turned away": (Keys.admit, Keys.refuse),
    "turned away and let in": (Keys.refuse, Keys.admit),
    "two renew": (Keys.rotate, lambda keys: keys.rotate("data_lead")),
    "renewed while one is let in": (Keys.rotate, lambda keys: keys.admit("data_lead")),
    "let in while one renews": (Keys.admit, lambda keys: keys.rotate("data_lead")),
    "two kits": (Keys.new_kit, lambda keys: keys.new_kit("data_lead")),
    "a kit while one renews": (Keys.new_kit, lambda keys: keys.rotate("data_lead")),
    "renewed while one makes a kit": (Keys.rotate, lambda keys: keys.new_kit("data_lead")),
    "two use the kit": (Keys.use_kit, lambda keys: keys.use_kit("data_lead")),
    "the kit is used while one makes another": (Keys.use_kit, lambda keys: keys.new_kit("data_lead")),
    "another kit while it is used": (Keys.new_kit, lambda keys: keys.use_kit("data_lead")),
    "renewed while the kit is used": (Keys.rotate, lambda keys: keys.use_kit("data_lead")),
    "the kit is used while one renews": (Keys.use_kit, lambda keys: keys.rotate("data_lead")),
    "a holder leaves while one renews": (Keys.drop, lambda keys: keys.rotate("data_lead")),
    "left out while they let one in": (
        lambda keys: keys.rotate("data_lead", gone=[keys.first]),
        Keys.admit,
    ),
    "both last holders leave": (Keys.drop, lambda keys: keys.drop("data_lead")),
    "two notes of trust": (Keys.trust, Keys.trust),
}


@pytest.mark.parametrize("pair", ONE_WINS)
def test_of_two_at_once_one_is_done_and_the_other_leaves_no_trace(keys, pair):
    first, second = (make(keys) for make in ONE_WINS[pair])
    said = overlap(first, second)
    assert said[0] == "done" and said[1] in ("moved", "DoesNotExist", "no_key", "last")
    keys.whole()


def test_the_last_two_openers_are_not_both_removed(keys):
    with keys.world.acting("A", "supervisor"):
        cardkeys.add_opener({"opener": member()["openers"][0]})
    assert overlap(keys.remove_opener(0), keys.remove_opener(1)) == ("done", "last")


def test_one_person_asks_in_two_tabs_and_has_one_key(keys):
    asking = [keys.by("caseworker", cardkeys.ask, member()) for _ in range(2)]
    assert overlap(*asking) == ("done", "done")
    assert keys.whole() == (1, 3)


def card(client):
    sealed = bytes([1]) + (1).to_bytes(4, "big") + os.urandom(28 + 512)
    return {"client": client, "card": SealedCard(sealed, int(time.time()), key_version=1, revision=0)}


def test_a_card_saved_while_one_renews_waits_and_is_refused_under_the_older_key(keys):
    """Or its text would stand, from now on, under a key that somebody left with."""
    given = card(keys.world.client("A"))
    saving = keys.by("supervisor", lambda: actions.save_card(**given))
    assert overlap(keys.rotate("data_lead"), saving) == ("done", "ValidationError")
    with keys.world.acting("A", "supervisor"):
        assert not ContactCard.objects.exists()


def test_a_renewal_waits_for_the_card_that_is_being_saved(keys):
    given = card(keys.world.client("A"))
    saving = keys.by("supervisor", lambda: actions.save_card(**given))
    assert overlap(saving, keys.rotate("data_lead")) == ("done", "done")
    assert keys.whole() == (2, 3)
    with keys.world.acting("A", "supervisor"):
        assert ContactCard.objects.get().key_version == 1


def test_without_the_hold_the_races_are_lost(keys, monkeypatch):
    """Sabotage: what keeps two acts apart is taken out."""
    monkeypatch.setattr(cardkeys, "_hold", lambda actor: None)
    lost = 0
    with keys.world.acting("A", "supervisor"):
        cardkeys.add_opener({"opener": member()["openers"][0]})
    lost += overlap(keys.remove_opener(0), keys.remove_opener(1)) == ("done", "done")
    lost += overlap(keys.drop(), keys.drop("data_lead")) == ("done", "done")
    assert lost == 2
