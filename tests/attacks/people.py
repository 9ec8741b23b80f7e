"""Everyone who can stand at a door, and a browser for each; a request that leaves nothing behind."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponse
from django.test import Client as Browser

from agencies.models import User
from agencies.roles import ROLES
from tests.world import PASSWORD, World

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
# Whoever comes: somebody not signed in, somebody who works nowhere, one without a second factor, each role.
STRANGERS = ("nobody", "stranger", "no_factor")
PEOPLE = (*STRANGERS, *ROLES)


def browsers(world: World) -> dict[str, Browser]:
    """A browser for each of PEOPLE: the roles of an agency at A, those of the hub's office at HUB."""
    found = {"nobody": Browser()}
    stranger = User.objects.create_user("stranger@nowhere.example", PASSWORD, name="A stranger")
    careless = world.person("A", "supervisor", second_factor=False)
    world._people.pop(("A", "supervisor"))
    User.objects.filter(pk=careless.pk).update(email="careless@a.example")
    for name, user in (("stranger", stranger), ("no_factor", careless)):
        found[name] = Browser()
        found[name].force_login(user, backend=BACKEND)
    for role in ROLES.values():
        found[role.name] = world.browser("HUB" if role.at_hub_office else "A", role.name)
    for browser in found.values():
        browser.raise_request_exception = False
    return found


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """What happens in here is undone: rows, sessions, counted tries."""
    passing = transaction.atomic()
    # Doors refuse to open inside a transaction; this one stands for the test's own.
    passing._from_testcase = True
    with passing:
        yield
        transaction.set_rollback(True)
    cache.clear()


def ask(browser: Browser, method: str, path: str, data: Any = None, **options: Any) -> HttpResponse:
    """One request whose effects are undone; a crash is an answer too."""
    cookies = browser.cookies.copy()
    with leaving_nothing():
        answer: HttpResponse = getattr(browser, method)(path, data, **options)
        if answer.streaming:
            answer.content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    browser.cookies = cookies
    return answer


def said(answer: HttpResponse, ids: dict[str, str]) -> tuple[int, str, tuple[tuple[str, str], ...]]:
    """Status, body and headers of an answer, without tokens made at random and without the ids asked for."""

    def plain(text: str) -> str:
        for one in ids.values():
            text = text.replace(one, "ID")
        text = re.sub(r'(name="csrfmiddlewaretoken" value=")[^"]*', r"\1", text)
        return re.sub(r"(csrftoken=|X-CSRFToken&quot;: &quot;|\"X-CSRFToken\": \")[\w-]+", r"\1", text)

    headers = tuple(sorted((name, plain(value)) for name, value in answer.headers.items()))
    return answer.status_code, plain(answer.content.decode(errors="replace")), headers


def in_words(answer: HttpResponse) -> str:
    """A status as the matrix writes it: `in` asks to sign in, `2fa` for a second factor."""
    if answer.status_code == 302:
        to = answer.headers["Location"]
        if to.startswith(("/account/login/", "/admin/login/")):
            return "in"
        if to.startswith("/account/2fa/totp/activate/"):
            return "2fa"
    return str(answer.status_code)
