"""A real Chromium: found by name, started without company, and listened to; what every page must be like.

Which pages there are stands in places.py, who presses which keys in keyboard.py.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, Request, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = f"NO CHROMIUM FOUND ({', '.join(NAMES)}): what a browser must show WAS NOT TESTED"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
WIDTHS = (1280, 320)
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# A list that grows would make "0 violations" unreadable, so each fault shows its first three places.
ASK_AXE = """async (rules) => (await axe.run(document, {runOnly: rules, resultTypes: ["violations"]})).violations
    .map((one) => `${one.id}: ` + one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join("  |  "))"""
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}")


def found() -> str | None:
    """The path of a Chromium on this machine, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def launch(kind: BrowserType) -> Browser:
    return kind.launch(executable_path=found(), args=list(FLAGS))


def must_be_here() -> None:
    """Skip the test where there is no Chromium; fail where nothing may be skipped."""
    if not found():
        (pytest.fail if os.environ.get("CASEHUB_NO_SKIPS") == "1" else pytest.skip)(MISSING)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A started browser. Meanwhile the test may use the database, too."""
    must_be_here()
    # Playwright keeps its loop in a greenlet of this thread, which Django takes for asynchronous code.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        with sync_playwright() as playwright:
            opened = launch(playwright.chromium)
            yield opened
            opened.close()
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        else:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@dataclass
class Heard:
    """What a context's pages complained of, and what they asked of anyone but the hub."""

    home: str
    complaints: list[str] = field(default_factory=list)

    def listen(self, context: BrowserContext) -> BrowserContext:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        context.on("request", self._request)
        return context

    def _console(self, line) -> None:
        # That an error page came with its status is what was asked for; a part of a page that fails is not.
        is_the_page = line.page is not None and line.location["url"] == line.page.url
        if line.type in ("error", "warning") and not (is_the_page and "Failed to load resource" in line.text):
            self.complaints.append(f"console: {line.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.home + "/", "data:", "about:")):
            self.complaints.append(f"asked elsewhere: {request.url}")

    def out(self) -> list[str]:
        """All so far, once."""
        said, self.complaints = self.complaints, []
        return said


def faults(page: Page, heard: Heard, *, language: str, secrets: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong with the page at each width, in words; nothing, if all is well.

    `secrets` are words about clients, none of which may stand in the title.
    """
    wrong = []
    if (said := page.get_attribute("html", "lang")) != language:
        wrong.append(f"the language is {said!r}")
    title = page.title()
    if not title.strip(" ·") or IDS.search(title) or any(secret in title for secret in secrets):
        wrong.append(f"the title says {title!r}")
    page.evaluate(AXE)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        if more := page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        ):
            wrong.append(f"{width}: {more} px wider than the window")
        # At its full height, so that what stays in sight over the page covers nothing for axe.
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": height + 200})
        wrong += [f"{width}: {one}" for one in page.evaluate(ASK_AXE, list(RULES))]
    return wrong + heard.out()
