"""What every test in a browser may use; without a Chromium they are skipped, and say so where nobody can miss it."""

import os
import sys

import pytest

from tests.browser.chromium import NAMES, chromium, found


@pytest.fixture
def browser():
    """A Chromium of this test's own."""
    if not found():
        missing = f"NO CHROMIUM FOUND ({', '.join(NAMES)}): what a browser must show WAS NOT TESTED"
        if os.environ.get("CASEHUB_NO_SKIPS") == "1":
            pytest.fail(missing)
        print(f"\n*** {missing} ***", file=sys.__stderr__)
        pytest.skip(missing)
    with chromium() as opened:
        yield opened


@pytest.fixture
def own_inbox(settings, tmp_path):
    """Uploads of this test wait in its own folder."""
    settings.INBOX = tmp_path / "inbox"
