"""Tables on their way out: asked for by a coordinator, decided by an output checker, read by anybody.

Under an agency's own door, what a tribal nation says to it. Who may do what, and what a table is protected
with, stands in releases/; how a released table reads for partners, in dashboards.py.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views import View

from agencies.doors import AgencyView
from agencies.models import Agency
from agencies.roles import Permission
from agencies.scope import NotAllowed
from reporting import reading, releases, saved
from reporting import render as rendering
from reporting.measures import Cube, Period, cubes, measures, small
from reporting.models import Grid, Mode, Proposal, Release, Scope, Specification
from reporting.reading import Names, Table, is_pipeline, name_of, values_of
from reporting.sdc import HIDDEN_MARK, NOT_REPORTED_MARK
from reporting.web import figures
from reporting.web.numbers import PIPELINE, SHAPES, attached, downloads, period_name

AUDIENCES: dict[str, tuple[str, str, Promise]] = {
    "partners": (
        Scope.PARTNERS,
        Mode.SUPPRESSED,
        gettext_lazy("The network's agencies: small figures hidden"),
    ),
    "rounded": (Scope.PUBLIC, Mode.ROUNDED, gettext_lazy("Anybody: every figure rounded to 5")),
    "strict": (Scope.PUBLIC, Mode.STRICT, gettext_lazy("Anybody: small figures hidden, strictly")),
}
YEARS_BACK = 3
MOST_RETURNED = 10
MOST_PAGES = 12
"""Of a table with three dimensions, so many values of the one that is held are laid out."""
WHY_NOT: dict[str, Promise] = {
    "asked": gettext_lazy("This table is being prepared already."),
    "released": gettext_lazy("This period was released already. Ask for a correction instead."),
    "replaced": gettext_lazy("A correction has replaced this table. Correct the newest one."),
    "restated": gettext_lazy("This period was corrected this year already. It can be once a year."),
    "specified": gettext_lazy("This is agreed on, or waits for a decision, already."),
    "reason": gettext_lazy("Say why not, so that the other person can do better."),
}
COARSER = gettext_lazy("Ask for a longer period, or for a table with fewer dimensions.")
BLOCKED: dict[str, tuple[Promise, Promise]] = {
    "no agency reported": (
        gettext_lazy("There is nothing to release: nobody reported for these days."),
        gettext_lazy("Ask anew once agencies have reported."),
    ),
    "no figure shown": (gettext_lazy("There is nothing to release: every figure would be hidden."), COARSER),
    "earlier releases": (
        gettext_lazy("It can't be released: beside these releases it would give people away."),
        COARSER,
    ),
    "own figures": (
        gettext_lazy(
            "It can't be released: its own figures would give people away, whatever is hidden of them. No "
            "earlier release is in the way."
        ),
        COARSER,
    ),
    "periods overlap": (
        gettext_lazy(
            "It can't be released: two tables of this kind may not share days, and these releases hold some "
            "of its days."
        ),
        gettext_lazy("Ask for days that none of them holds, or for a correction of one of them."),
    ),
    "counts do not open": (
        gettext_lazy("It can't be drawn: what these releases counted can't be read by the hub."),
        gettext_lazy("Have the hub office's keys restored by whoever runs the hub, then ask anew."),
    ),
    "not certified": (
        gettext_lazy("It can't be released: its proof did not hold when it was checked."),
        gettext_lazy("Nothing is wrong with what you asked for. Tell whoever runs the hub."),
    ),
}
"""Why a table can't be released, and what to do next."""
PASSING = {"no agency reported", "counts do not open", "not certified"}
"""Those of them that may be otherwise another day, so that the same can be asked for anew."""


class Office(AgencyView):
    """A page of the hub's office, for who asks for tables and who decides; missing for everybody else."""

    needs: Permission | Mapping[str, Permission] = Permission.REPORT_NETWORK

    def at_office(self) -> dict[str, bool]:
        may = {"may_ask": releases.may_ask(self.actor), "may_decide": releases.may_decide(self.actor)}
        if not any(may.values()):
            raise NotAllowed
        return may


