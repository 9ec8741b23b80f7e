"""What a client allowed, by whose signature and until when; and what the law took without (ADR 0016).

The rows only. Who may sign, and what a release opens, stands in `referrals.releases` and in migration 0008.
"""

from datetime import date, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from agencies.privacy import Privacy
from agencies.scope import Scoped
from referrals import picklists
from referrals.models.clients import Client
from referrals.models.fields import PicklistField, PicklistsField
from referrals.picklists import LONGEST_RELEASE, DisclosureClass, ReleasePurpose

LIVE = Q(revoked_at=None, starts_at__lte=Now(), ends_at__gt=Now())
"""What makes a release live: asked of the database's statement clock, and kept nowhere."""

# Ends stand at midnight, so a day more covers the hour by which clocks are put back.
_SLACK = timedelta(days=1)


class SigningRule(Scoped):
    """From `from_age` years on, a minor signs alone for this purpose; `citation` is the law that says so.

    The agency's own table, shipped empty: states differ. A rule is never edited. It ends, and stays with the
    releases that were signed under it.
    """

    purpose = PicklistField(picklists.ReleasePurpose)
    from_age = models.PositiveSmallIntegerField()
    citation = models.CharField(max_length=120)
    ended_at = models.DateTimeField(null=True, blank=True)

    privacy = Privacy(open={"recorded_at", "changed_at", "purpose", "from_age", "citation", "ended_at"})

    class Meta:
        ordering = ["purpose", "from_age", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(from_age__gte=1, from_age__lte=17), name="a_signing_rule_is_about_minors"
            ),
            models.CheckConstraint(condition=~Q(citation=""), name="a_signing_rule_cites_its_law"),
        ]

    def __str__(self) -> str:
        return self.citation


class ReleaseOfInformation(Scoped):
    """A client allows one `recipient` (None: the hub, for counting) exactly `classes`, for a time.

    It lives from `starts_at` until before `ends_at`, by the database's statement clock, unless `revoked_at`
    is set. Only the owner reads it: what goes across carries an end of its own, no later. `partners` are the
    agencies among which a release to the hub counts the client. Nothing of it changes but that it is
    revoked; to renew is a new row (`renews`). `rule` is the one under which a minor signed alone.
    """

    client = models.ForeignKey(Client, models.PROTECT, related_name="releases", db_constraint=False)
    recipient = models.ForeignKey("agencies.Agency", models.PROTECT, null=True, blank=True, related_name="+")
    classes = PicklistsField(picklists.ReleaseClass)
    partners = ArrayField(models.IntegerField(), default=list, blank=True)
    purpose = PicklistField(picklists.ReleasePurpose)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    longer_reason = PicklistField(picklists.LongerReason, blank=True)
    signed_on = models.DateField()
    signed_how = PicklistField(picklists.SigningWay)
    signer = PicklistField(picklists.SignerCapacity)
    rule = models.ForeignKey(
        SigningRule, models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False
    )
    language = PicklistField(picklists.Language)
    interpreter = PicklistField(picklists.InterpreterUse)
    risks_explained = models.BooleanField(default=False)
    copy_given = PicklistField(picklists.CopyGiven)
    worker = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")
    renews = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="renewals", db_constraint=False
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_how = PicklistField(picklists.RevocationWay, blank=True)
    revoked_by = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")

    # Nothing is allowed of whoever was forgotten, and what was taken back does not come back with a dump.
    shredder_may = ("UPDATE (revoked_at, revoked_how, changed_at)",)
    privacy = Privacy(
        linkable={
            "client",
            "recipient",
            "classes",
            "partners",
            "purpose",
            "starts_at",
            "ends_at",
            "longer_reason",
            "signed_on",
            "signed_how",
            "signer",
            "rule",
            "language",
            "interpreter",
            "risks_explained",
            "copy_given",
            "worker",
            "renews",
            "revoked_at",
            "revoked_how",
            "revoked_by",
        }
    )

    class Meta:
        ordering = ["-starts_at", "pk"]
        indexes = [
            models.Index(fields=["agency", "client", "-starts_at"], name="releases_by_client"),
            models.Index(fields=["agency", "ends_at"], name="releases_by_end"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at"), ends_at__lte=F("starts_at") + LONGEST_RELEASE),
                name="a_release_ends_within_a_year",
            ),
            models.CheckConstraint(
                condition=~Q(longer_reason="")
                | Q(ends_at__lte=F("starts_at") + timedelta(days=30) + _SLACK)
                | (~Q(purpose="referral") & Q(ends_at__lte=F("starts_at") + timedelta(days=90) + _SLACK)),
                name="a_longer_release_says_why",
            ),
            models.CheckConstraint(
                condition=Q(recipient=None) | ~Q(recipient=F("agency")), name="a_release_is_to_somebody_else"
            ),
            models.CheckConstraint(
                condition=Q(
                    recipient=None,
                    purpose=ReleasePurpose.COUNTING.value,
                    classes__contains=["count"],
                    classes__contained_by=["count", "confirm"],
                    partners__len__gt=0,
                )
                | (
                    Q(
                        recipient__isnull=False,
                        classes__len__gt=0,
                        classes__contained_by=[one.value for one in DisclosureClass],
                        partners__len=0,
                    )
                    & ~Q(purpose=ReleasePurpose.COUNTING.value)
                ),
                name="a_release_names_what_is_for_whom",
            ),
            models.CheckConstraint(
                condition=Q(signer="minor", rule__isnull=False) | (~Q(signer="minor") & Q(rule=None)),
                name="a_minor_signs_alone_under_a_rule",
            ),
            models.CheckConstraint(condition=Q(risks_explained=True), name="a_release_is_informed"),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoked_how="")
                | (Q(revoked_at__isnull=False) & ~Q(revoked_how="")),
                name="a_revocation_says_how",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def last_day(self) -> date:
        """The last whole day on which it lives, if it isn't revoked."""
        return timezone.localdate(self.ends_at - timedelta(microseconds=1))


