"""Stages of the pipeline by place: the pipeline's own counting rule, cut by where clients live."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from referrals.picklists import Sector, SectorFamily
from reporting.measures import UNKNOWN, Period, Row, cube, rows_of
from reporting.measures.pipeline import EVENTS, parameters

ENTERED = f"""
WITH {EVENTS}, first_sector AS (
    SELECT DISTINCT ON (agency_id, client_id) agency_id, client_id, sector
    FROM referrals_touchpoint WHERE client_id IS NOT NULL ORDER BY agency_id, client_id, occurred_at, id
)
SELECT stage, COALESCE(first_sector.sector, ''), COALESCE(client.county_id, ''), entered.agency_id,
       count(DISTINCT client_id)
FROM entered LEFT JOIN first_sector USING (agency_id, client_id)
JOIN referrals_client client ON client.id = entered.client_id
GROUP BY 1, 2, 3, 4
"""  # noqa: S608


@cube(
    name="stages_by_place",
    title=_("Where do people enter the pipeline?"),
    universe="stage_entries",
    counts=_("Clients of each agency that entered a stage: a person known to two agencies stands twice"),
    does_not_show=_("People no agency has met, or where somebody was exploited: the county is the client's."),
    dimensions=("stage", "sector_family", "county"),
    views=(("stage",), ("stage", "sector_family"), ("stage", "county")),
    coarser=((("stage",), ("stage", "sector_family"), ("stage", "region")), (("stage",),)),
    unit=_("One client of one agency that entered a stage in the period, once for each stage"),
)
def stages_by_place(
    cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]
) -> Iterable[Row]:
    """Clients that entered each stage in the period, by the family of sectors of their first contact and by
    the county they live in. The stages and families are the pipeline's own, to the person."""
    families = {sector.value: sector.group.family.value for sector in Sector}
    found: dict[tuple[str, str, str, int], int] = defaultdict(int)
    asked = parameters(period, as_of, agencies)
    for stage, sector, county, agency, clients in rows_of(cursor, ENTERED, asked):
        family = families.get(sector, SectorFamily.FIRST_LINE.value)
        found[stage, family, county or UNKNOWN, agency] += clients
    return [(*at, clients) for at, clients in found.items()]
