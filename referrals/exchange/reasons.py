"""Why a row was not taken, or taken in part: each code's plain sentence. No sentence quotes a cell."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

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
    "age_implausible": _("The age or birth date makes no possible age."),
    "date_ambiguous": _("The date can mean two different days. It was left blank."),
    "entry_missing": _("Without an entry date there is no enrollment; the client was taken."),
}


def sentence(code: str) -> Promise | str:
    """The sentence of a code; the code itself where it has none."""
    return REASONS.get(code, code)
