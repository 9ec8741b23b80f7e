// Makes tests/vault_vectors.json from fixed inputs, and rows as the hub streams
// them. What the file says is checked in vault_core.js; the agency-side tool is held to it too. Bytes are base64url.
import { argon2idAsync } from "/static/vendor/vault/crypto.js";
import * as box from "/static/vault/box.js";
import * as keys from "/static/vault/keys.js";

const { toBase64url: text, fromBase64url: bytes } = box;
// Fixed bytes that look like none in use.
const fixed = (seed, length = 32) => Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7 + 1) % 256);

const AGENCY = "6f1d3c5a-0b7e-4a52-9c11-2f8e4d6a7b01";
const PARTNER = "0c9a77de-51b2-4f0e-8d3a-9b6e12f4c502";
const USER = "b2a4f6c8-13d5-4e7f-a9b1-c3d5e7f90103";
const CLIENT = "3e5a7c9d-2f41-4b63-85a7-d9ebfc0d1e04";
const DISCLOSURE = "71b3d5f7-9a2c-4e60-b8d4-f60718293a05";
const MEMBER = "94c6e8fa-0b1d-4f32-8465-768798a9ba06";

const CARD = {
  v: 1,
  name: { used: "Rosalía O’Example", legal: "Rosalia Example", other: ["Rosie"] },
  birth: "1987-11-03",
  pronouns: "she/her",
  phone: { number: "555-0100", times: "after 6", voicemail: false },
  relations: [{ client: PARTNER, kind: "sibling" }],
  future: { kept: true },
  by: USER,
};
const BOOK = {
  v: 1,
  members: { [MEMBER]: { user: USER, public: text(fixed(9)) } },
  kit: { number: 1, public: text(fixed(10)) },
  partners: { [PARTNER]: { public: text(fixed(11)), by: USER, at: "2027-01-02T03:04:05Z" } },
};
const HOLDERS = { format: "casehub-keyholders/1", agency: "invented-house", holders: {}, commitments: {} };
const TRUST = { v: 1, version: 1, members: BOOK.members };

