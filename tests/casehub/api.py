"""Asking the API in a test: as a person with a token, or signed in with a browser."""

import json
from typing import Any

from django.test import Client as Browser

from agencies import actions
from tests.world import World


class Caller:
    """A program that calls the API for one person at one agency."""

    def __init__(self, world: World, letter: str, role: str = "caseworker") -> None:
        with world.acting(letter, role):
            _token, self.secret = actions.make_api_token(title="test")
        self.browser = Browser(raise_request_exception=False)

    def get(self, path: str, **asked: Any) -> Any:
        return self.browser.get(f"/api/v1/{path}", asked, headers=self._headers())

    def post(self, path: str, body: Any = None, *, key: str = "") -> Any:
        text = body if isinstance(body, str) else json.dumps(body if body is not None else {})
        headers = self._headers() | ({"Idempotency-Key": key} if key else {})
        return self.browser.post(f"/api/v1/{path}", text, content_type="application/json", headers=headers)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.secret}"}
