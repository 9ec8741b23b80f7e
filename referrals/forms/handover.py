"""Looking for a service elsewhere, and answering another agency that looks."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from agencies.models import Agency
from referrals import picklists
from referrals.forms.enrollments import service_choices
from referrals.forms.questions import Answer
from referrals.picklists import ResponseOutcome


class ReferralForm(forms.Form):
    """What is needed, and whom to ask. Nothing about the client goes with it."""

    needed = forms.ChoiceField(
        label=_("What is needed?"),
        choices=service_choices,
        error_messages={"required": _("Choose what the client needs.")},
    )
    receivers = forms.ModelMultipleChoiceField(
        Agency.objects.none(),
        label=_("Whom do you ask?"),
        help_text=_("One or more. The first to accept ends the search."),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one agency to ask.")},
    )

    def __init__(self, *arguments: Any, receivers: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        field = self.fields["receivers"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = receivers


class AnswerOfferForm(forms.Form):
    """The receiver's answer, once."""

    outcome = forms.ChoiceField(
        label=_("Your answer"),
        choices=[
            (ResponseOutcome.ACCEPTED.value, _("Accept")),
            (ResponseOutcome.WAITLISTED.value, _("Put on our waitlist")),
            (ResponseOutcome.DECLINED.value, _("Decline")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose an answer.")},
    )
    reason = Answer(
        picklists.DeclineReason,
        label=_("Why"),
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("outcome") == ResponseOutcome.DECLINED and not said.get("reason"):
            self.add_error("reason", _("Say why, so that the sender knows what to do next."))
        return said