/** The whole file, with fresh randomness in what is sealed. */
export async function vectors() {
  const [vaultKey, second, senderPrivate, receiverPrivate, half] = [1, 2, 3, 4, 5].map((seed) => fixed(seed));
  const [sender, receiver] = [await keys.pairOf(senderPrivate), await keys.pairOf(receiverPrivate)];
  const kit = fixed(6);
  const kitPrivate = await keys.kitPrivateKey(kit, AGENCY);
  const kitPair = await keys.pairOf(kitPrivate);
  const vault = await keys.openVault({ agency: AGENCY, keys: [{ version: 7, key: vaultKey }] });

  const boxes = [];
  async function add(what, key, where, content, sealed) {
    const value = content instanceof Uint8Array ? { bytes: text(content) } : { json: content };
    boxes.push({ what, key: text(key), where, ...value, box: text(await sealed) });
  }
  const row = { client: CLIENT, revision: 3, savedAt: 1798761600 };
  const long = { ...CARD, alert: "x".repeat(700) };
  await add("card", vaultKey, { agency: AGENCY, version: 7, ...row }, CARD, vault.sealCard(row, CARD));
  await add("card", vaultKey, { agency: AGENCY, version: 7, ...row }, long, vault.sealCard(row, long));
  await add("card", vaultKey, { agency: AGENCY, version: 7, ...row }, {}, vault.sealCard(row, {}));
  await add("book", vaultKey, { agency: AGENCY, version: 7, serial: 12 }, BOOK, vault.sealBook({ serial: 12 }, BOOK));
  const handover = { publicKey: receiver.publicKey };
  await add(
    "handoverKey",
    vaultKey,
    { agency: AGENCY, version: 7, publicKey: text(receiver.publicKey) },
    receiverPrivate,
    vault.sealHandoverKey(handover, receiverPrivate),
  );
  await add(
    "bulkCard",
    vaultKey,
    { agency: AGENCY, version: 7, source: "row 17" },
    CARD,
    vault.sealBulkCard({ source: "row 17" }, CARD),
  );
  const at = { serial: 4 };
  await add("holders", vaultKey, { agency: AGENCY, version: 7, ...at }, HOLDERS, vault.sealHolders(at, HOLDERS));
  const trusted = { agency: AGENCY, user: USER, serial: 2 };
  await add("trust", senderPrivate, trusted, TRUST, keys.sealTrust(sender, trusted, TRUST));
  const tab = { agency: AGENCY, user: USER };
  await add("tab", half, tab, { keys: [text(vaultKey)] }, keys.sealTab(half, tab, { keys: [text(vaultKey)] }));

  const openers = [];
  const opener = { agency: AGENCY, user: USER, publicKey: sender.publicKey };
  for (const typed of [" \u00a0correct horse \uff42attery\u3000", "contraseña larga", "contrasen\u0303a larga"]) {
    const cost = { salt: fixed(12, 16), memory: 19_456, passes: 2 };
    const normal = box.utf8(typed.normalize("NFKC").trim());
    const output = await argon2idAsync(normal, cost.salt, { m: cost.memory, t: cost.passes, p: 1, dkLen: 32 });
    const key = await keys.passphraseKey(typed, cost);
    openers.push({
      kind: "passphrase",
      passphrase: typed,
      salt: text(cost.salt),
      memory: cost.memory,
      passes: cost.passes,
      key: text(await box.sub(output, "casehub opener passphrase")),
      box: text(await keys.sealOpener(key, opener, senderPrivate)),
    });
  }
  const output = fixed(13);
  const key = await keys.passkeyKey(output);
  openers.push({
    kind: "passkey",
    output: text(output),
    key: text(await box.sub(output, "casehub opener passkey")),
    box: text(await keys.sealOpener(key, opener, senderPrivate)),
  });

  const wraps = [];
  for (const [to, pair, secret] of [
    [MEMBER, receiver, receiverPrivate],
    ["kit 1", kitPair, kitPrivate],
  ]) {
    const where = { agency: AGENCY, version: 7, to };
    const { sealed, tag } = await keys.wrap(where, { vaultKey, sender, receiver: pair.publicKey });
    wraps.push({
      where,
      vaultKey: text(vaultKey),
      senderPrivate: text(senderPrivate),
      senderPublic: text(sender.publicKey),
      receiverPrivate: text(secret),
      receiverPublic: text(pair.publicKey),
      sealed: text(sealed),
      tag: text(tag),
    });
  }

  const [challengePrivate, newcomer] = [fixed(14), { id: MEMBER, public: text(receiver.publicKey) }];
  const asked = { challenge: (await keys.pairOf(challengePrivate)).publicKey, member: newcomer };
  const sent = {
    book: { sealed: boxes.find((one) => one.what === "book").box },
    wraps: wraps.slice(0, 1).map(({ where, sealed, tag }) => ({ version: where.version, to: where.to, sealed, tag })),
  };
  const kitProof = await keys.proveKit({ agency: AGENCY, number: 1 }, { kit: kitPair, ...asked, ...sent });

  const given = { sender: AGENCY, receiver: PARTNER, disclosure: DISCLOSURE, dataClass: "contact" };
  const fields = { name: { used: "Rosalía" }, phone: { number: "555-0100" } };
  const codes = [
    { kind: "member", agency: AGENCY, holder: USER, publicKey: text(sender.publicKey) },
    { kind: "handover", agency: PARTNER, holder: "agency", publicKey: text(receiver.publicKey) },
  ];
  for (const one of codes) one.code = await keys.codeOf({ ...one, publicKey: bytes(one.publicKey) });
  const handed = await keys.sealHandover(given, { sender, receiver: receiver.publicKey, fields });
  const streamed = boxes.filter((one) => one.what === "card");
  return {
    about: "Invented. Bytes are base64url. Made by tests/browser/vault_vectors.py; formats: docs/reference/card-formats.md",
    joined: { parts: ["casehub card", "", "é", 1798761600], bytes: text(box.joined("casehub card", "", "é", 1798761600)) },
    sub: [{ key: text(second), name: "casehub cards", bytes: text(await box.sub(second, "casehub cards")) }],
    pad: [0, 1, 508, 509, 1020, 1021].map((length) => ({ length, padded: box.pad(fixed(1, length)).length })),
    pairs: [
      { private: text(senderPrivate), public: text(sender.publicKey) },
      { private: text(receiverPrivate), public: text(receiver.publicKey) },
      { private: text(kitPrivate), public: text(kitPair.publicKey) },
    ],
    boxes,
    openers: { where: { ...opener, publicKey: text(sender.publicKey) }, private: text(senderPrivate), all: openers },
    wraps,
    kit: { agency: AGENCY, bytes: text(kit), words: keys.kitWords(kit), private: text(kitPrivate) },
    kitProof: {
      agency: AGENCY,
      number: 1,
      kitPrivate: text(kitPrivate),
      kitPublic: text(kitPair.publicKey),
      challengePrivate: text(challengePrivate),
      challenge: text(asked.challenge),
      member: newcomer,
      ...sent,
      proof: text(kitProof),
    },
    codes,
    handover: {
      where: given,
      senderPrivate: text(senderPrivate),
      senderPublic: text(sender.publicKey),
      receiverPrivate: text(receiverPrivate),
      receiverPublic: text(receiver.publicKey),
      json: fields,
      sealed: text(handed.sealed),
      tag: text(handed.tag),
    },
    stream: {
      key: text(vaultKey),
      agency: AGENCY,
      version: 7,
      cards: streamed.map((one) => one.json),
      bytes: text(streamOf(streamed.map((one) => ({ ...row, box: bytes(one.box) })))),
    },
  };
}

/** Rows {client, revision, savedAt, box} as the hub streams them. */
export function streamOf(rows) {
  const out = new Uint8Array(rows.reduce((sum, row) => sum + 32 + row.box.length, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const { client, revision, savedAt, box: sealed } of rows) {
    out.set(Uint8Array.from(client.replaceAll("-", "").match(/../g), (pair) => parseInt(pair, 16)), at);
    view.setUint32(at + 16, revision);
    view.setBigUint64(at + 20, BigInt(savedAt));
    view.setUint32(at + 28, sealed.length);
    out.set(sealed, at + 32);
    at += 32 + sealed.length;
  }
  return out;
}
