"""Statistical disclosure control: what may be said about many people without saying something about one.

Pure Python, no Django. `protect` is the one way from exact counts to something that may leave; the rest of
the hub renders, stores and compares only the `ProtectedTable` it returns. What the simple rule promises, and
what it does not, stands in docs/adr/0007-simple-disclosure-rule.md.
"""

from reporting.sdc.attack import Interval, audit
from reporting.sdc.history import Contradiction, consistent_with
from reporting.sdc.linked import LINKED, NOBODY, RELEASED, Links, Merge, Merged, Pair, is_a_step, linked_range
from reporting.sdc.people import people_range
from reporting.sdc.policy import RULE, Policy
from reporting.sdc.protected import HIDDEN_MARK, NOT_REPORTED_MARK, Caveats, ProtectedTable, from_stored
from reporting.sdc.raw import Provenance, RawLinked, RawMedian, RawRange, RawTable, add_totals
from reporting.sdc.shape import (
    Cell,
    Coord,
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
from reporting.sdc.suppress import Unprotectable, protect

__all__ = [
    "HIDDEN_MARK",
    "LINKED",
    "NOBODY",
    "NOT_REPORTED_MARK",
    "RELEASED",
    "RULE",
    "Caveats",
    "Cell",
    "Contradiction",
    "Coord",
    "Hidden",
    "Interval",
    "Links",
    "MedianDays",
    "Merge",
    "Merged",
    "Nested",
    "NotReported",
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
    "Share",
    "Shown",
    "Sum",
    "Unprotectable",
    "add_totals",
    "audit",
    "consistent_with",
    "from_stored",
    "is_a_step",
    "linked_range",
    "people_range",
    "protect",
]
