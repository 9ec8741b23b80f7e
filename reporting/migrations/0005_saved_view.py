"""Views of the numbers that people keep."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0005_a_nations_answer"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("page", models.CharField(max_length=20)),
                ("choices", models.JSONField(default=dict)),
                ("is_sent", models.BooleanField(default=False)),
                ("told", models.CharField(blank=True, max_length=80)),
                ("saved_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["saved_at"],
                "constraints": [
                    models.UniqueConstraint(fields=("user", "page", "choices"), name="a_view_is_saved_once")
                ],
            },
        ),
    ]
