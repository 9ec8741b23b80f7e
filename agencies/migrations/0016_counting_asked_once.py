"""The counting door's policies ask who counts once a statement, not once a row. Nobody sees more or less."""

from django.db import migrations

from agencies.scope.rows import asked_once

TABLES = (
    "agencies_award",
    "agencies_awardproject",
    "agencies_handoverkey",
    "agencies_holderfile",
    "agencies_idempotencykey",
    "agencies_job",
    "agencies_jobchunk",
    "agencies_keywrap",
    "agencies_ledgerentry",
    "agencies_ledgerseal",
    "agencies_memberkey",
    "agencies_opener",
    "agencies_project",
    "agencies_sharingagreement",
    "agencies_vaultkey",
    "agencies_workstationkey",
)


class Migration(migrations.Migration):
    dependencies = [("agencies", "0015_county_region")]

    operations = [asked_once(table) for table in TABLES]
