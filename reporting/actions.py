"""What an agency does with a grant report: open a draft, enter what only people know, freeze, correct."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Max
from django.utils import timezone

from agencies import ledger
from agencies.models import Award
from agencies.roles import Permission
from agencies.scope import current_actor
from reporting import engine
from reporting.grants import FORMS
from reporting.grants import count as counting_rules
from reporting.grants.form import Counted, GrantForm, Item
from reporting.measures import Period
from reporting.models import GrantReport

Answer = int | str
MOST_DIGITS = 7


class NotAnAnswer(ValueError):
    """What was entered for an item is neither a whole number nor one of its choices. Names the item."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class IsNotOver(Exception):
    """A period's numbers can be frozen when it has ended."""


class IsFrozen(Exception):
    """A frozen report never changes: a correction is the next version."""


def open_report(*, form: GrantForm, period: Period, award: Award | None) -> GrantReport:
    """The newest version of this report, or its first draft. Raises ValueError before the form began."""
    current_actor().require(Permission.GRANT_REPORT)
    if period.start < form.effective:
        raise ValueError("the form is younger than the period")
    newest = versions(form=form.slug, period=period, award=award)
    return newest[0] if newest else _draft(form, period, award, version=1, entered={})


def versions(*, form: str, period: Period, award: Award | None) -> list[GrantReport]:
    """All versions of one report, newest first."""
    return list(
        GrantReport.objects.filter(
            form=form, award=award, period_start=period.start, period_end=period.end
        ).order_by("-version")
    )


def enter_answers(*, report: GrantReport, answers: Mapping[str, str]) -> None:
    """Keep what people entered by hand, by item code; an empty answer takes one back.

    Raises NotAnAnswer and keeps nothing of it; IsFrozen.
    """
    current_actor().require(Permission.GRANT_REPORT)
    _must_be_draft(report)
    entered = dict(report.entered)
    for item in by_hand(FORMS[report.form]):
        if item.code not in answers:
            continue
        given = answers[item.code].strip()
        if given:
            entered[item.code] = _answer(item, given)
        else:
            entered.pop(item.code, None)
    report.entered = entered
    report.save(update_fields=["entered", "changed_at"])


def freeze(*, report: GrantReport) -> GrantReport:
    """Write the numbers down as they stand now; they never change again. Raises IsFrozen, IsNotOver."""
    actor = current_actor()
    actor.require(Permission.GRANT_REPORT)
    _must_be_draft(report)
    if report.period_end > timezone.localdate():
        raise IsNotOver
    report.numbers = {code: value for code, value in live(report).items() if value is not None}
    report.frozen_at, report.frozen_by_id = timezone.now(), actor.user_id
    report.save(update_fields=["numbers", "frozen_at", "frozen_by", "changed_at"])
    ledger.record("report.frozen", report)
    return report


def correct(*, report: GrantReport) -> GrantReport:
    """The next version, as a draft that starts from what was entered; the draft there is, if there is one."""
    current_actor().require(Permission.GRANT_REPORT)
    same = GrantReport.objects.filter(
        form=report.form, award=report.award, period_start=report.period_start, period_end=report.period_end
    )
    draft = same.filter(frozen_at=None).first()
    if draft is not None:
        return draft
    last = same.aggregate(last=Max("version"))["last"]
    return _draft(
        FORMS[report.form], period_of(report), report.award, version=last + 1, entered=report.entered
    )


def count(report: GrantReport) -> counting_rules.FormCount:
    """The report's form counted now, over the agency's own rows."""
    return engine.run_form(FORMS[report.form], period_of(report), current_actor(), award=_award(report.award))


def live(report: GrantReport, counted: counting_rules.FormCount | None = None) -> dict[str, Answer | None]:
    """Every item's number as it stands now, with what people entered; None where they have not yet."""
    counted = counted or count(report)
    return {
        code: report.entered.get(code) if number.value is None else number.value
        for code, number in counted.numbers.items()
    }


def said(report: GrantReport) -> dict[str, Answer | None]:
    """The report's numbers: as frozen, or live while it is a draft."""
    if report.frozen_at is None:
        return live(report)
    return {item.code: report.numbers.get(item.code) for item in FORMS[report.form].items}


@dataclass(frozen=True, slots=True)
class Difference:
    """An item whose number differs between two versions."""

    item: Item
    before: Answer | None
    after: Answer | None


def difference(earlier: GrantReport, later: Mapping[str, Answer | None]) -> list[Difference]:
    """The items in which `later` says something else than the frozen `earlier`, in the form's order."""
    before = said(earlier)
    return [
        Difference(item, before[item.code], later[item.code])
        for item in FORMS[earlier.form].items
        if before[item.code] != later[item.code]
    ]


def before(report: GrantReport) -> dict[str, Answer | None] | None:
    """The numbers of the period before: as last frozen, else counted now. None before the form or award."""
    period = counting_rules.period_before(period_of(report))
    form = FORMS[report.form]
    if period.start < form.effective or (report.award and report.award.starts_on >= period.end):
        return None
    frozen = next(
        (one for one in versions(form=form.slug, period=period, award=report.award) if one.frozen_at), None
    )
    if frozen is not None:
        return said(frozen)
    counted = engine.run_form(form, period, current_actor(), award=_award(report.award))
    return {code: number.value for code, number in counted.numbers.items()}


def by_hand(form: GrantForm) -> list[Item]:
    """The items that people answer."""
    return [item for item in form.items if item.count.of is Counted.ENTERED]


def period_of(report: GrantReport) -> Period:
    return Period(report.period_start, report.period_end)


def _draft(
    form: GrantForm, period: Period, award: Award | None, *, version: int, entered: Mapping[str, Answer]
) -> GrantReport:
    return GrantReport.objects.create(
        agency_id=current_actor().agency_id,
        form=form.slug,
        form_version=form.version,
        award=award,
        period_start=period.start,
        period_end=period.end,
        version=version,
        entered=dict(entered),
    )


def _must_be_draft(report: GrantReport) -> None:
    if report.frozen_at is not None:
        raise IsFrozen


def _answer(item: Item, given: str) -> Answer:
    if item.choices:
        chosen = {one.strip() for one in given.split(",")}
        if not chosen <= set(item.choices):
            raise NotAnAnswer(item.code)
        return ", ".join(one for one in item.choices if one in chosen)
    if not given.isascii() or not given.isdigit() or len(given) > MOST_DIGITS:
        raise NotAnAnswer(item.code)
    return int(given)


def _award(award: Award | None) -> counting_rules.Award | None:
    return counting_rules.Award(award.pk, award.starts_on) if award else None
