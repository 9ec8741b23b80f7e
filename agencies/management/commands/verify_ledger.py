"""`verify_ledger [SLUG]`: recompute the chains of the ledgers, and say where one does not hold."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agencies import ledger
from agencies.models import Agency
from agencies.scope import Actor, acting_as


class Command(BaseCommand):
    help = (
        "Check that no ledger entry was changed, added or removed; print each chain's head to keep elsewhere."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="?", help="one agency; without it, all")

    def handle(self, *args: Any, **options: Any) -> None:
        agencies = Agency.objects.order_by("slug")
        if options["slug"]:
            agencies = agencies.filter(slug=options["slug"])
            if not agencies:
                raise CommandError("No agency is called that.")
        broken = 0
        for agency in agencies:
            with acting_as(Actor.hub(agency)):
                breaks, head = ledger.verify(), ledger.head()
            for one in breaks:
                self.stdout.write(
                    f"{agency.slug}: seal {one.seal} is broken ({one.said} sealed, {one.found} found)"
                )
            broken += len(breaks)
            if head and not breaks:
                self.stdout.write(f"{agency.slug}: holds through seal {head['number']} {head['digest']}")
            elif not head:
                self.stdout.write(f"{agency.slug}: nothing sealed yet")
        if broken:
            raise CommandError(f"{broken} seals are broken.")
