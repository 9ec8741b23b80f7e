"""No picture and no file says what its table does not: twins that differ in what is hidden are the same bytes,
every number written stands in the table or its caveats, and all shapes have the same values."""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product
from xml.etree import ElementTree

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from reporting import charts, reading, render
from reporting.charts import Look, flows
from reporting.measures import Dimension
from reporting.render import files
from reporting.sdc import (
    HIDDEN_MARK,
    NOT_REPORTED_MARK,
    Hidden,
    NotReported,
    Policy,
    Provenance,
    Range,
    RawTable,
    Shown,
    add_totals,
)
from reporting.sdc.protected import assemble
from tests.reporting.tables import made, own, protected

VALUES = {
    "origin": ("hotline", "health", "justice"),
    "destination": ("shelter", "legal", "schools"),
    "county": ("alder", "birch", "cedar"),
    "service": ("shelter", "legal", "health"),
    "stage": ("identified", "screened", "lost"),
}
NAMES = {
    axis: Dimension(axis, axis.title(), tuple((value, value.title()) for value in values))
    for axis, values in VALUES.items()
}
OUTLINES = {
    "alder": {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]},
    "birch": {"type": "MultiPolygon", "coordinates": [[[[4, 0], [8, 0], [8, 4], [4, 4], [4, 0]]]]},
    "cedar": [[[0, 4], [8, 4], [8, 5], [1, 5], [1, 8], [0, 8]]],
}
PEOPLE = {"alder": 50_000, "birch": 70_000, "cedar": 30_000}
LOOKS = [Look(names=NAMES), Look(names=NAMES, narrow=True), Look(names=NAMES, alone=True)]
SVG = "{http://www.w3.org/2000/svg}"

# Which pictures are drawn of a table with these axes, or of any table (no axes).
PICTURES = {
    "flows": (("origin", "destination"), lambda t, look: charts.sankey(t, look=look)),
    "map": (("county",), lambda t, look: charts.choropleth(t, OUTLINES, look=look)),
    "rates": (("county",), lambda t, look: charts.choropleth(t, OUTLINES, population=PEOPLE, look=look)),
    "minis": (
        ("county", "service"),
        lambda t, look: "".join(f"{n}{s}" for n, s in charts.minis(t, OUTLINES, by="service", look=look)),
    ),
    "funnel": (("stage",), lambda t, look: charts.funnel(t, look=look)),
    "bars": ((), lambda t, look: charts.bars(t, next(iter(t.axes)), look=look)),
    "trend": ((), lambda t, look: charts.trend([t, t], versions=[1, 2], look=look)),
    "beside": (
        ("county", "service"),
        lambda t, look: charts.together(
            look, charts.minis(t, OUTLINES, by="service"), title=t.title, caveats=reading.caveats(t)
        ),
    ),
    "key": (
        ("county", "service"),
        lambda t, look: charts.explained(
            [picture for _name, picture in charts.minis(t, OUTLINES, by="service")], look=look
        ),
    ),
    "svg": ((), lambda t, _look: render.svg(t, NAMES)),
}
FILES = {
    "text": lambda t: render.text(t, names=NAMES),
    "json": lambda t: json.dumps(render.data(t, NAMES), ensure_ascii=False),
    "csv": lambda t: render.csv(t, NAMES),
    "xlsx": lambda t: render.xlsx(t, NAMES),
    "grid": lambda t: repr(render.grid(t, *list(t.axes)[:2], names=NAMES, shares=True)),
}


def about(**more) -> Provenance:
    return Provenance(
        **{
            "source": "Invented records",
            "period": (date(2025, 1, 1), date(2026, 1, 1)),
            "agencies_reporting": 3,
            "agencies_expected": 4,
            "counted_as": "Client records",
            "does_not_show": "People no agency has met.",
            "release_id": "made-up",
            "generated_at": datetime(2026, 1, 12, 12, tzinfo=UTC),
            **more,
        }
    )


