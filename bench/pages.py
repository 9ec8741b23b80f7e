"""How long a caseworker waits at an agency of 20,000 clients: pages from gunicorn on loopback, each beside
the SQL that it sends, run bare (no wall, no Python). Signing in is not measured.
"""

import http.client
import re
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import psycopg2
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agencies.models import User
from agencies.scope import Actor, acting_as
from bench import figures
from bench.files import big_bundle
from bench.hub import Hub
from bench.importing import import_one, processor_seconds
from bench.people import agency, caseworker
from casehub import running
from referrals.models import Client, Touchpoint

CASELOAD = 40
REQUESTS = 60
WARM = 5


def run(report: figures.Report, hub: Hub, folder: Path, *, clients: int = 20_000) -> None:
    """Adds the figures of the pages. Imports its clients first, which is a figure too."""
    bundle = big_bundle(folder / "pages", clients=clients)
    before = processor_seconds()
    seconds = import_one("big", bundle)
    work = processor_seconds() - before
    report.add(
        figures.Figure(
            f"import of {bundle.total:,} rows, once", "rows/s", [bundle.total / seconds], goal=5_000
        )
    )
    report.add(figures.Figure("the same for a second of processor time", "rows/s", [bundle.total / work]))
    big = agency("big")
    worker = caseworker(big)
    with acting_as(Actor.of(worker, big)):
        mine = list(Client.objects.filter(pk__in=_busy(CASELOAD)))
        Client.objects.filter(pk__in=[one.pk for one in mine]).update(worker=worker)
        report.note(f"The agency has {Client.objects.count():,} clients, the caseworker {CASELOAD} of them.")
    hub.ask("VACUUM ANALYZE")
    gets = {
        "caseload": reverse("referrals:caseload"),
        "clients": reverse("referrals:clients"),
        "clients, page 200": reverse("referrals:clients") + "?page=200",
        "clients, silent ones": reverse("referrals:clients") + "?silent=on",
        "client": reverse("referrals:client", args=[mine[0].pk]),
        "contact form": reverse("referrals:contact_new"),
        "contact form of a client": reverse("referrals:contact_new", args=[mine[0].pk]),
    }
    browser = signed_in(worker)
    port = running.free_port(8900)
    with running.web(port):
        running.wait_for(port)
        for what, path in gets.items():
            with closing(Line(port, browser)) as line:
                values = [line.get(path)[1] for _ in range(WARM + REQUESTS)][WARM:]
            bare, count = _bare_reads(hub, lambda path=path: browser.get(path))  # type: ignore[misc]
            report.add(
                figures.Figure(
                    f"page: {what}, {count} queries", "ms", values, bare=bare, goal=200, at_p95=True
                )
            )
        form = reverse("referrals:contact_new", args=[mine[0].pk])
        with closing(Line(port, browser)) as line:
            values = [_save(line, form) for _ in range(WARM + REQUESTS)][WARM:]
        bare, count = _bare_save(hub, browser, form)
        report.add(
            figures.Figure(
                f"quick contact saved, {count} queries", "ms", values, bare=bare, goal=100, at_p95=True
            )
        )


def _busy(count: int) -> list[object]:
    """The clients with the longest histories: the pages' worst."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT client_id FROM referrals_touchpoint WHERE client_id IS NOT NULL "
            "GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT %s",
            [count],
        )
        return [row[0] for row in cursor.fetchall()]


def signed_in(user: User) -> Browser:
    browser = Browser(headers={"host": "localhost"}, raise_request_exception=True)
    browser.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return browser


class Line:
    """A kept-open connection to the hub, as a browser holds one."""

    def __init__(self, port: int, browser: Browser, *, first: str = "") -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port)
        browser.get(first or reverse("referrals:contact_new"))
        self._cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())

    def get(self, path: str) -> tuple[str, float]:
        """The page and the milliseconds it took."""
        return self._ask("GET", path, None, 200)

    def post(self, path: str, data: dict[str, str]) -> float:
        return self._ask("POST", path, urlencode(data), 302)[1]

    def close(self) -> None:
        self._line.close()

    def _ask(self, method: str, path: str, body: str | None, wanted: int) -> tuple[str, float]:
        headers = {"Host": "localhost", "Cookie": self._cookies}
        if body is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://localhost"}
        began = time.perf_counter()
        self._line.request(method, path, body, headers)
        answer = self._line.getresponse()
        page = answer.read().decode()
        took = (time.perf_counter() - began) * 1000
        if answer.status != wanted:
            raise RuntimeError(f"{method} {path} answered {answer.status}")
        return page, took


def _said(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return found.group(1) if found else ""


def _answers(page: str) -> dict[str, str]:
    return {
        "csrfmiddlewaretoken": _said(page, "csrfmiddlewaretoken"),
        "once": _said(page, "once"),
        "sector": "hotline",
        "note": "Brought tea and a bus pass.",
    }


def _save(line: Line, form: str) -> float:
    return line.post(form, _answers(line.get(form)[0]))


def _asked(ask: Callable[[], object]) -> list[str]:
    """The statements of a request, as PostgreSQL got them."""
    with CaptureQueriesContext(connection) as found:
        ask()
    return [str(one["sql"]) for one in found.captured_queries]


def _plain(statements: list[str]) -> list[str]:
    """The reads among them, without the door's own."""
    return [
        one
        for one in statements
        if one.startswith("SELECT") and "set_config" not in one and "pg_advisory" not in one
    ]


def _bare(hub: Hub, statements: list[str], *, commits: bool = False) -> float:
    """Median milliseconds of running these as the superuser, whom no wall holds, in one transaction."""
    port = hub.servers().owner_database_url.rpartition(":")[2].partition("/")[0]
    password = (hub.folder / "secrets" / "postgres").read_text()
    spent = []
    with closing(
        psycopg2.connect(host="127.0.0.1", port=port, user="postgres", password=password, dbname="casehub")
    ) as bare:
        for _ in range(WARM + 20):
            began = time.perf_counter()
            with bare.cursor() as cursor:
                for one in statements:
                    cursor.execute(one)
                    if cursor.description:
                        cursor.fetchall()
            if commits:
                bare.commit()
            else:
                bare.rollback()
            spent.append((time.perf_counter() - began) * 1000)
    return statistics.median(spent[WARM:])


def _bare_reads(hub: Hub, ask: Callable[[], object]) -> tuple[float, int]:
    ask()  # what a process learns once is not the page's
    statements = _asked(ask)
    return _bare(hub, _plain(statements)), len(statements)


def _bare_save(hub: Hub, browser: Browser, form: str) -> tuple[float, int]:
    """The save's reads, one insert of the same row into a copy with the same indexes, and a commit."""
    data = _answers(browser.get(form).content.decode())
    statements = _asked(lambda: browser.post(form, data))
    table = Touchpoint._meta.db_table
    ((like,),) = hub.ask(f"SELECT id FROM {table} WHERE source_key = '' ORDER BY recorded_at DESC LIMIT 1")
    hub.ask(f"CREATE TABLE bare_contact (LIKE {table} INCLUDING ALL)")
    columns = ", ".join(
        f'"{field.column}"' for field in Touchpoint._meta.local_concrete_fields if field.column != "id"
    )
    insert = (
        f"INSERT INTO bare_contact (id, {columns}) SELECT gen_random_uuid(), {columns} FROM {table} "
        f"WHERE id = '{like}'"
    )
    took = _bare(hub, [*_plain(statements), insert], commits=True)
    hub.ask("DROP TABLE bare_contact")
    return took, len(statements)
