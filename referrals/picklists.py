"""Every code list of the casework, with its label, its standard codes and where it comes from.

Pure data: no Django, no other file of the house. Labels are English message ids, marked for translation
here and translated where they are shown (`choices(gettext_lazy)`). Which row holds which list stands in the
models; which number counts which value stands in `reporting`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar, Literal, Self

Standard = Literal["hmis", "htcds", "voca", "otip"]


def gettext_noop(message: str) -> str:
    """Mark a label so that makemessages finds it, and leave it as it is."""
    return message


_ = gettext_noop


@dataclass(frozen=True, kw_only=True)
class Codes:
    """What one value is called in the standards; None where a standard has no word for it.

    `coarse` names the standards whose code says less than the value does: good for export, never for import.
    `accepts` gives finer codes that import as this value and are never exported. A several-answers code of
    HTCDS is written as its parts joined with ";".
    """

    hmis: int | str | None = None
    htcds: str | None = None
    voca: str | None = None
    otip: str | None = None
    coarse: frozenset[str] | set[str] = frozenset()
    accepts: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)


class Picklist(StrEnum):
    """A code list. Members are written `NAME = "value", _("Label"), Codes(...)`.

    The stored value never changes once released. Where an answer can be missing (`has_missing`), three
    members say why, and `not_asked` is the default. Where several answers may be true (`several`), a missing
    answer stands alone, and no answer at all means: asked, and none of these. `verified` is False while the
    list's wording is from memory and no grantee has checked it.
    """

    source: ClassVar[str]
    verified: ClassVar[bool]
    has_missing: ClassVar[bool]
    several: ClassVar[bool]
    label: str
    codes: Codes

    def __init_subclass__(
        cls, *, source: str = "casehub", verified: bool = True, missing: bool = False, several: bool = False
    ) -> None:
        super().__init_subclass__()
        cls.source, cls.verified, cls.has_missing, cls.several = source, verified, missing, several

    def __new__(cls, value: str, *facts: object) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        return member

    # Members give every fact; the defaults let a type checker read Race("asian") as the lookup that it is.
    def __init__(self, value: str, label: str = "", codes: Codes = Codes()) -> None:
        self.label = label
        self.codes = codes

    @classmethod
    def choices(cls, translate: Callable[[str], str] = gettext_noop) -> list[tuple[str, str]]:
        """(value, label) in the order to show them."""
        return [(member.value, translate(member.label)) for member in cls]

    @property
    def is_missing(self) -> bool:
        """True for the three answers that say why there is none."""
        return type(self).has_missing and self.value in _MISSING

    @classmethod
    def from_code(cls, standard: Standard, code: int | str) -> Self:
        """The value that a standard's code means. Raises ValueError where no value means exactly that."""
        for member in cls:
            exact = getattr(member.codes, standard)
            meant = [*member.codes.accepts.get(standard, ())]
            if exact is not None and standard not in member.codes.coarse:
                meant.append(exact)
            if str(code) in map(str, meant):
                return member
        raise ValueError(f"{cls.__name__} has no value for {standard} code {code!r}")


_MISSING = frozenset({"not_asked", "declined", "unknown"})

# VOCA: Not Tracked means that nobody asked, Not Reported that somebody did. The two are never merged.
_NOT_ASKED = "not_asked", _("Not asked"), Codes(hmis=99, voca="Not Tracked", coarse={"voca"})
_DECLINED = "declined", _("Preferred not to answer"), Codes(hmis=9, voca="Not Reported", coarse={"voca"})
_UNKNOWN = "unknown", _("Not known"), Codes(hmis=8, voca="Not Reported", coarse={"voca"})


# --- the person


class AgeBand(Picklist, source="VOCA subgrantee report Q4", missing=True):
    """Age at the start of service, in the only bands the hub may hold."""

    AGE_0_12 = "0_12", _("0 to 12"), Codes(voca="0-12")
    AGE_13_17 = "13_17", _("13 to 17"), Codes(voca="13-17")
    AGE_18_24 = "18_24", _("18 to 24"), Codes(voca="18-24")
    AGE_25_59 = "25_59", _("25 to 59"), Codes(voca="25-59")
    AGE_60_OVER = "60_over", _("60 or older"), Codes(voca="60 & Older")
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN

    @classmethod
    def of(cls, years: int) -> "AgeBand":
        """The band of an age in whole years. Raises ValueError outside 0 to 130."""
        if not 0 <= years <= 130:
            raise ValueError("an age is between 0 and 130 years")
        if years < 18:
            return cls.AGE_0_12 if years < 13 else cls.AGE_13_17
        if years < 60:
            return cls.AGE_18_24 if years < 25 else cls.AGE_25_59
        return cls.AGE_60_OVER

    @property
    def is_minor(self) -> bool | None:
        """Under 18; None where the age is missing."""
        return None if self.is_missing else self in (AgeBand.AGE_0_12, AgeBand.AGE_13_17)


class Gender(Picklist, source="VOCA subgrantee report Q4; HMIS 4.21 Sex; HTCDS prs_Gender", missing=True):
    """HMIS holds sex with two codes since FY2026, so transgender and other have none there."""

    FEMALE = "female", _("Female"), Codes(hmis=0, htcds="Feminine", voca="Female")
    MALE = "male", _("Male"), Codes(hmis=1, htcds="Masculine", voca="Male")
    TRANSGENDER = (
        "transgender",
        _("Transgender"),
        Codes(
            voca="Other", coarse={"voca"}, accepts={"htcds": ("TransgenderFeminine", "TransgenderMasculine")}
        ),
    )
    OTHER = "other", _("Another gender"), Codes(htcds="NonConforming", voca="Other")
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = (
        "unknown",
        _("Not known"),
        Codes(hmis=8, htcds="NonSpecifiedUnknown", voca="Not Reported", coarse={"voca"}),
    )


class Race(
    Picklist,
    source="HMIS race columns, and 1.6 RaceNone for a missing answer; VOCA subgrantee report Q4",
    missing=True,
    several=True,
):
    """Race and ethnicity as the client says. VOCA counts a client with more than one as Multiple Races."""

    AMERICAN_INDIAN_ALASKA_NATIVE = (
        "american_indian_alaska_native",
        _("American Indian, Alaska Native or Indigenous"),
        Codes(hmis="AmIndAKNative", voca="American Indian/Alaska Native"),
    )
    ASIAN = "asian", _("Asian or Asian American"), Codes(hmis="Asian", voca="Asian")
    BLACK = (
        "black",
        _("Black, African American or African"),
        Codes(hmis="BlackAfAmerican", voca="Black/African American"),
    )
    HISPANIC_LATINO = (
        "hispanic_latino",
        _("Hispanic or Latino"),
        # the FY2026 column; the code list and FY2024 files spell it the other way
        Codes(hmis="HispanicLatinao", voca="Hispanic/Latino", accepts={"hmis": ("HispanicLatinaeo",)}),
    )
    MIDDLE_EASTERN_NORTH_AFRICAN = (
        "middle_eastern_north_african",
        _("Middle Eastern or North African"),
        Codes(hmis="MidEastNAfrican", voca="Some Other Race", coarse={"voca"}),
    )
    NATIVE_HAWAIIAN_PACIFIC_ISLANDER = (
        "native_hawaiian_pacific_islander",
        _("Native Hawaiian or Pacific Islander"),
        Codes(hmis="NativeHIPacific", voca="Native Hawaiian & Other Pacific Islander"),
    )
    WHITE = "white", _("White"), Codes(hmis="White", voca="White Non-Latino/Caucasian")
    OTHER = "other", _("Another race"), Codes(voca="Some Other Race")
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN


class CitizenshipClass(
    Picklist, source="OTIP: DVHT and TVAP eligibility; OVC human trafficking measures", missing=True
):
    """Decides which federal program may pay; asked only when the worker opens that panel, never required."""

    US_CITIZEN = "us_citizen", _("U.S. citizen or national"), Codes(otip="DVHT", coarse={"otip"})
    LAWFUL_PERMANENT_RESIDENT = (
        "lawful_permanent_resident",
        _("Lawful permanent resident"),
        Codes(otip="DVHT", coarse={"otip"}),
    )
    FOREIGN_NATIONAL = "foreign_national", _("Foreign national"), Codes(otip="TVAP")
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN


