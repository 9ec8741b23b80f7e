"""What a client said holds: who took a release to the hub back, or does not want to be counted, has no tokens without
a new release; a renewal is one, a signature is of these days, and who asks about a client is entered (ADR 16, 17)."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models
from importlib import import_module

from agencies.scope.rows import AgencyRows

release = import_module("referrals.migrations.0008_release")
linkage = import_module("referrals.migrations.0009_linkage")

# An award of which nobody said which rules it carries may carry any.
_COVERED = f"award.regimes && ARRAY[{linkage.COVERED}]::varchar[]"
UNSAID_IS_COVERED = linkage.STANDS[: linkage.STANDS.index("CREATE FUNCTION casehub_link_record_stands")].replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
assert _COVERED in UNSAID_IS_COVERED
SAID = UNSAID_IS_COVERED.replace(_COVERED, f"(award.regimes = '{{}}' OR {_COVERED})")

# A revoked release to the hub is an objection; so is the row. The client's row makes an objection that is under way
# and tokens that are being stored wait for each other.
_STANDS = linkage.STANDS[
    linkage.STANDS.index("CREATE FUNCTION casehub_link_record_stands") : linkage.STANDS.index("CREATE TRIGGER stands")
].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
_MAY = "        AND casehub_does_without_release(NEW.agency_id) THEN"
assert _MAY in _STANDS
OBJECTS = """
CREATE FUNCTION casehub_objects_to_counting(which uuid, whose bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM referrals_countobjection said WHERE said.client_id = which AND said.agency_id = whose)
    OR EXISTS (
        SELECT FROM referrals_releaseofinformation back
        WHERE back.client_id = which AND back.agency_id = whose AND back.recipient_id IS NULL
          AND back.revoked_at IS NOT NULL)
$$;
CREATE FUNCTION casehub_who_objects_is_unlinked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM referrals_client WHERE id = NEW.client_id FOR NO KEY UPDATE;
    DELETE FROM referrals_linkrecord
    WHERE client_id = NEW.client_id AND agency_id = NEW.agency_id AND release_id IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER is_unlinked AFTER INSERT ON referrals_countobjection
    FOR EACH ROW EXECUTE FUNCTION casehub_who_objects_is_unlinked();
CREATE OR REPLACE FUNCTION casehub_revoked_is_unlinked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM referrals_linkrecord
    WHERE agency_id = NEW.agency_id AND client_id = NEW.client_id
      AND (release_id = NEW.id OR release_id IS NULL AND NEW.recipient_id IS NULL);
    RETURN NULL;
END $$;
""" + _STANDS.replace(
    "    ELSIF NOT NEW.confirms",
    "    ELSE\n        PERFORM FROM referrals_client WHERE id = NEW.client_id FOR SHARE;\n    END IF;\n"
    "    IF NEW.release_id IS NULL AND NOT NEW.confirms",
).replace(
    _MAY,
    "        AND NOT casehub_objects_to_counting(NEW.client_id, NEW.agency_id)\n" + _MAY,
)
OBJECTS_NOT = (
    _STANDS
    + linkage.REVOKED[: linkage.REVOKED.index("CREATE TRIGGER")].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    + """
DROP TRIGGER is_unlinked ON referrals_countobjection;
DROP FUNCTION casehub_who_objects_is_unlinked();
DROP FUNCTION casehub_objects_to_counting(uuid, bigint);
"""
)

# A day more, as a signature's day is the agency's and the clock is the database's.
_SIGNED = release.SIGNED[: release.SIGNED.index("CREATE TRIGGER")].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
_FIRST = "    IF NEW.revoked_at IS NOT NULL THEN"
assert _FIRST in _SIGNED
SIGNED_THESE_DAYS = _SIGNED.replace(
    _FIRST,
    """    IF NEW.signed_on > statement_timestamp() + interval '1 day' OR NEW.starts_at > NEW.signed_on + interval '92 days' THEN
        RAISE EXCEPTION 'a release begins within 90 days of its signature' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.renews_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM referrals_releaseofinformation earlier
        WHERE earlier.id = NEW.renews_id AND earlier.agency_id = NEW.agency_id AND earlier.client_id = NEW.client_id
          AND earlier.recipient_id IS NOT DISTINCT FROM NEW.recipient_id
    ) THEN
        RAISE EXCEPTION 'a release renews one of the same client to the same recipient'
            USING ERRCODE = 'check_violation';
    END IF;
