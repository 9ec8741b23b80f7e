"""What must be true before the hub serves anyone. `serve_safely` is asked by every server at its start."""

import logging
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.db import ProgrammingError, connections

from agencies import linknet, vault

log = logging.getLogger(__name__)


@register(Tags.database)
def database_role(*, databases: Sequence[str] | None = None, **_: Any) -> list[Error]:
    """The login that serves must be bound by row security: no superuser, no BYPASSRLS, owner of nothing."""
    if not databases or "default" not in databases:
        return []
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, EXISTS (SELECT 1 FROM pg_tables "
            "WHERE schemaname = 'public' AND tableowner = current_user) "
            "FROM pg_roles WHERE rolname = current_user"
        )
        is_superuser, bypasses, owns = cursor.fetchone()
        cursor.execute("SHOW server_version_num")
        version = int(cursor.fetchone()[0])
    found = []
    if is_superuser or bypasses or owns:
        found.append(
            Error(
                "The database login would see every agency's rows.",
                hint="Serve as casehub_app (casehub/roles.sql): no superuser, no BYPASSRLS, owning no table.",
                id="casehub.E001",
            )
        )
    if version < 150000:
        found.append(
            Error("PostgreSQL is older than 15.", hint="Use PostgreSQL 15 to 18.", id="casehub.E002")
        )
    return found


@register(Tags.database)
def link_keys(*, databases: Sequence[str] | None = None, **_: Any) -> list[Error]:
    """The hub's key over the tokens of every epoch that runs must be there: a new one would match nothing."""
    if not databases or "default" not in databases:
        return []
    try:
        lost = linknet.lost_peppers()
    except (ProgrammingError, vault.KeyFolderError):
        return []  # not migrated yet, or told below
    return [
        Error(
            f"The hub's key over the tokens of epoch {number} is gone.",
            hint=f"Restore pepper-{number}.key from the copy of the key folder, or have a new epoch begun. "
            "If this epoch was ended once and a restored dump brought it back, end it again at Network, "
            "Counting people once; never restore a key that was destroyed on purpose.",
            id="casehub.E006",
        )
        for number in lost
    ]


@register(Tags.security, deploy=True)
def production(**_: Any) -> list[Error]:
    """In production: keys named and private, hosts named."""
    found = []
    try:
        problems = vault.key_folder_problems()
    except vault.KeyFolderError as error:
        problems = [str(error)]
    for problem in problems:
        found.append(
            Error(
                problem,
                hint="CASEHUB_KEYS names a folder outside the database and its backups, mode 0700.",
                id="casehub.E003",
            )
        )
    if not settings.ALLOWED_HOSTS:
        found.append(Error("No host name is allowed.", hint="Set CASEHUB_HOSTS.", id="casehub.E004"))
    return found


def serve_safely() -> None:
    """Raises SystemExit with the reasons if this process must not serve."""
    reasons = database_role(databases=["default"])
    if "owner" in settings.DATABASES and not settings.IS_LAPTOP:
        reasons.append(
            Error(
                "This process has the owner's database credentials.",
                hint="Give CASEHUB_OWNER_DATABASE_URL to the migration step only.",
                id="casehub.E005",
            )
        )
    # Intake must not stand still for it, so it is told and no more.
    for problem in link_keys(databases=["default"]):
        log.error("%s %s", problem.msg, problem.hint)
    if reasons:
        raise SystemExit("\n".join(f"{reason.msg} {reason.hint}" for reason in reasons))
