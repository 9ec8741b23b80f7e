"""Each guard of agencies/cardkeys.py is taken out once, in a copy of its source, and an attempt that it stops must get
through: an attempt that is refused with the guard and without it tests nothing."""

import inspect
import types
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, transaction

from agencies import cardkeys
from agencies.models import KeyWrap, MemberKey, Membership, Opener, VaultKey
from agencies.scope import NotAllowed
from tests.agencies.test_cardkeys import (
    admission,
    admitted,
    asked,
    b64,
    beginning,
    begun,
    box,
    kit,
    kit_use,
    member,
    passkey_of,
    proved,
    rotation,
    wraps,
)


def without(guard, instead):
    """The module whose source has `instead` where the guard stands. Its classes are the real ones'."""
    source = inspect.getsource(cardkeys)
    assert source.count(guard) >= 1, guard
    copy = types.ModuleType("agencies.cardkeys_without")
    exec(compile(source.replace(guard, instead), "cardkeys_without", "exec"), copy.__dict__)
    return copy


class Attempts:
    """What someone tries at agency A. Each gives how it ended: "done", or why not."""

    def __init__(self, world, keys):
        self.world, self.keys = world, keys

    def tried(self, role, act, *given):
        with self.world.acting("A", role):
            try:
                with transaction.atomic():
                    getattr(self.keys, act)(*given)
            except self.keys.Unfit as unfit:
                return str(unfit)
            except (NotAllowed, ObjectDoesNotExist, DatabaseError) as error:
                return type(error).__name__
        return "done"

    def by_someone_who_may_not(self):
        begun(self.world)
        who = asked(self.world)
        return self.tried("caseworker", "refuse", {"member": who})

    def reading_without_leave(self):
        self.world.person("A", "hotline")
        return self.tried("hotline", "state")

    def reading_the_history_without_leave(self):
        self.world.person("A", "hotline")
        return self.tried("hotline", "history")

    def a_file_without_a_key(self):
        begun(self.world)
        return self.tried("caseworker", "file")

    def asking_before_there_is_a_vault(self):
        self.world.person("A")
        return self.tried("caseworker", "ask", member())

    def asking_with_a_key_in_hand(self):
        begun(self.world)
        return self.tried("supervisor", "ask", member())

    def openers_without_end(self):
        begun(self.world)
        for _ in range(cardkeys.MOST_OPENERS - 1):
            assert self.tried("supervisor", "add_opener", {"opener": member()["openers"][0]}) == "done"
        return self.tried("supervisor", "add_opener", {"opener": member()["openers"][0]})

    def somebody_elses_opener(self):
        begun(self.world)
        admitted(self.world)
        with self.world.acting("A", "supervisor"):
            cardkeys.add_opener({"opener": member()["openers"][0]})
            theirs = Opener.objects.filter(member__user=self.world.person("A", "supervisor")).first()
        with self.world.acting("A"):
            cardkeys.add_opener({"opener": member()["openers"][0]})
        return self.tried("caseworker", "remove_opener", {"opener": str(theirs.pk)})

    def the_last_opener(self):
        begun(self.world)
        with self.world.acting("A", "supervisor"):
            mine = Opener.objects.get()
        return self.tried("supervisor", "remove_opener", {"opener": str(mine.pk)})

    def trust_put_back(self):
        who = begun(self.world)
        return self.tried("supervisor", "keep_trust", {"member": who, "serial": 1, "sealed": box(512)})

    def somebody_elses_trust(self):
        who = begun(self.world)
        self.world.person("A")
        return self.tried("caseworker", "keep_trust", {"member": who, "serial": 2, "sealed": box(512)})

    def ending_somebody_elses_key(self):
        begun(self.world)
        who = admitted(self.world)
        return self.tried("supervisor", "drop", {"member": who})

    def the_last_holder_leaves(self):
        who = begun(self.world)
        return self.tried("supervisor", "drop", {"member": who})

    def beginning_twice(self):
        begun(self.world)
        self.world.person("A", "data_lead")
        return self.tried("data_lead", "begin", beginning())

    def beginning_with_trust_ahead(self):
        self.world.person("A", "supervisor")
        return self.tried("supervisor", "begin", beginning() | {"trust": {"serial": 9, "sealed": box(512)}})

    def letting_in_without_a_key(self):
        begun(self.world)
        who = asked(self.world)
        self.world.person("A", "data_lead")
        sabotage = admission(who)
        return self.tried("data_lead", "admit", sabotage)

    def letting_in_who_may_open_no_cards(self):
        begun(self.world)
        who = asked(self.world)
        Membership.objects.filter(user=self.world.person("A")).delete()
        return self.tried("supervisor", "admit", admission(who))

    def letting_in_who_is_in(self):
        begun(self.world)
        who = admitted(self.world)
        with self.world.acting("A", "supervisor"):
            KeyWrap.objects.filter(member_id=who).update(version=7)
        return self.tried("supervisor", "admit", admission(who, serial=3))

    def turning_away_who_is_in(self):
        begun(self.world)
        who = admitted(self.world)
        return self.tried("supervisor", "refuse", {"member": who})

    def a_page_of_the_book_skipped(self):
        begun(self.world)
        return self.tried("supervisor", "admit", admission(asked(self.world), serial=3))

    def renewing_from_an_older_book(self):
        first, other = begun(self.world), admitted(self.world)
        return self.tried("supervisor", "rotate", rotation([first, other], serial=1))

    def renewing_for_who_may_not_any_more(self):
        first, other = begun(self.world), admitted(self.world)
        Membership.objects.filter(user=self.world.person("A")).delete()
        return self.tried("supervisor", "rotate", rotation([first, other]))

    def leaving_out_who_holds_nothing(self):
        first = begun(self.world)
        return self.tried("supervisor", "rotate", rotation([first], gone=[str(uuid.uuid4())], serial=1))

    def renewing_oneself_out(self):
        first, other = begun(self.world), admitted(self.world)
        return self.tried("supervisor", "rotate", rotation([other], gone=[first]))

    def a_leavers_wraps_after_the_renewal(self):
        """Not refused: what must be gone is."""
        first, other = begun(self.world), admitted(self.world)
        said = self.tried("supervisor", "rotate", rotation([first], gone=[other]))
        with self.world.acting("A", "supervisor"):
            ended = MemberKey.objects.get(pk=other).ended_at is not None
            left = Opener.objects.filter(member_id=other).exists() or not ended
        return "left" if left else said

    def the_same_hand_over_key_again(self):
        first = begun(self.world)
        body = rotation([first], serial=1)
        with self.world.acting("A", "supervisor"):
            body["handover"]["public"] = b64(bytes(VaultKey.objects.get().handover_public))
        return self.tried("supervisor", "rotate", body)

    def with_the_kit(self, body, **paper):
        begun(self.world)
        self.world.person("A", "data_lead")
        with self.world.acting("A", "data_lead"):
            return proved(body, self.keys.state(), **paper)

    def another_kits_number(self):
        body = self.with_the_kit(kit_use())
        return self.tried("data_lead", "use_kit", body | {"kit_number": 2})

    def a_kit_one_does_not_have(self):
        body = self.with_the_kit(kit_use(), pair=X25519PrivateKey.generate())
        return self.tried("data_lead", "use_kit", body)

    def a_proof_given_to_somebody_else(self):
        body = self.with_the_kit(kit_use())
        return self.tried("supervisor", "use_kit", body)

    def a_challenge_shown_to_all(self):
        begun(self.world)
        admitted(self.world)
        with self.world.acting("A"):
            return "shown" if self.keys.state()["kit_challenge"] else "not shown"

    def a_kit_with_an_old_number(self):
        begun(self.world)
        body = {"kit": kit(1), "version": 1, "book": {"serial": 2, "sealed": box(512, 1)}}
        return self.tried("supervisor", "new_kit", body | {"wraps": wraps(["kit 2"], [1])})

    def the_kit_before_opens_nothing(self):
        begun(self.world)
        body = {"kit": kit(2), "version": 1, "book": {"serial": 2, "sealed": box(512, 1)}}
        said = self.tried("supervisor", "new_kit", body | {"wraps": wraps(["kit 2"], [1])})
        with self.world.acting("A", "supervisor"):
            return "left" if KeyWrap.objects.filter(member__kit_number=1).exists() else said

    def destroying_what_a_card_needs(self):
        first = begun(self.world)
        with self.world.acting("A", "supervisor"):
            cardkeys.rotate(rotation([first], serial=1))
            done = self.keys.finish(lambda version: True)
            return "destroyed" if done else "kept"

    def renewing_with_an_older_version_only(self):
        """A holder whose wrap of the newest version is missing lets nobody in."""
        first = begun(self.world)
        with self.world.acting("A", "supervisor"):
            cardkeys.rotate(rotation([first], serial=1))
            KeyWrap.objects.filter(member_id=first, version=2).delete()
        who = asked(self.world)
        body = admission(who, serial=2, version=2)
        return self.tried("supervisor", "admit", body)

    def no_way_to_open(self):
        begun(self.world)
        self.world.person("A")
        return self.tried("caseworker", "ask", member() | {"openers": []})

    def a_public_key_that_is_known(self):
        begun(self.world)
        body = member()
        with self.world.acting("A", "supervisor"):
            body["member"]["public"] = b64(bytes(MemberKey.objects.get(kit_number=1).public_key))
        self.world.person("A")
        return self.tried("caseworker", "ask", body)

    def somebody_elses_passkey(self):
        begun(self.world)
        opener = passkey_of(self.world.person("A"))
        return self.tried("supervisor", "add_opener", {"opener": opener})

    def a_weak_passphrase(self):
        begun(self.world)
        opener = member()["openers"][0] | {"memory": 8}
        return self.tried("supervisor", "add_opener", {"opener": opener})

    def a_wrap_too_few(self):
        begun(self.world)
        return self.tried("supervisor", "admit", admission(asked(self.world)) | {"wraps": []})

    def a_box_of_another_length(self):
        begun(self.world)
        opener = member()["openers"][0] | {"sealed": box(31)}
        return self.tried("supervisor", "add_opener", {"opener": opener})

    def a_box_of_another_version(self):
        begun(self.world)
        opener = member()["openers"][0] | {"sealed": box(32, 9)}
        return self.tried("supervisor", "add_opener", {"opener": opener})

    def a_number_that_is_none(self):
        who = begun(self.world)
        return self.tried("supervisor", "keep_trust", {"member": who, "serial": 2.0, "sealed": box(512)})

    def an_id_spelled_otherwise(self):
        begun(self.world)
        who = asked(self.world)
        return self.tried("supervisor", "refuse", {"member": who.upper()})


