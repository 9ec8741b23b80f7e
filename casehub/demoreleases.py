"""The demo's releases of information, and its linkage: signed, tokenised and linked as a network would.

Who signs is drawn by person and agency. Tokens are made by the agency-side tool from the agencies' own
exports, on the folder that stands for their machines, with the three key holders; the hub gets tokens only.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from uuid import UUID

from django.utils import timezone

from agencies import linknet
from agencies.models import Agency, Membership
from agencies.roles import Permission
from agencies.scope import Actor, acting_as
from casehub import demoholders
from casehub.synthetic import World, write_hmis
from casehub.synthetic.network import AgencySpec
from referrals import linking, queries, releases
from referrals.agency_side import identities, tokens
from referrals.agency_side.keys import IdHasher, load_or_make_key
from referrals.models import Client, ReleaseOfInformation
from referrals.picklists import AgeBand, ReleasePurpose

# Of a hundred people so many would sign; at so many of a hundred of their agencies it came to it: 58 % of the
# records of all, with one agency that shares no tokens.
WILLING, CAME_TO_IT = 0.66, 0.9
# Who came earlier has not been asked: a release lasts a year at most.
ASKED_SINCE = date(2025, 1, 1).toordinal()
# Who lets the agencies be asked, too; who signs until the grant ends; whose release ends within days.
CONFIRMS, LONG, SHORT = 0.5, 0.3, 0.02
# No agency of the larger worlds signs more than this: a demo is to be waited for.
MOST = 200
# So many clients of each of these let the other have their name and how to reach them.
TOGETHER, PAIRS = 3, (("kingfisher-house", "heron-legal-project"), ("confluence-line", "kingfisher-house"))


def sign(world: World, machines: Path) -> int:
    """Sign the releases as each agency's caseworkers would; how many."""
    return sum(_sign_at(spec, world, machines) for spec in world.agencies) + sum(
        _work_together(*two) for two in PAIRS if two[0] in {spec.slug for spec in world.agencies}
    )


def link(world: World, machines: Path) -> int:
    """Make the tokens of all who are wanted, at each agency; link them at the hub. How many have any."""
    epoch = linknet.epoch_now()
    assert epoch is not None, "the demo's key holders answer"
    stored = sum(_tokenise(world, spec, machines, epoch.number) for spec in world.agencies)
    linking.bulk()
    return stored


def _sign_at(spec: AgencySpec, world: World, machines: Path) -> int:
    agency, actor = _caseworker(spec.slug)
    with acting_as(actor):
        others = [one for one in linknet.partners() if one != agency.pk]
        if agency.pk not in linknet.partners() or ReleaseOfInformation.objects.exists():
            return 0
        clients = {client.source_key: client for client in queries.clients()}
        signed = 0
        for source, draw in islice(_willing(spec, world, machines), MOST):
            if source in clients:
                _let_count(clients[source], others, draw)
                signed += 1
        return signed


def _willing(spec: AgencySpec, world: World, machines: Path) -> Iterator[tuple[str, Random]]:
    """The source keys of the clients who signed here, each with a draw of their own."""
    hasher = _hasher(spec, machines)
    for record in world.records(spec):
        if record.journey.identified < ASKED_SINCE:
            continue
        is_willing = Random(f"{world.seed}/willing/{record.person}").random() < WILLING  # noqa: S311
        draw = Random(f"{world.seed}/signed/{spec.slug}/{record.personal_id}")  # noqa: S311
        if is_willing and draw.random() < CAME_TO_IT:
            yield hasher.hash("PersonalID", record.personal_id), draw


def _let_count(client: Client, partners: list[int], draw: Random) -> None:
    days, reason = ReleasePurpose.COUNTING.days, ""
    if draw.random() < SHORT:
        days = 10
    elif draw.random() < LONG:
        days, reason = releases.MOST_DAYS, "award_period"
    releases.sign(
        client=client,
        terms=releases.Terms(
            recipient_id=None,
            classes=["count", "confirm"] if draw.random() < CONFIRMS else ["count"],
            purpose="counting",
            ends_on=_last_day(days),
            longer_reason=reason,
            partners=partners,
            signature=_signature(client, draw),
        ),
    )


