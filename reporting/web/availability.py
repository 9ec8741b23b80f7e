"""What is free now: what agencies posted themselves, by kind of help and county. No client is counted here.

Which columns of a post anybody may read, the database decides (referrals, migration 0014).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as respond
from django.utils import formats, timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agencies.doors import AgencyView
from agencies.roles import Permission
from referrals import availability
from referrals.availability import Posted
from referrals.picklists import Accepted, Language, Picklist, ServiceType, Wait
from reporting.web.places import tabs


@dataclass(frozen=True, slots=True)
class Line:
    """One post as the page shows it. `free` and `taken` are cells of components/cell.html."""

    opening: Any
    free: dict[str, str]
    taken: dict[str, str]
    wait: str
    accepts: str
    languages: str
    ago: str
    is_stale: bool


class Free(AgencyView):
    """Everybody's posts, kind by kind, fresh ones first. A reader narrows them; what a post does not say
    never narrows it out, for it is a question to ask by phone."""

    needs = Permission.REPORT_NETWORK

    def get(self, request: HttpRequest) -> HttpResponse:
        everything = availability.board()
        asked = {name: request.GET.get(name, "") for name in ("county", "accepts", "language")}
        kind = request.GET.get("kind", "")
        found = [
            one
            for one in everything
            if (not kind or one.opening.kind == kind) and availability.fits(one.opening, **asked)
        ]
        fresh = [one.opening for one in found if not one.is_stale]
        rows = [one.opening for one in everything]
        silent = availability.silent(rows)
        return respond(
            request,
            "reporting/free.html",
            {
                "tabs": tabs(self.actor, "free"),
                "now": timezone.now(),
                "groups": _by_kind(found),
                "free": sum(one.free or 0 for one in fresh),
                "fresh": len(fresh),
                "stale": len(found) - len(fresh),
                "silent": silent,
                "may_post": availability.may_post(self.actor),
                "kind": kind,
                "kinds": _choices(ServiceType, {one.kind for one in rows}),
                "counties": sorted(
                    {(one.county.pk, one.county.name) for one in rows if one.county}, key=lambda one: one[1]
                ),
                "accepted": _choices(Accepted, set(Accepted)),
                "spoken": _choices(Language, {code for one in rows for code in one.languages}),
                **asked,
                "caveats": _caveats(len({one.agency_id for one in rows}), len(silent)),
            },
        )


def _by_kind(found: Iterable[Posted]) -> list[tuple[str, list[Line]]]:
    """Kinds of help in the order of their list, each with its posts: fresh before stale, free before full."""
    lines: dict[str, list[Line]] = {}
    for one in sorted(found, key=lambda one: (one.is_stale, not one.opening.free)):
        lines.setdefault(one.opening.kind, []).append(_line(one))
    return [(_(member.label), lines[member]) for member in ServiceType if member in lines]


def _line(posted: Posted) -> Line:
    one = posted.opening
    told = None if one.taken_tenths is None else {"percent": 10 * one.taken_tenths}
    return Line(
        opening=one,
        free={"kind": "missing"} if one.free is None else _value(formats.localize(one.free)),
        # One sign, whatever the reason that it is not told.
        taken={"kind": "hidden"} if told is None else _value(_("about %(percent)d %%") % told),
        wait=_words(Wait, [one.wait]),
        accepts=_words(Accepted, one.accepts),
        languages=_words(Language, one.languages),
        ago=timesince(one.posted_at, depth=1),
        is_stale=posted.is_stale,
    )


def _value(text: str) -> dict[str, str]:
    return {"kind": "value", "text": text}


def _words(picklist: type[Picklist], values: Iterable[str]) -> str:
    said = set(values)
    return ", ".join(_(member.label) for member in picklist if member.value in said)


def _choices(picklist: type[Picklist], values: set[Any]) -> list[tuple[str, str]]:
    return [(member.value, _(member.label)) for member in picklist if member.value in values]


def _caveats(posting: int, silent: int) -> list[tuple[str, str]]:
    expected = posting + silent
    return [
        (_("Source"), _("What each agency posted about itself; nobody else can change it")),
        (
            _("Period"),
            _("Now. Each post says when it was made, and goes stale after the hours its agency set"),
        ),
        (
            _("Coverage"),
            ngettext("%(n)d of %(all)d agency posts", "%(n)d of %(all)d agencies post", expected)
            % {"n": posting, "all": expected},
        ),
        (_("Counted as"), _("Places and openings, not people")),
        (_("Release"), _("None: agencies' own live posts, and no count of clients")),
        (
            _("Hidden cells"),
            _(
                "Where a confidential site is, always. The share of places taken, unless the site is not "
                "confidential and at least %(least)d places are taken; then it is rounded to 10 %%."
            )
            % {"least": availability.LEAST_TAKEN},
        ),
        (
            _("What it does not show"),
            _("Whether a place is kept for you: only the agency can say so. Call before you send anybody."),
        ),
    ]
