"""What exists in a test, said in one sentence: `world.client("A")`, `world.offer(sender="A", receiver="B")`.

Everything is made through the real doors and actions, as casehub_app.
"""

import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models.functions import Now
from django.test import Client as Browser
from django.utils import timezone

from agencies import actions, vault
from agencies.models import Agency, AgencyType, County, Project, User
from agencies.scope import Actor, ScopeError, acting_as, current_actor
from referrals.models import (
    Client,
    Enrollment,
    Offer,
    Referral,
    ReleaseOfInformation,
    Response,
    Screening,
    Service,
    Touchpoint,
)
from referrals.picklists import DisclosureClass

PASSWORD = "correct horse battery staple"


class World:
    """Agencies by letter, a person for each role at each, and rows made as those people."""

    def __init__(self) -> None:
        self._agencies: dict[str, Agency] = {}
        self._people: dict[tuple[str, str], User] = {}

    def agency(self, letter: str, **facts: Any) -> Agency:
        if letter not in self._agencies:
            facts = {
                "slug": f"agency-{letter.lower()}",
                "name": f"Agency {letter}",
                "type": AgencyType.HUB_OFFICE if letter == "HUB" else AgencyType.SHELTER,
                "sector": "shelter",
                "is_expected_to_report": letter != "HUB",
                **facts,
            }
            self._agencies[letter] = actions.open_agency(**facts)
        return self._agencies[letter]

    def person(self, letter: str, role: str = "caseworker", *, second_factor: bool = True) -> User:
        """The person who holds `role` at the agency; made on first call, with a one-time-code secret."""
        key = (letter, role)
        if key not in self._people:
            user = User.objects.create_user(
                f"{role}@{letter.lower()}.example", PASSWORD, name=f"{role} of {letter}"
            )
            actions.grant_role(user, self.agency(letter), role)
            if second_factor:
                from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

                TOTP.activate(user, generate_totp_secret())
            self._people[key] = user
        return self._people[key]

    def browser(self, letter: str, role: str = "caseworker", **options: Any) -> Browser:
        """A signed-in test client of that person."""
        browser = Browser(**options)
        browser.force_login(
            self.person(letter, role), backend="allauth.account.auth_backends.AuthenticationBackend"
        )
        return browser

    def actor(self, letter: str, role: str = "caseworker") -> Actor:
        return Actor.of(self.person(letter, role), self.agency(letter))

    @contextmanager
    def acting(self, letter: str, role: str = "caseworker") -> Iterator[Actor]:
        with acting_as(self.actor(letter, role)) as actor:
            yield actor

    @contextmanager
    def _door(self, letter: str) -> Iterator[None]:
        try:
            current_actor()
        except ScopeError:
            with self.acting(letter):
                yield
        else:
            yield

    def county(self, name: str = "Alder") -> County:
        fips = {"Alder": "99001", "Birch": "99003", "Cedar": "99005"}[name]
        return County.objects.get_or_create(fips=fips, defaults={"name": name, "state": "TR"})[0]

    def project(self, letter: str, name: str = "Safe house") -> Project:
        with self.acting(letter):
            return Project.objects.get_or_create(agency=self.agency(letter), name=name)[0]

    def client(self, letter: str, code: str = "", **facts: Any) -> Client:
        agency = self.agency(letter)
        with self.acting(letter):
            client = Client(id=uuid.uuid4(), agency=agency, **facts)
            if code:
                client.code_sealed = vault.seal(
                    code, agency=agency.pk, place="client.code", row=client.pk, subject=client.pk
                )
                client.code_token = vault.token(code, agency=agency.pk, place="client.code")
            client.save(force_insert=True)
        return client

    def enrollment(self, client: Client, entry_on: date | None = None, **facts: Any) -> Enrollment:
        letter = self.letter(client.agency_id)
        project = self.project(letter)
        with self.acting(letter):
            return Enrollment.objects.create(
                agency_id=client.agency_id,
                client=client,
                project=project,
                entry_on=entry_on or date(2025, 1, 10),
                **facts,
            )

    def touchpoint(self, letter: str, client: Client | None = None, **facts: Any) -> Touchpoint:
        facts = {"occurred_at": timezone.now() - timedelta(hours=1), "sector": "shelter", **facts}
        with self.acting(letter):
            return Touchpoint.objects.create(agency=self.agency(letter), client=client, **facts)

    def service(self, client: Client, **facts: Any) -> Service:
        facts = {"provided_on": date(2025, 2, 1), "type": "cm", **facts}
        with self.acting(self.letter(client.agency_id)):
            return Service.objects.create(agency_id=client.agency_id, client=client, **facts)

    def screening(self, client: Client, at: datetime | None = None, **facts: Any) -> Screening:
        facts = {"tool": "agency_own", "result": "some_indicators", **facts}
        with self.acting(self.letter(client.agency_id)):
            return Screening.objects.create(
                agency_id=client.agency_id, client=client, screened_at=at or timezone.now(), **facts
            )

    def referral(self, client: Client, **facts: Any) -> Referral:
        facts = {"needed": "shel_em", "sent_at": timezone.now(), **facts}
        with self.acting(self.letter(client.agency_id)):
            return Referral.objects.create(agency_id=client.agency_id, client=client, **facts)

    def release(self, client: Client, to: str | None = None, **facts: Any) -> ReleaseOfInformation:
        """A live one: to an agency for all that can be handed over, or to the hub (`partners` by letter).

        In the open door if there is one.
        """
        letter = self.letter(client.agency_id)
        if to is None:
            partners = [self.agency(one).pk for one in facts.pop("partners", ["C" if letter == "B" else "B"])]
            facts = {"classes": ["count"], "purpose": "counting", "partners": partners, **facts}
        else:
            facts = {"recipient": self.agency(to), "classes": list(DisclosureClass), **facts}
        facts = {
            "purpose": "referral",
            "starts_at": Now() - timedelta(days=2),
            "ends_at": Now() + timedelta(days=200),
            "longer_reason": "award_period",
            "signed_on": timezone.localdate(),
            "signed_how": "paper",
            "signer": "client",
            "language": "eng",
            "interpreter": "none",
            "copy_given": "given",
            "risks_explained": True,
            **facts,
        }
        with self._door(letter):
            made = ReleaseOfInformation.objects.create(agency_id=client.agency_id, client=client, **facts)
            return ReleaseOfInformation.objects.get(pk=made.pk)

    def offer(self, *, sender: str, receiver: str) -> Offer:
        referral = self.referral(self.client(sender))
        receiver_agency = self.agency(receiver)
        with self.acting(sender):
            return Offer.objects.create(
                agency=self.agency(sender),
                referral=referral,
                receiver=receiver_agency,
                needed=referral.needed,
                handover_code=secrets.token_hex(4),
                expires_at=timezone.now() + timedelta(hours=48),
            )

    def response(self, offer: Offer, *, by: str, outcome: str = "accepted") -> Response:
        with self.acting(by):
            return Response.objects.create(
                agency=self.agency(by),
                offer_id=offer.pk,
                sender_id=offer.agency_id,
                referral_ref=offer.referral_id,
                outcome=outcome,
            )

    def letter(self, agency_id: int) -> str:
        return next(letter for letter, agency in self._agencies.items() if agency.pk == agency_id)


__all__ = ["PASSWORD", "World"]
