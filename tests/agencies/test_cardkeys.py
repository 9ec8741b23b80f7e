"""The keys of the contact cards on the hub's side: who may, what is refused, what moves in between. Bytes here are
only the right length; what they mean is tested in tests/browser/test_vault_keys.py."""

import base64
import hmac
import os
import uuid

import pytest
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from django.utils import timezone

from agencies import actions, cardkeys
from agencies.cardkeys import Unfit
from agencies.models import KeyWrap, LedgerEntry, MemberKey, Membership, Opener, VaultKey
from agencies.scope import NotAllowed
from referrals.agency_side.vaultbox import from_text, joined, sub

# The kits on paper, by public half.
PAPER = {}


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def box(size, version=0):
    return b64(bytes([1]) + version.to_bytes(4, "big") + os.urandom(28 + size))


def member():
    opener = {
        "kind": "passphrase",
        "salt": b64(os.urandom(16)),
        "memory": 65536,
        "passes": 3,
        "sealed": box(32),
    }
    return {"member": {"id": str(uuid.uuid4()), "public": b64(os.urandom(32))}, "openers": [opener]}


def wraps(receivers, versions):
    return [
        {"version": version, "to": to, "sealed": b64(os.urandom(80)), "tag": b64(os.urandom(32))}
        for to in receivers
        for version in versions
    ]


def kit(number=1):
    pair = X25519PrivateKey.generate()
    public = b64(pair.public_key().public_bytes_raw())
    PAPER[public] = pair
    return {"id": str(uuid.uuid4()), "public": public, "number": number}


def kit_use(serial=2):
    """What a browser with the kit sends, but for the proof."""
    body = member()
    body |= {"kit_number": 1, "version": 1, "book": {"serial": serial, "sealed": box(512, 1)}}
    return body | {"wraps": wraps([body["member"]["id"]], [1])}


def proved(body, found, pair=None):
    """The same with the proof, for the state of keys that was found; by card-formats.md alone."""
    challenge, number = from_text(found["kit_challenge"]), found["kit"]["number"]
    shared = (pair or PAPER[found["kit"]["public"]]).exchange(X25519PublicKey.from_public_bytes(challenge))
    said = [found["agency"], number, body["member"]["id"], from_text(body["member"]["public"])]
    said.append(from_text(body["book"]["sealed"]))
    for one in body["wraps"]:
        said += [one["version"], one["to"], from_text(one["sealed"]), from_text(one["tag"])]
    text = joined("casehub kit proof", challenge, *said)
    return body | {"proof": b64(hmac.digest(sub(shared, "casehub kit proof"), text, "sha256"))}


def beginning():
    body = member()
    return body | {
        "trust": {"serial": 1, "sealed": box(512)},
        "kit": kit(),
        "wraps": wraps([body["member"]["id"], "kit 1"], [1]),
        "book": {"serial": 1, "sealed": box(512, 1)},
        "handover": {"public": b64(os.urandom(32)), "sealed": box(32, 1)},
    }


def begun(world):
    body = beginning()
    with world.acting("A", "supervisor"):
        cardkeys.begin(body)
    return body["member"]["id"]


def asked(world, role="caseworker"):
    body = member()
    with world.acting("A", role):
        cardkeys.ask(body)
    return body["member"]["id"]


def admission(who, *, serial=2, version=1):
    book = {"serial": serial, "sealed": box(512, version)}
    return {"member": who, "version": version, "wraps": wraps([who], range(1, version + 1)), "book": book}


def admitted(world, **more):
    who = asked(world)
    with world.acting("A", "supervisor"):
        cardkeys.admit(admission(who, **more))
    return who


def rotation(stay, *, gone=(), serial=2):
    return {
        "from": 1,
        "book_serial": serial,
        "gone": list(gone),
        "wraps": wraps([*stay, "kit 1"], [1, 2]),
        "book": {"serial": 1, "sealed": box(512, 2)},
        "handover": {"public": b64(os.urandom(32)), "sealed": box(32, 2)},
    }


def unfit(act, body, reason):
    with pytest.raises(Unfit) as refused:
        act(body)
    assert str(refused.value) == reason


