"""How fast the hub links in its own tables, row security and keys and all, with ten million tokens.

The rows are put there by the server's superuser, past releases and clients; what is measured is what the
hub's tasks do, as the linking role.
"""

import io
import os
import time
from collections import Counter
from contextlib import closing
from random import Random
from typing import Any
from uuid import uuid4

import psycopg2

from bench import figures
from bench.crowd import crowd
from bench.hub import Hub
from bench.linkage import SECRET, person_of
from referrals.linkage import join
from referrals.linkage.tokens import local, tokens

RECORDS = int(os.environ.get("CASEHUB_BENCH_RECORDS", 1_000_000))
ARRIVALS, AGENCIES = 1_000, 20
_AT_ONCE = 20_000
_INTO_RECORDS = (
    "referrals_linkrecord (id, recorded_at, changed_at, ends_at, partners, confirms, epoch, version, mask,"
    " number, agency_id, client_id)"
)
_INTO_TOKENS = "referrals_linktoken (record_id, key, token, ends_at)"


def run(report: figures.Report, hub: Hub) -> None:
    """Adds every figure. Takes some fifteen minutes, most of them to fill the tables."""
    port = hub.servers().owner_database_url.rpartition(":")[2].partition("/")[0]
    password = (hub.folder / "secrets" / "postgres").read_text()
    there = {"host": "127.0.0.1", "port": port, "user": "postgres", "password": password}
    with closing(psycopg2.connect(**there, dbname="casehub")) as connection:
        with connection, connection.cursor() as cursor:
            late, count = _fill(cursor)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE referrals_linkrecord, referrals_linktoken")
    what = f"{RECORDS:,} records, {count:,} tokens"
    _all(report, f"{what}: all compared for the first time")
    _all(report, f"{what}: all compared again, nothing new")
    _arrivals(report, hub, late, what)


def _all(report: figures.Report, what: str) -> None:
    from referrals.linking import bulk
    from referrals.linking.bulk import Clock

    clock = Clock()
    began = time.perf_counter()
    bulk(clock)
    took = time.perf_counter() - began
    steps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in clock.seconds.items())
    report.add(figures.Figure(f"{what} ({steps})", "s", [took]))
    compared = clock.seconds["join"] + clock.seconds["score"]
    report.add(figures.Figure(f"{what}: joined and scored", "s", [compared], goal=10.0))


def _arrivals(report: figures.Report, hub: Hub, late: list[tuple[int, Any]], what: str) -> None:
    """Each of those that came last is compared anew: decided alone, and linked by the task in one go."""
    from agencies.scope.linking import linking
    from referrals.linkage import score
    from referrals.linking import arrivals, link_new, scorer

    times, found = [], Counter[bool]()
    with linking(whole=True) as cursor:
        model = scorer.newest(cursor)
        assert model is not None
        for number, _ in late:
            began = time.perf_counter()
            pairs = arrivals.pairs_of(cursor, number, model)
            times.append((time.perf_counter() - began) * 1000)
            found.update(pair.posterior >= score.LINK for pair in pairs)
    name = f"{what}: one arrival decided, row security and all"
    report.add(figures.Figure(f"{name}, 99th percentile", "ms", [figures.percentile(times, 99)], goal=10.0))
    report.add(figures.Figure(name, "ms", times))
    hub.ask(
        "SET session_replication_role = replica;"
        " UPDATE referrals_linkrecord SET changed_at = statement_timestamp() WHERE number = ANY(%s)",
        [number for number, _ in late],
    )
    began = time.perf_counter()
    linked = link_new()
    each = (time.perf_counter() - began) * 1000 / max(1, linked)
    report.add(figures.Figure(f"{what}: {linked:,} arrivals linked by the task, each", "ms", [each]))
    report.note(f"{len(late):,} arrivals made {found.total():,} pairs, {found[True]:,} of them links.")


def _fill(cursor: Any) -> tuple[list[tuple[int, Any]], int]:
    """Every record at one of the agencies, each of which names all others."""
    cursor.execute("SET session_replication_role = replica")
    cursor.execute("ALTER TABLE referrals_linktoken DROP CONSTRAINT referrals_linktoken_pkey")
    cursor.execute("DROP INDEX tokens_by_value")
    agencies = list(range(1_000_001, 1_000_001 + AGENCIES))
    draw, keyed, count = Random(1), local(SECRET), 0
    late: list[tuple[int, Any]] = []
    records, held = io.StringIO(), io.StringIO()
    for at, row in enumerate(crowd(RECORDS)):
        mine = tokens(person_of(row), keyed, epoch=1)
        number, agency = draw.getrandbits(62), draw.choice(agencies)
        partners = "{" + ",".join(str(other) for other in agencies if other != agency) + "}"
        records.write(
            f"{uuid4()}\t2026-01-01Z\t2026-01-01Z\t2036-01-01Z\t{partners}\tf\t1\t1\t{join.mask_of(mine)}"
            f"\t{number}\t{agency}\t{uuid4()}\n"
        )
        for key, token in set(mine):
            held.write(f"{number}\t{join.ORDER.index(key)}\t\\\\x{token.hex()}\t2036-01-01Z\n")
            count += 1
        if draw.random() < ARRIVALS / RECORDS:
            late.append((number, mine))
        if at % _AT_ONCE == _AT_ONCE - 1 or at == RECORDS - 1:
            for file, into in ((records, _INTO_RECORDS), (held, _INTO_TOKENS)):
                file.seek(0)
                cursor.copy_expert(f"COPY {into} FROM STDIN", file)
            records, held = io.StringIO(), io.StringIO()
    cursor.execute("SET maintenance_work_mem = '1GB'")
    cursor.execute("ALTER TABLE referrals_linktoken ADD PRIMARY KEY (record_id, key, token)")
    cursor.execute("CREATE INDEX tokens_by_value ON referrals_linktoken (token)")
    return late, count
