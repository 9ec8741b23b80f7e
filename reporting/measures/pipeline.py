"""The pipeline: when a client enters a stage, which stage they are in, and how long it took.

One definition of each stage (product definition; a client may skip stages). Own and network figures, the
live page and the grant forms read this file and no other.
"""

from collections import defaultdict
from datetime import datetime

from django.conf import settings
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from referrals.picklists import Sector, SectorFamily
from reporting.measures import Count, Counted, Median, Period, measure, rows_of
from reporting.sdc.ledger import part_of

STAGES = [
    ("identified", _("Identified")),
    ("screened", _("Screened")),
    ("referred", _("Referred")),
    ("accepted", _("Accepted")),
    ("enrolled", _("Enrolled")),
    ("in_service", _("In service")),
    ("exited", _("Exited")),
    ("followed_up", _("Followed up")),
    ("lost", _("Lost")),
]

FIRST_TIME = frozenset({part_of("stage_entries", ("stage", "identified"))})
"""Entries that a client has once and never again, so that disjoint periods add up."""

# (agency, client, stage, rank, at): each time a client enters a stage. Anonymous contacts have no client
# and so never stand here. Days are read at midnight of the hub's time zone; since others have an hour, stages
# of one day are put in order by rank. Who is enrolled in one project has not left with the exit from another.
EVENTS = """
event AS (
    SELECT agency_id, client_id, 'identified' AS stage, 1 AS rank, min(occurred_at) AS at
    FROM referrals_touchpoint
    WHERE client_id IS NOT NULL AND trafficking_status IN ('possible', 'actual')
    GROUP BY agency_id, client_id
  UNION ALL
    SELECT agency_id, client_id, 'screened', 2, screened_at FROM referrals_screening
  UNION ALL
    SELECT agency_id, client_id, 'referred', 3, sent_at FROM referrals_referral WHERE sent_at IS NOT NULL
  UNION ALL
    SELECT agency_id, client_id, 'accepted', 4, reported_outcome_at FROM referrals_referral
    WHERE reported_outcome = 'accepted' AND reported_outcome_at IS NOT NULL
  UNION ALL
    SELECT referral.agency_id, referral.client_id, 'accepted', 4, response.responded_at
    FROM referrals_response response
    JOIN referrals_referral referral ON referral.id = response.referral_ref
    WHERE response.outcome = 'accepted'
  UNION ALL
    SELECT agency_id, client_id, 'enrolled', 5, entry_on::timestamp AT TIME ZONE %(zone)s
    FROM referrals_enrollment
  UNION ALL
    SELECT agency_id, client_id, 'in_service', 6, min(provided_on)::timestamp AT TIME ZONE %(zone)s
    FROM referrals_service WHERE enrollment_id IS NOT NULL GROUP BY agency_id, client_id, enrollment_id
  UNION ALL
    SELECT agency_id, client_id, 'exited', 7, exit_on::timestamp AT TIME ZONE %(zone)s
    FROM referrals_enrollment WHERE exit_on IS NOT NULL
  UNION ALL
    SELECT agency_id, client_id, 'followed_up', 8, followed_up_at FROM referrals_followup
),
included AS (
    SELECT id, lost_after_days FROM agencies_agency WHERE id = ANY(%(agencies)s)
),
entry AS (
    SELECT event.* FROM event JOIN included ON included.id = event.agency_id WHERE at < %(as_of)s
),
is_in AS (
    SELECT DISTINCT agency_id, client_id FROM referrals_enrollment
    WHERE entry_on::timestamp AT TIME ZONE %(zone)s < %(as_of)s
      AND (exit_on IS NULL OR exit_on::timestamp AT TIME ZONE %(zone)s >= %(as_of)s)
),
last_contact AS (
    SELECT agency_id, client_id, max(at) AS at FROM (
        SELECT agency_id, client_id, occurred_at AS at FROM referrals_touchpoint WHERE client_id IS NOT NULL
      UNION ALL
        SELECT agency_id, client_id, provided_on::timestamp AT TIME ZONE %(zone)s FROM referrals_service
      UNION ALL
        SELECT agency_id, client_id, at FROM event
    ) contact WHERE at < %(as_of)s GROUP BY agency_id, client_id
),
is_open AS (
    SELECT agency_id, client_id FROM (
        SELECT agency_id, client_id, at, stage = 'exited' AS ends FROM entry
        WHERE stage IN ('identified', 'enrolled')
           OR (stage = 'exited' AND (agency_id, client_id) NOT IN (SELECT agency_id, client_id FROM is_in))
      UNION ALL
        SELECT agency_id, client_id, occurred_at, true FROM referrals_touchpoint
        WHERE kind = 'closure' AND client_id IS NOT NULL AND occurred_at < %(as_of)s
    ) turn GROUP BY agency_id, client_id
    HAVING COALESCE(max(at) FILTER (WHERE NOT ends), '-infinity')
         > COALESCE(max(at) FILTER (WHERE ends), '-infinity')
),
loss AS (
    SELECT agency_id, client_id, last_contact.at + included.lost_after_days * interval '1 day' AS at
    FROM last_contact JOIN is_open USING (agency_id, client_id) JOIN included ON included.id = agency_id
    WHERE last_contact.at + included.lost_after_days * interval '1 day' < %(as_of)s
),
entered AS (
    SELECT agency_id, client_id, stage FROM entry WHERE at >= %(start)s AND at < %(end)s
  UNION
    SELECT agency_id, client_id, 'lost' FROM loss WHERE at >= %(start)s AND at < %(end)s
),
standing AS (
    SELECT DISTINCT ON (agency_id, client_id) agency_id, client_id,
           CASE WHEN loss.at IS NULL THEN stage ELSE 'lost' END AS stage
    FROM entry LEFT JOIN loss USING (agency_id, client_id) LEFT JOIN is_in USING (agency_id, client_id)
    WHERE is_in.client_id IS NULL OR stage NOT IN ('exited', 'followed_up')
    ORDER BY agency_id, client_id, (entry.at AT TIME ZONE %(zone)s)::date DESC, rank DESC
)
"""

