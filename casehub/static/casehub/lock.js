// The idle lock as the user meets it: a warning two minutes before, then an empty page and the lock page.
// The server keeps the real clock; this only agrees with it, and tells it that someone is still typing.
const root = document.documentElement;
const idleMs = Number(root.dataset.idle || 0) * 1000;
const WARN_MS = 120_000;
const TELL_MS = 60_000;

if (idleMs > 0) {
  const tabs = "BroadcastChannel" in window ? new BroadcastChannel("casehub") : null;
  const dialog = document.getElementById("idle");
  const lockForm = document.getElementById("lock");
  let last = Date.now();
  let told = last;
  let heard = last;

  const clockTime = (ms) =>
    new Date(ms).toLocaleTimeString(root.lang || undefined, { hour: "numeric", minute: "2-digit" });

  function awake() {
    last = Date.now();
    if (tabs && last - heard > 5000) {
      heard = last;
      tabs.postMessage("awake");
    }
  }

  async function tellServer() {
    if (!root.dataset.alive || last <= told) return;
    told = Date.now();
    const token = lockForm && lockForm.querySelector("[name=csrfmiddlewaretoken]");
    try {
      const answer = await fetch(root.dataset.alive, {
        method: "POST",
        headers: token ? { "X-CSRFToken": token.value } : {},
        redirect: "manual",
      });
      if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) shut(false);
    } catch {
      // No network: the page stays, and the server's own clock decides.
    }
  }

  function warn() {
    if (!dialog || dialog.open) return;
    document.dispatchEvent(new Event("casehub:keep"));
    const at = dialog.querySelector("[data-locks-at]");
    if (at) at.textContent = clockTime(last + idleMs);
    dialog.showModal();
  }

  function shut(sayLock) {
    document.dispatchEvent(new Event("casehub:keep"));
    // The box of an open vault; a draft of a card is sealed and waits for the next opening.
    for (const name of ["casehub-vault", "casehub-vault-seen"]) sessionStorage.removeItem(name);
    root.setAttribute("data-blank", "");
    if (sayLock && tabs) tabs.postMessage("locked");
    if (sayLock && lockForm) lockForm.submit();
    else if (sayLock) location.reload();
    // Another tab is locking, or the server has: give it the time to finish before asking again.
    else setTimeout(() => location.reload(), 1500);
  }

  function look() {
    const still = Date.now() - last;
    if (still >= idleMs) shut(true);
    else if (still >= idleMs - WARN_MS) warn();
    else if (Date.now() - told >= TELL_MS) tellServer();
  }

  for (const kind of ["pointerdown", "keydown", "input", "wheel", "touchmove"]) {
    document.addEventListener(kind, () => { if (!dialog || !dialog.open) awake(); }, { passive: true, capture: true });
  }
  if (dialog) {
    dialog.addEventListener("close", () => {
      awake();
      tellServer();
    });
  }
  if (tabs) {
    tabs.addEventListener("message", (event) => {
      if (event.data === "awake") {
        last = Date.now();
        if (dialog && dialog.open) dialog.close();
      }
      if (event.data === "locked") shut(false);
    });
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  setInterval(look, 5000);
}
