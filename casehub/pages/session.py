"""Where a session begins, rests and ends: home, lock, quick exit, language, keys, choice of agency."""

import time
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from django import forms
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.i18n import set_language

from agencies.doors import actor_of
from agencies.models import Agency, User
from agencies.roles import Permission
from agencies.scope import NotAllowed
from casehub.context import NEW_CONTACT, places, where
from casehub.signin import WRONG_UNLOCKS, fresh_key


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Each role's first place; the first-run page while the hub has no agency."""
    user = request.user
    if not isinstance(user, User):
        return redirect("account_login" if Agency.objects.exists() else "first_run")
    count = _agencies_of(user).count()
    request.session["has_several_agencies"] = count > 1
    try:
        actor = actor_of(user, request.session.get("agency_id"))
    except NotAllowed:
        if not count:
            return render(request, "casehub/no_place.html")
        request.session.pop("agency_id", None)
        if count > 1:
            return redirect("choose_agency")
        try:
            actor = actor_of(user, None)
        except NotAllowed:
            return render(request, "casehub/no_place.html")
    if (
        actor.may(Permission.CONTACT_RECORD)
        and not actor.may(Permission.CLIENT_VIEW)
        and (url := where(NEW_CONTACT))
    ):
        return redirect(url)
    first = next(iter(places(actor)), None)
    return redirect(first["url"]) if first else render(request, "casehub/no_place.html")


class UnlockForm(forms.Form):
    """The password again."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not get_adapter().reauthenticate(self.user, password):
            raise forms.ValidationError(_("That is not the password."))
        return password


@login_required
@require_POST
def lock(request: HttpRequest) -> HttpResponse:
    """Lock this session now."""
    request.session["locked"] = True
    request.session.pop("vault_half", None)
    return redirect(f"{reverse('unlock')}?{urlencode({'next': safe_next(request)})}")


@sensitive_post_parameters()
@login_required
@require_http_methods(["GET", "POST"])
def unlock(request: HttpRequest) -> HttpResponse:
    """Ask for the password and lead back to the page that was locked. Too many wrong ones end the session."""
    user = request.user
    assert isinstance(user, User)
    onward = safe_next(request)
    if not request.session.get("locked"):
        return redirect(onward)
    form = UnlockForm(request.POST or None, user=user)
    if request.method == "POST":
        if form.is_valid():
            request.session.pop("locked")
            request.session.pop("wrong_unlocks", None)
            request.session["seen"] = int(time.time())
            return redirect(onward)
        request.session["wrong_unlocks"] = request.session.get("wrong_unlocks", 0) + 1
        if request.session["wrong_unlocks"] >= WRONG_UNLOCKS:
            logout(request)
            return redirect("account_login")
    return render(request, "casehub/unlock.html", {"form": form, "next": onward, "who": user.email})


@require_POST
@login_required
def still_here(request: HttpRequest) -> HttpResponse:
    """Someone is still typing. The middleware has noted it."""
    return HttpResponse(status=204)


@csrf_exempt
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Quick exit: end the session and have the browser forget everything of this place.

    A beacon carries no token, so the browser's own word on where it comes from is asked instead. All that
    a forged one could do is sign someone out, and none gets that far.
    """
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site")
    here = f"{request.scheme}://{request.get_host()}"
    if (site or "same-origin") != "same-origin" or (origin or here) != here or not (site or origin):
        raise PermissionDenied
    logout(request)
    response = HttpResponse(status=204)
    response["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    return response


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Django's own switch, kept for the next sign-in too."""
    response = set_language(request)
    chosen = request.POST.get("language", "")
    if isinstance(request.user, User) and chosen in dict(settings.LANGUAGES) and check_for_language(chosen):
        User.objects.filter(pk=request.user.pk).update(language=chosen)
    return response


@login_required
@require_http_methods(["GET", "POST"])
def keys(request: HttpRequest) -> HttpResponse:
    """All keys on one page, and the switch that turns the single ones off."""
    user = request.user
    assert isinstance(user, User)
    if request.method == "POST":
        User.objects.filter(pk=user.pk).update(has_single_keys=request.POST.get("keys") == "on")
        return redirect("keys")
    return render(request, "casehub/keys.html")


@login_required
@require_http_methods(["GET", "POST"])
def choose_agency(request: HttpRequest) -> HttpResponse:
    """For someone who works at several agencies: at which one the next pages are."""
    user = request.user
    assert isinstance(user, User)
    if request.method == "POST":
        chosen = _agencies_of(user).filter(pk=_number(request.POST.get("agency"))).first()
        if chosen is not None:
            request.session["agency_id"] = chosen.pk
            request.session.pop("vault_half", None)
            fresh_key(request)
            return redirect("home")
    return render(request, "casehub/choose_agency.html", {"agencies": _agencies_of(user)})


def _agencies_of(user: User) -> Any:
    return Agency.objects.filter(memberships__user=user, left_on=None).distinct()


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 10 else None


def safe_next(request: HttpRequest) -> str:
    """Where to go on, if that is a path of this hub."""
    onward = request.POST.get("next") or request.GET.get("next") or "/"
    is_ours = url_has_allowed_host_and_scheme(onward, {request.get_host()}, require_https=request.is_secure())
    return onward if is_ours and onward.startswith("/") else "/"
