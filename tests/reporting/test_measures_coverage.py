"""Who reports, of those expected, and how long ago."""

from datetime import date, timedelta

import pytest

from reporting.measures.coverage import Coverage, Recency, Reporter, coverage, recency

DAY = date(2025, 6, 30)
AGENCIES = [
    Reporter(1, "shelter", "99001", DAY),
    Reporter(2, "housing", "99001", None),
    Reporter(3, "court", None, DAY - timedelta(days=400)),
]


def test_reporting_of_expected_by_sector_and_by_county():
    assert coverage(AGENCIES, lambda one: one.sector_group) == {
        "shelter": Coverage(1, 2), "justice": Coverage(1, 1)
    }  # fmt: skip
    assert coverage(AGENCIES, lambda one: one.county) == {
        "99001": Coverage(1, 2), "unknown": Coverage(1, 1)
    }  # fmt: skip


@pytest.mark.parametrize(("days", "step"), [
    (-1, Recency.WEEK), (0, Recency.WEEK), (7, Recency.WEEK), (8, Recency.MONTH), (30, Recency.MONTH),
    (31, Recency.QUARTER), (90, Recency.QUARTER), (91, Recency.LONGER),
])  # fmt: skip
def test_how_long_ago_is_said_in_steps(days, step):
    assert recency(DAY - timedelta(days=days), DAY) is step and str(step.label)


def test_no_record_is_no_day():
    assert recency(None, DAY) is Recency.NONE
