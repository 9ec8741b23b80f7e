// The dialog that opens the vault (components/vault.html), and the footer's line that says whether it is open.
// What opening means stands in session.js; every word comes from the page.

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
  whenChanged,
} from "./session.js";
import { catchUp } from "./reseal.js";

const dialog = document.getElementById("vault");
const form = dialog?.querySelector("[data-vault-form]");
const field = form?.querySelector("input");
let waiting = [];
let use = null;
let accept = null;

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
  form.hidden = name === "confirm"; // one question at a time
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
  } catch (error) {
    say(wordFor(error));
    if (error instanceof NotConfirmed) {
      accept = error.accept;
      people(error);
      dialog.querySelector("[data-vault-confirm]").focus();
    } else field.focus();
  } finally {
    form.removeAttribute("aria-busy");
  }
}

/**
 * Asks the person to open the vault: the vault, or null if they did not. `borrow(privateBytes, state)` has the member's
 * private key until its promise is done.
 */
export function askToOpen(borrow = null) {
  if (!dialog) return Promise.resolve(null);
  use = borrow;
  say("");
  if (!dialog.open) dialog.showModal();
  field.focus();
  return new Promise((resolve) => waiting.push(resolve));
}

if (dialog) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = field.value;
    field.value = "";
    attempt(() => openWithPassphrase(typed, use));
  });
  dialog.querySelector("[data-vault-passkey]").addEventListener("click", () => attempt(() => openWithPasskey(use)));
  dialog.querySelector("[data-vault-confirm]").addEventListener("click", () => accept && attempt(accept));
  dialog.addEventListener("close", () => {
    field.value = "";
    settle(null);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-vault-open]")) askToOpen();
    else if (event.target.closest("[data-vault-lock]")) lock();
  });
  const line = document.getElementById("vault-foot")?.content.cloneNode(true);
  const foot = document.querySelector("footer.foot");
  if (line && foot) foot.append(line);
  whenChanged((vault) => {
    for (const one of document.querySelectorAll("[data-vault-is]"))
      one.hidden = one.dataset.vaultIs !== (vault ? "open" : "locked");
    if (vault) catchUp(vault);
  });
}
