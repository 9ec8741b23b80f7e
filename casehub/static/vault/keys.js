// Whose keys open what: a member's pair and its openers, wraps of the vault key, the kit, codes, hand-overs, the
// vault itself. Formats to the byte: docs/reference/card-formats.md. Nothing here is stored, shown or sent.

import {
  Aes256Gcm,
  CipherSuite,
  DhkemX25519HkdfSha256,
  HkdfSha256,
  argon2idAsync,
  entropyToMnemonic,
  mnemonicToEntropy,
  wordlist,
} from "../vendor/vault/crypto.js";
import {
  Shut,
  fromBase64url,
  joined,
  openBox,
  openJson,
  padJson,
  place,
  random,
  rootKey,
  sealBox,
  sealJson,
  sub,
  subKey,
  toBase64url,
  unpadJson,
  utf8,
  versionOf,
} from "./box.js";

const KEY = 32;
const ENC = 32;
const X25519 = { name: "X25519" };
// The fixed start of an X25519 private key in PKCS #8 (RFC 8410): browsers take no raw one.
const PKCS8 = Uint8Array.from([48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 110, 4, 34, 4, 32]);
const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});
const FLOOR = { memory: 19_456, passes: 2, salt: 16 };
// A hub may not freeze the browser either.
const CEILING = { memory: 1_048_576, passes: 16 };
const AT_ONCE = 500;
const RECORD = 32;

/** What a passphrase costs in new openers: memory in KiB, and passes. */
export const NEW_COST = Object.freeze({ memory: 65_536, passes: 3 });

/** Passphrase parameters outside of what any hub may ask of this browser. */
export class TooWeak extends Error {
  name = "TooWeak";
}

/** The person did not go through with the passkey, or has none of those asked for here. */
export class Cancelled extends Error {
  name = "Cancelled";
}

/** This browser or passkey can't open a vault (no PRF). */
export class NoPasskey extends Error {
  name = "NoPasskey";
}

// Pairs

/** A new private key, 32 bytes: to be sealed under openers. */
export function newPrivateKey() {
  return random(KEY);
}

function importPublic(bytes) {
  return crypto.subtle.importKey("raw", bytes, X25519, true, []);
}

/**
 * The pair of a private key (32 bytes): {publicKey: bytes, privateKey, hpke, trust}, of which only publicKey is bytes.
 * The caller wipes the bytes it gave. Throws Shut.
 */
export async function pairOf(privateBytes) {
  if (privateBytes.length !== KEY) throw new Shut("length");
  const pkcs8 = new Uint8Array(PKCS8.length + KEY);
  pkcs8.set(PKCS8);
  pkcs8.set(privateBytes, PKCS8.length);
  try {
    const take = (extractable) => crypto.subtle.importKey("pkcs8", pkcs8, X25519, extractable, ["deriveBits"]);
    // The public half is computed from one that can be exported, which then goes.
    const { x } = await crypto.subtle.exportKey("jwk", await take(true));
    const publicKey = fromBase64url(x);
    const privateKey = await take(false);
    const hpke = { privateKey, publicKey: await importPublic(publicKey) };
    return { publicKey, privateKey, hpke, trust: await subKey(privateBytes, "casehub trust") };
  } finally {
    pkcs8.fill(0);
  }
}

/** Seals the members last seen under the member's own key. `where`: {agency, user, serial}. */
export function sealTrust(pair, where, trust) {
  return sealJson(pair.trust, place.trust(where), trust);
}

/** The members last seen. Throws Shut. */
export function openTrust(pair, where, box) {
  return openJson(pair.trust, place.trust(where), box);
}

// Openers

function checkCost({ memory, passes, salt }) {
  const fits = (value, floor, ceiling) => Number.isSafeInteger(value) && value >= floor && value <= ceiling;
  if (
    !fits(memory, FLOOR.memory, CEILING.memory) ||
    !fits(passes, FLOOR.passes, CEILING.passes) ||
    !(salt instanceof Uint8Array && salt.length >= FLOOR.salt)
  )
    throw new TooWeak("passphrase parameters");
}

/**
 * The opener's key of a passphrase: salt in bytes, memory in KiB. About a second; the page stays alive.
 * Throws TooWeak before anything is computed.
 */
export async function passphraseKey(passphrase, { salt, memory, passes }) {
  checkCost({ salt, memory, passes });
  const typed = utf8(passphrase.normalize("NFKC").trim());
  const output = await argon2idAsync(typed, salt, { m: memory, t: passes, p: 1, dkLen: KEY, version: 0x13 });
  typed.fill(0);
  const key = await subKey(output, "casehub opener passphrase");
  output.fill(0);
  return key;
}

