"""The laws of the code lists: stable values, three kinds of missing, and codes that come back."""

import subprocess
import sys
from pathlib import Path

import pytest

from referrals import picklists
from referrals.picklists import LISTS, AgeBand, DeclineReason, Picklist, ServiceType, Standard

# HMIS code lists, FY2026: list -> (our list, every code the standard has)
HMIS = {
    "4.21 Sex": ("Gender", {0, 1, 8, 9, 99}),
    "race columns": (
        "Race",
        {"AmIndAKNative", "Asian", "BlackAfAmerican", "MidEastNAfrican", "NativeHIPacific", "White"}
        | {"HispanicLatinao", "HispanicLatinaeo"},
    ),
    "1.6 RaceNone": ("Race", {8, 9, 99}),
    "3.12 Destination": (
        "Destination",
        {8, 9, 17, 24, 30, 99, 101, 116, 118, 204, 205, 206, 207, 215, 225, 302, 312, 313, 314, 327, 329}
        | {332, 410, 411, 421, 422, 423, 426, 435},
    ),
    "4.20.D ReferralResult": ("ResponseOutcome", {1, 2, 3}),
    "4.20.D ReferralResult, refusals": ("DeclineReason", {2, 3}),
    "R1.1 ReferralSource": ("ReferralSource", {1, 2, 7, 8, 9, 11, 18, 28, 30, 34, 35, 37, 38, 39, 99}),
    "R14.2 RHY services": ("ServiceType", {2, 5, 6, 7, 8, 10, 12, 13, 14, 17, 18, 26, 27, 28, 29}),
    "R17.1 ProjectCompletionStatus": ("ExitReason", {1, 2, 3}),
}

# HTCDS 2.0: field -> (our list, every code the standard has)
HTCDS = {
    "vic_TraffickingStatus": (
        "TraffickingStatus",
        {"PossibleVictimOfTrafficking", "ActualVictimOfTrafficking", "NotAVictimOfTrafficking"},
    ),
    "vic_TraffickingStatusDecisionMakingOrg": (
        "StatusDecidedBy",
        {"Police", "NGO", "CourtOrProsecution", "NonPoliceGovernmentalOrganization", "Other"},
    ),
    "vic_RelationshipToTrafficker": (
        "RelationshipToTrafficker",
        {"Familial", "Acquainted", "Unaquainted"},
    ),
    "prs_Gender": (
        "Gender",
        {"Feminine", "Masculine", "TransgenderFeminine", "TransgenderMasculine", "NonConforming"}
        | {"NonSpecifiedUnknown"},
    ),
    "vic_MethodOfRecruitment": (
        "RecruitmentMethod",
        {"AtAPlaceOfBusiness", "AtAnEducationalInstitution", "AtWork", "ThroughOnlineSocialNetworks", "Other"}
        | {"ThroughAnOnlineAdvertisement", "ThroughATelevisionAdvert", "ThroughANewspaperAdvert"}
        | {"ThroughFamilyOrFamilyEvents", "ThroughFriendsOrSocialEvents"},
    ),
    "vic_MethodsOfControl": (
        "MeansOfControl",
        {"PhysicalThreats", "ThreatsLawEnforcement", "ThreatensChildrenFamily", "DebtBondage"}
        | {"FalsePromises", "PhysicalAbuse", "SexualAbuse", "TakesEarnings", "RestrictsFinancialAccess"}
        | {"RestrictsMedicalCare", "WithholdsNecessities", "PsychologicalAbuse", "PsychoactiveSubstance"}
        | {"ExcessiveWorkingHours", "WithholdsDocuments", "Other"},
    ),
}

SERVICES = {
    "intake",
    "orient",
    "cm",
    "crisis",
    "safety",
    "emosup",
    "vadv",
    "cjadv",
    "shel_em",
    "shel_tr",
    "shel_lt",
    "legal_imm",
    "legal_civ",
    "legal_crim",
    "tvisa",
    "uvisa",
    "cp",
    "med_em",
    "med_lt",
    "dental",
    "vision",
    "mh_em",
    "mh_lt",
    "group",
    "sud",
    "interp",
    "transp",
    "child",
    "basic",
    "fin",
    "empl",
    "edu",
    "life",
    "benefits",
    "family",
    "repat",
    "comp",
    "info_ref",
    "outreach",
    "followup",
    "other",
}

