"""Every shape of a table says the same, hides the same, and is made of nothing but a table."""

import csv
import io
import json
import re
from dataclasses import replace
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from python_calamine import CalamineWorkbook

from reporting import reading, render
from reporting.sdc import HIDDEN_MARK, NOT_REPORTED_MARK, Hidden, NotReported, Range, Shown
from tests.reporting.tables import ROWS, own, protected, raw

SHAPES = ["text", "data", "csv", "xlsx", "svg", "bars", "page", "sheets"]


def words(shape: str, table) -> str:
    """All that a rendering says, as text."""
    made = getattr(render, shape)(table)
    if shape == "xlsx":
        return json.dumps(xlsx_lines(made))
    return (
        made.decode("utf-8" if shape == "csv" else "latin-1")
        if isinstance(made, bytes)
        else made
        if isinstance(made, str)
        else repr(made)
    )


def csv_lines(table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(render.csv(table).decode("utf-8-sig"), newline="")))


def xlsx_lines(made: bytes) -> list[list]:
    return CalamineWorkbook.from_filelike(io.BytesIO(made)).get_sheet_by_index(0).to_python()


class LooksLikeATable:
    """Everything a table has, and no gate passed."""

    def __init__(self) -> None:
        table = own()
        for name in ("title", "axes", "cells", "agency", "caveats"):
            setattr(self, name, getattr(table, name))

    def __getitem__(self, at):
        return self.cells[at]


@pytest.mark.parametrize("shape", [*SHAPES, "pdf", "conversions"])
@pytest.mark.parametrize(
    "imposter",
    [raw, LooksLikeATable, dict, lambda: None, lambda: SimpleNamespace(**vars(LooksLikeATable()))],
    ids=["raw", "lookalike", "dict", "none", "namespace"],
)
def test_only_a_table_that_passed_a_gate_is_rendered(shape, imposter):
    with pytest.raises(TypeError):
        getattr(render, shape)(imposter())


def test_the_type_gate_is_alive(monkeypatch):
    """Sabotage: with the gate taken out, a lookalike with exact figures would be rendered."""
    with pytest.raises(TypeError):
        render.csv(LooksLikeATable())
    monkeypatch.setattr(reading, "type", lambda _table: reading.ProtectedTable, raising=False)
    monkeypatch.setattr(reading, "caveats", lambda _table, *_: [])
    monkeypatch.setattr(reading, "rule", lambda _table: "")
    assert b"Identified,60,60" in render.csv(LooksLikeATable())


@pytest.mark.parametrize("shape", SHAPES)
def test_a_hidden_figure_stands_in_no_shape(shape):
    """The 213 of one stage are everywhere, the 613 of another, rounded or not, nowhere."""
    table = protected()
    assert table["referred", "entered"] == Hidden()
    said = words(shape, table)
    if shape == "svg":  # where its marks stand is no figure
        said = " ".join(ElementTree.fromstring(said).itertext())
    said = said.replace(table.digest(), "").replace(table.digest()[:12], "")
    assert not re.search(r"61[0-9]", said)
    assert re.search(r"\b21[35]\b", said)
    assert "613" in words(shape, own())


@pytest.mark.parametrize("count", [1, 2, 9, 10])
@pytest.mark.parametrize("shape", [*SHAPES, "pdf", "conversions"])
def test_renderings_do_not_depend_on_a_hidden_count(monkeypatch, shape, count):
    """Another true number under the same hidden cell changes no byte of any shape."""
    from tests.reporting import tables

    before = words(shape, protected())
    monkeypatch.setitem(tables.TRUTH, "referred", {"a": count, "b": 0, "c": 0})
    assert protected()["referred", "entered"] == Hidden()
    assert words(shape, protected()) == before


