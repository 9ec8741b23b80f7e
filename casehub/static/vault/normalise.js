// One spelling for each name, date, ending of a social security number and ZIP code, step by step as in
// referrals/linkage/normalise.py (docs/reference/linkage-tokens.md). Nothing here knows keys or tokens.

import { DATA } from "./linkdata.js";

const JOINING = new RegExp(DATA.joining, "gu");
const [TITLES, SUFFIXES, PARTICLES, NO_NAME, EMPTYING, NO_SSN, NO_ZIP] = [
  DATA.titles,
  DATA.suffixes,
  DATA.particles,
  DATA.noName,
  DATA.emptying,
  DATA.noSsn,
  DATA.noZip,
].map((list) => new Set(list));
// What Python takes for space: what /\s/ finds and a few control characters, without the byte order mark.
const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const SPACES = new RegExp(`${SPACE}+`, "u");
const OUTER = new RegExp(`^${SPACE}+|${SPACE}+$`, "gu");
const DATE = /^(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?:[T ][^\n]*)?$/;
const DATE_US = /^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})$/;
const NO_BIRTH = Object.freeze({ year: "", month: "", day: "", isDate: false });

/** The text without outer space. */
export function strip(text) {
  return text.replace(OUTER, "");
}

/** How many code points, not UTF-16 units. */
export function length(text) {
  return [...text].length;
}

/** The first code points. */
export function start(text, many) {
  return [...text].slice(0, many).join("");
}

/** For sort(): by code points, as Python sorts. */
export function byCodePoint(one, other) {
  const [here, there] = [[...one], [...other]];
  const at = here.findIndex((point, i) => point !== there[i]);
  if (at === -1) return here.length - there.length;
  return at < there.length ? here[at].codePointAt(0) - there[at].codePointAt(0) : 1;
}

/** The words of a name, folded: letters and digits in lower case without marks. */
export function words(text) {
  const plain = text.replace(JOINING, "").normalize("NFKD").toLowerCase();
  const letter = (one) => (/[\p{L}\p{N}]/u.test(one) ? (DATA.fold[one] ?? one) : /\p{M}/u.test(one) ? "" : " ");
  return Array.from(plain, letter).join("").split(" ").filter(Boolean);
}

/** A first or last name: {whole, halves}, both empty when no name is known. */
export function name(text) {
  let found = words(text);
  if (found.length > 1 && TITLES.has(found[0])) found = found.slice(1);
  while (found.length > 1 && SUFFIXES.has(found.at(-1))) found = found.slice(0, -1);
  found = found.map((word) => word.replace(/\P{L}/gu, "")).filter(Boolean);
  const whole = found.join("");
  const repeated = length(whole) > 1 && new Set(whole).size === 1;
  if (repeated || NO_NAME.has(found.join("-")) || found.some((word) => EMPTYING.has(word)))
    return { whole: "", halves: [] };
  if (found.length < 2) return { whole, halves: [] };
  const kept = found.filter((word) => !PARTICLES.has(word));
  const halves = new Set([kept.join(""), ...kept].filter((half) => half !== whole && length(half) > 2));
  return { whole, halves: [...halves].sort(byCodePoint).slice(0, DATA.mostHalves) };
}

/** A date written YYYYMMDD, YYYY-MM-DD or M/D/YYYY: {year, month, day, isDate}, each part empty where unknown. */
export function birth(text) {
  const [, ...parts] = DATE.exec(strip(text)) ?? [];
  const [, ...us] = DATE_US.exec(strip(text)) ?? [];
  if (!parts.length && !us.length) return NO_BIRTH;
  const [year, month, day] = parts.length ? parts : [us[2], us[0].padStart(2, "0"), us[1].padStart(2, "0")];
  if (year < "1880" || year > "2099") return NO_BIRTH;
  if (["0101", "0000"].includes(month + day))
    return year === "1900" || year === "1901" ? NO_BIRTH : { ...NO_BIRTH, year };
  if (year + month + day === "18991230") return NO_BIRTH;
  return { year, month, day, isDate: isDate(year, month, day) };
}

function isDate(year, month, day) {
  const found = new Date(Date.UTC(+year, +month - 1, +day));
  return found.getUTCMonth() === +month - 1 && found.getUTCDate() === +day;
}

/** The last four digits of a social security number, or nothing. */
export function ssn4(text) {
  const digits = text.replace(/[^0-9]/g, "");
  if (![4, 9].includes(digits.length) || NO_SSN.has(digits)) return "";
  const last = digits.slice(-4);
  return last === "0000" || last === "9999" ? "" : last;
}

/** The five digits of a ZIP code, or nothing. */
export function zip5(text) {
  const digits = strip(strip(text).split("-")[0]);
  if (!/^[0-9]+$/.test(digits) || ![4, 5, 9].includes(digits.length)) return "";
  const found = digits.padStart(5, "0").slice(0, 5);
  return NO_ZIP.has(found) ? "" : found;
}

const is = (word, among) => among.has(words(word).join(""));

/** First and last names out of one field, as agency_side/person.py parts them. */
export function split(text) {
  const [before, ...behind] = text.split(",");
  const after = behind.join(",");
  if (words(after).some((word) => !SUFFIXES.has(word))) return [after, before];
  let found = before.split(SPACES).filter((word) => words(word).length);
  if (found.length > 1 && is(found[0], TITLES)) found = found.slice(1);
  while (found.length > 1 && is(found.at(-1), SUFFIXES)) found = found.slice(0, -1);
  let at = found.length - 1;
  while (at > 1 && is(found[at - 1], PARTICLES)) at -= 1;
  return at > 0 ? [found.slice(0, at).join(" "), found.slice(at).join(" ")] : [found.join(" "), ""];
}
