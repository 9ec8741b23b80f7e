"""Figures of the year that goes on: ranges that take a step when enough people have come. The ledger has all.

The rule of a step stands in sdc/steps.py. Closed periods are in publishing.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext_noop

from agencies import ledger, vault
from agencies.scope import acting_as
from reporting import engine
from reporting.measures import Period
from reporting.measures.pipeline import STAGES
from reporting.models import Calendar, LiveFigure, Scope, Specification
from reporting.releases import publishing, sealed
from reporting.sdc import FigureKey, ProtectedTable, from_stored
from reporting.sdc.steps import as_said, as_table, fits, next_step

PIPELINE = "pipeline"
TITLE = gettext_noop("Clients who entered each stage so far this year")
FIGURES: Mapping[str, FigureKey] = {stage: ("stage_entries", (("stage", stage),)) for stage, _title in STAGES}
"""By stage, under the names that releases have them by."""


@dataclass(frozen=True, slots=True)
class Live:
    """What is said of the year that goes on, and when each of its figures last moved."""

    table: ProtectedTable
    said_at: Mapping[str, datetime]


def so_far(today: date | None = None) -> Live | None:
    """The figures of this year as they stand; None before their first step. Raises ValueError for a row that
    is not what was said."""
    since = date((today or timezone.localdate()).year, 1, 1)
    last = LiveFigure.objects.filter(period_start=since).first()
    if last is None:
        return None
    at = {stage: datetime.fromisoformat(when) for stage, when in last.said_at.items()}
    return Live(from_stored(last.table, digest=last.digest), at)


def step() -> LiveFigure | None:
    """Count the year so far, and say what may be said of it; None while nothing may move.

    Only while a specification of the pipeline stands for the network's agencies: what is not approved for
    closed periods is not said live. Opens the hub's door. Raises sealed.LedgerIncomplete.
    """
    if publishing.office() is None:
        return None
    with acting_as(publishing.hand(), in_turn=Calendar):
        approved = [
            one
            for one in Specification.objects.filter(measure=PIPELINE, scope=Scope.PARTNERS)
            if publishing.is_in_force(one)
        ]
        return _step(approved[0]) if approved else None


def _step(approved: Specification) -> LiveFigure | None:
    today = timezone.localdate()
    # Until tonight: what is said is true of the days until then, and the ledger holds it to these.
    period = Period(date(today.year, 1, 1), today + timedelta(days=1))
    hub = publishing.our_office()
    rows = list(LiveFigure.objects.filter(period_start=period.start))
    last = sealed.live_of(rows[0])[1] if rows else None
    label = f"live-{today.year}-{len(rows) + 1}"
    secret = vault.token(f"live-{today.year}", agency=hub.pk, place="release.seed")
    counts, about = engine.live_counts(
        PIPELINE,
        period,
        publishing.hand(),
        release=label,
        without=publishing.left_out(publishing.Wanted.under(approved, period)),
    )
    now = next_step(last, {key: counts[key] for key in FIGURES.values()}, secret=secret)
    if now is None:
        return None
    said = as_said(last, now, release=label, period=(period.start, period.end), taken=about.generated_at)
    if not fits(said, sealed.said_before(period), secret=secret):
        return None
    moved = {figure.key for figure in said.figures if figure.said is not None}
    table = as_table(now, FIGURES, title=TITLE, axis="stage", about=about)
    made = LiveFigure(
        label=label,
        specification=approved,
        hub=hub,
        period_start=period.start,
        period_end=period.end,
        table=table.to_data(),
        digest=table.digest(),
        said_at={
            **(rows[0].said_at if rows else {}),
            **{stage: about.generated_at.isoformat() for stage, key in FIGURES.items() if key in moved},
        },
    )
    made.counts_sealed = sealed.seal_live(said, now, of=made)
    made.save(force_insert=True)
    ledger.record("figures.moved", made)
    return made
