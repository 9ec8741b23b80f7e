"""How many people there are when nobody may know who is the same: a range that is true for certain.

Narrowing it with linked releases is not done here.
"""

from __future__ import annotations

from collections.abc import Mapping

from reporting.sdc.policy import Policy
from reporting.sdc.shape import Hidden, Range


def people_range(by_agency: Mapping[str, int], policy: Policy | None = None) -> Range | Hidden:
    """People behind these agencies' client counts: at least the largest, at most their sum.

    An agency counts a person once, so both ends hold whoever overlaps; they are rounded outward (95 and 644
    give 95 to 645). Hidden unless the sum may itself be shown. The low end is one agency's own count: where
    it would print below the threshold it says 0, which is true too.
    """
    policy = policy or Policy()
    total = sum(by_agency.values())
    if total == 0 or not policy.may_show(by_agency):
        return Hidden()
    step = policy.rounding
    *others, largest = sorted(by_agency.values())
    low = largest // step * step
    gives_away = low < policy.threshold or any(0 < total - largest - n < policy.threshold for n in others)
    return Range(0 if gives_away else low, -(-total // step) * step)
