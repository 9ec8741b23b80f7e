"""The synthetic network as rows: agencies, people who sign in, awards, agreements. Clients come by file.

Everything goes through the doors a real network uses; only the people's passwords and one-time codes are
made here instead of by invitation. What a file can't bring (who works with whom, an agency's own codes, a
few offers waiting) is done as the agencies' own staff would do it.
"""

import io
import os
import secrets
from pathlib import Path

from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from agencies import actions
from agencies.models import (
    Agency,
    Award,
    AwardProject,
    County,
    Membership,
    Project,
    SharingAgreement,
    User,
)
from agencies.scope import Actor, acting_as
from casehub import synthetic
from casehub.synthetic import World
from casehub.synthetic.network import CEDAR
from referrals import actions as actions_of_casework
from referrals import queries
from referrals.agency_side.keys import IdHasher, load_or_make_key

# The first year with people in the small world: as a network that has used the hub for three years.
SINCE = 2023
CASELOAD = 14
# Three Rivers' counties as a map; the larger worlds have no outlines.
OUTLINES = Path(synthetic.__file__).parent / "three_rivers.geojson"
# Who asks Kingfisher House for what when the demo opens.
WAITING = {"three-rivers-general": "shel_em", "confluence-line": "cm"}


def password() -> str:
    """One password for all people of the demo, made once for this checkout."""
    path = settings.DATA / "demo-password"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("rivers-" + secrets.token_hex(4))
    return path.read_text()


def seed(world: World) -> list[Agency]:
    """Make the network's agencies and people; those with clients are returned. Safe to call again."""
    # The offices' counties too: in the larger worlds no agency is there.
    for county in {spec.county for spec in (*world.offices, *world.agencies)}:
        County.objects.get_or_create(fips=county.fips, defaults={"name": county.name, "state": county.state})
    if CEDAR in {spec.county for spec in world.agencies}:
        call_command("counties", OUTLINES, stdout=io.StringIO())
    made = []
    for spec in (*world.offices, *world.agencies):
        has_clients = bool(spec.projects)
        agency = Agency.objects.filter(slug=spec.slug).first() or actions.open_agency(
            slug=spec.slug,
            name=spec.name,
            type=spec.type,
            sector=spec.sector,
            county_id=spec.county.fips,
            is_tribal=spec.is_tribal,
            tribal_owner=spec.tribal_owner,
            is_expected_to_report=has_clients,
            joined_on=spec.joined_on,
        )
        for worker in spec.workers:
            user = User.objects.filter(email=worker.email).first()
            if user is None:
                user = User.objects.create_user(
                    worker.email, password(), name=worker.name.replace("_", " "), language=worker.language
                )
                TOTP.activate(user, generate_totp_secret())
            actions.grant_role(user, agency, worker.role)
        if has_clients:
            made.append(agency)
            with acting_as(Actor.hub(agency)):
                SharingAgreement.objects.get_or_create(
                    agency=agency,
                    version=1,
                    defaults={
                        "text_digest": "0" * 64,
                        "signed_at": timezone.now(),
                        # A nation decides that for itself.
                        "shares_tokens_under_release": not spec.is_tribal,
                    },
                )
                for award in spec.awards:
                    Award.objects.get_or_create(
                        agency=agency,
                        number=award.number,
                        defaults={
                            "funder": award.funder,
                            "starts_on": award.starts_on,
                            "ends_on": award.ends_on,
                            "regimes": list(award.regimes),
                        },
                    )
    return made


def is_settled(world: World) -> bool:
    """Whether `settle_in` was done before: the agency it comes to last has clients with workers."""
    last = Agency.objects.filter(slug=world.agencies[-1].slug).first()
    if last is None:
        return False
    with acting_as(Actor.hub(last)):
        return queries.clients().exclude(worker=None).exists()


def settle_in(world: World) -> None:
    """Share the clients out among the agency's caseworkers, each with a code; leave some offers waiting."""
    for spec in world.agencies:
        agency = Agency.objects.get(slug=spec.slug)
        people = [
            one.user
            for one in Membership.objects.filter(agency=agency, role="caseworker").order_by("user__email")
        ]
        for number, worker in enumerate(people):
            with acting_as(Actor.of(worker, agency)):
                mine = queries.clients().filter(worker=None).order_by("-is_enrolled", "-last_touch_at", "pk")
                for at, client in enumerate(mine[:CASELOAD]):
                    code = f"{spec.prefix}-{2100 + number * CASELOAD + at}"
                    actions_of_casework.change_client(client=client, code=code, facts={"worker": worker})
    kingfisher = Agency.objects.filter(slug="kingfisher-house").first()
    if kingfisher is None:
        return
    for slug, needed in WAITING.items():
        sender = Agency.objects.get(slug=slug)
        worker = Membership.objects.filter(agency=sender, role="caseworker").order_by("user__email")[0].user
        with acting_as(Actor.of(worker, sender)):
            client = queries.caseload().order_by("pk")[0]
            actions_of_casework.send_referral(client=client, needed=needed, receivers=[kingfisher])


def link_awards(world: World, keys: Path) -> None:
    """Tie each award to its projects, once the agencies' files have brought the projects in."""
    for spec in world.agencies:
        agency = Agency.objects.get(slug=spec.slug)
        hasher = IdHasher(load_or_make_key(keys / f"{spec.slug}.key")[0], spec.organization_id)
        with acting_as(Actor.hub(agency)):
            for award in spec.awards:
                row = Award.objects.get(agency=agency, number=award.number)
                wanted = [hasher.hash("ProjectID", one) for one in award.projects]
                for project in Project.objects.filter(source_key__in=wanted):
                    AwardProject.objects.get_or_create(
                        agency=agency, award=row, project=project, defaults={"starts_on": award.starts_on}
                    )
