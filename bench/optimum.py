"""The cheapest pattern there is, for small tables: what the disclosure engine's is held against.

A hitting set grown cut by cut, far too slow for the product. Proves with the attacker of other code.
"""

import time
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from reporting.sdc.attacker import too_narrow
from reporting.sdc.pattern import cost_of
from reporting.sdc.rules import primary
from reporting.sdc.system import read

_SECONDS = 30.0


def cheapest(table: dict[str, Any]) -> float | None:
    """The least that secondary cells can cost in a table without agencies; None after half a minute.

    A set of shown cells that gives some count away must lose one: each such set, made as small as it goes, is
    a cut. Suppressing more never narrows an interval, so a choice that no cut forbids is tried as it is.
    """
    system = read(table)
    targets = primary(system)
    value = {name: int(n) for name, n in zip(system.ids, system.values, strict=True)}
    could = np.flatnonzero(system.published & ~targets & (system.values > 0))
    always = {system.ids[at] for at in np.flatnonzero(system.published & (system.values == 0))}
    names = [system.ids[at] for at in could]
    cost = cost_of(system)[could]
    reach = dict.fromkeys(system.names(targets), 0.0)

    def given_away(shown: set[str], of: dict[str, float]) -> dict[str, tuple[float, float]]:
        return too_narrow(table, {name: value[name] for name in shown | always}, of, width=system.width)

    cuts: list[np.ndarray] = []
    began = time.perf_counter()
    while time.perf_counter() - began < _SECONDS:
        constraints = LinearConstraint(np.array(cuts), 1, np.inf) if cuts else ()
        found = milp(cost, constraints=constraints, bounds=Bounds(0, 1), integrality=np.ones(len(cost)))
        if found.x is None:
            return None
        hidden = found.x > 0.5
        shown = {name for name, one in zip(names, hidden, strict=True) if not one}
        weak = given_away(shown, reach)
        if not weak:
            return float(found.fun)
        for target in list(weak)[:6]:
            left = set(shown)
            for name in sorted(shown, key=value.__getitem__, reverse=True):
                if given_away(left - {name}, {target: 0.0}):
                    left.discard(name)
            cuts.append(np.array([float(name in left) for name in names]))
    return None
