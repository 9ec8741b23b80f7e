"""Dates for English: 9 Jan 2026 everywhere, on a screen and in a file.

Django's English writes one day as "Nov. 9, 2026" in a sentence and as 11/09/2026 in a table. One form that
names its month is read the same by everybody, and a table of them stays narrow.
"""

DATE_FORMAT = "j M Y"
SHORT_DATE_FORMAT = "j M Y"
MONTH_DAY_FORMAT = "j M"
DATETIME_FORMAT = "j M Y, P"
SHORT_DATETIME_FORMAT = "j M Y, P"
