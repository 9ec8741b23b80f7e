"""Five hundred names, numbers and addresses are pushed in wherever something can be typed or sent. Afterwards
none of them stands in the database, the logs, what the broker was told, job rows, exports or error pages.

A name has no shape, so a note or a code may hold one: then it stands sealed. What stands in the clear is
looked for in every byte of every table, as a superuser sees it, and in the dump of the server's own pg_dump.
"""

import csv
import html
import io
import itertools
import json
import logging
import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections

from agencies import jobs
from agencies.models import Job
from agencies.scope import Actor, acting_as
from casehub import embedded
from referrals.agency_side.schema import FILES, Handling, Type
from referrals.models import Client
from tests.attacks import postgres
from tests.attacks.routes import Route, ids, routes
from tests.attacks.rows import Rows
from tests.referrals.agency_side import exports

FORE = (
    "Zorvana",
    "Quillip",
    "Maribexa",
    "Tolwyn",
    "Ysolinda",
    "Brackfern",
    "Ondrelia",
    "Fennimar",
    "Wexley",
    "Jorunna",
)
LAST = (
    "Quelmbratt",
    "Nobbleton",
    "Harkwistle",
    "Drummervane",
    "Pettigorse",
    "Umberlynn",
    "Skaldrow",
    "Vintermoss",
)
ROAD = (
    "Zinnober",
    "Quagmire",
    "Nimbleleaf",
    "Farrowgate",
    "Thistledown",
    "Bramblewick",
    "Ottermere",
    "Larkspindle",
)


def identifiers() -> list[str]:
    """500 plainly invented strings in the six shapes that say who somebody is; all different."""
    return [
        *(f"{fore} {last}" for fore in FORE for last in LAST),
        *(f"{fore}{last}{number}" for fore, last in zip(FORE * 2, LAST * 3, strict=False) for number in (1,)),
        *(f"987-65-{number}" for number in range(4300, 4390)),
        *(f"98765{number}" for number in range(5400, 5420)),
        *(f"(555) 01{number // 100}-{7100 + number}" for number in range(90)),
        *(f"{fore.lower()}.{last.lower()}@nowhere.example" for fore in FORE for last in LAST),
        *(f"A09{number}" for number in range(8765400, 8765460)),
        *(f"{number} {road} Street" for road in ROAD for number in range(4711, 4719)),
    ][:500]


PLANTED = identifiers()


def test_there_are_five_hundred_of_them():
    assert len(PLANTED) == len(set(PLANTED)) == 500


@cache
def ways() -> tuple[re.Pattern[str], dict[str, str]]:
    """Each of them as text, a page, an address or JSON writes it, in small letters; and which one it is."""
    known = {
        way.lower(): one
        for one in PLANTED
        for way in (one, html.escape(one), quote(one), quote_plus(one), json.dumps(one)[1:-1])
    }
    return re.compile("|".join(re.escape(way) for way in sorted(known, key=len, reverse=True))), known


def found_in(text: str) -> set[str]:
    """Which of them stand in the text."""
    pattern, known = ways()
    return {known[way] for way in pattern.findall(text.lower())}


def test_what_is_looked_for_would_be_found():
    assert found_in(f"<p>{html.escape(PLANTED[0])}</p> q={quote(PLANTED[-1])}") == {PLANTED[0], PLANTED[-1]}


