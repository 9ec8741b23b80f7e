"""Pages of the network's numbers, one question each: which way, where, what was given, who.

They read stored releases and nothing else. Which part of a table is looked at stands in figures.py, the
pipeline itself and files in numbers.py, who reports in coverage.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render as respond
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agencies.doors import AgencyView
from agencies.roles import Permission
from reporting import charts, reading, render, saved
from reporting.measures import UNKNOWN, Period, Text, View
from reporting.models import Proposal, Release
from reporting.reading import Names
from reporting.sdc import ProtectedTable
from reporting.web import figures
from reporting.web.figures import Lens, Made
from reporting.web.numbers import downloads, period_name, reader
from reporting.web.places import tabs
from reporting.web.population import drawing_of, rates, representation, small_maps


@dataclass(frozen=True, slots=True)
class Part:
    """One figure that a page can show: its measure, and how it is looked at until a reader chooses.

    `tab` is what it is called beside the page's others. `views` are looked at first: the first that was
    released and can mostly be read; `across` is the axis of the columns, `picks` the axis whose value the
    picture shows one of, and `value` which one at first.
    """

    measure: str
    title: Text
    tab: Text = ""
    views: tuple[View, ...] = ()
    across: str = ""
    picks: str = ""
    value: str = ""
    say: Text = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """A part as it is looked at now: its release, its table, and the lens."""

    part: Part
    release: Release
    table: ProtectedTable
    lens: Lens
    known: Names

    @property
    def by(self) -> str:
        return f"{self.part.measure}.{self.lens.key}"


class Question(AgencyView):
    """A page that answers one question from releases, by one figure. Subclasses name its parts: the first is
    the answer until a reader asks for another.

    A reader chooses the period, the part, how it is cut, and a value; each of these was released.
    """

    needs = Permission.REPORT_NETWORK
    page: ClassVar[str]
    title: ClassVar[Text]
    parts: ClassVar[tuple[Part, ...]]

    def get(self, request: HttpRequest) -> HttpResponse:
        made = Made.of(part.measure for part in self.parts)
        period = made.period(request.GET.get("period", ""))
        if period is None:
            return self._nothing(request)
        there = {part: found for part in self.parts if (found := made.at(part.measure, period))}
        part = self._asked(request, there)
        looked = self._look(part, there[part], figures.names(), request)
        return respond(
            request,
            "reporting/question.html",
            {
                "title": self.title,
                "page": self.page,
                "tabs": tabs(self.actor, self.page),
                "as_of": looked.table.caveats.generated_at,
                "period_text": period_name(period),
                "periods": [(figures.key_of(one), period_name(one)) for one in made.periods],
                "period": figures.key_of(period),
                "parts": [
                    {
                        "label": one.tab,
                        "url": "?" + urlencode({"period": figures.key_of(period), "of": one.measure}),
                        "current": one is part,
                    }
                    for one in there
                ],
                "cuts": self._cuts(looked),
                "by": looked.by,
                "picks": self._picks(looked),
                "picked": looked.lens.value,
                "figure": self.figure(looked, made, period),
                "beside": self.beside(looked, made, period),
                "can_save": self.page in saved.PAGES,
            },
        )

    def figure(self, looked: Looked, made: Made, period: Period) -> dict[str, Any]:
        """A figure for `_figure.html`: pictures, the table with the same values, files, caveats."""
        part, table, lens = looked.part, looked.table, looked.lens
        held: dict[str, Any] = dict(lens.fixed)
        grid = render.grid(table, lens.rows, lens.columns, names=looked.known, **held)
        seen = {"by": lens.key, "across": lens.columns, "picked": lens.picked, "only": lens.value}
        name = f"f-{part.measure.replace('_', '-')}"
        return {
            "id": name,
            "title": part.title,
            "say": part.say,
            "picture": charts.picture(
                drawing_of(table, lens), look=charts.Look(name=name, names=looked.known)
            ),
            "narrowed": reading.name_of(lens.value, lens.picked, looked.known) if lens.picked else "",
            "grid": grid,
            "caveats": grid.caveats,
            "downloads": [
                one if one["shape"] == "json" else one | {"url": f"{one['url']}?{urlencode(seen)}"}
                for one in downloads("reporting:figure_download", release=looked.release.pk)
            ],
            "whole": self._whole(looked),
            "coarser": self._coarser(looked, made, period),
        }

    def beside(self, looked: Looked, made: Made, period: Period) -> dict[str, Any]:
        """What a page says beside its figure."""
        return {}

    def _asked(self, request: HttpRequest, there: Mapping[Part, Release]) -> Part:
        """The part a reader asked for, or the first that this period has. Raises Http404 for none of ours."""
        wanted = request.GET.get("by", "").partition(".")[0] or request.GET.get("of", "")
        if wanted and wanted not in {part.measure for part in self.parts}:
            raise Http404
        return next((part for part in there if part.measure == wanted), next(iter(there)))

    def _look(self, part: Part, found: Release, known: Names, request: HttpRequest) -> Looked:
        found = Release.objects.only("id", "label", "table", "digest").get(pk=found.pk)
        table = figures.read(found, reader(request))
        views = reading.views_of(table)
        measure, _dot, key = request.GET.get("by", "").partition(".")
        if measure == part.measure:
            view = next((view for view in views if "-".join(view) == key), None)
            if view is None:
                raise Http404
        else:
            view = self._first_view(part, table, views)
        value = request.GET.get("only", "") if measure in ("", part.measure) else ""
        if not value and part.picks in view and part.value in table.axes[part.picks]:
            value = part.value
        lens = figures.lens_of(table, view, value, across=part.across, picks=part.picks)
        return Looked(part, found, table, lens, known)

    def _first_view(self, part: Part, table: ProtectedTable, views: list[View]) -> View:
        """What is looked at before anybody chooses: the part's own view, or what the release has instead."""
        wanted = [view for view in part.views if view in views]
        readable = [view for view in wanted if figures.share_hidden(table, view) <= figures.MOSTLY]
        return (
            [*readable, *wanted][0]
            if wanted
            else min(views, key=lambda view: figures.share_hidden(table, view))
        )

    def _cuts(self, looked: Looked) -> list[tuple[str, str]]:
        return [
            (f"{looked.part.measure}.{'-'.join(view)}", reading.by_words(view, looked.known))
            for view in reading.views_of(looked.table)
        ]

    def _picks(self, looked: Looked) -> dict[str, Any] | None:
        axis = looked.lens.picked
        if not axis:
            return None
        return {
            "title": reading.title_of(axis, looked.known),
            "choices": [
                (value, reading.name_of(value, axis, looked.known))
                for value in reading.values_of(looked.table, axis)
            ],
        }

    def _whole(self, looked: Looked) -> str:
        """Where all cuts of the release can be had as one file; "" where the page shows them all."""
        if reading.finest(looked.table) == [looked.lens.view]:
            return ""
        return reverse("reporting:figure_download", kwargs={"release": looked.release.pk, "shape": "xlsx"})

    def _coarser(self, looked: Looked, made: Made, period: Period) -> dict[str, str] | None:
        """Where most cells are hidden: a view, or a longer period, that shows more."""
        hidden = figures.share_hidden(looked.table, looked.lens.view, looked.lens.fixed)
        if hidden <= figures.MOSTLY:
            return None
        percent = _("%(percent)d %%") % {"percent": round(100 * hidden)}
        view = figures.coarser(looked.table, looked.lens)
        longer = made.longer(looked.part.measure, period)
        if view is not None:
            where = {"period": figures.key_of(period), "by": f"{looked.part.measure}.{'-'.join(view)}"}
            label = reading.by_words(view, looked.known)
        elif longer is not None:
            whole = Period(longer.period_start, longer.period_end)
            where, label = {"period": figures.key_of(whole), "by": looked.by}, period_name(whole)
        else:
            return {"percent": percent, "url": "", "label": ""}
        return {"percent": percent, "url": f"?{urlencode(where)}", "label": label}

    def _nothing(self, request: HttpRequest) -> HttpResponse:
        """Before the first release: what was asked for, or refused."""
        names = [part.measure for part in self.parts]
        asked = Proposal.objects.filter(measure__in=names, scope="partners").only("state", "measure").first()
        state = asked.state if asked else ""
        return respond(
            request,
            "reporting/question_none.html",
            {
                "title": self.title,
                "tabs": tabs(self.actor, self.page),
                "is_refused": state in (Proposal.State.REFUSED, Proposal.State.BLOCKED),
                "is_waiting": state in (Proposal.State.WAITING, Proposal.State.DRAWN, Proposal.State.ASKED),
                "own": reverse("reporting:numbers_own") if self.actor.may(Permission.REPORT_OWN) else "",
            },
        )


