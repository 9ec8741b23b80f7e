// The page that takes the agency-side tool's file of linkage tokens: reads it here and hands it to the hub in parts, so
// that a part that does not go through is sent again. Every word comes from the page.

import { Refused, post } from "./session.js";

const FORMAT = "casehub-tokens/1";
const AT_ONCE = 200;
// Well below what the hub takes in one request.
const MOST_SENT = 2 ** 20;
const LONGEST_LINE = 2 ** 16;
const SHOWN = 200;

const page = document.querySelector("[data-tokens-in]");
const part = (name) => page.querySelector(`[data-part="${name}"]`);
const filled = (text, facts) => text.replace(/\{(\w+)\}/g, (whole, name) => facts[name] ?? whole);
let work = null;

class Halt extends Error {
  constructor(word, facts = {}) {
    super(word);
    this.word = word;
    this.facts = facts;
  }
}

function asJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The file's lines behind the first, which is held to what this page expects. Throws Halt. */
async function read(file) {
  const [first, ...rest] = (await file.text()).split("\n").filter((line) => line.trim());
  const head = asJson(first);
  const { agency, epoch, version } = page.dataset;
  if (head?.format !== FORMAT) throw new Halt("format");
  if (head.agency !== agency) throw new Halt("agency");
  if (String(head.epoch) !== epoch || String(head.version) !== version) throw new Halt("epoch");
  if (rest.length !== head.people || rest.some((line) => line.length > LONGEST_LINE))
    throw new Halt("cut", { said: head.people, found: rest.length });
  return rest;
}

/** How many lines from `at` on go in one request. */
function many(lines, at) {
  let [count, size] = [0, 0];
  while (count < AT_ONCE && at + count < lines.length) {
    size += lines[at + count].length;
    if (count && size > MOST_SENT) break;
    count += 1;
  }
  return count;
}

function say(word, facts = {}) {
  for (const one of page.querySelectorAll("[data-says]")) {
    one.hidden = one.dataset.says !== word;
    for (const text of one.querySelectorAll("[data-text]")) text.textContent = filled(text.dataset.text, facts);
  }
}

function show(state) {
  page.dataset.state = state;
  for (const one of page.querySelectorAll("[data-when]")) one.hidden = !one.dataset.when.split(" ").includes(state);
}

function tell() {
  const { lines, at, refused } = work;
  Object.assign(part("bar"), { max: lines.length || 1, value: at });
  part("status").textContent = filled(part("status").dataset.text, { done: at, all: lines.length });
  part("n-taken").textContent = at - refused.length;
  part("n-refused").textContent = refused.length;
  const section = part("refused");
  section.hidden = !refused.length;
  const rows = refused.slice(0, SHOWN).map(({ line, why }) => {
    const item = document.createElement("li");
    const words = page.querySelector(`template[data-word="${why}"]`).content.textContent;
    item.textContent = filled(page.dataset.line, { n: line, why: words });
    return item;
  });
  section.querySelector("ul").replaceChildren(...rows);
  const more = section.querySelector("[data-more]");
  more.hidden = refused.length <= SHOWN;
  more.textContent = filled(more.dataset.more, { n: refused.length - SHOWN });
}

async function go() {
  say("");
  show("running");
  try {
    work.lines ??= await read(work.file);
    tell();
    const { epoch, version } = page.dataset;
    while (work.at < work.lines.length) {
      const count = many(work.lines, work.at);
      const records = work.lines.slice(work.at, work.at + count).map(asJson);
      const sent = { epoch: Number(epoch), version: Number(version), records };
      const { refused } = await post(page.dataset.url, sent);
      // The file's first line is no record, and people count lines from 1.
      work.refused.push(...refused.map(([i, why]) => ({ line: work.at + i + 2, why })));
      work.at += count;
      tell();
    }
    show("done");
    part("summary").focus();
  } catch (error) {
    const [word, facts] =
      error instanceof Halt ? [error.word, error.facts]
      : error instanceof Refused && error.body?.detail ? ["refused", error.body]
      : [error instanceof DOMException ? "unreadable" : "failed", {}];
    show(work.at ? "stopped" : "ready");
    say(word, facts);
    part(work.at ? "go" : "file").focus();
  }
}

if (page) {
  part("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const [file] = part("file").files;
    if (!file) return say("nofile");
    work = { file, lines: null, at: 0, refused: [] };
    go();
  });
  part("go").addEventListener("click", go);
  show("ready");
}
