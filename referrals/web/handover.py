"""Asking other agencies for a service, and answering them. Only a need and an opaque code go across."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agencies.doors import AgencyView
from agencies.roles import Permission
from referrals import actions, queries
from referrals.forms.handover import AnswerOfferForm, ReferralForm
from referrals.models import Offer, Referral
from referrals.web.entry import ClientPage, Entry, add_errors


class ReferralNew(Entry):
    """Pick what is needed and whom to ask."""

    needs = Permission.REFERRAL_SEND
    name = "referral_new"
    title = gettext_lazy("Send a referral")
    template_name = "referrals/referral_new.html"
    model = Referral

    def form(self, **options: Any) -> forms.Form:
        return ReferralForm(receivers=queries.receivers(), **options)

    def save(self, form: forms.Form, id: UUID) -> Referral:
        assert self.client is not None
        said = form.cleaned_data
        return actions.send_referral(
            id=id, client=self.client, needed=said["needed"], receivers=list(said["receivers"])
        )

    def after(self) -> str:
        return reverse("referrals:referral", args=[self.saved.pk]) if self.saved else super().after()


class ReferralView(ClientPage):
    """A referral of ours: whom we asked, the code to say on the phone, and the answers."""

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        referral = get_object_or_404(queries.referrals(), pk=pk)
        client = self.find_client(referral.client_id)
        context = {
            "referral": referral,
            "client": client,
            "code": queries.code_of(client),
            "offers": list(queries.offers_of(referral)),
            "now": timezone.now(),
        }
        return TemplateResponse(request, "referrals/referral.html", context)


class OfferView(AgencyView):
    """Another agency asks us. We accept, decline with a reason, or put them on our waitlist, once."""

    needs = Permission.REFERRAL_ANSWER

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return self._page(self._find(pk), AnswerOfferForm())

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        offer = self._find(pk)
        form = AnswerOfferForm(request.POST)
        if _answer(offer) is not None:
            messages.info(request, _("This offer was answered already."))
            return redirect("referrals:offer", pk)
        if not form.is_valid():
            return self._page(offer, form)
        try:
            with transaction.atomic():
                actions.answer_offer(offer=offer, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
            return self._page(self._find(pk), form)
        except IntegrityError:  # a colleague answered in this very moment
            messages.info(request, _("This offer was answered already."))
        return redirect("referrals:offer", pk)

    def _find(self, pk: UUID) -> Offer:
        return get_object_or_404(queries.received(), pk=pk)

    def _page(self, offer: Offer, form: AnswerOfferForm) -> HttpResponse:
        context = {
            "offer": offer,
            "form": form,
            "answer": _answer(offer),
            "is_over": offer.expires_at <= timezone.now(),
        }
        return TemplateResponse(self.request, "referrals/offer.html", context)


def _answer(offer: Offer) -> Any:
    return getattr(offer, "response", None)
