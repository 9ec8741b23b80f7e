"""Who may ask for a table, who decides, and what a tribal nation says first. Every act is by two people.

Called inside a door: a coordinator's or an output checker's at the hub office, or a tribal agency's own.
What is drawn and written stands in publishing.py.
"""

from datetime import datetime

from django.db import models
from django.utils import timezone

from agencies import jobs, ledger
from agencies.models import Agency, AgencyType
from agencies.roles import Permission
from agencies.scope import Actor, NotAllowed, current_actor
from reporting import engine
from reporting.measures import Cube, Period, small
from reporting.models import Calendar, Grid, Proposal, Release, Scope, Specification, TribalAnswer
from reporting.releases import publishing, sealed
from reporting.releases.periods import calendar, closed_periods, period_of
from reporting.releases.publishing import Drawn, NotAPeriod, Views, Wanted
from reporting.sdc.ledger import connected
from reporting.sdc.policy import Mode

State = Proposal.State
OPEN = (State.WAITING, State.DRAWN, State.ASKED)
ASKS = (Permission.NETWORK_MANAGE, Permission.REPORT_EXPORT)


class SamePerson(Exception):
    """Who asked for a table never decides about it."""


class NotOpen(Exception):
    """It was decided already, or is not at this step. Carries why by name, for the page's words."""


class AlreadyThere(Exception):
    """It was released, restated this year, or asked for already. Carries which by name."""


def may_ask(actor: Actor) -> bool:
    """Whether the actor asks for releases: a coordinator at the hub's own office."""
    return any(actor.may(one) for one in ASKS) and _at_office(actor)


def may_decide(actor: Actor) -> bool:
    """Whether the actor decides: an output checker there, also one who works for a neighbouring network."""
    return actor.may(Permission.REPORT_RELEASE) and _at_office(actor)


def request(
    *,
    measure: str,
    period: Period,
    grid: str,
    scope: str = Scope.PARTNERS,
    mode: str = Mode.SUPPRESSED,
    views: Views | None = None,
    replaces: Release | None = None,
) -> Proposal:
    """Want one table of a closed period: the hub draws it, and the coordinator looks before asking.

    A correction `replaces` the newest release of its period, once a year. Raises NotAllowed, KeyError for a
    measure there is not, NotAPeriod, AlreadyThere, ValueError for a public table that is neither strict nor
    rounded.
    """
    who = _asker()
    wanted = _wanted(measure, views, scope, mode, grid, period, replaces)
    if Proposal.objects.filter(label=wanted.label, state__in=OPEN).exists():
        raise AlreadyThere("asked")
    hub = Agency.objects.get(pk=current_actor().agency_id)
    # What a nation said to the plan holds for its corrections too.
    plan = replaces.specification if replaces else None
    made = Proposal.objects.create(wanted_by_id=who, hub=hub, specification=plan, **publishing.facts(wanted))
    ledger.record("table.wanted", made)
    jobs.enqueue("draw_table", proposal=str(made.pk))
    return made


def correct(release: Release) -> Proposal:
    """Want a correction of a release as it was specified. Raises as `request` does."""
    return request(
        measure=release.measure,
        period=Period(release.period_start, release.period_end),
        grid=publishing.grid_of(release),
        scope=release.scope,
        mode=release.mode,
        views=publishing.views_of(release.views),
        replaces=release,
    )


def ask(proposal: Proposal) -> None:
    """Hand a drawn table to the output checker. Raises NotAllowed, NotOpen."""
    who = _asker()
    found = _locked(proposal)
    if found.state != State.DRAWN:
        raise NotOpen(found.state)
    found.state, found.asked_by_id, found.asked_at = State.ASKED, who, timezone.now()
    found.save(update_fields=["state", "asked_by", "asked_at"])
    ledger.record("table.asked", found)


def drop(proposal: Proposal) -> None:
    """Let a table lapse that nobody wants any more. Raises NotAllowed, NotOpen."""
    _asker()
    found = _locked(proposal)
    if found.state not in (*OPEN, State.BLOCKED):
        raise NotOpen(found.state)
    found.state = State.LAPSED
    found.save(update_fields=["state"])
    ledger.record("table.dropped", found)


