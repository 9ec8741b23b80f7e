"""Outlines and populations of counties, for maps and rates."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agencies", "0013_one_agreement_in_force")]

    operations = [
        migrations.CreateModel(
            name="CountyMap",
            fields=[
                (
                    "county",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="map",
                        serialize=False,
                        to="agencies.county",
                    ),
                ),
                ("outline", models.JSONField()),
                ("population", models.PositiveIntegerField()),
                ("population_year", models.PositiveSmallIntegerField()),
                ("population_source", models.CharField(max_length=120)),
                ("population_by", models.JSONField(default=dict)),
            ],
            options={"ordering": ["county"]},
        ),
    ]
