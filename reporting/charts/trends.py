"""One figure over several releases, with a break wherever two of them can't be compared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, pairwise

from django.utils import formats
from django.utils.translation import gettext

from reporting.charts.drawing import (
    EDGE,
    INK,
    LINE,
    PALE,
    QUIET,
    SOLID,
    WASH,
    Look,
    Svg,
    frame,
    lines_of,
    shape,
    sign,
    signs,
    words,
)
from reporting.reading import (
    NO_FIGURE_MARK,
    Table,
    caveats,
    cell_at,
    ends,
    gate,
    is_pipeline,
    kind,
    period_text,
    place,
    said,
    titled,
)
from reporting.sdc import Cell

_MOST_STANDING = 14
"""More bars than these, and they lie: their words would run into each other."""
_TALL, _SIGN_TALL = 124.0, 40.0


@dataclass(frozen=True, slots=True)
class _Step:
    cell: Cell | None
    tick: str
    year: str
    coverage: tuple[int, int]
    counted_as: str
    version: int

    @property
    def is_part(self) -> bool:
        return self.coverage[0] < self.coverage[1]

    @property
    def name(self) -> str:
        return " ".join(filter(None, [self.tick, self.year]))


def trend(
    tables: Sequence[Table],
    *,
    versions: Sequence[int] = (),
    look: Look | None = None,
    **fixed: str,
) -> Svg:
    """A bar for each release, in the order given; `versions` are their measures' versions.

    `fixed` says which figure: axes that are not named are summed over, and of a pipeline it is the records
    identified. Bars are dashed where agencies were missing; a broken line and a sentence stand where coverage
    or definition changed. What is hidden is hatched at one height. Raises TypeError for what passed no gate,
    ValueError without tables or for a value they have not.
    """
    for table in tables:
        gate(table)
    if not tables or (versions and len(versions) != len(tables)):
        raise ValueError("a trend needs releases, and a version of each if of any")
    look = look or Look()
    steps = [
        _step(table, fixed, version)
        for table, version in zip(tables, versions or [0] * len(tables), strict=True)
    ]
    shown = [found for one in steps if (found := ends(one.cell))]
    scale = max((high for _low, high in shown), default=0) or 1
    has_range = any(low < high for low, high in shown)
    lies = look.narrow or len(steps) > _MOST_STANDING or has_range
    body, height = (_lying if lies else _standing)(look, steps, scale)
    sentences = [*_dashed(steps), *breaks(tables, versions)]
    for sentence in sentences:
        for line in lines_of(sentence, look.width, 12.5, 4):
            height += 17
            body.append(words(0, height, line, size=12.5, fill=QUIET))
    key = [(SOLID, gettext("at least")), (PALE, gettext("could be up to"))] if has_range else []
    if any(one.is_part for one in steps):
        key.append(("dashed", gettext("Not all agencies reported")))
    spoken = [f"{one.name}: {said(one.cell)}" for one in steps]
    return frame(
        look,
        body,
        width=look.width,
        height=height + 6,
        title=titled(tables[-1], fixed, look.names),
        says="; ".join([*spoken, *sentences]),
        caveats=caveats_of(tables, [one.cell for one in steps]) if look.alone else (),
        key=[*key, *signs(kind(one.cell) for one in steps)],
    )


def breaks(tables: Sequence[Table], versions: Sequence[int] = ()) -> list[str]:
    """A sentence for each place where a release can't be compared with the one before it."""
    steps = [
        _step(table, None, version)
        for table, version in zip(tables, versions or [0] * len(tables), strict=True)
    ]
    found = []
    for before, now in pairwise(steps):
        words_of = {"period": now.name, "now": now.coverage[0], "of": now.coverage[1]}
        if before.coverage != now.coverage:
            words_of |= {"before": before.coverage[0], "of_before": before.coverage[1]}
            found.append(
                gettext(
                    "Break at %(period)s: %(now)d of %(of)d agencies reported, before it %(before)d of "
                    "%(of_before)d."
                )
                % words_of
            )
        if before.version != now.version or before.counted_as != now.counted_as:
            found.append(gettext("Break at %(period)s: it is counted by another definition.") % words_of)
    return found


def caveats_of(tables: Sequence[Table], drawn: Iterable[Cell | None]) -> list[tuple[str, str]]:
    """What must be read beside these figures of several releases: those of the last, said of all of them."""
    about = [table.caveats for table in tables]
    start, end = min(one.period[0] for one in about), max(one.period[1] for one in about)
    covered = []
    for (reporting, expected), steps in groupby(
        (_step(table, None, 0) for table in tables), key=lambda step: step.coverage
    ):
        span = _span([step.name for step in steps])
        numbers = {"reporting": reporting, "expected": expected, "periods": span}
        covered.append(gettext("%(reporting)d of %(expected)d agencies (%(periods)s)") % numbers)
    released = _span([one.release_id for one in about])
    said_of = {
        gettext("Period"): period_text(start, end),
        gettext("Coverage"): "; ".join(covered),
        gettext("Counted as"): "; ".join(dict.fromkeys(gettext(one.counted_as) for one in about)),
        gettext("Release"): gettext("%(releases)s; each by itself") % {"releases": released},
    }
    return [(label, said_of.get(label, text)) for label, text in caveats(tables[-1], drawn)]


def _span(names: Sequence[str]) -> str:
    several = list(dict.fromkeys(names))
    return several[0] if len(several) == 1 else f"{several[0]}–{several[-1]}"


