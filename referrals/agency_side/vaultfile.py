"""Opening an agency's vault from the file that its keys page hands out, with a passphrase or the kit's words.

`vault.json`, all binary as base64url, ids as text:

- `format` "casehub-vault/1", `agency`, `user`, `version`: the newest one of the vault's key
- `me`: {`id`, `public`, `trust`: {`serial`, `sealed`} or null}, the member key of whom it was handed to
- `members`: [{`id`, `user`, `public`}], those who hold the key
- `kit`: {`number`, `public`} or null
- `openers`: [{`kind`, `salt`, `memory`, `passes`, `sealed`}] of `me`
- `wraps`: [{`version`, `to`: a member's id or "kit <number>", `sender`: a public key, `sealed`, `tag`}]

Whoever serves the file could make up a key of its own and have names sealed under it. So the newest key is
believed only if the member wrapped it for themself, if their own sealed note (`trust`) knows its sender, or
if a colleague has read the sender's code to the person at the keyboard.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from . import Refused
from .vaultbox import (
    Shut,
    Vault,
    code_of,
    from_text,
    kit_bytes,
    kit_private_key,
    open_json,
    open_opener,
    passphrase_key,
    public_of,
    unwrap,
)

_FORMAT = "casehub-vault/1"


class VaultFile:
    """A vault.json, read. Raises Refused for anything else."""

    def __init__(self, path: Path) -> None:
        try:
            said = json.loads(path.read_bytes())
            if said["format"] != _FORMAT:
                raise ValueError
            self.agency = str(said["agency"]).lower()
            self.version = int(said["version"])
            self._user = str(said["user"]).lower()
            self._me = dict(said["me"])
            self._members = list(said["members"])
            self._kit = said.get("kit")
            self._openers = list(said["openers"])
            self._wraps = list(said["wraps"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Refused(f"{path.name} is not the file from the hub's page of keys.") from None

    def open_with_passphrase(self, passphrase: str, *, sender_code: str = "") -> Vault:
        """The vault of the member whose passphrase this is. Raises Refused."""
        return self._guarded(lambda: self._as_member(passphrase, sender_code))

    def open_with_kit(self, words: str, *, sender_code: str = "") -> Vault:
        """The vault by the recovery kit's 24 words. Raises Refused."""
        return self._guarded(lambda: self._as_kit(words, sender_code))

    @staticmethod
    def _guarded(opened: Any) -> Vault:
        try:
            vault: Vault = opened()
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Refused("The file from the page of keys is damaged. Get it again.") from None
        return vault

    def _as_member(self, passphrase: str, sender_code: str) -> Vault:
        openers = [one for one in self._openers if one["kind"] == "passphrase"]
        if not openers:
            raise Refused(
                "The file holds no passphrase. Make one on the page of keys, then get the file again."
            )
        public = from_text(self._me["public"])
        where: dict[str, str | bytes | int] = {
            "agency": self.agency,
            "user": self._user,
            "public_key": public,
        }
        for opener in openers:
            salt = from_text(opener["salt"])
            key = passphrase_key(passphrase, salt=salt, memory=opener["memory"], passes=opener["passes"])
            try:
                private = open_opener(key, where, from_text(opener["sealed"]))
            except Shut:
                continue
            return self._vault(str(self._me["id"]).lower(), private, self._trusted(private), sender_code)
        raise Refused("The passphrase does not open this file. Is it yours at this agency?")

    def _as_kit(self, words: str, sender_code: str) -> Vault:
        if not self._kit:
            raise Refused("The agency has no recovery kit.")
        private = kit_private_key(kit_bytes(words), self.agency)
        if public_of(private) != from_text(self._kit["public"]):
            raise Refused(
                f"These words are not those of this agency's kit number {int(self._kit['number'])}."
            )
        return self._vault(f"kit {int(self._kit['number'])}", private, set(), sender_code)

    def _trusted(self, private: bytes) -> set[bytes]:
        """The public keys of those the member last saw, by their own sealed note."""
        if not (note := self._me.get("trust")):
            return set()
        where = {"agency": self.agency, "user": self._user, "serial": note["serial"]}
        seen = open_json("trust", private, where, from_text(note["sealed"]))
        if seen["version"] > self.version:
            raise Refused("The file holds an older key than you have seen already. Get it again.")
        return {from_text(one["public"]) for one in seen["members"].values()}

    def _vault(self, to: str, private: bytes, trusted: set[bytes], sender_code: str) -> Vault:
        keys: dict[int, bytes] = {}
        for one in self._wraps:
            if str(one["to"]).lower() != to:
                continue
            version, sender = int(one["version"]), from_text(one["sender"])
            keys[version] = unwrap(
                {"agency": self.agency, "version": version, "to": to},
                sealed=from_text(one["sealed"]),
                tag=from_text(one["tag"]),
                sender=sender,
                receiver=private,
            )
            if version == self.version and sender not in trusted | {public_of(private)}:
                self._compare(code_of("member", self.agency, self._holder(sender), sender), sender_code)
        if not keys or max(keys) != self.version:
            raise Refused(
                "The agency's newest key was not handed to you yet. Ask a colleague who has it to let you in."
            )
        return Vault(self.agency, keys)

    def _holder(self, public: bytes) -> str:
        """Whose key it is, by the file; the code shows whether that is so."""
        for one in self._members:
            if from_text(one["public"]) == public:
                return str(one["user"])
        raise Refused(
            "The agency's key was handed to you by somebody who does not hold it any more. Unlock the cards "
            "in your browser once, or ask a colleague to let you in again; then get the file again."
        )

    @staticmethod
    def _compare(code: str, heard: str) -> None:
        if not heard:
            raise Refused(
                f"The agency's key comes from a member whose code is {code}, and nothing of yours vouches "
                "for them. Have that colleague read their code from their own page of keys. If it is the "
                f'same, run this again with --sender "{code}". If it is not, stop and tell a supervisor.'
            )
        if re.sub(r"\D", "", heard) != re.sub(r"\D", "", code):
            raise Refused(
                f"The code you heard is not that of the member who made this key ({code}). Stop: whoever "
                "gave you the file may want to read what you seal. Tell a supervisor."
            )
