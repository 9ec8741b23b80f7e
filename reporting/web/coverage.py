"""Who reports and who does not: the agencies behind each period's figures, and those expected that are not.

It names agencies, never a count of theirs. Why an agency is not among them is its own business.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as respond
from django.utils.translation import gettext as _

from agencies.doors import AgencyView
from agencies.models import Agency
from agencies.roles import Permission
from reporting.measures import ALL, UNKNOWN, Period
from reporting.measures.coverage import Reporter, coverage
from reporting.measures.dimensions import FIXED
from reporting.models import Release
from reporting.web.figures import Made
from reporting.web.numbers import PIPELINE, period_name
from reporting.web.places import tabs

PERIODS = 4


class Coverage(AgencyView):
    """The agencies that are expected to report, and whether each stands in the last periods' figures."""

    needs = Permission.REPORT_NETWORK

    def get(self, request: HttpRequest) -> HttpResponse:
        made = [one for one in Made.of([PIPELINE]).releases if one.agencies][:PERIODS]
        expected = list(
            Agency.objects.filter(is_expected_to_report=True, left_on=None).select_related("county")
        )
        periods = [period_name(Period(one.period_start, one.period_end)) for one in made]
        counted = [
            (name, coverage(_reporters(expected, one), lambda _one: ALL).get(ALL))
            for name, one in zip(periods, made, strict=True)
        ]
        return respond(
            request,
            "reporting/coverage.html",
            {
                "tabs": tabs(self.actor, "coverage"),
                "expected": len(expected),
                "counted": [(name, found.reporting) for name, found in counted if found],
                "newest": periods[0] if periods else "",
                "by": _by(_reporters(expected, made[0])) if made else [],
                "columns": [
                    {"label": _("Agency")},
                    {"label": _("Kind")},
                    {"label": _("Takes part since")},
                    *({"label": name} for name in periods),
                ],
                "agencies": [(agency, [agency.pk in one.agencies for one in made]) for agency in expected],
                "caveats": [
                    (_("Source"), _("The hub's list of agencies, and the agencies each release counted")),
                    (_("Period"), "; ".join(periods) or _("None yet")),
                    (_("Coverage"), _("Agencies that are expected to report and have not left")),
                    (_("Counted as"), _("Agencies")),
                    (_("Release"), ", ".join(one.label for one in made) or _("None yet")),
                    (_("Hidden cells"), _("None: these are agencies, not people")),
                    (
                        _("What it does not show"),
                        _(
                            "How much an agency sent, or why one is not counted: no record yet, no "
                            "agreement, or its own decision."
                        ),
                    ),
                ],
            },
        )


def _reporters(expected: Iterable[Agency], release: Release) -> list[Reporter]:
    return [
        Reporter(
            agency.sector,
            agency.county.name if agency.county else None,
            is_counted=agency.pk in release.agencies,
        )
        for agency in expected
    ]


def _by(reporters: Sequence[Reporter]) -> list[dict[str, Any]]:
    """For `table.html`: the agencies by sector and by county, those counted of those expected."""
    sectors = dict(FIXED["sector_group"].values)
    by_sector = coverage(reporters, lambda one: one.sector_group)
    by_county = coverage(reporters, lambda one: one.county)
    named = (
        (_("Sector"), [(str(title), by_sector[key]) for key, title in sectors.items() if key in by_sector]),
        (
            _("County"),
            [
                (_("County not known") if county == UNKNOWN else county, found)
                for county, found in sorted(by_county.items(), key=lambda one: (one[0] == UNKNOWN, one[0]))
            ],
        ),
    )
    return [
        {
            "caption": title,
            "columns": [
                {"label": title},
                {"label": _("In the figures"), "num": True},
                {"label": _("Expected"), "num": True},
            ],
            "rows": [[name, found.reporting, found.expected] for name, found in lines],
        }
        for title, lines in named
    ]
