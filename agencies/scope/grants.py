"""What each database role may touch, derived from the models after every migration.

casehub_app works under row security; append-only tables take no change from it. casehub_reporter reads
the columns whose fields are classified linkable or open, and nothing else. casehub_shredder reads the same of
tables about clients, counted or not, and may empty the direct ones or delete the rows that are nothing else,
and what a model's `shredder_may` says. casehub_linker has what `linker_may` says; such a model that belongs
to no agency is not casehub_app's at all.
"""

from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from agencies.privacy import (
    Privacy,
    client_path,
    reporter_columns,
    shredded_fields,
    unidentifying_columns,
)


def apply(connection: BaseDatabaseWrapper) -> None:
    """Grant and revoke, so that the database says what the code says. Runs as the owner; idempotent."""
    statements = [
        "GRANT USAGE ON SCHEMA public TO casehub_app, casehub_reporter, casehub_linker, casehub_shredder",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO casehub_app",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO casehub_app",
        "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM casehub_reporter, casehub_linker, casehub_shredder",
        "GRANT INSERT ON agencies_ledgerentry TO casehub_shredder",
        "GRANT USAGE ON SEQUENCE agencies_ledgerentry_id_seq TO casehub_shredder",
        "REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM casehub_app",
        # Which epochs are over: what was linked by them goes.
        "GRANT SELECT (number, ended_at) ON agencies_linkepoch TO casehub_linker",
    ]
    tables = set(connection.introspection.table_names())
    for model in apps.get_models():
        table = model._meta.db_table
        if table not in tables:
            continue
        if getattr(model, "append_only", False):
            statements.append(f'REVOKE UPDATE, DELETE, TRUNCATE ON "{table}" FROM casehub_app')
        if linker_may := getattr(model, "linker_may", ()):
            statements.append(f'GRANT {", ".join(linker_may)} ON "{table}" TO casehub_linker')
            if is_for_linking_alone(model):
                statements.append(f'REVOKE ALL ON "{table}" FROM casehub_app')
        privacy = getattr(model, "privacy", None)
        if isinstance(privacy, Privacy):
            if counted := _columns(reporter_columns(model)):
                statements.append(f'GRANT SELECT ({counted}) ON "{table}" TO casehub_reporter')
            if (seen := _columns(unidentifying_columns(model))) and client_path(model):
                statements.append(f'GRANT SELECT ({seen}) ON "{table}" TO casehub_shredder')
                statements += [
                    f'GRANT {right} ON "{table}" TO casehub_shredder' for right in shredding(model)
                ]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _columns(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def is_for_linking_alone(model: type[models.Model]) -> bool:
    """Whether the table stands in front of the walls, and only for the linking door (ADR 0017)."""
    owned = any(field.name == "agency" for field in model._meta.local_concrete_fields)
    return bool(getattr(model, "linker_may", ())) and not owned


def shredding(model: type[models.Model]) -> list[str]:
    """What the forgetting of a client may do to this table, as PostgreSQL spells rights."""
    if getattr(model, "records_shredding", False):
        return ["INSERT", "UPDATE (key_destroyed_at, changed_at)"]
    more = list(getattr(model, "shredder_may", ()))
    going = shredded_fields(model, cut_source=True)
    if not going:
        return more
    if Privacy.of(model).whole:
        return [*more, "DELETE"]
    columns = [field.column for field in model._meta.local_concrete_fields if field.name in going]
    return [*more, f"UPDATE ({', '.join(column for column in columns if column)})"]