class Language(Picklist, source="ISO 639-2 (terminology codes)", missing=True):
    """Languages often met in services in the United States; the value is the ISO code."""

    ENG = "eng", _("English"), Codes(htcds="eng")
    SPA = "spa", _("Spanish"), Codes(htcds="spa")
    AMH = "amh", _("Amharic"), Codes(htcds="amh")
    ARA = "ara", _("Arabic"), Codes(htcds="ara")
    BEN = "ben", _("Bengali"), Codes(htcds="ben")
    FRA = "fra", _("French"), Codes(htcds="fra", accepts={"htcds": ("fre",)})
    HAT = "hat", _("Haitian Creole"), Codes(htcds="hat")
    HIN = "hin", _("Hindi"), Codes(htcds="hin")
    HMN = "hmn", _("Hmong"), Codes(htcds="hmn")
    KOR = "kor", _("Korean"), Codes(htcds="kor")
    MYN = "myn", _("A Mayan language"), Codes(htcds="myn")
    NEP = "nep", _("Nepali"), Codes(htcds="nep")
    POR = "por", _("Portuguese"), Codes(htcds="por")
    RUS = "rus", _("Russian"), Codes(htcds="rus")
    SGN = "sgn", _("A sign language"), Codes(htcds="sgn")
    SOM = "som", _("Somali"), Codes(htcds="som")
    SWA = "swa", _("Swahili"), Codes(htcds="swa")
    TGL = "tgl", _("Tagalog"), Codes(htcds="tgl", accepts={"htcds": ("fil",)})
    THA = "tha", _("Thai"), Codes(htcds="tha")
    UKR = "ukr", _("Ukrainian"), Codes(htcds="ukr")
    URD = "urd", _("Urdu"), Codes(htcds="urd")
    VIE = "vie", _("Vietnamese"), Codes(htcds="vie")
    ZHO = "zho", _("Chinese"), Codes(htcds="zho", accepts={"htcds": ("chi",)})
    OTHER = "other", _("Another language"), Codes(htcds="mis")
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = "unknown", _("Not known"), Codes(hmis=8, htcds="und", voca="Not Reported", coarse={"voca"})


class SpecialClassification(
    Picklist, source="VOCA subgrantee report Q5C, in the form's words", missing=True, several=True
):
    """Self-reported. Never derived from another answer, least of all from race or citizenship."""

    def __init__(self, value: str, label: str = "", codes: Codes | None = None) -> None:
        super().__init__(value, label, codes or Codes(voca=label))

    DEAF_HARD_OF_HEARING = "deaf_hard_of_hearing", _("Deaf/Hard of Hearing")
    HOMELESS = "homeless", _("Homeless")
    IMMIGRANT_REFUGEE_ASYLUM_SEEKER = (
        "immigrant_refugee_asylum_seeker",
        _("Immigrants/Refugees/Asylum Seekers"),
    )
    LGBTQ = "lgbtq", _("LGBTQ")
    VETERAN = "veteran", _("Veterans")
    DISABILITY = "disability", _("Victims with Disabilities")
    LIMITED_ENGLISH = "limited_english", _("Limited English Proficiency")
    OTHER = "other", _("Other")
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN


# --- what happened to the person


class TraffickingStatus(Picklist, source="HTCDS vic_TraffickingStatus", missing=True):
    """Never without who decided: a grantee cannot determine it alone."""

    POSSIBLE = "possible", _("Possibly trafficked"), Codes(htcds="PossibleVictimOfTrafficking")
    ACTUAL = "actual", _("Trafficked"), Codes(htcds="ActualVictimOfTrafficking")
    NOT_TRAFFICKED = "not_trafficked", _("Not trafficked"), Codes(htcds="NotAVictimOfTrafficking")
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN


class StatusDecidedBy(Picklist, source="HTCDS vic_TraffickingStatusDecisionMakingOrg", missing=True):
    POLICE = "police", _("Police"), Codes(htcds="Police")
    NGO = "ngo", _("Service provider or other nonprofit"), Codes(htcds="NGO")
    COURT_OR_PROSECUTION = (
        "court_or_prosecution",
        _("Court or prosecution"),
        Codes(htcds="CourtOrProsecution"),
    )
    OTHER_GOVERNMENT = (
        "other_government",
        _("Another government agency"),
        Codes(htcds="NonPoliceGovernmentalOrganization"),
    )
    SELF_IDENTIFIED = "self_identified", _("The client"), Codes(htcds="Other", coarse={"htcds"})
    OTHER = "other", _("Someone else"), Codes(htcds="Other")
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN


class TraffickingType(
    Picklist, source="22 USC 7102(11); HTCDS vic_TypeOfExploitation; VOCA Q5", missing=True
):
    """`uncertain` is an answer, not a missing one: trafficking, and its type is not clear."""

    SEX = "sex", _("Sex trafficking"), Codes(htcds="SexualExploitation", voca="Human Trafficking: Sex")
    LABOR = (
        "labor",
        _("Labor trafficking"),
        Codes(
            htcds="ForcedLabour",
            voca="Human Trafficking: Labor",
            accepts={"htcds": ("ChildLabour", "Servitude", "ForcedBegging")},
        ),
    )
    SEX_AND_LABOR = (
        "sex_and_labor",
        _("Sex and labor trafficking"),
        Codes(
            htcds="ForcedLabour;SexualExploitation", accepts={"htcds": ("SexualExploitation;ForcedLabour",)}
        ),
    )
    UNCERTAIN = "uncertain", _("Type uncertain"), Codes(voca="Other", coarse={"voca"})
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN


class RecruitmentMethod(Picklist, source="HTCDS vic_MethodOfRecruitment", missing=True, several=True):
    PLACE_OF_BUSINESS = "place_of_business", _("At a place of business"), Codes(htcds="AtAPlaceOfBusiness")
    SCHOOL = "school", _("At a school or college"), Codes(htcds="AtAnEducationalInstitution")
    WORK = "work", _("At work"), Codes(htcds="AtWork")
    SOCIAL_NETWORK = (
        "social_network",
        _("On an online social network"),
        Codes(htcds="ThroughOnlineSocialNetworks"),
    )
    ONLINE_AD = "online_ad", _("Through an online advertisement"), Codes(htcds="ThroughAnOnlineAdvertisement")
    TELEVISION_AD = (
        "television_ad",
        _("Through a television advertisement"),
        Codes(htcds="ThroughATelevisionAdvert"),
    )
    NEWSPAPER_AD = (
        "newspaper_ad",
        _("Through a newspaper advertisement"),
        Codes(htcds="ThroughANewspaperAdvert"),
    )
    FAMILY = "family", _("Through family or a family event"), Codes(htcds="ThroughFamilyOrFamilyEvents")
    FRIENDS = "friends", _("Through friends or a social event"), Codes(htcds="ThroughFriendsOrSocialEvents")
    OTHER = "other", _("Another way"), Codes(htcds="Other")
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN


class MeansOfControl(Picklist, source="HTCDS vic_MethodsOfControl", missing=True, several=True):
    PHYSICAL_THREATS = "physical_threats", _("Threats of violence"), Codes(htcds="PhysicalThreats")
    LAW_ENFORCEMENT_THREATS = (
        "law_enforcement_threats",
        _("Threats of police or deportation"),
        Codes(htcds="ThreatsLawEnforcement"),
    )
    FAMILY_THREATS = (
        "family_threats",
        _("Threats to children or family"),
        Codes(htcds="ThreatensChildrenFamily"),
    )
    DEBT_BONDAGE = "debt_bondage", _("A debt that had to be worked off"), Codes(htcds="DebtBondage")
    FALSE_PROMISES = "false_promises", _("False promises"), Codes(htcds="FalsePromises")
    PHYSICAL_ABUSE = "physical_abuse", _("Physical abuse"), Codes(htcds="PhysicalAbuse")
    SEXUAL_ABUSE = "sexual_abuse", _("Sexual abuse"), Codes(htcds="SexualAbuse")
    TAKES_EARNINGS = "takes_earnings", _("Earnings taken"), Codes(htcds="TakesEarnings")
    RESTRICTS_MONEY = (
        "restricts_money",
        _("Kept from money or accounts"),
        Codes(htcds="RestrictsFinancialAccess"),
    )
    RESTRICTS_MEDICAL_CARE = (
        "restricts_medical_care",
        _("Kept from medical care"),
        Codes(htcds="RestrictsMedicalCare"),
    )
    WITHHOLDS_NECESSITIES = (
        "withholds_necessities",
        _("Food, sleep or other needs withheld"),
        Codes(htcds="WithholdsNecessities"),
    )
    PSYCHOLOGICAL_ABUSE = "psychological_abuse", _("Psychological abuse"), Codes(htcds="PsychologicalAbuse")
    SUBSTANCES = "substances", _("Drugs or alcohol"), Codes(htcds="PsychoactiveSubstance")
    EXCESSIVE_HOURS = "excessive_hours", _("Excessive working hours"), Codes(htcds="ExcessiveWorkingHours")
    WITHHOLDS_DOCUMENTS = "withholds_documents", _("Documents withheld"), Codes(htcds="WithholdsDocuments")
    OTHER = "other", _("Another means"), Codes(htcds="Other")
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN


