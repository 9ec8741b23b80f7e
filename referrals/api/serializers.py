"""The nouns of the casework as JSON, in the models' words: what is read, and what may be sent."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from agencies.api import Strict
from agencies.models import County, Job, Project
from agencies.roles import Permission
from referrals import actions, availability, picklists, queries
from referrals.api.fields import CodeField, OwnRow, RecordSerializer
from referrals.models import (
    Client,
    Enrollment,
    Offer,
    Opening,
    OpeningPost,
    Referral,
    Screening,
    Service,
    Touchpoint,
)
from referrals.models.availability import MOST_HOURS, MOST_PLACES, PHONE

# Before any record of the field; a typing error, not a day.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LONGEST_NOTE = 4000
RECORDED = ("recorded_at", "changed_at")


class ClientSerializer(RecordSerializer):
    """A client of the caller's agency. Nothing here says who the client is; `code` is the agency's own."""

    code = serializers.SerializerMethodField()
    is_enrolled = serializers.BooleanField(read_only=True)
    last_touch_at = serializers.DateTimeField(read_only=True, allow_null=True)
    last_service_on = serializers.DateField(read_only=True, allow_null=True)

    class Meta:
        model = Client
        fields = (
            "id",
            "code",
            "worker",
            "is_enrolled",
            "last_touch_at",
            "last_service_on",
            "age_band",
            "gender",
            "races",
            "citizenship",
            "language",
            "county",
            "trafficking_status",
            "status_decided_by",
            "status_decided_on",
            "trafficking_type",
            "recruitment_methods",
            "means_of_control",
            "industry",
            "venue",
            "relationship_to_trafficker",
            "classifications",
            "victimizations",
            *RECORDED,
        )
        read_only_fields = fields

    def get_code(self, client: Client) -> str | None:
        return queries.code_of(client) if client.code_sealed else None


class TouchpointSerializer(RecordSerializer):
    """One contact; `client` is null where it was anonymous."""

    has_note = serializers.SerializerMethodField()

    class Meta:
        model = Touchpoint
        fields: tuple[str, ...] = (
            "id",
            "client",
            "enrollment",
            "project",
            "occurred_at",
            "sector",
            "kind",
            "given",
            "trafficking_status",
            "status_decided_by",
            "trafficking_type",
            "age_band",
            "county",
            "worker",
            "has_note",
            *RECORDED,
        )
        read_only_fields = fields

    def get_has_note(self, row: Touchpoint) -> bool:
        return bool(row.note_sealed)


class OneTouchpointSerializer(TouchpointSerializer):
    """A touchpoint with its note."""

    note = serializers.SerializerMethodField()

    class Meta(TouchpointSerializer.Meta):
        fields = (*TouchpointSerializer.Meta.fields, "note")
        read_only_fields = fields

    def get_note(self, row: Touchpoint) -> str:
        return queries.note_of(row)


class ServiceSerializer(RecordSerializer):
    """One service on one day, in one unit."""

    has_note = serializers.SerializerMethodField()

    class Meta:
        model = Service
        fields: tuple[str, ...] = (
            "id",
            "client",
            "enrollment",
            "project",
            "provided_on",
            "type",
            "mode",
            "quantity",
            "unit",
            "worker",
            "has_note",
            *RECORDED,
        )
        read_only_fields = fields

    def get_has_note(self, row: Service) -> bool:
        return bool(row.note_sealed)


class OneServiceSerializer(ServiceSerializer):
    """A service with its note."""

    note = serializers.SerializerMethodField()

    class Meta(ServiceSerializer.Meta):
        fields = (*ServiceSerializer.Meta.fields, "note")
        read_only_fields = fields

    def get_note(self, row: Service) -> str:
        return queries.note_of(row)


class EnrollmentSerializer(RecordSerializer):
    """A client's time in a project, open while `exit_on` is null."""

    class Meta:
        model = Enrollment
        fields = (
            "id",
            "client",
            "project",
            "entry_on",
            "exit_on",
            "age_band_at_entry",
            "age_at_entry",
            "referral_source",
            "destination",
            "exit_reason",
            "is_reopened",
            *RECORDED,
        )
        read_only_fields = fields