def test_begin_ask_admit(world):
    world.person("A", "supervisor")
    with world.acting("A", "supervisor"):
        assert cardkeys.state()["state"] == "nothing"
    first = begun(world)
    with world.acting("A"):
        assert cardkeys.state()["state"] == "none"
    who = asked(world)
    with world.acting("A"):
        assert cardkeys.state()["state"] == "waiting"
    with world.acting("A", "supervisor"):
        waiting = [one for one in cardkeys.state()["members"] if one["waits"]]
        assert [(one["id"], one["name"]) for one in waiting] == [(who, "caseworker of A")]
        cardkeys.admit(admission(who))
    with world.acting("A"):
        found = cardkeys.state()
        assert found["state"] == "in" and found["book"]["serial"] == 2 and found["me"]["trust"] is None
        file = cardkeys.file()
        assert {one["to"] for one in file["wraps"]} == {who, "kit 1"}
        assert {one["id"] for one in file["members"]} == {first, who}
        verbs = set(LedgerEntry.objects.filter(verb__startswith="vault.").values_list("verb", flat=True))
        assert verbs == {
            "vault.begun",
            "vault.handover_key_made",
            "vault.key_asked",
            "vault.key_admitted",
        }


def test_only_who_keeps_the_keys_lets_people_in(world):
    begun(world)
    who = asked(world)
    with world.acting("A"):
        for act in (cardkeys.begin, cardkeys.admit, cardkeys.rotate, cardkeys.use_kit, cardkeys.new_kit):
            with pytest.raises(NotAllowed):
                act({"member": who})
    world.person("A", "hotline")
    with world.acting("A", "hotline"), pytest.raises(NotAllowed):
        cardkeys.state()


def test_nothing_of_another_agency_is_seen_or_reached(world):
    begun(world)
    who = asked(world)
    world.person("B", "supervisor")
    with world.acting("B", "supervisor"):
        assert cardkeys.state()["state"] == "nothing" and cardkeys.state()["members"] == []
        for model in (VaultKey, MemberKey, Opener, KeyWrap):
            assert model.objects.count() == 0
        cardkeys.begin(beginning())
        with pytest.raises(MemberKey.DoesNotExist):
            cardkeys.refuse({"member": who})


def test_who_comes_second_is_refused(world):
    begun(world)
    who = asked(world)
    with world.acting("A", "supervisor"):
        unfit(cardkeys.begin, beginning(), "begun")
        unfit(cardkeys.admit, admission(who, serial=3), "moved")
        unfit(cardkeys.admit, admission(who) | {"wraps": []}, "moved")
        cardkeys.admit(admission(who))
        with pytest.raises(MemberKey.DoesNotExist):
            cardkeys.admit(admission(who, serial=3))
    with world.acting("A"):
        unfit(cardkeys.ask, member(), "has_key")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("member", "public"), b64(b"short")),
        (("member", "id"), "no id"),
        (("openers", 0, "memory"), 1024),
        (("openers", 0, "passes"), 1),
        (("openers", 0, "kind"), "word"),
        (("openers", 0, "sealed"), box(31)),
        (("openers", 0, "sealed"), box(32, 1)),
        (("openers",), []),
        (("trust", "sealed"), box(513)),
        (("book", "sealed"), box(512, 2)),
        (("wraps", 0, "tag"), "!"),
        (("wraps", 0, "sealed"), b64(b"x")),
        (("handover",), None),
    ],
    # Boxes are random: as names they would differ between workers that run the tests side by side.
    ids=lambda given: ".".join(map(str, given)) if isinstance(given, tuple) else "",
)
def test_what_no_browser_of_ours_sends_is_refused(world, path, value):
    world.person("A", "supervisor")
    body = beginning()
    spot = body
    for step in path[:-1]:
        spot = spot[step]
    spot[path[-1]] = value
    with world.acting("A", "supervisor"):
        unfit(cardkeys.begin, body, "shape")


