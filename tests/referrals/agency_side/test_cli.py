"""The command line and the one-file build of it."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import referrals.agency_side
from referrals.agency_side.build import build
from referrals.agency_side.cli import main
from tests.referrals.agency_side.exports import CANARIES, clean, write

_PACKAGE = Path(referrals.agency_side.__file__).parent


def test_list_and_check_need_no_key_and_write_no_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    export = clean()
    export["Exit"][0]["Destination"] = "1"
    source = write(tmp_path / "in.zip", export)
    assert main(["hmis", str(source), "--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "O1\tInvented House\t2 clients, 2 enrollments",
        "O2\tImagined Hall\t2 clients, 2 enrollments",
    ]
    assert main(["check", str(source), str(tmp_path / "defects.csv"), "--org", "O1"]) == 0
    assert "Exit.csv,2,Destination,code_unknown" in (tmp_path / "defects.csv").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"in.zip", "defects.csv"}


@pytest.mark.parametrize(
    "arguments",
    [["hmis", "{zip}", "{out}", "--org", "O9"], ["hmis", "{zip}"], ["hmis", "{zip}x", "{out}"],
     ["hmis", "{zip}", "{out}", "--org", "O1", "--report", "2025-09-30", "2025-01-01"]],
)  # fmt: skip
def test_what_it_can_not_do_it_says_in_a_sentence(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    source = write(tmp_path / "in.zip", clean())
    places = {"zip": str(source), "out": str(tmp_path / "out")}
    assert main([argument.format(**places) for argument in arguments]) == 1
    said = capsys.readouterr()
    assert said.err.endswith(".\n") and "Traceback" not in said.err
    assert not (tmp_path / "out").exists()


def test_the_one_file_runs_by_itself_and_is_built_the_same_every_time(tmp_path: Path) -> None:
    tool = tmp_path / "agency-tool.pyz"
    assert build(tool) == build(tmp_path / "again.pyz")
    source = write(tmp_path / "in.zip", clean())
    command = [sys.executable, "-I", str(tool), "hmis", str(source), str(tmp_path / "one.bundle.zip"),
               "--org", "O1", "--key", str(tmp_path / "one.key"),
               "--report", "2025-01-01", "2025-09-30"]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with zipfile.ZipFile(tmp_path / "one.bundle.zip") as bundle:
        everything = b"".join(bundle.read(name) for name in bundle.namelist()).decode()
    assert "manifest.json" in bundle.namelist()
    assert [canary for canary in CANARIES if canary in everything + done.stdout] == []


def test_the_package_imports_the_standard_library_and_itself_only() -> None:
    """But for the vault's formats, which need `cryptography`, and for linkage, which stands alone as well; nothing
    imports either before it is asked for."""
    for path in _PACKAGE.glob("*.py"):
        allowed = {"vaultbox.py": ["cryptography"], "person.py": ["referrals"], "tokens.py": ["referrals"]}
        allowed = allowed.get(path.name, [])
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import)
                else [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            )  # fmt: skip
            assert all(name.startswith("referrals.linkage") for name in names if name.startswith("referrals"))
            roots = [name.split(".")[0] for name in names]
            foreign = [root for root in roots if root not in {*sys.stdlib_module_names, *allowed}]
            assert foreign == [], path.name


def test_without_cryptography_exports_are_stripped_and_cards_refused_in_a_sentence(tmp_path: Path) -> None:
    tool = tmp_path / "agency-tool.pyz"
    build(tool)
    source = write(tmp_path / "in.zip", clean())
    # -S: no site-packages, so nothing but the standard library can be found.
    alone = [sys.executable, "-I", "-S", str(tool)]
    done = subprocess.run([*alone, "check", str(source), str(tmp_path / "defects.csv"), "--org", "O1"],
                          capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run([*alone, "cards", str(source), str(tmp_path / "cards"), "--org", "O1",
                           "--vault", str(tmp_path / "vault.json")],
                          capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 1 and "pip install" in done.stderr and "Traceback" not in done.stderr
