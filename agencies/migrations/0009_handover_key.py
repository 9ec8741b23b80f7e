"""The agencies' public hand-over keys: each agency's own, read by all once on a signed sharing agreement."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models

from agencies.scope.rows import MINE, AgencyRows

PUBLISHED = f"ended_at IS NULL AND agreement_id IS NOT NULL AND {MINE} IS NOT NULL"


class Migration(migrations.Migration):
    dependencies = [
        ("agencies", "0008_identity_kept"),
    ]

    operations = [
        migrations.CreateModel(
            name="HandoverKey",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("public_key", models.BinaryField(max_length=32)),
                ("code", models.CharField(max_length=23)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
                    ),
                ),
                (
                    "agreement",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="agencies.sharingagreement",
                    ),
                ),
            ],
            options={
                "ordering": ["agency", "-made_at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("agency",),
                        name="an_agency_has_one_handover_key",
                    )
                ],
            },
        ),
        AgencyRows("HandoverKey", readers={"published": PUBLISHED}),
    ]