class Releases(Office):
    """What waits for whom, what is agreed on, and what was released."""

    def get(self, request: HttpRequest) -> HttpResponse:
        may = self.at_office()
        open_ = Proposal.objects.defer("drawn").select_related("wanted_by", "asked_by")
        plans = Specification.objects.select_related("asked_by", "decided_by").filter(withdrawn_at=None)
        made = Release.objects.defer("table", "replaced_by__table").select_related("replaced_by")
        return render(
            request,
            "reporting/releases.html",
            {
                **may,
                "me": self.actor.user_id,
                "waiting": _lines(open_.filter(state=Proposal.State.ASKED).order_by("asked_at")),
                "begun": _lines(
                    open_.filter(
                        state__in=[Proposal.State.WAITING, Proposal.State.DRAWN, Proposal.State.BLOCKED]
                    )
                ),
                "returned": _lines(
                    open_.filter(
                        state__in=[Proposal.State.REFUSED, Proposal.State.LAPSED], decided_by__isnull=False
                    ).order_by("-decided_at")[:MOST_RETURNED]
                ),
                "undecided": [(one, _title(one.measure)) for one in plans if one.is_approved is None],
                "standing": [(one, _title(one.measure)) for one in plans if one.is_approved],
                "made": [
                    {
                        "release": one,
                        "title": _title(one.measure),
                        "period": period_name(Period(one.period_start, one.period_end)),
                        "replaced_by": getattr(one, "replaced_by", None),
                        "read_at": _read_at(one),
                    }
                    for one in made.order_by("-made_at")[:60]
                ],
            },
        )


