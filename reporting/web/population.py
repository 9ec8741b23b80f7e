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
from reporting.measures.dimensions import NO_ANSWERS
from reporting.measures.representation import CAUTION, Representation
from reporting.measures.representation import representation as represented
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
    """How each group stands among the clients who answered, beside the people who live here: of shown counts
    only. None where no population is known by this dimension, or the number of clients is hidden."""
    maps = county_maps()
    population = maps.population_by.get(axis)
    whole = reading.cell_at(table, reading.place(table, {}))
    if not population or not isinstance(whole, Shown) or not whole.value:
        return None
    everybody = sum(maps.population.values())
    cells = {
        value: cell
        for value in reading.values_of(table, axis)
        if (cell := reading.cell_at(table, reading.place(table, {axis: value}))) is not None
    }
    groups = {value: population[value] for value in cells if population.get(value)}
    found = represented(cells, whole, NO_ANSWERS, groups, everybody)
    return {
        "columns": [
            {"label": reading.title_of(axis, known)},
            {"label": _("Of the clients who answered"), "num": True},
            {"label": _("Of the people who live here"), "num": True},
            {"label": _("Index, 1 is alike"), "num": True},
            {"label": _("With 95 percent confidence"), "num": True},
        ],
        "rows": [
            [
                reading.name_of(value, axis, known),
                *_compared(cells[value], found[value], groups[value] / everybody, reading.step_of(table)),
            ]
            for value in groups
        ],
        "caution": CAUTION,
        "source": maps.source,
    }


def _compared(cell: Cell, found: Representation | None, lives: float, step: int) -> list[Any]:
    """For `cell.html`: the two shares, the index and its interval."""
    here = _("%(percent)d %%") % {"percent": round(100 * lives)}
    if found is None:
        gone = {"kind": reading.kind(cell)} if not isinstance(cell, Shown) else {"kind": "none"}
        return [gone, here, gone, gone]
    percent = step * round(100 * found.part / step)
    return [
        reading.percent_said(percent, step, is_some=found.part > 0),
        here,
        f"{found.index:.1f}",
        _("%(low)s to %(high)s") % {"low": f"{found.low:.1f}", "high": f"{found.high:.1f}"},
    ]
