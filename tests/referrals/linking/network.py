"""Agencies that count their people once, said in a sentence: `network.arrives("A", "Maria", "Lopez", "1990-02-03")`."""

import itertools
import uuid
from datetime import date, timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from agencies.models import Award, KeyHolder, LinkEpoch, SharingAgreement
from agencies.scope.linking import linking
from referrals import linking as engine
from referrals.linkage import normalise
from referrals.linkage.keys import Person
from referrals.linkage.tokens import local, tokens
from referrals.models import Client, LinkRecord, ReleaseOfInformation
from tests.world import World

KEYED = local(b"the holders' key of a test")
_zip = itertools.count(10_000)


class Network:
    """Agencies by letter that have signed to share tokens, with key holders in use and an epoch."""

    def __init__(self, world: World, *letters: str) -> None:
        self.world, self.letters = world, letters
        for number in (1, 2, 3):
            KeyHolder.objects.create(
                number=number, url=f"http://127.0.0.1:{number}", body=f"Body {number}", in_use_since=Now()
            )
        self.epoch = LinkEpoch.objects.create(number=1, fingerprint="0000 " * 7 + "0000").number
        for letter in letters:
            self.agrees(letter, shares_tokens_under_release=True)

    def agrees(self, letter: str, **says: Any) -> SharingAgreement:
        """Sign another agreement in the place of the one before."""
        agency = self.world.agency(letter)
        with self.world.acting(letter):
            before = SharingAgreement.objects.filter(agency=agency)
            signed = SharingAgreement.objects.create(
                agency=agency, version=before.count() + 1, text_digest="0" * 64, signed_at=Now(), **says
            )
            before.filter(ended_at=None).exclude(pk=signed.pk).update(ended_at=Now())
            return signed

    def award(self, letter: str, *regimes: str) -> Award:
        agency = self.world.agency(letter)
        with self.world.acting(letter):
            return Award.objects.create(
                agency=agency,
                funder="An invented fund",
                number=uuid.uuid4().hex,
                starts_on=date(2020, 1, 1),
                ends_on=date(2030, 1, 1),
                regimes=list(regimes),
            )

    def release(self, client: Client, *, partners: str = "", **facts: Any) -> ReleaseOfInformation:
        """One to the hub, among the agencies named (all others)."""
        letter = self.world.letter(client.agency_id)
        named = partners or "".join(other for other in self.letters if other != letter)
        named = "" if facts.get("recipient") else named
        now = timezone.now()
        facts = {
            "recipient": None,
            "classes": ["count", "confirm"],
            "partners": sorted(self.world.agency(one).pk for one in named),
            "purpose": "counting",
            "starts_at": now - timedelta(minutes=1),
            "ends_at": now + timedelta(days=60),
            "signed_on": now.date(),
            "signed_how": "paper",
            "signer": "client",
            "language": "en",
            "interpreter": "none",
            "risks_explained": True,
            "copy_given": "given",
            **facts,
        }
        with self.world.acting(letter):
            return ReleaseOfInformation.objects.create(agency_id=client.agency_id, client=client, **facts)

    def revoke(self, release: ReleaseOfInformation) -> None:
        with self.world.acting(self.world.letter(release.agency_id)):
            ReleaseOfInformation.objects.filter(pk=release.pk).update(revoked_at=Now(), revoked_how="orally")

    def store(
        self, client: Client, first: str, last: str, dob: str, *, epoch: int = 1, **more: str
    ) -> LinkRecord:
        person = Person.of(first=first, last=last, dob=dob, **more)
        held = tokens(person, KEYED, epoch=epoch)
        with self.world.acting(self.world.letter(client.agency_id)):
            return engine.store(client=client, tokens=held, epoch=epoch, version=normalise.VERSION)

    def arrives(self, letter: str, first: str, last: str, dob: str, **more: str) -> LinkRecord:
        """A new client with a release and tokens. Nothing is linked yet."""
        client = self.world.client(letter)
        self.release(client)
        return self.store(client, first, last, dob, **more)


def everybody(cursor: Any = None) -> dict[int, tuple[Any, ...]]:
    """Every row of LinkedPerson as the linking role reads it, by record."""
    return {row[0]: row[1:] for row in rows("SELECT * FROM referrals_linkedperson")}


def people() -> set[frozenset[int]]:
    """The records of each person."""
    found: dict[Any, set[int]] = {}
    for record, person in rows("SELECT record_id, person FROM referrals_linkedperson WHERE ring IS NOT NULL"):
        found.setdefault(person, set()).add(record)
    return {frozenset(one) for one in found.values()}


def rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """What the linking role sees, outside every agency's door."""
    with linking(whole=True) as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