class Next(Question):
    """From the sector of first contact to the next one."""

    page, title = "next", gettext_lazy("Which way do people go next?")
    parts = (
        Part(
            "flows",
            gettext_lazy("Moves between sectors"),
            views=(("origin_node", "next_node"), ("origin_family", "next_family")),
            say=gettext_lazy("From the sector of first contact to the next. A move is not a success."),
        ),
    )


class Where(Question):
    """Stages by county, on a map; for counties too small to show, the answer of a longer period."""

    page, title = "where", gettext_lazy("Where?")
    parts = (
        Part(
            "stages_by_place",
            gettext_lazy("Clients who entered a stage, by county"),
            views=(("stage", "county"), ("stage", "region")),
            across="county",
            picks="stage",
            say=gettext_lazy("The county is where the client lives. No site and no agency is on the map."),
        ),
    )

    def beside(self, looked: Looked, made: Made, period: Period) -> dict[str, Any]:
        lens = looked.lens
        if lens.drawn != "county":
            return {}
        small = small_maps(looked.table, lens, looked.known)
        where = {"period": figures.key_of(period), "by": looked.by}
        return {
            "minis": [
                {
                    "label": reading.name_of(value, lens.picked, looked.known),
                    "url": f"?{urlencode(where | {'only': value})}",
                    "is_large": value == lens.value,
                    "picture": picture,
                }
                for value, picture in small
            ],
            "minis_key": charts.picture(
                charts.explained, [picture for _value, picture in small], look=charts.Look(name="minis-key")
            )
            if small
            else None,
            "rates": rates(looked.table, lens, looked.known),
            "pooled": self._pooled(looked, made, period),
        }

    def _pooled(self, looked: Looked, made: Made, period: Period) -> list[dict[str, str]]:
        """Counties that this period hides and a longer one shows, with what it says."""
        lens = looked.lens
        longer = made.longer(looked.part.measure, period)
        fixed = lens.narrowed
        small = [
            county
            for county in reading.values_of(looked.table, "county")
            if county != UNKNOWN
            and reading.kind(
                reading.cell_at(looked.table, reading.place(looked.table, fixed | {"county": county}))
            )
            == "hidden"
        ]
        if longer is None or not small:
            return []
        whole = Period(longer.period_start, longer.period_end)
        found = Release.objects.only("id", "label", "table", "digest").get(pk=longer.pk)
        table = figures.read(found, reader(self.request))
        if lens.view not in reading.views_of(table):
            return []
        where = {"period": figures.key_of(whole), "by": looked.by, "only": lens.value}
        return [
            {
                "name": reading.name_of(county, "county", looked.known),
                "period": period_name(whole),
                "says": said,
                "url": f"?{urlencode(where)}",
            }
            for county in small
            if county in table.axes["county"] and (said := figures.said_of(table, fixed | {"county": county}))
        ]


