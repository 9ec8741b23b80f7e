"""What a release says, sentence by sentence, as the client reads it: on the page before it is signed, and on
paper.

One text for all three, so that nobody signs another text than they read. It holds no name of the client: the
hub knows none. How it looks stands in the templates and in release.typ.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from referrals.forms.questions import label_of
from referrals.forms.releases import holds
from referrals.picklists import (
    CopyGiven,
    DisclosureNotice,
    InterpreterUse,
    Language,
    LongerReason,
    ReleaseClass,
    ReleasePurpose,
    SignerCapacity,
)

# What nobody has said yet: room for a hand.
_BLANK = "________"
# Around what was chosen, so that a page can mark it and a name in another script keeps its direction.
_OPEN, _CLOSE = "\u2068", "\u2069"


@dataclass(frozen=True, slots=True)
class Part:
    """A heading (or none), sentences, a list, and sentences after it."""

    title: str = ""
    paragraphs: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def marked(self) -> dict[str, list[list[tuple[bool, str]]]]:
        """The sentences cut where something was chosen: (whether it was, words)."""
        parts = {"paragraphs": self.paragraphs, "items": self.items, "after": self.after}
        return {name: [_cut(one) for one in sentences] for name, sentences in parts.items()}

    def plain(self) -> "Part":
        """The same without marks."""
        plain = [[_plain(one) for one in each] for each in (self.paragraphs, self.items, self.after)]
        return Part(self.title, *plain)


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A release as far as it is said; what nobody has said yet is None or empty. `to` is an agency's name, or
    the hub's if `is_for_hub`."""

    agency: str
    to: str | None
    is_for_hub: bool = False
    classes: Sequence[ReleaseClass] = ()
    partners: Sequence[str] = ()
    purpose: ReleasePurpose | None = None
    first: date | None = None
    last: date | None = None
    longer_reason: LongerReason | None = None
    signer: SignerCapacity | None = None
    citation: str = ""
    language: Language | None = None
    interpreter: InterpreterUse | None = None
    copy_given: CopyGiven | None = None
    notices: Sequence[DisclosureNotice] = ()


def _plain(sentence: str) -> str:
    return sentence.replace(_OPEN, "").replace(_CLOSE, "")


def _cut(sentence: str) -> list[tuple[bool, str]]:
    found = []
    for piece in sentence.split(_OPEN):
        chosen, close, rest = piece.partition(_CLOSE)
        found += [(True, chosen), (False, rest)] if close else [(False, piece)]
    return [one for one in found if one[1]]


def text_of(said: Said) -> list[Part]:
    """The text, in the language that is active."""
    return [
        *(_counting(said) if said.is_for_hub else _telling(said)),
        _time(said),
        Part(
            _("Help does not depend on this"),
            [
                _("I can say no. I get the same help if I say no, if I take this back, and when it ends."),
            ],
        ),
        _taking_back(said),
        Part(_("What could go wrong"), items=_risks(said)),
        *_notices(said),
        _signing(said),
    ]


def _chosen(words: object) -> str:
    return f"{_OPEN}{words or _BLANK}{_CLOSE}"


def _day(one: date | None) -> str:
    """A day in full, or a gap."""
    return date_format(one, "DATE_FORMAT") if one else _BLANK


def _telling(said: Said) -> list[Part]:
    names = {"agency": _chosen(said.agency), "to": _chosen(said.to)}
    items = [_named(one) for one in said.classes]
    return [
        Part(
            paragraphs=[_("I let %(agency)s tell %(to)s, and no one else:") % names],
            items=items or [_BLANK],
            after=[_("Nothing that is not on this list, and only what it is for needs.")],
        )
    ]


def _named(one: ReleaseClass) -> str:
    """A kind of information with what is in it, if its name does not say that already."""
    name, fields = str(label_of(one)), [str(each) for each in holds(one)]
    if fields == [name]:
        return _chosen(name)
    return _("%(what)s: %(fields)s") % {"what": _chosen(name), "fields": _listed(fields)}


def _counting(said: Said) -> list[Part]:
    names = {"agency": _chosen(said.agency), "hub": _chosen(said.to)}
    parts = [
        Part(
            paragraphs=[
                _(
                    "I let %(agency)s have the hub of %(hub)s count me once, and not once for every "
                    "agency that helps me."
                )
                % names,
                _(
                    "What goes to the hub is a token: a code made from my name and birth date that "
                    "nobody can turn "
                    "back into them. No name goes there, and nothing about my life."
                ),
                _("I am counted once among these agencies:"),
            ],
            items=[_chosen(one) for one in said.partners or [_BLANK]],
            after=[
                _("They learn nothing about me by it. The totals are about many people, never about one.")
            ],
        )
    ]
    if ReleaseClass.CONFIRM in said.classes:
        parts.append(
            Part(
                _("I also allow a question"),
                [
                    _(
                        "If two records look alike, the agencies named may be asked whether both are "
                        "about me. By "
                        "this each of them learns that the other may help me."
                    )
                ],
            )
        )
    return parts


