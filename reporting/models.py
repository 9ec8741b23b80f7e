"""What was said about many people, and to whom: releases and their showings. Both are append-only.

They belong to the hub, not to an agency, and hold protected figures only: no row of theirs is about a
client, so they stand in front of the walls. What may be said is decided in sdc/.
"""

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from agencies.privacy import Privacy


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
