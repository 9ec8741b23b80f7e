"""One person or two: the four answers to a question of linkage."""

from django import forms
from django.utils.translation import gettext_lazy as _

from referrals.picklists import LinkVerdict


class VerdictForm(forms.Form):
    """Given over the own card, never over the other agency's."""

    verdict = forms.ChoiceField(
        label=_("Is it one person?"),
        choices=[(one.value, _(one.label)) for one in LinkVerdict],
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose an answer.")},
    )