def table(axes: tuple[str, ...], cells: dict, **more):
    """A protected table with these very cells."""
    return assemble(
        title="What is counted?",
        axes={axis: (*VALUES[axis], "all") for axis in axes},
        cells=cells,
        relations=(),
        policy=Policy(),
        about=about(**more),
    )


SHOWN = [
    st.integers(11, 9999).map(Shown),
    st.just(Shown(0)),
    st.just(Hidden()),
    st.just(NotReported()),
    st.tuples(st.integers(3, 40), st.integers(0, 40)).map(lambda n: Range(5 * n[0], 5 * (n[0] + n[1]))),
    st.none(),
]


@st.composite
def tables(draw, axes: tuple[str, ...] = ()):
    """Any protected table of one to three axes; of these axes, if they are given."""
    axes = axes or tuple(draw(st.permutations(sorted(VALUES)))[: draw(st.integers(1, 3))])
    places = list(product(*((*VALUES[axis], "all") for axis in axes)))
    cells = {at: cell for at in places if (cell := draw(st.one_of(SHOWN))) is not None}
    assume(cells)
    return table(axes, cells)


def drawn(found, only: str = "") -> dict[str, str]:
    """Every picture that can be drawn of the table, in every look."""
    return {
        f"{name} {number}": draw(found, look)
        for name, (axes, draw) in PICTURES.items()
        if set(axes) <= set(found.axes) and only in ("", name)
        for number, look in enumerate(LOOKS)
    }


def filed(found) -> dict[str, bytes]:
    return {
        name: made_of if isinstance(made_of := draw(found), bytes) else made_of.encode()
        for name, draw in FILES.items()
    }


def numbers(said: str) -> set[int]:
    """Thousands stand apart where people read them."""
    return {int(one.replace(",", "")) for one in re.findall(r"\d{1,3}(?:,\d{3})+(?!\d)|\d+", said)}


def words_of(picture: str) -> str:
    """All that a picture says; where its marks stand is geometry."""
    root = ElementTree.fromstring(f"<all>{picture}</all>")
    said = " ".join(text for text in root.itertext() if text.strip())
    return uncounted(said)


def uncounted(said: str) -> str:
    """Without how many cells there are: no figure of theirs."""
    return re.sub(r"(\d+|None) of the \d+ figures here", "", said)


def books(made_of: bytes) -> list[list[list]]:
    """Every worksheet, as lines."""
    found = CalamineWorkbook.from_filelike(io.BytesIO(made_of))
    return [found.get_sheet_by_name(name).to_python() for name in found.sheet_names]


def csv_lines(made_of: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(made_of.decode("utf-8-sig"), newline="")))


def allowed(found) -> set[int]:
    """What may be written: shown values, ends of ranges, shares of two shown values, and caveats."""
    cells = found.cells.values()
    values = {n for cell in cells for n in reading.ends(cell) or ()}
    shares = {reading.share(found, one, other) for one in found.cells for other in found.cells} - {None}
    beside = " ".join(f"{label} {said}" for label, said in reading.notes(found))
    about_it = numbers(f"{found.title} {beside} {found.digest()} {charts.caveats_of([found, found], [])}")
    return (
        values | shares | about_it | numbers(found.caveats.generated_at.isoformat() + "2025-01-01 2026-01-01")
    )


# Every number written stands in the table


@hypothesis_settings(max_examples=60, deadline=None)
@given(tables())
def test_every_number_in_a_file_is_shown_or_stands_in_a_caveat(found):
    fine = allowed(found)
    for name, made_of in filed(found).items():
        said = json.dumps(books(made_of), ensure_ascii=False) if name == "xlsx" else made_of.decode()
        if name == "csv":
            said = " ".join(cell for line in csv.reader(io.StringIO(said)) for cell in line)
        said = re.sub(r"(\d)\.0\b", r"\1", uncounted(said)).replace(found.digest(), "")
        assert numbers(said) <= fine, name


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        tables(("origin", "destination")),
        tables(("county", "service")),
        tables(("stage", "county")),
        tables(),
    )
)
def test_every_number_in_a_picture_is_shown_or_stands_in_a_caveat(found):
    fine = allowed(found) | {2025}
    for name, picture in drawn(found).items():
        if name.startswith(("map", "minis", "rates", "beside", "key")):
            continue  # below: they have classes
        assert numbers(words_of(picture)) <= fine, name


