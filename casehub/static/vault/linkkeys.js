// What of a person goes into linkage tokens: views, composite keys and the keyed function's inputs, as in
// referrals/linkage/keys.py and tokens.py; and who a contact card tells of. To the byte:
// docs/reference/linkage-tokens.md. Nothing here makes a token or sends one.

import { joined } from "./box.js";
import { DATA } from "./linkdata.js";
import { birth, byCodePoint, length, name, split, ssn4, start, strip, zip5 } from "./normalise.js";

export const VERSION = DATA.version;
const MOST_OTHERS = 4;
const MOST_TOKENS = 400;
const PARTS = ["first", "middle", "last", "suffix"];

// Views: sets of values, each once, sorted, without the empty one.

function each(values) {
  return [...new Set(values)].filter(Boolean).sort(byCodePoint);
}

function firsts({ whole, halves }) {
  if (length(whole) < 2) return [];
  const forms = [whole, ...halves];
  return [...new Set([...forms, ...forms.flatMap((form) => (Object.hasOwn(DATA.formal, form) ? DATA.formal[form] : []))])];
}

function lasts({ whole, halves }) {
  return length(whole) > 1 ? [whole, ...halves] : [];
}

const three = (text) => start(text, 3);
const sorted = (...two) => two.sort(byCodePoint).join(" ");

function both(form) {
  return ({ names }) =>
    each(names.flatMap(([a, b]) => firsts(a).flatMap((one) => lasts(b).map((other) => sorted(form(one), form(other))))));
}

const VIEWS = {
  FIRST: ({ names }) => each(names.flatMap(([a]) => firsts(a))),
  LAST: ({ names }) => each(names.flatMap(([, b]) => lasts(b))),
  EITHER_3: ({ names }) => each(names.flatMap(([a, b]) => [...firsts(a), ...lasts(b)]).map(three)),
  NAMES: both((text) => text),
  NAMES_3: both(three),
  INITIALS: ({ names }) =>
    each(names.filter(([a, b]) => a.whole && b.whole).map(([a, b]) => sorted(start(a.whole, 1), start(b.whole, 1)))),
  DOB: ({ born }) => each([born.isDate ? born.year + born.month + born.day : ""]),
  YEAR: ({ born }) => each([born.year]),
  SSN4: (person) => each([person.ssn4]),
  ZIP: (person) => each([person.zip5]),
};

/** A person as written down somewhere; every part may be left out. `others` are aliases: [first, last] each. */
export function person({ first = "", last = "", dob = "", ssn4: ssn = "", zip5: zip = "", others = [] }) {
  const names = [[first, last], ...others].map(([a, b]) => [name(a), name(b)]);
  return { names, born: birth(dob), ssn4: ssn4(ssn), zip5: zip5(zip) };
}

/** Each token a person has, as [the key's id, the keyed function's input], in the register's order. */
export function inputs(who, epoch) {
  const taken = {};
  const values = (view) => (taken[view] ??= VIEWS[view](who));
  return Object.entries(DATA.keys).flatMap(([key, views]) => {
    const all = views.reduce((some, view) => some.flatMap((one) => values(view).map((value) => [...one, value])), [[]]);
    return all.map((parts) => [key, joined(key, VERSION, epoch, parts.join("\x1f"))]);
  });
}

// Cards

const group = (value) => (value !== null && typeof value === "object" && !Array.isArray(value) ? value : {});
const text = (value) => (typeof value === "string" ? strip(value) : "");

/** The person a card tells of, as agency_side/person.py has it. */
export function personOf(card) {
  const { legal, used, other, parts } = group(card.name);
  const known = [legal, used, ...(Array.isArray(other) ? other : [])].map(text);
  const names = [...new Set(known.filter(Boolean))];
  const apart = PARTS.map((part) => text(group(parts)[part]));
  const isSpelled = known[0] && apart.filter(Boolean).join(" ") === known[0];
  const [first, last] = isSpelled ? [apart[0], apart[2]] : split(names[0] ?? "");
  const others = names.slice(1, 1 + MOST_OTHERS).map((one) => split(one));
  return person({
    first,
    last,
    dob: text(card.birth),
    ssn4: text(group(card.ids).ssn4),
    zip5: text(card.zip),
    others: others.map(([one, theirs]) => [one, theirs || last]),
  });
}

/** Each token that the card's person has, as inputs() gives them; of too many names the last are left out. */
export function cardInputs(card, epoch) {
  const who = personOf(card);
  let found = inputs(who, epoch);
  while (found.length > MOST_TOKENS && who.names.length > 1) {
    who.names.pop();
    found = inputs(who, epoch);
  }
  return found;
}
