"""Invented vault files: an agency with a founder, a newcomer she let in, and a kit."""

import json
from pathlib import Path

from referrals.agency_side import vaultbox
from referrals.agency_side.vaultbox import to_text

AGENCY = "6f1d3c5a-0b7e-4a52-9c11-2f8e4d6a7b01"
FOUNDER, NEWCOMER = "b2a4f6c8-13d5-4e7f-a9b1-c3d5e7f90103", "c3a4f6c8-13d5-4e7f-a9b1-c3d5e7f90104"
PASSPHRASES = {FOUNDER: "seven invented ducks", NEWCOMER: "un pato inventado ñ"}
KIT = bytes(range(32))
KIT_WORDS = vaultbox.kit_words(KIT)
KEYS = {1: bytes([1]) * 32, 2: bytes([2]) * 32}
PRIVATE = {FOUNDER: bytes([11]) * 32, NEWCOMER: bytes([12]) * 32}
_IDS = {FOUNDER: "94c6e8fa-0b1d-4f32-8465-768798a9ba06", NEWCOMER: "94c6e8fa-0b1d-4f32-8465-768798a9ba07"}


def vault(agency: str = AGENCY) -> vaultbox.Vault:
    return vaultbox.Vault(agency, KEYS)


def said(user: str = FOUNDER, *, agency: str = AGENCY, trust: bool = True, memory: int = 19_456) -> dict:
    """What the page of keys hands to `user`."""
    public = {one: vaultbox.public_of(private) for one, private in PRIVATE.items()}
    kit_private = vaultbox.kit_private_key(KIT, agency)
    receivers = {_IDS[one]: public[one] for one in PRIVATE} | {"kit 1": vaultbox.public_of(kit_private)}
    wraps = []
    for version, key in KEYS.items():
        for to, receiver in receivers.items():
            where = {"agency": agency, "version": version, "to": to}
            sealed, tag = vaultbox.wrap(where, vault_key=key, sender=PRIVATE[FOUNDER], receiver=receiver)
            wraps.append({"version": version, "to": to, "sender": to_text(public[FOUNDER]), "sealed": to_text(sealed),
                          "tag": to_text(tag)})  # fmt: skip
    members = [{"id": _IDS[one], "user": one, "public": to_text(public[one])} for one in PRIVATE]
    note_sealed = None
    if trust:
        note = {"v": 1, "version": 1, "members": {one["id"]: one for one in members}}
        where = {"agency": agency, "user": user, "serial": 3}
        box = to_text(vaultbox.seal_json("trust", PRIVATE[user], where, note))
        note_sealed = {"serial": 3, "sealed": box}
    cost = {"salt": b"invented salt 16", "memory": 19_456, "passes": 2}
    where = {"agency": agency, "user": user, "public_key": public[user]}
    opener = vaultbox.seal_box(
        "opener", vaultbox.passphrase_key(PASSPHRASES[user], **cost), where, PRIVATE[user]
    )
    return {
        "format": "casehub-vault/1",
        "agency": agency,
        "version": 2,
        "user": user,
        "me": {"id": _IDS[user], "public": to_text(public[user]), "trust": note_sealed},
        "members": members,
        "kit": {"number": 1, "public": to_text(receivers["kit 1"])},
        "openers": [
            {"kind": "passkey", "salt": "", "memory": 0, "passes": 0, "sealed": ""},
            {"kind": "passphrase", **cost, "salt": to_text(cost["salt"]),
             "memory": memory, "sealed": to_text(opener)},
        ],
        "wraps": wraps,
        "book": None,
    }  # fmt: skip


def write_vault(path: Path, file: dict | None = None) -> Path:
    path.write_text(json.dumps(file or said()))
    return path
