"""Contact cards go behind the wall with their clients."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from agencies.scope.rows import AgencyRows


class Migration(migrations.Migration):
    dependencies = [
        ("agencies", "0006_card_keys"),
        ("referrals", "0004_answers_to_us_are_counted"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ContactCard",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("recorded_at", models.DateTimeField(auto_now_add=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                ("sealed_e2e", models.BinaryField()),
                ("key_version", models.PositiveIntegerField()),
                ("revision", models.PositiveIntegerField()),
                ("saved_at", models.PositiveBigIntegerField()),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
                    ),
                ),
                (
                    "client",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="card",
                        to="referrals.client",
                    ),
                ),
                (
                    "saved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "indexes": [models.Index(fields=["agency", "key_version"], name="cards_by_key_version")],
            },
        ),
        AgencyRows("ContactCard", client="client_id"),
    ]
