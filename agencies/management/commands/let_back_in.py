"""`let_back_in EMAIL SLUG`: for an agency's only data lead, who lost password or device, or is at rest."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agencies import actions, ledger
from agencies.models import Membership
from agencies.scope import Actor, acting_as


class Command(BaseCommand):
    help = (
        "Take a person's second step off and print a new invitation, where nobody at the agency can; "
        "a data lead at rest is brought back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("slug", help="the agency at which they hold a role")

    def handle(self, *args: Any, **options: Any) -> None:
        here = Membership.objects.filter(
            user__email=options["email"].strip().lower(), agency__slug=options["slug"]
        ).select_related("user", "agency")
        held = here.filter(role="data_lead").first() or here.first()
        if held is None:
            raise CommandError("Nobody with this address holds a role there.")
        if not held.user.is_active:
            if held.role != "data_lead":
                raise CommandError("This account is at rest; only a data lead's is brought back here.")
            held.user.is_active = True
            held.user.save(update_fields=["is_active"])
            actions.enter_rest(held.user, by=None, why="command")
        Authenticator.objects.filter(user=held.user).delete()
        held.user.memberships.update(workstation_since=None)
        _invitation, token = actions.invite(
            agency=held.agency, email=held.user.email, name=held.user.name, role=held.role, by=None
        )
        with acting_as(Actor.hub(held.agency)):
            ledger.record("member.let_back_in", held.user, why="command")
        self.stdout.write(f"Second step off. They open /join/{token}/ within seven days.")