@hypothesis_settings(max_examples=60, deadline=None)
@given(tables(("county", "service")))
def test_every_number_on_a_map_is_shown_a_class_of_shown_ones_or_a_rate_of_one(found):
    """Classes and rates are worked out again here, from what the table shows and nothing else."""
    fine = allowed(found) | {100, 0}
    by_service: dict[str, list[float]] = {}
    rates: dict[str, list[float]] = {}
    for (county, service), cell in found.cells.items():
        ends = reading.ends(cell)
        if county != "all" and ends and ends[1]:
            by_service.setdefault(service, []).append(float(ends[0]))
            rates.setdefault(service, []).append(100_000 * ends[0] / PEOPLE[county])
            fine |= {int(n) for end in ends for n in charts.rate(end, PEOPLE[county]).split(".")}
    together = [n for service, some in by_service.items() if service != "all" for n in some]
    for some in (by_service.get("all", []), together, rates.get("all", [])):
        fine |= {int(start) for start in charts.classes_of(some)}
    for name in ("map", "minis", "rates", "beside", "key"):
        for picture in drawn(found, name).values():
            assert numbers(words_of(picture).replace("100,000", "")) <= fine, name


# Twins: two tables that differ in nothing that is shown


def flows_of(small: tuple[int, ...], **more) -> RawTable:
    """Moves with four small counts, which stand in two rows and two columns so that totals stay."""
    a, b, c, d = small
    by = {
        ("hotline", "shelter"): 50, ("hotline", "legal"): a, ("hotline", "schools"): b,
        ("health", "shelter"): 44, ("health", "legal"): c, ("health", "schools"): d,
        ("justice", "shelter"): 0, ("justice", "legal"): 60, ("justice", "schools"): 41,
    }  # fmt: skip
    counts = {at: _spread(count) for at, count in by.items()}
    axes, full, sums = add_totals(
        {axis: VALUES[axis] for axis in ("origin", "destination")},
        counts,
        {"origin": "all", "destination": "all"},
    )
    return RawTable(title="Moves", axes=axes, counts=full, about=about(**more), relations=sums)


