"""What the demo's agencies say is free: one last bed at a confidential shelter, one post that went stale, and
some that say nothing at all. Posted by their own invented staff; places and numbers are made up."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from agencies.models import Agency, Membership, Project
from agencies.scope import Actor, acting_as
from casehub.synthetic import World
from casehub.synthetic.network import AgencySpec
from referrals import availability
from referrals.models import OpeningPost

_EVERYBODY: tuple[str, ...] = ("all_genders", "families")
# By kind of agency: the project's kind, hours ago, and what is said of it. Others post nothing: not reported.
_SAID: dict[str, tuple[str, float, dict[str, Any]]] = {
    "shelter": (
        "shelter",
        0.7,
        {"kind": "shel_em", "free": 1, "places": 12, "accepts": ["women", "families"], "wait": "none"},
    ),
    "night_shelter": (
        "shelter",
        72,
        {"kind": "shel_em", "free": 6, "places": 20, "accepts": ["all_genders", "pets"]},
    ),
    "child_welfare": (
        "housing",
        5,
        {"kind": "shel_tr", "free": 2, "places": 16, "accepts": ["minors"], "wait": "week"},
    ),
    "legal": ("legal", 20, {"kind": "legal_imm", "free": 3, "accepts": [*_EVERYBODY], "wait": "month"}),
    "hotline": ("hotline", 2, {"kind": "crisis", "accepts": [*_EVERYBODY, "minors"], "wait": "none"}),
    "outreach": ("outreach", 9, {"kind": "basic", "free": 4, "accepts": ["all_genders", "minors", "pets"]}),
    "tribal": ("case_management", 11, {"kind": "cm", "free": 2, "accepts": [*_EVERYBODY], "wait": "week"}),
}
_CONFIDENTIAL = frozenset({"shelter"})


def post(world: World) -> int:
    """Post for each agency that says anything; how many did. Those that have posted before are left alone."""
    return sum(_post(spec) for spec in world.agencies if spec.kind in _SAID)


def _post(spec: AgencySpec) -> bool:
    kind, hours, said = _SAID[spec.kind]
    agency = Agency.objects.get(slug=spec.slug)
    worker = Membership.objects.filter(agency=agency, role="caseworker").order_by("user__email")[0].user
    names = [one.name for one in spec.projects if one.kind == kind]
    with acting_as(Actor.of(worker, agency)):
        project = Project.objects.filter(name__in=names).first()
        if project is None or OpeningPost.objects.exists():
            return False
        availability.post_opening(
            project=project,
            languages=["eng", "spa"] if spec.kind in ("legal", "hotline", "shelter") else ["eng"],
            phone=spec.workers[0].phone,
            is_confidential=spec.kind in _CONFIDENTIAL,
            posted_at=timezone.now() - timedelta(hours=hours),
            **said,
        )
    return True