class Industry(Picklist, source="ISIC Rev. 4 sections, as HTCDS vic_ForcedLabourIndustry", missing=True):
    AGRICULTURE = (
        "agriculture",
        _("Agriculture, forestry and fishing"),
        Codes(htcds="A_AgricultureForestryAndFishing"),
    )
    MINING = "mining", _("Mining and quarrying"), Codes(htcds="B_MiningAndQuarrying")
    MANUFACTURING = "manufacturing", _("Manufacturing"), Codes(htcds="C_Manufacturing")
    ENERGY = (
        "energy",
        _("Electricity, gas and steam supply"),
        Codes(htcds="D_ElectricityGasSteamAndAirConditioningSupply"),
    )
    WATER_AND_WASTE = (
        "water_and_waste",
        _("Water, sewerage and waste"),
        Codes(htcds="E_WaterSupplySewerageWasteManagement"),
    )
    CONSTRUCTION = "construction", _("Construction"), Codes(htcds="F_Construction")
    TRADE = (
        "trade",
        _("Wholesale and retail trade, vehicle repair"),
        Codes(htcds="G_WholesaleAndRetailTradeRepairOfMotorVehicles"),
    )
    TRANSPORTATION = (
        "transportation",
        _("Transportation and storage"),
        Codes(htcds="H_TransportationAndStorage"),
    )
    ACCOMMODATION_AND_FOOD = (
        "accommodation_and_food",
        _("Hotels, restaurants and food service"),
        Codes(htcds="I_AccommodationAndFoodServiceActivities"),
    )
    INFORMATION = (
        "information",
        _("Information and communication"),
        Codes(htcds="J_InformationAndCommunication"),
    )
    FINANCE = "finance", _("Finance and insurance"), Codes(htcds="K_FinancialAndInsuranceActivities")
    REAL_ESTATE = "real_estate", _("Real estate"), Codes(htcds="L_RealEstateActivities")
    PROFESSIONAL = (
        "professional",
        _("Professional, scientific and technical work"),
        Codes(htcds="M_ProfessionalScientificAndTechnicalActivities"),
    )
    ADMINISTRATIVE = (
        "administrative",
        _("Administrative and support services, cleaning, landscaping"),
        Codes(htcds="N_AdministrativeAndSupportServiceActivities"),
    )
    PUBLIC_ADMINISTRATION = (
        "public_administration",
        _("Public administration and defense"),
        Codes(htcds="O_PublicAdministrationAndDefence"),
    )
    EDUCATION = "education", _("Education"), Codes(htcds="P_Education")
    HEALTH_AND_SOCIAL_WORK = (
        "health_and_social_work",
        _("Health and social work"),
        Codes(htcds="Q_HumanHealthAndSocialWorkActivities"),
    )
    ARTS_AND_RECREATION = (
        "arts_and_recreation",
        _("Arts, entertainment and recreation"),
        Codes(htcds="R_ArtsEntertainmentAndRecreation"),
    )
    OTHER_SERVICES = (
        "other_services",
        _("Other services, such as hair, nails and massage"),
        Codes(htcds="S_OtherServiceActivities"),
    )
    HOUSEHOLDS = "households", _("Work in a household"), Codes(htcds="T_ActivitiesOfHouseholdsAsEmployers")
    EXTRATERRITORIAL = (
        "extraterritorial",
        _("Embassies and international organizations"),
        Codes(htcds="U_ActivitiesOfExtraterritorialOrganizations"),
    )
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN


def _venue(industry: Industry) -> Codes:
    """A venue is finer than an industry, so the industry's code is for export only."""
    return Codes(htcds=industry.codes.htcds, coarse={"htcds"})


class Venue(
    Picklist,
    source="Polaris typology of 25 types; HTCDS code: vic_ForcedLabourIndustry",
    verified=False,
    missing=True,
):
    ESCORT_SERVICES = "escort_services", _("Escort services")
    ILLICIT_MASSAGE = (
        "illicit_massage",
        _("Illicit massage, health and beauty"),
        _venue(Industry.OTHER_SERVICES),
    )
    OUTDOOR_SOLICITATION = "outdoor_solicitation", _("Outdoor solicitation")
    RESIDENTIAL_SEX = "residential_sex", _("Commercial sex in a residence")
    DOMESTIC_WORK = "domestic_work", _("Domestic work"), _venue(Industry.HOUSEHOLDS)
    BARS_AND_CLUBS = (
        "bars_and_clubs",
        _("Bars, strip clubs and cantinas"),
        _venue(Industry.ACCOMMODATION_AND_FOOD),
    )
    PORNOGRAPHY = "pornography", _("Pornography"), _venue(Industry.INFORMATION)
    TRAVELING_SALES = "traveling_sales", _("Traveling sales crews"), _venue(Industry.TRADE)
    RESTAURANTS = "restaurants", _("Restaurants and food service"), _venue(Industry.ACCOMMODATION_AND_FOOD)
    PEDDLING_AND_BEGGING = "peddling_and_begging", _("Peddling and begging")
    AGRICULTURE = "agriculture", _("Agriculture and animal husbandry"), _venue(Industry.AGRICULTURE)
    PERSONAL_SEXUAL_SERVITUDE = "personal_sexual_servitude", _("Personal sexual servitude")
    HEALTH_AND_BEAUTY = "health_and_beauty", _("Health and beauty services"), _venue(Industry.OTHER_SERVICES)
    CONSTRUCTION = "construction", _("Construction"), _venue(Industry.CONSTRUCTION)
    HOTELS = "hotels", _("Hotels and hospitality"), _venue(Industry.ACCOMMODATION_AND_FOOD)
    LANDSCAPING = "landscaping", _("Landscaping"), _venue(Industry.ADMINISTRATIVE)
    ILLICIT_ACTIVITIES = "illicit_activities", _("Illicit activities")
    ARTS_AND_SPORTS = (
        "arts_and_sports",
        _("Arts, sports and entertainment"),
        _venue(Industry.ARTS_AND_RECREATION),
    )
    COMMERCIAL_CLEANING = "commercial_cleaning", _("Commercial cleaning"), _venue(Industry.ADMINISTRATIVE)
    FACTORIES = "factories", _("Factories and manufacturing"), _venue(Industry.MANUFACTURING)
    REMOTE_SEXUAL_ACTS = (
        "remote_sexual_acts",
        _("Remote interactive sexual acts"),
        _venue(Industry.INFORMATION),
    )
    CARNIVALS = "carnivals", _("Carnivals"), _venue(Industry.ARTS_AND_RECREATION)
    FORESTRY = "forestry", _("Forestry and reforestation"), _venue(Industry.AGRICULTURE)
    HEALTH_CARE = "health_care", _("Health care"), _venue(Industry.HEALTH_AND_SOCIAL_WORK)
    RECREATIONAL_FACILITIES = (
        "recreational_facilities",
        _("Recreational facilities"),
        _venue(Industry.ARTS_AND_RECREATION),
    )
    OTHER = "other", _("Another venue")
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN


