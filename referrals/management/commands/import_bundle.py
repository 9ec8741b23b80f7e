"""`import_bundle FILE --agency SLUG`: take in a bundle of the agency tool, here and now, as the hub."""

import json
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agencies import jobs
from agencies.models import Agency, Job, JobState
from agencies.roles import Permission
from agencies.scope import Actor, acting_as
from referrals.agency_side.schema import FILES
from referrals.exchange import inbox


class Command(BaseCommand):
    """Prints what became of the file's rows. Ends with an error where nothing was taken in."""

    help = "Take in a bundle that the agency tool made."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--agency", required=True, help="the agency's short name (slug)")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and write nothing")
        parser.add_argument("--confirm", action="store_true", help="go on where the import would pause")
        parser.add_argument("--json", type=Path, metavar="OUT", help="write the counts to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        agency = Agency.objects.filter(slug=options["agency"], left_on=None).first()
        if agency is None:
            raise CommandError(f"No agency is called {options['agency']}.")
        try:
            with options["file"].open("rb") as file:
                name = inbox.put(iter(lambda: file.read(2**20), b""), kind="bundle")
        except OSError as error:
            raise CommandError(f"The file can't be read: {error.strerror}.") from None
        except jobs.Refused as refusal:
            raise CommandError(str(refusal)) from None
        actor = Actor.hub(agency, Permission.DATA_IMPORT)
        with acting_as(actor):
            job = Job.objects.create(
                agency=agency,
                name="import_bundle",
                arguments={"file": name, "dry_run": options["dry_run"], "confirmed": options["confirm"]},
            )
        begun = time.monotonic()
        jobs.run(actor.reference, str(job.pk))
        seconds = time.monotonic() - begun
        with acting_as(actor):
            job.refresh_from_db()
        if job.state == JobState.PAUSED:
            with acting_as(actor):
                Job.objects.filter(pk=job.pk).update(state=JobState.CANCELLED)
            inbox.forget(name)
        report = {"state": str(job.state), **job.result, "error": job.error, "seconds_all": round(seconds, 3)}
        if options["json"]:
            options["json"].write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
        if job.state == JobState.PAUSED:
            for why in job.result["pause"]:
                self.stderr.write("  " + " ".join(f"{key}={value}" for key, value in why.items()))
            raise CommandError("The file would change unusually much. If that is right: --confirm.")
        if job.state != JobState.DONE:
            raise CommandError(job.error or f"The import ended {job.state}.")
        self._print(job.result, seconds, is_dry_run=options["dry_run"])

    def _print(self, result: dict[str, Any], seconds: float, *, is_dry_run: bool) -> None:
        names = ("read", "taken", "taken_in_part", "refused", "new", "changed", "unchanged", "deleted")
        titles = ("read", "taken", "in part", "refused", "new", "changed", "same", "deleted")
        self.stdout.write(f"{'file':24}" + "".join(f"{title:>9}" for title in titles))
        for name in FILES:
            counts = result["files"].get(name, {})
            if counts.get("read"):
                self.stdout.write(f"{name:24}" + "".join(f"{counts[key]:>9}" for key in names))
        if result["problems"]:
            self.stdout.write("")
            for code, count in result["problems"].items():
                self.stdout.write(f"{count:>9}  {code}")
        rate = result["rows"] / seconds if seconds else 0
        self.stdout.write("")
        self.stdout.write(f"{result['rows']} rows in {seconds:.1f} s ({rate:,.0f} rows a second).")
        if is_dry_run:
            self.stdout.write("This was a trial: nothing was written.")