def decide(proposal: Proposal, *, publish: bool, reason: str = "") -> Proposal:
    """Publish exactly the table that was drawn, or refuse it with a reason; the proposal as it is then.

    It lapses instead where it is to be drawn anew (`has_moved`). Raises
    NotAllowed, SamePerson, NotOpen, publishing.NotCertified, sealed.LedgerIncomplete.
    """
    who = _checker()
    # Whoever publishes by schedule holds this table: one after the other.
    Calendar.objects.select_for_update().get(pk=calendar().pk)
    found = _locked(proposal)
    if found.state != State.ASKED:
        raise NotOpen(found.state)
    if who in (found.wanted_by_id, found.asked_by_id):
        raise SamePerson
    if not publish and not reason.strip():
        raise NotOpen("reason")
    found.decided_by_id, found.decided_at, found.reason = who, timezone.now(), reason.strip()
    if not publish:
        found.state = State.REFUSED
        ledger.record("table.refused", found)
    elif has_moved(found):
        found.state = State.LAPSED
        ledger.record("table.lapsed", found)
    else:
        wanted = Wanted.of(found)
        found.release = publishing.write(
            wanted,
            publishing.drawn_of(found),
            requested_by=found.asked_by_id or found.wanted_by_id,
            decided_by=who,
        )
        found.state = State.PUBLISHED
        ledger.record("table.released", found.release)
    found.save(update_fields=["state", "release", "decided_by", "decided_at", "reason"])
    return found


def has_moved(proposal: Proposal) -> bool:
    """Whether the table is not protected with all that it hangs together with by now, or holds rows it may no
    longer hold, or would be released under another name. Raises sealed.LedgerIncomplete."""
    asked, counted = Wanted.of(proposal), set((proposal.drawn or {}).get("agencies", ()))
    allowed = engine.partners(publishing.hand()) - set(publishing.left_out(asked))
    said = sealed.counts_of(proposal).said
    if not counted <= allowed or said.release != asked.label:
        return True
    return publishing.beside(proposal.measure, said) != proposal.protected_with


def would_lapse(proposal: Proposal) -> list[Proposal]:
    """Those drawn or waiting that would lapse if this one were released. Raises sealed.LedgerIncomplete."""
    others = list(
        Proposal.objects.filter(state__in=(State.DRAWN, State.ASKED))
        .exclude(pk=proposal.pk)
        .defer("drawn")
        .select_related("sealed_counts")
    )
    if not others:
        return []
    counts = sealed.counts_of(proposal)
    first = min(others, key=lambda one: one.period_start)
    before = sealed.said_before(Period(first.period_start, first.period_end))
    return [
        one
        for one in others
        if (counts.merged is not None and one.measure == proposal.measure)
        or any(said is counts.said for said in connected([*before, counts.said], sealed.counts_of(one).said))
    ]


def renew(proposal: Proposal) -> Proposal:
    """Want the same table again, drawn with what was said since; the old one lapses. A run of a plan is drawn
    anew by the schedule. Raises NotOpen, and as `request` does."""
    _asker()
    found = _locked(proposal)
    if found.state not in (State.DRAWN, State.ASKED, State.BLOCKED, State.LAPSED):
        raise NotOpen(found.state)
    if found.state != State.LAPSED:
        drop(found)
    return request(
        measure=found.measure,
        period=Period(found.period_start, found.period_end),
        grid=found.grid,
        scope=found.scope,
        mode=found.mode,
        views=publishing.views_of(found.views),
        replaces=found.replaces,
    )


def seen(proposal: Proposal) -> Drawn:
    """What was drawn, for a checker who did not ask for it. Raises NotAllowed, NotOpen before it is drawn.

    A draft is protected beside releases and beside no other draft. Who could ask for many, for a month and
    its quarter, or for the same days again tomorrow, would read a small count as the difference of two.
    """
    actor = current_actor()
    if not may_decide(actor) or actor.user_id in (proposal.wanted_by_id, proposal.asked_by_id):
        raise NotAllowed
    if not proposal.drawn:
        raise NotOpen(proposal.state)
    return publishing.drawn_of(proposal)


