"""Releases of information as the access rule (ADR 0016): what they are held to, and what hangs on them.

Before this there were no releases, so nothing that was handed over stood under one: it ends here, and can be
handed over again under a release.
"""

import datetime
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import referrals.models.fields
import uuid
from django.conf import settings
from django.db import migrations, models

from agencies.scope.rows import AgencyRows

# Triggers come after the row, so that the wall and the keys have the first word.

# Who may sign for whom, as far as the record knows; and partners that exist.
SIGNED = """
CREATE FUNCTION casehub_release_is_signed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.ends_at <= statement_timestamp() THEN
        RAISE EXCEPTION 'a release that is over is not signed' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.revoked_at IS NOT NULL THEN
        RAISE EXCEPTION 'a release is signed before it is revoked' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.agency_id = ANY (NEW.partners) OR EXISTS (
        SELECT FROM unnest(NEW.partners) named WHERE NOT EXISTS (
            SELECT FROM agencies_agency there WHERE there.id = named)
    ) THEN
        RAISE EXCEPTION 'partners are other agencies of the network' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.signer = 'minor' AND NOT EXISTS (
        SELECT FROM referrals_signingrule rule
        WHERE rule.id = NEW.rule_id AND rule.agency_id = NEW.agency_id
          AND rule.purpose = NEW.purpose AND rule.ended_at IS NULL
    ) THEN
        RAISE EXCEPTION 'no rule lets a minor sign alone for this' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.signer IN ('parent', 'guardian') AND EXISTS (
        SELECT FROM referrals_client client
        WHERE client.id = NEW.client_id AND client.relationship_to_trafficker = 'family'
    ) THEN
        RAISE EXCEPTION 'family does not sign where family trafficked' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER is_signed AFTER INSERT ON referrals_releaseofinformation
    FOR EACH ROW EXECUTE FUNCTION casehub_release_is_signed();
"""
NOT_SIGNED = """
DROP TRIGGER is_signed ON referrals_releaseofinformation;
DROP FUNCTION casehub_release_is_signed();
"""

# What was signed is not edited: it is revoked, once, or loses the name of a worker whose account went.
STAYS = """
CREATE FUNCTION casehub_release_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    same referrals_releaseofinformation;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a release is revoked, not deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    same := NEW;
    same.changed_at := OLD.changed_at;
    IF NEW.worker_id IS NULL THEN same.worker_id := OLD.worker_id; END IF;
    IF NEW.revoked_by_id IS NULL THEN same.revoked_by_id := OLD.revoked_by_id; END IF;
    IF OLD.revoked_at IS NULL THEN
        same.revoked_at := NULL;
        same.revoked_how := OLD.revoked_how;
        same.revoked_by_id := OLD.revoked_by_id;
    END IF;
    IF same IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'a release is revoked once and never edited' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER stays AFTER UPDATE OR DELETE ON referrals_releaseofinformation
    FOR EACH ROW EXECUTE FUNCTION casehub_release_stays();
"""
GOES = """
DROP TRIGGER stays ON referrals_releaseofinformation;
DROP FUNCTION casehub_release_stays();
"""

# Whatever of it lies at another agency ends in the very statement that revokes it.
REVOKED = """
CREATE FUNCTION casehub_release_is_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE referrals_disclosure SET withdrawn_at = statement_timestamp(), changed_at = statement_timestamp()
    WHERE release_id = NEW.id AND agency_id = NEW.agency_id AND withdrawn_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER is_revoked AFTER UPDATE ON referrals_releaseofinformation
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL)
    EXECUTE FUNCTION casehub_release_is_revoked();
"""
NOT_REVOKED = """
DROP TRIGGER is_revoked ON referrals_releaseofinformation;
DROP FUNCTION casehub_release_is_revoked();
"""

