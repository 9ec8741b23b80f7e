"""Contacts: all of them, and those that name nobody, who stand beside clients and never among them (K7)."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from referrals.picklists import Sector, SectorGroup, TouchpointKind
from reporting.measures import (
    UNKNOWN,
    Count,
    Counted,
    Group,
    Period,
    Row,
    clients_behind,
    cube,
    measure,
    rows_of,
)
from reporting.measures.dimensions import as_listed

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
        # As contacts_by_sector counts them.
        keys={
            ("anonymous", column): (
                "contacts",
                (("contact_of", "anonymous"), *([("sector_group", column)] * (column != "contacts"))),
            )
            for column in ("contacts", *(name for name, _title in sectors))
        },
        adds_up=frozenset({"contacts"}),
        people_of="",
    )


CONTACTS = """
    SELECT sector, kind, (client_id IS NULL)::text, COALESCE(contact.county_id, client.county_id, ''),
           contact.agency_id, count(*)
    FROM referrals_touchpoint contact LEFT JOIN referrals_client client ON client.id = contact.client_id
    WHERE contact.agency_id = ANY(%(agencies)s)
      AND occurred_at >= %(start)s AND occurred_at < LEAST(%(end)s, %(as_of)s)
    GROUP BY 1, 2, 3, 4, 5
"""
# Of a contact that names nobody, nobody knows who it was: it stands for itself.
MET = """
    SELECT contact.agency_id, COALESCE(client_id, contact.id) AS who,
           ARRAY[sector, kind, (client_id IS NULL)::text,
                 COALESCE(contact.county_id, client.county_id, '')] AS words
    FROM referrals_touchpoint contact LEFT JOIN referrals_client client ON client.id = contact.client_id
    WHERE contact.agency_id = ANY(%(agencies)s)
      AND occurred_at >= %(start)s AND occurred_at < LEAST(%(end)s, %(as_of)s)
"""


def _met_at(sector: str, kind: str, is_anonymous: str, county: str) -> tuple[str, str, str, str]:
    return (
        as_listed(Sector, sector, Sector.OTHER.value),
        as_listed(TouchpointKind, kind, TouchpointKind.CONTACT.value),
        "anonymous" if is_anonymous == "true" else "client",
        county or UNKNOWN,
    )


def met(cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]) -> Iterable[Group]:
    """The clients met, and each contact that names nobody."""
    asked = {"start": period.starts_at, "end": period.ends_at, "as_of": as_of, "agencies": agencies}
    return clients_behind(cursor, MET, asked, _met_at)


@cube(
    name="contacts_by_sector",
    title=_("Where do contacts happen?"),
    universe="contacts",
    counts=_("Contacts: one person may have several"),
    does_not_show=_("How many people were met, or contacts that nobody wrote down."),
    dimensions=("sector", "contact_kind", "contact_of", "county"),
    views=(
        (),
        ("contact_of",),
        ("sector_group",),
        ("contact_kind",),
        ("county",),
        ("sector_group", "contact_of"),
        ("sector_group", "contact_kind"),
        ("sector_group", "county"),
    ),
    coarser=(
        (
            (),
            ("contact_of",),
            ("sector_family",),
            ("contact_kind",),
            ("region",),
            ("sector_family", "contact_of"),
            ("sector_family", "region"),
        ),
        ((), ("contact_of",), ("sector_family",), ("region",)),
    ),
    adds_up=True,
    source=_("Contacts that the network's agencies wrote down"),
    unit=_("One contact, of a client or anonymous"),
    people=met,
)
def contacts_by_sector(
    cursor: CursorWrapper, period: Period, as_of: datetime, agencies: list[int]
) -> Iterable[Row]:
    """Contacts dated in the period, by sector, by kind, by whether they name a client, and by county: of the
    contact where it is written down, else where the client lives."""
    asked = {"start": period.starts_at, "end": period.ends_at, "as_of": as_of, "agencies": agencies}
    found: dict[tuple[str, str, str, str, int], int] = defaultdict(int)
    for sector, kind, is_anonymous, county, agency, contacts in rows_of(cursor, CONTACTS, asked):
        found[*_met_at(sector, kind, is_anonymous, county), agency] += contacts
    return [(*at, contacts) for at, contacts in found.items()]
