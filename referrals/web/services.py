"""Entering and leaving a project, one service, and a whole day's services in one sitting."""

import uuid
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from agencies import ledger
from referrals import actions, queries
from referrals.forms.enrollments import AmountForm, DayForm, EnrollForm, ExitForm, ServiceForm
from referrals.models import Client, Enrollment, Service
from referrals.web.entry import Entry
from referrals.web.words import amount_words

MOST_ROWS = 200


class Enroll(Entry):
    """Begin an enrollment."""

    name = "enroll"
    title = gettext_lazy("Enroll")
    template_name = "referrals/simple.html"
    said = gettext_lazy("Enrolled.")

    def form(self, **options: Any) -> forms.Form:
        return EnrollForm(projects=queries.projects(), **options)

    def initial(self) -> dict[str, Any]:
        running = list(queries.projects()[:2])
        only = {"project": running[0].pk} if len(running) == 1 else {}
        return {"entry_on": timezone.localdate(), **only}

    def save(self, form: forms.Form, id: UUID) -> Enrollment:
        assert self.client is not None
        said = form.cleaned_data
        facts = {"referral_source": said["referral_source"]}
        return actions.enroll(
            client=self.client, project=said["project"], entry_on=said["entry_on"], facts=facts
        )


class EnrollmentExit(Entry):
    """End an enrollment: the day, and where to and why as far as anybody says."""

    name = "enrollment_exit"
    title = gettext_lazy("End an enrollment")
    form_class = ExitForm
    template_name = "referrals/simple.html"
    keeps_draft = False
    said = gettext_lazy("Ended. The client can come back at any time and stays the same client.")

    enrollment: Enrollment

    def find(self, **kwargs: Any) -> None:
        running = Enrollment.objects.select_related("project").filter(exit_on=None)
        self.enrollment = get_object_or_404(running, pk=kwargs["pk"])
        self.client = self.find_client(self.enrollment.client_id, record=self.request.method == "GET")

    def initial(self) -> dict[str, Any]:
        return {"exit_on": timezone.localdate()}

    def save(self, form: forms.Form, id: UUID) -> Enrollment:
        said = form.cleaned_data
        return actions.end_enrollment(
            enrollment=self.enrollment,
            exit_on=said["exit_on"],
            destination=said["destination"],
            reason=said["exit_reason"],
        )

    def context(self, form: forms.Form) -> dict[str, Any]:
        return {"about": self.enrollment}


class ServiceNew(Entry):
    """One service for one client."""

    name = "service_new"
    title = gettext_lazy("Add a service")
    form_class = ServiceForm
    template_name = "referrals/simple.html"
    model = Service
    said = gettext_lazy("Recorded.")

    def initial(self) -> dict[str, Any]:
        return {"provided_on": timezone.localdate()}

    def save(self, form: forms.Form, id: UUID) -> Service:
        assert self.client is not None
        return actions.record_service(id=id, client=self.client, **form.cleaned_data)


@dataclass(frozen=True, slots=True)
class GridRow:
    """A client in the day's grid: what stands already, and the amount to enter."""

    client: Client
    code: str
    already: str
    form: AmountForm


class ServicesDay(Entry):
    """A day's services: one service, many clients, Tab from amount to amount."""

    name = "services_day"
    title = gettext_lazy("A day's services")
    form_class = DayForm
    template_name = "referrals/services_day.html"

    rows: list[GridRow]
    recorded = 0

    def find(self, **kwargs: Any) -> None:
        """Whose list it is stands in the address; nothing of a client does."""
        chosen = _uuid(self.request.GET.get("project"))
        self.project = queries.projects().filter(pk=chosen).first() if chosen else None
        found = queries.clients()
        if self.project is not None:
            inside = Enrollment.objects.filter(project=self.project, exit_on=None)
            found = found.filter(pk__in=inside.values("client"))
        else:
            found = found.filter(worker_id=queries.me())
        self.clients = list(found.order_by("recorded_at", "pk")[:MOST_ROWS])

    def initial(self) -> dict[str, Any]:
        return {"provided_on": timezone.localdate()}

    def restored(self, data: QueryDict) -> dict[str, Any]:
        amounts = {name: data[name] for name in data if name.startswith("q_")}
        return {**super().restored(data), **amounts}

    def context(self, form: forms.Form) -> dict[str, Any]:
        if self.clients and self.request.method == "GET":
            ledger.record("client.listed", rows=len(self.clients))
        return {"rows": self._rows(form), "projects": queries.projects(), "project": self.project}

    def _rows(self, form: forms.Form) -> list[GridRow]:
        type = form["type"].value()
        day = form.fields["provided_on"].to_python(form["provided_on"].value()) if not form.errors else None
        stands = queries.services_on(self.clients, type=type, day=day) if type and day else {}
        rows = []
        for one in self.clients:
            data = self.request.POST if form.is_bound else None
            initial = {"quantity": form.initial.get(f"q_{one.pk.hex}-quantity")}
            amount = AmountForm(data, prefix=f"q_{one.pk.hex}", initial=initial)
            already = ", ".join(amount_words(row.quantity, row.unit) for row in stands.get(one.pk, []))
            rows.append(GridRow(one, queries.code_of(one), already, amount))
        return rows

    def save(self, form: forms.Form, id: UUID) -> int:
        said = form.cleaned_data
        for one in self.clients:
            amount = AmountForm(self.request.POST, prefix=f"q_{one.pk.hex}")
            if not amount.is_valid():
                raise ValidationError(_("One of the amounts is not a number. It is marked in the list."))
            quantity = amount.cleaned_data["quantity"]
            row = uuid.uuid5(id, one.pk.hex)
            if quantity is None or queries.is_recorded(Service, row):
                continue
            actions.record_service(
                id=row,
                client=one,
                type=said["type"],
                unit=said["unit"],
                provided_on=said["provided_on"],
                quantity=quantity,
            )
            self.recorded += 1
        if not self.recorded:
            raise ValidationError(_("No amount is filled in. Nothing was saved."))
        return self.recorded

    def after(self) -> str:
        words = ngettext("%(n)s service recorded.", "%(n)s services recorded.", self.recorded)
        messages.success(self.request, words % {"n": self.recorded})
        where = f"?project={self.project.pk}" if self.project else ""
        return reverse("referrals:services_day") + where


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
