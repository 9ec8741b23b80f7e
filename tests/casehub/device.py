"""A device that makes passkeys and answers with them, in software: what a browser would hand over, as JSON.

It does as it is told, also wrongly: each argument of `make` and `answer` is a way to lie.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

ORIGIN = "http://localhost"


@dataclass
class Device:
    """One passkey, for one hub. `count` is its signature counter; None never counts, as a synced one."""

    count: int | None = None
    host: str = "localhost"
    id: bytes = field(default_factory=lambda: secrets.token_bytes(20))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, options: str, **lies: Any) -> str:
        """The answer to "make a passkey"."""
        public = ES256.from_cryptography_key(self.key.public_key())
        credential = AttestedCredentialData.create(b"\0" * 16, self.id, public)
        data = self._data(credential, **{k: v for k, v in lies.items() if k == "verified"})
        client = self._client("webauthn.create", options, **lies)
        said = {
            "clientDataJSON": websafe_encode(client),
            "attestationObject": websafe_encode(AttestationObject.create("none", data, {})),
            "transports": ["internal"],
        }
        results = {"credProps": {"rk": True}, "prf": {"enabled": True, "results": {"first": "a secret"}}}
        return self._json(said, results)

    def answer(self, options: str, *, by: "Device | None" = None, verified: bool = True, **lies: Any) -> str:
        """The answer to "use a passkey", signed by this device's key, or another's (`by`)."""
        if self.count is not None:
            self.count += 1
        data = self._data(None, verified=verified)
        client = self._client("webauthn.get", options, **lies)
        digest = hashlib.sha256(client).digest()
        signature = (by or self).key.sign(data + digest, ec.ECDSA(hashes.SHA256()))
        said = {
            "clientDataJSON": websafe_encode(client),
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(signature),
        }
        return self._json(said, {})

    def _data(self, credential: AttestedCredentialData | None, *, verified: bool = True) -> AuthenticatorData:
        flags = AuthenticatorData.FLAG.UP
        flags |= AuthenticatorData.FLAG.UV if verified else 0
        flags |= AuthenticatorData.FLAG.AT if credential else 0
        host = hashlib.sha256(self.host.encode()).digest()
        return AuthenticatorData.create(host, flags, self.count or 0, credential or b"")

    def _client(
        self, kind: str, options: str, *, origin: str = ORIGIN, challenge: str = "", **_more: Any
    ) -> CollectedClientData:
        asked = json.loads(options)["publicKey"]["challenge"]
        return CollectedClientData.create(kind, challenge or asked, origin)

    def _json(self, response: dict[str, Any], results: dict[str, Any]) -> str:
        name = websafe_encode(self.id)
        return json.dumps(
            {
                "id": name,
                "rawId": name,
                "type": "public-key",
                "response": response,
                "clientExtensionResults": results,
            }
        )
