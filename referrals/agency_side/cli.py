"""The command line: options in, plain sentences out. Everything else is in `bundle.py`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from . import Refused, __version__
from .archive import Archive
from .bundle import Result, make_bundle
from .facts import organizations, read_export
from .keys import default_key_path, load_or_make_key
from .problems import SENTENCES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool. 0: done; 1: refused, with a sentence on standard error; 2: wrong options."""
    options = _parser().parse_args(arguments)
    try:
        return _list(options) if getattr(options, "list", False) else _run(options)
    except Refused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename or 'A file'} can't be read or written: {error.strerror}.\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agency-tool",
        description="Makes a bundle for the casehub from your HMIS CSV export, on this machine. Names, birth "
        "dates and all other identifiers stay here. Nothing is sent anywhere.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    hmis = commands.add_parser("hmis", help="check an export and write one organization's bundle")
    check = commands.add_parser("check", help="check an export and write the list of its defects only")
    for command in (hmis, check):
        command.add_argument("source", type=Path, metavar="IN.zip", help="the export, as your HMIS made it")
        command.add_argument("--org", metavar="ID", help="OrganizationID; not needed if there is only one")
    hmis.add_argument("out", type=Path, metavar="OUT", nargs="?", help="a folder, or a file ending in .zip")
    hmis.add_argument("--report", nargs=2, type=_day, metavar=("START", "END"),
                      help="add ages in years for this period (first and last day, yyyy-mm-dd)")  # fmt: skip
    hmis.add_argument(
        "--key", type=Path, metavar="FILE", help="the organization's key, if not in its usual place"
    )
    hmis.add_argument("--list", action="store_true", help="only list the organizations of the export")
    check.add_argument("out", type=Path, metavar="OUT.csv", help="where the list of defects goes")
    return parser


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a day written as yyyy-mm-dd") from None


def _list(options: argparse.Namespace) -> int:
    with Archive(options.source) as archive:
        found = organizations(archive, read_export(archive).version)
    for organization in found:
        _say(f"{organization.id}\t{organization.name}\t{organization.clients} clients, "
             f"{organization.enrollments} enrollments")  # fmt: skip
    return 0


def _run(options: argparse.Namespace) -> int:
    if options.command == "check":
        result = make_bundle(
            options.source,
            None,
            organization_id=options.org,
            key=lambda organization: b"",  # hashed ids are made, but never written
            problems_out=options.out,
        )
        _summarize(result)
        return 0
    if options.out is None:
        raise Refused("Say where the bundle goes: a folder, or a file ending in .zip.")
    new_key: list[Path] = []

    def key(organization: str) -> bytes:
        path = options.key or default_key_path(organization)
        found, is_new = load_or_make_key(path)
        if is_new:
            new_key.append(path)
        return found

    result = make_bundle(
        options.source,
        options.out,
        organization_id=options.org,
        key=key,
        report=tuple(options.report) if options.report else None,
    )
    _summarize(result)
    for path in new_key:
        _say(
            f"A new key was made: {path}. Keep a copy offline and never send it to anyone. "
            "If you have sent a bundle before, use the key of then (--key), or every client will look new."
        )
    return 0


def _summarize(result: Result) -> None:
    _say(result.organization)
    for name, counts in result.files.items():
        dropped = counts.rows_dropped_unassigned + counts.rows_dropped_broken
        _say(
            f"  {name + '.csv':<28}{counts.rows_in:>9} rows in{counts.rows_out:>9} out"
            f"{counts.rows_dropped_other_org:>9} of others{dropped:>7} left out"
            f"{counts.withheld_free_text:>7} texts withheld"
        )
    if result.problems:
        _say("Defects:")
    for code, count in sorted(result.problems.items(), key=lambda pair: -pair[1]):
        _say(f"  {count:>9}  {SENTENCES[code]}")
    _say(f"Each defect with its row, for your own use: {result.problems_path}")
    if result.path:
        _say(f"The bundle: {result.path} (key {result.key_fingerprint}). It is a zip of CSV files: look in.")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
