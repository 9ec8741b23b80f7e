"""Grant reports: each counting rule on a world whose answer can be seen by eye, and the report's life."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from agencies.models import Award, AwardProject
from agencies.scope import Actor, NotAllowed
from referrals.picklists import ServiceType
from reporting import engine
from reporting.grants import FORMS
from reporting.grants import count as counting
from reporting.grants.form import Counted, PeriodKind
from reporting.measures import Period

VOCA = FORMS["voca-sgr"]
ZONE = ZoneInfo("America/Chicago")
FALL = Period(date(2024, 10, 1), date(2025, 1, 1))
WINTER = Period(date(2025, 1, 1), date(2025, 4, 1))
FISCAL = Period(date(2024, 10, 1), date(2025, 10, 1))


def at(month: int, day: int, year: int = 2025) -> datetime:
    return datetime(year, month, day, 12, tzinfo=ZONE)


def counted(world, period=WINTER, letter="A", award=None):
    with world.acting(letter, "data_lead") as actor:
        return engine.run_form(VOCA, period, actor, award=award and counting.Award(award.pk, award.starts_on))


def numbers(world, period=WINTER, letter="A", award=None):
    return {code: number.value for code, number in counted(world, period, letter, award).numbers.items()}


def block(found, prefix):
    return {code.removeprefix(prefix): value for code, value in found.items() if code.startswith(prefix)}


def filled(found, prefix):
    """The labels of a block that are not zero."""
    return {VOCA.item(prefix + code).label: value for code, value in block(found, prefix).items() if value}


def served(world, day=date(2025, 2, 1), letter="A", **facts):
    client = world.client(letter, **facts)
    world.service(client, provided_on=day)
    return client


def award(world, letter="A", starts_on=date(2024, 10, 1), *, projects=("Safe house",)):
    linked = [world.project(letter, name) for name in projects]
    with world.acting(letter):
        made = Award.objects.create(
            agency=world.agency(letter), funder="VOCA", number="25-VA-017", starts_on=starts_on,
            ends_on=date(2027, 10, 1),
        )  # fmt: skip
        for project in linked:
            AwardProject.objects.create(
                agency=world.agency(letter), award=made, project=project, starts_on=starts_on
            )
    return made


# --- The counting rules


def test_k1_a_person_is_new_once_in_a_fiscal_year(world):
    client = served(world, date(2024, 11, 5))
    world.service(client, provided_on=date(2025, 2, 1), type="crisis")
    assert (numbers(world, FALL)["Q1"], numbers(world, FALL)["Q3"]) == (1, 1)
    assert (numbers(world, WINTER)["Q1"], numbers(world, WINTER)["Q3"]) == (1, 0)
    next_fall = Period(date(2025, 10, 1), date(2026, 1, 1))
    world.service(client, provided_on=date(2025, 10, 2))
    assert numbers(world, next_fall)["Q3"] == 1


def test_k1_new_is_new_to_the_agency_whoever_else_knows_them(world):
    served(world, date(2024, 11, 5), "B")
    served(world, date(2025, 2, 1), "A")
    assert numbers(world, WINTER, "A")["Q3"] == 1


def test_k2_in_the_first_period_of_an_award_everybody_is_new(world):
    project = world.project("A")
    client = world.client("A")
    world.service(client, provided_on=date(2024, 11, 5), project=project)
    world.service(client, provided_on=date(2025, 2, 1), project=project)
    old = award(world, starts_on=date(2024, 10, 1))
    assert numbers(world, WINTER, award=old)["Q3"] == 0
    with world.acting("A"):
        Award.objects.filter(pk=old.pk).update(starts_on=date(2025, 1, 1))
        old.refresh_from_db()
    assert numbers(world, WINTER, award=old)["Q3"] == 1


def test_k3_demographics_describe_new_people_only_and_add_up_to_them(world):
    known = served(world, date(2024, 11, 5), gender="female", age_band="18_24", races=["asian"])
    world.service(known, provided_on=date(2025, 2, 1))
    served(world, gender="male", age_band="25_59", races=["white"])
    served(world, gender="female", age_band="13_17", races=["black", "white"])
    served(world)
    found = numbers(world)
    assert (found["Q1"], found["Q3"]) == (4, 3)
    for section in VOCA.sections:
        if section.sums_to:
            assert sum(found[item.code] for item in section.items) == found[section.sums_to] == 3
    assert filled(found, "Q4.race.") == {
        "White Non-Latino/Caucasian": 1,
        "Multiple Races": 1,
        "Not Tracked": 1,
    }
    assert filled(found, "Q4.gender.") == {"Male": 1, "Female": 1, "Not Tracked": 1}


def test_k4_not_reported_is_asked_and_not_tracked_is_not(world):
    served(world, gender="declined", age_band="unknown", races=["declined"])
    served(world)
    found = numbers(world)
    for prefix in ("Q4.race.", "Q4.gender.", "Q4.age."):
        assert filled(found, prefix) == {"Not Reported": 1, "Not Tracked": 1}
    assert found["A1"] is None  # entered by hand: never a zero


def test_k5_types_may_add_up_to_more_than_the_people_and_several_count_once(world):
    served(world, victimizations=["stalking_harassment", "robbery"], trafficking_status="actual",
           trafficking_type="sex_and_labor")  # fmt: skip
    found = numbers(world)
    assert sum(block(found, "Q5A.").values()) == 4
    assert (found["Q1"], found["Q5B"]) == (1, 1)


def test_k6_a_category_counts_people_and_its_items_count_times(world):
    client = served(world)
    world.service(client, type="crisis", quantity=3)
    world.service(client, type="safety", quantity="0.5")
    other = world.client("A")
    world.service(other, type="crisis")
    found = numbers(world)
    assert (found["C"], found["C1"]) == (2, 5)
    assert (found["B"], found["B4"]) == (1, 1)
    for letter in "ABCDE":
        items = [v for code, v in found.items() if code[0] == letter and code != letter and v is not None]
        assert found[letter] <= sum(items)


def test_k7_an_anonymous_contact_is_never_among_the_people(world):
    world.touchpoint("A", occurred_at=at(2, 3), trafficking_status="possible", trafficking_type="labor")
    world.touchpoint("A", occurred_at=at(2, 3))
    found = numbers(world)
    assert (found["Q1"], found["Q2"], found["Q3"]) == (0, 2, 0)
    assert not any(block(found, "Q4.").values())
    assert sum(block(found, "Q5A.").values()) == 1  # the one universe they enter


def test_k8_a_year_counts_each_person_once(world):
    client = served(world, date(2024, 11, 5))
    world.service(client, provided_on=date(2025, 2, 1))
    quarters = [numbers(world, period)["Q1"] for period in (FALL, WINTER)]
    assert (quarters, numbers(world, FISCAL)["Q1"]) == ([1, 1], 1)


@pytest.mark.parametrize(("unit", "kind"), [("hours", "cm"), ("nights", "shel_em"), ("dollars", "fin")])
def test_k9_hours_nights_and_dollars_are_never_added_to_times(world, unit, kind):
    client = world.client("A")
    world.service(client, type=kind, quantity=40, unit=unit)
    world.service(client, type=kind, quantity=2, unit="occurrences")
    assert numbers(world)[VOCA.crosswalk[ServiceType(kind)].item] == 3


def test_k12_an_uncertain_type_is_an_answer(world):
    served(world, trafficking_status="possible", trafficking_type="uncertain")
    found = numbers(world)
    assert filled(found, "Q5A.") == {"Other": 1}


@pytest.mark.parametrize(("day", "in_winter"), [((2024, 12, 31), 0), ((2025, 1, 1), 1), ((2025, 3, 31), 1)])
def test_k13_a_service_belongs_to_the_period_of_its_day(world, day, in_winter):
    served(world, date(*day))
    assert numbers(world)["Q1"] == in_winter


def test_k13_a_contact_late_in_the_evening_belongs_to_its_own_day(world):
    world.touchpoint("A", occurred_at=datetime(2025, 3, 31, 23, 30, tzinfo=ZONE))
    assert numbers(world)["Q2"] == 1


# --- Whose rows


def test_another_agencys_rows_are_not_counted(world):
    served(world, letter="B")
    world.touchpoint("B", occurred_at=at(2, 3))
    assert {value for value in numbers(world, letter="A").values() if value is not None} == {0}


def test_an_award_counts_its_own_projects_from_the_day_it_pays(world):
    house, clinic = world.project("A"), world.project("A", "Clinic")
    paid = award(world, starts_on=date(2025, 2, 1))
    in_time, early, elsewhere = (world.client("A") for _ in range(3))
    world.service(in_time, provided_on=date(2025, 2, 1), project=house)
    world.service(early, provided_on=date(2025, 1, 31), project=house)
    world.service(elsewhere, provided_on=date(2025, 2, 1), project=clinic)
    by_enrollment = world.client("A")
    world.service(by_enrollment, enrollment=world.enrollment(by_enrollment), provided_on=date(2025, 3, 1))
    world.touchpoint("A", occurred_at=at(2, 3), project=house)
    world.touchpoint("A", occurred_at=at(2, 3))
    result = counted(world, award=paid)
    assert result.numbers["Q1"].value == 2 and result.numbers["Q2"].value == 1
    assert {client for client, _n in result.numbers["Q1"].rows} == {in_time.pk, by_enrollment.pk}
    assert [gap.count for gap in result.gaps if gap.name == "unplaced"] == [1]
    assert numbers(world)["Q1"] == 4


def test_what_another_agency_gave_on_referral_is_its_own_to_report(world):
    client = world.client("A")
    world.service(client, mode="by_referral")
    assert numbers(world)["Q1"] == 0


def test_the_age_is_that_of_the_enrollment_where_it_says_one(world):
    client = served(world, age_band="25_59")
    world.enrollment(client, date(2025, 1, 20), age_at_entry=17)
    assert filled(numbers(world), "Q4.age.") == {"13-17": 1}


def test_counting_a_form_needs_the_right(world):
    with pytest.raises(NotAllowed):
        engine.run_form(VOCA, WINTER, Actor.hub(world.agency("A")))


def test_words_looked_up_once_are_the_forms_own_answer(world):
    """The count uses each person's words at once; it must say what GrantForm.matches says."""
    client = served(world, gender="female", races=["asian", "white"], trafficking_status="actual",
                    trafficking_type="sex", classifications=["homeless"])  # fmt: skip
    answers = {
        name: getattr(client, name)
        for name in ("age_band", "gender", "races", "victimizations", "classifications")
    } | {"trafficking_status": "actual", "trafficking_type": "sex"}
    found = numbers(world)
    for item in VOCA.items:
        if item.count.of is Counted.PEOPLE and not item.count.service_items:
            assert found[item.code] == VOCA.matches(item.count, answers), item.code


