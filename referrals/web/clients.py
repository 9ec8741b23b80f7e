"""One client: the record on a page, opening it, changing it, and closing it to colleagues."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agencies.models import Agency
from agencies.roles import Permission
from referrals import actions, queries, shredders
from referrals.actions import SealedCard
from referrals.forms.clients import ChangeClientForm, ClientForm, RestrictForm
from referrals.forms.questions import label_of
from referrals.linking import review
from referrals.models import Client, ReleaseOfInformation
from referrals.picklists import ContactGiven, ScreeningTool
from referrals.queries import Moment, Record
from referrals.releases import to_look_at
from referrals.web import lanes, releases
from referrals.web.cards import closed_state, sealed_card
from referrals.web.deeds import deed
from referrals.web.entry import ClientPage, Entry, id_of_form
from referrals.web.links import missing_words
from referrals.web.words import amount_words, day_words, moment_words

FEW = 10


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the list of contacts."""

    when: str
    sector: str
    what: str
    note: str = ""
    amount: str = ""


def line_of(moment: Moment, own: str) -> Line:
    """A moment in words. Notes are opened here, for this reader and page."""
    row, kind = moment.row, moment.kind
    when = day_words(timezone.localdate(moment.at)) if moment.is_whole_day else moment_words(moment.at)
    sector = str(_(lanes.group_of(moment, own).label))
    if kind == "touchpoint":
        given = [str(label_of(ContactGiven(one))) for one in row.given if one in set(ContactGiven)]
        return Line(
            when, row.get_sector_display(), ", ".join(given) or row.get_kind_display(), queries.note_of(row)
        )
    if kind == "service":
        what = row.get_type_display()
        if row.mode != "direct":
            what = f"{what} ({row.get_mode_display()})"
        return Line(when, sector, what, queries.note_of(row), amount_words(row.quantity, row.unit))
    if kind == "screening":
        tool = label_of(ScreeningTool(row.tool)) if row.tool in set(ScreeningTool) else row.tool
        said = {"result": row.get_result_display(), "tool": tool}
        return Line(when, sector, _("Screened: %(result)s. %(tool)s") % said)
    if kind == "referral":
        return Line(when, sector, _("Referral sent: %(needed)s") % {"needed": row.get_needed_display()})
    if kind == "follow_up":
        return Line(when, sector, _("Follow-up: %(outcome)s") % {"outcome": row.get_outcome_display()})
    if kind == "entry":
        return Line(when, sector, _("Entered %(project)s") % {"project": row.project})
    said = {"project": row.project, "reason": row.get_exit_reason_display()}
    return Line(when, sector, _("Left %(project)s. %(reason)s") % said)


def given_so_far(record: Record) -> str:
    """What was given in the services shown, each unit for itself: 98 nights, 41.5 hours, 12 times."""
    sums: dict[str, Any] = {}
    for row in record.services:
        sums[row.unit] = sums.get(row.unit, 0) + row.quantity
    return ", ".join(
        amount_words(sums[unit], unit)
        for unit in ("nights", "hours", "occurrences", "dollars")
        if unit in sums
    )


class ClientView(ClientPage):
    """The record: facts, path, contacts, enrollments, referrals, screenings, and who looked."""

    def get(self, request: HttpRequest, client: UUID) -> HttpResponse:
        found = self.find_client(client)
        record = queries.record_of(found)
        moments = record.timeline()
        own = Agency.objects.values_list("sector", flat=True).get(pk=found.agency_id)
        whole = "earlier" in request.GET
        card = queries.card_of(found) if self.actor.may(Permission.CARD_OPEN) else None
        context = {
            "client": found,
            "code": queries.code_of(found),
            "shredded": None if card or found.code_sealed else shredders.shredding_of(found),
            "record": record,
            "chart": lanes.chart(moments, record.enrollments, own),
            "since": day_words(timezone.localdate(moments[-1].at)) if moments else "",
            "count": len(moments),
            "lines": [line_of(one, own) for one in (moments if whole else moments[:FEW])],
            "rest": 0 if whole else max(0, len(moments) - FEW),
            "given": given_so_far(record),
            "open": [one for one in record.enrollments if one.exit_on is None],
            "past": [one for one in record.enrollments if one.exit_on is not None],
            "screened": record.screenings[0] if record.screenings else None,
            "card": card,
            "may_open_cards": self.actor.may(Permission.CARD_OPEN),
            "closed": closed_state(self.actor),
            "may_edit": self.actor.may(Permission.CLIENT_EDIT),
            "may_refer": self.actor.may(Permission.REFERRAL_SEND),
            "may_restrict": self.actor.may(Permission.CLIENT_RESTRICT),
            "may_forget": self.actor.may(Permission.CARD_KEEP),
            "releases": releases.badges(found),
            "to_look_at": _to_look_at(found),
            "is_closed": queries.is_closed_to_colleagues(found),
            "count_misses": missing_words(review.missing_of(found)),
            "looked": self._looked(found) if self.actor.may(Permission.LEDGER_READ) else None,
        }
        return TemplateResponse(request, "referrals/client.html", context)

    def _looked(self, client: Client) -> list[dict[str, Any]]:
        return [
            {"user": entry.user, "at": entry.at, "verb": deed(entry.verb)}
            for entry in queries.who_looked(client)
        ]


