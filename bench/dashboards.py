"""A release's cube over five million contacts, beside DuckDB's time for the same grouping sets; and how long
50 people wait for a page of figures that comes from releases. All rows are invented, by PostgreSQL itself.
"""

import os
import random
import threading
import time
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import psycopg2
from django.urls import reverse
from django.utils import timezone

from agencies import actions
from agencies.models import County, SharingAgreement, User
from agencies.roles import Permission
from agencies.scope import Actor, acting_as
from agencies.scope.counting import counting
from bench import figures
from bench.hub import Hub
from bench.pages import Line, signed_in
from bench.people import agency, caseworker
from casehub import running
from referrals.picklists import Sector, TouchpointKind
from reporting import engine
from reporting.measures import Period, cubes
from tests.reporting import cubes as invented

ROWS = int(os.environ.get("CASEHUB_BENCH_CONTACTS", "5000000"))
CLIENT_SHARE = 12  # contacts for each client
AGENCIES, COUNTIES = 40, 58
USERS, VIEWS, OVER_SECONDS = 50, 6, 30.0
YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))
CUBE = "contacts_by_sector"
TIMES = 3


def run(report: figures.Report, hub: Hub, folder: Path) -> None:
    """Adds every figure. Takes some minutes, most of them to make the rows."""
    office = _rows(hub)
    actor = Actor.hub(office, Permission.REPORT_NETWORK)
    report.note(f"{ROWS:,} contacts of {ROWS // CLIENT_SHARE:,} clients at {AGENCIES} agencies, made by SQL.")
    _cube(report, hub, folder, actor)
    _pages(report, office)


def _rows(hub: Hub):  # type: ignore[no-untyped-def]
    """Agencies with agreements, counties, clients and contacts; returns the hub's office."""
    County.objects.bulk_create(
        [County(fips=f"99{n:03}", name=f"County {n}", state="TR") for n in range(COUNTIES)],
        ignore_conflicts=True,
    )
    agencies = [agency(f"bench-{n}") for n in range(AGENCIES)]
    for one in agencies:
        with acting_as(Actor.of(caseworker(one), one)):
            SharingAgreement.objects.create(
                agency=one, version=1, text_digest="0" * 64, signed_at=timezone.now()
            )
    ids = [one.pk for one in agencies]
    clients = ROWS // CLIENT_SHARE
    sectors, kinds = [str(one) for one in Sector], [str(one) for one in TouchpointKind]
    # The agencies are of very different size, as they are; a client's contacts are its agency's.
    whose = f"(%(ids)s::int[])[1 + floor({AGENCIES} * power(random(), 2))::int]"
    county = f"CASE WHEN random() < .9 THEN '99' || lpad(floor({COUNTIES} * random())::text, 3, '0') END"
    _insert(
        hub,
        "referrals_client",
        {"id": "gen_random_uuid()", "agency_id": whose, "county_id": county},
        f"generate_series(1, {clients})",
        {"ids": ids},
    )
    hub.ask(
        "CREATE TABLE bench_client AS "
        "SELECT (row_number() OVER ()) - 1 AS n, id, agency_id FROM referrals_client"
    )
    hub.ask("CREATE UNIQUE INDEX ON bench_client (n)")
    _insert(
        hub,
        "referrals_touchpoint",
        {
            "id": "gen_random_uuid()",
            "agency_id": "c.agency_id",
            "client_id": "CASE WHEN g %% 7 > 0 THEN c.id END",
            "occurred_at": "timestamptz '2024-07-01' + random() * interval '670 days'",
            "sector": f"(%(sectors)s::text[])[1 + floor({len(sectors)} * random())::int]",
            "kind": f"(%(kinds)s::text[])[1 + floor({len(kinds)} * random())::int]",
            "county_id": county,
            "trafficking_status": "(ARRAY['possible', 'confirmed', 'not_asked'])[1 + g %% 3]",
        },
        f"generate_series(1, {ROWS}) AS g JOIN bench_client c ON c.n = (g::bigint * 7919) %% {clients}",
        {"ids": ids, "sectors": sectors, "kinds": kinds},
    )
    hub.ask("DROP TABLE bench_client")
    hub.ask("VACUUM ANALYZE referrals_touchpoint")
    hub.ask("VACUUM ANALYZE referrals_client")
    return actions.open_agency(
        slug="bench-office",
        name="Bench office",
        type="hub_office",
        sector="other",
        is_expected_to_report=False,
    )


def _insert(hub: Hub, table: str, given: dict[str, str], source: str, values: dict[str, object]) -> None:
    """Rows made by the server; columns that are not given are as empty as they may be. No trigger runs."""
    asked = hub.ask(
        "SELECT column_name, data_type FROM information_schema.columns "
        f"WHERE table_name = '{table}' AND is_nullable = 'NO' AND column_default IS NULL"
    )
    empty = {"ARRAY": "'{}'", "jsonb": "'[]'", "bytea": "''", "timestamp with time zone": "now()"}
    columns = {name: empty.get(kind, "''") for name, kind in asked} | given
    statement = (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM {source}"
    )
    with closing(_superuser(hub)) as line, line, line.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)


def _superuser(hub: Hub):  # type: ignore[no-untyped-def]
    port = hub.servers().owner_database_url.rpartition(":")[2].partition("/")[0]
    password = (hub.folder / "secrets" / "postgres").read_text()
    return psycopg2.connect(host="127.0.0.1", port=port, user="postgres", password=password, dbname="casehub")


