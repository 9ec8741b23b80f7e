"""Linkage at the hub (ADR 0017): who may read and write what, and that whatever goes takes along what hangs on it."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import referrals.models.linkage
import uuid
from django.db import migrations, models

from agencies.scope.rows import MINE, AgencyRows

ALONE = f"{MINE} IS NULL"
LINKER = "current_user = 'casehub_linker'"
COUNTING = "current_user = 'casehub_reporter' AND current_setting('casehub.counting', true) = 'network'"
# Every regime but "none of these".
COVERED = "'vawa', 'voca', 'fvpsa', 'ovc_ht', 'hipaa', 'part_2', 'ferpa', 'child_welfare'"


def _alone(table: str, readable: str = "true") -> str:
    """A table that is the linking role's, outside any agency's door."""
    return f"""
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
    ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
    CREATE POLICY linked ON {table} TO casehub_linker
        USING ({LINKER} AND {ALONE} AND {readable}) WITH CHECK ({LINKER} AND {ALONE});
    """


# A record lives by its own clock; the statement's, as now() would freeze it for a transaction. Inside an agency's
# door the linking role sees that agency's records only. It deletes what is over, by its own end or its epoch's, and
# what a new award covers.
RECORDS = f"""
ALTER TABLE referrals_linkrecord DROP CONSTRAINT referrals_linkrecord_client_of_agency;
ALTER TABLE referrals_linkrecord ADD CONSTRAINT referrals_linkrecord_client_of_agency
    FOREIGN KEY (client_id, agency_id) REFERENCES referrals_client (id, agency_id)
    ON DELETE CASCADE NOT DEFERRABLE;
CREATE POLICY alive ON referrals_linkrecord AS RESTRICTIVE FOR SELECT TO casehub_reporter
    USING (statement_timestamp() < ends_at);
CREATE POLICY linked ON referrals_linkrecord FOR SELECT TO casehub_linker
    USING ({LINKER} AND statement_timestamp() < ends_at AND ({ALONE} OR agency_id = {MINE}));
CREATE POLICY over ON referrals_linkrecord FOR DELETE TO casehub_linker
    USING ({LINKER} AND (ends_at <= statement_timestamp() OR release_id IS NULL AND agency_id = {MINE}
        OR epoch IN (SELECT ended.number FROM agencies_linkepoch ended WHERE ended.ended_at IS NOT NULL)));
"""
NO_RECORDS = """
DROP POLICY over ON referrals_linkrecord;
DROP POLICY linked ON referrals_linkrecord;
DROP POLICY alive ON referrals_linkrecord;
"""

OWN_RECORD = "EXISTS (SELECT FROM referrals_linkrecord own WHERE own.number = record_id)"
TOKENS = f"""
ALTER TABLE referrals_linktoken ADD CONSTRAINT a_token_has_16_bytes CHECK (octet_length(token) = 16);
ALTER TABLE referrals_linktoken ADD CONSTRAINT a_token_ends_with_its_record
    FOREIGN KEY (record_id, ends_at) REFERENCES referrals_linkrecord (number, ends_at)
    ON UPDATE CASCADE ON DELETE CASCADE NOT DEFERRABLE;
ALTER TABLE referrals_linktoken ENABLE ROW LEVEL SECURITY;
ALTER TABLE referrals_linktoken FORCE ROW LEVEL SECURITY;
CREATE POLICY linked ON referrals_linktoken FOR SELECT TO casehub_linker
    USING ({LINKER} AND statement_timestamp() < ends_at AND ({ALONE} OR {OWN_RECORD}));
CREATE POLICY put ON referrals_linktoken FOR INSERT TO casehub_linker
    WITH CHECK ({LINKER} AND NOT {ALONE} AND {OWN_RECORD});
CREATE POLICY taken ON referrals_linktoken FOR DELETE TO casehub_linker
    USING ({LINKER} AND NOT {ALONE} AND {OWN_RECORD});
"""
NO_TOKENS = """
DROP POLICY linked ON referrals_linktoken;
DROP POLICY put ON referrals_linktoken;
DROP POLICY taken ON referrals_linktoken;
"""

LIVE_EDGE = "statement_timestamp() < a_ends_at AND statement_timestamp() < b_ends_at"
EDGES = f"""
ALTER TABLE referrals_linkedge ADD CONSTRAINT a_pair_ends_with_its_first
    FOREIGN KEY (a, a_ends_at) REFERENCES referrals_linkrecord (number, ends_at)
    ON UPDATE CASCADE ON DELETE CASCADE NOT DEFERRABLE;
