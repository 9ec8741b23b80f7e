"""What goes into the keyed function, and a keyed function with a local key for evaluation.

The oblivious function of the key holders (another module) has the same shape as `local`: inputs in, 16 bytes
each out, in the same order. To the byte: docs/reference/linkage-tokens.md.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence

from referrals.linkage import normalise
from referrals.linkage.keys import Person, composites

LENGTH = 16
# Aliases, halves and short forms add tokens. Of a person with more, tools leave names out.
MOST_TOKENS = 400
Keyed = Callable[[Sequence[bytes]], list[bytes]]


def joined(*parts: bytes) -> bytes:
    """Each part behind its length in four bytes, so that no two lists of parts are joined alike."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def inputs(person: Person, *, epoch: int) -> list[tuple[str, bytes]]:
    """Each token a person has, as the key's id and the keyed function's input."""
    version, when = str(normalise.VERSION).encode(), str(epoch).encode()
    return [(key, joined(key.encode(), version, when, value)) for key, value in composites(person)]


def local(secret: bytes) -> Keyed:
    """HMAC-SHA256 under a key on this machine: for evaluation and tests, never for tokens that are told.

    Raises ValueError if the secret has fewer than 16 bytes.
    """
    if len(secret) < LENGTH:
        raise ValueError("The secret needs 16 bytes or more.")

    def keyed(texts: Sequence[bytes]) -> list[bytes]:
        return [hmac.digest(secret, text, hashlib.sha256)[:LENGTH] for text in texts]

    return keyed


def tokens(person: Person, keyed: Keyed, *, epoch: int) -> list[tuple[str, bytes]]:
    """A person's tokens, each with its key's id. Raises ValueError if the keyed function returns another
    number of tokens or another length."""
    asked = inputs(person, epoch=epoch)
    answers = keyed([text for _, text in asked])
    if len(answers) != len(asked) or any(len(answer) != LENGTH for answer in answers):
        raise ValueError("The keyed function must return 16 bytes for each input.")
    return [(key, answer) for (key, _), answer in zip(asked, answers, strict=True)]
