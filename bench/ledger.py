"""How long releases take that are each protected with every earlier one, and how much they still show.

Tables are invented. Bare is each release protected alone.
"""

import dataclasses

from bench import figures
from reporting.sdc.ledger import Said, joint
from reporting.sdc.solve import protected
from tests.reporting.sdc.invented_time import Contacts

_SEED = bytes(32)


def run(report: figures.Report) -> None:
    """Adds every figure. Takes about two minutes."""
    quarterly = []
    for month in range(18):
        quarterly.append((month, month + 1))
        if month % 3 == 2:
            quarterly.append((month - 2, month + 1))
    for what, windows, goal in (
        ("24 releases of 170 cells, months and their quarters", quarterly, 60.0),
        ("12 releases of 170 cells, each from the year's start", [(0, n) for n in range(1, 13)], None),
        ("12 releases of 170 cells, rolling quarters", [(n, n + 3) for n in range(12)], None),
    ):
        world = Contacts(1, places=16, services=9, months=27)
        plan = [world.said(f"r{n}", *window, day=900 + n) for n, window in enumerate(windows)]
        sizes: list[int] = []
        shown: list[int] = []
        seconds = figures.timed(lambda p=plan, s=sizes, n=shown: n.append(_released(p, s)))
        alone = figures.timed(lambda p=plan, n=shown: n.append(_released(p, [], ledger=False)))
        report.add(figures.Figure(what, "s", [seconds], bare=alone, goal=goal))
        report.note(
            f"{what}: {shown[0]} of {sum(len(said.figures) for said in plan)} counts shown, {shown[1]} with"
            f" each protected alone; at most {max(sizes)} cells in one system"
        )


def _released(plan: list[Said], sizes: list[int], *, ledger: bool = True) -> int:
    """How many counts are shown when these are released one after the other."""
    out: list[Said] = []
    for new in plan:
        together = joint(out if ledger else [], new)
        sizes.append(len(together.system.ids))
        shown = protected(together.system, _SEED).shown
        told = zip(new.figures, together.places, strict=True)
        out.append(
            dataclasses.replace(
                new,
                figures=tuple(dataclasses.replace(figure, said=shown.get(name)) for figure, name in told),
            )
        )
    return sum(figure.said is not None for said in out for figure in said.figures)
