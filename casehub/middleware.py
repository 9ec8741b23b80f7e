"""Limits of a session, and answers that no cache keeps.

What proves who someone is stands in casehub/signin.py; the pages that lock, unlock and leave in
casehub/pages/session.py.
"""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

Next = Callable[[HttpRequest], HttpResponse]

# How often "seen" is written: a request every second need not be a write every second.
SEEN_EVERY = 30
# What a locked session may still ask for: the way back in, the ways out, and its language.
OPEN_WHEN_LOCKED = ("unlock", "leave", "lock", "account_logout", "set_language", "livez", "readyz")


def no_store(get_response: Next) -> Next:
    """Nothing but static files is ever stored by a browser or on the way."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not request.path.startswith(f"/{settings.STATIC_URL.strip('/')}/"):
            response["Cache-Control"] = "no-store"
        return response

    return middleware


def session_limits(get_response: Next) -> Next:
    """Lock a session after IDLE_SECONDS without a person's act; end it after ABSOLUTE_SECONDS in any case.

    A locked session answers nothing but the page that asks for the password again, which leads back to
    where the person was. Whoever ends a session here, the browser is told to forget what it kept.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return get_response(request)
        now = int(time.time())
        started = request.session.setdefault("started", now)
        seen = request.session.setdefault("seen", now)
        if now - started > settings.ABSOLUTE_SECONDS:
            logout(request)
        elif request.session.get("locked") or now - seen > settings.IDLE_SECONDS:
            if not request.session.get("locked"):
                request.session["locked"] = True
                request.session.pop("vault_half", None)
            if request.path not in {reverse(name) for name in OPEN_WHEN_LOCKED}:
                return _shut(request)
        elif now - seen > SEEN_EVERY and _is_a_persons(request):
            request.session["seen"] = now
        response = get_response(request)
        # The session itself, not request.user: an API answer of 401 ends nothing, and must not cost drafts.
        if SESSION_KEY not in request.session and "Clear-Site-Data" not in response:
            response["Clear-Site-Data"] = '"cache", "storage"'
        return response

    return middleware


def _is_a_persons(request: HttpRequest) -> bool:
    """A part of a page that fetches itself again is nobody's act, or a list left open would never lock; nor
    is what a script does by itself (X-Casehub-Background)."""
    fetches_itself = request.method == "GET" and request.headers.get("HX-Request")
    return not (fetches_itself or request.headers.get("X-Casehub-Background"))


def _shut(request: HttpRequest) -> HttpResponse:
    """To a page: the way to the lock page. To a script: 401, at which the page loads itself again."""
    from_script = request.headers.get("HX-Request") or request.headers.get("Sec-Fetch-Mode") in (
        "cors",
        "no-cors",
    )
    if from_script or request.path.startswith("/api/") or request.path == reverse("still_here"):
        return JsonResponse({"detail": "Locked."}, status=401)
    # What was sent while it was locked is not taken; its page comes back, with the draft.
    here = request.get_full_path() if request.method in ("GET", "HEAD") else _page_of(request)
    return redirect(f"{reverse('unlock')}?{urlencode({'next': here})}")


def _page_of(request: HttpRequest) -> str:
    referrer = urlsplit(request.headers.get("Referer", ""))
    return referrer.path if referrer.netloc == request.get_host() else "/"