class RelationshipToTrafficker(
    Picklist, source="HTCDS vic_RelationshipToTrafficker, made finer", missing=True
):
    FAMILY = "family", _("Family member"), Codes(htcds="Familial")
    INTIMATE_PARTNER = "intimate_partner", _("Intimate partner"), Codes(htcds="Acquainted", coarse={"htcds"})
    EMPLOYER_OR_RECRUITER = (
        "employer_or_recruiter",
        _("Employer, recruiter or contractor"),
        Codes(htcds="Acquainted", coarse={"htcds"}),
    )
    ACQUAINTANCE = "acquaintance", _("Friend or acquaintance"), Codes(htcds="Acquainted")
    # the standard's own spelling
    STRANGER = "stranger", _("Stranger"), Codes(htcds="Unaquainted")
    OTHER = "other", _("Another relationship")
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN


class Victimization(
    Picklist, source="VOCA subgrantee report Q5, in the form's words", missing=True, several=True
):
    """The form's 26 types. A report derives the two trafficking types from TraffickingType as well."""

    def __init__(self, value: str, label: str = "", codes: Codes | None = None) -> None:
        super().__init__(value, label, codes or Codes(voca=label))

    ADULT_PHYSICAL_ASSAULT = "adult_physical_assault", _("Adult Physical Assault")
    ADULT_SEXUAL_ASSAULT = "adult_sexual_assault", _("Adult Sexual Assault")
    ADULT_SEXUALLY_ABUSED_AS_CHILD = (
        "adult_sexually_abused_as_child",
        _("Adults Sexually Abused/Assaulted as Children"),
    )
    ARSON = "arson", _("Arson")
    BULLYING = "bullying", _("Bullying")
    BURGLARY = "burglary", _("Burglary")
    CHILD_PHYSICAL_ABUSE_OR_NEGLECT = (
        "child_physical_abuse_or_neglect",
        _("Child Physical Abuse or Neglect"),
    )
    CHILD_PORNOGRAPHY = "child_pornography", _("Child Pornography")
    CHILD_SEXUAL_ABUSE = (
        "child_sexual_abuse",
        _("Child Sexual Abuse/Assault"),
    )
    DOMESTIC_VIOLENCE = (
        "domestic_violence",
        _("Domestic and/or Family Violence"),
    )
    DUI_DWI = "dui_dwi", _("DUI/DWI")
    ELDER_ABUSE_OR_NEGLECT = "elder_abuse_or_neglect", _("Elder Abuse or Neglect")
    HATE_CRIME = "hate_crime", _("Hate Crime")
    HUMAN_TRAFFICKING_LABOR = (
        "human_trafficking_labor",
        _("Human Trafficking: Labor"),
    )
    HUMAN_TRAFFICKING_SEX = "human_trafficking_sex", _("Human Trafficking: Sex")
    IDENTITY_THEFT_FRAUD = (
        "identity_theft_fraud",
        _("Identity Theft/Fraud/Financial"),
    )
    KIDNAPPING_NONCUSTODIAL = (
        "kidnapping_noncustodial",
        _("Kidnapping (noncustodial)"),
    )
    KIDNAPPING_CUSTODIAL = "kidnapping_custodial", _("Kidnapping (custodial)")
    MASS_VIOLENCE = "mass_violence", _("Mass Violence")
    OTHER_VEHICULAR = "other_vehicular", _("Other Vehicular")
    ROBBERY = "robbery", _("Robbery")
    STALKING_HARASSMENT = "stalking_harassment", _("Stalking/Harassment")
    SURVIVOR_OF_HOMICIDE_VICTIM = (
        "survivor_of_homicide_victim",
        _("Survivors of Homicide Victims"),
    )
    TEEN_DATING_VICTIMIZATION = (
        "teen_dating_victimization",
        _("Teen Dating Victimization"),
    )
    TERRORISM = "terrorism", _("Terrorism")
    OTHER = "other", _("Other")
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN


# --- where and how people meet


class SectorFamily(Picklist):
    """The coarsest cut of the sectors: the one a network's tables use, so that few cells must be hidden."""

    FIRST_LINE = "first_line", _("Hotline, outreach and community")
    HEALTH = "health", _("Health care")
    SYSTEMS = "systems", _("Justice, child welfare and schools")
    SHELTER_AND_LEGAL = "shelter_and_legal", _("Shelter and legal help")


class SectorGroup(Picklist):
    """The coarser sectors, each in its family."""

    family: SectorFamily

    def __init__(
        self,
        value: str,
        label: str = "",
        family: SectorFamily = SectorFamily.FIRST_LINE,
        codes: Codes = Codes(),
    ) -> None:
        super().__init__(value, label, codes)
        self.family = family

    HOTLINE = "hotline", _("Hotline"), SectorFamily.FIRST_LINE
    OUTREACH = "outreach", _("Outreach"), SectorFamily.FIRST_LINE
    HEALTH_CARE = "health_care", _("Health care"), SectorFamily.HEALTH
    CHILD_WELFARE = "child_welfare", _("Child welfare"), SectorFamily.SYSTEMS
    JUSTICE = "justice", _("Justice system"), SectorFamily.SYSTEMS
    SHELTER = "shelter", _("Shelter and housing"), SectorFamily.SHELTER_AND_LEGAL
    LEGAL = "legal", _("Legal services"), SectorFamily.SHELTER_AND_LEGAL
    SCHOOL = "school", _("Schools"), SectorFamily.SYSTEMS
    LABOR = "labor", _("Labor and workplaces"), SectorFamily.FIRST_LINE
    COMMUNITY = "community", _("Community services"), SectorFamily.FIRST_LINE
    OTHER = "other", _("Other"), SectorFamily.FIRST_LINE


class Sector(Picklist, source="casehub; HTCDS org_Type for export"):
    """The part of the system at which a client and an agency met."""

    group: SectorGroup

    def __init__(
        self, value: str, label: str = "", codes: Codes = Codes(), group: SectorGroup = SectorGroup.OTHER
    ) -> None:
        super().__init__(value, label, codes)
        self.group = group

    HOTLINE = "hotline", _("Hotline"), Codes(), SectorGroup.HOTLINE
    OUTREACH = "outreach", _("Street or field outreach"), Codes(), SectorGroup.OUTREACH
    SURVIVOR_SERVICES = (
        "survivor_services",
        _("Anti-trafficking or other survivor services"),
        Codes(htcds="NGO"),
        SectorGroup.COMMUNITY,
    )
    LAW_ENFORCEMENT = (
        "law_enforcement",
        _("Law enforcement"),
        Codes(htcds="LawEnforcement"),
        SectorGroup.JUSTICE,
    )
    PROSECUTOR = "prosecutor", _("Prosecutor"), Codes(), SectorGroup.JUSTICE
    COURT = "court", _("Court or defense"), Codes(), SectorGroup.JUSTICE
    CORRECTIONS = "corrections", _("Corrections or jail"), Codes(), SectorGroup.JUSTICE
    JUVENILE_JUSTICE = "juvenile_justice", _("Juvenile justice"), Codes(), SectorGroup.JUSTICE
    CHILD_WELFARE = (
        "child_welfare",
        _("Child welfare or foster care"),
        Codes(htcds="LocalGovernmentOrganisation", coarse={"htcds"}),
        SectorGroup.CHILD_WELFARE,
    )
    HEALTH_CARE = (
        "health_care",
        _("Health care"),
        Codes(htcds="HealthServiceOrganisation"),
        SectorGroup.HEALTH_CARE,
    )
    MENTAL_HEALTH = (
        "mental_health",
        _("Mental health"),
        Codes(htcds="HealthServiceOrganisation", coarse={"htcds"}),
        SectorGroup.HEALTH_CARE,
    )
    SUBSTANCE_USE = (
        "substance_use",
        _("Substance use treatment"),
        Codes(htcds="HealthServiceOrganisation", coarse={"htcds"}),
        SectorGroup.HEALTH_CARE,
    )
    SHELTER = "shelter", _("Shelter"), Codes(), SectorGroup.SHELTER
    HOUSING = "housing", _("Transitional or permanent housing"), Codes(), SectorGroup.SHELTER
    LEGAL_SERVICES = (
        "legal_services",
        _("Legal or immigration services"),
        Codes(htcds="LegalService"),
        SectorGroup.LEGAL,
    )
    LABOR_ENFORCEMENT = "labor_enforcement", _("Labor enforcement"), Codes(), SectorGroup.LABOR
    WORKER_CENTER = "worker_center", _("Worker center or union"), Codes(), SectorGroup.LABOR
    EMPLOYER = "employer", _("Employer or business"), Codes(htcds="CorporateBusiness"), SectorGroup.LABOR
    SCHOOL = "school", _("School or college"), Codes(htcds="SchoolOrCollege"), SectorGroup.SCHOOL
    FAITH_BASED = "faith_based", _("Faith community"), Codes(), SectorGroup.COMMUNITY
    TRIBAL = "tribal", _("Tribal program or coalition"), Codes(), SectorGroup.COMMUNITY
    REFUGEE_SERVICES = "refugee_services", _("Refugee services"), Codes(), SectorGroup.COMMUNITY
    BENEFITS_OFFICE = "benefits_office", _("Benefits office"), Codes(), SectorGroup.COMMUNITY
    COMMUNITY = "community", _("Community, or the client came alone"), Codes(), SectorGroup.COMMUNITY
    OTHER = "other", _("Other"), Codes(), SectorGroup.OTHER


