"""The keys of the contact cards: the page on which people begin, ask, let in and renew, and what it asks.

What is kept and who may do what stands in agencies/cardkeys.py; what bytes mean, in casehub/static/vault/.
"""

import json
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from fido2.utils import websafe_encode

from agencies import cardkeys
from agencies.doors import AgencyView
from agencies.roles import Permission
from casehub.old_keys import cards_left, still_opens
from casehub.pages.agency import Page, tabs
from casehub.signin import has_stepped_up, passkeys_of
from referrals.web.deeds import deed

LONGEST = 4_000_000


class KeysPage(Page):
    """Who holds the key of the contact cards, and what each person does next."""

    name, template = "card_keys", "casehub/card_keys.html"
    needs = Permission.CARD_OPEN

    def context(self) -> dict[str, Any]:
        own = passkeys_of(self.request.user)  # type: ignore[arg-type]
        passkeys = [{"title": one.title, "id": websafe_encode(one.credential_id)} for one in own]
        return {
            "keeps": self.actor.may(Permission.CARD_KEEP),
            "history": [
                {"did": deed(one.verb), "who": one.user.name if one.user else "", "at": one.at}
                for one in cardkeys.history()[:50]
            ],
            "kit_uses": cardkeys.kit_uses().select_related("user"),
            "passkeys": json.dumps(passkeys),
            "has_passkeys": bool(passkeys),
        }


class PartnersPage(Page):
    """The other agencies' hand-over keys, each with its code to be compared, and our own."""

    name, template = "partners", "casehub/partners.html"
    needs = Permission.CARD_OPEN

    def context(self) -> dict[str, Any]:
        own = cardkeys.own_handover_key()
        return {
            "tabs": tabs(self.actor, "card_keys"),
            "keeps": self.actor.may(Permission.CARD_KEEP),
            "partners": [(one.agency, cardkeys.text_of(one.public_key)) for one in cardkeys.partners()],
            "listed": cardkeys.text_of(own.public_key) if own and own.agreement_id else "",
        }


class State(AgencyView):
    """What a browser needs to open the vault."""

    needs = Permission.CARD_OPEN

    def get(self, request: HttpRequest) -> HttpResponse:
        return _unkept(JsonResponse(cardkeys.state()))


class File(AgencyView):
    """vault.json for the agency-side tool."""

    needs = Permission.CARD_OPEN

    def get(self, request: HttpRequest) -> HttpResponse:
        response = JsonResponse(cardkeys.file())
        response["Content-Disposition"] = 'attachment; filename="vault.json"'
        return _unkept(response)


def _finish(_: dict[str, Any]) -> dict[str, int]:
    cardkeys.finish(still_opens)
    return {"left": cards_left()}


Doing = Callable[[dict[str, Any]], Any]
# Acts by the end of their address: of who holds a key or asks for one, and of who keeps the agency's keys.
HOLDERS: dict[str, Doing] = {
    "ask": cardkeys.ask,
    "opener": cardkeys.add_opener,
    "opener/remove": cardkeys.remove_opener,
    "trust": cardkeys.keep_trust,
    "drop": cardkeys.drop,
    "finish": _finish,
}
KEEPERS: dict[str, Doing] = {
    "begin": cardkeys.begin,
    "admit": cardkeys.admit,
    "refuse": cardkeys.refuse,
    "rotate": cardkeys.rotate,
    "kit": cardkeys.new_kit,
    "kit/use": cardkeys.use_kit,
    "partner": cardkeys.pin,
}
ACTS = HOLDERS | KEEPERS


class Act(AgencyView):
    """One act, as JSON: 200 {"done": true}, for "finish" with how many cards are "left"; 400 or 409 {"error":
    the reason by name}."""

    needs = Permission.CARD_OPEN
    act = ""

    def post(self, request: HttpRequest) -> HttpResponse:
        if len(request.body) > LONGEST:
            return _error("shape", 400)
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            return _error("shape", 400)
        try:
            done = ACTS[self.act](body)
        except cardkeys.Unfit as unfit:
            reason = str(unfit)
            return _error(reason, 400 if reason == "shape" else 409)
        except IntegrityError:
            return _error("moved", 409)
        return _unkept(JsonResponse({"done": True, **(done if isinstance(done, dict) else {})}))


class KeepersAct(Act):
    """An act of who keeps the agency's keys. 403 {"error": "confirm"} until the password or code is recent:
    the page asks for it and sends the same again."""

    needs = Permission.CARD_KEEP

    def post(self, request: HttpRequest) -> HttpResponse:
        return super().post(request) if has_stepped_up(request) else _error("confirm", 403)


def _error(reason: str, status: int) -> HttpResponse:
    return JsonResponse({"error": reason}, status=status)


def _unkept(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response


urlpatterns = [
    path("agency/card-keys/", KeysPage.as_view(), name="card_keys"),
    path("agency/card-keys/partners/", PartnersPage.as_view(), name="partners"),
    path("vault/", State.as_view(), name="vault_state"),
    path("vault/file/", File.as_view(), name="vault_file"),
    *[
        path(
            f"vault/{act}/",
            (KeepersAct if act in KEEPERS else Act).as_view(act=act),
            name=f"vault_{act.replace('/', '_')}",
        )
        for act in ACTS
    ],
]
