"""One person, several agencies: the questions an agency answers over its own card, the links it may see, what
it decided, and what its own cards lack. Of another agency nothing stands here but its name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from agencies import ledger, linknet
from agencies.doors import AgencyView
from agencies.roles import Permission
from referrals import queries
from referrals.forms.links import VerdictForm
from referrals.linkage.atoms import Atoms, Said
from referrals.linking import review
from referrals.models import Client, LinkAnswer
from referrals.picklists import LinkVerdict
from referrals.web.cards import closed_state

AT_ONCE = 50
# Of a question's parts those that every pair has, in the order of a card.
PARTS: dict[str, Promise] = {
    "first": gettext_lazy("First name"),
    "last": gettext_lazy("Last name"),
    "birth": gettext_lazy("Birth date"),
    "ssn4": gettext_lazy("Last four of the Social Security number"),
    "zip": gettext_lazy("ZIP code"),
}
# Those of a date that agrees in part.
DATE: dict[str, Promise] = {
    "year": gettext_lazy("Year of birth"),
    "month": gettext_lazy("Month of birth"),
    "day": gettext_lazy("Day of birth"),
}
SAID: dict[Said, Promise] = {
    Said.AGREES: gettext_lazy("agrees"),
    Said.PART: gettext_lazy("agrees in part"),
    Said.DIFFERS: gettext_lazy("differs"),
    Said.UNTESTED: gettext_lazy("not compared"),
}
# What a question that we answered waits for.
WAITS: dict[str, Promise] = {
    LinkVerdict.SAME: gettext_lazy("Waits for the other agency"),
    LinkVerdict.CORRECTED: gettext_lazy("Waits for the new tokens"),
}
# What a card can lack, as people call it.
MISSING: dict[str, Promise] = {
    "birth": gettext_lazy("birth date"),
    "ssn4": gettext_lazy("last four of the Social Security number"),
    "zip": gettext_lazy("ZIP code of the last address of their own"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A pair as a page lists it: our client, the other agency's name, and what is known."""

    pair: UUID
    client: UUID
    code: str
    agency: str
    verdict: str
    said: str
    likely: str
    waits: Promise | str
    parts: list[tuple[str, str]]
    remarks: list[str]

    @property
    def in_short(self) -> str:
        """What was compared, in one line."""
        untested = str(SAID[Said.UNTESTED])
        return " · ".join(f"{label}: {said}" for label, said in self.parts if said != untested)


def lines_of(pairs: Iterable[review.Pair]) -> list[Line]:
    """Pairs in words, with our clients' codes; those whose client this worker can't open are left out."""
    found = list(pairs)
    ours = Client.objects.in_bulk([one.client for one in found])
    if ours:
        ledger.record("client.listed", rows=len(ours))
    return [_line(one, ours[one.client]) for one in found if one.client in ours]


def _line(pair: review.Pair, client: Client) -> Line:
    verdict = LinkVerdict(pair.verdict) if pair.verdict else None
    return Line(
        pair=pair.id,
        client=client.pk,
        code=queries.code_of(client),
        agency=pair.agency,
        verdict=pair.verdict,
        said=_(verdict.label) if verdict else "",
        likely=likely_words(pair.posterior),
        waits=WAITS.get(pair.verdict, ""),
        parts=part_words(pair.atoms),
        remarks=remark_words(pair.atoms),
    )


def likely_words(posterior: float) -> str:
    """How likely it is one person: a word, and the per cent in whole numbers."""
    share = {"percent": round(100 * posterior)}
    if posterior >= 0.8:
        return _("Very likely one person (%(percent)s%%)") % share
    if posterior >= 0.5:
        return _("More likely one person than two (%(percent)s%%)") % share
    if posterior >= 0.2:
        return _("More likely two people than one (%(percent)s%%)") % share
    return _("Very likely two people (%(percent)s%% that it is one)") % share


def part_words(atoms: Atoms) -> list[tuple[str, str]]:
    """Each part with what is known of it; the parts of a date only where they say more than the date."""
    found = []
    for name, label in PARTS.items():
        found.append((str(label), str(SAID[getattr(atoms, name)])))
        if name == "birth" and atoms.birth != Said.AGREES:
            known = {part: getattr(atoms, part) for part in DATE}
            found += [
                (str(DATE[part]), str(SAID[said])) for part, said in known.items() if said != Said.UNTESTED
            ]
    return found


def remark_words(atoms: Atoms) -> list[str]:
    if atoms.swapped == Said.AGREES:
        return [_("First and last name stand in each other's place on one of the cards.")]
    if atoms.swapped == Said.UNTESTED and atoms.first == atoms.last == Said.AGREES:
        return [_("First and last name may stand in each other's place on one of the cards.")]
    return []


def missing_words(missing: Iterable[str]) -> list[str]:
    """What a card lacks, in words."""
    return [str(MISSING[one]) for one in missing]


