"""An agency's own affairs, as its people settle them: projects, awards, what it shares, who works there.

Called inside a door; each act asks for its permission, changes, and says so in the ledger (rows behind the
wall say so by themselves). Taking agencies and first people in stands in actions.py.
"""

import uuid
from datetime import date, datetime

from allauth.mfa.models import Authenticator
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone

from agencies import actions, ledger
from agencies.models import (
    Agency,
    AgencyType,
    ApiToken,
    Award,
    AwardProject,
    County,
    HandoverKey,
    Invitation,
    LedgerEntry,
    Membership,
    Project,
    Regime,
    SharingAgreement,
    User,
    WorkstationKey,
)
from agencies.roles import ROLES, Permission, Role
from agencies.scope import NotAllowed, current_actor


class Unwise(Exception):
    """What was asked would leave the agency worse off. Carries a reason by name, for the page's words."""


def set_facts(*, county: County | None, lost_after_days: int) -> None:
    """Where the agency is, and after how many silent days it calls a client lost."""
    actor = current_actor()
    actor.require(Permission.AGENCY_MANAGE)
    Agency.objects.filter(pk=actor.agency_id).update(county=county, lost_after_days=lost_after_days)
    ledger.record("agency.changed", _agency())


def add_project(
    *, name: str, kind: str, county: County | None, is_confidential_site: bool, started_on: date | None
) -> Project:
    actor = current_actor()
    actor.require(Permission.AGENCY_MANAGE)
    return Project.objects.create(
        agency_id=actor.agency_id,
        name=name,
        kind=kind,
        county=county,
        is_confidential_site=is_confidential_site,
        started_on=started_on,
    )


def add_award(*, funder: str, number: str, starts_on: date, ends_on: date, regimes: list[str]) -> Award:
    """Raises IntegrityError for a number that stands already."""
    actor = current_actor()
    actor.require(Permission.AGENCY_MANAGE)
    return Award.objects.create(
        agency_id=actor.agency_id,
        funder=funder,
        number=number,
        starts_on=starts_on,
        ends_on=ends_on,
        regimes=regimes,
    )


def pay_for(*, award: Award, project: Project, starts_on: date, ends_on: date | None) -> AwardProject:
    """From `starts_on` until before `ends_on`, the award pays for the project."""
    actor = current_actor()
    actor.require(Permission.AGENCY_MANAGE)
    return AwardProject.objects.create(
        agency_id=actor.agency_id, award=award, project=project, starts_on=starts_on, ends_on=ends_on
    )


def sign_agreement(
    *,
    shares_totals: bool,
    text_digest: str,
    shares_tokens_under_release: bool = False,
    shares_tokens_without_release: bool = False,
) -> SharingAgreement:
    """Sign the next version; it ends the one before. `text_digest`: SHA-256 of the text that was read.

    The agency's hand-over key stands on it from then on, for other agencies to find. Raises
    Unwise("regimes") for tokens without a release where an award's rules forbid them (ADR 16).
    """
    actor = current_actor()
    actor.require(Permission.AGENCY_MANAGE)
    if shares_tokens_without_release and not may_do_without_release():
        raise Unwise("regimes")
    own = SharingAgreement.objects.filter(agency_id=actor.agency_id)
    with transaction.atomic():
        # Whoever stores tokens waits, and two who sign at once come one after the other.
        Agency.objects.select_for_update(no_key=True).get(pk=actor.agency_id)
        before = own.order_by("-version").first()
        agreement = own.create(
            agency_id=actor.agency_id,
            version=before.version + 1 if before else 1,
            shares_totals=shares_totals,
            shares_tokens_under_release=shares_tokens_under_release,
            shares_tokens_without_release=shares_tokens_without_release,
            text_digest=text_digest,
            signed_by_id=actor.user_id,
            signed_at=Now(),
        )
        agreement.refresh_from_db()
        # Only now, as the database takes away at once what no agreement lets stand.
        own.filter(ended_at=None).exclude(pk=agreement.pk).update(ended_at=agreement.signed_at)
        HandoverKey.objects.filter(agency_id=actor.agency_id, ended_at=None).update(agreement=agreement)
    return agreement


def may_do_without_release() -> bool:
    """Whether no award of the acting agency carries a rule under which nothing of a client may be told, in
    tokens either, without a signed release; of one that says nothing it may be."""
    awards = Award.objects.filter(agency_id=current_actor().agency_id)
    return all(award.regimes == [Regime.NONE.value] for award in awards)


def agreements() -> models.QuerySet[SharingAgreement]:
    """All that the acting agency has signed, newest first."""
    own = SharingAgreement.objects.filter(agency_id=current_actor().agency_id)
    return own.select_related("signed_by").order_by("-version")


def agreement_in_force(at: datetime | None = None) -> SharingAgreement | None:
    """The acting agency's agreement at that time, or now."""
    at = at or timezone.now()
    in_force = models.Q(ended_at=None) | models.Q(ended_at__gt=at)
    return (
        SharingAgreement.objects.filter(in_force, agency_id=current_actor().agency_id, signed_at__lte=at)
        .order_by("-version")
        .first()
    )


def set_veto(*, vetoed: bool) -> None:
    """A tribal owner's veto on every number across agencies. Raises NotAllowed for any other agency."""
    actor = current_actor()
    actor.require(Permission.AGENCY_MANAGE)
    changed = Agency.objects.filter(pk=actor.agency_id, is_tribal=True).update(
        sharing_vetoed=vetoed, sharing_vetoed_at=timezone.now()
    )
    if not changed:
        raise NotAllowed
    ledger.record("agency.sharing_vetoed" if vetoed else "agency.sharing_allowed", _agency())


