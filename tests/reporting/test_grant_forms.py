"""Grant forms as data: they hang together, blocks close, and no service is counted twice. Counting is tested
where it is done."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import chain, combinations
from pathlib import Path

import pytest

import reporting
from referrals.picklists import AgeBand, Gender, Race, ServiceType, TraffickingType, Victimization
from reporting.grants import FORMS, register
from reporting.grants.form import (
    COUNTING_RULES,
    Answers,
    Count,
    Counted,
    GrantForm,
    Item,
    PeriodKind,
    Placement,
    Section,
    Universe,
)

VOCA = FORMS["voca-sgr"]
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())


def block(form: GrantForm, code: str) -> Section:
    return next(section for section in form.sections if section.code == code)


def lines(form: GrantForm, section: str, answers: Answers) -> list[str]:
    """The labels of the section's items under which somebody with these answers stands."""
    return [item.label for item in block(form, section).items if form.matches(item.count, answers)]


def subsets(values: type[Race]) -> Iterator[tuple[Race, ...]]:
    return chain.from_iterable(combinations(values, size) for size in range(len(values) + 1))


# --- Every form


@every_form
def test_codes_are_unique_and_every_item_says_how_it_is_counted(form: GrantForm) -> None:
    codes = [item.code for item in form.items]
    assert len(set(codes)) == len(codes)
    for item in form.items:
        assert item.label and item.rule and item.rules and set(item.rules) <= set(COUNTING_RULES)


@every_form
def test_every_service_lands_on_one_item_or_says_why_on_none(form: GrantForm) -> None:
    assert set(form.crosswalk) == set(ServiceType)
    landed = [service for item in form.items for service in form.services_under(item.code)]
    assert len(set(landed)) == len(landed), "a service is counted twice"
    for service, placement in form.crosswalk.items():
        assert placement.why
        assert (service in landed) is (placement.item is not None)


@every_form
def test_an_item_that_no_service_reaches_is_left_to_a_person_and_never_prints_zero(form: GrantForm) -> None:
    for item in form.items:
        if item.count.of is Counted.OCCURRENCES:
            assert form.services_under(item.code)
        if item.count.of is Counted.ENTERED:
            assert not form.services_under(item.code)


@every_form
def test_new_and_served_never_take_in_anonymous_contacts(form: GrantForm) -> None:
    for item in form.items:
        if item.count.universe is Universe.SERVED_AND_ANONYMOUS:
            assert not item.count.service_items, "an anonymous contact has no services"


# --- The VOCA subgrantee report


def test_the_report_has_the_questions_of_the_form() -> None:
    sizes = {section.code: len(section.items) for section in VOCA.sections}
    assert sizes == {
        "Q1-Q3": 3,
        "Q4-race": 10,
        "Q4-gender": 5,
        "Q4-age": 7,
        "Q5A": 26,
        "Q5B": 1,
        "Q5C": 8,
        "Q6": 1,
        "Q7": 1,
        **{f"Q8{letter}": 1 + items for letter, items in {"A": 4, "B": 10, "C": 7, "D": 3, "E": 11}.items()},
    }
    assert VOCA.periods == (PeriodKind.FEDERAL_QUARTER, PeriodKind.FEDERAL_YEAR)
    assert not VOCA.verified, "only a grantee who checked the form turns this"


def test_demographics_are_of_new_people_and_declare_that_they_close() -> None:
    for section in VOCA.sections:
        demographic = section.code.startswith("Q4")
        assert (section.sums_to == "Q3") is demographic
        for item in section.items:
            assert (item.count.universe is Universe.NEW) is (demographic or item.code == "Q3")
            if demographic:
                assert {"K3", "K4", "K7"} <= set(item.rules)


def test_every_combination_of_races_stands_in_exactly_one_line() -> None:
    for races in subsets(Race):
        assert len(lines(VOCA, "Q4-race", {"races": races})) == 1, races


