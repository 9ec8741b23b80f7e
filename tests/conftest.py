"""What every test may use: a world, and the certainty that row security binds whoever runs it."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.utils import translation

from agencies import vault
from tests.world import World


@pytest.fixture(scope="session", autouse=True)
def _key_folder() -> None:
    vault.ensure_kek()


@pytest.fixture
def world(db: None) -> World:
    """An empty network; agencies and people appear as they are named."""
    return World()


@pytest.fixture
def lasting_world(transactional_db: None) -> World:
    """A world whose transactions really commit. Both logins are named, or nothing would be flushed."""
    return World()


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    """A request in Spanish leaves its thread speaking Spanish; the next test begins in English all the same."""
    with translation.override(settings.LANGUAGE_CODE):
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Both logins share one test database: whoever uses one may use the other, and the flush needs both."""
    for item in items:
        marker = item.get_closest_marker("django_db")
        wants = set(getattr(item, "fixturenames", ()))
        if marker is None and wants & {"db", "transactional_db", "world", "lasting_world"}:
            transaction = bool(wants & {"transactional_db", "lasting_world"})
            item.add_marker(pytest.mark.django_db(transaction=transaction, databases=["default", "owner"]))
