"""Releases as they are read: which there are, the newest of a measure, the table of one."""

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from agencies.models import User
from reporting.models import Release, Scope, Showing
from reporting.sdc import ProtectedTable, from_stored

Channel = str


def latest(measure: str, scope: str = Scope.PARTNERS) -> Release | None:
    """The measure's release that ended last, as it stands after corrections."""
    return Release.objects.filter(measure=measure, scope=scope, replaced_by=None).first()


def of(measure: str, scope: str = Scope.PARTNERS) -> list[Release]:
    """Every release of the measure that no correction has replaced, latest period first."""
    return list(Release.objects.filter(measure=measure, scope=scope, replaced_by=None))


def published() -> list[Release]:
    """Every public release, replaced ones too, latest period first; for a list, without their tables."""
    found = Release.objects.filter(scope=Scope.PUBLIC).select_related("replaced_by")
    return list(found.defer("table", "replaced_by__table"))


def find_published(label: str) -> Release:
    """The public release of that label. Raises Release.DoesNotExist for any other."""
    found = Release.objects.select_related("replaces", "replaced_by")
    return found.get(scope=Scope.PUBLIC, label=label)


def read(release: Release, *, user: User | None, channel: Channel) -> ProtectedTable:
    """The table of a release, checked against its digest; entered in the ledger of everything shown.

    What anybody may read is entered nowhere: it was shown to all when it was released.
    """
    return read_all([release], user=user, channel=channel)[0]


def read_all(found: Sequence[Release], *, user: User | None, channel: Channel) -> list[ProtectedTable]:
    """As `read`, the tables of several, entered at once."""
    tables = [_checked(_Stored(release.table, release.digest)) for release in found]
    entered = [release for release in found if user is not None or release.scope != Scope.PUBLIC]
    Showing.objects.bulk_create(Showing(release=release, user=user, channel=channel) for release in entered)
    return tables


class _Stored:
    """A stored table by all of its content: one that was changed is another."""

    def __init__(self, data: dict[str, Any], digest: str) -> None:
        self.data, self.digest = data, digest
        content = json.dumps(data, sort_keys=True, separators=(",", ":"))
        self.key = hashlib.sha256(f"{digest} {content}".encode()).digest()

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Stored) and other.key == self.key


@lru_cache(maxsize=128)
def _checked(stored: _Stored) -> ProtectedTable:
    """Attacking a table anew at each look would cost more than making the page: once a process is enough."""
    return from_stored(stored.data, digest=stored.digest)
