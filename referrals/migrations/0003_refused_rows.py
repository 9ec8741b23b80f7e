"""Rows that an import refused are kept sealed, behind their agency's wall."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

from agencies.scope.rows import AgencyRows


class Migration(migrations.Migration):
    dependencies = [("agencies", "0002_wall"), ("referrals", "0002_wall")]

    operations = [
        migrations.CreateModel(
            name="RefusedRows",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("recorded_at", models.DateTimeField(auto_now_add=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                ("file", models.CharField(max_length=40)),
                ("first_row", models.PositiveIntegerField()),
                ("rows", models.PositiveIntegerField()),
                ("body_sealed", models.BinaryField()),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="refused",
                        to="referrals.import",
                    ),
                ),
            ],
            options={"ordering": ["source", "file", "first_row"]},
        ),
        AgencyRows("RefusedRows"),
    ]