@pytest.mark.parametrize(
    ("section", "name", "codelist"), [("Q4-age", "age_band", AgeBand), ("Q4-gender", "gender", Gender)]
)
def test_every_age_and_gender_stands_in_exactly_one_line(
    section: str, name: str, codelist: type[AgeBand]
) -> None:
    used = [lines(VOCA, section, {name: value}) for value in codelist]
    assert all(len(line) == 1 for line in used)
    assert {line[0] for line in used} == {item.label for item in block(VOCA, section).items}


@pytest.mark.parametrize(
    ("races", "line"),
    [
        (["white"], "White Non-Latino/Caucasian"),
        (["white", "hispanic_latino"], "Multiple Races"),
        (["middle_eastern_north_african"], "Some Other Race"),
        (["middle_eastern_north_african", "other"], "Multiple Races"),
        (["asian", "declined"], "Asian"),
        (["declined"], "Not Reported"),
        (["unknown"], "Not Reported"),
        (["not_asked", "declined"], "Not Reported"),
        ([], "Not Reported"),
        (["not_asked"], "Not Tracked"),
    ],
)
def test_race_lines(races: list[str], line: str) -> None:
    assert lines(VOCA, "Q4-race", {"races": races}) == [line]


def test_somebody_who_was_asked_nothing_is_not_tracked_everywhere() -> None:
    for section in ("Q4-race", "Q4-gender", "Q4-age"):
        assert lines(VOCA, section, {}) == ["Not Tracked"]
    for section in ("Q5A", "Q5B", "Q5C"):
        assert lines(VOCA, section, {}) == []


@pytest.mark.parametrize(
    ("kind", "crimes"),
    [
        (TraffickingType.SEX, ["Human Trafficking: Sex"]),
        (TraffickingType.LABOR, ["Human Trafficking: Labor"]),
        (TraffickingType.SEX_AND_LABOR, ["Human Trafficking: Labor", "Human Trafficking: Sex"]),
        (TraffickingType.UNCERTAIN, ["Other"]),
        (TraffickingType.NOT_ASKED, []),
        (TraffickingType.DECLINED, []),
        (TraffickingType.UNKNOWN, []),
    ],
)
def test_the_type_of_trafficking_says_which_crimes(kind: TraffickingType, crimes: list[str]) -> None:
    assert lines(VOCA, "Q5A", {"trafficking_type": kind}) == crimes
    assert len(lines(VOCA, "Q5B", {"trafficking_type": kind})) == (len(crimes) > 1)
    # decided not to be trafficking: what was once suspected counts for nothing
    assert lines(VOCA, "Q5A", {"trafficking_type": kind, "trafficking_status": "not_trafficked"}) == []


def test_a_crime_recorded_twice_is_one_crime() -> None:
    answers = {"victimizations": ["human_trafficking_sex"], "trafficking_type": "sex"}
    assert lines(VOCA, "Q5A", answers) == ["Human Trafficking: Sex"]
    assert lines(VOCA, "Q5B", answers) == []
    assert lines(VOCA, "Q5B", {**answers, "victimizations": ["robbery"]}) != []


def test_each_of_the_26_types_and_8_classifications_has_its_line() -> None:
    for victimization in Victimization:
        expected = [] if victimization.is_missing else [victimization.label]
        assert lines(VOCA, "Q5A", {"victimizations": [victimization]}) == expected
    everything = [item.label for item in block(VOCA, "Q5C").items]
    assert lines(VOCA, "Q5C", {"classifications": ["veteran", "lgbtq"]}) == ["LGBTQ", "Veterans"]
    assert len(set(everything)) == 8


