"""`./dev bench [PART]`: the parts named below, each alone or all of them, on a passing hub.

With --write the figures are appended to bench/RESULTS.md. Each stands beside what the bare machine needs
for the same, so that figures of different machines can be compared.
"""

import argparse
import os
import tempfile
from pathlib import Path

from bench import figures
from bench.hub import Hub, thrown_away
from casehub import embedded

PARTS = (
    "import",
    "pages",
    "network",
    "sealing",
    "vault",
    "linkage",
    "linking",
    "tokens",
    "protect",
    "ledger",
    "dashboards",
)


def _measure(report: figures.Report, parts: list[str], hub: Hub, size: str) -> None:
    os.environ.update(hub.environment)
    for name in ("DATABASE_URL", "CELERY_BROKER_URL", "CASEHUB_OWNER_DATABASE_URL", "CASEHUB_DEMO"):
        os.environ.pop(name, None)
    import django

    django.setup()
    from bench import (
        dashboards,
        importing,
        keyholders,
        ledger,
        linkage,
        linking,
        network,
        pages,
        protect,
        sealing,
        vault,
    )
    from casehub import running

    running.prepare()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if "network" in parts:
            network.run(report, hub, folder, size=size)
        if "import" in parts:
            importing.run(report, hub, folder)
        if "pages" in parts:
            pages.run(report, hub, folder)
        if "sealing" in parts:
            sealing.run(report)
        if "vault" in parts:
            vault.run(report)
        if "linkage" in parts:
            linkage.run(report, hub, folder)
        if "linking" in parts:
            linking.run(report, hub)
        if "tokens" in parts:
            keyholders.run(report, folder)
        if "protect" in parts:
            protect.run(report)
        if "ledger" in parts:
            ledger.run(report)
        if "dashboards" in parts:
            dashboards.run(report, hub, folder / "dashboards")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="./dev bench", description="Measure, each figure beside the bare SQL's."
    )
    parser.add_argument("part", nargs="?", default="all", choices=[*PARTS, "all"])
    parser.add_argument("--size", default="small", choices=["small", "medium"], help="of the network")
    parser.add_argument("--write", action="store_true", help="append the figures to bench/RESULTS.md")
    chosen = parser.parse_args()
    parts = list(PARTS) if chosen.part == "all" else [chosen.part]
    report = figures.Report(f"{chosen.part}, network {chosen.size}" if "network" in parts else chosen.part)
    # On the disk where a hub of this checkout would lie.
    with thrown_away(embedded.data_dir().parent) as hub:
        _measure(report, parts, hub, chosen.size)
    if chosen.write:
        report.append()


if __name__ == "__main__":
    main()
