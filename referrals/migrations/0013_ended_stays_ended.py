"""A link record that has ended is no more, swept or not; and who revokes takes the turn before the release (ADR 17)."""

from django.db import migrations

# Whoever signs again is a new record: what was concluded or decided with the help of the old one went with it.
ENDED = """
CREATE FUNCTION casehub_link_record_has_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a link record that has ended does not come back' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER has_ended BEFORE UPDATE ON referrals_linkrecord
    FOR EACH ROW WHEN (OLD.ends_at <= statement_timestamp())
    EXECUTE FUNCTION casehub_link_record_has_ended();
"""
NOT_ENDED = """
DROP TRIGGER has_ended ON referrals_linkrecord;
DROP FUNCTION casehub_link_record_has_ended();
"""

# Its record is taken away by trigger, in turn: whoever stores several clients' tokens has the turn and locks their
# releases one by one.
TURN = """
CREATE TRIGGER in_turn BEFORE UPDATE OF revoked_at ON referrals_releaseofinformation
    FOR EACH STATEMENT EXECUTE FUNCTION casehub_linking_in_turn();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("referrals", "0012_the_clients_word"),
    ]

    operations = [
        migrations.RunSQL(ENDED, NOT_ENDED),
        migrations.RunSQL(TURN, "DROP TRIGGER in_turn ON referrals_releaseofinformation"),
    ]
