"""The main job, as its user runs it: files through the tool, importer, broker and worker; the report out."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from casehub.synthetic import world, year_truth

STAGES = [
    "identified",
    "screened",
    "referred",
    "accepted",
    "enrolled",
    "in service",
    "exited",
    "followed up",
    "lost",
]


def run_demo(data: Path, report: Path) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "--once", "--json", str(report)],
        cwd=settings.ROOT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("CASEHUB_")},
            "CASEHUB_DATA": str(data),
            "DJANGO_SETTINGS_MODULE": "casehub.settings.dev",
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    # Below /tmp itself: the server's account must be able to walk there.
    folder = Path(f"/tmp/casehub-demo-test-{os.getpid()}")
    path = tmp_path_factory.mktemp("report") / "r.json"
    try:
        first = run_demo(folder, path)
        made = json.loads(path.read_text())
        again = run_demo(folder, path)
        yield {
            "said": first,
            "again": again,
            "data": made,
            "data_again": json.loads(path.read_text()),
            "folder": folder,
        }
    finally:
        subprocess.run(
            [sys.executable, "-m", "casehub.embedded", "stop"],
            cwd=settings.ROOT,
            env={**os.environ, "CASEHUB_DATA": str(folder)},
            check=False,
            capture_output=True,
        )
        subprocess.run(["rm", "-rf", str(folder)], check=False)


@pytest.mark.slow
def test_the_report_holds_the_truth(report):
    truth = year_truth(world("small"), 2025)
    data = report["data"]
    assert data["people"]["low"] <= truth.people <= data["people"]["high"]
    assert (data["agencies_reporting"], data["agencies_expected"]) == (12, 12)
    assert [stage["stage"] for stage in data["stages"]] == STAGES
    for stage in data["stages"]:
        assert {"now", "entered", "median_days"} <= set(stage)
        for figure in (stage["now"], stage["entered"]):
            assert figure is None or figure == 0 or figure >= 11
        name = stage["stage"].replace(" ", "_")
        if stage["entered"] is not None and name in truth.entered:
            assert stage["entered"] == truth.entered[name]


@pytest.mark.slow
def test_the_report_says_where_it_comes_from(report):
    assert {"period", "generated_at", "caveats"} <= set(report["data"])
    for words in ("Identified", "12 of 12 agencies", "What it does not show"):
        assert words in report["said"]


@pytest.mark.slow
def test_the_second_time_says_the_same(report):
    assert report["data_again"] == report["data"]
    assert "Making" not in report["again"]


@pytest.mark.slow
def test_a_polite_kill_leaves_no_child_behind(report):
    port = "18377"
    with subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", port],
        cwd=settings.ROOT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("CASEHUB_")},
            "CASEHUB_DATA": str(report["folder"]),
            "DJANGO_SETTINGS_MODULE": "casehub.settings.dev",
        },
        stdout=subprocess.PIPE,
        text=True,
    ) as served:
        assert served.stdout is not None
        assert any("The hub is up" in line for line in served.stdout)
        served.terminate()
        time.sleep(0.2)
        served.terminate()
        served.wait(timeout=60)
    assert subprocess.run(["pgrep", "-f", f"127.0.0.1:{port}"], check=False).returncode == 1
