// Keeps what is typed: form[data-draft] posts itself to that address one second after the last change.
// What a draft is and how long it stays is the server's to say; passwords and files are never sent.
const WAIT_MS = 1000;
const AGAIN_MS = 10_000;
const waiting = new Map();

function say(form, state) {
  const place = form.querySelector("[data-draft-status]") || document.querySelector("[data-draft-status]");
  if (!place) return;
  const lang = document.documentElement.lang || undefined;
  const time = new Date().toLocaleTimeString(lang, { hour: "numeric", minute: "2-digit" });
  const words = state === "kept" ? `${place.dataset.kept} ${time}` : place.dataset.failed;
  place.dataset.state = state;
  // A screen reader hears it once a minute, not at every key.
  if (place.textContent !== words) place.textContent = words;
}

function later(form, ms) {
  clearTimeout(waiting.get(form));
  waiting.set(form, setTimeout(() => keep(form), ms));
}

async function keep(form, leaving = false) {
  clearTimeout(waiting.get(form));
  waiting.delete(form);
  const body = new FormData(form);
  for (const field of form.elements) {
    if (field.type === "password" || field.type === "file") body.delete(field.name);
  }
  try {
    const answer = await fetch(form.dataset.draft, { method: "POST", body, redirect: "manual", keepalive: leaving });
    if (!answer.ok) throw new Error(String(answer.status));
    say(form, "kept");
  } catch {
    say(form, "failed");
    if (!leaving && form.isConnected) later(form, AGAIN_MS);
  }
}

function keepAll() {
  for (const form of [...waiting.keys()]) keep(form, true);
}

for (const kind of ["input", "change"]) {
  document.addEventListener(kind, (event) => {
    const form = event.target.form;
    if (form && form.dataset.draft) later(form, WAIT_MS);
  });
}
document.addEventListener("submit", (event) => {
  clearTimeout(waiting.get(event.target));
  waiting.delete(event.target);
});
document.addEventListener("casehub:keep", keepAll);
window.addEventListener("pagehide", keepAll);
