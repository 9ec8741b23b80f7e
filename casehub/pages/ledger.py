"""An agency reads its ledger: who looked at what, what changed, and whether the chain holds."""

import csv
import io
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from agencies import ledger
from agencies.doors import AgencyView
from agencies.models import LedgerEntry, LedgerSeal, User
from agencies.roles import ROLES, Permission
from casehub.pages.agency import DATE, tabs
from referrals import queries
from referrals.models import Client
from referrals.web.deeds import deed
from reporting.render import harmless

MOST_ROWS = 50_000
KINDS: dict[str, tuple[Promise, tuple[str, ...]]] = {
    "looked": (_("Looked at"), ("viewed", "listed", "searched")),
    "changed": (_("Made, changed or deleted"), ("created", "changed", "deleted")),
    "left": (_("Taken out"), ("exported", "printed", "downloaded")),
}


class FilterForm(forms.Form):
    """All of it is optional."""

    kind = forms.ChoiceField(
        label=_("What"),
        required=False,
        choices=[("", _("Everything")), *((name, kind[0]) for name, kind in KINDS.items())],
    )
    person = forms.ModelChoiceField(
        User.objects.none(), label=_("Who"), required=False, empty_label=_("Everybody")
    )
    start = forms.DateField(label=_("From"), required=False, widget=DATE)
    end = forms.DateField(label=_("Through"), required=False, widget=DATE)

    def __init__(self, *args: Any, people: QuerySet[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = people  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as its agency reads it: in words, with the client's code or the person it is about."""

    entry: LedgerEntry
    who: User | None
    did: str
    code: str
    person: User | None
    why: str


class LedgerPage(AgencyView):
    """Newest first, filtered; `verify` recomputes the chain; `format=csv` takes it out, which is entered."""

    needs = Permission.LEDGER_READ

    def get(self, request: HttpRequest) -> HttpResponse:
        here = LedgerEntry.objects.filter(agency_id=self.actor.agency_id)
        people = User.objects.filter(memberships__agency_id=self.actor.agency_id).distinct().order_by("name")
        form = FilterForm(request.GET or None, people=people)
        entries = _chosen(here, form.cleaned_data) if form.is_valid() else here
        if request.GET.get("format") == "csv":
            return self._csv(entries[:MOST_ROWS])
        page = Paginator(entries, 50).get_page(request.GET.get("page"))
        concerned = {int(entry.target_id) for entry in page if _is_of_person(entry)}
        names = User.objects.in_bulk({entry.user_id for entry in page if entry.user_id} | concerned)
        # What was written in one statement stands in one entry, which names no single row.
        codes = self._codes(
            {entry.target_id for entry in page if entry.target_type == "client" and entry.target_id}
        )
        breaks = ledger.verify() if "verify" in request.GET else None
        context = {
            "tabs": tabs(self.actor, "ledger"),
            "form": form,
            "page": page,
            "rows": [
                Row(
                    entry=entry,
                    who=names.get(entry.user_id),
                    did=deed(entry.verb),
                    code=codes.get(entry.target_id, ""),
                    person=names.get(int(entry.target_id)) if _is_of_person(entry) else None,
                    why=str(ROLES[entry.why].title) if entry.why in ROLES else entry.why,
                )
                for entry in page
            ],
            "breaks": breaks,
            "seal": LedgerSeal.objects.filter(agency_id=self.actor.agency_id).order_by("-number").first(),
        }
        return render(request, "casehub/ledger.html", context)

    def _codes(self, ids: set[str]) -> dict[str, str]:
        """The agency's codes for these clients, for a reader who may open them; the ledger has ids only."""
        if not self.actor.may(Permission.CLIENT_VIEW):
            return {}
        return {str(client.pk): queries.code_of(client) for client in Client.objects.filter(pk__in=ids)}

    def _csv(self, entries: QuerySet[LedgerEntry]) -> HttpResponse:
        rows = list(entries)
        names = User.objects.in_bulk({entry.user_id for entry in rows if entry.user_id})
        ledger.record("ledger.exported", rows=len(rows))
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["at", "who", "what", "kind of row", "row", "rows", "why"])
        for entry in rows:
            who = names[entry.user_id].name if entry.user_id in names else ""
            cells: list[int | str] = [
                entry.at.isoformat(),
                who,
                entry.verb,
                entry.target_type,
                entry.target_id,
                entry.rows,
                entry.why,
            ]
            writer.writerow([harmless(cell) for cell in cells])
        response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="ledger.csv"'
        return response


def _is_of_person(entry: LedgerEntry) -> bool:
    return entry.target_type == "user" and entry.target_id.isdecimal()


def _chosen(entries: QuerySet[LedgerEntry], given: dict[str, Any]) -> QuerySet[LedgerEntry]:
    if given["kind"]:
        endings = "|".join(KINDS[given["kind"]][1])
        entries = entries.filter(verb__regex=rf"[._]({endings})$")
    if given["person"]:
        entries = entries.filter(user=given["person"])
    if given["start"]:
        entries = entries.filter(at__gte=_midnight(given["start"]))
    if given["end"]:
        entries = entries.filter(at__lt=_midnight(given["end"] + timedelta(days=1)))
    return entries


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
