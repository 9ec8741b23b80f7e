// The keyed function of linkage tokens, the asking side: RFC 9497, ristretto255-SHA512, verifiable mode, under a
// key of which two of three holders answer. The same in Python: referrals/linkage/oprf.py. Nothing is sent here.

import { mulAddUnsafe, ristretto255, ristretto255_hasher, sha512 } from "../vendor/vault/ristretto.js";

const { Point } = ristretto255;
const { Fn } = Point;
const SIZE = 32;
const CONTEXT = ascii("OPRFV1-\x01-ristretto255-SHA512");
export const TOKEN = 16;

/** An answer that is none, or that was not made under its holder's share. */
export class BadAnswer extends Error {
  constructor(why = "") {
    super("the answer does not hold");
    this.name = "BadAnswer";
    this.why = why;
  }
}

/**
 * Each text blinded: `blinded` (32 bytes each) may be shown, `blinds` never. `by`: blinds to use, for test vectors;
 * otherwise each is drawn.
 */
export function blind(texts, by = null) {
  const blinds = texts.map((_, i) => (by ? Fn.fromBytes(by[i]) : randomScalar()));
  const blinded = texts.map((text, i) => hashToGroup(text).multiply(blinds[i]).toBytes());
  return { blinds, blinded };
}

/** An element that looks like a blinded one and stands for nobody. */
export function padding() {
  return Point.BASE.multiply(randomScalar()).toBytes();
}

/** The public half of what a holder evaluates under when this pair is asked, from what it has published. */
export function weightedPublic(commitment, holder, pair) {
  const [other] = pair.filter((one) => one !== holder);
  const weight = Fn.div(BigInt(other), Fn.create(BigInt(other - holder)));
  return element(commitment).multiply(weight).toBytes();
}

/**
 * Throws BadAnswer unless each of `evaluated` is its `blinded` under the key of `publicKey`.
 *
 * What is multiplied here is public, so that the time it takes may tell what it is.
 */
export function check(publicKey, blinded, evaluated, proof) {
  if (!blinded.length || blinded.length !== evaluated.length) throw new BadAnswer("number");
  if (proof.length !== 2 * SIZE) throw new BadAnswer("proof");
  const [key, asked, answered] = [element(publicKey), blinded.map(element), evaluated.map(element)];
  const [challenge, response] = [scalar(proof.subarray(0, SIZE)), scalar(proof.subarray(SIZE))];
  const seed = sha512(bytes(long(publicKey), long(bytes(ascii("Seed-"), CONTEXT))));
  const weights = blinded.map((one, i) =>
    hashToScalar(bytes(long(seed), two(i), long(one), long(evaluated[i]), ascii("Composite"))),
  );
  const whole = mulAddUnsafe(Point, asked, weights);
  const turned = mulAddUnsafe(Point, answered, weights);
  const second = mulAddUnsafe(Point, [Point.BASE, key], [response, challenge]);
  const third = mulAddUnsafe(Point, [whole, turned], [response, challenge]);
  const parts = [key, whole, turned, second, third].map((point) => long(point.toBytes()));
  if (!Fn.eql(hashToScalar(bytes(...parts, ascii("Challenge"))), challenge)) throw new BadAnswer("proof");
}

/** The outputs (64 bytes each) out of answers that were checked: one list under the whole key, or a pair's two. */
export function finish(texts, blinds, ...answers) {
  return texts.map((text, i) => {
    const whole = answers.map((evaluated) => element(evaluated[i])).reduce((one, other) => one.add(other));
    const output = whole.multiply(Fn.inv(blinds[i])).toBytes();
    return sha512(bytes(long(text), long(output), ascii("Finalize")));
  });
}

function hashToGroup(text) {
  if (text.length > 0xffff) throw new RangeError("The text is too long.");
  return ristretto255_hasher.hashToCurve(text, { DST: bytes(ascii("HashToGroup-"), CONTEXT) });
}

function hashToScalar(text) {
  return ristretto255_hasher.hashToScalar(text, { DST: bytes(ascii("HashToScalar-"), CONTEXT) });
}

function randomScalar() {
  for (;;) {
    const drawn = crypto.getRandomValues(new Uint8Array(SIZE));
    drawn[SIZE - 1] &= 0x1f; // below 2^253; what is no scalar then is drawn again
    const number = drawn.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    if (Fn.isValidNot0(number)) return number;
  }
}

function element(from) {
  let point;
  try {
    point = Point.fromBytes(from);
  } catch {
    throw new BadAnswer("element");
  }
  if (point.is0()) throw new BadAnswer("element");
  return point;
}

function scalar(from) {
  try {
    return Fn.fromBytes(from);
  } catch {
    throw new BadAnswer("scalar");
  }
}

function ascii(text) {
  return Uint8Array.from(text, (one) => one.charCodeAt(0));
}

function bytes(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function two(number) {
  return Uint8Array.of(number >> 8, number & 0xff);
}

function long(part) {
  return bytes(two(part.length), part);
}