def test_the_last_opener_stays_and_trust_goes_one_on(world):
    begun(world)
    with world.acting("A", "supervisor"):
        mine = cardkeys.state()["me"]
        unfit(cardkeys.remove_opener, {"opener": mine["openers"][0]["id"]}, "last")
        cardkeys.add_opener({"opener": member()["openers"][0]})
        cardkeys.remove_opener({"opener": mine["openers"][0]["id"]})
        cardkeys.keep_trust({"member": mine["id"], "serial": 2, "sealed": box(512)})
        unfit(cardkeys.keep_trust, {"member": mine["id"], "serial": 2, "sealed": box(512)}, "moved")
        unfit(cardkeys.drop, {"member": mine["id"]}, "last")


def passkey_of(user):
    """The way to open that a passkey of this account would be."""
    name = b64(os.urandom(20))
    if user is not None:
        Authenticator.objects.create(user=user, type="webauthn", data={"credential": {"id": name}})
    return {"kind": "passkey", "credential": name, "salt": b64(os.urandom(32)), "sealed": box(32)}


def test_a_passkey_opens_only_for_the_account_that_has_it(world):
    me, colleague = world.person("A", "supervisor"), world.person("A")
    begun(world)
    with world.acting("A", "supervisor"):
        for foreign in (passkey_of(colleague), passkey_of(None)):
            unfit(cardkeys.add_opener, {"opener": foreign}, "shape")
        cardkeys.add_opener({"opener": passkey_of(me)})
        assert Opener.objects.filter(kind="passkey").count() == 1
    body = member() | {"openers": [passkey_of(me)]}
    with world.acting("A"):
        unfit(cardkeys.ask, body, "shape")
        assert not MemberKey.objects.filter(user=colleague).exists()


def test_a_rotation_wraps_for_exactly_those_who_stay(world):
    first, other = begun(world), admitted(world)
    with world.acting("A", "supervisor"):
        unfit(cardkeys.rotate, rotation([first], gone=[other], serial=1), "moved")
    with world.acting("A", "supervisor"):
        cardkeys.rotate(rotation([first], gone=[other]))
        assert cardkeys.version_in_force() == 2
        assert set(KeyWrap.objects.values_list("member_id", flat=True)) == {
            uuid.UUID(first),
            MemberKey.objects.get(kit_number=1).pk,
        }
        unfit(cardkeys.rotate, rotation([first]), "moved")
    with world.acting("A"):
        assert cardkeys.state()["state"] == "none"
        assert not Opener.objects.filter(member_id=other).exists()


def test_no_rotation_leaves_in_who_may_not_open_cards_any_more(world):
    first, other = begun(world), admitted(world)
    Membership.objects.filter(user=world.person("A")).delete()
    with world.acting("A", "supervisor"):
        (left,) = [one for one in cardkeys.state()["members"] if not one["may_open"]]
        assert left["id"] == other
        unfit(cardkeys.rotate, rotation([first, other]), "moved")


def test_a_rotation_with_a_member_left_out_or_slipped_in_is_refused(world):
    first, other = begun(world), admitted(world)
    with world.acting("A", "supervisor"):
        unfit(cardkeys.rotate, rotation([first]), "moved")
    with world.acting("A", "supervisor"):
        unfit(cardkeys.rotate, rotation([first, other, str(uuid.uuid4())]), "moved")


def test_the_kit_lets_its_user_back_in_and_everybody_sees_it(world):
    begun(world)
    lead = world.person("A", "data_lead")
    with world.acting("A", "data_lead"):
        body = proved(kit_use(), cardkeys.state())
        unfit(cardkeys.use_kit, body | {"kit_number": 2}, "moved")
        cardkeys.use_kit(body)
        assert cardkeys.state()["state"] == "in"
    with world.acting("A"):
        assert [one["name"] for one in cardkeys.state()["kit_uses"]] == [lead.name]
    with world.acting("A", "supervisor"):
        again = {"kit": kit(2), "version": 1, "book": {"serial": 3, "sealed": box(512, 1)}}
        cardkeys.new_kit(again | {"wraps": wraps(["kit 2"], [1])})
        assert cardkeys.state()["kit"]["number"] == 2
        assert not KeyWrap.objects.filter(member__kit_number=1).exists()


