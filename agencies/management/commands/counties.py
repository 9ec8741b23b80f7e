"""`counties FILE.geojson`: the outlines and populations that maps and rates are made of.

Outlines only: a point could be where somebody is safe.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from agencies.models import County, CountyMap

MOST_PEOPLE = 2_000_000_000
DEPTH = {"Polygon": 1, "MultiPolygon": 2}


@dataclass(frozen=True, slots=True)
class Read:
    """One county as its feature says it, checked."""

    fips: str
    name: str
    state: str
    region: str
    facts: dict[str, Any]


class Command(BaseCommand):
    help = (
        "Take in county outlines and populations from GeoJSON: properties fips, name, state, population, "
        "population_year, population_source; region and population_by if known. All of the file or nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = json.loads(options["file"].read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise CommandError(f"The file can't be read: {error.strerror}.") from error
        except (ValueError, RecursionError) as error:
            raise CommandError("The file is not JSON in UTF-8.") from error
        counties, wrong = read(found)
        if wrong:
            raise CommandError("\n".join(["Nothing was changed.", *wrong]))
        with transaction.atomic():
            for one in counties:
                county = County.objects.filter(fips=one.fips).first()
                if county is None:
                    county = County.objects.create(fips=one.fips, name=one.name, state=one.state)
                if one.region and county.region != one.region:
                    county.region = one.region
                    county.save(update_fields=["region"])
                CountyMap.objects.update_or_create(county=county, defaults=one.facts)
        self.stdout.write(f"{len(counties)} counties have an outline and a population.")


def read(found: Any) -> tuple[list[Read], list[str]]:
    """The counties of a FeatureCollection, and what is wrong with it, a line each."""
    features = found.get("features") if isinstance(found, dict) else None
    if not isinstance(features, list) or found.get("type") != "FeatureCollection":
        return [], ["This is no GeoJSON FeatureCollection."]
    if not features:
        return [], ["The file has no county."]
    counties, wrong = list[Read](), list[str]()
    for number, feature in enumerate(features, 1):
        one, faults = _county(feature if isinstance(feature, dict) else {})
        wrong += [f"Feature {number}{f' ({one.fips})' if one.fips else ''}: {fault}" for fault in faults]
        if not faults:
            counties.append(one)
    named = [one.fips for one in counties]
    wrong += [
        f"County {fips} is in the file twice." for fips in sorted({f for f in named if named.count(f) > 1})
    ]
    return counties, wrong


def _county(feature: Mapping[str, Any]) -> tuple[Read, list[str]]:
    said = feature.get("properties")
    said = said if isinstance(said, dict) else {}
    wrong = []
    fips = said.get("fips")
    if not isinstance(fips, str) or len(fips) != 5 or not fips.isdecimal() or not fips.isascii():
        fips, wrong = "", ["fips must be five digits, as text."]
    for name, longest in (("name", 60), ("state", 2), ("population_source", 120)):
        if not isinstance(said.get(name), str) or not 0 < len(said[name].strip()) <= longest:
            wrong.append(f"{name} must be a text of 1 to {longest} characters.")
    region = said.get("region", "")
    if not isinstance(region, str) or len(region.strip()) > 60:
        wrong.append("region must be a text of at most 60 characters.")
    if not _whole(said.get("population"), 1, MOST_PEOPLE):
        wrong.append("population must be a whole number above 0.")
    if not _whole(said.get("population_year"), 1900, 2200):
        wrong.append("population_year must be a year.")
    cut = said.get("population_by", {})
    if not isinstance(cut, dict) or not all(
        isinstance(values, dict) and all(_whole(value, 0, MOST_PEOPLE) for value in values.values())
        for values in cut.values()
    ):
        wrong.append("population_by must hold whole numbers by dimension and value.")
    shape = feature.get("geometry")
    shape = shape if isinstance(shape, dict) else {}
    if shape.get("type") not in DEPTH:
        wrong.append("geometry must be a Polygon or a MultiPolygon: an outline, never a point.")
    elif not _is_outline(shape.get("coordinates"), DEPTH[shape["type"]]):
        wrong.append("each ring must have four positions or more, be closed, and hold two numbers each.")
    facts = {
        "outline": {"type": shape.get("type"), "coordinates": shape.get("coordinates")},
        **{name: said.get(name) for name in ("population", "population_year", "population_source")},
        "population_by": cut,
    }
    return Read(fips, str(said.get("name")), str(said.get("state")), str(region).strip(), facts), wrong


def _whole(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _is_outline(found: Any, depth: int) -> bool:
    """Rings, or (depth 2) lists of rings."""
    if not isinstance(found, list) or not found:
        return False
    if depth:
        return all(_is_outline(part, depth - 1) for part in found)
    return len(found) >= 4 and all(map(_is_position, found)) and found[0][:2] == found[-1][:2]


def _is_position(found: Any) -> bool:
    return (
        isinstance(found, list)
        and len(found) in (2, 3)
        and all(type(at) in (int, float) and isfinite(at) for at in found)
    )
