"""How fast files come in: the agency's tool, the staging, and the whole import with its wall and its ledger,
each beside what PostgreSQL needs for the same bytes and rows without any of that.
"""

import csv
import io
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from unittest.mock import patch

from django.db import connection

from agencies import jobs
from agencies.models import Job, JobState
from agencies.roles import Permission
from agencies.scope import Actor, acting_as
from bench import figures
from bench.files import BigBundle, big_bundle
from bench.hub import Hub
from bench.people import agency
from referrals.exchange import inbox
from referrals.exchange.bundle import Bundle
from referrals.exchange.intake import PIECE, Intake

TABLES = (
    "agencies_project",
    "referrals_client",
    "referrals_enrollment",
    "referrals_touchpoint",
    "referrals_screening",
    "referrals_service",
    "referrals_referral",
    "referrals_followup",
    "referrals_importedrow",
    "referrals_importproblem",
)


def run(report: figures.Report, hub: Hub, folder: Path, *, rows: int = 50_000, times: int = 3) -> None:
    """Adds the figures of tool, staging and import."""
    made: list[BigBundle] = []
    # A folder for each, as the same bundle is made once only.
    seconds = [
        figures.timed(lambda n=n: made.append(big_bundle(folder / f"tool-{n}", rows=rows)))  # type: ignore[misc]
        for n in range(times)
    ]
    bundle = made[0]
    report.note(f"The import is of {bundle.total:,} rows: one agency's invented year under several ids.")
    report.add(
        figures.Figure("export written and made a bundle", "rows/s", [bundle.total / s for s in seconds])
    )
    _staging(report, bundle, times)
    rates, work, bare = [], [], 0.0
    for number in range(times):
        slug = f"import-{number}"
        before = processor_seconds()
        rates.append(bundle.total / import_one(slug, bundle))
        work.append(bundle.total / (processor_seconds() - before))
        bare = bundle.total / _bare_insert(hub, slug)
    report.add(
        figures.Figure(
            "import: checked, validated, written with history", "rows/s", rates, bare=bare, goal=5_000
        )
    )
    report.add(
        figures.Figure("the same for a second of processor time, ours and PostgreSQL's", "rows/s", work)
    )


def import_one(slug: str, bundle: BigBundle) -> float:
    """Take the bundle in as a new agency, in this process; the seconds it took."""
    made = agency(slug)
    name = inbox.put([bundle.path.read_bytes()], kind="bundle")
    actor = Actor.hub(made, Permission.DATA_IMPORT)
    with acting_as(actor):
        job = Job.objects.create(agency=made, name="import_bundle", arguments={"file": name})
    seconds = figures.timed(lambda: jobs.run(actor.reference, str(job.pk)))
    with acting_as(actor):
        job.refresh_from_db()
    if job.state != JobState.DONE:
        raise RuntimeError(f"the import ended {job.state}: {job.error}")
    return seconds


def processor_seconds() -> float:
    """What this process and its backend have worked so far: other work on the machine does not count."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    try:
        spent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    except FileNotFoundError:
        spent = ["0", "0"]
    return sum(map(int, spent)) / os.sysconf("SC_CLK_TCK") + sum(os.times()[:2])


def _pieces(bundle: Bundle, name: str) -> Iterator[list[tuple[int, list[str] | None]]]:
    rows = bundle.rows(name)
    while piece := list(islice(rows, PIECE)):
        yield piece


def _staging(report: figures.Report, big: BigBundle, times: int) -> None:
    """From the zip into the temporary tables, as the importer does it; then the same cells by COPY alone."""
    actor = Actor.hub(agency("staging"), Permission.DATA_IMPORT)

    def ours() -> None:
        # The importer's own way, short of judging what was staged.
        with Bundle(big.path) as bundle, acting_as(actor), patch("referrals.exchange.intake.judge"):
            intake = Intake(bundle, jobs.Run(actor, "", {}, ""), digest="")
            for name in bundle.files:
                for piece in _pieces(bundle, name):
                    intake._stage(name, piece)

    rates = [big.total / figures.timed(ours) for _ in range(times)]
    bytes_of = {}
    with Bundle(big.path) as bundle:
        for name in bundle.files:
            for number, piece in enumerate(_pieces(bundle, name)):
                text = io.StringIO()
                csv.writer(text, lineterminator="\n").writerows(cells for _row, cells in piece if cells)
                bytes_of[name, number] = (len(bundle.header(name)), text.getvalue())

    def bare() -> None:
        with acting_as(actor), connection.cursor() as cursor:
            for width, text in bytes_of.values():
                columns = ", ".join(f"c{at} text" for at in range(width))
                cursor.execute("DROP TABLE IF EXISTS pg_temp.bare")
                cursor.execute(f"CREATE TEMP TABLE bare ({columns}) ON COMMIT DROP")
                cursor.cursor.copy_expert("COPY pg_temp.bare FROM STDIN (FORMAT csv)", io.StringIO(text))

    best = big.total / min(figures.timed(bare) for _ in range(times))
    report.add(
        figures.Figure("staged: read, checked for repeats, COPY", "rows/s", rates, bare=best, goal=20_000)
    )


def _bare_insert(hub: Hub, slug: str) -> float:
    """Seconds to insert the rows that came of it into unlogged copies, without wall and ledger."""
    spent = 0.0
    for table in TABLES:
        hub.ask(f"DROP TABLE IF EXISTS bare_{table}")
        hub.ask(f"CREATE UNLOGGED TABLE bare_{table} (LIKE {table} INCLUDING ALL)")
        statement = (
            f"INSERT INTO bare_{table} SELECT * FROM {table} "
            "WHERE agency_id = (SELECT id FROM agencies_agency WHERE slug = %s)"
        )
        spent += figures.timed(lambda statement=statement: hub.ask(statement, slug))  # type: ignore[misc]
        hub.ask(f"DROP TABLE bare_{table}")
    return spent
