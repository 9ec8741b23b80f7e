"""Contact cards that come in the agency-side tool's sealed file: the page that takes it, and what its script
asks. The file stays in the browser (`static/vault/bulk.js`); here come source keys, codes, and sealed cards.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _

from agencies import ledger
from agencies.doors import AgencyView
from agencies.roles import Permission
from referrals import actions, queries
from referrals.actions import CardMoved
from referrals.models import Client
from referrals.web.cards import AT_ONCE, CardsView, as_uuid, closed_state, few, sealed_card

_LONGEST_KEY = 200


class CardsIn(AgencyView):
    """Where a file of sealed cards is picked. For who keeps the keys, whether they run imports or not."""

    needs = {"GET": Permission.CARD_KEEP}

    def get(self, request: HttpRequest) -> HttpResponse:
        context = {
            "closed": closed_state(self.actor),
            "at_once": AT_ONCE,
            "imports": self.actor.may(Permission.DATA_IMPORT),
        }
        return TemplateResponse(request, "referrals/imports/cards.html", context)


class CardsWhose(CardsView):
    """Whose each key of a file is: the client and the revision their card stands at, or null. A client of
    another agency, one closed to this worker and none at all are answered and entered alike."""

    needs = {"POST": Permission.CARD_KEEP}

    def answer(self, said: dict[str, Any]) -> HttpResponse:
        keys = [_key(one) for one in few(said.get("keys"))]
        by_source, by_code = queries.clients_known_as(
            sources=[key for kind, key in keys if kind == "source"],
            codes=[key for kind, key in keys if kind == "code"],
        )
        found = [(by_source if kind == "source" else by_code).get(key) for kind, key in keys]
        ledger.record("card.matched", rows=len(keys))
        return JsonResponse(
            {"clients": [one and {"client": one.pk, "revision": one.card_revision} for one in found]}  # type: ignore[attr-defined]
        )


def _key(said: Any) -> tuple[str, str]:
    """("source" or "code", the key). Raises ValidationError unless there is exactly one of them."""
    given = said if isinstance(said, dict) else {}
    keys = [(kind, given.get(kind, "")) for kind in ("source", "code") if given.get(kind, "") != ""]
    if len(keys) != 1 or not isinstance(keys[0][1], str) or not 0 < len(keys[0][1].strip()) <= _LONGEST_KEY:
        raise ValidationError(_("This request was not understood."))
    return keys[0]


class CardsSaveMany(CardsView):
    """Keeps cards of a file, each by itself: what became of one says nothing about the next. For each, in
    order: its new revision, the one it `moved` to meanwhile, why it was `refused`, or `gone`."""

    needs = {"POST": Permission.CARD_KEEP}

    def answer(self, said: dict[str, Any]) -> HttpResponse:
        cards = [one for one in few(said.get("cards")) if isinstance(one, dict)]
        ids = [as_uuid(one.get("client")) for one in cards]
        clients = Client.objects.in_bulk(ids)
        return JsonResponse(
            {"cards": [_kept(clients.get(pk), one) for pk, one in zip(ids, cards, strict=True)]}
        )


def _kept(client: Client | None, said: dict[str, Any]) -> dict[str, Any]:
    if client is None:
        return {"gone": True}
    try:
        with transaction.atomic():
            return {"revision": actions.bring_card_in(client=client, card=sealed_card(said))}
    except CardMoved as moved:
        return {"moved": moved.revision}
    except ValidationError as error:
        return {"refused": " ".join(error.messages)}


urlpatterns = [
    path("imports/cards/", CardsIn.as_view(), name="cards_in"),
    path("cards/whose/", CardsWhose.as_view(), name="cards_whose"),
    path("cards/save-many/", CardsSaveMany.as_view(), name="cards_save_many"),
]
