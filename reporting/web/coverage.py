"""Who reports and who does not: the agencies behind each period's figures, and those expected that are not.

It names agencies, never a count of theirs. Why an agency is not among them is its own business.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as respond
from django.utils.translation import gettext as _

from agencies.doors import AgencyView
from agencies.models import Agency
from agencies.roles import Permission
from reporting.measures import Period
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
            (name, sum(agency.pk in one.agencies for agency in expected))
            for name, one in zip(periods, made, strict=True)
        ]
        return respond(
            request,
            "reporting/coverage.html",
            {
                "tabs": tabs(self.actor, "coverage"),
                "expected": len(expected),
                "counted": counted,
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
