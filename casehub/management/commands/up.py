"""`./dev up`: an empty hub for real use on this machine; the first page makes the first agency."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from agencies.models import Agency
from casehub import running


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
            if not Agency.objects.exists():
                self.stdout.write("It is empty. Open the page to make the first agency and coordinator.")
            self.stdout.write("Stop it with Ctrl+C.")
            running.stay([worker, beat, web])
