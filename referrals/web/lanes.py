"""A client's path as a picture: one lane a sector, a mark for each contact, the time enrolled shaded.

Pure geometry in the units of the drawing; the table beside it has the same values.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.utils import dateformat, timezone
from django.utils.translation import gettext as _

from referrals.picklists import Sector, SectorGroup
from referrals.queries import Moment

WIDTH, LEFT, RIGHT, TOP, STEP = 744, 148, 730, 36, 28
_MOST_MONTHS = 7


@dataclass(frozen=True, slots=True)
class Mark:
    """One contact: where it stands, and whether it is the first in its lane."""

    x: str
    y: str
    is_first: bool


@dataclass(slots=True)
class Lane:
    label: str
    y: str
    marks: list[Mark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws. Numbers are text already, with a point in every language."""

    lanes: list[Lane]
    months: list[tuple[str, str]]
    shades: list[tuple[str, str]]
    today: str
    height: int
    depth: int


def group_of(moment: Moment, own: str) -> SectorGroup:
    """The sector a moment happened in: the contact's or receiver's own, else the agency's."""
    said = ""
    if moment.kind == "touchpoint":
        said = moment.row.sector
    elif moment.kind == "referral":
        said = moment.row.receiver_sector
    try:
        return Sector(said or own).group
    except ValueError:
        return SectorGroup.OTHER


def chart(moments: Sequence[Moment], enrollments: Sequence[Any], own: str) -> Chart | None:
    """The picture of a timeline (newest first), or None without anything in it."""
    today = timezone.localdate()
    shown = [(timezone.localdate(m.at), m) for m in reversed(moments) if timezone.localdate(m.at) <= today]
    if not shown:
        return None
    start = min([shown[0][0], *(one.entry_on for one in enrollments if one.entry_on <= today)]).replace(day=1)
    span = max((today - start).days, 27) + 1

    def x(day: date) -> float:
        return LEFT + (RIGHT - LEFT) * max(0, (day - start).days) / span

    def text(value: float) -> str:
        return f"{value:.1f}"

    lanes: dict[SectorGroup, Lane] = {}
    for day, moment in shown:
        group = group_of(moment, own)
        if group not in lanes:
            lanes[group] = Lane(_(group.label), text(TOP + STEP * len(lanes)))
        lane = lanes[group]
        lane.marks.append(Mark(text(x(day)), lane.y, not lane.marks))
    depth = TOP + STEP * (len(lanes) - 1) + 10
    shades = []
    for one in enrollments:
        begin, end = x(one.entry_on), x(min(one.exit_on or today, today))
        shades.append((text(begin), text(max(end - begin, 1))))
    return Chart(list(lanes.values()), _months(start, today, x), shades, text(x(today)), depth + 8, depth)


def _months(start: date, today: date, x: Any) -> list[tuple[str, str]]:
    """Month names along the top, as many as fit; with the year where the months span more than one."""
    firsts, day = [], start
    while day <= today:
        firsts.append(day)
        day = (day + timedelta(days=31)).replace(day=1)
    every = -(-len(firsts) // _MOST_MONTHS)
    style = "M" if start.year == today.year else "M Y"
    kept = [one for one in firsts[::every] if x(today) - x(one) > 40 or one == start]
    return [(f"{x(one):.1f}", dateformat.format(one, style)) for one in kept]
