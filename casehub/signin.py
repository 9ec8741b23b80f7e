"""How people prove who they are: by invitation, password and a one-time code whose secret is sealed.

What an account may do stands in agencies/roles.py; how long a session lives in casehub/middleware.py. Why it
is so: docs/adr/0003-sign-in.md.
"""

import base64
import hmac
import time
from collections.abc import Mapping
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import perform_password_login
from allauth.account.internal.flows.reauthentication import (
    raise_if_reauthentication_required,
    reauthenticate_by_password,
)
from allauth.account.models import Login
from allauth.core import context
from allauth.core.internal.httpkit import get_client_ip
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base import forms as mfa_forms
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp_forms
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from agencies import vault
from agencies.models import Agency, AgencyType, User

# After this many wrong codes in a row, codes of that account rest. Whoever gets here knows the password, so
# nobody else can be shut out by it.
WRONG_CODES = 10
CODES_REST_SECONDS = 15 * 60
# A locked page that is guessed at this often ends; the drafts stay.
WRONG_UNLOCKS = 5


class InvitedOnly(DefaultAccountAdapter):
    """Nobody signs up by themselves; every proof of identity gives the session a new key."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        super().login(request, user)
        begin_session(request)
        reauthenticate_by_password(request)  # who has just signed in has just proven it

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse:
        response = super().post_login(request, user, **kwargs)
        if isinstance(user, User):
            speak(response, user.language)
        return response

    def reauthenticate(self, user: AbstractBaseUser, password: str) -> bool:
        """Whether the password is the user's. Counts as a try at sign-in where it is not."""
        request = context.request
        found = self.authenticate(request, email=user.get_username(), password=password)
        if found is None or found.pk != user.pk or not found.is_active:
            return False
        fresh_key(request)
        return True

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Silence for "you have signed in as …": an address has no business on the first page."""
        template = args[0] if args else kwargs.get("message_template")
        if template != "account/messages/logged_in.txt":
            super().add_message(request, level, *args, **kwargs)


class SealedFactors(DefaultMFAAdapter):
    """Keeps the secrets of second factors in the vault, under the hub office's key.

    People belong to the hub, not to one agency, so their secrets stand under the office that belongs to
    all; before there is one (it is made first on a real hub), under the oldest agency. The text names the
    agency whose key opens it.
    """

    PLACE = "authenticator.secret"

    def encrypt(self, text: str) -> str:
        agency = keeper_of_factors()
        box = vault.seal(text, agency=agency.pk, place=self.PLACE, row=0)
        return f"{agency.pk}:{base64.b64encode(box).decode()}"

    def decrypt(self, encrypted_text: str) -> str:
        agency, box = encrypted_text.split(":")
        return vault.unseal(base64.b64decode(box), agency=int(agency), place=self.PLACE, row=0)


def keeper_of_factors() -> Agency:
    """The agency under whose key second factors are sealed now. Raises VaultError where there is none."""
    office = Agency.objects.filter(type=AgencyType.HUB_OFFICE).order_by("pk").first()
    keeper = office or Agency.objects.order_by("pk").first()
    if keeper is None:
        raise vault.VaultError("no agency yet, so no key for a second factor")
    return keeper


def matching_counter(secret: str, code: str) -> int | None:
    """The 30-second step whose code this is, of those allowed now, or None."""
    digits = "".join(code.split())
    found = None
    for counter in yield_hotp_counters_from_time():
        if hmac.compare_digest(format_hotp_value(hotp_value(secret, counter)).encode(), digits.encode()):
            found = counter
    return found


def use_code(user: AbstractBaseUser, code: str) -> Authenticator | None:
    """The factor that this code proves, used up by it; None if it proves nothing. Raises ValidationError
    while the account's codes rest.

    The row is locked, so of many tries with one code exactly one succeeds, and none needs the cache: a
    one-time code may come only from a later step than the last one used.
    """
    with transaction.atomic():
        factors = {
            factor.type: factor
            for factor in Authenticator.objects.select_for_update().filter(user_id=user.pk).order_by("pk")
        }
        totp = factors.get(Authenticator.Type.TOTP)
        if totp is None:
            return None
        if totp.data.get("rests_until", 0) > time.time():
            raise ValidationError(_("Too many wrong codes. Wait a quarter of an hour, then try again."))
        proven = None
        counter = matching_counter(decrypt(totp.data["secret"]), code)
        if counter is not None and counter > totp.data.get("last_counter", 0):
            totp.data["last_counter"] = counter
            proven = totp
        spare = factors.get(Authenticator.Type.RECOVERY_CODES)
        if proven is None and spare is not None and spare.wrap().validate_code(code):
            proven = spare
        if proven is None:
            totp.data["wrong"] = totp.data.get("wrong", 0) + 1
            if totp.data["wrong"] >= WRONG_CODES:
                totp.data.update(wrong=0, rests_until=int(time.time()) + CODES_REST_SECONDS)
        else:
            totp.data.pop("wrong", None)
        totp.save(update_fields=["data"])
    return proven


class OnceOnly:
    """Takes each code once. Mixed into allauth's two forms that ask for one."""

    user: AbstractBaseUser
    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        proven = use_code(self.user, code)
        if proven is None:
            raise ValidationError(_("That is not the code of this moment. Wait for the next one."))
        proven.user = self.user
        self.authenticator = proven
        return code


class SecondStep(OnceOnly, mfa_forms.AuthenticateForm):
    """The code after the password."""


class SecondStepAgain(OnceOnly, mfa_forms.ReauthenticateForm):
    """The code before an act that guards others."""

    def save(self) -> None:
        super().save()
        fresh_key(context.request)


class Enrolment(totp_forms.ActivateTOTPForm):
    """The first code, which proves that the app has the secret."""

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if matching_counter(self.secret, code) is None:
            raise ValidationError(_("That is not the code of this moment. Wait for the next one."))
        return code


def sign_in(request: HttpRequest, user: User, *, to: str) -> HttpResponse:
    """Sign in someone whose password has just been checked; a second factor they have is still asked."""
    login = Login(user=user, email=user.email, redirect_url=to)
    return perform_password_login(request, {"email": user.email}, login)


def step_up(request: HttpRequest) -> None:
    """Ask for password or code again unless that was less than five minutes ago.

    Raises an exception that allauth's middleware turns into the question; afterwards the request goes on.
    """
    raise_if_reauthentication_required(request, app="casehub")


def begin_session(request: HttpRequest) -> None:
    """The clocks of a new session start now."""
    now = int(time.time())
    request.session.update({"started": now, "seen": now})
    for name in ("locked", "wrong_unlocks", "agency_id"):
        request.session.pop(name, None)


def fresh_key(request: HttpRequest) -> None:
    """A new key for the same session: whoever had the old one has nothing."""
    before = request.session.session_key
    request.session.cycle_key()
    UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)


def speak(response: HttpResponse, language: str) -> None:
    """Have this browser's next pages in the language."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )


def tried_name(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str:
    """The address that was tried, for django-axes: one spelling, known or not."""
    given = credentials or {}
    name = given.get("email") or given.get("login") or request.POST.get("login") or ""
    return str(name).strip().lower()


def address_of(request: HttpRequest) -> str:
    """The visitor's network address, behind as many trusted proxies as the settings say."""
    return get_client_ip(request) or "0.0.0.0"  # noqa: S104 (no address to bind to: it means unknown)