class WhileOn(View):
    """While linkage is off none of these pages says anything but that, inside the door as well; a pair's own
    address is that of nothing."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not linknet.is_on():
            if kwargs:
                raise Http404
            return TemplateResponse(request, "referrals/links_off.html")
        return super().dispatch(request, *args, **kwargs)


class LinkPage(AgencyView, WhileOn):
    """Seen by who may open cards, answered by who may change clients."""

    needs: Permission | Mapping[str, Permission] = {
        "GET": Permission.CARD_OPEN,
        "POST": Permission.CLIENT_EDIT,
    }

    def page(self, name: str, **context: Any) -> HttpResponse:
        said = {"may_answer": self.actor.may(Permission.CLIENT_EDIT), **context}
        return TemplateResponse(self.request, f"referrals/{name}.html", said)


class LinkAct(AgencyView, WhileOn):
    """What is pressed on one of these pages."""

    needs = {"POST": Permission.CLIENT_EDIT}


class LinkQuestions(LinkPage):
    """Pairs that may be one person, the most useful first."""

    needs = {"GET": Permission.CARD_OPEN}

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page("link_questions", tab="questions", questions=lines_of(review.questions()))


class LinkQuestion(LinkPage):
    """One pair beside our own card."""

    def get(self, request: HttpRequest, pair: UUID) -> HttpResponse:
        return self._page(pair, VerdictForm())

    def post(self, request: HttpRequest, pair: UUID) -> HttpResponse:
        form = VerdictForm(request.POST)
        if not form.is_valid():
            return self._page(pair, form)
        question = review.question(pair)
        verdict = LinkVerdict(form.cleaned_data["verdict"])
        review.answer(pair, verdict)
        if verdict == LinkVerdict.CORRECTED:
            messages.success(request, _("Correct the card now. Its tokens follow by themselves."))
            return redirect("referrals:card", question.client)
        messages.success(request, _("Answered. It stands under What we decided, to be taken back."))
        return redirect("referrals:link_questions")

    def _page(self, pair: UUID, form: VerdictForm) -> HttpResponse:
        found = review.question(pair)
        client = Client.objects.get(pk=found.client)
        ledger.record("client.viewed", client)
        return self.page(
            "link_question", one=_line(found, client), form=form, closed=closed_state(self.actor)
        )


class Links(LinkPage):
    """Our clients who are linked, where we may know."""

    needs = {"GET": Permission.CARD_OPEN}

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page("links", tab="links", links=lines_of(review.links()))


class LinkUnlink(LinkAct):
    """Parts the two records for good, and nothing else."""

    def post(self, request: HttpRequest, pair: UUID) -> HttpResponse:
        review.unlink(pair)
        messages.success(request, _("Unlinked. It can be undone under What we decided."))
        return redirect("referrals:links")


class LinkDecisions(LinkPage):
    """What we decided and answered, with a way back."""

    needs = {"GET": Permission.CARD_OPEN}

    def get(self, request: HttpRequest) -> HttpResponse:
        made = review.decisions()
        waiting = list(review.answers(made))
        ours = Client.objects.in_bulk([one.client for one in made] + [one.client_id for one in waiting])
        if ours:
            ledger.record("client.listed", rows=len(ours))
        codes = {pk: queries.code_of(client) for pk, client in ours.items()}
        return self.page(
            "link_decisions",
            tab="decisions",
            decisions=[(one, codes[one.client]) for one in made if one.client in codes],
            answers=[(one, codes[one.client_id]) for one in waiting if one.client_id in codes],
        )


class LinkUndo(LinkAct):
    """Takes a decision of ours back."""

    def post(self, request: HttpRequest, pair: UUID) -> HttpResponse:
        review.undo(pair)
        messages.success(request, _("Taken back. Both records stand as they did before."))
        return redirect("referrals:link_decisions")


class LinkTakeBack(LinkAct):
    """Takes an answer back that waits for the other agency."""

    def post(self, request: HttpRequest, linkanswer: UUID) -> HttpResponse:
        review.take_back(get_object_or_404(LinkAnswer, pk=linkanswer))
        messages.success(request, _("Taken back. The question is open again."))
        return redirect("referrals:link_decisions")


class LinkEvidence(LinkPage):
    """What our own cards lack, of everybody who agreed to be counted."""

    needs = {"GET": Permission.CARD_OPEN}

    def get(self, request: HttpRequest) -> HttpResponse:
        page = Paginator(review.lacking(), AT_ONCE).get_page(request.GET.get("page"))
        ours = Client.objects.in_bulk([one.client for one in page.object_list])
        if ours:
            ledger.record("client.listed", rows=len(ours))
        rows = [
            (ours[one.client], queries.code_of(ours[one.client]), missing_words(one.missing))
            for one in page.object_list
            if one.client in ours
        ]
        return self.page("link_evidence", tab="evidence", page=page, rows=rows)


urlpatterns = [
    path("links/", LinkQuestions.as_view(), name="link_questions"),
    path("links/linked/", Links.as_view(), name="links"),
    path("links/decided/", LinkDecisions.as_view(), name="link_decisions"),
    path("links/<uuid:pair>/undo/", LinkUndo.as_view(), name="link_undo"),
    path("links/answers/<uuid:linkanswer>/take-back/", LinkTakeBack.as_view(), name="link_take_back"),
    path("links/evidence/", LinkEvidence.as_view(), name="link_evidence"),
    path("links/<uuid:pair>/", LinkQuestion.as_view(), name="link_question"),
    path("links/<uuid:pair>/unlink/", LinkUnlink.as_view(), name="link_unlink"),
]
