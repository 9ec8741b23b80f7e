"""What a tribal nation answers enters the hub's chain too; a specification names the version it approves."""

from django.db import migrations, models

# An agency can't write into another's chain. This enters in the hub offices' what a tribal agency answered,
# and nothing else: its name and which answer follow from the row that was written.
ANSWERED = """
CREATE FUNCTION casehub_enter_answer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    mine text := current_setting('casehub.agency', true);
    office int;
BEGIN
    FOR office IN SELECT id FROM agencies_agency WHERE type = 'hub_office' AND left_on IS NULL ORDER BY id LOOP
        PERFORM set_config('casehub.agency', office::text, true);
        INSERT INTO agencies_ledgerentry (agency_id, user_id, verb, target_type, target_id, rows, why)
        SELECT office, NULL, CASE WHEN NEW.is_allowed THEN 'table.allowed_there' ELSE 'table.vetoed_there' END,
               'tribalanswer', NEW.id::text, 1, left(here.name, 60)
        FROM agencies_agency here WHERE here.id = NEW.agency_id;
    END LOOP;
    PERFORM set_config('casehub.agency', COALESCE(mine, ''), true);
    RETURN NEW;
END $$;
CREATE TRIGGER is_answered AFTER INSERT ON reporting_tribalanswer
    FOR EACH ROW EXECUTE FUNCTION casehub_enter_answer();
"""
ANSWERED_NOT = """
DROP TRIGGER is_answered ON reporting_tribalanswer;
DROP FUNCTION casehub_enter_answer();
"""


class Migration(migrations.Migration):
    dependencies = [("reporting", "0004_release_ledger")]

    operations = [
        migrations.AddField(
            model_name="specification",
            name="measure_version",
            field=models.PositiveSmallIntegerField(default=1),
        ),
        # only the owner makes functions; test databases and installations migrate as that login
        migrations.RunSQL(ANSWERED, ANSWERED_NOT),
    ]
