"""Pictures of what a lens shows, and what stands beside counts: outlines, populations, rates, representation.

All of it is made of shown counts, and of what was taken in by the command `counties`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from agencies.models import CountyMap
from reporting import charts, reading
from reporting.reading import Names, Table
from reporting.sdc import Cell, Shown
from reporting.web.figures import Lens, is_flow


@dataclass(frozen=True, slots=True)
class CountyMaps:
    """What is known of counties besides counts, by FIPS code."""

    outlines: Mapping[str, Any]
    population: Mapping[str, int]
    population_by: Mapping[str, Mapping[str, int]]
    source: str


def county_maps() -> CountyMaps:
    """The outlines and populations that were taken in; populations by value are those of all counties."""
    found = list(CountyMap.objects.all())
    by: dict[str, dict[str, int]] = {}
    for dimension in set.intersection(*(set(one.population_by) for one in found)) if found else set():
        values = {value for one in found for value in one.population_by[dimension]}
        by[dimension] = {
            value: sum(one.population_by[dimension].get(value, 0) for one in found) for value in values
        }
    return CountyMaps(
        {one.county_id: one.outline for one in found},
        {one.county_id: one.population for one in found},
        by,
        "; ".join(sorted({f"{one.population_source}, {one.population_year}" for one in found})),
    )


def drawing_of(table: Table, lens: Lens) -> Callable[..., charts.Svg]:
    """What draws a table seen through a lens, given only its look: flows, a map if there is one, or bars."""
    held: dict[str, Any] = dict(lens.narrowed)
    if is_flow(lens.view):
        origin, destination = lens.view
        return partial(charts.sankey, table, origin=origin, destination=destination)
    if lens.drawn == "county":
        maps = county_maps()
        if maps.outlines:
            return partial(charts.choropleth, table, maps.outlines, **held)
    return partial(charts.bars, table, lens.drawn, **held)


def rates(table: Table, lens: Lens, known: Names, maps: CountyMaps) -> dict[str, Any] | None:
    """By county: the count, the people who live there, and the count for each 100,000 of them.

    Of shown counts only; None before any population was taken in.
    """
    fixed = {axis: value for axis, value in lens.narrowed.items() if axis != "county"}
    rows = []
    for county, people in maps.population.items():
        if county not in table.axes["county"]:
            continue
        cell = reading.cell_at(table, reading.place(table, fixed | {"county": county}))
        ends = reading.ends(cell)
        rows.append(
            [
                reading.name_of(county, "county", known),
                {"kind": reading.kind(cell), "text": reading.said(cell)},
                f"{people:,}",
                charts.rate(ends[0], people) if ends and ends[0] == ends[1] else reading.NO_FIGURE_MARK,
            ]
        )
    if not rows:
        return None
    return {
        "columns": [
            {"label": _("County")},
            {
                "label": reading.name_of(lens.value, lens.picked, known) if lens.picked else _("Count"),
                "num": True,
            },
            {"label": _("People who live there"), "num": True},
            {"label": _("For each 100,000 of them"), "num": True},
        ],
        "rows": sorted(rows, key=lambda row: str(row[0])),
        "source": maps.source,
    }


def representation(table: Table, axis: str, known: Names) -> dict[str, Any] | None:
    """Each group's share of the clients beside its share of the people who live here, of shown counts only.

    None where no population is known by this dimension. The index is the one divided by the other.
    """
    maps = county_maps()
    population = maps.population_by.get(axis)
    whole = reading.cell_at(table, reading.place(table, {}))
    if not population or not isinstance(whole, Shown) or not whole.value:
        return None
    everybody = sum(maps.population.values())
    rows = []
    for value in reading.values_of(table, axis):
        if not population.get(value):
            continue
        cell = reading.cell_at(table, reading.place(table, {axis: value}))
        share = reading.share(table, reading.place(table, {axis: value}), reading.place(table, {}))
        lives = population[value] / everybody
        index = (cell.value / whole.value) / lives if isinstance(cell, Shown) else None
        rows.append(
            [
                reading.name_of(value, axis, known),
                _share(cell, share),
                _("%(percent)d %%") % {"percent": round(100 * lives)},
                {"kind": reading.kind(cell)} if index is None else f"{index:.1f}",
            ]
        )
    return {
        "columns": [
            {"label": reading.title_of(axis, known)},
            {"label": _("Of the clients"), "num": True},
            {"label": _("Of the people who live here"), "num": True},
            {"label": _("Index, 1 is alike"), "num": True},
        ],
        "rows": rows,
        "source": maps.source,
    }


def _share(cell: Cell | None, percent: int | None) -> Any:
    """For `cell.html`: somebody is never said to be 0 %."""
    if percent is None:
        return {"kind": reading.kind(cell)}
    if percent == 0 and reading.kind(cell) == "value":
        return _("under 5 %%") % {}
    return _("%(percent)d %%") % {"percent": percent}
