"""A page that attacks a table somebody has published. The file lives in this request's memory and in the page
that goes back to its reader; nothing is stored, and no content is logged.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as respond
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agencies.doors import AgencyView
from agencies.roles import Permission
from reporting.leakcheck import Hints, Report, Unreadable, check
from reporting.web.places import tabs

MAX_BYTES = 2 * 2**20
"""Of a file on the page: it travels back inside the form, below DATA_UPLOAD_MAX_MEMORY_SIZE."""
_SECONDS = 8.0
_SHOWN_ROWS = 200


class NothingOnDisk(FileUploadHandler):
    """A file for this page that is too large is dropped as it comes: it would else touch the disk."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._is_too_large = False

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, *rest: Any, **more: Any
    ) -> None:
        # The form around the file is small.
        is_ours = self.request is not None and self.request.path == reverse("reporting:leakcheck")
        self._is_too_large = is_ours and content_length > 2 * MAX_BYTES

    def new_file(self, *args: Any, **more: Any) -> None:
        if self._is_too_large:
            raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


class FileForm(forms.Form):
    """A table, and what counts as small."""

    file = forms.FileField(
        label=gettext_lazy("Table"),
        help_text=gettext_lazy("An Excel file (.xlsx) or a CSV file, as it was published; up to 2 MB."),
        widget=forms.FileInput(attrs={"accept": ".xlsx,.csv,.txt"}),
    )
    threshold = forms.IntegerField(
        label=gettext_lazy("Counts below this are small"), initial=11, min_value=2, max_value=100
    )

    def clean_file(self) -> bytes:
        upload: UploadedFile = self.cleaned_data["file"]
        if (upload.size or 0) > MAX_BYTES:
            raise forms.ValidationError(_too_large())
        return upload.read()


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the reading as it is shown: its text, and `state` shown, hidden, exposed or other."""

    text: str
    state: str


class Check(AgencyView):
    """Choose a file; then see how it was read, say where that is wrong, and what the table gives away."""

    needs = Permission.REPORT_NETWORK

    def get(self, request: HttpRequest, form: FileForm | None = None) -> HttpResponse:
        return respond(
            request,
            "reporting/leakcheck.html",
            {"form": form or FileForm(), "tabs": tabs(self.actor, "leakcheck")},
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        again = "kept" in request.POST
        form = FileForm(request.POST, request.FILES)
        if again:
            content, hints = _kept(request), _hints(request)
        else:
            if not form.is_valid():
                if "file" in form.errors and not request.FILES and _says_large(request):
                    form.errors["file"] = form.error_class([_too_large()])
                return self.get(request, form)
            content, hints = form.cleaned_data["file"], Hints(threshold=form.cleaned_data["threshold"])
        try:
            report = check(content, hints, seconds=_SECONDS)
        except Unreadable as refusal:
            fresh = FileForm(request.POST, request.FILES)
            fresh.add_error("file", refusal.sentence.say(_))
            return self.get(request, fresh)
        return respond(
            request,
            "reporting/leakcheck_found.html",
            {**_page(report, content), "tabs": tabs(self.actor, "leakcheck")},
        )


def _too_large() -> str:
    return _("The file is larger than 2 MB. Check one table at a time.")


def _says_large(request: HttpRequest) -> bool:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return length.isdigit() and int(length) > 2 * MAX_BYTES


def _kept(request: HttpRequest) -> bytes:
    """The file that came back with its page; empty, and so refused in words, if it is none."""
    try:
        return base64.b64decode(request.POST["kept"], validate=True)[: MAX_BYTES + 1]
    except (binascii.Error, ValueError):
        return b""


def _hints(request: HttpRequest) -> Hints:
    sent = request.POST
    threshold = sent.get("threshold", "")
    found, kept = set(sent.getlist("found_total")), set(sent.getlist("total"))
    marks = {key.removeprefix("mark-"): sent[key] for key in sent if key.startswith("mark-")}
    names = sent.getlist("mark_text")
    chosen = [(names[int(at)], means) for at, means in marks.items() if at.isdigit() and int(at) < len(names)]
    tables, same = set(sent.getlist("linked")), set(sent.getlist("same"))
    return Hints(
        threshold=min(max(int(threshold), 2), 100) if threshold.isdigit() else 11,
        totals=tuple(sorted(kept | {name for name in [sent.get("more_total", "").strip()] if name})),
        not_totals=tuple(sorted(found - kept)),
        marks=tuple(text for text, means in chosen if means == "hidden"),
        zeros=tuple(text for text, means in chosen if means == "none"),
        independent=tuple(sorted(tables - same)),
    )


def _page(report: Report, content: bytes) -> dict[str, Any]:
    reading = report.reading
    exposed = {finding.place.id: finding for finding in report.findings}
    more = {place.id for place in report.further or []}
    totals = list(dict.fromkeys(name for _number, name in reading.totals if name))
    linked = {str(number + 1): _table_name(report, number) for pair in reading.links for number in pair[1:]}
    return {
        "kept": base64.b64encode(content).decode(),
        "threshold": report.hints.threshold,
        "findings": [
            {
                "name": finding.place.name,
                "cell": _address(report, finding.place.id),
                "range": _range(finding.low, finding.high),
                "kind": finding.kind,
                "steps": [step.say(_) for step in finding.steps],
            }
            for finding in report.findings
        ],
        "larger": [(place.name, _address(report, place.id), n) for place, n in report.larger],
        "advice": [sentence.say(_) for sentence in report.advice],
        "further": [(place.name, _address(report, place.id)) for place in report.further or []],
        "doubts": [doubt.sentence.say(_) for doubt in reading.doubts],
        "counts": len(reading.places),
        "hidden": report.hidden,
        "sums": len(reading.sums),
        "totals": [(name, True) for name in totals]
        + [(name, False) for name in report.hints.not_totals if name not in totals],
        "marks": [
            (at, text, text or _("blank"), means)
            for at, (text, means) in enumerate(
                {**dict.fromkeys(report.hints.zeros, "none"), **reading.marks}.items()
            )
        ],
        "linked": [(number, name, True) for number, name in linked.items()]
        + [
            (number, _table_name(report, int(number) - 1), False)
            for number in report.hints.independent
            if number.isdigit() and 0 < int(number) <= len(reading.tables)
        ],
        "tables": [_shown(report, number, set(exposed), more) for number in range(len(reading.tables))],
    }


def _shown(report: Report, number: int, exposed: set[str], more: set[str]) -> dict[str, Any]:
    table = report.reading.tables[number]
    by_spot = {place.spot: place for place in report.reading.places.values() if place.table == number}
    rows = []
    for row in table.rows[:_SHOWN_ROWS]:
        cells = []
        for column in table.columns:
            spot = row.at, column.at
            place, said = by_spot.get(spot), table.cells.get(spot)
            text = said.text if said else ""
            if place is None:
                cells.append(Cell(text, "other"))
            elif place.id in exposed:
                cells.append(Cell(text, "exposed"))
            elif place.id in more:
                cells.append(Cell(text, "further"))
            else:
                cells.append(Cell(text, "shown" if place.is_shown else "hidden"))
        rows.append((" / ".join(label for label in row.labels if label), cells))
    return {
        "name": _table_name(report, number),
        "corner": " / ".join(table.label_heads),
        "columns": [" / ".join(column.labels) for column in table.columns],
        "rows": rows,
        "left": max(0, len(table.rows) - _SHOWN_ROWS),
    }


def _table_name(report: Report, number: int) -> str:
    table = report.reading.tables[number]
    name = " / ".join(part for part in (table.sheet, table.title) if part)
    return name or _("Table %(number)s") % {"number": number + 1}


def _address(report: Report, name: str) -> str:
    number, _sign, cell = name.partition("!")
    sheet = report.reading.tables[int(number)].sheet
    return f"{sheet} {cell}" if sheet else cell


def _range(low: int, high: int) -> str:
    if low == high:
        return f"{low:,}"
    return _("%(low)s to %(high)s") % {"low": f"{low:,}", "high": f"{high:,}"}
