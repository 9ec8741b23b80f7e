"""An agency's own figures beside the network's: its own exact and live, the network's as released.

Neither is ever taken from the other here: no difference, no share. What is left when an agency takes its own
from the network's would be other agencies' people; each released figure was made so that this tells nothing.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as respond
from django.utils.translation import gettext as _

from agencies.doors import AgencyView
from agencies.models import Agency
from agencies.roles import Permission
from reporting import engine, reading, releases
from reporting.models import Release
from reporting.reading import Table
from reporting.sdc import Cell
from reporting.web import figures
from reporting.web.figures import Made
from reporting.web.numbers import PIPELINE, period_name, reader
from reporting.web.places import tabs


class Beside(AgencyView):
    """The pipeline twice, for one released period: ours and everybody's."""

    needs = Permission.REPORT_OWN

    def get(self, request: HttpRequest) -> HttpResponse:
        self.actor.require(Permission.REPORT_NETWORK)
        made = Made.of([PIPELINE])
        period = made.period(request.GET.get("period", ""))
        agency = Agency.objects.get(pk=self.actor.agency_id)
        found = made.at(PIPELINE, period)
        if period is None or found is None:
            return respond(
                request,
                "reporting/question_none.html",
                {"title": _("How do we stand beside the network?"), "tabs": tabs(self.actor, "beside")},
            )
        stored = Release.objects.only("id", "label", "table", "digest").get(pk=found.pk)
        network = releases.read(stored, user=reader(request), channel="page")
        own = engine.run_own(PIPELINE, period, self.actor, as_of=period.ends_at)
        return respond(
            request,
            "reporting/beside.html",
            {
                "tabs": tabs(self.actor, "beside"),
                "agency": agency,
                "period_text": period_name(period),
                "periods": [(figures.key_of(one), period_name(one)) for one in made.periods],
                "period": figures.key_of(period),
                "columns": [
                    {"label": _("Stage")},
                    {"label": _("Records that entered"), "num": True},
                    {"label": _("In the stage at its end"), "num": True},
                ],
                "own": _rows(own),
                "own_caveats": reading.caveats(own),
                "network": _rows(network),
                "network_caveats": reading.caveats(network, _cells(network))[:7],
                "as_of": network.caveats.generated_at,
                "rule": reading.rule(network),
            },
        )


def _rows(table: Table) -> list[list[Any]]:
    """For `table.html`: each stage with who entered it and who is in it, of one table alone."""
    rows = []
    for stage in table.axes["stage"]:
        said = [{"kind": reading.kind(cell), "text": reading.said(cell)} for cell in _cells(table, stage)]
        rows.append([reading.name_of(stage, "stage"), *said])
    return rows


def _cells(table: Table, *stages: str) -> list[Cell | None]:
    """What the page shows of these stages, or of all."""
    return [
        reading.cell_at(table, (stage, figure))
        for stage in stages or table.axes["stage"]
        for figure in ("entered", "now")
    ]