def _time(said: Said) -> Part:
    lines = []
    if not said.is_for_hub:
        purpose = _chosen(label_of(said.purpose) if said.purpose else None)
        lines.append(_("What it is for: %(purpose)s.") % {"purpose": purpose})
    lines.append(
        _("It starts on %(first)s and ends with %(last)s.")
        % {"first": _chosen(_day(said.first)), "last": _chosen(_day(said.last))}
    )
    if said.longer_reason:
        lines.append(_("Why so long: %(reason)s.") % {"reason": _chosen(label_of(said.longer_reason))})
    lines.append(_("After that day it holds no more. Nobody has to do anything for it to end."))
    return Part(_("What for, and until when"), lines)


def _taking_back(said: Said) -> Part:
    can = _(
        "I can take this back on any day, by a word or in writing, and give no reason. I tell anybody at "
        "%(agency)s."
    )
    lines = [can % {"agency": said.agency}]
    if said.is_for_hub:
        lines.append(
            _(
                "From then on I am no longer counted together, and my token is deleted. Numbers already "
                "shown stay as "
                "they are: nobody can be found in them."
            )
        )
    else:
        lines.append(
            _(
                "From then on %(to)s can open nothing more here. What they read before, they may "
                "remember or have written down."
            )
            % {"to": said.to or _BLANK}
        )
    return Part(_("I can take it back"), lines)


def _risks(said: Said) -> list[str]:
    if said.is_for_hub:
        return [
            _(
                "Somebody who already knows my name could only test it against the tokens with the help "
                "of two of "
                "the three bodies that hold the keys. They watch for that."
            ),
            _("That I take part is known at %(agency)s. It is not shown anywhere else.")
            % {"agency": said.agency},
            _("A paper like this one, if somebody finds it, shows that I get help here."),
        ]
    return [
        _("What %(to)s has learned, nobody can take back.") % {"to": said.to or _BLANK},
        _("A judge or a law can make them tell what they know."),
        _("Somebody who works there may know me, or somebody I fear."),
        _("A paper like this one, if somebody finds it, shows that I get help here."),
    ]


def _notices(said: Said) -> list[Part]:
    return [_VARIANTS[one]() for one in said.notices]


def _part_2() -> Part:
    """42 CFR 2.31 (what the consent says) and 2.32 (what goes with the records)."""
    return Part(
        _("Records of help with alcohol or drugs"),
        [
            _(
                "Some of what is told may come from a program that treats substance use. Federal law, 42 CFR "
                "part 2, protects it. Who receives it may give it to nobody else, unless I agree in "
                "writing or "
                "that law allows it. It may not be used against me in a court without my written consent "
                "or a "
                "court order under that law."
            ),
            _("If I take this back, what was told before in good faith can't be called back."),
        ],
    )


def _ferpa() -> Part:
    """34 CFR 99.30 (what the consent says) and 99.33 (what goes with the records)."""
    return Part(
        _("School records"),
        [
            _(
                "Some of what is told may come from a school's records. Federal law, FERPA, 34 CFR part 99, "
                "protects them. Who receives them may use them only for what is written here, and may "
                "give them "
                "to nobody else without the written consent of the parent, or of the student from the "
                "age of 18."
            ),
            _("I can ask for a copy of the records that are told."),
        ],
    )


_VARIANTS = {DisclosureNotice.PART_2: _part_2, DisclosureNotice.FERPA: _ferpa}


def _signing(said: Said) -> Part:
    language, interpreter, signer, copy = (
        _chosen(label_of(one) if one else None)
        for one in (said.language, said.interpreter, said.signer, said.copy_given)
    )
    lines = [
        _("Read to me in: %(language)s.") % {"language": language},
        _("Interpreter: %(interpreter)s.") % {"interpreter": interpreter},
        _("Who signs: %(signer)s.") % {"signer": signer},
    ]
    if said.citation:
        lines.append(
            _("The law that lets a minor sign alone: %(citation)s.") % {"citation": _chosen(said.citation)}
        )
    lines.append(_("My copy: %(copy)s.") % {"copy": copy})
    return Part(_("How I sign"), [" ".join(lines)])


def _listed(words: Sequence[str]) -> str:
    return ", ".join(one if number == 0 else one[:1].lower() + one[1:] for number, one in enumerate(words))
