"""The box: what it hides, what it is bound to, and that nothing altered ever opens."""

import logging
import random
import uuid
from unittest import mock

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from agencies.vault import box as boxes
from agencies.vault.box import HEADER, NONCE_SIZE, VaultError, joined, padded, unpadded
from tests.agencies.vault.memory import Hub

CANARY = "Zephyrine Quill 1999-04-31"
ROW = uuid.UUID("11111111-2222-4333-8444-555555555555")
PLACE = {"agency": 1, "place": "client.code", "row": ROW}


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    keyring = Hub(tmp_path_factory.mktemp("hub")).process()
    for agency in (1, 2):
        keyring.open_agency_keys(agency)
    return keyring


@pytest.mark.parametrize("text", ["", "A-17", "naïve ✓ 日本語", "x" * 10_000, "nul\0byte"])
def test_a_box_opens_at_its_place(ring, text):
    assert ring.unseal(ring.seal(text, **PLACE), **PLACE) == text


def test_a_box_opens_as_the_database_hands_it_over_and_by_the_id_of_a_url(ring):
    box = ring.seal("A-17", **PLACE)
    assert ring.unseal(memoryview(box), **{**PLACE, "row": str(ROW)}) == "A-17"


@pytest.mark.parametrize(
    "elsewhere", [{}, {"agency": 2}, {"place": "client.note"}, {"place": "client.cod"}, {"row": uuid.uuid4()}]
)
def test_a_box_opens_nowhere_else(ring, elsewhere):
    box = ring.seal(CANARY, **PLACE)
    if not elsewhere:
        assert ring.unseal(box, **PLACE) == CANARY
        return
    with pytest.raises(VaultError, match=r"^could not open$"):
        ring.unseal(box, **{**PLACE, **elsewhere})


def test_without_the_binding_a_swapped_box_would_open(ring):
    """The sabotage: it is the associated data, and nothing else, that refuses the swaps above."""
    with mock.patch.object(boxes, "bound_to", return_value=b""):
        box = ring.seal(CANARY, **PLACE)
        assert ring.unseal(box, **{**PLACE, "place": "client.note", "row": 7}) == CANARY


def test_even_with_one_key_for_two_agencies_a_box_stays_its_agencys(ring):
    place = {"place": "client.code", "row": 1}
    cipher = AESGCM(bytes(32))
    box = boxes.seal_box(cipher, version=1, kind=boxes.OF_AGENCY, plain=b"A-17", agency=1, **place)
    assert boxes.open_box(cipher, box, agency=1, **place) == b"A-17"
    with pytest.raises(boxes.Shut):
        boxes.open_box(cipher, box, agency=2, **place)


def test_nothing_altered_opens(ring, caplog):
    """10,000 alterations: a bit anywhere, an end cut off or added, parts exchanged, another place."""
    caplog.set_level(logging.CRITICAL, "agencies.vault")
    dice = random.Random(20)
    texts = [CANARY, "", "A-17", "x" * 300]
    opened, refusals = [], set()
    for number in range(10_000):
        text = dice.choice(texts)
        box = bytearray(ring.seal(text, **PLACE))
        place = dict(PLACE)
        match number % 5:
            case 0 | 1:
                bit = dice.randrange(len(box) * 8)
                box[bit // 8] ^= 1 << bit % 8
            case 2:
                box = box[: dice.randrange(len(box))]
            case 3:
                other = ring.seal(dice.choice(texts), **PLACE)
                cut = dice.randrange(HEADER.size + NONCE_SIZE, len(box) - boxes.TAG_SIZE)
                box = box[:cut] + other[cut:]
            case 4:
                place |= dice.choice([{"agency": 2}, {"place": "client.note"}, {"row": dice.randrange(9**9)}])
        with pytest.raises(VaultError) as caught:
            opened.append((number, ring.unseal(bytes(box), **place)))
        refusals.add((str(caught.value), caught.value.__cause__, caught.value.__context__))
    assert opened == []
    assert refusals == {("could not open", None, None)}


@given(st.binary(max_size=200))
def test_no_bytes_but_ours_open_or_break_the_vault(ring, bytes_):
    with pytest.raises(VaultError):
        ring.unseal(bytes_, **PLACE)


def test_a_refusal_is_logged_without_a_value(ring, caplog):
    box = ring.seal(CANARY, **PLACE)
    for broken, place in [(box[:-1], PLACE), (box, {**PLACE, "row": "0-555-0100"})]:
        with pytest.raises(VaultError):
            ring.unseal(broken, **place)
    assert "the tag does not fit" in caplog.text
    assert "client.code" in caplog.text and str(ROW) in caplog.text
    for secret in (CANARY, "Zephyrine", box.hex(), repr(box), "0-555-0100"):
        assert secret not in caplog.text


def test_nothing_of_the_text_stands_in_the_box(ring):
    box = ring.seal(CANARY * 20, **PLACE)
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        for piece in ("Zephyrine", "Quill", "1999"):
            assert piece.encode(encoding) not in box


def test_no_nonce_comes_twice(ring):
    nonces = {ring.seal("", **PLACE)[HEADER.size : HEADER.size + NONCE_SIZE] for _ in range(100_000)}
    assert len(nonces) == 100_000


def test_a_fixed_nonce_would_be_noticed(ring):
    """The sabotage of the test above."""
    with mock.patch.object(boxes.os, "urandom", bytes):
        nonces = {ring.seal("", **PLACE)[HEADER.size : HEADER.size + NONCE_SIZE] for _ in range(10)}
    assert len(nonces) == 1


def test_the_size_of_a_box_tells_little(ring):
    sizes = {length: len(ring.seal("x" * length, **PLACE)) for length in range(300)}
    overhead = HEADER.size + NONCE_SIZE + boxes.TAG_SIZE
    assert sorted(set(sizes.values())) == [overhead + bucket for bucket in (32, 64, 128, 256, 512)]
    assert sizes[0] == sizes[28] and sizes[28] < sizes[29]


@given(st.text())
@settings(max_examples=300)
def test_padding_is_undone(text):
    try:
        plain = padded(text)
    except ValueError:
        with pytest.raises(UnicodeEncodeError):
            text.encode()
        return
    assert unpadded(plain) == text
    assert len(plain) & (len(plain) - 1) == 0


@given(st.lists(st.binary(max_size=6), max_size=5), st.lists(st.binary(max_size=6), max_size=5))
def test_no_two_places_are_spelled_alike(one, other):
    assert (joined(*one) == joined(*other)) == (one == other)


def test_text_that_is_no_unicode_is_refused_without_showing_it(ring):
    with pytest.raises(ValueError, match=r"^the text is not valid Unicode$") as caught:
        ring.seal(f"{CANARY}\ud800", **PLACE)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("row", [None, "", True, 1.5, b"1", object()])
def test_a_row_without_an_id_has_no_place(ring, row):
    with pytest.raises(TypeError):
        ring.seal("A-17", agency=1, place="client.code", row=row)


@pytest.mark.parametrize("box", [None, 5, "text", [1]])
def test_what_is_no_bytes_is_a_mistake_and_not_a_shut_box(ring, box):
    with pytest.raises(TypeError):
        ring.unseal(box, **PLACE)
