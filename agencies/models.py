"""Who takes part, what they are paid for, who works there, and the record that they did.

Client data stands in `referrals`. `Agency`, `County`, `CountyMap`, `User`, `Membership`, `DataKey`,
`SpentChallenge`, `KeyHolder` and `LinkEpoch` are the platform's own tables; every other table here belongs
to one agency and is held by row security like a client table.
"""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from agencies.privacy import Privacy
from agencies.roles import ROLES, Permission


class AgencyType(models.TextChoices):
    """What kind of organisation this is (HTCDS org_Type, widened to the field's words)."""

    SHELTER = "shelter", _("Shelter or housing")
    LEGAL = "legal", _("Legal services")
    HEALTH = "health", _("Health care")
    CHILD_WELFARE = "child_welfare", _("Child welfare")
    COURT = "court", _("Court")
    VICTIM_UNIT = "victim_unit", _("Victim unit of law enforcement or prosecution")
    HOTLINE = "hotline", _("Hotline")
    OUTREACH = "outreach", _("Outreach")
    SCHOOL = "school", _("School")
    COMMUNITY = "community", _("Community organisation")
    TRIBAL = "tribal", _("Tribal program")
    FUNDER = "funder", _("Funder or researcher")
    HUB_OFFICE = "hub_office", _("Hub office")


class County(models.Model):
    """A county of the network, by its five-digit FIPS code kept as text.

    `region` names the counties that are counted together where one alone is too small; without one a county
    is counted with all others of its state that have none.
    """

    fips = models.CharField(max_length=5, primary_key=True)
    name = models.CharField(max_length=60)
    state = models.CharField(max_length=2)
    region = models.CharField(max_length=60, blank=True)

    privacy = Privacy(open={"fips", "name", "state", "region"})

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "counties"

    def __str__(self) -> str:
        return self.name


class CountyMap(models.Model):
    """What a map and a rate need of a county: its outline, and how many people live there, from whom.

    `outline` is a GeoJSON geometry, a Polygon or MultiPolygon. `population_by` cuts the population, by
    dimension and value, as the figures name them. There are outlines and no points: no site is on a map.
    """

    county = models.OneToOneField(County, models.CASCADE, primary_key=True, related_name="map")
    outline = models.JSONField()
    population = models.PositiveIntegerField()
    population_year = models.PositiveSmallIntegerField()
    population_source = models.CharField(max_length=120)
    population_by = models.JSONField(default=dict)

    privacy = Privacy(
        open={"county", "outline", "population", "population_year", "population_source", "population_by"}
    )

    class Meta:
        ordering = ["county"]

    def __str__(self) -> str:
        return self.county_id


class Agency(models.Model):
    """An organisation that keeps its own records behind its own wall (HMIS Organization).

    `sharing_vetoed` is a tribal owner's veto: while it stands, nothing of this agency's rows enters a
    number across agencies.
    """

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    type = models.CharField(max_length=20, choices=AgencyType)
    sector = models.CharField(max_length=40)
    county = models.ForeignKey(County, models.PROTECT, null=True, blank=True, related_name="agencies")
    is_tribal = models.BooleanField(default=False)
    tribal_owner = models.CharField(max_length=120, blank=True)
    sharing_vetoed = models.BooleanField(default=False)
    sharing_vetoed_at = models.DateTimeField(null=True, blank=True)
    is_expected_to_report = models.BooleanField(default=True)
    lost_after_days = models.PositiveSmallIntegerField(default=60)
    identity_kept_months = models.PositiveSmallIntegerField(null=True, blank=True)
    joined_on = models.DateField(null=True, blank=True)
    left_on = models.DateField(null=True, blank=True)

    privacy = Privacy(
        open={
            "id",
            "slug",
            "name",
            "type",
            "sector",
            "county",
            "is_tribal",
            "tribal_owner",
            "sharing_vetoed",
            "sharing_vetoed_at",
            "is_expected_to_report",
            "lost_after_days",
            "identity_kept_months",
            "joined_on",
            "left_on",
        }
    )

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "agencies"
        default_permissions = ()
        permissions = [(permission.value, permission.value.replace("_", " ")) for permission in Permission]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(sharing_vetoed=False) | models.Q(is_tribal=True),
                name="only_a_tribal_owner_has_a_veto",
            )
        ]

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in: staff, never a client. `is_superuser` opens no client row."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    language = models.CharField(max_length=5, default="en")
    has_single_keys = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    joined_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_full_name(self) -> str:
        return self.name