ALTER TABLE referrals_linkedge ADD CONSTRAINT a_pair_ends_with_its_second
    FOREIGN KEY (b, b_ends_at) REFERENCES referrals_linkrecord (number, ends_at)
    ON UPDATE CASCADE ON DELETE CASCADE NOT DEFERRABLE;
{_alone("referrals_linkedge", LIVE_EDGE)}
CREATE POLICY counted ON referrals_linkedge FOR SELECT TO casehub_reporter USING ({COUNTING} AND {LIVE_EDGE});
"""
NO_EDGES = """
DROP POLICY counted ON referrals_linkedge;
DROP POLICY linked ON referrals_linkedge;
"""

# Who goes empties its place in the ring, and ON UPDATE CASCADE carries that all round.
PEOPLE = f"""
ALTER TABLE referrals_linkedperson ADD CONSTRAINT a_person_ends_with_its_record
    FOREIGN KEY (record_id, ends_at) REFERENCES referrals_linkrecord (number, ends_at)
    ON UPDATE CASCADE ON DELETE CASCADE NOT DEFERRABLE;
ALTER TABLE referrals_linkedperson ADD CONSTRAINT a_ring_breaks_as_a_whole
    FOREIGN KEY (next, ring) REFERENCES referrals_linkedperson (record_id, ring)
    ON UPDATE CASCADE ON DELETE SET NULL (ring) NOT DEFERRABLE;
{_alone("referrals_linkedperson", "statement_timestamp() < ends_at")}
CREATE POLICY counted ON referrals_linkedperson FOR SELECT TO casehub_reporter
    USING ({COUNTING} AND ring IS NOT NULL AND statement_timestamp() < until AND statement_timestamp() < ends_at);
"""
NO_PEOPLE = """
DROP POLICY counted ON referrals_linkedperson;
DROP POLICY linked ON referrals_linkedperson;
"""

ALONE_TOO = ("referrals_linkdecision", "referrals_linkmodel", "referrals_linkchange")

# Under which release a record stands, or that its agency may do without. FOR SHARE waits for a revocation that
# is under way, and makes one wait that comes after. Who the record is of, and among whom it is compared, stays.
STANDS = f"""
CREATE FUNCTION casehub_does_without_release(which bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT COALESCE((
        SELECT newest.shares_tokens_without_release FROM agencies_sharingagreement newest
        WHERE newest.agency_id = which AND newest.signed_at <= statement_timestamp() AND newest.ended_at IS NULL
        ORDER BY newest.version DESC LIMIT 1), false)
    AND NOT EXISTS (
        SELECT FROM agencies_award award
        WHERE award.agency_id = which AND award.regimes && ARRAY[{COVERED}]::varchar[])
$$;
CREATE FUNCTION casehub_link_record_stands() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    allowed referrals_releaseofinformation;
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.number, NEW.client_id, NEW.agency_id, NEW.partners, NEW.confirms)
        IS DISTINCT FROM (OLD.number, OLD.client_id, OLD.agency_id, OLD.partners, OLD.confirms) THEN
        RAISE EXCEPTION 'a link record changes its end and its tokens only' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.release_id IS NOT NULL THEN
        SELECT * INTO allowed FROM referrals_releaseofinformation
        WHERE id = NEW.release_id AND agency_id = NEW.agency_id FOR SHARE;
        IF allowed.client_id = NEW.client_id AND allowed.recipient_id IS NULL AND allowed.revoked_at IS NULL
            AND 'count' = ANY (allowed.classes) AND NEW.partners = allowed.partners
            AND (NEW.confirms IS FALSE OR 'confirm' = ANY (allowed.classes))
            AND allowed.starts_at <= statement_timestamp() AND statement_timestamp() < NEW.ends_at
            AND NEW.ends_at <= allowed.ends_at THEN
            RETURN NULL;
        END IF;
    ELSIF NOT NEW.confirms AND NEW.ends_at <= statement_timestamp() + interval '366 days'
        AND casehub_does_without_release(NEW.agency_id) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'no live release lets this client be counted' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER stands AFTER INSERT OR UPDATE ON referrals_linkrecord
    FOR EACH ROW EXECUTE FUNCTION casehub_link_record_stands();
