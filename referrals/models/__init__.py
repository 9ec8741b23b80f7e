"""The nouns of the casework, one file a family. Every table stands behind its agency's wall."""

from referrals.models.cards import ContactCard
from referrals.models.clients import Client, ClientOpenedTo, Restriction
from referrals.models.contacts import Draft, FollowUp, Screening, Touchpoint
from referrals.models.enrollments import Enrollment, Service
from referrals.models.handover import Offer, Referral, Response
from referrals.models.imports import ColumnMapping, Import, ImportedRow, ImportProblem, RefusedRows

__all__ = [
    "Client",
    "ClientOpenedTo",
    "ColumnMapping",
    "ContactCard",
    "Draft",
    "Enrollment",
    "FollowUp",
    "Import",
    "ImportProblem",
    "ImportedRow",
    "Offer",
    "Referral",
    "RefusedRows",
    "Response",
    "Restriction",
    "Screening",
    "Service",
    "Touchpoint",
]
