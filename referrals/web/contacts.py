"""Moments with a person: the quick contact, a screening, a follow-up after leaving."""

from datetime import datetime, time
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from agencies.roles import Permission
from referrals import actions, queries
from referrals.forms.contacts import ClientContactForm, ContactForm, FollowUpForm, ScreeningForm
from referrals.models import FollowUp, Screening, Touchpoint
from referrals.web.entry import Entry


class ContactNew(Entry):
    """An anonymous contact. Whoever may only record contacts is told that it counted, and reads nothing."""

    needs = Permission.CONTACT_RECORD
    name = "contact_new"
    title = _("New contact")
    form_class: ClassVar[type[forms.Form]] = ContactForm
    template_name = "referrals/contact.html"
    model = Touchpoint
    said = _("Counted: 1 anonymous contact. Nothing on it leads to a person.")

    def save(self, form: forms.Form, id: UUID) -> Touchpoint:
        assert isinstance(form, ContactForm)
        return actions.record_touchpoint(
            id=id,
            sector=form.place(),
            occurred_at=form.cleaned_data["occurred_at"],
            client=self.client,
            note=form.cleaned_data.get("note", ""),
            facts=form.facts(),
        )

    def after(self) -> str:
        if self.request.POST.get("then") == "another" or not self.actor.may(Permission.CLIENT_EDIT):
            return reverse("referrals:contact_new")
        return reverse("referrals:caseload")

    def context(self, form: forms.Form) -> dict[str, Any]:
        return {"now": timezone.localtime()}


class ClientContactNew(ContactNew):
    """A contact with a client of ours."""

    needs = Permission.CLIENT_EDIT
    form_class = ClientContactForm
    said = _("Recorded.")

    def after(self) -> str:
        assert self.client is not None
        if self.request.POST.get("then") == "another":
            return reverse("referrals:contact_new", args=[self.client.pk])
        return reverse("referrals:client", args=[self.client.pk])


class ScreeningNew(Entry):
    """A screening. Help comes first, and no answer closes anything."""

    name = "screening_new"
    title = _("Screen")
    form_class = ScreeningForm
    template_name = "referrals/screening.html"
    model = Screening
    said = _("Recorded. Every service stays open, whatever it showed.")

    def save(self, form: forms.Form, id: UUID) -> Screening:
        assert isinstance(form, ScreeningForm) and self.client is not None
        said = form.cleaned_data
        return actions.record_screening(
            id=id, client=self.client, tool=said["tool"], result=said["result"], facts=form.facts()
        )


class FollowUpNew(Entry):
    """How someone is after they left."""

    name = "follow_up_new"
    title = _("Follow up")
    template_name = "referrals/simple.html"
    model = FollowUp
    said = _("Recorded.")

    def form(self, **options: Any) -> forms.Form:
        assert self.client is not None
        left = queries.enrollments(self.client).exclude(exit_on=None)
        return FollowUpForm(enrollments=left, **options)

    def initial(self) -> dict[str, Any]:
        assert self.client is not None
        left = queries.enrollments(self.client).exclude(exit_on=None).first()
        return {"on": timezone.localdate(), "enrollment": left.pk if left else None}

    def save(self, form: forms.Form, id: UUID) -> FollowUp:
        assert self.client is not None
        said = form.cleaned_data
        at = timezone.make_aware(datetime.combine(said["on"], time(12)))
        return actions.record_follow_up(
            id=id, client=self.client, enrollment=said["enrollment"], outcome=said["outcome"], at=at
        )