GUARDS = [
    # the attempt, how it ends, the guard, what stands there instead
    ("by_someone_who_may_not", "NotAllowed", "            actor.require(needed)\n", ""),
    ("reading_without_leave", "NotAllowed", "    actor = current_actor()\n    actor.require(Permission.CARD_OPEN)\n    mine =",
     "    actor = current_actor()\n    mine ="),
    ("reading_the_history_without_leave", "NotAllowed",
     "    actor.require(Permission.CARD_OPEN)\n    acts =", "    acts ="),
    ("a_file_without_a_key", "NotAllowed", 'if not found["version"] or not found["me"]:\n        raise NotAllowed',
     'if not found["me"]:\n        return {}'),
    ("asking_before_there_is_a_vault", "moved", "if not version_in_force():", "if False:"),
    ("asking_with_a_key_in_hand", "has_key", "if _wraps().filter(member=mine).exists():", "if False:"),
    ("openers_without_end", "shape", ".count() >= MOST_OPENERS:", ".count() < 0:"),
    ("somebody_elses_opener", "DoesNotExist", "own = Opener.objects.filter(member=_must_be_mine(actor))",
     "own = Opener.objects.all()"),
    ("the_last_opener", "last", "if own.count() == 1:", "if False:"),
    ("trust_put_back", "moved", ", trust_serial=serial - 1)", ")"),
    ("somebody_elses_trust", "moved", ", user_id=actor.user_id or 0, trust_serial", ", trust_serial"),
    ("ending_somebody_elses_key", "DoesNotExist",
     'mine = _living().filter(user_id=actor.user_id or 0).get(pk=', "mine = _living().get(pk="),
    ("the_last_holder_leaves", "last", "and holders.count() == 1:", "and False:"),
    ("beginning_twice", "begun", 'raise Unfit("begun")', "return None"),
    ("beginning_with_trust_ahead", "shape", 'if _number(trust, "serial") != 1:', "if False:"),
    ("letting_in_without_a_key", "no_key", "mine = _holder(actor)\n    member =",
     "mine = _living().first()\n    member ="),
    ("letting_in_who_may_open_no_cards", "moved",
     "if not _may_open().filter(user_id=member.user_id or 0).exists():", "if False:"),
    ("letting_in_who_is_in", "DoesNotExist", "_waiting().get(", "_living().get("),
    ("turning_away_who_is_in", "DoesNotExist", "_waiting().get(", "_living().get("),
    ("a_page_of_the_book_skipped", "moved", "newest.book_serial + 1):", "serial):"),
    ("renewing_from_an_older_book", "moved", "!= (newest.version, newest.book_serial):",
     '!= (newest.version, _number(body, "book_serial")):'),
    ("renewing_for_who_may_not_any_more", "moved", "or any(one.user_id not in may for one in stay)", ""),
    ("leaving_out_who_holds_nothing", "moved", "if not gone <= {one.pk for one in holders} or", "if"),
    ("renewing_oneself_out", "shape", "if mine not in stay:", "if False:"),
    ("a_leavers_wraps_after_the_renewal", "done", "        if one.pk in gone:\n            _end(one)\n", "        pass\n"),
    ("the_same_hand_over_key_again", "shape", ".count() > 1:\n        raise Unfit", ".count() > 9:\n        raise Unfit"),
    ("another_kits_number", "moved", 'or _number(body, "kit_number") != kit.kit_number', ""),
    ("a_kit_one_does_not_have", "kit", "if not _proves_kit(actor, body, kit, _unmoved(body)):", "if False:"),
    ("a_proof_given_to_somebody_else", "kit", 'asked = f"{actor.user_id} ', 'asked = f"'),
    ("a_challenge_shown_to_all", "not shown", "and newest and actor.may(Permission.CARD_KEEP)", "and newest"),
    ("a_kit_with_an_old_number", "moved", 'if _number(given, "number") != number:', "if False:"),
    ("the_kit_before_opens_nothing", "done", "    if before is not None:\n        _end(before)\n", ""),
    ("destroying_what_a_card_needs", "kept", "if stands(one.version):", "if False:"),
    ("renewing_with_an_older_version_only", "no_key", "if not held >= set(_living_versions()):", "if False:"),
    ("no_way_to_open", "shape", "if not 1 <= len(openers) <= MOST_OPENERS:", "if False:"),
    ("a_public_key_that_is_known", "moved", "Q(pk=chosen) | Q(public_key=public)", "Q(pk=chosen)"),
    ("somebody_elses_passkey", "shape", 'if not own.filter(data__credential__id=given["credential"]).exists():',
     "if False:"),
    ("a_weak_passphrase", "shape", 'if not (19_456 <= facts["memory_kib"]', 'if not (1 <= facts["memory_kib"]'),
    ("a_wrap_too_few", "moved", "if set(given) != expected or", "if"),
    ("a_box_of_another_length", "shape", "if len(decoded) not in lengths:", "if False:"),
    ("a_box_of_another_version", "shape", "if found[:5] != ", "if False and found[:5] != "),
    ("a_number_that_is_none", "shape", "if not isinstance(found, int) or isinstance(found, bool) or", "if"),
    ("an_id_spelled_otherwise", "shape", "-[0-9a-f]{12}\"", '-[0-9a-f]{12}", found.lower()) or not re.fullmatch(".*"'),
]  # fmt: skip


@pytest.mark.parametrize("guard", GUARDS, ids=[one[0] for one in GUARDS])
def test_an_attempt_is_stopped_by_its_guard_alone(world, guard):
    attempt, ends, _stands, _instead = guard
    assert getattr(Attempts(world, cardkeys), attempt)() == ends


@pytest.mark.parametrize("guard", GUARDS, ids=[one[0] for one in GUARDS])
def test_without_its_guard_the_attempt_gets_through(world, guard):
    attempt, ends, stands, instead = guard
    assert getattr(Attempts(world, without(stands, instead)), attempt)() != ends
