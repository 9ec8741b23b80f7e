"""For tests: the embedded server, connected as casehub_app; `owner` makes and flushes the test database."""

import atexit
import os
import shutil
import tempfile

from casehub.settings.dev import *  # noqa: F403
from casehub.settings.dev import DATABASES, _data

_slot = os.environ.get("CASEHUB_TEST_SLOT", "")
_name = "test_casehub" + (f"_{_slot.lower()}" if _slot else "")
for _alias, _settings in DATABASES.items():
    _settings["TEST"] = {"NAME": _name, "MIRROR": "owner" if _alias == "default" else None}
    _settings["CONN_MAX_AGE"] = 0
    _settings["OPTIONS"] = {"options": "-c synchronous_commit=off"}

SECRET_KEY = "only-for-tests-" * 5
CASEHUB_KEYS = tempfile.mkdtemp(prefix="casehub-test-keys-")
atexit.register(shutil.rmtree, CASEHUB_KEYS, ignore_errors=True)
INBOX = _data / "test-inbox"
STATIC_ROOT = _data / "test-static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns where there is none
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# Argon2 at its real cost takes a quarter second a sign-in, and the tests sign in thousands of times.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
