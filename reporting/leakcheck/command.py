"""`./dev leakcheck`: what a published table gives away, on the screen or as JSON. The only module here that
reads and writes files.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reporting.leakcheck import Hints, Report, Unreadable, check

SAFE, EXPOSED, UNREADABLE = 0, 1, 2


def run(arguments: Sequence[str]) -> int:
    """Returns 0 where nothing is exposed, 1 where something is, 2 with a sentence for what can't be read."""
    chosen = _parser().parse_args(arguments)
    hints = Hints(
        threshold=chosen.threshold,
        width=chosen.width,
        totals=tuple(chosen.total),
        not_totals=tuple(chosen.not_total),
        marks=tuple(chosen.mark),
        zeros=tuple(chosen.zero),
        independent=tuple(chosen.independent),
    )
    try:
        report = check(chosen.file.read_bytes(), hints)
    except (Unreadable, OSError) as error:
        sys.stderr.write(f"leakcheck: {error}\n")
        return UNREADABLE
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(data(report), indent=2, ensure_ascii=False) + "\n")
    sys.stdout.write("\n".join(lines(report)) + "\n")
    return EXPOSED if report.is_exposed else SAFE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev leakcheck",
        description="Attack a published table: which small counts can be worked out, and how. It "
        "stores nothing.",
        epilog="Ends with 0 if nothing is exposed, 1 if something is, 2 if the file can't be read.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a table as XLSX or CSV")
    parser.add_argument(
        "--threshold", type=_at_least(2), default=11, metavar="N", help="counts below it are small (11)"
    )
    parser.add_argument(
        "--width", type=_at_least(1), default=5, metavar="N", help="closer than this is too close (5)"
    )
    several: dict[str, Any] = {"action": "append", "default": [], "metavar": "TEXT"}
    parser.add_argument("--total", **several, help="a row or column that is the sum of the others near it")
    parser.add_argument("--not-total", **several, help="a row or column that is no sum")
    parser.add_argument(
        "--mark", **several, help='what stands for a hidden count: "x", or "x=1-10" with its range'
    )
    parser.add_argument("--zero", **several, help="a mark that means none, and hides nothing")
    parser.add_argument("--independent", **several, help="a sheet (or table number) about other people")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything found here too")
    return parser


def _at_least(least: int) -> Any:
    def read(text: str) -> int:
        if not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"a whole number, {least} or more")
        return int(text)

    return read


def lines(report: Report) -> list[str]:
    """The report as it is read on a screen."""
    reading = report.reading
    found = []
    for number, table in enumerate(reading.tables, start=1):
        where = table.sheet or table.title or "CSV"
        found.append(f"Table {number}: {where}, {len(table.rows)} rows and {len(table.columns)} columns")
    found.append(
        f"{len(reading.places)} counts, {report.hidden} of them hidden"
        + (
            f" ({', '.join(repr(mark) for mark, means in reading.marks.items() if means == 'hidden')})"
            if report.hidden
            else ""
        )
        + f", {len(reading.sums)} sums."
    )
    if reading.doubts:
        found += ["", "Taken for granted (say otherwise with the option):"]
        for doubt in reading.doubts:
            found.append(f"  ? {doubt.sentence.say()}" + (f"  {doubt.option}" if doubt.option else ""))
    found.append("")
    if not report.is_exposed:
        found.append("Nothing is exposed: no small count can be worked out from these tables.")
    for finding in report.findings:
        range_ = str(finding.low) if finding.low == finding.high else f"{finding.low} to {finding.high}"
        found.append(f"{_where(report, finding.place)}  {finding.place.name}: {range_} ({finding.kind})")
        found += [f"    {step.say()}" for step in finding.steps]
    for place, n in report.larger:
        found.append(f"{_where(report, place)}  {place.name}: {n}, not small, but hidden for nothing")
    if report.is_exposed:
        found.append("")
        found += [sentence.say() for sentence in report.advice]
        if report.further:
            found.append("Hide besides:")
            found += [f"  {_where(report, place)}  {place.name}" for place in report.further]
    return found


def data(report: Report) -> dict[str, Any]:
    """JSON-able: the reading, what is taken for granted, what is exposed by which steps, and the proposal."""
    reading = report.reading
    return {
        "format": "casehub-leakcheck-1",
        "threshold": report.hints.threshold,
        "width": report.hints.width,
        "tables": [
            {
                "sheet": table.sheet,
                "title": table.title,
                "rows": [list(line.labels) for line in table.rows],
                "columns": [list(line.labels) for line in table.columns],
            }
            for table in reading.tables
        ],
        "marks": reading.marks,
        "counts": len(reading.places),
        "hidden": report.hidden,
        "sums": [
            {"total": _id(report, one.total), "parts": [_id(report, part) for part in one.parts]}
            for one in reading.sums
        ],
        "taken": [{"says": doubt.sentence.say(), "option": doubt.option} for doubt in reading.doubts],
        "exposed": [
            {
                "cell": _id(report, finding.place.id),
                "name": finding.place.name,
                "kind": finding.kind,
                "low": finding.low,
                "high": finding.high,
                "steps": [step.say() for step in finding.steps],
            }
            for finding in report.findings
        ],
        "advice": [sentence.say() for sentence in report.advice],
        "hide": None if report.further is None else [_id(report, place.id) for place in report.further],
    }


def _where(report: Report, place: Any) -> str:
    return _id(report, place.id)


def _id(report: Report, name: str) -> str:
    number, _sign, cell = name.partition("!")
    sheet = report.reading.tables[int(number)].sheet
    return f"{sheet}!{cell}" if sheet else cell


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
