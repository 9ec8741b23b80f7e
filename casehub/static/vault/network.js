// The key holders as an agency's people reach them: their file, opened and believed only where it fits the hub's
// epoch, and requests carried by the hub. What is signed and checked stands in holders.js; pages in countingpage.js.

import { Shut, fromBase64url, toBase64url } from "./box.js";
import { FORMAT, asker } from "./holders.js";
import { Refused, csrf, post } from "./session.js";

const PATIENCE_MS = 15_000;
// By nobody's act: the session's idle time runs on.
const BACKGROUND = { "X-Casehub-Background": "1" };
const SECRET = /^[0-9a-f]{64}$/;
export const HOLDERS = ["1", "2", "3"];

/** A file that is not what three key holders gave this agency. `why`: "format", "agency", "apart" or "missing". */
export class Unfit extends Error {
  name = "Unfit";

  constructor(why) {
    super(why);
    this.why = why;
  }
}

/**
 * What the hub says: {on, version, agency, keeps, epochs: [{number, fingerprint}], file: null or {serial, version,
 * epoch, sealed}}. Throws Refused.
 */
export async function readLinkage() {
  const headers = { ...BACKGROUND, "HX-Request": "true" };
  const response = await fetch("/linkage/", { headers, redirect: "manual", cache: "no-store" });
  if (!response.ok) throw new Refused(response.status, null);
  return response.json();
}

/** The file as it stands sealed at the hub. Throws Shut. */
export function openFile(vault, { serial, sealed }) {
  return vault.openHolders({ serial }, fromBase64url(sealed));
}

/** Seals the file and keeps it at the hub, as the one after `serial`. Throws Refused. */
export async function keepFile(vault, serial, file) {
  const next = serial + 1;
  const epoch = Math.max(...Object.keys(file.commitments).map(Number));
  const sealed = toBase64url(await vault.sealHolders({ serial: next }, file));
  await post("/linkage/file/", { serial: next, epoch, sealed });
}

/** Eight groups of four letters and digits, as the holders read them to each other. */
export async function fingerprint(commitments) {
  const parts = HOLDERS.map((holder) => commitments[holder] ?? "");
  const bytes = Uint8Array.from(parts.join("").match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const said = new Uint8Array([...new TextEncoder().encode(FORMAT), ...bytes]);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", said));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.slice(0, 32).match(/.{4}/g).join(" ");
}

/** The newest of the hub's epochs of which the file has the very key; null where it has none. */
export async function epochOf(file, epochs) {
  for (const { number, fingerprint: said } of epochs.toReversed()) {
    const commitments = file.commitments[number];
    if (commitments && (await fingerprint(commitments)) === said) return number;
  }
  return null;
}

/** One file out of one, or of three that came apart, for the agency of that name. Throws Unfit. */
export function joinedFile(texts, agency) {
  const parts = texts.map(parsed);
  if (!parts.length) throw new Unfit("format");
  if (parts.some((part) => part.agency !== agency)) throw new Unfit("agency");
  const commitments = JSON.stringify(ordered(parts[0].commitments));
  if (parts.some((part) => JSON.stringify(ordered(part.commitments)) !== commitments)) throw new Unfit("apart");
  const holders = Object.assign({}, ...parts.map((part) => part.holders));
  if (HOLDERS.some((holder) => !holders[holder])) throw new Unfit("missing");
  return { format: FORMAT, agency, holders, commitments: parts[0].commitments };
}

function parsed(text) {
  let said;
  try {
    said = JSON.parse(text);
  } catch {
    throw new Unfit("format");
  }
  const isMap = (one) => one !== null && typeof one === "object" && !Array.isArray(one);
  const whole =
    said?.format === FORMAT &&
    isMap(said.holders) &&
    isMap(said.commitments) &&
    Object.keys(said.commitments).length > 0 &&
    Object.keys(said.commitments).every((epoch) => /^[1-9]\d{0,8}$/.test(epoch)) &&
    Object.values(said.holders).every((one) => SECRET.test(one?.secret)) &&
    Object.keys(said.holders).every((holder) => HOLDERS.includes(holder)) &&
    Object.values(said.commitments).every((each) => HOLDERS.every((holder) => SECRET.test(each?.[holder])));
  if (!whole) throw new Unfit("format");
  return said;
}

function ordered(commitments) {
  return Object.entries(commitments)
    .map(([epoch, each]) => [Number(epoch), HOLDERS.map((holder) => each[holder])])
    .sort(([one], [other]) => one - other);
}

/** Carries a signed request to a holder through the hub, which sees random points. */
export async function send(holder, body, mac) {
  const headers = { "Content-Type": "application/octet-stream", "X-Casehub-Mac": mac, ...BACKGROUND, ...csrf() };
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(`/holder/${holder}/`, { method: "POST", headers, body, redirect: "manual", signal });
  return { status: response.status, body: new Uint8Array(await response.arrayBuffer()) };
}

/**
 * The keyed function, for the vault that is open: {epoch, version, asker}. Null while linkage is off, without a file,
 * with one that does not open or is of another key than the hub's, and where the hub can't be asked.
 */
export async function network(vault) {
  if (!vault) return null;
  try {
    const { on, file: kept, epochs, version } = await readLinkage();
    if (!on || !kept) return null;
    const file = await openFile(vault, kept);
    const epoch = await epochOf(file, epochs);
    return epoch === null ? null : { epoch, version, asker: asker(file, epoch, send) };
  } catch (error) {
    if (error instanceof Shut || error instanceof Refused || error instanceof TypeError) return null;
    throw error;
  }
}

/**
 * Seals the file anew under the vault's newest key, if this person may; nothing where it stands there already, or does
 * not open. Throws Refused.
 */
export async function sealAgain(vault) {
  const { file: kept, keeps } = await readLinkage();
  if (!keeps || !kept || kept.version >= vault.version) return;
  try {
    await keepFile(vault, kept.serial, await openFile(vault, kept));
  } catch (error) {
    if (!(error instanceof Shut)) throw error;
  }
}
