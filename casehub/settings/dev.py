"""For a laptop and the demo: embedded PostgreSQL and Valkey unless DATABASE_URL says otherwise.

Secrets are made once in the data folder. Served on localhost only; never use it for a real network.
"""

import os
import secrets

from casehub import embedded
from casehub.settings.base import *  # noqa: F403
from casehub.settings.base import DATABASE_URL, OWNER_DATABASE_URL, database

_data = embedded.data_dir()
if not DATABASE_URL:
    _servers = embedded.start()
    DATABASES = {
        "default": database(_servers.database_url),
        "owner": database(_servers.owner_database_url),
    }
    CELERY_BROKER_URL = _servers.broker_url
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": CELERY_BROKER_URL,
            "KEY_PREFIX": "casehub",
        }
    }
elif OWNER_DATABASE_URL:
    DATABASES = {"default": database(DATABASE_URL), "owner": database(OWNER_DATABASE_URL)}


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
HUB_NAME = "Three Rivers network"
IS_LAPTOP = True
