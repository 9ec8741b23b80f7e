"""All definitions of numbers, one file a family. `@measure` registers; the folder is read once at start.

A measure says which rows and how they are cut; it never filters for visibility, never protects and never
renders. The engine counts it through the counting door.
"""

from collections.abc import Callable
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
    too, so that one less the other is a count as well. `counted_up`: columns whose rows added up are a number
    that other periods' tables tell. `unsaid`: columns that have no figure in this period. `members`: asks
    which clients, as (agency, client), the people of a row are; only of rows whose people may be linked."""

    rows: list[tuple[str, Text]]
    columns: list[tuple[str, Text]]
    counts: list[Count]
    medians: list[Median]
    sums: list[tuple[str, list[str]]]
    people_of: str
    nested: list[tuple[tuple[str, str], tuple[str, str]]] = field(default_factory=list)
    counted_up: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()
    members: dict[str, Callable[[], list[tuple[int, UUID]]]] = field(default_factory=dict)


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


def measures() -> dict[str, Measure]:
    """Every measure by name."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return dict(_register)


def rows_of(cursor: CursorWrapper, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    cursor.execute(sql, parameters)
    return list(cursor.fetchall())