# FOR SHARE waits for a revocation that is under way, and makes one wait that comes after.
STANDS_UNDER = """
CREATE FUNCTION casehub_disclosure_is_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    about uuid;
    allowed referrals_releaseofinformation;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS DISTINCT FROM OLD.withdrawn_at THEN
            RAISE EXCEPTION 'what was withdrawn stays withdrawn' USING ERRCODE = 'restrict_violation';
        END IF;
        IF (NEW.agency_id, NEW.handover_id, NEW.receiver_id, NEW.release_id, NEW.compelled_id, NEW.data_class,
            NEW.purpose, NEW.notices, NEW.starts_at, NEW.ends_at) IS NOT DISTINCT FROM
           (OLD.agency_id, OLD.handover_id, OLD.receiver_id, OLD.release_id, OLD.compelled_id, OLD.data_class,
            OLD.purpose, OLD.notices, OLD.starts_at, OLD.ends_at) THEN
            RETURN NULL;
        END IF;
    END IF;
    SELECT client_id INTO about FROM referrals_handover
    WHERE id = NEW.handover_id AND agency_id = NEW.agency_id AND receiver_id = NEW.receiver_id;
    IF NEW.release_id IS NOT NULL THEN
        SELECT * INTO allowed FROM referrals_releaseofinformation
        WHERE id = NEW.release_id AND agency_id = NEW.agency_id FOR SHARE;
        IF allowed.revoked_at IS NULL AND allowed.client_id = about AND allowed.recipient_id = NEW.receiver_id
            AND NEW.data_class = ANY (allowed.classes) AND NEW.purpose = allowed.purpose
            AND allowed.starts_at <= NEW.starts_at AND NEW.ends_at <= allowed.ends_at THEN
            RETURN NULL;
        END IF;
    ELSIF EXISTS (
        SELECT FROM referrals_compelleddisclosure law
        WHERE law.id = NEW.compelled_id AND law.agency_id = NEW.agency_id AND law.client_id = about
          AND law.receiver_id = NEW.receiver_id AND NEW.data_class = ANY (law.classes)
          AND NEW.purpose = 'compelled'
    ) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'no release allows this disclosure' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER is_allowed AFTER INSERT OR UPDATE ON referrals_disclosure
    FOR EACH ROW EXECUTE FUNCTION casehub_disclosure_is_allowed();
"""
STANDS_ALONE = """
DROP TRIGGER is_allowed ON referrals_disclosure;
DROP FUNCTION casehub_disclosure_is_allowed();
"""