class ScreeningSerializer(RecordSerializer):
    """A screening and its result, which opens options and closes none."""

    class Meta:
        model = Screening
        fields = (
            "id",
            "client",
            "enrollment",
            "screened_at",
            "tool",
            "tool_version",
            "language",
            "result",
            "sex_asked",
            "labor_asked",
            "worker",
            *RECORDED,
        )
        read_only_fields = fields


class ReferralSerializer(RecordSerializer):
    """A service the caller's agency looks for, for a client. Answers on the hub are the receivers' rows."""

    class Meta:
        model = Referral
        fields = (
            "id",
            "client",
            "enrollment",
            "needed",
            "sent_at",
            "receiver_sector",
            "reported_outcome",
            "reported_outcome_at",
            "decline_reason",
            "worker",
            *RECORDED,
        )
        read_only_fields = fields


class OfferSerializer(RecordSerializer):
    """What another agency asks of the caller's: a need and an opaque code, nothing about the client."""

    sender = serializers.CharField(read_only=True)

    class Meta:
        model = Offer
        fields = ("id", "sender", "needed", "handover_code", "offered_at", "expires_at")
        read_only_fields = fields


class OpeningSerializer(RecordSerializer):
    """What an agency posted about itself. `county` and `taken_tenths` (places taken, of ten) are null where
    they are not told, as of any confidential site; `free` is null where it was not said, never zero."""

    agency = serializers.CharField(source="agency.name", read_only=True)

    class Meta:
        model = Opening
        fields = (
            "id",
            "agency",
            "kind",
            "county",
            "free",
            "wait",
            "accepts",
            "languages",
            "phone",
            "taken_tenths",
            "is_confidential",
            "posted_at",
            "stale_at",
        )
        read_only_fields = fields


class NewOpeningSerializer(Strict):
    """What one of the caller's agency's projects can take on. `places` stays the agency's own, and a place is
    confidential unless it is said that it is not."""

    project = OwnRow(Project)
    kind = CodeField(picklists.ServiceType)
    free = serializers.IntegerField(min_value=0, max_value=MOST_PLACES, required=False, allow_null=True)
    places = serializers.IntegerField(min_value=1, max_value=MOST_PLACES, required=False, allow_null=True)
    wait = CodeField(picklists.Wait, required=False)
    accepts = serializers.ListField(child=CodeField(picklists.Accepted), required=False, max_length=20)
    languages = serializers.ListField(child=CodeField(picklists.Language), required=False, max_length=40)
    phone = serializers.RegexField(PHONE, required=False, allow_blank=True, max_length=28)
    stale_hours = serializers.IntegerField(min_value=1, max_value=MOST_HOURS, required=False)
    is_confidential = serializers.BooleanField(required=False)
    is_withdrawn = serializers.BooleanField(required=False)

    def create(self, validated_data: dict[str, Any]) -> OpeningPost:
        return availability.post_opening(**validated_data)


class ProjectSerializer(RecordSerializer):
    """A project of the caller's agency."""

    class Meta:
        model = Project
        fields = (
            "id",
            "name",
            "kind",
            "hmis_type",
            "county",
            "is_confidential_site",
            "started_on",
            "ended_on",
        )
        read_only_fields = fields


class JobSerializer(RecordSerializer):
    """Work that the caller's agency queued."""

    class Meta:
        model = Job
        fields = (
            "id",
            "name",
            "state",
            "done",
            "total",
            "queued_at",
            "started_at",
            "finished_at",
            "result",
            "error",
        )
        read_only_fields = fields


def _no_identity(text: str) -> None:
    actions.refuse_identity(text)


class NoteField(serializers.CharField):
    """Free text, sealed when saved; refused where it looks like a number or address of a person."""

    def __init__(self, **options: Any) -> None:
        validators: list[Callable[[str], None]] = [_no_identity]
        super().__init__(allow_blank=True, required=False, max_length=LONGEST_NOTE, **options)
        self.validators = [*self.get_validators(), *self.validators, *validators]