class Membership(models.Model):
    """A user holds a role at an agency. The permissions themselves are guardian's, derived from ROLES."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=24, choices=[(role.name, role.title) for role in ROLES.values()])
    since = models.DateTimeField(auto_now_add=True)
    # Since then the person proves themselves by a shared computer's passkey. Away from it they set up no
    # factor of their own: else a password alone would be enough to make one.
    workstation_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["agency", "user", "role"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "agency", "role"], name="a_role_is_held_once_at_an_agency"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.role} · {self.agency}"


class Invitation(models.Model):
    """A one-time way in for one person, by e-mail address; only the token's digest is kept."""

    agency = models.ForeignKey(Agency, models.PROTECT, related_name="invitations")
    email = models.EmailField()
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=24, choices=[(role.name, role.title) for role in ROLES.values()])
    token_digest = models.BinaryField(max_length=32, unique=True)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    invited_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-invited_at"]

    def __str__(self) -> str:
        return f"{self.email} · {self.agency}"


class ApiToken(models.Model):
    """A token for the API: one user at one agency; only its digest is kept."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+")
    title = models.CharField(max_length=60)
    digest = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.title


class WorkstationKey(models.Model):
    """The passkey of a shared computer: the public half of what its device keeps behind a PIN.

    It stands behind the agency's wall: whoever asks for it knows already at which agency they act, so a door
    can be opened before a second factor is proven. `credential` is what the device attested (a COSE key with
    its id); nothing here opens anything.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+")
    title = models.CharField(max_length=60)
    credential_id = models.BinaryField(max_length=1023)
    credential = models.BinaryField()
    sign_count = models.PositiveBigIntegerField(default=0)
    added_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    added_at = models.DateTimeField(db_default=Now())
    last_used_on = models.DateField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    privacy = Privacy(
        direct={"credential_id", "credential"},
        open={
            "id",
            "agency",
            "title",
            "sign_count",
            "added_by",
            "added_at",
            "last_used_on",
            "removed_at",
        },
    )

    class Meta:
        ordering = ["title", "added_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "credential_id"], name="a_computers_passkey_stands_once_at_an_agency"
            )
        ]

    def __str__(self) -> str:
        return self.title


class SpentChallenge(models.Model):
    """A challenge that a passkey has answered: each proves something once, however many tries come at once.

    Of no agency: it is the SHA-256 of 32 random bytes, and rows go after a day.
    """

    digest = models.BinaryField(primary_key=True, max_length=32)
    spent_at = models.DateTimeField(db_default=Now())

    privacy = Privacy(open={"digest", "spent_at"})

    class Meta:
        ordering = ["spent_at"]

    def __str__(self) -> str:
        return f"{self.spent_at}"


class DataKey(models.Model):
    """An agency's data key, sealed under the key-encryption key that lives outside the database."""

    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    purpose = models.CharField(max_length=16)
    wrapped = models.BinaryField()
    kek_id = models.CharField(max_length=16)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    destroyed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["agency", "purpose", "version"]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "purpose", "version"], name="a_key_version_is_made_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.agency_id}/{self.purpose}/{self.version}"


class DoomedKey(models.Model):
    """A subject's key whose destruction has committed and is not done yet; then the row goes (ADR 0012)."""

    agency = models.ForeignKey(Agency, models.CASCADE, related_name="+")
    subject = models.UUIDField()

    privacy = Privacy(open={"id", "agency"}, linkable={"subject"})

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["agency", "subject"], name="a_key_is_doomed_once")]

    def __str__(self) -> str:
        return str(self.subject)


