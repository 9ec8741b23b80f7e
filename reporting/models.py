"""What was said about many people, and to whom: releases with their showings, and agencies' grant reports.

Releases are append-only and belong to the hub: they hold protected figures only, so they stand in front of
the walls. A grant report is its agency's own, exact, and stands behind its wall. No row here is about one
client. What may be said is decided in sdc/.
"""

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from agencies.privacy import Privacy
from agencies.scope import Scoped


class Grid(models.TextChoices):
    """The network's fixed periods. One grid a network: nested windows give hidden cells away."""

    MONTH = "month", _("Each month")
    QUARTER = "quarter", _("Each quarter")
    YEAR = "year", _("Each year (small networks)")


class Calendar(models.Model):
    """The network's one grid of periods, and how many days late records may still come in."""

    grid = models.CharField(max_length=8, choices=Grid, default=Grid.MONTH)
    settling_days = models.PositiveSmallIntegerField(default=10)

    privacy = Privacy(open={"id", "grid", "settling_days"})

    class Meta:
        ordering = ["pk"]
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="a_network_has_one_calendar")]

    def __str__(self) -> str:
        return self.grid


class Release(models.Model):
    """A protected table of a closed period, as it was said once and stays. A correction is a new release."""

    append_only = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    label = models.CharField(max_length=40, unique=True)
    measure = models.CharField(max_length=60)
    measure_version = models.PositiveSmallIntegerField()
    period_start = models.DateField()
    period_end = models.DateField()
    table = models.JSONField()
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField(db_default=Now())

    privacy = Privacy(
        open={
            "id",
            "label",
            "measure",
            "measure_version",
            "period_start",
            "period_end",
            "table",
            "digest",
            "made_at",
        }
    )

    class Meta:
        ordering = ["-period_end", "-made_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["measure", "period_start", "period_end"], name="a_closed_period_is_released_once"
            )
        ]

    def __str__(self) -> str:
        return self.label


class LinkedStep(models.Model):
    """What linking took off a release's people when it was first shown, without each agency's rows in turn.

    The next release shows such a range only if this moves far enough (reporting.sdc.linked). Never shown.
    """

    append_only = True

    release = models.OneToOneField(Release, models.PROTECT, related_name="linked_step")
    merged = models.JSONField()
    made_at = models.DateTimeField(db_default=Now())

    privacy = Privacy(open={"id", "release", "merged", "made_at"})

    class Meta:
        ordering = ["-made_at", "-pk"]

    def __str__(self) -> str:
        return str(self.release_id)


class Showing(models.Model):
    """That a release was shown: to whom, how. With the release's cells, the ledger of everything shown."""

    append_only = True

    release = models.ForeignKey(Release, models.PROTECT, related_name="showings")
    user = models.ForeignKey("agencies.User", models.SET_NULL, null=True, related_name="+")
    channel = models.CharField(max_length=12)
    shown_at = models.DateTimeField(db_default=Now())

    privacy = Privacy(open={"id", "release", "user", "channel", "shown_at"})

    class Meta:
        ordering = ["-shown_at"]

    def __str__(self) -> str:
        return f"{self.release_id} {self.channel}"


class GrantReport(Scoped):
    """One version of an agency's report to a funder: form, period, and for one award or all of the agency.

    A draft holds what people entered; its other numbers are counted live. Freezing writes the numbers down,
    and from then on the database lets nothing of the row change. A correction is the next version.
    `entered` and `numbers` map item codes to numbers, or to a choice's letters.
    """

    form = models.CharField(max_length=40)
    form_version = models.CharField(max_length=40)
    award = models.ForeignKey(
        "agencies.Award", models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False
    )
    period_start = models.DateField()
    period_end = models.DateField()
    version = models.PositiveSmallIntegerField(default=1)
    entered = models.JSONField(default=dict)
    numbers = models.JSONField(default=dict)
    frozen_at = models.DateTimeField(null=True, blank=True)
    # Without a constraint: whoever leaves, what they froze stays as it is.
    frozen_by = models.ForeignKey(
        "agencies.User", models.DO_NOTHING, null=True, blank=True, related_name="+", db_constraint=False
    )

    # About nobody: totals of an agency, and when they were made.
    privacy = Privacy(
        open={
            "id",
            "agency",
            "recorded_at",
            "changed_at",
            "form",
            "form_version",
            "award",
            "period_start",
            "period_end",
            "version",
            "entered",
            "numbers",
            "frozen_at",
            "frozen_by",
        }
    )

    class Meta:
        ordering = ["-period_start", "form", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "form", "award", "period_start", "period_end", "version"],
                name="a_version_of_a_grant_report_stands_once",
                nulls_distinct=False,
            ),
            models.UniqueConstraint(
                fields=["agency", "form", "award", "period_start", "period_end"],
                condition=models.Q(frozen_at=None),
                name="a_grant_report_has_one_draft",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(period_end__gt=models.F("period_start")),
                name="a_grant_reports_period_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.form} {self.period_start} v{self.version}"
