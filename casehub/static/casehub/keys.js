// Single keys press what wears them as aria-keyshortcuts; Ctrl Enter sends form[data-submit-keys].
// Single keys rest while a text field has focus, and for good when the user turned them off.
const off = document.documentElement.dataset.keys === "off";
const NOT_TEXT = "checkbox radio button submit reset file range color image".split(" ");

function takesText(element) {
  if (!element || !element.matches) return false;
  if (element.isContentEditable || element.matches("textarea, select")) return true;
  return element.matches("input") && !NOT_TEXT.includes(element.type);
}

function wearer(key) {
  const wears = (element) =>
    element.getAttribute("aria-keyshortcuts").toLowerCase().split(/\s+/).includes(key) &&
    !element.disabled &&
    element.getClientRects().length > 0;
  const here = [...document.querySelectorAll("main [aria-keyshortcuts]")].find(wears);
  return here || [...document.querySelectorAll("[aria-keyshortcuts]")].find(wears);
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = event.target.closest("form[data-submit-keys]") || document.querySelector("form[data-submit-keys]");
    if (!form) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector("button[type=submit], button:not([type])"));
    return;
  }
  if (off || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.key.length !== 1 || event.key === " " || takesText(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const goal = wearer(event.key.toLowerCase());
  if (!goal) return;
  event.preventDefault();
  goal.focus();
  if (!takesText(goal)) goal.click();
});
