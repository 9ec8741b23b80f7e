"""Pipeline tables with known truth for tests of what is rendered; no database."""

from datetime import UTC, date, datetime

from referrals.picklists import SectorFamily
from reporting.measures.pipeline import STAGES
from reporting.sdc import (
    NotReported,
    Policy,
    ProtectedTable,
    Provenance,
    RawMedian,
    RawRange,
    RawTable,
    Sum,
    protect,
)
from reporting.sdc.own import OwnTable, own_table

ROWS = [name for name, _title in STAGES]
SECTORS = [family.value for family in SectorFamily]

# True counts by agency. `referred` has 613 people at one agency: hidden, and it may stand in no rendering.
TRUTH = {
    "identified": {"a": 60, "b": 70, "c": 83},
    "screened": {"a": 40, "b": 50, "c": 47},
    "referred": {"a": 613, "b": 0, "c": 0},
    "accepted": {"a": 0, "b": 0, "c": 0},
    "enrolled": {"a": 33, "b": 29, "c": 31},
    "in_service": {"a": 20, "b": 19, "c": 22},
    "exited": {"a": 14, "b": 14, "c": 15},
    "followed_up": {"a": 12, "b": 13, "c": 13},
    "lost": {"a": 12, "b": 12, "c": 13},
}


def raw(only: str | None = None, **about) -> RawTable:
    """The table of all three agencies, or of `only` one. Nobody reported where anyone is now in `lost`."""
    figures = ["now", "entered", *SECTORS]
    counts, relations = {}, []
    for row in ROWS:
        by_agency = {a: n for a, n in TRUTH[row].items() if only in (None, a)}
        counts[row, "now"] = NotReported() if row == "lost" else by_agency
        counts[row, "entered"] = by_agency
        for sector in SECTORS:
            counts[row, sector] = by_agency if sector == "shelter_and_legal" else dict.fromkeys(by_agency, 0)
        relations.append(Sum((row, "entered"), tuple((row, sector) for sector in SECTORS)))
    return RawTable(
        title="Where are people in the pipeline?",
        axes={"stage": ROWS, "figure": [*figures, "people", "median_days"]},
        counts=counts,
        relations=relations,
        medians={
            ("screened", "median_days"): RawMedian(
                4.0, counts["screened", "entered"], ("screened", "entered")
            )
        },
        ranges={
            (row, "people"): RawRange(by_agency=counts[row, "entered"], cell=(row, "entered")) for row in ROWS
        },
        about=Provenance(
            **{
                "source": "Client records of the network's agencies",
                "period": (date(2025, 1, 1), date(2026, 1, 1)),
                "agencies_reporting": 1 if only else 3,
                "agencies_expected": 1 if only else 4,
                "counted_as": "Client records: a person known to two agencies stands twice",
                "does_not_show": "People no agency has met. Anonymous contacts stand beside, never inside.",
                "release_id": "pipeline-2025-01-year",
                "generated_at": datetime(2026, 1, 12, 12, tzinfo=UTC),
                **about,
            }
        ),
    )


def protected(**about) -> ProtectedTable:
    return protect(raw(**about), Policy())


def own(agency: str = "a", **about) -> OwnTable:
    return own_table(raw(agency, **about), agency)