class AskForm(forms.Form):
    """What, for whom, for which days."""

    what = forms.ChoiceField(label=gettext_lazy("What"))
    who = forms.ChoiceField(
        label=gettext_lazy("For whom, and how it is protected"),
        choices=[(name, said) for name, (_scope, _mode, said) in AUDIENCES.items()],
    )
    when = forms.ChoiceField(label=gettext_lazy("Which days"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["what"].choices = list(_catalog())  # type: ignore[attr-defined]
        self.fields["when"].choices = list(_days())  # type: ignore[attr-defined]
        self.fields["when"].initial = f"each {releases.calendar().grid}"


class Ask(Office):
    """A coordinator asks for one table, which is drawn to look at first, or for one again and again."""

    needs = Permission.NETWORK_MANAGE

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(AskForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        self.at_office()
        form = AskForm(request.POST)
        if not form.is_valid():
            return self._page(form, status=400)
        measure, views = _chosen(form.cleaned_data["what"])
        scope, mode, _said = AUDIENCES[form.cleaned_data["who"]]
        how, *which = form.cleaned_data["when"].split(" ")
        grid, *start = which or [""]
        asked: dict[str, Any] = {
            "measure": measure,
            "views": views,
            "grid": grid,
            "scope": scope,
            "mode": mode,
        }
        try:
            if how == "small":
                releases.specify_small(measure=measure, scope=scope, mode=mode)
                return redirect("reporting:releases")
            if how == "each":
                return redirect("reporting:release_plan", releases.specify(**asked).pk)
            period = releases.period_of(grid, date.fromisoformat(start[0]))
            return redirect("reporting:release_proposal", releases.request(**asked, period=period).pk)
        except releases.AlreadyThere as error:
            form.add_error(None, str(WHY_NOT[str(error)]))
            return self._page(form, status=400)
        except ValueError:
            form.add_error("when", _("This table has one view only. Choose each year."))
            return self._page(form, status=400)

    def _page(self, form: AskForm, status: int = 200) -> HttpResponse:
        self.at_office()
        return render(self.request, "reporting/release_ask.html", {"form": form}, status=status)


class Correct(Office):
    """A coordinator asks for a released period to be counted again, with what came in late."""

    needs = {"POST": Permission.NETWORK_MANAGE}

    def post(self, request: HttpRequest, release: UUID) -> HttpResponse:
        self.at_office()
        try:
            made = releases.correct(Release.objects.get(pk=release))
        except releases.AlreadyThere as error:
            messages.error(request, str(WHY_NOT[str(error)]))
            return redirect("reporting:releases")
        return redirect("reporting:release_proposal", made.pk)


class ProposalPage(Office):
    """One table as it would be released, with what the attacker says of it; asked for or decided here.

    Its figures are the checker's alone until it is released: see `releases.seen`.
    """

    def get(self, request: HttpRequest, proposal: UUID) -> HttpResponse:
        return self._page(_proposal(proposal))

    def post(self, request: HttpRequest, proposal: UUID) -> HttpResponse:
        self.at_office()
        found, act = _proposal(proposal), request.POST.get("act", "")
        try:
            if act == "ask":
                releases.ask(found)
                messages.success(request, _("The output checker is asked now."))
            elif act == "pool":
                return redirect("reporting:release_proposal", releases.pool(found).pk)
            elif act == "renew":
                return redirect("reporting:release_proposal", releases.renew(found).pk)
            elif act == "drop":
                releases.drop(found)
                return redirect("reporting:releases")
            elif act in ("publish", "refuse"):
                reason = request.POST.get("reason", "")[:300]
                done = releases.decide(found, publish=act == "publish", reason=reason)
                if done.state == Proposal.State.PUBLISHED:
                    messages.success(request, _("It is released."))
                elif done.state == Proposal.State.LAPSED:
                    messages.error(
                        request,
                        _("It lapsed: something else was released since it was drawn. Ask for it anew."),
                    )
            else:
                return self._page(found, status=400)
        except releases.NotOpen as error:
            why = WHY_NOT.get(str(error), _("This was decided already."))
            return self._page(_proposal(proposal), wrong=str(why), status=400)
        except releases.AlreadyThere as error:
            return self._page(found, wrong=str(WHY_NOT[str(error)]), status=400)
        except releases.NotAPeriod:
            return self._page(found, wrong=_("These three years are not over yet."), status=400)
        except releases.SamePerson:
            return self._page(found, wrong=_("Who asked for it can't decide about it."), status=400)
        except (releases.NotCertified, releases.LedgerIncomplete, ValueError):
            return self._page(
                found, wrong=_("Its proof does not hold any more, so it was not released."), status=400
            )
        return redirect("reporting:release_proposal", proposal)

    def _page(self, found: Proposal, *, wrong: str = "", status: int = 200) -> HttpResponse:
        may = self.at_office()
        is_mine = self.actor.user_id in (found.wanted_by_id, found.asked_by_id)
        context: dict[str, Any] = {
            **may,
            "proposal": found,
            "title": _title(found.measure),
            "period": period_name(Period(found.period_start, found.period_end)),
            "wrong": wrong,
            "is_open": found.state in (Proposal.State.WAITING, Proposal.State.DRAWN, Proposal.State.ASKED),
            "read_at": _read_at(found.release) if found.release else "",
            "blocked": _blocked(found),
            "can_ask": may["may_ask"] and found.state == Proposal.State.DRAWN,
            "can_drop": may["may_ask"]
            and found.state in (Proposal.State.WAITING, Proposal.State.DRAWN, Proposal.State.BLOCKED),
            "can_decide": may["may_decide"] and not is_mine and found.state == Proposal.State.ASKED,
            "is_mine": is_mine,
            "may_see": may["may_decide"] and not is_mine,
        }
        try:
            if found.drawn:
                context |= _evidence(found) if context["may_see"] else _outline(found)
            if context["can_decide"]:
                context["lapsing"] = len(releases.would_lapse(found))
        except releases.LedgerIncomplete as error:
            context |= {"unread": error.labels, "can_ask": False, "can_decide": False}
        # It lapsed, or would if it were decided about, or could not be drawn then: it can be wanted again.
        context["is_run"] = bool(found.specification_id and not found.replaces_id)
        context["can_renew"] = (
            may["may_ask"]
            and not context["is_run"]
            and bool((context["blocked"] and found.reason in PASSING) or context.get("has_moved"))
        )
        says_little = found.state == Proposal.State.BLOCKED or context.get("says_little", False)
        context["can_pool"] = may["may_ask"] and says_little and _can_pool(found)
        return render(self.request, "reporting/release_proposal.html", context, status=status)


class Certificate(Office):
    """The proof of a table that waits, as a file for `./dev verify-release`; for the checker alone."""

    needs = Permission.REPORT_RELEASE

    def get(self, request: HttpRequest, proposal: UUID) -> HttpResponse:
        self.at_office()
        found = releases.seen(Proposal.objects.get(pk=proposal)).certificate
        return HttpResponse(
            json.dumps(found),
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="{proposal}.certificate.json"'},
        )


class Plan(Office):
    """A table that is to be released again and again: decided once, and ended when somebody wants."""

    def get(self, request: HttpRequest, specification: UUID) -> HttpResponse:
        return self._page(_plan(specification))

    def post(self, request: HttpRequest, specification: UUID) -> HttpResponse:
        self.at_office()
        found, act = _plan(specification), request.POST.get("act", "")
        try:
            if act in ("approve", "refuse"):
                reason = request.POST.get("reason", "")[:300]
                releases.approve_specification(found, approve=act == "approve", reason=reason)
            elif act == "withdraw":
                releases.withdraw_specification(found)
            else:
                return self._page(found, status=400)
        except releases.NotOpen as error:
            why = WHY_NOT.get(str(error), _("This was decided already."))
            return self._page(_plan(specification), wrong=str(why), status=400)
        except releases.SamePerson:
            return self._page(found, wrong=_("Who asked for it can't decide about it."), status=400)
        return redirect("reporting:release_plan", specification)

    def _page(self, found: Specification, *, wrong: str = "", status: int = 200) -> HttpResponse:
        may = self.at_office()
        known = figures.names()
        definition = releases.definition(found.measure)
        menus = definition.coarser if isinstance(definition, Cube) else ()
        return render(
            self.request,
            "reporting/release_plan.html",
            {
                **may,
                "plan": found,
                "title": str(definition.title),
                "counts": str(definition.counts),
                "does_not_show": str(definition.does_not_show),
                "views": _words(releases.views_of(found.views), known),
                "coarser": [_words(menu, known) for menu in menus],
                "wrong": wrong,
                "can_decide": may["may_decide"]
                and found.is_approved is None
                and found.asked_by_id != self.actor.user_id
                and found.withdrawn_at is None,
                "is_mine": found.asked_by_id == self.actor.user_id,
            },
            status=status,
        )


class Nation(AgencyView):
    """A tribal agency's own page: which tables ask for its rows, and what the nation says."""

    needs = Permission.AGENCY_MANAGE

    def get(self, request: HttpRequest) -> HttpResponse:
        own = self._own()
        return render(
            request,
            "reporting/nation.html",
            {
                "agency": own,
                "asked": [
                    {
                        "key": str(plan.pk) if plan else f"{measure} {scope}",
                        "title": _title(measure),
                        "scope": Scope(scope).label,
                        "grid": Grid(plan.grid).label if plan else "",
                        "answer": answer,
                    }
                    for plan, measure, scope, answer in releases.asked_of_nation()
                ],
            },
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        self._own()
        key, is_allowed = request.POST.get("key", ""), request.POST.get("act") == "allow"
        if request.POST.get("act") not in ("allow", "veto"):
            raise Http404
        for plan, measure, scope, _answer in releases.asked_of_nation():
            if key == (str(plan.pk) if plan else f"{measure} {scope}"):
                releases.answer_for_nation(
                    is_allowed=is_allowed, specification=plan, measure=measure, scope=scope
                )
                return redirect("reporting:nation")
        raise Http404

    def _own(self) -> Agency:
        own = Agency.objects.get(pk=self.actor.agency_id)
        if not own.is_tribal:
            raise NotAllowed
        return own


class Published(View):
    """Every table that was released for anybody. No sign-in, no cookie."""

    def get(self, request: HttpRequest) -> HttpResponse:
        lines = [
            {
                "release": one,
                "title": _title(one.measure),
                "period": period_name(Period(one.period_start, one.period_end)),
                "is_replaced": getattr(one, "replaced_by", None) is not None,
            }
            for one in releases.published()
        ]
        return render(request, "reporting/published.html", {"lines": lines})


class PublishedTable(View):
    """One public table for good, with its files, its digest, what it replaces and what replaced it."""

    def get(self, request: HttpRequest, label: str) -> HttpResponse:
        found = _found(label)
        table = releases.read(found, user=None, channel="public")
        known = figures.names()
        return render(
            request,
            "reporting/published_table.html",
            {
                "release": found,
                "title": str(_title(found.measure)),
                "period": period_name(Period(found.period_start, found.period_end)),
                "replaced_by": getattr(found, "replaced_by", None),
                "grids": list(_grids(table, known)),
                "caveats": rendering.caveats(table),
                "downloads": downloads("reporting:published_file", label=found.label),
            },
        )


class PublishedFile(View):
    """A public table as a file: the same figures and caveats as on its page."""

    def get(self, request: HttpRequest, label: str, shape: str) -> HttpResponse:
        if shape not in SHAPES:
            raise Http404
        found = _found(label)
        table = releases.read(found, user=None, channel="public")
        return attached(SHAPES[shape].make(table, figures.names()), shape, found.label)


def _found(label: str) -> Release:
    try:
        return releases.find_published(label)
    except Release.DoesNotExist as error:
        raise Http404 from error


def _title(measure: str) -> str:
    try:
        return str(releases.definition(measure).title)
    except KeyError:
        return measure  # a measure that this version has no more; what was released of it stays


def _read_at(release: Release) -> str:
    """Where its readers read it: its own page, the page of figures that shows it, or else its file."""
    if release.scope == Scope.PUBLIC:
        return reverse("reporting:published_table", args=[release.label])
    if release.measure == PIPELINE:
        return f"{reverse('reporting:numbers')}?{urlencode({'period': release.label})}"
    page = next((page for page, measures in saved.PAGES.items() if release.measure in measures), "")
    if not page or getattr(release, "replaced_by", None) is not None:
        return reverse("reporting:figure_download", kwargs={"release": release.pk, "shape": "csv"})
    period = figures.key_of(Period(release.period_start, release.period_end))
    return f"{reverse(f'reporting:{page}')}?{urlencode({'period': period, 'of': release.measure})}"


def _lines(found: Iterable[Proposal]) -> list[dict[str, Any]]:
    return [
        {
            "proposal": one,
            "title": _title(one.measure),
            "period": period_name(Period(one.period_start, one.period_end)),
        }
        for one in found
    ]


def _proposal(pk: UUID) -> Proposal:
    beside = ("wanted_by", "asked_by", "decided_by", "replaces", "release__replaced_by")
    return Proposal.objects.select_related(*beside).get(pk=pk)


def _plan(pk: UUID) -> Specification:
    return Specification.objects.select_related("asked_by", "decided_by").get(pk=pk)


def _catalog() -> Iterable[tuple[str, str]]:
    """What can be asked for: each measure, each cube with its usual views, and its coarser ones."""
    known = figures.names()
    for measure in measures().values():
        yield measure.name, str(measure.title)
    for cube in cubes().values():
        for number, menu in enumerate((cube.views, *cube.coarser)):
            words = {"title": cube.title, "views": "; ".join(_words(menu, known))}
            yield f"{cube.name} {number}", _("%(title)s: %(views)s") % words


def _chosen(what: str) -> tuple[str, releases.Views | None]:
    name, _space, number = what.partition(" ")
    if not number:
        return name, None
    cube = cubes()[name]
    return name, (cube.views, *cube.coarser)[int(number)]


def _words(views: releases.Views, known: Names) -> list[str]:
    return [reading.by_words(view, known) if view else _("In all") for view in views]


def _days() -> Iterable[tuple[str, Any]]:
    """Again and again, or once for a period that has closed: `each GRID`, `once GRID DAY`."""
    yield (
        str(_("Again and again")),
        [
            *((f"each {grid}", grid.label) for grid in Grid),
            ("small", _("Small network: each year and every three years together, regions for counties")),
        ],
    )
    since = timezone.localdate() - timedelta(days=366 * YEARS_BACK)
    for grid, heading in (
        (Grid.THREE_YEARS, _("Once: three years together")),
        (Grid.YEAR, _("Once: a year")),
        (Grid.QUARTER, _("Once: a quarter")),
        (Grid.MONTH, _("Once: a month")),
    ):
        closed = releases.closed_periods(since, grid=grid)
        if closed:
            yield heading, [(f"once {grid} {one.start}", period_name(one)) for one in reversed(closed)]


def _outline(found: Proposal) -> dict[str, Any]:
    """What who asks may know of a table before it is released: how it is cut, and how much is hidden."""
    kept: Mapping[str, Any] = found.drawn or {}
    return {
        "share_hidden": kept["table"]["caveats"]["share_hidden"],
        "says_little": kept.get("useful", small.ENOUGH) < small.ENOUGH,
        "views": _words(releases.views_of(kept["views"]), figures.names()),
        "is_coarser": kept["views"] != found.views,
        "has_moved": _has_moved(found),
    }


def _blocked(found: Proposal) -> tuple[Promise, Promise] | None:
    if found.state != Proposal.State.BLOCKED:
        return None
    # Older ones have no name of why.
    return BLOCKED[found.reason or ("earlier releases" if found.blocking else "own figures")]


def _can_pool(found: Proposal) -> bool:
    """Whether three years of it could be counted together."""
    definition = releases.definition(found.measure)
    return found.grid == Grid.YEAR and not (isinstance(definition, Cube) and definition.periods_apart)


def _has_moved(found: Proposal) -> bool:
    if found.state == Proposal.State.LAPSED:
        return found.decided_by_id is not None
    return found.state in (Proposal.State.DRAWN, Proposal.State.ASKED) and releases.has_moved(found)


def _evidence(found: Proposal) -> dict[str, Any]:
    """What a decision rests on: the table, what is hidden, what changes, what the attacker says."""
    table = releases.seen(found).table
    known = figures.names()
    kept: Mapping[str, Any] = found.drawn or {}
    attack: Mapping[str, Any] = kept["attack"]
    named = dict(Agency.objects.values_list("pk", "name"))
    return {
        "grids": list(_grids(table, known)),
        "caveats": rendering.caveats(table),
        "share_hidden": table.caveats.share_hidden,
        "views": _words(releases.views_of(kept["views"]), known),
        "is_coarser": kept["views"] != found.views,
        "attack": attack,
        "coalitions": [
            {
                "agencies": [named.get(int(one), one) for one in pair["agencies"]],
                "cells": ngettext("%(n)d figure", "%(n)d figures", len(pair["cells"]))
                % {"n": len(pair["cells"])},
            }
            for pair in attack.get("coalitions", ())
        ],
        "changes": [
            {"where": _where(table, at, known), "before": _mark(before), "now": _mark(now)}
            for at, before, now in kept["changes"][:200]
        ],
        "changes_count": len(kept["changes"]),
        "has_moved": _has_moved(found),
    }


def _where(table: Table, at: list[str], known: Names) -> str:
    return " / ".join(name_of(value, axis, known) for axis, value in zip(table.axes, at, strict=False))


def _mark(value: Any) -> str:
    """A stored value as readers see it."""
    match value:
        case None:
            return HIDDEN_MARK
        case "not_reported":
            return NOT_REPORTED_MARK
        case "nowhere":
            return _("not in it")
        case {"low": low, "high": high}:
            return _("%(low)d to %(high)d") % {"low": low, "high": high}
        case {"percent": percent}:
            return f"{percent} %"
        case {"median_days": days}:
            return str(days)
        case _:
            return str(value)


def _grids(table: Table, known: Names) -> Iterable[Any]:
    """The whole table laid out: a grid for each view, and for each value of what three dimensions hold."""
    if is_pipeline(table):
        rows, columns = table.axes
        yield rendering.grid(table, rows, columns, names=known, caption=str(table.title))
        return
    views = reading.views_of(table)
    if not views:
        yield rendering.grid(table, next(iter(table.axes)), names=known, caption=str(table.title))
    for view in views:
        lens = figures.lens_of(table, view)
        caption = reading.by_words(view, known)
        if not lens.fixed:
            yield rendering.grid(table, lens.rows, lens.columns, names=known, caption=caption)
            continue
        for value in list(values_of(table, lens.picked))[:MOST_PAGES]:
            said = f"{caption}: {name_of(value, lens.picked, known)}"
            held: dict[str, Any] = {lens.picked: value}
            yield rendering.grid(table, lens.rows, lens.columns, names=known, caption=said, **held)
