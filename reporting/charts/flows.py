"""From where people come and where they go next. The width of what is hidden says what the totals say."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext

from reporting.charts.drawing import (
    DARK,
    EDGE,
    INK,
    QUIET,
    SOLID,
    Look,
    Svg,
    frame,
    hidden,
    lines_of,
    shape,
    signs,
    words,
)
from reporting.measures import ALL
from reporting.reading import (
    Table,
    caveats,
    cell_at,
    ends,
    gate,
    kind,
    name_of,
    place,
    said,
    title_of,
    titled,
    values_of,
)
from reporting.sdc import Cell

OTHER = ""
"""The node that takes every hidden flow."""
# A destination whose total is shown grows by what of it is hidden, hatched: its flows end at another node.
_NODE, _GAP, _UNSAID = 10.0, 12.0, 16.0
"""Widths in the picture: of a node, between nodes, and of a hidden flow whose total is hidden, too."""


@dataclass(slots=True)
class _Flow:
    origin: str
    destination: str
    low: int
    high: int
    cell: Cell | None = None


@dataclass(slots=True)
class _Node:
    key: str
    label: list[str]
    total: str
    hidden: int = 0
    size: float = 0.0
    top: float = 0.0
    taken: float = field(default=0.0)


def sankey(
    table: Table,
    *,
    origin: str = "",
    destination: str = "",
    look: Look | None = None,
    **fixed: str,
) -> Svg:
    """Flows between the values of two axes, as wide as they are shown to be.

    All hidden flows of an origin go to one node, "Other or hidden", together: as wide as its shown total less
    its shown flows, and one width for all where that total is not shown. That number is written nowhere. What
    nobody reported is a dotted line. Without `origin` and `destination` it takes the table's own ways. Raises
    TypeError for what passed no gate, ValueError for a table without moves.
    """
    gate(table)
    look = look or Look()
    if not origin or not destination:
        origin, destination = ways(table) or ("", "")
        if not origin:
            raise ValueError("nothing moves in this table")
    starts, stops = values_of(table, origin), values_of(table, destination)

    def cell(start: str, stop: str) -> Cell | None:
        return cell_at(table, place(table, fixed | {origin: start, destination: stop}))

    flows: list[_Flow] = []
    gone: list[tuple[str, str]] = []
    for start in starts:
        cells = [(stop, cell(start, stop)) for stop in stops]
        shown = [(stop, one, found) for stop, one in cells if (found := ends(one)) and found[1]]
        flows += [_Flow(start, stop, found[0], found[1], one) for stop, one, found in shown]
        gone += [(start, stop) for stop, one in cells if kind(one) == "missing"]
        if any(kind(one) == "hidden" for _stop, one in cells):
            rest = _rest(cell(start, ALL), [found for _stop, _cell, found in shown])
            flows.append(_Flow(start, OTHER, rest, rest))
    kinds = {kind(cell(start, stop)) for start in starts for stop in stops}
    width = float(look.width)
    from_here = {flow.origin for flow in flows}
    to_here = {flow.destination for flow in flows}
    left = _nodes(look, {one: cell(one, ALL) for one in starts if one in from_here}, origin)
    totals = {stop: cell(ALL, stop) for stop in stops}
    right = _nodes(
        look,
        {one: total for one, total in totals.items() if one in to_here or kind(total) == "value"},
        destination,
    )
    for node in right:
        arrive = [cell(start, node.key) for start in starts]
        if any(kind(one) == "hidden" for one in arrive):
            node.hidden = max(0, _rest(totals[node.key], [found for one in arrive if (found := ends(one))]))
    if any(flow.destination == OTHER for flow in flows):
        right.append(_Node(OTHER, lines_of(gettext("Other or hidden"), 100, 13), ""))
    people = sum(max(0, flow.high) for flow in flows) or 1
    tall = 52.0 * max(len(left), len(right), 3)
    scale = tall / people
    height = max(_lay(look, left, flows, scale, "origin"), _lay(look, right, flows, scale, "destination"))
    tips = {id(flow): _said(flow, origin, destination, look) for flow in flows}
    body = _drawn(look, flows, left, right, gone, scale, tips)
    ends_at = [title_of(origin, look.names), title_of(destination, look.names)]
    edge_left, edge_right = _edges(look)
    if not look.narrow:
        body.append(words(edge_left, 12, ends_at[0], size=12, fill=QUIET, anchor="end"))
        body.append(words(edge_right, 12, ends_at[1], size=12, fill=QUIET))
    else:
        body.append(words(0, 12, ends_at[0], size=12.5, fill=QUIET))
        body.append(words(width, 12, ends_at[1], size=12.5, fill=QUIET, anchor="end"))
    return frame(
        look,
        body,
        width=width,
        height=height + 6,
        title=titled(table, fixed, look.names),
        says="; ".join(tips[id(flow)] for flow in flows),
        caveats=caveats(table) if look.alone else (),
        key=signs(kinds & {"hidden"}) + ([("dotted", gettext("Not reported"))] if gone else []),
    )


def ways(table: Table) -> tuple[str, str] | None:
    """The axes of a table that say from where and to where: `origin` or `origin_node`, and `next` or
    `destination` of the same kind; None for a table of anything else."""
    for axis in table.axes:
        if axis == "origin" or axis.startswith("origin_"):
            for start in ("next", "destination"):
                if (other := start + axis.removeprefix("origin")) in table.axes:
                    return axis, other
    return None


def _rest(total: Cell | None, shown: Sequence[tuple[int, int]]) -> int:
    """How wide the hidden flows of a node are together, in people; below zero where nobody can say."""
    known = ends(total)
    if known is None or known[0] != known[1] or any(low != high for low, high in shown):
        return -1
    left = known[0] - sum(low for low, _high in shown)
    return left if left > 0 else -1


def _nodes(look: Look, totals: Mapping[str, Cell | None], axis: str) -> list[_Node]:
    found = []
    for key, total in totals.items():
        room = 150.0 if look.narrow else 104.0
        said_total = said(total) if kind(total) != "none" else ""
        found.append(_Node(key, lines_of(name_of(key, axis, look.names), room, 13), said_total))
    return found


def _thick(flow: _Flow, scale: float) -> float:
    return _UNSAID if flow.high < 0 else max(2.5, flow.high * scale)


def _lay(look: Look, nodes: Sequence[_Node], flows: Sequence[_Flow], scale: float, side: str) -> float:
    """Place the nodes of one side below each other, each with room for its words. Returns the foot."""
    y = 22.0
    for node in nodes:
        node.size = sum(_thick(flow, scale) for flow in flows if getattr(flow, side) == node.key)
        node.size += node.hidden * scale
        lines = len(node.label) + bool(node.total)
        if look.narrow:
            node.top = y + 16.0 * len(node.label) + 4
            y = node.top + node.size + 8
        else:
            slot = max(node.size, 15.0 * lines)
            node.top = y + (slot - node.size) / 2
            y += slot + _GAP
    return y


def _edges(look: Look) -> tuple[float, float]:
    """Where the left node ends and the right one starts, less its own width."""
    return (_NODE, look.width - _NODE) if look.narrow else (118.0, look.width - 118.0)


def _drawn(
    look: Look,
    flows: Sequence[_Flow],
    left: Sequence[_Node],
    right: Sequence[_Node],
    gone: Sequence[tuple[str, str]],
    scale: float,
    tips: Mapping[int, str],
) -> list[str]:
    start, stop = _edges(look)
    by_left, by_right = ({node.key: node for node in nodes} for nodes in (left, right))
    order = [node.key for node in left]
    places: dict[int, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    rank = {node.key: at for at, node in enumerate(right)}
    for flow in sorted(flows, key=lambda one: (order.index(one.origin), rank[one.destination])):
        node = by_left[flow.origin]
        places[id(flow)] = (node.top + node.taken, 0.0)
        node.taken += _thick(flow, scale)
    for flow in sorted(flows, key=lambda one: (rank[one.destination], order.index(one.origin))):
        node = by_right[flow.destination]
        places[id(flow)] = (places[id(flow)][0], node.top + node.taken)
        node.taken += _thick(flow, scale)
    out = []
    # What is hidden lies below, so that hatching never crosses a flow that is shown.
    for flow in sorted(flows, key=lambda one: one.destination != OTHER):
        at, to = places[id(flow)]
        thick = _thick(flow, scale)
        if flow.destination == OTHER:
            path = _ribbon(start, at, stop, to, thick)
            out.append(shape("path", tips[id(flow)], d=path, fill=hidden(look), fill_opacity="0.6"))
            continue
        for part in sorted({flow.low, flow.high}, reverse=True):
            path = _ribbon(start, at, stop, to, thick * part / flow.high)
            opaque = "0.4" if part == flow.low else "0.2"
            out.append(shape("path", tips[id(flow)], class_="flow", d=path, fill=SOLID, fill_opacity=opaque))
    for origin, destination in gone:
        if origin in by_left and destination in by_right:
            one, other = by_left[origin], by_right[destination]
            middle = (start + stop) / 2
            foot, head = one.top + one.size, other.top + other.size
            path = f"M{start:g} {foot:.1f}C{middle:g} {foot:.1f} {middle:g} {head:.1f} {stop:g} {head:.1f}"
            out.append(
                shape(
                    "path", d=path, fill="none", stroke=EDGE, stroke_width=2.5, stroke_linecap="round",
                    stroke_dasharray="0.1 6",
                )
            )  # fmt: skip
    for nodes, x in ((left, start - _NODE), (right, stop)):
        for node in nodes:
            fill = QUIET if node.key == OTHER else DARK
            solid = node.size - node.hidden * scale
            out.append(shape("rect", x=x, y=node.top, width=_NODE, height=solid, fill=fill))
            if node.hidden:
                below, tall = node.top + solid, node.hidden * scale
                out.append(
                    shape("rect", x=x, y=below, width=_NODE, height=tall, fill=hidden(look), stroke=QUIET)
                )
            out += _label(look, node, x, is_left=nodes is left)
    return out


def _label(look: Look, node: _Node, x: float, *, is_left: bool) -> list[str]:
    if look.narrow:
        at, anchor = (0.0, "start") if is_left else (float(look.width), "end")
        foot = node.top - 5 - 16 * (len(node.label) - 1)
        return [
            words(at, foot + 16 * number, line, size=13.5, anchor=anchor, halo=True)
            for number, line in enumerate(
                [*node.label[:-1], "  ".join(filter(None, [node.label[-1], node.total]))]
            )
        ]
    at, anchor = (x - 8, "end") if is_left else (x + _NODE + 8, "start")
    lines = [(line, INK) for line in node.label] + ([(node.total, QUIET)] if node.total else [])
    top = node.top + node.size / 2 - 15 * len(lines) / 2 + 11.5
    return [
        words(at, top + 15 * number, line, fill=fill, anchor=anchor)
        for number, (line, fill) in enumerate(lines)
    ]


def _ribbon(x: float, y: float, end: float, to: float, thick: float) -> str:
    middle = (x + end) / 2
    return (
        f"M{x:g} {y:.1f}C{middle:g} {y:.1f} {middle:g} {to:.1f} {end:g} {to:.1f}V{to + thick:.1f}"
        f"C{middle:g} {to + thick:.1f} {middle:g} {y + thick:.1f} {x:g} {y + thick:.1f}Z"
    )


def _said(flow: _Flow, origin: str, destination: str, look: Look) -> str:
    names = {
        "origin": name_of(flow.origin, origin, look.names),
        "destination": name_of(flow.destination, destination, look.names),
    }
    if flow.destination == OTHER:
        return gettext("%(origin)s to other or hidden") % names
    return gettext("%(origin)s to %(destination)s: %(count)s") % {**names, "count": said(flow.cell)}
