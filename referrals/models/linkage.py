"""Who takes part in linkage, and what the hub makes of it: tokens, pairs, people, decisions (ADR 0017).

A LinkRecord is its agency's and stands behind the agency's wall. The rest is the linking role's alone
(`linker_may`): no other role writes it, and of it the counting role reads pairs and people while they live.
"""

import secrets

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from agencies.privacy import Privacy
from agencies.scope import Scoped
from referrals.models.clients import Client
from referrals.models.releases import ReleaseOfInformation


def a_number() -> int:
    """A record's number: random, as a running one would tell an agency how many others there are."""
    return secrets.randbits(62)


class LinkRecord(Scoped):
    """One client's standing for linkage: the tokens of an `epoch` are there, until `ends_at`.

    It stands under a live release to the hub, whose `partners` it repeats, or under none where the agency may
    do without; a trigger asks (migration 0009). A record is compared with another only if the `partners` of
    each name the other's agency. `confirms` is whether the two agencies may be asked about a pair. `mask` has
    a bit for each key that is whole, `version` is that of the normalisation; tokens, pairs and people refer
    to `number`. Who is deleted here takes all of them along.
    """

    client = models.ForeignKey(
        Client, models.CASCADE, related_name="link_record", db_constraint=False, db_index=False
    )
    release = models.ForeignKey(
        ReleaseOfInformation, models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False
    )
    ends_at = models.DateTimeField()
    partners = ArrayField(models.IntegerField())
    confirms = models.BooleanField(default=False)
    epoch = models.PositiveIntegerField()
    version = models.PositiveSmallIntegerField()
    mask = models.PositiveIntegerField()
    number = models.BigIntegerField(default=a_number, unique=True, editable=False)

    linker_may = ("SELECT", "DELETE")
    privacy = Privacy(
        direct={"version", "mask"},
        linkable={"client", "release", "ends_at", "partners", "confirms", "epoch", "number"},
        whole=True,
    )

    class Meta:
        ordering = ["number"]
        constraints = [
            # With the agency: a unique client alone would tell who tries whether another agency's is counted.
            models.UniqueConstraint(fields=["client", "agency"], name="a_client_is_counted_once"),
            # What tokens, pairs and people refer to, so that they carry the end itself.
            models.UniqueConstraint(fields=["number", "ends_at"], name="a_link_record_carries_its_end"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class LinkToken(models.Model):
    """A record's token on a key (its place in `join.ORDER`), under the hub's pepper."""

    pk = models.CompositePrimaryKey("record", "key", "token")
    record = models.ForeignKey(
        LinkRecord,
        models.DO_NOTHING,
        to_field="number",
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    key = models.PositiveSmallIntegerField()
    token = models.BinaryField(max_length=16)
    ends_at = models.DateTimeField()

    linker_may = ("SELECT", "INSERT", "DELETE")
    privacy = Privacy(direct={"pk", "record", "key", "token", "ends_at"})

    class Meta:
        ordering = ["record", "key"]
        indexes = [models.Index(fields=["token"], name="tokens_by_value")]
        constraints = [
            # 16 bytes, held by the database: see migration 0009.
            models.CheckConstraint(condition=Q(key__lt=64), name="a_token_is_of_a_key"),
        ]

    def __str__(self) -> str:
        return f"{self.record_id}/{self.key}"


class LinkEdge(models.Model):
    """Two records, `a` < `b`, that may be one person: on which keys they `agree`, which `both` have whole,
    and how likely it is (from `score.REVIEW` on). Each end follows its record's: it is read while both live.
    """

    pk = models.CompositePrimaryKey("a", "b")
    a = models.ForeignKey(
        LinkRecord,
        models.DO_NOTHING,
        to_field="number",
        related_name="+",
        db_constraint=False,
        db_column="a",
        db_index=False,
    )
    b = models.ForeignKey(
        LinkRecord,
        models.DO_NOTHING,
        to_field="number",
        related_name="+",
        db_constraint=False,
        db_column="b",
    )
    a_ends_at = models.DateTimeField()
    b_ends_at = models.DateTimeField()
    agree = models.PositiveIntegerField()
    both = models.PositiveIntegerField()
    posterior = models.FloatField()

    linker_may = ("SELECT", "INSERT", "UPDATE", "DELETE")
    privacy = Privacy(
        direct={"pk", "agree", "both"}, linkable={"a", "b", "posterior"}, open={"a_ends_at", "b_ends_at"}
    )

    class Meta:
        ordering = ["a", "b"]
        constraints = [
            models.CheckConstraint(condition=Q(a__lt=F("b")), name="a_pair_stands_once"),
            models.CheckConstraint(
                condition=Q(posterior__gt=0, posterior__lte=1), name="a_pair_has_a_probability"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.a_id}-{self.b_id}"


class LinkedPerson(models.Model):
    """Which `person` a record is: the only column anywhere that refers to a person.

    The records that hang together by links are settled at once, and stand in a `ring`: each names the `next`.
    When one of them goes, its place in the ring is emptied, and so all round by the keys' own cascade: what
    was concluded with its help is read no more until the rest is settled anew. The same happens at `until`,
    the first end among them. `as_of` says which state of the record its tokens were compared in.
    """

    record = models.OneToOneField(
        LinkRecord,
        models.DO_NOTHING,
        to_field="number",
        primary_key=True,
        related_name="+",
        db_constraint=False,
    )
    ends_at = models.DateTimeField()
    person = models.UUIDField()
    next = models.BigIntegerField()
    ring = models.BigIntegerField(null=True)
    until = models.DateTimeField()
    as_of = models.DateTimeField()

    linker_may = ("SELECT", "INSERT", "UPDATE", "DELETE")
    privacy = Privacy(
        direct={"next", "as_of"}, linkable={"record", "person"}, open={"ends_at", "ring", "until"}
    )

    class Meta:
        ordering = ["record"]
        indexes = [
            models.Index(fields=["person"], name="records_by_person"),
            models.Index(fields=["next", "ring"], name="records_by_next_in_ring"),
            models.Index(fields=["ring"], name="records_by_ring"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["record", "ring"], name="a_record_stands_in_one_ring"),
        ]

    def __str__(self) -> str:
        return str(self.record_id)


class LinkDecision(models.Model):
    """What an agency said of two clients: they are one person (`together`) or not (`apart`). Append-only.

    To take one back is a row that `undoes` it. `apart` holds for these clients for ever; `together` for
    `a_record` and `b_record` alone, so that it goes with the release of either. `a_client` < `b_client`.
    """

    class Verdict(models.TextChoices):
        TOGETHER = "together"
        APART = "apart"

    id = models.UUIDField(primary_key=True, editable=False)
    a_client = models.UUIDField()
    b_client = models.UUIDField()
    a_agency = models.ForeignKey("agencies.Agency", models.PROTECT, related_name="+")
    b_agency = models.ForeignKey("agencies.Agency", models.PROTECT, related_name="+")
    a_record = models.BigIntegerField()
    b_record = models.BigIntegerField()
    verdict = models.CharField(max_length=8, choices=Verdict)
    by_agency = models.ForeignKey("agencies.Agency", models.PROTECT, related_name="+")
    undoes = models.OneToOneField("self", models.PROTECT, null=True, related_name="undone_by")
    decided_at = models.DateTimeField(db_default=Now())

    append_only = True
    linker_may = ("SELECT", "INSERT")
    not_counted = True
    privacy = Privacy(
        linkable={"a_client", "b_client", "a_record", "b_record"},
        open={"id", "a_agency", "b_agency", "verdict", "by_agency", "undoes", "decided_at"},
    )

    class Meta:
        ordering = ["decided_at", "pk"]
        indexes = [
            models.Index(fields=["a_client", "b_client"], name="decisions_by_pair"),
            models.Index(fields=["b_client"], name="decisions_by_second"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(a_client__lt=F("b_client")), name="a_decision_names_a_pair_one_way"
            ),
            models.CheckConstraint(
                condition=~Q(a_agency=F("b_agency")), name="a_decision_is_about_two_agencies"
            ),
            models.CheckConstraint(
                condition=Q(by_agency=F("a_agency")) | Q(by_agency=F("b_agency")),
                name="a_decision_is_by_one_of_the_two",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} {self.pk}"


class LinkModel(models.Model):
    """The scorer as it was fitted, newest in force: what `score.Model` holds, and to how much."""

    keys = ArrayField(models.CharField(max_length=8))
    m = models.JSONField()
    u = models.JSONField()
    share = models.FloatField()
    kin = ArrayField(models.FloatField())
    records = models.PositiveIntegerField()
    pairs = models.PositiveIntegerField()
    made_at = models.DateTimeField(db_default=Now())

    append_only = True
    linker_may = ("SELECT", "INSERT")
    not_counted = True
    privacy = Privacy(open={"id", "keys", "m", "u", "share", "kin", "records", "pairs", "made_at"})

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return str(self.pk)


class LinkChange(models.Model):
    """What happened to people: when, why, in the component of which record (none: to all), and the sizes of
    its groups `before` and `after`; of a run over all, the number of people. Append-only."""

    class What(models.TextChoices):
        ARRIVED = "arrived"
        LEFT = "left"
        DECIDED = "decided"
        UNDONE = "undone"
        BULK = "bulk"

    at = models.DateTimeField(db_default=Now())
    what = models.CharField(max_length=8, choices=What)
    record = models.BigIntegerField(null=True)
    before = ArrayField(models.PositiveIntegerField())
    after = ArrayField(models.PositiveIntegerField())

    append_only = True
    linker_may = ("SELECT", "INSERT")
    not_counted = True
    privacy = Privacy(open={"id", "at", "what", "record", "before", "after"})

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.at} {self.what}"
