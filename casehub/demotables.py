"""The demo's released tables: what two people of the hub office agreed on, and what the nation allowed.

Asked, approved and answered through the same doors as in a real network, by invented people.
"""

from collections.abc import Iterator

from agencies.models import Agency, Membership
from agencies.scope import Actor, acting_as
from reporting import releases
from reporting.measures import Period, cubes, measures, small
from reporting.models import Grid, Mode, Release, Scope, Specification
from reporting.sdc import Unprotectable

PLACES = "stages_by_place"


def agree(hub: Agency) -> list[Specification]:
    """Every measure for partners each year; of the places also one table for the public, and one of three
    years together. Safe to call again."""
    wanted = [(name, Scope.PARTNERS, Mode.SUPPRESSED, Grid.YEAR) for name in (*measures(), *cubes())]
    wanted += [
        (PLACES, Scope.PUBLIC, Mode.ROUNDED, Grid.YEAR),
        (PLACES, Scope.PARTNERS, Mode.SUPPRESSED, Grid.THREE_YEARS),
    ]
    for name, scope, mode, grid in wanted:
        standing = Specification.objects.filter(measure=name, scope=scope, grid=grid, withdrawn_at=None)
        if standing.exists():
            continue
        views = small.preset(cubes()[name]) if grid == Grid.THREE_YEARS else None
        with acting_as(_person(hub, "coordinator")):
            made = releases.specify(measure=name, grid=grid, scope=scope, mode=mode, views=views)
        with acting_as(_person(hub, "output_checker")):
            releases.approve_specification(made)
    for agency in Agency.objects.filter(is_tribal=True, left_on=None):
        with acting_as(_person(agency, "data_lead")):
            for plan, _measure, _scope, answer in releases.asked_of_nation():
                if plan is not None and answer is None:
                    releases.answer_for_nation(is_allowed=True, specification=plan)
    return list(Specification.objects.filter(is_approved=True, withdrawn_at=None))


def publish(hub: Agency, period: Period) -> Iterator[tuple[Specification, Release | None]]:
    """Release the period under each of them whose grid has it, partners' first; None for what can't be."""
    order = {name: place for place, name in enumerate((*measures(), *cubes()))}
    plans = [one for one in agree(hub) if releases.period_of(one.grid, period.start) == period]
    for plan in sorted(plans, key=lambda one: (one.scope != Scope.PARTNERS, order[one.measure])):
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
