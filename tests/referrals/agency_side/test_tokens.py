"""Tokens in bulk by the agency's tool, with three key holders that run: for those on the list, under the key of the
holders, and for nobody else."""

import base64
import csv
import json
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from referrals.agency_side import tokens as making
from referrals.agency_side.build import build
from referrals.agency_side.cli import main
from referrals.agency_side.identities import of_sheet
from referrals.agency_side.person import card_inputs
from referrals.linkage import oprf
from referrals.linkage.keyholder import dealing
from tests.referrals.agency_side.exports import CANARIES, KEY, clean, make, write

AGENCY = "harbor-light"
NOWHERE = "http://127.0.0.1:9"
ANA, LEE, SAM = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
PEOPLE = [
    ("K-1", "Ana", "de la Cruz", "1990-03-15", "90210"),
    ("K-2", "Lee", "Vantongeren", "1988-07-02", ""),
]


@pytest.fixture(scope="module")
def holders(tmp_path_factory) -> Iterator[Any]:
    """Folders of three holders that run, and their addresses."""
    place = tmp_path_factory.mktemp("holders")
    folders = dealing.begin([place / str(number) for number in oprf.HOLDERS])
    processes, urls = [], []
    try:
        for one in folders:
            command = [
                sys.executable,
                "-m",
                "referrals.linkage.keyholder",
                "serve",
                str(one.path),
                "--port",
                "0",
            ]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            processes.append(process)
            assert process.stdout is not None
            found = re.search(r"port (\d+)", process.stdout.readline())
            assert found
            urls.append(f"http://127.0.0.1:{found[1]}")
        dealing.admit(folders, AGENCY, daily=10**6, urls=urls)
        yield folders, urls
    finally:
        for process in processes:
            process.terminate()
            process.communicate(timeout=10)


