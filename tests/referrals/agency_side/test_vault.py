"""The card's formats in Python against the browser's vectors, and what must never open."""

import json
import random
from pathlib import Path

import pytest

from referrals.agency_side import Refused, vaultbox

VECTORS = json.loads((Path(__file__).resolve().parents[2] / "vault_vectors.json").read_text())
_NAMES = {"handoverKey": "handover_key", "bulkCard": "bulk_card"}


def raw(text: str) -> bytes:
    return vaultbox.from_text(text)


def place(where: dict) -> dict:
    named = {"savedAt": "saved_at", "publicKey": "public_key", "dataClass": "data_class"}
    place = {named.get(name, name): value for name, value in where.items()}
    if "public_key" in place:
        place["public_key"] = raw(place["public_key"])
    return place


def what(vector: dict) -> str:
    return _NAMES.get(vector["what"], vector["what"])


def test_the_pieces_are_the_browsers():
    assert vaultbox.joined(*VECTORS["joined"]["parts"]) == raw(VECTORS["joined"]["bytes"])
    for one in VECTORS["sub"]:
        assert vaultbox.sub(raw(one["key"]), one["name"]) == raw(one["bytes"])
    for one in VECTORS["pad"]:
        padded = vaultbox.pad(bytes(one["length"]))
        assert len(padded) == one["padded"] and vaultbox.unpad(padded) == bytes(one["length"])
    for one in VECTORS["pairs"]:
        assert vaultbox.public_of(raw(one["private"])) == raw(one["public"])
    with pytest.raises(ValueError, match="from 0"):
        vaultbox.joined(-1)
    assert vaultbox.joined("ab", "c") != vaultbox.joined("a", "bc")


@pytest.mark.parametrize("vector", VECTORS["boxes"], ids=lambda one: one["what"])
def test_every_box_opens_and_is_sealed_alike(vector):
    key, where = raw(vector["key"]), place(vector["where"])
    content = raw(vector["bytes"]) if "bytes" in vector else None
    found = vaultbox.open_box(what(vector), key, where, raw(vector["box"]))
    assert (found if content is not None else vaultbox.unpad_json(found)) == (content or vector.get("json"))
    again = vaultbox.seal_box(what(vector), key, where, found)
    assert again != raw(vector["box"]) and len(again) == len(raw(vector["box"]))
    assert vaultbox.open_box(what(vector), key, where, again) == found


@pytest.mark.parametrize("vector", VECTORS["boxes"], ids=lambda one: one["what"])
def test_no_box_opens_changed_elsewhere_or_by_another_key(vector):
    key, where, box = raw(vector["key"]), place(vector["where"]), raw(vector["box"])
    chance = random.Random(3)
    for _ in range(300):
        spoiled = bytearray(box)
        spoiled[chance.randrange(len(box))] ^= 1 << chance.randrange(8)
        with pytest.raises(vaultbox.Shut):
            vaultbox.open_box(what(vector), key, where, bytes(spoiled))
    for length in {0, 4, 5, 17, 32, len(box) - 1, *chance.sample(range(len(box)), 20)}:
        with pytest.raises(vaultbox.Shut):
            vaultbox.open_box(what(vector), key, where, box[:length])
    for part, value in where.items():
        moved = value + 1 if isinstance(value, int) else value + (b"x" if isinstance(value, bytes) else "x")
        with pytest.raises(vaultbox.Shut):
            vaultbox.open_box(what(vector), key, {**where, part: moved}, box)
    with pytest.raises(vaultbox.Shut):
        vaultbox.open_box(what(vector), bytes([key[0] ^ 1]) + key[1:], where, box)
    for other in {"card", "book", "bulk_card", "trust", "tab"} - {what(vector)}:
        anything = {"agency": "", "client": "", "revision": 0, "saved_at": 0, "serial": 0, "source": "",
                    "user": "", "version": 0, **where}  # fmt: skip
        with pytest.raises(vaultbox.Shut):
            vaultbox.open_box(other, key, anything, box)


