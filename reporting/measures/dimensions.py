"""The dimensions that cubes are cut by, and how a finer one rolls up to a coarser."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from referrals.picklists import (
    AgeBand,
    CitizenshipClass,
    DeclineReason,
    Gender,
    Picklist,
    Race,
    Sector,
    SectorFamily,
    SectorGroup,
    ServiceType,
    TouchpointKind,
    TraffickingType,
)
from reporting.measures import UNKNOWN, Cube, Dimension, Group, Row, Text, View, rows_of
from reporting.measures.pipeline import STAGES

MORE_THAN_ONE = "more_than_one"
NONE_OF_THESE = "none_of_these"
NO_ANSWERS = frozenset({UNKNOWN, *(one.value for one in Gender if one.is_missing)})
"""Values of what clients said of themselves that say why there is no answer."""

GROUPS_OF_SERVICES: dict[str, tuple[Text, tuple[str, ...]]] = {
    "first_help": (
        _("First help and safety"),
        ("intake", "orient", "crisis", "safety", "emosup", "info_ref", "outreach", "followup"),
    ),
    "advocacy": (_("Case management and advocacy"), ("cm", "vadv", "cjadv", "benefits", "comp")),
    "housing": (_("Housing"), ("shel_em", "shel_tr", "shel_lt")),
    "legal": (_("Legal help"), ("legal_imm", "legal_civ", "legal_crim", "tvisa", "uvisa", "cp")),
    "health": (
        _("Health care"),
        ("med_em", "med_lt", "dental", "vision", "mh_em", "mh_lt", "group", "sud"),
    ),
    "daily_life": (
        _("Daily life and work"),
        ("interp", "transp", "child", "basic", "fin", "empl", "edu", "life", "family", "repat"),
    ),
    "other": (_("Another service"), ("other",)),
}
"""Groups of services for tables: which funder's item a service stands under is that form's own decision."""

# The nodes of a picture of paths, each made of whole sector groups. Fixed, see flows.py.
NODES: dict[str, tuple[Text, tuple[SectorGroup, ...]]] = {
    "first_line": (_("Hotline and outreach"), (SectorGroup.HOTLINE, SectorGroup.OUTREACH)),
    "health": (_("Health care"), (SectorGroup.HEALTH_CARE,)),
    "justice": (_("Justice system"), (SectorGroup.JUSTICE,)),
    "children": (_("Child welfare and schools"), (SectorGroup.CHILD_WELFARE, SectorGroup.SCHOOL)),
    "shelter": (_("Shelter and housing"), (SectorGroup.SHELTER,)),
    "legal": (_("Legal services"), (SectorGroup.LEGAL,)),
    "other": (_("Other"), (SectorGroup.LABOR, SectorGroup.COMMUNITY, SectorGroup.OTHER)),
}
NO_STEP = "no_step"
_NO_STEP = (NO_STEP, _("No next step yet"))


def group_of_sector(sector: str) -> str:
    """The sector group of a stored sector; what is no sector of the list stands under other."""
    return _GROUP_OF.get(sector, SectorGroup.OTHER.value)


def family_of_sector(sector: str) -> str:
    return SectorGroup(group_of_sector(sector)).family.value


def as_listed(picklist: type[Picklist], value: str, otherwise: str) -> str:
    """The value, or `otherwise` where the list has no such value (old files may say anything)."""
    return value if value in _VALUES[picklist] else otherwise


def dimensions(cursor: CursorWrapper) -> dict[str, Dimension]:
    """Every dimension by name: those of the code lists, and the hub's places read through `cursor`."""
    return FIXED | _places(cursor)


