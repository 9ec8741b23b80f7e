"""docker-compose.yml and the settings agree: what it sets is read, what it names is there."""

import re
from pathlib import Path

import yaml

from casehub import embedded

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SETTINGS = (ROOT / "casehub/settings/base.py").read_text()
READ = set(re.findall(r'(?:env\.\w+|secret)\("([A-Z_]+)"', SETTINGS))


def test_every_variable_that_is_set_is_read():
    for name in ("web", "worker", "beat", "migrate"):
        for variable in COMPOSE["services"][name]["environment"]:
            assert variable == "DJANGO_SETTINGS_MODULE" or variable.removesuffix("_FILE") in READ, variable


def test_every_secret_that_is_used_is_declared():
    for service in COMPOSE["services"].values():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])


def test_only_the_migration_has_the_owners_credentials():
    having = [
        name
        for name, service in COMPOSE["services"].items()
        if "owner_database_url" in service.get("secrets", [])
    ]
    assert having == ["migrate"]


def test_only_loopback_is_published():
    for service in COMPOSE["services"].values():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_databases_log_is_as_silent_as_the_embedded_one():
    said = set(COMPOSE["services"]["postgres"]["command"])
    for name in ("log_min_messages", "log_min_error_statement", "log_error_verbosity"):
        assert f"{name}={embedded.POSTGRES_SETTINGS[name]}" in said


def test_every_service_that_stays_up_is_watched_or_restarted():
    for name, service in COMPOSE["services"].items():
        assert name == "migrate" or service["restart"] == "unless-stopped"
    assert all("healthcheck" in COMPOSE["services"][name] for name in ("postgres", "valkey", "web"))
