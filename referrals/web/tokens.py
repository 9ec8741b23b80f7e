"""Linkage tokens on their way in: whose are wanted, what a browser sends in the background, and the page that
takes the agency-side tool's file. Nothing here says whether anybody is known elsewhere (ADR 14, 17).
"""

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _

from agencies import ledger, linknet
from agencies.doors import AgencyView
from agencies.models import Agency, LinkEpoch
from agencies.roles import Permission
from agencies.scope import Actor, NotAllowed
from referrals import linking, queries
from referrals.linkage.keys import KEYS
from referrals.linkage.normalise import VERSION
from referrals.linkage.tokens import MOST_TOKENS
from referrals.models import Client
from referrals.web.cards import AT_ONCE, CardsView, as_uuid, few

LIST_FORMAT = "casehub-wanted/1"
# How long a list may be used where no release ends before.
FRESH = timedelta(days=7)
_TOKEN = re.compile(r"[\w-]{22}", re.ASCII)

Record = tuple[UUID, list[tuple[str, bytes]]]


class TokensWanted(CardsView):
    """Clients of the agency whose tokens a browser should make now: those who may be counted and whose card
    was changed since their tokens were made, or who have a card and no tokens of this epoch."""

    def answer(self, said: dict[str, Any]) -> HttpResponse:
        epoch = linknet.epoch_now()
        clients: list[UUID] = []
        if epoch is not None:
            changed = queries.cards_changed_since_tokens(epoch.number)
            lacking = queries.cards().filter(client__in=linking.wanted(epoch.number))
            for cards in (changed, lacking):
                clients += cards.values_list("client_id", flat=True)[: AT_ONCE - len(clients)]
        return JsonResponse({"epoch": epoch and epoch.number, "version": VERSION, "clients": clients})


class TokensTaken(CardsView):
    """Takes the tokens of some clients. The answer is always the same: nothing, also where none was taken."""

    def answer(self, said: dict[str, Any]) -> HttpResponse:
        epoch = _epoch(said)
        records = [_record(one) for one in few(said.get("records"))]
        clients = _held(records)
        for pk, tokens in records:
            _keep(clients.get(pk), tokens, epoch)
        return HttpResponse(status=204)


class TokensIn(AgencyView):
    """Where the data lead gets the list for the agency-side tool and brings its file in."""

    needs = Permission.DATA_IMPORT

    def get(self, request: HttpRequest) -> HttpResponse:
        epoch = linknet.epoch_now()
        context = {
            "epoch": epoch and epoch.number,
            "version": VERSION,
            "slug": _slug(self.actor),
            "wanted": linking.wanted(epoch.number).count() if epoch else 0,
            "at_once": AT_ONCE,
        }
        return TemplateResponse(request, "referrals/imports/tokens.html", context)


class TokensList(AgencyView):
    """wanted.json: whose tokens the tool may make, by source key and by the agency's own code."""

    needs = Permission.DATA_IMPORT

    def get(self, request: HttpRequest) -> HttpResponse:
        epoch = linknet.epoch_now()
        if epoch is None:
            raise Http404
        now = timezone.now()
        clients = list(linking.wanted(epoch.number))
        ends = queries.counted_until(clients)
        said = {
            "format": LIST_FORMAT,
            "agency": _slug(self.actor),
            "epoch": epoch.number,
            "version": VERSION,
            "made_at": now,
            "clients": [
                {
                    "client": one.pk,
                    "source": one.source_key,
                    "code": queries.code_of(one) if one.code_sealed else "",
                    "until": min(ends.get(one.pk, now + FRESH), now + FRESH),
                }
                for one in clients
            ],
        }
        ledger.record("linkage.list_taken", rows=len(clients))
        response = JsonResponse(said, json_dumps_params={"indent": 1})
        response["Content-Disposition"] = 'attachment; filename="wanted.json"'
        response["Cache-Control"] = "no-store"
        return response


class TokensLines(CardsView):
    """Takes some lines of the tool's file, each by itself: the places of those that were refused, and why, in
    a word: `form`, or `unwanted` for a client that may not be counted, is closed to this worker, or is none.
    """

    needs = {"POST": Permission.DATA_IMPORT}

    def answer(self, said: dict[str, Any]) -> HttpResponse:
        epoch = _epoch(said)
        found: dict[int, Record] = {}
        refused = {}
        for at, one in enumerate(few(said.get("records"))):
            try:
                found[at] = _record(one)
            except ValidationError:
                refused[at] = "form"
        clients = _held(found.values())
        for at, (pk, tokens) in found.items():
            if not _keep(clients.get(pk), tokens, epoch):
                refused[at] = "unwanted"
        return JsonResponse({"refused": sorted(refused.items())})


def _slug(actor: Actor) -> str:
    """The agency's name with the key holders."""
    return Agency.objects.get(pk=actor.agency_id).slug


def _held(records: Iterable[Record]) -> dict[UUID, Client]:
    """The clients of these records that the worker sees, all locked before the first is stored."""
    clients = Client.objects.in_bulk([pk for pk, _tokens in records])
    linking.hold(clients)
    return clients


def _keep(client: Client | None, tokens: list[tuple[str, bytes]], epoch: LinkEpoch) -> bool:
    """Whether it was allowed, which says nothing of other agencies."""
    if client is None:
        return False
    try:
        with transaction.atomic():
            linking.store(client=client, tokens=tokens, epoch=epoch.number, version=VERSION)
    except (NotAllowed, ValidationError):
        return False
    return True


def _epoch(said: dict[str, Any]) -> LinkEpoch:
    """The epoch that runs, if it is what these tokens are of. Raises ValidationError."""
    epoch = linknet.epoch_now()
    if epoch is None or said.get("epoch") != epoch.number or said.get("version") != VERSION:
        raise ValidationError(_("The network has renewed its key. Make these tokens again."))
    return epoch


def _record(said: Any) -> Record:
    """One client's tokens as a browser or the tool sends them. Raises ValidationError for what is none."""
    given = said if isinstance(said, dict) else {}
    tokens = given.get("tokens")
    if not isinstance(tokens, list) or len(tokens) > MOST_TOKENS:
        raise ValidationError(_("This request was not understood."))
    return as_uuid(given.get("client")), list(dict.fromkeys(map(_token, tokens)))


def _token(said: Any) -> tuple[str, bytes]:
    match said:
        case [str(key), str(token)] if key in KEYS and _TOKEN.fullmatch(token):
            try:
                return key, base64.urlsafe_b64decode(token + "==")
            except binascii.Error:
                pass
    raise ValidationError(_("This request was not understood."))


urlpatterns = [
    path("tokens/wanted/", TokensWanted.as_view(), name="tokens_wanted"),
    path("tokens/", TokensTaken.as_view(), name="tokens"),
    path("imports/tokens/", TokensIn.as_view(), name="tokens_in"),
    path("imports/tokens/wanted.json", TokensList.as_view(), name="tokens_list"),
    path("imports/tokens/lines/", TokensLines.as_view(), name="tokens_lines"),
]
