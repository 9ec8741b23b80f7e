"""Bars that lie, one a row: the funnel of the pipeline, and any one dimension. Never sorted by a count."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext

from reporting.charts.drawing import (
    EDGE,
    INK,
    LINE,
    PALE,
    QUIET,
    SOLID,
    Look,
    Svg,
    bar,
    frame,
    label_lines,
    lines_of,
    shape,
    sign,
    signs,
    width_of,
    words,
)
from reporting.measures import ALL
from reporting.reading import (
    Table,
    caveats,
    cell_at,
    conversions,
    ends,
    gate,
    is_pipeline,
    kind,
    name_of,
    place,
    said,
    share_said,
    title_of,
    titled,
    values_of,
)
from reporting.sdc import Cell

FUNNEL_WIDE = 720


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    cell: Cell | None
    beside: tuple[str, ...] = ()
    spoken: tuple[str, ...] = ()
    is_apart: bool = False


def funnel(table: Table, *, look: Look | None = None, **fixed: str) -> Svg:
    """Stages with people (or clients) from least to most, what part came on from the stage before, and median
    days; the last two only of shown cells. `fixed` holds the other axes of a cube."""
    gate(table)
    look = look or Look()
    passed = conversions(table, fixed) if not is_pipeline(table) or "entered" in table.axes["figure"] else {}
    figure = "people" if is_pipeline(table) and "people" in table.axes["figure"] else "entered"
    rows, has_median = [], False
    for stage in values_of(table, "stage"):
        if is_pipeline(table):
            cell = cell_at(table, (stage, figure))
            median = table.cells.get((stage, "median_days"))
        else:
            cell, median = cell_at(table, place(table, fixed | {"stage": stage})), None
        part, days = passed.get(stage, ""), said(median) if kind(median) in ("value", "zero") else ""
        has_median = has_median or bool(days)
        spoken = (
            gettext("%(percent)s of stage before") % {"percent": part} if part else "",
            gettext("%(days)s days") % {"days": days} if days else "",
        )
        rows.append(_Row(name_of(stage, "stage", look.names), cell, (part, days), spoken, stage == "lost"))
    heads = (gettext("Of stage before"), gettext("Median days") if has_median else "")
    return _drawn(
        table,
        look,
        rows,
        title=titled(table, fixed, look.names),
        heads=heads if any(passed.values()) or has_median else (),
        width=look.width if look.narrow else FUNNEL_WIDE,
        count_head=name_of(figure) if is_pipeline(table) else gettext("Count"),
    )


def bars(table: Table, dimension: str, *, look: Look | None = None, **fixed: str) -> Svg:
    """One bar for each value of the dimension, in the order of the axis, and its share where both it and the
    whole are shown. `fixed` holds other axes; what is not named is summed over."""
    gate(table)
    look = look or Look()
    whole = place(table, fixed) if ALL in table.axes[dimension] else None
    rows = []
    for value in values_of(table, dimension):
        at = place(table, fixed | {dimension: value})
        part = share_said(table, at, whole) if whole else ""
        rows.append(_Row(name_of(value, dimension, look.names), cell_at(table, at), (part,), (part,)))
    has_shares = any(row.beside[0] for row in rows)
    title = f"{titled(table, fixed, look.names)} {title_of(dimension, look.names)}"
    heads = (gettext("Share"),) if has_shares else ()
    return _drawn(table, look, rows, title=title, heads=heads, width=look.width, count_head=gettext("Count"))


def _drawn(
    table: Table,
    look: Look,
    rows: Sequence[_Row],
    *,
    title: str,
    heads: tuple[str, ...],
    width: float,
    count_head: str,
) -> Svg:
    rows = [row for row in rows if row.cell is not None]
    scale = max([found[1] for row in rows if (found := ends(row.cell))], default=0) or 1
    draw = _narrow if look.narrow else _wide
    body, height = draw(look, rows, heads, width, scale, count_head)
    says = "; ".join(", ".join(filter(None, [f"{row.label}: {said(row.cell)}", *row.spoken])) for row in rows)
    has_range = any((found := ends(row.cell)) and found[0] < found[1] for row in rows)
    return frame(
        look,
        body,
        width=width,
        height=height,
        title=title,
        says=says,
        caveats=caveats(table, [row.cell for row in rows]) if look.alone else (),
        key=[*_range_key(has_range), *signs(kind(row.cell) for row in rows)],
    )


def _wide(
    look: Look, rows: Sequence[_Row], heads: tuple[str, ...], width: float, scale: int, count_head: str
) -> tuple[list[str], float]:
    label_room = 118.0 if width == FUNNEL_WIDE else 165.0
    # A share may need words.
    said_beside = max((width_of(one, 13.5) for row in rows for one in row.beside), default=0.0)
    column, counts = max(110.0 if width == FUNNEL_WIDE else 62.0, said_beside + 18), 92.0
    start, end = label_room + 12, width - column * len(heads) - counts
    y, out = 4.0, list[str]()
    if heads:
        ends_at = [
            width - column * len(heads),
            *(width - column * at for at in range(len(heads) - 1, -1, -1)),
        ]
        for at, head in zip(ends_at, (count_head, *heads), strict=True):
            out.append(words(at, 11, head, size=12, fill=QUIET, anchor="end"))
        y = 18.0
    for row in rows:
        lines = lines_of(row.label, label_room, 13.5)
        height = 28.0 if len(lines) == 1 else 38.0
        out.append(shape("path", d=f"M0 {y:.1f}H{width:g}", stroke=EDGE if row.is_apart else LINE))
        middle = y + height / 2
        out += label_lines(0, middle + 5 - 7 * (len(lines) - 1), lines, size=13.5, weight=600)
        out.append(_mark(look, row.cell, start, middle - 7, end - start, scale))
        out.append(words(end + counts, middle + 5, said(row.cell), size=13.5, weight=600, anchor="end"))
        for at, beside in enumerate(row.beside[: len(heads)]):
            foot = width - column * (len(heads) - 1 - at)
            mark = beside or "–"
            ink = INK if beside else QUIET
            out.append(words(foot, middle + 5, mark, size=13.5, fill=ink, anchor="end"))
        y += height
    out.append(shape("path", d=f"M0 {y:.1f}H{width:g}", stroke=LINE))
    return out, y + 2


def _narrow(
    look: Look, rows: Sequence[_Row], heads: tuple[str, ...], width: float, scale: int, _count: str
) -> tuple[list[str], float]:
    y, out = 2.0, list[str]()
    for row in rows:
        lines = lines_of(row.label, width - 110, 15)
        out += label_lines(0, y + 16, lines, size=15, weight=600)
        out.append(words(width, y + 16, said(row.cell), size=15, weight=600, anchor="end"))
        y += 22 + 15 * (len(lines) - 1)
        out.append(_mark(look, row.cell, 0.5, y, width - 1, scale))
        y += 20
        said_small = "  ·  ".join(filter(None, row.spoken)) if heads else ""
        if said_small:
            out.append(words(0, y + 11, said_small, size=13, fill=QUIET))
            y += 16
        y += 5
        out.append(shape("path", d=f"M0 {y:.1f}H{width:g}", stroke=EDGE if row.is_apart else LINE))
        y += 5
    return out, y


def _mark(look: Look, cell: Cell | None, x: float, y: float, room: float, scale: int) -> str:
    found = ends(cell)
    if found is None or not found[1]:
        return sign(look, kind(cell), x, y)
    return bar(x, y, room * found[0] / scale, room * found[1] / scale)


def _range_key(has_range: bool) -> list[tuple[str, str]]:
    return [(SOLID, gettext("at least")), (PALE, gettext("could be up to"))] if has_range else []
