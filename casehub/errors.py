"""What an error report and a log line may hold: types and places, nothing that somebody typed."""

import copy
import logging
import traceback
from types import TracebackType
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


class NothingTyped(logging.Formatter):
    """Log lines that name a page's route, not its address, and an error's type and place, not its words.

    Somebody looks for a client by typing a name into the address; a database error quotes the row.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = copy.copy(record)
        line.exc_text = None  # another formatter's, with the words in it
        request = getattr(record, "request", None)
        if request is not None and isinstance(record.args, tuple):
            match = getattr(request, "resolver_match", None)
            route = f"/{match.route}" if match else "no page"
            line.args = tuple(route if arg == getattr(request, "path", None) else arg for arg in record.args)
        return super().format(line)

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        parts, error = [], ei[1]
        while error is not None:
            parts.append("".join(traceback.format_tb(error.__traceback__)) + type(error).__name__)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\nfrom:\n".join(parts)
