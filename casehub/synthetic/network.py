"""The invented network: its counties, agencies, projects, awards and staff.

Everything needed to make the Agency, Project, Award and User rows of a demonstration, as plain data. The
clients stand in `people`.
"""

from dataclasses import dataclass
from datetime import date
from random import Random

from casehub.synthetic.names import FIRST, fictional_phone, full_name

STATE = "XX"


@dataclass(frozen=True, slots=True)
class CountySpec:
    """An invented county; the FIPS code belongs to no state."""

    fips: str
    name: str
    state: str = STATE

    @property
    def word(self) -> str:
        """The county as our own files name it."""
        return self.name.lower().replace(" ", "_")


@dataclass(frozen=True, slots=True)
class ProjectSpec:
    """One HMIS project. `funder` is HMIS list 2.06.1; 22 to 26 (RHY) ask about trafficking at exit."""

    hmis_id: str
    name: str
    hmis_type: int
    funder: int
    kind: str
    starts_on: date
    beds: int = 0
    is_confidential_site: bool = False

    @property
    def is_rhy(self) -> bool:
        return 22 <= self.funder <= 26

    @property
    def counts_nights(self) -> bool:
        return self.hmis_type == 1


@dataclass(frozen=True, slots=True)
class AwardSpec:
    """A grant: `regimes` are values of agencies.models.Regime, `projects` are HMIS ids."""

    funder: str
    number: str
    starts_on: date
    ends_on: date
    regimes: tuple[str, ...]
    projects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """A member of staff, invented; `role` is a key of agencies.roles.ROLES."""

    hmis_id: str
    name: str
    email: str
    phone: str
    role: str
    language: str = "en"


@dataclass(frozen=True, slots=True)
class AgencySpec:
    """An organisation. Without projects it keeps no clients.

    `type` is a value of agencies.models.AgencyType, `sector` one of referrals.picklists.Sector, `kind` this
    file's own, finer word. `languages` are shares of a hundred. `reach` weighs how many clients come.
    """

    slug: str
    name: str
    organization_id: str
    prefix: str
    kind: str
    type: str
    sector: str
    county: CountySpec
    regimes: tuple[str, ...] = ()
    tribal_owner: str = ""
    reach: float = 1.0
    anonymous_a_year: int = 0
    languages: tuple[tuple[str, int], ...] = (("en", 70), ("es", 25), ("other", 5))
    is_hashed_export: bool = False
    projects: tuple[ProjectSpec, ...] = ()
    awards: tuple[AwardSpec, ...] = ()
    workers: tuple[WorkerSpec, ...] = ()
    joined_on: date = date(2023, 1, 1)

    @property
    def is_tribal(self) -> bool:
        return bool(self.tribal_owner)


ALDER = CountySpec("99001", "Alder")
BIRCH = CountySpec("99003", "Birch")
CEDAR = CountySpec("99005", "Cedar")

_OPEN = date(2019, 1, 1)
_YEAR = (date(2024, 10, 1), date(2027, 10, 1))
# HMIS project type, funder, kind and beds of each project an agency of this sector runs.
_PROJECTS: dict[str, tuple[tuple[str, int, int, str, int], ...]] = {
    "shelter": (("Safe House", 0, 22, "shelter", 12), ("Casework", 6, 26, "case_management", 0)),
    "night_shelter": (("Night Shelter", 1, 22, "shelter", 20), ("Casework", 6, 46, "case_management", 0)),
    "legal": (("Legal Help", 6, 46, "legal", 0),),
    "health_care": (("Care Navigation", 6, 46, "health_care", 0),),
    "child_welfare": (("Youth Response", 6, 26, "child_welfare", 0), ("Host Homes", 2, 24, "housing", 16)),
    "law_enforcement": (("Victim Assistance", 6, 46, "advocacy", 0),),
    "hotline": (("Warm Hand-over", 6, 46, "hotline", 0),),
    "school": (("Student Support", 6, 26, "school", 0),),
    "outreach": (("Street Outreach", 4, 25, "outreach", 0),),
    "tribal": (("Victim Services", 6, 26, "case_management", 0),),
}
_SECTOR = {"night_shelter": "shelter", "legal": "legal_services"}
_TYPE = {
    "shelter": "shelter",
    "night_shelter": "shelter",
    "legal": "legal",
    "health_care": "health",
    "child_welfare": "child_welfare",
    "law_enforcement": "victim_unit",
    "hotline": "hotline",
    "school": "school",
    "outreach": "outreach",
    "tribal": "tribal",
}
_REGIMES: dict[str, tuple[str, ...]] = {
    "shelter": ("vawa", "voca", "fvpsa"),
    "night_shelter": ("vawa", "voca", "fvpsa"),
    "legal": ("voca", "ovc_ht"),
    "health_care": ("hipaa",),
    "child_welfare": ("child_welfare",),
    "law_enforcement": ("none",),
    "hotline": ("voca",),
    "school": ("ferpa",),
    "outreach": ("voca",),
    "tribal": ("vawa", "voca"),
}
_AWARD = {"voca": ("VOCA", "VA"), "ovc_ht": ("OVC", "VT"), "fvpsa": ("FVPSA", "FV"), "vawa": ("OVW", "WA")}
# Contacts nobody gives a name for, a year; where a path tends to start (low) or go on to (high).
_ANONYMOUS = {"hotline": 260, "outreach": 120, "night_shelter": 40, "shelter": 30, "school": 12, "tribal": 10}
EARLINESS = {
    "hotline": 0,
    "outreach": 0,
    "school": 1,
    "law_enforcement": 1,
    "child_welfare": 2,
    "health_care": 2,
    "tribal": 3,
    "shelter": 4,
    "night_shelter": 4,
    "legal": 5,
}


