"""Taking times and saying them: min, median and max, beside the goal and beside the bare machine's time."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured: its values in `unit`, and `bare`, what the same costs without us in that unit.

    `goal` holds for the median, or for the 95th percentile where `at_p95`; rates, and whatever is
    `more_is_better`, should reach it, times should stay below it.
    """

    what: str
    unit: str
    values: Sequence[float]
    bare: float | None = None
    goal: float | None = None
    at_p95: bool = False
    more_is_better: bool = False

    @property
    def is_rate(self) -> bool:
        return self.more_is_better or self.unit.endswith("/s")

    @property
    def judged(self) -> float:
        return percentile(self.values, 95) if self.at_p95 else statistics.median(self.values)

    def line(self) -> str:
        p95 = _number(percentile(self.values, 95)) if self.at_p95 else ""
        ratio, verdict = "", ""
        if self.bare:
            median = statistics.median(self.values)
            ratio = f"{(self.bare / median if self.is_rate else median / self.bare):.1f}"
        if self.goal is not None:
            met = self.judged >= self.goal if self.is_rate else self.judged <= self.goal
            verdict = f"{_number(self.goal)} {'met' if met else 'MISSED'}"
        cells = (
            f"{self.what} ({self.unit})",
            _number(min(self.values)),
            _number(statistics.median(self.values)),
            p95,
            _number(max(self.values)),
            _number(self.bare) if self.bare else "",
            ratio,
            verdict,
        )
        return "| " + " | ".join(cells) + " |"


HEAD = (
    "| measured | min | median | p95 | max | bare | times bare | goal |\n"
    "|---|---:|---:|---:|---:|---:|---:|---|"
)


@dataclass(slots=True)
class Report:
    """The figures of one run; each is printed when it is known."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _load: float = field(default_factory=lambda: os.getloadavg()[0])

    def add(self, figure: Figure) -> None:
        if not self.figures:
            print(HEAD)
        self.figures.append(figure)
        print(figure.line(), flush=True)

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)
        print(sentence, flush=True)

    def section(self) -> str:
        lines = [f"## {date.today():%Y-%m-%d}: {self.title}", "", machine(self._load), "", HEAD]
        lines += [figure.line() for figure in self.figures]
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes)]).rstrip() + "\n"

    def append(self) -> None:
        with RESULTS.open("a") as file:
            file.write("\n" + self.section())


def machine(load: float) -> str:
    """What a reader needs to compare: processors, memory, and how busy the machine was. No name of it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    now = os.getloadavg()[0]
    return f"{os.cpu_count()} processors, {memory:.0f} GiB; load average {load:.1f} before, {now:.1f} after."


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.4g}" if 0.9 < value < 1 else f"{value:.3g}"
