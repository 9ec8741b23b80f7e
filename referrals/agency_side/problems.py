"""Every defect the tool reports: its code, the sentence that explains it, and the log of those found.
No sentence and no log line ever quotes a cell."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

SENTENCES: Mapping[str, str] = {
    # the export as a whole
    "file_missing": "The export lacks this file.",
    "file_unknown": "The zip holds a file that HMIS CSV does not have. It was left out.",
    "column_missing": "The file lacks this column.",
    "column_unknown": "The file has a column the format does not have. It was left out.",
    "column_misspelled": "The column's name is not spelled as the format spells it.",
    "columns_shuffled": "The columns are not in the format's order.",
    "text_not_utf8": "Some lines are not UTF-8 text; they were read as Latin-1.",
    "version_unknown": "CSVVersion names neither FY2024 nor FY2026; the columns decided.",
    "export_not_one_row": "Export.csv must have exactly one row.",
    "hash_status_wrong": "HashStatus does not agree with what the name columns look like.",
    "vsp_has_clients": "A victim service provider's clients should not be in a shared HMIS.",
    # one cell
    "date_wrong_format": "The date is not written as yyyy-mm-dd (a time: hh:mm:ss). It was understood.",
    "date_unreadable": "The date can't be read, or can mean more than one day. It was left blank.",
    "code_unknown": "The value is not in the format's list. It was left blank.",
    "number_unreadable": "This is not a number, or is too large for what it counts. It was left blank.",
    "shape_wrong": "The value does not look as this column's values must. It was left blank.",
    "required_missing": "The format does not allow a blank here.",
    "id_too_long": "The id is longer than 32 characters.",
    "looks_like_identifier": "The text holds what looks like an e-mail, phone or Social Security number. "
    "It was left blank.",
    "birth_implausible": "The birth date makes no possible age. No age band was made.",
    "birth_missing": "There is no usable birth date although its quality says it was given.",
    # one row
    "row_broken": "The row has not as many cells as the header. It was left out.",
    "duplicate_id": "An earlier row has the same id.",
    "export_id_mismatch": "ExportID is not the one of Export.csv.",
    "organization_missing": "OrganizationID names no row of Organization.csv. The row was left out.",
    "project_missing": "ProjectID leads to no project of an organization. The row was left out.",
    "enrollment_missing": "EnrollmentID leads to no enrollment of an organization. The row was left out.",
    "person_missing": "PersonalID names no row of Client.csv.",
    "person_mismatch": "PersonalID is not the one of the row's enrollment.",
    "user_missing": "UserID names no row of User.csv.",
    "owner_unclear": "Without EnrollmentID the row could belong to any organization of this export. "
    "It was left out.",
    # rows together
    "duplicate_enrollment": "The client has another enrollment in this project with the same entry date.",
    "exit_before_entry": "The exit is before the entry.",
    "several_exits": "The enrollment has another exit.",
    "entry_before_birth": "The entry is before the birth date.",
    "entry_in_future": "The entry is after the day of the export.",
    "exit_in_future": "The exit is after the day of the export.",
    "entry_outside_operation": "The entry is outside the project's operating dates.",
    "move_in_outside_stay": "The move-in is before the entry or after the exit.",
    "homeless_after_entry": "Homelessness starts after the entry.",
    "overlapping_stays": "The client is in another residential project of yours in the same nights.",
    "household_without_head": "The household has no head.",
    "household_several_heads": "The household has more than one head.",
    "household_reused": "The household id is used in more than one project.",
    "service_outside_stay": "The date is before the entry or after the exit.",
    "type_provided_wrong": "TypeProvided is not in the list of its RecordType. It was left blank.",
    "result_before_event": "The referral's result is before the referral.",
    "subsidy_missing": "A rental with subsidy needs the type of subsidy.",
}
"""Code -> plain sentence. The codes are stable: bundles and the hub's pages use them."""

_CODES = tuple(SENTENCES)
_NUMBER = {code: number for number, code in enumerate(_CODES)}


@dataclass(frozen=True, slots=True)
class Problem:
    """One defect. `row` as a spreadsheet numbers rows (header = 1); 0 means the whole file."""

    file: str
    row: int
    column: str
    code: str

    @property
    def sentence(self) -> str:
        return SENTENCES[self.code]


class ProblemLog:
    """The defects of a run, twelve bytes each, so that an export wrong in every cell fits in memory."""

    def __init__(self) -> None:
        self._by_file: dict[str, array[int]] = {}
        self._columns: list[str] = []
        self._column_number: dict[str, int] = {}
        self._seen_by_file: Counter[tuple[str, str]] = Counter()

    def add(self, file: str, row: int, column: str, code: str) -> None:
        """Note a defect at a row of the input. Raises KeyError for a code that has no sentence."""
        number = self._column_number.get(column)
        if number is None:
            number = self._column_number[column] = len(self._columns)
            self._columns.append(column)
        self._by_file.setdefault(file, array("I")).extend((row, number, _NUMBER[code]))
        self._seen_by_file[file, code] += 1

    def counts(self) -> dict[str, int]:
        """How often each code was noted."""
        total: Counter[str] = Counter()
        for (_, code), count in self._seen_by_file.items():
            total[code] += count
        return dict(sorted(total.items()))

    def of_file(self, file: str) -> Iterator[Problem]:
        """A file's defects by row of the input, then in the order noted."""
        packed = self._by_file.get(file, array("I"))
        for at in sorted(range(0, len(packed), 3), key=packed.__getitem__):
            yield Problem(file, packed[at], self._columns[packed[at + 1]], _CODES[packed[at + 2]])

    def files(self) -> list[str]:
        """The files that have defects, in alphabetical order."""
        return sorted(self._by_file)
