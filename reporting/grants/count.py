"""How the numbers of a form are counted from one agency's own rows (rules K1 to K13), and what is missing.

Exact figures, for the agency and the funder its award obliges it to. Which item counts what stands in the
form; the door to the rows is opened by the engine.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from referrals.picklists import AgeBand, ServiceType, gettext_noop
from reporting.grants.form import Answers, Count, Counted, GrantForm, PeriodKind, Universe
from reporting.measures import Period, rows_of

_ = gettext_noop

# What was given by an agency referred to is that agency's to report.
_SERVICES = """
    SELECT service.client_id, service.type, service.provided_on >= %(start)s AS is_in_period,
           sum(CASE WHEN service.unit = 'occurrences' THEN GREATEST(1, floor(service.quantity))
                    ELSE 1 END)::int
    FROM referrals_service service
    LEFT JOIN referrals_enrollment enrollment ON enrollment.id = service.enrollment_id
    WHERE service.agency_id = %(agency)s AND service.mode <> 'by_referral'
      AND service.provided_on >= %(year)s AND service.provided_on < %(end)s
      AND (%(award)s::uuid IS NULL OR EXISTS (
            SELECT 1 FROM agencies_awardproject link
            WHERE link.award_id = %(award)s::uuid AND link.agency_id = service.agency_id
              AND link.project_id = COALESCE(service.project_id, enrollment.project_id)
              AND link.starts_on <= service.provided_on
              AND (link.ends_on IS NULL OR link.ends_on > service.provided_on)))
    GROUP BY 1, 2, 3
"""
_CLIENTS = """
    SELECT id, worker_id, age_band, gender, races, trafficking_status, trafficking_type, victimizations,
           classifications
    FROM referrals_client WHERE agency_id = %(agency)s AND id = ANY(%(clients)s)
"""
# The age when service began: of the latest enrollment that says one.
_AGES = """
    SELECT DISTINCT ON (client_id) client_id, age_at_entry, age_band_at_entry FROM referrals_enrollment
    WHERE agency_id = %(agency)s AND client_id = ANY(%(clients)s) AND entry_on < %(end)s
      AND (age_at_entry IS NOT NULL OR age_band_at_entry <> 'not_asked')
    ORDER BY client_id, entry_on DESC, id
"""
_KNOWN_SINCE = """
    SELECT client_id, min(day) FROM (
        SELECT client_id, entry_on AS day FROM referrals_enrollment
        WHERE agency_id = %(agency)s AND client_id = ANY(%(clients)s)
      UNION ALL
        SELECT client_id, provided_on FROM referrals_service
        WHERE agency_id = %(agency)s AND client_id = ANY(%(clients)s)
    ) known GROUP BY client_id
"""
_CONTACTS = """
    SELECT contact.id, contact.trafficking_status, contact.trafficking_type,
           %(award)s::uuid IS NULL OR EXISTS (
            SELECT 1 FROM agencies_awardproject link
            WHERE link.award_id = %(award)s::uuid AND link.agency_id = contact.agency_id
              AND link.project_id = contact.project_id
              AND link.starts_on <= (contact.occurred_at AT TIME ZONE %(zone)s)::date
              AND (link.ends_on IS NULL OR link.ends_on > (contact.occurred_at AT TIME ZONE %(zone)s)::date)),
           contact.project_id IS NULL
    FROM referrals_touchpoint contact
    WHERE contact.agency_id = %(agency)s AND contact.client_id IS NULL
      AND contact.occurred_at >= %(start_at)s AND contact.occurred_at < %(end_at)s