class TouchpointKind(Picklist):
    CONTACT = "contact", _("Contact")
    SCREENING = "screening", _("Screening")
    REFERRAL = "referral", _("Referral")
    SERVICE = "service", _("Service")
    FOLLOW_UP = "follow_up", _("Follow-up")
    CLOSURE = "closure", _("Closure")


class ReferralSource(
    Picklist, source="HMIS R1.1; OVC human trafficking measures, wording from memory", missing=True
):
    """Who sent the client. HMIS is coarser: a lawyer and a faith group are both its other organization."""

    SELF = "self", _("Self"), Codes(hmis=1)
    FAMILY_OR_FRIEND = "family_or_friend", _("Family, friend or another person"), Codes(hmis=2)
    NATIONAL_HOTLINE = (
        "national_hotline",
        _("National Human Trafficking Hotline"),
        Codes(hmis=28, coarse={"hmis"}),
    )
    OTHER_HOTLINE = "other_hotline", _("Another hotline, or one not named"), Codes(hmis=28)
    OUTREACH = "outreach", _("Outreach"), Codes(hmis=7)
    FEDERAL_LAW_ENFORCEMENT = (
        "federal_law_enforcement",
        _("Federal law enforcement"),
        Codes(hmis=35, coarse={"hmis"}),
    )
    STATE_LOCAL_TRIBAL_LAW_ENFORCEMENT = (
        "state_local_tribal_law_enforcement",
        _("State, local or tribal law enforcement"),
        Codes(hmis=35, coarse={"hmis"}),
    )
    LAW_ENFORCEMENT = "law_enforcement", _("Law enforcement, level not said"), Codes(hmis=35)
    PROSECUTOR_OR_COURT = "prosecutor_or_court", _("Prosecutor or court"), Codes(hmis=39, coarse={"hmis"})
    JUVENILE_JUSTICE = "juvenile_justice", _("Juvenile justice"), Codes(hmis=34)
    CHILD_WELFARE = "child_welfare", _("Child welfare"), Codes(hmis=30)
    SURVIVOR_SERVICES = (
        "survivor_services",
        _("Survivor services or another nonprofit"),
        Codes(hmis=39, coarse={"hmis"}),
    )
    TEMPORARY_SHELTER = "temporary_shelter", _("Temporary shelter"), Codes(hmis=11)
    RESIDENTIAL_PROJECT = "residential_project", _("Residential program"), Codes(hmis=18)
    HEALTH_CARE = "health_care", _("Health care"), Codes(hmis=39, coarse={"hmis"})
    MENTAL_HOSPITAL = "mental_hospital", _("Mental hospital"), Codes(hmis=37)
    SCHOOL = "school", _("School"), Codes(hmis=38)
    FAITH_BASED = "faith_based", _("Faith community"), Codes(hmis=39, coarse={"hmis"})
    ATTORNEY = "attorney", _("Attorney or legal aid"), Codes(hmis=39, coarse={"hmis"})
    OTHER = "other", _("Another organization"), Codes(hmis=39)
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN


class ScreeningTool(Picklist, source="the tools' publishers; their texts are not shipped here"):
    TVIT_SHORT = "tvit_short", _("Trafficking Victim Identification Tool, short form")
    TVIT_LONG = "tvit_long", _("Trafficking Victim Identification Tool, long form")
    QYIT = "qyit", _("Quick Youth Indicators for Trafficking")
    RAFT = "raft", _("Rapid Appraisal for Trafficking")
    AHTST = "ahtst", _("Adult Human Trafficking Screening Tool")
    HMIS_ASSESSMENT = "hmis_assessment", _("Assessment imported from HMIS")
    AGENCY_OWN = "agency_own", _("The agency's own tool")
    NONE_CONVERSATION = "none_conversation", _("No tool: a conversation")


class ScreeningResult(Picklist):
    """Screening is for screening in: no value means no, and none may ever close a door."""

    INDICATORS_PRESENT = "indicators_present", _("Indicators present")
    SOME_INDICATORS = "some_indicators", _("Some indicators")
    NO_INDICATORS_TODAY = "no_indicators_today", _("No indicators today")
    STOPPED = "stopped", _("Stopped before the end")


# --- services


class ServiceUnit(Picklist):
    """What a service is measured in. Units are never added together."""

    HOURS = "hours", _("Hours")
    OCCURRENCES = "occurrences", _("Times")
    NIGHTS = "nights", _("Nights")
    DOLLARS = "dollars", _("Dollars")


class ServiceMode(Picklist, source="OVC human trafficking measures, wording from memory", verified=False):
    DIRECT = "direct", _("By this agency")
    VIA_PARTNER = "via_partner", _("By a partner this agency pays")
    BY_REFERRAL = "by_referral", _("By an agency referred to")


_N = (ServiceUnit.OCCURRENCES,)
_H = (ServiceUnit.HOURS,)
_NH = (ServiceUnit.OCCURRENCES, ServiceUnit.HOURS)
_NT = (ServiceUnit.NIGHTS,)
_D = (ServiceUnit.DOLLARS,)


