"""A client's time in a project, and what was done in it."""

from django.db import models
from django.db.models import F, Q

from agencies.privacy import Privacy
from agencies.scope import Scoped
from referrals import picklists
from referrals.models.clients import Client
from referrals.models.fields import PicklistField


class Enrollment(Scoped):
    """From `entry_on` until `exit_on` (half-open, open while null) a client is in a project (HMIS).

    `age_at_entry` in whole years comes only with a report bundle; otherwise the band.
    """

    client = models.ForeignKey(Client, models.PROTECT, related_name="enrollments", db_constraint=False)
    project = models.ForeignKey("agencies.Project", models.PROTECT, related_name="+", db_constraint=False)
    entry_on = models.DateField()
    exit_on = models.DateField(null=True, blank=True)
    age_band_at_entry = PicklistField(picklists.AgeBand)
    age_at_entry = models.PositiveSmallIntegerField(null=True, blank=True)
    referral_source = PicklistField(picklists.ReferralSource)
    destination = PicklistField(picklists.Destination, blank=True)
    exit_reason = PicklistField(picklists.ExitReason, blank=True)
    is_reopened = models.BooleanField(default=False)
    source_key = models.CharField(max_length=64, blank=True)

    privacy = Privacy(
        direct={"source_key"},
        kept={"source_key"},
        linkable={
            "client",
            "project",
            "entry_on",
            "exit_on",
            "age_band_at_entry",
            "age_at_entry",
            "referral_source",
            "destination",
            "exit_reason",
            "is_reopened",
        },
    )

    class Meta:
        ordering = ["-entry_on", "pk"]
        indexes = [
            models.Index(fields=["agency", "client", "entry_on"], name="enrollments_by_client"),
            models.Index(fields=["agency", "entry_on"], name="enrollments_by_entry"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(exit_on=None) | Q(exit_on__gte=F("entry_on")),
                name="an_enrollment_ends_after_it_begins",
            ),
            models.UniqueConstraint(
                fields=["agency", "source_key"],
                condition=~Q(source_key=""),
                name="an_enrollment_of_a_file_is_taken_in_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entry_on}"


class Service(Scoped):
    """One service on one day. Hours, occurrences, nights and dollars stand apart and are never added (K9)."""

    client = models.ForeignKey(Client, models.PROTECT, related_name="services", db_constraint=False)
    enrollment = models.ForeignKey(
        Enrollment, models.PROTECT, null=True, blank=True, related_name="services", db_constraint=False
    )
    project = models.ForeignKey(
        "agencies.Project", models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False
    )
    provided_on = models.DateField()
    type = PicklistField(picklists.ServiceType)
    mode = PicklistField(picklists.ServiceMode, default="direct")
    quantity = models.DecimalField(max_digits=9, decimal_places=2, default=1)
    unit = PicklistField(picklists.ServiceUnit, default="occurrences")
    worker = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")
    note_sealed = models.BinaryField(blank=True)
    source_key = models.CharField(max_length=64, blank=True)

    privacy = Privacy(
        direct={"note_sealed", "source_key"},
        kept={"source_key"},
        linkable={
            "client",
            "enrollment",
            "project",
            "provided_on",
            "type",
            "mode",
            "quantity",
            "unit",
            "worker",
        },
    )

    class Meta:
        ordering = ["-provided_on", "-recorded_at", "pk"]
        indexes = [
            models.Index(fields=["agency", "client", "-provided_on"], name="services_by_client"),
            models.Index(fields=["agency", "provided_on"], name="services_by_day"),
            models.Index(fields=["agency", "enrollment", "provided_on"], name="services_by_enrollment"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="a_service_has_an_amount"),
            models.UniqueConstraint(
                fields=["agency", "source_key"],
                condition=~Q(source_key=""),
                name="a_service_of_a_file_is_taken_in_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.provided_on}"