class Given(Question):
    """Services by type, needs met or not, referrals and what became of them, and where contacts happened."""

    page, title = "given", gettext_lazy("What was given, and what was missing?")
    parts = (
        Part(
            "services",
            gettext_lazy("Services given"),
            tab=gettext_lazy("Services"),
            views=(("service_group",),),
        ),
        Part(
            "unmet_need",
            gettext_lazy("Asked for, found or not found"),
            tab=gettext_lazy("Needs, met or not"),
            views=(("met", "need_group"), ("met",)),
            across="met",
            picks="met",
            value="unmet",
        ),
        Part(
            "offers",
            gettext_lazy("Referrals, and what became of them"),
            tab=gettext_lazy("Referrals"),
            views=(("outcome",),),
        ),
        Part(
            "served",
            gettext_lazy("Clients who got each kind of service"),
            tab=gettext_lazy("Clients helped"),
            views=(("service_group",),),
        ),
        Part(
            "contacts_by_sector",
            gettext_lazy("Contacts"),
            tab=gettext_lazy("Contacts"),
            views=(("sector_group",), ("contact_kind",), ("contact_of",)),
        ),
    )


class Who(Question):
    """Who the clients are, a dimension at a time, how that compares with the people who live here, and how
    many of them are new."""

    page, title = "who", gettext_lazy("Who?")
    parts = (
        Part(
            "who",
            gettext_lazy("Clients first identified in the period"),
            tab=gettext_lazy("First identified"),
            views=(("age_band",),),
            say=gettext_lazy("As clients said it to the agency that met them first."),
        ),
        Part(
            "new_and_continuing",
            gettext_lazy("Clients who are new, and those who continue"),
            tab=gettext_lazy("New or continuing"),
            views=(("arrival",),),
            say=gettext_lazy("New means new to that agency, ever."),
        ),
    )

    def beside(self, looked: Looked, made: Made, period: Period) -> dict[str, Any]:
        if looked.part is not self.parts[0]:
            return {}
        return {"representation": representation(looked.table, looked.lens, looked.known)}


QUESTIONS: Mapping[str, type[Question]] = {one.page: one for one in (Next, Where, Given, Who)}
"""The pages of which a view can be kept, by name."""
