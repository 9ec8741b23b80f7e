"""The look's own laws: vendored files are what they were, nothing comes from elsewhere, pages fit the policy.

What pages say and do belongs to the tests of their doors; here stand sheet, scripts and templates.
"""

import functools
import hashlib
import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django import forms
from django.template.loader import get_template, render_to_string
from django.test import RequestFactory
from django.utils.html import escape

CASEHUB = Path(__file__).resolve().parents[2] / "casehub"
STATIC = CASEHUB / "static"
TEMPLATES = sorted((CASEHUB / "templates").rglob("*.html"))
OURS = STATIC / "casehub"


def listed(vendor: Path) -> dict[str, str]:
    rows = re.findall(r"^\| (\S+) \| ([0-9a-f]{64}) \|$", (vendor / "VENDOR.md").read_text(), re.M)
    return dict(rows)


def found(vendor: Path) -> dict[str, str]:
    files = (path for path in vendor.rglob("*") if path.is_file() and path.name != "VENDOR.md")
    return {str(p.relative_to(vendor)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_every_vendored_file_is_listed_with_its_digest():
    assert found(STATIC / "vendor") == listed(STATIC / "vendor")


@pytest.mark.parametrize("damage", ["a changed byte", "an extra file", "a missing file"])
def test_the_list_notices(tmp_path, damage):
    vendor = tmp_path / "vendor"
    shutil.copytree(STATIC / "vendor", vendor)
    htmx = vendor / "htmx" / "htmx.min.js"
    if damage == "a changed byte":
        htmx.write_bytes(htmx.read_bytes() + b" ")
    elif damage == "an extra file":
        (vendor / "more.js").write_text("")
    else:
        htmx.unlink()
    assert found(vendor) != listed(vendor)


@pytest.mark.parametrize("sheet", sorted(STATIC.rglob("*.css")), ids=lambda path: path.name)
def test_a_sheet_names_only_files_that_are_there(sheet):
    css = sheet.read_text()
    named = [url.strip("\"'") for url in re.findall(r"url\(([^)]+)\)", css)]
    missing = [url for url in named if not url.startswith("#") and not (sheet.parent / url).is_file()]
    assert not missing
    assert "sourceMappingURL" not in css
    assert "@import" not in css


@pytest.mark.parametrize("path", sorted(OURS.glob("*.js")), ids=lambda path: path.name)
def test_a_script_asks_nothing_of_others_and_keeps_nothing(path):
    # Wiping what the vault keeps for a tab is no keeping.
    text = re.sub(r"sessionStorage\.(clear\(\)|removeItem\()", "", path.read_text())
    found = re.findall(
        r"https?://|\beval\(|Function\(|innerHTML|localStorage|sessionStorage|\bimport\b", text
    )
    assert not found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(CASEHUB / "templates")))
def test_a_template_fits_the_policy(path):
    text = path.read_text()
    get_template(str(path.relative_to(CASEHUB / "templates")))
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|hx-on|javascript:", text)
    for opening in re.findall(r"<script[^>]*>", text):
        # The vault's import map holds digests only; the policy lets in exactly this one.
        assert " src=" in opening or (opening == '<script type="importmap">' and path.name == "base.html")
    assert not re.search(r"(src|href)=[\"'](https?:)?//", text)
    assert not re.search(r"victim", text, re.I)


def test_htmx_may_not_evaluate_nor_keep_pages():
    text = (CASEHUB / "templates" / "base.html").read_text()
    for rule in ('"allowEval": false', '"allowScriptTags": false', '"includeIndicatorStyles": false'):
        assert rule in text
    assert '"historyCacheSize": 0' in text
    assert '"historyEnabled": false' in text


def test_forms_arrive_with_an_origin(settings):
    """Under "no-referrer" a browser posts "Origin: null", and Django refuses every form."""
    assert settings.SECURE_REFERRER_POLICY == "same-origin"