def three_rivers(draw: Random) -> tuple[AgencySpec, ...]:
    """The twelve agencies of Three Rivers, in the order of their client numbers (see `people`)."""
    rows = (
        ("federal-victim-unit", "Federal Victim Unit", "FV", "law_enforcement", ALDER),
        ("alder-child-welfare", "Alder Child Welfare", "AC", "child_welfare", ALDER),
        ("mill-street-clinic", "Mill Street Clinic", "MS", "health_care", ALDER),
        ("kingfisher-house", "Kingfisher House", "KH", "shelter", ALDER),
        ("heron-legal-project", "Heron Legal Project", "HL", "legal", ALDER),
        ("confluence-line", "Confluence Line", "CL", "hotline", ALDER),
        ("birch-valley-schools", "Birch Valley School District", "BV", "school", BIRCH),
        ("otter-creek", "Otter Creek Shelter", "OC", "night_shelter", BIRCH),
        ("cedar-crossing-clinic", "Cedar Crossing Clinic", "CC", "health_care", CEDAR),
        ("three-rivers-general", "Three Rivers General", "TG", "health_care", ALDER),
        ("nightjar-outreach", "Nightjar Street Outreach", "NO", "outreach", ALDER),
        ("cedar-bend-nation", "Cedar Bend Nation Victim Services", "CB", "tribal", CEDAR),
    )
    known = {
        "kingfisher-house": (
            ("Juniper Vale", "caseworker"),
            ("Pip Harrow", "caseworker"),
            ("Marlow Finch", "data_lead"),
        )
    }
    return tuple(
        _agency(
            draw,
            number,
            slug,
            name,
            prefix,
            sector,
            county,
            known=known.get(slug, ()),
            tribal_owner="Cedar Bend Nation (invented)" if sector == "tribal" else "",
            is_hashed_export=slug == "three-rivers-general",
        )
        for number, (slug, name, prefix, sector, county) in enumerate(rows, 1)
    )


def region_names() -> list[str]:
    """Names for the regions of the larger worlds."""
    return [
        "Tamarack",
        "Sedge",
        "Willow",
        "Juniper",
        "Larkspur",
        "Yarrow",
        "Hawthorn",
        "Linden",
        "Mallow",
        "Sorrel",
        "Campion",
        "Thistle",
    ]


def regions(draw: Random, count: int) -> tuple[AgencySpec, ...]:
    """`count` regions of three counties and ten agencies each, for the larger worlds."""
    kinds = (
        ("Child Welfare", "child_welfare", 0, 1.6),
        ("General Hospital", "health_care", 0, 1.5),
        ("Line", "hotline", 0, 1.3),
        ("House", "shelter", 0, 1.3),
        ("Legal Project", "legal", 0, 1.2),
        ("Victim Unit", "law_enforcement", 0, 0.8),
        ("Night Shelter", "night_shelter", 1, 0.7),
        ("School District", "school", 1, 0.6),
        ("Street Outreach", "outreach", 0, 0.3),
        ("Crossing Clinic", "health_care", 2, 0.4),
    )
    agencies: list[AgencySpec] = []
    for region, place in enumerate(region_names()[:count]):
        counties = [
            CountySpec(f"99{7 + 2 * (3 * region + at):03}", f"{place} {side}")
            for at, side in enumerate(("Metro", "Farms", "Hills"))
        ]
        for kind, sector, county, reach in kinds:
            number = len(agencies) + 1
            name = f"{place} {kind}"
            agencies.append(
                _agency(
                    draw,
                    number,
                    name.lower().replace(" ", "-"),
                    name,
                    f"A{number:03}",
                    sector,
                    counties[county],
                    reach=reach,
                    tribal_owner="",
                    is_hashed_export=sector == "health_care" and county == 2,
                )
            )
    return tuple(agencies)


