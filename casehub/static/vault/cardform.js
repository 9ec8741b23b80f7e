// The forms in which a card is written: its own page, and the few fields of it at intake. What is typed is sealed here
// and leaves the page only sealed; the fields have no names, so no form can send them.

import { displayName, fieldAt, merge, withField } from "./card.js";
import { everyCard } from "./cardsearch.js";
import { fromBase64url } from "./box.js";
import { whenChanged, whose } from "./session.js";
import { Moved, isOtherKey, openCards, saveCard, sealed } from "./store.js";
import { askSoon } from "./tokenise.js";

const KEEP_MS = 1000;
const DRAFT_MS = 300; // before the draft is sent
const KINDS = { bool: { true: true, false: false } };

function show(root, state) {
  root.dataset.cardState = state;
  for (const one of root.querySelectorAll("[data-when]"))
    one.hidden = !one.dataset.when.split(" ").includes(state);
}

// Fields: an input for a path into the card; lists are rows of a template.

const inputs = (root) => [...root.querySelectorAll("[data-field]")];
const lists = (root) => [...root.querySelectorAll("[data-list]")];
const pathOf = (text) => text.split(".");

function valueOf(input) {
  const typed = input.value.trim();
  return input.dataset.kind ? KINDS[input.dataset.kind][typed] : typed || undefined;
}

function addRow(list, value) {
  const row = list.querySelector("template").content.firstElementChild.cloneNode(true);
  for (const input of row.querySelectorAll("[data-part]")) {
    const part = input.dataset.part ? value?.[input.dataset.part] : value;
    // Another client's card may be closed to this reader: the link to it stays.
    if (input.matches("select") && part && ![...input.options].some((one) => one.value === part))
      input.append(new Option(input.dataset.unknown ?? part, part));
    input.value = part ?? "";
  }
  row.querySelector("[data-remove]").addEventListener("click", () => {
    row.remove();
    list.querySelector("[data-add]").focus();
    list.dispatchEvent(new Event("input", { bubbles: true }));
  });
  list.querySelector("[data-rows]").append(row);
  return row;
}

function rowValue(row) {
  const parts = [...row.querySelectorAll("[data-part]")];
  const typed = parts.map((input) => [input.dataset.part, input.value.trim()]);
  if (parts.length === 1 && !parts[0].dataset.part) return typed[0][1] || undefined;
  return typed[0][1] ? Object.fromEntries(typed) : undefined;
}

function fill(root, card) {
  for (const input of inputs(root)) input.value = fieldAt(card, pathOf(input.dataset.field)) ?? "";
  for (const list of lists(root)) {
    list.querySelector("[data-rows]").replaceChildren();
    for (const value of fieldAt(card, pathOf(list.dataset.list)) ?? []) addRow(list, value);
  }
}

/** The card as the form has it; what the form has no field for stays as it was. */
function read(root, card) {
  let out = { ...card, v: 1 };
  for (const input of inputs(root)) out = withField(out, pathOf(input.dataset.field), valueOf(input));
  for (const list of lists(root)) {
    const rows = [...list.querySelectorAll("[data-rows] > *")].map(rowValue).filter((one) => one !== undefined);
    out = withField(out, pathOf(list.dataset.list), rows);
  }
  return { ...out, by: whose.user };
}

function wipe(root) {
  fill(root, {});
  root.querySelector("[data-conflicts]")?.replaceChildren();
}

// The card's own page

