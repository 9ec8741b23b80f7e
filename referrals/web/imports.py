"""Sending a file in, saying what a spreadsheet's columns are, and seeing what became of every row."""

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agencies import jobs, ledger
from agencies.doors import AgencyView
from agencies.models import Job, JobState, Project
from agencies.roles import Permission
from referrals.agency_side.schema import FILES
from referrals.exchange import caseload, inbox, reasons
from referrals.exchange.bundle import Bundle
from referrals.exchange.sheet import FIELDS, LEAVE_OUT, Choice, Detected
from referrals.models import Import, ImportProblem

JOBS = ("import_bundle", "import_sheet")
SHOWN = 20
_STATES = {
    JobState.QUEUED: "waiting",
    JobState.RUNNING: "waiting",
    JobState.PAUSED: "expiring",
    JobState.DONE: "live",
    JobState.FAILED: "danger",
    JobState.CANCELLED: "expired",
}


class UploadForm(forms.Form):
    """One file, and whether it is only tried."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("A bundle of the agency tool (.zip), or your own caseload (.xlsx or .csv)."),
        widget=forms.FileInput(attrs={"accept": ".zip,.xlsx,.csv,.txt"}),
    )
    is_trial = forms.BooleanField(
        label=gettext_lazy("Only try it: say what would happen, and change nothing"), required=False
    )


class Imports(AgencyView):
    """The agency's imports, and the form that sends one."""

    needs = Permission.DATA_IMPORT

    def get(self, request: HttpRequest, form: UploadForm | None = None) -> HttpResponse:
        found = Job.objects.filter(name__in=JOBS).select_related("user")[:SHOWN]
        return TemplateResponse(
            request,
            "referrals/imports/imports.html",
            {
                "form": form or UploadForm(),
                "jobs": [(one, _STATES[JobState(one.state)]) for one in found],
                "keeps": self.actor.may(Permission.CARD_KEEP),
            },
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        form = UploadForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.get(request, form)
        upload: UploadedFile = form.cleaned_data["file"]
        is_trial = form.cleaned_data["is_trial"]
        try:
            if _is_spreadsheet(upload):
                name = caseload.receive(upload.read())
                # Ending left off: nothing of the inbox's ways is in an address.
                return redirect(f"{_columns_url(name)}{'?trial=1' if is_trial else ''}")
            with Bundle(upload.file):  # type: ignore[arg-type]  # refused before a byte of it is kept
                pass
            name = inbox.put(upload.chunks(), kind="bundle")
        except jobs.Refused as refusal:
            form.add_error("file", str(refusal))
            return self.get(request, form)
        job = jobs.enqueue("import_bundle", file=name, dry_run=is_trial)
        return redirect("referrals:import_job", job=job.pk)


def _is_spreadsheet(upload: UploadedFile) -> bool:
    """By what is in it: the name and the browser's word for its kind are only claims."""
    start = upload.read(4096)
    upload.seek(0)
    if not start.startswith(b"PK\x03\x04"):
        return True
    return b"[Content_Types].xml" in start or b"xl/" in start or b"docProps/" in start


def _columns_url(name: str) -> str:
    return reverse("referrals:import_columns", kwargs={"name": name.split(".")[0]})


class ColumnsForm(forms.Form):
    """What each column of a spreadsheet is. A column that looks like identity can only be left out; that it
    is no code either is said in words (`Choice.wrong_with`), since people take names for one."""

    project = forms.ModelChoiceField(
        Project.objects.none(),
        label=gettext_lazy("Project of the enrollments"),
        empty_label=gettext_lazy("A project of its own, called Caseload"),
        required=False,
    )
    is_trial = forms.BooleanField(
        label=gettext_lazy("Only try it: say what would happen, and change nothing"), required=False
    )

    def __init__(self, *args: Any, columns: list[Detected], chosen: dict[str, str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.columns = columns
        self.fields["project"].queryset = Project.objects.exclude(source_key=caseload.PROJECT_KEY)  # type: ignore[attr-defined]
        every = [(LEAVE_OUT, _("Leave out"))] + [(field.name, field.label) for field in FIELDS]
        for column in columns:
            allowed = [one for one in every if not column.is_identity or one[0] in (LEAVE_OUT, "code")]
            self.fields[f"column_{column.place}"] = forms.ChoiceField(
                label=column.heading
                or _("Column %(number)s, without a heading") % {"number": column.place + 1},
                choices=allowed,
                initial=chosen.get(str(column.place), LEAVE_OUT) if chosen else column.guess,
                required=False,
            )

    @property
    def rows(self) -> list[tuple[Detected, forms.BoundField]]:
        return [(column, self[f"column_{column.place}"]) for column in self.columns]

    def choice(self) -> Choice:
        return Choice({c.place: self.cleaned_data[f"column_{c.place}"] for c in self.columns})

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            for wrong in self.choice().wrong_with(self.columns):
                self.add_error(None, wrong)
        return cleaned


class Columns(AgencyView):
    """What the columns of a spreadsheet that was just sent are."""

    needs = Permission.DATA_IMPORT

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        return self._page(request, self._form(name, is_trial=bool(request.GET.get("trial"))))

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        form = self._form(name, data=request.POST)
        if not form.is_valid():
            return self._page(request, form)
        project = form.cleaned_data["project"]
        try:
            job = caseload.start(
                f"{name}.sheet",
                self._sheet,
                form.choice(),
                project_id=str(project.pk) if project else "",
                is_dry_run=form.cleaned_data["is_trial"],
            )
        except jobs.Refused as refusal:
            form.add_error(None, str(refusal))
            return self._page(request, form)
        return redirect("referrals:import_job", job=job.pk)

    def _form(self, name: str, *, data: Any = None, is_trial: bool = False) -> ColumnsForm:
        try:
            self._sheet = caseload.open_sheet(f"{name}.sheet", agency_id=self.actor.agency_id)
        except jobs.Refused as refusal:
            raise Http404 from refusal
        known = caseload.remembered(self._sheet)
        mapping = known.mapping if known else {}
        return ColumnsForm(
            data,
            columns=self._sheet.columns(),
            chosen=mapping.get("fields", {}),
            initial={"is_trial": is_trial, "project": mapping.get("project") or None},
        )

    def _page(self, request: HttpRequest, form: ColumnsForm) -> HttpResponse:
        rows = len(self._sheet.rows)
        return TemplateResponse(request, "referrals/imports/columns.html", {"form": form, "rows": rows})


class ImportJob(AgencyView):
    """How far an import is, what became of it, and the decision it may wait for."""

    needs = Permission.DATA_IMPORT

    def get(self, request: HttpRequest, job: Any) -> HttpResponse:
        found = get_object_or_404(Job, pk=job, name__in=JOBS)
        record = Import.objects.filter(job_id=found.pk, is_dry_run=False).exclude(finished_at=None).first()
        files = found.result.get("files", {})
        is_part = request.headers.get("HX-Request") and found.state in (JobState.QUEUED, JobState.RUNNING)
        return TemplateResponse(
            request,
            "referrals/imports/_job.html" if is_part else "referrals/imports/job.html",
            {
                "job": found,
                "state": _STATES[JobState(found.state)],
                "is_trial": bool(found.arguments.get("dry_run")),
                "record": record,
                "pauses": [reasons.pause_sentence(why) for why in found.result.get("pause", [])],
                "files": [
                    (name, files[name]) for name in (*FILES, "Caseload") if files.get(name, {}).get("read")
                ],
                "has_refused": bool(record) and any(counts.get("refused") for counts in files.values()),
                "said": _said(record) if record else _said_of_trial(files),
            },
        )

    def post(self, request: HttpRequest, job: Any) -> HttpResponse:
        found = get_object_or_404(Job, pk=job, name__in=JOBS)
        if request.POST.get("act") == "go_on":
            jobs.resume(found)
        elif request.POST.get("act") == "stop":
            stopped = Job.objects.filter(pk=found.pk, state=JobState.PAUSED).update(state=JobState.CANCELLED)
            if stopped:
                name = str(found.arguments["file"])
                transaction.on_commit(lambda: inbox.forget(name))
                messages.success(request, _("Nothing was taken in, and the file is deleted."))
        return redirect("referrals:import_job", job=found.pk)


def _said(record: Import) -> list[tuple[str, str, str, int, bool]]:
    """The problems of an import: file, column, sentence, how often, and whether those rows were taken."""
    found = (
        ImportProblem.objects.filter(source=record)
        .values_list("file", "column", "code", "is_taken")
        .annotate(count=Count("pk"))
        .order_by("is_taken", "-count", "file", "column")
    )
    return [
        (file, reasons.column_label(file, column), str(reasons.sentence(code)), count, is_taken)
        for file, column, code, is_taken, count in found
    ]


def _said_of_trial(files: dict[str, Any]) -> list[tuple[str, str, str, int, bool | None]]:
    return [
        (file, "", str(reasons.sentence(code)), count, None)
        for file, counts in files.items()
        for code, count in counts.get("problems", {}).items()
    ]


class Problems(AgencyView):
    """Every problem of an import, as CSV."""

    needs = Permission.DATA_IMPORT

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        record = get_object_or_404(Import, pk=pk)
        text, count = reasons.problems_csv(record)
        ledger.record("import.problems_exported", record, rows=count)
        return _download(text.encode("utf-8-sig"), "text/csv; charset=utf-8", "problems.csv")


class Refused(AgencyView):
    """The rows of an import that were not taken, each with its reasons, to mend and send again."""

    needs = Permission.DATA_IMPORT

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        record = get_object_or_404(Import, pk=pk)
        content, count = reasons.refused_zip(record)
        ledger.record("import.rows_exported", record, rows=count)
        return _download(content, "application/zip", "rows-not-taken.zip")


def _download(content: bytes, kind: str, name: str) -> HttpResponse:
    assert re.fullmatch(r"[a-z.-]+", name)
    return HttpResponse(
        content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


urlpatterns = [
    path("imports/", Imports.as_view(), name="imports"),
    path("imports/columns/<slug:name>/", Columns.as_view(), name="import_columns"),
    path("imports/jobs/<uuid:job>/", ImportJob.as_view(), name="import_job"),
    path("imports/<uuid:pk>/problems.csv", Problems.as_view(), name="import_problems"),
    path("imports/<uuid:pk>/rows-not-taken.zip", Refused.as_view(), name="import_refused"),
]
