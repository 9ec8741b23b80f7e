"""Which periods there are: the network's usual grid, and the closed periods of any grid."""

from datetime import date, timedelta

from django.utils import timezone

from reporting.measures import Period
from reporting.models import Calendar, Grid


def calendar() -> Calendar:
    """The network's usual grid; each month until someone chooses otherwise."""
    return Calendar.objects.get_or_create(pk=1)[0]


def choose_grid(grid: Grid, *, settling_days: int = 10) -> Calendar:
    """Choose what new specifications propose. Those that stand keep their own grid."""
    chosen = calendar()
    chosen.grid, chosen.settling_days = grid, settling_days
    chosen.save()
    return chosen


def period_of(grid: str, day: date) -> Period:
    """The period of the grid that the day falls in."""
    if grid == Grid.THREE_YEARS:
        # Fixed for good (2023 to 2025, 2026 to 2028), so that nobody slides a window over few people.
        first_year = day.year - (day.year - 1) % 3
        return Period(date(first_year, 1, 1), date(first_year + 3, 1, 1))
    if grid == Grid.YEAR:
        return Period(date(day.year, 1, 1), date(day.year + 1, 1, 1))
    months = 3 if grid == Grid.QUARTER else 1
    first = (day.month - 1) // months * months + 1
    start = date(day.year, first, 1)
    after = first + months
    return Period(start, date(day.year + (after > 12), after - 12 if after > 12 else after, 1))


def closed_periods(since: date, today: date | None = None, *, grid: str = "") -> list[Period]:
    """Every period of the grid (the network's, if none is named) from `since` on that has ended and settled,
    oldest first."""
    chosen = calendar()
    settled = (today or timezone.localdate()) - timedelta(days=chosen.settling_days)
    grid = grid or chosen.grid
    found, period = [], period_of(grid, since)
    while period.end <= settled:
        found.append(period)
        period = period_of(grid, period.end)
    return found
