"""The step before a release serves: the first key-encryption key, migrations as the owner, and that what a
restored dump brought back goes again."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from agencies import vault
from casehub import running


class Command(BaseCommand):
    help = "Make the first key-encryption key where there is none, and migrate as casehub_owner."

    def handle(self, *args: Any, **options: Any) -> None:
        vault.ensure_kek()
        with running.one_at_a_time():
            call_command("migrate", database="owner", interactive=False, verbosity=options["verbosity"])
            running.grant_what_roles_say()
            running.let_go_again()
