"""Sentences that can be said in any language: a text and what stands in it. No sentence is chosen here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Translate = Callable[[str], str]


def _(text: str) -> str:
    """Mark a sentence so that makemessages finds it, and leave it as it is."""
    return text


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text with places (`%(name)s`) and what goes into them: words of the table, numbers, "
    "more sentences."""

    text: str
    values: Mapping[str, Part] = field(default_factory=dict)

    def say(self, translate: Translate = str) -> str:
        """The sentence in the language of `translate`."""
        return translate(self.text) % {name: _said(part, translate) for name, part in self.values.items()}


Part = str | int | Sentence | tuple[Sentence, ...]


def _said(part: Part, translate: Translate) -> str:
    if isinstance(part, Sentence):
        return part.say(translate)
    if isinstance(part, tuple):
        return " ".join(one.say(translate) for one in part)
    return f"{part:,}" if isinstance(part, int) else part
