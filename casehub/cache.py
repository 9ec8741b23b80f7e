"""Counts of requests, kept beside the broker's queues. While that server is away nothing is counted and
casework goes on: what must hold (used codes, wrong passwords, idempotency keys) stands in the database.
"""

import logging
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = logging.getLogger(__name__)


class Counts(RedisCache):
    """Answers as an empty cache would while its server can't be reached, within a second or two."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        waiting = {"socket_connect_timeout": 1, "socket_timeout": 1, "retry": Retry(NoBackoff(), 1)}
        super().__init__(server, {**params, "OPTIONS": {**waiting, **params.get("OPTIONS", {})}})

    def _ask(self, ask: Callable[..., Any], otherwise: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return ask(*arguments, **options)
        except (RedisError, OSError) as error:
            log.warning("requests are not counted (%s)", type(error).__name__)
            return otherwise

    def add(self, *arguments: Any, **options: Any) -> Any:
        return self._ask(super().add, True, *arguments, **options)

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        return self._ask(super().get, default, key, default, version)

    def set(self, *arguments: Any, **options: Any) -> Any:
        return self._ask(super().set, None, *arguments, **options)

    def delete(self, *arguments: Any, **options: Any) -> Any:
        return self._ask(super().delete, False, *arguments, **options)
