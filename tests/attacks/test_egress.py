"""Every answer that carries network figures, in every shape: walked from the routes that need to see them and on
through their own links. No answer asks for a client's row, none moves when rows do, and none says a number that
is not in a release. What the source may say is architecture/test_egress.py's.
"""

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.db import connection, reset_queries
from django.test.utils import CaptureQueriesContext
from python_calamine import CalamineWorkbook

from agencies.models import CountyMap
from agencies.roles import Permission
from casehub.demo import OUTLINES
from referrals.models import Touchpoint
from reporting import charts, releases, render
from reporting.measures import ALL
from reporting.models import LiveFigure, Release
from reporting.releases import live as living
from reporting.releases import sealed
from reporting.sdc import Shown, from_stored
from reporting.web import numbers
from tests.attacks.routes import routes
from tests.attacks.rows import walled
from tests.reporting import cubes
from tests.reporting.test_numbers_pages import at, planned, three_agencies
from tests.reporting.test_numbers_pages import released as with_pipeline

SHAPES = ("csv", "xlsx", "json", "svg", "pdf")
MOST = 400
LARGE = 1_000
READERS = (("P", "partner_viewer"), ("HUB", "coordinator"), ("HUB", "output_checker"), ("P", "auditor"))
# Random, or a clock's: what may differ from one answer to the next, and what holds digits that are no figure.
NOISE = re.compile(
    r'name="csrfmiddlewaretoken" value="[^"]*"|nonce="[^"]*"|"X-CSRFToken": "\w+"|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{40,}\b'
    r"|\.[0-9a-f]{12}\.|\b\d{1,2}:\d\d(:\d\d(\.\d+)?)?\b|\b20\d{6}-20\d{6}\b|\d{4}-\d\d-\d\d(T[\d:.+Z-]+)?|data-\w+-at=\"[^\"]*\""
)
# Whose own rows these are the agency itself reads there.
OWN = {"reporting:beside", "reporting:numbers_own", "reporting:own_download"}
# Lists who may, or a person's own; no figure in them.
NO_FIGURE = {"reporting:leakcheck"}


def needs_network(view) -> bool:
    found = getattr(view, "view_class", None) or getattr(view, "cls", None)
    needs = getattr(found, "needs", None)
    return Permission.REPORT_NETWORK in (needs.values() if isinstance(needs, dict) else (needs,))


@dataclass(frozen=True)
class Answer:
    """One answer: where, its status, what it says as text, and the statements it took."""

    path: str
    kind: str
    text: str
    asked: tuple[str, ...]


def says(answer) -> tuple[str, str]:
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    content = answer.content
    if "spreadsheet" in kind:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        cells = [
            cell
            for name in book.sheet_names
            for row in book.get_sheet_by_name(name).to_python()
            for cell in row
        ]
        return kind, "\n".join(
            str(int(c)) if isinstance(c, float) and c.is_integer() else str(c) for c in cells
        )
    if kind == "application/pdf":
        return kind, ""
    if kind == "application/json":
        # A list's commas part numbers, and do not group their digits; what is written as text is text.
        return kind, "\n".join(_leaves(json.loads(content)))
    if kind == "text/csv":
        return kind, "\n".join(
            cell for row in csv.reader(content.decode("utf-8-sig").splitlines()) for cell in row
        )
    return kind, content.decode()


def _leaves(data) -> Iterator[str]:
    if isinstance(data, dict | list):
        for one in data.values() if isinstance(data, dict) else data:
            yield from _leaves(one)
    else:
        yield str(data)


def walk(world, letter, role) -> dict[str, Answer]:
    """Every answer with network figures that this reader can reach, by address."""
    browser = world.browser(letter, role)
    waiting = []
    for route in routes():
        if not needs_network(route.view) or route.name in OWN or "get" not in route.methods:
            continue
        shapes = SHAPES if "shape" in route.parameters else ("",)
        if {"label", "name"} & set(route.parameters) or any(model is not Release for _p, model in route.rows):
            continue  # of a plan or a saved view: its page links to it
        for row in Release.objects.all() if route.rows else [None]:
            for shape in shapes:
                ids = {route.rows[0][0]: str(row.pk)} if row else {}
                waiting.append(route.path({**ids, **({"shape": shape} if shape else {})}))
    reach = tuple(sorted({re.split(r"[<?]", path)[0] for path in waiting}))
    found: dict[str, Answer] = {}
    while waiting and len(found) < MOST:
        path = waiting.pop(0)
        if path in found:
            continue
        reset_queries()
        with CaptureQueriesContext(connection) as asked:
            answer = browser.get(path)
        if answer.status_code != 200:
            continue
        kind, text = says(answer)
        statements = tuple(query["sql"] for query in asked.captured_queries)
        found[path] = Answer(path, kind, text, statements)
        if kind == "text/html":
            for link in re.findall(r'href="([^"#]+)', text):
                near = html.unescape(link)
                near = urlsplit(path)._replace(query=near[1:]).geturl() if near.startswith("?") else near
                plain = urlsplit(near)
                if not plain.netloc and plain.path.startswith(reach) and near not in found:
                    waiting.append(near)
    return found


