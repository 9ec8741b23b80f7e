// Quick exit, and the wiping of a page that is left behind. Loaded first and without waiting, so that
// it works while the rest of the page still arrives. It needs no other script and nothing from the server.
"use strict";
(() => {
  const root = document.documentElement;
  const tabs = "BroadcastChannel" in window ? new BroadcastChannel("casehub") : null;
  const ESCAPES = 3;
  const WITHIN_MS = 2000;

  function blank() {
    root.setAttribute("data-blank", "");
  }

  function goAway() {
    blank();
    try { sessionStorage.clear(); } catch { /* none here: no open vault either */ }
    document.title = "";
    location.replace(root.dataset.exit);
  }

  // Hide first: the screen must be empty even if the network is slow or the beacon fails.
  function leave() {
    blank();
    if (tabs) tabs.postMessage("left");
    if (root.dataset.leave) navigator.sendBeacon(root.dataset.leave);
    goAway();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest && event.target.closest("a[data-leave]")) {
      event.preventDefault();
      leave();
    }
  });

  let pressed = [];
  window.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape") {
        pressed = [];
        return;
      }
      if (event.repeat) return;
      pressed = pressed.filter((at) => event.timeStamp - at < WITHIN_MS).concat(event.timeStamp);
      if (pressed.length >= ESCAPES) leave();
    },
    true,
  );

  if (tabs) {
    tabs.addEventListener("message", (event) => {
      if (event.data === "left") goAway();
    });
  }

  // "Back" must not show what was on the screen: empty the page on the way out, ask the server on the way in.
  window.addEventListener("pagehide", blank);
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    blank();
    location.reload();
  });
})();
