"""An agency's own figures count the answers to its referrals, which are the receivers' rows."""

from django.db import migrations

from agencies.scope.rows import MINE

COUNTED = (
    "ALTER POLICY counted ON referrals_response USING (current_user = 'casehub_reporter' AND ("
    "current_setting('casehub.counting', true) = 'network' OR agency_id = {mine}{answers}))"
)


class Migration(migrations.Migration):
    dependencies = [("referrals", "0003_refused_rows")]

    operations = [
        migrations.RunSQL(
            COUNTED.format(mine=MINE, answers=f" OR sender_id = {MINE}"),
            COUNTED.format(mine=MINE, answers=""),
            elidable=False,
        )
    ]
