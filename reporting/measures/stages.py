"""Who enters the pipeline: its own counting rule, cut by where clients live and what they said of themselves.

What a stage is stands in pipeline.py. These figures are the pipeline's, to the person, and have its names.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from referrals.picklists import AgeBand, CitizenshipClass, Gender, Race, TraffickingType
from reporting.measures import UNKNOWN, Period, Row, cube, rows_of
from reporting.measures.dimensions import MORE_THAN_ONE, NONE_OF_THESE, as_listed, family_of_sector
from reporting.measures.pipeline import EVENTS, FIRST_TIME, parameters

ENTERED = f"""
WITH {EVENTS}, first_sector AS (
    SELECT DISTINCT ON (agency_id, client_id) agency_id, client_id, sector
    FROM referrals_touchpoint WHERE client_id IS NOT NULL ORDER BY agency_id, client_id, occurred_at, id
)
SELECT stage, COALESCE(first_sector.sector, ''), COALESCE(client.county_id, ''), entered.agency_id,
       count(DISTINCT entered.client_id)
FROM entered LEFT JOIN first_sector USING (agency_id, client_id)
LEFT JOIN referrals_client client ON client.id = entered.client_id
GROUP BY 1, 2, 3, 4
"""  # noqa: S608
IDENTIFIED = f"""
WITH {EVENTS}
SELECT client.trafficking_type, client.age_band, client.gender, client.races, client.citizenship,
       entered.agency_id, count(DISTINCT entered.client_id)
FROM entered LEFT JOIN referrals_client client ON client.id = entered.client_id
WHERE stage = 'identified' GROUP BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608


@cube(
    name="stages_by_place",
    title=_("Where do people enter the pipeline?"),
    universe="stage_entries",
    counts=_("Clients of each agency: a person known to two agencies stands twice"),
    does_not_show=_("People no agency has met, or where somebody was exploited: the county is the client's."),
    dimensions=("stage", "sector_family", "county"),
    views=(("stage",), ("stage", "sector_family"), ("stage", "county")),
    coarser=((("stage",), ("stage", "sector_family"), ("stage", "region")), (("stage",),)),
    adds_up=FIRST_TIME,
    unit=_("One client of one agency that entered a stage in the period, once for each stage"),
)
def stages_by_place(
    cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]
) -> Iterable[Row]:
    """Clients that entered each stage in the period, by the family of sectors of their first contact and by
    the county they live in. The stages and families are the pipeline's own, to the person."""
    found: dict[tuple[str, str, str, int], int] = defaultdict(int)
    asked = parameters(period, as_of, agencies)
    for stage, sector, county, agency, clients in rows_of(cursor, ENTERED, asked):
        found[stage, family_of_sector(sector), county or UNKNOWN, agency] += clients
    return [(*at, clients) for at, clients in found.items()]


_ONE_BY_ONE = ((), ("trafficking_type",), ("age_band",), ("gender",), ("race",), ("citizenship",))


@cube(
    name="who",
    title=_("Who are the people identified?"),
    universe="stage_entries",
    counts=_("Clients of each agency: a person known to two agencies stands twice"),
    does_not_show=_(
        "People no agency has met. Who was not asked, or did not want to say, has a value of its own: the "
        "rest is not everybody. A small part is no measure of risk."
    ),
    dimensions=("trafficking_type", "age_band", "gender", "race", "citizenship"),
    views=(*_ONE_BY_ONE, ("trafficking_type", "age_band"), ("trafficking_type", "gender")),
    coarser=(_ONE_BY_ONE, ((), ("trafficking_type",), ("age_band",), ("gender",)), ((), ("age_band",))),
    adds_up=FIRST_TIME,
    within=(("stage", "identified"),),
    unit=_("One client of one agency, first identified in the period"),
)
def who(cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]) -> Iterable[Row]:
    """Clients first identified in the period, by type of trafficking, age band, gender, race and ethnicity,
    and citizenship. Not asked, declined and not known are values of their own. Who named several races
    stands under more than one, so that the values add up to the clients."""
    found: dict[tuple[str, str, str, str, str, int], int] = defaultdict(int)
    asked = parameters(period, as_of, agencies)
    for type_, age, gender, races, citizenship, agency, clients in rows_of(cursor, IDENTIFIED, asked):
        found[
            as_listed(TraffickingType, type_, UNKNOWN),
            as_listed(AgeBand, age, UNKNOWN),
            as_listed(Gender, gender, UNKNOWN),
            one_race(races),
            as_listed(CitizenshipClass, citizenship, UNKNOWN),
            agency,
        ] += clients
    return [(*at, clients) for at, clients in found.items()]


def one_race(races: list[str] | None) -> str:
    """The one value that a client's answers about race stand under."""
    if races is None:
        return UNKNOWN
    if len(races) > 1:
        return MORE_THAN_ONE
    return as_listed(Race, races[0], UNKNOWN) if races else NONE_OF_THESE