def specify(
    *,
    measure: str,
    grid: str,
    scope: str = Scope.PARTNERS,
    mode: str = Mode.SUPPRESSED,
    views: Views | None = None,
    ends_at: datetime | None = None,
) -> Specification:
    """Ask that a table be released for each closed period of the grid. Raises as `request` does."""
    who = _asker()
    wanted = _shaped(measure, views, scope, mode)
    standing = Specification.objects.filter(
        measure=measure, views=wanted, scope=scope, grid=grid, withdrawn_at=None
    ).exclude(is_approved=False)
    if standing.exists():
        raise AlreadyThere("specified")
    made = Specification.objects.create(
        measure=measure,
        measure_version=publishing.definition(measure).version,
        views=wanted,
        scope=scope,
        mode=mode,
        grid=grid,
        ends_at=ends_at,
        asked_by_id=who,
    )
    ledger.record("tableplan.asked", made)
    return made


def specify_small(
    *, measure: str, scope: str = Scope.PARTNERS, mode: str = Mode.SUPPRESSED
) -> list[Specification]:
    """The preset for a small network: a cube's coarse views for each year and for three years together.

    Only each year where two periods that overlap can't both be released (`Cube.periods_apart`). Raises as
    `request` does; ValueError for a measure that has no views.
    """
    found = publishing.definition(measure)
    if not isinstance(found, Cube):
        raise ValueError("a measure with one table has no coarser views")
    grids = [Grid.YEAR] if found.periods_apart else [Grid.YEAR, Grid.THREE_YEARS]
    views = small.preset(found)
    return [specify(measure=measure, grid=grid, scope=scope, mode=mode, views=views) for grid in grids]


def pool(proposal: Proposal) -> Proposal:
    """Want three years together, with the preset's views, where one year says too little. Raises as `request`
    does."""
    found = publishing.definition(proposal.measure)
    return request(
        measure=proposal.measure,
        period=period_of(Grid.THREE_YEARS, proposal.period_start),
        grid=Grid.THREE_YEARS,
        scope=proposal.scope,
        mode=proposal.mode,
        views=small.preset(found) if isinstance(found, Cube) else None,
    )


def approve_specification(specification: Specification, *, approve: bool = True, reason: str = "") -> None:
    """Decide, once, whether its tables are released. Raises NotAllowed, SamePerson, NotOpen."""
    who = _checker()
    found = Specification.objects.select_for_update(of=("self",)).get(pk=specification.pk)
    if found.decided_at is not None or found.withdrawn_at is not None:
        raise NotOpen("decided")
    if who == found.asked_by_id:
        raise SamePerson
    if not approve and not reason.strip():
        raise NotOpen("reason")
    found.decided_by_id, found.decided_at = who, timezone.now()
    found.is_approved, found.reason = approve, reason.strip()
    found.save(update_fields=["decided_by", "decided_at", "is_approved", "reason"])
    ledger.record("tableplan.approved" if approve else "tableplan.refused", found)


def withdraw_specification(specification: Specification) -> None:
    """From now on nothing is released under it; what was released stays. Either side may. Raises NotOpen."""
    actor = current_actor()
    if not (may_ask(actor) or may_decide(actor)):
        raise NotAllowed
    found = Specification.objects.select_for_update(of=("self",)).get(pk=specification.pk)
    if found.withdrawn_at is not None:
        raise NotOpen("withdrawn")
    found.withdrawn_at = timezone.now()
    found.save(update_fields=["withdrawn_at"])
    ledger.record("tableplan.withdrawn", found)


def answer_for_nation(
    *, is_allowed: bool, specification: Specification | None = None, measure: str = "", scope: str = ""
) -> TribalAnswer:
    """A tribal agency's own word on a specification, or on single tables of a measure for one scope.

    By whoever manages the agency. Entered in its own chain and in the hub's. Raises NotAllowed.
    """
    actor = current_actor()
    actor.require(Permission.AGENCY_MANAGE)
    own = Agency.objects.get(pk=actor.agency_id)
    if not own.is_tribal:
        raise NotAllowed
    made = TribalAnswer.objects.create(
        agency=own,
        specification=specification,
        measure=specification.measure if specification else measure,
        scope=specification.scope if specification else scope,
        is_allowed=is_allowed,
        by_id=actor.user_id,
    )
    ledger.record("table.allowed" if is_allowed else "table.vetoed", made)
    return made


