"""The two ways in for someone who has no account: an invitation, and the first run of an empty hub."""

import hashlib
import secrets
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from agencies import actions, ledger
from agencies.doors import has_second_factor
from agencies.models import Agency, AgencyType, Invitation, User
from agencies.roles import ROLES
from agencies.scope import Actor, acting_as
from casehub.signin import sign_in
from referrals.picklists import Sector

NEW_PASSWORD = {"autocomplete": "new-password", "minlength": 12}


class JoinForm(forms.Form):
    """A new person chooses a password twice; someone who has one elsewhere gives it."""

    password = forms.CharField(
        label=_("Password"), strip=False, max_length=256, widget=forms.PasswordInput(attrs=NEW_PASSWORD)
    )
    again = forms.CharField(
        label=_("The same once more"),
        strip=False,
        max_length=256,
        widget=forms.PasswordInput(attrs=NEW_PASSWORD),
    )

    def __init__(self, *args: Any, invitation: Invitation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invitation = invitation
        self.keeps_password = actions.keeps_password(invitation)
        if self.keeps_password:
            del self.fields["again"]
            self.fields["password"].widget.attrs = {"autocomplete": "current-password"}
            self.fields["password"].label = _("Your password of this hub")
        else:
            self.fields["password"].help_text = _(
                "At least 12 characters. Four or five unrelated words are easy to keep in mind."
            )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        password = given.get("password")
        if password and not self.keeps_password:
            if password != given.get("again"):
                self.add_error("again", _("The two are not the same."))
            try:
                validate_password(password, User(email=self.invitation.email, name=self.invitation.name))
            except forms.ValidationError as error:
                self.add_error("password", error)
        return given


@sensitive_post_parameters()
@sensitive_variables()
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation. A token that is wrong, used or over is one and the same page."""
    invitation = actions.open_invitation(token)
    if invitation is None:
        return render(request, "casehub/join_over.html", status=404)
    form = JoinForm(request.POST or None, invitation=invitation)
    if request.method == "POST" and form.is_valid():
        user = actions.accept_invitation(token, password=form.cleaned_data["password"])
        if user is not None:
            if not form.keeps_password:
                User.objects.filter(pk=user.pk).update(language=get_language() or settings.LANGUAGE_CODE)
                user.refresh_from_db()
            with acting_as(Actor.of(user, invitation.agency)):
                ledger.record("member.joined", user)
            return sign_in(request, user, to=_first_page(user, invitation.role))
        form.add_error("password", _("That is not the password."))
    context = {"form": form, "invitation": invitation, "role": ROLES[invitation.role]}
    return render(request, "casehub/join.html", context)


def _first_page(user: User, role: str) -> str:
    return reverse(
        "mfa_activate_totp" if ROLES[role].needs_second_factor and not has_second_factor(user) else "home"
    )


# The first run


def _code_file() -> Path:
    return Path(settings.CASEHUB_KEYS) / "first-run"


def make_first_run_code() -> str | None:
    """A one-time code that opens the first-run page, for whoever starts the hub to print; None once an
    agency stands. Only its digest is kept, beside the keys and readable by their owner alone."""
    if Agency.objects.exists():
        return None
    code = "-".join(secrets.token_hex(2) for _part in range(5))
    path = _code_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(hashlib.sha256(code.encode()).hexdigest())
    return code


def _is_first_run_code(code: str) -> bool:
    try:
        kept = _code_file().read_text().strip()
    except OSError:
        return False
    digest = hashlib.sha256(code.strip().lower().encode()).hexdigest()
    return bool(kept) and secrets.compare_digest(kept, digest)


class FirstRunForm(forms.Form):
    """The hub's office with its coordinator, and the first agency with its data lead."""

    code = forms.CharField(
        label=_("Set-up code"),
        max_length=40,
        help_text=_("It stands where the hub was started. It keeps anyone else from taking the hub."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    office = forms.CharField(label=_("Name of the hub's office"), max_length=120)
    name = forms.CharField(
        label=_("Your name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(
        label=_("Your work address"),
        help_text=_("You become the coordinator: you see the network's figures and never a client."),
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=256,
        help_text=_("At least 12 characters. Four or five unrelated words are easy to keep in mind."),
        widget=forms.PasswordInput(attrs=NEW_PASSWORD),
    )
    agency = forms.CharField(label=_("Name of the first agency"), max_length=120)
    agency_type = forms.ChoiceField(
        label=_("What it is"),
        choices=[
            ("", _("Choose")),
            *(choice for choice in AgencyType.choices if choice[0] != AgencyType.HUB_OFFICE),
        ],
    )
    agency_sector = forms.ChoiceField(
        label=_("Its part of the system"), choices=lambda: [("", gettext("Choose")), *Sector.choices(gettext)]
    )
    lead_name = forms.CharField(label=_("Name of its data lead"), max_length=120)
    lead_email = forms.EmailField(
        label=_("Work address of its data lead"),
        help_text=_("They invite the agency's people. It can't be you: a coordinator sees no client."),
    )

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if not _is_first_run_code(code):
            raise forms.ValidationError(_("That is not the set-up code."))
        return code

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("email") and given.get("email", "").lower() == given.get("lead_email", "").lower():
            self.add_error("lead_email", _("A coordinator sees no client, so it takes another person."))
        if given.get("password"):
            try:
                validate_password(
                    given["password"], User(email=given.get("email", ""), name=given.get("name", ""))
                )
            except forms.ValidationError as error:
                self.add_error("password", error)
        return given


@sensitive_post_parameters()
@sensitive_variables()
@require_http_methods(["GET", "POST"])
def first_run(request: HttpRequest) -> HttpResponse:
    """Make the hub's office, its coordinator and the first agency, once; 404 ever after."""
    if Agency.objects.exists():
        raise Http404
    form = FirstRunForm(request.POST or None, initial={"office": settings.HUB_NAME})
    if request.method != "POST" or not form.is_valid():
        return render(request, "casehub/first_run.html", {"form": form})
    with transaction.atomic():
        coordinator, agency, token = _found(**form.cleaned_data)
    _code_file().unlink(missing_ok=True)
    sign_in(request, coordinator, to=reverse("mfa_activate_totp"))
    link = request.build_absolute_uri(reverse("join", args=[token]))
    context = {"agency": agency, "link": link, "lead_name": form.cleaned_data["lead_name"]}
    return render(request, "casehub/first_run_done.html", context)


def _found(
    *,
    office: str,
    name: str,
    email: str,
    password: str,
    agency: str,
    agency_type: str,
    agency_sector: str,
    lead_name: str,
    lead_email: str,
    code: str,
) -> tuple[User, Agency, str]:
    """The beginning of a hub. Raises Http404 for the second of two that come at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(7202)")
    if Agency.objects.exists():
        raise Http404
    hub = actions.open_agency(
        slug=actions.free_slug(office),
        name=office,
        type=AgencyType.HUB_OFFICE,
        sector="",
        is_expected_to_report=False,
    )
    first = actions.open_agency(
        slug=actions.free_slug(agency), name=agency, type=agency_type, sector=agency_sector
    )
    _kept, token = actions.invite(agency=hub, email=email, name=name, role="coordinator", by=None)
    coordinator = actions.accept_invitation(token, password=password)
    assert coordinator is not None
    actions.grant_role(coordinator, hub, "hub_operator")
    _kept, token = actions.invite(
        agency=first, email=lead_email, name=lead_name, role="data_lead", by=coordinator
    )
    return coordinator, first, token
