"""How long an agency keeps who its clients are: the date, what is due, holds, forgetting one, certificates.

What goes and what stops it stands in referrals/shredders.py.
"""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from agencies.models import Agency
from agencies.roles import Permission
from casehub.pages.agency import Page
from casehub.signin import step_up
from referrals import queries, shredders
from referrals.models import Client, LegalHold, Shredding
from referrals.picklists import ShredReason
from referrals.web.cards import closed_state
from referrals.web.entry import ClientPage, add_errors

# Rows of the list on the page; the night takes all.
SHOWN = 100
# What a line of a certificate counts, by table.
WENT = {
    "client": _("The agency's code"),
    "compelleddisclosure": _("References of what a court or a law took"),
    "contactcard": _("Contact card"),
    "disclosure": _("Details handed over to another agency"),
    "draft": _("Forms not yet saved"),
    "enrollment": _("Link to the agency's own file: enrollments"),
    "followup": _("Link to the agency's own file: follow-ups"),
    "importedrow": _("Rows of the agency's own file"),
    "legalhold": _("References of legal holds"),
    "linkanswer": _("Answers whether two records are one person"),
    "linkrecord": _("Tokens by which people are counted once"),
    "referral": _("Link to the agency's own file: referrals"),
    "screening": _("Link to the agency's own file: screenings"),
    "service": _("Notes of services"),
    "touchpoint": _("Notes of contacts"),
}


BY_REQUEST = (ShredReason.CLIENT_ASKED, ShredReason.ENTERED_IN_ERROR, ShredReason.OTHER)


class MonthsForm(forms.Form):
    months = forms.IntegerField(
        label=_("Months after the last service"),
        help_text=_("Leave it empty to destroy nothing by date."),
        min_value=1,
        max_value=shredders.MOST_MONTHS,
        required=False,
    )


class HoldForm(forms.Form):
    reference = forms.CharField(
        label=_("Case or letter"),
        help_text=_("How your agency finds the letter again. No name of a client. It is sealed."),
        max_length=120,
        required=False,
    )


class ForgetForm(forms.Form):
    why = forms.ChoiceField(
        label=_("Why"),
        choices=[(one.value, _(one.label)) for one in BY_REQUEST],
        widget=forms.RadioSelect,
    )
    cut_source = forms.BooleanField(
        label=_("Also cut the link to the agency's own file"),
        help_text=_(
            "The link is a keyed token of the code or id in that file: whoever imports the file finds this "
            "record by it. Cut it when they are no longer in the file. Otherwise the next import makes a new "
            "record of them."
        ),
        required=False,
    )
    # A box to tick and no text to type: a name typed here would travel in the clear.
    is_sure = forms.BooleanField(label=_("Yes, destroy it. I know that it can't be undone."))


def went_words(went: dict[str, int]) -> list[tuple[Any, int]]:
    return [(label, went[name]) for name, label in WENT.items() if went.get(name)]


class RetentionPage(Page):
    """The agency's date, what is due and what is kept by a hold, and the certificates."""

    name, template = "retention", "casehub/retention.html"
    needs = Permission.CARD_KEEP
    acts = frozenset({"months", "hold", "end_hold", "now"})

    def context(self) -> dict[str, Any]:
        today = timezone.localdate()
        months = shredders.months_kept()
        due = shredders.due(today)
        now = {one.client for one in due}
        soon = [one for one in shredders.due(today + shredders.NOTICE) if one.client not in now]
        return {
            "may_set": self.actor.may(Permission.AGENCY_MANAGE),
            "months": months,
            "proposed": shredders.PROPOSED_MONTHS,
            "form": MonthsForm(initial={"months": months or shredders.PROPOSED_MONTHS}),
            "hold_form": HoldForm(),
            "lists": [
                (gettext("Due now"), self._rows([one for one in due if not one.is_held])),
                (gettext("Due within 30 days"), self._rows(soon)),
                (gettext("Due, and kept by a legal hold"), self._rows([one for one in due if one.is_held])),
            ],
            "holds": [
                (one, shredders.reference_of(one), queries.code_of(one.client) if one.client else "")
                for one in shredders.holds()
            ],
            "certificates": [
                {**one, "why": gettext(ShredReason(one["why"]).label)} for one in shredders.certificates()
            ],
            "closed": closed_state(self.actor),
        }

    def _rows(self, due: list[shredders.Due]) -> dict[str, Any]:
        """Those open to the reader, with their codes, and how many more there are."""
        wanted = {one.client: one for one in due[:SHOWN]}
        open_ones = {client.pk: client for client in Client.objects.filter(pk__in=wanted)}
        rows = [
            (open_ones[id], queries.code_of(open_ones[id]), wanted[id]) for id in wanted if id in open_ones
        ]
        return {"rows": rows, "all": len(due), "more": len(due) - len(rows)}

    def do_months(self) -> HttpResponse | None:
        form = MonthsForm(self.request.POST)
        if not form.is_valid():
            return self.show(form=form)
        step_up(self.request)
        shredders.set_months(form.cleaned_data["months"])
        messages.success(self.request, gettext("Saved. See below what is due now; it goes in the night."))
        return None

    def do_hold(self) -> HttpResponse | None:
        form = HoldForm(self.request.POST)
        if not form.is_valid():
            return self.show(hold_form=form)
        try:
            shredders.hold(client=None, reference=form.cleaned_data["reference"])
        except ValidationError as error:
            add_errors(form, error)
            return self.show(hold_form=form)
        messages.success(self.request, gettext("Held. Nothing is destroyed until the hold ends."))
        return None

    def do_end_hold(self) -> None:
        step_up(self.request)
        shredders.end_hold(_hold_of(self.request))
        messages.success(self.request, gettext("The hold has ended."))

    def do_now(self) -> HttpResponse | None:
        step_up(self.request)
        going = [one.client for one in shredders.due() if not one.is_held][: shredders.AT_ONCE]
        if not going:
            return None
        shredders.shred(going, why=ShredReason.BY_DATE)
        messages.success(self.request, gettext("Destroyed. The certificate stands below."))
        return None


