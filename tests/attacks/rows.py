"""A row of any walled table, for any agency, made from the model alone: so a new table is attacked too.

What a table needs beyond its fields' types (an offer has a receiver, a response its offer's parties) is
said in `KNOWS`. Nothing here asserts.
"""

import itertools
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date, timedelta
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission as AuthPermission
from django.db import models
from django.utils import timezone

from agencies import vault
from agencies.models import Agency, County, Project, SharingAgreement, User
from agencies.privacy import subject_column
from agencies.scope.rows import PLATFORM
from referrals.models import Client, Handover, OpeningPost, ReleaseOfInformation
from tests.world import World

OURS = ("agencies", "referrals", "reporting")
# Tables that carry an agency and yet stand in front of the walls, each with its reason.
IN_FRONT = {
    "agencies_membership": "who works where decides whose wall opens: it is read before any door is open",
    "agencies_invitation": "whoever joins has no agency yet",
    "agencies_apitoken": "a token is looked up to learn which agency its bearer acts for",
    "agencies_doomedkey": "the vault finishes destroying keys for whichever agency; an id, nothing else",
    "reporting_tribalanswer": "whoever publishes asks every tribal agency's answer, about none of its rows",
    "agencies_datakey": "the vault reads it for whichever agency it seals for; the key itself is wrapped",
}
_numbers = itertools.count(1)


def walled() -> list[type[models.Model]]:
    """Every model of ours with an owning agency that is not listed as standing in front of the walls."""
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label in OURS
        and model._meta.db_table not in IN_FRONT
        and any(field.name == "agency" for field in model._meta.local_concrete_fields)
    ]


def keys_to_rows(model: type[models.Model]) -> Iterator[models.ForeignKey]:
    """The model's foreign keys that point at walled tables."""
    tables = {parent._meta.db_table for parent in walled()}
    for field in model._meta.local_concrete_fields:
        if isinstance(field, models.ForeignKey) and field.related_model._meta.db_table in tables:
            yield field


class Rows:
    """One row of every table for each agency asked for. `made[model, letter]` is it; `spare` another one
    of the same kind that nothing points at."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.made: dict[tuple[type[models.Model], str], models.Model] = {}
        self.spare: dict[tuple[type[models.Model], str], models.Model] = {}
        self.uploads: dict[str, str] = {}

    def everything(self, *letters: str) -> "Rows":
        for letter in letters:
            for model in walled():
                self.row(model, letter)
                self.spare[model, letter] = self.fresh(model, letter)
        return self

    def row(self, model: type[models.Model], letter: str) -> models.Model:
        """The agency's row of this kind, made when first asked for."""
        if (model, letter) not in self.made:
            self.made[model, letter] = self.fresh(model, letter)
        return self.made[model, letter]

    def fresh(self, model: type[models.Model], letter: str, **given: Any) -> models.Model:
        """A new row of this kind whose parents are the agency's own."""
        agency, user = self.world.agency(letter), self.world.person(letter)
        facts: dict[str, Any] = {"agency": agency, **given}
        if isinstance(model._meta.pk, models.UUIDField):
            facts.setdefault("id", uuid.uuid4())
        knows = KNOWS.get(model.__name__)
        if knows is not None:
            facts = {**knows(self, letter, facts), **facts}
        for field in model._meta.local_concrete_fields:
            if field.name not in facts and field.attname not in facts and not field.primary_key:
                value = self._sealed(field, letter, facts) or self._value(field, letter, user)
                if value is not _LEAVE:
                    facts[field.name] = value
        with self.world.acting(letter):
            made = model(**facts)
            with _taking_part(agency) if model.__name__ == "LinkRecord" else nullcontext():
                made.save(force_insert=True)
            return made

    def _sealed(self, field: models.Field, letter: str, facts: dict[str, Any]) -> bytes | None:
        """A canary sealed for this agency, this row and this column, as the actions seal."""
        if not field.name.endswith("_sealed"):
            return None
        place = f"{field.model._meta.model_name}.{field.name.removesuffix('_sealed')}"
        text = "{}" if field.name == "body_sealed" else canary(letter)
        subject = facts["id"] if subject_column(field.model) == "id" else None
        agency = self.world.agency(letter).pk
        return vault.seal(text, agency=agency, place=place, row=facts["id"], subject=subject)

    def _value(self, field: models.Field, letter: str, user: User) -> Any:
        if isinstance(field, models.ForeignKey):
            return self._parent(field, letter, user)
        if field.has_default() or field.db_default is not models.NOT_PROVIDED:
            return _LEAVE
        picklist = getattr(field, "picklist", None)
        if field.choices and isinstance(field, models.CharField):
            return picklist.choices(str)[0][0] if picklist else field.choices[0][0]
        if isinstance(field, models.BinaryField):
            return secrets.token_bytes(32)
        if isinstance(field, models.UUIDField):
            return uuid.uuid4()
        if isinstance(field, models.CharField | models.TextField):
            return secrets.token_hex(32)[: min(field.max_length or 20, 20)]
        if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False) or field.null:
            return _LEAVE
        if isinstance(field, models.DateTimeField):
            return timezone.now() - timedelta(minutes=1)
        if isinstance(field, models.DateField):
            return timezone.localdate() + timedelta(days=100 if "end" in field.name else 0)
        if isinstance(field, models.IntegerField):
            return next(_numbers)
        if isinstance(field, models.JSONField):
            return {}
        return _LEAVE

    def _parent(self, field: models.ForeignKey, letter: str, user: User) -> Any:
        parent = field.related_model
        if parent is User:
            return user
        if parent is County:
            return self.world.county()
        if parent is AuthPermission:
            return AuthPermission.objects.get(codename="view_client", content_type__app_label="referrals")
        if parent._meta.db_table in PLATFORM:
            return _LEAVE
        # A one-to-one parent is used up by its row, and a restriction would close the common client.
        return self.fresh(parent, letter) if field.one_to_one else self.row(parent, letter)


