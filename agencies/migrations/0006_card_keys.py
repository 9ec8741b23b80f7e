"""Keys of the contact cards, behind the wall: public halves, and what is sealed to their holders."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models

from agencies.scope.rows import AgencyRows


class Migration(migrations.Migration):
    dependencies = [
        ("agencies", "0005_passkeys"),
    ]

    operations = [
        migrations.CreateModel(
            name="MemberKey",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("kit_number", models.PositiveIntegerField(null=True)),
                ("public_key", models.BinaryField(max_length=32)),
                ("trust_sealed", models.BinaryField(blank=True)),
                ("trust_serial", models.PositiveIntegerField(default=0)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["agency", "made_at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="KeyWrap",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("version", models.PositiveIntegerField()),
                ("wrapped", models.BinaryField()),
                ("tag", models.BinaryField(max_length=32)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="wraps",
                        to="agencies.memberkey",
                    ),
                ),
                (
                    "sender",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="agencies.memberkey",
                    ),
                ),
            ],
            options={
                "ordering": ["version", "made_at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Opener",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("passkey", "Passkey"), ("passphrase", "Passphrase")], max_length=10
                    ),
                ),
                ("credential_id", models.BinaryField(blank=True)),
                ("salt", models.BinaryField(max_length=64)),
                ("memory_kib", models.PositiveIntegerField(default=0)),
                ("passes", models.PositiveSmallIntegerField(default=0)),
                ("private_sealed", models.BinaryField()),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="openers",
                        to="agencies.memberkey",
                    ),
                ),
            ],
            options={
                "ordering": ["made_at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="VaultKey",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("version", models.PositiveIntegerField()),
                ("book_sealed", models.BinaryField()),
                ("book_serial", models.PositiveIntegerField(default=1)),
                ("handover_public", models.BinaryField(max_length=32)),
                ("handover_sealed", models.BinaryField()),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("destroyed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["agency", "-version"],
            },
        ),
        migrations.AddConstraint(
            model_name="memberkey",
            constraint=models.CheckConstraint(
                condition=models.Q(("user", None), ("kit_number", None), _connector="XOR"),
                name="a_member_key_is_a_persons_or_a_kits",
            ),
        ),
        migrations.AddConstraint(
            model_name="memberkey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)),
                fields=("agency", "user"),
                name="a_member_has_one_key_at_an_agency",
            ),
        ),
        migrations.AddConstraint(
            model_name="memberkey",
            constraint=models.UniqueConstraint(
                fields=("agency", "kit_number"), name="a_kit_number_stands_once_at_an_agency"
            ),
        ),
        migrations.AddConstraint(
            model_name="keywrap",
            constraint=models.UniqueConstraint(
                fields=("agency", "member", "version"), name="a_version_is_wrapped_once_for_a_member"
            ),
        ),
        migrations.AddConstraint(
            model_name="vaultkey",
            constraint=models.UniqueConstraint(
                fields=("agency", "version"), name="a_vault_key_version_is_made_once"
            ),
        ),
        AgencyRows("VaultKey"),
        AgencyRows("MemberKey"),
        AgencyRows("Opener"),
        AgencyRows("KeyWrap"),
    ]
