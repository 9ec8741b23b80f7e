"""Every route of the hub, walked out of the resolver, with ids of rows put into its address.

A new route is attacked without a line here, if its parameters are named after a model or stand in `FIXED`.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import UUIDConverter

from tests.attacks.rows import OURS, Rows, walled

# What stands in an address that is no row's id.
FIXED = {
    "form": "contact_new",
    "label": "no-such-table",
    "shape": "csv",
    "period": "2025-q1",
    "code": "Q1",
    "token": "not-a-token",
    "uidb36": "1",
    "key": "not-a-key",
    "app_label": "agencies",
    "content_type_id": "1",
    "url": "nothing/",
    "format": "json",
    "number": "1",
}
# Parameters that are named after another model than the one they name.
# A pair of records has no row of its own; nobody has one under an answer's id.
NAMES = {
    "reporting:saved_act": "savedview",
    "referrals:import_problems": "import",
    **dict.fromkeys(
        ("referrals:release", "referrals:release_paper", "referrals:release_revoke"), "releaseofinformation"
    ),
    **dict.fromkeys(
        ("referrals:link_question", "referrals:link_unlink", "referrals:link_undo"), "linkanswer"
    ),
}
# Routes asked by nobody here, each with its reason.
NOT_ASKED = {
    "readyz": "asks the broker, which tests do not have",
    "admin:view_on_site": "redirects by content type; no model of ours has an address of its own",
}


@dataclass(frozen=True, slots=True)
class Route:
    """One address pattern. `rows` are the parameters that name a row, with the model they name."""

    name: str
    pattern: str
    view: Any
    parameters: tuple[str, ...]
    rows: tuple[tuple[str, type[models.Model]], ...]

    @property
    def key(self) -> str:
        """The name, and the address's shape where several routes share one name."""
        return f"{self.name} /{self.pattern}"

    @property
    def is_api(self) -> bool:
        return self.pattern.startswith("api/")

    @property
    def names_an_upload(self) -> bool:
        """Whether the address names a file of the inbox, which is sealed for one agency."""
        return "name" in self.parameters

    @property
    def behind_the_wall(self) -> bool:
        """Whether the address names a row, or a file, that belongs to one agency."""
        return self.names_an_upload or any(model in walled() for _name, model in self.rows)

    @property
    def methods(self) -> tuple[str, ...]:
        return ("get", "post", "put", "patch", "delete") if self.is_api else ("get", "post")

    def path(self, ids: dict[str, str]) -> str:
        """The address with these ids in it."""
        plain = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", self.pattern)
        plain = plain.replace("^", "").replace("$", "")
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str({**FIXED, **ids}[found[1]]), plain)


@cache
def routes() -> tuple[Route, ...]:
    return tuple(sorted(_walk(get_resolver()), key=lambda route: route.key))


def _walk(resolver: URLResolver, prefix: str = "", space: str = "") -> Iterator[Route]:
    for one in resolver.url_patterns:
        pattern = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _walk(one, pattern, one.namespace or space)
        elif isinstance(one, URLPattern):
            name = f"{space}:{one.name}" if space else str(one.name)
            if name in NOT_ASKED:
                continue
            parameters = tuple(re.findall(r"\(\?P<(\w+)>|<(?:\w+:)?(\w+)>", pattern))
            names = tuple(a or b for a, b in parameters)
            rows = tuple(
                (p, _model_of(name, p, pattern))
                for p in names
                if p != "name" and (p not in FIXED or _is_uuid(one, p))
            )
            yield Route(name, pattern, one.callback, names, rows)


def _is_uuid(one: URLPattern, parameter: str) -> bool:
    return isinstance(getattr(one.pattern, "converters", {}).get(parameter), UUIDConverter)


def _model_of(name: str, parameter: str, pattern: str) -> type[models.Model]:
    """The model a parameter is named after: by its own name, else by the route's."""
    known = {m._meta.model_name: m for m in apps.get_models() if m._meta.app_label in OURS}
    if name in NAMES:
        return known[NAMES[name]]
    words = [parameter, *re.split(r"[^a-z]+", pattern)[::-1], *re.split(r"[^a-z]+", name.lower())]
    for word in words:
        if word == "change":  # what the admin does with any row, and no LinkChange
            continue
        for candidate in (word, word.removesuffix("s"), re.sub("ies$", "y", word)):
            if candidate in known:
                return known[candidate]
            ends = [
                model for label, model in known.items() if len(candidate) > 4 and label.endswith(candidate)
            ]
            if len(ends) == 1:
                return ends[0]
    raise LookupError(f"{name}: name the parameter {parameter!r} after a model, or put it into FIXED")


