"""Releases of information on the screen and on paper: reading, signing, renewing and taking one back, what
the law took without one, and the client's own list. What may be signed is decided in `referrals.releases`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _

from agencies import linknet
from agencies.models import Agency
from agencies.roles import Permission
from agencies.scope import current_actor
from referrals import linking, queries, releases
from referrals.forms.questions import label_of
from referrals.forms.releases import HUB, HUB_HOLDS, CompelledForm, ReleaseForm, holds
from referrals.models import Client, CompelledDisclosure, ReleaseOfInformation, SigningRule
from referrals.notices import notices
from referrals.picklists import (
    AgeBand,
    CopyGiven,
    InterpreterUse,
    Language,
    LongerReason,
    ReleaseClass,
    ReleasePurpose,
    SignerCapacity,
)
from referrals.releases import Shared, Signature, Standing, State, Terms, Way
from referrals.web.entry import ClientPage, Entry, once_of
from referrals.web.release_paper import Rows, release_paper, shared_paper
from referrals.web.release_words import Said, text_of

# How a state is drawn (components/state.html) and what it is called.
_BADGES: Mapping[State, tuple[str, Any]] = {
    State.COMING: ("waiting", gettext_lazy("Starts %(day)s")),
    State.LIVE: ("live", pgettext_lazy("release", "Live")),
    State.EXPIRING: ("expiring", gettext_lazy("Ends soon")),
    State.ENDED: ("expired", pgettext_lazy("release", "Ended")),
    State.REVOKED: ("revoked", pgettext_lazy("release", "Revoked")),
}


def classes_of(release: ReleaseOfInformation) -> list[ReleaseClass]:
    return [ReleaseClass(one) for one in release.classes]


@dataclass(frozen=True, slots=True)
class Badge:
    """A release in a list: how it stands, in a shape and a word, and what it allows."""

    standing: Standing

    @property
    def release(self) -> ReleaseOfInformation:
        return self.standing.release

    @property
    def is_live(self) -> bool:
        return self.standing.state.is_live

    @property
    def may_end(self) -> bool:
        """Whether it can still be taken back."""
        return self.is_live or self.standing.state is State.COMING

    @property
    def may_be_renewed(self) -> bool:
        return self.standing.state is not State.REVOKED

    @property
    def shape(self) -> str:
        return _BADGES[self.standing.state][0]

    @property
    def word(self) -> str:
        day = date_format(timezone.localdate(self.release.starts_at), "MONTH_DAY_FORMAT")
        return str(_BADGES[self.standing.state][1]) % {"day": day}

    @property
    def to(self) -> str:
        return to_words(self.release)

    @property
    def allows(self) -> str:
        return "; ".join(str(label_of(one)) for one in classes_of(self.release))


def to_words(release: ReleaseOfInformation) -> str:
    return str(release.recipient) if release.recipient else _("The hub, to count people once")


def badges(client: Client) -> list[Badge]:
    """All of the client's releases, live ones first."""
    return [Badge(one) for one in releases.of_client(client)]


def _language_asked(request: HttpRequest, name: str) -> str:
    """A language of the hub's that the request names, else the page's own."""
    asked = request.GET.get(name) or request.POST.get(name)
    return asked if asked in dict(settings.LANGUAGES) else (get_language() or "en")[:2]


def _other_language(here: str) -> tuple[str, str]:
    return ("en", "In English") if here == "es" else ("es", "En español")


def _own_agency() -> Agency:
    return Agency.objects.get(pk=current_actor().agency_id)