def _hold_of(request: HttpRequest) -> LegalHold:
    try:
        wanted = UUID(request.POST.get("hold", ""))
    except ValueError as error:
        raise Http404 from error
    return get_object_or_404(shredders.holds(), pk=wanted)


class Certificate(ClientPage):
    """What one run destroyed, to be printed and kept. It names records by their short id only."""

    needs = Permission.CARD_KEEP

    def get(self, request: HttpRequest, shredding: UUID) -> HttpResponse:
        first = get_object_or_404(Shredding.objects.select_related("asked_by"), pk=shredding)
        lines = list(shredders.certificate(first))
        context = {
            "agency": Agency.objects.get(pk=self.actor.agency_id),
            "first": first,
            "why": gettext(ShredReason(first.why).label),
            "lines": [(line, str(line.client_id)[:8].upper(), went_words(line.went)) for line in lines],
            "waiting": sum(line.key_destroyed_at is None for line in lines),
        }
        return render(request, "casehub/certificate.html", context)


class Forget(ClientPage):
    """Destroy who one client is, after a look at what would go; or keep it by a legal hold."""

    needs = Permission.CARD_KEEP

    def get(self, request: HttpRequest, client: UUID) -> HttpResponse:
        return self._show(self.find_client(client))

    def post(self, request: HttpRequest, client: UUID) -> HttpResponse:
        found = self.find_client(client, record=False)
        acts = {"hold": self._hold, "end_hold": self._end_hold, "forget": self._forget}
        act = acts.get(request.POST.get("act", ""))
        return act(found) if act else self._show(found, status=400)

    def _hold(self, client: Client) -> HttpResponse:
        form = HoldForm(self.request.POST)
        if form.is_valid():
            try:
                shredders.hold(client=client, reference=form.cleaned_data["reference"])
            except ValidationError as error:
                add_errors(form, error)
        if form.errors:
            return self._show(client, hold_form=form)
        messages.success(self.request, gettext("Held. Nothing is destroyed until the hold ends."))
        return redirect("client_forget", client.pk)

    def _end_hold(self, client: Client) -> HttpResponse:
        step_up(self.request)
        shredders.end_hold(_hold_of(self.request))
        messages.success(self.request, gettext("The hold has ended."))
        return redirect("client_forget", client.pk)

    def _forget(self, client: Client) -> HttpResponse:
        form = ForgetForm(self.request.POST)
        if not form.is_valid():
            return self._show(client, form=form)
        step_up(self.request)
        lines = shredders.shred(
            [client.pk],
            why=ShredReason(form.cleaned_data["why"]),
            cut_source=form.cleaned_data["cut_source"],
        )
        if not lines:
            held = shredders.hold_on(client)
            messages.error(
                self.request,
                gettext("A legal hold keeps this record. Nothing was destroyed.")
                if held
                else gettext(
                    "Its key is missing in the hub's key folder. Nothing was destroyed: tell whoever runs it."
                ),
            )
            return redirect("client_forget", client.pk)
        return redirect("retention_certificate", lines[0].pk)

    def _show(self, client: Client, *, status: int = 200, **more: Any) -> HttpResponse:
        held = shredders.hold_on(client)
        context = {
            "client": client,
            "code": queries.code_of(client),
            "form": ForgetForm(),
            "hold_form": HoldForm(),
            "held": held,
            "reference": shredders.reference_of(held) if held else "",
            "gone": shredders.shredding_of(client),
            "would_go": went_words(shredders.would_go(client)),
            "closed": closed_state(self.actor),
            **more,
        }
        return render(self.request, "casehub/forget.html", context, status=status)