STANDARDS: tuple[Standard, ...] = ("hmis", "htcds", "voca", "otip")
every_list = pytest.mark.parametrize("codelist", LISTS.values(), ids=LISTS.keys())


@every_list
def test_values_are_short_stable_and_named_after_themselves(codelist: type[Picklist]) -> None:
    assert len(codelist.__members__) == len(codelist), "an alias: two names for one value"
    for member in codelist:
        assert len(member.value) <= 40
        assert member.value == member.value.lower() and member.value.replace("_", "").isalnum()
        assert member.name in (member.value.upper(), f"AGE_{member.value.upper()}")
        assert member.label and codelist(member.value) is member


def test_a_released_value_is_never_renamed_or_dropped() -> None:
    """Rows hold these values. A new one is added to the file beside this test; none is taken out."""
    now = {f"{name}.{member.value}" for name, codelist in LISTS.items() for member in codelist}
    released = set((Path(__file__).parent / "picklist_values.txt").read_text().split())
    assert now == released


@every_list
def test_a_missing_answer_says_which_of_three_it_is(codelist: type[Picklist]) -> None:
    missing = [member.value for member in codelist if member.is_missing]
    assert missing == (["not_asked", "declined", "unknown"] if codelist.has_missing else [])


@every_list
def test_asked_and_not_asked_never_share_a_code(codelist: type[Picklist]) -> None:
    if not codelist.has_missing:
        return
    not_asked, declined, unknown = (codelist(value).codes for value in ("not_asked", "declined", "unknown"))
    assert not_asked.voca == "Not Tracked"
    assert declined.voca == unknown.voca == "Not Reported"
    if codelist.__name__ != "ExitReason":  # HMIS R17.1 has no missing codes
        assert (not_asked.hmis, declined.hmis, unknown.hmis) == (99, 9, 8)


def test_a_list_that_forgets_one_of_the_three_is_noticed() -> None:
    class Forgetful(Picklist, missing=True):
        NOT_ASKED = "not_asked", "Not asked"
        UNKNOWN = "unknown", "Not known"

    with pytest.raises(AssertionError):
        test_a_missing_answer_says_which_of_three_it_is(Forgetful)


def test_an_outcome_called_declined_is_not_a_missing_answer() -> None:
    assert not picklists.ResponseOutcome.DECLINED.is_missing


@pytest.mark.parametrize("standard", STANDARDS)
@every_list
def test_a_code_that_may_be_imported_means_one_value(codelist: type[Picklist], standard: Standard) -> None:
    for member in codelist:
        exact = getattr(member.codes, standard)
        if exact is not None and standard not in member.codes.coarse:
            assert codelist.from_code(standard, exact) is member
            assert codelist.from_code(standard, str(exact)) is member
        for finer in member.codes.accepts.get(standard, ()):
            assert codelist.from_code(standard, finer) is member
        assert set(member.codes.coarse) <= set(STANDARDS) and set(member.codes.accepts) <= set(STANDARDS)


@pytest.mark.parametrize(("name", "codes"), HMIS.values(), ids=HMIS.keys())
def test_every_hmis_code_is_understood_and_no_other_written(name: str, codes: set[int | str]) -> None:
    for code in codes:
        LISTS[name].from_code("hmis", code)
    written = {member.codes.hmis for member in LISTS[name]} - {None}
    extra = {8, 9, 99} if name == "Race" else set()
    assert written <= set().union(*(known for ours, known in HMIS.values() if ours == name)) | extra


@pytest.mark.parametrize(("name", "codes"), HTCDS.values(), ids=HTCDS.keys())
def test_every_htcds_code_is_understood_and_no_other_written(name: str, codes: set[str]) -> None:
    for code in codes:
        LISTS[name].from_code("htcds", code)
    assert {member.codes.htcds for member in LISTS[name]} - {None} <= codes


