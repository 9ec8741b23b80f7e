"""What became of referrals, and which needs nobody took up.

Counted at the agency that sent them. Answers on the hub are the receivers' rows, read here without a name.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from referrals.picklists import DeclineReason, ServiceType
from reporting.measures import UNKNOWN, Group, Period, Row, clients_behind, cube, rows_of
from reporting.measures.dimensions import as_listed

# An agency outside the hub answers in the sender's words, one on the hub by its own row; the better wins.
# Open: somebody was asked and may still answer. Outside the hub nobody's time runs out.
FATES = """
sent AS (
    SELECT id, agency_id, client_id, needed, reported_outcome, reported_outcome_at, decline_reason
    FROM referrals_referral
    WHERE agency_id = ANY(%(agencies)s) AND sent_at >= %(start)s AND sent_at < LEAST(%(end)s, %(as_of)s)
),
said AS (
    SELECT referral_ref AS id, outcome, reason, responded_at AS at
    FROM referrals_response WHERE referral_ref IN (SELECT id FROM sent) AND responded_at < %(as_of)s
  UNION ALL
    SELECT id, reported_outcome, decline_reason, reported_outcome_at
    FROM sent
    WHERE reported_outcome <> '' AND (reported_outcome_at IS NULL OR reported_outcome_at < %(as_of)s)
),
answer AS (
    SELECT DISTINCT ON (id) id, outcome, reason FROM said
    ORDER BY id, outcome = 'accepted' DESC, outcome = 'waitlisted' DESC, at DESC NULLS LAST
),
offered AS (
    SELECT offer.referral_id AS id,
           bool_or(offer.expires_at >= %(as_of)s AND response.offer_id IS NULL) AS is_open
    FROM referrals_offer offer
    LEFT JOIN referrals_response response
      ON response.offer_id = offer.id AND response.responded_at < %(as_of)s
    WHERE offer.referral_id IN (SELECT id FROM sent) AND offer.offered_at < %(as_of)s
    GROUP BY 1
),
fate AS (
    SELECT sent.agency_id, sent.client_id, sent.needed,
           CASE WHEN answer.outcome IN ('accepted', 'waitlisted') THEN answer.outcome
                WHEN offered.is_open THEN 'open'
                WHEN answer.outcome IS NOT NULL THEN 'declined'
                WHEN offered.id IS NOT NULL THEN 'expired'
                ELSE 'open' END AS fate,
           COALESCE(answer.reason, '') AS reason
    FROM sent LEFT JOIN answer ON answer.id = sent.id LEFT JOIN offered ON offered.id = sent.id
)
"""
SENT = f"""
WITH {FATES}
SELECT fate, CASE WHEN fate = 'declined' THEN reason ELSE '' END, needed, COALESCE(client.county_id, ''),
       fate.agency_id, count(*)
FROM fate LEFT JOIN referrals_client client ON client.id = fate.client_id GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608
SENT_FOR = f"""
WITH {FATES}
SELECT fate.agency_id, fate.client_id AS who,
       ARRAY[fate, CASE WHEN fate = 'declined' THEN reason ELSE '' END, needed,
             COALESCE(client.county_id, '')] AS words
FROM fate LEFT JOIN referrals_client client ON client.id = fate.client_id
"""  # noqa: S608
_NEEDS = f"""
WITH {FATES}, need AS (
    SELECT agency_id, client_id, needed, bool_or(fate = 'accepted') AS is_met FROM fate GROUP BY 1, 2, 3
)
"""  # noqa: S608
NEEDED = f"""
{_NEEDS}
SELECT is_met::text, needed, COALESCE(client.county_id, ''), need.agency_id, count(*)
FROM need LEFT JOIN referrals_client client ON client.id = need.client_id GROUP BY 1, 2, 3, 4
"""  # noqa: S608
NEEDED_BY = f"""
{_NEEDS}
SELECT need.agency_id, need.client_id AS who,
       ARRAY[is_met::text, needed, COALESCE(client.county_id, '')] AS words
FROM need LEFT JOIN referrals_client client ON client.id = need.client_id
"""  # noqa: S608


