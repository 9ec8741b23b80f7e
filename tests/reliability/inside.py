"""What the drills have a hub's own processes do: `python -m tests.reliability.inside COMMAND …`.

Runs inside the thrown-away hub, as casehub_app and through its doors; the drills look on from outside.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import django

if __name__ == "__main__":
    django.setup()

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.utils import decrypt
from django.db import close_old_connections
from django.test import Client as Browser

from agencies import actions, jobs
from agencies.models import Agency, AgencyType, User
from agencies.roles import Permission
from agencies.scope import Actor, acting_as

PIECES = 3
PASSWORD = "only for drills, and kept nowhere"


@jobs.job("drill")
def drill(run: jobs.Run) -> dict[str, Any]:
    """Record one anonymous contact a piece, so that a lost or doubled piece shows as a row."""
    from referrals.actions import record_touchpoint

    def one() -> dict[str, Any]:
        record_touchpoint(sector="shelter")
        time.sleep(0.05)
        return {}

    for number in range(PIECES):
        run.chunk(number, one)
    return {}


def _worker(slug: str) -> Actor:
    return Actor.of(User.objects.get(email=f"caseworker@{slug}.example"), Agency.objects.get(slug=slug))


def prepare(*slugs: str) -> None:
    """Make the hub ready, and an agency with a caseworker for each name."""
    from casehub import running

    running.prepare()
    for slug in slugs:
        agency = actions.open_agency(
            slug=slug,
            name=slug.title(),
            type=AgencyType.SHELTER,
            sector="shelter",
            is_expected_to_report=True,
        )
        user = User.objects.create_user(f"caseworker@{slug}.example", PASSWORD, name="Casey Worker")
        actions.grant_role(user, agency, "caseworker")
        TOTP.activate(user, generate_totp_secret())


def take_in(slug: str, path: str) -> None:
    """Put a bundle in the inbox and queue its import; prints the job's id."""
    from referrals.exchange import inbox

    name = inbox.put([Path(path).read_bytes()], kind="bundle")
    with acting_as(Actor.hub(Agency.objects.get(slug=slug), Permission.DATA_IMPORT)):
        job = jobs.enqueue("import_bundle", file=name)
    _say(str(job.pk))


def queue(slug: str, count: str) -> None:
    """Queue drill jobs, each in a transaction of its own; prints the seconds the slowest one took."""
    actor, slowest = _worker(slug), 0.0
    for _ in range(int(count)):
        began = time.monotonic()
        with acting_as(actor):
            jobs.enqueue("drill")
        slowest = max(slowest, time.monotonic() - began)
    _say(json.dumps({"slowest": slowest}))


def sweep(every: str) -> None:
    """The clock's sweep, for ever; `every` so many seconds."""
    while True:
        try:
            jobs.sweep()
        except django.db.Error as error:
            sys.stderr.write(f"sweep: {type(error).__name__}\n")
        close_old_connections()
        time.sleep(float(every))


def write(slug: str) -> None:
    """Open clients and record contacts for ever; prints the ids of each pair once it is acknowledged."""
    from referrals.actions import open_client, record_touchpoint

    number = 0
    actor: Actor | None = None
    while True:
        number += 1
        try:
            actor = actor or _worker(slug)
            with acting_as(actor):
                client = open_client(code=f"w{os.getpid()}x{number}")
                contact = record_touchpoint(sector="shelter", client=client, note="tea, and a bus pass")
            _say(f"{client.pk} {contact.pk}")
        except django.db.Error:
            time.sleep(0.02)
        close_old_connections()  # as Django does between two requests


def page(slug: str) -> None:
    """Sign in, look at one's day, record a contact; prints each answer's status and the slowest's seconds."""
    browser, answers, slowest = Browser(headers={"host": "localhost"}), dict[str, float](), 0.0
    email = f"caseworker@{slug}.example"
    secret = decrypt(Authenticator.objects.get(user__email=email).data["secret"])
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    for name, path, data in (
        ("sign_in", "/account/login/", None),
        ("password", "/account/login/", {"login": email, "password": PASSWORD}),
        (
            "code",
            "/account/2fa/authenticate/",
            {"code": code},
        ),
        ("day", "/day/", None),
        ("contact", "/contacts/new/", {"sector": "hotline"}),
    ):
        began = time.monotonic()
        answer = browser.get(path) if data is None else browser.post(path, data)
        answers[name] = answer.status_code
        slowest = max(slowest, time.monotonic() - began)
    _say(json.dumps({**answers, "slowest": slowest}))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    commands = {
        "prepare": prepare,
        "take_in": take_in,
        "queue": queue,
        "sweep": sweep,
        "write": write,
        "page": page,
    }
    commands[command](*rest)
