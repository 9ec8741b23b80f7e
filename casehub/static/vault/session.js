// The vault opened in this tab: how it is opened, how it lives from page to page, and how it is shut. Why the box in
// the tab's storage opens only with the session's half: docs/adr/0011-contact-card.md. Shows nothing on the page.

import { Shut, fromBase64url, toBase64url } from "./box.js";
import {
  codeOf,
  openOpener,
  openTab,
  openTrust,
  openVault,
  pairOf,
  passkeyKey,
  passphraseKey,
  prfOf,
  sealTab,
  sealTrust,
  unwrap,
} from "./keys.js";

const BOX = "casehub-vault";
const SEEN = "casehub-vault-seen";
const ANSWER_MS = 300;
const root = document.documentElement;
const half = root.dataset.vaultHalf ? fromBase64url(root.dataset.vaultHalf) : null;
/** Whose vault this page can open: {agency, user}, as text. */
export const whose = Object.freeze({ agency: root.dataset.vaultAgency ?? "", user: root.dataset.vaultUser ?? "" });
const channel = half && "BroadcastChannel" in window ? new BroadcastChannel(BOX) : null;
const listeners = new Set();
let now = null;
let [marks, unwritten] = [null, false];

/** The hub did not do it. `status` is HTTP's, `body` what it said ({"error": a word}) or null. */
export class Refused extends Error {
  name = "Refused";

  constructor(status, body) {
    super(`refused: ${status}`);
    this.status = status;
    this.body = body;
  }
}

/** No opener opens with what was typed or touched. */
export class Wrong extends Error {
  name = "Wrong";
}

/** There is no key to open for this person. `state`: "nothing", "none" or "waiting". */
export class NoKey extends Error {
  name = "NoKey";

  constructor(state) {
    super(state);
    this.state = state;
  }
}

/** The vault has a newer key than this person was given. */
export class Newer extends Error {
  name = "Newer";
}

/** Someone not yet known gave the key. `people`: [{user, name, code}]; accept() goes on, once the codes were compared. */
export class NotConfirmed extends Error {
  name = "NotConfirmed";

  constructor(people, accept) {
    super("codes to compare");
    this.people = people;
    this.accept = accept;
  }
}

async function answered(response) {
  // The session is locked or over: the server shows the way back in.
  if (response.type === "opaqueredirect") location.reload();
  const json = response.headers.get("Content-Type")?.startsWith("application/json");
  if (!response.ok) throw new Refused(response.status, json ? await response.json() : null);
  if (response.status === 204) return null;
  return json ? response.json() : new Uint8Array(await response.arrayBuffer());
}

