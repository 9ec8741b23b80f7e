"""The demo's contact cards: two agencies' vaults, cards and key holders' files, sealed as their people's
browsers would do it.

The only place where hub code holds a vault key, of invented people; the recovery kits' words are thrown
away. Names come from the agencies' own exports, through the agency-side tool.
"""

import json
import secrets
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from django.db.models import F

from agencies import cardkeys, linknet
from agencies.models import Agency, Membership, User
from agencies.scope import Actor, acting_as
from casehub.demoholders import network_file
from casehub.synthetic import World
from casehub.synthetic.names import fictional_phone
from casehub.synthetic.network import AgencySpec
from referrals import actions, queries
from referrals.agency_side import cards, vaultbox
from referrals.agency_side.keys import load_or_make_key
from referrals.models import Client

PASSPHRASE = "demo heron over quiet water"  # noqa: S105 - printed by the demo; opens invented names only
# Their people can try what two agencies do with one another's cards.
KINDS = ("shelter", "hotline")
ROLES = ("supervisor", "data_lead", "caseworker")
MOST = 200
ALERTS = ("Never say who is calling.", "Calls only before noon.", "Someone else reads this phone.")
_Where = dict[str, str | bytes | int]
_COST = {"memory": 65_536, "passes": 3}


def agencies(world: World) -> list[AgencySpec]:
    """Those whose people open cards with PASSPHRASE: the first of each of KINDS."""
    return [next(one for one in world.agencies if one.kind == kind) for kind in KINDS]


def holders(spec: AgencySpec) -> list[User]:
    """Who holds the agency's key, one person a role, the supervisor first. The others can still ask."""
    here = Membership.objects.filter(agency__slug=spec.slug).select_related("user").order_by("user__email")
    return [here.filter(role=role)[0].user for role in ROLES]


def seal(world: World, machines: Path) -> int:
    """Begin those agencies' vaults and write their cards; how many. `machines` is the folder that stands for
    the agencies' own computers. An agency that has a vault is left as it is."""
    return sum(_seal_one(spec, machines) for spec in agencies(world))


def _seal_one(spec: AgencySpec, machines: Path) -> int:
    agency = Agency.objects.get(slug=spec.slug)
    people = holders(spec)
    keeper = people[0]
    with acting_as(Actor.of(keeper, agency)):
        if cardkeys.version_in_force():
            return 0
    ring = _Ring(agency, people)
    _let_in(ring)
    known = _named(spec, machines, ring.vault(1))
    with acting_as(Actor.of(keeper, agency)):
        has_code = F("worker").asc(nulls_last=True)
        found = list(queries.clients().exclude(source_key="").order_by(has_code, "pk")[:MOST])
        written = _cards(found, known)
        # One stays under the first key: the first browser that opens the vault seals it anew.
        client, card = next(written)
        _save(client, card, ring.vault(1), keeper)
        cardkeys.rotate(ring.rotation())
    _note_who_was_seen(ring, version=2)
    with acting_as(Actor.of(keeper, agency)):
        vault = ring.vault(2)
        _keep_holders(network_file(machines, spec.slug), vault)
        return 1 + sum(_save(client, card, vault, keeper) for client, card in written)


def _keep_holders(path: Path, vault: vaultbox.Vault) -> None:
    """The key holders' file, as the agency's data lead loads it; nothing where the holders gave none."""
    if not path.exists():
        return
    said = json.loads(path.read_text())
    sealed = _text(vault.seal("holders", {"serial": 1}, said))
    linknet.keep_holder_file({"serial": 1, "epoch": max(map(int, said["commitments"])), "sealed": sealed})


def _named(spec: AgencySpec, machines: Path, vault: vaultbox.Vault) -> dict[str, dict[str, Any]]:
    """The cards in the agency's own export, by source key, as its tool makes them."""
    key, sealed = machines / "keys" / f"{spec.slug}.key", machines / "cards" / f"{spec.slug}.cards"
    sealed.parent.mkdir(exist_ok=True)
    cards.seal_export(
        machines / "hmis" / f"{spec.slug}.zip",
        sealed,
        vault,
        organization_id=spec.organization_id,
        key=lambda _organization: load_or_make_key(key)[0],
    )
    return {source: card for source, _code, card in cards.read_sealed(sealed, vault) if "name" in card}


def _cards(found: list[Client], known: dict[str, dict[str, Any]]) -> Iterator[tuple[Client, dict[str, Any]]]:
    """Each client with the card their worker might have written. Some have none; the first two are family."""
    with_name = [client for client in found if client.source_key in known]
    for at, client in enumerate(with_name):
        draw = Random(client.source_key)  # noqa: S311 - inventing, not sealing
        if at == 5 or (at > 1 and draw.random() < 0.08):
            continue
        card = known[client.source_key]
        name = card["name"]
        whole = (name.get("legal") or name.get("used", "")).replace("_", " ")
        card["name"] = {"used": whole} | ({"legal": whole} if "legal" in name else {})
        card["phone"] = {"number": fictional_phone(draw), "voicemail": draw.random() < 0.5}
        if at == 0 or draw.random() < 0.1:
            card["alert"] = draw.choice(ALERTS)
        if at < 2:
            card["relations"] = [{"client": str(with_name[1 - at].pk), "kind": "family"}]
        yield client, card


def _save(client: Client, card: dict[str, Any], vault: vaultbox.Vault, by: User) -> int:
    now = int(time.time())
    where: _Where = {"client": str(client.pk), "revision": 1, "saved_at": now}
    sealed = vault.seal("card", where, card | {"by": str(by.pk)})
    return actions.save_card(client=client, card=actions.SealedCard(sealed, now, vault.version))