class Project(models.Model):
    """An agency's project (HMIS Project), the unit that funders pay and clients enroll in."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="projects")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=40, blank=True)
    hmis_type = models.PositiveSmallIntegerField(null=True, blank=True)
    county = models.ForeignKey(County, models.PROTECT, null=True, blank=True, related_name="+")
    is_confidential_site = models.BooleanField(default=False)
    started_on = models.DateField(null=True, blank=True)
    ended_on = models.DateField(null=True, blank=True)
    source_key = models.CharField(max_length=64, blank=True)

    privacy = Privacy(
        open={
            "id",
            "agency",
            "name",
            "kind",
            "hmis_type",
            "county",
            "is_confidential_site",
            "started_on",
            "ended_on",
            "source_key",
        }
    )

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "source_key"],
                condition=~models.Q(source_key=""),
                name="a_project_of_a_file_is_taken_in_once",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Regime(models.TextChoices):
    """Confidentiality rules that come with money or law (domain: 34 USC 12291(b)(2), 28 CFR 94.115 …)."""

    VAWA = "vawa", _("VAWA, 34 USC 12291(b)(2)")
    VOCA = "voca", _("VOCA, 28 CFR 94.115")
    FVPSA = "fvpsa", _("FVPSA, 45 CFR 1370.4")
    OVC_HT = "ovc_ht", _("OVC human trafficking award conditions")
    HIPAA = "hipaa", _("HIPAA, 45 CFR 160 and 164")
    PART_2 = "part_2", _("Substance use records, 42 CFR Part 2")
    FERPA = "ferpa", _("Schools, FERPA, 34 CFR 99")
    CHILD_WELFARE = "child_welfare", _("Child welfare, CAPTA and Title IV-E")
    NONE = "none", _("None of these")


class Award(models.Model):
    """A grant to an agency: funder, number, period, and the confidentiality rules it carries."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="awards")
    funder = models.CharField(max_length=40)
    number = models.CharField(max_length=60)
    starts_on = models.DateField()
    ends_on = models.DateField()
    regimes = ArrayField(models.CharField(max_length=16, choices=Regime), default=list)

    privacy = Privacy(open={"id", "agency", "funder", "number", "starts_on", "ends_on", "regimes"})

    class Meta:
        ordering = ["-starts_on", "number"]
        constraints = [
            models.UniqueConstraint(fields=["agency", "number"], name="an_award_number_stands_once"),
            models.CheckConstraint(
                condition=models.Q(ends_on__gt=models.F("starts_on")), name="an_award_ends_after_it_starts"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.funder} {self.number}"


class AwardProject(models.Model):
    """From a day on (until a day), an award pays for a project. Half-open: [starts_on, ends_on)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+")
    award = models.ForeignKey(Award, models.CASCADE, related_name="project_links", db_constraint=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="award_links", db_constraint=False)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)

    privacy = Privacy(open={"id", "agency", "award", "project", "starts_on", "ends_on"})

    class Meta:
        ordering = ["starts_on", "pk"]

    def __str__(self) -> str:
        return f"{self.award_id} -> {self.project_id}"


class SharingAgreement(models.Model):
    """What an agency has signed about sharing. A change is a new version; a signed one never changes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="agreements")
    version = models.PositiveIntegerField()
    shares_totals = models.BooleanField(default=True)
    shares_tokens_under_release = models.BooleanField(default=False)
    shares_tokens_without_release = models.BooleanField(default=False)
    minimum_cell = models.PositiveSmallIntegerField(default=11)
    text_digest = models.CharField(max_length=64)
    signed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    signed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    privacy = Privacy(
        open={
            "id",
            "agency",
            "version",
            "shares_totals",
            "shares_tokens_under_release",
            "shares_tokens_without_release",
            "minimum_cell",
            "text_digest",
            "signed_by",
            "signed_at",
            "ended_at",
        }
    )

    class Meta:
        ordering = ["agency", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["agency", "version"], name="an_agreement_version_stands_once"),
            models.CheckConstraint(
                condition=models.Q(minimum_cell__gte=11), name="no_agreement_lowers_the_threshold"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agency_id} v{self.version}"