/** What a request that changes something carries beside its body. */
export function csrf() {
  return { "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "" };
}

let proves = async () => false;

/** Has `callback` ask who it is when the hub wants to know once more; it says whether they proved it. */
export function whenUnsure(callback) {
  proves = callback;
}

/** Sends JSON to the hub: its answer as an object, as bytes where it is none, or null. Throws Refused. */
export async function post(path, body = {}) {
  const headers = { "Content-Type": "application/json", ...csrf() };
  const sent = { method: "POST", headers, body: JSON.stringify(body), redirect: "manual" };
  try {
    return await answered(await fetch(path, sent));
  } catch (error) {
    if (error.body?.error !== "confirm" || !(await proves())) throw error;
    return answered(await fetch(path, sent));
  }
}

/** What the hub keeps of the vault's keys, as /vault/ hands it out. Throws Refused. */
export async function readState() {
  return answered(await fetch(root.dataset.vaultState ?? "/vault/", { redirect: "manual", cache: "no-store" }));
}

// What the tab keeps

function wipe() {
  sessionStorage.removeItem(BOX);
  sessionStorage.removeItem(SEEN);
  marks = null;
  for (const { key } of now?.keys ?? []) key.fill(0);
  now = null;
}

function tell() {
  for (const callback of listeners) callback(now?.vault ?? null);
}

function forget() {
  const was = now;
  wipe();
  if (was) tell();
}

async function take(text) {
  const { v, keys } = await openTab(half, whose, fromBase64url(text));
  if (v !== 1) throw new Shut("tab");
  return keys.map(({ version, key }) => ({ version, key: fromBase64url(key) }));
}

/** The box of another tab of this session, or null after a moment. */
function fromAnotherTab() {
  if (!channel) return null;
  return new Promise((resolve) => {
    const done = (text) => {
      channel.removeEventListener("message", hear);
      resolve(text);
    };
    const hear = async ({ data }) => {
      if (typeof data?.box !== "string") return;
      // Whatever is not of this session and person does not open.
      if (await take(data.box).catch(() => null)) done(data.box);
    };
    channel.addEventListener("message", hear);
    channel.postMessage({ ask: true });
    setTimeout(done, ANSWER_MS, null);
  });
}

async function restore() {
  if (!half) {
    wipe();
    return null;
  }
  const text = sessionStorage.getItem(BOX) ?? (await fromAnotherTab());
  if (!text) return null;
  try {
    const keys = await take(text);
    now = { keys, vault: await openVault({ agency: whose.agency, keys }), member: null };
    sessionStorage.setItem(BOX, text);
  } catch {
    wipe(); // sealed under another session's half
  }
  return now?.vault ?? null;
}

const restored = restore();

/** The vault, if it is open in this tab or in another one of the session; else null. */
export async function opened() {
  await restored;
  return now?.vault ?? null;
}

/** Calls back with the vault or null, now and whenever that changes. */
export function whenChanged(callback) {
  restored.then(() => {
    listeners.add(callback);
    callback(now?.vault ?? null);
  });
}

/** Shuts the vault here and in the session's other tabs. */
export function lock() {
  channel?.postMessage({ locked: true });
  forget();
}

channel?.addEventListener("message", ({ data }) => {
  if (data?.locked) forget();
  const box = data?.ask && now && sessionStorage.getItem(BOX);
  if (box) channel.postMessage({ box });
});
document.addEventListener("submit", (event) => {
  if (event.target.id === "lock") lock();
});
window.addEventListener("pagehide", () => {
  for (const { key } of now?.keys ?? []) key.fill(0);
  [now, marks] = [null, null];
});

/** Throws Shut if the card is older than one that this tab has seen of the client; else remembers it. */
export function watermark(client, revision) {
  marks ??= JSON.parse(sessionStorage.getItem(SEEN) ?? "{}");
  if (revision < (marks[client] ?? 0)) throw new Shut("older card");
  if (revision === (marks[client] ?? 0)) return;
  // Cards come by the thousand: all of one turn are written down at once.
  if (!unwritten) queueMicrotask(write);
  unwritten = true;
  marks[client] = revision;
}

function write() {
  unwritten = false;
  if (marks) sessionStorage.setItem(SEEN, JSON.stringify(marks));
}

// Opening

function privateBytesBy(state, opener, key) {
  const where = { ...whose, publicKey: fromBase64url(state.me.public) };
  return openOpener(key, where, fromBase64url(opener.sealed));
}

function openersOf(state, kind) {
  return state.me.openers.filter((one) => one.kind === kind);
}

async function byPassphrase(state, text) {
  for (const opener of openersOf(state, "passphrase")) {
    const cost = { salt: fromBase64url(opener.salt), memory: opener.memory, passes: opener.passes };
    const key = await passphraseKey(text, cost);
    try {
      return await privateBytesBy(state, opener, key);
    } catch (error) {
      if (!(error instanceof Shut)) throw error;
    }
  }
  throw new Wrong();
}

async function byPasskey(state) {
  const openers = openersOf(state, "passkey");
  const credentialIds = openers.map((one) => ({ id: fromBase64url(one.credential), salt: fromBase64url(one.salt) }));
  const { id, output } = await prfOf({ credentialIds, rpId: location.hostname });
  const used = toBase64url(id);
  const key = await passkeyKey(output);
  output.fill(0);
  try {
    return await privateBytesBy(state, openers.find((one) => one.credential === used), key);
  } catch {
    throw new Wrong();
  }
}

async function trusted(state, pair) {
  const { trust } = state.me;
  if (!trust) return { version: 0, members: {} };
  return openTrust(pair, { ...whose, serial: trust.serial }, fromBase64url(trust.sealed));
}

/** The vault's keys for this member, if those gave them who may. Throws NotConfirmed, Newer, NoKey or Shut. */
async function unwrapAll(state, pair, trust, accepted) {
  if (!state.me.wraps.length) throw new NoKey("waiting");
  const newest = state.version;
  if (newest < trust.version) throw new Shut("older key");
  const known = new Set([state.me.public, ...Object.values(trust.members).map((one) => one.public), ...accepted]);
  const strangers = [...new Set(state.me.wraps.map((one) => one.sender))].filter((sender) => !known.has(sender));
  if (strangers.length) {
    const people = strangers.map(async (sender) => {
      const { user, name } = state.members.find((one) => one.public === sender) ?? { user: "", name: "" };
      const publicKey = fromBase64url(sender);
      const code = await codeOf({ kind: "member", agency: whose.agency, holder: user, publicKey });
      return { user, name, code };
    });
    throw new NotConfirmed(await Promise.all(people), () => enter(state, pair, strangers));
  }
  if (!state.me.wraps.some((one) => one.version === newest)) throw new Newer();
  const keys = state.me.wraps.map(async ({ version, sealed, tag, sender }) => {
    const where = { agency: whose.agency, version, to: state.me.id };
    const given = { sealed: fromBase64url(sealed), tag: fromBase64url(tag), sender: fromBase64url(sender) };
    return { version, key: await unwrap(where, { ...given, receiver: pair }) };
  });
  return Promise.all(keys);
}

/** Notes under the member's own key whom the book names, so that the next key is believed only from them. */
export async function keepTrust(state, pair, { version, members }) {
  const serial = (state.me.trust?.serial ?? 0) + 1;
  const sealed = await sealTrust(pair, { ...whose, serial }, { v: 1, version, members });
  await post("/vault/trust/", { member: state.me.id, serial, sealed: toBase64url(sealed) });
  state.me.trust = { serial, sealed: toBase64url(sealed) };
}

async function enter(state, pair, accepted = []) {
  const trust = await trusted(state, pair);
  const keys = await unwrapAll(state, pair, trust, accepted);
  const vault = await openVault({ agency: whose.agency, keys });
  const book = await vault.openBook({ serial: state.book.serial }, fromBase64url(state.book.sealed));
  if (book.members[state.me.id]?.public !== state.me.public) throw new Shut("book");
  const same = JSON.stringify([trust.version, trust.members]) === JSON.stringify([state.version, book.members]);
  if (!same) await keepTrust(state, pair, { version: state.version, members: book.members });
  await keep(keys, { id: state.me.id, pair });
  return now.vault;
}

/** Keeps the keys in this tab, sealed under the session's half, and says to all listeners that the vault is open. */
export async function keep(keys, member) {
  if (!half) throw new Shut("half");
  const box = await sealTab(half, whose, {
    v: 1,
    keys: keys.map(({ version, key }) => ({ version, key: toBase64url(key) })),
  });
  now = { keys, vault: await openVault({ agency: whose.agency, keys }), member };
  sessionStorage.setItem(BOX, toBase64url(box));
  tell();
}

async function openBy(privateBytesOf, use) {
  const state = await readState();
  if (state.state === "nothing" || !state.me) throw new NoKey(state.state);
  const privateBytes = await privateBytesOf(state);
  try {
    const pair = await pairOf(privateBytes);
    if (use) await use(privateBytes, state);
    return await enter(state, pair);
  } finally {
    privateBytes.fill(0);
  }
}

/**
 * Opens the vault in this tab. Throws Wrong, NoKey, Newer, NotConfirmed, keys.js's TooWeak, Refused, or Shut where the
 * hub serves what does not belong together. `use(privateBytes, state)`, if given, has them until its promise is done.
 */
export function openWithPassphrase(text, use = null) {
  return openBy((state) => byPassphrase(state, text), use);
}

/** The same by a passkey; also throws keys.js's Cancelled and NoPasskey. */
export function openWithPasskey(use = null) {
  return openBy(byPasskey, use);
}

/** For the keys page, if the vault was opened on this very page: {keys: [{version, key}], id, pair}; else null. */
export function heldHere() {
  return now?.member ? { keys: now.keys, ...now.member } : null;
}
