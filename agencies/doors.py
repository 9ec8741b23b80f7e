"""The doors people come through: sign-in, membership, second factor, scope, permission, rendering inside.

A view states what it needs and asks its question; everything that keeps strangers out happens here, in
this order, for pages (`AgencyView`) and the API (`AgencyViewSet`). To a stranger every refusal is the
same 404.
"""

from collections.abc import Mapping
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views import View
from rest_framework import exceptions, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler
from rest_framework.viewsets import GenericViewSet

from agencies.models import ApiToken, Membership, User, WorkstationKey
from agencies.roles import Permission
from agencies.scope import Actor, NotAllowed, acting_as


def actor_of(user: User, agency_id: int | None) -> Actor:
    """The user's actor at the agency asked for, or at their first one. Raises NotAllowed without any."""
    if agency_id is None:
        first = Membership.objects.filter(user=user, agency__left_on=None).order_by("pk").first()
        if first is None:
            raise NotAllowed
        agency_id = first.agency_id
    return Actor.of(user, agency_id)


def has_second_factor(user: User) -> bool:
    """Whether the user has a factor of their own: an app with codes, or a passkey. Then they can't sign in
    without it."""
    own = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    return Authenticator.objects.filter(user=user, type__in=own).exists()


# A session's values; none where a token signs in.
Kept = SessionBase | dict[str, Any]
# Where a session keeps which shared computer's passkey it was proven by, and for which agency.
WORKSTATION = "workstation"


def stands_on_workstation(actor: Actor, session: Kept) -> bool:
    """Whether this session was proven by a shared computer's passkey that still counts for the actor.

    Asked at each request of who has no factor of their own: the key must stand, at the actor's agency, and
    the roles of this moment must allow it. Opens a door for one query, so none may be open.
    """
    proven = session.get(WORKSTATION)
    if not actor.may_use_workstation or not proven or proven["agency"] != actor.agency_id:
        return False
    with acting_as(actor):
        return WorkstationKey.objects.filter(pk=proven["key"], removed_at=None).exists()


def has_workstations(actor: Actor) -> bool:
    """Whether a shared computer's passkey could prove the actor. Opens a door, so none may be open."""
    if not actor.may_use_workstation:
        return False
    with acting_as(actor):
        return WorkstationKey.objects.filter(removed_at=None).exists()


def missing_factor(actor: Actor, user: User, session: Kept) -> str | None:
    """The route on which the actor gets the second factor that this session lacks; None if it lacks none."""
    if not actor.needs_second_factor or has_second_factor(user) or stands_on_workstation(actor, session):
        return None
    return "mfa_workstation" if has_workstations(actor) else "mfa_activate_totp"


class AgencyView(View):
    """A page of one agency. Subclasses set `needs` and answer; they run inside `acting_as`.

    `needs` is one permission, or one by HTTP method.
    """

    needs: Permission | Mapping[str, Permission]
    actor: Actor

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        try:
            self.actor = actor_of(request.user, request.session.get("agency_id"))
            if lacking := missing_factor(self.actor, request.user, request.session):
                return redirect(lacking)
            with acting_as(self.actor):
                request.actor = self.actor  # type: ignore[attr-defined]
                self.actor.require(self._need(request))
                response = super().dispatch(request, *args, **kwargs)
                render = getattr(response, "render", None)
                if callable(render):
                    response = render()
                if response.streaming and not getattr(response, "made_inside", False):
                    raise RuntimeError("A streaming response would be read after the door has closed.")
                if response.status_code >= 400:
                    transaction.set_rollback(True)
                return response
        except (NotAllowed, ObjectDoesNotExist, PermissionDenied) as error:
            raise Http404 from error

    def _need(self, request: HttpRequest) -> Permission:
        if isinstance(self.needs, Permission):
            return self.needs
        need = self.needs.get("GET" if request.method == "HEAD" else str(request.method))
        if need is None:
            raise NotAllowed
        return need


class AgencyViewSet(GenericViewSet):
    """An API resource of one agency: `needs` by action, everything inside `acting_as`, errors alike."""

    needs: Mapping[str, Permission]
    actor: Actor
    permission_classes = [IsAuthenticated]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            asked = self.initialize_request(request, *args, **kwargs)
            user, auth = asked.user, asked.auth
        except exceptions.APIException:
            return super().dispatch(request, *args, **kwargs)
        if not user.is_authenticated:
            return super().dispatch(request, *args, **kwargs)
        try:
            agency_id = auth.agency_id if isinstance(auth, ApiToken) else request.session.get("agency_id")
            self.actor = actor_of(user, agency_id)
            # A token is not sent from the shared computer alone, so its passkey proves nothing here.
            session: Kept = {} if isinstance(auth, ApiToken) else request.session
            if missing_factor(self.actor, user, session):
                raise NotAllowed
        except NotAllowed:
            return self._nothing_here(request, *args, **kwargs)
        with acting_as(self.actor):
            response = super().dispatch(request, *args, **kwargs)
            if hasattr(response, "render"):
                response = response.render()
            if response.status_code >= 400:
                transaction.set_rollback(True)
            return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.action is None:
            return  # a method the resource does not have: DRF answers 405
        need = self.needs.get(self.action)
        if need is None:
            raise Http404
        self.actor.require(need)

    def _nothing_here(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        asked = self.initialize_request(request, *args, **kwargs)
        response = api_errors(Http404(), {})
        assert response is not None
        self.headers = self.default_response_headers
        return self.finalize_response(asked, response, *args, **kwargs)


def api_errors(error: Exception, context: dict[str, Any]) -> Response | None:
    """One answer for all that is missing, foreign or forbidden; DRF's own for the rest."""
    if isinstance(error, (NotAllowed, ObjectDoesNotExist, PermissionDenied, Http404)) or (
        isinstance(error, exceptions.PermissionDenied) and not isinstance(error, exceptions.NotAuthenticated)
    ):
        return Response({"detail": "Not found."}, status=status.HTTP_404_NOT_FOUND)
    return exception_handler(error, context)