def large_numbers(text: str) -> set[int]:
    plain = NOISE.sub(" ", html.unescape(re.sub(r"<(script|style)[^>]*>.*?</\1>", "", text, flags=re.DOTALL)))
    # Addresses and places of a drawing are no figures; what a drawing says stands in its texts.
    plain = re.sub(
        r'\s(href|src|d|points|viewBox|transform|[xy][12]?|c[xy]|r|width|height|id|for|action|stroke-[a-z]+)="[^"]*"',
        " ",
        plain,
    )
    found = {
        int(re.sub(r"\D", "", one))
        for one in re.findall(r"(?<![\w.])\d{1,3}(?:,\d{3})+(?!\w)|(?<![\w.,])\d{4,}(?!\w|[\d.]*\.\d)", plain)
    }
    return {n for n in found if n >= LARGE}


# Hidden counts as large as these stand beside the small ones they hide; each appears nowhere else.
COUNTIES = {"99001": 7919, "99003": 6067, "99005": 6}
STAGES = {"identified": 1, "screened": 2, "in_service": 3, "exited": 5}
# By agency, of the year that goes on: three of them move a figure, two move none.
LIVE = {"identified": (3019, 3023, 3041), "screened": (2003, 2011)}


def said_in_releases() -> set[int]:
    """Every number a release holds: shown counts, ends of ranges, and what its caveats and titles say."""
    found: set[int] = set()
    for release in Release.objects.all():
        found |= {int(n) for n in re.findall(r"\d+", json.dumps(release.table))}
        # Read back, so that a table nobody could read would be noticed.
        assert from_stored(release.table, digest=release.digest).axes
        found |= {release.period_start.year, release.period_end.year, release.measure_version}
    for step in LiveFigure.objects.all():
        found |= {int(n) for n in re.findall(r"\d+", json.dumps([step.table, step.said_at]))}
        assert from_stored(step.table, digest=step.digest).axes
    return found


def take_a_step(world) -> LiveFigure:
    """What is said of the year that goes on, of invented counts; in the one way there is to say it."""
    counted = living.engine.live_counts

    def invented(*args, **how):
        _counts, about = counted(*args, **how)
        agencies = sorted(str(world.agency(letter).pk) for letter in "ABC")
        by = {stage: dict(zip(agencies, shares, strict=False)) for stage, shares in LIVE.items()}
        return {key: by.get(stage, {}) for stage, key in living.FIGURES.items()}, about

    with pytest.MonkeyPatch.context() as counting:
        counting.setattr(living.engine, "live_counts", invented)
        made = releases.step()
    assert made is not None
    return made


@pytest.fixture
def hub(world):
    """The pipeline counted from rows, a step of the year that goes on, and invented cubes whose hidden counts
    are large primes' multiples."""
    call_command("counties", OUTLINES)
    with_pipeline(world, clients=(40, 45, 38), screened=37)
    take_a_step(world)
    atoms = {(stage, county): n * times for stage, times in STAGES.items() for county, n in COUNTIES.items()}
    axes = {"stage": list(STAGES), "county": list(COUNTIES)}
    table = cubes.table_of("Where?", axes, atoms, [("stage",), ("stage", "county")])
    cubes.released("stages_by_place", table)
    cubes.flows()
    cubes.who()
    cubes.one_axis("services", "service_group", {"housing": 3041, "legal": 4013, "health": 3})
    live = {n for shares in LIVE.values() for n in (*shares, sum(shares))}
    poison = {n for n in atoms.values() if n >= LARGE} | {3041, 4013} | live
    world.poison = poison - said_in_releases()
    return world


def test_there_is_something_to_hide(hub):
    """Else nothing below could fail."""
    assert len(hub.poison) >= 3
    assert {9083, 4014, 3019, 2003} <= hub.poison, "what the live figures were made from"


def test_the_year_that_goes_on_is_said_in_a_range_and_no_closer(hub):
    answers = walk(hub, "P", "partner_viewer")
    assert {9080, 9090} <= large_numbers(answers["/numbers/"].text)
    assert not any(large_numbers(answer.text) & hub.poison for answer in answers.values())


def test_nor_on_the_page_before_the_first_release(world):
    three_agencies(world)
    planned(world)
    take_a_step(world)
    text = world.browser("P", "partner_viewer").get("/numbers/").content.decode()
    assert not Release.objects.exists() and {9080, 9090} <= large_numbers(text)
    assert not large_numbers(text) & {sum(LIVE["identified"]), sum(LIVE["screened"]), *LIVE["identified"]}


