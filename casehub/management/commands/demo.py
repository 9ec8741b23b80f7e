"""`./dev demo`: the main job on the synthetic network. Agencies' HMIS files go in through the agency's own
tool, the importer, the broker and a worker; clients sign, are tokenised and linked; the network's pipeline
report comes out, its people counted without linkage and with it; then it is served."""

import json
import os
import shlex
import sys
import time
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agencies import jobs
from agencies.models import Agency, Job, JobState, Membership
from agencies.roles import ROLES, Permission
from agencies.scope import Actor, acting_as
from casehub import demo, democards, demofree, demoholders, demoreleases, demotables, running
from casehub.synthetic import World, world, write_hmis
from referrals.agency_side.bundle import make_bundle
from referrals.agency_side.keys import load_or_make_key
from referrals.exchange import inbox
from reporting import releases, render
from reporting.measures import Period
from reporting.models import Grid, Release

YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))


def _machines() -> Path:
    """The folder that stands for the agencies' own machines: what lies there never reaches the hub."""
    folder: Path = settings.DATA / "agencies-own-machines"
    return folder


def _key_of(path: Path, _organization: str) -> bytes:
    return load_or_make_key(path)[0]


class Command(BaseCommand):
    help = "Build the synthetic network, print its report, serve it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop after the report")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON too")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--size", choices=["small", "medium", "large"], default="small")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["size"] != settings.DEMO:
            # Settings choose the database by it, so it must stand before Django starts.
            os.environ["CASEHUB_DEMO"] = options["size"]
            os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606
        started = time.monotonic()
        running.prepare()
        port = running.free_port(options["port"])
        with running.worker() as worker:
            invented = world(options["size"], since=demo.SINCE)
            if not demo.is_settled(invented):
                self._build(invented)
            with demoholders.serve(invented, _machines()):
                democards.seal(invented, _machines())
                demofree.post(invented)
                if not Release.objects.filter(measure="pipeline").exists():
                    self._count(invented)
                self._report(options["json"])
                self.stdout.write(f"\nDone in {time.monotonic() - started:.0f} s. All of it is invented.")
                if options["once"]:
                    return
                with running.beat() as beat, running.web(port) as web:
                    running.wait_for(port)
                    self._say_who(invented, port)
                    running.stay([worker, beat, web])

    def _build(self, invented: World) -> None:
        self.stdout.write(f"Making {len(invented.agencies)} agencies and their people ...")
        agencies = demo.seed(invented)
        outside = _machines()
        files, keys = outside / "hmis", outside / "keys"
        imports: list[tuple[Agency, Job]] = []
        for agency in agencies:
            spec = invented.agency(agency.slug)
            written = write_hmis(invented, spec, files)
            result = make_bundle(
                written.path,
                outside / "bundles" / f"{agency.slug}.bundle.zip",
                organization_id=spec.organization_id,
                key=partial(_key_of, keys / f"{agency.slug}.key"),
                report=(YEAR.start, date(2025, 12, 31)),
            )
            assert result.path is not None, "an output was named"
            name = inbox.put([result.path.read_bytes()], kind="bundle")
            with acting_as(Actor.hub(agency, Permission.DATA_IMPORT)):
                imports.append((agency, jobs.enqueue("import_bundle", file=name)))
        self._wait(imports)
        demo.link_awards(invented, keys)
        demo.settle_in(invented)

    def _count(self, invented: World) -> None:
        """The figures of the years before anybody was linked; releases, tokens, links; the last year's, and
        three years together. Made once, they stay."""
        releases.choose_grid(Grid.YEAR)
        hub = Agency.objects.get(slug=invented.offices[0].slug)
        first = date.fromordinal(invented.first_day)
        for year in range(first.year, YEAR.start.year):
            self._release(hub, releases.period_of(Grid.YEAR, date(year, 1, 1)))
        self.stdout.write("Signing releases, making tokens with three key holders, linking ...")
        signed = demoreleases.sign(invented, _machines())
        linked = demoreleases.link(invented, _machines())
        self.stdout.write(f"  {signed} releases signed; {linked} clients may be counted once")
        self._release(hub, YEAR)
        pooled = releases.period_of(Grid.THREE_YEARS, YEAR.start)
        if first <= pooled.start:
            self._release(hub, pooled)
        releases.step()

    def _release(self, hub: Agency, period: Period) -> None:
        for plan, made in demotables.publish(hub, period):
            self.stdout.write(f"  {plan}: {made.label if made else 'nothing of it can be said'}")

    def _wait(self, imports: list[tuple[Agency, Job]]) -> None:
        """Watch the imports; the worker does them. Raises CommandError if one does not end well."""
        waiting = {job.pk: agency for agency, job in imports}
        while waiting:
            time.sleep(0.3)
            for pk, agency in list(waiting.items()):
                with acting_as(Actor.hub(agency)):
                    job = Job.objects.get(pk=pk)
                if job.state in (JobState.QUEUED, JobState.RUNNING):
                    continue
                if job.state != JobState.DONE:
                    raise CommandError(f"{agency.name}: {job.get_state_display()}. {job.error}")
                del waiting[pk]
                self.stdout.write(f"  {agency.name}: {job.done} rows taken in")

    def _report(self, path: Path | None) -> None:
        release = releases.latest("pipeline")
        if release is None:
            raise CommandError("There is no release. Delete the demo's data and start again.")
        table = releases.read(release, user=None, channel="terminal")
        self.stdout.write("\n" + render.text(table))
        if path is not None:
            path.write_text(json.dumps(render.data(table), indent=2, ensure_ascii=False) + "\n")

    def _say_who(self, invented: World, port: int) -> None:
        self.stdout.write(f"\nThe hub is up: http://localhost:{port}   (Ctrl+C stops it)")
        self.stdout.write(f"Password for everybody: {demo.password()}")
        for role in ROLES.values():
            holders = Membership.objects.filter(role=role.name).select_related("user", "agency")
            at_home = holders.filter(agency__slug="kingfisher-house").order_by("user__email").first()
            one = at_home or holders.order_by("agency__slug", "user__email").first()
            if one is not None:
                self.stdout.write(f"  {role.title!s:<22} {one.user.email:<46} {one.agency.name}")
        nation = Membership.objects.filter(role="data_lead", agency__is_tribal=True).select_related(
            "user", "agency"
        )
        for one in nation.order_by("agency__slug", "user__email")[:1]:
            self.stdout.write(f"  {'Data lead of a nation':<22} {one.user.email:<46} {one.agency.name}")
        command = f"CASEHUB_DEMO={settings.DEMO} ./dev manage code"
        data = os.environ.get("CASEHUB_DATA")
        if data:
            command = f"CASEHUB_DATA={shlex.quote(data)} {command}"
        self.stdout.write(f"A one-time code: {command} E-MAIL")
        self.stdout.write(
            "Three key holders run too, all on this computer: a real network runs them at three bodies."
        )
        self.stdout.write(f"Names are shut until you unlock contact cards with:  {democards.PASSPHRASE}")
        for spec in democards.agencies(invented):
            for user in democards.holders(spec):
                self.stdout.write(f"  {spec.name:<22} {user.email}")
