"""Grant report day: choose form and period, see what is missing, read every number's rule, freeze, export.

For the agency's own data lead. How a number is counted stands in the form; what happens to a report, in
actions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agencies import ledger
from agencies.doors import AgencyView
from agencies.models import Agency, Award, User
from agencies.roles import Permission
from referrals import queries
from referrals.models import Client, Touchpoint
from reporting import actions
from reporting.actions import Answer
from reporting.grants import FORMS
from reporting.grants.count import FormCount, Gap, federal_period, fiscal_year, period_before
from reporting.grants.form import COUNTING_RULES, Counted, GrantForm, Item, PeriodKind
from reporting.measures import Period
from reporting.models import GrantReport
from reporting.web import grant_files
from reporting.web.numbers import network_people, period_name

ROWS_A_PAGE = 50
GAP = "gap-"


class Grants(AgencyView):
    """Choose a form, an award and a period; and the reports there are."""

    needs = Permission.GRANT_REPORT

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = FORMS.get(request.POST.get("form", ""))
        if form is None:
            raise Http404
        award = self._award(request.POST.get("award", ""))
        period = _chosen_period(request.POST.get("period", ""), award)
        if period is None or period.start < form.effective:
            return self._page(request, wrong=_("Choose an award first: the period is the award's own."))
        return redirect("reporting:grant", actions.open_report(form=form, period=period, award=award).pk)

    def _award(self, chosen: str) -> Award | None:
        if not chosen:
            return None
        try:
            return Award.objects.get(pk=UUID(chosen))
        except ValueError as error:
            raise Http404 from error

    def _page(self, request: HttpRequest, wrong: str = "") -> HttpResponse:
        reports = GrantReport.objects.select_related("award")
        return render(
            request,
            "reporting/grants.html",
            {
                "wrong": wrong,
                "forms": [(form.slug, _(form.title)) for form in FORMS.values()],
                # whose funder the first form is of, first
                "awards": sorted(
                    Award.objects.all(),
                    key=lambda award: award.funder.lower() not in next(iter(FORMS)),
                ),
                "periods": _periods(timezone.localdate()),
                "reports": [
                    {
                        "report": report,
                        "title": _(FORMS[report.form].title),
                        "period": period_name(actions.period_of(report)),
                    }
                    for report in reports
                ],
            },
        )


class Grant(AgencyView):
    """One report: what is missing, every number with its rule, its versions and files."""

    needs = Permission.GRANT_REPORT

    def get(self, request: HttpRequest, report: UUID) -> HttpResponse:
        return _grant_page(self, request, _report(report))


class GrantAnswers(AgencyView):
    """Keep what a person entered for the items that no record answers."""

    needs = {"POST": Permission.GRANT_REPORT}

    def post(self, request: HttpRequest, report: UUID) -> HttpResponse:
        found = _report(report)
        answers = {
            item.code: ",".join(request.POST.getlist(item.code))
            for item in actions.by_hand(FORMS[found.form])
            if item.code in request.POST or item.choices
        }
        try:
            actions.enter_answers(report=found, answers=answers)
        except actions.NotAnAnswer as error:
            found.refresh_from_db()
            return _grant_page(self, request, found, wrong=error.code, typed=answers)
        except actions.IsFrozen:
            messages.error(request, _("This version is frozen. Start a correction to change it."))
        else:
            messages.success(request, _("Kept on the draft."))
        return redirect("reporting:grant", found.pk)


class GrantFreeze(AgencyView):
    """Freeze the draft."""

    needs = {"POST": Permission.GRANT_REPORT}

    def post(self, request: HttpRequest, report: UUID) -> HttpResponse:
        found = _report(report)
        try:
            actions.freeze(report=found)
        except actions.IsFrozen:
            messages.info(request, _("It was frozen already."))
        except actions.IsNotOver:
            messages.error(request, _("The period has not ended. Freeze it when it has."))
        else:
            messages.success(
                request, _("Version %(version)d is frozen. Its numbers stay.") % {"version": found.version}
            )
        return redirect("reporting:grant", found.pk)


class GrantCorrect(AgencyView):
    """Start the next version of a frozen report."""

    needs = {"POST": Permission.GRANT_REPORT}

    def post(self, request: HttpRequest, report: UUID) -> HttpResponse:
        return redirect("reporting:grant", actions.correct(report=_report(report)).pk)


class GrantItemRows(AgencyView):
    """The clients behind a number or a gap, by the agency's own codes. Each look stands in the ledger."""

    needs = Permission.GRANT_REPORT

    def get(self, request: HttpRequest, report: UUID, code: str) -> HttpResponse:
        self.actor.require(Permission.CLIENT_VIEW)
        found = _report(report)
        form = FORMS[found.form]
        counted = actions.count(found)
        title, shares = _behind(form, counted, code)
        item = None if code.startswith(GAP) else form.item(code)
        context: dict[str, Any] = {
            "report": found,
            "title": title,
            "code": "" if item is None else code,
            "period": period_name(actions.period_of(found)),
            "total": sum(shares.values()),
            "frozen": found.numbers.get(code) if found.frozen_at else None,
            "is_frozen": found.frozen_at is not None,
            "counts_times": item is not None and item.count.of is Counted.OCCURRENCES,
        }
        clients = Client.objects.filter(pk__in=shares).select_related("worker").order_by("-changed_at", "pk")
        contacts = Touchpoint.objects.filter(pk__in=shares, client=None).order_by("occurred_at", "pk")
        pages = [Paginator(rows, ROWS_A_PAGE) for rows in (clients, contacts)]
        number = _page_number(request)
        of_clients = list(clients[ROWS_A_PAGE * (number - 1) : ROWS_A_PAGE * number])
        of_contacts = list(contacts[ROWS_A_PAGE * (number - 1) : ROWS_A_PAGE * number])
        rows = [{"client": one, "code": queries.code_of(one), "times": shares[one.pk]} for one in of_clients]
        ledger.record("report.rows_viewed", found, rows=len(rows) + len(of_contacts), why=code)
        longer = max(pages, key=lambda pages_of: pages_of.num_pages)
        context |= {
            "page": longer.get_page(number),
            "rows": rows,
            "contacts": of_contacts,
            "contact_count": pages[1].count,
            "closed": len(shares) - pages[0].count - pages[1].count,
        }
        return render(request, "reporting/grant_rows.html", context)


