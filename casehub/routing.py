"""One database, two logins. Everything runs on `default` (casehub_app); migrations go through `owner`."""

from typing import Any

from django.conf import settings


class OneDatabase:
    """Refuses to migrate as anyone but the owner, so that no table is ever owned by the login that serves."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return db == "owner" if "owner" in settings.DATABASES else False

    def allow_relation(self, a: Any, b: Any, **hints: Any) -> bool:
        return True
