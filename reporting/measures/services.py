"""What agencies did for clients, and how many clients they did it for: new, back again, or continuing."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from referrals.picklists import ServiceType
from reporting.measures import UNKNOWN, Group, Period, Row, clients_behind, cube, rows_of
from reporting.measures.dimensions import GROUPS_OF_SERVICES, as_listed, group_of_sector

_GIVEN = """
    FROM referrals_service service
    JOIN agencies_agency agency ON agency.id = service.agency_id
    LEFT JOIN referrals_client client ON client.id = service.client_id
    WHERE service.agency_id = ANY(%(agencies)s)
      AND provided_on >= %(first)s AND provided_on < %(after)s
      AND provided_on::timestamp AT TIME ZONE %(zone)s < %(as_of)s
"""
GIVEN = f"""
    SELECT service.type, agency.sector, COALESCE(client.county_id, ''), service.agency_id, count(*) {_GIVEN}
    GROUP BY 1, 2, 3, 4
"""
GIVEN_TO = f"""
    SELECT service.agency_id, service.client_id AS who,
           ARRAY[service.type, agency.sector, COALESCE(client.county_id, '')] AS words {_GIVEN}
"""
SERVED = """
    SELECT kind.name, COALESCE(client.county_id, ''), service.agency_id, count(DISTINCT service.client_id)
    FROM referrals_service service
    JOIN unnest(%(types)s, %(kinds)s) AS kind (type, name) ON kind.type = service.type
    LEFT JOIN referrals_client client ON client.id = service.client_id
    WHERE service.agency_id = ANY(%(agencies)s)
      AND provided_on >= %(first)s AND provided_on < %(after)s
      AND provided_on::timestamp AT TIME ZONE %(zone)s < %(as_of)s
    GROUP BY 1, 2, 3
"""
# Every sign of a client at an agency: contacts and services at their time, an enrollment from entry to exit.
ARRIVALS = """
WITH sign AS (
    SELECT agency_id, client_id, occurred_at AS at, occurred_at AS until, false AS is_return
    FROM referrals_touchpoint WHERE client_id IS NOT NULL AND agency_id = ANY(%(agencies)s)
  UNION ALL
    SELECT agency_id, client_id, provided_on::timestamp AT TIME ZONE %(zone)s,
           provided_on::timestamp AT TIME ZONE %(zone)s, false
    FROM referrals_service WHERE agency_id = ANY(%(agencies)s)
  UNION ALL
    SELECT agency_id, client_id, entry_on::timestamp AT TIME ZONE %(zone)s,
           COALESCE(exit_on::timestamp AT TIME ZONE %(zone)s, 'infinity'),
           is_reopened AND entry_on >= %(first)s
    FROM referrals_enrollment WHERE agency_id = ANY(%(agencies)s)
), seen AS (
    SELECT agency_id, client_id, min(at) < %(start)s AS is_known, bool_or(is_return) AS is_return
    FROM sign WHERE at < LEAST(%(end)s, %(as_of)s)
    GROUP BY agency_id, client_id HAVING bool_or(until >= %(start)s)
)
SELECT CASE WHEN is_return THEN 'reopened' WHEN is_known THEN 'continuing' ELSE 'new' END,
       COALESCE(client.county_id, ''), seen.agency_id, count(*)
FROM seen LEFT JOIN referrals_client client ON client.id = seen.client_id GROUP BY 1, 2, 3
"""


def _asked(period: Period, as_of: datetime, agencies: list[int]) -> dict[str, object]:
    return {
        "first": period.start,
        "after": period.end,
        "start": period.starts_at,
        "end": period.ends_at,
        "as_of": as_of,
        "zone": settings.TIME_ZONE,
        "agencies": agencies,
    }


def _given_at(type_: str, sector: str, county: str) -> tuple[str, str, str]:
    return as_listed(ServiceType, type_, "other"), group_of_sector(sector), county or UNKNOWN


def given_to(cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]) -> Iterable[Group]:
    """The clients who were given services."""
    return clients_behind(cursor, GIVEN_TO, _asked(period, as_of, agencies), _given_at)


@cube(
    name="services",
    title=_("Which services were given?"),
    universe="services_given",
    counts=_("Services as agencies enter them: one client may have many, and a long stay may be one"),
    does_not_show=_("How many people were helped, how long each service took, or help nobody entered."),
    dimensions=("service", "sector_group", "county"),
    views=(
        (),
        ("service_group",),
        ("service",),
        ("sector_group",),
        ("county",),
        ("service_group", "sector_group"),
        ("service_group", "county"),
    ),
    coarser=(
        ((), ("service_group",), ("sector_family",), ("region",), ("service_group", "region")),
        ((), ("service_group",), ("region",)),
        ((), ("service_group",)),
    ),
    adds_up=True,
    source=_("Services that the network's agencies entered"),
    unit=_("One service entered for a client"),
    people=given_to,
)
def services(cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]) -> Iterable[Row]:
    """Services dated in the period, by type (and its group), by the sector of the agency that entered it and
    by the county where the client lives. Hours, nights and dollars are not added to each other: one entry is
    one service."""
    found: dict[tuple[str, str, str, int], int] = defaultdict(int)
    for type_, sector, county, agency, given in rows_of(cursor, GIVEN, _asked(period, as_of, agencies)):
        found[*_given_at(type_, sector, county), agency] += given
    return [(*at, given) for at, given in found.items()]


@cube(
    name="served",
    title=_("How many people got each kind of service?"),
    universe="clients_by_service",
    counts=_("Clients of each agency, once for each kind of service: one may stand under several"),
    does_not_show=_("How often they were helped, or whether it was enough."),
    dimensions=("service_group", "county"),
    views=(("service_group",), ("service_group", "county")),
    coarser=((("service_group",), ("service_group", "region")), (("service_group",),)),
    unit=_("One client of one agency and one kind of service, however often it was given"),
)
def served(cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]) -> Iterable[Row]:
    """Clients with at least one service of each group dated in the period, by the county they live in."""
    kinds = [(type_, group) for group, (_title, types) in GROUPS_OF_SERVICES.items() for type_ in types]
    asked = _asked(period, as_of, agencies) | {
        "types": [type_ for type_, _group in kinds],
        "kinds": [group for _type, group in kinds],
    }
    return [
        (group, county or UNKNOWN, agency, clients)
        for group, county, agency, clients in rows_of(cursor, SERVED, asked)
    ]


@cube(
    name="new_and_continuing",
    title=_("How many clients are new, and how many continue?"),
    universe="clients_served",
    counts=_("Clients of each agency: a person known to two agencies stands twice, and may be new at one"),
    does_not_show=_(
        "People no agency has met. New means new to that agency, ever; a grant's report starts anew each "
        "fiscal year."
    ),
    dimensions=("arrival", "county"),
    views=((), ("arrival",), ("county",), ("arrival", "county")),
    coarser=(((), ("arrival",), ("region",), ("arrival", "region")), ((), ("arrival",))),
    period_bound=("arrival",),
    unit=_("One client of one agency with a contact, a service or an open enrollment in the period"),
)
def new_and_continuing(
    cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]
) -> Iterable[Row]:
    """Clients with a contact, a service or an open enrollment in the period: new where the agency knew
    nothing of them before it, back again where an enrollment that began in it says so, else continuing."""
    return [
        (arrival, county or UNKNOWN, agency, clients)
        for arrival, county, agency, clients in rows_of(cursor, ARRIVALS, _asked(period, as_of, agencies))
    ]
