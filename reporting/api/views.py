"""Figures as JSON: `render.data` of an agency's own table, or of a release. Nothing is counted here."""

from datetime import date
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agencies.api import Readable, Resource
from agencies.models import User
from agencies.roles import Permission
from reporting import engine, releases, render
from reporting.measures import Period
from reporting.models import Grid, Release

EARLIEST, LATEST = date(1990, 1, 1), date(2100, 1, 1)


class PeopleSerializer(serializers.Serializer):
    """The number of people lies between these, both included."""

    low = serializers.IntegerField()
    high = serializers.IntegerField()


class LinkedSerializer(serializers.Serializer):
    """The same with links counted. `released_share`: the part of the client records it rests on, of 1."""

    low = serializers.IntegerField()
    high = serializers.IntegerField()
    released_share = serializers.FloatField(allow_null=True)


class StageSerializer(serializers.Serializer):
    """One stage. Null is a hidden figure, or one that stands in `not_reported`; never zero."""

    stage = serializers.CharField()
    people = PeopleSerializer(allow_null=True, required=False)
    now = serializers.IntegerField(allow_null=True, required=False)
    entered = serializers.IntegerField(allow_null=True, required=False)
    median_days = serializers.IntegerField(allow_null=True, required=False)


class BySectorSerializer(serializers.Serializer):
    """Who entered a stage, by the sector of their first contact."""

    stage = serializers.CharField()
    entered = serializers.DictField(child=serializers.IntegerField(allow_null=True))


class DaysSerializer(serializers.Serializer):
    """Half-open days: `end` is the first that no longer counts."""

    start = serializers.DateField()
    end = serializers.DateField()


class CaveatSerializer(serializers.Serializer):
    """What has to be read beside the figures."""

    about = serializers.CharField()
    text = serializers.CharField()


class AboutSerializer(serializers.Serializer):
    """What every table says of itself. `digest` is null for an agency's own live figures."""

    title = serializers.CharField()
    period = DaysSerializer()
    agencies_reporting = serializers.IntegerField()
    agencies_expected = serializers.IntegerField()
    generated_at = serializers.DateTimeField()
    caveats = CaveatSerializer(many=True)
    release = serializers.CharField()
    digest = serializers.CharField(allow_null=True)


class FiguresSerializer(AboutSerializer):
    """The pipeline with its caveats."""

    stages = StageSerializer(many=True)
    by_sector = BySectorSerializer(many=True)
    not_reported = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    people = PeopleSerializer(allow_null=True)
    people_linked = LinkedSerializer(allow_null=True)


class ValueSerializer(serializers.Serializer):
    """A value of a dimension, and what it is called."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not the form's


class DimensionSerializer(serializers.Serializer):
    """What a table is cut by. The value `all` is for all together."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not the form's
    values = ValueSerializer(many=True)


class FigureSerializer(serializers.Serializer):
    """One count: the value of each dimension, and the figure. Null is hidden, or stands in `not_reported`."""

    at = serializers.DictField(child=serializers.CharField())
    value = serializers.IntegerField(allow_null=True)


class CubeFiguresSerializer(AboutSerializer):
    """Any other table with its caveats: `figures` by their place, for each view that was shown."""

    dimensions = DimensionSerializer(many=True)
    figures = FigureSerializer(many=True)
    not_reported = serializers.ListField(child=serializers.DictField(child=serializers.CharField()))


class ReleaseSerializer(serializers.ModelSerializer):
    """A closed period that was released, as it stays. `replaces` and `replaced_by` are labels.

    `views` are the dimensions that were asked for, `views_shown` those that could be shown. `mode` says how
    it was protected, `seed_commitment` is the SHA-256 of the secret that broke ties.
    """

    replaces: serializers.SlugRelatedField = serializers.SlugRelatedField(slug_field="label", read_only=True)
    replaced_by = serializers.SerializerMethodField()

    def get_replaced_by(self, release: Release) -> str | None:
        return getattr(getattr(release, "replaced_by", None), "label", None)

    class Meta:
        model = Release
        fields = (
            "id",
            "label",
            "measure",
            "measure_version",
            "period_start",
            "period_end",
            "scope",
            "mode",
            "views",
            "views_shown",
            "as_of",
            "digest",
            "engine_version",
            "seed_commitment",
            "replaces",
            "replaced_by",
            "made_at",
        )
        read_only_fields = fields


class ReleaseViewSet(Readable):
    """The network's releases, latest period first."""

    noun = Release
    is_entered = False
    needs = dict.fromkeys(("list", "retrieve"), Permission.REPORT_NETWORK)
    serializer_class = ReleaseSerializer

    def rows(self) -> models.QuerySet[Release]:
        found = Release.objects.select_related("replaces", "replaced_by").defer("replaces__table")
        return found.order_by("-period_end", "-made_at", "pk")

    @extend_schema(
        responses=PolymorphicProxySerializer(
            component_name="ReleasedFigures",
            serializers=[FiguresSerializer, CubeFiguresSerializer],
            resource_type_field_name=None,
        )
    )
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The protected table; that it was shown enters the ledger of everything shown."""
        user = request.user
        assert isinstance(user, User)
        return Response(render.data(releases.read(self.get_object(), user=user, channel="api")))


class PipelineViewSet(Resource):
    """The caller's agency's own pipeline, exact and live."""

    needs = {"retrieve": Permission.REPORT_OWN}
    serializer_class = FiguresSerializer
    asks = ("start", "end")

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "start", OpenApiTypes.DATE, description="First day, with `end`; else this month."
            ),
            OpenApiParameter("end", OpenApiTypes.DATE, description="First day that no longer counts."),
        ],
        responses=FiguresSerializer,
    )
    def retrieve(self, request: Request) -> Response:
        return Response(render.data(engine.run_own("pipeline", self._period(request), self.actor)))

    def _period(self, request: Request) -> Period:
        if not request.query_params:
            return releases.period_of(Grid.MONTH, timezone.localdate())
        field, days = serializers.DateField(), {}
        for name in self.asks:
            try:
                days[name] = field.to_internal_value(request.query_params.get(name, ""))
            except serializers.ValidationError as error:
                raise serializers.ValidationError({name: error.detail}) from error
        if not EARLIEST <= days["start"] < days["end"] <= LATEST:
            raise serializers.ValidationError({"end": [_("The end comes after the start.")]})
        return Period(days["start"], days["end"])


ROUTES: list[tuple[str, type[Any]]] = [("releases", ReleaseViewSet)]
