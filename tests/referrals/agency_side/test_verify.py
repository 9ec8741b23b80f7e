"""`verify-hub` against a small hub on this machine: the published scripts pass, each way to differ is said."""

import base64
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

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
SERVED = {
    "/static/vault/box.js": BOX,
    "/static/vault/keys.js": KEYS,
    "/static/casehub/leave.js": b"1;",
    LEAVE: b"1;",
    "/account/login/": PAGE.encode(),
}


@contextmanager
def hub(served: dict[str, bytes], moved: str = "") -> Iterator[str]:
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
            self.send_response(200)
            self.end_headers()
            self.wfile.write(served[self.path])

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
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
