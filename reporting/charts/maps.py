"""Counties, filled by classes. Outlines come as data; there are no points, so no site is ever on a map."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, floor, log10, radians
from typing import Any

from django.utils.translation import gettext

from reporting.charts.drawing import (
    INK,
    MID,
    PALE,
    PAPER,
    QUIET,
    SOLID,
    Look,
    Svg,
    frame,
    hidden,
    legend,
    lines_of,
    missing,
    shape,
    signs,
    width_of,
    words,
)
from reporting.reading import (
    NO_FIGURE_MARK,
    Table,
    caveats,
    cell_at,
    ends,
    gate,
    grouped,
    kind,
    name_of,
    place,
    said,
    titled,
    values_of,
)
from reporting.sdc import Cell

Ring = Sequence[Sequence[float]]
Outlines = Mapping[str, Any]
"""Value of the axis -> a GeoJSON Polygon or MultiPolygon in degrees, or a list of rings."""
FILLS = (PALE, MID, SOLID)
MINI = 200
_FINEST = 0.8
_NAMED = 12
"""With more counties than these, names would hide the map."""


@dataclass(frozen=True, slots=True)
class _County:
    key: str
    name: str
    kind: str
    says: str
    worth: float = 0.0


def choropleth(
    table: Table,
    outlines: Outlines,
    *,
    dimension: str = "county",
    population: Mapping[str, int] | None = None,
    per: int = 100_000,
    classes: Sequence[float] | None = None,
    plane: bool = False,
    is_mini: bool = False,
    look: Look | None = None,
    **fixed: str,
) -> Svg:
    """The values of one axis on their outlines, in up to three classes made of shown figures alone.

    With `population`, people or records for each `per` of it, of shown counts only. Hidden is hatched, not
    reported dotted, zero white; a range takes the class of its low end. `classes`: where the second and third
    class start, for maps beside each other. `plane`: the outlines are on paper already, y down. `is_mini`: a
    small one without names and legend. Raises TypeError for what passed no gate.
    """
    gate(table)
    look = look or Look()
    counties = _counties(table, dimension, population, per, look, fixed)
    starts = (
        classes if classes is not None else classes_of(one.worth for one in counties if one.kind == "value")
    )
    width = float(MINI if is_mini else look.width)
    shapes, height = _projected(
        {one.key: outlines[one.key] for one in counties if one.key in outlines}, width, plane
    )
    body, labels = list[str](), list[str]()
    many = len(shapes) > _NAMED
    for one in counties:
        if one.key not in shapes:
            continue
        rings = shapes[one.key]
        path = "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring) + "Z" for ring in rings)
        mark = _fill(look, one, starts)
        thin = 0.75 if many else 1.25
        body.append(
            shape(
                "path", f"{one.name}: {one.says}", d=path, fill=mark, fill_rule="evenodd", stroke=INK,
                stroke_width=thin, stroke_linejoin="round",
            )
        )  # fmt: skip
        labels += _label(one, rings, starts, is_mini=is_mini, many=many)
    body += labels
    if not is_mini and (sentence := _elsewhere(counties, shapes)):
        height += 8
        for line in lines_of(sentence, width, 12.5, 4):
            height += 17
            body.append(words(0, height, line, size=12.5, fill=QUIET))
    key = _key(starts, counties, population is not None, per)
    if not is_mini and not look.alone:
        drawn, height = legend(look, key, height + 12, width)
        body += drawn
        key = []
    title = titled(table, fixed, look.names)
    if population is not None:
        title += ": " + _rate_words(per)
    return frame(
        look,
        body,
        width=width,
        height=height + 4,
        title=title,
        says="; ".join(f"{one.name}: {one.says}" for one in counties),
        caveats=caveats(
            table, [cell_at(table, place(table, {**fixed, dimension: one.key})) for one in counties]
        )
        if look.alone
        else (),
        key=key,
    )


def minis(
    table: Table, outlines: Outlines, *, by: str, look: Look | None = None, **how: Any
) -> list[tuple[str, Svg]]:
    """A small map for each value of the axis `by`, all with the same classes (`classes_over`); takes what
    choropleth takes. Their fills are explained by `drawing.explained`."""
    look = look or Look()
    starts = classes_over(table, by=by, **how)
    drawn = {
        one: outlines[one] for one in values_of(table, how.get("dimension", "county")) if one in outlines
    }
    # Outlines may have thousands of points: they are laid on paper once for all.
    shapes, _height = _projected(drawn, MINI, how.pop("plane", False))
    return [
        (
            value,
            choropleth(
                table,
                shapes,
                plane=True,
                classes=starts,
                is_mini=True,
                look=Look(name=f"{look.name}-{number}", names=look.names),
                **{**how, by: value},
            ),
        )
        for number, value in enumerate(_mapped(table, by, how))
    ]


def classes_over(table: Table, *, by: str, **how: Any) -> tuple[float, ...]:
    """Where the second and the third class start on maps of all values of the axis `by`, so that they can be
    looked at side by side; takes what choropleth takes."""
    gate(table)
    dimension, population, per = (
        how.get("dimension", "county"),
        how.get("population"),
        how.get("per", 100_000),
    )
    return classes_of(
        one.worth
        for value in _mapped(table, by, how)
        for one in _counties(table, dimension, population, per, Look(), _fixed(how) | {by: value})
        if one.kind == "value"
    )


def _mapped(table: Table, by: str, how: Mapping[str, Any]) -> list[str]:
    """The values of an axis that have any figure on the map."""
    dimension = how.get("dimension", "county")
    return [
        value
        for value in values_of(table, by)
        if any(
            cell_at(table, place(table, _fixed(how) | {by: value, dimension: one})) is not None
            for one in values_of(table, dimension)
        )
    ]


def classes_of(shown: Iterable[float]) -> tuple[float, ...]:
    """Where the second and the third class start: round numbers near the thirds of what is shown."""
    worth = sorted(shown)
    found: list[float] = []
    for part in (1, 2):
        if worth:
            near = worth[min(len(worth) - 1, part * len(worth) // 3)]
            step = _step_for(near)
            start = max(step, floor(near / step) * step)
            if start > worth[0] and start <= worth[-1] and start not in found:
                found.append(start)
    return tuple(found)


def _fixed(how: Mapping[str, Any]) -> dict[str, str]:
    own = {"dimension", "population", "per", "classes", "plane", "is_mini"}
    return {axis: value for axis, value in how.items() if axis not in own}


def _step_for(near: float) -> float:
    """The step of round numbers at this size: 5 at 12, 10 at 47, 50 at 120."""
    size = 10 ** floor(log10(near)) if near >= 1 else 1
    return max(1, size if near / size >= 3 else size / 2)


def _counties(
    table: Table,
    dimension: str,
    population: Mapping[str, int] | None,
    per: int,
    look: Look,
    fixed: Mapping[str, str],
) -> list[_County]:
    return [
        _county(
            key,
            name_of(key, dimension, look.names),
            cell_at(table, place(table, {**fixed, dimension: key})),
            population,
            per,
        )
        for key in values_of(table, dimension)
    ]


def _county(
    key: str, name: str, cell: Cell | None, population: Mapping[str, int] | None, per: int
) -> _County:
    found = ends(cell)
    if not found or not found[1] or population is None:
        return _County(key, name, kind(cell), said(cell), float(found[0]) if found else 0.0)
    people = population.get(key, 0)
    if people <= 0:
        return _County(key, name, "none", NO_FIGURE_MARK)
    low, high = (rate(end, people, per) for end in found)
    says = low if low == high else gettext("%(low)s to %(high)s") % {"low": low, "high": high}
    return _County(key, name, "value", says, per * found[0] / people)


def rate(count: int, people: int, per: int = 100_000) -> str:
    """A shown count for each `per` people: whole, or with one decimal below ten."""
    worth = per * count / people
    return f"{worth:.0f}" if worth >= 9.95 else f"{worth:.1f}"


def _elsewhere(counties: Sequence[_County], drawn: Mapping[str, object]) -> str:
    """What the table has and the map has no outline for."""
    beside = [
        f"{one.name}: {one.says}" for one in counties if one.key not in drawn and one.says != NO_FIGURE_MARK
    ]
    return gettext("Not on the map: %(others)s") % {"others": ", ".join(beside)} if beside else ""


def _rate_words(per: int) -> str:
    return gettext("for each %(per)s people who live there") % {"per": grouped(per)}


def _fill(look: Look, one: _County, starts: Sequence[float]) -> str:
    if one.kind == "value":
        return _fills(starts)[_class(one, starts)]
    return {"hidden": hidden(look), "missing": missing(look)}.get(one.kind, PAPER)


def _class(one: _County, starts: Sequence[float]) -> int:
    return sum(one.worth >= start for start in starts)


def _fills(starts: Sequence[float]) -> tuple[str, ...]:
    return FILLS[: len(starts) + 1] if len(starts) != 1 else (PALE, SOLID)


def _key(
    starts: Sequence[float], counties: Sequence[_County], is_rate: bool, per: int
) -> list[tuple[str, str]]:
    if not any(one.kind == "value" for one in counties):
        return signs(one.kind for one in counties)
    fills = _fills(starts)
    said_of = [_round(start, is_rate) for start in starts]
    if not starts:
        texts = [gettext("Shown")]
    else:
        texts = [gettext("under %(start)s") % {"start": said_of[0]}]
        for low, high in pairwise(said_of):
            texts.append(gettext("%(low)s to under %(high)s") % {"low": low, "high": high})
        texts.append(gettext("%(start)s or more") % {"start": said_of[-1]})
    letters = "ABC"
    named = [
        (fill, f"{letter}: {text}" if len(counties) > _NAMED else text)
        for fill, text, letter in zip(fills, texts, letters, strict=False)
    ]
    return [*named, *signs(one.kind for one in counties)]


def _round(start: float, is_rate: bool) -> str:
    return f"{start:g}" if is_rate else grouped(int(start))


def _label(
    one: _County, rings: Sequence[Ring], starts: Sequence[float], *, is_mini: bool, many: bool
) -> list[str]:
    """Name and value on white, where they fit; else the value, else the letter of the class in the legend."""
    (x, y), (wide, tall) = _middle(rings)
    short = one.says if one.kind in ("value", "zero") else ""
    if is_mini:
        if not short or width_of(short, 15) > 1.6 * wide:
            return []
        return [
            _box(x, y, width_of(short, 15) + 8, 21),
            words(x, y + 5, short, size=15, weight=600, anchor="middle"),
        ]
    room = max(width_of(one.name, 13), width_of(one.says, 13)) + 14
    if not many and room <= 1.15 * wide and tall >= 44:
        return [
            _box(x, y, room, 38),
            words(x, y - 3, one.name, size=13, weight=600, anchor="middle"),
            words(x, y + 13, one.says, size=13, anchor="middle"),
        ]
    if short and width_of(short, 12) <= wide and tall >= 14:
        return [words(x, y + 4, short, size=12, weight=600, anchor="middle", halo=True)]
    if one.kind == "value" and tall >= 9:
        return [words(x, y + 3.5, "ABC"[_class(one, starts)], size=9, weight=600, anchor="middle", halo=True)]
    return []


def _box(x: float, y: float, width: float, height: float) -> str:
    return shape("rect", x=x - width / 2, y=y - height / 2, width=width, height=height, rx=3, fill=PAPER)


def _rings(outline: Any) -> list[Ring]:
    if isinstance(outline, Mapping):
        found = outline["coordinates"]
        return list(found) if outline["type"] == "Polygon" else [ring for part in found for ring in part]
    return list(outline)


def _projected(
    outlines: Outlines, width: float, plane: bool
) -> tuple[dict[str, list[list[tuple[float, float]]]], float]:
    """Outlines in the picture's own measure, and its height. Equirectangular, true along the middle."""
    rings = {key: _rings(outline) for key, outline in outlines.items()}
    points = [point for one in rings.values() for ring in one for point in ring]
    if not points:
        return {}, 0.0
    west, east = min(p[0] for p in points), max(p[0] for p in points)
    south, north = min(p[1] for p in points), max(p[1] for p in points)
    shrink = 1.0 if plane else cos(radians((south + north) / 2))
    across, along = (east - west) * shrink or 1.0, (north - south) or 1.0
    scale = min((width - 4) / across, (width * 0.95) / along)
    left = (width - across * scale) / 2
    return {
        key: [
            _thinned(
                (
                    left + (p[0] - west) * shrink * scale,
                    2 + ((p[1] - south) if plane else (north - p[1])) * scale,
                )
                for p in ring
            )
            for ring in one
        ]
        for key, one in rings.items()
    }, along * scale + 4


