// The dialog that asks for the sign-in password once more before an act on the agency's keys (components/vault.html).
// The page stays as it is, so that a kit on paper or a ticked code is not lost; the words come from the page.

import { csrf, whenUnsure } from "./session.js";

const dialog = document.getElementById("again");
const form = dialog?.querySelector("form");
let settle = () => {};

function say(name) {
  for (const one of dialog.querySelectorAll("[data-again-says]")) one.hidden = one.dataset.againSays !== name;
}

function ask() {
  say("");
  dialog.showModal();
  return new Promise((resolve) => (settle = resolve));
}

/** "" if it is theirs, else the name of what to say. */
async function tryPassword(password) {
  const body = new URLSearchParams({ password, next: location.pathname });
  try {
    const answer = await fetch(form.dataset.to, { method: "POST", headers: csrf(), body, redirect: "manual" });
    // The hub leads on from a right one, and shows its form again after a wrong one.
    return answer.type === "opaqueredirect" ? "" : answer.ok ? "wrong" : "failed";
  } catch {
    return "failed";
  }
}

if (dialog) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy") === "true") return;
    const field = form.querySelector("input");
    const typed = field.value;
    field.value = "";
    form.setAttribute("aria-busy", "true");
    const wrong = await tryPassword(typed);
    form.removeAttribute("aria-busy");
    say(wrong);
    if (wrong) return field.focus();
    settle(true);
    dialog.close();
  });
  dialog.addEventListener("close", () => {
    form.querySelector("input").value = "";
    settle(false);
  });
  whenUnsure(ask);
}
