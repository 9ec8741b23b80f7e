"""What a table says before anybody draws it: the one gate, the names of its places, cells in words, caveats.

Files and the parts of pages are made in render/, pictures in charts/. Both read a table through here, and so
say the same. What may be in a table is decided in sdc/.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import formats, timezone
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from referrals.picklists import SectorFamily
from reporting.measures import ALL, Dimension, View
from reporting.measures.dimensions import FIXED
from reporting.measures.pipeline import STAGES
from reporting.sdc import (
    HIDDEN_MARK,
    LINKED,
    NOT_REPORTED_MARK,
    RELEASED,
    Cell,
    Coord,
    Hidden,
    MedianDays,
    NotReported,
    ProtectedTable,
    Range,
    Share,
    Shown,
)
from reporting.sdc.own import OwnTable

Table = ProtectedTable | OwnTable
Value = int | float | str
Names = Mapping[str, Dimension]
"""Dimensions by name, as measures.dimensions gives them: what the values of an axis are called. Without them
those of code lists are known all the same, and places are not."""

NO_FIGURE_MARK = "–"
"""Where there is nothing to say: the table has no such figure, or nothing stands before it."""
LINKED_AT, RELEASED_AT = ("identified", LINKED), ("identified", RELEASED)
# The figures of a stage in the order they are read; every other figure is a cut of `entered`.
MAIN = ("people", "now", "entered", "median_days")
SECTORS = {family.value: family.label for family in SectorFamily}
MOST_COLUMNS = 12
_NAMES = {
    "now": _("Now"),
    "entered": _("Entered"),
    # Another word than for the people of an agency, in some languages.
    "people": pgettext_lazy("figure", "People"),
    "people_low": _("People, at least"),
    "people_high": _("People, at most"),
    "median_days": _("Median days"),
    "contacts": _("Contacts"),
    "anonymous": _("Anonymous contacts"),
    **dict(STAGES),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One row: the keys of its places, what they are called, and a mark for every column."""

    keys: tuple[str, ...]
    names: tuple[str, ...]
    marks: list[Value]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Figures in rows and columns, as every file has them: one view of a table with the coarser ones as its
    totals. `name` says how it is cut; `heads` are the titles over the rows' names."""

    name: str
    heads: list[str]
    columns: list[tuple[str, str]]
    rows: list[Line]
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Cut:
    """What a file has of a table: one view, the axis of its columns ("" for the shortest), and sheets beside
    it that were made of the table's shown counts, with what must be read beside these."""

    view: View
    across: str = ""
    beside: Sequence[Sheet] = ()
    notes: Sequence[tuple[str, str]] = ()


def gate(table: Table) -> None:
    """Raises TypeError unless the table passed disclosure control, or is an agency's own."""
    if type(table) not in (ProtectedTable, OwnTable):
        raise TypeError("only a ProtectedTable or an agency's OwnTable is rendered")


def views_of(table: Table) -> list[View]:
    """The views a table holds, by its dimensions: the coarsest first, then in the order of its axes."""
    gate(table)
    axes = list(table.axes)
    found = {
        tuple(axis for axis, value in zip(axes, at, strict=True) if value != ALL) for at in table.cells
    } - {()}
    return sorted(found, key=lambda view: (len(view), [axes.index(axis) for axis in view]))


def finest(table: Table) -> list[View]:
    """The views that are no total of a finer one: between them they have every figure of the table."""
    gate(table)
    if is_pipeline(table):
        return [tuple(table.axes)]
    views = views_of(table)
    found = [view for view in views if not any(set(view) < set(other) for other in views)]
    return found or [tuple(table.axes)[:1]]


def by_words(view: View, names: Names | None = None) -> str:
    """How a view is cut, in words."""
    words = [title[:1].lower() + title[1:] for title in (title_of(axis, names) for axis in view)]
    if len(words) == 1:
        return gettext("By %(first)s") % {"first": words[0]}
    if len(words) == 2:
        return gettext("By %(first)s and %(second)s") % dict(zip(("first", "second"), words, strict=True))
    return gettext("By %(first)s, %(second)s and %(third)s") % dict(
        zip(("first", "second", "third"), words, strict=True)
    )


def sheets(table: Table, names: Names | None = None, cut: Cut | None = None) -> list[Sheet]:
    """A table as a file has it: a sheet for each view that is no total of a finer one, or what `cut` says.

    Raises TypeError for anything that passed no gate.
    """
    if cut is not None:
        return [sheet(table, cut.view, names, across=cut.across), *cut.beside]
    return [sheet(table, view, names) for view in finest(table)]