class GrantFile(AgencyView):
    """The report as a file that says whether it is a draft. The export stands in the agency's ledger."""

    needs = Permission.GRANT_REPORT

    def get(self, request: HttpRequest, report: UUID, shape: str) -> HttpResponse:
        self.actor.require(Permission.REPORT_EXPORT)
        if shape not in grant_files.SHAPES:
            raise Http404
        found = _report(report)
        made = grant_files.make(
            shape,
            found,
            agency=Agency.objects.get(pk=self.actor.agency_id).name,
            numbers=actions.said(found),
            period=period_name(actions.period_of(found)),
        )
        ledger.record("report.exported", found, why=shape)
        name = f"{found.form}-{found.period_start:%Y-%m}-v{found.version}"
        return HttpResponse(
            made,
            content_type=grant_files.SHAPES[shape].content_type,
            headers={"Content-Disposition": f'attachment; filename="{name}{_state_suffix(found)}.{shape}"'},
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One item as the page shows it."""

    item: Item
    short_code: str
    label: str
    rule: str
    rules: list[tuple[str, str]]
    value: Answer | None
    before: Answer | None
    is_by_hand: bool
    rows: str
    services: list[str]
    typed: str
    is_wrong: bool
    choices: list[tuple[str, str]]
    chosen: list[str]


def _report(pk: UUID) -> GrantReport:
    return GrantReport.objects.select_related("award", "frozen_by").get(pk=pk)


def _state_suffix(report: GrantReport) -> str:
    return "" if report.frozen_at else "-draft"


def _grant_page(
    view: AgencyView,
    request: HttpRequest,
    report: GrantReport,
    *,
    wrong: str = "",
    typed: Mapping[str, str] | None = None,
) -> HttpResponse:
    form = FORMS[report.form]
    period = actions.period_of(report)
    counted = actions.count(report)
    live = actions.live(report, counted)
    values = live if report.frozen_at is None else actions.said(report)
    lines = _lines(view, report, values, wrong, typed or {})
    same = actions.versions(form=report.form, period=period, award=report.award)
    earlier = next((one for one in same if one.frozen_at and one.version < report.version), None)
    by_hand = [line for line in lines.values() if line.is_by_hand]
    gaps = [] if report.frozen_at else [_gap(report, gap, view) for gap in counted.gaps]
    return render(
        request,
        "reporting/grant.html",
        {
            "report": report,
            "form": form,
            "title": _(form.title),
            "agency": Agency.objects.get(pk=view.actor.agency_id),
            "period": period_name(period),
            "before_name": period_name(period_before(period)),
            "is_draft": report.frozen_at is None,
            "is_over": report.period_end <= timezone.localdate(),
            "gaps": gaps,
            "gap_count": sum(gap["gap"].count for gap in gaps),
            "empty_by_hand": sum(1 for line in by_hand if line.value is None),
            "by_hand": by_hand,
            "sections": [
                {
                    "section": section,
                    "title": _(section.title),
                    "note": _(section.note) if section.note else "",
                    "lines": [lines[item.code] for item in section.items],
                }
                for section in form.sections
            ],
            "wrong": lines[wrong] if wrong else None,
            "versions": [one for one in same if one.pk != report.pk],
            "earlier": earlier,
            "differences": actions.difference(earlier, values) if earlier else [],
            "may_export": view.actor.may(Permission.REPORT_EXPORT),
            "shapes": [(name, shape.label) for name, shape in grant_files.SHAPES.items()],
            "network": network_people(view, request),
            "now_differs": bool(report.frozen_at) and actions.difference(report, live),
        },
        status=422 if wrong else 200,
    )


def _lines(
    view: AgencyView,
    report: GrantReport,
    values: Mapping[str, Answer | None],
    wrong: str,
    typed: Mapping[str, str],
) -> dict[str, Line]:
    form = FORMS[report.form]
    before = actions.before(report) or {}
    may_open = view.actor.may(Permission.CLIENT_VIEW)
    titles = {item.code: _(section.title) for section in form.sections for item in section.items}
    found = {}
    for item in form.items:
        value = values[item.code]
        is_by_hand = item.count.of is Counted.ENTERED
        opens = may_open and not is_by_hand and bool(value)
        said = typed.get(item.code, "" if value is None else str(value))
        found[item.code] = Line(
            item=item,
            short_code=item.code.partition(".")[0],
            label=_(item.label),
            rule=_(item.rule),
            rules=[(code, _(COUNTING_RULES[code])) for code in item.rules],
            value=value,
            before=before.get(item.code),
            is_by_hand=is_by_hand,
            rows=reverse("reporting:grant_item_rows", args=[report.pk, item.code]) if opens else "",
            services=[_(service.label) for service in form.services_under(item.code)],
            typed=said,
            is_wrong=item.code == wrong,
            choices=[(choice, titles.get(choice, "")) for choice in item.choices],
            chosen=[one.strip() for one in said.split(",")],
        )
    return found


def _gap(report: GrantReport, gap: Gap, view: AgencyView) -> dict[str, Any]:
    names = User.objects.in_bulk([worker for worker in gap.by_worker if worker is not None])
    who = [
        _("%(name)s has %(count)d") % {"name": names[worker].name, "count": number}
        for worker, number in gap.by_worker.items()
        if worker is not None and worker in names
    ]
    nobody = sum(number for worker, number in gap.by_worker.items() if worker not in names)
    if nobody and gap.clients:
        who.append(
            ngettext("%(count)d has no worker", "%(count)d have no worker", nobody) % {"count": nobody}
        )
    opens = bool(gap.clients) and view.actor.may(Permission.CLIENT_VIEW)
    return {
        "gap": gap,
        "title": _(gap.title),
        "say": _(gap.say),
        "who": ", ".join(who),
        "rows": reverse("reporting:grant_item_rows", args=[report.pk, GAP + gap.name]) if opens else "",
    }


def _page_number(request: HttpRequest) -> int:
    number = request.GET.get("page", "1")
    return int(number) if number.isascii() and number.isdigit() and 0 < len(number) < 7 and int(number) else 1


def _behind(form: GrantForm, counted: FormCount, code: str) -> tuple[str, dict[UUID, int]]:
    """What a number or gap is of: its name, and each client's or contact's share. Raises Http404."""
    if code.startswith(GAP):
        gap = next((one for one in counted.gaps if one.name == code.removeprefix(GAP)), None)
        if gap is None:
            raise Http404
        return _(gap.title), dict.fromkeys(gap.clients, 1)
    number = counted.numbers.get(code)
    if number is None or number.value is None:
        raise Http404
    return _(form.item(code).label), dict(number.rows)


def _periods(today: date) -> list[tuple[str, list[tuple[str, str]]]]:
    """The periods a form can be asked for, newest first, by heading; the last ended quarter stands first."""
    quarters = [federal_period(PeriodKind.FEDERAL_QUARTER, today)]
    while len(quarters) < 9:
        quarters.append(period_before(quarters[-1]))
    years = [federal_period(PeriodKind.FEDERAL_YEAR, today)]
    while len(years) < 4:
        years.append(period_before(years[-1]))
    return [
        (
            _("Federal quarters"),
            [(f"q{one.start}", _quarter_name(one)) for one in (*quarters[1:], quarters[0])],
        ),
        (
            _("Federal fiscal years"),
            [
                (f"y{one.start}", f"{_fiscal(one.start)}: {period_name(one)}")
                for one in (*years[1:], years[0])
            ],
        ),
        (_("The award"), [("award", _("The award's whole period"))]),
    ]


def _quarter_name(period: Period) -> str:
    quarter = (period.start.month - fiscal_year(period.start).month) % 12 // 3 + 1
    return f"{_fiscal(period.start)} Q{quarter}: {period_name(period)}"


def _fiscal(day: date) -> str:
    return _("FY %(year)d") % {"year": fiscal_year(day).year + 1}


def _chosen_period(key: str, award: Award | None) -> Period | None:
    """The period a key of `_periods` means; None where it needs an award. Raises Http404 for no key."""
    if key == "award":
        return Period(award.starts_on, award.ends_on) if award else None
    kinds = {"q": PeriodKind.FEDERAL_QUARTER, "y": PeriodKind.FEDERAL_YEAR}
    try:
        return federal_period(kinds[key[:1]], date.fromisoformat(key[1:]))
    except (KeyError, ValueError) as error:
        raise Http404 from error
