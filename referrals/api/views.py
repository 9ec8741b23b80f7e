"""The resources of the casework: each says what it needs, which rows it is about and how they read."""

from typing import Any

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from agencies.api import Conflict, Described, MadeSerializer, PerPerson, PerToken, Readable, Resource
from agencies.models import Job, Project
from agencies.roles import Permission
from referrals import actions, availability, picklists, queries
from referrals.api import filters, serializers
from referrals.models import Client, Enrollment, Offer, Opening, Referral, Screening, Service, Touchpoint

VIEW = {"list": Permission.CLIENT_VIEW, "retrieve": Permission.CLIENT_VIEW}


class _Records(Resource):
    """A write of one noun: what was sent is checked, handed to an action, and answered with its id."""

    new: type[Any]

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        sent = self.new(data=request.data, context=self.get_serializer_context())
        sent.is_valid(raise_exception=True)
        row = sent.save()
        response = self.made(row)
        response["Location"] = f"{request.path}{row.pk}/"
        return response


class ClientViewSet(Readable):
    """Clients of the caller's agency."""

    noun = Client
    needs = VIEW
    serializer_class = serializers.ClientSerializer
    filterset_class = filters.ClientFilter

    def rows(self) -> models.QuerySet[Client]:
        return queries.clients().order_by("-recorded_at", "pk")


@extend_schema_view(
    create=extend_schema(request=serializers.NewTouchpointSerializer, responses={201: MadeSerializer})
)
class TouchpointViewSet(_Records, Readable):
    """Contacts, also anonymous ones, newest first."""

    noun = Touchpoint
    needs = {**VIEW, "create": Permission.CONTACT_RECORD}
    new = serializers.NewTouchpointSerializer
    filterset_class = filters.TouchpointFilter

    def get_serializer_class(self) -> type[Any]:
        is_one = self.action == "retrieve"
        return serializers.OneTouchpointSerializer if is_one else serializers.TouchpointSerializer

    def rows(self) -> models.QuerySet[Touchpoint]:
        return Touchpoint.objects.order_by("-occurred_at", "pk")


@extend_schema_view(
    create=extend_schema(request=serializers.NewServiceSerializer, responses={201: MadeSerializer})
)
class ServiceViewSet(_Records, Readable):
    """Services provided, newest first."""

    noun = Service
    needs = {**VIEW, "create": Permission.CLIENT_EDIT}
    new = serializers.NewServiceSerializer
    filterset_class = filters.ServiceFilter

    def get_serializer_class(self) -> type[Any]:
        is_one = self.action == "retrieve"
        return serializers.OneServiceSerializer if is_one else serializers.ServiceSerializer

    def rows(self) -> models.QuerySet[Service]:
        return Service.objects.order_by("-provided_on", "-recorded_at", "pk")


class EnrollmentViewSet(Readable):
    """Clients' times in projects, newest first."""

    noun = Enrollment
    needs = VIEW
    serializer_class = serializers.EnrollmentSerializer
    filterset_class = filters.EnrollmentFilter

    def rows(self) -> models.QuerySet[Enrollment]:
        return Enrollment.objects.order_by("-entry_on", "pk")


class ScreeningViewSet(Readable):
    """Screenings, newest first."""

    noun = Screening
    needs = VIEW
    serializer_class = serializers.ScreeningSerializer
    filterset_class = filters.ScreeningFilter

    def rows(self) -> models.QuerySet[Screening]:
        return Screening.objects.order_by("-screened_at", "pk")


class ReferralViewSet(Readable):
    """Services the caller's agency looked for, newest first."""

    noun = Referral
    needs = VIEW
    serializer_class = serializers.ReferralSerializer
    filterset_class = filters.ReferralFilter

    def rows(self) -> models.QuerySet[Referral]:
        return Referral.objects.order_by(models.F("sent_at").desc(nulls_last=True), "pk")


