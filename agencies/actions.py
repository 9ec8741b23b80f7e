"""Letting agencies and people in and out. A role is granted here and nowhere else."""

import hashlib
import itertools
import secrets
from datetime import timedelta

from django.contrib.auth.models import Group
from django.contrib.auth.models import Permission as AuthPermission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from guardian.models import GroupObjectPermission

from agencies import ledger, vault
from agencies.models import Agency, ApiToken, Invitation, Membership, User
from agencies.roles import ROLES
from agencies.scope import Actor, NotAllowed, acting_as, current_actor

INVITATION_LIVES = timedelta(days=7)
API_TOKEN_LIVES = timedelta(days=90)


def open_agency(**facts: object) -> Agency:
    """Take an agency in: its row, a group for each role with guardian's grants on it, its data keys."""
    with transaction.atomic():
        agency = Agency.objects.create(**facts)
        sync_grants(agency)
        vault.open_agency_keys(agency.pk)
    return agency


def sync_grants(agency: Agency) -> None:
    """Make guardian's grants on the agency what ROLES says, no more and no less."""
    content_type = ContentType.objects.get_for_model(Agency)
    known = dict(AuthPermission.objects.filter(content_type=content_type).values_list("codename", "pk"))
    names = [f"agency:{agency.pk}:{role}" for role in ROLES]
    Group.objects.bulk_create([Group(name=name) for name in names], ignore_conflicts=True)
    groups = dict(Group.objects.filter(name__in=names).values_list("name", "pk"))
    wanted = {
        (groups[f"agency:{agency.pk}:{role.name}"], known[permission.value])
        for role in ROLES.values()
        for permission in role.grants
    }
    held = GroupObjectPermission.objects.filter(content_type=content_type, object_pk=str(agency.pk))
    have = set()
    for grant in held:
        if (grant.group_id, grant.permission_id) in wanted:
            have.add((grant.group_id, grant.permission_id))
        else:
            grant.delete()
    GroupObjectPermission.objects.bulk_create(
        [
            GroupObjectPermission(
                group_id=group, permission_id=permission, content_type=content_type, object_pk=str(agency.pk)
            )
            for group, permission in sorted(wanted - have)
        ]
    )


def grant_role(user: User, agency: Agency, role: str) -> Membership:
    """Give a role; it holds from the user's next request. Raises KeyError for a role that is not in ROLES."""
    ROLES[role]
    with transaction.atomic():
        membership, _ = Membership.objects.get_or_create(user=user, agency=agency, role=role)
        user.groups.add(Group.objects.get(name=f"agency:{agency.pk}:{role}"))
    return membership


def end_role(user: User, agency: Agency, role: str) -> None:
    """Take a role away; it is gone at the user's next request."""
    with transaction.atomic():
        Membership.objects.filter(user=user, agency=agency, role=role).delete()
        user.groups.remove(Group.objects.get(name=f"agency:{agency.pk}:{role}"))


def enter_rest(user: User, *, by: int | None, why: str = "") -> None:
    """Enter that the account now rests, or is back, at each agency where the person holds a role.

    Opens a door at each, so none may be open; `by` is the acting person's id, None for the host's commands.
    """
    verb = "member.brought_back" if user.is_active else "member.put_to_rest"
    for agency in Agency.objects.filter(memberships__user=user).distinct():
        with acting_as(Actor(by, agency.pk, frozenset())):
            ledger.record(verb, user, why=why)


def invite(*, agency: Agency, email: str, name: str, role: str, by: User | None) -> tuple[Invitation, str]:
    """An invitation and its one-time token; the token is shown once and only its digest kept."""
    ROLES[role]
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        agency=agency,
        email=email.lower(),
        name=name,
        role=role,
        token_digest=hashlib.sha256(token.encode()).digest(),
        invited_by=by,
        expires_at=timezone.now() + INVITATION_LIVES,
    )
    return invitation, token


def open_invitation(token: str) -> Invitation | None:
    """The invitation this token opens; None for one that is wrong, used or over."""
    return (
        Invitation.objects.select_related("agency")
        .filter(
            token_digest=hashlib.sha256(token.encode()).digest(),
            accepted_at=None,
            expires_at__gt=timezone.now(),
            agency__left_on=None,
        )
        .first()
    )


def keeps_password(invitation: Invitation) -> bool:
    """Whether the invited person must give the password they have, because they work elsewhere too.

    Someone whose roles are all at the inviting agency chooses a new one: a new invitation is how an agency
    lets its own people back in, and no agency can do that to another's.
    """
    return Membership.objects.filter(user__email=invitation.email).exclude(agency=invitation.agency).exists()


def accept_invitation(token: str, *, password: str) -> User | None:
    """Make the invited person's account (or find it) and grant the role, once; None for any bad token, and
    for a wrong password of someone who keeps theirs."""
    with transaction.atomic():
        invitation = open_invitation(token)
        if invitation is None or not Invitation.objects.select_for_update().filter(
            pk=invitation.pk, accepted_at=None
        ):
            return None
        user = User.objects.filter(email=invitation.email).first()
        if user is None:
            user = User.objects.create_user(invitation.email, password, name=invitation.name)
        elif not user.is_active:
            return None
        elif keeps_password(invitation):
            if not user.check_password(password):
                return None
        else:
            user.set_password(password)
            user.save(update_fields=["password"])
        grant_role(user, invitation.agency, invitation.role)
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
    return user


def free_slug(name: str) -> str:
    """A short name for addresses and commands, made of the agency's name, that no agency has."""
    wanted = slugify(name)[:36].strip("-") or "agency"
    taken = set(Agency.objects.filter(slug__startswith=wanted).values_list("slug", flat=True))
    return next(
        slug for number in itertools.count(1) if (slug := wanted + f"-{number}" * (number > 1)) not in taken
    )


def make_api_token(*, title: str) -> tuple[ApiToken, str]:
    """A token for the acting user at the acting agency; the secret is shown once."""
    actor = current_actor()
    if actor.user_id is None:
        raise NotAllowed
    secret = secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user_id=actor.user_id,
        agency_id=actor.agency_id,
        title=title,
        digest=hashlib.sha256(secret.encode()).digest(),
        expires_at=timezone.now() + API_TOKEN_LIVES,
    )
    return token, secret
