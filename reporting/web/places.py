"""The pages of the numbers as one row of links: each person sees those that they can open."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from agencies.roles import Permission
from agencies.scope import Actor

# Page, what it is called in the row, its route, and what opens it.
_PLACES = (
    ("numbers", _("Pipeline"), "reporting:numbers", {Permission.REPORT_NETWORK}),
    ("next", _("Which way?"), "reporting:next", {Permission.REPORT_NETWORK}),
    ("where", _("Where?"), "reporting:where", {Permission.REPORT_NETWORK}),
    ("before", _("More than before?"), "reporting:before", {Permission.REPORT_NETWORK}),
    ("given", _("Given and missing"), "reporting:given", {Permission.REPORT_NETWORK}),
    ("who", _("Who?"), "reporting:who", {Permission.REPORT_NETWORK}),
    ("free", _("What is free?"), "reporting:free", {Permission.REPORT_NETWORK}),
    ("coverage", _("Who reports?"), "reporting:coverage", {Permission.REPORT_NETWORK}),
    ("own", _("Our agency"), "reporting:numbers_own", {Permission.REPORT_OWN}),
    (
        "beside",
        _("Us and the network"),
        "reporting:beside",
        {Permission.REPORT_OWN, Permission.REPORT_NETWORK},
    ),
    ("leakcheck", _("Check a table"), "reporting:leakcheck", {Permission.REPORT_NETWORK}),
    ("saved", _("Saved"), "reporting:saved", {Permission.REPORT_NETWORK}),
)


def tabs(actor: Actor, page: str) -> list[dict[str, Any]]:
    """The pages this actor can open, in order; `current` marks `page`."""
    return [
        {"label": label, "url": reverse(route), "current": name == page}
        for name, label, route, needs in _PLACES
        if all(actor.may(need) for need in needs)
    ]
