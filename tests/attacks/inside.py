"""What the drill of a thousand cards has a hub's own processes do: `python -m tests.attacks.inside COMMAND …`.

Runs inside the thrown-away hub, as casehub_app and through its doors; the drill looks on from outside.
"""

import json
import sys

import django

if __name__ == "__main__":
    django.setup()

from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

from agencies import actions, affairs
from agencies.models import Agency, AgencyType, User
from agencies.scope import Actor, acting_as
from tests.world import PASSWORD


def prepare(*slugs: str) -> None:
    """Make the hub ready, and for each name an agency whose sharing agreement is signed; prints of each its number, and
    the address and one-time-code secret of someone who leads its data and supervises."""
    from casehub import running

    running.prepare()
    found = []
    for slug in slugs:
        agency = actions.open_agency(
            slug=slug,
            name=slug.title(),
            type=AgencyType.SHELTER,
            sector="shelter",
            is_expected_to_report=True,
        )
        user = User.objects.create_user(f"lead@{slug}.example", PASSWORD, name=f"Lead of {slug}")
        for role in ("data_lead", "supervisor"):
            actions.grant_role(user, agency, role)
        secret = generate_totp_secret()
        TOTP.activate(user, secret)
        with acting_as(Actor.of(user, agency)):
            affairs.sign_agreement(shares_totals=True, text_digest="x")
        found.append({"agency": str(agency.pk), "email": user.email, "secret": secret})
    _say(found)


def clients(slug: str, count: str) -> None:
    """That many clients without a card; prints their ids."""
    from referrals.actions import open_client

    agency = Agency.objects.get(slug=slug)
    actor = Actor.of(User.objects.get(email=f"lead@{slug}.example"), agency)
    found = []
    for number in range(int(count)):
        with acting_as(actor):
            found.append(str(open_client(code=f"T-{number:04}").pk))
    _say(found)


def releases(slug: str, recipient: str) -> None:
    """A release of everybody to the other agency, of all that can be handed over; prints {client: release}."""
    from datetime import timedelta

    from django.utils import timezone

    from referrals.models import Client
    from referrals.picklists import DisclosureClass
    from referrals.releases import Signature, Terms, sign

    agency = Agency.objects.get(slug=slug)
    terms = Terms(
        recipient_id=Agency.objects.get(slug=recipient).pk,
        classes=list(DisclosureClass),
        purpose="referral",
        ends_on=timezone.localdate() + timedelta(days=20),
        signature=Signature(
            signer="client",
            how="paper",
            language="eng",
            interpreter="none",
            risks_explained=True,
            copy_given="given",
        ),
    )
    with acting_as(Actor.of(User.objects.get(email=f"lead@{slug}.example"), agency)):
        _say({str(one.pk): str(sign(client=one, terms=terms).pk) for one in Client.objects.all()})


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    {"prepare": prepare, "clients": clients, "releases": releases}[command](*rest)
