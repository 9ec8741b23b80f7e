"""`./dev up`: an empty hub for real use on this machine; the first page makes the first agency."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from casehub import running
from casehub.pages.joining import make_first_run_code


class Command(BaseCommand):
    help = "Serve the hub on localhost, with its worker and its clock."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        running.prepare()
        port = running.free_port(options["port"])
        with running.worker() as worker, running.beat() as beat, running.web(port) as web:
            running.wait_for(port)
            self.stdout.write(f"casehub is up: http://localhost:{port}")
            if code := make_first_run_code():
                self.stdout.write(f"It is empty. Open the page and give it this set-up code: {code}")
            self.stdout.write("Stop it with Ctrl+C.")
            running.stay([worker, beat, web])
