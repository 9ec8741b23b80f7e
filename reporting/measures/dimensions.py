"""The dimensions that cubes are cut by, and how a finer one rolls up to a coarser."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from referrals.picklists import Picklist, Sector, SectorFamily, SectorGroup
from reporting.measures import UNKNOWN, Cube, Dimension, Row, Text, View, rows_of
from reporting.measures.pipeline import STAGES


def listed(name: str, title: Text, picklist: type[Picklist], **groups: Any) -> Dimension:
    """The dimension of a code list, in the list's own order."""
    return Dimension(name, title, tuple((one.value, _(one.label)) for one in picklist), **groups)


_PLACES = """
    SELECT fips, name, COALESCE(NULLIF(region, ''), state) FROM agencies_county ORDER BY name, fips
"""


def places(cursor: CursorWrapper) -> dict[str, Dimension]:
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


def dimensions(cursor: CursorWrapper) -> dict[str, Dimension]:
    """Every dimension by name: those of the code lists, and the hub's places read through `cursor`."""
    fixed = [
        Dimension("stage", _("Stage"), tuple(STAGES)),
        listed(
            "sector",
            _("Sector"),
            Sector,
            rolls_up={one.value: one.group.value for one in Sector},
            into="sector_group",
        ),
        listed(
            "sector_group",
            _("Sector group"),
            SectorGroup,
            rolls_up={one.value: one.family.value for one in SectorGroup},
            into="sector_family",
        ),
        listed("sector_family", _("Family of sectors"), SectorFamily),
    ]
    return {one.name: one for one in fixed} | places(cursor)


def view_of(
    cube: Cube, known: Mapping[str, Dimension], rows: Iterable[Row], view: View
) -> dict[tuple[str, ...], dict[int, int]]:
    """The atoms rolled up to one view: its values in its order -> agency -> units. Only places with units.

    Raises KeyError where the view has a dimension that is neither the cube's nor a group of one of those.
    """
    paths = [_path(cube.dimensions, known, name) for name in view]
    found: dict[tuple[str, ...], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for *values, agency, count in rows:
        at = []
        for position, steps in paths:
            value = values[position]
            for step in steps:
                value = step[value]
            at.append(value)
        found[tuple(at)][agency] += count
    return {at: dict(by_agency) for at, by_agency in found.items()}


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
