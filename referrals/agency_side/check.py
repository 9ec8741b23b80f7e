"""The rules between cells, rows and files. They report and never decide what is written, but for
TypeProvided, which is blanked like any other unknown code. Rules about one cell are in `cells.py`.

A rule looks only at the organization's own rows: what another organization's rows say about the same client
must not show in this one's bundle, not even as a defect.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date

from .cells import MAX_AGE, age_on
from .facts import Facts, Stay
from .schema import TYPE_PROVIDED

Found = tuple[str, str]  # column, code

_RESIDENTIAL = frozenset({"0", "2", "3", "8", "9", "10", "13"})
"""Project types whose stays are nights in a bed. Night-by-night shelter (1) is left out: there only the bed
nights say where someone slept."""
_FROM_MOVE_IN = frozenset({"3", "9", "10", "13"})


def stays(facts: Facts, export_day: date | None) -> Iterator[tuple[int, str, str]]:
    """Defects of the enrollments among themselves: (row of Enrollment.csv, column, code)."""
    live = [stay for stay in facts.stays.values() if not stay.deleted]
    for stay in live:
        for column, code in _stay(stay, facts, export_day):
            yield stay.row, column, code
    yield from _duplicates(live)
    yield from _overlaps(live, facts)
    yield from _households(live)


def _stay(stay: Stay, facts: Facts, export_day: date | None) -> Iterator[Found]:
    if stay.person and stay.person not in facts.births:
        yield "PersonalID", "person_missing"
    if stay.entry is None:
        return
    birth = facts.births.get(stay.person)
    if birth is not None:
        if stay.entry < birth:
            yield "EntryDate", "entry_before_birth"
        elif age_on(birth, stay.entry) > MAX_AGE:
            yield "EntryDate", "birth_implausible"
    if export_day is not None and stay.entry > export_day:
        yield "EntryDate", "entry_in_future"
    project = facts.projects[stay.project]
    if (project.start and stay.entry < project.start) or (project.end and stay.entry > project.end):
        yield "EntryDate", "entry_outside_operation"
    if stay.homeless_since and stay.homeless_since > stay.entry:
        yield "DateToStreetESSH", "homeless_after_entry"
    if stay.move_in and (stay.move_in < stay.entry or (stay.exit and stay.move_in > stay.exit)):
        yield "MoveInDate", "move_in_outside_stay"


def _duplicates(live: list[Stay]) -> Iterator[tuple[int, str, str]]:
    seen: set[tuple[str, str, date]] = set()
    for stay in live:
        if stay.entry is None or not stay.person:
            continue
        key = (stay.person, stay.project, stay.entry)
        if key in seen:
            yield stay.row, "EntryDate", "duplicate_enrollment"
        seen.add(key)


def _overlaps(live: list[Stay], facts: Facts) -> Iterator[tuple[int, str, str]]:
    by_person: dict[str, list[tuple[date, date, Stay]]] = defaultdict(list)
    for stay in live:
        kind = facts.projects[stay.project].type
        start = stay.move_in if kind in _FROM_MOVE_IN else stay.entry
        end = stay.exit or date.max
        if kind in _RESIDENTIAL and stay.person and start is not None and start < end:
            by_person[stay.person].append((start, end, stay))
    for nights in by_person.values():
        nights.sort(key=lambda night: (night[0], night[2].row))
        latest_end = date.min
        for start, end, stay in nights:
            if start < latest_end:
                yield stay.row, "EntryDate", "overlapping_stays"
            latest_end = max(latest_end, end)


def _households(live: list[Stay]) -> Iterator[tuple[int, str, str]]:
    projects: dict[str, str] = {}
    households: dict[tuple[str, str], list[Stay]] = defaultdict(list)
    for stay in live:
        if not stay.household:
            continue
        if projects.setdefault(stay.household, stay.project) != stay.project:
            yield stay.row, "HouseholdID", "household_reused"
        households[stay.household, stay.project].append(stay)
    for members in households.values():
        heads = {stay.person for stay in members if stay.is_head}
        if not heads:
            yield members[0].row, "HouseholdID", "household_without_head"
        elif len(heads) > 1:
            yield members[0].row, "HouseholdID", "household_several_heads"


# --- rules about one row, given its cleaned cells ----------------------------------------------------------

Row = dict[str, str]


def _outside(value: str, stay: Stay | None) -> bool:
    if not value or stay is None or stay.entry is None:
        return False
    day = date.fromisoformat(value)
    return day < stay.entry or (stay.exit is not None and day > stay.exit)


def _client(row: Row, stay: Stay | None, export_day: date | None) -> Iterator[Found]:
    if not row["AgeBand"] and row["DOBDataQuality"] in ("1", "2"):
        yield "DOB", "birth_missing"


def _enrollment(row: Row, stay: Stay | None, export_day: date | None) -> Iterator[Found]:
    if row["LivingSituation"] == "435" and not row["RentalSubsidyType"]:
        yield "RentalSubsidyType", "subsidy_missing"


def _exit(row: Row, stay: Stay | None, export_day: date | None) -> Iterator[Found]:
    if row["ExitDate"] and stay and stay.entry and date.fromisoformat(row["ExitDate"]) < stay.entry:
        yield "ExitDate", "exit_before_entry"
    if row["ExitDate"] and export_day and date.fromisoformat(row["ExitDate"]) > export_day:
        yield "ExitDate", "exit_in_future"
    if row["Destination"] == "435" and not row["DestinationSubsidyType"]:
        yield "DestinationSubsidyType", "subsidy_missing"


def _services(row: Row, stay: Stay | None, export_day: date | None) -> Iterator[Found]:
    if _outside(row["DateProvided"], stay):
        yield "DateProvided", "service_outside_stay"
    listed = TYPE_PROVIDED.get(row["RecordType"])
    if row["TypeProvided"] and (listed is None or row["TypeProvided"] not in listed):
        row["TypeProvided"] = ""
        yield "TypeProvided", "type_provided_wrong"


def _event(row: Row, stay: Stay | None, export_day: date | None) -> Iterator[Found]:
    if row["ResultDate"] and row["EventDate"] and row["ResultDate"] < row["EventDate"]:
        yield "ResultDate", "result_before_event"


def _living_situation(row: Row, stay: Stay | None, export_day: date | None) -> Iterator[Found]:
    if _outside(row["InformationDate"], stay):
        yield "InformationDate", "service_outside_stay"
    if row["CurrentLivingSituation"] == "435" and not row["CLSSubsidyType"]:
        yield "CLSSubsidyType", "subsidy_missing"


ROW_RULES: dict[str, Callable[[Row, Stay | None, date | None], Iterator[Found]]] = {
    "Client": _client,
    "Enrollment": _enrollment,
    "Exit": _exit,
    "Services": _services,
    "Event": _event,
    "CurrentLivingSituation": _living_situation,
}
"""By file: rules that take a row's cleaned cells, every column of the bundle present, its stay if known,
and the day of the export."""
