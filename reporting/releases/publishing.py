"""Drawing a table beside all that was said before, and writing it as a release: in turn, of one moment.

Who asked and who decided is settled in asking.py; how a table is protected, by the engine.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from agencies import ledger, vault
from agencies.models import Agency, AgencyType
from agencies.roles import Permission
from agencies.scope import Actor, acting_as
from reporting import engine
from reporting.measures import Cube, Measure, Period, cubes, measures, small
from reporting.models import Calendar, Grid, LinkedStep, Proposal, Release, Scope, Specification, TribalAnswer
from reporting.releases import sealed
from reporting.releases.periods import calendar, closed_periods, period_of
from reporting.sdc import (
    Hidden,
    Merge,
    Merged,
    NotReported,
    Policy,
    ProtectedTable,
    Unprotectable,
    from_stored,
)
from reporting.sdc.certificate import FORMAT as ENGINE
from reporting.sdc.certificate import verify
from reporting.sdc.ledger import Said, connected
from reporting.sdc.policy import Mode

log = logging.getLogger(__name__)

PERIODS_BACK = 36
MOST_HIDDEN = 50
"""Percent of a table's cells. Where more would be hidden, the measure's coarser views are tried."""

NOWHERE = "nowhere"
"""Among what changes: a cell that the other table does not have."""

Views = tuple[tuple[str, ...], ...]


class NotApproved(Exception):
    """No specification that stands lets this be released."""


class NotCertified(Exception):
    """The certificate does not hold for the table it comes with: nothing is written. Says what is wrong."""


class Empty(Unprotectable):
    """No figure would be in it. The message is the name of why, for the page's words."""


class NotAPeriod(ValueError):
    """The days are no closed period of the grid."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One table that is to be released: of which measure and period, for whom, protected how."""

    measure: str
    views: Views
    scope: str
    mode: str
    grid: str
    period: Period
    replaces: Release | None = None
    specification: Specification | None = None

    @classmethod
    def of(cls, asked: Proposal) -> "Wanted":
        return cls(
            measure=asked.measure,
            views=views_of(asked.views),
            scope=asked.scope,
            mode=asked.mode,
            grid=asked.grid,
            period=Period(asked.period_start, asked.period_end),
            replaces=asked.replaces,
            specification=asked.specification,
        )

    @classmethod
    def under(cls, specification: Specification, period: Period) -> "Wanted":
        return cls(
            measure=specification.measure,
            views=views_of(specification.views),
            scope=specification.scope,
            mode=specification.mode,
            grid=specification.grid,
            period=period,
            specification=specification,
        )

    @property
    def label(self) -> str:
        """The name it has for good: it holds what tells releases apart."""
        parts = [self.measure, f"{self.period.start:%Y-%m}", self.grid]
        if self.scope == Scope.PUBLIC:
            parts.append("public")
        if self.views != usual_views(self.measure):
            parts.append(hashlib.sha256(repr(self.views).encode()).hexdigest()[:6])
        if self.replaces is not None:
            parts.append(f"r{timezone.localdate().year}")
        return "-".join(parts)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A protected table that is not said yet, with all that a release keeps of it."""

    table: ProtectedTable
    views: Views
    counts: sealed.Counts = field(repr=False)
    certificate: dict[str, Any] = field(repr=False)
    attack: Mapping[str, Any]
    as_of: datetime
    agencies: list[int]

    @property
    def commitment(self) -> str:
        return hashlib.sha256(self.counts.seed).hexdigest()


def definition(measure: str) -> Measure | Cube:
    """Raises KeyError for a name that no measure and no cube has."""
    return measures().get(measure) or cubes()[measure]


def usual_views(measure: str) -> Views:
    """The views of a cube; none for a measure, which has one table."""
    found = definition(measure)
    return found.views if isinstance(found, Cube) else ()


def views_of(stored: list[list[str]]) -> Views:
    return tuple(tuple(view) for view in stored)


def office() -> Agency | None:
    """The hub's own office, in whose name and under whose keys releases are made."""
    return Agency.objects.filter(type=AgencyType.HUB_OFFICE, left_on=None).order_by("pk").first()


