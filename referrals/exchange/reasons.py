"""What became of an import, in words: why a row was not taken or taken in part, why an import waits, and the
files that hand the rest back. No sentence quotes a cell.
"""

import csv
import io
import zipfile
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from agencies import vault
from referrals.exchange.sheet import LABELS
from referrals.models import Import, ImportProblem, RefusedRows

REASONS: dict[str, Promise | str] = {
    # the file
    "column_missing": _("The file lacks this column."),
    "column_unknown": _("The file has a column that the format does not have. It was left out."),
    # one cell
    "id_not_replaced": _("The id is not one that the agency tool has made. It was left blank."),
    "date_unreadable": _("The date can't be read. It was left blank."),
    "number_unreadable": _("This is not a number, or it is too large. It was left blank."),
    "code_unknown": _("The value is not in the list. It was left blank."),
    "shape_wrong": _("The value does not look as this column's values must. It was left blank."),
    "text_withheld": _("Free text can name people, so none is kept."),
    "required_missing": _("The format does not allow a blank here."),
    # one row
    "row_broken": _("The row has not as many cells as the header."),
    "duplicate_id": _("An earlier row of the file has the same id."),
    "person_missing": _("The id names no client that could be opened."),
    "enrollment_missing": _("The id names no enrollment that was taken in."),
    "project_missing": _("The id names no project that was taken in."),
    "person_mismatch": _("The client is not the one of the row's enrollment."),
    # rows together
    "duplicate_enrollment": _("The client has another enrollment in this project with the same entry date."),
    "exit_before_entry": _("The exit is before the entry, so the enrollment stays open."),
    "several_exits": _("The enrollment has another exit; the latest one counts."),
    "service_outside_stay": _("The date is before the entry or after the exit."),
    "date_in_future": _("The date is in the future."),
    "result_before_event": _("The referral's result is before the referral."),
    "result_without_day": _("The referral has a result without a day, so it is not counted as answered."),
    "status_without_decider": _("A trafficking status should say who decided it."),
    "client_kept": _("The file says that the client is deleted. The client stays; erase it on its page."),
    # an agency's own spreadsheet
    "code_missing": _("The row has no client code."),
    "code_identity": _(
        "The code looks like a phone number, e-mail, ID number or address. "
        "Nothing that says who somebody is may be a code."
    ),
    "age_implausible": _("The age or birth date makes no possible age."),
    "date_ambiguous": _("The date can mean two different days. It was left blank."),
    "entry_missing": _("Without an entry date there is no enrollment."),
}


def sentence(code: str) -> Promise | str:
    """The sentence of a code; the code itself where it has none."""
    return REASONS.get(code, code)


PAUSES: dict[str, Promise | str] = {
    "many_changes": _(
        "%(file)s: of %(existing)s rows held, %(changed)s would change and %(gone)s are not in the file."
    ),
    "few_rows": _("%(file)s: %(rows)s rows; the last file had %(before)s."),
    "key_changed": _(
        "The file was made with another key, or for another organization, than the last one. "
        "Every client would look new."
    ),
}


def pause_sentence(why: dict[str, Any]) -> str:
    """Why an import waits for a person, from what Intake says."""
    return str(PAUSES[why["code"]]) % why


def column_label(file: str, column: str) -> str:
    """A column as the sender knows it: their file's own name for it, or our field's for a spreadsheet."""
    return str(LABELS.get(column, column)) if file == "Caseload" else column


def problems_csv(record: Import) -> tuple[str, int]:
    """Every problem of an import with its plain sentence, as CSV; and how many there are."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["file", "row", "column", "taken", "code", "why"])
    count = 0
    for problem in ImportProblem.objects.filter(source=record).iterator(5_000):
        writer.writerow(
            [
                problem.file,
                problem.row or "",
                column_label(problem.file, problem.column),
                "yes" if problem.is_taken else "no",
                problem.code,
                sentence(problem.code),
            ]
        )
        count += 1
    return text.getvalue(), count


def refused_zip(record: Import) -> tuple[bytes, int]:
    """The rows that were not taken, as they came, a CSV for each file with the reasons before each row; and
    how many there are. They are unsealed for this and stand nowhere else.
    """
    found: dict[str, list[list[str]]] = {}
    for part in RefusedRows.objects.filter(source=record):
        text = vault.unseal(
            part.body_sealed, agency=part.agency_id, place="refusedrows.body", row=part.pk, subject=part.pk
        )
        rows = list(csv.reader(io.StringIO(text, newline="")))
        known = found.setdefault(part.file, rows[:1])
        known += rows[1:]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, rows in found.items():
            page = io.StringIO()
            writer = csv.writer(page)
            writer.writerow([_safe(cell) for cell in rows[0]])
            for number, codes, *cells in rows[1:]:
                writer.writerow([number, _in_words(file, codes), *(_safe(cell) for cell in cells)])
            archive.writestr(f"{file}.csv", page.getvalue())
    return packed.getvalue(), sum(len(rows) - 1 for rows in found.values())


def _in_words(file: str, codes: str) -> str:
    said = [code.split(":") for code in codes.split()]
    return " ".join(
        f"{column_label(file, column)}: {sentence(code)}" if column else str(sentence(code))
        for column, code in said
    )


def _safe(cell: str) -> str:
    """A cell that a spreadsheet program would run as a formula, made plain text."""
    is_formula = cell[:1] in ("=", "@", "\t", "\r", "+", "-") and not cell[1:].replace(".", "").isdigit()
    return f"'{cell}" if is_formula else cell