"""
NO_STANDING = """
DROP TRIGGER stands ON referrals_linkrecord;
DROP FUNCTION casehub_link_record_stands();
DROP FUNCTION casehub_does_without_release(bigint);
"""

# A revoked release takes its record along in the same statement.
REVOKED = """
CREATE FUNCTION casehub_revoked_is_unlinked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM referrals_linkrecord WHERE release_id = NEW.id AND agency_id = NEW.agency_id;
    RETURN NULL;
END $$;
CREATE TRIGGER is_unlinked AFTER UPDATE ON referrals_releaseofinformation
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL)
    EXECUTE FUNCTION casehub_revoked_is_unlinked();
"""
NOT_REVOKED = """
DROP TRIGGER is_unlinked ON referrals_releaseofinformation;
DROP FUNCTION casehub_revoked_is_unlinked();
"""

# A new award, or another agreement, ends at once what stood without a release: also the records of clients that
# are closed to whoever enters it, which is why the linking role does it.
COVERS = """
CREATE FUNCTION casehub_covered_is_unlinked() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text := current_setting('role');
BEGIN
    IF NOT casehub_does_without_release(NEW.agency_id) THEN
        PERFORM set_config('role', 'casehub_linker', true);
        DELETE FROM referrals_linkrecord WHERE release_id IS NULL AND agency_id = NEW.agency_id;
        PERFORM set_config('role', before, true);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER is_unlinked AFTER INSERT OR UPDATE ON agencies_award
    FOR EACH ROW EXECUTE FUNCTION casehub_covered_is_unlinked();
CREATE TRIGGER is_unlinked AFTER INSERT OR UPDATE ON agencies_sharingagreement
    FOR EACH ROW EXECUTE FUNCTION casehub_covered_is_unlinked();
"""
UNCOVERS = """
DROP TRIGGER is_unlinked ON agencies_award;
DROP TRIGGER is_unlinked ON agencies_sharingagreement;
DROP FUNCTION casehub_covered_is_unlinked();
"""

# Whoever takes records away, or settles people, waits for the other; so neither finds half of the other's work,
# and no two that leave at once wait for each other in a ring.
TURNS = """
CREATE FUNCTION casehub_linking_in_turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('casehub.linking'), 0);
    RETURN NULL;
END $$;
CREATE TRIGGER in_turn BEFORE UPDATE OR DELETE ON referrals_linkrecord
    FOR EACH STATEMENT EXECUTE FUNCTION casehub_linking_in_turn();
