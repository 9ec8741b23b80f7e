"""`python -m tests.browser.vault_vectors` writes tests/vault_vectors.json anew, with new randomness in each box.

Only for a new format: the file as it stands is what older boxes look like. test_vault_core.py checks it.
"""

import json

from tests.browser.chromium import chromium
from tests.browser.vault_site import ROOT, vault_site

VECTORS = ROOT / "tests" / "vault_vectors.json"


def main() -> None:
    with vault_site() as site, chromium() as browser:
        page = browser.new_page()
        page.goto(site)
        made = page.evaluate("async () => (await import('/checks/vault_vectors.js')).vectors()")
    VECTORS.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
