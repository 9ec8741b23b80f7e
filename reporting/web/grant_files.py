"""A grant report as CSV, XLSX or PDF. Each says whether it is a draft, what it counts and what not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typst
from django.utils import formats, timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from reporting import render
from reporting.actions import Answer
from reporting.grants import FORMS
from reporting.models import GrantReport

PAPER = Path(__file__).with_name("grant_report.typ")


@dataclass(frozen=True, slots=True)
class Shape:
    label: str
    content_type: str


SHAPES = {
    "csv": Shape("CSV", "text/csv; charset=utf-8"),
    "xlsx": Shape("XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "pdf": Shape("PDF", "application/pdf"),
}


def make(
    shape: str, report: GrantReport, *, agency: str, numbers: Mapping[str, Answer | None], period: str
) -> bytes:
    """The file. `numbers` are the report's, by item code; None is an item nobody has answered yet."""
    notes = _notes(report, agency, period)
    if shape == "pdf":
        return _paper(report, agency, period, numbers, notes)
    lines: list[list[render.Value]] = [[_("Item"), _("Measure"), _("Number"), _("Section")]]
    for section in FORMS[report.form].sections:
        lines += [
            [item.code, _(item.label), _shown(numbers[item.code]), _(section.title)] for item in section.items
        ]
    lines.append([])
    lines += [[label, said] for label, said in notes]
    if shape == "csv":
        return render.csv_of(lines)
    return render.xlsx_of(lines, name=_("Report"))


def state(report: GrantReport) -> str:
    """`Draft`, or which version was frozen when."""
    if report.frozen_at is None:
        return _("DRAFT of version %(version)d: the numbers may still change") % {"version": report.version}
    at = formats.date_format(timezone.localtime(report.frozen_at), "DATETIME_FORMAT")
    return _("Version %(version)d, frozen %(at)s") % {"version": report.version, "at": at}


def _notes(report: GrantReport, agency: str, period: str) -> list[tuple[str, str]]:
    form = FORMS[report.form]
    notes = [
        (_("State"), state(report)),
        (_("Form"), f"{_(form.title)}, {form.version}. {_(form.funder)}"),
        (_("Agency"), agency),
        (_("Award"), str(report.award) if report.award else _("None: the whole agency")),
        (_("Period"), f"{period} ({render.period_text(report.period_start, report.period_end)})"),
        (_("Source"), _("The agency's own records on the hub, exact, and what its staff entered by hand")),
        (
            _("Coverage"),
            _("Services in the award's projects, from the day the award pays for each")
            if report.award
            else _("All services of the agency; not those given by an agency referred to"),
        ),
        (
            _("What it does not show"),
            _(
                "People the agency did not serve. Anonymous contacts are no people served. Hours, nights and "
                "dollars are not added to times. Adding quarters counts people twice. With other agencies' "
                "reports added, people known to both stand twice."
            ),
        ),
    ]
    if not form.verified:
        notes.append(
            (_("Checked"), _("No grantee has checked this form's wording against the funder's yet."))
        )
    return notes


def _shown(value: Answer | None) -> Answer:
    return _("not entered") if value is None else value


def _paper(
    report: GrantReport,
    agency: str,
    period: str,
    numbers: Mapping[str, Answer | None],
    notes: list[tuple[str, str]],
) -> bytes:
    """The report on paper, as PDF/UA: readable aloud, fonts inside, nothing fetched."""
    form = FORMS[report.form]
    content: dict[str, Any] = {
        "lang": (get_language() or "en")[:2],
        "title": f"{_(form.title)}, {period}",
        "agency": agency,
        "state": state(report),
        "is_draft": report.frozen_at is None,
        "heads": [_("Item"), _("Measure"), _("Number")],
        "about": _("About this report"),
        "notes": notes,
        "sections": [
            {
                "title": _(section.title),
                "note": _(section.note) if section.note else "",
                "rows": [
                    [item.code, _(item.label), str(_shown(numbers[item.code]))] for item in section.items
                ],
            }
            for section in form.sections
        ],
    }
    made = typst.compile(
        PAPER,
        root=PAPER.parent,
        ignore_system_fonts=True,
        sys_inputs={"content": json.dumps(content)},
        pdf_standards="ua-1",
    )
    return bytes(made)