def offices(draw: Random) -> tuple[AgencySpec, AgencySpec]:
    """The hub's office and a funder: they have people who sign in, and no clients."""
    hub = (
        ("Sage Winter", "coordinator"),
        ("Wren Alcott_Vale", "output_checker"),
        ("Teal Brook_Stone", "survivor_consultant"),
        ("Kestrel Ford_Weir", "hub_operator"),
    )
    fund = (("Rue Pool_Heath", "partner_viewer"), ("Quill Dale_Mere", "auditor"))
    return (
        AgencySpec(
            "three-rivers-hub",
            "Three Rivers hub office",
            "ORG-HUB",
            "HUB",
            "office",
            "hub_office",
            "community",
            ALDER,
            workers=_people(draw, "three-rivers-hub", hub),
        ),
        AgencySpec(
            "pebble-and-reed-fund",
            "Pebble and Reed Fund",
            "ORG-FUND",
            "FUND",
            "office",
            "funder",
            "community",
            ALDER,
            workers=_people(draw, "pebble-and-reed-fund", fund),
        ),
    )


def _agency(
    draw: Random,
    number: int,
    slug: str,
    name: str,
    prefix: str,
    kind: str,
    county: CountySpec,
    *,
    reach: float = 1.0,
    tribal_owner: str,
    is_hashed_export: bool,
    known: tuple[tuple[str, str], ...] = (),
) -> AgencySpec:
    short = name.removesuffix(" Shelter")
    projects = tuple(
        ProjectSpec(
            hmis_id=f"{prefix}-P{at}",
            name=f"{short} {title}",
            hmis_type=hmis_type,
            funder=funder,
            kind=work,
            starts_on=_OPEN,
            beds=beds,
            is_confidential_site=beds > 0,
        )
        for at, (title, hmis_type, funder, work, beds) in enumerate(_PROJECTS[kind], 1)
    )
    awards = tuple(
        AwardSpec(
            _AWARD[regime][0],
            f"25-{_AWARD[regime][1]}-{13 + number:03}",
            *_YEAR,
            (regime,),
            tuple(project.hmis_id for project in projects),
        )
        for regime in _REGIMES[kind]
        if regime in _AWARD
    )
    roles = ["caseworker", "caseworker", "supervisor", "data_lead"]
    if kind == "hotline":
        roles.append("hotline")
    for _, role in known:
        roles.remove(role)
    taken = [first for first in FIRST if first not in ("Juniper", "Marlow", "Sage", "Pip")]
    staff = known + tuple(
        (f"{first} {full_name(draw)[1]}", role)
        for first, role in zip(draw.sample(taken, len(roles)), roles, strict=True)
    )
    return AgencySpec(
        slug=slug,
        name=name,
        organization_id=f"ORG-{number:03}",
        prefix=prefix,
        kind=kind,
        type=_TYPE[kind],
        sector=_SECTOR.get(kind, kind),
        county=county,
        regimes=_REGIMES[kind],
        tribal_owner=tribal_owner,
        reach=reach,
        anonymous_a_year=_ANONYMOUS.get(kind, 5),
        languages=(("en", 55), ("es", 35), ("other", 10))
        if kind in ("legal", "hotline")
        else (("en", 72), ("es", 23), ("other", 5)),
        is_hashed_export=is_hashed_export,
        projects=projects,
        awards=awards,
        workers=_people(draw, slug, staff),
    )


def _people(draw: Random, slug: str, staff: tuple[tuple[str, str], ...]) -> tuple[WorkerSpec, ...]:
    return tuple(
        WorkerSpec(
            hmis_id=f"U{at}",
            name=name,
            email=f"{name.lower().replace(' ', '.')}@{slug}.example",
            phone=fictional_phone(draw),
            role=role,
            language="es" if role == "survivor_consultant" else "en",
        )
        for at, (name, role) in enumerate(staff, 1)
    )
