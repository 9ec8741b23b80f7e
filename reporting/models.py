"""What was said about many people, who asked for it and who decided: releases, their ledger, grant reports.

Releases and what leads to them belong to the hub and stand in front of the walls: what of them can be read
holds protected figures only, and what was counted for them is sealed. A grant report is its agency's own,
exact, and stands behind its wall. No row here is about one client. What may be said is decided in sdc/.
"""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from agencies.privacy import Privacy
from agencies.scope import Scoped


class Grid(models.TextChoices):
    """The network's fixed periods. Where one lies in another, the ledger keeps either from telling."""

    MONTH = "month", _("Each month")
    QUARTER = "quarter", _("Each quarter")
    YEAR = "year", _("Each year (small networks)")
    THREE_YEARS = "3years", _("Every three years together (very small networks)")


class Calendar(models.Model):
    """The network's usual grid of periods, and how many days late records may still come in.

    Whoever publishes holds this table's lock: releases are made one after the other.
    """

    grid = models.CharField(max_length=8, choices=Grid, default=Grid.MONTH)
    settling_days = models.PositiveSmallIntegerField(default=10)

    privacy = Privacy(open={"id", "grid", "settling_days"})

    class Meta:
        ordering = ["pk"]
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="a_network_has_one_calendar")]

    def __str__(self) -> str:
        return self.grid


class Scope(models.TextChoices):
    """Who reads a release. Whoever reads one is taken to have read all."""

    PARTNERS = "partners", _("The network's agencies")
    PUBLIC = "public", _("The public")


class Mode(models.TextChoices):
    """How a table is protected. What anybody may read takes one of the last two."""

    SUPPRESSED = "suppressed", _("Small figures hidden")
    STRICT = "strict", _("Small figures hidden, strictly")
    ROUNDED = "rounded", _("Every figure rounded to 5")


FOR_ANYBODY = ~Q(scope=Scope.PUBLIC) | ~Q(mode=Mode.SUPPRESSED)


