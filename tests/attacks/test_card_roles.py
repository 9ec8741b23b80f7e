"""Who gets a contact card from the hub: of all roles at all addresses, those who may hold a key get ciphertext, and
nobody else so much as that; nor does a colleague to whom the record is closed. Whoever has no key opens nothing."""

import json
import secrets
import time

import pytest
from django.urls import reverse

from agencies.models import KeyWrap, MemberKey, VaultKey
from agencies.roles import ROLES, Permission
from referrals import actions
from referrals.actions import SealedCard
from referrals.agency_side import vaultbox
from tests.attacks.identities import PEOPLE as INVENTED
from tests.attacks.identities import written
from tests.attacks.people import ask, browsers, in_words
from tests.attacks.routes import ids, routes
from tests.attacks.rows import Rows
from tests.world import World

MAY = {role.name for role in ROLES.values() if Permission.CARD_OPEN in role.grants}
WHO = INVENTED[7]


class Sealed:
    """An agency with two cards, one of a closed record, under a key that this test alone has."""

    def __init__(self, world: World) -> None:
        self.world, self.key = world, secrets.token_bytes(32)
        self.everyone = browsers(world)  # first, as one of them has no second factor
        self.clients = [world.client("A"), world.client("A")]
        with world.acting("A", "supervisor") as actor:
            self.agency = str(actor.agency_id)
            facts = {"book_sealed": b"b", "handover_public": b"p" * 32, "handover_sealed": b"h"}
            VaultKey.objects.create(agency_id=actor.agency_id, version=1, **facts)
            member = MemberKey.objects.create(
                agency_id=actor.agency_id, user_id=actor.user_id, public_key=secrets.token_bytes(32)
            )
            KeyWrap.objects.create(
                agency_id=actor.agency_id, version=1, member=member, sender=member, wrapped=b"w", tag=b"t"
            )
            for client in self.clients:
                actions.save_card(client=client, card=self.seal(client))
            actions.restrict_client(client=self.clients[1], openers=[])

    def seal(self, client, revision=0):
        saved_at = int(time.time())
        where = {
            "agency": self.agency,
            "client": str(client.pk),
            "revision": revision + 1,
            "saved_at": saved_at,
            "version": 1,
        }
        box = vaultbox.seal_json("card", self.key, where, WHO.card())
        return SealedCard(sealed=box, saved_at=saved_at, key_version=1, revision=revision)

    def opened(self, stream: bytes, key: bytes):
        """The cards of a stream by client, with this key."""
        found = {}
        for row in vaultbox.read_stream(stream):
            where = {
                "agency": self.agency,
                "client": row.client,
                "revision": row.revision,
                "saved_at": row.saved_at,
                "version": 1,
            }
            found[row.client] = vaultbox.open_json("card", key, where, row.box)
        return found


@pytest.fixture
def sealed(world):
    return Sealed(world)


STREAMS = {
    "cards_open": lambda clients: {"clients": clients},
    "cards_all": lambda _: {},
    "cards_older": lambda _: {},
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_of_cards_goes_to_who_may_hold_a_key_and_opens_with_the_key_alone(sealed, name):
    open_one, closed = (str(client.pk) for client in sealed.clients)
    for who, browser in sealed.everyone.items():
        body = json.dumps(STREAMS[name]([open_one, closed]))
        answer = ask(browser, "post", reverse(f"referrals:{name}"), body, content_type="application/json")
        if who not in MAY:
            assert in_words(answer) in ("404", "in", "2fa"), who
            continue
        assert answer.status_code == 200
        with_key = sealed.opened(answer.content, sealed.key)
        # The supervisor closed the other record, so it is theirs alone.
        seen = {open_one, closed} if who == "supervisor" else {open_one}
        assert set(with_key) == (set() if name == "cards_older" else seen), who
        if with_key:
            assert with_key[open_one]["birth"] == WHO.birth.isoformat()
            with pytest.raises(vaultbox.Shut):
                sealed.opened(answer.content, secrets.token_bytes(32))


@pytest.mark.slow
def test_no_address_gives_a_role_what_is_on_a_card(sealed):
    """Every address there is, with the client's id where it takes one; also who works at another agency."""
    rows = Rows(sealed.world).everything("A", "B")
    needles = {needle for text in WHO.spelled() for needle in written(text)}
    everyone = sealed.everyone | {"other agency": sealed.world.browser("B", "supervisor")}
    seen, given = 0, set()
    with sealed.world.acting("A", "supervisor"):
        from referrals.queries import card_of, sealed_card

        box = sealed_card(card_of(sealed.clients[0]))
    for route in routes():
        given_ids = ids(route, rows, "own")
        if "client" in given_ids:
            given_ids["client"] = str(sealed.clients[0].pk)
        for who, browser in everyone.items():
            answer = ask(browser, "get", route.path(given_ids))
            seen += answer.status_code == 200
            said = answer.content + str(answer.headers).encode()
            assert not any(needle in said for needle in needles), (who, route.key)
            if box[17:80] in said:
                given.add((who, route.key))
    assert seen > 200
    assert {who for who, _route in given} <= MAY


def test_who_has_no_key_saves_nothing(sealed):
    client = sealed.clients[0]
    card = sealed.seal(client, revision=1)
    body = json.dumps({"client": str(client.pk), "revision": 1, "saved_at": card.saved_at, "key_version": 1,
                       "sealed": vaultbox.to_text(card.sealed)})  # fmt: skip
    taken = set()
    for who, browser in sealed.everyone.items():
        answer = ask(browser, "post", reverse("referrals:card_save"), body, content_type="application/json")
        if answer.status_code == 200:
            taken.add(who)
        else:
            assert in_words(answer) in ("404", "in", "2fa"), (who, answer.status_code)
    assert taken == {"supervisor"}
