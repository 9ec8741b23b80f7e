"""Handing a client's details over to another agency, and what was handed to us. What is in them is sealed and
opened by the pages' script (static/vault/handover.js); here are only bytes, ends, and who looked."""

import base64
import binascii
import json
from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from agencies import cardkeys
from agencies.cardkeys import text_of
from agencies.doors import AgencyView
from agencies.roles import Permission
from agencies.vault import VaultError
from referrals import disclosures, queries
from referrals.disclosures import SealedPart
from referrals.models import Client, Handover, Offer
from referrals.picklists import DisclosureClass, DisclosurePurpose
from referrals.web.cards import CardsView, as_uuid, closed_state
from referrals.web.entry import ClientPage


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


class HandOverPage(ClientPage):
    """Choose whom, what and until when; below, what was handed over before and who looked."""

    needs = {"GET": Permission.REFERRAL_SEND}

    def get(self, request: HttpRequest, client: UUID) -> HttpResponse:
        self.actor.require(Permission.CARD_OPEN)
        found = self.find_client(client)
        context = {
            "client": found,
            "code": queries.code_of(found),
            "closed": closed_state(self.actor),
            "partners": [(one.agency, text_of(one.public_key)) for one in cardkeys.partners()],
            "classes": [
                (one, _(one.label), [(path, _(label)) for path, label in one.fields.items()])
                for one in DisclosureClass
            ],
            "purposes": [(one, _(one.label)) for one in DisclosurePurpose],
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
        parts, receiver = said.get("parts"), said.get("receiver")
        if not isinstance(parts, list) or len(parts) > len(DisclosureClass):
            raise ValidationError(_("This request was not understood."))
        if isinstance(receiver, bool) or not isinstance(receiver, int) or not 0 < receiver < 2**31:
            raise ValidationError(_("This request was not understood."))
        offer = get_object_or_404(Offer, pk=as_uuid(said["offer"])) if said.get("offer") else None
        handover = disclosures.hand_over(
            client=client,
            receiver_id=receiver,
            receiver_key=_data(said.get("receiver_key")),
            sender_key=_data(said.get("sender_key")),
            purpose=str(said.get("purpose")),
            ends_on=_day(said.get("ends_on")),
            parts=[_part(one) for one in parts],
            offer=offer,
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
                (one, text_of(one.sender_key), listed.get(one.agency_id, ""))
                for one in disclosures.received().defer("sealed_e2e", "tag")
            ],
            "labels": json.dumps(labels),
            "waiting": queries.inbox().count(),
        }
        return TemplateResponse(request, "referrals/handed_to_us.html", context)


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
