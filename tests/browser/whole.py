"""A whole Chromium with a profile on a disk, that can be killed like a power cut; and a wire to the hub on which
every byte is kept. For drills that ask what a browser leaves behind and what it sends.
"""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Playwright, sync_playwright

from tests.browser.chromium import FLAGS, found, must_be_here


class Chromium:
    """Started with begin(), which gives its one context; ended with end() or kill(). The profile stays."""

    def __init__(self, playwright: Playwright, profile: Path) -> None:
        self._playwright, self.profile = playwright, profile
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> BrowserContext:
        says = self.profile / "DevToolsActivePort"
        says.unlink(missing_ok=True)
        # What does not go to the hub goes nowhere, so the wire sees all that is sent.
        self._process = subprocess.Popen(
            [found(), "--headless=new", *FLAGS, "--no-first-run", f"--user-data-dir={self.profile}",
             "--remote-debugging-port=0", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost",
             "--window-size=1280,900", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        end = time.monotonic() + 30
        while not (says.exists() and says.read_text().count("\n")):
            assert time.monotonic() < end and self._process.poll() is None, "Chromium did not start"
            time.sleep(0.05)
        port = says.read_text().split("\n")[0]
        self._browser = self._playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        return self._browser.contexts[0]

    def kill(self) -> None:
        """All of its processes at once, with -9."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def end(self) -> None:
        """As a person closes it, so that it writes all that it ever would."""
        assert self._process is not None
        with suppress(Exception):
            self._browser.new_browser_cdp_session().send("Browser.close")
        self._process.wait(timeout=30)
        self._process = None


@contextmanager
def chromium_on_disk(*profiles: Path) -> Iterator[list[Chromium]]:
    """One for each profile, for the time of the block. Meanwhile the test may use the database, too."""
    must_be_here()
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps its loop in a greenlet of this thread, which Django takes for asynchronous code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        each = [Chromium(playwright, profile) for profile in profiles]
        try:
            yield each
        finally:
            for one in each:
                one.kill()
                shutil.rmtree(one.profile, ignore_errors=True)


class Wire:
    """A port that leads to another one. Each connection's bytes lie in `folder`: sent in *.up, answered in *.down."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._hub = folder, port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._carried: list[tuple[threading.Thread, socket.socket, socket.socket]] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                there = socket.create_connection(("127.0.0.1", self._hub))
                name = self._folder / f"{len(self._carried):05}"
                carrying = threading.Thread(target=self._carry, args=(here, there, name), daemon=True)
                self._carried.append((carrying, here, there))
                carrying.start()

    def _carry(self, here: socket.socket, there: socket.socket, name: Path) -> None:
        with here, there:
            down = threading.Thread(
                target=self._pump, args=(there, here, name.with_suffix(".down")), daemon=True
            )
            down.start()
            self._pump(here, there, name.with_suffix(".up"))
            down.join()

    @staticmethod
    def _pump(one: socket.socket, other: socket.socket, path: Path) -> None:
        with path.open("ab") as kept, suppress(OSError):
            while some := one.recv(65_536):
                kept.write(some)
                kept.flush()
                other.sendall(some)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Take no more, and end what is open."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join()
        for carrying, here, there in self._carried:
            for end in (here, there):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            carrying.join()

    def sent(self) -> bytes:
        """All that went to the hub so far."""
        return b"\n".join(path.read_bytes() for path in sorted(self._folder.glob("*.up")))
