"""Handing a client's details over to another agency, and what was handed to us. What is in them is sealed and
opened by the pages' script (static/vault/handover.js); here are only bytes, ends, and who looked."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from agencies import cardkeys
from agencies.cardkeys import text_of
from agencies.doors import AgencyView
from agencies.models import Agency
from agencies.roles import Permission
from agencies.vault import VaultError
from referrals import disclosures, queries, releases
from referrals.disclosures import SealedPart
from referrals.models import (
    Client,
    CompelledDisclosure,
    Disclosure,
    Handover,
    Offer,
    ReleaseOfInformation,
)
from referrals.notices import TO_THE_RECEIVER
from referrals.picklists import DisclosureClass, DisclosureNotice
from referrals.web.cards import CardsView, as_uuid, closed_state
from referrals.web.entry import ClientPage

Row = TypeVar("Row", bound=Model)


def _data(said: Any) -> bytes:
    """Bytes as scripts send them. Raises ValidationError."""
    try:
        return base64.b64decode(said + "=" * (-len(said) % 4), altchars=b"-_", validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise ValidationError(_("This request was not understood.")) from error


def _day(said: Any) -> date | None:
    try:
        return date.fromisoformat(said) if said else None
    except (TypeError, ValueError) as error:
        raise ValidationError(_("This request was not understood.")) from error


def _part(said: Any) -> SealedPart:
    if not isinstance(said, dict):
        raise ValidationError(_("This request was not understood."))
    return SealedPart(
        id=as_uuid(said.get("id")),
        data_class=str(said.get("data_class")),
        sealed=_data(said.get("sealed")),
        tag=_data(said.get("tag")),
    )


def _named(model: type[Row], said: Any) -> Row | None:
    return get_object_or_404(model, pk=as_uuid(said)) if said else None


@dataclass(frozen=True, slots=True)
class Ground:
    """What allows a handing-over, as the page offers it: a release, or what an order or a law took."""

    kind: str
    row: ReleaseOfInformation | CompelledDisclosure
    agency: Agency
    public: str
    last_day: date


def _grounds(client: Client) -> list[Ground]:
    """Those to agencies that have a key."""
    keys = {one.agency_id: text_of(one.public_key) for one in cardkeys.partners()}
    last = disclosures.latest_end()
    found = [
        Ground("release", one, one.recipient, keys[one.recipient_id], min(one.last_day, last))
        for one in releases.live(client)
        if one.recipient is not None and one.recipient_id in keys
    ]
    return found + [
        Ground("compelled", law, law.receiver, keys[law.receiver_id], last)
        for law in releases.compelled(client).filter(disclosures=None)
        if law.receiver is not None and law.receiver_id in keys
    ]


def _keyless(client: Client) -> list[str]:
    """Where there is no ground: agencies that may receive by a release, and have no key yet."""
    return sorted({str(one.recipient) for one in releases.live(client)})


class HandOverPage(ClientPage):
    """Choose whom, what and until when; below, what was handed over before and who looked."""

    needs = {"GET": Permission.REFERRAL_SEND}

    def get(self, request: HttpRequest, client: UUID) -> HttpResponse:
        self.actor.require(Permission.CARD_OPEN)
        found = self.find_client(client)
        grounds = _grounds(found)
        context = {
            "client": found,
            "code": queries.code_of(found),
            "closed": closed_state(self.actor),
            "grounds": grounds,
            "keyless": [] if grounds else _keyless(found),
            "asked": request.GET.get("release", ""),
            "classes": [
                (one, _(one.label), [(path, _(label)) for path, label in one.fields.items()])
                for one in DisclosureClass
            ],
            "offers": disclosures.offers_to(found)[:20],
            "first": timezone.localdate(),
            "last": disclosures.latest_end(),
            "given": disclosures.handed_over(found),
        }
        return TemplateResponse(request, "referrals/hand_over.html", context)


class HandoverNew(CardsView):
    """Takes what the page's script sealed."""

    needs = {"POST": Permission.REFERRAL_SEND}

    def answer(self, said: dict[str, Any]) -> HttpResponse:
        client = get_object_or_404(Client, pk=as_uuid(said.get("client")))
        parts = said.get("parts")
        if not isinstance(parts, list) or len(parts) > len(DisclosureClass):
            raise ValidationError(_("This request was not understood."))
        handover = disclosures.hand_over(
            client=client,
            receiver_key=_data(said.get("receiver_key")),
            sender_key=_data(said.get("sender_key")),
            ends_on=_day(said.get("ends_on")),
            parts=[_part(one) for one in parts],
            release=_named(ReleaseOfInformation, said.get("release")),
            compelled=_named(CompelledDisclosure, said.get("compelled")),
            offer=_named(Offer, said.get("offer")),
        )
        messages.success(
            self.request,
            _("Handed over, sealed. %(agency)s can open it now.") % {"agency": handover.receiver},
        )
        return JsonResponse({"handover": str(handover.pk)})


class HandoverWithdraw(AgencyView):
    """Takes it back at once: the other agency's next look finds nothing."""

    needs = {"POST": Permission.REFERRAL_SEND}

    def post(self, request: HttpRequest, handover: UUID) -> HttpResponse:
        found = get_object_or_404(Handover, pk=handover)
        if disclosures.withdraw(handover=found):
            messages.success(
                request, _("Withdrawn. %(agency)s can't open it any more.") % {"agency": found.receiver}
            )
        return redirect("referrals:hand_over", found.client_id)


class HandedToUs(AgencyView):
    """What other agencies handed over to ours, while it is live."""

    needs = {"GET": Permission.REFERRAL_ANSWER}

    def get(self, request: HttpRequest) -> HttpResponse:
        self.actor.require(Permission.CARD_OPEN)
        labels = {path: _(label) for one in DisclosureClass for path, label in one.fields.items()}
        labels["address_safe"] = _("Mail to this address")
        listed = {one.agency_id: text_of(one.public_key) for one in cardkeys.partners()}
        context = {
            "closed": closed_state(self.actor),
            "received": [
                (one, text_of(one.sender_key), listed.get(one.agency_id, ""), _notices(one))
                for one in disclosures.received().defer("sealed_e2e", "tag")
            ],
            "labels": json.dumps(labels),
            "waiting": queries.inbox().count(),
        }
        return TemplateResponse(request, "referrals/handed_to_us.html", context)


def _notices(one: Disclosure) -> list[str]:
    """What the law has said to whoever receives such records."""
    return [" ".join(str(words) for words in TO_THE_RECEIVER[DisclosureNotice(each)]) for each in one.notices]


class DisclosureOpen(AgencyView):
    """The sealed bytes of one, for the script. Both agencies' ledgers say so."""

    needs = {"POST": Permission.REFERRAL_ANSWER}

    def post(self, request: HttpRequest, disclosure: UUID) -> HttpResponse:
        found = disclosures.open_disclosure(disclosure)
        try:
            sealed = disclosures.sealed(found)
        except VaultError as error:  # withdrawn between the two
            raise Http404 from error
        answer = JsonResponse(
            {
                "data_class": found.data_class,
                "receiver_key": text_of(found.receiver_key),
                "sealed": text_of(sealed),
                "tag": text_of(found.tag),
            }
        )
        answer["Cache-Control"] = "no-store"
        return answer