def test_padding_is_only_what_pad_makes():
    good = vaultbox.pad_json({"a": 1})
    for spoiled in (good[:-1], good + b"\0", good[:-1] + b"\1", good[:256], b"\xff\xff\xff\xff" + good[4:],
                    b"", b"\0\0"):  # fmt: skip
        with pytest.raises(vaultbox.Shut):
            vaultbox.unpad(spoiled)
    for text in (b"{", b"NaN", b"\xff", b"[" * 100_000, b"\xef\xbb\xbf{}"):
        with pytest.raises(vaultbox.Shut):
            vaultbox.unpad_json(vaultbox.pad(text))


def test_openers_give_the_same_key_and_open():
    where, private = place(VECTORS["openers"]["where"]), raw(VECTORS["openers"]["private"])
    for one in VECTORS["openers"]["all"]:
        if one["kind"] == "passkey":
            key = vaultbox.passkey_key(raw(one["output"]))
        else:
            cost = {"salt": raw(one["salt"]), "memory": one["memory"], "passes": one["passes"]}
            key = vaultbox.passphrase_key(one["passphrase"], **cost)
            assert vaultbox.passphrase_key(one["passphrase"] + "x", **cost) != key
        assert key == raw(one["key"])
        assert vaultbox.open_opener(key, where, raw(one["box"])) == private
        with pytest.raises(vaultbox.Shut):
            vaultbox.open_opener(key, {**where, "user": "x"}, raw(one["box"]))
    other = {**where, "public_key": bytes(32)}
    with pytest.raises(vaultbox.Shut, match="not that of"):
        vaultbox.open_opener(key, other, vaultbox.seal_box("opener", key, other, private))


@pytest.mark.parametrize(
    "weak",
    [{"memory": 19_455}, {"passes": 1}, {"salt": bytes(15)}, {"memory": 2**31}, {"passes": 17}, {"passes": 2.0},
     {"passes": True}],
)  # fmt: skip
def test_a_weak_or_freezing_passphrase_cost_is_refused(weak):
    with pytest.raises(Refused, match="too weak or too costly"):
        vaultbox.passphrase_key("x", **{"salt": bytes(16), "memory": 19_456, "passes": 2, **weak})


@pytest.mark.parametrize("one", VECTORS["wraps"], ids=lambda one: one["where"]["to"])
def test_wraps_open_for_their_receiver_from_their_sender_only(one):
    where = one["where"]
    good = {"sealed": raw(one["sealed"]), "tag": raw(one["tag"]), "sender": raw(one["senderPublic"]),
            "receiver": raw(one["receiverPrivate"])}  # fmt: skip
    assert vaultbox.unwrap(where, **good) == raw(one["vaultKey"])
    sealed, tag = vaultbox.wrap(where, vault_key=raw(one["vaultKey"]), sender=raw(one["senderPrivate"]),
                                receiver=raw(one["receiverPublic"]))  # fmt: skip
    assert vaultbox.unwrap(where, **{**good, "sealed": sealed, "tag": tag}) == raw(one["vaultKey"])
    spoil = [{name: bytes([value[0] ^ 1]) + value[1:]} for name, value in good.items() if name != "receiver"]
    spoil += [{"sealed": good["sealed"][:31]}, {"sealed": b""}, {"tag": b""}, {"sender": bytes(32)},
              {"sender": b"x"}, {"receiver": raw(VECTORS["pairs"][0]["private"])}]  # fmt: skip
    for change in spoil:
        with pytest.raises(vaultbox.Shut):
            vaultbox.unwrap(where, **{**good, **change})
    for change in ({"agency": "x"}, {"version": 8}, {"to": "kit 2"}):
        with pytest.raises(vaultbox.Shut):
            vaultbox.unwrap({**where, **change}, **good)
    with pytest.raises(vaultbox.Shut):
        vaultbox.wrap(where, vault_key=bytes(32), sender=bytes(32), receiver=b"x")


