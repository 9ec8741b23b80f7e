"""The vault's scripts: what is published is what lies here, and what a page may load."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from django.conf import settings as hub_settings

from casehub import vault_files
from referrals.agency_side import signin, verify
from referrals.agency_side.cli import main


def test_the_published_digests_are_those_of_the_scripts():
    """Behind: `./dev manage digests`."""
    listed = json.loads(vault_files.PUBLISHED.read_text())
    assert listed == vault_files.published()
    assert (
        listed["format"] == "casehub-scripts/1" and vault_files.measured().items() <= listed["files"].items()
    )


def test_every_script_of_every_page_is_published():
    """A page's other scripts could read what is typed as well as the vault's own."""
    listed = json.loads(vault_files.PUBLISHED.read_text())["files"]
    there = {str(path.relative_to(vault_files.STATIC)) for path in vault_files.STATIC.rglob("*.js")}
    assert there == set(listed)
    named = set()
    for folder in ("casehub", "referrals", "reporting"):
        for page in (vault_files.STATIC.parents[1] / folder / "templates").rglob("*.html"):
            tags = re.findall(r"<script\b[^>]*\bsrc=\"([^\"]+)\"", page.read_text())
            named |= {re.sub(r"{% (?:static '([^']+)'|get_static_prefix) %}", r"\1", tag) for tag in tags}
    assert {name for name in named if "{" not in name} <= set(listed)
    assert "casehub/leave.js" in named and "vault/keyspage.js" in named


def test_a_changed_script_is_noticed(tmp_path, monkeypatch):
    for folder in vault_files.FIXED:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "vault" / "box.js").write_text("export const shut = false;\n")
    before = vault_files.measured()["vault/box.js"]
    monkeypatch.setattr(vault_files, "STATIC", tmp_path)
    assert vault_files.measured()["vault/box.js"] != before


OTHERS = {"../vendor/vault/crypto.js", "../vendor/vault/ristretto.js"}


def test_the_vaults_scripts_import_each_other_only():
    for path in vault_files.measured():
        text = (vault_files.STATIC / path).read_text()
        for module in re.findall(r'\bfrom "([^"]+)"', text):
            if not path.startswith("vendor/"):
                assert module.startswith("./") or module in OTHERS, (path, module)


def test_the_import_map_is_the_only_inline_script_that_may_stand(settings):
    sources = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["script-src"]
    assert vault_files.allowed("static/") in sources
    assert vault_files.allowed("elsewhere/") not in sources
    assert json.loads(vault_files.import_map("static/"))["integrity"].keys() == {
        f"/static/{path}" for path in vault_files.measured()
    }


def test_the_agencys_tool_knows_the_import_map_and_the_sign_in_page(client, world):
    """What it takes for the hub's own; all else it names."""
    listed = json.loads(vault_files.PUBLISHED.read_text())["files"]
    assert verify._published_map(listed) == vault_files.import_map("static/")
    world.person("A")
    for language in ("en", "es"):
        page = client.get("/account/login/", headers={"Accept-Language": language})
        scripts, odd = signin.read_page(page.content.decode())
        assert odd == [] and len(scripts) == 3
        assert (
            verify._lax(page["Content-Security-Policy"], {"'self'", vault_files.allowed("static/")}) is None
        )


def test_the_vaults_scripts_keep_their_names():
    storage = vault_files.Storage()
    assert storage.hashed_name("vault/box.js") == "vault/box.js"


@pytest.fixture
def running():
    """The address of a hub as an agency runs it, in processes of its own."""
    # Below /tmp itself: the database server's account must be able to walk there.
    folder, port = Path(f"/tmp/casehub-verify-test-{os.getpid()}"), "18393"
    outside = {name: value for name, value in os.environ.items() if not name.startswith("CASEHUB_")}
    how = {
        "cwd": hub_settings.ROOT,
        "env": {**outside, "CASEHUB_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "casehub.settings.dev"},
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    hub = subprocess.Popen([sys.executable, "manage.py", "up", "--port", port], **how)
    try:
        url = f"http://localhost:{port}"
        for _try in range(120):
            time.sleep(0.5)
            try:
                urllib.request.urlopen(f"{url}/account/login/", timeout=5).close()
                break
            except OSError:
                assert hub.poll() is None
        yield url
    finally:
        hub.terminate()
        hub.wait(timeout=60)
        subprocess.run([sys.executable, "-m", "casehub.embedded", "stop"], check=False, **how)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_the_agencys_tool_finds_a_running_hub_s_scripts_published(running, tmp_path, capsys):
    assert main(["verify-hub", running, "--digests", str(vault_files.PUBLISHED)]) == 0, capsys.readouterr()
    assert "Not looked at" in capsys.readouterr().out
    listed = json.loads(vault_files.PUBLISHED.read_text())
    listed["files"]["casehub/leave.js"] = listed["files"]["casehub/page.js"]
    (tmp_path / "d.json").write_text(json.dumps(listed))
    assert main(["verify-hub", running, "--digests", str(tmp_path / "d.json")]) == 1
    assert "casehub/leave.js, as the sign-in page loads it, is not the published" in capsys.readouterr().out
