"""Single contacts: touchpoints (also anonymous), screenings, follow-ups, and drafts not yet saved."""

from django.db import models
from django.db.models import Q

from agencies.privacy import Privacy
from agencies.scope import Scoped
from referrals import picklists
from referrals.models.clients import Client
from referrals.models.enrollments import Enrollment
from referrals.models.fields import PicklistField, PicklistsField


class Touchpoint(Scoped):
    """One contact. Without a client it is anonymous: counted beside clients, never among them (K7).

    Agency, day and sector are all it needs (R01).
    """

    client = models.ForeignKey(
        Client, models.PROTECT, null=True, blank=True, related_name="touchpoints", db_constraint=False
    )
    enrollment = models.ForeignKey(
        Enrollment, models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False
    )
    project = models.ForeignKey(
        "agencies.Project", models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False
    )
    occurred_at = models.DateTimeField()
    sector = PicklistField(picklists.Sector)
    kind = PicklistField(picklists.TouchpointKind, default="contact")
    given = PicklistsField(picklists.ContactGiven)
    trafficking_status = PicklistField(picklists.TraffickingStatus)
    status_decided_by = PicklistField(picklists.StatusDecidedBy)
    trafficking_type = PicklistField(picklists.TraffickingType)
    age_band = PicklistField(picklists.AgeBand)
    county = models.ForeignKey("agencies.County", models.PROTECT, null=True, blank=True, related_name="+")
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
            "occurred_at",
            "sector",
            "kind",
            "given",
            "trafficking_status",
            "status_decided_by",
            "trafficking_type",
            "age_band",
            "county",
            "worker",
        },
    )

    class Meta:
        ordering = ["-occurred_at", "pk"]
        indexes = [
            models.Index(fields=["agency", "client", "-occurred_at"], name="touchpoints_by_client"),
            models.Index(fields=["agency", "-occurred_at"], name="touchpoints_by_time"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "source_key"],
                condition=~Q(source_key=""),
                name="a_touchpoint_of_a_file_is_taken_in_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sector} {self.occurred_at:%Y-%m-%d}"


class Screening(Scoped):
    """A screening, to screen in: results only ever add options. Stopping is a result too (S1, S3)."""

    client = models.ForeignKey(Client, models.PROTECT, related_name="screenings", db_constraint=False)
    enrollment = models.ForeignKey(
        Enrollment, models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False
    )
    screened_at = models.DateTimeField()
    tool = PicklistField(picklists.ScreeningTool)
    tool_version = models.CharField(max_length=20, blank=True)
    language = PicklistField(picklists.Language)
    result = PicklistField(picklists.ScreeningResult)
    sex_asked = models.BooleanField(null=True, blank=True)
    labor_asked = models.BooleanField(null=True, blank=True)
    worker = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")
    source_key = models.CharField(max_length=64, blank=True)

    privacy = Privacy(
        direct={"source_key"},
        kept={"source_key"},
        linkable={
            "client",
            "enrollment",
            "screened_at",
            "tool",
            "tool_version",
            "language",
            "result",
            "sex_asked",
            "labor_asked",
            "worker",
        },
    )

    class Meta:
        ordering = ["-screened_at", "pk"]
        indexes = [models.Index(fields=["agency", "client", "screened_at"], name="screenings_by_client")]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "source_key"],
                condition=~Q(source_key=""),
                name="a_screening_of_a_file_is_taken_in_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.result} {self.screened_at:%Y-%m-%d}"


class FollowUp(Scoped):
    """A contact after the exit, and how the client was."""

    client = models.ForeignKey(Client, models.PROTECT, related_name="follow_ups", db_constraint=False)
    enrollment = models.ForeignKey(
        Enrollment, models.PROTECT, null=True, blank=True, related_name="follow_ups", db_constraint=False
    )
    followed_up_at = models.DateTimeField()
    outcome = PicklistField(picklists.FollowUpOutcome)
    worker = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")
    source_key = models.CharField(max_length=64, blank=True)

    privacy = Privacy(
        direct={"source_key"},
        kept={"source_key"},
        linkable={"client", "enrollment", "followed_up_at", "outcome", "worker"},
    )

    class Meta:
        ordering = ["-followed_up_at", "pk"]
        indexes = [models.Index(fields=["agency", "client", "followed_up_at"], name="follow_ups_by_client")]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "source_key"],
                condition=~Q(source_key=""),
                name="a_follow_up_of_a_file_is_taken_in_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.followed_up_at:%Y-%m-%d}"


class Draft(Scoped):
    """What a worker has typed and not saved: sealed, their own, kept 30 days."""

    user = models.ForeignKey("agencies.User", models.CASCADE, related_name="+")
    form = models.CharField(max_length=40)
    client = models.ForeignKey(
        Client, models.CASCADE, null=True, blank=True, related_name="+", db_constraint=False
    )
    body_sealed = models.BinaryField()

    sealed_about_itself = True
    privacy = Privacy(direct={"body_sealed"}, whole=True, linkable={"client"}, open={"user", "form"})

    class Meta:
        ordering = ["-changed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "user", "form", "client"],
                name="a_worker_keeps_one_draft_a_form_and_client",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return self.form
