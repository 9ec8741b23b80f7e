"""The nouns of the casework, one file a family. Every table stands behind its agency's wall."""

from referrals.models.availability import Opening, OpeningPost
from referrals.models.cards import ContactCard
from referrals.models.clients import Client, ClientOpenedTo, Restriction
from referrals.models.contacts import Draft, FollowUp, Screening, Touchpoint
from referrals.models.disclosures import Disclosure, Handover
from referrals.models.enrollments import Enrollment, Service
from referrals.models.handover import Offer, Referral, Response
from referrals.models.imports import ColumnMapping, Import, ImportedRow, ImportProblem, RefusedRows
from referrals.models.linkage import (
    LinkChange,
    LinkDecision,
    LinkEdge,
    LinkedPerson,
    LinkModel,
    LinkRecord,
    LinkToken,
)
from referrals.models.releases import (
    LIVE,
    CompelledDisclosure,
    CountObjection,
    ReleaseOfInformation,
    SigningRule,
)
from referrals.models.retention import LegalHold, Shredding
from referrals.models.review import LinkAnswer

__all__ = [
    "LIVE",
    "Client",
    "ClientOpenedTo",
    "ColumnMapping",
    "CompelledDisclosure",
    "ContactCard",
    "CountObjection",
    "Disclosure",
    "Draft",
    "Enrollment",
    "FollowUp",
    "Handover",
    "Import",
    "ImportProblem",
    "ImportedRow",
    "LegalHold",
    "LinkAnswer",
    "LinkChange",
    "LinkDecision",
    "LinkEdge",
    "LinkModel",
    "LinkRecord",
    "LinkToken",
    "LinkedPerson",
    "Offer",
    "Opening",
    "OpeningPost",
    "Referral",
    "RefusedRows",
    "ReleaseOfInformation",
    "Response",
    "Restriction",
    "Screening",
    "Service",
    "Shredding",
    "SigningRule",
    "Touchpoint",
]
