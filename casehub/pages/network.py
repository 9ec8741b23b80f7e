"""The office's pages over all agencies: who takes part, and how the hub's work is doing. Never a client.

The door lets the reader in and closes; then each agency is asked through its own door for what the page
names and nothing else.
"""

from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from agencies import actions, affairs, ledger
from agencies.doors import AgencyView
from agencies.models import Agency, AgencyType, County, Invitation, Job, JobState, Membership, User
from agencies.roles import Permission
from agencies.scope import Actor, acting_as
from casehub.pages import health
from casehub.signin import step_up
from referrals.picklists import Sector


class OfficePage(AgencyView):
    """Checked inside the reader's door, answered outside it."""

    acts: frozenset[str] = frozenset()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        checked = super().dispatch(request, *args, **kwargs)
        if not getattr(checked, "is_let_in", False):
            return checked
        act = request.POST.get("act", "")
        if request.method == "POST" and act in self.acts:
            done: HttpResponse = getattr(self, f"do_{act}")()
            return done
        return self.show()

    def get(self, request: HttpRequest) -> HttpResponse:
        response = HttpResponse()
        response.is_let_in = True  # type: ignore[attr-defined]
        return response

    post = get

    def show(self, **more: Any) -> HttpResponse:
        raise NotImplementedError


class AddAgencyForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    type = forms.ChoiceField(
        label=_("What it is"),
        choices=[
            ("", _("Choose")),
            *(choice for choice in AgencyType.choices if choice[0] != AgencyType.HUB_OFFICE),
        ],
    )
    sector = forms.ChoiceField(
        label=_("Its part of the system"), choices=lambda: [("", gettext("Choose")), *Sector.choices(gettext)]
    )
    county = forms.ModelChoiceField(
        County.objects.all(), label=_("County"), required=False, empty_label=_("Not said")
    )
    is_tribal = forms.BooleanField(label=_("A tribal nation owns its data"), required=False)
    tribal_owner = forms.CharField(label=_("Which nation"), max_length=120, required=False)


class LeadForm(forms.Form):
    agency = forms.ModelChoiceField(Agency.objects.none(), label=_("Agency"), empty_label=_("Choose"))
    name = forms.CharField(label=_("Name"), max_length=120)
    email = forms.EmailField(label=_("Work address"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["agency"].queryset = without_lead()  # type: ignore[attr-defined]


def without_lead() -> Any:
    """Agencies that never had a data lead. Once one has joined, only they let others in: the office can't.

    A lead whose account rests still counts, or the office could put the lead at rest and invite another.
    """
    lead = {"role": "data_lead"}
    led = Membership.objects.filter(**lead).values("agency")
    joined = Invitation.objects.filter(**lead).exclude(accepted_at=None).values("agency")
    agencies = Agency.objects.filter(left_on=None).exclude(type=AgencyType.HUB_OFFICE)
    return agencies.exclude(pk__in=led).exclude(pk__in=joined)


class NetworkPage(OfficePage):
    """The agencies, whether each has signed, and the first data lead of each."""

    needs = Permission.NETWORK_MANAGE
    acts = frozenset({"add", "invite"})

    def show(self, **more: Any) -> HttpResponse:
        agencies = []
        unled = set(without_lead().values_list("pk", flat=True))
        for agency in Agency.objects.exclude(type=AgencyType.HUB_OFFICE).select_related("county"):
            with acting_as(Actor.hub(agency)):
                agencies.append((agency, affairs.agreement_in_force(), agency.pk in unled))
        context = {
            "agencies": agencies,
            "add_form": AddAgencyForm(prefix="add"),
            "lead_form": LeadForm(),
            **more,
        }
        return render(self.request, "casehub/network.html", context)

    def do_add(self) -> HttpResponse:
        form = AddAgencyForm(self.request.POST, prefix="add")
        if not form.is_valid():
            return self.show(add_form=form, form=form)
        step_up(self.request)
        given = form.cleaned_data
        with transaction.atomic():
            agency = actions.open_agency(slug=actions.free_slug(given["name"]), **given)
        self._enter(agency, "agency.opened")
        return redirect("network")

    def do_invite(self) -> HttpResponse:
        form = LeadForm(self.request.POST)
        if not form.is_valid():
            return self.show(lead_form=form, form=form)
        step_up(self.request)
        agency, by = form.cleaned_data["agency"], self.request.user
        assert isinstance(by, User)
        if form.cleaned_data["email"].lower() == by.email:
            form.add_error("email", _("A coordinator sees no client, so it takes another person."))
            return self.show(lead_form=form, form=form)
        invitation, token = actions.invite(
            agency=agency,
            email=form.cleaned_data["email"],
            name=form.cleaned_data["name"],
            role="data_lead",
            by=by,
        )
        self._enter(agency, "member.invited", why="data_lead")
        link = self.request.build_absolute_uri(reverse("join", args=[token]))
        return self.show(link=link, invited=invitation)

    def _enter(self, agency: Agency, verb: str, why: str = "") -> None:
        """In the agency's own ledger, with the office's person as the one who did it."""
        with acting_as(Actor(self.actor.user_id, agency.pk, frozenset())):
            ledger.record(verb, agency, why=why)


# What the hub needs to serve (`health.CHECKS`), in an operator's words.
NEEDED = {
    "database": _("Database"),
    "migrations": _("Tables up to date"),
    "broker": _("Queue of work"),
    "disk": _("Room on the disk"),
}


class JobsPage(OfficePage):
    """For the operator: what is needed to serve, and each agency's work by state; no result, no argument."""

    needs = Permission.HUB_OPERATE

    def show(self, **more: Any) -> HttpResponse:
        jobs = []
        unfinished = [JobState.QUEUED, JobState.RUNNING, JobState.PAUSED, JobState.FAILED]
        for agency in Agency.objects.all():
            with acting_as(Actor.hub(agency)):
                jobs += [
                    (agency, job)
                    for job in Job.objects.filter(state__in=unfinished).defer("arguments", "result")[:20]
                ]
        jobs.sort(key=lambda pair: pair[1].queued_at, reverse=True)
        context = {
            "health": [(NEEDED.get(name, name), holds) for name, holds in health.state().items()],
            "jobs": jobs,
            "operations": reverse("admin:index"),
            **more,
        }
        return render(self.request, "casehub/jobs.html", context)
