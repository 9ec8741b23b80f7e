"""The pipeline on a page and as a file: the network's from releases, an agency's own live and exact."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render as respond
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from agencies import ledger
from agencies.doors import AgencyView
from agencies.models import Agency, User
from agencies.roles import Permission
from referrals import availability
from reporting import engine, reading, releases, render
from reporting.measures import Period
from reporting.models import Calendar, Grid, Release, Scope
from reporting.sdc import Policy
from reporting.sdc.steps import BASE
from reporting.web import figures
from reporting.web.places import tabs
from reporting.web.population import cut_of, drawn_alone

PIPELINE, ANONYMOUS = "pipeline", "anonymous_contacts"


@dataclass(frozen=True, slots=True)
class Shape:
    """A file that a table can be had as."""

    label: str
    content_type: str
    make: Callable[..., bytes | str]


def _json(table: render.Table, names: render.Names) -> str:
    return json.dumps(render.data(table, names), indent=2, ensure_ascii=False)


SHAPES = {
    "csv": Shape("CSV", "text/csv; charset=utf-8", render.csv),
    "xlsx": Shape("XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", render.xlsx),
    "json": Shape("JSON", "application/json", _json),
    "svg": Shape("SVG", "image/svg+xml", render.svg),
    "pdf": Shape("PDF", "application/pdf", render.pdf),
}


def reader(request: HttpRequest) -> User | None:
    """Who looks, for the record of what was shown."""
    return request.user if isinstance(request.user, User) else None


class Network(AgencyView):
    """The network's pipeline of a closed period, as it was released."""

    needs = Permission.REPORT_NETWORK

    def get(self, request: HttpRequest) -> HttpResponse:
        made = releases.of(PIPELINE)
        if not made:
            return respond(
                request,
                "reporting/numbers_none.html",
                {
                    "first": _first_release(),
                    "live": so_far(),
                    "own": _own_url(self),
                    "tabs": tabs(self.actor, "numbers"),
                },
            )
        wanted = request.GET.get("period", "")
        chosen = next((one for one in made if wanted in ("", one.label)), None)
        is_replaced = chosen is None
        chosen = chosen or Release.objects.get(measure=PIPELINE, scope=Scope.PARTNERS, label=wanted)
        table = releases.read(chosen, user=reader(request), channel="page")
        return respond(
            request,
            "reporting/numbers.html",
            {
                "figure": render.page(table),
                "about": table.caveats,
                "period_text": period_name(Period(chosen.period_start, chosen.period_end)),
                "periods": [
                    (one.label, period_name(Period(one.period_start, one.period_end))) for one in made
                ],
                "chosen": chosen.label,
                "replaced_by": chosen.replaced_by if is_replaced else None,
                "anonymous": self._anonymous(request, chosen),
                "live": so_far(),
                "downloads": downloads("reporting:figure_download", release=chosen.pk),
                "own": _own_url(self),
                "tabs": tabs(self.actor, "numbers"),
            },
        )

    def _anonymous(self, request: HttpRequest, beside: Release) -> str | None:
        """The anonymous contacts of the same period, where they were released."""
        days = (beside.period_start, beside.period_end)
        alike = (one for one in releases.of(ANONYMOUS) if (one.period_start, one.period_end) == days)
        found = next(alike, None)
        if found is None:
            return None
        return render.spoken(
            releases.read(found, user=reader(request), channel="page"), "anonymous", "contacts"
        )


class ReleaseFile(AgencyView):
    """A release as a file, or what a page shows of it. That it was taken is entered too."""

    needs = Permission.REPORT_NETWORK

    def get(self, request: HttpRequest, release: UUID, shape: str) -> HttpResponse:
        if shape not in SHAPES:
            raise Http404
        found = Release.objects.get(pk=release)
        table = releases.read(found, user=reader(request), channel=shape)
        key = request.GET.get("by", "")
        if not key or shape == "json":
            return _file(table, shape, found.label)
        view = next((one for one in reading.views_of(table) if "-".join(one) == key), None)
        if view is None:
            raise Http404
        lens = figures.lens_of(
            table,
            view,
            request.GET.get("only", ""),
            across=request.GET.get("across", ""),
            picks=request.GET.get("picked", ""),
        )
        known = figures.names()
        made = (
            drawn_alone(table, lens, known)
            if shape == "svg"
            else SHAPES[shape].make(table, known, cut_of(table, lens, known))
        )
        return attached(made, shape, f"{found.label}-{key}")


class Own(AgencyView):
    """The agency's own pipeline: exact, and as it stands this moment."""

    needs = Permission.REPORT_OWN

    def get(self, request: HttpRequest) -> HttpResponse:
        agency = Agency.objects.get(pk=self.actor.agency_id)
        span = engine.own_span(self.actor)
        if span is None:
            return respond(
                request, "reporting/own_none.html", {"agency": agency, "tabs": tabs(self.actor, "own")}
            )
        groups = own_periods(span.first, timezone.localdate())
        key = request.GET.get("period") or str(min(span.last, timezone.localdate()).year)
        period = own_period(key)
        table = engine.run_own(PIPELINE, period, self.actor)
        contacts = engine.run_own(ANONYMOUS, period, self.actor)
        may_export = self.actor.may(Permission.REPORT_EXPORT)
        return respond(
            request,
            "reporting/numbers.html",
            {
                "figure": render.page(table),
                "about": table.caveats,
                "is_own": True,
                "tabs": tabs(self.actor, "own"),
                "agency": agency,
                "period_text": period_name(period),
                "period_groups": groups,
                "chosen": key,
                "anonymous": render.spoken(contacts, "anonymous", "contacts"),
                "clocks": availability.clocks(),
                "downloads": downloads("reporting:own_download", period=key) if may_export else [],
            },
        )


