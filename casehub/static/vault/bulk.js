// The page that takes the agency-side tool's file of sealed cards: reads it here, opens each card, adds it to the one
// that stands and seals it for its client. Every word comes from the page; what adding means stands in card.js.

import { added } from "./card.js";
import { Shut, fromBase64url, versionOf } from "./box.js";
import { Refused, post, watermark, whenChanged, whose } from "./session.js";
import { isOtherKey, openCards, sealed } from "./store.js";

const FORMAT = "casehub-cards/1";
const AT_ONCE = 200;
// Well below what the hub takes in one request.
const MOST_SENT = 2 ** 20;
// A card's box is 64 KiB at most; what has longer lines is no file of cards.
const LONGEST_LINE = 2 ** 17;
const MOST_MOVES = 3;
const SHOWN = 200;
const SAY_MS = 3000;

/** Why nothing of the file can be taken, or why the work stops here: a word of the page's, and what fills it. */
class Halt extends Error {
  constructor(word, facts = {}) {
    super(word);
    this.word = word;
    this.facts = facts;
  }
}

// The file

async function* linesOf(file) {
  const reader = file.stream().pipeThrough(new TextDecoderStream("utf-8", { fatal: true })).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const parts = (rest + (value ?? "")).split("\n");
      rest = done ? "" : parts.pop();
      if (rest.length > LONGEST_LINE) throw new Halt("format");
      yield* parts;
      if (done) return;
    }
  } catch (error) {
    throw error instanceof TypeError ? new Halt("format") : error; // no UTF-8
  } finally {
    reader.cancel().catch(() => {});
  }
}

function asJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// A line after the first: what it names, and its box; `why` instead where it is none.
function lineOf(text, number) {
  const said = asJson(text);
  const [source, code] = [said?.source ?? "", said?.code ?? ""];
  const key = source || code;
  const fits = [source, code, said?.box].every((one) => typeof one === "string");
  if (!fits || !key.trim()) return { number, key: "", why: "form" };
  return { number, key, asked: source ? { source } : { code }, box: said.box };
}

/** The cards of the file, line by line, from behind the line `after`; the first line is no card. */
async function* cardsOf(file, after) {
  let number = 0;
  for await (const text of linesOf(file)) if (++number > after && text.trim()) yield lineOf(text, number);
}

async function* batchesOf(file, after) {
  let lines = [];
  for await (const line of cardsOf(file, after))
    if (lines.push(line) === AT_ONCE) {
      yield lines;
      lines = [];
    }
  if (lines.length) yield lines;
}

/** Reads the whole file once before anything of it is taken: how many cards. Throws Halt, also for one cut off. */
async function checked(vault, file) {
  let [head, count, first, last] = [null, 0, null, null];
  for await (const text of linesOf(file)) {
    if (!head) {
      head = asJson(text);
      if (head?.format !== FORMAT || !Number.isSafeInteger(head.cards)) throw new Halt("format");
      if (String(head.agency).toLowerCase() !== whose.agency.toLowerCase()) throw new Halt("agency");
    } else if (text.trim()) {
      last = text;
      first ??= lineOf(text, 2);
      count += 1;
    }
  }
  if (!head) throw new Halt("format");
  if (count !== head.cards || (last && asJson(last) === null))
    throw new Halt("cut", { said: head.cards, found: count });
  const { why, version } = first?.box ? await opened(vault, first) : {};
  if (why === "version") throw new Halt(version > vault.version ? "newkey" : "oldkey", { version });
  return count;
}

async function opened(vault, line) {
  try {
    const card = await vault.openBulkCard({ source: line.key }, fromBase64url(line.box));
    if (card === null || typeof card !== "object" || card.v !== 1) return { ...line, why: "kind" };
    return { ...line, card };
  } catch (error) {
    if (!(error instanceof Shut)) throw error;
    if (!isOtherKey(error)) return { ...line, why: "shut" };
    return { ...line, why: "version", version: versionOf(fromBase64url(line.box)) };
  }
}

// One batch

/** What has become of a file's cards: counts, and the lines that somebody must look at. */
function nothingYet() {
  return { done: 0, counts: { new: 0, added: 0, same: 0 }, conflicts: [], missing: [], broken: [] };
}

function join(all, some) {
  all.done += some.done;
  for (const kind of Object.keys(all.counts)) all.counts[kind] += some.counts[kind];
  for (const kind of ["conflicts", "missing", "broken"]) all[kind].push(...some[kind]);
}