# Keys that carry the agency: a foreign key alone ignores row security.
KEYS = """
ALTER TABLE referrals_disclosure ADD CONSTRAINT referrals_disclosure_release_of_agency
    FOREIGN KEY (release_id, agency_id)
    REFERENCES referrals_releaseofinformation (id, agency_id) NOT DEFERRABLE;
ALTER TABLE referrals_disclosure ADD CONSTRAINT referrals_disclosure_compelled_of_agency
    FOREIGN KEY (compelled_id, agency_id)
    REFERENCES referrals_compelleddisclosure (id, agency_id) NOT DEFERRABLE;
"""
NO_KEYS = """
ALTER TABLE referrals_disclosure DROP CONSTRAINT referrals_disclosure_release_of_agency;
ALTER TABLE referrals_disclosure DROP CONSTRAINT referrals_disclosure_compelled_of_agency;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('agencies', '0010_doomed_keys'),
        ('referrals', '0007_disclosure'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # Row security binds the owner too, and no agency is acting here; TRUNCATE asks neither.
        migrations.RunSQL('TRUNCATE referrals_disclosure', migrations.RunSQL.noop),
        migrations.CreateModel(
            name='CompelledDisclosure',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('basis', referrals.models.fields.PicklistField(max_length=40)),
                ('classes', referrals.models.fields.PicklistsField(blank=True, default=list, size=None)),
                ('reference_sealed', models.BinaryField()),
                ('told', referrals.models.fields.PicklistField(max_length=40)),
            ],
            options={
                'ordering': ['-recorded_at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='ReleaseOfInformation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('classes', referrals.models.fields.PicklistsField(blank=True, default=list, size=None)),
                ('partners', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), blank=True, default=list, size=None)),
                ('purpose', referrals.models.fields.PicklistField(max_length=40)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('longer_reason', referrals.models.fields.PicklistField(blank=True, max_length=40)),
                ('signed_on', models.DateField()),
                ('signed_how', referrals.models.fields.PicklistField(max_length=40)),
                ('signer', referrals.models.fields.PicklistField(max_length=40)),
                ('language', referrals.models.fields.PicklistField(default='not_asked', max_length=40)),
                ('interpreter', referrals.models.fields.PicklistField(max_length=40)),
                ('risks_explained', models.BooleanField(default=False)),
                ('copy_given', referrals.models.fields.PicklistField(max_length=40)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_how', referrals.models.fields.PicklistField(blank=True, max_length=40)),
            ],
            options={
                'ordering': ['-starts_at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='SigningRule',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('purpose', referrals.models.fields.PicklistField(max_length=40)),
                ('from_age', models.PositiveSmallIntegerField()),
                ('citation', models.CharField(max_length=120)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['purpose', 'from_age', 'pk'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='disclosure',
            name='a_release_discloses_a_class_once',
        ),
        migrations.AddField(
            model_name='disclosure',
            name='notices',
            field=referrals.models.fields.PicklistsField(blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='compelleddisclosure',
            name='agency',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency'),
        ),
        migrations.AddField(
            model_name='compelleddisclosure',
            name='client',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='compelled_disclosures', to='referrals.client'),
        ),
        migrations.AddField(
            model_name='compelleddisclosure',
            name='receiver',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency'),
        ),
        migrations.AddField(
            model_name='compelleddisclosure',
            name='worker',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='disclosure',
            name='compelled',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='disclosures', to='referrals.compelleddisclosure'),
        ),
        migrations.AddField(
            model_name='releaseofinformation',
            name='agency',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency'),
        ),
        migrations.AddField(
            model_name='releaseofinformation',
            name='client',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='releases', to='referrals.client'),
        ),
        migrations.AddField(
            model_name='releaseofinformation',
            name='recipient',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency'),
        ),
        migrations.AddField(
            model_name='releaseofinformation',
            name='renews',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='renewals', to='referrals.releaseofinformation'),
        ),
        migrations.AddField(
            model_name='releaseofinformation',
            name='revoked_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='releaseofinformation',
            name='worker',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.RemoveField(model_name='disclosure', name='release'),
        migrations.AddField(
            model_name='disclosure',
            name='release',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='disclosures', to='referrals.releaseofinformation'),
        ),
        migrations.AddConstraint(
            model_name='disclosure',
            constraint=models.UniqueConstraint(fields=('agency', 'handover', 'data_class'), name='a_class_is_handed_over_once'),
        ),
        migrations.AddConstraint(
            model_name='disclosure',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('compelled', None), ('release__isnull', False)), models.Q(('compelled__isnull', False), ('release', None)), _connector='OR'), name='a_disclosure_is_allowed_or_compelled'),
        ),
        migrations.AddField(
            model_name='signingrule',
            name='agency',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency'),
        ),
        migrations.AddField(
            model_name='releaseofinformation',
            name='rule',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='referrals.signingrule'),
        ),
        migrations.AddIndex(
            model_name='compelleddisclosure',
            index=models.Index(fields=['agency', 'client', '-recorded_at'], name='compelled_by_client'),
        ),
        migrations.AddConstraint(
            model_name='compelleddisclosure',
            constraint=models.CheckConstraint(condition=models.Q(('basis__in', ['court_order', 'statute', 'mandated_report'])), name='only_an_order_or_a_law_compels'),
        ),
        migrations.AddConstraint(
            model_name='compelleddisclosure',
            constraint=models.CheckConstraint(condition=models.Q(('receiver', None), models.Q(('receiver', models.F('agency')), _negated=True), _connector='OR'), name='what_is_compelled_leaves_the_agency'),
        ),
        migrations.AddConstraint(
            model_name='compelleddisclosure',
            constraint=models.CheckConstraint(condition=models.Q(('classes__contained_by', ['identity', 'contact', 'safety', 'language', 'emergency', 'numbers']), ('classes__len__gt', 0)), name='what_is_compelled_is_named'),
        ),
        migrations.AddConstraint(
            model_name='signingrule',
            constraint=models.CheckConstraint(condition=models.Q(('from_age__gte', 1), ('from_age__lte', 17)), name='a_signing_rule_is_about_minors'),
        ),
        migrations.AddConstraint(
            model_name='signingrule',
            constraint=models.CheckConstraint(condition=models.Q(('citation', ''), _negated=True), name='a_signing_rule_cites_its_law'),
        ),
        migrations.AddIndex(
            model_name='releaseofinformation',
            index=models.Index(fields=['agency', 'client', '-starts_at'], name='releases_by_client'),
        ),
        migrations.AddIndex(
            model_name='releaseofinformation',
            index=models.Index(fields=['agency', 'ends_at'], name='releases_by_end'),
        ),
        migrations.AddConstraint(
            model_name='releaseofinformation',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at')), ('ends_at__lte', django.db.models.expressions.CombinedExpression(models.F('starts_at'), '+', models.Value(datetime.timedelta(days=366))))), name='a_release_ends_within_a_year'),
        ),
        migrations.AddConstraint(
            model_name='releaseofinformation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('longer_reason', ''), _negated=True), ('ends_at__lte', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('starts_at'), '+', models.Value(datetime.timedelta(days=30))), '+', models.Value(datetime.timedelta(days=1)))), models.Q(models.Q(('purpose', 'referral'), _negated=True), ('ends_at__lte', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('starts_at'), '+', models.Value(datetime.timedelta(days=90))), '+', models.Value(datetime.timedelta(days=1))))), _connector='OR'), name='a_longer_release_says_why'),
        ),
        migrations.AddConstraint(
            model_name='releaseofinformation',
            constraint=models.CheckConstraint(condition=models.Q(('recipient', None), models.Q(('recipient', models.F('agency')), _negated=True), _connector='OR'), name='a_release_is_to_somebody_else'),
        ),
        migrations.AddConstraint(
            model_name='releaseofinformation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('classes__contained_by', ['count', 'confirm']), ('classes__contains', ['count']), ('partners__len__gt', 0), ('purpose', 'counting'), ('recipient', None)), models.Q(('classes__contained_by', ['identity', 'contact', 'safety', 'language', 'emergency', 'numbers']), ('classes__len__gt', 0), ('partners__len', 0), ('recipient__isnull', False), models.Q(('purpose', 'counting'), _negated=True)), _connector='OR'), name='a_release_names_what_is_for_whom'),
        ),
        migrations.AddConstraint(
            model_name='releaseofinformation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('rule__isnull', False), ('signer', 'minor')), models.Q(models.Q(('signer', 'minor'), _negated=True), ('rule', None)), _connector='OR'), name='a_minor_signs_alone_under_a_rule'),
        ),
        migrations.AddConstraint(
            model_name='releaseofinformation',
            constraint=models.CheckConstraint(condition=models.Q(('risks_explained', True)), name='a_release_is_informed'),
        ),
        migrations.AddConstraint(
            model_name='releaseofinformation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('revoked_at', None), ('revoked_how', '')), models.Q(('revoked_at__isnull', False), models.Q(('revoked_how', ''), _negated=True)), _connector='OR'), name='a_revocation_says_how'),
        ),
        AgencyRows("SigningRule"),
        AgencyRows("ReleaseOfInformation", client="client_id"),
        AgencyRows("CompelledDisclosure", client="client_id"),
        migrations.RunSQL(KEYS, NO_KEYS, elidable=False),
        migrations.RunSQL(SIGNED, NOT_SIGNED, elidable=False),
        migrations.RunSQL(STAYS, GOES, elidable=False),
        migrations.RunSQL(REVOKED, NOT_REVOKED, elidable=False),
        migrations.RunSQL(STANDS_UNDER, STANDS_ALONE, elidable=False),
    ]
