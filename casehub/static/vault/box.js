// Bytes and boxes, as docs/reference/card-formats.md has them: what is sealed, and where its box belongs.
// Whose keys these are and how a person comes by them stands in keys.js; what a card says, in card.js.

const FORMAT = 1;
const HEADER = 5;
const NONCE = 12;
const TAG = 16;
const LEAST_PADDED = 512;
const NOWHERE = new Uint8Array();
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whatever does not open: a wrong key, another place, bytes that were changed. `why` is for tests, never shown. */
export class Shut extends Error {
  constructor(why = "") {
    super("does not open");
    this.name = "Shut";
    this.why = why;
  }
}

/** The text as bytes. */
export function utf8(text) {
  return encoder.encode(text);
}

/** Bytes as text for JSON and attributes, without padding. */
export function toBase64url(bytes) {
  if (bytes.toBase64) return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The bytes again. Throws Shut for anything but base64url without padding. */
export function fromBase64url(text) {
  if (typeof text !== "string" || !/^[\w-]*$/.test(text)) throw new Shut("base64url");
  try {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text, { alphabet: "base64url" });
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
  } catch {
    throw new Shut("base64url");
  }
}

/** So many random bytes. */
export function random(length) {
  return crypto.getRandomValues(new Uint8Array(length));
}

function asBytes(part) {
  if (part instanceof Uint8Array) return part;
  if (typeof part === "string") return utf8(part);
  if (Number.isSafeInteger(part) && part >= 0) return utf8(String(part));
  throw new RangeError("a part is text, bytes or a whole number from 0 on");
}

/** Each part behind its length, so that no two lists of parts give the same bytes. */
export function joined(...parts) {
  const all = parts.map(asBytes);
  const out = new Uint8Array(all.reduce((sum, part) => sum + 4 + part.length, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const part of all) {
    view.setUint32(at, part.length);
    out.set(part, at + 4);
    at += 4 + part.length;
  }
  return out;
}

/** A key from which others are derived: take it once where several are needed. */
export function rootKey(bytes) {
  return crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveBits", "deriveKey"]);
}

function hkdf(name) {
  return { name: "HKDF", hash: "SHA-256", salt: NOWHERE, info: utf8(name) };
}

async function root(key) {
  return key instanceof CryptoKey ? key : rootKey(key);
}

/** 32 bytes derived from the key (bytes or a rootKey) under a name of their own. */
export async function sub(key, name) {
  return new Uint8Array(await crypto.subtle.deriveBits(hkdf(name), await root(key), 256));
}

/** The same as a key for boxes that never leaves the browser's own keeping. */
export async function subKey(key, name) {
  return crypto.subtle.deriveKey(hkdf(name), await root(key), { name: "AES-GCM", length: 256 }, false, [
    "encrypt",
    "decrypt",
  ]);
}

function paddedLength(length) {
  let size = LEAST_PADDED;
  while (size < length + 4) size *= 2;
  return size;
}

/** Hides how long the bytes are, but for the power of two above it. */
export function pad(bytes) {
  const out = new Uint8Array(paddedLength(bytes.length));
  new DataView(out.buffer).setUint32(0, bytes.length);
  out.set(bytes, 4);
  return out;
}

/** The bytes again. Throws Shut for padding that pad() does not make. */
export function unpad(padded) {
  if (padded.length < LEAST_PADDED) throw new Shut("padding");
  const length = new DataView(padded.buffer, padded.byteOffset).getUint32(0);
  if (padded.length !== paddedLength(length)) throw new Shut("padding");
  for (let i = 4 + length; i < padded.length; i++) if (padded[i] !== 0) throw new Shut("padding");
  return padded.subarray(4, 4 + length);
}

/** A value as padded JSON. */
export function padJson(value) {
  return pad(utf8(JSON.stringify(value)));
}

/** The value again. Throws Shut. */
export function unpadJson(padded) {
  const bytes = unpad(padded);
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    throw new Shut("JSON");
  }
}

const id = (text) => String(text).toLowerCase();

/** Where each kind of box belongs. A box opens at its own place only; `version` is the vault key's. */
export const place = Object.freeze({
  card: ({ agency, version, client, revision, savedAt }) => ({
    name: "casehub card",
    version,
    parts: [id(agency), id(client), revision, savedAt],
  }),
  book: ({ agency, version, serial }) => ({ name: "casehub book", version, parts: [id(agency), serial] }),
  handoverKey: ({ agency, version, publicKey }) => ({
    name: "casehub handover key",
    version,
    parts: [id(agency), publicKey],
  }),
  bulkCard: ({ agency, version, source }) => ({ name: "casehub bulk card", version, parts: [id(agency), source] }),
  holders: ({ agency, version, serial }) => ({ name: "casehub holders", version, parts: [id(agency), serial] }),
  opener: ({ agency, user, publicKey }) => ({
    name: "casehub opener",
    version: 0,
    parts: [id(agency), id(user), publicKey],
  }),
  trust: ({ agency, user, serial }) => ({ name: "casehub trust", version: 0, parts: [id(agency), id(user), serial] }),
  tab: ({ agency, user }) => ({ name: "casehub tab", version: 0, parts: [id(agency), id(user)] }),
});

function header(version) {
  if (!Number.isInteger(version) || version < 0 || version > 0xffffffff) throw new RangeError("a version");
  const out = new Uint8Array(HEADER);
  out[0] = FORMAT;
  new DataView(out.buffer).setUint32(1, version);
  return out;
}

function cipher(head, nonce, { name, parts }) {
  return { name: "AES-GCM", iv: nonce, additionalData: joined(name, head, ...parts) };
}

/** The vault key's version a box names, before anything of it is believed. Throws Shut. */
export function versionOf(box) {
  if (box.length < HEADER + NONCE + TAG) throw new Shut("length");
  if (box[0] !== FORMAT) throw new Shut("format");
  return new DataView(box.buffer, box.byteOffset).getUint32(1);
}

/** The bytes sealed under a key of subKey(), for one of the places. */
export async function sealBox(key, where, bytes) {
  const head = header(where.version);
  const nonce = random(NONCE);
  const sealed = new Uint8Array(await crypto.subtle.encrypt(cipher(head, nonce, where), key, bytes));
  const out = new Uint8Array(HEADER + NONCE + sealed.length);
  out.set(head);
  out.set(nonce, HEADER);
  out.set(sealed, HEADER + NONCE);
  return out;
}

/** What sealBox() sealed. Throws Shut, and nothing else, whatever is wrong. */
export async function openBox(key, where, box) {
  if (versionOf(box) !== where.version) throw new Shut("version");
  const [head, nonce] = [box.subarray(0, HEADER), box.subarray(HEADER, HEADER + NONCE)];
  try {
    const sealed = box.subarray(HEADER + NONCE);
    return new Uint8Array(await crypto.subtle.decrypt(cipher(head, nonce, where), key, sealed));
  } catch {
    throw new Shut("box");
  }
}

/** A value sealed as padded JSON. */
export function sealJson(key, where, value) {
  return sealBox(key, where, padJson(value));
}

/** What sealJson() sealed. Throws Shut. */
export async function openJson(key, where, box) {
  return unpadJson(await openBox(key, where, box));
}