@pytest.mark.parametrize("page", ["400", "403", "403_csrf", "404", "500"])
def test_an_error_page_says_the_same_to_everybody(page):
    first, second = (
        render_to_string(f"{page}.html", {}, RequestFactory().get(p)) for p in ("/a/1/", "/b/2/")
    )
    assert first == second
    assert "csrf" not in first
    assert "Quick exit" in first


class Question(forms.Form):
    own_code = forms.CharField(label="Code <b>", help_text="Not a name")
    kind = forms.ChoiceField(widget=forms.RadioSelect, choices=[("a", "A"), ("b", "B")])
    sure = forms.BooleanField(required=False, help_text="Ask again")


def test_a_form_binds_label_hint_and_error_to_the_control():
    html = str(Question({"kind": "z"}))
    assert 'class="usa-input"' in html
    assert 'for="id_own_code"' in html
    assert 'aria-describedby="id_own_code_helptext id_own_code_error"' in html
    assert 'id="id_own_code_helptext"' in html
    assert 'id="id_own_code_error"' in html
    assert '<fieldset class="usa-fieldset field wrongfield" aria-describedby="id_kind_error">' in html
    assert 'class="usa-radio__input"' in html
    assert 'href="#id_own_code"' in html
    assert "data-error-summary" in html
    assert escape("Code <b>") in html


def test_tiles_wear_their_keys_only_when_keys_are_on():
    field = Question({"kind": "b"})["kind"]
    for keys_on in (True, False):
        html = render_to_string("components/tiles.html", {"field": field, "keys_on": keys_on})
        assert ("aria-keyshortcuts" in html) is keys_on
        assert re.search(r'value="b" id="id_kind_1" checked', html)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


READ_ON = {
    "paper": "ink ink-2 accent accent-dark soon danger",
    "wash": "ink ink-2 accent accent-dark",
    "accent-wash": "ink ink-2 accent accent-dark",
    "soon-wash": "ink soon",
    "danger-wash": "ink danger",
    "accent-bar": "paper accent-pale",
}
TEXT = [(front, back, 4.5) for back, fronts in READ_ON.items() for front in fronts.split()]
SHAPES = [("edge", "paper", 3), ("accent-mid", "paper", 3), ("accent-mid", "accent-bar", 3)]


@pytest.mark.parametrize(("front", "back", "least"), TEXT + SHAPES)
def test_colours_that_meet_can_be_told_apart(front, back, least):
    tokens = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", (OURS / "casehub.css").read_text()))
    assert contrast(tokens[front], tokens[back]) >= least


# In a real browser, without the server: what the scripts promise.

PAGE = """<!doctype html>
<html lang="en" data-exit="/gone.html" data-leave="/leave/" {root}><head><title>Day</title>
<link rel="stylesheet" href="/casehub/casehub.css"><script src="/casehub/leave.js"></script>
<script type="module" src="/casehub/keys.js"></script><script type="module" src="/casehub/drafts.js"></script>
<script type="module" src="/casehub/lock.js"></script>
<script type="module" src="/casehub/page.js"></script></head>
<body><a data-leave href="/gone.html">Quick exit</a><main><p id="shown">KH-2214</p>
<a href="#there" aria-keyshortcuts="n">New</a>
<form id="f" data-draft="/draft/" data-submit-keys action="/sent/" method="post"><input id="t" name="t">
<input type="password" name="secret" value="hush">
<label><input type="checkbox" id="c" name="c" aria-keyshortcuts="s">S</label>
<p data-draft-status data-kept="Kept" data-failed="Not kept"></p>
<button type="submit">Done</button></form></main>
<form id="lock" method="post" action="/lock/"></form>
<dialog id="idle" class="dialog"><form method="dialog"><strong data-locks-at></strong>
<button>Stay</button></form></dialog>
</body></html>"""