def _pdf(content: bytes, name: str) -> HttpResponse:
    answer = HttpResponse(content, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    answer["Cache-Control"] = "no-store"
    return answer


# Reading


class Releases(ClientPage):
    """All of a client's releases, what was shared under them, and what the law took."""

    def get(self, request: HttpRequest, client: UUID) -> HttpResponse:
        found = self.find_client(client)
        context = {
            "client": found,
            "code": queries.code_of(found),
            "badges": badges(found),
            "compelled": [
                (one, releases.reference_of(one), _labels(one.classes)) for one in releases.compelled(found)
            ],
            "shared": [_Line(one) for one in releases.shared(found)],
            "may_edit": self.actor.may(Permission.CLIENT_EDIT),
            "is_counted_without": linking.is_counted_without(found) and not releases.to_count(found),
        }
        return TemplateResponse(request, "referrals/releases.html", context)


class ReleaseView(ClientPage):
    """One release as it is read, printed, renewed and taken back."""

    def get(self, request: HttpRequest, release: UUID) -> HttpResponse:
        found = releases.standing(get_object_or_404(ReleaseOfInformation, pk=release))
        client = self.find_client(found.release.client_id)
        shown_in = _language_asked(request, "in")
        with translation.override(shown_in):
            parts = text_of(_said_by(found.release))
        badge = Badge(found)
        may_edit = self.actor.may(Permission.CLIENT_EDIT)
        context = {
            "client": client,
            "code": queries.code_of(client),
            "badge": badge,
            "release": found.release,
            "parts": parts,
            "shown_in": shown_in,
            "other": _other_language(shown_in),
            "shared": [_Line(one) for one in releases.shared(client) if one.release == found.release],
            "may_edit": may_edit,
            "may_hand_over": badge.is_live
            and found.release.recipient_id is not None
            and may_edit
            and self.actor.may(Permission.REFERRAL_SEND)
            and self.actor.may(Permission.CARD_OPEN),
        }
        return TemplateResponse(request, "referrals/release.html", context)


def _said_by(release: ReleaseOfInformation) -> Said:
    named = Agency.objects.in_bulk(release.partners)
    is_for_hub = release.recipient_id is None
    return Said(
        agency=str(_own_agency()),
        to=settings.HUB_NAME if is_for_hub else str(release.recipient),
        is_for_hub=is_for_hub,
        classes=classes_of(release),
        partners=sorted(str(one) for one in named.values()),
        purpose=ReleasePurpose(release.purpose),
        first=timezone.localdate(release.starts_at),
        last=release.last_day,
        longer_reason=LongerReason(release.longer_reason) if release.longer_reason else None,
        signer=SignerCapacity(release.signer),
        citation=release.rule.citation if release.rule else "",
        language=Language(release.language),
        interpreter=InterpreterUse(release.interpreter),
        copy_given=CopyGiven(release.copy_given),
        notices=[] if is_for_hub else notices(),
    )


class ReleasePaper(ClientPage):
    """One release as a PDF, in the language asked for."""

    needs = {"GET": Permission.CLIENT_VIEW}

    def get(self, request: HttpRequest, release: UUID) -> HttpResponse:
        found = releases.standing(get_object_or_404(ReleaseOfInformation, pk=release))
        with translation.override(_language_asked(request, "in")):
            paper = release_paper(
                _said_by(found.release),
                state=_state_in_full(found),
                number=_("Number %(number)s") % {"number": str(found.release.pk)[:8]},
                worker=str(found.release.worker or ""),
            )
        return _pdf(paper, "release")


def _state_in_full(standing: Standing) -> str:
    release, day = standing.release, "DATE_FORMAT"
    if release.revoked_at:
        return _("Taken back on %(day)s. It holds no more.") % {
            "day": date_format(timezone.localdate(release.revoked_at), day)
        }
    if standing.state is State.ENDED:
        return _("It ended with %(day)s.") % {"day": date_format(release.last_day, day)}
    return _("Signed on %(day)s.") % {"day": date_format(release.signed_on, day)}


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of what was shared, in words."""

    one: Shared

    @property
    def to(self) -> str:
        if self.one.recipient is not None:
            return str(self.one.recipient)
        return _("The hub") if self.one.way is Way.COUNTED else _("Outside the network")

    @property
    def what(self) -> str:
        return "; ".join(self.one.classes)

    @property
    def last_day(self) -> Any:
        """The last whole day of what is or was shared; None if it has none."""
        return self.one.until and timezone.localdate(self.one.until - timedelta(microseconds=1))

    @property
    def under(self) -> str:
        if self.one.compelled is not None:
            return _("Without a release: %(basis)s") % {"basis": self.one.compelled.get_basis_display()}
        if self.one.way is Way.COUNTED and self.one.release is None:
            return _(
                "Without a release: counted once by tokens, which the agency may do because no rule of its "
                "awards asks for one and it has signed so with the network"
            )
        return _("Release %(number)s") % {"number": str(self.one.release.pk)[:8]} if self.one.release else ""

    @property
    def among(self) -> str:
        return ", ".join(sorted(str(agency) for agency in self.one.partners))

    @property
    def looked(self) -> str:
        """Who looked, and when."""
        if self.one.way is Way.COUNTED:
            if self.one.asked is None:
                return _("Nobody can: a token only counts")
            said = [
                _("%(agency)s was asked on %(day)s")
                % {"agency": agency, "day": date_format(day, "SHORT_DATE_FORMAT")}
                for agency, day in self.one.asked
            ]
            return "; ".join(said) or _("Nobody was asked yet whether it is the same person")
        if self.one.way is Way.COMPELLED and self.one.until is None:
            return _("Not known: it went on paper or aloud")
        if not self.one.looked:
            return _("Nobody yet")
        return "; ".join(
            date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT") for at in self.one.looked
        )


class SharedPaper(ClientPage):
    """The client's own list as a PDF: releases, what went across under them, and who looked when."""

    needs = {"GET": Permission.CLIENT_VIEW}

    def get(self, request: HttpRequest, client: UUID) -> HttpResponse:
        found = self.find_client(client)
        with translation.override(_language_asked(request, "in")):
            today = date_format(timezone.localdate(), "DATE_FORMAT")
            paper = shared_paper(
                agency=str(_own_agency()),
                state=_("As it stands on %(day)s. You can ask for this list at any time.") % {"day": today},
                tables=[
                    (
                        _("What I allowed"),
                        _("I have signed no release. I get help all the same."),
                        [_("To whom"), _("What"), _("From and to"), _("Now")],
                        [3, 4, 3, 2],
                        _allowed_rows(badges(found)),
                    ),
                    (
                        _("What was shared, and who looked"),
                        _("Nothing was shared with anybody."),
                        [_("With whom"), _("What"), _("Under"), _("From and to"), _("Who looked")],
                        [3, 4, 3, 3, 3],
                        _shared_rows([_Line(one) for one in releases.shared(found)]),
                    ),
                ],
            )
        return _pdf(paper, "shared")


def _span(line: _Line) -> str:
    days = (timezone.localdate(line.one.at), line.last_day)
    return " – ".join(date_format(one, "SHORT_DATE_FORMAT") for one in days if one)


def _allowed_rows(found: Iterable[Badge]) -> Rows:
    rows = []
    for one in found:
        until = date_format(one.release.last_day, "SHORT_DATE_FORMAT")
        first = date_format(timezone.localdate(one.release.starts_at), "SHORT_DATE_FORMAT")
        rows.append([f"{one.to} ({str(one.release.pk)[:8]})", one.allows, f"{first} – {until}", one.word])
    return rows


def _shared_rows(found: Iterable[_Line]) -> Rows:
    return [
        [
            one.to,
            f"{one.what}. {one.among}" if one.among else one.what,
            one.under,
            _span(one),
            one.looked,
        ]
        for one in found
    ]


def _labels(classes: Iterable[str]) -> str:
    return ", ".join(str(label_of(ReleaseClass(one))) for one in classes)


# Signing


class ReleaseNew(Entry):
    """A new release, or one that renews another (`?renews=`). The hand-over page leads here with an agency
    (`?to=`), and is led back to (`?then=hand_over`)."""

    name = "release_new"
    title = gettext_lazy("Release of information")
    template_name = "referrals/release_new.html"
    model = ReleaseOfInformation
    said = gettext_lazy("Recorded. It can be taken back on any day.")

    renewed: ReleaseOfInformation | None = None

    def find(self, **kwargs: Any) -> None:
        super().find(**kwargs)
        if asked := self.request.GET.get("renews"):
            try:
                found = get_object_or_404(ReleaseOfInformation, pk=UUID(asked), client=self.client)
            except ValueError as error:
                raise ReleaseOfInformation.DoesNotExist from error
            self.renewed = found if found.revoked_at is None else None

    @property
    def leads_to_handing_over(self) -> bool:
        return self.request.GET.get("then") == "hand_over"

    def form(self, **options: Any) -> ReleaseForm:
        partners = [one for one in linknet.partners() if one != self.actor.agency_id]
        return ReleaseForm(
            recipients=queries.receivers(),
            counted=Agency.objects.filter(pk__in=partners).order_by("name"),
            rules=releases.signing_rules(),
            **options,
        )

    def initial(self) -> dict[str, Any]:
        today = timezone.localdate()
        first: dict[str, Any] = {"starts_on": today, "on": today, "recipient": self.request.GET.get("to", "")}
        old = self.renewed
        if old is None:
            return first
        return first | {
            "recipient": str(old.recipient_id) if old.recipient_id else HUB,
            "classes": old.classes,
            "hub_classes": old.classes,
            "partners": [str(one) for one in old.partners],
            "purpose": old.purpose,
            "language": old.language,
        }

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if "renews" in request.GET or "to" in request.GET:  # what was asked for comes before a draft
            self.find(**kwargs)
            return self.page(self.form(initial=self.initial()))
        return super().get(request, **kwargs)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if request.POST.get("act") in ("show", "paper") or "show_in" in request.POST:
            self.find(**kwargs)
            form = self.form(initial=self.restored(request.POST))
            return self._paper(form) if request.POST.get("act") == "paper" else self.page(form)
        return super().post(request, **kwargs)

    def _paper(self, form: ReleaseForm) -> HttpResponse:
        """The text as it stands, to be read and signed by hand before it is recorded."""
        with translation.override(_language_asked(self.request, "shown_in")):
            paper = release_paper(
                self._said(form),
                state=_("Not signed yet. It holds only when it is signed."),
                number="",
                worker=str(self.request.user),
            )
        return _pdf(paper, "release")

    def save(self, form: forms.Form, id: UUID) -> ReleaseOfInformation:
        assert self.client is not None
        try:
            return self._sign(form.cleaned_data, id)
        except ValidationError as error:
            raise _placed(error, form.cleaned_data) from error

    def _sign(self, said: dict[str, Any], id: UUID) -> ReleaseOfInformation:
        assert self.client is not None
        for_hub = said["recipient"] == HUB
        suspected = {"no": False, "yes": True}.get(said["is_suspected"])
        signature = Signature(
            signer=said["signer"],
            how=said["how"],
            on=said["on"],
            language=said["language"],
            interpreter=said["interpreter"],
            risks_explained=said["risks_explained"],
            copy_given=said["copy_given"],
            rule=said["rule"] if said["signer"] == SignerCapacity.MINOR else None,
            age=said["age"] if said["signer"] == SignerCapacity.MINOR or self._asks_age() else None,
            is_suspected=suspected,
        )
        terms = Terms(
            recipient_id=None if for_hub else int(said["recipient"]),
            classes=said["hub_classes"] if for_hub else said["classes"],
            partners=[int(one) for one in said["partners"]] if for_hub else [],
            purpose=ReleasePurpose.COUNTING if for_hub else said["purpose"],
            starts_on=said["starts_on"],
            ends_on=said["ends_on"],
            longer_reason=said["longer_reason"],
            signature=signature,
        )
        # To somebody else it is another release, and no renewal.
        is_same = self.renewed is not None and self.renewed.recipient_id == terms.recipient_id
        return releases.sign(client=self.client, terms=terms, renews=self.renewed if is_same else None, id=id)

    def after(self) -> str:
        assert self.client is not None
        # Sent twice, it was saved before.
        saved = self.saved or ReleaseOfInformation.objects.get(pk=once_of(self.request))
        if self.leads_to_handing_over and saved.recipient_id:
            return reverse("referrals:hand_over", args=[self.client.pk]) + f"?release={saved.pk}"
        return reverse("referrals:release", args=[saved.pk])

    def context(self, form: forms.Form) -> dict[str, Any]:
        assert isinstance(form, ReleaseForm) and self.client is not None
        shown_in = _language_asked(self.request, "show_in" if "show_in" in self.request.POST else "shown_in")
        said = self._said(form)
        with translation.override(shown_in):
            parts = text_of(said)
        first = form.sketch()["starts_on"] or timezone.localdate()
        hub_last = releases.proposed_end(ReleasePurpose.COUNTING, first)
        left_out = [one for one in ReleaseClass if not one.is_for_hub and one not in said.classes]
        return {
            "parts": parts,
            "shown_in": shown_in,
            "other": _other_language(shown_in),
            "renewed": self.renewed,
            "asks_age": self._asks_age(),
            "ticks": _ticks(form, first),
            "hub_days": ReleasePurpose.COUNTING.days,
            "hub_day": hub_last,
            "kept": ", ".join(str(label_of(one)) for one in left_out) if not said.is_for_hub else "",
        }

    def _asks_age(self) -> bool:
        """Whether the record says under 18, though the client may be grown by now."""
        assert self.client is not None
        return bool(AgeBand(self.client.age_band).is_minor)

    def _said(self, form: ReleaseForm) -> Said:
        """As far as it is said; wrong answers are left out."""
        so_far = form.sketch()
        for_hub = so_far["recipient"] == HUB
        names = {
            str(value): str(label)
            for group in (*form["recipient"].field.choices, ("", form["partners"].field.choices))  # type: ignore[attr-defined]
            if isinstance(group[1], list | tuple)
            for value, label in group[1]
        }
        purpose = ReleasePurpose.COUNTING if for_hub else so_far["purpose"]
        last, first = so_far["ends_on"], so_far["starts_on"]
        is_longer = purpose and last and last > releases.proposed_end(purpose, first)
        rule = so_far["rule"] if so_far["signer"] == SignerCapacity.MINOR else None
        return Said(
            agency=str(_own_agency()),
            to=settings.HUB_NAME if for_hub else names.get(so_far["recipient"] or ""),
            is_for_hub=for_hub,
            classes=[ReleaseClass(one) for one in so_far["hub_classes" if for_hub else "classes"] or ()],
            partners=sorted(names[one] for one in so_far["partners"] or ()),
            purpose=_member(ReleasePurpose, purpose),
            first=first,
            last=last,
            longer_reason=_member(LongerReason, so_far["longer_reason"]) if is_longer else None,
            signer=_member(SignerCapacity, so_far["signer"]),
            citation=rule.citation if isinstance(rule, SigningRule) else "",
            language=_member(Language, so_far["language"]),
            interpreter=_member(InterpreterUse, so_far["interpreter"]),
            copy_given=_member(CopyGiven, so_far["copy_given"]),
            notices=[] if for_hub else notices(),
        )


def _member(picklist: Any, value: str | None) -> Any:
    return picklist(value) if value else None


def _placed(error: ValidationError, said: Mapping[str, Any]) -> ValidationError:
    """A refusal at the field that this form asks it in."""
    if said["recipient"] != HUB or not hasattr(error, "error_dict"):
        return error
    return ValidationError(
        {"hub_classes" if name == "classes" else name: found for name, found in error.error_dict.items()}
    )


def _ticks(form: ReleaseForm, first: Any) -> dict[str, list[tuple[Any, Any, Any]]]:
    """By field: each answer with what it comes to, and for how many days it proposes."""
    proposed = {
        one.value: (
            _("%(n)s days: to %(day)s")
            % {"n": one.days, "day": date_format(releases.proposed_end(one, first), "SHORT_DATE_FORMAT")},
            one.days,
        )
        for one in ReleasePurpose
    }
    fields = {
        one.value: ", ".join(str(words) for words in holds(one) if words != label_of(one))
        for one in ReleaseClass
        if one not in HUB_HOLDS
    }
    words: dict[str, Mapping[str, Any]] = {
        "classes": fields,
        "hub_classes": {one.value: text for one, text in HUB_HOLDS.items()},
        "purpose": {value: text for value, (text, _days) in proposed.items()},
        "partners": {},
        "is_suspected": {},
    }
    days = {value: n for value, (_text, n) in proposed.items()}
    return {
        name: [
            (
                option,
                texts.get(option.data["value"], ""),
                days.get(option.data["value"]) if name == "purpose" else None,
            )
            for option in form[name]
        ]
        for name, texts in words.items()
    }


class ReleaseRevoke(ClientPage):
    """Takes it back at once, orally or in writing."""

    needs = {"POST": Permission.CLIENT_EDIT}

    def post(self, request: HttpRequest, release: UUID) -> HttpResponse:
        found = get_object_or_404(ReleaseOfInformation, pk=release)
        try:
            releases.revoke(release=found, how=request.POST.get("how", ""))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(request, _said_back(found))
        return redirect("referrals:release", found.pk)


def _said_back(release: ReleaseOfInformation) -> str:
    if release.recipient is None:
        return _("Taken back. From this moment the client is counted nowhere by tokens.")
    return _(
        "Taken back. From this moment %(to)s can open nothing that a release of this client allowed."
    ) % {"to": release.recipient}


class NotCounted(ClientPage):
    """Notes that the client does not want to be counted, where no release had to be asked for."""

    needs = {"POST": Permission.CLIENT_EDIT}

    def post(self, request: HttpRequest, client: UUID) -> HttpResponse:
        found = self.find_client(client)
        releases.object_to_counting(client=found)
        messages.success(request, _("Noted. From this moment the client is counted nowhere by tokens."))
        return redirect("referrals:releases", found.pk)


# What the law took


class CompelledNew(Entry):
    """A court order, a statute or a mandated report. A subpoena by itself is none of these."""

    name = "compelled_new"
    title = gettext_lazy("What a court or a law made us tell")
    template_name = "referrals/compelled_new.html"
    model = CompelledDisclosure
    keeps_draft = False
    said = gettext_lazy("Recorded. It stands in the client's own list.")

    def form(self, **options: Any) -> CompelledForm:
        return CompelledForm(recipients=queries.receivers(), **options)

    def save(self, form: forms.Form, id: UUID) -> CompelledDisclosure:
        assert self.client is not None
        said = form.cleaned_data
        receiver = said.pop("receiver")
        return releases.compel(
            client=self.client, receiver_id=int(receiver) if receiver else None, id=id, **said
        )

    def after(self) -> str:
        assert self.client is not None
        return reverse("referrals:releases", args=[self.client.pk])


class CompelledTold(ClientPage):
    """Notes that the client was told after all."""

    needs = {"POST": Permission.CLIENT_EDIT}

    def post(self, request: HttpRequest, compelleddisclosure: UUID) -> HttpResponse:
        found = get_object_or_404(CompelledDisclosure, pk=compelleddisclosure)
        try:
            releases.tell(compelled=found, told=request.POST.get("told", ""))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(request, _("Noted."))
        return redirect("referrals:releases", found.client_id)


def expiring_of_mine() -> QuerySet[ReleaseOfInformation]:
    """Releases of the acting worker's clients that end soon, soonest first."""
    return releases.expiring().filter(client__worker_id=queries.me())


def to_look_at_of_mine() -> QuerySet[ReleaseOfInformation]:
    """Releases of the acting worker's clients whose signature the record speaks against by now."""
    return releases.to_look_at().filter(client__worker_id=queries.me())


urlpatterns = [
    path("clients/<uuid:client>/releases/", Releases.as_view(), name="releases"),
    path("clients/<uuid:client>/releases/new/", ReleaseNew.as_view(), name="release_new"),
    path("clients/<uuid:client>/not-counted/", NotCounted.as_view(), name="release_not_wanted"),
    path("clients/<uuid:client>/shared.pdf", SharedPaper.as_view(), name="shared_paper"),
    path("clients/<uuid:client>/compelled/new/", CompelledNew.as_view(), name="compelled_new"),
    path("clients/releases/<uuid:release>/", ReleaseView.as_view(), name="release"),
    path("clients/releases/<uuid:release>/paper.pdf", ReleasePaper.as_view(), name="release_paper"),
    path("clients/releases/<uuid:release>/revoke/", ReleaseRevoke.as_view(), name="release_revoke"),
    path("compelled/<uuid:compelleddisclosure>/told/", CompelledTold.as_view(), name="compelled_told"),
]