def roles_to_give() -> list[Role]:
    """The roles people of the acting agency can hold: the office's at the office, the others elsewhere."""
    is_office = _agency().type == AgencyType.HUB_OFFICE
    anywhere = {"partner_viewer", "auditor", "survivor_consultant"}
    return [role for role in ROLES.values() if role.at_hub_office == is_office or role.name in anywhere]


def invite_member(*, email: str, name: str, role: str) -> tuple[Invitation, str]:
    """Invite someone to the acting agency; the token is shown once."""
    actor = current_actor()
    actor.require(Permission.MEMBER_INVITE)
    if role not in {one.name for one in roles_to_give()}:
        raise NotAllowed(role)
    inviter = User.objects.filter(pk=actor.user_id or 0).first()
    invitation, token = actions.invite(agency=_agency(), email=email, name=name, role=role, by=inviter)
    ledger.record("member.invited", invitation, why=role)
    return invitation, token


def take_back_invitation(invitation_id: int) -> None:
    """Raises Invitation.DoesNotExist for one of another agency, or one that was accepted."""
    actor = current_actor()
    actor.require(Permission.MEMBER_INVITE)
    invitation = Invitation.objects.get(pk=invitation_id, agency_id=actor.agency_id, accepted_at=None)
    ledger.record("member.invitation_taken_back", invitation, why=invitation.role)
    invitation.delete()


def end_membership(membership_id: int) -> None:
    """Take a role away at the acting agency, from the next request on.

    Raises Membership.DoesNotExist for another agency's, Unwise("last") for the last who can invite.
    """
    actor = current_actor()
    actor.require(Permission.MEMBER_INVITE)
    Agency.objects.select_for_update().get(pk=actor.agency_id)  # two last ones must not end each other
    membership = Membership.objects.select_related("user").get(pk=membership_id, agency_id=actor.agency_id)
    inviting = [role.name for role in ROLES.values() if Permission.MEMBER_INVITE in role.grants]
    others = Membership.objects.filter(agency_id=actor.agency_id, role__in=inviting, user__is_active=True)
    if membership.role in inviting and not others.exclude(pk=membership.pk).exists():
        raise Unwise("last")
    ledger.record("member.role_ended", membership.user, why=membership.role)
    ApiToken.objects.filter(user=membership.user, agency_id=actor.agency_id).delete()
    actions.end_role(membership.user, _agency(), membership.role)


def take_second_factor_off(user_id: int) -> None:
    """For someone who lost the device, after talking with them: they set a new one up at the next sign-in.

    Raises User.DoesNotExist for who has no role here, NotAllowed for oneself and for people who also work
    elsewhere: no agency opens another's door.
    """
    actor = current_actor()
    actor.require(Permission.MEMBER_INVITE)
    user = User.objects.filter(memberships__agency_id=actor.agency_id).distinct().get(pk=user_id)
    if user.pk == actor.user_id or user.memberships.exclude(agency_id=actor.agency_id).exists():
        raise NotAllowed
    Authenticator.objects.filter(user=user).delete()
    user.memberships.update(workstation_since=None)
    ledger.record("member.second_step_taken_off", user)


def workstations() -> models.QuerySet[WorkstationKey]:
    """The acting agency's shared computers whose passkeys stand."""
    return WorkstationKey.objects.filter(agency_id=current_actor().agency_id, removed_at=None)


def add_workstation(
    *, title: str, credential_id: bytes, credential: bytes, sign_count: int
) -> WorkstationKey:
    """Let a shared computer's passkey stand in for a factor of the agency's hotline and caseworkers.

    `credential` is what the computer attested (AttestedCredentialData), verified by the caller. Raises
    IntegrityError for a passkey that the agency has had already.
    """
    actor = current_actor()
    actor.require(Permission.MEMBER_INVITE)
    key = WorkstationKey.objects.create(
        agency_id=actor.agency_id,
        title=title,
        credential_id=credential_id,
        credential=credential,
        sign_count=sign_count,
        added_by_id=actor.user_id,
    )
    ledger.record("workstation.added", key)
    return key


def remove_workstation(key_id: uuid.UUID) -> None:
    """From the next request on, nobody stands on it. Raises WorkstationKey.DoesNotExist for one that does not
    stand here."""
    current_actor().require(Permission.MEMBER_INVITE)
    key = workstations().select_for_update().get(pk=key_id)
    key.removed_at = timezone.now()
    key.save(update_fields=["removed_at"])
    ledger.record("workstation.removed", key)


def use_workstation(key: WorkstationKey, *, sign_count: int) -> None:
    """The acting person has proven themselves by this computer's passkey. In the ledger once a day.

    Raises NotAllowed for roles that must have a factor of their own.
    """
    actor = current_actor()
    if not actor.may_use_workstation or actor.user_id is None:
        raise NotAllowed
    key.sign_count, key.last_used_on = sign_count, timezone.localdate()
    key.save(update_fields=["sign_count", "last_used_on"])
    here = Membership.objects.filter(user_id=actor.user_id, agency_id=actor.agency_id)
    here.filter(workstation_since=None).update(workstation_since=timezone.now())
    entered = LedgerEntry.objects.filter(
        agency_id=actor.agency_id, target_id=str(key.pk), user_id=actor.user_id, verb="workstation.used"
    )
    if not entered.filter(at__date=timezone.localdate()).exists():
        ledger.record("workstation.used", key)


def revoke_token(token_id: int) -> None:
    """End one of the acting user's tokens. Raises ApiToken.DoesNotExist for anyone else's."""
    actor = current_actor()
    token = ApiToken.objects.get(pk=token_id, user_id=actor.user_id or 0, agency_id=actor.agency_id)
    ledger.record("token.revoked", token)
    token.delete()


def _agency() -> Agency:
    return Agency.objects.get(pk=current_actor().agency_id)
