"""What is asked of a browser's passkey, and whether what comes back proves anything.

The pages stand in casehub/pages/passkeys.py, whose passkey counts where in agencies/doors.py, the limits of
wrong tries in casehub/signin.py. Why it is so: docs/adr/0013-passkeys.md.
"""

import hashlib
import ipaddress
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms as webauthn_forms
from allauth.mfa.webauthn.internal import auth
from django import forms
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from fido2.cose import CoseKey
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorAttachment,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from agencies import affairs
from agencies.models import Agency, SpentChallenge, WorkstationKey
from casehub.signin import answered

# Longer than any session lives, so that no challenge outlives its entry.
SPENT_IS_KEPT = timedelta(days=1)
# Where a session keeps the challenge to a shared computer, apart from the one to a person's own passkey: a
# lead may be asked to confirm with theirs while the computer's answer waits to be taken in.
COMPUTERS_STATE = "workstation_state"
TRANSPORTS = ("ble", "hybrid", "internal", "nfc", "smart-card", "usb")
LONGEST_ID = 1023  # WebAuthn, 4: "at most 1023 bytes"
LONGEST_ATTESTATION = 16_384
NO_ANSWER = _("The browser sent no passkey. Try again, or use another way.")
NOT_ACCEPTED = _("That passkey was not accepted. Try again, or use another way.")


def answer_field() -> forms.JSONField:
    """Where the script puts what the passkey answered."""
    errors = {"required": NO_ANSWER, "invalid": NO_ANSWER}
    return forms.JSONField(label=_("Passkey"), widget=forms.HiddenInput, error_messages=errors)


def works_at(request: HttpRequest) -> bool:
    """Whether browsers use passkeys at the address that was asked: it must be a name, not a number."""
    try:
        ipaddress.ip_address(request.get_host().partition(":")[0])
    except ValueError:
        return not request.get_host().startswith("[")
    return False


# New ones


@dataclass(frozen=True, slots=True)
class Made:
    """A passkey just made: what the device attested, its counter, and what of its answer is kept."""

    credential: AttestedCredentialData
    sign_count: int
    kept: dict[str, Any]


def ask_for_new(user: AbstractBaseUser) -> str:
    """What a browser needs to make a passkey of the user's own, as JSON; the challenge goes into the session.

    PRF is asked for, so that the same passkey can open the agency's vault later.
    """
    options, state = auth.get_server().register_begin(
        user=auth.build_user_payload(user),
        credentials=auth.get_credentials(user),
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.REQUIRED,
        extensions={"credProps": True, "prf": {}},
    )
    auth.set_state(state)
    return json.dumps(dict(options))


def ask_computer_for_new(request: HttpRequest, agency: Agency) -> str:
    """What this computer needs to make a passkey of its own behind its PIN, as JSON. Called inside a door.

    No PRF: a key that many people's PIN opens must not open a vault.
    """
    user = PublicKeyCredentialUserEntity(
        id=secrets.token_bytes(16), name=agency.name, display_name=agency.name
    )
    options, state = auth.get_server().register_begin(
        user=user,
        credentials=_descriptors(),
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.REQUIRED,
        authenticator_attachment=AuthenticatorAttachment.PLATFORM,
    )
    request.session[COMPUTERS_STATE] = state
    return json.dumps(dict(options))


def made(state: Mapping[str, Any] | None, sent: Any) -> Made | None:
    """The new passkey that `sent` brings in answer to the challenge of `state`; None if it brings none.

    Spends the challenge. Of the answer only public parts are kept: an extension's results may be secret
    (PRF), and whatever a script puts there must not reach the database.
    """
    try:
        said = RegistrationResponse.from_dict(sent)
        data = auth.get_server().register_complete(state, said)
        credential = data.credential_data
    except Exception:  # the library takes hostile bytes apart: whatever it trips over is no passkey
        return None
    if (
        state is None
        or credential is None
        or said.response.client_data.origin != _origin()
        or credential.public_key.get(3) not in CoseKey.supported_algorithms()
        or len(credential.credential_id) > LONGEST_ID
        or len(said.response.attestation_object) > LONGEST_ATTESTATION
        or not _spend(state)
    ):
        return None
    name = websafe_encode(credential.credential_id)
    extensions, ways = sent.get("clientExtensionResults"), sent["response"].get("transports")
    told = extensions if isinstance(extensions, dict) else {}
    kept = {
        "id": name,
        "rawId": name,
        "type": "public-key",
        "response": {
            "clientDataJSON": websafe_encode(said.response.client_data),
            "attestationObject": websafe_encode(said.response.attestation_object),
            "transports": [one for one in TRANSPORTS if one in ways] if isinstance(ways, list) else [],
        },
        "clientExtensionResults": {
            "credProps": {"rk": _said_yes(told, "credProps", "rk")},
            "prf": {"enabled": _said_yes(told, "prf", "enabled")},
        },
    }
    return Made(credential, data.counter, kept)


def _said_yes(told: dict[str, Any], extension: str, name: str) -> bool:
    result = told.get(extension)
    return isinstance(result, dict) and result.get(name) is True


class NewPasskey(webauthn_forms.AddWebAuthnForm):
    """A passkey of one's own, and what its owner calls it."""

    name = forms.CharField(
        label=_("What you call it"),
        max_length=60,
        required=False,
        help_text=_("The device it is on, such as: work laptop, key on my ring."),
    )
    credential = answer_field()

    def clean(self) -> dict[str, Any]:
        given = forms.Form.clean(self) or {}
        if sent := given.get("credential"):
            new = made(auth.get_state(), sent)
            auth.clear_state()
            taken = new and Authenticator.objects.filter(
                type=Authenticator.Type.WEBAUTHN, data__credential__id=new.kept["id"]
            )
            if new is None or (taken and taken.exists()):
                raise ValidationError(NOT_ACCEPTED)
            given["credential"] = new.kept
        return given


