"""Laws about models: every field classified, no column for an identity, keys that point down the floors."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connections, models
from django.test.utils import isolate_apps

from agencies.admin import operations
from agencies.privacy import (
    STAFF_AND_DIRECTORY,
    Privacy,
    check,
    classify,
    forbidden_columns,
    smells_of_identity,
)
from agencies.scope import Scoped
from agencies.scope.rows import PLATFORM
from referrals.models.fields import PicklistField, PicklistsField
from tests.attacks.rows import IN_FRONT, OURS, walled

OUR_MODELS = [model for model in apps.get_models(include_auto_created=True) if model._meta.app_label in OURS]

# Models of ours that classify nothing, because no row of theirs is about a client or counted.
SAY_NOTHING = {
    "agencies.User": "staff",
    "agencies.User_groups": "staff",
    "agencies.User_user_permissions": "staff",
    "agencies.Membership": "staff",
    "agencies.Invitation": "staff to be",
    "agencies.ApiToken": "a digest of a staff member's token",
    "agencies.DataKey": "a wrapped key",
}
# R05: columns on tables about clients that take text, and what holds their content elsewhere.
CHECKED_ELSEWHERE = {
    "agencies.LedgerEntry": {
        "verb",
        "target_type",
        "target_id",
        "why",
    },  # written by our code only: names, ids
    "agencies.WorkstationKey": {"title"},  # about no client: what a data lead calls a computer
    "referrals.Client": {"source_key"},  # a keyed digest, held by the importer
    "referrals.Draft": {"form"},  # a form's name out of our own list
    "referrals.Enrollment": {"source_key"},
    "referrals.FollowUp": {"source_key"},
    # What a file says of itself is as untrusted as a cell: exchange keeps only what has the form it must have.
    "referrals.ColumnMapping": {"header_digest", "mapping"},
    "referrals.Import": {"kind", "digest", "manifest", "counts"},
    "referrals.ImportProblem": {"file", "column", "code"},
    "referrals.ImportedRow": {
        "file",
        "source_key",
        "enrollment_key",
        "row",
    },  # typed by the importer, no text column
    "referrals.Offer": {"handover_code"},  # random
    "referrals.Shredding": {"went", "fingerprint"},  # counts by table's name, and a digest: by our code only
    "referrals.Referral": {"source_key"},
    "referrals.RefusedRows": {"file"},
    "referrals.Screening": {"tool_version", "source_key"},  # a version of our list
    "referrals.Service": {"source_key"},
    "referrals.Touchpoint": {"source_key"},
}
# Managers that do not insist on an actor: row security alone answers them, with no row.
NOT_SCOPED = {
    "agencies.LedgerEntry": "written by triggers and by the front door",
    "agencies.LedgerSeal": "below scope",
    "agencies.IdempotencyKey": "below scope",
    "agencies.Job": "below scope",
    "agencies.JobChunk": "below scope",
    "agencies.Project": "below scope",
    "agencies.Award": "below scope",
    "agencies.AwardProject": "below scope",
    "agencies.SharingAgreement": "below scope",
    "agencies.HolderFile": "below scope",
    "agencies.HandoverKey": "below scope",
    "agencies.KeyWrap": "below scope",
    "agencies.MemberKey": "below scope",
    "agencies.Opener": "below scope",
    "agencies.VaultKey": "below scope",
    "agencies.WorkstationKey": "below scope",
    "referrals.ClientOpenedTo": "guardian's own manager",
}


@pytest.mark.parametrize("model", OUR_MODELS, ids=lambda model: model._meta.label)
def test_every_model_classifies_every_field_or_is_listed_with_a_reason(model):
    if model._meta.label in SAY_NOTHING:
        assert not isinstance(getattr(model, "privacy", None), Privacy), "it speaks: take it off the list"
    else:
        assert check(model) == []


def test_the_lists_name_models_and_fields_that_are_there():
    labels = {model._meta.label: model for model in apps.get_models(include_auto_created=True)}
    for listed in (SAY_NOTHING, CHECKED_ELSEWHERE, NOT_SCOPED, STAFF_AND_DIRECTORY):
        assert set(listed) <= set(labels)
    for label, names in (*CHECKED_ELSEWHERE.items(), *STAFF_AND_DIRECTORY.items()):
        assert set(names) <= {field.name for field in labels[label]._meta.local_fields}, label


def test_no_column_can_hold_who_a_client_is():
    """R05, over the code: names that smell of identity, and text that nobody checks, on tables about clients."""
    assert forbidden_columns(apps.get_models(include_auto_created=True), declared=CHECKED_ELSEWHERE) == []


def test_each_column_checked_elsewhere_would_be_refused_here():
    """An entry nobody needs any more is taken off the list."""
    for label, names in CHECKED_ELSEWHERE.items():
        for name in names:
            rest = {**CHECKED_ELSEWHERE, label: names - {name}}
            assert forbidden_columns([apps.get_model(label)], declared=rest), f"{label}.{name} needs no entry"


def test_no_column_of_the_live_database_smells_of_identity(world):
    """R05, over the catalog: also what a migration made beside the models."""
    known = {
        (model._meta.db_table, apps.get_model(label)._meta.get_field(name).column)
        for label, names in STAFF_AND_DIRECTORY.items()
        for name in names
        for model in [apps.get_model(label)]
    }
    # Columns of tables that Django keeps about itself, and relations, which hold no row.
    known |= {("django_content_type", "name"), ("django_migrations", "name")}
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
        )
        columns = cursor.fetchall()
    sealed = {
        (model._meta.db_table, model._meta.get_field(name).column)
        for model in OUR_MODELS
        for name, kind in classify(model).items()
        if kind == "direct" and isinstance(model._meta.get_field(name), models.BinaryField)
    }
    found = [
        f"{table}.{column}"
        for table, column, kind in columns
        if smells_of_identity(column)
        and (table, column) not in known
        and not (kind == "bytea" and (table, column) in sealed)
    ]
    assert found == []


def test_every_column_of_our_tables_is_a_models_field(world):
    with connections["owner"].cursor() as cursor:
        for model in OUR_MODELS:
            cursor.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s",
                [model._meta.db_table],
            )
            there = {name for (name,) in cursor.fetchall()}
            assert there == {field.column for field in model._meta.local_concrete_fields}, model._meta.label


@isolate_apps("agencies")
def test_a_name_column_or_a_free_text_would_be_seen():
    """Sabotage: the schema test notices a clear-text name, a remark, and a JSON bag on a client's table."""

    class Guest(models.Model):
        given_name = models.CharField(max_length=9)
        remark = models.TextField()
        bag = models.JSONField()
        privacy = Privacy(open={"id"}, linkable={"given_name", "remark", "bag"})

        class Meta:
            app_label = "agencies"

    assert forbidden_columns([Guest], declared=CHECKED_ELSEWHERE) == [
        "agencies.Guest.given_name smells of identity",
        "agencies.Guest.remark takes any text",
        "agencies.Guest.bag takes any text",
    ]