def _own_enrollment(sent: Mapping[str, Any]) -> None:
    enrollment = sent.get("enrollment")
    if enrollment is not None and enrollment.client_id != getattr(sent.get("client"), "pk", None):
        raise serializers.ValidationError({"enrollment": _("This is another client's enrollment.")})


class NewTouchpointSerializer(Strict):
    """A contact that happened. Sector is all it needs; without a client it is anonymous."""

    sector = CodeField(picklists.Sector)
    occurred_at = serializers.DateTimeField(required=False)
    client = OwnRow(Client, needs=Permission.CLIENT_EDIT, required=False, allow_null=True)
    enrollment = OwnRow(Enrollment, needs=Permission.CLIENT_EDIT, required=False, allow_null=True)
    project = OwnRow(Project, required=False, allow_null=True)
    kind = CodeField(picklists.TouchpointKind, required=False)
    given = serializers.ListField(child=CodeField(picklists.ContactGiven), required=False, max_length=20)
    trafficking_status = CodeField(picklists.TraffickingStatus, required=False)
    status_decided_by = CodeField(picklists.StatusDecidedBy, required=False)
    trafficking_type = CodeField(picklists.TraffickingType, required=False)
    age_band = CodeField(picklists.AgeBand, required=False)
    county = serializers.CharField(required=False, allow_null=True, max_length=5)
    note = NoteField()

    def validate_occurred_at(self, at: datetime) -> datetime:
        if at < EARLIEST:
            raise serializers.ValidationError(_("This is too long ago."))
        return at

    def validate_county(self, fips: str | None) -> County | None:
        found = County.objects.filter(pk=fips).first() if fips else None
        if fips and found is None:
            raise serializers.ValidationError(_("Nothing here has this id."))
        return found

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _own_enrollment(attrs)
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Touchpoint:
        own = ("sector", "occurred_at", "client", "note")
        return actions.record_touchpoint(
            **{name: validated_data[name] for name in own if name in validated_data},
            facts={name: value for name, value in validated_data.items() if name not in own},
        )


class NewServiceSerializer(Strict):
    """A service provided. Without a unit it is the service's usual one."""

    client = OwnRow(Client, needs=Permission.CLIENT_EDIT)
    type = CodeField(picklists.ServiceType)
    provided_on = serializers.DateField()
    quantity = serializers.DecimalField(
        max_digits=9, decimal_places=2, min_value=Decimal("0.01"), required=False
    )
    unit = CodeField(picklists.ServiceUnit, required=False)
    enrollment = OwnRow(Enrollment, needs=Permission.CLIENT_EDIT, required=False, allow_null=True)
    mode = CodeField(picklists.ServiceMode, required=False)
    note = NoteField()

    def validate_provided_on(self, day: date) -> date:
        if day < EARLIEST.date():
            raise serializers.ValidationError(_("This is too long ago."))
        return day

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _own_enrollment(attrs)
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Service:
        return actions.record_service(**validated_data)


class AnswerSerializer(Strict):
    """The caller's agency's answer to an offer; a refusal says why."""

    outcome = CodeField(picklists.ResponseOutcome)
    reason = CodeField(picklists.DeclineReason, required=False)


class CodesSerializer(serializers.Serializer):
    """What a value is called in the standards; null where a standard has no word for it."""

    hmis = serializers.CharField(allow_null=True)
    htcds = serializers.CharField(allow_null=True)
    voca = serializers.CharField(allow_null=True)
    otip = serializers.CharField(allow_null=True)


class PicklistValueSerializer(serializers.Serializer):
    """One value: what is stored, and its label in the caller's language."""

    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    is_missing = serializers.BooleanField()
    codes = CodesSerializer()


class PicklistSerializer(serializers.Serializer):
    """A code list, as the schema names it."""

    name = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    verified = serializers.BooleanField()
    has_missing = serializers.BooleanField()
    several = serializers.BooleanField()
    values = PicklistValueSerializer(many=True)
