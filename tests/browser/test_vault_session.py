"""What session.js holds against a hub that lies and tabs that ask, and that each of its guards is missed when it is
taken out. Whole pages against a real hub: test_vault_keys.py."""

from contextlib import contextmanager

import pytest

from tests.browser.chromium import chromium
from tests.browser.vault_site import Sabotage, vault_site

pytestmark = pytest.mark.browser
# Starts session.js in a tab that holds this box, under this half: whether it is open, and what is left of the box.
START = """async ([half, box]) => {
    Object.assign(document.documentElement.dataset, {vaultAgency: "7", vaultUser: "3", vaultHalf: half});
    sessionStorage.setItem("casehub-vault", box);
    const session = await import("/static/vault/session.js");
    return [Boolean(await session.opened()), Boolean(sessionStorage.getItem("casehub-vault"))];
}"""


@pytest.fixture(scope="module")
def browser():
    """One for all: nothing here leaves a trace in it."""
    with chromium() as opened:
        yield opened


@contextmanager
def laws(browser, sabotage: Sabotage | None = None):
    with vault_site(sabotage) as site:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{site}/?vault_session.js")
        page.wait_for_selector("html[data-vault-half]", state="attached")
        for _try in range(200):
            if page.evaluate("Boolean(window.half)"):
                break
            page.wait_for_timeout(50)
        yield site, page
        context.close()


def test_every_law_holds(browser):
    with laws(browser) as (_site, page):
        assert page.evaluate("laws()") == []


@pytest.mark.parametrize(
    ("law", "guard", "sabotaged"),
    [
        ("no key is believed from a stranger", "if (strangers.length)", "if (false)"),
        ("no key is believed from a stranger", "(sender) => !known.has(sender)", "() => false"),
        ("a stranger is believed once the code was compared, and shown with the right code",
         "holder: user, publicKey });\n      return", "holder: whose.user, publicKey });\n      return"),
        ("a key older than one that was seen is refused", "if (newest < trust.version)", "if (false)"),
        ("without the newest key nothing opens", "throw new Newer()", "state.version = 1"),
        ("who waits is told so", 'throw new NoKey("waiting")', ""),
        ("who has no key is told so", 'if (state.state === "nothing" || !state.me)', "if (false)"),
        ("a book that does not name the reader is refused", 'throw new Shut("book")', ""),
        ("whom the book names is noted, so that the next key is believed only from them",
         "if (!same) await", "if (false) await"),
        ("another passphrase opens nothing", "throw new Wrong();\n}\n\nasync function byPasskey",
         "}\n\nasync function byPasskey"),
        ("the private key is wiped once it was used", "    privateBytes.fill(0);", ""),
        ("what lies in the tab opens with the session's half only", "setItem(BOX, toBase64url(box))",
         "setItem(BOX, JSON.stringify(keys.map(({ key }) => toBase64url(key))))"),
        ("locking wipes the keys, the tab, and tells the others", "channel?.postMessage({ locked: true });", ""),
        ("locking wipes the keys, the tab, and tells the others", "  sessionStorage.removeItem(BOX);", ""),
        ("locking wipes the keys, the tab, and tells the others", "  sessionStorage.removeItem(SEEN);", ""),
        ("locking wipes the keys, the tab, and tells the others",
         "for (const { key } of now?.keys ?? []) key.fill(0);\n  now = null;\n}\n\nfunction tell",
         "now = null;\n}\n\nfunction tell"),
        ("another tab's lock is this one's", "if (data?.locked) forget();", ""),
        ("the session's own lock is the vault's", 'if (event.target.id === "lock") lock();', ""),
        ("an open tab lends its box, a locked one nothing", "data?.ask && now &&", "data?.ask &&"),
        ("an open tab lends its box, a locked one nothing", "if (box) channel.postMessage({ box });", ""),
        ("a page that is left holds no key",
         'window.addEventListener("pagehide", () => {\n  for (const { key } of now?.keys ?? []) key.fill(0);',
         'window.addEventListener("pagehide", () => {'),
        ("a card older than one that was seen is refused", "if (revision < (marks[client] ?? 0))", "if (false)"),
        ("what the hub refuses is no answer", "if (!response.ok) throw", "if (false) throw"),
        ("an act is sent again only after the person proved who they are, and once",
         ' || !(await proves())) throw error', ") throw error"),
    ],
)  # fmt: skip
def test_a_guard_that_is_taken_out_is_missed(browser, law, guard, sabotaged):
    with laws(browser, {"session.js": [(guard, sabotaged)]}) as (_site, page):
        assert page.evaluate("law => laws([law])", law) == [law]


LIES = {
    "another session's half": {"half": True},
    "another person's": {"where": {"user": "4"}},
    "another agency's": {"where": {"agency": "8"}},
    "another format": {"says": {"v": 2}},
}


def start(page, site, lie):
    box = page.evaluate("lie => boxFor(lie)", lie)
    tab = page.context.new_page()
    tab.goto(f"{site}/")
    found = tab.evaluate(START, [page.evaluate("half"), box])
    tab.close()
    return found


def test_a_tab_opens_the_box_of_its_own_session_and_person(browser):
    with laws(browser) as (site, page):
        assert start(page, site, {}) == [True, True]


@pytest.mark.parametrize("lie", LIES)
def test_a_box_that_is_not_this_sessions_and_persons_is_thrown_away(browser, lie):
    with laws(browser) as (site, page):
        assert start(page, site, LIES[lie]) == [False, False]


@pytest.mark.parametrize(
    ("lie", "guard", "sabotaged"),
    [
        ("another format", 'if (v !== 1) throw new Shut("tab");', ""),
        ("another session's half", "wipe(); // sealed under another session's half", ""),
    ],
)
def test_a_guard_of_the_box_that_is_taken_out_is_missed(browser, lie, guard, sabotaged):
    with laws(browser, {"session.js": [(guard, sabotaged)]}) as (site, page):
        assert start(page, site, LIES[lie]) != [False, False]