const brief = ({ number, key, why, version }) => ({ number, key, why, version });

function ends(outcome, kind, { line, where, conflicts }) {
  outcome.counts[kind] += 1;
  outcome.conflicts.push(...conflicts.map((one) => ({ ...one, client: where.client, number: line.number })));
}

// The card that is to be sealed for a line, or null where it ends here. `row` is the card that stands, if any.
function prepared(line, { client, revision }, row, outcome) {
  try {
    if (!row) watermark(client, 0); // has this tab seen a card of theirs that the hub now leaves out?
    if (row ? row.error : revision) throw new Shut("stands");
  } catch {
    outcome.broken.push(brief({ ...line, why: "stands" }));
    return null;
  }
  const { card, conflicts, same } = added(row?.card ?? {}, line.card);
  const made = { line, where: { client, revision: row?.revision ?? 0 }, conflicts };
  if (!row || !same) return { ...made, card: { ...card, v: 1, by: whose.user }, kind: row ? "added" : "new" };
  ends(outcome, "same", made);
  return null;
}

// Each part of what is waiting that may go in one request.
function* parcels(waiting) {
  let [some, size] = [[], 0];
  for (const one of waiting) {
    if (some.length && size + one.sent.sealed.length > MOST_SENT) {
      yield some;
      [some, size] = [[], 0];
    }
    some.push(one);
    size += one.sent.sealed.length;
  }
  if (some.length) yield some;
}

/** Sends the cards; the lines of those that somebody else saved first. */
async function save(vault, todo, outcome) {
  const seal = async (one) => ({ ...one, sent: await sealed(vault, one.where, one.card) });
  const moved = [];
  for (const some of parcels(await Promise.all(todo.map(seal)))) {
    const { cards } = await post("/cards/save-many/", { cards: some.map((one) => one.sent) });
    some.forEach((one, i) => {
      const { revision, refused, gone } = cards[i];
      if (refused) throw new Halt("refused", { detail: refused });
      if (gone) outcome.missing.push(brief(one.line));
      else if (!revision) moved.push({ ...one.line, moves: (one.line.moves ?? 0) + 1 });
      else {
        watermark(one.where.client, revision);
        ends(outcome, one.kind, one);
      }
    });
  }
  return moved;
}

/** Takes some lines in; those to be looked at again: of a client who came twice, or whose card was saved meanwhile. */
async function take(vault, lines, outcome) {
  const { clients } = await post("/cards/whose/", { keys: lines.map((line) => line.asked) });
  const standing = clients.filter((one) => one?.revision).map((one) => one.client);
  const rows = await openCards(vault, [...new Set(standing)]);
  const [again, seen, todo] = [[], new Set(), []];
  lines.forEach((line, i) => {
    const where = clients[i];
    if (!where) outcome.missing.push(brief(line));
    else if (seen.has(where.client)) again.push(line);
    else {
      seen.add(where.client);
      todo.push(prepared(line, where, rows.get(where.client), outcome));
    }
  });
  return [...again, ...(await save(vault, todo.filter(Boolean), outcome))];
}

/** What becomes of these lines. One broken off counts for nothing, and is looked at again from its first line. */
async function batch(vault, lines) {
  const outcome = { ...nothingYet(), done: lines.length };
  const all = await Promise.all(lines.map((line) => (line.why ? line : opened(vault, line))));
  outcome.broken.push(...all.filter((line) => line.why).map(brief));
  let left = all.filter((line) => !line.why);
  while (left.length) {
    left = await take(vault, left, outcome);
    // A hub that says so again and again makes no sense.
    if (left.some((line) => line.moves > MOST_MOVES)) throw new Halt("failed");
  }
  return outcome;
}

// The page

const page = document.querySelector("[data-bulk]");
const part = (name) => page.querySelector(`[data-bulk-part="${name}"]`);
const filled = (text, facts) => text.replace(/\{(\w+)\}/g, (whole, name) => facts[name] ?? whole);
let [vault, work, saidAt] = [null, null, 0];

function show(state) {
  page.dataset.bulkState = state;
  for (const one of page.querySelectorAll("[data-when]")) one.hidden = !one.dataset.when.split(" ").includes(state);
}

function say(word, facts = {}) {
  for (const one of page.querySelectorAll("[data-bulk-says]")) {
    one.hidden = one.dataset.bulkSays !== word;
    if (one.hidden) continue;
    for (const text of one.querySelectorAll("[data-text]")) text.textContent = filled(text.dataset.text, facts);
  }
}

