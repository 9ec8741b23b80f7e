"""The front door's app: after a migration it makes the database's grants say what the code says."""

from typing import Any

from django.apps import AppConfig, apps
from django.db import connections
from django.db.models.signals import post_migrate


def _grant(using: str, **_: Any) -> None:
    from agencies.scope import grants

    if using == "owner":
        grants.apply(connections[using])


class CasehubConfig(AppConfig):
    name = "casehub"

    def ready(self) -> None:
        from casehub import checks  # noqa: F401

        # Django's own hook for what must follow every migration, also that of a test database. It is not
        # sent to apps without models such as this one, so it listens to the last app that has some.
        post_migrate.connect(_grant, sender=apps.get_app_config("reporting"))
