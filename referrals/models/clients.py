"""The person served, as one agency knows them, and who at the agency may open the record.

Nothing here says who a client is: the agency's own code is sealed, everything else is a band or a list.
"""

from typing import ClassVar

from django.db import models
from guardian.managers import UserObjectPermissionManager
from guardian.models import UserObjectPermissionBase

from agencies.privacy import Privacy
from agencies.scope import OfAgency, Scoped
from referrals import picklists
from referrals.models.fields import PicklistField, PicklistsField


class Client(Scoped):
    """One agency's client (HMIS Client; HTCDS Person and Victim context). Every fact is optional.

    `code_sealed` is the agency's own code for the client, never a name; `code_token` finds it again under
    the agency's key. `source_key` is the file's pseudonymous id, for records that came by import.
    Trafficking status always says who decided it: a grantee can't determine that a person is a victim.
    """

    code_sealed = models.BinaryField(blank=True)
    code_token = models.BinaryField(max_length=32, null=True)
    source_key = models.CharField(max_length=64, blank=True)
    worker = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")
    age_band = PicklistField(picklists.AgeBand)
    gender = PicklistField(picklists.Gender)
    races = PicklistsField(picklists.Race)
    citizenship = PicklistField(picklists.CitizenshipClass)
    language = PicklistField(picklists.Language)
    county = models.ForeignKey("agencies.County", models.PROTECT, null=True, blank=True, related_name="+")
    trafficking_status = PicklistField(picklists.TraffickingStatus)
    status_decided_by = PicklistField(picklists.StatusDecidedBy)
    status_decided_on = models.DateField(null=True, blank=True)
    trafficking_type = PicklistField(picklists.TraffickingType)
    recruitment_methods = PicklistsField(picklists.RecruitmentMethod)
    means_of_control = PicklistsField(picklists.MeansOfControl)
    industry = PicklistField(picklists.Industry)
    venue = PicklistField(picklists.Venue)
    relationship_to_trafficker = PicklistField(picklists.RelationshipToTrafficker)
    classifications = PicklistsField(picklists.SpecialClassification)
    victimizations = PicklistsField(picklists.Victimization)

    privacy = Privacy(
        direct={"code_sealed", "code_token", "source_key"},
        kept={"source_key"},
        linkable={
            "worker",
            "age_band",
            "gender",
            "races",
            "citizenship",
            "language",
            "county",
            "trafficking_status",
            "status_decided_by",
            "status_decided_on",
            "trafficking_type",
            "recruitment_methods",
            "means_of_control",
            "industry",
            "venue",
            "relationship_to_trafficker",
            "classifications",
            "victimizations",
        },
    )

    class Meta:
        ordering = ["-recorded_at", "pk"]
        indexes = [
            models.Index(fields=["agency", "-changed_at"], name="clients_by_change"),
            models.Index(fields=["agency", "worker"], name="clients_by_worker"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "code_token"], name="an_agency_uses_a_code_once", nulls_distinct=True
            ),
            models.UniqueConstraint(
                fields=["agency", "source_key"],
                condition=~models.Q(source_key=""),
                name="a_client_of_a_file_is_taken_in_once",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Restriction(Scoped):
    """A record closed to colleagues (a relative, a threatened witness): only those named may open it."""

    client = models.OneToOneField(Client, models.CASCADE, related_name="restriction", db_constraint=False)

    privacy = Privacy(linkable={"client"})

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return str(self.client_id)


class ClientOpenedTo(UserObjectPermissionBase):
    """Guardian's direct grant of one restricted client to one worker; the row policies read this table."""

    content_object = models.ForeignKey(Client, models.CASCADE, db_constraint=False, related_name="opened_to")
    agency = models.ForeignKey(
        "agencies.Agency", models.PROTECT, related_name="+", db_default=OfAgency(), editable=False
    )

    objects: ClassVar[UserObjectPermissionManager] = UserObjectPermissionManager()
    privacy = Privacy(open={"id", "agency", "permission", "user"}, linkable={"content_object"})

    class Meta(UserObjectPermissionBase.Meta):
        ordering = ["pk"]
