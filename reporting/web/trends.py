"""Is it more than before: one figure over the periods that were released, and where they break."""

import json
from datetime import timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render as respond
from django.urls import reverse
from django.utils.translation import gettext as _

from agencies.doors import AgencyView
from agencies.roles import Permission
from reporting import charts, reading, releases, render
from reporting.measures import Period
from reporting.measures.pipeline import STAGES
from reporting.models import Release
from reporting.sdc import Cell, Hidden, ProtectedTable
from reporting.web.figures import LIGHT, Made
from reporting.web.numbers import PIPELINE, SHAPES, attached, period_name, reader
from reporting.web.places import tabs

MOST = 12
SHAPES_HERE = ("csv", "xlsx", "json", "svg")
LENGTHS = {"year": 300, "quarter": 60, "month": 0}
"""Periods of one length are compared: least days of each."""


class Before(AgencyView):
    """The records that entered a stage, period by period."""

    needs = Permission.REPORT_NETWORK

    def get(self, request: HttpRequest) -> HttpResponse:
        series = Series.asked(request)
        if series is None:
            return respond(
                request,
                "reporting/question_none.html",
                {
                    "title": _("Is it more than before?"),
                    "tabs": tabs(self.actor, "before"),
                    "own": reverse("reporting:numbers_own") if self.actor.may(Permission.REPORT_OWN) else "",
                },
            )
        where = f"?length={series.length}&stage={series.stage}"
        return respond(
            request,
            "reporting/before.html",
            {
                "tabs": tabs(self.actor, "before"),
                "page": "before",
                "series": series,
                "picture": charts.picture(
                    charts.trend,
                    series.tables,
                    versions=series.versions,
                    look=charts.Look(name="f-trend"),
                    **series.fixed,
                ),
                "downloads": [
                    {
                        "label": SHAPES[shape].label,
                        "url": reverse("reporting:before_download", args=[shape]) + where,
                    }
                    for shape in SHAPES_HERE
                ],
            },
        )


class BeforeFile(AgencyView):
    """The same periods as a file."""

    needs = Permission.REPORT_NETWORK

    def get(self, request: HttpRequest, shape: str) -> HttpResponse:
        series = Series.asked(request, channel=shape)
        if series is None or shape not in SHAPES_HERE:
            raise Http404
        made: bytes | str
        if shape == "svg":
            look = charts.Look(alone=True)
            made = charts.trend(series.tables, versions=series.versions, look=look, **series.fixed)
        elif shape == "json":
            made = json.dumps(series.data(), indent=2, ensure_ascii=False)
        elif shape == "csv":
            made = render.csv_of(series.lines())
        else:
            made = render.xlsx_of(series.lines(), name=_("Figures"))
        return attached(made, shape, f"before-{series.stage}")