/** The opener's key of a passkey's PRF output, 32 bytes. Throws Shut. */
export async function passkeyKey(output) {
  if (output.length !== KEY) throw new Shut("length");
  return subKey(output, "casehub opener passkey");
}

/** Seals the private key under an opener's key. `where`: {agency, user, publicKey}. */
export function sealOpener(key, where, privateBytes) {
  return sealBox(key, place.opener(where), privateBytes);
}

/** The private key, 32 bytes, which is that of `where.publicKey`. Throws Shut: also for a wrong passphrase. */
export async function openOpener(key, where, box) {
  const privateBytes = await openBox(key, place.opener(where), box);
  if (!same((await pairOf(privateBytes)).publicKey, where.publicKey)) throw new Shut("pair");
  return privateBytes;
}

function same(one, other) {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

/**
 * Asks for one of the passkeys [{id, salt}] (bytes; the salt is 32 long): {id, output}, output 32 bytes for its salt.
 * The challenge is thrown away: what counts is the secret, not the signature. Throws Cancelled or NoPasskey.
 */
export async function prfOf({ credentialIds, rpId, signal }) {
  if (!window.PublicKeyCredential || !credentialIds.length) throw new NoPasskey();
  const evalByCredential = Object.fromEntries(
    credentialIds.map(({ id, salt }) => [toBase64url(id), { first: salt }]),
  );
  const publicKey = {
    challenge: random(KEY),
    rpId,
    allowCredentials: credentialIds.map(({ id }) => ({ type: "public-key", id })),
    userVerification: "required",
    extensions: { prf: { evalByCredential } },
  };
  let given;
  try {
    given = await navigator.credentials.get({ publicKey, signal });
  } catch (error) {
    throw error.name === "NotAllowedError" || signal?.aborted ? new Cancelled() : new NoPasskey();
  }
  const first = given?.getClientExtensionResults().prf?.results?.first;
  if (!first || first.byteLength !== KEY) throw new NoPasskey();
  return { id: new Uint8Array(given.rawId), output: new Uint8Array(first) };
}

// HPKE, base mode, one message, no associated data

async function sealTo(publicKey, info, bytes) {
  try {
    const sender = await suite.createSenderContext({ recipientPublicKey: await importPublic(publicKey), info });
    const text = new Uint8Array(await sender.seal(bytes));
    const out = new Uint8Array(ENC + text.length);
    out.set(new Uint8Array(sender.enc));
    out.set(text, ENC);
    return out;
  } catch {
    throw new Shut("public key");
  }
}

async function openAs(pair, info, sealed) {
  try {
    const receiver = await suite.createRecipientContext({
      recipientKey: pair.hpke,
      enc: sealed.slice(0, ENC),
      info,
    });
    return new Uint8Array(await receiver.open(sealed.slice(ENC)));
  } catch {
    throw new Shut("hpke");
  }
}

// Wraps of the vault key

/** A new vault key, 32 bytes. */
export function newVaultKey() {
  return random(KEY);
}

function wrapParts({ agency, version, to }, receiver) {
  return ["casehub wrap", agency.toLowerCase(), version, to.toLowerCase(), receiver];
}

// Only sender and receiver can make it, and each for the other alone.
async function tagKey(pair, otherPublic, name) {
  try {
    const other = await importPublic(otherPublic);
    const shared = await crypto.subtle.deriveBits({ ...X25519, public: other }, pair.privateKey, 256);
    const raw = await sub(new Uint8Array(shared), name);
    return await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
  } catch {
    throw new Shut("public key");
  }
}

async function tagFor(key, parts) {
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, joined(...parts)));
}

// Throws Shut("tag").
async function checkTag(key, tag, parts) {
  if (!(await crypto.subtle.verify("HMAC", key, tag, joined(...parts)))) throw new Shut("tag");
}

/**
 * Wraps the vault key: {sealed, tag}. `where`: {agency, version, to}, `to` being the receiver's member key id or
 * "kit <number>"; `sender` is a pair, `receiver` 32 bytes. Throws Shut for a public key that is none.
 */
export async function wrap(where, { vaultKey, sender, receiver }) {
  const parts = wrapParts(where, receiver);
  const sealed = await sealTo(receiver, joined(...parts), vaultKey);
  return { sealed, tag: await tagFor(await tagKey(sender, receiver, "casehub wrap tag"), [...parts, sealed]) };
}

/** The vault key, 32 bytes, if `sender` (32 bytes) wrapped it for the pair `receiver`. Throws Shut. */
export async function unwrap(where, { sealed, tag, sender, receiver }) {
  const parts = wrapParts(where, receiver.publicKey);
  await checkTag(await tagKey(receiver, sender, "casehub wrap tag"), tag, [...parts, sealed]);
  const vaultKey = await openAs(receiver, joined(...parts), sealed);
  if (vaultKey.length !== KEY) throw new Shut("length");
  return vaultKey;
}