def test_a_page_that_says_what_a_step_counted_is_caught(hub, monkeypatch):
    """Sabotage: the sealed count, and not its range."""
    real = numbers.so_far

    def counted():
        step = sealed.live_of(LiveFigure.objects.get())[1]
        live = real()
        live["rows"][0]["text"] = f"{sum(step.by[living.FIGURES['identified']].values()):,}"
        return live

    monkeypatch.setattr(numbers, "so_far", counted)
    answers = walk(hub, "P", "partner_viewer")
    assert any(9083 in large_numbers(answer.text) for answer in answers.values())


@pytest.mark.parametrize(("letter", "role"), READERS, ids=lambda one: one)
def test_no_answer_says_a_number_that_no_release_holds_or_asks_for_a_client_s_row(hub, letter, role):
    """A figure that is read from a release needs no row; what is not asked can't be said."""
    tables = {model._meta.db_table for model in walled() if model._meta.app_label == "referrals"}
    # What agencies post for everybody about their own free places: no client's row.
    tables -= {"referrals_opening"}
    assert "referrals_client" in tables
    answers = walk(hub, letter, role)
    kinds = {answer.kind for answer in answers.values()}
    assert {"text/html", "text/csv", "application/json", "image/svg+xml"} <= kinds and len(answers) > 30
    allowed = said_in_releases() | populations() | class_starts() | {100_000}
    now = datetime.now(UTC).year
    allowed |= set(range(now - 40, now + 2))
    for answer in answers.values():
        numbers = large_numbers(answer.text)
        assert not numbers & hub.poison, (answer.path, numbers & hub.poison)
        odd = {n for n in numbers if n not in allowed and not is_rate(n)}
        assert not odd, (
            answer.path,
            odd,
            [
                answer.text[m.start() - 80 : m.end() + 40]
                for n in odd
                for m in re.finditer(f"{n}|{n:,}", answer.text)
            ],
        )
        asked = {table for table in tables if any(re.search(rf"\b{table}\b", one) for one in answer.asked)}
        assert asked == set(), (answer.path, asked)


def populations() -> set[int]:
    return set(CountyMap.objects.values_list("population", flat=True))


def class_starts() -> set[int]:
    """Where the classes of maps start, worked out again: of the shown counts by county, of all values of one
    other dimension together, and of nothing else."""
    found: set[int] = set()
    for release in Release.objects.all():
        table = from_stored(release.table, digest=release.digest)
        axes = list(table.axes)
        if "county" not in axes:
            continue
        by_view: dict[tuple[bool, ...], list[float]] = {}
        for place, cell in table.cells.items():
            if place[axes.index("county")] != ALL and isinstance(cell, Shown) and cell.value:
                by_view.setdefault(tuple(value != ALL for value in place), []).append(float(cell.value))
        found |= {int(start) for shown in by_view.values() for start in charts.classes_of(shown)}
    return found


def is_rate(n: int) -> bool:
    """Whether it is a shown count for each 100,000 of a county's people."""
    counts = said_in_releases()
    return any(
        abs(n - 100_000 * count / people) <= 1 for people in populations() for count in counts if people
    )


def test_no_answer_moves_when_rows_do(hub):
    """Twins: the same hub before and after 40 more clients at every agency, none of them in a release."""
    before = walk(hub, "P", "partner_viewer")
    for letter in "ABC":
        for _turn in range(5):
            client = hub.client(letter)
            hub.touchpoint(letter, client, occurred_at=at(1, 7), trafficking_status="possible")
            hub.screening(client, at(2, 1))
    after = walk(hub, "P", "partner_viewer")
    assert before.keys() == after.keys()
    for path, answer in before.items():
        assert NOISE.sub("", answer.text) == NOISE.sub("", after[path].text), path


def test_a_page_that_counts_rows_itself_is_caught(hub, monkeypatch):
    """Sabotage: the page of figures adds a raw count to what it says; both guards notice."""
    real = render.page
    monkeypatch.setattr(render, "page", lambda table: {**real(table), "title": f"{leaked()} people"})

    def leaked() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 6067 + 0 * count(*) FROM referrals_touchpoint")
            return cursor.fetchone()[0]

    assert Touchpoint
    answers = walk(hub, "P", "partner_viewer")
    assert any(6067 in large_numbers(answer.text) for answer in answers.values())
    assert any(
        " referrals_touchpoint" in statement for answer in answers.values() for statement in answer.asked
    )


def test_every_network_route_is_walked(hub):
    """A new page of figures is in the walk by its permission, not by a line here."""
    walked = {
        re.sub(r"[0-9a-f-]{36}", "<id>", urlsplit(path).path) for path in walk(hub, "P", "partner_viewer")
    }
    for expected in (
        "/numbers/",
        "/numbers/where/",
        "/numbers/who/",
        "/numbers/<id>.csv",
        "/numbers/<id>.xlsx",
    ):
        assert expected in walked, (expected, sorted(walked))
    assert any(path.startswith("/api/") for path in walked)
