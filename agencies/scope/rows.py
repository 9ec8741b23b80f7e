"""What a row of one agency is, to Django (`Scoped`) and to PostgreSQL (`AgencyRows`, a migration operation).

The manager adds no filter: it only insists that someone is asking. Which rows they get is written once,
in the policies below.
"""

import uuid
from typing import Any

from django.apps.registry import Apps
from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunSQL
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from agencies.privacy import Privacy
from agencies.scope.actor import current_actor

# "My agency", asked once a statement. After a commit the setting reads '', hence NULLIF.
MINE = "(SELECT NULLIF(current_setting('casehub.agency', true), '')::int)"
ME = "(SELECT NULLIF(current_setting('casehub.user', true), '')::int)"


# Tables that belong to the hub as a whole: staff and who they work for.
PLATFORM = frozenset({"agencies_agency", "agencies_user", "agencies_county"})


class OfAgency(models.Func):
    """The acting agency as PostgreSQL knows it: the default owner of a row that guardian writes."""

    template = "NULLIF(current_setting('casehub.agency', true), '')::int"
    output_field = models.IntegerField()


class ScopedManager(models.Manager):
    """Raises ScopeError where no door is open: loud, never silently empty."""

    def get_queryset(self) -> models.QuerySet[Any]:
        current_actor()
        return super().get_queryset()


class Scoped(models.Model):
    """A row that belongs to one agency. Ids are random: a sortable id would tell when a client came."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey("agencies.Agency", models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager()
    privacy = Privacy(open={"id", "agency"}, linkable={"recorded_at", "changed_at"})

    class Meta:
        abstract = True


# Enters every write to a table of rows in the ledger, once a statement and agency: what was done to
# which table and how many rows; the id only where it was one row; never a value.
LEDGER_FUNCTION = """
CREATE OR REPLACE FUNCTION casehub_enter_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO agencies_ledgerentry (agency_id, user_id, verb, target_type, target_id, rows, why)
    SELECT changed.agency_id, NULLIF(current_setting('casehub.user', true), '')::int,
           TG_ARGV[0] || '.' || CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'changed'
                                           ELSE 'deleted' END,
           TG_ARGV[0], CASE WHEN count(*) = 1 THEN min(changed.id::text) ELSE '' END, count(*), ''
    FROM changed GROUP BY changed.agency_id;
    RETURN NULL;
END $$;
"""


def shredded_policy(table: str) -> str:
    """Whoever forgets clients sees every row of the agency about one, closed records too (ADR 0012)."""
    own = f"current_user = 'casehub_shredder' AND agency_id = {MINE}"
    return f'CREATE POLICY shredded ON "{table}" TO casehub_shredder USING ({own}) WITH CHECK ({own})'


def counted(more: str = "") -> str:
    """What the counting door reads of a table: every agency's rows or its own agency's, and `more` of these.

    Both questions stand in a SELECT of their own, as MINE does, so that they are asked once a statement and
    not of each row. They end in IS NOT NULL because the planner takes that to be nearly always true; of a
    bare comparison that it can't look up it expects one row in 200, and then looks for millions one by one.
    """
    return (
        "(SELECT 1 WHERE current_user = 'casehub_reporter') IS NOT NULL AND ("
        "(SELECT 1 WHERE current_setting('casehub.counting', true) = 'network') IS NOT NULL"
        f" OR agency_id = {MINE}{more})"
    )


def asked_once(table: str, more: str = "") -> RunSQL:
    """The counting door's policy of a table that was made before its questions were asked once."""
    before = (
        "current_user = 'casehub_reporter' AND ("
        f"current_setting('casehub.counting', true) = 'network' OR agency_id = {MINE}{more})"
    )
    anew = f'ALTER POLICY counted ON "{table}" USING'
    return RunSQL(f"{anew} ({counted(more)})", f"{anew} ({before})", elidable=False)


