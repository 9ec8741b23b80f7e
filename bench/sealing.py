"""What sealing and opening a note, and uncovering a list's cards, costs beside AES-256-GCM alone."""

import os
import uuid
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agencies import vault
from agencies.scope import Actor, acting_as
from bench import figures
from bench.people import agency

NOTE = "Brought tea and a bus pass. " * 12
ROUNDS, TIMES = 500, 5
CARDS = 5_000


def run(report: figures.Report) -> None:
    """Adds the figures of sealing and opening, in microseconds a note."""
    made = agency("sealing")
    row = uuid.uuid4()
    place: dict[str, Any] = {"agency": made.pk, "place": "touchpoint.note", "row": row}
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
        _cards(report, made.pk, cipher, nonce)


def _cards(report: figures.Report, agency_id: int, cipher: AESGCM, nonce: bytes) -> None:
    """All of a list's cards out of the hub's own cover, each under its client's key."""
    card, clients = os.urandom(545), [uuid.uuid4() for _each in range(CARDS)]
    vault.make_subject_keys(agency_id, clients)
    where: dict[str, Any] = {"agency": agency_id, "place": "contactcard.sealed_e2e"}
    covered = {one: vault.seal(card, row=one, subject=one, **where) for one in clients}
    boxed = cipher.encrypt(nonce, card, b"place")

    def uncover() -> None:
        for one, box in covered.items():
            vault.unseal_bytes(box, row=one, subject=one, **where)

    def bare() -> None:
        for _each in clients:
            cipher.decrypt(nonce, boxed, b"place")

    ours = [figures.timed(uncover) * 1e3 for _ in range(TIMES)]
    alone = min(figures.timed(bare) * 1e3 for _ in range(TIMES))
    report.add(figures.Figure(f"{CARDS:,} cards uncovered by the hub", "ms", ours, bare=alone, goal=500.0))
