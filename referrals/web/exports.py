"""Taking the agency's own records out: HMIS CSV without names, and the sealed cards, joined at the agency.

What stands in the files is for `exchange.hmis_out`; the joining is done by the agency tool.
"""

from django import forms
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _

from agencies import cardkeys, jobs, ledger
from agencies.doors import AgencyView
from agencies.models import Job, JobState
from agencies.roles import Permission
from referrals import queries
from referrals.exchange import inbox
from referrals.web.cards import stream_of

JOB = "export_hmis"
SHOWN = 5


class ReasonForm(forms.Form):
    """Why the records are taken out, for the ledger. A list: a typed reason could name somebody."""

    why = forms.ChoiceField(
        label=_("What it is for"),
        choices=[
            ("", "---------"),
            ("funder_form", _("A form or upload that a funder demands")),
            ("other_system", _("Another system of our agency")),
            ("own_copy", _("A copy for our own keeping")),
            ("check", _("To check what is here")),
        ],
    )


class RecordsOut(AgencyView):
    """Asks for an export, and shows the exports this person asked for."""

    # Who may put all clients' rows in, and nobody else, may take them out.
    needs = Permission.DATA_IMPORT

    def get(self, request: HttpRequest, form: ReasonForm | None = None) -> HttpResponse:
        found = list(_mine()[:SHOWN])
        context = {
            "form": form or ReasonForm(),
            "jobs": [(one, _fetchable(one)) for one in found],
            "is_waiting": any(one.state in (JobState.QUEUED, JobState.RUNNING) for one in found),
            "holds_key": self.actor.may(Permission.CARD_OPEN) and bool(cardkeys.holds_newest()),
        }
        return TemplateResponse(request, "referrals/records_out.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ReasonForm(request.POST)
        if not form.is_valid():
            return self.get(request, form)
        job = jobs.enqueue(JOB)
        ledger.record("client.export_asked", job, why=form.cleaned_data["why"])
        return redirect("referrals:records_out")


class RecordsFile(AgencyView):
    """The finished export, for who asked for it."""

    needs = Permission.DATA_IMPORT

    def get(self, request: HttpRequest, job: object) -> HttpResponse:
        found = get_object_or_404(_mine(), pk=job, state=JobState.DONE)
        try:
            content = inbox.path_of(str(found.result["file"])).read_bytes()
        except jobs.Refused as refusal:
            raise Http404 from refusal
        ledger.record("client.exported", found, rows=int(found.result["rows"]))
        return _download(content, "application/zip", "records.zip")


class CardsFile(AgencyView):
    """The sealed cards that this worker may open, as the agency tool takes them."""

    needs = Permission.CARD_OPEN

    def get(self, request: HttpRequest) -> HttpResponse:
        return _download(stream_of(queries.cards()).content, "application/octet-stream", "cards.bin")


def _download(content: bytes, kind: str, name: str) -> HttpResponse:
    return HttpResponse(
        content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _mine() -> QuerySet[Job]:
    return Job.objects.filter(name=JOB, user_id=queries.me()).order_by("-queued_at")


def _fetchable(job: Job) -> bool:
    """Whether the file lies there still; it is deleted after a week."""
    try:
        return job.state == JobState.DONE and bool(inbox.path_of(str(job.result["file"])))
    except jobs.Refused:
        return False


urlpatterns = [
    path("exports/", RecordsOut.as_view(), name="records_out"),
    path("exports/<uuid:job>/records.zip", RecordsFile.as_view(), name="records_file"),
    path("exports/cards.bin", CardsFile.as_view(), name="cards_file"),
]