def sheet(table: Table, view: View, names: Names | None = None, *, across: str = "") -> Sheet:
    """One view as a file has it, what the view has not being summed over. Raises TypeError for anything that
    passed no gate.

    The axis `across` gives the columns, else the shortest, where it is short enough; else each row has one
    figure. Rows without any figure are left out: which have one is decided by the measure's views, never by
    a count.
    """
    gate(table)
    over = "figure" if is_pipeline(table) else across or _across(table, view)
    down = [axis for axis in view if axis != over]
    columns = figures_of(table) if is_pipeline(table) else list(table.axes[over]) if over else [""]
    lines = []
    for keys in _places(table, down):
        places = [dict(zip(down, keys, strict=True)) | ({over: column} if over else {}) for column in columns]
        cells = [cell_at(table, place(table, one)) for one in places]
        if any(cell is not None for cell in cells):
            lines.append((keys, cells))
    split = [
        column == "people" or any(isinstance(cells[number], Range) for _keys, cells in lines)
        for number, column in enumerate(columns)
    ]
    return Sheet(
        name="" if is_pipeline(table) else by_words(view, names),
        heads=[title_of(axis, names) for axis in down],
        columns=[
            entry
            for column, is_split in zip(columns, split, strict=True)
            for entry in _columns(column, over, is_split, names)
        ],
        rows=[
            Line(
                keys,
                tuple(name_of(key, axis, names) for key, axis in zip(keys, down, strict=True)),
                [
                    mark
                    for cell, is_split in zip(cells, split, strict=True)
                    for mark in _marks(cell, is_split)
                ],
            )
            for keys, cells in lines
        ],
        cells=[cell for _keys, cells in lines for cell in cells if cell is not None],
    )


def is_pipeline(table: Table) -> bool:
    """Whether it is stages by figure, as `@measure` gives it, and no cube."""
    return tuple(table.axes) == ("stage", "figure")


def figures_of(table: Table) -> list[str]:
    """The figures of a pipeline in the order they are read; what links say stands among the caveats."""
    have = [figure for figure in table.axes["figure"] if figure not in (LINKED, RELEASED)]
    return [*(figure for figure in MAIN if figure in have), *(one for one in have if one not in MAIN)]


def values_of(table: Table, axis: str) -> list[str]:
    """The values of an axis in its order, without the one for all of them."""
    return [value for value in table.axes[axis] if value != ALL]


def place(table: Table, fixed: Mapping[str, str]) -> Coord:
    """One place of the table. An axis that is not named is summed over.

    Raises ValueError for an axis or value that the table has not, or an axis that has no sum.
    """
    gate(table)
    if unknown := set(fixed) - set(table.axes):
        raise ValueError(f"the table has no axis {', '.join(sorted(unknown))}")
    at = tuple(fixed.get(axis, ALL) for axis in table.axes)
    if bad := [axis for axis, value in zip(table.axes, at, strict=True) if value not in table.axes[axis]]:
        raise ValueError(f"say which value of {', '.join(bad)}")
    return at


def cell_at(table: Table, at: Coord) -> Cell | None:
    """The cell; None where no view of the measure has such a figure."""
    if is_pipeline(table) and at[1] == "people":
        if table.cells.get((at[0], "entered")) == Shown(0):
            return Range(0, 0)  # nobody's record stands there, so nobody does; a hatch would say otherwise
        return table.cells.get(at, NotReported())
    return table.cells.get(at)


def name_of(key: str, axis: str = "", names: Names | None = None) -> str:
    """What a value of an axis is called, in the reader's language."""
    if key == ALL:
        return pgettext("total of a row", "All")
    dimension = _dimension(axis, names)
    if dimension is not None and key in (known := dict(dimension.values)):
        return str(known[key])
    if key in _NAMES:
        return str(_NAMES[key])
    return gettext(SECTORS[key]) if key in SECTORS else key.replace("_", " ").capitalize()


def title_of(axis: str, names: Names | None = None) -> str:
    """What an axis is called."""
    dimension = _dimension(axis, names)
    return str(dimension.title) if dimension is not None else axis.replace("_", " ").capitalize()


def titled(table: Table, fixed: Mapping[str, str], names: Names | None = None) -> str:
    """The title, with the values that a picture or a table is narrowed to."""
    title = gettext(table.title)
    held = [name_of(value, axis, names) for axis, value in fixed.items() if value != ALL]
    return (
        ", ".join([title, *held]) if not title.endswith("?") else " ".join([title, ", ".join(held)]).strip()
    )


def kind(cell: Cell | None) -> str:
    """`value`, `zero`, `hidden`, `missing` (not reported) or `none` (the table has no such figure)."""
    match cell:
        case None:
            return "none"
        case Hidden():
            return "hidden"
        case NotReported():
            return "missing"
        case Shown(0) | Range(0, 0):
            return "zero"
    return "value"


def grouped(count: int) -> str:
    """A count as people write it, with its thousands apart."""
    return formats.number_format(count, use_l10n=True, force_grouping=True)