class AgencyRows(Operation):
    """Put a table behind the wall: row security, same-agency keys, and the ledger's triggers.

    `own`: the agency's rows, less those of clients closed to this worker (`client` names the column that
    points at the client, `id` on Client itself). `counted`: what the counting door reads. `readers` adds
    SELECT policies by name, for rows that another party may read (never write). `foreign` names the keys
    that point at another agency's row on purpose; a RunSQL beside gives them a composite key of their own.
    `unowned` also lets rows in that have no agency.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(
        self,
        model_name: str,
        *,
        client: str = "",
        readers: dict[str, str] | None = None,
        ledger: bool = True,
        unowned: bool = False,
        foreign: tuple[str, ...] = (),
    ) -> None:
        self.model_name = model_name
        self.client = client
        self.readers = readers or {}
        self.ledger = ledger
        self.unowned = unowned
        self.foreign = tuple(foreign)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (
            self.__class__.__qualname__,
            [self.model_name],
            {
                "client": self.client,
                "readers": self.readers,
                "ledger": self.ledger,
                "unowned": self.unowned,
                "foreign": self.foreign,
            },
        )

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The wall changes no field."""

    def describe(self) -> str:
        return f"Put {self.model_name} behind its agency's wall"

    @property
    def migration_name_fragment(self) -> str:
        return f"wall_{self.model_name.lower()}"

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.alias != "owner":
            return
        for statement in self.statements(to_state.apps, app_label):
            schema_editor.execute(statement, params=None)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.alias != "owner":
            return
        table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table
        shredded = ["shredded"] if self.client else []
        for name in ("own", "counted", *shredded, *self.readers):
            schema_editor.execute(f'DROP POLICY "{name}" ON "{table}"', params=None)
        schema_editor.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY', params=None)

    def statements(self, apps: Apps, app_label: str) -> list[str]:
        model = apps.get_model(app_label, self.model_name)
        table = model._meta.db_table
        mine = f"agency_id = {MINE}"
        if self.unowned:
            mine = f"({mine} OR agency_id IS NULL)"
        own = mine
        if self.client:
            # Uncorrelated, so hashed once a statement; a row about no client is nobody's secret. It holds for
            # writing too: whoever may not open a record adds nothing to it.
            own += (
                f" AND ({self.client} IS NULL OR {self.client} NOT IN ("
                "SELECT closed.client_id FROM referrals_restriction closed WHERE NOT EXISTS ("
                "SELECT 1 FROM referrals_clientopenedto opened "
                f"WHERE opened.content_object_id = closed.client_id AND opened.user_id = {ME})))"
            )
        yours = [
            f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
            f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
            f'CREATE POLICY own ON "{table}" TO casehub_app USING ({own}) WITH CHECK ({own})',
            f'CREATE POLICY counted ON "{table}" FOR SELECT TO casehub_reporter USING ({counted()})',
        ]
        if self.client:
            yours.append(shredded_policy(table))
        yours += [
            f'CREATE POLICY "{name}" ON "{table}" FOR SELECT TO casehub_app USING ({condition})'
            for name, condition in self.readers.items()
        ]
        yours += self._same_agency_keys(model)
        if self.ledger:
            yours.append(LEDGER_FUNCTION)
            for event, transition in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
                yours.append(
                    f'CREATE TRIGGER enter_{event.lower()} AFTER {event} ON "{table}" '
                    f"REFERENCING {transition} TABLE AS changed FOR EACH STATEMENT "
                    f"EXECUTE FUNCTION casehub_enter_write('{model._meta.model_name}')"
                )
        return yours

    def _same_agency_keys(self, model: type[models.Model]) -> list[str]:
        """A foreign key ignores row security; one that carries the agency can't reach a foreign row."""
        table = model._meta.db_table
        found = []
        if model._meta.pk is not None and model._meta.pk.column == "id" and not self.unowned:
            found.append(f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_of_agency" UNIQUE (id, agency_id)')
        for field in model._meta.get_fields():
            if not isinstance(field, models.ForeignKey) or field.name in ("agency", *self.foreign):
                continue
            parent = field.related_model
            if isinstance(parent, str) or parent._meta.db_table in PLATFORM:
                continue
            if not any(f.name == "agency" for f in parent._meta.concrete_fields):
                continue
            found.append(
                f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{field.name}_of_agency" '
                f'FOREIGN KEY ("{field.column}", agency_id) '
                f'REFERENCES "{parent._meta.db_table}" (id, agency_id) NOT DEFERRABLE'
            )
        return found
