"""Where passkeys are made, named and taken off, and where a shared computer's stands in for one's own.

What is asked of a passkey and what proves anything stands in casehub/passkeys.py.
"""

import uuid
from typing import Any

from allauth.account.internal.templatekit import get_entrance_context_data
from allauth.core.internal.httpkit import authenticated_user
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn import views
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from agencies import affairs
from agencies.doors import (
    WORKSTATION,
    actor_of,
    has_second_factor,
    has_workstations,
    stands_on_workstation,
)
from agencies.models import Agency, Membership, User
from agencies.roles import Permission
from agencies.scope import Actor, NotAllowed, acting_as
from casehub.pages.agency import Page
from casehub.pages.session import safe_next
from casehub.passkeys import (
    COMPUTERS_STATE,
    NOT_ACCEPTED,
    ByWorkstation,
    NewWorkstation,
    ask_computer,
    ask_computer_for_new,
    ask_for_new,
    ask_own,
    made,
    use_workstation,
    works_at,
)
from casehub.signin import fresh_key, step_up


def _actor(request: HttpRequest) -> Actor | None:
    try:
        return actor_of(authenticated_user(request), request.session.get("agency_id"))
    except NotAllowed:
        return None


def _asking(request: HttpRequest, options: str) -> dict[str, Any]:
    """What the templates take that ask for a passkey."""
    return {"options": options, "passkeys_work": works_at(request)}


# A person's own


class AtTheComputer:
    """For a view that sets up a factor of one's own: where a shared computer's passkey has been the second
    factor so far, not on a password alone. It goes on at that computer, or after *Lost the device*."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if isinstance(user, User) and not has_second_factor(user):
            relies = Membership.objects.filter(user=user, workstation_since__isnull=False).exists()
            actor = _actor(request)
            if relies and not (actor and stands_on_workstation(actor, request.session)):
                context = {"has_computer": actor and has_workstations(actor)}
                return render(request, "mfa/at_the_computer.html", context, status=403)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response


class ActivateApp(AtTheComputer, ActivateTOTPView):
    """The square code, unless a shared computer must be sat at for it."""


class AddPasskey(AtTheComputer, views.AddWebAuthnView):
    """Make a passkey on a device of one's own."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found: dict[str, Any] = super(views.AddWebAuthnView, self).get_context_data(**kwargs)
        asking = _asking(self.request, ask_for_new(authenticated_user(self.request)))
        return found | asking | {"for_cards": self._for_cards()}

    def get_success_url(self) -> str:
        """Whoever came from the keys of the contact cards goes back there, over the recovery codes if these
        are new."""
        onward: str = super().get_success_url()
        if not self._for_cards():
            return onward
        return f"{onward}?for=cards" if self.did_generate_recovery_codes else reverse("card_keys")

    def _for_cards(self) -> bool:
        return self.request.GET.get("for") == "cards"


class RemovePasskey(views.RemoveWebAuthnView):
    """Take one off."""

    pk_url_kwarg = "number"
    success_url = reverse_lazy("mfa_index")


class RenamePasskey(views.EditWebAuthnView):
    """Call one something else."""

    pk_url_kwarg = "number"
    success_url = reverse_lazy("mfa_index")


class PasskeyAgain(views.ReauthenticateWebAuthnView):
    """A passkey before an act that guards others."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found: dict[str, Any] = super(views.ReauthenticateWebAuthnView, self).get_context_data(**kwargs)
        return found | _asking(self.request, ask_own(authenticated_user(self.request)))

    def form_valid(self, form: Any) -> HttpResponse:
        fresh_key(self.request)
        return super().form_valid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form))


class SecondStep(AuthenticateView):
    """After the password: a passkey or a code, whichever the person has."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found: dict[str, Any] = super(AuthenticateView, self).get_context_data(**kwargs)
        found.update(get_entrance_context_data(self.request), form=self.auth_form)
        asking = _asking(self.request, ask_own(self.stage.login.user))
        return found | asking | {"passkey_form": self.webauthn_form}


# A shared computer's


@login_required
@require_http_methods(["GET", "POST"])
def workstation(request: HttpRequest) -> HttpResponse:
    """The second step by the passkey of this computer; 404 for everybody whom it would not prove."""
    user, actor = authenticated_user(request), _actor(request)
    if actor is None or has_second_factor(user) or not has_workstations(actor):
        raise Http404
    onward = safe_next(request)
    form = ByWorkstation(request.POST or None)
    with acting_as(actor):
        if request.method == "POST" and form.is_valid():
            key = use_workstation(request, form.cleaned_data["credential"])
            if key is not None:
                request.session[WORKSTATION] = {"key": str(key.pk), "agency": actor.agency_id}
            else:
                form.add_error("credential", NOT_ACCEPTED)
        proven = form.is_bound and form.is_valid()
        options = None if proven else ask_computer(request)
    if proven:
        fresh_key(request)
        return redirect(onward)
    context = {"form": form, "next": onward, "must": actor.needs_second_factor}
    return render(request, "mfa/workstation.html", context | _asking(request, options or ""))


class ComputersPage(Page):
    """The agency's shared computers whose passkeys stand in for one of a volunteer's own.

    The office has none: no role there may stand on one.
    """

    name, template = "computers", "casehub/computers.html"
    needs = Permission.AGENCY_MANAGE
    acts = frozenset({"add", "remove"})

    def context(self) -> dict[str, Any]:
        agency = Agency.objects.get(pk=self.actor.agency_id)
        return {
            "computers": affairs.workstations().select_related("added_by"),
            "form": NewWorkstation(),
            **_asking(self.request, ask_computer_for_new(self.request, agency)),
        }

    def do_add(self) -> HttpResponse | None:
        form = NewWorkstation(self.request.POST)
        if not form.is_valid():
            return self.show(form=form)
        step_up(self.request)
        new = made(self.request.session.pop(COMPUTERS_STATE, None), form.cleaned_data["credential"])
        if new is not None:
            try:
                with transaction.atomic():
                    affairs.add_workstation(
                        title=form.cleaned_data["title"],
                        credential_id=new.credential.credential_id,
                        credential=bytes(new.credential),
                        sign_count=new.sign_count,
                    )
            except IntegrityError:
                new = None
        if new is None:
            form.add_error("credential", NOT_ACCEPTED)
            return self.show(form=form)
        messages.success(self.request, gettext("This computer's passkey works from now on."))
        return None

    def do_remove(self) -> None:
        step_up(self.request)
        try:
            affairs.remove_workstation(uuid.UUID(self.request.POST.get("computer", "")))
        except ValueError as error:
            raise Http404 from error
