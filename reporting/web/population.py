"""Pictures of what a lens shows, and what stands beside counts: outlines, populations, rates, representation.

All of it is made of shown counts, and of what was taken in by the command `counties`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from math import ceil, floor
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agencies.models import CountyMap
from reporting import charts, reading
from reporting.measures import ALL
from reporting.measures.dimensions import NO_ANSWERS
from reporting.measures.representation import CAUTION, Representation
from reporting.measures.representation import representation as represented
from reporting.reading import Names, Table
from reporting.sdc import Cell, NotReported, Shown
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
            classes = charts.classes_over(table, by=lens.picked) if lens.picked else None
            return partial(charts.choropleth, table, maps.outlines, classes=classes, **held)
    return partial(charts.bars, table, lens.drawn, **held)


def small_maps(table: Table, lens: Lens, known: Names) -> list[tuple[str, charts.Svg]]:
    """A small map for each value that could be picked, with the classes of the large one; empty where no map
    is drawn or nothing is picked."""
    maps = county_maps()
    if lens.drawn != "county" or not lens.picked or not maps.outlines:
        return []
    return charts.minis(table, maps.outlines, by=lens.picked, look=charts.Look(name="mini", names=known))


def drawn_alone(table: Table, lens: Lens, known: Names) -> charts.Svg:
    """All pictures that a page shows of the table, as one file."""
    look = charts.Look(alone=True, names=known)
    draw, small = drawing_of(table, lens), small_maps(table, lens, known)
    if not small:
        return draw(look=look)
    large = reading.name_of(lens.value, lens.picked, known)
    named = [(reading.name_of(value, lens.picked, known), picture) for value, picture in small]
    return charts.together(
        look,
        [(large, draw(look=charts.Look(name="large", names=known))), *named],
        title=f"{reading.titled(table, {}, known)} {reading.by_words(lens.view, known)}",
        caveats=reading.caveats(table, reading.sheet(table, lens.view).cells),
    )


def cut_of(table: Table, lens: Lens, known: Names) -> reading.Cut:
    """What a page shows of the table, for a file: the view, and the rates or the representation beside it."""
    beside = [
        one for one in (rates(table, lens, known), representation(table, lens, known)) if one and one["rows"]
    ]
    return reading.Cut(
        lens.view,
        lens.columns,
        [_as_sheet(one) for one in beside],
        [(_("Population"), one["source"]) for one in beside]
        + [(one["label"], said) for one in beside for said in one["says"]],
    )


def rates(table: Table, lens: Lens, known: Names) -> dict[str, Any] | None:
    """By county: the count, the people who live there, and the count for each 100,000 of them.

    Of shown counts only; None where nothing is by county, or before any population was taken in.
    """
    maps = county_maps()
    if lens.drawn != "county" or not maps.population:
        return None
    rows = []
    for county, people in maps.population.items():
        if county not in table.axes["county"]:
            continue
        cell = reading.cell_at(table, reading.place(table, lens.narrowed | {"county": county}))
        ends = reading.ends(cell)
        is_known = ends is not None and ends[0] == ends[1]
        rows.append(
            [
                reading.name_of(county, "county", known),
                _told(cell),
                {"kind": "value", "text": reading.grouped(people), "value": people},
                charts.rate(ends[0], people) if ends and is_known else {"kind": "none"},
            ]
        )
    held = reading.name_of(lens.value, lens.picked, known) if lens.picked else ""
    period = reading.period_text(*table.caveats.period)
    caption = _("For each 100,000 people who live there, %(period)s") % {"period": period}
    return {
        "label": _("Rates"),
        "caption": ": ".join(filter(None, [caption, held])),
        "columns": [
            {"label": _("County")},
            {"label": held or _("Count"), "num": True},
            {"label": _("People who live there"), "num": True},
            {"label": _("For each 100,000 of them"), "num": True},
        ],
        "rows": sorted(rows, key=lambda row: str(row[0])),
        "says": [
            *_spanned(*table.caveats.period),
            _("A rate that rests on fewer than 20 records moves a lot from one period to the next."),
        ],
        "source": maps.source,
    }


def representation(table: Table, lens: Lens, known: Names) -> dict[str, Any] | None:
    """How each group stands among the clients who answered, beside the people who live here: of shown counts
    only, and without rows where these don't allow it. None where no population is known by this dimension."""
    axis = lens.rows
    if lens.view != (axis,):
        return None
    maps = county_maps()
    population = maps.population_by.get(axis)
    if not population or ALL not in table.axes[axis]:
        return None
    whole = reading.cell_at(table, reading.place(table, {}))
    everybody = sum(maps.population.values())
    cells = {
        value: cell
        for value in reading.values_of(table, axis)
        if (cell := reading.cell_at(table, reading.place(table, {axis: value}))) is not None
    }
    groups = {value: population[value] for value in cells if population.get(value)}
    found = represented(cells, whole or NotReported(), NO_ANSWERS, groups, everybody)
    told = [one for one in found.values() if one]
    says = [str(CAUTION), _("Clients who were not asked or did not say stand in no group.")]
    if any(one.parts[0] < one.parts[1] for one in told):
        says.append(
            _("How many answered is hidden, so each share is a range: no more can be said from shown counts.")
        )
    return {
        "label": _("Index"),
        "caption": _("Beside the people who live here"),
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
            if told
        ],
        "says": says if told else [],
        "source": maps.source,
    }