def said(cell: Cell | None) -> str:
    """A cell in words."""
    match cell:
        case None:
            return NO_FIGURE_MARK
        case Shown(value) | MedianDays(value):
            return grouped(value)
        case Share(percent):
            return gettext("%(percent)d %%") % {"percent": percent}
        case Range(low, high):
            ends = {"low": grouped(low), "high": grouped(high)}
            return ends["low"] if low == high else gettext("%(low)s to %(high)s") % ends
        case Hidden():
            return gettext("hidden")
    return gettext("not reported")


def ends(cell: Cell | None) -> tuple[int, int] | None:
    """The least and the most that a shown count says; None for everything else."""
    match cell:
        case Shown(value):
            return value, value
        case Range(low, high):
            return low, high
    return None


def share(table: Table, part: Coord, whole: Coord) -> int | None:
    """`part` in percent of `whole`; None unless both are shown counts and the part is no larger.

    Rounded as the policy says, or to one percent for an agency's own figures.
    """
    top, bottom = table.cells.get(part), table.cells.get(whole)
    if not isinstance(top, Shown) or not isinstance(bottom, Shown) or not 0 < bottom.value >= top.value:
        return None
    if isinstance(table, ProtectedTable):
        return table.share(part, whole)
    return (200 * top.value + bottom.value) // (2 * bottom.value)


def share_said(table: Table, part: Coord, whole: Coord) -> str:
    """`share` in words, "" where there is none."""
    percent = share(table, part, whole)
    if percent is None:
        return ""
    return percent_said(percent, step_of(table), is_some=table.cells[part] != Shown(0))


def percent_said(percent: int, step: int, *, is_some: bool) -> str:
    """A share that was rounded to a multiple of `step`. Somebody is never said to be 0 %."""
    if percent == 0 and is_some:
        return gettext("under %(percent)d %%") % {"percent": step}
    return gettext("%(percent)d %%") % {"percent": percent}


def step_of(table: Table) -> int:
    """What shares of the table are rounded to, in percent."""
    return table.policy.rounding if isinstance(table, ProtectedTable) else 1


def conversions(table: Table, fixed: Mapping[str, str] | None = None) -> dict[str, str]:
    """By stage: the clients that entered it, in percent of those that entered the stage before, in words.

    "" where there is no stage before (`lost` follows none), or where a count is hidden.
    """
    gate(table)
    wanted = {"figure": "entered"} if is_pipeline(table) else dict(fixed or {})
    stages = values_of(table, "stage")
    found: dict[str, str] = {}
    for before, stage in zip([None, *stages], stages, strict=False):
        part, whole = (place(table, wanted | {"stage": one or stage}) for one in (stage, before))
        found[stage] = "" if before is None or stage == "lost" else share_said(table, part, whole)
    return found


def caveats(table: Table, drawn: Iterable[Cell | None] | None = None) -> list[tuple[str, str]]:
    """What stands beside every figure, in the order of the caveat block. `drawn`: the cells that stand there,
    where these are not all of the table's; how many of them are hidden is said then."""
    about = table.caveats
    reporting = gettext("%(reporting)d of %(expected)d agencies") % {
        "reporting": about.agencies_reporting,
        "expected": about.agencies_expected,
    }
    if isinstance(table, OwnTable):
        release, hidden = gettext("Live, not released"), gettext("None: an agency's own exact figures")
        reporting = gettext("This agency alone")
    else:
        release = f"{about.release_id}, {gettext('digest')} {table.digest()[:12]}"
        hidden = _hidden_of(table, drawn)
    return [
        (gettext("Source"), gettext(about.source)),
        (gettext("Period"), period_text(*about.period)),
        (gettext("Coverage"), reporting),
        (gettext("Counted as"), gettext(about.counted_as)),
        (gettext("Release"), release),
        (gettext("Hidden cells"), hidden),
        (gettext("What it does not show"), gettext(about.does_not_show)),
        *_said_of_links(table),
    ]


def notes(table: Table, drawn: Iterable[Cell | None] | None = None) -> list[tuple[str, str]]:
    """The caveats with all that a page says elsewhere: for a file, which stands alone."""
    marks = gettext("%(hidden)s hidden; %(missing)s not reported; 0 no record, not no need") % {
        "hidden": HIDDEN_MARK,
        "missing": NOT_REPORTED_MARK,
    }
    made = timezone.localtime(table.caveats.generated_at)
    return [
        *caveats(table, drawn),
        (gettext("Rule"), rule(table)),
        (gettext("Signs"), marks),
        (gettext("As of"), formats.date_format(made, "DATETIME_FORMAT")),
    ]


