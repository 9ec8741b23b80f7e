"""Grant reports: behind their agency's wall, and unchangeable once frozen."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from agencies.scope.rows import AgencyRows

FROZEN = """
CREATE FUNCTION casehub_frozen_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a frozen report never changes: a correction is the next version'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER frozen_stays BEFORE UPDATE OR DELETE ON reporting_grantreport
    FOR EACH ROW WHEN (OLD.frozen_at IS NOT NULL) EXECUTE FUNCTION casehub_frozen_stays();
"""
NOT_FROZEN = """
DROP TRIGGER frozen_stays ON reporting_grantreport;
DROP FUNCTION casehub_frozen_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("agencies", "0002_wall"),
        ("reporting", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="GrantReport",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("recorded_at", models.DateTimeField(auto_now_add=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                ("form", models.CharField(max_length=40)),
                ("form_version", models.CharField(max_length=40)),
                ("period_start", models.DateField()),
                ("period_end", models.DateField()),
                ("version", models.PositiveSmallIntegerField(default=1)),
                ("entered", models.JSONField(default=dict)),
                ("numbers", models.JSONField(default=dict)),
                ("frozen_at", models.DateTimeField(blank=True, null=True)),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
                    ),
                ),
                (
                    "award",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="agencies.award",
                    ),
                ),
                (
                    "frozen_by",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-period_start", "form", "-version"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("agency", "form", "award", "period_start", "period_end", "version"),
                        name="a_version_of_a_grant_report_stands_once",
                        nulls_distinct=False,
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("frozen_at", None)),
                        fields=("agency", "form", "award", "period_start", "period_end"),
                        name="a_grant_report_has_one_draft",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("period_end__gt", models.F("period_start"))),
                        name="a_grant_reports_period_ends_after_it_starts",
                    ),
                ],
            },
        ),
        AgencyRows("GrantReport"),
        # only the owner makes functions; test databases and installations migrate as that login
        migrations.RunSQL(FROZEN, NOT_FROZEN),
    ]
