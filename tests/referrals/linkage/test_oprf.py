"""The oblivious function against RFC 9497's own vectors, and the shared key against the whole one."""

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from referrals.linkage import oprf

VECTORS = json.loads((Path(__file__).parent / "oprf_vectors.json").read_text())
SEED, INFO = bytes.fromhex(VECTORS["seed"]), bytes.fromhex(VECTORS["info"])
PAIRS = [oprf.pair(1, 2), oprf.pair(1, 3), oprf.pair(2, 3)]


def unhexed(vector: dict, name: str) -> list[bytes]:
    return [bytes.fromhex(part) for part in vector[name]]


@pytest.mark.parametrize("place", range(2))
def test_the_plain_mode_gives_the_rfcs_values(place):
    vector = VECTORS["oprf"]["vectors"][place]
    key = oprf.derive_key(SEED, INFO, mode=oprf.Mode.OPRF)
    assert key.hex() == VECTORS["oprf"]["key"]
    (text,), (by,) = unhexed(vector, "input"), unhexed(vector, "blind")
    scalar, blinded = oprf.blind(text, mode=oprf.Mode.OPRF, by=by)
    assert [blinded] == unhexed(vector, "blinded")
    evaluated = oprf.evaluate(key, [blinded])
    assert evaluated == unhexed(vector, "evaluated")
    assert oprf.finish([text], [scalar], evaluated) == unhexed(vector, "output")
    assert [oprf.output(key, text, mode=oprf.Mode.OPRF)] == unhexed(vector, "output")


@pytest.mark.parametrize("place", range(3))
def test_the_verifiable_mode_gives_the_rfcs_values(place):
    vector = VECTORS["voprf"]["vectors"][place]
    key = oprf.derive_key(SEED, INFO)
    assert key.hex() == VECTORS["voprf"]["key"] and oprf.public(key).hex() == VECTORS["voprf"]["public"]
    texts, blinds = unhexed(vector, "input"), unhexed(vector, "blind")
    blinded = [oprf.blind(text, by=by)[1] for text, by in zip(texts, blinds, strict=True)]
    assert blinded == unhexed(vector, "blinded")
    evaluated, proof = oprf.evaluate_proven(key, blinded, nonce=bytes.fromhex(vector["nonce"]))
    assert evaluated == unhexed(vector, "evaluated") and proof.hex() == vector["proof"]
    oprf.check(oprf.public(key), blinded, evaluated, proof)
    assert oprf.finish(texts, blinds, evaluated) == unhexed(vector, "output")
    assert [oprf.output(key, text) for text in texts] == unhexed(vector, "output")


def answered(*, count: int = 5) -> tuple[bytes, list[bytes], list[bytes], bytes]:
    key = oprf.derive_key(bytes(32), b"a key")
    blinded = [oprf.blind(b"%d" % number)[1] for number in range(count)]
    evaluated, proof = oprf.evaluate_proven(key, blinded)
    return oprf.public(key), blinded, evaluated, proof


def test_no_answer_passes_under_another_key():
    public, blinded, evaluated, proof = answered()
    oprf.check(public, blinded, evaluated, proof)
    with pytest.raises(oprf.BadProof):
        oprf.check(oprf.public(oprf.derive_key(bytes(32), b"other")), blinded, evaluated, proof)


@pytest.mark.parametrize("place", range(5))
def test_one_wrong_answer_among_many_is_noticed(place):
    public, blinded, evaluated, proof = answered()
    evaluated[place] = oprf.evaluate(oprf.derive_key(bytes(32), b"other"), [blinded[place]])[0]
    with pytest.raises(oprf.BadProof):
        oprf.check(public, blinded, evaluated, proof)


def test_answers_in_another_order_are_noticed():
    public, blinded, evaluated, proof = answered()
    with pytest.raises(oprf.BadProof):
        oprf.check(public, blinded, evaluated[::-1], proof)


