"""The demo's released tables: what two people of the hub office agreed on, and what the nation allowed.

Asked, approved and answered through the same doors as in a real network, by invented people.
"""

from collections.abc import Iterator

from agencies.models import Agency, Membership
from agencies.scope import Actor, acting_as
from reporting import releases
from reporting.measures import Period, cubes, measures
from reporting.models import Grid, Mode, Release, Scope, Specification
from reporting.sdc import Unprotectable

FOR_ANYBODY = "stages_by_place"


def agree(hub: Agency) -> list[Specification]:
    """Every measure for partners each year, and one table for the public. Safe to call again."""
    wanted = [(name, Scope.PARTNERS, Mode.SUPPRESSED) for name in (*measures(), *cubes())]
    if FOR_ANYBODY in cubes():
        wanted.append((FOR_ANYBODY, Scope.PUBLIC, Mode.ROUNDED))
    for name, scope, mode in wanted:
        if Specification.objects.filter(measure=name, scope=scope, withdrawn_at=None).exists():
            continue
        with acting_as(_person(hub, "coordinator")):
            made = releases.specify(measure=name, grid=Grid.YEAR, scope=scope, mode=mode)
        with acting_as(_person(hub, "output_checker")):
            releases.approve_specification(made)
    standing = list(Specification.objects.filter(is_approved=True, withdrawn_at=None))
    for agency in Agency.objects.filter(is_tribal=True, left_on=None):
        with acting_as(_person(agency, "data_lead")):
            for plan, _measure, _scope, answer in releases.asked_of_nation():
                if plan is not None and answer is None:
                    releases.answer_for_nation(is_allowed=True, specification=plan)
    return standing


def publish(hub: Agency, period: Period) -> Iterator[tuple[Specification, Release | None]]:
    """Release the period under each of them, partners' first; None for what can't be."""
    order = {name: place for place, name in enumerate((*measures(), *cubes()))}
    for plan in sorted(agree(hub), key=lambda one: (one.scope != Scope.PARTNERS, order[one.measure])):
        try:
            made = releases.publish(plan, period)
        except Unprotectable:
            made = None
        yield plan, made if isinstance(made, Release) else None


def _person(agency: Agency, role: str) -> Actor:
    held = Membership.objects.filter(agency=agency, role=role).select_related("user").order_by("pk").first()
    if held is None:
        raise LookupError(f"{agency} has no {role}")
    return Actor.of(held.user, agency)
