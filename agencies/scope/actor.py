"""Who is asking. An Actor is a user at one agency with the permissions of this very moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.contrib.contenttypes.models import ContentType
from django.db import connection, models, transaction
from guardian.models import GroupObjectPermission

from agencies.models import Agency, Membership, User
from agencies.roles import MAY_USE_A_WORKSTATION, ROLES, Permission


class ScopeError(RuntimeError):
    """Rows were asked for and nobody was asking: a programming error, and always loud."""


class NotAllowed(Exception):
    """The actor may not do this. To the asker it looks like everything that is not there."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A user at one agency, or the hub's own hand at that agency (`user_id` None), and what they may do."""

    user_id: int | None
    agency_id: int
    permissions: frozenset[Permission]
    roles: frozenset[str] = frozenset()

    @classmethod
    def of(cls, user: User, agency: Agency | int) -> "Actor":
        """The user's rights at the agency as they stand now. Raises NotAllowed where there are none.

        `is_superuser` counts for nothing here. Two queries: the roles, and what guardian grants their
        groups on this agency.
        """
        agency_id = agency if isinstance(agency, int) else agency.pk
        roles = frozenset(
            Membership.objects.filter(
                user=user, agency_id=agency_id, user__is_active=True, agency__left_on=None
            ).values_list("role", flat=True)
        )
        granted = GroupObjectPermission.objects.filter(
            group__user=user,
            group__name__startswith=f"agency:{agency_id}:",
            content_type=ContentType.objects.get_for_model(Agency),
            object_pk=str(agency_id),
        ).values_list("permission__codename", flat=True)
        if not roles:
            raise NotAllowed
        return cls(user.pk, agency_id, frozenset(Permission(name) for name in granted), roles)

    @classmethod
    def hub(cls, agency: Agency | int, *permissions: Permission) -> "Actor":
        """The hub's own hand at an agency, for schedules and set-up: no user, only the acts named."""
        return cls(None, agency if isinstance(agency, int) else agency.pk, frozenset(permissions))

    @classmethod
    def from_reference(cls, reference: str) -> "Actor":
        """The actor a task was queued for, with the rights held *now*. Raises NotAllowed if they are gone."""
        user_id, agency_id = reference.split(":")
        if user_id == "hub":
            return cls(None, int(agency_id), frozenset({Permission.DATA_IMPORT}))
        user = User.objects.filter(pk=int(user_id), is_active=True).first()
        if user is None:
            raise NotAllowed
        return cls.of(user, int(agency_id))

    @property
    def reference(self) -> str:
        """What a task carries instead of a person: numbers only."""
        return f"{self.user_id or 'hub'}:{self.agency_id}"

    @property
    def needs_second_factor(self) -> bool:
        return any(ROLES[role].needs_second_factor for role in self.roles if role in ROLES)

    @property
    def may_use_workstation(self) -> bool:
        """Whether a shared computer's passkey may prove this person: by every role they hold here."""
        return bool(self.roles) and self.roles <= MAY_USE_A_WORKSTATION

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raises NotAllowed unless this actor holds the permission."""
        if permission not in self.permissions:
            raise NotAllowed(permission)


_actor: ContextVar[Actor | None] = ContextVar("casehub_actor", default=None)


def current_actor() -> Actor:
    """The actor of the open door. Raises ScopeError where no door is open."""
    actor = _actor.get()
    if actor is None:
        raise ScopeError("No door is open: wrap this in `with acting_as(actor):`.")
    return actor


def _tell_postgres(agency: str, user: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('casehub.agency', %s, true), set_config('casehub.user', %s, true)",
            [agency, user],
        )


def _take_turn(model: type[models.Model], *, repeatable: bool) -> None:
    """First in the transaction: the moment that is read begins after the wait, as LOCK reads nothing."""
    with connection.cursor() as cursor:
        if repeatable:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(f'LOCK TABLE "{model._meta.db_table}" IN EXCLUSIVE MODE')


@contextmanager
def acting_as(actor: Actor, *, in_turn: type[models.Model] | None = None) -> Iterator[Actor]:
    """Open the door: one transaction in which PostgreSQL shows this actor's rows and no others.

    `in_turn` names a table of which one such door at a time stands open: it waits until nobody else writes
    that table, and from then on all it reads is of one moment.

    Does not nest. On success the settings are cleared before the commit; on an error the rollback takes
    them (a reset inside an aborted transaction would itself raise).
    """
    if _actor.get() is not None:
        raise ScopeError("acting_as does not nest: one request, one actor.")
    is_outermost = not connection.in_atomic_block  # but in a test's own transaction
    with transaction.atomic(durable=True):
        if in_turn is not None:
            _take_turn(in_turn, repeatable=is_outermost)
        _tell_postgres(str(actor.agency_id), str(actor.user_id or ""))
        token = _actor.set(actor)
        try:
            yield actor
        finally:
            _actor.reset(token)
        if not transaction.get_rollback():
            _tell_postgres("", "")
