"""Releasing information: what is asked before a client signs, what the law took without them, and from what
age a minor signs alone. Whether a release may stand is decided in `referrals.releases`."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from agencies.models import Agency
from referrals import picklists
from referrals.forms.questions import Answer, Text, answers_of, day_field, label_of
from referrals.models import SigningRule
from referrals.picklists import DisclosureClass, Picklist, ReleaseClass, ReleasePurpose, SignerCapacity

HUB = "hub"
# Who signs for somebody else, and so is asked about.
FOR_SOMEBODY_ELSE = (SignerCapacity.PARENT, SignerCapacity.GUARDIAN, SignerCapacity.REPRESENTATIVE)
TO_AGENCY = [one for one in ReleaseClass if not one.is_for_hub]
# What the two that only the hub may be allowed come to, in plain words.
HUB_HOLDS: Mapping[ReleaseClass, Text] = {
    ReleaseClass.COUNT: _(
        "A token goes to the hub: a code that nobody can turn back into a name. If several of the agencies "
        "know the client, the totals count one person. No agency learns of it."
    ),
    ReleaseClass.CONFIRM: _(
        "If two records look alike, the agencies may be asked whether they are one person. By this each of "
        "them learns that the other may help this client."
    ),
}
SUSPECTED = _(
    "Whoever has, or may have, abused or trafficked the client can't sign for them. Ask whether the "
    "client may "
    "sign alone under your state's rule, or who else a court has named. Until then share nothing, and go on "
    "helping: no help needs a release."
)


def holds(one: ReleaseClass) -> list[Text]:
    """What is in it, in plain words."""
    if one.is_for_hub:
        return [HUB_HOLDS[one]]
    return [_(label) for label in DisclosureClass(one.value).fields.values()]


def _choices(members: Iterable[Picklist]) -> list[tuple[str, Text]]:
    return [(one.value, label_of(one)) for one in members]


class ReleaseForm(forms.Form):
    """One recipient, exact information, what for, until when, and who signs how. Nothing is ticked before."""

    recipient = forms.ChoiceField(
        label=_("Who may receive it?"),
        help_text=_("One only. For another agency, sign another release."),
        error_messages={"required": _("Choose who may receive it. There is no choice for everybody.")},
    )
    classes = forms.MultipleChoiceField(
        label=_("What may they know?"),
        choices=_choices(TO_AGENCY),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    purpose = forms.ChoiceField(
        label=_("What is it for?"),
        choices=_choices(one for one in ReleasePurpose if not one.is_for_hub),
        widget=forms.RadioSelect,
        required=False,
    )
    hub_classes = forms.MultipleChoiceField(
        label=_("What does the client agree to?"),
        choices=_choices(one for one in ReleaseClass if one.is_for_hub),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    partners = forms.MultipleChoiceField(
        label=_("Counted once among which agencies?"),
        help_text=_("Read the names to the client. Only those ticked are compared."),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    starts_on = day_field(label=_("From"), error_messages={"required": _("Say from which day.")})
    ends_on = day_field(
        label=_("Last day"),
        help_text=_("The client chooses."),
        error_messages={"required": _("Say until when. There is no release without an end.")},
    )
    longer_reason = Answer(
        picklists.LongerReason,
        label=_("Why longer?"),
        help_text=_("Only if the last day is later than proposed."),
    )
    signer = Answer(
        SignerCapacity,
        label=_("Who signs?"),
        required=True,
        error_messages={"required": _("Say who signs.")},
    )
    rule: "forms.ModelChoiceField[SigningRule]" = forms.ModelChoiceField(
        None,
        label=_("Rule by which a minor signs alone"),
        help_text=_("Your agency lists its state's rules under Who may sign."),
        empty_label=_("Choose"),
        required=False,
    )
    age = forms.IntegerField(
        label=_("The client's age, in years"),
        help_text=_("If it decides who may sign. Looked at now, and not kept."),
        min_value=1,
        max_value=120,
        required=False,
    )
    is_suspected = forms.ChoiceField(
        label=_("Is this person known or believed to have abused or trafficked the client?"),
        help_text=_("Or, for a child, the other parent. Ask the client alone."),
        choices=[("no", _("No, as far as we know")), ("yes", _("Yes, or it may be"))],
        widget=forms.RadioSelect,
        required=False,
    )
    language = forms.ChoiceField(
        label=_("Language it was read in"), error_messages={"required": _("Choose the language.")}
    )
    interpreter = Answer(
        picklists.InterpreterUse,
        label=_("Interpreter"),
        required=True,
        error_messages={"required": _("Say whether somebody interpreted.")},
    )
    on = day_field(label=_("Signed on"), error_messages={"required": _("Say when it was signed.")})
    how = Answer(
        picklists.SigningWay,
        label=_("How is it signed?"),
        required=True,
        error_messages={"required": _("Say how it is signed.")},
    )
    copy_given = Answer(
        picklists.CopyGiven,
        label=_("The client's copy"),
        required=True,
        error_messages={"required": _("Say whether the client has a copy.")},
    )
    risks_explained = forms.BooleanField(
        label=_("I explained the risks, and what we can't take back"),
        error_messages={"required": _("Explain the risks first: they stand in what the client will read.")},
    )

    def __init__(
        self,
        *arguments: Any,
        recipients: Iterable[Agency],
        counted: Iterable[Agency],
        rules: Any,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        agencies = [(str(one.pk), one.name) for one in recipients]
        partners = [(str(one.pk), one.name) for one in counted]
        hub = [(HUB, _("The hub, to count people once"))] if partners else []
        self._choose(
            "recipient", [("", _("Choose")), *_group(_("An agency"), agencies), *_group(_("Counting"), hub)]
        )
        self._choose("partners", partners)
        values, _missing = answers_of(picklists.Language)
        self._choose("language", [("", _("Choose")), *values])
        rule = self.fields["rule"]
        assert isinstance(rule, forms.ModelChoiceField)
        rule.queryset = rules

    def _choose(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def sketch(self) -> dict[str, Any]:
        """What is said so far, right or wrong answers apart: a wrong or missing one is None."""
        found: dict[str, Any] = {}
        for name, field in self.fields.items():
            try:
                found[name] = field.clean(self[name].value())
            except ValidationError:
                found[name] = None
        return found

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("recipient") == HUB:
            self._clean_hub(said)
        elif said.get("recipient"):
            if not said.get("classes"):
                self.add_error("classes", _("Tick what they may know."))
            if not said.get("purpose"):
                self.add_error("purpose", _("Say what it is for."))
        if said.get("signer") == SignerCapacity.MINOR and not said.get("rule"):
            self.add_error("rule", _("Choose the rule by which a minor may sign alone."))
        if said.get("signer") == SignerCapacity.MINOR and not said.get("age") and "age" not in self.errors:
            self.add_error(
                "age", _("Give the client's age: the rule names from which one a minor signs alone.")
            )
        if said.get("signer") in FOR_SOMEBODY_ELSE:
            if not said.get("is_suspected"):
                self.add_error(
                    "is_suspected", _("Ask this first. Nobody signs for a client whom they have harmed.")
                )
            elif said["is_suspected"] == "yes":
                self.add_error("is_suspected", SUSPECTED)
        return said

    def _clean_hub(self, said: dict[str, Any]) -> None:
        if ReleaseClass.COUNT.value not in said.get("hub_classes", []):
            self.add_error(
                "hub_classes",
                _("Tick being counted. If the client does not want it, there is no release to sign."),
            )
        if not said.get("partners"):
            self.add_error("partners", _("Tick the agencies among which the client is counted."))


def _group(label: Promise | str, choices: list[tuple[str, Any]]) -> list[Any]:
    return [(label, choices)] if choices else []


class CompelledForm(forms.Form):
    """What an order or a law took, without a release."""

    basis = Answer(
        picklists.CompelledBasis,
        label=_("What compels us?"),
        widget=forms.RadioSelect(),
        required=True,
        error_messages={"required": _("Say what compels you. A subpoena alone does not.")},
    )
    reference = forms.CharField(
        label=_("Which order, section or report"),
        help_text=_("Number, court and date, or the section of the law. No name. Kept sealed."),
        max_length=200,
        error_messages={"required": _("Write down which one, so that it can be found again.")},
    )
    classes = forms.MultipleChoiceField(
        label=_("Exactly what must be told?"),
        choices=_choices(DisclosureClass),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Tick what must be told, and nothing more.")},
    )
    receiver = forms.ChoiceField(
        label=_("To whom?"),
        required=False,
        help_text=_("A court or an officer is outside: write it above."),
    )
    told = Answer(
        picklists.ClientNotice,
        label=_("Was the client told?"),
        required=True,
        error_messages={"required": _("Say whether the client was told. The law asks that we try.")},
    )

    def __init__(self, *arguments: Any, recipients: Iterable[Agency], **options: Any) -> None:
        super().__init__(*arguments, **options)
        field = self.fields["receiver"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            ("", _("An office outside the network")),
            *((str(one.pk), one.name) for one in recipients),
        ]


class SigningRuleForm(forms.Form):
    """From what age a minor signs alone, for what, and which law says so."""

    purpose = Answer(
        ReleasePurpose, label=_("For what"), required=True, error_messages={"required": _("Say for what.")}
    )
    from_age = forms.IntegerField(
        label=_("From what age"),
        min_value=1,
        max_value=17,
        error_messages={"required": _("Say from what age.")},
    )
    citation = forms.CharField(
        label=_("Law"),
        help_text=_("Where it is written: statute or regulation with its section."),
        max_length=120,
        error_messages={"required": _("Say which law. A rule without one is not kept.")},
    )
