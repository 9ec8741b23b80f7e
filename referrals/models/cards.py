"""The contact card: who a client is, as bytes that only the agency's own browsers can open (ADR 0011)."""

from django.db import models

from agencies.privacy import Privacy
from agencies.scope import Scoped
from referrals.models.clients import Client


class ContactCard(Scoped):
    """A client's card. `sealed_e2e` is what a browser sealed under the vault key's `key_version`, covered
    once more by the hub under the client's own key, so that it can be shredded (ADR 0012).

    `revision` counts saves and re-seals; `saved_at` (seconds since 1970) is when the content was last
    changed. Both are bound into the sealed bytes, so a row put back or re-dated does not open.
    """

    client = models.OneToOneField(Client, models.CASCADE, related_name="card", db_constraint=False)
    sealed_e2e = models.BinaryField()
    key_version = models.PositiveIntegerField()
    revision = models.PositiveIntegerField()
    saved_at = models.PositiveBigIntegerField()
    saved_by = models.ForeignKey("agencies.User", models.SET_NULL, null=True, related_name="+")

    PLACE = "contactcard.sealed_e2e"
    privacy = Privacy(
        direct={"sealed_e2e"},
        whole=True,
        linkable={"client", "revision", "saved_at", "saved_by"},
        open={"key_version"},
    )

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["agency", "key_version"], name="cards_by_key_version")]

    def __str__(self) -> str:
        return str(self.client_id)
