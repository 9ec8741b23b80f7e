"""Questions as data: sections of questions about a model's picklist columns, which become Django fields.

No question is required (R02), and *not asked*, *declined* and *not known* stay different answers (R03).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django import forms
from django.db import models
from django.forms import BoundField
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from agencies.models import County
from referrals.models.fields import PicklistField, PicklistsField
from referrals.picklists import Picklist

Text = Promise | str

# Words of a federal form that a client may read over the worker's shoulder, said as we say them.
OUR_WORDS: Mapping[tuple[str, str], Text] = {
    ("SpecialClassification", "disability"): _("Disability"),
    ("SpecialClassification", "immigrant_refugee_asylum_seeker"): _("Immigrant, refugee or asylum seeker"),
    ("Victimization", "identity_theft_fraud"): _("Identity theft or fraud"),
    ("Victimization", "stalking_harassment"): _("Stalking or harassment"),
    ("Victimization", "survivor_of_homicide_victim"): _("Lost someone to homicide"),
    ("Victimization", "teen_dating_victimization"): _("Teen dating violence"),
    ("ScreeningTool", "tvit_short"): _("TVIT, short form"),
    ("ScreeningTool", "tvit_long"): _("TVIT, long form"),
}
# Declined and unknown come last, as answers; not asked stands first, as the answer before any question.
_LAST = ("declined", "unknown")
NONE_OF_THESE = "none"


def label_of(member: Picklist) -> Text:
    """A value's label as a screen shows it."""
    return OUR_WORDS.get((type(member).__name__, member.value)) or _(member.label)


def answers_of(picklist: type[Picklist]) -> tuple[list[tuple[str, Text]], list[tuple[str, Text]]]:
    """(the values, the missing ones that are answers) as choices, without *not asked*."""
    members = [member for member in picklist if member.value != "not_asked"]
    values = [(m.value, label_of(m)) for m in members if not m.is_missing]
    return values, [(m.value, label_of(m)) for m in members if m.is_missing]


class Answer(forms.ChoiceField):
    """One value of a picklist. Saying nothing is *not asked*, where the list has it."""

    def __init__(self, picklist: type[Picklist], **options: Any) -> None:
        values, missing = answers_of(picklist)
        first = [("not_asked", _("Not asked"))] if picklist.has_missing else []
        self.silence = "not_asked" if picklist.has_missing else ""
        if not picklist.has_missing and not isinstance(options.get("widget"), forms.RadioSelect):
            first = [("", _("Choose"))]
        options.setdefault("required", False)
        options.setdefault("initial", self.silence)
        super().__init__(choices=[*first, *values, *missing], **options)

    def clean(self, value: Any) -> str:
        return super().clean(value) or self.silence


class Answers(forms.MultipleChoiceField):
    """Several values of a picklist, or one reason why there are none. `[]` is: asked, and none of these."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, picklist: type[Picklist], **options: Any) -> None:
        values, missing = answers_of(picklist)
        self.has_missing = picklist.has_missing
        reasons = [("not_asked", _("Not asked")), (NONE_OF_THESE, _("None of these")), *missing]
        options.setdefault("required", False)
        super().__init__(choices=[*values, *(reasons if self.has_missing else [])], **options)

    def clean(self, value: Any) -> list[str]:
        ticked = super().clean(value)
        if not self.has_missing:
            return ticked
        # A real answer says more than a tick left standing beside it.
        said = [one for one in ticked if one not in ("not_asked", NONE_OF_THESE, *_LAST)]
        if said:
            return said
        for reason in (*_LAST, NONE_OF_THESE):
            if reason in ticked:
                return [] if reason == NONE_OF_THESE else [reason]
        return ["not_asked"]

    def prepare_value(self, value: Any) -> Any:
        if self.has_missing and value is not None and list(value) == []:
            return [NONE_OF_THESE]
        return value if value is not None else ["not_asked"] if self.has_missing else []


class CountyAnswer(forms.ModelChoiceField):
    """A county of the network, or nothing said."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("required", False)
        super().__init__(County.objects.all(), empty_label=_("Not asked"), **options)


def day_field(**options: Any) -> forms.DateField:
    """A day, in the browser's own calendar."""
    return forms.DateField(widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **options)


def moment_field(**options: Any) -> forms.DateTimeField:
    """A day and time, in the browser's own control, in the hub's time zone."""
    widget = forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"})
    return forms.DateTimeField(widget=widget, **options)


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question: a column of the form's model, in the words it is asked in."""

    name: str
    label: Text
    help: Text = ""

    def field(self, model: type[models.Model]) -> forms.Field:
        column = model._meta.get_field(self.name)
        options: dict[str, Any] = {"label": self.label, "help_text": self.help}
        if isinstance(column, PicklistField) and column.picklist is not None:
            return Answer(column.picklist, **options)
        if isinstance(column, PicklistsField) and column.picklist is not None:
            return Answers(column.picklist, **options)
        if isinstance(column, models.ForeignKey) and column.related_model is County:
            return CountyAnswer(**options)
        raise TypeError(f"{model.__name__}.{self.name} is no question: its answers come from no list")


@dataclass(frozen=True, kw_only=True)
class Section:
    """Questions under one heading. A `panel` stays closed until the worker opens it; `why` stands inside."""

    key: str
    title: Text
    questions: tuple[Question, ...] = ()
    hint: Text = ""
    panel: bool = False
    why: Text = ""


@dataclass
class Asked:
    """A section with the fields of one form: single answers, and those that take several."""

    section: Section
    single: list[BoundField] = field(default_factory=list)
    several: list[BoundField] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """A panel opens by itself only to show an error in it."""
        return any(one.errors for one in (*self.single, *self.several))


class SectionedForm(forms.Form):
    """A form made of `spec`. `facts()` are the answers, by column of `model`."""

    model: ClassVar[type[models.Model]]
    spec: ClassVar[tuple[Section, ...]]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for section in self.spec:
            for question in section.questions:
                self.fields[question.name] = question.field(self.model)

    def asked(self) -> Iterator[Asked]:
        for section in self.spec:
            asked = Asked(section)
            for question in section.questions:
                several = isinstance(self.fields[question.name], Answers)
                (asked.several if several else asked.single).append(self[question.name])
            yield asked

    def facts(self) -> dict[str, Any]:
        names = [question.name for section in self.spec for question in section.questions]
        return {name: self.cleaned_data[name] for name in names}

    @classmethod
    def facts_of(cls, row: models.Model) -> dict[str, Any]:
        """What a row says now, as the form's initial answers."""
        return {
            question.name: getattr(row, question.name)
            for section in cls.spec
            for question in section.questions
        }