def test_no_changed_bit_of_a_proof_passes():
    public, blinded, evaluated, proof = answered(count=1)
    for bit in random.Random(4).sample(range(512), 40):
        changed = bytearray(proof)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(oprf.BadProof):
            oprf.check(public, blinded, evaluated, bytes(changed))


def test_a_proof_that_was_not_looked_at_lets_a_wrong_answer_through(monkeypatch):
    """Sabotage: without its comparison `check` is decoration."""
    public, blinded, evaluated, proof = answered()
    monkeypatch.setattr(oprf.hmac, "compare_digest", lambda *_: True)
    oprf.check(public, blinded, evaluated[::-1], proof)


@pytest.mark.parametrize(
    "wrong",
    [bytes(32), b"\xff" * 32, b"\x01" + bytes(31), b"short", (oprf.ORDER).to_bytes(32, "little")],
    ids=["the identity", "not canonical", "negative", "short", "the order"],
)
def test_what_is_no_element_is_refused(wrong):
    key = oprf.derive_key(bytes(32), b"a key")
    with pytest.raises(oprf.Invalid):
        oprf.evaluate(key, [wrong])
    public, blinded, evaluated, proof = answered()
    with pytest.raises(oprf.Invalid):
        oprf.check(public, blinded, [wrong, *evaluated[1:]], proof)
    with pytest.raises(oprf.Invalid):
        oprf.finish([b"x"], [oprf.blind(b"x")[0]], [wrong])


def test_too_few_answers_are_refused():
    public, blinded, evaluated, proof = answered()
    for some in ([], evaluated[:-1]):
        with pytest.raises(oprf.Invalid):
            oprf.check(public, blinded, some, proof)
    with pytest.raises(oprf.Invalid):
        oprf.evaluate_proven(oprf.derive_key(bytes(32), b"a key"), [])


def test_a_text_that_is_too_long_is_refused():
    oprf.blind(bytes(oprf.MOST))
    with pytest.raises(oprf.Invalid):
        oprf.blind(bytes(oprf.MOST + 1))


def test_the_same_text_is_blinded_anew_each_time():
    assert oprf.blind(b"x")[1] != oprf.blind(b"x")[1]


# Two of three.


@pytest.mark.parametrize("asked", PAIRS, ids=str)
def test_any_two_holders_give_what_the_whole_key_gives(asked):
    key = oprf.derive_key(SEED, INFO)
    dealt = oprf.deal(key)
    texts = [b"one", b"another", b"x" * 300]
    blinds, blinded = zip(*map(oprf.blind, texts), strict=True)
    answers = []
    for holder in asked:
        share = oprf.weighted(dealt.shares[holder], holder, asked)
        evaluated, proof = oprf.evaluate_proven(share, blinded)
        oprf.check(oprf.weighted_public(dealt.commitments[holder], holder, asked), blinded, evaluated, proof)
        answers.append(evaluated)
    assert oprf.finish(texts, blinds, oprf.joined(*answers)) == [oprf.output(key, text) for text in texts]
    assert oprf.joint_public(dealt.commitments) == oprf.public(key)


@pytest.mark.parametrize("liar", [1, 3])
def test_a_wrong_share_fails_its_own_holders_proof_only(liar):
    dealt, asked = oprf.deal(), oprf.pair(1, 3)
    blinded = [oprf.blind(b"x")[1]]
    for holder in asked:
        share = dealt.shares[2 if holder == liar else holder]
        evaluated, proof = oprf.evaluate_proven(oprf.weighted(share, holder, asked), blinded)
        expected = oprf.weighted_public(dealt.commitments[holder], holder, asked)
        if holder == liar:
            with pytest.raises(oprf.BadProof):
                oprf.check(expected, blinded, evaluated, proof)
        else:
            oprf.check(expected, blinded, evaluated, proof)


