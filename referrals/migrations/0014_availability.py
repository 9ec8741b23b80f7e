"""What agencies can take on now: their own posts, and what PostgreSQL lets everybody read of the latest."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import referrals.models.fields
import uuid
from django.conf import settings
from django.db import migrations, models

from agencies.scope.rows import MINE, AgencyRows

PUBLISHED = f"is_published AND {MINE} IS NOT NULL"

# Whatever a row of openings says was posted, and no more of it than everybody may read. A post that is not the
# agency's own, or about another project or kind, publishes nothing; which keys it breaks, the keys say.
FACTS = """
CREATE FUNCTION casehub_opening_says_what_was_posted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    posted referrals_openingpost;
    home agencies_project;
BEGIN
    NEW.is_published := false;
    NEW.is_confidential := true;
    NEW.county_id := NULL;
    NEW.taken_tenths := NULL;
    SELECT * INTO posted FROM referrals_openingpost
    WHERE id = NEW.post_id AND agency_id = NEW.agency_id AND project_id = NEW.project_id AND kind = NEW.kind;
    SELECT * INTO home FROM agencies_project WHERE id = NEW.project_id AND agency_id = NEW.agency_id;
    IF posted.id IS NULL OR home.id IS NULL THEN
        RETURN NEW;
    END IF;
    NEW.is_published := NOT posted.is_withdrawn;
    NEW.is_confidential := posted.is_confidential OR home.is_confidential_site;
    NEW.free := posted.free;
    NEW.wait := posted.wait;
    NEW.accepts := posted.accepts;
    NEW.languages := posted.languages;
    NEW.phone := posted.phone;
    NEW.posted_at := posted.posted_at;
    NEW.stale_at := posted.posted_at + make_interval(hours => posted.stale_hours);
    IF NOT NEW.is_confidential THEN
        NEW.county_id := coalesce(
            home.county_id, (SELECT county_id FROM agencies_agency WHERE id = NEW.agency_id));
        IF posted.places - posted.free >= 11 THEN
            NEW.taken_tenths := round(10.0 * (posted.places - posted.free) / posted.places);
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER says_what_was_posted BEFORE INSERT OR UPDATE ON referrals_opening
    FOR EACH ROW EXECUTE FUNCTION casehub_opening_says_what_was_posted();
CREATE FUNCTION casehub_openings_follow_their_project() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE referrals_opening SET changed_at = statement_timestamp()
    WHERE project_id = NEW.id AND agency_id = NEW.agency_id;
    RETURN NULL;
END $$;
CREATE TRIGGER openings_follow AFTER UPDATE OF is_confidential_site, county_id ON agencies_project
    FOR EACH ROW EXECUTE FUNCTION casehub_openings_follow_their_project();
"""
NO_FACTS = """
DROP TRIGGER openings_follow ON agencies_project;
DROP FUNCTION casehub_openings_follow_their_project();
DROP TRIGGER says_what_was_posted ON referrals_opening;
DROP FUNCTION casehub_opening_says_what_was_posted();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('agencies', '0015_county_region'),
        ('referrals', '0013_ended_stays_ended'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OpeningPost',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('kind', referrals.models.fields.PicklistField(max_length=40)),
                ('places', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('free', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('wait', referrals.models.fields.PicklistField(blank=True, default='', max_length=40)),
                ('accepts', referrals.models.fields.PicklistsField(blank=True, default=list, size=None)),
                ('languages', referrals.models.fields.PicklistsField(blank=True, default=list, size=None)),
                ('phone', models.CharField(blank=True, default='', max_length=28, validators=[django.core.validators.RegexValidator('^(\\+?[0-9(][0-9 ().-]{5,19}[0-9]( x[0-9]{1,5})?)?$')])),
                ('stale_hours', models.PositiveSmallIntegerField(default=24, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(168)])),
                ('is_confidential', models.BooleanField(default=True)),
                ('is_withdrawn', models.BooleanField(default=False)),
                ('posted_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('agency', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency')),
                ('project', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.project')),
                ('worker', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-posted_at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Opening',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('kind', referrals.models.fields.PicklistField(max_length=40)),
                ('free', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('wait', referrals.models.fields.PicklistField(blank=True, default='', max_length=40)),
                ('accepts', referrals.models.fields.PicklistsField(blank=True, default=list, size=None)),
                ('languages', referrals.models.fields.PicklistsField(blank=True, default=list, size=None)),
                ('phone', models.CharField(blank=True, default='', max_length=28)),
                ('taken_tenths', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('is_confidential', models.BooleanField(default=True)),
                ('is_published', models.BooleanField(default=False)),
                ('posted_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('stale_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('agency', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.agency')),
                ('county', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.county')),
                ('project', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agencies.project')),
                ('post', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='referrals.openingpost')),
            ],
            options={
                'ordering': ['kind', 'agency', 'pk'],
            },
        ),
        migrations.AddIndex(
            model_name='openingpost',
            index=models.Index(fields=['agency', 'project', '-posted_at'], name='openingposts_by_project'),
        ),
        migrations.AddConstraint(
            model_name='openingpost',
            constraint=models.CheckConstraint(condition=models.Q(('places', None), models.Q(('places__gte', 1), ('places__lte', 5000)), _connector='OR'), name='a_post_has_places_or_does_not_say'),
        ),
        migrations.AddConstraint(
            model_name='openingpost',
            constraint=models.CheckConstraint(condition=models.Q(('free', None), models.Q(('free__lte', 5000), models.Q(('places', None), ('free__lte', models.F('places')), _connector='OR')), _connector='OR'), name='no_more_is_free_than_there_is'),
        ),
        migrations.AddConstraint(
            model_name='openingpost',
            constraint=models.CheckConstraint(condition=models.Q(('stale_hours__gte', 1), ('stale_hours__lte', 168)), name='a_post_goes_stale'),
        ),
        migrations.AddConstraint(
            model_name='openingpost',
            constraint=models.CheckConstraint(condition=models.Q(('phone__regex', '^(\\+?[0-9(][0-9 ().-]{5,19}[0-9]( x[0-9]{1,5})?)?$')), name='a_post_says_a_number_to_call'),
        ),
        migrations.AddConstraint(
            model_name='opening',
            constraint=models.UniqueConstraint(fields=('agency', 'project', 'kind'), name='one_opening_stands_for_a_kind'),
        ),
        migrations.AddConstraint(
            model_name='opening',
            constraint=models.CheckConstraint(condition=models.Q(('is_confidential', False), models.Q(('county', None), ('taken_tenths', None)), _connector='OR'), name='a_confidential_site_is_nowhere'),
        ),
        AgencyRows("OpeningPost", ledger=False),
        AgencyRows("Opening", ledger=False, readers={"published": PUBLISHED}),
        migrations.RunSQL(FACTS, NO_FACTS, elidable=False),
    ]
