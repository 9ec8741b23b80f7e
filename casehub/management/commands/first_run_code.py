"""`first_run_code`: the one-time code that opens the first-run page of an empty hub."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from casehub.pages.joining import make_first_run_code


class Command(BaseCommand):
    help = "Print the code that opens the first-run page; an earlier one no longer does."

    def handle(self, *args: Any, **options: Any) -> None:
        code = make_first_run_code()
        if code is None:
            raise CommandError("The hub has an agency already.")
        self.stdout.write(code)
