"""Saying what is free: a row of fields for each project and kind of help, all of them on one form."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from referrals.forms.enrollments import service_choices
from referrals.forms.questions import label_of
from referrals.models.availability import MOST_HOURS, MOST_PLACES, PHONE, USUAL_HOURS
from referrals.picklists import Accepted, Language, Wait


def _whole(**options: Any) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"inputmode": "numeric", "class": "num"})
    return forms.IntegerField(required=False, max_value=MOST_PLACES, widget=widget, **options)


class OpeningForm(forms.Form):
    """What one project can take on of one kind of help."""

    kind = forms.ChoiceField(label=_("Kind of help"), choices=service_choices, required=False)
    free = _whole(label=_("Free now"), min_value=0)
    places = _whole(label=_("Places in all"), min_value=1, help_text=_("Only your agency sees this number."))
    wait = forms.ChoiceField(
        label=_("Wait"),
        choices=lambda: [("", _("Not said")), *((one.value, label_of(one)) for one in Wait)],
        required=False,
    )
    phone = forms.RegexField(
        PHONE,
        label=_("Phone"),
        required=False,
        max_length=28,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
        error_messages={"invalid": _("A phone number: digits, and an extension as x12.")},
    )
    accepts = forms.MultipleChoiceField(
        label=_("Who is taken on"),
        choices=lambda: [(one.value, label_of(one)) for one in Accepted],
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "choices--row"}),
    )
    languages = forms.MultipleChoiceField(
        label=_("Languages"),
        choices=lambda: [(one.value, label_of(one)) for one in Language if not one.is_missing],
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "choices--row"}),
    )
    is_confidential = forms.BooleanField(
        label=_("The place is confidential"),
        help_text=_("Others see no county and no share taken, and are told to call."),
        required=False,
        initial=True,
    )
    stale_hours = forms.IntegerField(
        label=_("Goes stale after, in hours"),
        min_value=1,
        max_value=MOST_HOURS,
        required=False,
        initial=USUAL_HOURS,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "class": "num"}),
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        free, places = said.get("free"), said.get("places")
        if free is not None and places is not None and free > places:
            self.add_error("free", _("More can't be free than there are."))
        if self.says_something and not said.get("kind") and "kind" not in self.errors:
            self.add_error("kind", _("Choose the kind of help."))
        said["stale_hours"] = said.get("stale_hours") or USUAL_HOURS
        return said

    @property
    def says_something(self) -> bool:
        """Whether there is anything to post: what is free, or how long the wait is."""
        said = self.cleaned_data
        return said.get("free") is not None or bool(said.get("wait"))
