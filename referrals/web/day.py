"""My day, the list of clients, finding one by code, and the lists of referrals: pages that only show."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from agencies import ledger
from agencies.doors import AgencyView
from agencies.roles import Permission
from referrals import queries
from referrals.forms.clients import FilterForm, FindForm
from referrals.models import Client, Draft, Referral
from referrals.web.cards import closed_state
from referrals.web.entry import ENTRIES, entry_url
from referrals.web.releases import expiring_of_mine, to_look_at_of_mine, to_words
from referrals.web.words import day_words

DAY_ROWS = 12
PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A client in a list: the code, how long nobody has met them, and what waits."""

    client: Any
    code: str
    last: str
    since: str
    days: int | None
    is_silent: bool
    waiting: Referral | None


def rows_of(clients: Iterable[Client]) -> list[Row]:
    """Rows for a page of `queries.clients()`: two queries more, and an entry in the ledger."""
    page: list[Any] = list(clients)
    waiting, limit, today = queries.referrals_waiting(page), queries.lost_after().days, timezone.localdate()
    rows = []
    for one in page:
        touched = timezone.localdate(one.last_touch_at) if one.last_touch_at else None
        last = max((day for day in (touched, one.last_service_on) if day), default=None)
        days = (today - last).days if last else None
        silent = one.is_enrolled and (days is None or days > limit)
        words = day_words(last), day_words(one.enrolled_on)
        rows.append(Row(one, queries.code_of(one), *words, days, silent, waiting.get(one.pk)))
    if rows:
        ledger.record("client.listed", rows=len(rows))
    return rows


@dataclass(frozen=True, slots=True)
class Kept:
    """A draft in the list of drafts."""

    draft: Draft
    title: Any
    code: str
    url: str


def drafts_kept() -> list[Kept]:
    """My drafts, whose pages still exist, newest first."""
    return [
        Kept(
            draft,
            ENTRIES[draft.form].title,
            queries.code_of(draft.client) if draft.client else "",
            entry_url(draft.form, draft.client),
        )
        for draft in queries.my_drafts()
        if draft.form in ENTRIES
    ]


class Caseload(AgencyView):
    """My day: what waits, whom to get in touch with, what was left half written, and my clients."""

    needs = Permission.CLIENT_EDIT

    def get(self, request: HttpRequest) -> HttpResponse:
        mine = queries.caseload()
        rows = rows_of(queries.silent_longest(mine)[:DAY_ROWS])
        offers = list(queries.inbox()[:6])
        seen = [(client, queries.code_of(client)) for client in queries.recently_seen()]
        context = {
            "today": timezone.localtime(),
            "rows": rows,
            "count": mine.count() if len(rows) == DAY_ROWS else len(rows),
            "silent": [row for row in rows if row.is_silent][:5],
            "offers": offers,
            "drafts": drafts_kept(),
            "expiring": [(one, queries.code_of(one.client), to_words(one)) for one in expiring_of_mine()[:6]],
            "to_look_at": [
                (one, queries.code_of(one.client), to_words(one)) for one in to_look_at_of_mine()[:6]
            ],
            "seen": seen,
        }
        return TemplateResponse(request, "referrals/day.html", context)


class Clients(AgencyView):
    """All clients of the agency that this worker may open, filtered and paged."""

    needs = Permission.CLIENT_VIEW

    def get(self, request: HttpRequest) -> HttpResponse:
        filters = FilterForm(request.GET or None, workers=queries.colleagues())
        found = queries.clients()
        if filters.is_bound and filters.is_valid():
            found = self._filtered(found, filters.cleaned_data)
        # Ids first: what a row shows is then asked for fifty rows, not for all those leafed over.
        page = Paginator(found.values_list("pk", flat=True), PAGE_ROWS).get_page(request.GET.get("page"))
        shown = queries.clients().filter(pk__in=list(page.object_list))
        context = {
            "filters": filters,
            "is_filtered": filters.is_bound and filters.is_valid() and any(filters.cleaned_data.values()),
            "may_edit": self.actor.may(Permission.CLIENT_EDIT),
            "may_keep_cards": self.actor.may(Permission.CARD_KEEP),
            "closed": closed_state(self.actor),
            "page": page,
            "rows": rows_of(shown),
        }
        return TemplateResponse(request, "referrals/clients.html", context)

    def _filtered(self, found: QuerySet[Any], said: dict[str, Any]) -> QuerySet[Any]:
        worker = said["worker"]
        if worker == "me":
            found = found.filter(worker_id=queries.me())
        elif worker == "nobody":
            found = found.filter(worker_id=None)
        elif worker:
            found = found.filter(worker_id=int(worker))
        if said["enrolled"]:
            found = found.filter(is_enrolled=said["enrolled"] == "yes")
        if said["status"]:
            found = found.filter(trafficking_status=said["status"])
        if said["silent"]:
            limit = timezone.now() - queries.lost_after()
            found = found.filter(
                Q(last_touch_at__lt=limit) | Q(last_touch_at=None),
                Q(last_service_on__lt=limit) | Q(last_service_on=None),
            )
        return found


class Find(AgencyView):
    """A client by the agency's own code. The code travels in the body, never in an address."""

    needs = Permission.CLIENT_VIEW

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(FindForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = FindForm(request.POST)
        if form.is_valid():
            client = queries.client_by_code(form.cleaned_data["code"])
            if client is not None:
                return redirect("referrals:client", client.pk)
            form.add_error("code", _("No client that you may open has this code."))
        return self._page(form)

    def _page(self, form: FindForm) -> HttpResponse:
        seen = [(client, queries.code_of(client)) for client in queries.recently_seen()]
        context = {
            "form": form,
            "seen": seen,
            "may_keep_cards": self.actor.may(Permission.CARD_KEEP),
            "closed": closed_state(self.actor),
        }
        return TemplateResponse(self.request, "referrals/find.html", context)


class Referrals(AgencyView):
    """Offers that wait for us, referrals we sent that nobody has taken yet, and the closed ones."""

    needs = Permission.REFERRAL_ANSWER
    TABS = ("waiting", "sent", "closed")

    def get(self, request: HttpRequest) -> HttpResponse:
        tab = request.GET.get("list", "waiting")
        tab = tab if tab in self.TABS else "waiting"
        listed: Any = queries.inbox()
        if tab == "sent":
            listed = queries.referrals().exclude(sent_at=None).select_related("client")
        elif tab == "closed":
            listed = queries.received().exclude(response=None)
        page = Paginator(listed, PAGE_ROWS).get_page(request.GET.get("page"))
        rows = [(row, queries.code_of(row.client)) for row in page.object_list] if tab == "sent" else []
        if rows:
            ledger.record("client.listed", rows=len(rows))
        context = {
            "tab": tab,
            "page": page,
            "rows": rows,
            "waiting": queries.inbox().count(),
            "may_open_cards": self.actor.may(Permission.CARD_OPEN),
        }
        return TemplateResponse(request, "referrals/referrals.html", context)
