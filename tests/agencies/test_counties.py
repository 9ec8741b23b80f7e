"""County outlines from GeoJSON: what is taken in, what is refused in words, and that a bad file changes nothing."""

import copy
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from agencies.models import County, CountyMap
from casehub.demo import OUTLINES

GOOD = json.loads(OUTLINES.read_text())


@pytest.fixture
def load(db, tmp_path):
    def load(found, *, raw=False):
        path: Path = tmp_path / "counties.geojson"
        path.write_text(found if raw else json.dumps(found))
        call_command("counties", path)

    return load


def changed(number=0, *, geometry=None, without=(), **properties):
    found = copy.deepcopy(GOOD)
    feature = found["features"][number]
    feature["properties"].update(properties)
    for name in without:
        del feature["properties"][name]
    if geometry is not None:
        feature["geometry"] = geometry
    return found


def test_the_demos_counties_are_taken_in_and_again(load, capsys):
    load(GOOD)
    load(changed(population=413_000, name="Not Alder"))
    alder = CountyMap.objects.select_related("county").get(county="99001")
    assert (alder.population, alder.population_year, alder.county.name) == (413_000, 2024, "Alder")
    assert alder.outline["type"] == "Polygon" and alder.population_by["gender"]["female"] == 209_000
    assert CountyMap.objects.count() == 3 and "3 counties" in capsys.readouterr().out


def test_a_region_is_taken_in_changed_and_kept_where_the_file_has_none(load):
    load(GOOD)
    assert County.objects.get(fips="99005").region == "Birch and Cedar"
    load(changed(2, region=" East "))
    load(changed(2, without=["region"]))
    assert County.objects.get(fips="99005").region == "East"


RING = [[0, 0], [0, 1], [1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (changed(fips=99001), "Feature 1: fips must be five digits"),
        (changed(fips="٩٩٠٠١"), "fips must be five digits"),
        (changed(name=" "), "Feature 1 (99001): name must be a text"),
        (changed(state="XXX"), "state must be"),
        (changed(2, without=["population"]), "Feature 3 (99005): population must be a whole number"),
        (changed(region=7), "region must be a text"),
        (changed(region="x" * 61), "region must be a text"),
        (changed(population=0), "population must be"),
        (changed(population=True), "population must be"),
        (changed(population_year="2024"), "population_year must be a year"),
        (changed(without=["population_source"]), "population_source must be"),
        (changed(population_by={"gender": {"female": -1}}), "population_by must hold"),
        (changed(geometry={"type": "Point", "coordinates": [0, 0]}), "an outline, never a point"),
        (changed(geometry={"type": "Polygon", "coordinates": [RING[:3]]}), "each ring must have four"),
        (changed(geometry={"type": "Polygon", "coordinates": [[*RING[:3], [2, 2]]]}), "be closed"),
        (changed(geometry={"type": "Polygon", "coordinates": [[*RING[:3], ["0", 0]]]}), "each ring"),
        (changed(geometry={"type": "MultiPolygon", "coordinates": [RING]}), "each ring"),
        (changed(1, fips="99001"), "County 99001 is in the file twice"),
        ({"type": "FeatureCollection", "features": []}, "has no county"),
        ({"type": "Feature"}, "no GeoJSON FeatureCollection"),
        ([], "no GeoJSON FeatureCollection"),
        ({"type": "FeatureCollection", "features": [None]}, "geometry must be"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_in_words_and_changes_nothing(load, found, says):
    County.objects.create(fips="99001", name="Alder", state="XX")
    with pytest.raises(CommandError) as refused:
        load(found)
    assert says in str(refused.value)
    assert not CountyMap.objects.exists() and County.objects.count() == 1


def test_what_is_no_json_is_refused(load, tmp_path):
    for text in ("{", "[" * 100_000):
        with pytest.raises(CommandError, match="not JSON"):
            load(text, raw=True)
    with pytest.raises(CommandError, match="can't be read"):
        call_command("counties", tmp_path / "nowhere.geojson")


def test_several_parts_make_one_county(load):
    load(changed(geometry={"type": "MultiPolygon", "coordinates": [[RING], [RING]]}))
    assert CountyMap.objects.get(county="99001").outline["type"] == "MultiPolygon"
