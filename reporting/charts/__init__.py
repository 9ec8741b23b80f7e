"""Pictures of tables, drawn by the server as SVG: a funnel, bars, flows, maps, trends.

Each is a pure function of a ProtectedTable or an OwnTable, and shows nothing its cells don't. They have no
links, scripts or styles; the table beside a picture has the same values and is what a keyboard reaches.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from reporting.charts.drawing import Look, Svg
from reporting.charts.flows import sankey, ways
from reporting.charts.maps import choropleth, classes_of, minis, rate
from reporting.charts.rows import bars, funnel
from reporting.charts.trends import breaks, caveats_of, trend
from reporting.measures import ALL
from reporting.reading import Names, Table, gate, values_of

__all__ = [
    "Look",
    "Picture",
    "Svg",
    "bars",
    "breaks",
    "caveats_of",
    "choropleth",
    "classes_of",
    "funnel",
    "minis",
    "picture",
    "rate",
    "sankey",
    "svg",
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
    """The table as a picture in a file of its own: stages as a funnel, moves between two places as flows,
    anything else as bars along its first axis."""
    gate(table)
    look = Look(alone=True, names=names or {})
    if ways(table):
        return sankey(table, look=look)
    summed = [axis for axis in table.axes if ALL in table.axes[axis]]
    if "stage" in table.axes and (
        tuple(table.axes) == ("stage", "figure") or len(summed) >= len(table.axes) - 1
    ):
        return funnel(table, look=look)
    first = next(axis for axis in table.axes if values_of(table, axis))
    fixed = {axis: table.axes[axis][0] for axis in table.axes if axis not in summed and axis != first}
    return bars(table, first, look=look, **fixed)
