// The checks of test_oprf.py, as page code under the hub's policy.
import { asker } from "/static/vault/holders.js";
import * as oprf from "/static/vault/oprf.js";

const hex = (digits) => Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const text = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const all = (list) => list.map(hex);

function vectors({ public: publicKey, vectors: list }) {
  const wrong = [];
  const equals = (what, one, other) => `${one}` === `${other}` || wrong.push(`${what}: ${one} is not ${other}`);
  for (const vector of list) {
    const { blinds, blinded } = oprf.blind(all(vector.input), all(vector.blind));
    equals("blinded", blinded.map(text), vector.blinded);
    try {
      oprf.check(hex(publicKey), blinded, all(vector.evaluated), hex(vector.proof));
    } catch (error) {
      wrong.push(`proof: ${error} ${error.why}`);
    }
    equals("output", oprf.finish(all(vector.input), blinds, all(vector.evaluated)).map(text), vector.output);
  }
  return wrong;
}

/** Why each of these is refused; "taken" for what is not. */
function refusals(cases) {
  return cases.map(([publicKey, blinded, evaluated, proof]) => {
    try {
      oprf.check(hex(publicKey), all(blinded), all(evaluated), hex(proof));
      return "taken";
    } catch (error) {
      return error instanceof oprf.BadAnswer ? error.why : `${error}`;
    }
  });
}

let kept;

/** What is asked for these texts; `finish` ends it. */
function ask(texts) {
  kept = { texts: all(texts), ...oprf.blind(all(texts)) };
  return kept.blinded.map(text);
}

function finish({ pair, commitments, answers }) {
  pair.forEach((holder, i) => {
    const publicKey = oprf.weightedPublic(hex(commitments[holder]), holder, pair);
    oprf.check(publicKey, kept.blinded, all(answers[i].evaluated), hex(answers[i].proof));
  });
  return oprf.finish(kept.texts, kept.blinds, ...answers.map(({ evaluated }) => all(evaluated))).map(text);
}

/** Milliseconds of what the tab does for one record: blind, check two answers, finish. `answer` gives the same each time. */
function times({ texts, by, publicKeys, answers, rounds }) {
  const found = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    const { blinds, blinded } = oprf.blind(all(texts), all(by));
    answers.forEach(({ evaluated, proof }, i) => oprf.check(hex(publicKeys[i]), blinded, all(evaluated), hex(proof)));
    oprf.finish(all(texts), blinds, ...answers.map(({ evaluated }) => all(evaluated)));
    found.push(performance.now() - began);
  }
  return found;
}

/** Tokens from holders that `window.send` reaches, `rounds` times, and who failed. */
async function tokens({ network, texts, rounds }) {
  const send = async (holder, body, mac) => {
    const [status, said] = await window.send(holder, text(body), mac);
    return { status, body: hex(said) };
  };
  const { tokens: ask, troubles } = asker(network, 1, send);
  const found = [];
  try {
    for (let round = 0; round < rounds; round++) found.push((await ask(all(texts))).map(text));
  } catch (error) {
    return { error: error.name, troubles: error.troubles };
  }
  return { found, troubles };
}

function paddings() {
  const drawn = [oprf.padding(), oprf.padding(), ...oprf.blind([hex("00"), hex("00")]).blinded].map(text);
  return new Set(drawn).size;
}

window.checks = { vectors, refusals, ask, finish, times, tokens, paddings };