STANDING = f"WITH {EVENTS} SELECT stage, agency_id, count(*) FROM standing GROUP BY 1, 2"  # noqa: S608
# Every client has one first contact, so the sectors of a stage add up to its clients.
ENTERED = f"""
WITH {EVENTS}, first_sector AS (
    SELECT DISTINCT ON (agency_id, client_id) agency_id, client_id, sector
    FROM referrals_touchpoint WHERE client_id IS NOT NULL ORDER BY agency_id, client_id, occurred_at, id
)
SELECT stage, COALESCE(first_sector.sector, ''), agency_id, count(DISTINCT client_id)
FROM entered LEFT JOIN first_sector USING (agency_id, client_id) GROUP BY 1, 2, 3
"""  # noqa: S608
# Those first met in the period: nobody is among them in two periods.
IDENTIFIED = f"""
WITH {EVENTS} SELECT DISTINCT agency_id, client_id FROM entered WHERE stage = 'identified'
"""  # noqa: S608
# From each entry in the period back to the client's latest entry into the stage just before.
WAITED = f"""
WITH {EVENTS}, waited AS (
    SELECT entry.stage, entry.agency_id, entry.client_id,
           min((entry.at AT TIME ZONE %(zone)s)::date - (earlier.at AT TIME ZONE %(zone)s)::date) AS days
    FROM entry JOIN entry earlier
      ON earlier.agency_id = entry.agency_id AND earlier.client_id = entry.client_id
     AND earlier.rank = entry.rank - 1
     AND (earlier.at AT TIME ZONE %(zone)s)::date <= (entry.at AT TIME ZONE %(zone)s)::date
    WHERE entry.at >= %(start)s AND entry.at < %(end)s
    GROUP BY entry.stage, entry.agency_id, entry.client_id
)
SELECT stage, (SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY inside.days))
               FROM waited inside WHERE inside.stage = waited.stage)::int,
       agency_id, count(*)
FROM waited GROUP BY stage, agency_id
"""  # noqa: S608


def parameters(period: Period, as_of: datetime, agencies: list[int]) -> dict[str, object]:
    return {
        "start": period.starts_at,
        "end": period.ends_at,
        "as_of": as_of,
        "zone": settings.TIME_ZONE,
        "agencies": agencies,
    }


@measure(
    name="pipeline",
    title=_("Where are people in the pipeline?"),
    counts=_("Client records: a person known to two agencies stands twice"),
    does_not_show=_("People no agency has met. Anonymous contacts stand beside, never inside."),
    version=2,
)
def pipeline(cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]) -> Counted:
    """Each stage of the pipeline: clients in it at `as_of`; clients that entered it in the period, in all
    and by the family of sectors of their first contact; and the median of whole days since their latest entry
    into the stage just before."""
    asked = parameters(period, as_of, agencies)
    families = {sector.value: sector.group.family.value for sector in Sector}
    counts = [Count(stage, "now", agency, value) for stage, agency, value in rows_of(cursor, STANDING, asked)]
    entered: dict[tuple[str, str, int], int] = defaultdict(int)
    for stage, sector, agency, value in rows_of(cursor, ENTERED, asked):
        entered[stage, families.get(sector, SectorFamily.FIRST_LINE.value), agency] += value
        entered[stage, "entered", agency] += value
    counts += [Count(stage, column, agency, value) for (stage, column, agency), value in entered.items()]
    people: dict[tuple[str, int], dict[int, int]] = defaultdict(dict)
    for stage, days, agency, value in rows_of(cursor, WAITED, asked):
        people[stage, days][agency] = value
    sectors = [(family.value, _(family.label)) for family in SectorFamily]
    return Counted(
        rows=list(STAGES),
        columns=[("now", _("Now")), ("entered", _("Entered")), *sectors],
        counts=counts,
        medians=[Median(stage, "entered", days, by_agency) for (stage, days), by_agency in people.items()],
        sums=[("entered", [name for name, _title in sectors])],
        people_of="entered",
        # Whoever was lost in the period and not found again is lost now.
        nested=[(("lost", "entered"), ("lost", "now"))],
        # Everybody stands somewhere: all that ever entered, which the periods until now add up to.
        counted_up={"now": ("stage_entries", (("stage", "identified"),))},
        keys={
            (stage, column): (
                ("stage_standing", (("stage", stage),))
                if column == "now"
                else (
                    "stage_entries",
                    (*([("sector_family", column)] * (column != "entered")), ("stage", stage)),
                )
            )
            for stage, _title in STAGES
            for column in ("now", "entered", *(name for name, _title in sectors))
        },
        # Nobody is identified twice: a reader takes two months from their quarter and has the third.
        adds_up=FIRST_TIME,
        members={"identified": lambda: rows_of(cursor, IDENTIFIED, asked)},
    )