class ServiceType(Picklist, source="casehub's canonical list; OTIP service definitions; HMIS R14.2"):
    """What an agency does for a client, in one list that maps to every form.

    `units` are the units it may be entered in, the usual one first. `voca_items` are the items of the VOCA
    subgrantee report that it may stand under; which one it is counted under is the form's decision.
    `is_direct` is OVC's direct service: something done for the client, as against a hand-over, an anonymous
    contact or an event in a case.
    """

    description: str
    units: tuple[ServiceUnit, ...]
    voca_items: tuple[str, ...]
    is_direct: bool

    def __init__(
        self,
        value: str,
        label: str = "",
        codes: Codes = Codes(),
        units: tuple[ServiceUnit, ...] = (),
        voca_items: str = "",
        description: str = "",
        is_direct: bool = True,
    ) -> None:
        super().__init__(value, label, codes)
        self.units = units
        self.voca_items = tuple(voca_items.split())
        self.description = description
        self.is_direct = is_direct

    INTAKE = (
        "intake",
        _("Intake and needs assessment"),
        Codes(),
        _NH,
        "A4 B4",
        _("The first conversation about needs and eligibility; rights and consent explained"),
    )
    ORIENT = (
        "orient",
        _("Orientation"),
        Codes(),
        _NH,
        "A2",
        _("Explaining the program, confidentiality, rights and the help there is"),
    )
    CM = (
        "cm",
        _("Ongoing case management"),
        Codes(otip="Case management"),
        _H,
        "B4",
        _("Service plan, follow-through on referrals, and working with partners for the client"),
    )
    CRISIS = (
        "crisis",
        _("Crisis intervention"),
        Codes(otip="Crisis intervention"),
        _NH,
        "C1 C2 C3",
        _("Answering acute distress or an emergency, in person or by phone, at any hour"),
    )
    SAFETY = (
        "safety",
        _("Safety planning and protection"),
        Codes(),
        _NH,
        "C1 D3",
        _("A safety plan, information on protection orders, moving away from danger"),
    )
    EMOSUP = ("emosup", _("Emotional support"), Codes(), _NH, "C4", _("Support that is not clinical"))
    VADV = (
        "vadv",
        _("Personal advocacy and accompaniment"),
        Codes(),
        _NH,
        "B4 B1 B2 B7",
        _("Going along and speaking up with agencies other than justice"),
    )
    CJADV = (
        "cjadv",
        _("Criminal justice advocacy"),
        Codes(hmis=7),
        _NH,
        "B3 E1 E2 E3 E8 E9 E10",
        _("Interviews with police or prosecutors, court, notification, impact statement, restitution"),
    )
    SHEL_EM = (
        "shel_em",
        _("Emergency housing"),
        Codes(),
        _NT,
        "D1",
        _("A safe bed for a short stay: shelter, safe house or hotel"),
    )
    SHEL_TR = (
        "shel_tr",
        _("Transitional or short-term housing"),
        Codes(),
        _NT,
        "D2",
        _("Housing with services for up to 24 months"),
    )
    SHEL_LT = (
        "shel_lt",
        _("Long-term housing help"),
        Codes(),
        (ServiceUnit.NIGHTS, ServiceUnit.DOLLARS),
        "D3",
        _("Lease, subsidy, relocation or moving in"),
    )
    LEGAL_IMM = (
        "legal_imm",
        _("Legal help: immigration"),
        Codes(hmis=7, coarse={"hmis"}),
        _H,
        "B6 E7",
        _("Immigration relief with an attorney or accredited representative"),
    )
    LEGAL_CIV = (
        "legal_civ",
        _("Legal help: civil"),
        Codes(hmis=7, coarse={"hmis"}),
        _H,
        "E4 E5 E11",
        _("Protection order, family, wages, or a civil claim over trafficking, with an attorney"),
    )
    LEGAL_CRIM = (
        "legal_crim",
        _("Legal help: criminal record and rights"),
        Codes(hmis=7, coarse={"hmis"}),
        _H,
        "E6 E11",
        _("Vacatur, expungement, defense or rights in a criminal case, with an attorney"),
    )
    TVISA = (
        "tvisa",
        _("T visa filed"),
        Codes(),
        _N,
        "B6",
        _("A filing, as an event beside the hours of help"),
        False,
    )
    UVISA = (
        "uvisa",
        _("U visa filed"),
        Codes(),
        _N,
        "B6",
        _("A filing, as an event beside the hours of help"),
        False,
    )
    CP = (
        "cp",
        _("Continued Presence requested"),
        Codes(),
        _N,
        "B6",
        _("A request by law enforcement, as an event beside the hours of help"),
        False,
    )
    MED_EM = (
        "med_em",
        _("Medical care: emergency"),
        Codes(),
        _N,
        "B1 B2 B5",
        _("Emergency care, with a forensic exam where there was one"),
    )
    MED_LT = (
        "med_lt",
        _("Medical care: ongoing"),
        Codes(hmis=14, accepts={"hmis": (12, 13, 27, 28)}),
        _N,
        "B4 B1 B2 B5",
        _("Care beyond the emergency"),
    )
    DENTAL = ("dental", _("Dental care"), Codes(), _N, "B4", _("Dental care given or paid for"))
    VISION = ("vision", _("Vision care"), Codes(), _N, "B4", _("Eye care or glasses given or paid for"))
    MH_EM = (
        "mh_em",
        _("Mental health: emergency"),
        Codes(),
        _H,
        "C4 C6",
        _("Emergency care by a licensed clinician"),
    )
    MH_LT = ("mh_lt", _("Mental health: ongoing"), Codes(), _H, "C4 C6", _("Therapy by a licensed clinician"))
    GROUP = (
        "group",
        _("Support group or peer mentoring"),
        Codes(),
        _N,
        "C5",
        _("Led by survivors or by a facilitator"),
    )
    SUD = (
        "sud",
        _("Substance use treatment"),
        Codes(hmis=17, accepts={"hmis": (18,)}),
        _NH,
        "C6",
        _("Treatment; records of a federally assisted program fall under 42 CFR Part 2"),
    )
    INTERP = ("interp", _("Interpreter or translation"), Codes(), _H, "B10", _("Spoken, signed or written"))
    TRANSP = (
        "transp",
        _("Transportation"),
        Codes(),
        (ServiceUnit.OCCURRENCES, ServiceUnit.DOLLARS),
        "B9",
        _("Rides, fares or arranging them"),
    )
    CHILD = (
        "child",
        _("Childcare"),
        Codes(otip="Childcare"),
        (ServiceUnit.OCCURRENCES, ServiceUnit.DOLLARS),
        "B8",
        _("Care for the client's children, or help to pay for it"),
    )
    BASIC = (
        "basic",
        _("Basic necessities"),
        Codes(otip="Basic necessities"),
        (ServiceUnit.OCCURRENCES, ServiceUnit.DOLLARS),
        "C7",
        _("Food, clothes, hygiene items, or money for them"),
    )
    FIN = ("fin", _("Financial help"), Codes(), _D, "C7", _("Emergency money, rent, debt or credit repair"))
    EMPL = (
        "empl",
        _("Employment help"),
        Codes(hmis=6),
        _NH,
        "B4",
        _("Job search, readiness, or following up a work permit"),
    )
    EDU = (
        "edu",
        _("Education"),
        Codes(hmis=5, otip="Education"),
        _NH,
        "B4",
        _("English classes, high school equivalency, enrollment or tuition"),
    )
    LIFE = ("life", _("Life skills"), Codes(hmis=8), _H, "B4", _("Everyday skills, alone or in a class"))
    BENEFITS = (
        "benefits",
        _("Help with public benefits"),
        Codes(),
        _NH,
        "B4 A4",
        _("Explaining benefits and applying for them"),
    )
    FAMILY = (
        "family",
        _("Family reunification and support"),
        Codes(accepts={"hmis": (10,)}),
        _NH,
        "B4",
        _("Bringing family together or supporting it, with derivative applicants"),
    )
    REPAT = ("repat", _("Repatriation"), Codes(), _N, "B4", _("A wanted return to the home country"))
    COMP = (
        "comp",
        _("Crime compensation application"),
        Codes(),
        _N,
        "Q6",
        _("Help to apply to the state's compensation program"),
    )
    INFO_REF = (
        "info_ref",
        _("Information and referral"),
        Codes(),
        _N,
        "A1 A2 A3 A4",
        _("Telling what help there is, or passing on to it"),
        False,
    )
    OUTREACH = (
        "outreach",
        _("Outreach contact"),
        Codes(hmis=29),
        _N,
        "Q2",
        _("A contact on the street, at a venue or in the field, often anonymous"),
        False,
    )
    FOLLOWUP = (
        "followup",
        _("Follow-up after exit"),
        Codes(),
        _N,
        "C4",
        _("Getting back in touch after the exit"),
    )
    OTHER = (
        "other",
        _("Another service"),
        Codes(accepts={"hmis": (2, 26)}),
        _N,
        "",
        _("Anything else, described without identifying anybody"),
    )


class ContactGiven(Picklist):
    """What a worker ticks after a quick contact, in the words of a call at two in the morning."""

    service: ServiceType

    def __init__(self, value: str, label: str = "", service: ServiceType = ServiceType.OTHER) -> None:
        super().__init__(value, label)
        self.service = service

    LISTENED = "listened", _("Listened"), ServiceType.EMOSUP
    SAFETY_PLAN = "safety_plan", _("Safety plan"), ServiceType.SAFETY
    INFORMATION = "information", _("Information"), ServiceType.INFO_REF
    PLACE_TO_STAY = "place_to_stay", _("A place to stay"), ServiceType.SHEL_EM
    FOOD_OR_CLOTHES = "food_or_clothes", _("Food or clothes"), ServiceType.BASIC
    RIDE = "ride", _("A ride"), ServiceType.TRANSP
    REFERRAL = "referral", _("Referral"), ServiceType.INFO_REF
    SOMETHING_ELSE = "something_else", _("Something else"), ServiceType.OTHER


# --- referral and exit


