"""Contacts that name nobody: shown beside clients, never among them (K7)."""

from collections import defaultdict
from datetime import datetime

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from referrals.picklists import Sector, SectorGroup
from reporting.measures import Count, Counted, Period, measure, rows_of

ANONYMOUS = """
    SELECT sector, agency_id, count(*) FROM referrals_touchpoint
    WHERE client_id IS NULL AND agency_id = ANY(%(agencies)s)
      AND occurred_at >= %(start)s AND occurred_at < LEAST(%(end)s, %(as_of)s)
    GROUP BY 1, 2
"""


@measure(
    name="anonymous_contacts",
    title=_("How many contacts named nobody?"),
    counts=_("Contacts: one caller may be several"),
    does_not_show=_("How many people called. None of them is among the clients of the pipeline."),
)
def anonymous_contacts(
    cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]
) -> Counted:
    """Anonymous contacts dated in the period, in all and by sector group."""
    asked = {"start": period.starts_at, "end": period.ends_at, "as_of": as_of, "agencies": agencies}
    groups = {sector.value: sector.group.value for sector in Sector}
    found: dict[tuple[str, int], int] = defaultdict(int)
    for sector, agency, value in rows_of(cursor, ANONYMOUS, asked):
        found[groups.get(sector, SectorGroup.OTHER.value), agency] += value
        found["contacts", agency] += value
    sectors = [(group.value, _(group.label)) for group in SectorGroup]
    return Counted(
        rows=[("anonymous", _("Anonymous contacts"))],
        columns=[("contacts", _("Contacts")), *sectors],
        counts=[Count("anonymous", column, agency, value) for (column, agency), value in found.items()],
        medians=[],
        sums=[("contacts", [name for name, _title in sectors])],
        people_of="",
    )
