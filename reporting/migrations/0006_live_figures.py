"""Figures of the year that goes on: what was said of it, and sealed what was counted for it."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agencies", "0015_county_region"),
        ("reporting", "0005_saved_view"),
    ]

    operations = [
        migrations.CreateModel(
            name="LiveFigure",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("label", models.CharField(max_length=80, unique=True)),
                ("period_start", models.DateField()),
                ("period_end", models.DateField()),
                ("table", models.JSONField()),
                ("digest", models.CharField(max_length=64)),
                ("said_at", models.JSONField(default=dict)),
                ("counts_sealed", models.BinaryField()),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "hub",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
                    ),
                ),
                (
                    "specification",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="live_figures",
                        to="reporting.specification",
                    ),
                ),
            ],
            options={
                "ordering": ["-made_at", "-label"],
            },
        ),
    ]
