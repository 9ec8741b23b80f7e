"""All definitions of numbers, one file a family. `@measure` and `@cube` register; the folder is read once.

They say which rows and how they are cut; none filters for visibility, protects or renders. The engine counts
them through the counting door.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from importlib import import_module
from pkgutil import iter_modules
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.backends.utils import CursorWrapper
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from reporting.sdc.shape import FigureKey

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Period:
    """Half-open days [start, end), in the hub's time zone."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError("A period ends after it starts.")

    @property
    def starts_at(self) -> datetime:
        return datetime.combine(self.start, time(), ZoneInfo(settings.TIME_ZONE))

    @property
    def ends_at(self) -> datetime:
        return datetime.combine(self.end, time(), ZoneInfo(settings.TIME_ZONE))


@dataclass(frozen=True, slots=True)
class Count:
    """One agency's share of one cell: how many distinct clients (or contacts) of it stand there."""

    row: str
    column: str
    agency: int
    value: int


@dataclass(frozen=True, slots=True)
class Median:
    """Whole days between two stages, and how many clients of each agency it rests on."""

    row: str
    column: str
    days: int
    people_by_agency: dict[int, int]


@dataclass(frozen=True, slots=True)
class Counted:
    """What a measure found. `rows` and `columns` fix the order; `sums` says which columns add up to which;
    `people_of` names the column whose clients the people range and the median of each row are about; empty
    where the rows are no people. `nested`: (row, column) whose clients all stand in another (row, column)
    too, so that one less the other is a count as well. `counted_up`: columns whose rows added up are
    everybody there was until now, which other periods' tables tell, with the key of those who came for the
    first time. `unsaid`: columns that have no figure in this period. `members`: asks which clients, as
    (agency, client), the people of a row are; only of rows whose people may be linked. `keys`: what a figure
    is called in every table; `adds_up`: universes of which disjoint periods do."""

    rows: list[tuple[str, Text]]
    columns: list[tuple[str, Text]]
    counts: list[Count]
    medians: list[Median]
    sums: list[tuple[str, list[str]]]
    people_of: str
    nested: list[tuple[tuple[str, str], tuple[str, str]]] = field(default_factory=list)
    counted_up: Mapping[str, FigureKey] = field(default_factory=dict)
    unsaid: tuple[str, ...] = ()
    members: dict[str, Callable[[], list[tuple[int, UUID]]]] = field(default_factory=dict)
    keys: Mapping[tuple[str, str], FigureKey] = field(default_factory=dict)
    adds_up: frozenset[str] = frozenset()


# (cursor of the counting door, period, as of, agencies whose rows count) -> what was found.
Finder = Callable[[CursorWrapper, Period, datetime, list[int]], Counted]


@dataclass(frozen=True, slots=True)
class Measure:
    """A registered definition. `version` goes up whenever a number of it could change."""

    name: str
    title: Text
    counts: Text
    does_not_show: Text
    version: int
    find: Finder


_register: dict[str, Measure] = {}


def measure(
    *, name: str, title: Text, counts: Text, does_not_show: Text, version: int = 1
) -> Callable[[Finder], Measure]:
    """Register a function as a measure. A name stands once."""

    def register(find: Finder) -> Measure:
        if name in _register:
            raise ValueError(f"two measures are called {name}")
        _register[name] = Measure(name, title, counts, does_not_show, version, find)
        return _register[name]

    return register


ALL = "all"
"""The value of an axis that is summed over."""
UNKNOWN = "unknown"
"""The value where nobody wrote one down. Questions that went unanswered have values of their own."""

CLIENT_RECORDS = _("Client records of the network's agencies")
ONE_CLIENT = _("One client of one agency")

View = tuple[str, ...]
"""The dimensions of one view, at most three. Any other is summed over: () is the total of all."""
Row = tuple[Any, ...]
"""One atom at one agency: a value for each dimension of the cube, the agency, how many units stand there."""

# (cursor of the counting door, period, as of, agencies whose rows count) -> atoms, each named once an agency.
Atoms = Callable[[CursorWrapper, Period, datetime, list[int]], Iterable[Row]]

Group = tuple[Collection[tuple[str, ...]], int, int]
"""Clients behind events: those of one agency whose events stand in exactly these atoms, and how many."""
# As Atoms; each client in one group.
Groups = Callable[[CursorWrapper, Period, datetime, list[int]], Iterable[Group]]


@dataclass(frozen=True, slots=True)
class Dimension:
    """A way to cut. `values` in the order they are printed in, whatever the counts.

    Where its values have groups, `into` names the dimension of the groups and `rolls_up` says which value
    is in which: every value in exactly one, so that groups add up.
    """

    name: str
    title: Text
    values: tuple[tuple[str, Text], ...]
    rolls_up: Mapping[str, str] | None = None
    into: str = ""


