"""`destroy_agency_keys SLUG --yes`: shred all that was sealed for an agency that has left."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import models, transaction

from agencies import ledger, vault
from agencies.models import Agency
from agencies.scope import Actor, acting_as


class Command(BaseCommand):
    help = "Destroy an agency's keys: what was sealed for it can never be read again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--yes", action="store_true", help="without it, nothing happens")

    def handle(self, *args: Any, **options: Any) -> None:
        agency = Agency.objects.filter(slug=options["slug"]).first()
        if agency is None:
            raise CommandError("No agency is called that.")
        if _keeps_factors(agency):
            raise CommandError(
                f"The second steps of people stand under {agency.name}'s key. Nothing was done."
            )
        if not options["yes"]:
            raise CommandError(f"This can't be undone. To shred all that {agency.name} sealed, add --yes.")
        with transaction.atomic():
            vault.destroy_agency_keys(agency.pk)
        with acting_as(Actor.hub(agency)):
            ledger.record("agency.keys_destroyed", agency)
        self.stdout.write(
            f"{agency.name}: destroyed. Backups hold the wrapped keys still: run rotate_keys --kek-only and, "
            "an hour later, rotate_keys --remove-old."
        )


def _keeps_factors(agency: Agency) -> bool:
    mine = f"{agency.pk}:"
    return Authenticator.objects.filter(
        models.Q(data__secret__startswith=mine) | models.Q(data__seed__startswith=mine)
    ).exists()