// The kit

/** A new kit's 32 bytes. */
export function newKit() {
  return random(KEY);
}

/** Its 24 words, one space between them. */
export function kitWords(bytes) {
  return entropyToMnemonic(bytes, wordlist);
}

function typedWords(words) {
  return words.normalize("NFKD").toLowerCase().split(/[^a-z]+/).filter(Boolean);
}

/** Which of the typed words (counted from 0) are on no kit: a slip of the pen is found before all is refused. */
export function unknownWords(words) {
  return typedWords(words).flatMap((word, i) => (wordlist.includes(word) ? [] : [i]));
}

/** The 32 bytes of 24 typed words; case, spaces, numbers and commas between them don't matter. Throws Shut. */
export function kitBytes(words) {
  const list = typedWords(words);
  if (list.length !== 24) throw new Shut("words");
  try {
    return mnemonicToEntropy(list.join(" "), wordlist);
  } catch {
    throw new Shut("words");
  }
}

/** The private key, 32 bytes, that a kit's bytes stand for at this agency. */
export function kitPrivateKey(bytes, agency) {
  return sub(bytes, `casehub kit ${agency.toLowerCase()}`);
}

/**
 * Proof for the hub that this browser holds the kit's pair: it answers the hub's challenge (a public key, 32 bytes) for
 * just this new member {id, public}, book and wraps, as they are posted. `where`: {agency, number}. Throws Shut.
 */
export async function proveKit({ agency, number }, { kit, challenge, member, book, wraps }) {
  const name = "casehub kit proof";
  const made = wraps.flatMap((one) => [one.version, one.to, fromBase64url(one.sealed), fromBase64url(one.tag)]);
  const said = [agency.toLowerCase(), number, member.id, fromBase64url(member.public), fromBase64url(book.sealed)];
  return tagFor(await tagKey(kit, challenge, name), [name, challenge, ...said, ...made]);
}

// Codes

/**
 * The code two people read to each other: 20 digits in four groups of five. `kind`: "member" (holder: the user's id)
 * or "handover" (holder: "agency").
 */
export async function codeOf({ kind, agency, holder, publicKey }) {
  const groups = [0, 1, 2, 3].map(async (i) => {
    const text = joined("casehub code", kind, agency.toLowerCase(), String(holder).toLowerCase(), publicKey, i);
    const digest = await crypto.subtle.digest("SHA-256", text);
    return String(new DataView(digest).getBigUint64(0) % 100_000n).padStart(5, "0");
  });
  return (await Promise.all(groups)).join(" ");
}

// Hand-over

function handoverParts({ sender, receiver, disclosure, dataClass }) {
  return ["casehub hand-over", ...[sender, receiver, disclosure].map((one) => one.toLowerCase()), dataClass];
}

/**
 * Seals named fields for one disclosure: {sealed, tag}. `where`: {sender, receiver, disclosure, dataClass}, agencies
 * and disclosure by id; `sender` is the sender's hand-over pair, `receiver` the other's public key, 32 bytes.
 * Throws Shut for a public key that is none.
 */
export async function sealHandover(where, { sender, receiver, fields }) {
  const parts = handoverParts(where);
  const sealed = await sealTo(receiver, joined(...parts, receiver), padJson(fields));
  const key = await tagKey(sender, receiver, "casehub hand-over tag");
  return { sealed, tag: await tagFor(key, [...parts, sender.publicKey, receiver, sealed]) };
}

/**
 * The named fields, if the holder of the public key `sender` (32 bytes) sealed them for the pair `receiver`. That the
 * key is the sender's the caller has to know: from the book, not from the hub. Throws Shut("tag") for a forged one,
 * before anything is opened, and Shut for the rest.
 */
export async function openHandover(where, { sealed, tag, sender, receiver }) {
  const parts = handoverParts(where);
  const key = await tagKey(receiver, sender, "casehub hand-over tag");
  await checkTag(key, tag, [...parts, sender, receiver.publicKey, sealed]);
  return unpadJson(await openAs(receiver, joined(...parts, receiver.publicKey), sealed));
}

// The tab

/** Seals what a tab keeps between pages under the session's half, 32 bytes. `where`: {agency, user}. */
export async function sealTab(half, where, value) {
  return sealJson(await subKey(half, "casehub tab"), place.tab(where), value);
}

/** What the tab kept. Throws Shut. */
export async function openTab(half, where, box) {
  return openJson(await subKey(half, "casehub tab"), place.tab(where), box);
}

