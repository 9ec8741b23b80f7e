"""Counting people once: the office names the three key holders and turns linkage on; an agency brings in its
file; its browsers' requests to the holders pass through here.

What stands is in agencies/linknet.py, how holders are reached in casehub/holders.py.
"""

import json
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from agencies import cardkeys, linknet
from agencies.doors import AgencyView
from agencies.models import Agency, KeyHolder
from agencies.roles import Permission
from agencies.scope import acting_as
from casehub import holders
from casehub.pages.agency import Page
from casehub.pages.network import OfficePage
from casehub.signin import step_up
from referrals import linking
from referrals.linkage import normalise
from referrals.linkage.keyholder import wire

LONGEST = 200_000
# Failed Dependency: nothing of the hub's own is wrong.
FAILED = 424


# The office


class HolderForm(forms.Form):
    """One holder's address and who runs it."""

    body = forms.CharField(label=_("Who runs it"), max_length=120)
    url = forms.URLField(
        label=_("Its address"),
        max_length=200,
        assume_scheme="https",
        help_text=_("Such as https://holder.example.org. Nothing behind the name."),
    )

    def clean_url(self) -> str:
        """Scheme, name and port: the rest is ours to add."""
        parts = urlsplit(self.cleaned_data["url"])
        bare = parts.path in ("", "/") and not parts.query and not parts.fragment and "@" not in parts.netloc
        if parts.scheme not in ("http", "https") or not parts.hostname or not bare:
            raise forms.ValidationError(_("Give the address only, with nothing behind the name."))
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise forms.ValidationError(_("Over a network it takes https."))
        return f"{parts.scheme}://{parts.netloc}"


class NetworkCountingPage(OfficePage):
    """Whether linkage is on; each holder's state now; epochs to take to use and to end."""

    needs = Permission.NETWORK_MANAGE
    acts = frozenset({"name", "turn_on", "turn_off", "begin", "end"})

    def show(self, **more: Any) -> HttpResponse:
        named = {one.number: one for one in linknet.holders()}
        found = {one.holder.number: one for one in holders.standings()}
        said = holders.agreed(list(found.values()))
        running = linknet.epochs()
        newest = running[-1].number if running else 0
        known = {one.number: one.fingerprint for one in running}
        rows = [
            {
                "number": number,
                "holder": named.get(number),
                "standing": found.get(number),
                "form": HolderForm(prefix=f"holder-{number}", initial=_facts(named.get(number))),
            }
            for number in linknet.HOLDERS
        ]
        for row in rows:
            if row["number"] == more.get("number"):
                row["form"] = more["form"]
        context = {
            "is_on": linknet.is_on(),
            "is_demo": bool(settings.DEMO),
            "rows": rows,
            "said": said,
            "running": running,
            "newest": newest,
            "is_new": said is not None and said.epoch > newest and bool(running),
            "is_other": said is not None and known.get(said.epoch, said.fingerprint) != said.fingerprint,
            **more,
        }
        return render(self.request, "casehub/network_counting.html", context)

    def do_name(self) -> HttpResponse:
        number = self._number("number")
        form = HolderForm(self.request.POST, prefix=f"holder-{number}")
        if number not in linknet.HOLDERS or not form.is_valid():
            return self.show(form=form, number=number)
        step_up(self.request)
        with acting_as(self.actor):
            linknet.name_holder(number, **form.cleaned_data)
        return redirect("network_counting")

    def do_turn_on(self) -> HttpResponse:
        return self._of_all_three(linknet.turn_on, gettext("Linkage is on."))

    def do_begin(self) -> HttpResponse:
        return self._of_all_three(linknet.begin_epoch, gettext("The new epoch is in use."))

    def do_turn_off(self) -> HttpResponse:
        step_up(self.request)
        with acting_as(self.actor):
            linknet.turn_off()
        messages.success(self.request, gettext("Linkage is off. Tokens stay, unused."))
        return redirect("network_counting")

    def do_end(self) -> HttpResponse:
        step_up(self.request)
        try:
            with acting_as(self.actor):
                linking.end_epoch(self._number("epoch"))
        except linknet.Unfit:
            messages.error(self.request, gettext("That epoch can't be ended now. Look again."))
        else:
            messages.success(self.request, gettext("The epoch has ended. Its tokens are gone."))
        return redirect("network_counting")

    def _of_all_three(self, act: Any, done: str) -> HttpResponse:
        """Only what all three say at this moment, and only if it is what the person had before their eyes."""
        if not self.request.POST.get("heard"):
            return self.show(unheard=True)
        step_up(self.request)
        said = holders.agreed(holders.standings())
        if said is None or said.fingerprint != self.request.POST.get("fingerprint"):
            messages.error(
                self.request, gettext("The three don't say the same any more. Nothing was changed.")
            )
            return redirect("network_counting")
        try:
            with acting_as(self.actor):
                act(said.epoch, said.fingerprint)
        except linknet.Unfit as unfit:
            return self.show(unfit=str(unfit))
        messages.success(self.request, done)
        return redirect("network_counting")

    def _number(self, name: str) -> int:
        try:
            return int(self.request.POST.get(name, ""))
        except ValueError:
            return 0


