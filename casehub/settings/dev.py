"""For a laptop and the demo: embedded PostgreSQL and Valkey unless DATABASE_URL says otherwise.

Secrets are made once in the data folder. Served on localhost only; never use it for a real network.
"""

import os
import secrets

from casehub import embedded
from casehub.settings.base import *  # noqa: F403
from casehub.settings.base import DATABASE_URL, DEMO, database

# The demo has a database, keys and a broker number of its own: an invented network never meets a real one.
_BROKER_NUMBERS = {"": 0, "small": 1, "medium": 2, "large": 3}

if not DATABASE_URL:
    _servers = embedded.start()
    DATABASES = {
        "default": database(_servers.database_url),
        "owner": database(_servers.owner_database_url),
    }
    if DEMO:
        for _one in DATABASES.values():
            _one["NAME"] = f"casehub_demo_{DEMO}"
    CELERY_BROKER_URL = f"{_servers.broker_url.rpartition('/')[0]}/{_BROKER_NUMBERS[DEMO]}"
    CACHES = {
        "default": {
            "BACKEND": "casehub.cache.Counts",
            "LOCATION": CELERY_BROKER_URL,
            "KEY_PREFIX": "casehub",
        }
    }
_data = embedded.data_dir()
if DATABASE_URL:
    _data.mkdir(mode=0o700, parents=True, exist_ok=True)
if DEMO:
    _data = _data / f"demo-{DEMO}"
    _data.mkdir(mode=0o700, exist_ok=True)
DATA = _data


def _kept_secret() -> str:
    path = _data / "django-secret"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(50))
    return path.read_text()


SECRET_KEY = _kept_secret()
CASEHUB_KEYS = str(_data / "keys")
INBOX = _data / "inbox"
STATIC_ROOT = _data / "static"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
if DEMO:
    HUB_NAME = "Three Rivers network"
IS_LAPTOP = True