"""

CLOSE_GAPS_AFTER = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Award:
    """What of an award decides a count: whose projects, and from which day it pays."""

    id: UUID
    starts_on: date


@dataclass(frozen=True, slots=True)
class Number:
    """One item's number, None where a person enters it. `rows`: each client or contact and its share."""

    code: str
    value: int | None
    rows: tuple[tuple[UUID, int], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something a report lacks: of how many, who looks after them, and which clients."""

    name: str
    title: str
    say: str
    count: int
    overdue: int = 0
    by_worker: Mapping[int | None, int] = field(default_factory=dict)
    clients: tuple[UUID, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class FormCount:
    """A form counted for one agency: exact, and never about anyone else's rows."""

    numbers: Mapping[str, Number]
    gaps: tuple[Gap, ...]


@dataclass(slots=True)
class _Person:
    """A client served, or an anonymous contact, with every word of the form that is true of them."""

    id: UUID
    words: Mapping[str, frozenset[str]]
    answers: Answers
    is_new: bool = False
    times: Counter[str] = field(default_factory=Counter)
    worker: int | None = None
    known_since: date | None = None


def fiscal_year(day: date) -> date:
    """The first day of the federal fiscal year that the day falls in: 1 October."""
    return date(day.year if day.month >= 10 else day.year - 1, 10, 1)


def federal_period(kind: PeriodKind, day: date) -> Period:
    """The federal quarter or year that the day falls in."""
    if kind == PeriodKind.FEDERAL_YEAR:
        start = fiscal_year(day)
        return Period(start, start.replace(year=start.year + 1))
    start = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    return Period(start, _months_after(start, 3))


def period_before(period: Period) -> Period:
    """The period of the same length that ends where this one starts."""
    months = (period.end.year - period.start.year) * 12 + period.end.month - period.start.month
    if period.start.day == period.end.day == 1:
        return Period(_months_after(period.start, -months), period.start)
    return Period(period.start - (period.end - period.start), period.start)


def _months_after(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def count_form(
    form: GrantForm,
    cursor: CursorWrapper,
    agency: int,
    period: Period,
    *,
    today: date,
    zone: str,
    award: Award | None = None,
) -> FormCount:
    """Every number of the form over the agency's rows of the period, and what is missing from them."""
    asked: dict[str, Any] = {
        "agency": agency,
        "award": award.id if award else None,
        "start": period.start,
        "end": period.end,
        "start_at": period.starts_at,
        "end_at": period.ends_at,
        "year": min(fiscal_year(period.start), period.start),
        "zone": zone,
    }
    is_first_period = award is not None and award.starts_on >= period.start
    served, nowhere = _served(form, cursor, asked, is_first_period)
    contacts, unplaced = _contacts(form, cursor, asked)
    numbers = {item.code: _number(form, item.code, item.count, served, contacts) for item in form.items}
    return FormCount(numbers=numbers, gaps=tuple(_gaps(served, nowhere, unplaced, today)))


def _served(
    form: GrantForm, cursor: CursorWrapper, asked: Mapping[str, Any], is_first_period: bool
) -> tuple[list[_Person], int]:
    """The people served in the period, and how many times a service was given that no item counts.

    New is who was not served earlier in the fiscal year (K1); in an award's first period everybody (K2).
    """
    times: dict[UUID, Counter[str]] = defaultdict(Counter)
    before: set[UUID] = set()
    nowhere = 0
    for client, kind, is_in_period, given in rows_of(cursor, _SERVICES, dict(asked)):
        if not is_in_period:
            before.add(client)
            continue
        times[client][kind] += given
        nowhere += given if form.crosswalk[ServiceType(kind)].item is None else 0
    here = {**asked, "clients": list(times)}
    ages = {client: (years, band) for client, years, band in rows_of(cursor, _AGES, here)}
    since = dict(rows_of(cursor, _KNOWN_SINCE, here))
    people = []
    for client, worker, band, *facts in rows_of(cursor, _CLIENTS, here):
        names = (
            "gender",
            "races",
            "trafficking_status",
            "trafficking_type",
            "victimizations",
            "classifications",
        )
        answers: Answers = {
            "age_band": _band(band, *ages.get(client, (None, None))),
            **dict(zip(names, facts, strict=True)),
        }
        under: Counter[str] = Counter()
        for kind, given in times[client].items():
            placed = form.crosswalk[ServiceType(kind)].item
            if placed is not None:
                under[placed] += given
        people.append(
            _Person(
                id=client,
                words=_words(form, answers),
                answers=answers,
                is_new=is_first_period or client not in before,
                times=under,
                worker=worker,
                known_since=since.get(client),
            )
        )
    return people, nowhere


def _contacts(form: GrantForm, cursor: CursorWrapper, asked: Mapping[str, Any]) -> tuple[list[_Person], int]:
    """Anonymous contacts of the period, and how many stand under no award for want of a project."""
    found, unplaced = [], 0
    for contact, status, kind, is_of_award, has_no_project in rows_of(cursor, _CONTACTS, dict(asked)):
        if is_of_award:
            answers: Answers = {"trafficking_status": status, "trafficking_type": kind}
            found.append(_Person(id=contact, words=_words(form, answers), answers=answers))
        elif has_no_project:
            unplaced += 1
    return found, unplaced


def _band(band: str, years: int | None, band_at_entry: str | None) -> str:
    if years is not None and 0 <= years <= 130:
        return AgeBand.of(years).value
    return band_at_entry or band


def _words(form: GrantForm, answers: Answers) -> dict[str, frozenset[str]]:
    return {name: fact(answers) for name, fact in form.facts.items()}


def _number(
    form: GrantForm, code: str, count: Count, served: Sequence[_Person], contacts: Sequence[_Person]
) -> Number:
    match count.of:
        case Counted.ENTERED:
            return Number(code, None)
        case Counted.ANONYMOUS_CONTACTS:
            return Number(code, len(contacts), tuple((one.id, 1) for one in contacts))
        case Counted.OCCURRENCES:
            (item,) = count.service_items
            rows = tuple((one.id, one.times[item]) for one in served if one.times[item])
            return Number(code, sum(times for _client, times in rows), rows)
    people = [one for one in served if one.is_new] if count.universe == Universe.NEW else list(served)
    if count.universe == Universe.SERVED_AND_ANONYMOUS:
        people += contacts
    rows = tuple(
        (one.id, 1)
        for one in people
        # GrantForm.matches over words that were looked up once a person
        if all(word in one.words[fact] for fact, word in count.where.items())
        and (not count.service_items or any(one.times[item] for item in count.service_items))
    )
    return Number(code, len(rows), rows)


_ASKED_OF_NEW = (
    ("age_band", _("Age band, new clients"), _("Goes in as Not Tracked until somebody has asked.")),
    ("gender", _("Gender, new clients"), _("Goes in as Not Tracked until somebody has asked.")),
    ("races", _("Race and ethnicity, new clients"), _("Goes in as Not Tracked until somebody has asked.")),
)


def _gaps(served: Sequence[_Person], nowhere: int, unplaced: int, today: date) -> list[Gap]:
    found = []
    new = [one for one in served if one.is_new]
    for name, title, say in _ASKED_OF_NEW:
        found.append(_gap(name, title, say, [one for one in new if _not_asked(one, name)], today))
    untyped = [one for one in served if one.words.get("crimes_in_number") == frozenset(["none"])]
    found.append(
        _gap(
            "victimizations",
            _("Type of victimization, all clients served"),
            _("Stands under no type of Q5A."),
            untyped,
            today,
        )
    )
    found.append(
        Gap(
            "nowhere",
            _("Services that no item counts"),
            _("Outreach and other services: the client is counted in Q1, the service nowhere."),
            nowhere,
        )
    )
    found.append(
        Gap(
            "unplaced",
            _("Anonymous contacts without a project"),
            _("They stand under no award. Name the project on the contact."),
            unplaced,
        )
    )
    return [gap for gap in found if gap.count]


def _gap(name: str, title: str, say: str, people: Sequence[_Person], today: date) -> Gap:
    due = today - CLOSE_GAPS_AFTER
    return Gap(
        name=name,
        title=title,
        say=say,
        count=len(people),
        overdue=sum(1 for one in people if one.known_since is not None and one.known_since <= due),
        by_worker=Counter(one.worker for one in people),
        clients=tuple(one.id for one in people),
    )


def _not_asked(person: _Person, name: str) -> bool:
    answer = person.answers.get(name, "not_asked")
    return answer == "not_asked" if isinstance(answer, str) else set(answer) == {"not_asked"}
