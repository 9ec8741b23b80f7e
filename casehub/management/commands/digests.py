"""`./dev manage digests`: writes the digests of the vault's scripts that this release publishes."""

from typing import Any

from django.core.management.base import BaseCommand

from casehub import vault_files


class Command(BaseCommand):
    help = "Write casehub/static/vault/DIGESTS.json from the vault's scripts as they lie here."

    def handle(self, *args: Any, **options: Any) -> None:
        vault_files.publish()
