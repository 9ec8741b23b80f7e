"""Pictures of tables, drawn by the server as SVG: a funnel, bars, flows, maps, trends.

Each is a pure function of a ProtectedTable or an OwnTable, and shows nothing its cells don't. They have no
links, scripts or styles; the table beside a picture has the same values and is what a keyboard reaches.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

from reporting.charts.drawing import Look, Svg, explained, together
from reporting.charts.flows import sankey, ways
from reporting.charts.maps import choropleth, classes_of, classes_over, minis, rate
from reporting.charts.rows import bars, funnel
from reporting.charts.trends import breaks, caveats_of, trend
from reporting.measures import View
from reporting.reading import (
    Names,
    Table,
    by_words,
    caveats,
    finest,
    gate,
    is_pipeline,
    name_of,
    titled,
    values_of,
)

__all__ = [
    "Look",
    "Picture",
    "Svg",
    "bars",
    "breaks",
    "caveats_of",
    "choropleth",
    "classes_of",
    "classes_over",
    "explained",
    "funnel",
    "minis",
    "picture",
    "rate",
    "sankey",
    "svg",
    "together",
    "trend",
]


@dataclass(frozen=True, slots=True)
class Picture:
    """The same picture twice, for `_chart.html`: for a screen or paper, and for a phone."""

    wide: Svg
    narrow: Svg


def picture(draw: Callable[..., Svg], *tables: Any, look: Look, **how: Any) -> Picture:
    """Draw for a page: `picture(bars, table, "service", look=Look(name="services", names=names))`."""
    return Picture(
        wide=draw(*tables, look=look, **how),
        narrow=draw(*tables, look=replace(look, name=f"{look.name}-s", narrow=True), **how),
    )


def svg(table: Table, names: Names | None = None) -> str:
    """The table as pictures in a file of its own, a picture for each view that is no total of a finer one:
    stages as a funnel, moves between two places as flows, else bars along the last axis for each value of
    the others."""
    gate(table)
    look = Look(alone=True, names=names or {})
    if is_pipeline(table):
        return funnel(table, look=look)
    draws = [one for view in finest(table) for one in _draws(table, view, look.names)]
    if len(draws) == 1:
        return draws[0][1](table, look=look)
    pictures = [
        (name, draw(table, look=Look(name=f"chart-{number}", names=look.names)))
        for number, (name, draw) in enumerate(draws)
    ]
    return together(look, pictures, title=titled(table, {}, look.names), caveats=caveats(table))


def _draws(table: Table, view: View, names: Names) -> list[tuple[str, Callable[..., Svg]]]:
    """What draws a view, each with its name."""
    said = by_words(view, names)
    if (way := ways(table)) and set(way) == set(view):
        return [(said, partial(sankey, origin=way[0], destination=way[1]))]
    *held, along = view
    if view == ("stage",):
        return [(said, funnel)]
    found: list[tuple[str, Callable[..., Svg]]] = []
    for values in product(*(values_of(table, axis) for axis in held)):
        fixed: dict[str, Any] = dict(zip(held, values, strict=True))
        name = ", ".join(name_of(value, axis, names) for axis, value in fixed.items())
        found.append((f"{said}: {name}" if name else said, partial(bars, dimension=along, **fixed)))
    return found
