"""Linking at the hub: tokens in, people out, and every link undone again (ADR 0017).

`hold`, `store`, `renew`, `leave`, `wanted`, `decide` and `undo` are called inside an agency's door; the rest
is the hub's own work, outside any. Which records are alike `referrals.linkage` decides, which knows no
database.
"""

from referrals.linking.alias import alias
from referrals.linking.arrivals import link_new
from referrals.linking.bulk import bulk, is_due
from referrals.linking.decisions import decide, undo
from referrals.linking.departures import end_epoch, sweep
from referrals.linking.people import component, recompute
from referrals.linking.records import is_counted_without, leave, renew, store, wanted
from referrals.linking.turns import hold

__all__ = [
    "alias",
    "bulk",
    "component",
    "decide",
    "end_epoch",
    "hold",
    "is_counted_without",
    "is_due",
    "leave",
    "link_new",
    "recompute",
    "renew",
    "store",
    "sweep",
    "undo",
    "wanted",
]
