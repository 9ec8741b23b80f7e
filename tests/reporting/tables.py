"""Pipeline tables with known truth for tests of what is rendered, and an attacker for any; no database."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple

from referrals.picklists import SectorFamily
from reporting.measures.pipeline import STAGES
from reporting.sdc import (
    Coord,
    Hidden,
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
from reporting.sdc.attacker import attack
from reporting.sdc.own import OwnTable, own_table

SEED = bytes(range(32))

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


def made(raw: RawTable, policy: Policy | None = None, **more) -> ProtectedTable:
    """What may be shown of it."""
    return protect(raw, policy, seed=SEED, **more).table


class Interval(NamedTuple):
    """The least and the most that a reader (an agency, or anybody) can work out."""

    low: float
    high: float
    reader: str | None

    @property
    def width(self) -> float:
        return self.high - self.low


def narrowest(
    table: ProtectedTable, own: Mapping[str, Mapping[Coord, int]] | None = None
) -> dict[Coord, Interval]:
    """What can be worked out of each hidden cell that lines lead to, by whoever knows most: with nothing but the
    table, or with an agency's own counts besides. The attacker shares no code with the engine."""
    relations, least = [], dict.fromkeys(map(str, table.cells), 1)
    for number, one in enumerate(table.relations):
        if isinstance(one, Sum):
            relations.append({"total": str(one.total), "parts": [str(part) for part in one.parts]})
        else:
            relations.append({"total": str(one.outer), "parts": [str(one.inner), f"between {number}"]})
            least[f"between {number}"] = 0
    shown = {str(at): getattr(cell, "value", 0) for at, cell in table.cells.items() if cell != Hidden()}
    form = {"cells": [{"id": name} for name in least], "relations": relations}
    hidden = [at for at, cell in table.cells.items() if cell == Hidden()]
    found: dict[Coord, Interval] = {}
    for reader, mine in [(None, {}), *sorted((own or {}).items())]:
        knows = least | {str(at): max(1, n) for at, n in mine.items()}
        for number, one in enumerate(table.relations):
            if not isinstance(one, Sum):
                knows[f"between {number}"] = max(0, mine.get(one.outer, 0) - mine.get(one.inner, 0))
        bounds = attack(form, shown, map(str, hidden), own=knows)
        for at in hidden:
            new = Interval(*bounds[str(at)], reader)
            if at not in found or new.width < found[at].width:
                found[at] = new
    return found


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
    return made(raw(**about))


def own(agency: str = "a", **about) -> OwnTable:
    return own_table(raw(agency, **about), agency)
