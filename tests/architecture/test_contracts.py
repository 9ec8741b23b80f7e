"""Each import contract is kept, and each is shown broken once by a deliberate violation in a copy."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.conf import settings

ROOT: Path = settings.ROOT
FLOORS = ("agencies", "referrals", "reporting", "casehub")

# Contract -> the files that break it, each with a line to add.
VIOLATIONS: dict[str, list[tuple[str, str]]] = {
    "The four floors: imports only go down": [
        ("agencies/ledger.py", "import referrals.models"),
        ("referrals/queries.py", "import reporting.models"),
        ("reporting/engine.py", "import casehub.context"),
    ],
    "Inside agencies": [
        ("agencies/scope/actor.py", "import agencies.ledger"),
        ("agencies/helpers.py", ""),
    ],
    "Inside referrals": [
        ("referrals/models/clients.py", "import referrals.queries"),
        ("referrals/queries.py", "import referrals.actions"),
        ("referrals/utils.py", ""),
    ],
    "Inside linkage": [
        ("referrals/linkage/keys.py", "import referrals.linkage.tokens"),
        ("referrals/linkage/score.py", "import referrals.linkage.join"),
        ("referrals/linkage/misc.py", ""),
    ],
    "Inside reporting": [
        ("reporting/measures/pipeline.py", "import reporting.engine"),
        ("reporting/reading.py", "import reporting.render"),
        ("reporting/common.py", ""),
    ],
    "Inside the disclosure engine": [
        ("reporting/sdc/system.py", "import reporting.sdc.rules"),
        ("reporting/sdc/moves.py", "import reporting.sdc.pattern"),
    ],
    "The attacker shares nothing with what it attacks": [
        ("reporting/sdc/attacker.py", "import reporting.sdc.system"),
    ],
    "Disclosure control, the agency-side tool, linkage and the code lists stand alone": [
        ("reporting/sdc/policy.py", "import django.conf"),
        ("referrals/agency_side/cells.py", "import agencies.vault"),
        ("referrals/linkage/score.py", "import django.conf"),
        ("referrals/picklists.py", "import django.db"),
        ("casehub/synthetic/people.py", "import rest_framework"),
    ],
    "What makes a token needs the standard library alone": [
        ("referrals/linkage/normalise.py", "import numpy"),
        ("referrals/linkage/tokens.py", "import cryptography.fernet"),
    ],
    "Only the vault does cryptography": [("agencies/jobs.py", "import cryptography.fernet")],
    "Only the keyed function does mathematics on curves": [("referrals/queries.py", "import rbcl")],
    "A key holder has no code for names, and needs little": [
        ("referrals/linkage/keyholder/service.py", "import referrals.linkage.tokens"),
        ("referrals/linkage/oprf.py", "import cryptography.fernet"),
    ],
    "Only the engine opens the counting door": [
        ("reporting/measures/pipeline.py", "import agencies.scope.counting"),
        ("referrals/queries.py", "import agencies.scope.counting"),
    ],
    "Only linking opens the linking door": [
        ("referrals/queries.py", "import agencies.scope.linking"),
        ("reporting/engine.py", "import agencies.scope.linking"),
    ],
    "Reports never reach into the casework's doors or verbs": [
        ("reporting/releases/__init__.py", "import referrals.actions"),
    ],
}


def contracts() -> list[str]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [contract["name"] for contract in config["tool"]["importlinter"]["contracts"]]


def test_every_contract_has_a_violation_to_show():
    assert set(VIOLATIONS) == set(contracts())


def lint(place: Path) -> dict[str, bool]:
    """Whether each contract is kept in the copy at `place`."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=place,
        env={"PYTHONPATH": str(place), "PATH": "/usr/bin:/bin", "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    said = {name: line for name in contracts() for line in done.stdout.splitlines() if line.startswith(name)}
    assert set(said) == set(contracts()), done.stdout + done.stderr
    return {name: " KEPT" in line for name, line in said.items()}


@pytest.fixture
def copy(tmp_path):
    for floor in FLOORS:
        shutil.copytree(
            ROOT / floor,
            tmp_path / floor,
            ignore=lambda _folder, names: [n for n in names if n in ("static", "templates", "__pycache__")],
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.slow
def test_each_contract_is_kept_and_each_violation_is_seen(copy):
    whole = lint(copy)
    assert [name for name, kept in whole.items() if not kept] == []
    for name, violations in VIOLATIONS.items():
        for file, line in violations:
            path = copy / file
            before = path.read_text() if path.exists() else None
            path.write_text(f"{before or ''}\n{line}\n")
            assert lint(copy)[name] is False, f"{name}: {file} with {line!r} went unseen"
            if before is None:
                path.unlink()
            else:
                path.write_text(before)