@dataclass(frozen=True, slots=True)
class Cube:
    """A registered definition. Each unit stands in exactly one atom, so atoms add up to every total.

    `universe` names the units; the same units cut otherwise have the same one. `source` says whose records
    they are, `unit` what one of them is, `counts` how often a person may be among them. `views` are what is
    shown, and `coarser` the lists of views to try in order where too much of these would be hidden.
    `adds_up`: the universe, or the parts of it, of which two disjoint periods' counts add up to the count of
    both. The period is half-open. `within`:
    where only some units of the universe are counted, the pairs that say which; they are in no view and in
    each figure's name. `period_bound`: dimensions, with their groups, whose value is true of one period only
    (unmet when it ended). A unit of two overlapping periods may have two values, so their figures are not
    comparable and have two names; `periods_apart` then asks that no two periods of it overlap, for a reader
    could hold them together all the same. `people`: where a unit is an event and no client (a service, a
    referral), which clients stand behind the atoms, for a count of events is shown only if its clients may be
    counted too (R37). A contact that names nobody has no client: there the contact itself is counted.
    """

    name: str
    title: Text
    universe: str
    source: Text
    unit: Text
    counts: Text
    does_not_show: Text
    dimensions: tuple[str, ...]
    views: tuple[View, ...]
    coarser: tuple[tuple[View, ...], ...]
    adds_up: frozenset[str]
    within: tuple[tuple[str, str], ...]
    period_bound: frozenset[str]
    version: int
    find: Atoms
    people: Groups | None = None

    @property
    def periods_apart(self) -> bool:
        """Whether two releases of it must be of one period or share no day."""
        return bool(self.period_bound)

    def key(self, view: View, values: tuple[str, ...], period: Period) -> FigureKey:
        """The name of one figure in every table: the values of a view, in its order."""
        pairs = [*zip(view, values, strict=True), *self.within]
        if not self.period_bound.isdisjoint(view):
            pairs.append(("period", f"{period.start}/{period.end}"))
        return self.universe, tuple(sorted(pairs))


_cubes: dict[str, Cube] = {}


def cube(
    *,
    name: str,
    title: Text,
    universe: str,
    counts: Text,
    does_not_show: Text,
    dimensions: tuple[str, ...],
    views: tuple[View, ...],
    coarser: tuple[tuple[View, ...], ...] = (),
    adds_up: bool | frozenset[str] = False,
    within: tuple[tuple[str, str], ...] = (),
    period_bound: Iterable[str] = (),
    version: int = 1,
    source: Text = CLIENT_RECORDS,
    unit: Text = ONE_CLIENT,
    people: Groups | None = None,
) -> Callable[[Atoms], Cube]:
    """Register a function as a cube. A name stands once. Raises ValueError for a view of what it has not."""
    for view in (*views, *(view for menu in coarser for view in menu)):
        if len(view) > 3 or len(set(view)) != len(view):
            raise ValueError(f"{name}: a view has at most three dimensions, each once")

    def register(find: Atoms) -> Cube:
        if name in _cubes:
            raise ValueError(f"two cubes are called {name}")
        _cubes[name] = Cube(
            name=name,
            title=title,
            universe=universe,
            source=source,
            unit=unit,
            counts=counts,
            does_not_show=does_not_show,
            dimensions=dimensions,
            views=views,
            coarser=coarser,
            adds_up=frozenset({universe} if adds_up is True else adds_up or ()),
            within=within,
            period_bound=frozenset(period_bound),
            version=version,
            find=find,
            people=people,
        )
        return _cubes[name]

    return register


def measures() -> dict[str, Measure]:
    """Every measure by name."""
    _read()
    return dict(_register)


def cubes() -> dict[str, Cube]:
    """Every cube by name."""
    _read()
    return dict(_cubes)


def _read() -> None:
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")


def rows_of(cursor: CursorWrapper, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    cursor.execute(sql, parameters)
    return list(cursor.fetchall())


# All atoms that the events of one client stand in, and how many clients have the very same ones.
_BEHIND = """
    SELECT atoms, agency_id, count(*) FROM (
        SELECT agency_id, array_agg(DISTINCT array_to_string(words, chr(31))) AS atoms FROM ({events}) event
        GROUP BY agency_id, who
    ) someone GROUP BY 1, 2
"""


def clients_behind(
    cursor: CursorWrapper, events: str, parameters: dict[str, Any], atom: Callable[..., tuple[str, ...]]
) -> Iterable[Group]:
    """The clients behind events. `events` is SQL that gives of each event its agency_id, `who` (the client;
    of an event without one, the event), and `words`, a text[] of which `atom` makes the event's atom."""
    made: dict[str, tuple[str, ...]] = {}
    for found, agency, people in rows_of(cursor, _BEHIND.format(events=events), parameters):
        for words in found:
            if words not in made:
                made[words] = atom(*words.split("\x1f"))
        yield {made[words] for words in found}, agency, people