class LedgerEntry(models.Model):
    """One thing that was done: who, what, to which row. Names rows, never values. Append-only.

    Writes to client tables are entered by the database itself, one entry a statement; views and exports
    by `ledger.record`. `tx` orders entries for sealing: see LedgerSeal.
    """

    append_only = True

    agency = models.ForeignKey(Agency, models.PROTECT, null=True, related_name="+", db_constraint=False)
    user = models.ForeignKey(User, models.DO_NOTHING, null=True, related_name="+", db_constraint=False)
    at = models.DateTimeField(db_default=Now())
    verb = models.CharField(max_length=60)
    target_type = models.CharField(max_length=60, blank=True)
    target_id = models.CharField(max_length=40, blank=True)
    rows = models.PositiveIntegerField(default=1)
    why = models.CharField(max_length=60, blank=True)
    tx = models.BigIntegerField(
        db_default=models.Func(
            template="(pg_current_xact_id()::text::bigint)", output_field=models.BigIntegerField()
        )
    )

    privacy = Privacy(
        open={"id", "agency", "user", "at", "verb", "target_type", "rows", "why", "tx"},
        linkable={"target_id"},
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["agency", "-id"], name="ledger_by_agency"),
            models.Index(fields=["agency", "target_id", "-id"], name="ledger_by_row"),
            models.Index(fields=["agency", "tx", "id"], name="ledger_by_transaction"),
        ]

    def __str__(self) -> str:
        return f"{self.at} {self.verb}"


class LedgerSeal(models.Model):
    """A link of an agency's hash chain: the digest of every entry up to a transaction. Append-only."""

    append_only = True

    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+", db_constraint=False)
    number = models.PositiveIntegerField()
    from_tx = models.BigIntegerField()
    below_tx = models.BigIntegerField()
    entries = models.PositiveIntegerField()
    digest = models.BinaryField(max_length=32)
    sealed_at = models.DateTimeField(db_default=Now())

    privacy = Privacy(
        open={"id", "agency", "number", "from_tx", "below_tx", "entries", "digest", "sealed_at"}
    )

    class Meta:
        ordering = ["agency", "number"]
        constraints = [models.UniqueConstraint(fields=["agency", "number"], name="a_seal_number_stands_once")]

    def __str__(self) -> str:
        return f"{self.agency_id}#{self.number}"


