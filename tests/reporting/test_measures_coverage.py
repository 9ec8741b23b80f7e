"""Who reports, of those expected."""

from reporting.measures.coverage import Coverage, Reporter, coverage

AGENCIES = [
    Reporter("shelter", "Alder", is_counted=True),
    Reporter("housing", "Alder", is_counted=False),
    Reporter("court", None, is_counted=True),
]


def test_reporting_of_expected_by_sector_and_by_county():
    assert coverage(AGENCIES, lambda one: one.sector_group) == {
        "shelter": Coverage(1, 2), "justice": Coverage(1, 1)
    }  # fmt: skip
    assert coverage(AGENCIES, lambda one: one.county) == {
        "Alder": Coverage(1, 2), "unknown": Coverage(1, 1)
    }  # fmt: skip
    assert coverage(AGENCIES, lambda one: "all") == {"all": Coverage(2, 3)}
    assert coverage([], lambda one: "all") == {}
