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
    width_of,
    words,
)
from reporting.measures import ALL
from reporting.measures.dimensions import NO_STEP
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
_NODE, _GAP, _SIDE = 10.0, 7.0, 150.0
"""Widths in the picture: of a node, between nodes, and of the room beside them for words."""
_UNSAID = 10.0
"""How wide what has no width is: a hidden flow whose total is hidden too, what of a destination's total is
hidden (its flows end at another node), and clients without a next step, who would leave the rest no room."""
_TALL, _TALL_ON_A_PHONE = 450.0, 560.0
"""Wider flows than fit into this are drawn narrower; the words of many nodes may still need more."""


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
    is_part_hidden: bool = False
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
    nobody reported is a dotted line. Who has no next step made no move: a grey line of one width.
    Without `origin` and `destination` it takes the table's own ways. Raises TypeError
    for what passed no gate, ValueError for a table without moves.
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
        node.is_part_hidden = any(kind(cell(start, node.key)) == "hidden" for start in starts)
    if any(flow.destination == OTHER for flow in flows):
        right.append(_Node(OTHER, lines_of(gettext("Other or hidden"), _SIDE - 8, 13), ""))
    scale = _scale(look, left, right, flows)
    height = _laid(look, left, right, flows, scale)
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
        caveats=caveats(table, (cell(start, stop) for start in starts for stop in stops))
        if look.alone
        else (),
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
        said_total = said(total) if kind(total) != "none" else ""
        if key == NO_STEP and said_total:
            said_total = gettext("%(count)s, not to scale") % {"count": said_total}
        found.append(_Node(key, lines_of(name_of(key, axis, look.names), _SIDE - 8, 13), said_total))
    return found


def _thick(flow: _Flow, scale: float) -> float:
    return _UNSAID if flow.high < 0 or flow.destination == NO_STEP else max(2.5, flow.high * scale)


def _scale(look: Look, left: Sequence[_Node], right: Sequence[_Node], flows: Sequence[_Flow]) -> float:
    """How wide one client is: as wide as leaves the picture on one screen."""
    moved = sum(max(0, flow.high) for flow in flows if flow.destination != NO_STEP) or 1
    room = _TALL_ON_A_PHONE if look.narrow else _TALL
    low, high = 0.0, 52.0 * max(len(left), len(right), 3) / moved
    if _laid(look, left, right, flows, high) <= room:
        return high
    for _half in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if _laid(look, left, right, flows, middle) <= room else (low, middle)
    return low


def _laid(
    look: Look, left: Sequence[_Node], right: Sequence[_Node], flows: Sequence[_Flow], scale: float
) -> float:
    """Place every node. Returns the foot of the picture."""
    return max(_lay(look, left, flows, scale, "origin"), _lay(look, right, flows, scale, "destination"))


def _lay(look: Look, nodes: Sequence[_Node], flows: Sequence[_Flow], scale: float, side: str) -> float:
    """Place the nodes of one side below each other, each with room for its words. Returns the foot."""
    y = 22.0
    for node in nodes:
        node.size = sum(_thick(flow, scale) for flow in flows if getattr(flow, side) == node.key)
        node.size += _UNSAID * node.is_part_hidden
        if look.narrow:
            node.top = y + 16.0 * len(node.label) + 4
            y = node.top + node.size + 8
        else:
            slot = max(node.size, 15.0 * len(_lines(node)))
            node.top = y + (slot - node.size) / 2
            y += slot + _GAP
    return y


def _edges(look: Look) -> tuple[float, float]:
    """Where the left node ends and the right one starts, less its own width."""
    return (_NODE, look.width - _NODE) if look.narrow else (_SIDE, look.width - _SIDE)


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
        if flow.destination in (OTHER, NO_STEP):
            path = _ribbon(start, at, stop, to, thick)
            fill, opaque = (hidden(look), "0.6") if flow.destination == OTHER else (EDGE, "0.25")
            out.append(shape("path", tips[id(flow)], d=path, fill=fill, fill_opacity=opaque))
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
            fill = QUIET if node.key in (OTHER, NO_STEP) else DARK
            solid = node.size - _UNSAID * node.is_part_hidden
            if solid:
                out.append(shape("rect", x=x, y=node.top, width=_NODE, height=solid, fill=fill))
            if node.is_part_hidden:
                out.append(
                    shape(
                        "rect", x=x, y=node.top + solid, width=_NODE, height=_UNSAID, fill=hidden(look),
                        stroke=QUIET,
                    )
                )  # fmt: skip
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
    lines = _lines(node)
    top = node.top + node.size / 2 - 15 * len(lines) / 2 + 11.5
    return [
        words(at, top + 15 * number, line, fill=fill, anchor=anchor)
        for number, (line, fill) in enumerate(lines)
    ]


def _lines(node: _Node) -> list[tuple[str, str]]:
    """The words beside a node on a wide picture, with their ink; its total in the last line, if that fits."""
    lines = [(line, INK) for line in node.label]
    last = f"{node.label[-1]}, {node.total}"
    if node.total and width_of(last) <= _SIDE - 8:
        return [*lines[:-1], (last, INK)]
    return [*lines, *([(node.total, QUIET)] if node.total else [])]


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
