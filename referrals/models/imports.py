"""What came in by file: the import, what it could not take, and rows that have no noun of ours yet."""

from django.db import models
from django.db.models import Q

from agencies.privacy import Privacy
from agencies.scope import Scoped
from referrals.models.clients import Client


class Import(Scoped):
    """One file taken in: its digest, what it said of itself, and the counts of what became of its rows."""

    job = models.ForeignKey("agencies.Job", models.SET_NULL, null=True, related_name="+", db_constraint=False)
    user = models.ForeignKey("agencies.User", models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=20)
    digest = models.CharField(max_length=64)
    manifest = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    is_dry_run = models.BooleanField(default=False)
    finished_at = models.DateTimeField(null=True)

    privacy = Privacy(
        open={"job", "user", "kind", "digest", "manifest", "counts", "is_dry_run", "finished_at"}
    )

    class Meta:
        ordering = ["-recorded_at"]

    def __str__(self) -> str:
        return f"{self.kind} {self.digest[:8]}"


class ImportProblem(Scoped):
    """A row that was not taken, or taken in part, and why. Never quotes a value."""

    source = models.ForeignKey(Import, models.CASCADE, related_name="problems", db_constraint=False)
    file = models.CharField(max_length=40)
    row = models.PositiveIntegerField()
    column = models.CharField(max_length=60, blank=True)
    code = models.CharField(max_length=40)
    is_taken = models.BooleanField(default=True)

    privacy = Privacy(open={"source", "file", "row", "column", "code", "is_taken"})

    class Meta:
        ordering = ["source", "file", "row", "pk"]
        indexes = [models.Index(fields=["agency", "source", "file", "row"], name="problems_by_import")]

    def __str__(self) -> str:
        return f"{self.file}:{self.row} {self.code}"


class RefusedRows(Scoped):
    """The rows of one file that were not taken, as they came and with their reasons, sealed: a cell that
    was refused may hold anything, so nothing of it may stand here in plain text.
    """

    source = models.ForeignKey(Import, models.CASCADE, related_name="refused", db_constraint=False)
    file = models.CharField(max_length=40)
    first_row = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    body_sealed = models.BinaryField()

    sealed_about_itself = True
    privacy = Privacy(direct={"body_sealed"}, open={"source", "file", "first_row", "rows"})

    class Meta:
        ordering = ["source", "file", "first_row"]

    def __str__(self) -> str:
        return f"{self.file}:{self.first_row}"


class ImportedRow(Scoped):
    """A row of a file we have no noun for, kept as typed JSON so that it can be counted and given back."""

    file = models.CharField(max_length=40)
    source_key = models.CharField(max_length=64)
    client = models.ForeignKey(
        Client, models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False
    )
    enrollment_key = models.CharField(max_length=64, blank=True)
    row = models.JSONField()
    digest = models.BinaryField(max_length=32)
    deleted_at = models.DateTimeField(null=True, blank=True)

    privacy = Privacy(
        direct={"source_key", "enrollment_key", "row", "digest"},
        kept={"source_key", "enrollment_key", "row", "digest"},
        whole=True,
        linkable={"client", "deleted_at"},
        open={"file"},
    )

    class Meta:
        ordering = ["file", "source_key"]
        indexes = [models.Index(fields=["agency", "client"], name="imported_rows_by_client")]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "file", "source_key"], name="a_row_of_a_file_is_kept_once"
            ),
            models.CheckConstraint(condition=~Q(source_key=""), name="an_imported_row_has_a_key"),
        ]

    def __str__(self) -> str:
        return f"{self.file} {self.source_key[:8]}"


class ColumnMapping(Scoped):
    """How an agency's own spreadsheet maps to our fields, remembered by its header's digest."""

    header_digest = models.CharField(max_length=64)
    mapping = models.JSONField()

    privacy = Privacy(open={"header_digest", "mapping"})

    class Meta:
        ordering = ["-changed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "header_digest"], name="a_header_is_mapped_once_an_agency"
            )
        ]

    def __str__(self) -> str:
        return self.header_digest[:8]
