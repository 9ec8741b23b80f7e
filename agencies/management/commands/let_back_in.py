"""`let_back_in EMAIL SLUG`: for the only data lead of an agency, who lost password or device."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agencies import actions, ledger
from agencies.models import Membership
from agencies.scope import Actor, acting_as


class Command(BaseCommand):
    help = "Take a person's second step off and print a new invitation, where nobody at the agency can."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("slug", help="the agency at which they hold a role")

    def handle(self, *args: Any, **options: Any) -> None:
        held = (
            Membership.objects.filter(
                user__email=options["email"].strip().lower(),
                user__is_active=True,
                agency__slug=options["slug"],
            )
            .select_related("user", "agency")
            .first()
        )
        if held is None:
            raise CommandError("Nobody with this address holds a role there.")
        Authenticator.objects.filter(user=held.user).delete()
        _invitation, token = actions.invite(
            agency=held.agency, email=held.user.email, name=held.user.name, role=held.role, by=None
        )
        with acting_as(Actor.hub(held.agency)):
            ledger.record("member.let_back_in", held.user, why="command")
        self.stdout.write(f"Second step off. They open /join/{token}/ within seven days.")
