"""The key holders and their epochs (the hub's own), an agency's sealed file of them, and tokens by agreement."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models

from agencies.scope.rows import AgencyRows


class Migration(migrations.Migration):
    dependencies = [
        ("agencies", "0010_doomed_keys"),
    ]

    operations = [
        migrations.AddField(
            model_name="sharingagreement",
            name="shares_tokens_without_release",
            field=models.BooleanField(default=False),
        ),
        migrations.CreateModel(
            name="KeyHolder",
            fields=[
                ("number", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("url", models.URLField()),
                ("body", models.CharField(max_length=120)),
                ("in_use_since", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["number"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("number__gte", 1), ("number__lte", 3)),
                        name="there_are_three_key_holders",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LinkEpoch",
            fields=[
                ("number", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("fingerprint", models.CharField(max_length=39)),
                ("began_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["number"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ended_at", None), ("ended_at__gte", models.F("began_at")), _connector="OR"
                        ),
                        name="an_epoch_ends_after_it_began",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HolderFile",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("version", models.PositiveIntegerField()),
                ("epoch", models.PositiveIntegerField()),
                ("sealed", models.BinaryField()),
                ("serial", models.PositiveIntegerField()),
                ("put_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
                    ),
                ),
                (
                    "put_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["agency", "-serial"],
                "constraints": [
                    models.UniqueConstraint(fields=("agency", "serial"), name="a_holders_file_is_saved_once")
                ],
            },
        ),
        AgencyRows("HolderFile"),
    ]
