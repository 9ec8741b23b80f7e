"""Proof that a browser holds the private half of an X25519 key, which it does not show. Of which key, and for
what, the caller says. Format: docs/reference/card-formats.md, "Proof of the kit".
"""

import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agencies.vault.box import joined


def challenge(secret: bytes) -> bytes:
    """What is shown of a question that nobody but the holder of `secret` (32 bytes) could have asked."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def is_proof(tag: bytes, *, secret: bytes, public: bytes, name: str, parts: list[bytes]) -> bool:
    """Whether who made the tag over the parts holds the private half of `public`: or the secret, which never
    leaves the hub."""
    try:
        shared = X25519PrivateKey.from_private_bytes(secret).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
    except ValueError:  # a point of small order: everybody knows what it shares
        return False
    key = HKDF(hashes.SHA256(), 32, None, name.encode()).derive(shared)
    return hmac.compare_digest(hmac.digest(key, joined(*parts), "sha256"), tag)
