// Linkage tokens of the clients who allowed the count, made in the background while the cards are open: cards are
// opened in memory, blinded names go to the key holders, tokens to the hub. What cannot be made now is made later.
// What goes into a token stands in linkkeys.js, how holders are reached in network.js.

import { Shut, toBase64url } from "./box.js";
import { Refused, csrf, whenChanged } from "./session.js";
import { openCards } from "./store.js";

// Records of one round trip: some tenths of a second of this tab's time.
const AT_ONCE = 4;
// Texts of one request to the key holders, below what they take.
const MOST_TEXTS = 640;
const BEGIN_MS = 1500; // what the page itself asks for comes first
const PAUSE_MS = 300_000;
// When this tab asks again.
const NEXT = "casehub-tokens-next";

let [vault, timer, isStale] = [null, 0, false];

/** A card was changed: the next page asks at once whose tokens are wanted. */
export function askSoon() {
  isStale = true; // what is being made now was asked for before
  sessionStorage.removeItem(NEXT);
}

// By nobody's act: the session's idle time runs on, and nobody is asked who they are.
async function post(path, body = {}) {
  const headers = { "Content-Type": "application/json", "X-Casehub-Background": "1", ...csrf() };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), redirect: "manual" });
  if (!response.ok) throw new Refused(response.status, null);
  return response.status === 204 ? null : response.json();
}

function idle() {
  return new Promise((resolve) => (window.requestIdleCallback ?? setTimeout)(resolve));
}

async function made(rows, { network, cardInputs }) {
  const asked = rows.map(({ client, card }) => ({ client, inputs: cardInputs(card, network.epoch) }));
  const texts = asked.flatMap(({ inputs }) => inputs.map(([, text]) => text));
  const answers = [];
  for (let from = 0; from < texts.length; from += MOST_TEXTS)
    answers.push(...(await network.asker.tokens(texts.slice(from, from + MOST_TEXTS))));
  let at = 0;
  return asked.map(({ client, inputs }) => ({
    client,
    tokens: inputs.map(([key]) => [key, toBase64url(answers[at++])]),
  }));
}

/**
 * Makes the tokens that are wanted. `tools()` gives `{network, cardInputs}`, network null where there is none. How it
 * ended: "" for all done, "later", or "stopped" by a lock.
 */
export async function round(now, tools, stands = () => true) {
  const { epoch, version, clients } = await post("/tokens/wanted/");
  if (!clients.length) return "";
  const how = await tools(now);
  if (how.network?.epoch !== epoch || how.network.version !== version) return "later";
  for (let at = 0; at < clients.length; at += AT_ONCE) {
    await idle();
    if (!stands()) return "stopped";
    const some = clients.slice(at, at + AT_ONCE);
    const rows = [...(await openCards(now, some)).values()].filter((row) => row.card);
    if (rows.length) await post("/tokens/", { epoch, version, records: await made(rows, how) });
  }
  return "";
}

async function tools(now) {
  const [{ network }, { cardInputs }] = await Promise.all([import("./network.js"), import("./linkkeys.js")]);
  return { network: await network(now), cardInputs };
}

function say(word, holders = []) {
  for (const one of document.querySelectorAll("[data-tokens-says]")) one.hidden = one.dataset.tokensSays !== word;
  for (const one of document.querySelectorAll("[data-tokens-holders]")) one.textContent = holders.join(", ");
}

async function work(mine) {
  let asker = null;
  const noted = async (now) => {
    const how = await tools(now);
    asker = how.network?.asker;
    return how;
  };
  const ended = await round(mine, noted, () => mine === vault).catch((error) => {
    // A hub or holders that can't be reached, a stream cut off: the next round goes on.
    const known = [Refused, TypeError, Shut].some((kind) => error instanceof kind) || error.name === "NotEnough";
    if (!known) throw error;
    return "later";
  });
  if (mine !== vault) return;
  const liars = Object.entries(asker?.troubles ?? {}).filter(([, why]) => why === "lies");
  say(liars.length ? "lies" : ended, liars.map(([holder]) => holder));
  if (!isStale) sessionStorage.setItem(NEXT, String(Date.now() + PAUSE_MS));
}

// Once a page, never by a clock: a page that is left open must not look as if somebody worked there. One tab at a time
// does it for all.
function begin() {
  if (!vault || Number(sessionStorage.getItem(NEXT) ?? 0) > Date.now()) return;
  navigator.locks.request("casehub-tokens", { ifAvailable: true }, (lock) => lock && vault && work(vault));
}

whenChanged((now) => {
  vault = now;
  clearTimeout(timer);
  if (vault) timer = setTimeout(begin, BEGIN_MS);
  else say("");
});
window.addEventListener("pagehide", () => (vault = null));
