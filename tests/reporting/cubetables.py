"""The raw table of a cube's rows, for tests that protect one without a database."""

from datetime import UTC, date, datetime

from reporting.measures import ALL, UNKNOWN, Dimension
from reporting.measures.dimensions import FIXED, view_of
from reporting.sdc import Provenance, RawTable, Sum


def known(counties: dict[str, str]) -> dict[str, Dimension]:
    """Every dimension, with these counties and their regions instead of a hub's."""
    regions = sorted({*counties.values()})
    county = Dimension(
        "county", "County", ((*((one, one) for one in counties), (UNKNOWN, UNKNOWN))),
        {**counties, UNKNOWN: UNKNOWN}, "region",
    )  # fmt: skip
    region = Dimension("region", "Region", (*((one, one) for one in regions), (UNKNOWN, UNKNOWN)))
    return FIXED | {"county": county, "region": region}


def raw(cube, known, rows, views, agencies, period=(date(2025, 1, 1), date(2026, 1, 1))) -> RawTable:
    """The views of the cube in one table: an axis for each dimension they have, and every sum among them."""
    names = list(dict.fromkeys(name for view in views for name in view))
    axes = {name: [*(value for value, _title in known[name].values), ALL] for name in names}
    counts = {}
    for view in views:
        found = view_of(cube, known, rows, view)
        for values in _every(known, view):
            by_agency = found.get(values, {})
            counts[_coord(names, view, values)] = {str(one): by_agency.get(one, 0) for one in agencies}
    relations = []
    for view in views:
        for i in range(len(view)):
            rest = view[:i] + view[i + 1 :]
            if rest in views:
                relations += [
                    Sum(
                        _coord(names, rest, values),
                        tuple(
                            _coord(names, view, (*values[:i], part, *values[i:]))
                            for part, _title in known[view[i]].values
                        ),
                    )
                    for values in _every(known, rest)
                ]
    return RawTable(
        title=str(cube.title),
        axes=axes,
        counts=counts,
        relations=relations,
        adds_up=frozenset({cube.universe} if cube.adds_up else ()),
        about=Provenance(
            source=str(cube.source),
            period=period,
            agencies_reporting=len(agencies),
            agencies_expected=len(agencies),
            counted_as=str(cube.counts),
            does_not_show=str(cube.does_not_show),
            release_id="test",
            generated_at=datetime(2026, 1, 11, tzinfo=UTC),
        ),
    )


def _every(known, view):
    if not view:
        return [()]
    return [(value, *rest) for value, _title in known[view[0]].values for rest in _every(known, view[1:])]


def _coord(names, view, values):
    at = dict(zip(view, values, strict=True))
    return tuple(at.get(name, ALL) for name in names)
