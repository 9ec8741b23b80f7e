"""What an error report may hold: the type and the place, nothing of the request, no local variable."""

from typing import Any

from django.views.debug import ExceptionReporter


class NothingOfTheRequest(ExceptionReporter):
    """Django's report without the request, the settings and the frames' variables."""

    def get_traceback_data(self) -> dict[str, Any]:
        data = super().get_traceback_data()
        data["frames"] = [{**frame, "vars": []} for frame in data.get("frames", [])]
        for name in ("request", "request_meta", "request_GET_items", "request_COOKIES_items", "settings"):
            data.pop(name, None)
        data["exception_value"] = ""
        return data