def test_industries_are_the_21_sections_of_isic() -> None:
    letters = [member.codes.htcds[0] for member in picklists.Industry if member.codes.htcds]
    assert letters == list("ABCDEFGHIJKLMNOPQRSTU")


def test_an_unknown_code_is_refused_and_a_coarse_one_is_never_guessed() -> None:
    with pytest.raises(ValueError, match="no value"):
        picklists.Destination.from_code("hmis", 999)
    with pytest.raises(ValueError, match="no value"):
        picklists.CitizenshipClass.from_code("otip", "DVHT")


def test_destinations_are_grouped_by_the_hundreds_of_their_codes() -> None:
    groups = {member.value: member.group for member in picklists.Destination}
    assert groups["emergency_shelter"] == "homeless" and groups["foster_care"] == "institutional"
    assert groups["host_home"] == "temporary" and groups["rental_with_subsidy"] == "permanent"
    assert groups["deceased"] == groups["not_asked"] == groups["no_exit_interview"] == "other"


def test_the_sizes_that_the_forms_prescribe() -> None:
    answers = {name: sum(not m.is_missing for m in codelist) for name, codelist in LISTS.items()}
    assert answers["Victimization"] == 26 and answers["SpecialClassification"] == 8
    assert answers["Venue"] == 25 + 1  # and another
    assert answers["AgeBand"] == 5 and answers["MeansOfControl"] == 16


def test_victim_is_written_only_where_a_federal_form_or_a_tool_is_called_so() -> None:
    official = {
        "Victims with Disabilities",
        "Survivors of Homicide Victims",
        "Teen Dating Victimization",
        "Trafficking Victim Identification Tool, short form",
        "Trafficking Victim Identification Tool, long form",
    }
    texts = {member.label for codelist in LISTS.values() for member in codelist}
    texts |= {service.description for service in ServiceType}
    assert {text for text in texts if "victim" in text.lower()} == official


def test_the_service_list_is_complete_and_each_service_can_be_entered() -> None:
    assert {service.value for service in ServiceType} == SERVICES
    for service in ServiceType:
        assert service.units and len(set(service.units)) == len(service.units)
        assert service.description and (service.voca_items or service is ServiceType.OTHER)


def test_every_sector_has_a_group_and_every_group_a_sector() -> None:
    assert {sector.group for sector in picklists.Sector} == set(picklists.SectorGroup)
    assert [sector.value for sector in picklists.Sector if sector.group == "other"] == ["other"]


def test_what_a_contact_gave_is_a_service_of_the_list() -> None:
    plain = [given.value for given in picklists.ContactGiven if given.service is ServiceType.OTHER]
    assert plain == ["something_else"]


def test_a_refusal_tells_hmis_whose_decision_it_was() -> None:
    for reason in DeclineReason:
        assert reason.codes.hmis == {"client": 2, "provider": 3}[reason.by]


@pytest.mark.parametrize(
    ("years", "band", "minor"),
    [
        *((years, "0_12", True) for years in (0, 12)),
        *((years, "13_17", True) for years in (13, 17)),
        *((years, "18_24", False) for years in (18, 24)),
        *((years, "25_59", False) for years in (25, 59)),
        (60, "60_over", False),
    ],
)
def test_an_age_falls_into_its_band(years: int, band: str, minor: bool) -> None:
    assert AgeBand.of(years) == band
    assert AgeBand.of(years).is_minor is minor


def test_an_impossible_age_has_no_band() -> None:
    for years in (-1, 131):
        with pytest.raises(ValueError, match="between 0 and 130"):
            AgeBand.of(years)
    assert AgeBand.NOT_ASKED.is_minor is None


def test_choices_are_translated_only_when_shown() -> None:
    assert picklists.ServiceUnit.choices()[0] == ("hours", "Hours")
    assert picklists.ServiceUnit.choices(str.upper)[0] == ("hours", "HOURS")


def test_the_lists_load_where_there_is_no_django() -> None:
    # the agency's own tool carries this file to machines that have nothing installed
    code = (
        "import sys; sys.modules['django'] = None; import referrals.picklists;"
        "assert not any(name.startswith(('rest_framework', 'agencies', 'reporting')) for name in sys.modules)"
    )
    root = Path(picklists.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
