"""An agency's own pages: its projects and awards, what it shares, its people, its members' API tokens."""

import hashlib
from typing import Any

from django import forms
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from agencies import actions, affairs, cardkeys, ledger
from agencies.doors import AgencyView
from agencies.models import (
    Agency,
    ApiToken,
    Award,
    AwardProject,
    County,
    Invitation,
    Membership,
    Project,
    Regime,
)
from agencies.roles import ROLES, Permission
from agencies.scope import Actor
from casehub.signin import step_up
from referrals import actions as casework
from referrals import queries

DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
# The tabs over an agency's pages: who may see each.
TABS = (
    (_("Projects and awards"), "agency", Permission.AGENCY_MANAGE),
    (_("Sharing"), "sharing", Permission.AGENCY_MANAGE),
    (_("People"), "people", Permission.MEMBER_INVITE),
    (_("Shared computers"), "computers", Permission.AGENCY_MANAGE),
    (_("Contact cards"), "card_keys", Permission.CARD_OPEN),
    (_("Counting once"), "counting", Permission.CARD_KEEP),
    (_("Who may sign"), "signing", Permission.CARD_KEEP),
    (_("Retention"), "retention", Permission.CARD_KEEP),
    (_("Who looked"), "ledger", Permission.LEDGER_READ),
    (_("API tokens"), "tokens", Permission.REPORT_NETWORK),
)
# What an agency signs. A change of these words is a new text, whose digest no earlier signature has.
AGREEMENT = (
    _("Our records stay ours: no other agency and nobody at the hub's office sees a client of ours."),
    _(
        "No name, date of birth, address or number that belongs to a person is kept on the hub where anyone "
        "but our own key holders could read it."
    ),
    _(
        "Where we share totals, figures across agencies may count our clients. No figure about fewer than 11 "
        "people leaves the hub, and none from which one could be worked out."
    ),
    _(
        "Where we share tokens, our browsers make them with the network's three key holders for clients who "
        "signed a release that allows the count, and for as long as it holds. No name can be read back from "
        "a token, and nobody is told who else knows a client."
    ),
    _("We can sign a new version, or stop sharing, at any time; it holds from the next figure on."),
)


def tabs(actor: Actor, here: str) -> list[dict[str, Any]]:
    return [
        {"label": label, "url": reverse(name), "current": name == here}
        for label, name, need in TABS
        if actor.may(need)
    ]


class Page(AgencyView):
    """A page that shows some forms and does what one of them asks: the button's `act` names the method."""

    name: str
    template: str
    acts: frozenset[str] = frozenset()

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show()

    def post(self, request: HttpRequest) -> HttpResponse:
        act = request.POST.get("act", "")
        if act not in self.acts:
            return self.show(status=400)
        done: HttpResponse | None = getattr(self, f"do_{act}")()
        return done or redirect(self.name)

    def show(self, *, status: int = 200, **more: Any) -> HttpResponse:
        context = {"tabs": tabs(self.actor, self.name), **self.context(), **more}
        return render(self.request, self.template, context, status=status)

    def context(self) -> dict[str, Any]:
        return {}

    def number(self, name: str) -> int:
        """A row's number from the form; one that can't be a row's is 0."""
        text = self.request.POST.get(name, "")
        return int(text) if text.isdecimal() and len(text) < 18 else 0


class FactsForm(forms.Form):
    county = forms.ModelChoiceField(
        County.objects.all(), label=_("County"), required=False, empty_label=_("Not said")
    )
    lost_after_days = forms.IntegerField(
        label=_("A client is lost after this many days without a contact"), min_value=7, max_value=730
    )


class ProjectForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    kind = forms.CharField(label=_("What it does"), max_length=40, required=False)
    county = forms.ModelChoiceField(
        County.objects.all(), label=_("County"), required=False, empty_label=_("Not said")
    )
    started_on = forms.DateField(label=_("Started on"), required=False, widget=DATE)
    is_confidential_site = forms.BooleanField(label=_("Its address is confidential"), required=False)


class AwardForm(forms.Form):
    funder = forms.CharField(label=_("Funder"), max_length=40)
    number = forms.CharField(label=_("Award number"), max_length=60)
    starts_on = forms.DateField(label=_("First day"), widget=DATE)
    ends_on = forms.DateField(label=_("Ends before"), widget=DATE)
    regimes = forms.MultipleChoiceField(
        label=_("Confidentiality rules it carries"),
        choices=Regime.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Tick the rules it carries, or that it carries none of these.")},
    )

    def clean(self) -> dict[str, Any]:
        given = _ordered(self, super().clean() or {})
        if Regime.NONE in given.get("regimes", []) and len(given["regimes"]) > 1:
            self.add_error("regimes", _("None of these, or some of them: not both."))
        return given


