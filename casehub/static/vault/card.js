// What a card says, without any key: its name, the search over cards, two people's changes, and who is here already.
// How a card is sealed stands in box.js and keys.js. Nothing here touches a page.

// What is only true together: a number whose voice mail is safe, an address that may be written to. Two people who
// change two halves of it must look, or the one's "safe" lands on the other's number.
const TOGETHER = [["phone"], ["emergency"], ["address", "address_safe"]];
// Letters that carry no mark to take off.
const FOLDED = { ß: "ss", ø: "o", ł: "l", đ: "d", æ: "ae", œ: "oe", þ: "th", ð: "d", ı: "i" };
const APOSTROPHES = /['’‘ʼ`´]/g;

/** "  Núñez-O’Hara " becomes "nunez o hara": case, accents and punctuation gone, one space between words. */
export function folded(text) {
  return String(text ?? "")
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase()
    .replace(/[ßøłđæœþðı]/g, (letter) => FOLDED[letter])
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
}

function words(text) {
  return folded(text).split(" ").filter(Boolean);
}

/** A phone number's digits, without a leading 1 where eleven are given. */
export function phoneDigits(text) {
  const digits = String(text ?? "").normalize("NFKD").replace(/\D/g, "");
  return digits.length === 11 && digits[0] === "1" ? digits.slice(1) : digits;
}

function list(value) {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function names(card) {
  const { used, legal, other } = card.name ?? {};
  return [used, legal, ...list(other)].filter((name) => typeof name === "string" && name.trim());
}

/** What a list shows: the name used, else the legal one, else another; "" for a card without any. */
export function displayName(card) {
  return names(card)[0]?.trim() ?? "";
}

/** Sorts cards as displayName() reads, accents and case apart; compare with < and >. */
export function sortKey(card) {
  return folded(displayName(card));
}

function birthWords(birth) {
  const [year, month, day] = String(birth ?? "").split("-");
  return day ? [year, month, day, String(+month), String(+day), year + month + day, month + day + year] : [];
}

/** All of a card that a search looks at, folded once. For matches(). */
export function searchText(card) {
  const spelled = names(card).flatMap((name) => {
    const apart = folded(name);
    return [apart, folded(name.replace(APOSTROPHES, "")), apart.replaceAll(" ", "")];
  });
  const ids = [card.ids?.ssn4, ...list(card.ids?.other)].flatMap(words);
  const all = [...spelled, ...birthWords(card.birth), phoneDigits(card.phone?.number), ...ids];
  return ` ${[...new Set(all.filter(Boolean))].join(" ")} `;
}

function everyWord(query, text) {
  return query.every((word) => text.includes(` ${word}`) || (/^\d{3,}$/.test(word) && text.includes(word)));
}

/**
 * Whether each word of the query begins a word of the card, or is in its phone number. `card` is a card or, which is
 * quicker over thousands, its searchText(). An empty query matches all.
 */
export function matches(query, card) {
  const text = typeof card === "string" ? card : searchText(card);
  const spellings = [words(query), words(query.replace(APOSTROPHES, ""))];
  const digits = phoneDigits(query);
  if (digits.length >= 3 && !/\p{L}/u.test(query)) spellings.push([digits]);
  return spellings.some((spelling) => everyWord(spelling, text));
}

// Who is here already

function slips(one, other) {
  // Levenshtein with a swap of neighbours; words are short.
  let [before, last] = [[], Array.from({ length: other.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const change = one[i - 1] === other[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + change);
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, last] = [last, row];
  }
  return last[other.length];
}

function alike(one, other) {
  if (one === other) return true;
  const length = Math.min(one.length, other.length);
  if (length === 1) return one[0] === other[0];
  if (length < 4 || Math.abs(one.length - other.length) > 2) return false;
  return slips(one, other) <= (length < 8 ? 1 : 2);
}

// Of the shorter name each word has one like it in the longer, and at least one is no bare initial.
function similar(one, other) {
  const [short, long] = one.length <= other.length ? [one, [...other]] : [other, [...one]];
  let spelled = false;
  for (const word of short) {
    const at = long.findIndex((candidate) => alike(word, candidate));
    if (at < 0) return false;
    spelled ||= word.length > 1 && long[at].length > 1;
    long.splice(at, 1);
  }
  return spelled;
}

function initials(name) {
  // "ML" and "M. L." are initials themselves.
  const letters = name.length === 1 && name[0].length <= 3 ? [...name[0]] : name.map((word) => word[0]);
  return letters.sort().join("");
}

function traits(card) {
  const spelled = names(card).map(words).filter((name) => name.length);
  return {
    birth: card.birth || "",
    phone: phoneDigits(card.phone?.number),
    spelled,
    sorted: new Set(spelled.filter((name) => name.length > 1).map((name) => [...name].sort().join(" "))),
    initials: new Set(spelled.map(initials).filter((letters) => letters.length > 1)),
  };
}

function reasonsFor(one, other) {
  const reasons = [];
  const born = one.birth && one.birth === other.birth;
  if (born && one.spelled.some((name) => other.spelled.some((theirs) => similar(name, theirs)))) reasons.push("birth");
  if (one.phone.length >= 7 && one.phone === other.phone) reasons.push("phone");
  if (!one.sorted.isDisjointFrom(other.sorted)) reasons.push("name");
  if (born && !reasons.includes("birth") && !one.initials.isDisjointFrom(other.initials)) reasons.push("initials");
  return reasons;
}

/**
 * Those of `others`, [{client, card}], that may be the same person: [{client, card, reasons}], the surest first.
 * Reasons: "birth" (same day, similar name), "phone", "name" (the same words in any order), "initials" (and same day).
 * Whoever asks leaves the card's own row out.
 */
export function likely(card, others) {
  const mine = traits(card);
  return others
    .filter((other) => other.card)
    .map((other) => ({ ...other, reasons: reasonsFor(mine, traits(other.card)) }))
    .filter((other) => other.reasons.length)
    .sort((one, other) => other.reasons.length - one.reasons.length);
}

// Two people's changes

const isGroup = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

// A form writes "" where the card had nothing: the same.
function isNothing(value) {
  if (value === undefined || value === "") return true;
  if (Array.isArray(value)) return !value.length;
  return isGroup(value) && Object.values(value).every(isNothing);
}

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isGroup(value)) return JSON.stringify(value);
  const full = Object.keys(value).filter((key) => !isNothing(value[key])).sort();
  return `{${full.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join()}}`;
}

function equal(one, other) {
  return isNothing(one) ? isNothing(other) : !isNothing(other) && canonical(one) === canonical(other);
}

// Lists are sets: what either side added stays, what either took out is gone.
function mergedList(base, mine, theirs) {
  const [before, here, there] = [base, mine, theirs].map((all) => new Set(all.map(canonical)));
  const kept = theirs.filter((one) => here.has(canonical(one)) || !before.has(canonical(one)));
  return [...kept, ...mine.filter((one) => !before.has(canonical(one)) && !there.has(canonical(one)))];
}

function mergedValue(base, mine, theirs, path, conflicts) {
  if (equal(mine, theirs) || equal(base, mine)) return theirs;
  if (equal(base, theirs)) return mine;
  const sides = [base, mine, theirs];
  const all = (kind) => sides.every((side) => side === undefined || kind(side));
  if (all(isGroup)) return mergedGroup(base, mine, theirs, path, conflicts);
  if (all(Array.isArray)) return mergedList(...sides.map((side) => side ?? []));
  conflicts.push({ path, base, mine, theirs });
  return theirs;
}

function mergedGroup(base = {}, mine = {}, theirs = {}, path = [], conflicts = []) {
  const keys = new Set([...Object.keys(theirs), ...Object.keys(mine)]);
  const value = (key) => mergedValue(base[key], mine[key], theirs[key], [...path, key], conflicts);
  return Object.fromEntries([...keys].map((key) => [key, value(key)]).filter(([, one]) => !isNothing(one)));
}

function pick(card, keys) {
  return Object.fromEntries(keys.filter((key) => !isNothing(card[key])).map((key) => [key, card[key]]));
}

// Every field of what is only true together, as a path into the card.
function leaves(cards, keys) {
  return keys.flatMap((key) => {
    const values = cards.map((card) => card[key]).filter((value) => !isNothing(value));
    if (!values.every(isGroup)) return [[key]];
    return [...new Set(values.flatMap(Object.keys))].map((name) => [key, name]);
  });
}

/** The value at a path, or undefined. */
export function fieldAt(card, path) {
  return path.reduce((value, key) => (isGroup(value) ? value[key] : undefined), card);
}

/** A copy of the card with the value at the path; undefined takes it out. */
export function withField(card, [key, ...rest], value) {
  const inner = rest.length ? withField(isGroup(card?.[key]) ? card[key] : {}, rest, value) : value;
  const kept = Object.entries(card ?? {}).filter(([name]) => name !== key);
  return Object.fromEntries(isNothing(inner) ? kept : [...kept, [key, inner]]);
}

/**
 * Two people's changes of one card: {merged, conflicts}. A field only one side changed is taken from that side, also
 * one this file has never heard of. What both changed differently stands in `merged` as theirs, and in `conflicts` as
 * {path, base, mine, theirs}; put mine in with withField(). Phone, emergency contact, and address with its safety are
 * each looked at as a whole.
 */
export function merge(base, mine, theirs) {
  const conflicts = [];
  const whole = TOGETHER.filter((keys) => {
    const [before, here, there] = [base, mine, theirs].map((card) => pick(card, keys));
    return !equal(before, here) && !equal(before, there) && !equal(here, there);
  });
  for (const keys of whole)
    for (const path of leaves([base, mine, theirs], keys))
      if (!equal(fieldAt(mine, path), fieldAt(theirs, path)))
        conflicts.push({ path, base: fieldAt(base, path), mine: fieldAt(mine, path), theirs: fieldAt(theirs, path) });
  const settled = new Set(whole.flat());
  const rest = (card) => Object.fromEntries(Object.entries(card).filter(([key]) => !settled.has(key) && key !== "by"));
  const merged = {
    ...mergedGroup(rest(base), rest(mine), rest(theirs), [], conflicts),
    ...pick(theirs, [...settled]),
  };
  // Whoever saves the merged card is its writer.
  return { merged: isNothing(mine.by) ? merged : { ...merged, by: mine.by }, conflicts };
}

// A name's parts, as an HMIS has them, are the name's only while they spell it.
function spelling({ name = {} }, legal) {
  const { first, middle, last, suffix } = name.parts ?? {};
  const whole = [first, middle, last, suffix].filter((part) => !isNothing(part)).join(" ");
  return whole && whole === legal ? name.parts : undefined;
}

/**
 * What a file says, added to the card that stands: {card, conflicts, same}. Nothing that stands is changed; where the
 * file says otherwise the path is in `conflicts`, as {path, stands, file}. `same` if there was nothing to add.
 */
export function added(stands, file) {
  const [without, said] = [stands, file].map((card) => withField(card, ["name", "parts"], undefined));
  const { merged, conflicts } = merge({}, said, without);
  const { legal } = merged.name ?? {};
  const parts = spelling(stands, legal) ?? spelling(file, legal) ?? stands.name?.parts;
  const card = withField(merged, ["name", "parts"], parts);
  const same = equal({ ...card, by: undefined }, { ...stands, by: undefined });
  return { card, same, conflicts: conflicts.map(({ path, mine, theirs }) => ({ path, stands: theirs, file: mine })) };
}
