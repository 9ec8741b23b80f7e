"""How private each field of a model is. Column grants, scrubbing and the data dictionary derive from it.

Reads models' `_meta` only: it asks no database, and what a role may then read is granted in `scope`.
"""

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Literal

from django.db import models

Kind = Literal["direct", "linkable", "open"]
KINDS: tuple[Kind, ...] = ("direct", "linkable", "open")


@dataclass(frozen=True)
class Privacy:
    """Every field of a model stands in exactly one of the three sets.

    `direct`: identifying or sealed bytes; no counting role reads them. `linkable`: about one client; may
    be counted. `open`: structure, about nobody.

    When a client's identity is shredded, their direct fields are emptied, or the row goes with them where
    it is nothing else (`whole`). `kept` are those that stay, for the next file from the agency's own system
    to find its record, unless that link is to be cut as well (ADR 0012).
    """

    direct: frozenset[str]
    linkable: frozenset[str]
    open: frozenset[str]
    kept: frozenset[str]
    whole: bool

    def __init__(
        self,
        *,
        direct: Iterable[str] = (),
        linkable: Iterable[str] = (),
        open: Iterable[str] = (),
        kept: Iterable[str] = (),
        whole: bool = False,
    ) -> None:
        object.__setattr__(self, "direct", frozenset(direct))
        object.__setattr__(self, "linkable", frozenset(linkable))
        object.__setattr__(self, "open", frozenset(open))
        object.__setattr__(self, "kept", frozenset(kept))
        object.__setattr__(self, "whole", whole)

    @classmethod
    def of(cls, model: type[models.Model]) -> "Privacy":
        """What the model and its bases say together. For one field the nearest class has the word.

        A model that says nothing, nor any base of it, gets three empty sets.
        """
        said: dict[str, set[Kind]] = {}
        kept: frozenset[str] = frozenset()
        whole = False
        for base in reversed(model.__mro__):
            own = vars(base).get("privacy")
            if isinstance(own, cls):
                said.update({name: own._kinds_of(name) for name in own._names()})
                kept, whole = kept | own.kept, own.whole
        by_kind = {kind: [name for name, kinds in said.items() if kind in kinds] for kind in KINDS}
        return cls(**by_kind, kept=kept, whole=whole)

    def _names(self) -> frozenset[str]:
        return self.direct | self.linkable | self.open

    def _kinds_of(self, name: str) -> set[Kind]:
        return {kind for kind in KINDS if name in getattr(self, kind)}


def classify(model: type[models.Model]) -> dict[str, Kind]:
    """Each classified field of the model's own table, in the table's order, with the set it stands in.

    A field in two sets counts as the more private one; `check` complains about it.
    """
    privacy = Privacy.of(model)
    found: dict[str, Kind] = {}
    for field in _own_fields(model):
        kinds = privacy._kinds_of(field.name)
        if kinds:
            found[field.name] = min(kinds, key=KINDS.index)
    return found


def check(model: type[models.Model]) -> list[str]:
    """What is wrong with a model's classification, a sentence each; empty when every field is placed once."""
    privacy = Privacy.of(model)
    own = vars(model).get("privacy")
    label = model._meta.label
    if not privacy._names():
        return [f"{label} says nothing about privacy"]
    fields = {field.name for field in _own_fields(model)}
    problems = [f"{label}.{name} stands in no set" for name in sorted(fields - privacy._names())]
    problems += [
        f"{label}.{name} stands in {' and '.join(sorted(privacy._kinds_of(name)))}"
        for name in sorted(fields)
        if len(privacy._kinds_of(name)) > 1
    ]
    if isinstance(own, Privacy):
        problems += [f"{label} has no field {name}" for name in sorted(own._names() - fields)]
    problems += [f"{label}.{name} is kept and not direct" for name in sorted(privacy.kept - privacy.direct)]
    return problems


def reporter_columns(model: type[models.Model]) -> list[str]:
    """The columns of the model's table that the counting role may read: linkable and open, nothing else.

    A field that stands in no set, or also among the direct ones, is left out: forgetting closes. So is all
    of a model that says it is `not_counted`.
    """
    return [] if getattr(model, "not_counted", False) else unidentifying_columns(model)


def unidentifying_columns(model: type[models.Model]) -> list[str]:
    """The columns whose fields are linkable or open, counted or not."""
    kinds = classify(model)
    return [
        field.column
        for field in model._meta.local_concrete_fields
        if kinds.get(field.name) in ("linkable", "open") and field.column
    ]


def client_path(model: type[models.Model]) -> str | None:
    """How a query gets from this table to the client it is about; None where it is about no client.

    The key is called `client`; a table that has none of its own says in `client_by` which way it goes.
    """
    if model._meta.label == "referrals.Client":
        return "pk"
    for field in model._meta.local_concrete_fields:
        if field.name == "client" and isinstance(field, models.ForeignKey):
            return "client_id"
    return getattr(model, "client_by", None)


