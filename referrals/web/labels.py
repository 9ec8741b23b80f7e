"""Labels for folders and pigeonholes: a code each, and a name where the reader's own browser has opened one.

The hub prints codes. Names are put before them by `static/vault/cards.js`, as on every list; who is left out
is chosen on the page and never sent.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from agencies import ledger
from agencies.roles import Permission
from referrals import queries
from referrals.forms.clients import FilterForm
from referrals.models import Client
from referrals.web.day import Clients

# Whole sheets of either size.
AT_ONCE = 240
LETTER, A4 = "letter", "a4"
PER_SHEET = {LETTER: 30, A4: 24}
NAMES, CODES = "names", "codes"
EVERYBODY, NOBODY = "", "none"


class LabelForm(FilterForm):
    """Which clients, and on what paper. Its answers stand in the address; nothing of one client does."""

    says = forms.ChoiceField(
        label=_("On a label"),
        choices=[(NAMES, _("Name and code")), (CODES, _("Code only"))],
        required=False,
    )
    sheet = forms.ChoiceField(
        label=_("Sheet"),
        choices=[
            (LETTER, _("Letter, 30 labels (2⅝ × 1 in)")),
            (A4, _("A4, 24 labels (63.5 × 33.9 mm)")),
        ],
        required=False,
    )
    free = forms.IntegerField(label=_("Used already"), min_value=0, max_value=29, required=False)
    chosen = forms.ChoiceField(
        label=_("To begin with"),
        choices=[(EVERYBODY, _("Everybody is chosen")), (NOBODY, _("Nobody is chosen"))],
        required=False,
    )


@dataclass(frozen=True, slots=True)
class Label:
    """One client's label."""

    client: UUID
    code: str


class Labels(Clients):
    """The clients of a list, as the list's own filter has them, on sheets of labels."""

    def get(self, request: HttpRequest) -> HttpResponse:
        form = LabelForm(request.GET or None, workers=queries.colleagues())
        said: dict[str, Any] = form.cleaned_data if form.is_bound and form.is_valid() else {}
        found = self._filtered(queries.clients(), said) if said else queries.clients()
        page = Paginator(found.values_list("pk", flat=True), AT_ONCE).get_page(request.GET.get("page"))
        shown = Client.objects.filter(pk__in=list(page.object_list))
        # Who has no code of the agency's own comes last.
        in_order = sorted((not one.code_sealed, queries.code_of(one), one.pk) for one in shown)
        labels = [Label(client, code) for _codeless, code, client in in_order]
        if labels:
            ledger.record("client.listed", rows=len(labels))
        sheet = said.get("sheet") or LETTER
        context = {
            "form": form,
            "page": page,
            "labels": labels,
            "sheet": sheet,
            "with_names": said.get("says") != CODES and self.actor.may(Permission.CARD_OPEN),
            "is_chosen": said.get("chosen") != NOBODY,
            "free": range(min(said.get("free") or 0, PER_SHEET[sheet] - 1)),
        }
        return TemplateResponse(request, "referrals/labels.html", context)
