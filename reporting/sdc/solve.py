"""The engine's one entry: a system in, what may be shown of it and the proof out. Reads and writes nothing.

What the cells of a system mean, and what a table built from them looks like, is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reporting.sdc.certificate import certify
from reporting.sdc.pattern import Pattern, Refused, choose
from reporting.sdc.system import System

_SMALL, _TRIES = 400, 3


@dataclass(frozen=True, slots=True)
class Protection:
    """What may be shown of a system: `shown` are counts by id, `suppressed` the published cells that are not.

    `secondary` are those of the suppressed that are not small themselves. The certificate names the small
    ones, so it is for the output checker alone; `pattern` says the same as flags in the system's order.
    """

    shown: dict[str, int] = field(repr=False)
    suppressed: list[str]
    secondary: list[str]
    pattern: Pattern
    certificate: dict[str, Any] = field(repr=False)

    def to_data(self) -> dict[str, Any]:
        """JSON-able: what `certificate.verify` reads."""
        return {
            "shown": self.shown,
            "suppressed": self.suppressed,
            "secondary": self.secondary,
            "certificate": self.certificate,
        }


def protected(system: System, seed: bytes) -> Protection:
    """Suppress as little as can be found, so that no reader works out a count that the rules keep.

    Promised, of each such count, published or hidden (`rules.primary`), to the public and to each agency that
    knows its own (`rules.readers`): the interval that can be worked out from all that is shown is `width`
    wide or wider, and in strict mode reaches the threshold. Forced cells are shown in any case. Ties fall
    by the `seed` (32 secret bytes); the same system and seed give the same answer. Raises `pattern.Refused`,
    with the ids of the counts that can't be protected and of the shown ones that are in the way.
    """
    tries = _TRIES if len(system.ids) <= _SMALL else 1
    pattern = choose(system, seed=seed, tries=tries)
    certificate, exposed = certify(system, pattern.suppressed, seed=seed)
    if exposed:
        raise Refused(sorted({one.cell for one in exposed}), [])
    shown = np.flatnonzero(~pattern.suppressed & system.published)
    return Protection(
        shown={system.ids[at]: int(system.values[at]) for at in shown},
        suppressed=system.names(pattern.suppressed),
        secondary=system.names(pattern.secondary),
        pattern=pattern,
        certificate=certificate,
    )
