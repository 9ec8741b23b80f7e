"""Sealed contact cards on their way to and from the agency's own browsers, as bytes, and the page they are
written on. What a card says is known to those browsers only: `static/vault/`.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from agencies import cardkeys, ledger, vault
from agencies.doors import AgencyView
from agencies.roles import Permission
from agencies.scope import Actor
from referrals import actions, queries
from referrals.actions import CardMoved, SealedCard
from referrals.models import Client, ContactCard
from referrals.web.entry import ClientPage

AT_ONCE = 200
_BASE64URL = re.compile(r"[\w-]*", re.ASCII)


def stream_of(cards: Iterable[ContactCard]) -> HttpResponse:
    """The cards as docs/reference/card-formats.md has them; that they were sent enters the ledger."""
    rows = list(cards)
    out = bytearray()
    for row in rows:
        try:
            sealed = queries.sealed_card(row)
        except vault.VaultError:
            sealed = b"\0"  # changed in the table: this card alone is said to be broken, by the browser
        if not sealed:
            continue
        out += row.client_id.bytes + row.revision.to_bytes(4) + row.saved_at.to_bytes(8)
        out += len(sealed).to_bytes(4) + sealed
    if rows:
        target = Client(pk=rows[0].client_id) if len(rows) == 1 else None
        ledger.record("card.sent", target, rows=len(rows))
    return HttpResponse(bytes(out), content_type="application/octet-stream")


def sealed_card(said: Mapping[str, Any]) -> SealedCard:
    """A card as a browser sends it. Raises ValidationError for what is none."""
    sealed = said.get("sealed")
    if not isinstance(sealed, str) or not _BASE64URL.fullmatch(sealed):
        raise ValidationError(_("This is no sealed card."))
    try:
        opened = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    except binascii.Error as error:
        raise ValidationError(_("This is no sealed card.")) from error
    return SealedCard(
        sealed=opened,
        saved_at=_whole(said.get("saved_at"), 2**53),
        key_version=_whole(said.get("key_version"), 2**31 - 1),
        revision=_whole(said.get("revision", 0), 2**31 - 2),
    )


def _whole(value: Any, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValidationError(_("This request was not understood."))
    return value


def as_uuid(value: Any) -> UUID:
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValidationError(_("This request was not understood.")) from error


def few(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > AT_ONCE:
        raise ValidationError(_("This request was not understood."))
    return value


def _said(request: HttpRequest) -> dict[str, Any]:
    try:
        said = json.loads(request.body or b"{}")
    except RecursionError:
        said = None  # so deep that nothing of ours made it
    if not isinstance(said, dict):
        raise ValidationError(_("This request was not understood."))
    return said


def closed_state(actor: Actor) -> str:
    """What a page says while no card is open on it: no vault has begun, or not for this role ("nobody"), this
    worker was not let in yet ("nokey"), or it is shut ("locked")."""
    if not actor.may(Permission.CARD_OPEN):
        return "nobody"
    return {None: "nobody", False: "nokey", True: "locked"}[cardkeys.holds_newest()]


class CardsView(AgencyView):
    """An answer to a script: takes JSON, and says in words why it refuses."""

    needs: Permission | Mapping[str, Permission] = {"POST": Permission.CARD_OPEN}

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            return self.answer(_said(request))
        except ValidationError as error:
            return JsonResponse({"detail": " ".join(error.messages)}, status=400)
        except ValueError:
            return JsonResponse({"detail": _("This request was not understood.")}, status=400)

    def answer(self, said: dict[str, Any]) -> HttpResponse:
        raise NotImplementedError


class CardsOpen(CardsView):
    """The cards of these clients, as far as there are any for this worker."""

    def answer(self, said: dict[str, Any]) -> HttpResponse:
        clients = [as_uuid(one) for one in few(said.get("clients"))]
        return stream_of(queries.cards().filter(client_id__in=clients))


class CardsAll(CardsView):
    """Every card of the agency that this worker may open, for the search."""

    def answer(self, said: dict[str, Any]) -> HttpResponse:
        return stream_of(queries.cards())


class CardSave(CardsView):
    """Keeps a card. 409 with the revision it stands at if another save came first: the row itself is asked
    for through CardsOpen, as a refusal leaves no trace in the ledger."""

    needs = {"POST": Permission.CLIENT_EDIT}

    def answer(self, said: dict[str, Any]) -> HttpResponse:
        client = get_object_or_404(Client, pk=as_uuid(said.get("client")))
        try:
            revision = actions.save_card(client=client, card=sealed_card(said))
        except CardMoved as moved:
            return JsonResponse({"revision": moved.revision}, status=409)
        return JsonResponse({"revision": revision})


class CardsOlder(CardsView):
    """Cards under older versions of the key, to be sealed anew."""

    def answer(self, said: dict[str, Any]) -> HttpResponse:
        after = as_uuid(said["after"]) if said.get("after") else None
        limit = _whole(said.get("limit", AT_ONCE), AT_ONCE)
        return stream_of(queries.older_cards(after)[:limit])


class CardsReseal(CardsView):
    """Takes cards sealed anew: how many were kept, how many had moved, how many are left for this worker."""

    def answer(self, said: dict[str, Any]) -> HttpResponse:
        version = cardkeys.version_in_force()
        cards = [
            (as_uuid(one.get("client")), sealed_card({"key_version": version, **one}))
            for one in few(said.get("cards"))
            if isinstance(one, dict)
        ]
        done, moved = actions.reseal_cards(cards)
        return JsonResponse({"done": done, "moved": moved, "left": queries.older_cards().count()})


class CardPage(ClientPage):
    """The card's fields, filled, sealed and sent by the page's script; nothing of them comes here."""

    needs = {"GET": Permission.CLIENT_EDIT}

    def get(self, request: HttpRequest, client: UUID) -> HttpResponse:
        self.actor.require(Permission.CARD_OPEN)
        found = self.find_client(client)
        context = {
            "client": found,
            "code": queries.code_of(found),
            "card": queries.card_of(found),
            "closed": closed_state(self.actor),
        }
        return TemplateResponse(request, "referrals/card.html", context)