def _spread(count: int) -> dict[str, int]:
    return {agency: (count + at) // 4 for at, agency in enumerate("abcd")}


def renderings(found) -> dict[str, object]:
    renamed = dict(zip(("origin", "destination"), ("county", "service"), strict=True))
    other = table(
        ("county", "service"),
        {
            tuple(
                dict(zip((*VALUES[axis], "all"), (*VALUES[renamed[axis]], "all"), strict=True))[value]
                for axis, value in zip(found.axes, at, strict=True)
            ): cell
            for at, cell in found.cells.items()
        },
    )
    assert set(renamed) == set(found.axes)
    return {
        **drawn(found),
        **{f"placed {name}": picture for name, picture in drawn(other).items()},
        **filed(found),
        "pdf": render.pdf(found, NAMES),
    }


TWINS = [((8, 9, 9, 8), (9, 8, 8, 9)), ((7, 10, 10, 7), (10, 7, 7, 10)), ((10, 8, 8, 10), (8, 10, 10, 8))]


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_twins_that_differ_in_what_is_hidden_are_the_same_bytes_in_every_shape(one, other):
    here, there = made(flows_of(one)), made(flows_of(other))
    assert flows_of(one).counts != flows_of(other).counts
    assert sum(isinstance(cell, Hidden) for cell in here.cells.values()) == 4
    assert here.to_data() == there.to_data()
    before, after = renderings(here), renderings(there)
    assert len(before) > 30
    for name, made_of in before.items():
        assert after[name] == made_of, name


def test_the_twins_are_alive(monkeypatch):
    """Sabotage: were a hidden flow as wide as it is, the twins would differ."""
    one, other = TWINS[0]
    pictures = []
    for truth in (one, other):
        counts = flows_of(truth).counts

        def leaks(_total, _shown, counts=counts):
            return sum(counts["hotline", "legal"].values())

        monkeypatch.setattr(flows, "_rest", leaks)
        pictures.append(charts.sankey(made(flows_of(truth))))
    assert pictures[0] != pictures[1]


@pytest.mark.parametrize("hidden", [Hidden(), NotReported()])
@pytest.mark.parametrize("look", LOOKS, ids=["wide", "narrow", "alone"])
def test_a_hidden_flow_is_as_wide_as_totals_say_or_one_width(look, hidden):
    """With the total hidden, other shown flows change nothing about it."""
    cells = {
        ("hotline", "shelter"): Shown(50),
        ("hotline", "legal"): hidden,
        ("health", "shelter"): Shown(44),
        ("health", "legal"): Hidden(),
        ("hotline", "all"): Hidden(),
        ("health", "all"): Hidden(),
    }
    picture = charts.sankey(table(("origin", "destination"), cells), look=look)
    hatched = [
        float(m[2]) - float(m[1])
        for m in re.finditer(
            r' d="M[\d.]+ ([\d.]+)C[^V]+V[\d.]+C[\d. ]+ ([\d.]+)Z" fill="url\(#chart-hid\)"', picture
        )
    ]
    assert [round(width, 1) for width in hatched] == [flows._UNSAID] * (2 if hidden == Hidden() else 1)
    assert "Hotline to Shelter: 50" in words_of(picture)


def test_the_remainder_of_a_total_is_drawn_and_never_written():
    found = made(flows_of((8, 9, 9, 8)))
    assert (found["hotline", "all"], found["hotline", "shelter"]) == (Shown(67), Shown(50))
    assert {67, 50} <= numbers(words_of(charts.sankey(found)))
    assert 17 not in numbers(words_of(charts.sankey(found)))


# The same values on screen, in files and for programs


@hypothesis_settings(max_examples=80, deadline=None)
@given(tables())
def test_all_shapes_have_the_same_values(found):
    axes, sheets = list(found.axes), reading.sheets(found, NAMES)
    lines = csv_lines(render.csv(found, NAMES))
    in_books = books(render.xlsx(found, NAMES))
    as_data = {tuple(one["at"].values()): one for one in render.data(found, NAMES)["figures"]}
    assert len(in_books) == len(sheets)
    named = len(sheets) > 1
    seen = {}
    for sheet, in_book in zip(sheets, in_books, strict=True):
        ahead = len(sheet.heads)
        if named:
            assert lines.pop(0) == [sheet.name] and in_book.pop(0)[0] == sheet.name
        assert lines.pop(0) == [*sheet.heads, *(label for _key, label in sheet.columns)]
        for number, row in enumerate(sheet.rows, start=1):
            assert lines.pop(0) == [*row.names, *map(str, row.marks)]
            assert in_book[number][:ahead] == list(row.names)
            held = dict(
                zip((axis for axis in axes if NAMES[axis].title in sheet.heads), row.keys, strict=True)
            )
            written = {}
            for at, (key, _label) in enumerate(sheet.columns):
                mark, in_cell = row.marks[at], in_book[number][ahead + at]
                assert in_cell == mark and isinstance(in_cell, float if isinstance(mark, int) else str)
                written.setdefault(re.sub("_(low|high)$", "", key), []).append(mark)
            for key, marks in written.items():
                across = next((axis for axis in axes if axis not in held and key in found.axes[axis]), "")
                place = held | ({across: key} if across and key != "count" else {})
                place |= {} if across or key in ("count", "all") else pytest.fail(key)
                at = tuple(place.get(axis, "all") for axis in axes)
                assert seen.setdefault(at, marks) == marks
        assert lines.pop(0) == []
        assert "Hidden cells" in [line[0] for line in in_book], (
            "figures without what must be read beside them"
        )
    for at, one in as_data.items():
        marks, value, cell = seen.pop(at), one["value"], found[at]
        if value is None:
            assert set(marks) == {HIDDEN_MARK if cell == Hidden() else NOT_REPORTED_MARK}
        else:
            assert (marks[0], marks[-1]) == reading.ends(cell)
            assert value in (
                cell.value if isinstance(cell, Shown) else None,
                {"low": marks[0], "high": marks[-1]},
            )
        is_missing = dict(zip(axes, at, strict=True)) in render.data(found, NAMES)["not_reported"]
        assert is_missing == (cell == NotReported())
    assert all(set(marks) == {render.NO_FIGURE_MARK} for marks in seen.values())


@hypothesis_settings(max_examples=60, deadline=None)
@given(tables(("county", "service")))
def test_the_table_on_a_page_has_the_values_of_the_files(found):
    grid = render.grid(found, "county", "service", names=NAMES)
    by_name = {
        (NAMES["county"].title, row["label"], cell["label"]): cell
        for row in grid.rows
        for cell in row["cells"]
    }
    for (county, service), cell in found.cells.items():
        at = (
            "County",
            *(reading.name_of(v, a, NAMES) for v, a in ((county, "county"), (service, "service"))),
        )
        assert (by_name[at]["text"], by_name[at]["kind"]) == (reading.said(cell), reading.kind(cell))
    assert all(cell["kind"] == "none" for cell in by_name.values() if cell["text"] == render.NO_FIGURE_MARK)


def test_rows_stand_in_the_order_of_the_axis_whatever_is_hidden():
    for cells in ([Shown(99), Hidden(), Shown(12)], [Hidden(), Shown(12), Shown(99)]):
        found = table(("service",), dict(zip(((v,) for v in VALUES["service"]), cells, strict=True)))
        said = words_of(charts.bars(found, "service", look=LOOKS[0]))
        assert said.index("Shelter:") < said.index("Legal:") < said.index("Health:")
        assert [row["label"] for row in render.grid(found, "service", names=NAMES).rows] == [
            "Shelter", "Legal", "Health",
        ]  # fmt: skip


def test_hidden_not_reported_and_zero_are_drawn_differently_in_every_picture():
    cells = {("alder",): Hidden(), ("birch",): NotReported(), ("cedar",): Shown(0)}
    found = table(("county",), cells)
    for name, picture in drawn(found).items():
        root = ElementTree.fromstring(picture)
        if name.startswith("trend"):
            continue
        fills = {mark.get("fill") for mark in root.iter() if mark.tag in (f"{SVG}path", f"{SVG}rect")}
        assert {"url(#chart-hid)", "url(#chart-nr)", "#fff"} <= fills, name
        said = root.find(f"{SVG}desc").text
        assert "hidden" in said and "not reported" in said


# Conversions, shares and rates: only of what is shown


def test_conversions_and_shares_need_two_shown_counts():
    cells = {
        ("identified", "all"): Shown(200),
        ("screened", "all"): Shown(150),
        ("lost", "all"): Shown(20),
        ("identified", "alder"): Shown(60),
        ("screened", "alder"): Hidden(),
    }
    found = table(("stage", "county"), cells)
    assert reading.conversions(found) == {"identified": "", "screened": "75 %", "lost": ""}
    assert reading.conversions(found, {"county": "alder"})["screened"] == ""
    assert "75 %" in words_of(charts.funnel(found)) and "%" not in words_of(
        charts.funnel(found, county="alder")
    )
    grown = table(("stage",), {("identified",): Shown(50), ("screened",): Shown(60)})
    assert reading.conversions(grown)["screened"] == ""


def test_somebody_is_never_said_to_be_0_percent():
    """16 of 644 are 2 %, which is rounded to 0."""
    found = table(("stage",), {("all",): Shown(644), ("identified",): Shown(16), ("screened",): Shown(0)})
    assert reading.share_said(found, ("identified",), ("all",)) == "under 5 %"
    assert reading.share_said(found, ("screened",), ("all",)) == "0 %"
    assert reading.percent_said(0, 1, is_some=True) == "under 1 %"
    drawn = words_of(charts.bars(found, "stage"))
    assert "under 5 %" in drawn
    written = render.grid(found, "stage", shares=True)
    assert [row["cells"][-1]["text"] for row in written.rows] == ["under 5 %", "0 %", "100 %"]


def test_a_rate_needs_a_shown_count_and_a_population():
    cells = {("alder",): Shown(25), ("birch",): Hidden(), ("cedar",): Shown(12)}
    picture = charts.choropleth(
        table(("county",), cells), OUTLINES, population={"alder": 50_000}, look=LOOKS[0]
    )
    said = ElementTree.fromstring(picture).find(f"{SVG}desc").text
    assert said == "Alder: 50; Birch: hidden; Cedar: –"
    assert [charts.rate(n, 100_000) for n in (0, 9, 12)] == ["0.0", "9.0", "12"]


@pytest.mark.parametrize("values", [[], [12.0], [12.0, 12.0], [11.0, 40.0, 300.0, 301.0], [0.4, 0.7, 1.2]])
def test_classes_are_round_and_none_is_empty_at_the_foot(values):
    starts = charts.classes_of(values)
    assert list(starts) == sorted(set(starts)) and len(starts) <= 2
    assert all(min(values) < start <= max(values) for start in starts)


def test_there_is_no_way_to_put_a_point_on_a_map():
    picture = charts.choropleth(table(("county",), {("alder",): Shown(25)}), OUTLINES, look=LOOKS[0])
    body = picture.split("</defs>")[1]
    assert "<circle" not in body and "<ellipse" not in body and "<image" not in body and "<use" not in body
    with pytest.raises(TypeError):
        charts.choropleth(made, OUTLINES)


# Trends


def year(n: int, cell, reporting: int = 4, counted_as: str = "Client records"):
    period = (date(n, 1, 1), date(n + 1, 1, 1))
    return table(
        ("stage",),
        {("identified",): cell},
        period=period,
        agencies_reporting=reporting,
        counted_as=counted_as,
    )


def test_a_trend_breaks_where_coverage_or_definition_changes():
    several = [
        year(2022, Shown(98), 3),
        year(2023, Hidden(), 3),
        year(2024, Shown(120)),
        year(2025, Shown(131)),
    ]
    assert len(charts.breaks(several)) == 1 and "2024" in charts.breaks(several)[0]
    assert len(charts.breaks(several, [1, 1, 1, 2])) == 2
    assert charts.breaks(several[2:]) == []
    assert len(charts.breaks([several[3], year(2026, Shown(50), counted_as="Contacts")])) == 1
    picture = charts.trend(several, versions=[1, 1, 1, 2], stage="identified")
    assert picture.count('stroke-dasharray="2 3"') == 2
    assert picture.count('stroke-dasharray="4 3"') == 1  # of two years with fewer agencies one is hidden
    assert "3 of 4 agencies reported" in words_of(picture)
    coverage = dict(charts.caveats_of(several, []))["Coverage"]
    assert coverage == "3 of 4 agencies (2022–2023); 4 of 4 agencies (2024–2025)"
    with pytest.raises(ValueError, match="a trend needs"):
        charts.trend([])


@pytest.mark.parametrize("others", [20, 2000])
def test_a_hidden_bar_has_one_height(others):
    picture = charts.trend([year(2024, Shown(others)), year(2025, Hidden())], stage="identified")
    (height,) = re.findall(r'height="([\d.]+)" fill="url\(#chart-hid\)"', picture)
    assert height == "40"


# The gate, and what a page may hold


@pytest.mark.parametrize("name", [*PICTURES, "grid", "pdf", "breaks"])
@pytest.mark.parametrize(
    "imposter", [dict, lambda: None, lambda: flows_of((8, 9, 9, 8))], ids=["dict", "none", "raw"]
)
def test_only_a_table_that_passed_a_gate_is_drawn(name, imposter):
    more = {
        "grid": lambda t: render.grid(t, "county"),
        "pdf": render.pdf,
        "breaks": lambda t: charts.trend([t]),
    }
    draw = more.get(name) or (lambda t: PICTURES[name][1](t, Look()))
    with pytest.raises(TypeError):
        draw(imposter()) if name != "bars" else charts.bars(imposter(), "county")


@hypothesis_settings(max_examples=20, deadline=None)
@given(st.one_of(tables(("origin", "destination")), tables(("county", "service")), tables(("stage",))))
def test_every_picture_can_be_read_aloud_and_breaks_no_policy(found):
    for name, picture in drawn(found).items():
        for part in ElementTree.fromstring(f"<all>{picture}</all>").iter(f"{SVG}svg"):
            if part.get("viewBox") is None:
                continue  # the place of a picture in another
            assert part.get("role") == "img"
            ids = [one.get("id") for one in part.iter() if one.get("id")]
            assert len(ids) == len(set(ids)) and set(part.get("aria-labelledby").split()) <= set(ids)
            assert part.find(f"{SVG}title").text and part.find(f"{SVG}desc").text is not None
        assert not re.search(r"\bstyle=|<style|<script|\bon\w+=|href=|tabindex", picture), name
        assert "nan" not in picture and "inf" not in re.sub(r"information", "", picture)


@pytest.mark.parametrize("evil", ['<script>alert(1)</script>&"', '"/><image href="x"/>'])
def test_names_of_others_cannot_break_out_of_a_picture(evil):
    names = {axis: replace(one, values=(*((v, evil) for v in VALUES[axis]),)) for axis, one in NAMES.items()}
    look = Look(names=names)
    found = made(flows_of((8, 9, 9, 8)))
    for picture in (charts.sankey(found, look=look), charts.bars(found, "origin", look=look)):
        assert "<script>" not in picture and "<image" not in picture
        ElementTree.fromstring(picture)


def test_no_name_becomes_a_formula():
    names = {
        axis: replace(one, values=(*((v, "=1+1") for v in VALUES[axis]),)) for axis, one in NAMES.items()
    }
    found = made(flows_of((8, 9, 9, 8)))
    lines = csv.reader(io.StringIO(render.csv(found, names).decode("utf-8-sig"), newline=""))
    for cells in (list(lines), books(render.xlsx(found, names))[0]):
        assert "'=1+1" in cells[1] and not [
            cell for line in cells for cell in line if str(cell).startswith("=")
        ]


@pytest.mark.parametrize(
    "found", [made(flows_of((8, 9, 9, 8))), protected(), own()], ids=["cube", "stages", "own"]
)
def test_the_paper_is_tagged_and_the_same_table_is_the_same_bytes(found):
    paper = render.pdf(found, NAMES)
    assert paper.startswith(b"%PDF-") and b"/MarkInfo" in paper and b"/StructTreeRoot" in paper
    assert b"FontFile" in paper and b"pdfuaid" in paper
    assert render.pdf(found, NAMES) == paper
    assert render.xlsx(found, NAMES) == render.xlsx(found, NAMES)


@hypothesis_settings(max_examples=30, deadline=None)
@given(tables())
def test_the_paper_says_what_the_other_files_say(found):
    content = {}

    def kept(_paper, *, sys_inputs, **_more):
        content.update(json.loads(sys_inputs["content"]))
        return b""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files.typst, "compile", kept)
        render.pdf(found, NAMES)
    lines = csv_lines(render.csv(found, NAMES))
    named = len(content["tables"]) > 1
    for one in content["tables"]:
        assert not named or lines.pop(0) == [one["name"]]
        for line in (one["heads"], *([cell.replace(",", "") for cell in row] for row in one["rows"])):
            assert lines.pop(0) == line
        assert lines.pop(0) == []
    assert content["notes"] == lines


def test_what_has_no_outline_is_said_below_the_map():
    cells = {("alder",): Shown(25), ("birch",): Hidden(), ("cedar",): Shown(12)}
    only = {"alder": OUTLINES["alder"]}
    assert "Not on the map: Birch: hidden, Cedar: 12" in words_of(
        charts.choropleth(table(("county",), cells), only, look=LOOKS[0])
    )


def test_code_lists_are_named_without_being_asked_for():
    assert reading.name_of("in_service", "stage") == "In service"
    assert reading.title_of("stage") == "Stage" and reading.title_of("county") == "County"
    assert reading.name_of("med_em", "service") != "Med em"
