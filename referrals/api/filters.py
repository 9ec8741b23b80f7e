"""What lists may be narrowed by. A value that can't be understood is refused, never passed over."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField

from referrals import picklists
from referrals.picklists import Picklist


class _TrueOrFalse(forms.Field):
    def to_python(self, value: Any) -> bool | None:
        if value in (None, ""):
            return None
        if value not in ("true", "false"):
            raise forms.ValidationError(_("Say true or false."))
        return bool(value == "true")


class _Moment(IsoDateTimeField):
    """PostgreSQL knows fewer offsets from UTC than the calendar does, so it is asked in UTC."""

    def to_python(self, value: Any) -> datetime | None:
        try:
            at = super().to_python(value)
            return None if at is None else at.astimezone(UTC)
        except OverflowError as error:
            raise forms.ValidationError(self.error_messages["invalid"]) from error


class Moment(filters.IsoDateTimeFilter):
    field_class = _Moment


class TrueOrFalse(filters.BooleanFilter):
    field_class = _TrueOrFalse

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.TextInput, **options)


class Worker(filters.Filter):
    """A member of staff by number."""

    field_class = forms.IntegerField

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=2**31 - 1, **options)


def code(picklist: type[Picklist], field: str) -> filters.ChoiceFilter:
    """By a value of a code list."""
    return filters.ChoiceFilter(
        field_name=field,
        choices=[(member.value, member.value) for member in picklist],
        error_messages={
            "invalid_choice": _("Not a code of this list. The lists stand at /api/v1/picklists/.")
        },
    )


class OfRows(filters.FilterSet):
    """Every list of rows can be asked for what changed since a time, to keep a copy up to date."""

    changed_since = Moment(field_name="changed_at", lookup_expr="gte")


class OfClient(OfRows):
    client = filters.UUIDFilter(field_name="client_id")


class ClientFilter(OfRows):
    worker = Worker(field_name="worker")
    enrolled = TrueOrFalse(field_name="is_enrolled")
    status = code(picklists.TraffickingStatus, "trafficking_status")


class TouchpointFilter(OfClient):
    sector = code(picklists.Sector, "sector")
    kind = code(picklists.TouchpointKind, "kind")
    anonymous = TrueOrFalse(field_name="client", lookup_expr="isnull")
    occurred_since = Moment(field_name="occurred_at", lookup_expr="gte")
    occurred_before = Moment(field_name="occurred_at", lookup_expr="lt")


class ServiceFilter(OfClient):
    type = code(picklists.ServiceType, "type")
    provided_since = filters.DateFilter(field_name="provided_on", lookup_expr="gte")
    provided_before = filters.DateFilter(field_name="provided_on", lookup_expr="lt")


class EnrollmentFilter(OfClient):
    project = filters.UUIDFilter(field_name="project_id")
    open = TrueOrFalse(field_name="exit_on", lookup_expr="isnull")


class ScreeningFilter(OfClient):
    """By client and change alone."""


class ReferralFilter(OfClient):
    needed = code(picklists.ServiceType, "needed")
