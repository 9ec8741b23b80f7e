"""How a code list stands in JSON: its codes; a missing answer as the code that says why; null for none.

Refusals never repeat what was sent: it could be who a client is.
"""

import uuid
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework import serializers

from agencies.roles import Permission
from agencies.scope import current_actor
from referrals.models.fields import PicklistField, PicklistsField
from referrals.picklists import Picklist


class CodeField(serializers.Field):
    """A value of a code list."""

    default_error_messages = {"invalid": _("Not a code of this list. The lists stand at /api/v1/picklists/.")}

    def __init__(self, picklist: type[Picklist], **options: Any) -> None:
        self.picklist = picklist
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in list(self.picklist):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> str | None:
        return str(value) or None


class OwnRow(serializers.UUIDField):
    """The id of a row of the acting agency. Another's and a missing one get the same answer, before which
    whoever may not read such rows learns nothing at all."""

    default_error_messages = {"missing": _("Nothing here has this id.")}

    def __init__(self, model: type[models.Model], *, needs: Permission | None = None, **options: Any) -> None:
        self.model = model
        self.needs = needs
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Any:
        if self.needs is not None:
            current_actor().require(self.needs)
        if not isinstance(data, str):
            self.fail("missing")
        try:
            asked = uuid.UUID(data)
        except ValueError:
            self.fail("missing")
        found = self.model._default_manager.filter(pk=asked).first()
        if found is None:
            self.fail("missing")
        return found


class RecordSerializer(serializers.ModelSerializer):
    """A row to read. Fields of code lists show their codes."""

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        if isinstance(model_field, PicklistField):
            assert model_field.picklist is not None
            return CodeField, {
                "picklist": model_field.picklist,
                "read_only": True,
                "allow_null": bool(model_field.blank),
            }
        if isinstance(model_field, PicklistsField):
            assert model_field.picklist is not None
            return serializers.ListField, {"child": CodeField(model_field.picklist), "read_only": True}
        return super().build_standard_field(field_name, model_field)


class _CodeDescribed(OpenApiSerializerFieldExtension):
    """Each code list is one component of the schema, named as in the code."""

    target_class = CodeField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        picklist = self.target.picklist
        component = ResolvedComponent(
            name=picklist.__name__,
            type=ResolvedComponent.SCHEMA,
            object=picklist,
            schema={
                "type": "string",
                "enum": [member.value for member in picklist],
                "description": f"Source: {picklist.source}.",
            },
        )
        auto_schema.registry.register_on_missing(component)
        return dict(component.ref)