def publish(specification: Specification, period: Period) -> Release | Proposal:
    """The release of a closed period under an approved specification, made now if it was not made before.

    Opens the hub's door. Gives back a proposal that waits for the output checker where the measure is not
    the version that was approved. Raises NotApproved, NotAPeriod, Unprotectable (with the releases that
    block it), NotCertified, sealed.LedgerIncomplete.
    """
    if period_of(specification.grid, period.start) != period:
        raise NotAPeriod
    with acting_as(hand(), in_turn=Calendar):
        asked = Specification.objects.select_related("asked_by", "decided_by").get(pk=specification.pk)
        if not is_in_force(asked):
            raise NotApproved
        wanted = Wanted.under(asked, period)
        existing = standing(wanted)
        if existing is not None:
            return existing
        drawn = draw(wanted)
        if asked.measure_version != definition(asked.measure).version:
            return _for_the_checker(wanted, drawn, asked)
        made = write(wanted, drawn, requested_by=asked.asked_by_id, decided_by=cast(int, asked.decided_by_id))
        ledger.record("table.released", made)
        return made


def is_in_force(asked: Specification) -> bool:
    now = timezone.now()
    return bool(asked.is_approved) and asked.withdrawn_at is None and (asked.ends_at or now) >= now


def due() -> list[tuple[Specification, Period]]:
    """What the schedule has to release now, in the order of periods; nothing while the network begins.

    A release is for good, so it waits while it would only freeze a beginning: until as many agencies report
    as a figure needs, and while one of them brings its history in (the settling days after its first
    record), unless all that are expected report already. Reaches PERIODS_BACK periods back. What waits for a
    person, or was blocked or refused, is not drawn again by itself.
    """
    if office() is None:
        return []
    spans, expected = engine.network_spans(hand())
    if len(spans) < Policy().min_agencies:
        return []
    settled = timezone.now() - timedelta(days=calendar().settling_days)
    if len(spans) < expected and max(span.began_at for span in spans) > settled:
        return []
    # Before as many report as a figure needs, a release could say nothing.
    since = sorted(span.first for span in spans)[Policy().min_agencies - 1]
    found = []
    for asked in Specification.objects.filter(is_approved=True, withdrawn_at=None):
        if not is_in_force(asked):
            continue
        seen = {
            *asked.proposals.exclude(state=Proposal.State.LAPSED).values_list("period_start", flat=True),
            *_first_ones(Wanted.under(asked, period_of(asked.grid, since))).values_list(
                "period_start", "period_end"
            ),
        }
        found += [
            (asked, period)
            for period in closed_periods(since, grid=asked.grid)[-PERIODS_BACK:]
            if period.start not in seen and (period.start, period.end) not in seen
        ]
    return sorted(found, key=lambda one: (one[1].end, one[1].start, one[0].measure, one[0].scope))


def publish_due() -> int:
    """Release whatever is due; how many releases were made. What can't be is kept as blocked, with what
    blocks it, for the coordinator to see."""
    made = 0
    for specification, period in due():
        try:
            made += isinstance(publish(specification, period), Release)
        except Unprotectable as error:
            _blocked(Wanted.under(specification, period), error)
        except (NotCertified, sealed.LedgerIncomplete) as error:
            log.error("%s from %s is not released: %s", specification.measure, period.start, error)
    return made


def draw_proposal(proposal: UUID) -> None:
    """Draw what waits to be drawn, or say that it is blocked and by which releases. Opens the hub's door."""
    with acting_as(hand(), in_turn=Calendar):
        asked = Proposal.objects.select_for_update(of=("self",)).get(pk=proposal)
        if asked.state != Proposal.State.WAITING:
            return
        try:
            drawn = draw(Wanted.of(asked))
        except (Unprotectable, NotCertified, sealed.LedgerIncomplete) as error:
            asked.state, asked.blocking = Proposal.State.BLOCKED, _blocking(error)
            asked.reason, asked.drawn_at = _why(error), timezone.now()
            asked.save(update_fields=["state", "blocking", "reason", "drawn_at"])
        else:
            _keep(asked, drawn, Proposal.State.DRAWN)


