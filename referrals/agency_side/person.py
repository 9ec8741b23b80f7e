"""What of a contact card goes into linkage tokens: docs/reference/linkage-tokens.md. The browser does it too
(`static/vault/linkkeys.js`). Nothing here makes a token or asks anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from referrals.linkage import normalise
from referrals.linkage.keys import Person
from referrals.linkage.tokens import MOST_TOKENS, inputs

# Other names than the first known.
MOST_OTHERS = 4
_PARTS = ("first", "middle", "last", "suffix")


def split(name: str) -> tuple[str, str]:
    """First and last names out of one field. The last word is the last name, with the particles before it;
    what stands before a comma is, too."""
    before, _comma, after = name.partition(",")
    if any(word not in normalise.SUFFIXES for word in normalise.words(after)):
        return after, before
    words = [word for word in before.split() if normalise.words(word)]
    if len(words) > 1 and _is(words[0], normalise.TITLES):
        words = words[1:]
    while len(words) > 1 and _is(words[-1], normalise.SUFFIXES):
        words = words[:-1]
    at = len(words) - 1
    while at > 1 and _is(words[at - 1], normalise.PARTICLES):
        at -= 1
    return (" ".join(words[:at]), " ".join(words[at:])) if at > 0 else (" ".join(words), "")


def person_of(card: Mapping[str, Any]) -> Person:
    """The person a card tells of. The legal name counts first, then the one used, then the others; another
    name of one word goes with the first one's last name."""
    name = _group(card, "name")
    legal = _text(name.get("legal"))
    other = name.get("other")
    known = [legal, _text(name.get("used")), *map(_text, other if isinstance(other, list) else ())]
    names = list(dict.fromkeys(one for one in known if one))
    parts = {part: _text(_group(name, "parts").get(part)) for part in _PARTS}
    if legal and " ".join(part for part in parts.values() if part) == legal:
        first, last = parts["first"], parts["last"]
    else:
        first, last = split(names[0]) if names else ("", "")
    others = [split(one) for one in names[1 : 1 + MOST_OTHERS]]
    return Person.of(
        first=first,
        last=last,
        dob=_text(card.get("birth")),
        ssn4=_text(_group(card, "ids").get("ssn4")),
        zip5=_text(card.get("zip")),
        others=[(one, theirs or last) for one, theirs in others],
    )


def card_inputs(card: Mapping[str, Any], *, epoch: int) -> list[tuple[str, bytes]]:
    """Each token that the card's person has, as the key's id and the keyed function's input.

    Of too many names the last are left out.
    """
    person = person_of(card)
    while len(found := inputs(person, epoch=epoch)) > MOST_TOKENS and person.others:
        person = replace(person, others=person.others[:-1])
    return found


def _is(word: str, among: frozenset[str]) -> bool:
    return "".join(normalise.words(word)) in among


def _group(card: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = card.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
