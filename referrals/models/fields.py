"""Columns whose values come from a picklist. The list may grow without a migration; forms and the
importer hold the values to it. The database holds them to the shape of a code, so that no name, number or
sentence can stand in such a column, whoever writes it."""

from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext_lazy

from referrals.picklists import Picklist


class PicklistField(models.CharField):
    """One value of a picklist. Where an answer can be missing the default is `not_asked`."""

    def __init__(self, picklist: type[Picklist] | None = None, **options: Any) -> None:
        self.picklist = picklist
        options["max_length"] = 40
        if picklist is not None:
            options["choices"] = [(member.value, gettext_lazy(member.label)) for member in picklist]
            if picklist.has_missing:
                options.setdefault("default", "not_asked")
        super().__init__(**options)

    def db_check(self, connection: BaseDatabaseWrapper) -> str:
        return f"\"{self.column}\" ~ '^[a-z0-9_]*$'"

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, arguments, options = super().deconstruct()
        options.pop("choices", None)
        return name, path, arguments, options


def not_asked() -> list[str]:
    """The answer to a question with several answers that nobody has put."""
    return ["not_asked"]


class PicklistsField(ArrayField):
    """Several values of a picklist. `["not_asked"]` at first; `[]` means asked, and none of these."""

    def __init__(self, picklist: type[Picklist] | None = None, **options: Any) -> None:
        self.picklist = picklist
        options["base_field"] = models.CharField(max_length=40)
        if picklist is not None and picklist.has_missing:
            options.setdefault("default", not_asked)
        else:
            options.setdefault("default", list)
        options["blank"] = True
        super().__init__(**options)

    def db_check(self, connection: BaseDatabaseWrapper) -> str:
        return f"array_to_string(\"{self.column}\", ',') ~ '^[a-z0-9_,]*$'"

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, arguments, options = super().deconstruct()
        options.pop("base_field", None)
        return name, path, arguments, options