def asked_of_nation() -> list[tuple[Specification | None, str, str, TribalAnswer | None]]:
    """What the acting tribal agency is asked about, with its newest answer: each specification that stands,
    and each measure and scope of which single tables were wanted."""
    own = current_actor().agency_id
    answers = TribalAnswer.objects.filter(agency_id=own).order_by("at", "pk")
    by_plan: dict[object, TribalAnswer] = {}
    by_measure: dict[tuple[str, str], TribalAnswer] = {}
    for answer in answers:
        if answer.specification_id:
            by_plan[answer.specification_id] = answer
        else:
            by_measure[answer.measure, answer.scope] = answer
    found: list[tuple[Specification | None, str, str, TribalAnswer | None]] = []
    for one in Specification.objects.filter(withdrawn_at=None).exclude(is_approved=False):
        general = by_measure.get((one.measure, one.scope))
        newest = by_plan.get(one.pk, general)
        if newest and general and general.at > newest.at and not general.is_allowed:
            newest = general
        found.append((one, one.measure, one.scope, newest))
    single = Proposal.objects.filter(specification=None).exclude(state__in=[State.REFUSED, State.LAPSED])
    for measure, scope in sorted({*single.values_list("measure", "scope"), *by_measure}):
        found.append((None, measure, scope, by_measure.get((measure, scope))))
    return found


def queue() -> models.QuerySet[Proposal]:
    """Tables that wait for an output checker, oldest first."""
    return Proposal.objects.filter(state=State.ASKED).order_by("asked_at", "pk")


def _wanted(
    measure: str,
    views: Views | None,
    scope: str,
    mode: str,
    grid: str,
    period: Period,
    replaces: Release | None,
) -> Wanted:
    views = _shaped(measure, views, scope, mode)
    if period_of(grid, period.start) != period or period not in closed_periods(period.start, grid=grid)[:1]:
        raise NotAPeriod
    wanted = Wanted(measure, views, scope, mode, grid, period, replaces)
    standing = publishing.standing(wanted)
    if replaces is None and standing is not None:
        raise AlreadyThere("released")
    if replaces is not None and standing != replaces:
        raise AlreadyThere("replaced")
    if replaces is not None and replaces.restated_in == timezone.localdate().year:
        raise AlreadyThere("restated")
    return wanted


def _shaped(measure: str, views: Views | None, scope: str, mode: str) -> Views:
    usual = publishing.usual_views(measure)
    if scope == Scope.PUBLIC and Mode(mode) == Mode.SUPPRESSED:
        raise ValueError("what anybody may read is strict or rounded")
    if views is None:
        return usual
    found = publishing.definition(measure)
    menus = (found.views, *found.coarser) if isinstance(found, Cube) else ()
    allowed = {*getattr(found, "dimensions", ()), *(name for menu in menus for view in menu for name in view)}
    if any(len(view) > 3 or not set(view) <= allowed for view in views):
        raise ValueError("a view has at most three of the measure's dimensions")
    return views


def _locked(proposal: Proposal) -> Proposal:
    return Proposal.objects.select_for_update(of=("self",)).get(pk=proposal.pk)


def _asker() -> int:
    """The person who asks: never the hub's own hand."""
    actor = current_actor()
    if actor.user_id is None or not may_ask(actor):
        raise NotAllowed
    return actor.user_id


def _checker() -> int:
    """The person who decides."""
    actor = current_actor()
    if actor.user_id is None or not may_decide(actor):
        raise NotAllowed
    return actor.user_id


def _at_office(actor: Actor) -> bool:
    return Agency.objects.filter(pk=actor.agency_id, type=AgencyType.HUB_OFFICE, left_on=None).exists()
