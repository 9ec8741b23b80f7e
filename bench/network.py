"""How long the network's pipeline takes to count and protect, over the whole synthetic network of a size."""

from datetime import date
from pathlib import Path
from typing import cast

from django.db import connection
from django.test.utils import CaptureQueriesContext

from agencies.models import Agency
from agencies.roles import Permission
from agencies.scope import Actor
from agencies.scope.counting import counting
from bench import figures
from bench.files import KEY, REPORT, BigBundle
from bench.hub import Hub
from bench.importing import import_one
from casehub import demo
from casehub.synthetic import world, write_hmis
from casehub.synthetic.people import Size
from referrals.agency_side.bundle import make_bundle
from reporting import engine
from reporting.measures import Period

YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))
TIMES = 5


def run(report: figures.Report, hub: Hub, folder: Path, *, size: str) -> None:
    """Adds the figure of the pipeline at this size of network; the hub must hold no other agencies."""
    invented = world(cast(Size, size))
    rows = 0
    for one in demo.seed(invented):
        spec = invented.agency(one.slug)
        written = write_hmis(invented, spec, folder / size)
        made = make_bundle(
            written.path,
            folder / size / f"{one.slug}.bundle.zip",
            organization_id=spec.organization_id,
            key=lambda _organization: KEY,
            report=REPORT,
        )
        counts = {name: count.rows_out for name, count in made.files.items()}
        import_one(one.slug, BigBundle(made.path, counts))
        rows += sum(counts.values())
    hub.ask("VACUUM ANALYZE")
    office = Agency.objects.get(slug=invented.offices[0].slug)
    actor = Actor.hub(office, Permission.REPORT_NETWORK)

    def pipeline() -> None:
        engine.run_network("pipeline", YEAR, actor)

    with CaptureQueriesContext(connection) as asked:
        pipeline()
    statements = [str(one["sql"]) for one in asked.captured_queries if "set_config" not in str(one["sql"])]
    reads = [one for one in statements if one.lstrip().upper().startswith(("SELECT", "WITH"))]

    def bare() -> None:
        with counting(actor, network=True) as cursor:
            for one in reads:
                cursor.execute(one)
                cursor.fetchall()

    report.add(
        figures.Figure(
            f"network pipeline of a year, {size}: {len(invented.agencies)} agencies, {rows:,} rows",
            "ms",
            [figures.timed(pipeline) * 1000 for _ in range(TIMES)],
            bare=min(figures.timed(bare) * 1000 for _ in range(TIMES)),
        )
    )
