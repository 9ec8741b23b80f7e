"""Entering and leaving a project, and the services in between."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from agencies.models import Project
from referrals import picklists
from referrals.forms.questions import Answer, day_field, label_of
from referrals.picklists import Destination, ServiceType, ServiceUnit

_GROUPS = {
    "permanent": _("A place to stay"),
    "temporary": _("For now"),
    "homeless": _("No home"),
    "institutional": _("Hospital, detention or care"),
    "other": _("Other"),
}


def _destinations() -> list[tuple[Any, Any]]:
    grouped: dict[str, list[tuple[str, Any]]] = {name: [] for name in _GROUPS}
    for one in Destination:
        if not one.is_missing:
            grouped[one.group].append((one.value, label_of(one)))
    missing = [(one.value, label_of(one)) for one in Destination if one.is_missing]
    return [*((_GROUPS[name], choices) for name, choices in grouped.items()), (_("No answer"), missing)]


class EnrollForm(forms.Form):
    """The day someone enters a project."""

    project = forms.ModelChoiceField(
        Project.objects.none(),
        label=_("Project"),
        empty_label=_("Choose"),
        error_messages={"required": _("Choose the project the client enters.")},
    )
    entry_on = day_field(label=_("First day"))
    referral_source = Answer(picklists.ReferralSource, label=_("Who sent them"))

    def __init__(self, *arguments: Any, projects: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        field = self.fields["project"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = projects


class ExitForm(forms.Form):
    """The day someone leaves a project, where to and why, as far as they say."""

    exit_on = day_field(label=_("Last day"))
    destination = forms.ChoiceField(
        label=_("Where to"), choices=_destinations, initial="not_asked", required=False
    )
    exit_reason = Answer(picklists.ExitReason, label=_("Why it ended"))

    def clean_destination(self) -> str:
        return self.cleaned_data["destination"] or "not_asked"


def service_choices() -> Iterator[tuple[str, Any]]:
    """Every service, with the unit it is usually counted in."""
    yield "", _("Choose")
    yield from ((one.value, label_of(one)) for one in ServiceType)


def unit_choices() -> list[tuple[str, Any]]:
    return [("", _("The usual one")), *((one.value, label_of(one)) for one in ServiceUnit)]


def _amount(**options: Any) -> forms.DecimalField:
    widget = forms.NumberInput(attrs={"step": "0.25", "min": "0.25", "inputmode": "decimal"})
    return forms.DecimalField(
        min_value=0.01,
        max_value=99999,
        max_digits=9,
        decimal_places=2,
        localize=False,
        widget=widget,
        **options,
    )


class _Counted(forms.Form):
    """A service is entered in a unit of its own, or in none."""

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("type") and said.get("unit"):
            units = ServiceType(said["type"]).units
            if ServiceUnit(said["unit"]) not in units:
                words = ", ".join(str(label_of(one)) for one in units)
                self.add_error("unit", _("This service is counted in: %(units)s.") % {"units": words})
        return said


class ServiceForm(_Counted):
    """One service on one day."""

    type = forms.ChoiceField(
        label=_("Service"), choices=service_choices, error_messages={"required": _("Choose the service.")}
    )
    provided_on = day_field(label=_("Day"))
    quantity = _amount(label=_("How much"), initial=1)
    unit = forms.ChoiceField(
        label=_("Counted in"),
        choices=unit_choices,
        required=False,
        help_text=_("Hours, times, nights or dollars, never added together."),
    )
    mode = Answer(picklists.ServiceMode, label=_("Given by"), initial="direct")
    note = forms.CharField(
        label=_("Note"),
        help_text=_("Sealed for your agency. No names, numbers or addresses: they don't belong on the hub."),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def clean_mode(self) -> str:
        return self.cleaned_data["mode"] or "direct"


class DayForm(_Counted):
    """What a day's grid enters for many clients: the service, its unit and the day."""

    type = forms.ChoiceField(
        label=_("Service"), choices=service_choices, error_messages={"required": _("Choose the service.")}
    )
    unit = forms.ChoiceField(label=_("Counted in"), choices=unit_choices, required=False)
    provided_on = day_field(label=_("Day"))

    def clean_provided_on(self) -> Any:
        day = self.cleaned_data["provided_on"]
        if day > timezone.localdate():
            raise forms.ValidationError(_("This day is in the future."))
        return day


class AmountForm(forms.Form):
    """One row of the grid: how much this client was given; empty for nothing."""

    quantity = _amount(label=_("Amount"), required=False)