class JobState(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Waiting for a decision")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class Job(models.Model):
    """Work that outlives a request. The row, not the broker, is what is believed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+")
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=60)
    arguments = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=JobState, default=JobState.QUEUED)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    queued_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_holder = models.CharField(max_length=60, blank=True)
    result = models.JSONField(default=dict)
    error = models.CharField(max_length=200, blank=True)

    privacy = Privacy(
        open={
            "id",
            "agency",
            "user",
            "name",
            "arguments",
            "state",
            "done",
            "total",
            "attempts",
            "queued_at",
            "started_at",
            "finished_at",
            "lease_until",
            "lease_holder",
            "result",
            "error",
        }
    )

    class Meta:
        ordering = ["-queued_at"]
        indexes = [models.Index(fields=["agency", "-queued_at"], name="jobs_by_agency")]

    def __str__(self) -> str:
        return f"{self.name} {self.state}"


class JobChunk(models.Model):
    """A piece of a job that is done: written in the piece's own transaction, so that it is done once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+")
    job = models.ForeignKey(Job, models.CASCADE, related_name="chunks", db_constraint=False)
    number = models.PositiveIntegerField()
    result = models.JSONField(default=dict)

    privacy = Privacy(open={"id", "agency", "job", "number", "result"})

    class Meta:
        ordering = ["job", "number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="a_chunk_is_done_once")]

    def __str__(self) -> str:
        return f"{self.job_id}#{self.number}"


class IdempotencyKey(models.Model):
    """A write through the API that its caller marked with a key, so that repeating it writes nothing twice.

    The row is written in the write's own transaction. It holds no client data: the key and what was sent
    stand here only as tokens under the agency's key; what is kept of the answer is its status and the id
    of the row that was made.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    key_token = models.BinaryField(max_length=32)
    sent_token = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    created_id = models.UUIDField(null=True)
    made_at = models.DateTimeField(db_default=Now())

    privacy = Privacy(
        direct={"key_token", "sent_token"},
        linkable={"created_id"},
        open={"id", "agency", "user", "status", "made_at"},
    )

    class Meta:
        ordering = ["made_at", "pk"]
        indexes = [models.Index(fields=["agency", "made_at"], name="idempotency_keys_by_time")]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "user", "key_token"], name="a_person_uses_an_idempotency_key_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class VaultKey(models.Model):
    """A version of the agency's vault key, which seals contact cards and which the hub never has.

    What stands here is for its holders: the book of who belongs to it, and the agency's hand-over key pair
    (ADR 0011). The newest version seals; an older one is destroyed when no card stands under it any more.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    book_sealed = models.BinaryField()
    book_serial = models.PositiveIntegerField(default=1)
    handover_public = models.BinaryField(max_length=32)
    handover_sealed = models.BinaryField()
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    destroyed_at = models.DateTimeField(null=True, blank=True)

    privacy = Privacy(
        direct={"book_sealed", "handover_sealed"},
        open={
            "id",
            "agency",
            "version",
            "book_serial",
            "handover_public",
            "made_by",
            "made_at",
            "destroyed_at",
        },
    )

    class Meta:
        ordering = ["agency", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["agency", "version"], name="a_vault_key_version_is_made_once")
        ]

    def __str__(self) -> str:
        return f"{self.agency_id} v{self.version}"


class HandoverKey(models.Model):
    """The public key to which other agencies seal what they hand over to this one, with its code (ADR 0011).

    One stands at a time (`ended_at` empty): the newest vault key version's. From the moment it is on a signed
    sharing agreement every agency of the network reads it, to compare its code by telephone and pin it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+")
    agreement = models.ForeignKey(
        SharingAgreement, models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False
    )
    public_key = models.BinaryField(max_length=32)
    code = models.CharField(max_length=23)
    made_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    privacy = Privacy(open={"id", "agency", "agreement", "public_key", "code", "made_at", "ended_at"})

    class Meta:
        ordering = ["agency", "-made_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["agency"],
                condition=models.Q(ended_at=None),
                name="an_agency_has_one_handover_key",
            )
        ]

    def __str__(self) -> str:
        return self.code


class MemberKey(models.Model):
    """A member's key pair at one agency, or a recovery kit's (`kit_number`): the public half.

    `trust_sealed` is the member's own note of whom they last saw in the book, under their private key.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+")
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")
    kit_number = models.PositiveIntegerField(null=True)
    public_key = models.BinaryField(max_length=32)
    trust_sealed = models.BinaryField(blank=True)
    trust_serial = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    privacy = Privacy(
        direct={"trust_sealed"},
        open={
            "id",
            "agency",
            "user",
            "kit_number",
            "public_key",
            "trust_serial",
            "made_at",
            "ended_at",
        },
    )

    class Meta:
        ordering = ["agency", "made_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user=None) ^ models.Q(kit_number=None),
                name="a_member_key_is_a_persons_or_a_kits",
            ),
            models.UniqueConstraint(
                fields=["agency", "user"],
                condition=models.Q(ended_at=None),
                name="a_member_has_one_key_at_an_agency",
            ),
            models.UniqueConstraint(
                fields=["agency", "kit_number"], name="a_kit_number_stands_once_at_an_agency"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Opener(models.Model):
    """One way to open a member's private key: a passkey or a passphrase. Opens nothing by itself."""

    class Kind(models.TextChoices):
        PASSKEY = "passkey", _("Passkey")
        PASSPHRASE = "passphrase", _("Passphrase")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+")
    member = models.ForeignKey(MemberKey, models.CASCADE, related_name="openers", db_constraint=False)
    kind = models.CharField(max_length=10, choices=Kind)
    credential_id = models.BinaryField(blank=True)
    salt = models.BinaryField(max_length=64)
    memory_kib = models.PositiveIntegerField(default=0)
    passes = models.PositiveSmallIntegerField(default=0)
    private_sealed = models.BinaryField()
    made_at = models.DateTimeField(db_default=Now())

    privacy = Privacy(
        direct={"private_sealed"},
        open={
            "id",
            "agency",
            "member",
            "kind",
            "credential_id",
            "salt",
            "memory_kib",
            "passes",
            "made_at",
        },
    )

    class Meta:
        ordering = ["made_at", "pk"]

    def __str__(self) -> str:
        return f"{self.kind}"


class KeyWrap(models.Model):
    """A vault key version sealed to one member key (or kit), by a member. Removed with its version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    member = models.ForeignKey(MemberKey, models.CASCADE, related_name="wraps", db_constraint=False)
    sender = models.ForeignKey(MemberKey, models.CASCADE, related_name="+", db_constraint=False)
    wrapped = models.BinaryField()
    tag = models.BinaryField(max_length=32)
    made_at = models.DateTimeField(db_default=Now())

    privacy = Privacy(
        direct={"wrapped", "tag"}, open={"id", "agency", "version", "member", "sender", "made_at"}
    )

    class Meta:
        ordering = ["version", "made_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "member", "version"],
                name="a_version_is_wrapped_once_for_a_member",
            )
        ]

    def __str__(self) -> str:
        return f"v{self.version}"


class KeyHolder(models.Model):
    """One of the three key holders, as the hub reaches it: a body of its own runs it (ADR 15).

    The hub's own table, of no agency. Linkage is on while all three are in use and an epoch runs.
    """

    number = models.PositiveSmallIntegerField(primary_key=True)
    url = models.URLField(max_length=200)
    body = models.CharField(max_length=120)
    in_use_since = models.DateTimeField(null=True, blank=True)

    privacy = Privacy(open={"number", "url", "body", "in_use_since"})

    class Meta:
        ordering = ["number"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(number__gte=1, number__lte=3), name="there_are_three_key_holders"
            )
        ]

    def __str__(self) -> str:
        return f"{self.number}"


class LinkEpoch(models.Model):
    """One key of the key holders, from when the hub took it to use until its tokens were given up.

    Two run while a rotation's overlap lasts. `fingerprint` is what the holders read to each other. The hub's
    own table, of no agency.
    """

    number = models.PositiveIntegerField(primary_key=True)
    fingerprint = models.CharField(max_length=39)
    began_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    privacy = Privacy(open={"number", "fingerprint", "began_at", "ended_at"})

    class Meta:
        ordering = ["number"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ended_at=None) | models.Q(ended_at__gte=models.F("began_at")),
                name="an_epoch_ends_after_it_began",
            )
        ]

    def __str__(self) -> str:
        return f"{self.number}"


class HolderFile(models.Model):
    """What an agency got from the three key holders, sealed by its own people: the hub can't ask in its name.

    `version` is the vault key version it is sealed under, `epoch` the newest epoch that it speaks of. The
    highest `serial` is in force: each save takes the next one, so that nobody writes over what they have not
    seen.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    epoch = models.PositiveIntegerField()
    sealed = models.BinaryField()
    serial = models.PositiveIntegerField()
    put_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    put_at = models.DateTimeField(db_default=Now())

    privacy = Privacy(
        direct={"sealed"}, open={"id", "agency", "version", "epoch", "serial", "put_by", "put_at"}
    )

    class Meta:
        ordering = ["agency", "-serial"]
        constraints = [
            models.UniqueConstraint(fields=["agency", "serial"], name="a_holders_file_is_saved_once")
        ]

    def __str__(self) -> str:
        return f"{self.agency_id} #{self.serial}"
