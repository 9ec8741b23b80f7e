"""The keys of repeated writes through the API, behind the wall like the rows they made."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models

from agencies.scope.rows import AgencyRows

class Migration(migrations.Migration):

    dependencies = [
        ('agencies', '0002_wall'),
    ]

    operations = [
        migrations.CreateModel(
            name='IdempotencyKey',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('key_token', models.BinaryField(max_length=32)),
                ('sent_token', models.BinaryField(max_length=32)),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('created_id', models.UUIDField(null=True)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('agency', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['made_at', 'pk'],
                'indexes': [models.Index(fields=['agency', 'made_at'], name='idempotency_keys_by_time')],
                'constraints': [models.UniqueConstraint(fields=('agency', 'user', 'key_token'), name='a_person_uses_an_idempotency_key_once')],
            },
        ),
        AgencyRows('IdempotencyKey', ledger=False),
    ]
