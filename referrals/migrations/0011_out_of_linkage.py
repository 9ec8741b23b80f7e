"""Who leaves the network, vetoes sharing or ends its agreement is out of linkage at once; and what was recorded of
signing rules and orders stays as it was (ADR 16, 17)."""

from importlib import import_module

from django.db import migrations

from agencies.scope.rows import MINE

before = import_module("referrals.migrations.0009_linkage")

TAKES_PART = """
CREATE FUNCTION casehub_takes_part(which bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM agencies_agency here
        WHERE here.id = which AND NOT here.sharing_vetoed AND here.left_on IS NULL)
    AND COALESCE((
        SELECT newest.shares_tokens_under_release OR newest.shares_tokens_without_release
        FROM agencies_sharingagreement newest
        WHERE newest.agency_id = which AND newest.signed_at <= statement_timestamp() AND newest.ended_at IS NULL
        ORDER BY newest.version DESC LIMIT 1), false)
$$;
"""

# No new record of who doesn't take part. FOR SHARE waits for a veto that is under way, and makes one wait that
# comes after.
STANDS = """
CREATE FUNCTION casehub_agency_takes_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM agencies_agency WHERE id = NEW.agency_id FOR SHARE;
    IF NOT casehub_takes_part(NEW.agency_id) THEN
        RAISE EXCEPTION 'this agency takes no part in linkage' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER takes_part AFTER INSERT OR UPDATE ON referrals_linkrecord
    FOR EACH ROW EXECUTE FUNCTION casehub_agency_takes_part();
"""
NO_STANDING = """
DROP TRIGGER takes_part ON referrals_linkrecord;
DROP FUNCTION casehub_agency_takes_part();
"""

# The linking role takes away, as clients may be closed to whoever decides, and the office decides who has left.
OVER = f"""
ALTER POLICY over ON referrals_linkrecord USING (
    current_user = 'casehub_linker' AND (ends_at <= statement_timestamp() OR agency_id = {MINE}
        OR epoch IN (SELECT ended.number FROM agencies_linkepoch ended WHERE ended.ended_at IS NOT NULL)));
"""
OVER_BEFORE = f"""
ALTER POLICY over ON referrals_linkrecord USING (
    current_user = 'casehub_linker' AND (ends_at <= statement_timestamp() OR release_id IS NULL AND agency_id = {MINE}
        OR epoch IN (SELECT ended.number FROM agencies_linkepoch ended WHERE ended.ended_at IS NOT NULL)));
"""
GONE = """
CREATE FUNCTION casehub_gone_is_unlinked() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    acting text := current_setting('casehub.agency', true);
    before text := current_setting('role');
BEGIN
    PERFORM set_config('casehub.agency', NEW.id::text, true);
    PERFORM set_config('role', 'casehub_linker', true);
    DELETE FROM referrals_linkrecord WHERE agency_id = NEW.id;
    PERFORM set_config('role', before, true);
    PERFORM set_config('casehub.agency', COALESCE(acting, ''), true);
    RETURN NULL;
END $$;
CREATE TRIGGER is_unlinked AFTER UPDATE OF sharing_vetoed, left_on ON agencies_agency
    FOR EACH ROW WHEN (NEW.sharing_vetoed OR NEW.left_on IS NOT NULL)
    EXECUTE FUNCTION casehub_gone_is_unlinked();
CREATE OR REPLACE FUNCTION casehub_covered_is_unlinked() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text := current_setting('role');
    all_of_it boolean := NOT casehub_takes_part(NEW.agency_id);
BEGIN
    IF all_of_it OR NOT casehub_does_without_release(NEW.agency_id) THEN
        PERFORM set_config('role', 'casehub_linker', true);
        DELETE FROM referrals_linkrecord WHERE agency_id = NEW.agency_id AND (all_of_it OR release_id IS NULL);
        PERFORM set_config('role', before, true);
    END IF;
    RETURN NULL;
END $$;
"""
NOT_GONE = f"""
DROP TRIGGER is_unlinked ON agencies_agency;
DROP FUNCTION casehub_gone_is_unlinked();
{before.UNCOVERS}
{before.COVERS}
"""

# A rule ends, once; of an order it is noted that the client was told, and its reference goes with the client's
# identity. A worker's name goes with the account.
FROZEN = """
CREATE FUNCTION casehub_signing_rule_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    same referrals_signingrule;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a signing rule is ended, not deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    same := NEW;
    same.changed_at := OLD.changed_at;
    IF OLD.ended_at IS NULL THEN same.ended_at := NULL; END IF;
    IF same IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'a signing rule is ended once and never edited' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER stays AFTER UPDATE OR DELETE ON referrals_signingrule
    FOR EACH ROW EXECUTE FUNCTION casehub_signing_rule_stays();
CREATE FUNCTION casehub_compelled_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    same referrals_compelleddisclosure;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'what the law took is not deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    same := NEW;
    same.changed_at := OLD.changed_at;
    same.told := OLD.told;
    IF NEW.worker_id IS NULL THEN same.worker_id := OLD.worker_id; END IF;
    IF NEW.reference_sealed = '' THEN same.reference_sealed := OLD.reference_sealed; END IF;
    IF same IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'what the law took is never edited' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER stays AFTER UPDATE OR DELETE ON referrals_compelleddisclosure
    FOR EACH ROW EXECUTE FUNCTION casehub_compelled_stays();
"""
NOT_FROZEN = """
DROP TRIGGER stays ON referrals_compelleddisclosure;
DROP FUNCTION casehub_compelled_stays();
DROP TRIGGER stays ON referrals_signingrule;
DROP FUNCTION casehub_signing_rule_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("agencies", "0013_one_agreement_in_force"),
        ("referrals", "0010_link_answer"),
    ]

    operations = [
        migrations.RunSQL(TAKES_PART, "DROP FUNCTION casehub_takes_part(bigint)"),
        migrations.RunSQL(STANDS, NO_STANDING),
        migrations.RunSQL(OVER, OVER_BEFORE),
        migrations.RunSQL(GONE, NOT_GONE),
        migrations.RunSQL(FROZEN, NOT_FROZEN),
    ]