def subject_column(model: type[models.Model]) -> str | None:
    """The column that says whom a sealed text of this table is about: the client's, or the row itself where
    it is kept for a while only (`sealed_about_itself`). None: about nobody alone."""
    if model._meta.label == "referrals.Client" or getattr(model, "sealed_about_itself", False):
        return "id"
    return "client_id" if client_path(model) == "client_id" else None


def shredded_fields(model: type[models.Model], *, cut_source: bool) -> list[str]:
    """The fields by which a client's identity goes from this table, in the table's order."""
    privacy = Privacy.of(model)
    going = privacy.direct if cut_source else privacy.direct - privacy.kept
    return [field.name for field in _own_fields(model) if field.name in going]


# Words of a column's name that a person's identity hides behind, whole or as neighbours.
IDENTITY_WORDS = frozenset(
    {"name", "names", "surname", "forename", "nickname", "username", "alias", "aliases"}
    | {"ssn", "itin", "passport", "anumber", "dob", "birthdate", "birthday"}
    | {"phone", "telephone", "email", "address", "street", "latitude", "longitude", "ip"}
    | {"photo", "picture", "portrait"}
)
IDENTITY_PHRASES = (
    ("birth", "date"),
    ("date", "birth"),
    ("date", "of", "birth"),
    ("a", "number"),
    ("alien", "number"),
    ("social", "security"),
    ("license", "number"),
    ("zip", "code"),
)

# Tables about staff, agencies and the house's own machinery, where such a word is not a client's: the
# listed exceptions to "no column about a client can hold an identity". By model label and field.
STAFF_AND_DIRECTORY: Mapping[str, Set[str]] = {
    "account.EmailAddress": {"email"},
    "account.EmailConfirmation": {"email_address"},
    "agencies.Agency": {"name"},
    "agencies.County": {"name"},
    "agencies.Invitation": {"email", "name"},
    "agencies.Job": {"name"},
    "agencies.Project": {"name"},
    "agencies.User": {"email", "name"},
    "auth.Group": {"name"},
    "auth.Permission": {"name"},
    "axes.AccessAttempt": {"ip_address", "username"},
    "axes.AccessFailureLog": {"ip_address", "username"},
    "axes.AccessLog": {"ip_address", "username"},
    "referrals.Opening": {"phone"},
    "referrals.OpeningPost": {"phone"},
    "usersessions.UserSession": {"ip"},
}


def forbidden_columns(
    all_models: Iterable[type[models.Model]],
    *,
    allowed: Mapping[str, Set[str]] = STAFF_AND_DIRECTORY,
    declared: Mapping[str, Set[str]] | None = None,
) -> list[str]:
    """Columns that could hold who a client is in plain sight, a sentence each; empty when there are none.

    Two rules. A column whose name smells of identity is refused unless it is sealed bytes classified
    direct, or `allowed` by model label and field. On a table about clients (one with a direct or linkable
    field) a column of free text or JSON is refused unless it has choices or a picklist, or `declared` says
    that what it holds is checked elsewhere.
    """
    declared = declared or {}
    problems = []
    for model in all_models:
        label = model._meta.label
        kinds = classify(model)
        about_clients = "direct" in kinds.values() or "linkable" in kinds.values()
        for field in model._meta.local_concrete_fields:
            sealed = isinstance(field, models.BinaryField) and kinds.get(field.name) == "direct"
            smells = smells_of_identity(field.name) or smells_of_identity(field.column or "")
            if smells and not sealed and field.name not in allowed.get(label, ()):
                problems.append(f"{label}.{field.name} smells of identity")
            elif about_clients and _takes_any_text(field) and field.name not in declared.get(label, ()):
                problems.append(f"{label}.{field.name} takes any text")
    return problems


def smells_of_identity(column: str) -> bool:
    """Whether a column's name is one that a person's name, birth date, number or whereabouts goes under."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column).lower()
    words = [word for word in re.split(r"[_\W]+", re.sub(r"(?<=[a-z])\d+", "", snake)) if word]
    if IDENTITY_WORDS.intersection(words):
        return True
    return any(
        tuple(words[start : start + len(phrase)]) == phrase
        for phrase in IDENTITY_PHRASES
        for start in range(len(words))
    )


def _own_fields(model: type[models.Model]) -> list[models.Field]:
    """The fields whose values stand in the model's own table or in a table it makes for them."""
    return [*model._meta.local_fields, *model._meta.local_many_to_many]


def _takes_any_text(field: models.Field) -> bool:
    """Whether forms would take a sentence here. A field that names its `picklist` takes the list's codes."""
    inner = getattr(field, "base_field", field)  # an array takes what its members take
    if isinstance(inner, models.JSONField):
        return True
    is_text = isinstance(inner, models.CharField | models.TextField | models.FileField)
    return is_text and not inner.choices and getattr(field, "picklist", None) is None