class _Ring:
    """What the people's browsers would hold: their pairs, and the agency's vault key of two versions. Gives
    the bodies that `agencies.cardkeys` takes."""

    def __init__(self, agency: Agency, people: list[User]) -> None:
        self.agency, self.people, self.keeper = agency, people, people[0]
        self._home = str(agency.pk)
        self._keys = {1: secrets.token_bytes(32), 2: secrets.token_bytes(32)}
        self._private = {one.pk: secrets.token_bytes(32) for one in people}
        self.ids = {one.pk: str(uuid.uuid4()) for one in people}
        self._kit = vaultbox.public_of(vaultbox.kit_private_key(secrets.token_bytes(32), self._home))

    def vault(self, version: int) -> vaultbox.Vault:
        return vaultbox.Vault(self._home, {one: self._keys[one] for one in range(1, version + 1)})

    def begin(self) -> dict[str, Any]:
        me = self.keeper
        return {
            **self.member(me),
            "trust": self.trust(me, serial=1, version=1, seen=[me]),
            "kit": {"id": str(uuid.uuid4()), "public": _text(self._kit), "number": 1},
            "wraps": [self.wrap(1, me), self._wrap_kit(1)],
            "book": self.book(1, serial=1, members=[me]),
            "handover": self._handover(1),
        }

    def rotation(self) -> dict[str, Any]:
        return {
            "from": 1,
            "book_serial": len(self.people),
            "gone": [],
            "wraps": [
                one
                for version in self._keys
                for one in (*(self.wrap(version, to) for to in self.people), self._wrap_kit(version))
            ],
            "book": self.book(2, serial=1, members=self.people),
            "handover": self._handover(2),
        }

    def member(self, one: User) -> dict[str, Any]:
        public, salt = self._public(one), secrets.token_bytes(16)
        where: _Where = {"agency": self._home, "user": str(one.pk), "public_key": public}
        key = vaultbox.passphrase_key(PASSPHRASE, salt=salt, **_COST)
        sealed = vaultbox.seal_box("opener", key, where, self._private[one.pk])
        opener = {"kind": "passphrase", "salt": _text(salt), **_COST, "sealed": _text(sealed)}
        return {"member": {"id": self.ids[one.pk], "public": _text(public)}, "openers": [opener]}

    def wrap(self, version: int, to: User) -> dict[str, Any]:
        return self._wrap(version, self.ids[to.pk], self._public(to))

    def book(self, version: int, *, serial: int, members: list[User]) -> dict[str, Any]:
        kit = {"number": 1, "public": _text(self._kit)}
        said = {"v": 1, "members": self._listed(members), "kit": kit, "partners": {}}
        return {
            "serial": serial,
            "sealed": _text(self.vault(version).seal("book", {"serial": serial}, said)),
        }

    def trust(self, one: User, *, serial: int, version: int, seen: list[User]) -> dict[str, Any]:
        where: _Where = {"agency": self._home, "user": str(one.pk), "serial": serial}
        said = {"v": 1, "version": version, "members": self._listed(seen)}
        sealed = vaultbox.seal_json("trust", self._private[one.pk], where, said)
        return {"serial": serial, "sealed": _text(sealed)}

    def _public(self, one: User) -> bytes:
        return vaultbox.public_of(self._private[one.pk])

    def _listed(self, some: list[User]) -> dict[str, Any]:
        return {self.ids[one.pk]: {"user": str(one.pk), "public": _text(self._public(one))} for one in some}

    def _wrap_kit(self, version: int) -> dict[str, Any]:
        return self._wrap(version, "kit 1", self._kit)

    def _wrap(self, version: int, to: str, public: bytes) -> dict[str, Any]:
        where: _Where = {"agency": self._home, "version": version, "to": to}
        sealed, tag = vaultbox.wrap(
            where, vault_key=self._keys[version], sender=self._private[self.keeper.pk], receiver=public
        )
        return {"version": version, "to": to, "sealed": _text(sealed), "tag": _text(tag)}

    def _handover(self, version: int) -> dict[str, Any]:
        private = secrets.token_bytes(32)
        public = vaultbox.public_of(private)
        where: _Where = {"agency": self._home, "version": version, "public_key": public}
        sealed = vaultbox.seal_box("handover_key", self._keys[version], where, private)
        return {"public": _text(public), "sealed": _text(sealed)}


def _text(data: bytes) -> str:
    return vaultbox.to_text(data)


def _let_in(ring: _Ring) -> None:
    """The keeper begins; each of the others asks, and is let in."""
    with acting_as(Actor.of(ring.keeper, ring.agency)):
        cardkeys.begin(ring.begin())
    for serial, one in enumerate(ring.people[1:], 2):
        with acting_as(Actor.of(one, ring.agency)):
            cardkeys.ask(ring.member(one))
        with acting_as(Actor.of(ring.keeper, ring.agency)):
            book = ring.book(1, serial=serial, members=ring.people[:serial])
            cardkeys.admit(
                {"member": ring.ids[one.pk], "version": 1, "wraps": [ring.wrap(1, one)], "book": book}
            )


def _note_who_was_seen(ring: _Ring, *, version: int) -> None:
    """Each member's own note of the members, so that no code has to be compared at the first opening."""
    for one in ring.people:
        with acting_as(Actor.of(one, ring.agency)):
            serial = 2 if one == ring.keeper else 1
            seen = ring.trust(one, serial=serial, version=version, seen=ring.people)
            cardkeys.keep_trust({"member": ring.ids[one.pk], **seen})