class Fields(HTMLParser):
    """The fields of every form of a page, with what stands in them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.typed: list[str] = []
        self.given: dict[str, str] = {}
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fact = {name: value or "" for name, value in attrs}
        name, kind = fact.get("name", ""), fact.get("type", "text")
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select and self._select not in self.given and fact.get("value"):
            self.given[self._select] = fact["value"]
        elif tag == "textarea" or (tag == "input" and kind in ("text", "search", "email", "tel", "number")):
            self.typed += [name] if name else []
        elif tag == "input" and name and kind not in ("submit", "button", "file", "csrfmiddlewaretoken"):
            today = {"date": "2025-02-01", "datetime-local": "2025-02-01T10:00", "time": "10:00"}
            self.given.setdefault(name, fact.get("value") or today.get(kind, "on"))


class Planting:
    """Pushes identifiers in by every way, and keeps everything that came out."""

    def __init__(self, world, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.rows = Rows(world).everything("A", "B")
        self.next = itertools.cycle(PLANTED)
        self.names = itertools.cycle(PLANTED[:80])  # these have no shape, so a note takes them
        self.pushed: set[str] = set()
        self.error_pages: list[str] = []
        self.people = {role: world.browser("A", role) for role in ("supervisor", "data_lead", "hotline")}
        for browser in self.people.values():
            browser.raise_request_exception = False

    def one(self) -> str:
        value = next(self.next)
        self.pushed.add(value)
        return value

    def keep(self, answer) -> None:
        """An error page never says again what was sent. A form that is shown again does, to its writer."""
        if answer.status_code in (403, 404, 405, 413, 429) or answer.status_code >= 500:
            self.error_pages.append(answer.content.decode(errors="replace") + str(answer.headers))
        assert answer.status_code < 500, answer.exc_info

    def by_forms(self) -> None:
        for route in routes():
            if route.name.startswith(("referrals:", "reporting:")):
                for browser in self.people.values():
                    self._by_form(route, browser)

    def _by_form(self, route: Route, browser) -> None:
        path = route.path(ids(route, self.rows, "own"))
        shown = browser.get(path, {"q": self.one(), "code": self.one(), "search": self.one()})
        self.keep(shown)
        page = (
            shown.content.decode(errors="replace") if "html" in shown.headers.get("Content-Type", "") else ""
        )
        fields = Fields(page)
        words = {name: self.one() for name in [*fields.typed, "note", "code", "next", "other"]}
        for sent in (fields.given | words, words):
            self.keep(browser.post(path, sent))
        if "note" in fields.typed or "code" in fields.typed:
            for _ in range(4):
                given = Fields(
                    browser.get(path).content.decode(errors="replace")
                ).given  # a form is sent once
                named = {"note": f"met {next(self.names)}", "code": next(self.names), "quantity": "1"}
                self.keep(browser.post(path, given | named))

    def by_api(self) -> None:
        for route in routes():
            if route.is_api:
                path = route.path(ids(route, self.rows, "own"))
                client = str(self.rows.row(Client, "A").pk)
                for browser in self.people.values():
                    self.keep(browser.get(path, {"code": self.one(), "client": self.one(), "q": self.one()}))
                    for body in (
                        {"sector": "shelter", "note": self.one(), "kind": "contact"},
                        {"client": client, "sector": "shelter", "note": self.one(), self.one(): self.one()},
                        {"client": client, "type": "cm", "provided_on": "2025-02-01", "note": self.one()},
                        {
                            name: self.one()
                            for name in ("client", "note", "type", "sector", "outcome", "reason")
                        },
                        {"client": client, "sector": "shelter", "note": f"met {next(self.names)}"},
                        {
                            "client": client,
                            "type": "cm",
                            "provided_on": "2025-02-01",
                            "note": f"met {next(self.names)}",
                        },
                        [self.one()],
                    ):
                        named = isinstance(body, dict) and str(body.get("note", "")).startswith("met ")
                        key = {} if named else {"HTTP_IDEMPOTENCY_KEY": self.one()}
                        self.keep(
                            browser.post(path, json.dumps(body), content_type="application/json", **key)
                        )

    def by_address(self) -> None:
        """Typed into the address: a page that is not there, an id that is none, a query nobody reads."""
        for place in (
            "/clients/{}/",
            "/{}/",
            "/api/v1/clients/{}/",
            "/numbers/{}.csv",
            "/drafts/{}/",
            "/find/?q={}",
        ):
            for browser in self.people.values():
                self.keep(browser.get(place.format(quote(self.one(), safe=""))))

    def by_the_tool(self) -> None:
        """Every text and identifier of an export goes through the agency's tool, and the bundle is taken in."""
        export = exports.clean()
        for name, table in export.items():
            for row in table:
                for column in FILES[name].of_version("2026"):
                    # What may be kept as text names organizations, projects and their towns, never a client.
                    directory = column.handling in (Handling.KEEP, Handling.DROP_FOR_VSP)
                    if column.type == Type.TEXT and not directory and column.name in row:
                        row[column.name] = self.one()
        bundle = exports.make(self.folder, export)
        assert found_in(bundle.everything) == set()
        self.send(bundle.path.read_bytes(), "bundle.zip")

    def by_a_forged_bundle(self) -> None:
        """A bundle that never saw the tool: words where codes belong, names as file names, columns and keys."""
        from tests.referrals.exchange.bundles import bundle_file, person, row, small_network, stay

        leave = row("ExitID", "x-ben", "s-ben", "ben", ExitDate="2026-01-20", OtherDestination=self.one())
        odd = {
            "manifest_changes": {
                "key_fingerprint": self.one(),
                "organization": {"id": self.one(), "name": self.one(), "victim_service_provider": False},
                "export": {
                    "start": self.one(),
                    "end": "2026-09-30",
                    "date": self.one(),
                    "directive": self.one(),
                },
                self.one(): self.one(),
            }
        }
        wrong = [person("ann", **{self._column("Client"): self.one()}), person("ben")]
        for number, path in enumerate(
            [
                small_network(self.folder / "f0.zip", Exit=[leave]),
                small_network(self.folder / "f1.zip", **odd),
                bundle_file(
                    self.folder / "f2.zip", Client=wrong, Enrollment=[stay("s", "ann", entry=self.one())]
                ),
                bundle_file(
                    self.folder / "f3.zip", Client=[person("ann")], extra_columns={"Client": [self.one()]}
                ),
            ]
        ):
            self.send(path.read_bytes(), f"{number}.zip")

    def _column(self, name: str) -> str:
        return next(c.name for c in FILES[name].of_version("2026") if c.type == Type.CODE)

    def by_a_spreadsheet(self) -> None:
        """A caseload of a desk: names, numbers and addresses beside the codes, in cells, headings and titles."""
        lines = [
            [self.one()],
            ["Case #", "Client Name", "SSN", "Phone", "Address", "Sex", "Intake Date", "Status", "Notes", self.one()],
            *(
                [f"HL-{number}", self.one(), self.one(), self.one(), self.one(), "f", "2025-01-10", self.one(),
                 self.one(), self.one()]
                for number in range(30)
            ),
            *([self.one(), "", "", "", "", self.one(), self.one(), self.one(), "", ""] for _ in range(10)),
        ]  # fmt: skip
        text = io.StringIO()
        csv.writer(text).writerows(lines)
        self.send(text.getvalue().encode(), f"{self.one()}.csv")

    def send(self, content: bytes, name: str) -> None:
        """By the page, as the data lead does; then whatever was queued is run."""
        browser = self.people["data_lead"]
        answer = browser.post("/imports/", {"file": SimpleUploadedFile(name, content)})
        self.keep(answer)
        if answer.status_code == 302 and "columns" in answer.headers["Location"]:
            page = browser.get(answer.headers["Location"]).content.decode()
            self.keep(browser.post(answer.headers["Location"], Fields(page).given))
        self.run_jobs()

    def run_jobs(self) -> None:
        agency = self.world.agency("A")
        with acting_as(Actor.hub(agency)):
            waiting = [(job.user_id, str(job.pk)) for job in Job.objects.filter(state="queued")]
        for user, job in waiting:
            jobs.run(f"{user}:{agency.pk}", job)

    def exports(self) -> Iterator[str]:
        """Every file that someone can download, as the one who may."""
        for route in routes():
            path = route.path(ids(route, self.rows, "own"))
            for browser in self.people.values():
                answer = browser.get(path)
                body = answer.getvalue() if answer.streaming else answer.content
                if answer.headers.get("Content-Disposition", "").startswith("attachment"):
                    yield f"{path}: {answer.headers} {body.decode(errors='replace')}"