def _cube(report: figures.Report, hub: Hub, folder: Path, actor: Actor) -> None:
    cube = cubes()[CUBE]
    everybody = [row[0] for row in hub.ask("SELECT id FROM agencies_agency WHERE slug LIKE 'bench-%'")]

    def count() -> None:
        with counting(actor, network=True) as cursor:
            list(cube.find(cursor, YEAR, YEAR.ends_at, everybody))

    made: list[engine.NetworkRun] = []

    def release() -> None:
        made.append(engine.run_network(CUBE, YEAR, actor))

    peer = _duckdb(hub, folder)
    report.add(
        figures.Figure(
            f"a cube's atoms counted over {ROWS:,} contacts (bare: DuckDB, the views' grouping sets)",
            "s",
            [figures.timed(count) for _ in range(TIMES)],
            bare=peer,
            goal=2 * peer,
        )
    )
    report.add(
        figures.Figure("the same, laid out, protected, audited", "s", [figures.timed(release)], bare=peer)
    )
    report.note(
        f"The cube {CUBE}: {len(made[0].table.cells):,} cells in {len(cube.views)} views, for each of "
        f"{AGENCIES} agencies. DuckDB reads a table of its own that holds these columns alone, on as many "
        "threads as there are processors; PostgreSQL reads the hub's rows as the reporting role, behind its "
        "policies."
    )


def _duckdb(hub: Hub, folder: Path) -> float:
    """Seconds DuckDB takes for the grouping sets of the cube's views, by agency; the best of several."""
    folder.mkdir(parents=True, exist_ok=True)
    where = folder / "contacts.csv"
    with closing(_superuser(hub)) as line, line.cursor() as cursor, where.open("w") as out:
        cursor.copy_expert(
            "COPY (SELECT t.agency_id, t.client_id IS NULL AS anonymous, t.sector, t.kind, "
            "COALESCE(t.county_id, c.county_id, '') AS county, t.occurred_at::timestamp AS met_at "
            "FROM referrals_touchpoint t LEFT JOIN referrals_client c ON c.id = t.client_id)"
            " TO STDOUT CSV HEADER",
            out,
        )
    groups = {str(one): str(one.group) for one in Sector}
    with closing(duckdb.connect()) as peer:
        peer.execute(f"CREATE TABLE contact AS SELECT * FROM read_csv('{where}')")
        peer.execute("CREATE TABLE groups (sector VARCHAR, sector_group VARCHAR)")
        peer.executemany("INSERT INTO groups VALUES (?, ?)", list(groups.items()))
        columns = {"contact_of": "anonymous", "contact_kind": "kind"}
        sets = ", ".join(
            "(" + ", ".join(["agency_id", *(columns.get(name, name) for name in view)]) + ")"
            for view in cubes()[CUBE].views
        )
        asked = (
            "SELECT agency_id, anonymous, sector_group, kind, county, count(*) "
            "FROM contact JOIN groups USING (sector) "
            f"WHERE met_at >= '2025-01-01' AND met_at < '2026-01-01' GROUP BY GROUPING SETS ({sets})"
        )
        peer.execute(asked).fetchall()
        found = min(figures.timed(lambda: peer.execute(asked).fetchall()) for _ in range(TIMES))
    where.unlink()
    return found


def _pages(report: figures.Report, office) -> None:  # type: ignore[no-untyped-def]
    """50 people at the hub: each opens a page of figures now and then, for the first time in the session."""
    made = engine.run_network(CUBE, YEAR, Actor.hub(office, Permission.REPORT_NETWORK))
    invented.released(CUBE, made.table)
    invented.stages_by_place()
    invented.flows()
    invented.who()
    paths = [reverse(f"reporting:{name}") for name in ("where", "next", "who")]
    people = []
    for number in range(USERS):
        user = User.objects.create_user(f"viewer{number}@bench.example", None, name=f"Viewer {number}")
        actions.grant_role(user, agency(f"bench-{number % AGENCIES}"), "partner_viewer")
        people.append(user)
    browsers = [signed_in(user) for user in people]
    port = running.free_port(8950)
    with running.web(port):
        running.wait_for(port)
        lines = [Line(port, browser, first=paths[0]) for browser in browsers]
        for line in lines[:4]:
            for path in paths:
                line.close()
                line.get(path)  # what a process learns once
        spent: list[float] = []
        together: list[float] = []
        _crowd(lines, paths, spent, OVER_SECONDS)
        _crowd(lines, paths[:1], together, 0.0, views=1)
        for line in lines:
            line.close()
    report.add(
        figures.Figure(
            f"page of figures, {USERS} people, {USERS * VIEWS} views in {OVER_SECONDS:.0f} s",
            "ms",
            spent,
            goal=500,
            at_p95=True,
        )
    )
    report.add(figures.Figure(f"the same, all {USERS} in the same moment", "ms", together, at_p95=True))


def _crowd(
    lines: list[Line], paths: list[str], spent: list[float], seconds: float, *, views: int = VIEWS
) -> None:
    began = time.monotonic()

    def person(number: int) -> None:
        draw = random.Random(number)
        for at in sorted(draw.uniform(0, seconds) for _ in range(views)):
            time.sleep(max(0.0, began + at - time.monotonic()))
            # Between two views the server has closed the line; opening it again is part of the wait.
            lines[number].close()
            spent.append(lines[number].get(draw.choice(paths))[1])

    threads = [threading.Thread(target=person, args=(number,)) for number in range(len(lines))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
