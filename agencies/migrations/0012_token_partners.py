"""Which agencies share tokens: a signed agreement that says so is read by every agency of the network, since a
client's release names them (ADR 16)."""

from django.db import migrations

from agencies.scope.rows import MINE

SHARED = (
    "signed_at IS NOT NULL AND ended_at IS NULL "
    f"AND (shares_tokens_under_release OR shares_tokens_without_release) AND {MINE} IS NOT NULL"
)


class Migration(migrations.Migration):
    dependencies = [
        ("agencies", "0011_key_holders"),
    ]

    operations = [
        migrations.RunSQL(
            f"CREATE POLICY published ON agencies_sharingagreement FOR SELECT TO casehub_app USING ({SHARED})",
            "DROP POLICY published ON agencies_sharingagreement",
        ),
    ]
