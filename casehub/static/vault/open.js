// The dialog that opens the vault (components/vault.html), and the footer's line that says whether it is open.
// What opening means stands in session.js; every word comes from the page.

import "./again.js";
import { Cancelled, NoPasskey, TooWeak } from "./keys.js";
import {
  Newer,
  NoKey,
  NotConfirmed,
  Refused,
  Wrong,
  lock,
  openWithPasskey,
  openWithPassphrase,
  readState,
  whenChanged,
} from "./session.js";
import { catchUp } from "./reseal.js";

const dialog = document.getElementById("vault");
const form = dialog?.querySelector("[data-vault-form]");
const field = form?.querySelector("input");
const touch = form?.querySelector("[data-vault-passkey]");
// What is said where typing or touching would not help.
const NO_WAY = ["confirm", "nothing", "none", "waiting", "newer"];
let waiting = [];
let use = null;
let accept = null;
let asker = null;
let [standing, isOpen] = ["", false];

/** The name under which the page has words for what went wrong. */
export function wordFor(error) {
  if (error instanceof NoKey) return error.state;
  const kinds = [
    [Wrong, "wrong"],
    [TooWeak, "weak"],
    [Cancelled, "cancelled"],
    [NoPasskey, "nopasskey"],
    [Newer, "newer"],
    [NotConfirmed, "confirm"],
    [Refused, "failed"],
    [TypeError, "failed"],
  ];
  return kinds.find(([kind]) => error instanceof kind)?.[1] ?? "shut";
}

function say(name) {
  for (const one of dialog.querySelectorAll("[data-vault-says]")) one.hidden = one.dataset.vaultSays !== name;
  form.hidden = NO_WAY.includes(name);
}

function way(kind) {
  return form.querySelector(`[data-vault-way=${kind}]`);
}

function focusFirstWay() {
  if (!form.hidden) (way("passkey").hidden ? field : touch).focus();
}

function settle(value) {
  for (const resolve of waiting) resolve(value);
  [waiting, use, accept] = [[], null, null];
}

function people({ people: found }) {
  const rows = found.map(({ name, code }) => {
    const row = document.createElement("li");
    const digits = document.createElement("strong");
    digits.textContent = code;
    row.append(`${name}: `, digits);
    return row;
  });
  dialog.querySelector("[data-vault-people]").replaceChildren(...rows);
}

async function attempt(opening) {
  if (form.getAttribute("aria-busy") === "true") return;
  form.setAttribute("aria-busy", "true");
  say("working");
  try {
    const vault = await opening();
    say("");
    settle(vault);
    dialog.close();
    // What asked is gone with the lock.
    document.getElementById(asker?.dataset.then)?.focus();
  } catch (error) {
    say(wordFor(error));
    if (error instanceof NotConfirmed) {
      accept = error.accept;
      people(error);
      dialog.querySelector("[data-vault-confirm]").focus();
    } else focusFirstWay();
  } finally {
    form.removeAttribute("aria-busy");
  }
}

// Only the ways that this person has; where it is a passkey alone, it is asked for at once.
async function offer() {
  form.hidden = true;
  let ways = ["passkey", "passphrase"];
  try {
    const { me, state } = await readState();
    if (!me || (state === "waiting" && !use)) throw new NoKey(state);
    ways = ways.filter((kind) => me.openers.some((one) => one.kind === kind));
    if (!("PublicKeyCredential" in window)) ways = ways.filter((kind) => kind !== "passkey");
    say(ways.length ? "" : "nopasskey");
  } catch (error) {
    say(wordFor(error));
  }
  for (const kind of ["passkey", "passphrase"]) way(kind).hidden = !ways.includes(kind);
  form.querySelector("[type=submit]").classList.toggle("usa-button--outline", ways.includes("passkey"));
  focusFirstWay();
  if (ways.join() === "passkey" && dialog.open && !form.hidden) attempt(() => openWithPasskey(use));
}

/**
 * Asks the person to open the vault: the vault, or null if they did not. `borrow(privateBytes, state)` has the member's
 * private key until its promise is done. Focus goes to the element that `from` names as `data-then`, else back.
 */
export function askToOpen(borrow = null, from = null) {
  if (!dialog) return Promise.resolve(null);
  [use, asker] = [borrow, from];
  say("");
  // Asked for while the cards are open, it is for the person's own key.
  for (const one of dialog.querySelectorAll("[data-vault-why]"))
    one.hidden = one.dataset.vaultWhy !== (isOpen ? "open" : "shut");
  if (!dialog.open) dialog.showModal();
  offer();
  return new Promise((resolve) => waiting.push(resolve));
}

/** Says in the footer how this person stands with the key: a state of /vault/, or "" where it is not known. */
export function stands(name) {
  standing = name;
  line();
}

function line() {
  const is = isOpen ? "open" : standing === "in" ? "locked" : standing;
  for (const one of document.querySelectorAll("[data-vault-is]")) one.hidden = one.dataset.vaultIs !== is;
}

if (dialog) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = field.value;
    field.value = "";
    attempt(() => openWithPassphrase(typed, use));
  });
  touch.addEventListener("click", () => attempt(() => openWithPasskey(use)));
  dialog.querySelector("[data-vault-confirm]").addEventListener("click", () => accept && attempt(accept));
  dialog.addEventListener("close", () => {
    field.value = "";
    settle(null);
  });
  document.addEventListener("click", (event) => {
    const [opens, locks] = ["open", "lock"].map((name) => event.target.closest(`[data-vault-${name}]`));
    if (opens) askToOpen(null, opens);
    if (!locks) return;
    lock();
    document.getElementById(locks.dataset.then)?.focus();
  });
  const words = document.getElementById("vault-foot")?.content.cloneNode(true);
  const foot = document.querySelector("footer.foot");
  standing = words?.firstElementChild.dataset.standing ?? "";
  if (words && foot) foot.append(words);
  whenChanged((vault) => {
    isOpen = Boolean(vault);
    if (vault) standing = "in";
    line();
    if (vault) catchUp(vault);
  });
}