class ResponseOutcome(
    Picklist, source="HMIS 4.20.D ReferralResult; its two refusals differ in DeclineReason.by"
):
    ACCEPTED = "accepted", _("Accepted"), Codes(hmis=1)
    DECLINED = "declined", _("Declined"), Codes(accepts={"hmis": (2, 3)})
    WAITLISTED = "waitlisted", _("Waitlisted")


class DeclineReason(Picklist, source="casehub; HMIS 4.20.D ReferralResult"):
    """Why a referral was not taken up. `by` says whose decision HMIS reads in it: client 2, provider 3."""

    by: Literal["client", "provider"]

    def __init__(self, value: str, label: str = "", by: Literal["client", "provider"] = "provider") -> None:
        hmis = {"client": 2, "provider": 3}[by]
        # HMIS gives no reason, so one value for each side is what its code imports as
        exact = value in ("client_declined", "other")
        super().__init__(value, label, Codes(hmis=hmis, coarse=frozenset() if exact else {"hmis"}))
        self.by = by

    NO_CAPACITY = "no_capacity", _("No capacity"), "provider"
    NOT_ELIGIBLE = "not_eligible", _("Outside what the program may offer"), "provider"
    CLIENT_DECLINED = "client_declined", _("The client decided against it"), "client"
    COULD_NOT_CONTACT = "could_not_contact", _("Could not reach the client"), "client"
    UNSAFE = "unsafe", _("Not safe for the client"), "provider"
    DUPLICATE = "duplicate", _("Already referred or already a client"), "provider"
    OTHER = "other", _("Another reason"), "provider"


class Accepted(Picklist, source="casehub; HMIS 2.07.4 household types", several=True):
    """Whom a service takes on. Several may hold; none said is a question for the phone."""

    WOMEN = "women", _("Women")
    MEN = "men", _("Men")
    ALL_GENDERS = "all_genders", _("People of every gender")
    FAMILIES = "families", _("Parents with their children")
    MINORS = "minors", _("Minors on their own")
    PETS = "pets", _("Pets")


class Wait(Picklist, source="casehub"):
    """How long people on a list wait: never how many they are, which would count clients."""

    NONE = "none", _("No wait")
    WEEK = "week", _("Up to a week")
    MONTH = "month", _("Up to a month")
    LONGER = "longer", _("More than a month")
    CLOSED = "closed", _("The list is closed")


class ShredReason(Picklist, source="casehub"):
    """Why a client's identity was shredded."""

    BY_DATE = "by_date", _("The agency's date for keeping it had come")
    CLIENT_ASKED = "client_asked", _("The client asked for it")
    ENTERED_IN_ERROR = "entered_in_error", _("It should never have been entered")
    RESTORED = "restored", _("It was destroyed before, and a restored backup had brought the rows back")
    OTHER = "other", _("Another reason")


class Destination(Picklist, source="HMIS 3.12, FY2024 and FY2026", missing=True):
    """Where a client went at the exit. HMIS codes are read by hundreds."""

    @property
    def group(self) -> Literal["homeless", "institutional", "temporary", "permanent", "other"]:
        """The kind of place."""
        match int(str(self.codes.hmis)) // 100:
            case 1:
                return "homeless"
            case 2:
                return "institutional"
            case 3:
                return "temporary"
            case 4:
                return "permanent"
        return "other"

    EMERGENCY_SHELTER = (
        "emergency_shelter",
        _("Emergency shelter, a hotel on a shelter voucher, or host home shelter"),
        Codes(hmis=101),
    )
    NOT_MEANT_FOR_HABITATION = (
        "not_meant_for_habitation",
        _("A place not meant to live in, such as a car or the street"),
        Codes(hmis=116),
    )
    SAFE_HAVEN = "safe_haven", _("Safe Haven"), Codes(hmis=118)
    PSYCHIATRIC_FACILITY = "psychiatric_facility", _("Psychiatric hospital or facility"), Codes(hmis=204)
    SUBSTANCE_USE_FACILITY = "substance_use_facility", _("Substance use treatment or detox"), Codes(hmis=205)
    HOSPITAL = "hospital", _("Hospital or another medical facility"), Codes(hmis=206)
    JAIL_OR_DETENTION = "jail_or_detention", _("Jail, prison or juvenile detention"), Codes(hmis=207)
    FOSTER_CARE = "foster_care", _("Foster home or foster group home"), Codes(hmis=215)
    LONG_TERM_CARE = "long_term_care", _("Long-term care or nursing home"), Codes(hmis=225)
    TRANSITIONAL_HOUSING = "transitional_housing", _("Transitional housing"), Codes(hmis=302)
    FAMILY_TEMPORARY = "family_temporary", _("With family, for now"), Codes(hmis=312)
    FRIENDS_TEMPORARY = "friends_temporary", _("With friends, for now"), Codes(hmis=313)
    HOTEL_WITHOUT_VOUCHER = (
        "hotel_without_voucher",
        _("Hotel or motel without a shelter voucher"),
        Codes(hmis=314),
    )
    HOPWA_TRANSITIONAL = (
        "hopwa_transitional",
        _("From one HOPWA project to HOPWA transitional"),
        Codes(hmis=327),
    )
    HALFWAY_HOUSE = "halfway_house", _("Residential project or halfway house"), Codes(hmis=329)
    HOST_HOME = "host_home", _("Host home that is not a crisis shelter"), Codes(hmis=332)
    RENTAL_WITHOUT_SUBSIDY = "rental_without_subsidy", _("Rented by the client, no subsidy"), Codes(hmis=410)
    OWNED_WITHOUT_SUBSIDY = "owned_without_subsidy", _("Owned by the client, no subsidy"), Codes(hmis=411)
    OWNED_WITH_SUBSIDY = "owned_with_subsidy", _("Owned by the client, with a subsidy"), Codes(hmis=421)
    FAMILY_PERMANENT = "family_permanent", _("With family, to stay"), Codes(hmis=422)
    FRIENDS_PERMANENT = "friends_permanent", _("With friends, to stay"), Codes(hmis=423)
    HOPWA_PERMANENT = "hopwa_permanent", _("From one HOPWA project to HOPWA permanent"), Codes(hmis=426)
    RENTAL_WITH_SUBSIDY = "rental_with_subsidy", _("Rented by the client, with a subsidy"), Codes(hmis=435)
    OTHER = "other", _("Another place"), Codes(hmis=17)
    DECEASED = "deceased", _("Deceased"), Codes(hmis=24)
    NO_EXIT_INTERVIEW = "no_exit_interview", _("No exit interview"), Codes(hmis=30)
    NOT_ASKED = _NOT_ASKED
    DECLINED = _DECLINED
    UNKNOWN = _UNKNOWN


class ExitReason(Picklist, source="casehub; HMIS R17.1 ProjectCompletionStatus", missing=True):
    """Why an enrollment ended. R17.1 has three codes and no missing ones: those export as an empty cell."""

    COMPLETED = "completed", _("Completed the program"), Codes(hmis=1)
    GOALS_MET = "goals_met", _("Goals met"), Codes(hmis=1, coarse={"hmis"})
    TRANSFERRED = "transferred", _("Moved on to another agency's care"), Codes(hmis=1, coarse={"hmis"})
    LEFT_EARLY = "left_early", _("Chose to leave early"), Codes(hmis=2)
    MOVED = "moved", _("Moved away"), Codes(hmis=2, coarse={"hmis"})
    # HMIS counts the disappeared as involuntary discharges (R17.A reason 6)
    LOST_CONTACT = "lost_contact", _("Lost contact"), Codes(hmis=3, coarse={"hmis"})
    DISCHARGED = "discharged", _("Ended by the agency"), Codes(hmis=3)
    DECEASED = "deceased", _("Deceased")
    OTHER = "other", _("Another reason")
    NOT_ASKED = "not_asked", _("Not asked"), Codes(voca="Not Tracked", coarse={"voca"})
    DECLINED = "declined", _("Preferred not to answer"), Codes(voca="Not Reported", coarse={"voca"})
    UNKNOWN = "unknown", _("Not known"), Codes(voca="Not Reported", coarse={"voca"})


