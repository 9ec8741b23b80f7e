"""Counts a measure through the counting door and hands back only what may be read.

The one caller of `agencies.scope.counting`. Network figures come back protected; an agency's own come back
exact, as a table that can hold no other agency's rows.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db.backends.utils import CursorWrapper
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from agencies.scope import Actor
from agencies.scope.counting import counting
from reporting.grants.count import Award, FormCount, count_form
from reporting.grants.form import GrantForm
from reporting.measures import Counted, Cube, Measure, Period, View, cubes, measures
from reporting.measures.dimensions import dimensions
from reporting.measures.layout import laid_out
from reporting.measures.links import linked_among
from reporting.sdc import (
    LINKED,
    RELEASED,
    AttackReport,
    Coord,
    FigureKey,
    Merged,
    Mode,
    Nested,
    NotReported,
    Policy,
    ProtectedTable,
    Provenance,
    Range,
    RawLinked,
    RawMedian,
    RawRange,
    RawTable,
    Relation,
    Said,
    Sum,
    Unprotectable,
    protect,
)
from reporting.sdc.own import OwnTable, own_table

# Who counts in the network: expected, not left, not vetoed, and with a signed agreement that shares totals.
_PARTNERS = """
    SELECT agency.id FROM agencies_agency agency
    WHERE agency.is_expected_to_report AND NOT agency.sharing_vetoed AND agency.left_on IS NULL
      AND EXISTS (SELECT 1 FROM agencies_sharingagreement agreement
                  WHERE agreement.agency_id = agency.id AND agreement.shares_totals
                    AND agreement.signed_at IS NOT NULL AND agreement.ended_at IS NULL)
"""
_EXPECTED = "SELECT count(*) FROM agencies_agency WHERE is_expected_to_report AND left_on IS NULL"
# Reporting: has at least one record of casework from before the end of the period.
_REPORTING = """
    SELECT partner FROM unnest(%(agencies)s::int[]) AS partner
    WHERE EXISTS (SELECT 1 FROM referrals_touchpoint t
                  WHERE t.agency_id = partner AND t.occurred_at < %(end)s)
       OR EXISTS (SELECT 1 FROM referrals_enrollment e
                  WHERE e.agency_id = partner AND e.entry_on < %(end_day)s)
       OR EXISTS (SELECT 1 FROM referrals_service s
                  WHERE s.agency_id = partner AND s.provided_on < %(end_day)s)
"""

# Each agency's records by day, and when they reached the hub.
_RECORDS = """
    SELECT agency_id, (occurred_at AT TIME ZONE %(zone)s)::date AS day, recorded_at FROM referrals_touchpoint
    WHERE agency_id = ANY(%(agencies)s)
  UNION ALL
    SELECT agency_id, entry_on, recorded_at FROM referrals_enrollment WHERE agency_id = ANY(%(agencies)s)
  UNION ALL
    SELECT agency_id, provided_on, recorded_at FROM referrals_service WHERE agency_id = ANY(%(agencies)s)
"""
_SPANS = f"SELECT agency_id, min(day), max(day), min(recorded_at) FROM ({_RECORDS}) record GROUP BY 1"  # noqa: S608


class PeriodsOverlap(Unprotectable):
    """A release of the same measure holds some of the days, and not the same ones."""


@dataclass(frozen=True, slots=True)
class Span:
    """One agency's casework on the hub: its first and last day, and when its first record came in."""

    agency: int
    first: date
    last: date
    began_at: datetime


def network_spans(actor: Actor) -> tuple[list[Span], int]:
    """The span of every partner agency that has records, and how many agencies are expected to report."""
    with counting(actor, network=True) as cursor:
        cursor.execute(_PARTNERS)
        partners = [row[0] for row in cursor.fetchall()]
        cursor.execute(_EXPECTED)
        (expected,) = cursor.fetchone()
        return _spans(cursor, partners), expected


def partners(actor: Actor) -> set[int]:
    """The agencies whose rows may count in the network at this moment. Raises NotAllowed."""
    with counting(actor, network=True) as cursor:
        cursor.execute(_PARTNERS)
        return {row[0] for row in cursor.fetchall()}


