"""What a grant form is, as data: sections of items, what each item counts, and where each service lands.

Pure Python. A form is one file beside this one; the rows it is counted from, and the counting, are elsewhere.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Self

from referrals.picklists import ServiceType, gettext_noop

_ = gettext_noop

COUNTING_RULES: Mapping[str, str] = {
    "K1": _("A person is new at most once in a federal fiscal year; after that the person is continuing."),
    "K2": _("In the first reporting period of an award, everybody served is new."),
    "K3": _("Demographics describe new people only, and each block adds up to the number of new people."),
    "K4": _("Not Reported means asked and not given; Not Tracked means not asked. Neither is ever zero."),
    "K5": _("One person may have several types of crime, so the types may add up to more than the people."),
    "K6": _("A category's first figure is people, its items are times provided; people are never more."),
    "K7": _("Anonymous contacts are never among the people served, the new people or their demographics."),
    "K8": _("A year counts each person once: it is not the sum of its quarters."),
    "K9": _("Hours, nights and dollars are never added to times provided."),
    "K12": _("An uncertain type of trafficking is an answer, not a missing one."),
    "K13": _("A service belongs to the period of its date in the agency's time zone."),
}
"""The rules that items name, in words for the page on which a number opens its rule."""


class PeriodKind(StrEnum):
    """The periods a form may be asked for. A federal fiscal year starts in October."""

    FEDERAL_QUARTER = "federal_quarter"
    FEDERAL_YEAR = "federal_year"


class Counted(StrEnum):
    """What one number is a number of."""

    PEOPLE = "people"
    OCCURRENCES = "occurrences"
    ANONYMOUS_CONTACTS = "anonymous_contacts"
    ENTERED = "entered"


class Universe(StrEnum):
    """Whom a number of people is taken from, all within the award's projects and the period.

    SERVED: clients with at least one service in the period. NEW: those of them whom the program had not
    served earlier in the federal fiscal year, and in the award's first reporting period all of them (K1,
    K2). SERVED_AND_ANONYMOUS: SERVED, and each anonymous contact as one more; the only universe that
    anonymous contacts enter (K7).
    """

    SERVED = "served"
    NEW = "new"
    SERVED_AND_ANONYMOUS = "served_and_anonymous"


Answers = Mapping[str, str | Collection[str]]
"""One client's or anonymous contact's picklist values by field name; a field left out was not asked."""

Fact = Callable[[Answers], frozenset[str]]
"""Which of a form's words are true of somebody. A fact that puts everybody in one group gives one word."""


@dataclass(frozen=True, kw_only=True)
class Count:
    """How one number is counted. Made by the four verbs below, each of which is one counting function.

    `where` names facts of the form and the word each must give. `service_items` are item codes; a service
    stands under the one item where the form's crosswalk places it.
    """

    of: Counted
    universe: Universe | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    service_items: tuple[str, ...] = ()

    @classmethod
    def people(
        cls,
        universe: Universe | str,
        *,
        where: Mapping[str, str] | None = None,
        service_items: Collection[str] = (),
    ) -> Self:
        """Distinct people of the universe; with `service_items`, those who had at least one such service."""
        return cls(
            of=Counted.PEOPLE,
            universe=Universe(universe),
            where=where or {},
            service_items=tuple(service_items),
        )

    @classmethod
    def occurrences(cls, *, service_item: str) -> Self:
        """Times provided: the quantity of a service entered in times, one for a service in another unit.

        A quantity below one still is one time, so that people are never more than times (K6, K9).
        """
        return cls(of=Counted.OCCURRENCES, service_items=(service_item,))

    @classmethod
    def anonymous_contacts(cls) -> Self:
        """Contacts that name no client."""
        return cls(of=Counted.ANONYMOUS_CONTACTS)

    @classmethod
    def entered(cls) -> Self:
        """A person answers it. Shown empty until then, never as zero."""
        return cls(of=Counted.ENTERED)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of the form. `rule` says in plain words how it is counted; `rules` are keys of COUNTING_RULES.

    `same_words_as` is the code of another item of the form that asks nearly the same. `choices` is what a
    person chooses from where an entered item is no number.
    """

    code: str
    label: str
    rule: str
    count: Count
    rules: tuple[str, ...] = ()
    same_words_as: str | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Section:
    """A block of items. Where `sums_to` names an item, the block's items always add up to it (K3)."""

    code: str
    title: str
    items: tuple[Item, ...]
    sums_to: str | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """The one item under which a service type is counted, or None with the reason; `also` fits it too."""

    item: str | None
    why: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GrantForm:
    """A funder's form in one version. A new version is a new file; the old one stays for what was submitted.

    `effective` is the first day it may report on. `verified` turns True when a grantee has checked wording
    and rules against the funder's own form; until then pages say so. `facts` are the words that items ask
    for; `crosswalk` places every service type. Raises ValueError when the form contradicts itself.
    """

    slug: str
    title: str
    funder: str
    version: str
    effective: date
    verified: bool
    source: str
    periods: tuple[PeriodKind, ...]
    sections: tuple[Section, ...]
    facts: Mapping[str, Fact]
    crosswalk: Mapping[ServiceType, Placement]

    def __post_init__(self) -> None:
        for problem in self._contradictions():
            raise ValueError(f"{self.slug}: {problem}")

    @property
    def items(self) -> tuple[Item, ...]:
        """All items in the form's order."""
        return tuple(item for section in self.sections for item in section.items)

    def item(self, code: str) -> Item:
        """The item with this code. Raises KeyError."""
        for item in self.items:
            if item.code == code:
                return item
        raise KeyError(code)

    def services_under(self, code: str) -> tuple[ServiceType, ...]:
        """The service types that are counted under an item."""
        return tuple(service for service, placement in self.crosswalk.items() if placement.item == code)

    def matches(self, count: Count, answers: Answers) -> bool:
        """Whether somebody's answers give every word that the count asks for."""
        return all(word in self.facts[fact](answers) for fact, word in count.where.items())

    def _contradictions(self) -> Iterator[str]:
        codes = [item.code for item in self.items]
        yield from (f"two items are called {code}" for code in set(codes) if codes.count(code) > 1)
        known = set(codes)
        for section in self.sections:
            if section.sums_to is not None and section.sums_to not in known:
                yield f"{section.code} sums to {section.sums_to}, which is no item"
        for item in self.items:
            yield from (
                f"{item.code} names no rule {rule}" for rule in set(item.rules) - COUNTING_RULES.keys()
            )
            yield from (
                f"{item.code} uses no fact {fact}" for fact in item.count.where.keys() - self.facts.keys()
            )
            named = {*item.count.service_items, item.same_words_as} - {None}
            yield from (f"{item.code} names {code}, which is no item" for code in named - known)
            if item.count.of is Counted.OCCURRENCES and not self.services_under(item.code):
                yield f"{item.code} would always print zero: no service is counted under it"
        yield from (f"{service} has no place" for service in ServiceType if service not in self.crosswalk)
        for service, placement in self.crosswalk.items():
            named = {placement.item, *placement.also} - {None}
            yield from (f"{service} is placed under {code}, which is no item" for code in named - known)
            if placement.item in placement.also:
                yield f"{service} is placed under {placement.item} twice"
