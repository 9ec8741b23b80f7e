"""What sealing and opening a note costs, beside AES-256-GCM alone on the same bytes."""

import os
import uuid

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agencies import vault
from agencies.scope import Actor, acting_as
from bench import figures
from bench.people import agency

NOTE = "Brought tea and a bus pass. " * 12
ROUNDS, TIMES = 500, 5


def run(report: figures.Report) -> None:
    """Adds the figures of sealing and opening, in microseconds a note."""
    made = agency("sealing")
    row = uuid.uuid4()
    place = {"agency": made.pk, "place": "touchpoint.note", "row": row}
    cipher, nonce, text = AESGCM(os.urandom(32)), os.urandom(12), NOTE.encode()
    boxed = cipher.encrypt(nonce, text, b"place")
    with acting_as(Actor.hub(made)):
        sealed = vault.seal(NOTE, **place)

        def micro(work) -> list[float]:  # type: ignore[no-untyped-def]
            def many() -> None:
                for _ in range(ROUNDS):
                    work()

            return [figures.timed(many) / ROUNDS * 1e6 for _ in range(TIMES)]

        for what, ours, bare in (
            ("seal a note", lambda: vault.seal(NOTE, **place), lambda: cipher.encrypt(nonce, text, b"place")),
            (
                "open a note",
                lambda: vault.unseal(sealed, **place),
                lambda: cipher.decrypt(nonce, boxed, b"place"),
            ),
        ):
            report.add(figures.Figure(what, "µs", micro(ours), bare=min(micro(bare))))