class CountObjection(Scoped):
    """That a client does not want to be counted, said where no release had to be asked for (ADR 0016).

    No token of theirs exists without a release from then on. A release to the hub that was revoked says the
    same, without a row. It is not taken back: who wants to be counted after all signs a release.
    """

    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_constraint=False)
    worker = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")

    shredder_may = ("INSERT",)
    privacy = Privacy(linkable={"client", "worker"})

    class Meta:
        ordering = ["-recorded_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["agency", "client"], name="a_client_objects_to_counting_once"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class CompelledDisclosure(Scoped):
    """What of a client a court order or a law made the agency disclose, without a release.

    `receiver` is an agency of the network, or none: a court, an officer. `reference_sealed` says which order,
    section or report. `told` is whether the client learned of it, and may change when they do.
    """

    client = models.ForeignKey(
        Client, models.PROTECT, related_name="compelled_disclosures", db_constraint=False
    )
    receiver = models.ForeignKey("agencies.Agency", models.PROTECT, null=True, blank=True, related_name="+")
    basis = PicklistField(picklists.CompelledBasis)
    classes = PicklistsField(picklists.DisclosureClass)
    reference_sealed = models.BinaryField()
    told = PicklistField(picklists.ClientNotice)
    worker = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")

    privacy = Privacy(
        direct={"reference_sealed"}, linkable={"client", "receiver", "basis", "classes", "told", "worker"}
    )

    class Meta:
        ordering = ["-recorded_at", "pk"]
        indexes = [models.Index(fields=["agency", "client", "-recorded_at"], name="compelled_by_client")]
        constraints = [
            models.CheckConstraint(
                condition=Q(basis__in=[one.value for one in picklists.CompelledBasis]),
                name="only_an_order_or_a_law_compels",
            ),
            models.CheckConstraint(
                condition=Q(receiver=None) | ~Q(receiver=F("agency")),
                name="what_is_compelled_leaves_the_agency",
            ),
            models.CheckConstraint(
                condition=Q(
                    classes__len__gt=0,
                    classes__contained_by=[one.value for one in DisclosureClass],
                ),
                name="what_is_compelled_is_named",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