"""
    + _FIRST,
    1,
)

# What hangs on it was allowed by this client.
HANDED_OVER = """
CREATE FUNCTION casehub_handover_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM referrals_disclosure part WHERE part.handover_id = NEW.id) THEN
        RAISE EXCEPTION 'what was handed over is of the client who allowed it' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER stays AFTER UPDATE ON referrals_handover FOR EACH ROW
    WHEN ((NEW.client_id, NEW.receiver_id) IS DISTINCT FROM (OLD.client_id, OLD.receiver_id))
    EXECUTE FUNCTION casehub_handover_stays();
"""
NOT_HANDED_OVER = """
DROP TRIGGER stays ON referrals_handover;
DROP FUNCTION casehub_handover_stays();
"""

# An agency can't write into another's chain. This enters in the other's that we were shown its client's record beside
# ours, by number, and nothing else: only for pairs that both let be asked about. What it does depends on no more than
# what was shown.
ASKING = """
CREATE FUNCTION casehub_enter_asking(ours bigint[], theirs bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    mine text := current_setting('casehub.agency', true);
    before text := current_setting('role');
    name text;
    agencies int[];
    clients uuid[];
BEGIN
    SELECT left(here.name, 60) INTO STRICT name FROM agencies_agency here WHERE here.id = mine::int;
    PERFORM set_config('casehub.agency', '', true);
    PERFORM set_config('role', 'casehub_linker', true);
    SELECT array_agg(found.agency_id), array_agg(found.client_id) INTO agencies, clients FROM (
        SELECT DISTINCT there.agency_id, there.client_id
        FROM unnest(ours, theirs) AS pair (own, other)
        JOIN referrals_linkrecord here ON here.number = pair.own AND here.agency_id = mine::int AND here.confirms
        JOIN referrals_linkrecord there ON there.number = pair.other AND there.confirms
        JOIN referrals_linkedge edge
            ON edge.a = least(pair.own, pair.other) AND edge.b = greatest(pair.own, pair.other)
        ORDER BY 1, 2
    ) found;
    PERFORM set_config('role', before, true);
    FOR at IN 1 .. COALESCE(array_length(agencies, 1), 0) LOOP
        PERFORM set_config('casehub.agency', agencies[at]::text, true);
        INSERT INTO agencies_ledgerentry (agency_id, user_id, verb, target_type, target_id, rows, why)
        VALUES (agencies[at], NULL, 'link.shown_there', 'client', clients[at]::text, 1, name);
    END LOOP;
    PERFORM set_config('casehub.agency', mine, true);
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('agencies', '0013_one_agreement_in_force'),
        ('referrals', '0011_out_of_linkage'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CountObjection',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['-recorded_at', 'pk'],
            },
        ),
        migrations.AlterField(
            model_name='linkrecord',
            name='client',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='link_record', to='referrals.client'),
        ),
        migrations.AddConstraint(
            model_name='linkrecord',
            constraint=models.UniqueConstraint(fields=('client', 'agency'), name='a_client_is_counted_once'),
        ),
        migrations.AddField(
            model_name='countobjection',
            name='agency',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency'),
        ),
        migrations.AddField(
            model_name='countobjection',
            name='client',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='referrals.client'),
        ),
        migrations.AddField(
            model_name='countobjection',
            name='worker',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='countobjection',
            constraint=models.UniqueConstraint(fields=('agency', 'client'), name='a_client_objects_to_counting_once'),
        ),
        AgencyRows("CountObjection", client="client_id"),
        migrations.RunSQL(SAID, UNSAID_IS_COVERED),
        migrations.RunSQL(OBJECTS, OBJECTS_NOT),
        migrations.RunSQL(SIGNED_THESE_DAYS, _SIGNED),
        migrations.RunSQL(HANDED_OVER, NOT_HANDED_OVER),
        migrations.RunSQL(ASKING, "DROP FUNCTION casehub_enter_asking(bigint[], bigint[])"),
    ]
