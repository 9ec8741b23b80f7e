"""What every page is given: the places its reader can open, and the reader's own settings.

The names are the contract of docs/explanation/look.md. What costs a query is asked only by the templates
that show it.
"""

import base64
import binascii
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from agencies import cardkeys, vault
from agencies.doors import actor_of
from agencies.models import Agency
from agencies.roles import ROLES, Permission
from agencies.scope import Actor, NotAllowed, ScopeError
from casehub import vault_files

# A place and where it leads, by the permission that opens it; the first that is held and mounted counts.
PLACES: tuple[tuple[Promise, tuple[tuple[Permission, str], ...]], ...] = (
    (_("My day"), ((Permission.CLIENT_EDIT, "referrals:caseload"),)),
    (_("Clients"), ((Permission.CLIENT_VIEW, "referrals:clients"),)),
    (_("Referrals"), ((Permission.REFERRAL_ANSWER, "referrals:referrals"),)),
    (
        _("Numbers"),
        ((Permission.REPORT_NETWORK, "reporting:numbers"), (Permission.REPORT_OWN, "reporting:numbers")),
    ),
    (
        _("Reports"),
        (
            (Permission.GRANT_REPORT, "reporting:grants"),
            (Permission.NETWORK_MANAGE, "reporting:releases"),
            (Permission.REPORT_RELEASE, "reporting:releases"),
        ),
    ),
    (_("Imports"), ((Permission.DATA_IMPORT, "referrals:imports"),)),
    (
        _("Agency"),
        (
            (Permission.AGENCY_MANAGE, "agency"),
            (Permission.LEDGER_READ, "ledger"),
            (Permission.CARD_OPEN, "card_keys"),
        ),
    ),
    (_("Network"), ((Permission.NETWORK_MANAGE, "network"),)),
    (_("Jobs"), ((Permission.HUB_OPERATE, "jobs"),)),
)
# Pages that lie elsewhere than the place they belong to.
ELSEWHERE = {"referrals:link_questions": "referrals:clients"}
NEW_CONTACT = "referrals:contact_new"
FIND = "referrals:find"
# What a page with cards on it begins with; these import the rest of the vault's modules.
VAULT_SCRIPTS = ("open.js", "cards.js")


def page(request: HttpRequest) -> dict[str, Any]:
    """What base.html and base_door.html take. The same for everybody who is not signed in."""
    everybody = {
        "exit_url": settings.EXIT_URL,
        "hub_name": settings.HUB_NAME,
        "language_choices": [
            (code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES
        ],
    }
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or "session" not in vars(request):
        return everybody
    actor = cache(lambda: _actor(request))
    agency = cache(lambda: _agency(actor()))
    return everybody | {
        "actor_line": user.name,
        "keys_on": user.has_single_keys,
        "idle_seconds": settings.IDLE_SECONDS,
        "has_several_agencies": request.session.get("has_several_agencies", False),
        "agency_name": lambda: getattr(agency(), "name", ""),
        "role_line": lambda: _role_line(actor()),
        "places": cache(lambda: places(actor(), request.path)),
        "vault": cache(lambda: _vault(request, actor(), agency())),
        "can_contact": _held(actor, Permission.CONTACT_RECORD),
        "can_find": _held(actor, Permission.CLIENT_VIEW),
        "contact_url": lambda: where(NEW_CONTACT),
        "find_url": lambda: where(FIND),
    }


def places(actor: Actor | None, path: str = "") -> list[dict[str, Any]]:
    """The places this actor can open, in order; `current` marks the one the path lies in, `has_keys` the one
    that leads to the keys of the contact cards."""
    if actor is None:
        return []
    found = []
    for label, ways in PLACES:
        url = next((url for need, name in ways if actor.may(need) and (url := where(name))), None)
        if url:
            has_keys = any(name == "card_keys" for _need, name in ways)
            found.append({"label": label, "url": url, "current": False, "has_keys": has_keys})
    for name, home in ELSEWHERE.items():
        if (root := where(name)) and path.startswith(root):
            path = where(home) or path
    within = [str(place["url"]) for place in found if path.startswith(str(place["url"]))]
    here = max(within, key=len, default="")
    for place in found:
        place["current"] = place["url"] == here
    return found


def where(name: str) -> str | None:
    """The address of a route, or None if it is not mounted."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return None


def _actor(request: HttpRequest) -> Actor | None:
    """The open door's actor; on a page outside the doors, the one its reader would come in as."""
    actor = getattr(request, "actor", None)
    if actor is None:
        try:
            actor = actor_of(request.user, request.session.get("agency_id"))  # type: ignore[arg-type]
        except NotAllowed:
            return None
    return actor


def _vault(request: HttpRequest, actor: Actor | None, agency: Agency | None) -> dict[str, Any] | None:
    """What the vault's scripts need to know on a page, for who may open cards: docs/adr/0011-contact-card.md.

    The half seals this tab's key; it is made anew at each unlock and dropped at each lock. `standing` is the
    reader's with the key, as cardkeys.state names it, "" outside the doors; `waiting`, whom they can let in.
    """
    if actor is None or not actor.may(Permission.CARD_OPEN):
        return None
    return {
        "half": _half(request, actor),
        "agency": actor.agency_id,
        "user": actor.user_id,
        "standing": getattr(agency, "key_state", ""),
        "waiting": getattr(agency, "keys_waiting", 0),
        "scripts": [(name, vault_files.digests()[f"vault/{name}"]) for name in VAULT_SCRIPTS],
        "import_map": vault_files.import_map(settings.STATIC_URL),
    }


def _half(request: HttpRequest, actor: Actor) -> str:
    """The session's half, which stands in the session under the agency's key: in the clear, a copy of the
    database and a stolen tab's box would open the cards. One that does not open here is made anew."""
    where: dict[str, Any] = {
        "agency": actor.agency_id,
        "place": "session.vault_half",
        "row": f"{actor.user_id} {request.session.get('started', '')}",
    }
    with suppress(KeyError, TypeError, binascii.Error, vault.VaultError):
        return vault.unseal(base64.b64decode(request.session["vault_half"]), **where)
    half = secrets.token_urlsafe(32)
    with suppress(vault.VaultError):  # an agency whose key is lost: no tab stays open to the next page
        request.session["vault_half"] = base64.b64encode(vault.seal(half, **where)).decode()
    return half


def _held(actor: Callable[[], Actor | None], permission: Permission) -> Callable[[], bool]:
    return lambda: (found := actor()) is not None and found.may(permission)


def _agency(actor: Actor | None) -> Agency | None:
    """The actor's agency; inside a door with `cardkeys.with_standing`, in one query either way."""
    if actor is None:
        return None
    found = Agency.objects.filter(pk=actor.agency_id).only("name")
    if actor.may(Permission.CARD_OPEN):
        with suppress(ScopeError):  # a page outside the doors, where nothing of an agency is read
            found = cardkeys.with_standing(found)
    return found.get()


def _role_line(actor: Actor | None) -> str:
    return (
        ""
        if actor is None
        else ", ".join(str(role.title) for role in ROLES.values() if role.name in actor.roles)
    )
