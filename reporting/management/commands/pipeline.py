"""`./dev manage pipeline`: the network's latest released pipeline in the terminal, or an agency's own."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from agencies import ledger
from agencies.models import Agency
from agencies.roles import Permission
from agencies.scope import Actor, acting_as
from reporting import engine, releases, render
from reporting.models import Grid, Release


class Command(BaseCommand):
    help = "Print the network's latest released pipeline, or with --agency that agency's own, exact and live."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--agency", metavar="SLUG", help="this agency's own figures, exact and live")
        parser.add_argument("--year", type=int, help="with --agency: the calendar year; else this one")
        parser.add_argument("--release", metavar="LABEL", help="this release instead of the latest")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON too")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["agency"] and options["release"]:
            raise CommandError("A release is the network's: name an agency or a release.")
        table = (
            self._own(options["agency"], options["year"])
            if options["agency"]
            else self._network(options["release"])
        )
        self.stdout.write(render.text(table))
        if options["json"]:
            options["json"].write_text(json.dumps(render.data(table), indent=2, ensure_ascii=False) + "\n")

    def _network(self, label: str | None) -> render.Table:
        made = Release.objects.filter(label=label).first() if label else releases.latest("pipeline")
        if made is None:
            raise CommandError("There is no such release." if label else "Nothing has been released yet.")
        return releases.read(made, user=None, channel="terminal")

    def _own(self, slug: str, year: int | None) -> render.Table:
        agency = Agency.objects.filter(slug=slug).first()
        if agency is None:
            raise CommandError("There is no agency of that name.")
        day = date(year, 1, 1) if year else timezone.localdate()
        with acting_as(Actor.hub(agency, Permission.REPORT_OWN)) as actor:
            ledger.record("report.exported", why="pipeline terminal")
            return engine.run_own("pipeline", releases.period_of(Grid.YEAR, day), actor)