def rule(table: Table) -> str:
    """The disclosure rule in words."""
    if isinstance(table, ProtectedTable):
        return " ".join(gettext(one) for one in table.policy.rules) % table.policy.parameters()
    return gettext(table.caveats.suppression_rule)


def period_text(start: date, end: date) -> str:
    """A half-open period as its first and last day."""
    days = {"first": _day(start), "last": _day(end - timedelta(days=1))}
    return gettext("%(first)s to %(last)s") % days


def _hidden_of(table: ProtectedTable, drawn: Iterable[Cell | None] | None) -> str:
    """How much is hidden, of the cells that are drawn or of the whole release, and why."""
    if drawn is None:
        return gettext(
            "%(share)d %% of cells: counts of 1 to %(small)d, and those that would give one away"
        ) % {"share": table.caveats.share_hidden, **table.policy.parameters()}
    cells = [cell for cell in drawn if cell is not None]
    hidden = sum(isinstance(cell, Hidden) for cell in cells)
    if not hidden:
        return gettext("None of the %(all)d figures here") % {"all": len(cells)}
    return gettext(
        "%(hidden)d of the %(all)d figures here: counts of 1 to %(small)d, and those that would give one away"
    ) % {"hidden": hidden, "all": len(cells), **table.policy.parameters()}


def _said_of_links(table: Table) -> list[tuple[str, str]]:
    """People without links and with them, and what each rests on."""
    if LINKED_AT not in table.cells or not isinstance(table, ProtectedTable):
        return []
    linked, released = table.cells[LINKED_AT], table.cells.get(RELEASED_AT)
    plain = gettext(
        "%(people)s people identified: at least the clients of the largest agency, at most all together."
    ) % {"people": said(cell_at(table, ("identified", "people")))}
    if not isinstance(linked, Range):
        narrowed = gettext(
            "Not shown. It is shown when what links say of other agencies' clients has moved by %(least)d "
            "people or more since it was last shown, whichever one agency is left out."
        ) % {"least": table.policy.threshold}
        return [(gettext("Without linkage"), plain), (gettext("With linkage"), narrowed)]
    rests = (
        gettext(
            "%(people)s people identified. It rests on the %(share)d %% of client records that a release "
            "lets be counted once."
        )
        % {"people": said(linked), "share": released.percent}
        if isinstance(released, Share)
        else gettext("%(people)s people identified. It rests on the releases that were live then.")
        % {"people": said(linked)}
    )
    limits = gettext(
        "The higher end joins only pairs that are sure to be one person. The lower end counts only clients "
        "who were compared, and takes every open question for one person. A name spelled in two scripts "
        "stands twice, twins without a number may stand once. A release given or ended later moves neither "
        "end."
    )
    return [
        (gettext("Without linkage"), plain),
        (gettext("With linkage"), rests),
        (gettext("What linkage does not show"), limits),
    ]


def _dimension(axis: str, names: Names | None) -> Dimension | None:
    """What is known of an axis: of code lists always, of the hub's places only from who asked for them."""
    return (names or {}).get(axis) or FIXED.get(axis)


def _across(table: Table, view: View) -> str:
    """The axis whose values become columns: the shortest of several, the last of equals; "" for none."""
    shortest = min(reversed(view), key=lambda axis: len(table.axes[axis]))
    return shortest if len(view) > 1 and len(table.axes[shortest]) <= MOST_COLUMNS else ""


def _places(table: Table, down: list[str]) -> list[tuple[str, ...]]:
    """Every place along these axes, in their order."""
    found: list[tuple[str, ...]] = [()]
    for axis in down:
        found = [(*keys, value) for keys in found for value in table.axes[axis]]
    return found


def _columns(column: str, axis: str, is_split: bool, names: Names | None) -> list[tuple[str, str]]:
    if column == "people" and axis == "figure":
        return [(key, name_of(key)) for key in ("people_low", "people_high")]
    label = name_of(column, axis, names) if axis else gettext("Count")
    if not is_split:
        return [(column or "count", label)]
    said_of = {"name": label}
    return [
        (f"{column or 'count'}_low", gettext("%(name)s, at least") % said_of),
        (f"{column or 'count'}_high", gettext("%(name)s, at most") % said_of),
    ]


def _marks(cell: Cell | None, is_split: bool) -> list[Value]:
    """A cell as the values of its columns: numbers as numbers, everything else as its sign."""
    match cell:
        case Range(low, high):
            return [low, high]
        case Shown(value) | MedianDays(value):
            mark: Value = value
        case Share():
            mark = said(cell)
        case None:
            mark = NO_FIGURE_MARK
        case Hidden():
            mark = HIDDEN_MARK
        case _:
            mark = NOT_REPORTED_MARK
    return [mark] * (2 if is_split else 1)


def _day(day: date) -> str:
    return formats.date_format(day, "DATE_FORMAT")