def test_the_kit_is_its_words():
    kit = VECTORS["kit"]
    data, words = raw(kit["bytes"]), kit["words"]
    assert vaultbox.kit_words(data) == words
    numbered = " ".join(f"{at}. {word.upper()}," for at, word in enumerate(words.split(), 1))
    assert vaultbox.kit_bytes(words) == vaultbox.kit_bytes(numbered) == data
    assert vaultbox.kit_private_key(data, kit["agency"].upper()) == raw(kit["private"])
    for edge in (bytes(32), b"\xff" * 32):
        assert vaultbox.kit_bytes(vaultbox.kit_words(edge)) == edge
    spelled = words.split()
    with pytest.raises(vaultbox.Shut, match="these are 23"):
        vaultbox.kit_bytes(" ".join(spelled[1:]))
    with pytest.raises(vaultbox.Shut, match="word number 3"):
        vaultbox.kit_bytes(" ".join([*spelled[:2], "casehub", *spelled[3:]]))
    with pytest.raises(vaultbox.Shut, match="no kit's"):
        vaultbox.kit_bytes(" ".join([spelled[1], spelled[0], *spelled[2:]]))


def test_a_changed_word_list_is_noticed(monkeypatch):
    monkeypatch.setattr(vaultbox, "_WORDS_SHA256", "0" * 64)
    vaultbox._word_list.cache_clear()
    with pytest.raises(Refused, match="changed"):
        vaultbox.kit_words(bytes(32))


def test_codes_are_the_browsers():
    for one in VECTORS["codes"]:
        code = vaultbox.code_of(one["kind"], one["agency"].upper(), one["holder"], raw(one["publicKey"]))
        assert code == one["code"]


def test_a_hand_over_opens_for_its_disclosure_only():
    one = VECTORS["handover"]
    where, sealed, tag = place(one["where"]), raw(one["sealed"]), raw(one["tag"])
    given = {"sealed": sealed, "tag": tag, "sender": raw(one["senderPublic"])}
    given["receiver"] = raw(one["receiverPrivate"])
    assert vaultbox.open_handover(where, **given) == one["json"]
    sides = {"sender": raw(one["senderPrivate"]), "receiver": raw(one["receiverPublic"])}
    again = dict(
        zip(("sealed", "tag"), vaultbox.seal_handover(where, fields=one["json"], **sides), strict=True)
    )
    assert vaultbox.open_handover(where, **given | again) == one["json"]
    for part in where:
        with pytest.raises(vaultbox.Shut):
            vaultbox.open_handover({**where, part: "x"}, **given)
    for name in ("receiver", "sender", "tag"):
        with pytest.raises(vaultbox.Shut):
            vaultbox.open_handover(where, **given | {name: bytes(32)})
    with pytest.raises(vaultbox.Shut, match="not sealed by the agency"):
        vaultbox.open_handover(where, **given | {"sealed": again["sealed"]})
    for length in (0, 31, 32, 47, len(sealed) - 1):
        with pytest.raises(vaultbox.Shut):
            vaultbox.open_handover(where, **given | {"sealed": sealed[:length]})


def test_a_stream_opens_whole_or_not_at_all():
    one = VECTORS["stream"]
    stream = raw(one["bytes"])
    vault = vaultbox.Vault(one["agency"], {one["version"]: raw(one["key"]), 2: bytes(32)})

    def cards(stream: bytes) -> list:
        return [
            vault.open(
                "card", {"client": row.client, "revision": row.revision, "saved_at": row.saved_at}, row.box
            )
            for row in vaultbox.read_stream(stream)
        ]

    assert cards(stream) == one["cards"]
    for cut in (1, 31, 600, 400):
        with pytest.raises(vaultbox.Shut, match="cut off"):
            cards(stream[:-cut])
    for at in (0, 17, 27):
        with pytest.raises(vaultbox.Shut):
            cards(stream[:at] + bytes([stream[at] ^ 1]) + stream[at + 1 :])
    with pytest.raises(vaultbox.Shut, match="not handed"):
        vaultbox.Vault(one["agency"], {8: bytes(32)}).open("card", {}, next(vaultbox.read_stream(stream)).box)


@pytest.mark.parametrize("text", ["a", "a=", "a+b/", None, 3, "ä"])
def test_only_base64url_is_read(text):
    with pytest.raises(vaultbox.Shut):
        vaultbox.from_text(text)
