"""What every installation shares. Each environment variable of the hub is read here and nowhere else.

`dev` adds the embedded servers, `test` the owner's connection that makes test databases, `prod` the
refusals. Names and meanings stand in docs/reference/settings.md, which a test keeps complete.
"""

from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from casehub import vault_files

ROOT = Path(__file__).resolve().parent.parent.parent
env = environ.Env()


def secret(name: str, default: str = "") -> str:
    """A secret from NAME, or from the file that NAME_FILE names (as container platforms hand them over)."""
    path = env.str(f"{name}_FILE", default="")
    return Path(path).read_text().strip() if path else env.str(name, default=default)


DEBUG = False
# True where embedded servers run for one person; there the owner may sit beside the web.
IS_LAPTOP = False
# The folder in which a laptop's hub keeps what it makes; unused on a real network.
DATA = ROOT / ".data"
# Signs sessions and forms; at least 50 random characters.
SECRET_KEY = secret("CASEHUB_SECRET_KEY")
# The host names the hub is served at, comma between them.
ALLOWED_HOSTS = env.list("CASEHUB_HOSTS", default=[])
# The addresses forms may come from, such as https://hub.example.org.
CSRF_TRUSTED_ORIGINS = env.list("CASEHUB_ORIGINS", default=[])
# What the network is called on every page.
HUB_NAME = env.str("CASEHUB_NAME", default="Casehub network")
# The size of the demo network that this process serves, set by the demo itself.
DEMO = env.str("CASEHUB_DEMO", default="")
# The page that quick exit shows instead; nothing of the hub stays on the screen.
EXIT_URL = env.str("CASEHUB_EXIT_URL", default="https://www.weather.gov/")
# The folder of key-encryption keys: outside the database and outside its backups.
CASEHUB_KEYS = env.str("CASEHUB_KEYS", default="")
# Where one current copy of that folder is kept, each minute: another machine's disk, mounted. Empty: no copy.
CASEHUB_KEYS_COPY = env.str("CASEHUB_KEYS_COPY", default="")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "agencies",
    "django.contrib.admin",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "csp",
    "guardian",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "django_htmx",
    "referrals",
    "reporting",
    "casehub",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "casehub.middleware.no_store",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "casehub.middleware.session_limits",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "casehub.urls"
WSGI_APPLICATION = "casehub.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "casehub" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "casehub.context.page",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS.insert(0, "django.forms")

# `default` runs as casehub_app, which row security binds. `owner` migrates and makes test databases;
# the web and the workers never have its credentials.
DATABASE_URL = secret("DATABASE_URL")
# The login that owns the tables: for the migration step only.
OWNER_DATABASE_URL = secret("CASEHUB_OWNER_DATABASE_URL")