def _compared(cell: Cell, found: Representation | None, lives: float, step: int) -> list[Any]:
    """For `cell.html`: the two shares, the index and its interval."""
    here = _("%(percent)d %%") % {"percent": round(100 * lives)}
    if found is None:
        gone = {"kind": reading.kind(cell)} if not isinstance(cell, Shown) else {"kind": "none"}
        return [gone, here, gone, gone]
    return [
        _share(found.parts, step),
        here,
        _between(*(f"{end:.1f}" for end in found.index)),
        _between(f"{found.low:.1f}", f"{found.high:.1f}"),
    ]


def _share(parts: tuple[float, float], step: int) -> str:
    """A share as the policy rounds it: to the nearest step, or outward where it is a range."""
    least, most = parts
    if least == most:
        return reading.percent_said(step * round(100 * least / step), step, is_some=least > 0)
    low, high = step * floor(100 * least / step), min(100, step * ceil(100 * most / step))
    if not low:
        return _("up to %(percent)d %%") % {"percent": high}
    return _("%(low)d to %(high)d %%") % {"low": low, "high": high}


def _between(low: str, high: str) -> str:
    return low if low == high else _("%(low)s to %(high)s") % {"low": low, "high": high}


def _spanned(start: date, end: date) -> list[str]:
    """What a rate covers, where that is not one year."""
    months = 12 * (end.year - start.year) + end.month - start.month
    if months == 12:
        return []
    years, rest = divmod(months, 12)
    if years and not rest:
        return [
            ngettext(
                "It covers %(n)d year together: it is no rate for one year.",
                "It covers %(n)d years together: it is no rate for one year.",
                years,
            )
            % {"n": years}
        ]
    return [
        ngettext(
            "It covers %(n)d month: it is no rate for a year.",
            "It covers %(n)d months: it is no rate for a year.",
            months,
        )
        % {"n": months}
    ]


def _told(cell: Cell | None) -> dict[str, Any]:
    """For `cell.html`, and the number for a file."""
    told = {"kind": reading.kind(cell), "text": reading.said(cell)}
    return told | {"value": cell.value} if isinstance(cell, Shown) else told


def _as_sheet(found: Mapping[str, Any]) -> reading.Sheet:
    first, *others = (column["label"] for column in found["columns"])
    return reading.Sheet(
        name=found["caption"],
        heads=[first],
        columns=[("", label) for label in others],
        rows=[reading.Line((), (row[0],), [_mark(cell) for cell in row[1:]]) for row in found["rows"]],
        cells=[],
    )


def _mark(cell: str | Mapping[str, Any]) -> reading.Value:
    if isinstance(cell, str):
        return cell
    signs: dict[str, reading.Value] = {
        "hidden": reading.HIDDEN_MARK, "missing": reading.NOT_REPORTED_MARK, "none": reading.NO_FIGURE_MARK
    }  # fmt: skip
    return signs.get(cell["kind"]) or cell.get("value", cell["text"])
