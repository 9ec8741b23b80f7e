"""A client's standing for linkage, as the client's own agency keeps it: tokens in, tokens out. Inside a door.

Whoever stores is told nothing: the answer and its time are the same whether anybody else knows the person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from psycopg2.extras import execute_values

from agencies import ledger, linknet, vault
from agencies.roles import Permission
from agencies.scope import NotAllowed, current_actor
from agencies.scope.linking import linking
from referrals.linkage import join, normalise
from referrals.linkage.tokens import LENGTH, MOST_TOKENS
from referrals.linking import turns
from referrals.models import LIVE, Client, CountObjection, LinkRecord, ReleaseOfInformation, Shredding
from referrals.picklists import ReleaseClass

# An agency that may do without releases makes its tokens anew after so long.
_WITHOUT = timedelta(days=365)

Token = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class _Basis:
    """What lets a client be counted: a live release, or none where the agency may do without."""

    release: ReleaseOfInformation | None
    ends_at: datetime
    partners: list[int]
    confirms: bool


def store(*, client: Client, tokens: Sequence[Token], epoch: int, version: int) -> LinkRecord:
    """Keep a client's tokens, as the key holders' function gave them, under the hub's pepper; they take the
    place of earlier ones.

    Raises NotAllowed without a right to edit or load clients, ValidationError where no release lets the
    client be counted now, and for tokens that no tool of ours makes.
    """
    actor = current_actor()
    if not (actor.may(Permission.CLIENT_EDIT) or actor.may(Permission.DATA_IMPORT)):
        raise NotAllowed
    _check(tokens, epoch, version)
    if vault.is_shredded(actor.agency_id, client.pk):
        raise ValidationError(_("The identity in this record was destroyed. There is nothing to count."))
    peppered = [(join.ORDER.index(key), vault.pepper(token, epoch=epoch)) for key, token in tokens]
    turns.hold([client.pk])
    record = _keep(client, _basis(client), epoch=epoch, version=version, mask=join.mask_of(tokens))
    _put(record, peppered)
    ledger.record("linkrecord.stored", record)
    return record


def renew(client: Client) -> LinkRecord | None:
    """Let the client's tokens stand under the newest release, as they are; None if there are none.

    They are as old as they were: what the card says since still waits for new ones. To be called when a
    release to the hub was signed. Raises ValidationError where none lives.
    """
    current_actor().require(Permission.CLIENT_EDIT)
    there = LinkRecord.objects.filter(client=client, ends_at__gt=Now())
    if not there.exists():
        return None
    turns.hold([client.pk])
    before = there.first()
    if before is None:
        return None
    with linking(whole=False) as cursor:
        cursor.execute("SELECT key, token FROM referrals_linktoken WHERE record_id = %s", [before.number])
        held = [(key, bytes(token)) for key, token in cursor.fetchall()]
    facts = {"epoch": before.epoch, "version": before.version, "mask": before.mask}
    record = _keep(client, _basis(client), made_at=before.changed_at, **facts)
    if record.number != before.number:
        _put(record, held)
    return record


def leave(client: Client) -> None:
    """Take the client's tokens away. What was concluded with their help is read no more from then on."""
    current_actor().require(Permission.CLIENT_EDIT)
    LinkRecord.objects.filter(client=client).delete()


def wanted(epoch: int) -> QuerySet[Client]:
    """The acting agency's clients who may be counted now and have no tokens of this epoch."""
    counted = ReleaseOfInformation.objects.filter(
        LIVE, client=OuterRef("pk"), recipient=None, classes__contains=[ReleaseClass.COUNT.value]
    )
    there = LinkRecord.objects.filter(client=OuterRef("pk"), epoch=epoch, ends_at__gt=Now())
    takes_part, without = _standing()
    if not takes_part:
        return Client.objects.none()
    may = ~_objects() | Q(Exists(counted)) if without else Q(Exists(counted))
    shredded = Shredding.objects.filter(client=OuterRef("pk"))
    return Client.objects.filter(may, ~Exists(there), ~Exists(shredded)).order_by("recorded_at", "pk")


