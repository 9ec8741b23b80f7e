"""`./dev manage digests`: writes the lists that the vault's scripts share with Python, and the digests
of the scripts that this release publishes."""

from typing import Any

from django.core.management.base import BaseCommand

from casehub import link_data, vault_files


class Command(BaseCommand):
    help = "Write casehub/static/vault/linkdata.js and DIGESTS.json from what lies here."

    def handle(self, *args: Any, **options: Any) -> None:
        link_data.publish()
        vault_files.publish()