def _work_together(slug: str, other: str) -> int:
    _agency, actor = _caseworker(slug)
    receiver = Agency.objects.get(slug=other)
    with acting_as(actor):
        for client in list(queries.caseload().order_by("pk")[:TOGETHER]):
            releases.sign(
                client=client,
                terms=releases.Terms(
                    recipient_id=receiver.pk,
                    classes=["identity", "contact"],
                    purpose="working_together",
                    ends_on=_last_day(ReleasePurpose.WORKING_TOGETHER.days),
                    signature=_signature(client, Random(slug)),  # noqa: S311
                ),
            )
    return TOGETHER


def _signature(client: Client, draw: Random) -> releases.Signature:
    signer = "client"
    if AgeBand(client.age_band).is_minor:
        signer = "representative" if client.relationship_to_trafficker == "family" else "parent"
    return releases.Signature(
        signer=signer,
        how=draw.choice(("paper", "paper", "screen", "read_aloud")),
        language=draw.choices(("eng", "spa"), (72, 28))[0],
        interpreter=draw.choices(("none", "in_person", "by_phone", "by_staff"), (80, 5, 8, 7))[0],
        risks_explained=True,
        copy_given=draw.choices(("given", "declined", "unsafe"), (70, 12, 18))[0],
        is_suspected=None if signer == "client" else False,
    )


def _tokenise(world: World, spec: AgencySpec, machines: Path, epoch: int) -> int:
    agency = Agency.objects.get(slug=spec.slug)
    keeper = Actor.hub(agency, Permission.DATA_IMPORT, Permission.CLIENT_EDIT)
    with acting_as(keeper):
        wanted = {client.source_key: client for client in linking.wanted(epoch)}
    if not wanted:
        return 0
    sealed = machines / "tokens" / f"{spec.slug}.tokens"
    sealed.parent.mkdir(exist_ok=True)
    tokens.make(
        _people(world, spec, machines),
        sealed,
        wanted=tokens.Wanted(spec.slug, epoch, {source: str(one.pk) for source, one in wanted.items()}, {}),
        network=tokens.read_network(demoholders.network_file(machines, spec.slug)),
    )
    by_id = {one.pk: one for one in wanted.values()}
    lines = sealed.read_text().splitlines()
    version = json.loads(lines[0])["version"]
    with acting_as(keeper):
        for line in lines[1:]:
            said = json.loads(line)
            found = [(key, _bytes(token)) for key, token in said["tokens"]]
            linking.store(client=by_id[UUID(said["client"])], tokens=found, epoch=epoch, version=version)
    return len(lines) - 1


def _people(world: World, spec: AgencySpec, machines: Path) -> identities.Identities:
    """Whom the agency's export tells of. One that sends hashed names has them unhashed on its own machine."""
    source = machines / "hmis" / f"{spec.slug}.zip"
    if spec.is_hashed_export:
        whole = machines / "hmis-unhashed"
        whole.mkdir(exist_ok=True)
        source = write_hmis(world, replace(spec, is_hashed_export=False), whole).path
    return identities.of_export(
        source,
        organization_id=spec.organization_id,
        key=partial(_key_of, machines / "keys" / f"{spec.slug}.key"),
    )


def _caseworker(slug: str) -> tuple[Agency, Actor]:
    agency = Agency.objects.get(slug=slug)
    here = Membership.objects.filter(agency=agency, role="caseworker").select_related("user")
    return agency, Actor.of(here.order_by("user__email")[0].user, agency)


def _hasher(spec: AgencySpec, machines: Path) -> IdHasher:
    return IdHasher(load_or_make_key(machines / "keys" / f"{spec.slug}.key")[0], spec.organization_id)


def _key_of(path: Path, _organization: str) -> bytes:
    return load_or_make_key(path)[0]


def _last_day(days: int) -> date:
    return timezone.localdate() + timedelta(days=days - 1)


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
