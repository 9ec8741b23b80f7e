"""Someone at a keyboard: no mouse, nothing found but by Tab and by name, every key counted.

The one-time codes come from the account's own secret, as the authenticator app would make them.
"""

import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from playwright.sync_api import Download, Page

from agencies.models import User
from tests.world import PASSWORD

# What a screen reader would call the element that has focus.
NAME = """() => {
  const here = document.activeElement;
  if (!here || here === document.body) return "";
  const labels = here.labels && here.labels.length ? [...here.labels].map((one) => one.textContent).join(" ") : "";
  const said = here.getAttribute("aria-label") || labels || here.textContent || here.value || "";
  return said.replace(/\\s+/g, " ").trim();
}"""
FURTHEST = 200


def code_of(secret: str, step: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


def secret_of(user: User) -> str:
    return decrypt(Authenticator.objects.get(user=user, type="totp").data["secret"])


class Keyboard:
    """Keys pressed on a page. `pressed` counts all but the letters of a text that someone types."""

    def __init__(self, page: Page, home: str) -> None:
        self.page, self.home, self.pressed = page, home, 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed += 1

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def to(self, name: str, *, back: bool = False) -> None:
        """Tab until what has focus is called so, or begins with these words. Fails after the way around."""
        passed = []
        for _step in range(FURTHEST):
            self.press("Shift+Tab" if back else "Tab")
            here = self.page.evaluate(NAME)
            if here.startswith(name) and not here[len(name) : len(name) + 1].islower():
                return
            passed.append(here[:40])
        raise AssertionError(f"no way to {name!r} by Tab on {self.page.url}; passed {passed}")

    def on(self, *keys: str) -> None:
        """Press keys that lead to another page, and wait for it."""
        with self.page.expect_navigation():
            self.press(*keys)

    def follow(self, name: str, *, back: bool = False) -> None:
        """Tab to a link or button and press it, onto the next page."""
        self.to(name, back=back)
        self.on("Enter")

    def fill(self, name: str, text: str) -> None:
        self.to(name)
        self.type(text)

    def choose(self, name: str, option: str) -> None:
        """Tab to a list and type the beginning of one of its options."""
        self.to(name)
        self.type(option)

    def download(self, name: str) -> Download:
        self.to(name)
        with self.page.expect_download() as waiting:
            self.press("Enter")
        return waiting.value

    def go(self, path: str) -> int:
        """Type an address."""
        answer = self.page.goto(self.home + path)
        assert answer is not None
        return answer.status

    def sign_in(self, user: User, *, step: int = 0, password: str = PASSWORD) -> None:
        """Password and, where the account has one, the one-time code; `step` takes a later one."""
        self.go("/account/login/")
        self.fill("Email", user.email)
        self.fill("Password", password)
        self.on("Enter")
        if Authenticator.objects.filter(user=user, type="totp").exists():
            self.fill("Code", code_of(secret_of(user), step))
            self.on("Enter")

    def says(self, text: str) -> bool:
        return text in self.page.inner_text("main")

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.home)


def small_sheet() -> dict[str, Any]:
    """A caseload that a data lead keeps, as a file to be chosen."""
    text = "Case #,Sex,County,Intake Date,Services\nHL-001,F,Alder,2025-01-10,Shelter\nHL-002,M,Birch,2025-02-11,\n"
    return {"name": "caseload.csv", "mimeType": "text/csv", "buffer": text.encode()}