def draw(wanted: Wanted) -> Drawn:
    """The table, protected with all that was said before; where too much would be hidden, the first coarser
    views that are better. Called in turn. Raises Unprotectable (Empty where no figure would be in it),
    NotCertified, sealed.LedgerIncomplete."""
    earlier = sealed.said_before(wanted.period)
    without = left_out(wanted)
    best: Drawn | None = None
    blocked: list[Unprotectable] = []
    for views in _menus(wanted):
        try:
            drawn = _drawn(wanted, views, earlier, without)
        except Unprotectable as error:
            blocked.append(error)
            continue
        if best is None or small.useful(drawn.table.cells) > small.useful(best.table.cells):
            best = drawn
        if drawn.table.caveats.share_hidden <= MOST_HIDDEN:
            break
    if best is None:
        # Each of the views may be blocked by others.
        blocked[0].blocking = tuple(sorted({label for error in blocked for label in error.blocking}))
        raise blocked[0]
    if why := why_empty(best.table):
        raise Empty(why)
    check(wanted, best)
    return best


def why_empty(table: ProtectedTable) -> str:
    """Why there is no figure in it, by name; nothing where there is one. A zero is one."""
    kinds = {type(cell) for cell in table.cells.values()}
    if not table.caveats.agencies_reporting or kinds <= {NotReported}:
        return "no agency reported"
    return "no figure shown" if kinds <= {Hidden, NotReported} else ""


def beside(measure: str, said: Said) -> list[str]:
    """The labels of what a table of the measure is drawn beside at this moment: releases and live steps it is
    protected with, and the release that its linked people go on from. Raises sealed.LedgerIncomplete.
    """
    labels = [one.release for one in connected(sealed.said_before(Period(*said.period)), said)]
    last = _last_linked(measure)
    return [*labels, *([last.release.label] if last and last.release.label not in labels else ())]


def check(wanted: Wanted, drawn: Drawn) -> None:
    """Hold a drawn table against its certificate, the attacker's report and what was asked for. Raises
    NotCertified."""
    wrong = verify(drawn.certificate)
    if drawn.counts.said.release != wanted.label:
        wrong.append("The table was drawn under another name.")
    if drawn.table.policy.mode != wanted.mode:
        wrong.append("The table is protected in another way than was asked for.")
    if drawn.attack["exact"] or drawn.attack["narrow"]:
        wrong.append("The attacker works out a hidden figure.")
    if wrong:
        raise NotCertified(" ".join(wrong))


def write(wanted: Wanted, drawn: Drawn, *, requested_by: int, decided_by: int) -> Release:
    """The release, with what it counted. Called in turn and inside the hub's door. Raises NotCertified."""
    check(wanted, drawn)
    made = Release.objects.create(
        label=wanted.label,
        measure=wanted.measure,
        measure_version=definition(wanted.measure).version,
        period_start=wanted.period.start,
        period_end=wanted.period.end,
        scope=wanted.scope,
        mode=wanted.mode,
        views=wanted.views,
        views_shown=drawn.views,
        table=drawn.table.to_data(),
        digest=drawn.table.digest(),
        engine_version=ENGINE,
        seed_commitment=drawn.commitment,
        as_of=drawn.as_of,
        agencies=drawn.agencies,
        specification=wanted.specification,
        replaces=wanted.replaces,
        restated_in=timezone.localdate().year if wanted.replaces else None,
        requested_by_id=requested_by,
        decided_by_id=decided_by,
    )
    sealed.seal(drawn.counts, drawn.certificate, hub=our_office(), of=made)
    if drawn.counts.merged is not None:
        LinkedStep.objects.create(release=made, merged=drawn.counts.merged)
    return made