class OwnFile(AgencyView):
    """The agency's own pipeline as a file, entered in its ledger."""

    needs = Permission.REPORT_EXPORT

    def get(self, request: HttpRequest, period: str, shape: str) -> HttpResponse:
        if shape not in SHAPES:
            raise Http404
        asked = own_period(period)
        table = engine.run_own(PIPELINE, asked, self.actor)
        ledger.record("report.exported", why=f"{PIPELINE} {period} {shape}")
        return _file(table, shape, f"{PIPELINE}-own-{period}")


def so_far() -> dict[str, Any] | None:
    """What is said of the year that goes on, for `_so_far.html`; None before its first step."""
    found = releases.so_far()
    if found is None:
        return None
    table = found.table
    rows = [
        {
            "stage": reading.name_of(stage, "stage"),
            "kind": reading.kind(cell),
            "text": reading.said(cell),
            "at": found.said_at.get(stage),
        }
        for stage in reading.values_of(table, "stage")
        for cell in [reading.cell_at(table, (stage,))]
    ]
    return {
        "year": table.caveats.period[0].year,
        "rows": rows,
        "first": rows[0],
        "caveats": reading.caveats(table, table.cells.values()),
        "base": 2 * BASE,
        "agencies": table.policy.min_agencies,
        "threshold": table.policy.threshold,
    }


def network_people(view: AgencyView, request: HttpRequest) -> dict[str, Any] | None:
    """The people of the network's latest release, without links and with them, and its period; for whoever
    may read the network's numbers, None before the first release."""
    last = releases.latest(PIPELINE) if view.actor.may(Permission.REPORT_NETWORK) else None
    if last is None:
        return None
    figure = render.page(releases.read(last, user=reader(request), channel="page"))
    if figure["people"]["kind"] != "value":
        return None
    period = period_name(Period(last.period_start, last.period_end))
    return {**{part: figure[part] for part in ("people", "linked", "released")}, "period": period}


def own_period(key: str) -> Period:
    """`2025`, `2025-q3` or `2025-07` as a period. Raises Http404 for anything else."""
    match = re.fullmatch(r"(\d{4})(?:-(?:q([1-4])|(0[1-9]|1[0-2])))?", key)
    if match is None or not 1990 <= int(match[1]) <= 2200:
        raise Http404
    year, quarter, month = int(match[1]), match[2], match[3]
    if quarter:
        return releases.period_of(Grid.QUARTER, date(year, 3 * int(quarter), 1))
    if month:
        return releases.period_of(Grid.MONTH, date(year, int(month), 1))
    return releases.period_of(Grid.YEAR, date(year, 1, 1))


def own_periods(first: date, today: date) -> list[tuple[str, list[tuple[str, str]]]]:
    """The periods an agency may look at, newest first: years, quarters, months, by heading."""
    years = range(today.year, max(first.year, today.year - 4) - 1, -1)
    found = [(_("Years"), [(str(year), period_name(own_period(str(year)))) for year in years])]
    for title, keys in (
        (_("Quarters"), [f"{year}-q{quarter}" for year in years for quarter in (4, 3, 2, 1)]),
        (_("Months"), [f"{year}-{month:02}" for year in years for month in range(12, 0, -1)]),
    ):
        fit = [key for key in keys if own_period(key).start <= today and own_period(key).end > first]
        found.append((title, [(key, period_name(own_period(key))) for key in fit[:12]]))
    return found


def period_name(period: Period) -> str:
    """A period as people say it: Year 2025, Jul to Sep 2025, July 2025."""
    first, last = period.start, period.end - timedelta(days=1)
    if (first.day, first.month, last.day, last.month) == (1, 1, 31, 12) and first.year < last.year:
        return _("%(first)d to %(last)d") % {"first": first.year, "last": last.year}
    if first.day != 1 or period.end.day != 1 or first.year != last.year:
        return render.period_text(period.start, period.end)
    if (first.month, last.month) == (1, 12):
        return _("Year %(year)d") % {"year": first.year}
    if first.month == last.month:
        return formats.date_format(first, "F Y")
    words = {"first": formats.date_format(first, "M"), "last": formats.date_format(last, "M Y")}
    return _("%(first)s to %(last)s") % words


def _first_release() -> dict[str, Any]:
    """When the next closed period will have settled, and what else a first release needs."""
    chosen = Calendar.objects.first() or Calendar()
    settling = timedelta(days=chosen.settling_days)
    period = releases.period_of(chosen.grid, timezone.localdate() - settling)
    return {
        "on": period.end + settling,
        "period": period_name(period),
        "agencies": Policy().min_agencies,
        "days": chosen.settling_days,
    }


def _own_url(view: AgencyView) -> str:
    return reverse("reporting:numbers_own") if view.actor.may(Permission.REPORT_OWN) else ""


def downloads(route: str, **where: Any) -> list[dict[str, str]]:
    """Where a table can be had as a file, in each shape."""
    return [
        {"shape": name, "label": shape.label, "url": reverse(route, kwargs={**where, "shape": name})}
        for name, shape in SHAPES.items()
    ]


def _file(table: render.Table, shape: str, name: str) -> HttpResponse:
    return attached(SHAPES[shape].make(table, figures.names()), shape, name)


def attached(content: bytes | str, shape: str, name: str) -> HttpResponse:
    """A file to keep."""
    return HttpResponse(
        content,
        content_type=SHAPES[shape].content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}.{shape}"'},
    )
