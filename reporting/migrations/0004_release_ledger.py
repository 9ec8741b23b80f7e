"""Releases with a ledger: what was counted (sealed), who asked, who decided, what a tribal nation said.

Whatever was asked for stays as it was asked, and is decided once.
"""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

STAYS = """
CREATE FUNCTION casehub_specification_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
       OR (NEW.measure, NEW.views, NEW.scope, NEW.mode, NEW.grid, NEW.ends_at, NEW.asked_by_id, NEW.asked_at)
          IS DISTINCT FROM
          (OLD.measure, OLD.views, OLD.scope, OLD.mode, OLD.grid, OLD.ends_at, OLD.asked_by_id, OLD.asked_at)
       OR OLD.decided_at IS NOT NULL
          AND (NEW.decided_by_id, NEW.decided_at, NEW.is_approved, NEW.reason)
              IS DISTINCT FROM (OLD.decided_by_id, OLD.decided_at, OLD.is_approved, OLD.reason)
       OR OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS DISTINCT FROM OLD.withdrawn_at
    THEN
        RAISE EXCEPTION 'what was asked for stays, and is decided once'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON reporting_specification
    FOR EACH ROW EXECUTE FUNCTION casehub_specification_stays();

CREATE FUNCTION casehub_proposal_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state IN ('refused', 'published', 'lapsed')
       OR (NEW.specification_id, NEW.measure, NEW.views, NEW.scope, NEW.mode, NEW.grid, NEW.period_start,
           NEW.period_end, NEW.replaces_id, NEW.label, NEW.wanted_by_id, NEW.wanted_at, NEW.hub_id)
          IS DISTINCT FROM
          (OLD.specification_id, OLD.measure, OLD.views, OLD.scope, OLD.mode, OLD.grid, OLD.period_start,
           OLD.period_end, OLD.replaces_id, OLD.label, OLD.wanted_by_id, OLD.wanted_at, OLD.hub_id)
       OR OLD.state <> 'waiting'
          AND (NEW.state = 'waiting'
               OR (NEW.drawn_at, NEW.drawn, NEW.protected_with, NEW.blocking)
                  IS DISTINCT FROM
                  (OLD.drawn_at, OLD.drawn, OLD.protected_with, OLD.blocking))
       OR OLD.asked_at IS NOT NULL
          AND (NEW.asked_by_id, NEW.asked_at) IS DISTINCT FROM (OLD.asked_by_id, OLD.asked_at)
    THEN
        RAISE EXCEPTION 'what was drawn and asked stays, and is decided once'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON reporting_proposal
    FOR EACH ROW EXECUTE FUNCTION casehub_proposal_stays();
"""
STAYS_NOT = """
DROP TRIGGER stays ON reporting_proposal;
DROP FUNCTION casehub_proposal_stays();
DROP TRIGGER stays ON reporting_specification;
DROP FUNCTION casehub_specification_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("agencies", "0013_one_agreement_in_force"),
        ("reporting", "0003_linked_step"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Proposal",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("measure", models.CharField(max_length=60)),
                ("views", models.JSONField(default=list)),
                (
                    "scope",
                    models.CharField(
                        choices=[("partners", "The network's agencies"), ("public", "The public")],
                        max_length=8,
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("suppressed", "Small figures hidden"),
                            ("strict", "Small figures hidden, strictly"),
                            ("rounded", "Every figure rounded to 5"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "grid",
                    models.CharField(
                        choices=[
                            ("month", "Each month"),
                            ("quarter", "Each quarter"),
                            ("year", "Each year (small networks)"),
                        ],
                        max_length=8,
                    ),
                ),
                ("period_start", models.DateField()),
                ("period_end", models.DateField()),
                ("label", models.CharField(max_length=80)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Being drawn"),
                            ("blocked", "Can't be released"),
                            ("drawn", "Drawn, not asked for"),
                            ("asked", "Waiting for the output checker"),
                            ("refused", "Refused"),
                            ("published", "Released"),
                            ("lapsed", "Lapsed"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("wanted_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("drawn_at", models.DateTimeField(blank=True, null=True)),
                ("drawn", models.JSONField(blank=True, null=True)),
                (
                    "protected_with",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=80), default=list, size=None
                    ),
                ),
                (
                    "blocking",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=80), default=list, size=None
                    ),
                ),
                ("asked_at", models.DateTimeField(blank=True, null=True)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "ordering": ["-wanted_at"],
            },
        ),
        migrations.CreateModel(
            name="SealedCounts",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "release",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sealed_counts",
                        to="reporting.release",
                    ),
                ),
                (
                    "proposal",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sealed_counts",
                        to="reporting.proposal",
                    ),
                ),
                ("counts_sealed", models.BinaryField()),
                ("certificate_sealed", models.BinaryField()),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name_plural": "sealed counts",
                "ordering": ["-made_at"],
            },
        ),
        migrations.CreateModel(
            name="Specification",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("measure", models.CharField(max_length=60)),
                ("views", models.JSONField(default=list)),
                (
                    "scope",
                    models.CharField(
                        choices=[("partners", "The network's agencies"), ("public", "The public")],
                        max_length=8,
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("suppressed", "Small figures hidden"),
                            ("strict", "Small figures hidden, strictly"),
                            ("rounded", "Every figure rounded to 5"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "grid",
                    models.CharField(
                        choices=[
                            ("month", "Each month"),
                            ("quarter", "Each quarter"),
                            ("year", "Each year (small networks)"),
                        ],
                        max_length=8,
                    ),
                ),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("asked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("is_approved", models.BooleanField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["measure", "scope", "asked_at"],
            },
        ),
        migrations.CreateModel(
            name="TribalAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("measure", models.CharField(max_length=60)),
                (
                    "scope",
                    models.CharField(
                        choices=[("partners", "The network's agencies"), ("public", "The public")],
                        max_length=8,
                    ),
                ),
                ("is_allowed", models.BooleanField()),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "ordering": ["-at", "-pk"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="release",
            name="a_closed_period_is_released_once",
        ),
        migrations.AddField(
            model_name="release",
            name="agencies",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.IntegerField(), default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="as_of",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL("UPDATE reporting_release SET as_of = made_at", ""),
        migrations.AlterField(
            model_name="release",
            name="as_of",
            field=models.DateTimeField(),
        ),
        migrations.AddField(
            model_name="release",
            name="decided_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="engine_version",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name="release",
            name="mode",
            field=models.CharField(
                choices=[
                    ("suppressed", "Small figures hidden"),
                    ("strict", "Small figures hidden, strictly"),
                    ("rounded", "Every figure rounded to 5"),
                ],
                default="suppressed",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="replaces",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="replaced_by",
                to="reporting.release",
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="requested_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="restated_in",
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="release",
            name="scope",
            field=models.CharField(
                choices=[("partners", "The network's agencies"), ("public", "The public")],
                default="partners",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="seed_commitment",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="release",
            name="views",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="release",
            name="views_shown",
            field=models.JSONField(default=list),
        ),
        migrations.AlterField(
            model_name="release",
            name="label",
            field=models.CharField(max_length=80, unique=True),
        ),
        migrations.AddField(
            model_name="proposal",
            name="asked_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="proposal",
            name="decided_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="proposal",
            name="hub",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
            ),
        ),
        migrations.AddField(
            model_name="proposal",
            name="release",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="proposal",
                to="reporting.release",
            ),
        ),
        migrations.AddField(
            model_name="proposal",
            name="replaces",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="corrections",
                to="reporting.release",
            ),
        ),
        migrations.AddField(
            model_name="proposal",
            name="wanted_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="sealedcounts",
            name="hub",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
            ),
        ),
        migrations.AddField(
            model_name="specification",
            name="asked_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="specification",
            name="decided_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="proposal",
            name="specification",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="proposals",
                to="reporting.specification",
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="specification",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="releases",
                to="reporting.specification",
            ),
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.UniqueConstraint(
                condition=models.Q(("replaces", None)),
                fields=("measure", "scope", "views", "period_start", "period_end"),
                name="a_closed_period_is_released_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.UniqueConstraint(
                condition=models.Q(("replaces__isnull", False)),
                fields=("measure", "scope", "views", "period_start", "period_end", "restated_in"),
                name="a_closed_period_is_restated_once_a_year",
            ),
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("replaces", None), ("restated_in", None)),
                    models.Q(("replaces__isnull", False), ("restated_in__isnull", False)),
                    _connector="OR",
                ),
                name="a_correction_says_its_year",
            ),
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("engine_version", ""),
                    models.Q(
                        ("decided_by__isnull", False),
                        ("requested_by__isnull", False),
                        models.Q(("requested_by", models.F("decided_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="a_release_takes_two_people",
            ),
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("scope", "public"), _negated=True),
                    models.Q(("mode", "suppressed"), _negated=True),
                    _connector="OR",
                ),
                name="a_public_release_is_strict_or_rounded",
            ),
        ),
        migrations.AddField(
            model_name="tribalanswer",
            name="agency",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agencies.agency"
            ),
        ),
        migrations.AddField(
            model_name="tribalanswer",
            name="by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="tribalanswer",
            name="specification",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="tribal_answers",
                to="reporting.specification",
            ),
        ),
        migrations.AddConstraint(
            model_name="specification",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("asked_by", models.F("decided_by")), _negated=True),
                    ("decided_by", None),
                    _connector="OR",
                ),
                name="a_specification_is_approved_by_a_second_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="specification",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at", None), ("decided_by", None), ("is_approved", None)),
                    models.Q(
                        ("decided_at__isnull", False),
                        ("decided_by__isnull", False),
                        ("is_approved__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="a_specification_is_decided_by_somebody_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="specification",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("scope", "public"), _negated=True),
                    models.Q(("mode", "suppressed"), _negated=True),
                    _connector="OR",
                ),
                name="a_public_specification_is_strict_or_rounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="specification",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("withdrawn_at", None),
                    models.Q(("is_approved", None), ("is_approved", True), _connector="OR"),
                ),
                fields=("measure", "views", "scope", "grid"),
                name="a_specification_stands_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by", None),
                    models.Q(
                        models.Q(("asked_by", models.F("decided_by")), _negated=True),
                        models.Q(("wanted_by", models.F("decided_by")), _negated=True),
                        ("asked_by__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="a_proposal_is_decided_by_a_second_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["refused", "published"]), _negated=True),
                    ("decided_by__isnull", False),
                    _connector="OR",
                ),
                name="nothing_is_published_or_refused_by_nobody",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "published"), _negated=True),
                    ("release__isnull", False),
                    _connector="OR",
                ),
                name="what_is_published_is_a_release",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("scope", "public"), _negated=True),
                    models.Q(("mode", "suppressed"), _negated=True),
                    _connector="OR",
                ),
                name="a_public_proposal_is_strict_or_rounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="sealedcounts",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("proposal__isnull", False), ("release", None)),
                    models.Q(("proposal", None), ("release__isnull", False)),
                    _connector="OR",
                ),
                name="counts_are_sealed_for_one_table",
            ),
        ),
        # only the owner makes functions; test databases and installations migrate as that login
        migrations.RunSQL(STAYS, STAYS_NOT),
    ]