function editing(form) {
  const { client } = form.dataset;
  const stored = `casehub-card-${client}`;
  const conflicts = form.querySelector("[data-conflicts]");
  let [vault, base, revision, dirty, saved, timer] = [null, {}, 0, false, false, 0];

  async function offerOthers() {
    const others = (await everyCard()).filter((row) => row.client !== client && displayName(row.card));
    const templates = [...form.querySelectorAll("template")].map((one) => one.content);
    for (const select of templates.flatMap((one) => [...one.querySelectorAll("[data-clients]")])) {
      const blank = select.options[0];
      select.replaceChildren(blank, ...others.map((row) => new Option(displayName(row.card), row.client)));
    }
  }

  // What was typed and not saved lies in this tab only, sealed: {base, mine} at the place of the save it was to be.
  async function keep() {
    if (!vault || !dirty) return;
    const kept = await sealed(vault, { client, revision }, { base, mine: read(form, base) });
    if (!saved) sessionStorage.setItem(stored, JSON.stringify(kept));
  }

  async function keptBefore() {
    const text = sessionStorage.getItem(stored);
    if (!text) return null;
    try {
      const kept = JSON.parse(text);
      const where = { client, revision: kept.revision + 1, savedAt: kept.saved_at };
      return { ...(await vault.openCard(where, fromBase64url(kept.sealed))), revision: kept.revision };
    } catch {
      sessionStorage.removeItem(stored);
      return null;
    }
  }

  function ask(found) {
    for (const { path, mine, theirs } of found) {
      const input = form.querySelector(`[data-field="${path.join(".")}"]`);
      if (!input) continue;
      const box = form.querySelector("[data-conflict]").content.firstElementChild.cloneNode(true);
      const label = form.querySelector(`label[for="${input.id}"]`);
      box.querySelector("legend").textContent = label.textContent;
      for (const [side, value] of [["mine", mine], ["theirs", theirs]]) {
        const radio = box.querySelector(`[value="${side}"]`);
        radio.name = `side-${input.id}`;
        radio.id = `${side}-${input.id}`;
        const words = box.querySelector(`[data-side="${side}"]`);
        words.htmlFor = radio.id;
        const option = input.matches("select") && [...input.options].find((one) => one.value === String(value));
        words.querySelector("[data-value]").textContent = option ? option.text : (value ?? form.dataset.nothing);
        radio.addEventListener("change", () => {
          input.value = value ?? "";
        });
      }
      conflicts.append(box);
    }
  }

  /** Somebody saved first: what only one side changed is put together, the rest is asked. */
  async function meet(mine) {
    const theirs = (await openCards(vault, [client])).get(client);
    if (!theirs?.card) return show(form, "broken");
    const { merged, conflicts: found } = merge(base, mine, theirs.card);
    [base, revision] = [theirs.card, theirs.revision];
    conflicts.replaceChildren();
    fill(form, merged);
    ask(found);
    dirty = true;
    await keep();
    show(form, "asked");
    form.querySelector("[data-asked]").focus();
  }

  async function save() {
    const open = [...conflicts.children].find((one) => !one.querySelector("input:checked"));
    if (open) return open.querySelector("input").focus();
    const mine = read(form, base);
    form.querySelector("[type=submit]").setAttribute("aria-disabled", "true");
    try {
      await saveCard(vault, { client, revision }, mine);
      [dirty, saved] = [false, true];
      clearTimeout(timer);
      sessionStorage.removeItem(stored);
      askSoon();
      location.assign(form.dataset.after);
    } catch (error) {
      if (error instanceof Moved) return await meet(mine);
      form.querySelector("[data-refused]").textContent = error.body?.detail ?? form.dataset.failed;
      show(form, "refused");
    } finally {
      form.querySelector("[type=submit]").removeAttribute("aria-disabled");
    }
  }

  async function open() {
    const row = (await openCards(vault, [client])).get(client);
    if (row?.error) return show(form, isOtherKey(row.error) ? "newer" : "broken");
    if (!row && "hasCard" in form.dataset) return show(form, "broken");
    [base, revision] = [row?.card ?? {}, row?.revision ?? 0];
    await offerOthers();
    fill(form, base);
    show(form, "open");
    const kept = await keptBefore();
    if (!kept) return;
    dirty = true;
    if (kept.revision === revision) {
      fill(form, kept.mine);
      show(form, "restored");
    } else {
      base = kept.base;
      await meet(kept.mine);
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (vault && !form.querySelector("[aria-disabled]")) save();
  });
  form.addEventListener("input", () => {
    dirty = true;
    clearTimeout(timer);
    timer = setTimeout(keep, KEEP_MS);
  });
  for (const list of lists(form))
    list.querySelector("[data-add]").addEventListener("click", () => addRow(list).querySelector("[data-part]").focus());
  window.addEventListener("beforeunload", (event) => {
    if (dirty && vault) event.preventDefault();
  });
  return (now) => {
    clearTimeout(timer);
    if (!now) keep(); // reads what is typed before it is wiped
    vault = now;
    if (!vault) {
      dirty = false;
      base = {};
      wipe(form);
      return show(form, form.dataset.closed);
    }
    open().catch((error) => show(form, error.name === "Shut" ? "broken" : "offline"));
  };
}

// The few fields at intake

function beginning(section) {
  const form = section.closest("form");
  const client = section.dataset.client;
  const hidden = (name) => form.elements[`card_${name}`];
  let [vault, sending, timer] = [null, false, 0];

  /** Puts what is typed, sealed for the client to be, where the form and its draft take it along. */
  async function seal() {
    const empty = inputs(section).every((input) => !input.value.trim());
    const box = empty ? null : await sealed(vault, { client, revision: 0 }, read(section, {}));
    hidden("sealed").value = box?.sealed ?? "";
    hidden("saved_at").value = box?.saved_at ?? "";
    hidden("version").value = box?.key_version ?? "";
    hidden("client").value = box ? client : "";
  }

  async function restore() {
    // The form came back with errors, or from a draft, which was of a form with another id.
    if (!hidden("sealed").value) return;
    const where = { client: hidden("client").value, revision: 1, savedAt: Number(hidden("saved_at").value) };
    fill(section, await vault.openCard(where, fromBase64url(hidden("sealed").value)));
    await seal();
  }

  section.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => vault && seal().catch(() => {}), DRAFT_MS);
  });
  form.addEventListener("submit", async (event) => {
    if (sending || !vault) return;
    event.preventDefault();
    clearTimeout(timer);
    try {
      await seal();
    } catch {
      document.getElementById("trouble").hidden = false;
      return;
    }
    sending = true;
    form.submit();
  });
  return (now) => {
    vault = now;
    section.hidden = !vault;
    if (vault) restore().catch(() => {});
    else wipe(section);
  };
}

const parts = [
  ...[...document.querySelectorAll("form[data-card-form]")].map(editing),
  ...[...document.querySelectorAll("[data-card-begin]")].map(beginning),
];
if (parts.length) {
  whenChanged((vault) => parts.forEach((part) => part(vault)));
  window.addEventListener("pagehide", () => parts.forEach((part) => part(null)));
}