class LinkForm(forms.Form):
    award = forms.ModelChoiceField(Award.objects.none(), label=_("Award"), empty_label=_("Choose"))
    project = forms.ModelChoiceField(
        Project.objects.none(), label=_("Pays for the project"), empty_label=_("Choose")
    )
    starts_on = forms.DateField(label=_("From"), widget=DATE)
    ends_on = forms.DateField(label=_("Until before"), widget=DATE, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["award"].queryset = Award.objects.all()  # type: ignore[attr-defined]
        self.fields["project"].queryset = Project.objects.all()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        return _ordered(self, super().clean() or {})


def _ordered(form: forms.Form, given: dict[str, Any]) -> dict[str, Any]:
    if given.get("starts_on") and given.get("ends_on") and given["ends_on"] <= given["starts_on"]:
        form.add_error("ends_on", _("The end must come after the first day."))
    return given


class AgencyPage(Page):
    """Projects, awards, and which award pays for which project from when."""

    name, template = "agency", "casehub/agency.html"
    needs = Permission.AGENCY_MANAGE
    acts = frozenset({"set_facts", "add_project", "add_award", "pay_for"})

    def context(self) -> dict[str, Any]:
        agency = Agency.objects.select_related("county").get(pk=self.actor.agency_id)
        facts = {"county": agency.county_id, "lost_after_days": agency.lost_after_days}
        return {
            "agency": agency,
            "facts_form": FactsForm(prefix="facts", initial=facts),
            "projects": Project.objects.select_related("county"),
            "awards": Award.objects.all(),
            "links": AwardProject.objects.select_related("award", "project"),
            "regimes": dict(Regime.choices),
            "project_form": ProjectForm(prefix="project"),
            "award_form": AwardForm(prefix="award"),
            "link_form": LinkForm(prefix="link"),
        }

    def do_set_facts(self) -> HttpResponse | None:
        form = FactsForm(self.request.POST, prefix="facts")
        if not form.is_valid():
            return self.show(facts_form=form, form=form)
        affairs.set_facts(**form.cleaned_data)
        return None

    def do_add_project(self) -> HttpResponse | None:
        form = ProjectForm(self.request.POST, prefix="project")
        if not form.is_valid():
            return self.show(project_form=form, form=form)
        affairs.add_project(**form.cleaned_data)
        return None

    def do_add_award(self) -> HttpResponse | None:
        form = AwardForm(self.request.POST, prefix="award")
        if form.is_valid():
            try:
                with transaction.atomic():
                    affairs.add_award(**form.cleaned_data)
                return None
            except IntegrityError:
                form.add_error("number", _("An award with this number stands already."))
        return self.show(award_form=form, form=form)

    def do_pay_for(self) -> HttpResponse | None:
        form = LinkForm(self.request.POST, prefix="link")
        if not form.is_valid():
            return self.show(link_form=form, form=form)
        affairs.pay_for(**form.cleaned_data)
        return None


class AgreementForm(forms.Form):
    shares_totals = forms.BooleanField(
        label=_("Our clients may be counted in figures across agencies"), required=False, initial=True
    )
    shares_tokens_under_release = forms.BooleanField(
        label=_("Clients who signed a release for it may be counted once, by tokens"), required=False
    )
    shares_tokens_without_release = forms.BooleanField(
        label=_("Clients may be counted once, by tokens, without a release"),
        required=False,
        help_text=_("Only where no award and no law of yours asks for one. Have a lawyer read this first."),
    )
    agreed = forms.BooleanField(label=_("I may sign this for the agency, and I do"))


def _agreement_form(data: Any = None) -> AgreementForm:
    """What this agency may sign: covered by a rule, it is not even asked about tokens without a release. It
    begins with what holds now, so that a new version drops nothing by oversight."""
    now = affairs.agreement_in_force()
    asked = [name for name in AgreementForm.base_fields if name.startswith("shares_")]
    form = AgreementForm(data, initial={name: getattr(now, name) for name in asked} if now else {})
    if not affairs.may_do_without_release():
        del form.fields["shares_tokens_without_release"]
    return form


def agreement_digest() -> str:
    """Of the words in English, whatever language they were read in."""
    with override("en"):
        return hashlib.sha256("\n".join(str(part) for part in AGREEMENT).encode()).hexdigest()


class SharingPage(Page):
    """What the agency has signed, the next version, and a tribal owner's veto."""

    name, template = "sharing", "casehub/sharing.html"
    needs = Permission.AGENCY_MANAGE
    acts = frozenset({"sign", "veto", "allow"})

    def context(self) -> dict[str, Any]:
        return {
            "agency": Agency.objects.get(pk=self.actor.agency_id),
            "in_force": affairs.agreement_in_force(),
            "handover_key": cardkeys.own_handover_key(),
            "versions": affairs.agreements(),
            "text": AGREEMENT,
            "form": _agreement_form(),
        }

    def do_sign(self) -> HttpResponse | None:
        form = _agreement_form(self.request.POST)
        if not form.is_valid():
            return self.show(form=form)
        step_up(self.request)
        what = {name: bool(form.cleaned_data.get(name)) for name in form.fields if name.startswith("shares_")}
        affairs.sign_agreement(**what, text_digest=agreement_digest())
        messages.success(self.request, gettext("Signed. It holds from now on."))
        return None

    def do_veto(self) -> None:
        step_up(self.request)
        affairs.set_veto(vetoed=True)

    def do_allow(self) -> None:
        step_up(self.request)
        affairs.set_veto(vetoed=False)


class InviteForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    email = forms.EmailField(label=_("Work address"))
    role = forms.ChoiceField(label=_("Role"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [  # type: ignore[attr-defined]
            (role.name, f"{role.title}: {role.means}") for role in affairs.roles_to_give()
        ]


class PeoplePage(Page):
    """Who works here in which role; letting people in, back in, and out."""

    name, template = "people", "casehub/people.html"
    needs = Permission.MEMBER_INVITE
    acts = frozenset({"invite", "take_back", "end", "second_step_off"})

    def context(self) -> dict[str, Any]:
        members = Membership.objects.filter(agency_id=self.actor.agency_id).select_related("user")
        waiting = Invitation.objects.filter(agency_id=self.actor.agency_id, accepted_at=None)
        return {
            "members": [(member, ROLES[member.role]) for member in members.order_by("user__name", "role")],
            "waiting": [(invitation, ROLES[invitation.role]) for invitation in waiting],
            "form": InviteForm(),
            "me": self.actor.user_id,
        }

    def do_invite(self) -> HttpResponse | None:
        form = InviteForm(self.request.POST)
        if not form.is_valid():
            return self.show(form=form)
        step_up(self.request)
        invitation, token = affairs.invite_member(**form.cleaned_data)
        link = self.request.build_absolute_uri(reverse("join", args=[token]))
        return self.show(link=link, invited=invitation)

    def do_take_back(self) -> None:
        affairs.take_back_invitation(self.number("invitation"))

    def do_end(self) -> HttpResponse | None:
        step_up(self.request)
        # The same lock as the ending's: two who hold a closed record together must not leave at once.
        Agency.objects.select_for_update().get(pk=self.actor.agency_id)
        held = Membership.objects.select_related("user").get(
            pk=self.number("membership"), agency_id=self.actor.agency_id
        )
        if _sees_no_client_without(held):
            may_take = self.actor.may(Permission.CLIENT_RESTRICT) and held.user_id != self.actor.user_id
            if may_take and self.request.POST.get("take_over"):
                casework.take_over_closed(of=held.user)
            if closed := len(queries.closed_only_to(held.user)):
                return self.show(kept=held, closed=closed, may_take=may_take)
        try:
            affairs.end_membership(self.number("membership"))
        except affairs.Unwise:
            messages.error(
                self.request,
                gettext("This is the last person who can invite others. Give someone else that role first."),
            )
        return None

    def do_second_step_off(self) -> None:
        step_up(self.request)
        affairs.take_second_factor_off(self.number("user"))
        messages.success(self.request, gettext("The second step is off. They set up a new one at sign-in."))


def _sees_no_client_without(held: Membership) -> bool:
    """Whether this is the only role at its agency by which the person opens clients' records."""
    seeing = [role.name for role in ROLES.values() if Permission.CLIENT_VIEW in role.grants]
    roles = Membership.objects.filter(user=held.user_id, agency=held.agency_id, role__in=seeing)
    return held.role in seeing and not roles.exclude(pk=held.pk).exists()


class TokenForm(forms.Form):
    title = forms.CharField(label=_("What it is for"), max_length=60)


class TokensPage(Page):
    """A member's own tokens for the API at this agency; a secret is shown once."""

    name, template = "tokens", "casehub/tokens.html"
    needs = Permission.REPORT_NETWORK
    acts = frozenset({"make", "revoke"})

    def context(self) -> dict[str, Any]:
        mine = ApiToken.objects.filter(user_id=self.actor.user_id or 0, agency_id=self.actor.agency_id)
        return {"tokens": mine, "form": TokenForm()}

    def do_make(self) -> HttpResponse | None:
        form = TokenForm(self.request.POST)
        if not form.is_valid():
            return self.show(form=form)
        step_up(self.request)
        token, secret = actions.make_api_token(title=form.cleaned_data["title"])
        ledger.record("token.made", token)
        return self.show(secret=secret)

    def do_revoke(self) -> None:
        affairs.revoke_token(self.number("token"))
