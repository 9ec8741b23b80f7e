"""Laws about the vocabulary of access: nothing unused, nothing granted twice over, guardian in step."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from guardian.models import GroupObjectPermission

from agencies import actions
from agencies.models import Agency, AgencyType
from agencies.roles import ROLES, Permission
from agencies.scope import Actor, NotAllowed

SOURCES = [
    path
    for floor in ("agencies", "referrals", "reporting", "casehub")
    for path in (settings.ROOT / floor).rglob("*.py")
    if path != settings.ROOT / "agencies" / "roles.py" and "migrations" not in path.parts
]


def uses(permission: Permission, sources: list[Path] = SOURCES) -> list[Path]:
    return [path for path in sources if re.search(rf"\bPermission\.{permission.name}\b", path.read_text())]


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_is_asked_for_somewhere_and_granted_to_someone(permission):
    assert any(permission in role.grants for role in ROLES.values())
    assert uses(permission)


@pytest.mark.parametrize("role", ROLES.values(), ids=lambda role: role.name)
def test_no_role_at_the_hubs_office_sees_a_client(role):
    sees = {
        Permission.CLIENT_VIEW,
        Permission.CLIENT_EDIT,
        Permission.CLIENT_RESTRICT,
        Permission.CONTACT_RECORD,
        Permission.DATA_IMPORT,
        Permission.REFERRAL_ANSWER,
        Permission.REFERRAL_SEND,
    }
    if role.at_hub_office or role.name in ("partner_viewer", "auditor", "survivor_consultant"):
        assert not role.grants & sees


@pytest.mark.parametrize("role", ROLES.values(), ids=lambda role: role.name)
def test_whoever_sees_a_client_or_exports_has_a_second_factor(role):
    if role.grants & {Permission.CLIENT_VIEW, Permission.REPORT_EXPORT, Permission.GRANT_REPORT}:
        assert role.needs_second_factor


def test_the_hotline_writes_and_reads_nothing_back():
    assert ROLES["hotline"].grants == {Permission.CONTACT_RECORD}


@pytest.mark.parametrize("role", ROLES.values(), ids=lambda role: role.name)
def test_guardian_grants_what_the_role_says_at_that_agency_and_at_no_other(world, role):
    here, there = world.agency("A"), world.agency("B")
    user = world.person("A", role.name)
    assert Actor.of(user, here).permissions == role.grants
    with pytest.raises(NotAllowed):
        Actor.of(user, there)


def test_guardian_is_brought_back_in_step(world):
    """Sabotage: a grant too many and one too few; a sync mends both, and only then does it hold."""
    agency = world.agency("A")
    grants = GroupObjectPermission.objects.filter(
        group__name=f"agency:{agency.pk}:hotline", object_pk=str(agency.pk)
    )
    wanted = grants.get()
    extra = GroupObjectPermission.objects.filter(permission__codename="client_view").first()
    GroupObjectPermission.objects.create(
        group=wanted.group,
        permission=extra.permission,
        content_type=wanted.content_type,
        object_pk=wanted.object_pk,
    )
    wanted.delete()
    hotline = world.person("A", "hotline")
    assert Actor.of(hotline, agency).permissions == {Permission.CLIENT_VIEW}
    actions.sync_grants(agency)
    assert Actor.of(hotline, agency).permissions == ROLES["hotline"].grants


def test_a_role_taken_away_is_gone_at_once(world):
    user, agency = world.person("A"), world.agency("A")
    actions.end_role(user, agency, "caseworker")
    with pytest.raises(NotAllowed):
        Actor.of(user, agency)


def test_a_group_without_a_membership_opens_nothing(world):
    """Someone slipped into guardian's group by another way holds no role, so no door opens."""
    stranger, agency = world.person("B"), world.agency("A")
    world.person("A")
    from django.contrib.auth.models import Group

    stranger.groups.add(Group.objects.get(name=f"agency:{agency.pk}:caseworker"))
    with pytest.raises(NotAllowed):
        Actor.of(stranger, agency)


def test_a_membership_without_guardians_group_permits_nothing(world):
    from agencies.models import Membership

    stranger, agency = world.person("B"), world.agency("A")
    Membership.objects.create(user=stranger, agency=agency, role="supervisor")
    assert Actor.of(stranger, agency).permissions == frozenset()


@pytest.mark.parametrize("fact", [{"is_superuser": True}, {"is_superuser": True, "is_staff": True}])
def test_a_superuser_is_nobody_here(world, fact):
    user = world.person("B")
    for name, value in fact.items():
        setattr(user, name, value)
    user.save()
    with pytest.raises(NotAllowed):
        Actor.of(user, world.agency("A"))
    assert Actor.of(user, world.agency("B")).permissions == ROLES["caseworker"].grants


def test_an_agency_that_has_left_has_no_actor(world):
    from datetime import date

    user, agency = world.person("A"), world.agency("A")
    Agency.objects.filter(pk=agency.pk).update(left_on=date(2025, 1, 1))
    with pytest.raises(NotAllowed):
        Actor.of(user, agency)


def test_an_account_at_rest_has_no_actor(world):
    user = world.person("A")
    user.is_active = False
    user.save()
    with pytest.raises(NotAllowed):
        Actor.of(user, world.agency("A"))


def test_the_permissions_of_an_agency_are_the_vocabulary():
    assert {codename for codename, _name in Agency._meta.permissions} == {str(p) for p in Permission}
    assert AgencyType.HUB_OFFICE in AgencyType
