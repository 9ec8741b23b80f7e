"""What an agency answers about a pair of records that may be one person, over its own card.

The other agency never reads it. What follows from the answers of both stands in `referrals.linking.review`.
"""

from django.db import models
from django.db.models import Q

from agencies.privacy import Privacy
from agencies.scope import Scoped
from referrals import picklists
from referrals.models.clients import Client
from referrals.models.fields import PicklistField


class LinkAnswer(Scoped):
    """The agency's newest word on one question about its `client`.

    `pair` stands for the two records: the same for both agencies, and nobody can tell a client from it.
    `hidden_until` keeps the question from the agency that can't tell.
    """

    client = models.ForeignKey(Client, models.PROTECT, related_name="link_answers", db_constraint=False)
    pair = models.UUIDField()
    verdict = PicklistField(picklists.LinkVerdict)
    worker = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")
    answered_at = models.DateTimeField()
    hidden_until = models.DateTimeField(null=True, blank=True)

    linker_may = ("SELECT",)
    not_counted = True
    privacy = Privacy(
        direct={"pair", "verdict"},
        linkable={"client", "worker", "answered_at", "hidden_until"},
        whole=True,
    )

    class Meta:
        ordering = ["-answered_at", "pk"]
        indexes = [models.Index(fields=["agency", "client"], name="link_answers_by_client")]
        constraints = [
            models.UniqueConstraint(fields=["agency", "pair"], name="an_agency_answers_a_pair_once"),
            models.CheckConstraint(
                condition=Q(hidden_until=None) | Q(verdict="unsure"), name="only_who_cannot_tell_is_spared"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
