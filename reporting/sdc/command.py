"""`./dev protect` and `./dev verify-release`: the disclosure engine for any table, from the command line.

The only module here that reads and writes files.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reporting.sdc.certificate import verify
from reporting.sdc.pattern import Refused
from reporting.sdc.second_opinion import Audit, audit
from reporting.sdc.solve import protected
from reporting.sdc.system import Malformed, read


def protect(arguments: Sequence[str]) -> int:
    """Returns 2, with a sentence on standard error, for what is no table; 3, with the cells that block it as
    JSON, if it can't be protected; 4 if the attacker of other code finds a hole."""
    parser = argparse.ArgumentParser(
        prog="./dev protect", description="Suppress what a table would give away, and prove it."
    )
    parser.add_argument("--file", type=Path, required=True, help="the table, as JSON")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result here, not to the screen")
    parser.add_argument(
        "--seed", metavar="HEX", help="32 bytes that ties fall by; secret, and new if not given"
    )
    chosen = parser.parse_args(arguments)
    began = time.perf_counter()
    try:
        seed = secrets.token_bytes(32) if chosen.seed is None else _seed(chosen.seed)
        table = _load(chosen.file)
        result = protected(read(table), seed).to_data()
    except (Malformed, OSError) as error:
        sys.stderr.write(f"protect: {error}\n")
        return 2
    except Refused as error:
        sys.stderr.write(f"protect: {error}\n")
        result = {"refused": str(error), "blocked": error.blocked, "blocking": error.blocks}
        _write(result, chosen.json)
        return 3
    found = audit(table, result["shown"])
    result["audit"] = found.to_data()
    result["seconds"] = round(time.perf_counter() - began, 4)
    if found.exposed:
        sys.stderr.write(
            f"protect: an attacker of other code works out {_named(found)}; nothing is written.\n"
        )
        return 4
    _write(result, chosen.json)
    return 0


def _named(found: Audit) -> str:
    return ", ".join(f"{one.cell} ({one.low:g} to {one.high:g})" for one in found.exposed)


def verify_release(arguments: Sequence[str]) -> int:
    """Returns 1, with what is wrong, where the certificate does not hold."""
    parser = argparse.ArgumentParser(
        prog="./dev verify-release", description="Check the certificate of a protected table; solves nothing."
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="what ./dev protect wrote")
    parser.add_argument("--table", type=Path, help="the table it was made from, to be compared with")
    chosen = parser.parse_args(arguments)
    began = time.perf_counter()
    try:
        table = None if chosen.table is None else read(_load(chosen.table))
        made = _load(chosen.file)
        wrong = verify(made, table)
    except (Malformed, OSError) as error:
        sys.stderr.write(f"verify-release: {error}\n")
        return 2
    for sentence in wrong:
        sys.stderr.write(f"verify-release: {sentence}\n")
    if not wrong:
        limits = _limits(made["certificate"])
        sys.stdout.write(f"The certificate holds for {limits} ({time.perf_counter() - began:.3f} s).\n")
    return 1 if wrong else 0


def _limits(certificate: dict[str, Any]) -> str:
    """What a certificate was made to hold for: it says nothing of tighter limits."""
    strictly = "strictly" if certificate.get("strict") else "not strictly"
    return f"a threshold of {certificate['threshold']} and a width of {certificate['width']}, {strictly}"


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{path} is not JSON: {error}.") from error


def _seed(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise Malformed("The seed must be hexadecimal digits.") from error


def _write(result: dict[str, Any], path: Path | None) -> None:
    text = json.dumps(result, separators=(",", ":")) + "\n"
    if path is None:
        sys.stdout.write(text)
    else:
        path.write_text(text)


_COMMANDS = {"protect": protect, "verify-release": verify_release}

if __name__ == "__main__":
    sys.exit(_COMMANDS[sys.argv[1]](sys.argv[2:]))
