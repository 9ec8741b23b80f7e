"""A worker killed with -9 in the middle of an import: nothing lost, nothing doubled, the job done."""

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.files import BigBundle, big_bundle
from tests.reliability.conftest import Drill

pytestmark = pytest.mark.slow

KILLS = 20
# What an import writes, and how each row is named without the ids that differ from one agency to the next.
_KEYED = {
    "client_id": "referrals_client",
    "enrollment_id": "referrals_enrollment",
    "project_id": "agencies_project",
}
_TABLES = (
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
    "referrals_import",
    "agencies_ledgerentry",
)
# Chance, the clock, the agency; and the ledger's order of transactions.
_APART = {
    "id",
    "agency_id",
    "recorded_at",
    "changed_at",
    "source_id",
    "target_id",
    "at",
    "tx",
    "job_id",
    "finished_at",
}


@pytest.fixture(scope="module")
def bundle() -> Iterator[BigBundle]:
    with tempfile.TemporaryDirectory() as folder:
        yield big_bundle(Path(folder), rows=100_000)


def taken_in(drill: Drill, slug: str) -> dict[str, tuple[int, str]]:
    """For each table: how many rows the agency has, and a digest over what each of them says."""
    found = {}
    for table in _TABLES:
        columns = [
            name
            for (name,) in drill.hub.ask(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY 1", table
            )
            if name not in _APART
        ]
        said = [
            f"(SELECT source_key FROM {_KEYED[name]} p WHERE p.id = t.{name})"
            if name in _KEYED
            else f"t.{name}"
            for name in columns
        ]
        found[table] = drill.hub.ask(
            f"SELECT count(*), md5(string_agg(line, '|' ORDER BY line)) FROM "
            f"(SELECT jsonb_build_array({', '.join(said)})::text AS line FROM {table} t "
            f"WHERE agency_id = (SELECT id FROM agencies_agency WHERE slug = %s)) lines",
            slug,
        )[0]
    return found


def take_in(drill: Drill, slug: str, bundle: BigBundle) -> str:
    return drill.inside("take_in", slug, str(bundle.path))


def test_a_worker_killed_at_twenty_points_of_an_import_loses_and_doubles_nothing(
    drill: Drill, bundle: BigBundle
) -> None:
    assert bundle.total >= 100_000
    drill.sweeping()
    calm = take_in(drill, "calm", bundle)
    worker = drill.worker()
    drill.wait(lambda: drill.state(calm) == "done", 300, what="the undisturbed import")
    drill.hub.kill(worker)
    pieces = drill.pieces(calm)

    stormy = take_in(drill, "stormy", bundle)
    draw = random.Random(7)
    killed_at = []
    for kill in range(KILLS):
        worker = drill.worker()
        # Some time in or after each twentieth of its pieces; the first kill is before any is done.
        wanted = kill * pieces // KILLS
        drill.wait(
            lambda wanted=wanted: drill.state(stormy) == "running" and drill.pieces(stormy) >= wanted,  # type: ignore[misc]
            90,
            what=f"piece {wanted} of {pieces}",
        )
        time.sleep(draw.uniform(0, 0.6))
        drill.hub.kill(worker)
        killed_at.append(drill.pieces(stormy))
        assert drill.state(stormy) == "running", f"it ended before kill {kill + 1} of {KILLS}"
        # As if its lease of 30 seconds had run out. test_postgres_killed.py waits for a real one.
        drill.hub.ask("UPDATE agencies_job SET lease_until = now() WHERE id = %s", stormy)
    drill.worker()
    drill.wait(lambda: drill.state(stormy) != "running", 120, what="the end of the import")

    assert drill.state(stormy) == "done"
    assert drill.pieces(stormy) == pieces
    assert len(set(killed_at)) >= KILLS // 2
    undisturbed, killed = taken_in(drill, "calm"), taken_in(drill, "stormy")
    assert killed == undisturbed
    assert killed["referrals_client"][0] == bundle.rows["Client"]
    assert killed["referrals_importedrow"][0] >= 0.95 * bundle.total
    assert list((drill.hub.folder / "inbox").iterdir()) == [], "the file stayed in the inbox"
    assert_one_row_would_be_noticed(drill)


def assert_one_row_would_be_noticed(drill: Drill) -> None:
    """Sabotage: a word changed, a row lost."""
    before = taken_in(drill, "stormy")["referrals_touchpoint"]
    agency = "agency_id = (SELECT id FROM agencies_agency WHERE slug = 'stormy')"
    one = f"id = (SELECT id FROM referrals_touchpoint WHERE {agency} ORDER BY id LIMIT 1)"
    for harm in (
        f"UPDATE referrals_touchpoint SET kind = 'none_such' WHERE {one}",
        f"DELETE FROM referrals_touchpoint WHERE {one}",
    ):
        drill.hub.ask(harm)
        after = taken_in(drill, "stormy")["referrals_touchpoint"]
        assert after != before
        before = after
