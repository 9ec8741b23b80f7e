"""The API does what its schema says: generated requests, right and wrong ones, in this process."""

from collections import Counter
from itertools import product

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings

from agencies.api import PerPerson, PerToken
from tests.casehub.api import Caller

schemathesis = pytest.importorskip("schemathesis", reason="installed with requirements-dev.txt")
from schemathesis import GenerationMode  # noqa: E402
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = pytest.mark.slow
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(autouse=True)
def _one_transaction():
    """A served request lets its connection go; here that one holds the test's own transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def rows(world):
    """One row of each noun, by the resource it is read at."""
    client = world.client("A", code="KH-1", races=["asian"], age_band="declined")
    return {
        "clients": client,
        "enrollments": world.enrollment(client, destination=""),
        "services": world.service(client),
        "screenings": world.screening(client),
        "referrals": world.referral(client),
        "touchpoints": world.touchpoint("A", client),
        "offers": world.offer(sender="B", receiver="A"),
        "projects": world.project("A"),
    }


def tried(operation, mode, caller, rows) -> Counter[int]:
    """How often each status came; every answer is as the schema says it, or this fails."""
    seen: Counter[int] = Counter()
    row = rows.get(operation.path.split("/")[3])
    own = {"path_parameters": {"id": str(row.pk)}} if row and "{id}" in operation.path else {}

    @settings(
        max_examples=5,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, **own))
    def attempt(case):
        headers = {**(case.headers or {}), "Authorization": f"Token {caller.secret}"}
        response = case.call(headers=headers)
        seen[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    attempt()
    return seen


def test_the_api_does_what_its_schema_says(world, rows, monkeypatch):
    for limit in (PerPerson, PerToken):
        monkeypatch.setattr(limit, "THROTTLE_RATES", {"user": "100000/min", "token": "100000/min"})
    described = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
    described.app = WSGIHandler()
    operations = [found.ok() for found in described.get_all_operations()]
    seen: Counter[int] = Counter()
    for role in ("caseworker", "data_lead", "hotline"):
        caller = Caller(world, "A", role)
        for operation, mode in product(operations, (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)):
            if mode is GenerationMode.POSITIVE or operation.query or operation.body:
                seen += tried(operation, mode, caller, rows)
    assert sum(seen.values()) > 200 and {200, 201, 400, 404} <= set(seen), seen