def _facts(holder: KeyHolder | None) -> dict[str, str]:
    return {"url": holder.url, "body": holder.body} if holder else {}


# An agency


class CountingPage(Page):
    """Whether this agency's browsers can make tokens: its file of the holders, and each holder's answer."""

    name, template = "counting", "casehub/counting.html"
    needs = Permission.CARD_KEEP

    def context(self) -> dict[str, Any]:
        return {
            "is_on": linknet.is_on(),
            "is_demo": bool(settings.DEMO),
            "holders": linknet.holders(),
            "epochs": linknet.epochs(),
            "has_vault": cardkeys.version_in_force() > 0,
        }


class State(AgencyView):
    """What a browser needs to ask the holders: nothing that opens by itself."""

    needs = Permission.CARD_OPEN

    def get(self, request: HttpRequest) -> HttpResponse:
        kept = linknet.holder_file()
        found = {
            "on": linknet.is_on(),
            "version": normalise.VERSION,
            "agency": Agency.objects.values_list("slug", flat=True).get(pk=self.actor.agency_id),
            "keeps": self.actor.may(Permission.CARD_KEEP),
            "epochs": [{"number": one.number, "fingerprint": one.fingerprint} for one in linknet.epochs()],
            "file": kept
            and {
                "serial": kept.serial,
                "version": kept.version,
                "epoch": kept.epoch,
                "sealed": cardkeys.text_of(kept.sealed),
            },
        }
        return JsonResponse(found)


class FileAct(AgencyView):
    """Keeps the sealed file, or with {"drop": true} takes it away. 400 or 409 {"error": why, by name}."""

    needs = Permission.CARD_KEEP

    def post(self, request: HttpRequest) -> HttpResponse:
        if len(request.body) > LONGEST:
            return JsonResponse({"error": "shape"}, status=400)
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            return JsonResponse({"error": "shape"}, status=400)
        try:
            if body.get("drop") is True:
                linknet.drop_holder_file()
            else:
                linknet.keep_holder_file(body)
        except linknet.Unfit as unfit:
            return JsonResponse({"error": str(unfit)}, status=400 if str(unfit) == "shape" else 409)
        except IntegrityError:
            return JsonResponse({"error": "moved"}, status=409)
        return JsonResponse({"done": True})


class Relay(AgencyView):
    """Carries one signed request to a holder, for whoever may open cards. The door is shut before anything is
    sent, so that no transaction waits for a holder. Every failure is the same."""

    needs = Permission.CARD_OPEN

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        checked = super().dispatch(request, *args, **kwargs)
        return self._carried(kwargs["number"]) if getattr(checked, "is_let_in", False) else checked

    def post(self, request: HttpRequest, number: int) -> HttpResponse:
        response = HttpResponse()
        response.is_let_in = True  # type: ignore[attr-defined]
        return response

    def _carried(self, number: int) -> HttpResponse:
        try:
            length = int(self.request.headers.get("Content-Length") or 0)
        except ValueError:
            length = wire.LARGEST + 1
        try:
            if length > wire.LARGEST:
                raise holders.Silent
            status, answer = holders.relay(number, self.request.body, self.request.headers.get(wire.MAC, ""))
        except holders.Silent:
            status, answer = FAILED, b""
        response = HttpResponse(answer, status=status, content_type="application/octet-stream")
        # A refusal of a holder's is nothing of ours, and no line tells when who asked.
        response._has_been_logged = True  # type: ignore[attr-defined]
        return response


urlpatterns = [
    path("network/counting/", NetworkCountingPage.as_view(), name="network_counting"),
    path("agency/counting/", CountingPage.as_view(), name="counting"),
    path("linkage/", State.as_view(), name="linkage_state"),
    path("linkage/file/", FileAct.as_view(), name="linkage_file"),
    path("holder/<int:number>/", Relay.as_view(), name="holder"),
]