def drawn_of(proposal: Proposal) -> Drawn:
    """A proposal's table as it was drawn. Raises sealed.LedgerIncomplete; ValueError if it was changed."""
    kept: dict[str, Any] = proposal.drawn or {}
    return Drawn(
        table=from_stored(kept["table"], digest=kept["digest"]),
        views=views_of(kept["views"]),
        counts=sealed.counts_of(proposal),
        certificate=sealed.certificate_of(proposal),
        attack=kept["attack"],
        as_of=datetime.fromisoformat(kept["as_of"]),
        agencies=kept["agencies"],
    )


def left_out(wanted: Wanted) -> list[int]:
    """The tribal agencies whose rows stay out: they have not allowed this table, or took it back."""
    answers = TribalAnswer.objects.filter(measure=wanted.measure, scope=wanted.scope).order_by("at", "pk")
    allowed: dict[int, bool] = {}
    plan = wanted.specification
    asked = Q(specification=None) | (Q(specification=plan) if plan else Q())
    about_plan: set[int] = set()
    # The newest answer counts, and a yes to this very specification before one to the measure; a no to the
    # measure ends both.
    for answer in answers.filter(asked):
        if answer.specification_id:
            about_plan.add(answer.agency_id)
        elif answer.is_allowed and answer.agency_id in about_plan:
            continue
        allowed[answer.agency_id] = answer.is_allowed
    tribal = Agency.objects.filter(is_tribal=True, left_on=None).order_by("pk").values_list("pk", flat=True)
    return [pk for pk in tribal if not allowed.get(pk)]


def _menus(wanted: Wanted) -> list[Views]:
    """What is asked for, and where that is all the measure has, its coarser views in order."""
    found = definition(wanted.measure)
    usual = isinstance(found, Cube) and wanted.views == found.views
    return [wanted.views, *(found.coarser if usual and isinstance(found, Cube) else ())]


def _drawn(wanted: Wanted, views: Views, earlier: list[Any], without: list[int]) -> Drawn:
    seed = _seed(wanted.label)
    run = engine.run_network(
        wanted.measure,
        wanted.period,
        hand(),
        release=wanted.label,
        before=_last_step(wanted.measure),
        earlier=earlier,
        mode=Mode(wanted.mode),
        seed=seed,
        without=without,
        views=views or None,
        replaces=None if wanted.replaces is None else drawn_before(wanted.replaces),
    )
    return Drawn(
        table=run.table,
        views=views,
        counts=sealed.Counts(said=run.said, merged=run.merged, seed=seed),
        certificate=run.certificate,
        attack=run.attack.to_data(),
        as_of=run.said.taken,
        agencies=sorted(int(agency) for agency in run.said.agencies),
    )


def _seed(label: str) -> bytes:
    """32 secret bytes that are the same for a label however often it is drawn, so that trying again tells
    nothing; nobody without the office's keys can make them."""
    return vault.token(label, agency=our_office().pk, place="release.seed")


def _keep(asked: Proposal, drawn: Drawn, state: str) -> None:
    """Put what was drawn into its proposal, with what changes against the release it replaces."""
    before = asked.replaces
    asked.drawn = {
        "table": drawn.table.to_data(),
        "digest": drawn.table.digest(),
        "views": drawn.views,
        "attack": dict(drawn.attack),
        "as_of": drawn.as_of.isoformat(),
        "agencies": drawn.agencies,
        "useful": small.useful(drawn.table.cells),
        "changes": _changes(drawn_before(before), drawn.table) if before else [],
    }
    asked.protected_with = beside(asked.measure, drawn.counts.said)
    asked.drawn_at, asked.state = timezone.now(), state
    asked.save()
    sealed.seal(drawn.counts, drawn.certificate, hub=asked.hub, of=asked)


def _changes(before: ProtectedTable, now: ProtectedTable) -> list[list[Any]]:
    """Each cell that readers would see differently: where, as it was, as it would be; as stored values."""
    was, is_ = (
        {tuple(cell["at"]): cell["value"] for cell in table.to_data()["cells"]} for table in (before, now)
    )
    return [
        [list(at), was.get(at, NOWHERE), is_.get(at, NOWHERE)]
        for at in {**was, **is_}
        if was.get(at, NOWHERE) != is_.get(at, NOWHERE)
    ]


