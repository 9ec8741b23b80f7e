"""Days and amounts as people say them: Today, 9 Jan, 0.5 hours."""

from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def day_words(day: date | None) -> str:
    """Today, Yesterday, 9 Jan, or 9 Jan 2024 in another year; nothing for no day."""
    if day is None:
        return ""
    today = timezone.localdate()
    if day == today:
        return _("Today")
    if (today - day).days == 1:
        return _("Yesterday")
    return date_format(day, "MONTH_DAY_FORMAT" if day.year == today.year else "SHORT_DATE_FORMAT")


def moment_words(at: datetime) -> str:
    """The day, and today and yesterday the time too."""
    local = timezone.localtime(at)
    words = day_words(local.date())
    recent = (timezone.localdate() - local.date()).days in (0, 1)
    return f"{words}, {date_format(local, 'TIME_FORMAT')}" if recent else words


def amount_words(quantity: Decimal, unit: str) -> str:
    """0.5 hours, 1 time, 7 nights, $20."""
    exact = Decimal(quantity)
    places = 0 if exact == exact.to_integral_value() else 2
    number = number_format(exact, places)
    if places:
        number = number.rstrip("0")
    count = 1 if exact == 1 else 2
    if unit == "dollars":
        return f"${number}"
    if unit == "hours":
        return ngettext("%(n)s hour", "%(n)s hours", count) % {"n": number}
    if unit == "nights":
        return ngettext("%(n)s night", "%(n)s nights", count) % {"n": number}
    return ngettext("%(n)s time", "%(n)s times", count) % {"n": number}