def test_nobody_gets_a_key_by_a_kit_they_do_not_have(world):
    """Else they could renew the key and leave everybody out: every card would be lost."""
    first = begun(world)
    world.person("A", "data_lead")
    with world.acting("A", "data_lead"):
        found, body = cardkeys.state(), kit_use()
        unfit(cardkeys.use_kit, body, "shape")
        unfit(cardkeys.use_kit, body | {"proof": b64(os.urandom(32))}, "kit")
        unfit(cardkeys.use_kit, proved(body, found, X25519PrivateKey.generate()), "kit")
        assert not MemberKey.objects.filter(user=world.person("A", "data_lead")).exists()
        unfit(cardkeys.rotate, rotation([], gone=[first], serial=1), "no_key")
        assert KeyWrap.objects.filter(member_id=first).exists()


def test_the_proof_is_for_what_is_sent_and_for_who_sends_it(world):
    begun(world)
    world.person("A", "data_lead")
    with world.acting("A", "supervisor"):
        theirs = proved(kit_use(), cardkeys.state())
    with world.acting("A", "data_lead"):
        unfit(cardkeys.use_kit, theirs, "kit")
        body, other = proved(kit_use(), cardkeys.state()), kit_use()
        swapped = [
            {"member": other["member"], "wraps": other["wraps"]},
            {"member": body["member"] | {"public": other["member"]["public"]}},
            {"book": other["book"]},
            {"wraps": wraps([body["member"]["id"]], [1])},
            {"wraps": []},
        ]
        for more in swapped:
            unfit(cardkeys.use_kit, body | more, "kit")
        for wrong in ({"wraps": [3]}, {"proof": b64(b"short")}, {"proof": None}):
            unfit(cardkeys.use_kit, body | wrong, "shape")
        cardkeys.use_kit(body)


def test_a_challenge_is_answered_once_and_within_minutes(world, monkeypatch):
    begun(world)
    world.person("A", "data_lead")
    moment = timezone.now()
    monkeypatch.setattr(cardkeys.timezone, "now", lambda: moment)
    with world.acting("A", "data_lead"):
        before = cardkeys.state()
        moment += cardkeys.KIT_ASKED
        assert cardkeys.state()["kit_challenge"] != before["kit_challenge"]
        moment += cardkeys.KIT_ASKED
        unfit(cardkeys.use_kit, proved(kit_use(), before), "kit")
        moment -= cardkeys.KIT_ASKED
        cardkeys.use_kit(proved(kit_use(), before))
        unfit(cardkeys.use_kit, proved(kit_use(serial=3), before), "kit")
        cardkeys.use_kit(proved(kit_use(serial=3), cardkeys.state()))


def test_the_challenge_is_shown_to_who_may_use_the_kit_and_stands_in_no_file(world):
    begun(world)
    admitted(world)
    with world.acting("A"):
        assert cardkeys.state()["kit_challenge"] is None
    with world.acting("A", "supervisor"):
        assert cardkeys.state()["kit_challenge"] and "challenge" not in str(cardkeys.file())


def test_a_kit_that_is_no_key_proves_nothing(world):
    begun(world)
    with world.acting("A", "supervisor"):
        kits = MemberKey.objects.filter(kit_number=1)
        found, body = cardkeys.state(), kit_use()
        kits.update(public_key=bytes(32))
        shared = sub(bytes(32), "casehub kit proof")
        text = joined("casehub kit proof", from_text(found["kit_challenge"]), found["agency"], 1)
        unfit(cardkeys.use_kit, body | {"proof": b64(hmac.digest(shared, text, "sha256"))}, "kit")


def test_an_older_version_goes_when_no_card_stands_under_it(world):
    first = begun(world)
    with world.acting("A", "supervisor"):
        cardkeys.rotate(rotation([first], serial=1))
        assert cardkeys.finish(lambda version: True) == []
        assert cardkeys.finish(lambda version: False) == [1]
        assert set(KeyWrap.objects.values_list("version", flat=True)) == {2}
        assert [one["destroyed"] for one in cardkeys.state()["versions"]] == [False, True]


def test_a_person_who_works_at_two_agencies_has_a_key_at_each(world):
    begun(world)
    actions.grant_role(world.person("A", "supervisor"), world.agency("B"), "supervisor")
    with world.acting("A", "supervisor"):
        assert cardkeys.state()["state"] == "in"
