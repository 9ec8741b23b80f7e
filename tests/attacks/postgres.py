"""What the database says of itself, and a transaction of its superuser in which one can become anyone.

The superuser is the embedded server's own; it is never among the settings. Whatever is broken here is
rolled back, so that a test that dies leaves the walls standing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest
from django.db import connections

from casehub import embedded


@dataclass(frozen=True, slots=True)
class Policy:
    table: str
    name: str
    command: str  # "*" all, "r" select
    role: str
    using: str
    check: str | None


@dataclass(frozen=True, slots=True)
class Key:
    """A foreign key: `columns` of `table` name the `parent_columns` of `parent`."""

    table: str
    name: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    definition: str


def superuser() -> Any:
    """A connection of the embedded server's superuser to the test database."""
    home = embedded._Home(embedded.data_dir())
    ours = connections["default"].settings_dict
    if not (home.path / "secrets" / "postgres").exists() or str(ours["PORT"]) != str(home._postmaster()[1]):
        pytest.skip("Only the embedded server's superuser is known.")
    return psycopg2.connect(
        host="127.0.0.1",
        port=ours["PORT"],
        user="postgres",
        password=home.secret("postgres"),
        dbname=ours["NAME"],
    )


class Bench:
    """A transaction that is always rolled back, in which the walls may be broken and tried."""

    def __init__(self, connection: Any) -> None:
        self.cursor = connection.cursor()

    def run(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement as whoever one is now."""
        self.cursor.execute(sql, parameters or None)
        return self.cursor.fetchall() if self.cursor.description else [(self.cursor.rowcount,)]

    @contextmanager
    def passing(self) -> Iterator[None]:
        """What is done in here is undone at its end, with role and settings."""
        self.cursor.execute("SAVEPOINT passing")
        try:
            yield
        finally:
            self.cursor.execute("ROLLBACK TO SAVEPOINT passing")
            self.cursor.execute("RELEASE SAVEPOINT passing")

    def tried(self, sql: str, *parameters: Any) -> Any:
        """The rows, or the error as a string: its class, and its constraint or what it said."""
        self.cursor.execute("SAVEPOINT tried")
        try:
            return self.run(sql, *parameters)
        except psycopg2.Error as error:
            self.cursor.execute("ROLLBACK TO SAVEPOINT tried")
            return f"{type(error).__name__} {error.diag.constraint_name or error.diag.message_primary}"
        finally:
            self.cursor.execute("RELEASE SAVEPOINT tried")

    def become(self, role: str, *, agency: int | str = "", user: int | str = "", counting: str = "") -> None:
        self.cursor.execute(
            "SELECT set_config('casehub.agency', %s, true), set_config('casehub.user', %s, true),"
            " set_config('casehub.counting', %s, true)",
            [str(agency), str(user), counting],
        )
        self.cursor.execute(f"SET LOCAL ROLE {role}")

    def count(self, sql: str, *parameters: Any) -> int:
        return int(self.run(f"SELECT count(*) FROM {sql}", *parameters)[0][0])


@contextmanager
def bench() -> Iterator[Bench]:
    connection = superuser()
    try:
        yield Bench(connection)
    finally:
        connection.rollback()
        connection.close()


def policies(cursor: Any) -> list[Policy]:
    cursor.execute(
        "SELECT c.relname, p.polname, p.polcmd, array_to_string(ARRAY(SELECT rolname FROM pg_roles"
        " WHERE oid = ANY(p.polroles)), ','), pg_get_expr(p.polqual, p.polrelid),"
        " pg_get_expr(p.polwithcheck, p.polrelid)"
        " FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid ORDER BY 1, 2"
    )
    return [Policy(*row) for row in cursor.fetchall()]


def keys(cursor: Any) -> list[Key]:
    cursor.execute(
        """
        SELECT c.conrelid::regclass::text, c.conname,
               ARRAY(SELECT attname FROM unnest(c.conkey) WITH ORDINALITY k(n, o)
                     JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY o)::text[],
               c.confrelid::regclass::text,
               ARRAY(SELECT attname FROM unnest(c.confkey) WITH ORDINALITY k(n, o)
                     JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY o)::text[],
               pg_get_constraintdef(c.oid)
        FROM pg_constraint c WHERE c.contype = 'f' ORDER BY 1, 2
        """
    )
    return [Key(t, n, tuple(k), p, tuple(pk), d) for t, n, k, p, pk, d in cursor.fetchall()]


def triggers(cursor: Any) -> list[tuple[str, str]]:
    """Table and name of each trigger of ours."""
    cursor.execute(
        "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
    )
    return list(cursor.fetchall())
