"""Intake, as data: what may be asked of a client, in which order, and what stays closed until it comes up."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from agencies.models import User
from referrals.forms.questions import Question, Section, SectionedForm, label_of
from referrals.models import Client
from referrals.picklists import TraffickingStatus

PERSON = Section(
    key="person",
    title=_("About the person"),
    hint=_("Only what they offer"),
    questions=(
        Question(name="age_band", label=_("Age, as a band")),
        Question(name="gender", label=_("Gender")),
        Question(name="language", label=_("Language they like to speak")),
        Question(name="county", label=_("County")),
    ),
)
TRAFFICKING = Section(
    key="trafficking",
    title=_("What is known of trafficking"),
    hint=_("Nobody has to tell their story to be helped"),
    questions=(
        Question(name="trafficking_status", label=_("Trafficking")),
        Question(name="status_decided_by", label=_("Who says so")),
        Question(name="trafficking_type", label=_("Kind"), help=_("Uncertain is an answer.")),
    ),
)
RACE = Section(
    key="race",
    title=_("Race and ethnicity"),
    panel=True,
    why=_(
        "In the person's own words, any number. Grant reports count it in totals; no service depends on it."
    ),
    questions=(Question(name="races", label=_("Race and ethnicity")),),
)
CIRCUMSTANCES = Section(
    key="circumstances",
    title=_("How it happened, if it came up"),
    panel=True,
    why=_("Useful for finding patterns across many people. Never ask for it; tick what was told."),
    questions=(
        Question(name="industry", label=_("Industry")),
        Question(name="venue", label=_("Kind of place")),
        Question(name="relationship_to_trafficker", label=_("Who the trafficker was to them")),
        Question(name="recruitment_methods", label=_("How they were recruited")),
        Question(name="means_of_control", label=_("How they were controlled")),
    ),
)
REPORTS = Section(
    key="reports",
    title=_("For grant reports"),
    panel=True,
    why=_("Some funders count these in totals. Tick what the person says of themselves, and nothing else."),
    questions=(
        Question(name="classifications", label=_("The person says of themselves")),
        Question(name="victimizations", label=_("What else happened to them")),
    ),
)
IMMIGRATION = Section(
    key="immigration",
    title=_("Immigration"),
    panel=True,
    why=_(
        "Open this only if the person wants to talk about it. It decides which federal program may pay. "
        "It is optional: every service here is given without it. It is never shared with another agency."
    ),
    questions=(Question(name="citizenship", label=_("Citizenship")),),
)


class ClientForm(SectionedForm):
    """A new client. Every answer may be missing, the code too."""

    model = Client
    spec = (PERSON, TRAFFICKING, RACE, CIRCUMSTANCES, REPORTS, IMMIGRATION)

    code = forms.CharField(
        label=_("Your agency's code for this client"),
        help_text=_("Never a name, initials or a birth date. It can stay empty."),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class WorkerChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return str(obj.name)


class ChangeClientForm(ClientForm):
    """A client's facts, and whose client it is."""

    def __init__(self, *arguments: Any, workers: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["worker"] = WorkerChoice(
            workers, label=_("Whose client"), required=False, empty_label=_("Nobody yet")
        )

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "worker": self.cleaned_data["worker"]}


class RestrictForm(forms.Form):
    """Who of the agency may still open the record."""

    openers = forms.ModelMultipleChoiceField(
        User.objects.none(),
        label=_("Who may open it"),
        help_text=_("You always may. Everybody else in your agency, and their searches, will not find it."),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *arguments: Any, workers: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        field = self.fields["openers"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = workers
        field.label_from_instance = lambda obj: str(obj.name)  # type: ignore[method-assign]


class FindForm(forms.Form):
    """A client of ours, by code. Sent by POST, so that no code stands in an address or a log."""

    code = forms.CharField(
        label=_("Code of the client"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


ANY = ("", _("Any"))


class FilterForm(forms.Form):
    """Which clients a list shows. Its answers stand in the address: nothing of one client is among them."""

    enrolled = forms.ChoiceField(
        label=_("Enrolled"), choices=[ANY, ("yes", _("Yes")), ("no", _("No"))], required=False
    )
    status = forms.ChoiceField(label=_("Trafficking"), required=False)
    silent = forms.ChoiceField(label=_("Contact"), choices=[ANY, ("yes", _("Out of touch"))], required=False)

    def __init__(self, *arguments: Any, workers: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        people = [(str(user.pk), user.name) for user in workers]
        whose = [ANY, ("me", _("Mine")), ("nobody", _("Nobody's")), *people]
        self.fields["worker"] = forms.ChoiceField(label=_("Whose"), choices=whose, required=False)
        status = self.fields["status"]
        assert isinstance(status, forms.ChoiceField)
        status.choices = [ANY, *((one.value, label_of(one)) for one in TraffickingStatus)]
        self.order_fields(["worker", "enrolled", "status", "silent"])