def clear_text(cursor) -> Iterator[tuple[str, str]]:
    """Every table's rows as text, and what stands in its byte columns as text too; `dump` has those as well that
    the application may not read."""
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        " AND has_table_privilege(oid, 'SELECT')"
    )
    for (table,) in cursor.fetchall():
        cursor.execute(f'SELECT * FROM "{table}"')
        names = [column.name for column in cursor.description]
        for row in cursor.fetchall():
            for name, value in zip(names, row, strict=True):
                if isinstance(value, memoryview):
                    raw = bytes(value)
                    yield (
                        f"{table}.{name}",
                        f"{raw.decode('utf-8', 'replace')} {raw.decode('utf-16', 'replace')}",
                    )
                elif value is not None:
                    yield f"{table}.{name}", str(value)


def dump() -> str:
    """The test database as the server's own pg_dump writes it."""
    home = embedded._Home(embedded.data_dir())
    programs, _version = embedded._postgres_programs(home)
    ours = connections["default"].settings_dict
    return subprocess.run(
        [programs / "pg_dump", "-h", "127.0.0.1", "-p", str(ours["PORT"]), "-U", "postgres", ours["NAME"]],
        env={**os.environ, "PGPASSWORD": home.secret("postgres")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def as_logged(record: logging.LogRecord) -> str:
    """The line that the hub's own handler would write."""
    (handler,) = [one for one in logging.getLogger("django").handlers if one.get_name() == "console"]
    return handler.format(record)


def test_a_log_line_names_the_route_and_the_errors_type(client, caplog, db):
    """Sabotage: the record itself holds the address and the words; the hub's own line does not."""
    name = PLANTED[0]
    client.get(f"/clients/{quote(name)}/")
    try:
        raise ValueError(name) from KeyError(name)
    except ValueError:
        logging.getLogger("casehub").exception("it broke")
    assert {
        record.name for record in caplog.records if found_in(str(record.args) + str(record.exc_info))
    } == {*("casehub", "django.request")}
    written = "\n".join(as_logged(record) for record in caplog.records)
    assert found_in(written) == set()
    assert "no page" in written and "KeyError" in written and "ValueError" in written


@pytest.fixture
def broker(monkeypatch):
    from celery import current_app

    told: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda *args, **options: told.append(repr((args, options))))
    return told


@pytest.mark.slow
def test_five_hundred_identifiers_are_pushed_in_and_none_is_found(
    lasting_world, tmp_path, settings, caplog, broker
):
    settings.INBOX = tmp_path / "inbox"
    caplog.set_level(logging.DEBUG)
    for noisy in ("django.db.backends", "factory", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.INFO)
    planting = Planting(lasting_world, tmp_path)
    caplog.clear()
    planting.by_the_tool()
    planting.by_a_forged_bundle()
    planting.by_a_spreadsheet()
    planting.by_forms()
    planting.by_api()
    planting.by_address()
    planting.run_jobs()
    assert planting.pushed == set(PLANTED), "all of them were really sent"

    connection = postgres.superuser()
    with connection, connection.cursor() as cursor:
        stored = {(place, one) for place, text in clear_text(cursor) for one in found_in(text)}
        cursor.execute(
            "SELECT (SELECT count(*) FROM referrals_touchpoint WHERE note_sealed <> '')"
            " + (SELECT count(*) FROM referrals_service WHERE note_sealed <> ''),"
            " (SELECT count(*) FROM referrals_client WHERE code_sealed <> ''),"
            " (SELECT count(*) FROM referrals_draft), (SELECT count(*) FROM referrals_import)"
        )
        taken = dict(zip(("notes", "codes", "drafts", "imports"), cursor.fetchone(), strict=True))
        assert taken["notes"] > 12 and taken["codes"] > 10 and taken["drafts"] > 3 and taken["imports"] > 3, (
            taken
        )
    connection.close()
    assert stored == set()
    assert found_in(dump()) == set()
    written = "\n".join(as_logged(record) for record in caplog.records)
    assert "no page" in written and found_in(written) == set()
    assert found_in(" ".join(broker)) == set()
    assert {one for page in planting.error_pages for one in found_in(page)} == set()
    assert {(text.split(":")[0], one) for text in planting.exports() for one in found_in(text)} == set()
    waiting = [path for path in (tmp_path / "inbox").rglob("*") if path.is_file()]
    assert {one for path in waiting for one in found_in(path.read_bytes().decode(errors="replace"))} == set()


def test_a_name_in_a_note_is_sealed(world):
    """A name has no shape: it is taken, and stands sealed; the scan would see it if it were not."""
    from referrals import actions

    client = world.client("A")
    with world.acting("A"):
        row = actions.record_touchpoint(sector="shelter", client=client, note=f"met {PLANTED[0]} at the door")
    assert found_in(bytes(row.note_sealed).decode(errors="replace")) == set()
    with world.acting("A"), connections["default"].cursor() as cursor:
        assert {one for _place, text in clear_text(cursor) for one in found_in(text)} == set()
        cursor.execute("UPDATE referrals_touchpoint SET note_sealed = %s", [PLANTED[0].encode()])
        assert {one for _place, text in clear_text(cursor) for one in found_in(text)} == {PLANTED[0]}


@pytest.mark.parametrize("text", [one for one in PLANTED if re.search(r"[\d@]", one)][::7])
def test_what_has_the_shape_of_an_identity_is_refused_in_words(world, text):
    from django.core.exceptions import ValidationError

    from referrals import actions

    if re.fullmatch(r"[A-Za-z]+\d", text):
        return  # a name with a figure behind it has no shape
    with pytest.raises(ValidationError) as refused, world.acting("A"):
        actions.record_touchpoint(sector="shelter", note=f"call {text} now")
    assert found_in(str(refused.value)) == set()