@pytest.mark.parametrize("table", [protected(), own()], ids=["protected", "own"])
def test_all_shapes_say_the_same(table):
    """CSV, workbook, JSON, terminal and page are one set of values."""
    lines, in_book = csv_lines(table), xlsx_lines(render.xlsx(table))
    book = [[str(int(cell)) if isinstance(cell, float) else cell for cell in line] for line in in_book]
    columns = render.sheets(table)[0].columns
    keys = [key for key, _label in columns]
    as_data = {stage["stage"].replace(" ", "_"): stage for stage in render.data(table)["stages"]}
    as_page = {stage["bar"].stage: stage for stage in render.page(table)["stages"]}
    terminal = render.text(table)
    assert book[:10] == lines[:10]
    for number, row in enumerate(ROWS, start=1):
        in_csv = dict(zip(keys, lines[number][1:], strict=True))
        for figure in ("now", "entered", "median_days"):
            cell = table.cells.get((row, figure))
            spoken = {
                Hidden: HIDDEN_MARK,
                NotReported: NOT_REPORTED_MARK,
                type(None): render.NO_FIGURE_MARK,
            }.get(type(cell))
            value = as_data[row][figure]
            assert in_csv[figure] == (spoken or str(value))
            assert (value is None) is bool(spoken)
            if spoken is None:
                assert as_page[row][figure]["text"] == str(value)
        people = Range(0, 0) if table[row, "entered"] == Shown(0) else table[row, "people"]
        if isinstance(people, Range):
            assert as_data[row]["people"] == {"low": people.low, "high": people.high}
            assert (in_csv["people_low"], in_csv["people_high"]) == (str(people.low), str(people.high))
        else:
            assert as_data[row]["people"] is None and in_csv["people_low"] == HIDDEN_MARK
        line = next(one for one in terminal.splitlines() if one.startswith(render.name_of(row) + " "))
        assert line.split()[-5:] == [
            in_csv[k] for k in ("people_low", "people_high", "now", "entered", "median_days")
        ]


def test_hidden_not_reported_and_zero_look_different_everywhere():
    table = protected()
    assert table["accepted", "entered"] == Shown(0)
    lines = {line[0]: line for line in csv_lines(table)[:10]}
    assert {lines["Referred"][4], lines["Lost"][3], lines["Accepted"][4]} == {"*", "n/r", "0"}
    picture = render.svg(table)
    assert picture.count('fill="url(#chart-hid)"') == 2  # the bar, and the explanation of the sign
    kinds = {bar.stage: bar.kind for bar in render.bars(table)}
    assert (kinds["referred"], kinds["identified"], kinds["accepted"]) == ("hidden", "range", "zero")
    found = render.page(table)["stages"]
    assert [stage["now"]["kind"] for stage in found if stage["bar"].stage == "lost"] == ["missing"]
    assert ["lost", "now"] in render.data(table)["not_reported"]


@pytest.mark.parametrize("shape", ["text", "csv", "xlsx", "svg", "data", "page"])
def test_no_shape_stands_without_its_caveats(shape):
    said = words(shape, protected())
    for needed in (
        "People no agency has met",
        "3 of 4 agencies",
        "pipeline-2025-01-year",
        "a person known to two",
    ):
        assert needed in said.replace("\n", " ").replace("  ", " ") or needed.split()[-1] in said


def test_json_has_the_keys_that_programs_were_promised():
    found = render.data(protected())
    assert {"stages", "period", "agencies_reporting", "agencies_expected", "people", "generated_at"} <= set(
        found
    )
    assert {"by_sector", "caveats", "release", "digest"} <= set(found)
    assert found["people"] == {"low": 80, "high": 215}
    assert found["period"] == {"start": "2025-01-01", "end": "2026-01-01"}
    assert [stage["stage"] for stage in found["stages"]] == [
        "identified", "screened", "referred", "accepted", "enrolled",
        "in service", "exited", "followed up", "lost",
    ]  # fmt: skip
    assert all(
        set(stage) == {"stage", "people", "now", "entered", "median_days"} for stage in found["stages"]
    )
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("start", list("=+-@\t\r\n"))
def test_no_cell_becomes_a_formula(start):
    evil = f'{start}HYPERLINK("http://example.org")'
    (line,) = csv.reader(io.StringIO(render.csv_of([[evil, 5]]).decode("utf-8-sig"), newline=""))
    assert line == [f"'{evil}", "5"]
    (in_book,) = xlsx_lines(render.xlsx_of([[evil, 5]], name="Figures"))
    assert in_book[0].startswith("'") and in_book[1] == 5
    for cells in (csv_lines(own(source=evil)), xlsx_lines(render.xlsx(own(source=evil)))):
        assert not [cell for line in cells for cell in line if str(cell).startswith(tuple("=+-@\t\r\n"))]


def test_the_chart_is_a_picture_that_can_be_read_aloud_and_breaks_no_policy():
    picture = render.svg(protected())
    root = ElementTree.fromstring(picture)
    assert root.get("role") == "img"
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == "Where are people in the pipeline?"
    assert "Referred: hidden" in root.find(f"{space}desc").text
    assert not re.search(r"\bstyle=|<style|<script|\bon\w+=|href=", picture)


def test_text_of_others_cannot_break_out_of_the_chart():
    picture = render.svg(own(source='<script>alert(1)</script>&"'))
    assert "<script>" not in picture
    ElementTree.fromstring(picture)


def test_an_agencys_own_table_says_that_it_is_its_own():
    table = own()
    assert "exact figures" in render.text(table)
    assert render.data(table)["people"] == {"low": 60, "high": 60}
    assert render.data(table)["digest"] is None
    assert replace(table).caveats.share_hidden == 0
