"""The hub's addresses, and beside them one for each page that only something going wrong shows."""

from allauth.core.ratelimit import respond_429
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.csrf import csrf_failure

from casehub.urls import urlpatterns as ours


def bad(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation


def refused(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError


def resting(request: HttpRequest) -> HttpResponse:
    return render(request, "account/lockout.html", status=429)


ODD = {
    "400": bad,
    "403": refused,
    "403-csrf": csrf_failure,
    "429": respond_429,
    "429-sign-in": resting,
    "500": broken,
}
urlpatterns = [*ours, *(path(f"odd/{name}/", view) for name, view in ODD.items())]
