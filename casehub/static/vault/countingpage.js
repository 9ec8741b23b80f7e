// The page on which an agency brings in the key holders' file and tries whether the three answer. Every word comes
// from the page; how the file is read, believed and sealed stands in network.js.

import { Shut } from "./box.js";
import { asker } from "./holders.js";
import {
  HOLDERS,
  Unfit,
  epochOf,
  fingerprint,
  joinedFile,
  keepFile,
  openFile,
  readLinkage,
  send,
} from "./network.js";
import { Refused, opened, post, readState, whenChanged } from "./session.js";

const page = document.getElementById("counting");
const one = (selector) => page.querySelector(selector);
const all = (selector) => page.querySelectorAll(selector);
const KNOWN = ["missing", "lies", "no", "quota", "clock"];
const LARGEST = 100_000;
let [chosen, current, turn] = [null, null, 0];

function say(name) {
  for (const words of all("[data-counting-says]")) words.hidden = words.dataset.countingSays !== name;
}

function show(name) {
  page.dataset.state = name;
  for (const part of all("[data-counting-when]"))
    part.hidden = !part.dataset.countingWhen.split(" ").includes(name);
}

function answers(holder, name) {
  for (const part of all(`[data-holder="${holder}"] [data-answer]`)) part.hidden = part.dataset.answer !== name;
}

async function stateNow(vault) {
  const { state, version } = await readState();
  if (state !== "in") return { name: state };
  if (vault?.version !== version) return { name: "locked" };
  const linkage = await readLinkage();
  if (!linkage.file) return { name: "nofile", linkage };
  let file;
  try {
    file = await openFile(vault, linkage.file);
  } catch (error) {
    if (!(error instanceof Shut)) throw error;
    say("shut");
    return { name: "nofile", linkage };
  }
  const epoch = await epochOf(file, linkage.epochs);
  const newest = linkage.epochs.at(-1)?.number;
  if (!newest) return { name: "oldkey", linkage, file };
  if (epoch === newest) return { name: "ready", linkage, file, epoch };
  // Whether it speaks of the newest epoch at all, or of another key under the same number.
  return { name: file.commitments[newest] ? "otherkey" : "oldkey", linkage, file, epoch };
}

async function look() {
  const mine = ++turn;
  const found = await stateNow(await opened());
  if (mine !== turn) return;
  current = found;
  if (found.name === "ready")
    one("[data-own-digits]").textContent = await fingerprint(found.file.commitments[found.epoch]);
  for (const holder of HOLDERS) answers(holder, "untried");
  show(found.name);
}

function wordOf(error) {
  if (error instanceof Unfit) return error.why;
  if (error instanceof Shut) return "shut";
  if (error instanceof Refused) return error.status === 409 ? "moved" : "failed";
  if (error instanceof TypeError || error.name === "TimeoutError") return "failed";
  throw error;
}

async function act(doing) {
  say("working");
  try {
    say(await doing());
  } catch (error) {
    say(wordOf(error));
  }
}

/** Reads what was chosen; it stays in this page's memory until it is saved or the page is left. */
async function read() {
  chosen = null;
  one("[data-read]").hidden = true;
  one("[data-heard]").checked = false;
  const files = [...one("[data-files]").files];
  if (!files.length) return "";
  if (files.some(({ size }) => size > LARGEST)) throw new Unfit("format");
  const file = joinedFile(await Promise.all(files.map((each) => each.text())), current.linkage.agency);
  const newest = current.linkage.epochs.at(-1);
  const commitments = newest && file.commitments[newest.number];
  if (!commitments || (await fingerprint(commitments)) !== newest.fingerprint) return "otherkey";
  one("[data-new-digits]").textContent = newest.fingerprint;
  one("[data-read]").hidden = false;
  chosen = file;
  return "";
}

async function keep() {
  if (!chosen) return "format";
  if (!one("[data-heard]").checked) {
    one("[data-heard]").focus();
    return "unheard";
  }
  await keepFile(await opened(), current.linkage.file?.serial ?? 0, chosen);
  chosen = null;
  one("[data-files]").value = "";
  one("[data-read]").hidden = true;
  await look();
  document.getElementById("counting-h").focus();
  return "kept";
}

async function drop() {
  await post("/linkage/file/", { drop: true });
  await look();
  document.getElementById("counting-h").focus();
  return "dropped";
}

/** Each of the three is asked for a token of nobody: two pairs, since whom a pair's other one fails is known too. */
async function tryThem() {
  for (const holder of HOLDERS) answers(holder, "untried");
  const { file, epoch } = current;
  const nobody = crypto.getRandomValues(new Uint8Array(16));
  const said = {};
  for (const pair of [
    ["1", "2"],
    ["2", "3"],
  ]) {
    const holders = Object.fromEntries(pair.map((holder) => [holder, file.holders[holder]]));
    const two = asker({ ...file, holders }, epoch, send);
    // Who failed is in `troubles`.
    await two.tokens([nobody]).catch((error) => {
      if (error.name !== "NotEnough") throw error;
    });
    for (const holder of pair) said[holder] = two.troubles[holder] ?? "fine";
  }
  for (const holder of HOLDERS) answers(holder, ["fine", ...KNOWN].includes(said[holder]) ? said[holder] : "other");
  return "";
}

one("[data-files]").addEventListener("change", () => act(read));
one("[data-keep]").addEventListener("click", () => act(keep));
one("[data-drop]").addEventListener("click", () => act(drop));
one("[data-try]").addEventListener("click", () => act(tryThem));
whenChanged(() => look().catch((error) => say(wordOf(error))));
