"""What every page is given: the places its reader can open, and the reader's own settings."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def page(request: HttpRequest) -> dict[str, Any]:
    return {"exit_url": settings.EXIT_URL, "hub_name": settings.HUB_NAME}
