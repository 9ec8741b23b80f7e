"""What agencies answer to the hub's questions of linkage: each its own, and the linking role finds where two agree."""

import django.db.models.deletion
import referrals.models.fields
import uuid
from django.conf import settings
from django.db import migrations, models

from agencies.scope.rows import MINE, AgencyRows

# Outside every agency's door: neither agency reads the other's answer.
TOGETHER = f"""
CREATE POLICY linked ON referrals_linkanswer FOR SELECT TO casehub_linker
    USING (current_user = 'casehub_linker' AND {MINE} IS NULL);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('referrals', '0009_linkage'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='LinkAnswer',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('pair', models.UUIDField()),
                ('verdict', referrals.models.fields.PicklistField(max_length=40)),
                ('answered_at', models.DateTimeField()),
                ('hidden_until', models.DateTimeField(blank=True, null=True)),
                ('agency', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency')),
                ('client', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='link_answers', to='referrals.client')),
                ('worker', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-answered_at', 'pk'],
                'indexes': [models.Index(fields=['agency', 'client'], name='link_answers_by_client')],
                'constraints': [models.UniqueConstraint(fields=('agency', 'pair'), name='an_agency_answers_a_pair_once'), models.CheckConstraint(condition=models.Q(('hidden_until', None), ('verdict', 'unsure'), _connector='OR'), name='only_who_cannot_tell_is_spared')],
            },
        ),
        AgencyRows("LinkAnswer", client="client_id"),
        migrations.RunSQL(TOGETHER, "DROP POLICY linked ON referrals_linkanswer", elidable=False),
    ]