class OfferViewSet(Readable):
    """Offers that wait for the caller's agency's answer, oldest first. None says anything about a client."""

    noun = Offer
    is_entered = False
    needs = dict.fromkeys(("list", "retrieve", "respond"), Permission.REFERRAL_ANSWER)
    serializer_class = serializers.OfferSerializer

    def rows(self) -> models.QuerySet[Offer]:
        return queries.inbox().order_by("offered_at", "pk")

    @extend_schema(request=serializers.AnswerSerializer, responses={201: MadeSerializer})
    @action(detail=True, methods=["post"])
    def respond(self, request: Request, pk: str) -> Response:
        """Answer once; the answer is a row of the caller's agency."""
        offer = self.get_object()
        sent = serializers.AnswerSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        try:
            # A row nobody sees until it is committed may have won the race: only the database knows.
            with transaction.atomic():
                answer = actions.answer_offer(offer=offer, **sent.validated_data)
        except IntegrityError as error:
            raise Conflict(_("This offer has its answer, or another agency was first.")) from error
        return self.made(answer)


class OpeningViewSet(ListModelMixin, Resource):
    """What is free now, everybody's, freshest post first; and posting the caller's agency's own."""

    needs = {"list": Permission.REPORT_NETWORK, "create": Permission.REFERRAL_ANSWER}
    serializer_class = serializers.OpeningSerializer

    def get_queryset(self) -> models.QuerySet[Opening]:
        # The schema is written while nobody is asking.
        is_asked = not getattr(self, "swagger_fake_view", False)
        return availability.openings() if is_asked else Opening._base_manager.none()

    @extend_schema(request=serializers.NewOpeningSerializer, responses={201: MadeSerializer})
    def create(self, request: Request) -> Response:
        """Post what one project has free, in place of its last post; the answer names the post."""
        sent = serializers.NewOpeningSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        return self.made(sent.save())


class ProjectViewSet(Readable):
    """The caller's agency's projects, those that ended too."""

    noun = Project
    is_entered = False
    needs = VIEW
    serializer_class = serializers.ProjectSerializer

    def rows(self) -> models.QuerySet[Project]:
        return Project.objects.order_by("name", "pk")


class JobViewSet(Readable):
    """Work the caller's agency queued, latest first."""

    noun = Job
    is_entered = False
    needs = dict.fromkeys(("list", "retrieve"), Permission.DATA_IMPORT)
    serializer_class = serializers.JobSerializer

    def rows(self) -> models.QuerySet[Job]:
        return Job.objects.order_by("-queued_at", "pk")


class PicklistViewSet(ViewSet):
    """Every code list with its standard codes. Holds nothing of a client or an agency."""

    schema = Described()
    permission_classes = [IsAuthenticated]
    throttle_classes = [PerPerson, PerToken]

    @extend_schema(responses=serializers.PicklistSerializer(many=True))
    def list(self, request: Request) -> Response:
        """All lists, labels in the language asked for."""
        return Response([_as_data(one) for one in picklists.LISTS.values()])


def _as_data(picklist: type[picklists.Picklist]) -> dict[str, Any]:
    return {
        "name": picklist.__name__,
        "source": picklist.source,
        "verified": picklist.verified,
        "has_missing": picklist.has_missing,
        "several": picklist.several,
        "values": [
            {
                "value": member.value,
                "label": _(member.label),
                "is_missing": member.is_missing,
                "codes": {
                    standard: None if (said := getattr(member.codes, standard)) is None else str(said)
                    for standard in ("hmis", "htcds", "voca", "otip")
                },
            }
            for member in picklist
        ],
    }


ROUTES: list[tuple[str, type[Any]]] = [
    ("clients", ClientViewSet),
    ("touchpoints", TouchpointViewSet),
    ("services", ServiceViewSet),
    ("enrollments", EnrollmentViewSet),
    ("screenings", ScreeningViewSet),
    ("referrals", ReferralViewSet),
    ("offers", OfferViewSet),
    ("openings", OpeningViewSet),
    ("projects", ProjectViewSet),
    ("jobs", JobViewSet),
    ("picklists", PicklistViewSet),
]
