"""One agreement of an agency is in force at a time. Asked when a transaction ends: the next one is signed before the
last one ends, so that nothing stands without one in between."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("agencies", "0012_token_partners"),
    ]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE agencies_sharingagreement ADD CONSTRAINT one_agreement_is_in_force"
            " EXCLUDE USING btree (agency_id WITH =) WHERE (signed_at IS NOT NULL AND ended_at IS NULL) DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE agencies_sharingagreement DROP CONSTRAINT one_agreement_is_in_force",
        ),
    ]