class Specification(models.Model):
    """A table that is released for each closed period of a grid, once a second person has approved it.

    `views` lists the measure's views by their dimensions; none for a measure that has one table. What was
    approved is this version of the measure: a later one takes a decision at each run. The database lets
    nothing of it change but the one decision and the one withdrawal.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    measure = models.CharField(max_length=60)
    measure_version = models.PositiveSmallIntegerField(default=1)
    views = models.JSONField(default=list)
    scope = models.CharField(max_length=8, choices=Scope)
    mode = models.CharField(max_length=10, choices=Mode)
    grid = models.CharField(max_length=8, choices=Grid)
    ends_at = models.DateTimeField(null=True, blank=True)
    asked_by = models.ForeignKey("agencies.User", models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(db_default=Now())
    decided_by = models.ForeignKey("agencies.User", models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    is_approved = models.BooleanField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    privacy = Privacy(
        open={
            "id",
            "measure",
            "measure_version",
            "views",
            "scope",
            "mode",
            "grid",
            "ends_at",
            "asked_by",
            "asked_at",
            "decided_by",
            "decided_at",
            "is_approved",
            "reason",
            "withdrawn_at",
        }
    )

    class Meta:
        ordering = ["measure", "scope", "asked_at"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(asked_by=F("decided_by")) | Q(decided_by=None),
                name="a_specification_is_approved_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None, decided_at=None, is_approved=None)
                | Q(decided_by__isnull=False, decided_at__isnull=False, is_approved__isnull=False),
                name="a_specification_is_decided_by_somebody_at_a_time",
            ),
            models.CheckConstraint(condition=FOR_ANYBODY, name="a_public_specification_is_strict_or_rounded"),
            models.UniqueConstraint(
                fields=["measure", "views", "scope", "grid"],
                condition=Q(withdrawn_at=None) & (Q(is_approved=None) | Q(is_approved=True)),
                name="a_specification_stands_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.measure} {self.scope} {self.grid}"


class Release(models.Model):
    """A protected table of a closed period, as it was said once and stays. A correction is a new release.

    `views` are those asked for, `views_shown` those that could be (a coarser menu of the measure's).
    `agencies` are those whose rows were counted, `as_of` when. `seed_commitment` is the SHA-256 of the seed
    that broke ties, in hex.
    """

    append_only = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    label = models.CharField(max_length=80, unique=True)
    measure = models.CharField(max_length=60)
    measure_version = models.PositiveSmallIntegerField()
    period_start = models.DateField()
    period_end = models.DateField()
    scope = models.CharField(max_length=8, choices=Scope, default=Scope.PARTNERS)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.SUPPRESSED)
    views = models.JSONField(default=list)
    views_shown = models.JSONField(default=list)
    table = models.JSONField()
    digest = models.CharField(max_length=64)
    engine_version = models.CharField(max_length=40, blank=True)
    seed_commitment = models.CharField(max_length=64, blank=True)
    as_of = models.DateTimeField()
    agencies = ArrayField(models.IntegerField(), default=list)
    specification = models.ForeignKey(
        Specification, models.PROTECT, null=True, blank=True, related_name="releases"
    )
    replaces = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="replaced_by")
    restated_in = models.PositiveSmallIntegerField(null=True, blank=True)
    requested_by = models.ForeignKey("agencies.User", models.PROTECT, null=True, blank=True, related_name="+")
    decided_by = models.ForeignKey("agencies.User", models.PROTECT, null=True, blank=True, related_name="+")
    made_at = models.DateTimeField(db_default=Now())

    privacy = Privacy(
        open={
            "id",
            "label",
            "measure",
            "measure_version",
            "period_start",
            "period_end",
            "scope",
            "mode",
            "views",
            "views_shown",
            "table",
            "digest",
            "engine_version",
            "seed_commitment",
            "as_of",
            "agencies",
            "specification",
            "replaces",
            "restated_in",
            "requested_by",
            "decided_by",
            "made_at",
        },
    )

    class Meta:
        ordering = ["-period_end", "-made_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["measure", "scope", "views", "period_start", "period_end"],
                condition=Q(replaces=None),
                name="a_closed_period_is_released_once",
            ),
            models.UniqueConstraint(
                fields=["measure", "scope", "views", "period_start", "period_end", "restated_in"],
                condition=Q(replaces__isnull=False),
                name="a_closed_period_is_restated_once_a_year",
            ),
            models.CheckConstraint(
                condition=Q(replaces=None, restated_in=None)
                | Q(replaces__isnull=False, restated_in__isnull=False),
                name="a_correction_says_its_year",
            ),
            # Those of the simple rule before this one (no engine named) knew no second person.
            models.CheckConstraint(
                condition=Q(engine_version="")
                | Q(requested_by__isnull=False, decided_by__isnull=False) & ~Q(requested_by=F("decided_by")),
                name="a_release_takes_two_people",
            ),
            models.CheckConstraint(condition=FOR_ANYBODY, name="a_public_release_is_strict_or_rounded"),
        ]

    def __str__(self) -> str:
        return self.label


class Proposal(models.Model):
    """One table that somebody wants released, and what became of it.

    It waits until the hub has drawn it, or is `blocked`: by the releases in `blocking`, or by what else
    `reason` names. The coordinator sees how much of it is hidden and asks; an output checker publishes
    exactly that table or refuses. It has lapsed where something it hangs together with was released in
    between, as it was protected without that. What was drawn never changes.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Being drawn")
        BLOCKED = "blocked", _("Can't be released")
        DRAWN = "drawn", _("Drawn, not asked for")
        ASKED = "asked", _("Waiting for the output checker")
        REFUSED = "refused", _("Refused")
        PUBLISHED = "published", _("Released")
        LAPSED = "lapsed", _("Lapsed")

    not_counted = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    specification = models.ForeignKey(
        Specification, models.PROTECT, null=True, blank=True, related_name="proposals"
    )
    measure = models.CharField(max_length=60)
    views = models.JSONField(default=list)
    scope = models.CharField(max_length=8, choices=Scope)
    mode = models.CharField(max_length=10, choices=Mode)
    grid = models.CharField(max_length=8, choices=Grid)
    period_start = models.DateField()
    period_end = models.DateField()
    replaces = models.ForeignKey(Release, models.PROTECT, null=True, blank=True, related_name="corrections")
    label = models.CharField(max_length=80)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    wanted_by = models.ForeignKey("agencies.User", models.PROTECT, related_name="+")
    wanted_at = models.DateTimeField(db_default=Now())
    hub = models.ForeignKey("agencies.Agency", models.PROTECT, related_name="+")
    drawn_at = models.DateTimeField(null=True, blank=True)
    drawn = models.JSONField(null=True, blank=True)
    protected_with = ArrayField(models.CharField(max_length=80), default=list)
    blocking = ArrayField(models.CharField(max_length=80), default=list)
    asked_by = models.ForeignKey("agencies.User", models.PROTECT, null=True, blank=True, related_name="+")
    asked_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey("agencies.User", models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    release = models.OneToOneField(Release, models.PROTECT, null=True, blank=True, related_name="proposal")

    privacy = Privacy(
        open={
            "id",
            "specification",
            "measure",
            "views",
            "scope",
            "mode",
            "grid",
            "period_start",
            "period_end",
            "replaces",
            "label",
            "state",
            "wanted_by",
            "wanted_at",
            "hub",
            "drawn_at",
            "drawn",
            "protected_with",
            "blocking",
            "asked_by",
            "asked_at",
            "decided_by",
            "decided_at",
            "reason",
            "release",
        },
    )

    class Meta:
        ordering = ["-wanted_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by=None)
                | ~Q(asked_by=F("decided_by")) & ~Q(wanted_by=F("decided_by")) & Q(asked_by__isnull=False),
                name="a_proposal_is_decided_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["refused", "published"]) | Q(decided_by__isnull=False),
                name="nothing_is_published_or_refused_by_nobody",
            ),
            models.CheckConstraint(
                condition=~Q(state="published") | Q(release__isnull=False),
                name="what_is_published_is_a_release",
            ),
            models.CheckConstraint(condition=FOR_ANYBODY, name="a_public_proposal_is_strict_or_rounded"),
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.state}"


class SealedCounts(models.Model):
    """What a drawn or released table counted, by agency, with what it said and its seed; and its certificate.

    Sealed under the hub office's keys. The counts are opened only to protect the next table and are shown
    nowhere; the certificate tells small from large, so it is the output checker's alone.
    """

    append_only = True
    not_counted = True

    release = models.OneToOneField(
        Release, models.PROTECT, null=True, blank=True, related_name="sealed_counts"
    )
    proposal = models.OneToOneField(
        Proposal, models.PROTECT, null=True, blank=True, related_name="sealed_counts"
    )
    hub = models.ForeignKey("agencies.Agency", models.PROTECT, related_name="+")
    counts_sealed = models.BinaryField()
    certificate_sealed = models.BinaryField()
    made_at = models.DateTimeField(db_default=Now())

    # Sealed, and yet about no client: totals of agencies. The counting role reads nothing of it.
    privacy = Privacy(
        open={"id", "release", "proposal", "hub", "counts_sealed", "certificate_sealed", "made_at"}
    )

    class Meta:
        ordering = ["-made_at"]
        verbose_name_plural = "sealed counts"
        constraints = [
            models.CheckConstraint(
                condition=Q(release=None, proposal__isnull=False) | Q(release__isnull=False, proposal=None),
                name="counts_are_sealed_for_one_table",
            )
        ]

    def __str__(self) -> str:
        return str(self.release_id or self.proposal_id)


class LiveFigure(models.Model):
    """What was said of a year that goes on: one step of figures that move in steps (reporting.sdc.steps).

    `table` is what readers see, ranges only; `said_at` when each of its figures last moved. What was counted
    is sealed under the hub office's keys, and opened to make the next step or to protect a release.
    """

    append_only = True
    not_counted = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    label = models.CharField(max_length=80, unique=True)
    specification = models.ForeignKey(Specification, models.PROTECT, related_name="live_figures")
    hub = models.ForeignKey("agencies.Agency", models.PROTECT, related_name="+")
    period_start = models.DateField()
    period_end = models.DateField()
    table = models.JSONField()
    digest = models.CharField(max_length=64)
    said_at = models.JSONField(default=dict)
    counts_sealed = models.BinaryField()
    made_at = models.DateTimeField(db_default=Now())

    privacy = Privacy(
        open={
            "id",
            "label",
            "specification",
            "hub",
            "period_start",
            "period_end",
            "table",
            "digest",
            "said_at",
            "counts_sealed",
            "made_at",
        }
    )

    class Meta:
        ordering = ["-made_at", "-label"]

    def __str__(self) -> str:
        return self.label


class TribalAnswer(models.Model):
    """What a tribal agency answered when a table was to hold its rows; its newest answer counts.

    About one specification, or about all single tables of a measure for one scope. Without an answer its
    rows are left out. The veto over everything is the agency's own (`sharing_vetoed`).
    """

    append_only = True
    not_counted = True

    agency = models.ForeignKey("agencies.Agency", models.PROTECT, related_name="+")
    specification = models.ForeignKey(
        Specification, models.PROTECT, null=True, blank=True, related_name="tribal_answers"
    )
    measure = models.CharField(max_length=60)
    scope = models.CharField(max_length=8, choices=Scope)
    is_allowed = models.BooleanField()
    by = models.ForeignKey("agencies.User", models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(db_default=Now())

    privacy = Privacy(
        open={"id", "agency", "specification", "measure", "scope", "is_allowed", "by", "at"},
    )

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.agency_id} {self.measure} {self.scope}"


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


class SavedView(models.Model):
    """A page of the numbers as one person likes to look at it, always with its newest figures.

    `page` and `choices` name what stands on that page's menus: nothing here is typed. `is_sent` asks for an
    e-mail when there are new figures; `told` is the newest release that the person knows of.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey("agencies.User", models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=20)
    choices = models.JSONField(default=dict)
    is_sent = models.BooleanField(default=False)
    told = models.CharField(max_length=80, blank=True)
    saved_at = models.DateTimeField(db_default=Now())

    privacy = Privacy(open={"id", "user", "page", "choices", "is_sent", "told", "saved_at"})

    class Meta:
        ordering = ["saved_at"]
        constraints = [
            models.UniqueConstraint(fields=["user", "page", "choices"], name="a_view_is_saved_once")
        ]

    def __str__(self) -> str:
        return self.page