def database(url: str) -> dict[str, object]:
    """A connection from a URL, with the options every connection of ours has."""
    return {
        **environ.Env.db_url_config(url),
        "ENGINE": "django.db.backends.postgresql",
        "ATOMIC_REQUESTS": False,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES: dict[str, dict[str, object]] = {
    "default": database(DATABASE_URL or "postgres://casehub_app@127.0.0.1:5432/casehub")
}
if OWNER_DATABASE_URL:
    DATABASES["owner"] = database(OWNER_DATABASE_URL)
DATABASE_ROUTERS = ["casehub.routing.OneDatabase"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# A Valkey or Redis server: jobs are published here, and counts of requests kept.
CELERY_BROKER_URL = secret("CELERY_BROKER_URL", default="redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "casehub.cache.Counts",
        "LOCATION": CELERY_BROKER_URL,
        "KEY_PREFIX": "casehub",
    }
}

# Sign-in. A person is let in by invitation only.
AUTH_USER_MODEL = "agencies.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "casehub.signin.InvitedOnly"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "casehub"
MFA_TOTP_TOLERANCE = 1
MFA_ADAPTER = "casehub.signin.SealedFactors"
MFA_FORMS = {
    "authenticate": "casehub.signin.SecondStep",
    "reauthenticate": "casehub.signin.SecondStepAgain",
    "activate_totp": "casehub.signin.Enrolment",
    "authenticate_webauthn": "casehub.passkeys.SecondStepByPasskey",
    "reauthenticate_webauthn": "casehub.passkeys.SecondStepAgainByPasskey",
    "add_webauthn": "casehub.passkeys.NewPasskey",
    "edit_webauthn": "casehub.passkeys.Rename",
}
# A passkey asks for its PIN or finger: found on a desk, it opens nothing.
MFA_WEBAUTHN_USER_VERIFICATION = "required"
# Addresses are not proven by mail: the invitation itself came to the person.
MFA_ALLOW_UNVERIFIED_EMAIL = True
# django-axes counts tries by name and address in the database; these only keep floods out.
ACCOUNT_RATE_LIMITS = {"login": "120/m/ip", "login_failed": "200/5m/ip,60/5m/key"}
# How many proxies stand in front, each of which adds the address it saw to X-Forwarded-For.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("CASEHUB_PROXIES", default=0)
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_FORM_FIELD = "login"
AXES_USERNAME_CALLABLE = "casehub.signin.tried_name"
AXES_CLIENT_IP_CALLABLE = "casehub.signin.address_of"
AXES_LOCKOUT_TEMPLATE = "account/lockout.html"
AXES_RESET_ON_SUCCESS = True
AXES_SENSITIVE_PARAMETERS = ["password", "login", "username", "email", "code"]
AXES_ENABLE_ACCESS_FAILURE_LOG = False
IDLE_SECONDS = 15 * 60
ABSOLUTE_SECONDS = 12 * 3600
SESSION_COOKIE_AGE = ABSOLUTE_SECONDS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_HTTPONLY = False
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "django.views.csrf.csrf_failure"

# What a page may do: nothing from elsewhere, no inline script, no frame.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, vault_files.allowed("static/")],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
        "manifest-src": [SELF],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
# Not "no-referrer": browsers would send "Origin: null" with every form, and Django would refuse it.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: []
    for name in (
        "camera",
        "microphone",
        "geolocation",
        "payment",
        "usb",
        "display-capture",
        "browsing-topics",
    )
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 2**20
# An agency's own spreadsheet is sealed as it arrives; beyond memory it would touch the disk in the clear.
FILE_UPLOAD_MAX_MEMORY_SIZE = 25 * 2**20
# A published table that is checked is dropped rather than kept on the disk; then Django's own two.
FILE_UPLOAD_HANDLERS = [
    "reporting.web.leakcheck.NothingOnDisk",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
FILE_UPLOAD_PERMISSIONS = 0o600
# Uploads wait here for the worker; they hold pseudonymous bundles only and are removed after the job.
INBOX = Path(env.str("CASEHUB_INBOX", default=str(ROOT / ".data" / "inbox")))
UPLOAD_LIMIT = 512 * 2**20

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("es", _("Spanish"))]
LOCALE_PATHS = [ROOT / "locale"]
FORMAT_MODULE_PATH = "casehub.formats"
USE_I18N = True
USE_TZ = True
# The time zone in which a day begins; reports are cut by it.
TIME_ZONE = env.str("CASEHUB_TIME_ZONE", default="America/Chicago")

STATIC_URL = "static/"
# Where collectstatic puts the files that pages load.
STATIC_ROOT = Path(env.str("CASEHUB_STATIC", default=str(ROOT / "staticfiles")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "casehub.vault_files.Storage"},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # First, so that whoever is not signed in is told 401 and how.
        "agencies.tokens.TokenSignIn",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": "600/min", "token": "300/min"},
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "agencies.doors.api_errors",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "casehub",
    "DESCRIPTION": "Reads what the pages read; records contacts and services. Never identity.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    # The schema is written while nobody is asking, and the models' own managers insist that someone is.
    "DEFAULT_QUERY_MANAGER": "_base_manager",
}

# How much the hub says of itself; never a value of a row at any level.
LOG_LEVEL = env.str("CASEHUB_LOG_LEVEL", default="WARNING")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "class": "casehub.errors.NothingTyped",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    # Error mails would carry request bodies; the hub sends none.
    "loggers": {"django": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
}
DEFAULT_EXCEPTION_REPORTER = "casehub.errors.NothingOfTheRequest"
# How mail is sent. The default sends none: invitations are handed over as links.
EMAIL_BACKEND = env.str("CASEHUB_EMAIL_BACKEND", default="django.core.mail.backends.dummy.EmailBackend")
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]