def ids(route: Route, rows: Rows, whose: str) -> dict[str, str]:
    """Ids for a route's rows: `own` (agency A's), `other` (another agency's), `missing` (nobody's)."""
    found = {}
    if route.names_an_upload:
        found["name"] = (
            uuid.uuid4().hex if whose == "missing" else _upload(rows, "A" if whose == "own" else "B")
        )
    for name, model in route.rows:
        if whose == "missing":
            found[name] = str(uuid.uuid4()) if isinstance(model._meta.pk, models.UUIDField) else "987654321"
        else:
            found[name] = str(_row(model, rows, "A" if whose == "own" else "B").pk)
    return found


def _upload(rows: Rows, letter: str) -> str:
    """A spreadsheet that waits in the inbox for its agency to say what its columns are."""
    from referrals.exchange import caseload

    if letter not in rows.uploads:
        with rows.world.acting(letter, "data_lead"):
            name = caseload.receive(b"Code,Entry date\nA1,2025-01-02\n")
        rows.uploads[letter] = name.split(".")[0]
    return rows.uploads[letter]


def _row(model: type[models.Model], rows: Rows, letter: str) -> models.Model:
    from agencies.models import Agency, County, Invitation, Membership, User
    from referrals.models import Disclosure, Offer, Referral
    from reporting.models import Proposal, Release, SavedView, Specification

    world = rows.world
    if model is Offer and (model, f"to {letter}") not in rows.made:
        # An agency's own offer, to this attack, is one that it was made.
        referral = rows.fresh(Referral, "R")
        rows.made[model, f"to {letter}"] = rows.fresh(
            Offer, "R", referral=referral, receiver=world.agency(letter)
        )
    if model is Disclosure and (model, f"to {letter}") not in rows.made:
        # And its own disclosure is one that was handed to it.
        rows.made[model, f"to {letter}"] = rows.fresh(Disclosure, "R", receiver=world.agency(letter))
    if model in (Offer, Disclosure):
        return rows.made[model, f"to {letter}"]
    if model in walled():
        return rows.row(model, letter)
    if (model, letter) not in rows.made:
        platform: dict[type[models.Model], Any] = {
            Agency: lambda: world.agency(letter),
            County: lambda: world.county(),
            User: lambda: world.person(letter),
            Membership: lambda: Membership.objects.get(user=world.person(letter)),
            Invitation: lambda: _invitation(rows, letter),
            Release: lambda: _release(rows, letter),
            Proposal: lambda: _proposal(rows, letter),
            Specification: lambda: _specification(rows, letter),
            SavedView: lambda: SavedView.objects.create(user=world.person(letter), page="who"),
        }
        rows.made[model, letter] = platform[model]()
    return rows.made[model, letter]


def _invitation(rows: Rows, letter: str) -> models.Model:
    from agencies import actions

    agency = rows.world.agency(letter)
    return actions.invite(agency=agency, email=f"new@{letter}.example", name="New", role="auditor", by=None)[
        0
    ]


def _proposal(rows: Rows, letter: str) -> models.Model:
    """A table of the hub's that waits for the output checker."""
    from datetime import date

    from reporting.measures import Period
    from tests.reporting.releasing import waiting

    _has_reported(rows)
    year = 2024 - "ABCDE".index(letter)
    return waiting(rows.world, "pipeline", Period(date(year, 1, 1), date(year + 1, 1, 1)))


def _specification(rows: Rows, letter: str) -> models.Model:
    """A table that is released for each period."""
    from tests.reporting.releasing import approved

    return approved(rows.world, grid="quarter" if letter == "A" else "year")


def _release(rows: Rows, letter: str) -> models.Model:
    from datetime import date

    from reporting.measures import Period
    from tests.reporting.releasing import released

    _has_reported(rows)
    month = 1 if letter == "A" else 2
    period = Period(date(2025, month, 1), date(2025, month + 1, 1))
    return released(rows.world, "pipeline", period)


def _has_reported(rows: Rows) -> None:
    """An agency has signed, and a record of it is old enough for any period: of nobody nothing is released."""
    from agencies.models import SharingAgreement
    from tests.reporting.test_numbers_pages import at

    agency = rows.world.agency("A")
    with rows.world.acting("A"):
        if not SharingAgreement.objects.filter(ended_at=None).exclude(signed_at=None).exists():
            SharingAgreement.objects.create(
                agency=agency, version=99, text_digest="0" * 64, signed_at=at(1, 1, 2012)
            )
    rows.world.touchpoint("A", None, occurred_at=at(1, 1, 2012))
