"""The agency's own page of what is free: one form with all its projects, its last posts, and its clocks."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agencies.doors import AgencyView
from agencies.models import Project
from agencies.roles import Permission
from referrals import availability
from referrals.forms.availability import OpeningForm
from referrals.models import Opening

# What a form begins with, from the last post. The numbers too: who still has them only presses the button.
KEPT = (
    "kind",
    "free",
    "places",
    "wait",
    "phone",
    "accepts",
    "languages",
    "is_confidential",
    "stale_hours",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the form: a project, what stands posted of it (None: nothing), and its fields."""

    project: Project
    opening: Opening | None
    form: OpeningForm
    is_stale: bool

    @property
    def is_up(self) -> bool:
        return self.opening is not None and self.opening.is_published


class Openings(AgencyView):
    """Say for all projects at once what is free. Sent as it stands, it says that all of it is still true."""

    def _need(self, request: HttpRequest) -> Permission:
        """Either opens it: answering referrals, or settling the agency's affairs."""
        held = Permission.AGENCY_MANAGE
        return held if self.actor.may(held) else Permission.REFERRAL_ANSWER

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(self._sorted(request))

    def post(self, request: HttpRequest) -> HttpResponse:
        lines = self._sorted(request)
        if down := request.POST.get("down"):
            return self._take_down(lines, down)
        wrong = [line for line in lines if not line.form.is_valid()]
        if wrong:
            return self._page(lines)
        posted = 0
        with transaction.atomic():
            for line in lines:
                if line.form.says_something:
                    availability.post_opening(project=line.project, **line.form.cleaned_data)
                    posted += 1
        if not posted:
            messages.info(request, _("Nothing is filled in, so nothing was posted."))
        else:
            words = ngettext("Posted: %(n)d line.", "Posted: %(n)d lines.", posted) % {"n": posted}
            messages.success(request, words)
        return redirect("referrals:openings")

    def _take_down(self, lines: list[Line], which: str) -> HttpResponse:
        found = next((one.opening for one in lines if one.opening and str(one.opening.pk) == which), None)
        if found is None:
            raise Http404
        availability.withdraw_opening(found)
        messages.success(self.request, _("Taken down. Nobody else sees it until you post it again."))
        return redirect("referrals:openings")

    def _sorted(self, request: HttpRequest) -> list[Line]:
        """What others read first, as that is what changes."""
        return sorted(self._lines(request), key=lambda line: not line.is_up)

    def _lines(self, request: HttpRequest) -> Iterator[Line]:
        """What stands, and an empty row for each project without any; for every project if more is asked."""
        data = request.POST if request.method == "POST" else None
        stand, now = availability.ours(), timezone.now()
        for project in availability.projects():
            own = [one for one in stand if one.project_id == project.pk]
            for opening in own:
                last = {name: getattr(opening.post, name) for name in KEPT}
                form = OpeningForm(data, prefix=f"o{opening.pk.hex}", initial=last)
                form.fields["kind"].disabled = True
                yield Line(project, opening, self._told(form, project), opening.is_stale(now))
            if not own or "more" in request.GET:
                form = OpeningForm(data, prefix=f"p{project.pk.hex}")
                yield Line(project, None, self._told(form, project), False)

    def _told(self, form: OpeningForm, project: Project) -> OpeningForm:
        """A project whose address is confidential is so in each of its posts."""
        if project.is_confidential_site:
            form.initial["is_confidential"] = True
            form.fields["is_confidential"].disabled = True
        return form

    def _page(self, lines: list[Line]) -> HttpResponse:
        context = {
            "lines": lines,
            "has_errors": any(line.form.is_bound and line.form.errors for line in lines),
            "history": availability.history(),
            "clocks": availability.clocks(),
            "may_see_all": self.actor.may(Permission.REPORT_NETWORK),
        }
        return TemplateResponse(self.request, "referrals/openings.html", context)


urlpatterns = [path("openings/", Openings.as_view(), name="openings")]