def _thinned(ring: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The ring without points that nobody could tell apart: an outline may have thousands."""
    found: list[tuple[float, float]] = []
    for x, y in ring:
        if not found or abs(x - found[-1][0]) + abs(y - found[-1][1]) >= _FINEST:
            found.append((x, y))
    return found


def _middle(rings: Sequence[Ring]) -> tuple[tuple[float, float], tuple[float, float]]:
    """The centroid of the largest ring (or the widest place near it inside), and how large the ring is."""
    ring = max(rings, key=lambda one: abs(_area(one)))
    xs, ys = [p[0] for p in ring], [p[1] for p in ring]
    size = (max(xs) - min(xs), max(ys) - min(ys))
    area = _area(ring)
    if not area:
        return ((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2), size
    pairs = list(zip(ring, [*ring[1:], ring[0]], strict=True))
    x = sum((a[0] + b[0]) * (a[0] * b[1] - b[0] * a[1]) for a, b in pairs) / (6 * area)
    y = sum((a[1] + b[1]) * (a[0] * b[1] - b[0] * a[1]) for a, b in pairs) / (6 * area)
    if _inside(x, y, ring):
        return (x, y), size
    grid = [
        (min(xs) + size[0] * i / 12, min(ys) + size[1] * j / 12) for i in range(1, 12) for j in range(1, 12)
    ]
    within = [at for at in grid if _inside(*at, ring)] or [(x, y)]
    return max(within, key=lambda at: min((at[0] - p[0]) ** 2 + (at[1] - p[1]) ** 2 for p in ring)), size


def _area(ring: Ring) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True)) / 2


def _inside(x: float, y: float, ring: Ring) -> bool:
    found = False
    for a, b in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (a[1] > y) != (b[1] > y) and x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0]:
            found = not found
    return found
