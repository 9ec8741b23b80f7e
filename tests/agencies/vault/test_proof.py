"""The hub's half of the proof of a kit, held to the vector that the browser's half is held to."""

import base64
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from agencies.vault import proof

VECTOR = json.loads((Path(__file__).parents[2] / "vault_vectors.json").read_text())["kitProof"]
NAME = "casehub kit proof"


def raw(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def said():
    parts = [NAME.encode(), raw(VECTOR["challenge"]), VECTOR["agency"].encode(), b"1"]
    parts += [VECTOR["member"]["id"].encode(), raw(VECTOR["member"]["public"]), raw(VECTOR["book"]["sealed"])]
    for one in VECTOR["wraps"]:
        parts += [str(one["version"]).encode(), one["to"].encode(), raw(one["sealed"]), raw(one["tag"])]
    return {
        "secret": raw(VECTOR["challengePrivate"]),
        "public": raw(VECTOR["kitPublic"]),
        "name": NAME,
        "parts": parts,
    }


def test_the_browsers_proof_is_one():
    assert proof.challenge(raw(VECTOR["challengePrivate"])) == raw(VECTOR["challenge"])
    assert proof.is_proof(raw(VECTOR["proof"]), **said())


@pytest.mark.parametrize("part", range(len(said()["parts"])))
def test_not_for_anything_else(part):
    other = said()
    other["parts"][part] += b"x"
    assert not proof.is_proof(raw(VECTOR["proof"]), **other)


def test_not_by_another_key_name_or_challenge():
    another = X25519PrivateKey.generate().public_key().public_bytes_raw()
    for other in ({"public": another}, {"secret": os.urandom(32)}, {"name": "casehub wrap tag"}):
        assert not proof.is_proof(raw(VECTOR["proof"]), **{**said(), **other})


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31)], ids=["zero", "one"])
def test_a_point_that_shares_the_same_with_everybody_proves_nothing(point):
    assert not proof.is_proof(raw(VECTOR["proof"]), **{**said(), "public": point})