class Site(http.server.SimpleHTTPRequestHandler):
    """Our static files, one page, and a memory of what was posted."""

    def do_GET(self) -> None:
        root = self.server.root  # type: ignore[attr-defined]
        texts = {"/page.html": PAGE.format(root=root), "/gone.html": "<title>Weather</title>sunny"}
        if self.path not in texts:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'"
        policy += "; connect-src 'self'"
        self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(texts[self.path].encode())
        return None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.posted.append((self.path, body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Site, directory=str(STATIC)))
    server.posted, server.root = [], 'data-keys="on"'  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def browser() -> Iterator[object]:
    from tests.browser.chromium import chromium

    with chromium() as opened:
        yield opened


def visit(site, browser):
    page = browser.new_page()
    page.clock.install()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda line: page.problems.append(line.text) if "Policy" in line.text else None)
    page.goto(f"http://127.0.0.1:{site.server_port}/page.html")
    return page


def soon(page, truth) -> bool:
    for _ in range(40):
        if truth():
            return True
        page.wait_for_timeout(50)
    return False


@pytest.mark.browser
@pytest.mark.parametrize("way", ["button", "escape"])
def test_quick_exit_leaves_every_tab_and_no_way_back(site, browser, way):
    context = browser.new_context()
    first, second = visit(site, context), visit(site, context)
    if way == "button":
        first.click("a[data-leave]")
    else:
        first.focus("#t")
        for _ in range(3):
            first.keyboard.press("Escape")
    first.wait_for_url("**/gone.html")
    second.wait_for_url("**/gone.html")
    assert soon(first, lambda: ("/leave/", "") in site.posted)
    first.go_back()
    assert "KH-2214" not in first.content()


@pytest.mark.browser
def test_two_escapes_are_not_an_exit(site, browser):
    page = visit(site, browser)
    for key in ("Escape", "Escape", "a", "Escape"):
        page.keyboard.press(key)
    assert page.url.endswith("/page.html")
    assert not page.problems


@pytest.mark.browser
def test_keys_rest_in_text_fields_and_when_turned_off(site, browser):
    page = visit(site, browser)
    page.keyboard.press("s")
    assert page.is_checked("#c")
    page.focus("#t")
    page.keyboard.press("n")
    assert page.input_value("#t") == "n"
    assert not page.url.endswith("#there")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("n")
    assert soon(page, lambda: page.url.endswith("#there"))
    site.root = 'data-keys="off"'
    page = visit(site, browser)
    page.keyboard.press("s")
    assert not page.is_checked("#c")


@pytest.mark.browser
def test_what_is_typed_is_kept_without_passwords_and_sent_by_ctrl_enter(site, browser):
    page = visit(site, browser)
    page.fill("#t", "bus pass")
    page.clock.run_for(1100)
    assert soon(page, lambda: any(path == "/draft/" for path, _ in site.posted))
    body = dict(site.posted)["/draft/"]
    assert "bus pass" in body
    assert "hush" not in body
    page.wait_for_function("document.querySelector('[data-draft-status]').textContent.startsWith('Kept')")
    page.focus("#t")
    page.keyboard.press("Control+Enter")
    assert soon(page, lambda: any(path == "/sent/" for path, _ in site.posted))


@pytest.mark.browser
def test_an_idle_page_warns_then_goes_blank_and_locks(site, browser):
    site.root = 'data-keys="on" data-idle="900"'
    page = visit(site, browser)
    page.clock.run_for(12 * 60_000)
    assert not page.is_visible("#idle")
    page.clock.run_for(70_000)
    assert page.is_visible("#idle")
    page.click("#idle button")
    assert soon(page, lambda: not page.is_visible("#idle"))
    page.clock.run_for(12 * 60_000)
    assert not page.is_visible("#idle")
    page.clock.run_for(4 * 60_000)
    assert soon(page, lambda: any(path == "/lock/" for path, _ in site.posted))
    assert not page.problems
