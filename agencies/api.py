"""What every resource of the API shares: paging, limits, strict questions, safe repeats, the ledger.

The doors themselves, and what a stranger is told, stand in doors.py; which rows and fields there are, with
each floor's own resources.
"""

import hashlib
import json
import logging
import re
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from redis.exceptions import RedisError
from rest_framework import exceptions, mixins, serializers, status
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from agencies import ledger, vault
from agencies.doors import AgencyViewSet
from agencies.models import ApiToken, IdempotencyKey

log = logging.getLogger(__name__)

PAGE, LARGEST_PAGE, FARTHEST = 50, 200, 10_000_000
IDEMPOTENCY_KEYS_LIVE = timedelta(hours=24)
KEY_SHAPE = re.compile(r"[A-Za-z0-9_-]{8,64}")
# A name that may be said back to whoever sent it; anything else could be a client's.
FIELD_NAME = re.compile(r"[a-z][a-z_]{0,39}")


def named(name: object) -> str:
    """The name of a field or parameter, or "unknown" where it does not look like one."""
    return name if isinstance(name, str) and FIELD_NAME.fullmatch(name) else "unknown"


class Pages(LimitOffsetPagination):
    """`limit` (50, at most 200) and `offset`. A page's order is total, so no row is skipped or doubled."""

    default_limit = PAGE
    max_limit = LARGEST_PAGE

    def get_limit(self, request: Request) -> int:
        return min(_whole(request, "limit", PAGE, least=1), LARGEST_PAGE)

    def get_offset(self, request: Request) -> int:
        return _whole(request, "offset", 0, least=0)

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        found = super().get_schema_operation_parameters(view)
        for parameter in found:
            least = 1 if parameter["name"] == "limit" else 0
            parameter["schema"] = {"type": "integer", "minimum": least, "maximum": FARTHEST}
        return found


def _whole(request: Request, name: str, default: int, *, least: int) -> int:
    asked = request.query_params.get(name)
    if asked is None:
        return default
    if not re.fullmatch(r"[0-9]{1,8}", asked) or not least <= int(asked) <= FARTHEST:
        raise exceptions.ValidationError({name: [_("Not a number that can be asked for.")]})
    return int(asked)


class _Limit(SimpleRateThrottle):
    """A limit that lets people through while its counter can't be reached: casework goes before limits."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return super().allow_request(request, view)
        except (RedisError, OSError) as error:
            log.warning("limits are not counted (%s)", type(error).__name__)
            return True


class PerPerson(_Limit):
    """All requests of one person, whatever they sign in with."""

    scope = "user"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        return self.cache_format % {"scope": self.scope, "ident": request.user.pk}


class PerToken(_Limit):
    """Requests with one token; none of a session's."""

    scope = "token"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        if not isinstance(request.auth, ApiToken):
            return None
        return self.cache_format % {"scope": self.scope, "ident": request.auth.pk}


class _Repeated(Exception):
    """This write was done before; its answer is given again."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class Conflict(exceptions.APIException):
    """What was asked for can't be done any more, or its key stands for another write."""

    status_code = status.HTTP_409_CONFLICT


class Resource(AgencyViewSet):
    """An API resource: what it may be asked is known, and a write with an Idempotency-Key happens once.

    `asks` names query parameters beside those of filters and paging. A write ends in `made`.
    """

    asks: tuple[str, ...] = ()
    pagination_class = Pages
    throttle_classes = [PerPerson, PerToken]
    parser_classes = [JSONParser]
    _key: IdempotencyKey | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self._refuse_unknown_questions(request)
        if request.method == "POST" and "Idempotency-Key" in request.headers:
            self._key = self._claim(request)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _Repeated):
            return exc.response
        if isinstance(exc, ValidationError):
            fields = exc.message_dict if hasattr(exc, "error_dict") else {"non_field_errors": exc.messages}
            exc = exceptions.ValidationError(fields)
        return super().handle_exception(exc)

    def made(self, row: models.Model) -> Response:
        """The answer to a write: the new row's id and nothing else, so that it can be given again."""
        if self._key is not None:
            self._key.status, self._key.created_id = status.HTTP_201_CREATED, row.pk
            self._key.save(update_fields=["status", "created_id"])
        return _made(row.pk)

    def _refuse_unknown_questions(self, request: Request) -> None:
        """A misspelt filter would otherwise answer with everything."""
        known = set(self.asks)
        if self.action == "list":
            filters = getattr(self, "filterset_class", None)
            known |= {"limit", "offset", *(filters.base_filters if filters else ())}
        problems = {
            named(name): [_("This can't be asked here.") if name not in known else _("Say a value.")]
            for name, value in request.query_params.items()
            if name not in known or not value
        }
        if problems:
            raise exceptions.ValidationError(problems)

    def _claim(self, request: Request) -> IdempotencyKey:
        """The key's row, written now in the write's own transaction; who comes second waits for the first.

        Raises `_Repeated` if the same was done before, Conflict if the key stands for something else.
        """
        given = request.headers["Idempotency-Key"]
        if not KEY_SHAPE.fullmatch(given):
            raise exceptions.ValidationError(
                {"idempotency_key": [_("A key is 8 to 64 letters, digits, - or _; a random one is best.")]}
            )
        agency_id, user_id = self.actor.agency_id, self.actor.user_id
        assert user_id is not None  # whoever comes by a request is a person
        sent = json.dumps([request.method, request.path, request.data], sort_keys=True)
        key_token, sent_token = (
            vault.token(
                hashlib.sha256(text.encode()).hexdigest(), agency=agency_id, place=f"idempotency.{part}"
            )
            for part, text in (("key", given), ("sent", sent))
        )
        IdempotencyKey.objects.filter(
            agency_id=agency_id, made_at__lt=timezone.now() - IDEMPOTENCY_KEYS_LIVE
        ).delete()
        mine = IdempotencyKey(
            agency_id=agency_id, user_id=user_id, key_token=key_token, sent_token=sent_token
        )
        IdempotencyKey.objects.bulk_create([mine], ignore_conflicts=True)
        stands = IdempotencyKey.objects.get(agency_id=agency_id, user_id=user_id, key_token=key_token)
        if stands.pk == mine.pk:
            return stands
        if bytes(stands.sent_token) != sent_token or stands.created_id is None:
            raise Conflict(_("This key was used for another request."))
        answer = _made(stands.created_id)
        answer["Idempotency-Replayed"] = "true"
        raise _Repeated(answer)


