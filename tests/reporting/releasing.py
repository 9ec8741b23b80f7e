"""Releases as two people make them: a coordinator of the hub office asks, its output checker approves."""

from reporting import releases
from reporting.measures import Period
from reporting.models import Grid, Proposal, Release, Specification


def grid_of(period: Period) -> str:
    return next(grid for grid in Grid.values if releases.period_of(grid, period.start) == period)


def approved(world, measure: str = "pipeline", grid: str = Grid.YEAR, **how) -> Specification:
    """A specification that stands, asked for and approved if there was none."""
    with world.acting("HUB", "coordinator"):
        standing = Specification.objects.filter(measure=measure, grid=grid, withdrawn_at=None)
        found = standing.filter(scope=how.get("scope", "partners")).first()
        made = found or releases.specify(measure=measure, grid=grid, **how)
    if found is None:
        with world.acting("HUB", "output_checker"):
            releases.approve_specification(made)
    return Specification.objects.get(pk=made.pk)


def released(world, measure: str, period: Period, **how) -> Release:
    """The measure's release of a closed period, made now if it was not there."""
    made = releases.publish(approved(world, measure, grid_of(period), **how), period)
    assert isinstance(made, Release)
    return made


def drawn(world, measure: str, period: Period, **how) -> Proposal:
    """A table that the coordinator wanted and the hub has drawn."""
    with world.acting("HUB", "coordinator"):
        made = releases.request(measure=measure, period=period, grid=grid_of(period), **how)
    releases.draw_proposal(made.pk)
    return Proposal.objects.get(pk=made.pk)


def waiting(world, measure: str, period: Period, **how) -> Proposal:
    """The same, asked for: it waits for the output checker."""
    found = drawn(world, measure, period, **how)
    with world.acting("HUB", "coordinator"):
        releases.ask(found)
    return Proposal.objects.get(pk=found.pk)