def test_gaps_come_with_how_many_and_whose(world):
    worker = world.person("A")
    for day in (date(2025, 1, 3), date(2025, 3, 1)):
        served(world, day, worker=worker, gender="female", races=["asian"])
    gaps = {gap.name: gap for gap in counted(world).gaps}
    assert set(gaps) == {"age_band", "victimizations"}
    assert (gaps["age_band"].count, dict(gaps["age_band"].by_worker)) == (2, {worker.pk: 2})
    assert gaps["age_band"].overdue == 2  # this test runs long after day 90


@pytest.mark.parametrize(
    ("kind", "day", "start", "end"),
    [
        (PeriodKind.FEDERAL_QUARTER, date(2025, 12, 31), date(2025, 10, 1), date(2026, 1, 1)),
        (PeriodKind.FEDERAL_QUARTER, date(2025, 7, 1), date(2025, 7, 1), date(2025, 10, 1)),
        (PeriodKind.FEDERAL_YEAR, date(2025, 9, 30), date(2024, 10, 1), date(2025, 10, 1)),
        (PeriodKind.FEDERAL_YEAR, date(2025, 10, 1), date(2025, 10, 1), date(2026, 10, 1)),
    ],
)
def test_federal_periods(kind, day, start, end):
    assert counting.federal_period(kind, day) == Period(start, end)
    length = end - start
    assert counting.period_before(Period(start, end)).end == start
    assert abs((start - counting.period_before(Period(start, end)).start - length).days) <= 3
