// The checks of test_linkkeys.py, as page code under the hub's policy.
import { cardInputs, inputs, person } from "/static/vault/linkkeys.js";
import { birth, name, ssn4, zip5 } from "/static/vault/normalise.js";

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const hexed = (found) => found.map(([key, text]) => [key, hex(text)]);

const makes = {
  names: (text) => {
    const { whole, halves } = name(text);
    return [whole, ...halves];
  },
  births: (text) => Object.values(birth(text)),
  numbers: (text) => [ssn4(text), zip5(text)],
  people: ([who, epoch]) => hexed(inputs(person(who), epoch)),
  cards: ([card, epoch]) => hexed(cardInputs(card, epoch)),
};

/** What each of these comes to. */
function all([kind, list]) {
  return list.map(makes[kind]);
}

/** The SHA-256 of the same, as JSON. */
async function digest(given) {
  const bytes = new TextEncoder().encode(JSON.stringify(all(given)));
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** Milliseconds for each card's inputs. */
function times(cards) {
  return cards.map((card) => {
    const began = performance.now();
    cardInputs(card, 1);
    return performance.now() - began;
  });
}

window.checks = { all, digest, times };