def test_the_words_that_stand_in_two_categories_are_told_apart() -> None:
    pairs = {(item.code, item.same_words_as) for item in VOCA.items if item.same_words_as}
    assert pairs == {("B3", "E9"), ("E9", "B3"), ("B6", "E7"), ("E7", "B6")}
    # immigration: the filing is B6, the legal help is E7, never both
    assert set(VOCA.services_under("B6")) == {ServiceType.TVISA, ServiceType.UVISA, ServiceType.CP}
    assert VOCA.services_under("E7") == (ServiceType.LEGAL_IMM,)
    # interviews: the record doesn't say which kind of advocacy it was, so neither claims it
    assert VOCA.item("B3").count.of is VOCA.item("E9").count.of is Counted.ENTERED
    assert VOCA.services_under("E10") == (ServiceType.CJADV,)


def test_the_place_of_a_service_is_one_of_those_its_list_allows() -> None:
    for service, placement in VOCA.crosswalk.items():
        if placement.item is not None:
            assert {placement.item, *placement.also} == set(service.voca_items)
    uncounted = {service for service, placement in VOCA.crosswalk.items() if placement.item is None}
    assert uncounted == {ServiceType.OUTREACH, ServiceType.OTHER}


def test_a_category_counts_the_people_of_all_its_items() -> None:
    for letter in "ABCDE":
        headline, *items = block(VOCA, f"Q8{letter}").items
        assert headline.code == letter
        assert headline.count == Count.people("served", service_items=[item.code for item in items])
        assert all(item.code.startswith(letter) for item in items)
        assert any(VOCA.services_under(item.code) for item in items)


# --- The guards, each seen to fail


def test_two_forms_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two grant forms"):
        register([VOCA, VOCA])


def test_the_register_is_read_only() -> None:
    with pytest.raises(TypeError):
        FORMS["another"] = VOCA  # type: ignore[index]


def with_item(item: Item) -> tuple[Section, ...]:
    return (*VOCA.sections, Section(code="extra", title="Extra", items=(item,)))


EXTRA = Item(code="X1", label="Extra", rule="Extra", count=Count.entered())
NOWHERE = Placement(item=None, why="test")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sections": with_item(replace(EXTRA, code="Q1"))}, "two items are called Q1"),
        ({"sections": (*VOCA.sections, replace(VOCA.sections[1], items=(), sums_to="Q99"))}, "sums to Q99"),
        ({"sections": with_item(replace(EXTRA, rules=("K99",)))}, "names no rule K99"),
        ({"sections": with_item(replace(EXTRA, same_words_as="Z1"))}, "names Z1"),
        (
            {"sections": with_item(replace(EXTRA, count=Count.people("new", where={"shoe": "9"})))},
            "no fact shoe",
        ),
        (
            {"sections": with_item(replace(EXTRA, count=Count.occurrences(service_item="X1")))},
            "always print zero",
        ),
        (
            {"crosswalk": {s: p for s, p in VOCA.crosswalk.items() if s is not ServiceType.CM}},
            "cm has no place",
        ),
        ({"crosswalk": {**VOCA.crosswalk, ServiceType.OTHER: replace(NOWHERE, item="Z9")}}, "under Z9"),
        (
            {"crosswalk": {**VOCA.crosswalk, ServiceType.OTHER: Placement(item="B4", why="", also=("B4",))}},
            "under B4 twice",
        ),
    ],
)
def test_a_form_that_contradicts_itself_does_not_load(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(VOCA, **change)
    assert replace(VOCA, effective=date(2030, 10, 1)).items == VOCA.items


def test_a_line_taken_out_of_a_block_is_noticed() -> None:
    race = block(VOCA, "Q4-race")
    shorter = replace(race, items=tuple(item for item in race.items if item.label != "Multiple Races"))
    broken = replace(VOCA, sections=tuple(shorter if s is race else s for s in VOCA.sections))
    assert lines(broken, "Q4-race", {"races": ["asian", "white"]}) == []


def test_the_forms_load_where_there_is_no_django() -> None:
    code = "import sys; sys.modules['django'] = None; from reporting.grants import FORMS; assert FORMS"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(reporting.__file__).parents[1])