def view_of(
    cube: Cube, known: Mapping[str, Dimension], rows: Iterable[Row], view: View
) -> dict[tuple[str, ...], dict[int, int]]:
    """The atoms rolled up to one view: its values in its order -> agency -> units. Only places with units.

    Raises KeyError where the view has a dimension that is neither the cube's nor a group of one of those.
    """
    paths = [_path(cube.dimensions, known, name) for name in view]
    found: dict[tuple[str, ...], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for *values, agency, count in rows:
        found[_rolled(values, paths)][agency] += count
    return {at: dict(by_agency) for at, by_agency in found.items()}


def people_of_view(
    cube: Cube, known: Mapping[str, Dimension], groups: Iterable[Group], view: View
) -> dict[tuple[str, ...], dict[int, int]]:
    """As `view_of`, the distinct clients behind the events of each place: who has events in several atoms of
    one place counts once in it. Raises KeyError as `view_of` does."""
    paths = [_path(cube.dimensions, known, name) for name in view]
    places: dict[tuple[str, ...], tuple[str, ...]] = {}
    found: dict[tuple[str, ...], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for atoms, agency, people in groups:
        for atom in atoms:
            if atom not in places:
                places[atom] = _rolled(atom, paths)
        for at in {places[atom] for atom in atoms}:
            found[at][agency] += people
    return {at: dict(by_agency) for at, by_agency in found.items()}


def _rolled(values: Sequence[str], paths: Sequence[tuple[int, list[Mapping[str, str]]]]) -> tuple[str, ...]:
    """Where an atom stands in a view."""
    at = []
    for position, steps in paths:
        value = values[position]
        for step in steps:
            value = step[value]
        at.append(value)
    return tuple(at)


def _path(
    own: Sequence[str], known: Mapping[str, Dimension], name: str
) -> tuple[int, list[Mapping[str, str]]]:
    """From which dimension of the cube the named one comes, and by which steps."""
    for position, start in enumerate(own):
        at, steps = known[start], list[Mapping[str, str]]()
        while at.name != name and at.into and at.rolls_up is not None:
            steps.append(at.rolls_up)
            at = known[at.into]
        if at.name == name:
            return position, steps
    raise KeyError(name)


_PLACES = """
    SELECT fips, name, COALESCE(NULLIF(region, ''), state) FROM agencies_county ORDER BY name, fips
"""


def _places(cursor: CursorWrapper) -> dict[str, Dimension]:
    """County and region, as the hub knows them now. Where no county was written down: unknown, last."""
    counties = rows_of(cursor, _PLACES, {})
    unknown = (UNKNOWN, _("County not known"))
    return {
        "county": Dimension(
            "county",
            _("County"),
            (*((fips, name) for fips, name, _region in counties), unknown),
            {**{fips: region for fips, _name, region in counties}, UNKNOWN: UNKNOWN},
            "region",
        ),
        "region": Dimension(
            "region",
            _("Region"),
            (*((region, region) for region in sorted({row[2] for row in counties})), unknown),
        ),
    }


_GROUP_OF = {sector.value: sector.group.value for sector in Sector}
_FAMILY_OF = {group.value: group.family.value for group in SectorGroup}
_NODE_OF = {group.value: node for node, (_title, groups) in NODES.items() for group in groups}
_FAMILY_OF_NODE = {node: groups[0].family.value for node, (_title, groups) in NODES.items()}
_SERVICE_GROUP_OF = {type_: group for group, (_title, types) in GROUPS_OF_SERVICES.items() for type_ in types}
_VALUES: dict[type[Picklist], frozenset[str]] = {
    picklist: frozenset(one.value for one in picklist)
    for picklist in (
        AgeBand,
        CitizenshipClass,
        Gender,
        Race,
        Sector,
        ServiceType,
        TouchpointKind,
        TraffickingType,
    )
}


def _values(picklist: type[Picklist]) -> tuple[tuple[str, Text], ...]:
    return tuple((one.value, _(one.label)) for one in picklist)


def _race() -> tuple[tuple[str, Text], ...]:
    """Who gave several answers has one value, so that the values add up to the clients."""
    given = [(one.value, _(one.label)) for one in Race if not one.is_missing]
    missing = [(one.value, _(one.label)) for one in Race if one.is_missing]
    return (
        *given,
        (MORE_THAN_ONE, _("More than one")),
        (NONE_OF_THESE, _("None of these")),
        *missing,
    )


def _fates() -> list[Dimension]:
    """What became of a referral: finest with the reason, then by whom, then in a word."""
    plain = [
        ("accepted", _("Accepted")),
        ("waitlisted", _("Waitlisted")),
        ("open", _("Still open")),
        ("expired", _("Expired without an answer")),
    ]
    reasons = [(f"declined_{one.value}", _(one.label)) for one in DeclineReason]
    unsaid = ("declined_unsaid", _("Declined, and no reason was given"))
    by = [
        ("declined_by_client", _("Declined by the client")),
        ("declined_by_provider", _("Declined by the provider")),
        unsaid,
    ]
    stays = {value: value for value, _title in plain}
    return [
        Dimension(
            "fate",
            _("What became of it"),
            (*plain, *reasons, unsaid),
            stays
            | {f"declined_{one.value}": f"declined_by_{one.by}" for one in DeclineReason}
            | {unsaid[0]: unsaid[0]},
            "answer",
        ),
        Dimension(
            "answer",
            _("Answer"),
            (*plain, *by),
            stays | {value: "declined" for value, _title in by},
            "outcome",
        ),
        Dimension("outcome", _("Outcome"), (*plain, ("declined", _("Declined")))),
    ]


def _paths() -> list[Dimension]:
    groups = tuple((group.value, _(group.label)) for group in SectorGroup)
    nodes = tuple((node, title) for node, (title, _groups) in NODES.items())
    families = _values(SectorFamily)
    found = []
    for name, group, node, family, more in (
        ("origin", _("First contact"), _("First contact"), _("First contact (broad)"), ()),
        ("next", _("Next step"), _("Next step"), _("Next step (broad)"), (_NO_STEP,)),
    ):
        stays = {value: value for value, _title in more}
        found += [
            Dimension(name, group, (*groups, *more), _NODE_OF | stays, f"{name}_node"),
            Dimension(f"{name}_node", node, (*nodes, *more), _FAMILY_OF_NODE | stays, f"{name}_family"),
            Dimension(f"{name}_family", family, (*families, *more)),
        ]
    return found


def _services(name: str, title: Text, group: str, group_title: Text) -> list[Dimension]:
    groups = tuple((key, label) for key, (label, _types) in GROUPS_OF_SERVICES.items())
    return [
        Dimension(name, title, _values(ServiceType), _SERVICE_GROUP_OF, group),
        Dimension(group, group_title, groups),
    ]


FIXED = {
    one.name: one
    for one in [
        Dimension("stage", _("Stage"), tuple(STAGES)),
        Dimension("sector", _("Sector"), _values(Sector), _GROUP_OF, "sector_group"),
        Dimension("sector_group", _("Sector"), _values(SectorGroup), _FAMILY_OF, "sector_family"),
        Dimension("sector_family", _("Sectors"), _values(SectorFamily)),
        Dimension("trafficking_type", _("Type of trafficking"), _values(TraffickingType)),
        Dimension("age_band", _("Age"), _values(AgeBand)),
        Dimension("gender", _("Gender"), _values(Gender)),
        Dimension("race", _("Race and ethnicity"), _race()),
        Dimension("citizenship", _("Citizenship"), _values(CitizenshipClass)),
        Dimension("contact_kind", _("Kind of contact"), _values(TouchpointKind)),
        Dimension(
            "contact_of",
            _("Whose contact"),
            (("client", _("Clients")), ("anonymous", _("Anonymous"))),
        ),
        Dimension(
            "arrival",
            _("New or continuing"),
            (("new", _("New")), ("reopened", _("Came back")), ("continuing", _("Continuing"))),
        ),
        Dimension(
            "met",
            _("Met or unmet"),
            (("met", _("An offer was accepted")), ("unmet", _("No offer was accepted"))),
        ),
        *_services("service", _("Service"), "service_group", _("Services")),
        *_services("need", _("Need"), "need_group", _("Needs")),
        *_fates(),
        *_paths(),
    ]
}