def enter_asking(pairs: Sequence[tuple[int, int]]) -> None:
    """Into the ledgers of the others, for their clients' own lists: that we were shown their records beside
    ours, by number. One statement; what it does follows from what we are shown and nothing else."""
    if pairs:
        ours, theirs = zip(*pairs, strict=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT casehub_enter_asking(%s, %s)", [list(ours), list(theirs)])


def _objects() -> Q:
    """Whoever took a release to the hub back, or does not want to be counted: tokens only under a new one."""
    back = ReleaseOfInformation.objects.filter(
        client=OuterRef("pk"), recipient=None, revoked_at__isnull=False
    )
    return Q(Exists(CountObjection.objects.filter(client=OuterRef("pk")))) | Q(Exists(back))


def is_counted_without(client: Client) -> bool:
    """Whether the client is counted, or would be, without a release: the agency may, and they have not said
    that they don't want it."""
    return all(_standing()) and not Client.objects.filter(_objects(), pk=client.pk).exists()


def _standing() -> tuple[bool, bool]:
    """Whether the acting agency takes part in linkage, and whether its agreement and awards let tokens of its
    clients exist without a release."""
    own = current_actor().agency_id
    with connection.cursor() as cursor:
        cursor.execute("SELECT casehub_takes_part(%s), casehub_does_without_release(%s)", [own, own])
        takes_part, without = cursor.fetchone()
        return takes_part, without


def _check(tokens: Sequence[Token], epoch: int, version: int) -> None:
    wrong = _("These tokens were not made by our tool, or by an old one.")
    known = all(key in join.ORDER and len(token) == LENGTH for key, token in tokens)
    if not known or version != normalise.VERSION or len(set(tokens)) != len(tokens):
        raise ValidationError(wrong)
    if len(tokens) > MOST_TOKENS or epoch not in {one.number for one in linknet.epochs()}:
        raise ValidationError(wrong)


def _basis(client: Client) -> _Basis:
    """The newest live release, which may name fewer than one before. It is held until this transaction ends,
    so that a revocation waits."""
    live = ReleaseOfInformation.objects.filter(
        LIVE, client=client, recipient=None, classes__contains=[ReleaseClass.COUNT.value]
    )
    release = live.order_by("-recorded_at", "pk").select_for_update(of=("self",), no_key=True).first()
    if release is not None:
        confirms = ReleaseClass.CONFIRM.value in release.classes
        return _Basis(release, release.ends_at, release.partners, confirms)
    if not is_counted_without(client):
        raise ValidationError(_("No release lets this client be counted now. Nothing was kept."))
    own = current_actor().agency_id
    return _Basis(None, timezone.now() + _WITHOUT, [one for one in linknet.partners() if one != own], False)


def _keep(
    client: Client, basis: _Basis, *, epoch: int, version: int, mask: int, made_at: datetime | None = None
) -> LinkRecord:
    """The client's one record. It stays the same one, and the same person, unless it has ended or is compared
    with others than before: what came of that comparison goes with it. `made_at`: when its tokens were made
    (now)."""
    facts = {"epoch": epoch, "version": version, "mask": mask}
    under = {"release": basis.release, "ends_at": basis.ends_at}
    among = {"partners": basis.partners, "confirms": basis.confirms}
    before = LinkRecord.objects.filter(client=client).first()
    try:
        with transaction.atomic():
            if before is not None:
                same = LinkRecord.objects.filter(pk=before.pk, ends_at__gt=Now(), **among)
                if same.update(**facts, **under, changed_at=made_at or Now()):
                    return same.get()
                before.delete()
            made = LinkRecord.objects.create(
                agency_id=current_actor().agency_id, client=client, **facts, **under, **among
            )
            if made_at is not None:
                LinkRecord.objects.filter(pk=made.pk).update(changed_at=made_at)
                made.refresh_from_db()
    except IntegrityError as refused:
        raise ValidationError(_("No release lets this client be counted now. Nothing was kept.")) from refused
    return made


def _put(record: LinkRecord, held: Sequence[tuple[int, bytes]]) -> None:
    with linking(whole=False) as cursor:
        cursor.execute("DELETE FROM referrals_linktoken WHERE record_id = %s", [record.number])
        rows = [(record.number, key, token, record.ends_at) for key, token in held]
        execute_values(
            cursor.cursor, "INSERT INTO referrals_linktoken (record_id, key, token, ends_at) VALUES %s", rows
        )