class ClientNew(Entry):
    """Intake. Stopping anywhere loses nothing; saving with no answer at all is fine."""

    name = "client_new"
    title = gettext_lazy("New client")
    form_class = ClientForm
    template_name = "referrals/client_form.html"
    model = Client
    said = gettext_lazy("Saved. Every answer can be changed or added later.")

    def save(self, form: forms.Form, id: UUID) -> Client:
        assert isinstance(form, ClientForm)
        card = self._card()
        return actions.open_client(id=id, code=form.cleaned_data["code"], facts=form.facts(), card=card)

    def _card(self) -> SealedCard | None:
        """The card that the page's script sealed for this client's id, if there is one."""
        if not (sealed := self.request.POST.get("card_sealed")):
            return None
        if (id := id_of_form(self.request)) is None:
            raise ValidationError(_("This form is too old for a contact card. Open it anew."))
        if self.request.POST.get("card_client") != str(id):
            # Taken up from a draft and not opened since: for this client's id it would never open.
            raise ValidationError(_("The name in this draft is sealed. Open the cards, then save again."))
        said = {name: self.request.POST.get(f"card_{name}", "") for name in ("saved_at", "version")}
        numbers = [int(one) if one.isascii() and one.isdigit() else -1 for one in said.values()]
        return sealed_card({"sealed": sealed, "saved_at": numbers[0], "key_version": numbers[1]})

    def after(self) -> str:
        if self.saved is None:  # the same form came twice
            return reverse("referrals:caseload")
        return reverse("referrals:client", args=[self.saved.pk])

    def context(self, form: forms.Form) -> dict[str, Any]:
        posted = self.taken_up or self.request.POST
        return {
            "same_code": _same_code(form, None),
            "may_open_cards": self.actor.may(Permission.CARD_OPEN),
            "closed": closed_state(self.actor),
            # What was sealed for a form that came back with errors, or that a draft kept, its script opens.
            "card": {
                name: posted.get(f"card_{name}", "") for name in ("sealed", "saved_at", "version", "client")
            },
        }


class ClientEdit(Entry):
    """Facts of a client, and whose client it is."""

    name = "client_edit"
    title = gettext_lazy("Change a client")
    template_name = "referrals/client_form.html"
    said = gettext_lazy("Saved.")

    def form(self, **options: Any) -> forms.Form:
        return ChangeClientForm(workers=queries.colleagues(), **options)

    def initial(self) -> dict[str, Any]:
        client = self.client
        assert client is not None
        code = queries.code_of(client) if client.code_sealed else ""
        return {**ChangeClientForm.facts_of(client), "worker": client.worker_id, "code": code}

    def save(self, form: forms.Form, id: UUID) -> Client:
        assert isinstance(form, ChangeClientForm) and self.client is not None
        return actions.change_client(client=self.client, code=form.cleaned_data["code"], facts=form.facts())

    def context(self, form: forms.Form) -> dict[str, Any]:
        return {"same_code": _same_code(form, self.client)}


def _to_look_at(client: Client) -> list[tuple[ReleaseOfInformation, str]]:
    """Releases whose signature the record speaks against; asked only where it may."""
    if client.relationship_to_trafficker != "family":
        return []
    return [(one, releases.to_words(one)) for one in to_look_at(client)]


def _same_code(form: forms.Form, client: Client | None) -> Client | None:
    """The other client who has the code just refused, to be opened instead."""
    if not form.is_bound or "code" not in form.errors:
        return None
    code = str(form.data.get("code", "")).strip()
    other = queries.client_by_code(code) if code else None
    return other if other is not None and other != client else None


class ClientRestrict(ClientPage):
    """Close a record to colleagues, name who may still open it, or open it again."""

    needs = Permission.CLIENT_RESTRICT

    def get(self, request: HttpRequest, client: UUID) -> HttpResponse:
        found = self.find_client(client)
        openers = found.opened_to.values_list("user_id", flat=True)
        return self._page(found, self._form(initial={"openers": list(openers)}))

    def post(self, request: HttpRequest, client: UUID) -> HttpResponse:
        found = self.find_client(client, record=False)
        if request.POST.get("open"):
            actions.open_to_colleagues(client=found)
            messages.success(request, _("The record is open to your colleagues again."))
            return redirect("referrals:client", found.pk)
        form = self._form(data=request.POST)
        if not form.is_valid():
            return self._page(found, form)
        actions.restrict_client(client=found, openers=list(form.cleaned_data["openers"]))
        messages.success(request, _("The record is closed. Only those you named, and you, find it now."))
        return redirect("referrals:client", found.pk)

    def _form(self, **options: Any) -> RestrictForm:
        return RestrictForm(workers=queries.colleagues().exclude(pk=queries.me()), **options)

    def _page(self, client: Client, form: RestrictForm) -> HttpResponse:
        context = {
            "client": client,
            "code": queries.code_of(client),
            "form": form,
            "is_closed": queries.is_closed_to_colleagues(client),
        }
        return TemplateResponse(self.request, "referrals/restrict.html", context)