class FollowUpOutcome(Picklist):
    REACHED = "reached", _("Reached")
    REACHED_DOING_WELL = "reached_doing_well", _("Reached, and doing well")
    REACHED_NEEDS_HELP = "reached_needs_help", _("Reached, and needs help")
    REACHED_DECLINED = "reached_declined", _("Reached, and did not want to talk")
    NOT_REACHED = "not_reached", _("Not reached")
    UNSAFE_TO_CONTACT = "unsafe_to_contact", _("Not safe to contact")


class DisclosureClass(Picklist, source="casehub; the contact card's parts"):
    """What of a contact card one disclosure hands over. `fields` are paths into the card."""

    IDENTITY = "identity", _("Name and birth date")
    CONTACT = "contact", _("Safe ways to reach them")
    SAFETY = "safety", _("Safety alert")
    LANGUAGE = "language", _("Language and interpreter")
    EMERGENCY = "emergency", _("Emergency contact")
    NUMBERS = "numbers", _("ID numbers")

    @property
    def fields(self) -> dict[str, str]:
        """The fields a person may choose in it, each with its label."""
        return _CARD_FIELDS[self.value]


_CARD_FIELDS: dict[str, dict[str, str]] = {
    "identity": {
        "name.used": _("Name used"),
        "name.legal": _("Legal name"),
        "name.other": _("Other names"),
        "birth": _("Birth date"),
        "pronouns": _("Pronouns"),
    },
    "contact": {
        "phone": _("Safe phone, times and voice mail"),
        "code_word": _("Code word"),
        "address": _("Address, and whether mail is safe"),
    },
    "safety": {"alert": _("Safety alert")},
    "language": {"language": _("Language"), "interpreter": _("Interpreter")},
    "emergency": {"emergency": _("Emergency contact")},
    "numbers": {
        "ids.ssn4": _("Last four of the Social Security number"),
        "ids.other": _("Other numbers"),
    },
}


class DisclosurePurpose(Picklist, source="casehub"):
    """Why details are handed over, and so for how long at first."""

    REFERRAL = "referral", _("A referral")
    CASE_CONFERENCE = "case_conference", _("A case conference")
    WORKING_TOGETHER = "working_together", _("Working with the client together")
    COMPELLED = "compelled", _("A court order or a law that demands it")

    @property
    def days(self) -> int:
        """How long is proposed; the client chooses."""
        return 30 if self is DisclosurePurpose.REFERRAL else 90


MOST_DISCLOSED = timedelta(days=180)
"""No disclosure lasts longer: 28 CFR 94.115 asks that a release be reasonably limited in time."""


class ReleaseClass(Picklist, source="casehub; DisclosureClass, and the two that the hub may be allowed"):
    """What one release allows. There is no value for everything (28 CFR 94.115)."""

    IDENTITY = DisclosureClass.IDENTITY.value, DisclosureClass.IDENTITY.label
    CONTACT = DisclosureClass.CONTACT.value, DisclosureClass.CONTACT.label
    SAFETY = DisclosureClass.SAFETY.value, DisclosureClass.SAFETY.label
    LANGUAGE = DisclosureClass.LANGUAGE.value, DisclosureClass.LANGUAGE.label
    EMERGENCY = DisclosureClass.EMERGENCY.value, DisclosureClass.EMERGENCY.label
    NUMBERS = DisclosureClass.NUMBERS.value, DisclosureClass.NUMBERS.label
    COUNT = "count", _("Being counted once among the agencies named")
    CONFIRM = "confirm", _("Asking the agencies named whether two records are one person")

    @property
    def is_for_hub(self) -> bool:
        """Whether it is the hub that is allowed this, and not another agency."""
        return self in (ReleaseClass.COUNT, ReleaseClass.CONFIRM)


class ReleasePurpose(Picklist, source="casehub"):
    """What a release is for, and so how long is proposed."""

    REFERRAL = "referral", _("A referral")
    CASE_CONFERENCE = "case_conference", _("A case conference")
    WORKING_TOGETHER = "working_together", _("Working with the client together")
    COUNTING = "counting", _("Counting people once across agencies")

    @property
    def days(self) -> int:
        """How many days are proposed, today among them; the client chooses."""
        return 30 if self is ReleasePurpose.REFERRAL else 90

    @property
    def is_for_hub(self) -> bool:
        """Whether its recipient is the hub, and not another agency."""
        return self is ReleasePurpose.COUNTING


class LongerReason(Picklist, source="casehub"):
    """Why a release lasts longer than its purpose proposes."""

    AWARD_PERIOD = "award_period", _("Until the grant that pays for this ends")
    LATER_REVIEW = "later_review", _("The next review is later")
    COURT_DATE = "court_date", _("A court or immigration date is later")
    LONG_PROGRAM = "long_program", _("The program they take part in lasts longer")
    CLIENT_ASKED = "client_asked", _("The client asked for it, so as not to sign again")


class SignerCapacity(Picklist, source="28 CFR 94.115(a)(2)"):
    """As what somebody signs. Who they are stays on paper or on the contact card."""

    CLIENT = "client", _("The client")
    MINOR = "minor", _("The client, under 18, alone")
    PARENT = "parent", _("A parent")
    GUARDIAN = "guardian", _("A guardian")
    REPRESENTATIVE = "representative", _("A representative appointed by a court")


class InterpreterUse(Picklist, source="casehub"):
    """Whether and how somebody interpreted when a release was explained."""

    NONE = "none", _("Not needed")
    IN_PERSON = "in_person", _("Yes, in person")
    BY_PHONE = "by_phone", _("Yes, by phone or video")
    BY_STAFF = "by_staff", _("Yes, by a member of staff")


class CopyGiven(Picklist, source="28 CFR 94.115; casehub"):
    """What became of the client's own copy of a release."""

    GIVEN = "given", _("The client has it")
    DECLINED = "declined", _("Offered, and they did not want one")
    UNSAFE = "unsafe", _("Not given: unsafe to carry. We keep it for them")


class SigningWay(Picklist, source="casehub"):
    PAPER = "paper", _("On paper")
    SCREEN = "screen", _("By the client on this screen")
    READ_ALOUD = "read_aloud", _("Read aloud to the client, then signed")


class RevocationWay(Picklist, source="casehub"):
    ORALLY = "orally", _("They said so")
    IN_WRITING = "in_writing", _("In writing")
    FORGOTTEN = "forgotten", _("The client's identity was destroyed")
    AGAIN = "again", _("Taken back before, and brought back by a backup")

    @property
    def is_said(self) -> bool:
        """Whether the client said so; the others are the hub's own doing."""
        return self in (RevocationWay.ORALLY, RevocationWay.IN_WRITING)


class CompelledBasis(Picklist, source="34 USC 12291(b)(2)(C); 28 CFR 94.115(a)(3)"):
    """What alone lets an agency disclose without a release. A subpoena is none of these."""

    COURT_ORDER = "court_order", _("An order signed by a judge")
    STATUTE = "statute", _("A law that demands it")
    MANDATED_REPORT = "mandated_report", _("A report that the law makes us give")


class ClientNotice(Picklist, source="34 USC 12291(b)(2)(C)"):
    """Whether the client was told of a disclosure that they did not allow."""

    TOLD_BEFORE = "told_before", _("Told before")
    TOLD_AFTER = "told_after", _("Told after")
    NOT_REACHED = "not_reached", _("We tried and could not reach them")
    UNSAFE = "unsafe", _("Not told: it would put somebody in danger")
    FORBIDDEN = "forbidden", _("Not told: the order forbids it")


class DisclosureNotice(Picklist, source="42 CFR 2.32; 34 CFR 99.33"):
    """The notice that goes across with what is handed over."""

    PART_2 = "part_2", _("Substance use records, 42 CFR part 2")
    FERPA = "ferpa", _("School records, FERPA")


LONGEST_RELEASE = timedelta(days=366)
"""A year, a leap day in it: no release lasts longer, whatever the reason."""


class LinkVerdict(Picklist, source="casehub"):
    """What an agency says, over its own card, of two records that may be one person."""

    SAME = "same", _("One person")
    DIFFERENT = "different", _("Two people")
    CORRECTED = "corrected", _("Our card was wrong. We correct it now")
    UNSURE = "unsure", _("We can't tell")


LISTS: dict[str, type[Picklist]] = {cls.__name__: cls for cls in Picklist.__subclasses__()}
"""Every code list by its class name, in the order of this file."""
