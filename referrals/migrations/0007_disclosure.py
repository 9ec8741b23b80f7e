"""Sealed hand-over: what an agency handed over of a client, and what the receiver may read of it while it is live."""

import datetime
import django.db.models.deletion
import django.db.models.expressions
import referrals.models.fields
import uuid
from django.conf import settings
from django.db import migrations, models

from agencies.scope.rows import MINE, AgencyRows, shredded_policy


# The receiver's right ends with the row's own clock, by the database's: no worker has to be running for it.
RECEIVED = (
    f"receiver_id = {MINE} AND withdrawn_at IS NULL AND sealed_e2e <> ''"
    " AND starts_at <= statement_timestamp() AND statement_timestamp() < ends_at"
)

# An agency can't write into another's chain. This enters in the sender's that the receiver opened a disclosure,
# and nothing else: which chain follows from a row that the caller can read as its receiver.
OPENING = """
CREATE FUNCTION casehub_enter_opening(which uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    mine text := current_setting('casehub.agency', true);
    sender int;
BEGIN
    SELECT agency_id INTO STRICT sender FROM referrals_disclosure
    WHERE id = which AND receiver_id = NULLIF(mine, '')::int;
    PERFORM set_config('casehub.agency', sender::text, true);
    INSERT INTO agencies_ledgerentry (agency_id, user_id, verb, target_type, target_id, rows, why)
    VALUES (sender, NULL, 'disclosure.opened_there', 'disclosure', which::text, 1, '');
    PERFORM set_config('casehub.agency', mine, true);
END $$;
"""
NO_OPENING = "DROP FUNCTION casehub_enter_opening(uuid)"


class Migration(migrations.Migration):

    dependencies = [
        ('agencies', '0009_handover_key'),
        ('referrals', '0006_retention'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Handover',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('agency', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency')),
                ('client', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='handovers', to='referrals.client')),
                ('receiver', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency')),
                ('worker', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-recorded_at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Disclosure',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('release', models.UUIDField()),
                ('data_class', referrals.models.fields.PicklistField(max_length=40)),
                ('purpose', referrals.models.fields.PicklistField(max_length=40)),
                ('sealed_e2e', models.BinaryField(blank=True)),
                ('tag', models.BinaryField(blank=True, max_length=32)),
                ('receiver_key', models.BinaryField(max_length=32)),
                ('sender_key', models.BinaryField(max_length=32)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                ('agency', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency')),
                ('offer', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='referrals.offer')),
                ('receiver', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency')),
                ('handover', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='disclosures', to='referrals.handover')),
            ],
            options={
                'ordering': ['-starts_at', 'data_class', 'pk'],
            },
        ),
        migrations.AddIndex(
            model_name='handover',
            index=models.Index(fields=['agency', 'client', '-recorded_at'], name='handovers_by_client'),
        ),
        migrations.AddConstraint(
            model_name='handover',
            constraint=models.CheckConstraint(condition=models.Q(('receiver', models.F('agency')), _negated=True), name='a_handover_leaves_the_agency'),
        ),
        migrations.AddIndex(
            model_name='disclosure',
            index=models.Index(fields=['receiver', 'ends_at'], name='disclosures_by_receiver'),
        ),
        migrations.AddConstraint(
            model_name='disclosure',
            constraint=models.UniqueConstraint(fields=('agency', 'release', 'data_class'), name='a_release_discloses_a_class_once'),
        ),
        migrations.AddConstraint(
            model_name='disclosure',
            constraint=models.CheckConstraint(condition=models.Q(('receiver', models.F('agency')), _negated=True), name='a_disclosure_leaves_the_agency'),
        ),
        migrations.AddConstraint(
            model_name='disclosure',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at')), ('ends_at__lte', django.db.models.expressions.CombinedExpression(models.F('starts_at'), '+', models.Value(datetime.timedelta(days=180))))), name='a_disclosure_ends_in_time'),
        ),
        AgencyRows("Handover", client="client_id"),
        AgencyRows("Disclosure", readers={"received": RECEIVED}),
        migrations.RunSQL(
            shredded_policy("referrals_disclosure"), "DROP POLICY shredded ON referrals_disclosure"
        ),
        migrations.RunSQL(OPENING, NO_OPENING, elidable=False),
    ]
