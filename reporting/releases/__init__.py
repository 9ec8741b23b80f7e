"""Closed periods, released once and kept: which periods there are, making a release, reading it back.

A release is never made again: what was shown stays as shown, and late records wait for a restatement.
"""

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from agencies.models import User
from agencies.scope import Actor
from reporting import engine
from reporting.measures import Period, measures
from reporting.models import Calendar, Grid, LinkedStep, Release, Showing
from reporting.sdc import Merge, Merged, ProtectedTable, from_stored

Channel = str


class GridIsFixed(Exception):
    """The grid can't change once something was released: nested windows give hidden cells away."""


def calendar() -> Calendar:
    """The network's grid; each month until someone chooses otherwise."""
    return Calendar.objects.get_or_create(pk=1)[0]


def choose_grid(grid: Grid, *, settling_days: int = 10) -> Calendar:
    """Choose the grid, before the first release. Raises GridIsFixed afterwards."""
    chosen = calendar()
    if chosen.grid != grid and Release.objects.exists():
        raise GridIsFixed
    chosen.grid, chosen.settling_days = grid, settling_days
    chosen.save()
    return chosen


def period_of(grid: str, day: date) -> Period:
    """The period of the grid that the day falls in."""
    if grid == Grid.YEAR:
        return Period(date(day.year, 1, 1), date(day.year + 1, 1, 1))
    months = 3 if grid == Grid.QUARTER else 1
    first = (day.month - 1) // months * months + 1
    start = date(day.year, first, 1)
    after = first + months
    return Period(start, date(day.year + (after > 12), after - 12 if after > 12 else after, 1))


def closed_periods(since: date, today: date | None = None) -> list[Period]:
    """Every period of the grid from `since` on that has ended and settled, oldest first."""
    chosen = calendar()
    settled = (today or timezone.localdate()) - timedelta(days=chosen.settling_days)
    found, period = [], period_of(chosen.grid, since)
    while period.end <= settled:
        found.append(period)
        period = period_of(chosen.grid, period.end)
    return found


def release(name: str, period: Period, actor: Actor) -> Release:
    """The release of a closed period, made now if it was not made before."""
    chosen = calendar()
    if period_of(chosen.grid, period.start) != period:
        raise GridIsFixed
    existing = Release.objects.filter(measure=name, period_start=period.start, period_end=period.end).first()
    if existing is not None:
        return existing
    label = f"{name}-{period.start:%Y-%m}-{chosen.grid}"
    with transaction.atomic():
        # One after the other: each must know what the one before has shown of linked people.
        Calendar.objects.select_for_update().get(pk=chosen.pk)
        run = engine.run_network(name, period, actor, release=label, before=_last_step(name))
        made, is_new = Release.objects.get_or_create(
            measure=name,
            period_start=period.start,
            period_end=period.end,
            defaults={
                "label": label,
                "measure_version": measures()[name].version,
                "table": run.table.to_data(),
                "digest": run.table.digest(),
                "as_of": timezone.now(),
            },
        )
        if is_new and run.merged is not None:
            LinkedStep.objects.create(release=made, merged=run.merged)
    return made


def _last_step(name: str) -> Merged:
    """What linking took off when it was last shown for this measure; empty if it never was."""
    last = LinkedStep.objects.filter(release__measure=name).first()
    return {left_out: Merge(*ends) for left_out, ends in last.merged.items()} if last else {}


def latest(name: str) -> Release | None:
    return Release.objects.filter(measure=name).first()


def read(release: Release, *, user: User | None, channel: Channel) -> ProtectedTable:
    """The table of a release, checked against its digest; entered in the ledger of everything shown."""
    table = from_stored(release.table, digest=release.digest)
    Showing.objects.create(release=release, user=user, channel=channel)
    return table
