"""The whole vocabulary of access: what may be done (Permission) and who may do it (ROLES).

Roles decide acts, PostgreSQL decides rows, django-guardian stores who was granted which. The admin's
choices, the docs' matrix and the attack tests read this file; nothing else names a permission.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Permission(StrEnum):
    """One act. The value is the codename of a permission on `agencies.Agency`, granted per agency."""

    CONTACT_RECORD = "contact_record"
    CLIENT_VIEW = "client_view"
    CLIENT_EDIT = "client_edit"
    CLIENT_RESTRICT = "client_restrict"
    CARD_OPEN = "card_open"
    CARD_KEEP = "card_keep"
    REFERRAL_SEND = "referral_send"
    REFERRAL_ANSWER = "referral_answer"
    DATA_IMPORT = "data_import"
    REPORT_OWN = "report_own"
    REPORT_NETWORK = "report_network"
    REPORT_EXPORT = "report_export"
    REPORT_RELEASE = "report_release"
    GRANT_REPORT = "grant_report"
    LEDGER_READ = "ledger_read"
    AGENCY_MANAGE = "agency_manage"
    MEMBER_INVITE = "member_invite"
    NETWORK_MANAGE = "network_manage"
    HUB_OPERATE = "hub_operate"


# Who sees a client, takes data in or out, or lets people in, proves it with a second factor.
NEEDS_SECOND_FACTOR = frozenset(Permission) - {Permission.CONTACT_RECORD, Permission.REPORT_NETWORK}
# The roles for which a shared computer's passkey may stand in for a factor of one's own. Whoever else works
# at that computer knows its PIN, so nobody who takes data out, closes records, keeps keys or lets people in.
MAY_USE_A_WORKSTATION = frozenset({"hotline", "caseworker"})


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of permissions, held by a person at one agency."""

    name: str
    title: Promise | str
    means: Promise | str
    grants: frozenset[Permission]
    at_hub_office: bool = False

    @property
    def needs_second_factor(self) -> bool:
        return bool(self.grants & NEEDS_SECOND_FACTOR)


_WORK = frozenset(
    {
        Permission.CONTACT_RECORD,
        Permission.CLIENT_VIEW,
        Permission.CLIENT_EDIT,
        Permission.CARD_OPEN,
        Permission.REFERRAL_SEND,
        Permission.REFERRAL_ANSWER,
        Permission.REPORT_OWN,
        Permission.REPORT_NETWORK,
    }
)

_ALL = (
    Role(
        "caseworker", _("Caseworker"), _("Records contacts and services; sees the agency's clients."), _WORK
    ),
    Role(
        "supervisor",
        _("Supervisor"),
        _("A caseworker who also closes records to colleagues and reads who looked."),
        _WORK | {Permission.CLIENT_RESTRICT, Permission.CARD_KEEP, Permission.LEDGER_READ},
    ),
    Role(
        "data_lead",
        _("Agency data lead"),
        _("The agency's exact figures, imports, grant reports, projects and people."),
        frozenset(
            {
                Permission.CLIENT_VIEW,
                Permission.CARD_OPEN,
                Permission.CARD_KEEP,
                Permission.DATA_IMPORT,
                Permission.REPORT_OWN,
                Permission.REPORT_NETWORK,
                Permission.REPORT_EXPORT,
                Permission.GRANT_REPORT,
                Permission.LEDGER_READ,
                Permission.AGENCY_MANAGE,
                Permission.MEMBER_INVITE,
            }
        ),
    ),
    Role(
        "hotline",
        _("Hotline volunteer"),
        _("Records contacts; reads nothing back."),
        frozenset({Permission.CONTACT_RECORD}),
    ),
    Role(
        "partner_viewer",
        _("Partner viewer"),
        _("Sees the shared, protected figures. Never sees a client."),
        frozenset({Permission.REPORT_NETWORK}),
    ),
    Role(
        "coordinator",
        _("Coordinator"),
        _("Network reports, exports, agencies and their agreements. Never sees a client."),
        frozenset(
            {
                Permission.REPORT_NETWORK,
                Permission.REPORT_EXPORT,
                Permission.NETWORK_MANAGE,
                Permission.MEMBER_INVITE,
            }
        ),
        at_hub_office=True,
    ),
    Role(
        "output_checker",
        _("Output checker"),
        _("Approves protected tables before they are published. Never sees a client."),
        frozenset({Permission.REPORT_NETWORK, Permission.REPORT_RELEASE}),
        at_hub_office=True,
    ),
    Role(
        "auditor",
        _("Auditor or funder"),
        _("Totals with their definitions. Never sees a client."),
        frozenset({Permission.REPORT_NETWORK}),
    ),
    Role(
        "survivor_consultant",
        _("Survivor consultant"),
        _("Totals, and a say in the words on the screens. Never sees a client."),
        frozenset({Permission.REPORT_NETWORK}),
    ),
    Role(
        "hub_operator",
        _("Hub operator"),
        _("Keeps the hub running. Reads no client data."),
        frozenset({Permission.HUB_OPERATE}),
        at_hub_office=True,
    ),
)

ROLES: dict[str, Role] = {role.name: role for role in _ALL}
