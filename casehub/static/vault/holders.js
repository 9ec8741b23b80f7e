// Asking key holders for tokens: which two, what is signed, who is named when an answer does not hold. How bytes
// travel is the page's affair. To the byte: docs/reference/key-holders.md. The same in Python:
// referrals/linkage/keyholder/client.py.

import { fromBase64url, toBase64url, utf8 } from "./box.js";
import { BadAnswer, TOKEN, blind, check, finish, padding, weightedPublic } from "./oprf.js";

export const FORMAT = "casehub-keyholders/1";
const GROUP = 16;
const MOST = 1024;
const SIZE = 32;
const REASONS = ["quota", "clock", "again", "epoch", "elements", "no"];

/** Fewer than two holders answered; `troubles` says for each of the others why, in a word. */
export class NotEnough extends Error {
  constructor(troubles) {
    super("two key holders are needed");
    this.name = "NotEnough";
    this.troubles = troubles;
  }
}

class Trouble extends Error {
  constructor(why) {
    super(why);
    this.why = why;
  }
}

/**
 * The keyed function of one epoch: `asker(network, epoch, send)` gives `tokens(texts)`, 16 bytes each.
 *
 * `network`: the agency's file, as JSON. `send(holder, body, mac)` gives `{status, body}` (bytes) within a time of
 * its own, or throws. `troubles` names the holders that failed; one that lied is not asked again.
 */
export function asker(network, epoch, send) {
  if (network.format !== FORMAT) throw new TypeError("not a key holders' file");
  const commitments = network.commitments[epoch];
  const secrets = new Map();
  const troubles = {};

  async function tokens(texts) {
    if (texts.length > MOST) throw new RangeError("too many at once");
    if (!texts.length) return [];
    const { blinds, blinded } = blind(texts);
    while (blinded.length % GROUP) blinded.push(padding());
    const out = {};
    for (;;) {
      const pair = chosen(out);
      const asked = await Promise.allSettled(pair.map((holder) => ask(holder, pair, blinded)));
      asked.forEach(({ reason }, i) => {
        if (reason) troubles[pair[i]] = out[pair[i]] = reason instanceof Trouble ? reason.why : "missing";
      });
      if (asked.every(({ status }) => status === "fulfilled")) {
        return finish(texts, blinds, ...asked.map(({ value }) => value)).map((one) => one.slice(0, TOKEN));
      }
    }
  }

  /** Two that have not failed this time; those that ever did last, liars never. */
  function chosen(out) {
    const left = [1, 2, 3].filter((holder) => network.holders[holder] && !out[holder] && troubles[holder] !== "lies");
    if (left.length < 2) throw new NotEnough({ ...troubles, ...out });
    const [turn] = crypto.getRandomValues(new Uint8Array(1));
    const place = (holder) => (troubles[holder] ? 3 : 0) + ((holder + turn) % 3);
    return left.sort((one, other) => place(one) - place(other)).slice(0, 2).sort();
  }

  async function ask(holder, pair, elements) {
    const body = utf8(
      JSON.stringify({
        agency: network.agency,
        at: Date.now(),
        elements: toBase64(joined(elements)),
        epoch: Number(epoch),
        holder,
        nonce: toBase64(crypto.getRandomValues(new Uint8Array(16))),
        pair,
      }),
    );
    const answer = await send(holder, body, await signed(holder, body));
    const said = parsed(answer.body);
    if (answer.status !== 200) throw new Trouble(REASONS.includes(said?.refused) ? said.refused : "missing");
    const publicKey = weightedPublic(fromHex(commitments[holder]), holder, pair);
    try {
      const evaluated = split(fromBase64(said?.evaluated));
      check(publicKey, elements, evaluated, fromBase64(said.proof));
      return evaluated;
    } catch {
      throw new Trouble("lies");
    }
  }

  async function signed(holder, body) {
    if (!secrets.has(holder)) {
      const raw = fromHex(network.holders[holder].secret);
      const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
      secrets.set(holder, key);
    }
    const head = utf8("casehub-keyholder/1\n");
    return toHex(new Uint8Array(await crypto.subtle.sign("HMAC", secrets.get(holder), joined([head, body]))));
  }

  return { tokens, troubles };
}

function parsed(body) {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return null;
  }
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}

function split(bytes) {
  if (bytes.length % SIZE) throw new BadAnswer("number");
  return Array.from({ length: bytes.length / SIZE }, (_, i) => bytes.subarray(i * SIZE, (i + 1) * SIZE));
}

function toBase64(bytes) {
  const text = toBase64url(bytes).replaceAll("-", "+").replaceAll("_", "/");
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}

function fromBase64(text) {
  return fromBase64url(text.replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_"));
}

function fromHex(digits) {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