"""
NO_TURNS = """
DROP TRIGGER in_turn ON referrals_linkrecord;
DROP FUNCTION casehub_linking_in_turn();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('agencies', '0011_key_holders'),
        ('referrals', '0008_release'),
    ]

    operations = [
        migrations.CreateModel(
            name='LinkChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('what', models.CharField(choices=[('arrived', 'Arrived'), ('left', 'Left'), ('decided', 'Decided'), ('undone', 'Undone'), ('bulk', 'Bulk')], max_length=8)),
                ('record', models.BigIntegerField(null=True)),
                ('before', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveIntegerField(), size=None)),
                ('after', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveIntegerField(), size=None)),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='LinkRecord',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('ends_at', models.DateTimeField()),
                ('partners', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ('confirms', models.BooleanField(default=False)),
                ('epoch', models.PositiveIntegerField()),
                ('version', models.PositiveSmallIntegerField()),
                ('mask', models.PositiveIntegerField()),
                ('number', models.BigIntegerField(default=referrals.models.linkage.a_number, editable=False, unique=True)),
                ('agency', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency')),
                ('client', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='link_record', to='referrals.client')),
                ('release', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='referrals.releaseofinformation')),
            ],
            options={
                'ordering': ['number'],
            },
        ),
        migrations.CreateModel(
            name='LinkModel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('keys', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=8), size=None)),
                ('m', models.JSONField()),
                ('u', models.JSONField()),
                ('share', models.FloatField()),
                ('kin', django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=None)),
                ('records', models.PositiveIntegerField()),
                ('pairs', models.PositiveIntegerField()),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='LinkEdge',
            fields=[
                ('pk', models.CompositePrimaryKey('a', 'b', blank=True, editable=False, primary_key=True, serialize=False)),
                ('a_ends_at', models.DateTimeField()),
                ('b_ends_at', models.DateTimeField()),
                ('agree', models.PositiveIntegerField()),
                ('both', models.PositiveIntegerField()),
                ('posterior', models.FloatField()),
                ('a', models.ForeignKey(db_column='a', db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='referrals.linkrecord', to_field='number')),
                ('b', models.ForeignKey(db_column='b', db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='referrals.linkrecord', to_field='number')),
            ],
            options={
                'ordering': ['a', 'b'],
            },
        ),
        migrations.CreateModel(
            name='LinkToken',
            fields=[
                ('pk', models.CompositePrimaryKey('record', 'key', 'token', blank=True, editable=False, primary_key=True, serialize=False)),
                ('key', models.PositiveSmallIntegerField()),
                ('token', models.BinaryField(max_length=16)),
                ('ends_at', models.DateTimeField()),
                ('record', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='referrals.linkrecord', to_field='number')),
            ],
            options={
                'ordering': ['record', 'key'],
            },
        ),
        migrations.CreateModel(
            name='LinkDecision',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('a_client', models.UUIDField()),
                ('b_client', models.UUIDField()),
                ('a_record', models.BigIntegerField()),
                ('b_record', models.BigIntegerField()),
                ('verdict', models.CharField(choices=[('together', 'Together'), ('apart', 'Apart')], max_length=8)),
                ('decided_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('a_agency', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency')),
                ('b_agency', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency')),
                ('by_agency', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency')),
                ('undoes', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='undone_by', to='referrals.linkdecision')),
            ],
            options={
                'ordering': ['decided_at', 'pk'],
                'indexes': [models.Index(fields=['a_client', 'b_client'], name='decisions_by_pair'), models.Index(fields=['b_client'], name='decisions_by_second')],
                'constraints': [models.CheckConstraint(condition=models.Q(('a_client__lt', models.F('b_client'))), name='a_decision_names_a_pair_one_way'), models.CheckConstraint(condition=models.Q(('a_agency', models.F('b_agency')), _negated=True), name='a_decision_is_about_two_agencies'), models.CheckConstraint(condition=models.Q(('by_agency', models.F('a_agency')), ('by_agency', models.F('b_agency')), _connector='OR'), name='a_decision_is_by_one_of_the_two')],
            },
        ),
        migrations.CreateModel(
            name='LinkedPerson',
            fields=[
                ('record', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='+', serialize=False, to='referrals.linkrecord', to_field='number')),
                ('ends_at', models.DateTimeField()),
                ('person', models.UUIDField()),
                ('next', models.BigIntegerField()),
                ('ring', models.BigIntegerField(null=True)),
                ('until', models.DateTimeField()),
                ('as_of', models.DateTimeField()),
            ],
            options={
                'ordering': ['record'],
                'indexes': [models.Index(fields=['person'], name='records_by_person'), models.Index(fields=['next', 'ring'], name='records_by_next_in_ring'), models.Index(fields=['ring'], name='records_by_ring')],
                'constraints': [models.UniqueConstraint(fields=('record', 'ring'), name='a_record_stands_in_one_ring')],
            },
        ),
        migrations.AddConstraint(
            model_name='linkrecord',
            constraint=models.UniqueConstraint(fields=('number', 'ends_at'), name='a_link_record_carries_its_end'),
        ),
        migrations.AddConstraint(
            model_name='linkedge',
            constraint=models.CheckConstraint(condition=models.Q(('a__lt', models.F('b'))), name='a_pair_stands_once'),
        ),
        migrations.AddConstraint(
            model_name='linkedge',
            constraint=models.CheckConstraint(condition=models.Q(('posterior__gt', 0), ('posterior__lte', 1)), name='a_pair_has_a_probability'),
        ),
        migrations.AddIndex(
            model_name='linktoken',
            index=models.Index(fields=['token'], name='tokens_by_value'),
        ),
        migrations.AddConstraint(
            model_name='linktoken',
            constraint=models.CheckConstraint(condition=models.Q(('key__lt', 64)), name='a_token_is_of_a_key'),
        ),
        AgencyRows("LinkRecord", client="client_id", ledger=False),
        migrations.RunSQL(RECORDS, NO_RECORDS, elidable=False),
        migrations.RunSQL(TOKENS, NO_TOKENS, elidable=False),
        migrations.RunSQL(EDGES, NO_EDGES, elidable=False),
        migrations.RunSQL(PEOPLE, NO_PEOPLE, elidable=False),
        *(migrations.RunSQL(_alone(table), f"DROP POLICY linked ON {table}") for table in ALONE_TOO),
        migrations.RunSQL(STANDS, NO_STANDING, elidable=False),
        migrations.RunSQL(REVOKED, NOT_REVOKED, elidable=False),
        migrations.RunSQL(COVERS, UNCOVERS, elidable=False),
        migrations.RunSQL(TURNS, NO_TURNS, elidable=False),
    ]
