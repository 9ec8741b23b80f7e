"""`code EMAIL`: a person's one-time code, on a laptop only, so that a demo needs no phone."""

import time
from typing import Any

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Print the one-time code that lets a person in now (on a laptop only)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.IS_LAPTOP:
            raise CommandError("On a real hub nobody prints another person's code.")
        found = Authenticator.objects.filter(
            user__email=options["email"].strip().lower(), type=Authenticator.Type.TOTP
        ).first()
        if found is None:
            raise CommandError("Nobody with this address has a second step.")
        now = int(time.time()) // app_settings.TOTP_PERIOD
        # A code works once: after one was used, the next is printed.
        step = max(now, int(found.data.get("last_counter", 0)) + 1)
        if step > now + app_settings.TOTP_TOLERANCE:
            wait = (step - app_settings.TOTP_TOLERANCE) * app_settings.TOTP_PERIOD - int(time.time())
            raise CommandError(f"The last code has just been used. Try again in {wait} seconds.")
        self.stdout.write(format_hotp_value(hotp_value(decrypt(found.data["secret"]), step)))
