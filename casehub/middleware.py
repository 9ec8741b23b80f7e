"""Limits of a session, and answers that no cache keeps."""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

Next = Callable[[HttpRequest], HttpResponse]


def no_store(get_response: Next) -> Next:
    """Nothing but static files is ever stored by a browser or on the way."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not request.path.startswith(f"/{settings.STATIC_URL.strip('/')}/"):
            response["Cache-Control"] = "no-store"
        return response

    return middleware


def session_limits(get_response: Next) -> Next:
    """End a session after IDLE_SECONDS without a request and after ABSOLUTE_SECONDS in any case."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = int(time.time())
            started = request.session.setdefault("started", now)
            seen = request.session.get("seen", now)
            if now - started > settings.ABSOLUTE_SECONDS or now - seen > settings.IDLE_SECONDS:
                logout(request)
            elif now - seen > 30 or "seen" not in request.session:
                request.session["seen"] = now
        return get_response(request)

    return middleware