_LEAVE = object()


def _offer(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "receiver": rows.world.agency("R" if letter != "R" else "S"),
        "handover_code": secrets.token_hex(4),
        "expires_at": timezone.now() + timedelta(hours=48),
    }


def _response(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    """An answer by the agency to an offer that another one made it."""
    from referrals.models import Offer, Referral

    sender = "R" if letter != "R" else "S"
    if "offer" in facts:
        offer = facts["offer"]
    else:
        referral = rows.fresh(Referral, sender)
        offer = rows.fresh(Offer, sender, referral=referral, receiver=rows.world.agency(letter))
    return {
        "offer": offer,
        "sender_id": offer.agency_id,
        "referral_ref": offer.referral_id,
        "outcome": "accepted",
    }


def _job(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    # Done, so that no sweeper of another test takes it up.
    return {"name": "import_bundle", "state": "done"}


def _client(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    """A client with a code, sealed as a real one, that names its agency: a canary."""
    agency, code = facts["agency"], canary(letter)
    return {
        "worker": rows.world.person(letter),
        "code_sealed": vault.seal(
            code, agency=agency.pk, place="client.code", row=facts["id"], subject=facts["id"]
        ),
        "code_token": vault.token(code, agency=agency.pk, place="client.code"),
    }


def _grant_report(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    from reporting.grants import FORMS

    name, form = next(iter(FORMS.items()))
    year = 1900 + next(_numbers) % 120  # one draft for each period
    period = {"period_start": date(year, 1, 1), "period_end": date(year, 4, 1)}
    return {"form": name, "form_version": form.version, **period}


@contextmanager
def _taking_part(agency: Agency) -> Iterator[None]:
    """While the agency's agreement shares tokens. It is gone afterwards, as every agency would read it."""
    now = timezone.now() - timedelta(minutes=1)
    facts = {"version": next(_numbers) + 1_000, "text_digest": "0" * 64, "signed_at": now}
    signed = SharingAgreement.objects.create(agency=agency, shares_tokens_under_release=True, **facts)
    yield
    signed.delete()


def canary(letter: str) -> str:
    """A code that no other agency has and that nothing else on a page looks like."""
    return f"CANARY-{letter}-{secrets.token_hex(4)}"


def _opened_to(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    """A client is opened to a worker once."""
    return {"content_object": facts.get("content_object") or rows.fresh(Client, letter)}


def _disclosure(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    """One that is live at its receiver, under the hub's own cover."""
    now, id = timezone.now(), facts["id"]
    cover = {"agency": facts["agency"].pk, "place": "disclosure.sealed_e2e", "row": id, "subject": id}
    under: dict[str, Any] = {}
    if "receiver" in facts and not facts.keys() & {"handover", "release"}:
        to = facts["receiver"]
        handover = rows.fresh(Handover, letter, receiver=to)
        release = rows.fresh(ReleaseOfInformation, letter, client=handover.client, recipient=to)
        under = {"handover": handover, "release": release}
    return {
        "sealed_e2e": vault.seal(secrets.token_bytes(560), **cover),
        "tag": secrets.token_bytes(32),
        "sender_key": secrets.token_bytes(32),
        "receiver": rows.world.agency("R" if letter != "R" else "S"),
        "handover": facts.get("handover") or under.get("handover") or rows.fresh(Handover, letter),
        "compelled": None,
        "data_class": "identity",
        "purpose": "case_conference",
        "starts_at": now - timedelta(minutes=1),
        "ends_at": now + timedelta(days=30),
        **under,
    }


def _handover(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {"receiver": rows.world.agency("R" if letter != "R" else "S")}


def _release(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    """A live one to the agency that a disclosure of ours goes to."""
    now = timezone.now()
    return {
        "recipient": rows.world.agency("R" if letter != "R" else "S"),
        "classes": ["identity"],
        "purpose": "case_conference",
        "starts_at": now - timedelta(hours=1),
        "ends_at": now + timedelta(days=60),
        "signer": "client",
        "rule": None,
        "renews": None,
        "longer_reason": "",
        "revoked_how": "",
        "signed_on": timezone.localdate(),
        "risks_explained": True,
    }


def _signing_rule(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {"from_age": 14, "purpose": "case_conference"}


def _compelled(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {"classes": ["identity"], "receiver": rows.world.agency("R" if letter != "R" else "S")}


def _handover_key(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    """One that nobody else reads: over, and on no agreement. An agency has one that stands."""
    return {"agreement": None, "ended_at": timezone.now()}


def _member_key(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    """A kit's: a person has one key at an agency."""
    return {"user": None, "kit_number": next(_numbers)}


def _link_record(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    """A client's under a live release to the hub; each client has one."""
    from referrals.models import ReleaseOfInformation

    client = facts.get("client") or rows.fresh(Client, letter)
    partners = [rows.world.agency("R" if letter != "R" else "S").pk]
    to_hub = {"recipient": None, "classes": ["count"], "purpose": "counting", "partners": partners}
    release = rows.fresh(ReleaseOfInformation, letter, client=client, **to_hub)
    return {"client": client, "release": release, "ends_at": release.ends_at, "partners": partners}


def _count_objection(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    """A client says so once."""
    return {"client": rows.fresh(Client, letter)}


def _opening_post(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    """One that takes down what stood: its opening is nobody else's to read."""
    return {"is_withdrawn": True}


def _opening(rows: Rows, letter: str, facts: dict[str, Any]) -> dict[str, Any]:
    """What its post says of a project of its own."""
    post = facts.get("post") or rows.fresh(OpeningPost, letter, project=rows.fresh(Project, letter))
    return {"post": post, "project": post.project, "kind": post.kind}


KNOWS = {
    "Opening": _opening,
    "OpeningPost": _opening_post,
    "CountObjection": _count_objection,
    "ClientOpenedTo": _opened_to,
    "Offer": _offer,
    "Response": _response,
    "Job": _job,
    "Client": _client,
    "GrantReport": _grant_report,
    "MemberKey": _member_key,
    "Disclosure": _disclosure,
    "Handover": _handover,
    "HandoverKey": _handover_key,
    "ReleaseOfInformation": _release,
    "SigningRule": _signing_rule,
    "CompelledDisclosure": _compelled,
    "LinkRecord": _link_record,
}