class Rename(webauthn_forms.EditWebAuthnForm):
    """What its owner calls it, from now on."""

    name = forms.CharField(label=_("What you call it"), max_length=60)


# Proofs


def ask_own(user: AbstractBaseUser) -> str:
    """What a browser needs to ask for one of the user's passkeys, as JSON; empty if they have none."""
    own = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.WEBAUTHN)
    return json.dumps(auth.begin_authentication(user)) if own.exists() else ""


def proves(
    state: Mapping[str, Any] | None,
    credential: AttestedCredentialData,
    counted: int,
    said: AuthenticationResponse,
) -> int | None:
    """The passkey's new counter, if `said` is its answer to the challenge of `state`, for the first time.

    `counted` is its counter so far. One that has counted must count on, or there are two of it; many never
    count and stay at 0.
    """
    try:
        auth.get_server().authenticate_complete(state, [credential], said)
        now = int(said.response.authenticator_data.counter)
    except Exception:  # as above: a signature, a key or a state that can't be read proves nothing
        return None
    if state is None or said.response.client_data.origin != _origin():
        return None
    if (counted or now) and now <= counted:
        return None
    return now if _spend(state) else None


def use_passkey(user: AbstractBaseUser, sent: Any) -> Authenticator | None:
    """The user's own passkey that answered the session's challenge, used up by it; None if it proves nothing.

    Raises ValidationError while the account's second step rests.
    """
    state, said = auth.get_state(), _read(sent)

    def prove(factors: list[Authenticator]) -> Authenticator | None:
        for factor in factors:
            if said is None or factor.type != Authenticator.Type.WEBAUTHN:
                continue
            if factor.data["credential"]["id"] == said.id:
                attested = factor.wrap().authenticator_data
                counted = factor.data.get("sign_count", attested.counter)
                now = proves(state, attested.credential_data, counted, said)
                if now is None:
                    return None
                factor.data["sign_count"] = now
                factor.save(update_fields=["data"])
                return factor
        return None

    proven = answered(user, prove)
    if proven is not None:
        auth.clear_state()
    return proven


class _Proof:
    """Takes each answer once. Mixed into allauth's two forms that ask for a passkey."""

    user: AbstractBaseUser
    cleaned_data: dict[str, Any]

    def clean_credential(self) -> Authenticator:
        proven = use_passkey(self.user, self.cleaned_data["credential"])
        if proven is None:
            raise ValidationError(NOT_ACCEPTED)
        return proven


class SecondStepByPasskey(_Proof, webauthn_forms.AuthenticateWebAuthnForm):
    """A passkey after the password."""

    credential = answer_field()


class SecondStepAgainByPasskey(_Proof, webauthn_forms.ReauthenticateWebAuthnForm):
    """A passkey before an act that guards others."""

    credential = answer_field()


# Shared computers


class NewWorkstation(forms.Form):
    """The passkey of the computer someone sits at, and what the agency calls that computer."""

    title = forms.CharField(
        label=_("What you call this computer"),
        max_length=60,
        help_text=_("Where it stands, such as: hotline desk, front office."),
    )
    credential = answer_field()


class ByWorkstation(forms.Form):
    """The passkey of the computer someone sits at, after the password."""

    credential = answer_field()


def ask_computer(request: HttpRequest) -> str:
    """What the browser needs to ask for the passkey of this computer, as JSON. Called inside a door."""
    options, state = auth.get_server().authenticate_begin(
        credentials=_descriptors(), user_verification=UserVerificationRequirement.REQUIRED
    )
    request.session[COMPUTERS_STATE] = state
    return json.dumps(dict(options))


def use_workstation(request: HttpRequest, sent: Any) -> WorkstationKey | None:
    """The acting agency's computer whose passkey answered, used by the acting person; None if none did.

    Called inside a door. The challenge works once, whatever comes of it. Wrong answers are not counted: the
    person has no code that could be guessed, and a signature can't be.
    """
    state, said = request.session.pop(COMPUTERS_STATE, None), _read(sent)
    if said is None:
        return None
    key = affairs.workstations().select_for_update().filter(credential_id=said.raw_id).first()
    if key is None:
        return None
    now = proves(state, AttestedCredentialData(bytes(key.credential)), key.sign_count, said)
    if now is None:
        return None
    affairs.use_workstation(key, sign_count=now)
    return key


def _descriptors() -> list[PublicKeyCredentialDescriptor]:
    """The passkeys of the acting agency's computers."""
    return [
        PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=bytes(one))
        for one in affairs.workstations().values_list("credential_id", flat=True)
    ]


def _read(sent: Any) -> AuthenticationResponse | None:
    try:
        return AuthenticationResponse.from_dict(sent)
    except Exception:  # hostile bytes again
        return None


def _origin() -> str:
    """This very origin. The library would take any subdomain's answer, and any port's."""
    request = context.request
    return f"{request.scheme}://{request.get_host()}"


def _spend(state: Mapping[str, Any]) -> bool:
    """Whether the challenge was still good; from now on it is not. Of many tries one gets through."""
    SpentChallenge.objects.filter(spent_at__lt=timezone.now() - SPENT_IS_KEPT).delete()
    digest = hashlib.sha256(websafe_decode(state["challenge"])).digest()
    return SpentChallenge.objects.get_or_create(digest=digest)[1]
