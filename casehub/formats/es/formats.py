"""Dates and numbers for Spanish as written in the United States.

In Django's Spanish 04/05/2026 is a day in May and 1,5 is one and a half. Beside English pages and paper
forms of this country that is read wrongly, so short dates name their month, in small letters as Spanish has
it, and the point marks decimals.
"""

SHORT_DATE_FORMAT = "j b Y"
MONTH_DAY_FORMAT = "j b"
SHORT_DATETIME_FORMAT = "j b Y, P"
DATETIME_FORMAT = r"j \d\e F \d\e Y, P"
TIME_FORMAT = "P"
FIRST_DAY_OF_WEEK = 0
DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = ","
# ISO first: it is what a browser's date field takes as its value.
DATE_INPUT_FORMATS = ["%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y"]
DATETIME_INPUT_FORMATS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M", "%m/%d/%Y %H:%M"]