def _asked(period: Period, as_of: datetime, agencies: list[int]) -> dict[str, object]:
    return {"start": period.starts_at, "end": period.ends_at, "as_of": as_of, "agencies": agencies}


_REASONS = {one.value for one in DeclineReason}


def _sent_at(fate: str, reason: str, need: str, county: str) -> tuple[str, str, str]:
    if fate == "declined":
        fate = f"declined_{reason if reason in _REASONS else 'unsaid'}"
    return fate, as_listed(ServiceType, need, "other"), county or UNKNOWN


def _needed_at(is_met: str, need: str, county: str) -> tuple[str, str, str]:
    met = "met" if is_met == "true" else "unmet"
    return met, as_listed(ServiceType, need, "other"), county or UNKNOWN


def sent_for(cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]) -> Iterable[Group]:
    """The clients who were referred."""
    return clients_behind(cursor, SENT_FOR, _asked(period, as_of, agencies), _sent_at)


def needed_by(cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]) -> Iterable[Group]:
    """The clients who needed something."""
    return clients_behind(cursor, NEEDED_BY, _asked(period, as_of, agencies), _needed_at)


@cube(
    name="offers",
    title=_("What became of referrals?"),
    universe="referrals_sent",
    counts=_("Referrals sent: one client may have several"),
    does_not_show=_(
        "Needs for which nobody was asked, or what happened after an acceptance. Agencies outside the hub "
        "answer through the sender, if at all."
    ),
    dimensions=("fate", "need", "county"),
    views=((), ("outcome",), ("answer",), ("fate",), ("need_group",), ("outcome", "need_group")),
    coarser=(((), ("outcome",), ("answer",), ("need_group",)), ((), ("outcome",))),
    period_bound=("fate", "answer", "outcome"),
    source=_("Referrals that the network's agencies sent, and the answers to them"),
    unit=_("One referral sent"),
    people=sent_for,
)
def offers(cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]) -> Iterable[Row]:
    """Referrals sent in the period, by what had become of each when it ended: accepted, waitlisted, declined
    (with the reason, and whether the client or the provider declined), expired without an answer, or still
    open; by what was needed and the county where the client lives."""
    found: dict[tuple[str, str, str, int], int] = defaultdict(int)
    for fate, reason, need, county, agency, sent in rows_of(cursor, SENT, _asked(period, as_of, agencies)):
        found[*_sent_at(fate, reason, need, county), agency] += sent
    return [(*at, sent) for at, sent in found.items()]


@cube(
    name="unmet_need",
    title=_("Which needs stay unmet?"),
    universe="needs",
    counts=_("Needs of each agency's clients: one for each kind of help somebody was asked for"),
    does_not_show=_("Needs for which nobody was asked, or help that was found without a referral."),
    dimensions=("met", "need", "county"),
    views=((), ("met",), ("met", "need_group"), ("met", "need"), ("met", "county")),
    coarser=(((), ("met",), ("met", "need_group"), ("met", "region")), ((), ("met",))),
    period_bound=("met",),
    source=_("Referrals that the network's agencies sent, and the answers to them"),
    unit=_("One kind of help that one client of one agency was referred for in the period"),
    people=needed_by,
)
def unmet_need(cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]) -> Iterable[Row]:
    """Kinds of help that clients were referred for in the period: met where one of those referrals had been
    accepted when it ended, unmet where none had; by kind of help and the county where the client lives."""
    found: dict[tuple[str, str, str, int], int] = defaultdict(int)
    for is_met, need, county, agency, needs in rows_of(cursor, NEEDED, _asked(period, as_of, agencies)):
        found[*_needed_at(is_met, need, county), agency] += needs
    return [(*at, needs) for at, needs in found.items()]