def _made(pk: uuid.UUID) -> Response:
    return Response({"id": str(pk)}, status=status.HTTP_201_CREATED)


class Readable(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Rows of one noun to read. Where the noun is a client's, each reading is entered in the ledger."""

    noun: ClassVar[type[models.Model]]
    is_entered = True

    def rows(self) -> models.QuerySet[Any]:
        """The question this resource asks, in a total order."""
        raise NotImplementedError

    def get_queryset(self) -> models.QuerySet[Any]:
        # The schema is written while nobody is asking.
        if getattr(self, "swagger_fake_view", False):
            return self.noun._base_manager.none()
        return self.rows()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response = super().list(request, *args, **kwargs)
        if self.is_entered:
            ledger.record(f"{self.noun._meta.model_name}s.listed", rows=len(response.data["results"]))
        return response

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        row = self.get_object()
        if self.is_entered:
            ledger.record(f"{self.noun._meta.model_name}.viewed", row)
        return Response(self.get_serializer(row).data)


class Strict(serializers.Serializer):
    """What may be sent, and nothing else: a field that is not here is refused by name."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            extra = [name for name in data if name not in self.fields]
            if extra:
                refused = [_("This field can't be set.")]
                raise exceptions.ValidationError({named(name): refused for name in extra})
        return super().to_internal_value(data)


class MadeSerializer(serializers.Serializer):
    """The id of the row that was made."""

    id = serializers.UUIDField()


class Described(AutoSchema):
    """A resource in the schema, with every answer a door may give and the key of a write."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        is_write = self.method == "POST"
        detail = self._component("Detail", {"type": "object", "properties": {"detail": {"type": "string"}}})
        fields = self._component(
            "FieldProblems",
            {
                "type": "object",
                "description": "Sentences by field. Never what was sent.",
                "additionalProperties": {},
            },
        )
        answers = {
            "400": ("What was asked or sent is not as it should be.", fields),
            "401": ("Nobody is signed in.", detail),
            "404": ("Missing, another agency's, or not this role's: all the same.", detail),
            "429": ("Too many requests; see Retry-After.", detail),
        }
        if is_write:
            answers["409"] = ("Done already by someone else, or the key stands for another request.", detail)
            answers["415"] = ("Not JSON.", detail)
            operation.setdefault("parameters", []).append(
                {
                    "in": "header",
                    "name": "Idempotency-Key",
                    "description": "Random. What is repeated with its key within a day is written once.",
                    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"},
                }
            )
        for code, (means, schema) in answers.items():
            operation["responses"][code] = {
                "description": means,
                "content": {"application/json": {"schema": schema}},
            }
        return operation

    def _component(self, name: str, schema: dict[str, Any]) -> dict[str, str]:
        component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, schema=schema, object=name)
        self.registry.register_on_missing(component)
        return dict(component.ref)


class _StrictDescribed(OpenApiSerializerExtension):
    target_class = Strict
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "additionalProperties": False}


class _TokenDescribed(OpenApiAuthenticationExtension):
    target_class = "agencies.tokens.TokenSignIn"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Authorization: Token …`, of one person at one agency.",
        }


Resource.schema = Described()
