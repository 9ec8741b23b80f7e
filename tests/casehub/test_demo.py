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

from casehub.demo import SINCE
from casehub.democards import PASSPHRASE
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


# What each key holder finds: e-mail, clients, cards that open, of these with alert, with relations, older.
OPENED = """
import json, pathlib, tempfile
from agencies import cardkeys
from agencies.models import Agency
from agencies.scope import Actor, acting_as
from casehub import democards
from casehub.synthetic import world
from referrals import queries
from referrals.agency_side.vaultbox import read_stream, version_of
from referrals.agency_side.vaultfile import VaultFile
from referrals.web.cards import stream_of
for spec in democards.agencies(world("small")):
    for user in democards.holders(spec):
        with acting_as(Actor.of(user, Agency.objects.get(slug=spec.slug))):
            path = pathlib.Path(tempfile.mkdtemp()) / "vault.json"
            path.write_text(json.dumps(cardkeys.file()))
            vault = VaultFile(path).open_with_passphrase(democards.PASSPHRASE)
            rows = list(read_stream(stream_of(queries.cards()).content))
            said = [vault.open("card", {"client": one.client, "revision": one.revision,
                                        "saved_at": one.saved_at}, one.box) for one in rows]
            print("OPENED", json.dumps([
                user.email, queries.clients().count(), sum("used" in one["name"] for one in said),
                sum("alert" in one for one in said), sum("relations" in one for one in said),
                sum(version_of(one.box) < vault.version for one in rows),
            ]))
"""


def manage(data: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=settings.ROOT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("CASEHUB_")},
            "CASEHUB_DATA": str(data),
            "CASEHUB_DEMO": "small",
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
        first = manage(folder, "demo", "--once", "--json", str(path))
        made = json.loads(path.read_text())
        opened = manage(folder, "shell", "-c", OPENED)
        again = manage(folder, "demo", "--once", "--json", str(path))
        yield {
            "said": first,
            "again": again,
            "data": made,
            "data_again": json.loads(path.read_text()),
            "opened": opened,
            "opened_again": manage(folder, "shell", "-c", OPENED),
            "due": manage(
                folder, "shell", "-v0", "-c", "from reporting import releases; print(len(releases.due()))"
            ).strip(),
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
    truth = year_truth(world("small", since=SINCE), 2025)
    data = report["data"]
    assert data["people"]["low"] <= truth.people <= data["people"]["high"]
    linked = data["people_linked"]
    assert data["people"]["low"] < linked["low"] <= truth.people <= linked["high"] < data["people"]["high"]
    assert linked["low"] % 5 == linked["high"] % 5 == 0
    assert 0.5 <= linked["released_share"] <= 0.65
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
def test_three_years_are_released_in_order_and_then_together(report):
    said = report["said"]
    labels = ["pipeline-2023-01-year", "pipeline-2024-01-year", "pipeline-2025-01-year"]
    places = [said.index(one) for one in (*labels, "stages_by_place-2023-01-3years")]
    assert places == sorted(places)
    assert "nothing of it can be said" not in said
    assert report["due"] == "0"


@pytest.mark.slow
def test_the_report_says_where_it_comes_from(report):
    assert {"period", "generated_at", "caveats"} <= set(report["data"])
    for words in (
        "Identified",
        "12 of 12 agencies",
        "What it does not show",
        "Without linkage",
        "With linkage",
        "releases signed",
    ):
        assert words in report["said"]


@pytest.mark.slow
def test_the_second_time_says_the_same(report):
    assert report["data_again"] == report["data"]
    assert "Making" not in report["again"]


@pytest.mark.slow
def test_people_of_two_agencies_open_cards_with_the_demo_s_passphrase(report):
    lines = [line.removeprefix("OPENED ") for line in report["opened"].splitlines() if "OPENED " in line]
    found = [json.loads(line) for line in lines]
    assert {email.partition("@")[2] for email, *_ in found} == {
        "kingfisher-house.example",
        "confluence-line.example",
    }
    assert len(found) == 6  # a supervisor, a data lead and a caseworker each
    for _email, clients, opened, alerts, related, older in found:
        assert clients / 2 < opened < clients
        assert alerts >= 1
        assert (related, older) == (2, 1)
    assert report["opened_again"] == report["opened"]


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
        said = []
        for line in served.stdout:
            said.append(line)
            if "martin.hill_cape@" in line:  # the last who is named
                break
        assert any("The hub is up" in line for line in said)
        assert any(PASSPHRASE in line for line in said)
        served.terminate()
        time.sleep(0.2)
        served.terminate()
        served.wait(timeout=60)
    assert subprocess.run(["pgrep", "-f", f"127.0.0.1:{port}"], check=False).returncode == 1
