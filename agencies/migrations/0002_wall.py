"""The agencies' own tables go behind the wall; the ledger before everything else, since writes enter it."""

from django.db import migrations

from agencies.scope.rows import AgencyRows


class Migration(migrations.Migration):
    dependencies = [("agencies", "0001_initial")]

    operations = [
        AgencyRows("LedgerEntry", ledger=False, unowned=True),
        AgencyRows("LedgerSeal", ledger=False),
        AgencyRows("Project"),
        AgencyRows("Award"),
        AgencyRows("AwardProject"),
        AgencyRows("SharingAgreement"),
        AgencyRows("Job", ledger=False),
        AgencyRows("JobChunk", ledger=False),
    ]
