"""The door for gunicorn. It refuses to open as a login that row security does not bind."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "casehub.settings.prod")
application = get_wsgi_application()

from casehub.checks import serve_safely  # noqa: E402

serve_safely()
