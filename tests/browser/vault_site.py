"""The vault's modules on localhost under a policy as strict as the hub's, for tests and the bench; no hub behind it."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "casehub" / "static"
HERE = Path(__file__).resolve().parent
Sabotage = dict[str, list[tuple[str, str]]]
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


class _Files(http.server.BaseHTTPRequestHandler):
    """casehub/static under /static/, the scripts beside this file under /checks/, else one empty page."""

    def do_GET(self) -> None:
        kind, body = "text/html; charset=utf-8", b"<!doctype html><title>Vault</title>"
        path, _, script = self.path.partition("?")
        if path.endswith(".js"):
            beside = path.startswith("/checks/")
            file = HERE / Path(path).name if beside else STATIC / path.removeprefix("/static/")
            if not file.is_file():
                self.send_error(404)
                return
            text = file.read_text()
            for old, new in self.server.sabotage.get(file.name, ()):  # type: ignore[attr-defined]
                assert old in text
                text = text.replace(old, new)
            kind, body = "text/javascript; charset=utf-8", text.encode()
        elif script:
            body += f'<script type="module" src="/checks/{script}"></script>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def vault_site(sabotage: Sabotage | None = None) -> Iterator[str]:
    """Its address. The host is localhost, since no passkey belongs to an IP address.

    `sabotage`: what is replaced in which file, so that a guard can be seen to be missed.
    """
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    server.sabotage = sabotage or {}  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def checks_page(browser: Browser, script: str, sabotage: Sabotage | None = None) -> Iterator[Page]:
    """A page of that site on which `script`, which lies beside this file, has put its `checks`.

    When it is left, nothing may have been said on the console.
    """
    with vault_site(sabotage) as site:
        page = browser.new_page()
        heard: list[str] = []
        page.on("console", lambda line: heard.append(line.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.goto(f"{site}/?{script}")
        assert page.evaluate("Boolean(window.checks)"), heard
        yield page
        assert not heard
        page.close()
