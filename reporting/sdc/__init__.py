"""Statistical disclosure control: what may be said about many people without saying something about one.

Pure Python, no Django. `protect` is the one way from exact counts to something that may leave; the rest of
the hub renders, stores and compares only the `ProtectedTable` in what it returns. What is promised, and what
is not, stands there and in docs/adr/0021-releases-with-a-ledger.md.
"""

from reporting.sdc.coalitions import AttackReport, Coalition
from reporting.sdc.history import Contradiction, consistent_with
from reporting.sdc.ledger import Said
from reporting.sdc.linked import LINKED, NOBODY, RELEASED, Links, Merge, Merged, Pair, is_a_step, linked_range
from reporting.sdc.people import people_range
from reporting.sdc.policy import RULE, Mode, Policy
from reporting.sdc.protect import Outcome, Unprotectable, protect
from reporting.sdc.protected import HIDDEN_MARK, NOT_REPORTED_MARK, Caveats, ProtectedTable, from_stored
from reporting.sdc.raw import Provenance, RawLinked, RawMedian, RawRange, RawTable, add_totals
from reporting.sdc.shape import (
    Cell,
    Coord,
    FigureKey,
    Hidden,
    MedianDays,
    Nested,
    NotReported,
    Range,
    Relation,
    Share,
    Shown,
    Sum,
)

__all__ = [
    "HIDDEN_MARK",
    "LINKED",
    "NOBODY",
    "NOT_REPORTED_MARK",
    "RELEASED",
    "RULE",
    "AttackReport",
    "Caveats",
    "Cell",
    "Coalition",
    "Contradiction",
    "Coord",
    "FigureKey",
    "Hidden",
    "Links",
    "MedianDays",
    "Merge",
    "Merged",
    "Mode",
    "Nested",
    "NotReported",
    "Outcome",
    "Pair",
    "Policy",
    "ProtectedTable",
    "Provenance",
    "Range",
    "RawLinked",
    "RawMedian",
    "RawRange",
    "RawTable",
    "Relation",
    "Said",
    "Share",
    "Shown",
    "Sum",
    "Unprotectable",
    "add_totals",
    "consistent_with",
    "from_stored",
    "is_a_step",
    "linked_range",
    "people_range",
    "protect",
]