@pytest.fixture
def place(tmp_path: Path, holders) -> Path:
    folders, urls = holders
    network = dealing.admit(folders, AGENCY, daily=10**6, urls=urls)
    (tmp_path / "holders.json").write_text(network.text())
    with (tmp_path / "people.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("Code", "First name", "Last name", "DOB", "ZIP"), *PEOPLE])
    wanted(tmp_path, [(ANA, "", " k-1 "), (SAM, "", "K-9")])
    return tmp_path


def wanted(
    place: Path, listed: list[tuple[str, str, str]], *, until: timedelta = timedelta(days=9), **said: Any
) -> None:
    now = datetime.now(UTC)
    rows = [{"client": c, "source": s, "code": k, "until": (now + until).isoformat()} for c, s, k in listed]
    text = {
        "format": "casehub-wanted/1",
        "agency": AGENCY,
        "epoch": 1,
        "version": 1,
        "made_at": now.isoformat(),
    }
    (place / "wanted.json").write_text(json.dumps({**text, "clients": rows, **said}))


def run(place: Path, source: str = "people.csv", *more: str) -> int:
    more = more or ("--code", "Code")
    return main(["tokens", str(place / source), str(place / "out.tokens"), "--wanted", str(place / "wanted.json"),
                 "--holders", str(place / "holders.json"), *more])  # fmt: skip


def read(place: Path) -> tuple[dict[str, Any], dict[str, list[tuple[str, bytes]]]]:
    head, *lines = map(json.loads, (place / "out.tokens").read_text().splitlines())
    raw = {
        one["client"]: [(k, base64.urlsafe_b64decode(t + "==")) for k, t in one["tokens"]] for one in lines
    }
    return head, raw


def whole_key(folders: list[Any]) -> bytes:
    asked = oprf.pair(1, 2)
    parts = [oprf.weighted(folders[n - 1].share(1), n, asked) for n in asked]
    return (sum(int.from_bytes(part, "little") for part in parts) % oprf.ORDER).to_bytes(32, "little")


def test_those_on_the_list_have_the_tokens_of_the_whole_key(place, holders, capsys):
    assert run(place) == 0
    head, found = read(place)
    assert head == {"format": "casehub-tokens/1", "agency": AGENCY, "epoch": 1, "version": 1, "people": 1}
    card = of_sheet(place / "people.csv", code_column="Code").cards["K-1"]
    assert card["zip"] == "90210"
    key = whole_key(holders[0])
    assert found == {ANA: [(k, oprf.output(key, text)[:16]) for k, text in card_inputs(card, epoch=1)]}
    out = capsys.readouterr().out
    assert "Tokens of 1 people" in out and "1 who are not on the hub's list" in out
    text = (place / "out.tokens").read_text()
    assert not [word for word in ("Ana", "Cruz", "1990", "K-1", "Lee") if word in text + out]
    assert stat.S_IMODE((place / "out.tokens").stat().st_mode) == 0o600


def test_nothing_is_asked_of_anybody_who_is_not_on_the_list(place, monkeypatch, capsys):
    asked: list[bytes] = []
    monkeypatch.setattr(
        making.Asker, "__call__", lambda self, texts: asked.extend(texts) or [bytes(16) for _ in texts]
    )
    blind = oprf.blind
    monkeypatch.setattr(oprf, "blind", lambda text: asked.append(text) or blind(text))
    assert run(place) == 0
    assert asked and not [text for text in asked if b"vantongeren" in text or b"19880702" in text]
    asked.clear()
    wanted(place, [(SAM, "", "K-9")])
    (place / "out.tokens").unlink()
    assert run(place) == 1 and asked == [] and not (place / "out.tokens").exists()
    assert "Nobody in this file" in capsys.readouterr().err


def test_without_the_list_somebody_else_would_be_asked_for(place, monkeypatch):
    asked: list[bytes] = []
    monkeypatch.setattr(
        making.Asker, "__call__", lambda self, texts: asked.extend(texts) or [bytes(16) for _ in texts]
    )
    monkeypatch.setattr(making.Wanted, "client", lambda self, key, *, is_coded: {"K-1": ANA, "K-2": LEE}[key])
    assert run(place) == 0 and [text for text in asked if b"vantongeren" in text]


def test_a_release_that_has_ended_since_the_list_was_made_counts(place):
    wanted(place, [(ANA, "", "K-1")], until=timedelta(seconds=-1))
    assert run(place) == 1 and not (place / "out.tokens").exists()


def test_an_hmis_export_is_known_by_its_bundles_keys(place):
    source = write(place / "in.zip", clean())
    (place / "one.key").write_text(f"casehub-agency-key/1\n{KEY.hex()}\n")
    (place / "one.key").chmod(0o600)
    (place / "bundle").mkdir()
    ids = sorted(row["PersonalID"] for row in make(place / "bundle", clean()).table("Client.csv"))
    wanted(place, [(ANA, ids[0], ""), (LEE, ids[1], ""), (SAM, "0" * 64, "")])
    assert run(place, source.name, "--org", "O1", "--key", str(place / "one.key")) == 0
    _, found = read(place)
    assert found.keys() <= {ANA, LEE} and found and all(found.values())
    assert not [canary for canary in CANARIES if canary in (place / "out.tokens").read_text()]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"format": "casehub-wanted/2"}, "is not the hub's list"),
        ({"clients": [{}]}, "is not the hub's list"),
        ({"version": 2}, "version 2"),
        ({"made_at": "2020-01-01T00:00:00+00:00"}, "days old"),
        ({"agency": "elsewhere"}, "Nothing was asked"),
        ({"epoch": 9}, "epoch 9"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_list_that_does_not_fit_is_refused(place, said, sentence, capsys):
    wanted(place, [(ANA, "", "K-1")], **said)
    assert run(place) == 1 and not (place / "out.tokens").exists()
    error = capsys.readouterr().err
    assert sentence in error and error.endswith(".\n") and "Traceback" not in error


def moved(place: Path, *numbers: int) -> None:
    """These holders can't be reached."""
    said = json.loads((place / "holders.json").read_text())
    for number in numbers:
        said["holders"][str(number)]["url"] = NOWHERE
    (place / "holders.json").write_text(json.dumps(said))


def test_with_one_holder_down_there_are_the_same_tokens(place):
    assert run(place) == 0
    whole = read(place)
    moved(place, 2)
    for _ in range(6):
        assert run(place) == 0 and read(place) == whole


def test_with_two_down_nothing_is_written_and_they_are_named(place, capsys):
    moved(place, 1, 3)
    assert run(place) == 1 and not (place / "out.tokens").exists()
    error = capsys.readouterr().err
    assert "Key holder 1 did not answer" in error and "Key holder 3 did not answer" in error


def test_what_was_made_before_the_holders_fell_silent_is_kept(place, monkeypatch, capsys):
    wanted(place, [(ANA, "", "K-1"), (LEE, "", "K-2")])
    monkeypatch.setattr(making, "AT_ONCE", 1)
    asker, calls = making.Asker.__call__, []

    def silent(self, texts):
        calls.append(texts)
        if len(calls) > 1:
            raise making.NotEnough({1: "missing", 2: "missing"})
        return asker(self, texts)

    monkeypatch.setattr(making.Asker, "__call__", silent)
    assert run(place) == 1 and set(read(place)[1]) == {ANA}
    assert "1 more have no tokens yet" in capsys.readouterr().out


def test_a_liar_is_named(place, tmp_path, holders, capsys):
    said = json.loads((place / "holders.json").read_text())
    other = oprf.deal(oprf.derive_key(bytes(32), b"another"))
    # What holder 2 has published is another key's: its answers no longer hold against that.
    said["commitments"]["1"] = {str(n): element.hex() for n, element in other.commitments.items()}
    (place / "holders.json").write_text(json.dumps(said))
    assert run(place) == 1
    assert "under another key" in capsys.readouterr().err


def test_the_one_file_says_what_it_lacks_and_makes_tokens_where_it_is_there(place):
    tool = place / "agency-tool.pyz"
    build(tool)
    command = [str(tool), "tokens", str(place / "people.csv"), str(place / "by-file.tokens"), "--code", "Code",
               "--wanted", str(place / "wanted.json"), "--holders", str(place / "holders.json")]  # fmt: skip
    alone = subprocess.run(
        [sys.executable, "-I", "-S", *command], capture_output=True, text=True, timeout=60, check=False
    )
    assert alone.returncode == 1 and "pip install rbcl" in alone.stderr and "Traceback" not in alone.stderr
    done = subprocess.run(
        [sys.executable, "-I", *command], cwd=place, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert run(place) == 0 and (place / "by-file.tokens").read_text() == (place / "out.tokens").read_text()
