"""What is true of an invented world: kept apart, for tests only. Nothing in the product reads it."""

# Drawn numbers must repeat from a seed; nothing here guards anything.
# ruff: noqa: S311

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from statistics import median

from casehub.synthetic.people import SILENCE_DAYS, STAGES, World, contact_days


@dataclass(frozen=True, slots=True)
class YearTruth:
    """One calendar year: who was identified in it, and what happened in it to whomever.

    `records` and `people` were identified in the year; `entered` counts records that reached a stage in it
    (of any cohort); `lost` counts records neither exited nor closed by the year's last day and silent for
    more than 60 days then.
    """

    records: int
    people: int
    per_agency: dict[str, int]
    per_county: dict[str, int]
    per_quarter: list[int]
    entered: dict[str, int]
    median_days: dict[str, float]
    lost: int


def year_truth(world: World, year: int) -> YearTruth:
    """The true figures of a calendar year."""
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    people: set[int] = set()
    per_agency: Counter[str] = Counter()
    per_quarter = [0, 0, 0, 0]
    entered: Counter[str] = Counter()
    waits: dict[str, list[int]] = {stage: [] for stage in STAGES}
    lost = 0
    for agency in world.agencies:
        for record in world.records(agency):
            journey = record.journey
            if first <= journey.identified <= last:
                people.add(record.person)
                per_agency[agency.slug] += 1
                per_quarter[(date.fromordinal(journey.identified).month - 1) // 3] += 1
            before: int | None = None
            for stage in STAGES:
                day = getattr(journey, stage)
                if day and first <= day <= last:
                    entered[stage] += 1
                    if before:
                        waits[stage].append(day - before)
                before = day
            over = journey.exited or journey.closed
            if journey.identified <= last and not (over and over <= last):
                met = contact_days(journey, world.as_of.toordinal(), Random(0), world.detail)
                met += [day for stage in STAGES if (day := getattr(journey, stage))]
                lost += max(day for day in met if day <= last) < last - SILENCE_DAYS
    return YearTruth(
        records=sum(per_agency.values()),
        people=len(people),
        per_agency={agency.slug: per_agency[agency.slug] for agency in world.agencies},
        per_county=dict(Counter(world.person(number).county.name for number in sorted(people))),
        per_quarter=per_quarter,
        entered={stage: entered[stage] for stage in STAGES},
        median_days={stage: median(days) for stage, days in waits.items() if days},
        lost=lost,
    )


def write_truth(world: World, path: Path) -> None:
    """Writes the truth as JSON: totals by year, then each person's records with the dates of their stages."""
    years = sorted({day.year for day in (date.fromordinal(world.first_day), world.as_of)})
    totals = {str(year): _as_dict(year_truth(world, year)) for year in range(years[0], years[-1] + 1)}
    with path.open("w", encoding="utf-8") as out:
        head = {
            "size": world.size,
            "seed": world.seed,
            "as_of": world.as_of.isoformat(),
            "people": world.people,
        }
        out.write(json.dumps(head | {"years": totals})[:-1] + ',\n"persons": {')
        for at, (person, mine) in enumerate(world.by_person()):
            records = [_record(world, agency, number) for agency, number in mine]
            out.write(("," if at else "") + f'\n"P{person:06}": ' + json.dumps(records))
        out.write("}}\n")


def _record(world: World, agency: int, number: int) -> dict[str, object]:
    record = world.record(agency, number)
    dates = {
        stage: date.fromordinal(day).isoformat()
        for stage in STAGES
        if (day := getattr(record.journey, stage)) is not None
    }
    return {"agency": world.agencies[agency].slug, "personal_id": record.personal_id, "stages": dates}


def _as_dict(truth: YearTruth) -> dict[str, object]:
    return {name: getattr(truth, name) for name in YearTruth.__slots__}
