"""How long the disclosure engine takes to protect and audit a table, and what it suppresses for it.

The naive peer gives every line with one suppressed cell another, and stops. Tables are invented.
"""

import json

import numpy as np

from bench import figures
from bench.optimum import cheapest
from reporting.sdc import pattern
from reporting.sdc.certificate import verify
from reporting.sdc.proofs import Proofs
from reporting.sdc.rules import readers
from reporting.sdc.second_opinion import audit
from reporting.sdc.solve import protected
from reporting.sdc.system import System, read
from tests.reporting.sdc import invented

_SEED = bytes(32)
_LINKED, _BEST = 50, 12


def run(report: figures.Report) -> None:
    """Adds every figure. Takes some minutes."""
    rng = np.random.default_rng(1)
    wide, large = invented.two_way(rng, 50, 20), invented.counties(rng)
    for what, table, goal, times in (
        ("1,071 cells (50 by 20) protected and audited", wide, 0.5, 5),
        ("4,225 cells (58 counties in 6 regions, 12 services, 4 groups)", large, 10.0, 2),
        ("the same, strict", {**large, "strict": True}, 45.0, 1),
    ):
        system = read(table)
        results: list[dict] = []
        seconds = [
            figures.timed(lambda s=system, r=results: r.append(protected(s, _SEED).to_data()))
            for _ in range(times)
        ]
        naive = _naive(system)
        bare = figures.timed(lambda s=system: _naive(s))
        report.add(figures.Figure(what, "s", seconds, bare=bare, goal=goal))
        text = json.dumps(results[-1])
        auditing = [figures.timed(lambda t=table, r=results: audit(t, r[-1]["shown"]))]
        report.add(figures.Figure("the same attacked by other code", "s", auditing))
        checking = [figures.timed(lambda t=text: verify(json.loads(t))) for _ in range(5)]
        report.add(figures.Figure("its certificate verified", "s", checking, goal=0.1))
        beside = set(results[-1]["secondary"])
        cost = sum(pattern.cost_of(system)[at] for at, name in enumerate(system.ids) if name in beside)
        report.note(f"{what}: {len(beside)} secondary cells, cost {cost:.0f}; naive {_said(system, naive)}")
    _linked(report)
    _history(report)
    report.note(
        "Measured on other tables of this shape on 2 processors: GaussSuppression 1.2.3 3.2 to 3.8 s with 10"
        " holes, with intervals 204 s and none; sdcTable 0.34 SIMPLEHEURISTIC not done in 900 s."
    )


def _linked(report: figures.Report) -> None:
    systems = [read(invented.linked(np.random.default_rng([5, number]))) for number in range(_LINKED)]
    seconds, cost, naive, holes = [], 0.0, 0.0, 0
    for system in systems:
        found: list[pattern.Pattern] = []
        choose = lambda s=system, f=found: f.append(pattern.choose(s, seed=_SEED, tries=3))  # noqa: E731
        seconds.append(figures.timed(choose))
        cost += found[0].cost
        flags = _naive(system)
        naive += float(pattern.cost_of(system)[flags & ~found[0].targets].sum())
        holes += _weak(system, flags)
    report.add(figures.Figure("margins of a hidden three-way, three tries", "s", seconds, at_p95=True))
    small = [invented.linked(np.random.default_rng([12, number]), (4, 3, 3)) for number in range(_BEST)]
    best = [(cheapest(table), pattern.choose(read(table), seed=_SEED, tries=3).cost) for table in small]
    ratios = [ours / least for least, ours in best if least]
    report.note(
        f"Against the proven optimum of {len(ratios)} small linked tables that need something (of {_BEST};"
        f" half a minute each): {np.mean(ratios):.3f} of its cost on average, {max(ratios):.3f} at worst."
    )
    report.note(f"{_LINKED} linked tables: cost {cost:.0f}; naive {naive:.0f}, with {holes} cells left open")


def _history(report: figures.Report) -> None:
    """24 tables of 176 cells, months and quarters, each with all that was shown before it."""
    answers: list[dict[str, int]] = []
    say = lambda q: answers.append(protected(read(q), _SEED).shown)  # noqa: E731
    questions = invented.history(np.random.default_rng(3), 24, answers)
    seconds = [figures.timed(lambda q=question: say(q)) for question in questions]
    report.add(
        figures.Figure("24 releases of 176 cells, five agencies, together", "s", [sum(seconds)], goal=60.0)
    )


def _naive(system: System) -> pattern.Flags:
    search = pattern._Search(system, np.random.default_rng(1))
    search._start()
    return search.found().suppressed


def _weak(system: System, suppressed: pattern.Flags) -> int:
    """How many small counts a naive pattern leaves open."""
    search = pattern._Search(system, np.random.default_rng(1))
    proofs = Proofs(
        search._grid,
        system.values,
        system.hidden,
        readers(system, search._targets),
        system.width,
        system.least,
        np.random.default_rng(1),
    )
    unknown = suppressed | system.hidden
    proofs.prove(unknown)
    proofs.prove_each(0, unknown, ball=len(unknown))
    return int(proofs.weak(0).size)


def _said(system: System, flags: pattern.Flags) -> str:
    beside = flags & ~pattern.primary(system)
    cost = pattern.cost_of(system)[beside].sum()
    return f"{int(beside.sum())} cells, cost {cost:.0f}, {_weak(system, flags)} open"