def test_an_answer_for_another_pair_does_not_pass():
    dealt = oprf.deal()
    blinded = [oprf.blind(b"x")[1]]
    evaluated, proof = oprf.evaluate_proven(oprf.weighted(dealt.shares[1], 1, oprf.pair(1, 2)), blinded)
    with pytest.raises(oprf.BadProof):
        oprf.check(oprf.weighted_public(dealt.commitments[1], 1, oprf.pair(1, 3)), blinded, evaluated, proof)


def test_a_holder_answers_for_its_own_pairs_only():
    dealt = oprf.deal()
    with pytest.raises(oprf.Invalid):
        oprf.weighted(dealt.shares[3], 3, oprf.pair(1, 2))
    for wrong in [(1, 1), (0, 1), (3, 4)]:
        with pytest.raises(oprf.Invalid):
            oprf.pair(*wrong)


def test_a_dealer_who_deals_off_the_line_is_noticed():
    """Else each pair would give tokens of its own, and nobody would be linked."""
    dealt, other = oprf.deal(), oprf.deal()
    oprf.joint_public(dealt.commitments)
    for holder in oprf.HOLDERS:
        with pytest.raises(oprf.Invalid):
            oprf.joint_public({**dealt.commitments, holder: other.commitments[holder]})


def test_one_share_says_nothing_of_the_key():
    """A share fits every key: for another key there is a line through it, too."""
    key, other = oprf.derive_key(SEED, INFO), oprf.derive_key(SEED, b"other")
    share = int.from_bytes(oprf.deal(key).shares[2], "little")
    slope = (share - int.from_bytes(other, "little")) * pow(2, -1, oprf.ORDER) % oprf.ORDER
    assert (int.from_bytes(other, "little") + 2 * slope) % oprf.ORDER == share
    assert oprf.deal(key).shares != oprf.deal(key).shares


def test_no_library_is_left_in_the_temporary_folder(tmp_path):
    """rbcl leaves one at each import: a holder that is restarted often would fill the disk."""
    left = {}
    for module in ("rbcl", "referrals.linkage.oprf"):
        place = tmp_path / module
        place.mkdir()
        subprocess.run(
            [sys.executable, "-c", f"import {module}"],
            cwd=Path(__file__).resolve().parents[3],
            env={"TMPDIR": str(place), "PATH": ""},
            check=True,
        )
        left[module] = len(list(place.iterdir()))
    assert left == {"rbcl": 1, "referrals.linkage.oprf": 0}


@pytest.mark.parametrize(
    ("has", "found"),
    [("no key", 0), ("one holder's share", 0), ("two holders' shares", 1000)],
)
def test_a_dictionary_opens_stolen_tokens_with_two_holders_keys_only(has, found):
    """The thief has every token, every public half and the very names in question."""
    dealt = oprf.deal()
    asked = oprf.pair(1, 2)
    weighted = [int.from_bytes(oprf.weighted(dealt.shares[n], n, asked), "little") for n in asked]
    key = (sum(weighted) % oprf.ORDER).to_bytes(32, "little")
    names = [b"planted %d" % number for number in range(1000)]
    stolen = {oprf.output(key, name)[:16] for name in names}
    keys = {
        "no key": [oprf.derive_key(hashlib.sha256(dealt.commitments[n]).digest(), b"") for n in oprf.HOLDERS],
        "one holder's share": [
            dealt.shares[1],
            *(oprf.weighted(dealt.shares[1], 1, oprf.pair(1, n)) for n in (2, 3)),
        ],
        "two holders' shares": [key],
    }[has]
    assert sum(oprf.output(tried, name)[:16] in stolen for tried in keys for name in names) == found


def test_fingerprints_tell_epochs_apart():
    first, second = oprf.deal(), oprf.deal()
    assert oprf.fingerprint(first.commitments) != oprf.fingerprint(second.commitments)
    assert len(oprf.fingerprint(first.commitments).split()) == 8
