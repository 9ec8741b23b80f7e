"""How people prove who they are: by invitation, password and a one-time code whose secret is sealed.

Passkeys stand in casehub/passkeys.py; what an account may do in agencies/roles.py; how long a session lives
in casehub/middleware.py. Why it is so: docs/adr/0003-sign-in.md, 0013-passkeys.md.
"""

import base64
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import perform_password_login
from allauth.account.internal.flows.reauthentication import (
    is_reauthentication_required,
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
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from fido2.utils import websafe_decode

from agencies import vault
from agencies.doors import WORKSTATION, actor_of, has_second_factor, has_workstations
from agencies.models import Agency, AgencyType, User
from agencies.scope import NotAllowed

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
            if _has_workstation_only(user):
                to = urlencode({"next": response["Location"]})
                response = redirect(f"{reverse('mfa_workstation')}?{to}")
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

    def get_reauthentication_methods(self, user: AbstractBaseUser | AnonymousUser) -> list[dict[str, Any]]:
        """allauth's, in the hub's words: what it calls a security key is a passkey here."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        for method in methods:
            if method["id"] == "mfa_reauthenticate:webauthn":
                method["description"] = _("Use a passkey")
        return methods

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


def _has_workstation_only(user: User) -> bool:
    """Whether the person has no factor of their own, but could use a shared computer's passkey."""
    try:
        return not has_second_factor(user) and has_workstations(actor_of(user, None))
    except NotAllowed:
        return False


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


def answered(
    user: AbstractBaseUser, prove: Callable[[list[Authenticator]], Authenticator | None]
) -> Authenticator | None:
    """The factor of the user's that `prove` finds proven among them; None if none is. Raises ValidationError
    while the account's second step rests.

    The rows are locked meanwhile, so of many tries at once each sees what the one before has used up, and
    none needs the cache. Wrong answers are counted in the app's row, or else in the oldest.
    """
    with transaction.atomic():
        locked = Authenticator.objects.select_for_update().filter(user_id=user.pk)
        factors = sorted(locked, key=lambda one: (one.type != Authenticator.Type.TOTP, one.pk))
        if not factors:
            return None
        keeper = factors[0]
        if keeper.data.get("rests_until", 0) > time.time():
            raise ValidationError(_("Too many wrong codes. Wait a quarter of an hour, then try again."))
        proven = prove(factors)
        keeper.refresh_from_db(fields=["data"])  # `prove` may have written there
        if proven is None:
            keeper.data["wrong"] = keeper.data.get("wrong", 0) + 1
            if keeper.data["wrong"] >= WRONG_CODES:
                keeper.data.update(wrong=0, rests_until=int(time.time()) + CODES_REST_SECONDS)
        else:
            keeper.data.pop("wrong", None)
        keeper.save(update_fields=["data"])
    return proven


def use_code(user: AbstractBaseUser, code: str) -> Authenticator | None:
    """The factor that this code proves, used up by it; None if it proves nothing. Raises ValidationError
    while the account's second step rests.

    A one-time code may come only from a later step than the last one used; a recovery code works once.
    """

    def prove(factors: list[Authenticator]) -> Authenticator | None:
        for factor in factors:
            if factor.type == Authenticator.Type.TOTP:
                counter = matching_counter(decrypt(factor.data["secret"]), code)
                if counter is not None and counter > factor.data.get("last_counter", 0):
                    factor.data["last_counter"] = counter
                    factor.save(update_fields=["data"])
                    return factor
            elif factor.type == Authenticator.Type.RECOVERY_CODES and factor.wrap().validate_code(code):
                return factor
        return None

    return answered(user, prove)


@dataclass(frozen=True, slots=True)
class Passkey:
    """One of a person's own passkeys, as the browser knows it: `id` is the authenticator's."""

    id: int
    title: str
    credential_id: bytes


def passkeys_of(user: AbstractBaseUser) -> list[Passkey]:
    """The person's own passkeys, oldest first. A shared computer's is nobody's own."""
    own = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.WEBAUTHN).order_by("pk")
    return [Passkey(one.pk, one.data["name"], websafe_decode(one.data["credential"]["id"])) for one in own]


class OnceOnly:
    """Takes each code once. Mixed into allauth's two forms that ask for one."""

    user: AbstractBaseUser
    cleaned_data: dict[str, Any]

    @property
    def has_app(self) -> bool:
        """Whether the codes asked for are an app's; else only recovery codes are left to type."""
        return Authenticator.objects.filter(user_id=self.user.pk, type=Authenticator.Type.TOTP).exists()

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


def has_stepped_up(request: HttpRequest) -> bool:
    """Whether `step_up` would let this request through. For a script's: it can't follow to the question."""
    return not is_reauthentication_required(request, app="casehub")


def begin_session(request: HttpRequest) -> None:
    """The clocks of a new session start now."""
    now = int(time.time())
    request.session.update({"started": now, "seen": now})
    for name in ("locked", "wrong_unlocks", "agency_id", "vault_half", WORKSTATION):
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
