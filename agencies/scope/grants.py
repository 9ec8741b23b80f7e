"""What each database role may touch, derived from the models after every migration.

casehub_app works under row security; append-only tables take no change from it. casehub_reporter reads
the columns whose fields are classified linkable or open, and nothing else.
"""

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper

from agencies.privacy import Privacy, reporter_columns


def apply(connection: BaseDatabaseWrapper) -> None:
    """Grant and revoke, so that the database says what the code says. Runs as the owner; idempotent."""
    statements = [
        "GRANT USAGE ON SCHEMA public TO casehub_app, casehub_reporter, casehub_linker",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO casehub_app",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO casehub_app",
        "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM casehub_reporter",
        "REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM casehub_app",
    ]
    tables = set(connection.introspection.table_names())
    for model in apps.get_models():
        table = model._meta.db_table
        if table not in tables:
            continue
        if getattr(model, "append_only", False):
            statements.append(f'REVOKE UPDATE, DELETE, TRUNCATE ON "{table}" FROM casehub_app')
        privacy = getattr(model, "privacy", None)
        if isinstance(privacy, Privacy):
            columns = ", ".join(f'"{column}"' for column in reporter_columns(model))
            if columns:
                statements.append(f'GRANT SELECT ({columns}) ON "{table}" TO casehub_reporter')
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
