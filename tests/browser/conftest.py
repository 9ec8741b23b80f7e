"""What every test in a browser may use."""

import pytest

from tests.browser.chromium import MISSING, chromium, found


@pytest.fixture
def browser():
    """A Chromium of this test's own."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def own_inbox(settings, tmp_path):
    """Uploads of this test wait in its own folder."""
    settings.INBOX = tmp_path / "inbox"


def pytest_terminal_summary(terminalreporter):
    """A skipped test is a dot among hundreds; this is the last line."""
    if not found():
        terminalreporter.write_line(MISSING, red=True, bold=True)