def _step(table: Table, fixed: dict[str, str] | None, version: int) -> _Step:
    about, cell = table.caveats, None
    if fixed is not None:
        start = {"stage": "identified", "figure": "entered"} if is_pipeline(table) else {}
        cell = cell_at(table, place(table, start | fixed))
    tick, year = _ticks(*about.period)
    coverage = (about.agencies_reporting, about.agencies_expected)
    return _Step(cell, tick, year, coverage, about.counted_as, version)


def _ticks(start: date, end: date) -> tuple[str, str]:
    """A period in short, and its year where that is not all of it."""
    months = (end.year - start.year) * 12 + end.month - start.month
    whole = start.day == 1 == end.day
    if whole and months == 12 and start.month == 1:
        return str(start.year), ""
    if whole and months == 3 and start.month % 3 == 1:
        return gettext("Q%(number)d") % {"number": start.month // 3 + 1}, str(start.year)
    if whole and months == 1:
        return formats.date_format(start, "M"), str(start.year)
    last = end - timedelta(days=1)
    return f"{formats.date_format(start, 'M Y')}–{formats.date_format(last, 'M Y')}", ""


def _is_break(before: _Step, now: _Step) -> bool:
    return (before.coverage, before.version, before.counted_as) != (now.coverage, now.version, now.counted_as)


def _dashed(steps: Sequence[_Step]) -> list[str]:
    part = [one for one in steps if one.is_part]
    if not part:
        return []
    if len({one.coverage for one in part}) == 1:
        reporting, expected = part[0].coverage
        return [
            gettext("Dashed: %(reporting)d of %(expected)d agencies reported.")
            % {"reporting": reporting, "expected": expected}
        ]
    each = ", ".join(f"{one.name} {one.coverage[0]}/{one.coverage[1]}" for one in part)
    return [gettext("Dashed: not all agencies reported (%(each)s).") % {"each": each}]


def _standing(look: Look, steps: Sequence[_Step], scale: int) -> tuple[list[str], float]:
    foot, slot = _TALL + 22, min(64.0, look.width / len(steps))
    width = min(40.0, slot * 0.78)
    out, year = list[str](), ""
    for at, step in enumerate(steps):
        x = slot * at + (slot - width) / 2
        if at and _is_break(steps[at - 1], step):
            out.append(
                shape("path", d=f"M{slot * at:.1f} 4V{foot + 40:.1f}", stroke=INK, stroke_dasharray="2 3")
            )
        found = ends(step.cell)
        top = foot
        if found and found[1]:
            tall = _TALL * found[1] / scale
            top = foot - tall
            out.append(_block(step, x, top, width, tall))
        elif kind(step.cell) in ("hidden", "missing"):
            top = foot - _SIGN_TALL
            out.append(sign(look, kind(step.cell), x, top, width, _SIGN_TALL))
        over = said(step.cell) if found else NO_FIGURE_MARK if step.cell is None else ""
        if over:
            out.append(words(x + width / 2, top - 6, over, size=13.5, anchor="middle"))
        out.append(words(x + width / 2, foot + 17, step.tick, size=12.5, fill=QUIET, anchor="middle"))
        if step.year and step.year != year:
            out.append(words(x, foot + 36, step.year, size=13, weight=600))
        year = step.year
    out.append(shape("path", d=f"M0 {foot:.1f}H{slot * len(steps):.1f}", stroke=INK))
    return out, foot + (40 if year else 24)


def _lying(look: Look, steps: Sequence[_Step], scale: int) -> tuple[list[str], float]:
    ahead = 84.0 if not any(len(one.tick) > 8 for one in steps) else 138.0
    room = look.width - ahead - 92
    y, out, year = 4.0, list[str](), ""
    for at, step in enumerate(steps):
        if at and _is_break(steps[at - 1], step):
            out.append(shape("path", d=f"M0 {y:.1f}H{look.width}", stroke=INK, stroke_dasharray="2 3"))
        if step.year and step.year != year:
            out.append(words(0, y + 15, step.year, size=13, weight=600))
        year = step.year
        out.append(words(46 if step.year else 0, y + 15, step.tick, size=13, fill=INK if not year else QUIET))
        found = ends(step.cell)
        if found and found[1]:
            low, high = (room * end / scale for end in found)
            out.append(_block(step, ahead, y + 3, high, 15))
            if found[0] < found[1]:
                out.append(shape("rect", x=ahead, y=y + 3, width=low, height=15, fill=SOLID))
        else:
            out.append(sign(look, kind(step.cell), ahead, y + 3, 60, 15))
        out.append(words(look.width, y + 15, said(step.cell), size=13.5, weight=600, anchor="end"))
        y += 25
    out.append(shape("path", d=f"M{ahead:g} 2V{y:.1f}", stroke=EDGE))
    out.append(shape("path", d=f"M0 {y + 2:.1f}H{look.width}", stroke=LINE))
    return out, y + 4


def _block(step: _Step, x: float, y: float, width: float, height: float) -> str:
    found = ends(step.cell) or (0, 0)
    if step.is_part:
        dash = {"fill": WASH, "stroke": SOLID, "stroke_width": "1.5", "stroke_dasharray": "4 3"}
        return shape("rect", x=x, y=y, width=width, height=height, **dash)
    fill = SOLID if found[0] == found[1] else PALE
    return shape("rect", x=x, y=y, width=width, height=height, fill=fill, stroke=SOLID)