class Series:
    """Releases of the pipeline of one length, oldest first, and the stage that is looked at."""

    def __init__(
        self,
        found: list[Release],
        length: str,
        lengths: list[str],
        stage: str,
        tables: list[ProtectedTable],
    ) -> None:
        self.releases = found
        self.length, self.lengths, self.stage = length, lengths, stage
        self.tables = tables
        self.versions = [one.measure_version for one in found]
        self.fixed = {"stage": stage, "figure": "entered"}

    @classmethod
    def asked(cls, request: HttpRequest, channel: str = "page") -> "Series | None":
        """What a reader asked for; None before any release. Raises Http404."""
        made = Made.of([PIPELINE])
        lengths = list(dict.fromkeys(_length(one) for one in made.releases))
        if not lengths:
            return None
        length = request.GET.get("length") or lengths[0]
        stage = request.GET.get("stage") or "identified"
        if length not in lengths or stage not in dict(STAGES):
            raise Http404
        of_length = [one.pk for one in made.releases if _length(one) == length][:MOST]
        found = list(
            Release.objects.filter(pk__in=of_length)
            .only(*LIGHT, "table", "digest")
            .order_by("period_start", "made_at")
        )
        tables = releases.read_all(found, user=reader(request), channel=channel)
        return cls(found, length, lengths, stage, tables)

    @property
    def stage_title(self) -> str:
        return reading.name_of(self.stage, "stage")

    @property
    def stages(self) -> list[tuple[str, str]]:
        return [(name, reading.name_of(name, "stage")) for name, _title in STAGES]

    @property
    def length_choices(self) -> list[tuple[str, str]]:
        words = {"year": _("Years"), "quarter": _("Quarters"), "month": _("Months")}
        return [(one, words[one]) for one in self.lengths]

    @property
    def newest(self) -> ProtectedTable:
        return self.tables[-1]

    @property
    def breaks(self) -> list[str]:
        return charts.breaks(self.tables, self.versions)

    @property
    def columns(self) -> list[dict[str, Any]]:
        heads = [_("Period"), _("Records"), _("People"), _("Agencies reporting")]
        return [{"label": head, "num": bool(number)} for number, head in enumerate(heads)]

    @property
    def rows(self) -> list[list[Any]]:
        """For `table.html`: a line a period, with the same values as the picture."""
        return [
            [
                period_name(Period(one.period_start, one.period_end)),
                *({"kind": reading.kind(cell), "text": reading.said(cell)} for cell in self._cells(table)),
                _coverage(table),
            ]
            for one, table in zip(self.releases, self.tables, strict=True)
        ]

    @property
    def caveats(self) -> list[tuple[str, str]]:
        """Those of all the releases. What links say is of one release, and stands with it."""
        return charts.caveats_of(self.tables, [cell for one in self.tables for cell in self._cells(one)])[:7]

    def lines(self) -> list[list[render.Value]]:
        """For a spreadsheet."""
        heads = [
            _("Period"),
            _("Records"),
            _("People, at least"),
            _("People, at most"),
            _("Agencies reporting"),
        ]
        return [
            [*heads],
            *(
                [
                    reading.period_text(one.period_start, one.period_end),
                    *(mark for many, cell in enumerate(self._cells(table), 1) for mark in _marks(cell, many)),
                    _coverage(table),
                ]
                for one, table in zip(self.releases, self.tables, strict=True)
            ),
            [],
            *self._notes(),
        ]

    def data(self) -> dict[str, Any]:
        """For programs: a hidden figure is null."""
        return {
            "stage": self.stage,
            "periods": [
                {
                    "start": one.period_start.isoformat(),
                    "end": one.period_end.isoformat(),
                    "release": one.label,
                    "digest": table.digest(),
                    "records": (reading.ends(cells[0]) or (None,))[0],
                    "people": reading.ends(cells[1]),
                    "agencies_reporting": table.caveats.agencies_reporting,
                    "agencies_expected": table.caveats.agencies_expected,
                }
                for one, table in zip(self.releases, self.tables, strict=True)
                for cells in [self._cells(table)]
            ],
            "breaks": self.breaks,
            "caveats": [{"about": label, "text": text} for label, text in self.caveats],
        }

    def _notes(self) -> list[list[render.Value]]:
        said = [*self.caveats, *((_("Break"), text) for text in self.breaks)]
        return [[label, text] for label, text in said]

    def _cells(self, table: ProtectedTable) -> list[Cell | None]:
        """The records that entered the stage, and the people."""
        return [reading.cell_at(table, (self.stage, figure)) for figure in ("entered", "people")]


def _length(found: Release) -> str:
    days = found.period_end - found.period_start
    return next(name for name, least in LENGTHS.items() if days >= timedelta(days=least))


def _coverage(table: ProtectedTable) -> str:
    about = table.caveats
    return _("%(reporting)d of %(expected)d") % {
        "reporting": about.agencies_reporting,
        "expected": about.agencies_expected,
    }


def _marks(cell: Cell | None, many: int) -> list[render.Value]:
    """A cell as so many marks of a file: its ends, or its sign."""
    ends = reading.ends(cell)
    if ends is not None:
        return list(ends[:many])
    return [reading.HIDDEN_MARK if isinstance(cell, Hidden) else reading.NOT_REPORTED_MARK] * many
