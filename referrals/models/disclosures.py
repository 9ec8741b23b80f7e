"""What of a client was handed over to another agency, sealed to that agency's key (ADR 0011).

Two tables, because PostgreSQL shows rows, not columns: a Handover says whose details went where and stays the
sender's own; its Disclosures go across and say nothing of the sender's client.
"""

from datetime import date, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from agencies.privacy import Privacy
from agencies.scope import Scoped
from referrals import picklists
from referrals.models.clients import Client
from referrals.models.fields import PicklistField, PicklistsField
from referrals.models.handover import Offer
from referrals.models.releases import CompelledDisclosure, ReleaseOfInformation
from referrals.picklists import MOST_DISCLOSED


class Handover(Scoped):
    """One handing-over of a client's details to one agency. Only the sender (`agency`) ever reads it."""

    client = models.ForeignKey(Client, models.PROTECT, related_name="handovers", db_constraint=False)
    receiver = models.ForeignKey("agencies.Agency", models.PROTECT, related_name="+")
    worker = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")

    privacy = Privacy(linkable={"client", "worker"}, open={"receiver"})

    class Meta:
        ordering = ["-recorded_at", "pk"]
        indexes = [models.Index(fields=["agency", "client", "-recorded_at"], name="handovers_by_client")]
        constraints = [
            models.CheckConstraint(condition=~Q(receiver=F("agency")), name="a_handover_leaves_the_agency"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Disclosure(Scoped):
    """One data class under one release, sealed for `receiver` under its hand-over key `receiver_key`.

    `tag` tells the receiver's browser that who holds `sender_key`, the sender's hand-over key, sealed it.

    The receiver reads the row from `starts_at` until before `ends_at`, by the database's statement clock,
    unless it was withdrawn; the policy says so (migration 0007). `sealed_e2e` and `tag` are emptied soon
    after, or when the client's identity is shredded; the hub's cover, under the row's own key, goes with them
    (ADR 0012). It stands under a `release`, no longer than that and for a class named there, or under what
    `compelled` it; never both (migration 0008). `notices` are the notices of the law that go with it.
    """

    handover = models.ForeignKey(Handover, models.PROTECT, related_name="disclosures", db_constraint=False)
    receiver = models.ForeignKey("agencies.Agency", models.PROTECT, related_name="+")
    release = models.ForeignKey(
        ReleaseOfInformation,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="disclosures",
        db_constraint=False,
    )
    compelled = models.ForeignKey(
        CompelledDisclosure,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="disclosures",
        db_constraint=False,
    )
    offer = models.ForeignKey(
        Offer, models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False
    )
    data_class = PicklistField(picklists.DisclosureClass)
    purpose = PicklistField(picklists.DisclosurePurpose)
    notices = PicklistsField(picklists.DisclosureNotice)
    sealed_e2e = models.BinaryField(blank=True)
    tag = models.BinaryField(max_length=32, blank=True)
    receiver_key = models.BinaryField(max_length=32)
    sender_key = models.BinaryField(max_length=32)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    client_by = "handover__client_id"
    # With its release, by trigger.
    shredder_may = ("UPDATE (withdrawn_at, changed_at)",)
    sealed_about_itself = True
    privacy = Privacy(
        direct={"sealed_e2e", "tag"},
        linkable={
            "handover",
            "release",
            "compelled",
            "offer",
            "data_class",
            "purpose",
            "notices",
            "starts_at",
            "ends_at",
            "withdrawn_at",
        },
        open={"receiver", "receiver_key", "sender_key"},
    )

    class Meta:
        ordering = ["-starts_at", "data_class", "pk"]
        indexes = [models.Index(fields=["receiver", "ends_at"], name="disclosures_by_receiver")]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "handover", "data_class"], name="a_class_is_handed_over_once"
            ),
            models.CheckConstraint(condition=~Q(receiver=F("agency")), name="a_disclosure_leaves_the_agency"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at"), ends_at__lte=F("starts_at") + MOST_DISCLOSED),
                name="a_disclosure_ends_in_time",
            ),
            models.CheckConstraint(
                condition=Q(release__isnull=False, compelled=None) | Q(release=None, compelled__isnull=False),
                name="a_disclosure_is_allowed_or_compelled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.data_class}"

    @property
    def last_day(self) -> date:
        """The last whole day on which it can be read."""
        return timezone.localdate(self.ends_at - timedelta(microseconds=1))
