"""What agencies say they can take on now: each agency's own posts, and what of the latest everybody may read.

Two tables, because PostgreSQL shows rows, not columns: an OpeningPost says how many places there are in all
and stays the agency's own; the Opening made of it goes across. No row here is about a client.
"""

from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from agencies.models import County, Project
from agencies.privacy import Privacy
from agencies.scope import Scoped
from referrals import picklists
from referrals.models.fields import PicklistField, PicklistsField

# A number to call, and nothing that an address fits into; PostgreSQL holds it too.
PHONE = r"^(\+?[0-9(][0-9 ().-]{5,19}[0-9]( x[0-9]{1,5})?)?$"
MOST_PLACES, MOST_HOURS, USUAL_HOURS = 5000, 168, 24


class OpeningPost(Scoped):
    """One post: what a project could take on at `posted_at`. The agency's own, and append-only.

    `places` are all there are, `free` those that nobody has; None is not said. `wait` is how long people on a
    list wait, and never how many they are. `is_withdrawn` takes what stood before down.
    """

    project = models.ForeignKey(Project, models.PROTECT, related_name="+", db_constraint=False)
    kind = PicklistField(picklists.ServiceType)
    places = models.PositiveSmallIntegerField(null=True, blank=True)
    free = models.PositiveSmallIntegerField(null=True, blank=True)
    wait = PicklistField(picklists.Wait, blank=True, default="")
    accepts = PicklistsField(picklists.Accepted)
    languages = PicklistsField(picklists.Language, default=list)
    phone = models.CharField(max_length=28, blank=True, default="", validators=[RegexValidator(PHONE)])
    stale_hours = models.PositiveSmallIntegerField(
        default=USUAL_HOURS, validators=[MinValueValidator(1), MaxValueValidator(MOST_HOURS)]
    )
    is_confidential = models.BooleanField(default=True)
    is_withdrawn = models.BooleanField(default=False)
    posted_at = models.DateTimeField(default=timezone.now)
    worker = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")

    append_only = True
    not_counted = True
    privacy = Privacy(
        open={
            "project",
            "kind",
            "places",
            "free",
            "wait",
            "accepts",
            "languages",
            "phone",
            "stale_hours",
            "is_confidential",
            "is_withdrawn",
            "posted_at",
            "worker",
            "recorded_at",
            "changed_at",
        }
    )

    class Meta:
        ordering = ["-posted_at", "pk"]
        indexes = [models.Index(fields=["agency", "project", "-posted_at"], name="openingposts_by_project")]
        constraints = [
            models.CheckConstraint(
                condition=Q(places=None) | Q(places__gte=1, places__lte=MOST_PLACES),
                name="a_post_has_places_or_does_not_say",
            ),
            models.CheckConstraint(
                condition=Q(free=None)
                | Q(free__lte=MOST_PLACES) & (Q(places=None) | Q(free__lte=F("places"))),
                name="no_more_is_free_than_there_is",
            ),
            models.CheckConstraint(
                condition=Q(stale_hours__gte=1, stale_hours__lte=MOST_HOURS), name="a_post_goes_stale"
            ),
            models.CheckConstraint(condition=Q(phone__regex=PHONE), name="a_post_says_a_number_to_call"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}"

    @property
    def taken(self) -> int | None:
        """Places that somebody has, exact; None where the post does not say."""
        return None if self.places is None or self.free is None else self.places - self.free


class Opening(Scoped):
    """What everybody with a role may read of the latest post about a project and a kind of help.

    PostgreSQL writes every fact of it from the post and the project (migration 0014), whoever writes the row:
    a confidential site has no county here and no share taken, whether the project or the post calls it so.
    `taken_tenths` (of ten) is there only where at least 11 places are taken. Not published: the latest post
    took it down, and only the agency reads it.
    """

    post = models.ForeignKey(OpeningPost, models.PROTECT, related_name="+", db_constraint=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="+", db_constraint=False)
    kind = PicklistField(picklists.ServiceType)
    county = models.ForeignKey(County, models.PROTECT, null=True, blank=True, related_name="+")
    free = models.PositiveSmallIntegerField(null=True, blank=True)
    wait = PicklistField(picklists.Wait, blank=True, default="")
    accepts = PicklistsField(picklists.Accepted)
    languages = PicklistsField(picklists.Language, default=list)
    phone = models.CharField(max_length=28, blank=True, default="")
    taken_tenths = models.PositiveSmallIntegerField(null=True, blank=True)
    is_confidential = models.BooleanField(default=True)
    is_published = models.BooleanField(default=False)
    posted_at = models.DateTimeField(default=timezone.now)
    stale_at = models.DateTimeField(default=timezone.now)

    not_counted = True
    privacy = Privacy(
        open={
            "post",
            "project",
            "kind",
            "county",
            "free",
            "wait",
            "accepts",
            "languages",
            "phone",
            "taken_tenths",
            "is_confidential",
            "is_published",
            "posted_at",
            "stale_at",
            "recorded_at",
            "changed_at",
        }
    )

    class Meta:
        ordering = ["kind", "agency", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "project", "kind"], name="one_opening_stands_for_a_kind"
            ),
            models.CheckConstraint(
                condition=Q(is_confidential=False) | Q(county=None, taken_tenths=None),
                name="a_confidential_site_is_nowhere",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}"

    def is_stale(self, now: datetime) -> bool:
        """Whether it is older than its agency says a post may be."""
        return self.stale_at <= now
