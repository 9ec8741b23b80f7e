"""What an agency has forgotten about its clients, and what it must not forget yet (ADR 0012)."""

from django.db import models

from agencies.privacy import Privacy
from agencies.scope import Scoped
from referrals import picklists
from referrals.models.clients import Client
from referrals.models.fields import PicklistField


class LegalHold(Scoped):
    """While it lives, nothing of the client's identity is shredded; without a client, nobody's at the agency.

    `reference_sealed` is the case or letter it rests on. It is not walled by client: a hold on a record
    closed to the reader binds them too.
    """

    client = models.ForeignKey(
        Client, models.CASCADE, null=True, blank=True, related_name="+", db_constraint=False
    )
    reference_sealed = models.BinaryField(blank=True)
    placed_by = models.ForeignKey("agencies.User", models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")

    privacy = Privacy(direct={"reference_sealed"}, linkable={"client", "placed_by", "ended_at", "ended_by"})

    class Meta:
        ordering = ["-recorded_at"]

    def __str__(self) -> str:
        return str(self.client_id or self.agency_id)


class Shredding(Scoped):
    """That a client's identity was shredded: one line of a certificate, which is all lines of one `run`.

    `went` counts what was emptied or deleted, by table and column. `fingerprint` is SHA-256 of the destroyed
    key, in hexadecimal, empty where the client had none. Until `key_destroyed_at` is set, the columns are
    empty but backups can still be opened.
    """

    run = models.UUIDField()
    client = models.OneToOneField(Client, models.CASCADE, related_name="shredding", db_constraint=False)
    why = PicklistField(picklists.ShredReason)
    asked_by = models.ForeignKey("agencies.User", models.SET_NULL, null=True, blank=True, related_name="+")
    cut_source = models.BooleanField(default=False)
    went = models.JSONField()
    fingerprint = models.CharField(max_length=64, blank=True)
    key_destroyed_at = models.DateTimeField(null=True, blank=True)

    records_shredding = True
    privacy = Privacy(
        linkable={"run", "client", "asked_by", "went", "fingerprint", "key_destroyed_at"},
        open={"why", "cut_source"},
    )

    class Meta:
        ordering = ["-recorded_at", "pk"]
        indexes = [models.Index(fields=["agency", "run"], name="shreddings_by_run")]

    def __str__(self) -> str:
        return str(self.client_id)
