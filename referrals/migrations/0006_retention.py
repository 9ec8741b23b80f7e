"""What was forgotten, what must not be yet, and the rights of the hand that forgets (ADR 0012)."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import referrals.models.fields
from agencies.scope.rows import MINE, AgencyRows, shredded_policy

ABOUT_CLIENTS = (
    "client",
    "contactcard",
    "draft",
    "enrollment",
    "followup",
    "importedrow",
    "referral",
    "screening",
    "service",
    "touchpoint",
)


class Migration(migrations.Migration):
    dependencies = [
        ("agencies", "0008_identity_kept"),
        ("referrals", "0005_contact_card"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="LegalHold",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("recorded_at", models.DateTimeField(auto_now_add=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                ("reference_sealed", models.BinaryField(blank=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="referrals.client",
                    ),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "placed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-recorded_at"],
            },
        ),
        migrations.CreateModel(
            name="Shredding",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("recorded_at", models.DateTimeField(auto_now_add=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                ("run", models.UUIDField()),
                ("why", referrals.models.fields.PicklistField(max_length=40)),
                ("cut_source", models.BooleanField(default=False)),
                ("went", models.JSONField()),
                ("fingerprint", models.CharField(blank=True, max_length=64)),
                ("key_destroyed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "client",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shredding",
                        to="referrals.client",
                    ),
                ),
            ],
            options={
                "ordering": ["-recorded_at", "pk"],
            },
        ),
        migrations.AddIndex(
            model_name="shredding",
            index=models.Index(fields=["agency", "run"], name="shreddings_by_run"),
        ),
        AgencyRows("LegalHold", client="client_id"),
        AgencyRows("Shredding", client="client_id"),
        # Tables walled by an older migration, where there was none of this policy.
        *(
            migrations.RunSQL(
                f"DROP POLICY IF EXISTS shredded ON referrals_{name}; {shredded_policy(f'referrals_{name}')}",
                migrations.RunSQL.noop,
            )
            for name in ABOUT_CLIENTS
        ),
        migrations.RunSQL(
            "CREATE POLICY shredded ON agencies_ledgerentry FOR INSERT TO casehub_shredder "
            f"WITH CHECK (agency_id = {MINE})",
            "DROP POLICY shredded ON agencies_ledgerentry",
        ),
    ]