function tell(now = false) {
  const { done } = work.outcome;
  Object.assign(part("bar"), { max: work.all || 1, value: done });
  if (!now && Date.now() - saidAt < SAY_MS) return;
  saidAt = Date.now();
  const { text, checking } = part("status").dataset;
  part("status").textContent = filled(work.all ? text : checking, { done, all: work.all });
}

function words(name) {
  return page.querySelector(`template[data-word="${name}"]`)?.content.textContent ?? "";
}

function row(texts, href) {
  const item = document.createElement("li");
  const first = document.createElement(href ? "a" : "span");
  if (href) Object.assign(first, { href, className: "go" });
  first.textContent = texts[0];
  item.append(first);
  for (const text of texts.slice(1)) {
    const sub = document.createElement("span");
    [sub.className, sub.textContent] = ["sub", text];
    item.append(sub);
  }
  return item;
}

function list(name, found, made) {
  const section = part(name);
  section.hidden = !found.length;
  section.querySelector("ul").replaceChildren(...found.slice(0, SHOWN).map(made));
  const more = section.querySelector("[data-more]");
  more.hidden = found.length <= SHOWN;
  more.textContent = filled(more.dataset.more, { n: found.length - SHOWN });
}

const asText = (value) => (Array.isArray(value) ? value.join(", ") : String(value ?? ""));
const atLine = (line) => filled(page.dataset.line, { n: line.number });

function conflicted({ client, path, stands, file, number }) {
  const field = words(`field ${path.join(".")}`) || words("field");
  const both = filled(page.dataset.both, { stands: asText(stands), file: asText(file) });
  const href = page.dataset.url.replace("00000000-0000-0000-0000-000000000000", client);
  return row([filled(page.dataset.at, { field, n: number }), both], href);
}

function sum() {
  const { counts, conflicts, missing, broken } = work.outcome;
  const numbers = { ...counts, conflicts: conflicts.length, missing: missing.length, broken: broken.length };
  for (const [name, number] of Object.entries(numbers)) part(`n-${name}`).textContent = number;
  list("conflicts", conflicts, conflicted);
  list("missing", missing, (line) => row([atLine(line), line.key]));
  list("broken", broken, (line) => row([atLine(line), filled(words(line.why), line)]));
}

function forget() {
  work = null;
  for (const name of ["conflicts", "missing", "broken"]) list(name, [], row);
}

function whyOf(error) {
  if (error instanceof Halt) return [error.word, error.facts];
  if (error instanceof Refused) return error.body?.detail ? ["refused", error.body] : ["failed", {}];
  if (error instanceof TypeError) return ["offline", {}];
  if (error instanceof DOMException) return ["unreadable", {}]; // the file was moved, changed or taken out
  return ["failed", {}];
}

async function go() {
  const mine = work;
  mine.stops = false;
  say("");
  show("running");
  tell(true);
  part("stop").focus();
  try {
    mine.all ||= await checked(vault, mine.file);
    tell(true);
    for await (const lines of batchesOf(mine.file, mine.at)) {
      if (mine.stops || mine !== work) break;
      const outcome = await batch(vault, lines);
      if (mine !== work) return;
      join(mine.outcome, outcome);
      mine.at = lines.at(-1).number;
      tell();
    }
  } catch (error) {
    if (mine === work) rest(mine.outcome.done ? "stopped" : "ready", ...whyOf(error));
    return;
  }
  if (mine === work) rest(mine.outcome.done < mine.all ? "stopped" : "done");
}

function rest(state, word = "", facts = {}) {
  if (state !== "ready") {
    tell(true);
    sum();
  }
  show(state);
  say(word, facts);
  part({ ready: "file", stopped: "go", done: "summary" }[state]).focus();
}

if (page) {
  part("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const [file] = part("file").files;
    if (!vault || !file) return say(vault ? "nofile" : "");
    forget();
    work = { file, all: 0, at: 1, outcome: nothingYet(), stops: false };
    go();
  });
  part("stop").addEventListener("click", () => (work.stops = true));
  part("go").addEventListener("click", go);
  part("file").addEventListener("change", () => page.dataset.bulkState === "done" && show("ready"));
  whenChanged((now) => {
    vault = now;
    if (vault && work) return;
    const cut = page.dataset.bulkState === "running" || page.dataset.bulkState === "stopped";
    forget();
    show(vault ? "ready" : page.dataset.closed);
    say(cut && !vault ? "midway" : "");
  });
  window.addEventListener("pagehide", forget);
}
