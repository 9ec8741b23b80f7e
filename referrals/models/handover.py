"""Looking for a service elsewhere: a Referral is the sender's, an Offer asks one receiver, a Response is
the receiver's own row. Their full life (clocks, escalation, availability) comes later."""

from django.db import models
from django.db.models import F, Q

from agencies.privacy import Privacy
from agencies.scope import Scoped
from referrals import picklists
from referrals.models.clients import Client
from referrals.models.enrollments import Enrollment
from referrals.models.fields import PicklistField


class Referral(Scoped):
    """One agency (`agency`, the sender) looks for a service for a client.

    Each receiver asked on the hub is an Offer. A receiver outside the hub, or one known only from a file,
    is the sender's own knowledge: `reported_outcome` and its day.
    """

    client = models.ForeignKey(Client, models.PROTECT, related_name="referrals", db_constraint=False)
    enrollment = models.ForeignKey(
        Enrollment, models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False
    )
    needed = PicklistField(picklists.ServiceType)
    sent_at = models.DateTimeField(null=True, blank=True)
    receiver_sector = PicklistField(picklists.Sector, blank=True)
    reported_outcome = PicklistField(picklists.ResponseOutcome, blank=True)
    reported_outcome_at = models.DateTimeField(null=True, blank=True)
    decline_reason = PicklistField(picklists.DeclineReason, blank=True)
    worker = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")
    source_key = models.CharField(max_length=64, blank=True)

    privacy = Privacy(
        direct={"source_key"},
        kept={"source_key"},
        linkable={
            "client",
            "enrollment",
            "needed",
            "sent_at",
            "receiver_sector",
            "reported_outcome",
            "reported_outcome_at",
            "decline_reason",
            "worker",
        },
    )

    class Meta:
        ordering = ["-sent_at", "pk"]
        indexes = [models.Index(fields=["agency", "client", "sent_at"], name="referrals_by_client")]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "source_key"],
                condition=~Q(source_key=""),
                name="a_referral_of_a_file_is_taken_in_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.needed}"


class Offer(Scoped):
    """The question to one receiver: what is needed and an opaque code, nothing about the client."""

    referral = models.ForeignKey(Referral, models.PROTECT, related_name="offers", db_constraint=False)
    receiver = models.ForeignKey("agencies.Agency", models.PROTECT, related_name="+")
    needed = PicklistField(picklists.ServiceType)
    handover_code = models.CharField(max_length=12)
    offered_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    privacy = Privacy(
        linkable={"referral", "offered_at", "expires_at", "needed"}, open={"receiver", "handover_code"}
    )

    class Meta:
        ordering = ["-offered_at", "pk"]
        indexes = [models.Index(fields=["receiver", "-offered_at"], name="offers_by_receiver")]
        constraints = [
            models.CheckConstraint(condition=~Q(receiver=F("agency")), name="an_offer_leaves_the_agency"),
        ]

    def __str__(self) -> str:
        return self.handover_code


class Response(Scoped):
    """The receiver's answer (`agency` answers `sender`), once. One acceptance ends the search."""

    offer = models.OneToOneField(Offer, models.PROTECT, related_name="response", db_constraint=False)
    sender = models.ForeignKey("agencies.Agency", models.PROTECT, related_name="+")
    referral_ref = models.UUIDField()
    outcome = PicklistField(picklists.ResponseOutcome)
    reason = PicklistField(picklists.DeclineReason, blank=True)
    responded_at = models.DateTimeField(auto_now_add=True)
    worker = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")

    privacy = Privacy(
        linkable={"offer", "referral_ref", "outcome", "reason", "responded_at", "worker"}, open={"sender"}
    )

    class Meta:
        ordering = ["-responded_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["referral_ref"], condition=Q(outcome="accepted"), name="a_referral_has_one_winner"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome}"
