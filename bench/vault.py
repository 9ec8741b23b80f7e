"""What a list of contact cards costs in Chromium, beside JSON.parse alone on the same cards lying open."""

from bench import figures
from tests.browser.chromium import chromium
from tests.browser.vault_site import vault_site

CARDS, ROUNDS = 5_000, 7


def run(report: figures.Report) -> None:
    """Adds the figures of all cards opened, of one, of a search and of a check for who is here, in ms."""
    with vault_site() as site, chromium() as browser:
        page = browser.new_page()
        page.goto(f"{site}/?vault_core.js")
        found = page.evaluate("([cards, rounds]) => times(cards, rounds)", [CARDS, ROUNDS])
    parsed = min(found["parse"])
    for what, name, bare, goal in (
        (f"{CARDS:,} cards opened and searchable", "all", parsed, 1000.0),
        ("one card opened", "one", parsed / CARDS, 50.0),
        (f"one search over {CARDS:,}", "search", None, None),
        (f"who of {CARDS:,} is here already", "likely", None, None),
    ):
        report.add(figures.Figure(f"{what} (Chromium)", "ms", found[name], bare=bare, goal=goal))
    report.note(
        f"A card is {found['bytes'] / CARDS:,.0f} bytes, sealed; bare is JSON.parse of the same in the clear."
    )