def _for_the_checker(wanted: Wanted, drawn: Drawn, asked: Specification) -> Proposal:
    """A run that its specification does not cover any more."""
    proposal = Proposal.objects.create(
        specification=asked, wanted_by=asked.asked_by, hub=our_office(), **facts(wanted)
    )
    _keep(proposal, drawn, Proposal.State.DRAWN)
    proposal.state, proposal.asked_by, proposal.asked_at = (
        Proposal.State.ASKED,
        asked.asked_by,
        timezone.now(),
    )
    proposal.save()
    ledger.record("table.asked", proposal)
    return proposal


def _blocked(wanted: Wanted, error: Unprotectable) -> None:
    """Keep that a run can't be released, so that it is seen and not drawn each hour."""
    log.warning("nothing of %s can be said for the period from %s", wanted.measure, wanted.period.start)
    assert wanted.specification is not None
    with acting_as(hand()):
        Proposal.objects.create(
            specification=wanted.specification,
            wanted_by=wanted.specification.asked_by,
            hub=our_office(),
            state=Proposal.State.BLOCKED,
            blocking=_blocking(error),
            reason=_why(error),
            drawn_at=timezone.now(),
            **facts(wanted),
        )


def facts(wanted: Wanted) -> dict[str, Any]:
    """What of it stands in a proposal."""
    return {
        "measure": wanted.measure,
        "views": wanted.views,
        "scope": wanted.scope,
        "mode": wanted.mode,
        "grid": wanted.grid,
        "period_start": wanted.period.start,
        "period_end": wanted.period.end,
        "replaces": wanted.replaces,
        "label": wanted.label,
    }


def _blocking(error: Exception) -> list[str]:
    """The labels of the releases that stand in the way."""
    named: Iterable[str] = getattr(error, "blocking", ()) or getattr(error, "labels", ())
    return sorted(named)


def _why(error: Exception) -> str:
    """Why it can't be released, by name, for the page's words."""
    match error:
        case Empty():
            return str(error)
        case engine.PeriodsOverlap():
            return "periods overlap"
        case sealed.LedgerIncomplete():
            return "counts do not open"
        case NotCertified():
            return "not certified"
        case Unprotectable(blocking=()):
            return "own figures"
        case _:
            return "earlier releases"


def _first_ones(wanted: Wanted) -> Any:
    return Release.objects.filter(
        measure=wanted.measure, scope=wanted.scope, views=wanted.views, replaces=None
    )


def standing(wanted: Wanted) -> Release | None:
    """The release of this very period, as it stands after corrections."""
    found = Release.objects.filter(
        measure=wanted.measure,
        scope=wanted.scope,
        views=wanted.views,
        period_start=wanted.period.start,
        period_end=wanted.period.end,
        replaced_by=None,
    )
    return found.first()


def grid_of(release: Release) -> str:
    """The grid that a release's period is of."""
    period = Period(release.period_start, release.period_end)
    return next(grid for grid in Grid.values if period_of(grid, period.start) == period)


def _last_step(measure: str) -> Merged:
    """What linking took off when it was last shown for this measure; empty if it never was."""
    last = _last_linked(measure)
    return {left_out: Merge(*ends) for left_out, ends in last.merged.items()} if last else {}


def _last_linked(measure: str) -> LinkedStep | None:
    return LinkedStep.objects.filter(release__measure=measure).select_related("release").first()


def drawn_before(release: Release) -> ProtectedTable:
    """The table of a release that is to be corrected."""
    return from_stored(release.table, digest=release.digest)


def hand() -> Actor:
    """The hub's own hand. Raises NotApproved where there is no hub office: nobody could have approved."""
    return Actor.hub(our_office(), Permission.REPORT_NETWORK)


def our_office() -> Agency:
    found = office()
    if found is None:
        raise NotApproved("there is no hub office")
    return found
