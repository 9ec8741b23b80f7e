"""The way from the sector of a client's first contact to the next one.

**One agency's view, exact, and no links.** Everything here is what one agency knows of its own client: where
it met them, and to which sector it referred them. Links between agencies' records are left out on purpose
(ADR 18): a count that moves when two records are linked tells the agency that adds a record whether somebody
else knows that person. Only the range of people may say something about links, in steps that nobody can push.

**Which sectors stand together is fixed.** Sectors too few to be told apart are merged before anything is
hidden: eleven groups into seven nodes (`dimensions.NODES`), and where too much would still be hidden into
the four families. A rule that looked at the counts ("merge what is below the threshold") would say of each
merged node that it is below, and beside the merged total that can be exact: two nodes of which each has at
most 10 and both together 20. It would also merge other sectors in the next period, and "other" would be a
figure of another content under the same name, which the ledger could not hold against this one. Here the
rule looks at nothing: a sector is in the same node in every release, whatever the counts.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from referrals.picklists import Sector
from reporting.measures import Period, Row, cube, rows_of
from reporting.measures.dimensions import NO_STEP, group_of_sector

# One pass over each table and no join of large with large: under row security the planner expects few rows,
# and would look for each of them one by one. A sector that the list has not counts as other.
MOVES = """
WITH sign AS (
    SELECT agency_id, client_id, occurred_at AS at, true AS is_contact, id, sector
    FROM referrals_touchpoint
    WHERE client_id IS NOT NULL AND agency_id = ANY(%(agencies)s) AND occurred_at < LEAST(%(end)s, %(as_of)s)
  UNION ALL
    SELECT referral.agency_id, client_id, sent_at, false, referral.id,
           COALESCE(NULLIF(receiver_sector, ''), receiver.sector)
    FROM referrals_referral referral
    LEFT JOIN LATERAL (
        SELECT agency.sector
        FROM referrals_offer offer JOIN agencies_agency agency ON agency.id = offer.receiver_id
        WHERE offer.referral_id = referral.id AND receiver_sector = '' ORDER BY offered_at, offer.id LIMIT 1
    ) receiver ON true
    WHERE referral.agency_id = ANY(%(agencies)s) AND sent_at < LEAST(%(end)s, %(as_of)s)
      AND (receiver_sector <> '' OR receiver.sector IS NOT NULL)
), placed AS (
    SELECT agency_id, client_id, at, is_contact, id, COALESCE(groups.name, 'other') AS sector
    FROM sign LEFT JOIN unnest(%(sectors)s, %(groups)s) AS groups (sector, name) USING (sector)
), seen AS (
    SELECT *, first_value(sector) OVER met AS origin, first_value(at) OVER met AS began,
           first_value(is_contact) OVER met AS is_met
    FROM placed WINDOW met AS (PARTITION BY agency_id, client_id ORDER BY is_contact DESC, at, id)
), moved AS (
    SELECT agency_id, origin,
           (array_agg(sector ORDER BY at, is_contact DESC, id)
            FILTER (WHERE sector <> origin AND at >= began))[1] AS next
    FROM seen WHERE is_met AND began >= %(start)s
    GROUP BY agency_id, client_id, origin
)
SELECT origin, COALESCE(next, %(no_step)s), agency_id, count(*) FROM moved GROUP BY 1, 2, 3
"""


@cube(
    name="flows",
    title=_("From which sector do clients come, and where do they go next?"),
    universe="first_moves",
    counts=_("Clients of each agency: a person known to two agencies stands twice"),
    does_not_show=_(
        "Ways that no agency knows of: what happens elsewhere stands here only where a referral was sent. "
        "Links between agencies' records are not used. A client without a next step may have gone on alone."
    ),
    dimensions=("origin", "next"),
    views=(("origin_node",), ("next_node",), ("origin_node", "next_node")),
    coarser=(
        (("origin_family",), ("next_family",), ("origin_family", "next_family")),
        (("origin_family",), ("next_family",)),
    ),
    period_bound=("next", "next_node", "next_family"),
    source=_("Contacts and referrals of the network's agencies"),
    unit=_("One client of one agency whose first contact there was in the period"),
)
def flows(cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]) -> Iterable[Row]:
    """Clients whose first contact with the agency was in the period, by its sector and by the next sector:
    of the first later contact in another one, or of the first referral sent there, by the end of the
    period. Who had neither has no next step yet."""
    asked = {
        "start": period.starts_at,
        "end": period.ends_at,
        "as_of": as_of,
        "agencies": agencies,
        "sectors": [one.value for one in Sector],
        "groups": [group_of_sector(one.value) for one in Sector],
        "no_step": NO_STEP,
    }
    return rows_of(cursor, MOVES, asked)