def own_span(actor: Actor) -> Span | None:
    """The span of the actor's own agency; None while it has no records. Raises NotAllowed."""
    with counting(actor, network=False) as cursor:
        return next(iter(_spans(cursor, [actor.agency_id])), None)


def _spans(cursor: CursorWrapper, agencies: Sequence[int]) -> list[Span]:
    cursor.execute(_SPANS, {"agencies": list(agencies), "zone": settings.TIME_ZONE})
    return [Span(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class NetworkRun:
    """A protected table, and what linking took off its people, if the table says so. The rest is as in
    `sdc.Outcome`: none of it may be shown."""

    table: ProtectedTable
    merged: Merged | None
    certificate: dict[str, Any] = field(repr=False)
    said: Said = field(repr=False)
    attack: AttackReport = field(repr=False)


def run_network(
    name: str,
    period: Period,
    actor: Actor,
    *,
    release: str = "",
    before: Merged | None = None,
    earlier: Sequence[Said] = (),
    mode: Mode = Mode.SUPPRESSED,
    seed: bytes | None = None,
    without: Iterable[int] = (),
    views: Sequence[View] | None = None,
    replaces: ProtectedTable | None = None,
) -> NetworkRun:
    """The measure or cube over every partner agency for a period that has ended, protected.

    `release` is the label printed with it, `before` what linking took off when such a measure last said so,
    `earlier` all that was said before, `seed` 32 secret bytes (new ones if not given). No row is counted of
    the agencies in `without`. `views` are the cube's own if not given; a measure has none. `replaces`
    is the table that this one corrects. Call it inside
    `acting_as(..., in_turn=...)`, so that all it reads is of one moment. Raises NotAllowed, and Unprotectable
    (PeriodsOverlap where that is why) if nothing can be said safely: the measure's coarser views are for the
    caller to try.
    """
    as_of = period.ends_at
    if as_of > timezone.now():
        raise ValueError("The network counts periods that have ended.")
    label = release or "draft"
    with counting(actor, network=True) as cursor, override(settings.LANGUAGE_CODE):
        cursor.execute(_PARTNERS)
        partners = [row[0] for row in cursor.fetchall() if row[0] not in set(without)]
        cursor.execute(_EXPECTED)
        (expected,) = cursor.fetchone()
        cursor.execute(_REPORTING, {"agencies": partners, "end": as_of, "end_day": period.end})
        reporting = sorted(row[0] for row in cursor.fetchall())
        if name in cubes():
            cube = cubes()[name]
            _keep_apart(cube, period, earlier)
            raw = _laid_out(
                cube, cursor, period, as_of, reporting, expected, label, views or cube.views, network=True
            )
        else:
            found = measures()[name]
            raw = _raw(
                found,
                cursor,
                period,
                as_of,
                reporting,
                expected,
                label,
                network=True,
                before=before,
                earlier=earlier,
            )
    made = protect(raw, earlier=earlier, mode=mode, seed=seed or secrets.token_bytes(32), replaces=replaces)
    linked = [one.links for at, one in raw.linked.items() if isinstance(made.table.cells[at], Range)]
    return NetworkRun(
        table=made.table,
        merged=linked[0].merged() if linked else None,
        certificate=made.certificate,
        said=made.said,
        attack=made.attack,
    )


def live_counts(
    name: str, period: Period, actor: Actor, *, release: str, without: Iterable[int] = ()
) -> tuple[dict[FigureKey, dict[str, int]], Provenance]:
    """A measure's counts of a period that goes on, by figure and partner agency, and what to say of them.

    They are exact and shown to nobody: `releases.live` says ranges of them that move in steps. Call it inside
    `acting_as(..., in_turn=...)`. Raises NotAllowed.
    """
    now = timezone.now()
    with counting(actor, network=True) as cursor, override(settings.LANGUAGE_CODE):
        cursor.execute(_PARTNERS)
        partners = [row[0] for row in cursor.fetchall() if row[0] not in set(without)]
        cursor.execute(_EXPECTED)
        (expected,) = cursor.fetchone()
        cursor.execute(_REPORTING, {"agencies": partners, "end": now, "end_day": period.end})
        reporting = sorted(row[0] for row in cursor.fetchall())
        measure = measures()[name]
        found = measure.find(cursor, period, now, reporting)
        about = _about(
            measure, period, reporting, expected, release, _("Client records of the network's agencies")
        )
    by: dict[FigureKey, dict[str, int]] = {
        key: {str(agency): 0 for agency in reporting} for key in found.keys.values()
    }
    for count in found.counts:
        by[found.keys[count.row, count.column]][str(count.agency)] += count.value
    return by, about


def run_own(
    name: str,
    period: Period,
    actor: Actor,
    *,
    as_of: datetime | None = None,
    views: Sequence[View] | None = None,
) -> OwnTable:
    """The measure or cube over the actor's own agency, exact and live. Raises NotAllowed."""
    as_of, mine = as_of or timezone.now(), [actor.agency_id]
    with counting(actor, network=False) as cursor:
        if name in cubes():
            cube = cubes()[name]
            raw = _laid_out(cube, cursor, period, as_of, mine, 1, "live", views or cube.views, network=False)
        else:
            raw = _raw(measures()[name], cursor, period, as_of, mine, 1, "live", network=False)
    return own_table(raw, str(actor.agency_id))


def run_form(form: GrantForm, period: Period, actor: Actor, *, award: Award | None = None) -> FormCount:
    """A grant form counted over the actor's own agency, in all or for one award. Raises NotAllowed."""
    with counting(actor, network=False) as cursor:
        return count_form(
            form,
            cursor,
            actor.agency_id,
            period,
            today=timezone.localdate(),
            zone=settings.TIME_ZONE,
            award=award,
        )


def _keep_apart(cube: Cube, period: Period, earlier: Sequence[Said]) -> None:
    """Refuse a period that overlaps another one of a cube whose values are true of one period only: no
    equation holds between the two, so nobody could say what a reader finds out from both."""
    blocking = [
        one.release
        for one in earlier
        if cube.periods_apart
        and cube.universe in one.universes
        and one.period != (period.start, period.end)
        and one.period[0] < period.end
        and period.start < one.period[1]
    ]
    if blocking:
        raise PeriodsOverlap("The periods of such a table may not overlap.", blocking)


def _laid_out(
    cube: Cube,
    cursor: CursorWrapper,
    period: Period,
    as_of: datetime,
    agencies: list[int],
    expected: int,
    release: str,
    views: Sequence[View],
    *,
    network: bool,
) -> RawTable:
    behind = cube.people if network else None
    return laid_out(
        cube,
        dimensions(cursor),
        cube.find(cursor, period, as_of, agencies),
        views,
        people=None if behind is None else behind(cursor, period, as_of, agencies),
        agencies=agencies,
        period=period,
        about=_about(cube, period, agencies, expected, release, str(cube.source)),
    )


def _about(
    what: Measure | Cube, period: Period, agencies: list[int], expected: int, release: str, source: str
) -> Provenance:
    return Provenance(
        source=source if expected > 1 else _("The agency's own records"),
        period=(period.start, period.end),
        agencies_reporting=len(agencies),
        agencies_expected=expected,
        counted_as=str(what.counts),
        does_not_show=str(what.does_not_show),
        release_id=release,
        generated_at=timezone.now(),
    )


def _raw(
    measure: Measure,
    cursor: CursorWrapper,
    period: Period,
    as_of: datetime,
    agencies: list[int],
    expected: int,
    release: str,
    *,
    network: bool,
    before: Merged | None = None,
    earlier: Sequence[Said] = (),
) -> RawTable:
    found = measure.find(cursor, period, as_of, agencies)
    if network and (period.end.month, period.end.day) != (1, 1):
        found = _without(found, tuple(found.counted_up))
    by_cell: dict[Coord, dict[str, int]] = defaultdict(lambda: {str(agency): 0 for agency in agencies})
    for count in found.counts:
        by_cell[count.row, count.column][str(count.agency)] += count.value
    rows = [name for name, _title in found.rows]
    columns = [name for name, _title in found.columns]
    places = [(row, column) for row in rows for column in columns if column not in found.unsaid]
    counts: dict[Coord, dict[str, int] | NotReported] = {
        at: by_cell[at] if agencies else NotReported() for at in places
    }
    relations, beside, inside = _relations(found, rows), set[Coord](), set[Coord]()
    keys: dict[Coord, FigureKey] = {at: key for at, key in found.keys.items() if at in counts}
    counted_up = []
    for column, first_time in found.counted_up.items() if network and agencies else ():
        everybody, at = (found.keys[rows[0], column][0], ()), ("everybody", column)
        total = {str(agency): sum(by_cell[row, column][str(agency)] for row in rows) for agency in agencies}
        is_first = not any(
            said.period[1] < period.end and any(figure.key == everybody for figure in said.figures)
            for said in earlier
        )
        # The first time all tables before it tell the number; one that may not be shown is told by none of
        # them. From then on what is known of it follows from what was said.
        if is_first and not Policy().may_show(total):
            continue
        (beside if is_first else inside).add(at)
        counts[at], keys[at] = total, everybody
        relations.append(Sum(at, tuple((row, column) for row in rows)))
        counted_up.append((everybody, first_time))
    linked = _linked(found, cursor, agencies, by_cell, before or {}) if network and agencies else {}
    figures = [*columns, *(("people", "median_days") if found.people_of else ())]
    return RawTable(
        title=str(measure.title),
        axes={"stage": rows, "figure": [*figures, *((LINKED, RELEASED) if linked else ())]},
        counts=counts,
        relations=relations,
        beside=frozenset(beside),
        inside=frozenset(inside),
        medians={
            (median.row, "median_days"): RawMedian(
                days=median.days,
                by_agency={str(agency): people for agency, people in median.people_by_agency.items()},
                cell=(median.row, median.column),
            )
            for median in found.medians
        },
        ranges={
            (row, "people"): RawRange(by_agency=by_cell[row, found.people_of], cell=(row, found.people_of))
            for row in rows
            if agencies and found.people_of
        },
        linked=linked,
        keys=keys,
        counted_up=counted_up,
        adds_up=found.adds_up,
        about=_about(
            measure, period, agencies, expected, release, _("Client records of the network's agencies")
        ),
    )


def _linked(
    found: Counted,
    cursor: CursorWrapper,
    agencies: list[int],
    by_cell: dict[Coord, dict[str, int]],
    before: Merged,
) -> dict[Coord, RawLinked]:
    """The rows whose people may be linked, with the links; none while nobody's clients have tokens."""
    linked: dict[Coord, RawLinked] = {}
    for row, who in found.members.items():
        read = linked_among(cursor, agencies, who)
        if read is not None:
            linked[row, LINKED] = RawLinked(
                by_agency=by_cell[row, found.people_of],
                released=read.released,
                links=read.links,
                before=before,
                cell=(row, "people"),
                share_at=(row, RELEASED),
            )
    return linked


def _without(found: Counted, columns: tuple[str, ...]) -> Counted:
    """The same without these columns' figures.

    Who stands in a stage at two ends of periods is nearly the same people: one less the other tells of the
    few who moved, or of an agency that came or went. So the network says it at the end of a year only.
    """
    return replace(
        found,
        counts=[count for count in found.counts if count.column not in columns],
        nested=[pair for pair in found.nested if not {at[1] for at in pair} & set(columns)],
        counted_up={},
        unsaid=columns,
    )


def _relations(found: Counted, rows: list[str]) -> list[Relation]:
    sums = [
        Sum((row, total), tuple((row, part) for part in parts)) for total, parts in found.sums for row in rows
    ]
    return [*sums, *(Nested(inner, outer) for inner, outer in found.nested)]
