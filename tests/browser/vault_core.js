// The checks of test_vault_core.py, as page code under the hub's policy: each gives what is wrong, in words.
import { DhkemX25519HkdfSha256, HkdfSha256 } from "/static/vendor/vault/crypto.js";
import * as box from "/static/vault/box.js";
import * as card from "/static/vault/card.js";
import * as keys from "/static/vault/keys.js";
import { streamOf } from "/checks/vault_vectors.js";

const { toBase64url: text, fromBase64url: bytes, Shut } = box;
const AGENCY = "6f1d3c5a-0b7e-4a52-9c11-2f8e4d6a7b01";
const OTHER = "0c9a77de-51b2-4f0e-8d3a-9b6e12f4c502";
const hex = (digits) => Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16));
const json = JSON.stringify;

// The same numbers in every run (mulberry32).
function dice(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function faults() {
  const found = [];
  const say = (what, truth) => truth || found.push(what);
  const equals = (what, one, other) => say(`${what}: ${json(one)} is not ${json(other)}`, json(one) === json(other));
  const fails = async (what, work, kind = Shut) => {
    try {
      await work();
      found.push(`${what}: opened`);
    } catch (error) {
      if (!(error instanceof kind)) found.push(`${what}: ${error.name}: ${error.message}`);
    }
  };
  return { found, say, equals, fails };
}

async function vectors(all) {
  const { found, equals } = faults();
  equals("joined", text(box.joined(...all.joined.parts)), all.joined.bytes);
  for (const one of all.sub) equals("sub", text(await box.sub(bytes(one.key), one.name)), one.bytes);
  for (const { length, padded } of all.pad) {
    equals("padded", box.pad(new Uint8Array(length)).length, padded);
    equals("unpadded", box.unpad(box.pad(new Uint8Array(length).fill(7))).length, length);
  }
  for (const one of all.pairs) equals("pair", text((await keys.pairOf(bytes(one.private))).publicKey), one.public);
  for (const { what, key, where, box: sealed, ...content } of all.boxes) {
    const at = where.publicKey ? { ...where, publicKey: bytes(where.publicKey) } : where;
    const open = {
      trust: async () => keys.openTrust(await keys.pairOf(bytes(key)), at, bytes(sealed)),
      tab: () => keys.openTab(bytes(key), at, bytes(sealed)),
    };
    const fromVault = async () => {
      const vault = await keys.openVault({ agency: at.agency, keys: [{ version: at.version, key: bytes(key) }] });
      return vault[`open${what[0].toUpperCase()}${what.slice(1)}`](at, bytes(sealed));
    };
    const opened = await (open[what] ?? fromVault)();
    equals(what, opened instanceof Uint8Array ? text(opened) : opened, content.bytes ?? content.json);
  }
  const where = { ...all.openers.where, publicKey: bytes(all.openers.where.publicKey) };
  for (const one of all.openers.all) {
    const key =
      one.kind === "passkey"
        ? await keys.passkeyKey(bytes(one.output))
        : await keys.passphraseKey(one.passphrase, { ...one, salt: bytes(one.salt) });
    equals(one.kind, text(await keys.openOpener(key, where, bytes(one.box))), all.openers.private);
  }
  for (const one of all.wraps) {
    const receiver = await keys.pairOf(bytes(one.receiverPrivate));
    const given = { sealed: bytes(one.sealed), tag: bytes(one.tag), sender: bytes(one.senderPublic), receiver };
    equals("wrap", text(await keys.unwrap(one.where, given)), one.vaultKey);
  }
  equals("words", keys.kitWords(bytes(all.kit.bytes)), all.kit.words);
  const typed = all.kit.words.split(" ").map((word, i) => `${i + 1}. ${word.toUpperCase()},`).join("\n");
  equals("typed words", text(keys.kitBytes(typed)), all.kit.bytes);
  equals("kit", text(await keys.kitPrivateKey(bytes(all.kit.bytes), all.kit.agency)), all.kit.private);
  const kit = await keys.pairOf(bytes(all.kitProof.kitPrivate));
  const proof = await keys.proveKit(all.kitProof, { ...all.kitProof, kit, challenge: bytes(all.kitProof.challenge) });
  equals("kit proof", text(proof), all.kitProof.proof);
  for (const one of all.codes) equals("code", await keys.codeOf({ ...one, publicKey: bytes(one.publicKey) }), one.code);
  const pair = await keys.pairOf(bytes(all.handover.receiverPrivate));
  const handed = {
    sealed: bytes(all.handover.sealed),
    tag: bytes(all.handover.tag),
    sender: bytes(all.handover.senderPublic),
    receiver: pair,
  };
  const fields = await keys.openHandover(all.handover.where, handed);
  equals("hand-over", fields, all.handover.json);
  const { agency, version, key } = all.stream;
  const vault = await keys.openVault({ agency, keys: [{ version, key: bytes(key) }] });
  const rows = await vault.openMany(bytes(all.stream.bytes));
  equals("stream", rows.map((row) => row.card), all.stream.cards);
  // Browsers of before 2025 have neither of these.
  const [from, to] = [Uint8Array.fromBase64, Uint8Array.prototype.toBase64];
  const every = Array.from({ length: 9000 }, (_, i) => i % 256);
  const modern = [0, 1, 2, 3, 9000].map((length) => text(Uint8Array.from(every.slice(0, length))));
  Uint8Array.fromBase64 = Uint8Array.prototype.toBase64 = undefined;
  equals("older base64url", [0, 1, 2, 3, 9000].map((length) => text(Uint8Array.from(every.slice(0, length)))), modern);
  equals("read by an older one", modern.map((one) => text(bytes(one))), modern);
  [Uint8Array.fromBase64, Uint8Array.prototype.toBase64] = [from, to];
  return found;
}

async function rfc9180() {
  const { found, equals } = faults();
  // RFC 9180, A.1.1: the key encapsulation of this suite. The whole suite is held to another library's in Python.
  const kem = new DhkemX25519HkdfSha256();
  kem.init?.(new HkdfSha256());
  const pair = await keys.pairOf(hex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"));
  equals("public", text(pair.publicKey), text(hex("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d")));
  const enc = hex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431");
  const secret = new Uint8Array(await kem.decap({ recipientKey: pair.hpke, enc }));
  equals("secret", text(secret), text(hex("fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc")));
  return found;
}

const wrongCard = {
  bit: (one, roll) => (one.sealed[roll(one.sealed.length)] ^= 1 << roll(8)),
  cut: (one, roll) => (one.sealed = one.sealed.slice(0, roll(one.sealed.length))),
  longer: (one, roll) => (one.sealed = Uint8Array.from([...one.sealed, roll(256)])),
  client: (one) => (one.where.client = OTHER),
  agency: (one) => (one.vault = "other agency"),
  revision: (one, roll) => (one.where.revision += 1 + roll(9)),
  savedAt: (one, roll) => (one.where.savedAt -= 1 + roll(9)),
  version: (one) => (one.sealed[4] = 2),
  unknown: (one) => (one.sealed[4] = 9),
  key: (one) => (one.vault = "other key"),
  kind: (one) => (one.open = "openBook"),
  nothing: (one) => Object.assign(one.where, { revision: undefined }),
};

async function mutations(times) {
  const { found, equals, fails } = faults();
  const roll = dice(3);
  const [first, second] = [keys.newVaultKey(), keys.newVaultKey()];
  const both = [{ version: 1, key: first }, { version: 2, key: second }];
  const vaults = {
    own: await keys.openVault({ agency: AGENCY, keys: both.slice(0, 1) }),
    "other agency": await keys.openVault({ agency: OTHER, keys: both }),
    "other key": await keys.openVault({ agency: AGENCY, keys: [{ version: 1, key: second }] }),
    both: await keys.openVault({ agency: AGENCY, keys: both }),
  };
  const where = { client: AGENCY, revision: 4, savedAt: 1_800_000_000, serial: 4 };
  const content = { v: 1, name: { used: "Rosalía Example" } };
  const sealed = await vaults.own.sealCard(where, content);
  equals("untouched", await vaults.both.openCard({ ...where }, sealed.slice()), content);
  for (let done = 0; done < times; done += 500) {
    const some = Array.from({ length: Math.min(500, times - done) }, async (_, i) => {
      const [name, change] = Object.entries(wrongCard)[(done + i) % Object.keys(wrongCard).length];
      const one = { where: { ...where }, sealed: sealed.slice(), vault: "both", open: "openCard" };
      change(one, roll);
      await fails(name, () => vaults[one.vault][one.open](one.where, one.sealed));
    });
    await Promise.all(some);
  }
  equals("seals with the newest", box.versionOf(await vaults.both.sealCard(where, content)), 2);
  return found.slice(0, 20);
}

async function costs() {
  const { found, say, fails } = faults();
  const fine = { salt: box.random(16), memory: 19_456, passes: 2 };
  const wrong = [
    { memory: 19_455 }, { memory: 8 }, { memory: "65536" }, { memory: NaN }, { memory: 19_456.5 }, { memory: 2 ** 31 },
    { passes: 1 }, { passes: 0 }, { passes: 1e6 }, { passes: undefined }, { salt: box.random(15) }, { salt: "x".repeat(16) },
  ];
  const began = performance.now();
  for (const one of wrong) {
    await fails(json(one), () => keys.passphraseKey("correct horse battery", { ...fine, ...one }), keys.TooWeak);
  }
  say("a refusal took its time", performance.now() - began < 150);
  const where = { agency: AGENCY, user: OTHER, publicKey: new Uint8Array(32) };
  const [privateBytes, another] = [keys.newPrivateKey(), keys.newPrivateKey()];
  where.publicKey = (await keys.pairOf(privateBytes)).publicKey;
  const key = await keys.passphraseKey("correct horse battery", fine);
  const sealed = await keys.sealOpener(key, where, privateBytes);
  say("opener", text(await keys.openOpener(key, where, sealed)) === text(privateBytes));
  await fails("a wrong passphrase", async () => {
    await keys.openOpener(await keys.passphraseKey("correct horse batterz", fine), where, sealed);
  });
  await fails("another's opener", () => keys.openOpener(key, { ...where, user: AGENCY }, sealed));
  const swapped = await keys.sealOpener(key, where, another);
  await fails("another private key", () => keys.openOpener(key, where, swapped));
  return found;
}

async function wraps() {
  const { found, say, fails } = faults();
  const raws = [1, 2, 3, 4].map(() => keys.newPrivateKey());
  const [ana, ben, cy, hub] = await Promise.all(raws.map(keys.pairOf));
  const where = { agency: AGENCY, version: 3, to: OTHER };
  const vaultKey = keys.newVaultKey();
  const given = await keys.wrap(where, { vaultKey, sender: ana, receiver: ben.publicKey });
  const fine = { ...given, sender: ana.publicKey, receiver: ben };
  const open = (changed = {}, at = {}) => keys.unwrap({ ...where, ...at }, { ...fine, ...changed });
  say("wrap", text(await open()) === text(vaultKey));
  const flipped = (of) => Uint8Array.from(of, (byte, i) => (i ? byte : byte ^ 1));
  await fails("another sender", () => open({ sender: cy.publicKey }));
  await fails("sender and receiver swapped", () => open({ sender: ben.publicKey, receiver: ana }));
  await fails("another receiver", () => open({ receiver: cy }));
  await fails("another agency", () => open({}, { agency: OTHER }));
  await fails("another version", () => open({}, { version: 4 }));
  await fails("for another", () => open({}, { to: "kit 1" }));
  await fails("a changed tag", () => open({ tag: flipped(given.tag) }));
  await fails("no tag", () => open({ tag: new Uint8Array() }));
  await fails("changed bytes", () => open({ sealed: flipped(given.sealed) }));
  await fails("cut bytes", () => open({ sealed: given.sealed.slice(0, 20) }));
  await fails("a public key of nobody", () => open({ sender: new Uint8Array(32) }));
  const hubs = await keys.wrap(where, { vaultKey: keys.newVaultKey(), sender: hub, receiver: ben.publicKey });
  await fails("the hub's own key as Ana's", () => open(hubs));
  await fails("the hub's bytes with Ana's tag", () => open({ sealed: hubs.sealed }));
  await fails("a wrap for nobody", () => keys.wrap(where, { vaultKey, sender: ana, receiver: new Uint8Array(32) }));
  for (const format of ["pkcs8", "jwk"]) {
    await fails(`a key that leaves as ${format}`, () => crypto.subtle.exportKey(format, ana.privateKey), DOMException);
  }
  const vault = await keys.openVault({ agency: AGENCY, keys: [{ version: 3, key: vaultKey }] });
  say("a vault that says its key", json(vault) === json({ agency: AGENCY, version: 3 }));
  const handover = { sender: AGENCY, receiver: OTHER, disclosure: AGENCY, dataClass: "contact" };
  const handed = await keys.sealHandover(handover, { sender: ana, receiver: ben.publicKey, fields: { a: 1 } });
  const hand = (changed, at = {}) =>
    keys.openHandover({ ...handover, ...at }, { ...handed, sender: ana.publicKey, receiver: ben, ...changed });
  say("a hand-over opens", json(await hand({})) === json({ a: 1 }));
  for (const [name, value] of Object.entries({ sender: OTHER, receiver: AGENCY, disclosure: OTHER, dataClass: "x" })) {
    await fails(`hand-over: another ${name}`, () => hand({}, { [name]: value }));
  }
  await fails("hand-over: another key", () => hand({ receiver: cy }));
  await fails("hand-over: another sender's key", () => hand({ sender: cy.publicKey }));
  await fails("hand-over: a changed tag", () => hand({ tag: flipped(handed.tag) }));
  await fails("hand-over: no tag", () => hand({ tag: new Uint8Array() }));
  await fails("hand-over: changed bytes", () => hand({ sealed: flipped(handed.sealed) }));
  const made = await keys.sealHandover(handover, { sender: hub, receiver: ben.publicKey, fields: { a: 2 } });
  await fails("hand-over: the hub's own as Ana's", () => hand(made));
  await fails("hand-over: the hub's bytes with Ana's tag", () => hand({ sealed: made.sealed }));
  const trust = await keys.sealTrust(ana, { agency: AGENCY, user: OTHER, serial: 1 }, {});
  await fails("older trust", () => keys.openTrust(ana, { agency: AGENCY, user: OTHER, serial: 2 }, trust));
  await fails("another's trust", () => keys.openTrust(ben, { agency: AGENCY, user: OTHER, serial: 1 }, trust));
  const half = box.random(32);
  const tab = await keys.sealTab(half, { agency: AGENCY, user: OTHER }, {});
  await fails("a tab of another session", () => keys.openTab(box.random(32), { agency: AGENCY, user: OTHER }, tab));
  const words = keys.kitWords(keys.newKit()).split(" ");
  await fails("23 words", () => keys.kitBytes(words.slice(1).join(" ")));
  await fails("a wrong word", () => keys.kitBytes(["zzz", ...words.slice(1)].join(" ")));
  const first = words.findIndex((word) => word !== words[0]);
  await fails("words in another order", () =>
    keys.kitBytes([words[first], ...words.slice(1, first), words[0], ...words.slice(first + 1)].join(" ")),
  );
  say("the unknown word is told", json(keys.unknownWords("abandon zzz zoo")) === "[1]");
  await fails("padding base64url", () => bytes("AA=="));
  return found;
}

async function streams() {
  const { found, equals, fails } = faults();
  const key = keys.newVaultKey();
  const vault = await keys.openVault({ agency: AGENCY, keys: [{ version: 1, key }] });
  const newer = await keys.openVault({ agency: AGENCY, keys: [{ version: 2, key: keys.newVaultKey() }] });
  const row = { client: OTHER, revision: 1, savedAt: 1_800_000_000 };
  const stream = streamOf([
    { ...row, box: await vault.sealCard(row, { v: 1 }) },
    { ...row, box: await newer.sealCard(row, { v: 1 }) },
    { ...row, box: new Uint8Array() },
    { ...row, box: await vault.sealCard(row, { v: 1, alert: "x" }) },
  ]);
  const opened = await vault.openMany(stream.buffer);
  equals("rows", opened.map((one) => one.card?.v ?? one.error.name), [1, "Shut", "Shut", 1]);
  equals("row", [opened[0].client, opened[0].revision, opened[0].savedAt, opened[0].version], [OTHER, 1, row.savedAt, 1]);
  equals("no rows", await vault.openMany(new Uint8Array()), []);
  await fails("a stream cut in a card", () => vault.openMany(stream.slice(0, -1)));
  await fails("a stream cut in a row", () => vault.openMany(stream.slice(0, 20)));
  return found;
}

function merges(times) {
  const { found, say, equals } = faults();
  const roll = dice(5);
  const paths = [
    ["name", "used"], ["name", "legal"], ["birth"], ["pronouns"], ["code_word"], ["language"], ["alert"], ["ids", "ssn4"],
    ["new field"], ["new group", "inner"], ["phone", "number"], ["phone", "times"], ["phone", "voicemail"],
    ["address"], ["address_safe"], ["emergency", "name"], ["emergency", "phone"], ["emergency", "relation"],
  ];
  const whole = (path) => (path[0] === "address_safe" ? "address" : ["phone", "emergency"].includes(path[0]) ? path[0] : json(path));
  const lists = [["name", "other"], ["relations"]];
  const value = () => ["", "Ana", "Bea", "Cy", undefined, true, 3][roll(7)];
  const filled = (card_, n) => {
    let out = card_;
    for (let i = 0; i < n; i++) out = card.withField(out, paths[roll(paths.length)], value());
    return out;
  };
  const sorted = (one) =>
    one && typeof one === "object" && !Array.isArray(one)
      ? Object.fromEntries(Object.keys(one).sort().map((key) => [key, sorted(one[key])]))
      : one;
  const same = (what, one, other) => equals(what, sorted(one), sorted(other));
  for (let i = 0; i < times && found.length < 10; i++) {
    const base = filled({ v: 1 }, 8);
    const [mine, theirs] = [filled(base, 1 + roll(3)), filled(base, 1 + roll(3))];
    same("only mine", card.merge(base, mine, base).merged, mine);
    same("only theirs", card.merge(base, base, theirs).merged, theirs);
    same("both the same", card.merge(base, mine, mine), { merged: mine, conflicts: [] });
    const { merged, conflicts } = card.merge(base, mine, theirs);
    const back = card.merge(base, theirs, mine);
    const names = (all) => all.map((one) => json(one.path)).sort();
    equals("conflicts either way", names(conflicts), names(back.conflicts));
    let chosen = merged;
    for (const one of conflicts) chosen = card.withField(chosen, one.path, one.mine);
    same("mine chosen", chosen, back.merged);
    const asked = new Set(conflicts.map((one) => whole(one.path)));
    for (const path of paths) {
      const [b, m, t, out] = [base, mine, theirs, merged].map((one) => card.fieldAt(one, path));
      if (asked.has(whole(path))) continue;
      const expected = json(m) === json(b) || (b === undefined && m === "") ? t : m;
      say(`${json(path)} of ${json([base, mine, theirs])} is ${json(out)}`, json(out) === json(expected));
    }
  }
  const base = { v: 1, phone: { number: "555-0100", voicemail: false }, name: { other: ["Rosie"] }, by: "a", x: { y: [1] } };
  const mine = { ...base, phone: { number: "555-0199", voicemail: false }, name: { other: ["Rosie", "Rose"] }, by: "b" };
  const theirs = { ...base, phone: { number: "555-0100", voicemail: true }, name: { other: ["Ro"] }, by: "c", z: null };
  const { merged, conflicts } = card.merge(base, mine, theirs);
  equals("a number never gets another's safety", conflicts.map((one) => one.path), [["phone", "number"], ["phone", "voicemail"]]);
  same("merged", merged, { ...theirs, name: { other: ["Ro", "Rose"] }, by: "b" });
  for (const path of lists) say(json(path), card.fieldAt(card.withField({}, path, ["a"]), path)[0] === "a");
  const odd = card.merge({}, { phone: "555-0100" }, { phone: { number: "555-0199" } });
  equals("a field of another shape", odd.conflicts, [{ path: ["phone"], mine: "555-0100", theirs: { number: "555-0199" } }]);
  equals("blank is absent", card.merge({ v: 1 }, { v: 1, alert: "", ids: { other: [] } }, { v: 1, alert: "y" }).conflicts, []);
  equals("both typed", card.merge({}, { alert: "x" }, { alert: "y" }), {
    merged: { alert: "y" },
    conflicts: [{ path: ["alert"], mine: "x", theirs: "y" }],
  });
  return found;
}

function searches() {
  const { found, equals } = faults();
  const one = {
    name: { used: "Rosalía O’Hara-Núñez", legal: "Rosalia Ohara", other: ["Łucja"] },
    birth: "1987-11-03",
    phone: { number: "+1 (555) 010-0123" },
    ids: { ssn4: "6789", other: ["KH 22"] },
    address: "9 Elm Street",
  };
  const right = [
    "", "rosalia", "ROSALÍA", "hara", "o'hara", "ohara", "o hara nunez", "nunez rosa", "ohara-nunez", "lucja", "1987", "1987-11-03",
    "11/3/1987", "11031987", "555-010", "5550100123", "(555) 010 0123", "+1 555 010 0123", "0123", "6789", "kh 22",
  ];
  const wrong = ["osalia", "elm", "ana", "rosalia x", "555-9", "1988"];
  for (const query of right) equals(query, card.matches(query, one), true);
  for (const query of wrong) equals(query, card.matches(query, card.searchText(one)), false);
  equals("李", card.matches("李", { name: { used: "李小龍" } }), true);
  equals("the name", card.displayName(one), "Rosalía O’Hara-Núñez");
  equals("a legal name", card.displayName({ name: { used: " ", legal: "B" } }), "B");
  equals("no name", [card.displayName({}), card.sortKey({}), card.searchText({})], ["", "", "  "]);
  equals("sorted", [{ name: { used: "Ñ" } }, { name: { used: "o" } }].map(card.sortKey), ["n", "o"]);
  const here = [
    { client: "same", card: { name: { used: "Ohara Rosalia" }, birth: "1987-11-03" } },
    { client: "slip", card: { name: { used: "Rosaila Ohara" }, birth: "1987-11-03" } },
    { client: "initials", card: { name: { used: "R. O." }, birth: "1987-11-03" } },
    { client: "phone", card: { phone: { number: "555 010 0123" } } },
    { client: "twin", card: { name: { used: "Ben Smith" }, birth: "1987-11-03" } },
    { client: "namesake", card: { name: { legal: "ROSALÍA OHARA" }, birth: "1990-01-01" } },
    { client: "blank", card: {} },
    { client: "shut", error: {} },
  ];
  equals(
    "likely",
    Object.fromEntries(card.likely(one, here).map(({ client, reasons }) => [client, reasons.join()])),
    { same: "birth,name", slip: "birth", initials: "initials", phone: "phone", namesake: "name" },
  );
  return found;
}

/** 5,000 invented cards of about a KiB as a stream, with what opens it. For the checks' times and the bench. */
async function manyCards(count) {
  const roll = dice(7);
  const given = ["Ana", "Bea", "Carmen", "Dora", "Elena", "Fay", "Grace", "Hana"];
  const family = ["Example", "Sample", "Invented", "Madeup", "Pretend", "Specimen"];
  const vault = await keys.openVault({ agency: AGENCY, keys: [{ version: 1, key: keys.newVaultKey() }] });
  const rows = [];
  const plain = [];
  for (let i = 0; i < count; i++) {
    const row = { client: crypto.randomUUID(), revision: 1 + roll(9), savedAt: 1_800_000_000 + i };
    const content = {
      v: 1,
      name: { used: `${given[roll(8)]} ${family[roll(6)]}${i}`, legal: `${given[roll(8)]} ${family[roll(6)]}`, other: [] },
      birth: `19${50 + roll(50)}-0${1 + roll(9)}-1${roll(10)}`,
      phone: { number: `555-01${String(i).padStart(5, "0")}`, times: "after 6", voicemail: false },
      address: "1 Invented Street, Sampleton",
      alert: "x".repeat(500),
      by: OTHER,
    };
    plain.push(json(content));
    rows.push({ ...row, box: await vault.sealCard(row, content) });
  }
  return { vault, rows, plain, stream: streamOf(rows) };
}

/** Milliseconds of each of `rounds`: all cards opened and searchable, one opened, bare JSON.parse, a search, a check. */
async function times(count, rounds) {
  const { vault, rows, plain, stream } = await manyCards(count);
  const out = { all: [], one: [], parse: [], search: [], likely: [], bytes: stream.length };
  const timed = async (name, work, often = 1) => {
    const began = performance.now();
    for (let i = 0; i < often; i++) await work();
    out[name].push((performance.now() - began) / often);
  };
  for (let i = 0; i < rounds; i++) {
    let opened, texts;
    await timed("all", async () => {
      opened = await vault.openMany(stream);
      texts = opened.map((row) => card.searchText(row.card));
    });
    await timed("parse", () => plain.map((one) => JSON.parse(one)));
    await timed("one", () => vault.openCard(rows[i], rows[i].box), 50);
    await timed("search", () => texts.filter((one) => card.matches("ana exa", one)));
    await timed("likely", () => card.likely(opened[0].card, opened));
  }
  return out;
}

window.refused = [];
document.addEventListener("securitypolicyviolation", (event) => window.refused.push(event.violatedDirective));
window.checks = { vectors, rfc9180, mutations, costs, wraps, streams, merges, searches };
window.times = times;
window.vault = { box, card, keys };