@pytest.mark.parametrize("model", OUR_MODELS, ids=lambda model: model._meta.label)
def test_foreign_keys_point_down_the_floors(model):
    floor = {label: height for height, label in enumerate(OURS)}
    for field in model._meta.local_fields:
        if field.is_relation and field.related_model._meta.app_label in floor:
            assert floor[field.related_model._meta.app_label] <= floor[model._meta.app_label], field


def test_every_table_about_clients_is_scoped():
    """A walled model insists on an actor, or is listed with its reason."""
    for model in walled():
        loud = issubclass(model, Scoped) and type(model._default_manager).__name__ == "ScopedManager"
        assert loud != (model._meta.label in NOT_SCOPED), model._meta.label


def test_every_model_with_an_agency_is_walled_or_listed():
    tables = {model._meta.db_table for model in OUR_MODELS}
    assert set(IN_FRONT) <= tables
    assert set(PLATFORM) <= tables
    assert not {model._meta.db_table for model in walled()} & (set(IN_FRONT) | set(PLATFORM))


def test_the_admin_registers_no_walled_model():
    shown = {*operations._registry, *admin.site._registry} & set(walled())
    assert shown == set()


def test_ids_of_rows_are_random():
    """A sortable id would tell when a client came."""
    for model in walled():
        if issubclass(model, Scoped):
            assert model._meta.pk.default.__name__ == "uuid4", model._meta.label


def test_picklist_columns_hold_the_shape_of_a_code_in_the_database(world):
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c'"
        )
        checks = cursor.fetchall()
    for model in OUR_MODELS:
        for field in model._meta.local_concrete_fields:
            if isinstance(field, PicklistField | PicklistsField):
                held = any(
                    table == model._meta.db_table
                    and re.search(rf"\b{field.column}\b", text)
                    and "^[a-z0-9_" in text
                    for table, text in checks
                )
                assert held, f"{model._meta.label}.{field.name}"


def test_no_model_has_logic_in_save_or_listens_to_signals():
    for model in OUR_MODELS:
        if model._meta.label != "agencies.User":
            assert not {"save", "delete"} & set(vars(model)), model._meta.label