// The vault

function uuid(bytes) {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function records(stream) {
  const bytes = stream instanceof Uint8Array ? stream : new Uint8Array(stream);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + RECORD > bytes.length) throw new Shut("stream");
    const end = at + RECORD + view.getUint32(at + 28);
    if (end > bytes.length) throw new Shut("stream");
    found.push({
      client: uuid(bytes.subarray(at, at + 16)),
      revision: view.getUint32(at + 16),
      savedAt: Number(view.getBigUint64(at + 20)),
      box: bytes.subarray(at + RECORD, end),
    });
    at = end;
  }
  return found;
}

/** An agency's vault, open: its newest key seals, every key it was given opens. Made by openVault(). */
class Vault {
  #keys;

  constructor(agency, keys) {
    this.agency = agency;
    this.#keys = keys;
    /** The version that seals. */
    this.version = Math.max(...keys.keys());
  }

  #key(kind, version) {
    const keys = this.#keys.get(version);
    if (!keys) throw new Shut("version");
    return keys[kind];
  }

  #where(where, version = this.version) {
    return { ...where, agency: this.agency, version };
  }

  async #open(kind, where, box, opened = openJson) {
    const version = versionOf(box);
    return opened(this.#key(kind, version), place[kind](this.#where(where, version)), box);
  }

  #seal(kind, where, value, sealed = sealJson) {
    return sealed(this.#key(kind, this.version), place[kind](this.#where(where)), value);
  }

  /** Seals a card for its row; `savedAt` in whole seconds since 1970. */
  sealCard({ client, revision, savedAt }, card) {
    return this.#seal("card", { client, revision, savedAt }, card);
  }

  /** The card of that row. Throws Shut. */
  openCard({ client, revision, savedAt }, box) {
    return this.#open("card", { client, revision, savedAt }, box);
  }

  /**
   * All cards of a stream, in its order: {client, revision, savedAt, version, card} or, for one that does not open,
   * {client, revision, savedAt, error}. Throws Shut for a stream that is cut off.
   */
  async openMany(stream) {
    const out = [];
    const all = records(stream);
    for (let i = 0; i < all.length; i += AT_ONCE) {
      const some = all.slice(i, i + AT_ONCE).map(async ({ box, ...row }) => {
        try {
          return { ...row, version: versionOf(box), card: await this.openCard(row, box) };
        } catch (error) {
          return { ...row, error };
        }
      });
      out.push(...(await Promise.all(some)));
    }
    return out;
  }

  sealBook({ serial }, book) {
    return this.#seal("book", { serial }, book);
  }

  /** The book. Throws Shut. */
  openBook({ serial }, box) {
    return this.#open("book", { serial }, box);
  }

  /** Seals the agency's hand-over private key, 32 bytes. */
  sealHandoverKey({ publicKey }, privateBytes) {
    return this.#seal("handoverKey", { publicKey }, privateBytes, sealBox);
  }

  /** The hand-over private key, 32 bytes. Throws Shut. */
  openHandoverKey({ publicKey }, box) {
    return this.#open("handoverKey", { publicKey }, box, openBox);
  }

  sealBulkCard({ source }, card) {
    return this.#seal("bulkCard", { source }, card);
  }

  /** A card from the agency-side tool's file. Throws Shut. */
  openBulkCard({ source }, box) {
    return this.#open("bulkCard", { source }, box);
  }

  /** Seals the key holders' file, with the agency's secrets in it. */
  sealHolders({ serial }, file) {
    return this.#seal("holders", { serial }, file);
  }

  /** The key holders' file. Throws Shut. */
  openHolders({ serial }, box) {
    return this.#open("holders", { serial }, box);
  }
}

async function boxKeys(vaultKey) {
  const key = await rootKey(vaultKey);
  const names = {
    card: "casehub cards",
    book: "casehub book",
    handoverKey: "casehub handover",
    bulkCard: "casehub bulk",
    holders: "casehub holders",
  };
  const keys = Object.entries(names).map(async ([kind, name]) => [kind, await subKey(key, name)]);
  return Object.fromEntries(await Promise.all(keys));
}

/**
 * Opens a vault from its raw keys, [{version, key}] (32 bytes each), which the caller keeps or wipes: the vault itself
 * holds none that can be read out. During a change of the key both versions are given. Throws Shut.
 */
export async function openVault({ agency, keys }) {
  if (!keys.length || keys.some(({ key }) => key.length !== KEY)) throw new Shut("length");
  const derived = await Promise.all(keys.map(async ({ version, key }) => [version, await boxKeys(key)]));
  return new Vault(agency, new Map(derived));
}
