"""Shared computers' passkeys behind the wall, challenges that are spent, and since when someone uses such a
computer."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from agencies.scope.rows import AgencyRows


class Migration(migrations.Migration):
    dependencies = [("agencies", "0003_idempotency_key")]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="workstation_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="SpentChallenge",
            fields=[
                ("digest", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("spent_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={"ordering": ["spent_at"]},
        ),
        migrations.CreateModel(
            name="WorkstationKey",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=60)),
                ("credential_id", models.BinaryField(max_length=1023)),
                ("credential", models.BinaryField()),
                ("sign_count", models.PositiveBigIntegerField(default=0)),
                ("added_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("last_used_on", models.DateField(blank=True, null=True)),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "added_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
                    ),
                ),
            ],
            options={
                "ordering": ["title", "added_at"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("agency", "credential_id"),
                        name="a_computers_passkey_stands_once_at_an_agency",
                    )
                ],
            },
        ),
        # Its entries in the ledger say what happened (added, used, removed), not that a counter moved.
        AgencyRows("WorkstationKey", ledger=False),
    ]
