"""The tool and the browser core on the same boxes: each opens what the other sealed."""

import json

import pytest

from referrals.agency_side import vaultbox
from referrals.agency_side.vaultbox import from_text, to_text
from tests.browser.chromium import chromium
from tests.browser.vault_site import vault_site
from tests.referrals.agency_side.vaults import (
    AGENCY,
    FOUNDER,
    KEYS,
    KIT,
    KIT_WORDS,
    PASSPHRASES,
    PRIVATE,
    said,
    vault,
)

pytestmark = pytest.mark.browser

CARD = {"v": 1, "name": {"legal": "Zyxanariella O’Wex"}, "birth": "1987-03-19"}
PLACE = {"client": "3e5a7c9d-2f41-4b63-85a7-d9ebfc0d1e04", "revision": 3, "saved_at": 1798761600}
BOTH_WAYS = """async (given) => {
  const box = await import("/static/vault/box.js");
  const keys = await import("/static/vault/keys.js");
  const { toBase64url: text, fromBase64url: bytes } = box;
  const { agency, file, row, card } = given;
  const member = file.me;
  const opener = file.openers.find((one) => one.kind === "passphrase");
  const cost = { salt: bytes(opener.salt), memory: opener.memory, passes: opener.passes };
  const key = await keys.passphraseKey(given.passphrase, cost);
  const where = { agency, user: given.user, publicKey: bytes(member.public) };
  const pair = await keys.pairOf(await keys.openOpener(key, where, bytes(opener.sealed)));
  const trust = await keys.openTrust(pair, { agency, user: given.user, serial: 3 }, bytes(member.trust.sealed));
  const opened = [];
  const kit = await keys.pairOf(await keys.kitPrivateKey(keys.kitBytes(given.words), agency));
  for (const wrap of file.wraps) {
    const receiver = wrap.to === "kit 1" ? kit : wrap.to === member.id ? pair : null;
    if (!receiver) continue;
    const where = { agency, version: wrap.version, to: wrap.to };
    const [sealed, tag] = [bytes(wrap.sealed), bytes(wrap.tag)];
    const found = await keys.unwrap(where, { sealed, tag, sender: bytes(member.public), receiver });
    opened.push({ version: wrap.version, key: found });
  }
  const vault = await keys.openVault({ agency, keys: opened.slice(0) });
  const sides = { sender: pair, receiver: pair.publicKey, fields: card.value };
  const handed = await keys.sealHandover(given.handover.where, sides);
  const where2 = { agency, version: 2, to: member.id };
  const back = await keys.wrap(where2, { vaultKey: opened[0].key, sender: pair, receiver: pair.publicKey });
  return {
    keys: opened.map(({ key }) => text(key)),
    trust: trust.version,
    card: await vault.openCard(row, bytes(given.card)),
    bulk: await vault.openBulkCard({ source: given.source }, bytes(given.bulk)),
    handover: await keys.openHandover(given.handover.where, {
      sealed: bytes(given.handover.sealed), tag: bytes(given.handover.tag), sender: pair.publicKey, receiver: pair,
    }),
    words: keys.kitWords(keys.kitBytes(given.words)),
    code: await keys.codeOf({ kind: "member", agency, holder: given.user, publicKey: pair.publicKey }),
    sealedCard: text(await vault.sealCard(row, card.value)),
    sealedBulk: text(await vault.sealBulkCard({ source: given.source }, card.value)),
    sealedHandover: { sealed: text(handed.sealed), tag: text(handed.tag) },
    wrap: { sealed: text(back.sealed), tag: text(back.tag) },
  };
}""".replace("bytes(given.card)", "bytes(card.box)")


def test_each_opens_what_the_other_sealed():
    public = vaultbox.public_of(PRIVATE[FOUNDER])
    names = {"sender": AGENCY, "receiver": AGENCY, "disclosure": PLACE["client"]}
    sides = {"sender": PRIVATE[FOUNDER], "receiver": public}
    sealed, tag = vaultbox.seal_handover({**names, "data_class": "contact"}, fields=CARD, **sides)
    given = {
        "agency": AGENCY,
        "user": FOUNDER,
        "passphrase": PASSPHRASES[FOUNDER],
        "words": KIT_WORDS,
        "file": said(),
        "row": {"client": PLACE["client"], "revision": 3, "savedAt": PLACE["saved_at"]},
        "card": {"value": CARD, "box": to_text(vault().seal("card", PLACE, CARD))},
        "source": "0a" * 16,
        "bulk": to_text(vault().seal("bulk_card", {"source": "0a" * 16}, CARD)),
        "handover": {
            "where": {**names, "dataClass": "contact"},
            "sealed": to_text(sealed),
            "tag": to_text(tag),
        },
    }
    with vault_site() as site, chromium() as browser:
        page = browser.new_page()
        page.goto(site)
        found = page.evaluate(BOTH_WAYS, json.loads(json.dumps(given)))
    assert {from_text(key) for key in found["keys"]} == set(KEYS.values()) and len(found["keys"]) == 4
    assert found["trust"] == 1 and from_text(to_text(KIT)) == KIT
    assert found["card"] == found["bulk"] == found["handover"] == CARD
    assert found["words"] == KIT_WORDS
    assert found["code"] == vaultbox.code_of("member", AGENCY, FOUNDER, public)
    # And back.
    assert vault().open("card", PLACE, from_text(found["sealedCard"])) == CARD
    assert vault().open("bulk_card", {"source": "0a" * 16}, from_text(found["sealedBulk"])) == CARD
    handed = vaultbox.open_handover(
        {**names, "data_class": "contact"},
        **{name: from_text(text) for name, text in found["sealedHandover"].items()},
        sender=public,
        receiver=PRIVATE[FOUNDER],
    )
    assert handed == CARD
    where = {"agency": AGENCY, "version": 2, "to": said()["me"]["id"]}
    wrap = {name: from_text(text) for name, text in found["wrap"].items()}
    assert vaultbox.unwrap(where, **wrap, sender=public, receiver=PRIVATE[FOUNDER]) == from_text(
        found["keys"][0]
    )
