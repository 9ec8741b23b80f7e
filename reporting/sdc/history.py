"""The same closed period counted again: what may be said the second time. The ledger is in releases/."""

from __future__ import annotations

from collections.abc import Iterable

from reporting.sdc.protected import ProtectedTable
from reporting.sdc.shape import Coord, Hidden


class Contradiction(Exception):
    """A new table would change or add to what was said of a closed period, in the cells `places`."""

    def __init__(self, places: Iterable[Coord]) -> None:
        self.places = tuple(places)
        super().__init__(f"already released for this period: {', '.join(map(str, self.places))}")


def consistent_with(previous: Iterable[ProtectedTable], new: ProtectedTable) -> None:
    """Refuse a table that says anything about a closed period that an earlier one of that period did not.

    Tables belong together when title and period are the same. A figure may be repeated or withheld. A changed
    one gives away whoever was entered late, and a newly shown one may solve what the earlier table hid: both
    wait for the yearly restatement. Raises Contradiction.
    """
    for old in previous:
        if (old.title, old.caveats.period) != (new.title, new.caveats.period):
            continue
        said = [at for at, cell in new.cells.items() if not isinstance(cell, Hidden)]
        places = [at for at in said if old.cells.get(at) != new.cells[at]]
        if places:
            raise Contradiction(places)
