"""Builds the tool as one file that runs wherever Python is: `python -m referrals.agency_side.build OUT.pyz`.

The same sources give the same bytes, so that anyone can build it again and compare the printed digest.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

_MAIN = """import sys

if sys.version_info < (3, 11):
    sys.exit("This tool needs Python 3.11 or newer.")

from referrals.agency_side.cli import main

sys.exit(main())
"""
# What of linkage makes tokens and asks key holders; not what compares them.
_LINKAGE = (
    "__init__.py",
    "frequencies.py",
    "frequencies.tsv",
    "keyholder/__init__.py",
    "keyholder/client.py",
    "keyholder/wire.py",
    "keys.py",
    "nicknames.py",
    "normalise.py",
    "oprf.py",
    "tokens.py",
)


def build(target: Path) -> str:
    """Write the zipapp and return its SHA-256 in hex."""
    package = Path(__file__).parent
    sources = {"__main__.py": _MAIN.encode(), "referrals/__init__.py": b""}
    for path in sorted(package.glob("*.py")):
        if path.name not in ("build.py", "__main__.py"):
            sources[f"referrals/agency_side/{path.name}"] = path.read_bytes()
    for path in sorted(package.glob("bip39_english.*")):
        sources[f"referrals/agency_side/{path.name}"] = path.read_bytes()
    for name in _LINKAGE:
        sources[f"referrals/linkage/{name}"] = (package.parent / "linkage" / name).read_bytes()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, source in sources.items():
                info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                info.create_system = 3
                info.external_attr = 0o644 << 16
                archive.writestr(info, source)
    target.chmod(0o755)
    return hashlib.sha256(target.read_bytes()).hexdigest()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m referrals.agency_side.build OUT.pyz")
    sys.stdout.write(f"{build(Path(sys.argv[1]))}  {sys.argv[1]}\n")
