"""The views somebody keeps: open one, stop keeping it, and hear by e-mail when it has new figures."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.shortcuts import render as respond
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from agencies.doors import AgencyView
from agencies.models import User
from agencies.roles import Permission
from reporting import reading, saved
from reporting.measures import cubes
from reporting.models import SavedView
from reporting.web import figures
from reporting.web.dashboards import QUESTIONS
from reporting.web.places import tabs


class Saved(AgencyView):
    """Somebody's own views, and a new one."""

    needs = {"GET": Permission.REPORT_NETWORK, "POST": Permission.REPORT_NETWORK}

    def get(self, request: HttpRequest) -> HttpResponse:
        known = figures.names()
        return respond(
            request,
            "reporting/saved.html",
            {
                "tabs": tabs(self.actor, "saved"),
                "views": [_line(view, known) for view in saved.of(_person(request))],
                "can_send": saved.can_send(),
            },
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        page = request.POST.get("page", "")
        if page not in QUESTIONS:
            raise Http404
        try:
            saved.keep(_person(request), page, _choices(page, request))
        except saved.TooMany:
            messages.error(request, _("You keep as many views as you can. Remove one first."))
        else:
            messages.success(request, _("Saved. It opens with the newest figures."))
        return redirect("reporting:saved")


class SavedAct(AgencyView):
    """Remove one of one's views, or start and stop its e-mails."""

    needs = {"POST": Permission.REPORT_NETWORK}

    def post(self, request: HttpRequest, view: UUID) -> HttpResponse:
        user = _person(request)
        found = SavedView.objects.get(pk=view, user=user)
        act = request.POST.get("act")
        if act == "remove":
            saved.drop(user, found)
            messages.success(request, _("Removed."))
        elif act == "send" and saved.can_send():
            saved.send(user, found, wanted=True)
            messages.success(request, _("You will get an e-mail with a link when there are new figures."))
        elif act == "stop":
            saved.send(user, found, wanted=False)
            messages.success(request, _("No more e-mails about this view."))
        else:
            raise Http404
        return redirect("reporting:saved")


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the door lets nobody else in"
    return request.user


def _choices(page: str, request: HttpRequest) -> dict[str, str]:
    """What was on the page's menus, and nothing else: no text of anybody's is kept. Raises Http404."""
    by, only = request.POST.get("by", ""), request.POST.get("only", "")
    measure, _dot, key = by.partition(".")
    known = figures.names()
    axes = key.split("-") if key else []
    if measure not in saved.PAGES[page] or measure not in cubes() or not 0 < len(axes) <= 3:
        raise Http404
    if not set(axes) <= set(known):
        raise Http404
    if only and not any(only in dict(known[axis].values) for axis in axes):
        raise Http404
    return {"by": by, **({"only": only} if only else {})}


def _line(view: SavedView, known: Any) -> dict[str, Any]:
    """One view in words, with its address. What is no longer on any menu is said as it was kept."""
    question = QUESTIONS.get(view.page)
    axes = [axis for axis in view.choices.get("by", "").partition(".")[2].split("-") if axis in known]
    only = view.choices.get("only", "")
    named = next(
        (str(dict(known[axis].values)[only]) for axis in axes if only in dict(known[axis].values)), ""
    )
    return {
        "view": view,
        "title": question.title if question else view.page,
        "cut": ", ".join(filter(None, [reading.by_words(tuple(axes), known) if axes else "", named])),
        "url": f"{reverse('reporting:' + view.page)}?{urlencode(view.choices)}",
    }
