"""The quick contact, a screening and a follow-up: single moments, each answered in seconds."""

from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from referrals import picklists
from referrals.agency_side.schema import SHAPES
from referrals.forms.questions import Answer, Answers, CountyAnswer, day_field, label_of, moment_field
from referrals.models import Enrollment
from referrals.picklists import Sector

# The eight ways a contact comes in at two in the morning, in the order of their keys.
QUICK_SECTORS = (
    (Sector.HOTLINE, _("Hotline")),
    (Sector.COMMUNITY, _("Walk-in")),
    (Sector.OUTREACH, _("Outreach")),
    (Sector.HEALTH_CARE, _("Health care")),
    (Sector.CHILD_WELFARE, _("Child welfare")),
    (Sector.LAW_ENFORCEMENT, _("Police")),
    (Sector.SCHOOL, _("School")),
    (Sector.OTHER, _("Somewhere else")),
)
_QUICK = {sector for sector, _label in QUICK_SECTORS}


def _elsewhere() -> list[tuple[str, Any]]:
    return [("", _("Not said")), *((one.value, label_of(one)) for one in Sector if one not in _QUICK)]


class ContactForm(forms.Form):
    """One contact. How it came in is all it needs (R01)."""

    sector = forms.ChoiceField(
        label=_("1. How did it reach you?"),
        choices=[(sector.value, label) for sector, label in QUICK_SECTORS],
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose how it reached you. That is all a contact needs.")},
    )
    given = Answers(picklists.ContactGiven, label=_("2. What did you give?"))
    county = CountyAnswer(label=_("County"))
    age_band = Answer(picklists.AgeBand, label=_("Age, as a band"))
    trafficking_type = Answer(picklists.TraffickingType, label=_("Kind of trafficking"))
    elsewhere = forms.ChoiceField(label=_("If somewhere else: where"), choices=_elsewhere, required=False)
    occurred_at = moment_field(label=_("If not just now: when"), required=False)

    def place(self) -> str:
        """The sector met in; the finer answer where the quick one was *somewhere else*."""
        elsewhere = str(self.cleaned_data["elsewhere"])
        return (
            elsewhere
            if self.cleaned_data["sector"] == Sector.OTHER and elsewhere
            else self.cleaned_data["sector"]
        )

    def facts(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("given", "county", "age_band", "trafficking_type")}


class ClientContactForm(ContactForm):
    """One contact with a client: the same, and what was said of trafficking, and a sealed note."""

    age_band = None  # type: ignore[assignment]  # a client has one already
    county = None  # type: ignore[assignment]
    trafficking_status = Answer(picklists.TraffickingStatus, label=_("Trafficking"))
    status_decided_by = Answer(picklists.StatusDecidedBy, label=_("Who says so"))
    note = forms.CharField(
        label=_("Note"),
        help_text=_("Sealed for your agency. No names, numbers or addresses: they don't belong on the hub."),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def facts(self) -> dict[str, Any]:
        names = ("given", "trafficking_type", "trafficking_status", "status_decided_by")
        return {name: self.cleaned_data[name] for name in names}


YES_NO = [("", _("Not said")), ("yes", _("Yes")), ("no", _("No"))]


def _said(value: str) -> bool | None:
    return {"yes": True, "no": False}.get(value)


class ScreeningForm(forms.Form):
    """A screening, to screen in. Stopping is a result."""

    result = Answer(
        picklists.ScreeningResult,
        label=_("What did it show today?"),
        help_text=_("Every service stays open, whatever you choose here."),
        required=True,
        widget=forms.RadioSelect(),
        error_messages={"required": _("Choose what fits. Stopping before the end is a result too.")},
    )
    tool = Answer(
        picklists.ScreeningTool,
        label=_("Tool"),
        initial="agency_own",
        required=True,
        error_messages={"required": _("Choose the tool. A conversation without one is on the list.")},
    )
    tool_version = forms.CharField(
        label=_("Its version"),
        max_length=20,
        required=False,
        validators=[
            RegexValidator(
                rf"\A(?:{SHAPES['version'].pattern})\Z",
                _("A version is a number, such as 2, 1.3 or 2024-05."),
            )
        ],
    )
    language = Answer(picklists.Language, label=_("Language it was held in"))
    sex_asked = forms.ChoiceField(label=_("Sex trafficking asked about"), choices=YES_NO, required=False)
    labor_asked = forms.ChoiceField(label=_("Labor trafficking asked about"), choices=YES_NO, required=False)
    screened_at = moment_field(label=_("If not just now: when"), required=False)

    def facts(self) -> dict[str, Any]:
        said = self.cleaned_data
        facts: dict[str, Any] = {name: said[name] for name in ("tool_version", "language")}
        facts |= {name: _said(said[name]) for name in ("sex_asked", "labor_asked")}
        return facts | ({"screened_at": said["screened_at"]} if said["screened_at"] else {})


class FollowUpForm(forms.Form):
    """How someone is after they left."""

    outcome = Answer(
        picklists.FollowUpOutcome,
        label=_("How did it go?"),
        required=True,
        widget=forms.RadioSelect(),
        error_messages={"required": _("Choose what fits. Not reached is an answer too.")},
    )
    enrollment = forms.ModelChoiceField(
        Enrollment._base_manager.none(),
        label=_("After leaving"),
        required=False,
        empty_label=_("Not tied to one"),
    )
    on = day_field(label=_("Day"))

    def __init__(self, *arguments: Any, enrollments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        field = self.fields["enrollment"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = enrollments
        field.label_from_instance = lambda obj: str(obj.project)  # type: ignore[method-assign]
